"""From tickets to the documents that people and programs get. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from edged.alarms.tickets.judge import MEND_WITHIN_MS, REPORT_WITHIN_MS
from edged.documents import faults as documents
from edged.site.overview import timestamp
from storage.tickets.faults import Aged, ToldStep
from storage.tickets.faults_table import FaultState, FaultStep


def fault(one: Aged, standing: Mapping[str, str]) -> documents.Fault:
    """`standing`: things of which an alarm stands, with its key."""
    ticket, since = one.ticket, one.since_ms

    def when(step: FaultStep) -> str | None:
        at = ticket.moments.get(step)
        return None if at is None else timestamp(at.wall_ms)

    closed_ms = since.get(FaultStep.CHECKED, 0) if not ticket.is_open else 0
    repaired_ms = since.get(FaultStep.REPAIRED)
    return documents.Fault(
        id=ticket.id,
        state=ticket.state.value,
        key=ticket.key,
        alarms=list(ticket.keys),
        camera=ticket.camera,
        volume=ticket.volume,
        stands=standing.get(ticket.thing) if ticket.is_open else None,
        over=ticket.over,
        found=timestamp(ticket.found.wall_ms),
        reported=when(FaultStep.REPORTED),
        repaired=when(FaultStep.REPAIRED),
        checked=when(FaultStep.CHECKED) if not ticket.is_open else None,
        age_s=max(0, one.age_ms - closed_ms) / 1000,
        repair_s=None if repaired_ms is None else max(0, one.age_ms - repaired_ms) / 1000,
        late=_late(one),
    )


def _late(one: Aged) -> Literal["unreported", "overdue"] | None:
    """As the alarms have it (`edged.alarms.conditions.faults`)."""
    if one.ticket.over:
        return None
    if one.ticket.state is FaultState.FOUND and one.age_ms > REPORT_WITHIN_MS:
        return "unreported"
    if one.ticket.state is FaultState.REPORTED and one.age_ms > MEND_WITHIN_MS:
        return "overdue"
    return None


def shown(one: Aged, told: list[ToldStep], standing: Mapping[str, str]) -> documents.FaultsShow:
    """With all that befell it. What another version wrote is left out."""
    known = {step.value for step in FaultStep}
    return documents.FaultsShow(
        fault=fault(one, standing), steps=[_step(leaf) for leaf in told if leaf.body.get("what") in known]
    )


def _step(leaf: ToldStep) -> documents.FaultStep:
    step, words = FaultStep(leaf.body["what"]), leaf.words
    of_alarm = step in (FaultStep.FOUND, FaultStep.AGAIN, FaultStep.JOINED)
    return documents.FaultStep(
        step=step.value,
        at=timestamp(leaf.wall_ms),
        key=str(leaf.body.get("key", "")) if of_alarm else "",
        by=words.get("who", ""),
        to=words.get("to", ""),
        reference=words.get("reference", ""),
        repairer=words.get("repairer", ""),
        note=words.get("note", ""),
        leaf=leaf.leaf,
    )
