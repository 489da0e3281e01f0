"""The days' files of the ledger on a volume, and the snapshot beside them, read and written so that it lasts.

Blocking; works in the directory that `storage.ledger.signer` opens, so that nothing lands below an unmounted
mount point (S10). Part of S13.

A leaf is a line (pure): `{"b":{…},"k":…,"n":…,"t":…}`, the bytes that are hashed. What cannot have been written by us
is no line: a torn end, a spot that the disk spoilt. Kinds that this version does not know are carried along.
"""

from __future__ import annotations

import heapq
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from operator import itemgetter
from typing import Any, Final

from storage.files import reading, write_whole
from storage.ledger.table import LeafEntry
from storage.words.layout import FILE_MODE
from storage.words.model import WHOLE_MAX

NUMBER_MAX: Final = (1 << 53) - 1
"""Far above any leaf; larger ones not every reader takes exactly (RFC 8785)."""
BELIEVED_MAX: Final = WHOLE_MAX
"""What says that a ledger goes further than this was not written by us: behind it there would be no numbers left."""
DEPTH_MAX: Final = 16
"""Levels of a body: ours have three, and SQLite reads no more than a thousand."""
_KIND: Final = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS: Final = 253_402_300_799_999
SUFFIX: Final = ".jsonl"


@dataclass(frozen=True, slots=True)
class MirrorLine:
    """What a line says."""

    number: int
    wall_ms: int
    kind: str
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """The body as the ledger has it. Without floats and long numbers this is RFC 8785, at a quarter of the time."""
        return json.dumps(self.body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @property
    def entry(self) -> LeafEntry:
        """The leaf."""
        return LeafEntry(self.number, self.wall_ms, self.kind, self.text)


def render(entry: LeafEntry) -> bytes:
    """A leaf as its line."""
    return entry.data + b"\n"


def parse_line(data: bytes) -> MirrorLine | None:
    """None for what `render` cannot have written."""
    try:
        fields = json.loads(data, parse_float=_refuse, parse_constant=_refuse)
        line = MirrorLine(_whole(fields["n"]), _whole(fields["t"]), fields["k"], fields["b"])
        fits = _KIND.fullmatch(line.kind) and isinstance(line.body, dict) and _fits(line.body, DEPTH_MAX)
        line.text.encode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return line if fits and line.number > 0 else None


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > NUMBER_MAX:
        raise TypeError(value)
    return value


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} has more than one spelling")


def _fits(value: Any, levels: int) -> bool:
    """No deeper, and without numbers that could not be told in a leaf again."""
    if isinstance(value, int):
        return abs(value) <= BELIEVED_MAX
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_fits(one, levels - 1) for one in below)


def file_name(wall_ms: int) -> str:
    """The day's file that a leaf belongs into, by the wall clock, which only names it (S7)."""
    at = _EPOCH + timedelta(milliseconds=min(max(wall_ms, 0), _LAST_MS))
    return f"{at.year:04}-{at.month:02}-{at.day:02}{SUFFIX}"


def rising(lines: Iterable[MirrorLine]) -> Iterator[MirrorLine]:
    """Of one volume: each number once. After a crash the last lines may have been written a second time."""
    last = 0
    for line in lines:
        if line.number > last:
            last = line.number
            yield line


def merged(sources: Iterable[Iterable[MirrorLine]]) -> Iterator[MirrorLine]:
    """Of all volumes, by number, each leaf once. Two that differ under one number are both told."""
    yield from _each_once(heapq.merge(*(rising(source) for source in sources), key=_number))


def _number(line: MirrorLine) -> int:
    return line.number


def _each_once(lines: Iterable[MirrorLine]) -> Iterator[MirrorLine]:
    """By number. Two that differ under one number are both told."""
    seen: list[MirrorLine] = []
    for line in lines:
        if seen and seen[0].number != line.number:
            seen.clear()
        if line not in seen:
            seen.append(line)
            yield line


