"""Who is read beside whom, who is blamed when that ends, and that nothing is left over. Processes are made up."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.supervisor import groups as groups_module
from recorder.supervisor.groups import HUNG_S, MEMBERS_MAX, NUMBERS, STRIKES_MAX, Group, GroupPlace, Groups
from recorder.supervisor.processes import ChildProcess, Forkserver, NoProcess, WorkerProcess
from recorder.supervisor.state import Exited
from recorder.words import messages
from recorder.words.address import Target
from recorder.words.messages import PLACE, Ended
from tests.support.resources import assert_nothing_is_left_open, descriptors
from tests.support.worker import make_start

PLAIN: Final = Target.parse("rtsp://camera/stream1", "viewer")
SIGNAL: Final = -14
START: Final = make_start(Path("/nowhere"), "rtsp://camera/stream1")


class Process(ChildProcess):
    """Ends when it is told to."""

    def __init__(self) -> None:
        self.pid = 1
        self.gone = False
        self.killed = False
        self.on_exit = lambda: None
        self.code = asyncio.get_running_loop().create_future()

    def kill(self) -> None:
        self.killed = True

    def end(self, code: int | None = SIGNAL) -> None:
        self.gone = True
        self.code.set_result(code)
        self.on_exit()


class Made(Forkserver):
    """Makes them up."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[socket.socket] = []
        """The groups' ends of their sockets."""
        self.stillborn = False
        self.fails = False

    async def make_group(self) -> tuple[socket.socket, ChildProcess]:
        await asyncio.sleep(0)
        if self.fails:
            raise NoProcess("none today")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ends.append(theirs)
        process = Process()
        process.gone = self.stillborn
        return ours, process

    def close(self) -> None:
        for end in self.ends:
            end.close()


@dataclass
class Site:
    """Groups, and who entered."""

    forkserver: Made = field(default_factory=Made)

    def __post_init__(self) -> None:
        self.groups = Groups(self.forkserver)
        self.places: dict[str, GroupPlace] = {}

    async def enter(self, *cameras: str, read: bool = True) -> list[GroupPlace]:
        """With a place each."""
        for camera in cameras:
            place = await self.groups.enter(camera, PLAIN)
            assert place is not None, camera
            self.places[camera] = place
            if read:
                place.handed_over()
        return [self.places[camera] for camera in cameras]

    async def is_alone(self, camera: str) -> bool:
        """Asked without staying."""
        place = await self.groups.enter(camera, PLAIN)
        if place is not None:
            place.leave()
        return place is None

    def group(self, camera: str) -> Group:
        return self.places[camera]._group

    def end(self, camera: str, turn: str | None) -> None:
        """The process that reads this camera ends, in somebody's turn or in nobody's."""
        group = self.group(camera)
        PLACE.pack_into(group.page, 0, self.places[turn].number if turn else 0)
        process_of(group).end()

    def leave(self) -> None:
        for place in self.places.values():
            place.leave()
        self.places.clear()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    yield made
    made.leave()
    made.forkserver.close()


def process_of(group: Group) -> Process:
    assert isinstance(group.process, Process)
    return group.process


def a_pair() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    return ours, theirs


