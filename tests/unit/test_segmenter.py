"""recorder.segmenter: nothing lost, doubled or reordered; cut at key frames only; sound keeps its distance (S11)."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from recorder.messages import HELD_MS
from recorder.muxer import FRAGMENT_US
from recorder.segmenter import CROSSING_NS, Action, Begin, End, Frame, Put, Segmenter
from recorder.source import NAP_S
from recorder.stamps import NS_PER_S, Mended, Scale

VIDEO = Scale(1, 90_000)
FPS = 25
FRAME = 90_000 // FPS
MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Packet:
    """Identity of a packet in these tests."""

    video: bool
    index: int
    pts: int
    key: bool = False
    fresh: bool = False
    jumped: bool = False


@dataclass
class File:
    begin: Begin[Packet]
    puts: list[Put[Packet]] = field(default_factory=list)
    end_ns: int | None = None

    def of(self, *, video: bool) -> list[Put[Packet]]:
        return [put for put in self.puts if put.video == video]


def files_of(actions: list[Action[Packet]]) -> list[File]:
    """Checks that a file begins before it is written and ends before the next begins."""
    files: list[File] = []
    for action in actions:
        match action:
            case Begin():
                assert not files or files[-1].end_ns is not None
                files.append(File(action))
            case Put():
                assert files[-1].end_ns is None
                files[-1].puts.append(action)
            case End():
                assert files[-1].end_ns is None
                files[-1].end_ns = action.at_ns
    assert all(file.end_ns is not None for file in files)
    return files


@dataclass(frozen=True, slots=True)
class Stream:
    """A camera: `gop` frames between key frames, `b_frames` reordered, sound `lag_ms` behind the picture."""

    seconds: int
    gop: int
    b_frames: bool = False
    rate: int | None = None
    lag_ms: int = 0
    sound_from: int = 0
    sound_to: int = 10_000
    """Numbers of the first packet of sound that is sent, and of the first that is not."""
    fresh: frozenset[int] = frozenset()
    jumps: frozenset[int] = frozenset()
    cuts: frozenset[int] = frozenset()
    """Numbers of frames: with other parameters, after a jump, after which a cut is asked for."""

    @property
    def sound(self) -> Scale | None:
        return None if self.rate is None else Scale(1, self.rate)

    @property
    def sound_frame(self) -> int:
        return 1024 if self.rate == 48_000 else 160

    def pictures(self) -> list[tuple[int, Mended[Packet], bool]]:
        out = []
        for index in range(self.seconds * FPS):
            at = index % self.gop
            key = at == 0
            shown = index
            if self.b_frames and 0 < at <= (self.gop - 1) // 3 * 3:
                shown = index + (2, -1, -1)[(at - 1) % 3]
            pts = shown * FRAME + (2 * FRAME if self.b_frames else 0)
            arrival = VIDEO.ns(index * FRAME)
            packet = Packet(True, index, pts, key, key and index in self.fresh, index in self.jumps)
            mended = Mended(pts, index * FRAME, FRAME, arrival, packet.jumped, packet.fresh, packet)
            out.append((arrival, mended, True))
        return out

    def sounds(self) -> list[tuple[int, Mended[Packet], bool]]:
        if self.sound is None:
            return []
        out = []
        for index in range(self.seconds * (self.rate or 0) // self.sound_frame):
            if not self.sound_from <= index < self.sound_to:
                continue
            pts = index * self.sound_frame
            arrival = max(0, self.sound.ns(pts) + self.lag_ms * MS)
            packet = Packet(False, index, pts)
            out.append((arrival, Mended(pts, pts, self.sound_frame, arrival, False, False, packet), False))
        return out

    def play(self, segment_ms: int = 2000) -> tuple[list[File], Segmenter[Packet]]:
        segmenter: Segmenter[Packet] = Segmenter(segment_ms * MS, VIDEO, self.sound)
        segmenter.caught_up()
        actions: list[Action[Packet]] = []
        for _, mended, video in sorted(self.pictures() + self.sounds(), key=lambda item: item[0]):
            if video:
                actions += segmenter.picture(Frame(mended, mended.payload.key))
                if mended.payload.index in self.cuts:
                    segmenter.cut()
            else:
                actions += segmenter.sound(mended)
        actions += segmenter.finish()
        return files_of(actions), segmenter


def check(stream: Stream, files: list[File]) -> None:
    """What holds for every stream."""
    pictures = [put.payload.index for file in files for put in file.of(video=True)]
    assert pictures == list(range(stream.seconds * FPS))
    sounds = [put.payload.index for file in files for put in file.of(video=False)]
    assert sounds == sorted(set(sounds))
    for file, following in zip(files, [*files[1:], None], strict=True):
        first = file.puts[0]
        assert first.video
        assert first.payload.key
        assert first.pts == 0
        assert file.begin.first is first.payload
        assert VIDEO.ns(first.payload.pts) == file.begin.at_ns
        assert following is None or following.begin.at_ns == file.end_ns
        for put in file.of(video=True):
            assert put.pts == put.payload.pts - first.payload.pts
        for puts in (file.of(video=True), file.of(video=False)):
            assert all(later.dts > earlier.dts for earlier, later in pairwise(puts))
        for put in file.of(video=False):
            assert stream.sound is not None
            assert 0 <= put.pts == put.payload.pts - stream.sound.ticks(file.begin.at_ns)


streams = st.builds(
    Stream,
    seconds=st.integers(1, 9),
    gop=st.sampled_from([1, 7, 12, 25, 50, 100]),
    b_frames=st.booleans(),
    rate=st.sampled_from([None, 8_000, 48_000]),
    lag_ms=st.integers(-900, 900),
    fresh=st.sets(st.integers(0, 3), max_size=2).map(lambda found: frozenset(at * 50 for at in found)),
    jumps=st.sets(st.integers(0, 200), max_size=1).map(frozenset),
    cuts=st.sets(st.integers(0, 200), max_size=1).map(frozenset),
)


@given(streams, st.sampled_from([1000, 2000, 3000]))
def test_every_stream_comes_out_whole(stream: Stream, segment_ms: int) -> None:
    files, _ = stream.play(segment_ms)
    check(stream, files)


@given(st.integers(-900, 900), st.sampled_from([12, 25, 50]), st.sampled_from([8_000, 48_000]), st.booleans())
def test_sound_lies_where_it_was_said_to_however_late_it_came(lag_ms: int, gop: int, rate: int, b_frames: bool) -> None:
    stream = Stream(seconds=9, gop=gop, rate=rate, lag_ms=lag_ms, b_frames=b_frames)
    files, segmenter = stream.play()
    check(stream, files)
    assert len(files) > 2
    first = files[0].begin.at_ns
    assert stream.sound is not None
    expected = [m.payload.index for _, m, _ in stream.sounds() if stream.sound.ns(m.pts) >= first]
    assert [put.payload.index for file in files for put in file.of(video=False)] == expected
    assert segmenter.dropped == 0
    for file in files:
        assert file.begin.sound
        assert file.end_ns is not None
        for put in file.of(video=False):
            at_ns = stream.sound.ns(put.payload.pts)
            assert file.begin.at_ns <= at_ns
            assert at_ns < file.end_ns or file is files[-1]


def test_segments_are_cut_at_the_first_key_frame_after_their_length() -> None:
    files, _ = Stream(seconds=9, gop=25).play(segment_ms=2500)
    assert [len(file.of(video=True)) for file in files] == [75, 75, 75]


def test_half_a_frame_of_jitter_does_not_cost_a_whole_gop() -> None:
    segmenter: Segmenter[Packet] = Segmenter(2000 * MS, VIDEO, None)
    segmenter.caught_up()
    actions = []
    for index in range(101):
        pts = index * FRAME - (90 if index == 50 else 0)
        packet = Packet(True, index, pts, key=index % 50 == 0)
        mended = Mended(pts, pts, FRAME, VIDEO.ns(pts), False, False, packet)
        actions += segmenter.picture(Frame(mended, packet.key))
    assert [len(file.of(video=True)) for file in files_of(actions + segmenter.finish())] == [50, 50, 1]


def test_what_comes_before_the_first_key_frame_cannot_be_kept() -> None:
    segmenter: Segmenter[Packet] = Segmenter(2000 * MS, VIDEO, None)
    segmenter.caught_up()
    packet = Packet(True, 0, 0)
    assert segmenter.picture(Frame(Mended(0, 0, FRAME, 0, False, False, packet), key=False)) == []
    assert segmenter.finish() == []
    assert segmenter.dropped == 0


def test_asked_for_cuts_come_with_the_next_key_frame() -> None:
    files, _ = Stream(seconds=6, gop=25, cuts=frozenset({30})).play(segment_ms=60_000)
    assert [file.of(video=True)[0].payload.index for file in files] == [0, 50]


def test_other_parameters_begin_a_segment() -> None:
    files, _ = Stream(seconds=6, gop=25, fresh=frozenset({75})).play(segment_ms=60_000)
    assert [file.of(video=True)[0].payload.index for file in files] == [0, 75]


def test_a_jump_begins_a_segment_and_loses_nothing() -> None:
    stream = Stream(seconds=6, gop=50, jumps=frozenset({60}))
    files, _ = stream.play(segment_ms=60_000)
    check(stream, files)
    assert [file.of(video=True)[0].payload.index for file in files] == [0, 100]


def test_sound_that_is_promised_and_never_sent_is_not_declared() -> None:
    stream = Stream(seconds=6, gop=25, rate=48_000, sound_from=1_000_000)
    files, _ = stream.play()
    check(stream, files)
    assert not any(file.begin.sound for file in files)


def test_sound_that_turns_up_late_begins_a_segment() -> None:
    stream = Stream(seconds=6, gop=25, rate=48_000, sound_from=130)
    files, segmenter = stream.play(segment_ms=60_000)
    check(stream, files)
    assert [file.begin.sound for file in files] == [False, True]
    assert files[1].of(video=False)
    assert segmenter.dropped > 0


def test_sound_that_stops_is_not_declared_any_more() -> None:
    stream = Stream(seconds=9, gop=25, rate=48_000, sound_to=60)
    files, _ = stream.play()
    check(stream, files)
    assert [file.begin.sound for file in files] == [True, False, False, False, False]


def test_at_a_cut_nothing_is_held_back_longer_than_planned_even_if_nothing_comes() -> None:
    stream = Stream(seconds=3, gop=50, rate=48_000, sound_to=93)
    segmenter: Segmenter[Packet] = Segmenter(2000 * MS, VIDEO, stream.sound)
    segmenter.caught_up()
    actions: list[Action[Packet]] = []
    for _, mended, video in sorted(stream.pictures()[:51] + stream.sounds(), key=lambda item: item[0]):
        actions += segmenter.picture(Frame(mended, mended.payload.key)) if video else segmenter.sound(mended)
    assert [type(action) for action in actions].count(Begin) == 1
    cut_ns = VIDEO.ns(50 * FRAME)
    assert segmenter.tick(cut_ns + CROSSING_NS - MS) == []
    late = segmenter.tick(cut_ns + CROSSING_NS)
    assert [type(action) for action in late] == [End, Begin, Put]


def test_a_lost_file_is_followed_by_another_after_a_while() -> None:
    stream = Stream(seconds=9, gop=25)
    segmenter: Segmenter[Packet] = Segmenter(60_000 * MS, VIDEO, None)
    segmenter.caught_up()
    actions: list[Action[Packet]] = []
    for arrival, mended, _ in stream.pictures():
        if mended.payload.index == 60:
            segmenter.lose(arrival + 3 * NS_PER_S)
            actions.append(End(0))
        actions += segmenter.picture(Frame(mended, mended.payload.key))
    files = files_of(actions + segmenter.finish())
    assert [file.of(video=True)[0].payload.index for file in files] == [0, 150]
    assert segmenter.dropped == 90


def test_the_first_segment_waits_until_what_gathered_is_read() -> None:
    segmenter: Segmenter[Packet] = Segmenter(2000 * MS, VIDEO, None)
    for _, mended, _ in Stream(seconds=1, gop=25).pictures()[:10]:
        assert segmenter.picture(Frame(mended, mended.payload.key)) == []
    segmenter.caught_up()
    assert len(segmenter.tick(400 * MS)) == 11


def test_what_a_power_cut_may_find_in_memory_is_said_as_it_is() -> None:
    assert CROSSING_NS // MS + FRAGMENT_US // 1000 + round(NAP_S * 1000) == HELD_MS
