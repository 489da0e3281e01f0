"""Findings: files that differ from what the catalog says of them (S4), and when they agreed again.

Functions over a connection, inside their caller's transaction; each finding and its end enters a leaf with it. Bounded
(S12): at most FINDINGS_MAX stand, at most SETTLED_MAX of the settled are remembered; the leaves stay.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

import msgspec

from storage.ages.leaves import Whole
from storage.ledger.table import Leaf, enter
from storage.words.layout import from_words, in_words

FINDINGS_MAX: Final = 10_000
"""Of a volume that was wiped as many names tell the same as a million would; `edgectl fsck` finds the rest."""
SETTLED_MAX: Final = 1000
"""Remembered for whoever asks what there was; the ledger has them all."""
NAMED_MAX: Final = 3
"""Files named in an alarm."""


class FindingEnd(StrEnum):
    """How a finding ceased to be one."""

    AGREES = "agrees"
    """The file is as it was recorded, or what did not belong there is gone."""
    DESTROYED = "destroyed"
    """Its segment's time has come."""


class FindingLeaf(msgspec.Struct, frozen=True):
    """A leaf of kind `finding`."""

    volume: str
    path: str
    kind: str
    state: str
    segment: Whole | None = None


class FaultKind(StrEnum):
    """What can be wrong. Those before SIDECAR are of a file."""

    MISSING = "missing"
    SIZE = "size"
    CONTENT = "content"
    PARTS = "parts"
    """Its content is what was recorded, and its entry in the ledger tells of other fragments."""
    APPEARED = "appeared"
    """Called as a segment is, and no row vouches for it."""
    STRANGE = "strange"
    """Nothing that edged would put there."""
    MODE = "mode"
    LINK = "link"
    UNREADABLE = "unreadable"
    PIN = "pin"
    """It lacks a link that should hold it, or is miscounted."""
    SIDECAR = "sidecar"
    """It does not say, or says otherwise, what is pinned."""
    LOST = "lost"
    """Its volume is gone for good, with all that lay there."""
    IDENTITY = "identity"
    COUNTER = "counter"
    FLOOR = "floor"
    CEILING = "ceiling"
    HOLE = "hole"
    LEAVES = "leaves"
    MIRROR = "mirror"
    DATABASE = "database"

    @property
    def promise(self) -> str:
        """The id of the promise (DESIGN §1) that this breaks."""
        return _PROMISES[self]


_PROMISES: Final = {
    FaultKind.MISSING: "S4",
    FaultKind.SIZE: "S4",
    FaultKind.CONTENT: "S4",
    FaultKind.PARTS: "S4",
    FaultKind.UNREADABLE: "S4",
    FaultKind.LOST: "S4",
    FaultKind.APPEARED: "S5",
    FaultKind.STRANGE: "S5",
    FaultKind.MODE: "S5",
    FaultKind.LINK: "S5",
    FaultKind.IDENTITY: "S10",
    FaultKind.PIN: "S2",
    FaultKind.SIDECAR: "S2",
    FaultKind.COUNTER: "S12",
    FaultKind.FLOOR: "S1",
    FaultKind.CEILING: "S3",
    FaultKind.HOLE: "S9",
    FaultKind.LEAVES: "S13",
    FaultKind.MIRROR: "S13",
    FaultKind.DATABASE: "S13",
}


@dataclass(frozen=True, slots=True)
class FileFinding:
    """One file that differs. `kind` is a `FaultKind`."""

    id: int
    volume: str
    path: PurePosixPath
    kind: str
    segment: int | None
    found_ms: int
    """By the wall clock, for people."""


@dataclass(frozen=True, slots=True)
class TamperedFiles:
    """What an alarm says of a volume: its first findings, and whether there are more."""

    volume: str
    path: str
    files: tuple[tuple[str, str], ...]
    """Names on the volume, each with its kind."""
    more: bool


def record_finding(connection: sqlite3.Connection, finding: FileFinding) -> bool:
    """It differs; True if that was not known. `finding.id` is not looked at."""
    return record_findings(connection, [finding]) > 0


def record_findings(connection: sqlite3.Connection, differing: Iterable[FileFinding]) -> int:
    """Of many at once; how many of them were not known."""
    standing_before, news = _standing(connection), 0
    for finding in differing:
        news += _record(connection, finding, is_full=standing_before + news >= FINDINGS_MAX)
    return news


def _record(connection: sqlite3.Connection, finding: FileFinding, *, is_full: bool) -> bool:
    volume = connection.execute("SELECT number FROM volumes WHERE id = ?", (finding.volume,)).fetchone()
    if volume is None:
        return False
    key = (volume[0], in_words(finding.path), finding.kind)
    again = connection.execute(
        "UPDATE findings SET seen_ms = ? WHERE volume = ? AND path = ? AND kind = ? AND settled_ms IS NULL",
        (finding.found_ms, *key),
    )
    if again.rowcount or is_full:
        return False
    connection.execute(
        "INSERT INTO findings (volume, path, kind, segment, found_ms, seen_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
        (*key, finding.segment, finding.found_ms),
    )
    _tell(connection, finding, finding.found_ms, "differs")
    return True


