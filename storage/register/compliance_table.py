"""How the clauses of a regulation stand and since when, and what of the register of destruction was against a bound.

Functions over a connection, inside their caller's transaction. Nothing here is evidence: the ledger is. A lost database
begins both anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Kept:
    """Of one clause."""

    status: str
    since_ms: int
    """Wall clock."""


class Violation(StrEnum):
    """How an entry of the register is against a bound."""

    EARLY = "early"
    PERMITTED = "permitted"
    """Early, under `on_full = "overwrite"`."""
    LATE = "late"
    """And no pin explains it."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Of one camera and kind."""

    segments: int
    leaf: int
    """The last of them."""
    wall_ms: int
    """When that was entered."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The register up to a leaf."""

    leaf: int = 0
    segments: int = 0
    """All that were destroyed."""
    against: Mapping[tuple[str, Violation], Amount] | None = None

    @property
    def faults(self) -> Mapping[tuple[str, Violation], Amount]:
        return self.against or {}


def kept(connection: sqlite3.Connection) -> dict[str, Kept]:
    """By clause."""
    rows = connection.execute("SELECT clause, status, since_ms FROM compliance")
    return {clause: Kept(status, since_ms) for clause, status, since_ms in rows}


def keep(connection: sqlite3.Connection, now: Mapping[str, Kept]) -> None:
    """In place of all that was kept."""
    connection.execute("DELETE FROM compliance")
    connection.executemany(
        "INSERT INTO compliance (clause, status, since_ms) VALUES (?, ?, ?)",
        [(clause, one.status, one.since_ms) for clause, one in now.items()],
    )


def tally(connection: sqlite3.Connection) -> Tally:
    """As far as it was read."""
    leaf, segments = connection.execute("SELECT leaf, segments FROM register_read").fetchone() or (0, 0)
    rows = connection.execute("SELECT camera, kind, segments, leaf, wall_ms FROM register_faults")
    return Tally(leaf, segments, {(camera, Violation(kind)): Amount(*rest) for camera, kind, *rest in rows})


def remember(connection: sqlite3.Connection, read: Tally) -> None:
    """The register was read on. What is less far than what is known is passed over."""
    if read.leaf < tally(connection).leaf:
        return
    connection.execute(
        "INSERT OR REPLACE INTO register_read (id, leaf, segments) VALUES (1, ?, ?)", (read.leaf, read.segments)
    )
    connection.executemany(
        "INSERT OR REPLACE INTO register_faults (camera, kind, segments, leaf, wall_ms) VALUES (?, ?, ?, ?, ?)",
        [(camera, kind.value, one.segments, one.leaf, one.wall_ms) for (camera, kind), one in read.faults.items()],
    )
