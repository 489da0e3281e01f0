"""Who may begin another segment when the volumes are full and nothing may go: the smallest priority stops first.

The decision is pure. It is asked only while every volume in service is full: as long as one of them can
make room, nobody is stopped. The cameras stand in a queue, the highest priority first; whoever records is always the
head of it, so that none ever stops before one of less priority (`on_full = "stop"`). Room is kept for those
in front before anybody behind is let in, and a camera that was stopped comes back only to stay for a while.

`AdmissionService` (blocking, thread-safe) puts what the catalog, the disks and the configuration say before that
decision, and remembers who was stopped. Part of S1: with `on_full = "stop"` recording waits for room, and no floor is
broken for it.

`OwnUsage` measures what edged keeps on a volume beside footage: the ledger's mirror, and the sidecars of pins. It looks
again only where a file came or went: a day's file of the ledger, its head every ten minutes, a pin. The links of a pin
are footage that counts already. No link of a stranger's is followed (S10).
"""

from __future__ import annotations

import heapq
import os
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath
from typing import Final

from storage.ages.history import DaemonRun
from storage.database.writer import Database, Remembered
from storage.files import inside
from storage.ledger import signer
from storage.pins.sidecar import PINS_NAME, SIDECAR_NAME
from storage.ring.ballast import Ballast
from storage.ring.table import CameraPace, paces
from storage.segments import queries
from storage.segments.segment_file import space_taken
from storage.volumes.service import WHY_FULL, VolumePool
from storage.volumes.volume import FILES_SPARE, Space, Volume, VolumeSpec, VolumeUsage, bytes_needed
from storage.words.clock import Clock
from storage.words.model import GapCause, VolumesNow, VolumeState, VolumeStatus

START_SEGMENTS: Final = 3
"""Segments of itself and of each camera in front for which there must be room before a stopped one starts again. One
would do to begin with, and it would stop with the next one: three are a quarter of an hour at the usual length, long
enough to be worth an alarm's end."""
FILES_EACH: Final = 2
"""Inodes that a segment may take: its own, and that of a new day's directory."""
STILL_SHARE: Final = 20
"""A segment in progress needs a twentieth of its size at the least: it ends with a key frame, and that may be late."""
_SERVING: Final = frozenset({VolumeState.IN_SERVICE, VolumeState.FULL})
_TAKING: Final = frozenset({VolumeState.IN_SERVICE, VolumeState.RETIRED})
"""Retired since its last cut: a worker that has not heard of it yet begins one more, rather than lose it."""
BLOCK: Final = 512
"""What `st_blocks` counts in."""


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
"""Nobody has to wait."""


def ranked(needs: Collection[CameraNeed]) -> list[CameraNeed]:
    """Whoever is kept longest first; among equals by id, so that it is always the same one."""
    return sorted(needs, key=lambda one: (-one.priority, one.camera))


def rule(rooms: Sequence[Room], needs: Collection[CameraNeed], stopped: Collection[str]) -> Admission:
    """Who may go on, given who was stopped before. `rooms` are the volumes in service, all of them full."""
    queue = ranked(needs)
    before = sum(one.camera not in stopped for one in queue)
    keeps = _fitting(rooms, queue, 1)
    admitted = keeps if keeps < before else max(before, _fitting(rooms, queue, START_SEGMENTS))
    at_once = _to_end_at_once(rooms, queue)
    admitted = min(admitted, next((at for at, one in enumerate(queue) if one.camera in at_once), admitted))
    return Admission(frozenset(one.camera for one in queue[admitted:]), at_once)


def demand(needs: Collection[CameraNeed], *, anybody_stopped: bool) -> int:
    """Bytes that a volume should have to spare: for the segments in progress, and for the next ones.

    So that it shows while there is still room for some of them that there is none for all. With somebody stopped it is
    what lets all of them start again: the ring would else never free more than the others need.
    """
    one_each = sum(one.bytes for one in needs)
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


