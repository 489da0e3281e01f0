"""A person begins a new generation of the ledger, with the same key or a new one (`edgectl ledger renew`).

Blocking; nobody signs meanwhile (`storage.repair.mirror`). One transaction ends the old generation and begins the new
one: the old key, where it still can, signs all of the old generation, and the first leaf of the new one names that
whole tree, signed or not. So the new key vouches from its first head on also for what was entered while there was no
key. A new key lies beside the old one before the transaction and takes its place after it, so that a crash leaves the
ledger with a key at every step (DESIGN §4).
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import partial
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storage.catalog import generations, nodes
from storage.catalog.database import Database
from storage.catalog.generations import Generation, Identity
from storage.catalog.nodes import LeafMissing
from storage.clock import Clock
from storage.errors import WriteFailed
from storage.failpoints import Step, reach
from storage.ledger import note, tree
from storage.ledger.key import Keyring, public_of
from storage.ledger.note import Checkpoint

REASON: Final = "somebody with the right to do so began it"
PATIENCE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asks for."""

    who: str
    reason: str
    new_key: bool = False
    contradicted: Checkpoint | None = None
    """A head that the centre has and this box does not know: the leaf of the new generation says so."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """What came of it."""

    generation: Generation
    previous: Checkpoint | None
    """How far the old one goes; None: there was none, or leaves of it are missing."""
    signed: bool
    """The old key has signed that."""
    new_key: bool


def needs_key(known: list[Generation], public: bytes | None, *, ours: bool, wanted: bool) -> bool:
    """Whether there has to be a new key. Pure.

    A file that somebody else put in place of ours is no key to go by: whoever put it there has it, too. A credential is
    put there by whoever administers the box.
    """
    if public is None or wanted:
        return True
    last = next((one.public for one in reversed(known) if one.public is not None), None)
    return ours and last not in (None, public)


def renew(database: Database, clock: Clock, keyring: Keyring, order: Order) -> Renewed:
    """Done, when this returns. OrderRefused where it takes another credential, WriteFailed."""
    known = database.read(generations.every)
    old = keyring.key
    fresh = needs_key(known, keyring.public, ours=keyring.ours, wanted=order.new_key)
    key = _prepared(keyring) if fresh or old is None else old
    reach(Step.RENEW_KEY)
    fact = partial(_turn, identity=keyring.with_key(key), old=old, order=order, wall_ms=clock.now().wall_ms)
    renewed = database.submit(fact).result(PATIENCE_S)
    reach(Step.RENEW_BEGUN)
    if key is not old:
        try:
            keyring.place(key, known)
        except OSError as error:
            what = f"the new key cannot take the place of {keyring.path} ({error.strerror or error})"
            raise WriteFailed(what, "check the disk of the state directory, then start edged again") from error
    reach(Step.RENEW_PLACED)
    return renewed


def _prepared(keyring: Keyring) -> Ed25519PrivateKey:
    try:
        return keyring.prepare()
    except OSError as error:
        what = f"a new key cannot be written beside {keyring.path} ({error.strerror or error})"
        raise WriteFailed(what, "check the disk of the state directory, then run it again") from error


def _turn(
    connection: sqlite3.Connection, identity: Identity, old: Ed25519PrivateKey | None, order: Order, wall_ms: int
) -> Renewed:
    """One generation ends, the next begins."""
    before = generations.present(connection)
    whole = None if before is None else _whole(connection, before)
    signed = False
    if before is not None and whole is not None and old is not None and before.public == public_of(old):
        text = note.sign(whole.text, whole.origin, old)
        generations.signed(connection, before, whole.size, whole.root, text)
        signed = True
    against = order.contradicted
    begun = generations.begin(
        connection,
        identity,
        REASON,
        wall_ms,
        previous=whole,
        told={} if against is None else {"contradicted": generations.named(against)},
        committed={"who": order.who, "why": order.reason},
    )
    return Renewed(begun, whole, signed, old is None or identity.public != public_of(old))


def _whole(connection: sqlite3.Connection, generation: Generation) -> Checkpoint | None:
    """All that it has; None where leaves of it are missing."""
    size = generations.end(connection, generation)
    try:
        root = tree.root(nodes.read(connection, generation), size)
    except LeafMissing:
        return None
    return Checkpoint(generation.origin, size, root) if size else None
