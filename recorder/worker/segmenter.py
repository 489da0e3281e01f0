"""Where a segment ends and the next begins, and which unit belongs to which. Pure: units and time are values.

Keeps S11: what goes in comes out once, in the order of its track, cut only at key frames of the picture. Each
segment's time starts at 0 at its first key frame. A new file begins at once at a cut (S6: nothing waits in memory for
it); the one before stays open until sound has passed the cut, because sound is routed by media time, not by arrival.
Only before the very first file is sound waited for, to learn whether the file has a track for it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from recorder.words.stream import Parameters, Unit
from recorder.worker.timestamp_repair import NS_PER_S, Scale, Stamp

CROSSING_NS: Final = NS_PER_S
"""How long a file that was cut stays open for its last sound, and how long the first file waits for its first: cameras
send sound up to 0.9 s after the picture of the same instant."""
SOUND_ALIVE_NS: Final = 2 * NS_PER_S
"""Sound that was last heard longer ago gets no track in the next file."""
CHANGES: Final = 4
"""Cuts for other parameter sets within `CALM_NS`. A camera that alternates between two of them gets no file for each
key frame: what it sends lies in the file in any case, and most decoders follow it."""
CALM_NS: Final = 30 * NS_PER_S
"""After a cut for an oddity, the next one for a jump, a drift or sound that ended must wait so long: a camera whose
clock makes no sense, or whose microphone comes and goes, would make a file of every key frame."""
DRIFT_NS: Final = NS_PER_S // 10
"""Sound that lies further from its picture than this is not left so until the next cut comes by itself: one is asked
for. Less is not noticed by people."""
WAITING_MAX: Final = 512
"""Units of sound that wait for the picture: at 1 kHz unit rate half a second, at the usual 50 Hz ten."""


class CutReason(StrEnum):
    """Why a segment begins."""

    FIRST = "first"
    LENGTH = "length"
    ASKED = "asked"
    PARAMETERS = "parameters"
    JUMP = "jump"
    SOUND = "sound"
    SYNC = "sync"


class Begin(NamedTuple):
    """A new file; `at_ns` is the media time of its first key frame, and where the file before it ends."""

    file: int
    at_ns: int
    sound: bool
    first: Stamp
    """That key frame, whose parameter sets the file's header must hold."""
    why: CutReason


class Put:
    """A unit for a file that is open, in that file's time."""

    __slots__ = ("dts", "duration", "file", "pts", "unit")

    def __init__(self, file: int, pts: int, dts: int, duration: int, unit: Unit) -> None:
        self.file = file
        self.pts = pts
        self.dts = dts
        self.duration = duration
        self.unit = unit


class End(NamedTuple):
    """The file is complete; `at_ns` is the media time up to which it reaches."""

    file: int
    at_ns: int


Action: TypeAlias = Begin | Put | End


@dataclass(slots=True)
class _File:
    number: int
    parameters: Parameters | None
    origin: int
    """The picture's time at its start, in ticks."""
    sound_origin: int
    """The sound's time at its start, in ticks of the sound."""
    start_ns: int
    sound: bool
    end: int
    """The picture's time up to which it reaches, in ticks."""


@dataclass(slots=True)
class _Closing:
    """A file that was cut and waits for its last sound: whatever comes goes there, until sound has passed the cut."""

    file: _File
    at_ns: int
    since_ns: int


