"""What stands before the first fragment: ftyp and moov, with the tracks, their codecs and the file's own story.

Pure. It is written before anything is known of what follows, and never touched again. Two dialects: ISO MP4, and
QuickTime (brand `qt  `) for sound that MP4 has no code for. Both begin alike, and `storage.segments.mp4` reads
both.
"""

from __future__ import annotations

from typing import Final

from recorder.mp4.boxes import U32, box, full_box, u16, u32
from recorder.words.stream import Codec, Parameters, Sound

VIDEO_ID: Final = 1
SOUND_ID: Final = 2

KEY: Final = 0x0200_0000
"""Flags of a sample that depends on no other."""
NOT_KEY: Final = 0x0101_0000
"""Flags of a sample that depends on others, where decoding cannot begin."""

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
