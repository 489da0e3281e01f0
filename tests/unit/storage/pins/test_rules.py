"""The pure core of 證據保存: what is in an interval, how long a pin lasts, what it may and what it costs."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edged.alarms import conditions
from edged.overview import Measurements
from storage.ages.history import Point
from storage.approvals.table import Person
from storage.pins import rules, sidecar
from storage.pins import sidecar as links
from storage.pins.rules import Cost, Ground, Interval, Limits, Pin, PinOrder, PinState, PinStatus, VolumeCost
from storage.pins.sidecar import Sidecar
from storage.words.errors import OrderRefused, OrderWrong, said_of
from storage.words.layout import aside_path, segment_path
from storage.words.model import Severity
from tests.unit.edged.site.test_documents import NOW, overview

LIMITS: Final = Limits(180 * rules.DAY_MS, 30.0)
NOW_MS: Final = 1_772_000_000_000
ORDER: Final = PinOrder(
    ("lobby",), Interval(NOW_MS - 1000, NOW_MS), Ground.LAW, "刑事訴訟法 133", "115-0042", "主任", 30 * rules.DAY_MS
)
CHEN: Final = Person(1001, "chen")
instants = st.integers(min_value=0, max_value=4_000_000_000_000)
spans = st.integers(min_value=0, max_value=4000 * rules.DAY_MS)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40)


@given(instants, st.integers(1, 10**9), st.lists(st.integers(1, 400_000), min_size=1, max_size=30), instants)
def test_an_interval_is_rounded_outward_to_whole_segments(
    first: int, length: int, durations: list[int], begin: int
) -> None:
    """Over a timeline without holes: each moment of the interval that is recorded lies in a segment that is held."""
    interval = Interval(first, first + length)
    at, held, recorded = begin, [], []
    for duration in durations:
        recorded.append((at, at + duration))
        if interval.touches(at, duration):
            held.append((at, at + duration))
        at += duration
    overlap = max(0, min(at, interval.last_ms) - max(begin, interval.first_ms))
    inside = sum(min(end, interval.last_ms) - max(start, interval.first_ms) for start, end in held)
    assert inside == overlap, "all of it is held"
    assert all(start < interval.last_ms and end > interval.first_ms for start, end in held), "and nothing beside it"


@given(instants, st.integers(1, 10**9), instants)
def test_a_segment_without_a_length_is_in_the_interval_in_which_it_begins(first: int, length: int, at: int) -> None:
    interval = Interval(first, first + length)
    assert interval.touches(at, 0) == (first <= at < first + length)


@given(st.sampled_from(PinState), spans, spans)
def test_a_pin_lasts_until_its_low_age_says_so_and_no_clock_takes_part(state: PinState, span: int, age: int) -> None:
    left = rules.left_ms(state, span, age)
    assert (left > 0) == (state.lasts and age < rules.lasts_ms(state, span))
    if state is PinState.PROVISIONAL:
        assert left <= rules.PROVISIONAL_MS
    if state is PinState.APPROVED:
        assert left == max(0, span - age)


@given(st.sampled_from(Ground), st.booleans())
def test_only_law_and_investigation_cross_the_ceiling(ground: Ground, past: bool) -> None:
    held = rules.protects(ground, past_ceiling=past)
    assert held == (ground in (Ground.LAW, Ground.INVESTIGATION) or not past)


@given(spans, spans, st.integers(1, 4000 * rules.DAY_MS))
def test_no_pin_lasts_longer_than_the_limit_from_its_placing(span: int, age: int, most: int) -> None:
    assume(span > age)
    limits = replace(LIMITS, max_ms=most)
    if span <= most:
        rules.check_span(span, limits, age)
    else:
        with pytest.raises(OrderRefused):
            rules.check_span(span, limits, age)


sizes = st.integers(0, 10**13)


@given(sizes, sizes, st.integers(1, 10**13), st.floats(0.1, 100))
def test_no_volume_is_pinned_beyond_its_share(new: int, pinned: int, limit: int, percent: float) -> None:
    cost = Cost((), (VolumeCost("v", Path("/srv/edged"), new, pinned, limit),), 1, new, new, None)
    limits = replace(LIMITS, share_percent=percent)
    fits = new == 0 or pinned + new <= int(limit * percent / 100)
    if fits:
        rules.check_cost(cost, limits)
    else:
        with pytest.raises(OrderRefused, match=r"%.*may be pinned"):
            rules.check_cost(cost, limits)


def test_as_many_segments_as_a_clerk_expects_are_allowed_and_more_are_refused() -> None:
    """35 days of one camera and a day of 64, of 5 minutes each."""
    for count in (35 * 288, 64 * 288):
        rules.check_cost(Cost((), (), count, 0, 0, None), LIMITS)
    cost = Cost((), (), rules.SEGMENTS_MAX + 1, 0, 0, None)
    with pytest.raises(OrderRefused, match="more than the 20000 segments"):
        rules.check_cost(cost, LIMITS)


def test_headroom_is_what_all_cameras_could_have_recorded() -> None:
    assert rules.headroom_ms(32, [5.0, None, 5.0]) == int(3.2 * rules.DAY_MS)
    assert rules.headroom_ms(32, [None, 0.0]) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cameras": ()}, "no camera"),
        ({"interval": Interval(5, 5)}, "empty"),
        ({"interval": Interval(5, NOW_MS + rules.AHEAD_MAX_MS + 1)}, "24 h"),
        ({"reference": ""}, "needs its article"),
        ({"ground": Ground.INVESTIGATION, "reference": ""}, "needs its letter number"),
        ({"case": ""}, "case is not named"),
        ({"approver": ""}, "approver is not named"),
        ({"case": "a\nb"}, "one line"),
        ({"approver": "x" * 201}, "at most 200"),
        ({"span_ms": 0}, "passed already"),
        ({"span_ms": 181 * rules.DAY_MS}, "at most 180 are allowed"),
    ],
)
def test_an_order_that_cannot_be_is_refused_in_words(change: dict[str, object], words: str) -> None:
    rules.check_order(ORDER, LIMITS, NOW_MS)
    with pytest.raises(OrderWrong, match=words) as refused:
        rules.check_order(replace(ORDER, **change), LIMITS, NOW_MS)  # type: ignore[arg-type]
    assert refused.value.action


orders = st.builds(
    PinOrder,
    st.lists(texts, min_size=1, max_size=5).map(tuple),
    st.builds(lambda first, length: Interval(first, first + length), instants, st.integers(1, 10**9)),
    *(st.sampled_from(Ground), texts, texts, texts, st.integers(1, 4000 * rules.DAY_MS)),
)


@given(orders, st.sampled_from([PinState.PROVISIONAL, PinState.APPROVED]), st.none() | texts, texts, instants)
def test_a_sidecar_says_all_that_the_row_says(
    order: PinOrder, state: PinState, approved_by: str | None, boot_id: str, at: int
) -> None:
    told = Sidecar("P-20260301-7F3K", state, 3, order, CHEN, approved_by, boot_id, at, at)
    assert sidecar.parse(sidecar.to_json(told).encode(), told.id) == told


@given(
    st.binary(max_size=200) | st.recursive(st.none() | st.integers() | texts, st.lists).map(lambda v: repr(v).encode())
)
def test_what_is_no_sidecar_is_refused_and_nothing_worse(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        sidecar.parse(content, "P-20260301-7F3K")


def test_a_sidecar_of_another_pin_or_one_that_has_ended_is_none() -> None:
    told = Sidecar("P-20260301-7F3K", PinState.APPROVED, 1, ORDER, CHEN, "lin", "boot", 1, 1)
    with pytest.raises(ValueError, match="7F3K"):
        sidecar.parse(sidecar.to_json(told).encode(), "P-20260301-7F3X")
    with pytest.raises(ValueError, match="released"):
        sidecar.parse(sidecar.to_json(replace(told, state=PinState.RELEASED)).encode(), told.id)


@given(
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,30}", fullmatch=True),
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,30}", fullmatch=True),
    instants,
    instants,
    st.integers(1, 10**9),
    st.integers(1, 10**9),
)
def test_no_two_segments_have_one_link_name(
    camera: str, other: str, start: int, other_start: int, seq: int, other_seq: int
) -> None:
    one, two = segment_path(camera, start, seq), segment_path(other, other_start, other_seq)
    assert (links.link_name(one) == links.link_name(two)) == (one == two)
    assert [links.path_of(links.link_name(path)) for path in (one, aside_path(two))] == [one, aside_path(two)]


# --- alarms -----------------------------------------------------------------------------------------------------


def standing(state: PinState, left_ms: int, *, adopted: bool = False) -> PinStatus:
    pin = Pin(1, "P-20260301-7F3K", state, 1, ORDER, CHEN, None, Point(1, 0, 0), adopted)
    return PinStatus(pin, 0, left_ms, 0, ())


@pytest.mark.parametrize(
    ("state", "left_ms", "expected"),
    [
        (PinState.APPROVED, 14 * rules.DAY_MS + 1, []),
        (PinState.APPROVED, 14 * rules.DAY_MS, [("pin.ending:P-20260301-7F3K", Severity.INFO)]),
        (PinState.APPROVED, 3 * rules.DAY_MS, [("pin.ending:P-20260301-7F3K", Severity.WARNING)]),
        (PinState.APPROVED, rules.DAY_MS, [("pin.ending:P-20260301-7F3K", Severity.CRITICAL)]),
        (PinState.PROVISIONAL, rules.DAY_MS + 1, []),
        (PinState.PROVISIONAL, rules.DAY_MS, [("pin.unapproved:P-20260301-7F3K", Severity.WARNING)]),
        (PinState.PROVISIONAL, 3 * rules.HOUR_MS, [("pin.unapproved:P-20260301-7F3K", Severity.CRITICAL)]),
    ],
)
def test_an_alarm_comes_before_a_pin_ends(state: PinState, left_ms: int, expected: list[tuple[str, Severity]]) -> None:
    found = list(conditions.pin_trouble(standing(state, left_ms)))
    assert [(key, trouble.severity) for key, trouble in found] == expected
    assert all(trouble.action for _, trouble in found)
    assert all("chen" not in trouble.text and "115-0042" not in trouble.text for _, trouble in found)


def test_a_pin_that_was_found_is_told_until_somebody_approves_it() -> None:
    keys = [
        key for key, _ in conditions.pin_trouble(standing(PinState.PROVISIONAL, rules.PROVISIONAL_MS, adopted=True))
    ]
    assert keys == ["pin.adopted:P-20260301-7F3K"]
    assert list(conditions.pin_trouble(standing(PinState.APPROVED, 30 * rules.DAY_MS, adopted=True))) == []


def test_a_volume_whose_pins_cannot_be_read_is_told() -> None:
    """Nothing there is destroyed, and so no ceiling kept."""
    measured = Measurements(NOW, pins_unread={"v-1": said_of("/srv/edged", OSError(errno.EIO, os.strerror(errno.EIO)))})
    ((key, trouble),) = conditions.pin_troubles(overview(measured))
    assert (key, trouble.severity) == ("pin.unread:v-1", Severity.CRITICAL)
    assert "/srv/edged: Input/output error" in trouble.text
