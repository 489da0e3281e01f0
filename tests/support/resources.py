"""What processes hold: descriptors, threads, memory (S12)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.waiting import TooLateError, wait_until

WITHIN_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Held:
    descriptors: int
    threads: int
    resident_kb: int


def held(pid: int) -> Held:
    place = Path(f"/proc/{pid}")
    status = place.joinpath("status").read_text()

    def number(name: str) -> int:
        match = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
        return int(match.group(1)) if match else 0

    return Held(len(list(place.joinpath("fd").iterdir())), number("Threads"), number("VmRSS"))


def descriptors() -> dict[int, str]:
    """Of this process that are open, and what each is of."""
    found = {}
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  asked hundreds of times
        with suppress(FileNotFoundError):  # of the listing itself
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115  a socket is no path
    return found


def assert_nothing_is_left_open(before: Mapping[int, str]) -> None:
    """Of what was opened since then. What a test before left to a thread may be opened and closed meanwhile."""

    def left_open() -> dict[int, str]:
        return dict(descriptors().items() - before.items())

    try:
        wait_until(lambda: not left_open(), WITHIN_S, "all is closed", every_s=0.01)
    except TooLateError as error:
        error.add_note(f"left open: {left_open()}")
        raise
