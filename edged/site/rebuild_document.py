"""From a round of rebuilding to the document that people and programs get. Pure; daemon and `edgectl` both use it."""

from __future__ import annotations

from typing import Final

from edged.documents.checks import Rebuild
from storage.recovery.walk import RebuildReport

_ONE_OR_MANY: Final = {
    "leaves": ("leaf put back", "leaves put back"),
    "directories": ("directory compared", "directories compared"),
    "adopted": ("file adopted", "files adopted"),
    "quarantined": ("file set aside", "files set aside"),
    "missing": ("file missing", "files missing"),
    "gaps": ("gap that was recorded", "gaps that were recorded"),
    "unread": ("leaf not understood", "leaves not understood"),
}


def counted(report: Rebuild | RebuildReport) -> str:
    """What came of it, in words."""
    counts = {field: getattr(report, field) for field in _ONE_OR_MANY}
    told = [f"{count} {_ONE_OR_MANY[field][count != 1]}" for field, count in counts.items() if count]
    return ", ".join(told) or "nothing was missing"


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
