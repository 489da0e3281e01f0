"""Sessions with a camera that are damaged at random: from a socket's bytes to a file's, and all that is said of them.

    python -m tests.support.odd_streams FIRST COUNT      a line for each: its number, and a digest of what came of it

Of two ways to run the same reader, interpreted and compiled, every line must be the same, and neither may crash.
"""

from __future__ import annotations

import hashlib
import random
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from recorder.codec import aac, h264, h265
from recorder.codec.bits import Garbage
from recorder.codec.sets import H264Sets, H265Sets
from recorder.rtp.packet import Reorder
from recorder.rtp.sdp import Media
from recorder.rtp.track import RtpSoundTrack, RtpVideoTrack, Unsupported, sound_track, video_track
from recorder.rtsp import message
from recorder.rtsp.message import BadData, Handler, Inbox
from recorder.words.stream import Item, Losses, Unit
from recorder.worker.timestamp_repair import NS_PER_S
from tests.support import session
from tests.support.packing import Line, Marking, Packing, sender_report

VIDEO_RATE: Final = 90_000
SETS: Final = {
    "h264": (
        bytes.fromhex("67640028acd940780227e5c05a808080a0000003002000000781e30632c0"),
        bytes.fromhex("68ebe3cb22c0"),
    ),
    "h265": (
        bytes.fromhex("40010c01ffff01600000030090000003000003005a959809"),
        bytes.fromhex("42010101600000030090000003000003005aa0050201e1636b92452fcdc1418bf94e92de4d1c8fc4b4e6e8"),
        bytes.fromhex("4401c172b46240"),
    ),
}  # fmt: skip
KEYS: Final = {"h264": b"\x65\x88\x84\x21", "h265": b"\x26\x01\xaf\x21"}
OTHERS: Final = {
    "h264": (b"\x41\x9a\x21", b"\x06\x06\x01\xc4\x80", b"\x09\xf0"),
    "h265": (b"\x02\x01\xd0\x21", b"\x4e\x01"),
}
SOUNDS: Final[tuple[tuple[str, int, dict[str, str]], ...]] = (
    ("MPEG4-GENERIC", 48_000, {"mode": "AAC-hbr", "sizelength": "13", "indexlength": "3", "indexdeltalength": "3"}),
    ("MPEG4-GENERIC", 16_000, {"mode": "AAC-lbr", "maxdisplacement": "4"}),
    ("MPEG4-GENERIC", 48_000, {"sizelength": "16", "indexlength": "5", "indexdeltalength": "5", "ctsdeltalength": "7"}),
    ("MPEG4-GENERIC", 48_000, {"constantsize": "100", "auxiliarydatasizelength": "8"}),
    ("MP4A-LATM", 48_000, {"cpresent": "0", "config": "40002420"}),
    ("PCMU", 8_000, {}),
    ("L16", 44_100, {}),
)  # fmt: skip
WORDS: Final = (
    b"RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n",
    b"RTSP/1.0 401 No\r\nCSeq: 10\r\nContent-Length: 5\r\nX: a\r\n b\r\n\r\nhello",
    b"GET_PARAMETER rtsp://x/ RTSP/1.0\r\nCSeq: 4\r\n\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\r\n\0 ",
    b"$\x09\xff\xff",
)
TEXTS: Final = (
    "12345678;timeout=60",
    "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0x6f7c;mode=PLAY",
    "RTP/AVP;unicast;client_port=5000-5001;server_port=6000;source=10.0.0.1",
    "url=trackID=1;seq=1;rtptime=0,url=x",
)


@dataclass
class Said:
    """What came out, in order; kept as a digest."""

    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def __call__(self, *what: object) -> None:
        self.digest.update(repr(what).encode())


def damaged(chance: random.Random, data: bytes) -> bytes:
    """With a few bytes changed, a piece taken out or doubled, or cut."""
    made = bytearray(data)
    for _ in range(chance.randrange(1, 4)):
        among = min(len(made), chance.choice((1, 16, len(made)))) + 1  # what stands in front says most
        at, end = sorted(chance.randrange(among) for _ in range(2))
        match chance.randrange(6):
            case 0 | 1 if made:
                made[at % len(made)] = chance.choice((0, 1, 3, 0x7F, 0x80, 0xFF, chance.randrange(256)))
            case 2:
                del made[at : min(end, at + 8)]
            case 3:
                made[at:at] = made[at : min(end, at + 40)]
            case 4:
                del made[at:]
            case _:
                made[at:at] = chance.choice((b"\0\0\1", b"\0\0\3", b"$", chance.randbytes(3)))
    return bytes(made)


