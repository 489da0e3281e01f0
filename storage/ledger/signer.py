"""Signs the heads of the ledger and puts them where they last: into the database, beside it, and on each volume.

Works in the mirror's thread, behind what was mirrored, so that a head covers only leaves that lie on a volume, too:
what a signed head covers and nobody finds was taken away; no power cut explains it. While something happens a head is
at most HEAD_EVERY_MS old. Blocking; no commit waits for it.

The directory `.ledger` on a volume has the signed heads: one file for each generation, replaced whole. Everything is
reached through an open directory of the volume, so that nothing lands below an unmounted mount point (S10). The leaves
beside them are `storage.mirror.files`.

The head that the centre has kept is held against the tree as it is here. A head covers only what lies on a volume too,
so no power cut explains one that the centre has and this tree does not begin with: an older state was put back, or
leaves were taken away. It is told until the leaves are back, or until a person has begun a new generation whose first
leaf names it (`storage.ledger.key`).
"""

from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final, Protocol

from storage.database.writer import Database, Remembered
from storage.files import DIRECTORY, directory, reading, write_whole
from storage.ledger import note, tree
from storage.ledger import table as ledger_table
from storage.ledger.key import Keyring, public_of
from storage.ledger.note import NOTE_MAX_BYTES, Checkpoint, Note, Verifier
from storage.ledger.table import Generation, LeafMissing
from storage.outbox import table as outbox_table
from storage.outbox.table import EventKind
from storage.words.clock import Clock
from storage.words.errors import said
from storage.words.failpoints import Failpoint, reach
from storage.words.layout import DIR_MODE
from storage.words.message import NOTHING, Message, message

log = logging.getLogger("edged.storage.ledger")

NAME: Final = ".ledger"
"""The directory of the ledger on a volume."""
_CHECKPOINT: Final = re.compile(r"checkpoint-\d{1,16}\.txt", re.ASCII)

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
    """Signs heads and lays them down. Called from one thread at a time."""

    def __init__(self, database: Database, clock: Clock, keyring: Keyring) -> None:
        self._database = database
        self._remembered = Remembered(database)
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
        self.unlaid = NOTHING
        """Why the state directory does not take the last head; empty while it does."""
        self.hole = NOTHING
        """Why there is no tree to sign, in words; empty while there is one."""
        self.on_head: Callable[[IssuedHead], object] = lambda head: None  # noqa: ARG005
        """Hears of each new head, in the mirror's thread."""

    def fault(self) -> Message | None:
        """Why heads are not signed, in words; None: they are."""
        self._keyring.refresh()
        known = self._database.read(ledger_table.every)
        return self._fault(known, known[-1]) if known else None

    def head(self) -> IssuedHead | None:
        """The last one of the present generation."""
        present = self._database.read(ledger_table.present)
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
        now, told = self._clock.now(), {"what": "checkpoint", **ledger_table.named(head.checkpoint)}
        body = told | {"first": head.first, "key": head.key, "note": head.note}
        fact = partial(outbox_table.put, kind=EventKind.LEDGER, wall_ms=now.wall_ms, body=body)
        self._database.submit(fact).result(PATIENCE_S)
        self._told_ms, self._told = now.boottime_ms, (head.first, head.checkpoint.size)

    def _grow(self) -> None:
        """Of all generations: those of a lost database are complete only when it has been made anew."""
        found = self._remembered.read(_missing, "missing")
        if found is not None:
            self._database.submit(partial(ledger_table.keep, generation=found[0], found=found[1]), yielding=True)

    def _sign(self, mirrored: Mapping[str, int], alone_ms: int) -> bool:
        """True where there is a new head, or nothing new to sign."""
        self._keyring.refresh()
        key = self._keyring.key
        try:
            found = self._database.read(partial(_head_now, mirrored=mirrored, alone_ms=alone_ms))
        except LeafMissing as error:
            if not self.hole:
                log.critical("the ledger is not signed any more: %s", error)
            self.hole = error.why
            return False
        self.hole = NOTHING
        if found is None:
            return True
        generation, checkpoint = found
        if key is None or self._fault(self._database.read(ledger_table.every), generation) is not None:
            return False
        text = note.sign(checkpoint.text, checkpoint.origin, key)
        reach(Failpoint.HEAD_SIGNED)
        fact = partial(
            ledger_table.signed, generation=generation, size=checkpoint.size, root=checkpoint.root, note=text
        )
        self._database.submit(fact, yielding=True).result(PATIENCE_S)
        reach(Failpoint.HEAD_STORED)
        self.on_head(IssuedHead(checkpoint, text, generation.first, generation.key or ""))
        return True

    def _fault(self, known: Sequence[Generation], generation: Generation) -> Message | None:
        public = self._keyring.public
        if public is None:
            return self._keyring.fault
        path, verifier = str(self._keyring.path), generation.verifier
        after = ledger_table.replacing(known, public)
        if after is not None:
            return message(
                "ledger.key-replaced",
                "the key in {path} was replaced with leaf {leaf}, where {origin} begins, and must not sign: an older"
                " state directory or an older key was put back",
                path=path,
                leaf=after.first,
                origin=after.origin,
            )
        if verifier is not None and verifier.public != public:
            return message(
                "ledger.key-other-part",
                "the key in {path} is not the one that this part of the ledger began with",
                path=path,
            )
        if verifier is None and not ledger_table.fits(known, self._keyring.identity):
            return message(
                "ledger.key-other-before",
                "the key in {path} is not the one that the ledger was signed with before",
                path=path,
            )
        if verifier is None:
            return message("ledger.began-without-key", "this part of the ledger began while the box had no key")
        return None

    def _lay(self, disks: Mapping[str, HeldVolume]) -> None:
        """Each volume gets the last head of each generation, the state directory the very last, once for each."""
        signed = [one for one in self._database.read(ledger_table.every) if one.note is not None]
        for volume, disk in disks.items():
            owed = [one for one in signed if self._laid.get((volume, one.first)) != one.size]
            if owed:
                with suppress(OSError), disk.held() as fd, opened(fd, make=True) as at:
                    for one in owed:
                        write_whole(at, checkpoint_name(one.first), (one.note or "").encode())
                        self._laid[volume, one.first] = one.size
        if signed and self._laid.get(("", signed[-1].first)) != signed[-1].size:
            self._lay_beside(signed[-1])
        reach(Failpoint.HEAD_LAID)

    def _lay_beside(self, last: Generation) -> None:
        place = self._database.path.parent
        try:
            with directory(place) as state:
                write_whole(state, STATE_FILE, (last.note or "").encode())
            self._laid["", last.first] = last.size
            self.unlaid = NOTHING
        except OSError as error:
            words = message(
                "ledger.file-not-written",
                "{path} cannot be written ({reason})",
                path=str(place / STATE_FILE),
                reason=said(error),
            )
            if words != self.unlaid:
                log.warning("%s; it is tried again", words)
            self.unlaid = words


