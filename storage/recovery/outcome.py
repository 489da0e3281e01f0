"""What a round of repairs came to. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field

from storage.words.model import Segment
from storage.words.results import RecoveryReport


@dataclass(slots=True)
class Outcome:
    """What a round of repairs came to."""

    adopted: list[Segment] = field(default_factory=list)
    unproven: int = 0
    quarantined: int = 0
    without_file: int = 0
    left: list[str] = field(default_factory=list)
    again: bool = False
    """Some of what was left is still being written, or was not come to before the stop."""

    def report(self, orphans: Outcome, garbage: int) -> RecoveryReport:
        """Together with files that no row vouched for, and destructions that were finished."""
        return RecoveryReport(
            adopted=len(self.adopted),
            unproven=orphans.unproven,
            quarantined=self.quarantined + orphans.quarantined,
            without_file=self.without_file,
            garbage=garbage,
            left=(*self.left, *orphans.left),
            again=self.again or orphans.again,
        )
