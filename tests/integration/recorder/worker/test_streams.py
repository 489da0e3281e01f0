"""Odd streams through the whole recording: real coded units and real files, with time as it is told to them."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest

from recorder.codec.sets import H264Sets, H265Sets, Sets
from recorder.decoder.decode import check_file
from recorder.words.stream import Codec, Sound, Unit, Video
from recorder.worker.recording import NO_KEY_NS, RETRY_NS, SILENT_NS, SPOILT, Overdue
from recorder.worker.timestamp_repair import NS_PER_S
from storage.words.model import GapCause
from tests.support import nal
from tests.support.session import FIRST_MS, MadeSource, Session

FPS = 25
SOUND_RATE = 8_000
CODECS = {"pcm_mulaw": Codec.PCMU, "pcm_alaw": Codec.PCMA, "aac": Codec.AAC}


def coded(
    codec: str,
    seconds: float,
    *,
    size: tuple[int, int] = (160, 96),
    sound: str | None = None,
    form: str = "mpegts",
    options: dict[str, str] | None = None,
) -> bytes:
    """Grey pictures that get lighter, a key frame each second; with a tone if `sound` names an encoder."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as out:
        video: Any = out.add_stream(codec, rate=FPS, options={"preset": "ultrafast", **(options or {})})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.codec_context.gop_size = FPS
        if codec == "libx265":
            video.codec_context.options["x265-params"] = "log-level=none:repeat-headers=1"
        voice: Any = None if sound is None else out.add_stream(sound, rate=SOUND_RATE, layout="mono")
        tone = np.sin(np.arange(SOUND_RATE // FPS) / 5)[None] * 8_000
        for index in range(round(seconds * FPS)):
            picture = np.full((size[1] * 3 // 2, size[0]), 40 + index % 100, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            out.mux(video.encode(frame))
            if voice is not None:
                samples = av.AudioFrame.from_ndarray(tone.astype(np.int16), format="s16", layout="mono")
                samples.sample_rate, samples.pts = SOUND_RATE, index * SOUND_RATE // FPS
                samples.time_base = Fraction(1, SOUND_RATE)
                out.mux(voice.encode(samples))
        for stream in out.streams:
            out.mux(cast("Any", stream).encode(None))
        return file.getvalue()


@dataclass
class Footage:
    """Coded units as a source hands them over."""

    video: Video
    sound: Sound | None
    units: list[Unit]


def footage(data: bytes, form: str = "mpegts") -> Footage:
    """What lies in a file, with the parameter sets found in it."""
    units: list[Unit] = []
    with av.open(io.BytesIO(data), "r", format=form) as container:
        picture: Any = container.streams.video[0]
        voice: Any = container.streams.audio[0] if container.streams.audio else None
        codec = Codec(picture.codec_context.name)
        sets: Sets = H264Sets() if codec is Codec.H264 else H265Sets()
        for unit in nal.split_annexb(bytes(picture.codec_context.extradata or b"")):
            sets.put(unit)
        for packet in container.demux():
            if packet.size and packet.stream is picture:
                pieces = nal.split_annexb(bytes(packet))
                if packet.is_keyframe:
                    for piece in pieces:
                        sets.put(piece)
                framed = b"".join(len(piece).to_bytes(4, "big") + piece for piece in pieces)
                pts = round(Fraction(packet.pts or 0) * Fraction(packet.time_base) * 90_000)
                units.append(Unit(True, pts, 0, packet.is_keyframe, framed, sets.known if packet.is_keyframe else None))
            elif packet.size:
                pts = round(Fraction(packet.pts or 0) * Fraction(packet.time_base) * SOUND_RATE)
                units.append(Unit(False, pts, packet.duration or 0, True, bytes(packet)))
        sound = None
        if voice is not None:
            sound = Sound(CODECS[voice.codec_context.name], SOUND_RATE, 1, bytes(voice.codec_context.extradata or b""))
    assert sets.known is not None
    return Footage(Video(codec, 90_000, sets.known), sound, units)


class Played(Session):
    """A recording that is fed footage as if it came live."""

    def __init__(self, footage: Footage, tmp_path: Path, segment_ms: int = 60_000) -> None:
        super().__init__(MadeSource(footage.video, footage.sound), segment_ms)
        self.footage = footage
        self.tmp_path = tmp_path
        self.sent: list[str] = []

    def play(self, units: list[Unit]) -> None:
        """One frame of the picture each 40 ms, sound as it lies between them."""
        for unit in units:
            if unit.video:
                self.clock.boottime_ms += 1000 // FPS
                self.sent.append(hashlib.sha256(unit.data).hexdigest())
            self.feed(unit)

    def finish(self) -> list[Path]:
        self.recording.finish()
        paths = []
        for number, segment in enumerate(self.segments):
            assert segment.end is not None
            path = self.tmp_path / f"{number}.mp4"
            path.write_bytes(segment.data)
            paths.append(path)
        return paths


def frames_in(path: Path) -> list[str]:
    """Fingerprints of the coded pictures in a file, in their order."""
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.video[0])
        return [hashlib.sha256(bytes(packet)).hexdigest() for packet in packets if packet.size]


def shown_in(path: Path) -> list[int]:
    """When each picture is shown, at 90 kHz, in that order."""
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.video[0])
        return sorted(round((packet.pts or 0) * packet.time_base * 90_000) for packet in packets if packet.size)


def header_of(path: Path) -> bytes:
    """The parameter sets in the file's header, which players believe before they have seen a picture."""
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.extradata or b""


def shape(path: Path) -> tuple[int, int, float]:
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        picture = next(container.decode(video))
        assert (picture.width, picture.height) == (video.codec_context.width, video.codec_context.height)
        start = Fraction(video.start_time or 0) * Fraction(video.time_base or 0)
        return picture.width, picture.height, float(start)


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"tune": "zerolatency"}),
        ("libx264", {"bf": "2", "x264-params": "b-adapt=0:scenecut=0"}),
        ("libx264", {"bf": "2", "x264-params": "b-adapt=0:open-gop=1:scenecut=0"}),
        ("libx265", {}),
    ],
)
@pytest.mark.parametrize("said", [True, False])
def test_coded_frames_on_disk_are_those_sent_once_and_in_order(
    tmp_path: Path, codec: str, options: dict[str, str], said: bool
) -> None:
    """Also when the stream does not say how its pictures are ordered."""
    made = footage(coded(codec, 8, options=options))
    session = Played(made if said else silent_of_order(made), tmp_path, segment_ms=2_000)
    session.play(session.footage.units)
    paths = session.finish()
    assert len(paths) == 4
    assert [frame for path in paths for frame in frames_in(path)] == session.sent
    assert [shape(path)[2] for path in paths] == [0] * 4
    assert check_file(paths[0]) == len(frames_in(paths[0]))
    shown = [unit.pts for unit in made.units]
    assert [at for path in paths for at in shown_in(path)] == [(at - shown[0]) % (2 * 90_000) for at in sorted(shown)]
    stats = session.recording.stats()
    assert stats.dropped == stats.repaired == 0
    keys = [len(unit.data) for unit in made.units if unit.key]
    assert (stats.key_frames, stats.key_bytes) == (len(keys), sum(keys))


