"""TLS to the broker: reads the certificates and the key of `[mqtt]`, judges them, uses new ones once they are there.

The first half is pure: certificates and a key as bytes in, what is wrong and until when they are good out. Dates are
judged apart from all else, because they are the one thing that a clock decides. A mistake that leaves something to try
with is told and tried all the same: a link that refuses itself tells the centre nothing.

The second half, from `Keyring` on, reads files; it is blocking and thread-safe. Files are read before each attempt and
whenever somebody asks (`poll`). What is read is what is examined and used, so that a file that changes meanwhile makes
no difference. There is no way to connect without verifying the broker's certificate and name, and none below TLS 1.2.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pwd
import ssl
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from storage.words.errors import said
from storage.words.message import Message, message

log = logging.getLogger(__name__)
WARN_MS: Final = 30 * 86_400_000
"""A certificate that ends within this time raises an alarm: whoever makes a new one has a month."""
KEYS: Final = ("ca_file", "certificate", "key_file")


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
class CertificateFault:
    """`key` is the key under [mqtt] whose file it is; `instead` what to do."""

    key: str
    problem: Message
    instead: Message
    weight: Weight = Weight.BROKEN

    def __str__(self) -> str:
        return str(self.said)

    @property
    def said(self) -> Message:
        """All of it, on one line."""

        return message(
            "link.certificate-fault",
            "[mqtt] {key}: {problem}. {action}",
            key=self.key,
            problem=self.problem,
            action=self.action,
        )

    @property
    def action(self) -> Message:
        """`instead` as a sentence."""
        return Message(self.instead[:1].upper() + self.instead[1:], self.instead.code, self.instead.values)


class Unusable(ValueError):
    """There is nothing to connect with; `fault` says why."""

    def __init__(self, fault: CertificateFault) -> None:
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
    faults: tuple[CertificateFault, ...] = ()

    @property
    def broken(self) -> bool:
        return any(fault.weight is Weight.BROKEN for fault in self.faults)


def examine(files: Files, held: Contents, node: str, username: str) -> Examined:
    """All that is wrong but the dates. `node` is what the broker is to know this box by unless it has a `username`."""
    faults: list[CertificateFault] = []
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


def _certificates(key: str, path: str, pem: bytes, faults: list[CertificateFault]) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except (ValueError, UnsupportedAlgorithm):
        problem = message("tls.no-certificates", "{path} holds no certificates that can be read", path=path)
        instead = message(
            "tls.no-certificates.action",
            "name a PEM file: text that begins with -----BEGIN CERTIFICATE-----; "
            "docs/mosquitto/README.md shows how one is made",
        )
        faults.append(CertificateFault(key, problem, instead))
        return ()


def _key_faults(files: Files, held: Contents, box: x509.Certificate | None) -> Iterator[CertificateFault]:
    path = files.key_file
    if held.key_mode & (stat.S_IROTH | stat.S_IWOTH):
        problem = message(
            "tls.key-open", "everybody on this machine can read {path}, and so pose as this box", path=path
        )
        instead = message(
            "tls.key-open.action",
            "run chmod o= {path}, and have a new key and certificate made if others could log in here",
            path=path,
        )
        yield CertificateFault("key_file", problem, instead, Weight.WRONG)
    try:
        key = load_pem_private_key(held.key, None)
    except TypeError:
        problem = message(
            "tls.key-locked", "the key in {path} is locked with a password, which nobody is there to type", path=path
        )
        instead = message(
            "tls.key-locked.action", "run openssl pkey -in {path}, and put what it prints in its place", path=path
        )
        yield CertificateFault("key_file", problem, instead)
        return
    except (ValueError, UnsupportedAlgorithm):
        problem = message("tls.no-key", "{path} holds no key that can be read", path=path)
        instead = message(
            "tls.no-key.action",
            "name a PEM file: text that begins with -----BEGIN PRIVATE KEY-----; "
            "docs/mosquitto/README.md shows how one is made",
        )
        yield CertificateFault("key_file", problem, instead)
        return
    spki = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if box is not None and key.public_key().public_bytes(*spki) != box.public_key().public_bytes(*spki):
        problem = message(
            "tls.not-a-pair",
            "the key in {path} does not belong to the certificate in {certificate}",
            path=path,
            certificate=files.certificate,
        )
        instead = message("tls.not-a-pair.action", "put the two in place that were made together")
        yield CertificateFault("key_file", problem, instead)


def _purpose(files: Files, box: x509.Certificate) -> Iterator[CertificateFault]:
    try:
        uses = set(box.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension):
        return  # no word on it: good for everything
    if not uses & {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}:
        problem = message(
            "tls.not-for-a-client",
            "the certificate in {path} is not made for a client: brokers refuse it",
            path=files.certificate,
        )
        instead = message(
            "tls.not-for-a-client.action",
            "have one made with extendedKeyUsage = clientAuth; docs/mosquitto/README.md shows how one is made",
        )
        yield CertificateFault("certificate", problem, instead, Weight.WRONG)


def _name(files: Files, box: x509.Certificate, node: str, username: str) -> Iterator[CertificateFault]:
    """A broker that knows its boxes by their certificates gives each the topics of the common name in it."""
    names = [str(name.value) for name in box.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names == [node] or username:
        return
    problem = (
        message(
            "tls.other-name",
            "the certificate in {path} is made out to {names}, not to {node}, this box's [site] node",
            path=files.certificate,
            names=[repr(name) for name in names],
            node=repr(node),
        )
        if names
        else message(
            "tls.no-name",
            "the certificate in {path} is made out to nobody, not to {node}, this box's [site] node",
            path=files.certificate,
            node=repr(node),
        )
    )
    instead = message(
        "tls.name.action",
        "have one made with CN = {node}: the broker gives a box the topics of the name in its certificate",
        node=node,
    )
    yield CertificateFault("certificate", problem, instead, Weight.WRONG)


def worst(faults: Sequence[CertificateFault]) -> int:
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
) -> tuple[CertificateFault, ...]:
    """Whoever vouches for the broker of a link that stands is no longer among the authorities."""
    known, knows = (any(_vouches(one, shown) for one in some) for some in (held, wished))
    if knows or not known or not wished:
        return ()
    problem = message(
        "tls.estranged",
        "{path} holds no authority that vouches for the broker that this box is connected to",
        path=files.ca_file,
    )
    instead = message("tls.estranged.action", "put the broker's authority into it, too; it may hold several")
    return (CertificateFault("ca_file", problem, instead, Weight.WRONG),)


def lapses(files: Files, examined: Examined, now_ms: int) -> tuple[CertificateFault, ...]:
    """What is not in date by this clock."""
    return tuple(fault for key, life in lifetimes(files, examined).items() if (fault := lapse(key, life, now_ms)))


def lifetimes(files: Files, examined: Examined) -> dict[str, Lifetime]:
    """Key to lifetime, of what could be read."""
    box = None if examined.box is None else lifetime(examined.box, files.certificate)
    found = {"ca_file": authority(examined.authorities, None, files.ca_file), "certificate": box}
    return {key: life for key, life in found.items() if life is not None}


def lapse(key: str, life: Lifetime, now_ms: int) -> CertificateFault | None:
    if now_ms > life.ends_ms:
        problem = message(
            "tls.ended", "the certificate in {path} ended on {day}", path=life.source, day=day(life.ends_ms)
        )
        instead = message(
            "tls.ended.action", "put a new one in its place; docs/mosquitto/README.md shows how one is made"
        )
        return CertificateFault(key, problem, instead, Weight.TIME)
    if now_ms < life.begins_ms:
        problem = message(
            "tls.to-come",
            "the certificate in {path} begins on {day}, and by the clock of this box that is still to come",
            path=life.source,
            day=day(life.begins_ms),
        )
        instead = message("tls.to-come.action", "check the clock of this box (timedatectl) first")
        return CertificateFault(key, problem, instead, Weight.TIME)
    return None


def day(wall_ms: int) -> str:
    """In UTC: certificates are dated by it, and nobody renews one in its last hours."""
    return datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y-%m-%d")


NAME_ONE: Final = message("tls.name-one.action", "name a PEM file")
MAX_FILE_BYTES: Final = 2 << 20
"""A system's whole list of authorities has a quarter of it."""
LOOK_EVERY_S: Final = 60.0
"""How soon files that were replaced are noticed while a connection stands."""


