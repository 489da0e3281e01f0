"""How far long work is: one line on the terminal's standard error, rewritten in place; nothing where nobody looks.

The words are pure. What is told comes from the daemon, or from the work itself where the daemon is down.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

from edged.cli.formatting import clean, span
from edged.words import units

SHOWN_EVERY_S: Final = 0.2
"""The line changes so often at most."""
_REBUILT: Final = {"leaves": "leaves of the ledger", "files": "directories"}
"""What a rebuild counts, by its phase."""


class ProgressLine:
    """While its context lasts. Each kind of work has a method that takes what the daemon tells of it."""

    def __init__(self) -> None:
        self._visible = sys.stderr.isatty()
        self._shown_s = 0.0
        self._part = ""
        self._part_since_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._shown_s:
            self._write("")

    def checking(self, told: Mapping[str, Any]) -> None:
        """`fsck`, `ledger verify`."""
        self._show(lambda: check_line(told))

    def copying(self, what: str, told: Mapping[str, Any]) -> None:
        """So many octets of so many are done of a part of an export."""
        elapsed_s = self._elapsed_s(what)
        self._show(lambda: copy_line(what, int(told["done"]), int(told["total"]), elapsed_s))

    def rebuilding(self, told: Mapping[str, Any]) -> None:
        """`rebuild`."""
        elapsed_s = self._elapsed_s(str(told["phase"]))
        self._show(lambda: rebuild_line(told, elapsed_s))

    def say(self, words: str) -> None:
        """Now, and until the next word."""
        if self._visible:
            self._shown_s = time.monotonic()
            self._write(words)

    def _elapsed_s(self, part: str) -> float:
        """Since this part began."""
        now_s = time.monotonic()
        if part != self._part:
            self._part, self._part_since_s = part, now_s
        return now_s - self._part_since_s

    def _show(self, words: Callable[[], str]) -> None:
        if self._visible and time.monotonic() - self._shown_s >= SHOWN_EVERY_S:
            self.say(words())

    def _write(self, words: str) -> None:
        sys.stderr.write(f"\r\x1b[K{clean(words)}")
        sys.stderr.flush()


def check_line(told: Mapping[str, Any]) -> str:
    """What is left is told once a part is done."""
    done, of, elapsed_s = int(told["done"]), int(told["of"]), float(told["elapsed_s"])
    read, of_bytes = int(told["bytes"]), int(told["of_bytes"])
    parts = [f"{told['stage']}: {done} of {of}"]
    if read and elapsed_s > 0:
        parts.append(f"{units.format_size(read)}, {units.format_size(int(read / elapsed_s))}/s")
    share = read / of_bytes if of_bytes else done / of if of else 0.0
    return ", ".join([*parts, *_left(share, elapsed_s)])


def copy_line(what: str, done_bytes: int, total: int, elapsed_s: float) -> str:
    words = f"{what}: {units.format_size(done_bytes)} of {units.format_size(total)}"
    if not (elapsed_s >= 1 and 0 < done_bytes <= total):
        return words
    return ", ".join(
        [words, f"{units.format_size(int(done_bytes / elapsed_s))}/s", *_left(done_bytes / total, elapsed_s)]
    )


def rebuild_line(told: Mapping[str, Any], elapsed_s: float) -> str:
    phase, of = str(told["phase"]), max(1, int(told["of"]))
    done = min(int(told["at"]), of)
    return ", ".join([f"{_REBUILT.get(phase, phase)}: {done} of {of}", *_left(done / of, elapsed_s)])


def _left(share: float, elapsed_s: float) -> list[str]:
    """How long still; nothing while too little is done to tell."""
    return [f"{span(elapsed_s / share - elapsed_s)} left"] if 0 < share <= 1 and elapsed_s >= 1 else []
