"""One segment's file as bytes in memory: coded frames in, a fragmented MP4 or QuickTime file out (ISO/IEC 14496-12).

Pure, standard library only. `Muxer` never touches a disk, and nothing is ever patched back, so the bytes can be
hashed as they go. Part of S6: `flush` hands out what was put, at the latest the first frame after
`FRAGMENT_MS` does, and each fragment stands for itself. Part of S12: nothing here grows but the index of key frames, by
a few bytes a second.

Every time is told exactly: each sample has its own duration, each fragment the time of its first ones. So sound may
pause, drift or begin late. Where pictures are decoded before they are shown (B-frames), their track begins that much
earlier and an edit list leaves it out; the file still begins with its first key frame at 0.

A file is, in this order:
- `header`: ftyp and moov, with the tracks, their codecs and the file's own story. It is written before anything is
  known of what follows. Two dialects: ISO MP4, and QuickTime (brand `qt  `) for sound that MP4 has no code for. Both
  begin alike, and `storage.segments.mp4` reads both.
- `fragment`, again and again: moof, which says what its samples are, and mdat, which holds them. Offsets count from
  the beginning of moof (`default_base_moof`), each track has one run, and each run says its time itself (tfdt), so
  that a file may end after any of them.
- `trailer`: the index of key frames at the end.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from recorder.words.stream import Codec, Parameters, Sound

U32: Final = 0xFFFF_FFFF
U64: Final = 0xFFFF_FFFF_FFFF_FFFF
_HEAD: Final = struct.Struct(">I4s")


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return _HEAD.pack(_HEAD.size + len(body), kind) + body


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box with a version and flags."""
    return box(kind, u32(version << 24 | flags), *parts)


def u16(*values: int) -> bytes:
    return struct.pack(f">{len(values)}H", *values)


def u32(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def u64(*values: int) -> bytes:
    return struct.pack(f">{len(values)}Q", *values)


FRAGMENT_MS: Final = 500
"""A little more than one look brings: whoever reads ends fragments, by `Muxer.flush`. Where more is read at once (a
network that hung), it goes into fragments of this length."""
KEY_MS: Final = 250
"""A fragment of at least this length ends where a key frame comes, so that key frames stand at the beginning, where
players jump to; a camera that sends nothing but key frames does not get a fragment for each."""
ALONE_MS: Final = 1000
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
VIDEO_ID: Final = 1
SOUND_ID: Final = 2
KEY: Final = 0x0200_0000
"""Flags of a sample that depends on no other."""
NOT_KEY: Final = 0x0101_0000
"""Flags of a sample that depends on others, where decoding cannot begin."""


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


_VIDEO_ENTRIES: Final = {Codec.H264: (b"avc1", b"avcC"), Codec.H265: (b"hvc1", b"hvcC")}
"""Names that say "all parameter sets are here". They are: a file ends where the sets change, and what the samples
repeat of them, because they are kept bit for bit, is the same. By the letter of ISO/IEC 14496-15 samples that hold any
would be `avc3` and `hev1`; but QuickTime and Safari play no `hev1`, few players know `avc3`, and none minds repetition.
"""
_QUICKTIME_SOUND: Final = {Codec.PCMU: b"ulaw", Codec.PCMA: b"alaw", Codec.L16: b"twos"}
_LAYOUTS: Final = {1: 0x64_0001, 2: 0x65_0002}
"""Mono and stereo as QuickTime names them; without that, libav warns that it had to guess."""
_MATRIX: Final = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000)
"""Shown as it is, neither turned nor stretched."""
_MP4_BRANDS: Final = b"isom" + u32(0x200) + b"isomiso2iso6avc1mp41"
"""iso6 knows fragments with a time of their own, whose offsets count from moof."""
_QUICKTIME_BRANDS: Final = b"qt  " + u32(0x200) + b"qt  "
_UNDETERMINED: Final = 0x55C4
"""The language, as ISO writes "und"."""
_UNSPECIFIED: Final = 0x7FFF
"""The language, as QuickTime leaves it open."""


def header(parameters: Parameters, video_rate: int, sound: Sound | None, comment: str, lead: int) -> bytes:
    """ftyp and moov. `lead`: at which tick of the video track the presentation begins; what lies before is decoding
    times of pictures that are shown later (B-frames)."""
    quicktime = sound is not None and sound.codec in _QUICKTIME_SOUND
    rates = [video_rate] if sound is None else [video_rate, sound.rate]
    tracks = [_video_track(parameters, video_rate, lead, quicktime=quicktime)]
    defaults = [_trex(VIDEO_ID, NOT_KEY)]
    if sound is not None:
        tracks.append(_sound_track(sound, quicktime=quicktime))
        defaults.append(_trex(SOUND_ID, KEY))
    return box(b"ftyp", _QUICKTIME_BRANDS if quicktime else _MP4_BRANDS) + box(
        b"moov",
        full_box(
            b"mvhd", 0, 0, u32(0, 0, video_rate, 0, 0x10000), u16(0x100), bytes(10), _MATRIX, bytes(24),
            u32(len(rates) + 1),
        ),
        *tracks,
        box(b"mvex", *defaults),
        box(b"udta", _quicktime_comment(comment) if quicktime else _itunes_comment(comment)),
    )  # fmt: skip


