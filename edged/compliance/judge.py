"""A profile and facts to one finding for each clause. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from edged.compliance import evidence, people, retention, streams
from edged.compliance.model import Facts, Finding, Outcome, Status
from edged.compliance.summary import Summary
from edged.profiles.loader import Clause, Judgement, Profile
from storage.register.queries import Kept

JUDGES: Final[Mapping[Judgement, Callable[[Clause, Facts], Outcome]]] = {
    Judgement.FLOOR: retention.floor,
    Judgement.CEILING: retention.ceiling,
    Judgement.COVERAGE: retention.coverage,
    Judgement.STATED: retention.stated,
    Judgement.MODE: streams.mode,
    Judgement.PICTURE: streams.picture,
    Judgement.SOUND: streams.sound,
    Judgement.UNDELETABLE: people.undeletable,
    Judgement.ASSIGNED: people.assigned,
    Judgement.APART: people.apart,
    Judgement.OFFICES: people.offices,
    Judgement.AUDITOR: people.auditor,
    Judgement.SEALED: people.sealed,
    Judgement.RECORDED: people.recorded,
    Judgement.PINS: evidence.pins,
    Judgement.FAULTS: evidence.faults,
}
_GRAVITY: Final = (Status.NOT_MET, Status.BY_HAND, Status.MET)
"""The gravest of what a clause is judged by is how it stands."""


def findings(profile: Profile, facts: Facts) -> list[Finding]:
    """Each clause, in the order of the text."""
    return [_finding(clause, facts) for clause in profile.clauses]


def _finding(clause: Clause, facts: Facts) -> Finding:
    if not clause.judged:
        return Finding(clause, Status.NOT_BUILT if clause.not_built else Status.BY_HAND)
    outcomes = [JUDGES[judgement](clause, facts) for judgement in clause.judged]
    status = next(status for status in _GRAVITY if any(one.status is status for one in outcomes))
    faults = dict.fromkeys(fault for one in outcomes for fault in one.faults)
    told = dict.fromkeys(words for one in outcomes for words in one.evidence)
    return Finding(clause, status, tuple(faults), tuple(told))


def summary(profile: Profile, found: Iterable[Finding], kept: Mapping[str, Kept]) -> Summary:
    """`kept`: since when each stands as it does."""
    statuses = {one.clause.id: one.status for one in found}
    counts = {status: list(statuses.values()).count(status) for status in Status}
    unmet = (clause for clause, status in statuses.items() if status is Status.NOT_MET)
    return Summary(
        profile.name,
        counts[Status.MET],
        counts[Status.NOT_MET],
        counts[Status.BY_HAND],
        counts[Status.NOT_BUILT],
        tuple((clause, kept[clause].since_ms) for clause in unmet if clause in kept),
    )
