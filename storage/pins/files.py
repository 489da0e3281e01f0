"""What pins have on the volumes, kept as the rows say: sidecars, links. Blocking; by one thread at a time.

Keeps S2 over a lost or older database: a sidecar without a row becomes a row before anything is destroyed on its
volume. Nothing here is decided but by rows and sidecars; what fails on one pin is told and tried again, and stops no
other.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from sqlite3 import Connection
from typing import Final

from storage.ages.runs import DaemonRun, Point
from storage.ages.table import history
from storage.database.writer import Database
from storage.ledger import generations_table
from storage.ledger.key import Keyring
from storage.pins import queries as pin_queries
from storage.pins import sidecar
from storage.pins import table as pins
from storage.pins.rules import DAY_MS, Pin
from storage.pins.sidecar import Sidecar
from storage.segments import queries
from storage.segments.queries import SegmentRow
from storage.volumes.volume import Volume
from storage.words.clock import Clock
from storage.words.failpoints import Failpoint, reach
from storage.words.model import SegmentState

log = logging.getLogger("edged.pins")

LINKS_LOOKED_AT: Final = 200
"""Links without a row of theirs that are looked up in one read."""

STEP: Final = 128
"""Segments that are held, or let go of, in one transaction: each moves between indexes, and a commit may have to wait
(L4). Measured among a million: 3 ms, 17 at the most."""

UNVOUCHED_MS: Final = 30 * DAY_MS
"""What nobody vouches for protects from when it is found for so long, with an alarm: as a pin does of which nobody said
how long. Somebody planted it, or an older version wrote it and everything else was lost."""


class Filing:
    """See the module."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock, keyring: Keyring) -> None:
        self._database = database
        self._life = life
        self._clock = clock
        self._keyring = keyring
        self.unvouched: set[str] = set()
        """Pins that were adopted on the word of a sidecar that bears no signature of this box."""
        self.troubles: dict[str, str] = {}
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
        covers, segments = self._database.read(partial(pin_queries.to_hold, pin=pin.number))
        while covers:
            self._hold(pin, segments, linked=False)
            self._database.submit(partial(pin_queries.settle, pin=pin.number, covers=covers), yielding=True).result()
            reach(Failpoint.PIN_HELD)
            covers, segments = self._database.read(partial(pin_queries.to_hold, pin=pin.number))

    def hold_covered(self) -> None:
        """What a crash cut off, or what turned out to lie in an interval since."""
        for pin in self._database.read(pins.covering):
            self.hold(pin)

    def _hold(self, pin: Pin, segments: Sequence[int], *, linked: bool) -> None:
        for some in _steps(segments):
            held = partial(pin_queries.hold, pin=pin.number, segments=some, linked=linked)
            self._database.submit(held, yielding=True).result()
            reach(Failpoint.PIN_HOLDING)

    def _mark(self, pin: Pin, segments: Sequence[int], *, linked: bool) -> None:
        """Remember whether these, at most a page, have their links."""
        if segments:
            marked = partial(pins.mark, pin=pin.number, segments=segments, linked=linked)
            self._database.submit(marked, yielding=True).result()

    def withdraw(self, volume: Volume, pin_id: str) -> None:
        """What was put there for a pin that does not come to be."""
        with volume.held() as fd:
            sidecar.remove_sidecar(fd, pin_id)
            sidecar.remove_links(fd, pin_id)

    # --- a volume comes -----------------------------------------------------------------------------------------

    def take_in(self, volume: Volume) -> None:
        """Read every pin that lies there; from now on their rows protect. OSError: nobody knows what must be kept."""
        with volume.held() as fd:
            found = [(pin_id, sidecar.read_sidecar(fd, pin_id, sidecar.MAX_BYTES)) for pin_id in sidecar.pin_ids(fd)]
        self._strange[volume.id] = set()
        for pin_id, content in found:
            if content is None and self._database.read(partial(pins.find, pin_id=pin_id)) is None:
                self.withdraw(volume, pin_id)  # of a pin that was released, its sidecar went first
                continue
            self._take_in(volume, pin_id, content)

    def look_again(self, volume: Volume) -> None:
        """Whether what could not be understood there has been mended, or is gone. OSError: nobody knows."""
        for pin_id in sorted(self._strange.get(volume.id, ())):
            with volume.held() as fd:
                content, there = sidecar.read_sidecar(fd, pin_id, sidecar.MAX_BYTES), pin_id in sidecar.pin_ids(fd)
            if content is not None or not there:  # or somebody is about to mend it
                self._strange[volume.id].discard(pin_id)
                if there:
                    self._take_in(volume, pin_id, content)
                if pin_id not in self._strange[volume.id]:
                    self.troubles.pop(pin_id, None)

    def _take_in(self, volume: Volume, pin_id: str, content: bytes | None) -> None:
        told = self._understood(volume, pin_id, content)
        if told is None and self._database.read(partial(pins.find, pin_id=pin_id)) is None:
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
        keys = {one.public for one in self._database.read(generations_table.every)} | {self._keyring.public}
        return sidecar.is_ours(content, [key for key in keys if key is not None])

    def _understood(self, volume: Volume, pin_id: str, content: bytes | None) -> Sidecar | None:
        if content is None:
            return None
        try:
            return sidecar.parse(content, pin_id)
        except ValueError as error:
            path = volume.path / sidecar.PINS_NAME / pin_id / sidecar.SIDECAR_NAME
            words = f"{path} cannot be understood: {error}"
            if self.troubles.get(pin_id) != words:
                log.error("%s; its links are left as they are", words)  # noqa: TRY400
            self.troubles[pin_id] = words
            self._strange[volume.id].add(pin_id)
            return None

    def _reconcile(self, connection: Connection, pin_id: str, told: Sidecar | None, volume: str, *, ours: bool) -> Pin:
        """A row for what has none, the later version for what has an earlier one, if it is ours.

        A row is not made to last longer by what somebody else may have written. That is then told as a difference; what
        says the same, and an earlier version did not sign, is written anew.
        """
        pin = pins.find(connection, pin_id)
        version = told.version if told is not None else 0
        if pin is None:
            if told is None:
                raise ValueError(f"{pin_id} has neither row nor sidecar")
            pin = self._adopt(connection, told, ours=ours)
        elif told is not None:
            pin_queries.complete(connection, pin, told)
            if not ours:
                same = told == sidecar.of_pin(pin, pins.boot_id(connection, pin.placed.boot))
                version = 0 if same and not pin.adopted else min(told.version, pin.version)
        if told is not None and pin.state.lasts:
            if told.version > pin.version and ours:
                pins.renew(connection, pin, told)
            if not pin_queries.is_whole(connection, pin):  # adopted before all of its cameras were known
                pin_queries.cover(connection, pin)
        pins.mark_volume(connection, pin.number, volume, version)
        return pins.find(connection, pin_id) or pin

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
        pin = pins.insert(connection, told, placed, adopted=True)
        pin_queries.cover(connection, pin)
        pins.note(connection, "adopted", pin, now.wall_ms, signed=ours)
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
        while rows := self._database.read(partial(pins.held, pin=pin.number, volume=volume.id, after=after)):
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

    def work_off(self, volume: Volume) -> None:
        """Write, link and clear away what is undone on a volume."""
        for undone in self._database.read(partial(pins.undone, volume=volume.id)):
            pin = undone.pin
            try:
                if not pin.state.lasts:
                    self.clear(volume, pin)
                    self.troubles.pop(pin.id, None)
                    continue
                if undone.stale or self._lacks_sidecar(volume, pin):
                    boot_id = self._database.read(partial(pins.boot_id, boot=pin.placed.boot))
                    self.write(volume, pin.id, sidecar.of_pin(pin, boot_id))
                    self._database.submit(
                        partial(pins.mark_volume, pin=pin.number, volume=volume.id, version=pin.version)
                    ).result()
                self.link_missing(volume, pin)
                self.troubles.pop(pin.id, None)
            except OSError as error:
                words = f"{volume.path / sidecar.PINS_NAME / pin.id}: {error.strerror or error}"
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
        pin = self._database.read(partial(pins.find, pin_id=pin_id))
        if pin is not None and pin.state.lasts:
            log.error("pin %s: what was removed or changed on %s is made anew", pin.id, volume.path)
            forgotten = partial(pins.mark_volume, pin=pin.number, volume=volume.id, version=0)
            self._database.submit(forgotten, yielding=True).result()
            self._compare(volume, pin)
            self.work_off(volume)

    def link_missing(self, volume: Volume, pin: Pin) -> None:
        """Each segment that the pin holds there has its link. The first OSError is raised once the others are done."""
        after, failed = 0, None
        ask = partial(pins.held, pin=pin.number, volume=volume.id, unlinked=True)
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
        """Nothing is to be cleared away of a volume that is gone for good; its rows leave in their time (`Disks`)."""
        for pin, volume in self._database.read(pins.lost):
            self._forget(volume, pin)

    def let_go(self, volume: Volume, pin: Pin, rows: Sequence[SegmentRow]) -> None:
        """The pin holds these no longer, although it lasts."""
        with volume.held() as fd:
            sidecar.unlink(fd, pin.id, [sidecar.link_name(row.relative) for row in rows])
        self._release(pin, rows)

    def _release(self, pin: Pin, rows: Sequence[SegmentRow]) -> None:
        for some in _steps([row.id for row in rows]):
            self._database.submit(partial(pins.let_go, pin=pin.number, segments=some), yielding=True).result()

    def _forget(self, volume: str, pin: Pin) -> None:
        """The pin holds nothing there any more."""
        while rows := self._database.read(partial(pins.held, pin=pin.number, volume=volume, after=0)):
            self._release(pin, rows)
        self._database.submit(partial(pins.leave_volume, pin=pin.number, volume=volume)).result()


def _steps(segments: Sequence[int]) -> Iterator[Sequence[int]]:
    """As many at a time as one transaction takes."""
    return (segments[begin : begin + STEP] for begin in range(0, len(segments), STEP))


def by_volume(rows: Iterable[SegmentRow], present: Mapping[str, Volume]) -> dict[str, list[SegmentRow]]:
    """Rows of volumes that are there."""
    found: dict[str, list[SegmentRow]] = {}
    for row in rows:
        if row.volume in present:
            found.setdefault(row.volume, []).append(row)
    return found
