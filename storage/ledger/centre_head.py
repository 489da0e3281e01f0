"""What others hold of our ledger: the head that the centre has kept, against the tree as it is here.

Blocking. A head covers only what lies on a volume too, so no power cut explains one that the centre has and this tree
does not begin with: an older state was put back, or leaves were taken away. It is told until the leaves are back, or
until a person has begun a new generation whose first leaf names it (`storage.ledger.key_rotation`).
"""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from storage.database.writer import Database
from storage.ledger import generations_table, nodes_table, note, tree
from storage.ledger import table as ledger
from storage.ledger.generations_table import Generation
from storage.ledger.key import Keyring
from storage.ledger.nodes_table import LeafMissing
from storage.ledger.note import Checkpoint, Note, Verifier


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
    known = generations_table.every(connection)
    if not _is_signed(held, known, public):
        return HeadAgreement.NONE
    if any(_names(connection, one, held.head) for one in known):
        return HeadAgreement.SETTLED
    rebuild = generations_table.last_rebuild(connection)
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
        return self._database.submit(partial(generations_table.seen, origin=origin, size=size), yielding=True)


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
    if head.size > generations_table.end(connection, generation):
        return HeadAgreement.LONGER
    try:
        root = tree.root(nodes_table.read(connection, generation), head.size)
    except LeafMissing:
        return HeadAgreement.LONGER
    return HeadAgreement.AGREES if root == head.root else HeadAgreement.OTHER


def _names(connection: sqlite3.Connection, generation: Generation, head: Checkpoint) -> bool:
    """The generation was begun because of that head."""
    entry = ledger.leaf(connection, generation.first)
    told = None if entry is None else json.loads(entry.body).get("contradicted")
    return bool(told == generations_table.named(head))
