"""A profile and facts to one finding for each clause, and since when each clause stands as it does. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from edged.compliance import rules
from edged.compliance.model import ClauseFinding, ClauseStatus, Facts, Outcome
from edged.overview.model import ComplianceSummary
from edged.profiles.loader import Judgement, Profile, ProfileClause
from storage.register.queries import Kept

JUDGES: Final[Mapping[Judgement, Callable[[ProfileClause, Facts], Outcome]]] = {
    Judgement.FLOOR: rules.floor,
    Judgement.CEILING: rules.ceiling,
    Judgement.COVERAGE: rules.coverage,
    Judgement.STATED: rules.stated,
    Judgement.MODE: rules.mode,
    Judgement.PICTURE: rules.picture,
    Judgement.SOUND: rules.sound,
    Judgement.UNDELETABLE: rules.undeletable,
    Judgement.ASSIGNED: rules.assigned,
    Judgement.APART: rules.apart,
    Judgement.OFFICES: rules.offices,
    Judgement.AUDITOR: rules.auditor,
    Judgement.SEALED: rules.sealed,
    Judgement.RECORDED: rules.recorded,
    Judgement.PINS: rules.pins,
    Judgement.FAULTS: rules.faults,
}
_GRAVITY: Final = (ClauseStatus.NOT_MET, ClauseStatus.BY_HAND, ClauseStatus.MET)
"""The gravest of what a clause is judged by is how it stands."""


def findings(profile: Profile, facts: Facts) -> list[ClauseFinding]:
    """Each clause, in the order of the text."""
    return [_finding(clause, facts) for clause in profile.clauses]


def _finding(clause: ProfileClause, facts: Facts) -> ClauseFinding:
    if not clause.judged:
        return ClauseFinding(clause, ClauseStatus.NOT_BUILT if clause.not_built else ClauseStatus.BY_HAND)
    outcomes = [JUDGES[judgement](clause, facts) for judgement in clause.judged]
    status = next(status for status in _GRAVITY if any(one.status is status for one in outcomes))
    faults = dict.fromkeys(fault for one in outcomes for fault in one.faults)
    told = dict.fromkeys(words for one in outcomes for words in one.evidence)
    return ClauseFinding(clause, status, tuple(faults), tuple(told))


def summary(profile: Profile, found: Iterable[ClauseFinding], kept: Mapping[str, Kept]) -> ComplianceSummary:
    """`kept`: since when each stands as it does."""
    statuses = {one.clause.id: one.status for one in found}
    counts = {status: list(statuses.values()).count(status) for status in ClauseStatus}
    unmet = (clause for clause, status in statuses.items() if status is ClauseStatus.NOT_MET)
    return ComplianceSummary(
        profile.name,
        counts[ClauseStatus.MET],
        counts[ClauseStatus.NOT_MET],
        counts[ClauseStatus.BY_HAND],
        counts[ClauseStatus.NOT_BUILT],
        tuple((clause, kept[clause].since_ms) for clause in unmet if clause in kept),
    )


def advanced(before: Mapping[str, Kept], findings: Iterable[ClauseFinding], now_ms: int) -> dict[str, Kept]:
    """What is kept from now on: of a clause that stands as it stood, since when; of any other, now."""
    after = {}
    for one in findings:
        known = before.get(one.clause.id)
        same = known is not None and known.status == one.status.value
        after[one.clause.id] = known if known is not None and same else Kept(one.status.value, now_ms)
    return after