@dataclass(frozen=True, slots=True)
class TlsView:
    """How certificates and key stand, for alarms."""

    files: Files
    faults: tuple[CertificateFault, ...] = ()
    """Of what stands in the files now."""
    kept: bool = False
    """What the files held before is used instead."""
    box: Lifetime | None = None
    authority: Lifetime | None = None
    broker: Lifetime | None = None
    """Of what the broker showed last; None before the first handshake."""


@dataclass(frozen=True, slots=True)
class _CurrentFiles:
    """What connections are made with."""

    digest: bytes
    context: ssl.SSLContext
    examined: Examined


class Keyring:
    """The certificates and the key of the link, as they are on disk and as they are used."""

    def __init__(self, files: Files, node: str, username: str, now_ms: Callable[[], int]) -> None:
        self._files = files
        self._node = node
        self._username = username
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._worn: _CurrentFiles | None = None
        self._shown: x509.Certificate | None = None
        self._stands = False
        self._told: tuple[CertificateFault, ...] = ()
        self.view = TlsView(files)

    def poll(self) -> None:
        """Read the files. What is new and no worse is used from now on; what is worse leaves all as it was."""
        with self._lock:
            contents, unread = _read(self._files)
            worn = self._worn
            if contents is None:
                return self._note(unread, kept=worn is not None)
            examined = examine(self._files, contents, self._node, self._username)
            if worn is not None and contents.digest == worn.digest:
                self._worn = replace(worn, examined=examined)  # the mode of a file is not in its contents
                return self._note(examined.faults, kept=False)
            context, faults = _context(self._files, contents, examined)
            now = (*faults, *lapses(self._files, examined, self._now_ms()))
            if worn is not None and self._stands and self._shown is not None:
                held, wished = worn.examined.authorities, examined.authorities
                now += estranged(self._files, held, wished, self._shown)
            if context is None or (worn is not None and worst(now) > self._worst_of(worn)):
                return self._note(now, kept=worn is not None)
            self._worn = _CurrentFiles(contents.digest, context, examined)
            if worn is not None:
                log.info("certificates or key of the link were replaced: the next connection is made with the new ones")
            return self._note(faults, kept=False)

    def _worst_of(self, worn: _CurrentFiles) -> int:
        late = lapses(self._files, worn.examined, self._now_ms())
        return worst((*worn.examined.faults, *late))

    def context(self) -> ssl.SSLContext:
        """For one attempt, made when no connection stands; Unusable where there is nothing to try with."""
        self._stands = False
        self.poll()
        worn = self._worn
        if worn is None:
            raise Unusable(max(self.view.faults, key=lambda fault: fault.weight))
        return worn.context

    def superseded(self, context: ssl.SSLContext) -> bool:
        """Something newer is there than what this connection was made with."""
        worn = self._worn
        return worn is not None and worn.context is not context

    def met(self, sock: Any) -> None:
        """A handshake succeeded: keep what the broker has shown."""
        shown = sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None
        if shown is None:
            return
        with self._lock:
            try:
                self._shown = x509.load_der_x509_certificate(shown)
            except ValueError:  # OpenSSL is content with it, so the link is
                self._shown = None
            self._stands = True
            self._note(self.view.faults, kept=self.view.kept)

    def _note(self, faults: tuple[CertificateFault, ...], *, kept: bool) -> None:
        worn, files = self._worn, self._files
        box = worn.examined.box if worn is not None else None
        authorities = worn.examined.authorities if worn is not None else ()
        self.view = TlsView(
            files,
            faults,
            kept,
            box=None if box is None else lifetime(box, files.certificate),
            authority=authority(authorities, self._shown, files.ca_file),
            broker=None if self._shown is None else lifetime(self._shown),
        )
        if faults and faults != self._told:
            log.error("%s%s", "; ".join(map(str, faults)), "; what was there before is used on" if kept else "")
        self._told = faults


