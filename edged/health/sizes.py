"""Whether what a camera sends has other sizes than usual: then its picture or its sound may have changed. Pure.

A look decodes a key frame; sizes are counted anyway. Behind a cap, in the dark and in glare less is left to code, or
noise alone; what lies between the key frames of a picture that stands still is empty. Sound that falls silent codes to
nearly nothing, unless its codec makes all packets alike.

Sizes are compared with those of the last hour, as far as looks found nothing wrong, and with those at the last look. So
what is usual for a camera (a street, clouds, a rate control) brings no look, and what a look has judged brings none
again. What changed and is back before anybody looked brings one, too: at a constant bit rate a covered lens is soon
coded in as many bytes as any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log2
from typing import Final, NamedTuple, TypeAlias

from recorder.words.messages import Stats

HOUR_S: Final = 3600.0
"""Sizes that do not come any more are unusual again after so long, as all that is learned (`baseline.MEMORY`)."""


class Sizes(NamedTuple):
    """Mean sizes over a second, as binary logarithms of bytes; None where nothing came."""

    key: float | None
    """Of key frames."""
    other: float | None
    """Of the pictures between them."""
    sound: float | None
    """Of packets of sound."""


class SizeRange(NamedTuple):
    """From the least to the most."""

    low: float
    high: float


SizeRanges: TypeAlias = tuple[SizeRange | None, SizeRange | None, SizeRange | None]
NOTHING: Final[SizeRanges] = (None, None, None)
UNKNOWN: Final = Sizes(None, None, None)
NEAR: Final = (0.05, 0.3, 0.3)
"""So far outside of a range is as good as in it: 4 % of a key frame, a quarter of the others. At a constant quality key
frames of a view in which only a sensor's noise moves stay within 5 %; a sheet over a third of it makes 10 % of
difference, a blur 6 to 46 %. At a constant bit rate they stay within a factor of two.
"""
SHARE: Final = 0.1
"""Of a range, if that is more: where sizes vary, those that were not seen yet vary, too."""
LASTING: Final = 12
"""Looks at sizes that last, before they are usual: two minutes, in which a picture that stands still is suspected. To
any other fault one look is enough.
"""


@dataclass(frozen=True, slots=True)
class SizeMemory:
    """Of one camera."""

    usual: SizeRanges = NOTHING
    """While looks found nothing wrong."""
    since: SizeRanges = NOTHING
    """Since the last look."""
    latest: Sizes = UNKNOWN
    judged: Sizes = UNKNOWN
    """As they were when the last look began."""
    changed: bool = False
    """Since then something was as it never is."""
    lasting: int = 0
    """Looks at sizes that are not usual yet, and last."""


def sizes(before: Stats, now: Stats) -> Sizes:
    """Of what came between two reports of one session."""
    keys = now.key_frames - before.key_frames
    sounds = now.sound_units - before.sound_units
    key_bytes = now.key_bytes - before.key_bytes
    sound_bytes = now.sound_bytes - before.sound_bytes
    return Sizes(
        _mean(key_bytes, keys),
        _mean(now.bytes - before.bytes - key_bytes - sound_bytes, now.video_frames - before.video_frames - keys),
        _mean(sound_bytes, sounds),
    )


def reported(memory: SizeMemory, seen: Sizes) -> SizeMemory:
    """With the sizes of a second more."""
    key, other, sound = memory.since
    return SizeMemory(
        memory.usual,
        (_wider(key, seen.key), _wider(other, seen.other), _wider(sound, seen.sound)),
        Sizes(*(last if size is None else size for size, last in zip(seen, memory.latest, strict=True))),
        memory.judged,
        memory.changed or any(map(_is_new, seen, memory.usual, memory.judged, NEAR)),
        memory.lasting,
    )


def begun(memory: SizeMemory) -> SizeMemory:
    """A look begins. What changes until it is judged, it may not have seen."""
    return replace(memory, judged=memory.latest, changed=False)


def looked(memory: SizeMemory, passed_s: float, *, calm: bool) -> SizeMemory:
    """The picture and the sound were judged, `passed_s` after those before. `calm`: nothing is suspected."""
    usual, lasting = memory.usual, 0
    if calm and memory.lasting < LASTING and any(map(_is_unusual, memory.judged, usual, NEAR)):
        lasting = memory.lasting + 1
    elif calm:
        faded = min(1.0, passed_s / HOUR_S)
        (key, other, sound), (new_key, new_other, new_sound) = usual, memory.since
        usual = _learned(key, new_key, faded), _learned(other, new_other, faded), _learned(sound, new_sound, faded)
    return replace(memory, usual=usual, since=NOTHING, lasting=lasting)


def _mean(size: int, count: int) -> float | None:
    return log2(1 + size / count) if count > 0 and size >= 0 else None


def _wider(since: SizeRange | None, size: float | None) -> SizeRange | None:
    if size is None:
        return since
    return SizeRange(size, size) if since is None else SizeRange(min(since.low, size), max(since.high, size))


def _is_new(size: float | None, usual: SizeRange | None, judged: float | None, near: float) -> bool:
    if size is None or usual is None or not _is_unusual(size, usual, near):
        return False
    return judged is None or abs(size - judged) > _far(usual, near)


def _is_unusual(size: float | None, usual: SizeRange | None, near: float) -> bool:
    if size is None or usual is None:
        return False
    far = _far(usual, near)
    return not usual.low - far <= size <= usual.high + far


def _far(usual: SizeRange, near: float) -> float:
    return max(near, SHARE * (usual.high - usual.low))


def _learned(usual: SizeRange | None, new: SizeRange | None, faded: float) -> SizeRange | None:
    """What was usual draws towards what came since."""
    if usual is None or new is None:
        return usual or new
    return SizeRange(
        min(new.low, usual.low + (new.low - usual.low) * faded),
        max(new.high, usual.high + (new.high - usual.high) * faded),
    )
