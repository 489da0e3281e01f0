"""From a round of rebuilding to the document that people and programs get. Pure; daemon and `edgectl` both use it."""

from __future__ import annotations

from edged.documents.rebuild import Rebuild
from storage.repair.rebuild import RebuildReport


def document(report: RebuildReport, aside: str | None, took_s: float, *, daemon: bool) -> Rebuild:
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
        aside=aside,
        took_s=round(took_s, 3),
    )
