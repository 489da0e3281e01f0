"""recorder.worker.test_pattern, its options, and the letters of its clock."""

from __future__ import annotations

import itertools
import threading
from typing import Final

import numpy as np
import pytest

from recorder.decoder.decode import prints
from recorder.words.stream import Item, SenderReport, Unit
from recorder.worker.test_pattern import (
    GLYPH_HEIGHT,
    GLYPH_WIDTH,
    Pattern,
    PatternError,
    PatternSource,
    _Encoder,
    draw,
    render,
)

NOON_NS: Final = 1_790_000_000_000_000_000


def test_without_options() -> None:
    assert Pattern.parse("test://") == Pattern(1280, 720, 25, "h264", 2.0, sound=True)


def test_all_options() -> None:
    url = "test://?size=640x360&fps=10&codec=h265&gop=0.5&audio=0"
    assert Pattern.parse(url) == Pattern(640, 360, 10, "h265", 0.5, sound=False)
    assert Pattern.parse("test://hall?audio=aac").sound


@pytest.mark.parametrize(
    "query",
    [
        "size=720p",
        "size=641x360",
        "size=32x32",
        "size=9999x9999",
        "fps=0",
        "fps=61",
        "fps=12.5",
        "fps=",
        "codec=mjpeg",
        "gop=0",
        "gop=31",
        "gop=two",
        "audio=maybe",
        "colour=red",
    ],
)
def test_a_wrong_option_is_named_with_what_to_write(query: str) -> None:
    with pytest.raises(PatternError) as caught:
        Pattern.parse(f"test://?{query}")
    assert str(caught.value).startswith(query.partition("=")[0])


@pytest.mark.parametrize(("codec", "name"), [("h264", "h264"), ("h265", "hevc")])
def test_it_plays_as_a_camera_does_until_it_is_closed(codec: str, name: str) -> None:
    source = PatternSource(Pattern(64, 64, 60, codec, 0.04))
    items: list[Item] = []
    pictures: list[Unit] = []
    while len(pictures) < 4:
        assert source.take(items), "it was all that had come"
        pictures = [item for item in items if isinstance(item, Unit) and item.video]
    source.close()
    assert "test-pattern" not in {thread.name for thread in threading.enumerate()}
    assert [unit.pts for unit in pictures[:4]] == [0, 1500, 3000, 4500]
    assert pictures[0].key
    assert pictures[0].parameters == source.video.parameters
    assert (source.video.codec, source.video.parameters.width) == (name, 64)
    assert all(int.from_bytes(unit.data[:4], "big") < len(unit.data) for unit in pictures)
    assert source.sound is not None
    assert source.sound.config
    assert next(item.at for item in items if isinstance(item, SenderReport)) == 0


@pytest.mark.parametrize("size", [(160, 120), (640, 480)])
def test_a_look_at_it_is_never_as_the_one_before(size: tuple[int, int]) -> None:
    """Or edged would call it frozen, as it would a camera that repeats its pictures."""
    width, height = size
    encoder = _Encoder(Pattern(width, height, 5, sound=False))
    looks = [prints(encoder._draw(50 * look, NOON_NS + 10 * look * 10**9)[:height]) for look in range(37)]
    for before, now in itertools.pairwise(looks):
        assert sum(a == b for a, b in zip(before, now, strict=True) if a and b) <= 1


def test_letters_differ_and_keep_their_size() -> None:
    letters = [render(letter, 1) for letter in "0123456789-:. UTC"]
    assert all(letter.shape == (GLYPH_HEIGHT, GLYPH_WIDTH) for letter in letters)
    assert len({letter.tobytes() for letter in letters}) == len(letters)


def test_text_stays_within_the_smallest_picture() -> None:
    luma = np.full((64, 64), 100, np.uint8)
    draw(luma, "2025-11-21 07:16:05.1 UTC", top=40, light=235, dark=16)
    assert {16, 100, 235} == set(np.unique(luma).tolist())


def test_text_fills_most_of_a_wide_picture() -> None:
    luma = np.zeros((720, 1280), np.uint8)
    draw(luma, "2025-11-21 07:16:05.1 UTC", top=240, light=235, dark=16)
    columns = np.flatnonzero((luma == 235).any(axis=0))
    assert columns.max() - columns.min() > 1280 * 0.6
