"""What of a fragmented MP4 survived: where its last whole fragment ends, and what there is up to there.

Imports the standard library only. Reads what libav writes with `+frag_keyframe+delay_moov+default_base_moof`, as MP4
or QuickTime (G.711 needs the latter): ftyp, moov, then moof and mdat by turns, then mfra. Part of S6: after a power cut
a `.part` is cut at `whole_bytes`, and what remains plays. The file may be anything, so every length is checked against
what contains it, and no more than an index is ever in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO


class Mp4Damaged(Exception):  # noqa: N818 (named after what happened, as in storage.errors)
    """This is not, or no longer, a file as edged writes them, not even the beginning of one."""


@dataclass(frozen=True, slots=True)
class Mp4Summary:
    """A file up to its last whole fragment."""

    whole_bytes: int
    """End of the last whole moof + mdat, or of a whole mfra behind it; 0 if not even one fragment is whole."""
    duration_ms: int
    """Of the video track up to there."""
    video_frames: int
    comment: str | None


def summary(file: BinaryIO) -> Mp4Summary:
    """Walk the boxes of `file`, which must be seekable. Raises `Mp4Damaged`, or `OSError` if the disk fails.

    An empty file, or the beginning of a good one without a whole fragment, has `whole_bytes` 0: it holds no footage.
    """
    raise Mp4Damaged("not read")
