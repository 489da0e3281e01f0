"""What the files of `[mqtt]` hold: certificates and a key as bytes in, what is wrong and until when they are good out.

Pure. Dates are judged apart from all else, because they are the one thing that a clock decides. A mistake that leaves
something to try with is told and tried all the same: a link that refuses itself tells the centre nothing.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

KEYS: Final = ("ca_file", "certificate", "key_file")
WARN_MS: Final = 30 * 86_400_000
"""A certificate that ends within this time is told of: whoever makes a new one has a month."""
HOW: Final = "docs/mosquitto/README.md shows how one is made"


@dataclass(frozen=True, slots=True)
class Files:
    """Where they lie, absolute; `certificate` and `key_file` are both there or both ""."""

    ca_file: str
    certificate: str = ""
    key_file: str = ""


class Weight(IntEnum):
    TIME = 1
    """A matter of dates: of the certificate's, or of this box's clock."""
    WRONG = 2
    """Connecting can be tried all the same."""
    BROKEN = 3
    """There is nothing to try with."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`key` is the key under [mqtt] whose file it is; `instead` what to do."""

    key: str
    problem: str
    instead: str
    weight: Weight = Weight.BROKEN

    def __str__(self) -> str:
        return f"[mqtt] {self.key}: {self.problem}. {self.action}"

    @property
    def action(self) -> str:
        """`instead` as a sentence."""
        return self.instead[:1].upper() + self.instead[1:]


class Unusable(ValueError):
    """There is nothing to connect with; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Lifetime:
    """From when to when a certificate is valid, ms since 1970; `source` is the file that it came from, if from one."""

    begins_ms: int
    ends_ms: int
    source: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What stood in the files at one instant; b"" for a file that is not configured."""

    ca: bytes
    certificate: bytes = b""
    key: bytes = b""
    key_mode: int = stat.S_IRUSR

    @property
    def digest(self) -> bytes:
        parts = (hashlib.sha256(part).digest() for part in (self.ca, self.certificate, self.key))
        return hashlib.sha256(b"".join(parts)).digest()


@dataclass(frozen=True, slots=True)
class Examined:
    """What the files come to. Nothing of it is secret."""

    authorities: tuple[x509.Certificate, ...] = ()
    box: x509.Certificate | None = None
    faults: tuple[Fault, ...] = ()

    @property
    def broken(self) -> bool:
        return any(fault.weight is Weight.BROKEN for fault in self.faults)


def examine(files: Files, held: Contents, node: str, username: str) -> Examined:
    """All that is wrong but the dates. `node` is what the broker is to know this box by unless it has a `username`."""
    faults: list[Fault] = []
    authorities = _certificates("ca_file", files.ca_file, held.ca, faults)
    if not files.certificate:
        return Examined(authorities, None, tuple(faults))
    chain = _certificates("certificate", files.certificate, held.certificate, faults)
    box = chain[0] if chain else None
    faults += _key_faults(files, held, box)
    if box is not None:
        faults += _purpose(files, box)
        faults += _name(files, box, node, username)
    return Examined(authorities, box, tuple(faults))


def _certificates(key: str, path: str, pem: bytes, faults: list[Fault]) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except (ValueError, UnsupportedAlgorithm):
        instead = "name a PEM file: text that begins with -----BEGIN CERTIFICATE-----"
        faults.append(Fault(key, f"{path} holds no certificates that can be read", f"{instead}; {HOW}"))
        return ()


def _key_faults(files: Files, held: Contents, box: x509.Certificate | None) -> Iterator[Fault]:
    path = files.key_file
    if held.key_mode & (stat.S_IROTH | stat.S_IWOTH):
        problem = f"everybody on this machine can read {path}, and so pose as this box"
        instead = f"run chmod o= {path}, and have a new key and certificate made if others could log in here"
        yield Fault("key_file", problem, instead, Weight.WRONG)
    try:
        key = load_pem_private_key(held.key, None)
    except TypeError:
        problem = f"the key in {path} is locked with a password, which nobody is there to type"
        yield Fault("key_file", problem, f"run openssl pkey -in {path}, and put what it prints in its place")
        return
    except (ValueError, UnsupportedAlgorithm):
        instead = "name a PEM file: text that begins with -----BEGIN PRIVATE KEY-----"
        yield Fault("key_file", f"{path} holds no key that can be read", f"{instead}; {HOW}")
        return
    spki = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if box is not None and key.public_key().public_bytes(*spki) != box.public_key().public_bytes(*spki):
        problem = f"the key in {path} does not belong to the certificate in {files.certificate}"
        yield Fault("key_file", problem, "put the two in place that were made together")


