"""A loop that fails is told, tried again, and takes no other with it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from edged.host import loops as tasks


async def test_a_failing_loop_is_named_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "RESTART_AFTER_S", 0.0)
    loops, rounds, recovered, other = tasks.Loops(), 0, asyncio.Event(), asyncio.Event()

    async def fails_twice() -> None:
        nonlocal rounds
        rounds += 1
        if rounds <= 2:
            raise OSError("no disk")
        assert loops.failing == ({"sweep": "OSError: no disk"} if rounds == 3 else {})
        if rounds == 3:
            return
        recovered.set()

    async def well() -> None:
        other.set()

    loops.every("sweep", 0.0, fails_twice)
    loops.every("measurement", 60.0, well)
    async with asyncio.timeout(5):
        await recovered.wait()
        await other.wait()
    await loops.stop()
    assert rounds >= 3
    assert loops.failing == {}


async def test_a_loop_is_woken_before_its_time() -> None:
    loops, wake, ran = tasks.Loops(), asyncio.Event(), asyncio.Queue[None]()

    async def work() -> None:
        ran.put_nowait(None)

    loops.every("sweep", 3600.0, work, wake=wake)
    async with asyncio.timeout(5):
        await ran.get()
        wake.set()
        await ran.get()
    await loops.stop()
    assert ran.empty()
    loops.every("late", 0.0, work)
    await asyncio.sleep(0)
    assert ran.empty(), "none begins after the end"


async def test_a_thread_of_its_own_does_one_thing_after_the_other_and_drops_what_has_not_begun() -> None:
    thread, began, may_end = tasks.OwnThread("own"), threading.Event(), threading.Event()
    done: list[str] = []

    def first() -> str:
        began.set()
        may_end.wait()
        done.append("first")
        return "answer"

    under_way = asyncio.create_task(thread.run(first))
    await asyncio.to_thread(began.wait)
    waiting = asyncio.create_task(thread.run(done.append, "second"))
    await asyncio.sleep(0)
    assert done == []
    closing = asyncio.create_task(thread.close())
    await asyncio.wait({waiting})
    may_end.set()
    await closing
    assert (await under_way, waiting.cancelled(), done) == ("answer", True, ["first"])
