"""What comes from the broker: what the connection notes down of it, and what it does not read at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from mqtt.send.outbox import Word

PACKET_MAX_BYTES: Final = 64 << 10
"""What a broker may send us: it has kept what we said ourselves, and our longest message has 2 kB."""

ARRIVED_MAX: Final = 64
"""Messages to us that wait to be fetched: twice what `edged.centre.commands` lays down, so that it sees a flood."""

ANSWERS_MAX: Final = 1000
"""That wait to be written. Of ours are a window's at the most: whoever asks and does not listen fills the memory."""

NO_SUBSCRIBERS: Final = 0x10
"""The reason code of a PUBACK: taken, and gone to nobody."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The broker's word on one message; `refusal` is its reason code by name, empty when it took the message."""

    mid: int
    word: Word
    refusal: str
    passed_on: bool = False
    """The broker says that somebody is subscribed and gets it. MQTT 3.1.1 does not tell."""


def acknowledgement(mid: int, code: ReasonCode, *, tells: bool) -> Acknowledgement:
    """`tells`: it is MQTT 5, in which the broker says whether somebody is subscribed."""
    word = Word.REFUSED if code.is_failure else Word.UNHEARD if code.value == NO_SUBSCRIBERS else Word.TAKEN
    return Acknowledgement(mid, word, str(code) if code.is_failure else "", tells and code.value == 0)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message to us, as it came."""

    topic: str
    payload: bytes
    retained: bool
    """Its sender had the broker keep it (MQTT 5; 3.1.1 says so only of what was there before we subscribed)."""


class Unwanted(Exception):
    """The broker has begun a packet that it was never asked for; `str()` is in words for people."""


class Guarded(paho.Client):
    """Ends at the head of a packet that is too large, or has a QoS that we subscribe to nowhere, before it has a body.

    paho reads bodies of 256 MB, and keeps 65,535 messages of QoS 2 until they are released, which may be never. A
    packet that is short or has arrived as a whole is read in one go, so looking in between comes too late.
    """

    def _sock_recv(self, bufsize: int) -> bytes:
        head = self._in_packet
        if head["have_remaining"]:
            _judge(head["command"], head["remaining_length"])
        elif len(self._out_packet) > ANSWERS_MAX:
            raise Unwanted(f"more than {ANSWERS_MAX} messages that want an answer, and fetched none")
        return super()._sock_recv(bufsize)


def _judge(command: int, remaining_bytes: int) -> None:
    """By the fixed header, the same in all versions of MQTT: type and flags, length of what follows."""
    if remaining_bytes > PACKET_MAX_BYTES:
        raise Unwanted(f"a message of {remaining_bytes} bytes, where {PACKET_MAX_BYTES} are the most")
    if command >> 4 == PacketTypes.PUBLISH and (qos := command >> 1 & 3) > 1:
        raise Unwanted(f"a message with QoS {qos}, which this box never asks for")
