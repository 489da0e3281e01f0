"""What the writer of files is given comes back out of them: through libav, through salvage, and box by box."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Final

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.mp4 import ALONE_MS, FRAGMENT_MAX_BYTES, FRAGMENT_MAX_SAMPLES, FRAGMENT_MS, KEY_MS, Muxer
from recorder.words.stream import Codec, Sound
from storage.segments.mp4 import summary
from tests.support.footage import Picture
from tests.support.footage import Sound as SoundWish
from tests.support.tracks import Sample, interleaved, parameters, pictures, sound, sounds, written

RATE: Final = 90_000
PLAIN: Final = Picture(width=160, height=90, fps=25, gop=25, kbps=100, footage="bikes")
REORDERED: Final = replace(PLAIN, b_frames=2)
AAC: Final = SoundWish("aac", 48_000, 1)
MULAW: Final = SoundWish.g711("pcmu")
COMMENT: Final = '{"edged": 1, "camera": "門口"}'
FRAGMENT_TICKS: Final = RATE * FRAGMENT_MS // 1000


@dataclass(frozen=True)
class Box:
    kind: bytes
    at: int
    end: int
    body: bytes


def boxes(data: bytes, at: int = 0) -> Iterator[Box]:
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield Box(kind, at, at + length, data[at + 8 : at + length])
        at += length


def inside(data: bytes, *path: bytes) -> bytes:
    for kind in path:
        data = next(box.body for box in boxes(data) if box.kind == kind)
    return data


def file_of(wish: Picture, heard: SoundWish | None, *tracks: list[Sample]) -> bytes:
    told = None if heard is None else sound(heard)
    rates = [RATE, 0 if told is None else told.rate]
    muxer = Muxer(parameters(wish), RATE, told, COMMENT)
    return written(muxer, interleaved(*zip(rates, tracks, strict=False)))


@dataclass(frozen=True)
class Found:
    """A packet as libav reads it, in the terms of `Sample`."""

    pts: Fraction
    dts: Fraction
    key: bool
    data: bytes


def found(data: bytes) -> dict[str, list[Found]]:
    """What the file says; libav is kept from looking into the frames for what it says not."""
    tracks: dict[str, list[Found]] = {"video": [], "audio": []}
    with av.open(io.BytesIO(data), "r", options={"fflags": "+noparse+nofillin"}) as container:
        for packet in container.demux():
            if packet.size:
                assert packet.pts is not None
                assert packet.dts is not None
                base = packet.time_base
                tracks[packet.stream.type].append(
                    Found(packet.pts * base, packet.dts * base, packet.is_keyframe, bytes(packet))
                )
    return tracks


def put_in(samples: Sequence[Sample], rate: int) -> list[Found]:
    return [Found(Fraction(s.pts, rate), Fraction(s.dts, rate), s.key, s.data) for s in samples]


# --- streams such as cameras send, and worse --------------------------------------------------------------------


@st.composite
def picture_tracks(draw: st.DrawFn) -> list[Sample]:
    """Real frames, for libav looks into them, at any times: steps from one tick to two seconds, any B-frames."""
    wish_frames = pictures(PLAIN, 3)
    steps = draw(st.lists(st.one_of(st.integers(3_000, 4_500), st.integers(1, 180_000)), min_size=1, max_size=60))
    shown = [0, *accumulate(steps)]
    depth = draw(st.integers(0, 3))
    order: list[int] = []
    keys = {0}
    while len(order) < len(shown):
        first = len(order)
        group = min(draw(st.integers(1, depth + 1)), len(shown) - first) if first else 1
        order += [first + group - 1, *range(first, first + group - 1)]
        if group == 1 and draw(st.booleans()):
            keys.add(first)
    # Decoded as early as it takes for none to be shown before, and in even steps before the first is.
    early = [-3_000 * (depth - number) for number in range(depth)]
    decoded = [*early, *shown][: len(shown)] if depth else shown
    return [
        Sample(True, shown[index], decoded[number], 0, index in keys, wish_frames[number % len(wish_frames)].data)
        for number, index in enumerate(order)
    ]


@st.composite
def sound_tracks(draw: st.DrawFn, wish: SoundWish) -> list[Sample]:
    """Packets in a row, with pauses, a late beginning, and times that are a little off."""
    packets = sounds(wish, 3)
    ticks = packets[0].duration
    gaps = draw(st.lists(st.one_of(st.just(0), st.integers(-ticks // 4, 3 * 48_000)), max_size=100))
    at = draw(st.integers(0, 100_000))
    track = []
    for number, gap in enumerate(gaps):
        at += ticks + gap
        track.append(replace(packets[number % len(packets)], pts=at, dts=at))
    return track


Stream = tuple[SoundWish | None, list[Sample], list[Sample]]
STREAMS: Final[st.SearchStrategy[Stream]] = st.one_of(
    st.tuples(st.just(AAC), picture_tracks(), sound_tracks(AAC)),
    st.tuples(st.just(MULAW), picture_tracks(), sound_tracks(MULAW)),
    st.tuples(st.none(), picture_tracks(), st.just([])),
)


@given(STREAMS)
def test_what_is_put_in_comes_out(stream: Stream) -> None:
    """Each frame once, in order, byte for byte, at exactly its time; and salvage sees the same."""
    heard, frames, packets = stream
    data = file_of(PLAIN, heard, frames, packets)
    tracks = found(data)
    assert tracks["video"] == put_in(frames, RATE)
    assert tracks["audio"] == put_in(packets, 0 if heard is None else sound(heard).rate)
    whole = summary(io.BytesIO(data))
    assert (whole.whole_bytes, whole.video_frames, whole.comment) == (len(data), len(frames), COMMENT)
    lasted = frames[-1].dts - frames[0].dts
    assert lasted * 1000 // RATE <= whole.duration_ms <= (lasted + 180_000) * 1000 // RATE


@given(STREAMS)
def test_a_file_may_end_after_any_fragment(stream: Stream) -> None:
    heard, frames, packets = stream
    data = file_of(PLAIN, heard, frames, packets)
    ends = [box.end for box in boxes(data) if box.kind == b"mdat"]
    counts = []
    for end in [*ends[:3], ends[-1]]:
        tracks = found(data[:end])
        assert tracks["video"] == put_in(frames, RATE)[: len(tracks["video"])]
        assert tracks["audio"] == put_in(packets, 0 if heard is None else sound(heard).rate)[: len(tracks["audio"])]
        whole = summary(io.BytesIO(data[: end + 7]))
        assert (whole.whole_bytes, whole.video_frames) == (end, len(tracks["video"]))
        counts.append(len(tracks["video"]))
    assert counts[-1] == len(frames)


@given(STREAMS)
def test_what_is_not_handed_out_is_little_and_short(stream: Stream) -> None:
    """S6: less than a fragment of pictures waits, and of sound no more than a picture would bring along."""
    heard, frames, packets = stream
    told = None if heard is None else sound(heard)
    muxer = Muxer(parameters(PLAIN), RATE, told, COMMENT)
    data = bytearray()
    tracks = (RATE, frames), (0 if told is None else told.rate, packets)
    given_frames: list[Sample] = []
    given_packets: list[Sample] = []
    for sample in interleaved(*tracks):
        data += b"".join(sample.put(muxer))
        (given_frames if sample.video else given_packets).append(sample)
        frames_out, packets_out = handed_out(bytes(data))
        held = given_frames[frames_out:]
        assert not held or held[-1].dts - held[0].dts < FRAGMENT_TICKS
        kept = given_packets[packets_out:]
        assert not kept or (kept[-1].pts - kept[0].pts) * 1000 < ALONE_MS * tracks[1][0]


def handed_out(data: bytes) -> tuple[int, int]:
    """Frames and packets in a file so far."""
    counts = {1: 0, 2: 0}
    for moof in boxes(data):
        for traf in boxes(moof.body) if moof.kind == b"moof" else ():
            if traf.kind == b"traf":
                track = struct.unpack_from(">I", inside(traf.body, b"tfhd"), 4)[0]
                counts[track] += struct.unpack_from(">I", inside(traf.body, b"trun"), 4)[0]
    return counts[1], counts[2]


def test_the_first_frame_of_the_next_fragment_lets_one_go() -> None:
    """Not a frame earlier, for only it tells how long the last one lasts, and not a frame later."""
    muxer = Muxer(parameters(PLAIN), RATE, None, COMMENT)
    outs = [sample.put(muxer) for sample in pictures(PLAIN, 2)]
    assert [number for number, out in enumerate(outs) if out] == [0, 13, 25, 38], "12.5 frames, then the key frame's"
    assert [box.kind for box in boxes(b"".join(outs[0]))] == [b"ftyp", b"moov"]
    for number in (13, 25, 38):
        assert [box.kind for box in boxes(b"".join(outs[number]))] == [b"moof", b"mdat"]


# --- beside libav -----------------------------------------------------------------------------------------------

LIBAV: Final = {
    "movflags": "+frag_keyframe+delay_moov+default_base_moof",
    "frag_duration": "500000",
    "max_interleave_delta": "500000",
}


@pytest.mark.parametrize("wish", [PLAIN, REORDERED], ids=["plain", "b-frames"])
@pytest.mark.parametrize("heard", [None, AAC, MULAW], ids=["silent", "aac", "mulaw"])
def test_it_reads_as_if_libav_had_written_it(wish: Picture, heard: SoundWish | None) -> None:
    frames = pictures(wish, 4)
    packets = [] if heard is None else sounds(heard, 4)
    ours = file_of(wish, heard, frames, packets)
    memory = io.BytesIO()
    with (
        av.open(io.BytesIO(ours), "r") as source,
        av.open(memory, "w", format="mov" if heard is MULAW else "mp4", options=LIBAV) as out,
    ):
        out.metadata["comment"] = COMMENT
        streams = {stream.index: out.add_stream_from_template(stream, opaque=True) for stream in source.streams}
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    theirs = memory.getvalue()
    assert found(ours) == found(theirs)
    assert summary(io.BytesIO(ours)).duration_ms == summary(io.BytesIO(theirs)).duration_ms == 4_000
    assert summary(io.BytesIO(ours)).comment == summary(io.BytesIO(theirs)).comment == COMMENT
    with av.open(io.BytesIO(ours), "r") as one, av.open(io.BytesIO(theirs), "r") as other:
        assert one.metadata["comment"] == other.metadata["comment"] == COMMENT
        for mine, libavs in zip(one.streams, other.streams, strict=True):
            assert mine.codec_context.extradata == libavs.codec_context.extradata
            assert mine.codec_context.codec_tag == libavs.codec_context.codec_tag
            assert mine.codec_context.name == libavs.codec_context.name
            assert (mine.start_time or 0) == (libavs.start_time or 0) == 0


@pytest.mark.parametrize("heard", [AAC, MULAW, SoundWish("aac", 32_000, 2)])
def test_the_sound_is_what_it_was_said_to_be(heard: SoundWish) -> None:
    told = sound(heard)
    data = file_of(PLAIN, heard, pictures(PLAIN, 1), sounds(heard, 1))
    with av.open(io.BytesIO(data), "r") as container:
        context = container.streams.audio[0].codec_context
        assert (context.name, context.sample_rate, context.channels) == (told.codec, told.rate, told.channels)
        assert (context.extradata or b"") == told.config


# --- box by box -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "heard", "brand", "entries"),
    [
        (PLAIN, None, b"isom", [b"avc1"]),
        (PLAIN, sound(AAC), b"isom", [b"avc1", b"mp4a"]),
        (PLAIN, Sound(Codec.PCMU, 8_000, 1), b"qt  ", [b"avc1", b"ulaw"]),
        (PLAIN, Sound(Codec.PCMA, 8_000, 2), b"qt  ", [b"avc1", b"alaw"]),
        (PLAIN, Sound(Codec.L16, 96_000, 6), b"qt  ", [b"avc1", b"twos"]),
        (replace(PLAIN, codec="h265"), None, b"isom", [b"hvc1"]),
    ],
)
def test_dialects_and_names(wish: Picture, heard: Sound | None, brand: bytes, entries: list[bytes]) -> None:
    muxer = Muxer(parameters(wish), RATE, heard, COMMENT)
    head = b"".join(pictures(wish, 1)[0].put(muxer))
    assert inside(head, b"ftyp")[:4] == brand
    traks = [box.body for box in boxes(inside(head, b"moov")) if box.kind == b"trak"]
    descriptions = [inside(trak, b"mdia", b"minf", b"stbl", b"stsd") for trak in traks]
    assert [description[12:16] for description in descriptions] == entries
    assert all(inside(trak, b"mdia", b"mdhd")[12:16] == struct.pack(">I", rate)
               for trak, rate in zip(traks, [RATE, heard.rate if heard else 0], strict=False))  # fmt: skip
    assert descriptions[0].endswith(parameters(wish).record)
    assert struct.unpack_from(">HH", descriptions[0], 8 + 8 + 24) == (160, 90)
    if heard is not None:
        channels, _, _, _, rate = struct.unpack_from(">HHHHI", descriptions[1], 8 + 8 + 16)
        assert (channels, rate >> 16) == (heard.channels, heard.rate if heard.rate < 1 << 16 else 0)


def test_only_key_frames_are_entrances() -> None:
    """Flags of each sample, and the index at the end, which players find from there."""
    data = file_of(REORDERED, None, pictures(REORDERED, 3))
    keys = []
    fragments = [box for box in boxes(data) if box.kind == b"moof"]
    for moof in fragments:
        trun = inside(moof.body, b"traf", b"trun")
        count = struct.unpack_from(">I", trun, 4)[0]
        flags = [word[0] for word in struct.iter_unpack(">8xI4x", trun[12 : 12 + 16 * count])]
        assert set(flags) <= {0x0200_0000, 0x0101_0000}
        keys += [moof.at] * flags.count(0x0200_0000)
        assert 0x0200_0000 not in flags[1:], "a key frame begins a fragment"
    assert len(keys) == 3
    tfra = inside(data, b"mfra", b"tfra")
    assert struct.unpack_from(">III", tfra, 4) == (1, 0b01_01_11, 3)
    points = list(struct.iter_unpack(">QQHHI", tfra[16:]))
    assert points == [(number * RATE, at, 1, 1, 1) for number, at in enumerate(keys)]
    assert struct.unpack(">I", data[-4:])[0] == len(data) - next(box.at for box in boxes(data) if box.kind == b"mfra")


def test_a_camera_that_sends_only_key_frames_gets_no_fragment_for_each() -> None:
    frames = [replace(frame, key=True) for frame in pictures(PLAIN, 4)]
    data = file_of(PLAIN, None, frames)
    fragments = [box.at for box in boxes(data) if box.kind == b"moof"]
    assert 4_000 // FRAGMENT_MS <= len(fragments) <= 4_000 // KEY_MS
    tfra = inside(data, b"mfra", b"tfra")
    assert [point[1] for point in struct.iter_unpack(">QQHHI", tfra[16:])] == fragments
    assert all(packet.key for packet in found(data)["video"])


def test_the_camera_tells_its_clock() -> None:
    """In a box before the next fragment, by the track's own ticks; the last word counts."""
    muxer = Muxer(parameters(REORDERED), RATE, None, COMMENT)
    frames = pictures(REORDERED, 2)
    data = b"".join(frames[0].put(muxer))
    muxer.tell_clock(1, 5)
    muxer.tell_clock(4_500, 1_700_000_000_250_000_000)
    data += b"".join(piece for frame in frames[1:12] for piece in frame.put(muxer)) + b"".join(muxer.flush())
    data += b"".join(piece for frame in frames[12:] for piece in frame.put(muxer)) + b"".join(muxer.close())
    kinds = [box.kind for box in boxes(data)]
    assert kinds[2:5] == [b"prft", b"moof", b"mdat"]
    assert kinds.count(b"prft") == 1
    version, track, ntp, media_time = struct.unpack(">IIQQ", inside(data, b"prft"))
    assert (version, track) == (1 << 24 | 24, 1)
    assert ntp == (1_700_000_000 + 2_208_988_800 << 32) + (1 << 30)
    assert media_time == 4_500 - frames[0].dts
    assert found(data)["video"] == put_in(frames, RATE)
    assert summary(io.BytesIO(data)).video_frames == len(frames)
    tfra = inside(data, b"mfra", b"tfra")
    moofs = [box.at for box in boxes(data) if box.kind == b"moof"]
    assert [point[1] for point in struct.iter_unpack(">QQHHI", tfra[16:])] == [moofs[0], moofs[2]]


