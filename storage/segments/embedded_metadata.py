"""What a segment tells about itself: JSON in the MP4 `comment`, so that a file without its database still has a story.

Lean: standard library and `storage.words.model` only, because a camera's worker writes it. Keeps S13 together with the
leaves on the volumes. Format 1; keys are short words, times in milliseconds, bounds in seconds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from storage.words.model import WHOLE_MAX, Bounds, Moment

FORMAT: Final = 1
MAX_BYTES: Final = 4096
"""A story is about 400 bytes; what is longer was not written by us and is not parsed."""


@dataclass(frozen=True, slots=True)
class EmbeddedMetadata:
    """Written before the first frame: the end of a segment is not in it."""

    camera: str
    seq: int
    start: Moment
    boot_id: str
    epoch: int
    synced: bool
    bounds: Bounds
    previous_seq: int
    """Of the last segment committed before, 0 when there is none."""
    previous_sha256: str
    """Hex, "" when there is none."""
    camera_offset_ms: int | None = None
    """The camera's own clock minus ours, as heard before the segment began; None where it had not told."""

    def to_json(self) -> str:
        """One line of JSON with sorted keys."""
        return json.dumps(
            {
                "edged": FORMAT,
                "camera": self.camera,
                "seq": self.seq,
                "wall_ms": self.start.wall_ms,
                "boottime_ms": self.start.boottime_ms,
                "boot_id": self.boot_id,
                "epoch": self.epoch,
                "synced": self.synced,
                "floor_s": self.bounds.floor_s,
                "ceiling_s": self.bounds.ceiling_s,
                "previous_seq": self.previous_seq,
                "previous_sha256": self.previous_sha256,
                "camera_offset_ms": self.camera_offset_ms,
            },
            sort_keys=True,
            separators=(",", ":"),
        )


def parse_metadata(comment: str) -> EmbeddedMetadata | None:
    """The story in a file's comment; None for anything that `to_json` cannot have written."""
    if len(comment) > MAX_BYTES:
        return None
    try:
        fields = json.loads(comment)
        if fields["edged"] != FORMAT:
            return None
        return EmbeddedMetadata(
            camera=_text(fields["camera"]),
            seq=_whole(fields["seq"]),
            start=Moment(_whole(fields["wall_ms"]), _whole(fields["boottime_ms"])),
            boot_id=_text(fields["boot_id"]),
            epoch=_whole(fields["epoch"]),
            synced=fields["synced"] is True,
            bounds=Bounds(_whole(fields["floor_s"]), _whole(fields["ceiling_s"])),
            previous_seq=_whole(fields["previous_seq"]),
            previous_sha256=_text(fields["previous_sha256"]),
            camera_offset_ms=_offset(fields.get("camera_offset_ms")),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _whole(value: object) -> int:
    """A whole number that can be told in a leaf."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= WHOLE_MAX:
        raise TypeError(value)
    return value


def _offset(value: object) -> int | None:
    """Absent from files of 0.1.0."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > WHOLE_MAX:
        raise TypeError(value)
    return value
