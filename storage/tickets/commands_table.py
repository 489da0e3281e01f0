"""Commands of the centre that were taken: each once, and what became of it. Functions over a connection.

The counter of its key, its row, its leaf and the event that tells the centre are one fact, entered before anything is
done. A command whose run of the daemon is over before its end is known is `interrupted`, and not done again; a restart
is what it asked for. Names of people are in leaves alone, behind commitments.

`Commands` is blocking and thread-safe; who may command what is decided elsewhere (`mqtt.commands`, edged).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from storage.ages.history import DaemonRun, History, Point
from storage.ages.table import history
from storage.approvals import service
from storage.approvals.service import Doing
from storage.database.writer import Database
from storage.ledger import table as ledger_table
from storage.ledger.table import Consistency, Value
from storage.outbox import table as outbox_table
from storage.outbox.table import EventKind
from storage.words.clock import Clock
from storage.words.errors import Replayed, TooOften
from storage.words.message import Message, message

KEPT_MAX: Final = 1000
"""Of each verb: to tell what became of one, and how often one was done lately."""
LOOKED_AT: Final = 100
"""Of what a key commanded last: over more than that, its rate is bounded by theirs."""
RESULT_MAX: Final = 4096
"""Bytes of a result that go into the event; of a larger one only the reply tells."""
RESTART: Final = "restart"
ROLE: Final = "centre"
"""As what a key of the centre acts, in leaves."""
"""As which a command is on record."""
_NOTHING: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """A command as it was signed. `requester` is text that somebody chose: no leaf has it."""

    key: str
    """Of whom signed it: 64 digits."""
    counter: int
    id: str
    verb: str
    requester: str


@dataclass(frozen=True, slots=True)
class Taken:
    """One that was taken, and its place on record."""

    number: int
    leaf: int
    told: CommandEntry


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many of one verb within so much running time."""

    most: int
    within_ms: int


@dataclass(frozen=True, slots=True)
class Rate:
    """Of all that one key commands: so many at once, then one in so much running time."""

    at_once: int
    every_ms: int

    def wait_ms(self, ages_ms: Sequence[int]) -> int:
        """Until the next one may come; 0: now. Of those that were taken, the last one first. Pure.

        A bucket of tokens, told from what was taken alone: no time had more than it holds and regains.
        """
        behind = ages_ms[self.at_once - 1 :]
        return max((count * self.every_ms - age_ms for count, age_ms in enumerate(behind, 1)), default=0)


def take(
    connection: sqlite3.Connection,
    told: CommandEntry,
    doing: Doing,
    limits: Sequence[Limit],
    rate: Rate | None,
    life: DaemonRun,
    ages: History,
    now: Point,
) -> Taken:
    """On record, and to be done now. Replayed, TooOften: nothing is entered."""
    _refuse_replayed(connection, told)
    _refuse_too_many(connection, told.key, rate, ages)
    _refuse_too_often(connection, told.verb, limits, ages)
    connection.execute(
        "INSERT INTO command_keys (key, counter) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET counter = ?2",
        (told.key, told.counter),
    )
    leaf = service.enter(connection, doing, now.wall_ms)
    number = connection.execute(
        "INSERT INTO commands (key, counter, id, verb, requester, state, leaf, run, boot, boottime_ms, wall_ms)"
        " VALUES (?, ?, ?, ?, ?, 'accepted', ?, ?, ?, ?, ?) RETURNING number",
        (
            told.key,
            told.counter,
            told.id,
            told.verb,
            told.requester,
            leaf,
            life.run,
            now.boot,
            now.boottime_ms,
            now.wall_ms,
        ),
    ).fetchone()[0]
    connection.execute(
        "DELETE FROM commands WHERE verb = ?1 AND state <> 'accepted' AND number <="
        " (SELECT number FROM commands WHERE verb = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
        (told.verb, KEPT_MAX),
    )
    _tell(connection, told, "accepted", now.wall_ms)
    return Taken(number, leaf, told)