def silent_of_order(made: Footage) -> Footage:
    parameters = replace(made.video.parameters, reorder=None)
    units = [
        Unit(unit.video, unit.pts, unit.duration, unit.key, unit.data, parameters if unit.key else None)
        for unit in made.units
    ]
    return Footage(replace(made.video, parameters=parameters), made.sound, units)


def test_another_picture_size_in_the_same_session_begins_a_file_that_plays(tmp_path: Path) -> None:
    """Also another clock: the second half of what is sent counts from 0 again. Nothing is lost."""
    first, second = footage(coded("libx264", 2)), footage(coded("libx264", 2, size=(320, 192)))
    session = Played(first, tmp_path)
    session.play(first.units + second.units)
    paths = session.finish()
    assert [shape(path) for path in paths] == [(160, 96, 0), (320, 192, 0)]
    assert session.sizes == [(320, 192)]
    assert [check_file(path) for path in paths] == [50, 50]
    own = [header_of(path) for path in paths]
    assert own[0] != own[1]
    assert [frame for path in paths for frame in frames_in(path)] == session.sent
    assert session.recording.stats().repaired == 1
    before, after = session.segments
    assert before.end == after.start
    assert abs(after.start.boottime_ms - before.start.boottime_ms - 2_000) <= 80


@pytest.mark.parametrize("encoder", CODECS)
def test_sound_is_kept_bit_for_bit(tmp_path: Path, encoder: str) -> None:
    data = coded("libx264", 5, sound=encoder, form="nut", options={"tune": "zerolatency"})
    session = Played(footage(data, "nut"), tmp_path, segment_ms=2_000)
    session.play(session.footage.units)
    paths = session.finish()
    assert len(paths) == 3
    kept = []
    for path in paths:
        with av.open(str(path)) as container:
            assert container.streams.audio[0].codec_context.name == encoder
            kept += [bytes(packet) for packet in container.demux(container.streams.audio[0]) if packet.size]
    first = next(unit.pts for unit in session.footage.units if unit.video)
    sent = [u.data for u in session.footage.units if not u.video and u.pts * 90_000 >= first * SOUND_RATE]
    assert b"".join(kept) == b"".join(sent)
    assert session.recording.stats().dropped == 0


