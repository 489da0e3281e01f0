"""Terms of cases, after which something ends or goes: forms, what was captured, copies, viewings. Pure.

They run in running time by its low bound: a power-off that nobody can prove makes them later, and no clock that
somebody sets makes them earlier. A term that the profile does not name never ends.

    a viewing         8 h from its opening
    what was refused  30 days from the close of the case (`edged.office.holds`)
    the form          `kept` from the end of the last viewing, else from the close; its persons are then to be erased
    what was captured `held` from the capture
    a copy            from its making as long as the clock said then that it lasts

Persons to be erased are listed; nothing of it is done here, and nothing while something rests on the case. A list that
nobody has answered for 30 days is an alarm.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from edged.office.deadlines import RunningAge
from edged.office.request import Close, CutViewing, EndViewing, OpenViewing, Take
from edged.office.story import Case, DatedAct
from edged.profiles.procedures import Use
from storage.ages.history import Point
from storage.pins.rules import Left

VIEWING_MS: Final = 8 * 3_600_000
UNANSWERED_MS: Final = 30 * 86_400_000
COPY_NEAR_MS: Final = 2 * 86_400_000
"""So long before a copy is to be destroyed that is told as a task."""
_MS: Final = timedelta(milliseconds=1)


def closed_ms(story: Case, age: RunningAge) -> int:
    """Since the case was closed; 0: it is not, or just now."""
    closed = story.last(Close)
    return 0 if closed is None else age(closed.at)


def is_viewing_over(story: Case, age: RunningAge) -> bool:
    """It is open, and has been for as long as a viewing may be."""
    opened = story.last(OpenViewing)
    return story.request.viewing is not None and opened is not None and age(opened.at) >= VIEWING_MS


def captures_over(story: Case, age: RunningAge) -> Iterator[DatedAct]:
    """What was captured (`Take` of a hold), and has been kept for as long as the text allows."""
    if story.procedure.held is not None:
        for one in story.acts:
            if isinstance(one.act, Take) and one.act.use is Use.HOLD and age(one.at) >= story.procedure.held // _MS:
                yield one


def copy_left_ms(made: Point, destroy_by_ms: int, age: RunningAge) -> int:
    """How long a copy may still be kept; 0 or less: it is to be destroyed by now. `destroy_by_ms`: the moment of the
    wall clock that was told for it, counted from when the clock said `made`.
    """
    return destroy_by_ms - made.wall_ms - age(made)


@dataclass(frozen=True, slots=True)
class ErasureListed:
    """A case whose persons are to be erased."""

    number: str
    listed_ms: int
    """Running time since it is, at the least."""

    @property
    def is_unanswered(self) -> bool:
        """For so long that it is an alarm."""
        return self.listed_ms >= UNANSWERED_MS


def to_erase(
    stories: Iterable[Case], age: RunningAge, resting: Container[str], rested_ms: Mapping[str, int]
) -> Iterator[ErasureListed]:
    """Cases that are closed, whose period is over and on which nothing rests; persons were not erased yet.

    `resting`: numbers on which something rests, a pin (`rests_on`), a leak case, a finding. `rested_ms`: how long ago
    the last such thing of a number ended, at the least; until then its case was not listed.
    """
    for story in stories:
        number = story.row.number
        listed_ms = over_ms(story, age)
        if listed_ms is not None and not story.row.erased and number not in resting:
            yield ErasureListed(number, min(listed_ms, rested_ms.get(number, listed_ms)))


def was_unanswered(story: Case, age: RunningAge, erased: Point, rested_ms: Iterable[int]) -> bool:
    """Whether its list had gone without an answer when its persons were erased. `rested_ms`: how long ago whatever
    rested on it ended.
    """
    ago_ms = age(erased)
    over = over_ms(story, lambda at: age(at) - ago_ms)
    return over is not None and min([over, *(ms - ago_ms for ms in rested_ms if ms >= ago_ms)]) >= UNANSWERED_MS


def over_ms(story: Case, age: RunningAge) -> int | None:
    """Since when the form need not be kept any more; None: it is to be kept."""
    closed = story.last(Close)
    if not story.request.closed or closed is None or story.procedure.kept is None:
        return None
    begun = story.last(EndViewing, CutViewing) or closed
    over_ms = min(age(begun.at) - story.procedure.kept // _MS, age(closed.at))
    return over_ms if over_ms >= 0 else None


def rests_on(pins: Iterable[Left]) -> frozenset[str]:
    """Numbers that are the case of a pin that lasts, but for what the request itself holds."""
    return frozenset(one.pin.order.case for one in pins if one.pin.state.lasts and not one.pin.is_request)
