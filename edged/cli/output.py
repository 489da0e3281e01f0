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
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self, TypeVar
from zoneinfo import ZoneInfo

import click
from pydantic import BaseModel, ValidationError
from rich.console import Console, Group, RenderableType

from edged.cli.client import CallError, DaemonClient
from edged.cli.formatting import WhenError, clean, enumerated, is_local, parse, rfc3339
from edged.documents import site as documents
from edged.words import exit_codes
from edged.words.catalogue import Language, Reader, language_of
from storage.words.message import Message, format_size, message

PLAIN_WIDTH: Final = 80
"""Columns where there is no terminal: what fits a mail, a fault report and a printed page."""


def language() -> Language:
    """Of whoever called edgectl: as the call says, else as the environment does."""
    context = click.get_current_context(silent=True)
    address = None if context is None else context.find_root().obj
    given: Language | None = getattr(address, "language", None)
    return given or language_of()


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


NEW_ONLY: Final = message("screen.out.exists.action", "name a file that does not: it replaces nothing")


def may_write(out: Path, there: Message = NEW_ONLY) -> None:
    """CallError where it could not be written, before anything is asked of the daemon. `there`: what to do where there
    is one already.
    """
    if os.path.lexists(out):
        raise _exists(out, there)
    if not out.parent.is_dir():
        raise CallError(
            message("screen.out.no-directory", "{path} is no directory", path=str(out.parent)),
            message("screen.out.no-directory.action", "name one that is there"),
            exit_codes.USAGE,
        )
    if not os.access(out.parent, os.W_OK | os.X_OK):
        raise not_writable(out.parent)


def _exists(out: Path, there: Message = NEW_ONLY) -> CallError:
    return CallError(message("screen.out.exists", "{file} exists", file=str(out)), there, exit_codes.USAGE)


def not_writable(place: Path) -> CallError:
    return CallError(
        message(
            "screen.out.not-writable",
            "{path} cannot be written by whoever runs this, or is mounted read-only",
            path=str(place),
        ),
        message("screen.out.not-writable.action", "name a place that you may write"),
        exit_codes.FAILED,
    )


def written_to(out: Path, read: Reader) -> None:
    """To whoever stands there; a program reads standard output."""
    click.echo("edgectl: " + read.phrase("screen.out.written", "written to {file}", file=str(out)), err=True)


PRIVATE: Final = 0o600
"""Of a file that shows or names persons: for whoever asked for it alone."""