# --- bounds, and times that make no sense ------------------------------------------------------------------------


def test_a_fragment_that_grows_too_large_goes_out_early() -> None:
    filler = (FRAGMENT_MAX_BYTES // 4).to_bytes(4, "big") + b"\x0c" + b"\xff" * (FRAGMENT_MAX_BYTES // 4 - 1)
    frames = [replace(frame, data=frame.data + filler) for frame in pictures(PLAIN, 1)]
    data = file_of(PLAIN, AAC, frames, sounds(AAC, 1))
    mdats = [box for box in boxes(data) if box.kind == b"mdat"]
    assert len(mdats) > 2
    assert all(len(box.body) <= FRAGMENT_MAX_BYTES for box in mdats)
    assert found(data)["video"] == put_in(frames, RATE)


@pytest.mark.parametrize("video", [True, False])
def test_a_hail_of_samples_does_not_gather(video: bool) -> None:
    muxer = Muxer(parameters(PLAIN), RATE, sound(MULAW), COMMENT)
    pictures(PLAIN, 1)[0].put(muxer)
    count = 3 * FRAGMENT_MAX_SAMPLES
    out = b"".join(
        piece
        for number in range(count)
        for piece in muxer.put(video=video, pts=0, dts=0, duration=1, key=False, data=b"%d" % number)
    )
    assert max(handed_out(out)) > count - 2 * FRAGMENT_MAX_SAMPLES


def test_sound_goes_on_when_the_pictures_have_stopped() -> None:
    """And what was held of the pictures goes with it."""
    frames, packets = pictures(PLAIN, 0.3), sounds(AAC, 5)
    muxer = Muxer(parameters(PLAIN), RATE, sound(AAC), COMMENT)
    data = b"".join(piece for sample in [*frames, *packets] for piece in sample.put(muxer))
    frames_out, packets_out = handed_out(data)
    assert frames_out == len(frames)
    assert packets_out > len(packets) - ALONE_MS * 48_000 / 1000 / 1024 - 2
    assert found(data)["audio"] == put_in(packets, 48_000)[:packets_out]


def test_sound_may_come_before_the_first_picture() -> None:
    frames, packets = pictures(PLAIN, 2), sounds(AAC, 4)
    for early in (1, 5, 100):
        muxer = Muxer(parameters(PLAIN), RATE, sound(AAC), COMMENT)
        data = written(muxer, [*packets[:early], *frames, *packets[early:]])
        assert found(data)["video"] == put_in(frames, RATE)
        assert found(data)["audio"] == put_in(packets, 48_000)


def test_flush_hands_out_everything() -> None:
    """What is written afterwards goes on at its own time, whatever was guessed of the last frame's length."""
    frames, packets = pictures(REORDERED, 2), sounds(AAC, 2)
    muxer = Muxer(parameters(REORDERED), RATE, sound(AAC), COMMENT)
    assert muxer.flush() == []
    data, given_frames, given_packets = b"", 0, 0
    for number, sample in enumerate(interleaved((RATE, frames), (48_000, packets))):
        data += b"".join(sample.put(muxer))
        given_frames, given_packets = given_frames + sample.video, given_packets + (not sample.video)
        if number % 7 == 0:
            data += b"".join(muxer.flush())
            assert handed_out(data) == (given_frames, given_packets)
            assert muxer.flush() == []
    data += b"".join(muxer.close())
    assert found(data)["video"] == put_in(frames, RATE)
    assert found(data)["audio"] == put_in(packets, 48_000)
    assert summary(io.BytesIO(data)).whole_bytes == len(data)


def test_pictures_shown_before_they_are_decoded_are_written_as_the_standard_has_it() -> None:
    """Read by the letter of ISO/IEC 14496-12; libav would show them all late."""
    frames = [replace(frame, dts=frame.dts + 7_200) for frame in pictures(REORDERED, 1)]
    assert any(frame.pts < frame.dts for frame in frames)
    assert shown(file_of(REORDERED, None, frames)) == [(frame.dts, frame.pts) for frame in frames]


def test_times_of_decoding_that_do_not_rise_move_nothing_else() -> None:
    frames = pictures(PLAIN, 1)
    stuck = [
        replace(frame, dts=frames[10].dts if 10 <= number < 13 else frame.dts) for number, frame in enumerate(frames)
    ]
    times = shown(file_of(PLAIN, None, stuck))
    assert [pts for _, pts in times] == [frame.pts for frame in frames]
    assert [dts for dts, _ in times[10:13]] == [frames[10].dts, frames[10].dts + 1, frames[10].dts + 2]
    assert all(before < after for (before, _), (after, _) in pairwise(times))


def test_packets_of_sound_whose_times_do_not_rise_are_kept() -> None:
    packets = sounds(AAC, 1)
    stuck = [replace(packet, pts=max(0, packet.pts - 2_000) if number % 9 == 5 else packet.pts)
             for number, packet in enumerate(packets)]  # fmt: skip
    heard = found(file_of(PLAIN, AAC, pictures(PLAIN, 1), stuck))["audio"]
    assert [packet.data for packet in heard] == [packet.data for packet in packets]
    assert all(before.pts < after.pts for before, after in pairwise(heard))
    assert all(abs(packet.pts * 48_000 - meant.pts) <= 2_000 for packet, meant in zip(heard, packets, strict=True))


def shown(data: bytes) -> list[tuple[int, int]]:
    """When each picture is decoded and shown: tfdt, and the durations and signed offsets of its run; no edit list."""
    assert b"elst" not in data[: next(box.at for box in boxes(data) if box.kind == b"moof")]
    times = []
    for moof in boxes(data):
        if moof.kind == b"moof":
            traf = inside(moof.body, b"traf")
            at = struct.unpack_from(">Q", inside(traf, b"tfdt"), 4)[0]
            trun = inside(traf, b"trun")
            assert trun[0] == 1, "signed"
            for duration, offset in struct.iter_unpack(">I8xi", trun[12:]):
                times.append((at, at + offset))
                at += duration
    return times


WILD: Final = st.integers(-(2**70), 2**70)


@given(st.lists(st.tuples(st.booleans(), WILD, WILD, WILD, st.booleans(), st.binary(max_size=3)), max_size=40))
def test_no_number_stops_it(calls: list[tuple[bool, int, int, int, bool, bytes]]) -> None:
    muxer = Muxer(parameters(PLAIN), RATE, sound(AAC), COMMENT)
    data = b""
    for video, pts, dts, duration, key, payload in calls:
        muxer.tell_clock(pts, dts)
        data += b"".join(muxer.put(video=video, pts=pts, dts=dts, duration=duration, key=key, data=payload))
    data += b"".join(muxer.close())
    assert handed_out(data) == (sum(call[0] for call in calls), sum(not call[0] for call in calls))


def test_an_end_is_an_end() -> None:
    muxer = Muxer(parameters(PLAIN), RATE, None, COMMENT)
    assert muxer.close() == []
    muxer = Muxer(parameters(PLAIN), RATE, None, COMMENT)
    pictures(PLAIN, 1)[0].put(muxer)
    assert [box.kind for box in boxes(b"".join(muxer.close()))] == [b"moof", b"mdat", b"mfra"]
    assert muxer.close() == []


def test_sound_needs_a_track() -> None:
    muxer = Muxer(parameters(PLAIN), RATE, None, COMMENT)
    with pytest.raises(ValueError, match="without sound"):
        muxer.put(video=False, pts=0, dts=0, duration=1, key=True, data=b"x")
