"""Who is asked whether the clock is synchronised, and what is made of the answers."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from edged.host.clock import CHRONY, TIMEDATED, HostClock, asked_of_programs, read_rtc_ms
from storage.words.model import Moment

SYNCED: Final = "C0000201,ntp.example,3,1772.1,-0.000012,0.0,0.00003,-12.1,-0.0,0.03,0.01,0.002,64.2,Normal\n"
NOT_SYNCED: Final = "00000000,,0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,1.0,0.0,Not synchronised\n"


class Programs:
    """They say what they are told to, and count how often they are asked."""

    def __init__(self, timedated: str | None = None, chrony: str | None = None) -> None:
        self.said = {TIMEDATED[0]: timedated, CHRONY[0]: chrony}
        self.asked = 0

    def __call__(self, command: Sequence[str]) -> str | None:
        self.asked += 1
        return self.said[command[0]]


class Host(HostClock):
    """A host whose clocks are moved by hand, and that looks only when told."""

    def __init__(self, programs: Programs, folder: Path, kernel: bool | None = None) -> None:
        super().__init__(programs, lambda: kernel, folder / "mark", folder / "rtc")
        self.moment = Moment(1_772_000_000_000, 60_000)
        self.looks = 0

    def now(self) -> Moment:
        return self.moment

    def _look(self, now_ms: int) -> None:
        self._asked_ms = now_ms
        self.looks += 1

    def after(self, ms: int, step_ms: int = 0) -> None:
        self.moment = Moment(self.moment.wall_ms + ms + step_ms, self.moment.boottime_ms + ms)


@pytest.mark.parametrize(
    ("timedated", "chrony", "known"),
    [
        ("yes\n", None, True),
        ("no\n", SYNCED, False),
        (None, SYNCED, True),
        (None, NOT_SYNCED, False),
        ("", "506 Cannot talk to daemon\n", None),
        ("maybe\n", "", None),
        (None, None, None),
    ],
)
def test_timedated_is_believed_before_chrony(timedated: str | None, chrony: str | None, known: bool | None) -> None:
    assert asked_of_programs(Programs(timedated, chrony)) is known


@pytest.mark.parametrize("kernel", [True, False])
def test_where_the_kernel_answers_nobody_else_is_asked(tmp_path: Path, kernel: bool) -> None:
    programs = Programs("yes" if not kernel else "no")
    host = Host(programs, tmp_path, kernel)
    host.poll()
    assert host.synced() is kernel
    assert programs.asked == 0


def test_nothing_is_synchronised_before_somebody_said_so(tmp_path: Path) -> None:
    host = Host(Programs("yes"), tmp_path)
    assert not host.synced()
    host.poll()
    assert host.synced()


def test_they_are_asked_once_a_minute(tmp_path: Path) -> None:
    host = Host(Programs("yes"), tmp_path)
    for _ in range(181):
        host.synced()
        host.after(1000)
    assert host.looks == 4


def test_after_a_step_nobody_has_vouched_for_the_clock_yet(tmp_path: Path) -> None:
    """What was heard was said of another time."""
    host = Host(Programs("yes"), tmp_path)
    host.poll()
    host.after(1000, step_ms=-86_400_000)
    assert not host.synced()
    host.poll()
    assert host.synced()


def test_the_mark_of_timesyncd_counts_until_the_clock_is_stepped(tmp_path: Path) -> None:
    host = Host(Programs(), tmp_path)
    host.poll()
    assert not host.synced()
    (tmp_path / "mark").touch()
    host.after(1000, step_ms=3_600_000)  # timesyncd has set it
    host.poll()
    assert host.synced()
    host.after(1000, step_ms=86_400_000)  # somebody else has
    host.poll()
    assert not host.synced()
    os.utime(tmp_path / "mark", ns=(1, 1))  # and timesyncd once more
    host.poll()
    assert host.synced()


def test_the_hardware_clock_is_read_with_boottime(tmp_path: Path) -> None:
    host = Host(Programs(), tmp_path)
    host.poll()
    assert host.rtc_offset_ms() is None
    (tmp_path / "rtc").write_text("1772000007\n")
    host.poll()
    assert host.rtc_offset_ms() == 1_772_000_007_000 - 60_000


@pytest.mark.parametrize("content", ["", "soon\n", None])
def test_a_hardware_clock_that_tells_nothing_is_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "rtc").write_text(content)
    assert read_rtc_ms(tmp_path / "rtc") is None


def test_the_first_question_is_asked_without_waiting_for_the_answer(tmp_path: Path) -> None:
    """On a thread of its own; only one at a time, however long it takes."""
    asked, answer = threading.Event(), threading.Event()

    def slow(command: Sequence[str]) -> str | None:
        del command
        asked.set()
        assert answer.wait(10)
        return "yes"

    host = HostClock(slow, lambda: None, tmp_path / "mark", tmp_path / "rtc")
    try:
        assert not host.synced()
        assert asked.wait(10)
        assert not host.synced()
    finally:
        answer.set()
    assert host._asking.acquire(timeout=10)
    assert host.synced()
