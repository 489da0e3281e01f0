"""Body of the decoder's process: reads looks side by side, decodes and measures one after the other, tells what it saw.

One thread. Exits at EOF of the daemon's socket, so no decoder outlives its daemon. It is nice and its memory is bounded
by the kernel: whatever a picture does to it costs a look, and the daemon starts it again (`recorder.decoder.client`).

`KeyFrameReader` is one look in the making: what a camera's worker puts into the socket, until there is a picture and
its sound. It never waits. A worker is not trusted: what is no message, or too much, ends the look (`UnreadableLook`).
"""

from __future__ import annotations

import os
import resource
import selectors
import signal
import socket
import sys
import time
from math import inf
from typing import Final

import msgspec
import numpy as np

from recorder.decoder import decode
from recorder.decoder.decode import TooLarge, Unreadable
from recorder.decoder.messages import (
    MAX_JPEG_BYTES,
    PIECE_BYTES,
    THUMB,
    THUMB_BYTES,
    Begun,
    Heard,
    Look,
    LookKind,
    Piece,
    Seen,
    Unseen,
    UnseenReason,
)
from recorder.words import memory, messages
from recorder.worker.fan_out import (
    LENGTH_BYTES,
    LOOK_LIFE_S,
    MAX_FRAME_BYTES,
    Handed,
    Missed,
    Packet,
    SoundTrack,
    Tracks,
)

NICE: Final = 10
"""Recording, and whatever else the box has to do, comes first."""
MEMORY_MAX: Final = 1 << 30
"""Bytes of address space: libraries take 400 MiB of it, an 8K picture 60."""
LOOKS_MAX: Final = 64
"""Under way at once; each may hold a key frame of a few MiB. The daemon asks for two or three at a time."""
TICK_S: Final = 1.0
REST_S: Final = 0.25
"""After a picture was decoded, what it needed (10 MB) is given back, unless another one comes first, which uses it
again. Who comes later pays for that with 2 of its 20 ms."""
LARGE: Final = 1 << 18
"""Bytes of a library that are worth a call to the kernel."""
PATIENCE_S: Final = LOOK_LIFE_S + 5
"""The worker ends a look by itself before that; one that hangs does not."""
SOUND_PATIENCE_S: Final = 3.0
"""After the picture: half a second of sound is there by then, or none comes."""
MAX_SOUND: Final = 1 << 20
"""Bytes of sound that are kept: five seconds of the fattest."""
_READ: Final = 1 << 18
_DECODER: Final[msgspec.msgpack.Decoder[Handed]] = msgspec.msgpack.Decoder(Handed)
_LOOKS: Final[msgspec.json.Decoder[Look]] = msgspec.json.Decoder(Look)


def main(fd: int) -> None:
    """Look until the daemon is gone."""
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    memory.release_start_pages()
    try:
        _Decoder(socket.socket(fileno=fd)).run()
    except (BrokenPipeError, ConnectionResetError):
        sys.exit(0)


class _Decoder:
    """Everything the process does."""

    def __init__(self, daemon: socket.socket) -> None:
        self._daemon = daemon
        self._looks: set[KeyFrameReader] = set()
        self._selector = selectors.DefaultSelector()
        self._selector.register(daemon, selectors.EVENT_READ)
        self._code = [(start, end) for start, end in memory.file_pages() if end - start >= LARGE]
        self._rests_s = inf
        """When to let go of what the last look needed."""

    def run(self) -> None:
        while True:
            for key, _ in self._selector.select(min(TICK_S, max(0.0, self._rests_s - time.monotonic()))):
                if key.data is not None:
                    self._read(key.data)
                elif not self._hear():
                    return
            now_s = time.monotonic()
            for overdue in [one for one in self._looks if one.is_overdue(now_s)]:
                self._finish(overdue)
            if now_s >= self._rests_s:
                self._rests_s = inf
                memory.release_heap()
                memory.release_pages(self._code)

    def _hear(self) -> bool:
        """False: the daemon is gone, or talks nonsense."""
        data, fd = messages.datagram(self._daemon)
        if not data or fd < 0:
            return False
        sock = socket.socket(fileno=fd)
        look = _LOOKS.decode(data)
        if len(self._looks) >= LOOKS_MAX:
            sock.close()
            messages.send(self._daemon, Unseen(look.number, UnseenReason.BUSY))
            return True
        reader = KeyFrameReader(look, sock, time.monotonic())
        self._looks.add(reader)
        self._selector.register(sock, selectors.EVENT_READ, reader)
        return True

    def _read(self, reader: KeyFrameReader) -> None:
        try:
            if reader.read(time.monotonic()):
                return
        except UnreadableLook:
            reader.picture = b""
        self._finish(reader)

    def _finish(self, reader: KeyFrameReader) -> None:
        """Its socket is closed: the worker need not wait for what becomes of it."""
        self._selector.unregister(reader.sock)
        reader.sock.close()
        self._looks.discard(reader)
        number = reader.look.number
        if reader.tracks is None or not reader.picture:
            messages.send(self._daemon, Unseen(number, UnseenReason.NO_PICTURE))
            return
        messages.send(self._daemon, Begun(number))
        try:
            said: Seen | Unseen = self._see(reader, reader.tracks)
        except Unreadable:
            said = Unseen(number, UnseenReason.UNREADABLE)
        except (TooLarge, MemoryError):
            said = Unseen(number, UnseenReason.TOO_LARGE)
        messages.send(self._daemon, said)
        self._rests_s = time.monotonic() + REST_S

    def _see(self, reader: KeyFrameReader, tracks: Tracks) -> Seen:
        look = reader.look
        frame = decode.picture(tracks, reader.picture, whole=look.want is LookKind.SNAPSHOT)
        if look.want is LookKind.SNAPSHOT:
            self._send_picture(look.number, decode.jpeg(frame))
        planes = decode.planes(frame)
        reference = None
        if len(look.reference) == THUMB_BYTES:
            reference = np.frombuffer(look.reference, np.uint8).reshape(THUMB[1], THUMB[0])
        measured = decode.measure_picture(planes.luma, planes.small, (planes.blue, planes.red), reference)
        thumb = decode.thumbnail(planes.small).tobytes() if look.want is LookKind.THUMB else b""
        return Seen(look.number, measured, _heard(reader.sound, tracks.sound), thumb)

    def _send_picture(self, number: int, jpeg: bytes) -> None:
        if len(jpeg) > MAX_JPEG_BYTES:
            raise TooLarge
        for at in range(0, len(jpeg), PIECE_BYTES):
            messages.send(self._daemon, Piece(number, jpeg[at : at + PIECE_BYTES]))


def _heard(packets: list[bytes], track: SoundTrack | None) -> Heard | None:
    if track is None or not packets:
        return None
    return decode.measure_sound(decode.samples(track, packets), track.rate)


class UnreadableLook(Exception):
    """The worker sent nonsense."""


class KeyFrameReader:
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
            raise UnreadableLook
        if len(self._buffer) < end:
            return None
        data = bytes(memoryview(self._buffer)[LENGTH_BYTES:end])
        del self._buffer[:end]
        return data

    def _take(self, data: bytes, now_s: float) -> None:
        try:
            handed = _DECODER.decode(data)
        except ValueError:  # also UnicodeDecodeError
            raise UnreadableLook from None
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


if __name__ == "__main__":
    main(int(sys.argv[1]))
