"""recorder.worker.segmenter: nothing lost, doubled or reordered; cut at key frames only; sound keeps its distance
(S11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from recorder.words.stream import Unit
from recorder.worker.segmenter import (
    CALM_NS,
    CROSSING_NS,
    DRIFT_NS,
    WAITING_MAX,
    Action,
    Begin,
    CutReason,
    End,
    Put,
    Segmenter,
)
from recorder.worker.timestamp_repair import NS_PER_S, Scale, Stamp
from tests.support.units import parameters

VIDEO = Scale(90_000)
FPS = 25
FRAME = 90_000 // FPS
MS = 1_000_000
PLAIN, OTHER = parameters(b"a"), parameters(b"b")


@dataclass
class File:
    begin: Begin
    puts: list[Put] = field(default_factory=list)
    end_ns: int | None = None

    def of(self, *, video: bool) -> list[Put]:
        return [put for put in self.puts if put.unit.video == video]


def number(unit: Unit) -> int:
    return int(unit.data)


def files_of(actions: list[Action]) -> list[File]:
    """Checks that files begin before they are written, end once, and that no more than two are open."""
    files: list[File] = []
    for action in actions:
        match action:
            case Begin():
                assert action.file == len(files) + 1
                files.append(File(action))
            case Put():
                assert files[action.file - 1].end_ns is None
                files[action.file - 1].puts.append(action)
            case End():
                assert files[action.file - 1].end_ns is None
                files[action.file - 1].end_ns = action.at_ns
        assert sum(file.end_ns is None for file in files) <= 2
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
    shift_ms: int = 0
    """The sound's clock counts from so much later than the picture's."""
    sound_from: int = 0
    sound_to: int = 10_000
    """Numbers of the first packet of sound that is sent, and of the first that is not."""
    fresh: frozenset[int] = frozenset()
    jumps: frozenset[int] = frozenset()
    cuts: frozenset[int] = frozenset()
    """Numbers of frames: from which on parameters are others, after a jump, after which a cut is asked for."""

    @property
    def sound(self) -> Scale | None:
        return None if self.rate is None else Scale(self.rate)

    @property
    def sound_frame(self) -> int:
        return 1024 if self.rate == 48_000 else 160

    def pictures(self) -> list[Stamp]:
        out = []
        for index in range(self.seconds * FPS):
            at = index % self.gop
            key = at == 0
            shown = index
            if self.b_frames and 0 < at <= (self.gop - 1) // 3 * 3:
                shown = index + (2, -1, -1)[(at - 1) % 3]
            pts = shown * FRAME + (2 * FRAME if self.b_frames else 0)
            sets = OTHER if sum(change <= index for change in self.fresh) % 2 else PLAIN
            unit = Unit(True, pts, 0, key, str(index).encode(), sets if key else None)
            out.append(Stamp(unit, pts, index * FRAME, FRAME, VIDEO.ns(index * FRAME), index in self.jumps))
        return out

    def sounds(self) -> list[Stamp]:
        if self.sound is None:
            return []
        out = []
        for index in range(self.seconds * (self.rate or 0) // self.sound_frame):
            if not self.sound_from <= index < self.sound_to:
                continue
            at = index * self.sound_frame
            pts = at - self.sound.ticks(self.shift_ms * MS)
            arrival = max(0, self.sound.ns(at) + self.lag_ms * MS)
            unit = Unit(False, pts, self.sound_frame, True, str(index).encode())
            out.append(Stamp(unit, pts, pts, self.sound_frame, arrival, False))
        return out

    def arrivals(self) -> Iterator[Stamp]:
        yield from sorted(self.pictures() + self.sounds(), key=lambda stamp: stamp.arrival_ns)

    def at_ns(self, stamp: Stamp) -> int:
        """Of sound, on the picture's clock."""
        assert self.sound is not None
        return self.sound.ns(stamp.pts) + self.shift_ms * MS

    def segmenter(self, segment_ms: int) -> Segmenter:
        made = Segmenter(segment_ms * MS, VIDEO, self.sound)
        made.shift(self.shift_ms * MS)
        made.caught_up()
        return made

    def play(self, segment_ms: int = 2000) -> tuple[list[File], Segmenter]:
        segmenter = self.segmenter(segment_ms)
        actions: list[Action] = []
        for stamp in self.arrivals():
            if stamp.unit.video:
                segmenter.picture(stamp, actions)
                if number(stamp.unit) in self.cuts:
                    segmenter.cut()
            else:
                segmenter.sound(stamp, actions)
        segmenter.finish(actions)
        return files_of(actions), segmenter


