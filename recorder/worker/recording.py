"""One session's stream on its way to segments: mends, cuts, writes files in memory, and hands the bytes to the disk
threads.

Belongs to the thread that reads the camera. Nothing here waits for disk, network or daemon. Part of S6: what was taken
at one look is handed over as one fragment.

`PauseDetection` (pure; part of S9): a camera sent no picture for a while and went on. Such a pause is shorter than what
ends a session, and usually goes on without a key frame, so that no file can begin after it: the segment goes on,
nothing that was sent is lost, and the pause is told as a gap inside it. A network that delays is no pause: what it held
back comes in the end, and the camera's own times show that nothing is missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from recorder.mp4 import Muxer
from recorder.words.messages import WAKE_MS, Start, Stats, Terms
from recorder.words.stream import Item, Reading, SenderReport, Source
from recorder.worker.disk import NS_PER_MS, Sync, Timeline, Writer
from recorder.worker.fan_out import FanOut
from recorder.worker.segmenter import Action, Begin, End, Put, Segmenter
from recorder.worker.timestamp_repair import NS_PER_S, Scale, Stamp, TimestampRepair
from storage.segments.mp4 import EmbeddedMetadata
from storage.words.clock import Clock
from storage.words.model import Bounds, GapCause, Moment

RETRY_NS: Final = 5 * NS_PER_S
"""After a segment was refused or lost: how long until the next is tried. Within L1's 15 s, and no hail of requests."""
SILENT_NS: Final = 10 * NS_PER_S
"""No picture for so long, although the connection stands: a camera that sends nothing but reports."""
SPOILT: Final = 10
"""Pictures spoilt since the last good one, over which it is not silence that went before but nonsense."""
NO_KEY_NS: Final = 30 * NS_PER_S
"""Pictures, but no key frame to begin a segment with for so long: longer than any sane interval between them. While a
segment is being written more patience costs nothing: it only gets longer, at most thrice as long as it should be."""
LIVE_WAITS: Final = 2
"""Readings that had to be waited for until we believe that what gathered while connecting is read: one may be
chance."""
FLUSH_NS: Final = (WAKE_MS - 50) * NS_PER_MS
"""Files are given what came at most so often, however often one looks (somebody watches live, datagrams): each fragment
is a write, two hashes and a sync (S6). Sooner only where the next look, as far away as this one was, would come too
late."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """A session that has no more sense, because this did not come for so long."""

    cause: GapCause
    patience_ns: int


@dataclass(slots=True)
class _Open:
    """A file that is being written."""

    seq: int
    muxer: Muxer
    origin: int
    """The picture's time at its start, in ticks."""
    pieces: list[bytes] = field(default_factory=list)
    """What the disk is given next."""
    end: Moment | None = None
    """Where it ends, once that is known: the very moment where the next one starts (S9)."""
    camera_offset_ms: int | None = None


