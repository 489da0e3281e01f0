"""Alarms (異常通報) as rows and events, in their caller's transaction: raised, updated, acknowledged, cleared.

`Alarms` is what the daemon keeps. Thread-safe; which conditions hold is judged elsewhere, reads block.
"""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import Future
from functools import partial
from typing import Any, Final

from storage.ages.history import DaemonRun, Point
from storage.database.writer import Database
from storage.outbox import table as outbox_table
from storage.outbox.table import EventKind
from storage.words.clock import Clock
from storage.words.errors import UnknownId
from storage.words.message import Message, message, with_advice
from storage.words.model import AlarmRow, Severity

ALARMS_MAX: Final = 1000
"""More conditions than a site of 64 cameras has names for; a page for a person, not a history."""
CLEARED_MAX: Final = 500
"""Conditions that hold no longer and are remembered: names of pins, devices and volumes come and go for years."""
FLAP_MS: Final = 3_600_000
"""A condition that comes back within an hour is flapping: the same occurrence, counted once more."""


def raise_alarm(
    connection: sqlite3.Connection,
    key: str,
    severity: Severity,
    text: Message,
    action: Message,
    now_ms: int,
    names: str = "",
    at: Point | None = None,
) -> bool:
    """True when the condition did not hold before. One that holds already is only brought up to date.

    `names`: of the people it is about; shown here, and told to nobody outside. That somebody has seen it goes with its
    occurrence, and is void once it is more severe than what they saw.
    `at`: now, by running time.
    """
    found = find(connection, key)
    if found is not None and found.raised:
        if (found.severity, found.text, found.action, found.names) != (severity, text, action, names):
            seen = found.acknowledged and not _is_worse(found, severity)
            connection.execute(
                "UPDATE alarms SET severity = ?, text = ?, action = ?, told = ?, names = ?, acknowledged = ?"
                " WHERE key = ?",
                (severity, text, action, _told(text, action), names, seen, key),
            )
            _tell(connection, key, "updated", now_ms)
        elif (found.text.code, found.action.code) != (text.code, action.code):  # it stood before there were any
            connection.execute("UPDATE alarms SET told = ? WHERE key = ?", (_told(text, action), key))
        return False
    if found is not None and found.cleared_ms is not None and abs(now_ms - found.cleared_ms) <= FLAP_MS:
        seen = found.acknowledged and not _is_worse(found, severity)
        occurrence, since_ms, count = found.occurrence, found.since_ms, found.count + 1
    else:
        seen, occurrence, since_ms, count = False, outbox_table.next_id(connection, now_ms), now_ms, 1
    connection.execute(
        "INSERT OR REPLACE INTO alarms (key, severity, raised, since_ms, count, text, action, told, acknowledged,"
        " occurrence, names, boot, boottime_ms) VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            key,
            severity,
            since_ms,
            count,
            text,
            action,
            _told(text, action),
            seen,
            occurrence,
            names,
            *_running(at),
        ),
    )
    _tell(connection, key, "raised", now_ms)
    return True


def _running(at: Point | None) -> tuple[int | None, int | None]:
    return (None, None) if at is None else (at.boot, at.boottime_ms)


def _is_worse(before: AlarmRow, severity: Severity) -> bool:
    return severity.gravity > before.severity.gravity


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
    found = find(connection, key)
    if found is None or not found.raised:
        raise UnknownId(
            message("ticket.no-alarm", "no alarm {alarm} stands", alarm=key),
            message("ticket.no-alarm.action", "`edgectl alarms` lists those that do"),
        )
    if occurrence not in (None, found.occurrence):
        raise UnknownId(
            message(
                "ticket.alarm-anew",
                "alarm {alarm} stands anew, as {occurrence}",
                alarm=key,
                occurrence=found.occurrence,
            ),
            message("ticket.alarm-anew.action", "look at it again: `edgectl alarms`"),
        )
    if found.acknowledged:
        return False
    connection.execute("UPDATE alarms SET acknowledged = 1 WHERE key = ?", (key,))
    _tell(connection, key, "acknowledged", now_ms)
    return True


