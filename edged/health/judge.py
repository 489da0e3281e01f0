"""From look to look: what is suspected often enough is found, what is gone long enough is over. Pure.

`step` is called with each look, `missed` where one came to nothing. What a camera usually shows is learned on the way,
as long as nothing is suspected. `Memory` is all there is; it is kept over a restart.

The first half says what one picture and half a second of sound give reason to suspect, against what was before and
what is usual. One look proves nothing: `step` weighs several. What is no fault is told apart here: lights that are
switched off, a camera that goes over to infrared, grain of rain or of a sensor, a corridor in which nothing moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from edged.health.baseline import (
    ENOUGH,
    EVERY_S,
    GREY,
    HABITUAL,
    REMEMBERED,
    Habits,
    Light,
    Repetition,
    Trace,
    Usual,
    aware,
    is_known,
    is_unusual,
    learned,
    light,
    of_same_brightness,
    repetition,
    trace,
)
from edged.health.faults import MediaFault, MediaFinding, MediaHealth
from recorder.decoder.messages import Heard, Picture, Shift
from storage.words.message import Message, message

BLACK_HIGH: Final = 24.0
"""Nearly nothing is brighter than this: less light than a room has with its lights off, or none."""
WHITE_LOW: Final = 232.0
FLAT_SPREAD: Final = 4.0
FLAT_EDGES: Final = 1.5
"""Of the busiest block: there is nothing to be seen but one tone."""
BUSY: Final = 2.5
"""Usual step between neighbours in a block of which it can be told that its detail is gone."""
BUSY_BLOCKS: Final = 8
GONE: Final = 0.3
"""Of its usual steps: what stood there is hidden."""
GRAIN: Final = 1.2
"""Steps that a sensor's noise alone makes of an even tone, by good light."""
HIDDEN: Final = 0.3
"""Share of the busy blocks over which the view counts as covered."""
MOSTLY: Final = 0.6
"""Share of them that is hidden when the colour is gone as well."""
LEFT: Final = 0.6
"""Of their usual steps, which blocks still show that are not hidden: a blur leaves none."""
BLUR: Final = (0.65, 0.74)
"""Of the usual sharpness, fine and middle: a slight blur takes the one; of a strong one noise makes up for it, but not
for the other. People who come and go leave 0.73 and 0.87.
"""
BLUR_SPREAD: Final = 0.5
"""Of the usual contrast, below which sharpness says nothing."""
MOVED: Final = 0.04
"""Share of the width or height; cameras tremble in the wind by a tenth of it."""
SAME_SHIFT: Final = 0.02
"""Share of the width or height between two looks at one place: what trembles, and half a pixel."""
SURE: Final = 0.28
"""Confidence of a shift. A view turned by a quarter of its width and height, with people in it, seldom leaves less; a
dark sheet over most of plain walls leaves 0.27, and people before them hardly ever more.
"""
LIKE: Final = 0.25
"""Usual likeness to the reference from which on its loss means something."""
UNLIKE: Final = 0.3
"""Of the usual likeness: another view altogether."""
SAME_TONES: Final = 6.0
"""Mean change of the blocks' brightness while the colour went: by infrared everything looks different."""
SILENT_DB: Final = -75.0
"""Of full scale. The least that G.711 can say is −72 dB; a microphone's own noise is louder."""
CLIPPED: Final = 0.02
"""Share of samples at full scale; somebody who shouts into the microphone has less for longer than a second."""
DRIFT_MS: Final = 1000
"""Lips and words lie apart so that everybody sees it; the network alone makes a fifth of it."""


class FaultEvidence:
    """What was measured, in words."""

    REPEATS: Final = message("health.repeats", "pictures repeat exactly although the stream runs")
    NOTHING_BRIGHT: Final = message("health.nothing-bright", "nothing in it is brighter than black")
    NOTHING_DARK: Final = message("health.nothing-dark", "nothing in it is darker than white")
    NO_EDGE: Final = message("health.no-edge", "one even tone without any edge")
    BESIDE_REFERENCE: Final = message("health.beside-reference", "the view lies beside its reference")
    ANOTHER_VIEW: Final = message("health.another-view", "another view than that of its reference")
    LESS_SHARP: Final = message("health.less-sharp", "much less sharp than usual by this light")
    PART_WITHOUT_DETAIL: Final = message("health.part-without-detail", "a large part of the view has lost all detail")
    MOST_WITHOUT_DETAIL: Final = message(
        "health.most-without-detail", "most of the view has lost all detail, and its colour"
    )
    GREY_BY_DAY: Final = message("health.grey-by-day", "grey by day")
    SENDS_NONE: Final = message("health.sends-none", "the camera promises sound and sends none")
    NOTHING_HEARD: Final = message("health.nothing-heard", "sound comes and nothing can be heard in it")
    CUT_OFF: Final = message("health.cut-off", "the sound is so loud that it is cut off")
    SOUND_AFTER: Final = message("health.sound-after", "sound comes after its picture by more than a second")
    SOUND_BEFORE: Final = message("health.sound-before", "sound comes before its picture by more than a second")


