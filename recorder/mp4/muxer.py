"""One segment's file as bytes in memory: coded frames in, fragments out. Never touches a disk, and nothing is ever
patched back, so the bytes can be hashed as they go.

Part of S6: what was put is handed out as soon as the first frame after `FRAGMENT_MS` is known, and each fragment stands
for itself. Part of S12: nothing here grows but the index of key frames, by a few bytes a second.

Every time is told exactly: each sample has its own duration, each fragment the time of its first ones. So sound may
pause, drift or begin late. Where pictures are decoded before they are shown (B-frames), their track begins that much
earlier and an edit list leaves it out; the file still begins with its first key frame at 0.
"""

from __future__ import annotations

from typing import Final

from recorder.mp4.fragment import Point, Run, clock, fragment, trailer
from recorder.mp4.header import KEY, NOT_KEY, header
from recorder.words.stream import Parameters, Sound

FRAGMENT_MS: Final = 500
"""S6: what is lost at a power cut is at most one fragment, one frame and one sync interval."""
KEY_MS: Final = FRAGMENT_MS // 2
"""A fragment of at least this length ends where a key frame comes, so that key frames stand at the beginning, where
players jump to; a camera that sends nothing but key frames does not get a fragment for each."""
ALONE_MS: Final = 2 * FRAGMENT_MS
"""So much sound goes out without waiting for a picture: the pictures have stopped."""
FRAGMENT_MAX_BYTES: Final = 4 << 20
"""More than this does not wait for the fragment's end: 64 Mbit/s bring so much in half a second."""
FRAGMENT_MAX_SAMPLES: Final = 1024
"""More frames, or packets of sound, make no sense in half a second; each costs up to 16 bytes of index."""
POINTS_MAX: Final = 1 << 16
"""Key frames that the index at the end names: two a second for nine hours, and 1.3 MiB then."""
LEAD_MAX_S: Final = 60
"""How long before the first picture is shown decoding may begin: the sixteen frames that H.264 allows, at a frame every
four seconds. An earlier time is noise."""
FALLBACK_RATE: Final = 25
"""Frames a second, for how long a lone frame is shown if nobody says."""


class Muxer:
    """Not thread-safe. Times are in the file's own time, which begins at 0 with the first key frame.

    Times of decoding rise within a track; one that does not is put one tick after the one before it. A picture should
    not be shown before it is decoded: that is written as the standard has it, but libav then shows all pictures late.
    """

    def __init__(self, parameters: Parameters, video_rate: int, sound: Sound | None, comment: str) -> None:
        self._parameters = parameters
        self._rate = video_rate
        self._sound = sound
        self._comment = comment
        self._fragment_ticks = video_rate * FRAGMENT_MS // 1000
        self._key_ticks = video_rate * KEY_MS // 1000
        self._alone_ticks = sound.rate * ALONE_MS // 1000 if sound is not None else 0
        self._pictures, self._packets = Run(), Run()
        self._waiting_bytes = 0
        self._last_picture = self._last_packet = -1
        self._picture_ticks = max(1, video_rate // FALLBACK_RATE)
        self._packet_ticks = 1
        self._lead: int | None = None
        self._clock: tuple[int, int] | None = None
        self._fragments = 0
        self._written_bytes = 0
        self._points: list[Point] = []
        self._closed = False
        self.video_frames = 0

    def put(self, *, video: bool, pts: int, dts: int, duration: int, key: bool, data: bytes) -> list[bytes]:
        """Add a frame or a packet of sound; returns what can be written by now, often nothing."""
        if not video:
            return self._packet(pts, duration, data)
        lead = self._lead
        out = []
        if lead is None:
            lead = min(max(0, -dts), LEAD_MAX_S * self._rate)
            out.append(self._begin(lead))
        run = self._pictures
        times = run.times
        time, last = dts + lead, self._last_picture
        if time <= last:
            time = last + 1
        if duration > 0:
            self._picture_ticks = duration
        elif last >= 0:
            self._picture_ticks = time - last
        length = len(data)
        if times:
            passed = time - times[0]
            if (
                passed >= self._fragment_ticks
                or (key and passed >= self._key_ticks)
                or self._waiting_bytes + length > FRAGMENT_MAX_BYTES
                or len(times) >= FRAGMENT_MAX_SAMPLES
            ):
                out.append(self._fragment(time))
                run = self._pictures
        self._last_picture = time
        run.times.append(time)
        run.offsets.append(pts + lead - time)
        run.flags.append(KEY if key else NOT_KEY)
        run.data.append(data)
        self._waiting_bytes += length
        self.video_frames += 1
        return out

    def tell_clock(self, pts: int, wall_ns: int) -> None:
        """What the camera's own clock showed at this tick of the picture; written before the next fragment."""
        self._clock = pts, wall_ns

    def flush(self) -> list[bytes]:
        """What was put up to now, if nothing comes that would end the fragment. How long its last frame is shown is a
        guess then, which the next fragment puts right."""
        out = []
        if self._pictures.times or self._packets.times:
            if self._lead is None:
                out.append(self._begin(0))
            out.append(self._fragment(self._last_picture + self._picture_ticks))
        return out

    def close(self) -> list[bytes]:
        """End the file properly; returns its last bytes. Does nothing the second time."""
        if self._closed:
            return []
        self._closed = True
        out = self.flush()
        if self._fragments:
            out.append(trailer(self._points))
        return out

    def _packet(self, pts: int, duration: int, data: bytes) -> list[bytes]:
        if self._sound is None:
            raise ValueError("sound for a file without sound")
        run, last = self._packets, self._last_packet
        time = pts if pts > last else last + 1
        out = []
        if run.times and (
            time - run.times[0] >= self._alone_ticks
            or self._waiting_bytes + len(data) > FRAGMENT_MAX_BYTES
            or len(run.times) >= FRAGMENT_MAX_SAMPLES
        ):
            out = self.flush()
            run = self._packets
        self._last_packet = time
        if duration > 0:
            self._packet_ticks = duration
        run.times.append(time)
        run.data.append(data)
        self._waiting_bytes += len(data)
        return out

    def _begin(self, lead: int) -> bytes:
        self._lead = lead
        data = header(self._parameters, self._rate, self._sound, self._comment, lead)
        self._written_bytes += len(data)
        return data

    def _fragment(self, pictures_end: int) -> bytes:
        """Everything that waits."""
        pictures, self._pictures = self._pictures, Run()
        packets, self._packets = self._packets, Run()
        self._waiting_bytes = 0
        self._fragments += 1
        lead = self._lead or 0
        front = b""
        if self._clock is not None:
            (at, wall_ns), self._clock = self._clock, None
            front = clock(at + lead, wall_ns)
        if KEY in pictures.flags and len(self._points) < POINTS_MAX:
            index = pictures.flags.index(KEY)
            shown = pictures.times[index] + pictures.offsets[index] - lead
            self._points.append(Point(max(0, shown), self._written_bytes + len(front), index + 1))
        packets_end = self._last_packet + self._packet_ticks
        data = fragment(self._fragments, front, pictures, pictures_end, packets, packets_end)
        self._written_bytes += len(data)
        return data
