"""Events for the centre, each in the transaction of the fact that it tells of, until the broker has taken it (S8).

Functions over a connection. One number for all events, counted without end within an epoch: the centre sees what it
lacks. Bounded: what has the lowest rank and is oldest gives way first, and that it did becomes an event itself. Without
a broker configured nothing is kept. What is sent when is decided by `mqtt.send`, in which words by
`mqtt.contract.events`. What lies there is read whatever it is: another version wrote it, or the disk has changed it.

`Outbox` is what the link sees: what waits for the centre, and what may go. Thread-safe; reads block.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import partial
from typing import Any, Final

from storage.database.writer import Database
from storage.words.clock import Clock

FREED_SHARE: Final = 64
"""Of the limit, so much more is freed of a rank than must be: else each event would evict one."""
ROW_BYTES: Final = 64
"""What a row takes beside its body, about."""
_BEGUN: Final = {"what": "begun"}
"""Events from before were not kept, or went with a database that was lost."""
UNREADABLE: Final = "unreadable"
"""Field with the text of a body that is no JSON object."""
EVICTED_MAX: Final = 20_000
"""Rows that one event may evict: some 45 ms, which a commit may have to wait for (L4); the next one goes on."""


class EventRank(IntEnum):
    """Which goes first to the centre, and last for want of room."""

    PROOF = 1
    """Ledger, pins, copies, results of commands."""
    ALARM = 2
    STORAGE = 3
    """Retention and volumes."""
    HISTORY = 4


class EventKind(StrEnum):
    """What an event tells of; the last level of its topic. Kinds are only ever added."""

    LEDGER = "ledger"
    PIN = "pin"
    COPY = "copy"
    COMMAND = "command"
    OUTBOX = "outbox"
    """Nothing from before is there, or events gave way."""
    ALARM = "alarm"
    MAINTENANCE = "maintenance"
    FAULT = "fault"
    RETENTION = "retention"
    VOLUME = "volume"
    GAP = "gap"
    CLOCK = "clock"
    RUN = "run"
    OTHER = "other"
    """All kinds that this version does not know, when they are read: a newer one wrote them. Nothing is entered so."""


RANKS: Final[Mapping[EventKind, EventRank]] = {
    EventKind.LEDGER: EventRank.PROOF,
    EventKind.PIN: EventRank.PROOF,
    EventKind.COPY: EventRank.PROOF,
    EventKind.COMMAND: EventRank.PROOF,
    EventKind.OUTBOX: EventRank.PROOF,
    EventKind.ALARM: EventRank.ALARM,
    EventKind.MAINTENANCE: EventRank.ALARM,
    EventKind.FAULT: EventRank.ALARM,
    EventKind.RETENTION: EventRank.STORAGE,
    EventKind.VOLUME: EventRank.STORAGE,
    EventKind.GAP: EventRank.HISTORY,
    EventKind.CLOCK: EventRank.HISTORY,
    EventKind.RUN: EventRank.HISTORY,
    EventKind.OTHER: EventRank.HISTORY,
}
OF_LEAVES: Final[Mapping[str, EventKind]] = {
    "generation": EventKind.LEDGER,
    "rebuilt": EventKind.LEDGER,
    "finding": EventKind.LEDGER,
    "pin": EventKind.PIN,
    "copy": EventKind.COPY,
    "bounds": EventKind.RETENTION,
    "overwriting": EventKind.RETENTION,
    "agreed": EventKind.RETENTION,
    "maintenance": EventKind.MAINTENANCE,
    "fault": EventKind.FAULT,
    "volume": EventKind.VOLUME,
    "gap": EventKind.GAP,
    "clock": EventKind.CLOCK,
    "boot": EventKind.RUN,
    "run": EventKind.RUN,
}
"""Leaves that are events, too. Footage recorded and destroyed is not told one by one: state topics and proofs do."""


@dataclass(frozen=True, slots=True)
class Event:
    """As it lies there. `leaf`: the number of its leaf, 0 for none; `what`: the leaf's kind, or ""; `other`: of
    Kind.OTHER, what the version that wrote it calls the kind. A body that is no JSON object is the `UNREADABLE` of one.
    """

    epoch: int
    seq: int
    kind: EventKind
    wall_ms: int
    leaf: int
    what: str
    body: Mapping[str, Any]
    other: str = ""

    @property
    def rank(self) -> EventRank:
        return RANKS[self.kind]


@dataclass(frozen=True, slots=True)
class OutboxDepth:
    """How much waits."""

    events: int
    bytes: int
    oldest_ms: int | None
    """When the oldest one was entered, by the wall clock."""


def of_leaf(connection: sqlite3.Connection, kind: str, number: int, wall_ms: int, body: str) -> None:
    """A leaf was entered: some are events. `body` is its canonical JSON."""
    told = OF_LEAVES.get(kind)
    if told is not None:
        _put(connection, told, wall_ms, body, leaf=number, what=kind)


def put(connection: sqlite3.Connection, kind: EventKind, wall_ms: int, body: Mapping[str, Any]) -> str:
    """An event that is no leaf; its id within the node, `EPOCH:SEQ`, which is given away once, kept or not."""
    epoch, seq = _put(connection, kind, wall_ms, json.dumps(body, ensure_ascii=False, separators=(",", ":")))
    return f"{epoch}:{seq}"


def next_id(connection: sqlite3.Connection, wall_ms: int) -> str:
    """The id that the next event will have."""
    row = connection.execute("SELECT epoch, seq + 1 FROM outbox_count").fetchone()
    if row is None:
        _begin(connection, wall_ms)
        return next_id(connection, wall_ms)
    return f"{row[0]}:{row[1]}"


def _put(
    connection: sqlite3.Connection, kind: EventKind, wall_ms: int, body: str, leaf: int = 0, what: str = ""
) -> tuple[int, int]:
    epoch, seq, is_wanted, limit = _next(connection, wall_ms)
    if not is_wanted:
        return epoch, seq
    size = len(body.encode()) + ROW_BYTES
    connection.execute(
        "INSERT INTO outbox (seq, rank, kind, wall_ms, leaf, what, body, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (seq, RANKS[kind], kind, wall_ms, leaf, what, body, size),
    )
    connection.execute(
        "INSERT INTO outbox_ranks (rank, events, bytes) VALUES (?1, 1, ?2)"
        " ON CONFLICT (rank) DO UPDATE SET events = events + 1, bytes = bytes + ?2",
        (RANKS[kind], size),
    )
    held = connection.execute("SELECT sum(bytes) FROM outbox_ranks").fetchone()[0]
    if held > limit:
        _evict(connection, held - limit, limit // FREED_SHARE, wall_ms)
    return epoch, seq


def _next(connection: sqlite3.Connection, wall_ms: int) -> tuple[int, int, bool, int]:
    """Epoch, number, whether it is kept, and how many bytes may be."""
    count = "UPDATE outbox_count SET seq = seq + 1 RETURNING epoch, seq, wanted, limit_bytes"
    row = connection.execute(count).fetchone()
    if row is None:
        _begin(connection, wall_ms)
        row = connection.execute(count).fetchone()
    epoch, seq, wanted, limit = row
    return epoch, seq, bool(wanted), limit


def _begin(connection: sqlite3.Connection, wall_ms: int) -> None:
    connection.execute("INSERT INTO outbox_count (id, epoch) VALUES (1, ?)", (max(1, wall_ms),))
    put(connection, EventKind.OUTBOX, wall_ms, _BEGUN)


def _evict(connection: sqlite3.Connection, excess: int, spare: int, wall_ms: int) -> None:
    """Lowest rank first, oldest first within it, until `excess` bytes are free. Of the last rank that has to give,
    `spare` bytes more: no higher one gives way for those. What went is counted until it is told.
    """
    left = EVICTED_MAX
    for rank in reversed(EventRank):
        if excess <= 0 or left <= 0:
            return
        events = freed = 0
        first = last = 0
        for seq, size in connection.execute(
            "SELECT seq, bytes FROM outbox WHERE rank = ? ORDER BY seq LIMIT ?", (rank, left)
        ):
            if freed >= excess + spare:
                break
            first, last = first or seq, seq
            events, freed = events + 1, freed + size
        if events:
            connection.execute("DELETE FROM outbox WHERE rank = ? AND seq <= ?", (rank, last))
            connection.execute(
                "UPDATE outbox_ranks SET events = events - ?2, bytes = bytes - ?3, evicted = evicted + ?2,"
                " first_seq = coalesce(first_seq, ?4), last_seq = ?5, since_ms = coalesce(since_ms, ?6)"
                " WHERE rank = ?1",
                (rank, events, freed, first, last, wall_ms),
            )
        excess, left = excess - freed, left - events


def tell_evicted(connection: sqlite3.Connection, wall_ms: int) -> bool:
    """What gave way since it was last told becomes one event for each rank; True: there was something to tell."""
    rows = connection.execute(
        "SELECT rank, evicted, first_seq, last_seq, since_ms FROM outbox_ranks WHERE evicted > 0 ORDER BY rank"
    ).fetchall()
    connection.execute("UPDATE outbox_ranks SET evicted = 0, first_seq = NULL, last_seq = NULL, since_ms = NULL")
    for rank, evicted, first, last, since_ms in rows:
        told = {"what": "evicted", "rank": rank, "events": evicted, "first_seq": first, "last_seq": last}
        put(connection, EventKind.OUTBOX, wall_ms, told | {"since_ms": since_ms})
    return bool(rows)


def want(connection: sqlite3.Connection, wanted: bool, wall_ms: int) -> None:
    """Whether a broker is configured. Without one nothing is kept, and what was kept goes: nobody asked for it."""
    before = connection.execute("SELECT wanted FROM outbox_count").fetchone()
    if not wanted:
        for table in ("outbox", "outbox_ranks"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608  (constants)
        connection.execute(
            "INSERT INTO outbox_count (id, epoch, wanted) VALUES (1, ?, 0) ON CONFLICT (id) DO UPDATE SET wanted = 0",
            (max(1, wall_ms),),
        )
    elif before == (0,):
        connection.execute("UPDATE outbox_count SET wanted = 1")
        put(connection, EventKind.OUTBOX, wall_ms, _BEGUN)


def following(connection: sqlite3.Connection, kind: EventKind, after: int, limit: int) -> list[Event]:
    """Events of a kind by number, from the one after `after` on. Texts come as bytes: they may be no UTF-8."""
    names = _unknown(connection) if kind is EventKind.OTHER else [kind.encode()]
    rows = [
        row
        for name in names
        for row in connection.execute(
            "SELECT seq, (SELECT epoch FROM outbox_count), CAST(kind AS BLOB), wall_ms, leaf, CAST(what AS BLOB),"
            " CAST(body AS BLOB) FROM outbox WHERE kind = CAST(? AS TEXT) AND seq > ? ORDER BY seq LIMIT ?",
            (name, after, limit),
        )
    ]
    return [
        Event(epoch, seq, kind, wall_ms, leaf, _text(what), _body(body), _text(name) if kind is EventKind.OTHER else "")
        for seq, epoch, name, wall_ms, leaf, what, body in sorted(rows)[:limit]
    ]


def _unknown(connection: sqlite3.Connection) -> list[bytes]:
    """Names of kinds that lie there and are none of ours. Looks at one row of each kind, however much waits."""
    known = {kind.encode() for kind in EventKind if kind is not EventKind.OTHER}
    found = connection.execute(
        "WITH RECURSIVE kinds (kind) AS (SELECT min(kind) FROM outbox UNION ALL"
        " SELECT (SELECT min(kind) FROM outbox WHERE outbox.kind > kinds.kind) FROM kinds WHERE kind IS NOT NULL)"
        " SELECT CAST(kind AS BLOB) FROM kinds WHERE kind IS NOT NULL"
    )
    return [name for (name,) in found if name not in known]


def _body(lies: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(lies.decode("utf-8"))
    except (ValueError, RecursionError):
        body = None
    return body if isinstance(body, dict) else {UNREADABLE: _text(lies)}


def _text(lies: bytes) -> str:
    return lies.decode("utf-8", "replace")


def last(connection: sqlite3.Connection) -> int:
    """Number of the last event that was entered; 0: none was."""
    row = connection.execute("SELECT seq FROM outbox_count").fetchone()
    return 0 if row is None else int(row[0])


def done(connection: sqlite3.Connection, seqs: Iterable[int]) -> None:
    """The broker has passed them on. Those that are not there any more are passed over."""
    for seq in seqs:
        row = connection.execute("DELETE FROM outbox WHERE seq = ? RETURNING rank, bytes", (seq,)).fetchone()
        if row is not None:
            connection.execute("UPDATE outbox_ranks SET events = events - 1, bytes = bytes - ?2 WHERE rank = ?1", row)


def depth(connection: sqlite3.Connection) -> dict[EventRank, OutboxDepth]:
    """By rank, each of them. Cheap, however much waits."""
    found = {
        rank: OutboxDepth(events, size, oldest_ms)
        for rank, events, size, oldest_ms in connection.execute(
            "SELECT rank, events, bytes, (SELECT wall_ms FROM outbox WHERE outbox.rank = outbox_ranks.rank"
            " ORDER BY seq LIMIT 1) FROM outbox_ranks"
        )
    }
    return {rank: found.get(rank, OutboxDepth(0, 0, None)) for rank in EventRank}


class Outbox:
    """Of one store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def want(self, wanted: bool) -> Future[None]:
        """Whether a broker is configured; without one nothing is kept."""
        return self._database.submit(partial(want, wanted=wanted, wall_ms=self._clock.now().wall_ms))

    @property
    def commits(self) -> int:
        """As long as it is the same, `last` says what it said. Asks no disk."""
        return self._database.commits

    def last(self) -> int:
        """Number of the last event; 0: there was none."""
        return self._database.read(last)

    def following(self, kind: EventKind, after: int, limit: int) -> list[Event]:
        """Events of a kind by number, from the one after `after` on."""
        return self._database.read(partial(following, kind=kind, after=after, limit=limit))

    def done(self, seqs: Collection[int]) -> Future[None]:
        """Somebody at the centre has got them. Delays no commit (L4)."""
        return self._database.submit(partial(done, seqs=seqs), yielding=True)

    def tell_evicted(self) -> Future[bool]:
        """What gave way for want of room becomes events; True: something had."""
        return self._database.submit(partial(tell_evicted, wall_ms=self._clock.now().wall_ms))

    def depth(self) -> dict[EventRank, OutboxDepth]:
        """How much waits, by rank. Cheap."""
        return self._database.read(depth)
