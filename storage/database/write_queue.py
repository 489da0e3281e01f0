"""What waits for the writer of the database: two lines, of which one goes first.

Imports the standard library. Part of L4, destroying never delays committing: facts of recording stand in the first
line, those of sweeping in the second, which moves only while the first is empty, and one at a time.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final, Generic, TypeVar

T = TypeVar("T")


class Full(Exception):
    """As many wait as may."""


class Line(Generic[T]):
    """Thread-safe; any number put, one takes."""

    def __init__(self, most: int) -> None:
        """`most` may wait in each of the two lines."""
        self._most: Final = most
        self._first: deque[T] = deque()
        self._yielding: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = False

    def put(self, one: T, *, yielding: bool = False) -> None:
        """Never blocks: raises Full."""
        line = self._yielding if yielding else self._first
        with self._changed:
            if len(line) >= self._most:
                raise Full
            line.append(one)
            self._changed.notify()

    def end(self) -> None:
        """Nothing more comes."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def take(self, most: int) -> list[T]:
        """Waits; up to `most` of the first line, or else a single one of those that yield. Empty: the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._first or self._yielding or self._ended)
            if self._first:
                return [self._first.popleft() for _ in range(min(most, len(self._first)))]
            return [self._yielding.popleft()] if self._yielding else []

    @property
    def empty(self) -> bool:
        """Nobody waits now."""
        with self._changed:
            return not (self._first or self._yielding)
