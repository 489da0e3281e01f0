"""Where a segment ends and the next begins, and which packet belongs to which. Pure: packets and time are values.

Keeps S11: what goes in comes out once, in the order of its track, cut only at key frames of the video. Each segment's
time starts at 0 at its first key frame and sound keeps its distance to the picture. Sound is routed by media time, not
by arrival: near a cut, packets wait up to `CROSSING_NS` until it is known on which side each belongs, and whether the
next segment will have sound at all (a track that is declared and stays empty keeps the muxer from writing anything).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Generic, TypeAlias, TypeVar

from recorder.stamps import NS_PER_S, Mended, Scale

T = TypeVar("T")

CROSSING_NS: Final = NS_PER_S
"""How long packets wait at a cut for sound: cameras send it up to 0.9 s after the picture of the same instant. Part of
what a power cut costs (S6, `messages.HELD_MS`)."""
SOUND_ALIVE_NS: Final = 2 * NS_PER_S
"""Sound that was last heard longer ago is not waited for."""
WAITING_MAX: Final = 512
"""Packets of sound that wait for the picture: at 1 kHz packet rate half a second, at the usual 50 Hz ten."""


class Why(StrEnum):
    """Why a segment begins."""

    FIRST = "first"
    LENGTH = "length"
    ASKED = "asked"
    PARAMETERS = "parameters"
    JUMP = "jump"
    SOUND = "sound"


@dataclass(frozen=True, slots=True)
class Begin(Generic[T]):
    """A new file; `at_ns` is the media time of its first key frame."""

    at_ns: int
    sound: bool
    first: T
    """Payload of that key frame, whose parameter sets the file's header must hold."""


@dataclass(frozen=True, slots=True)
class Put(Generic[T]):
    """A packet for the file that is open, in that file's time."""

    video: bool
    pts: int
    dts: int
    duration: int
    payload: T


@dataclass(frozen=True, slots=True)
class End:
    """The open file is complete; `at_ns` is the media time up to which it reaches."""

    at_ns: int


Action: TypeAlias = Begin[T] | Put[T] | End


@dataclass(frozen=True, slots=True)
class Frame(Generic[T]):
    """A mended packet of the picture, and whether decoding can begin with it."""

    packet: Mended[T]
    key: bool


@dataclass(slots=True)
class _File:
    video_origin: int
    sound_origin: int
    start_ns: int
    sound: bool
    end_ns: int


@dataclass(slots=True)
class _Crossing(Generic[T]):
    """A cut that is decided; its packets wait until sound has passed it."""

    at_ns: int
    since_ns: int
    sound_wanted: bool
    frames: list[Frame[T]] = field(default_factory=list)


