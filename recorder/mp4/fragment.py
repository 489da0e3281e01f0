"""One fragment: moof, which says what its samples are, and mdat, which holds them; and the index at a file's end.

Pure. Offsets count from the beginning of moof (`default_base_moof`), each track has one run, and each run says its
time itself (tfdt), so that every fragment stands alone and a file may end after any of them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from recorder.mp4.boxes import U32, U64, box, full_box, u32, u64
from recorder.mp4.header import SOUND_ID, VIDEO_ID

NS_PER_S: Final = 1_000_000_000
_NTP_EPOCH_S: Final = 2_208_988_800
"""From 1900, where NTP begins, to 1970."""
_CAPTURED: Final = 24
"""The clock is that of the moment a picture was taken."""

_MOOF: Final = struct.Struct(">I4sI4sII")
_MDAT: Final = struct.Struct(">I4s")
_TRAF: Final = ">I4sI4sIII4sIQI4sIIi"
"""traf and tfhd, tfdt, trun up to their samples."""
_TRAF_BYTES: Final = struct.calcsize(_TRAF)
_DEFAULT_BASE_IS_MOOF: Final = 0x02_0000
_SIGNED: Final = 1 << 24
"""Version 1: a picture may be shown before it is decoded, as the standard has it."""
_WIDE: Final = 1 << 24
"""Version 1: time in 64 bits."""
_PICTURE: Final = _SIGNED | 0x1 | 0x100 | 0x200 | 0x400 | 0x800
_PICTURE_WORDS: Final = 4
_SOUND: Final = _SIGNED | 0x1 | 0x100 | 0x200
_SOUND_WORDS: Final = 2


@dataclass(slots=True)
class Run:
    """Samples of one track, one after the other."""

    times: list[int] = field(default_factory=list)
    """When each is decoded, in ticks; strictly rising."""
    data: list[bytes] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    """Pictures only."""
    offsets: list[int] = field(default_factory=list)
    """Pictures only: from when it is decoded to when it is shown."""


def fragment(number: int, front: bytes, video: Run, video_end: int, sound: Run, sound_end: int) -> bytes:
    """The whole fragment, behind `front`. A track without samples is left out; `*_end` is where its last one ends."""
    frames, packets = len(video.times), len(sound.times)
    video_bytes = _TRAF_BYTES + 4 * _PICTURE_WORDS * frames if frames else 0
    sound_bytes = _TRAF_BYTES + 4 * _SOUND_WORDS * packets if packets else 0
    index_bytes = _MOOF.size + video_bytes + sound_bytes
    at = index_bytes + _MDAT.size
    parts = [front, _MOOF.pack(index_bytes, b"moof", 16, b"mfhd", 0, number)]
    if frames:
        sizes = list(map(len, video.data))
        words = [0] * (_PICTURE_WORDS * frames)
        words[0::4] = _durations(video.times, video_end)
        words[1::4] = sizes
        words[2::4] = video.flags
        words[3::4] = [offset & U32 for offset in video.offsets]
        parts.append(_traf(VIDEO_ID, video.times[0], _PICTURE, frames, at, words))
        at += sum(sizes)
    if packets:
        sizes = list(map(len, sound.data))
        words = [0] * (_SOUND_WORDS * packets)
        words[0::2] = _durations(sound.times, sound_end)
        words[1::2] = sizes
        parts.append(_traf(SOUND_ID, sound.times[0], _SOUND, packets, at, words))
        at += sum(sizes)
    parts.append(_MDAT.pack(at - index_bytes, b"mdat"))
    parts += video.data
    parts += sound.data
    return b"".join(parts)


def _durations(times: Sequence[int], end: int) -> list[int]:
    following = [*times[1:], end]
    return [(after - time) & U32 for time, after in zip(times, following, strict=True)]


def _traf(track: int, start: int, flags: int, count: int, data_at: int, words: list[int]) -> bytes:
    length = _TRAF_BYTES + 4 * len(words)
    return struct.pack(
        f"{_TRAF}{len(words)}I",
        length, b"traf",
        16, b"tfhd", _DEFAULT_BASE_IS_MOOF, track,
        20, b"tfdt", _WIDE, start & U64,
        length - 44, b"trun", flags, count, data_at,
        *words,
    )  # fmt: skip


def clock(media_time: int, wall_ns: int) -> bytes:
    """A `prft` box: what the camera's own clock showed at this tick of the video track."""
    seconds, rest_ns = divmod(wall_ns, NS_PER_S)
    ntp = (seconds + _NTP_EPOCH_S << 32) + (rest_ns << 32) // NS_PER_S
    return full_box(b"prft", 1, _CAPTURED, u32(VIDEO_ID), u64(ntp & U64, media_time & U64))


@dataclass(frozen=True, slots=True)
class Point:
    """A key frame by which a player can jump into the file."""

    time: int
    """When it is shown, in ticks of the track's own time."""
    moof_at: int
    sample: int
    """Which one of its run; the first is 1."""


def trailer(points: Sequence[Point]) -> bytes:
    """mfra: where the key frames are. It ends with its own length, by which it is found from the end of the file."""
    words = [word for point in points for word in (point.time & U64, point.moof_at, 1, 1, point.sample)]
    entries = struct.pack(">" + "QQHHI" * len(points), *words)
    # The number of traf and of trun take two bytes, that of the sample four.
    tfra = full_box(b"tfra", 1, 0, u32(VIDEO_ID, 1 << 4 | 1 << 2 | 3, len(points)), entries)
    length = 8 + len(tfra) + 16
    return box(b"mfra", tfra, full_box(b"mfro", 0, 0, u32(length)))
