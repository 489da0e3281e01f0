"""Copies of a request as documents: what became of each."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from edged.api.request_documents import copies_of
from edged.office.request import Receipt, Take
from edged.profiles.procedures import Use
from tests.support.paper_cases import COPY, LOBBY, ROWS, PaperStory

ZONE: Final = ZoneInfo("Asia/Taipei")


def test_a_receipt_that_names_no_copy_is_of_the_first_one_and_of_the_day_of_its_entry() -> None:
    """As the version before wrote it: without that the copy could never be entered as given back."""
    of, row = next(one for one in ROWS if Use.COPY in one[1].may)
    told = PaperStory.of(of, row, {}).signed().decide().copied().do(Receipt(), Take(Use.COPY, (LOBBY,), "E-2"))
    case = told.paper().case
    first, second = copies_of(case, told.words, ZONE, private=False)
    assert (first.id, second.id, second.receipt) == (COPY, "E-2", None)
    assert first.receipt is not None
    entered = next(one for one in case.acts if isinstance(one.act, Receipt))
    assert first.receipt.day == str(told.paper().clock(entered.at.wall_ms).date())
