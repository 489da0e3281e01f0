"""What went wrong with the link, in words a technician can act on: what was tried, what came back, what to check.

Pure; it is never given the password, so it cannot tell it.
"""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Reason:
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


def unreachable(tried: str, error: Exception, timeout_s: float) -> Reason:
    """No connection at all. `error` is what `connect` raised."""
    match error:
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


def closed_unanswered(tried: str) -> Reason:
    return _reason(
        tried,
        "the connection was closed without an answer",
        f"whether this is the broker's MQTT port (not its TLS or web port), and {_CHECK_LOG}",
    )


def silent(tried: str, timeout_s: float) -> Reason:
    back = f"the connection was accepted, then nothing for {timeout_s:g} s"
    return _reason(tried, back, "whether this is the broker's MQTT port, and whether the broker hangs")


def refused(tried: str, answer: str) -> Reason:
    """The broker answered and said no; `answer` is its reason code by name."""
    return _reason(tried, _quoted(answer), _CHECK_BY_ANSWER.get(answer, _CHECK_LOG))


def closed(tried: str, answer: str) -> Reason:
    """An established connection was closed by the broker with a reason code."""
    back = f"connected, then closed by the broker: {_quoted(answer)}"
    return _reason(tried, back, _CHECK_BY_ANSWER.get(answer, _CHECK_LOG))


def lost(tried: str) -> Reason:
    """mosquitto 2.0 also just closes when a second client of our name comes."""
    back = "connected, then the connection broke off or the broker stopped answering"
    check = "whether the broker runs, the network between it and this box, and that no second box uses this [site] node"
    return _reason(tried, back, check)


def unreadable(tried: str, error: Exception) -> Reason:
    back = f"something that is not MQTT ({type(error).__name__})"
    return _reason(tried, back, "whether this is the broker's MQTT port, and the broker's version")


def stalled(tried: str, deadline_s: float) -> Reason:
    back = f"connected, but no message was acknowledged for {deadline_s:g} s"
    return _reason(tried, back, f"whether the broker is overloaded or its disk full, and {_CHECK_LOG}")


def rejected(topic: str, answer: str) -> Reason:
    """Connected, and one message was turned down."""
    check = "whether the broker's access rules let this box write its own topics"
    return _reason(f"to publish {topic}", _quoted(answer), check)


def _quoted(answer: str) -> str:
    return f"“{answer}”"


def _reason(tried: str, back: str, check: str) -> Reason:
    return Reason(f"Tried {tried}. Came back: {back}", check)
