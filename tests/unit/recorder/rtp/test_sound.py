"""recorder.rtp: sound comes out of packets with the right times, whatever RFC 3640 allows a camera to do."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.codec.aac import parse_config
from recorder.codec.bits import Garbage
from recorder.rtp.sdp import Media
from recorder.rtp.track import RtpSoundTrack, Unsupported, sound_track, video_track
from recorder.words.stream import Codec, Item, Sound, Unit
from tests.support.packing import Line

HBR = {"mode": "AAC-hbr", "sizelength": "13", "indexlength": "3", "indexdeltalength": "3", "config": "1188"}


def media(encoding: str, rate: int = 48_000, channels: int = 1, fmtp: dict[str, str] | None = None) -> Media:
    return Media("audio", 97, encoding, rate, channels, fmtp or {}, "rtsp://camera/2")


def aac(**fmtp: str) -> RtpSoundTrack:
    return sound_track(media("MPEG4-GENERIC", fmtp={**HBR, **fmtp}))


def run(track: RtpSoundTrack, packets: list[bytes]) -> list[Unit]:
    out: list[Item] = []
    for packet in packets:
        track.rtp(packet, 0, len(packet), out)
    track.flush(out)
    return [item for item in out if isinstance(item, Unit)]


def headers(sizes: list[int], size_bits: int, index_bits: int, indices: list[int], more: str = "") -> bytes:
    """AU headers section (RFC 3640 §3.2.1)."""
    bits = ""
    for size, index in zip(sizes, indices, strict=True):
        bits += f"{size:0{size_bits}b}" if size_bits else ""
        bits += (f"{index:0{index_bits}b}" if index_bits else "") + more
    length = len(bits)
    bits += "0" * (-length % 8)
    return struct.pack(">H", length) + int("0" + bits, 2).to_bytes(len(bits) // 8, "big")


@given(
    st.integers(0, 2**32),
    st.sampled_from([("AAC-hbr", 13, 3), ("AAC-lbr", 6, 2), ("generic", 16, 0), ("generic", 11, 5)]),
)
def test_units_together_or_in_fragments_come_out_with_their_times(seed: int, mode: tuple[str, int, int]) -> None:
    name, size_bits, index_bits = mode
    fmtp = {
        "mode": name,
        "sizelength": str(size_bits),
        "indexlength": str(index_bits),
        "indexdeltalength": str(index_bits),
    }
    track = aac(**fmtp)
    rng, line = random.Random(seed), Line(97)
    sent: list[bytes] = []
    packets: list[bytes] = []
    while len(sent) < 40:
        ticks = 2**32 - 5_000 + len(sent) * 1024
        if rng.random() < 0.3:
            unit = rng.randbytes(rng.randrange(2, 1 << min(size_bits, 12)))
            head = headers([len(unit)], size_bits, index_bits, [0])
            cut = rng.randrange(1, len(unit))
            packets += [line.packet(head + unit[:cut], ticks), line.packet(head + unit[cut:], ticks, True)]
            sent.append(unit)
            continue
        group = [rng.randbytes(rng.randrange(1, 60)) for _ in range(rng.randrange(1, 5))]
        head = headers([len(unit) for unit in group], size_bits, index_bits, [0] * len(group))
        packets.append(line.packet(head + b"".join(group), ticks, True))
        sent += group
    units = run(track, packets)
    assert [unit.data for unit in units] == sent
    assert [unit.pts for unit in units] == [index * 1024 for index in range(len(sent))]
    assert {unit.duration for unit in units} == {1024}
    assert track.nonsense == track.losses.packets == 0


def test_interleaved_units_are_put_in_order() -> None:
    """0 2 4 in one packet, 1 3 5 in the next (RFC 3640 §3.2.3.2), then the same again."""
    line, packets, expected = Line(97), [], []
    for group in range(6):
        base = group // 2 * 6 + group % 2
        units = [bytes([base + 2 * i] * 5) for i in range(3)]
        head = headers([5, 5, 5], 13, 3, [0, 1, 1])
        packets.append(line.packet(head + b"".join(units), base * 1024, True))
        expected += units
    packets.append(line.packet(headers([1], 13, 3, [0]) + b"x", 18 * 1024, True))
    units_out = run(aac(maxdisplacement="5"), packets)
    assert [unit.data for unit in units_out] == [*sorted(expected), b"x"]
    assert [unit.pts for unit in units_out] == [i * 1024 for i in range(19)]


def test_time_stamps_flags_and_auxiliary_data_are_skipped() -> None:
    track = aac(ctsdeltalength="4", randomaccessindication="1", auxiliarydatasizelength="8")
    head = headers([3, 2], 13, 3, [0, 0], more="01")
    packets = [Line(97).packet(head + b"\x08\xee" + b"abc" + b"de", 0, True)]
    assert [unit.data for unit in run(track, packets)] == [b"abc", b"de"]


def test_a_unit_of_constant_size_needs_no_header() -> None:
    track = aac(mode="generic", sizelength="0", indexlength="0", indexdeltalength="0", constantsize="4")
    assert [unit.pts for unit in run(track, [Line(97).packet(b"aaaabbbb", 0, True)])] == [0, 1024]


def test_a_fragment_lost_takes_its_unit_alone() -> None:
    line = Line(97)
    head = headers([6], 13, 3, [0])
    packets = [line.packet(head + part, 0) for part in (b"ab", b"cd", b"ef")]
    packets.append(line.packet(headers([3], 13, 3, [0]) + b"xyz", 1024, True))
    track = aac()
    assert [unit.data for unit in run(track, [packets[0], packets[2], packets[3]])] == [b"xyz"]
    assert track.losses.packets == 1


@pytest.mark.parametrize(
    ("encoding", "rate", "channels", "codec", "size", "samples"),
    [
        ("PCMU", 8_000, 1, Codec.PCMU, 160, 160),
        ("PCMA", 16_000, 1, Codec.PCMA, 320, 320),
        ("PCMU", 8_000, 2, Codec.PCMU, 320, 160),
        ("L16", 44_100, 2, Codec.L16, 1_764, 441),
    ],
)
def test_samples(encoding: str, rate: int, channels: int, codec: Codec, size: int, samples: int) -> None:
    track = sound_track(media(encoding, rate, channels))
    line, rng = Line(97), random.Random(1)
    sent = [rng.randbytes(size) for _ in range(5)]
    units = run(track, [line.packet(data, index * samples) for index, data in enumerate(sent)])
    assert track.sound == Sound(codec, rate, channels)
    assert [(unit.data, unit.pts, unit.duration) for unit in units] == [
        (data, index * samples, samples) for index, data in enumerate(sent)
    ]


def test_configurations() -> None:
    lc = parse_config(bytes.fromhex("1188"))
    assert (lc.rate, lc.channels, lc.frame) == (48_000, 1, 1024)
    assert parse_config(bytes.fromhex("1490")).rate == 12_000
    assert parse_config(bytes.fromhex("11b0")).channels == 6
    he = parse_config(bytes.fromhex("2b8a0800"))
    assert (he.rate, he.channels) == (22_050, 1)
    assert sound_track(media("MPEG4-GENERIC", 44_100, 1, {**HBR, "config": "2b8a0800"})).sound.rate == 44_100
    for wrong in ("", "1", "zz", "ff", "f8", "1f80"):
        with pytest.raises(Unsupported):
            sound_track(media("MPEG4-GENERIC", fmtp={**HBR, "config": wrong}))


def test_what_cannot_be_kept_is_refused_in_words() -> None:
    for encoding in ("G726-32", "OPUS", "MPA", ""):
        with pytest.raises(Unsupported, match=r"sound codec .* cannot be kept"):
            sound_track(media(encoding))
    with pytest.raises(Unsupported, match="picture codec JPEG cannot be kept"):
        video_track(media("JPEG"))
    with pytest.raises(Unsupported, match="interleaved"):
        video_track(media("H264", fmtp={"packetization-mode": "2"}))
    with pytest.raises(Unsupported, match="interleaved"):
        video_track(media("H265", fmtp={"sprop-max-don-diff": "3"}))
    assert video_track(media("H265", fmtp={"sprop-max-don-diff": "0"})).video is None


@given(
    st.lists(st.binary(max_size=50), max_size=20),
    st.dictionaries(
        st.sampled_from([*HBR, "constantsize", "auxiliarydatasizelength", "maxdisplacement"]), st.text(max_size=4)
    ),
)
def test_nothing_that_arrives_raises(payloads: list[bytes], fmtp: dict[str, str]) -> None:
    line = Line(97)
    for encoding in ("MPEG4-GENERIC", "PCMU", "L16"):
        try:
            track = sound_track(media(encoding, fmtp={**HBR, **fmtp}))
        except Unsupported:
            continue
        units = run(track, [line.packet(payload, index * 1024) for index, payload in enumerate(payloads)])
        assert all(unit.data for unit in units)
        run(track, payloads)


@given(st.binary(max_size=40))
def test_configurations_that_are_noise_raise_garbage_alone(data: bytes) -> None:
    try:
        parse_config(data)
    except Garbage:
        return


@pytest.mark.parametrize("name", ["\x1b[31MRED", "X" * 60_000, "G726 OR\tSO", ""])
def test_what_a_camera_calls_its_sound_is_not_repeated_unseen(name: str) -> None:
    with pytest.raises(Unsupported) as caught:
        sound_track(media(name))
    assert str(caught.value) == "sound codec unknown cannot be kept"


def test_no_more_channels_than_can_be() -> None:
    by_element = "1000" + "00" * 20
    assert sound_track(media("MPEG4-GENERIC", 16_000, 9_999_999, {"config": by_element})).sound.channels == 8


def latm(config: str, **more: str) -> Media:
    return media("MP4A-LATM", 48_000, 1, {"cpresent": "0", "config": config, **more})


def test_latm_whole_in_parts_and_with_a_part_lost() -> None:
    """StreamMuxConfig 40002310 3fc0: AAC LC at 48 kHz, mono, as live555 and cameras write it."""
    line, rng = Line(97), random.Random(1)
    units = [rng.randbytes(size) for size in (5, 255, 700, 1, 300)]
    packets = []
    for index, unit in enumerate(units):
        element = b"\xff" * (len(unit) // 255) + bytes([len(unit) % 255]) + unit
        cut = len(element) // 2 if index % 2 else len(element)
        packets += [line.packet(part, index * 1024) for part in (element[:cut], element[cut:]) if part]
    track = sound_track(latm("400023103fc0"))
    assert track.sound == Sound(Codec.AAC, 48_000, 1, b"\x11\x88")
    came = run(track, packets)
    assert [(unit.data, unit.pts) for unit in came] == [(unit, index * 1024) for index, unit in enumerate(units)]
    lossy = run(sound_track(latm("400023103fc0")), [*packets[:2], *packets[3:]])
    assert [unit.data for unit in lossy] == [units[0], *units[2:]]


@given(st.binary(max_size=20), st.lists(st.binary(max_size=60), max_size=12))
def test_latm_that_is_noise_raises_nothing_else(config: bytes, payloads: list[bytes]) -> None:
    for text in (config.hex(), "400023103fc0"):
        try:
            track = sound_track(latm(text))
        except Unsupported:
            continue
        line = Line(97)
        run(track, [line.packet(payload, index // 2 * 1024) for index, payload in enumerate(payloads)])
    with pytest.raises(Unsupported, match="LATM"):
        sound_track(latm("400023103fc0", cpresent="1"))


def test_latm_whose_beginning_or_middle_is_lost_becomes_no_sound() -> None:
    line = Line(97)
    element = b"\x2c" + b"\x03abc" * 11
    parts = [element[:21], element[21:34], element[34:]]  # the second begins like an element of its own
    packets = [line.packet(part, 0) for part in parts] + [line.packet(b"\x03xyz", 1024, True)]
    warm = Line(97, sequence=65_529).packet(b"\x01w", 2**32 - 1024, True)
    for missing in (0, 1, 2):
        arrived = [packet for index, packet in enumerate(packets) if index != missing]
        assert [unit.data for unit in run(sound_track(latm("400023103fc0")), [warm, *arrived])] == [b"w", b"xyz"]
