"""Boots, runs of the daemon and clock epochs: the ground that ages stand on (S7).

Functions over a connection, each run inside the transaction of its caller. Boots are numbered, and how long each one
ran, and how its clocks drifted apart, is written down while it runs. Every heartbeat teaches a boot something; what
follows from it (credit for power-off) is computed anew each time by `storage.ages.history`, so that nothing is credited
twice and what comes late is credited where it belongs.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import msgspec

from storage.ages.history import (
    DAY_MS,
    US_PER_MS,
    ClockMark,
    ClockPace,
    CountedBoot,
    DaemonRun,
    History,
    OffTime,
    OffTimeSource,
    OffTimeWitness,
    Point,
    off,
)
from storage.ages.leaves import (
    AttestedLeaf,
    BootBefore,
    BootLeaf,
    ClockLeaf,
    CreditLeaf,
    EpochLeaf,
    LeafPlace,
    RunLeaf,
    SteppedLeaf,
)
from storage.ledger.table import Leaf, Value, enter
from storage.words.clock import STEP_MS, Clock, ClockReading
from storage.words.errors import OrderRefused, UnknownId
from storage.words.message import NOTHING, message
from storage.words.model import GapCause, Moment

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
SILENT_MS: Final = 30_000
"""A run may have lived on for this long after its last heartbeat: they come every 10 s, and a disk may delay one."""
NO_EPOCH: Final = 0
"""Of what was recorded under a clock of which nobody can tell: it goes by the time that it has, for good."""
EPOCH_MARGIN: Final = 1_000_000
"""Numbers that are passed over after a database was lost. Each epoch has a leaf, so in the first database of a box no
number was above that of its leaf; in a later one by so many."""


@dataclass(frozen=True, slots=True)
class BootRow:
    """One boot as people see it."""

    boot: CountedBoot
    word: OffTimeSource
    witness: OffTimeWitness
    attested_ms: int | None


def history(connection: sqlite3.Connection, boot: int, clock: Clock) -> History:
    """From which all ages are told now. Made for each round of a sweep, not for each segment."""
    return History(boots(connection), boot, clock.now().boottime_ms, clock.lead_us())


def boots(connection: sqlite3.Connection) -> list[CountedBoot]:
    """All boots this box has counted; a few hundred in its life."""
    marks = {
        boot: tuple(ClockMark(at_ms, ClockPace(lag_us, gain_us)) for _, at_ms, lag_us, gain_us in group)
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
        CountedBoot(
            number,
            boot_id,
            ran_ms,
            off_low_ms=low_ms,
            off_high_ms=high_ms,
            pace=ClockPace(lag, gain),
            lead_us=lead_us,
            marks=marks.get(number, ()),
            began_ms=began_ms,
            attested=bool(attested),
        )
        for number, boot_id, ran_ms, low_ms, high_ms, lag, gain, lead_us, began_ms, attested in rows
    ]


def rows(connection: sqlite3.Connection) -> list[BootRow]:
    """All boots with what their bounds rest on, by number."""
    by_number = {boot.number: boot for boot in boots(connection)}
    found = connection.execute(_ROWS_SQL + "ORDER BY number")
    return [
        BootRow(by_number[number], OffTimeSource(word), OffTimeWitness(*witness), attested_ms)
        for number, word, attested_ms, *witness in found
    ]


def begin_run(connection: sqlite3.Connection, boot_id: str, reading: ClockReading) -> DaemonRun:
    """The daemon starts: this boot, perhaps a new one, and a new run."""
    now = reading.now
    boot = this_boot(connection, boot_id, reading)
    epoch = _this_epoch(connection, boot, now, synced=reading.synced)
    recorded_run, previous_end = _previous_end(connection, boot)
    run = connection.execute(
        "INSERT INTO runs (boot, start_wall_ms, start_boottime_ms, alive_wall_ms, alive_boottime_ms)"
        " VALUES (?1, ?2, ?3, ?2, ?3) RETURNING number",
        (boot, now.wall_ms, now.boottime_ms),
    ).fetchone()[0]
    enter(connection, Leaf.RUN, now.wall_ms, RunLeaf(run, end=False, boot=boot, boottime_ms=now.boottime_ms))
    return DaemonRun(run, boot, Point.of(boot, now), epoch, recorded_run, previous_end)


def heartbeat(connection: sqlite3.Connection, life: DaemonRun, reading: ClockReading) -> None:
    """This boot and this run lived until now."""
    now = reading.now
    connection.execute(
        "UPDATE runs SET alive_wall_ms = ?, alive_boottime_ms = max(alive_boottime_ms, ?) WHERE number = ?",
        (now.wall_ms, now.boottime_ms, life.run),
    )
    learn(connection, life.boot, reading)


def end_run(connection: sqlite3.Connection, life: DaemonRun, reading: ClockReading) -> None:
    """The daemon ends in order: whatever was not recording ended with it."""
    now = reading.now
    heartbeat(connection, life, reading)
    connection.execute("UPDATE runs SET clean = 1 WHERE number = ?", (life.run,))
    told = RunLeaf(life.run, end=True, boot=life.boot, boottime_ms=now.boottime_ms)
    enter(connection, Leaf.RUN, now.wall_ms, told)


def last_alive(connection: sqlite3.Connection, run: int) -> Point:
    """The end of a run as far as it is known: its last heartbeat."""
    return Point(
        *connection.execute(
            "SELECT boot, alive_boottime_ms, alive_wall_ms FROM runs WHERE number = ?", (run,)
        ).fetchone()
    )


def _previous_end(connection: sqlite3.Connection, boot: int) -> tuple[int | None, GapCause | None]:
    row = connection.execute(
        "SELECT number, boot, clean FROM runs WHERE number = (SELECT max(enrolled_run) FROM cameras)"
    ).fetchone()
    if row is None:
        return None, None
    if row[2]:
        return row[0], GapCause.DAEMON_STOPPED
    return row[0], GapCause.DAEMON_CRASH if row[1] == boot else GapCause.POWER_LOSS


def this_boot(connection: sqlite3.Connection, boot_id: str, reading: ClockReading) -> int:
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
    before = None if row is None else BootBefore(boot=row[0], ran_ms=row[2], lag_us=row[4], gain_us=row[5])
    told = BootLeaf(number, boot_id, at_ms, began_ms=at_ms if same else 0, before=before)
    enter(connection, Leaf.BOOT, reading.now.wall_ms, told)
    learn(connection, number, reading)
    return number


def learn(connection: sqlite3.Connection, boot: int, reading: ClockReading) -> None:
    """A heartbeat: this boot lived until now, and this is what its clocks say."""
    now_ms, offset_ms = reading.now.boottime_ms, reading.now.wall_ms - reading.now.boottime_ms
    lead_us, *known = connection.execute(
        "SELECT lead_us, lag_us, gain_us FROM boots WHERE number = ? AND ran_ms <= ?", (boot, now_ms)
    ).fetchone() or (None,)
    if not known:
        return  # a heartbeat that was overtaken by a later one
    pace = ClockPace(*known)
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
            boot,
            now_ms,
            reading.lead_us,
            pace.lag_us,
            pace.gain_us,
            offset_ms,
            synced_ms,
            synced_offset_ms,
            reading.rtc_offset_ms,
        ),
    )
    _mark(connection, boot, ClockMark(now_ms, pace))
    credit(connection, boot, reading.now.wall_ms)


def _went_back(reading: ClockReading, ran_ms: int, lead_us: int | None) -> bool:
    if reading.now.boottime_ms < ran_ms:
        return True
    if lead_us is None:
        return False
    raw_us = reading.now.boottime_ms * US_PER_MS + reading.lead_us
    return raw_us < ran_ms * US_PER_MS + lead_us - RAW_BACK_US


def _mark(connection: sqlite3.Connection, boot: int, now: ClockMark) -> None:
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
    enter(connection, Leaf.CLOCK, wall_ms, CreditLeaf(boot, found.low_ms, found.high_ms, found.word.value))


def _witnesses(connection: sqlite3.Connection, boot: int) -> tuple[OffTimeWitness, OffTimeWitness] | None:
    """What the boot before and this one have seen; None for the first."""
    last = connection.execute(_ROWS_SQL + "WHERE number <= ? ORDER BY number DESC LIMIT 2", (boot,))
    found = [OffTimeWitness(*row[3:]) for row in last]
    return None if len(found) < 2 else (found[1], found[0])


def remember(connection: sqlite3.Connection, told: ClockLeaf) -> None:
    """A leaf tells again what was credited or attested: so it was in a database that was lost."""
    if isinstance(told, CreditLeaf):
        connection.execute(
            "UPDATE boots SET off_low_ms = ?, off_high_ms = ?, off_word = ? WHERE number = ?",
            (told.off_low_ms, told.off_high_ms, OffTimeSource(told.word), told.boot),
        )
    elif isinstance(told, AttestedLeaf):
        connection.execute("UPDATE boots SET attested_ms = ? WHERE number = ?", (told.off_ms, told.boot))


def check_attested(connection: sqlite3.Connection, boot: int, off_ms: int) -> OffTime:
    """What would hold if two people said that the box was off so long before this boot. UnknownId, OrderRefused."""
    row = next((row for row in rows(connection) if row.boot.number == boot), None)
    if row is None:
        raise UnknownId(
            message("boot.unknown", "there is no boot {boot}", boot=boot),
            message("boot.unknown.action", "`edgectl boots` lists those there are"),
        )
    witnesses = _witnesses(connection, boot)
    if witnesses is None:
        raise OrderRefused(
            message("boot.first", "boot {boot} is the first one: nothing was recorded before it", boot=boot), NOTHING
        )
    high_ms = row.boot.off_high_ms
    if off_ms <= row.boot.off_low_ms:
        raise OrderRefused(
            message(
                "boot.off-already",
                "before boot {boot} the box is already taken to have been off for {off} at least",
                boot=boot,
                off=_days(row.boot.off_low_ms),
            ),
            message("boot.off-already.action", "attest more than that, or nothing"),
        )
    if high_ms is not None and off_ms > high_ms:
        raise OrderRefused(
            message(
                "boot.off-at-most",
                "before boot {boot} the box was off for {off} at most, by all its clocks",
                boot=boot,
                off=_days(high_ms),
            ),
            message(
                "boot.off-at-most.action",
                "attest no more than that; if its clocks are wrong, set them right first (timedatectl)",
            ),
        )
    if off_ms > ATTESTED_MAX_MS:
        raise OrderRefused(
            message("boot.ten-years", "nobody attests more than ten years"),
            message("boot.ten-years.action", "attest less"),
        )
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
    enter(connection, Leaf.CLOCK, wall_ms, AttestedLeaf(boot, off_ms))
    credit(connection, boot, wall_ms)


def _days(ms: int) -> str:
    minutes = ms // 60_000
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    return " ".join(f"{count}{unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "m")) if count) or "0m"


def begin_epoch(connection: sqlite3.Connection, boot: int, at: Moment, *, synced: bool) -> int:
    """From `at` wall clock and boottime run side by side in a new way; within a boot the wall clock was stepped."""
    before = connection.execute(
        "SELECT wall_ms - boottime_ms FROM epochs WHERE boot = ? ORDER BY number DESC LIMIT 1", (boot,)
    ).fetchone()
    number = _next_epoch(connection)
    connection.execute(
        "INSERT INTO epochs (number, boot, wall_ms, boottime_ms, synced) VALUES (?, ?, ?, ?, ?)",
        (number, boot, at.wall_ms, at.boottime_ms, synced),
    )
    told = EpochLeaf(**epoch_fields(connection, number))
    if before is not None:
        told = SteppedLeaf(**epoch_fields(connection, number), by_ms=at.wall_ms - at.boottime_ms - before[0])
    enter(connection, Leaf.CLOCK, at.wall_ms, told)
    return number


def _next_epoch(connection: sqlite3.Connection) -> int:
    """One that no epoch ever had, nor one of a lost database of which nothing here tells."""
    return int(
        connection.execute(
            "SELECT max(coalesce((SELECT max(number) FROM epochs), ?1) + 1,"
            " coalesce((SELECT max(leaf) FROM rebuilds) + ?2, ?1))",
            (NO_EPOCH, EPOCH_MARGIN),
        ).fetchone()[0]
    )


def epoch_fields(connection: sqlite3.Connection, number: int) -> dict[str, Any]:
    """Of the leaves that tell of an epoch."""
    boot, boot_id, wall_ms, boottime_ms, synced = connection.execute(
        "SELECT e.boot, b.boot_id, e.wall_ms, e.boottime_ms, e.synced FROM epochs e JOIN boots b ON b.number = e.boot"
        " WHERE e.number = ?",
        (number,),
    ).fetchone()
    known = {"epoch": number, "boot": boot, "id": boot_id, "synced": bool(synced)}
    return known | {"wall_ms": wall_ms, "boottime_ms": boottime_ms}


def know_epoch(connection: sqlite3.Connection, number: int, start: Point, *, synced: bool) -> None:
    """Somebody tells of it; what is known already stays."""
    if number != NO_EPOCH:
        connection.execute(
            "INSERT INTO epochs (number, boot, wall_ms, boottime_ms, synced) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (number, start.boot, start.wall_ms, start.boottime_ms, synced),
        )


def _this_epoch(connection: sqlite3.Connection, boot: int, now: Moment, *, synced: bool) -> int:
    """The epoch of the last run goes on if it was in this boot and the wall clock was not stepped since it was seen
    last: at a heartbeat, or when the epoch began.
    """
    row = connection.execute(
        "SELECT e.number, iif(e.boottime_ms >= r.alive_boottime_ms, e.wall_ms - e.boottime_ms,"
        " r.alive_wall_ms - r.alive_boottime_ms) FROM runs r JOIN epochs e"
        " ON e.number = (SELECT max(number) FROM epochs WHERE boot = r.boot)"
        " WHERE r.number = (SELECT max(number) FROM runs) AND r.boot = ?",
        (boot,),
    ).fetchone()
    if row is not None and abs(now.wall_ms - now.boottime_ms - row[1]) <= STEP_MS:
        return int(row[0])
    return begin_epoch(connection, boot, now, synced=synced)


def place_in_time(connection: sqlite3.Connection, at: Point) -> dict[str, Value]:
    """As a leaf has it."""
    body: dict[str, Value] = msgspec.to_builtins(leaf_place(connection, at))
    return body


def leaf_place(connection: sqlite3.Connection, at: Point) -> LeafPlace:
    """A place in time: the boot by number and by its own id."""
    row = connection.execute("SELECT boot_id FROM boots WHERE number = ?", (at.boot,)).fetchone()
    return LeafPlace(at.boot, row[0] if row else "", at.boottime_ms, at.wall_ms)
