"""Names of segments: they sort, they come back, and no clock and no camera id gets out of its directory."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.words.layout import (
    aside_path,
    final_name,
    from_words,
    in_words,
    is_aside,
    is_camera,
    parse_segment_name,
    part_path,
    segment_path,
)

LAST_MS = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()) * 1000 + 999


def test_a_segment_is_called_after_its_camera_its_day_and_its_start() -> None:
    start = int(datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC).timestamp()) * 1000 + 7
    path = segment_path("lobby", start, 812)
    assert path == PurePosixPath("lobby/2024-02-29/20240229T235959.007Z-812.mp4")
    assert part_path(path) == PurePosixPath("lobby/2024-02-29/20240229T235959.007Z-812.mp4.part")


@given(st.integers(0, LAST_MS), st.integers(0, (1 << 53) - 1))
def test_names_come_back_as_what_they_were_made_from(start_wall_ms: int, seq: int) -> None:
    path = segment_path("lobby", start_wall_ms, seq)
    assert parse_segment_name(path.name) == (start_wall_ms, seq)
    assert parse_segment_name(part_path(path).name) == (start_wall_ms, seq)
    assert final_name(part_path(path).name) == path.name == final_name(path.name)


@pytest.mark.parametrize("seq", [1 << 53, (1 << 63) - 1, 9_999_999_999_999_999_999])
def test_a_number_that_no_column_holds_is_no_segments(seq: int) -> None:
    assert parse_segment_name(f"20260225T061320.000Z-{seq}.mp4") is None
    with pytest.raises(ValueError, match="counts"):
        segment_path("lobby", 0, seq)


@pytest.mark.parametrize("name", ["", ".", "..", ".pins", "a/b", "a\0b", "x" * 129, "\udcff", "大" * 43])
def test_what_names_no_camera(name: str) -> None:
    assert not is_camera(name)


def test_what_is_set_aside_is_known_by_its_name() -> None:
    path = segment_path("lobby", 0, 1)
    assert is_aside(aside_path(path))
    assert aside_path(part_path(path)) == aside_path(path)
    strange = [path, PurePosixPath("../x", aside_path(path).name), PurePosixPath("/etc", aside_path(path).name)]
    strange += [aside_path(path.with_name("x.mp4")), PurePosixPath("lobby", aside_path(path).name)]
    assert not any(is_aside(name) for name in strange)


@given(st.lists(st.binary(min_size=1, max_size=9).filter(lambda name: not {0, 0x2F} & set(name)), min_size=1))
def test_any_name_in_words(names: list[bytes]) -> None:
    path = PurePosixPath(*map(os.fsdecode, names))
    in_words(path).encode()
    assert from_words(in_words(path)) == path


@given(st.integers(0, LAST_MS), st.integers(0, LAST_MS))
def test_names_sort_as_their_times_do(one: int, other: int) -> None:
    names = [segment_path("lobby", at, 1).name for at in (one, other)]
    assert (names[0] < names[1]) == (one < other)


@pytest.mark.parametrize("wall_ms", [-1, -(10**15), LAST_MS + 1, 10**18])
def test_a_clock_that_is_out_of_its_mind_stops_no_recording(wall_ms: int) -> None:
    """S7: two such segments still have two names."""
    assert segment_path("lobby", wall_ms, 1) != segment_path("lobby", wall_ms, 2)
    assert parse_segment_name(segment_path("lobby", wall_ms, 2).name) is not None


@pytest.mark.parametrize("camera", ["", ".", "..", ".pins", ".ledger", "a/b", "/etc", "a\0b", "x" * 129])
def test_a_camera_id_that_is_no_directory_of_its_own_is_refused(camera: str) -> None:
    with pytest.raises(ValueError, match="camera id"):
        segment_path(camera, 0, 1)


def test_a_negative_sequence_number_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        segment_path("lobby", 0, -1)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "index.html",
        "20240229T235959.007Z-812.mp4.part.part",
        "20240229T235959.007Z-812.mov",
        "20240229T235959.007Z-0812.mp4",
        "20240229T235959.007Z--1.mp4",
        "20240229T235959Z-812.mp4",
        "20230229T235959.007Z-812.mp4",
        "20240229T245959.007Z-812.mp4",
        "00000229T235959.007Z-812.mp4",
        "19691231T235959.999Z-1.mp4",
        "２0240229T235959.007Z-812.mp4",
        "20240229T235959.007Z-812.mp4\n",
        "20240229T235959.007Z-" + "9" * 40 + ".mp4",
    ],
)
def test_what_we_cannot_have_named_is_not_ours(name: str) -> None:
    assert parse_segment_name(name) is None


@given(st.text(alphabet="0123456789TZ.-mp4art", max_size=40))
def test_a_name_that_parses_is_the_very_name_we_would_give(name: str) -> None:
    parsed = parse_segment_name(name)
    if parsed is not None:
        assert segment_path("lobby", *parsed).name == final_name(name)
