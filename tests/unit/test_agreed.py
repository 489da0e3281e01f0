"""What loosens a bound waits, what tightens one holds, and no way round leads to less."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.model import Bounds
from storage.ring.agreed import Agreed, Loosening, What, granted, holding, loosenings, settled

DAY: int = 86_400
SITE = Bounds(31 * DAY, 365 * DAY)
BOUNDS = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda pair: Bounds(min(pair), max(pair)))
AGREED = st.builds(Agreed, BOUNDS, st.dictionaries(st.sampled_from("abc"), BOUNDS), st.booleans())


def one(floor: int, ceiling: int, *, overwrite: bool = False) -> Agreed:
    return Agreed(SITE, {"lobby": Bounds(floor * DAY, ceiling * DAY)}, overwrite)


def of(agreed: Agreed, camera: str) -> Bounds:
    return agreed.cameras.get(camera, agreed.site)


@given(AGREED, AGREED)
def test_nothing_that_holds_is_looser_than_what_was_agreed(agreed: Agreed, wished: Agreed) -> None:
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


@given(AGREED, AGREED)
def test_whatever_differs_is_told_and_nothing_else(agreed: Agreed, wished: Agreed) -> None:
    held = holding(agreed, wished)
    told = list(loosenings(held, wished))
    if not told:
        for now, then in [(held.site, wished.site), *((held.cameras[c], wished.cameras[c]) for c in wished.cameras)]:
            assert now.floor_s <= then.floor_s
            assert now.ceiling_s >= then.ceiling_s
    assert list(loosenings(held, held)) == []
    assert len(set(told)) == len(told)


@given(AGREED, AGREED)
def test_once_granted_all_of_it_holds(agreed: Agreed, wished: Agreed) -> None:
    after = granted(agreed, wished)
    assert holding(after, wished) == wished
    assert after.cameras.keys() >= agreed.cameras.keys(), "what a camera had that is gone goes on to count"


@given(AGREED, st.lists(AGREED, max_size=5))
def test_no_row_of_changes_by_one_person_ends_looser(agreed: Agreed, wishes: list[Agreed]) -> None:
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


def test_a_new_camera_begins_with_the_bounds_of_its_site() -> None:
    wished = Agreed(SITE, {"lobby-2": Bounds(0, 400 * DAY)})
    assert holding(one(31, 365), wished).cameras == {"lobby-2": SITE}


def test_a_ceiling_that_was_shortened_can_be_taken_back_alone_until_it_holds() -> None:
    before, shortened = one(31, 365), one(31, 60)
    held = holding(before, shortened)
    assert held.cameras["lobby"].ceiling_s == 60 * DAY, "it waits elsewhere (storage.ring.bounds)"
    waiting = settled(before, held, {"lobby": Bounds(31 * DAY, 365 * DAY)})
    assert list(loosenings(holding(waiting, before), before)) == []
    over = settled(waiting, held, {"lobby": Bounds(31 * DAY, 60 * DAY)})
    assert list(loosenings(holding(over, before), before)) == [
        Loosening("lobby", What.CEILING, 60 * DAY, 365 * DAY),
    ]


def test_what_all_cameras_share_with_their_site_is_told_once() -> None:
    agreed = Agreed(SITE, dict.fromkeys("abc", SITE))
    low = Bounds(7 * DAY, 365 * DAY)
    wished = Agreed(low, {"a": low, "b": low, "c": Bounds(8 * DAY, 365 * DAY)}, overwrite=True)
    assert list(loosenings(holding(agreed, wished), wished)) == [
        Loosening(None, What.FLOOR, 31 * DAY, 7 * DAY),
        Loosening("c", What.FLOOR, 31 * DAY, 8 * DAY),
        Loosening(None, What.OVERWRITE),
    ]