def test_a_refused_segment_is_given_up_and_another_begun(tmp_path: Path) -> None:
    session = Played(footage(coded("libx264", 12)), tmp_path)
    units = session.footage.units
    session.play(units[:60])
    session.kept.lost.add(1)
    session.play(units[60:])
    session.recording.finish()
    first, second = session.segments
    waited_ms = second.start.boottime_ms - (first.start.boottime_ms + 60 * 40)
    assert RETRY_NS // 1_000_000 <= waited_ms < RETRY_NS // 1_000_000 + 1_100
    assert first.end is None
    assert second.end is not None


def test_a_camera_that_falls_silent_or_sends_no_key_frames_is_told_apart(tmp_path: Path) -> None:
    session = Played(footage(coded("libx264", 2)), tmp_path)
    session.play(session.footage.units[:2])
    assert session.recording.overdue() is None
    session.clock.boottime_ms += 10_001
    assert session.recording.overdue() == Overdue(GapCause.STALLED, SILENT_NS)
    session.source.losses.frames += SPOILT + 1
    assert session.recording.overdue() == Overdue(GapCause.BAD_DATA, SILENT_NS), "something came, and it was no picture"
    delta = next(unit for unit in session.footage.units if not unit.key)
    while session.clock.boottime_ms < FIRST_MS + 121_000:
        session.clock.boottime_ms += 5_000
        session.play([delta])
    assert session.recording.overdue() == Overdue(GapCause.NO_KEYFRAME, 2 * 60 * NS_PER_S)
    session.recording.finish()
    assert session.recording.overdue() is None


def test_without_a_file_that_grows_a_key_frame_is_not_waited_for_for_long(tmp_path: Path) -> None:
    """Whatever the length of a segment: nothing is recorded meanwhile."""
    session = Played(footage(coded("libx264", 2)), tmp_path)
    session.play(session.footage.units[:2])
    session.kept.lost.add(1)
    delta = next(unit for unit in session.footage.units if not unit.key)
    while session.clock.boottime_ms < FIRST_MS + 24_000:
        session.clock.boottime_ms += 5_000
        session.play([delta])
        assert session.recording.overdue() is None
    session.clock.boottime_ms += 5_000
    session.play([delta])
    assert session.recording.overdue() == Overdue(GapCause.NO_KEYFRAME, NO_KEY_NS)
    session.recording.finish()


def test_nothing_is_taken_after_the_end(tmp_path: Path) -> None:
    session = Played(footage(coded("libx264", 2)), tmp_path)
    session.play(session.footage.units[:30])
    session.recording.finish()
    before = session.recording.stats()
    session.clock.boottime_ms -= 20 * 40
    session.play(session.footage.units[30:])
    session.recording.finish()
    assert session.recording.stats() == before
    assert [segment.end is not None for segment in session.segments] == [True]
