"""稽核軌跡: what happened, one leaf for each fact, entered in the transaction that the fact is.

Functions over a connection. A leaf is never changed and never removed. It holds no name of a person, no reason and no
case number, only commitments to them: what these stand for lies in a table of its own, where it can be erased.
`storage.mirror.service` carries leaves to the volumes, from where a lost database is rebuilt (S13); `storage.ledger`
has the tree over them, its signed heads and its proofs.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final, TypeAlias

import rfc8785

from storage.ledger.tree import Hash, leaf_hash
from storage.outbox import table as outbox

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
    AGREED = "agreed"
    """Bounds, and groups that hold roles, as agreed upon from now on: what is looser takes two persons."""
    BOOT = "boot"
    RUN = "run"
    """The daemon starts or stops."""
    CLOCK = "clock"
    """A step of the wall clock, credit for time the box was off, an attestation."""
    FINDING = "finding"
    """A file and its row differ (S4), or agree again."""
    REBUILT = "rebuilt"
    """The database was lost and made anew."""
    GENERATION = "generation"
    """A tree begins, with this leaf."""
    ACT = "act"
    """Somebody changed or looked at something, or was refused."""
    HOLDER = "holder"
    """Roles that an account holds from now on, by the groups it is in."""
    COPY = "copy"
    """複製: an export is begun, finished or abandoned."""
    MAINTENANCE = "maintenance"
    """維護: somebody begins to work on cameras or on the box, or has ended."""
    FAULT = "fault"
    """報修: a fault is found, reported, repaired, checked; or the box sees nothing of it any more."""


_KINDS: Final = {kind.value: kind for kind in Leaf}
SALT_BYTES: Final = 32
"""Of a commitment: nobody finds a name by trying all names."""
_NOBODY: Final[Mapping[str, str]] = {}
HASHED_SQL: Final = (
    """CAST(x'00' || '{"b":' || body || ',"k":"' || kind || '","n":' || number || ',"t":' || wall_ms || '}' AS BLOB)"""
)
"""What is hashed of a leaf, `LEAF` and `Entry.data`, as SQLite makes it."""
HASHED: Final = b'\0{"b":%b,"k":"%b","n":%d,"t":%d}'
"""The same of body, kind, number and wall clock: twenty million are hashed in one go."""


@dataclass(frozen=True, slots=True)
class LeafEntry:
    """A leaf as it stands: `body` is canonical JSON (RFC 8785)."""

    number: int
    wall_ms: int
    kind: str
    """A `Leaf`, or what a later version called one: it is carried along."""
    body: str

    @property
    def data(self) -> bytes:
        """What is hashed, and a line of the mirror: canonical JSON of the whole leaf."""
        return f'{{"b":{self.body},"k":"{self.kind}","n":{self.number},"t":{self.wall_ms}}}'.encode()

    @property
    def hash(self) -> Hash:
        """The leaf in the tree."""
        return leaf_hash(self.data)


def canonical(body: Mapping[str, Value]) -> str:
    """A body as it is hashed (RFC 8785). ValueError for numbers that not every reader takes exactly."""
    return rfc8785.dumps(body).decode()


def commitment(salt: bytes, value: str) -> str:
    """What a leaf says instead of `value`: 64 digits that only who has the salt can hold it against."""
    return sha256(salt + value.encode()).hexdigest()


def enter(
    connection: sqlite3.Connection,
    kind: Leaf,
    wall_ms: int,
    body: Mapping[str, Value],
    *,
    committed: Mapping[str, str] = _NOBODY,
    number: int | None = None,
) -> int:
    """Append a leaf; its number. `wall_ms` is when it was entered, by the wall clock, which proves nothing (S7).

    Of the fields `committed` the leaf has commitments. `number`: of the first leaf of a generation, else the next one.
    """
    if number is None:
        number = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM leaves").fetchone()[0]
    salts = {name: secrets.token_bytes(SALT_BYTES) for name in committed}
    hidden = {name: commitment(salts[name], value) for name, value in committed.items()}
    entry = LeafEntry(number, wall_ms, kind, canonical({**body, **hidden}))
    connection.execute(
        "INSERT INTO leaves (number, wall_ms, kind, body, hash) VALUES (?, ?, ?, ?, ?)",
        (number, wall_ms, kind, entry.body, entry.hash),
    )
    connection.executemany(
        "INSERT INTO openings (leaf, field, salt, value) VALUES (?, ?, ?, ?)",
        [(number, name, salts[name], value) for name, value in committed.items()],
    )
    outbox.of_leaf(connection, kind, number, wall_ms, entry.body)
    return number


def put_back(connection: sqlite3.Connection, entry: LeafEntry) -> bool:
    """A leaf of a database that was lost; False where its number is taken."""
    cursor = connection.execute(
        "INSERT OR IGNORE INTO leaves (number, wall_ms, kind, body, hash) VALUES (?, ?, ?, ?, ?)",
        (entry.number, entry.wall_ms, entry.kind, entry.body, entry.hash),
    )
    return cursor.rowcount > 0


def opened(connection: sqlite3.Connection, number: int | None) -> dict[str, str]:
    """What stands behind the commitments of a leaf, as far as it was neither erased nor lost with a database."""
    return dict(connection.execute("SELECT field, value FROM openings WHERE leaf = ?", (number,)).fetchall())


def leaf(connection: sqlite3.Connection, number: int) -> LeafEntry | None:
    """The leaf of that number."""
    return next(iter(leaves(connection, number - 1, 1, until=number)), None)


def leaves(connection: sqlite3.Connection, after: int, limit: int, *, until: int = 1 << 62) -> list[LeafEntry]:
    """Leaves by number, from the one after `after` on."""
    rows = connection.execute(
        "SELECT number, wall_ms, kind, body FROM leaves WHERE number > ? AND number <= ? ORDER BY number LIMIT ?",
        (after, until, limit),
    )
    return [LeafEntry(number, wall_ms, _KINDS.get(kind, kind), body) for number, wall_ms, kind, body in rows]
