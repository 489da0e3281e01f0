"""Requests for footage, and people with their posts, as rows made of their leaves. Functions over a connection.

What befalls a request is a leaf: its receipt, then one act after the other, each with the version that it makes. The
row knows only what lists ask for; all else is the story, which `edged.office.story` reads. Nothing here names a person:
people are numbers, and words are ciphertext under the request's key, of which a leaf has a commitment.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from storage.ages import table as ages_table
from storage.ages.history import Point
from storage.ledger import table as ledger_table
from storage.ledger.table import Leaf, Value
from storage.office import leaks_table
from storage.office.records import PERSON, RecordId

RECEIVED: Final = "received"
ACT: Final = "act"
ERASED: Final = "erased"
OPENED: Final = "opened"
CLOSED: Final = "finding-closed"
Story = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request, as lists show it."""

    number: str
    """Of the ROC year in which it was received, running: 115-0007; of another box 115-0007.wenshan-branch."""
    own: bool
    """Received at this box; else at another one of the office, and kept here under its number."""
    row: str
    """Of the profile's procedures."""
    day: int
    """收文, ordinal of the legal day."""
    received: Point
    version: int
    status: str
    leaf: int
    """Of its receipt."""
    erased: bool = False


@dataclass(frozen=True, slots=True)
class StoredAct:
    """What somebody did to a request."""

    version: int
    """That it made."""
    story: Story
    at: Point
    leaf: int


@dataclass(frozen=True, slots=True)
class ClosedFinding:
    """An auditor has closed what broke a clause, as far as it was known then."""

    clause: str
    about: str
    """Number of a request, or id of a copy."""
    breaches: frozenset[str]
    """As `edged.office.findings` names them."""
    at: Point
    leaf: int


def last_serial(connection: sqlite3.Connection, year: int) -> int:
    """Of the numbers that this box gave away in a ROC year; 0 for none."""
    told = connection.execute("SELECT max(serial) FROM office_requests WHERE own AND year = ?", (year,)).fetchone()[0]
    return 0 if told is None else int(told)


def last_year(connection: sqlite3.Connection) -> int:
    """The ROC year of the last number that this box gave away; 0 for none. Numbers never go back."""
    told = connection.execute("SELECT max(year) FROM office_requests WHERE own").fetchone()[0]
    return 0 if told is None else int(told)


def receive(
    connection: sqlite3.Connection,
    number: str,
    row: str,
    day: int,
    at: Point,
    receipt: Story,
    status: str,
    words: str = "",
    keys: int = 0,
    *,
    own: bool = True,
) -> RequestRow:
    """收文: its leaf and its row. `words`: commitment to what the form says. `keys`: their generation, with its own."""
    body: dict[str, Value] = {
        "number": number,
        "version": 1,
        "what": RECEIVED,
        "own": own,
        "row": row,
        "day": day,
        "status": status,
        "words": words,
        "keys": keys,
        "story": dict(receipt),
        "at": ages_table.place_in_time(connection, at),
    }
    leaf = ledger_table.enter(connection, Leaf.OFFICE, at.wall_ms, body)
    _insert(connection, body, at, leaf)
    return RequestRow(number, own, row, day, at, 1, status, leaf)


def act(
    connection: sqlite3.Connection,
    number: str,
    version: int,
    at: Point,
    done: Story,
    status: str,
    words: str = "",
) -> bool:
    """An act on the request of that version: its leaf, and the row of the next one. False: it has changed meanwhile."""
    body: dict[str, Value] = {
        "number": number,
        "version": version + 1,
        "what": ACT,
        "status": status,
        "words": words,
        "story": dict(done),
        "at": ages_table.place_in_time(connection, at),
    }
    if not _advance(connection, body):
        return False
    leaf = ledger_table.enter(connection, Leaf.OFFICE, at.wall_ms, body)
    _insert_act(connection, body, at, leaf)
    return True


