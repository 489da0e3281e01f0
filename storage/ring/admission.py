"""Who may begin another segment when the volumes are full and nothing may go: the smallest priority stops first.

Pure; imports the standard library only. Asked only while every volume in service is full: as long as one of them can
make room, nobody is stopped. The cameras stand in a queue, the highest priority first; whoever records is always the
head of it, so that none ever stops before one of less priority (`on_full = "stop"`). Room is kept for those
in front before anybody behind is let in, and a camera that was stopped comes back only to stay for a while.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

START_SEGMENTS: Final = 3
"""Segments of itself and of each camera in front for which there must be room before a stopped one starts again. One
would do to begin with, and it would stop with the next one: three are a quarter of an hour at the usual length, long
enough to be worth an alarm's end."""
FILES_EACH: Final = 2
"""Inodes that a segment may take: its own, and that of a new day's directory."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a volume still takes before its reserve, `max_bytes` or spare inodes are touched."""

    volume: str
    bytes: int
    """Less what the segments in progress there still need; below 0 when not even they fit."""
    files: int | None = None
    """None where inodes have no number."""
    short_bytes: int = 0
    """By how much the file system itself, reserve included, is too small for the segments in progress there."""


@dataclass(frozen=True, slots=True)
class CameraNeed:
    """A camera that records, or would."""

    camera: str
    priority: int
    """Larger is kept longer."""
    bytes: int
    """What its next segment will probably take."""
    pending: tuple[tuple[str, int], ...] = ()
    """Of its segments in progress: the volume, and the bytes that each still needs."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Who does not record."""

    stopped: frozenset[str] = frozenset()
    """These begin no further segment; what they have in progress is finished at its usual cut."""
    at_once: frozenset[str] = frozenset()
    """Of those, whose segments in progress must end now, or others' of more priority would find no space."""


NOBODY: Final = Admission()


def ranked(applicants: Collection[CameraNeed]) -> list[CameraNeed]:
    """Whoever is kept longest first; among equals by id, so that it is always the same one."""
    return sorted(applicants, key=lambda one: (-one.priority, one.camera))


def rule(rooms: Sequence[Room], applicants: Collection[CameraNeed], stopped: Collection[str]) -> Admission:
    """Who may go on, given who was stopped before. `rooms` are the volumes in service, all of them full."""
    queue = ranked(applicants)
    before = sum(one.camera not in stopped for one in queue)
    keeps = _fitting(rooms, queue, 1)
    admitted = keeps if keeps < before else max(before, _fitting(rooms, queue, START_SEGMENTS))
    doomed = _doomed(rooms, queue)
    admitted = min(admitted, next((at for at, one in enumerate(queue) if one.camera in doomed), admitted))
    return Admission(frozenset(one.camera for one in queue[admitted:]), doomed)


def demand(applicants: Collection[CameraNeed], *, anybody_stopped: bool) -> int:
    """Bytes that a volume should have to spare: for the segments in progress, and for the next ones.

    So that it shows while there is still room for some of them that there is none for all. With somebody stopped it is
    what lets all of them start again: the ring would else never free more than the others need.
    """
    one_each = sum(one.bytes for one in applicants)
    return one_each * (1 + (START_SEGMENTS if anybody_stopped else 1))


def _fitting(rooms: Sequence[Room], queue: Sequence[CameraNeed], segments: int) -> int:
    """How many from the head of the queue have room for so many further segments each, the roomiest volume first."""
    left = [(-room.bytes, at) for at, room in enumerate(rooms)]
    files = [room.files for room in rooms]
    heapq.heapify(left)
    for count, one in enumerate(queue):
        for _ in range(segments):
            if not _take(left, files, one.bytes):
                return count
    return len(queue)


def _take(left: list[tuple[int, int]], files: list[int | None], size: int) -> bool:
    """Lay a segment into the roomiest volume that has inodes. One of unknown size needs some room all the same."""
    while left and not _has_files(files[left[0][1]]):
        heapq.heappop(left)
    if not left or -left[0][0] < max(1, size):
        return False
    room, at = left[0]
    heapq.heapreplace(left, (room + size, at))
    spare = files[at]
    files[at] = None if spare is None else spare - FILES_EACH
    return True


def _has_files(spare: int | None) -> bool:
    return spare is None or spare >= FILES_EACH


def _doomed(rooms: Sequence[Room], queue: Sequence[CameraNeed]) -> frozenset[str]:
    """From the tail of the queue, those with segments in progress without which the others' fit on the disk.

    One that has none on the disk in question is passed by here; it begins none either (`rule`).
    """
    doomed = set()
    for room in rooms:
        short = room.short_bytes
        for one in reversed(queue):
            if short <= 0:
                break
            needs = sum(size for volume, size in one.pending if volume == room.volume)
            if needs > 0:
                doomed.add(one.camera)
                short -= needs
    return frozenset(doomed)
