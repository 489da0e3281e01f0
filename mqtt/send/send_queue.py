"""Which message goes to the broker next: state and events share one window and one pace. Pure: seconds in.

First what greets the broker, then state and events in turns, so that neither flapping cameras nor a month of history
starve the other. What is under way is counted here (`InFlight`), because paho forgets its window at a reconnect and
sends everything at once: paho never holds more than the window.

Of retained state (`RetainedState`) the newest per topic wins: of a camera that changed ten times during an outage, the
centre gets the last. All of it is owed again at each connection, because a broker may come back without its memory.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mqtt.connection.broker_connection import WINDOW, Delivery
from mqtt.contract import events
from mqtt.contract.messages import Message
from mqtt.send.outbox import Outbox
from storage.outbox.table import Event

BYTES_MAX: Final = 16 << 10
"""And bytes: a line of 1 KB/s carries them in 16 s, so that heartbeats and pings do not wait for longer. One message
may go beyond."""
ANSWER_DEADLINE_S: Final = 60.0
"""A message unanswered for so long: the connection is dead, whatever TCP says, or the answer will never come."""
RATE_PER_S: Final = 50.0
"""Messages: all the state of 64 cameras in three seconds, a month of history (200,000 events) in a little over an hour;
200 boxes that come back together are 10,000 a second."""
BURST: Final = 50
"""So many may go at once after a quiet second."""
MAX_TOPICS: Final = 4096
"""Two topics for each camera and one for each volume ever configured in this run; 64 cameras are 130.
Beyond, the oldest gives way."""
ANSWERS_MAX: Final = 64
"""Answers that wait: nobody asks so much at a time. Beyond, the oldest gives way: who asked has given up by then."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message, and the event that it tells of, if any; `short`: only that there is one, too large for the broker."""

    message: Message
    event: Event | None = None
    short: bool = False


class SendQueue:
    """Use: `take`, hand it to the connection, `sent`; then `answered`."""

    def __init__(self, node: str) -> None:
        self.state: Final = RetainedState()
        self.outbox: Final = Outbox()
        self._node = node
        self._in_flight = InFlight()
        self._largest: float = math.inf
        self._pace = Pace()
        self._flying: dict[int, Outgoing] = {}
        self._events_turn = False
        self._leaving = False

    def connected(self, greeting: Iterable[Message], granted: int, largest: float = math.inf) -> None:
        """A new connection, whose broker takes so many messages unacknowledged, of so many bytes at most."""
        self._largest = largest
        self._flying.clear()
        self._in_flight.open(granted)
        self._leaving = False
        self.state.connected(greeting)
        self.outbox.connected()

    def leave(self, farewell: Message, last: str = "") -> None:
        """Only what `RetainedState.leave` leaves is still to be said, as fast as it can be; events keep."""
        self._leaving = True
        self.state.leave(farewell, last)

    def take(self, now_s: float) -> Outgoing | None:
        """The next to be sent, now."""
        if not self._in_flight.room:
            return None
        if self._leaving:
            return self._of_state()
        if self._pace.due_s(now_s) > 0:
            return None
        outgoing = self._next(now_s)
        if outgoing is not None:
            self._pace.take(now_s)
        return outgoing

    def due_s(self, now_s: float) -> float:
        """The next may go after so long, if there is one."""
        return self._pace.due_s(now_s)

    def _next(self, now_s: float) -> Outgoing | None:
        if self.state.greeting and (greeting := self._of_state()) is not None:
            return greeting
        event = self._of_outbox(now_s) if self._events_turn else None
        outgoing = event or self._of_state() or self._of_outbox(now_s)
        self._events_turn = outgoing is not None and outgoing.event is None
        return outgoing

    def _of_state(self) -> Outgoing | None:
        message = self.state.take()
        return None if message is None else Outgoing(message)

    def _of_outbox(self, now_s: float) -> Outgoing | None:
        event = self.outbox.take(now_s)
        if event is None:
            return None
        message = events.message(self._node, event)
        if (size := _size(message)) <= self._largest:
            return Outgoing(message, event)
        return Outgoing(events.short(self._node, event, size, int(self._largest)), event, short=True)

    def sent(self, mid: int, outgoing: Outgoing, now_s: float) -> None:
        """`take`n, and handed to the connection under that id."""
        self._flying[mid] = outgoing
        self._in_flight.sent(mid, _size(outgoing.message), now_s)
        if outgoing.event is None:
            self.state.sent(mid, outgoing.message)
        else:
            self.outbox.sent(mid, outgoing.event)

    def answered(self, mid: int, word: Delivery, now_s: float) -> Outgoing | None:
        """What this answer was for; None: for none of ours."""
        outgoing = self._flying.pop(mid, None)
        self._in_flight.answered(mid)
        self.outbox.answered(mid, word, now_s)
        self.state.acknowledged(mid)
        return outgoing

    def stalled(self, now_s: float) -> bool:
        """Something waits for its answer for too long."""
        return self._in_flight.stalled(now_s)


