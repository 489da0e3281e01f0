"""S4, S5, S9 and the counters, done over again from outside: what a state directory says against what its volumes hold.

Nothing of the product's own arithmetic is used, but for where a file should lie. Answers are sentences: none means that
nothing is wrong. `at_any_instant` holds whenever nobody runs, be it right after a crash; `at_rest` holds once what was
left open has been worked off.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from storage.audit.verify import AuditedState as Ledger
from storage.audit.verify import Verify
from storage.integrity.fsck import Fsck, Level, Scope
from storage.retention.plan import Policy
from storage.segments.findings_table import FaultKind
from storage.store import offline
from storage.store.opening import DATABASE_NAME
from storage.words.clock import Clock
from storage.words.layout import PART_SUFFIX, QUARANTINE_SUFFIX, segment_path

JOIN_MS: Final = 150
"""Two claims of one camera meet within this: they come from media time and from two clocks."""
Row = Mapping[str, Any]
Spot = tuple[int, int]
"""Boot and boottime, which have an order."""


@dataclass(frozen=True, slots=True)
class Box:
    """A state directory, and where its volumes lie now, by id."""

    state: Path
    volumes: Mapping[str, Path]

    def look(self, sql: str, *values: object) -> list[Row]:
        """Rows of the database, which must not be changing."""
        with closing(sqlite3.connect(f"file:{self.state / DATABASE_NAME}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql, values)]

    def segments(self) -> list[Row]:
        return self.look(
            "SELECT s.*, c.id AS camera_id, v.id AS volume_id FROM segments s JOIN cameras c ON c.number = s.camera"
            " JOIN volumes v ON v.number = s.volume ORDER BY c.id, s.seq"
        )

    def files(self) -> Iterator[tuple[str, str]]:
        """Volume and relative name of whatever looks like footage, in progress or set aside included."""
        for volume, root in self.volumes.items():
            for path in sorted(root.glob("*/????-??-??/*-*.mp4*")):
                yield volume, str(path.relative_to(root))


def at_any_instant(box: Box, *, pages: bool = True) -> list[str]:
    """Committed rows have their files, files have rows, the database is sound; with all its `pages`, events, too."""
    rows = box.segments()
    return [
        *(_database(box) if pages else _counters(box)),
        *_files_of_rows(box, rows),
        *_rows_of_files(box, rows, strict=False),
        *(events(box) if pages else ()),
    ]


def at_rest(box: Box, *, run: int | None = None) -> list[str]:
    """… and nothing of an earlier run than `run` (None: of any) is in progress or on its way out."""
    rows = box.segments()
    left = [row for row in rows if row["state"] == "garbage" or (row["state"] == "open" and row["run"] != run)]
    return [
        *_database(box),
        *_files_of_rows(box, rows),
        *_rows_of_files(box, rows, strict=True),
        *(f"S5: {name_of(row)} is still {row['state']}" for row in left),
        *_overlaps(rows),
        *unaccounted(box),
        *pins(box),
    ]


def fsck(box: Box, clock: Clock, lost: Collection[str] = ()) -> list[str]:
    """The same checks that users get, to the last byte, with nobody running. Volumes that are `lost` are told of."""
    with offline.opened(box.state, clock, Policy()) as site:
        found = Fsck(site, Scope(Level.HASH)).run().faults
        ledger = Verify(Ledger(site.read, site.disks, box.state, lambda: site.present().ages)).run().findings.named
    faults = [f"fsck: {fault}" for fault in found if not (fault.kind is FaultKind.LOST and fault.volume in lost)]
    return faults + [f"ledger: {one}" for one in ledger]


def events(box: Box) -> list[str]:
    """S8: no event without its fact; and while nothing has left the outbox, no fact without its event."""
    told = {row["leaf"]: row for row in box.look("SELECT * FROM outbox WHERE leaf > 0")}
    leaves = {row["number"]: row for row in box.look("SELECT number, kind, body FROM leaves")}
    faults = [
        f"S8: event {row['seq']} tells of leaf {number}, which says something else or is not there"
        for number, row in told.items()
        if number not in leaves or (leaves[number]["kind"], leaves[number]["body"]) != (row["what"], row["body"])
    ]
    (count,) = box.look("SELECT seq = (SELECT count(*) FROM outbox) AS whole, wanted FROM outbox_count")
    if count["whole"] and count["wanted"] and told:
        due = {n for n, leaf in leaves.items() if leaf["kind"] in OF_LEAVES and n >= min(told)}
        faults += [f"S8: leaf {number} ({leaves[number]['kind']}) is no event" for number in sorted(due - told.keys())]
    return faults


OF_LEAVES: Final = {"generation", "rebuilt", "finding", "pin", "copy", "bounds", "overwriting", "agreed", "volume"} | {
    "gap", "clock", "boot", "run"
}  # fmt: skip
"""Leaves that are events, written down once more."""


def name_of(row: Row) -> str:
    """Where its file lies on its volume once it is complete."""
    return str(row["name"] or segment_path(row["camera_id"], row["start_wall_ms"], row["seq"]))


def _database(box: Box) -> Iterator[str]:
    """Sound by SQLite's own check, and counters as one counts them."""
    yield from (f"database: {row['integrity_check']}" for row in box.look("PRAGMA integrity_check") if row != _OK)
    yield from (f"database: broken reference {row}" for row in box.look("PRAGMA foreign_key_check"))
    yield from _counters(box)


