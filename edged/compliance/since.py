"""Since when each clause stands as it does. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edged.compliance.model import Finding
from storage.register.queries import Kept


def advanced(before: Mapping[str, Kept], findings: Iterable[Finding], now_ms: int) -> dict[str, Kept]:
    """What is kept from now on: of a clause that stands as it stood, since when; of any other, now."""
    after = {}
    for one in findings:
        known = before.get(one.clause.id)
        same = known is not None and known.status == one.status.value
        after[one.clause.id] = known if known is not None and same else Kept(one.status.value, now_ms)
    return after
