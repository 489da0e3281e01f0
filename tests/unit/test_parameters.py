"""recorder.parameters: which parameter sets a key frame carries."""

from __future__ import annotations

from recorder.parameters import HEAD_BYTES, parameter_sets

SPS = b"\x67\x42\xc0\x1e\xda\x02\x80"
PPS = b"\x68\xce\x3c\x80"
IDR = b"\x65\x88\x84" + b"\x11" * 50
AUD = b"\x09\x10"
LONG = b"\x00\x00\x00\x01"
SHORT = b"\x00\x00\x01"


def test_found_whatever_stands_between_and_however_long_the_start_codes_are() -> None:
    expected = LONG + SPS + LONG + PPS
    assert parameter_sets("h264", LONG + AUD + LONG + SPS + LONG + PPS + LONG + IDR) == expected
    assert parameter_sets("h264", SHORT + SPS + SHORT + PPS + SHORT + IDR) == expected
    assert parameter_sets("h264", LONG + SPS + LONG + PPS) == expected


def test_none_where_there_are_none() -> None:
    assert parameter_sets("h264", LONG + AUD + LONG + IDR) == b""
    assert parameter_sets("h264", b"") == b""
    assert parameter_sets("h264", b"\x01\x42\xc0\x1e\xff\xe1") == b""


def test_hevc_has_three_kinds() -> None:
    vps, sps, pps, idr = b"\x40\x01\x0c", b"\x42\x01\x01", b"\x44\x01\xc1", b"\x26\x01\xaf\x11"
    assert parameter_sets("hevc", b"".join(LONG + unit for unit in (vps, sps, pps, idr))) == b"".join(
        LONG + unit for unit in (vps, sps, pps)
    )


def test_a_set_that_the_end_cuts_off_does_not_count() -> None:
    head = (LONG + SPS + LONG + PPS + b"\x11" * HEAD_BYTES)[:HEAD_BYTES]
    assert parameter_sets("h264", head) == LONG + SPS
