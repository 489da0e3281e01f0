"""A camera's runner with real worker processes that misbehave to order, and a keeper that notes what it is told."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest

from recorder.supervisor.backlog import Backlog
from recorder.supervisor.connect_queue import ConnectQueue, Pace
from recorder.supervisor.groups import Groups
from recorder.supervisor.processes import Forkserver, WorkerProcess
from recorder.supervisor.runner import CameraRunner, CameraSettings, Phase, Shared
from recorder.supervisor.state import DeviceLog, Limits
from recorder.words.address import Target
from recorder.words.messages import Closed, Cut, Granted, Kind, Opening, Refused, Terms
from recorder.worker.fan_out import Packet, Tracks
from storage.words.clock import SystemClock
from storage.words.errors import NotOpen, WriteFailed
from storage.words.model import GapCause, Moment
from tests.integration.recorder.supervisor.fake_daemon import children_of
from tests.support.resources import assert_nothing_is_left_open, descriptors

PATIENCE_S = 20.0
STOP_WITHIN_S = 8.0
STOP_S = 7.5
SECRET = "geheim-7781"
TERMS = Terms("volume", "/volume", 60, 3600, 1, synced=True)
CAMERA = "lobby"
CLOCK = SystemClock()
SOON = Limits(backoff_base_ms=20, backoff_cap_ms=50)
"""For cameras that do well, or end by themselves: only the wait is shortened, so that a busy machine harms no test."""
SHORT = replace(SOON, connect_ms=3000, silence_ms=1500, exit_ms=500, stop_ms=1000)
"""For those whose trouble is a deadline."""
IMPATIENT = replace(SHORT, connect_ms=500)


@dataclass(slots=True)
class Notebook:
    """A keeper that notes the facts in their order and can be told to fail."""

    facts: list[tuple[object, ...]] = field(default_factory=list)
    failing: dict[str, Exception] = field(default_factory=dict)
    answer: GapCause | None = None
    """Refuse segments with this cause."""
    next_seq: int = 1
    failures: int = 0
    openings: list[Opening] = field(default_factory=list)
    hashing: asyncio.Event = field(default_factory=asyncio.Event)
    """Clear: a salvage takes for ever."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.hashing.set()

    def note(self, camera: str, *fact: object) -> None:
        assert camera == CAMERA
        if (error := self.failing.get(str(fact[0]))) is not None:
            self.failures += 1
            self.changed.set()
            raise error
        self.facts.append(fact)
        self.changed.set()

    async def terms(self, camera: str) -> Terms | GapCause:
        self.note(camera, "terms")
        return TERMS

    async def tail(self, camera: str) -> tuple[int, str]:
        assert camera == CAMERA
        return self.next_seq, ""

    async def open(self, camera: str, opening: Opening) -> Granted | Refused:
        """Its answer comes later than the question, as one that waits for a disk does."""
        while CLOCK.now().boottime_ms <= opening.boottime_ms:  # noqa: ASYNC110  (of a millisecond, nobody tells)
            await asyncio.sleep(0)
        if self.answer is not None:
            self.note(camera, "refused", opening.seq)
            return Refused(opening.seq, self.answer)
        self.note(camera, "open", opening.seq)
        self.openings.append(opening)
        self.next_seq = opening.seq + 1
        return Granted(opening.seq)

    async def close(self, camera: str, closed: Closed) -> None:
        bytes.fromhex(closed.sha256)
        self.note(camera, "close", closed.seq)

    async def salvage(self, camera: str, seq: int, cause: GapCause, detail: str) -> bool:
        await self.hashing.wait()
        self.note(camera, "salvage", seq)
        return True

    async def hole(self, camera: str, start: Moment, end: Moment, detail: str) -> None:
        self.note(camera, "hole", end.boottime_ms - start.boottime_ms, detail)

    async def gap(self, camera: str, at: Moment | None, cause: GapCause, detail: str) -> None:
        self.note(camera, "gap", cause, at is None, detail)

    def kinds(self) -> list[object]:
        return [fact[0] for fact in self.facts if fact[0] != "terms"]

    def gaps(self) -> list[object]:
        return [fact[1] for fact in self.facts if fact[0] == "gap"]

    async def until(self, seen: Callable[[], object]) -> None:
        """Wait for facts; looked at again whenever one is noted."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not seen():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            raise AssertionError(f"not told: {self.facts[-10:]}") from None


@pytest.fixture
async def forkserver() -> AsyncIterator[Forkserver]:
    server = Forkserver("tests.integration.recorder.supervisor.fake_workers:main")
    server.start()
    yield server
    server.close()


class Alone(Groups):
    """Every camera is read by a process of its own."""

    async def enter(self, camera: str, target: Target) -> None:
        return None


def shared(forkserver: Forkserver) -> Shared:
    """What runners have in common; the gate lets everybody pass."""
    pace = Pace(spacing_ms=1, scout_ms=1, refused_ms=1, denied_ms=1, overall_ms=1)
    return Shared(forkserver, Alone(forkserver), ConnectQueue(CLOCK, pace), DeviceLog(), CLOCK, lambda: 0.5)


def runner_of(
    forkserver: Forkserver, keeper: Notebook, behaviour: str, limits: Limits = SOON, desk: Backlog | None = None
) -> CameraRunner:
    settings = CameraSettings(CAMERA, f"rtsp://camera:554/token={SECRET}/{behaviour}", "viewer", SECRET, 1000, 100)
    return CameraRunner(settings, desk or Backlog(CAMERA, keeper), shared(forkserver), limits)


@asynccontextmanager
async def running(
    forkserver: Forkserver, keeper: Notebook, behaviour: str, limits: Limits = SOON
) -> AsyncIterator[CameraRunner]:
    desk = Backlog(CAMERA, keeper)
    runner = runner_of(forkserver, keeper, behaviour, limits, desk)
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        began_s = time.monotonic()
        await runner.stop(None)
        await desk.finish(max(0.0, STOP_S - (time.monotonic() - began_s)))
        assert time.monotonic() - began_s < STOP_WITHIN_S
        await task


async def test_records_cuts_and_stops_in_order(forkserver: Forkserver) -> None:
    keeper = Notebook()
    async with running(forkserver, keeper, "obedient") as runner:
        await keeper.until(lambda: ("open", 1) in keeper.facts)
        runner.cut("test")
        await keeper.until(lambda: ("open", 2) in keeper.facts)
        assert runner.view.connected is not None
        assert runner.view.connected.width == 640
    assert keeper.facts == [("terms",), ("open", 1), ("close", 1), ("open", 2), ("close", 2)]
    assert runner.view.phase is Phase.STOPPED


async def test_the_view_while_recording(forkserver: Forkserver) -> None:
    keeper = Notebook()
    async with running(forkserver, keeper, "obedient") as runner:
        async with asyncio.timeout(PATIENCE_S):
            while len(runner.view.samples) < 3:  # noqa: ASYNC110 - the view is looked at, by design
                await asyncio.sleep(0.01)
        view = runner.view
        assert (view.phase, view.cause, view.tried, view.came_back, view.check) == (Phase.RECORDING, None, "", "", "")
        frames = [stats.video_frames for _, stats in view.samples]
        assert frames == sorted(frames)


async def test_stop_with_a_cause_tells_the_gap_last(forkserver: Forkserver) -> None:
    keeper = Notebook()
    runner = runner_of(forkserver, keeper, "obedient")
    task = asyncio.create_task(runner.run())
    await keeper.until(lambda: ("open", 1) in keeper.facts)
    await runner.stop(GapCause.RELOAD)
    await task
    assert keeper.facts[-2:] == [("close", 1), ("gap", GapCause.RELOAD, True, "")]


@pytest.mark.parametrize(
    ("behaviour", "limits", "cause", "words"),
    [
        ("silent", IMPATIENT, GapCause.UNREACHABLE, "nothing that could be used within 0.5 s"),
        ("refused", SOON, GapCause.REFUSED, "connection refused [31m by the camera"),
        ("leaving", SOON, GapCause.WORKER_CRASH, "code 3"),
        ("greedy", SOON, GapCause.WORKER_CRASH, "not given"),
        ("anachronistic", SOON, GapCause.BAD_DATA, "a time that cannot be"),
        ("hanging_up", SHORT, GapCause.WORKER_CRASH, "its recording process hung"),
    ],
)
async def test_what_never_records_says_why_and_is_tried_again(
    forkserver: Forkserver,
    behaviour: str,
    limits: Limits,
    cause: GapCause,
    words: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    keeper = Notebook()
    async with running(forkserver, keeper, behaviour, limits) as runner:
        await keeper.until(lambda: keeper.facts.count(("terms",)) >= 3)
        assert runner.view.cause is cause
        assert words in runner.view.came_back
    (gap,) = [fact for fact in keeper.facts if fact[0] == "gap"]
    assert gap[:3] == ("gap", cause, False)
    assert words in str(gap[3])
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert words in warnings[0].getMessage()
    assert SECRET not in caplog.text + repr(keeper.facts) + repr(runner.view)


@pytest.mark.parametrize(
    ("behaviour", "cause", "left"),
    [
        ("frozen", GapCause.WORKER_CRASH, ["open", "gap", "salvage"]),
        ("crashing", GapCause.WORKER_CRASH, ["open", "gap", "salvage"]),
        ("faulting", GapCause.WORKER_CRASH, ["open", "gap", "salvage"]),
        ("garbling", GapCause.BAD_DATA, ["open", "gap", "salvage"]),
        ("lying", GapCause.BAD_DATA, ["open", "gap", "salvage"]),
        ("clairvoyant", GapCause.BAD_DATA, ["open", "gap", "salvage"]),
        ("meddling", GapCause.BAD_DATA, ["open", "gap", "salvage"]),
        ("repeating", GapCause.BAD_DATA, ["open", "close", "gap"]),
        ("dreaming", GapCause.BAD_DATA, ["open", "gap", "salvage"]),
        ("hoarding", GapCause.WORKER_CRASH, ["open", "open", "gap", "salvage", "salvage"]),
        ("dropping", GapCause.DROPPED, ["open", "close", "gap"]),
    ],
)
async def test_a_session_that_dies_leaves_a_gap_from_the_end_of_what_is_recorded(
    forkserver: Forkserver, behaviour: str, cause: GapCause, left: list[object]
) -> None:
    keeper = Notebook()
    async with running(forkserver, keeper, behaviour, SHORT):
        await keeper.until(lambda: len(keeper.kinds()) > len(left))
        facts = [fact for fact in keeper.facts if fact[0] != "terms"]
        assert keeper.kinds()[: len(left) + 1] == [*left, "open"]
        assert next(fact for fact in facts if fact[0] == "gap")[:3] == ("gap", cause, True)


async def test_a_flood_is_the_end_of_the_one_that_floods(forkserver: Forkserver) -> None:
    keeper = Notebook()
    async with running(forkserver, keeper, "flooding") as runner:
        await keeper.until(keeper.gaps)
        assert "messages a second" in runner.view.came_back


async def test_a_worker_that_never_ends_is_killed_within_the_time_a_stop_may_take(forkserver: Forkserver) -> None:
    keeper = Notebook()
    runner = runner_of(forkserver, keeper, "stubborn", Limits())
    task = asyncio.create_task(runner.run())
    await keeper.until(lambda: ("open", 1) in keeper.facts)
    began_s = time.monotonic()
    await runner.stop(None)
    assert time.monotonic() - began_s < STOP_WITHIN_S
    await task
    assert keeper.kinds() == ["open", "salvage"]


async def test_stop_while_a_process_is_being_made(forkserver: Forkserver) -> None:
    keeper = Notebook()
    runner = runner_of(forkserver, keeper, "obedient")
    task = asyncio.create_task(runner.run())
    await keeper.until(lambda: ("terms",) in keeper.facts)
    await runner.stop(GapCause.DISABLED)
    await task
    assert keeper.facts == [("terms",), ("gap", GapCause.DISABLED, False, "")]


async def test_the_next_session_does_not_wait_for_what_the_last_one_left(forkserver: Forkserver) -> None:
    """L1, L4: salvage reads and hashes, after what others left."""
    keeper = Notebook()
    keeper.hashing.clear()
    async with running(forkserver, keeper, "crashing"):
        await keeper.until(lambda: keeper.kinds().count("open") >= 3)
        assert "salvage" not in keeper.kinds()
        keeper.hashing.set()
        await keeper.until(lambda: {("salvage", 1), ("salvage", 2)} <= set(keeper.facts))


async def test_a_grant_that_cannot_be_delivered_leaves_no_row_open(
    forkserver: Forkserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = WorkerProcess.send
    monkeypatch.setattr(WorkerProcess, "send", lambda worker, m: not isinstance(m, Granted) and send(worker, m))
    keeper = Notebook()
    async with running(forkserver, keeper, "obedient") as runner:
        await keeper.until(lambda: ("salvage", 1) in keeper.facts)
        assert "does not hear" in runner.view.came_back
        assert runner.view.cause is GapCause.WORKER_CRASH
    assert keeper.kinds()[:3] == ["open", "gap", "salvage"]


async def test_what_cannot_be_true_costs_only_the_worker_that_said_it(
    forkserver: Forkserver, caplog: pytest.LogCaptureFixture
) -> None:
    untrue = NotOpen("segment 1 is destroyed already", "the camera's worker must be started anew")
    keeper = Notebook(failing={"close": untrue})
    async with running(forkserver, keeper, "overlapping") as runner:
        await keeper.until(lambda: ("salvage", 1) in keeper.facts)
        assert runner.view.cause is GapCause.BAD_DATA
    assert "segment 1 is dropped, because it cannot be true" in caplog.text


async def test_a_segment_refused_by_the_keeper_is_a_gap_and_the_camera_stays_connected(forkserver: Forkserver) -> None:
    keeper = Notebook(answer=GapCause.DISK_FULL)
    async with running(forkserver, keeper, "obedient") as runner:
        await keeper.until(lambda: keeper.kinds().count("refused") >= 3)
        assert runner.view.phase is Phase.HELD_BACK
        assert runner.view.cause is GapCause.DISK_FULL
        keeper.answer = None
        await keeper.until(lambda: "open" in keeper.kinds())
        assert runner.view.connected is not None
    assert keeper.facts.count(("terms",)) == 1
    assert keeper.gaps() == [GapCause.DISK_FULL]


async def test_an_abandoned_segment_is_followed_by_the_next(forkserver: Forkserver) -> None:
    keeper = Notebook()
    async with running(forkserver, keeper, "abandoning"):
        await keeper.until(lambda: ("open", 2) in keeper.facts)
    assert keeper.kinds() == ["open", "gap", "salvage", "open", "close"]
    assert keeper.gaps() == [GapCause.DISK_FULL]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), GapCause.DISK_FULL),
        (WriteFailed("the database could not be written", "check the disk"), GapCause.IO_ERROR),
        (ZeroDivisionError("a defect"), GapCause.IO_ERROR),
    ],
)
async def test_a_keeper_that_fails_costs_segments_but_no_runner(
    forkserver: Forkserver, error: Exception, cause: GapCause, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Notebook(failing={"open": error})
    async with running(forkserver, keeper, "obedient") as runner:
        await keeper.until(lambda: keeper.gaps() and keeper.failures >= 3)
        assert runner.view.cause is cause
        del keeper.failing["open"]
        await keeper.until(lambda: "open" in keeper.kinds())
    assert keeper.facts.count(("terms",)) == 1
    assert [r for r in caplog.records if "cannot be entered" in r.getMessage()] == [
        r for r in caplog.records if r.levelno == logging.ERROR
    ]
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 1


async def test_facts_that_cannot_be_entered_now_are_entered_later_in_their_order(forkserver: Forkserver) -> None:
    failed = WriteFailed("the database could not be written", "check the disk")
    keeper = Notebook(failing={"close": failed, "gap": failed, "salvage": failed})
    async with running(forkserver, keeper, "dropping"):
        await keeper.until(lambda: keeper.failures >= 3)
        assert keeper.kinds() == ["open"]
        keeper.failing = {}
        await keeper.until(lambda: keeper.kinds().count("open") >= 2)
    # Salvage runs beside, in whatever order.
    assert [kind for kind in keeper.kinds() if kind != "salvage"][:4] == ["open", "close", "gap", "open"]
    # The close came too late for the session to count as closed, hence the salvage, asked for until it is done.
    assert ("salvage", 1) in keeper.facts


async def test_a_fact_that_waits_needs_no_other_fact_to_be_entered(forkserver: Forkserver) -> None:
    keeper = Notebook(failing={"close": WriteFailed("the database could not be written", "check the disk")})
    async with running(forkserver, keeper, "overlapping") as runner:
        await keeper.until(lambda: keeper.failures)
        del keeper.failing["close"]
        await keeper.until(lambda: ("close", 1) in keeper.facts)
        assert runner.view.phase is Phase.RECORDING
    # The first close came too late to count, hence the salvage.
    assert keeper.kinds() == ["open", "open", "close", "close", "salvage"]


async def test_terms_reach_the_worker_and_its_next_segment(forkserver: Forkserver) -> None:
    keeper = Notebook()
    async with running(forkserver, keeper, "obedient") as runner:
        await keeper.until(lambda: ("open", 1) in keeper.facts)
        runner.set_terms(Terms("volume", "/volume", 60, 3600, 2, synced=True))
        runner.cut("clock step")
        await keeper.until(lambda: ("open", 2) in keeper.facts)
    assert [opening.terms.epoch for opening in keeper.openings] == [1, 2]


async def test_a_start_that_is_too_long_is_told_and_harms_nobody(forkserver: Forkserver) -> None:
    keeper = Notebook()
    settings = CameraSettings(CAMERA, "rtsp://camera/" + "x" * 70_000, "viewer", SECRET, 1000, 100)
    runner = CameraRunner(settings, Backlog(CAMERA, keeper), shared(forkserver), SHORT)
    task = asyncio.create_task(runner.run())
    await keeper.until(keeper.gaps)
    assert runner.view.cause is GapCause.UNSUPPORTED
    await runner.stop(None)
    await task


async def test_one_flooding_camera_does_not_delay_another(forkserver: Forkserver) -> None:
    bad, good = Notebook(), Notebook()
    async with running(forkserver, good, "obedient") as runner, running(forkserver, bad, "flooding"):
        await good.until(lambda: ("open", 1) in good.facts)
        await bad.until(lambda: bad.facts.count(("terms",)) >= 3)
        assert runner.view.phase is Phase.RECORDING
    assert good.kinds() == ["open", "close"]


async def test_who_watches_a_camera_sees_it_until_its_session_ends(forkserver: Forkserver) -> None:
    keeper = Notebook()
    async with running(forkserver, keeper, "handing_out") as runner:
        assert [handed async for handed in runner.watch(Kind.ALL)] == [], "there is no session yet"
        await keeper.until(lambda: ("open", 1) in keeper.facts)
        with runner.watch(Kind.KEY) as watching:
            assert isinstance(await anext(watching), Tracks)
            packet = await anext(watching)
            assert isinstance(packet, Packet)
            assert packet.key
            await runner.stop(None)
            async with asyncio.timeout(PATIENCE_S):
                assert all([isinstance(handed, Packet) async for handed in watching])
    assert keeper.kinds() == ["open", "close"]


async def test_a_runner_that_is_cancelled_leaves_no_process(forkserver: Forkserver) -> None:
    keeper = Notebook()
    runner = runner_of(forkserver, keeper, "stubborn")
    task = asyncio.create_task(runner.run())
    await keeper.until(lambda: ("open", 1) in keeper.facts)
    task.cancel()
    await asyncio.wait([task])
    await nothing_but_helpers(forkserver)


async def test_thirty_starts_and_stops_leak_nothing(forkserver: Forkserver) -> None:
    async def cycle(number: int) -> None:
        keeper = Notebook()
        async with running(forkserver, keeper, ("obedient", "crashing", "dropping")[number % 3]):
            await keeper.until(lambda: ("open", 1) in keeper.facts)

    await cycle(0)
    await nothing_but_helpers(forkserver)
    before, open_before = counted(), descriptors()
    for number in range(30):
        await cycle(number)
    await nothing_but_helpers(forkserver)
    assert counted() == before
    assert_nothing_is_left_open(open_before)


def counted() -> tuple[int, int, list[int]]:
    return threading.active_count(), len(asyncio.all_tasks()), children_of(os.getpid())


async def nothing_but_helpers(forkserver: Forkserver) -> None:
    """Workers that were stopped are gone and reaped."""
    assert forkserver.pid is not None
    async with asyncio.timeout(PATIENCE_S):
        while children_of(forkserver.pid):  # noqa: ASYNC110  (of another process, nobody tells)
            await asyncio.sleep(0.01)


async def test_a_worker_that_reads_where_nothing_is_ends_by_sigsegv_and_the_gap_says_so(
    forkserver: Forkserver,
) -> None:
    keeper = Notebook()
    async with running(forkserver, keeper, "faulting"):
        await keeper.until(keeper.gaps)
    assert "its recording process was ended by SIGSEGV" in str(next(f for f in keeper.facts if f[0] == "gap")[3])


async def test_a_pause_is_told_as_far_as_it_lies_within_the_session(forkserver: Forkserver) -> None:
    keeper = Notebook()
    async with running(forkserver, keeper, "pausing") as runner:
        await keeper.until(lambda: any(fact[0] == "hole" for fact in keeper.facts))
        assert runner.view.cause is None
    (hole,) = [fact for fact in keeper.facts if fact[0] == "hole"]
    assert 0 < int(str(hole[1])) < 20_000
    assert "the camera sent no picture and went on" in str(hole[2])


async def test_what_a_runner_leaves_is_worked_off_by_its_desk_and_by_the_next_runner(forkserver: Forkserver) -> None:
    """A reload replaces the runner: neither facts that wait nor segments that cannot be salvaged yet are forgotten."""
    keeper = Notebook(failing={"close": WriteFailed("no space", "make some")})
    keeper.hashing.clear()
    desk = Backlog(CAMERA, keeper)
    runner = runner_of(forkserver, keeper, "crashing", desk=desk)
    task = asyncio.create_task(runner.run())
    await keeper.until(lambda: "gap" in keeper.kinds())
    await runner.stop(GapCause.RELOAD)
    await task
    second = runner_of(forkserver, keeper, "obedient", desk=desk)
    task = asyncio.create_task(second.run())
    await keeper.until(lambda: len(keeper.openings) >= 2)
    await second.stop(GapCause.DISABLED)
    await task
    desk.keep_trying()
    assert not desk.is_clear
    assert not {"salvage", "close"} & set(keeper.kinds())
    keeper.failing.clear()
    keeper.hashing.set()
    await keeper.until(lambda: {"salvage", "close"} <= set(keeper.kinds()))
    async with asyncio.timeout(PATIENCE_S):
        while not desk.is_clear:  # noqa: ASYNC110  (it tells nobody)
            await asyncio.sleep(0.01)
    await desk.finish(0)


async def test_terms_that_change_while_a_process_is_made_reach_it(
    forkserver: Forkserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawn = Forkserver.spawn
    later = msgspec.structs.replace(TERMS, floor_s=61)

    async def spawn_late(server: Forkserver, *how: Any) -> WorkerProcess:
        runner.set_terms(later)
        return await spawn(server, *how)

    monkeypatch.setattr(Forkserver, "spawn", spawn_late)
    keeper = Notebook()
    async with running(forkserver, keeper, "obedient") as runner:
        await keeper.until(lambda: keeper.openings)
        runner.cut("test")
        await keeper.until(lambda: len(keeper.openings) >= 2)
        assert keeper.openings[-1].terms == later


async def test_a_worker_that_cannot_be_told_to_cut_is_replaced(
    forkserver: Forkserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would go on recording as if the clock had not been set."""
    send = WorkerProcess.send
    monkeypatch.setattr(WorkerProcess, "send", lambda worker, m: not isinstance(m, Cut) and send(worker, m))
    keeper = Notebook()
    async with running(forkserver, keeper, "obedient") as runner:
        await keeper.until(lambda: keeper.openings)
        runner.cut("clock step")
        await keeper.until(keeper.gaps)
    assert "does not hear" in str(next(f for f in keeper.facts if f[0] == "gap")[3])
