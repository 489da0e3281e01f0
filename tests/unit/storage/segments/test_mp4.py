"""What libav really writes, cut at every kind of offset, and bytes that nobody wrote."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.segments import mp4
from storage.segments.mp4 import MAX_DURATION_MS, MAX_INDEX_BYTES, MAX_RUNS, Mp4Damaged, Mp4Summary, summary

FPS = 25
FRAME_MS = 1000 // FPS
COMMENT = json.dumps({"edged": 1, "camera": "lobby", "sentence": "門口 " + "x" * 300}, ensure_ascii=False)
MUX = {"movflags": "+frag_keyframe+delay_moov+default_base_moof", "frag_duration": "500000"}


@dataclass(frozen=True)
class Recording:
    """A file as the recorder makes them, and where its top-level boxes are."""

    name: str
    data: bytes
    frames: int

    def boxes(self) -> Iterator[tuple[bytes, int, int]]:
        at = 0
        while at < len(self.data):
            length, kind = struct.unpack_from(">I4s", self.data, at)
            yield kind, at, at + length
            at += length

    def whole(self, cut: int) -> int:
        """Where the last whole fragment ends in a file cut at `cut`."""
        if cut == len(self.data):
            return cut
        return max((end for kind, _, end in self.boxes() if kind == b"mdat" and end <= cut), default=0)


def record(name: str, file_format: str, audio: str | None, *, frames: int, b_frames: int, gop: int) -> Recording:
    sink = io.BytesIO()
    with av.open(sink, "w", format=file_format, options=MUX) as container:
        container.metadata["comment"] = COMMENT
        options = {"bf": str(b_frames), "g": str(gop), "preset": "ultrafast", "threads": "1"}
        video = container.add_stream("libx264", rate=FPS, options=options)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        rate = 48_000 if audio == "aac" else 8_000
        sound = container.add_stream(audio, rate=rate, layout="mono") if audio else None
        assert sound is None or isinstance(sound, av.AudioStream)
        resampler = av.AudioResampler("fltp" if audio == "aac" else "s16", "mono", rate, frame_size=1024)
        noise = np.random.default_rng(7)
        for number in range(frames):
            plane = noise.integers(0, 255, (72, 64), np.uint8)
            picture = av.VideoFrame.from_ndarray(plane, format="yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(picture))
            if sound is not None:
                samples = np.zeros((1, rate // FPS), np.int16)
                tone = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
                tone.rate, tone.pts = rate, number * rate // FPS
                for part in resampler.resample(tone):
                    container.mux(sound.encode(part))
        container.mux(video.encode(None))
        if sound is not None:
            container.mux(sound.encode(None))
    return Recording(name, sink.getvalue(), frames)


@pytest.fixture(scope="module")
def recordings() -> dict[str, Recording]:
    made = [
        record("h264", "mp4", None, frames=55, b_frames=0, gop=50),
        record("h264-bframes-aac", "mp4", "aac", frames=55, b_frames=2, gop=25),
        record("mov-mulaw", "mov", "pcm_mulaw", frames=55, b_frames=2, gop=25),
    ]
    return {recording.name: recording for recording in made}


@pytest.fixture(params=["h264", "h264-bframes-aac", "mov-mulaw"])
def recording(request: pytest.FixtureRequest, recordings: dict[str, Recording]) -> Recording:
    return recordings[request.param]


def decoded_frames(data: bytes) -> int:
    """How many pictures come out of it; every other stream is decoded too."""
    pictures = 0
    with av.open(io.BytesIO(data), "r") as container:
        for packet in container.demux():
            pictures += sum(isinstance(frame, av.VideoFrame) for frame in packet.decode())
    return pictures


def test_a_whole_file_is_whole(recording: Recording) -> None:
    kinds = [kind for kind, _, _ in recording.boxes()]
    assert kinds[:2] == [b"ftyp", b"moov"]
    assert kinds[-1] == b"mfra"
    assert kinds.count(b"moof") >= 4
    found = summary(io.BytesIO(recording.data))
    assert found == Mp4Summary(len(recording.data), recording.frames * FRAME_MS, recording.frames, COMMENT)


def test_cut_anywhere_it_ends_after_its_last_whole_fragment(recording: Recording) -> None:
    """Within ftyp, moov, moof, mdat or mfra: at every offset near the edges of boxes, and in between."""
    step = max(1, len(recording.data) // 1500)
    edges = {end + off for _, _, end in recording.boxes() for off in range(-17, 18)}
    cuts = sorted({*range(0, len(recording.data), step), *(edge for edge in edges if 0 <= edge <= len(recording.data))})
    for cut in cuts:
        found = summary(io.BytesIO(recording.data[:cut]))
        assert found.whole_bytes == recording.whole(cut), f"cut at {cut}"


def test_what_is_left_plays_to_its_last_frame(recording: Recording) -> None:
    counts = []
    for end in sorted({recording.whole(cut) for _, _, cut in recording.boxes()} - {0}):
        found = summary(io.BytesIO(recording.data[: end + 5]))
        assert found.comment == COMMENT
        assert found.duration_ms == found.video_frames * FRAME_MS
        assert decoded_frames(recording.data[: found.whole_bytes]) == found.video_frames
        counts.append(found.video_frames)
    assert counts == sorted(counts)
    assert counts[-1] == recording.frames
    assert len(counts) >= 4


@pytest.mark.parametrize("tail", [b"\0" * 5000, b"\xff" * 5000, b"moofmdat" * 700, b"\0\0\0\1mdat" + b"\xff" * 90])
def test_what_follows_a_whole_fragment_cannot_spoil_it(recording: Recording, tail: bytes) -> None:
    """Nor can it spoil the fragment that was begun behind it."""
    for kind, at, _ in recording.boxes():
        for cut in (at, at + 8):
            if kind != b"mdat" and recording.whole(cut):
                found = summary(io.BytesIO(recording.data[:cut] + tail))
                assert found.whole_bytes == recording.whole(cut)


@pytest.mark.parametrize("chunk", [1 << 20, 1100])
def test_pictures_that_never_reached_the_disk_are_not_there(
    recording: Recording, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index came through the power cut and a page of the footage did not: it reads as zeros."""
    monkeypatch.setattr(mp4, "CHUNK_BYTES", chunk)
    fragments = [(at, end) for kind, at, end in recording.boxes() if kind == b"mdat" and end - at > 10_000]
    assert len(fragments) >= 4
    for mdat, end in fragments:
        for hole in range(mdat + 8, mdat + 5_000, 997):
            data = recording.data[:hole] + bytes(len(mp4.HOLE)) + recording.data[hole + len(mp4.HOLE) :]
            assert summary(io.BytesIO(data)).whole_bytes == recording.whole(mdat)
            data = recording.data[:hole] + bytes(end - hole)
            assert summary(io.BytesIO(data)).whole_bytes == recording.whole(mdat)


