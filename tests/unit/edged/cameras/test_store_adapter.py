"""The keeper between recorder and store: which volume the next segments go to, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast

import pytest

from edged.cameras import StoreAdapter
from recorder.words.messages import Granted, Opening, Refused, Terms
from storage.store.facade import Store
from storage.words.message import Message
from storage.words.model import Bounds, GapCause, VolumesNow, VolumeState, VolumeStatus

IN_SERVICE, FULL, AWAY = VolumeState.IN_SERVICE, VolumeState.FULL, VolumeState.AWAY
PRIORITIES = {"lobby": 5, "door": 0}
SEGMENT_MS = 300_000
CAUSES = {IN_SERVICE: None, FULL: GapCause.FLOOR_PROTECT, AWAY: GapCause.IO_ERROR}


class FakeStore:
    """Two volumes in the states that a test gives them; the first in service is chosen."""

    epoch = 7

    def __init__(self, **states: VolumeState) -> None:
        self.states = states
        self.opened: list[str] = []
        self.stopped: frozenset[str] = frozenset()
        self.at_once: frozenset[str] = frozenset()
        self.tight = False

    def volumes(self) -> list[VolumeStatus]:
        return [
            VolumeStatus(name, Path("/srv") / name, state, Message(""), 0, 0, 0, 0, 0, CAUSES[state])
            for name, state in self.states.items()
        ]

    @property
    def admission(self) -> FakeStore:
        return self

    def volumes_now(self, priorities: Mapping[str, int], segment_ms: int) -> VolumesNow:
        assert (priorities, segment_ms) == (PRIORITIES, SEGMENT_MS)
        usable = [status for status in self.volumes() if status.state is IN_SERVICE]
        return VolumesNow(
            chosen=usable[0] if usable else GapCause.FLOOR_PROTECT,
            volumes=tuple(self.volumes()),
            takes=frozenset(status.id for status in usable),
            stopped=dict.fromkeys(self.stopped, GapCause.FLOOR_PROTECT),
            at_once=self.at_once,
            tight=self.tight,
        )

    def open_segment(self, opening: Any) -> Future[None]:
        self.opened.append(opening.volume)
        done: Future[None] = Future()
        done.set_result(None)
        return done


def keeper_of(store: FakeStore) -> StoreAdapter:
    return StoreAdapter(cast("Store", store), lambda _camera: Bounds(60, 300), lambda: PRIORITIES, lambda: SEGMENT_MS)


def opening_on(volume: str) -> Opening:
    terms = Terms(volume, f"/srv/{volume}", floor_s=60, ceiling_s=300, epoch=7, synced=False)
    return Opening(seq=1, wall_ms=1_700_000_000_000, boottime_ms=5000, terms=terms)


async def test_terms_name_the_volume_that_is_chosen_and_change_with_it() -> None:
    store = FakeStore(a=IN_SERVICE, b=IN_SERVICE)
    keeper = keeper_of(store)
    assert await keeper.refresh_volumes()
    assert not await keeper.refresh_volumes()
    store.states["a"] = FULL
    assert await keeper.refresh_volumes()
    terms = await keeper.terms("lobby")
    assert isinstance(terms, Terms)
    assert (terms.volume, terms.floor_s, terms.epoch) == ("b", 60, 7)


async def test_a_segment_is_granted_on_any_volume_in_service() -> None:
    store = FakeStore(a=IN_SERVICE, b=IN_SERVICE)
    keeper = keeper_of(store)
    await keeper.refresh_volumes()
    assert await keeper.open("lobby", opening_on("b")) == Granted(seq=1)
    assert store.opened == ["b"]


@pytest.mark.parametrize(
    ("state", "elsewhere", "cause"),
    [
        (AWAY, IN_SERVICE, GapCause.IO_ERROR),
        (FULL, IN_SERVICE, GapCause.FLOOR_PROTECT),
        (FULL, FULL, GapCause.FLOOR_PROTECT),
    ],
)
async def test_a_segment_is_refused_on_a_volume_that_takes_no_more(
    state: VolumeState, elsewhere: VolumeState, cause: GapCause
) -> None:
    store = FakeStore(a=state, b=elsewhere)
    keeper = keeper_of(store)
    await keeper.refresh_volumes()
    assert await keeper.open("lobby", opening_on("a")) == Refused(seq=1, cause=cause)
    assert store.opened == []


async def test_without_a_volume_there_are_no_terms_but_a_cause() -> None:
    keeper = keeper_of(FakeStore(a=FULL))
    await keeper.refresh_volumes()
    assert await keeper.terms("lobby") is GapCause.FLOOR_PROTECT


async def test_a_camera_that_is_stopped_begins_nothing_and_hears_of_it_when_it_may() -> None:
    store = FakeStore(a=IN_SERVICE)
    store.stopped = frozenset({"door"})
    keeper = keeper_of(store)
    await keeper.refresh_volumes()
    assert await keeper.terms("door") is GapCause.FLOOR_PROTECT
    assert await keeper.open("door", opening_on("a")) == Refused(seq=1, cause=GapCause.FLOOR_PROTECT)
    assert isinstance(await keeper.terms("lobby"), Terms)
    assert await keeper.open("lobby", opening_on("a")) == Granted(seq=1)
    assert not await keeper.refresh_volumes()
    store.stopped = frozenset()
    assert await keeper.refresh_volumes(), "its worker has to be told the terms again"
    assert isinstance(await keeper.terms("door"), Terms)


async def test_a_tight_disk_wakes_the_sweep_and_what_must_end_at_once_is_named() -> None:
    store = FakeStore(a=IN_SERVICE)
    keeper = keeper_of(store)
    await keeper.refresh_volumes()
    assert (keeper.committed.is_set(), keeper.to_cut) == (False, frozenset())
    store.tight, store.stopped, store.at_once = True, frozenset({"door"}), frozenset({"door"})
    await keeper.refresh_volumes()
    assert (keeper.committed.is_set(), keeper.to_cut) == (True, frozenset({"door"}))
