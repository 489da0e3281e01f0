"""Reports of a session as health takes them: those of before are not made again, and nothing of it shows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edged.overview import SLOW_SYNC_MS, SampleWindow, observation
from recorder.words.messages import Stats
from tests.unit.edged.site.test_documents import NOW, RECORDING

REPORT = st.builds(
    lambda frames, sync_ms, offset_ms: Stats(
        frames,
        frames,
        frames,
        repaired=0,
        dropped=0,
        slowest_sync_ms=sync_ms,
        queued_bytes=0,
        camera_offset_ms=offset_ms,
    ),
    st.integers(0, 3),
    st.sampled_from([1, SLOW_SYNC_MS, SLOW_SYNC_MS + 1]),
    st.sampled_from([None, 7]),
)


@given(
    st.lists(REPORT, min_size=12, max_size=12), st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=6)
)
def test_as_if_all_were_made_anew(reports: list[Stats], windows: list[tuple[int, int]]) -> None:
    """Windows of one session, which mostly move on; of the next, some reports say the same and are others."""
    known = SampleWindow()
    told = tuple((1000 * at, stats) for at, stats in enumerate(reports))
    for begin, end in [(0, 8), *windows]:
        seen = told[begin:end]
        known = known.moved(seen)
        assert known == SampleWindow().moved(seen)
        assert known.slow_syncs == sum(stats.slowest_sync_ms > SLOW_SYNC_MS for _, stats in seen)
        assert [(one.at_ms, one.video_frames) for one in known.samples] == [(at, s.video_frames) for at, s in seen]


def test_a_camera_is_judged_by_them() -> None:
    seen = ((NOW.boottime_ms, Stats(1, 2, 3, repaired=0, dropped=0, slowest_sync_ms=1, queued_bytes=0)),)
    window = SampleWindow().moved(seen)
    assert observation(None, NOW, enabled=True, window=window).samples == ()
    assert observation(RECORDING, NOW, enabled=True, window=window).samples == window.samples
