"""Which message goes to the broker next: state and events share one window and one pace. Pure: seconds in.

First what greets the broker, then state and events in turns, so that neither flapping cameras nor a month of history
starve the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mqtt.connection.in_flight import Pace, Window
from mqtt.contract import events
from mqtt.contract.messages import Message
from mqtt.send.outbox import Outbox, Word
from mqtt.send.retained_state import Board
from storage.outbox.table import Event


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message, and the event that it tells of, if any; `short`: only that there is one, too large for the broker."""

    message: Message
    event: Event | None = None
    short: bool = False


class Traffic:
    """Use: `take`, hand it to the connection, `sent`; then `answered`."""

    def __init__(self, node: str) -> None:
        self.board: Final = Board()
        self.outbox: Final = Outbox()
        self._node = node
        self._window = Window()
        self._largest: float = math.inf
        self._pace = Pace()
        self._flying: dict[int, Parcel] = {}
        self._events_turn = False
        self._leaving = False

    def connected(self, greeting: Iterable[Message], granted: int, largest: float = math.inf) -> None:
        """A new connection, whose broker takes so many messages unacknowledged, of so many bytes at most."""
        self._largest = largest
        self._flying.clear()
        self._window.open(granted)
        self._leaving = False
        self.board.connected(greeting)
        self.outbox.connected()

    def leave(self, farewell: Message, last: str = "") -> None:
        """Only what `Board.leave` leaves is still to be said, as fast as it can be; events keep."""
        self._leaving = True
        self.board.leave(farewell, last)

    def take(self, now_s: float) -> Parcel | None:
        """The next to be sent, now."""
        if not self._window.room:
            return None
        if self._leaving:
            return self._of_board()
        if self._pace.due_s(now_s) > 0:
            return None
        parcel = self._next(now_s)
        if parcel is not None:
            self._pace.take(now_s)
        return parcel

    def due_s(self, now_s: float) -> float:
        """The next may go after so long, if there is one."""
        return self._pace.due_s(now_s)

    def _next(self, now_s: float) -> Parcel | None:
        if self.board.greeting and (greeting := self._of_board()) is not None:
            return greeting
        event = self._of_outbox(now_s) if self._events_turn else None
        parcel = event or self._of_board() or self._of_outbox(now_s)
        self._events_turn = parcel is not None and parcel.event is None
        return parcel

    def _of_board(self) -> Parcel | None:
        message = self.board.take()
        return None if message is None else Parcel(message)

    def _of_outbox(self, now_s: float) -> Parcel | None:
        event = self.outbox.take(now_s)
        if event is None:
            return None
        message = events.message(self._node, event)
        if (size := _size(message)) <= self._largest:
            return Parcel(message, event)
        return Parcel(events.short(self._node, event, size, int(self._largest)), event, short=True)

    def sent(self, mid: int, parcel: Parcel, now_s: float) -> None:
        """`take`n, and handed to the connection under that id."""
        self._flying[mid] = parcel
        self._window.sent(mid, _size(parcel.message), now_s)
        if parcel.event is None:
            self.board.sent(mid, parcel.message)
        else:
            self.outbox.sent(mid, parcel.event)

    def answered(self, mid: int, word: Word, now_s: float) -> Parcel | None:
        """What this answer was for; None: for none of ours."""
        parcel = self._flying.pop(mid, None)
        self._window.answered(mid)
        self.outbox.answered(mid, word, now_s)
        self.board.acknowledged(mid)
        return parcel

    def stalled(self, now_s: float) -> bool:
        """Something waits for its answer for too long."""
        return self._window.stalled(now_s)


def _size(message: Message) -> int:
    return len(message.topic.encode()) + len(message.payload)
