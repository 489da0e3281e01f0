"""Cameras that cost next to nothing: one process, one loop, one `send` a frame; RTSP and RTP over one TCP connection.

    python -m bench.cameras CLIP_FOLDER CAMERAS [--codec H265] [--bit-rate 1000000] [--silent] [--udp]

Prints its port. `--silent` offers no sound; `--udp` knows no other way than UDP, one `send` a packet. Every path that
ends in a number is a camera, at an address of its own (`address`); `/edged/7` and `/ffmpeg/7` are two clients of one.
The clip is put into RTP packets once; when it comes round, sequence numbers and times go on, written into a copy for
all cameras together. No two cameras send at the same instant. A line on standard input is answered with a line of
JSON: who was sent which pictures. Ends with its standard input.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import heapq
import json
import random
import re
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from bench import clip as clips

PAYLOAD_BYTES: Final = 1400
VIDEO_TICKS: Final = 90_000 // clips.FPS
ROUND_S: Final = float(clips.SECONDS)
REPORT_S: Final = 5.0
"""Between two RTCP sender reports of a track."""
BACKLOG_BYTES: Final = 8 << 20
"""A client that is so far behind is cut off, which the verdict tells."""
SEED: Final = 7
NTP_EPOCH: Final = 2_208_988_800
AAC: Final = "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3"
SSRC: Final = (0x1D0, 0x50D)
NUMBERS: Final = struct.Struct(">HI")
"""Of an RTP header: sequence number and time."""
WALL: Final = time.time() - time.monotonic()


def address(camera: int) -> str:
    """Each has one of its own, or they would be taken for channels of one NVR."""
    return f"127.0.1.{camera + 1}"


class Tape:
    """The clip as interleaved RTP, frame by frame, for any round."""

    def __init__(self, clip: clips.Clip) -> None:
        self.clip = clip
        data = bytearray()
        heads: tuple[list[int], list[int]] = ([], [])
        """Where RTP headers begin, of video and of sound."""
        ticks: tuple[list[int], list[int]] = ([], [])
        frames: list[tuple[float, int, int, int, int, int]] = []
        entries = [(n / clips.FPS, 0, n) for n in range(len(clip.pictures))]
        entries += [(n * clips.SAMPLES / clips.SAMPLE_RATE, 1, n) for n in range(len(clip.sound))]
        for at, track, n in sorted(entries):
            start, first = len(data), len(heads[track])
            tick = n * (VIDEO_TICKS if track == 0 else clips.SAMPLES)
            payloads = _video(clip.codec, clip.pictures[n]) if track == 0 else [_sound(clip.sound[n])]
            for number, payload in enumerate(payloads):
                marker = 0x80 if number == len(payloads) - 1 else 0
                data += struct.pack(">cBH", b"$", 2 * track, 12 + len(payload))
                heads[track].append(len(data))
                ticks[track].append(tick)
                data += struct.pack(">BBHII", 0x80, marker | 96 + track, 0, 0, SSRC[track]) + payload
            frames.append((at, track, n, start, len(data), first))
        self.frames = frames
        self._data = bytes(data)
        self._heads = heads
        self._ticks = ticks
        self._rounds: dict[int, memoryview] = {}

    def round(self, number: int) -> memoryview:
        """The clip with the numbers and times of this round; all cameras are in the same two or three."""
        if number not in self._rounds:
            data = bytearray(self._data)
            for track, length in ((0, clips.PICTURES * VIDEO_TICKS), (1, clips.PACKETS * clips.SAMPLES)):
                first, begin = number * len(self._heads[track]), number * length
                for n, (at, tick) in enumerate(zip(self._heads[track], self._ticks[track], strict=True), first):
                    NUMBERS.pack_into(data, at + 2, n & 0xFFFF, (tick + begin) & 0xFFFFFFFF)
            self._rounds = {n: kept for n, kept in self._rounds.items() if n >= number - 2}
            self._rounds[number] = memoryview(data)
        return self._rounds[number]

    def numbers(self, track: int, entry: int) -> tuple[int, int]:
        """Sequence number and time of the first packet of a frame, `entry` counted over all rounds."""
        number, place = divmod(entry, len(self.frames))
        _, _, n, _, _, first = self.frames[place]
        length = (clips.PICTURES * VIDEO_TICKS, clips.PACKETS * clips.SAMPLES)[track]
        tick = n * (VIDEO_TICKS, clips.SAMPLES)[track] + number * length
        return (first + number * len(self._heads[track])) & 0xFFFF, tick & 0xFFFFFFFF


def _video(codec: clips.Codec, units: tuple[bytes, ...]) -> list[bytes]:
    """RFC 6184 and RFC 7798: a NAL unit by itself, or in fragments."""
    payloads = []
    for unit in units:
        if len(unit) <= PAYLOAD_BYTES:
            payloads.append(unit)
            continue
        if codec is clips.Codec.H264:
            head, kind, begin = bytes((unit[0] & 0xE0 | 28,)), unit[0] & 31, 1
        else:
            head, kind, begin = bytes((unit[0] & 0x81 | 49 << 1, unit[1])), unit[0] >> 1 & 63, 2
        size = PAYLOAD_BYTES - len(head) - 1
        parts = [unit[at : at + size] for at in range(begin, len(unit), size)]
        for number, part in enumerate(parts):
            flags = (0x80 if number == 0 else 0) | (0x40 if number == len(parts) - 1 else 0)
            payloads.append(head + bytes((flags | kind,)) + part)
    return payloads


def _sound(packet: bytes) -> bytes:
    return struct.pack(">HH", 16, len(packet) << 3) + packet


@dataclass(frozen=True, slots=True)
class Datagrams:
    """One track of one client, over UDP: where from, and where RTP and RTCP go."""

    rtp: socket.socket
    rtcp: socket.socket
    to: tuple[tuple[str, int], tuple[str, int]]

    def send(self, packet: memoryview | bytes, *, rtcp: bool) -> None:
        with contextlib.suppress(OSError):  # lost on the way, which UDP is allowed to do
            (self.rtcp if rtcp else self.rtp).sendto(packet, self.to[rtcp])


@dataclass(eq=False)
class Session:
    """One connection."""

    sock: socket.socket
    path: str = ""
    tracks: set[int] = field(default_factory=set)
    """Which were set up."""
    datagrams: dict[int, Datagrams] = field(default_factory=dict)
    """Of each track that does not come over the connection."""
    epoch_s: float = 0.0
    """When the camera's first round began, on CLOCK_MONOTONIC."""
    entry: int = 0
    """Of its next frame, counted over all rounds."""
    playing: bool = False
    request: bytearray = field(default_factory=bytearray)
    backlog: bytearray = field(default_factory=bytearray)
    report_s: float = 0.0
    first: int | None = None
    """Number of the first picture it was sent, and of the last."""
    last: int = -1
    cut_off: bool = False


