"""When to try the broker again, and with which version of MQTT. Pure: outcomes, seconds and a random number in.

A broker that knows no MQTT 5 says "unsupported protocol version", or just closes, or (amqtt, which reads our will as
something else) waits for bytes that never come. The first is proof. The others are hints, which a broker that is being
restarted or hangs gives too: they count only where it has not lately been heard to speak 5. Then 3.1.1 is tried at
once, and kept only if the broker answers it. Boxes that lost one broker together must not come back together: every
wait is a random part of a limit that doubles (full jitter).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

FIRST_LIMIT_S: Final = 1.0
"""After the first failure: short, because most interruptions are."""

LAST_LIMIT_S: Final = 30.0
"""A box is back within half a minute of its broker; 200 boxes are then 13 attempts a second."""

STABLE_S: Final = 60.0
"""A connection that held this long was a good one: the next wait is short again."""

AFTER_LOSS_S: Final = 15.0
"""Boxes that lost their broker in one moment come back to it spread over so long."""

PROTOCOL_MEMORY_S: Final = 3600.0
"""How long a broker is believed to know what it spoke: brokers are upgraded and replaced. No link is cut for it."""


class Protocol(StrEnum):
    V5 = "5"
    V311 = "3.1.1"


class Outcome(StrEnum):
    """How an attempt ended, as far as it matters for the next one."""

    UNREACHABLE = "unreachable"
    SILENT = "silent"
    """Connected, and no answer to our CONNECT."""
    CLOSED_UNANSWERED = "closed-unanswered"
    """Closed right after our CONNECT."""
    WRONG_VERSION = "wrong-version"
    REFUSED = "refused"
    """The broker speaks this version and wants no part of us."""
    LOST = "lost"
    """It was connected."""


@dataclass(frozen=True, slots=True)
class Reconnect:
    """What has been learnt so far; `protocol` is the one to try next."""

    protocol: Protocol = Protocol.V5
    failures: int = 0
    believed_since_s: float | None = None
    """When the broker was heard to speak `protocol`: 5 for the last time, 3.1.1 for the first (5 gets its turn)."""
    lost: bool = False
    """The last attempt was connected."""
    at_once: bool = False
    """The next attempt is the other half of this one: no wait."""

    def due(self, now_s: float) -> Reconnect:
        """Before an attempt: forget what has been believed for too long."""
        if self.believed_since_s is None or now_s - self.believed_since_s < PROTOCOL_MEMORY_S:
            return self
        return replace(self, protocol=Protocol.V5, believed_since_s=None)

    def answered(self, now_s: float) -> Reconnect:
        """The broker spoke the version that was tried."""
        if self.protocol is Protocol.V311 and self.believed_since_s is not None:
            return self
        return replace(self, believed_since_s=now_s)

    def ended(self, outcome: Outcome, now_s: float, connected_s: float) -> Reconnect:
        """After an attempt that was connected for `connected_s`."""
        known = self.answered(now_s) if outcome in {Outcome.REFUSED, Outcome.LOST} else self
        believed = known.believed_since_s is not None and outcome is not Outcome.WRONG_VERSION
        unheard = outcome in {Outcome.WRONG_VERSION, Outcome.CLOSED_UNANSWERED, Outcome.SILENT}
        if known.protocol is Protocol.V5 and unheard and not believed:
            return Reconnect(Protocol.V311, known.failures, at_once=True)
        failures = 1 if connected_s >= STABLE_S else known.failures + 1
        if not believed:
            return Reconnect(Protocol.V5, failures)
        return replace(known, failures=failures, lost=outcome is Outcome.LOST, at_once=False)

    def wait_s(self, random: float) -> float:
        """How long to wait before the next attempt; `random` lies in [0, 1)."""
        if self.at_once or self.failures == 0:
            return 0.0
        # The exponent is bounded so that a broker away for weeks does not end in a float overflow.
        limit_s = min(LAST_LIMIT_S, FIRST_LIMIT_S * 2.0 ** min(self.failures - 1, 16))
        return random * (max(limit_s, AFTER_LOSS_S) if self.lost else limit_s)
