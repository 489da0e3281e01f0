"""Why there is no picture of a camera: in the words of the status, if it is down."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

import pytest

from edged.api.pictures import down
from edged.health.stream import CameraState, Condition
from edged.health.watch import WORDS
from edged.overview import CameraHealth
from recorder.decoder.messages import UnseenReason
from storage.words.message import Message

ZONE: Final = ZoneInfo("Asia/Taipei")
SINCE_MS: Final = 1_777_593_600_000


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (CameraState.DOWN, "it is down since 2026-05-01 08:00: connection refused. Check its plug"),
        (CameraState.DEGRADED, ""),
        (CameraState.RECORDING, ""),
    ],
)
def test_a_camera_that_is_down_is_told_as_the_status_does(state: CameraState, said: str) -> None:
    condition = Condition(state, Message("connection refused"), Message("its plug"))
    assert down(CameraHealth(condition, None, SINCE_MS), ZONE) == said


def test_every_look_that_comes_to_nothing_has_words_and_only_one_says_that_it_waited() -> None:
    assert set(WORDS) == set(UnseenReason)
    assert [why for why in UnseenReason if "within 20 s" in WORDS[why]] == [UnseenReason.NO_PICTURE]
