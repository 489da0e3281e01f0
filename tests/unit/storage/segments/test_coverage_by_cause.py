"""The account of an interval by cause: it is all of it, each instant once, and what coverage says of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.segments.coverage_queries import SEAM_MS, CoverageClaims, measure, shares

END = 100_000
spans = st.lists(
    st.tuples(st.integers(0, 90), st.integers(1, 30)).map(lambda one: (one[0] * 1000, (one[0] + one[1]) * 1000)),
    max_size=8,
)
told = st.lists(st.tuples(st.sampled_from(["dropped", "power-loss", "stalled", "unknown"]), spans), max_size=4).map(
    lambda many: [(cause, *span) for cause, found in many for span in found]
)


def claims(
    causes: list[tuple[str, int, int]], holes: list[tuple[int, int]], since_ms: int | None = 0
) -> CoverageClaims:
    causes = [*causes, *(("stalled", *hole) for hole in holes)]
    explained = [(a, b) for cause, a, b in causes if cause != "unknown"]
    return CoverageClaims(since_ms, [], explained, [], holes, len(causes), causes)


@given(spans, told, spans, st.integers(0, END))
def test_shares_are_all_of_the_time_and_agree_with_coverage(
    recorded: list[tuple[int, int]],
    causes: list[tuple[str, int, int]],
    holes: list[tuple[int, int]],
    since_ms: int,
) -> None:
    claim = claims(causes, holes, since_ms)
    found, known = shares(claim, recorded, 0, END), measure(claim, recorded, 0, END)
    assert found.recorded_ms + sum(found.causes.values()) + found.unexplained_ms == END - since_ms
    assert all(ms > 0 for ms in found.causes.values())
    assert "unknown" not in found.causes
    assert (found.recorded_ms, sum(found.causes.values()), found.unexplained_ms) == (
        known.covered_ms,
        known.explained_ms,
        known.unexplained_ms,
    )


@given(spans, told)
def test_each_second_counts_once_naively(recorded: list[tuple[int, int]], causes: list[tuple[str, int, int]]) -> None:
    """On whole seconds there are no seams: second by second, recorded before causes in the order of their names."""
    naive = dict.fromkeys([*sorted({cause for cause, _, _ in causes if cause != "unknown"})], 0)
    rest = 0
    for second in range(0, END, 1000):
        if any(a <= second < b for a, b in recorded):
            continue
        cause = next(
            (one for one in naive if any((one, a, b) for c, a, b in causes if c == one and a <= second < b)), ""
        )
        if cause:
            naive[cause] += 1000
        else:
            rest += 1000
    found = shares(claims(causes, []), recorded, 0, END)
    assert found.causes == {cause: ms for cause, ms in naive.items() if ms}
    assert found.unexplained_ms == rest


def test_a_seam_between_two_segments_is_no_gap_and_nothing_is_known_of_a_stranger() -> None:
    seam = [(0, 50_000), (50_000 + SEAM_MS, END)]
    assert shares(claims([], []), seam, 0, END).recorded_ms == END
    nothing = shares(claims([], [], None), seam, 0, END)
    assert (nothing.recorded_ms, nothing.causes, nothing.unexplained_ms) == (0, {}, 0)