def _trex(track: int, flags: int) -> bytes:
    return full_box(b"trex", 0, 0, u32(track, 1, 0, 0, flags))


def _video_track(parameters: Parameters, rate: int, lead: int, *, quicktime: bool) -> bytes:
    entry, configuration = _VIDEO_ENTRIES[parameters.codec]
    description = box(
        entry,
        bytes(6) + u16(1),
        bytes(16),
        u16(parameters.width & 0xFFFF, parameters.height & 0xFFFF),
        u32(0x48_0000, 0x48_0000, 0),  # 72 dpi
        u16(1),
        bytes(32),
        u16(24, 0xFFFF),
        box(configuration, parameters.record),
    )
    shown = u32(parameters.width << 16 & U32, parameters.height << 16 & U32)
    edit = box(b"edts", full_box(b"elst", 0, 0, u32(1, 0, lead), u16(1, 0))) if lead else b""
    head = full_box(b"tkhd", 0, 3, u32(0, 0, VIDEO_ID, 0, 0), bytes(8), u16(0, 0, 0, 0), _MATRIX, shown)
    media_head = full_box(b"vmhd", 0, 1, bytes(8))
    return box(b"trak", head, edit, _media(b"vide", b"Video", rate, media_head, description, quicktime=quicktime))


def _sound_track(sound: Sound, *, quicktime: bool) -> bytes:
    if quicktime:
        layout = _LAYOUTS.get(sound.channels)
        kind = _QUICKTIME_SOUND[sound.codec]
        configuration = b"" if layout is None else full_box(b"chan", 0, 0, u32(layout, 0, 0))
    else:
        kind, configuration = b"mp4a", _esds(sound.config)
    description = box(
        kind,
        bytes(6) + u16(1),
        bytes(8),
        u16(sound.channels, 16, 0, 0),
        # 16.16: a higher rate does not fit, and stands in the codec's own configuration.
        u32(sound.rate << 16 if sound.rate <= 0xFFFF else 0),
        configuration,
    )
    head = full_box(b"tkhd", 0, 3, u32(0, 0, SOUND_ID, 0, 0), bytes(8), u16(0, 1, 0x100, 0), _MATRIX, bytes(8))
    media_head = full_box(b"smhd", 0, 0, bytes(4))
    return box(b"trak", head, _media(b"soun", b"Sound", sound.rate, media_head, description, quicktime=quicktime))


def _media(handler: bytes, name: bytes, rate: int, head: bytes, description: bytes, *, quicktime: bool) -> bytes:
    # QuickTime counts the letters of a name and names the handler of the data too; ISO ends it with a zero.
    data_handler = full_box(b"hdlr", 0, 0, b"dhlr", b"url ", bytes(12), b"\x04Data") if quicktime else b""
    return box(
        b"mdia",
        full_box(b"mdhd", 0, 0, u32(0, 0, rate, 0), u16(_UNSPECIFIED if quicktime else _UNDETERMINED, 0)),
        full_box(
            b"hdlr", 0, 0, b"mhlr" if quicktime else bytes(4), handler, bytes(12),
            bytes([len(name)]) + name if quicktime else name + b"\0",
        ),
        box(
            b"minf",
            head,
            data_handler,
            box(b"dinf", full_box(b"dref", 0, 0, u32(1), full_box(b"url ", 0, 1))),
            box(
                b"stbl",
                full_box(b"stsd", 0, 0, u32(1), description),
                full_box(b"stts", 0, 0, u32(0)),
                full_box(b"stsc", 0, 0, u32(0)),
                full_box(b"stsz", 0, 0, u32(0, 0)),
                full_box(b"stco", 0, 0, u32(0)),
            ),
        ),
    )  # fmt: skip


def _esds(config: bytes) -> bytes:
    """How MPEG-4 describes AAC (ISO/IEC 14496-1 and -14)."""
    audio = bytes([0x40, 0x15]) + bytes(3) + u32(0, 0) + _descriptor(5, config)
    return full_box(b"esds", 0, 0, _descriptor(3, u16(0) + b"\0" + _descriptor(4, audio) + _descriptor(6, b"\x02")))


def _descriptor(tag: int, body: bytes) -> bytes:
    """Its length has seven bits in each of four bytes."""
    length = len(body)
    return bytes([tag, *(0x80 | length >> shift & 0x7F for shift in (21, 14, 7)), length & 0x7F]) + body


def _itunes_comment(text: str) -> bytes:
    data = box(b"data", u32(1, 0), text.encode())
    handler = full_box(b"hdlr", 0, 0, bytes(4), b"mdirappl", bytes(9))
    return full_box(b"meta", 0, 0, handler, box(b"ilst", box(b"\xa9cmt", data)))


def _quicktime_comment(text: str) -> bytes:
    data = text.encode()
    return box(b"\xa9cmt", u16(len(data), _UNDETERMINED), data)


