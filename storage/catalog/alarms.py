"""Alarms (異常通報) as rows and events: raised, kept up to date, acknowledged, cleared. In their caller's transaction."""

from __future__ import annotations

import sqlite3
from typing import Final

from storage.answers import AlarmRow, Severity
from storage.catalog import outbox
from storage.catalog.outbox import Kind
from storage.errors import UnknownId

ALARMS_MAX: Final = 1000
"""More conditions than a site of 64 cameras has names for; a page for a person, not a history."""
CLEARED_MAX: Final = 500
"""Conditions that hold no longer and are remembered: names of pins, devices and volumes come and go for years."""
FLAP_MS: Final = 3_600_000
"""A condition that comes back within an hour is flapping: the same occurrence, counted once more."""


def raise_alarm(
    connection: sqlite3.Connection, key: str, severity: Severity, text: str, action: str, now_ms: int
) -> bool:
    """True when the condition did not hold before. One that holds already is only brought up to date."""
    row = connection.execute("SELECT raised, severity, text, action FROM alarms WHERE key = ?", (key,)).fetchone()
    if row is not None and row[0]:
        if row[1:] != (severity, text, action):
            connection.execute(
                "UPDATE alarms SET severity = ?, text = ?, action = ? WHERE key = ?", (severity, text, action, key)
            )
            _tell(connection, key, "updated", now_ms)
        return False
    connection.execute(
        "INSERT INTO alarms (key, severity, raised, since_ms, count, text, action) VALUES (?1, ?2, 1, ?3, 1, ?4, ?5)"
        " ON CONFLICT (key) DO UPDATE SET severity = excluded.severity, raised = 1, cleared_ms = NULL,"
        " occurrence = iif(abs(excluded.since_ms - cleared_ms) <= ?6, occurrence, ''),"
        " since_ms = iif(abs(excluded.since_ms - cleared_ms) <= ?6, since_ms, excluded.since_ms),"
        " count = iif(abs(excluded.since_ms - cleared_ms) <= ?6, count + 1, 1),"
        " text = excluded.text, action = excluded.action, acknowledged = 0",
        (key, severity, now_ms, text, action, FLAP_MS),
    )
    _tell(connection, key, "raised", now_ms)
    return True


def clear_alarm(connection: sqlite3.Connection, key: str, now_ms: int) -> bool:
    """True when the condition held before."""
    cursor = connection.execute(
        "UPDATE alarms SET raised = 0, cleared_ms = ? WHERE key = ? AND raised = 1", (now_ms, key)
    )
    if cursor.rowcount == 0:
        return False
    _tell(connection, key, "cleared", now_ms)
    connection.execute(
        "DELETE FROM alarms WHERE raised = 0 AND key <> ? AND key NOT IN"
        " (SELECT key FROM alarms WHERE raised = 0 ORDER BY cleared_ms DESC LIMIT ?)",
        (key, CLEARED_MAX),
    )
    return True


def acknowledge(connection: sqlite3.Connection, key: str, occurrence: str | None, now_ms: int) -> bool:
    """Somebody has seen it; it goes on standing. False where it was acknowledged before.

    `occurrence`: the one that is meant; None: whichever stands now. UnknownId: no such alarm stands.
    """
    row = connection.execute("SELECT raised, occurrence, acknowledged FROM alarms WHERE key = ?", (key,)).fetchone()
    if row is None or not row[0]:
        raise UnknownId(f"no alarm {key} stands", "`edgectl alarms` lists those that do")
    if occurrence not in (None, row[1]):
        raise UnknownId(f"alarm {key} stands again since then, as {row[1]}", "look at it anew")
    if row[2]:
        return False
    connection.execute("UPDATE alarms SET acknowledged = 1 WHERE key = ?", (key,))
    _tell(connection, key, "acknowledged", now_ms)
    return True


def _tell(connection: sqlite3.Connection, key: str, what: str, now_ms: int) -> None:
    """The centre, in the same transaction; the event that raises an alarm names its occurrence."""
    occurrence, severity, since_ms, cleared_ms, count, text, action, acknowledged = connection.execute(
        "SELECT occurrence, severity, since_ms, cleared_ms, count, text, action, acknowledged FROM alarms"
        " WHERE key = ?",
        (key,),
    ).fetchone()
    if not occurrence:
        occurrence = outbox.next_id(connection, now_ms)
        connection.execute("UPDATE alarms SET occurrence = ? WHERE key = ?", (occurrence, key))
    body = {"what": what, "key": key, "occurrence": occurrence, "severity": severity, "since_ms": since_ms}
    body |= {"cleared_ms": cleared_ms, "count": count, "text": text, "action": action}
    outbox.put(connection, Kind.ALARM, now_ms, body | {"acknowledged": bool(acknowledged)})


def alarms(connection: sqlite3.Connection) -> list[AlarmRow]:
    """Raised ones first, each lot by the time it was raised, latest first."""
    rows = connection.execute(
        "SELECT key, severity, raised, since_ms, cleared_ms, count, text, action, acknowledged, occurrence"
        " FROM alarms ORDER BY raised DESC, since_ms DESC, key LIMIT ?",
        (ALARMS_MAX,),
    )
    return [
        AlarmRow(key, Severity(severity), bool(raised), since, cleared, count, text, action, bool(seen), occurrence)
        for key, severity, raised, since, cleared, count, text, action, seen, occurrence in rows
    ]
