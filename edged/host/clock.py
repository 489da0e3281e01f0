"""The clocks of this box: whether the wall clock is synchronised, what the hardware clock says, and steps of the clock.

Whether it is synchronised the kernel knows, and in a sandbox that forbids asking it timedated, chrony or timesyncd do;
but these answer through other processes, which may hang. So they are asked on a thread of its own, at most once a
minute, and what is told here is what was last heard: cheap, never waiting. What is not known counts as not
synchronised: that only costs credit. A step opens a new clock epoch, cuts segments and ages nothing (S7).
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.words import clock
from storage.words.clock import STEP_MS, SystemClock
from storage.words.model import Moment

ASK_EVERY_MS: Final = 60_000
"""A time daemon needs minutes to lose its servers, and credit is counted in hours."""
ANSWER_WITHIN_S: Final = 5.0
"""A program that has not answered by then is killed; timedated may have to be started first."""
RTC: Final = Path("/sys/class/rtc/rtc0/since_epoch")
TIMEDATED: Final = ("timedatectl", "show", "-p", "NTPSynchronized", "--value")
"""Tells what the kernel says, so that it tells of chrony and ntpd, too."""
CHRONY: Final = ("chronyc", "-n", "-c", "tracking")
CHRONY_FIELDS: Final = 14
CHRONY_UNSYNCED: Final = "Not synchronised"

RunProgram = Callable[[Sequence[str]], str | None]
"""A program's standard output; None where it is not there, fails, or does not answer."""


def run_program(command: Sequence[str]) -> str | None:
    """The real one."""
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=ANSWER_WITHIN_S, check=True, text=True
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout


def asked_of_kernel() -> bool | None:
    """None where it may not be asked."""
    return clock.kernel_synced()


def asked_of_programs(ask: RunProgram) -> bool | None:
    """timedated, else chrony; None where neither knows."""
    told = (ask(TIMEDATED) or "").strip()
    if told in ("yes", "no"):
        return told == "yes"
    fields = (ask(CHRONY) or "").strip().split(",")
    return None if len(fields) < CHRONY_FIELDS else fields[-1] != CHRONY_UNSYNCED


def read_rtc_ms(path: Path) -> int | None:
    """Milliseconds since 1970 by the hardware clock; None where there is none, or it does not tell."""
    try:
        return int(path.read_text(encoding="ascii")) * 1000
    except (OSError, ValueError):
        return None


class HostClock(SystemClock):
    """The clocks of this box, with what others know of them."""

    def __init__(
        self,
        ask: RunProgram = run_program,
        kernel: Callable[[], bool | None] = asked_of_kernel,
        mark: Path = clock.TIMESYNC_MARK,
        rtc: Path = RTC,
    ) -> None:
        super().__init__()
        self._ask = ask
        self._kernel = kernel
        self._mark = mark
        self._rtc = rtc
        self._asking = threading.Lock()
        self._asked_ms: int | None = None
        self._heard: bool = False
        self._heard_offset_ms = 0
        self._marked: tuple[int, int] | None = None
        self._rtc_offset_ms: int | None = None

    def synced(self) -> bool:
        """What was last heard, if the wall clock was not stepped since: then nobody has vouched for it yet."""
        now = self.now()
        offset_ms = now.wall_ms - now.boottime_ms
        if self._asked_ms is None or abs(now.boottime_ms - self._asked_ms) >= ASK_EVERY_MS:
            self._look(now.boottime_ms)
        told = self._kernel()
        if told is not None:
            return told
        return self._heard and abs(offset_ms - self._heard_offset_ms) <= STEP_MS

    def rtc_offset_ms(self) -> int | None:
        """As read within the last minute."""
        return self._rtc_offset_ms

    def _look(self, now_ms: int) -> None:
        """On a thread, unless the last one has not come back yet."""
        if self._asking.acquire(blocking=False):
            self._asked_ms = now_ms
            threading.Thread(target=self._look_and_release, name="clock", daemon=True).start()

    def _look_and_release(self) -> None:
        try:
            self.poll()
        finally:
            self._asking.release()

    def poll(self) -> None:
        """Ask everybody now. Blocking."""
        rtc_ms, now = read_rtc_ms(self._rtc), self.now()
        self._rtc_offset_ms = None if rtc_ms is None else rtc_ms - now.boottime_ms
        if self._kernel() is not None:
            return
        told = asked_of_programs(self._ask)
        now = self.now()
        offset_ms = now.wall_ms - now.boottime_ms
        self._heard = self._is_marked(offset_ms) if told is None else told
        self._heard_offset_ms = offset_ms

    def _is_marked(self, offset_ms: int) -> bool:
        """timesyncd touches its mark and never takes it away: after a step it must have been touched anew."""
        try:
            touched_ns = self._mark.stat().st_mtime_ns
        except OSError:
            self._marked = None
            return False
        if self._marked is None or self._marked[0] != touched_ns:
            self._marked = touched_ns, offset_ms
        return abs(offset_ms - self._marked[1]) <= STEP_MS


LOOK_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class ClockWatch:
    """The last look; `look` returns the next one and by how much the wall clock was stepped since (0: it was not)."""

    offset_ms: int

    @classmethod
    def start(cls, now: Moment) -> ClockWatch:
        return cls(now.wall_ms - now.boottime_ms)

    def poll(self, now: Moment) -> tuple[ClockWatch, int]:
        offset_ms = now.wall_ms - now.boottime_ms
        step_ms = offset_ms - self.offset_ms
        return ClockWatch(offset_ms), step_ms if abs(step_ms) > STEP_MS else 0
