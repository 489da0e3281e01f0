"""Maintenance (維護) as rows and leaves, and what it does to gaps that last. Functions over a connection.

What is not recorded while one lasts has the cause `maintenance`, whoever tells of it
(`storage.segments.gaps_table`). A gap that lasts when it begins is cut there, and so is one that lasts when
it ends: from then on it has its own cause again. One lasts at a time. Who works, with whom and why lies behind the
commitments of its leaf.

`Maintenance` is blocking and thread-safe. It is announced by a person, for so much running time (S7), and ends by
itself, whatever else happens. It lasts over restarts and reboots: its row and its leaf are one transaction, and how
long it has lasted is told by the ages of this box, to the low bound: what nobody can prove of the time while the box
was off makes it last longer, by as much as nothing was recorded anyway.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from storage.ages import table as ages_table
from storage.ages.history import DaemonRun, Point
from storage.ages.table import history
from storage.approvals.service import short_id
from storage.database.writer import Database
from storage.ledger import table as ledger_table
from storage.ledger.table import Leaf, Value
from storage.segments.gaps_table import APART, end_gap, insert_gap, remove, windows_over
from storage.segments.queries import GAP_SQL, GapRow, gap_row
from storage.words.clock import Clock
from storage.words.errors import OrderRefused, OrderWrong, UnknownId
from storage.words.message import message

KEPT_MAX: Final = 1000
"""Rows: of what lies further back leaves tell, and no gap is cut there any more."""
LEAST_MS: Final = 60_000
MOST_MS: Final = 12 * 3_600_000
"""A working day: whoever goes on tomorrow says so tomorrow, and nothing is held back over a night by oversight."""
ID_LETTERS: Final = 4
NOBODY: Final[Mapping[str, str]] = {}


class MaintenanceState(StrEnum):
    LASTING = "lasting"
    ENDED = "ended"
    """By a person."""
    LAPSED = "lapsed"
    """By itself, because its time was over."""


@dataclass(frozen=True, slots=True)
class Maintenance:
    """One row."""

    id: str
    state: MaintenanceState
    cameras: tuple[str, ...]
    """None: the whole box."""
    start: Point
    span_ms: int
    leaf: int | None


_SQL: Final = "SELECT id, state, cameras, boot, boottime_ms, wall_ms, span_ms, leaf FROM maintenances "


def lasting(connection: sqlite3.Connection) -> Maintenance | None:
    """The one that nobody has entered the end of."""
    row = connection.execute(_SQL + "WHERE state = ?", (MaintenanceState.LASTING,)).fetchone()
    return None if row is None else _row(row)


def is_known(connection: sqlite3.Connection) -> bool:
    """There was some."""
    return bool(connection.execute("SELECT EXISTS (SELECT 1 FROM maintenances)").fetchone()[0])


def begin(
    connection: sqlite3.Connection,
    number: str,
    cameras: Sequence[str],
    at: Point,
    span_ms: int,
    committed: Mapping[str, str],
) -> Maintenance:
    """It lasts from now on. sqlite3.IntegrityError where another one does."""
    body = _body(connection, number, cameras, at, span_ms) | {"event": "begun"}
    leaf = ledger_table.enter(connection, Leaf.MAINTENANCE, at.wall_ms, body, committed=committed)
    made = Maintenance(number, MaintenanceState.LASTING, tuple(cameras), at, span_ms, leaf)
    _insert(connection, made, None)
    for gap in _lasting_gaps(connection, made):
        if gap.cause not in APART:
            end_gap(connection, gap, at)
            insert_gap(connection, gap.camera_number, at, None, gap.cause, gap.detail)
    connection.execute(
        "DELETE FROM maintenances WHERE id IN (SELECT id FROM maintenances WHERE state <> 'lasting'"
        " ORDER BY boot DESC, boottime_ms DESC LIMIT -1 OFFSET ?)",
        (KEPT_MAX,),
    )
    return made


def end(
    connection: sqlite3.Connection,
    one: Maintenance,
    at: Point,
    state: MaintenanceState,
    wall_ms: int,
    committed: Mapping[str, str] = NOBODY,
) -> None:
    """It lasted until `at`, which may lie back, where nobody was there to see it.

    What was missed since then is told anew, with its own cause: a box that was suspended saw neither end nor gap.
    """
    body = _body(connection, one.id, one.cameras, one.start, one.span_ms)
    body |= {"event": state.value, "end": ages_table.place_in_time(connection, at)}
    ledger_table.enter(connection, Leaf.MAINTENANCE, wall_ms, body, committed=committed)
    _close(connection, one.id, state, at)
    for gap in _lasting_gaps(connection, one):
        if gap.beneath is None:
            continue
        if gap.start < at:
            end_gap(connection, gap, at)
            insert_gap(connection, gap.camera_number, at, None, gap.beneath, gap.detail)
        else:
            _give_back(connection, [gap])
    for gap in _ended_after(connection, one, at):
        remove(connection, gap)
        insert_gap(connection, gap.camera_number, gap.start, gap.end, gap.own_cause, gap.detail)


def remember(
    connection: sqlite3.Connection,
    body: Mapping[str, Any],
    begun: Point,
    ended: Point | None,
    leaf: int | None,
    now: Point | None,
) -> None:
    """What a leaf says, where the database was lost; what is known of it already stays. ValueError for what is none.

    `now` None: nothing has happened since, so that one of which no end is told may last. Else it counts as over when
    its time was, and now at the latest, until its end is read.
    """
    one = Maintenance(
        str(body["maintenance"]),
        MaintenanceState.LASTING,
        tuple(map(str, body["cameras"])),
        begun,
        int(body["span_ms"]),
        leaf,
    )
    if one.span_ms <= 0:
        raise ValueError(f"maintenance {one.id} of {one.span_ms} ms")
    if ended is None and now is None:
        former = lasting(connection)
        if former is not None and former.id != one.id:
            _close(connection, former.id, MaintenanceState.LAPSED, _over_by(former, begun))
        _insert(connection, one, None)
    else:
        _insert(connection, one, _over_by(one, now))
    if ended is not None:
        over = max(ended, begun)
        _close(connection, one.id, MaintenanceState(body["event"]), over)
        _give_back(connection, [gap for gap in _lasting_gaps(connection, one) if gap.start >= over])


def _over_by(one: Maintenance, now: Point | None) -> Point:
    """When its time is over, and now at the latest."""
    due = one.start.plus_ms(one.span_ms)
    return due if now is None else max(one.start, min(due, now))


def _give_back(connection: sqlite3.Connection, gaps: Iterable[GapRow]) -> None:
    """They last and lie in no maintenance any more: what they are for themselves is their cause."""
    for gap in gaps:
        own = gap.beneath
        if own is not None and not windows_over(connection, gap.camera_number, gap.start, None, own):
            connection.execute("UPDATE gaps SET cause = ?, beneath = NULL WHERE id = ?", (own, gap.id))


def _insert(connection: sqlite3.Connection, one: Maintenance, over: Point | None) -> None:
    ends = (None, None, None) if over is None else (over.boot, over.boottime_ms, over.wall_ms)
    connection.execute(
        "INSERT INTO maintenances (id, state, cameras, boot, boottime_ms, wall_ms, span_ms, leaf, end_boot,"
        " end_boottime_ms, end_wall_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (
            one.id,
            MaintenanceState.LASTING if over is None else MaintenanceState.LAPSED,
            json.dumps(list(one.cameras)),
            one.start.boot,
            one.start.boottime_ms,
            one.start.wall_ms,
            one.span_ms,
            one.leaf,
            *ends,
        ),
    )


def _close(connection: sqlite3.Connection, number: str, state: MaintenanceState, at: Point) -> None:
    connection.execute(
        "UPDATE maintenances SET state = ?, end_boot = ?, end_boottime_ms = ?, end_wall_ms = ? WHERE id = ?",
        (state, at.boot, at.boottime_ms, at.wall_ms, number),
    )


def _lasting_gaps(connection: sqlite3.Connection, one: Maintenance) -> list[GapRow]:
    rows = connection.execute(GAP_SQL + "WHERE g.end_boot IS NULL ORDER BY g.id").fetchall()
    return [gap for gap in map(gap_row, rows) if not one.cameras or gap.camera in one.cameras]


def _ended_after(connection: sqlite3.Connection, one: Maintenance, at: Point) -> list[GapRow]:
    """What it explains begins in it: so a ring of years costs no more than a new one."""
    since = (one.start.boot, one.start.boottime_ms, at.boot, at.boottime_ms)
    found: list[GapRow] = []
    for number, camera in connection.execute("SELECT number, id FROM cameras").fetchall():
        if not one.cameras or camera in one.cameras:
            rows = connection.execute(
                GAP_SQL + "WHERE g.camera = ? AND (g.boot, g.start_boottime_ms) >= (?, ?)"
                " AND (g.end_boot, g.end_boottime_ms) > (?, ?) AND g.beneath IS NOT NULL ORDER BY g.id",
                (number, *since),
            )
            found += map(gap_row, rows.fetchall())
    return found


def _body(
    connection: sqlite3.Connection, number: str, cameras: Sequence[str], start: Point, span_ms: int
) -> dict[str, Value]:
    """What each of its leaves says, so that each does alone."""
    return {
        "maintenance": number,
        "cameras": list[Value](cameras),
        "start": ages_table.place_in_time(connection, start),
        "span_ms": span_ms,
    }


def _row(row: tuple[Any, ...]) -> Maintenance:
    number, state, cameras, boot, boottime_ms, wall_ms, span_ms, leaf = row
    start = Point(boot, boottime_ms, wall_ms)
    return Maintenance(number, MaintenanceState(state), tuple(json.loads(cameras)), start, span_ms, leaf)


@dataclass(frozen=True, slots=True)
class Lasting:
    """The one that is under way."""

    maintenance: Maintenance
    left_ms: int
    """Running time until it ends by itself."""
    until_ms: int
    """When that is, if the box runs on: an estimate."""
    began_ms: int
    """When it began, as CLOCK_BOOTTIME of this boot; 0: in an earlier one."""
    names: Mapping[str, str]
    """Who began it, why, and with whom, as far as that is known on this box: who, reason, with."""

    def covers(self, camera: str) -> bool:
        return not self.maintenance.cameras or camera in self.maintenance.cameras

    @property
    def is_whole(self) -> bool:
        """It is about the box itself and all its cameras."""
        return not self.maintenance.cameras


class Maintenances:
    """Of one store."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock) -> None:
        self._database = database
        self._life = life
        self._clock = clock
        self._none_at: int | None = None
        """Of so many commits, none was found."""

    def start(self, cameras: Sequence[str], span_ms: int, committed: Mapping[str, str]) -> Lasting:
        """From now on. No cameras: the whole box. `committed`: who, reason, with; in the leaf only as commitments.

        OrderWrong: too short or too long. OrderRefused: one lasts already.
        """
        if not LEAST_MS <= span_ms <= MOST_MS:
            what = message(
                "ticket.maintenance-span",
                "maintenance lasts between {minutes} minute and {hours} hours",
                minutes=LEAST_MS // 60_000,
                hours=MOST_MS // 3_600_000,
            )
            raise OrderWrong(
                what, message("ticket.maintenance-span.action", "announce it for that long; it can be begun again")
            )

        def fact(connection: sqlite3.Connection) -> None:
            now = self._now()
            self._lapse(connection, now)
            if (one := lasting(connection)) is not None:
                raise OrderRefused(
                    message("ticket.maintenance-lasts", "maintenance {maintenance} is under way", maintenance=one.id),
                    message("ticket.maintenance-lasts.action", "end it first: edgectl maintenance end"),
                )
            begin(connection, _new_id(now), sorted(set(cameras)), now, span_ms, committed)

        self._database.submit(fact).result()
        begun = self.under_way()
        if begun is None:
            raise OrderRefused(
                message("ticket.maintenance-over", "the maintenance is over already"),
                message("ticket.maintenance-over.action", "announce it for longer"),
            )
        return begun

    def end(self, committed: Mapping[str, str]) -> Maintenance:
        """By a person. UnknownId: none is under way."""

        def fact(connection: sqlite3.Connection) -> Maintenance:
            now = self._now()
            self._lapse(connection, now)
            one = lasting(connection)
            if one is None:
                raise UnknownId(
                    message("ticket.no-maintenance", "no maintenance is under way"),
                    message("ticket.no-maintenance.action", "edgectl maintenance"),
                )
            end(connection, one, now, MaintenanceState.ENDED, now.wall_ms, committed)
            return one

        return self._database.submit(fact).result()

    @property
    def is_none_begun(self) -> bool:
        """Since `under_way` found none. Asks no disk."""
        return self._none_at == self._database.commits

    def under_way(self) -> Lasting | None:
        """The one that is under way. What has lasted for its time ends here: call it every second, and at a start."""
        commits = self._database.commits
        found = self._database.read(self._lasting)
        self._none_at = commits if found is None else None
        if found is not None and found.left_ms <= 0:
            self._database.submit(lambda connection: self._lapse(connection, self._now())).result()
            return self._database.read(self._lasting)
        return found

    def _lasting(self, connection: sqlite3.Connection) -> Lasting | None:
        one = lasting(connection)
        if one is None:
            return None
        now = self._now()
        left_ms = one.span_ms - self._age_ms(connection, one)
        began_ms = one.start.boottime_ms if one.start.boot == now.boot else 0
        return Lasting(one, left_ms, now.wall_ms + left_ms, began_ms, ledger_table.opened(connection, one.leaf))

    def _lapse(self, connection: sqlite3.Connection, now: Point) -> None:
        """Of what ended while nobody was there to see it, the time is told back, within this boot."""
        one = lasting(connection)
        if one is None:
            return
        over_ms = self._age_ms(connection, one) - one.span_ms
        if over_ms >= 0:
            at = now.plus_ms(-min(over_ms, now.boottime_ms))
            end(connection, one, max(at, one.start), MaintenanceState.LAPSED, now.wall_ms)

    def _age_ms(self, connection: sqlite3.Connection, one: Maintenance) -> int:
        ages = history(connection, self._life.boot, self._clock)
        return ages.age(one.start.boot, one.start.boottime_ms).low_ms

    def _now(self) -> Point:
        return Point.of(self._life.boot, self._clock.now())


def _new_id(now: Point) -> str:
    """One lasts at a time, and each for a minute at least: letters that happen to be the same are a defect of chance
    that the table refuses.
    """
    day = datetime.fromtimestamp(now.wall_ms / 1000, UTC).strftime("%Y%m%d")
    return f"M-{day}-{short_id(ID_LETTERS)}"
