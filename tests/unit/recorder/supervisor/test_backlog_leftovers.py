"""recorder.supervisor.backlog: a segment is asked for until nothing of it is open; a stop waits for that, and not
for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from recorder.supervisor.backlog import MAX_LEFT, UnclosedSegments
from recorder.supervisor.state import Salvage
from recorder.words.messages import Closed, Granted, Opening, Refused, Terms
from storage.words.errors import StoreClosed
from storage.words.message import Message
from storage.words.model import GapCause, Moment

PATIENCE_S = 5.0
OFTEN_S = 0.001
WHY = (GapCause.DISK_FULL, Message("no space left"))


@dataclass
class Locked:
    """A keeper whose files are free only after so many questions, or never."""

    refusals: dict[int, int] = field(default_factory=dict)
    error: Exception | None = None
    asked: list[int] = field(default_factory=list)
    hangs: asyncio.Event | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def salvage(self, camera: str, seq: int, cause: GapCause, detail: str) -> bool:
        assert (cause, detail) == WHY
        self.asked.append(seq)
        self.changed.set()
        if self.hangs is not None:
            await self.hangs.wait()
        left = self.refusals.get(seq, 0)
        if left:
            self.refusals[seq] = left - 1
            if self.error is not None:
                raise self.error
        return not left

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.asked) < times:
                self.changed.clear()
                await self.changed.wait()

    async def terms(self, camera: str) -> Terms | GapCause:
        raise NotImplementedError

    async def tail(self, camera: str) -> tuple[int, str]:
        raise NotImplementedError

    async def open(self, camera: str, opening: Opening) -> Granted | Refused:
        raise NotImplementedError

    async def close(self, camera: str, closed: Closed) -> None:
        raise NotImplementedError

    async def gap(self, camera: str, at: Moment | None, cause: GapCause, detail: str) -> None:
        raise NotImplementedError

    async def hole(self, camera: str, start: Moment, end: Moment, detail: str) -> None:
        raise NotImplementedError


def salvage(*seqs: int) -> Salvage:
    return Salvage(frozenset(seqs), *WHY)


@asynccontextmanager
async def of(keeper: Locked, ask_again_s: float = OFTEN_S) -> AsyncIterator[UnclosedSegments]:
    leftovers = UnclosedSegments("lobby", keeper, ask_again_s)
    yield leftovers
    await leftovers.finish(PATIENCE_S)


@pytest.mark.parametrize("error", [None, StoreClosed("closing", ""), ZeroDivisionError("a defect")])
async def test_what_is_locked_is_asked_for_until_it_is_free(
    error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    keeper = Locked({1: 3}, error)
    async with of(keeper) as leftovers:
        leftovers.add(salvage(1, 2))
        await keeper.until_asked(5)
    assert keeper.asked == [1, 2, 1, 1, 1]
    assert len(caplog.records) == 1, "and it is said once"


async def test_what_comes_later_is_asked_for_at_once() -> None:
    keeper = Locked({1: 10**6})
    async with of(keeper, ask_again_s=1000) as leftovers:
        leftovers.add(salvage(1))
        await keeper.until_asked(1)
        leftovers.add(salvage(2))
        await keeper.until_asked(3)
        assert keeper.asked == [1, 1, 2]
        keeper.refusals = {}
    assert keeper.asked == [1, 1, 2, 1]


async def test_when_nothing_is_left_nothing_runs() -> None:
    keeper = Locked()
    leftovers = UnclosedSegments("lobby", keeper)
    tasks = asyncio.all_tasks()
    leftovers.add(salvage())
    assert asyncio.all_tasks() == tasks
    leftovers.add(salvage(1))
    (asking,) = asyncio.all_tasks() - tasks
    await asyncio.wait([asking], timeout=PATIENCE_S)
    assert asking.done()
    leftovers.add(salvage(2))
    await leftovers.finish(PATIENCE_S)
    assert keeper.asked == [1, 2]


@pytest.mark.parametrize("within_s", [0.0, 0.01])
async def test_a_stop_does_not_wait_for_what_hangs(within_s: float, caplog: pytest.LogCaptureFixture) -> None:
    keeper = Locked(hangs=asyncio.Event())
    leftovers = UnclosedSegments("lobby", keeper)
    leftovers.add(salvage(7, 8))
    await keeper.until_asked(1)
    async with asyncio.timeout(PATIENCE_S):
        await leftovers.finish(within_s)
    assert len(asyncio.all_tasks()) == 1
    assert "7, 8" in caplog.text


async def test_a_stop_asks_once_more_and_gives_up(caplog: pytest.LogCaptureFixture) -> None:
    keeper = Locked({1: 10**6})
    leftovers = UnclosedSegments("lobby", keeper, ask_again_s=1000)
    leftovers.add(salvage(1))
    await keeper.until_asked(1)
    await leftovers.finish(PATIENCE_S)
    assert keeper.asked == [1, 1]
    assert "adopted at the next start: 1" in caplog.text


async def test_no_more_than_can_be_asked_for_is_remembered(caplog: pytest.LogCaptureFixture) -> None:
    keeper = Locked()
    async with of(keeper) as leftovers:
        leftovers.add(salvage(*range(1, MAX_LEFT + 3)))
    assert keeper.asked == list(range(3, MAX_LEFT + 3))
    assert "segment 1 stays open" in caplog.text
    assert "segment 2 stays open" in caplog.text
