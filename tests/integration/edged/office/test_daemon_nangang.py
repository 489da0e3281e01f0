"""Stories at a running daemon of nangang-school: one of every row."""

from __future__ import annotations

from typing import Final

import pytest

from tests.integration.edged.office.storied import AS_PEOPLE, StoriedBox, check_silence, rows, tell

PROFILE: Final = "nangang-school"
pytestmark = AS_PEOPLE


@pytest.mark.parametrize("row", rows(PROFILE))
async def test_a_row_from_receipt_to_close(box: StoriedBox, row: str) -> None:
    await tell(box, row)


async def test_nothing_of_persons_is_told_outside_the_office(box: StoriedBox) -> None:
    await check_silence(box)
