"""What people are told of boots: on whose word, what is missing, and when it is an alarm."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final, cast

import pytest

from edged.alarms import conditions
from edged.overview import AlarmCondition
from edged.site import documents as site_documents
from storage.ages.history import WEEK_MS, CountedBoot, OffTimeSource, OffTimeWitness
from storage.ages.service import OffTimeDoubt, doubts
from storage.ages.table import BootRow

HOUR: Final = 3_600_000
SYNCED: Final = OffTimeWitness(0, 100, 0, 0, 50, 100, 0, 0)
NEVER: Final = OffTimeWitness(0, 100, 0, 0)
WITH_RTC: Final = OffTimeWitness(0, 100, 0, 0, 50, 100, 0, 0, 0, 0)


def row(
    number: int,
    low_ms: int,
    high_ms: int | None,
    word: OffTimeSource,
    witness: OffTimeWitness = SYNCED,
    attested: int | None = None,
) -> BootRow:
    return BootRow(CountedBoot(number, f"b{number}", 100, low_ms, high_ms), word, witness, attested)


@pytest.mark.parametrize(
    ("this", "before", "said"),
    [
        (row(2, 5 * HOUR, 5 * HOUR + 2000, OffTimeSource.SYNC), SYNCED, ""),
        (row(2, 0, 10 * 60_000, OffTimeSource.NOBODY, NEVER), SYNCED, ""),
        (row(2, 0, None, OffTimeSource.NOBODY, NEVER), SYNCED, "in boot 2"),
        (row(2, 0, None, OffTimeSource.NOBODY), NEVER, "in boot 1"),
        (row(2, WEEK_MS, 9 * WEEK_MS, OffTimeSource.SYNC), SYNCED, "no more than 7 days"),
        (row(2, HOUR, 9 * HOUR, OffTimeSource.SYNC_AND_RTC, WITH_RTC), WITH_RTC, "battery"),
        (row(2, HOUR, 9 * HOUR, OffTimeSource.SYNC), SYNCED, "set again"),
        (row(2, WEEK_MS, None, OffTimeSource.PEOPLE, attested=WEEK_MS), NEVER, ""),
        (row(2, HOUR, 9 * HOUR, OffTimeSource.PEOPLE, attested=HOUR), NEVER, "allow for more"),
    ],
)
def test_what_is_missing_is_said_with_the_way_out(this: BootRow, before: OffTimeWitness, said: str) -> None:
    found = site_documents.missing_credit(this, row(1, 0, None, OffTimeSource.NOBODY, before))
    assert (found == "") == (said == "")
    assert said in found
    assert not found or "edgectl boots attest 2" in found


def test_the_first_boot_lacks_nothing() -> None:
    first, second = site_documents.boots(
        [row(1, 0, None, OffTimeSource.NOBODY, NEVER), row(2, 0, None, OffTimeSource.NOBODY)]
    ).boots
    assert first.missing == ""
    assert second.missing
    assert (first.synced_after_s, second.synced_after_s) == (None, 0.05)


def test_doubts_are_what_a_ceiling_may_not_wait_for() -> None:
    rows = [
        row(1, 0, None, OffTimeSource.NOBODY),
        row(2, 0, None, OffTimeSource.NOBODY),
        row(3, 0, HOUR, OffTimeSource.NOBODY),
        row(4, 0, HOUR + 1, OffTimeSource.NOBODY),
        row(5, HOUR, None, OffTimeSource.PEOPLE, attested=HOUR),
        row(6, WEEK_MS, WEEK_MS + 2 * HOUR, OffTimeSource.SYNC),
    ]
    assert list(doubts(rows)) == [OffTimeDoubt(2, False), OffTimeDoubt(4, True), OffTimeDoubt(6, True)]


def alarms(oldest: int | None, *doubted: OffTimeDoubt, unproven: bool) -> dict[str, AlarmCondition]:
    footage = {} if oldest is None else {"lobby": SimpleNamespace(boot=oldest)}
    measured = SimpleNamespace(oldest=footage, doubts=doubted)
    return dict(
        conditions.unproven_ceiling_troubles(cast("Any", SimpleNamespace(measured=measured, ceiling_unproven=unproven)))
    )


def test_an_unproven_ceiling_names_the_boot_and_what_to_type() -> None:
    found = alarms(1, OffTimeDoubt(2, True), OffTimeDoubt(5, True), unproven=True)
    assert list(found) == ["retention.ceiling-unproven"]
    trouble = found["retention.ceiling-unproven"]
    assert "boot 2, 5" in trouble.text
    assert "edgectl boots attest 5 --off-for" in trouble.action


@pytest.mark.parametrize(
    ("oldest", "doubt", "unproven", "told"),
    [
        (1, OffTimeDoubt(2, True), True, True),
        (1, OffTimeDoubt(2, True), False, False),
        (1, OffTimeDoubt(2, False), True, True),
        (1, OffTimeDoubt(2, False), False, False),
        (2, OffTimeDoubt(2, False), True, False),
        (None, OffTimeDoubt(2, False), True, False),
    ],
)
def test_it_is_told_where_footage_is_concerned(
    oldest: int | None, doubt: OffTimeDoubt, unproven: bool, told: bool
) -> None:
    assert bool(alarms(oldest, doubt, unproven=unproven)) == told


def test_what_no_clock_bounds_is_asked_for_first() -> None:
    found = alarms(1, OffTimeDoubt(2, False), OffTimeDoubt(5, True), unproven=True)
    assert "boot 2 " in found["retention.ceiling-unproven"].text + " "
    assert "edgectl boots attest 2 --off-for" in found["retention.ceiling-unproven"].action


def test_a_row_of_outages_is_one_text_of_bounded_length() -> None:
    found = alarms(1, *(OffTimeDoubt(number, True) for number in range(2, 400)), unproven=True)
    assert len(found["retention.ceiling-unproven"].text) < 300