def remember(connection: sqlite3.Connection, body: Mapping[str, Any], at: Point, leaf: int) -> None:
    """A leaf of a database that was lost, in the order of leaves; one that is known is passed over."""
    if body["what"] == OPENED:
        _open(connection, body["by"], leaf)
    elif body["what"] == CLOSED:
        _close_finding(connection, body, at, leaf)
    elif body["what"] in leaks_table.STEPS:
        leaks_table.remember(connection, body, at, leaf)
    elif body["what"] == RECEIVED:
        if get(connection, str(body["number"])) is None:
            _insert(connection, body, at, leaf)
    elif body["what"] == ERASED:
        _erase(connection, str(body["number"]), int(body["keys"]), leaf)
    elif _advance(connection, body):
        _insert_act(connection, body, at, leaf)


def open_office(connection: sqlite3.Connection, at: Point, by: Sequence[int]) -> None:
    """For good, once: its leaf. `by`: accounts of the two who opened it."""
    if opened(connection) is None:
        body: dict[str, Value] = {"what": OPENED, "by": [*sorted(by)], "at": ages_table.place_in_time(connection, at)}
        _open(connection, body["by"], ledger_table.enter(connection, Leaf.OFFICE, at.wall_ms, body))


def _open(connection: sqlite3.Connection, by: Any, leaf: int) -> None:
    connection.execute("INSERT OR IGNORE INTO office_openings (leaf, by) VALUES (?, ?)", (leaf, json.dumps(by)))


def opened(connection: sqlite3.Connection) -> int | None:
    """The leaf by which it was opened; None: it is not."""
    told = connection.execute("SELECT min(leaf) FROM office_openings").fetchone()[0]
    return None if told is None else int(told)


def close_finding(
    connection: sqlite3.Connection, clause: str, about: str, breaches: Sequence[str], at: Point, by: int, reason: str
) -> None:
    """Its leaf, and its row. `by`: account of the auditor. The reason stands behind a commitment alone."""
    body: dict[str, Value] = {
        "what": CLOSED,
        "clause": clause,
        "about": about,
        "breaches": [*sorted(breaches)],
        "by": by,
        "at": ages_table.place_in_time(connection, at),
    }
    leaf = ledger_table.enter(connection, Leaf.OFFICE, at.wall_ms, body, committed={"reason": reason})
    _close_finding(connection, body, at, leaf)


def _close_finding(connection: sqlite3.Connection, body: Mapping[str, Any], at: Point, leaf: int) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO office_findings (leaf, clause, about, breaches, boot, boottime_ms, wall_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (leaf, body["clause"], body["about"], json.dumps(body["breaches"]), at.boot, at.boottime_ms, at.wall_ms),
    )


def closed_findings(connection: sqlite3.Connection) -> list[ClosedFinding]:
    """In the order in which they were closed."""
    return [
        ClosedFinding(clause, about, frozenset(json.loads(breaches)), Point(*at), leaf)
        for leaf, clause, about, breaches, *at in connection.execute(
            "SELECT leaf, clause, about, breaches, boot, boottime_ms, wall_ms FROM office_findings ORDER BY leaf"
        )
    ]


def of_export(connection: sqlite3.Connection, export: str) -> str | None:
    """The request whose copy an export is."""
    told = connection.execute(
        "SELECT number FROM office_acts WHERE json_extract(story, '$.made') = ?", (export,)
    ).fetchone()
    return None if told is None else str(told[0])


def begin_erasure(connection: sqlite3.Connection, number: str) -> None:
    """Its persons go from now on, whatever comes."""
    connection.execute("UPDATE office_requests SET erasing = 1 WHERE number = ?", (number,))


def erasing(connection: sqlite3.Connection) -> list[str]:
    """Numbers of requests whose erasure was begun, and has no leaf yet."""
    told = connection.execute("SELECT number FROM office_requests WHERE erasing AND erased IS NULL ORDER BY number")
    return [number for (number,) in told]


def erase(connection: sqlite3.Connection, number: str, at: Point, keys: int) -> None:
    """Its persons are gone: its leaf, and the case stays without names. `keys`: their generation, without its own."""
    body: dict[str, Value] = {
        "number": number,
        "what": ERASED,
        "keys": keys,
        "at": ages_table.place_in_time(connection, at),
    }
    _erase(connection, number, keys, ledger_table.enter(connection, Leaf.OFFICE, at.wall_ms, body))


