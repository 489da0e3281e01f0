"""What some seconds of a stream tell of it: how many pictures, how far apart, how large, and the camera's own clock.

Pure. Mends times by what recording mends them with (`recorder.worker.timestamp_repair`, `.timeline`, `.sync`), so
that what is said here of a camera is what a worker will find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from recorder.words.stream import Losses, Parameters, Reading, SenderReport, Sound, Video
from recorder.worker.sync import Sync
from recorder.worker.timeline import NS_PER_MS, Timeline
from recorder.worker.timestamp_repair import NS_PER_S, Mender, Scale, Stamp
from storage.words.model import Moment

PICTURES_MIN: Final = 5
"""Of fewer nothing is told of their rate."""
STEADY_WITHIN: Final = 0.4
"""Of the usual distance of two pictures: cameras round their times, and a variable rate at least doubles it."""
STEADY_SHARE: Final = 0.9
PACE_SPAN_NS: Final = 3 * NS_PER_S
"""Arrivals gather for a fifth of a second: over less than this they say little of how fast the camera's clock runs."""


@dataclass(frozen=True, slots=True)
class Measured:
    """None: too little came to tell."""

    pictures: int
    seconds: float
    """Of pictures, by their own times."""
    fps: float | None
    steady: bool | None
    """The pictures are equally far apart."""
    key_frames: int
    key_interval_s: float | None
    """The longest between two key frames that were seen; None: no two were."""
    no_key_for_s: float
    """Since the last one: the interval is at least that long."""
    video_bps: int | None
    sound_bps: int | None
    sounds: int
    """Packets of sound."""
    reordered: bool
    """B-frames: pictures come before others that are shown earlier."""
    reports: int
    """RTCP sender reports: the camera tells its clock."""
    clock_offset_ms: int | None
    """The camera's clock minus ours."""
    pace: float | None
    """Seconds by the camera's time stamps in one second."""
    mended: int
    """Times that had to be put right."""
    sizes: tuple[tuple[int, int], ...]
    """Pixels; more than one where the camera changed it meanwhile."""
    lost_packets: int
    lost_pictures: int


class Survey:
    """Feed it readings with the time at which each came."""

    def __init__(self, video: Video, sound: Sound | None, began: Moment) -> None:
        self._scale = Scale(video.rate)
        self._sound_scale = None if sound is None else Scale(sound.rate)
        self._pictures = Mender(video.rate, video.parameters.reorder)
        self._sounds = Mender(1 if sound is None else sound.rate, 0)
        self._timeline = Timeline(began)
        self._sync = Sync()
        self._shown: list[int] = []
        """Showing times of pictures in the order in which they came, in ns."""
        self._keys: list[int] = []
        self._live: list[tuple[int, int]] = []
        """Showing time and arrival of pictures that had to be waited for, in ns."""
        self._video_bytes = self._sound_bytes = self._sound_count = self._reports = 0
        self._offset_ms: int | None = None
        self._sizes: list[tuple[int, int]] = []
        self._see(video.parameters)

    def feed(self, reading: Reading, now: Moment) -> None:
        """What one look at the network brought."""
        now_ns = now.boottime_ms * NS_PER_MS
        stamps: list[Stamp] = []
        self._pictures.expect(self._timeline.media_at(now_ns))
        reports = []
        for item in reading.items:
            if isinstance(item, SenderReport):
                reports.append(item)
            elif item.video:
                self._pictures.mend(item, now_ns, stamps)
            else:
                self._sounds.mend(item, now_ns, stamps)
        self._pictures.flush(now_ns, stamps)
        self._take(stamps, now_ns, waited=reading.waited)
        for report in reports:
            self._report(report, now)

    def _take(self, stamps: list[Stamp], now_ns: int, *, waited: bool) -> None:
        newest: dict[bool, int] = {}
        for stamp in stamps:
            unit, scale = stamp.unit, self._scale if stamp.unit.video else self._sound_scale
            if scale is None:
                continue
            at_ns = scale.ns(stamp.pts)
            newest[unit.video] = max(at_ns, newest.get(unit.video, at_ns))
            if not unit.video:
                self._sound_count += 1
                self._sound_bytes += len(unit.data)
                continue
            self._shown.append(at_ns)
            self._video_bytes += len(unit.data)
            if unit.key:
                self._keys.append(at_ns)
            if unit.parameters is not None:
                self._see(unit.parameters)
            if waited:
                self._live.append((at_ns, now_ns))
        for video, media_ns in newest.items():
            self._sync.arrived(video=video, media_ns=media_ns, arrival_ns=now_ns)
        if True in newest:
            self._timeline.feed(newest[True], now_ns)

    def _see(self, parameters: Parameters) -> None:
        size = parameters.width, parameters.height
        if size not in self._sizes:
            self._sizes.append(size)

    def _report(self, report: SenderReport, now: Moment) -> None:
        scale = self._scale if report.video else self._sound_scale
        if scale is None:
            return
        self._reports += 1
        offset = self._pictures.offset if report.video else self._sounds.offset
        media_ns = scale.ns(report.at + offset)
        self._sync.report(video=report.video, media_ns=media_ns, wall_ns=report.wall_ns)
        if not report.video:
            media_ns += self._sync.offset_ns or 0
        wall_ns, boottime_ns = self._sync.wall_at(media_ns), self._timeline.boottime_at(media_ns)
        if wall_ns is not None and boottime_ns is not None:
            ours_ms = now.wall_ms - now.boottime_ms + boottime_ns // NS_PER_MS
            self._offset_ms = wall_ns // NS_PER_MS - ours_ms

    def measured(self, losses: Losses) -> Measured:
        """So far."""
        shown = sorted(self._shown)
        seconds = (shown[-1] - shown[0]) / NS_PER_S if shown else 0.0
        told = len(shown) >= PICTURES_MIN and seconds > 0
        intervals = [(later - earlier) / NS_PER_S for earlier, later in pairwise(self._keys)]
        return Measured(
            pictures=len(shown),
            seconds=seconds,
            fps=(len(shown) - 1) / seconds if told else None,
            steady=is_steady(shown) if told else None,
            key_frames=len(self._keys),
            key_interval_s=max(intervals, default=None),
            no_key_for_s=(shown[-1] - self._keys[-1]) / NS_PER_S if self._keys else seconds,
            video_bps=round(self._video_bytes * 8 / seconds) if told else None,
            sound_bps=round(self._sound_bytes * 8 / seconds) if told and self._sound_count else None,
            sounds=self._sound_count,
            reordered=shown != self._shown,
            reports=self._reports,
            clock_offset_ms=self._offset_ms,
            pace=_pace(self._live),
            mended=self._pictures.repaired + self._sounds.repaired,
            sizes=tuple(self._sizes),
            lost_packets=losses.packets,
            lost_pictures=losses.frames,
        )


def is_steady(shown: Sequence[int]) -> bool:
    """Whether pictures of these times, in order, are equally far apart."""
    apart = [later - earlier for earlier, later in pairwise(shown)]
    usual = median(apart)
    near = sum(abs(one - usual) <= STEADY_WITHIN * usual for one in apart)
    return near >= STEADY_SHARE * len(apart)


def _pace(live: Sequence[tuple[int, int]]) -> float | None:
    if not live:
        return None
    (media_ns, came_ns), (later_ns, later_came_ns) = live[0], live[-1]
    took_ns = later_came_ns - came_ns
    return (later_ns - media_ns) / took_ns if took_ns >= PACE_SPAN_NS else None
