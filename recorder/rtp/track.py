"""Tracks: packets of a session in, coded units and the camera's clock out. Standard library only, pure; never raises
on what the network brings: nonsense is counted and left out.

The way of a packet is the hottest of the whole recorder (hundreds a second for each camera), so that of a picture's
fragments is kept short: one look at the header, one copy.

- `Clock` unwraps RTP's 32 bits of time. A timestamp counts as the one nearest to the last: a wrap goes on, and a jump
  of the camera's clock, either way, stays the jump that it is; whoever mends timestamps sees it as it came. Half the
  circle (2^31: 6.6 h at 90 kHz) counts as backwards.
- `words` reads RTCP (RFC 3550 §6): what the camera says of its clock and its end. `ReceptionCounts` makes the
  receiver report that it gets.
- `Reception` is what holds for each track, whatever it carries: sequence numbers, time, and the reports of both
  sides.
- `video_track` and `sound_track` make a track of what the SDP says of it.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from recorder.codec.aac import parse_config
from recorder.codec.bits import Garbage
from recorder.codec.sets import H264Sets, H265Sets, Sets
from recorder.rtp.packet import DROPOUT_MAX, HEADER_BYTES, MISORDER_MAX, Buffer, RtpHeader, parse
from recorder.rtp.pictures import UNIT_BYTES_MAX, H264Pictures, H265Pictures, Pictures
from recorder.rtp.sdp import Media
from recorder.rtp.sound import Aac, Latm, Payloads, Samples, latm_config
from recorder.words.stream import Codec, Item, Losses, SenderReport, Sound, Video
from storage.words.message import Message, message

VIDEO_RATE: Final = 90_000
"""Of every picture (RFC 6184, 7798), where a camera does not say."""
CHANNELS_MAX: Final = 8
"""Of sound without a configuration of its own."""
HEADSTART_S: Final = 10
"""A camera's word on where play begins (RTP-Info) is taken if its first packet is no further from it; many cameras name
0, or the time of another session."""
REPORT_REACH_S: Final = 60
"""A sender report whose RTP time is further from the packets around it speaks of another clock."""
SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
DESCRIPTION: Final = 202
BYE: Final = 203
NS_PER_S: Final = 1_000_000_000
CNAME: Final = b"edged"
"""RFC 3550 wants a name in every compound packet; it tells a camera nothing about the box."""
_NTP_EPOCH_S: Final = 2_208_988_800
"""From 1900, where NTP counts from, to 1970."""
_HEAD: Final = struct.Struct(">BBH")
_SENDER: Final = struct.Struct(">III I")
_RECEIVER: Final = struct.Struct(">BBHIIBBHIIII")
_PLAIN: Final = {"PCMU": (Codec.PCMU, 1), "PCMA": (Codec.PCMA, 1), "L16": (Codec.L16, 2)}
"""Codecs that are samples and nothing else, and the bytes of one."""
_NAME: Final = re.compile(r"[A-Z0-9._+-]{1,24}")


class Clock:
    """Ticks of one track. 0 is where RTP-Info says that play begins, for all tracks alike, or the first packet."""

    __slots__ = ("_origin", "_raw", "_reach", "aligned", "ticks")

    def __init__(self, rate: int) -> None:
        self._reach = rate * HEADSTART_S
        self._origin: int | None = None
        self._raw: int | None = None
        self.aligned = False
        """0 is where RTP-Info says, and the first packet was near it."""
        self.ticks = 0
        """Of the last packet."""

    @property
    def running(self) -> bool:
        return self._raw is not None

    def begin_at(self, raw: int) -> None:
        """RTP-Info's rtptime."""
        self._origin = raw & 0xFFFFFFFF

    def tell(self, raw: int) -> int:
        """Of a packet that is the newest."""
        if self._raw is None:
            self._raw = raw if self._origin is None else self._origin
            self.aligned = self._origin is not None and abs(self.at(raw)) <= self._reach
            if not self.aligned:
                self._raw = raw
        self.ticks = self.at(raw)
        self._raw = raw
        return self.ticks

    def at(self, raw: int) -> int:
        """Of a moment near the last packet."""
        if self._raw is None:
            return 0
        return self.ticks + ((raw - self._raw + 0x80000000) & 0xFFFFFFFF) - 0x80000000


