"""One segment's file as bytes in memory: coded packets in, fragments out, nothing encoded.

Imports av. Never touches a disk, so the thread that reads the camera never waits for one; nothing is ever patched
back, so the bytes can be hashed as they go. The settings are those of the design: each was measured to matter.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from recorder.stamps import Scale

FRAGMENT_US: Final = 500_000
"""S6: what is lost at a power cut is at most one fragment, one sync interval and what libav holds to interleave."""
INTERLEAVE_US: Final = 500_000
"""Sound that stops would otherwise hold back the picture for 10 s."""
BUFFER_BYTES: Final = 1 << 20
"""libav hands over a fragment in pieces of this size: one piece for most."""

_OPTIONS: Final = {
    "movflags": "+frag_keyframe+delay_moov+default_base_moof",
    "frag_duration": str(FRAGMENT_US),
    "max_interleave_delta": str(INTERLEAVE_US),
}
_MP4_SOUND: Final = frozenset({"aac", "mp3", "mp2", "ac3", "eac3", "opus", "flac"})
_MOV_SOUND: Final = frozenset({"pcm_mulaw", "pcm_alaw", "pcm_s16be", "pcm_s16le"})


class Box(StrEnum):
    """The dialect of the file. MP4 refuses G.711; QuickTime keeps it bit for bit, and browsers play both."""

    MP4 = "mp4"
    MOV = "mov"


class MuxError(Exception):
    """This packet cannot be written; the file goes on without it. Names only the kind of error."""


def box_for(sound_codec: str | None) -> Box | None:
    """Which dialect keeps this sound without loss; None if neither does."""
    if sound_codec is None or sound_codec in _MP4_SOUND:
        return Box.MP4
    return Box.MOV if sound_codec in _MOV_SOUND else None


def can_mux(video: VideoStream, sound: AudioStream | None) -> bool:
    """Whether these tracks get a header together: found out once, not at every segment."""
    memory = _Memory()
    box = box_for(sound.codec_context.codec.canonical_name if sound is not None else None)
    if box is None:
        return False
    with av.open(memory, "w", format=box.value, options=_OPTIONS) as out:
        out.add_stream_from_template(video, opaque=True)
        if sound is not None:
            out.add_stream_from_template(sound, opaque=True)
        try:
            out.start_encoding()
        except av.FFmpegError:
            return False
    return True


class _Memory:
    """A file object for libav, which only ever appends."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(data)
        return len(data)

    def take(self) -> list[bytes]:
        pieces, self._pieces = self._pieces, []
        return pieces


class Muxer:
    """Not thread-safe. `parameters` replaces the parameter sets of `video` when the camera has changed them since."""

    def __init__(
        self,
        video: VideoStream,
        sound: AudioStream | None,
        comment: str,
        parameters: tuple[bytes, int, int] | None = None,
    ) -> None:
        box = box_for(sound.codec_context.codec.canonical_name if sound is not None else None) or Box.MP4
        self._memory = _Memory()
        # Not through `with`: a Muxer lives until `close`, which the session calls on every way out.
        self._out: OutputContainer = av.open(
            self._memory, "w", format=box.value, options=_OPTIONS, buffer_size=BUFFER_BYTES
        )
        self._video = self._out.add_stream_from_template(video, opaque=True)
        if parameters is not None:
            self._replace_parameters(parameters)
        self._sound = None if sound is None else self._out.add_stream_from_template(sound, opaque=True)
        self._out.metadata["comment"] = comment
        self.video_frames = 0

    def _replace_parameters(self, parameters: tuple[bytes, int, int]) -> None:
        extradata, width, height = parameters
        context: Any = self._video.codec_context
        context.extradata = extradata
        context.width, context.height = width, height

    def put(self, packet: Packet[Any], *, video: bool, pts: int, dts: int, duration: int, scale: Scale) -> list[bytes]:
        """Add a packet; returns what can be written by now, often nothing."""
        stream = self._video if video else self._sound
        if stream is None:
            raise MuxError("sound for a file without sound")
        packet.stream = stream
        packet.time_base = scale.fraction
        packet.pts, packet.dts, packet.duration = pts, dts, duration
        try:
            self._out.mux_one(packet)
        except av.FFmpegError as error:
            raise MuxError(type(error).__name__) from None
        if video:
            self.video_frames += 1
        return self._memory.take()

    def close(self) -> list[bytes]:
        """End the file properly; returns its last bytes. Does nothing the second time."""
        try:
            self._out.close()
        except av.FFmpegError as error:
            raise MuxError(type(error).__name__) from None
        return self._memory.take()