def _head_now(
    connection: sqlite3.Connection, mirrored: Mapping[str, int], alone_ms: int
) -> tuple[Generation, Checkpoint] | None:
    """The head that can be signed now; None where it would say nothing new."""
    generation = ledger_table.present(connection)
    if generation is None:
        return None
    last = generation.first + ledger_table.end(connection, generation) - 1
    size = coverable(last, mirrored, alone_ms) - generation.first + 1
    if size <= generation.size:
        return None
    return generation, Checkpoint(generation.origin, size, tree.root(ledger_table.read(connection, generation), size))


def _missing(connection: sqlite3.Connection) -> tuple[Generation, list[ledger_table.Node]] | None:
    """Nodes that could be kept, of the first generation that lacks some."""
    for generation in ledger_table.every(connection):
        if found := ledger_table.missing(connection, generation, GROW):
            return generation, found
    return None


@contextmanager
def opened(volume_fd: int, *, make: bool = False) -> Iterator[int]:
    """The directory; made, durably, where it is missing and wanted. FileNotFoundError otherwise."""
    try:
        fd = os.open(NAME, DIRECTORY, dir_fd=volume_fd)
    except FileNotFoundError:
        if not make:
            raise
        with suppress(FileExistsError):
            os.mkdir(NAME, DIR_MODE, dir_fd=volume_fd)
        fd = os.open(NAME, DIRECTORY, dir_fd=volume_fd)
        os.fsync(volume_fd)
    try:
        yield fd
    finally:
        os.close(fd)


def checkpoint_name(first: int) -> str:
    """The file of the last signed head of a generation, by the number of its first leaf."""
    return f"checkpoint-{first}.txt"


def named_notes(fd: int) -> Iterator[tuple[str, str]]:
    """Names and texts of signed heads as they lie here, unchecked; what cannot be read is none."""
    for name in sorted(os.listdir(fd)):
        if _CHECKPOINT.fullmatch(name):
            with suppress(OSError), reading(fd, name) as file:
                yield name, file.read(NOTE_MAX_BYTES).decode("utf-8", "replace")


def notes(fd: int) -> list[str]:
    """Their texts."""
    return [text for _, text in named_notes(fd)]


