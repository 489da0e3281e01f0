"""What processes cost, as the kernel counts it (/proc): processor time, wake-ups, memory. Linux only."""

from __future__ import annotations

import os
import re
import statistics
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Used:
    """By one process since it began."""

    cpu_ns: int
    """Of all its threads, user and kernel (schedstat): to the nanosecond, where `stat` has hundredths of a second."""
    sleeps: int
    """Voluntary context switches: each is a wake-up later on."""
    user_share: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Now, in KiB."""

    pss: int
    """What is shared is divided by those who share it."""
    own: int
    """Shared with nobody."""


def used(pid: int) -> Used | None:
    """None once it is gone."""
    cpu_ns = sleeps = 0
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            cpu_ns += int((task / "schedstat").read_text().split()[0])
            sleeps += int(_field((task / "status").read_text(), "voluntary_ctxt_switches"))
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    user, system = int(fields[11]), int(fields[12])
    return Used(cpu_ns, sleeps, user / (user + system) if user + system else 0.0)


def memory(pid: int) -> Memory | None:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Memory(int(_field(text, "Pss")), int(_field(text, "Private_Clean")) + int(_field(text, "Private_Dirty")))


def children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _field(text: str, name: str) -> str:
    found = re.search(rf"(?m)^{name}:\s*(\d+)", text)
    return found[1] if found else "0"


@dataclass(frozen=True, slots=True)
class Window:
    """A group of processes over a stretch of time, per second of it, all together."""

    cpu_ms: float
    sleeps: float


class Group:
    """Processes that are counted as one."""

    def __init__(self, pids: Collection[int]) -> None:
        self.pids = tuple(pids)
        self.windows: list[Window] = []
        self._before = self._look()

    def _look(self) -> dict[int, Used]:
        return {pid: seen for pid in self.pids if (seen := used(pid)) is not None}

    def begin(self) -> None:
        self._before = self._look()

    def end(self, seconds: float) -> None:
        """A window of this length is over. One in which a process ended looks too cheap and is left out."""
        after = self._look()
        if after.keys() == self._before.keys():
            cpu_ns = sum(after[pid].cpu_ns - self._before[pid].cpu_ns for pid in after)
            sleeps = sum(after[pid].sleeps - self._before[pid].sleeps for pid in after)
            self.windows.append(Window(cpu_ns / 1e6 / seconds, sleeps / seconds))
        self._before = after

    @property
    def cpu_ms(self) -> list[float]:
        return [window.cpu_ms for window in self.windows]

    @property
    def sleeps(self) -> float:
        return median(window.sleeps for window in self.windows)

    @property
    def user_share(self) -> float:
        return median(seen.user_share for seen in self._look().values())

    def memory(self) -> Memory:
        """Of all together."""
        seen = [found for pid in self.pids if (found := memory(pid)) is not None]
        return Memory(sum(m.pss for m in seen), sum(m.own for m in seen))


def median(values: Iterable[float]) -> float:
    found = list(values)
    return statistics.median(found) if found else float("nan")