def _refuse_replayed(connection: sqlite3.Connection, told: CommandEntry) -> None:
    before = connection.execute("SELECT state FROM commands WHERE key = ? AND id = ?", (told.key, told.id)).fetchone()
    if before is not None:
        what = message(
            "centre.command-before",
            "command {command} was taken before, and is {state}",
            command=told.id,
            state=before[0],
        )
        raise Replayed(what, message("centre.command-before.action", "it is not done twice"), before[0])
    last = connection.execute("SELECT counter FROM command_keys WHERE key = ?", (told.key,)).fetchone()
    if last is not None and told.counter <= last[0]:
        what = message(
            "centre.counter-before",
            "its counter is {counter}, and a command of this key with {last} was taken before",
            counter=told.counter,
            last=last[0],
        )
        raise Replayed(what, message("centre.counter-before.action", "sign it anew with a larger one"))


def _refuse_too_many(connection: sqlite3.Connection, key: str, rate: Rate | None, ages: History) -> None:
    """Whatever became of them: each costs a leaf and two events."""
    if rate is None:
        return
    rows = connection.execute(
        "SELECT boot, boottime_ms FROM commands WHERE key = ? ORDER BY number DESC LIMIT ?", (key, LOOKED_AT)
    )
    wait_ms = rate.wait_ms([ages.age(boot, boottime_ms).low_ms for boot, boottime_ms in rows])
    if wait_ms > 0:
        raise TooOften(
            message(
                "centre.too-many",
                "of one key {count} commands at once and then one in {every} s are taken, and this is one more",
                count=rate.at_once,
                every=rate.every_ms // 1000,
            ),
            message("centre.too-many.action", "wait {wait} s", wait=-(-wait_ms // 1000)),
        )


def _refuse_too_often(connection: sqlite3.Connection, verb: str, limits: Sequence[Limit], ages: History) -> None:
    if not limits:
        return
    taken = [
        ages.age(boot, boottime_ms).low_ms
        for boot, boottime_ms in connection.execute(
            "SELECT boot, boottime_ms FROM commands WHERE verb = ? AND state <> 'rejected'", (verb,)
        )
    ]
    for limit in limits:
        if sum(age_ms < limit.within_ms for age_ms in taken) >= limit.most:
            what = message(
                "centre.too-often",
                "{verb} was commanded {times} times within the last {minutes} minutes",
                verb=verb,
                times=limit.most,
                minutes=limit.within_ms // 60_000,
            )
            raise TooOften(what, message("centre.too-often.action", "wait, or look after the box there"))


def end(
    connection: sqlite3.Connection,
    taken: Taken,
    state: str,
    wall_ms: int,
    reason: str = "",
    text: str = "",
    result: Mapping[str, Any] = _NOTHING,
    failed: Doing | None = None,
) -> bool:
    """What became of it; False where that was told before. `failed`: for the leaf that nothing came of it."""
    changed = connection.execute(
        "UPDATE commands SET state = ?, reason = ? WHERE number = ? AND state = 'accepted'",
        (state, reason, taken.number),
    )
    if changed.rowcount == 0:
        return False
    if failed is not None:
        service.enter(connection, failed, wall_ms)
    size = len(json.dumps(result, ensure_ascii=False).encode())
    shown: Mapping[str, Any] = result if size <= RESULT_MAX else {"bytes": size}
    _tell(connection, taken.told, state, wall_ms, reason, text, shown)
    return True


def refuse(connection: sqlite3.Connection, told: CommandEntry, reason: str, text: str, wall_ms: int) -> None:
    """One that was not taken, of a key that is known: the centre gets to know. Whoever calls holds the rate down."""
    _tell(connection, told, "rejected", wall_ms, reason, text)


def left(connection: sqlite3.Connection, run: int) -> list[Taken]:
    """Commands of earlier runs of which nobody knows what became."""
    rows = connection.execute(
        "SELECT number, leaf, key, counter, id, verb, requester FROM commands WHERE state = 'accepted' AND run < ?"
        " ORDER BY number",
        (run,),
    )
    return [Taken(number, leaf, CommandEntry(*told)) for number, leaf, *told in rows.fetchall()]


def _tell(
    connection: sqlite3.Connection,
    told: CommandEntry,
    state: str,
    wall_ms: int,
    reason: str = "",
    text: str = "",
    result: Mapping[str, Any] = _NOTHING,
) -> None:
    body: dict[str, Any] = {
        "what": state,
        "id": told.id,
        "verb": told.verb,
        "requester": told.requester,
        "key": told.key,
    }
    body |= {"counter": told.counter, "reason": reason, "text": text, "result": dict(result)}
    if isinstance(text, Message):
        body |= {"code": text.code, "values": text.data}
    outbox_table.put(connection, EventKind.COMMAND, wall_ms, body)


class Commands:
    """Of one store."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock) -> None:
        self._database = database
        self._life = life
        self._clock = clock

    def take(
        self, told: CommandEntry, commander: str, limits: Sequence[Limit] = (), rate: Rate | None = None
    ) -> Future[Taken]:
        """On record before anything is done. Fails with Replayed, TooOften, or where nothing can be written.

        `commander`: whose key it is, as configured; in the leaf only as a commitment. `limits` of the verb, `rate` of
        the key.
        """
        doing = Doing(f"command {told.verb}", "done", ROLE, {"who": commander}, {"command": told.id})

        def fact(connection: sqlite3.Connection) -> Taken:
            now = Point.of(self._life.boot, self._clock.now())
            ages = history(connection, self._life.boot, self._clock)
            return take(connection, told, doing, limits, rate, self._life, ages, now)

        return self._database.submit(fact)

    def done(self, taken: Taken, text: str, result: Mapping[str, Any] = _NOTHING) -> Future[bool]:
        """It is done; False where its end was told before."""
        wall_ms = self._clock.now().wall_ms
        return self._database.submit(
            lambda connection: end(connection, taken, "done", wall_ms, text=text, result=result)
        )

    def rejected(self, taken: Taken, commander: str, reason: str, text: str) -> Future[bool]:
        """Nothing came of it, which is on record, too."""
        failed, wall_ms = _failed(taken, {"who": commander}), self._clock.now().wall_ms
        return self._database.submit(
            lambda connection: end(connection, taken, "rejected", wall_ms, reason, text, failed=failed)
        )

    def refused(self, told: CommandEntry, reason: str, text: str) -> Future[None]:
        """It was not taken: the centre gets to know."""
        wall_ms = self._clock.now().wall_ms
        return self._database.submit(lambda connection: refuse(connection, told, reason, text, wall_ms))

    def consistency(self, origin: str | None, first_size: int, second_size: int) -> Consistency:
        """That the ledger of `second_size` leaves begins with that of `first_size`
        (`storage.ledger.table`)."""
        return self._database.read(
            lambda connection: ledger_table.consistency(connection, origin, first_size, second_size)
        )

    def settle(self) -> Future[list[tuple[Taken, str, Message]]]:
        """Those that an earlier run did not come to the end of: each with its state from now on, and a sentence.

        A restart is done by that; of all others nobody knows how far they came.
        """

        def fact(connection: sqlite3.Connection) -> list[tuple[Taken, str, Message]]:
            wall_ms, settled = self._clock.now().wall_ms, []
            for taken in left(connection, self._life.run):
                if taken.told.verb == RESTART:
                    text = message("command.restarted", "edged was started again")
                    state, reason, failed = "done", "", None
                else:
                    text = message(
                        "command.interrupted",
                        "edged ended while it was being done; nobody knows how far it came, and it is not done again",
                    )
                    state = reason = "interrupted"
                    failed = _failed(taken, {})
                end(connection, taken, state, wall_ms, reason, text, failed=failed)
                settled.append((taken, state, text))
            return settled

        return self._database.submit(fact)


def _failed(taken: Taken, committed: Mapping[str, str]) -> Doing:
    details: Mapping[str, Value] = {"command": taken.told.id, "of": taken.leaf}
    return Doing(f"command {taken.told.verb}", "failed", ROLE, committed, details)
