"""Fault tickets (報修): which alarms are faults, of what, what becomes of them, and the look that enters it all.

A fault is what needs a hand on a device: a camera, a recorder behind the network, a disk, a clock. What heals by
itself in a minute is none, so an alarm opens a ticket once it has stood for its patience, in running time, or was
raised `FLAPS` times within its occurrence. One thing has one ticket, whatever is wrong with it: whoever goes there
mends all. Alarms of what people have to decide (bounds, pins, roles), or of what is past, are no faults. The table
`FAULTS` is the law.

`ticket_changes` is pure: alarms and tickets in, what to find and what is over out. `FaultWatch` lives on the event
loop; reads and facts go to threads. An alarm and its ticket are rows of one database: what a kill keeps from being
entered, the next look enters, and the transaction asks again, so that nothing is opened twice. Tickets that nobody
sees to are an alarm (J2, P10).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edged.alarms.conditions import listed
from edged.overview import AlarmCondition, Overview
from storage.store.facade import Store
from storage.tickets.faults import Aged, StandingAlarm, Subject
from storage.tickets.faults_table import FaultState, FaultStep
from storage.words.clock import Clock
from storage.words.message import Message, message
from storage.words.model import OpenFault, Severity

log = logging.getLogger("edged.alarms")
FLAPS: Final = 5
"""What comes back so often within an hour of its being gone does not heal by itself."""
MINUTE_MS: Final = 60_000
OVER_AFTER_MS: Final = 3_600_000
"""An alarm that was gone for so long is over: until then it is the same occurrence."""
REPORT_WITHIN_MS: Final = 86_400_000
"""J2, P10: what is found is reported at once; a day is more than that."""
MEND_WITHIN_MS: Final = 14 * 86_400_000
"""P10: what is reported is kept in view; after two weeks somebody should ask."""
TAKES_EFFECT_MS: Final = 2 * 60_000
"""What is repaired is seen a while later: some look at a minute's distance, and an alarm outlives its condition."""
LOOK_EVERY_S: Final = 5.0
PRUNE_EVERY_MS: Final = 3_600_000
FAULTS_NAMED: Final = 8
"""More in one sentence nobody reads; `edgectl faults` has them all."""


@dataclass(frozen=True, slots=True)
class FaultRule:
    """Of alarms that are called so before the colon, or before the point."""

    thing: str
    patience_ms: int
    why: str


FAULTS: Final[Mapping[str, FaultRule]] = {
    "camera.down": FaultRule(
        "camera", 10 * MINUTE_MS, "a camera that restarts, or a cable that is put back, is there by then"
    ),
    "camera": FaultRule(
        "camera", 30 * MINUTE_MS, "a lamp that is off, a door that is open, a busy network pass; a lens does not"
    ),
    "device.fault": FaultRule("device", 10 * MINUTE_MS, "an NVR restarts in less"),
    "storage.away": FaultRule(
        "volume", 5 * MINUTE_MS, "a cable, a mount or a disk: nothing comes back by itself after that"
    ),
    "storage.failing": FaultRule(
        "storage", 5 * MINUTE_MS, "what answers and takes nothing for minutes is ill, or its cable"
    ),
    "storage.lost": FaultRule("volume", 0, "the disk is gone for good, and is to be struck off"),
    "storage.tampered": FaultRule("volume", 0, "somebody or something changes files: the disk, or who comes to it"),
    "storage.full": FaultRule(
        "storage", 10 * MINUTE_MS, "room is lacking: a disk is to be added, or one that is away mended"
    ),
    "storage.slow": FaultRule("storage", 60 * MINUTE_MS, "a copy passes; a disk that is slow for an hour is ill"),
    "storage.ballast": FaultRule("box", 60 * MINUTE_MS, "the system disk is full, and nobody makes room there"),
    "ledger.unwritten": FaultRule("storage", 60 * MINUTE_MS, "a disk that takes footage and no ledger is ill"),
    "clock.stepped": FaultRule(
        "clock", 120 * MINUTE_MS, "each step is told for an hour: it is stepped again and again"
    ),
    "internal": FaultRule("box", 60 * MINUTE_MS, "a part of edged fails and does not recover"),
}
NONE: Final[Mapping[str, str]] = {
    "storage": "each is named above",
    "retention": "bounds and room are to be decided, not mended",
    "pin": "evidence: people decide",
    "ledger": "whoever has the key, or tampers, is no device; a disk that does not take it is named above",
    "database": "it mends itself",
    "journal": "it is written once the disk takes it",
    "roles": "the system's groups",
    "box": "too many cameras, or other programs: to be decided, not mended",
    "mqtt": "the network to the centre and its certificates: the centre sees that the box is silent",
    "fault": "tells of faults",
    "office": "people decide; keys that cannot be read are no device",
    "request": "people answer",
    "viewing": "people end it; a disk that keeps a copy is told by its own alarm",
    "copy": "people destroy it, and enter that",
    "erasure": "people decide",
    "leak": "people report it",
}
"""Alarms that open no ticket, by the part before the point."""


def rule_of(key: str) -> FaultRule | None:
    """None: it is no fault. The whole name goes before its first part."""
    name = key.partition(":")[0]
    return FAULTS.get(name) or FAULTS.get(name.partition(".")[0])


def subject(key: str) -> Subject | None:
    """What is out of order; None: nothing that needs a hand."""
    rule, about = rule_of(key), key.partition(":")[2]
    if rule is None:
        return None
    match rule.thing:
        case "camera":
            return Subject(f"camera:{about}", camera=about)
        case "volume":
            return Subject(f"volume:{about}", volume=about)
        case "device":
            return Subject(f"device:{about}")
    return Subject(rule.thing)


