"""recorder.supervisor.worker_session: a minute of samples, and at most one remark a minute."""

from __future__ import annotations

from recorder.supervisor.worker_session import BEHIND_BYTES, MAX_SAMPLES, REMARK_MS, SAMPLES_MS, SessionStats
from recorder.words.messages import Stats


def stats(*, repaired: int = 0, dropped: int = 0, queued: int = 0, lost: int = 0) -> Stats:
    return Stats(1, 1, 1, repaired=repaired, dropped=dropped, slowest_sync_ms=0, queued_bytes=queued, lost_packets=lost)


def test_samples_are_those_of_the_last_minute() -> None:
    reports = SessionStats()
    for second in range(100):
        assert reports.take(stats(), second * 1000) == ""
    times = [at for at, _ in reports.samples]
    assert times == list(range(99_000 - SAMPLES_MS, 100_000, 1000))


def test_a_worker_that_reports_too_often_costs_no_memory() -> None:
    reports = SessionStats()
    for _ in range(2 * MAX_SAMPLES):
        reports.take(stats(), 5)
    assert len(reports.samples) == MAX_SAMPLES


def test_what_was_mended_and_lost_is_remarked_upon_once_a_minute_and_adds_up() -> None:
    reports = SessionStats()
    assert reports.take(stats(repaired=2), 0) == "timestamps of 2 packets were mended"
    assert reports.take(stats(repaired=3, dropped=4), REMARK_MS - 1) == ""
    remark = reports.take(stats(repaired=3, dropped=5), REMARK_MS)
    assert remark == "timestamps of 1 packets were mended, 5 packets could not be kept"
    assert reports.take(stats(repaired=3, dropped=5), 3 * REMARK_MS) == ""


def test_what_the_network_lost_is_remarked_upon() -> None:
    reports = SessionStats()
    assert reports.take(stats(lost=7), 0) == "7 packets never arrived"
    assert reports.take(stats(lost=9), REMARK_MS) == "2 packets never arrived"


def test_a_disk_that_falls_behind_is_remarked_upon_before_it_costs_a_segment() -> None:
    assert SessionStats().take(stats(queued=BEHIND_BYTES), 0) == ""
    assert SessionStats().take(stats(queued=20 << 20 | 1), 0) == "20 MiB wait for the disk"


def test_reports_that_waited_while_the_daemon_hung_count_for_when_they_were_made() -> None:
    reports = SessionStats()
    for second in range(60):
        stats = Stats(25 * second, 1, 1, 0, 0, 0, 0, boottime_ms=1_000 * second + 1)
        reports.take(stats, 90_000 if second >= 20 else 1_000 * second + 5)
    times = [at for at, _ in reports.samples]
    assert times == [1_000 * second + 1 for second in range(60)]


def test_what_a_worker_says_of_time_is_believed_only_where_it_can_be() -> None:
    reports = SessionStats()
    for told_ms in (5_000, 0, 9_000_000, 100):
        reports.take(Stats(1, 1, 1, 0, 0, 0, 0, boottime_ms=told_ms), 10_000)
    assert [at for at, _ in reports.samples] == [5_000, 10_000, 10_000, 10_000]
