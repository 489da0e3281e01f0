"""Waiting for something that another process does: the one polling loop of all tests, always with a deadline."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

POLL_S: Final = 0.1
"""Ten looks a second: soon enough for deadlines of seconds, too rare to disturb what is watched."""


class TooLateError(AssertionError):
    """What was waited for did not happen; says what, and what was seen last."""


def wait_until(probe: Callable[[], T], within_s: float, what: str, *, every_s: float = POLL_S) -> T:
    """The first true value of `probe`; `TooLateError` once `within_s` have passed without one."""
    deadline = time.monotonic() + within_s
    while True:
        seen = probe()
        if seen:
            return seen
        if time.monotonic() >= deadline:
            raise TooLateError(f"not within {within_s:g} s: {what}; last seen: {seen!r}")
        time.sleep(every_s)


def let_run(seconds: float, check: Callable[[], object]) -> None:
    """Let the system under test run for `seconds`, calling `check` (which raises if all is not well) all the while."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        check()
        time.sleep(min(1.0, left))


def waited_ms() -> float:
    """For how long, since its boot, somebody on this machine had to wait for a processor or a disk: so much longer may
    last what is timed. Without bound where the kernel does not say."""
    places = [Path("/proc/pressure", name) for name in ("cpu", "io")]
    if not all(place.exists() for place in places):
        return inf
    totals = [re.search(r"^some .*total=(\d+)", place.read_text(), re.MULTILINE) for place in places]
    return sum(int(total.group(1)) for total in totals if total) / 1000
