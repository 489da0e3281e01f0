"""The real clock: both clocks at once, and never synchronised by mere hope."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from storage import clock
from storage.clock import Clock, SystemClock
from storage.model import Moment


def test_both_clocks_are_read_and_told_apart() -> None:
    real: Clock = SystemClock()
    before = Moment(time.time_ns() // 1_000_000, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)
    now = real.now()
    after = Moment(time.time_ns() // 1_000_000, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)
    assert before.boottime_ms <= now.boottime_ms <= after.boottime_ms
    assert before.wall_ms <= now.wall_ms <= after.wall_ms


def test_the_boot_has_the_kernels_name() -> None:
    assert SystemClock().boot_id == Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def test_a_clock_counts_as_synchronised_only_when_that_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "synchronized"
    monkeypatch.setattr(clock, "TIMESYNC_MARK", mark)
    assert not SystemClock().synced()
    mark.touch()
    assert SystemClock().synced()