class HeadAgreement(StrEnum):
    """How a head that others hold stands to what is here."""

    NONE = "none"
    """There is none, or it was not signed by whom it names: nobody can say that it is ours."""
    AGREES = "agrees"
    SETTLED = "settled"
    """A person knows of it, and began a new generation because of it."""
    UNSURE = "unsure"
    """The database is being made anew: what the volumes know of it is still to be read."""
    UNKNOWN = "unknown"
    """Of a generation that is not known here."""
    LONGER = "longer"
    """It has leaves that are not here."""
    OTHER = "other"
    """The leaves that are here are others."""

    @property
    def contradicts(self) -> bool:
        return self in (HeadAgreement.UNKNOWN, HeadAgreement.LONGER, HeadAgreement.OTHER)


@dataclass(frozen=True, slots=True)
class KeptHead:
    """A head as others hold it."""

    head: Checkpoint
    note: Note
    verifier: Verifier | None
    """The key that came with it, which anybody may have sent along."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A head that others hold and that is none of what is here."""

    head: Checkpoint
    word: HeadAgreement


def understood(text: str, key: str | None) -> KeptHead | None:
    """Of a note and the key that came with it; None where that is no head of a log. Pure."""
    try:
        parsed = note.parse(text)
        head = parsed.checkpoint()
    except ValueError:
        return None
    try:
        verifier = None if key is None else Verifier.parse(key)
    except ValueError:
        verifier = None
    return KeptHead(head, parsed, verifier)


def judged(connection: sqlite3.Connection, held: KeptHead, public: bytes | None) -> HeadAgreement:
    """How it stands to what is here. `public`: the key of this box as of now."""
    known = ledger_table.every(connection)
    if not _is_signed(held, known, public):
        return HeadAgreement.NONE
    if any(_names(connection, one, held.head) for one in known):
        return HeadAgreement.SETTLED
    rebuild = ledger_table.last_rebuild(connection)
    generation = next((one for one in known if one.origin == held.head.origin), None)
    word = HeadAgreement.UNKNOWN if generation is None else _compared(connection, generation, held.head)
    unread = rebuild is not None and not rebuild.read
    return HeadAgreement.UNSURE if word.contradicts and unread else word


class CentreHead:
    """The head that others hold, as far as it was read back."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._held: KeptHead | None = None

    def hold(self, text: str, key: str | None) -> bool:
        """This is what the centre has kept; False where it is no head of a log."""
        self._held = understood(text, key)
        return self._held is not None

    def word(self) -> HeadAgreement:
        """How it stands to what is here now; NONE where nothing was read back."""
        held = self._held
        if held is None:
            return HeadAgreement.NONE
        word = self._database.read(partial(judged, held=held, public=self._keyring.public))
        if not word.contradicts and word is not HeadAgreement.UNSURE and self._held is held:
            self._held = None
        return word

    def contradiction(self) -> Contradiction | None:
        """What is to be told of it; None where there is nothing."""
        held, word = self._held, self.word()
        return None if held is None or not word.contradicts else Contradiction(held.head, word)

    def seen(self, origin: str, size: int) -> Future[None]:
        """Somebody outside has a copy of our head of that size."""
        return self._database.submit(partial(ledger_table.seen, origin=origin, size=size), yielding=True)


def _is_signed(held: KeptHead, known: list[Generation], public: bytes | None) -> bool:
    """By the key that its generation has here; of one that is not known, by any of ours, or the one that came along.

    An older state may have been put back, to before the box had the key that it was signed with.
    """
    mine = next((one for one in known if one.origin == held.head.origin), None)
    if mine is not None:
        return mine.verifier is not None and held.note.signed_by(mine.verifier)
    keys = {one.public for one in known} | {public}
    candidates = [Verifier(held.head.origin, key) for key in keys if key is not None]
    if held.verifier is not None and held.verifier.name == held.head.origin:
        candidates.append(held.verifier)
    return any(held.note.signed_by(one) for one in candidates)


def _compared(connection: sqlite3.Connection, generation: Generation, head: Checkpoint) -> HeadAgreement:
    if head.size > ledger_table.end(connection, generation):
        return HeadAgreement.LONGER
    try:
        root = tree.root(ledger_table.read(connection, generation), head.size)
    except LeafMissing:
        return HeadAgreement.LONGER
    return HeadAgreement.AGREES if root == head.root else HeadAgreement.OTHER


def _names(connection: sqlite3.Connection, generation: Generation, head: Checkpoint) -> bool:
    """The generation was begun because of that head."""
    entry = ledger_table.leaf(connection, generation.first)
    told = None if entry is None else json.loads(entry.body).get("contradicted")
    return bool(told == ledger_table.named(head))
