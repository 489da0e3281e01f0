"""銷毀紀錄 and a month's account: what was destroyed, page by page, and all that can be said of a month of one camera.

Blocking, thread-safe, reads only; one page of the ledger lies in memory. What is said follows from the entries
themselves (`storage.retention.destruction`) and from the same account of time that `Store.coverage` gives.

What a judgement by clause rests on and no other question answers is told here: causes of gaps, the register read on,
since when. The judgement itself is `edged.compliance`. The register is read from where the last look
ended, `PAGES_MAX` blocks of leaves at a time, so that the first look at a large one delays nothing else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Final, TypeAlias

from storage.ages.history import DaemonRun, Point
from storage.database.writer import Database
from storage.ledger import table as ledger_table
from storage.ledger.queries import LeafFilter, LedgerListing, ListedLeaf
from storage.ledger.table import Leaf, LeafEntry
from storage.mirror import table as mirror_table
from storage.pins import table as pins_table
from storage.pins.rules import Ground, Pin
from storage.register import queries as register_queries
from storage.register.queries import Amount, Aside, Kept, Shift, Tally, Violation
from storage.retention import destruction
from storage.retention.destruction import Destruction, Rule, Totals, Verdict
from storage.segments import coverage_queries, findings_table, queries
from storage.segments.coverage_queries import CoverageShares
from storage.segments.queries import PAGE_MAX
from storage.words.clock import Clock
from storage.words.model import Bounds, Gap, Segment

GAPS_NAMED: Final = 100
"""Gaps named one by one, the longest; all are counted by cause. A camera that stutters makes ten thousand a month."""
Span: TypeAlias = tuple[int | None, int | None]
"""From when to when, by wall clock; None: without a bound."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the register. Both spans hold."""

    camera: str | None = None
    destroyed: Span = (None, None)
    """When it was destroyed."""
    recorded: Span = (None, None)
    """When it was recorded, by true time."""
    after: int = 0
    """Only entries of higher numbers than this leaf's."""


@dataclass(frozen=True, slots=True)
class Entered:
    """An entry of the register, and who vouches for it."""

    what: Destruction
    listed: ListedLeaf
    pins: tuple[str, ...] = ()
    """Of one beyond its ceiling: ids of the pins that may have kept it."""


@dataclass(frozen=True, slots=True)
class RegisterPage:
    """Some entries; there may be more where it is empty. `unread`: leaves that nobody can read."""

    entries: list[Entered] = field(default_factory=list)
    unread: int = 0
    end: int = 0
    """The number behind the last leaf that was looked at for it."""


@dataclass(frozen=True, slots=True)
class LostVolume:
    """A volume was gone for good, and footage with it."""

    leaf: int
    told_ms: int
    volume: str
    segments: int
    below_floor: int
    pinned: int


@dataclass(slots=True)
class KeptFootage:
    """What is still there of an interval."""

    segments: int = 0
    bytes: int = 0
    duration_ms: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    pinned: int = 0
    away: int = 0
    """On volumes that are not there now."""
    lost: int = 0
    """Not there any more: gone with their volumes. In none of the other figures."""
    unproven: int = 0
    """Found on a disk; nothing from the time itself vouches for them."""
    stamped: Counter[Bounds] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, one: Segment, *, pinned: bool, away: bool) -> None:
        if one.lost:
            self.lost += 1
            return
        start_ms, length_ms = one.true_start.wall_ms, one.end.wall_ms - one.start.wall_ms
        self.segments += 1
        self.bytes += one.bytes
        self.duration_ms += length_ms
        self.first_ms = start_ms if self.first_ms is None else min(self.first_ms, start_ms)
        self.last_ms = start_ms + length_ms if self.last_ms is None else max(self.last_ms, start_ms + length_ms)
        self.pinned += pinned
        self.away += away
        self.unproven += one.unproven
        self.stamped[one.bounds] += 1


@dataclass(frozen=True, slots=True)
class FootageAccount:
    """All that can be said of an interval of one camera."""

    camera: str
    from_ms: int
    to_ms: int
    known_since_ms: int | None
    shares: CoverageShares
    counts: Mapping[str, int]
    """Gaps by cause."""
    gaps: list[tuple[Gap, int | None]]
    """The longest, each with its leaf."""
    held: KeptFootage
    aside: Aside
    destroyed: Totals
    pins: list[Pin]
    looked_ms: int | None
    """When the last look at all files was over that faults are known from; None: there was none."""
    leaf: int
    """The last leaf that there was when all this had been read."""