def _erase(connection: sqlite3.Connection, number: str, keys: int, leaf: int) -> None:
    connection.execute("DELETE FROM office_records WHERE number = ?", (number,))
    connection.execute(
        "UPDATE office_requests SET erased = coalesce(erased, ?), keys = max(keys, ?) WHERE number = ?",
        (leaf, keys, number),
    )


def erased(connection: sqlite3.Connection) -> list[str]:
    """Numbers of requests whose persons are gone, or go."""
    told = connection.execute("SELECT number FROM office_requests WHERE erasing OR erased IS NOT NULL")
    return [number for (number,) in told]


def erased_at(connection: sqlite3.Connection) -> dict[str, Point]:
    """When the persons of each request went, by its number; of an erasure that was begun, not yet."""
    told = connection.execute(
        "SELECT office_requests.number, body ->> '$.at.boot', body ->> '$.at.boottime_ms', body ->> '$.at.wall_ms'"
        " FROM office_requests JOIN leaves ON leaves.number = erased"
    )
    return {number: Point(*at) for number, *at in told}


def numbers(connection: sqlite3.Connection) -> list[str]:
    """Of requests and persons that were not erased: each should have a key."""
    told = connection.execute(
        "SELECT number FROM office_requests WHERE NOT erasing AND erased IS NULL"
        " UNION ALL SELECT ? || number FROM office_persons",
        (PERSON,),
    )
    return [number for (number,) in told]


def key_generation(connection: sqlite3.Connection) -> int:
    """The highest that the keys were ever known to have; 0: there were none."""
    told = connection.execute(
        "SELECT coalesce(max(keys), 0)"
        " FROM (SELECT keys FROM office_requests UNION ALL SELECT keys FROM office_persons)"
    ).fetchone()
    return int(told[0])


def _insert(connection: sqlite3.Connection, body: Mapping[str, Any], at: Point, leaf: int) -> None:
    year, _, serial = str(body["number"]).partition(".")[0].partition("-")
    connection.execute(
        "INSERT INTO office_requests (number, own, year, serial, row, day, boot, boottime_ms, wall_ms, receipt,"
        " version, status, words, keys, leaf) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)",
        (
            body["number"],
            body["own"],
            int(year),
            int(serial),
            body["row"],
            body["day"],
            at.boot,
            at.boottime_ms,
            at.wall_ms,
            json.dumps(body["story"], ensure_ascii=False),
            body["status"],
            body["words"],
            body["keys"],
            leaf,
        ),
    )


def _advance(connection: sqlite3.Connection, body: Mapping[str, Any]) -> bool:
    """Whether the request was at the version before."""
    cursor = connection.execute(
        "UPDATE office_requests SET version = ?2, status = ?3 WHERE number = ?1 AND version = ?2 - 1",
        (body["number"], body["version"], body["status"]),
    )
    return cursor.rowcount == 1


def _insert_act(connection: sqlite3.Connection, body: Mapping[str, Any], at: Point, leaf: int) -> None:
    connection.execute(
        "INSERT INTO office_acts (number, version, story, words, leaf, boot, boottime_ms, wall_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            body["number"],
            body["version"],
            json.dumps(body["story"], ensure_ascii=False),
            body["words"],
            leaf,
            at.boot,
            at.boottime_ms,
            at.wall_ms,
        ),
    )


_COLUMNS: Final = (
    "SELECT number, own, row, day, boot, boottime_ms, wall_ms, version, status, leaf, erased FROM office_requests "
)


def _row(told: Sequence[Any]) -> RequestRow:
    number, own, row, day, boot, boottime_ms, wall_ms, version, status, leaf, erased = told
    return RequestRow(
        number, bool(own), row, day, Point(boot, boottime_ms, wall_ms), version, status, leaf, erased is not None
    )


def get(connection: sqlite3.Connection, number: str) -> RequestRow | None:
    told = connection.execute(_COLUMNS + "WHERE number = ?", (number,)).fetchone()
    return None if told is None else _row(told)


