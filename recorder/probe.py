"""A camera that is not recorded yet: can it be had, what does it send, what would be kept of it.

`probe_camera` looks at it for some seconds with what records it, in a process that records nothing; it blocks. It never
raises for what the network brings. The account goes where recording would send it: over TLS only to a certificate
that is trusted, or that the caller names.

`Measurement` is pure: how many pictures, how far apart, how large, and the camera's own clock. It mends times by what
recording mends them with (`recorder.worker.timestamp_repair`, `.sync`), so that what is said here of a camera is what a
worker will find. `others` has the paths of the large makes, for a device that does not know the path it was asked for.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median
from typing import Final
from urllib.parse import urlsplit

from recorder.rtp.sdp import Description, Media
from recorder.rtp.track import Unsupported, named, sound_track, video_track
from recorder.rtsp import connection, negotiation
from recorder.rtsp.connection import Trust
from recorder.rtsp.dialogue import Credentials
from recorder.rtsp.source import RtspSource, connect, readings
from recorder.words import outcome
from recorder.words.address import Target
from recorder.words.messages import Ended
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Losses, Parameters, Reading, SenderReport, Sound, Source, Video
from recorder.worker.disk import NS_PER_MS, Sync, Timeline
from recorder.worker.timestamp_repair import NS_PER_S, Scale, Stamp, TimestampRepair
from storage.words.clock import Clock
from storage.words.message import NOTHING, Message, message
from storage.words.model import GapCause, Moment

LOOK_S: Final = 10.0
"""From the first connection on: two key frames of a camera that is set as it should be, and one report of its clock."""
MEASURE_S: Final = 4.0
"""Of a camera that was slow to answer, at least."""
HANG_S: Final = 18.0
"""After that nobody waits any longer: a resolver can hang for longer than a camera may."""
OTHER_PATHS_S: Final = 8.0
OTHER_PATH_S: Final = 3.0
"""For each: the device has just answered at once."""
OTHERS_MAX: Final = 4
"""Streams that are named instead of one that is not there."""
CERTIFICATE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Track:
    """One that the device offers. `why_not` is "" for what would be recorded."""

    kind: str
    """video, audio or application."""
    codec: str
    rate: int
    channels: int
    why_not: Message


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to say of a camera."""

    ended: Ended | None = None
    """Why nothing can be recorded, or why it ended before its time."""
    certificate: str = ""
    """rtsps: the fingerprint of what was shown."""
    trusted: bool = True
    """rtsps: authorities vouch for it, or it is the one that was named."""
    udp: bool = False
    tracks: tuple[Track, ...] = ()
    codec: str = ""
    """Of the picture, once its parameter sets are known; "" before."""
    width: int = 0
    height: int = 0
    sound: str = ""
    detail: Message = NOTHING
    """What was refused or is odd, in words."""
    measured: Measured | None = None
    others: tuple[str, ...] = ()
    """Addresses of the same device under which there is a picture, where this one has none."""
    took_s: float = 0.0


def probe_camera(
    url: str, account: Credentials, trust: Trust, clock: Clock, look_s: float = LOOK_S, hang_s: float = HANG_S
) -> Found:
    """At the camera behind a URL without user and password. At most `hang_s` seconds, whatever happens."""
    began = time.monotonic()
    one = _Look(url, account, trust, clock, look_s)
    thread = threading.Thread(target=one.run, name="probe", daemon=True)
    thread.start()
    thread.join(hang_s)
    found = one.found
    if thread.is_alive() and found.ended is None:
        found = replace(
            found, ended=outcome.unreachable(one.target) if found.tracks else outcome.unknown_name(one.target)
        )
    return replace(found, took_s=time.monotonic() - began)


