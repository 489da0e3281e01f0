"""recorder.rtp: sequence numbers, unwrapped time, reports of both sides, and packets of UDP put in order."""

from __future__ import annotations

import random
import struct

from hypothesis import given
from hypothesis import strategies as st

from recorder.rtp.packet import WAIT_NS, Reorder, parse
from recorder.rtp.sdp import Media
from recorder.rtp.track import Clock, RtpSoundTrack, sound_track
from recorder.words.stream import Item, SenderReport, Unit
from tests.support.packing import Line, sender_report

NTP_1970 = 2_208_988_800


def pcm() -> RtpSoundTrack:
    return sound_track(Media("audio", 0, "PCMU", 8_000, 1, {}, "rtsp://camera/2"))


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(-(2**31), 2**31 - 1), max_size=30))
def test_time_goes_on_where_32_bits_begin_anew(first: int, steps: list[int]) -> None:
    clock = Clock(90_000)
    raw = first
    total = clock.tell(raw)
    assert total == 0
    for step in steps:
        raw, total = raw + step, total + step
        assert clock.at(raw & 0xFFFFFFFF) == total
        assert clock.tell(raw & 0xFFFFFFFF) == total


def test_rtp_info_is_believed_when_the_packets_bear_it_out() -> None:
    near, far, silent = Clock(90_000), Clock(90_000), Clock(90_000)
    near.begin_at(2**32 - 90_000)
    far.begin_at(0)
    assert (near.tell(45_000), near.aligned) == (135_000, True)
    assert (far.tell(2**31), far.aligned) == (0, False)
    assert (silent.tell(77), silent.aligned) == (0, False)


def test_a_header_with_everything() -> None:
    made = bytes([0xB2, 0xE0, 0, 9]) + struct.pack(">III", 77, 5, 1) + bytes(4)
    made += struct.pack(">HH", 0xBEDE, 2) + bytes(8) + b"payload" + bytes([0, 0, 3])
    header = parse(b"__" + made + b"__", 2, 2 + len(made))
    assert header is not None
    assert (header.marker, header.payload_type, header.sequence, header.timestamp, header.ssrc) == (True, 96, 9, 77, 5)
    assert (b"__" + made)[header.start : header.end] == b"payload"


@given(st.binary(max_size=60))
def test_any_bytes_are_a_header_within_bounds_or_none(data: bytes) -> None:
    header = parse(data, 0, len(data))
    assert header is None or 12 <= header.start <= header.end <= len(data)


def test_gaps_are_counted_and_what_is_of_another_type_is_left_out() -> None:
    track, line = pcm(), Line(0)
    items: list[Item] = []
    for index in range(20):
        packet = line.packet(b"s" * 160, index * 160)
        other = Line(13, line.ssrc, line.sequence).packet(b"comfort noise", index * 160)
        line.sequence += 1
        for one in (packet, other):
            if index not in {7, 8}:
                track.rtp(one, 0, len(one), items)
    assert len(items) == 18
    assert track.losses.packets == 4
    assert track.nonsense == 18


def test_sender_reports_are_told_in_the_tracks_own_time() -> None:
    track, line = pcm(), Line(0)
    out: list[Item] = []
    early = sender_report(line.ssrc, (NTP_1970 + 100 << 32) | 1 << 31, 2**32 - 80)
    track.rtcp(early, 0, len(early), out)
    assert out == []
    for index in range(2):
        packet = line.packet(b"s" * 160, 2**32 - 80 + index * 160)
        track.rtp(packet, 0, len(packet), out)
    later = b"$" + sender_report(line.ssrc, NTP_1970 + 101 << 32, 80 + 8_000)
    for report in (later, b"$" + sender_report(line.ssrc, 0, 80), b"$" + sender_report(line.ssrc, 1 << 63, 2**31)):
        track.rtcp(report, 1, len(report), out)
    assert [item for item in out if isinstance(item, SenderReport)] == [
        SenderReport(False, 0, 100_500_000_000),
        SenderReport(False, 8_160, 101_000_000_000),
    ]


def test_time_of_the_camera_after_2036() -> None:
    track, line = pcm(), Line(0)
    out: list[Item] = []
    packet, report = line.packet(b"s", 0), sender_report(line.ssrc, 1 << 32, 0)
    track.rtp(packet, 0, len(packet), out)
    track.rtcp(report, 0, len(report), out)
    assert out[-1] == SenderReport(False, 0, (2**32 - NTP_1970 + 1) * 10**9)


def test_goodbye_is_noted() -> None:
    track = pcm()
    compound = sender_report(5, 0, 0) + bytes([0x81, 202, 0, 1, 0, 0, 0, 5]) + bytes([0x81, 203, 0, 1, 0, 0, 0, 5])
    track.rtcp(compound[:-8], 0, len(compound) - 8, [])
    assert not track.bye
    track.rtcp(compound, 0, len(compound), [])
    assert track.bye