def picture_suspicions(
    now: Picture, last: Trace | None, back: Repetition, known: Mapping[Light, Usual]
) -> Iterator[tuple[MediaFault, Message]]:
    """Each fault that this picture shows, with what was measured. `last`: the look before; `back`: what of this one
    came back; `known`: what is usual by each light.
    """
    own, near = known.get(light(now)), of_same_brightness(known, light(now))
    stands = back.whole or (own is not None and is_known(own) and is_unusual(back, own.back))
    if stands and not is_blind(now):
        yield MediaFault.FROZEN, FaultEvidence.REPEATS
    if now.high <= BLACK_HIGH:
        yield MediaFault.BLACK, FaultEvidence.NOTHING_BRIGHT
    elif now.low >= WHITE_LOW:
        yield MediaFault.WHITE, FaultEvidence.NOTHING_DARK
    elif now.spread < FLAT_SPREAD and max(now.edges) < FLAT_EDGES:
        yield MediaFault.FLAT, FaultEvidence.NO_EDGE
    elif last is not None and _shifted(now.shift, last.shift):
        yield MediaFault.MOVED, FaultEvidence.BESIDE_REFERENCE
    elif own is not None and is_known(own):
        yield from _against(now, own)
    elif near is not None and is_known(near) and _is_hidden(now, near):
        yield MediaFault.COVERED, FaultEvidence.MOST_WITHOUT_DETAIL


def is_blind(now: Picture) -> bool:
    """There is nothing in it to learn from, and nothing that could stand still but what the camera writes over it."""
    return now.high <= BLACK_HIGH or now.low >= WHITE_LOW or now.spread < FLAT_SPREAD


def lost_colour(now: Picture, before: Trace) -> bool:
    """Colour went from one look to the next, and nothing else changed."""
    if now.saturation >= GREY or before.saturation < 2 * GREY:
        return False
    changes = [abs(a - b) for a, b in zip(now.tones, before.tones, strict=True)]
    return sum(changes) / len(changes) <= SAME_TONES


def _shifted(now: Shift | None, last: Shift | None) -> bool:
    """By the same at two looks: people who stand elsewhere than in the reference shift it now so, now so."""
    if now is None or last is None or now.confidence < SURE or max(abs(now.across), abs(now.down)) < MOVED:
        return False
    return max(abs(now.across - last.across), abs(now.down - last.down)) <= SAME_SHIFT


def _against(now: Picture, usual: Usual) -> Iterator[tuple[MediaFault, Message]]:
    """By the same light: another one is another `Usual`, so that no change of it looks like a loss."""
    soft = any(a < share * b for a, share, b in zip(now.sharpness, BLUR, usual.sharpness, strict=True))
    if soft and now.spread >= BLUR_SPREAD * usual.spread:
        yield MediaFault.BLURRED, FaultEvidence.LESS_SHARP
        return
    if _lost(now, usual)[0] >= HIDDEN:
        yield MediaFault.COVERED, FaultEvidence.PART_WITHOUT_DETAIL
        return
    known = usual.likened >= ENOUGH and usual.likeness >= LIKE
    if now.shift is not None and known and now.shift.likeness < UNLIKE * usual.likeness:
        yield MediaFault.MOVED, FaultEvidence.ANOTHER_VIEW


def _is_hidden(now: Picture, usual: Usual) -> bool:
    """Infrared, too, takes the colour; but it leaves edges where there were some."""
    hidden, left = _lost(now, usual)
    return hidden >= MOSTLY or (hidden >= HIDDEN and left and now.spread >= BLUR_SPREAD * usual.spread)


def _lost(now: Picture, usual: Usual) -> tuple[float, bool]:
    """The share of the busy blocks that have lost their detail, and whether any kept it."""
    both = [(a, b) for a, b in zip(now.edges, usual.edges, strict=True) if b >= BUSY]
    if len(both) < BUSY_BLOCKS:
        return 0.0, False
    hidden = sum(a < max(GONE * b, GRAIN) for a, b in both)
    return hidden / len(both), any(a >= LEFT * b for a, b in both)


def sound_suspicions(heard: Heard | None, lag_ms: int | None, *, overdue: bool) -> Iterator[tuple[MediaFault, Message]]:
    """`overdue`: sound is promised and none has come for long. `lag_ms`: how far it lies behind the picture."""
    if overdue:
        yield MediaFault.MUTE, FaultEvidence.SENDS_NONE
    if heard is not None and heard.level_db <= SILENT_DB:
        yield MediaFault.SILENT, FaultEvidence.NOTHING_HEARD
    if heard is not None and heard.clipped >= CLIPPED:
        yield MediaFault.CLIPPED, FaultEvidence.CUT_OFF
    if lag_ms is not None and abs(lag_ms) >= DRIFT_MS:
        yield MediaFault.DRIFT, FaultEvidence.SOUND_AFTER if lag_ms > 0 else FaultEvidence.SOUND_BEFORE


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
    apart_s: float = EVERY_S
    """Since the look before."""


