"""What the box does about its tickets at one look: alarms and tickets in, what to find and what is over out. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edged.alarms.tickets import table
from storage.tickets.faults import Aged, StandingAlarm, Subject
from storage.tickets.faults_table import FaultState, FaultStep

OVER_AFTER_MS: Final = 3_600_000
"""An alarm that was gone for so long is over: until then it is the same occurrence."""
REPORT_WITHIN_MS: Final = 86_400_000
"""J2, P10: what is found is reported at once; a day is more than that."""
MEND_WITHIN_MS: Final = 14 * 86_400_000
"""P10: what is reported is kept in view; after two weeks somebody should ask."""


TAKES_EFFECT_MS: Final = 2 * 60_000
"""What is repaired is seen a while later: some look at a minute's distance, and an alarm outlives its condition."""


@dataclass(frozen=True, slots=True)
class Find:
    """This alarm is a fault."""

    key: str
    occurrence: str
    subject: Subject


@dataclass(frozen=True, slots=True)
class Look:
    """What is to be done, and what is remembered until the next look."""

    find: tuple[Find, ...]
    over: tuple[str, ...]
    """Ids of tickets of which the box sees nothing any more."""
    gone: Mapping[str, int]
    """By ticket: since when no alarm of it has stood, by running time."""


def look(
    standing: Iterable[StandingAlarm],
    tickets: Sequence[Aged],
    held: Collection[str],
    gone: Mapping[str, int],
    now_ms: int,
) -> Look:
    """`held`: keys that maintenance covers: they wait for its end, and what covers them is not over either."""
    alarms = [one for one in standing if table.rule_of(one.row.key) is not None]
    things = {found.thing for one in alarms if (found := table.subject(one.row.key)) is not None}
    things |= {found.thing for key in held if (found := table.subject(key)) is not None}
    by_thing = {one.ticket.thing: one for one in reversed(tickets) if one.ticket.is_open}
    seen = (_found(one, by_thing) for one in alarms if one.row.key not in held)
    quiet = [
        one.ticket.id
        for one in by_thing.values()
        if one.ticket.key and not one.ticket.over and one.ticket.thing not in things
    ]
    since = {fault: gone.get(fault, now_ms) for fault in quiet}
    over = tuple(fault for fault, at_ms in since.items() if now_ms - at_ms >= OVER_AFTER_MS)
    return Look(tuple(found for found in seen if found is not None), over, since)


def _found(one: StandingAlarm, tickets: Mapping[str, Aged]) -> Find | None:
    """Unless its ticket knows of it. A repair has the alarm's patience to take effect, and some time in any case."""
    row, about = one.row, table.subject(one.row.key)
    if about is None:
        return None
    known = tickets.get(about.thing)
    stood_ms, count = one.stood_ms, row.count
    if known is not None and known.ticket.state is FaultState.REPAIRED:
        repaired_ms = known.since_ms.get(FaultStep.REPAIRED, 0)
        if repaired_ms < TAKES_EFFECT_MS:
            return None
        stood_ms, count = min(stood_ms, repaired_ms), 1
    if not table.is_due(row.key, stood_ms, count):
        return None
    if known is not None and row.key in known.ticket.keys:
        goes_on = not known.ticket.over and known.ticket.state is not FaultState.REPAIRED
        if goes_on:
            return None
    return Find(row.key, row.occurrence, about)


def standing_things(keys: Iterable[str]) -> dict[str, str]:
    """Things of which an alarm stands, with its key: whoever checks one is told. `keys`: of all that stand."""
    found = ((table.subject(key), key) for key in keys)
    return {about.thing: key for about, key in found if about is not None}
