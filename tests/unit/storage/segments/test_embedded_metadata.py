"""A segment's story reads back as it was told, and nothing else is one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

import pytest

from storage.segments.mp4 import MAX_BYTES, EmbeddedMetadata, parse_metadata
from storage.words.model import Bounds, Moment

STORY: Final = EmbeddedMetadata(
    "lobby", 7, Moment(1_772_000_000_000, 20_000), "boot", 1, True, Bounds(60, 300), 6, "ab", -3_200
)


@pytest.mark.parametrize("offset_ms", [None, 0, -1_772_000_000_000, 3_600_000])
def test_a_story_reads_back(offset_ms: int | None) -> None:
    story = replace(STORY, camera_offset_ms=offset_ms)
    assert parse_metadata(story.to_json()) == story


def test_files_of_the_first_version_tell_no_clock_of_the_camera() -> None:
    fields = json.loads(STORY.to_json())
    del fields["camera_offset_ms"]
    assert parse_metadata(json.dumps(fields)) == replace(STORY, camera_offset_ms=None)


@pytest.mark.parametrize(
    "change",
    [
        {"edged": 2},
        {"seq": -1},
        {"seq": True},
        {"seq": 1 << 63},
        {"camera": 7},
        {"camera_offset_ms": "1"},
        {"camera_offset_ms": True},
        {"camera_offset_ms": 1 << 63},
        {"floor_s": 301},
        {"camera": "x" * MAX_BYTES},
    ],
)
def test_what_nobody_can_have_written_is_no_story(change: dict[str, object]) -> None:
    assert parse_metadata(json.dumps(json.loads(STORY.to_json()) | change)) is None