class Suspicion(msgspec.Struct, frozen=True):
    """Of one fault."""

    score: int
    since_ms: int
    site_ms: int
    """The same in site time."""
    evidence: str
    """As `Message.kept`: it lies in a file."""
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
    now = trace(look.picture, look.apart_s)
    back = repetition(memory.before, now)
    shown = dict(picture_suspicions(look.picture, last, back, memory.usual))
    if (lost or look.colour) and look.picture.saturation < GREY and _by_day(look.site_ms) and not _is_dark(look):
        shown.setdefault(MediaFault.COLOURLESS, FaultEvidence.GREY_BY_DAY)
    if look.sound is not False:
        shown |= dict(
            sound_suspicions(look.heard, look.lag_ms, overdue=look.overdue and _is_missed(memory, look.sound))
        )
    suspected, habits = _weighed(memory, look, shown)
    usual, by = dict(memory.usual), light(look.picture)
    calm = not any(not fault.of_sound for fault in suspected)
    if calm and not is_blind(look.picture):
        usual[by] = learned(usual.get(by), look.picture, back, look.apart_s)
    if by in usual:
        usual[by] = aware(usual[by], back)
    before = (*memory.before[-REMEMBERED + 1 :], now)
    after = Memory(usual, suspected, habits, before, lost, memory.heard or look.heard is not None)
    return after, judged(after, look)


def is_settled(memory: Memory, look: Look) -> bool:
    """Whether more looks would tell no more, as long as nothing changes. `memory`: with this look.

    What has been suspected for long and is not found is expected at this hour: it would cost most of the night.
    """
    pending = any(one.found or one.score < SCORE_MAX for one in memory.suspected.values())
    shift = look.picture.shift
    return not (pending or memory.unseen or _shifted(shift, shift)) and (
        is_blind(look.picture) or _is_learned(memory.usual.get(light(look.picture)), shift)
    )


def _is_learned(usual: Usual | None, shift: Shift | None) -> bool:
    return usual is not None and is_known(usual) and (shift is None or usual.likened >= ENOUGH)


def is_sound_wrong(memory: Memory, lag_ms: int | None, *, overdue: bool, wanted: bool | None) -> bool:
    """Whether a look would find a fault of the sound that the worker's counters show. Arguments as in `Look`."""
    shown = sound_suspicions(None, lag_ms, overdue=overdue and _is_missed(memory, wanted))
    return wanted is not False and any(True for _ in shown)


def _is_missed(memory: Memory, wanted: bool | None) -> bool:
    """Sound that does not come: a camera may promise some that nobody wants."""
    return memory.heard or wanted is True


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
    findings = [
        MediaFinding(fault, one.since_ms, Message.recalled(one.evidence))
        for fault, one in memory.suspected.items()
        if one.found
    ]
    colour = look.picture.saturation >= GREY
    faulty = any(finding.fault is MediaFault.COLOURLESS for finding in findings)
    return MediaHealth(
        at_ms=look.at_ms,
        findings=tuple(sorted(findings, key=lambda finding: list(MediaFault).index(finding.fault))),
        colour=None if is_blind(look.picture) else colour,
        day=None if is_blind(look.picture) else colour or faulty,
        sound_db=None if look.heard is None else round(look.heard.level_db, 1),
        drift_ms=look.lag_ms,
    )


def _weighed(
    memory: Memory, look: Look, shown: dict[MediaFault, Message]
) -> tuple[dict[MediaFault, Suspicion], Habits]:
    suspected, habits = {}, memory.habits
    for fault in MediaFault:
        before = memory.suspected.get(fault)
        if fault in shown:
            score = min((before.score if before else 0) + 1, SCORE_MAX)
            start = before or Suspicion(0, look.at_ms, look.site_ms, shown[fault].kept)
            found = start.found or (score >= FOUND_AT and not _is_habit(habits, fault, look))
            suspected[fault] = Suspicion(score, start.since_ms, start.site_ms, shown[fault].kept, found)
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
    went = bool(memory.before) and not memory.unseen and lost_colour(look.picture, memory.before[-1])
    return memory.colour_lost or (went and _by_day(look.site_ms))


def _by_day(site_ms: int) -> bool:
    return site_ms // 3_600_000 % 24 in DAYLIGHT


def _is_dark(look: Look) -> bool:
    return is_blind(look.picture) or light(look.picture) is Light.DIM_NIGHT
