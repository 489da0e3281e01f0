"""Generations of the ledger: one tree after the other, each with a name and a key of its own.

Functions over a connection. Numbers of leaves go on through all of them; inside one they have no holes, so that a
leaf's place in its tree is its number minus that of the first. A generation begins with the first start, where a
database was lost, and where there is a new key; its first leaf names the head of the one before that was known last.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from storage.ledger import table as ledger
from storage.ledger.note import Checkpoint, NoteDamaged, Verifier, parse
from storage.ledger.table import Leaf, Value
from storage.ledger.tree import Hash

ORIGIN_MAX: Final = 128
"""Characters of a log's name."""
_NOTHING: Final[Mapping[str, Value]] = {}
_NOBODY: Final[Mapping[str, str]] = {}
_COLUMNS: Final = "SELECT first, origin, key, size, root, note, seen FROM generations "


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this box is to those who check its heads."""

    node: str
    public: bytes | None
    """Its key as of now, 32 bytes; None: it has none that can be used."""
    given: bool = False
    """A person put it there on purpose: as a credential, or with a renewal. A file in its place may be anybody's."""

    def key(self, origin: str) -> str | None:
        """As the first leaf of a generation names it."""
        return None if self.public is None else str(Verifier(origin, self.public))


@dataclass(frozen=True, slots=True)
class Generation:
    """One tree."""

    first: int
    """Number of its first leaf."""
    origin: str
    key: str | None
    """Whose signature its heads bear; None: they bear none."""
    size: int
    """Leaves under its last head."""
    root: Hash | None
    note: str | None
    """Its last head, signed."""
    seen: int
    """Leaves under the largest head of which somebody outside has a copy."""

    @property
    def verifier(self) -> Verifier | None:
        """Its key. ValueError where what is stored is none."""
        return None if self.key is None else Verifier.parse(self.key)

    @property
    def public(self) -> bytes | None:
        """Of its key, 32 bytes. ValueError likewise."""
        verifier = self.verifier
        return None if verifier is None else verifier.public


def every(connection: sqlite3.Connection) -> list[Generation]:
    """From the first to the present one."""
    return [Generation(*row) for row in connection.execute(_COLUMNS + "ORDER BY first")]


def replacing(known: Iterable[Generation], public: bytes) -> Generation | None:
    """The generation with which that key was given up for another; None while it may sign. Pure."""
    was = False
    for one in known:
        key = _readable(one)
        if was and key not in (None, public):
            return one
        was = was or key == public
    return None


def fits(known: Sequence[Generation], identity: Identity) -> bool:
    """Whether a generation may begin with that key. Pure.

    One that was given up comes back with an older state directory, and others may have it. A file that somebody put in
    place of ours is no key to go by: whoever put it there has it, too. A credential is put there by whoever administers
    the box.
    """
    if identity.public is None or replacing(known, identity.public) is not None:
        return False
    return identity.given or last_key(known) in (None, identity.public)


def last_key(known: Sequence[Generation]) -> bytes | None:
    """With which heads were signed last, as far as is known; 32 bytes. Pure."""
    return next((key for one in reversed(known) if (key := _readable(one)) is not None), None)


def _readable(generation: Generation) -> bytes | None:
    """Its key; of one that is stored as something else nobody can say what it was."""
    try:
        return generation.public
    except ValueError:
        return None


def present(connection: sqlite3.Connection) -> Generation | None:
    """The one that grows; None before the first."""
    row = connection.execute(_COLUMNS + "ORDER BY first DESC LIMIT 1").fetchone()
    return None if row is None else Generation(*row)


def of_leaf(connection: sqlite3.Connection, number: int) -> Generation | None:
    """The one that a leaf belongs to; None where there was none yet."""
    row = connection.execute(_COLUMNS + "WHERE first <= ? ORDER BY first DESC LIMIT 1", (number,)).fetchone()
    return None if row is None else Generation(*row)


def end(connection: sqlite3.Connection, generation: Generation) -> int:
    """How many leaves it has, if none is missing; of one of a database that was lost they may still be coming back."""
    following = connection.execute("SELECT min(first) FROM generations WHERE first > ?", (generation.first,)).fetchone()
    last = connection.execute(
        "SELECT max(number) FROM leaves WHERE number >= ?1 AND (?2 IS NULL OR number < ?2)",
        (generation.first, following[0]),
    ).fetchone()[0]
    return 0 if last is None else int(last) - generation.first + 1


