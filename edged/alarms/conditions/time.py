"""Footage that may be past its ceiling for all that is known, and stays because nobody can prove it: an alarm. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edged.overview.model import Overview, Trouble
from storage.words.results import Severity

PATIENCE_S: Final = 3600.0
"""After a reboot the clock may take a while to be synchronised, and a ceiling may be late by as much anyway (S3)."""
NAMED: Final = 8
"""Boots that are named in a text; `edgectl boots` shows each of them."""


def troubles(seen: Overview) -> Iterator[tuple[str, Trouble]]:
    """Told when a sweep has met footage that may be past its ceiling, of the boots that leave it in doubt; those that
    no clock bounds come first.
    """
    if not seen.ceiling_unproven:
        return
    oldest = min((segment.boot for segment in seen.measured.oldest.values()), default=None)
    if oldest is None:
        return
    doubts = [one for one in seen.measured.doubts if one.boot > oldest]
    doubts = [one for one in doubts if not one.bounded] or doubts
    if not doubts:
        return
    numbers = [str(one.boot) for one in doubts]
    named = ", ".join(numbers[-NAMED:])
    more = f" and {len(numbers) - NAMED} earlier ones" if len(numbers) > NAMED else ""
    text = (
        "Footage may be past its ceiling and is kept, because it is not proven how long the box was off before boot "
        f"{named}{more}"
    )
    action = (
        "Let the clock be synchronised (timedatectl), or let two people say how long it was: "
        f"edgectl boots attest {numbers[-1]} --off-for … --reason …"
    )
    yield "retention.ceiling-unproven", Trouble(Severity.WARNING, text, action, PATIENCE_S)
