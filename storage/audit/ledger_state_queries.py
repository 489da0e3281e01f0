"""What decides what stays and goes, and of which leaves tell, too: boots, clocks, pins, bounds, findings, lost volumes.

Functions over a read-only connection. They judge nothing (`storage.audit.ledger_state` does). Hundreds of rows each.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from storage.ledger.table import HASHED_SQL, Leaf
from storage.pins.segments_in_interval import HELD_IN
from storage.pins.table import LASTS

Fact: TypeAlias = tuple[int, str, bytes]
"""A leaf: its number, its kind, what is hashed of it."""

KINDS: Final = frozenset(
    kind.value
    for kind in (
        *(Leaf.BOOT, Leaf.RUN, Leaf.CLOCK, Leaf.PIN, Leaf.BOUNDS, Leaf.OVERWRITING, Leaf.AGREED, Leaf.FINDING),
        *(Leaf.VOLUME, Leaf.REBUILT),
    )
)
"""Leaves that tell of these; of twenty million some thousand."""


class StoredBoot(NamedTuple):
    """What ages rest on (`storage.ages.history`)."""

    id: str
    ran_ms: int
    lag_us: int
    gain_us: int
    began_ms: int
    off_low_ms: int
    off_high_ms: int | None
    word: str
    attested_ms: int | None


class StoredEpoch(NamedTuple):
    """What recorded times rest on (`storage.segments.true_time_table`)."""

    boot: int
    wall_ms: int
    boottime_ms: int
    synced: int
    true_offset_ms: int | None


class StoredPin(NamedTuple):
    """What a pin holds, and how long."""

    state: str
    version: int
    cameras: tuple[str, ...]
    first_ms: int
    last_ms: int
    ground: str
    span_ms: int
    boot: int
    boottime_ms: int

    @property
    def lasts(self) -> bool:
        return self.state in ("provisional", "approved")


@dataclass(frozen=True, slots=True)
class StoredState:
    """All of it, at one moment."""

    rebuilt: int
    """First leaf since the database was made anew; 0: it never was. What came before may be counted otherwise."""
    boots: Mapping[int, StoredBoot]
    epochs: Mapping[int, StoredEpoch]
    pins: Mapping[str, StoredPin]
    bounds: Mapping[str, tuple[int | None, int | None]]
    """Of each camera: floor and ceiling as they were configured last."""
    overwriting: tuple[int, int | None, int | None] | None
    """Whether it is on, and since which boot and boottime."""
    agreed: tuple[int, str] | None
    """Number of its leaf, and what it says."""
    findings: frozenset[tuple[str, str, str]]
    """Those that stand: volume, path, kind."""
    lost: frozenset[str]
    """Volumes that are gone for good."""


def rows(connection: sqlite3.Connection) -> StoredState:
    """As of now."""
    rebuilt = connection.execute("SELECT coalesce(max(leaf), 0) FROM rebuilds").fetchone()[0]
    return StoredState(
        rebuilt=int(rebuilt),
        boots={
            number: StoredBoot(*row)
            for number, *row in connection.execute(
                "SELECT number, boot_id, ran_ms, lag_us, gain_us, began_ms, off_low_ms, off_high_ms, off_word,"
                " attested_ms FROM boots"
            )
        },
        epochs={
            number: StoredEpoch(*row)
            for number, *row in connection.execute(
                "SELECT number, boot, wall_ms, boottime_ms, synced, true_offset_ms FROM epochs"
            )
        },
        pins={
            pin: StoredPin(state, version, tuple(json.loads(cameras)), *row)
            for pin, state, version, cameras, *row in connection.execute(
                "SELECT id, state, version, cameras, first_wall_ms, last_wall_ms, ground, span_ms, boot, boottime_ms"
                " FROM pins"
            )
        },
        bounds={
            camera: (floor_s, ceiling_s)
            for camera, floor_s, ceiling_s in connection.execute(
                "SELECT c.id, t.floor_s, t.ceiling_s FROM terms t JOIN cameras c ON c.number = t.camera"
                " ORDER BY t.camera, t.boot, t.boottime_ms, t.id"
            )
        },
        overwriting=connection.execute("SELECT is_on, boot, boottime_ms FROM overwriting").fetchone(),
        agreed=connection.execute("SELECT leaf, body FROM agreed").fetchone(),
        findings=frozenset(
            connection.execute(
                "SELECT v.id, f.path, f.kind FROM findings f JOIN volumes v ON v.number = f.volume"
                " WHERE f.settled_ms IS NULL"
            ).fetchall()
        ),
        lost=frozenset(name for (name,) in connection.execute("SELECT id FROM volumes WHERE lost IS NOT NULL")),
    )


def facts(connection: sqlite3.Connection, after: int) -> list[Fact]:
    """Leaves of `KINDS` from the one after `after` on; for the few that were entered meanwhile."""
    return connection.execute(
        f"SELECT number, kind, {HASHED_SQL} FROM leaves WHERE number > ?"  # noqa: S608  (a constant)
        " AND kind IN (SELECT value FROM json_each(?)) ORDER BY number",
        (after, json.dumps(sorted(KINDS))),
    ).fetchall()


def pins_whole(connection: sqlite3.Connection) -> list[str]:
    """Ids of pins that last and hold all that they cover. Internal ones let go of some."""
    found = connection.execute(f"SELECT id FROM pins WHERE {LASTS} AND covers = 0 AND ground <> 'internal'")  # noqa: S608
    return [pin for (pin,) in found]


def unheld(connection: sqlite3.Connection, pin: str) -> tuple[int, str] | None:
    """What such a pin covers and does not hold: how many segments, and one of them by camera and number."""
    row = connection.execute(
        f"SELECT number, cameras, first_wall_ms, last_wall_ms FROM pins WHERE id = ? AND {LASTS} AND covers = 0",  # noqa: S608
        (pin,),
    ).fetchone()
    if row is None:
        return None
    number, cameras, first_ms, last_ms = row
    count, named = 0, ""
    for camera, longest_ms in connection.execute(
        "SELECT number, longest_ms FROM cameras WHERE id IN (SELECT value FROM json_each(?))", (cameras,)
    ).fetchall():
        values = {"camera": camera, "longest": longest_ms, "first": first_ms, "last": last_ms, "limit": -1}
        found = connection.execute(
            "SELECT s.seq, c.id FROM segments s JOIN cameras c ON c.number = s.camera"  # noqa: S608  (constants)
            f" WHERE s.id IN ({HELD_IN}) AND s.id NOT IN (SELECT segment FROM pinned WHERE pin = :pin)",
            values | {"pin": number},
        ).fetchall()
        count += len(found)
        named = named or next((f"segment {seq} of {name}" for seq, name in found), "")
    return (count, named) if count else None


OPENINGS_PAGE: Final = 1000


def openings(connection: sqlite3.Connection, after: tuple[int, str]) -> list[tuple[int, str, bytes, str, str | None]]:
    """Number of its leaf, field, salt, value, and what the leaf says of that field; a page, behind that one."""
    return connection.execute(
        "SELECT o.leaf, o.field, o.salt, o.value, (SELECT json_extract(body, '$.' || o.field) FROM leaves"
        " WHERE number = o.leaf) FROM openings o WHERE (o.leaf, o.field) > (?, ?) ORDER BY o.leaf, o.field LIMIT ?",
        (*after, OPENINGS_PAGE),
    ).fetchall()