def begin(
    connection: sqlite3.Connection,
    identity: Identity,
    reason: str,
    wall_ms: int,
    *,
    number: int | None = None,
    previous: Checkpoint | None = None,
    told: Mapping[str, Value] = _NOTHING,
    committed: Mapping[str, str] = _NOBODY,
) -> Generation:
    """A generation begins with a leaf of its own, the next one or that of `number`.

    The leaf names how far the one before goes: `previous`, where that is known, else its last head. `told` and
    `committed` go into the leaf, too. With a key that does not fit it begins without one.
    """
    known = every(connection)
    before = known[-1] if known else None
    origin = f"edged/{identity.node}/{secrets.token_hex(4)}"
    key = identity.key(origin) if fits(known, identity) else None
    body: dict[str, Value] = {
        **told,
        "origin": origin,
        "key": key,
        "reason": reason,
        "previous": named(previous) if previous is not None else None if before is None else _last_head(before),
    }
    first = ledger.enter(connection, Leaf.GENERATION, wall_ms, body, committed=committed, number=number)
    return _insert(connection, first, origin, key)


def named(head: Checkpoint) -> dict[str, Value]:
    """A head as leaves name it."""
    return {"origin": head.origin, "size": head.size, "root": head.root.hex()}


def _last_head(generation: Generation) -> dict[str, Value]:
    root = None if generation.root is None else generation.root.hex()
    return {"origin": generation.origin, "size": generation.size, "root": root}


def remember(connection: sqlite3.Connection, number: int, body: Mapping[str, Any]) -> None:
    """A generation of a database that was lost, of which its leaf tells. ValueError, TypeError: it is none of ours."""
    key = body["key"]
    found = Generation(number, body["origin"], key, 0, None, None, 0)
    _check(found)
    if connection.execute("SELECT 1 FROM generations WHERE first = ? OR origin = ?", (number, found.origin)).fetchone():
        return
    _insert(connection, number, found.origin, key)


def recall(connection: sqlite3.Connection, notes: Iterable[str]) -> None:
    """Heads that were found on volumes, of generations that are known: those that bear their signature count."""
    known = {one.origin: one for one in every(connection)}
    for text in notes:
        with suppress(NoteDamaged):
            note = parse(text)
            head = note.checkpoint()
            generation = known.get(head.origin)
            verifier = None if generation is None else generation.verifier
            if generation is not None and verifier is not None and note.signed_by(verifier):
                signed(connection, generation, head.size, head.root, text)


def refuse_absurd(connection: sqlite3.Connection) -> None:
    """ValueError where a head tells of generations that cannot be ours."""
    for one in every(connection):
        _check(one)


def signed(connection: sqlite3.Connection, generation: Generation, size: int, root: Hash, note: str | None) -> None:
    """Its last head is this one from now on, unless a larger one is known."""
    connection.execute(
        "UPDATE generations SET size = ?2, root = ?3, note = ?4 WHERE first = ?1 AND size <= ?2",
        (generation.first, size, root, note),
    )


def seen(connection: sqlite3.Connection, origin: str, size: int) -> None:
    """Somebody outside has a copy of the head of that size."""
    connection.execute(
        "UPDATE generations SET seen = ?2 WHERE origin = ?1 AND seen < ?2 AND size >= ?2", (origin, size)
    )


def _insert(connection: sqlite3.Connection, first: int, origin: str, key: str | None) -> Generation:
    connection.execute("INSERT INTO generations (first, origin, key) VALUES (?, ?, ?)", (first, origin, key))
    return Generation(first, origin, key, 0, None, None, 0)


def _check(generation: Generation) -> None:
    origin, verifier = generation.origin, generation.verifier
    if not isinstance(origin, str) or not 0 < len(origin) <= ORIGIN_MAX or not origin.isprintable():
        raise ValueError(f"{origin!r} is no name of a ledger")
    if verifier is not None and verifier.name != origin:
        raise ValueError(f"the key of {origin} is that of {verifier.name}")


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A database that was lost and begun anew."""

    number: int
    reason: str
    aside: str | None
    leaf: int
    """The first number entered since."""
    wall_ms: int
    read: bool
    """The leaves on the volumes were read."""
    end: tuple[int, int, int] | None
    """Boot, boottime and wall clock at which everything had been gone through."""


def last_rebuild(connection: sqlite3.Connection) -> Rebuild | None:
    """The last time that the database was begun anew."""
    row = connection.execute(
        "SELECT number, reason, aside, leaf, wall_ms, read, end_boot, end_boottime_ms, end_wall_ms FROM rebuilds"
        " ORDER BY number DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    number, reason, aside, leaf, wall_ms, read, *end = row
    over = None if end[0] is None else (end[0], end[1], end[2])
    return Rebuild(number, reason, aside, leaf, wall_ms, bool(read), over)
