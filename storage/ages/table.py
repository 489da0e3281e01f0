"""What is known of each boot: how long it ran, how its clocks drifted apart, how long the box was off before it.

Functions over a connection, each run inside the transaction of its caller. Every heartbeat teaches a boot something;
what follows from it (credit for power-off) is computed anew each time by `storage.ages.credit`, so that nothing is
credited twice and what comes late is credited where it belongs (S7).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from storage.ages.credit import DAY_MS, Off, Witness, Word, off
from storage.ages.history import US_PER_MS, Boot, History, Mark, Pace
from storage.ledger.table import Leaf, Value, enter
from storage.words.clock import Clock, Reading
from storage.words.errors import OrderRefused, UnknownId

MARK_US: Final = 1_000_000
"""A mark is written when lag or gain has grown by this much: ages err by as much at most, on the safe side."""
MARKS_FULL: Final = 1024
"""After so many marks of one boot it takes twice as much for the next ones, and so on: at 500 ppm, the worst that a
time daemon slews by, that is 4,100 rows in the first year of a boot; at 20 ppm, which is usual, 630."""
RAW_BACK_US: Final = 1_000_000
"""MONOTONIC_RAW further back than this than at the last heartbeat has jumped: readings are not that far apart."""
ATTESTED_MAX_MS: Final = 3650 * DAY_MS
"""Where no clock sets a bound: a slip of the pen is stopped, a box in a cellar for years is not."""

_ROWS_SQL: Final = (
    "SELECT number, off_word, attested_ms, began_ms, ran_ms, offset_last_ms, offset_most_ms,"
    " synced_first_ms, synced_last_ms, synced_least_ms, synced_most_ms, rtc_first_ms, rtc_last_ms FROM boots "
)


@dataclass(frozen=True, slots=True)
class BootRow:
    """One boot as people see it."""

    boot: Boot
    word: Word
    witness: Witness
    attested_ms: int | None


def history(connection: sqlite3.Connection, boot: int, clock: Clock) -> History:
    """From which all ages are told now. Made for each round of a sweep, not for each segment."""
    return History(boots(connection), boot, clock.now().boottime_ms, clock.lead_us())


def boots(connection: sqlite3.Connection) -> list[Boot]:
    """All boots this box has counted; a few hundred in its life."""
    marks = {
        boot: tuple(Mark(at_ms, Pace(lag_us, gain_us)) for _, at_ms, lag_us, gain_us in group)
        for boot, group in groupby(
            connection.execute("SELECT boot, boottime_ms, lag_us, gain_us FROM paces ORDER BY boot, boottime_ms"),
            key=lambda row: int(row[0]),
        )
    }
    rows = connection.execute(
        "SELECT number, boot_id, ran_ms, off_low_ms, off_high_ms, lag_us, gain_us, lead_us, began_ms,"
        " attested_ms IS NOT NULL FROM boots ORDER BY number"
    )
    return [
        Boot(
            *(number, boot_id, ran_ms, low_ms, high_ms, Pace(lag, gain), lead_us, marks.get(number, ()), began_ms),
            attested=bool(attested),
        )
        for number, boot_id, ran_ms, low_ms, high_ms, lag, gain, lead_us, began_ms, attested in rows
    ]


def rows(connection: sqlite3.Connection) -> list[BootRow]:
    """All boots with what their bounds rest on, by number."""
    by_number = {boot.number: boot for boot in boots(connection)}
    found = connection.execute(_ROWS_SQL + "ORDER BY number")
    return [
        BootRow(by_number[number], Word(word), Witness(*witness), attested_ms)
        for number, word, attested_ms, *witness in found
    ]


def this_boot(connection: sqlite3.Connection, boot_id: str, reading: Reading) -> int:
    """The number of the boot that runs; a new one, perhaps.

    A clock that nobody can set and that runs backwards under one boot id (a restored virtual machine) makes a new boot.
    """
    row = connection.execute(
        "SELECT number, boot_id, ran_ms, lead_us, lag_us, gain_us FROM boots ORDER BY number DESC LIMIT 1"
    ).fetchone()
    same = row is not None and row[1] == boot_id
    if same and not _went_back(reading, row[2], row[3]):
        learn(connection, row[0], reading)
        return int(row[0])
    at_ms = reading.now.boottime_ms
    number: int = connection.execute(
        "INSERT INTO boots (boot_id, ran_ms, began_ms, lead_us) VALUES (?, ?, ?, ?) RETURNING number",
        (boot_id, at_ms, at_ms if same else 0, reading.lead_us if same else 0),
    ).fetchone()[0]
    body: dict[str, Value] = {"boot": number, "id": boot_id, "boottime_ms": at_ms, "began_ms": at_ms if same else 0}
    if row is not None:  # whoever lets it have run for longer afterwards, so that footage is older, contradicts a leaf
        body["before"] = {"boot": row[0], "ran_ms": row[2], "lag_us": row[4], "gain_us": row[5]}
    enter(connection, Leaf.BOOT, reading.now.wall_ms, body)
    learn(connection, number, reading)
    return number


def learn(connection: sqlite3.Connection, boot: int, reading: Reading) -> None:
    """A heartbeat: this boot lived until now, and this is what its clocks say."""
    now_ms, offset_ms = reading.now.boottime_ms, reading.now.wall_ms - reading.now.boottime_ms
    lead_us, *known = connection.execute(
        "SELECT lead_us, lag_us, gain_us FROM boots WHERE number = ? AND ran_ms <= ?", (boot, now_ms)
    ).fetchone() or (None,)
    if not known:
        return  # a heartbeat that was overtaken by a later one
    pace = Pace(*known)
    if lead_us is not None:
        pace = pace.after(reading.lead_us - lead_us)
    synced_ms = now_ms if reading.synced else None
    synced_offset_ms = offset_ms if reading.synced else None
    connection.execute(
        "UPDATE boots SET ran_ms = ?2, lead_us = ?3, lag_us = ?4, gain_us = ?5, offset_last_ms = ?6,"
        " offset_most_ms = max(coalesce(offset_most_ms, ?6), ?6),"
        " synced_first_ms = coalesce(synced_first_ms, ?7), synced_last_ms = coalesce(?7, synced_last_ms),"
        " synced_least_ms = coalesce(min(synced_least_ms, ?8), synced_least_ms, ?8),"
        " synced_most_ms = coalesce(max(synced_most_ms, ?8), synced_most_ms, ?8),"
        " rtc_first_ms = coalesce(rtc_first_ms, ?9), rtc_last_ms = coalesce(?9, rtc_last_ms) WHERE number = ?1",
        (
            *(boot, now_ms, reading.lead_us, pace.lag_us, pace.gain_us),
            *(offset_ms, synced_ms, synced_offset_ms, reading.rtc_offset_ms),
        ),
    )
    _mark(connection, boot, Mark(now_ms, pace))
    credit(connection, boot, reading.now.wall_ms)


def credit(connection: sqlite3.Connection, boot: int, wall_ms: int) -> None:
    """Tell anew how long the box was off before this boot; a leaf if that has changed."""
    witnesses = _witnesses(connection, boot)
    if witnesses is None:
        return
    attested_ms, *was = connection.execute(
        "SELECT attested_ms, off_low_ms, off_high_ms, off_word FROM boots WHERE number = ?", (boot,)
    ).fetchone()
    found = off(*witnesses, attested_ms)
    if [found.low_ms, found.high_ms, found.word] == was:
        return
    connection.execute(
        "UPDATE boots SET off_low_ms = ?, off_high_ms = ?, off_word = ? WHERE number = ?",
        (found.low_ms, found.high_ms, found.word, boot),
    )
    body: dict[str, Value] = {"what": "credit", "boot": boot, "word": found.word.value}
    body |= {"off_low_ms": found.low_ms, "off_high_ms": found.high_ms}
    enter(connection, Leaf.CLOCK, wall_ms, body)


def remember(connection: sqlite3.Connection, body: Mapping[str, Any]) -> None:
    """A leaf tells again what was credited or attested: so it was in a database that was lost."""
    if body.get("what") == "credit":
        connection.execute(
            "UPDATE boots SET off_low_ms = ?, off_high_ms = ?, off_word = ? WHERE number = ?",
            (body["off_low_ms"], body["off_high_ms"], Word(body["word"]), body["boot"]),
        )
    elif body.get("what") == "attested":
        connection.execute("UPDATE boots SET attested_ms = ? WHERE number = ?", (body["off_ms"], body["boot"]))


def check_attested(connection: sqlite3.Connection, boot: int, off_ms: int) -> Off:
    """What would hold if two people said that the box was off so long before this boot. UnknownId, OrderRefused."""
    row = next((row for row in rows(connection) if row.boot.number == boot), None)
    if row is None:
        raise UnknownId(f"there is no boot {boot}", "`edgectl boots` lists those there are")
    witnesses = _witnesses(connection, boot)
    if witnesses is None:
        raise OrderRefused(f"boot {boot} is the first one: nothing was recorded before it", "")
    high_ms = row.boot.off_high_ms
    if off_ms <= row.boot.off_low_ms:
        raise OrderRefused(
            f"before boot {boot} the box is already taken to have been off for {_days(row.boot.off_low_ms)} at least",
            "attest more than that, or nothing",
        )
    if high_ms is not None and off_ms > high_ms:
        raise OrderRefused(
            f"before boot {boot} the box was off for {_days(high_ms)} at most, by all its clocks",
            "attest no more than that; if its clocks are wrong, set them right first (timedatectl)",
        )
    if off_ms > ATTESTED_MAX_MS:
        raise OrderRefused("nobody attests more than ten years", "attest less")
    return off(*witnesses, off_ms)


def attest(
    connection: sqlite3.Connection, boot: int, off_ms: int, reason: str, asked_by: str, approved_by: str, wall_ms: int
) -> None:
    """Two people say that the box was off for at least so long before this boot. Their caller knows that they are two.

    Raises what `check_attested` raises. Names and reason go into a table that can be erased, not into the leaf.
    """
    check_attested(connection, boot, off_ms)
    connection.execute(
        "INSERT INTO attestations (boot, off_ms, wall_ms, asked_by, approved_by, reason) VALUES (?, ?, ?, ?, ?, ?)",
        (boot, off_ms, wall_ms, asked_by, approved_by, reason),
    )
    connection.execute("UPDATE boots SET attested_ms = ? WHERE number = ?", (off_ms, boot))
    enter(connection, Leaf.CLOCK, wall_ms, {"what": "attested", "boot": boot, "off_ms": off_ms})
    credit(connection, boot, wall_ms)


def _went_back(reading: Reading, ran_ms: int, lead_us: int | None) -> bool:
    if reading.now.boottime_ms < ran_ms:
        return True
    if lead_us is None:
        return False
    raw_us = reading.now.boottime_ms * US_PER_MS + reading.lead_us
    return raw_us < ran_ms * US_PER_MS + lead_us - RAW_BACK_US


def _mark(connection: sqlite3.Connection, boot: int, now: Mark) -> None:
    last = connection.execute(
        "SELECT lag_us, gain_us FROM paces WHERE boot = ? ORDER BY boottime_ms DESC LIMIT 1", (boot,)
    ).fetchone() or (0, 0)
    grown_us = max(now.pace.lag_us - last[0], now.pace.gain_us - last[1])
    if grown_us < MARK_US:
        return
    count = connection.execute("SELECT count(*) FROM paces WHERE boot = ?", (boot,)).fetchone()[0]
    if grown_us >= MARK_US << (count // MARKS_FULL):
        connection.execute(
            "INSERT INTO paces (boot, boottime_ms, lag_us, gain_us) VALUES (?, ?, ?, ?)",
            (boot, now.boottime_ms, now.pace.lag_us, now.pace.gain_us),
        )


def _witnesses(connection: sqlite3.Connection, boot: int) -> tuple[Witness, Witness] | None:
    """What the boot before and this one have seen; None for the first."""
    last = connection.execute(_ROWS_SQL + "WHERE number <= ? ORDER BY number DESC LIMIT 2", (boot,))
    found = [Witness(*row[3:]) for row in last]
    return None if len(found) < 2 else (found[1], found[0])


def _days(ms: int) -> str:
    minutes = ms // 60_000
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    return " ".join(f"{count}{unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "m")) if count) or "0m"