NS_PER_S: Final = 1_000_000_000
_NTP_EPOCH_S: Final = 2_208_988_800
"""From 1900, where NTP begins, to 1970."""
_CAPTURED: Final = 24
"""The clock is that of the moment a picture was taken."""
_MOOF: Final = struct.Struct(">I4sI4sII")
_MDAT: Final = struct.Struct(">I4s")
_TRAF: Final = ">I4sI4sIII4sIQI4sIIi"
"""traf and tfhd, tfdt, trun up to their samples."""
_TRAF_BYTES: Final = struct.calcsize(_TRAF)
_DEFAULT_BASE_IS_MOOF: Final = 0x02_0000
_SIGNED: Final = 1 << 24
"""Version 1: a picture may be shown before it is decoded, as the standard has it."""
_WIDE: Final = 1 << 24
"""Version 1: time in 64 bits."""
_PICTURE: Final = _SIGNED | 0x1 | 0x100 | 0x200 | 0x400 | 0x800
_PICTURE_WORDS: Final = 4
_SOUND: Final = _SIGNED | 0x1 | 0x100 | 0x200
_SOUND_WORDS: Final = 2


@dataclass(slots=True)
class Run:
    """Samples of one track, one after the other."""

    times: list[int] = field(default_factory=list)
    """When each is decoded, in ticks; strictly rising."""
    data: list[bytes] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    """Pictures only."""
    offsets: list[int] = field(default_factory=list)
    """Pictures only: from when it is decoded to when it is shown."""


def fragment(number: int, front: bytes, video: Run, video_end: int, sound: Run, sound_end: int) -> bytes:
    """The whole fragment, behind `front`. A track without samples is left out; `*_end` is where its last one ends."""
    frames, packets = len(video.times), len(sound.times)
    video_bytes = _TRAF_BYTES + 4 * _PICTURE_WORDS * frames if frames else 0
    sound_bytes = _TRAF_BYTES + 4 * _SOUND_WORDS * packets if packets else 0
    index_bytes = _MOOF.size + video_bytes + sound_bytes
    at = index_bytes + _MDAT.size
    parts = [front, _MOOF.pack(index_bytes, b"moof", 16, b"mfhd", 0, number)]
    if frames:
        sizes = list(map(len, video.data))
        words = [0] * (_PICTURE_WORDS * frames)
        words[0::4] = _durations(video.times, video_end)
        words[1::4] = sizes
        words[2::4] = video.flags
        words[3::4] = [offset & U32 for offset in video.offsets]
        parts.append(_traf(VIDEO_ID, video.times[0], _PICTURE, frames, at, words))
        at += sum(sizes)
    if packets:
        sizes = list(map(len, sound.data))
        words = [0] * (_SOUND_WORDS * packets)
        words[0::2] = _durations(sound.times, sound_end)
        words[1::2] = sizes
        parts.append(_traf(SOUND_ID, sound.times[0], _SOUND, packets, at, words))
        at += sum(sizes)
    parts.append(_MDAT.pack(at - index_bytes, b"mdat"))
    parts += video.data
    parts += sound.data
    return b"".join(parts)


def _durations(times: Sequence[int], end: int) -> list[int]:
    following = [*times[1:], end]
    return [(after - time) & U32 for time, after in zip(times, following, strict=True)]


def _traf(track: int, start: int, flags: int, count: int, data_at: int, words: list[int]) -> bytes:
    length = _TRAF_BYTES + 4 * len(words)
    return struct.pack(
        f"{_TRAF}{len(words)}I",
        length, b"traf",
        16, b"tfhd", _DEFAULT_BASE_IS_MOOF, track,
        20, b"tfdt", _WIDE, start & U64,
        length - 44, b"trun", flags, count, data_at,
        *words,
    )  # fmt: skip


def clock(media_time: int, wall_ns: int) -> bytes:
    """A `prft` box: what the camera's own clock showed at this tick of the video track."""
    seconds, rest_ns = divmod(wall_ns, NS_PER_S)
    ntp = (seconds + _NTP_EPOCH_S << 32) + (rest_ns << 32) // NS_PER_S
    return full_box(b"prft", 1, _CAPTURED, u32(VIDEO_ID), u64(ntp & U64, media_time & U64))


@dataclass(frozen=True, slots=True)
class Point:
    """A key frame by which a player can jump into the file."""

    time: int
    """When it is shown, in ticks of the track's own time."""
    moof_at: int
    sample: int
    """Which one of its run; the first is 1."""


def trailer(points: Sequence[Point]) -> bytes:
    """mfra: where the key frames are. It ends with its own length, by which it is found from the end of the file."""
    words = [word for point in points for word in (point.time & U64, point.moof_at, 1, 1, point.sample)]
    entries = struct.pack(">" + "QQHHI" * len(points), *words)
    # The number of traf and of trun take two bytes, that of the sample four.
    tfra = full_box(b"tfra", 1, 0, u32(VIDEO_ID, 1 << 4 | 1 << 2 | 3, len(points)), entries)
    length = 8 + len(tfra) + 16
    return box(b"mfra", tfra, full_box(b"mfro", 0, 0, u32(length)))
