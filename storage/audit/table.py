"""What the last check of the ledger came to: one row, so that it is told after a restart, and when the next one is due.

Functions over a connection, inside their caller's transaction.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from storage.audit.findings import Code, LedgerFinding
from storage.words.message import Message, as_message

NAMED_MAX = 20
"""Findings that are kept with their words: the first says what to do, `edgectl ledger verify` names all."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One check of all of it, as it ended."""

    run: int
    """Of the daemon."""
    boot: int
    boottime_ms: int
    wall_ms: int
    leaves: int
    took_ms: int
    findings: int
    named: tuple[LedgerFinding, ...]


def last(connection: sqlite3.Connection) -> Checked | None:
    """None: there was none in this database."""
    row = connection.execute(
        "SELECT run, boot, boottime_ms, wall_ms, leaves, took_ms, findings, named FROM checked"
    ).fetchone()
    if row is None:
        return None
    run, boot, boottime_ms, wall_ms, leaves, took_ms, findings, named = row
    told = tuple(LedgerFinding(Code(code), *map(_told, words)) for code, *words in json.loads(named))
    return Checked(run, boot, boottime_ms, wall_ms, leaves, took_ms, findings, told)


def _told(words: str | dict[str, Any]) -> Message:
    """An earlier version wrote the text alone."""
    return Message(words) if isinstance(words, str) else Message.of(**words)


def remember(connection: sqlite3.Connection, checked: Checked) -> None:
    """In place of the one before."""
    named = json.dumps(
        [
            [one.code.value, *(as_message(text).told for text in (one.where, one.what, one.action))]
            for one in checked.named
        ]
    )
    connection.execute(
        "INSERT OR REPLACE INTO checked (id, run, boot, boottime_ms, wall_ms, leaves, took_ms, findings, named)"
        " VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            checked.run,
            checked.boot,
            checked.boottime_ms,
            checked.wall_ms,
            checked.leaves,
            checked.took_ms,
            checked.findings,
            named,
        ),
    )
