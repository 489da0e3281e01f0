"""What was configured of retention, and from when on: the ground on which what shortens a floor or a ceiling waits.

Functions over a connection. `storage.retention.bounds` says what follows from it. A change is a leaf in its own
transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from storage.ages.runs import Point
from storage.ledger.table import Leaf, enter
from storage.retention.bounds import LowAge, Switch, Term, changes, revised
from storage.retention.plan import Policy
from storage.segments import leaves
from storage.words.model import Bounds


def histories(connection: sqlite3.Connection) -> dict[str, list[Term]]:
    """By camera, oldest first: `storage.retention.bounds.TERMS_EACH` of each that is configured, of others none."""
    found: dict[str, list[Term]] = {}
    for camera, boot, boottime_ms, wall_ms, floor_s, ceiling_s in connection.execute(
        "SELECT c.id, t.boot, t.boottime_ms, t.wall_ms, t.floor_s, t.ceiling_s FROM terms t"
        " JOIN cameras c ON c.number = t.camera ORDER BY t.camera, t.boot, t.boottime_ms, t.id"
    ):
        bounds = None if floor_s is None else Bounds(floor_s, ceiling_s)
        found.setdefault(camera, []).append(Term(bounds, Point(boot, boottime_ms, wall_ms)))
    return found


def switch(connection: sqlite3.Connection) -> Switch | None:
    """None: nothing was written down, in a database that was lost or is of an earlier version."""
    row = connection.execute("SELECT is_on, boot, boottime_ms, wall_ms FROM overwriting").fetchone()
    return None if row is None else Switch(bool(row[0]), None if row[1] is None else Point(*row[1:]))


def doubt(connection: sqlite3.Connection) -> None:
    """Footage came of which this database knew nothing: nobody can say under which word its floors were stamped."""
    connection.execute("DELETE FROM overwriting WHERE boot IS NULL")


def is_due(connection: sqlite3.Connection, policy: Policy, now: Point, age_ms: LowAge) -> bool:
    """Something is to be written down."""
    known = _known(connection, policy)
    return is_switched(connection, policy.overwrite) or bool(revised(histories(connection), known, now, age_ms))


def write_down(connection: sqlite3.Connection, policy: Policy, now: Point, age_ms: LowAge) -> None:
    """What is configured now, where it is not what was last written down; what no wait hangs on any more goes."""
    told, known = histories(connection), _known(connection, policy)
    for camera, terms in revised(told, known, now, age_ms).items():
        _replace(connection, camera, terms)
    at = leaves.place_of(connection, now)
    for camera, bounds in changes(told, known).items():
        floor_s, ceiling_s = (None, None) if bounds is None else (bounds.floor_s, bounds.ceiling_s)
        body = {"camera": camera, "at": at, "floor_s": floor_s, "ceiling_s": ceiling_s}
        enter(connection, Leaf.BOUNDS, now.wall_ms, body)
    if is_switched(connection, policy.overwrite):
        switch_to(connection, policy.overwrite, now)


def is_switched(connection: sqlite3.Connection, overwrite: bool) -> bool:
    """It is not what was written down last."""
    told = switch(connection)
    return told is None or told.overwrite is not overwrite


def switch_to(connection: sqlite3.Connection, overwrite: bool, now: Point) -> None:
    """From now on; a leaf. Where nothing was ever recorded there is no floor to shorten, and it need not wait."""
    since = (None, None, None) if _is_bare(connection) else (now.boot, now.boottime_ms, now.wall_ms)
    connection.execute(
        "INSERT OR REPLACE INTO overwriting (id, is_on, boot, boottime_ms, wall_ms) VALUES (1, ?, ?, ?, ?)",
        (overwrite, *since),
    )
    enter(connection, Leaf.OVERWRITING, now.wall_ms, {"at": leaves.place_of(connection, now), "on": overwrite})


def _is_bare(connection: sqlite3.Connection) -> bool:
    return not any(
        connection.execute("SELECT EXISTS (SELECT 1 FROM cameras), EXISTS (SELECT 1 FROM rebuilds)").fetchone()
    )


def _known(connection: sqlite3.Connection, policy: Policy) -> Mapping[str, Bounds]:
    """Of cameras that were enrolled. Others have no footage; once they have, their terms begin."""
    cameras = {camera for (camera,) in connection.execute("SELECT id FROM cameras")}
    return {camera: bounds for camera, bounds in policy.bounds.items() if camera in cameras}


def _replace(connection: sqlite3.Connection, camera: str, terms: list[Term]) -> None:
    number = connection.execute("SELECT number FROM cameras WHERE id = ?", (camera,)).fetchone()[0]
    connection.execute("DELETE FROM terms WHERE camera = ?", (number,))
    for bounds, at in ((term.bounds, term.at) for term in terms):
        connection.execute(
            "INSERT INTO terms (camera, boot, boottime_ms, wall_ms, floor_s, ceiling_s) VALUES (?, ?, ?, ?, ?, ?)",
            (
                *(number, at.boot, at.boottime_ms, at.wall_ms),
                *((None, None) if bounds is None else (bounds.floor_s, bounds.ceiling_s)),
            ),
        )
