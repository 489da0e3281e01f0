"""Requests for footage as this box keeps them: received under a number, changed act by act, erased of their persons.

Blocking and thread-safe. What may be done with a request is decided elsewhere (`edged.office.request`); here it is made
durable, all of it or nothing. The order, and what a crash leaves behind each step:

    key      a key for the number that is next: the next request finds it there and uses it
    done     one transaction: row, leaf and the form as ciphertext
    copied   the form as ciphertext on each volume: what is missing there is made up behind the next sweep

To erase the persons of a request, which its case survives:

    erasing  one transaction: from here on they go, whatever comes (`finish_erasures`)
    key      is gone, for good
    leaf     one transaction: it says so, and the ciphertext is no row any more
    removed  from each volume; from one that is away when it comes

Numbers of a ROC year have no holes, because a number is given away in the transaction that uses it.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from storage.ages.history import DaemonRun, History, Point
from storage.ages.table import history
from storage.database.writer import Database, TransactionPart
from storage.ledger.table import SALT_BYTES, canonical, commitment
from storage.office import table
from storage.office.keys import RequestKeys
from storage.office.record_copies import RecordCopies
from storage.office.records import SCAN, RecordId
from storage.office.table import ClosedFinding, RequestRow, StoredAct, Story
from storage.words.clock import Clock
from storage.words.errors import DegradeError, OrderRefused, UnknownId
from storage.words.failpoints import Failpoint, reach
from storage.words.message import NOTHING, message

FORM: Final = "form"
"""The kind of ciphertext; its position is the version of the request."""
NO_WORDS: Final[Mapping[str, str]] = {}


class ChangedMeanwhile(OrderRefused):
    """Somebody else has brought the request on: what this person saw is no more."""


class WordsAway(DegradeError):
    """The form is not there: its volumes are away after a lost database, or it was erased."""


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A request with all that is kept of it."""

    row: RequestRow
    receipt: Story
    acts: tuple[StoredAct, ...]


