"""A camera's stream that plays, as a `recorder.words.stream.Source`: what the network brought, as coded units.

Never waits: whoever reads it sleeps meanwhile, and takes in one go what the kernel gathered (`recorder.worker.reader`).
It says for how long it may be left alone (`nap_s`). The way to such a stream is `recorder.rtsp.negotiation`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from recorder.rtp.sdp import Description, Media
from recorder.rtp.track import RtpSoundTrack, RtpVideoTrack, sound_track, video_track
from recorder.rtsp.connection import Trust
from recorder.rtsp.datagrams import WAITING_NAP_S, nap_s
from recorder.rtsp.dialogue import Credentials
from recorder.rtsp.message import Buffer, Handler, Inbox, interleaved
from recorder.rtsp.negotiation import Lane, Negotiated, Now, negotiate
from recorder.words import outcome
from recorder.words.messages import WAKE_MS
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Item, Losses, Reading, SenderReport, Sound, Source, Video

WAKE_S: Final = WAKE_MS / 1000
"""How long the kernel may gather what a camera sends. Measured: waking up is what a camera costs, not its packets."""
START_NAP_S: Final = 0.05
"""Until the picture is known, which is what everybody waits for then."""
MEDIA_S: Final = 5.0
"""From PLAY to the first packet."""
PICTURE_S: Final = 11.5
"""From the first connection to known parameter sets. Enough for cameras that tell them only with key frames every 10 s,
less than the supervisor's patience (`state.Limits.connect_ms`), so that it is told what was missing."""
REPORT_S: Final = 5.0
"""Between receiver reports (RFC 3550 6.2)."""
MAX_EARLY: Final = 16
"""Sender reports kept until the picture is known."""
Track: TypeAlias = RtpVideoTrack | RtpSoundTrack


class RtspSource:
    """See `recorder.words.stream.Source`."""

    def __init__(
        self, stream: Negotiated, *, began: float, now: Now = time.monotonic, buffer: bytearray | None = None
    ) -> None:
        """`began`: when connecting began, by `now`. `buffer`: see `Inbox`."""
        self._stream = stream
        self._dialogue = stream.dialogue
        self._now = now
        self._began = began
        self._ssrc = int.from_bytes(os.urandom(4), "big")
        self.losses = Losses()
        self.detail = stream.detail
        self._picture = video_track(stream.lanes[0].media, self.losses)
        self._voice = sound_track(stream.lanes[1].media, self.losses) if len(stream.lanes) > 1 else None
        self.sound: Sound | None = None if self._voice is None else self._voice.sound
        self._lanes: list[tuple[Lane, Track]] = [(stream.lanes[0], self._picture)]
        if self._voice is not None:
            self._lanes.append((stream.lanes[1], self._voice))
        self._early = bytes(stream.early) + self._dialogue.inbox.rest()
        self._dialogue.inbox = Inbox(buffer)
        self._shares_buffer = buffer is not None
        self._dialogue.handlers = _handlers(self._lanes)
        for lane, track in self._lanes:
            if lane.rtptime is not None:
                track.begin_at(lane.rtptime)
        self._played = self._reported = self._drained_at = now()
        self._gathered = 0
        self._nap_s = START_NAP_S
        self._heard = False
        self._kept: list[Item] = []

    @property
    def ready(self) -> bool:
        """See `recorder.words.stream.Source`."""
        return self._picture.video is not None

    @property
    def video(self) -> Video:
        """See `recorder.words.stream.Source`."""
        video = self._picture.video
        if video is None:
            raise ValueError("the picture is not known yet")
        return video

    @property
    def aligned(self) -> bool:
        """See `recorder.words.stream.Source`."""
        return self._voice is not None and self._voice.aligned and self._picture.aligned

    @property
    def udp(self) -> bool:
        """It comes as datagrams, because the camera knows nothing else."""
        return self._stream.lanes[0].ports is not None

    @property
    def played(self) -> tuple[Media, ...]:
        """The tracks that were set up."""
        return tuple(lane.media for lane in self._stream.lanes)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """See `recorder.words.stream.Source`."""
        ports = [lane.ports for lane in self._stream.lanes if lane.ports is not None]
        return (self._dialogue.connection.fileno(), *(port.rtp.fileno() for port in ports))

    @property
    def nap_s(self) -> float:
        """See `recorder.words.stream.Source`."""
        return self._nap_s

    def take(self, out: list[Item]) -> bool:
        """See `recorder.words.stream.Source`."""
        if not self.ready:
            return self._await_picture()
        if self._kept:
            out += self._kept
            self._kept = []
        try:
            drained = self._look(out)
        except SessionEnded:
            # What came before the end is kept.
            for _, track in self._lanes:
                track.flush(out)
            raise
        self._upkeep()
        return drained

    def close(self) -> None:
        """See `recorder.words.stream.Source`."""
        self._stream.close()

    def _await_picture(self) -> bool:
        """Until the parameter sets are known, from the description or from the stream. Pictures before the first key
        frame are of no use to anybody; what the camera says of its clock is kept."""
        self._kept[:] = [item for item in self._kept if isinstance(item, SenderReport)][-MAX_EARLY:]
        drained = self._look(self._kept)
        if self.ready:
            return False
        now = self._now()
        if now - self._played >= MEDIA_S and not self._heard:
            raise SessionEnded(outcome.no_media(self._dialogue.target, MEDIA_S, udp=self.udp))
        if now - self._began >= PICTURE_S:
            raise SessionEnded(outcome.no_picture_size(self._dialogue.target))
        self._nap_s = min(START_NAP_S, self._nap_s)
        self._upkeep()
        return drained

    def _look(self, items: list[Item]) -> bool:
        """Take what has come. Whether that was all."""
        if self.udp:
            came, drained = self._look_at_ports(items)
        else:
            came, drained = self._look_at_connection(items)
        self._heard = self._heard or came
        if not came and drained and self._picture.bye:
            # Said goodbye, and meant it: nothing came since.
            raise SessionEnded(outcome.dropped(self._dialogue.target))
        return drained

    def _look_at_connection(self, items: list[Item]) -> tuple[bool, bool]:
        count, drained = self._hear_connection(items)
        self._gathered += count
        if drained:
            self._note_rate()
        return count > 0, drained

    def _hear_connection(self, items: list[Item]) -> tuple[int, bool]:
        """How many bytes came, and whether these were all; first what came behind the answer to PLAY."""
        inbox = self._dialogue.inbox
        if self._early:
            room = inbox.room()
            piece, self._early = self._early[: len(room)], self._early[len(room) :]
            room[: len(piece)] = piece
            inbox.received(len(piece))
            count, drained = len(piece), False
        else:
            count, drained = self._dialogue.receive(0)
        self._dialogue.hear(items)
        self._park()
        return count, drained

    def _park(self) -> None:
        if self._shares_buffer:
            self._dialogue.inbox.park()

    def _note_rate(self) -> None:
        """Three quarters of the window may fill until the next look, so that the camera never finds it closed. The
        kernel widens it while much is taken at a time (tcp_moderate_rcvbuf, tcp(7)).
        """
        count, since_s = self._since_drained()
        room = self._dialogue.connection.receive_window() * 3 // 4
        self._nap_s = min(WAKE_S, since_s * room / count) if count else WAKE_S

    def _since_drained(self) -> tuple[int, float]:
        """How much came since all was taken the last time, and how long ago that was."""
        now, count = self._now(), self._gathered
        since_s, self._drained_at, self._gathered = now - self._drained_at, now, 0
        return count, since_s

    def _look_at_ports(self, items: list[Item]) -> tuple[bool, bool]:
        came, drained = 0, True
        for lane, track in self._lanes:
            if lane.ports is not None:
                came += lane.ports.read(track.rtp, _timed(track), items)
                drained = drained and not lane.ports.more
        self._hear_connection(items)
        self._gathered += came
        if drained:
            count, since_s = self._since_drained()
            ports = [lane.ports for lane, _ in self._lanes if lane.ports is not None]
            naps = [nap_s(one.keeps, count, since_s) for one in ports]
            naps += [WAITING_NAP_S for one in ports if one.waiting]
            self._nap_s = min(WAKE_S, *naps)
        return came > 0, drained

    def _upkeep(self) -> None:
        """What the camera wants to hear from time to time."""
        self._dialogue.keep_alive(self._stream.control)
        if self._now() - self._reported >= REPORT_S:
            self._reported = self._now()
            for lane, track in self._lanes:
                self._report(lane, track)

    def _report(self, lane: Lane, track: Track) -> None:
        report = track.receiver_report(self._ssrc, time.monotonic_ns())
        if lane.ports is not None:
            lane.ports.report(report)
        elif lane.channels is not None:
            self._dialogue.connection.offer(interleaved(lane.channels[1], report))


