"""What was configured of retention and from when on, and the bounds and grants that two persons agreed upon.

Functions over a connection. What was configured is the ground on which what shortens a floor or a ceiling waits
(`storage.retention.bounds` says what follows from it). What is agreed upon is one row; what it means says
`storage.retention.bounds`. A change of either is a leaf in its own transaction, and both are kept over a lost
database.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

import msgspec

from storage.ages import table as ages_table
from storage.ages.history import Point
from storage.ages.leaves import LeafPlace, Whole
from storage.ledger.table import Leaf, Value, canonical, enter
from storage.retention.bounds import APPROVING, ApprovedLimits, Grants, LowAge, OverwriteSwitch, Term, changes, revised
from storage.retention.plan import Policy
from storage.words.layout import is_camera
from storage.words.model import Bounds


class BoundsLeaf(msgspec.Struct, frozen=True):
    """A leaf of kind `bounds`; floor and ceiling None: the camera has none."""

    camera: str
    floor_s: Whole | None
    ceiling_s: Whole | None
    at: LeafPlace


class OverwritingLeaf(msgspec.Struct, frozen=True):
    """A leaf of kind `overwriting`."""

    on: bool
    at: LeafPlace


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


def switch(connection: sqlite3.Connection) -> OverwriteSwitch | None:
    """None: nothing was written down, or it went with a database that was lost."""
    row = connection.execute("SELECT is_on, boot, boottime_ms, wall_ms FROM overwriting").fetchone()
    return None if row is None else OverwriteSwitch(bool(row[0]), None if row[1] is None else Point(*row[1:]))


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
    at = ages_table.leaf_place(connection, now)
    for camera, bounds in changes(told, known).items():
        floor_s, ceiling_s = (None, None) if bounds is None else (bounds.floor_s, bounds.ceiling_s)
        enter(connection, Leaf.BOUNDS, now.wall_ms, BoundsLeaf(camera, floor_s, ceiling_s, at))
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
    enter(connection, Leaf.OVERWRITING, now.wall_ms, OverwritingLeaf(overwrite, ages_table.leaf_place(connection, now)))


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
                number,
                at.boot,
                at.boottime_ms,
                at.wall_ms,
                *((None, None) if bounds is None else (bounds.floor_s, bounds.ceiling_s)),
            ),
        )


def read_approved(connection: sqlite3.Connection) -> ApprovedLimits | None:
    """None: nobody has configured anything yet. ValueError for a row that is none of ours."""
    row = connection.execute("SELECT body FROM agreed").fetchone()
    return None if row is None else parse_approved(row[0])


def write_approved(connection: sqlite3.Connection, agreed: ApprovedLimits, wall_ms: int) -> None:
    """From now on; a leaf."""
    body = approved_body(agreed)
    number = enter(connection, Leaf.AGREED, wall_ms, body)
    connection.execute("INSERT OR REPLACE INTO agreed (id, leaf, body) VALUES (1, ?, ?)", (number, canonical(body)))


def remember_approved(connection: sqlite3.Connection, number: int, body: Mapping[str, Any]) -> None:
    """What leaf `number` of a database that was lost says: the last one wins. ValueError for what is none."""
    text = canonical(approved_body(_told(body)))
    connection.execute(
        "INSERT INTO agreed (id, leaf, body) VALUES (1, ?, ?) ON CONFLICT DO UPDATE SET leaf = excluded.leaf,"
        " body = excluded.body WHERE excluded.leaf > leaf",
        (number, text),
    )


def is_approved_known(connection: sqlite3.Connection) -> bool:
    """False while a database that was lost is still being made anew: leaves may tell what was agreed upon."""
    return connection.execute("SELECT 1 FROM rebuilds WHERE end_boot IS NULL").fetchone() is None


def approved_body(agreed: ApprovedLimits) -> dict[str, Value]:
    """As a leaf has it. Without a profile it is as before there were any."""
    cameras: dict[str, Value] = {camera: _pair(bounds) for camera, bounds in agreed.cameras.items()}
    profile: dict[str, Value] = {} if agreed.profile is None else {"profile": agreed.profile}
    return profile | {
        "site": _pair(agreed.site),
        "cameras": cameras,
        "overwrite": agreed.overwrite,
        "roles": _groups(agreed.grants),
    }


def parse_approved(text: str) -> ApprovedLimits:
    """From canonical JSON; ValueError for what is none."""
    return _told(json.loads(text))


def _told(body: Mapping[str, Any]) -> ApprovedLimits:
    try:
        return _of(body)
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"no bounds that were agreed upon: {error!r}") from None


def _of(body: Mapping[str, Any]) -> ApprovedLimits:
    cameras = {str(camera): _bounds(pair) for camera, pair in body["cameras"].items()}
    if not all(map(is_camera, cameras)):
        raise ValueError("bounds of what is no camera")
    profile = body.get("profile")
    if not (profile is None or isinstance(profile, str)):
        raise ValueError("a profile that is no name")
    return ApprovedLimits(_bounds(body["site"]), cameras, bool(body["overwrite"]), _grants(body["roles"]), profile)


def _groups(grants: Grants) -> Value:
    """Groups by role, each once and in order; None where nobody has said who holds one."""
    if not grants.configured:
        return None
    roles = sorted({role for role, _ in grants.pairs})
    return {role: [group for one, group in sorted(grants.pairs) if one == role] for role in roles}


def _grants(groups: Mapping[str, Any] | None) -> Grants:
    if groups is None:
        return Grants(configured=False)
    pairs = frozenset((role, group) for role, named in groups.items() for group in named)
    if APPROVING not in groups or not all(isinstance(group, str) for _, group in pairs):
        raise ValueError("roles that nobody could have configured")
    return Grants(pairs)


def _pair(bounds: Bounds) -> list[Value]:
    return [bounds.floor_s, bounds.ceiling_s]


def _bounds(pair: Any) -> Bounds:
    floor_s, ceiling_s = map(int, pair)
    if not 0 <= floor_s <= ceiling_s:
        raise ValueError(f"a floor of {floor_s} s and a ceiling of {ceiling_s} s")
    return Bounds(floor_s, ceiling_s)
