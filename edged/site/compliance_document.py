"""How the box stands to its regulation, as a document. Pure."""

from __future__ import annotations

from typing import Final

from edged.compliance.model import Finding, Status
from edged.documents import compliance as documents
from edged.site.compliance_watch import Standing
from edged.site.overview import optional_timestamp, timestamp
from storage.register.queries import Kept

DECLARATION: Final = (
    "本報告為錄影主機依自身量測所作的自我聲明，不是主管機關或稽核人員的認定。"
    "「符合」只及於主機能量測的部分；量測不到的，列為不符合或人工查核。"
)


def document(standing: Standing, only: str | None = None) -> documents.Compliance:
    """`only`: the clause that was asked for."""
    seen, chosen, head = standing.seen, standing.profile, standing.head
    site = seen.config.site
    statuses = [one.status for one in standing.findings]
    return documents.Compliance(
        node=site.node,
        office=site.office,
        site=site.name,
        profile=chosen.name,
        body=chosen.office,
        title=chosen.title,
        time=timestamp(seen.now.wall_ms),
        timezone=site.timezone,
        software=f"edged {seen.version}",
        counts=documents.Counts(
            met=statuses.count(Status.MET),
            not_met=statuses.count(Status.NOT_MET),
            by_hand=statuses.count(Status.BY_HAND),
            not_built=statuses.count(Status.NOT_BUILT),
        ),
        head=None
        if head is None
        else documents.LedgerHead(
            origin=head.checkpoint.origin, size=head.checkpoint.size, root=head.checkpoint.root.hex(), key=head.key
        ),
        declaration=DECLARATION,
        compliance=[
            _clause(one, standing.kept.get(one.clause.id)) for one in standing.findings if only in (None, one.clause.id)
        ],
    )


def _clause(one: Finding, kept: Kept | None) -> documents.Clause:
    clause = one.clause
    return documents.Clause(
        id=clause.id,
        article=clause.article,
        text=clause.words,
        status=one.status.value,
        whole=one.whole,
        since=optional_timestamp(kept.since_ms if kept is not None else None),
        faults=list(one.faults),
        evidence=list(one.evidence),
        by_hand=clause.by_hand,
        not_built=clause.not_built,
    )
