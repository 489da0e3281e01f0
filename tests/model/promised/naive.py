"""What is known of a box by whoever watched it: segments, pins, what was configured when, and the true time of each.

Written without the product's arithmetic. Two times are told of everything: the true one, by which nothing may go too
early (S1, S2), and the least that can be proven, by which nothing may stay too long (S3).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from storage.pins.rules import Ground, PinOrder
from storage.words.model import Bounds

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
WAIT_MS: Final = 24 * HOUR_MS
"""A shortened ceiling."""
PROVISIONAL_MS: Final = 72 * HOUR_MS
ROUNDING_MS: Final = 5
"""Clocks are read in whole milliseconds, two at a time."""
EVER_S: Final = 1 << 40


@dataclass(frozen=True, slots=True)
class At:
    """An instant: when it truly was, what the box's clocks said, and how far the slower one was behind in this boot."""

    true_ms: int
    boot: int
    boottime_ms: int
    wall_ms: int
    lag_us: int


@dataclass(frozen=True, slots=True)
class BootRow:
    """As the database has it."""

    ran_ms: int
    off_low_ms: int
    began_ms: int = 0
    """Above 0 where the box ran on and its database was lost: another one counted what was before."""


@dataclass
class Lives:
    """Running time, from the table of boots and from what the model saw of clocks that drift apart."""

    now: At
    boots: dict[int, BootRow] = field(default_factory=dict)
    lags: dict[int, int] = field(default_factory=dict)

    def low_ms(self, boot: int, boottime_ms: int, lag_us: int = 0) -> int:
        """The least age that can be proven. What happened behind a boot's last sign of life lived through its rest."""
        if boot == self.now.boot:
            return max(0, self.now.boottime_ms - boottime_ms - _ms(self.now.lag_us - lag_us))
        own = self.boots[boot].ran_ms - boottime_ms
        own = own if own < 0 else max(0, own - _ms(self.lags.get(boot, 0) - lag_us))
        following = self.boots[boot + 1].off_low_ms if boot + 1 in self.boots else 0
        low = max(0, own + following)
        for number, row in self.boots.items():
            if boot + 1 < number <= self.now.boot:
                low += row.off_low_ms
            if boot < number < self.now.boot:
                low += max(0, row.ran_ms - row.began_ms - _ms(self.lags.get(number, 0)))
        return low + max(0, self.now.boottime_ms - self._began_ms - _ms(self.now.lag_us))

    @property
    def _began_ms(self) -> int:
        row = self.boots.get(self.now.boot)
        return 0 if row is None else row.began_ms

    def low_since(self, at: At) -> int:
        return self.low_ms(at.boot, at.boottime_ms, at.lag_us)

    def true_since(self, at: At) -> int:
        return self.now.true_ms - at.true_ms


