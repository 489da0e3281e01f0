"""recorder.worker.fan_out: who watches gets what was sent or is told what it missed; nobody waits, and memory is
bounded."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import msgspec
import pytest

from recorder.words.messages import Kind
from recorder.words.stream import Codec, Parameters, Sound, Unit, Video
from recorder.worker import fan_out
from recorder.worker.fan_out import LENGTH_BYTES, MAX_WATCHERS, FanOut, Handed, Missed, Packet, SoundTrack, Tracks

PARAMETERS: Final = Parameters(Codec.H264, (b"sps", b"pps"), b"avcC", 1920, 1080, 0)
VIDEO: Final = Video(Codec.H264, 90_000, PARAMETERS)
SOUND: Final = Sound(Codec.AAC, 48_000, 2, b"\x11\x90")
TRACKS: Final = Tracks(Codec.H264, 90_000, 1920, 1080, b"avcC", SoundTrack(Codec.AAC, 48_000, 2, b"\x11\x90"))
GOP: Final = 10
DECODER: Final[msgspec.msgpack.Decoder[Handed]] = msgspec.msgpack.Decoder(Handed)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


LOOKS: Final = 40
"""In one reading: more than may ever wait for a watcher."""


class Viewer:
    """The other end."""

    def __init__(self, hall: FanOut, kind: Kind) -> None:
        self.sock, theirs = socket.socketpair()
        self.sock.setblocking(False)
        self._buffer = b""
        self.over = False
        hall.admit(theirs, kind)

    def read(self) -> list[Handed]:
        """Whole frames that are there now."""
        came = []
        with suppress(BlockingIOError):
            for _ in range(LOOKS):
                came.append(self.sock.recv(1 << 20))
                if not came[-1]:
                    self.over = True
                    break
        self._buffer += b"".join(came)
        frames = []
        while len(self._buffer) >= LENGTH_BYTES:
            end = LENGTH_BYTES + int.from_bytes(self._buffer[:LENGTH_BYTES], "big")
            if len(self._buffer) < end:
                break
            frames.append(DECODER.decode(self._buffer[LENGTH_BYTES:end]))
            self._buffer = self._buffer[end:]
        return frames


class Hall:
    """A handout, a clock, and a camera that sends a key frame every ten pictures and sound after each."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.handout = FanOut(self.clock)
        self.viewers: list[Viewer] = []
        self.sent: list[Unit] = []
        self.number = 0

    def viewer(self, kind: Kind) -> Viewer:
        self.viewers.append(Viewer(self.handout, kind))
        return self.viewers[-1]

    def send(self, pictures: int, size: int = 1000, video: Video = VIDEO, sound: Sound | None = SOUND) -> None:
        for _ in range(pictures):
            key = self.number % GOP == 0
            picture = Unit(True, self.number * 3600, 0, key, bytes([self.number % 251]) * size, video.parameters)
            for unit in (picture, Unit(False, self.number * 1920, 1024, True, b"sound"))[: 1 if sound is None else 2]:
                self.sent.append(unit)
                self.handout.pass_on(unit, video, sound)
                self.handout.flush()
            self.number += 1


def packets(units: list[Unit]) -> list[Handed]:
    return [Packet.of(unit) for unit in units]


@pytest.fixture
def hall() -> Iterator[Hall]:
    opened = Hall()
    yield opened
    opened.handout.close()
    for viewer in opened.viewers:
        viewer.sock.close()


def test_everything_from_the_next_key_frame_on_tracks_first(hall: Hall) -> None:
    hall.send(3)
    viewer = hall.viewer(Kind.ALL)
    hall.send(27)
    assert viewer.read() == [TRACKS, *packets(hall.sent[2 * GOP :])]


def test_key_frames_alone(hall: Hall) -> None:
    viewer = hall.viewer(Kind.KEY)
    hall.send(25)
    keys = [unit for unit in hall.sent if unit.video and unit.key]
    assert viewer.read() == [TRACKS, *packets(keys)]