@dataclass(slots=True)
class _Look:
    """One look, as far as it has come; read by whoever does not wait any longer."""

    url: str
    account: Credentials
    trust: Trust
    clock: Clock
    look_s: float = LOOK_S
    target: Target = field(init=False)
    found: Found = Found()

    def __post_init__(self) -> None:
        self.target = Target.parse(self.url, self.account.user)

    def run(self) -> None:
        try:
            self._run()
        except SessionEnded as end:
            self.found = replace(self.found, ended=end.ended)
            if end.ended.cause is GapCause.NO_SUCH_STREAM:
                self.found = replace(self.found, others=self._others())
        except Exception as error:  # noqa: BLE001  (whoever asks gets an answer)
            self.found = replace(self.found, ended=outcome.fault(self.target, type(error).__name__))

    def _run(self) -> None:
        began = self.clock.now()
        source = self._source()
        try:
            self._measure(source, began.boottime_ms)
        finally:
            source.close()

    def _source(self) -> Source:
        if self.target.scheme == "test":
            from recorder.worker.test_pattern import open_pattern  # noqa: PLC0415  (libav: only who needs it pays for it)

            return open_pattern(self.target, self.url)
        trust = self._vouched() if self.target.scheme == "rtsps" else self.trust
        return connect(self.url, self.account.user, self.account.password, trust, self._offered)

    def _vouched(self) -> Trust:
        """Without an account there is nothing that a stranger could learn: then any certificate is looked behind."""
        from recorder.rtsp import tls  # noqa: PLC0415  (ssl costs a worker 1.3 MB; few cameras want it)

        seen = tls.shown(self.target, CERTIFICATE_S)
        self.found = replace(self.found, certificate=seen, trusted=bool(self.trust.certificate))
        if self.trust.certificate or not seen:
            return self.trust
        try:
            connection.connect(self.target, self.trust, time.monotonic() + CERTIFICATE_S).close()
        except SessionEnded as end:
            if end.ended.cause is not GapCause.UNTRUSTED or self.account.user or self.trust.ca_file:
                raise
            return Trust(seen)
        self.found = replace(self.found, trusted=True)
        return self.trust

    def _offered(self, description: Description) -> None:
        self.found = replace(self.found, tracks=offered(description.medias))

    def _measure(self, source: Source, began_ms: int) -> None:
        video, sound = source.video, source.sound
        now = self.clock.now()
        until_ms = max(began_ms + self.look_s * 1000, now.boottime_ms + min(self.look_s, MEASURE_S) * 1000)
        tracks = self.found.tracks
        if isinstance(source, RtspSource):
            tracks = used(tracks, source.played)
        else:
            tracks = (Track("video", video.codec, video.rate, 0, NOTHING),)
            tracks += () if sound is None else (Track("audio", sound.codec, sound.rate, sound.channels, NOTHING),)
        self.found = replace(
            self.found,
            udp=isinstance(source, RtspSource) and source.udp,
            tracks=tracks,
            codec=video.codec,
            width=video.parameters.width,
            height=video.parameters.height,
            sound="" if sound is None else sound.codec,
            detail=source.detail,
        )
        survey = Measurement(video, sound, now)
        try:
            for reading in readings(source):
                now = self.clock.now()
                survey.feed(reading, now)
                if now.boottime_ms >= until_ms:
                    break
        finally:
            self.found = replace(self.found, measured=survey.measured(source.losses))

    def _others(self) -> tuple[str, ...]:
        """Where else the device has a picture. An account that it does not know there is not tried again."""
        until = time.monotonic() + OTHER_PATHS_S
        trust = Trust(self.found.certificate) if self.found.certificate else self.trust
        found: list[str] = []
        for url in others(self.url):
            left_s = until - time.monotonic()
            if left_s <= 0 or len(found) >= OTHERS_MAX:
                break
            try:
                described = negotiation.describe(url, self.account, trust, min(left_s, OTHER_PATH_S))
            except SessionEnded as end:
                if end.ended.cause is not GapCause.NO_SUCH_STREAM:
                    break
                continue
            if any(not track.why_not for track in offered(described.medias) if track.kind == "video"):
                found.append(url)
        return tuple(found)


def offered(medias: tuple[Media, ...]) -> tuple[Track, ...]:
    """What a description offers, and what of it cannot be kept."""
    return tuple(Track(one.kind, named(one), one.clock_rate, one.channels, _refused(one)) for one in medias)


def _refused(media: Media) -> Message:
    try:
        match media.kind:
            case "video":
                video_track(media)
            case "audio":
                sound_track(media)
            case _:
                return message("probe.neither", "neither picture nor sound: not recorded")
    except Unsupported as refusal:
        return refusal.why
    return NOTHING


def used(tracks: tuple[Track, ...], played: tuple[Media, ...]) -> tuple[Track, ...]:
    """Of several that could be kept, the first of a kind is."""
    left = [(media.kind, named(media)) for media in played]
    told = []
    for track in tracks:
        if track.why_not or (track.kind, track.codec) in left:
            if not track.why_not:
                left.remove((track.kind, track.codec))
            told.append(track)
        else:
            other = message("probe.other-track", "one track of picture and one of sound are recorded")
            told.append(replace(track, why_not=other))
    return tuple(told)


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


class Measurement:
    """Feed it readings with the time at which each came."""

    def __init__(self, video: Video, sound: Sound | None, began: Moment) -> None:
        self._scale = Scale(video.rate)
        self._sound_scale = None if sound is None else Scale(sound.rate)
        self._pictures = TimestampRepair(video.rate, video.parameters.reorder)
        self._sounds = TimestampRepair(1 if sound is None else sound.rate, 0)
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


PATHS: Final = (
    "/Streaming/Channels/{}01",
    "/cam/realmonitor?channel={}&subtype=0",
    "/stream1",
    "/live",
    "/axis-media/media.amp",
    "/media/video1",
    "/profile1/media.smp",
    "/h264Preview_{:02}_main",
    "/live.sdp",
    "/onvif1",
    "/video1",
    "/ch{:02}/0",
    "/",
)
"""Hikvision, Dahua, TP-Link and others, Axis, Uniview, Hanwha, Reolink, Vivotek, Sony, Geovision, and what is there
where no path is named; the most frequent first, because a device is asked only for some seconds."""


def others(url: str) -> tuple[str, ...]:
    """Addresses of the same device to be tried instead of this one."""
    parts = urlsplit(url)
    named = parts.path + (f"?{parts.query}" if parts.query else "")
    channel = _channel(named)
    tried = (path.format(channel) for path in PATHS)
    return tuple(f"{parts.scheme}://{parts.netloc}{path}" for path in tried if path.rstrip("/") != named.rstrip("/"))


def _channel(path: str) -> int:
    """Which camera of a recorder a path means, as the makes write it; 1 where it does not say."""
    found = re.search(r"(?i)channels?[=/](\d{1,2})(?:0\d)?(?!\d)|(?<![a-z])ch(\d{1,2})(?!\d)", path)
    number = int(next(filter(None, found.groups()), "1")) if found else 1
    return number or 1
