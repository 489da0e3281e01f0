"""The node's own key (Ed25519), with which it signs heads of the ledger, manifests and sidecars.

Blocking. It is made once, at the first start, in a file that nobody but the daemon reads, or handed over by systemd as
a credential. What lies in its place counts, also while the daemon runs. One that is damaged or gone is no reason to
stop: what it would sign goes unsigned, with an alarm, until it is back, or somebody with the right to do so makes a new
one.

Two persons begin a new generation of the ledger, with the same key or a new one (`edgectl ledger renew`). Whose key
signs and what is given up is fixed when the first one asks (`RotationTerms`); if it is not so any more when the second
one approves, nothing is done. Nobody signs meanwhile (`storage.mirror.service`). One transaction ends the old
generation and begins the new one: the old key, where it still can, signs all of the old generation, and the first leaf
of the new one names that whole tree, signed or not. So the new key vouches from its first head on also for what was
entered while there was no key. A new key lies beside the old one before the transaction and takes its place after it,
so that a crash leaves the ledger with a key at every step (docs/design/evidence.md).
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storage.database.writer import Database
from storage.files import exposure, fsync_directory
from storage.ledger import note, table, tree
from storage.ledger.note import Checkpoint
from storage.ledger.table import Generation, Identity, LeafMissing
from storage.words.clock import Clock
from storage.words.errors import OrderRefused, WriteFailed, said
from storage.words.failpoints import Failpoint, reach
from storage.words.message import Message, message

log = logging.getLogger("edged.storage.ledger")

NAME: Final = "ledger.key"
"""Of the file in the state directory, and of the systemd credential."""
MODE: Final = 0o600
MAX_BYTES: Final = 4096
"""PEM of such a key has 119 bytes."""
_NEXT: Final = ".new"
"""Behind the name: a key that has not taken its place yet."""
_OLD: Final = ".old"
"""What was no key of this box, where its key should have been."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is in the place of the key."""

    key: Ed25519PrivateKey | None
    fault: Message | None
    """Why there is none, in words; None where nothing is there, or where it is sound."""
    exposed: Message | None = None
    """Who else may have read it, in words."""
    stamp: tuple[int, ...] | None = None
    """Changes whenever the file does; None: it has to be read to know."""
    public: bytes | None = None
    """Of the key, 32 bytes: it is asked for every few seconds, and the library that knows it takes 3 MB."""


class Keyring:
    """The key of one node, in one place."""

    def __init__(self, node: str, path: Path, *, ours: bool = True) -> None:
        """`ours`: the file may be made and replaced; a credential may not."""
        self._node = node
        self._path = path
        self._ours = ours
        self._found = read(path)

    def refresh(self) -> None:
        """Notice, by its stamp, where the file is another one, gone, or back."""
        if _stamp(self._path) != self._found.stamp:
            self._found = read(self._path)

    @property
    def path(self) -> Path:
        return self._path

    @property
    def fault(self) -> Message | None:
        """Why nothing can be signed; None while it can."""
        found = self._found
        return (
            found.fault or message("ledger.key-gone", "the key of this box, {path}, is gone", path=str(self._path))
            if found.key is None
            else None
        )

    @property
    def exposed(self) -> Message | None:
        """Who else may have read the file, in words. A credential is guarded by systemd."""
        return self._found.exposed if self._ours else None

    @property
    def key(self) -> Ed25519PrivateKey | None:
        return self._found.key

    @property
    def public(self) -> bytes | None:
        """32 bytes."""
        return self._found.public

    @property
    def ours(self) -> bool:
        """The file may be made and replaced."""
        return self._ours

    @property
    def identity(self) -> Identity:
        """As of now."""
        return Identity(self._node, self.public, given=not self._ours)

    def with_key(self, key: Ed25519PrivateKey) -> Identity:
        """As it will be, once that key is in its place."""
        return Identity(self._node, public_of(key), given=True)

    def create_key(self) -> None:
        """Before there is any ledger: make the key, unless something is there. Where that fails it is a fault."""
        if self._found.key is None and self._found.fault is None and self._ours:
            try:
                self.prepare()
                self.place(())
            except OSError as error:
                fault = message(
                    "ledger.key-cannot-write",
                    "the key of this box cannot be written to {path} ({reason})",
                    path=str(self._path),
                    reason=said(error),
                )
                self._found = StoredKey(None, fault)
                log.error("%s: heads of the ledger go unsigned", fault)  # noqa: TRY400  (the trace says nothing)

    def settle(self, generations: Iterable[Generation]) -> None:
        """At the start: a renewal was cut off. Its key takes its place if the ledger goes by it already, else it goes.

        Where the disk does not take that, the fault shows: the key does not fit.
        """
        known = list(generations)
        beside = self._path.with_name(self._path.name + _NEXT)
        with suppress(OSError):
            if not self._ours or not beside.exists():
                return
            key, last = read(beside).key, known[-1].public if known else None
            if key is not None and public_of(key) == last != self.public:
                self.place(known)
            else:
                beside.unlink()

    def prepare(self) -> Ed25519PrivateKey:
        """A new key, durable beside the one in use; nothing goes by it yet. OrderRefused: it is not ours; OSError."""
        self.check_ours()
        key = Ed25519PrivateKey.generate()
        data = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        new = self._path.with_name(self._path.name + _NEXT)
        new.unlink(missing_ok=True)
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fsync_directory(new.parent)
        return key

    def check_ours(self) -> None:
        """OrderRefused where another key is for whoever hands it over to put there."""
        if not self._ours:
            what = message(
                "ledger.key-of-systemd", "the key of this box comes from systemd ({path})", path=str(self._path)
            )
            raise OrderRefused(
                what,
                message(
                    "ledger.key-of-systemd.action", "replace the credential, start edged again, then run this once more"
                ),
            )

    def place(self, generations: Iterable[Generation]) -> None:
        """What `prepare` made takes the place of the key. OSError.

        The key of a generation that is over goes, so that nobody signs in its name again; what was none of ours stays
        under another name, for whoever asks how it came there.
        """
        if self._path.exists() and self.public not in {one.public for one in generations if one.public}:
            self._path.replace(self._path.with_name(self._path.name + _OLD))
        self._path.with_name(self._path.name + _NEXT).rename(self._path)
        self._found = read(self._path)
        fsync_directory(self._path.parent)


