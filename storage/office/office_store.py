"""The office's part of a store: keys, requests, persons, records. What keeps it shut is told, and stops nobody else.

Recording, pins and alarms never depend on it: where its keys cannot be read, whoever asks for a request or a person is
told why, and all else goes on. Blocking and thread-safe.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.ages.history import DaemonRun
from storage.database.writer import Database
from storage.office import keys as key_module
from storage.office import table
from storage.office.keys import KeysMissing, RequestKeys, Restored, state_files
from storage.office.leaks import LeakEvents
from storage.office.persons import Persons, StoredPeople, read_people
from storage.office.record_copies import RecordCopies
from storage.office.service import Requests
from storage.volumes.volume import Volume
from storage.words.clock import Clock
from storage.words.errors import DegradeError, StoreError
from storage.words.message import NOTHING, message


class OfficeShut(DegradeError):
    """It cannot be used now."""


@dataclass(frozen=True, slots=True)
class OpenOffice:
    keys: RequestKeys
    requests: Requests
    persons: Persons
    leaks: LeakEvents


class OfficeStore:
    """Of one store. `open` it before it is used, and again as often as one likes while there is a trouble."""

    def __init__(
        self,
        database: Database,
        life: DaemonRun,
        clock: Clock,
        state: Path,
        present: Callable[[], Mapping[str, Volume]],
    ) -> None:
        self._database = database
        self._life = life
        self._clock = clock
        self._files: Final = state_files(state)
        self._lock = threading.Lock()
        self._opened: OpenOffice | None = None
        self.trouble: StoreError | None = None
        """Why it cannot be used; None: it can, or nobody tried yet."""
        self.restored: Restored | None = None
        """An older file of keys was put back: who was erased is erased again, and whoever came since has no key."""
        self.copies: Final = RecordCopies(database, present)

    @property
    def requests(self) -> Requests:
        """OfficeShut."""
        return self._use().requests

    @property
    def persons(self) -> Persons:
        """OfficeShut."""
        return self._use().persons

    @property
    def leaks(self) -> LeakEvents:
        """OfficeShut."""
        return self._use().leaks

    def open(self) -> bool:
        """Whether it can be used now."""
        with self._lock:
            if self._opened is not None and not self._opened.keys.usable:
                self._opened.keys.close()  # a change of them was cut off: opened anew, it is finished
                self._opened = None
            if self._opened is None:
                try:
                    keys = self._keys()
                except StoreError as error:
                    self.trouble = error
                    return False
                requests = Requests(self._database, self._life, self._clock, keys, self.copies)
                persons = Persons(self._database, self._clock, keys, self.copies)
                leaks = LeakEvents(self._database, self._life, self._clock)
                self._opened = OpenOffice(keys, requests, persons, leaks)
                self.trouble = None
            return True

    def close(self) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.keys.close()
                self._opened = None

    def maintain(self) -> None:
        """Behind each sweep: records reach volumes that came, and what a database lost comes back from them."""
        self.copies.spread()

    def people(self) -> StoredPeople:
        """All persons, and who holds or stands for which post, whether or not the keys are there: names alone need
        those. OfficeShut: nobody has tried yet, and a database that was lost may still be made anew.
        """
        if self.trouble is None:
            self._use()
        return read_people(self._database)

    def finish_erasures(self) -> None:
        """Persons who were to go and are still there. OfficeShut, WriteFailed, KeysDamaged."""
        self._use().requests.finish_erasures()

    def nameless(self) -> list[str]:
        """Requests and persons whose names nobody can open any more, and that were not erased: to be entered again."""
        known = self._use().keys.numbers
        return sorted(set(self._database.read(table.numbers)) - known)

    def _keys(self) -> RequestKeys:
        """What they were is told by the database; where that was lost, by the leaves that made it anew."""
        at_least, erased = self._database.read(lambda db: (table.key_generation(db), table.erased(db)))
        try:
            return RequestKeys(*self._files, at_least=at_least, erased=erased)
        except KeysMissing:
            return key_module.create(*self._files, at_least=at_least)
        except Restored as error:
            self.restored = error
            return RequestKeys(*self._files, at_least=at_least, erased=erased, take_restored=True)

    def _use(self) -> OpenOffice:
        opened, trouble = self._opened, self.trouble
        if opened is not None:
            return opened
        raise OfficeShut(
            message(
                "office.shut",
                "requests and persons cannot be read: {reason}",
                reason=message("office.not-open-yet", "edged is starting") if trouble is None else trouble.what,
            ),
            NOTHING if trouble is None else trouble.action,
        )
