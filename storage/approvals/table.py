"""Acts that wait for a second person. Functions over a connection; `storage.approvals.service` decides."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from storage.ages.history import History, Point
from storage.words.message import Message

Arguments: TypeAlias = Mapping[str, "str | int"]


NOBODY: Final = 2**32 - 1
"""Of whom no login tells which person it is: no account has this number."""


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
    ended: Message | None = None
    """Why it waits no longer, in words that go behind its id."""
    account: int | None = None
    """As what the asker's process ran, where that is another account than the asker's own."""


def insert(connection: sqlite3.Connection, act: Act) -> None:
    arguments = json.dumps(dict(act.arguments), sort_keys=True, ensure_ascii=False)
    at = act.asked
    connection.execute(
        "INSERT INTO acts (id, verb, arguments, asker_uid, asker, account, boot, boottime_ms, wall_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (act.id, act.verb, arguments, act.asker.uid, act.asker.name, act.account, at.boot, at.boottime_ms, at.wall_ms),
    )


def waiting(connection: sqlite3.Connection, ages: History, waits_ms: int) -> list[Act]:
    """Those that have not waited for too long, the oldest first."""
    return [act for act in _known(connection, ages, waits_ms) if act.left_ms > 0 and act.ended is None]


def tidy(connection: sqlite3.Connection, ages: History, waits_ms: int) -> None:
    """What was asked for too long ago is forgotten, with the names in it."""
    for act in _known(connection, ages, waits_ms):
        if act.left_ms <= 0:
            delete(connection, act.id)


def ended(connection: sqlite3.Connection, ages: History, waits_ms: int) -> list[Act]:
    """What would wait on, had what it is about not come to an end; the oldest first."""
    return [act for act in _known(connection, ages, waits_ms) if act.left_ms > 0 and act.ended is not None]


def end_about_pin(connection: sqlite3.Connection, pin_id: str, why: Message) -> None:
    """What waits to be done to a pin waits no longer: `why` is told to whoever asks for it."""
    connection.execute(
        "UPDATE acts SET ended = ? WHERE ended IS NULL AND json_extract(arguments, '$.pin') = ?",
        (why.kept, pin_id),
    )


def _known(connection: sqlite3.Connection, ages: History, waits_ms: int) -> list[Act]:
    found = []
    for act_id, verb, arguments, uid, name, account, why, *at in connection.execute(
        "SELECT id, verb, arguments, asker_uid, asker, account, ended, boot, boottime_ms, wall_ms FROM acts"
        " ORDER BY boot, boottime_ms"
    ).fetchall():
        asked = Point(*at)
        ended = None if why is None else Message.recalled(why)
        left_ms = waits_ms - ages.age(asked.boot, asked.boottime_ms).low_ms
        found.append(Act(act_id, verb, json.loads(arguments), Person(uid, name), asked, left_ms, ended, account))
    return found


def delete(connection: sqlite3.Connection, act_id: str) -> None:
    connection.execute("DELETE FROM acts WHERE id = ?", (act_id,))