SNAPSHOT_NAME: Final = "head.json"
SNAPSHOT_MAX_BYTES: Final = 16 << 20
"""64 cameras and 5000 boots make 1 MB; what is longer was not written by us."""
LINE_MAX_BYTES: Final = 64 << 10
"""A leaf has 400 bytes, one that lists much some thousand."""
TAIL_BYTES: Final = 64 << 10
"""Read at a time when a file is read from its end."""
NEWEST: Final = 2
"""Files looked into for the last leaf: around midnight two are written."""
TAIL_MAX: Final = 200_000
"""Lines: four days of 64 cameras, some seconds of reading, when there is no head that says from where on."""
SNAPSHOT_AHEAD_MAX: Final = 1 << 32
"""Leaves that a disk may have lost of which the head tells: more than a box makes in its life."""
LASTING_NAME: Final = "lasting.jsonl"
"""Beside the days' files: leaves that are needed for longer than these."""
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d\.jsonl", re.ASCII)
_NUMBERED: Final = re.compile(rb',"n":([1-9]\d{0,15}),"t":-?\d{1,16}\}\n?\Z')
_APPEND: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


def days(fd: int) -> list[str]:
    """Names of the days' files."""
    return sorted(name for name in os.listdir(fd) if _DAY.fullmatch(name))


def append(fd: int, name: str, data: bytes) -> None:
    """Durable when this returns; begins on a line of its own, whatever a crash left."""
    new = False
    try:
        file = os.open(name, _APPEND & ~os.O_CREAT, dir_fd=fd)
    except FileNotFoundError:
        file, new = os.open(name, _APPEND, FILE_MODE, dir_fd=fd), True
    try:
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            data = b"\n" + data
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fdatasync(file)
    finally:
        os.close(file)
    if new:
        os.fsync(fd)