def settle(connection: sqlite3.Connection, finding: FileFinding, end: FindingEnd, now_ms: int) -> bool:
    """It does not differ any more; True if it did until now."""
    done = connection.execute(
        "UPDATE findings SET settled_ms = ?, end = ? WHERE id = ? AND settled_ms IS NULL", (now_ms, end, finding.id)
    )
    if not done.rowcount:
        return False
    _tell(connection, finding, now_ms, end.value)
    connection.execute(
        "DELETE FROM findings WHERE settled_ms IS NOT NULL AND id <= (SELECT id FROM findings"
        " WHERE settled_ms IS NOT NULL ORDER BY id DESC LIMIT 1 OFFSET ?)",
        (SETTLED_MAX,),
    )
    return True


def _tell(connection: sqlite3.Connection, finding: FileFinding, now_ms: int, state: str) -> None:
    told = FindingLeaf(finding.volume, in_words(finding.path), finding.kind, state, finding.segment)
    enter(connection, Leaf.FINDING, now_ms, told)


def _standing(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM findings WHERE settled_ms IS NULL").fetchone()[0])


def standing(connection: sqlite3.Connection, after: int, limit: int) -> list[FileFinding]:
    """Those that differ, in the order in which they were found."""
    rows = connection.execute(
        "SELECT f.id, v.id, f.path, f.kind, f.segment, f.found_ms FROM findings f JOIN volumes v ON v.number = f.volume"
        " WHERE f.settled_ms IS NULL AND f.id > ? ORDER BY f.id LIMIT ?",
        (after, limit),
    )
    return [FileFinding(number, volume, from_words(path), *rest) for number, volume, path, *rest in rows]


def standing_at(connection: sqlite3.Connection, volume: str, path: PurePosixPath) -> list[FileFinding]:
    """Those of one name."""
    rows = connection.execute(
        "SELECT f.id, v.id, f.path, f.kind, f.segment, f.found_ms FROM findings f JOIN volumes v ON v.number = f.volume"
        " WHERE f.settled_ms IS NULL AND v.id = ? AND f.path = ?",
        (volume, in_words(path)),
    )
    return [FileFinding(number, name, from_words(text), *rest) for number, name, text, *rest in rows]


def tampered(connection: sqlite3.Connection) -> list[TamperedFiles]:
    """Volumes with findings, for the alarms: words that stay the same while more is found."""
    answers = []
    for number, volume, path in connection.execute(
        "SELECT number, id, path FROM volumes WHERE number IN"
        " (SELECT DISTINCT volume FROM findings WHERE settled_ms IS NULL) ORDER BY number"
    ).fetchall():
        rows: Sequence[tuple[str, str]] = connection.execute(
            "SELECT path, min(kind) FROM findings WHERE settled_ms IS NULL AND volume = ? GROUP BY path"
            " ORDER BY min(id) LIMIT ?",
            (number, NAMED_MAX + 1),
        ).fetchall()
        answers.append(TamperedFiles(volume, path, tuple(rows[:NAMED_MAX]), len(rows) > NAMED_MAX))
    return answers


@dataclass(frozen=True, slots=True)
class RescanProgress:
    """How far the rescan of the ring is, so that a restart goes on."""

    began_ms: int
    """Wall clock at the start of this pass; 0: none has begun."""
    before_ms: int
    """Of the pass before, which was completed; 0: there was none."""
    segment: int
    """The last row that was looked at."""
    directory: str
    """The last day directory that was looked at, as `<volume>/<camera>/<day>`; "" while it is at the rows."""
    done: bool


NO_RESCAN: Final = RescanProgress(0, 0, 0, "", done=True)


def rescan(connection: sqlite3.Connection) -> RescanProgress:
    row = connection.execute("SELECT began_ms, before_ms, segment, directory, done FROM rescan").fetchone()
    return NO_RESCAN if row is None else RescanProgress(row[0], row[1], row[2], row[3], bool(row[4]))


def remember_rescan(connection: sqlite3.Connection, to: RescanProgress) -> None:
    connection.execute(
        "INSERT INTO rescan (number, began_ms, before_ms, segment, directory, done) VALUES (1, ?, ?, ?, ?, ?)"
        " ON CONFLICT (number) DO UPDATE SET began_ms = excluded.began_ms, before_ms = excluded.before_ms,"
        " segment = excluded.segment, directory = excluded.directory, done = excluded.done",
        (to.began_ms, to.before_ms, to.segment, to.directory, to.done),
    )
