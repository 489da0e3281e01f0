"""A camera that was turned far right after its reference was set is found, on real footage with people in it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pytest

from edged.health import judge
from edged.health.faults import MediaFault
from edged.health.judge import Look, Memory
from recorder.decoder import decode
from tests.support.footage import Footage, pictures
from tests.support.keyframes import Encoder

WIDE, HIGH = 427, 240
"""A third more than the window, which shows three quarters of its width and height."""
WINDOW: Final = (320, 180)
EVERY_MS: Final = 10_000


def shown(frame: Any, at: tuple[int, int], chance: np.random.Generator) -> Any:
    """The window at a place; up to four people in it, an eighth of it each; a sensor's noise."""
    (width, height), (left, top) = WINDOW, at
    view = frame[top : top + height, left : left + width].astype(np.float32)
    for _ in range(int(chance.integers(0, 5))):
        stands, tone = int(chance.integers(width - width // 8)), chance.integers(20, 200, 3)
        stripes = 25 * np.sin(np.arange(height - height // 4) / 5)
        view[height // 4 :, stands : stands + width // 8] = tone + stripes[:, None, None]
    grain = chance.standard_normal(view.shape[:2], np.float32)[..., None] * 2
    return np.clip(view + grain + 0.5, 0, 255).astype(np.uint8)


def looks_until_moved(
    footage: Footage, before: tuple[int, int], after: tuple[int, int], seed: int, most: int
) -> int | None:
    frame: Any = next(pictures(footage)).reformat(WIDE, HIGH, "rgb24").to_ndarray()
    chance, encoder, memory, reference = np.random.default_rng(seed), Encoder(*WINDOW), Memory(), None
    for number in range(most + 1):
        tracks, data = encoder.encode(shown(frame, after if number else before, chance))
        planes = decode.planes(decode.picture(tracks, data, whole=False))
        if reference is None:
            reference = decode.thumbnail(planes.small)
        measured = decode.measure_picture(planes.luma, planes.small, (planes.blue, planes.red), reference)
        memory, judged = judge.step(memory, Look(number * EVERY_MS, number * EVERY_MS, measured, None))
        if MediaFault.MOVED in {finding.fault for finding in judged.findings}:
            return number
    return None


FAR: Final = [
    ("bikes", (0, 0), (80, 0), 5),
    ("bigbuckbunny", (0, 0), (80, 45), 0),
    ("bigbuckbunny", (107, 0), (0, 60), 0),
    ("bigbuckbunny", (107, 0), (0, 60), 4),
]


@pytest.mark.parametrize(("footage", "before", "after", "seed"), FAR)
def test_a_view_that_was_turned_far_is_found(
    footage: Footage, before: tuple[int, int], after: tuple[int, int], seed: int
) -> None:
    found = looks_until_moved(footage, before, after, seed, 18)
    assert found is not None
    assert found <= 6


@pytest.mark.parametrize(("footage", "before", "seed"), sorted({(one[0], one[1], one[3]) for one in FAR}))
def test_a_view_in_its_place_is_not_moved_whoever_walks_past(
    footage: Footage, before: tuple[int, int], seed: int
) -> None:
    assert looks_until_moved(footage, before, before, seed, 40) is None
