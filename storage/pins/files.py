"""What pins have on the volumes, kept as the rows say: sidecars, links. Blocking; by one thread at a time.

Keeps S2 over a lost or older database: a sidecar without a row becomes a row before anything is destroyed on its
volume. Nothing here is decided but by rows and sidecars; what fails on one pin is told and tried again, and stops no
other.

`PinPlacement`: what a pin will hold and cost, then sidecar and links, then one transaction. Never half placed. Until
the transaction everything is taken back on any error; a crash leaves a sidecar without a row, which is adopted when
its volume is read. From the transaction on its interval protects, however long it takes to hold each segment of it
(L4).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import PurePosixPath
from sqlite3 import Connection
from typing import Final

from storage.ages.history import DaemonRun, Point
from storage.ages.table import history
from storage.approvals.service import short_id
from storage.approvals.table import NOBODY, Person
from storage.database.writer import Database
from storage.ledger import table as ledger_table
from storage.ledger.key import Keyring
from storage.pins import rules, sidecar
from storage.pins import table as pins_table
from storage.pins.rules import DAY_MS, CameraCost, Cost, Limits, Pin, PinOrder, PinState, VolumeCost
from storage.pins.sidecar import Sidecar
from storage.pins.table import UNTOLD
from storage.segments import queries
from storage.segments.queries import SegmentRow
from storage.volumes.volume import Volume
from storage.words.clock import Clock
from storage.words.errors import OrderRefused, SamePerson, StoreError, UnknownId, said, said_of
from storage.words.failpoints import Failpoint, reach
from storage.words.message import Message, message
from storage.words.model import CameraUsage, SegmentState, VolumeStatus

log = logging.getLogger("edged.storage.pins")

LINKS_LOOKED_AT: Final = 200
"""Links without a row of theirs that are looked up in one read."""
ID_LETTERS: Final = 4
"""Behind the day: 810,000 pins a day have names."""

STEP: Final = 128
"""Segments that are held, or let go of, in one transaction: each moves between indexes, and a commit may have to wait
(L4). Measured among a million: 3 ms, 17 at the most."""

UNVOUCHED_MS: Final = 30 * DAY_MS
"""What nobody vouches for protects from when it is found for so long, with an alarm: as a pin does of which nobody said
how long. Somebody planted it, or it was written while there was no key, and everything else was lost."""


class PinFiles:
    """Sidecars and links, brought to what the rows say."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock, keyring: Keyring) -> None:
        self._database = database
        self._life = life
        self._clock = clock
        self._keyring = keyring
        self.unvouched: set[str] = set()
        """Pins that were adopted on the word of a sidecar that bears no signature of this box."""
        self.troubles: dict[str, Message] = {}
        """By pin: what of it cannot be read, written or removed on a volume; without those that are well again."""
        self._strange: dict[str, set[str]] = {}
        """By volume: pins whose sidecars could not be understood there."""

    # --- placing and approving ----------------------------------------------------------------------------------

    def write(self, volume: Volume, pin_id: str, told: Sidecar) -> None:
        """Its sidecar, durable."""
        with volume.held() as fd:
            sidecar.write_sidecar(fd, pin_id, sidecar.to_json(told, self._keyring.key).encode())
        self.unvouched.discard(pin_id)

    def link(self, volume: Volume, pin_id: str, rows: Iterable[SegmentRow]) -> None:
        """One more name for each; not durable before `sync`."""
        with volume.held() as fd:
            for row in rows:
                sidecar.link(fd, pin_id, row.relative)

    def sync(self, volume: Volume, pin_id: str) -> None:
        with volume.held() as fd:
            sidecar.sync(fd, pin_id)

    def hold(self, pin: Pin, linked: Sequence[SegmentRow] = ()) -> None:
        """All that its interval covers is held, `linked` with its links. Until then the interval protects."""
        self._hold(pin, [row.id for row in linked], linked=True)
        covers, segments = self._database.read(partial(pins_table.to_hold, pin=pin.number))
        while covers:
            self._hold(pin, segments, linked=False)
            self._database.submit(partial(pins_table.settle, pin=pin.number, covers=covers), yielding=True).result()
            reach(Failpoint.PIN_HELD)
            covers, segments = self._database.read(partial(pins_table.to_hold, pin=pin.number))

    def hold_covered(self) -> None:
        """What a crash cut off, or what turned out to lie in an interval since."""
        for pin in self._database.read(pins_table.filling):
            self.hold(pin)

    def _hold(self, pin: Pin, segments: Sequence[int], *, linked: bool) -> None:
        for some in _steps(segments):
            held = partial(pins_table.hold, pin=pin.number, segments=some, linked=linked)
            self._database.submit(held, yielding=True).result()
            reach(Failpoint.PIN_HOLDING)

    def _mark(self, pin: Pin, segments: Sequence[int], *, linked: bool) -> None:
        """Remember whether these, at most a page, have their links."""
        if segments:
            marked = partial(pins_table.mark, pin=pin.number, segments=segments, linked=linked)
            self._database.submit(marked, yielding=True).result()

    def withdraw(self, volume: Volume, pin_id: str) -> None:
        """What was put there for a pin that does not come to be."""
        with volume.held() as fd:
            sidecar.remove_sidecar(fd, pin_id)
            sidecar.remove_links(fd, pin_id)

    # --- a volume comes -----------------------------------------------------------------------------------------

    def accept(self, volume: Volume) -> None:
        """Read every pin that lies there; from now on their rows protect. OSError: nobody knows what must be kept."""
        with volume.held() as fd:
            found = [(pin_id, sidecar.read_sidecar(fd, pin_id, sidecar.MAX_BYTES)) for pin_id in sidecar.pin_ids(fd)]
        self._strange[volume.id] = set()
        for pin_id, content in found:
            if content is None and self._database.read(partial(pins_table.find, pin_id=pin_id)) is None:
                self.withdraw(volume, pin_id)  # of a pin that was released, its sidecar went first
                continue
            self._accept(volume, pin_id, content)

    def look_again(self, volume: Volume) -> None:
        """Whether what could not be understood there has been mended, or is gone. OSError: nobody knows."""
        for pin_id in sorted(self._strange.get(volume.id, ())):
            with volume.held() as fd:
                content, there = sidecar.read_sidecar(fd, pin_id, sidecar.MAX_BYTES), pin_id in sidecar.pin_ids(fd)
            if content is not None or not there:  # or somebody is about to mend it
                self._strange[volume.id].discard(pin_id)
                if there:
                    self._accept(volume, pin_id, content)
                if pin_id not in self._strange[volume.id]:
                    self.troubles.pop(pin_id, None)

    def _accept(self, volume: Volume, pin_id: str, content: bytes | None) -> None:
        told = self._understood(volume, pin_id, content)
        if told is None and self._database.read(partial(pins_table.find, pin_id=pin_id)) is None:
            return  # its links hold what they hold until a person looks
        ours = content is not None and self._is_ours(content)
        fact = partial(self._reconcile, pin_id=pin_id, told=told, volume=volume.id, ours=ours)
        pin = self._database.submit(fact).result()
        if pin.state.lasts:
            if pin.adopted and not ours and told is not None:
                self.unvouched.add(pin_id)
            self.hold(pin)
            self._compare(volume, pin)

    def _is_ours(self, content: bytes) -> bool:
        """Signed with the key of this box, or one that it had."""
        keys = {one.public for one in self._database.read(ledger_table.every)} | {self._keyring.public}
        return sidecar.is_ours(content, [key for key in keys if key is not None])

    def _understood(self, volume: Volume, pin_id: str, content: bytes | None) -> Sidecar | None:
        if content is None:
            return None
        try:
            return sidecar.parse(content, pin_id)
        except ValueError as error:
            path = volume.path / sidecar.PINS_NAME / pin_id / sidecar.SIDECAR_NAME
            words = message(
                "pin.not-understood", "{path} cannot be understood: {reason}", path=str(path), reason=str(error)
            )
            if self.troubles.get(pin_id) != words:
                log.error("%s; its links are left as they are", words)  # noqa: TRY400
            self.troubles[pin_id] = words
            self._strange[volume.id].add(pin_id)
            return None

    def _reconcile(self, connection: Connection, pin_id: str, told: Sidecar | None, volume: str, *, ours: bool) -> Pin:
        """A row for what has none, the later version for what has an earlier one, if it is ours.

        A row is not made to last longer by what somebody else may have written. That is then told as a difference; what
        says the same, and was not signed for want of a key, is written anew.
        """
        pin = pins_table.find(connection, pin_id)
        version = told.version if told is not None else 0
        if pin is None:
            if told is None:
                raise ValueError(f"{pin_id} has neither row nor sidecar")
            pin = self._adopt(connection, told, ours=ours)
        elif told is not None:
            pins_table.complete(connection, pin, told)
            if not ours:
                same = told == sidecar.of_pin(pin, pins_table.boot_id(connection, pin.placed.boot))
                version = 0 if same and not pin.adopted else min(told.version, pin.version)
        if told is not None and pin.state.lasts:
            if told.version > pin.version and ours:
                pins_table.renew(connection, pin, told)
            if not pins_table.is_whole(connection, pin):  # adopted before all of its cameras were known
                pins_table.cover(connection, pin)
        pins_table.mark_volume(connection, pin.number, volume, version)
        return pins_table.find(connection, pin_id) or pin

    def _adopt(self, connection: Connection, told: Sidecar, *, ours: bool) -> Pin:
        """Its placing was cut off, or the database is older than the volume: nobody can tell, so it protects.

        One that was never answered is provisional and lapses unless somebody approves it. Of a boot that nobody
        counted its age is not known, and counts from now.
        """
        now = self._clock.now()
        boot = queries.boot_that_ran(connection, told.boot_id, told.boottime_ms)
        placed = Point(boot, told.boottime_ms, told.wall_ms) if boot is not None else Point.of(self._life.boot, now)
        if not ours:
            age_ms = history(connection, self._life.boot, self._clock).age(placed.boot, placed.boottime_ms).low_ms
            span_ms = min(told.order.span_ms, age_ms + UNVOUCHED_MS)
            told = replace(told, order=replace(told.order, span_ms=span_ms))
        pin = pins_table.insert(connection, told, placed, adopted=True)
        pins_table.cover(connection, pin)
        pins_table.note(connection, "adopted", pin, now.wall_ms, signed=ours)
        log.warning(
            "pin %s was found on a volume without a row%s: it holds again what it was placed for",
            pin.id,
            "" if ours else ", not signed by this box",
        )
        return pin

    def _compare(self, volume: Volume, pin: Pin) -> None:
        """Links that the rows believe in and that are not there are made anew; what has a link and no row of the pin is
        held as well, or loses its link where it is on its way out.

        A database that was lost goes by the interval alone; what was pinned before a clock was corrected may lie
        outside of it by true time.
        """
        with volume.held() as fd:
            present = sidecar.link_names(fd, pin.id)
        after, named = 0, set[str]()
        while rows := self._database.read(partial(pins_table.held, pin=pin.number, volume=volume.id, after=after)):
            after = rows[-1].id
            names = {row.id: sidecar.link_name(row.relative) for row in rows}
            named |= set(names.values())
            self._mark(pin, [number for number, name in names.items() if name not in present], linked=False)
        found = self._linked(volume, sorted(present - named))
        self._hold(pin, [row.id for row in found.values()], linked=False)
        condemned = [name for name, row in found.items() if row.state is SegmentState.GARBAGE]
        if condemned:  # before the pin could hold them: it was never answered
            with volume.held() as fd:
                sidecar.unlink(fd, pin.id, condemned)

    def _linked(self, volume: Volume, names: Sequence[str]) -> dict[str, SegmentRow]:
        """By link: the segment of this volume that it is of."""
        found: dict[str, SegmentRow] = {}
        for begin in range(0, len(names), LINKS_LOOKED_AT):
            page = names[begin : begin + LINKS_LOOKED_AT]
            paths = {path: name for name in page if (path := sidecar.path_of(name)) is not None}
            rows = self._database.read(partial(queries.rows_by_name, volume=volume.id, paths=list(paths)))
            found |= {paths[path]: row for path, row in rows.items()}
        return found

    # --- as the rows say ----------------------------------------------------------------------------------------

    def write_undone(self, volume: Volume) -> None:
        """Write, link and clear away what is undone on a volume."""
        for undone in self._database.read(partial(pins_table.undone, volume=volume.id)):
            pin = undone.pin
            try:
                if not pin.state.lasts:
                    self.clear(volume, pin)
                    self.troubles.pop(pin.id, None)
                    continue
                if undone.stale or self._lacks_sidecar(volume, pin):
                    boot_id = self._database.read(partial(pins_table.boot_id, boot=pin.placed.boot))
                    self.write(volume, pin.id, sidecar.of_pin(pin, boot_id))
                    self._database.submit(
                        partial(pins_table.mark_volume, pin=pin.number, volume=volume.id, version=pin.version)
                    ).result()
                self.link_missing(volume, pin)
                self.troubles.pop(pin.id, None)
            except OSError as error:
                words = said_of(volume.path / sidecar.PINS_NAME / pin.id, error)
                if self.troubles.get(pin.id) != words:
                    log.error("pin %s is not filed as it should be: %s", pin.id, words)  # noqa: TRY400
                self.troubles[pin.id] = words

    def _lacks_sidecar(self, volume: Volume, pin: Pin) -> bool:
        """Although its row says it was written: a placing that was told it had failed, and had not, withdrew it."""
        with volume.held() as fd:
            return sidecar.read_sidecar(fd, pin.id, 1) is None

    def put_back(self, volume: Volume, pin_id: str, lacks: PurePosixPath | None = None) -> None:
        """Sidecar and missing links of a pin that lasts, somebody having been at them, are made anew.

        `lacks`: a segment whose link is missing. Where its name is taken all was made anew just now, or what lies there
        is a copy: a disk that was copied without its hard links has ten thousands of them, and a copy may be evidence.
        """
        if lacks is not None:
            with volume.held() as fd:
                if sidecar.is_taken(fd, pin_id, lacks):
                    return
        pin = self._database.read(partial(pins_table.find, pin_id=pin_id))
        if pin is not None and pin.state.lasts:
            log.error("pin %s: what was removed or changed on %s is made anew", pin.id, volume.path)
            forgotten = partial(pins_table.mark_volume, pin=pin.number, volume=volume.id, version=0)
            self._database.submit(forgotten, yielding=True).result()
            self._compare(volume, pin)
            self.write_undone(volume)

    def link_missing(self, volume: Volume, pin: Pin) -> None:
        """Each segment that the pin holds there has its link. The first OSError is raised once the others are done."""
        after, failed = 0, None
        ask = partial(pins_table.held, pin=pin.number, volume=volume.id, unlinked=True)
        while rows := self._database.read(partial(ask, after=after)):
            after, done = rows[-1].id, []
            with volume.held() as fd:
                for row in rows:
                    try:
                        sidecar.link(fd, pin.id, row.relative)
                        done.append(row.id)
                    except OSError as error:
                        failed = failed or error
                if done:
                    sidecar.sync(fd, pin.id)
            self._mark(pin, done, linked=True)
        if failed is not None:
            raise failed

    def clear(self, volume: Volume, pin: Pin) -> None:
        """A pin that has ended leaves a volume: sidecar, links, then its hold on the segments."""
        with volume.held() as fd:
            sidecar.remove_sidecar(fd, pin.id)
            reach(Failpoint.RELEASE_SIDECAR)
            sidecar.remove_links(fd, pin.id)
        reach(Failpoint.RELEASE_UNLINKED)
        self.unvouched.discard(pin.id)
        self._forget(volume.id, pin)

    def clear_lost(self) -> None:
        """Nothing is to be cleared away of a volume that is gone for good; its rows leave in their time."""
        for pin, volume in self._database.read(pins_table.lost):
            self._forget(volume, pin)

    def let_go(self, volume: Volume, pin: Pin, rows: Sequence[SegmentRow]) -> None:
        """The pin holds these no longer, although it lasts."""
        with volume.held() as fd:
            sidecar.unlink(fd, pin.id, [sidecar.link_name(row.relative) for row in rows])
        self._release(pin, rows)

    def _release(self, pin: Pin, rows: Sequence[SegmentRow]) -> None:
        for some in _steps([row.id for row in rows]):
            self._database.submit(partial(pins_table.let_go, pin=pin.number, segments=some), yielding=True).result()

    def _forget(self, volume: str, pin: Pin) -> None:
        """The pin holds nothing there any more."""
        while rows := self._database.read(partial(pins_table.held, pin=pin.number, volume=volume, after=0)):
            self._release(pin, rows)
        self._database.submit(partial(pins_table.leave_volume, pin=pin.number, volume=volume)).result()