class Session:
    """One camera, and the whole way from its bytes to a file's."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.said = Said()
        self.damage = self.chance.choice((0.0, 0.01, 0.05, 0.3))
        self.codec = self.chance.choice(("h264", "h265"))
        self.losses = Losses()
        fmtp = {"config": self.chance.choice(("1188", "1190", "2b8a0800"))}
        encoding, rate, told = self.chance.choice(SOUNDS)
        self.picture: RtpVideoTrack = video_track(
            Media("video", 96, self.codec.upper(), VIDEO_RATE, 1, {}, ""), self.losses
        )
        self.sound: RtpSoundTrack | None = None
        try:
            self.sound = sound_track(Media("audio", 97, encoding, rate, 1, {**fmtp, **told}, ""), self.losses)
        except Unsupported as refusal:
            self.said(refusal.why)
        self.reorder = Reorder() if self.chance.random() < 0.2 else None
        self.inbox = Inbox()
        self.segment_ms = self.chance.randrange(1, 5) * 1000
        self.recorded: session.Session | None = None
        self.now_ms = session.FIRST_MS

    # What the camera sends.

    def packets(self, count: int) -> Iterator[tuple[int, bytes]]:
        """Channel and packet, picture by picture, with sound in between."""
        chance = self.chance
        line, heard = Line(96), Line(97, 0xBEEF)
        marking: Marking = chance.choice(("last", "last", "last", "every unit", "never", "every packet"))
        packing = Packing(self.codec, chance.choice((60, 400, 1400)), chance)  # type: ignore[arg-type]
        tick, sounded = chance.choice((0, 0xFFFF_0000)), 0
        for number in range(count):
            key = number % 12 == 0
            units = [head + chance.randbytes(chance.randrange(900)) for head in self._heads(key)]
            if chance.random() < self.damage:
                units = [damaged(chance, unit) or b"\0" for unit in units]
            for packet in line.picture(packing, units, tick, marking):
                yield 0, packet
            tick += chance.choice((3600, 3600, 3600, 3600, 7200, 0, 900_000, -450_000)) if number % 9 == 8 else 3600
            if chance.random() < 0.1:
                yield (
                    1,
                    sender_report(0xCAFE, chance.getrandbits(64), tick)
                    + chance.choice((b"", struct.pack(">BBHI", 0x81, 203, 1, 0xCAFE), chance.randbytes(9))),
                )
            for _ in range(chance.randrange(4)):
                yield 2, heard.packet(self._sound(), sounded)
                sounded += 1024

    def _heads(self, key: bool) -> tuple[bytes, ...]:
        if key:
            sets = self.chance.choice((SETS[self.codec], SETS[self.codec], ()))
            return (*sets, *[KEYS[self.codec]] * self.chance.choice((1, 1, 3)))
        return tuple(self.chance.choice(OTHERS[self.codec]) for _ in range(self.chance.choice((1, 1, 1, 2, 3))))

    def _sound(self) -> bytes:
        chance = self.chance
        body = chance.randbytes(chance.randrange(1, 300))
        match chance.randrange(4):
            case 0 | 1:
                return struct.pack(">HH", 16, len(body) << 3) + body
            case 2:
                return struct.pack(">HHH", 32, len(body) << 3, 5 << 3 | chance.randrange(8)) + body + b"12345"
            case _:
                return bytes([255] * (len(body) // 255)) + bytes([len(body) % 255]) + body

    def bytes_of(self, count: int) -> bytes:
        """Interleaved, with what else stands between."""
        chance, made = self.chance, bytearray()
        for channel, packet in self.packets(count):
            data = packet
            if chance.random() < self.damage:
                data = damaged(chance, packet)
            frame = struct.pack(">cBH", b"$", channel, len(data) & 0xFFFF) + data
            match chance.random():
                case x if x < self.damage / 4:
                    continue
                case x if x < self.damage / 2:
                    frame = damaged(chance, frame)
                case x if x < self.damage * 0.7:
                    frame += chance.choice((frame, chance.choice(WORDS), chance.randbytes(chance.randrange(40))))
            made += frame
        return bytes(made)

    # What becomes of it.

    def run(self) -> str:
        self._parsers()
        self._texts()
        sound = self.sound
        handlers: list[Handler | None] = [self.picture.rtp, self._rtcp(self.picture), *[None] * 254]
        if sound is not None:
            handlers[2:4] = [sound.rtp, self._rtcp(sound)]
        if self.reorder is not None:
            self._datagrams(self.reorder)
        else:
            self._stream(handlers)
        items: list[Item] = []
        self.picture.flush(items)
        if sound is not None:
            sound.flush(items)
        self._record(items, end=True)
        tracks = [self.picture] if sound is None else [self.picture, sound]
        for track in tracks:
            self.said(track.late, track.nonsense, track.bye, track.aligned, track.receiver_report(7, self._now_ns))
        self.said(self.losses.packets, self.losses.frames, self.picture.video, sound and sound.sound)
        if self.recorded is not None:
            self.said(self.recorded.segments, self.recorded.sizes, self.recorded.pauses)
        return self.said.digest.hexdigest()[:32]

    def _rtcp(self, track: RtpVideoTrack | RtpSoundTrack) -> Handler:
        return lambda buffer, start, end, out: track.rtcp(buffer, start, end, out, self._now_ns)

    @property
    def _now_ns(self) -> int:
        return self.now_ms * 1_000_000

    def _stream(self, handlers: list[Handler | None]) -> None:
        data, inbox = self.bytes_of(60), self.inbox
        while data:
            room = inbox.room()
            count = min(len(room), len(data), self.chance.choice((3, 200, 3000, 30_000)))
            room[:count] = data[:count]
            data = data[count:]
            inbox.received(count)
            items: list[Item] = []
            try:
                while (heard := inbox.take(handlers, items)) is not None:
                    said = heard.headers.cseq, heard.headers.all("x")
                    self.said(heard.status if isinstance(heard, message.Answer) else heard.method, said)
            except BadData as bad:
                self.said(bad.what)
                return
            finally:
                self._record(items)
            self.said(inbox.frames, inbox.garbage)

    def _datagrams(self, reorder: Reorder) -> None:
        packets = [packet for channel, packet in self.packets(60) if channel == 0]
        for index in range(len(packets)):
            other = min(len(packets) - 1, index + self.chance.choice((*[0] * 30, 1, 2, 150)))
            packets[index], packets[other] = packets[other], packets[index]
        for packet in packets:
            items: list[Item] = []
            for ready in reorder.push(packet, self._now_ns):
                self.picture.rtp(ready, 0, len(ready), items)
            self._record(items)
        self.said(reorder.late, reorder.overdue(self._now_ns + NS_PER_S))

    def _record(self, items: list[Item], *, end: bool = False) -> None:
        """One look's, from there on as a camera's worker does it."""
        chance = self.chance
        self.now_ms += chance.choice((0, 1, 40, 200, 1500))
        for item in items:
            if isinstance(item, Unit):
                self.said(item.video, item.pts, item.duration, item.key, item.data, item.parameters)
            else:
                self.said(item)
        video, sound = self.picture.video, None if self.sound is None else self.sound.sound
        if video is None:
            return
        if self.recorded is None:
            self.recorded = session.Session(session.MadeSource(video, sound, losses=self.losses), self.segment_ms)
        recorded = self.recorded
        recorded.source.video, recorded.source.sound = video, sound
        recorded.source.aligned = self.picture.aligned
        recorded.clock.boottime_ms = self.now_ms
        if chance.random() < 0.05:
            recorded.recording.cut()
        if recorded.kept.segments and chance.random() < 0.03:
            recorded.kept.lost.add(max(recorded.kept.segments))
        recorded.feed(*items, waited=chance.random() < 0.7)
        if end:
            recorded.recording.finish()
        self.said(recorded.recording.stats(), recorded.recording.overdue())

    def _parsers(self) -> None:
        """Each on its own, with what it can hardly have been made for."""
        sets = (H264Sets(), H265Sets())
        for _ in range(12):
            codec = self.chance.choice(("h264", "h265"))
            unit = self.chance.choice((*SETS[codec], KEYS[codec], self.chance.randbytes(30)))
            unit = damaged(self.chance, unit) + self.chance.randbytes(self.chance.randrange(40))
            readers: tuple[Callable[[bytes], object], ...] = (
                h264.parse_sps, h264.parse_pps, h264.slice_kind, h264.recovers_at_once, h265.parse_sps, h265.parse_pps,
                h265.parse_vps, h265.slice_pps, aac.parse_config,
            )  # fmt: skip
            for reader in readers:
                try:
                    self.said(reader(unit))
                except Garbage as garbage:
                    self.said(str(garbage))
            for one in sets:
                one.put(unit)
                self.said(one.known, one.at_key(unit))

    def _texts(self) -> None:
        for text in TEXTS:
            words = damaged(self.chance, text.encode()).decode("utf-8", "replace")
            self.said(message.session(words), message.transport(words), message.rtp_info(words, "rtsp://x/"))
            self.said(message.number(words), message.number(words[:3], 100))


def main() -> None:
    first, count = int(sys.argv[1]), int(sys.argv[2])
    for seed in range(first, first + count):
        sys.stdout.write(f"{seed} {Session(seed).run()}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
