"""Persons of the office and their posts: names under keys of their own, and steps that people agreed upon.

Blocking and thread-safe. Who may take a step is decided elsewhere; here it is checked against what holds, in the
transaction that makes it hold. A name that cannot be opened (its key is lost or gone) is "": the person stays.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from typing import Final

from storage.database.writer import Database, TransactionPart
from storage.ledger.table import SALT_BYTES, Value, commitment
from storage.office import people_table, table
from storage.office.keys import KeyGone, NotDecrypted, RequestKeys
from storage.office.people_table import PersonRow, PersonStep, PostRow
from storage.office.record_copies import RecordCopies
from storage.office.records import PERSON, RecordId
from storage.words.clock import Clock
from storage.words.errors import OrderRefused, OrderWrong, UnknownId
from storage.words.failpoints import Failpoint, reach
from storage.words.message import message

NAME: Final = "name"
"""The kind of ciphertext."""
NAME_MAX: Final = 60
"""Characters: the longest name in a household register has some 50."""


StoredPeople = tuple[list[PersonRow], list[PostRow]]


def read_people(database: Database) -> StoredPeople:
    """All that is known of them without their names."""
    return database.read(lambda db: (list(people_table.persons(db)), list(people_table.posts(db))))


class Persons:
    """Of one store."""

    def __init__(self, database: Database, clock: Clock, keys: RequestKeys, copies: RecordCopies) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._copies = copies
        self._adding = threading.Lock()

    def add(self, name: str, unit: str, by: int) -> int:
        """Somebody is known from now on, without an account and without a post; their number. OrderWrong."""
        with self._adding:
            number = self._database.read(people_table.next_number)
            self._name(number, name, PersonStep.ADDED, by, unit=unit)
        return number

    def rename(self, number: int, name: str, by: int) -> None:
        """Their name was written wrong, or was lost. OrderWrong, UnknownId."""
        with self._adding:
            self.check(PersonStep.NAMED, person=number)
            self._name(number, name, PersonStep.NAMED, by)

    def _name(self, number: int, name: str, step: PersonStep, by: int, **told: Value) -> None:
        check_name(name)
        key, salt = key_of(number), secrets.token_bytes(SALT_BYTES)
        generation = self._keys.add(key)
        reach(Failpoint.OFFICE_KEY)
        latest = self._database.read(lambda connection: table.latest(connection, key, NAME))
        record = RecordId(key, NAME, 1 if latest is None else latest[0] + 1)
        data = json.dumps({"salt": salt.hex(), "name": name}, ensure_ascii=False).encode()
        cipher = self._keys.encrypt(*record, data)

        def fact(connection: sqlite3.Connection) -> None:
            body: dict[str, Value] = {"person": number, "name": commitment(salt, name), "keys": generation, **told}
            people_table.enter(connection, step, self._clock.now().wall_ms, [by], **body)
            table.write_record(connection, record, cipher)

        self._database.submit(fact).result()
        self._copies.spread()

    def read(self) -> StoredPeople:
        """All persons, and who holds or stands for which post."""
        return read_people(self._database)

    def names(self) -> dict[int, str]:
        """By number of the person; "": lost with the keys, or gone."""
        told = self._database.read(lambda connection: list(table.of_kind(connection, NAME)))
        return {int(record.number.removeprefix(PERSON)): self._opened(record, cipher) for record, cipher in told}

    def step(self, step: PersonStep, by: Sequence[int], **told: Value) -> None:
        """At once. `by`: the account of who does it. OrderRefused, UnknownId."""
        self._database.submit(self.stepping(step, by, **told)).result()

    def stepping(self, step: PersonStep, by: Sequence[int], **told: Value) -> TransactionPart:
        """As a deed of two persons."""

        def fact(connection: sqlite3.Connection) -> None:
            _check(connection, step, told)
            people_table.enter(connection, step, self._clock.now().wall_ms, by, **told)

        return fact

    def check(self, step: PersonStep, **told: Value) -> None:
        """Whether it could be taken as things are. OrderRefused, UnknownId."""
        self._database.read(lambda connection: _check(connection, step, told))

    def _opened(self, record: RecordId, cipher: bytes) -> str:
        try:
            return str(json.loads(self._keys.decrypt(*record, cipher))["name"])
        except (KeyGone, NotDecrypted):
            return ""


def key_of(number: int) -> str:
    """What the key of a person's name is called."""
    return f"{PERSON}{number}"


def check_name(name: str) -> None:
    """OrderWrong: nobody is called that."""
    if not name.strip() or len(name) > NAME_MAX or not name.isprintable():
        raise OrderWrong(
            message("office.name", "a name is one line of 1 to {limit} characters", limit=NAME_MAX),
            message("office.name.action", "write it as it stands on the paper, without marks that nobody sees"),
        )


def _check(connection: sqlite3.Connection, step: PersonStep, told: Mapping[str, Value]) -> None:
    persons = {one.number: one for one in people_table.persons(connection)}
    person = persons.get(int(str(told["person"])))
    if person is None or person.left:
        raise UnknownId(
            message("office.person-unknown", "there is no person {person}", person=str(told["person"])),
            message("office.person-unknown.action", "`edgectl person list` shows those there are"),
        )
    if step is PersonStep.TIED:
        _check_account(persons, told["account"])
    held = [one for one in people_table.posts(connection) if one.person == person.number]
    same = [one for one in held if (one.post, one.unit) == (told.get("post"), told.get("unit"))]
    if step is PersonStep.HOLDS and any(one.holder is None for one in same):
        raise OrderRefused(
            message("office.post-held", "person {person} holds this post already", person=person.number),
            message(
                "office.post-held-again.action",
                "`edgectl post list` shows whether they sign by it; if not, end it (--end) and let two others give it",
            ),
        )
    over = {PersonStep.HOLDS_NO_MORE: None, PersonStep.DEPUTISES_NO_MORE: True}
    if step in over and not any((one.holder is None) == (over[step] is None) for one in same):
        raise OrderRefused(
            message("office.post-not-held", "person {person} does not hold this post", person=person.number),
            message("office.post-held.action", "`edgectl post list` shows who holds what"),
        )


def _check_account(persons: Mapping[int, PersonRow], account: Value) -> None:
    other = next((one for one in persons.values() if account is not None and one.account == account), None)
    if other is not None:
        raise OrderRefused(
            message(
                "office.account-tied",
                "the account with uid {account} is tied to person {person} already",
                account=str(account),
                person=other.number,
            ),
            message(
                "office.account-tied.action",
                "an account is of one person: untie it first (edgectl person tie {person} --none)",
                person=other.number,
            ),
        )
