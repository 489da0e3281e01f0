"""Acts of two persons: one asks, another approves, and only then it is done. What waits is kept in the database.

Blocking and thread-safe. What an act does and that it waits no longer are one transaction, so that none is done twice
and none is lost between the two. Waiting is counted in running time (S7): no clock makes an act older than it is.

`Journal`: what people did, looked at, or were refused; a leaf for each, names and reasons behind commitments. Who may
do what is decided elsewhere (`edged.words.roles`). A leaf is answered once it is committed, so that whoever discloses
something can first wait until that is on record.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Final

from storage.ages.history import DaemonRun, History, Point
from storage.ages.table import history
from storage.approvals import table
from storage.approvals.table import NOBODY, Act, Arguments, Person
from storage.database.writer import Database, TransactionPart
from storage.ledger import table as ledger_table
from storage.ledger.table import Leaf, Value
from storage.words.clock import Clock
from storage.words.errors import OrderRefused, SamePerson, UnknownId
from storage.words.message import message

NOTHING: Final[Mapping[str, Value]] = {}


@dataclass(frozen=True, slots=True)
class Doing:
    """Somebody does something."""

    verb: str
    """As in `edgectl`."""
    result: str
    """What becomes of it: done, asked, approved, refused, failed."""
    role: str
    committed: Mapping[str, str]
    """Who, why, which case; in the leaf only as commitments."""
    details: Mapping[str, Value] = field(default_factory=dict)
    """Ids and counts, no such words."""


def enter(connection: sqlite3.Connection, doing: Doing, wall_ms: int) -> int:
    """Its leaf, as part of a fact; the number."""
    body: dict[str, Value] = {**doing.details, "verb": doing.verb, "result": doing.result, "role": doing.role}
    return ledger_table.enter(connection, Leaf.ACT, wall_ms, body, committed=doing.committed)


class Journal:
    """Of one store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def act(
        self,
        verb: str,
        result: str,
        role: str,
        committed: Mapping[str, str],
        details: Mapping[str, Value] = NOTHING,
    ) -> Future[int]:
        """Somebody did something (`Doing`); the leaf's number."""
        doing, wall_ms = Doing(verb, result, role, committed, details), self._clock.now().wall_ms
        return self._database.submit(lambda connection: enter(connection, doing, wall_ms))

    def holder(self, account: int, name: str, roles: list[str]) -> Future[int]:
        """An account holds these roles from now on; the leaf's number. Its name goes in as a commitment only."""
        wall_ms, held = self._clock.now().wall_ms, list[Value](roles)
        body: dict[str, Value] = {"account": account, "roles": held}
        return self._database.submit(
            lambda connection: ledger_table.enter(connection, Leaf.HOLDER, wall_ms, body, committed={"who": name})
        )


__all__ = ["NOBODY", "WAITS_MS", "Act", "Acts", "Arguments", "Person", "check", "short_id"]

WAITS_MS: Final = 72 * 3_600_000
"""A weekend: whoever is to approve may be away for so long. After it one asks again."""
WAITING_MAX: Final = 100
"""More at a time nobody reads."""
EACH_MAX: Final = 20
"""Of one person: nobody keeps others from asking."""
ROOT: Final = 0
ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Of what people type: nothing that looks like something else (0 O, 1 I L, U V)."""


def short_id(length: int) -> str:
    """Random letters and digits for an id that is typed."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