class Recording:
    """From readings to segments."""

    def __init__(
        self,
        start: Start,
        source: Source,
        *,
        writer: Writer,
        fan_out: FanOut,
        clock: Clock,
        began: Moment,
        resized: Callable[[int, int], None],
        paused: Callable[[Pause], None],
    ) -> None:
        """`began` is when connecting began: nothing that is recorded is from before.

        `resized` is told width and height when the camera changes its parameter sets, `paused` when it sent nothing
        for a while in the middle of a recording; neither may wait.
        """
        self._start = start
        self._source = source
        self._writer = writer
        self._fan_out = fan_out
        self._clock = clock
        self._resized = resized
        self._paused = paused
        self._finished = False
        self._terms = start.terms
        self._next_seq = start.next_seq
        video, sound = source.video, source.sound
        self._video_scale = Scale(video.rate)
        self._sound_scale = None if sound is None else Scale(sound.rate)
        self._pictures = TimestampRepair(video.rate, video.parameters.reorder)
        self._sounds = TimestampRepair(1 if sound is None else sound.rate, 0)
        self._size = video.parameters.width, video.parameters.height
        self._timeline = Timeline(began)
        self._sync = Sync()
        self._holes = PauseDetection()
        self._segmenter = Segmenter(start.segment_ms * NS_PER_MS, self._video_scale, self._sound_scale)
        self._open: dict[int, _Open] = {}
        self._current: _Open | None = None
        self._camera_offset_ms: int | None = None
        self._key_ns = self._frame_ns = clock.now().boottime_ms * NS_PER_MS
        self._flushed_ns = self._looked_ns = self._key_ns
        self._seen = False
        self._spoilt = 0
        self._frames = self._sound_units = self._bytes = self._waits = 0
        self._key_frames = self._key_bytes = self._sound_bytes = 0

    def feed(self, reading: Reading) -> None:
        """Take what one look brought, also if that is nothing: what waits for a next unit must not wait for ever. It is
        written after `wake_disk`."""
        if self._finished:
            return
        now = self._clock.now()
        now_ns = now.boottime_ms * NS_PER_MS
        self._check_writer(now_ns)
        if reading.waited and self._waits < LIVE_WAITS:
            self._waits += 1
            if self._waits == LIVE_WAITS:
                self._segmenter.caught_up()
        stamps: list[Stamp] = []
        if reading.items:
            stamps = self._mended(reading.items, now)
        else:
            self._pictures.flush(now_ns, stamps)
        self._pass_on(stamps, now)
        kept_ns, since_ns, self._looked_ns = now_ns - self._flushed_ns, now_ns - self._looked_ns, now_ns
        if kept_ns >= FLUSH_NS or kept_ns + since_ns > WAKE_MS * NS_PER_MS:
            self._flushed_ns = now_ns
            for file in self._open.values():
                file.pieces += file.muxer.flush()
        for file in self._open.values():
            if file.pieces:
                self._writer.add(file.seq, file.pieces)
                file.pieces = []

    def wake_disk(self) -> None:
        """What looks brought is written now."""
        self._writer.wake()

    def overdue(self) -> Overdue | None:
        """Why the session has no more sense; to be asked once a second."""
        if self._finished:
            return None
        now_ns = self._clock.now().boottime_ms * NS_PER_MS
        if now_ns - self._frame_ns > SILENT_NS:
            spoilt = self._source.losses.frames > self._spoilt + SPOILT
            return Overdue(GapCause.BAD_DATA if spoilt else GapCause.STALLED, SILENT_NS)
        patience_ns = NO_KEY_NS
        if self._current is not None:
            patience_ns = max(NO_KEY_NS, 2 * self._start.segment_ms * NS_PER_MS)
        if now_ns - self._key_ns > patience_ns:
            return Overdue(GapCause.NO_KEYFRAME, patience_ns)
        return None

    def finish(self) -> None:
        """End the files with everything that has arrived. What `feed` brings later is ignored."""
        if self._finished:
            return
        self._finished = True
        now = self._clock.now()
        now_ns = now.boottime_ms * NS_PER_MS
        self._check_writer(now_ns)
        stamps: list[Stamp] = []
        self._pictures.flush(now_ns, stamps, end=True)
        self._pass_on(stamps, now)
        actions: list[Action] = []
        self._segmenter.finish(actions)
        self._do(actions, now)

    def set_terms(self, terms: Terms) -> None:
        """From the next segment on."""
        self._terms = terms

    def cut(self) -> None:
        """Begin a new segment at the next key frame."""
        self._segmenter.cut()

    def stats(self, late_ms: int = 0) -> Stats:
        """Counters since the beginning. `late_ms` as in `Stats`."""
        return Stats(
            video_frames=self._frames,
            bytes=self._bytes,
            last_frame_boottime_ms=self._frame_ns // NS_PER_MS if self._seen else 0,
            repaired=self._pictures.repaired + self._sounds.repaired,
            dropped=self._segmenter.dropped + self._source.losses.frames,
            slowest_sync_ms=self._writer.take_slowest_sync_ms(),
            queued_bytes=self._writer.queued_bytes,
            lost_packets=self._source.losses.packets,
            camera_offset_ms=self._camera_offset_ms,
            sound_units=self._sound_units,
            sound_lag_ms=None if self._sync.lag_ns is None else self._sync.lag_ns // NS_PER_MS,
            late_ms=late_ms,
            boottime_ms=self._clock.now().boottime_ms,
            key_frames=self._key_frames,
            key_bytes=self._key_bytes,
            sound_bytes=self._sound_bytes,
        )

    def _mended(self, items: list[Item], now: Moment) -> list[Stamp]:
        """What came, with times one can rely on; times of arrival are learned from it first."""
        now_ns = now.boottime_ms * NS_PER_MS
        media_ns, offset_ns = self._timeline.media_at(now_ns), self._sync.offset_ns
        pictures, sounds = self._pictures, self._sounds
        pictures.expect(media_ns)
        sounds.expect(None if media_ns is None or offset_ns is None else media_ns - offset_ns)
        stamps: list[Stamp] = []
        reports = []
        wanted = self._fan_out.wanted
        for item in items:
            if isinstance(item, SenderReport):
                reports.append(item)
                continue
            self._bytes += len(item.data)
            if item.video:
                self._frames += 1
                self._frame_ns, self._spoilt = now_ns, self._source.losses.frames
                if item.key:
                    self._key_ns = now_ns
                    self._key_frames += 1
                    self._key_bytes += len(item.data)
                pictures.mend(item, now_ns, stamps)
            else:
                self._sound_units += 1
                self._sound_bytes += len(item.data)
                sounds.mend(item, now_ns, stamps)
            if wanted:
                self._fan_out.pass_on(item, self._source.video, self._source.sound)
        if wanted:
            self._fan_out.flush()
        self._seen = self._frames > 0
        pictures.flush(now_ns, stamps)
        self._learn(stamps, now_ns)
        for report in reports:
            self._report(report, now)
        return stamps

    def _learn(self, stamps: list[Stamp], now_ns: int) -> None:
        """What the arrivals say of the clocks: of each track, its latest unit says most."""
        video = max((stamp.pts for stamp in stamps if stamp.unit.video), default=None)
        if video is not None:
            self._timeline.feed(self._video_scale.ns(video), now_ns)
        if self._sound_scale is None:
            return
        self._sync.aligned = self._source.aligned
        if video is not None:
            self._sync.arrived(video=True, media_ns=self._video_scale.ns(video), arrival_ns=now_ns)
        sound = max((stamp.pts for stamp in stamps if not stamp.unit.video), default=None)
        if sound is not None:
            self._sync.arrived(video=False, media_ns=self._sound_scale.ns(sound), arrival_ns=now_ns)
        self._segmenter.shift(self._sync.offset_ns or 0)

    def _report(self, report: SenderReport, now: Moment) -> None:
        """The camera's own clock: it moves neither track's time, it only tells how they lie to each other and to us."""
        scale = self._video_scale if report.video else self._sound_scale
        if scale is None:
            return
        offset = self._pictures.offset if report.video else self._sounds.offset
        media_ns = scale.ns(report.at + offset)
        self._sync.report(video=report.video, media_ns=media_ns, wall_ns=report.wall_ns)
        self._segmenter.shift(self._sync.offset_ns or 0)
        if not report.video:
            media_ns += self._sync.offset_ns or 0
        wall_ns, boottime_ns = self._sync.wall_at(media_ns), self._timeline.boottime_at(media_ns)
        if wall_ns is None or boottime_ns is None:
            return
        ours_ms = now.wall_ms - now.boottime_ms + boottime_ns // NS_PER_MS
        self._camera_offset_ms = wall_ns // NS_PER_MS - ours_ms
        if self._current is not None:
            at = self._video_scale.ticks(media_ns) - self._current.origin
            self._current.camera_offset_ms = self._camera_offset_ms
            if at >= 0:
                self._current.muxer.tell_clock(at, wall_ns)

    def _pass_on(self, stamps: list[Stamp], now: Moment) -> None:
        actions: list[Action] = []
        picture, sound = self._segmenter.picture, self._segmenter.sound
        for stamp in stamps:
            if stamp.unit.video:
                pause = self._holes.picture(self._video_scale.ns(stamp.pts), stamp.arrival_ns, jumped=stamp.jumped)
                if pause is not None and self._current is not None:
                    self._paused(pause)
                picture(stamp, actions)
            else:
                sound(stamp, actions)
        self._segmenter.tick(now.boottime_ms * NS_PER_MS, actions)
        self._do(actions, now)

    def _do(self, actions: list[Action], now: Moment) -> None:
        for action in actions:
            if isinstance(action, Put):
                file = self._open.get(action.file)
                if file is not None:
                    unit = action.unit
                    file.pieces += file.muxer.put(
                        video=unit.video,
                        pts=action.pts,
                        dts=action.dts,
                        duration=action.duration,
                        key=unit.key,
                        data=unit.data,
                    )
            elif isinstance(action, Begin):
                self._begin(action, now)
            else:
                self._end(action, now)

    def _begin(self, begin: Begin, now: Moment) -> None:
        """The file before it ends at this very moment, and what it holds of pictures is complete."""
        start = self._timeline.boundary(begin.at_ns, now)
        if self._current is not None:
            self._current.end = start
            self._current.pieces += self._current.muxer.flush()
        if begin.sound:
            self._sync.settle()
        seq, self._next_seq = self._next_seq, self._next_seq + 1
        parameters = begin.first.unit.parameters or self._source.video.parameters
        sound = self._source.sound if begin.sound else None
        muxer = Muxer(parameters, self._video_scale.rate, sound, self._story(seq, start).to_json())
        wall_ns = self._sync.wall_at(begin.at_ns)
        if wall_ns is not None:
            muxer.tell_clock(0, wall_ns)
        self._current = _Open(seq, muxer, begin.first.pts, camera_offset_ms=self._camera_offset_ms)
        self._open[begin.file] = self._current
        self._writer.begin(seq, start, self._terms)
        if self._size != (parameters.width, parameters.height):
            self._size = parameters.width, parameters.height
            self._resized(*self._size)

    def _story(self, seq: int, start: Moment) -> EmbeddedMetadata:
        last = self._writer.last_committed
        return EmbeddedMetadata(
            camera=self._start.camera,
            seq=seq,
            start=start,
            boot_id=self._start.boot_id,
            epoch=self._terms.epoch,
            synced=self._terms.synced,
            bounds=Bounds(self._terms.floor_s, self._terms.ceiling_s),
            previous_seq=last.seq,
            previous_sha256=last.sha256,
            camera_offset_ms=self._camera_offset_ms,
        )

    def _end(self, end: End, now: Moment) -> None:
        file = self._open.pop(end.file, None)
        if file is None:
            return
        if file is self._current:
            self._current = None
        self._writer.add(file.seq, file.pieces + file.muxer.close())
        moment = file.end or self._timeline.boundary(end.at_ns, now)
        self._writer.end(file.seq, moment, file.muxer.video_frames, file.camera_offset_ms)

    def _check_writer(self, now_ns: int) -> None:
        """Give up a file that disk or daemon does not want, and do not begin another before the disk is free."""
        for number, file in tuple(self._open.items()):
            if self._writer.is_lost(file.seq):
                del self._open[number]
                if file is self._current:
                    self._current = None
                self._segmenter.lose(number, now_ns + RETRY_NS)
        if self._current is None and self._writer.is_behind:
            self._segmenter.hold_back(now_ns + RETRY_NS)


