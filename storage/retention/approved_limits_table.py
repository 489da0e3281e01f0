"""The bounds and grants that are agreed upon: one row, one leaf each time they change, both kept over a lost database.

Functions over a connection. `storage.retention.approved_limits` says what they mean.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from storage.ledger.table import Leaf, Value, canonical, enter
from storage.retention.approved_limits import APPROVING, Agreed, Grants
from storage.words.layout import is_camera
from storage.words.model import Bounds


def read_approved(connection: sqlite3.Connection) -> Agreed | None:
    """None: nobody has configured anything yet. ValueError for a row that is none of ours."""
    row = connection.execute("SELECT body FROM agreed").fetchone()
    return None if row is None else parse_approved(row[0])


def write_approved(connection: sqlite3.Connection, agreed: Agreed, wall_ms: int) -> None:
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


def approved_body(agreed: Agreed) -> dict[str, Value]:
    """As a leaf has it."""
    cameras: dict[str, Value] = {camera: _pair(bounds) for camera, bounds in agreed.cameras.items()}
    body: dict[str, Value] = {"site": _pair(agreed.site), "cameras": cameras, "overwrite": agreed.overwrite}
    return body if agreed.grants is None else {**body, "roles": _groups(agreed.grants)}


def parse_approved(text: str) -> Agreed:
    """From canonical JSON; ValueError for what is none."""
    return _told(json.loads(text))


def _told(body: Mapping[str, Any]) -> Agreed:
    try:
        return _of(body)
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"no bounds that were agreed upon: {error!r}") from None


def _of(body: Mapping[str, Any]) -> Agreed:
    cameras = {str(camera): _bounds(pair) for camera, pair in body["cameras"].items()}
    if not all(map(is_camera, cameras)):
        raise ValueError("bounds of what is no camera")
    grants = _grants(body["roles"]) if "roles" in body else None
    return Agreed(_bounds(body["site"]), cameras, bool(body["overwrite"]), grants)


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