class Server:
    """All cameras."""

    def __init__(self, tape: Tape, cameras: int, *, udp: bool) -> None:
        self.tape = tape
        self._udp = udp
        self._pairs: dict[tuple[str, int], tuple[socket.socket, socket.socket]] = {}
        """By address and track: of RTP and RTCP, for all clients."""
        self.began_s = time.monotonic()
        self._phases = [random.Random(SEED + n).random() * ROUND_S for n in range(cameras)]
        self._listening = {}
        self._poll = select.epoll()
        self._poll.register(sys.stdin, select.EPOLLIN)
        self.port = 0
        for camera in range(cameras):
            listening = socket.create_server((address(camera), self.port), backlog=8)
            listening.setblocking(False)
            self.port = listening.getsockname()[1]
            self._listening[listening.fileno()] = listening
            self._poll.register(listening, select.EPOLLIN)
        self._sessions: dict[int, Session] = {}
        self._past: list[Session] = []
        self._due: list[tuple[float, int, Session]] = []
        self._serial = 0

    def run(self) -> None:
        while True:
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                session = heapq.heappop(self._due)[2]
                if session.playing:
                    self._send_frame(session)
            wait_s = max(0.0, self._due[0][0] - time.monotonic()) if self._due else -1
            for fd, events in self._poll.poll(wait_s):
                if fd in self._listening:
                    self._accept(self._listening[fd])
                elif fd == sys.stdin.fileno():
                    if not sys.stdin.readline():
                        return
                    print(
                        json.dumps([_told(session) for session in (*self._past, *self._sessions.values())]), flush=True
                    )
                elif fd in self._sessions:
                    self._serve(self._sessions[fd], events)

    def _accept(self, listening: socket.socket) -> None:
        sock, _ = listening.accept()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sessions[sock.fileno()] = Session(sock)
        self._poll.register(sock, select.EPOLLIN)

    def _serve(self, session: Session, events: int) -> None:
        try:
            if events & select.EPOLLOUT:
                self._flush(session)
            if events & ~select.EPOLLOUT:
                data = session.sock.recv(65_536)
                if not data:
                    raise ConnectionResetError
                session.request += data
                self._answer(session)
        except BlockingIOError:
            return
        except OSError:
            self._close(session)

    def _answer(self, session: Session) -> None:
        buffer = session.request
        while buffer:
            if buffer[0] == ord("$"):
                end = 4 + int.from_bytes(buffer[2:4], "big") if len(buffer) >= 4 else len(buffer) + 1
                if len(buffer) < end:
                    return
                del buffer[:end]
                continue
            head, found, _ = bytes(buffer).partition(b"\r\n\r\n")
            if not found:
                return
            del buffer[: len(head) + 4]
            self._request(session, head.decode())

    def _request(self, session: Session, head: str) -> None:
        method, url, _ = head.split("\r\n", maxsplit=1)[0].split(" ")
        sequence = re.search(r"(?im)^cseq: *(\d+)", head)
        status, extra, body = "200 OK", "", ""
        if method == "OPTIONS":
            extra = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n"
        elif method == "DESCRIBE":
            body = self._description()
            extra = f"Content-Base: {url}/\r\nContent-Type: application/sdp\r\n"
        elif method == "SETUP":
            way = self._set_up(session, int(url[-1]), head)
            status = status if way else "461 Unsupported Transport"
            extra = f"Transport: {way}\r\nSession: 1;timeout=60\r\n" if way else ""
        elif method == "PLAY":
            session.path = re.sub(r"^rtsp://[^/]*|/$", "", url)
            infos = ",".join(
                "url={}/track{};seq={};rtptime={}".format(url.rstrip("/"), track, *self._begin(session, track))
                for track in sorted(session.tracks)
            )
            extra = f"Session: 1\r\nRTP-Info: {infos}\r\n"
        number = sequence[1] if sequence else 0
        head = f"RTSP/1.0 {status}\r\nCSeq: {number}\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
        self._send(session, [f"{head}{body}".encode()])
        if method == "PLAY" and not session.playing:
            session.playing = True
            self._schedule(session)
        if method == "TEARDOWN":
            self._close(session)

    def _set_up(self, session: Session, track: int, head: str) -> str:
        """How the track comes; "" where it is asked for in another way than the camera knows."""
        asked = re.search(r"(?im)^transport: *(.*?) *\r?$", head + "\r\n")
        wanted = asked[1] if asked else ""
        if self._udp == ("TCP" in wanted.upper()):
            return ""
        session.tracks.add(track)
        if not self._udp:
            return f"RTP/AVP/TCP;unicast;interleaved={2 * track}-{2 * track + 1}"
        theirs = re.search(r"client_port=(\d+)-(\d+)", wanted)
        if theirs is None:
            return ""
        here, there = session.sock.getsockname()[0], session.sock.getpeername()[0]
        if (here, track) not in self._pairs:
            self._pairs[here, track] = _pair(here)
        rtp, rtcp = self._pairs[here, track]
        session.datagrams[track] = Datagrams(rtp, rtcp, ((there, int(theirs[1])), (there, int(theirs[2]))))
        ours = f"{rtp.getsockname()[1]}-{rtcp.getsockname()[1]}"
        return f"RTP/AVP;unicast;client_port={theirs[1]}-{theirs[2]};server_port={ours}"

    def _description(self) -> str:
        clip = self.tape.clip
        sets = [base64.b64encode(unit).decode() for unit in clip.sets]
        if clip.codec is clips.Codec.H264:
            profile = clip.sets[0][1:4].hex()
            told = f"packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={','.join(sets)}"
        else:
            told = "sprop-vps={};sprop-sps={};sprop-pps={}".format(*sets)
        sound = (
            "m=audio 0 RTP/AVP 97", f"a=rtpmap:97 mpeg4-generic/{clips.SAMPLE_RATE}/1",
            f"a=fmtp:97 {AAC};config={clip.config[:2].hex()}", "a=control:track1",
        )  # fmt: skip
        return "\r\n".join((
            "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=bench", "c=IN IP4 0.0.0.0", "t=0 0",
            "m=video 0 RTP/AVP 96", f"a=rtpmap:96 {clip.codec.value}/90000", f"a=fmtp:96 {told}", "a=control:track0",
            *(sound if clip.sound else ()), "",
        ))  # fmt: skip

    def _begin(self, session: Session, track: int) -> tuple[int, int]:
        """Where a camera that has run all the time stands now: the next frame of a track."""
        if session.epoch_s == 0.0:
            camera = int(session.path.rpartition("/")[2])
            session.epoch_s = self.began_s - self._phases[camera]
            now = time.monotonic()
            entry = int((now - session.epoch_s) / ROUND_S) * len(self.tape.frames)
            while session.epoch_s + self._at(entry) < now:
                entry += 1
            session.entry = entry
            session.report_s = now
        entry = session.entry
        while self.tape.frames[entry % len(self.tape.frames)][1] != track:
            entry += 1
        return self.tape.numbers(track, entry)

    def _at(self, entry: int) -> float:
        number, place = divmod(entry, len(self.tape.frames))
        return number * ROUND_S + self.tape.frames[place][0]

    def _schedule(self, session: Session) -> None:
        """The next frame of a track that was set up."""
        while self.tape.frames[session.entry % len(self.tape.frames)][1] not in session.tracks:
            session.entry += 1
        self._serial += 1
        heapq.heappush(self._due, (session.epoch_s + self._at(session.entry), self._serial, session))

    def _send_frame(self, session: Session) -> None:
        number, place = divmod(session.entry, len(self.tape.frames))
        at, track, n, start, end, _ = self.tape.frames[place]
        pieces: list[bytes | memoryview] = [self.tape.round(number)[start:end]]
        due_s = session.epoch_s + number * ROUND_S + at
        if due_s >= session.report_s:
            session.report_s += REPORT_S
            pieces[:0] = [self._report(one, session.entry, due_s) for one in sorted(session.tracks)]
        try:
            if session.datagrams:
                for piece in pieces:
                    _scatter(session, piece)
            else:
                self._send(session, pieces)
        except OSError:
            self._close(session)
            return
        if track == 0:
            picture = number * clips.PICTURES + n
            session.first = picture if session.first is None else session.first
            session.last = picture
        session.entry += 1
        self._schedule(session)

    def _report(self, track: int, entry: int, due_s: float) -> bytes:
        """RTCP sender report: the camera's clock is this machine's."""
        rate = (90_000, clips.SAMPLE_RATE)[track]
        number, place = divmod(entry, len(self.tape.frames))
        ticks = round((number * ROUND_S + self.tape.frames[place][0]) * rate) & 0xFFFFFFFF
        ntp = int((WALL + due_s + NTP_EPOCH) * 2**32) & (2**64 - 1)
        body = struct.pack(">BBHIQIII", 0x80, 200, 6, SSRC[track], ntp, ticks, 0, 0)
        return struct.pack(">cBH", b"$", 2 * track + 1, len(body)) + body

    def _send(self, session: Session, pieces: list[bytes | memoryview]) -> None:
        if session.backlog:
            session.backlog += b"".join(pieces)
            if len(session.backlog) > BACKLOG_BYTES:
                session.cut_off = True
                raise ConnectionAbortedError
            return
        try:
            sent = session.sock.sendmsg(pieces) if len(pieces) > 1 else session.sock.send(pieces[0])
        except BlockingIOError:
            sent = 0
        if sent < sum(map(len, pieces)):
            session.backlog += b"".join(pieces)[sent:]
            self._poll.modify(session.sock, select.EPOLLIN | select.EPOLLOUT)

    def _flush(self, session: Session) -> None:
        del session.backlog[: session.sock.send(session.backlog)]
        if not session.backlog:
            self._poll.modify(session.sock, select.EPOLLIN)

    def _close(self, session: Session) -> None:
        session.playing = False
        if self._sessions.pop(session.sock.fileno(), None) is not None:
            self._poll.unregister(session.sock)
            session.sock.close()
            self._past.append(session)


