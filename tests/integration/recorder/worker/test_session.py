"""recorder.worker.session: several sessions in one process, and however one of them ends, the others go on.

The process is this one: reader, host and disk threads are a group's own; the cameras are made up, and the daemon is
played.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar, cast

import msgspec
import pytest

from recorder.words import messages
from recorder.words.messages import (
    Abandoned,
    Closed,
    Connected,
    Cut,
    Ended,
    FromWorker,
    Granted,
    Hole,
    Kind,
    Opening,
    Stats,
    Stop,
    Watch,
    WireMessage,
)
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Codec, Item, Reading, Unit, Video
from recorder.worker import recording
from recorder.worker import session as subject
from recorder.worker.group import _Group
from recorder.worker.session import Session
from storage.segments.segment_file import SegmentFile
from storage.words.clock import SystemClock
from storage.words.layout import part_path, segment_path
from storage.words.message import Message
from storage.words.model import GapCause
from tests.support.resources import assert_nothing_is_left_open, descriptors
from tests.support.session import MadeSource
from tests.support.units import parameters
from tests.support.worker import make_start, make_terms, make_volume, receive_report

M = TypeVar("M", bound=WireMessage)

WITHIN_S: Final = 20.0
BEAT_S: Final = 0.02
FRAME_S: Final = 0.02
SETS: Final = parameters(b"a")
SECRET: Final = "s3cret-p4ss"
NAMES: Final = ("lobby", "stairs", "gate")


class Film(MadeSource):
    """A camera that sends fifty pictures a second, every tenth a key frame, until told otherwise."""

    def __init__(self) -> None:
        super().__init__(Video(Codec.H264, 90_000, SETS), nap_s=0.05)
        self.began_s = time.monotonic()
        self.sent = 0
        self.closed = False
        self.paused = False
        self.befalls: Callable[[], None] = lambda: None
        """When the next is taken, after it came."""

    def take(self, out: list[Item]) -> bool:
        while not self.paused and self.began_s + self.sent * FRAME_S <= time.monotonic():
            key = self.sent % 10 == 0
            data = len(b"\x65x").to_bytes(4, "big") + b"\x65x"
            out.append(Unit(True, self.sent * round(FRAME_S * 90_000), 0, key, data, SETS if key else None))
            self.sent += 1
        self.befalls()
        return True

    def close(self) -> None:
        self.closed = True


class Metronome:
    """Keeps the reader from sleeping for ever, so that a test that fails comes to an end. A session to it."""

    def __init__(self) -> None:
        self.sock, self._other = socket.socketpair()
        self.start = make_start(Path("/nowhere"), "rtsp://10.0.0.1/x")
        self.due_s = 0.0
        self.live = False

    def serve(self, now_s: float, _: object) -> None:
        self.due_s = now_s + BEAT_S

    def wake_disk(self) -> None:
        """It has nothing."""

    def close(self) -> None:
        self.sock.close()
        self._other.close()


class Member:
    """A session and the daemon's end of it, which grants every segment unless told otherwise."""

    def __init__(self, process: Process, name: str, volume: Path, tried_for_s: float) -> None:
        self.name, self.volume = name, volume
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.setblocking(False)
        self.said: list[FromWorker] = []
        self.over = False
        """Its socket is at its end."""
        self.granting = True
        self.film = Film()
        start = make_start(volume, "rtsp://10.0.0.1/x", segment_ms=60_000, username="viewer")
        self.session = Session(theirs, msgspec.structs.replace(start, camera=name), process, tried_for_s)
        process._reader.add(self.session)

    def play(self) -> None:
        self.session.play(self.film, time.monotonic())

    def send(self, message: WireMessage) -> None:
        messages.send(self.sock, message)

    def let_go(self) -> None:
        """The daemon is gone."""
        self.sock.close()
        self.over = True

    def hear(self) -> None:
        """All that was said."""
        with suppress(BlockingIOError):
            while not self.over:
                said = receive_report(self.sock)
                if said is None:
                    self.over = True
                    return
                self.said.append(said)
                if isinstance(said, Opening) and self.granting:
                    self.send(Granted(said.seq))

    def all(self, kind: type[M]) -> list[M]:
        return [one for one in self.said if isinstance(one, kind)]

    @property
    def ended(self) -> Ended | None:
        assert len(self.all(Ended)) <= 1
        return next(iter(self.all(Ended)), None)

    @property
    def frames(self) -> int:
        """As was reported."""
        return max((stats.video_frames for stats in self.all(Stats)), default=0)

    @property
    def kept(self) -> int:
        """In segments that are committed."""
        return sum(closed.video_frames for closed in self.all(Closed))

    @property
    def part(self) -> Path:
        """Of its first segment."""
        opening = self.all(Opening)[0]
        return self.volume / part_path(segment_path(self.name, opening.wall_ms, opening.seq))

    @property
    def has_written(self) -> bool:
        return bool(self.all(Opening)) and self.part.exists() and self.part.stat().st_size > 0


