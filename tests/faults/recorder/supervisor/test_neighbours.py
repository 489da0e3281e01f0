"""L4 where eight cameras are read by one process: what one of them does to it costs each other one two seconds at most.

One sends what is poison to the parser (`poisoned`), or floods. Who ended the process twice is read alone from then on.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from recorder.supervisor import runner
from recorder.supervisor.groups import MEMBERS_MAX, STRIKES_MAX
from recorder.supervisor.processes import GROUP
from recorder.supervisor.state import Limits
from storage.words.model import GapCause
from tests.conftest import Profile
from tests.faults.recorder.supervisor import hung_disk, poisoned
from tests.support import footage
from tests.support.camera.apart import FloodingCamera
from tests.support.disks import Ext4, may_mount
from tests.support.fault_camera import FaultCamera, Faults
from tests.support.footage import SMALL, Sound
from tests.support.recorders import MOST_LOST_MS, Recorded, Recorders

BAD: Final = "yard"
OTHERS: Final = tuple(f"camera-{number}" for number in range(1, MEMBERS_MAX))
POISON_S: Final = 4.0
"""After PLAY: the others record again by then."""
POISONED: Final = poisoned.__name__
SOON_S: Final = 60.0
IMPATIENT: Final = Limits(silence_ms=3_000)
REPORT_MS: Final = 2_000
"""Between two reports of a camera: one is due each second, at the next look."""
FLOOD_BYTES: Final = {"short": 16 << 20, "long": 256 << 20}
"""A hundred times what the camera sends else in that time, and more."""


@contextmanager
def healthy() -> Iterator[dict[str, FaultCamera]]:
    clip, sound = footage.clip(SMALL), footage.clip(Sound.g711("pcmu"))
    with ExitStack() as stack:
        yield {name: stack.enter_context(FaultCamera(clip, sound)) for name in OTHERS}


def poisonous() -> FaultCamera:
    clip = footage.clip(SMALL)
    return FaultCamera(clip, faults=Faults(switch_after_s=POISON_S, switch_to=clip))


def told(recorders: Recorders[FaultCamera], what: str, capsys: pytest.CaptureFixture[str]) -> None:
    lost = sorted(loss.ms for name in OTHERS for loss in recorders.losses(name))
    with capsys.disabled():
        middle, worst = (lost[len(lost) // 2], lost[-1]) if lost else (0, 0)
        print(f" {what}: {len(lost)} gaps of the others, median {middle} ms, worst {worst} ms", end="")  # noqa: T201


def others_lost(recorders: Recorders[FaultCamera], times: int) -> None:
    """Each no more often than the process ended, no longer than it may, and it is said why."""
    for name in OTHERS:
        losses = recorders.losses(name)
        assert 1 <= len(losses) <= times, (name, losses)
        assert len(losses) == len(recorders.gaps(name)), name
        for loss in losses:
            assert loss.is_short, (name, loss)
            assert loss.cause is GapCause.WORKER_CRASH, (name, loss)
            assert "another camera" in loss.detail, (name, loss)


@pytest.mark.parametrize(
    ("fault", "signs"),
    [
        ("hanging", {"SIGVTALRM"}),
        pytest.param("crashing", {"SIGSEGV"}, marks=pytest.mark.long),
        pytest.param("starving", {"SIGKILL"}, marks=pytest.mark.long),
        pytest.param("sleeping", {"SIGKILL", "said nothing"}, marks=pytest.mark.long),
    ],
)
async def test_who_ends_the_process_twice_is_read_alone_and_the_others_lose_little(
    fault: str, signs: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with healthy() as cameras, poisonous() as bad:
        async with Recorders(
            tmp_path, {**cameras, BAD: bad}, worker=f"{POISONED}:{fault}_alone", group=f"{POISONED}:{fault}"
        ) as recorders:
            await recorders.until_recorded()
            assert len({recorders.group_of(name) for name in recorders.cameras}) == 1
            strikes = recorders.runners._shared.groups._strikes
            await recorders.until(lambda: strikes.get(BAD) == STRIKES_MAX, "it ended two groups", SOON_S)
            assert strikes == {BAD: STRIKES_MAX}
            await recorders.until_recorded()
            (pid,) = {recorders.group_of(name) for name in OTHERS}
            assert pid is not None
            assert recorders.group_of(BAD) is None
            ended = len(recorders.gaps(BAD))
            await recorders.until(lambda: len(recorders.gaps(BAD)) > ended, "it ends itself alone", SOON_S)
            await recorders.until_recorded(*OTHERS)
            assert {recorders.group_of(name) for name in OTHERS} == {pid}
            told(recorders, fault, capsys)
            if fault == "sleeping":
                return  # what was not recorded until that was noticed is lost
            others_lost(recorders, STRIKES_MAX)
            for gap in recorders.gaps(BAD):
                assert gap.cause is GapCause.WORKER_CRASH
                assert any(sign in gap.detail for sign in signs), gap


async def test_what_the_parser_stumbles_over_ends_that_session_alone(tmp_path: Path) -> None:
    with healthy() as cameras, poisonous() as bad:
        async with Recorders(tmp_path, {**cameras, BAD: bad}, group=f"{POISONED}:failing") as recorders:
            await recorders.until_recorded()
            (pid,) = {recorders.group_of(name) for name in recorders.cameras}
            await recorders.until(lambda: len(recorders.gaps(BAD)) > STRIKES_MAX, "it stumbles again and again")
            await recorders.until_recorded(*OTHERS)
            assert all("RuntimeError" in gap.detail for gap in recorders.gaps(BAD))
            assert recorders.runners._shared.groups._strikes == {}
            for name in OTHERS:
                assert recorders.group_of(name) == pid
                assert recorders.gaps(name) == []


async def test_what_is_poison_to_them_is_none_to_our_parser(tmp_path: Path) -> None:
    """The control: nothing but what was planted ends anything."""
    with healthy() as cameras, poisonous() as bad:
        async with Recorders(tmp_path, {**cameras, BAD: bad}, group=GROUP) as recorders:
            await recorders.until_recorded()
            await recorders.until(lambda: bad.log and poisoned.is_poison(bad.log[-1].n), "it sends its poison")
            await recorders.until_recorded()
            assert len({recorders.group_of(name) for name in recorders.cameras}) == 1
            assert not any(recorders.gaps(name) for name in recorders.cameras)
            assert bad.runs == 1


async def test_one_that_floods_delays_no_other(
    tmp_path: Path, profile: Profile, capsys: pytest.CaptureFixture[str]
) -> None:
    with healthy() as cameras, FloodingCamera(POISON_S) as bad:
        everybody: dict[str, Recorded] = {**cameras, BAD: bad}
        async with Recorders(tmp_path, everybody) as recorders:
            await recorders.until_recorded()
            (pid,) = {recorders.group_of(name) for name in recorders.cameras}
            flood = FLOOD_BYTES[profile.name]
            await recorders.until(lambda: recorders.view(BAD).samples[-1][1].bytes > flood, "it floods", SOON_S)
            await recorders.until_recorded(*OTHERS)
            late = sorted(
                (after - before, busy)
                for name in OTHERS
                for (before, _), (after, _) in pairwise(recorders.view(name).samples)
                for busy in [recorders.busy_ms(before, after)]
            )
            for name in OTHERS:
                assert recorders.group_of(name) == pid
                assert recorders.gaps(name) == []
            with capsys.disabled():
                sent = recorders.view(BAD).samples[-1][1].bytes >> 20
                print(f" {sent} MiB; reports of the others {late[-1][0]} ms apart at most", end="")  # noqa: T201
            assert all(apart <= REPORT_MS + busy for apart, busy in late)


@pytest.mark.skipif(not may_mount(), reason="mounting needs root")
async def test_the_end_of_a_group_in_which_one_disk_hangs_is_no_matter_of_that_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was killed is there until the disk answers, and its sockets with it. Whose disk that is nobody knows: each
    camera of the group tries once more, alone. Once the disk answers, all that was left is taken care of.
    """
    monkeypatch.setattr(runner, "Limits", lambda: IMPATIENT)
    place = tmp_path / "hangs"
    monkeypatch.setenv(hung_disk.CAMERA, BAD)
    monkeypatch.setenv(hung_disk.DISK, str(place))
    clip, sound = footage.clip(SMALL), footage.clip(Sound.g711("pcmu"))
    with ExitStack() as stack:
        disk = stack.enter_context(Ext4(place))
        cameras = {name: stack.enter_context(FaultCamera(clip, sound)) for name in (*OTHERS[:2], BAD)}
        bodies = hung_disk.__name__
        async with Recorders(tmp_path, cameras, worker=f"{bodies}:alone", group=f"{bodies}:together") as recorders:
            await recorders.until_recorded()
            pid = recorders.group_of(BAD)
            assert pid is not None
            with disk.frozen():
                await recorders.until(lambda: "D" in thread_states(pid), "its disk hangs")
                os.kill(pid, signal.SIGKILL)
                await recorders.until(lambda: all(recorders.losses(name) for name in OTHERS[:2]), "the others go on")
                await recorders.until_recorded(*OTHERS[:2])
                assert "D" in thread_states(pid), "the group is there still"
                await recorders.until(lambda: len(recorders.workers) == len(cameras), "it tries once more, all alone")
            await recorders.until_recorded(BAD)
            await recorders.until(lambda: not any(one.process.pid == pid for one in recorders.groups), "it is gone")
            told(recorders, "a disk that hangs", capsys)
            for name in OTHERS[:2]:
                (loss,) = recorders.losses(name)
                assert loss.cause is GapCause.WORKER_CRASH
                assert loss.ms <= IMPATIENT.silence_ms + IMPATIENT.exit_ms + MOST_LOST_MS + loss.busy_ms
            owed = recorders.runners._backlogs.values()
            await recorders.until(lambda: all(backlog.is_clear for backlog in owed), "all is salvaged")


def thread_states(pid: int) -> set[str]:
    """Of all threads of a process, as proc(5) has them."""
    return {
        Path(task, "stat").read_text("utf-8").rpartition(")")[2].split()[0]
        for task in Path(f"/proc/{pid}/task").iterdir()
    }