def test_a_fragment_whose_index_lies_is_not_whole(recordings: dict[str, Recording]) -> None:
    """moof of one fragment, mdat too short for it: the samples it speaks of are not there."""
    recording = recordings["h264"]
    *_, (_, moof, moof_end), (_, mdat, _), (_, mfra, _) = recording.boxes()
    data = recording.data[:moof_end] + struct.pack(">I4s", 12, b"mdat") + b"\0" * 4 + recording.data[mfra:]
    assert summary(io.BytesIO(data)).whole_bytes == moof
    doubled = recording.data[:moof_end] + recording.data[moof:]
    assert summary(io.BytesIO(doubled)).whole_bytes == moof
    orphan = recording.data[:moof] + recording.data[mdat:]
    assert summary(io.BytesIO(orphan)).whole_bytes == moof


@pytest.mark.parametrize("cut", [0, 1, 7])
def test_too_short_to_be_anything_holds_no_footage(cut: int) -> None:
    assert summary(io.BytesIO(b"\0\0\0\x1cftyp"[:cut])) == Mp4Summary(0, 0, 0, None)


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 64,
        b"\xff" * 64,
        b"RIFF\0\0\0\0AVI LIST",
        struct.pack(">I4s", 8, b"mdat") * 4,
        struct.pack(">I4s", 8, b"ftyp") + struct.pack(">I4s", 8, b"mdat"),
        struct.pack(">I4s", 8, b"ftyp") + b"\0" * 64,
        struct.pack(">I4s", 8, b"ftyp") + struct.pack(">I4s", 8, b"moov"),
    ],
)
def test_what_is_not_ours_is_damaged(data: bytes) -> None:
    with pytest.raises(Mp4Damaged):
        summary(io.BytesIO(data))


