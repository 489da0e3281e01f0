"""Acts that wait for a second person. Functions over a connection; `storage.acts` decides."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from storage.ages import History
from storage.catalog.runs import Point

Arguments: TypeAlias = Mapping[str, "str | int"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who acts: two persons are two of these numbers, whatever they are called."""

    uid: int
    name: str


@dataclass(frozen=True, slots=True)
class Act:
    """Something asked for that waits for a second person."""

    id: str
    verb: str
    arguments: Arguments
    asker: Person
    asked: Point
    left_ms: int
    """How long it waits on."""


def insert(connection: sqlite3.Connection, act: Act) -> None:
    arguments = json.dumps(dict(act.arguments), sort_keys=True, ensure_ascii=False)
    at = act.asked
    connection.execute(
        "INSERT INTO acts (id, verb, arguments, asker_uid, asker, boot, boottime_ms, wall_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (act.id, act.verb, arguments, act.asker.uid, act.asker.name, at.boot, at.boottime_ms, at.wall_ms),
    )


def waiting(connection: sqlite3.Connection, ages: History, waits_ms: int) -> list[Act]:
    """Those that have not waited for too long, the oldest first."""
    found = []
    for act_id, verb, arguments, uid, name, *at in connection.execute(
        "SELECT id, verb, arguments, asker_uid, asker, boot, boottime_ms, wall_ms FROM acts ORDER BY boot, boottime_ms"
    ).fetchall():
        asked = Point(*at)
        left_ms = waits_ms - ages.age(asked.boot, asked.boottime_ms).low_ms
        if left_ms > 0:
            found.append(Act(act_id, verb, json.loads(arguments), Person(uid, name), asked, left_ms))
    return found


def keep_only(connection: sqlite3.Connection, acts: Sequence[Act]) -> None:
    """What has waited for too long is forgotten, with the names in it."""
    kept = {act.id for act in acts}
    for (act_id,) in connection.execute("SELECT id FROM acts").fetchall():
        if act_id not in kept:
            delete(connection, act_id)


def delete(connection: sqlite3.Connection, act_id: str) -> None:
    connection.execute("DELETE FROM acts WHERE id = ?", (act_id,))
