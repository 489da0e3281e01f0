"""Two persons begin a new generation of the ledger, with the same key or a new one (`edgectl ledger renew`).

Whose key signs and what is given up is fixed when the first one asks (`RotationTerms`); if it is not so any more when
the second one approves, nothing is done. Blocking; nobody signs meanwhile (`storage.mirror.service`). One transaction
ends the old generation and begins the new one: the old key, where it still can, signs all of the old generation, and
the first leaf of the new one names that whole tree, signed or not. So the new key vouches from its first head on also
for what was entered while there was no key. A new key lies beside the old one before the transaction and takes its
place after it, so that a crash leaves the ledger with a key at every step (docs/design/evidence.md).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storage.database.writer import Database
from storage.ledger import generations_table, nodes_table, note, tree
from storage.ledger.generations_table import Generation, Identity
from storage.ledger.key import Keyring, public_of
from storage.ledger.nodes_table import LeafMissing
from storage.ledger.note import Checkpoint
from storage.words.clock import Clock
from storage.words.errors import OrderRefused, WriteFailed
from storage.words.failpoints import Failpoint, reach

REASON: Final = "two persons began it"


@dataclass(frozen=True, slots=True)
class RotationTerms:
    """What is agreed upon."""

    public: bytes | None
    """Of the key that goes on signing; None: a new one is made."""
    contradicted: Checkpoint | None = None
    """A head that the centre has and this box does not know: the leaf of the new generation says so."""


@dataclass(frozen=True, slots=True)
class RotationOrder:
    """What two persons want."""

    who: str
    """Both."""
    reason: str
    terms: RotationTerms


@dataclass(frozen=True, slots=True)
class KeyRotation:
    """What came of it."""

    generation: Generation
    previous: Checkpoint | None
    """How far the old one goes; None: there was none, or leaves of it are missing."""
    signed: bool
    """The old key has signed that."""
    new_key: bool


Turn: TypeAlias = Callable[[sqlite3.Connection], KeyRotation]


def needs_key(known: list[Generation], public: bytes | None, *, ours: bool, wanted: bool) -> bool:
    """Whether there has to be a new key. Pure."""
    return wanted or not generations_table.fits(known, Identity("", public, given=not ours))


def terms(
    known: list[Generation], keyring: Keyring, contradicted: Checkpoint | None, *, new_key: bool
) -> RotationTerms:
    """As it would be done now. OrderRefused where that takes another credential."""
    if needs_key(known, keyring.public, ours=keyring.ours, wanted=new_key):
        keyring.check_ours()
        return RotationTerms(None, contradicted)
    return RotationTerms(keyring.public, contradicted)


@contextmanager
def renewing(
    database: Database, clock: Clock, keyring: Keyring, order: RotationOrder, contradicted: Checkpoint | None
) -> Iterator[Turn]:
    """The transaction that does it, to be carried out within. OrderRefused, WriteFailed.

    Nothing is done where the terms are others by now.
    """
    known = database.read(generations_table.every)
    if terms(known, keyring, contradicted, new_key=order.terms.public is None) != order.terms:
        what = "the key of this box, or what the centre holds against it, is not what it was when this was asked for"
        raise OrderRefused(what, "look at `edgectl alarms`, then ask again: edgectl ledger renew")
    old = keyring.key
    key = _prepared(keyring) if order.terms.public is None or old is None else old
    reach(Failpoint.RENEW_KEY)
    yield partial(_turn, identity=keyring.with_key(key), old=old, order=order, wall_ms=clock.now().wall_ms)
    reach(Failpoint.RENEW_BEGUN)
    if key is not old:
        try:
            keyring.place(known)
        except OSError as error:
            what = f"the new key cannot take the place of {keyring.path} ({error.strerror or error})"
            raise WriteFailed(what, "check the disk of the state directory, then start edged again") from error
    reach(Failpoint.RENEW_PLACED)


def _prepared(keyring: Keyring) -> Ed25519PrivateKey:
    try:
        return keyring.prepare()
    except OSError as error:
        what = f"a new key cannot be written beside {keyring.path} ({error.strerror or error})"
        raise WriteFailed(what, "check the disk of the state directory, then run it again") from error


def _turn(
    connection: sqlite3.Connection,
    identity: Identity,
    old: Ed25519PrivateKey | None,
    order: RotationOrder,
    wall_ms: int,
) -> KeyRotation:
    """One generation ends, the next begins."""
    before = generations_table.present(connection)
    whole = None if before is None else _whole(connection, before)
    signed = False
    if before is not None and whole is not None and old is not None and before.public == public_of(old):
        text = note.sign(whole.text, whole.origin, old)
        generations_table.signed(connection, before, whole.size, whole.root, text)
        signed = True
    against = order.terms.contradicted
    begun = generations_table.begin(
        connection,
        identity,
        REASON,
        wall_ms,
        previous=whole,
        told={} if against is None else {"contradicted": generations_table.named(against)},
        committed={"who": order.who, "why": order.reason},
    )
    return KeyRotation(begun, whole, signed, old is None or identity.public != public_of(old))


def _whole(connection: sqlite3.Connection, generation: Generation) -> Checkpoint | None:
    """All that it has; None where leaves of it are missing."""
    size = generations_table.end(connection, generation)
    try:
        root = tree.root(nodes_table.read(connection, generation), size)
    except LeafMissing:
        return None
    return Checkpoint(generation.origin, size, root) if size else None