class Acts:
    """What waits for a second person."""

    def __init__(self, database: Database, life: DaemonRun, clock: Clock) -> None:
        self._database = database
        self._life = life
        self._clock = clock

    def ask(
        self,
        verb: str,
        arguments: Arguments,
        asker: Person,
        account: int | None = None,
        doing: Doing | None = None,
    ) -> Act:
        """From now on it waits; what this person asked for already goes on waiting. OrderRefused: too many wait.

        `account`: what the asker's process ran as. `doing`: its leaf, to which the id of the act is added.
        """

        def fact(connection: sqlite3.Connection) -> Act:
            now = Point.of(self._life.boot, self._clock.now())
            waiting = table.waiting(connection, self._ages(connection), WAITS_MS)
            same = (act for act in waiting if (act.verb, act.arguments, act.asker) == (verb, dict(arguments), asker))
            act = next(same, None) or new(connection, now, waiting)
            if doing is not None:
                enter(connection, replace(doing, details={**doing.details, "act": act.id}), now.wall_ms)
            return act

        def new(connection: sqlite3.Connection, now: Point, waiting: list[Act]) -> Act:
            table.tidy(connection, self._ages(connection), WAITS_MS)
            if len(waiting) >= WAITING_MAX:
                raise OrderRefused(
                    message("approval.too-many", "{limit} acts wait for a second person", limit=WAITING_MAX),
                    message("approval.too-many.action", "see `edgectl approve`"),
                )
            if sum(act.asker.uid == asker.uid for act in waiting) >= EACH_MAX:
                what = message(
                    "approval.too-many-of-one",
                    "{limit} acts that {who} asked for wait for a second person",
                    limit=EACH_MAX,
                    who=asker.name,
                )
                raise OrderRefused(what, message("approval.too-many.action", "see `edgectl approve`"))
            other = None if account == asker.uid else account
            act = Act(f"A-{short_id(5)}", verb, arguments, asker, now, WAITS_MS, account=other)
            table.insert(connection, act)
            return act

        return self._database.submit(fact).result()

    def waiting(self) -> list[Act]:
        """The oldest first."""
        return self._database.read(lambda db: table.waiting(db, self._ages(db), WAITS_MS))

    def ended(self) -> list[Act]:
        """What waits no longer because what it was about has come to an end; for as long as it would have waited."""
        return self._database.read(lambda db: table.ended(db, self._ages(db), WAITS_MS))

    def find(self, act_id: str) -> Act:
        """One that waits; UnknownId."""
        return self._database.read(lambda db: _find(db, act_id, self._ages(db)))

    def approve(
        self, act_id: str, approver: Person, deed: Callable[[Act], TransactionPart], account: int | None = None
    ) -> Act:
        """Do it, if this is another person than the one who asked: one transaction. UnknownId, SamePerson.

        `account`: what the approver's process runs as.
        """

        def fact(connection: sqlite3.Connection) -> Act:
            act = _find(connection, act_id, self._ages(connection))
            check(act, approver, account)
            deed(act)(connection)
            table.delete(connection, act.id)
            return act

        return self._database.submit(fact).result()

    def _ages(self, connection: sqlite3.Connection) -> History:
        return history(connection, self._life.boot, self._clock)


def check(act: Act, approver: Person, account: int | None) -> None:
    """SamePerson unless they are two: neither who logged in nor what they became is shared. Pure.

    Root is an exception: two who logged in and became root by sudo are two all the same.
    """
    shared = _accounts(act.asker, act.account) & _accounts(approver, account)
    if shared:
        what = message(
            "approval.same-person",
            "{act} was asked for by {who}, from or as the same account: it takes a second person",
            act=act.id,
            who=act.asker.name,
        )
        raise SamePerson(
            what,
            message(
                "approval.same-person.action", "let somebody else log in and run: edgectl approve {act}", act=act.id
            ),
        )


def _accounts(person: Person, account: int | None) -> set[int]:
    return {person.uid} if account in (None, ROOT) else {person.uid, account}


def _find(connection: sqlite3.Connection, act_id: str, ages: History) -> Act:
    for act in table.waiting(connection, ages, WAITS_MS):
        if act.id == act_id:
            return act
    for act in table.ended(connection, ages, WAITS_MS):
        if act.id == act_id:
            raise UnknownId(
                message("approval.waits-no-longer", "{act} waits no longer: {why}", act=act.id, why=act.ended or ""),
                message("approval.waits-no-longer.action", "`edgectl approve` shows what waits"),
            )
    raise UnknownId(
        message("approval.unknown", "no act {act} waits for approval", act=act_id),
        message("approval.unknown.action", "see `edgectl approve`; after 72 h one asks again"),
    )