def check(stream: Stream, files: list[File]) -> None:
    """What holds for every stream."""
    pictures = [number(put.unit) for file in files for put in file.of(video=True)]
    assert pictures == list(range(stream.seconds * FPS))
    sounds = [number(put.unit) for file in files for put in file.of(video=False)]
    assert sounds == sorted(set(sounds))
    for file, following in zip(files, [*files[1:], None], strict=True):
        first = file.of(video=True)[0]
        assert file.puts[0] is first
        assert first.unit.key
        assert first.pts == 0
        assert file.begin.first.unit is first.unit
        assert VIDEO.ns(first.unit.pts) == file.begin.at_ns
        assert following is None or following.begin.at_ns == file.end_ns
        for put in file.of(video=True):
            assert put.pts == put.unit.pts - first.unit.pts
            assert put.unit.parameters in {None, first.unit.parameters}
        for puts in (file.of(video=True), file.of(video=False)):
            assert all(later.dts > earlier.dts for earlier, later in pairwise(puts))
        for put in file.of(video=False):
            assert stream.sound is not None
            assert file.begin.sound
            assert 0 <= put.pts == put.unit.pts - stream.sound.ticks(file.begin.at_ns - stream.shift_ms * MS)


streams = st.builds(
    Stream,
    seconds=st.integers(1, 9),
    gop=st.sampled_from([1, 7, 12, 25, 50, 100]),
    b_frames=st.booleans(),
    rate=st.sampled_from([None, 8_000, 48_000]),
    lag_ms=st.integers(-900, 900),
    shift_ms=st.integers(-5000, 5000),
    sound_from=st.sampled_from([0, 40]),
    sound_to=st.sampled_from([60, 10_000]),
    fresh=st.sets(st.integers(0, 3), max_size=2).map(lambda found: frozenset(at * 50 for at in found)),
    jumps=st.sets(st.integers(0, 200), max_size=1).map(frozenset),
    cuts=st.sets(st.integers(0, 200), max_size=1).map(frozenset),
)


@given(streams, st.sampled_from([1000, 2000, 3000]))
def test_every_stream_comes_out_whole(stream: Stream, segment_ms: int) -> None:
    files, _ = stream.play(segment_ms)
    check(stream, files)


@given(
    st.integers(-900, 900),
    st.integers(-9_000, 9_000),
    st.sampled_from([12, 25, 50]),
    st.sampled_from([8_000, 48_000]),
    st.booleans(),
)
def test_sound_lies_where_it_was_said_to_however_late_it_came(
    lag_ms: int, shift_ms: int, gop: int, rate: int, b_frames: bool
) -> None:
    stream = Stream(seconds=9, gop=gop, rate=rate, lag_ms=lag_ms, shift_ms=shift_ms, b_frames=b_frames)
    files, segmenter = stream.play()
    check(stream, files)
    assert len(files) > 2
    first = files[0].begin.at_ns
    expected = [number(stamp.unit) for stamp in stream.sounds() if stream.at_ns(stamp) >= first]
    assert [number(put.unit) for file in files for put in file.of(video=False)] == expected
    assert segmenter.dropped == 0
    at = {number(stamp.unit): stream.at_ns(stamp) for stamp in stream.sounds()}
    for file in files:
        assert file.begin.sound
        assert file.end_ns is not None
        for put in file.of(video=False):
            at_ns = at[number(put.unit)]
            assert file.begin.at_ns <= at_ns
            assert at_ns < file.end_ns or file is files[-1]