def _pair(host: str) -> tuple[socket.socket, socket.socket]:
    """Two free ports next to each other, the first an even one."""
    while True:
        rtp, rtcp = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
        rtp.bind((host, 0))
        port = rtp.getsockname()[1]
        with contextlib.suppress(OSError):
            if port % 2 == 0:
                rtcp.bind((host, port + 1))
                return rtp, rtcp
        rtp.close()
        rtcp.close()


def _scatter(session: Session, piece: bytes | memoryview) -> None:
    """What would go over the connection, as datagrams."""
    for channel, packet in _packets(memoryview(piece)):
        session.datagrams[channel >> 1].send(packet, rtcp=bool(channel & 1))


def _packets(interleaved: memoryview) -> Iterator[tuple[int, memoryview]]:
    at = 0
    while at < len(interleaved):
        end = at + 4 + (interleaved[at + 2] << 8 | interleaved[at + 3])
        yield interleaved[at + 1], interleaved[at + 4 : end]
        at = end


def _told(session: Session) -> dict[str, Any]:
    return {
        "path": session.path,
        "epoch_s": session.epoch_s,
        "first": session.first,
        "last": session.last,
        "behind_bytes": len(session.backlog),
        "cut_off": session.cut_off,
        "over": not session.playing,
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("cameras", type=int)
    options.add_argument("--codec", type=clips.Codec, default=clips.Codec.H264)
    options.add_argument("--bit-rate", type=int, default=clips.BIT_RATE)
    options.add_argument("--silent", action="store_true")
    options.add_argument("--udp", action="store_true")
    chosen = options.parse_args()
    clip = clips.load(chosen.folder, chosen.codec, chosen.bit_rate)
    tape = Tape(replace(clip, sound=()) if chosen.silent else clip)
    server = Server(tape, chosen.cameras, udp=chosen.udp)
    print(server.port, flush=True)
    server.run()


if __name__ == "__main__":
    main()
