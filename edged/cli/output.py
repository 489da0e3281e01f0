"""From the daemon's answer to the terminal: what every verb that asks it needs.

`Session`: the answer checked, the site's time zone, an interval in RFC 3339. The console: a terminal of any width, 80
columns without one, or a file that somebody names. `ProgressLine`: how far long work is, one line on standard error,
rewritten in place; nothing where nobody looks.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self, TypeVar
from zoneinfo import ZoneInfo

import click
from pydantic import BaseModel, ValidationError
from rich.console import Console, Group, RenderableType

from edged.cli.client import CallError, DaemonClient
from edged.cli.formatting import WhenError, clean, is_local, parse, rfc3339, span
from edged.documents import site as documents
from edged.words import exit_codes, units

PLAIN_WIDTH: Final = 80
"""Columns where there is no terminal: what fits a mail, a fault report and a printed page."""


def console() -> Console:
    """Standard output; colours only on a terminal, and no character that its encoding lacks may end in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def answer(document: BaseModel, screen: Callable[[], RenderableType], *, as_json: bool) -> None:
    """The document for a program, or its screen for a person."""
    if as_json:
        show_document(document)
    else:
        show(screen())


def show(screen: RenderableType) -> None:
    """On a terminal as it is; elsewhere without the blanks that pad lines to the width."""
    target = console()
    whole = Group(screen)  # a bare Text is joined with others, and its no_wrap lost
    if target.is_terminal:
        target.print(whole, crop=False)
        return
    with target.capture() as captured:
        target.print(whole, crop=False)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def show_document(document: BaseModel) -> None:
    """One JSON document; indented where a person reads it."""
    plain = document.model_dump(mode="json", by_alias=True)
    indent = 2 if sys.stdout.isatty() else None
    sys.stdout.write(json.dumps(plain, ensure_ascii=True, indent=indent) + "\n")


def may_write(out: Path) -> None:
    """CallError where it could not be written, before anything is asked of the daemon."""
    if os.path.lexists(out):
        raise CallError(f"{out} exists", "name a file that does not: it replaces nothing", exit_codes.USAGE)
    if not out.parent.is_dir():
        raise CallError(f"{out.parent} is no directory", "name one that is there", exit_codes.USAGE)
    if not os.access(out.parent, os.W_OK | os.X_OK):
        what = f"{out.parent} cannot be written by whoever runs this, or is mounted read-only"
        raise CallError(what, "name a place that you may write", exit_codes.FAILED)


def write_new(out: Path, data: bytes) -> None:
    """Whole or not at all, and in place of nothing."""
    with out.open("xb") as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            out.unlink(missing_ok=True)
            raise


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


Doc = TypeVar("Doc", bound=BaseModel)


@dataclass(frozen=True)
class Session:
    """One run of edgectl."""

    daemon: DaemonClient
    as_json: bool

    def read(self, model: type[Doc], path: str, **query: str | int | None) -> Doc:
        return checked(model, self.daemon.get(path, **query))

    def print(self, document: BaseModel, screen: Callable[[], RenderableType]) -> None:
        """The document for a program, or its screen for a person."""
        answer(document, screen, as_json=self.as_json)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The site's time zone, as the daemon knows it."""
        return ZoneInfo(self.read(documents.Status, "/v1/status").timezone)


def checked(model: type[Doc], body: bytes) -> Doc:
    """The daemon's answer, if it is what this edgectl knows."""
    try:
        return model.model_validate_json(body)
    except ValidationError:
        raise CallError(
            f"the daemon's answer is not the {model.__name__.lower()} document that this edgectl knows",
            "check that edged and edgectl are of one version: edgectl version; restart edged after an upgrade",
            exit_codes.FAILED,
        ) from None


def interval(session: Session, start: str | None, end: str | None) -> tuple[str | None, str | None]:
    """Both ends in RFC 3339. The site's time zone is asked for only where a time needs it."""
    now = datetime.now(UTC)
    zone = session.zone if any(text and is_local(text) for text in (start, end)) else UTC
    try:
        first = parse(start, now, zone, end=False) if start is not None else None
        last = parse(end, now, zone, end=True) if end is not None else None
    except WhenError as error:
        raise click.UsageError(str(error)) from None
    if first is not None and last is not None and first >= last:
        raise click.UsageError("--from must be earlier than --to")
    return (rfc3339(first) if first else None), (rfc3339(last) if last else None)
