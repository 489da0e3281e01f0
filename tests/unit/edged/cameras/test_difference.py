"""A reload touches only the cameras that changed: the decision is a pure difference of settings."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any, ClassVar, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged import cameras
from edged.cameras import CameraRunners, difference, sync_ms
from edged.config.model import MAX_LOSS_MIN
from recorder.supervisor.runner import CameraSettings
from recorder.words.messages import HELD_MS
from storage.words.clock import SystemClock
from storage.words.model import GapCause, Moment

IDS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["rtsp://x/1", "rtsp://x/2"]))


def settings(urls: dict[str, str]) -> dict[str, CameraSettings]:
    return {
        name: CameraSettings(id=name, url=url, username="", password="", segment_ms=300_000, sync_ms=500)
        for name, url in urls.items()
    }


@given(IDS, IDS)
def test_each_camera_is_in_one_part_and_only_the_same_stay(before: dict[str, str], after: dict[str, str]) -> None:
    found = difference(settings(before), settings(after))
    parts = [*found.added, *found.removed, *found.changed, *found.unchanged]
    assert sorted(parts) == sorted(before.keys() | after.keys())
    assert set(found.unchanged) == {name for name in before if after.get(name) == before[name]}


def test_syncs_leave_room_for_a_slow_disk_within_max_loss() -> None:
    assert sync_ms(2000) == 750
    assert HELD_MS + sync_ms(2000) < 2000
    assert sync_ms(round(MAX_LOSS_MIN.total_seconds() * 1000)) > 0


class FakeRunner:
    """Runs until it is stopped; `broken` ones fail at once."""

    broken: ClassVar[set[str]] = set()
    made: ClassVar[list[str]] = []
    view = None

    def __init__(self, settings: CameraSettings, *_: object) -> None:
        self.id = settings.id
        self.done = asyncio.Event()
        self.made.append(settings.id)

    async def run(self) -> None:
        if self.id in self.broken:
            raise RuntimeError("a defect")
        await self.done.wait()

    async def stop(self, cause: GapCause | None) -> None:
        self.done.set()

    def set_terms(self, terms: object) -> None: ...


class FakeKeeper:
    def __init__(self) -> None:
        self.gaps: asyncio.Queue[tuple[str, GapCause]] = asyncio.Queue()

    async def terms(self, camera: str) -> GapCause:
        return GapCause.STARTING

    async def gap(self, camera: str, at: Moment | None, cause: GapCause, detail: str) -> None:
        assert "a defect" not in detail
        self.gaps.put_nowait((camera, cause))


class FakeStore:
    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.resting: list[tuple[str, GapCause]] = []

    def enrol(self, camera: str, at: Moment) -> Future[None]:
        done: Future[None] = Future()
        if camera in self.refused:
            done.set_exception(OSError("disk full"))
        else:
            done.set_result(None)
        return done

    def begin_gap(self, camera: str, at: Moment, cause: GapCause, detail: str) -> Future[None]:
        self.resting.append((camera, cause))
        done: Future[None] = Future()
        done.set_result(None)
        return done


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> tuple[CameraRunners, FakeKeeper, FakeStore]:
    monkeypatch.setattr(cameras, "CameraRunner", FakeRunner)
    monkeypatch.setattr(cameras, "ANEW_AFTER_S", 0.0)
    monkeypatch.setattr(FakeRunner, "made", [])
    monkeypatch.setattr(FakeRunner, "broken", set())
    keeper, store = FakeKeeper(), FakeStore()
    crew = CameraRunners(cast("Any", store), cast("Any", keeper), cast("Any", None), SystemClock(), lambda: 0.5)
    return crew, keeper, store


async def test_a_runner_that_fails_is_covered_by_a_gap_and_begun_anew(
    parts: tuple[CameraRunners, FakeKeeper, FakeStore],
) -> None:
    crew, keeper, _ = parts
    FakeRunner.broken.add("a")
    async with asyncio.timeout(5):
        await crew.apply(settings({"a": "rtsp://x", "b": "rtsp://y"}), ())
        assert await keeper.gaps.get() == ("a", GapCause.WORKER_CRASH)
        assert await keeper.gaps.get() == ("a", GapCause.WORKER_CRASH)
        await crew.apply(settings({"b": "rtsp://y"}), ())
        await crew.stop()
    assert FakeRunner.made.count("b") == 1
    assert FakeRunner.made.count("a") >= 2


async def test_a_camera_that_cannot_be_enrolled_is_begun_by_the_next_reload_and_hinders_no_other(
    parts: tuple[CameraRunners, FakeKeeper, FakeStore],
) -> None:
    crew, _, store = parts
    store.refused = {"a"}
    wanted = settings({"a": "rtsp://x", "b": "rtsp://y"})
    async with asyncio.timeout(5):
        await crew.apply(wanted, ())
        assert FakeRunner.made == ["b"]
        store.refused = set()
        again = await crew.apply(wanted, ())
        await crew.stop()
    assert (again.added, again.unchanged) == (("a",), ("b",))
    assert sorted(FakeRunner.made) == ["a", "b"]


async def test_cameras_that_are_known_and_not_wanted_rest_and_say_so_once(
    parts: tuple[CameraRunners, FakeKeeper, FakeStore],
) -> None:
    crew, _, store = parts
    async with asyncio.timeout(5):
        await crew.apply(settings({"a": "rtsp://x"}), {"a", "off", "gone"})
        await crew.apply(settings({"a": "rtsp://x"}), {"a", "off", "gone"})
        await crew.stop()
    assert sorted(store.resting) == [("gone", GapCause.DISABLED), ("off", GapCause.DISABLED)]


async def test_after_a_stop_nothing_begins(parts: tuple[CameraRunners, FakeKeeper, FakeStore]) -> None:
    crew, _, _ = parts
    await crew.stop()
    await crew.apply(settings({"a": "rtsp://x"}), ())
    assert FakeRunner.made == []
