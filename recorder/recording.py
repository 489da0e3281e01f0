"""One session's stream on its way to segments: mends, cuts, muxes, and hands the bytes to the disk thread.

Imports av through the muxer. `feed` belongs to the thread that reads the camera; `tick`, `finish` and the rest to the
one that hears the daemon. A lock lets the latter close the file properly while the former is stuck in libav, so that
stopping never waits for a stalled camera. Nothing under the lock waits for disk, network or daemon.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import av
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.stream import VideoStream

from recorder.disk import Writer
from recorder.messages import Start, Stats, Terms
from recorder.muxer import Muxer, MuxError
from recorder.parameters import HEAD_BYTES, parameter_sets
from recorder.segmenter import Action, Begin, End, Frame, Put, Segmenter
from recorder.stamps import NS_PER_S, Mended, Mender, Raw, Scale
from recorder.timeline import NS_PER_MS, Timeline
from storage.clock import Clock
from storage.model import Bounds, GapCause, Moment
from storage.story import Story

RETRY_NS: Final = 5 * NS_PER_S
"""After a segment was refused or lost: how long until the next is tried. Within L1's 15 s, and no hail of requests."""
SILENT_NS: Final = 10 * NS_PER_S
"""No picture for so long, although the connection stands: a camera that sends nothing but reports."""
NO_KEY_NS: Final = 30 * NS_PER_S
"""Pictures, but no key frame to begin a segment with for so long: longer than any sane interval between them. While a
segment is being written more patience costs nothing: it only gets longer, at most thrice as long as it should be."""
LIVE_WAITS: Final = 2
"""Packets that had to be waited for until we believe that what gathered while connecting is read: one may be chance."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """A session that has no more sense, because this did not come for so long."""

    cause: GapCause
    patience_ns: int


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameter sets as they came last in the stream, and the picture size they mean."""

    sets: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Coded:
    """A packet and the parameter sets it was coded with; None while they are those of the stream's own header."""

    packet: Packet[Any]
    parameters: Parameters | None


