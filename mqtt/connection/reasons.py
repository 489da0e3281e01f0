"""What went wrong with the link, in words a technician can act on: what was tried, what came back, what to check.

Pure; it is never given the password, so it cannot tell it.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from dataclasses import dataclass
from typing import Final

from mqtt.tls import Unusable


@dataclass(frozen=True, slots=True)
class LinkFault:
    """`said` is what was tried and what came back, `check` what a technician looks at first; `str()` is both."""

    said: str
    check: str

    def __str__(self) -> str:
        return f"{self.said}. Check {self.check}."


_CHECK_LOG: Final = "the broker's own log"

_CHECK_BY_ANSWER: Final = {
    "Bad user name or password": "user and password under [mqtt], and the broker's password file",
    "Not authorized": "user and password under [mqtt], and whether the broker's access rules let this box in",
    "Client identifier not valid": "[site] node: the broker does not accept it as a client id",
    "Unsupported protocol version": "the broker's version: it must know MQTT 5 or 3.1.1",
    "Session taken over": "whether a second box, or a second edged on this box, uses the same [site] node",
    "Packet too large": "the broker's limit on message size (mosquitto: max_packet_size)",
    "Quota exceeded": "the broker's limits for this client",
    "Retain not supported": "the broker's settings: edged needs retained messages",
    "QoS not supported": "the broker's settings: edged needs QoS 1",
    "Server moved": "[mqtt] host: the broker has moved to another address",
    "Use another server": "[mqtt] host: the broker sends its clients to another address",
}
_NOT_OF_RULES: Final = frozenset({"Packet too large", "Quota exceeded", "Retain not supported", "QoS not supported"})
"""What turns a single message down, and no access rule is to blame."""


_TLS_PORT: Final = "whether this is the broker's TLS port ([mqtt] port: 8883 is usual, 1883 is without TLS)"
_OWN: Final = "the certificate under [mqtt] certificate"
_CLOCK: Final = "the clock of this box (timedatectl)"

_BY_VERIFY_CODE: Final = {
    9: ("the broker's certificate begins only in the time to come", f"{_CLOCK}, then the broker's certificate"),
    10: ("the broker's certificate has expired", f"{_CLOCK}; if it is right, the broker needs a new certificate"),
    23: ("the broker's certificate has been revoked", "with the centre which broker this is"),
    26: ("the broker's certificate is not made for a server", "its extendedKeyUsage: it must have serverAuth"),
    62: ("", "[mqtt] host: write the name that stands in the broker's certificate (subjectAltName)"),
    64: ("", "[mqtt] host: write a name or address that stands in the broker's certificate (subjectAltName)"),
}
"""What OpenSSL's X509_V_ERR_… of our own look at the broker mean."""

_STRANGER: Final = (
    "the broker's certificate is not signed by an authority in [mqtt] ca_file",
    "that ca_file is the centre's, and that nobody stands between this box and the broker",
)

_BY_TLS: Final = {
    "CERTIFICATE_REQUIRED": ("the broker wants a certificate of this box", "[mqtt] certificate and key_file: set both"),
    "HANDSHAKE_FAILURE": (
        "the broker broke off the TLS handshake",
        f"{_OWN} (brokers that want one end it so), and the broker's TLS settings",
    ),
    "UNKNOWN_CA": ("the broker does not know who signed this box's certificate", f"{_OWN}: it must be the centre's"),
    "CERTIFICATE_EXPIRED": (
        "the broker says that this box's certificate has expired",
        f"{_OWN}, and the broker's clock",
    ),
    "CERTIFICATE_REVOKED": ("the broker says that this box's certificate was revoked", "with the centre, and why"),
    "UNSUPPORTED_CERTIFICATE": (
        "the broker says that this box's certificate is not for this",
        f"{_OWN}: it must have extendedKeyUsage = clientAuth",
    ),
    "BAD_CERTIFICATE": ("the broker does not take this box's certificate", f"{_OWN}, and {_CHECK_LOG}"),
    "CERTIFICATE_UNKNOWN": ("the broker does not take this box's certificate", f"{_OWN}, and {_CHECK_LOG}"),
    "PROTOCOL_VERSION": ("no version of TLS that both know", "the broker's: it must know TLS 1.2 or 1.3"),
    "UNSUPPORTED_PROTOCOL": ("a version of TLS older than 1.2", "the broker's: it must know TLS 1.2 or 1.3"),
    "WRONG_VERSION_NUMBER": ("something that is not TLS", _TLS_PORT),
    "RECORD_LAYER_FAILURE": ("something that is not TLS", _TLS_PORT),
    "UNEXPECTED_EOF_WHILE_READING": ("the connection was closed during the TLS handshake", _TLS_PORT),
}
"""By how the names of OpenSSL's reasons end (TLSV13_ALERT_CERTIFICATE_REQUIRED, SSLV3_ALERT_…)."""


def _tls(error: ssl.SSLError) -> tuple[str, str]:
    """What came back and what to check, where TLS came to nothing."""
    if isinstance(error, ssl.SSLCertVerificationError):
        back, check = _BY_VERIFY_CODE.get(error.verify_code, _STRANGER)
        return back or f"the broker's certificate is another's ({error.verify_message.rstrip('.')})", check
    name = getattr(error, "reason", None) or (
        "UNEXPECTED_EOF_WHILE_READING" if isinstance(error, ssl.SSLEOFError) else ""
    )
    for ending, words in _BY_TLS.items():
        if name.endswith(ending):
            return words
    return f"TLS failed ({name.replace('_', ' ').lower() or 'no reason given'})", f"{_OWN}, and {_CHECK_LOG}"


