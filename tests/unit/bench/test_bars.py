"""The picture of a comparison is SVG that shows each value."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from bench.bars import OURS, Bar, Panel, draw

SVG = "{http://www.w3.org/2000/svg}"


def drawn() -> ET.Element:
    bars = (Bar("edged & co", 2.0, 1.5, 2.5), Bar("ffmpeg", 4.0, 4.0, 4.0))
    return ET.fromstring(  # noqa: S314  (ours)
        draw("<what>", [Panel("left", (("8", bars),)), Panel("right", ())], "edged & co")
    )


def test_each_bar_has_its_name_its_length_and_its_number() -> None:
    picture = drawn()
    texts = [one.text for one in picture.iter(f"{SVG}text")]
    assert texts == ["left", "8", "edged & co", "2.00", "ffmpeg", "4.00", "right"]
    first, second = (float(one.attrib["width"]) for one in picture.iter(f"{SVG}rect"))
    assert second == 2 * first


def test_one_stands_out() -> None:
    assert [one.attrib["fill"] == OURS for one in drawn().iter(f"{SVG}rect")] == [True, False]
