"""recorder.decoder.decode: what is measured is what there is, whatever the picture."""

from __future__ import annotations

from itertools import islice, pairwise
from typing import Any, Final

import av
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from recorder.decoder import decode
from recorder.decoder.messages import BLOCKS, THUMB, Heard, Picture
from recorder.words.stream import Codec
from recorder.worker.fan_out import SoundTrack
from tests.support import keyframes
from tests.support.footage import pictures
from tests.support.keyframes import Encoder

WIDE, HIGH = decode.SMALL
NOISE: Final = np.random.default_rng(7)


def scene() -> decode.Grey:
    """Something with edges everywhere, without real footage."""
    rough = NOISE.integers(0, 256, (HIGH // 6, WIDE // 6)).astype(np.uint8)
    return np.kron(rough, np.ones((6, 6), np.uint8))[:HIGH, :WIDE]


def padded(grey: decode.Grey) -> decode.Grey:
    whole: decode.Grey = np.zeros((HIGH, WIDE), np.uint8)
    whole[: grey.shape[0], : grey.shape[1]] = grey
    return whole


SCENE: Final = padded(scene())
CODED: Final = Encoder(160, 90).encode(keyframes.blocks(NOISE, 160, 90))
GREY: Final = (np.full((HIGH // 2, WIDE // 2), 128, np.uint8), np.full((HIGH // 2, WIDE // 2), 128, np.uint8))


def measured(small: decode.Grey, reference: decode.Grey | None = None) -> Picture:
    return decode.measure_picture(small, small, GREY, reference)


def blurred(small: decode.Grey, radius: int) -> decode.Grey:
    real: Any = small.astype(float)
    for axis in (0, 1):
        real = sum(np.roll(real, step, axis) for step in range(-radius, radius + 1)) / (2 * radius + 1)
    found: decode.Grey = real.astype(np.uint8)
    return found


@given(arrays.arrays(np.uint8, (HIGH, WIDE), elements=st.integers(0, 255), fill=st.integers(0, 255)))
def test_whatever_the_picture_what_is_told_of_it_keeps_its_bounds(small: decode.Grey) -> None:
    """The daemon would take anything else for the end of the eye."""
    seen = decode.measure_picture(small, small, GREY, decode.thumbnail(SCENE))
    assert msgspec.json.decode(msgspec.json.encode(seen), type=Picture) == seen


def test_black_white_and_the_brightness_between() -> None:
    for level in (0, 100, 255):
        seen = measured(np.full((HIGH, WIDE), level, np.uint8))
        assert (seen.mean, seen.low, seen.high, seen.spread) == (level, level, level, 0)
        assert seen.sharpness == (0, 0)
        assert (seen.black, seen.white) == (level == 0, level == 255)
        assert seen.prints == (0,) * BLOCKS, "an even picture repeats by itself"


def test_a_blur_takes_sharpness_and_leaves_brightness() -> None:
    sharp = [measured(blurred(SCENE, radius)) for radius in (0, 2, 5)]
    for size in (0, 1):
        assert sharp[0].sharpness[size] > 1.2 * sharp[1].sharpness[size] > 1.4 * sharp[2].sharpness[size]
    assert abs(sharp[0].mean - sharp[2].mean) < 3


def test_what_a_blur_took_no_noise_of_a_sensor_makes_up_for() -> None:
    """And where part of a view is hidden, the rest is as sharp for its size as all of it was."""
    sharp = measured(SCENE).sharpness
    noisy = blurred(SCENE, 3).astype(np.float32) + NOISE.normal(0, 4, SCENE.shape)
    assert measured(np.clip(noisy, 0, 255).astype(np.uint8)).sharpness[0] < 0.6 * sharp[0]
    hidden = SCENE.copy()
    hidden[:, : WIDE // 2] = 40
    assert measured(hidden).sharpness == pytest.approx(sharp, rel=0.2)


def test_the_block_that_lost_its_edges_is_named() -> None:
    hidden = SCENE.copy()
    hidden[:30, 40:80] = 90
    before, after = measured(SCENE), measured(hidden)
    changed = [n for n, (a, b) in enumerate(zip(before.edges, after.edges, strict=True)) if b < a / 4]
    assert changed == [1]
    assert [n for n, (a, b) in enumerate(zip(before.prints, after.prints, strict=True)) if a != b] == [1]


@given(arrays.arrays(np.uint8, (HIGH, WIDE), elements=st.integers(0, 255), fill=st.integers(0, 255)))
def test_each_pixel_of_the_small_picture_is_the_mean_of_four(small: decode.Grey) -> None:
    columns, rows = THUMB
    four = small.astype(float).reshape(rows, 2, columns, 2)
    assert (decode.thumbnail(small) == np.floor(four.mean(axis=(1, 3)))).all()


def test_colour_is_told_from_grey() -> None:
    assert decode.saturation(*GREY) == 0
    assert decode.saturation(GREY[0] + 30, GREY[1]) == pytest.approx(30)


@pytest.mark.parametrize(("across", "down"), [(0, 0), (9, 0), (-13, 4), (0, -11), (20, 10)])
def test_a_shift_is_found_to_the_pixel_under_other_light(across: int, down: int) -> None:
    columns, rows = THUMB
    wide = blurred(NOISE.integers(0, 256, (rows + 60, columns + 80)).astype(np.uint8), 2)
    reference = wide[30 : 30 + rows, 40 : 40 + columns]
    now = wide[30 - down : 30 - down + rows, 40 - across : 40 - across + columns] // 2 + 20
    found = decode.shift(now.astype(np.uint8), reference)
    assert (found.across * columns, found.down * rows) == pytest.approx((across, down))
    assert found.confidence > 0.2 or (across, down) == (0, 0)


def test_of_two_scenes_nothing_is_claimed() -> None:
    columns, rows = THUMB
    scenes = [blurred(NOISE.integers(0, 256, (rows, columns)).astype(np.uint8), 2) for _ in range(20)]
    found = [decode.shift(a, b) for a, b in pairwise(scenes)]
    assert max(one.confidence for one in found) < 0.25
    assert max(abs(one.likeness) for one in found) < 0.25


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_key_frame_alone_is_decoded_and_comes_out_as_it_went_in(codec: str) -> None:
    frame: Any = next(islice(pictures("bikes"), 1)).reformat(640, 360, "rgb24").to_ndarray()
    encoder = Encoder(640, 360, "h264" if codec == "h264" else "h265", crf=18)
    for _ in range(2):
        tracks, data = encoder.encode(frame)
        planes = decode.planes(decode.picture(tracks, data, whole=False))
        grey = frame.astype(float) @ (0.299, 0.587, 0.114)
        assert planes.luma.shape == (360, 640)
        assert abs(planes.small.mean() - grey.mean()) < 4, "0 is black and 255 white, whatever the range"
    jpeg = decode.jpeg(decode.picture(tracks, data, whole=True))
    assert (jpeg[:2], jpeg[-2:]) == (b"\xff\xd8", b"\xff\xd9")


@given(st.data())
def test_a_damaged_key_frame_is_unreadable_or_a_picture_and_nothing_else(data: st.DataObject) -> None:
    tracks, coded = CODED
    damaged = bytearray(coded)
    for _ in range(data.draw(st.integers(1, 40))):
        damaged[data.draw(st.integers(0, len(coded) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(1, len(damaged)))])
    try:
        planes = decode.planes(decode.picture(tracks, cut, whole=False))
    except decode.Unreadable:
        return
    assert planes.small.shape == (HIGH, WIDE)


def aac(layout: str, channels: int) -> tuple[bytes, list[bytes]]:
    """Its configuration and some packets."""
    context: Any = av.CodecContext.create("aac", "w")
    context.sample_rate, context.layout, context.format = 48_000, layout, "fltp"
    context.open()
    packets = []
    for number in range(4):
        noise = NOISE.normal(0, 0.1, (channels, 1024)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(noise, "fltp", layout)
        frame.sample_rate, frame.pts = 48_000, number * 1024
        packets += [bytes(packet) for packet in context.encode(frame)]
    return context.extradata, packets


def test_sound_that_changes_its_channels_is_not_heard_and_costs_no_more() -> None:
    config, mono = aac("mono", 1)
    _, stereo = aac("stereo", 2)
    track = SoundTrack(Codec.AAC, 48_000, 1, config)
    assert decode.samples(track, mono).shape[0] == 1
    assert decode.samples(track, mono + stereo).size == 0


def heard(samples: object) -> Heard:
    found = decode.measure_sound(np.atleast_2d(np.asarray(samples, np.float32)), 8000)
    assert found is not None
    return found


def test_the_level_of_sound_is_in_decibels_of_full_scale() -> None:
    tone = np.sin(np.linspace(0, 2000, 8000))
    assert heard(tone).level_db == pytest.approx(-3.0, abs=0.1)
    assert heard(tone / 100).level_db == pytest.approx(-43.0, abs=0.1)
    assert heard(tone / 100 + 0.5).level_db == pytest.approx(-43.0, abs=0.1), "an offset is no sound"
    silent = heard(np.zeros(8000))
    assert (silent.level_db, silent.peak_db, silent.clipped) == (-120, -120, 0)
    assert decode.measure_sound(np.zeros((1, 0), np.float32), 8000) is None


def test_what_is_cut_off_is_counted() -> None:
    tone = np.sin(np.linspace(0, 2000, 8000))
    assert heard(np.clip(tone * 3, -1, 1)).clipped > 0.5
    assert heard(tone * 0.9).clipped == 0
