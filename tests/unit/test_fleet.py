"""A reload touches only the cameras that changed: the decision is a pure difference of settings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edged.fleet import difference, sync_ms
from recorder.camera import CameraSettings

IDS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["rtsp://x/1", "rtsp://x/2"]))


def settings(urls: dict[str, str]) -> dict[str, CameraSettings]:
    return {
        name: CameraSettings(id=name, url=url, username="", password="", segment_ms=300_000, sync_ms=500)
        for name, url in urls.items()
    }


@given(IDS, IDS)
def test_each_camera_is_in_one_part_and_only_the_same_stay(before: dict[str, str], after: dict[str, str]) -> None:
    found = difference(settings(before), settings(after))
    parts = [*found.added, *found.removed, *found.changed, *found.unchanged]
    assert sorted(parts) == sorted(before.keys() | after.keys())
    assert set(found.unchanged) == {name for name in before if after.get(name) == before[name]}


def test_syncs_leave_room_for_a_slow_disk_within_max_loss() -> None:
    assert sync_ms(2000) == 500
