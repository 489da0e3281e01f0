"""Times as people write them: RFC 3339, `YYYY-MM-DD [HH:MM[:SS]]` in the site's time, `-2h`, or `now`.

A date alone is its beginning. Pure: now and the time zone are values.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from typing import Final

from edged.words import units

WAYS: Final = '"2026-03-01T08:00:00+08:00", "2026-03-01 08:00" or "2026-03-01" (site time), "-2h" or "now"'
_LOCAL: Final = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2})?)?")
_ROC: Final = re.compile(r"(?:民國)?\s*0?(1\d\d)\s*[-/.年]")
_FULL: Final = re.compile(r"\d{4}-\d{2}-\d{2}[ Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")


class WhenError(ValueError):
    """Not a time; says which ways there are."""


def is_local(text: str) -> bool:
    """Whether the site's time zone is needed to read it."""
    return _LOCAL.fullmatch(text.strip()) is not None


def parse(text: str, now: datetime, zone: tzinfo, *, end: bool) -> datetime:
    """The moment in UTC. Where clocks were put back and a time came twice, an interval takes both (`end`)."""
    words = text.strip()
    if not _FULL.fullmatch(words) and (roc := _ROC.match(words)):
        year = int(roc[1])
        raise WhenError(f"{units.shown(text)}: 民國{year} is written as {year + units.ROC} here; write {WAYS}")
    try:
        if words == "now":
            return now.astimezone(UTC)
        if words.startswith("-"):
            return now.astimezone(UTC) - units.parse_duration(words[1:])
        if _FULL.fullmatch(words):
            return datetime.fromisoformat(words.upper()).astimezone(UTC)
        if is_local(words):
            local = datetime.fromisoformat(words).replace(tzinfo=zone, fold=1 if end else 0)
            return local.astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # said below, in one way for all
    raise WhenError(f"{units.shown(text)} is not a time; write {WAYS}")


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