def _to_end_at_once(rooms: Sequence[Room], queue: Sequence[CameraNeed]) -> frozenset[str]:
    """From the tail of the queue, those with segments in progress without which the others' fit on the disk.

    One that has none on the disk in question is passed by here; it begins none either (`rule`).
    """
    at_once = set()
    for room in rooms:
        short = room.short_bytes
        for one in reversed(queue):
            if short <= 0:
                break
            needs = sum(size for volume, size in one.pending if volume == room.volume)
            if needs > 0:
                at_once.add(one.camera)
                short -= needs
    return frozenset(at_once)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A segment in progress: what it will take in all, and what it probably still needs of that."""

    volume: str
    bytes: int
    needs: int


class AdmissionService:
    """Who may begin a segment, and how the volumes stand, of all of them together."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock, pool: VolumePool, ballast: Ballast) -> None:
        self._database = database
        self._life = life
        self._clock = clock
        self._pool = pool
        self._ballast = ballast
        self._turn = threading.Lock()
        self._priorities: Mapping[str, int] | None = None
        self._segment_ms = 0
        self._last: Mapping[str, CameraPace] = {}
        self._admission = NOBODY
        self._own_usage = OwnUsage()
        self._remembered = Remembered(database)

    def volumes_now(self, priorities: Mapping[str, int], segment_ms: int = 0) -> VolumesNow:
        """How the volumes are now, and who has to wait. `priorities` of all cameras that are to be recorded;
        `segment_ms`: how long their segments are to be, 0 where only the last ones tell.
        """
        with self._turn:
            self._priorities, self._segment_ms = dict(priorities), segment_ms
            seen, begun = self._paces()
            queue = ranked(_camera_needs(seen, begun, priorities))
            next_bytes = [one.bytes for one in queue]
            looked = self._pool.look()
            statuses = self._pool.statuses(self._ring, next_bytes, looked)
            chosen = self._pool.choose(statuses, next_bytes)
            spaces = self._pool.spaces(looked)
            full = _all_full(statuses)
            self._admission = (
                rule(self._rooms(statuses, spaces, begun), queue, self._admission.stopped) if full else NOBODY
            )
            cause = next((cause for cause in WHY_FULL if cause in {status.cause for status in statuses}), None)
            headroom_bytes = demand(queue, anybody_stopped=bool(self._admission.stopped))
            return VolumesNow(
                chosen=chosen,
                volumes=tuple(self._shown(statuses, spaces, begun)),
                takes=frozenset(status.id for status in statuses if status.state in _TAKING),
                stopped=dict.fromkeys(self._admission.stopped, cause or GapCause.FLOOR_PROTECT),
                at_once=self._admission.at_once,
                tight=any(self._is_tight(status, spaces, headroom_bytes) for status in statuses),
            )

    def choose(self) -> VolumeStatus | GapCause:
        """Where the next segments go, whoever begins them."""
        next_bytes = self._next_bytes()
        return self._pool.choose(self._pool.statuses(self._ring, next_bytes, self._pool.look()), next_bytes)

    def statuses(self) -> list[VolumeStatus]:
        """All configured volumes, as the last look left them: full where somebody was stopped."""
        looked = self._pool.look()
        statuses = self._pool.statuses(self._ring, self._next_bytes(), looked)
        return self._shown(statuses, self._pool.spaces(looked), self._paces()[1])

    def headroom(self, volume: Volume) -> int:
        """Bytes that a volume should have to spare, for the sweep; on the disk of the database its ballast, too."""
        needs = _camera_needs(*self._paces(), self._priorities)
        asked = demand(needs, anybody_stopped=bool(self._admission.stopped))
        return asked + (self._ballast.needs if self._ballast.is_on(volume.path) else 0)

    def _paces(self) -> tuple[list[CameraPace], dict[str, list[_Begun]]]:
        """All cameras of this run, and what each has in progress."""
        segment_ms = self._segment_ms
        told = self._remembered.read(partial(paces, run=self._life.run, segment_ms=segment_ms), segment_ms)
        seen = expected(told, self._last)
        self._last = {pace.camera: pace for pace in seen}
        now_ms = self._clock.now().boottime_ms
        return seen, {pace.camera: _begun(pace, now_ms) for pace in seen}

    def _next_bytes(self) -> list[int]:
        return [one.bytes for one in ranked(_camera_needs(*self._paces(), self._priorities))]

    def _ring(self, volume: str) -> VolumeUsage:
        return self._remembered.read(partial(queries.ring_of_volume, volume=volume), volume)

    def _rooms(
        self,
        statuses: Sequence[VolumeStatus],
        spaces: Mapping[str, tuple[VolumeSpec, Space]],
        begun: Mapping[str, Sequence[_Begun]],
    ) -> list[Room]:
        serving = [status for status in statuses if status.state in _SERVING and status.id in spaces]
        everything = [one for many in begun.values() for one in many]
        return [
            room_of(
                status, *spaces[status.id], begun=[one for one in everything if one.volume == status.id]
            )
            for status in serving
        ]  # fmt: skip

    def _shown(
        self,
        statuses: Sequence[VolumeStatus],
        spaces: Mapping[str, tuple[VolumeSpec, Space]],
        begun: Mapping[str, Sequence[_Begun]],
    ) -> list[VolumeStatus]:
        """With what others hold; full where the next segments of some have to wait."""
        stopped = tuple(sorted(self._admission.stopped))
        ours = self._ours(statuses, spaces, begun)
        return [_marked(self._measured(status, spaces, ours), stopped) for status in statuses]

    def _measured(
        self,
        status: VolumeStatus,
        spaces: Mapping[str, tuple[VolumeSpec, Space]],
        ours: Mapping[int | None, int],
    ) -> VolumeStatus:
        if status.id not in spaces:
            return status
        space = spaces[status.id][1]
        if space.device not in ours:
            return status
        own = ours[space.device] + self._ballast.bytes_on(space.device)
        return replace(status, others_bytes=max(0, space.used - own))

    def _ours(
        self,
        statuses: Sequence[VolumeStatus],
        spaces: Mapping[str, tuple[VolumeSpec, Space]],
        begun: Mapping[str, Sequence[_Begun]],
    ) -> dict[int | None, int]:
        """By file system: footage, what segments in progress take, and what lies beside footage. Those are left out of
        which that is not known.
        """
        taken = {volume.id: self._own_usage.bytes_on(volume) for volume in self._pool.opened}
        for one in (one for many in begun.values() for one in many):
            if one.volume in spaces:
                laid_out = space_taken(one.bytes - one.needs, spaces[one.volume][1].free)
                taken[one.volume] = taken.get(one.volume, 0) + laid_out
        held: dict[int | None, int] = {}
        for status in statuses:
            held[status.device] = held.get(status.device, 0) + status.ring_bytes + taken.get(status.id, 0)
        for status in statuses:
            if not status.is_known:
                held.pop(status.device, None)
        return held

    def _is_tight(
        self, status: VolumeStatus, spaces: Mapping[str, tuple[VolumeSpec, Space]], headroom_bytes: int
    ) -> bool:
        """The sweep has to make room there, and has not found out yet whether it can."""
        if status.id not in spaces or status.state is not VolumeState.IN_SERVICE or status.cause is not None:
            return False
        if not status.has_turn:  # room is made only where the next segments go
            return False
        spec, space = spaces[status.id]
        return bytes_needed(space, spec, status.ring_bytes, headroom_bytes) > 0


