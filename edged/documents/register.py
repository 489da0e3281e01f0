"""What was destroyed (銷毀紀錄), the statement on a month of one camera, and how a box stands to its regulation.

Imports pydantic. The statement is signed as canonical JSON: no fractions; times in site time with its offset.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from edged.documents.base import VALUES, Document, Told, Values
from edged.documents.exports import Count, Hex, Limit, Time

RuleName = Literal["ceiling", "space", "overwrite", "lost", "untold", "before-ledger"]
VerdictName = Literal["as-demanded", "below-floor", "beyond-ceiling", "unknown"]
Month = Annotated[str, StringConstraints(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]


class DestroyedSegment(Document):
    camera: str
    seq: int | None = Field(description="null: a span of time from before there was a ledger")
    start: str = Field(description="when it was recorded, by the clock as it was then")
    end: str
    clock_correction_ms: int | None = Field(
        description="to be added to start and end for the true times; null where the clock was right"
    )
    bytes: int | None
    sha256: str = Field(description="64 digits; empty where it is not known")
    volume: str | None
    destroyed: str | None = Field(
        description="when, by the wall clock of the box; null: before there was a ledger. Of what was lost with its "
        "volume: when it would have been destroyed"
    )
    rule: RuleName
    verdict: VerdictName = Field(
        description="below-floor: kept for too short a time; beyond-ceiling: more than an hour too long, for certain; "
        "unknown: the entry does not say how old it was"
    )
    floor_s: int | None = Field(description="in force when it was destroyed")
    ceiling_s: int | None
    kept_s: float | None = Field(description="running time from its end to its destruction, at the least")
    pins: list[str] = Field(description="of one beyond its ceiling: pins that reached into it")
    leaf: int = Field(description="number of its entry in the ledger")
    generation: str | None = Field(description="origin of the tree; null: entered before there was one")
    index: int | None = Field(description="its place in that tree")
    signed: bool = Field(description="under a head that is signed")
    seen: bool = Field(description="under a head of which somebody outside is known to have a copy")


class LostVolume(Document):
    volume: str
    told: str = Field(description="when it was said to be gone for good")
    segments: int
    below_floor: int = Field(description="of these, what had to be kept at that time")
    pinned: int
    leaf: int


class DestroyedSummary(Document):
    segments: int
    bytes: int
    first: str | None = Field(description="when the first of them was destroyed")
    last: str | None
    rules: dict[RuleName, int]
    below_floor: int
    permitted: int = Field(description='of these, what `on_full = "overwrite"` allows')
    beyond_ceiling: int
    explained: int = Field(description="of these, what a pin kept")
    unknown: int = Field(description="entries that do not say how old it was")
    unread: int = Field(description="entries that nobody can read")
    lost: list[LostVolume] = Field(description="volumes that were said to be gone for good in that time")


class Destroyed(Document):
    schema_: Literal["edged.destroyed/1"] = Field(default="edged.destroyed/1", alias="schema")
    destroyed: list[DestroyedSegment] = Field(description="in the order in which it was destroyed")
    summary: DestroyedSummary


class Bounded(Document):
    floor_s: Count
    ceiling_s: Count


class Stamped(Bounded):
    segments: Count


class CauseShare(Document):
    cause: str
    ms: Count
    gaps: Count


class LongGap(Document):
    start: Time
    end: Time | None = Field(description="null: it lasts")
    cause: str
    leaf: Count | None = Field(description="entry of the ledger that tells of it")


class MonthCoverage(Document):
    known_ms: Count = Field(description="in which the camera was known; all that follows adds up to this")
    recorded_ms: Count
    unexplained_ms: Count
    causes: list[CauseShare] = Field(description="not recorded, and why; the longest first")
    longest: list[LongGap] = Field(description="the longest gaps, at most 100, by time")


class MonthHeld(Document):
    segments: Count
    bytes: Count
    ms: Count
    start: Time | None
    end: Time | None
    pinned: Count
    away: Count = Field(description="on volumes that were not there when this was made")
    unproven: Count = Field(description="found on a disk: nothing from the time itself vouches for them")
    quarantined: Count = Field(
        description="files that could not be read, set aside under floor and ceiling; not in segments"
    )
    going: Count = Field(description="on their way out")
    lost: Count = Field(description="gone for good with their volumes; not in segments")
    faults: dict[str, Count] = Field(description="files that are known to differ from what was recorded, by kind")
    looked: Time | None = Field(description="since when all files were last looked at; null: they were not yet")


class Extreme(Document):
    leaf: Count
    start: Time = Field(description="when its recording began")
    rule: RuleName
    floor_s: Count
    ceiling_s: Count
    kept_ms: Count = Field(description="running time from its end to its destruction, at the least")
    ms: Count = Field(description="its length")
    destroyed: Time
    pins: list[str] = Field(description="of one beyond its ceiling: those that reached into it")


class MonthDestroyed(Document):
    segments: Count
    bytes: Count
    ms: Count
    first: Time | None = Field(description="when the first of it was destroyed")
    last: Time | None
    rules: dict[RuleName, Count]
    as_demanded: Count
    below_floor: Count
    permitted: Count = Field(description='of these, what `on_full = "overwrite"` allowed')
    beyond_ceiling: Count
    explained: Count = Field(description="of these, what a pin had kept")
    unknown: Count
    unread: Count
    youngest: Extreme | None = Field(description="which came nearest to its floor, or farthest below it")
    oldest: Extreme | None = Field(description="which came nearest to its ceiling, or farthest beyond it")
    early: list[Extreme] = Field(description="those below their floor, at most 100")
    late: list[Extreme] = Field(description="those beyond their ceiling, at most 100")


class StatedPin(Document):
    id: str
    state: Literal["provisional", "approved", "released", "lapsed"]
    ground: Literal["law", "investigation", "internal"]
    start: Time
    end: Time


class StatedHead(Document):
    origin: str
    first: Count = Field(description="number of the first leaf of this generation")
    size: Count
    root: Hex
    checkpoint: str = Field(description="the head as it was signed (C2SP)")
    covers: bool = Field(description="all that this statement rests on is under it")
    seen: Count = Field(description="leaves under the largest head of which somebody outside is known to have a copy")
    seen_until: Time | None = Field(description="when the last of these was entered")


class StatedCamera(Document):
    id: str
    name: str
    configured: bool


class Statement(Document):
    schema_: Literal["edged.retention-statement/1"] = Field(default="edged.retention-statement/1", alias="schema")
    node: str
    office: str
    site: str
    software: str
    timezone: str
    created: Time
    key: Hex | None = Field(description="the node's public key, Ed25519; null: it has none that can sign")
    camera: StatedCamera
    month: Month
    start: Time
    end: Time = Field(description="behind the last instant; before the end of the month where that is not over")
    over: bool
    known_since: Time | None = Field(description="since when this camera's time is accounted for; null: it never was")
    coverage: MonthCoverage
    configured: Bounded | None
    in_force: Bounded | None = Field(
        description="where a ceiling that was shortened waits, what still holds; null: what is stamped does"
    )
    stamped: list[Stamped] = Field(description="floors and ceilings that what is still there was recorded under")
    held: MonthHeld
    destroyed: MonthDestroyed
    pins: list[StatedPin]
    leaf: Count = Field(description="the last entry of the ledger when all this had been read")
    head: StatedHead | None
    limits: list[Limit] = Field(description="what this does not prove")


class DsseSignature(Document):
    keyid: Hex
    sig: str


class Envelope(Document):
    """DSSE v1."""

    payload: str = Field(description="the statement, as canonical JSON (RFC 8785), in base64")
    payload_type: Literal["application/vnd.edged.retention+json"] = Field(alias="payloadType")
    signatures: list[DsseSignature]


class ProofOfRetention(Document):
    schema_: Literal["edged.proof-of-retention/1"] = Field(default="edged.proof-of-retention/1", alias="schema")
    statement: Statement
    envelope: Envelope | None = Field(description="null: it could not be signed")
    unsigned: str = Field(description="why it could not be signed; empty where it is")
    unsigned_code: str = Field(default="", description="of `unsigned`: what it says, for a program")
    unsigned_values: Values = Field(default={}, description=VALUES)


class ProofAsked(Document):
    """The body of a request."""

    camera: str
    month: Month


StatusName = Literal["met", "not-met", "by-hand", "not-built"]


class ClosableFinding(Document):
    """What of the office broke a clause, in one case."""

    id: str = Field(description="the clause, then what it is about: J8-115-0007")
    about: str = Field(description="number of the request, or id of the copy")
    what: list[str] = Field(description="what went wrong, in Traditional Chinese")
    what_told: list[Told] = Field(default=[], description="the same, in English, with codes")
    stands: bool = Field(description="it goes on: first it is put right, then an auditor closes it")
    closed: str | None = Field(description="when an auditor closed it; null: nobody has, and the clause is not met")
    leaf: int | None = Field(description="the entry of the ledger that says so")


BasisName = Literal["measured", "enforced", "recorded", "by-hand"]


class Clause(Document):
    id: str = Field(description="W1–W10, J1–J14, P1–P15, D1–D9, N1–N10")
    article: str
    text: list[str] = Field(description="the clause's own words, passage by passage")
    basis: BasisName | None = Field(
        default=None,
        description="what the judgement rests on above all. measured 量測: bytes, streams, modes; enforced 強制: "
        "nothing else gets through; recorded 紀錄: entries, complete, in order, in time; by-hand 人工: a person saw it",
    )
    status: StatusName = Field(
        description="met: all of it that the box can tell is; what was not measured is not-met; by-hand: only "
        "people can tell; not-built: this version does nothing for it"
    )
    whole: bool = Field(description="false: by_hand or not_built name something of the clause that status does not say")
    since: str | None = Field(description="since when it stands so; null until everything was measured after a start")
    faults: list[str] = Field(description="what breaks it, in Traditional Chinese")
    evidence: list[str] = Field(description="what was measured, in Traditional Chinese")
    faults_told: list[Told] = Field(default=[], description="faults, in English, with their codes")
    evidence_told: list[Told] = Field(default=[], description="evidence, likewise")
    findings: list[ClosableFinding] = Field(
        default=[], description="of requests: those that break it, and those that an auditor closed within 12 months"
    )
    by_hand: list[str] = Field(description="what a person has to look at")
    not_built: list[str] = Field(description="what of it this version does not do yet")


class LedgerHead(Document):
    origin: str
    size: int
    root: str = Field(description="SHA-256 over all leaves, 64 digits")
    key: str = Field(description="whose signature it bears")


class Counts(Document):
    met: int
    not_met: int
    by_hand: int
    not_built: int


class Compliance(Document):
    schema_: Literal["edged.compliance/1"] = Field(default="edged.compliance/1", alias="schema")
    node: str
    office: str
    site: str
    profile: str
    body: str = Field(description="whose regulation it is")
    title: str
    time: str = Field(description="when this was judged")
    timezone: str
    software: str
    counts: Counts = Field(description="of all clauses, also where only one was asked for")
    head: LedgerHead | None = Field(description="the last signed head of the ledger; null: there is none yet")
    declaration: str = Field(description="what this is, and what it is not")
    compliance: list[Clause]


WORDS_MAX: Final = 200
"""Characters of a reason."""


class FindingCloseAsked(Document):
    """The body of a request."""

    finding: str = Field(min_length=1, max_length=64)
    reason: str = Field(min_length=1, max_length=WORDS_MAX)


class ComplianceClose(Document):
    schema_: Literal["edged.compliance-close/1"] = Field(default="edged.compliance-close/1", alias="schema")
    finding: ClosableFinding = Field(description="as it was before it was closed")
