"""Persons, the posts they hold and their deputies, as rows made of their leaves. Functions over a connection.

A person is a number; the name lies encrypted under a key of its own. Who holds a post was agreed upon by two accounts,
and that stays with it: nobody signs by a post that he gave himself. Nothing is taken out: what ends is marked so.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from storage.ledger import table as ledger_table
from storage.ledger.table import Leaf, Value


class PersonStep(StrEnum):
    """What befalls a person or a post."""

    ADDED = "added"
    NAMED = "named"
    """Anew: the name was written wrong, or lost."""
    TIED = "tied"
    """To an account, or to none any more."""
    LEFT = "left"
    HOLDS = "holds"
    HOLDS_NO_MORE = "holds-no-more"
    DEPUTISES = "deputises"
    DEPUTISES_NO_MORE = "deputises-no-more"


@dataclass(frozen=True, slots=True)
class PersonRow:
    number: int
    unit: str
    account: int | None
    left: bool
    leaf: int


@dataclass(frozen=True, slots=True)
class PostRow:
    """Somebody holds a post, or stands for who holds it: `holder` and the interval are those of a deputy."""

    leaf: int
    person: int
    post: str
    unit: str
    by: frozenset[int]
    """Accounts."""
    holder: int | None = None
    from_ms: int | None = None
    to_ms: int | None = None


def next_number(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(number), 0) + 1 FROM office_persons").fetchone()[0])


def enter(connection: sqlite3.Connection, step: PersonStep, wall_ms: int, by: Sequence[int], **told: Value) -> int:
    """A step: its leaf, and the rows. `by`: accounts of who did it. The number of the leaf."""
    body: dict[str, Value] = {**told, "what": step.value, "by": [*sorted(by)]}
    leaf = ledger_table.enter(connection, Leaf.PERSON, wall_ms, body)
    _apply(connection, body, leaf)
    return leaf


def remember(connection: sqlite3.Connection, body: Mapping[str, Any], leaf: int) -> None:
    """A leaf of a database that was lost; one that is known is passed over."""
    known = connection.execute(
        "SELECT 1 FROM office_persons WHERE leaf >= ?1"
        " UNION ALL SELECT 1 FROM office_posts WHERE leaf >= ?1 OR ended >= ?1",
        (leaf,),
    ).fetchone()
    if known is None:
        _apply(connection, body, leaf)


def _apply(connection: sqlite3.Connection, body: Mapping[str, Any], leaf: int) -> None:
    person = body["person"]
    match PersonStep(body["what"]):
        case PersonStep.ADDED:
            connection.execute(
                "INSERT INTO office_persons (number, unit, account, gone, keys, leaf) VALUES (?, ?, ?, 0, ?, ?)",
                (person, body["unit"], body.get("account"), body.get("keys", 0), leaf),
            )
        case PersonStep.NAMED:
            connection.execute(
                "UPDATE office_persons SET keys = max(keys, ?2), leaf = ?3 WHERE number = ?1",
                (person, body["keys"], leaf),
            )
        case PersonStep.TIED:
            connection.execute(
                "UPDATE office_persons SET account = ?2, leaf = ?3 WHERE number = ?1", (person, body["account"], leaf)
            )
        case PersonStep.LEFT:
            connection.execute(
                "UPDATE office_persons SET gone = 1, account = NULL, leaf = ?2 WHERE number = ?1", (person, leaf)
            )
            connection.execute(
                "UPDATE office_posts SET ended = ?2 WHERE (person = ?1 OR holder = ?1) AND ended IS NULL",
                (person, leaf),
            )
        case PersonStep.HOLDS | PersonStep.DEPUTISES:
            connection.execute(
                "INSERT INTO office_posts (leaf, person, post, unit, by, holder, from_ms, to_ms)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    leaf,
                    person,
                    body["post"],
                    body["unit"],
                    json.dumps(body["by"]),
                    body.get("holder"),
                    body.get("from_ms"),
                    body.get("to_ms"),
                ),
            )
        case PersonStep.HOLDS_NO_MORE | PersonStep.DEPUTISES_NO_MORE:
            connection.execute(
                "UPDATE office_posts SET ended = ?4 WHERE person = ?1 AND post = ?2 AND unit = ?3 AND ended IS NULL"
                " AND (holder IS NOT NULL) = ?5",
                (person, body["post"], body["unit"], leaf, body["what"] == PersonStep.DEPUTISES_NO_MORE),
            )


def persons(connection: sqlite3.Connection) -> Iterator[PersonRow]:
    for number, unit, account, gone, leaf in connection.execute(
        "SELECT number, unit, account, gone, leaf FROM office_persons ORDER BY number"
    ):
        yield PersonRow(number, unit, account, bool(gone), leaf)


_POSTS: Final = (
    "SELECT leaf, person, post, unit, by, holder, from_ms, to_ms FROM office_posts WHERE ended IS NULL ORDER BY leaf"
)


def posts(connection: sqlite3.Connection) -> Iterator[PostRow]:
    """Those that hold now, of deputies also what lies ahead or behind."""
    for leaf, person, post, unit, by, holder, from_ms, to_ms in connection.execute(_POSTS):
        yield PostRow(leaf, person, post, unit, frozenset(json.loads(by)), holder, from_ms, to_ms)