class Process(_Group):
    """A group whose sessions are made here."""

    def __init__(self, folder: Path) -> None:
        self.intake, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        super().__init__(theirs, mmap.mmap(-1, mmap.PAGESIZE))
        self.volume = make_volume(folder)
        self.members: list[Member] = []
        self.metronome = Metronome()
        self._reader.add(cast("Session", self.metronome))

    def member(self, name: str, tried_for_s: float = 0.0) -> Member:
        self.members.append(Member(self, name, self.volume, tried_for_s))
        return self.members[-1]

    def until(self, what: Callable[[], bool], told: str) -> None:
        """Let it read until then."""
        until_s = time.monotonic() + WITHIN_S
        while not what():
            assert time.monotonic() < until_s, f"{told}; { {one.name: one.said[-3:] for one in self.members} }"
            self._reader.turn()
            for member in self.members:
                member.hear()

    def close(self) -> None:
        for member in self.members:
            member.let_go()
        self.until(lambda: len(self._reader.sessions) == 1 and threads() == 0, "all is given back")
        for sock in (self.intake, self._intake):
            sock.close()
        self.metronome.close()
        os.close(self._reader._bell)

    def reads(self, member: Member) -> bool:
        return member.session in self._reader.sessions


def threads() -> int:
    """Of sessions: disk and goodbye."""
    return sum(thread.name.startswith(("disk ", "goodbye")) for thread in threading.enumerate())


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "TICK_S", 0.1)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    before = descriptors()
    made = Process(tmp_path / "volume")
    yield made
    made.close()
    assert_nothing_is_left_open(before)


@pytest.fixture
def three(process: Process) -> tuple[Member, Member, Member]:
    """All of them record."""
    one, two, last = (process.member(name) for name in NAMES)
    for member in (one, two, last):
        member.play()
    process.until(lambda: all(one.frames and one.has_written for one in process.members), "they record")
    return one, two, last


def go_on(process: Process, *members: Member) -> None:
    """They are recorded, without a word of an end, and what they recorded is whole."""
    before = {member.name: member.frames for member in members}
    process.until(lambda: all(one.frames > before[one.name] + 20 for one in members), "the others go on")
    for member in members:
        assert (member.over, member.ended, member.all(Abandoned)) == (False, None, [])
        member.send(Stop())
    process.until(lambda: all(member.over for member in members), "they are stopped")
    for member in members:
        assert member.ended is not None
        assert member.ended.cause is None
        assert member.kept == member.film.sent


# However one ends


def test_one_that_is_stopped_writes_what_it_has(process: Process, three: tuple[Member, Member, Member]) -> None:
    stopped, *others = three
    stopped.send(Stop())
    process.until(lambda: stopped.over, "it ends")
    assert stopped.ended == Ended(None, stopped.session._target.tried)
    assert stopped.said[-1] is stopped.ended
    assert stopped.kept == stopped.film.sent
    assert stopped.film.closed
    assert not process.reads(stopped)
    go_on(process, *others)


def test_one_whose_camera_leaves_keeps_what_came_before(process: Process, three: tuple[Member, Member, Member]) -> None:
    leaves, *others = three
    ended = Ended(GapCause.DROPPED, Message("tried"), Message("the camera left"))

    def leave() -> None:
        raise SessionEnded(ended)

    leaves.film.befalls = leave
    process.until(lambda: leaves.over, "it ends")
    assert leaves.ended == ended
    assert leaves.kept == leaves.film.sent, "also what came with the end"
    assert leaves.film.closed
    go_on(process, *others)


def test_one_whose_parser_fails_is_told_and_keeps_what_it_has(
    process: Process, three: tuple[Member, Member, Member], capfd: pytest.CaptureFixture[str]
) -> None:
    fails, *others = three
    before = fails.film.sent

    def stumble() -> None:
        raise RuntimeError(SECRET)

    fails.film.befalls = stumble
    process.until(lambda: fails.over, "it ends")
    assert fails.ended is not None
    assert fails.ended.cause is GapCause.WORKER_CRASH
    assert "RuntimeError" in fails.ended.came_back
    assert fails.kept >= before
    told = capfd.readouterr().err
    assert "stumble" in told
    assert SECRET not in f"{told}{fails.said}", "its text may hold a password"
    go_on(process, *others)


