"""From what the check of the ledger found to the document of it; daemon and `edgectl` both use it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edged.documents import ledger as documents
from edged.site.overview import optional_timestamp
from storage.audit.findings import CheckpointVerdict, LedgerFinding, LedgerReport, Reach, Tree


def document(report: LedgerReport, volumes: Mapping[str, Path], *, daemon: bool) -> documents.LedgerVerify:
    """`volumes`: where they lie, by id."""
    return documents.LedgerVerify(
        daemon=daemon,
        clean=report.clean,
        findings=[_finding(one) for one in report.findings.named],
        unlisted=report.findings.more,
        generations=[_tree(one) for one in report.trees],
        checkpoint=None if report.against is None else _against(report.against),
        leaves=report.leaves,
        early=report.early,
        rows=report.rows,
        lines=report.lines,
        volumes=[str(volumes.get(volume, volume)) for volume in report.volumes],
        took_s=round(report.took_s, 3),
    )


def _finding(one: LedgerFinding) -> documents.VerifyFinding:
    return documents.VerifyFinding(code=one.code.value, where=one.where, what=one.what, action=one.action)


def _tree(one: Tree) -> documents.VerifiedTree:
    return documents.VerifiedTree(
        origin=one.origin,
        first=one.first,
        fingerprint=one.fingerprint,
        entered=_reach(one.leaves),
        signed=_reach(one.signed),
        vouched=_reach(one.vouched),
        seen=_reach(one.seen),
    )


def _against(one: CheckpointVerdict) -> documents.HeldAgainst:
    return documents.HeldAgainst(origin=one.head.origin, proven=one.proven, reach=_reach(one.reach))


def _reach(one: Reach) -> documents.Reach:
    return documents.Reach(leaves=one.size, last=one.leaf, at=optional_timestamp(one.wall_ms))
