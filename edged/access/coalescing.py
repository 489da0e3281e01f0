"""The same again and again becomes one: who repeats himself is told at once, and then once a window, with a count.

Pure but for what it remembers; time is handed in. For leaves of refusals and of lists that somebody keeps asking for: a
program that asks each second must not fill the ledger, and nothing that it did may be missing from it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
E = TypeVar("E")

WINDOW_MS: Final = 60_000
DAY_MS: Final = 86_400_000
KEYS_MAX: Final = 256
"""More at a time are no people."""


@dataclass(frozen=True, slots=True)
class Repeated(Generic[E]):
    """What came again since it was last told."""

    joined: E
    count: int
    kinds: tuple[str, ...]
    """Each once, in the order in which they came first."""


@dataclass(frozen=True, slots=True)
class _Window(Generic[E]):
    since_ms: int
    joined: E
    count: int = 0
    kinds: tuple[str, ...] = ()


def latest(_one: E, other: E) -> E:
    """What came last stands for all."""
    return other


class Tally(Generic[K, E]):
    """Counts by key. Not thread-safe: it lives on the event loop."""

    def __init__(self, crowd: K | None = None, window_ms: int = WINDOW_MS, join: Callable[[E, E], E] = latest) -> None:
        """`crowd`: the key of what comes when there are too many; None: that is told each by itself.

        `join`: what stands for two that came again.
        """
        self._crowd = crowd
        self._window_ms = window_ms
        self._join = join
        self._windows: dict[K, _Window[E]] = {}

    def place(self, key: K) -> K:
        """The key under which it counts: its own, or that of the crowd."""
        has_room = key in self._windows or len(self._windows) < KEYS_MAX
        return key if has_room or self._crowd is None else self._crowd

    def is_repeated(self, key: K, entry: E, kind: str = "") -> bool:
        """Whether the same was told less than a window ago: then it is counted, and told by `due`."""
        window = self._windows.get(key)
        if window is None:
            return False
        kinds = tuple(dict.fromkeys((*window.kinds, kind)))
        joined = self._join(window.joined, entry) if window.count else entry
        self._windows[key] = replace(window, joined=joined, count=window.count + 1, kinds=kinds)
        return True

    def told(self, key: K, entry: E, now_ms: int) -> None:
        """It was told now: its window begins."""
        if len(self._windows) < KEYS_MAX or key == self._crowd:
            self._windows.setdefault(key, _Window(now_ms, entry))

    def due(self, now_ms: int | None) -> list[Repeated[E]]:
        """What came again, of those whose window is over (None: of all); who was quiet is forgotten."""
        over = [key for key, one in self._windows.items() if now_ms is None or now_ms - one.since_ms >= self._window_ms]
        told = []
        for key in over:
            window = self._windows.pop(key)
            if window.count:
                told.append(Repeated(window.joined, window.count, window.kinds))
                if now_ms is not None:
                    self._windows[key] = _Window(now_ms, window.joined)
        return told
