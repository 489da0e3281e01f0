"""Questions of the ledger's check: leaves as they are hashed, and what rows and kept nodes say beside them.

Functions over a read-only connection, in pages that take some hundredths of a second. They judge nothing
(`storage.audit.verify` does). The second half asks for what decides by leaves: boots, clocks, pins, bounds, findings.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from storage.ages.leaves import LeafPlace
from storage.audit.leaf_bodies import KINDS
from storage.ledger import table
from storage.ledger.table import HASHED, HASHED_SQL, Generation, Node
from storage.ledger.tree import Hash
from storage.mirror import table as mirror_table
from storage.pins.rules import PinLeaf
from storage.pins.table import HELD_IN, LASTS
from storage.segments.gap_leaf import GapLeaf
from storage.segments.queries import pauses_of
from storage.segments.segment_leaf import COLUMNS
from storage.words.message import message
from storage.words.model import Pause

PAGE: Final = 4096
"""Leaves or rows at a time: with what is looked up beside them 50 ms, in which the WAL cannot begin anew."""
NEXT: Final = 16
"""Leaves behind one that may say when it was entered, by running time."""
Stored: TypeAlias = tuple[bytes, bytes, int, int, "Hash | None"]
"""A leaf as it lies there: body, kind, number, wall clock, hash. What is hashed of it is `HASHED` of the first four."""


@dataclass(frozen=True, slots=True)
class Overview:
    """The ledger as the check begins."""

    generations: list[Generation]
    sizes: list[int]
    """Of their trees, by their last leaves."""
    last: int
    """Number of the last leaf; 0: there is none."""
    kept: Mapping[tuple[int, int], int]
    """By generation and level, the last node that is kept."""
    rows: int
    """Segments and gaps, about as many."""
    being_read: bool
    """After a loss, leaves are still being read back."""


def overview(connection: sqlite3.Connection) -> Overview:
    """As of now."""
    every = table.every(connection)
    rebuild = table.last_rebuild(connection)
    return Overview(
        generations=every,
        sizes=[table.end(connection, one) for one in every],
        last=mirror_table.last_leaf(connection),
        kept={
            (generation, level): number
            for generation, level, number in connection.execute(
                "SELECT generation, level, max(number) FROM nodes GROUP BY generation, level"
            )
        },
        rows=_number(connection, "SELECT coalesce(sum(segments), 0) FROM holdings")
        + _number(connection, "SELECT coalesce(max(id), 0) FROM gaps"),
        being_read=rebuild is not None and not rebuild.read,
    )


def stored(connection: sqlite3.Connection, after: int, until: int, limit: int = PAGE) -> list[Stored]:
    """Leaves by number, from the one after `after` on."""
    return connection.execute(
        "SELECT CAST(body AS BLOB), CAST(kind AS BLOB), number, wall_ms, hash FROM leaves"
        " WHERE number > ? AND number <= ? ORDER BY number LIMIT ?",
        (after, until, limit),
    ).fetchall()


def leaf(connection: sqlite3.Connection, number: int) -> Stored | None:
    """The one of that number."""
    return next(iter(stored(connection, number - 1, number)), None)


def hashed(connection: sqlite3.Connection, after: int, until: int) -> list[tuple[int, bytes]]:
    """Likewise, by number: what is hashed of each."""
    return [(leaf[2], HASHED % leaf[:4]) for leaf in stored(connection, after, until)]


def boots(connection: sqlite3.Connection, numbers: Collection[int]) -> dict[int, str]:
    """Their own ids, as far as they are known."""
    return dict(
        connection.execute(
            "SELECT number, boot_id FROM boots WHERE number IN (SELECT value FROM json_each(?))",
            (json.dumps(list(numbers)),),
        ).fetchall()
    )


def entered_ms(connection: sqlite3.Connection, number: int) -> int | None:
    """The wall clock when a leaf was entered; None: there is none of that number."""
    row = connection.execute("SELECT wall_ms FROM leaves WHERE number = ?", (number,)).fetchone()
    return None if row is None else int(row[0])


def entered_at(connection: sqlite3.Connection, after: int) -> tuple[int, int] | None:
    """Boot and boottime at which that leaf had been entered already, by those behind it; None: until now."""
    found = connection.execute(
        "SELECT body FROM leaves WHERE number > ? AND kind IN ('segment', 'gap', 'run', 'boot')"
        " ORDER BY number LIMIT ?",
        (after, NEXT),
    ).fetchall()
    if len(found) < NEXT:
        return None
    return max(filter(None, (_place(text) for (text,) in found)), default=None)


def _place(text: str) -> tuple[int, int] | None:
    """Where what a leaf tells of ended, by running time; None: it says nothing that makes sense."""
    try:
        body = json.loads(text)
        at = body.get("start", body)
        return int(at["boot"]), int(at["boottime_ms"]) + int(body.get("duration_ms", 0))
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        return None


def kept(connection: sqlite3.Connection, generation: int, after: tuple[int, int], limit: int = PAGE) -> list[Node]:
    """Nodes of a tree that are kept, by level and number, from the one after `after` on."""
    return connection.execute(
        "SELECT level, number, hash FROM nodes WHERE generation = ? AND (level, number) > (?, ?)"
        " ORDER BY level, number LIMIT ?",
        (generation, *after, limit),
    ).fetchall()


Row: TypeAlias = tuple[Any, ...]
"""A row of `segments` and its leaf: id, number of the leaf, camera and volume by number, hash, body of the leaf; then
boot, boottime and wall clock of its start, and `storage.segments.segment_leaf.COLUMNS`. Millions of them are compared
as they are. No body: there is no such leaf, or the row is of a file that is set aside.
"""
_ROWS: Final = (
    "SELECT s.id, s.leaf, s.camera, s.volume, s.sha256, iif(s.name IS NULL, CAST(l.body AS BLOB), NULL), s.boot,"  # noqa: S608
    f" s.start_boottime_ms, s.start_wall_ms, {', '.join(f's.{column}' for column in COLUMNS.values())} FROM segments s"
    " LEFT JOIN leaves l ON l.number = s.leaf AND l.kind IN ('segment', 'quarantined')"
    " WHERE s.id > ? AND s.id <= ? AND s.state <> 'open' ORDER BY s.id LIMIT ?"
)


def segments(connection: sqlite3.Connection, after: int, upto: int, limit: int = PAGE) -> list[Row]:
    """Rows by id, behind `after` and up to `upto`; those in progress say nothing yet."""
    return connection.execute(_ROWS, (after, upto, limit)).fetchall()


def names(connection: sqlite3.Connection) -> tuple[dict[int, str], dict[int, str]]:
    """Ids of cameras and of volumes, by number."""
    cameras = connection.execute("SELECT number, id FROM cameras").fetchall()
    return dict(cameras), dict(connection.execute("SELECT number, id FROM volumes").fetchall())


def going_by(connection: sqlite3.Connection, wanted: Mapping[str, Collection[int]]) -> dict[tuple[str, int], int]:
    """By camera and number, the leaf that the row goes by; 0: it has none yet. Rows under their own names."""
    return {
        (camera, seq): leaf
        for camera, seqs in wanted.items()
        for seq, leaf in connection.execute(
            "SELECT s.seq, coalesce(s.leaf, 0) FROM json_each(?2) j CROSS JOIN segments s ON s.seq = j.value"
            " AND s.name IS NULL AND s.state <> 'open' AND s.camera = (SELECT number FROM cameras WHERE id = ?1)",
            (camera, json.dumps(list(seqs))),
        )
    }


def aside(connection: sqlite3.Connection, volume: str, name: str) -> int | None:
    """Likewise, of a file that is set aside under a name of its own; None: there is no row."""
    row = connection.execute(
        "SELECT coalesce(leaf, 0) FROM segments WHERE volume = (SELECT number FROM volumes WHERE id = ?) AND name = ?",
        (volume, name),
    ).fetchone()
    return None if row is None else int(row[0])


def tombstones(connection: sqlite3.Connection, wanted: Mapping[str, Collection[int]]) -> dict[tuple[str, int], int]:
    """The last leaf that tells that a segment of these numbers was destroyed; from the index alone."""
    return {
        (camera, seq): number
        for camera, seqs in wanted.items()
        for seq, number in connection.execute(
            "SELECT j.value, l.number FROM json_each(?2) j CROSS JOIN leaves l INDEXED BY leaves_destroyed"
            " WHERE l.kind = 'destroyed' AND json_extract(l.body, '$.camera') = ?1"
            " AND json_extract(l.body, '$.seq') = j.value ORDER BY j.id, l.number",
            (camera, json.dumps(list(seqs))),
        )
    }


class GapClaim(NamedTuple):
    """The leaf that a row of a gap goes by, and what it should say."""

    leaf: int | None
    says: GapLeaf


_GAP: Final = (
    "SELECT g.leaf, c.id, g.boot, g.start_boottime_ms, g.start_wall_ms, g.end_boot, g.end_boottime_ms,"
    " g.end_wall_ms, g.cause, g.inside, g.pauses, g.beneath"
    " FROM gaps g JOIN cameras c ON c.number = g.camera "
)


def gaps(connection: sqlite3.Connection, camera: str, boot: int, boottime_ms: int) -> list[GapClaim]:
    """Those that begin there."""
    where = "WHERE g.camera = (SELECT number FROM cameras WHERE id = ?) AND g.boot = ? AND g.start_boottime_ms = ?"
    rows = connection.execute(_GAP + where, (camera, boot, boottime_ms))
    return [_gap(row) for row in rows]


def gap(connection: sqlite3.Connection, number: int) -> GapClaim | None:
    """The row of that id."""
    row = connection.execute(_GAP + "WHERE g.id = ?", (number,)).fetchone()
    return None if row is None else _gap(row)


def _gap(row: tuple[Any, ...]) -> GapClaim:
    """Unchecked: whoever changed the row may have written anything. Its boots have no ids here."""
    leaf, camera, *times, cause, inside, pauses, beneath = row
    start, end = (LeafPlace(boot, "", boottime_ms, wall_ms) for boot, boottime_ms, wall_ms in (times[:3], times[3:]))
    told = GapLeaf(
        camera=camera,
        start=start,
        end=None if end.boot is None else end,
        cause=cause,
        inside=bool(inside),
        pauses=_pauses(pauses),
        beneath=beneath,
    )
    return GapClaim(leaf, told)


def _pauses(pauses: str | None) -> tuple[Pause, ...]:
    """What is no list of pauses, because somebody wrote it, agrees with no leaf."""
    try:
        return pauses_of(pauses)
    except (ValueError, TypeError):
        return ((-1, -1),)


def cut(connection: sqlite3.Connection, table: str, after: int, count: int) -> int:
    """Id of the last of the `count` rows behind `after`; `after` itself: there is none."""
    for sql in ("SELECT id FROM {} WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?", "SELECT max(id) FROM {} WHERE id > ?"):
        row = connection.execute(sql.format(table), (after, count - 1)[: sql.count("?")]).fetchone()
        if row is not None and row[0] is not None:
            return int(row[0])
    return after


def ended_gaps(connection: sqlite3.Connection, after: int, upto: int, limit: int = PAGE) -> list[int]:
    """Ids of gaps of which a leaf must tell, behind `after` and up to `upto`."""
    rows = connection.execute(
        "SELECT id FROM gaps WHERE id > ? AND id <= ? AND end_boot IS NOT NULL ORDER BY id LIMIT ?",
        (after, upto, limit),
    )
    return [number for (number,) in rows]


def _number(connection: sqlite3.Connection, sql: str) -> int:
    return int(connection.execute(sql).fetchone()[0])


Fact: TypeAlias = tuple[int, str, bytes]
"""A leaf: its number, its kind, what is hashed of it."""


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


@dataclass(frozen=True, slots=True)
class StoredState:
    """All of it, at one moment."""

    rebuilt: int
    """First leaf since the database was made anew; 0: it never was. What came before may be counted otherwise."""
    boots: Mapping[int, StoredBoot]
    epochs: Mapping[int, StoredEpoch]
    pins: Mapping[str, PinLeaf]
    """As the last leaf of each should say it, but for what became of it and the id of its boot."""
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
            pin: PinLeaf(
                what="",
                pin=pin,
                state=state,
                version=version,
                placed=LeafPlace(boot, "", boottime_ms, wall_ms),
                cameras=tuple(json.loads(cameras)),
                first_ms=first_ms,
                last_ms=last_ms,
                ground=ground,
                span_ms=span_ms,
            )
            for pin, state, version, boot, boottime_ms, wall_ms, cameras, first_ms, last_ms, ground, span_ms in (
                connection.execute(
                    "SELECT id, state, version, boot, boottime_ms, wall_ms, cameras, first_wall_ms, last_wall_ms,"
                    " ground, span_ms FROM pins"
                )
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
        if named is None and found:
            seq, name = found[0]
            named = message("ledger.segment", "segment {number} of {camera}", number=seq, camera=name)
    return (count, named) if count else None


OPENINGS_PAGE: Final = 1000


def openings(connection: sqlite3.Connection, after: tuple[int, str]) -> list[tuple[int, str, bytes, str, str | None]]:
    """Number of its leaf, field, salt, value, and what the leaf says of that field; a page, behind that one."""
    return connection.execute(
        "SELECT o.leaf, o.field, o.salt, o.value, (SELECT json_extract(body, '$.' || o.field) FROM leaves"
        " WHERE number = o.leaf) FROM openings o WHERE (o.leaf, o.field) > (?, ?) ORDER BY o.leaf, o.field LIMIT ?",
        (*after, OPENINGS_PAGE),
    ).fetchall()