class Requests:
    """Of one store."""

    def __init__(
        self, database: Database, life: DaemonRun, clock: Clock, keys: RequestKeys, copies: RecordCopies
    ) -> None:
        self._database = database
        self._life = life
        self._clock = clock
        self._keys = keys
        self._copies = copies
        self._receiving = threading.Lock()

    def receive(
        self,
        row: str,
        year: int,
        day: int,
        receipt: Story,
        status: str,
        words: Mapping[str, str] = NO_WORDS,
        *,
        number: str | None = None,
    ) -> RequestRow:
        """收文, under the next number of a ROC year, which is never before that of the last one.

        `day`: ordinal of the legal day. `words`: the form, by field. `number`: of another box of the office, which gave
        it away. OrderRefused: this box has it already. KeysMissing and what else keeps a key from being made.
        """
        with self._receiving:
            own = number is None
            given = self._database.read(lambda connection: _next(connection, year)) if number is None else number
            generation = self._keys.add(given)
            reach(Failpoint.OFFICE_KEY)
            sealed, committed = self._sealed(given, 1, words)

            def fact(connection: sqlite3.Connection) -> RequestRow:
                if table.get(connection, given) is not None:
                    raise OrderRefused(
                        message("office.number-known", "request {number} is known here already", number=given),
                        message("office.number-known.action", "`edgectl request show` shows it"),
                    )
                received = table.receive(
                    connection, given, row, day, self._now(), receipt, status, committed, generation, own=own
                )
                table.write_record(connection, RecordId(given, FORM, 1), sealed)
                return received

            row_made = self._database.submit(fact).result()
        self._copies.spread()
        return row_made

    def act(
        self,
        number: str,
        version: int,
        story: Story,
        status: str,
        words: Mapping[str, str] | None = None,
    ) -> RequestRow:
        """What befalls the request of that version. `words`: the whole form, where it changed. ChangedMeanwhile,
        UnknownId.
        """
        return self.acts(number, version, [(story, status)], words)

    def acts(
        self,
        number: str,
        version: int,
        steps: Sequence[tuple[Story, str]],
        words: Mapping[str, str] | None = None,
    ) -> RequestRow:
        """Several acts, each with the status that it makes: all of them or none. `words`: behind the last one."""
        last = version + len(steps)
        sealed, committed = (None, "") if words is None else self._sealed(number, last, words)

        def fact(connection: sqlite3.Connection) -> RequestRow:
            for at, (story, status) in enumerate(steps, version):
                text = committed if at + 1 == last else ""
                if not table.act(connection, number, at, self._now(), story, status, text):
                    raise _unknown(number) if table.get(connection, number) is None else _changed()
            if sealed is not None:
                table.write_record(connection, RecordId(number, FORM, last), sealed)
            return _row(connection, number)

        row = self._database.submit(fact).result()
        if sealed is not None:
            self._copies.spread()
        return row

    def erase(self, number: str) -> TransactionPart:
        """Its persons are erased, for good, when this returns; the deed by which it is on record. UnknownId."""

        def begin(connection: sqlite3.Connection) -> None:
            _row(connection, number)
            table.begin_erasure(connection, number)

        self._database.submit(begin).result()
        reach(Failpoint.OFFICE_ERASING)
        generation = self._keys.erase(number)
        reach(Failpoint.OFFICE_ERASED)

        def fact(connection: sqlite3.Connection) -> None:
            if not _row(connection, number).erased:
                table.erase(connection, number, self._now(), generation)

        return fact

    def add_scan(self, number: str, data: bytes) -> int:
        """The paper of a step, as a picture, on every volume before this returns; its position. UnknownId, KeyGone;
        OrderRefused: no volume takes it.
        """
        with self._receiving:
            self._database.read(lambda connection: _row(connection, number))
            position = self._database.read(lambda connection: table.last_position(connection, number, SCAN)) + 1
            record = RecordId(number, SCAN, position)
            cipher = self._keys.encrypt(*record, data)
            self._copies.put(record, cipher)
            self._database.submit(
                lambda connection: table.write_record(connection, record, cipher, on_volumes=True)
            ).result()
        return position

    def scans(self, number: str) -> int:
        """How many there are; positions run from 1."""
        return self._database.read(lambda connection: table.last_position(connection, number, SCAN))

    def scan(self, number: str, position: int) -> bytes | None:
        """None: there is none, or no volume that is here has it as it was. KeyGone, NotDecrypted."""
        record = RecordId(number, SCAN, position)
        cipher = self._copies.get(record)
        return None if cipher is None else self._keys.decrypt(*record, cipher)

    def follow_up(self) -> None:
        """After an erasure: volumes hear of it. What does not come to it is made up behind the next sweep."""
        reach(Failpoint.OFFICE_RECORDED)
        self._copies.spread()

    def finish_erasures(self) -> None:
        """What was cut off goes on; and who is erased by a leaf that came with a volume has no key any more."""
        begun, erased = self._database.read(lambda connection: (table.erasing(connection), table.erased(connection)))
        for number in begun:
            self._database.submit(self.erase(number)).result()
        for number in self._keys.numbers.intersection(erased):
            self._keys.erase(number)
        if begun:
            self.follow_up()

    def get(self, number: str) -> StoredRequest:
        """UnknownId."""

        def query(connection: sqlite3.Connection) -> StoredRequest:
            row = _row(connection, number)
            receipt, acts = table.story(connection, number)
            return StoredRequest(row, receipt, tuple(acts))

        return self._database.read(query)

    def listed(self, *, without: str | None = None) -> list[RequestRow]:
        """By number. `without`: those of this status are left out."""
        return self._database.read(lambda connection: list(table.listed(connection, without)))

    def ages(self) -> History:
        """How old things are, by running time."""
        return self._database.read(lambda connection: history(connection, self._life.boot, self._clock))

    @property
    def opened(self) -> int | None:
        """The leaf by which the office was opened; None: it is not."""
        return self._database.read(table.opened)

    def check_not_open(self) -> None:
        """OrderRefused: it is open already."""
        if self.opened is not None:
            raise OrderRefused(message("office.open-already", "the office is open already"), NOTHING)

    def opening(self, by: Sequence[int]) -> TransactionPart:
        """As a deed of two persons, whose accounts these are."""
        return lambda connection: table.open_office(connection, self._now(), by)

    def close_finding(self, clause: str, about: str, breaches: Sequence[str], by: int, reason: str) -> None:
        """Durable when it returns. `by`: account of the auditor."""
        self._database.submit(
            lambda connection: table.close_finding(connection, clause, about, breaches, self._now(), by, reason)
        ).result()

    def closed_findings(self) -> list[ClosedFinding]:
        """In the order in which they were closed."""
        return self._database.read(table.closed_findings)

    def erased_at(self) -> dict[str, Point]:
        """When the persons of each request were erased, by its number."""
        return self._database.read(table.erased_at)

    def of_export(self, export: str) -> str | None:
        """The request whose copy it is."""
        return self._database.read(lambda connection: table.of_export(connection, export))

    def words(self, number: str) -> dict[str, str]:
        """The form as it is now, by field. KeyGone: its persons were erased or lost; NotDecrypted: it is damaged;
        WordsAway: no volume that is here has it.
        """
        told = self._database.read(lambda connection: table.latest(connection, number, FORM))
        if told is None:
            raise WordsAway(
                message(
                    "office.words-away", "what was written of request {number} lies on no volume here", number=number
                ),
                message("office.words-away.action", "mount its volumes; after an erasure nothing is left of it"),
            )
        version, sealed = told
        form: dict[str, str] = json.loads(self._keys.decrypt(number, FORM, version, sealed))["words"]
        return form

    def _sealed(self, number: str, version: int, words: Mapping[str, str]) -> tuple[bytes, str]:
        """The form as ciphertext, and the commitment that its leaf has of it: the salt lies in the ciphertext, too."""
        self._keys.add(number)  # of one whose key was lost the persons are entered again
        salt, form = secrets.token_bytes(SALT_BYTES), canonical(dict(words))
        data = json.dumps({"salt": salt.hex(), "words": dict(words)}, ensure_ascii=False).encode()
        return self._keys.encrypt(number, FORM, version, data), commitment(salt, form)

    def _now(self) -> Point:
        return Point.of(self._life.boot, self._clock.now())


def _next(connection: sqlite3.Connection, year: int) -> str:
    latest = max(year, table.last_year(connection))
    return f"{latest}-{table.last_serial(connection, latest) + 1:04}"


def _row(connection: sqlite3.Connection, number: str) -> RequestRow:
    if (row := table.get(connection, number)) is None:
        raise _unknown(number)
    return row


def _unknown(number: str) -> UnknownId:
    return UnknownId(
        message("office.unknown", "there is no request {number}", number=number[:64]),
        message("office.unknown.action", "`edgectl request list` shows those there are"),
    )


def _changed() -> ChangedMeanwhile:
    return ChangedMeanwhile(
        message("office.meanwhile", "somebody else has changed the request meanwhile: look at it again, then act"),
        message("office.meanwhile.action", "`edgectl request show` shows how it stands"),
    )