PAUSE_NS: Final = 2 * NS_PER_S
"""Without a picture for longer is not recorded. As long as a power cut may cost (S6); cameras that lower their frame
rate at night still send one a second."""
USUAL: Final = 4
"""A camera that sends a picture every 3 s on purpose does not pause between them: so many times its usual interval."""
REMEMBERED: Final = 16
"""Intervals from which the usual one is taken: one pause among them changes nothing."""
SETTLE_NS: Final = 5 * NS_PER_S
"""When nothing that was held back came in for so long, nothing was: the camera did not count while it paused."""
PROGRESS_NS: Final = NS_PER_S // 10
"""What comes in of it is at least this much, whatever the jitter."""
DRIFT: Final = 10_000
"""The smallest lag rises by one part in so many: 100 ppm, a poor crystal."""


class Pause(NamedTuple):
    """No picture was taken in between, in CLOCK_BOOTTIME."""

    start_ns: int
    end_ns: int


class PauseDetection:
    """Tell it of every picture as it arrives; media times are those that `recorder.worker.timestamp_repair` mended."""

    __slots__ = ("_arrival_ns", "_behind", "_doubt", "_lag_ns", "_media_ns", "_steps")

    def __init__(self) -> None:
        self._media_ns: int | None = None
        """The latest showing time so far."""
        self._arrival_ns = 0
        self._lag_ns = 0
        """Arrival less media time, at its smallest."""
        self._steps: deque[int] = deque(maxlen=REMEMBERED)
        self._doubt: Pause | None = None
        """Nothing arrived in between, and by its times nothing is missing."""
        self._behind = (0, 0)
        """The smallest lag since then, and when it last became smaller."""

    def picture(self, media_ns: int, arrival_ns: int, *, jumped: bool = False) -> Pause | None:
        """The pause that this picture shows, or proves, to have been. `jumped`: the camera's clock did, before it."""
        last_ns, last_arrival_ns = self._media_ns, self._arrival_ns
        self._arrival_ns = arrival_ns
        lag_ns = arrival_ns - media_ns
        if jumped:
            return self._across(media_ns, lag_ns, Pause(last_arrival_ns, arrival_ns))
        if last_ns is None:
            self._media_ns, self._lag_ns = media_ns, lag_ns
            return None
        step_ns, wait_ns = media_ns - last_ns, arrival_ns - last_arrival_ns
        self._lag_ns = min(lag_ns, self._lag_ns + max(0, wait_ns) // DRIFT)
        found = None
        if (step_ns > PAUSE_NS or wait_ns > PAUSE_NS) and self._steps:
            usual_ns = sorted(self._steps)[(len(self._steps) - 1) // 2]
            if step_ns > max(PAUSE_NS, USUAL * usual_ns):
                found = Pause(last_ns + usual_ns + self._lag_ns, media_ns + self._lag_ns)
            elif wait_ns > max(PAUSE_NS, USUAL * usual_ns):
                self._doubt = Pause(last_arrival_ns + usual_ns, arrival_ns)
                self._behind = (lag_ns, arrival_ns)
        if step_ns > 0:
            self._steps.append(step_ns)
            self._media_ns = media_ns
        if found is None:
            return self._resolve(lag_ns, arrival_ns)
        if lag_ns - self._lag_ns < PAUSE_NS // 2:
            self._doubt = None
        return found

    def _across(self, media_ns: int, lag_ns: int, waited: Pause) -> Pause | None:
        """Before a jump and after it the times are of two clocks: only that nothing arrived tells of a pause."""
        found, self._doubt = self._doubt, None
        if self._steps:
            usual_ns = sorted(self._steps)[(len(self._steps) - 1) // 2]
            if waited.end_ns - waited.start_ns > max(PAUSE_NS, USUAL * usual_ns):
                found = Pause(waited.start_ns + usual_ns, waited.end_ns)
        self._media_ns, self._lag_ns = media_ns, lag_ns
        return found

    def _resolve(self, lag_ns: int, arrival_ns: int) -> Pause | None:
        """What was held back has come, or never will: then the camera's clock stood while it paused."""
        doubt = self._doubt
        if doubt is None:
            return None
        if lag_ns - self._lag_ns < PAUSE_NS // 2:
            self._doubt = None
            return None
        smallest_ns, since_ns = self._behind
        if lag_ns < smallest_ns - PROGRESS_NS:
            self._behind = (lag_ns, arrival_ns)
            return None
        if arrival_ns - since_ns < SETTLE_NS:
            return None
        self._doubt = None
        self._lag_ns = lag_ns
        return doubt