def write_new(out: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Whole or not at all, and in place of nothing, also of what came in between. `mode`: of the file, less the umask.

    CallError: it is there.
    """
    try:
        fd = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    except FileExistsError:
        raise _exists(out) from None
    with os.fdopen(fd, "wb") as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            out.unlink(missing_ok=True)
            raise


SHOWN_EVERY_S: Final = 0.2
"""The line changes so often at most."""
REBUILT: Final = {
    "leaves": message("screen.progress.leaves", "leaves of the ledger"),
    "files": message("screen.progress.directories", "directories"),
}
"""What a rebuild counts, by its phase."""


class ProgressLine:
    """While its context lasts. Each kind of work has a method that takes what the daemon tells of it."""

    def __init__(self, read: Reader | None = None) -> None:
        self._read = read or Reader(language())
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
        self._show(lambda: check_line(told, self._read))

    def copying(self, what: Message, told: Mapping[str, Any]) -> None:
        """So many octets of so many are done of a part of an export."""
        elapsed_s = self._elapsed_s(what)
        self._show(lambda: copy_line(what, int(told["done"]), int(told["total"]), elapsed_s, self._read))

    def rebuilding(self, told: Mapping[str, Any]) -> None:
        """`rebuild`."""
        elapsed_s = self._elapsed_s(str(told["phase"]))
        self._show(lambda: rebuild_line(told, elapsed_s, self._read))

    def say(self, words: Message) -> None:
        """Now, and until the next word."""
        if self._visible:
            self._put(self._read(words))

    def _put(self, line: str) -> None:
        self._shown_s = time.monotonic()
        self._write(line)

    def _elapsed_s(self, part: str) -> float:
        """Since this part began."""
        now_s = time.monotonic()
        if part != self._part:
            self._part, self._part_since_s = part, now_s
        return now_s - self._part_since_s

    def _show(self, words: Callable[[], str]) -> None:
        if self._visible and time.monotonic() - self._shown_s >= SHOWN_EVERY_S:
            self._put(words())

    def _write(self, words: str) -> None:
        sys.stderr.write(f"\r\x1b[K{clean(words)}")
        sys.stderr.flush()


ENGLISH: Final = Reader()


def check_line(told: Mapping[str, Any], read: Reader = ENGLISH) -> str:
    """What is left is told once a part is done."""
    done, of, elapsed_s = int(told["done"]), int(told["of"]), float(told["elapsed_s"])
    size, of_bytes, stage = int(told["bytes"]), int(told["of_bytes"]), Message.of(**told["stage"])
    parts = [_part_of(stage, str(done), str(of), read)]
    if size and elapsed_s > 0:
        parts.append(f"{format_size(size)}, {format_size(int(size / elapsed_s))}/s")
    share = size / of_bytes if of_bytes else done / of if of else 0.0
    return enumerated([*parts, *_left(share, elapsed_s, read)], read)


def copy_line(what: str, done_bytes: int, total: int, elapsed_s: float, read: Reader = ENGLISH) -> str:
    words = _part_of(what, format_size(done_bytes), format_size(total), read)
    if not (elapsed_s >= 1 and 0 < done_bytes <= total):
        return words
    rate = f"{format_size(int(done_bytes / elapsed_s))}/s"
    return enumerated([words, rate, *_left(done_bytes / total, elapsed_s, read)], read)


def rebuild_line(told: Mapping[str, Any], elapsed_s: float, read: Reader = ENGLISH) -> str:
    phase, of = str(told["phase"]), max(1, int(told["of"]))
    done = min(int(told["at"]), of)
    words = _part_of(REBUILT.get(phase, Message(phase)), str(done), str(of), read)
    return enumerated([words, *_left(done / of, elapsed_s, read)], read)


def _part_of(what: str, done: str, of: str, read: Reader) -> str:
    return read.phrase("screen.progress.part", "{what}: {done} of {of}", what=what, done=done, of=of)


def _left(share: float, elapsed_s: float, read: Reader) -> list[str]:
    """How long still; nothing while too little is done to tell."""
    if not (0 < share <= 1 and elapsed_s >= 1):
        return []
    return [read.phrase("screen.progress.left", "{left_s} left", left_s=elapsed_s / share - elapsed_s)]


Doc = TypeVar("Doc", bound=BaseModel)


@dataclass(frozen=True)
class Session:
    """One run of edgectl."""

    daemon: DaemonClient
    as_json: bool
    language: Language = field(default_factory=language)

    def read(self, model: type[Doc], path: str, **query: str | int | None) -> Doc:
        return checked(model, self.daemon.get(path, **query))

    def print(self, document: BaseModel, screen: Callable[[], RenderableType]) -> None:
        """The document for a program, or its screen for a person."""
        answer(document, screen, as_json=self.as_json)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The site's time zone, as the daemon knows it."""
        return ZoneInfo(self.read(documents.Status, "/v1/status").timezone)

    def at(self, timezone: str) -> None:
        """The site's, as a document has it: who has no role may read that one, and no status."""
        self.__dict__["zone"] = ZoneInfo(timezone)

    @cached_property
    def reader(self) -> Reader:
        """Whoever called, at this site."""
        return Reader(self.language, self.zone)

    @property
    def words(self) -> Reader:
        """Likewise, for a screen without times: the daemon is not asked for its zone."""
        return Reader(self.language)


def checked(model: type[Doc], body: bytes) -> Doc:
    """The daemon's answer, if it is what this edgectl knows."""
    try:
        return model.model_validate_json(body)
    except ValidationError:
        raise CallError(
            message(
                "screen.unknown-document",
                "the daemon's answer is not the {document} document that this edgectl knows",
                document=model.__name__.lower(),
            ),
            one_version(),
            exit_codes.FAILED,
        ) from None


def one_version() -> Message:
    return message(
        "screen.one-version.action",
        "check that edged and edgectl are of one version: edgectl version; restart edged after an upgrade",
    )


def interval(session: Session, start: str | None, end: str | None) -> tuple[str | None, str | None]:
    """Both ends in RFC 3339. The site's time zone is asked for only where a time needs it."""
    now = datetime.now(UTC)
    zone = session.zone if any(text and is_local(text) for text in (start, end)) else UTC
    try:
        first = parse(start, now, zone, end=False) if start is not None else None
        last = parse(end, now, zone, end=True) if end is not None else None
    except WhenError as error:
        raise click.UsageError(error.said) from None
    if first is not None and last is not None and first >= last:
        raise click.UsageError(message("screen.from-before-to", "--from must be earlier than --to"))
    return (rfc3339(first) if first else None), (rfc3339(last) if last else None)
