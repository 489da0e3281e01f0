"""A group: real processes that connect to cameras and hand them over to one that reads them. The daemon is played."""

from __future__ import annotations

import array
import fcntl
import mmap
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec
import pytest

from recorder.words.messages import PLACE, Abandoned, Closed, Ended, Opening, Stats, Stop
from storage.words.model import GapCause
from tests.support import footage, frames
from tests.support.fault_camera import FaultCamera
from tests.support.footage import SMALL, Sound
from tests.support.resources import held
from tests.support.rtsp import Account
from tests.support.waiting import wait_until
from tests.support.worker import DEADLINE_S, Child, make_start, make_volume

ROOT: Final = Path(__file__).parents[4]
VIEWER: Final = Account("viewer", "Geheim-7%k/ü:1", qop="auth")
READING: Final = "from recorder.worker.group import main"
SPINNING: Final = """
from recorder.rtsp.source import RtspSource
from recorder.worker import reader
from recorder.worker.group import main
reader.TURN_S = 0.1
take = RtspSource.take
def spin(source, out):
    drained = take(source, out)
    while source.udp and out:
        pass
    return drained
RtspSource.take = spin
"""
"""Its parser never comes to an end with what comes over UDP."""


class Group:
    """A group's process and the daemon's ends of its intake and its page."""

    def __init__(self, body: str = READING) -> None:
        self.intake, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        program = f"{body}\nimport socket, sys; main(socket.socket(fileno=int(sys.argv[1])))"
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", program, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        descriptor = os.memfd_create("turn")
        os.ftruncate(descriptor, mmap.PAGESIZE)
        self.page = mmap.mmap(descriptor, mmap.PAGESIZE)
        self.hand_in(b"page", descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.intake.close()
        self.process.kill()
        self.process.wait()
        self.page.close()

    def hand_in(self, data: bytes, *descriptors: int) -> None:
        """Here these are closed."""
        along = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        self.intake.sendmsg([data], along)
        for descriptor in descriptors:
            os.close(descriptor)

    @property
    def turn(self) -> int:
        (number,) = PLACE.unpack_from(self.page, 0)
        return int(number)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def group(stack: ExitStack) -> Group:
    return stack.enter_context(Group())


class Members:
    """Cameras, each with a session whose process hands it over."""

    def __init__(self, stack: ExitStack, folder: Path, intake: int) -> None:
        self._stack, self._folder, self._intake = stack, folder, intake
        self._number = 0

    def add(self, url: str, account: Account | None = None, segment_ms: int = 1_000) -> Child:
        self._number += 1
        volume = make_volume(self._folder / f"{self._number}")
        user, password = (account.user, account.password) if account else ("", "")
        start = make_start(volume, url, segment_ms=segment_ms, username=user, password=password)
        child = self._stack.enter_context(Child(volume))
        child.send(msgspec.structs.replace(start, place=self._number), self._intake)
        return child

    def camera(self, *, udp: bool = False, account: Account | None = None) -> FaultCamera:
        clip = footage.clip(replace(SMALL, gop=25))
        camera = FaultCamera(clip, footage.clip(Sound()), udp=udp, account=account, sender_reports_s=1)
        return self._stack.enter_context(camera)


@pytest.fixture
def members(stack: ExitStack, group: Group, tmp_path: Path) -> Members:
    return Members(stack, tmp_path, group.intake.fileno())


@pytest.fixture
def two(members: Members, group: Group) -> list[tuple[FaultCamera, Child]]:
    """Read by the group: one that wants a password, over TCP, and one that knows UDP only."""
    both = []
    for udp in (False, True):
        camera = members.camera(udp=udp, account=None if udp else VIEWER)
        both.append((camera, members.add(camera.url, camera.account)))
    for _, child in both:
        child.hear_until(Closed)
        assert child.process.wait(DEADLINE_S) == 0, "who connected has handed over, and is gone"
    assert group.process.poll() is None
    return both


def frames_lost(camera: FaultCamera, child: Child) -> list[str]:
    """Between the first that is on disk, and the last."""
    files = [frames.read(child.path(opening)) for opening in child.all(Opening)]
    found = frames.compare_video(camera.sent(), files)
    return found + [fault for file in files for fault in frames.file_faults(file)]


def goes_on(camera: FaultCamera, child: Child) -> None:
    """It is recorded, in the same session; then it is stopped, and all is there."""
    closed = len(child.all(Closed))
    while len(child.all(Closed)) < closed + 2:
        child.hear_until(Closed)
    child.send(Stop())
    assert child.hear_all().cause is None
    assert child.all(Abandoned) == []
    assert camera.runs == 1
    assert frames_lost(camera, child) == []


def test_two_cameras_are_read_by_one_process_and_no_frame_is_lost(
    two: list[tuple[FaultCamera, Child]], group: Group
) -> None:
    """It ends with the last of them, once nobody can hand anything over any more."""
    for camera, child in two:
        goes_on(camera, child)
        wait_until(lambda camera=camera: camera.requests[-1] == "TEARDOWN", DEADLINE_S, "the camera is told")  # type: ignore[misc]
    assert group.process.poll() is None
    group.intake.close()
    assert group.process.wait(DEADLINE_S) == 0


def test_it_goes_on_when_nobody_hands_over_any_more_until_the_last_is_over(
    two: list[tuple[FaultCamera, Child]], group: Group
) -> None:
    group.intake.close()
    for camera, child in two:
        assert group.process.poll() is None
        goes_on(camera, child)
    assert group.process.wait(DEADLINE_S) == 0


@pytest.mark.parametrize("ends", [0, 1])
def test_a_camera_that_leaves_leaves_alone(two: list[tuple[FaultCamera, Child]], ends: int) -> None:
    camera, child = two[ends]
    camera.go()
    ended = child.hear_until(Ended)
    assert ended.cause is GapCause.DROPPED
    assert child.hear() is None
    assert frames_lost(camera, child) == []
    goes_on(*two[1 - ends])


def test_one_of_which_the_daemon_lets_go_is_closed_and_can_be_salvaged(two: list[tuple[FaultCamera, Child]]) -> None:
    (camera, child), other = two
    child.sock.close()
    wait_until(lambda: camera.sessions() == 0, DEADLINE_S, "the camera is let go of")
    for path in child.volume.rglob("*.part"):
        with path.open("rb") as file:
            wait_until(lambda file=file: is_unlocked(file.fileno()), DEADLINE_S, "its file is let go of")  # type: ignore[misc]
    goes_on(*other)


def is_unlocked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def test_sessions_that_come_and_go_leave_nothing_behind(members: Members, group: Group) -> None:
    camera = members.camera()

    seen = set()
    for _ in range(3):
        child = members.add(camera.url, segment_ms=60_000)
        child.hear_until(Stats)
        child.send(Stop())
        child.hear_all()
        wait_until(lambda: held(group.process.pid).threads == 1, DEADLINE_S, "its threads have ended")
        seen.add(held(group.process.pid).descriptors)
    assert len(seen) == 1


def test_what_is_handed_in_and_makes_no_sense_harms_nobody(two: list[tuple[FaultCamera, Child]], group: Group) -> None:
    """A socket that comes with it is closed, by which its daemon learns that nobody reads."""
    before = held(group.process.pid).descriptors
    group.hand_in(b"session")
    group.hand_in(b"session", os.open(os.devnull, os.O_RDONLY))
    ours = []
    for descriptors in (0, 1, 2):
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        page = os.memfd_create("session")
        os.write(page, os.urandom(100))
        group.hand_in(
            b"session", theirs.detach(), page, *(os.open(os.devnull, os.O_RDONLY) for _ in range(descriptors))
        )
        ours.append(mine)
    for mine in ours:
        with mine:
            mine.settimeout(DEADLINE_S)
            assert mine.recv(1) == b""
    assert held(group.process.pid).descriptors == before
    for camera, child in two:
        goes_on(camera, child)


@pytest.mark.parametrize("url", ["", "test://?size=320x180&gop=0.4"])
def test_what_no_group_takes_is_read_where_it_was_connected(stack: ExitStack, tmp_path: Path, url: str) -> None:
    """The group is gone; or it is no stream that can be handed over."""
    gone, intake = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if not url:
        gone.close()
    with gone, intake:
        members = Members(stack, tmp_path, intake.fileno())
        camera = members.camera()
        child = members.add(url or camera.url)
        for _ in range(2):
            child.hear_until(Closed)
        assert child.process.poll() is None
        child.send(Stop())
        assert child.hear_all().cause is None
        assert url or frames_lost(camera, child) == []


def test_a_parser_that_never_ends_is_ended_and_the_page_says_in_whose_turn(stack: ExitStack, tmp_path: Path) -> None:
    group = stack.enter_context(Group(SPINNING))
    members = Members(stack, tmp_path, group.intake.fileno())
    healthy, spins = members.camera(), members.camera(udp=True)
    child = members.add(healthy.url)
    child.hear_until(Closed)
    assert group.turn == 0
    poisonous = members.add(spins.url)
    assert group.process.wait(DEADLINE_S) == -signal.SIGVTALRM
    assert group.turn == 2
    for one in (child, poisonous):
        one.answering = False
        while one.hear() is not None:
            pass
        assert one.all(Ended) == []


@pytest.mark.parametrize("said", ["nothing", "no page"])
def test_without_a_page_it_does_not_begin(said: str) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    program = f"{READING}\nimport socket, sys; main(socket.socket(fileno=int(sys.argv[1])))"
    with ours, theirs:
        if said == "no page":
            ours.send(b"page")
        ours.shutdown(socket.SHUT_WR)
        command = [sys.executable, "-c", program, str(theirs.fileno())]
        assert subprocess.run(command, pass_fds=[theirs.fileno()], cwd=ROOT, check=False).returncode == 1
