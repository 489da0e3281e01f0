"""The retained state that the broker should show, and how much of it has arrived. Pure: no clock, no socket.

Newest per topic wins: of a camera that changed ten times during an outage, the centre gets the last.
Everything on the board is owed again at each connection, because a broker may come back without its memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from mqtt.contract.messages import Message

MAX_TOPICS: Final = 4096
"""Two topics for each camera and one for each volume ever configured in this run; 64 cameras are 130.
Beyond, the oldest gives way."""

ANSWERS_MAX: Final = 64
"""Answers that wait: nobody asks so much at a time. Beyond, the oldest gives way: who asked has given up by then."""


class Board:
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