def unreachable(tried: str, error: Exception, timeout_s: float) -> LinkFault:
    """No connection at all. `error` is what `connect` raised."""
    match error:
        case Unusable(fault=fault):
            back, check = (
                f"nothing yet: {fault.problem}",
                f"[mqtt] {fault.key}: {fault.instead}",
            )
        case ssl.SSLError():
            back, check = _tls(error)
        case ConnectionResetError() | BrokenPipeError() if _over_tls(tried):
            back, check = _BY_TLS["UNEXPECTED_EOF_WHILE_READING"]
        case socket.gaierror():
            back, check = "the name has no address", "the spelling of [mqtt] host, and the name server of this box"
        case ConnectionRefusedError():
            back, check = "connection refused", "whether the broker runs and listens on this port, and its firewall"
        case TimeoutError():
            back, check = f"nothing within {timeout_s:g} s", "[mqtt] host and port, cable, routing and firewall"
        case OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH | errno.ENETDOWN as number):
            back, check = os.strerror(number).lower(), "network cable, address and gateway of this box"
        case OSError(errno=int(number)):
            back, check = os.strerror(number).lower(), "[mqtt] host and port, and the network of this box"
        case _:
            back, check = "it is no usable address", "the spelling of [mqtt] host"
    return _reason(tried, back, check)


def hung(tried: str, deadline_s: float) -> LinkFault:
    """The attempt has neither succeeded nor failed: what it waits for is the resolver, or a kernel that hangs."""
    return _reason(tried, f"neither yes nor no for {deadline_s:g} s", "the name server of this box")


def unheard(topic: str) -> LinkFault:
    """Connected, and events go to nobody."""
    check = "whether the centre's collector runs and is subscribed to the events of this box; until then they are kept"
    return _reason(f"to publish {topic}", "nobody is subscribed", check)


def closed_unanswered(tried: str) -> LinkFault:
    """Also TLS 1.3 that wants another certificate ends so, where the broker closes before its alert is read."""
    port = "MQTT port over TLS, whether it takes this box's certificate" if _over_tls(tried) else ""
    check = f"whether this is the broker's {port or 'MQTT port (not its TLS or web port)'}, and {_CHECK_LOG}"
    return _reason(tried, "the connection was closed without an answer", check)


def silent(tried: str, timeout_s: float) -> LinkFault:
    back = f"the connection was accepted, then nothing for {timeout_s:g} s"
    return _reason(tried, back, "whether this is the broker's MQTT port, and whether the broker hangs")


def refused(tried: str, answer: str) -> LinkFault:
    """The broker answered and said no; `answer` is its reason code by name."""
    return _reason(tried, _quoted(answer), _CHECK_BY_ANSWER.get(answer, _CHECK_LOG))


def closed(tried: str, answer: str) -> LinkFault:
    """An established connection was closed by the broker with a reason code."""
    back = f"connected, then closed by the broker: {_quoted(answer)}"
    return _reason(tried, back, _CHECK_BY_ANSWER.get(answer, _CHECK_LOG))


def renewed(tried: str) -> LinkFault:
    return _reason(tried, "connected, then closed by this box to come again with its new certificate", _OWN)


def lost(tried: str) -> LinkFault:
    """mosquitto 2.0 also just closes when a second client of our name comes."""
    back = "connected, then the connection broke off or the broker stopped answering"
    check = "whether the broker runs, the network between it and this box, and that no second box uses this [site] node"
    return _reason(tried, back, check)


def unreadable(tried: str, error: Exception) -> LinkFault:
    back = f"something that is not MQTT ({type(error).__name__})"
    return _reason(tried, back, "whether this is the broker's MQTT port, and the broker's version")


def unwanted(tried: str, what: str) -> LinkFault:
    """This box closed the connection at the head of `what`."""
    check = "whether this is the centre's broker, its version, and who publishes to this box"
    return _reason(tried, f"{what}: this box closed the connection", check)


def stalled(tried: str, deadline_s: float) -> LinkFault:
    back = f"connected, but no message was acknowledged for {deadline_s:g} s"
    return _reason(tried, back, f"whether the broker is overloaded or its disk full, and {_CHECK_LOG}")


def rejected(topic: str, answer: str) -> LinkFault:
    """Connected, and one message was turned down."""
    check = "whether the broker's access rules let this box write its own topics"
    if answer in _NOT_OF_RULES:
        check = _CHECK_BY_ANSWER[answer]
    return _reason(f"to publish {topic}", _quoted(answer), check)


def shortened(topic: str) -> LinkFault:
    """An event is larger than what the broker takes: that it happened was told, the whole was left out."""
    back = "the broker takes no message of its size, so it was sent in short"
    return _reason(f"to publish {topic}", back, _CHECK_BY_ANSWER["Packet too large"])


def _over_tls(tried: str) -> bool:
    return " over TLS " in tried


def _quoted(answer: str) -> str:
    return f"“{answer}”"


def _reason(tried: str, back: str, check: str) -> LinkFault:
    return LinkFault(f"Tried {tried}. Came back: {back}", check)
