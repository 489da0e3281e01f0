"""The real clock: both clocks at once, and never synchronised by mere hope."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path

import pytest

from edged.cli.main import main
from edged.words import exit_codes
from storage.words import clock
from storage.words.clock import Clock, SystemClock, has_own_boot_id
from storage.words.model import Moment
from tests.support.configuration import Setup


def test_both_clocks_are_read_and_told_apart() -> None:
    real: Clock = SystemClock()
    before = Moment(time.time_ns() // 1_000_000, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)
    now = real.now()
    after = Moment(time.time_ns() // 1_000_000, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)
    assert before.boottime_ms <= now.boottime_ms <= after.boottime_ms
    assert before.wall_ms <= now.wall_ms <= after.wall_ms


class Held:
    """Clocks as a process reads them that is held up for a second between two of its readings, again and again."""

    def __init__(self, held_after: set[int]) -> None:
        self.readings = 0
        self.held_after = held_after
        self.boottime_ns = 5_000_000_000_000

    def read(self, which: int) -> int:
        told_ns = self.boottime_ns + {time.CLOCK_BOOTTIME: 0, time.CLOCK_MONOTONIC_RAW: 7_000}.get(which, WALL_NS)
        self.readings += 1
        self.boottime_ns += 2_000_000_000 if self.readings in self.held_after else 300
        return told_ns


WALL_NS = 1_772_000_000_000_000_000


@pytest.mark.parametrize("held_after", [set(), {1}, {2}, {1, 2}, {1, 5, 8, 10}])
def test_a_process_that_is_held_up_between_two_clocks_sees_no_step(
    monkeypatch: pytest.MonkeyPatch, held_after: set[int]
) -> None:
    """It would be told of as a set clock, and a worker's word would not be believed."""
    held = Held(held_after)
    monkeypatch.setattr(time, "clock_gettime_ns", held.read)
    monkeypatch.setattr(time, "time_ns", lambda: held.read(time.CLOCK_REALTIME))
    now = SystemClock().now()
    assert now.wall_ms - now.boottime_ms == WALL_NS // 1_000_000
    assert SystemClock().lead_us() == 7


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


@pytest.mark.parametrize(
    ("point", "own"),
    [("/proc/sys/kernel/random/boot_id", True), ("/proc/sys/kernel/random/uuid", False), ("/proc", False)],
)
def test_a_container_that_shows_a_boot_id_of_its_own(point: str, *, own: bool) -> None:
    line = "52 40 0:25 /proc/boot_id {} ro,nosuid - tmpfs /proc/sys/kernel/random/boot_id rw\n"
    assert has_own_boot_id("23 28 0:21 / /proc rw - proc proc rw\n" + line.format(point)) is own


def test_nothing_is_rebuilt_by_another_boot_id_than_edged_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would be another boot, and what was recorded in this one hours older than it is."""
    config = Setup([]).toml(state=tmp_path / "state", socket=tmp_path / "edged.sock", volume=tmp_path / "volume")
    (tmp_path / "edged.toml").write_text(config)
    (tmp_path / "mounts").write_text("52 40 0:25 /x /proc/sys/kernel/random/boot_id ro - tmpfs none rw\n")
    monkeypatch.setattr("edged.cli.fsck.MOUNTS", tmp_path / "mounts")
    assert main(["--config", str(tmp_path / "edged.toml"), "rebuild"]) == exit_codes.FAILED
    assert "boot id of its own" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()
