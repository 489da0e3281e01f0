"""recorder.codec: what parameter sets say, held against libav's word on the same bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, Final, Literal

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.codec import h264, h265
from recorder.codec.bits import Bits, Garbage, unescaped
from recorder.codec.sets import SLICE_HEAD_BYTES, H264Sets, H265Sets
from recorder.words.stream import Codec
from tests.support import nal
from tests.support.footage import path_of

Kind = Literal["h264", "h265"]
H264: Final = "h264"
H265: Final = "h265"


@dataclass(frozen=True, slots=True)
class Wish:
    codec: Kind
    width: int
    height: int
    pixels: str
    how: str
    profile: str = ""
    reorder: int | None = 2


WISHES: Final = {
    "baseline": Wish(H264, 322, 178, "yuv420p", "bframes=0", "baseline", 0),
    "main": Wish(H264, 322, 178, "yuv420p", "bframes=3", "main"),
    "high": Wish(H264, 640, 360, "yuv420p", "bframes=3:b-pyramid=normal", "high"),
    "high-one-b": Wish(H264, 320, 180, "yuv420p", "bframes=1", "high", 1),
    "interlaced": Wish(H264, 320, 244, "yuv420p", "interlaced=1:bframes=2", "high"),
    "10 bit": Wish(H264, 320, 240, "yuv420p10le", "bframes=2", "high10"),
    "4:2:2 with HRD": Wish(H264, 322, 242, "yuv422p", "nal-hrd=vbr:vbv-maxrate=900:vbv-bufsize=900", "high422"),
    "4:4:4 with matrices": Wish(H264, 321, 241, "yuv444p", "cqm=jvt", "high444"),
    "all of VUI": Wish(
        H264, 322, 242, "yuv420p", "sar=47/33:overscan=show:colorprim=bt709:range=pc:chromaloc=2", "high"
    ),
    "intra": Wish(H264, 320, 240, "yuv420p", "keyint=1", "high", 0),
    "hevc": Wish(H265, 322, 178, "yuv420p", "bframes=3"),
    "hevc without B": Wish(H265, 640, 360, "yuv420p", "bframes=0", "", 0),
    "hevc 10 bit with HRD": Wish(H265, 320, 240, "yuv420p10le", "hrd=1:vbv-maxrate=900:vbv-bufsize=900:sar=3"),
    "hevc 4:2:2 in layers": Wish(H265, 320, 242, "yuv422p10le", "scaling-list=default:temporal-layers=3"),
    "hevc in slices": Wish(H265, 320, 256, "yuv420p", "wpp=1:slices=2:aud=1:bframes=4:b-pyramid=1"),
}


@cache
def encoded(name: str) -> tuple[bytes, ...]:
    """Twelve frames of real footage, Annex B, sets in band."""
    wish = WISHES[name]
    context: Any = av.CodecContext.create("libx264" if wish.codec == "h264" else "libx265", "w")
    context.width, context.height, context.pix_fmt = wish.width, wish.height, wish.pixels
    context.framerate, context.time_base = Fraction(25), Fraction(1, 25)
    if wish.codec == "h264":
        context.options = {"preset": "veryfast", "profile": wish.profile, "x264-params": f"keyint=6:{wish.how}"}
    else:
        quiet = "log-level=none:info=0:pools=1:frame-threads=1"
        context.options = {"preset": "ultrafast", "x265-params": f"keyint=6:repeat-headers=1:{quiet}:{wish.how}"}
    packets: list[bytes] = []
    with av.open(str(path_of("bikes"))) as footage:
        for index, picture in zip(range(12), footage.decode(video=0), strict=False):
            shaped = picture.reformat(wish.width, wish.height, wish.pixels)
            shaped.pts, shaped.time_base = index, context.time_base
            shaped.pict_type = av.video.frame.PictureType.NONE
            packets += map(bytes, context.encode(shaped))
    return (*packets, *map(bytes, context.encode(None)))


def sets_of(name: str) -> H264Sets | H265Sets:
    sets = H264Sets() if WISHES[name].codec == "h264" else H265Sets()
    for unit in nal.split_annexb(encoded(name)[0]):
        sets.put(unit)
    return sets


def first_slice(name: str) -> bytes:
    wish = WISHES[name]
    units = nal.split_annexb(encoded(name)[0])
    return next(unit for unit in units if nal.is_slice(wish.codec, unit))[:SLICE_HEAD_BYTES]


def libavs_record(name: str) -> bytes:
    """The `avcC` or `hvcC` box of an MP4 file that libav makes of the same stream."""
    wish, file = WISHES[name], io.BytesIO()
    source: Any
    with (
        av.open(io.BytesIO(b"".join(encoded(name))), format="h264" if wish.codec == "h264" else "hevc") as source,
        av.open(file, "w", format="mp4") as made,
    ):
        stream = made.add_stream_from_template(source.streams.video[0])
        for index, packet in enumerate(source.demux(video=0)):
            if packet.size:
                packet.stream = stream
                packet.time_base, packet.pts, packet.dts, packet.duration = Fraction(1, 25), index, index, 1
                made.mux(packet)
    data = file.getvalue()
    at = data.index(b"avcC" if wish.codec == "h264" else b"hvcC")
    return data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at], "big")]


@pytest.mark.parametrize("name", WISHES)
def test_size_and_order_are_what_libav_sees(name: str) -> None:
    wish = WISHES[name]
    decoder: Any = av.CodecContext.create("h264" if wish.codec == "h264" else "hevc", "r")
    frame = next(picture for data in encoded(name) for picture in decoder.decode(av.Packet(data)))
    parameters = sets_of(name).known
    assert parameters is not None
    assert parameters.codec is (Codec.H264 if wish.codec == "h264" else Codec.H265)
    assert (parameters.width, parameters.height) == (frame.width, frame.height) == (wish.width, wish.height)
    assert parameters.reorder == wish.reorder
    assert (parameters.reorder != 0) == decoder.has_b_frames


@pytest.mark.parametrize("name", WISHES)
def test_the_record_is_libavs(name: str) -> None:
    parameters = sets_of(name).at_key(first_slice(name))
    assert parameters is not None
    assert parameters.record.hex(" ") == libavs_record(name).hex(" ")


@pytest.mark.parametrize("name", ["high", "interlaced", "hevc", "hevc 4:2:2 in layers"])
def test_sets_are_one_object_until_they_change(name: str) -> None:
    sets, head = sets_of(name), first_slice(name)
    before = sets.at_key(head)
    assert before is not None
    for unit in nal.split_annexb(encoded(name)[0]):
        sets.put(unit)
    assert sets.at_key(head) is before
    assert sets.known is before


def test_sets_that_changed_and_changed_back_are_the_same_object() -> None:
    sets, head = sets_of("high"), first_slice("high")
    before = sets.at_key(head)
    own = nal.split_annexb(encoded("high")[0])
    sets.put(plain_sps(0, 20, 15))
    for unit in own:
        sets.put(unit)
    assert before is not None
    assert sets.at_key(head) is before


def test_another_size_under_the_same_id_replaces_the_old() -> None:
    sets = sets_of("main")
    old = sets.at_key(first_slice("main"))
    for unit in nal.split_annexb(encoded("high")[0]):
        sets.put(unit)
    new = sets.at_key(first_slice("high"))
    assert old is not None
    assert new is not None
    assert (old.width, new.width) == (322, 640)
    assert new.sets == sets_of("high").known.sets  # type: ignore[union-attr]


def golomb(*values: int | str) -> bytes:
    """Numbers as unsigned codes, text as the bits it shows, then the stop bit."""
    text = "".join(
        value if isinstance(value, str) else "0" * ((value + 1).bit_length() - 1) + f"{value + 1:b}" for value in values
    )
    text += "1"
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def plain_sps(set_id: int, across: int, down: int, profile: int = 66, order: int = 2) -> bytes:
    """Frames of so many macroblocks; without VUI."""
    head = bytes([0x67, profile, 0xC0, 30])
    order_codes: tuple[int, ...] = (order,) if order == 2 else (order, 4)
    return head + golomb(set_id, 0, *order_codes, 1, "0", across - 1, down - 1, "1", "1", "0", "0")


def test_of_several_sets_that_of_the_picture_tells_the_size() -> None:
    """A slice names its PPS, and that its SPS."""
    sets = sets_of("high")
    sets.put(plain_sps(1, 20, 15))
    sets.put(b"\x68" + golomb(1, 1, "0"))
    first = sets.at_key(first_slice("high"))
    second = sets.at_key(b"\x65" + golomb(0, 7, 1))
    assert first is not None
    assert second is not None
    assert (first.width, second.width, second.height) == (640, 320, 240)
    assert len(first.sets) == 4


def test_pictures_that_cannot_be_reordered_are_known_without_vui() -> None:
    assert h264.parse_sps(plain_sps(0, 20, 15)).reorder == 0
    assert h264.parse_sps(plain_sps(0, 20, 15, profile=77)).reorder == 0
    assert h264.parse_sps(plain_sps(0, 20, 15, profile=77, order=0)).reorder is None


@given(
    name=st.sampled_from(["high", "4:4:4 with matrices", "4:2:2 with HRD", "hevc", "hevc 10 bit with HRD"]),
    changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=12),
    cut=st.integers(1, 300),
    noise=st.binary(max_size=80),
)
def test_garbage_raises_nothing_but_garbage(name: str, changes: list[tuple[int, int]], cut: int, noise: bytes) -> None:
    wish = WISHES[name]
    sets = H264Sets() if wish.codec == "h264" else H265Sets()
    for unit in nal.split_annexb(encoded(name)[0])[:4]:
        spoilt = bytearray(unit[:cut])
        for at, value in changes:
            spoilt[at % len(spoilt)] = value
        for data in (bytes(spoilt), unit[:2] + noise):
            sets.put(data)
            head = data[:SLICE_HEAD_BYTES]
            sets.at_key(head)
            readers = (
                h264.parse_sps, h264.parse_pps, h264.slice_kind, h264.recovers_at_once, h265.parse_sps, h265.parse_pps,
                h265.parse_vps, h265.slice_pps,
            )  # fmt: skip
            for read in readers:
                try:
                    read(data)
                except Garbage:
                    continue
    known = sets.known
    if known is not None:
        assert 0 < known.width <= h264.SIDE_MAX


def test_recovery_points() -> None:
    at_once = b"\x06\x01\x02\xaa\xbb\x06\x01\xc4\x80"
    later = b"\x06\x06\x01\x44\x80"
    none = b"\x06\x05\x03abc\x80"
    assert h264.recovers_at_once(at_once)
    assert not h264.recovers_at_once(later)
    assert not h264.recovers_at_once(none)
    assert not h264.recovers_at_once(b"\x06\x06")


@given(st.lists(st.tuples(st.integers(0, 2**31), st.booleans()), max_size=20))
def test_codes_are_read_as_written(values: list[tuple[int, bool]]) -> None:
    text = ""
    for value, signed in values:
        code = value if not signed else (2 * value - 1 if value else 0)
        binary = f"{code + 1:b}"
        text += "0" * (len(binary) - 1) + binary
    text += "0" * (-len(text) % 8)
    bits = Bits(int(text or "0", 2).to_bytes(len(text) // 8, "big"))
    for value, signed in values:
        assert (bits.se() if signed else bits.ue()) == value
    with pytest.raises(Garbage):
        bits.u(9)


@given(st.binary(max_size=60))
def test_emulation_prevention_is_undone(data: bytes) -> None:
    escaped, zeros = bytearray(), 0
    for byte in data:
        if zeros >= 2 and byte <= 3:
            escaped.append(3)
            zeros = 0
        escaped.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    assert unescaped(bytes(escaped)) == data
