"""Leak cases (疑似外洩), as rows made of their leaves. Functions over a connection.

Each thing that befalls a case is a leaf and a row: it is opened, reported, closed. What each means is read by
`edged.office.leaks`. No word of a person is in it, and nothing that somebody described: for that a leaf names the
document of the office.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from storage.ages import table as ages_table
from storage.ages.history import Point
from storage.ledger import table as ledger_table
from storage.ledger.table import Leaf, Value


class LeakStep(StrEnum):
    """What befalls a leak case, as leaves call it."""

    OPENED = "leak-opened"
    REPORTED = "leak-reported"
    CLOSED = "leak-closed"


STEPS: Final = frozenset(LeakStep)


@dataclass(frozen=True, slots=True)
class LeakEvent:
    """A row."""

    leak: str
    """L-115-0001: the ROC year in which it was opened, running."""
    step: LeakStep
    story: Mapping[str, Any]
    at: Point
    leaf: int


def next_id(connection: sqlite3.Connection, year: int) -> str:
    """Of a ROC year, which is never before that of the last one."""
    told = connection.execute(
        "SELECT year, serial FROM office_leaks WHERE step = ? ORDER BY year DESC, serial DESC LIMIT 1",
        (LeakStep.OPENED.value,),
    ).fetchone()
    if told is not None and told[0] >= year:
        return f"L-{told[0]}-{told[1] + 1:04}"
    return f"L-{year}-0001"


def steps(connection: sqlite3.Connection, leak: str) -> int:
    """How many there are of a case; 0: there is no such case."""
    return int(connection.execute("SELECT count(*) FROM office_leaks WHERE id = ?", (leak,)).fetchone()[0])


def enter(connection: sqlite3.Connection, leak: str, step: LeakStep, at: Point, story: Mapping[str, Value]) -> None:
    """Its leaf, and its row."""
    body: dict[str, Value] = {
        "what": step.value,
        "leak": leak,
        "story": dict(story),
        "at": ages_table.place_in_time(connection, at),
    }
    remember(connection, body, at, ledger_table.enter(connection, Leaf.OFFICE, at.wall_ms, body))


def remember(connection: sqlite3.Connection, body: Mapping[str, Any], at: Point, leaf: int) -> None:
    """A leaf as a row; one that is known is passed over."""
    _, year, serial = str(body["leak"]).split("-")
    connection.execute(
        "INSERT OR IGNORE INTO office_leaks (leaf, id, year, serial, step, story, boot, boottime_ms, wall_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            leaf,
            body["leak"],
            int(year),
            int(serial),
            body["what"],
            json.dumps(body["story"], ensure_ascii=False),
            at.boot,
            at.boottime_ms,
            at.wall_ms,
        ),
    )


def events(connection: sqlite3.Connection) -> list[LeakEvent]:
    """Of all cases, in order."""
    return [
        LeakEvent(leak, LeakStep(step), json.loads(story), Point(*at), leaf)
        for leaf, leak, step, story, *at in connection.execute(
            "SELECT leaf, id, step, story, boot, boottime_ms, wall_ms FROM office_leaks ORDER BY leaf"
        )
    ]