# --- built by hand: what libav writes only in long or large files ------------------------------------------------


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def ints(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def movie(timescale: int = 1000, *, wide: bool = False, handler: bytes = b"vide", trex: bytes = b"") -> bytes:
    """ftyp and moov of one track with id 3; `wide` with the 64-bit forms of the headers."""
    times = (1 << 24, 0, 0, 0, 0) if wide else (0, 0, 0)
    tkhd, mdhd = ints(*times, 3), ints(*times, timescale, 0)
    trak = box(b"trak", box(b"tkhd", tkhd), box(b"mdia", box(b"mdhd", mdhd), box(b"hdlr", ints(0, 0), handler)))
    return box(b"ftyp", b"isom") + box(b"moov", trak, box(b"mvex", trex))


def fragment(
    *, tfdt: bytes = b"", tfhd: bytes | None = None, trun: bytes, mdat: int = 100, large: bool = False
) -> bytes:
    traf = box(b"traf", box(b"tfhd", ints(0, 3) if tfhd is None else tfhd), tfdt, box(b"trun", trun))
    moof = box(b"moof", box(b"mfhd", ints(0, 1)), traf)
    payload = b"\0" * mdat
    if large:
        return moof + struct.pack(">I4sQ", 1, b"mdat", 16 + mdat) + payload
    return moof + box(b"mdat", payload)


def read(*parts: bytes) -> Mp4Summary:
    return summary(io.BytesIO(b"".join(parts)))


TREX = box(b"trex", ints(0, 3, 1, 40, 10, 0))
OTHER_TREX = box(b"trex", ints(0, 4, 1, 999, 999, 0))


def test_samples_are_as_moov_says_where_the_fragment_is_silent() -> None:
    data = movie(trex=TREX + OTHER_TREX) + fragment(trun=ints(0, 10))
    assert read(data) == Mp4Summary(len(data), 400, 10, None)


def test_samples_are_as_the_fragment_says_where_it_speaks() -> None:
    defaults = ints(0x1 | 0x2 | 0x8 | 0x10 | 0x20, 3, 0, 0, 1, 20, 5, 0)
    data = movie(trex=TREX) + fragment(tfhd=defaults, trun=ints(0x4, 20, 0))
    assert read(data) == Mp4Summary(len(data), 400, 20, None)


def test_samples_are_as_they_say_themselves_before_all() -> None:
    trun = ints(0x100 | 0x200 | 0x400 | 0x800, 2, *(11, 60, 0, 0), *(22, 40, 0, 0))
    data = movie(trex=TREX) + fragment(trun=trun)
    assert read(data) == Mp4Summary(len(data), 33, 2, None)
    for trun in (ints(0x200, 2, 60, 41), ints(0x100 | 0x200, 2, *(1, 60), *(1, 41))):
        assert read(movie(trex=TREX), fragment(trun=trun)).whole_bytes == 0, "101 bytes in an mdat of 100"
    for flags in (0x100, 0x200, 0x400, 0x800):
        assert read(movie(trex=TREX), fragment(trun=ints(flags, 2, 1))).whole_bytes == 0, "one entry for two samples"


@pytest.mark.parametrize("wide", [False, True])
def test_long_and_large_forms(wide: bool) -> None:
    """64-bit times from 2038 on or in version 1, 64-bit sizes from 4 GiB on. Time counts from the first fragment."""

    def at(ticks: int) -> bytes:
        return box(b"tfdt", struct.pack(">IQ", 1 << 24, ticks) if wide else ints(0, ticks))

    base = 1 << 40 if wide else 5_000
    data = movie(timescale=1000, wide=wide, trex=TREX)
    data += fragment(tfdt=at(base), trun=ints(0, 10), large=wide) + box(b"free")
    data += fragment(tfdt=at(base + 1_000), trun=ints(0, 10), large=wide)
    assert read(data) == Mp4Summary(len(data), 1_400, 20, None)


def test_a_fragment_out_of_its_time_ends_what_is_good() -> None:
    start = movie(trex=TREX) + fragment(tfdt=box(b"tfdt", ints(0, 5_000)), trun=ints(0, 10))
    for ticks in (0, 4_000, 5_000 + MAX_DURATION_MS):
        late = fragment(tfdt=box(b"tfdt", ints(0, ticks)), trun=ints(0, 1))
        assert read(start, late) == Mp4Summary(len(start), 400, 10, None), ticks
    last = fragment(tfdt=box(b"tfdt", ints(0, 5_000 + MAX_DURATION_MS - 40)), trun=ints(0, 1))
    assert read(start, last).duration_ms == MAX_DURATION_MS


def test_a_fragment_may_begin_before_the_last_one_ends() -> None:
    """How long the last frame of a fragment is shown is a guess if it was written before the next one came."""
    first = fragment(tfdt=box(b"tfdt", ints(0, 0)), trun=ints(0, 10))
    for ticks, duration_ms in ((361, 761), (10, 410), (0, 400)):
        second = fragment(tfdt=box(b"tfdt", ints(0, ticks)), trun=ints(0, 10))
        data = movie(trex=TREX) + first + second
        assert read(data) == Mp4Summary(len(data), duration_ms, 20, None)
    short = fragment(tfdt=box(b"tfdt", ints(0, 10)), trun=ints(0, 1))
    assert read(movie(trex=TREX), first, short).duration_ms == 400


def test_a_fragment_of_sound_only_is_whole_and_has_no_frames() -> None:
    start = movie(trex=TREX) + fragment(trun=ints(0, 10))
    sound = fragment(tfhd=ints(0, 4), tfdt=box(b"tfdt", ints(0, 99)), trun=ints(0x200, 2, 50, 50))
    assert read(start, sound) == Mp4Summary(len(start + sound), 400, 10, None)


def test_frames_without_bytes_are_none() -> None:
    """Or a box of eight bytes could claim four thousand million of them."""
    start = movie(trex=box(b"trex", ints(0, 3, 1, 0, 0, 0)))
    assert read(start, fragment(trun=ints(0, 2**32 - 1))) == Mp4Summary(0, 0, 0, None)


def test_a_box_of_no_length_ends_what_is_good() -> None:
    start = movie(trex=TREX) + fragment(trun=ints(0, 10))
    for length in (0, 1, 7):
        tail = struct.pack(">I4s", length, b"free") + b"\0" * 8
        assert read(start, tail).whole_bytes == len(start)


def test_a_trailer_without_fragments_is_no_footage() -> None:
    trailer = box(b"mfra", box(b"mfro", ints(0, 24)))
    start = movie(trex=TREX) + fragment(trun=ints(0, 10))
    assert read(start, trailer).whole_bytes == len(start + trailer)
    assert read(movie(trex=TREX), trailer).whole_bytes == 0


@pytest.mark.parametrize(("runs", "whole"), [(MAX_RUNS, True), (MAX_RUNS + 1, False)])
def test_a_fragment_in_countless_pieces_is_not_ours(runs: int, whole: bool) -> None:
    head = len(box(b"moof", box(b"traf", box(b"tfhd", ints(0x10, 3, 1))))) + runs * len(box(b"trun", ints(0, 0, 0))) + 8
    pieces = b"".join(box(b"trun", ints(0x1, 1, head + number)) for number in range(runs))
    moof = box(b"moof", box(b"traf", box(b"tfhd", ints(0x10, 3, 1)), pieces))
    data = movie(trex=TREX) + moof + box(b"mdat", b"\0" * runs)
    assert read(data).whole_bytes == (len(data) if whole else 0)


def test_pictures_outside_of_their_mdat_are_none() -> None:
    start = movie(trex=TREX)
    for offset in (0, 60, 2**31):
        assert read(start, fragment(trun=ints(0x1, 10, offset))) == Mp4Summary(0, 0, 0, None)
    moof = len(fragment(trun=ints(0x1, 10, 0), mdat=0)) - 8
    data = start + fragment(trun=ints(0x1, 10, moof + 8))
    assert read(data) == Mp4Summary(len(data), 400, 10, None)


@pytest.mark.parametrize(
    "moov", [movie(handler=b"soun"), movie(timescale=0), movie(trex=box(b"trex", ints(0))), movie()[:-20] + b"\0" * 20]
)
def test_a_damaged_index_is_said_to_be_damaged(moov: bytes) -> None:
    with pytest.raises(Mp4Damaged):
        read(moov, fragment(trun=ints(0, 1)))


@pytest.mark.parametrize(
    "udta",
    [
        b"",
        ints(0),
        box(b"meta"),
        box(b"meta", ints(0), box(b"ilst", box(b"\xa9cmt", box(b"data", ints(0, 0), b"\xff\xfe")))),
        box(b"\xa9cmt"),
        box(b"\xa9cmt", b"\0\2\0\0\xff\xff"),
        b"\0\0\0\7\xa9cmt",
    ],
)
def test_a_damaged_comment_costs_no_footage(udta: bytes) -> None:
    whole = movie(trex=TREX)
    ftyp, moov = whole[:12], whole[20:]
    data = ftyp + box(b"moov", moov, box(b"udta", udta)) + fragment(trun=ints(0, 10))
    assert read(data) == Mp4Summary(len(data), 400, 10, None)


# --- bytes that nobody wrote ------------------------------------------------------------------------------------


def survives(data: bytes) -> None:
    """Nothing but `Mp4Damaged`, and numbers that make sense and fit a database."""
    try:
        found = summary(io.BytesIO(data))
    except Mp4Damaged:
        return
    assert 0 <= found.whole_bytes <= len(data)
    assert 0 <= found.duration_ms <= MAX_DURATION_MS
    assert 0 <= found.video_frames <= len(data)
    if found.whole_bytes:
        again = summary(io.BytesIO(data[: found.whole_bytes]))
        assert again == found, "cutting where it says changes nothing more"


KINDS = ["ftyp", "moov", "trak", "mdia", "hdlr", "mdhd", "tkhd", "mvex", "trex", "udta", "meta", "moof", "traf", "trun"]


@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(KINDS).map(lambda k: box(k.encode(), b"\0" * 8)))))
def test_garbage(parts: list[bytes]) -> None:
    survives(b"".join(parts))
    survives(movie(trex=TREX) + b"".join(parts))


