"""Signed heads of the ledger: checkpoints as signed notes (C2SP signed-note and tlog-checkpoint), Ed25519.

Pure. A note is text, an empty line, and a line for each signature; a checkpoint's text is the origin of the log, its
size, and its root. Imports `cryptography`.

DSSE v1 envelopes: what is signed, with its type, by Ed25519.
https://github.com/secure-systems-lab/dsse. Lists of exports, statements and commands of the centre go in one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from storage.ledger.tree import Hash
from storage.words.message import Message, message

ED25519: Final = b"\1"
"""The kind of signature, as C2SP numbers them."""
ID_BYTES: Final = 4
SIZE_MAX: Final = 1 << 62
NOTE_MAX_BYTES: Final = 64 << 10
"""Ours have 200, and 100 a signature; what is longer was not written by a log."""
SIGNATURES_MAX: Final = 100
_DASH: Final = "\u2014 "


class NoteDamaged(ValueError):
    """It is no signed note, or its text is no checkpoint."""

    def __init__(self, why: Message) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How long a log is, and its root."""

    origin: str
    size: int
    root: Hash

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Verifier:
    """Who a signature may be from: a name and a public key."""

    name: str
    public: bytes
    """32 bytes."""

    @property
    def id(self) -> bytes:
        """Four bytes by which a signature says whose it is. They only find the key: they prove nothing."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:ID_BYTES]

    def __str__(self) -> str:
        """As people hand it on (vkey)."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of a vkey. ValueError."""
        name, _, rest = text.strip().partition("+")
        number, _, key = rest.partition("+")
        raw = _unbase64(key)
        if not _is_name(name) or raw[:1] != ED25519 or len(raw) != 1 + 32:
            raise ValueError("not the public key of a log: NAME+8 digits+base64")
        found = cls(name, raw[1:])
        if found.id.hex() != number:
            raise ValueError(f"the public key of {name} does not fit its number {number}")
        return found

    @property
    def fingerprint(self) -> str:
        """Of the key whatever its name, for people to compare: SHA-256, 64 digits."""
        return sha256(self.public).hexdigest()

    def verifies(self, text: str, signature: bytes) -> bool:
        """The signature is of this key, over this text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signature:
    """A line of a note."""

    name: str
    id: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """Text, and signatures that nobody has checked yet."""

    text: str
    signatures: tuple[Signature, ...]

    def signed_by(self, verifier: Verifier) -> bool:
        """It bears a signature of that key, and each that claims to be is."""
        mine = [one for one in self.signatures if (one.name, one.id) == (verifier.name, verifier.id)]
        return bool(mine) and all(verifier.verifies(self.text, one.value) for one in mine)

    def checkpoint(self) -> Checkpoint:
        """What the text says. NoteDamaged: it is none."""
        lines = self.text.split("\n")
        if len(lines) < 4 or not lines[0] or "" in lines[:-1]:
            raise NoteDamaged(
                message("ledger.note-three-lines", "a checkpoint has an origin, a size and a root, each on a line")
            )
        origin, size, root = lines[:3]
        raw = _unbase64(root)
        if not (size.isascii() and size.isdecimal()) or str(int(size)) != size or int(size) > SIZE_MAX:
            raise NoteDamaged(message("ledger.note-no-size", "{text} is no size of a log", text=repr(size[:32])))
        if len(raw) != sha256().digest_size or base64.b64encode(raw).decode() != root:
            raise NoteDamaged(message("ledger.note-no-root", "{text} is no root of a log", text=repr(root[:64])))
        return Checkpoint(origin, int(size), raw)


def sign(text: str, name: str, key: Ed25519PrivateKey) -> str:
    """The note: `text`, which ends with a line's end, signed under `name`."""
    verifier = Verifier(name, key.public_key().public_bytes_raw())
    value = base64.b64encode(verifier.id + key.sign(text.encode())).decode()
    return f"{text}\n{_DASH}{name} {value}\n"


def parse(data: str | bytes) -> Note:
    """A note as it came. NoteDamaged."""
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        raise NoteDamaged(message("ledger.note-not-utf8", "it is not text in UTF-8")) from error
    if len(text) > NOTE_MAX_BYTES or any(character < " " and character != "\n" for character in text):
        raise NoteDamaged(message("ledger.note-not-plain", "it is too long, or no plain text"))
    head, gap, tail = text.rpartition("\n\n")
    if not gap or not tail.endswith("\n"):
        raise NoteDamaged(message("ledger.note-no-signatures", "there are no signatures behind an empty line"))
    lines = tail[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise NoteDamaged(message("ledger.note-signatures", "{count} signatures", count=len(lines)))
    return Note(head + "\n", tuple(_signatures(lines)))


def _signatures(lines: Iterable[str]) -> Iterable[Signature]:
    for line in lines:
        name, _, value = line.removeprefix(_DASH).rpartition(" ")
        raw = _unbase64(value)
        if not line.startswith(_DASH) or not _is_name(name) or len(raw) <= ID_BYTES:
            raise NoteDamaged(message("ledger.note-no-signature", "{text} is no signature", text=repr(line[:64])))
        yield Signature(name, raw[:ID_BYTES], raw[ID_BYTES:])


def _is_name(name: str) -> bool:
    return bool(name) and not any(character.isspace() or character == "+" for character in name)


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteDamaged(message("ledger.note-not-base64", "{text} is not base64", text=repr(text[:64]))) from error


def pae(kind: str, payload: bytes) -> bytes:
    """What is signed: the pre-authentication encoding."""
    return b"DSSEv1 %d %b %d %b" % (len(kind.encode()), kind.encode(), len(payload), payload)


def key_id(public: bytes) -> str:
    """Of a key of 32 bytes: 64 digits."""
    return sha256(public).hexdigest()


def envelope(kind: str, payload: bytes, public: bytes, sign: Callable[[bytes], bytes]) -> dict[str, Any]:
    """`kind`: the payload's type. `public`: 32 bytes of whom `sign` signs for."""
    signature = {"keyid": key_id(public), "sig": base64.b64encode(sign(pae(kind, payload))).decode()}
    return {"payload": base64.b64encode(payload).decode(), "payloadType": kind, "signatures": [signature]}