def write_snapshot(fd: int, head: dict[str, Any], name: str = SNAPSHOT_NAME) -> None:
    """Replace the head, durably, all or nothing."""
    write_whole(fd, name, json.dumps(head, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode())


def read_snapshot(fd: int, name: str = SNAPSHOT_NAME) -> dict[str, Any] | None:
    """None where there is none that can be read."""
    try:
        with reading(fd, name) as file:
            text = file.read(SNAPSHOT_MAX_BYTES + 1)
        head = json.loads(text) if len(text) <= SNAPSHOT_MAX_BYTES else None
    except (OSError, ValueError, RecursionError):
        return None
    return head if isinstance(head, dict) else None


@dataclass(frozen=True, slots=True)
class DayFile:
    """A day's file with the first and the last number in it."""

    name: str
    first: int
    last: int


def spans(fd: int) -> list[DayFile]:
    """Of all files that hold a line."""
    found = []
    for name in days(fd):
        first = next(iter(_lines(fd, name)), None)
        last = next(backwards(fd, name), None)
        if first is not None and last is not None:
            found.append(DayFile(name, first.number, max(first.number, last.number)))
    return found


def chapters(found: Iterable[DayFile]) -> Iterator[list[str]]:
    """Files in the order of their numbers; those that overlap, because the wall clock was set back, together. Pure."""
    together: list[str] = []
    reach = 0
    for span in sorted(found, key=lambda span: (span.first, span.name)):
        if together and span.first > reach:
            yield together
            together = []
        together.append(span.name)
        reach = max(reach, span.last)
    if together:
        yield together


def lines(fd: int, after: int = 0) -> Iterator[MirrorLine]:
    """All lines of a volume by number, but for files that end before `after`."""
    chosen = chapters(span for span in spans(fd) if span.last > after)
    of_days = (line for names in chosen for line in merged([_lines(fd, name) for name in names]))
    yield from _each_once(heapq.merge(of_days, rising(_lasting(fd)), key=_number))


def _lasting(fd: int) -> Iterator[MirrorLine]:
    with suppress(FileNotFoundError):
        yield from _lines(fd, LASTING_NAME)


def raw_lines(fd: int) -> Iterator[tuple[int, bytes]]:
    """Lines of the days' files as they lie there, each with its number, nearly by number: some come a second time."""
    for names in chapters(spans(fd)):
        yield from heapq.merge(*(_raw(fd, name) for name in names), key=itemgetter(0))


def lasting_with(fd: int, part: bytes) -> Iterator[MirrorLine]:
    """Leaves that last in whose line these bytes stand: few of many are read."""
    with suppress(FileNotFoundError), reading(fd, LASTING_NAME) as file:
        while data := file.readline(LINE_MAX_BYTES):
            if part in data:
                yield from _parsed([data])


def raw_lasting(fd: int) -> Iterator[tuple[int, bytes]]:
    """Likewise of those that last."""
    with suppress(FileNotFoundError):
        yield from _raw(fd, LASTING_NAME)


def last_line(fd: int) -> int:
    """Number of the last leaf that lies here; 0: none."""
    newest = _newest(fd, read_snapshot(fd) or {})
    ends = (next((line for line in backwards(fd, name) if line.number <= BELIEVED_MAX), None) for name in newest)
    return max((line.number for line in ends if line is not None), default=0)


def last_number(fd: int) -> int:
    """Of the last leaf that is known of here: its line, or the head's, where that line is lost.

    Lines are written before the head that tells of them, so one that is far ahead of them is none of ours.
    """
    of_lines, of_head = last_line(fd), (read_snapshot(fd) or {}).get("leaf", 0)
    ahead = isinstance(of_head, int) and of_lines < of_head <= of_lines + SNAPSHOT_AHEAD_MAX
    return of_head if ahead else of_lines


def tail(fd: int, after: int) -> list[MirrorLine]:
    """The lines after a number, in order; at most TAIL_MAX of a file, the last ones."""
    found: dict[int, MirrorLine] = {}
    for name in _newest(fd, read_snapshot(fd) or {}):
        newer = takewhile(lambda line: line.number > after, backwards(fd, name))
        found |= {line.number: line for line in islice(newer, TAIL_MAX)}
    return [found[number] for number in sorted(found)]


def last_place(fd: int, name: str) -> tuple[int, int] | None:
    """Boot and boottime of the last line in a file that tells of a place in time."""
    for line in backwards(fd, name):
        fields = line.body.get("start", line.body)
        if isinstance(fields, dict) and isinstance(fields.get("boot"), int):
            return fields["boot"], int(fields.get("boottime_ms", 0))
    return None


def _newest(fd: int, head: dict[str, Any]) -> list[str]:
    """The days' files that may end with the last leaf: clocks are set back, but seldom while nobody writes a head."""
    names = days(fd)
    wall_ms = head.get("wall_ms")
    of_head = [file_name(wall_ms)] if isinstance(wall_ms, int) else []
    return sorted({*names[-NEWEST:], *(name for name in of_head if name in names)})


def backwards(fd: int, name: str) -> Iterator[MirrorLine]:
    """A file's lines from its end."""
    with reading(fd, name) as file:
        end = os.fstat(file.fileno()).st_size
        rest = b""
        while end > 0:
            begin = max(0, end - TAIL_BYTES)
            file.seek(begin)
            block = file.read(end - begin) + rest
            rest, *whole = block.split(b"\n")
            yield from _parsed(reversed(whole))
            end = begin
            if len(rest) > LINE_MAX_BYTES:
                rest = b""
        yield from _parsed([rest])


def _lines(fd: int, name: str) -> Iterator[MirrorLine]:
    with reading(fd, name) as file:
        while data := file.readline(LINE_MAX_BYTES):
            yield from _parsed([data])


def _raw(fd: int, name: str) -> Iterator[tuple[int, bytes]]:
    with reading(fd, name) as file:
        while data := file.readline(LINE_MAX_BYTES):
            found = _NUMBERED.search(data)
            if found is not None:
                yield int(found[1]), data.rstrip(b"\n")


def _parsed(found: Iterable[bytes]) -> Iterator[MirrorLine]:
    return (line for line in map(parse_line, found) if line is not None)
