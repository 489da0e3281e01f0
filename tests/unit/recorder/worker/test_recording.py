"""recorder.worker.recording: from readings to files, for cameras that lie about time in every way at once (S6, S9,
S11)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.words.messages import HELD_MS, SLOW_MS, WAKE_MS
from recorder.words.stream import Codec, Item, Parameters, SenderReport, Sound, Unit, Video
from recorder.worker import recording
from recorder.worker.recording import FLUSH_NS, RETRY_NS, Pause
from recorder.worker.timestamp_repair import NS_PER_S
from storage.segments.mp4 import EmbeddedMetadata, parse_metadata
from storage.words.model import Moment
from tests.support.session import FIRST_MS, WALL_MS, MadeSource, Session
from tests.support.units import parameters

FPS = 25
FRAME = 90_000 // FPS
SOUND_RATE = 8_000
SOUND_FRAME = 320
NAP_MS = 100
MS = 1_000_000
REORDERED = (2, -1, -1)
SETS = (parameters(b"a"), parameters(b"b", size=(640, 360)))


@dataclass
class Written:
    """What one file was given; takes the place of the real muxer."""

    parameters: Parameters
    rate: int
    sound: Sound | None
    story: EmbeddedMetadata
    puts: list[tuple[bool, int, int, bytes]] = field(default_factory=list)
    clocks: list[tuple[int, int]] = field(default_factory=list)
    waiting: list[bytes] = field(default_factory=list)
    video_frames: int = 0
    closed: bool = False

    def put(self, *, video: bool, pts: int, dts: int, duration: int, key: bool, data: bytes) -> list[bytes]:
        assert not self.closed
        assert duration > 0
        assert video or self.sound is not None
        assert self.puts or (video and key and pts == 0)
        self.puts.append((video, pts, dts, data))
        self.waiting.append(data)
        self.video_frames += video
        return []

    def tell_clock(self, pts: int, wall_ns: int) -> None:
        self.clocks.append((pts, wall_ns))

    def flush(self) -> list[bytes]:
        waiting, self.waiting = self.waiting, []
        return waiting

    def close(self) -> list[bytes]:
        self.closed = True
        return self.flush()

    def numbers(self, *, video: bool) -> list[int]:
        return [int(data) for of_video, _, _, data in self.puts if of_video == video]


FILES: list[Written] = []


def written(parameters: Parameters, rate: int, sound: Sound | None, comment: str) -> Written:
    story = parse_metadata(comment)
    assert story is not None
    FILES.append(Written(parameters, rate, sound, story))
    return FILES[-1]


@pytest.fixture(autouse=True)
def _files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "Muxer", written)


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera with a picture each 40 ms and sound each 40 ms, in its own time from 0; what it says of time is another
    matter."""

    seconds: int = 12
    gop: int = FPS
    b_frames: bool = False
    said: bool = True
    """Its parameter sets tell the order of its pictures."""
    jumps: tuple[tuple[int, int], ...] = ()
    """From this frame on, the picture's timestamps are so many ticks off."""
    sound_jumps: tuple[tuple[int, int], ...] = ()
    doubled: frozenset[int] = frozenset()
    """These frames have the timestamp of the frame before."""
    steps: tuple[tuple[int, int], ...] = ()
    """From this frame on, its wall clock is so many seconds off."""
    changed_at: int = 100_000
    """From the first key frame after this one on, it has other parameter sets."""
    silent: tuple[int, int] = (0, 0)
    """From this frame to that one, its sound pauses; its clock goes on."""
    sound_lag_ms: int = 0
    sound_from: int = 0
    sound_to: int = 100_000
    sound_zero: int = 0
    """Its sound's clock shows this at the beginning, in ticks."""
    report_ms: int = 2_000

    def items(self) -> Iterator[tuple[int, Item]]:
        """Each with the time when it arrives, in ms from the beginning."""
        for index in range(self.seconds * FPS):
            at_ms = index * 1000 // FPS
            yield at_ms, self._picture(index)
            if self.sound_from <= index < self.sound_to and not self.silent[0] <= index < self.silent[1]:
                yield max(0, at_ms + self.sound_lag_ms), self._sound(index)
            if self.report_ms and at_ms % self.report_ms == 0:
                yield at_ms, SenderReport(True, self._off(self.jumps, index) + index * FRAME, self.wall_ns(index))
            if self.report_ms and at_ms % self.report_ms == 1_000:
                yield at_ms, SenderReport(False, self._sound(index).pts, self.wall_ns(index))

    def wall_ns(self, index: int) -> int:
        return (WALL_MS + FIRST_MS) * MS + index * NS_PER_S // FPS + self._off(self.steps, index) * NS_PER_S

    def _picture(self, index: int) -> Unit:
        at = index % self.gop
        shown = index
        if self.b_frames and 0 < at <= (self.gop - 1) // 3 * 3:
            shown = index + REORDERED[(at - 1) % 3]
        pts = (shown - (index in self.doubled)) * FRAME + self._off(self.jumps, index)
        sets = SETS[index >= self.changed_at]
        return Unit(True, pts, 0, at == 0, str(index).encode(), self.sets(sets) if at == 0 else None)

    def sets(self, sets: Parameters) -> Parameters:
        reorder = (1 if self.b_frames else 0) if self.said else None
        return Parameters(sets.codec, sets.sets, sets.record, sets.width, sets.height, reorder)

    def _sound(self, index: int) -> Unit:
        pts = index * SOUND_FRAME + self.sound_zero + self._off(self.sound_jumps, index)
        return Unit(False, pts, SOUND_FRAME, True, str(index).encode())

    def _off(self, changes: tuple[tuple[int, int], ...], index: int) -> int:
        return sum(by for at, by in changes if at <= index)

    def record(self, *, segment_ms: int = 3_000, aligned: bool = False, cuts: frozenset[int] = frozenset()) -> Session:
        """A look each 100 ms, also where nothing has come."""
        FILES.clear()
        sound = Sound(Codec.PCMU, SOUND_RATE, 1)
        session = Session(MadeSource(Video(Codec.H264, 90_000, self.sets(SETS[0])), sound, aligned), segment_ms)
        arrivals: dict[int, list[Item]] = {}
        for at_ms, item in sorted(self.items(), key=lambda arrival: arrival[0]):
            arrivals.setdefault(at_ms // NAP_MS, []).append(item)
        for nap in range(max(arrivals) + 1):
            session.clock.boottime_ms = FIRST_MS + (nap + 1) * NAP_MS
            if nap in cuts:
                session.recording.cut()
            session.feed(*arrivals.get(nap, []))
            if nap % 10 == 0:
                session.recording.overdue()
        session.recording.finish()
        return session


def check(camera: Camera, session: Session) -> None:
    """What holds for every camera."""
    assert [number for file in FILES for number in file.numbers(video=True)] == list(range(camera.seconds * FPS))
    sounds = [number for file in FILES for number in file.numbers(video=False)]
    assert sounds == sorted(set(sounds))
    for file, segment in zip(FILES, session.segments, strict=True):
        assert file.closed
        assert b"".join(segment.pieces) == b"".join(data for _, _, _, data in file.puts)
        assert segment.frames == file.video_frames == len(file.numbers(video=True)) > 0
        assert segment.start == file.story.start
        for video in (True, False):
            times = [dts for of_video, _, dts, _ in file.puts if of_video == video]
            assert all(later > earlier for earlier, later in pairwise(times))
    for before, after in pairwise(session.segments):
        assert before.end == after.start, "no hole, no overlap (S9)"


changes = st.lists(
    st.tuples(st.integers(0, 299), st.sampled_from([-(1 << 31), 1 << 31, -180_000, -90_000, 90_001, 450_000])),
    max_size=3,
).map(tuple)
cameras = st.builds(
    Camera,
    seconds=st.integers(2, 12),
    gop=st.sampled_from([1, 10, 25, 75]),
    b_frames=st.booleans(),
    said=st.booleans(),
    jumps=changes,
    sound_jumps=changes,
    doubled=st.frozensets(st.integers(1, 299), max_size=3),
    steps=st.lists(st.tuples(st.integers(0, 299), st.sampled_from([-3_600, -2, 2])), max_size=2).map(tuple),
    changed_at=st.sampled_from([100_000, 60, 130]),
    sound_lag_ms=st.sampled_from([-300, 0, 40, 600]),
    sound_from=st.sampled_from([0, 0, 70, 100_000]),
    sound_to=st.sampled_from([100_000, 100_000, 90]),
    sound_zero=st.integers(-80_000, 1 << 32),
    report_ms=st.sampled_from([0, 2_000]),
)


@given(cameras, st.sampled_from([1_000, 3_000, 60_000]), st.frozensets(st.integers(0, 120), max_size=2), st.booleans())
def test_whatever_a_camera_says_of_time_each_frame_is_kept_once_and_in_order(
    camera: Camera, segment_ms: int, cuts: frozenset[int], aligned: bool
) -> None:
    session = camera.record(segment_ms=segment_ms, cuts=cuts, aligned=aligned)
    check(camera, session)
    last = session.segments[-1].end
    assert last is not None
    assert last.boottime_ms <= session.clock.boottime_ms


@given(
    st.sampled_from([10, 25]),
    st.sampled_from([-300, 0, 40, 600]),
    st.integers(-400_000, 1 << 32),
    st.lists(st.tuples(st.integers(0, 299), st.sampled_from([-3_600, -2, 2])), max_size=2).map(tuple),
)
def test_all_sound_of_an_honest_camera_lies_beside_its_picture(
    gop: int, lag_ms: int, zero: int, steps: tuple[tuple[int, int], ...]
) -> None:
    """Also while the camera sets its clock: RTP runs on, so nothing moves, and no segment is cut for it (S11)."""
    camera = Camera(gop=gop, sound_lag_ms=lag_ms, sound_zero=zero, steps=steps)
    session = camera.record()
    check(camera, session)
    sounds = [number for file in FILES for number in file.numbers(video=False)]
    assert sounds == list(range(sounds[0], 300))
    assert sounds[0] <= max(0, -lag_ms) // 40 + 1, "only what seems to be from before the first picture is left out"
    stats = session.recording.stats()
    assert (stats.dropped, stats.repaired, stats.sound_units) == (0, 0, 300)
    assert stats.sound_bytes == sum(len(str(number)) for number in range(300))
    settled = [file for file in FILES if file.puts[0][3] != b"0"][1:]
    for file in settled:
        first = int(file.puts[0][3])
        for video, pts, _, data in file.puts:
            rate, frame = (90_000, FRAME) if video else (SOUND_RATE, SOUND_FRAME)
            assert abs(pts - (int(data) - first) * frame) <= (0 if video else rate * (NAP_MS + abs(lag_ms)) // 1000)


def test_reports_bring_sound_to_its_picture_however_late_it_arrives() -> None:
    camera = Camera(seconds=30, sound_lag_ms=600, sound_zero=123_456, steps=((400, -3_600),))
    camera.record(segment_ms=5_000)
    for file in FILES[-3:]:
        first = int(file.puts[0][3])
        assert {pts - (int(data) - first) * SOUND_FRAME for video, pts, _, data in file.puts if not video} == {0}
    offsets = [segment.camera_offset_ms for segment in camera.record(segment_ms=5_000).segments]
    assert offsets[0] is not None
    assert abs(offsets[0]) <= NAP_MS
    assert offsets[-1] is not None
    assert abs(offsets[-1] + 3_600_000) <= NAP_MS


@pytest.mark.parametrize("zero", [-400_000, 0, 1 << 31])
def test_sound_that_pauses_has_not_jumped(zero: int) -> None:
    camera = Camera(sound_zero=zero, silent=(110, 190))
    session = camera.record(segment_ms=60_000)
    check(camera, session)
    assert session.recording.stats().repaired == 0
    by_ear = [(pts, int(data)) for file in FILES[:1] for video, pts, _, data in file.puts if not video]
    assert {pts - number * SOUND_FRAME for pts, number in by_ear} == {0}


@pytest.mark.parametrize("jump", [-(1 << 31), -180_000, 450_000])
def test_sound_stays_beside_a_picture_whose_clock_jumps(jump: int) -> None:
    """What the reports say is of the clock that jumped, too."""
    camera = Camera(seconds=30, jumps=((130, jump),))
    session = camera.record(segment_ms=5_000)
    check(camera, session)
    assert [file.puts[0][3] for file in FILES] == [b"0", b"125", b"150", b"275", b"400", b"525", b"650"]
    for file in FILES:
        first = int(file.puts[0][3])
        assert {pts - (int(data) - first) * SOUND_FRAME for video, pts, _, data in file.puts if not video} == {0}
        assert all(wall_ns - camera.wall_ns(first) == pts * NS_PER_S // 90_000 for pts, wall_ns in file.clocks)


def test_the_clock_of_a_camera_that_reports_by_its_sound_alone() -> None:
    camera = Camera(sound_zero=555_555, steps=((0, 7),))
    FILES.clear()
    session = Session(MadeSource(Video(Codec.H264, 90_000, SETS[0]), Sound(Codec.PCMU, SOUND_RATE, 1)), 3_000)
    for at_ms, item in camera.items():
        session.clock.boottime_ms = FIRST_MS + at_ms
        if not (isinstance(item, SenderReport) and item.video):
            session.feed(item)
    session.recording.finish()
    offset_ms = session.segments[-1].camera_offset_ms
    assert offset_ms is not None
    assert abs(offset_ms - 7_000) <= NAP_MS
    assert FILES[-1].clocks
    assert all(0 <= pts <= 4 * 90_000 for pts, _ in FILES[-1].clocks)


def test_a_session_that_ends_while_its_order_is_unknown_keeps_what_it_had() -> None:
    FILES.clear()
    camera = Camera(said=False)
    session = Session(MadeSource(Video(Codec.H264, 90_000, camera.sets(SETS[0]))))
    units = [item for _, item in camera.items() if isinstance(item, Unit) and item.video]
    session.feed(*units[:5])
    assert FILES == []
    session.recording.finish()
    assert FILES[0].numbers(video=True) == [0, 1, 2, 3, 4]


def test_each_file_is_told_the_cameras_clock() -> None:
    camera = Camera(seconds=9, steps=((0, 7),))
    camera.record()
    for file in FILES[1:]:
        first = int(file.puts[0][3])
        assert file.clocks[0] == (0, camera.wall_ns(first))
        assert all(wall_ns == camera.wall_ns(first) + pts * NS_PER_S // 90_000 for pts, wall_ns in file.clocks)
        assert file.story.camera_offset_ms is not None
        assert abs(file.story.camera_offset_ms - 7_000) <= NAP_MS


def test_the_camera_that_tells_no_clock_has_no_offset() -> None:
    session = Camera(report_ms=0).record()
    assert {segment.camera_offset_ms for segment in session.segments} == {None}
    assert session.recording.stats().camera_offset_ms is None


def test_another_size_is_told_once() -> None:
    session = Camera(changed_at=60).record(segment_ms=60_000)
    assert session.sizes == [(640, 360)]
    assert [file.parameters.width for file in FILES] == [320, 640]


def test_a_file_that_is_lost_is_not_written_on_and_the_next_one_follows() -> None:
    camera = Camera(seconds=20)
    FILES.clear()
    session = Session(MadeSource(Video(Codec.H264, 90_000, camera.sets(SETS[0]))), 60_000)
    for at_ms, item in camera.items():
        session.clock.boottime_ms = FIRST_MS + at_ms
        if at_ms == 4_000:
            session.kept.lost.add(1)
        if isinstance(item, Unit) and item.video:
            session.feed(item)
    session.recording.finish()
    assert FILES[0].numbers(video=True)[-1] == 99
    assert FILES[1].numbers(video=True)[0] == (4_000 + RETRY_NS // MS) // 40
    assert [segment.end is None for segment in session.segments] == [True, False]


def test_no_file_begins_while_the_disk_has_let_go_of_none_that_is_lost() -> None:
    camera = Camera(seconds=20)
    FILES.clear()
    session = Session(MadeSource(Video(Codec.H264, 90_000, camera.sets(SETS[0]))), 60_000)
    session.kept.is_behind = True
    for at_ms, item in camera.items():
        session.clock.boottime_ms = FIRST_MS + at_ms
        session.kept.is_behind = at_ms < 4_000
        if isinstance(item, Unit) and item.video:
            session.feed(item)
    assert FILES[0].numbers(video=True)[0] == 225, "the first key frame 5 s after it was free"


def test_where_a_file_ends_is_settled_when_the_next_begins() -> None:
    """Though by the time it is closed another minute of arrivals says otherwise (S9)."""
    FILES.clear()
    session = Session(MadeSource(Video(Codec.H264, 90_000, SETS[0]), Sound(Codec.PCMU, SOUND_RATE, 1), aligned=True))
    for at_ms in range(0, 62_000, 40):
        late_ms = 0 if at_ms < 5_000 else 300
        key = at_ms in {0, 59_600}
        session.clock.boottime_ms = FIRST_MS + at_ms + late_ms
        if at_ms == 59_000:
            session.recording.cut()
        session.feed(Unit(True, at_ms * 90, 0, key, b"0", SETS[0] if key else None))
        if at_ms >= 600:
            session.feed(Unit(False, (at_ms - 600) * 8, SOUND_FRAME, True, b"0"))
    session.recording.finish()
    before, after = session.segments
    assert before.end == after.start == Moment(WALL_MS + FIRST_MS + 59_600, FIRST_MS + 59_600)


def test_what_waits_for_a_next_picture_is_written_when_none_comes() -> None:
    """S6: a camera that stalls costs nothing of what it sent before."""
    camera = Camera(seconds=1)
    FILES.clear()
    session = Session(MadeSource(Video(Codec.H264, 90_000, camera.sets(SETS[0]))))
    for at_ms, item in camera.items():
        session.clock.boottime_ms = FIRST_MS + at_ms
        if isinstance(item, Unit) and item.video:
            session.feed(item)
    assert FILES[0].waiting
    session.clock.boottime_ms += FLUSH_NS // MS
    session.feed()
    assert FILES[0].waiting == []
    assert len(session.segments[0].pieces) == 25


def test_a_picture_of_a_slow_camera_does_not_wait_for_the_next() -> None:
    FILES.clear()
    session = Session(MadeSource(Video(Codec.H264, 90_000, SETS[0])))
    for index in range(10):
        session.clock.boottime_ms = FIRST_MS + index * WAKE_MS
        session.feed(Unit(True, index * 90 * WAKE_MS, 0, index == 0, str(index).encode(), SETS[0]))
        if index > 1:
            assert FILES[-1].waiting == []


@given(st.integers(5, WAKE_MS), st.booleans())
def test_however_often_one_looks_nothing_waits_longer_than_is_said(spacing_ms: int, b_frames: bool) -> None:
    """Part of S6: what a power cut may find in memory. Nor are there many more fragments than that needs."""
    camera = Camera(seconds=8, report_ms=0, sound_from=100_000, b_frames=b_frames)
    FILES.clear()
    session = Session(MadeSource(Video(Codec.H264, 90_000, camera.sets(SETS[0]))))
    units = deque((at_ms, item) for at_ms, item in camera.items() if isinstance(item, Unit))
    fragments = 0
    for now_ms in range(spacing_ms, 8_000, spacing_ms):
        oldest = min((int(data) for file in FILES for data in file.waiting), default=None)
        assert oldest is None or now_ms - oldest * 1000 // FPS <= HELD_MS - SLOW_MS
        session.clock.boottime_ms = FIRST_MS + now_ms
        came = []
        while units and units[0][0] < now_ms:
            came.append(units.popleft()[1])
        written = sum(len(segment.pieces) for segment in session.segments)
        session.feed(*came)
        fragments += sum(len(segment.pieces) for segment in session.segments) > written
    assert fragments <= 1 + 8_000 // (WAKE_MS // 2)


def test_what_comes_at_one_look_is_handed_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One look, one fragment, one write: also for both tracks, and however much it is."""
    FILES.clear()
    camera = Camera(seconds=8)
    session = Session(
        MadeSource(Video(Codec.H264, 90_000, camera.sets(SETS[0])), Sound(Codec.PCMU, SOUND_RATE, 1), aligned=True)
    )
    added: list[int] = []
    monkeypatch.setattr(session.kept, "add", lambda seq, _pieces: added.append(seq))
    looks = [list(group) for _, group in groupby(camera.items(), key=lambda arrival: arrival[0] // WAKE_MS)]
    for number, arrivals in enumerate(looks, 1):
        session.clock.boottime_ms = FIRST_MS + number * WAKE_MS
        session.feed(*(item for _, item in arrivals))
        if number > 4:
            assert FILES[0].waiting == []
    assert set(added) == {1}
    assert len(added) <= len(looks)


def test_at_a_cut_the_old_file_holds_no_picture_back() -> None:
    """S6: it stays open for its last sound only."""
    camera = Camera(sound_lag_ms=600)
    FILES.clear()
    session = Session(
        MadeSource(Video(Codec.H264, 90_000, camera.sets(SETS[0])), Sound(Codec.PCMU, SOUND_RATE, 1)), 3_000
    )
    both_open = 0
    for at_ms, item in sorted(camera.items(), key=lambda arrival: arrival[0]):
        session.clock.boottime_ms = FIRST_MS + at_ms
        session.feed(item)
        if len(FILES) > 1 and not FILES[-2].closed:
            both_open += 1
            held = {data for video, _, _, data in FILES[-2].puts if video} & set(FILES[-2].waiting)
            assert not held or all(int(number) in FILES[-2].numbers(video=False) for number in held)
    assert both_open > 0


def test_a_pause_is_told_once_while_something_is_recorded() -> None:
    session = Session(MadeSource(Video(Codec.H264, 90_000, SETS[0])))
    FILES.clear()
    times = [*range(0, 4_000, 40), *range(8_000, 10_000, 40)]
    for at_ms in times:
        session.clock.boottime_ms = FIRST_MS + at_ms
        session.feed(Unit(True, at_ms * 90, 0, at_ms == 0, b"0", SETS[0] if at_ms == 0 else None))
    start, end = session.pauses[0]
    assert session.pauses == [Pause(start, end)]
    assert abs(start // MS - FIRST_MS - 4_000) <= 80
    assert end // MS == FIRST_MS + 8_000


def test_a_segment_starts_when_its_first_frame_was_taken_not_when_it_was_read() -> None:
    """A burst of what a server had kept arrives at once: the moment is that of the picture."""
    FILES.clear()
    camera = Camera(seconds=4)
    session = Session(MadeSource(Video(Codec.H264, 90_000, SETS[0])))
    session.clock.boottime_ms = FIRST_MS + 5_000
    units = [item for _, item in camera.items() if isinstance(item, Unit) and item.video]
    session.feed(*units[:50], waited=False)
    assert FILES == []
    session.feed(*units[50:51])
    session.clock.boottime_ms += 40
    session.feed(*units[51:52])
    session.recording.finish()
    assert session.segments[0].start == Moment(WALL_MS + FIRST_MS + 3_000, FIRST_MS + 3_000)