def _counters(box: Box) -> Iterator[str]:
    counted = box.look("SELECT coalesce(sum(segments), 0) AS n, coalesce(sum(bytes), 0) AS size FROM holdings")
    held = box.look("SELECT count(*) AS n, coalesce(sum(bytes), 0) AS size FROM segments WHERE state <> 'open'")
    if counted != held:
        yield f"counters say {counted}, the rows {held}"


_OK: Final = {"integrity_check": "ok"}


def _files_of_rows(box: Box, rows: list[Row]) -> Iterator[str]:
    for row in rows:
        root = box.volumes.get(row["volume_id"])
        if row["state"] not in ("committed", "quarantined") or root is None:
            continue
        path = root / name_of(row)
        try:
            data = path.read_bytes()
        except OSError as error:
            yield f"S4: {path}: {error.strerror}"
            continue
        if len(data) != row["bytes"]:
            yield f"S4: {path} has {len(data)} bytes, its row says {row['bytes']}"
        elif hashlib.sha256(data).digest() != row["sha256"]:
            yield f"S4: {path} is not what its row says, by its SHA-256"


def _rows_of_files(box: Box, rows: list[Row], *, strict: bool) -> Iterator[str]:
    """S5. Not `strict`: what is garbage or open may have its file under any of its names."""
    owners = {(row["volume_id"], name_of(row)): row["state"] for row in rows}
    for volume, name in box.files():
        state = owners.get((volume, name.removesuffix(PART_SUFFIX)))
        if state is None and owners.get((volume, name.removesuffix(QUARANTINE_SUFFIX))) == "open":
            state = "open"  # set aside, and not told yet
        if name.endswith(PART_SUFFIX):
            fits = state == "open"
        else:
            fits = state in ("committed", "quarantined") or (not strict and state is not None)
        if not fits:
            yield f"S5: {name} lies there, and its row is {state or 'missing'}"


def _overlaps(rows: list[Row]) -> Iterator[str]:
    """No instant is told of twice."""
    reached: dict[tuple[int, int], tuple[str, int]] = {}
    for row in rows:
        if row["name"] is not None or row["unproven"]:
            continue
        key = (row["camera"], row["boot"])
        before, end_ms = reached.get(key, ("", 0))
        if row["start_boottime_ms"] < end_ms:
            yield f"S11: {name_of(row)} begins {end_ms - row['start_boottime_ms']} ms before {before} ends"
        reached[key] = (name_of(row), row["start_boottime_ms"] + row["duration_ms"])