class Report(NamedTuple):
    """A camera's sender report."""

    ssrc: int
    ntp: int
    """64 bits, 32 of them seconds."""
    rtp: int


class Bye(NamedTuple):
    """The camera ends a track."""


Word: TypeAlias = Report | Bye


def words(buffer: Buffer, start: int, end: int) -> Iterator[Word]:
    """What a compound packet says; it ends where it makes no sense."""
    end = min(end, len(buffer))
    while start + 4 <= end:
        first, kind, length = _HEAD.unpack_from(buffer, start)
        following = start + 4 + 4 * length
        if first >> 6 != 2 or following > end:
            return
        if kind == SENDER_REPORT and length >= 6:
            ssrc, seconds, fraction, rtp = _SENDER.unpack_from(buffer, start + 4)
            yield Report(ssrc, seconds << 32 | fraction, rtp)
        elif kind == BYE:
            yield Bye()
        start = following


def wall_ns(ntp: int) -> int:
    """UTC since 1970. Seconds with the first bit clear count from 2036 on (RFC 4330 §3)."""
    seconds, fraction = ntp >> 32, ntp & 0xFFFFFFFF
    if seconds < 0x80000000:
        seconds += 1 << 32
    return (seconds - _NTP_EPOCH_S) * NS_PER_S + (fraction * NS_PER_S >> 32)