@given(streams, st.lists(st.tuples(st.integers(0, 300), st.integers(-400, 400)), max_size=4))
def test_whatever_the_sound_turns_out_to_be_off_nothing_is_doubled_or_reordered(
    stream: Stream, found: list[tuple[int, int]]
) -> None:
    """Corrections come when they come; pictures do not care, sound keeps its order and lies in files that have some."""
    segmenter = stream.segmenter(2000)
    actions: list[Action] = []
    for index, stamp in enumerate(stream.arrivals()):
        for at, shift_ms in found:
            if at == index:
                segmenter.shift((stream.shift_ms + shift_ms) * MS)
        (segmenter.picture if stamp.unit.video else segmenter.sound)(stamp, actions)
    segmenter.finish(actions)
    files = files_of(actions)
    assert [number(put.unit) for file in files for put in file.of(video=True)] == list(range(stream.seconds * FPS))
    sounds = [number(put.unit) for file in files for put in file.of(video=False)]
    assert sounds == sorted(set(sounds))
    assert all(put.pts >= 0 for file in files for put in file.of(video=False))
    heard = len(stream.sounds())
    if files and files[-1].begin.sound and stream.sound_from == 0:
        assert heard - len(sounds) - segmenter.dropped <= sum(1 for s in stream.sounds() if s.arrival_ns < NS_PER_S)


def test_segments_are_cut_at_the_first_key_frame_after_their_length() -> None:
    files, _ = Stream(seconds=9, gop=25).play(segment_ms=2500)
    assert [len(file.of(video=True)) for file in files] == [75, 75, 75]
    assert [file.begin.why for file in files] == [CutReason.FIRST, CutReason.LENGTH, CutReason.LENGTH]


def test_half_a_frame_of_jitter_does_not_cost_a_whole_gop() -> None:
    segmenter = Segmenter(2000 * MS, VIDEO, None)
    segmenter.caught_up()
    actions: list[Action] = []
    for index in range(101):
        pts = index * FRAME - (90 if index == 50 else 0)
        unit = Unit(True, pts, 0, index % 50 == 0, str(index).encode())
        segmenter.picture(Stamp(unit, pts, pts, FRAME, VIDEO.ns(pts), False), actions)
    segmenter.finish(actions)
    assert [len(file.of(video=True)) for file in files_of(actions)] == [50, 50, 1]


def test_what_comes_before_the_first_key_frame_cannot_be_kept() -> None:
    segmenter = Segmenter(2000 * MS, VIDEO, None)
    segmenter.caught_up()
    actions: list[Action] = []
    segmenter.picture(Stamp(Unit(True, 0, 0, False, b"0"), 0, 0, FRAME, 0, False), actions)
    segmenter.finish(actions)
    assert actions == []
    assert segmenter.dropped == 0


def test_at_a_cut_no_picture_waits() -> None:
    """S6: what a file holds in memory is its fragment in the making, never what waits for sound."""
    stream = Stream(seconds=6, gop=25, rate=48_000, lag_ms=900)
    segmenter = stream.segmenter(2000)
    for stamp in stream.arrivals():
        actions: list[Action] = []
        if stamp.unit.video:
            segmenter.picture(stamp, actions)
            if stamp.arrival_ns > NS_PER_S:
                assert stamp.unit in [action.unit for action in actions if isinstance(action, Put)]
        else:
            segmenter.sound(stamp, actions)


def test_asked_for_cuts_come_with_the_next_key_frame() -> None:
    files, _ = Stream(seconds=6, gop=25, cuts=frozenset({30})).play(segment_ms=60_000)
    assert [number(file.puts[0].unit) for file in files] == [0, 50]
    assert files[1].begin.why is CutReason.ASKED


