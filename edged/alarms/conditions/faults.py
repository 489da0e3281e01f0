"""Faults that nobody sees to (J2, P10): not reported within a day, not repaired within two weeks. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edged.alarms.tickets.judge import MEND_WITHIN_MS, REPORT_WITHIN_MS
from edged.overview.model import Overview, Trouble
from storage.words.results import OpenFault, Severity

NAMED: Final = 8
"""More in one sentence nobody reads; `edgectl faults` has them all."""


def troubles(seen: Overview) -> Iterator[tuple[str, Trouble]]:
    """One alarm for all of each kind. What the box sees no more waits in silence for a person to close it."""
    standing = [one for one in seen.measured.faults if not one.over and one.repaired_ms is None]
    unreported = [one for one in standing if one.reported_ms is None and one.age_ms > REPORT_WITHIN_MS]
    overdue = [one for one in standing if one.reported_ms is not None and one.age_ms > MEND_WITHIN_MS]
    if unreported:
        text = f"Faults were found more than a day ago, and nobody has reported them: {_named(unreported)}"
        action = "Report them to whoever repairs them: edgectl faults report ID --to WHOM"
        yield "fault.unreported", Trouble(Severity.WARNING, text, action)
    if overdue:
        text = f"Faults were found more than two weeks ago, and nobody has repaired them: {_named(overdue)}"
        yield "fault.overdue", Trouble(Severity.WARNING, text, "Ask where they were reported: edgectl faults")


def _named(faults: list[OpenFault]) -> str:
    names = sorted(one.id for one in faults)
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