def _ms(us: int) -> int:
    return -(-us // 1000)


@dataclass
class Known:
    """A segment. It has to be there from its first whole fragment on, unless its volume is gone for good."""

    camera: str
    seq: int
    volume: str
    bounds: Bounds
    start: At
    end: At
    synced: bool = True
    fragments: int = 0
    sha256: bytes | None = None
    gone: bool = False
    """Destroyed in its time, or lost with its volume."""
    aged: bool = False
    """It was past its ceiling, by the bounds of that time."""
    untold: bool = False
    """It was in progress on a disk that is away when the database was lost: nobody knows of it until that is back."""
    learned: list[tuple[int, int]] = field(default_factory=list)
    """Of one recorded under a clock that nobody vouched for: at which true time it turned out to have begun when."""

    def told_at(self, true_ms: int) -> list[int]:
        """When it began, by all that anybody had said of it until then."""
        return [self.start.wall_ms, *(wall_ms for since_ms, wall_ms in self.learned if since_ms <= true_ms)]


@dataclass
class Held:
    """A pin."""

    order: PinOrder
    placed: At
    span_ms: int
    approved: bool = False

    @property
    def length_ms(self) -> int:
        return self.span_ms if self.approved else min(self.span_ms, PROVISIONAL_MS)

    def lasts(self, lives: Lives) -> bool:
        """By true time: before that no clock may end it."""
        return lives.true_since(self.placed) < self.length_ms - ROUNDING_MS

    def is_over(self, lives: Lives) -> bool:
        return lives.low_since(self.placed) >= self.length_ms + ROUNDING_MS

    def covers(self, known: Known) -> bool:
        """Beyond doubt, when it was placed: so it does for good, whatever turns out later."""
        return all(self._touches(known, start_ms) for start_ms in known.told_at(self.placed.true_ms))

    def may_cover(self, known: Known, lives: Lives) -> bool:
        return any(self._touches(known, start_ms) for start_ms in known.told_at(lives.now.true_ms))

    def _touches(self, known: Known, start_ms: int) -> bool:
        interval, end_ms = self.order.interval, start_ms + known.end.boottime_ms - known.start.boottime_ms
        return known.camera in self.order.cameras and start_ms < interval.last_ms and end_ms > interval.first_ms


@dataclass
class Work:
    """Maintenance that was announced."""

    id: str
    begun: At
    span_ms: int
    filed: bool = False
    """The volumes tell of it."""

    def lasts(self, lives: Lives) -> bool:
        """By true time."""
        return lives.true_since(self.begun) < self.span_ms - ROUNDING_MS

    def is_over(self, lives: Lives) -> bool:
        return lives.low_since(self.begun) >= self.span_ms + ROUNDING_MS


@dataclass
class Terms:
    """What was configured of one camera, since a sweep first heard of it; None: it was configured no longer."""

    told: list[tuple[At, Bounds | None]] = field(default_factory=list)

    def hear(self, at: At, bounds: Bounds | None) -> None:
        if (self.told[-1][1] if self.told else None) != bounds:
            self.told.append((at, bounds))

    def ceiling_s(self, configured: Bounds, ages_ms: Sequence[int]) -> int:
        """Ages of what was told, in its order. Before anything was, what is stamped held alone."""
        before = [EVER_S, *(EVER_S if bounds is None else bounds.ceiling_s for _, bounds in self.told)]
        held = [ceiling for ceiling, age_ms in zip(before, ages_ms, strict=False) if age_ms < WAIT_MS]
        return max([configured.ceiling_s, *held])


@dataclass
class Giving:
    """Whether floors may be overwritten, as the sweeps were told."""

    told: list[tuple[At, bool]] = field(default_factory=list)

    def hear(self, at: At, *, on: bool) -> None:
        if not self.told or self.told[-1][1] != on:
            self.told.append((at, on))

    def holds(self, lives: Lives) -> bool:
        """So since before the first sweep, or for a day by true time."""
        if not self.told or not self.told[-1][1]:
            return False
        return len(self.told) == 1 or lives.true_since(self.told[-1][0]) >= WAIT_MS - ROUNDING_MS


@dataclass
class Model:
    """All of it."""

    segments: dict[tuple[str, int], Known] = field(default_factory=dict)
    pins: dict[str, Held] = field(default_factory=dict)
    dormant: dict[str, Held] = field(default_factory=dict)
    """Pins of which only a disk that is away tells: a database that was lost has them again when it is back."""
    released: dict[str, Held] = field(default_factory=dict)
    """Pins of whose release no volume tells yet."""
    revived: dict[str, Held] = field(default_factory=dict)
    """Pins whose release was lost with the database, or of which no sidecar tells: they may hold again."""
    work: Work | None = None
    hushed: Work | None = None
    """Of whose end no volume tells yet."""
    rumour: bool = False
    """The database was lost with what no volume told of yet: work may be forgotten, or be under way again."""
    configured: dict[str, Bounds] = field(default_factory=dict)
    overwrite: bool = False
    giving: Giving = field(default_factory=Giving)
    lost: set[str] = field(default_factory=set)
    """Volumes that are gone for good."""
    went: Counter[str] = field(default_factory=Counter)
    """Segments, by the reason that was given."""
    early: dict[str, Terms] = field(default_factory=dict)
    """Of each camera that was ever enrolled."""
    late: dict[str, Terms] = field(default_factory=dict)
    """The same as far as nobody lost it: a ceiling may wait for longer than it must."""

    def hear(self, at: At) -> None:
        """A sweep begins."""
        self.giving.hear(at, on=self.overwrite)
        for terms in (self.early, self.late):
            for camera in terms:
                terms[camera].hear(at, self.configured.get(camera))

    def forget_terms(self) -> None:
        self.late = {camera: Terms() for camera in self.late}

    def forget_pins(self, on_disks: set[str], away: set[str]) -> int:
        """The database is lost, and with it pins of which no sidecar tells, and maybe no mirror; how many."""
        self.dormant |= {pin: held for pin, held in self.pins.items() if pin in away - on_disks}
        nowhere = self.pins.keys() - on_disks - away
        self.revived |= self.released | {pin: self.pins[pin] for pin in nowhere}
        self.pins = {pin: held for pin, held in self.pins.items() if pin in on_disks}
        return len(nowhere)

    def lose_sight(self, keys: Iterable[tuple[str, int]]) -> None:
        for key in keys:
            self.segments[key].untold = True

    def mirrored(self) -> None:
        """The volumes tell of all that there is."""
        self.released.clear()
        self.hushed = None
        if self.work is not None:
            self.work.filed = True

    def at_work(self, told: str | None) -> Work | None:
        """What lasts, where the box says that it is this."""
        if self.rumour:
            self.rumour = False
            if self.hushed is not None and self.hushed.id == told:
                self.work = self.hushed
            elif self.work is not None and told is None and not self.work.filed:
                self.work = None
        return self.work

    def learn(self, at: At) -> None:
        """The clock is vouched for, and with it what it would have shown earlier in this boot."""
        for known in self.segments.values():
            begun_ms = known.start.boottime_ms + at.wall_ms - at.boottime_ms
            if known.start.boot == at.boot and not known.synced and begun_ms not in known.told_at(at.true_ms):
                known.learned.append((at.true_ms, begun_ms))

    def wake(self, on_disks: set[str]) -> None:
        self.pins |= {pin: held for pin, held in self.dormant.items() if pin in on_disks}
        self.dormant = {pin: held for pin, held in self.dormant.items() if pin not in on_disks}

    def soonest(self, camera: str, stamped: Bounds, lives: Lives) -> Bounds:
        """The bounds that truly hold: nothing goes before."""
        terms = self.early[camera]
        return self._effective(camera, stamped, terms, [lives.true_since(at) + ROUNDING_MS for at, _ in terms.told])

    def latest(self, camera: str, stamped: Bounds, lives: Lives) -> Bounds:
        """The bounds that provably hold: whatever is past them goes."""
        terms = self.late[camera]
        return self._effective(camera, stamped, terms, [lives.low_since(at) - ROUNDING_MS for at, _ in terms.told])

    def _effective(self, camera: str, stamped: Bounds, terms: Terms, ages_ms: Sequence[int]) -> Bounds:
        configured = self.configured.get(camera)
        if configured is None:
            return stamped
        shortest = min(stamped.ceiling_s, terms.ceiling_s(configured, ages_ms))
        ceiling_s = max(stamped.floor_s, shortest)
        return Bounds(min(ceiling_s, max(stamped.floor_s, configured.floor_s)), ceiling_s)

    def holders(self, known: Known, lives: Lives) -> Iterator[str]:
        """Pins without which it may not be: they last by true time, and it is not past what an internal one holds."""
        self.see_age(known, lives)
        for pin_id, pin in self.pins.items():
            if pin.lasts(lives) and pin.covers(known) and not (known.aged and pin.order.ground is Ground.INTERNAL):
                yield pin_id

    def see_age(self, known: Known, lives: Lives) -> None:
        """Call it at each step: an internal pin lets go at a ceiling, and takes no hold again where that is lengthened
        before the next sweep.
        """
        ceiling_ms = self.soonest(known.camera, known.bounds, lives).ceiling_s * 1000
        known.aged |= lives.true_since(known.start) >= ceiling_ms - ROUNDING_MS

    def may_hold(self, known: Known, lives: Lives) -> bool:
        """Whether any pin may be what it stays for."""
        ceiling_ms = self.latest(known.camera, known.bounds, lives).ceiling_s * 1000
        past = lives.low_since(known.start) >= ceiling_ms + ROUNDING_MS
        return any(
            pin.may_cover(known, lives)
            and not pin.is_over(lives)
            and not (past and pin.order.ground is Ground.INTERNAL)
            for pin in (*self.pins.values(), *self.revived.values())
        )
