"""From look to look: what is suspected often enough is found, what is gone long enough is over. Pure.

`step` is called with each look, `missed` where one came to nothing. What a camera usually shows is learned on the way,
as long as nothing is suspected. `Memory` is all there is; it is kept over a restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from edged.health import suspicions
from edged.health.baseline import (
    GREY,
    HABITUAL,
    REMEMBERED,
    Habits,
    Light,
    Trace,
    Usual,
    aware,
    learned,
    light,
    repetition,
    trace,
)
from edged.health.faults import MediaFault, MediaFinding, MediaHealth
from recorder.decoder.messages import Heard, Picture

FOUND_AT: Final = 4
"""Looks more with a suspicion than without: at one in ten seconds a fault is found after 30 to 50 s."""
SCORE_MAX: Final = 6
"""So many good looks, a minute of them, until it is over."""
UNSEEN_AT: Final = 6
"""Looks in a row that came to nothing, until it is told that a picture cannot be judged."""
DAYLIGHT: Final = range(8, 17)
"""Hours of the site in which the sun is up all the year (in Taiwan from 6:40 to 17:03 at the least)."""
AGAINST_USUAL: Final = frozenset({MediaFault.FROZEN, MediaFault.BLURRED, MediaFault.COVERED, MediaFault.MOVED})
"""Faults that are measured against what a camera usually shows."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look and what goes with it."""

    at_ms: int
    """Wall clock."""
    site_ms: int
    """The same in the site's own time: milliseconds since 1970 as its wall clock shows them."""
    picture: Picture
    heard: Heard | None
    lag_ms: int | None = None
    """How far the sound lies behind the picture."""
    overdue: bool = False
    """Sound is promised, and none has come for long."""
    colour: bool | None = None
    """Whether there has to be colour by day; None: nobody says."""
    sound: bool | None = None
    """Whether there has to be sound; False: it is not judged."""


class Suspicion(msgspec.Struct, frozen=True):
    """Of one fault."""

    score: int
    since_ms: int
    site_ms: int
    """The same in site time."""
    evidence: str
    found: bool = False


class Memory(msgspec.Struct, frozen=True):
    """What is kept of a camera."""

    usual: dict[Light, Usual] = {}
    suspected: dict[MediaFault, Suspicion] = {}
    habits: Habits = Habits()
    before: tuple[Trace, ...] = ()
    """The looks of this session, oldest first."""
    colour_lost: bool = False
    """It went while nothing else changed, and has not come back."""
    heard: bool = False
    """Sound has come before."""
    unseen: int = 0


def step(memory: Memory, look: Look) -> tuple[Memory, MediaHealth]:
    """With one look more."""
    lost = _colour_is_lost(memory, look)
    last = memory.before[-1] if memory.before else None
    back = repetition(look.picture, memory.before)
    shown = dict(suspicions.picture_suspicions(look.picture, last, back, memory.usual))
    if (lost or look.colour) and look.picture.saturation < GREY and _by_day(look.site_ms) and not _is_dark(look):
        shown.setdefault(MediaFault.COLOURLESS, "grey by day")
    if look.sound is not False:
        overdue = look.overdue and (memory.heard or look.sound is True)
        shown |= dict(suspicions.sound_suspicions(look.heard, look.lag_ms, overdue=overdue))
    suspected, habits = _weighed(memory, look, shown)
    usual, by = dict(memory.usual), light(look.picture)
    calm = not any(not fault.of_sound for fault in suspected)
    if calm and not suspicions.is_blind(look.picture):
        usual[by] = learned(usual.get(by), look.picture, back)
    if by in usual:
        usual[by] = aware(usual[by], back)
    before = (*memory.before[-REMEMBERED + 1 :], trace(look.picture))
    after = Memory(usual, suspected, habits, before, lost, memory.heard or look.heard is not None)
    return after, judged(after, look)


def missed(memory: Memory) -> Memory:
    """A look came to nothing. A few of them are no reason to forget: key frames may lie half a minute apart."""
    unseen = min(memory.unseen + 1, UNSEEN_AT)
    return msgspec.structs.replace(memory, unseen=unseen, before=memory.before if unseen < UNSEEN_AT else ())


def is_unseen(memory: Memory) -> bool:
    return memory.unseen >= UNSEEN_AT


def interrupted(memory: Memory) -> Memory:
    """The session ended: what comes is not compared with what was."""
    return msgspec.structs.replace(memory, before=())


def referred(memory: Memory) -> Memory:
    """An operator says what the view is to be: what was usual before goes, and what was found against it."""
    suspected = {fault: one for fault, one in memory.suspected.items() if fault not in AGAINST_USUAL}
    return msgspec.structs.replace(memory, usual={}, suspected=suspected, before=())


def judged(memory: Memory, look: Look) -> MediaHealth:
    """What there is to tell."""
    findings = [MediaFinding(fault, one.since_ms, one.evidence) for fault, one in memory.suspected.items() if one.found]
    colour = look.picture.saturation >= GREY
    faulty = any(finding.fault is MediaFault.COLOURLESS for finding in findings)
    return MediaHealth(
        at_ms=look.at_ms,
        findings=tuple(sorted(findings, key=lambda finding: list(MediaFault).index(finding.fault))),
        colour=None if suspicions.is_blind(look.picture) else colour,
        day=None if suspicions.is_blind(look.picture) else colour or faulty,
        sound_db=None if look.heard is None else round(look.heard.level_db, 1),
        drift_ms=look.lag_ms,
    )


def _weighed(memory: Memory, look: Look, shown: dict[MediaFault, str]) -> tuple[dict[MediaFault, Suspicion], Habits]:
    suspected, habits = {}, memory.habits
    for fault in MediaFault:
        before = memory.suspected.get(fault)
        if fault in shown:
            score = min((before.score if before else 0) + 1, SCORE_MAX)
            start = before or Suspicion(0, look.at_ms, look.site_ms, shown[fault])
            found = start.found or (score >= FOUND_AT and not _is_habit(habits, fault, look))
            suspected[fault] = Suspicion(score, start.since_ms, start.site_ms, shown[fault], found)
        elif before is not None and before.score > 1:
            suspected[fault] = msgspec.structs.replace(before, score=before.score - 1)
        elif before is not None:
            habits = habits.ended(fault, before.site_ms, look.site_ms)
    return suspected, habits


def _is_habit(habits: Habits, fault: MediaFault, look: Look) -> bool:
    return fault in HABITUAL and habits.expects(fault, look.site_ms)


def _colour_is_lost(memory: Memory, look: Look) -> bool:
    if look.picture.saturation >= GREY:
        return False
    went = bool(memory.before) and not memory.unseen and suspicions.lost_colour(look.picture, memory.before[-1])
    return memory.colour_lost or (went and _by_day(look.site_ms))


def _by_day(site_ms: int) -> bool:
    return site_ms // 3_600_000 % 24 in DAYLIGHT


def _is_dark(look: Look) -> bool:
    return suspicions.is_blind(look.picture) or light(look.picture) is Light.DIM_NIGHT