def test_a_look_is_one_key_frame_and_the_sound_of_half_a_second_and_makes_nobody_hurry(hall: Hall) -> None:
    hall.send(3)
    viewer = hall.viewer(Kind.LOOK)
    assert (hall.handout.wanted, hall.handout.live) == (True, False)
    hall.send(60)
    key = next(index for index, unit in enumerate(hall.sent) if index > 3 and unit.key and unit.video)
    sound = [unit for unit in hall.sent[key:] if not unit.video][:24]
    assert viewer.read() == [TRACKS, *packets([hall.sent[key], *sound])], "24 packets of 1024 samples are half a second"
    assert (viewer.over, hall.handout.wanted) == (True, False)


def test_a_look_without_sound_is_over_with_its_picture(hall: Hall) -> None:
    viewer = hall.viewer(Kind.LOOK)
    hall.send(1, sound=None)
    assert [type(handed) for handed in viewer.read()] == [Tracks, Packet]
    assert viewer.over


class Counted(socket.socket):
    """Knows how long what was sent at once is."""

    sent: list[int]

    def send(self, data: Any, flags: int = 0, /) -> int:
        self.sent.append(len(data))
        return super().send(data, flags)


def test_what_one_look_brought_crosses_at_once_as_far_as_it_is_small(hall: Hall) -> None:
    """Each time that something is sent wakes the watcher."""
    ours, theirs = socket.socketpair()
    counted = Counted(fileno=theirs.detach())
    counted.sent = []
    hall.handout.admit(counted, Kind.ALL)
    large = fan_out.TOGETHER_BYTES
    for size in (10, 1_000, large, 20, 30):
        hall.handout.pass_on(Unit(True, 0, 0, size == 10, bytes(size), PARAMETERS), VIDEO, SOUND)
    assert counted.sent == []
    hall.handout.flush()
    assert [size > large for size in counted.sent] == [False, True, False]
    hall.handout.close()
    with ours:
        assert len(ours.recv(1 << 20)) == sum(counted.sent)


def test_a_look_does_not_wait_for_ever(hall: Hall) -> None:
    """Neither for a key frame nor for sound that is promised; its place is free again."""
    hall.send(1)
    mute = hall.viewer(Kind.LOOK)
    hall.handout.pass_on(Unit(True, 0, 0, True, b"key", PARAMETERS), VIDEO, SOUND)
    keyless = hall.viewer(Kind.LOOK)
    for seconds, over in ((fan_out.LOOK_LIFE_S, False), (1.0, True)):
        hall.clock.now_s += seconds
        hall.handout.flush()
        for viewer in (keyless, mute):
            viewer.read()
        assert (keyless.over, mute.over, hall.handout.wanted) == (over, over, not over)


def test_wanted_and_live_follow_who_watches(hall: Hall) -> None:
    def said() -> tuple[bool, bool]:
        return hall.handout.wanted, hall.handout.live

    assert said() == (False, False)
    key = hall.viewer(Kind.KEY)
    assert said() == (True, False)
    everything = hall.viewer(Kind.ALL)
    assert said() == (True, True)
    everything.sock.close()
    hall.send(1)
    assert said() == (True, False)
    key.sock.close()
    hall.send(GOP)
    assert said() == (False, False)


def test_tracks_are_told_again_when_they_change(hall: Hall) -> None:
    viewer = hall.viewer(Kind.ALL)
    smaller = Video(Codec.H264, 90_000, Parameters(Codec.H264, (b"sps2",), b"avcC2", 640, 360, 0))
    hall.send(GOP)
    hall.send(GOP, video=smaller)
    hall.send(GOP, video=smaller)
    hall.send(GOP, video=smaller, sound=None)
    tracks = [frame for frame in viewer.read() if isinstance(frame, Tracks)]
    assert [(t.width, t.record, t.sound is None) for t in tracks] == [
        (1920, b"avcC", False),
        (640, b"avcC2", False),
        (640, b"avcC2", True),
    ]


def test_sound_that_turns_up_waits_for_the_next_key_frame(hall: Hall) -> None:
    viewer = hall.viewer(Kind.ALL)
    hall.send(5, sound=None)
    hall.send(10)
    frames = viewer.read()
    at = frames.index(TRACKS)
    assert not any(isinstance(frame, Packet) and not frame.video for frame in frames[:at])
    assert frames[at + 2] == packets([unit for unit in hall.sent if not unit.video])[5]


