"""Tombstones that should not be: of what was younger than its floor, and of what a pin held; and the tables beside.

Blocking, read-only, in short reads. Who forges a tombstone for footage that he removed by hand has to lie in it; what
gives him away is when the leaf was entered, and what boots and pins were then.

`besides` looks at whatever decides by leaves, says who, or leads to a leaf. It is bounded by boots, clocks, pins and
findings, of which there are some thousand.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from sqlite3 import Connection
from typing import Final

from storage.ages.history import History
from storage.audit import queries as audit_queries
from storage.audit.findings import Code, LedgerFinding, at_leaf
from storage.audit.ledger_state import LedgerState, PinRecord
from storage.audit.queries import Fact, StoredState
from storage.integrity.inspect_file import Pace, unpaced
from storage.ledger import queries as ledger_queries
from storage.ledger.queries import LeafFilter
from storage.ledger.table import Leaf, commitment
from storage.pins.rules import Interval
from storage.register import queries as register_queries
from storage.register.queries import Shift
from storage.retention import destruction
from storage.retention.destruction import DestroyedLeaf, Destruction, Rule
from storage.segments.coverage_queries import ReadQuery
from storage.words.message import message

SLACK_MS: Final = 600_000
"""What they tell of may have ended so long before they were entered."""


@dataclass(frozen=True, slots=True)
class SuspectTombstone:
    """A tombstone, as far as it matters here."""

    number: int
    told: DestroyedLeaf


def is_suspect(told: DestroyedLeaf, entered_ms: int) -> bool:
    """By the wall clock it was entered before the floor was over. Only a hint: that clock may have been set. Pure."""
    if told.rule in (None, Rule.OVERWRITE.value) or told.floor_s is None:
        return False
    return entered_ms - told.start.wall_ms - told.duration_ms < told.floor_s * 1000


def early(
    read: ReadQuery, ages: History, boots: dict[int, str], suspects: Iterable[SuspectTombstone]
) -> Iterator[LedgerFinding]:
    """Those that were younger than their floor for certain, by running time."""
    for tomb in suspects:
        start, floor_ms = tomb.told.start, (tomb.told.floor_s or 0) * 1000
        if boots.get(start.boot) != start.id:
            continue  # nobody can say
        end_ms = start.boottime_ms + tomb.told.duration_ms
        kept_ms = _kept_ms(ages, (start.boot, end_ms), read(partial(audit_queries.entered_at, after=tomb.number)))
        if kept_ms is not None and kept_ms + SLACK_MS < floor_ms:
            what = message(
                "ledger.destroyed-early",
                "segment {number} of {camera} was destroyed {kept} s after it was recorded, at the most; its floor is"
                " {floor} s",
                number=tomb.told.seq,
                camera=tomb.told.camera,
                kept=kept_ms // 1000,
                floor=floor_ms // 1000,
            )
            yield LedgerFinding(Code.DESTROYED_EARLY, at_leaf(tomb.number), what)


def _kept_ms(ages: History, end: tuple[int, int], entered: tuple[int, int] | None) -> int | None:
    """How long it was there at the most; None: nobody can say."""
    if entered is not None and entered[0] == end[0]:
        return entered[1] - end[1]
    since = ages.age(*end).high_ms
    if since is None:
        return None
    return since if entered is None else since - ages.age(*entered).low_ms


def under_pins(read: ReadQuery, ground: LedgerState, pace: Pace = unpaced) -> Iterator[LedgerFinding]:
    """Those of what a pin held then: by the time that it was recorded under and by every true one that was ever told
    of it, to be certain.
    """
    moved = read(register_queries.shifts)
    for name, pin in ground.pins.items():
        body = pin.body
        if body.ground == "internal" or not pin.placed:
            continue
        interval = Interval(body.first_ms, body.last_ms)
        wanted = LeafFilter(
            kinds=frozenset({Leaf.DESTROYED.value}), recorded=register_queries.windows(moved, *_bounds(interval))
        )
        for block in read(partial(ledger_queries.candidates, wanted=wanted)):
            if (block + 1) << ledger_queries.BITS <= pin.first or (
                not body.lasts and block << ledger_queries.BITS > pin.last
            ):
                continue
            began = time.monotonic()
            for one in read(partial(ledger_queries.matches, wanted=wanted, block=block)):
                found = destruction.read(one.entry)
                if found is None or not _was_held(found, pin, interval):
                    continue
                if all(
                    interval.touches(found.start_ms + ms, found.duration_ms)
                    for ms in _corrections(found, moved, ground)
                ):
                    what = message(
                        "ledger.destroyed-pinned",
                        "segment {number} of {camera} was destroyed while pin {pin} held it",
                        number=found.seq or 0,
                        camera=found.camera,
                        pin=name,
                    )
                    yield LedgerFinding(Code.DESTROYED_PINNED, at_leaf(found.leaf), what)
            pace(time.monotonic() - began)


def _corrections(found: Destruction, moved: Iterable[Shift], ground: LedgerState) -> Iterator[int]:
    """What was ever to be added to its time: a clock that vouched may have proved wrong, too."""
    for shift in moved:
        if (ms := shift.of(found)) is not None:
            yield ms
            yield from (ms + offset - shift.one.true_offset_ms for offset in ground.offsets.get(shift.one.epoch, ()))


def _was_held(found: Destruction, pin: PinRecord, interval: Interval) -> bool:
    lasted = pin.first < found.leaf and (pin.body.lasts or found.leaf < pin.last)
    mine = found.camera in pin.body.cameras and found.name is None and found.rule is not Rule.LOST
    return lasted and mine and interval.touches(found.start_ms, found.duration_ms)


def _bounds(interval: Interval) -> tuple[int, int]:
    return interval.first_ms, interval.last_ms


def besides(
    read: ReadQuery,
    ages: History,
    ground: LedgerState,
    after: int,
    suspects: Sequence[SuspectTombstone],
    pace: Pace = unpaced,
) -> Iterator[LedgerFinding]:
    """`ground`: what the leaves up to `after` say; `suspects`: tombstones that may have come too early."""
    facts, rows = read(partial(_now, after=after))
    yield from ground.take(facts)
    yield from ground.differences(rows)
    yield from early(read, ages, {number: boot.id for number, boot in rows.boots.items()}, suspects)
    yield from under_pins(read, ground, pace)
    yield from _holds(read, pace)
    yield from _openings(read, pace)


def _now(connection: Connection, after: int) -> tuple[list[Fact], StoredState]:
    """Rows, and the leaves that were entered until this moment."""
    return audit_queries.facts(connection, after), audit_queries.rows(connection)


def _holds(read: ReadQuery, pace: Pace) -> Iterator[LedgerFinding]:
    for pin in read(audit_queries.pins_whole):
        began = time.monotonic()
        lacking = read(partial(audit_queries.unheld, pin=pin))
        if lacking is not None:
            what = message(
                "ledger.pin-lacks",
                "it does not hold {count} of the segments that it covers, {example} among them",
                count=lacking[0],
                example=str(lacking[1]),
            )
            yield LedgerFinding(Code.PIN, message("ledger.pin", "pin {pin}", pin=pin), what)
        pace(time.monotonic() - began)


def _openings(read: ReadQuery, pace: Pace) -> Iterator[LedgerFinding]:
    after = (0, "")
    while page := read(partial(audit_queries.openings, after=after)):
        began = time.monotonic()
        for number, field, salt, value, told in page:
            if not isinstance(told, str) or not hmac.compare_digest(commitment(salt, value), told):
                what = message(
                    "ledger.opening", "its {field} is stored as something else than what was committed to", field=field
                )
                yield LedgerFinding(Code.OPENING, at_leaf(number), what)
        after = page[-1][:2]
        pace(time.monotonic() - began)