def _steps(segments: Sequence[int]) -> Iterator[Sequence[int]]:
    """As many at a time as one transaction takes."""
    return (segments[begin : begin + STEP] for begin in range(0, len(segments), STEP))


@dataclass(frozen=True, slots=True)
class StoreView:
    """What placing asks of the rest of the store."""

    present: Callable[[], Mapping[str, Volume]]
    """Volumes that are there and of whose footage the catalog knows."""
    there: Callable[[], Collection[str]]
    """Ids of all that are there."""
    statuses: Callable[[], Sequence[VolumeStatus]]
    usage: Callable[[], Sequence[CameraUsage]]


class PinPlacement:
    """A pin is costed and placed."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock, files: PinFiles, box: StoreView) -> None:
        self._database = database
        self._life = life
        self._clock = clock
        self._files = files
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

    def _found(self, camera: str, order: PinOrder) -> pins_table.FootageInInterval:
        found = self._database.read(
            partial(pins_table.found_in, camera=camera, interval=order.interval, limit=rules.SEGMENTS_MAX)
        )
        if found is None:
            raise UnknownId(
                message("camera.unknown", "there is no camera {camera}", camera=camera),
                message("camera.unknown.action", "`edgectl cameras` lists them"),
            )
        comes = order.interval.last_ms > self._clock.now().wall_ms
        if not found.rows and not found.recording and not comes:
            what = message("pin.no-footage", "camera {camera} has no footage in this interval", camera=camera)
            raise OrderRefused(
                what,
                message(
                    "pin.no-footage.action",
                    "see edgectl segments --camera {camera}; leave it out, or choose another interval",
                    camera=camera,
                ),
            )
        return found

    def _camera_cost(
        self, found: pins_table.FootageInInterval, order: PinOrder, bytes_per_day: float | None
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
        pinned = self._database.read(pins_table.pinned_bytes)
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
        """Held, when this returns; provisional, but for a request."""
        of_request = placer.uid == rules.REQUEST.uid
        is_key = placer.uid >= rules.KEYS_FIRST
        if is_key:
            rules.check_waiting(self._database.read(pins_table.lasting), placer.uid)
        cost, rows = self.cost(order, limits)
        if is_key:
            rules.check_again(self._database.read(pins_table.every), order.interval, cost.cameras)
        now = Point.of(self._life.boot, self._clock.now())
        told = Sidecar(
            self._new_id(now.wall_ms),
            PinState.APPROVED if of_request else PinState.PROVISIONAL,
            1,
            order,
            placer,
            order.case if of_request else None,
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
                what = message(
                    "pin.disk-failed",
                    "nothing was pinned: {where}: {reason}",
                    where=str(error.filename) if error.filename else message("pin.the-disk", "the disk"),
                    reason=said(error),
                )
                raise OrderRefused(
                    what,
                    message(
                        "pin.disk-failed.action", "look at the disk (edgectl status); edgectl fsck finds missing files"
                    ),
                ) from error
            raise
        reach(Failpoint.PIN_DONE)
        try:
            self._files.hold(pin, [row for found in filed.values() for row in found])
        except StoreError as error:
            log.warning("pin %s protects its interval; each segment is told of it later: %s", pin.id, error)
        return pin, cost

    def _file(self, told: Sidecar, filed: Mapping[Volume, Sequence[SegmentRow]]) -> None:
        for volume in filed:
            self._files.write(volume, told.id, told)
        reach(Failpoint.PIN_SIDECAR)
        for volume, rows in filed.items():
            self._files.link(volume, told.id, rows)
        reach(Failpoint.PIN_LINKED)
        for volume in filed:
            self._files.sync(volume, told.id)
        reach(Failpoint.PIN_SYNCED)

    def _withdraw(self, pin_id: str, filed: Mapping[Volume, Sequence[SegmentRow]]) -> None:
        for volume in filed:
            with suppress(OSError):  # then it is adopted when the volume is read again, and lapses
                self._files.withdraw(volume, pin_id)

    def _enter(self, connection: Connection, told: Sidecar, placed: Point, filed: Sequence[str], segments: int) -> Pin:
        """The transaction: garbage is looked for once more, because sweeps went on meanwhile."""
        if pins_table.count_lasting(connection) >= rules.LASTING_MAX:
            raise OrderRefused(
                message("pin.too-many", "{limit} pins last already", limit=rules.LASTING_MAX),
                message("pin.too-many.action", "release what is needed no longer"),
            )
        pin = pins_table.insert(connection, told, placed, adopted=False)
        _refuse_garbage(connection, told.order)
        pins_table.cover(connection, pin)
        for volume in filed:
            pins_table.mark_volume(connection, pin.number, volume, told.version)
        pins_table.note(connection, "placed", pin, placed.wall_ms, segments=segments)
        return pin

    def _new_id(self, wall_ms: int) -> str:
        day = datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y%m%d")
        while True:
            pin_id = f"P-{day}-{short_id(ID_LETTERS)}"
            if self._database.read(partial(pins_table.find, pin_id=pin_id)) is None:
                return pin_id


def by_volume(rows: Iterable[SegmentRow], present: Mapping[str, Volume]) -> dict[str, list[SegmentRow]]:
    """Rows of volumes that are there."""
    found: dict[str, list[SegmentRow]] = {}
    for row in rows:
        if row.volume in present:
            found.setdefault(row.volume, []).append(row)
    return found


def _refuse_garbage(connection: Connection, order: PinOrder) -> None:
    garbage = pins_table.garbage_in(connection, order)
    if garbage is not None:
        what = message(
            "pin.being-destroyed",
            "{path} is being destroyed: its time was over before it was pinned",
            path=str(garbage.path),
        )
        raise OrderRefused(what, message("pin.being-destroyed.action", "choose an interval that does not touch it"))


def check_approver(pin: Pin, approver: Person) -> None:
    """OrderRefused unless the pin was placed by somebody, and by another one. Pure."""
    if pin.placer == UNTOLD:
        what = message(
            "pin.placer-untold", "nobody can tell who placed {pin}: the volume with its sidecar is away", pin=pin.id
        )
        raise OrderRefused(
            what, message("pin.placer-untold.action", "mount its disk, or place another pin over the same footage")
        )
    if pin.placer.uid == NOBODY:
        what = message(
            "pin.placer-no-login",
            "no login vouches for who placed {pin}, so nobody can tell whether that was another person",
            pin=pin.id,
        )
        raise OrderRefused(
            what, message("pin.placer-no-login.action", "log in, and place another pin over the same footage")
        )
    if pin.placer.uid == approver.uid:
        what = message(
            "pin.same-person", "{pin} was placed by {who}: it takes a second person", pin=pin.id, who=approver.name
        )
        raise SamePerson(
            what,
            message(
                "pin.same-person.action", "let somebody else log in and run: edgectl pin approve {pin}", pin=pin.id
            ),
        )
