"""What processes cost, as the kernel counts it (/proc): processor time, memory. Linux only."""

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


def cpu_ns(pid: int) -> int:
    """Since it began, of all its threads, user and kernel: to the nanosecond, where `stat` has hundredths of a second.

    CLOCK_PROCESS_CPUTIME_ID of another process, of a zombie, too. Raises OSError once it is gone.
    """
    return time.clock_gettime_ns(~pid << 3 | 2)  # as clock_getcpuclockid(3) has it


def spent_ns(pid: int) -> int | None:
    """As `cpu_ns`; None once it is gone."""
    try:
        return cpu_ns(pid)
    except OSError:
        return None


def pss(pid: int) -> int:
    """In KiB: what is shared is divided by those who share it. 0 once it is gone."""
    try:
        return int(_field(Path(f"/proc/{pid}/smaps_rollup").read_text(), "Pss"))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def pss_kib(pids: Collection[int], beside: Collection[int]) -> int:
    """Of all `pids` together, as if the processes `beside` did not run: their part of files that both have (code, most
    of it) is counted here."""
    files = {file for pid in pids for file, _ in _mappings(pid)}
    return sum(map(pss, pids)) + sum(shared for pid in beside for file, shared in _mappings(pid) if file in files)


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


def _field(text: str, name: str) -> str:
    found = re.search(rf"(?m)^{name}:\s*(\d+)", text)
    return found[1] if found else "0"


def median(values: Iterable[float]) -> float:
    found = list(values)
    return statistics.median(found) if found else float("nan")