@contextmanager
def zombie() -> Iterator[int]:
    with subprocess.Popen(["/bin/true"]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        yield ended.pid


NAMES: Final = [f"camera-{number}" for number in range(MEMBERS_MAX + 1)]


async def test_so_many_share_a_process_and_the_next_one_begins_another(site: Site) -> None:
    places = await site.enter(*NAMES)
    assert len({site.group(name).process for name in NAMES[:MEMBERS_MAX]}) == 1
    assert site.group(NAMES[-1]).process is not site.group(NAMES[0]).process
    assert len({place.number for place in places}) == len(places)
    site.places.pop(NAMES[0]).leave()
    (again,) = await site.enter("another")
    assert again.intake == site.places[NAMES[1]].intake, "the place that became free"


async def test_those_that_come_while_a_process_is_made_wait_for_it(site: Site) -> None:
    await asyncio.gather(*(site.enter(name) for name in NAMES[:MEMBERS_MAX]))
    assert len(site.forkserver.ends) == 1


async def test_a_group_is_told_its_page_before_anything_else(site: Site) -> None:
    await site.enter("lobby")
    data, descriptor = messages.datagram(site.forkserver.ends[0])
    assert data
    with os.fdopen(descriptor, "r+b", buffering=0) as page:
        page.write(PLACE.pack(7))
    assert PLACE.unpack_from(site.group("lobby").page, 0) == (7,)


@pytest.mark.parametrize("url", ["rtsps://camera/stream1", "test://pattern"])
async def test_what_cannot_be_handed_over_is_read_alone(site: Site, url: str) -> None:
    assert await site.groups.enter("lobby", Target.parse(url, "")) is None
    assert site.forkserver.ends == []


async def test_a_group_that_ended_takes_nobody_in(site: Site) -> None:
    await site.enter("lobby", "stairs")
    process_of(site.group("lobby")).gone = True  # which was not told yet
    first = site.group("lobby")
    await site.enter("gate")
    assert site.group("gate") is not first
    site.end("lobby", "stairs")
    await site.enter("yard")
    assert site.group("yard") is site.group("gate")


async def test_a_group_that_was_killed_and_still_waits_for_a_disk_takes_nobody_in(site: Site) -> None:
    await site.enter("lobby")
    process_of(site.group("lobby")).kill()
    await site.enter("gate")
    assert site.group("gate") is not site.group("lobby")


async def test_a_group_whose_first_thread_is_gone_takes_nobody_in(site: Site) -> None:
    """As one that was killed from outside: nobody tells of that while another thread waits for a disk."""
    await site.enter("lobby")
    with zombie() as pid:
        process_of(site.group("lobby")).pid = pid
        await site.enter("gate")
    assert site.group("gate") is not site.group("lobby")


async def test_whose_process_was_left_behind_is_read_alone_until_it_is_gone(site: Site) -> None:
    """Also by the next runner of this camera: a reload, or a reconnect that the centre asked for."""
    await site.enter("gate")
    process, (ours, theirs) = Process(), a_pair()
    closed = asyncio.Event()
    worker = WorkerProcess(process, ours, lambda: None, None, closed.set)
    site.groups.leave_behind("lobby", worker)
    messages.send(theirs, Ended(None))
    assert await site.is_alone("lobby")
    assert not await site.is_alone("gate")
    process.end()
    await asyncio.sleep(0.01)
    assert await site.is_alone("lobby"), "its socket is open still"
    theirs.close()
    await closed.wait()
    assert not await site.is_alone("lobby")
    assert ours.fileno() == -1


@pytest.mark.parametrize("reads", [True, False])
async def test_a_session_that_was_handed_to_a_group_that_reads_no_more_is_over(site: Site, *, reads: bool) -> None:
    """Nobody takes it in there, and its socket stays open as long as that group waits for its disk."""
    await site.enter("lobby", read=False)
    process, (ours, theirs) = Process(), a_pair()
    woken = asyncio.Event()
    worker = WorkerProcess(process, ours, woken.set, None, lambda: None)
    with ours, theirs:
        worker.begin(START, site.places["lobby"])
        os.close(messages.datagram(theirs)[1])
        if not reads:
            process_of(site.group("lobby")).kill()
        messages.send(theirs, Ended(None))
        process.end(0)
        while (said := worker.take()) is None:
            woken.clear()
            await woken.wait()
        assert said == Ended(None), "what it had said is heard"
        assert worker.take() is None
        assert worker.over != reads
        worker.abandon()


async def test_one_that_is_gone_before_anybody_looks_is_no_process(site: Site) -> None:
    before = descriptors()
    site.forkserver.stillborn = True
    with pytest.raises(NoProcess):
        await site.groups.enter("lobby", PLAIN)
    site.forkserver.stillborn = False
    site.forkserver.close()
    assert_nothing_is_left_open(before)
    await site.enter("lobby")


async def test_no_process_is_said_whatever_is_lacking(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    before = descriptors()
    site.forkserver.fails = True
    with pytest.raises(NoProcess):
        await site.groups.enter("lobby", PLAIN)

    def memfd_create(name: str, flags: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "memfd_create", memfd_create)
    with pytest.raises(NoProcess):
        await site.groups.enter("lobby", PLAIN)
    assert_nothing_is_left_open(before)


async def test_who_ends_a_group_in_its_turn_twice_is_read_alone_from_then_on(site: Site) -> None:
    for _ in range(STRIKES_MAX):
        assert not await site.is_alone("bad")
        await site.enter("lobby", "bad", "stairs")
        site.end("lobby", "bad")
        verdicts = {name: await place.verdict() for name, place in site.places.items()}
        assert verdicts == {
            "lobby": Exited(SIGNAL, by_another=True),
            "bad": Exited(SIGNAL),
            "stairs": Exited(SIGNAL, by_another=True),
        }
        site.leave()
    assert await site.is_alone("bad")
    assert await site.is_alone("bad")
    assert not await site.is_alone("lobby")


async def test_in_nobodys_turn_nobody_is_blamed_and_all_count_it_as_their_failure(site: Site) -> None:
    for _ in range(STRIKES_MAX):
        await site.enter("lobby", "stairs")
        site.end("lobby", None)
        assert await site.places["lobby"].verdict() == await site.places["stairs"].verdict() == Exited(SIGNAL)
        site.leave()
    assert not await site.is_alone("lobby")
    assert not await site.is_alone("stairs")


async def test_nobody_is_blamed_for_the_turn_of_one_that_has_left(site: Site) -> None:
    for _ in range(STRIKES_MAX):
        await site.enter("lobby", "left")
        left = site.places.pop("left")
        left.leave()
        PLACE.pack_into(site.group("lobby").page, 0, left.number)
        process_of(site.group("lobby")).end()
        assert await site.places["lobby"].verdict() == Exited(SIGNAL, by_another=True)
        site.leave()
    assert not await site.is_alone("lobby")
    assert not await site.is_alone("left")


async def test_numbers_begin_again_and_pass_over_those_in_use(site: Site) -> None:
    (kept,) = await site.enter("kept")
    assert kept.number == 1
    site.groups._number = NUMBERS - 2
    assert [place.number for place in await site.enter("a", "b", "c")] == [NUMBERS - 1, 2, 3]
    assert set(site.group("kept").members) == {1, NUMBERS - 1, 2, 3}


async def test_a_group_without_sessions_is_ended(site: Site) -> None:
    before = descriptors()
    await site.enter("lobby", "stairs")
    group, (end,) = site.group("lobby"), site.forkserver.ends
    os.close(messages.datagram(end)[1])
    site.places.pop("lobby").leave()
    assert not process_of(group).killed
    stairs = site.places.pop("stairs")
    stairs.leave()
    stairs.leave()
    assert process_of(group).killed
    assert messages.datagram(end)[0] == b"", "and no other end of its socket is left"
    await site.enter("gate")
    assert site.group("gate") is not group
    process_of(group).end()
    site.leave()
    site.forkserver.close()
    assert_nothing_is_left_open(before)


async def test_a_session_without_last_words_in_a_group_that_goes_on(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.enter("lobby", "stairs")
    monkeypatch.setattr(groups_module, "ENDING_S", 0)
    assert await site.places["lobby"].verdict() == Exited(None)


async def test_nobody_is_left_who_could_say_how_it_ended(site: Site) -> None:
    await site.enter("lobby", "bad")
    PLACE.pack_into(site.group("lobby").page, 0, site.places["bad"].number)
    process_of(site.group("lobby")).end(None)
    assert await site.places["lobby"].verdict() == Exited(None, by_another=True)


@pytest.mark.parametrize(
    ("read_s", "heard_s", "ends"),
    [
        (None, None, False),  # it connects: whoever is read there owes it nothing
        (0, None, True),
        (HUNG_S, None, False),
        (0, 1, False),
        (-100, 0, True),
    ],
)
async def test_a_group_of_which_nothing_is_heard_is_ended(
    site: Site, read_s: float | None, heard_s: float | None, ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, now_s = asyncio.get_running_loop(), 1_000.0
    monkeypatch.setattr(loop, "time", lambda: now_s)
    await site.enter("lobby", "stairs", read=False)
    if read_s is not None:
        now_s = 1_000 + read_s
        site.places["lobby"].handed_over()
    if heard_s is not None:
        now_s = 1_000 + heard_s
        site.places["stairs"].handed_over()
        site.places["stairs"].heard()
    now_s = 1_000 + HUNG_S
    site.places["lobby"].suspect()
    assert process_of(site.group("lobby")).killed == ends


class Walk(Site):
    """Knows what must be."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.groups._number = NUMBERS - MEMBERS_MAX
        self.strikes: Counter[str] = Counter()

    async def step(self, what: str, camera: str, other: str) -> None:
        if what == "enter":
            if camera not in self.places:
                await self.come(camera)
        elif camera in self.places:
            place = self.places[camera]
            match what:
                case "read":
                    place.handed_over()
                case "leave":
                    self.places.pop(camera).leave()
                case "gone":
                    process_of(self.group(camera)).gone = True
                case "end" if not self.group(camera).ended.is_set():
                    self.strikes.update(self.to_blame(self.group(camera), self.places.get(other)))
                    self.end(camera, other if other in self.places else None)
        self.check()

    async def come(self, camera: str) -> None:
        place = await self.groups.enter(camera, PLAIN)
        assert (place is None) == (self.strikes[camera] >= STRIKES_MAX)
        if place is not None:
            assert place.intake >= 0
            self.places[camera] = place

    def to_blame(self, group: Group, turn: GroupPlace | None) -> list[str]:
        own = [(name, place) for name, place in self.places.items() if self.group(name) is group]
        return [name for name, place in own if turn is not None and place.number == turn.number]

    def check(self) -> None:
        groups = self.groups._groups
        assert all(0 < len(group.members) <= MEMBERS_MAX for group in groups)
        members = [(place.camera, number, group) for group in groups for number, place in group.members.items()]
        there = [
            (name, place.number, self.group(name))
            for name, place in self.places.items()
            if not self.group(name).ended.is_set()
        ]
        assert sorted(members, key=lambda one: one[0]) == sorted(there, key=lambda one: one[0])


CAMERAS = st.integers(0, 3 * MEMBERS_MAX).map(str)
STEPS = st.lists(
    st.tuples(st.sampled_from(["enter", "enter", "enter", "read", "leave", "end", "gone"]), CAMERAS, CAMERAS),
    max_size=60,
)


@given(steps=STEPS)
def test_whoever_comes_goes_and_ends(steps: list[tuple[str, str, str]]) -> None:
    """None has too many, nobody is lost or in two, nobody who is to be alone is beside others, nothing is left over."""

    async def walk() -> None:
        before, site = descriptors(), Walk()
        for step in steps:
            await site.step(*step)
        site.leave()
        assert site.groups._groups == []
        site.forkserver.close()
        assert_nothing_is_left_open(before)

    asyncio.run(walk())