def test_who_is_slow_loses_up_to_the_next_key_frame_and_is_told_how_much(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out, "MAX_WAITING_BYTES", 200_000)
    viewer, quick = hall.viewer(Kind.ALL), hall.viewer(Kind.ALL)
    seen: list[Handed] = []
    while len(hall.sent) < 400:
        hall.send(1, size=20_000)
        seen += quick.read()
    assert seen == [TRACKS, *packets(hall.sent)], "the quick one lost nothing"
    slow = viewer.read()
    while len(hall.sent) < 400 + 4 * GOP:
        hall.send(1, size=20_000)
        slow += viewer.read()
    missed = [frame for frame in slow if isinstance(frame, Missed)]
    got = [frame for frame in slow if isinstance(frame, Packet)]
    assert missed
    assert len(got) + sum(frame.units for frame in missed) == len(hall.sent)
    assert sum(len(p.data) for p in got) + sum(frame.bytes for frame in missed) == sum(len(u.data) for u in hall.sent)
    for number, frame in enumerate(slow):
        if isinstance(frame, Missed):
            after = next(f for f in slow[number:] if isinstance(f, Packet))
            assert after.video
            assert after.key
    sent = packets(hall.sent)
    places = [sent.index(frame) for frame in got]
    assert places == sorted(set(places)), "in order, none twice"


def test_a_slow_watcher_of_key_frames_gets_the_newest(hall: Hall) -> None:
    viewer = hall.viewer(Kind.KEY)
    hall.send(40 * GOP, size=100_000)
    frames = viewer.read()
    hall.send(1, size=100_000)
    frames += viewer.read()
    keys = [unit for unit in hall.sent if unit.video and unit.key]
    got = [frame for frame in frames if isinstance(frame, Packet)]
    missed = sum(frame.units for frame in frames if isinstance(frame, Missed))
    assert got[-1:] == packets(keys[-1:])
    assert len(got) + missed == len(keys)
    assert missed > len(keys) // 2


def test_memory_is_bounded_whatever_nobody_reads(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_out, "MAX_WAITING_BYTES", 300_000)
    hall.viewer(Kind.ALL)
    hall.viewer(Kind.KEY)
    for _ in range(300):
        hall.send(1, size=50_000)
        for watcher in hall.handout._watchers:
            assert sum(len(waiting.frame) for waiting in watcher._waiting) == watcher._waiting_bytes <= 300_000
            assert len(watcher._begun) <= 51_000


def test_a_unit_too_large_is_missed_and_what_hangs_on_it(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_out, "MAX_FRAME_BYTES", 5_000)
    viewer = hall.viewer(Kind.ALL)
    hall.send(GOP)
    hall.send(GOP, size=6_000)
    hall.send(GOP)
    lost = hall.sent[2 * GOP : 4 * GOP]
    frames = viewer.read()
    assert Missed(2 * GOP, sum(len(unit.data) for unit in lost)) in frames
    assert [f for f in frames if isinstance(f, Packet)] == packets(hall.sent[: 2 * GOP] + hall.sent[4 * GOP :])


def test_one_too_many_is_refused(hall: Hall) -> None:
    viewers = [hall.viewer(Kind.KEY) for _ in range(MAX_WATCHERS + 1)]
    hall.send(1)
    for viewer in viewers:
        viewer.read()
    assert [viewer.over for viewer in viewers] == [False] * MAX_WATCHERS + [True]


def test_who_takes_nothing_is_let_go_and_who_has_nothing_to_take_is_not(hall: Hall) -> None:
    stuck, idle = hall.viewer(Kind.ALL), hall.viewer(Kind.KEY)
    hall.send(GOP * 3, size=100_000)
    idle.read()
    hall.handout.flush()
    hall.clock.now_s = fan_out.PATIENCE_S
    hall.handout.flush()
    assert hall.handout.live
    hall.clock.now_s = fan_out.PATIENCE_S + 1
    idle.read()
    hall.handout.flush()
    assert (hall.handout.wanted, hall.handout.live) == (True, False)
    stuck.read()
    assert stuck.over
    assert not idle.over


def test_the_end_of_the_session_is_the_end_of_the_socket(hall: Hall) -> None:
    viewer = hall.viewer(Kind.ALL)
    hall.send(1)
    hall.handout.close()
    assert len(viewer.read()) == 3
    assert viewer.over
    assert not hall.handout.wanted
