"""TLS to the broker: reads the files, makes of them what a connection needs, and sees when they are replaced.

Files are read before each attempt and whenever somebody asks (`look`); what is read is what is examined and used, so
that a file that changes meanwhile makes no difference. Blocking and thread-safe. There is no way to connect without
verifying the broker's certificate and name, and none below TLS 1.2.
"""

from __future__ import annotations

import logging
import os
import pwd
import ssl
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mqtt.tls import certificates
from mqtt.tls.certificates import KEYS, Contents, Examined, Fault, Files, Lifetime, Unusable

MAX_FILE_BYTES: Final = 2 << 20
"""A system's whole list of authorities has a quarter of it."""
LOOK_EVERY_S: Final = 60.0
"""How soon files that were replaced are noticed while a connection stands."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TlsView:
    """How certificates and key stand, for alarms."""

    files: Files
    faults: tuple[Fault, ...] = ()
    """Of what stands in the files now."""
    kept: bool = False
    """What the files held before is used instead."""
    box: Lifetime | None = None
    authority: Lifetime | None = None
    broker: Lifetime | None = None
    """Of what the broker showed last; None before the first handshake."""


@dataclass(frozen=True, slots=True)
class _Worn:
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
        self._worn: _Worn | None = None
        self._shown: x509.Certificate | None = None
        self._stands = False
        self._told: tuple[Fault, ...] = ()
        self.view = TlsView(files)

    def look(self) -> None:
        """Read the files. What is new and no worse is used from now on; what is worse leaves all as it was."""
        with self._lock:
            contents, unread = _read(self._files)
            worn = self._worn
            if contents is None:
                return self._note(unread, kept=worn is not None)
            examined = certificates.examine(self._files, contents, self._node, self._username)
            if worn is not None and contents.digest == worn.digest:
                self._worn = replace(worn, examined=examined)  # the mode of a file is not in its contents
                return self._note(examined.faults, kept=False)
            context, faults = _context(self._files, contents, examined)
            now = (*faults, *certificates.lapses(self._files, examined, self._now_ms()))
            if worn is not None and self._stands and self._shown is not None:
                held, wished = worn.examined.authorities, examined.authorities
                now += certificates.estranged(self._files, held, wished, self._shown)
            if context is None or (worn is not None and certificates.worst(now) > self._worst_of(worn)):
                return self._note(now, kept=worn is not None)
            self._worn = _Worn(contents.digest, context, examined)
            if worn is not None:
                log.info("certificates or key of the link were replaced: the next connection is made with the new ones")
            return self._note(faults, kept=False)

    def _worst_of(self, worn: _Worn) -> int:
        late = certificates.lapses(self._files, worn.examined, self._now_ms())
        return certificates.worst((*worn.examined.faults, *late))

    def context(self) -> ssl.SSLContext:
        """For one attempt, made when no connection stands; Unusable where there is nothing to try with."""
        self._stands = False
        self.look()
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

    def _note(self, faults: tuple[Fault, ...], *, kept: bool) -> None:
        worn, files = self._worn, self._files
        box = worn.examined.box if worn is not None else None
        authorities = worn.examined.authorities if worn is not None else ()
        self.view = TlsView(
            files,
            faults,
            kept,
            box=None if box is None else certificates.lifetime(box, files.certificate),
            authority=certificates.authority(authorities, self._shown, files.ca_file),
            broker=None if self._shown is None else certificates.lifetime(self._shown),
        )
        if faults and faults != self._told:
            log.error("%s%s", "; ".join(map(str, faults)), "; what was there before is used on" if kept else "")
        self._told = faults


def holds_more(sock: object) -> bool:
    """TLS has taken bytes off the socket that nobody has read: the socket will not tell of them again."""
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


def inspect(files: Files, node: str, username: str, now_ms: int) -> tuple[Fault, ...]:
    """All that is wrong with them now, dates included. Blocking."""
    contents, faults = _read(files)
    if contents is None:
        return faults
    examined = certificates.examine(files, contents, node, username)
    _, faults = _context(files, contents, examined)
    return *faults, *certificates.lapses(files, examined, now_ms)


def lives(files: Files) -> dict[str, Lifetime]:
    """From when to when the certificates are good, by the key that names their file; of what can be read. Blocking."""
    contents, _ = _read(files)
    return {} if contents is None else certificates.lives(files, certificates.examine(files, contents, "", ""))


def _read(files: Files) -> tuple[Contents | None, tuple[Fault, ...]]:
    """None with faults where one of them cannot be read."""
    found: list[tuple[bytes, int]] = []
    faults: list[Fault] = []
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
        raise Unusable(Fault(key, f"there is no file {path}", f"put it there; {certificates.HOW}")) from None
    except PermissionError:
        problem = f"{path} may not be read by the account {_account()}"
        instead = f"let the account that runs edged read it: chown root:edged {path}; chmod 640 {path}"
        raise Unusable(Fault(key, problem, instead)) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a usable file name"
        raise Unusable(Fault(key, f"{path} cannot be opened: {reason}", "name a PEM file")) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Unusable(Fault(key, f"{path} is not a file", "name a PEM file"))
        if status.st_size > MAX_FILE_BYTES:
            raise Unusable(Fault(key, f"{path} is larger than {MAX_FILE_BYTES} bytes", "name a PEM file"))
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return file.read(MAX_FILE_BYTES), status.st_mode
    except OSError as error:
        raise Unusable(Fault(key, f"{path} cannot be read: {error.strerror}", "check the disk it lies on")) from None
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


def _context(files: Files, contents: Contents, examined: Examined) -> tuple[ssl.SSLContext | None, tuple[Fault, ...]]:
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
        words = str(known).replace("_", " ").lower()
        problem = f"OpenSSL does not take what {getattr(files, key)} holds: {words}"
        instead = "have one made with a key and a signature that are still held to be safe (EC P-256, SHA-256)"
        return None, (*examined.faults, Fault(key, problem, instead))
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
