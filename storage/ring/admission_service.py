"""Who begins another segment, and on which volume. Blocking, thread-safe; decides nothing by itself.

It puts what the catalog, the disks and the configuration say before `storage.ring.admission`, and remembers who was
stopped. Part of S1: with `on_full = "stop"` recording waits for room, and no floor is broken for it.

`OwnUsage` measures what edged keeps on a volume beside footage: the ledger's mirror, and the sidecars of pins. It looks
again only where a file came or went: a day's file of the ledger, its head every ten minutes, a pin. The links of a pin
are footage that counts already. No link of a stranger's is followed (S10).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath
from typing import Final

from storage.ages.runs import DaemonRun
from storage.database.writer import Database
from storage.files.open_beneath import inside
from storage.ledger import checkpoint_files
from storage.pins.sidecar import PINS_NAME, SIDECAR_NAME
from storage.ring.admission import NOBODY, CameraNeed, Room, demand, ranked, rule
from storage.ring.ballast import Ballast
from storage.ring.table import CameraPace, paces
from storage.segments import queries
from storage.segments.segment_file import space_taken
from storage.volumes.service import WHY_FULL, VolumePool
from storage.volumes.space import FILES_SPARE, Space, VolumeSpec, VolumeUsage, bytes_needed
from storage.volumes.volume import Volume
from storage.words.clock import Clock
from storage.words.model import GapCause
from storage.words.results import VolumesNow, VolumeState, VolumeStatus

STILL_SHARE: Final = 20
"""A segment in progress needs a twentieth of its size at the least: it ends with a key frame, and that may be late."""
_SERVING: Final = frozenset({VolumeState.IN_SERVICE, VolumeState.FULL})
_TAKING: Final = frozenset({VolumeState.IN_SERVICE, VolumeState.RETIRED})
"""Retired since its last cut: a worker that has not heard of it yet begins one more, rather than lose it."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A segment in progress: what it will take in all, and what it probably still needs of that."""

    volume: str
    bytes: int
    needs: int


class AdmissionService:
    """Of all volumes together."""

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
        self._ruling = NOBODY
        self._beside = OwnUsage()

    def look(self, priorities: Mapping[str, int], segment_ms: int = 0) -> VolumesNow:
        """How the volumes are now, and who has to wait. `priorities` of all cameras that are to be recorded;
        `segment_ms`: how long their segments are to be, 0 where only the last ones tell.
        """
        with self._turn:
            self._priorities, self._segment_ms = dict(priorities), segment_ms
            seen, begun = self._paces()
            queue = ranked(_applicants(seen, begun, priorities))
            next_bytes = [one.bytes for one in queue]
            statuses = self._pool.statuses(self._ring, next_bytes)
            chosen = self._pool.choose(self._ring, next_bytes)
            spaces = self._pool.spaces()
            full = _all_full(statuses)
            self._ruling = rule(self._rooms(statuses, spaces, begun), queue, self._ruling.stopped) if full else NOBODY
            cause = next((cause for cause in WHY_FULL if cause in {status.cause for status in statuses}), None)
            headroom_bytes = demand(queue, anybody_stopped=bool(self._ruling.stopped))
            return VolumesNow(
                chosen=chosen,
                volumes=tuple(self._shown(statuses, spaces, begun)),
                takes=frozenset(status.id for status in statuses if status.state in _TAKING),
                stopped=dict.fromkeys(self._ruling.stopped, cause or GapCause.FLOOR_PROTECT),
                at_once=self._ruling.at_once,
                tight=any(self._is_tight(status, spaces, headroom_bytes) for status in statuses),
            )

    def choose(self) -> VolumeStatus | GapCause:
        """Where the next segments go, whoever begins them."""
        return self._pool.choose(self._ring, self._next_bytes())

    def statuses(self) -> list[VolumeStatus]:
        """All configured volumes, as the last look left them: full where somebody was stopped."""
        statuses = self._pool.statuses(self._ring, self._next_bytes())
        return self._shown(statuses, self._pool.spaces(), self._paces()[1])

    def headroom(self, volume: Volume) -> int:
        """Bytes that a volume should have to spare, for the sweep; on the disk of the database its ballast, too."""
        applicants = _applicants(*self._paces(), self._priorities)
        asked = demand(applicants, anybody_stopped=bool(self._ruling.stopped))
        return asked + (self._ballast.needs if self._ballast.is_on(volume.path) else 0)

    def _paces(self) -> tuple[list[CameraPace], dict[str, list[_Begun]]]:
        """All cameras of this run, and what each has in progress."""
        told = self._database.read(partial(paces, run=self._life.run, segment_ms=self._segment_ms))
        seen = expected(told, self._last)
        self._last = {pace.camera: pace for pace in seen}
        now_ms = self._clock.now().boottime_ms
        return seen, {pace.camera: _begun(pace, now_ms) for pace in seen}

    def _next_bytes(self) -> list[int]:
        return [one.bytes for one in ranked(_applicants(*self._paces(), self._priorities))]

    def _ring(self, volume: str) -> VolumeUsage:
        return self._database.read(partial(queries.ring_of_volume, volume=volume))

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
        stopped = tuple(sorted(self._ruling.stopped))
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
        taken = {volume.id: self._beside.bytes_on(volume) for volume in self._pool.opened}
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


def _applicants(
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


BLOCK: Final = 512
"""What `st_blocks` counts in."""


class OwnUsage:
    """Of all volumes; remembers what it saw."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[int, int]] = {}
        """By volume and directory: when that changed last, and the bytes that it and what is in it take."""

    def bytes_on(self, volume: Volume) -> int:
        """Bytes of the file system; 0 where nobody can tell."""
        with suppress(OSError), volume.held() as fd:
            ledger = self._looked((volume.id, checkpoint_files.NAME), fd, ("",))
            return ledger + self._looked((volume.id, PINS_NAME), fd, ("", f"/{SIDECAR_NAME}"))
        return 0

    def _looked(self, key: tuple[str, str], volume: int, parts: tuple[str, ...]) -> int:
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