def public_of(key: Ed25519PrivateKey) -> bytes:
    """32 bytes."""
    return key.public_key().public_bytes_raw()


def read(path: Path) -> StoredKey:
    """The key that lies there."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return StoredKey(None, None)
    except OSError as error:
        return StoredKey(
            None,
            message(
                "ledger.key-cannot-read",
                "the key of this box, {path}, cannot be read ({reason})",
                path=str(path),
                reason=said(error),
            ),
        )
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return StoredKey(
            None,
            message("ledger.key-damaged", "the key of this box, {path}, is damaged", path=str(path)),
            stamp=_stamped(status),
        )
    if not isinstance(key, Ed25519PrivateKey):
        return StoredKey(
            None,
            message("ledger.key-strange", "what lies in {path} is not an Ed25519 key", path=str(path)),
            stamp=_stamped(status),
        )
    return StoredKey(key, None, exposure(path, status, MODE), _stamped(status), public_of(key))


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        return _stamped(path.stat())
    except OSError:
        return None


def _stamped(status: os.stat_result) -> tuple[int, ...]:
    """A change of owner or mode moves its ctime."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


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
    return wanted or not table.fits(known, Identity("", public, given=not ours))


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
    known = database.read(table.every)
    if terms(known, keyring, contradicted, new_key=order.terms.public is None) != order.terms:
        what = message(
            "ledger.key-changed",
            "the key of this box, or what the centre holds against it, is not what it was when this was asked for",
        )
        raise OrderRefused(
            what, message("ledger.key-changed.action", "look at `edgectl alarms`, then ask again: edgectl ledger renew")
        )
    old = keyring.key
    key = _prepared(keyring) if order.terms.public is None or old is None else old
    reach(Failpoint.RENEW_KEY)
    yield partial(_turn, identity=keyring.with_key(key), old=old, order=order, wall_ms=clock.now().wall_ms)
    reach(Failpoint.RENEW_BEGUN)
    if key is not old:
        try:
            keyring.place(known)
        except OSError as error:
            what = message(
                "ledger.key-not-placed",
                "the new key cannot take the place of {path} ({reason})",
                path=str(keyring.path),
                reason=said(error),
            )
            raise WriteFailed(
                what,
                message(
                    "ledger.key-not-placed.action", "check the disk of the state directory, then start edged again"
                ),
            ) from error
    reach(Failpoint.RENEW_PLACED)


def _prepared(keyring: Keyring) -> Ed25519PrivateKey:
    try:
        return keyring.prepare()
    except OSError as error:
        what = message(
            "ledger.key-not-written",
            "a new key cannot be written beside {path} ({reason})",
            path=str(keyring.path),
            reason=said(error),
        )
        raise WriteFailed(
            what, message("ledger.key-not-written.action", "check the disk of the state directory, then run it again")
        ) from error


def _turn(
    connection: sqlite3.Connection,
    identity: Identity,
    old: Ed25519PrivateKey | None,
    order: RotationOrder,
    wall_ms: int,
) -> KeyRotation:
    """One generation ends, the next begins."""
    before = table.present(connection)
    whole = None if before is None else _whole(connection, before)
    signed = False
    if before is not None and whole is not None and old is not None and before.public == public_of(old):
        text = note.sign(whole.text, whole.origin, old)
        table.signed(connection, before, whole.size, whole.root, text)
        signed = True
    against = order.terms.contradicted
    begun = table.begin(
        connection,
        identity,
        REASON,
        wall_ms,
        previous=whole,
        told={} if against is None else {"contradicted": table.named(against)},
        committed={"who": order.who, "why": order.reason},
    )
    return KeyRotation(begun, whole, signed, old is None or identity.public != public_of(old))


def _whole(connection: sqlite3.Connection, generation: Generation) -> Checkpoint | None:
    """All that it has; None where leaves of it are missing."""
    size = table.end(connection, generation)
    try:
        root = tree.root(table.read(connection, generation), size)
    except LeafMissing:
        return None
    return Checkpoint(generation.origin, size, root) if size else None
