"""From what a check found to the document of it: fsck, a rebuild, the check of the ledger. Pure.

Daemon and `edgectl` both use it, so it loads no more than these need.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edged.documents import ledger as ledger_documents
from edged.documents.base import Told
from edged.documents.ledger import Rebuild
from edged.words.units import optional_timestamp
from storage.audit.findings import CheckpointVerdict, LedgerFinding, LedgerReport, Reach, Tree
from storage.integrity.compare import Fault
from storage.integrity.fsck import FsckReport, Level, Scope
from storage.recovery.walk import RebuildReport
from storage.words.message import Message, as_message, message


def fsck_scope(asked: ledger_documents.FsckAsked) -> Scope:
    return Scope(Level[asked.level.upper()], asked.camera, asked.volume)


def fsck(
    report: FsckReport, asked: ledger_documents.FsckAsked, volumes: Mapping[str, Path], *, daemon: bool
) -> ledger_documents.Fsck:
    """Paths become absolute; by promise, then by place."""
    faults = sorted(report.faults, key=lambda fault: (int(fault.kind.promise[1:]), fault.volume, fault.where))
    found = [_fsck_finding(fault, volumes) for fault in faults]
    return ledger_documents.Fsck(
        level=asked.level,
        daemon=daemon,
        clean=not found and report.more == 0,
        findings=found,
        unlisted=report.more,
        segments=report.segments,
        files=report.files,
        bytes=report.read_bytes,
        whole_only=report.whole_only,
        took_s=round(report.took_s, 3),
    )


def _fsck_finding(fault: Fault, volumes: Mapping[str, Path]) -> ledger_documents.Finding:
    root = volumes.get(fault.volume)
    where = as_message(fault.where if root is None else str(root / fault.where))
    return ledger_documents.Finding(
        promise=fault.kind.promise,
        kind=fault.kind.value,
        what=fault.what,
        where=where,
        action=fault.action,
        where_code=where.code,
        where_values=where.data,
        what_code=fault.what.code,
        what_values=fault.what.data,
        action_code=fault.action.code,
        action_values=fault.action.data,
    )


def rebuild_in_words(report: Rebuild | RebuildReport) -> Message:
    """What came of it, in words."""
    counted = (
        (
            report.leaves,
            message("rebuild.leaves.one", "1 leaf put back"),
            message("rebuild.leaves.many", "{count} leaves put back", count=report.leaves),
        ),
        (
            report.directories,
            message("rebuild.directories.one", "1 directory compared"),
            message("rebuild.directories.many", "{count} directories compared", count=report.directories),
        ),
        (
            report.adopted,
            message("rebuild.adopted.one", "1 file adopted"),
            message("rebuild.adopted.many", "{count} files adopted", count=report.adopted),
        ),
        (
            report.quarantined,
            message("rebuild.set-aside.one", "1 file set aside"),
            message("rebuild.set-aside.many", "{count} files set aside", count=report.quarantined),
        ),
        (
            report.missing,
            message("rebuild.files-missing.one", "1 file missing"),
            message("rebuild.files-missing.many", "{count} files missing", count=report.missing),
        ),
        (
            report.gaps,
            message("rebuild.gaps.one", "1 gap corrected"),
            message("rebuild.gaps.many", "{count} gaps corrected", count=report.gaps),
        ),
        (
            report.unread,
            message("rebuild.unread.one", "1 leaf not understood"),
            message("rebuild.unread.many", "{count} leaves not understood", count=report.unread),
        ),
    )
    parts: list[str] = [one if count == 1 else many for count, one, many in counted if count]
    if not parts:
        return message("rebuild.nothing-missing", "nothing was missing")
    return message("rebuild.counts", "{parts}", parts=parts)


def rebuild(report: RebuildReport, aside: str | None, took_s: float, *, daemon: bool) -> Rebuild:
    return Rebuild(
        daemon=daemon,
        complete=not report.again and not report.left,
        volumes=list(report.volumes),
        leaves=report.leaves,
        clashes=report.clashes,
        unread=report.unread,
        directories=report.directories,
        adopted=report.adopted,
        quarantined=report.quarantined,
        missing=report.missing,
        gaps=report.gaps,
        left=list(report.left),
        left_told=[Told(**one.told) for one in report.left],
        aside=aside,
        took_s=round(took_s, 3),
    )


def ledger_check(report: LedgerReport, volumes: Mapping[str, Path], *, daemon: bool) -> ledger_documents.LedgerVerify:
    """`volumes`: where they lie, by id."""
    return ledger_documents.LedgerVerify(
        daemon=daemon,
        clean=report.clean,
        findings=[_ledger_finding(one) for one in report.findings.named],
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


def _ledger_finding(one: LedgerFinding) -> ledger_documents.VerifyFinding:
    where = as_message(one.where)
    return ledger_documents.VerifyFinding(
        code=one.code.value,
        where=where,
        what=one.what,
        action=one.action,
        where_code=where.code,
        where_values=where.data,
        what_code=one.what.code,
        what_values=one.what.data,
        action_code=one.action.code,
        action_values=one.action.data,
    )


def _tree(one: Tree) -> ledger_documents.VerifiedTree:
    return ledger_documents.VerifiedTree(
        origin=one.origin,
        first=one.first,
        fingerprint=one.fingerprint,
        entered=_reach(one.leaves),
        signed=_reach(one.signed),
        vouched=_reach(one.vouched),
        seen=_reach(one.seen),
    )


def _against(one: CheckpointVerdict) -> ledger_documents.HeldAgainst:
    return ledger_documents.HeldAgainst(origin=one.head.origin, proven=one.proven, reach=_reach(one.reach))


def _reach(one: Reach) -> ledger_documents.Reach:
    return ledger_documents.Reach(leaves=one.size, last=one.leaf, at=optional_timestamp(one.wall_ms))
