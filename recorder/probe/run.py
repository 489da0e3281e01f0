"""Looks at a camera for some seconds with what records it: can it be had, what does it send, what would be kept.

Imports this room and the recorder's own way to a stream; blocking, in a process that records nothing. Never raises for
what the network brings. The account goes where recording would send it: over TLS only to a certificate that is trusted,
or that the caller names.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from typing import Final

from recorder.probe import known_paths
from recorder.probe.measure import Measured, Survey
from recorder.rtp.sdp import Description, Media
from recorder.rtp.track import Unsupported, named, sound_track, video_track
from recorder.rtsp import connection, opening
from recorder.rtsp.auth import Account
from recorder.rtsp.connection import Trust
from recorder.rtsp.source import RtspSource, connect
from recorder.words import outcome
from recorder.words.address import Target
from recorder.words.messages import Ended
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Source
from storage.words.clock import Clock
from storage.words.model import GapCause

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
    why_not: str


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
    detail: str = ""
    """What was refused or is odd, in words."""
    measured: Measured | None = None
    others: tuple[str, ...] = ()
    """Addresses of the same device under which there is a picture, where this one has none."""
    took_s: float = 0.0


@dataclass(slots=True)
class _Look:
    """One look, as far as it has come; read by whoever does not wait any longer."""

    url: str
    account: Account
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
            tracks = (Track("video", video.codec, video.rate, 0, ""),)
            tracks += () if sound is None else (Track("audio", sound.codec, sound.rate, sound.channels, ""),)
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
        survey = Survey(video, sound, now)
        try:
            for reading in source.readings(lambda: False):
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
        for url in known_paths.others(self.url):
            left_s = until - time.monotonic()
            if left_s <= 0 or len(found) >= OTHERS_MAX:
                break
            try:
                described = opening.describe(url, self.account, trust, min(left_s, OTHER_PATH_S))
            except SessionEnded as end:
                if end.ended.cause is not GapCause.NO_SUCH_STREAM:
                    break
                continue
            if any(not track.why_not for track in offered(described.medias) if track.kind == "video"):
                found.append(url)
        return tuple(found)


def look(
    url: str, account: Account, trust: Trust, clock: Clock, look_s: float = LOOK_S, hang_s: float = HANG_S
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


def offered(medias: tuple[Media, ...]) -> tuple[Track, ...]:
    """What a description offers, and what of it cannot be kept."""
    return tuple(Track(one.kind, named(one), one.clock_rate, one.channels, _refused(one)) for one in medias)


def _refused(media: Media) -> str:
    try:
        match media.kind:
            case "video":
                video_track(media)
            case "audio":
                sound_track(media)
            case _:
                return "neither picture nor sound: not recorded"
    except Unsupported as refusal:
        return str(refusal)
    return ""


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
            told.append(replace(track, why_not="one track of picture and one of sound are recorded"))
    return tuple(told)
