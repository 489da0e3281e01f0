"""Stories at a running daemon of wenshan-household: one of every row, and a look that needs no request."""

from __future__ import annotations

from typing import Final

import pytest

from tests.integration.edged.office.storied import (
    AS_PEOPLE,
    CAMERA,
    StoriedBox,
    check_silence,
    directory,
    played_by_the_clerk_alone,
    recorded,
    rows,
    tell,
)
from tests.support.office_story import CLERK

PROFILE: Final = "wenshan-household"
pytestmark = AS_PEOPLE


@pytest.mark.parametrize("row", rows(PROFILE))
async def test_a_row_from_receipt_to_close(box: StoriedBox, row: str) -> None:
    await tell(box, row)


async def test_a_look_for_maintenance(box: StoriedBox) -> None:
    look = {"purpose": "maintenance", "cameras": [CAMERA], **await recorded(box)}
    shown = await box.done(CLERK, "POST", "/v1/look", look)
    place = directory(box, "look-1")
    assert shown["directory"] == str(place)
    assert [*played_by_the_clerk_alone(box, place, shown["files"])]
    await box.done(CLERK, "POST", "/v1/look", {**look, "over": True})
    assert not place.exists()


async def test_nothing_of_persons_is_told_outside_the_office(box: StoriedBox) -> None:
    await check_silence(box)
