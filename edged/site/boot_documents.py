"""Boots as documents: how long the box was off, on whose word, and what is missing for more. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edged.documents import boots as documents
from storage.ages.credit import WEEK_MS, OffTimeSource
from storage.ages.service import DOUBT_MS
from storage.ages.table import BootRow

TWO_PEOPLE: Final = "two people can attest it: edgectl boots attest {number} --off-for … --reason …"


def document(rows: Sequence[BootRow]) -> documents.Boots:
    """All of them, by number."""
    before: list[BootRow | None] = [None, *rows]
    return documents.Boots(boots=[_boot(row, last) for row, last in zip(rows, before, strict=False)])


def _boot(row: BootRow, before: BootRow | None) -> documents.Boot:
    boot, witness = row.boot, row.witness
    synced_ms = witness.synced_first_ms
    return documents.Boot(
        number=boot.number,
        boot_id=boot.boot_id,
        ran_s=boot.length_ms / 1000,
        drift_s=(boot.pace.lag_us + boot.pace.gain_us) / 1e6,
        off_low_s=boot.off_low_ms / 1000,
        off_high_s=None if boot.off_high_ms is None else boot.off_high_ms / 1000,
        word=row.word.value,
        attested_s=None if row.attested_ms is None else row.attested_ms / 1000,
        synced_after_s=None if synced_ms is None else (synced_ms - witness.began_ms) / 1000,
        rtc=witness.rtc_last_ms is not None,
        missing="" if before is None else missing(row, before),
    )


def missing(row: BootRow, before: BootRow) -> str:
    """Why no more is credited for the time the box was off before this boot; "" where all of it is."""
    low_ms, high_ms, number = row.boot.off_low_ms, row.boot.off_high_ms, row.boot.number
    if high_ms is not None and high_ms - low_ms <= DOUBT_MS:
        return ""
    people = TWO_PEOPLE.format(number=number)
    if row.word is OffTimeSource.PEOPLE:
        return "" if high_ms is None else f"the clocks allow for more than was attested; {people}"
    for one in (before, row):
        if one.witness.synced_first_ms is None:
            return f"in boot {one.boot.number} the wall clock was never known to be synchronised; {people}"
    if low_ms == WEEK_MS:
        return f"clocks prove no more than 7 days; {people}"
    if row.witness.rtc_first_ms is not None and before.witness.rtc_last_ms is not None:
        return f"the hardware clock and the wall clock disagree (a dead battery?); {people}"
    return f"the wall clock was set again while it was called synchronised; {people}"