def is_due(key: str, stood_ms: int, count: int) -> bool:
    """It has stood for long enough, or comes back too often."""
    rule = rule_of(key)
    return rule is not None and (stood_ms >= rule.patience_ms or count >= FLAPS)


@dataclass(frozen=True, slots=True)
class Find:
    """This alarm is a fault."""

    key: str
    occurrence: str
    subject: Subject


@dataclass(frozen=True, slots=True)
class TicketChanges:
    """What is to be done, and what is remembered until the next look."""

    find: tuple[Find, ...]
    over: tuple[str, ...]
    """Ids of tickets of which the box sees nothing any more."""
    gone: Mapping[str, int]
    """By ticket: since when no alarm of it has stood, by running time."""


def ticket_changes(
    standing: Iterable[StandingAlarm],
    tickets: Sequence[Aged],
    held: Collection[str],
    gone: Mapping[str, int],
    now_ms: int,
) -> TicketChanges:
    """`held`: keys that maintenance covers: they wait for its end, and what covers them is not over either."""
    alarms = [one for one in standing if rule_of(one.row.key) is not None]
    things = {found.thing for one in alarms if (found := subject(one.row.key)) is not None}
    things |= {found.thing for key in held if (found := subject(key)) is not None}
    by_thing = {one.ticket.thing: one for one in reversed(tickets) if one.ticket.is_open}
    seen = (_found(one, by_thing) for one in alarms if one.row.key not in held)
    quiet = [
        one.ticket.id
        for one in by_thing.values()
        if one.ticket.key and not one.ticket.over and one.ticket.thing not in things
    ]
    since = {fault: gone.get(fault, now_ms) for fault in quiet}
    over = tuple(fault for fault, at_ms in since.items() if now_ms - at_ms >= OVER_AFTER_MS)
    return TicketChanges(tuple(found for found in seen if found is not None), over, since)


def _found(one: StandingAlarm, tickets: Mapping[str, Aged]) -> Find | None:
    """Unless its ticket knows of it. A repair has the alarm's patience to take effect, and some time in any case."""
    row, about = one.row, subject(one.row.key)
    if about is None:
        return None
    known = tickets.get(about.thing)
    stood_ms, count = one.stood_ms, row.count
    if known is not None and known.ticket.state is FaultState.REPAIRED:
        repaired_ms = known.since_ms.get(FaultStep.REPAIRED, 0)
        if repaired_ms < TAKES_EFFECT_MS:
            return None
        stood_ms, count = min(stood_ms, repaired_ms), 1
    if not is_due(row.key, stood_ms, count):
        return None
    if known is not None and row.key in known.ticket.keys:
        goes_on = not known.ticket.over and known.ticket.state is not FaultState.REPAIRED
        if goes_on:
            return None
    return Find(row.key, row.occurrence, about)


def standing_things(keys: Iterable[str]) -> dict[str, str]:
    """Things of which an alarm stands, with its key: whoever checks one is told. `keys`: of all that stand."""
    found = ((subject(key), key) for key in keys)
    return {about.thing: key for about, key in found if about is not None}


def neglected_fault_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
    """One alarm for all of each kind. What the box sees no more waits in silence for a person to close it."""
    standing = [one for one in seen.measured.faults if not one.over and one.repaired_ms is None]
    unreported = [one for one in standing if one.reported_ms is None and one.age_ms > REPORT_WITHIN_MS]
    overdue = [one for one in standing if one.reported_ms is not None and one.age_ms > MEND_WITHIN_MS]
    if unreported:
        text = message(
            "fault.unreported",
            "Faults were found more than a day ago, and nobody has reported them: {faults}",
            faults=_faults_named(unreported),
        )
        action = message(
            "fault.unreported.action", "Report them to whoever repairs them: edgectl faults report ID --to WHOM"
        )
        yield "fault.unreported", AlarmCondition(Severity.WARNING, text, action)
    if overdue:
        text = message(
            "fault.overdue",
            "Faults were found more than two weeks ago, and nobody has repaired them: {faults}",
            faults=_faults_named(overdue),
        )
        action = message("fault.overdue.action", "Ask where they were reported: edgectl faults")
        yield "fault.overdue", AlarmCondition(Severity.WARNING, text, action)


def _faults_named(faults: list[OpenFault]) -> Message:
    return listed(sorted(one.id for one in faults), FAULTS_NAMED)


class FaultWatch:
    """Of one daemon run."""

    def __init__(self, store: Store, clock: Clock, held: Callable[[], Collection[str]]) -> None:
        """`held`: keys of conditions that maintenance covers now."""
        self._held = held
        self._faults = store.faults
        self._clock = clock
        self._gone: dict[str, int] = {}
        self._pruned_ms: int | None = None

    async def poll(self) -> None:
        standing, tickets = await asyncio.to_thread(self._faults.standing_alarms)
        now_ms = self._clock.now().boottime_ms
        seen = ticket_changes(standing, tickets, self._held(), self._gone, now_ms)
        for found in seen.find:
            ticket = await asyncio.to_thread(self._faults.find, found.key, found.occurrence, found.subject)
            if ticket is not None:
                log.warning("fault %s: %s", ticket.id, found.key)
        for fault in seen.over:
            await asyncio.to_thread(self._faults.over, fault)
        self._gone = dict(seen.gone)
        if self._pruned_ms is None or now_ms - self._pruned_ms >= PRUNE_EVERY_MS:
            self._pruned_ms = now_ms
            await asyncio.to_thread(self._faults.prune)
