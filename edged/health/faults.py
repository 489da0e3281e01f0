"""What can be wrong with a camera's picture and sound, and what people are told of it. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from storage.words.message import NOTHING, Message, message


class MediaFault(StrEnum):
    """What is wrong though the stream runs: first with the picture, then with the sound."""

    BLACK = "black"
    WHITE = "white"
    FLAT = "flat"
    """One even tone: a lens behind a cap, a sensor that is dead."""
    FROZEN = "frozen"
    """The same picture again and again, while the stream runs."""
    BLURRED = "blurred"
    COVERED = "covered"
    """Something hangs before a large part of the view."""
    MOVED = "moved"
    """The view is not that of the reference that the operator set."""
    COLOURLESS = "colourless"
    """Grey by day."""
    SILENT = "silent"
    """Sound comes, and nothing can be heard in it."""
    CLIPPED = "clipped"
    """So loud that it is distorted."""
    MUTE = "mute"
    """Promised, but no sound comes."""
    DRIFT = "drift"
    """Sound and picture lie apart."""

    @property
    def of_sound(self) -> bool:
        return self in _SOUND


_SOUND = frozenset({MediaFault.SILENT, MediaFault.CLIPPED, MediaFault.MUTE, MediaFault.DRIFT})


@dataclass(frozen=True, slots=True)
class MediaFinding:
    """One fault, until it is over."""

    fault: MediaFault
    since_ms: int
    """Wall clock of the first picture or sound that showed it."""
    evidence: Message
    """What was measured, for people: no figure that changes with each look."""


@dataclass(frozen=True, slots=True)
class MediaHealth:
    """What is known of a camera's picture and sound."""

    at_ms: int
    """Wall clock of the newest look; 0 where none came to anything yet."""
    findings: tuple[MediaFinding, ...] = ()
    colour: bool | None = None
    """Whether there is colour in the picture; None while unknown."""
    day: bool | None = None
    """False: the camera sees by infrared, without colour; None while unknown."""
    sound_db: float | None = None
    """Level of the sound in dB below full scale (0 or less); None where none was heard."""
    drift_ms: int | None = None
    """By how much the sound lies after the picture; None where that is not known."""
    unjudged: Message = NOTHING
    """Why its picture cannot be judged at present; NOTHING when it can, or nobody has looked yet."""


FAULT_TEXTS: Final[Mapping[MediaFault, tuple[Message, Message]]] = {
    MediaFault.BLACK: (
        message("health.black", "its picture is black"),
        message("health.black.check", "the lens (a cap, paint, a cloth), the light there, and the camera itself"),
    ),
    MediaFault.WHITE: (
        message("health.white", "its picture is white"),
        message("health.white.check", "what shines into the lens, and the exposure set in the camera"),
    ),
    MediaFault.FLAT: (
        message("health.flat", "its picture is one even tone"),
        message("health.flat.check", "the lens (a cap, paint, a cloth); if it is free, the camera's sensor"),
    ),
    MediaFault.FROZEN: (
        message("health.frozen", "its picture stands still"),
        message("health.frozen.check", "the camera: restart it; if that helps only for a while, replace it"),
    ),
    MediaFault.BLURRED: (
        message("health.blurred", "its picture is blurred"),
        message("health.blurred.check", "the lens: clean it, then set the focus"),
    ),
    MediaFault.COVERED: (
        message("health.covered", "a large part of its view is hidden"),
        message("health.covered.check", "what hangs or stands before the lens, a web or a leaf too"),
    ),
    MediaFault.MOVED: (
        message("health.moved", "it looks somewhere else than its reference"),
        message(
            "health.moved.check",
            "whether somebody turned it: turn it back, or have a new reference set (edgectl reference set)",
        ),
    ),
    MediaFault.COLOURLESS: (
        message("health.colourless", "its picture is grey by day"),
        message("health.colourless.check", "the camera's day and night setting and its infrared filter"),
    ),
    MediaFault.SILENT: (
        message("health.silent", "nothing can be heard in its sound"),
        message("health.silent.check", "the microphone, its plug, and its volume in the camera"),
    ),
    MediaFault.CLIPPED: (
        message("health.clipped", "its sound is so loud that it is cut off"),
        message("health.clipped.check", "the volume of the microphone in the camera"),
    ),
    MediaFault.MUTE: (
        message("health.mute", "its sound does not come any more"),
        message("health.mute.check", "whether sound is switched on in the camera, then its microphone"),
    ),
    MediaFault.DRIFT: (
        message("health.drift", "its sound lies apart from its picture"),
        message("health.drift.check", "the camera: restart it, then its firmware"),
    ),
}
UNJUDGED_CHECK: Final = message(
    "health.unjudged.check",
    "whether its picture can be seen: edgectl snapshot; then the camera's firmware and codec",
)


def what_is_wrong(fault: MediaFault) -> Message:
    return FAULT_TEXTS[fault][0]


def what_to_check(fault: MediaFault) -> Message:
    """Worded to follow "Check "."""
    return FAULT_TEXTS[fault][1]
