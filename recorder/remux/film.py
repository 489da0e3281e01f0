"""A planned film as bytes, from any of them on: the same plan and the same segments are the same film.

Reads segments through the caller's opener, one at a time, and holds no more than the head of a part, a block, and at
the end the places of the key frames. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import BinaryIO, Final

from recorder.mp4.fragment import Point, trailer
from recorder.remux.part import moved
from recorder.remux.plan import Film, Opener, Take
from recorder.remux.segment import Segment, stretch
from storage.segments.mp4 import Mp4Damaged

BLOCK_BYTES: Final = 1 << 20
"""Handed out at a time, at the most."""


class Changed(Exception):
    """A segment's file is not what it was when the film was planned: plan anew."""


def blocks(film: Film, open_segment: Opener, begin: int = 0) -> Iterator[bytes]:
    """The film's bytes from `begin` on. Changed, or OSError as it comes."""
    if begin < film.header.bytes:
        with open_segment(film.takes[0].segment) as file:
            yield from _read(file, begin, film.header.bytes)
    for take in film.takes:
        if begin < take.film_at + take.bytes:
            with open_segment(take.segment) as file:
                yield from _taken(file, take, max(0, begin - take.film_at))
    if begin < film.bytes:
        yield trailer(list(_points(film, open_segment)))[max(0, begin - film.trailer_at) :]


def _taken(file: BinaryIO, take: Take, skip: int) -> Iterator[bytes]:
    """The parts of a segment, moved; of the first ones so many bytes are left out."""
    at, end = take.at, take.at + take.bytes
    for number in count(take.first):
        try:
            part = stretch(file, at, end)
            if part is None or part.said.number != number:
                raise Changed(f"segment {take.segment} is not what it was")
            if skip < part.end - at:
                head = moved(part.head, take.sequence, take.offsets)
                yield from [head[skip:]] if skip < len(head) else []
                yield from _read(file, at + max(skip, len(head)), part.end)
        except Mp4Damaged as damage:
            raise Changed(f"segment {take.segment} is not what it was: {damage}") from damage
        skip, at = max(0, skip - (part.end - at)), part.end
        if at == end:
            break
    if number != take.last:
        raise Changed(f"segment {take.segment} is not what it was")


def _read(file: BinaryIO, at: int, end: int) -> Iterator[bytes]:
    file.seek(at)
    while at < end:
        block = file.read(min(BLOCK_BYTES, end - at))
        if not block:
            raise Changed("a segment is shorter than it was")
        yield block
        at += len(block)


def _points(film: Film, open_segment: Opener) -> Iterator[Point]:
    """The key frames of what was taken, where they lie in the film."""
    for take in film.takes:
        with open_segment(take.segment) as file:
            try:
                points = Segment(file).points
            except Mp4Damaged as damage:
                raise Changed(f"segment {take.segment} is not what it was: {damage}") from damage
        taken = [point for point in points if take.at <= point.moof_at < take.at + take.bytes]
        if len(taken) != take.keys:
            raise Changed(f"segment {take.segment} is not what it was")
        for point in taken:
            yield Point(max(0, point.time + take.shift), point.moof_at - take.at + take.film_at, point.sample)
