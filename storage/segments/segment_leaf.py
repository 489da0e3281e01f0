"""A leaf of kind `segment` or `quarantined`, declared once. Pure.

The writer makes the body of it (`storage.segments.table`), the rebuild puts the row back by it
(`storage.recovery.replay_table`), and the check holds one against the other (`storage.audit.ranges`). A new column of
`segments` that survives a lost database (S13) is a field here and a pair in `COLUMNS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final

import msgspec

from storage.ages.leaves import LeafPlace, Whole
from storage.words.model import Parts


class SegmentLeaf(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """All that a row needs that is made anew."""

    camera: str
    seq: Whole
    volume: str
    start: LeafPlace
    duration_ms: Whole
    bytes: Whole
    sha256: str
    floor_s: Whole
    ceiling_s: Whole
    epoch: Whole
    synced: bool
    unproven: bool
    frames: Whole
    name: str | None = None
    """Its path on the volume, where it was set aside."""
    offset_ms: Whole | None = None
    parts: Whole | None = None
    root: str | None = None
    """Both are nowhere else: whoever proves a piece of the file does so by its leaf."""


COLUMNS: Final[Mapping[str, str]] = {
    "seq": "seq",
    "duration_ms": "duration_ms",
    "bytes": "bytes",
    "floor_s": "floor_s",
    "ceiling_s": "ceiling_s",
    "epoch": "epoch",
    "synced": "synced",
    "unproven": "unproven",
    "frames": "video_frames",
    "offset_ms": "camera_offset_ms",
}
"""Fields by the column that holds the same. Camera, volume, start, hash and name are stored otherwise."""
_VALUES: Final = attrgetter("start.boot", "start.boottime_ms", "start.wall_ms", *COLUMNS)
_NAMES: Final = attrgetter("camera", "volume", "sha256", "name")


def columns(told: SegmentLeaf) -> dict[str, object]:
    """What its row has in `COLUMNS`."""
    return {column: getattr(told, field) for field, column in COLUMNS.items()}


def of_row(row: tuple[Any, ...]) -> SegmentLeaf:
    """What the leaf of this row should say: camera, volume, hash, name, place in time, then `COLUMNS`.

    Flags are numbers there, and nothing is checked: whoever changed the row may have written anything.
    """
    camera, volume, sha256, name, *rest = row
    values = dict(zip(COLUMNS, rest[4:], strict=True))
    return SegmentLeaf(camera=camera, volume=volume, sha256=sha256, name=name, start=LeafPlace(*rest[:4]), **values)


def to_enter(row: SegmentLeaf, parts: Parts | None) -> SegmentLeaf:
    """The leaf of a row, as it is entered."""
    body = msgspec.to_builtins(row)
    if parts is not None:
        body |= {"parts": parts.count, "root": parts.root.hex()}
    return msgspec.convert(body, SegmentLeaf, strict=False)


def agrees(told: SegmentLeaf, row: SegmentLeaf, boots: Mapping[int, str]) -> bool:
    """They say the same. Where this database counts boots otherwise than the one that wrote the leaf, the wall clock
    alone says when it began.
    """
    start = told.start
    if boots.get(start.boot) != start.id and start.wall_ms == row.start.wall_ms:
        told = msgspec.structs.replace(told, start=row.start)
    return _VALUES(told) == _VALUES(row) and _NAMES(told) == _NAMES(row)


def agrees_word_for_word(
    told: SegmentLeaf, row: tuple[Any, ...], cameras: Mapping[int, str], volumes: Mapping[int, str]
) -> bool:
    """Likewise of a row as it lies there (`storage.audit.queries.Row`). What does not may still be as it should be."""
    return (
        row[6:] == _VALUES(told)
        and cameras.get(row[2]) == told.camera
        and volumes.get(row[3]) == told.volume
        and row[4].hex() == told.sha256
        and told.name is None
    )
