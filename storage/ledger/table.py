"""稽核軌跡: what happened, one leaf for each fact, entered in the transaction that the fact is.

Functions over a connection. A leaf is never changed and never removed. It holds no name of a person, no reason and no
case number, only commitments to them: what these stand for lies in a table of its own, where it can be erased.
`storage.mirror.service` carries leaves to the volumes, from where a lost database is rebuilt (S13);
`storage.ledger.tree` has the tree over them, and `storage.ledger.signer` its signed heads.

Generations: one tree after the other, each with a name and a key of its own. Numbers of leaves go on through all of
them; inside one they have no holes, so that a leaf's place in its tree is its number minus that of the first. A
generation begins with the first start, where a database was lost, and where there is a new key; its first leaf names
the head of the one before that was known last. `Rebuild` is a database that was lost and begun anew.

Nodes of the trees. Every eighth level is kept, so that a root or a proof among twenty million leaves reads
some hundred hashes; what is not kept yet is made from what is below it. Here too: that a later tree begins with an
earlier one, for whoever kept the heads of both. What is kept is never a source: the check of the ledger makes it
anew.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from hashlib import sha256
from typing import Any, Final, TypeAlias

import msgspec
import rfc8785

from storage.ledger import tree
from storage.ledger.note import Checkpoint, NoteDamaged, Verifier, parse
from storage.ledger.tree import Hash, leaf_hash
from storage.outbox import table as outbox_table
from storage.words.errors import OrderRefused, OrderWrong, UnknownId
from storage.words.message import Message, message

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
    OFFICE = "office"
    """調閱: a request for footage is received, or something befalls it."""
    PERSON = "person"
    """A person is known, tied to an account, holds a post or stands for who holds it; or no more."""
    FAULT = "fault"
    """報修: a fault is found, reported, repaired, checked; or the box sees nothing of it any more."""


_KINDS: Final = {kind.value: kind for kind in Leaf}
SALT_BYTES: Final = 32
"""Of a commitment: nobody finds a name by trying all names."""
_NO_FIELDS: Final[Mapping[str, str]] = {}
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
    body: Mapping[str, Value] | msgspec.Struct,
    *,
    committed: Mapping[str, str] = _NO_FIELDS,
    number: int | None = None,
    stays: bool = False,
) -> int:
    """Append a leaf; its number. `wall_ms` is when it was entered, by the wall clock, which proves nothing (S7).

    `body`: its fields, as a struct where its kind is declared as one. Of the fields `committed` the leaf
    has commitments. `number`: of the first leaf of a generation, else the next one. `stays`: it is no event
    for the centre, whatever its kind.
    """
    if number is None:
        number = last(connection) + 1
    salts = {name: secrets.token_bytes(SALT_BYTES) for name in committed}
    hidden = {name: commitment(salts[name], value) for name, value in committed.items()}
    fields: Mapping[str, Value] = msgspec.to_builtins(body) if isinstance(body, msgspec.Struct) else body
    entry = LeafEntry(number, wall_ms, kind, canonical({**fields, **hidden}))
    connection.execute(
        "INSERT INTO leaves (number, wall_ms, kind, body, hash) VALUES (?, ?, ?, ?, ?)",
        (number, wall_ms, kind, entry.body, entry.hash),
    )
    connection.executemany(
        "INSERT INTO openings (leaf, field, salt, value) VALUES (?, ?, ?, ?)",
        [(number, name, salts[name], value) for name, value in committed.items()],
    )
    if not stays:
        outbox_table.of_leaf(connection, kind, number, wall_ms, entry.body)
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


def last(connection: sqlite3.Connection) -> int:
    """Number of the last leaf; 0: there is none."""
    return int(connection.execute("SELECT coalesce(max(number), 0) FROM leaves").fetchone()[0])


def leaves(connection: sqlite3.Connection, after: int, limit: int, *, until: int = 1 << 62) -> list[LeafEntry]:
    """Leaves by number, from the one after `after` on."""
    rows = connection.execute(
        "SELECT number, wall_ms, kind, body FROM leaves WHERE number > ? AND number <= ? ORDER BY number LIMIT ?",
        (after, until, limit),
    )
    return [LeafEntry(number, wall_ms, _KINDS.get(kind, kind), body) for number, wall_ms, kind, body in rows]


ORIGIN_MAX: Final = 128
"""Characters of a log's name."""
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
    told: Mapping[str, Value] = _NO_FIELDS,
    committed: Mapping[str, str] = _NO_FIELDS,
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
    first = enter(connection, Leaf.GENERATION, wall_ms, body, committed=committed, number=number)
    return _insert(connection, first, origin, key)


def _insert(connection: sqlite3.Connection, first: int, origin: str, key: str | None) -> Generation:
    connection.execute("INSERT INTO generations (first, origin, key) VALUES (?, ?, ?)", (first, origin, key))
    return Generation(first, origin, key, 0, None, None, 0)


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
    _refuse_foreign(found)
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
        _refuse_foreign(one)


