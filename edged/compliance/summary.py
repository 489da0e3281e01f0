"""How a box stands to its regulation in a few figures, for its centre. Values only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Summary:
    """Of one profile."""

    profile: str
    met: int
    not_met: int
    by_hand: int
    not_built: int
    unmet: tuple[tuple[str, int], ...]
    """Clauses that are not met, each with the wall clock since when."""