def test_the_receiver_report_says_what_arrived() -> None:
    track, line = pcm(), Line(0, ssrc=0xABCD, sequence=65_000)
    out: list[Item] = []
    for index in range(1000):
        packet = line.packet(b"s", index)
        if index % 10:
            track.rtp(packet, 0, len(packet), out)
    report = sender_report(line.ssrc, (NTP_1970 << 32) + 0x5678_0000, 0)
    track.rtcp(report, 0, len(report), out, now_ns=1_000_000_000)
    made = track.receiver_report(0x1234, now_ns=1_500_000_000)
    first, kind, length, ours, theirs, loss, highest, jitter, last, delay = struct.unpack_from(">BBHIIIIIII", made)
    assert (first, kind, length, ours, theirs) == (0x81, 201, 7, 0x1234, 0xABCD)
    assert loss & 0xFFFFFF == 99
    assert abs((loss >> 24) - 256 // 10) <= 1
    assert highest == 65_999
    assert (jitter, last, delay) == (0, (NTP_1970 << 16 | 0x5678) & 0xFFFFFFFF, 32_768)
    at, kinds = 0, []
    while at < len(made):
        kinds.append(made[at + 1])
        at += 4 + 4 * int.from_bytes(made[at + 2 : at + 4], "big")
    assert (kinds, at) == ([201, 202], len(made))
    assert pcm().receiver_report(1, 0)[1] == 201


@given(st.integers(0, 2**32), st.integers(0, 65_535))
def test_packets_out_of_order_are_put_in_order(seed: int, first: int) -> None:
    """Each is at most eight places off; one in thirty is lost, one in ten comes twice."""
    rng = random.Random(seed)
    line = Line(0, sequence=first)
    sent = [line.packet(bytes([index % 256]), index) for index in range(200)]
    places = sorted(
        (index + rng.random() * 8, packet) for index, packet in enumerate(sent) if rng.random() > 0.03 or not index
    )
    places += [(place + rng.random() * 8, packet) for place, packet in places if rng.random() < 0.1]
    places.sort()
    order = [packet for _, packet in places]
    order.remove(sent[0])
    reorder, came = Reorder(), []
    for index, packet in enumerate([sent[0], *order]):
        came += reorder.push(packet, index * 2_500_000)
    came += reorder.overdue(10 * WAIT_NS)
    assert came == [packet for packet in sent if packet in order or packet is sent[0]]


def test_a_gap_is_waited_for_no_longer_than_its_time() -> None:
    line, reorder = Line(0), Reorder()
    packets = [line.packet(b"x", index) for index in range(6)]
    assert reorder.push(packets[0], 0) == [packets[0]]
    assert reorder.push(packets[2], 1) == []
    assert reorder.overdue(WAIT_NS) == []
    assert reorder.push(packets[4], WAIT_NS) == []
    assert reorder.overdue(WAIT_NS + 1) == [packets[2]]
    assert reorder.push(packets[1], WAIT_NS + 2) == []
    assert reorder.late == 1
    assert reorder.push(packets[3], WAIT_NS + 3) == [packets[3], packets[4]]


@given(st.lists(st.tuples(st.integers(0, 65_535), st.integers(0, 10**9)), max_size=300))
def test_whatever_the_numbers_what_waits_is_bounded_and_nothing_is_given_out_twice(
    arrivals: list[tuple[int, int]],
) -> None:
    reorder = Reorder()
    sent = [struct.pack(">HHI", 0x8000, sequence, index) for index, (sequence, _) in enumerate(arrivals)]
    came, now = [], 0
    for packet, (_, wait) in zip(sent, arrivals, strict=True):
        now += wait
        came += reorder.push(packet, now)
    came += reorder.overdue(now + WAIT_NS)
    assert len(set(came)) == len(came)
    assert len(came) + reorder.late == len(sent)


def test_a_restarted_count_goes_on_at_once() -> None:
    reorder = Reorder()
    for sequence in (*range(1000, 1010), *range(500, 510)):
        packet = struct.pack(">HHI", 0x8000, sequence, 0)
        assert reorder.push(packet, 0) == [packet]


def test_units_of_a_memoryview_are_bytes_of_their_own() -> None:
    buffer = bytearray(Line(0).packet(b"abc", 0))
    out: list[Item] = []
    pcm().rtp(memoryview(buffer), 0, len(buffer), out)
    buffer[-3:] = b"xyz"
    assert isinstance(out[0], Unit)
    assert out[0].data == b"abc"
