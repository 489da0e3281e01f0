"""recorder.rtp.sdp: descriptions as the big makes write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtp import sdp
from recorder.rtp.sdp import Media

BASE = "rtsp://10.0.0.11/live/"
PLAIN = """v=0
o=- 1 1 IN IP4 0.0.0.0
s=x
t=0 0
a=control:*
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1;profile-level-id=64001E;sprop-parameter-sets=Z2QAHg==,aO4x
a=control:trackID=0
m=audio 0 RTP/AVP 97
a=rtpmap:97 MPEG4-GENERIC/48000/2
a=fmtp:97 streamtype=5; SizeLength=13; config=1188;
a=control:trackID=1
m=application 0 RTP/AVP 107
a=rtpmap:107 vnd.onvif.metadata/90000
a=control:trackID=4
"""


def medias(text: str, base: str = BASE) -> list[Media]:
    return list(sdp.parse(text.replace("\n", "\r\n").encode(), base).medias)


def test_a_plain_description() -> None:
    description = sdp.parse(PLAIN.encode(), BASE)
    assert description.control == BASE
    video, audio, other = description.medias
    assert (video.kind, video.payload_type, video.encoding, video.clock_rate) == ("video", 96, "H264", 90_000)
    assert video.fmtp["sprop-parameter-sets"] == "Z2QAHg==,aO4x"
    assert video.control == "rtsp://10.0.0.11/live/trackID=0"
    assert (audio.encoding, audio.clock_rate, audio.channels) == ("MPEG4-GENERIC", 48_000, 2)
    assert dict(audio.fmtp) == {"streamtype": "5", "sizelength": "13", "config": "1188"}
    assert other.kind == "application"


@pytest.mark.parametrize("end", ["\n", "\r\n", " \r\n", "\t\r\n", "\r\n\r\n", "\r"])
def test_ends_of_lines_do_not_matter(end: str) -> None:
    assert sdp.parse(PLAIN.replace("\n", end).encode(), BASE) == sdp.parse(PLAIN.encode(), BASE)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("m=audio 0 RTP/AVP 0", ("PCMU", 8_000, 1)),
        ("m=audio 0 RTP/AVP 8\t ", ("PCMA", 8_000, 1)),
        ("m=audio 0 RTP/AVP 10", ("L16", 44_100, 2)),
        ("m=audio 0 RTP/AVP 11", ("L16", 44_100, 1)),
        ("m=audio 0 RTP/AVP 0\na=rtpmap:0 MPEG4-GENERIC/16000/2", ("MPEG4-GENERIC", 16_000, 2)),
        ("m=audio 0 RTP/AVP 8\na=rtpmap:8 PCMU/8000/1", ("PCMU", 8_000, 1)),
        ("m=audio 0 RTP/AVP 8\na=rtpmap:8 PCMA", ("PCMA", 8_000, 1)),
        ("m=audio 0 RTP/AVP 97\na=rtpmap:0 PCMU/8000", ("", 0, 1)),
        ("m=audio 0 RTP/AVP 97", ("", 0, 1)),
        ("m=audio 0 RTP/AVP 97 0\na=rtpmap:97 opus/48000/2", ("OPUS", 48_000, 2)),
        ("m=audio 0 RTP/AVP 97\na=rtpmap:97 L16/much/more", ("L16", 0, 1)),
        ("m=audio 0 TCP/RTP/AVP 0", ("PCMU", 8_000, 1)),
    ],
)
def test_what_payload_types_mean(lines: str, expected: tuple[str, int, int]) -> None:
    (media,) = medias(lines)
    assert (media.encoding, media.clock_rate, media.channels) == expected


@pytest.mark.parametrize(
    "line",
    [
        "m=application/TP-LINK 0 RTP/AVP smart/1/90000",
        "m=video",
        "m=video 0 RTP/AVP",
        "m=video 0 RTP/AVP 128",
        "m=video 0 RTP/AVP ９６",
        "m=video 0 UDP 96",
    ],
)
def test_medias_that_nobody_could_set_up_are_left_out(line: str) -> None:
    assert medias(f"{line}\na=control:x\nm=audio 0 RTP/AVP 0") == medias("m=audio 0 RTP/AVP 0")


def test_the_only_form_counts_whatever_its_number() -> None:
    (media,) = medias("m=video 0 RTP/AVP 98\na=rtpmap:98 H265/90000\na=fmtp:62 sprop-vps=QAE=; sprop-sps=QgE=")
    assert media.fmtp == {"sprop-vps": "QAE=", "sprop-sps": "QgE="}


def test_of_several_forms_only_its_own_counts() -> None:
    (media,) = medias("m=video 0 RTP/AVP 98\na=fmtp:62 a=1\na=fmtp:98 a=2\na=fmtp:98 a=3")
    assert media.fmtp == {"a": "2"}
    (media,) = medias("m=video 0 RTP/AVP 98\na=fmtp:98 a=1;\na=fmtp:97 b=0\na=fmtp:98 b=2")
    assert media.fmtp == {"a": "1", "b": "2"}
    (media,) = medias("m=video 0 RTP/AVP 98\na=fmtp:62 a=1\na=fmtp:63 a=2\na=fmtp")
    assert media.fmtp == {}


def test_sound_that_listens_is_left_out() -> None:
    text = "m=video 0 RTP/AVP 96\na=recvonly\nm=audio 0 RTP/AVP 0\na=sendonly\nm=audio 0 RTP/AVP 8\na=recvonly"
    assert [media.payload_type for media in medias(text)] == [96, 8]


def test_a_camera_that_calls_all_its_tracks_sendonly_means_itself() -> None:
    text = "m=video 0 RTP/AVP 96\na=sendonly\nm=audio 0 RTP/AVP 0\na=sendonly"
    assert [media.payload_type for media in medias(text)] == [96, 0]


QUERY = "rtsp://10.0.0.11:554/cam/realmonitor?channel=1&subtype=0"


@pytest.mark.parametrize(
    ("base", "control", "url"),
    [
        (BASE, "", BASE),
        (BASE, "*", BASE),
        (BASE, "trackID=1", "rtsp://10.0.0.11/live/trackID=1"),
        ("rtsp://10.0.0.11/live", "trackID=1", "rtsp://10.0.0.11/live/trackID=1"),
        ("rtsp://10.0.0.11/live", "/trackID=1", "rtsp://10.0.0.11/live/trackID=1"),
        (BASE, "/trackID=1", "rtsp://10.0.0.11/live/trackID=1"),
        (f"{QUERY}/", "trackID=0", f"{QUERY}/trackID=0"),
        (QUERY, "video", f"{QUERY}/video"),
        (QUERY, "?x=1", f"{QUERY}?x=1"),
        (BASE, "rtsp://192.168.1.9/other/track1", "rtsp://192.168.1.9/other/track1"),
        (BASE, " RTSP://192.168.1.9/other ", "RTSP://192.168.1.9/other"),
        (BASE, "http://192.168.1.9/other", BASE),
        (BASE, "rtsp://[broken/other", BASE),
        (BASE, "rtsp://h/a b", BASE),
    ],
)
def test_controls_are_put_behind_the_base(base: str, control: str, url: str) -> None:
    assert sdp.join(base, control) == url


@pytest.mark.parametrize(
    ("content_base", "content_location", "base"),
    [
        ("", "", "rtsp://h/asked"),
        ("rtsp://10.0.0.1/a/", "rtsp://10.0.0.1/b/", "rtsp://10.0.0.1/a/"),
        ("", "rtsp://10.0.0.1/b/", "rtsp://10.0.0.1/b/"),
        ("192.168.1.10:554/stream0/", "", "rtsp://192.168.1.10:554/stream0/"),
        ("nonsense with blanks", "rtsp://10.0.0.1/b/", "rtsp://10.0.0.1/b/"),
        ("rtsp://", "http://10.0.0.1/b/", "rtsp://h/asked"),
    ],
)
def test_the_base_is_what_the_camera_says_if_it_can_be_read(
    content_base: str, content_location: str, base: str
) -> None:
    assert sdp.base_of(content_base, content_location, "rtsp://h/asked") == base


@given(st.text(max_size=2000) | st.lists(st.sampled_from(PLAIN.split("\n")), max_size=60).map("\n".join))
def test_nothing_is_raised(text: str) -> None:
    for media in sdp.parse(text.encode("utf-8", "surrogatepass"), BASE).medias:
        assert media.control.startswith("rtsp")
        assert 0 <= media.payload_type < 128


def test_a_description_is_read_up_to_a_bound() -> None:
    assert len(medias("m=audio 0 RTP/AVP 0\n" * 1000)) == sdp.MAX_MEDIAS
