"""One stream of a device: what it shows, how it misbehaves, and a log of every coded frame that left it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from tests.support import nal
from tests.support.camera.faults import HEALTHY, Faults
from tests.support.camera.packets import RtpTrack
from tests.support.clips import Clip, Coded
from tests.support.rtsp_server import Sent

RUN_NUMBERS: Final = 1_000_000
"""Frame numbers of one session begin at a multiple of this: no two frames of a camera are alike."""

SWITCHED: Final = 500_000
"""Those after a switch to another clip begin so much later."""


@dataclass
class Channel:
    """`faults` may be changed while it plays."""

    video: Clip
    sound: Clip | None = None
    path: str = "/stream1"
    faults: Faults = HEALTHY
    sender_reports_s: float | None = 5.0
    first_timestamp: int = 1_000_000
    clock_offset_s: float = 0.0
    """The camera's own clock minus ours."""
    signed: bool = False
    """Each picture carries a signature (SEI) of 330 bytes."""
    log: list[Sent] = field(default_factory=list)
    damaged: set[int] = field(default_factory=set)
    """Numbers of pictures of which the network took a part."""
    runs: int = 0

    @property
    def clips(self) -> list[Clip]:
        return [self.video, self.sound] if self.sound else [self.video]

    def sent(self, stream: Literal["video", "sound"] = "video") -> list[Sent]:
        return [entry for entry in list(self.log) if entry.stream == stream]

    def record(self, run: int, clip: Clip, coded: Coded) -> None:
        self.log.append(
            Sent(
                mount=self.path,
                run=run,
                stream="video" if clip.video else "sound",
                n=coded.number,
                pts=coded.pts / clip.rate,
                key=coded.key,
                md5=coded.md5,
                bytes=sum(map(len, coded.units)),
                wall_ms=time.time_ns() // 1_000_000,
                whole=nal.whole(coded.units) if clip.video else "",
            )
        )


def merged(tracks: list[RtpTrack], channel: Channel) -> Iterator[tuple[float, int, Coded]]:
    """Frames of all tracks in the order in which they are due: (seconds, track, frame)."""
    rounds = [_rounds(track, channel.runs, channel.faults) for track in tracks]
    if channel.signed:
        rounds = [
            _signed(track, frames) if track.clip.video else frames for track, frames in zip(tracks, rounds, strict=True)
        ]
    waiting = [next(frames) for frames in rounds]
    while True:
        due = [coded.dts / track.clip.rate for coded, track in zip(waiting, tracks, strict=True)]
        index = due.index(min(due))
        yield due[index], index, waiting[index]
        waiting[index] = next(rounds[index])


def _rounds(track: RtpTrack, run: int, faults: Faults) -> Iterator[Coded]:
    first = run * RUN_NUMBERS
    if not track.clip.video or faults.switch_to is None:
        yield from track.clip.rounds(first)
        return
    for coded in track.clip.rounds(first):
        if coded.key and coded.dts >= faults.switch_after_s * track.clip.rate:
            break
        yield coded
    at = coded.dts
    for other in faults.switch_to.rounds(first + SWITCHED):
        yield Coded(other.number, at + other.pts, at + other.dts, other.key, other.units, other.md5)


def _signed(track: RtpTrack, frames: Iterator[Coded]) -> Iterator[Coded]:
    codec: nal.VideoCodec = "h264" if track.clip.codec == "h264" else "h265"
    for coded in frames:
        at = next(index for index, unit in enumerate(coded.units) if nal.is_slice(codec, unit))
        units = (*coded.units[:at], nal.signature(codec, coded.number), *coded.units[at:])
        yield replace(coded, units=units, md5=nal.digest(codec, list(units)))
