"""Which act stands behind what a case is now: signatures, approvals and copies, each with the acts that made it so.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edged.office.request import (
    Act,
    ApproveHold,
    Copy,
    Decide,
    Dispose,
    Hand,
    Receipt,
    Sign,
    Signature,
    Take,
    Unfit,
)
from edged.office.story import Case, DatedAct
from edged.profiles.procedures import Use
from storage.words.message import message


def with_versions(case: Case) -> Iterator[tuple[int, DatedAct]]:
    """Each act with the version that it has made."""
    return enumerate(case.acts, 2)


def last_with_version(case: Case, kind: type[Act]) -> tuple[int, DatedAct] | None:
    return next((one for one in reversed(list(with_versions(case))) if isinstance(one[1].act, kind)), None)


def signatures(case: Case) -> list[tuple[Signature, DatedAct]]:
    """Those in force, each with the act by which it came: one hand may sign two steps on two days."""
    acts = reversed(case.acts)
    found = [
        (one, next(each for each in acts if isinstance(each.act, Sign | Decide) and each.act.hand == one.hand))
        for one in reversed(case.request.signatures)
    ]
    return found[::-1]


def approvals(case: Case) -> list[tuple[Hand, DatedAct]]:
    """Of what is kept: those in force, each with the act by which it came."""
    hands = case.request.hold_by
    acts = [one for one in case.acts if isinstance(one.act, ApproveHold)]
    return list(zip(hands, acts[len(acts) - len(hands) :], strict=True))


@dataclass(slots=True)
class CopyStory:
    """What befell a copy that left."""

    taken: DatedAct
    take: Take
    copy: Copy
    """As it stands."""
    receipt: DatedAct | None = None
    ours: DatedAct | None = None
    handed_out: DatedAct | None = None

    @property
    def signed(self) -> Receipt | None:
        """What was entered when it was signed for."""
        act = None if self.receipt is None else self.receipt.act
        return act if isinstance(act, Receipt) else None


def copy_stories(case: Case) -> list[CopyStory]:
    """The first one first."""
    known: list[CopyStory] = []
    for done in case.acts:
        match done.act:
            case Take(use=Use.COPY) as take:
                known.append(CopyStory(done, take, case.request.copies[len(known)]))
            case Receipt(copy=copy):
                waits = (one for one in known if one.receipt is None and one.ours is None)
                found = next((one for one in waits if copy in ("", one.take.made)), None)
                if found is not None:
                    found.receipt = done
            case Dispose(copy=copy, ours=ours):
                found = next((one for one in known if one.take.made == copy), None)
                if found is not None and ours:
                    found.ours = done
                elif found is not None:
                    found.handed_out = done
    return known


def copy_story(case: Case, copy: str) -> CopyStory:
    """`copy`: by its id. Unfit: the case has none such."""
    known = copy_stories(case)
    found = next((one for one in known if one.take.made == copy), None)
    if found is None:
        raise Unfit(
            message(
                "papers.no-copy",
                "request {number} has no copy {copy}: it has {copies}",
                number=case.row.number,
                copy=copy or "–",
                copies=[one.take.made for one in known] or ["–"],
            )
        )
    return found