class Segmenter:
    """One session with one camera. `sound` is None for a camera without any."""

    def __init__(self, segment_ns: int, video: Scale, sound: Scale | None) -> None:
        self._segment_ns = segment_ns
        self._video = video
        self._sound = sound
        self._file: _File | None = None
        self._closing: _Closing | None = None
        self._opening: list[Stamp] = []
        self._waiting: deque[Stamp] = deque()
        self._video_ns = 0
        self._heard_ns: int | None = None
        self._shift_ns = self._wanted_shift_ns = 0
        self._pending: CutReason | None = None
        self._odd_ns: int | None = None
        self._changes: deque[int] = deque(maxlen=CHANGES)
        self._caught_up = False
        self._not_before_ns = 0
        self._number = 0
        self._first_ns = 0
        self.dropped = 0
        """Units that had no place, except those before the first key frame, with which nothing can begin."""

    def cut(self, why: CutReason = CutReason.ASKED) -> None:
        """Begin a new segment at the next key frame."""
        self._pending = why

    def caught_up(self) -> None:
        """What had gathered while connecting is read: arrivals now tell the time, the first segment may begin."""
        self._caught_up = True

    def shift(self, shift_ns: int) -> None:
        """Sound's time, so much later, is the picture's time. Holds from the next cut on."""
        self._wanted_shift_ns = shift_ns
        if self._file is None or not self._file.sound:
            self._shift_ns = shift_ns

    def lose(self, number: int, not_before_ns: int) -> None:
        """This file is lost; the next begins at the first key frame that arrives after `not_before_ns`."""
        if self._closing is not None and self._closing.file.number == number:
            self._closing = None
        if self._file is not None and self._file.number == number:
            self._file = None
            self.hold_back(not_before_ns)

    def hold_back(self, not_before_ns: int) -> None:
        """No file begins before this."""
        self._not_before_ns = max(self._not_before_ns, not_before_ns)

    def picture(self, stamp: Stamp, out: list[Action]) -> None:
        """Take the next unit of the picture, in decoding order."""
        file = self._file
        if file is None:
            self._before(stamp, out)
            return
        if stamp.jumped:
            self._jumped(stamp.arrival_ns)
        if stamp.unit.key:
            why = self._why(file, stamp)
            if why is not None:
                file = self._cut(file, stamp, why, out)
        self._put_picture(file, stamp, out)
        if self._waiting or self._closing is not None:
            self._flow(stamp.arrival_ns, out)

    def sound(self, stamp: Stamp, out: list[Action]) -> None:
        """Take the next unit of sound."""
        self._heard_ns = stamp.arrival_ns
        if stamp.jumped:
            self._jumped(stamp.arrival_ns)
        self._waiting.append(stamp)
        if self._opening:
            self._open_if_decided(stamp.arrival_ns, out)
        self._flow(stamp.arrival_ns, out)

    def tick(self, now_ns: int, out: list[Action]) -> None:
        """Let go of what has waited long enough, also when nothing arrives any more."""
        if self._opening:
            self._open_if_decided(now_ns, out)
        self._flow(now_ns, out)

    def finish(self, out: list[Action]) -> None:
        """The session ends: everything that waits is put where it belongs, and the files end."""
        if self._opening:
            self._open(out)
        while self._waiting:
            self._put_sound(self._waiting.popleft(), out)
        self._close(out)
        if self._file is not None:
            out.append(End(self._file.number, self._video.ns(self._file.end)))
            self._file = None

    def _jumped(self, now_ns: int) -> None:
        if self._pending is None and self._is_calm(now_ns):
            self._pending = CutReason.JUMP

    def _is_calm(self, now_ns: int) -> bool:
        return self._odd_ns is None or now_ns - self._odd_ns >= CALM_NS

    def _is_sound_alive(self, now_ns: int) -> bool:
        return self._heard_ns is not None and now_ns - self._heard_ns <= SOUND_ALIVE_NS

    def _why(self, file: _File, stamp: Stamp) -> CutReason | None:
        """Whether and why a new segment begins with this key frame."""
        parameters = stamp.unit.parameters
        if parameters is not None and parameters is not file.parameters and parameters != file.parameters:
            changes = self._changes
            if len(changes) < CHANGES or stamp.arrival_ns - changes[0] >= CALM_NS:
                return CutReason.PARAMETERS
        if self._closing is not None:
            return None  # its last sound would have no place: what need not be now is at the next key frame
        if self._pending is not None:
            return self._pending
        alive, calm = self._is_sound_alive(stamp.arrival_ns), self._is_calm(stamp.arrival_ns)
        if alive != file.sound and (alive or calm):
            return CutReason.SOUND
        if file.sound and calm and abs(self._wanted_shift_ns - self._shift_ns) > DRIFT_NS:
            return CutReason.SYNC
        length_ns = self._video.ns(stamp.pts - file.origin + stamp.duration // 2)
        return CutReason.LENGTH if length_ns >= self._segment_ns else None

    def _before(self, stamp: Stamp, out: list[Action]) -> None:
        """A picture while no file is open: the first one may have to wait for sound."""
        if not self._opening and (not stamp.unit.key or stamp.arrival_ns < self._not_before_ns):
            self.dropped += self._number > 0
            return
        self._opening.append(stamp)
        self._open_if_decided(stamp.arrival_ns, out)

    def _open_if_decided(self, now_ns: int, out: list[Action]) -> None:
        known = self._caught_up and (self._sound is None or self._heard_ns is not None)
        if self._number > 0 or known or now_ns - self._opening[0].arrival_ns >= CROSSING_NS:
            self._open(out)

    def _open(self, out: list[Action]) -> None:
        """Begin a file with what has waited for it."""
        stamps, self._opening = self._opening, []
        self._put_picture(self._begin(stamps[0], CutReason.FIRST, out), stamps[0], out)
        for stamp in stamps[1:]:
            self.picture(stamp, out)

    def _begin(self, stamp: Stamp, why: CutReason, out: list[Action]) -> _File:
        self._number += 1
        self._pending = None
        if why in {CutReason.JUMP, CutReason.SOUND, CutReason.SYNC}:
            self._odd_ns = stamp.arrival_ns
        elif why is CutReason.PARAMETERS:
            self._changes.append(stamp.arrival_ns)
        self._shift_ns = self._wanted_shift_ns
        at_ns = self._video.ns(stamp.pts)
        if self._number == 1:
            self._first_ns = at_ns
        file = _File(
            number=self._number,
            parameters=stamp.unit.parameters,
            origin=stamp.pts,
            sound_origin=0 if self._sound is None else self._sound.ticks(at_ns - self._shift_ns),
            start_ns=at_ns,
            sound=self._is_sound_alive(stamp.arrival_ns),
            end=stamp.pts,
        )
        self._file = file
        out.append(Begin(file.number, at_ns, file.sound, stamp, why))
        return file

    def _cut(self, old: _File, stamp: Stamp, why: CutReason, out: list[Action]) -> _File:
        """The new file begins now; the old one ends now or when its sound is complete."""
        self._close(out)
        alive = self._is_sound_alive(stamp.arrival_ns)
        file = self._begin(stamp, why, out)
        self._closing = _Closing(old, file.start_ns, stamp.arrival_ns)
        if not (old.sound and alive):
            self._flow(stamp.arrival_ns, out)
            self._close(out)
        return file

    def _close(self, out: list[Action]) -> None:
        if self._closing is not None:
            out.append(End(self._closing.file.number, self._closing.at_ns))
            self._closing = None

    def _flow(self, now_ns: int, out: list[Action]) -> None:
        """Sound up to where the picture is (from there on a cut may still come), or up to the cut that was made."""
        waiting = self._waiting
        closing = self._closing
        while waiting:
            stamp = waiting[0]
            at_ns = self._sound_ns(stamp)
            if closing is not None and at_ns >= closing.at_ns:
                self._close(out)
                closing = None
            ready = closing is not None or (self._file is not None and at_ns <= self._video_ns)
            stale = not self._opening and now_ns - stamp.arrival_ns > CROSSING_NS
            if not (ready or stale or len(waiting) > WAITING_MAX):
                break
            self._put_sound(waiting.popleft(), out)
        if closing is not None and now_ns - closing.since_ns >= CROSSING_NS:
            self._close(out)

    def _put_picture(self, file: _File, stamp: Stamp, out: list[Action]) -> None:
        pts, dts, duration, origin = stamp.pts, stamp.dts, stamp.duration, file.origin
        self._video_ns = self._video.ns(dts)
        file.end = max(file.end, pts + duration)
        out.append(Put(file.number, pts - origin, dts - origin, duration, stamp.unit))

    def _put_sound(self, stamp: Stamp, out: list[Action]) -> None:
        """Sound from before its file began, or for a file that has none, has no place any more."""
        at_ns = self._sound_ns(stamp)
        file = self._file if self._closing is None else self._closing.file
        if file is None or not file.sound or at_ns < file.start_ns:
            self.dropped += self._number > 0 and at_ns >= self._first_ns
            return
        origin = file.sound_origin
        out.append(Put(file.number, stamp.pts - origin, stamp.dts - origin, stamp.duration, stamp.unit))

    def _sound_ns(self, stamp: Stamp) -> int:
        return 0 if self._sound is None else self._sound.ns(stamp.pts) + self._shift_ns
