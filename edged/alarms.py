"""Alarms (異常通報): conditions in, what to raise, update and clear out. Pure; storing and sending is done by others.

A condition must stand for its `raise_after_s` before it becomes an alarm and be gone for `CLEAR_AFTER_S` before the
alarm ends, so that what flaps is one alarm with a count. Keys are stable names (`camera.down:lobby`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from storage.answers import AlarmRow, Severity

CLEAR_AFTER_S: Final = 20.0
"""A condition that comes back within this time was never gone: a camera that gives three seconds of picture between two
outages of ten is one outage."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A condition that holds now, with what a person should read and do."""

    severity: Severity
    text: str
    action: str
    raise_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Tracked:
    """What is remembered of a condition between two looks; times are CLOCK_BOOTTIME in seconds."""

    trouble: Trouble
    first_s: float
    last_s: float
    raised: bool


@dataclass(frozen=True, slots=True)
class Change:
    """`trouble` is None when the alarm is to be cleared; `again`: it was standing and only its words changed."""

    key: str
    trouble: Trouble | None
    again: bool = False


def step(
    tracked: Mapping[str, Tracked], troubles: Mapping[str, Trouble], now_s: float
) -> tuple[dict[str, Tracked], list[Change]]:
    """One look: the new memory, and what changed. Looking twice at the same instant changes nothing."""
    memory: dict[str, Tracked] = {}
    changes: list[Change] = []
    for key, trouble in troubles.items():
        before = tracked.get(key)
        entry = Tracked(trouble, before.first_s if before else now_s, now_s, bool(before and before.raised))
        if not entry.raised and now_s - entry.first_s >= trouble.raise_after_s:
            changes.append(Change(key, trouble))
            entry = replace(entry, raised=True)
        elif before and entry.raised and _differs(before.trouble, trouble):
            changes.append(Change(key, trouble, again=True))
        memory[key] = entry
    for key, before in tracked.items():
        if key in troubles:
            continue
        if now_s - before.last_s < CLEAR_AFTER_S:
            memory[key] = before
        elif before.raised:
            changes.append(Change(key, None))
    return memory, changes


def remembered(rows: Iterable[AlarmRow], tracked: Mapping[str, Tracked], now_ms: int) -> tuple[AlarmRow, ...]:
    """What stands, for as long as the database does not answer; `rows` are as they were known last."""
    known = {row.key: row for row in rows if row.raised}
    return tuple(
        replace(known[key], severity=one.trouble.severity, text=one.trouble.text, action=one.trouble.action)
        if key in known
        else AlarmRow(
            *(key, one.trouble.severity, True, now_ms, None, 1, one.trouble.text, one.trouble.action),
            acknowledged=False,
        )
        for key, one in tracked.items()
        if one.raised
    )


def _differs(before: Trouble, now: Trouble) -> bool:
    return (before.severity, before.text, before.action) != (now.severity, now.text, now.action)
