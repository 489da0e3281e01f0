"""Segments of a few hundred bytes, as a worker would leave them, without libav."""

from __future__ import annotations

import struct
from typing import Final

SAMPLE_BYTES: Final = 16
SAMPLE_MS: Final = 40
FRAGMENT_FRAMES: Final = 10
FRAGMENT_MS: Final = SAMPLE_MS * FRAGMENT_FRAMES


def head(comment: str) -> bytes:
    """ftyp and moov of one video track, in milliseconds, with the story in its comment."""
    media = _box(b"mdia", _box(b"mdhd", _ints(0, 0, 0, 1000, 0)), _box(b"hdlr", _ints(0, 0), b"vide"))
    track = _box(b"trak", _box(b"tkhd", _ints(0, 0, 0, 1)), media)
    defaults = _box(b"mvex", _box(b"trex", _ints(0, 1, 1, SAMPLE_MS, SAMPLE_BYTES, 0)))
    data = _box(b"data", _ints(1, 0), comment.encode())
    story = _box(b"udta", _box(b"meta", _ints(0), _box(b"ilst", _box(b"\xa9cmt", data))))
    return _box(b"ftyp", b"isom") + _box(b"moov", track, defaults, story)


def fragment(number: int) -> bytes:
    """Ten frames of 40 ms; the first fragment has number 0."""
    time = _box(b"tfdt", _ints(0, number * FRAGMENT_MS))
    track = _box(b"traf", _box(b"tfhd", _ints(0, 1)), time, _box(b"trun", _ints(0, FRAGMENT_FRAMES)))
    return _box(b"moof", _box(b"mfhd", _ints(0, number)), track) + _box(
        b"mdat", bytes([1 + number % 255]) * (FRAGMENT_FRAMES * SAMPLE_BYTES)
    )


def segment(comment: str, fragments: int) -> bytes:
    return head(comment) + b"".join(fragment(number) for number in range(fragments))


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _ints(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)
