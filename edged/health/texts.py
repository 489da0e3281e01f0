"""What people are told of a fault: what is wrong, and what to check. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from edged.health.faults import Fault

WORDS: Final[Mapping[Fault, tuple[str, str]]] = {
    Fault.BLACK: ("its picture is black", "the lens (a cap, paint, a cloth), the light there, and the camera itself"),
    Fault.WHITE: ("its picture is white", "what shines into the lens, and the exposure set in the camera"),
    Fault.FLAT: (
        "its picture is one even tone",
        "the lens (a cap, paint, a cloth); if it is free, the camera's sensor",
    ),
    Fault.FROZEN: ("its picture stands still", "the camera: restart it; if that helps only for a while, replace it"),
    Fault.BLURRED: ("its picture is blurred", "the lens: clean it, then set the focus"),
    Fault.COVERED: ("a large part of its view is hidden", "what hangs or stands before the lens, a web or a leaf too"),
    Fault.MOVED: (
        "it looks somewhere else than its reference",
        "whether somebody turned it: turn it back, or have a new reference set (edgectl reference set)",
    ),
    Fault.COLOURLESS: ("its picture is grey by day", "the camera's day and night setting and its infrared filter"),
    Fault.SILENT: ("nothing can be heard in its sound", "the microphone, its plug, and its volume in the camera"),
    Fault.CLIPPED: ("its sound is so loud that it is cut off", "the volume of the microphone in the camera"),
    Fault.MUTE: ("its sound does not come any more", "whether sound is switched on in the camera, then its microphone"),
    Fault.DRIFT: ("its sound lies apart from its picture", "the camera: restart it, then its firmware"),
}
UNJUDGED_CHECK: Final = "whether its picture can be seen: edgectl snapshot; then the camera's firmware and codec"


def says(fault: Fault) -> str:
    return WORDS[fault][0]


def check(fault: Fault) -> str:
    """Worded to follow "Check "."""
    return WORDS[fault][1]
