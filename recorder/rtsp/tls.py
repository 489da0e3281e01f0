"""TLS to a camera (rtsps), and whether its certificate may be trusted. Imports `ssl`: loaded only when it is needed.

A certificate is good if the system's authorities, or those of `ca_file`, vouch for it and it names the camera; or, with
a fingerprint in the configuration, if it is that very certificate. Until then nothing is said to whoever answers.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import time
from typing import Final

from recorder.rtsp.connection import Connection, Trust, reach
from recorder.words import outcome
from recorder.words.address import Target, split_zone
from recorder.words.outcome import SessionEnded

LOOK_S: Final = 1.0
"""For a second connection, to be able to name the certificate that was not trusted; the first took no longer."""


class TlsConnection(Connection):
    """A connection whose bytes come in records, of which each read gives one at most."""

    def __init__(self, target: Target, sock: ssl.SSLSocket) -> None:
        super().__init__(target, sock)
        self._tls = sock

    def _receive(self, room: memoryview) -> int:
        """The first record may be waited for, the others are taken if they are there."""
        count = self._tls.recv_into(room)
        if not count:
            return 0
        self._wait_for(0)
        try:
            while count < len(room):
                more = self._tls.recv_into(room[count:])
                if not more:
                    break  # the end: told by the next read
                count += more
        except OSError as error:
            if not self._would_block(error):
                raise
        return count

    def _would_block(self, error: OSError) -> bool:
        return isinstance(error, ssl.SSLWantReadError | ssl.SSLWantWriteError | BlockingIOError)


def secure(target: Target, trust: Trust, sock: socket.socket, patience_s: float) -> TlsConnection:
    """TLS over a fresh connection, and the other side's certificate checked."""
    try:
        secured = _wrap(_context(target, trust), sock, target, patience_s)
        seen = fingerprint(secured)
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message.removesuffix(".")
        raise SessionEnded(outcome.untrusted(target, why, shown(target, LOOK_S))) from None
    except TimeoutError:
        raise SessionEnded(outcome.no_tls_answer(target, patience_s)) from None
    except ssl.SSLError as error:
        raise SessionEnded(outcome.no_tls(target, error.reason or outcome.TLS_CLOSED)) from None
    except OSError:
        raise SessionEnded(outcome.no_tls(target, outcome.TLS_CLOSED)) from None
    if trust.certificate and seen != trust.certificate:
        secured.close()
        raise SessionEnded(outcome.other_certificate(target, seen))
    return TlsConnection(target, secured)


def fingerprint(sock: ssl.SSLSocket) -> str:
    """Of the other side's certificate, as the configuration has it."""
    return "sha256:" + hashlib.sha256(sock.getpeercert(binary_form=True) or b"").hexdigest()


def _context(target: Target, trust: Trust) -> ssl.SSLContext:
    if trust.certificate:
        return _lenient()
    try:
        return ssl.create_default_context(cafile=trust.ca_file or None)
    except OSError:
        raise SessionEnded(outcome.no_authorities(target)) from None


def _lenient() -> ssl.SSLContext:
    """Takes any certificate: for whoever looks at it himself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _wrap(context: ssl.SSLContext, sock: socket.socket, target: Target, patience_s: float) -> ssl.SSLSocket:
    """The timeout of a socket holds for a handshake as a whole."""
    try:
        sock.settimeout(patience_s)
        return context.wrap_socket(sock, server_hostname=split_zone(target.host)[0])
    except BaseException:
        sock.close()
        raise


def shown(target: Target, patience_s: float) -> str:
    """The fingerprint of the certificate that answers there, trusted or not, for people to compare; "" where none can
    be had. Nothing is said to it."""
    try:
        secured = _wrap(_lenient(), reach(target, time.monotonic() + patience_s), target, patience_s)
    except (OSError, SessionEnded):
        return ""
    try:
        return fingerprint(secured)
    finally:
        secured.close()
