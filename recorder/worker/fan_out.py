"""Copies of a session's coded units for whoever watches: picture health, live view.

The worker's side, and the words of both sides; `recorder.supervisor.worker_session` is the daemon's. Imports msgspec
and the words of a stream. Recording comes first: whoever reads the camera never waits here, a watcher that is slow
or gone costs it nothing (L4), and what is kept for watchers is bounded (S12).

A watcher reads from a stream socket: four bytes of length, most significant first, then one message in MessagePack, an
array that begins with its name. `Tracks` comes before the first `Packet`, and again when it changes; the first packet
is a key frame. Who does not keep up loses everything up to the next key frame, and `Missed` says how much. The end of
the socket is the end of the session, or of a watcher too many.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Annotated, Final, NamedTuple, TypeAlias

import msgspec

from recorder.words.messages import Kind
from recorder.words.stream import Codec, Parameters, Sound, Unit, Video

MAX_WATCHERS: Final = 4
"""Of one camera at a time: picture health, live view, a snapshot, and one that is about to end."""
MAX_WAITING_BYTES: Final = 4 << 20
"""What waits in memory for one watcher, beside a frame that is half sent: seconds of any camera."""
MAX_FRAME_BYTES: Final = 4 << 20
"""Longest message either side makes or takes; a key frame of a 4K camera has under 2 MiB."""
TOGETHER_BYTES: Final = 64 << 10
"""Frames up to so many bytes go with one system call, and wake the watcher once: packets of sound have 200."""
PATIENCE_S: Final = 10.0
"""A watcher that takes nothing for so long is let go: a live one keeps the reader from its naps."""
LENGTH_BYTES: Final = 4
LOOK_SOUND_S: Final = 0.5
"""So much sound goes with the one key frame of a look: enough for a level."""
LOOK_LIFE_S: Final = 20.0
"""A look that is not complete by then never will be: its key frame or its sound does not come."""

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Ticks: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]


class Frame(msgspec.Struct, frozen=True, array_like=True, tag=str.lower):
    """Base of what a watcher reads."""


class SoundTrack(msgspec.Struct, frozen=True, array_like=True):
    """As `recorder.words.stream.Sound`."""

    codec: Codec
    rate: Count
    channels: Count
    config: bytes


class Tracks(Frame, frozen=True):
    """What the packets that follow are made of. Times are ticks, `rate` of them a second."""

    codec: Codec
    rate: Count
    width: Count
    height: Count
    record: bytes
    """AVC or HEVC decoder configuration record, with the parameter sets."""
    sound: SoundTrack | None


class Packet(Frame, frozen=True):
    """One coded picture, or one packet of sound, as it lies in a file (`recorder.words.stream.Unit`)."""

    video: bool
    pts: Ticks
    duration: Count
    key: bool
    data: bytes

    @classmethod
    def of(cls, unit: Unit) -> Packet:
        return cls(unit.video, unit.pts, unit.duration, unit.key, unit.data)


class Missed(Frame, frozen=True):
    """Lost since the packet before, because the watcher did not keep up."""

    units: Count
    bytes: Count


Handed: TypeAlias = Tracks | Packet | Missed

_ENCODER: Final = msgspec.msgpack.Encoder()


def framed(message: Handed) -> bytes:
    """As it goes over the socket."""
    data = _ENCODER.encode(message)
    return len(data).to_bytes(LENGTH_BYTES, "big") + data


class _Waiting(NamedTuple):
    """A frame, and what is lost with it."""

    frame: bytes
    units: int
    bytes: int


class _Watcher:
    """One socket and what waits for it."""

    def __init__(self, sock: socket.socket, kind: Kind, now_s: float) -> None:
        self.sock = sock
        self.kind = kind
        self._begun = memoryview(b"")
        """The rest of frames that are partly sent: nothing else may come before it."""
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._started = self._in_step = False
        """Had a key frame; and everything since, so that what comes next can be decoded."""
        self._told: tuple[Parameters, Sound | None] | None = None
        self._missed_units = self._missed_bytes = 0
        self._sound_left = 0
        """Ticks of sound that are still to come; of a look."""
        self._began_s = self._took_s = now_s

    def wants(self, unit: Unit) -> bool:
        """Whether to offer it; counts what is lost while the next key frame is waited for."""
        if self.kind is Kind.LOOK and self._started:
            return not unit.video and self._sound_left > 0
        if unit.video and unit.key:
            return True
        if self.kind is not Kind.ALL:
            return False
        if not self._in_step:
            self._miss(unit)
            return False
        # Sound that turned up since is told with the next key frame.
        return unit.video or (self._told is not None and self._told[1] is not None)

    def offer(self, unit: Unit, frame: bytes, video: Video, sound: Sound | None) -> None:
        """Keep it; where there is no room, what is newer wins."""
        key = unit.video and unit.key
        if (key and self.kind is Kind.KEY) or not self._has_room(frame):
            self._drop()
        if len(frame) > MAX_FRAME_BYTES or not (key or self._in_step):
            self._in_step = False
            self._miss(unit)
            return
        if key:
            self._introduce(unit.parameters or video.parameters, video.rate, sound)
            self._sound_left = 0 if sound is None else round(LOOK_SOUND_S * sound.rate)
        else:
            self._sound_left -= max(1, unit.duration)
        self._started = self._in_step = True
        self._keep(frame, 1, len(unit.data))

    def is_over(self, now_s: float) -> bool:
        """A look that has all it came for, or waited long enough for it."""
        if self.kind is not Kind.LOOK:
            return False
        has_all = self._started and self._sound_left <= 0 and not (self._begun or self._waiting)
        return has_all or now_s - self._began_s > LOOK_LIFE_S

    def flush(self, now_s: float) -> bool:
        """Send what can be sent at once. False: it is gone, or took nothing for too long."""
        while self._begun or self._waiting:
            if not self._begun:
                self._begun = memoryview(self._next())
            try:
                sent = self.sock.send(self._begun, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return now_s - self._took_s <= PATIENCE_S
            except OSError:
                return False
            self._begun = self._begun[sent:]
            self._took_s = now_s
        self._took_s = now_s
        return True

    def _next(self) -> bytes:
        """What goes at once; at least a frame."""
        frames = [self._waiting.popleft().frame]
        size = len(frames[0])
        while self._waiting and size + len(self._waiting[0].frame) <= TOGETHER_BYTES:
            frames.append(self._waiting.popleft().frame)
            size += len(frames[-1])
        self._waiting_bytes -= size
        return b"".join(frames)

    def _introduce(self, parameters: Parameters, rate: int, sound: Sound | None) -> None:
        """What comes before a key frame."""
        if self._missed_units:
            self._keep(framed(Missed(self._missed_units, self._missed_bytes)), self._missed_units, self._missed_bytes)
            self._missed_units = self._missed_bytes = 0
        if self._told != (parameters, sound):
            self._told = parameters, sound
            track = None if sound is None else SoundTrack(sound.codec, sound.rate, sound.channels, sound.config)
            p = parameters
            self._keep(framed(Tracks(p.codec, rate, p.width, p.height, p.record, track)), 0, 0)

    def _has_room(self, frame: bytes) -> bool:
        return self._waiting_bytes + len(frame) <= MAX_WAITING_BYTES

    def _keep(self, frame: bytes, units: int, size: int) -> None:
        self._waiting.append(_Waiting(frame, units, size))
        self._waiting_bytes += len(frame)

    def _drop(self) -> None:
        """All that waits. What was told of the tracks may be among it."""
        if self._waiting:
            self._missed_units += sum(waiting.units for waiting in self._waiting)
            self._missed_bytes += sum(waiting.bytes for waiting in self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            self._told = None
        self._in_step = False

    def _miss(self, unit: Unit) -> None:
        """What came before it began to watch is not missed."""
        if self._started:
            self._missed_units += 1
            self._missed_bytes += len(unit.data)


class FanOut:
    """All watchers of one session. Belongs to the thread that reads the camera; nothing here waits for anybody."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` in seconds."""
        self._clock = clock
        self._watchers: list[_Watcher] = []
        self.wanted = False
        """Somebody watches: hand units to `pass_on`."""
        self.live = False
        """Somebody watches everything: packets must not gather."""

    def admit(self, sock: socket.socket, kind: Kind) -> None:
        """Another watcher, from the next key frame on. The socket is ours now; one too many is closed."""
        if len(self._watchers) >= MAX_WATCHERS:
            sock.close()
            return
        self._watchers.append(_Watcher(sock, kind, self._clock()))
        self._note()

    def pass_on(self, unit: Unit, video: Video, sound: Sound | None) -> None:
        """Keep copies, in decoding order, for the next `flush`; `video` and `sound` as the source has them now."""
        frame = b""
        for watcher in self._watchers:
            if watcher.wants(unit):
                frame = frame or framed(Packet.of(unit))
                watcher.offer(unit, frame, video, sound)

    def flush(self) -> None:
        """Send what can be sent. After each look, and once a second: what waits must not depend on what comes next."""
        now_s = self._clock()
        gone = [watcher for watcher in self._watchers if not watcher.flush(now_s) or watcher.is_over(now_s)]
        for watcher in gone:
            watcher.sock.close()
            self._watchers.remove(watcher)
        if gone:
            self._note()

    def close(self) -> None:
        """The session is over."""
        for watcher in self._watchers:
            watcher.sock.close()
        self._watchers.clear()
        self._note()

    def _note(self) -> None:
        self.wanted = bool(self._watchers)
        self.live = any(watcher.kind is Kind.ALL for watcher in self._watchers)