def _tell(connection: sqlite3.Connection, key: str, what: str, now_ms: int) -> None:
    """The centre, in the same transaction: all that the row says, but for names."""
    told = _row(connection.execute(f"{_SQL} WHERE key = ?", (key,)).fetchone())
    body = {
        "what": what,
        "key": key,
        "occurrence": told.occurrence,
        "severity": told.severity.value,
        "since_ms": told.since_ms,
        "cleared_ms": told.cleared_ms,
        "count": told.count,
        **with_advice(told.text, told.action),
        "acknowledged": told.acknowledged,
    }
    outbox_table.put(connection, EventKind.ALARM, now_ms, body)


def find(connection: sqlite3.Connection, key: str) -> AlarmRow | None:
    """The alarm of that key, raised or cleared."""
    row = connection.execute(f"{_SQL} WHERE key = ?", (key,)).fetchone()
    return None if row is None else _row(row)


def alarms(connection: sqlite3.Connection) -> list[AlarmRow]:
    """Raised ones first, each lot by the time it was raised, latest first."""
    return [
        _row(row)
        for row in connection.execute(f"{_SQL} ORDER BY raised DESC, since_ms DESC, key LIMIT ?", (ALARMS_MAX,))
    ]


_SQL: Final = (
    "SELECT key, severity, raised, since_ms, cleared_ms, count, text, action, told, acknowledged, occurrence,"
    " names, boot, boottime_ms FROM alarms"
)


def _row(row: tuple[Any, ...]) -> AlarmRow:
    key, severity, raised, since_ms, cleared_ms, count, text, action, told, seen, occurrence, *others = row
    names, boot, boottime_ms = others
    at = None if boot is None else (boot, boottime_ms)
    words = Message(text), Message(action)
    if told is not None:
        words = Message.of(**(coded := json.loads(told))["text"]), Message.of(**coded["action"])
    return AlarmRow(
        key, Severity(severity), bool(raised), since_ms, cleared_ms, count, *words, bool(seen), occurrence, names, at
    )


def _told(text: Message, action: Message) -> str:
    """Both with their codes and values."""
    return json.dumps({"text": text.told, "action": action.told}, ensure_ascii=False)


class Alarms:
    """Of one store."""

    def __init__(self, database: Database, clock: Clock, life: DaemonRun | None = None) -> None:
        """`life`: of this run; without it nobody is told for how long an alarm has stood."""
        self._database = database
        self._clock = clock
        self._life = life

    def raised(self, key: str, severity: Severity, text: Message, action: Message, names: str = "") -> Future[bool]:
        """The condition holds; True when it did not before. Told again: its words are brought up to date.

        `names`: of the people it is about, which are told nobody outside of the box.
        """
        now = self._clock.now()
        at = None if self._life is None else Point.of(self._life.boot, now)
        return self._database.submit(lambda db: raise_alarm(db, key, severity, text, action, now.wall_ms, names, at))

    def cleared(self, key: str) -> Future[bool]:
        """The condition holds no longer; True when it did before."""
        return self._database.submit(partial(clear_alarm, key=key, now_ms=self._now_ms))

    def acknowledge(self, key: str, occurrence: str | None = None) -> Future[bool]:
        """Somebody has seen it; False where that is known. `occurrence`: the one that is meant, None: any.

        UnknownId: no such alarm stands.
        """
        fact = partial(acknowledge, key=key, occurrence=occurrence, now_ms=self._now_ms)
        return self._database.submit(fact)

    def find(self, key: str) -> AlarmRow | None:
        """Raised or cleared; None: there is none of that key."""
        return self._database.read(partial(find, key=key))

    def all(self) -> list[AlarmRow]:
        """Raised ones first, then by the time they were raised."""
        return self._database.read(alarms)

    @property
    def _now_ms(self) -> int:
        return self._clock.now().wall_ms
