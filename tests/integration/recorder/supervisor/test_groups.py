"""Cameras that are read by one process: what befalls one of them, the process, or who connects, and whom it costs what.

Cameras, workers, groups and store are real; the runners run in this process.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from recorder.supervisor import groups as groups_module
from recorder.supervisor.state import Limits
from storage.words.model import GapCause
from tests.integration.recorder.supervisor import planted
from tests.integration.recorder.supervisor.fake_daemon import children_of
from tests.support import footage
from tests.support.fault_camera import SILENT, FaultCamera, Faults
from tests.support.footage import SMALL, Sound
from tests.support.recorders import Recorders
from tests.support.resources import assert_nothing_is_left_open, descriptors

NAMES: Final = ("lobby", "stairs", "gate")
PLANTED: Final = planted.__name__
HEAP_BYTES: Final = 64 << 20
L1_S: Final = 15.0
HUNG: Final = Limits(silence_ms=4_000)
NOISE: Final = Faults(noise_after_s=0)


@contextmanager
def cameras(*names: str) -> Iterator[dict[str, FaultCamera]]:
    """Switched on; each unlike the one before."""
    h265 = replace(SMALL, codec="h265")
    clips = [(SMALL, None), (h265, Sound()), (SMALL, Sound.g711("pcmu"))]
    with ExitStack() as stack:
        made = {}
        for number, name in enumerate(names):
            picture, sound = clips[number % len(clips)]
            camera = FaultCamera(footage.clip(picture), footage.clip(sound) if sound else None)
            made[name] = stack.enter_context(camera)
        yield made


@pytest.fixture
async def three(memory: Path) -> AsyncIterator[Recorders[FaultCamera]]:
    """Recorded by one process."""
    with cameras(*NAMES) as made:
        async with Recorders(memory, made) as recorders:
            await recorders.until_recorded()
            yield recorders


def the_group(recorders: Recorders[FaultCamera]) -> int:
    """The one process that reads all that are recorded."""
    (pid,) = {recorders.group_of(name) for name in recorders.cameras if recorders.is_recorded(name)}
    assert pid is not None
    return pid


async def untouched(recorders: Recorders[FaultCamera], pid: int, *names: str) -> None:
    """They go on: in the same process, by the same session, without a gap."""
    await recorders.until_recorded(*names)
    for name in names:
        assert recorders.group_of(name) == pid, name
        assert recorders.gaps(name) == [], name
        assert recorders.cameras[name].runs == 1, name


async def test_three_cameras_are_read_by_one_process_and_leave_nothing_behind(memory: Path) -> None:
    before = descriptors()
    with cameras(*NAMES) as made:
        async with Recorders(memory, made) as recorders:
            await recorders.until_recorded()
            pid = the_group(recorders)
            assert recorders.forkserver.pid is not None
            await recorders.until(lambda: children_of(recorders.forkserver.pid or 0) == [pid], "who connected is gone")
            await recorders.apply()
            await recorders.until(lambda: children_of(recorders.forkserver.pid or 0) == [], "the group is gone")
            assert recorders.groups == []
            for name in NAMES:
                (segment,) = recorders.segments(name)
                assert segment.bytes > 0
    assert_nothing_is_left_open(before)


async def test_its_threads_share_one_heap(three: Recorders[FaultCamera]) -> None:
    """Each camera has two, and what one heap has free is of no use to another."""
    assert heaps_of_threads(the_group(three)) == 0


def heaps_of_threads(pid: int) -> int:
    """The C library reserves 64 MiB for each and opens it little by little."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    spans = (line.split()[0].split("-") for line in maps if " ---p 00000000 00:00 0" in line)
    return sum(int(end, 16) - int(start, 16) > HEAP_BYTES // 2 for start, end in spans)


async def test_one_that_is_not_wanted_any_more_leaves_and_comes_back(three: Recorders[FaultCamera]) -> None:
    pid = the_group(three)
    await three.apply("lobby", "gate")
    await untouched(three, pid, "lobby", "gate")
    assert [gap.cause for gap in three.gaps("stairs")] == [GapCause.DISABLED]
    await three.apply(*NAMES)
    await three.until_recorded("stairs")
    assert three.group_of("stairs") == pid, "there is room for it where it was"


def drops(camera: FaultCamera) -> None:
    camera.go()
    camera.come()


def changes(faults: Faults) -> Callable[[FaultCamera], None]:
    def change(camera: FaultCamera) -> None:
        camera.faults = faults

    return change


@pytest.mark.parametrize(
    ("befalls", "causes"),
    [
        (drops, {GapCause.DROPPED, GapCause.REFUSED, GapCause.UNREACHABLE}),
        (changes(NOISE), {GapCause.BAD_DATA, GapCause.DROPPED, GapCause.STALLED}),
    ],
    ids=["drops", "noise"],
)
async def test_what_befalls_one_camera_costs_no_other_anything(
    three: Recorders[FaultCamera], befalls: Callable[[FaultCamera], None], causes: set[GapCause]
) -> None:
    pid = the_group(three)
    befalls(three.cameras["stairs"])
    await three.until(lambda: three.gaps("stairs"), "it is not recorded")
    await untouched(three, pid, "lobby", "gate")
    three.cameras["stairs"].faults = Faults()
    await three.until_recorded("stairs")
    assert three.group_of("stairs") == pid
    assert {gap.cause for gap in three.gaps("stairs")} <= causes
    await untouched(three, pid, "lobby", "gate")


async def test_a_session_that_lies_ends_alone(memory: Path) -> None:
    with cameras("lobby", planted.LIAR, "gate") as made:
        async with Recorders(memory, made, group=f"{PLANTED}:lying") as recorders:
            await recorders.until_recorded("lobby", "gate")
            pid = recorders.group_of("lobby")
            assert pid is not None
            gap, *_ = await recorders.until(lambda: recorders.gaps(planted.LIAR), "it lied")
            assert gap.cause is GapCause.BAD_DATA
            assert "was not given" in gap.detail
            await recorders.until(lambda: made[planted.LIAR].runs > 1, "it is tried again")
            await untouched(recorders, pid, "lobby", "gate")


async def test_all_record_again_soon_when_their_process_is_killed(three: Recorders[FaultCamera]) -> None:
    pid = the_group(three)
    os.kill(pid, signal.SIGKILL)
    await three.until(lambda: not any(three.is_recorded(name) for name in NAMES), "none is recorded")
    await three.until_recorded(within_s=L1_S)
    assert the_group(three) != pid
    told = []
    for name in NAMES:
        (loss,) = three.losses(name)
        assert loss.cause is GapCause.WORKER_CRASH
        told.append("SIGKILL" in loss.detail)
        assert loss.is_short
        assert three.cameras[name].runs == 2
    assert any(told), "all of them, or the one whose turn it happened to be"


async def test_a_process_that_hangs_without_using_the_processor_is_ended(
    three: Recorders[FaultCamera], monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = the_group(three)
    for name in NAMES:  # the daemon's own patience would only be waited for
        runner = three.runners._running[name].runner
        assert runner is not None
        runner._limits = HUNG
        runner._wake.set()
    monkeypatch.setattr(groups_module, "HUNG_S", 2.0)
    os.kill(pid, signal.SIGSTOP)
    await three.until(lambda: not any(three.is_recorded(name) for name in NAMES), "none is recorded")
    await three.until_recorded()
    assert the_group(three) != pid
    for name in NAMES:
        (gap,) = three.gaps(name)
        assert gap.cause is GapCause.WORKER_CRASH
        assert three.cameras[name].runs == 2


async def test_who_connects_while_others_are_read_harms_none_whatever_becomes_of_it(
    three: Recorders[FaultCamera],
) -> None:
    """Its camera does not answer: its process is killed, then another one is told to stop."""
    pid = the_group(three)
    await three.apply("lobby", "gate")
    stairs = three.cameras["stairs"]
    stairs.faults = SILENT
    await three.apply(*NAMES)
    (connecting,) = await three.until(lambda: three.workers, "it connects")
    os.kill(connecting, signal.SIGKILL)
    await three.until(lambda: three.workers - {connecting}, "it is tried again")
    assert "SIGKILL" in three.view("stairs").came_back
    async with asyncio.timeout(5):
        await three.apply("lobby", "gate")
    assert three.workers == set()
    await untouched(three, pid, "lobby", "gate")


async def test_who_still_connects_when_its_group_ends_is_read_where_it_connected(memory: Path) -> None:
    with cameras("lobby", planted.SLOW) as made:
        async with Recorders(memory, made, worker=f"{PLANTED}:waiting") as recorders:
            await recorders.until_recorded("lobby")
            (connecting,) = await recorders.until(lambda: recorders.workers, "it connects")
            await recorders.until(lambda: made[planted.SLOW].runs, "and plays")
            pid = recorders.group_of("lobby")
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await recorders.until(lambda: not recorders.is_recorded("lobby"), "the group is gone")
            (recorders.volume / planted.MAY_GO_ON).touch()
            await recorders.until_recorded()
            assert recorders.workers == {connecting}
            assert recorders.gaps(planted.SLOW) == []
            assert made[planted.SLOW].runs == 1
