"""What `bench.gauges` counts of a tree of processes: all of it, whatever became of those in between."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench import gauges

STAYS = "read line"
"""Until its standard input is closed."""
BURNS = "import time; [0 for _ in iter(lambda: time.process_time() < 0.1, False)]; print(time.process_time_ns())"


@contextmanager
def leader(script: str) -> Iterator[tuple[int, str]]:
    """A shell that leads a session and then stays: its pid, and the first line that it printed."""
    with subprocess.Popen(
        ["sh", "-c", f"{script}\n{STAYS}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as root:
        assert root.stdout is not None
        yield root.pid, root.stdout.readline().strip()


def test_a_process_that_has_lost_its_parent_is_still_found() -> None:
    with leader(f"exec 3<&0; sh -c '({STAYS} <&3) & echo $!'") as (pid, orphan):
        told = gauges._stat(int(orphan))
        assert told is not None
        assert told.parent != pid
        assert {pid, int(orphan)} <= set(gauges.tree([pid]))


def test_a_process_in_a_session_of_its_own_is_found_by_its_parent() -> None:
    with leader(f"exec 3<&0; setsid sh -c 'echo $$; {STAYS} <&3' &") as (pid, other):
        assert {pid, int(other)} <= set(gauges.tree([pid]))


def test_nobody_else_is_found() -> None:
    with leader("echo") as (pid, _), leader("echo") as (another, _):
        assert gauges.tree([pid]) == [pid]
        assert gauges.tree([pid, another]) == sorted([pid, another])


def test_who_ended_still_counts() -> None:
    with leader(f'echo $({sys.executable} -c "{BURNS}")') as (pid, spent_ns):
        assert gauges.tree([pid]) == [pid]
        assert gauges.tree_cpu_ns([pid]) >= int(spent_ns) - 20_000_000  # hundredths of user and of system time
