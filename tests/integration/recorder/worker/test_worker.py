"""A real worker process on the test pattern: what lies on disk, what it says, and how it ends."""

from __future__ import annotations

import hashlib
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from recorder.decoder.decode import check_file
from recorder.supervisor.state import Limits
from recorder.words.messages import Abandoned, Closed, Connected, Cut, Ended, Opening, Stats, Stop
from recorder.worker.session import FINISH_S
from storage.segments.mp4 import parse_metadata, summary
from storage.words.message import NOTHING, Message
from storage.words.model import GapCause
from tests.support import footage
from tests.support.fault_camera import FaultCamera
from tests.support.footage import SMALL as SMALL_CLIP
from tests.support.worker import DEADLINE_S, Child, make_start, make_terms, make_volume

SMALL = "test://?size=320x180&fps=25&gop=0.4"
TICK = Fraction(1, 25)
SOUND_BEHIND = 12
"""Frames: of a segment that had just begun when all ended, the sound may not have come yet."""
BUSY_MS = 500
"""So late a busy machine may hear of a picture; a segment that lacks half of its pictures is found."""
DEAF_PORT = 1


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    with Child(make_volume(tmp_path / "volume")) as made:
        yield made


def record(child: Child, url: str, *, segments: int, segment_ms: int = 1000) -> list[tuple[Opening, Closed, Path]]:
    """Record until so many segments are closed, stop, and give all of them."""
    child.send(make_start(child.volume, url, segment_ms=segment_ms))
    while len(child.all(Closed)) < segments:
        child.hear_until(Closed)
    child.hear_until(Stats)
    child.send(Stop())
    assert child.hear_all().cause is None
    openings = child.all(Opening)
    # Each is committed by a thread of its own: the last two may change places.
    closed = sorted(child.all(Closed), key=lambda one: one.seq)
    assert [one.seq for one in openings] == [one.seq for one in closed] == list(range(1, len(closed) + 1))
    return [(opening, end, child.path(opening)) for opening, end in zip(openings, closed, strict=True)]


def times(path: Path, kind: str) -> list[Fraction]:
    """Seconds of each packet of a track, in the order shown; none without that track."""
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        packets = [packet for packet in container.demux(streams) if packet.size] if streams else []
        return sorted(Fraction(packet.pts or 0) * Fraction(packet.time_base or 0) for packet in packets)


@dataclass(frozen=True, slots=True)
class Recording:
    said: Child
    segments: list[tuple[Opening, Closed, Path]]


@pytest.fixture(scope="module", params=["h264", "h265"])
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    """Three segments, those of H.264 with sound."""
    with Child(make_volume(tmp_path_factory.mktemp(request.param))) as child:
        more = "" if request.param == "h264" else "&codec=h265&audio=0"
        yield Recording(child, record(child, SMALL + more, segments=3))


