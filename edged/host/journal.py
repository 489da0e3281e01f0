"""What the daemon says, to the journal of systemd in the journal's own protocol. Imports the standard library only.

One datagram for each record, and never a wait: a journal that stands still or is gone must not hold up recording, as a
pipe to it would. What it does not take is counted and told with the next that it takes. Only the fields here are sent:
never the arguments of a record, which could hold a secret.

`set_up` sends each record to the journal where standard error leads there, else as a line to standard error. Secrets
never reach a record: whoever logs gets them only inside SecretStr or not at all.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

SOCKET: Final = "/run/systemd/journal/socket"
STREAM_VARIABLE: Final = "JOURNAL_STREAM"
"""Set by systemd where it has connected standard error to the journal: device and inode of that."""
MESSAGE_MAX: Final = 48_000
"""Characters of one record, in UTF-8 below what a datagram of 212,992 bytes holds; the longest trace has a tenth."""
_PRIORITY: Final = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class MessageId(StrEnum):
    """MESSAGE_ID of what somebody may search for; what each means is in systemd/edged.catalog. Never changed."""

    READY = "8b9de64d29544578a75b6f74ce8e2cda"
    STOPPING = "86c5b822346448669ec195b7e6514e89"
    FATAL = "fcc06787c2e3434a932632827cd70017"
    CAMERA_DOWN = "8c29af525e6f484a8c209ad4dc07b8e8"
    CAMERA_BACK = "392a0e449fa8435480a06b4e1b58b816"
    VOLUME_AWAY = "f2d918c35fa440758844d124b58b74ba"
    VOLUME_BACK = "97b3a6c3da1f476e902726373d88a121"
    ALARM_RAISED = "ae0446d28c094b34b843d86acaa443ca"
    ALARM_CLEARED = "ebb4e4818a544572b5fe345f1251b127"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a record is, for who searches the journal."""

    told: MessageId
    alarm: str = ""
    """Key of the alarm (EDGED_ALARM)."""


_RAISED: Final = {"camera.down": MessageId.CAMERA_DOWN, "storage.away": MessageId.VOLUME_AWAY}
_CLEARED: Final = {"camera.down": MessageId.CAMERA_BACK, "storage.away": MessageId.VOLUME_BACK}


def marked(told: MessageId, alarm: str = "") -> Mapping[str, Mark]:
    """The `extra` of a record."""
    return {"mark": Mark(told, alarm)}


def raised(key: str) -> Mapping[str, Mark]:
    """The `extra` of an alarm that is raised."""
    return marked(_RAISED.get(key.partition(":")[0], MessageId.ALARM_RAISED), key)


def cleared(key: str) -> Mapping[str, Mark]:
    """The `extra` of one that is cleared."""
    return marked(_CLEARED.get(key.partition(":")[0], MessageId.ALARM_CLEARED), key)


def is_journal(fd: int, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether what is written to `fd` goes to the journal; a child inherits the variable also where it does not."""
    try:
        there = os.fstat(fd)
    except OSError:
        return False
    return environ.get(STREAM_VARIABLE) == f"{there.st_dev}:{there.st_ino}"


def fields(record: logging.LogRecord, message: str) -> Iterator[tuple[str, str]]:
    """All that is sent of a record."""
    yield "MESSAGE", message[:MESSAGE_MAX]
    yield "PRIORITY", str(_PRIORITY.get(record.levelno, 6))
    yield "SYSLOG_IDENTIFIER", "edged"
    mark = getattr(record, "mark", None)
    if isinstance(mark, Mark):
        yield "MESSAGE_ID", mark.told
        if mark.alarm:
            yield "EDGED_ALARM", mark.alarm


def datagram(values: Iterator[tuple[str, str]]) -> bytes:
    """The journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): lengths in front, so that no text makes a
    field."""
    parts = ((name.encode(), text.encode("utf-8", "backslashreplace")) for name, text in values)
    return b"".join(name + b"\n" + len(text).to_bytes(8, "little") + text + b"\n" for name, text in parts)


class JournalHandler(logging.Handler):
    """Each record as one entry."""

    def __init__(self, address: str = SOCKET) -> None:
        super().__init__()
        self.setFormatter(LineFormatter("%(name)s: %(message)s"))
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._lost and self._send(
                fields(record, f"the journal did not take {self._lost} lines before this one")
            ):
                self._lost = 0
            self._lost += not self._send(fields(record, self.format(record)))
        except Exception:  # noqa: BLE001  (a line that cannot be written must not hold up who logs it)
            self._lost += 1

    def _send(self, values: Iterator[tuple[str, str]]) -> bool:
        try:
            self._socket.sendto(datagram(values), socket.MSG_NOSIGNAL, self._address)
        except OSError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()
        super().close()


LINES_MAX: Final = 200
LINE_MAX: Final = 4000
"""Characters; whoever shows lines cuts them shorter, once nothing in them is secret: half a secret is found nowhere."""
PERSONAL: Final = {"names_people": True}
"""The `extra` of a line of which nobody can be sure that it names no person: the centre never gets it, and in the
journal of this box its trace says where something failed, and not with which words. Each alarm has it, and is told to
the centre for itself. A test finds lines without it."""

_PLAIN: Final = logging.Formatter()


class LineFormatter(logging.Formatter):
    """As it is told at this box: no line names a person, nor what somebody typed."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and getattr(record, "names_people", False):
            record.exc_text = "".join(_wordless(error)).rstrip()
        return super().format(record)


def _wordless(error: BaseException) -> Iterator[str]:
    """A trace of lines of the program and of kinds of errors, the first error first."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _wordless(before)
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__name__}\n"


class Tail(logging.Handler):
    """The last lines of the log, without those that are PERSONAL. As they were logged: not fit to be shown."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: deque[tuple[str, Any]] = deque(maxlen=LINES_MAX)
        self._present: Callable[[], Any] = lambda: None

    def beside(self, present: Callable[[], Any]) -> None:
        """Each line is kept with what holds when it is logged, such as the configuration; those before with what holds
        now."""
        self.acquire()
        try:
            self._present, now = present, present()
            self._lines = deque(((line, held or now) for line, held in self._lines), LINES_MAX)
        finally:
            self.release()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if getattr(record, "names_people", False):
                return
            what = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
            words = " ".join(f"{record.getMessage()} {what}".split())
            line = f"{_PLAIN.formatTime(record)} {record.levelname} {record.name}: {words}"
            self._lines.append((line[:LINE_MAX], self._present()))
        except Exception:  # noqa: BLE001  (a line that cannot be written must not hold up who logs it)
            self.handleError(record)

    def lines(self) -> list[str]:
        return [line for line, _ in list(self._lines)]

    def held(self) -> list[Any]:
        """What held while the lines were logged, each once."""
        return list({id(held): held for _, held in list(self._lines) if held is not None}.values())


TAIL: Final = Tail()
"""Of this process, once `set_up` was called."""


def set_up(level: int = logging.INFO) -> None:
    """Send all records of at least `level` to the journal or to standard error."""
    handler: logging.Handler
    if is_journal(sys.stderr.fileno()):
        handler = JournalHandler()
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(LineFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler, TAIL], force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
