"""Odd streams through the whole recording: real coded packets and real files, with time as it is told to them."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from av.packet import Packet

from recorder.disk import Committed, Writer
from recorder.messages import Stats, Terms
from recorder.muxer import Box, box_for
from recorder.probe import check_file
from recorder.recording import NO_KEY_NS, RETRY_NS, SILENT_NS, Overdue, Recording
from recorder.stamps import NS_PER_S
from storage.model import GapCause, Moment
from tests.support.worker import make_start

FPS = 25
SOUND_RATE = 8_000
FIRST_MS = 50_000


@dataclass
class Kept:
    """Stands for the disk: one list of bytes per segment."""

    starts: list[Moment] = field(default_factory=list)
    ends: list[tuple[Moment, int]] = field(default_factory=list)
    pieces: list[list[bytes]] = field(default_factory=list)
    lost: bool = False
    is_behind: bool = False
    last_committed: Committed = field(default_factory=lambda: Committed(0, ""))
    queued_bytes: int = 0

    def begin(self, seq: int, start: Moment, terms: Terms) -> None:
        assert (seq, terms.epoch) == (len(self.starts) + 1, 1)
        self.starts.append(start)
        self.pieces.append([])

    def add(self, pieces: list[bytes]) -> None:
        self.pieces[-1] += pieces

    def end(self, end: Moment, frames: int) -> None:
        self.ends.append((end, frames))

    def is_lost(self, seq: int) -> bool:
        return self.lost and seq == len(self.starts)

    def take_slowest_sync_ms(self) -> int:
        return 0


@dataclass
class Clock:
    """Says what it is told."""

    boottime_ms: int = FIRST_MS
    boot_id: str = "boot"

    def now(self) -> Moment:
        return Moment(1_700_000_000_000 + self.boottime_ms, self.boottime_ms)

    def synced(self) -> bool:
        return True


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
class Session:
    """A recording that is fed a file as if it came live, and what came of it."""

    data: bytes
    tmp_path: Path
    form: str = "mpegts"
    segment_ms: int = 60_000
    kept: Kept = field(default_factory=Kept)
    clock: Clock = field(default_factory=Clock)
    sizes: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.container = av.open(io.BytesIO(self.data), "r", format=self.form)
        self.video = self.container.streams.video[0]
        self.sound = self.container.streams.audio[0] if self.container.streams.audio else None
        self.recording = Recording(
            make_start(self.tmp_path, "rtsp://10.0.0.1/x", segment_ms=self.segment_ms),
            self.video,
            self.sound,
            writer=cast("Writer", self.kept),
            clock=self.clock,
            began=self.clock.now(),
            resized=lambda width, height: self.sizes.append((width, height)),
        )
        self.sent: list[str] = []

    def close(self) -> None:
        self.container.close()

    def packets(self) -> list[Packet[Any]]:
        """Those of the picture remember what was sent."""
        return [packet for packet in self.container.demux() if packet.size]

    def feed(self, packets: list[Packet[Any]]) -> None:
        """One frame of the picture each 40 ms, sound as it lies between them."""
        for packet in packets:
            if packet.stream.type == "video":
                self.clock.boottime_ms += 1000 // FPS
                self.sent.append(fingerprint(bytes(packet)))
            self.recording.feed(packet, waited=True)

    def finish(self) -> list[Path]:
        self.recording.finish()
        assert len(self.kept.ends) == len(self.kept.starts)
        paths = []
        for number, pieces in enumerate(self.kept.pieces):
            path = self.tmp_path / f"{number}.mp4"
            path.write_bytes(b"".join(pieces))
            paths.append(path)
        return paths

    def stats(self) -> Stats:
        return self.recording.stats()


def fingerprint(data: bytes) -> str:
    """Of a frame's units, however they are framed (start codes or lengths)."""
    units = [unit for unit in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
    return hashlib.sha256(b"".join(units)).hexdigest()


def shown_at(packet: Packet[Any]) -> Fraction:
    return Fraction(packet.pts or 0) * Fraction(packet.time_base)


def frames_in(path: Path) -> list[str]:
    """Fingerprints of the coded pictures in a file, in their order."""
    with av.open(str(path)) as container:
        found = []
        for packet in container.demux(container.streams.video[0]):
            data, units, at = bytes(packet), [], 0
            while at < len(data):
                length = int.from_bytes(data[at : at + 4], "big")
                units.append(data[at + 4 : at + 4 + length])
                at += 4 + length
            if data:
                found.append(hashlib.sha256(b"".join(units)).hexdigest())
        return found


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
def test_coded_frames_on_disk_are_those_sent_once_and_in_order(
    tmp_path: Path, codec: str, options: dict[str, str]
) -> None:
    session = Session(coded(codec, 8, options=options), tmp_path, segment_ms=2_000)
    session.feed(session.packets())
    paths = session.finish()
    assert len(paths) == 4
    assert [frame for path in paths for frame in frames_in(path)] == session.sent
    assert [shape(path)[2] for path in paths] == [0] * 4
    assert check_file(paths[0]) == len(frames_in(paths[0]))
    assert session.stats().dropped == session.stats().repaired == 0
    session.close()


def test_another_picture_size_in_the_same_session_begins_a_file_that_plays(tmp_path: Path) -> None:
    """Also another clock: the second half of what is sent counts from 0 again. Nothing is lost."""
    first, second = coded("libx264", 2), coded("libx264", 2, size=(320, 192))
    session = Session(first + second, tmp_path)
    session.feed(session.packets())
    paths = session.finish()
    assert [shape(path) for path in paths] == [(160, 96, 0), (320, 192, 0)]
    assert session.sizes == [(320, 192)]
    assert [check_file(path) for path in paths] == [50, 50]
    own = [header_of(path) for path in paths]
    assert own[0] != own[1]
    assert all(header[8:24] in path.read_bytes().partition(b"mdat")[2] for header, path in zip(own, paths, strict=True))
    assert [frame for path in paths for frame in frames_in(path)] == session.sent
    assert session.stats().repaired == 1
    end, _ = session.kept.ends[0]
    assert end == session.kept.starts[1]
    assert abs(end.boottime_ms - session.kept.starts[0].boottime_ms - 2_000) <= 80
    session.close()


@pytest.mark.parametrize(("encoder", "box"), [("pcm_mulaw", Box.MOV), ("pcm_alaw", Box.MOV), ("aac", Box.MP4)])
def test_sound_is_kept_bit_for_bit(tmp_path: Path, encoder: str, box: Box) -> None:
    assert box_for(encoder) is box
    data = coded("libx264", 5, sound=encoder, form="nut", options={"tune": "zerolatency"})
    session = Session(data, tmp_path, form="nut", segment_ms=2_000)
    packets = session.packets()
    first = shown_at(next(packet for packet in packets if packet.stream.type == "video"))
    sent = [bytes(packet) for packet in packets if packet.stream.type == "audio" and shown_at(packet) >= first]
    session.feed(packets)
    paths = session.finish()
    assert len(paths) == 3
    kept = []
    for path in paths:
        with av.open(str(path)) as container:
            assert container.streams.audio[0].codec_context.name == encoder
            kept += [bytes(packet) for packet in container.demux(container.streams.audio[0]) if packet.size]
    assert b"".join(kept) == b"".join(sent)
    session.close()


@pytest.mark.parametrize("codec", ["adpcm_g726", "g723_1", "wmav2"])
def test_other_sound_is_refused(codec: str) -> None:
    assert box_for(codec) is None


def test_a_refused_segment_is_given_up_and_another_begun(tmp_path: Path) -> None:
    session = Session(coded("libx264", 12), tmp_path)
    packets = session.packets()
    session.feed(packets[:60])
    session.kept.lost = True
    session.feed(packets[60:61])
    session.kept.lost = False
    session.feed(packets[61:])
    session.recording.finish()
    first, second = session.kept.starts
    waited_ms = second.boottime_ms - (first.boottime_ms + 60 * 40)
    assert RETRY_NS // 1_000_000 <= waited_ms < RETRY_NS // 1_000_000 + 1_100
    assert len(session.kept.ends) == 1
    session.close()


def test_a_camera_that_falls_silent_or_sends_no_key_frames_is_told_apart(tmp_path: Path) -> None:
    session = Session(coded("libx264", 2), tmp_path)
    packets = session.packets()
    session.feed(packets[:2])
    assert session.recording.tick() is None
    session.clock.boottime_ms += 10_001
    assert session.recording.tick() == Overdue(GapCause.STALLED, SILENT_NS)
    delta = next(packet for packet in packets if not packet.is_keyframe)
    while session.clock.boottime_ms < FIRST_MS + 121_000:
        session.clock.boottime_ms += 5_000
        session.feed([delta])
    assert session.recording.tick() == Overdue(GapCause.NO_KEYFRAME, 2 * 60 * NS_PER_S)
    session.recording.finish()
    assert session.recording.tick() is None
    session.close()


def test_without_a_file_that_grows_a_key_frame_is_not_waited_for_for_long(tmp_path: Path) -> None:
    """Whatever the length of a segment: nothing is recorded meanwhile."""
    session = Session(coded("libx264", 2), tmp_path)
    packets = session.packets()
    session.feed(packets[:2])
    session.kept.lost = True
    delta = next(packet for packet in packets if not packet.is_keyframe)
    while session.clock.boottime_ms < FIRST_MS + 24_000:
        session.clock.boottime_ms += 5_000
        session.feed([delta])
        assert session.recording.tick() is None
    session.clock.boottime_ms += 5_000
    session.feed([delta])
    assert session.recording.tick() == Overdue(GapCause.NO_KEYFRAME, NO_KEY_NS)
    session.recording.finish()
    session.close()


def test_nothing_is_taken_after_the_end(tmp_path: Path) -> None:
    session = Session(coded("libx264", 2), tmp_path)
    packets = session.packets()
    session.feed(packets[:30])
    session.recording.finish()
    before = session.stats()
    session.feed(packets[30:])
    session.recording.finish()
    assert session.stats() == before
    assert len(session.kept.ends) == 1
    session.close()
