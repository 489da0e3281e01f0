"""From what a check found to the document that people and programs get. Pure; daemon and `edgectl` both use it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edged.documents import checks as documents
from storage.integrity.compare import Fault
from storage.integrity.fsck import FsckReport, Level, Scope


def scope(asked: documents.FsckAsked) -> Scope:
    return Scope(Level[asked.level.upper()], asked.camera, asked.volume)


def document(
    report: FsckReport, asked: documents.FsckAsked, volumes: Mapping[str, Path], *, daemon: bool
) -> documents.Fsck:
    """Paths become absolute; by promise, then by place."""
    faults = sorted(report.faults, key=lambda fault: (int(fault.kind.promise[1:]), fault.volume, fault.where))
    found = [_finding(fault, volumes) for fault in faults]
    return documents.Fsck(
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


def _finding(fault: Fault, volumes: Mapping[str, Path]) -> documents.Finding:
    root = volumes.get(fault.volume)
    where = fault.where if root is None else str(root / fault.where)
    return documents.Finding(
        promise=fault.kind.promise, kind=fault.kind.value, what=fault.what, where=where, action=fault.action
    )