class Register:
    """Of one store."""

    def __init__(
        self,
        database: Database,
        life: DaemonRun,
        clock: Clock,
        leaves: LedgerListing,
        present: Callable[[], Mapping[str, object]],
    ) -> None:
        """`present`: volumes that are there, by id."""
        self._database = database
        self._life = life
        self._clock = clock
        self._leaves = leaves
        self._present = present

    def pages(self, asked: Asked) -> Iterator[RegisterPage]:
        """In the order in which it was destroyed."""
        moved = self._database.read(register_queries.shifts)
        from_ms, to_ms = _bounded(asked.recorded)
        windows = None if asked.recorded == (None, None) else register_queries.windows(moved, from_ms, to_ms)
        holders = [pin for pin in self._database.read(pins_table.every) if pin.order.ground is not Ground.INTERNAL]
        wanted = LeafFilter(*asked.destroyed, destruction.KINDS, asked.camera, recorded=windows)
        for page in self._leaves.pages(wanted, None, asked.after):
            found = [(_moved(destruction.read(one.told.entry), moved), one) for one in page.leaves]
            yield RegisterPage(
                [
                    Entered(what, one, _holders(what, holders))
                    for what, one in found
                    if what is not None and (windows is None or what.touches(from_ms, to_ms))
                ],
                sum(what is None for what, _ in found),
                page.end,
            )

    def losses(self, destroyed: Span) -> list[LostVolume]:
        """Volumes that were told to be gone for good in that time; a handful in the life of a box."""
        found = []
        for page in self._leaves.pages(LeafFilter(*destroyed, frozenset({Leaf.VOLUME.value})), None):
            for entry in (one.told.entry for one in page.leaves):
                loss = _loss(entry)
                if loss is not None:
                    found.append(loss)
        return found

    def account(self, camera: str, from_ms: int, to_ms: int) -> FootageAccount:
        """All that can be said of it; what has not happened yet is left out."""
        now = Point.of(self._life.boot, self._clock.now())
        to_ms = max(from_ms, min(to_ms, now.wall_ms))
        read = self._database.read
        claim, recorded = coverage_queries.gather(read, camera, from_ms, to_ms, now)
        gaps, counts = self._gaps(camera, from_ms, to_ms, now.wall_ms)
        destroyed = Totals()
        for page in self.pages(Asked(camera, recorded=(from_ms, to_ms))):
            for one in page.entries:
                destroyed.add(one.what, one.pins)
            destroyed.unread += page.unread
        scan = read(findings_table.rescan)
        return FootageAccount(
            camera=camera,
            from_ms=from_ms,
            to_ms=to_ms,
            known_since_ms=claim.known_since_ms,
            shares=coverage_queries.shares(claim, recorded, from_ms, to_ms),
            counts=counts,
            gaps=gaps,
            held=self._held(camera, from_ms, to_ms),
            aside=read(partial(register_queries.aside, camera=camera, from_ms=from_ms, to_ms=to_ms)),
            destroyed=destroyed,
            pins=read(partial(register_queries.reaching, camera=camera, from_ms=from_ms, to_ms=to_ms)),
            looked_ms=(scan.began_ms if scan.done else scan.before_ms) or None,
            leaf=read(mirror_table.last_leaf),
        )

    def leaf_time_ms(self, number: int) -> int | None:
        """When a leaf was entered, by the wall clock."""
        entry = self._database.read(partial(ledger_table.leaf, number=number))
        return None if entry is None else entry.wall_ms

    def _gaps(
        self, camera: str, from_ms: int, to_ms: int, now_ms: int
    ) -> tuple[list[tuple[Gap, int | None]], Counter[str]]:
        counts, longest, after = Counter[str](), list[Gap](), None
        while True:
            page = self._database.read(
                partial(queries.gaps, camera=camera, start_ms=from_ms, end_ms=to_ms, after=after, limit=PAGE_MAX)
            )
            counts.update(gap.cause.value for gap in page)
            longest = sorted([*longest, *page], key=lambda gap: _missing_ms(gap, from_ms, to_ms, now_ms), reverse=True)
            longest = longest[:GAPS_NAMED]
            if len(page) < PAGE_MAX:
                break
            after = page[-1]
        leaves = self._database.read(partial(register_queries.leaves_of, gaps=[gap.id for gap in longest]))
        told = [(gap, leaves.get(gap.id)) for gap in longest]
        return sorted(told, key=lambda one: (one[0].true_start.wall_ms, one[0].id)), counts

    def _held(self, camera: str, from_ms: int, to_ms: int) -> KeptFootage:
        held, here, after = KeptFootage(), set(self._present()), None
        while True:
            page = self._database.read(
                partial(queries.segments, camera=camera, start_ms=from_ms, end_ms=to_ms, after=after, limit=PAGE_MAX)
            )
            ids = [one.id for one in page]
            pinned = self._database.read(partial(pins_table.ids_of, segments=ids))
            for one in page:
                held.add(one, pinned=one.id in pinned, away=one.volume not in here)
            held.faults.update(self._database.read(partial(register_queries.faults, segments=ids)))
            if len(page) < PAGE_MAX:
                return held
            after = page[-1]