def test_one_that_cannot_even_end_is_let_go_of(
    process: Process, three: tuple[Member, Member, Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its socket closes without a last word, and what it wrote can be salvaged."""
    fails, *others = three

    def stumble(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(fails.session._recording, "feed", stumble)
    monkeypatch.setattr(fails.session._recording, "finish", stumble)
    process.until(lambda: fails.over, "it ends")
    assert fails.ended is None
    assert not process.reads(fails)
    unlocked(fails.part)
    go_on(process, *others)


def unlocked(path: Path) -> None:
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert file.read(), "something can be salvaged"


def test_one_whose_disk_thread_fails_is_let_go_of(
    process: Process, three: tuple[Member, Member, Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    fails, *others = three
    write = SegmentFile.write

    def stumbling(file: SegmentFile, data: bytes) -> int:
        if fails.name in str(file.path):
            raise RuntimeError
        return write(file, data)

    monkeypatch.setattr(SegmentFile, "write", stumbling)
    process.until(lambda: fails.over, "it ends")
    assert fails.ended is None
    assert fails.film.closed
    unlocked(fails.part)
    go_on(process, *others)


@pytest.mark.parametrize("how", ["closes", "talks nonsense", "starts it again"])
def test_one_of_which_the_daemon_lets_go_leaves_everything_for_salvage(
    process: Process, three: tuple[Member, Member, Member], how: str
) -> None:
    dropped, *others = three
    if how == "closes":
        dropped.let_go()
    elif how == "talks nonsense":
        dropped.sock.send(b"{}")
    else:
        dropped.send(dropped.session.start)
    process.until(lambda: dropped.session.sock.fileno() == -1, "it is let go of")
    assert not process.reads(dropped)
    assert dropped.film.closed
    assert (dropped.ended, dropped.kept) == (None, 0)
    unlocked(dropped.part)
    go_on(process, *others)


def test_one_whose_disk_hangs_says_why_it_ended_all_the_same(
    process: Process, three: tuple[Member, Member, Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its socket tells when the disk has let go of it."""
    monkeypatch.setattr(subject, "FINISH_S", 0.3)
    hangs, *others = three
    held, goes_on = threading.Event(), threading.Event()
    write = SegmentFile.write

    def hanging(file: SegmentFile, data: bytes) -> int:
        if hangs.name in str(file.path):
            held.set()
            goes_on.wait(WITHIN_S)
        return write(file, data)

    monkeypatch.setattr(SegmentFile, "write", hanging)
    process.until(held.is_set, "its disk hangs")
    hangs.send(Stop())
    process.until(lambda: hangs.ended is not None, "it says so")
    assert (hangs.over, hangs.kept) == (False, 0)
    assert process.reads(hangs)
    go_on(process, *others)
    goes_on.set()
    process.until(lambda: hangs.over, "its disk lets go of it")
    assert hangs.said[-1] is not hangs.ended, "what it wrote after all is committed"


def test_somebody_who_watches_shortens_nothing_of_the_end(process: Process) -> None:
    """What comes at the same waking as the daemon's word does not make it give up its disk."""
    member = process.member("lobby")
    member.play()
    camera, ours = socket.socketpair()
    watcher, theirs = socket.socketpair()
    with camera, ours, watcher, theirs:
        member.film.descriptors = (ours.fileno(),)
        messages.offer(member.sock, Watch(Kind.ALL), theirs.fileno())
        process.until(lambda: member.session.live and member.frames > 0, "somebody watches")
        camera.send(b"x")
        member.send(Stop())
        process.until(lambda: member.session.over, "it is told to stop")
        assert member.session.due_s > time.monotonic() + 1.0
        assert not member.session.live
        process.until(lambda: member.over, "it ends")
    assert member.kept == member.film.sent
    assert member.said[-1] is member.ended


# What it says meanwhile


def what_is_fed(member: Member, monkeypatch: pytest.MonkeyPatch) -> list[Reading]:
    """To the recording, look by look, instead of to the disk."""
    fed: list[Reading] = []
    monkeypatch.setattr(member.session._recording, "feed", lambda reading: fed.append(Reading(*reading)))
    return fed


@pytest.mark.parametrize("reads", [subject.READS_MAX - 1, subject.READS_MAX, 100])
def test_however_many_reads_a_look_takes_it_makes_one_fragment(
    process: Process, monkeypatch: pytest.MonkeyPatch, reads: int
) -> None:
    member = process.member("lobby")
    member.play()
    process.until(lambda: member.frames > 0, "it records")
    fed = what_is_fed(member, monkeypatch)
    left = reads

    def take(out: list[Item]) -> bool:
        nonlocal left
        out.append(Unit(False, left, 1, True, b""))
        left -= 1
        return left <= 0

    monkeypatch.setattr(member.film, "take", take)
    process.until(lambda: left <= 0, "it takes all")
    looks = -(-reads // subject.READS_MAX)
    assert [len(reading.items) for reading in fed[:-1]] == [subject.READS_MAX] * (looks - 1)
    assert [reading.waited for reading in fed] == [False] * (looks - 1) + [True]
    assert sum(len(reading.items) for reading in fed) == reads


def test_who_sends_very_much_that_is_very_small_takes_turns_with_the_others(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A buffer of the smallest units there are is a tenth of a second of the processor."""
    member = process.member("lobby")
    member.play()
    process.until(lambda: member.frames > 0, "it records")
    fed = what_is_fed(member, monkeypatch)
    unit = Unit(False, 0, 1, True, b"")
    monkeypatch.setattr(member.film, "take", lambda out: out.extend([unit] * subject.UNITS_MAX) or False)
    process.until(lambda: len(fed) > 1, "it takes some of it")
    assert [len(reading.items) for reading in fed[:2]] == [2 * subject.UNITS_MAX] * 2


def test_who_wants_to_watch_what_is_over_learns_that(process: Process) -> None:
    member = process.member("lobby")
    member.play()
    process.until(lambda: member.frames > 0, "it records")
    watcher, theirs = socket.socketpair()
    with watcher, theirs:
        member.send(Stop())
        messages.offer(member.sock, Watch(Kind.ALL), theirs.fileno())
        theirs.close()
        process.until(lambda: member.over, "it ends")
        assert watcher.recv(1) == b"", "the other end is closed"


def test_where_no_thread_can_be_had_to_take_leave_a_session_still_ends(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = process.member("lobby")
    member.play()
    process.until(lambda: member.frames > 0, "it records")
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "goodbye":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    member.send(Stop())
    process.until(lambda: member.over, "it ends")
    assert member.film.closed
    assert member.kept == member.film.sent
    assert member.said[-1] is member.ended


def test_counters_are_told_again_and_again(process: Process, three: tuple[Member, Member, Member]) -> None:
    member, *_ = three
    process.until(lambda: len(member.all(Stats)) > 5, "counters are told")
    frames = [stats.video_frames for stats in member.all(Stats)]
    assert frames == sorted(frames)
    assert frames[-1] <= member.film.sent


def test_a_pause_is_told_when_it_is_over(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PAUSE_NS", 300_000_000)
    member = process.member("lobby")
    member.play()
    process.until(lambda: member.frames > 20, "it records")
    member.film.paused = True
    paused_s = time.monotonic()
    process.until(lambda: time.monotonic() > paused_s + 0.5, "a pause has an end")
    assert member.all(Hole) == []
    member.film.sent = round((time.monotonic() - member.film.began_s) / FRAME_S)
    member.film.paused = False
    process.until(lambda: len(member.all(Hole)) == 1, "it is told")
    (hole,) = member.all(Hole)
    assert 300 < hole.end_boottime_ms - hole.start_boottime_ms < 4_000


def test_of_a_source_whose_picture_is_not_known_nothing_is_said(process: Process) -> None:
    """What was ordered until then holds."""
    member = process.member("lobby")
    member.film.ready = False
    member.play()
    member.send(make_terms(process.volume, epoch=2))
    member.send(Cut())
    before = member.film.sent
    process.until(lambda: member.film.sent > before + 10, "it is asked")
    assert member.said == []
    member.film.ready = True
    process.until(lambda: member.frames > 0 and member.has_written, "it records")
    assert isinstance(member.said[0], Connected)
    assert (member.said[0].width, member.all(Opening)[0].terms.epoch) == (320, 2)
    member.send(Stop())
    process.until(lambda: member.over, "it ends")
    assert len(member.all(Opening)) == 1


def test_what_was_sent_while_another_process_connected_was_recorded_then(process: Process) -> None:
    """S9: a segment begins when its first picture was taken, not when the stream was taken over."""
    member = process.member("lobby", tried_for_s=1.5)
    now_ms = SystemClock().now().boottime_ms
    member.film.began_s -= 1.0
    member.play()
    process.until(lambda: bool(member.all(Opening)), "it records")
    assert now_ms - 1_500 <= member.all(Opening)[0].boottime_ms <= now_ms - 500


def test_one_that_is_stopped_before_its_picture_is_known_ends_at_once(process: Process) -> None:
    member = process.member("lobby")
    member.film.ready = False
    member.play()
    member.send(Stop())
    process.until(lambda: member.over, "it ends")
    assert [type(one) for one in member.said] == [Ended]
    assert member.film.closed


def test_a_stream_that_comes_after_the_end_is_closed(process: Process) -> None:
    member = process.member("lobby")
    member.send(Stop())
    process.until(lambda: member.over, "it ends")
    member.play()
    assert member.film.closed
    assert [type(one) for one in member.said] == [Ended]