def unaccounted(box: Box) -> Iterator[str]:
    """S9: every moment between the first claim of a camera and its last is claimed, and nothing is `unknown`."""
    for camera in box.look("SELECT * FROM cameras"):
        spans = sorted(_claims(box, camera["number"]), key=lambda span: (span[0], span[1] or _EVER))
        reached = spans[0][0] if spans else (0, 0)
        for begin, end in spans:
            near = begin[0] == reached[0] and begin[1] <= reached[1] + JOIN_MS
            if begin > reached and not near:
                yield f"S9: {camera['id']}: nobody claims what lies between {reached} and {begin}"
            reached = max(reached, end or _EVER)
    for row in box.look(
        "SELECT c.id, g.detail FROM gaps g JOIN cameras c ON c.number = g.camera WHERE cause = 'unknown'"
    ):
        yield f"S9: {row['id']}: a gap that nobody explains {row['detail']}"


_EVER: Final[Spot] = (1 << 62, 0)


def _claims(box: Box, camera: int) -> Iterator[tuple[Spot, Spot | None]]:
    """What was recorded, what was destroyed in its time, what was missed."""
    for row in box.look("SELECT * FROM segments WHERE camera = ? AND name IS NULL", camera):
        begin = (row["boot"], row["start_boottime_ms"])
        yield begin, None if row["state"] == "open" else (begin[0], begin[1] + row["duration_ms"])
    for row in box.look("SELECT * FROM destroyed WHERE camera = ?", camera):
        yield (row["boot"], row["start_boottime_ms"]), (row["boot"], row["end_boottime_ms"])
    for row in box.look("SELECT * FROM gaps WHERE camera = ?", camera):
        end = None if row["end_boot"] is None else (row["end_boot"], row["end_boottime_ms"])
        yield (row["boot"], row["start_boottime_ms"]), end


def pins(box: Box) -> Iterator[str]:
    """S2: on the disk, beside the footage and in the catalog the same is pinned, and nothing by half."""
    counted = {row["id"]: row["pins"] for row in box.look("SELECT id, pins FROM segments WHERE pins > 0")}
    held = {row["segment"]: row["n"] for row in box.look("SELECT segment, count(*) AS n FROM pinned GROUP BY segment")}
    if counted != held:
        yield f"S2: counters of pins say {counted}, the rows {held}"
    wanted: dict[tuple[str, str], set[int]] = {}
    for row in box.look(
        "SELECT p.id AS pin, v.id AS volume FROM pin_volumes d JOIN pins p ON p.number = d.pin"
        " JOIN volumes v ON v.number = d.volume"
    ):
        if row["volume"] in box.volumes:
            wanted[row["volume"], row["pin"]] = set()
    for row in box.look(
        f"SELECT p.id AS pin, s.*, c.id AS camera_id, v.id AS volume_id FROM pinned d {_OF_PINNED}"  # noqa: S608
    ):
        root = box.volumes.get(row["volume_id"])
        if root is not None:
            wanted.setdefault((row["volume_id"], row["pin"]), set()).add((root / name_of(row)).stat().st_ino)
    found = {}
    for volume, root in box.volumes.items():
        for place in (root / ".pins").glob("*"):
            if not (place / "pin.json").is_file():
                yield f"S2: {place} has no sidecar"
            found[volume, place.name] = {path.stat().st_ino for path in place.glob("*.mp4*")}
    if found != wanted:
        yield f"S2: links on the disk {found}, in the catalog {wanted}"


_OF_PINNED: Final = (
    "JOIN pins p ON p.number = d.pin JOIN segments s ON s.id = d.segment JOIN cameras c ON c.number = s.camera"
    " JOIN volumes v ON v.number = s.volume"
)
