"""A database that was lost and is made anew from the volumes: an alarm until a day after nothing is missing. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from edged.overview.model import Overview, Trouble
from storage.mirror.table import ON_PURPOSE
from storage.words.results import Severity


def troubles(seen: Overview) -> Iterator[tuple[str, Trouble]]:
    """Key to trouble."""
    rebuild = seen.measured.rebuild
    if rebuild is None:
        return
    lies = f". The damaged one lies in {rebuild.aside}" if rebuild.aside else ""
    if rebuild.end is None:
        what = "is being made anew from the volumes; recording goes on, and nothing is destroyed until it is done"
        text = f"The database was lost ({rebuild.reason}) and {what}{lies}"
        action = "Leave the volumes where they are; `edgectl rebuild` shows how far it is"
        yield "database.rebuilt", Trouble(Severity.CRITICAL, text, action)
    elif rebuild.reason != ON_PURPOSE:
        text = f"The database was lost ({rebuild.reason}) and has been made anew from the volumes{lies}"
        action = "Check the disk of the state directory (`journalctl -k`, `smartctl -a`), then `edgectl fsck`"
        yield "database.rebuilt", Trouble(Severity.WARNING, text, action)
