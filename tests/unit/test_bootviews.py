"""What people are told of boots: on whose word, what is missing, and when it is an alarm."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final, cast

import pytest

from edged.alarms.conditions import time
from edged.alarms.tracking import Trouble
from edged.site import boot_documents
from storage.ages.credit import WEEK_MS, Witness
from storage.ages.history import Boot
from storage.ages.service import BootRow, Doubt, Word, doubts

HOUR: Final = 3_600_000
SYNCED: Final = Witness(0, 100, 0, 0, 50, 100, 0, 0)
NEVER: Final = Witness(0, 100, 0, 0)
WITH_RTC: Final = Witness(0, 100, 0, 0, 50, 100, 0, 0, 0, 0)


def row(
    number: int, low_ms: int, high_ms: int | None, word: Word, witness: Witness = SYNCED, attested: int | None = None
) -> BootRow:
    return BootRow(Boot(number, f"b{number}", 100, low_ms, high_ms), word, witness, attested)


@pytest.mark.parametrize(
    ("this", "before", "said"),
    [
        (row(2, 5 * HOUR, 5 * HOUR + 2000, Word.SYNC), SYNCED, ""),
        (row(2, 0, 10 * 60_000, Word.NOBODY, NEVER), SYNCED, ""),
        (row(2, 0, None, Word.NOBODY, NEVER), SYNCED, "in boot 2"),
        (row(2, 0, None, Word.NOBODY), NEVER, "in boot 1"),
        (row(2, WEEK_MS, 9 * WEEK_MS, Word.SYNC), SYNCED, "no more than 7 days"),
        (row(2, HOUR, 9 * HOUR, Word.SYNC_AND_RTC, WITH_RTC), WITH_RTC, "battery"),
        (row(2, HOUR, 9 * HOUR, Word.SYNC), SYNCED, "set again"),
        (row(2, WEEK_MS, None, Word.PEOPLE, attested=WEEK_MS), NEVER, ""),
        (row(2, HOUR, 9 * HOUR, Word.PEOPLE, attested=HOUR), NEVER, "allow for more"),
    ],
)
def test_what_is_missing_is_said_with_the_way_out(this: BootRow, before: Witness, said: str) -> None:
    found = boot_documents.missing(this, row(1, 0, None, Word.NOBODY, before))
    assert (found == "") == (said == "")
    assert said in found
    assert not found or "edgectl boots attest 2" in found


def test_the_first_boot_lacks_nothing() -> None:
    first, second = boot_documents.document([row(1, 0, None, Word.NOBODY, NEVER), row(2, 0, None, Word.NOBODY)]).boots
    assert first.missing == ""
    assert second.missing
    assert (first.synced_after_s, second.synced_after_s) == (None, 0.05)


def test_doubts_are_what_a_ceiling_may_not_wait_for() -> None:
    rows = [
        row(1, 0, None, Word.NOBODY),
        row(2, 0, None, Word.NOBODY),
        row(3, 0, HOUR, Word.NOBODY),
        row(4, 0, HOUR + 1, Word.NOBODY),
        row(5, HOUR, None, Word.PEOPLE, attested=HOUR),
        row(6, WEEK_MS, WEEK_MS + 2 * HOUR, Word.SYNC),
    ]
    assert list(doubts(rows)) == [Doubt(2, False), Doubt(4, True), Doubt(6, True)]


def alarms(oldest: int | None, *doubted: Doubt, unproven: bool) -> dict[str, Trouble]:
    footage = {} if oldest is None else {"lobby": SimpleNamespace(boot=oldest)}
    measured = SimpleNamespace(oldest=footage, doubts=doubted)
    return dict(time.troubles(cast("Any", SimpleNamespace(measured=measured, ceiling_unproven=unproven))))


def test_an_unproven_ceiling_names_the_boot_and_what_to_type() -> None:
    found = alarms(1, Doubt(2, True), Doubt(5, True), unproven=True)
    assert list(found) == ["retention.ceiling-unproven"]
    trouble = found["retention.ceiling-unproven"]
    assert "boot 2, 5" in trouble.text
    assert "edgectl boots attest 5 --off-for" in trouble.action


@pytest.mark.parametrize(
    ("oldest", "doubt", "unproven", "told"),
    [
        (1, Doubt(2, True), True, True),
        (1, Doubt(2, True), False, False),
        (1, Doubt(2, False), True, True),
        (1, Doubt(2, False), False, False),
        (2, Doubt(2, False), True, False),
        (None, Doubt(2, False), True, False),
    ],
)
def test_it_is_told_where_footage_is_concerned(oldest: int | None, doubt: Doubt, unproven: bool, told: bool) -> None:
    assert bool(alarms(oldest, doubt, unproven=unproven)) == told


def test_what_no_clock_bounds_is_asked_for_first() -> None:
    found = alarms(1, Doubt(2, False), Doubt(5, True), unproven=True)
    assert "boot 2 " in found["retention.ceiling-unproven"].text + " "
    assert "edgectl boots attest 2 --off-for" in found["retention.ceiling-unproven"].action


def test_a_row_of_outages_is_one_text_of_bounded_length() -> None:
    found = alarms(1, *(Doubt(number, True) for number in range(2, 400)), unproven=True)
    assert len(found["retention.ceiling-unproven"].text) < 300