def expected(seen: Sequence[CameraPace], last: Mapping[str, CameraPace]) -> list[CameraPace]:
    """A camera of which nothing is there records as it did before, and one that never did like the largest of them.

    Otherwise a camera that was stopped for so long that all of its footage is gone would seem to need no room: all
    would start on a full disk, be stopped by what they record, and start again.
    """
    largest = max(seen, key=lambda pace: pace.bytes, default=None)
    found = []
    for pace in seen:
        like = pace if pace.bytes else last.get(pace.camera, pace)
        like = like if like.bytes or largest is None else largest
        found.append(replace(pace, bytes=like.bytes, usual_ms=like.usual_ms))
    return found


def room_of(status: VolumeStatus, spec: VolumeSpec, space: Space, begun: Sequence[_Begun]) -> Room:
    """What a volume still takes. What segments in progress have written is missing from what is free already; towards
    `max_bytes` they count in whole, because they are no part of the ring yet.
    """
    needs = sum(one.needs for one in begun)
    room = space.free - spec.reserve_of(space.total) - needs
    if spec.max_bytes is not None:
        room = min(room, spec.max_bytes - status.ring_bytes - sum(one.bytes for one in begun))
    files = None if space.files_free is None else space.files_free - FILES_SPARE
    return Room(status.id, room, files, max(0, needs - space.free))


