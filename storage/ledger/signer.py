"""Signs the heads of the ledger and puts them where they last: into the database, beside it, and on each volume.

Works in the mirror's thread, behind what was mirrored, so that a head covers only leaves that lie on a volume, too:
what a signed head covers and nobody finds was taken away; no power cut explains it. While something happens a head is
at most HEAD_EVERY_MS old. Blocking; no commit waits for it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from storage.database.writer import Database
from storage.ledger import checkpoint_files, generations_table, nodes_table, note, tree
from storage.ledger.generations_table import Generation
from storage.ledger.key import Keyring, public_of
from storage.ledger.nodes_table import LeafMissing
from storage.ledger.note import Checkpoint
from storage.outbox import table as outbox
from storage.outbox.table import EventKind
from storage.words.clock import Clock
from storage.words.failpoints import Failpoint, reach

log = logging.getLogger("edged.storage.ledger")

HEAD_EVERY_MS: Final = 60_000
"""At most so old is a head while something happens; the centre keeps it, and takes nothing back after it."""
TOLD_EVERY_MS: Final = 3_600_000
"""So often the head becomes an event, too. The retained one is always newer; the events are a history of heads, which
tells the centre between which two of them something was taken away."""
ALONE_MS: Final = 60_000
"""After so long without any volume, heads cover what lies in the database alone."""
GROW: Final = 64
"""Nodes that are made at a time, of 16,384 hashes; 64 cameras make one in ten minutes."""
PATIENCE_S: Final = 30.0
STATE_FILE: Final = "ledger.checkpoint"
"""The last head, beside the database."""


class HeldVolume(Protocol):
    """A volume that is there."""

    def held(self) -> AbstractContextManager[int]: ...


@dataclass(frozen=True, slots=True)
class IssuedHead:
    """A head as it was handed out."""

    checkpoint: Checkpoint
    note: str
    first: int
    """Number of the first leaf of its generation."""
    key: str
    """Whose signature it bears."""


@dataclass(frozen=True, slots=True)
class Signer:
    """The key of this box, as it is now."""

    public: bytes
    """32 bytes."""
    sign: Callable[[bytes], bytes]


def coverable(last: int, mirrored: Mapping[str, int], alone_ms: int) -> int:
    """Up to which leaf a head may go: the last that some volume has, or, after ALONE_MS without any, the last. Pure."""
    if mirrored:
        return min(last, max(mirrored.values()))
    return last if alone_ms >= ALONE_MS else 0


class HeadSigner:
    """See the module. Called from one thread at a time."""

    def __init__(self, database: Database, clock: Clock, keyring: Keyring) -> None:
        self._database = database
        self._clock = clock
        self._keyring = keyring
        self._signed_ms: int | None = None
        self._alone_since_ms: int | None = None
        self._told_ms: int | None = None
        self._told: tuple[int, int] | None = None
        """First leaf and size of the head that was an event last. Since this start."""
        self._laid: dict[tuple[str, int], int] = {}
        """Of each volume, and of the state directory (""), by generation: the size of the head that lies there. Since
        this start."""
        self.unlaid = ""
        """Why the state directory does not take the last head; empty while it does."""
        self.hole = ""
        """Why there is no tree to sign, in words; empty while there is one."""
        self.on_head: Callable[[IssuedHead], object] = lambda head: None  # noqa: ARG005
        """Hears of each new head, in the mirror's thread."""

    def fault(self) -> str | None:
        """Why heads are not signed, in words; None: they are."""
        self._keyring.refresh()
        known = self._database.read(generations_table.every)
        return self._fault(known, known[-1]) if known else None

    def head(self) -> IssuedHead | None:
        """The last one of the present generation."""
        present = self._database.read(generations_table.present)
        if present is None or present.note is None or present.root is None or present.key is None:
            return None
        head = Checkpoint(present.origin, present.size, present.root)
        return IssuedHead(head, present.note, present.first, present.key)

    def signer(self) -> Signer | None:
        """Who signs what is handed out; None while that cannot be checked against a head (`fault`)."""
        fault, key = self.fault(), self._keyring.key
        return None if fault is not None or key is None else Signer(public_of(key), key.sign)

    def round(self, mirrored: Mapping[str, int], disks: Mapping[str, HeldVolume], *, now: bool = False) -> None:
        """Sign what is due, or with `now` what there is; `mirrored`: the last leaf on each volume that is there."""
        boottime_ms = self._clock.now().boottime_ms
        if mirrored:
            self._alone_since_ms = None
        elif self._alone_since_ms is None:
            self._alone_since_ms = boottime_ms
        alone_ms = 0 if self._alone_since_ms is None else boottime_ms - self._alone_since_ms
        self._grow()
        due = now or self._signed_ms is None or boottime_ms - self._signed_ms >= HEAD_EVERY_MS
        if due and self._sign(mirrored, alone_ms):
            self._signed_ms = boottime_ms
        if self._told_ms is None or boottime_ms - self._told_ms >= TOLD_EVERY_MS:
            self.tell()
        self._lay(disks)

    def tell(self) -> None:
        """The last head becomes an event, unless it is one: once in TOLD_EVERY_MS, and when edged stops in order."""
        head = self.head()
        if head is None or self._told == (head.first, head.checkpoint.size):
            return
        now, told = self._clock.now(), {"what": "checkpoint", **generations_table.named(head.checkpoint)}
        body = told | {"first": head.first, "key": head.key, "note": head.note}
        fact = partial(outbox.put, kind=EventKind.LEDGER, wall_ms=now.wall_ms, body=body)
        self._database.submit(fact).result(PATIENCE_S)
        self._told_ms, self._told = now.boottime_ms, (head.first, head.checkpoint.size)

    def _grow(self) -> None:
        """Of all generations: those of a lost database are complete only when it has been made anew."""
        found = self._database.read(_missing)
        if found is not None:
            self._database.submit(partial(nodes_table.keep, generation=found[0], found=found[1]), yielding=True)

    def _sign(self, mirrored: Mapping[str, int], alone_ms: int) -> bool:
        """True where there is a new head, or nothing new to sign."""
        self._keyring.refresh()
        key = self._keyring.key
        try:
            found = self._database.read(partial(_head_now, mirrored=mirrored, alone_ms=alone_ms))
        except LeafMissing as error:
            if not self.hole:
                log.critical("the ledger is not signed any more: %s", error)
            self.hole = str(error)
            return False
        self.hole = ""
        if found is None:
            return True
        generation, checkpoint = found
        if key is None or self._fault(self._database.read(generations_table.every), generation) is not None:
            return False
        text = note.sign(checkpoint.text, checkpoint.origin, key)
        reach(Failpoint.HEAD_SIGNED)
        fact = partial(
            generations_table.signed, generation=generation, size=checkpoint.size, root=checkpoint.root, note=text
        )
        self._database.submit(fact, yielding=True).result(PATIENCE_S)
        reach(Failpoint.HEAD_STORED)
        self.on_head(IssuedHead(checkpoint, text, generation.first, generation.key or ""))
        return True

    def _fault(self, known: Sequence[Generation], generation: Generation) -> str | None:
        public = self._keyring.public
        if public is None:
            return self._keyring.fault
        key, verifier = f"the key in {self._keyring.path}", generation.verifier
        after = generations_table.replacing(known, public)
        if after is not None:
            back = "an older state directory or an older key was put back"
            return f"{key} was replaced with leaf {after.first}, where {after.origin} begins, and must not sign: {back}"
        if verifier is not None and verifier.public != public:
            return f"{key} is not the one that this part of the ledger began with"
        if verifier is None and not generations_table.fits(known, self._keyring.identity):
            return f"{key} is not the one that the ledger was signed with before"
        return "this part of the ledger began while the box had no key" if verifier is None else None

    def _lay(self, disks: Mapping[str, HeldVolume]) -> None:
        """Each volume gets the last head of each generation, the state directory the very last, once for each."""
        signed = [one for one in self._database.read(generations_table.every) if one.note is not None]
        for volume, disk in disks.items():
            owed = [one for one in signed if self._laid.get((volume, one.first)) != one.size]
            if owed:
                with suppress(OSError), disk.held() as fd, checkpoint_files.opened(fd, make=True) as at:
                    for one in owed:
                        checkpoint_files.replace(
                            at, checkpoint_files.checkpoint_name(one.first), (one.note or "").encode()
                        )
                        self._laid[volume, one.first] = one.size
        if signed and self._laid.get(("", signed[-1].first)) != signed[-1].size:
            self._lay_beside(signed[-1])
        reach(Failpoint.HEAD_LAID)

    def _lay_beside(self, last: Generation) -> None:
        place = self._database.path.parent
        state = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            checkpoint_files.replace(state, STATE_FILE, (last.note or "").encode())
            self._laid["", last.first] = last.size
            self.unlaid = ""
        except OSError as error:
            words = f"{place / STATE_FILE} cannot be written ({error.strerror})"
            if words != self.unlaid:
                log.warning("%s; it is tried again", words)
            self.unlaid = words
        finally:
            os.close(state)


def _head_now(
    connection: sqlite3.Connection, mirrored: Mapping[str, int], alone_ms: int
) -> tuple[Generation, Checkpoint] | None:
    """The head that can be signed now; None where it would say nothing new."""
    generation = generations_table.present(connection)
    if generation is None:
        return None
    last = generation.first + generations_table.end(connection, generation) - 1
    size = coverable(last, mirrored, alone_ms) - generation.first + 1
    if size <= generation.size:
        return None
    return generation, Checkpoint(generation.origin, size, tree.root(nodes_table.read(connection, generation), size))


def _missing(connection: sqlite3.Connection) -> tuple[Generation, list[nodes_table.Node]] | None:
    """Nodes that could be kept, of the first generation that lacks some."""
    for generation in generations_table.every(connection):
        if found := nodes_table.missing(connection, generation, GROW):
            return generation, found
    return None
