"""What is asked of the catalog, and how a question about nothing is refused."""

from __future__ import annotations

from typing import Final, cast
from zoneinfo import ZoneInfo

import pytest

from edged.access.callers import Refusal
from edged.api import listings
from edged.words import exit_codes
from storage.retention.plan import Policy
from storage.store.facade import Store
from storage.words.errors import NotOpen

LOBBY_MS: Final = 1_777_593_600_000
OTHER_MS: Final = LOBBY_MS + 1000


class Empty:
    """A store that knows when some segments began and nothing else, and its ring."""

    @property
    def ring(self) -> Empty:
        return self

    def begun(self, _: int) -> dict[str, int]:
        return {"lobby": LOBBY_MS, "gate": LOBBY_MS + 1, "yard": OTHER_MS, "hall": OTHER_MS}

    def explain(self, camera: str, seq: int, _: object) -> None:
        raise NotOpen(f"there is no segment {camera}/{seq}", "list them")


@pytest.mark.parametrize("segment", ["nope/1", "nope", "/srv/edged/nope.mp4"])
def test_a_segment_that_is_not_there_is_wrong_usage_as_is_a_camera(segment: str) -> None:
    with pytest.raises(Refusal, match=segment) as refused:
        listings.explain(cast("Store", Empty()), segment, Policy(), 0, ZoneInfo("Asia/Taipei"))
    assert refused.value.document.exit == exit_codes.USAGE


def named(segment: str) -> tuple[str, int]:
    return listings._named(cast("Store", Empty()), segment)


def test_a_segment_is_named_in_four_ways() -> None:
    name = "20260501T000000.000Z-7.mp4"
    for one in (f"/srv/edged/lobby/2026-05-01/{name}", f"lobby/2026-05-01/{name}", name, "lobby/7"):
        assert named(one) == ("lobby", 7)
    assert named(f"gone/2026-05-01/{name}") == ("gone", 7), "what is destroyed has no row"


@pytest.mark.parametrize(
    ("segment", "said"),
    [
        ("20260501T000009.000Z-7.mp4", "no camera has a 2026"),
        ("20260501T000001.000Z-7.mp4", "several cameras have a 20260501T000001.000Z-7.mp4: yard, hall"),
        ("/root/20260501T000000.000Z-7.mp4", "is no path of a segment"),
        ("/20260501T000000.000Z-7.mp4", "is no path of a segment"),
        ("2026-05-01/20260501T000000.000Z-7.mp4", "is no path of a segment"),
        ("lobby/2026-05-02/20260501T000000.000Z-7.mp4", "is no path of a segment"),
        ("lobby/2026-05-01/20260501T000009.000Z-7.mp4", "is not there: segment 7 of lobby has another name"),
    ],
)
def test_a_name_that_leads_to_no_segment_says_what_may_be_written(segment: str, said: str) -> None:
    with pytest.raises(Refusal, match=said) as refused:
        named(segment)
    assert refused.value.document.exit == exit_codes.USAGE
    assert "CAMERA/DAY/NAME" in refused.value.document.action
