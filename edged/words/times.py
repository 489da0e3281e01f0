"""Times as documents have them: RFC 3339 in UTC. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_FIRST_MS: Final = -62_135_596_800_000
_LAST_MS: Final = 253_402_300_799_999
"""The years 1 to 9999."""


def timestamp(wall_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds, as far as it goes: a stranger's file may tell of any time."""
    moment = datetime.fromtimestamp(min(max(wall_ms, _FIRST_MS), _LAST_MS) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def optional_timestamp(wall_ms: int | None) -> str | None:
    return None if wall_ms is None else timestamp(wall_ms)