def _size(message: Message) -> int:
    return len(message.topic.encode()) + len(message.payload)


class InFlight:
    """Messages that were sent and not answered."""

    def __init__(self) -> None:
        self._limit = WINDOW
        self._flying: dict[int, tuple[float, int]] = {}
        self._bytes = 0

    def open(self, granted: int) -> None:
        """A new connection, of which the broker takes so many at a time."""
        self._limit = max(1, min(granted, WINDOW))
        self._flying.clear()
        self._bytes = 0

    @property
    def room(self) -> bool:
        return len(self._flying) < self._limit and self._bytes < BYTES_MAX

    def sent(self, mid: int, size: int, now_s: float) -> None:
        self._flying[mid] = (now_s, size)
        self._bytes += size

    def answered(self, mid: int) -> None:
        _, size = self._flying.pop(mid, (0.0, 0))
        self._bytes -= size

    def stalled(self, now_s: float) -> bool:
        """The oldest has waited for too long, though others may have been answered since: it holds up its kind."""
        oldest = next(iter(self._flying.values()), None)
        return oldest is not None and now_s - oldest[0] >= ANSWER_DEADLINE_S


class Pace:
    """At most `BURST` at once and `RATE_PER_S` in the long run: a token bucket, told by when it will be full."""

    def __init__(self) -> None:
        self._full_at_s = float("-inf")

    def due_s(self, now_s: float) -> float:
        """How long until the next may go; 0: now."""
        return max(0.0, self._full_at_s - now_s - (BURST - 1) / RATE_PER_S)

    def take(self, now_s: float) -> None:
        self._full_at_s = max(self._full_at_s, now_s) + 1 / RATE_PER_S


class RetainedState:
    """What is to be shown under each topic. A message that takes a topic away leaves the board once it has arrived."""

    def __init__(self) -> None:
        self._newest: dict[str, Message] = {}
        self._owed: dict[str, None] = {}  # an ordered set
        self._flying: dict[int, Message] = {}
        self._answers: deque[Message] = deque(maxlen=ANSWERS_MAX)
        self._withheld = ""
        self._unsaid = 0

    @property
    def waiting(self) -> int:
        """Messages that have not been acknowledged."""
        return len(self._owed) + len(self._flying) + len(self._answers)

    def withhold(self, topic: str) -> None:
        """Nothing is sent under this topic until it is released: what the broker has of it is looked at first."""
        self._withheld = topic

    def release(self) -> None:
        self._withheld = ""

    def put(self, message: Message) -> None:
        if message.topic not in self._newest and len(self._newest) >= MAX_TOPICS:
            oldest = next(iter(self._newest))
            del self._newest[oldest]
            self._owed.pop(oldest, None)
        self._newest[message.topic] = message
        self._owed.setdefault(message.topic)

    def answer(self, message: Message) -> None:
        """Not kept by the broker: to be said once to whoever listens, before any state."""
        self._answers.append(message)

    def connected(self, greeting: Iterable[Message]) -> None:
        """A new connection: the greeting first and in its order, then whatever else is on the board."""
        unheard = [message for message in self._flying.values() if not message.retain]
        self._answers = deque([*unheard, *self._answers], maxlen=ANSWERS_MAX)
        self._flying.clear()
        self._owed.clear()
        for message in greeting:
            self.put(message)
        for topic in self._newest:
            self._owed.setdefault(topic)
        self._unsaid = len(self._owed)

    @property
    def greeting(self) -> bool:
        """Of what was owed at the beginning of the connection, not all has been sent."""
        return self._unsaid > 0

    def leave(self, farewell: Message, last: str = "") -> None:
        """Only this is still to be said, and before it answers, and what waits under `last`, unless it is withheld."""
        owed = last in self._owed and last != self._withheld
        self._owed.clear()
        if owed:
            self._owed[last] = None
        self.put(farewell)

    def take(self) -> Message | None:
        """The next message to send, if any may be; one in flight per topic, so that none overtakes another."""
        if self._answers:
            return self._answers.popleft()
        busy = {self._withheld, *(message.topic for message in self._flying.values())}
        for topic in self._owed:
            if topic not in busy:
                del self._owed[topic]
                self._unsaid -= 1
                return self._newest[topic]
        return None

    def sent(self, mid: int, message: Message) -> None:
        """`take`n, and handed to the connection under that id."""
        self._flying[mid] = message

    def acknowledged(self, mid: int) -> Message | None:
        """The message that this acknowledgement is for; None if it is for none of ours."""
        message = self._flying.pop(mid, None)
        if message is not None and not message.payload and self._newest.get(message.topic) is message:
            del self._newest[message.topic]
        return message