def test_segments_are_whole_and_follow_each_other(recording: Recording) -> None:
    child, segments = recording.said, recording.segments
    (connected,) = child.all(Connected)
    assert connected in (Connected("h264", 320, 180, "aac", NOTHING), Connected("hevc", 320, 180, "", NOTHING))
    for opening, closed, path in segments:
        data = path.read_bytes()
        assert (closed.bytes, closed.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert check_file(path) == closed.video_frames
        assert times(path, "video") == [TICK * index for index in range(closed.video_frames)]
        heard = [0 <= at < 0.05 for at in times(path, "audio")[:1]]
        assert heard == ([True] if connected.audio else []) or closed.video_frames < SOUND_BEHIND
        assert closed.end_boottime_ms > opening.boottime_ms
    for (_, before, _), (after, _, _) in pairwise(segments):
        assert (after.wall_ms, after.boottime_ms) == (before.end_wall_ms, before.end_boottime_ms)
    whole = segments[:-1]
    for opening, closed, _ in whole:
        assert abs(closed.end_boottime_ms - opening.boottime_ms - 40 * closed.video_frames) < BUSY_MS
    since_last_report = sum(closed.video_frames for _, closed, _ in segments) - child.all(Stats)[-1].video_frames
    assert 0 <= since_last_report <= 5
    assert child.all(Stats)[-1].dropped == 0


@pytest.mark.parametrize("recording", ["h264"], indirect=True)
def test_sound_keeps_its_place_across_cuts(recording: Recording) -> None:
    """Counted from the first segment's start, packets of sound lie one frame of AAC apart through all files."""
    video_start = Fraction(0)
    sound: list[Fraction] = []
    for _, closed, path in recording.segments:
        sound += [video_start + at for at in times(path, "audio")]
        video_start += TICK * closed.video_frames
    frame = Fraction(1024, 48_000)
    steps = [later - earlier for earlier, later in pairwise(sound)]
    assert all(abs(step - frame) < Fraction(2, 1000) for step in steps), "the edit list counts whole milliseconds"
    assert abs(sound[-1] - sound[0] - frame * (len(sound) - 1)) < Fraction(2, 1000)


def test_every_file_tells_its_story(recording: Recording) -> None:
    previous: dict[int, str] = {0: ""}
    for opening, closed, path in recording.segments:
        with path.open("rb") as file:
            comment = summary(file).comment
        story = parse_metadata(comment or "")
        assert story is not None
        assert (story.camera, story.seq, story.epoch) == ("lobby", opening.seq, 1)
        assert (story.start.wall_ms, story.start.boottime_ms) == (opening.wall_ms, opening.boottime_ms)
        assert story.previous_sha256 == previous[story.previous_seq]
        previous[opening.seq] = closed.sha256


def test_stop_commits_in_the_middle_of_a_segment(child: Child) -> None:
    child.send(make_start(child.volume, SMALL, segment_ms=60_000))
    child.hear_until(Opening)
    child.hear_until(Stats)
    child.send(Stop())
    assert child.hear_all() == Ended(None, Message("the built-in test pattern"), NOTHING, NOTHING)
    closed = child.all(Closed)[0]
    assert check_file(child.path(child.all(Opening)[0])) == closed.video_frames > 0
    assert list(child.volume.rglob("*.part")) == []


def test_new_terms_and_a_cut_hold_from_the_next_segment_on(child: Child) -> None:
    child.send(make_start(child.volume, SMALL, segment_ms=60_000))
    child.hear_until(Opening)
    child.send(make_terms(child.volume, epoch=2))
    child.send(Cut())
    opening = child.hear_until(Opening)
    assert (opening.seq, opening.terms.epoch) == (2, 2)


def test_orphaned_it_is_gone_at_once_and_what_it_leaves_can_be_cut(child: Child) -> None:
    child.send(make_start(child.volume, SMALL, segment_ms=60_000))
    opening = child.hear_until(Opening)
    while child.hear_until(Stats).video_frames < 60:
        pass
    child.sock.close()
    assert child.process.wait(2) == 1
    assert frames_left(child, opening) > 0


def test_killed_it_leaves_all_but_two_seconds(child: Child) -> None:
    """S6, for the loss of the process."""
    child.send(make_start(child.volume, SMALL, segment_ms=60_000))
    opening = child.hear_until(Opening)
    while (stats := child.hear_until(Stats)).video_frames < 80:
        pass
    child.process.kill()
    child.process.wait(DEADLINE_S)
    assert stats.video_frames - frames_left(child, opening) <= 2 * 25


def frames_left(child: Child, opening: Opening) -> int:
    """Cut what lies there after its last whole fragment, and play it."""
    path = child.path(opening, part=True)
    with path.open("r+b") as file:
        whole = summary(file)
        file.truncate(whole.whole_bytes)
    assert check_file(path) == whole.video_frames
    return whole.video_frames


def test_signals_are_the_daemons_business(child: Child) -> None:
    child.send(make_start(child.volume, SMALL, segment_ms=60_000))
    child.hear_until(Opening)
    child.process.send_signal(signal.SIGINT)
    child.process.send_signal(signal.SIGTERM)
    child.hear_until(Stats)
    child.send(Stop())
    assert child.hear_all().cause is None


def test_refused_segments_are_asked_for_again(child: Child) -> None:
    child.refuse = GapCause.DISK_FULL
    child.send(make_start(child.volume, SMALL, segment_ms=60_000))
    assert child.hear_until(Opening).seq == 1
    child.refuse = None
    again = child.hear_until(Opening, 15)
    assert again.seq == 2
    assert again.boottime_ms - child.all(Opening)[0].boottime_ms < 15_000, "L1"
    child.send(Stop())
    child.hear_all()
    assert [path.name for path in child.volume.rglob("*.mp4")] == [child.path(again).name]
    assert child.all(Closed)[0].seq == 2


def test_a_lost_volume_abandons_the_segment_and_the_camera_stays(child: Child) -> None:
    child.send(make_start(child.volume, SMALL, segment_ms=1_000))
    child.hear_until(Closed)
    identity = child.volume / ".edged-volume.json"
    away = identity.rename(child.volume / "away")
    assert child.hear_until(Abandoned).cause is GapCause.IO_ERROR
    away.rename(identity)
    child.hear_until(Closed, 15)
    assert len(child.all(Connected)) == 1


@pytest.mark.parametrize(
    ("url", "cause", "words"),
    [
        ("test://?fps=0", GapCause.UNSUPPORTED, "fps=0: write"),
        (f"rtsp://127.0.0.1:{DEAF_PORT}/x", GapCause.REFUSED, "connection refused"),
        ("rtsp://nowhere.invalid/x", GapCause.UNREACHABLE, "the name nowhere.invalid has no address"),
    ],
)
def test_what_cannot_be_recorded_is_told_in_words(child: Child, url: str, cause: GapCause, words: str) -> None:
    child.send(make_start(child.volume, url, username="viewer", password="s3cret"))
    ended = child.hear_all()
    assert ended.cause is cause
    assert words in ended.came_back
    assert ended.check
    assert "s3cret" not in repr(child.said) + child.stderr()


def test_nonsense_from_the_daemon_ends_it(child: Child) -> None:
    child.sock.send(b'{"kind":"start","password":"s3cret"}')
    assert child.process.wait(DEADLINE_S) == 1
    assert "s3cret" not in child.stderr()


def test_the_camera_is_told_that_its_session_is_over(child: Child) -> None:
    """An NVR serves only so many sessions, and keeps those open that nobody ends."""
    with FaultCamera(footage.clip(SMALL_CLIP)) as camera:
        child.send(make_start(child.volume, camera.url))
        child.hear_until(Opening)
        child.send(Stop())
        assert child.hear_all().cause is None
        assert camera.requests.count("TEARDOWN") == 1
    assert check_file(child.path(child.all(Opening)[0])) == child.all(Closed)[0].video_frames > 0


def test_stop_does_not_wait_for_a_camera_that_does_not_answer(child: Child) -> None:
    """Connected to a port that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        child.send(make_start(child.volume, f"rtsp://127.0.0.1:{port}/x"))
        child.send(Stop())
        assert isinstance(child.hear(2), Ended)


def test_the_end_is_told_though_the_disk_hangs(child: Child) -> None:
    """A row that is never written holds up the disk thread as a dying disk would."""
    child.answering = False
    child.send(make_start(child.volume, SMALL))
    child.hear_until(Opening)
    child.send(Stop())
    assert Limits().stop_ms > (FINISH_S + 1) * 1000
    assert child.hear_until(Ended, FINISH_S + 3).cause is None
    assert child.process.wait(DEADLINE_S) == 0
