"""recorder.rtp: pictures come out of packets bit for bit, once and in order, however a camera packs and marks them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtp import pictures as bounds
from recorder.rtp.sdp import Media
from recorder.rtp.track import RtpVideoTrack, video_track
from recorder.words.stream import Item, Unit
from tests.support.packing import Line, Marking, Packing, lengths, split

Codec = Literal["h264", "h265"]

SPS: Final = bytes.fromhex("67640028acd940780227e5c05a808080a0000003002000000781e30632c0")
PPS: Final = bytes.fromhex("68ebe3cb22c0")
VPS5: Final = bytes.fromhex("40010c01ffff01600000030090000003000003005a959809")
SPS5: Final = bytes.fromhex("42010101600000030090000003000003005aa0050201e1636b92452fcdc1418bf94e92de4d1c8fc4b4e6e8")
PPS5: Final = bytes.fromhex("4401c172b46240")
HEADS: Final = {
    "h264": {"slice": b"\x41", "key": b"\x65", "sei": b"\x06\x05", "aud": b"\x09"},
    "h265": {"slice": b"\x02\x01", "key": b"\x26\x01", "sei": b"\x4e\x01\x05", "aud": b"\x46\x01"},
}
SETS: Final = {"h264": [SPS, PPS], "h265": [VPS5, SPS5, PPS5]}


def media(codec: str, **fmtp: str) -> Media:
    return Media("video", 96, codec.upper(), 90_000, 1, fmtp, "rtsp://camera/1")


def body(rng: random.Random, size: int) -> bytes:
    """No zeros: a start code would be one that a real encoder had escaped."""
    return rng.randbytes(size).replace(b"\0", b"\1")


def slices(codec: Codec, rng: random.Random, key: bool, count: int, size: int) -> list[bytes]:
    head = HEADS[codec]["key" if key else "slice"]
    made = []
    for index in range(count):
        first = rng.randrange(0x80, 0x100) if index == 0 else rng.randrange(1, 0x80)
        made.append(head + bytes([first]) + body(rng, rng.randrange(1, size)))
    return made


def picture(codec: Codec, rng: random.Random, key: bool, count: int, size: int = 4000) -> list[bytes]:
    """Delimiter, sets and SEI as they may stand, then slices."""
    heads = HEADS[codec]
    units: list[bytes] = []
    if rng.random() < 0.3:
        units.append(heads["aud"] + b"\xf0")
    if key:
        units += SETS[codec]
    for _ in range(rng.randrange(3)):
        size = rng.randrange(2, 255)
        units.append(heads["sei"] + bytes([size]) + body(rng, size) + b"\x80")
    return units + slices(codec, rng, key, count, size)


def run(track: RtpVideoTrack, packets: list[bytes], *, flush: bool = True) -> list[Unit]:
    out: list[Item] = []
    for packet in packets:
        track.rtp(b"##" + packet + b"##", 2, 2 + len(packet), out)
    if flush:
        track.flush(out)
    return [item for item in out if isinstance(item, Unit)]


@dataclass
class Sent:
    units: list[bytes]
    timestamp: int
    packets: list[bytes]


def stream(codec: Codec, seed: int, marking: Marking, mtu: int, count: int = 24, most: int = 4) -> list[Sent]:
    rng = random.Random(seed)
    packing, line = Packing(codec, mtu, rng, aggregate=0.5 if marking == "last" else 0), Line()
    sent = []
    timestamp = 2**32 - 9_000
    for index in range(count):
        units = picture(codec, rng, index % 8 == 0, rng.randrange(1, most + 1))
        sent.append(Sent(units, timestamp, line.picture(packing, units, timestamp, marking)))
        timestamp += rng.choice([3_000, 3_003, 6_000])
    return sent


@given(
    codec=st.sampled_from(["h264", "h265"]),
    seed=st.integers(0, 2**32),
    marking=st.sampled_from(["last", "every unit", "every packet", "never"]),
    mtu=st.integers(40, 1500),
)
def test_what_was_packed_comes_out(codec: Codec, seed: int, marking: Marking, mtu: int) -> None:
    sent = stream(codec, seed, marking, mtu)
    track = video_track(media(codec))
    units = run(track, [packet for one in sent for packet in one.packets])
    assert [unit.data for unit in units] == [lengths(one.units) for one in sent]
    assert [unit.pts for unit in units] == [(one.timestamp - sent[0].timestamp) for one in sent]
    assert [unit.key for unit in units] == [index % 8 == 0 for index in range(len(sent))]
    assert len({id(unit.parameters) for unit in units if unit.key}) == 1
    assert all(unit.parameters is None for unit in units if not unit.key)
    assert track.losses.packets == track.losses.frames == track.nonsense == 0


@given(codec=st.sampled_from(["h264", "h265"]), seed=st.integers(0, 2**32), mtu=st.integers(100, 1500))
def test_loss_takes_pictures_whole_and_counts_them(codec: Codec, seed: int, mtu: int) -> None:
    """What arrived whole comes out; of what lost a slice nothing does. A lost SEI or set takes no picture with it."""
    sent = stream(codec, seed, "last", mtu)
    rng = random.Random(seed)
    arrived, whole, gone = [], [], 0
    for one in sent:
        kept = [packet for packet in one.packets if rng.random() > 0.02 or one is sent[0] or one is sent[-1]]
        gone += len(one.packets) - len(kept)
        if len(kept) == len(one.packets):
            whole.append(lengths(one.units))
        arrived += kept
    track = video_track(media(codec))
    units = run(track, arrived)
    assert track.losses.packets == gone
    pictures = {tuple(unit for unit in one.units if is_slice(codec, unit)) for one in sent}
    for unit in units:
        assert tuple(nal for nal in split(unit.data) if is_slice(codec, nal)) in pictures
    ends = [unit.data for unit in units]
    assert all(any(data.endswith(one) for data in ends) for one in whole)
    assert [unit.pts for unit in units] == sorted({unit.pts for unit in units})
    assert len(units) + track.losses.frames <= len(sent)


def is_slice(codec: Codec, unit: bytes) -> bool:
    return unit[0] & 0x1F in {1, 5} if codec == "h264" else unit[0] >> 1 & 0x3F < 32


@given(codec=st.sampled_from(["h264", "h265"]), seed=st.integers(0, 2**32), mtu=st.integers(100, 1500))
def test_packets_that_come_twice_or_late_change_nothing(codec: Codec, seed: int, mtu: int) -> None:
    sent = stream(codec, seed, "last", mtu)
    rng = random.Random(seed)
    packets = [packet for one in sent for packet in one.packets]
    arrived: list[bytes] = []
    for index, packet in enumerate(packets):
        arrived.append(packet)
        if rng.random() < 0.1:
            arrived.append(packets[max(0, index - rng.randrange(20))])
    track = video_track(media(codec))
    assert [unit.data for unit in run(track, arrived)] == [lengths(one.units) for one in sent]
    assert track.late == len(arrived) - len(packets)
    assert track.losses.frames == 0


def test_once_the_marker_is_believed_a_picture_waits_for_nothing() -> None:
    sent = stream("h264", 1, "last", 1400, count=20, most=1)
    track = video_track(media("h264"))
    run(track, [packet for one in sent[:-1] for packet in one.packets], flush=False)
    assert [unit.data for unit in run(track, sent[-1].packets, flush=False)] == [lengths(sent[-1].units)]


def test_a_marker_that_begins_to_lie_costs_one_picture_at_most() -> None:
    honest = stream("h264", 1, "last", 1400, count=20, most=1)
    rng = random.Random(2)
    line = Line(sequence=65_530 + sum(len(one.packets) for one in honest))
    packing = Packing("h264", 1400, rng, aggregate=0)
    lying = []
    for index in range(10):
        units = slices("h264", rng, False, 3, 100)
        timestamp = honest[-1].timestamp + 3_000 * (index + 1)
        lying.append(Sent(units, timestamp, line.picture(packing, units, timestamp, "every unit")))
    track = video_track(media("h264"))
    came = run(track, [packet for one in [*honest, *lying] for packet in one.packets])
    assert [unit.data for unit in came[-9:]] == [lengths(one.units) for one in lying[1:]]
    assert [unit.data for unit in came[:20]] == [lengths(one.units) for one in honest]
    assert len(came) == 30
    assert track.losses.frames == 1


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("marked", [False, True])
def test_sets_with_the_time_of_the_picture_before_belong_to_the_next(codec: Codec, marked: bool) -> None:
    """Reolink RLC-822A sends them with the timestamp of the last picture, with or without a marker."""
    rng = random.Random(3)
    line, packets, expected = Line(), [], []
    sets = SETS[codec]
    for index in range(24):
        key = index % 4 == 0
        units = slices(codec, rng, key, 1, 300)
        if key:
            packets += [line.packet(unit, 3_000 * (index - 1), marked) for unit in sets]
        packets += [line.packet(unit, 3_000 * index, True) for unit in units]
        expected.append(lengths([*(sets if key else []), *units]))
    units_out = run(video_track(media(codec)), packets)
    assert [unit.data for unit in units_out] == expected
    assert [unit.pts for unit in units_out] == [3_000 * (index + 1) for index in range(24)]


def test_two_pictures_of_one_time_are_two() -> None:
    rng = random.Random(4)
    line = Line()
    pictures = [[SPS, PPS, *slices("h264", rng, True, 2, 200)], *(slices("h264", rng, False, 2, 200) for _ in range(9))]
    packets = [line.packet(unit, 3_000 * (index // 2)) for index, units in enumerate(pictures) for unit in units]
    assert [unit.data for unit in run(video_track(media("h264")), packets)] == [lengths(units) for units in pictures]


@pytest.mark.parametrize(
    ("codec", "end"), [("h264", b"\x0a"), ("h264", b"\x0b"), ("h265", b"\x48\1"), ("h265", b"\x4a\1")]
)
def test_the_end_of_a_sequence_is_a_header_alone_and_kept(codec: Codec, end: bytes) -> None:
    rng, line = random.Random(5), Line()
    sent = [[*picture(codec, rng, index % 4 == 0, 2), end] for index in range(12)]
    packing = Packing(codec, 1400, rng, aggregate=0.5)
    packets = [line.picture(packing, units, index * 3600, "last") for index, units in enumerate(sent)]
    track = video_track(media(codec))
    units = run(track, [packet for one in packets for packet in one])
    assert [unit.data for unit in units] == [lengths(one) for one in sent]
    assert track.losses.frames == 0


def test_nothing_but_supplements_is_no_frame_but_is_not_lost_either() -> None:
    line = Line()
    sei = b"\x06signature of the last second"
    key = [SPS, PPS, b"\x65\x88\x84\x21"]
    packets = [line.packet(unit, 0, unit is key[-1]) for unit in key]
    packets += [line.packet(sei, 3_000, True), line.packet(sei + b"2", 6_000, True)]
    packets += [line.packet(b"\x41\x9a\x11\x22", 9_000, True), line.packet(b"\x41\x9a\x33", 12_000, True)]
    units = run(video_track(media("h264")), packets)
    assert [unit.data for unit in units] == [
        lengths(key),
        lengths([sei, sei + b"2", b"\x41\x9a\x11\x22"]),
        lengths([b"\x41\x9a\x33"]),
    ]
    assert [unit.pts for unit in units] == [0, 9_000, 12_000]


def test_a_fragment_without_its_beginning_throws_the_picture_away_once() -> None:
    line = Line()
    key = [line.packet(unit, 0, unit[0] == 0x65) for unit in (SPS, PPS, b"\x65\x88\x84\x21")]
    broken = [
        line.packet(b"\x5c\x01middle", 3_000),
        line.packet(b"\x5c\x01more", 3_000),
        line.packet(b"\x5c\x41", 3_000),
    ]
    broken += [line.packet(b"\x5c\x81\x11begins in the middle", 3_000), line.packet(b"\x5c\x41ends", 3_000, True)]
    last = [line.packet(b"\x41\x9a\x33", 6_000, True)]
    track = video_track(media("h264"))
    assert len(run(track, key + broken + last)) == 2
    assert track.losses.frames == 1
    assert track.losses.packets == 0


def test_a_byte_stream_in_a_payload_is_taken_apart() -> None:
    """Some servers put start codes where one NAL unit should be."""
    line = Line()
    idr = b"\x65\x88\x84" + bytes(range(1, 200)) * 20
    mixed = SPS + b"\0\0\0\1" + PPS + b"\0\0\1" + idr
    packing = Packing("h264", 500, random.Random(1))
    packets = line.picture(packing, [mixed], 0, "last")
    packets.append(line.packet(b"\0\0\0\1\x41\x9a\x33\0\0\1\x41\x1a\x44", 3_000, True))
    units = run(video_track(media("h264")), packets)
    assert [split(unit.data) for unit in units] == [[SPS, PPS, idr], [b"\x41\x9a\x33", b"\x41\x1a\x44"]]
    assert units[0].key
    assert units[0].parameters is not None


def test_a_picture_without_end_is_bounded() -> None:
    line = Line()
    out: list[Item] = []
    track = video_track(media("h264"))
    first = line.packet(b"\x5c\x81\x9a" + bytes(60_000), 0)
    track.rtp(first, 0, len(first), out)
    for _ in range(400):
        packet = line.packet(b"\x5c\x01" + bytes(60_000), 0)
        track.rtp(packet, 0, len(packet), out)
        assert len(track._pictures.data) <= bounds.UNIT_BYTES_MAX + 65_536
    for index in range(3000):
        packet = line.packet(b"\x06" + bytes([1]) * 1000, 3_000 * index)
        track.rtp(packet, 0, len(packet), out)
        assert len(track._pictures.data) <= bounds.LOOSE_BYTES_MAX + 2048
    assert out == []


def test_a_new_count_or_sender_is_taken_with_its_second_packet_and_nothing_is_lost() -> None:
    sent = stream("h264", 5, "last", 1400, count=12)
    for change in ({"sequence": 20_000}, {"sequence": 60_000}, {"ssrc": 7}):
        line = Line(**{"sequence": 65_530 + sum(len(one.packets) for one in sent), **change})
        packing = Packing("h264", 1400, random.Random(1))
        more = [picture("h264", random.Random(index), index == 0, 2) for index in range(6)]
        packets = [packet for one in sent for packet in one.packets]
        for index, units in enumerate(more):
            packets += line.picture(packing, units, sent[-1].timestamp + 3_000 * (index + 1), "last")
        track = video_track(media("h264"))
        assert [unit.data for unit in run(track, packets)] == [*(lengths(s.units) for s in sent), *map(lengths, more)]
        assert track.losses.packets == 0


@given(
    codec=st.sampled_from(["h264", "h265"]),
    seed=st.integers(0, 2**32),
    noise=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 60), st.integers(0, 255)), max_size=40),
    raw=st.lists(st.binary(max_size=60), max_size=20),
)
def test_nothing_that_arrives_raises(
    codec: Codec, seed: int, noise: list[tuple[int, int, int]], raw: list[bytes]
) -> None:
    packets = [bytearray(packet) for one in stream(codec, seed, "last", 300, count=6) for packet in one.packets]
    for index, at, value in noise:
        spoilt = packets[index % len(packets)]
        spoilt[at % len(spoilt)] = value
    rng = random.Random(seed)
    mixed = [bytes(packet) for packet in packets] + [bytes([0x80, 96, 0, 1]) + one for one in raw] + raw
    rng.shuffle(mixed)
    out: list[Item] = []
    track = video_track(media(codec))
    for index, packet in enumerate([*map(bytes, packets), *mixed]):
        track.rtp(packet, 0, len(packet), out)
        track.rtcp(packet, 0, len(packet), out)
        if index % 7 == 0:
            track.receiver_report(1, 0)
    track.flush(out)
    for item in out:
        if isinstance(item, Unit):
            assert any(is_slice(codec, nal) for nal in split(item.data))


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_slice_lost_without_markers_takes_its_picture(missing: int) -> None:
    """Pictures of three slices: whichever is missing, what is left of that picture is no frame."""
    rng, line = random.Random(6), Line()
    pictures = [[*(SETS["h264"] if not index else []), *slices("h264", rng, not index, 3, 200)] for index in range(8)]
    packets = []
    for index, units in enumerate(pictures):
        made = [line.packet(unit, 3_000 * index) for unit in units]
        packets += [packet for at, packet in enumerate(made) if (index, at) != (4, missing)]
    track = video_track(media("h264"))
    assert [unit.data for unit in run(track, packets)] == [lengths(p) for at, p in enumerate(pictures) if at != 4]
    assert (track.losses.packets, track.losses.frames) == (1, 1)


def test_a_slice_lost_in_the_middle_is_seen_by_its_time_alone() -> None:
    """A picture of more slices than those before: how many there were tells nothing, what came after the gap does."""
    rng, line = random.Random(7), Line()
    pictures = [
        [*(SETS["h264"] if not at else []), *slices("h264", rng, not at, 3 if at == 4 else 1, 200)] for at in range(8)
    ]
    packets = []
    for index, units in enumerate(pictures):
        made = [line.packet(unit, 3_000 * index) for unit in units]
        packets += [packet for at, packet in enumerate(made) if (index, at) != (4, 1)]
    track = video_track(media("h264"))
    assert [unit.data for unit in run(track, packets)] == [lengths(p) for at, p in enumerate(pictures) if at != 4]
    assert track.losses.frames == 1
