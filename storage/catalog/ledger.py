"""稽核軌跡: what happened, one leaf for each fact, entered in the transaction that the fact is.

Functions over a connection. A leaf is never changed and never removed. It holds no name of a person, no reason and no
case number: those live where they can be erased. `storage.repair.mirror` carries leaves to the volumes, from where a
lost database is rebuilt (S13). Hashing, signing and proofs come with the evidence.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

Value: TypeAlias = "str | int | bool | list[Value] | dict[str, Value] | None"
"""What a leaf's body is made of. No floats: they have more than one spelling."""


class Leaf(StrEnum):
    """What a leaf tells of. Kinds are only ever added."""

    SEGMENT = "segment"
    """Committed: by its worker, or adopted."""
    DESTROYED = "destroyed"
    QUARANTINED = "quarantined"
    SPAN = "span"
    """Time whose footage was destroyed before there was a ledger."""
    GAP = "gap"
    PIN = "pin"
    """Placed, approved, extended, released or lapsed."""
    VOLUME = "volume"
    """Met, come, gone, retired, replaced."""
    BOUNDS = "bounds"
    """Floor and ceiling of a camera as configured from now on."""
    OVERWRITING = "overwriting"
    """Whether `on_full = "overwrite"` is configured from now on."""
    BOOT = "boot"
    RUN = "run"
    """The daemon starts or stops."""
    CLOCK = "clock"
    """A step of the wall clock, credit for time the box was off, an attestation."""
    FINDING = "finding"
    """A file and its row differ (S4), or agree again."""
    REBUILT = "rebuilt"
    """The database was lost and made anew."""


_KINDS: Final = {kind.value: kind for kind in Leaf}


@dataclass(frozen=True, slots=True)
class Entry:
    """A leaf as it stands: `body` is canonical JSON (sorted keys, no blanks, UTF-8)."""

    number: int
    wall_ms: int
    kind: str
    """A `Leaf`, or what a later version called one: it is carried along."""
    body: str


def enter(connection: sqlite3.Connection, kind: Leaf, wall_ms: int, body: Mapping[str, Value]) -> int:
    """Append a leaf; its number. `wall_ms` is when it was entered, by the wall clock, which proves nothing (S7)."""
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    number: int = connection.execute(
        "INSERT INTO leaves (wall_ms, kind, body) VALUES (?, ?, ?) RETURNING number", (wall_ms, kind, text)
    ).fetchone()[0]
    return number


def leaves(connection: sqlite3.Connection, after: int, limit: int) -> list[Entry]:
    """Leaves by number, from the one after `after` on."""
    rows = connection.execute(
        "SELECT number, wall_ms, kind, body FROM leaves WHERE number > ? ORDER BY number LIMIT ?", (after, limit)
    )
    return [Entry(number, wall_ms, _KINDS.get(kind, kind), body) for number, wall_ms, kind, body in rows]
