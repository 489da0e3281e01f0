"""Tracks: packets of a session in, coded units and the camera's clock out. Standard library only, pure; never raises
on what the network brings.

The way of a packet is the hottest of the whole recorder (hundreds a second for each camera), so that of a picture's
fragments is kept short: one look at the header, one copy.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Iterator, Mapping
from typing import Final

from recorder.codec.aac import parse_config
from recorder.codec.bits import Garbage
from recorder.codec.sets import H264Sets, H265Sets, Sets
from recorder.rtp.h264 import H264Pictures
from recorder.rtp.h265 import H265Pictures
from recorder.rtp.latm import Latm, latm_config
from recorder.rtp.packet import HEADER_BYTES, Buffer, Header
from recorder.rtp.pictures import UNIT_BYTES_MAX, Pictures
from recorder.rtp.reception import Reception
from recorder.rtp.sdp import Media
from recorder.rtp.sound import Aac, Payloads, Samples
from recorder.words.stream import Codec, Item, Losses, Sound, Video

VIDEO_RATE: Final = 90_000
"""Of every picture (RFC 6184, 7798), where a camera does not say."""
CHANNELS_MAX: Final = 8
"""Of sound without a configuration of its own."""
_PLAIN: Final = {"PCMU": (Codec.PCMU, 1), "PCMA": (Codec.PCMA, 1), "L16": (Codec.L16, 2)}
"""Codecs that are samples and nothing else, and the bytes of one."""
_NAME: Final = re.compile(r"[A-Z0-9._+-]{1,24}")


class Unsupported(Exception):
    """This track cannot be kept; the text is for people and holds no secret."""


class VideoTrack(Reception):
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
            plain, sequence, together, begins = self._unpack(buffer, start)
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

    def _take(self, buffer: Buffer, header: Header, ticks: int, lost: bool, out: list[Item]) -> None:
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


class SoundTrack(Reception):
    """Sound of one session. Not thread-safe."""

    __slots__ = ("_payloads", "sound")

    def __init__(self, media: Media, sound: Sound, payloads: Payloads, losses: Losses) -> None:
        super().__init__(media.payload_type, sound.rate, losses, video=False)
        self._payloads = payloads
        self.sound: Final = sound

    def rtp(self, buffer: Buffer, start: int, end: int, out: list[Item]) -> None:
        """One RTP packet, `buffer[start:end]`; appends the sound in it."""
        self._receive(buffer, start, end, out)

    def _take(self, buffer: Buffer, header: Header, ticks: int, lost: bool, out: list[Item]) -> None:
        if not self._payloads.take(buffer, header.start, header.end, ticks, lost, out):
            self.nonsense += 1

    def flush(self, out: list[Item]) -> None:
        """The stream has ended: what still waits goes out."""
        self._payloads.flush(out)


def named(media: Media) -> str:
    """A codec by its name, if it is one that may be repeated."""
    return media.encoding if _NAME.fullmatch(media.encoding) else "unknown"


def video_track(media: Media, losses: Losses | None = None) -> VideoTrack:
    """Raises `Unsupported`."""
    losses = losses if losses is not None else Losses()
    if media.encoding == "H264":
        if media.fmtp.get("packetization-mode", "0").strip() == "2":
            raise Unsupported(
                "the camera sends H.264 in interleaved order (packetization-mode 2), which cannot be kept"
            )
        return _h264(media, losses)
    if media.encoding == "H265":
        if _counts(media.fmtp, "sprop-max-don-diff") or media.fmtp.get("tx-mode", "SRST").strip().upper() != "SRST":
            raise Unsupported("the camera sends H.265 in interleaved order (sprop-max-don-diff), which cannot be kept")
        return _h265(media, losses)
    raise Unsupported(f"picture codec {named(media)} cannot be kept")


def _h264(media: Media, losses: Losses) -> VideoTrack:
    sets = H264Sets()
    for unit in _sprop(media.fmtp.get("sprop-parameter-sets", "")):
        sets.put(unit)
    return VideoTrack(media, Codec.H264, H264Pictures(sets, losses), sets, losses)


def _h265(media: Media, losses: Losses) -> VideoTrack:
    sets = H265Sets()
    for key in ("sprop-vps", "sprop-sps", "sprop-pps"):
        for unit in _sprop(media.fmtp.get(key, "")):
            sets.put(unit)
    return VideoTrack(media, Codec.H265, H265Pictures(sets, losses), sets, losses)


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


def sound_track(media: Media, losses: Losses | None = None) -> SoundTrack:
    """Raises `Unsupported`."""
    losses = losses if losses is not None else Losses()
    channels = min(media.channels or 1, CHANNELS_MAX)
    if (plain := _PLAIN.get(media.encoding)) is not None and media.channels <= CHANNELS_MAX:
        codec, sample_bytes = plain
        sound = Sound(codec, media.clock_rate or 8000, channels)
        return SoundTrack(media, sound, Samples(sample_bytes * channels), losses)
    if media.encoding == "MPEG4-GENERIC":
        config = _config(media.fmtp.get("config", ""))
        try:
            parsed = parse_config(config)
        except Garbage as error:
            raise Unsupported(f"AAC sound whose configuration cannot be read ({error}) cannot be kept") from None
        rate = media.clock_rate or parsed.rate
        sound = Sound(Codec.AAC, rate, parsed.channels or channels, config)
        return SoundTrack(media, sound, Aac(parsed, rate, media.fmtp), losses)
    if media.encoding == "MP4A-LATM":
        try:
            parsed, config, frames = latm_config(media.fmtp)
        except Garbage as error:
            raise Unsupported(f"AAC sound as MP4A-LATM with {error} cannot be kept") from None
        rate = media.clock_rate or parsed.rate
        sound = Sound(Codec.AAC, rate, parsed.channels or channels, config)
        return SoundTrack(media, sound, Latm(parsed, rate, frames), losses)
    raise Unsupported(f"sound codec {named(media)} cannot be kept")


def _config(text: str) -> bytes:
    try:
        return bytes.fromhex(text.strip().strip('"'))
    except ValueError:
        return b""
