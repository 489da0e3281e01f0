"""Fault tickets (報修) as rows, made of their leaves by one function. Functions over a connection.

What befalls a ticket is a leaf, and `folded` makes the row of the row before and that leaf: when it happens, and when a
lost database is made anew (S13). Each leaf says which ticket it is of, which thing, and its place in the row of steps,
so that one that was known is passed over. Who did it, to whom it was reported and what was noted lies behind the leaf's
commitments, where it can be erased; an account stands there by its number, because two persons are told apart by it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from storage.ages import table as ages_table
from storage.ages.history import Point
from storage.ledger import table as ledger_table
from storage.ledger.table import Leaf, Value

KEYS_MAX: Final = 16
"""Alarms that one ticket names: a thing has fewer ways to fail."""
STEPS_MAX: Final = 1000
"""Of one ticket, as shown: one that comes and goes every hour makes so many in three weeks."""


class FaultState(StrEnum):
    FOUND = "found"
    REPORTED = "reported"
    REPAIRED = "repaired"
    CHECKED = "checked"
    """Closed."""


class FaultStep(StrEnum):
    """What befalls a ticket."""

    FOUND = "found"
    AGAIN = "again"
    """Its alarm is back: after it was seen no more, after a repair, or soon after it was closed."""
    JOINED = "joined"
    """Another alarm of the same thing."""
    OVER = "over"
    """No alarm of it has stood for a while."""
    REPORTED = "reported"
    REPAIRED = "repaired"
    CHECKED = "checked"


_LEADS: Final[Mapping[FaultStep, FaultState]] = {
    FaultStep.REPORTED: FaultState.REPORTED,
    FaultStep.REPAIRED: FaultState.REPAIRED,
    FaultStep.CHECKED: FaultState.CHECKED,
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """One row."""

    id: str
    thing: str
    """What is out of order, as `camera:lobby`: it has one open ticket at a time."""
    key: str
    """Of the alarm that found it; "" where a person did."""
    camera: str | None
    volume: str | None
    found: Point
    state: FaultState = FaultState.FOUND
    version: int = 0
    """How many steps there were."""
    over: bool = False
    keys: tuple[str, ...] = ()
    """Of all its alarms."""
    moments: Mapping[FaultStep, Point] = field(default_factory=dict)
    """Of the last step of each kind since it was found, or found again."""
    by: int | None = None
    """The account of who repaired it last, whether that held or not; None: nobody has, or somebody without an account
    did."""

    @property
    def is_open(self) -> bool:
        return self.state is not FaultState.CHECKED


def folded(before: Ticket, step: FaultStep, version: int, key: str, at: Point, by: int | None) -> Ticket:
    """The ticket after a step. Pure."""
    after = replace(before, version=version, moments={**before.moments, step: at})
    match step:
        case FaultStep.FOUND | FaultStep.JOINED:
            keys = tuple(dict.fromkeys((*before.keys, *filter(None, (key,)))))[:KEYS_MAX]
            return replace(after, keys=keys, over=False)
        case FaultStep.AGAIN:
            return replace(_begun_again(after), over=False)
        case FaultStep.OVER:
            return replace(after, over=True)
    return replace(after, state=_LEADS[step], by=by if step is FaultStep.REPAIRED else before.by)


def _begun_again(one: Ticket) -> Ticket:
    """A repair that did not hold leaves it reported, and who tried it known; what was closed is found anew."""
    by = None if one.state is FaultState.CHECKED else one.by
    gone = {FaultStep.REPAIRED, FaultStep.CHECKED} | (
        {FaultStep.REPORTED} if one.state is FaultState.CHECKED else set()
    )
    kept = {step: at for step, at in one.moments.items() if step not in gone}
    state = FaultState.REPORTED if FaultStep.REPORTED in kept else FaultState.FOUND
    return replace(one, state=state, moments=kept, by=by)


def enter(
    connection: sqlite3.Connection,
    before: Ticket,
    step: FaultStep,
    at: Point,
    key: str = "",
    by: int | None = None,
    committed: Mapping[str, str] | None = None,
    *,
    others: bool = False,
) -> Ticket:
    """A step: its leaf, and the row. `by`: the account of who did it. `others`: somebody without one repaired it."""
    repairer = None if others else by
    after = folded(before, step, before.version + 1, key, at, repairer)
    body: dict[str, Value] = {
        "fault": after.id,
        "what": step.value,
        "version": after.version,
        "state": after.state.value,
        "thing": after.thing,
        "key": key or after.key,
        "camera": after.camera,
        "volume": after.volume,
        "found": ages_table.place_in_time(connection, after.found),
        "at": ages_table.place_in_time(connection, at),
        "over": after.over,
        "by": by,
    }
    if others:
        body["others"] = True
    ledger_table.enter(connection, Leaf.FAULT, at.wall_ms, body, committed=committed or {})
    _keep(connection, after)
    return after


def remember(connection: sqlite3.Connection, body: Mapping[str, Any], found: Point, at: Point) -> None:
    """What a leaf says, where the database was lost; what is known already stays. ValueError for what is none."""
    step, version, by = FaultStep(body["what"]), int(body["version"]), body["by"]
    known = find(connection, str(body["fault"]))
    if known is not None and known.version >= version:
        return
    if known is None:
        camera, volume = body["camera"], body["volume"]
        known = Ticket(str(body["fault"]), str(body["thing"]), str(body["key"]), camera, volume, found)
    repairer = None if body.get("others") or by is None else int(by)
    after = replace(
        folded(known, step, version, str(body["key"]), at, repairer),
        state=FaultState(body["state"]),
        over=bool(body["over"]),
    )
    standing = of_thing(connection, after.thing)
    if after.is_open and standing is not None and standing.id != after.id and standing.is_open:
        return  # found anew by a database that knew nothing of it: that one goes on, and this one's leaves stay
    _keep(connection, after)


def find(connection: sqlite3.Connection, fault: str) -> Ticket | None:
    row = connection.execute(f"{_SQL} WHERE id = ?", (fault,)).fetchone()
    return None if row is None else _row(row)


def of_thing(connection: sqlite3.Connection, thing: str) -> Ticket | None:
    """Its open ticket, or else the one that was closed last."""
    row = connection.execute(
        f"{_SQL} WHERE thing = ? ORDER BY state = 'checked', boot DESC, boottime_ms DESC LIMIT 1", (thing,)
    ).fetchone()
    return None if row is None else _row(row)


def listed(connection: sqlite3.Connection, limit: int, *, everything: bool = False) -> list[Ticket]:
    """Those that are open, the oldest first; `everything`: closed ones, too, the latest of all first."""
    which = "" if everything else " WHERE state <> 'checked'"
    order = "DESC" if everything else "ASC"
    rows = connection.execute(f"{_SQL}{which} ORDER BY boot {order}, boottime_ms {order}, id LIMIT ?", (limit,))
    return [_row(row) for row in rows]


def count_open(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM faults WHERE state <> 'checked'").fetchone()[0])


def closed_ids(connection: sqlite3.Connection, limit: int) -> list[str]:
    """Those that were closed last."""
    sql = "SELECT id FROM faults WHERE state = 'checked' ORDER BY boot DESC, boottime_ms DESC LIMIT ?"
    return [fault for (fault,) in connection.execute(sql, (limit,))]


def told(connection: sqlite3.Connection, fault: str) -> list[tuple[int, int, dict[str, Any], dict[str, str]]]:
    """Its leaves: number, wall clock, body, and what stands behind their commitments."""
    rows = connection.execute(
        "SELECT number, wall_ms, body FROM leaves WHERE kind = 'fault' AND json_extract(body, '$.fault') = ?"
        " ORDER BY number DESC LIMIT ?",
        (fault, STEPS_MAX),
    ).fetchall()
    return [
        (number, wall_ms, json.loads(body), ledger_table.opened(connection, number)) for number, wall_ms, body in rows
    ][::-1]


def forget(connection: sqlite3.Connection, fault: str) -> None:
    """Its row, and the names and notes behind its leaves. The leaves stay."""
    connection.execute(
        "DELETE FROM openings WHERE leaf IN (SELECT number FROM leaves WHERE kind = 'fault'"
        " AND json_extract(body, '$.fault') = ?)",
        (fault,),
    )
    connection.execute("DELETE FROM faults WHERE id = ?", (fault,))


_SQL: Final = (
    "SELECT id, thing, key, camera, volume, boot, boottime_ms, wall_ms, state, version, over, keys, moments, by"
    " FROM faults"
)


def _keep(connection: sqlite3.Connection, one: Ticket) -> None:
    moments = {step.value: [at.boot, at.boottime_ms, at.wall_ms] for step, at in one.moments.items()}
    connection.execute(
        "INSERT INTO faults (id, thing, key, camera, volume, boot, boottime_ms, wall_ms, state, version, over, keys,"
        " moments, by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
        " state = excluded.state, version = excluded.version, over = excluded.over, keys = excluded.keys,"
        " moments = excluded.moments, by = excluded.by",
        (
            one.id,
            one.thing,
            one.key,
            one.camera,
            one.volume,
            one.found.boot,
            one.found.boottime_ms,
            one.found.wall_ms,
            one.state,
            one.version,
            one.over,
            json.dumps(list(one.keys)),
            json.dumps(moments),
            one.by,
        ),
    )


def _row(row: tuple[Any, ...]) -> Ticket:
    fault, thing, key, camera, volume, *found, state, version, over, keys, moments, by = row
    told_moments = {FaultStep(step): Point(*at) for step, at in json.loads(moments).items()}
    known = (fault, thing, key, camera, volume, Point(*found), FaultState(state), version, bool(over))
    return Ticket(*known, tuple(json.loads(keys)), told_moments, by)
