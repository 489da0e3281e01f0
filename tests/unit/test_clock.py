"""The real clock: both clocks at once, and never synchronised by mere hope."""

from __future__ import annotations

import ctypes
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


@pytest.mark.parametrize(("kernel", "synced"), [(0, True), (1, True), (5, False)])
def test_the_kernel_is_asked_whether_the_clock_is_synchronised(
    monkeypatch: pytest.MonkeyPatch, kernel: int, synced: bool
) -> None:
    def adjtimex(timex: ctypes.Array[ctypes.c_char]) -> int:
        assert not any(timex.raw), "no mode is set: nothing is changed"
        return kernel

    monkeypatch.setattr(clock, "_adjtimex", adjtimex)
    assert SystemClock().synced() is synced


def test_where_the_kernel_may_not_be_asked_the_mark_of_timesyncd_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "synchronized"
    monkeypatch.setattr(clock, "TIMESYNC_MARK", mark)
    monkeypatch.setattr(clock, "_adjtimex", lambda _: -1)
    assert not SystemClock().synced()
    mark.touch()
    assert SystemClock().synced()


def test_the_real_kernel_answers_and_nothing_is_overwritten() -> None:
    """The structure is longer than what the kernel writes, whichever kernel it is."""
    timex = ctypes.create_string_buffer(clock._TIMEX_BYTES)
    answer = clock._adjtimex(timex)
    assert -1 <= answer <= 5
    assert timex.raw[256:] == bytes(256)
