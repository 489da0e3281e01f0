"""Placing a pin: what it will hold and cost, then sidecar and links, then one transaction. Never half placed.

Blocking file work; its owner lets one thread at a time place. Until the transaction everything is taken back on any
error; a crash leaves a sidecar without a row, which is adopted when its volume is read (`storage.pins.files`). From
the transaction on its interval protects, however long it takes to hold each segment of it (L4).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from sqlite3 import Connection
from typing import Final

from storage.ages.runs import DaemonRun, Point
from storage.approvals.service import short_id
from storage.approvals.table import NOBODY, Person
from storage.database.writer import Database
from storage.pins import queries as pin_queries
from storage.pins import rules
from storage.pins import table as pins
from storage.pins.files import Filing, by_volume
from storage.pins.queries import UNTOLD
from storage.pins.rules import CameraCost, Cost, Limits, Pin, PinOrder, PinState, VolumeCost
from storage.pins.sidecar import Sidecar
from storage.segments.queries import SegmentRow
from storage.volumes.volume import Volume
from storage.words.clock import Clock
from storage.words.errors import OrderRefused, SamePerson, StoreError, UnknownId
from storage.words.failpoints import Failpoint, reach
from storage.words.results import CameraUsage, VolumeStatus

log = logging.getLogger("edged.pins")

ID_LETTERS: Final = 4
"""Behind the day: 810,000 pins a day have names."""


@dataclass(frozen=True, slots=True)
class StoreView:
    """What placing asks of the rest of the store."""

    present: Callable[[], Mapping[str, Volume]]
    """Volumes that are there and of whose footage the catalog knows."""
    there: Callable[[], Collection[str]]
    """Ids of all that are there."""
    statuses: Callable[[], Sequence[VolumeStatus]]
    usage: Callable[[], Sequence[CameraUsage]]


class Placer:
    """See the module."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock, filing: Filing, box: StoreView) -> None:
        self._database = database
        self._life = life
        self._clock = clock
        self._filing = filing
        self._box = box

    def cost(self, order: PinOrder, limits: Limits) -> tuple[Cost, list[SegmentRow]]:
        """What it would hold, and of what. OrderRefused where it may not be placed."""
        rules.check_order(order, limits, self._clock.now().wall_ms)
        usage = {known.camera: known for known in self._box.usage()}
        rows: list[SegmentRow] = []
        cameras = []
        self._database.read(partial(_refuse_garbage, order=order))
        for camera in order.cameras:
            found = self._found(camera, order)
            rows += found.rows
            if len(rows) > rules.SEGMENTS_MAX:
                break
            cameras.append(self._camera_cost(found, order, usage[camera].bytes_per_day if camera in usage else None))
        new = [row for row in rows if row.pins == 0]
        coming = sum(camera.coming_bytes for camera in cameras)
        new_bytes = sum(row.bytes for row in new) + coming
        cost = Cost(
            cameras=tuple(cameras),
            volumes=self._volume_costs(rows, new, coming),
            segments=len(rows),
            bytes=sum(row.bytes for row in rows),
            new_bytes=new_bytes,
            headroom_ms=rules.headroom_ms(new_bytes, (known.bytes_per_day for known in usage.values())),
        )
        rules.check_cost(cost, limits)
        return cost, rows

    def _found(self, camera: str, order: PinOrder) -> pin_queries.FootageInInterval:
        found = self._database.read(
            partial(pin_queries.found_in, camera=camera, interval=order.interval, limit=rules.SEGMENTS_MAX)
        )
        if found is None:
            raise UnknownId(f"there is no camera {camera}", "`edgectl cameras` lists them")
        comes = order.interval.last_ms > self._clock.now().wall_ms
        if not found.rows and not found.recording and not comes:
            what = f"camera {camera} has no footage in this interval"
            raise OrderRefused(
                what, f"see edgectl segments --camera {camera}; leave it out, or choose another interval"
            )
        return found

    def _camera_cost(
        self, found: pin_queries.FootageInInterval, order: PinOrder, bytes_per_day: float | None
    ) -> CameraCost:
        now_ms, interval = self._clock.now().wall_ms, order.interval
        coming_ms = max(0, interval.last_ms - max(now_ms, interval.first_ms))
        return CameraCost(
            camera=found.camera,
            first_ms=min((row.true_start_ms for row in found.rows), default=None),
            last_ms=max((row.true_start_ms + row.duration_ms for row in found.rows), default=None),
            segments=len(found.rows),
            bytes=sum(row.bytes for row in found.rows),
            coming_bytes=int((bytes_per_day or 0.0) * coming_ms / rules.DAY_MS),
        )

    def _volume_costs(
        self, rows: Sequence[SegmentRow], new: Sequence[SegmentRow], coming_bytes: int
    ) -> tuple[VolumeCost, ...]:
        pinned = self._database.read(pins.pinned_bytes)
        statuses = self._box.statuses()
        roomiest = max(statuses, key=lambda status: status.limit_bytes - status.ring_bytes, default=None)
        touched = {row.volume for row in rows}
        costs = []
        for status in statuses:
            comes = coming_bytes if roomiest is not None and status.id == roomiest.id else 0
            if status.id in touched or comes:
                taken = sum(row.bytes for row in new if row.volume == status.id) + comes
                costs.append(VolumeCost(status.id, status.path, taken, pinned.get(status.id, 0), status.limit_bytes))
        return tuple(costs)

    def place(self, order: PinOrder, placer: Person, limits: Limits) -> tuple[Pin, Cost]:
        """Held, when this returns, and provisional."""
        is_key = placer.uid >= rules.KEYS_FIRST
        if is_key:
            rules.check_waiting(self._database.read(pins.lasting), placer.uid)
        cost, rows = self.cost(order, limits)
        if is_key:
            rules.check_again(self._database.read(pins.every), order.interval, cost.cameras)
        now = Point.of(self._life.boot, self._clock.now())
        told = Sidecar(
            self._new_id(now.wall_ms),
            PinState.PROVISIONAL,
            1,
            order,
            placer,
            None,
            self._clock.boot_id,
            now.boottime_ms,
            now.wall_ms,
        )
        present = self._box.present()
        filed = {present[volume]: found for volume, found in by_volume(rows, present).items()}
        try:
            self._file(told, filed)
            ids = [volume.id for volume in filed]
            entered = partial(self._enter, told=told, placed=now, filed=ids, segments=cost.segments)
            pin = self._database.submit(entered, yielding=True).result()
        except Exception as error:
            self._withdraw(told.id, filed)
            if isinstance(error, OSError):
                what = f"nothing was pinned: {error.filename or 'the disk'}: {error.strerror or error}"
                raise OrderRefused(
                    what, "look at the disk (edgectl status); edgectl fsck finds missing files"
                ) from error
            raise
        reach(Failpoint.PIN_DONE)
        try:
            self._filing.hold(pin, [row for found in filed.values() for row in found])
        except StoreError as error:
            log.warning("pin %s protects its interval; each segment is told of it later: %s", pin.id, error)
        return pin, cost

    def _file(self, told: Sidecar, filed: Mapping[Volume, Sequence[SegmentRow]]) -> None:
        for volume in filed:
            self._filing.write(volume, told.id, told)
        reach(Failpoint.PIN_SIDECAR)
        for volume, rows in filed.items():
            self._filing.link(volume, told.id, rows)
        reach(Failpoint.PIN_LINKED)
        for volume in filed:
            self._filing.sync(volume, told.id)
        reach(Failpoint.PIN_SYNCED)

    def _withdraw(self, pin_id: str, filed: Mapping[Volume, Sequence[SegmentRow]]) -> None:
        for volume in filed:
            with suppress(OSError):  # then it is adopted when the volume is read again, and lapses
                self._filing.withdraw(volume, pin_id)

    def _enter(self, connection: Connection, told: Sidecar, placed: Point, filed: Sequence[str], segments: int) -> Pin:
        """The transaction: garbage is looked for once more, because sweeps went on meanwhile."""
        if pins.count_lasting(connection) >= rules.LASTING_MAX:
            raise OrderRefused(f"{rules.LASTING_MAX} pins last already", "release what is needed no longer")
        pin = pins.insert(connection, told, placed, adopted=False)
        _refuse_garbage(connection, told.order)
        pin_queries.cover(connection, pin)
        for volume in filed:
            pins.mark_volume(connection, pin.number, volume, told.version)
        pins.note(connection, "placed", pin, placed.wall_ms, segments=segments)
        return pin

    def _new_id(self, wall_ms: int) -> str:
        day = datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y%m%d")
        while True:
            pin_id = f"P-{day}-{short_id(ID_LETTERS)}"
            if self._database.read(partial(pins.find, pin_id=pin_id)) is None:
                return pin_id


def _refuse_garbage(connection: Connection, order: PinOrder) -> None:
    garbage = pin_queries.garbage_in(connection, order)
    if garbage is not None:
        what = f"{garbage.path} is being destroyed: its time was over before it was pinned"
        raise OrderRefused(what, "choose an interval that does not touch it")


def check_approver(pin: Pin, approver: Person) -> None:
    """OrderRefused unless the pin was placed by somebody, and by another one. Pure."""
    if pin.placer == UNTOLD:
        what = f"nobody can tell who placed {pin.id}: the volume with its sidecar is away"
        raise OrderRefused(what, "mount its disk, or place another pin over the same footage")
    if pin.placer.uid == NOBODY:
        what = f"no login vouches for who placed {pin.id}, so nobody can tell whether that was another person"
        raise OrderRefused(what, "log in, and place another pin over the same footage")
    if pin.placer.uid == approver.uid:
        what = f"{pin.id} was placed by {approver.name}: it takes a second person"
        raise SamePerson(what, f"let somebody else log in and run: edgectl pin approve {pin.id}")
