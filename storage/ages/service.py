"""The boots of this box as people ask for them, and what two of them say of a power-off. Blocking and thread-safe."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from storage.ages import table
from storage.ages.history import OffTime
from storage.ages.table import BootRow
from storage.database.writer import Database, TransactionPart
from storage.words.clock import Clock

DOUBT_MS: Final = 3_600_000
"""What S3 lets a ceiling be late by anyway."""


@dataclass(frozen=True, slots=True)
class OffTimeDoubt:
    """Before this boot the box may have been off for longer than is proven."""

    boot: int
    bounded: bool
    """By some clock. Else nobody knows how long it was."""


class Boots:
    """What a `Store` knows of boots."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def all(self) -> list[BootRow]:
        """By number; a few hundred."""
        return self._database.read(table.rows)

    def doubts(self) -> tuple[OffTimeDoubt, ...]:
        """The oldest boot first."""
        return tuple(doubts(self.all()))

    def check(self, boot: int, off_ms: int) -> OffTime:
        """What would hold if two people attested this. UnknownId, OrderRefused."""
        return self._database.read(partial(table.check_attested, boot=boot, off_ms=off_ms))

    def attest(self, boot: int, off_ms: int, reason: str, asked_by: str, approved_by: str) -> TransactionPart:
        """Two people say that the box was off for at least so long; that they are two is known to whoever asks."""

        def deed(connection: sqlite3.Connection) -> None:
            table.attest(connection, boot, off_ms, reason, asked_by, approved_by, self._clock.now().wall_ms)

        return deed


def doubts(rows: Iterable[BootRow]) -> Iterable[OffTimeDoubt]:
    """The first boot has none: nothing was recorded before it. Where no clock sets a bound, what people say ends it."""
    for row in list(rows)[1:]:
        low_ms, high_ms = row.boot.off_low_ms, row.boot.off_high_ms
        if high_ms is None and row.attested_ms is None:
            yield OffTimeDoubt(row.boot.number, bounded=False)
        elif high_ms is not None and high_ms - low_ms > DOUBT_MS:
            yield OffTimeDoubt(row.boot.number, bounded=True)