class Recording:
    """From packets to segments."""

    def __init__(
        self,
        start: Start,
        video: VideoStream,
        sound: AudioStream | None,
        *,
        writer: Writer,
        clock: Clock,
        began: Moment,
        resized: Callable[[int, int], None],
    ) -> None:
        """`began` is when connecting began: nothing that is recorded is from before.

        `resized` is told width and height when the camera changes its parameter sets, and must not wait.
        """
        self._start = start
        self._video = video
        self._sound = sound
        self._writer = writer
        self._clock = clock
        self._resized = resized
        self._lock = threading.Lock()
        self._finished = False
        self._terms = start.terms
        self._next_seq = start.next_seq
        self._video_scale = _scale(video)
        self._sound_scale = None if sound is None else _scale(sound)
        now = clock.now()
        self._timeline = Timeline(began)
        self._menders = {True: Mender[Coded](self._video_scale)}
        if self._sound_scale is not None:
            self._menders[False] = Mender[Coded](self._sound_scale)
        segment_ns = start.segment_ms * NS_PER_MS
        self._segmenter: Segmenter[Coded] = Segmenter(segment_ns, self._video_scale, self._sound_scale)
        self._codec = video.codec_context.name
        self._sets = parameter_sets(self._codec, (video.codec_context.extradata or b"")[:HEAD_BYTES])
        self._parameters: Parameters | None = None
        self._muxer: Muxer | None = None
        self._seq = 0
        self._began_ns = self._key_ns = self._frame_ns = now.boottime_ms * NS_PER_MS
        self._seen = False
        self._frames = self._bytes = self._unmuxed = self._waits = 0

    def feed(self, packet: Packet[Any], *, waited: bool) -> None:
        """Take the next packet; `waited` says that it had to be waited for, i.e. nothing older is on its way."""
        with self._lock:
            if self._finished:
                return
            now = self._clock.now()
            now_ns = now.boottime_ms * NS_PER_MS
            self._check_writer(now_ns)
            self._waits += waited
            if self._waits == LIVE_WAITS:
                self._segmenter.caught_up()
            is_video = packet.stream.index == self._video.index
            self._count(packet, now_ns, is_video=is_video)
            fresh = is_video and packet.is_keyframe and self._is_fresh(packet)
            coded = Coded(packet, self._parameters)
            raw = Raw(packet.pts, packet.dts, packet.duration or 0, now_ns, coded, fresh)
            for mended in self._menders[is_video].mend(raw, self._timeline.media_at(now_ns)):
                self._pass_on(mended, now, is_video=is_video)

    def tick(self) -> Overdue | None:
        """Once a second: let go of what waited long enough; says when the session has no more sense."""
        with self._lock:
            if self._finished:
                return None
            now = self._clock.now()
            now_ns = now.boottime_ms * NS_PER_MS
            self._do(self._segmenter.tick(now_ns), now)
            if now_ns - self._frame_ns > SILENT_NS:
                return Overdue(GapCause.STALLED, SILENT_NS)
            patience_ns = NO_KEY_NS
            if self._muxer is not None:
                patience_ns = max(NO_KEY_NS, 2 * self._start.segment_ms * NS_PER_MS)
            if now_ns - self._key_ns > patience_ns:
                return Overdue(GapCause.NO_KEYFRAME, patience_ns)
        return None

    def finish(self) -> None:
        """End the file with everything that has arrived. What `feed` brings later is ignored."""
        with self._lock:
            if self._finished:
                return
            self._finished = True
            now = self._clock.now()
            self._check_writer(now.boottime_ms * NS_PER_MS)
            for is_video, mender in self._menders.items():
                for mended in mender.flush():
                    self._pass_on(mended, now, is_video=is_video)
            self._do(self._segmenter.finish(), now)

    def set_terms(self, terms: Terms) -> None:
        """From the next segment on."""
        with self._lock:
            self._terms = terms

    def cut(self) -> None:
        """Begin a new segment at the next key frame."""
        with self._lock:
            self._segmenter.cut()

    def stats(self) -> Stats:
        """Counters since the beginning."""
        with self._lock:
            return Stats(
                video_frames=self._frames,
                bytes=self._bytes,
                last_frame_boottime_ms=self._frame_ns // NS_PER_MS if self._seen else 0,
                repaired=sum(mender.repaired for mender in self._menders.values()),
                dropped=self._segmenter.dropped + self._unmuxed,
                slowest_sync_ms=self._writer.take_slowest_sync_ms(),
                queued_bytes=self._writer.queued_bytes,
            )

    def _count(self, packet: Packet[Any], now_ns: int, *, is_video: bool) -> None:
        self._bytes += packet.size
        if is_video:
            self._frames += 1
            self._frame_ns = now_ns
            self._seen = True
            if packet.is_keyframe:
                self._key_ns = now_ns

    def _pass_on(self, mended: Mended[Coded], now: Moment, *, is_video: bool) -> None:
        scale = self._video_scale if is_video else self._sound_scale
        if scale is not None:
            self._timeline.feed(scale.ns(mended.pts), mended.arrival_ns)
        if is_video:
            frame = Frame(mended, bool(mended.payload.packet.is_keyframe))
            self._do(self._segmenter.picture(frame), now)
        else:
            self._do(self._segmenter.sound(mended), now)

    def _do(self, actions: list[Action[Coded]], now: Moment) -> None:
        for action in actions:
            match action:
                case Put():
                    self._put(action)
                case End():
                    self._end(action, now)
                case Begin():
                    self._begin(action, now)

    def _begin(self, begin: Begin[Coded], now: Moment) -> None:
        start = self._timeline.boundary(begin.at_ns, now)
        self._seq, self._next_seq = self._next_seq, self._next_seq + 1
        last = self._writer.last_committed
        story = Story(
            camera=self._start.camera,
            seq=self._seq,
            start=start,
            boot_id=self._start.boot_id,
            epoch=self._terms.epoch,
            synced=self._terms.synced,
            bounds=Bounds(self._terms.floor_s, self._terms.ceiling_s),
            previous_seq=last.seq,
            previous_sha256=last.sha256,
        )
        changed = begin.first.parameters
        header = None if changed is None else (changed.sets, changed.width, changed.height)
        self._muxer = Muxer(self._video, self._sound if begin.sound else None, story.to_json(), header)
        self._writer.begin(self._seq, start, self._terms)

    def _put(self, put: Put[Coded]) -> None:
        scale = self._video_scale if put.video else self._sound_scale
        if self._muxer is None or scale is None:
            self._unmuxed += 1
            return
        try:
            pieces = self._muxer.put(
                put.payload.packet, video=put.video, pts=put.pts, dts=put.dts, duration=put.duration, scale=scale
            )
        except MuxError:
            self._unmuxed += 1
        else:
            self._writer.add(self._seq, pieces)

    def _end(self, end: End, now: Moment) -> None:
        muxer, self._muxer = self._muxer, None
        if muxer is None:
            return
        try:
            self._writer.add(self._seq, muxer.close())
        except MuxError:  # without its trailer the file still plays: every fragment stands for itself
            self._unmuxed += 1
        self._writer.end(self._seq, self._timeline.boundary(end.at_ns, now), muxer.video_frames, None)

    def _check_writer(self, now_ns: int) -> None:
        """Give up a file that disk or daemon does not want, and do not begin another before the disk is free."""
        if self._muxer is not None and self._writer.is_lost(self._seq):
            with suppress(MuxError):  # nobody will see this file
                self._muxer.close()
            self._muxer = None
            self._segmenter.lose(now_ns + RETRY_NS)
        elif self._muxer is None and self._writer.is_behind:
            self._segmenter.lose(now_ns + RETRY_NS)

    def _is_fresh(self, packet: Packet[Any]) -> bool:
        """Whether this key frame's parameter sets differ from the last ones; remembers them."""
        sets = parameter_sets(self._codec, bytes(memoryview(packet)[:HEAD_BYTES]))
        if not sets or sets == self._sets:
            return False
        known, self._sets = self._sets, sets
        if not known:
            return False
        size = picture_size(self._codec, packet) or (self._video.codec_context.width, self._video.codec_context.height)
        self._parameters = Parameters(sets, *size)
        self._resized(*size)
        return True


def picture_size(codec: str, key_frame: Packet[Any]) -> tuple[int, int] | None:
    """Width and height of a key frame, by decoding it alone; None if it does not decode."""
    context: Any = av.CodecContext.create(codec, "r")
    context.thread_count = 1
    try:
        pictures = context.decode(av.Packet(bytes(key_frame))) + context.decode(None)
    except av.FFmpegError:
        return None
    return (pictures[0].width, pictures[0].height) if pictures else None


def _scale(stream: VideoStream | AudioStream) -> Scale:
    base = stream.time_base
    if base is None:
        raise ValueError("libav opened a stream without a time base")
    return Scale(base.numerator, base.denominator)