def holds_more(sock: object) -> bool:
    """TLS has taken bytes off the socket that nobody has read: the socket will not tell of them again."""
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


def inspect(files: Files, node: str, username: str, now_ms: int) -> tuple[CertificateFault, ...]:
    """All that is wrong with them now, dates included. Blocking."""
    contents, faults = _read(files)
    if contents is None:
        return faults
    examined = examine(files, contents, node, username)
    _, faults = _context(files, contents, examined)
    return *faults, *lapses(files, examined, now_ms)


def lives(files: Files) -> dict[str, Lifetime]:
    """From when to when the certificates are good, by the key that names their file; of what can be read. Blocking."""
    contents, _ = _read(files)
    return {} if contents is None else lifetimes(files, examine(files, contents, "", ""))


def _read(files: Files) -> tuple[Contents | None, tuple[CertificateFault, ...]]:
    """None with faults where one of them cannot be read."""
    found: list[tuple[bytes, int]] = []
    faults: list[CertificateFault] = []
    for key in KEYS:
        path = getattr(files, key)
        if not path:
            found.append((b"", 0))
            continue
        try:
            found.append(_bytes(key, path))
        except Unusable as unusable:
            faults.append(unusable.fault)
    if faults:
        return None, tuple(faults)
    (ca, _), (certificate, _), (private, mode) = found
    return Contents(ca, certificate, private, mode), ()


