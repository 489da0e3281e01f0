"""recorder.rtp with real footage: what x264, x265 and libav's AAC made comes out, with its sets and key frames."""

from __future__ import annotations

import base64
import itertools
import random
from typing import Final, Literal

import pytest

from recorder.rtp.sdp import Media
from recorder.rtp.track import RtpVideoTrack, sound_track, video_track
from recorder.words.stream import Item, Unit
from tests.support import footage, nal
from tests.support.clips import Coded
from tests.support.packing import Line, Packing, lengths

Kind = Literal["h264", "h265"]
PICTURES: Final = {
    "h264": footage.Picture(width=320, height=180, fps=15, gop=15, b_frames=0, kbps=300, seconds=4, footage="bikes"),
    "h264 B": footage.Picture(width=320, height=180, fps=15, gop=15, b_frames=2, kbps=300, seconds=4, footage="bikes"),
    "h265 B": footage.Picture("h265", 320, 180, 15, 15, 2, 300, 4, "bikes"),
}
SMALLER: Final = footage.Picture(width=160, height=96, fps=15, gop=15, kbps=100, seconds=2, footage="bikes")


def frames(wish: footage.Picture, count: int) -> list[Coded]:
    return list(itertools.islice(footage.clip(wish).rounds(), count))


def track_of(codec: Kind, **fmtp: str) -> RtpVideoTrack:
    return video_track(Media("video", 96, codec.upper(), 90_000, 1, fmtp, "rtsp://camera/1"))


def send(track: RtpVideoTrack, line: Line, coded: list[tuple[tuple[bytes, ...], int]], codec: Kind) -> list[Unit]:
    packing, out = Packing(codec, 1_000, random.Random(1)), list[Item]()
    for units, pts in coded:
        for packet in line.picture(packing, units, pts, "last"):
            track.rtp(packet, 0, len(packet), out)
    track.flush(out)
    return [item for item in out if isinstance(item, Unit)]


def sets_in(codec: Kind, units: tuple[bytes, ...]) -> tuple[bytes, ...]:
    kinds = {7, 8} if codec == "h264" else {32, 33, 34}
    return tuple(unit for unit in units if nal.unit_type(codec, unit) in kinds)


@pytest.mark.parametrize("name", PICTURES)
def test_frames_equal_those_encoded(name: str) -> None:
    wish = PICTURES[name]
    sent = frames(wish, 150)
    track = track_of(wish.codec)
    came = send(track, Line(), [(one.units, one.pts) for one in sent], wish.codec)
    assert [unit.data for unit in came] == [lengths(one.units) for one in sent]
    assert [unit.key for unit in came] == [one.key for one in sent]
    assert [unit.pts - came[0].pts for unit in came] == [one.pts - sent[0].pts for one in sent]
    assert track.video is not None
    parameters = track.video.parameters
    assert (parameters.width, parameters.height) == (320, 180)
    assert all(unit.parameters is parameters for unit in came if unit.key)
    assert (parameters.reorder != 0) == (wish.b_frames > 0)


def test_sets_of_the_sdp_count_until_the_stream_has_its_own() -> None:
    sent = frames(PICTURES["h264"], 31)
    sets = sets_in("h264", sent[0].units)
    sprop = ",".join(base64.b64encode(unit).decode() for unit in sets)
    bare = [(tuple(unit for unit in one.units if unit not in sets), one.pts) for one in sent]
    track = track_of("h264", **{"sprop-parameter-sets": sprop})
    before = track.video
    assert before is not None
    assert before.parameters.sets == sets
    came = send(track, Line(), bare, "h264")
    assert [unit.parameters for unit in came if unit.key] == [before.parameters] * 3
    assert came[0].parameters is before.parameters


def test_without_any_sets_nothing_is_a_key_frame() -> None:
    sent = frames(PICTURES["h264"], 20)
    sets = sets_in("h264", sent[0].units)
    bare = [(tuple(unit for unit in one.units if unit not in sets), one.pts) for one in sent]
    track = track_of("h264", **{"sprop-parameter-sets": "!!,Z0IA"})
    assert track.video is None
    came = send(track, Line(), bare, "h264")
    assert len(came) == 20
    assert not any(unit.key for unit in came)


def test_another_size_in_mid_stream_is_a_new_object_at_its_key_frame() -> None:
    first, second = frames(PICTURES["h264"], 20), frames(SMALLER, 20)
    later = [(one.units, first[-1].pts + 6_000 + one.pts) for one in second]
    came = send(track_of("h264"), Line(), [*((one.units, one.pts) for one in first), *later], "h264")
    keys = [unit.parameters for unit in came if unit.key]
    assert [(one.width, one.height) for one in keys if one] == [(320, 180), (320, 180), (160, 96), (160, 96)]
    assert keys[0] is keys[1]
    assert keys[2] is keys[3]


def test_sets_between_key_frames_count_at_the_next() -> None:
    """New sets arrive with an ordinary picture; the frames until the next key frame still belong to the old ones."""
    first, second = frames(PICTURES["h264"], 10), frames(SMALLER, 5)
    sets = sets_in("h264", second[0].units)
    coded = [(one.units, one.pts) for one in first]
    coded[5] = ((*sets, *coded[5][0]), coded[5][1])
    bare = tuple(unit for unit in second[0].units if unit not in sets)
    coded.append((bare, first[-1].pts + 6_000))
    came = send(track_of("h264"), Line(), coded, "h264")
    assert [unit.parameters.width for unit in came if unit.parameters] == [320, 160]
    assert [unit.data for unit in came] == [lengths(units) for units, _ in coded]


def test_sound_equals_that_encoded() -> None:
    clip = footage.clip(footage.Sound(seconds=2))
    fmtp = {
        "mode": "AAC-hbr",
        "sizelength": "13",
        "indexlength": "3",
        "indexdeltalength": "3",
        "config": clip.extra.hex(),
    }
    track = sound_track(Media("audio", 97, "MPEG4-GENERIC", 48_000, 1, fmtp, "rtsp://camera/2"))
    line, out = Line(97), list[Item]()
    sent = list(itertools.islice(clip.rounds(), 200))
    for one in sent:
        data = one.units[0]
        packet = line.packet(b"\0\x10" + (len(data) << 3).to_bytes(2, "big") + data, one.pts, marker=True)
        track.rtp(packet, 0, len(packet), out)
    assert [(item.data, item.pts) for item in out if isinstance(item, Unit)] == [
        (one.units[0], one.pts) for one in sent
    ]
