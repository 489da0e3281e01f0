"""What is asked of the catalog, and how a question about nothing is refused."""

from __future__ import annotations

from typing import cast
from zoneinfo import ZoneInfo

import pytest

from edged import exits, queries
from edged.api.base import Refusal
from storage.errors import NotOpen
from storage.retention import Policy
from storage.store import Store


class Empty:
    """A store without a segment, and its ring."""

    @property
    def ring(self) -> Empty:
        return self

    def explain(self, camera: str, seq: int, _: object) -> None:
        raise NotOpen(f"there is no segment {camera}/{seq}", "list them")


@pytest.mark.parametrize("segment", ["nope/1", "nope", "/srv/edged/nope.mp4"])
def test_a_segment_that_is_not_there_is_wrong_usage_as_is_a_camera(segment: str) -> None:
    with pytest.raises(Refusal, match=segment) as refused:
        queries.explain(cast("Store", Empty()), segment, Policy(), 0, ZoneInfo("Asia/Taipei"))
    assert refused.value.document.exit == exits.USAGE