def test_a_cut_that_is_asked_for_right_after_another_waits_for_the_last_sound_of_the_file_before() -> None:
    """Nothing but other parameter sets is so urgent that sound must be lost for it (S11)."""
    stream = Stream(seconds=6, gop=5, rate=8000, lag_ms=900, cuts=frozenset({51}))
    files, segmenter = stream.play()
    assert [number(file.puts[0].unit) for file in files[:3]] == [0, 50, 75]
    kept = [number(put.unit) for file in files for put in file.of(video=False)]
    assert kept == list(range(len(stream.sounds())))
    assert segmenter.dropped == 0


def test_other_parameters_begin_a_segment() -> None:
    files, _ = Stream(seconds=6, gop=25, fresh=frozenset({75})).play(segment_ms=60_000)
    assert [number(file.puts[0].unit) for file in files] == [0, 75]
    assert [file.begin.first.unit.parameters for file in files] == [PLAIN, OTHER]


def test_a_camera_that_alternates_between_parameters_does_not_get_a_file_for_each_key_frame() -> None:
    stream = Stream(seconds=62, gop=25, fresh=frozenset(range(25, 62 * FPS, 25)))
    files, _ = stream.play(segment_ms=600_000)
    pictures = [number(put.unit) for file in files for put in file.of(video=True)]
    assert pictures == list(range(62 * FPS))
    cuts_s = [file.begin.at_ns // NS_PER_S for file in files]
    assert cuts_s == [0, 1, 2, 3, 4, 31, 32, 33, 34, 61]


def test_a_jump_begins_a_segment_and_loses_nothing() -> None:
    stream = Stream(seconds=6, gop=50, jumps=frozenset({60}))
    files, _ = stream.play(segment_ms=60_000)
    check(stream, files)
    assert [number(file.puts[0].unit) for file in files] == [0, 100]
    assert files[1].begin.why is CutReason.JUMP


def test_a_clock_that_jumps_all_the_time_does_not_shred_the_recording() -> None:
    stream = Stream(seconds=70, gop=25, jumps=frozenset(range(0, 70 * FPS, 20)))
    files, _ = stream.play(segment_ms=300_000)
    check(stream, files)
    assert len(files) <= 2 + 70 * NS_PER_S // CALM_NS


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
    assert files[1].begin.why is CutReason.SOUND
    assert files[1].of(video=False)
    assert 0 < segmenter.dropped <= 48_000 / 1024 + 1, "no more than up to the next key frame"


def test_sound_that_ends_begins_a_segment_without_it() -> None:
    stream = Stream(seconds=9, gop=25, rate=48_000, sound_to=60)
    files, segmenter = stream.play(segment_ms=60_000)
    check(stream, files)
    assert [file.begin.sound for file in files] == [True, False]
    assert files[1].begin.why is CutReason.SOUND
    assert segmenter.dropped == 0


def test_sound_that_comes_and_goes_does_not_shred_the_recording() -> None:
    stream = Stream(seconds=90, gop=25, rate=8_000)
    segmenter = stream.segmenter(300_000)
    actions: list[Action] = []
    for stamp in stream.arrivals():
        if stamp.unit.video:
            segmenter.picture(stamp, actions)
        elif stamp.arrival_ns // NS_PER_S % 6 < 3:
            segmenter.sound(stamp, actions)
    segmenter.finish(actions)
    assert len(files_of(actions)) <= 1 + 2 * (1 + 90 * NS_PER_S // CALM_NS)


def test_sound_that_drifts_away_from_its_picture_asks_for_a_cut() -> None:
    stream = Stream(seconds=9, gop=25, rate=48_000)
    segmenter = stream.segmenter(60_000)
    actions: list[Action] = []
    for stamp in stream.arrivals():
        (segmenter.picture if stamp.unit.video else segmenter.sound)(stamp, actions)
        if stamp.arrival_ns > 2 * NS_PER_S:
            segmenter.shift(DRIFT_NS)
        if stamp.arrival_ns > 5 * NS_PER_S:
            segmenter.shift(DRIFT_NS + MS)
    segmenter.finish(actions)
    files = files_of(actions)
    assert [file.begin.why for file in files] == [CutReason.FIRST, CutReason.SYNC]
    assert files[1].begin.at_ns == 6 * NS_PER_S
    first = files[1].of(video=False)[0]
    assert first.pts == first.unit.pts - 48 * (6000 - 101)


def test_a_file_that_was_cut_waits_for_its_sound_no_longer_than_planned() -> None:
    stream = Stream(seconds=3, gop=50, rate=48_000, sound_to=93)
    segmenter = stream.segmenter(2000)
    actions: list[Action] = []
    for stamp in stream.arrivals():
        if not stamp.unit.video or number(stamp.unit) <= 50:
            (segmenter.picture if stamp.unit.video else segmenter.sound)(stamp, actions)
    assert [type(action) for action in actions[-3:]] == [Begin, Put, Put]
    cut_ns = VIDEO.ns(50 * FRAME)
    late: list[Action] = []
    segmenter.tick(cut_ns + CROSSING_NS - MS, late)
    assert late == []
    segmenter.tick(cut_ns + CROSSING_NS, late)
    assert late == [End(1, cut_ns)]


def test_a_lost_file_is_followed_by_another_after_a_while() -> None:
    segmenter = Segmenter(60_000 * MS, VIDEO, None)
    segmenter.caught_up()
    actions: list[Action] = []
    for stamp in Stream(seconds=9, gop=25).pictures():
        if number(stamp.unit) == 60:
            segmenter.lose(1, stamp.arrival_ns + 3 * NS_PER_S)
            actions.append(End(1, 0))
        segmenter.picture(stamp, actions)
    segmenter.finish(actions)
    files = files_of(actions)
    assert [number(file.puts[0].unit) for file in files] == [0, 150]
    assert segmenter.dropped == 90


def test_a_lost_file_that_only_waited_for_sound_costs_no_picture() -> None:
    stream = Stream(seconds=4, gop=50, rate=48_000, lag_ms=500)
    segmenter = stream.segmenter(2000)
    actions: list[Action] = []
    for stamp in stream.arrivals():
        (segmenter.picture if stamp.unit.video else segmenter.sound)(stamp, actions)
        if stamp.unit.video and number(stamp.unit) == 55:
            segmenter.lose(1, stamp.arrival_ns + 5 * NS_PER_S)
            actions.append(End(1, 0))
    segmenter.finish(actions)
    files = files_of(actions)
    assert [len(file.of(video=True)) for file in files] == [50, 50]


def test_the_first_segment_waits_until_what_had_gathered_is_read() -> None:
    segmenter = Segmenter(2000 * MS, VIDEO, None)
    actions: list[Action] = []
    for stamp in Stream(seconds=1, gop=25).pictures()[:10]:
        segmenter.picture(stamp, actions)
    assert actions == []
    segmenter.caught_up()
    segmenter.tick(400 * MS, actions)
    assert len(actions) == 11


def test_sound_that_is_early_waits_as_long_as_the_first_segment_does() -> None:
    stream = Stream(seconds=4, gop=50, rate=8_000, lag_ms=-900)
    segmenter = Segmenter(2000 * MS, VIDEO, stream.sound)
    actions: list[Action] = []
    for stamp in stream.arrivals():
        if not stamp.unit.video:
            segmenter.sound(stamp, actions)
        elif number(stamp.unit) >= 50:
            segmenter.picture(stamp, actions)
    segmenter.finish(actions)
    sounds = [number(put.unit) for file in files_of(actions) for put in file.of(video=False)]
    assert sounds == [number(stamp.unit) for stamp in stream.sounds() if stream.at_ns(stamp) >= 2 * NS_PER_S]


def test_sound_without_pictures_does_not_pile_up() -> None:
    stream = Stream(seconds=60, gop=25, rate=8_000)
    segmenter = stream.segmenter(2000)
    actions: list[Action] = []
    for stamp in stream.sounds():
        segmenter.sound(stamp, actions)
        assert len(segmenter._waiting) <= WAITING_MAX  # the bound itself (S12)
    assert actions == []
