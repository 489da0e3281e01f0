"""Why a segment stays or goes, and when: the times against the plan itself, the sentences word by word; the alarms."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from edged.alarms import conditions
from edged.overview import Measurements
from edged.site.documents import explanation
from storage.ages.history import Age, Point
from storage.pins.rules import Ground
from storage.retention.bounds import LaterCeiling, LoosenedBound, Loosening, OverwriteState, ShortenedCeiling
from storage.retention.plan import Candidate, judge
from storage.ring.service import Explained, LifecycleStage, RingView, TimeFromNow, held_ms, shortened, span
from storage.ring.table import Breach, Tombstone
from storage.words.model import Bounds
from tests.unit.edged.site.test_documents import NOW, overview

TAIPEI = ZoneInfo("Asia/Taipei")
NOW_MS = 1_772_000_000_000
DAY_MS = 86_400_000
MONTH = Bounds(31 * 86_400, 365 * 86_400)


def aged(start_ms: int, end_ms: int, stamped: Bounds = MONTH, *, pinned: bool = False) -> Candidate:
    return Candidate(1, "lobby", 812, "a", 100, stamped, Age(start_ms, start_ms), Age(end_ms, end_ms), pinned)


def told(
    candidate: Candidate, configured: Bounds | None = MONTH, later: tuple[LaterCeiling, ...] = (), **more: object
) -> str:
    one = Explained(
        "lobby",
        812,
        LifecycleStage.KEPT,
        judge(candidate, configured),
        span(candidate, configured, later),
        shortened=shortened(candidate, configured, later),
    )
    return explanation("lobby/812", replace(one, **more), NOW_MS, TAIPEI).sentence  # type: ignore[arg-type]


# --- when ---------------------------------------------------------------------------------------------------------

small_bounds = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda pair: Bounds(min(pair), max(pair)))
steps = st.lists(st.tuples(st.integers(1, 9000), st.integers(0, 6)), max_size=3)


@given(small_bounds, st.none() | small_bounds, steps, st.integers(0, 7000), st.integers(0, 2000))
def test_the_times_are_those_at_which_the_decision_changes(
    stamped: Bounds, configured: Bounds | None, ceilings: list[tuple[int, int]], end_ms: int, length_ms: int
) -> None:
    """`judge` asked as the clock runs: not before, and then."""
    later: list[LaterCeiling] = []
    if configured is not None:
        before = configured.ceiling_s
        for left_ms, ceiling_s in sorted(ceilings):
            if configured.floor_s <= ceiling_s < before:
                later.append(LaterCeiling(left_ms, ceiling_s))
                before = ceiling_s
    found = span(aged(end_ms + length_ms, end_ms, stamped), configured, later)

    def at(ms: int) -> tuple[bool, bool]:
        held = configured
        for one in later:
            if configured is not None and ms >= one.left_ms:
                held = Bounds(configured.floor_s, one.ceiling_s)
        decision = judge(aged(end_ms + length_ms + ms, end_ms + ms, stamped), held)
        return decision.may_go, decision.destroy

    assert at(found.latest_ms)[1]
    assert found.latest_ms == 0 or not at(found.latest_ms - 1)[1]
    assert found.earliest_ms <= found.latest_ms
    assert found.earliest_ms == 0 or not at(found.earliest_ms - 1)[0]
    assert at(found.earliest_ms)[0] or bool(later)


# --- in which words ----------------------------------------------------------------------------------------------


def test_what_stays_says_when_it_may_go_and_when_it_must() -> None:
    assert told(aged(DAY_MS + 300_000, DAY_MS)) == (
        "segment 812 of lobby stays: it ended 1 d ago and must be kept for 31 d. It may go in 30 d (2026-03-27 14:13), "
        "and goes in 363 d 23 h (2027-02-24 14:08 if the box runs on) at the latest."
    )
    assert told(aged(40 * DAY_MS, 40 * DAY_MS)) == (
        "segment 812 of lobby stays: it ended 40 d ago, past its floor of 31 d, but its space is not needed. "
        "It goes as soon as its space is needed, and in 325 d (2027-01-16 14:13 if the box runs on) at the latest."
    )
    young = aged(DAY_MS, DAY_MS)
    assert 'or before where nothing else may go (on_full is "overwrite")' in told(
        young, overwriting=OverwriteState(holds=True)
    )
    assert (
        "30 d (2026-03-27 14:13), or before where nothing else may go, from 2026-02-26 14:13 on "
        '(on_full = "overwrite" does not hold yet), and goes'
    ) in told(young, overwriting=OverwriteState(left_ms=DAY_MS))
    assert "nothing else" not in told(aged(30 * DAY_MS, 30 * DAY_MS), overwriting=OverwriteState(left_ms=DAY_MS + 1))


def test_a_ceiling_that_waits_is_told() -> None:
    later = (LaterCeiling(DAY_MS // 2, 32 * 86_400),)
    assert told(aged(40 * DAY_MS, 40 * DAY_MS), later=later).endswith(
        "in 12 h (2026-02-26 02:13 if the box runs on) at the latest. Its ceiling was shortened to 32 d; "
        "that holds from 2026-02-26 02:13 on, if the box runs on."
    )


def test_pins_are_named_and_a_volume_that_is_away_holds_all() -> None:
    held = aged(400 * DAY_MS, 400 * DAY_MS, pinned=True)
    assert told(held, pins=("P-7", "P-9"), held_ms=DAY_MS) == (
        "segment 812 of lobby stays: it is pinned as evidence. It is held by P-7, P-9, the last of them until "
        "2026-02-26 14:13, if the box runs on and no pin is changed, and goes then: its ceiling of 365 d is over by "
        "then."
    )
    assert told(aged(400 * DAY_MS, 400 * DAY_MS), away=True) == (
        "segment 812 of lobby goes: it began 400 d ago and may be kept for no more than 365 d. "
        "Its volume is away: nothing on it is destroyed until it is back."
    )


def test_pinned_footage_says_which_bound_decides_after_its_pin() -> None:
    def after(old_ms: int, **more: object) -> str:
        sentence = told(aged(old_ms, old_ms, pinned=True), pins=("P-7",), held_ms=2 * DAY_MS, **more)  # type: ignore[arg-type]
        return sentence.partition("no pin is changed")[2]

    assert after(DAY_MS) == (
        "; then it stays until 2026-03-27 14:13, its floor of 31 d, and goes at 2027-02-24 14:13, its ceiling of 365 "
        "d, at the latest."
    )
    assert after(40 * DAY_MS) == (
        "; then it goes as soon as its space is needed, and at 2027-01-16 14:13, its ceiling of 365 d, at the latest."
    )
    assert after(40 * DAY_MS, retired=True) == (
        ", and goes at 2027-01-16 14:13, its ceiling of 365 d: its volume is retired, so no space is needed there."
    )
    assert after(363 * DAY_MS) == ", and goes then: its ceiling of 365 d is over by then."
    shorter = after(40 * DAY_MS, later=(LaterCeiling(DAY_MS, 32 * 86_400),))
    assert shorter.startswith(", and goes then: its ceiling of 32 d is over by then.")


def test_what_only_internal_pins_hold_goes_at_its_ceiling() -> None:
    until = TimeFromNow(5, 10)
    assert held_ms([(Ground.INTERNAL, 20)], until) == 10
    assert held_ms([(Ground.INTERNAL, 20), (Ground.LAW, 15)], until) == 15
    assert held_ms([(Ground.INTERNAL, 4)], until) == 4
    assert held_ms([], until) == 0


def test_what_is_open_going_or_gone() -> None:
    running = told(aged(60_000, 0), stage=LifecycleStage.OPEN)
    assert running.startswith("segment 812 of lobby stays: it is being recorded. It may go in 31 d (2026-03-28 14:13)")
    garbage = explanation("x", Explained("lobby", 812, LifecycleStage.GARBAGE, rule="ceiling"), NOW_MS, TAIPEI)
    assert garbage.sentence == (
        "segment 812 of lobby is being destroyed: it had reached its ceiling. "
        "Its file goes as soon as its disk lets it."
    )
    lost = explanation("x", Explained("lobby", 812, LifecycleStage.LOST), NOW_MS, TAIPEI)
    assert lost.sentence == "segment 812 of lobby is gone with its volume, which was replaced."
    stone = Tombstone(NOW_MS - DAY_MS, "space", 60, 300, 90_000_000)
    gone = explanation(
        "x", Explained("lobby", 812, LifecycleStage.DESTROYED, rule="space", stone=stone), NOW_MS, TAIPEI
    )
    assert gone.sentence == (
        "segment 812 of lobby was destroyed at 2026-02-24 14:13, 1 d 1 h old: its space was needed, and it was past "
        "its floor."
    )
    assert (gone.state, gone.decision, gone.earliest_s, gone.latest) == ("destroyed", "destroy", None, None)


def test_on_a_retired_volume_no_space_is_needed() -> None:
    sentence = told(aged(32 * DAY_MS, 32 * DAY_MS), retired=True)
    assert "as soon as its space" not in sentence
    assert sentence.endswith(
        "Its volume is retired, so no space is needed there: it goes in 333 d (2027-01-24 14:13 if the box runs on)."
    )


def test_a_document_has_durations_and_instants() -> None:
    one = Explained("lobby", 812, LifecycleStage.KEPT, judge(aged(0, 0), MONTH), TimeFromNow(1000, 2000))
    document = explanation("lobby/812", one, NOW_MS, TAIPEI)
    assert (document.decision, document.reason, document.state) == ("keep", "under-floor", "committed")
    assert (document.earliest_s, document.latest_s) == (1.0, 2.0)
    assert document.latest == "2026-02-25T06:13:22.000Z"


# --- alarms ------------------------------------------------------------------------------------------------------


def test_a_ceiling_that_waits_and_a_broken_floor_are_alarms() -> None:
    point = Point(1, 0, NOW_MS)
    ring = RingView(
        waiting={"lobby": ShortenedCeiling(365 * 86_400, 90 * 86_400, 12 * 3_600_000)},
        breaches=(Breach("spare", point, point, 3),),
    )
    found = dict(conditions.bounds_troubles(overview(Measurements(NOW, ring=ring))))
    assert set(found) == {"retention.ceiling-shortened:lobby", "retention.floor-broken"}
    waits = found["retention.ceiling-shortened:lobby"]
    assert waits.text == (
        "The ceiling of camera lobby was shortened from 365d to 90d: what is older is destroyed from 2026-02-26 02:15 "
        "on, and nothing brings it back"
    )
    assert 'write max = "365d" for it again and run `edgectl reload`' in waits.action
    assert found["retention.floor-broken"].text.endswith(
        'because the volumes are full and on_full is "overwrite": spare'
    )
    assert not dict(conditions.bounds_troubles(overview(Measurements(NOW))))


def test_bounds_that_the_file_loosens_are_an_alarm_until_two_persons_say_so() -> None:
    waiting = (
        Loosening(None, LoosenedBound.FLOOR, 31 * 86_400, 7 * 86_400),
        Loosening("lobby", LoosenedBound.CEILING, 60 * 86_400, 365 * 86_400),
        Loosening(None, LoosenedBound.OVERWRITE),
    )
    ((key, told),) = conditions.bounds_troubles(replace(overview(Measurements(NOW)), loosening=waiting))
    assert key == "retention.loosening"
    assert told.text.endswith(
        "is not done: lower the floor of the site from 31d to 7d; raise the ceiling of camera lobby from 60d to 365d; "
        'destroy footage below its floor where nothing else makes room (on_full = "overwrite")'
    )
    assert "another person" in told.action


def test_overwriting_that_waits_is_an_alarm_until_it_holds() -> None:
    ring = RingView(overwriting=OverwriteState(left_ms=12 * 3_600_000))
    ((key, waits),) = conditions.bounds_troubles(overview(Measurements(NOW, ring=ring)))
    assert key == "retention.overwriting"
    assert waits.text == (
        'on_full = "overwrite" does not hold yet: from 2026-02-26 02:15 on footage younger than its floor is destroyed '
        "where nothing else makes room, and nothing brings it back"
    ), "true also of a box whose database was lost, or that was upgraded"
    assert 'write on_full = "stop" and run `edgectl reload` before then' in waits.action
    holding = RingView(overwriting=OverwriteState(holds=True))
    assert not dict(conditions.bounds_troubles(overview(Measurements(NOW, ring=holding))))
