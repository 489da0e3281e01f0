"""What requests hold of the footage that they ask for: from 收文 until the case is closed, if refused 30 days more.

Pure. What is held is not remembered beside the requests, but made from them: whoever compares it with the pins that
stand (`changes`) and does what is said there may stop anywhere, and do it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from edged.office.request import Request, Scope, Stretch

REFUSED_MS: Final = 30 * 86_400_000
"""訴願法 14: so long whoever was refused may appeal; running time, from the close of the case."""


@dataclass(frozen=True, slots=True)
class RequestHold:
    """One stretch of a request."""

    number: str
    stretch: Stretch


def held(request: Request, closed_ms: int) -> Scope:
    """What it holds. `closed_ms`: running time since its case was closed, at the least."""
    if not request.closed:
        return request.asked
    refused = not request.withdrawn and (request.decision is None or not request.decision.granted)
    return request.asked if refused and closed_ms < REFUSED_MS else ()


def wanted(number: str, request: Request, closed_ms: int) -> Iterator[RequestHold]:
    """Each stretch once."""
    for stretch in dict.fromkeys(held(request, closed_ms)):
        yield RequestHold(number, stretch)


@dataclass(frozen=True, slots=True)
class HoldChanges:
    """First `place`, then `end`: nothing that goes on to be wanted is free in between."""

    place: tuple[RequestHold, ...]
    end: tuple[str, ...]
    """Pins."""


def changes(
    asked: Iterable[RequestHold], standing: Mapping[str, RequestHold], unreadable: frozenset[str] = frozenset()
) -> HoldChanges:
    """What is to be done. `standing`: pins of requests that last. `unreadable`: requests of which nobody knows what
    they ask for now: theirs go on.
    """
    hoped = dict.fromkeys(asked)
    kept: set[RequestHold] = set()
    end = []
    for pin, hold in sorted(standing.items()):
        if hold.number in unreadable:
            continue
        if hold in hoped and hold not in kept:
            kept.add(hold)
        else:
            end.append(pin)
    return HoldChanges(tuple(one for one in hoped if one not in kept), tuple(end))
