"""Processes whose parser a camera can hurt by what it sends: a picture after a switch is poison to them."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import time
from collections.abc import Callable
from typing import Final

from recorder.rtsp.source import RtspSource
from recorder.words.stream import Item, Unit
from recorder.worker import group, process
from tests.support import nal
from tests.support.camera.channel import RUN_NUMBERS, SWITCHED

EXPONENTIAL: Final = re.compile(r"(a+)+b")


def is_poison(number: int | None) -> bool:
    """Of a picture, as it is stamped into it."""
    return number is not None and number % RUN_NUMBERS >= SWITCHED


def _bodies(effect: Callable[[], object]) -> tuple[Callable[[socket.socket], None], Callable[[socket.socket], None]]:
    """Of a group, and of a process that reads one camera."""
    take = RtspSource.take

    def poisoned(source: RtspSource, out: list[Item]) -> bool:
        drained = take(source, out)
        if any(isinstance(item, Unit) and item.video and is_poison(nal.number_of(item.data)) for item in out):
            effect()
        return drained

    def prepare() -> None:
        RtspSource.take = poisoned  # type: ignore[assignment,method-assign]
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def together(sock: socket.socket) -> None:
        prepare()
        group.main(sock)

    def alone(sock: socket.socket) -> None:
        prepare()
        process.main(sock)

    return together, alone


def _hang() -> None:
    """In C, with the interpreter's lock held."""
    EXPONENTIAL.match("a" * 64)


def _sleep() -> None:
    time.sleep(1_000_000)


def _crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _starve() -> None:
    """As the kernel does it to whoever eats all memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def _fail() -> None:
    raise RuntimeError("what a parser of ours did not expect")


hanging, hanging_alone = _bodies(_hang)
sleeping, sleeping_alone = _bodies(_sleep)
crashing, crashing_alone = _bodies(_crash)
starving, starving_alone = _bodies(_starve)
failing, failing_alone = _bodies(_fail)
