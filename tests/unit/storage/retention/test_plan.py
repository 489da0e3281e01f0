"""Retention against a naive model, at the edges of its bounds; and planted bugs, to know that the model sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from storage.ages.history import Age
from storage.retention import plan as retention
from storage.retention.plan import Candidate, Decision, Reason, effective, plan, still_due, unmet
from storage.volumes.volume import FILES_SPARE, Space, VolumeSpec, bytes_needed, limit_bytes, why_full
from storage.words.model import Bounds, GapCause
from tests.unit.storage.retention.planting import planted

DAY_S = 86_400
DAY_MS = DAY_S * 1000
MONTH = Bounds(31 * DAY_S, 365 * DAY_S)


def candidate(end_ms: int, start_ms: int | None = None, **changes: object) -> Candidate:
    start_ms = end_ms + 300_000 if start_ms is None else start_ms
    fields: dict[str, object] = {
        "id": 1,
        "camera": "lobby",
        "seq": 812,
        "volume": "a",
        "bytes": 100,
        "stamped": MONTH,
        "start_age": Age(start_ms, start_ms),
        "end_age": Age(end_ms, end_ms),
    }
    return Candidate(**{**fields, **changes})  # type: ignore[arg-type]


def one(c: Candidate, need: int = 0, configured: Bounds | None = MONTH) -> Decision:
    (decision,) = plan([c], {} if configured is None else {"lobby": configured}, {"a": need})
    return decision


# --- effective bounds -------------------------------------------------------------------------------------------


def bounds() -> st.SearchStrategy[Bounds]:
    return st.tuples(st.integers(0, 3), st.integers(0, 3)).map(lambda pair: Bounds(min(pair), max(pair)))


@given(bounds(), bounds())
def test_effective_bounds_as_the_design_has_them(stamped: Bounds, configured: Bounds) -> None:
    found = effective(stamped, configured)
    assert found.ceiling_s == max(stamped.floor_s, min(stamped.ceiling_s, configured.ceiling_s))
    assert found.floor_s == min(found.ceiling_s, max(stamped.floor_s, configured.floor_s))


@given(bounds(), bounds())
def test_no_configuration_shortens_a_stamped_floor(stamped: Bounds, configured: Bounds) -> None:
    """S14."""
    assert effective(stamped, configured).floor_s >= stamped.floor_s
    assert effective(stamped, configured).ceiling_s <= stamped.ceiling_s
    assert effective(stamped, None) == stamped


# --- single decisions at the edge -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end_ms", "start_ms", "need", "destroy", "reason"),
    [
        (31 * DAY_MS - 1, None, 1, False, Reason.UNDER_FLOOR),
        (31 * DAY_MS, None, 1, True, Reason.SPACE),
        (31 * DAY_MS, None, 0, False, Reason.NOT_NEEDED),
        (364 * DAY_MS, 365 * DAY_MS - 1, 0, False, Reason.NOT_NEEDED),
        (364 * DAY_MS, 365 * DAY_MS, 0, True, Reason.CEILING),
        (364 * DAY_MS, 365 * DAY_MS, 1, True, Reason.CEILING),
    ],
)
def test_floor_from_the_end_ceiling_from_the_start(
    end_ms: int, start_ms: int | None, need: int, destroy: bool, reason: Reason
) -> None:
    decision = one(candidate(end_ms, start_ms), need)
    assert (decision.destroy, decision.reason) == (destroy, reason)


def test_a_pin_holds_whatever_its_age() -> None:
    decision = one(candidate(900 * DAY_MS, pinned=True), need=1)
    assert (decision.destroy, decision.reason, decision.may_go) == (False, Reason.PINNED, False)


def test_floor_before_ceiling_where_they_meet() -> None:
    """With floor = ceiling a segment is past its ceiling before its end is past its floor: it waits."""
    exact = Bounds(31 * DAY_S, 31 * DAY_S)
    c = candidate(31 * DAY_MS - 1, stamped=exact)
    assert one(c, need=1, configured=exact).reason is Reason.UNDER_FLOOR
    assert one(candidate(31 * DAY_MS, stamped=exact), configured=exact).reason is Reason.CEILING


def test_an_unproven_age_destroys_nothing_for_a_ceiling_and_little_for_space() -> None:
    c = candidate(0, start_age=Age(40 * DAY_MS, 365 * DAY_MS), end_age=Age(40 * DAY_MS, 365 * DAY_MS))
    assert (one(c).destroy, one(c).reason) == (False, Reason.CEILING_UNPROVEN)
    assert one(c).may_go
    assert (one(c, need=1).destroy, one(c, need=1).reason) == (True, Reason.SPACE)
    young = candidate(0, start_age=Age(1, 365 * DAY_MS), end_age=Age(1, 365 * DAY_MS))
    assert (one(young, need=1).destroy, one(young, need=1).reason) == (False, Reason.CEILING_UNPROVEN)


def test_without_an_upper_bound_it_may_be_past_its_ceiling_until_two_people_have_spoken() -> None:
    """Nobody knows how long the box was off: it may have been for years."""
    c = candidate(0, start_age=Age(1, None), end_age=Age(1, None))
    assert (one(c).reason, one(c).may_go) == (Reason.CEILING_UNPROVEN, False)
    assert "though it may be of any age" in one(c).sentence()
    assert one(replace(c, start_age=Age(1, None, attested=True))).reason is Reason.UNDER_FLOOR
    old = candidate(0, start_age=Age(365 * DAY_MS, None), end_age=Age(365 * DAY_MS, None))
    assert one(old).reason is Reason.CEILING


def test_the_ceiling_holds_for_a_camera_that_is_gone() -> None:
    """S3."""
    assert one(candidate(365 * DAY_MS), configured=None).reason is Reason.CEILING


def test_a_ceiling_that_frees_enough_spares_the_oldest() -> None:
    old = candidate(100 * DAY_MS, id=1, camera="lobby")
    short = candidate(3 * DAY_MS, id=2, camera="counter", stamped=Bounds(DAY_S, 2 * DAY_S))
    decisions = plan([old, short], {"lobby": MONTH, "counter": Bounds(DAY_S, 2 * DAY_S)}, {"a": 100})
    assert [d.reason for d in decisions] == [Reason.NOT_NEEDED, Reason.CEILING]


def test_need_is_per_volume_and_no_more_goes_than_needed() -> None:
    aged = 40 * DAY_MS
    ring = [candidate(aged - i, id=i, volume="ab"[i % 2]) for i in range(8)]
    decisions = plan(ring, {"lobby": MONTH}, {"a": 101, "b": 0})
    assert [d.candidate.id for d in decisions if d.destroy] == [0, 2]
    assert unmet(decisions, {"a": 101, "b": 0}) == {}
    assert unmet(decisions, {"a": 500, "c": 1}) == {"a": 300, "c": 1}


def test_every_decision_says_why_in_plain_english() -> None:
    said = {
        one(c, need).reason: one(c, need).sentence()
        for c, need in [
            (candidate(DAY_MS + 7_000, pinned=True), 0),
            (candidate(DAY_MS + 7_000), 0),
            (candidate(0, start_age=Age(DAY_MS, 366 * DAY_MS)), 0),
            (candidate(40 * DAY_MS), 0),
            (candidate(40 * DAY_MS), 1),
            (candidate(400 * DAY_MS), 0),
        ]
    }
    assert said == {
        Reason.PINNED: "segment 812 of lobby stays: it is pinned as evidence.",
        Reason.UNDER_FLOOR: "segment 812 of lobby stays: it ended 1 d ago and must be kept for 31 d.",
        Reason.CEILING_UNPROVEN: "segment 812 of lobby stays: its age is proven only to 1 d, though it may be 366 d, "
        "past its ceiling of 365 d.",
        Reason.NOT_NEEDED: "segment 812 of lobby stays: it ended 40 d ago, past its floor of 31 d, "
        "but its space is not needed.",
        Reason.SPACE: "segment 812 of lobby goes: its space is needed, and it ended 40 d ago, past its floor of 31 d.",
        Reason.CEILING: "segment 812 of lobby goes: it began 400 d ago and may be kept for no more than 365 d.",
    }


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0 s"), (999, "0 s"), (61_000, "1 min 1 s"), (3_600_000, "1 h"), (90_061_000, "1 d 1 h")]
)
def test_spans_are_read_in_two_units(ms: int, text: str) -> None:
    assert (
        one(candidate(ms)).sentence() == f"segment 812 of lobby stays: it ended {text} ago and must be kept for 31 d."
    )


# --- how much has to go -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ring", "headroom", "free", "needed"),
    [(800, 200, 900, 0), (800, 201, 900, 1), (800, 0, 50, 0), (800, 0, 49, 1), (990, 30, 30, 50), (0, 0, 1000, 0)],
)
def test_ring_and_headroom_within_the_quota_and_free_above_the_reserve(
    ring: int, headroom: int, free: int, needed: int
) -> None:
    spec = VolumeSpec(Path("/srv/edged"), reserve_percent=5.0, max_bytes=1000)
    assert bytes_needed(Space(1000, free, None), spec, ring, headroom) == needed


def test_a_volume_without_spare_inodes_needs_space_and_has_none() -> None:
    spec, many, few = VolumeSpec(Path("/srv")), Space(9000, 8000, FILES_SPARE), Space(9000, 8000, FILES_SPARE - 1)
    assert (bytes_needed(many, spec, 500, 100), limit_bytes(many, spec, 500)) == (0, 8500)
    assert (bytes_needed(few, spec, 500, 100), limit_bytes(few, spec, 500)) == (100, 500)


@pytest.mark.parametrize(
    ("free", "ring", "quota", "cause"),
    [
        (950, 8000, None, GapCause.FLOOR_PROTECT),
        (900, 8000, None, GapCause.FLOOR_PROTECT),  # what is being written may dip into the reserve
        (899, 8000, None, GapCause.DISK_FULL),
        (1000, 99, None, GapCause.DISK_FULL),  # without any footage there would be no room either
        (5000, 2000, 2000, GapCause.FLOOR_PROTECT),
    ],
)
def test_who_is_in_the_way_is_told_by_the_reserve(free: int, ring: int, quota: int | None, cause: GapCause) -> None:
    spec = VolumeSpec(Path("/srv"), reserve_bytes=1000, max_bytes=quota)
    assert why_full(Space(10_000, free, None), spec, ring, 100) is cause


@given(*[st.integers(0, 3000)] * 3, st.none() | st.integers(0, 3000), st.integers(0, 500))
def test_what_was_needed_is_enough(free: int, ring: int, headroom: int, max_bytes: int | None, reserve: int) -> None:
    spec = VolumeSpec(Path("/srv/edged"), reserve_bytes=reserve, max_bytes=max_bytes)
    space = Space(9000, free, FILES_SPARE)
    freed = bytes_needed(space, spec, ring, headroom)
    assert free + freed - headroom >= reserve
    assert max_bytes is None or ring - freed + headroom <= max_bytes
    if freed:
        tight_quota = max_bytes is not None and ring - freed + headroom == max_bytes
        assert tight_quota or free + freed - headroom == reserve
    assert limit_bytes(space, spec, ring) <= max(0, ring + free - reserve)


# --- against a naive model --------------------------------------------------------------------------------------

EDGES_MS = [0, 999, 1000, 1001, 1999, 2000, 2001, 3000, 3001]


@st.composite
def rings(draw: st.DrawFn) -> tuple[list[Candidate], dict[str, Bounds], dict[str, int]]:
    """Up to eight segments whose ages lie at and beside bounds of 0 to 3 s; one camera is configured no longer."""
    candidates = []
    for number in range(draw(st.integers(0, 8))):
        end_ms, start_ms = sorted((draw(st.sampled_from(EDGES_MS)), draw(st.sampled_from(EDGES_MS))))
        slack = draw(st.none() | st.sampled_from([0, 0, 1, 1000]))
        high = (None, None) if slack is None else (start_ms + slack, end_ms + slack)
        candidates.append(
            Candidate(
                id=number,
                camera=draw(st.sampled_from(["lobby", "counter", "gone"])),
                seq=number,
                volume=draw(st.sampled_from(["a", "b"])),
                bytes=draw(st.integers(1, 2)),
                stamped=draw(bounds()),
                start_age=Age(start_ms, high[0]),
                end_age=Age(end_ms, high[1]),
                pinned=draw(st.integers(0, 7)) == 0,
            )
        )
    candidates.sort(key=lambda c: c.start_age.low_ms, reverse=True)
    need = {volume: draw(st.integers(0, 4)) for volume in ("a", "b", "c")}
    return candidates, {"lobby": draw(bounds()), "counter": draw(bounds())}, need


def naive(
    ring: Sequence[Candidate], configured: Mapping[str, Bounds], need: Mapping[str, int], *, overwrite: bool = False
) -> set[int]:
    """Who goes, as slowly and literally as the design says it."""

    def floor_and_ceiling(c: Candidate) -> tuple[int, int]:
        mine = configured.get(c.camera, c.stamped)
        ceiling = max(c.stamped.floor_s, min(c.stamped.ceiling_s, mine.ceiling_s))
        return min(ceiling, max(c.stamped.floor_s, mine.floor_s)), ceiling

    free_to_go = [c for c in ring if not c.pinned and not c.end_age.low_ms < floor_and_ceiling(c)[0] * 1000]
    gone = {c.id for c in free_to_go if not c.start_age.low_ms < floor_and_ceiling(c)[1] * 1000}
    below = [c for c in ring if overwrite and not c.pinned]
    for volume, wanted in need.items():
        for c in [*free_to_go, *below]:
            freed = sum(x.bytes for x in ring if x.id in gone and x.volume == volume)
            if c.volume == volume and c.id not in gone and freed < wanted:
                gone.add(c.id)
    return gone


def check_overwrite(
    module: ModuleType, ring: list[Candidate], configured: dict[str, Bounds], need: dict[str, int]
) -> None:
    """The same, and below the floor what is oldest, only where all that may go goes."""
    decisions = module.plan(ring, configured, need, overwrite=True)
    assert {d.candidate.id for d in decisions if d.destroy} == naive(ring, configured, need, overwrite=True)
    spared = {(d.candidate.volume) for d in decisions if d.may_go and not d.destroy}
    for decision in decisions:
        assert not (decision.destroy and decision.candidate.pinned), "S2"
        if decision.reason == "overwrite":
            assert not decision.may_go
            assert decision.candidate.volume not in spared
            assert "goes below its floor" in decision.sentence()
    for volume in unmet(decisions, need):
        assert all(d.destroy or d.candidate.pinned for d in decisions if d.candidate.volume == volume)


def check(module: ModuleType, ring: list[Candidate], configured: dict[str, Bounds], need: dict[str, int]) -> None:
    before = (list(ring), dict(configured), dict(need))
    decisions = module.plan(ring, configured, need)
    assert (ring, configured, need) == before, "arguments are left alone"
    assert [d.candidate for d in decisions] == ring
    gone = {d.candidate.id for d in decisions if d.destroy}
    assert gone == naive(ring, configured, need)
    for decision in decisions:
        c = decision.candidate
        limits = effective(c.stamped, configured.get(c.camera))
        past_floor = c.end_age.low_ms >= limits.floor_s * 1000
        assert not decision.destroy or (past_floor and c.end_age.low_ms >= c.stamped.floor_s * 1000), "S1"
        assert not (decision.destroy and c.pinned), "S2"
        overdue = c.start_age.low_ms >= limits.ceiling_s * 1000
        assert not (overdue and past_floor and not c.pinned) or decision.destroy, "S3"
        assert decision.may_go == (past_floor and not c.pinned)
        assert decision.destroy == (decision.reason in ("space", "ceiling"))
        assert decision.sentence().startswith(
            f"segment {c.seq} of {c.camera} {'goes' if decision.destroy else 'stays'}"
        )
    for volume, lacking in unmet(decisions, need).items():
        spared = [d.candidate for d in decisions if d.may_go and not d.destroy and d.candidate.volume == volume]
        assert not spared, f"{lacking} bytes are missing, and something that may go was spared"


def run_against_model(module: ModuleType, examples: int) -> None:
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(rings())
    def compare(case: tuple[list[Candidate], dict[str, Bounds], dict[str, int]]) -> None:
        check(module, *case)
        check_overwrite(module, *case)

    compare()


def test_the_plan_is_what_the_naive_model_says() -> None:
    """S1, S2, S3."""
    run_against_model(retention, 150)


@pytest.fixture(name="planted")
def plant(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    with planted(retention, *request.param) as module:
        yield module


@pytest.mark.parametrize(
    "planted",
    [
        ("candidate.end_age.low_ms >= floor_ms and", "candidate.end_age.low_ms >= floor_ms - 1 and"),
        ("candidate.start_age.low_ms >= ceiling_ms:", "candidate.start_age.low_ms > ceiling_ms:"),
        ("candidate.start_age.low_ms >= ceiling_ms:", "candidate.end_age.low_ms >= ceiling_ms:"),
        ("and self.candidate.end_age.low_ms >=", "and self.candidate.end_age.low_ms + 1 >="),
        ("and self.candidate.end_age.low_ms >=", "and self.candidate.start_age.low_ms >="),
        ("not self.candidate.pinned and", "True and"),
        ("else not candidate.pinned", "else True"),
        ("    if overwrite:\n", "    if True:\n"),
        ("decision.may_go if reason is Reason.SPACE else", "False if reason is Reason.SPACE else"),
        ("if candidate.pinned:", "if False:"),
        ("missing.get(candidate.volume, 0) <= 0", "missing.get(candidate.volume, -1) < 0"),
        ("missing = unmet(decisions, need)", "missing = dict(need)"),
        ("max(stamped.floor_s, configured.floor_s)", "configured.floor_s"),
    ],
    indirect=True,
    ids=lambda pair: pair[1],
)
def test_a_planted_bug_is_caught(planted: ModuleType) -> None:
    with pytest.raises(AssertionError):
        run_against_model(planted, 2000)


def test_overwriting_takes_the_oldest_below_its_floor_and_says_so() -> None:
    ring = [candidate(3 * DAY_MS, id=1), candidate(2 * DAY_MS, id=2)]
    (first, second) = plan(ring, {"lobby": MONTH}, {"a": 100}, overwrite=True)
    assert (first.reason, second.reason) == (Reason.OVERWRITE, Reason.UNDER_FLOOR)
    assert first.sentence() == (
        "segment 812 of lobby goes below its floor: its space is needed, nothing else may go, and on_full is "
        '"overwrite". It ended 3 d ago and was to be kept for 31 d.'
    )


@pytest.mark.parametrize(
    ("reason", "now", "configured", "overwrite", "goes"),
    [
        (Reason.CEILING, candidate(400 * DAY_MS), MONTH, False, True),
        (Reason.CEILING, candidate(400 * DAY_MS, pinned=True), MONTH, False, False),
        (Reason.CEILING, candidate(100 * DAY_MS), MONTH, True, False),  # the ceiling was taken back
        (Reason.SPACE, candidate(100 * DAY_MS), MONTH, False, True),
        (Reason.SPACE, candidate(400 * DAY_MS, pinned=True), MONTH, True, False),
        (Reason.SPACE, candidate(100 * DAY_MS), Bounds(200 * DAY_S, 365 * DAY_S), True, False),  # a raised floor
        (Reason.OVERWRITE, candidate(DAY_MS), MONTH, True, True),
        (Reason.OVERWRITE, candidate(DAY_MS), MONTH, False, False),
        (Reason.OVERWRITE, candidate(DAY_MS, pinned=True), MONTH, True, False),
    ],
)
def test_the_recheck_before_destroying_asks_for_the_reason_again(
    reason: Reason, now: Candidate, configured: Bounds, overwrite: bool, goes: bool
) -> None:
    decided = Decision(now, True, reason, MONTH)
    assert still_due(decided, now, configured, overwrite=overwrite) is goes