def _begun(pace: CameraPace, now_ms: int) -> list[_Begun]:
    begun = []
    for volume, start_ms in pace.begun:
        left = max(0, pace.usual_ms - max(0, now_ms - start_ms)) / pace.usual_ms if pace.usual_ms else 0.0
        begun.append(_Begun(volume, pace.bytes, max(round(pace.bytes * left), pace.bytes // STILL_SHARE)))
    return begun


def _camera_needs(
    seen: Sequence[CameraPace], begun: Mapping[str, Sequence[_Begun]], priorities: Mapping[str, int] | None
) -> list[CameraNeed]:
    """Those that are to be recorded; all of this run while nobody has said who is."""
    return [
        CameraNeed(
            pace.camera,
            priorities.get(pace.camera, 0) if priorities else 0,
            pace.bytes,
            tuple((one.volume, one.needs) for one in begun[pace.camera]),
        )
        for pace in seen
        if priorities is None or pace.camera in priorities
    ]


def _marked(status: VolumeStatus, stopped: tuple[str, ...]) -> VolumeStatus:
    if not stopped or status.state not in _SERVING or status.cause is None:
        return status
    return replace(status, state=VolumeState.FULL, reason=WHY_FULL[status.cause], stopped=stopped)


def _all_full(statuses: Sequence[VolumeStatus]) -> bool:
    """None of the volumes in service can make room."""
    serving = [status for status in statuses if status.state in _SERVING]
    return bool(serving) and all(status.cause is not None for status in serving)


class OwnUsage:
    """What lies beside footage, on any volume; remembers what it saw."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[int, int]] = {}
        """By volume and directory: when that changed last, and the bytes that it and what is in it take."""

    def bytes_on(self, volume: Volume) -> int:
        """Bytes of the file system; 0 where nobody can tell."""
        with suppress(OSError), volume.held() as fd:
            ledger = self._taken_in((volume.id, signer.NAME), fd, ("",))
            return ledger + self._taken_in((volume.id, PINS_NAME), fd, ("", f"/{SIDECAR_NAME}"))
        return 0

    def _taken_in(self, key: tuple[str, str], volume: int, parts: tuple[str, ...]) -> int:
        """`parts`: what counts of each entry, by what its path ends with."""
        with suppress(FileNotFoundError), inside(volume, PurePosixPath(key[1])) as directory:
            here = os.fstat(directory)
            if key not in self._seen or self._seen[key][0] != here.st_mtime_ns:
                paths = [f"{entry.name}{part}" for entry in os.scandir(directory) for part in parts]
                taken = here.st_blocks * BLOCK + sum(_taken(directory, path) for path in paths)
                self._seen[key] = (here.st_mtime_ns, taken)
            return self._seen[key][1]
        return 0


def _taken(directory: int, path: str) -> int:
    with suppress(OSError):
        return os.stat(path, dir_fd=directory, follow_symlinks=False).st_blocks * BLOCK
    return 0