def _handlers(lanes: list[tuple[Lane, Track]]) -> list[Handler | None]:
    """By channel. What was set up first stays: no sound takes the picture's channel, whatever the camera says."""
    handlers: list[Handler | None] = [None] * 256
    taken: set[int] = set()
    for lane, track in lanes:
        if lane.channels is None:
            continue
        rtp, rtcp = lane.channels
        if rtp not in taken:
            taken.add(rtp)
            handlers[rtp] = track.rtp
        if rtcp not in taken:
            handlers[rtcp] = _timed(track)
    return handlers


def _timed(track: Track) -> Handler:
    """RTCP is told when it came."""

    def rtcp(buffer: Buffer, start: int, end: int, out: list[Item]) -> None:
        track.rtcp(buffer, start, end, out, time.monotonic_ns())

    return rtcp


def connect(
    url: str,
    username: str,
    password: str,
    trust: Trust | None = None,
    told: Callable[[Description], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> RtspSource:
    """A camera's stream, playing, its picture known; `SessionEnded` says why it cannot be had. Waits for all of that.
    `told` hears what the device offers."""
    began = time.monotonic()
    stream = negotiate(url, Credentials(username, password), trust or Trust(), told=told)
    source = RtspSource(stream, began=began)
    try:
        while not source.ready:
            if source.take([]):
                sleep(source.nap_s)
    except BaseException:
        source.close()
        raise
    return source


def readings(source: Source, sleep: Callable[[float], None] = time.sleep) -> Iterator[Reading]:
    """Until the stream ends, which is a `SessionEnded`. For whoever has nothing else to do meanwhile."""
    while True:
        items: list[Item] = []
        try:
            drained = source.take(items)
        except SessionEnded:
            yield Reading(items, waited=False)
            raise
        yield Reading(items, drained)
        if drained:
            sleep(source.nap_s)
