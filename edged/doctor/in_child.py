"""Runs gatherers side by side, each in a process of its own with a deadline: what hangs is killed, or left behind.

A thread that waits for a dead NFS server cannot be ended, and keeps its process from ending; a child can be left to
init. What a child found comes back through a pipe, typed and checked: a child may have become another account. Only for
programs with a single thread, because it forks.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec

from edged.doctor.findings import CannotLook, Missing
from storage.words.message import Message, message

T = TypeVar("T")

WITHIN_S: Final = 8.0
"""A disk that is asleep wakes in as long; longer nobody waits at a screen."""
MAX_BYTES: Final = 4 << 20
"""Of one answer; the largest, a journal's last lines, has some hundred kB."""
_ANSWERED: Final = b"+"
_FAILED: Final = b"-"


@dataclass(frozen=True, slots=True)
class Task(Generic[T]):
    """`kind` is what `ask` returns: a dataclass, or a tuple of such."""

    kind: Any
    ask: Callable[[], T]
    within_s: float = WITHIN_S


@dataclass(slots=True)
class _Child:
    pid: int
    pipe: int
    until: float
    said: bytearray


def together(tasks: Mapping[str, Task[Any]]) -> dict[str, Any]:
    """What each found, or `Missing`. Takes no longer than the longest deadline."""
    sys.stdout.flush()
    sys.stderr.flush()
    began = time.monotonic()
    children = {name: _born(task.ask, began + task.within_s) for name, task in tasks.items()}
    _listen(children)
    found = {}
    for name, child in children.items():
        ended = _gone(child)
        found[name] = _answer(tasks[name], bytes(child.said), ended=ended)
    return found


def _born(ask: Callable[[], Any], until: float) -> _Child:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _live(ask, writing)
    os.close(writing)
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    return _Child(pid, reading, until, bytearray())


def _live(ask: Callable[[], Any], writing: int) -> None:
    """Body of the child; never returns, and leaves nothing of its parent's to be done twice."""
    try:
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        try:
            said = _ANSWERED + _encoded(ask())
        except CannotLook as error:
            said = _FAILED + _encoded(error.missing)
        except PermissionError as error:
            why = message("doctor.closed", "it may not be looked at by this user")
            if error.filename:
                file = str(error.filename)
                why = message("doctor.closed-file", "{file} may not be read by this user", file=file)
            said = _FAILED + _encoded(Missing(why, root=os.geteuid() != 0))
        except Exception as error:  # noqa: BLE001  (whatever it is, the others go on)
            words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            said = _FAILED + _encoded(Missing(Message(f"{type(error).__name__}: {words}")))
        while said:
            said = said[os.write(writing, said) :]
    finally:
        os._exit(0)


def _listen(children: Mapping[str, _Child]) -> None:
    with selectors.DefaultSelector() as selector:
        for child in children.values():
            selector.register(child.pipe, selectors.EVENT_READ, child)
        while selector.get_map():
            now = time.monotonic()
            left_s = min(key.data.until for key in selector.get_map().values()) - now
            for key, _ in selector.select(max(0.0, left_s)):
                child = key.data
                data = os.read(child.pipe, 65_536)
                child.said += data
                if not data or len(child.said) > MAX_BYTES:
                    selector.unregister(child.pipe)
            now = time.monotonic()
            for key in [key for key in selector.get_map().values() if key.data.until <= now]:
                selector.unregister(key.fileobj)


def _gone(child: _Child) -> bool:
    """Whether it ended by itself; with its programs it is killed, and reaped unless the kernel holds it."""
    os.close(child.pipe)
    ended = False
    with contextlib.suppress(ChildProcessError):
        ended = os.waitpid(child.pid, os.WNOHANG)[0] != 0 or bool(child.said)
    with contextlib.suppress(OSError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        for _ in range(20):
            if os.waitpid(child.pid, os.WNOHANG)[0]:
                break
            time.sleep(0.005)
    return ended


def _answer(task: Task[Any], said: bytes, *, ended: bool) -> Any:
    try:
        if said[:1] == _ANSWERED:
            return msgspec.json.decode(said[1:], type=task.kind, dec_hook=_message)
        if said[:1] == _FAILED:
            return msgspec.json.decode(said[1:], type=Missing, dec_hook=_message)
    except msgspec.MsgspecError:
        pass  # cut off by its deadline
    if ended:
        return Missing(message("doctor.no-answer", "it ended without an answer"))
    return Missing(message("doctor.hangs", "no answer within {seconds} s: it hangs", seconds=task.within_s))


@dataclass(frozen=True, slots=True)
class _Told:
    """A message as JSON has it (`Message.told`)."""

    text: str
    code: str
    values: dict[str, Any]


def _encoded(answer: Any) -> bytes:
    return msgspec.json.encode(answer, enc_hook=_plain)


def _plain(value: Any) -> dict[str, Any]:
    """Messages with their codes: to the encoder they are text of a kind that it does not know."""
    if isinstance(value, Message):
        return value.told
    raise NotImplementedError(type(value).__name__)


def _message(kind: type, told: Any) -> Message:
    if kind is not Message:
        raise NotImplementedError(kind.__name__)
    if isinstance(told, str):
        return Message(told)
    one = msgspec.convert(told, _Told)
    return Message.of(one.text, one.code, one.values)
