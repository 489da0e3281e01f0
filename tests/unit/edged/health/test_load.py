"""edged.health.load and edged.host.processors: what the box can carry."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.alarms.conditions import load_troubles
from edged.health.load import BUSY, COMFORTABLE, LATE_MS, OFTEN, QUEUED_BYTES, BoxLoad, Excess, load_of
from edged.host.processors import BusyMeter
from recorder.words.messages import Stats


def report(*, late_ms: int = 0, sync_ms: int = 1, queued: int = 0) -> Stats:
    return Stats(1, 1, 1, 0, 0, slowest_sync_ms=sync_ms, queued_bytes=queued, late_ms=late_ms)


def test_the_worst_of_all_cameras_is_told_and_those_without_a_report_do_not_count() -> None:
    seen = load_of([[report(late_ms=7), report(sync_ms=30)], [report(queued=5)], []], 0.4)
    assert seen == BoxLoad(0.4, late_ms=7, slowest_sync_ms=30, queued_bytes=5, cameras=2, lagging=0)


@pytest.mark.parametrize("late", range(OFTEN + 1))
def test_a_camera_lags_when_it_was_looked_at_late_often(late: int) -> None:
    reports = [report(late_ms=LATE_MS + 1)] * late + [report(late_ms=LATE_MS)] * 5
    seen = load_of([reports, [report()]], 0.1)
    assert (seen.lagging, seen.excess) == ((1, ["late"]) if late == OFTEN else (0, []))


@pytest.mark.parametrize(
    ("seen", "excess"),
    [
        (BoxLoad(), []),
        (BoxLoad(BUSY - 0.01), []),
        (BoxLoad(BUSY), ["busy"]),
        (BoxLoad(0.1, queued_bytes=QUEUED_BYTES), []),
        (BoxLoad(0.1, queued_bytes=QUEUED_BYTES + 1), ["disk"]),
    ],
)
def test_too_much(seen: BoxLoad, excess: list[Excess]) -> None:
    assert seen.excess == excess
    assert [key for key, _ in load_troubles(seen)] == ["box.load"] * bool(excess)


@given(st.integers(1, 200), st.floats(0.01, 1.0))
def test_what_it_carries_would_leave_the_box_comfortable(cameras: int, busy: float) -> None:
    carries = BoxLoad(busy, cameras=cameras).carries
    if carries is None:
        assert cameras < 4
    else:
        assert carries * busy / cameras <= COMFORTABLE + 1e-9
        assert (carries + 1) * busy / cameras > COMFORTABLE - 1e-9


def test_what_to_do_goes_by_what_is_too_much() -> None:
    waiting = QUEUED_BYTES + 1
    for load in (BoxLoad(0.95), BoxLoad(0.2, lagging=1), BoxLoad(0.95, queued_bytes=waiting)):
        ((_, told),) = load_troubles(load)
        assert "fewer cameras" in told.action
    ((_, told),) = load_troubles(BoxLoad(0.2, queued_bytes=waiting))
    assert told.action.startswith("Check the disk")


def test_busy_is_what_was_neither_idle_nor_waiting_for_a_disk(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    meter = BusyMeter(stat)
    assert meter.sample() is None
    stat.write_text("cpu  10 0 10 70 10 0 0 0 0 0\ncpu0 1\n")
    assert meter.sample() is None, "of no time at all"
    stat.write_text("cpu  40 0 20 120 20 0 0 0 0 0\ncpu0 1\n")
    assert meter.sample() == pytest.approx(0.4)
    stat.write_text("nothing of the kind\n")
    assert meter.sample() is None


def test_only_the_last_minute_counts(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    meter = BusyMeter(stat)
    seen = []
    for second in range(40):
        busy = 100 * min(second, 20)
        stat.write_text(f"cpu  {busy} 0 0 {100 * second - busy} 0 0 0 0 0 0\n")
        seen.append(meter.sample())
    assert seen[20] == 1.0
    assert seen[-1] == 0.0