def listed(connection: sqlite3.Connection, closed: str | None = None) -> Iterator[RequestRow]:
    """By number. `closed`: without those of this status."""
    for told in connection.execute(_COLUMNS + "WHERE ?1 IS NULL OR status <> ?1 ORDER BY year, serial", (closed,)):
        yield _row(told)


def story(connection: sqlite3.Connection, number: str) -> tuple[dict[str, Any], list[StoredAct]]:
    """The receipt and the acts, in order. KeyError for no such request."""
    told = connection.execute("SELECT receipt FROM office_requests WHERE number = ?", (number,)).fetchone()
    if told is None:
        raise KeyError(number)
    acts = connection.execute(
        "SELECT version, story, leaf, boot, boottime_ms, wall_ms FROM office_acts WHERE number = ? ORDER BY version",
        (number,),
    )
    return json.loads(told[0]), [
        StoredAct(version, json.loads(body), Point(*at), leaf) for version, body, leaf, *at in acts
    ]


# --- records: ciphertext under the request's or the person's key


def write_record(connection: sqlite3.Connection, record: RecordId, cipher: bytes, *, on_volumes: bool = False) -> None:
    """`on_volumes`: it lies there alone, and the database knows what it has to be."""
    connection.execute(
        "INSERT INTO office_records (number, kind, position, cipher, sha256) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (*record, None if on_volumes else cipher, sha256(cipher).digest()),
    )


def latest(connection: sqlite3.Connection, number: str, kind: str) -> tuple[int, bytes] | None:
    """The position and ciphertext of the last of a kind; None where nothing is left of it."""
    told = connection.execute(
        "SELECT position, cipher FROM office_records WHERE number = ? AND kind = ? AND cipher IS NOT NULL"
        " ORDER BY position DESC LIMIT 1",
        (number, kind),
    ).fetchone()
    return None if told is None else (told[0], bytes(told[1]))


def last_position(connection: sqlite3.Connection, number: str, kind: str) -> int:
    """0 for none."""
    sql = "SELECT coalesce(max(position), 0) FROM office_records WHERE number = ? AND kind = ?"
    return int(connection.execute(sql, (number, kind)).fetchone()[0])


def of_kind(connection: sqlite3.Connection, kind: str) -> Iterator[tuple[RecordId, bytes]]:
    """The last of a number comes last."""
    for number, position, cipher in connection.execute(
        "SELECT number, position, cipher FROM office_records WHERE kind = ? AND cipher IS NOT NULL ORDER BY position",
        (kind,),
    ):
        yield RecordId(number, kind, position), bytes(cipher)


def records(connection: sqlite3.Connection) -> dict[RecordId, bytes]:
    """All, with the SHA-256 of their ciphertext."""
    told = connection.execute("SELECT number, kind, position, sha256 FROM office_records")
    return {RecordId(number, kind, position): bytes(digest) for number, kind, position, digest in told}


def cipher(connection: sqlite3.Connection, record: RecordId) -> bytes | None:
    told = connection.execute(
        "SELECT cipher FROM office_records WHERE number = ? AND kind = ? AND position = ?", record
    ).fetchone()
    return None if told is None or told[0] is None else bytes(told[0])


class Fate(StrEnum):
    """Of whatever a number's records are about."""

    KNOWN = "known"
    ERASED = "erased"
    UNKNOWN = "unknown"
    """Here at least, and until its leaf is read."""


def fate(connection: sqlite3.Connection, number: str) -> Fate:
    """Of a request or a person."""
    if number.startswith(PERSON):
        person = int(number.removeprefix(PERSON))
        told = connection.execute("SELECT 0 FROM office_persons WHERE number = ?", (person,)).fetchone()
    else:
        sql = "SELECT erased IS NOT NULL FROM office_requests WHERE number = ?"
        told = connection.execute(sql, (number,)).fetchone()
    if told is None:
        return Fate.UNKNOWN
    return Fate.ERASED if told[0] else Fate.KNOWN
