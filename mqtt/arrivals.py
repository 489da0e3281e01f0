"""What comes from the broker, as the connection notes it down."""

from __future__ import annotations

from dataclasses import dataclass

from mqtt.outbox import Word


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The broker's word on one message; `refusal` is its reason code by name, empty when it took the message."""

    mid: int
    word: Word
    refusal: str
    passed_on: bool = False
    """The broker says that somebody is subscribed and gets it. MQTT 3.1.1 does not tell."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message to us, as it came."""

    topic: str
    payload: bytes
    retained: bool
    """Its sender had the broker keep it (MQTT 5; 3.1.1 says so only of what was there before we subscribed)."""
