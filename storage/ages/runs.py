"""Facts about the box itself: boots, lives of the daemon, clock epochs, volumes it has met.

Functions over a connection of the one database, each run inside the transaction of its caller. Keeps the ground that
ages stand on (S7): boots are numbered, and how long each one ran is written down while it runs.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field, replace
from typing import Final, Self

from storage.ages import table as boots
from storage.ledger.table import Leaf, Value, enter
from storage.words.clock import STEP_MS, Reading
from storage.words.model import GapCause, Moment

SILENT_MS: Final = 30_000
"""A run may have lived on for this long after its last heartbeat: they come every 10 s, and a disk may delay one."""
BEGAN: Final = "began"
"""Of leaves of the clock: the first epoch of a boot."""
STEPPED: Final = "step"
"""Each later one."""
NO_EPOCH: Final = 0
"""Of what was recorded under a clock of which nobody can tell: it goes by the time that it has, for good."""
EPOCH_MARGIN: Final = 1_000_000
"""Numbers that are passed over after a database was lost. Each epoch has a leaf, so in the first database of a box no
number was above that of its leaf; in a later one by so many."""


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """A moment with its boot, so that points of different boots have an order. The wall clock takes no part in it."""

    boot: int
    boottime_ms: int
    wall_ms: int = field(compare=False)

    @classmethod
    def of(cls, boot: int, moment: Moment) -> Self:
        return cls(boot, moment.boottime_ms, moment.wall_ms)

    @property
    def moment(self) -> Moment:
        return Moment(self.wall_ms, self.boottime_ms)

    def plus_ms(self, delta_ms: int) -> Self:
        return replace(self, boottime_ms=self.boottime_ms + delta_ms, wall_ms=self.wall_ms + delta_ms)


@dataclass(frozen=True, slots=True)
class DaemonRun:
    """This run of the daemon, and what it knows of how the last one that recorded ended."""

    run: int
    boot: int
    start: Point
    epoch: int
    recorded_run: int | None
    """The last run before this one in which a camera was enrolled."""
    previous_end: GapCause | None


def begin_run(connection: sqlite3.Connection, boot_id: str, reading: Reading) -> DaemonRun:
    """The daemon starts: this boot, perhaps a new one, and a new run."""
    now = reading.now
    boot = boots.this_boot(connection, boot_id, reading)
    epoch = _this_epoch(connection, boot, now, synced=reading.synced)
    recorded_run, previous_end = _previous_end(connection, boot)
    run = connection.execute(
        "INSERT INTO runs (boot, start_wall_ms, start_boottime_ms, alive_wall_ms, alive_boottime_ms)"
        " VALUES (?1, ?2, ?3, ?2, ?3) RETURNING number",
        (boot, now.wall_ms, now.boottime_ms),
    ).fetchone()[0]
    enter(connection, Leaf.RUN, now.wall_ms, {"run": run, "boot": boot, "boottime_ms": now.boottime_ms, "end": False})
    return DaemonRun(run, boot, Point.of(boot, now), epoch, recorded_run, previous_end)


def heartbeat(connection: sqlite3.Connection, life: DaemonRun, reading: Reading) -> None:
    """This boot and this run lived until now."""
    now = reading.now
    connection.execute(
        "UPDATE runs SET alive_wall_ms = ?, alive_boottime_ms = max(alive_boottime_ms, ?) WHERE number = ?",
        (now.wall_ms, now.boottime_ms, life.run),
    )
    boots.learn(connection, life.boot, reading)


def end_run(connection: sqlite3.Connection, life: DaemonRun, reading: Reading) -> None:
    """The daemon ends in order: whatever was not recording ended with it."""
    now = reading.now
    heartbeat(connection, life, reading)
    connection.execute("UPDATE runs SET clean = 1 WHERE number = ?", (life.run,))
    told = {"run": life.run, "boot": life.boot, "boottime_ms": now.boottime_ms, "end": True}
    enter(connection, Leaf.RUN, now.wall_ms, told)


def last_alive(connection: sqlite3.Connection, run: int) -> Point:
    """The end of a run as far as it is known: its last heartbeat."""
    return Point(
        *connection.execute(
            "SELECT boot, alive_boottime_ms, alive_wall_ms FROM runs WHERE number = ?", (run,)
        ).fetchone()
    )


def begin_epoch(connection: sqlite3.Connection, boot: int, at: Moment, *, synced: bool) -> int:
    """From `at` wall clock and boottime run side by side in a new way; within a boot the wall clock was stepped.

    Its leaf has all that its row says: were its number lost and given away again, footage would go by another clock.
    """
    before = connection.execute(
        "SELECT wall_ms - boottime_ms FROM epochs WHERE boot = ? ORDER BY number DESC LIMIT 1", (boot,)
    ).fetchone()
    number = _next_epoch(connection)
    connection.execute(
        "INSERT INTO epochs (number, boot, wall_ms, boottime_ms, synced) VALUES (?, ?, ?, ?, ?)",
        (number, boot, at.wall_ms, at.boottime_ms, synced),
    )
    what: dict[str, Value] = {"what": BEGAN}
    if before is not None:
        what = {"what": STEPPED, "by_ms": at.wall_ms - at.boottime_ms - before[0]}
    enter(connection, Leaf.CLOCK, at.wall_ms, epoch_body(connection, number) | what)
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


def epoch_body(connection: sqlite3.Connection, number: int) -> dict[str, Value]:
    """For a leaf that tells of an epoch: all that a row needs that is made anew."""
    boot, boot_id, wall_ms, boottime_ms, synced = connection.execute(
        "SELECT e.boot, b.boot_id, e.wall_ms, e.boottime_ms, e.synced FROM epochs e JOIN boots b ON b.number = e.boot"
        " WHERE e.number = ?",
        (number,),
    ).fetchone()
    body: dict[str, Value] = {"epoch": number, "boot": boot, "id": boot_id, "synced": bool(synced)}
    return body | {"wall_ms": wall_ms, "boottime_ms": boottime_ms}


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


def _previous_end(connection: sqlite3.Connection, boot: int) -> tuple[int | None, GapCause | None]:
    row = connection.execute(
        "SELECT number, boot, clean FROM runs WHERE number = (SELECT max(enrolled_run) FROM cameras)"
    ).fetchone()
    if row is None:
        return None, None
    if row[2]:
        return row[0], GapCause.DAEMON_STOPPED
    return row[0], GapCause.DAEMON_CRASH if row[1] == boot else GapCause.POWER_LOSS
