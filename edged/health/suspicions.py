"""What one picture and half a second of sound give reason to suspect, against what was before and what is usual. Pure.

One look proves nothing: `edged.health.judge` weighs several. What is no fault is told apart here: lights that are
switched off, a camera that goes over to infrared, grain of rain or of a sensor, a corridor in which nothing moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from edged.health.baseline import (
    ENOUGH,
    GREY,
    Light,
    Repetition,
    Trace,
    Usual,
    is_known,
    is_unusual,
    light,
    of_same_brightness,
)
from edged.health.faults import MediaFault
from recorder.decoder.messages import Heard, Picture, Shift

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


def picture_suspicions(
    now: Picture, last: Trace | None, back: Repetition, known: Mapping[Light, Usual]
) -> Iterator[tuple[MediaFault, str]]:
    """Each fault that this picture shows, with what was measured. `last`: the look before; `back`: what of this one
    came back; `known`: what is usual by each light.
    """
    own, near = known.get(light(now)), of_same_brightness(known, light(now))
    stands = back.whole or (own is not None and is_known(own) and is_unusual(back, own.back))
    if stands and not is_blind(now):
        yield MediaFault.FROZEN, "pictures repeat exactly although the stream runs"
    if now.high <= BLACK_HIGH:
        yield MediaFault.BLACK, "nothing in it is brighter than black"
    elif now.low >= WHITE_LOW:
        yield MediaFault.WHITE, "nothing in it is darker than white"
    elif now.spread < FLAT_SPREAD and max(now.edges) < FLAT_EDGES:
        yield MediaFault.FLAT, "one even tone without any edge"
    elif last is not None and _shifted(now.shift, last.shift):
        yield MediaFault.MOVED, "the view lies beside its reference"
    elif own is not None and is_known(own):
        yield from _against(now, own)
    elif near is not None and is_known(near) and _is_hidden(now, near):
        yield MediaFault.COVERED, "most of the view has lost all detail, and its colour"


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


def _against(now: Picture, usual: Usual) -> Iterator[tuple[MediaFault, str]]:
    """By the same light: another one is another `Usual`, so that no change of it looks like a loss."""
    soft = any(a < share * b for a, share, b in zip(now.sharpness, BLUR, usual.sharpness, strict=True))
    if soft and now.spread >= BLUR_SPREAD * usual.spread:
        yield MediaFault.BLURRED, "much less sharp than usual by this light"
        return
    if _lost(now, usual)[0] >= HIDDEN:
        yield MediaFault.COVERED, "a large part of the view has lost all detail"
        return
    known = usual.likened >= ENOUGH and usual.likeness >= LIKE
    if now.shift is not None and known and now.shift.likeness < UNLIKE * usual.likeness:
        yield MediaFault.MOVED, "another view than that of its reference"


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


def sound_suspicions(heard: Heard | None, lag_ms: int | None, *, overdue: bool) -> Iterator[tuple[MediaFault, str]]:
    """`overdue`: sound is promised and none has come for long. `lag_ms`: how far it lies behind the picture."""
    if overdue:
        yield MediaFault.MUTE, "the camera promises sound and sends none"
    if heard is not None and heard.level_db <= SILENT_DB:
        yield MediaFault.SILENT, "sound comes and nothing can be heard in it"
    if heard is not None and heard.clipped >= CLIPPED:
        yield MediaFault.CLIPPED, "the sound is so loud that it is cut off"
    if lag_ms is not None and abs(lag_ms) >= DRIFT_MS:
        yield MediaFault.DRIFT, f"sound comes {'after' if lag_ms > 0 else 'before'} its picture by more than a second"