def _purpose(files: Files, box: x509.Certificate) -> Iterator[Fault]:
    try:
        uses = set(box.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension):
        return  # no word on it: good for everything
    if not uses & {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}:
        problem = f"the certificate in {files.certificate} is not made for a client: brokers refuse it"
        yield Fault("certificate", problem, f"have one made with extendedKeyUsage = clientAuth; {HOW}", Weight.WRONG)


def _name(files: Files, box: x509.Certificate, node: str, username: str) -> Iterator[Fault]:
    """A broker that knows its boxes by their certificates gives each the topics of the common name in it."""
    names = [str(name.value) for name in box.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names == [node] or username:
        return
    said = f"made out to {', '.join(map(repr, names))}" if names else "made out to nobody"
    problem = f"the certificate in {files.certificate} is {said}, not to {node!r}, this box's [site] node"
    instead = f"have one made with CN = {node}: the broker gives a box the topics of the name in its certificate"
    yield Fault("certificate", problem, instead, Weight.WRONG)


def worst(faults: Sequence[Fault]) -> int:
    """The weight of the heaviest; 0 where there is none."""
    return max((fault.weight for fault in faults), default=0)


def lifetime(certificate: x509.Certificate, source: str = "") -> Lifetime:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return Lifetime(round(begins.timestamp() * 1000), round(ends.timestamp() * 1000), source)


def authority(
    authorities: Sequence[x509.Certificate], shown: x509.Certificate | None, source: str = ""
) -> Lifetime | None:
    """Of the one that vouches for what the broker has shown; unknown, the one that lasts longest: while an authority
    is replaced, the file has the old one and the new one.
    """
    if not authorities:
        return None
    vouching = [one for one in authorities if shown is not None and _vouches(one, shown)]
    return max((lifetime(one, source) for one in vouching or authorities), key=lambda known: known.ends_ms)


def _vouches(one: x509.Certificate, shown: x509.Certificate) -> bool:
    try:
        shown.verify_directly_issued_by(one)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def estranged(
    files: Files, held: Sequence[x509.Certificate], wished: Sequence[x509.Certificate], shown: x509.Certificate
) -> tuple[Fault, ...]:
    """Whoever vouches for the broker of a link that stands is no longer among the authorities."""
    known, knows = (any(_vouches(one, shown) for one in some) for some in (held, wished))
    if knows or not known or not wished:
        return ()
    problem = f"{files.ca_file} holds no authority that vouches for the broker that this box is connected to"
    return (Fault("ca_file", problem, "put the broker's authority into it, too; it may hold several", Weight.WRONG),)


def lapses(files: Files, examined: Examined, now_ms: int) -> tuple[Fault, ...]:
    """What is not in date by this clock."""
    return tuple(fault for key, life in lives(files, examined).items() if (fault := lapse(key, life, now_ms)))


def lives(files: Files, examined: Examined) -> dict[str, Lifetime]:
    """Key to lifetime, of what could be read."""
    box = None if examined.box is None else lifetime(examined.box, files.certificate)
    found = {"ca_file": authority(examined.authorities, None, files.ca_file), "certificate": box}
    return {key: life for key, life in found.items() if life is not None}


def lapse(key: str, life: Lifetime, now_ms: int) -> Fault | None:
    if now_ms > life.ends_ms:
        problem = f"the certificate in {life.source} ended on {day(life.ends_ms)}"
        return Fault(key, problem, f"put a new one in its place; {HOW}", Weight.TIME)
    if now_ms < life.begins_ms:
        problem = (
            f"the certificate in {life.source} begins on {day(life.begins_ms)}, and by the clock of this box that is "
            "still to come"
        )
        return Fault(key, problem, "check the clock of this box (timedatectl) first", Weight.TIME)
    return None


def day(wall_ms: int) -> str:
    """In UTC: certificates are dated by it, and nobody renews one in its last hours."""
    return datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y-%m-%d")
