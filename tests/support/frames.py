"""Reading back what was recorded, and holding it against what was sent.

A file is taken apart with libav's demuxer, each video frame is named as the camera named it (see `nal`), and times
are those of the file, which a player sees. `compare_video` and `sound_faults` answer with sentences: none means that
nothing is wrong. `decode_faults` plays the whole file.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import av
import av.error

from tests.support import nal
from tests.support.clips import Clip
from tests.support.rtsp_server import Sent

SOUND_TOLERANCE_S: Final = 0.040
"""How far sound may be from where it was at the source, against the picture (issue 2)."""

SOUND_BEHIND_S: Final = 0.9
"""How long after the picture of the same instant sound may come (recorder.worker.segmenter.CROSSING_NS)."""

START_TOLERANCE_S: Final = 0.0005
"""Files start at 0 but for the rounding of their time base."""

HEARD_BYTES: Final = 1000
"""So much sound is found in one place of the source only."""

SHOWN: Final = 5
"""Examples in one sentence."""


@dataclass(frozen=True, slots=True)
class CodedFrame:
    number: int | None
    """As stamped by the camera; None when the stamp is not there."""
    md5: str
    key: bool
    pts: float
    dts: float
    whole: str
    """Names its bytes as they lie in the file."""


@dataclass(frozen=True, slots=True)
class SoundPacket:
    data: bytes
    pts: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """One segment file, taken apart."""

    path: Path
    video_codec: str
    sound_codec: str | None
    width: int
    height: int
    comment: str
    video: tuple[CodedFrame, ...] = field(repr=False)
    sound: tuple[SoundPacket, ...] = field(repr=False)

    @property
    def starts_at(self) -> float:
        """Earliest time shown or heard in the file."""
        return min([frame.pts for frame in self.video] + [packet.pts for packet in self.sound])


def read(path: Path) -> Recorded:
    video: list[CodedFrame] = []
    sound: list[SoundPacket] = []
    with av.open(str(path)) as container:
        picture = container.streams.video[0]
        codec: nal.VideoCodec = "h265" if picture.codec_context.name == "hevc" else "h264"
        speakers = container.streams.audio
        for packet in container.demux():
            if packet.size == 0:
                continue
            data = bytes(packet)
            pts, dts = _seconds(packet.pts, packet), _seconds(packet.dts, packet)
            if packet.stream.index == picture.index:
                name = nal.digest(codec, nal.split_lengths(data))
                video.append(CodedFrame(nal.number_of(data), name, bool(packet.is_keyframe), pts, dts, _md5(data)))
            else:
                sound.append(SoundPacket(data, pts))
        return Recorded(
            path=path,
            video_codec=codec,
            sound_codec=speakers[0].codec_context.name if speakers else None,
            width=picture.codec_context.width,
            height=picture.codec_context.height,
            comment=container.metadata.get("comment", ""),
            video=tuple(video),
            sound=tuple(sound),
        )


def decode_faults(path: Path) -> list[str]:
    """Plays all of it; errors, missing pictures and pictures that libav calls corrupt are faults."""
    faults = []
    packets = pictures = corrupt = 0
    with av.open(str(path)) as container:
        for stream in (*container.streams.video, *container.streams.audio):
            stream.codec_context.options = {"err_detect": "explode"}
        for packet in container.demux():
            is_video = packet.stream.type == "video"
            packets += is_video and packet.size > 0
            try:
                for frame in packet.decode():
                    pictures += is_video
                    corrupt += bool(getattr(frame, "is_corrupt", False))
            except av.error.FFmpegError as error:
                faults.append(f"{path.name}: {packet.stream.type} at {packet.pts} does not decode: {error}")
    if pictures != packets:
        faults.append(f"{path.name}: {packets} coded frames gave {pictures} pictures")
    if corrupt:
        faults.append(f"{path.name}: {corrupt} corrupt pictures")
    return faults


def file_faults(recorded: Recorded) -> list[str]:
    """What must hold of each file by itself."""
    faults = []
    if not recorded.video:
        return [f"{recorded.path.name}: no video"]
    if not recorded.video[0].key:
        faults.append(f"{recorded.path.name}: does not begin with a key frame")
    if abs(recorded.starts_at) > START_TOLERANCE_S:
        faults.append(f"{recorded.path.name}: starts at {recorded.starts_at:.4f} s instead of 0")
    return faults


def compare_video(sent: Sequence[Sent], recorded: Sequence[Recorded]) -> list[str]:
    """Every frame sent between the first key frame and the last frame recorded is there once, in order, unchanged.

    `recorded` in the order of the catalog. Where the camera was started anew in between, the frames of each of its
    runs are held against that run alone; what happened between two runs is for gaps to tell.
    """
    frames = [(file, frame) for file in recorded for frame in file.video]
    if not frames:
        return ["nothing was recorded"]
    unknown = [f"{file.path.name} at {frame.pts:.3f} s" for file, frame in frames if frame.number is None]
    faults = [_some("frames without the camera's stamp", unknown)] if unknown else []
    numbers = [frame.number for _, frame in frames if frame.number is not None]
    faults += _number_faults(numbers)
    named = {entry.n: entry for entry in sent}
    changed = [frame.number for _, frame in frames if frame.number is not None and not _same(frame, named)]
    if changed:
        faults.append(_some("frames differ from what was sent", changed))
    faults += _missing(sent, set(numbers))
    return faults


def _same(frame: CodedFrame, named: dict[int, Sent]) -> bool:
    entry = named.get(frame.number if frame.number is not None else -1)
    if entry is None or entry.key != frame.key:
        return False
    return entry.whole == frame.whole if entry.whole else entry.md5 == frame.md5


def _number_faults(numbers: Sequence[int]) -> list[str]:
    faults = []
    doubled = [number for number, count in Counter(numbers).items() if count > 1]
    if doubled:
        faults.append(_some("frames recorded more than once", doubled))
    swapped = [after for before, after in pairwise(numbers) if after < before]
    if swapped:
        faults.append(_some("frames out of order", swapped))
    return faults


def _missing(sent: Sequence[Sent], numbers: set[int]) -> list[str]:
    """Recordings begin with a key frame and go on to their last frame: between them nothing of a run may be missing."""
    faults = []
    for run in sorted({entry.run for entry in sent}):
        order = [entry.n for entry in sent if entry.run == run]
        there = [index for index, number in enumerate(order) if number in numbers]
        if there:
            lost = [number for number in order[there[0] : there[-1] + 1] if number not in numbers]
            if lost:
                faults.append(_some(f"frames of run {run} lost", lost))
    return faults


def sound_faults(sent_video: Sequence[Sent], sent_sound: Sequence[Sent], recorded: Recorded, source: Clip) -> list[str]:
    """Sound is present, continuous, and where it was against the picture at the source. What was salvaged of a file
    that had just begun may have none yet: cameras send it up to 0.9 s after its picture."""
    if not recorded.sound:
        shown = [frame.pts for frame in recorded.video]
        return [] if max(shown) - min(shown) < SOUND_BEHIND_S else [f"{recorded.path.name}: no sound"]
    times = {entry.n: entry.pts for entry in sent_video}
    offsets = [frame.pts - times[frame.number] for frame in recorded.video if frame.number in times]
    if not offsets:
        return [f"{recorded.path.name}: no picture that was sent"]
    shift = sorted(offsets)[len(offsets) // 2]
    runs = {entry.run for entry in sent_video if entry.n in {frame.number for frame in recorded.video}}
    positions = _positions([entry for entry in sent_sound if entry.run in runs], source)
    worst, strange = 0.0, 0
    for packet in recorded.sound:
        candidates = positions(packet.data)
        if not candidates:
            strange += 1
            continue
        off = min((packet.pts - shift - at for at in candidates), key=abs)
        worst = max(worst, off, key=abs)
    faults = []
    if strange:
        faults.append(f"{recorded.path.name}: {strange} of {len(recorded.sound)} sound packets were never sent")
    if abs(worst) > SOUND_TOLERANCE_S:
        faults.append(f"{recorded.path.name}: sound is {worst * 1000:+.0f} ms from its place")
    return faults


def compare_sound(recorded: Sequence[Recorded], source: Clip) -> list[str]:
    """Across the segments of one unbroken stream no sound is lost, doubled or swapped: it is one piece."""
    heard = b"".join(packet.data for file in recorded for packet in file.sound)
    circle = b"".join(frame.data for frame in source.frames)
    start = circle.find(heard[:HEARD_BYTES]) if heard else -1
    if start < 0:
        return ["the sound does not begin with anything that was sent"]
    rounds = (start + len(heard)) // len(circle) + 1
    expected = (circle * rounds)[start : start + len(heard)]
    if heard == expected:
        return []
    at = next(i for i, (is_, should) in enumerate(zip(heard, expected, strict=True)) if is_ != should)
    return [f"the sound departs from what was sent {at} bytes after its begin, of {len(heard)}"]


def _positions(sent: Sequence[Sent], source: Clip) -> Any:
    """From a packet's data to the times (seconds of the run) at which the source sent it."""
    by_md5: dict[str, list[float]] = {}
    for entry in sent:
        by_md5.setdefault(entry.md5, []).append(entry.pts)
    if source.codec == "aac":
        return lambda data: by_md5.get(_md5(data), [])
    # G.711 has no packets of its own: a file may hold any slice of the stream, so it is looked up by its bytes.
    chunk = len(source.frames[0].data)
    names = [_md5(frame.data) for frame in source.frames]
    circle = b"".join(frame.data for frame in source.frames)
    circle += circle[: 64 * chunk]

    def find(data: bytes) -> list[float]:
        at = circle.find(data[: 64 * chunk])
        if at < 0:
            return []
        index, rest = divmod(at, chunk)
        return [pts + rest / source.rate for pts in by_md5.get(names[index % len(names)], [])]

    return find


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _seconds(ticks: int | None, packet: Any) -> float:
    if ticks is None:
        raise ValueError("a packet without a time")
    return float(ticks * packet.time_base)


def _some(what: str, examples: Sequence[object]) -> str:
    more = ", …" if len(examples) > SHOWN else ""
    return f"{len(examples)} {what}: {', '.join(str(example) for example in examples[:SHOWN])}{more}"
