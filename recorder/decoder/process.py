"""Body of the eye's process: gathers looks side by side, decodes and measures one after the other, tells what it saw.

One thread. Exits at EOF of the daemon's socket, so no eye outlives its daemon. It is nice and its memory is bounded by
the kernel: whatever a picture does to it costs a look, and the daemon starts it anew (`recorder.decoder.client`).
"""

from __future__ import annotations

import os
import resource
import selectors
import signal
import socket
import sys
import time
from typing import Final

import msgspec
import numpy as np

from recorder.decoder import decode, picture, sound
from recorder.decoder.decode import TooLarge, Unreadable
from recorder.decoder.key_frame_reader import Gathering, Spoilt
from recorder.decoder.messages import (
    MAX_JPEG_BYTES,
    PIECE_BYTES,
    THUMB,
    THUMB_BYTES,
    Begun,
    Heard,
    Look,
    Piece,
    Seen,
    Unseen,
    Want,
    Why,
)
from recorder.words import wire
from recorder.worker.fan_out import SoundTrack, Tracks

NICE: Final = 10
"""Recording, and whatever else the box has to do, comes first."""
MEMORY_MAX: Final = 1 << 30
"""Bytes of address space: libraries take 400 MiB of it, an 8K picture 60."""
LOOKS_MAX: Final = 64
"""Under way at once; each may hold a key frame of a few MiB. The daemon asks for two or three at a time."""
TICK_S: Final = 1.0

_LOOKS: Final[msgspec.json.Decoder[Look]] = msgspec.json.Decoder(Look)


def main(fd: int) -> None:
    """Look until the daemon is gone."""
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        _Eye(socket.socket(fileno=fd)).run()
    except (BrokenPipeError, ConnectionResetError):
        sys.exit(0)


class _Eye:
    """Everything the process does."""

    def __init__(self, daemon: socket.socket) -> None:
        self._daemon = daemon
        self._looks: set[Gathering] = set()
        self._selector = selectors.DefaultSelector()
        self._selector.register(daemon, selectors.EVENT_READ)

    def run(self) -> None:
        while True:
            for key, _ in self._selector.select(TICK_S):
                if key.data is not None:
                    self._read(key.data)
                elif not self._hear():
                    return
            now_s = time.monotonic()
            for overdue in [one for one in self._looks if one.is_overdue(now_s)]:
                self._finish(overdue)

    def _hear(self) -> bool:
        """False: the daemon is gone, or talks nonsense."""
        data, fd = wire.datagram(self._daemon)
        if not data or fd < 0:
            return False
        sock = socket.socket(fileno=fd)
        look = _LOOKS.decode(data)
        if len(self._looks) >= LOOKS_MAX:
            sock.close()
            wire.send(self._daemon, Unseen(look.number, Why.BUSY))
            return True
        gathering = Gathering(look, sock, time.monotonic())
        self._looks.add(gathering)
        self._selector.register(sock, selectors.EVENT_READ, gathering)
        return True

    def _read(self, gathering: Gathering) -> None:
        try:
            if gathering.read(time.monotonic()):
                return
        except Spoilt:
            gathering.picture = b""
        self._finish(gathering)

    def _finish(self, gathering: Gathering) -> None:
        """Its socket is closed: the worker need not wait for what becomes of it."""
        self._selector.unregister(gathering.sock)
        gathering.sock.close()
        self._looks.discard(gathering)
        number = gathering.look.number
        if gathering.tracks is None or not gathering.picture:
            wire.send(self._daemon, Unseen(number, Why.NO_PICTURE))
            return
        wire.send(self._daemon, Begun(number))
        try:
            said: Seen | Unseen = self._see(gathering, gathering.tracks)
        except Unreadable:
            said = Unseen(number, Why.UNREADABLE)
        except (TooLarge, MemoryError):
            said = Unseen(number, Why.TOO_LARGE)
        wire.send(self._daemon, said)

    def _see(self, gathering: Gathering, tracks: Tracks) -> Seen:
        look = gathering.look
        frame = decode.picture(tracks, gathering.picture, whole=look.want is Want.SNAPSHOT)
        if look.want is Want.SNAPSHOT:
            self._send_picture(look.number, decode.jpeg(frame))
        planes = decode.planes(frame)
        reference = None
        if len(look.reference) == THUMB_BYTES:
            reference = np.frombuffer(look.reference, np.uint8).reshape(THUMB[1], THUMB[0])
        measured = picture.measure(planes.luma, planes.small, (planes.blue, planes.red), reference)
        thumb = picture.thumbnail(planes.small).tobytes() if look.want is Want.THUMB else b""
        return Seen(look.number, measured, _heard(gathering.sound, tracks.sound), thumb)

    def _send_picture(self, number: int, jpeg: bytes) -> None:
        if len(jpeg) > MAX_JPEG_BYTES:
            raise TooLarge
        for at in range(0, len(jpeg), PIECE_BYTES):
            wire.send(self._daemon, Piece(number, jpeg[at : at + PIECE_BYTES]))


def _heard(packets: list[bytes], track: SoundTrack | None) -> Heard | None:
    if track is None or not packets:
        return None
    return sound.measure(decode.samples(track, packets), track.rate)
