"""One part of a segment, as `recorder.mp4` writes it: what it says of its samples, and the few numbers in it that place
it in a file: its sequence number and its times.

Pure. In a film these numbers are others, and nothing else is: whoever knows by how much they were moved has the bytes
as they were recorded. A part is `[prft] moof mdat`; its head is all up to the samples themselves.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from recorder.mp4.boxes import U32, U64
from recorder.mp4.header import KEY, SOUND_ID, VIDEO_ID
from storage.segments.mp4 import Mp4Damaged, spans, u32, u64

_BASE_IS_MOOF: Final = 0x02_0000
_PICTURE: Final = 0x0100_0F01
"""Flags and version of a run of pictures: each has duration, size, flags, and an offset to when it is shown."""
_SOUND: Final = 0x0100_0301
_WORDS: Final = {(VIDEO_ID, _PICTURE): 4, (SOUND_ID, _SOUND): 2}
"""Of 32 bits, for each sample."""
_OFFSETS_FROM: Final = 1 << 31
"""An offset to when a picture is shown has a sign."""


@dataclass(frozen=True, slots=True)
class Key:
    """The first key frame of a run."""

    shown: int
    sample: int
    """The first is 1: only there a film can begin."""


@dataclass(frozen=True, slots=True)
class Run:
    """Samples of one track, in ticks of its time."""

    start: int
    """When the first is decoded."""
    end: int
    """When the last is over, counted from its decoding."""
    shown: int
    """When the first is shown."""
    shown_end: int
    """When none is shown any more."""
    key: Key | None


@dataclass(frozen=True, slots=True)
class Fragment:
    """What the head of a part says."""

    head_bytes: int
    number: int
    """The first one of a file is 1, as its part is."""
    number_at: int
    pictures: Run | None
    sound: Run | None
    times_at: tuple[tuple[int, int], ...]
    """Tracks, and where times of theirs stand, in 64 bits."""


def read(part: bytes) -> Fragment:
    """The head of a part; what lies behind it is not looked at. Mp4Damaged for what edged does not write."""
    number_at, runs, times_at = 0, dict[int, Run](), list[tuple[int, int]]()
    for kind, body, end in _heads(part):
        if kind == b"prft":
            if part[body] != 1:
                raise Mp4Damaged("prft with a short time")
            times_at.append((u32(part, body + 4), body + 16))
        elif kind == b"moof" and not number_at:
            for name, at, to in spans(part, body, end):
                if name == b"mfhd" and not number_at:
                    number_at = at + 4
                elif name == b"traf":
                    track, time_at, run = _traf(part, at, to)
                    if track in runs:
                        raise Mp4Damaged("two runs of one track in a fragment")
                    runs[track] = run
                    times_at.append((track, time_at))
                else:
                    raise Mp4Damaged(f"{name!r} in moof")
        elif kind == b"mdat" and number_at:
            tracks = runs.get(VIDEO_ID), runs.get(SOUND_ID)
            return Fragment(body, u32(part, number_at), number_at, *tracks, tuple(times_at))
        else:
            raise Mp4Damaged(f"{kind!r} where none is written")
    raise Mp4Damaged("no part: it has no mdat")


def moved(part: bytes, sequence: int, offsets: Mapping[int, int]) -> bytes:
    """A part, or its head, with so much more in its number and in the times of each track. Mp4Damaged if they leave
    their range, which those of a film do not."""
    fragment = read(part)
    out = bytearray(part)
    number = fragment.number + sequence
    times = [(at, u64(part, at) + offsets.get(track, 0)) for track, at in fragment.times_at]
    if not 0 < number <= U32 or not all(0 <= time <= U64 for _, time in times):
        raise Mp4Damaged("moved out of its range")
    struct.pack_into(">I", out, fragment.number_at, number)
    for at, time in times:
        struct.pack_into(">Q", out, at, time)
    return bytes(out)


def restored(part: bytes, sequence: int, offsets: Mapping[int, int]) -> bytes:
    """A part of a film as it was recorded."""
    return moved(part, -sequence, {track: -offset for track, offset in offsets.items()})


def _heads(part: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The boxes of a part, each with where what is in it begins and ends. Of mdat the head is enough."""
    at = 0
    while part[at + 4 : at + 8] != b"mdat":
        length = u32(part, at)
        if length < 8 or at + length > len(part):
            raise Mp4Damaged(f"a box of {length} bytes where {len(part) - at} are left")
        yield part[at + 4 : at + 8], at + 8, at + length
        at += length
    yield b"mdat", at + (16 if u32(part, at) == 1 else 8), len(part)


def _traf(part: bytes, at: int, end: int) -> tuple[int, int, Run]:
    """Track, where its time stands, its run."""
    places = {name: (body, to) for name, body, to in spans(part, at, end)}
    if list(places) != [b"tfhd", b"tfdt", b"trun"]:
        raise Mp4Damaged(f"{list(places)} in traf")
    head, time, run = (places[name][0] for name in (b"tfhd", b"tfdt", b"trun"))
    if u32(part, head) != _BASE_IS_MOOF or part[time] != 1:
        raise Mp4Damaged("a fragment that does not stand alone")
    track, flags, count = u32(part, head + 4), u32(part, run), u32(part, run + 4)
    words = _WORDS.get((track, flags))
    if words is None or not count or run + 12 + 4 * words * count != places[b"trun"][1]:
        raise Mp4Damaged(f"a run of {count} samples of track {track}")
    samples = struct.unpack_from(f">{words * count}I", part, run + 12)
    return track, time + 4, _run(u64(part, time + 4), samples, words)


def _run(start: int, samples: tuple[int, ...], words: int) -> Run:
    if words == 2:
        end = start + sum(samples[0::2])
        return Run(start, end, start, end, None)
    at, shown_end, key, first = start, 0, None, None
    for number, (duration, flags, offset) in enumerate(
        zip(samples[0::4], samples[2::4], samples[3::4], strict=True), 1
    ):
        shown = at + (offset - (1 << 32) if offset >= _OFFSETS_FROM else offset)
        first = shown if first is None else first
        if key is None and flags == KEY:
            key = Key(shown, number)
        at += duration
        shown_end = max(shown_end, shown + duration)
    return Run(start, at, start if first is None else first, shown_end, key)
