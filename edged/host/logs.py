"""Logging: one line per fact on standard error, or one entry in the journal where standard error leads there.

Secrets never reach a record: whoever logs gets them only inside SecretStr or not at all.
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from edged.host.journal import JournalHandler, is_journal

LINES_MAX: Final = 200
LINE_MAX: Final = 4000
"""Characters; whoever shows lines cuts them shorter, once nothing in them is secret: half a secret is found nowhere."""
PERSONAL: Final = {"names_people": True}
"""The `extra` of a line that names a person, or may: the journal of this box gets it, and the centre never does. Each
alarm has it: alarms are told for themselves, without the names that their lines have. A test finds lines without it."""

_PLAIN: Final = logging.Formatter()


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
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler, TAIL], force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
