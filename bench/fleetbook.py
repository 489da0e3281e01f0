"""What the processes of `bench.fleet` know of each other: plain shared memory, each cell written by one of them.

Times are `time.monotonic()`, which is the same for all processes of a machine.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import RawArray, RawValue
from typing import Any, Final

SECONDS: Final = 4 * 3600
"""Of a run, at most."""


def node(number: int) -> str:
    """A box by its number, from 0."""
    return f"box-{number + 1:03}"


def number_of(name: str) -> int:
    return int(name.removeprefix("box-")) - 1


@dataclass
class Book:
    """One cell for each box, unless said otherwise; 0 stands for never."""

    boxes: int
    cameras: int
    processes: int
    began_s: float = field(default_factory=time.monotonic)
    online: Any = field(init=False)
    """Since when it has been connected; 0: it is not."""
    empty: Any = field(init=False)
    """When, in this connection, its outbox was empty for the first time."""
    depth: Any = field(init=False)
    """Events in its outbox, as last looked at."""
    last: Any = field(init=False)
    """Number of the last event that it entered."""
    told: Any = field(init=False)
    """When the centre last heard that it is online."""
    shown: Any = field(init=False)
    """When the centre had heard all of its state since then."""
    got: Any = field(init=False)
    """Different events of it that the centre has heard."""
    top: Any = field(init=False)
    """Highest number of an event of it that the centre has heard."""
    tries: Any = field(init=False)
    """By process and second: attempts to connect."""
    messages: Any = field(init=False)
    """One cell: all that the centre has heard."""
    doubled: Any = field(init=False)
    """One cell: events that the centre has heard again."""
    disordered: Any = field(init=False)
    """One cell: events that came for the first time behind a later one of their kind."""
    loading: Any = field(init=False)
    """One cell: cameras break off."""
    arrears_h: Any = field(init=False)
    """One cell: of so many hours events are to be entered at once."""
    entered: Any = field(init=False)
    """By process: it has done that so often."""
    asked: Any = field(init=False)
    """One cell: it was asked to so often."""

    def __post_init__(self) -> None:
        for name in ("online", "empty", "told", "shown"):
            setattr(self, name, RawArray(ctypes.c_double, self.boxes))
        for name in ("depth", "last", "got", "top"):
            setattr(self, name, RawArray(ctypes.c_longlong, self.boxes))
        self.tries = RawArray(ctypes.c_int, self.processes * SECONDS)
        self.entered = RawArray(ctypes.c_int, self.processes)
        for name in ("messages", "doubled", "disordered", "loading", "asked"):
            setattr(self, name, RawValue(ctypes.c_longlong, 0))
        self.arrears_h = RawValue(ctypes.c_double, 0.0)

    def tried(self, process: int) -> None:
        """One attempt, now."""
        self.tries[process * SECONDS + self.second(time.monotonic())] += 1

    def second(self, at_s: float) -> int:
        return min(int(at_s - self.began_s), SECONDS - 1)

    def tries_a_second(self, since_s: float) -> list[int]:
        """Of all, in each second from then until now."""
        seconds = range(self.second(since_s), self.second(time.monotonic()) + 1)
        return [sum(self.tries[process * SECONDS + at] for process in range(self.processes)) for at in seconds]

    @property
    def holes(self) -> int:
        """Events below the last heard of each box that have not come to the centre."""
        holes: int = sum(self.top) - sum(self.got)
        return holes

    @property
    def missing(self) -> int:
        """Events that were entered and have not come to the centre."""
        missing: int = sum(self.last) - sum(self.got)
        return missing


def after(cells: Sequence[float], since_s: float) -> list[float]:
    """Times later than that, in order, as seconds from it."""
    return sorted(at_s - since_s for at_s in cells if at_s > since_s)