def _refuse_foreign(generation: Generation) -> None:
    origin, verifier = generation.origin, generation.verifier
    if not isinstance(origin, str) or not 0 < len(origin) <= ORIGIN_MAX or not origin.isprintable():
        raise ValueError(f"{origin!r} is no name of a ledger")
    if verifier is not None and verifier.name != origin:
        raise ValueError(f"the key of {origin} is that of {verifier.name}")


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


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A database that was lost and begun anew."""

    number: int
    reason: Message
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
    return Rebuild(number, Message.recalled(reason), aside, leaf, wall_ms, bool(read), over)


STRIDE: Final = 8
LEVELS: Final = (8, 16, 24, 32)
"""That are kept: the root of 256 nodes of the kept level below, or of 256 leaves."""
WIDTH: Final = 1 << STRIDE
Node: TypeAlias = tuple[int, int, Hash]
"""Level, number, hash."""


class LeafMissing(LookupError):
    """The tree cannot be told: a leaf in it is not in the database, or was entered without its hash."""

    def __init__(self, why: Message) -> None:
        super().__init__(why)
        self.why = why


def read(connection: sqlite3.Connection, generation: Generation) -> tree.Nodes:
    """For `storage.ledger.tree`, while the connection sees one moment. Raises LeafMissing when it is asked."""
    return partial(_node, connection, generation.first)


def missing(connection: sqlite3.Connection, generation: Generation, limit: int) -> list[Node]:
    """The next nodes of one level that are not kept and whose leaves are all there, at most `limit`."""
    below = end(connection, generation)
    for level in LEVELS:
        have = _kept(connection, generation.first, level)
        found: list[Node] = []
        with suppress(LeafMissing):
            for number in range(have, min(below >> STRIDE, have + limit)):
                hashes = _hashes(connection, generation.first, level - STRIDE, number << STRIDE, WIDTH)
                found.append((level, number, tree.root_of(hashes)))
        if found:
            return found
        below = have
    return []


def keep(connection: sqlite3.Connection, generation: Generation, found: Iterable[Node]) -> None:
    """What `missing` told of; leaves never change, so it is still true."""
    connection.executemany(
        "INSERT OR IGNORE INTO nodes (generation, level, number, hash) VALUES (?, ?, ?, ?)",
        [(generation.first, *node) for node in found],
    )


def _kept(connection: sqlite3.Connection, first: int, level: int) -> int:
    row = connection.execute(
        "SELECT coalesce(max(number) + 1, 0) FROM nodes WHERE generation = ? AND level = ?", (first, level)
    ).fetchone()
    return int(row[0])


def _node(connection: sqlite3.Connection, first: int, level: int, number: int) -> Hash:
    kept = level - level % STRIDE
    if kept == level:
        return _hashes(connection, first, level, number, 1)[0]
    width = level - kept
    return tree.root_of(_hashes(connection, first, kept, number << width, 1 << width))


def _hashes(connection: sqlite3.Connection, first: int, level: int, number: int, count: int) -> list[Hash]:
    """Neighbours on a level that is kept, or leaves."""
    if level == 0:
        return list(_leaves(connection, first + number, count))
    rows = connection.execute(
        "SELECT hash FROM nodes WHERE generation = ? AND level = ? AND number >= ? AND number < ? ORDER BY number",
        (first, level, number, number + count),
    )
    found = [row[0] for row in rows]
    lacking = range(number + len(found), number + count)
    below = level - STRIDE
    return found + [tree.root_of(_hashes(connection, first, below, at << STRIDE, WIDTH)) for at in lacking]


def _missing(number: int) -> Message:
    return message("ledger.leaf-missing", "leaf {leaf} of the ledger is missing", leaf=number)


def _leaves(connection: sqlite3.Connection, number: int, count: int) -> Iterator[Hash]:
    rows = connection.execute(
        "SELECT number, hash FROM leaves WHERE number >= ? AND number < ? ORDER BY number", (number, number + count)
    ).fetchall()
    for wanted, row in zip(range(number, number + count), rows, strict=False):
        if row != (wanted, row[1]) or row[1] is None:
            raise LeafMissing(_missing(wanted))
        yield row[1]
    if len(rows) < count:
        raise LeafMissing(_missing(number + len(rows)))


@dataclass(frozen=True, slots=True)
class Consistency:
    """RFC 6962, section 2.1.2."""

    origin: str
    first_size: int
    first_root: Hash
    second_size: int
    second_root: Hash
    path: Sequence[Hash]


def consistency(connection: sqlite3.Connection, origin: str | None, first: int, second: int) -> Consistency:
    """Between trees of `first` and `second` leaves of one generation; None: of the present one.

    No larger than its last signed head. OrderWrong, UnknownId, OrderRefused.
    """
    known = every(connection)
    found = next((one for one in reversed(known) if origin in (None, one.origin)), None)
    if found is None:
        raise UnknownId(
            message("ledger.no-such-ledger", "this box has no ledger {origin}", origin=str(origin)),
            message("ledger.no-such-ledger.action", "up/ledger/checkpoint names the present one"),
        )
    if not 0 < first <= second <= found.size:
        what = message(
            "ledger.no-sizes",
            "{first} and {second} are no sizes of {origin}: its last signed head covers {size} leaves",
            first=first,
            second=second,
            origin=found.origin,
            size=found.size,
        )
        raise OrderWrong(what, message("ledger.no-sizes.action", "give two sizes, the smaller one first"))
    below = read(connection, found)
    try:
        path = tree.consistency(below, first, second)
        return Consistency(found.origin, first, tree.root(below, first), second, tree.root(below, second), path)
    except LeafMissing as error:
        raise OrderRefused(
            message(
                "ledger.not-provable", "{origin} cannot be proven: {reason}", origin=found.origin, reason=error.why
            ),
            message("ledger.not-provable.action", "see edgectl ledger verify"),
        ) from None
