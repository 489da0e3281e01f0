"""One look in the making: what a camera's worker puts into the socket, until there is a picture and its sound.

Pure but for the reading of the socket, which never waits. A worker is not trusted: what is no message, or too much,
ends the look (`Spoilt`).
"""

from __future__ import annotations

import socket
from typing import Final

import msgspec

from recorder.decoder.messages import Look
from recorder.worker.fan_out import LENGTH_BYTES, LOOK_LIFE_S, MAX_FRAME_BYTES, Handed, Missed, Packet, Tracks

PATIENCE_S: Final = LOOK_LIFE_S + 5
"""The worker ends a look by itself before that; one that hangs does not."""
SOUND_PATIENCE_S: Final = 3.0
"""After the picture: half a second of sound is there by then, or none comes."""
MAX_SOUND: Final = 1 << 20
"""Bytes of sound that are kept: five seconds of the fattest."""
_READ: Final = 1 << 18
_DECODER: Final[msgspec.msgpack.Decoder[Handed]] = msgspec.msgpack.Decoder(Handed)


class Spoilt(Exception):
    """The worker sent nonsense."""


class Gathering:
    """What has come so far."""

    def __init__(self, look: Look, sock: socket.socket, now_s: float) -> None:
        sock.setblocking(False)
        self.look = look
        self.sock = sock
        self.tracks: Tracks | None = None
        self.picture = b""
        self.sound: list[bytes] = []
        self._sound_bytes = 0
        self._buffer = bytearray()
        self._until_s = now_s + PATIENCE_S

    def read(self, now_s: float) -> bool:
        """Take what has come. False: nothing more will. Raises Spoilt."""
        try:
            came = self.sock.recv(_READ)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._buffer += came
        while (data := self._whole()) is not None:
            self._take(data, now_s)
        return bool(came)

    def is_overdue(self, now_s: float) -> bool:
        """What has come by now is all there will be."""
        return now_s >= self._until_s

    def _whole(self) -> bytes | None:
        if len(self._buffer) < LENGTH_BYTES:
            return None
        end = LENGTH_BYTES + int.from_bytes(self._buffer[:LENGTH_BYTES], "big")
        if end > LENGTH_BYTES + MAX_FRAME_BYTES:
            raise Spoilt
        if len(self._buffer) < end:
            return None
        data = bytes(memoryview(self._buffer)[LENGTH_BYTES:end])
        del self._buffer[:end]
        return data

    def _take(self, data: bytes, now_s: float) -> None:
        try:
            handed = _DECODER.decode(data)
        except ValueError:  # also UnicodeDecodeError
            raise Spoilt from None
        match handed:
            case Tracks():
                if not self.picture:
                    self.tracks = handed
            case Packet(video=True, key=True):
                if not self.picture:
                    self.picture = handed.data
                    self._until_s = min(self._until_s, now_s + SOUND_PATIENCE_S)
            case Packet(video=False):
                self._sound_bytes += len(handed.data)
                if self._sound_bytes <= MAX_SOUND:
                    self.sound.append(handed.data)
            case Packet() | Missed():
                pass
