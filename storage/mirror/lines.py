"""A leaf as a line of the mirror: `{"b":{…},"k":…,"n":…,"t":…}`, the bytes that are hashed, one leaf to a line. Pure.

Part of S13. What cannot have been written by us is no line: a torn end, a spot that the disk spoilt. Kinds that this
version does not know are carried along.
"""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from storage.ledger.table import LeafEntry
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


def parse(data: bytes) -> MirrorLine | None:
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
    seen: list[MirrorLine] = []
    for line in heapq.merge(*(rising(source) for source in sources), key=lambda line: line.number):
        if seen and seen[0].number != line.number:
            seen.clear()
        if line not in seen:
            seen.append(line)
            yield line