def _loss(entry: LeafEntry) -> LostVolume | None:
    """None for what else became of a volume, and for what only says that its loss is seen to."""
    try:
        body = json.loads(entry.body)
        if body["event"] != "lost" or body.get("noted"):
            return None
        counts = (int(body[name]) for name in ("segments", "below_floor", "pinned"))
        return LostVolume(entry.number, entry.wall_ms, str(body["volume"]), *counts)
    except (LookupError, TypeError, ValueError):
        return None


def _missing_ms(gap: Gap, from_ms: int, to_ms: int, now_ms: int) -> int:
    """Of the interval, by recorded time."""
    return sum(max(0, min(end, to_ms) - max(start, from_ms)) for start, end in gap.missing(now_ms))


def _moved(found: Destruction | None, moved: list[Shift]) -> Destruction | None:
    """With its true time."""
    if found is None:
        return None
    known = (shift.of(found) for shift in moved)
    correction_ms = next((ms for ms in known if ms is not None), None)
    return found if correction_ms is None else found.corrected(correction_ms)


def _holders(found: Destruction, holders: list[Pin]) -> tuple[str, ...]:
    """Of one beyond its ceiling: pins that cross ceilings and touch it, by either time, as when they were placed."""
    if found.verdict is not Verdict.LATE:
        return ()
    starts_ms = {found.start_ms, found.true_start_ms}
    return tuple(
        pin.id
        for pin in holders
        if found.camera in pin.order.cameras
        and any(pin.order.interval.touches(start_ms, found.duration_ms) for start_ms in starts_ms)
    )


def _bounded(span: Span) -> tuple[int, int]:
    return -(1 << 61) if span[0] is None else span[0], 1 << 61 if span[1] is None else span[1]


PAGES_MAX: Final = 256
"""Blocks of 1024 leaves in one go: a second or two."""
WORTH_KEEPING: Final = 8
"""Blocks that need not be looked at again are written down, also where they tell of nothing destroyed."""


class Compliance:
    """Of one store."""

    def __init__(
        self,
        database: Database,
        life: DaemonRun,
        clock: Clock,
        register: Register,
        waiting: Callable[[], Collection[str]],
    ) -> None:
        """`waiting`: volumes that are there and whose leaves have to be read first."""
        self._database = database
        self._life = life
        self._clock = clock
        self._register = register
        self._waiting = waiting

    def kept(self) -> dict[str, Kept]:
        """How each clause stood when that was last written down."""
        return self._database.read(register_queries.kept)

    def keep(self, now: Mapping[str, Kept]) -> Future[None]:
        """In place of that. Delays no commit (L4)."""
        return self._database.submit(partial(register_queries.keep, now=now), yielding=True)

    def shares(self, camera: str, start_ms: int, end_ms: int) -> CoverageShares:
        """錄影完整率 with the causes of what is missing."""
        now = Point.of(self._life.boot, self._clock.now())
        claim, recorded = coverage_queries.gather(self._database.read, camera, start_ms, end_ms, now)
        return coverage_queries.shares(claim, recorded, start_ms, end_ms)

    def read_on(self) -> Tally | None:
        """What the register says, read up to now; None where it is not there yet, or being made anew."""
        if self._waiting():
            return None
        last = self._database.read(mirror_table.last_leaf)
        before = self._database.read(register_queries.tally)
        pages = list(islice(self._register.pages(Asked(after=before.leaf)), PAGES_MAX))
        whole = len(pages) < PAGES_MAX
        leaf = last if whole else min(last, pages[-1].end - 1)
        entries = [one for page in pages for one in page.entries if one.what.leaf <= leaf]
        now = counted(before, entries, leaf)
        if entries or len(pages) >= WORTH_KEEPING:
            self._database.submit(partial(register_queries.remember, read=now), yielding=True).result()
        return now if whole else None


def counted(before: Tally, entries: list[Entered], leaf: int) -> Tally:
    """The tally with these entries, up to this leaf. Pure."""
    faults = dict(before.faults)
    for one in entries:
        if (kind := _against(one)) is not None:
            key = one.what.camera, kind
            segments = faults[key].segments if key in faults else 0
            faults[key] = Amount(segments + 1, one.what.leaf, one.what.entered_ms)
    return Tally(leaf, before.segments + len(entries), faults)


def _against(one: Entered) -> Violation | None:
    match one.what.verdict:
        case Verdict.EARLY:
            return Violation.PERMITTED if one.what.rule is Rule.OVERWRITE else Violation.EARLY
        case Verdict.LATE if not one.pins:
            return Violation.LATE
    return None
