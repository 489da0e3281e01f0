"""What processes cost, as the kernel counts it (/proc): processor time, wake-ups, memory. Linux only."""

from __future__ import annotations

import os
import re
import statistics
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Used:
    """By one process since it began."""

    cpu_ns: int
    """Of all its threads, also those that ended, user and kernel: to the nanosecond, where `stat` has hundredths of a
    second."""
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
    sleeps = 0
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            sleeps += int(_field((task / "status").read_text(), "voluntary_ctxt_switches"))
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        spent_ns = cpu_ns(pid)
    except OSError:
        return None
    user, system = int(fields[11]), int(fields[12])
    return Used(spent_ns, sleeps, user / (user + system) if user + system else 0.0)


def cpu_ns(pid: int) -> int:
    """CLOCK_PROCESS_CPUTIME_ID of another process, of a zombie, too. Raises OSError once it is gone."""
    return time.clock_gettime_ns(~pid << 3 | 2)  # as clock_getcpuclockid(3) has it


def memory(pid: int) -> Memory | None:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Memory(int(_field(text, "Pss")), int(_field(text, "Private_Clean")) + int(_field(text, "Private_Dirty")))


def pss_kib(pids: Collection[int], beside: Collection[int]) -> int:
    """Of all `pids` together, as if the processes `beside` did not run: their part of files that both have (code, most
    of it) is counted here."""
    files = {file for pid in pids for file, _ in _mappings(pid)}
    own = sum(seen.pss for pid in pids if (seen := memory(pid)) is not None)
    return own + sum(shared for pid in beside for file, shared in _mappings(pid) if file in files)


def _mappings(pid: int) -> Iterator[tuple[str, int]]:
    """Of files: which (device and inode), and this process's part in KiB of what others have as well."""
    try:
        text = Path(f"/proc/{pid}/smaps").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return
    for one in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", text):
        if found := re.match(r"\S+ \S+ \S+ (\S+ [1-9]\d*) ", one):
            own = sum(int(_field(one, name)) for name in ("Private_Clean", "Private_Dirty"))
            yield found[1], int(_field(one, "Pss")) - own


def children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def tree(roots: Collection[int]) -> list[int]:
    """Processes that these started, whatever they are called and whoever started them in between, and themselves.

    Each root leads a session: by that also those are found that have lost their parent.
    """
    seen = {pid: found for pid in _everybody() if (found := _stat(pid)) is not None}
    members = {pid for pid, one in seen.items() if pid in roots or one.session in roots}
    more = members
    while more:
        more = {pid for pid, one in seen.items() if one.parent in more} - members
        members |= more
    return sorted(members)


def tree_cpu_ns(roots: Collection[int]) -> int:
    """Processor time of a tree since it began, also of its processes that ended and were waited for."""
    total_ns = 0
    for pid in tree(roots):
        one = _stat(pid)
        try:
            total_ns += cpu_ns(pid) + (one.waited_ns if one is not None else 0)
        except OSError:  # ended just now: it counts as waited for
            continue
    return total_ns


@dataclass(frozen=True, slots=True)
class _Stat:
    parent: int
    session: int
    waited_ns: int
    """Processor time of children that ended, and of theirs: to the hundredth of a second."""


def _stat(pid: int) -> _Stat | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return _Stat(int(fields[1]), int(fields[3]), (int(fields[13]) + int(fields[14])) * 1_000_000_000 // TICKS_PER_S)


def _everybody() -> list[int]:
    return [int(place.name) for place in Path("/proc").iterdir() if place.name.isdigit()]


def box_ns() -> int:
    """Processor time of the whole machine since it booted, kernel threads and interrupts included.

    What was not idle: the kernel knows idle time exactly, while what it calls user and system time are samples.
    """
    fields = Path("/proc/stat").read_text().split("\n", maxsplit=1)[0].split()[1:]
    idle, waiting, stolen = int(fields[3]), int(fields[4]), int(fields[7])
    spent_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC) * (os.cpu_count() or 1)
    return spent_ns - (idle + waiting + stolen) * 1_000_000_000 // TICKS_PER_S


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