@dataclass(slots=True)
class ReceptionCounts:
    """What a receiver report tells, counted since the last one as well."""

    highest: int = 0
    """Extended by the wraps of its 16 bits."""
    lost: int = 0
    _base: int = 0
    _told_expected: int = 0
    _told_lost: int = 0

    def begin(self, sequence: int) -> None:
        """A count begins (anew)."""
        self.highest = sequence - 1
        self._base = sequence
        self.lost = self._told_lost = self._told_expected = 0

    def reach(self, sequence: int) -> None:
        """The newest packet by now. Wraps between two reports count if there are fewer than 2^15 packets between."""
        self.highest += ((sequence - self.highest + 0x8000) & 0xFFFF) - 0x8000

    def block(self, ours: int, theirs: int, last_report: int, delay: int) -> bytes:
        """A receiver report and the name of who sends it (§6.4.2, §6.5). Jitter stays 0: it is not measured."""
        expected = max(0, self.highest - self._base + 1)
        expected_now, lost_now = expected - self._told_expected, self.lost - self._told_lost
        fraction = min(255, (lost_now << 8) // expected_now) if expected_now > 0 and lost_now > 0 else 0
        self._told_expected, self._told_lost = expected, self.lost
        lost = min(self.lost, 0x7FFFFF)
        report = _RECEIVER.pack(
            0x81, RECEIVER_REPORT, 7, ours, theirs, fraction, lost >> 16, lost & 0xFFFF,
            self.highest & 0xFFFFFFFF, 0, last_report, delay,
        )  # fmt: skip
        return report + _name(ours)


def empty_report(ours: int) -> bytes:
    """For a camera that has sent nothing yet."""
    return struct.pack(">BBHI", 0x80, RECEIVER_REPORT, 1, ours) + _name(ours)


def _name(ours: int) -> bytes:
    item = bytes([1, len(CNAME)]) + CNAME
    item += bytes(4 - len(item) % 4)
    return struct.pack(">BBHI", 0x81, DESCRIPTION, 1 + len(item) // 4, ours) + item


class Reception:
    """One track of one session. What is common to `RtpVideoTrack` and `RtpSoundTrack`."""

    __slots__ = (
        "_clock", "_early", "_next", "_payload_type", "_rate", "_report", "_ssrc", "_stats", "_strange",
        "_video", "bye", "late", "losses", "nonsense",
    )  # fmt: skip

    def __init__(self, payload_type: int, rate: int, losses: Losses | None, *, video: bool) -> None:
        self.losses = losses if losses is not None else Losses()
        self.late = 0
        """Packets that came late or twice, and were left out."""
        self.nonsense = 0
        """Packets that are not RTP, not of this track, or not what the codec's payload format allows."""
        self.bye = False
        """The camera has said that the track ends (RTCP BYE)."""
        self._payload_type = payload_type
        self._rate = rate
        self._video = video
        self._clock = Clock(rate)
        self._ssrc: int | None = None
        self._next = 0
        self._strange: tuple[int, int, bytes] | None = None
        self._early: Report | None = None
        self._report: tuple[int, int | None] | None = None
        self._stats = ReceptionCounts()

    def begin_at(self, rtptime: int) -> None:
        """As RTP-Info of the PLAY answer says. SSRC and sequence number, which it names too, are read off the packets:
        too many cameras name those of another session.
        """
        self._clock.begin_at(rtptime)

    @property
    def aligned(self) -> bool:
        """RTP-Info named a time and the packets bear it out: tracks of which this holds have their 0 in common."""
        return self._clock.aligned

    def _receive(self, buffer: Buffer, start: int, end: int, out: list[Item]) -> None:
        header = parse(buffer, start, end)
        if header is None:
            self.nonsense += 1
            return
        lost = False
        if header.ssrc != self._ssrc or header.sequence != self._next:
            if self._ssrc is None:
                if header.payload_type != self._payload_type:
                    self.nonsense += 1  # of another track on the same channel: its count is not ours
                    return
                self._stats.begin(header.sequence)
            else:
                gap = (header.sequence - self._next) & 0xFFFF
                if header.ssrc != self._ssrc or DROPOUT_MAX <= gap < 0x10000 - MISORDER_MAX:
                    self._stray(header, bytes(buffer[start:end]), out)
                    return
                if gap >= DROPOUT_MAX:
                    self.late += 1
                    return
                self.losses.packets += gap
                self._stats.lost += gap
                lost = True
            self._ssrc = header.ssrc
        self._accept(buffer, header, lost, out)

    def _stray(self, header: RtpHeader, packet: bytes, out: list[Item]) -> None:
        """A packet of another count or sender. It waits for the one that follows it: then the camera has begun anew."""
        if header.payload_type != self._payload_type:
            self.nonsense += 1
            return
        held, self._strange = self._strange, (header.ssrc, (header.sequence + 1) & 0xFFFF, packet)
        if held is None or held[:2] != (header.ssrc, header.sequence):
            self.nonsense += held is not None
            return
        self._strange = None
        before, now = parse(held[2], 0, len(held[2])), parse(packet, 0, len(packet))
        if before is None or now is None:
            return
        self._ssrc = header.ssrc
        self._stats.begin(before.sequence)
        self._accept(held[2], before, True, out)
        self._accept(packet, now, False, out)

    def _accept(self, buffer: Buffer, header: RtpHeader, lost: bool, out: list[Item]) -> None:
        """A packet that is the next of its count; `lost` says that those just before it did not arrive."""
        self._strange = None
        self._next = (header.sequence + 1) & 0xFFFF
        if header.payload_type != self._payload_type:
            self.nonsense += 1
            return
        ticks = self._clock.tell(header.timestamp)
        if self._early is not None:
            early, self._early = self._early, None
            self._tell(early, out)
        self._take(buffer, header, ticks, lost, out)

    def _take(self, buffer: Buffer, header: RtpHeader, ticks: int, lost: bool, out: list[Item]) -> None:
        raise NotImplementedError

    def rtcp(self, buffer: Buffer, start: int, end: int, out: list[Item], now_ns: int | None = None) -> None:
        """One compound RTCP packet, which came at `now_ns` of any steady clock (for the delay in our own reports)."""
        for word in words(buffer, start, end):
            if isinstance(word, Bye):
                self.bye = True
                continue
            if not word.ntp:
                continue
            self._report = (word.ntp >> 16 & 0xFFFFFFFF, now_ns)
            if self._clock.running:
                self._tell(word, out)
            else:
                self._early = word

    def _tell(self, report: Report, out: list[Item]) -> None:
        at = self._clock.at(report.rtp)
        if abs(at - self._clock.ticks) <= REPORT_REACH_S * self._rate:
            out.append(SenderReport(self._video, at, wall_ns(report.ntp)))

    def receiver_report(self, ssrc: int, now_ns: int) -> bytes:
        """RTCP for the camera, from us as `ssrc`. Without it some cameras end the stream after a minute."""
        if self._ssrc is None:
            return empty_report(ssrc)
        self._stats.reach((self._next - 1) & 0xFFFF)
        last, delay = 0, 0
        if self._report is not None and self._report[1] is not None:
            last, delay = self._report[0], max(0, now_ns - self._report[1]) * 65536 // NS_PER_S & 0xFFFFFFFF
        return self._stats.block(ssrc & 0xFFFFFFFF, self._ssrc, last, delay)


class Unsupported(Exception):
    """This track cannot be kept; `why` holds no secret."""

    def __init__(self, why: Message) -> None:
        super().__init__(why)
        self.why = why


class RtpVideoTrack(Reception):
    """Pictures of one session. Not thread-safe."""

    __slots__ = ("_codec", "_lead", "_pictures", "_plain", "_sets", "_together", "_unpack", "_video_made")

    def __init__(self, media: Media, codec: Codec, pictures: Pictures, sets: Sets, losses: Losses) -> None:
        super().__init__(media.payload_type, media.clock_rate or VIDEO_RATE, losses, video=True)
        self._codec = codec
        self._pictures = pictures
        self._sets = sets
        self._lead = HEADER_BYTES + pictures.LEAD
        self._unpack = struct.Struct(f">HHQ{pictures.LEAD}s").unpack_from
        self._plain = 0x8000 | media.payload_type
        self._together = -1
        self._video_made: Video | None = None

    @property
    def video(self) -> Video | None:
        """None until parameter sets are known."""
        parameters = self._sets.known
        if parameters is None:
            return None
        if self._video_made is None or self._video_made.parameters is not parameters:
            self._video_made = Video(self._codec, self._rate, parameters)
        return self._video_made

    def rtp(self, buffer: Buffer, start: int, end: int, out: list[Item]) -> None:
        """One RTP packet, `buffer[start:end]`; appends the pictures that it completes."""
        lead = start + self._lead
        if lead < end:
            head: tuple[int, int, int, bytes] = self._unpack(buffer, start)
            plain, sequence, together, begins = head
            pictures = self._pictures
            if (
                begins == pictures.middle
                and sequence == self._next
                and together == self._together
                and plain == self._plain
                and len(pictures.data) < UNIT_BYTES_MAX
            ):
                pictures.data += buffer[lead:end]
                self._next = (sequence + 1) & 0xFFFF
                return
        self._receive(buffer, start, end, out)

    def _take(self, buffer: Buffer, header: RtpHeader, ticks: int, lost: bool, out: list[Item]) -> None:
        pictures = self._pictures
        pictures.begin(header.timestamp, ticks, lost, out)
        self._together = header.timestamp << 32 | header.ssrc
        if not pictures.payload(buffer, header.start, header.end, out):
            self.nonsense += 1
            pictures.nonsense()
        pictures.end(header.marker, out)

    def flush(self, out: list[Item]) -> None:
        """The stream has ended: a picture that is complete goes out, which without a marker only the next one shows."""
        self._pictures.flush(out)


class RtpSoundTrack(Reception):
    """Sound of one session. Not thread-safe."""

    __slots__ = ("_payloads", "sound")

    def __init__(self, media: Media, sound: Sound, payloads: Payloads, losses: Losses) -> None:
        super().__init__(media.payload_type, sound.rate, losses, video=False)
        self._payloads = payloads
        self.sound: Final = sound

    def rtp(self, buffer: Buffer, start: int, end: int, out: list[Item]) -> None:
        """One RTP packet, `buffer[start:end]`; appends the sound in it."""
        self._receive(buffer, start, end, out)

    def _take(self, buffer: Buffer, header: RtpHeader, ticks: int, lost: bool, out: list[Item]) -> None:
        if not self._payloads.take(buffer, header.start, header.end, ticks, lost, out):
            self.nonsense += 1

    def flush(self, out: list[Item]) -> None:
        """The stream has ended: what still waits goes out."""
        self._payloads.flush(out)


def named(media: Media) -> str:
    """A codec by its name, if it is one that may be repeated."""
    return media.encoding if _NAME.fullmatch(media.encoding) else "unknown"


def video_track(media: Media, losses: Losses | None = None) -> RtpVideoTrack:
    """Raises `Unsupported`."""
    losses = losses if losses is not None else Losses()
    if media.encoding == "H264":
        if media.fmtp.get("packetization-mode", "0").strip() == "2":
            raise Unsupported(
                message(
                    "stream.interleaved-h264",
                    "the camera sends H.264 in interleaved order (packetization-mode 2), which cannot be kept",
                )
            )
        return _h264(media, losses)
    if media.encoding == "H265":
        if _counts(media.fmtp, "sprop-max-don-diff") or media.fmtp.get("tx-mode", "SRST").strip().upper() != "SRST":
            raise Unsupported(
                message(
                    "stream.interleaved-h265",
                    "the camera sends H.265 in interleaved order (sprop-max-don-diff), which cannot be kept",
                )
            )
        return _h265(media, losses)
    raise Unsupported(message("stream.picture-codec", "picture codec {codec} cannot be kept", codec=named(media)))


def _h264(media: Media, losses: Losses) -> RtpVideoTrack:
    sets = H264Sets()
    for unit in _sprop(media.fmtp.get("sprop-parameter-sets", "")):
        sets.put(unit)
    return RtpVideoTrack(media, Codec.H264, H264Pictures(sets, losses), sets, losses)


def _h265(media: Media, losses: Losses) -> RtpVideoTrack:
    sets = H265Sets()
    for key in ("sprop-vps", "sprop-sps", "sprop-pps"):
        for unit in _sprop(media.fmtp.get(key, "")):
            sets.put(unit)
    return RtpVideoTrack(media, Codec.H265, H265Pictures(sets, losses), sets, losses)


def _counts(fmtp: Mapping[str, str], key: str) -> bool:
    """Whether a parameter is a number above 0."""
    return fmtp.get(key, "").strip().strip("0").isdigit()


def _sprop(text: str) -> Iterator[bytes]:
    """Base64, separated by commas; what cannot be read is left out, as it may still come in the stream."""
    for part in text.split(","):
        word = part.strip().rstrip("=")
        try:
            yield base64.b64decode(word + "=" * (-len(word) % 4), validate=True).rstrip(b"\x00")
        except (binascii.Error, ValueError):
            continue


def sound_track(media: Media, losses: Losses | None = None) -> RtpSoundTrack:
    """Raises `Unsupported`."""
    losses = losses if losses is not None else Losses()
    channels = min(media.channels or 1, CHANNELS_MAX)
    if (plain := _PLAIN.get(media.encoding)) is not None and media.channels <= CHANNELS_MAX:
        codec, sample_bytes = plain
        sound = Sound(codec, media.clock_rate or 8000, channels)
        return RtpSoundTrack(media, sound, Samples(sample_bytes * channels), losses)
    if media.encoding == "MPEG4-GENERIC":
        config = _config(media.fmtp.get("config", ""))
        try:
            parsed = parse_config(config)
        except Garbage as error:
            raise Unsupported(
                message(
                    "stream.aac",
                    "AAC sound whose configuration cannot be read ({error}) cannot be kept",
                    error=str(error),
                )
            ) from None
        rate = media.clock_rate or parsed.rate
        sound = Sound(Codec.AAC, rate, parsed.channels or channels, config)
        return RtpSoundTrack(media, sound, Aac(parsed, rate, media.fmtp), losses)
    if media.encoding == "MP4A-LATM":
        try:
            parsed, config, frames = latm_config(media.fmtp)
        except Garbage as error:
            raise Unsupported(
                message("stream.latm", "AAC sound as MP4A-LATM with {error} cannot be kept", error=str(error))
            ) from None
        rate = media.clock_rate or parsed.rate
        sound = Sound(Codec.AAC, rate, parsed.channels or channels, config)
        return RtpSoundTrack(media, sound, Latm(parsed, rate, frames), losses)
    raise Unsupported(message("stream.sound-codec", "sound codec {codec} cannot be kept", codec=named(media)))


def _config(text: str) -> bytes:
    try:
        return bytes.fromhex(text.strip().strip('"'))
    except ValueError:
        return b""
