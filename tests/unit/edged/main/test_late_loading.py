"""Office, clauses and calls are loaded with a profile, with a leftover, and once somebody connects; and only once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edged.host.loops import Loops
from edged.main import late_loading
from edged.main.late_loading import LateLoading
from storage.words.errors import StoreBusy

LOOP = "late loading"


class Box:
    """A site and its store, as far as they are asked, and what is loaded."""

    def __init__(self, folder: Path) -> None:
        self.config = SimpleNamespace(site=SimpleNamespace(profile=None), viewings=folder / "viewings")
        self.viewed_: list[object] | Exception = []
        self.failure: Exception | None = None
        self.loads = self.starts = self.closed = 0
        self.control = self

    @property
    def exports(self) -> Box:
        return self

    def viewed(self) -> list[object]:
        if isinstance(self.viewed_, Exception):
            raise self.viewed_
        return self.viewed_

    def load(self) -> Any:
        self.loads += 1
        if self.failure is not None:
            raise self.failure
        return self

    def start(self, _loops: Loops) -> None:
        self.starts += 1

    async def close(self) -> None:
        self.closed += 1

    async def runner(self) -> str:
        return "answers"


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture
async def loops() -> AsyncIterator[Loops]:
    made = Loops()
    yield made
    await made.stop()


async def begun(box: Box, loops: Loops) -> LateLoading:
    late = LateLoading(box, box, box.load)  # type: ignore[arg-type]  # as far as they are asked
    late.start(loops)
    await loops.first_round(LOOP)
    return late


async def test_a_box_that_only_records_loads_nothing(box: Box, loops: Loops) -> None:
    late = await begun(box, loops)
    await late.look()
    await late.close()
    assert (box.loads, box.closed) == (0, 0)


async def test_with_a_profile_it_is_there_after_the_first_round(box: Box, loops: Loops) -> None:
    box.config.site.profile = "wenshan-household"
    late = await begun(box, loops)
    await late.look()
    assert (box.loads, box.starts) == (1, 1)
    await late.close()
    assert box.closed == 1


async def test_a_profile_that_comes_later_is_seen(box: Box, loops: Loops) -> None:
    late = await begun(box, loops)
    box.config.site.profile = "wenshan-household"
    await late.look()
    assert (box.loads, box.starts) == (1, 1)


async def test_what_cannot_be_loaded_fails_aloud_stops_nothing_and_is_tried_again(
    box: Box, loops: Loops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_loading, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr("edged.host.loops.RESTART_AFTER_S", 0.0)
    box.config.site.profile, box.failure = "wenshan-household", ImportError("no such module")
    await begun(box, loops)
    assert loops.failing == {LOOP: "ImportError: no such module"}
    box.failure = None
    async with asyncio.timeout(10):
        while loops.failing:  # noqa: ASYNC110  (nobody tells)
            await asyncio.sleep(0)
    assert box.starts == 1


async def test_all_who_connect_have_the_same_and_who_meets_a_failure_hears_of_it(box: Box, loops: Loops) -> None:
    late = await begun(box, loops)
    box.failure = MemoryError()
    with pytest.raises(MemoryError):
        await late.answering()
    box.failure = None
    both = await asyncio.gather(late.loaded(), late.loaded(), late.answering())
    assert both[0] is both[1]
    assert (box.loads, box.starts) == (2, 1)


@pytest.mark.parametrize("left", ["a copy", "a folder", "not a folder"])
async def test_what_is_left_of_a_viewing_is_seen_to_without_a_profile(box: Box, loops: Loops, left: str) -> None:
    if left == "a copy":
        box.viewed_ = ["it"]
    elif left == "a folder":
        (box.config.viewings / "it").mkdir(parents=True)
    else:
        box.config.viewings.touch()
    await begun(box, loops)
    assert box.starts == 1


async def test_while_nobody_knows_whether_something_is_left_it_is_asked_again(box: Box, loops: Loops) -> None:
    box.viewed_ = StoreBusy("busy", "")
    late = await begun(box, loops)
    assert box.loads == 0
    box.viewed_ = ["it"]
    await late.look()
    assert box.loads == 1