@given(data=st.data())
def test_a_file_with_wounds(recordings: dict[str, Recording], data: st.DataObject) -> None:
    """Bytes changed, cut out and put in, above all in the indexes."""
    wounded = bytearray(recordings[data.draw(st.sampled_from(sorted(recordings)))].data[:4000])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, 2200))
        length = data.draw(st.sampled_from([0, 1, 1, 4]))
        wounded[at : at + length] = data.draw(st.binary(max_size=4))
    survives(bytes(wounded))


@pytest.mark.parametrize("kind", [b"moov", b"moof"])
def test_memory_is_bounded_whatever_a_box_claims(tmp_path: Path, kind: bytes) -> None:
    start = movie(trex=TREX) + fragment(trun=ints(0, 10)) if kind == b"moof" else box(b"ftyp", b"isom")
    path = tmp_path / "huge.mp4"
    with path.open("wb") as file:
        file.write(start + struct.pack(">I4sQ", 1, kind, 8 << 30))
        file.truncate(9 << 30)
    with path.open("rb") as file:
        tracemalloc.start()
        try:
            if kind == b"moof":
                assert summary(file).whole_bytes == len(start)
            else:
                with pytest.raises(Mp4Damaged):
                    summary(file)
            assert tracemalloc.get_traced_memory()[1] < MAX_INDEX_BYTES
        finally:
            tracemalloc.stop()


def test_a_file_that_shrinks_while_it_is_read_is_damaged(recordings: dict[str, Recording]) -> None:
    class Shrinking(io.BytesIO):
        def seek(self, offset: int, whence: int = 0) -> int:
            return len(recordings["h264"].data) if whence == io.SEEK_END else super().seek(offset, whence)

    with pytest.raises(Mp4Damaged, match="shrank"):
        summary(Shrinking(recordings["h264"].data[:200]))
