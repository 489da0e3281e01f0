"""What loosens a bound waits, what tightens one holds, and no way round leads to less."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edged.words.roles import Role
from storage.retention.bounds import (
    APPROVING,
    ApprovedLimits,
    Grants,
    LoosenedBound,
    Loosening,
    granted,
    holding,
    loosenings,
    settled,
)
from storage.words.model import Bounds

DAY: int = 86_400
SITE = Bounds(31 * DAY, 365 * DAY)
BOUNDS = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda pair: Bounds(min(pair), max(pair)))
PAIRS = st.sets(st.tuples(st.sampled_from(["authority", "operator", "viewer"]), st.sampled_from("xyz")))
GRANTS = st.builds(lambda pairs, last: Grants(frozenset({*pairs, ("authority", last)})), PAIRS, st.sampled_from("xyz"))
ALL_GRANTS = st.one_of(GRANTS, st.just(Grants(configured=False)))
PROFILES = st.sampled_from([None, "household", "school"])
CAMERAS = st.dictionaries(st.sampled_from("abc"), BOUNDS)
AGREED = st.builds(ApprovedLimits, BOUNDS, CAMERAS, st.booleans(), ALL_GRANTS, PROFILES)


def one(floor: int, ceiling: int, *, overwrite: bool = False) -> ApprovedLimits:
    return ApprovedLimits(SITE, {"lobby": Bounds(floor * DAY, ceiling * DAY)}, overwrite)


def of(agreed: ApprovedLimits, camera: str) -> Bounds:
    return agreed.cameras.get(camera, agreed.site)


@given(AGREED, AGREED)
def test_nothing_that_holds_is_looser_than_what_was_agreed(agreed: ApprovedLimits, wished: ApprovedLimits) -> None:
    held = holding(agreed, wished)
    assert held.cameras.keys() == wished.cameras.keys()
    pairs = [(agreed.site, held.site, wished.site)]
    pairs += [(of(agreed, camera), held.cameras[camera], wished.cameras[camera]) for camera in wished.cameras]
    for before, now, then in pairs:
        assert now.floor_s >= before.floor_s
        assert now.ceiling_s <= before.ceiling_s
        assert now.floor_s >= min(then.floor_s, now.ceiling_s), "what tightens holds at once, up to the ceiling"
        assert now.ceiling_s <= max(then.ceiling_s, now.floor_s)
    assert held.overwrite <= agreed.overwrite
    assert held.profile == (agreed.profile or wished.profile)


@given(AGREED, AGREED)
def test_whatever_differs_is_told_and_nothing_else(agreed: ApprovedLimits, wished: ApprovedLimits) -> None:
    held = holding(agreed, wished)
    told = list(loosenings(held, wished))
    if not told:
        for now, then in [(held.site, wished.site), *((held.cameras[c], wished.cameras[c]) for c in wished.cameras)]:
            assert now.floor_s <= then.floor_s
            assert now.ceiling_s >= then.ceiling_s
        assert held.grants == wished.grants
        assert held.profile == wished.profile
    assert list(loosenings(held, held)) == []
    assert len(set(told)) == len(told)


@given(AGREED, AGREED)
def test_once_granted_all_of_it_holds(agreed: ApprovedLimits, wished: ApprovedLimits) -> None:
    after = granted(agreed, wished)
    assert holding(after, wished) == wished
    assert after.cameras.keys() >= agreed.cameras.keys(), "what a camera had that is gone goes on to count"


@given(AGREED, st.lists(AGREED, max_size=5))
def test_no_row_of_changes_by_one_person_ends_looser(agreed: ApprovedLimits, wishes: list[ApprovedLimits]) -> None:
    """Taking a camera out and in again, tightening and going back: each is one reload."""
    now = agreed
    for wished in wishes:
        now = settled(now, holding(now, wished), {})
    for camera in {"a", "b", "c"} & agreed.cameras.keys():
        assert of(now, camera).floor_s >= of(agreed, camera).floor_s
        assert of(now, camera).ceiling_s <= of(agreed, camera).ceiling_s
    assert now.site.floor_s >= agreed.site.floor_s
    assert now.site.ceiling_s <= agreed.site.ceiling_s
    assert now.overwrite <= agreed.overwrite
    assert agreed.profile in (None, now.profile)


@given(GRANTS, st.lists(AGREED, max_size=5))
def test_no_row_of_changes_by_one_person_gives_a_group_a_role(grants: Grants, wishes: list[ApprovedLimits]) -> None:
    """Nor leaves it nobody who could approve; nor is there a way round by taking [roles] away."""
    now = ApprovedLimits(SITE, grants=grants)
    for wished in wishes:
        now = settled(now, holding(now, wished), {})
        assert now.grants.configured
        assert now.grants.pairs <= grants.pairs
        assert any(role == APPROVING for role, _ in now.grants.pairs)


def test_taking_a_role_holds_at_once_and_giving_one_waits() -> None:
    before = ApprovedLimits(SITE, grants=Grants(frozenset({("authority", "a"), ("operator", "o"), ("operator", "p")})))
    wished = ApprovedLimits(SITE, grants=Grants(frozenset({("authority", "a"), ("authority", "t"), ("operator", "o")})))
    held = holding(before, wished)
    assert held.grants == Grants(frozenset({("authority", "a"), ("operator", "o")}))
    assert list(loosenings(held, wished)) == [Loosening(None, LoosenedBound.GRANT, role="authority", group="t")]
    assert holding(granted(before, wished), wished) == wished


def test_those_who_approve_go_on_until_others_are_approved() -> None:
    before = ApprovedLimits(SITE, grants=Grants(frozenset({("authority", "a")})))
    wished = ApprovedLimits(SITE, grants=Grants(frozenset({("authority", "b")})))
    held = holding(before, wished)
    assert held == before
    told = [(one.what, one.group) for one in loosenings(held, wished)]
    assert told == [(LoosenedBound.GRANT, "b"), (LoosenedBound.REVOKE, "a")]


def test_roles_are_first_given_by_who_had_all_of_them_and_taken_away_by_two() -> None:
    none, some = ApprovedLimits(SITE), ApprovedLimits(SITE, grants=Grants(frozenset({("authority", "a")})))
    assert holding(none, some) == some
    assert holding(some, none) == some
    assert list(loosenings(some, none)) == [Loosening(None, LoosenedBound.UNGRANTED)]
    assert Role.AUTHORITY.value == APPROVING


def test_the_first_profile_holds_at_once_and_another_or_none_waits() -> None:
    none, school, office = (ApprovedLimits(SITE, profile=profile) for profile in (None, "school", "office"))
    assert holding(none, school) == school
    assert holding(school, none) == holding(school, office) == school
    dropped, changed = loosenings(school, none), loosenings(school, office)
    assert [*dropped] == [Loosening(None, LoosenedBound.PROFILE, profile="school")]
    assert [*changed] == [Loosening(None, LoosenedBound.PROFILE, profile="school", wished_profile="office")]
    for wished in (none, office):
        assert holding(granted(school, wished), wished) == wished


def test_a_new_camera_begins_with_the_bounds_of_its_site() -> None:
    wished = ApprovedLimits(SITE, {"lobby-2": Bounds(0, 400 * DAY)})
    assert holding(one(31, 365), wished).cameras == {"lobby-2": SITE}


def test_a_ceiling_that_was_shortened_can_be_taken_back_alone_until_it_holds() -> None:
    before, shortened = one(31, 365), one(31, 60)
    held = holding(before, shortened)
    assert held.cameras["lobby"].ceiling_s == 60 * DAY, "it waits elsewhere (storage.retention.bounds)"
    waiting = settled(before, held, {"lobby": Bounds(31 * DAY, 365 * DAY)})
    assert list(loosenings(holding(waiting, before), before)) == []
    over = settled(waiting, held, {"lobby": Bounds(31 * DAY, 60 * DAY)})
    assert list(loosenings(holding(over, before), before)) == [
        Loosening("lobby", LoosenedBound.CEILING, 60 * DAY, 365 * DAY),
    ]


def test_what_all_cameras_share_with_their_site_is_told_once() -> None:
    agreed = ApprovedLimits(SITE, dict.fromkeys("abc", SITE))
    low = Bounds(7 * DAY, 365 * DAY)
    wished = ApprovedLimits(low, {"a": low, "b": low, "c": Bounds(8 * DAY, 365 * DAY)}, overwrite=True)
    assert list(loosenings(holding(agreed, wished), wished)) == [
        Loosening(None, LoosenedBound.FLOOR, 31 * DAY, 7 * DAY),
        Loosening("c", LoosenedBound.FLOOR, 31 * DAY, 8 * DAY),
        Loosening(None, LoosenedBound.OVERWRITE),
    ]
