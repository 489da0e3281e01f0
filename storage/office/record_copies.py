"""Every record of the office lies on every volume: written, taken in after a lost database, removed after an erasure.

A volume that comes may know of an erasure that the database does not know: then it is done once more.

Blocking and thread-safe. What is to be there says the database. Called after each change and behind each sweep, so what
a crash or a volume that was away left undone is done then.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Final

from storage.database.writer import Database
from storage.ledger import signer
from storage.mirror import files as mirror_files
from storage.office import records, table
from storage.office.records import RecordId
from storage.office.table import Fate
from storage.volumes.volume import Volume
from storage.words.errors import OrderRefused, StoreError, said_of
from storage.words.failpoints import Failpoint, reach
from storage.words.message import Message, message

log = logging.getLogger("edged.storage.office")
_ERASED: Final = f'"what":"{table.ERASED}"'.encode()
"""In the line of a leaf."""


class RecordCopies:
    """Of one store."""

    def __init__(self, database: Database, present: Callable[[], Mapping[str, Volume]]) -> None:
        """`present`: volumes that are there, by id."""
        self._database = database
        self._present = present
        self._lock = threading.Lock()
        self._met: dict[str, tuple[Volume, set[RecordId]]] = {}
        self._troubles: dict[str, Message] = {}

    @property
    def troubles(self) -> Mapping[str, Message]:
        """By volume: why its records are not what they should be."""
        return self._troubles.copy()

    def spread(self) -> None:
        """Each volume that is there becomes alike; what cannot be done is told by `troubles`, and done later."""
        with self._lock:
            present = self._present()
            for volume in present.values():
                try:
                    with volume.held() as fd:
                        self._make_alike(volume, fd)
                    self._troubles.pop(volume.id, None)
                except (OSError, StoreError) as error:
                    why = said_of(volume.path, error)
                    if self._troubles.get(volume.id) != why:
                        log.warning("records of the office are copied later: %s", why)
                    self._troubles[volume.id] = why
            for gone in self._troubles.keys() - present.keys():
                del self._troubles[gone]

    def put(self, record: RecordId, cipher: bytes) -> None:
        """Onto every volume, before anybody says that it is there: for what lies there alone. OrderRefused: on none."""
        copies = 0
        with self._lock:
            for volume in self._present().values():
                try:
                    with volume.held() as fd:
                        records.write(fd, record, cipher)
                    self._there(volume).add(record)
                    copies += 1
                except OSError as error:
                    log.warning("%s takes no record of the office: %s", volume.path, error)
        if copies == 0:
            raise OrderRefused(
                message("office.no-volume", "no volume takes it now, so nothing was kept"),
                message("office.no-volume.action", "look at the disks (edgectl status), then enter it again"),
            )

    def get(self, record: RecordId) -> bytes | None:
        """As it was written; None: no volume that is there has it so."""
        digest = self._database.read(table.records).get(record)
        with self._lock:
            for volume in self._present().values():
                try:
                    with volume.held() as fd:
                        cipher = records.read(fd, record)
                except OSError as error:
                    log.warning("a record of the office on %s cannot be read: %s", volume.path, error)
                    continue
                if cipher is not None and sha256(cipher).digest() == digest:
                    return cipher
        return None

    # --- with the lock held

    def _there(self, volume: Volume) -> set[RecordId]:
        met, there = self._met.get(volume.id, (None, set[RecordId]()))
        if met is not volume:
            there = set[RecordId]()
            self._met[volume.id] = volume, there
        return there

    def _make_alike(self, volume: Volume, fd: int) -> None:
        if self._met.get(volume.id, (None,))[0] is not volume:
            there = set(records.listed(fd))
            self._believe(fd)
            self._take_in(fd, there)
            self._met[volume.id] = volume, there
        there = self._there(volume)
        wanted = self._database.read(table.records)
        self._remove(fd, there, {one.number for one in there - wanted.keys()})
        for record in sorted(wanted.keys() - there):
            if (cipher := self._cipher(record, wanted[record], volume)) is not None:
                records.write(fd, record, cipher)
                there.add(record)
                reach(Failpoint.OFFICE_RECORD)

    def _believe(self, fd: int) -> None:
        """Who was erased by a leaf that lies here goes, also where the database was put back and has no such leaf."""
        try:
            with signer.opened(fd) as ledger:
                told = [line.body for line in mirror_files.lasting_with(ledger, _ERASED)]
        except FileNotFoundError:
            return
        for number in sorted({str(body.get("number")) for body in told if body.get("what") == table.ERASED}):
            if self._database.read(lambda connection: table.fate(connection, number)) is Fate.KNOWN:  # noqa: B023
                self._database.submit(lambda connection: table.begin_erasure(connection, number)).result()  # noqa: B023

    def _take_in(self, fd: int, there: Iterable[RecordId]) -> None:
        """What this database does not know of those that it knows: it was lost, or is older than the volume."""
        known = self._database.read(table.records)
        for record in sorted(set(there) - known.keys()):
            if self._database.read(lambda connection: table.fate(connection, record.number)) is Fate.KNOWN:  # noqa: B023
                cipher = records.read(fd, record)
                if cipher is not None and len(cipher) <= records.MAX_BYTES:
                    self._enter(record, cipher)

    def _enter(self, record: RecordId, cipher: bytes) -> None:
        on_volumes = record.kind == records.SCAN
        self._database.submit(
            lambda connection: table.write_record(connection, record, cipher, on_volumes=on_volumes)
        ).result()

    def _remove(self, fd: int, there: set[RecordId], numbers: Iterable[str]) -> None:
        for number in sorted(numbers):
            if self._database.read(lambda connection: table.fate(connection, number)) is Fate.ERASED:  # noqa: B023
                records.remove(fd, number)
                there -= {one for one in there if one.number == number}
                reach(Failpoint.OFFICE_REMOVED)

    def _cipher(self, record: RecordId, digest: bytes, lacking: Volume) -> bytes | None:
        inline = self._database.read(lambda connection: table.cipher(connection, record))
        if inline is not None:
            return inline
        for other, there in self._met.values():
            if other is not lacking and record in there and other.id in self._present():
                with other.held() as fd:
                    cipher = records.read(fd, record)
                if cipher is not None and sha256(cipher).digest() == digest:
                    return cipher
        return None