def _bytes(key: str, path: str) -> tuple[bytes, int]:
    """Contents and mode. Opened without blocking, because a FIFO with nobody behind it must not hold up a thread."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        problem = message("tls.no-file", "there is no file {path}", path=path)
        instead = message("tls.no-file.action", "put it there; docs/mosquitto/README.md shows how one is made")
        raise Unusable(CertificateFault(key, problem, instead)) from None
    except PermissionError:
        problem = message(
            "tls.barred", "{path} may not be read by the account {account}", path=path, account=_account()
        )
        instead = message(
            "tls.barred.action",
            "let the account that runs edged read it: chown root:edged {path}; chmod 640 {path}",
            path=path,
        )
        raise Unusable(CertificateFault(key, problem, instead)) from None
    except (OSError, ValueError) as error:
        unusable = message("tls.no-name-of-a-file", "not a usable file name")
        reason = said(error) if isinstance(error, OSError) and error.strerror else unusable
        problem = message("tls.not-opened", "{path} cannot be opened: {error}", path=path, error=reason)
        raise Unusable(CertificateFault(key, problem, NAME_ONE)) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            problem = message("tls.not-a-file", "{path} is not a file", path=path)
            raise Unusable(CertificateFault(key, problem, NAME_ONE))
        if status.st_size > MAX_FILE_BYTES:
            problem = message("tls.too-large", "{path} is larger than {most} bytes", path=path, most=MAX_FILE_BYTES)
            raise Unusable(CertificateFault(key, problem, NAME_ONE))
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return file.read(MAX_FILE_BYTES), status.st_mode
    except OSError as error:
        problem = message("tls.not-read", "{path} cannot be read: {error}", path=path, error=said(error))
        instead = message("tls.not-read.action", "check the disk it lies on")
        raise Unusable(CertificateFault(key, problem, instead)) from None
    finally:
        os.close(descriptor)


def _account() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


class _Socket(ssl.SSLSocket):
    """Keeps what the broker objects to after the handshake, which paho drops: TLS 1.3 refuses certificates only then.

    Closes itself when the handshake fails, which paho leaves to the garbage collector.
    """

    objection: ssl.SSLError | None = None

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self.objection = error
            raise


def _context(
    files: Files, contents: Contents, examined: Examined
) -> tuple[ssl.SSLContext | None, tuple[CertificateFault, ...]]:
    """None where nothing can be tried with it; all faults, those that only OpenSSL finds with them."""
    if examined.broken:
        return None, examined.faults
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and name of the broker
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _Socket
    key = "ca_file"
    try:
        context.load_verify_locations(cadata=b"".join(one.public_bytes(Encoding.DER) for one in examined.authorities))
        key = "certificate"
        if files.certificate:
            with _in_memory(contents.certificate) as chain, _in_memory(contents.key) as private:
                context.load_cert_chain(chain, private)
    except (OSError, ValueError) as error:
        known = getattr(error, "reason", None) or getattr(error, "strerror", None) or "it is not usable"
        problem = message(
            "tls.not-taken",
            "OpenSSL does not take what {path} holds: {error}",
            path=getattr(files, key),
            error=str(known).replace("_", " ").lower(),
        )
        instead = message(
            "tls.not-taken.action",
            "have one made with a key and a signature that are still held to be safe (EC P-256, SHA-256)",
        )
        return None, (*examined.faults, CertificateFault(key, problem, instead))
    return context, examined.faults


@contextmanager
def _in_memory(contents: bytes) -> Iterator[str]:
    """A name for bytes: OpenSSL reads certificate and key from files only, and those on disk may be others by now."""
    descriptor = os.memfd_create("edged-tls", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(contents)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