class Segmenter(Generic[T]):
    """One session with one camera. `sound` is None for a camera without any."""

    def __init__(self, segment_ns: int, video: Scale, sound: Scale | None) -> None:
        self._segment_ns = segment_ns
        self._video = video
        self._sound = sound
        self._file: _File | None = None
        self._crossing: _Crossing[T] | None = None
        self._waiting: deque[Mended[T]] = deque()
        self._video_ns = 0
        self._heard_ns: int | None = None
        self._pending: Why | None = None
        self._caught_up = False
        self._not_before_ns = 0
        self._begun = False
        self.dropped = 0
        """Packets that had no place, except those before the first key frame, with which nothing can begin."""

    def cut(self, why: Why = Why.ASKED) -> None:
        """Begin a new segment at the next key frame."""
        self._pending = why

    def caught_up(self) -> None:
        """What had gathered while connecting is read: arrivals now tell the time, the first segment may begin."""
        self._caught_up = True

    def lose(self, not_before_ns: int) -> None:
        """The open file is lost; the next begins at the first key frame that arrives after `not_before_ns`."""
        self._file = None
        self._not_before_ns = not_before_ns

    def picture(self, frame: Frame[T]) -> list[Action[T]]:
        """Take the next packet of the picture, in decoding order."""
        now_ns = frame.packet.arrival_ns
        actions: list[Action[T]] = []
        if frame.packet.jumped:
            self._pending = Why.JUMP
        if self._crossing is not None and frame.key and (frame.packet.fresh or self._pending is Why.JUMP):
            actions += self._cross(self._crossing)
        why = self._why(frame) if frame.key else None
        if self._crossing is not None:
            self._crossing.frames.append(frame)
        elif why is not None:
            self._open_crossing(frame, why)
        elif self._file is None:
            self.dropped += self._begun
        else:
            actions += self._put_picture(self._file, frame)
        return actions + self.tick(now_ns)

    def sound(self, packet: Mended[T]) -> list[Action[T]]:
        """Take the next packet of sound."""
        self._heard_ns = packet.arrival_ns
        if packet.jumped and self._pending is None:
            self._pending = Why.JUMP
        self._waiting.append(packet)
        return self.tick(packet.arrival_ns)

    def tick(self, now_ns: int) -> list[Action[T]]:
        """Let go of what has waited long enough, also when nothing arrives any more."""
        actions = self._flow(now_ns)
        crossing = self._crossing
        if crossing is not None and self._is_decided(crossing, now_ns):
            actions += self._cross(crossing)
            actions += self._flow(now_ns)
        return actions

    def finish(self) -> list[Action[T]]:
        """The session ends: everything that waits is put where it belongs, and the file ends."""
        actions: list[Action[T]] = []
        if self._crossing is not None:
            actions += self._cross(self._crossing)
        while self._waiting:
            actions += self._put_sound(self._waiting.popleft())
        if self._file is not None:
            actions.append(End(self._file.end_ns))
            self._file = None
        return actions

    def _why(self, frame: Frame[T]) -> Why | None:
        """Whether and why a new segment begins with this key frame."""
        if self._file is None:
            early = frame.packet.arrival_ns < self._not_before_ns
            return None if early or self._crossing is not None else Why.FIRST
        if frame.packet.fresh:
            return Why.PARAMETERS
        if self._pending is not None:
            return self._pending
        length = self._video.ns(frame.packet.pts - self._file.video_origin)
        slack = self._video.ns(frame.packet.duration) // 2
        return Why.LENGTH if length + slack >= self._segment_ns else None

    def _open_crossing(self, frame: Frame[T], why: Why) -> None:
        now_ns = frame.packet.arrival_ns
        alive = self._heard_ns is not None and now_ns - self._heard_ns <= SOUND_ALIVE_NS
        wanted = self._sound is not None and (alive or why is Why.FIRST)
        self._crossing = _Crossing(self._video.ns(frame.packet.pts), now_ns, wanted, [frame])
        self._pending = None

    def _is_decided(self, crossing: _Crossing[T], now_ns: int) -> bool:
        if now_ns - crossing.since_ns >= CROSSING_NS:
            return True
        return self._caught_up and (not crossing.sound_wanted or self._sound_beyond(crossing))

    def _sound_beyond(self, crossing: _Crossing[T]) -> bool:
        return any(self._sound_ns(packet) >= crossing.at_ns for packet in self._waiting)

    def _cross(self, crossing: _Crossing[T]) -> list[Action[T]]:
        """End the old file and begin the new one with what has waited."""
        actions: list[Action[T]] = self._flow(crossing.since_ns)
        if self._file is not None:
            actions.append(End(crossing.at_ns))
        first = crossing.frames[0].packet
        sound = self._sound_beyond(crossing)
        origin = self._sound.ticks(crossing.at_ns) if self._sound is not None else 0
        self._file = _File(first.pts, origin, crossing.at_ns, sound, crossing.at_ns)
        self._crossing = None
        self._begun = True
        actions.append(Begin(crossing.at_ns, sound, first.payload))
        for frame in crossing.frames:
            actions += self._put_picture(self._file, frame)
            actions += self._flow(frame.packet.arrival_ns)
        return actions

    def _flow(self, now_ns: int) -> list[Action[T]]:
        """Sound up to where the picture is (from there on a cut may still come), or up to the cut that is decided."""
        actions: list[Action[T]] = []
        while self._waiting:
            packet = self._waiting[0]
            if self._crossing is not None:
                ready = self._sound_ns(packet) < self._crossing.at_ns
            else:
                ready = self._file is not None and self._sound_ns(packet) <= self._video_ns
            if self._crossing is None:
                ready = ready or now_ns - packet.arrival_ns > CROSSING_NS
            if not ready and len(self._waiting) <= WAITING_MAX:
                break
            actions += self._put_sound(self._waiting.popleft())
        return actions

    def _put_picture(self, file: _File, frame: Frame[T]) -> list[Action[T]]:
        packet = frame.packet
        self._video_ns = self._video.ns(packet.dts)
        file.end_ns = max(file.end_ns, self._video.ns(packet.pts + packet.duration))
        origin = file.video_origin
        return [Put(True, packet.pts - origin, packet.dts - origin, packet.duration, packet.payload)]

    def _put_sound(self, packet: Mended[T]) -> list[Action[T]]:
        """Sound from before its file began, or for a file that has none, has no place any more."""
        file = self._file
        if file is None or not file.sound or self._sound_ns(packet) < file.start_ns:
            self.dropped += self._begun
            if file is not None and not file.sound and self._crossing is None and self._pending is None:
                self._pending = Why.SOUND
            return []
        origin = file.sound_origin
        return [Put(False, packet.pts - origin, packet.dts - origin, packet.duration, packet.payload)]

    def _sound_ns(self, packet: Mended[T]) -> int:
        return 0 if self._sound is None else self._sound.ns(packet.pts)
