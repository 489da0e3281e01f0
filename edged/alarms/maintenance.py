"""Which alarms wait while somebody is at work (維護), and what the verdict says of it. Pure.

Held back is what the work itself may bring about, and nothing else: a camera that is out, a disk that is taken out, a
link that is pulled. What endangers what is kept, or tells what people did, is never held back, whoever is at work; nor
is what this table does not name. What stood before goes on standing: that it is seen to makes it no less true. Nor is
anything held back that was wrong before the work began: one maintenance right after another hides nothing for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from edged.alarms.tracking import Tracked
from edged.overview import AlarmCondition
from storage.tickets.maintenance_table import Lasting

CAMERA: Final = "camera."
DEVICE: Final = "device.fault"
OF_THE_BOX: Final[Mapping[str, str]] = {
    "storage.away": "a disk that is being changed",
    "storage.failing": "a disk whose cable is being changed",
    "storage.slow": "a disk that is being copied",
    "storage.ballast": "a system disk that is being worked on",
    "ledger.unwritten": "a disk that is being changed does not get the ledger's copy",
    "clock.stepped": "a clock that is being set",
    "mqtt.down": "a link that is pulled, or a network that is rebuilt",
    "mqtt.refused": "the broker's account is being changed",
}
"""By what alarms are called before the colon: held back while the whole box is worked on, beside those of all cameras
and devices. What of the work may bring each about."""
NEVER: Final[Mapping[str, str]] = {
    "pin": "evidence",
    "ledger": "whether the record is whole and signed; its copy on a disk that is out is named above",
    "storage.tampered": "files are not as they were left: whoever is at work may have done it",
    "storage.lost": "footage is gone for good",
    "storage.full": "no work on cameras or disks makes floors need more room; recording stops",
    "retention": "floors and ceilings",
    "database": "the catalog was lost",
    "journal": "what people did is not on record",
    "roles": "who may do what",
    "internal": "edged itself fails",
    "mqtt.unheard": "a day is longer than any work",
    "mqtt.certificate": "it ends whoever is at work",
    "fault": "what waits to be mended for days",
}
"""By name, or by the part before the point: raised whoever is at work, and why."""


NOTHING: Final[Mapping[str, Tracked]] = {}


def is_held(key: str, about: Collection[str], under: Lasting | None) -> bool:
    """Whether this alarm waits. `about`: the cameras of a device that is in trouble."""
    name, _, subject = key.partition(":")
    if under is None:
        return False
    if name.startswith(CAMERA):
        return under.covers(subject)
    if name == DEVICE:
        return under.is_whole or (bool(about) and all(map(under.covers, about)))
    return under.is_whole and name in OF_THE_BOX


def held(
    troubles: Mapping[str, AlarmCondition], under: Lasting | None, tracked: Mapping[str, Tracked] = NOTHING
) -> frozenset[str]:
    """Those of them that wait. `tracked`: since when each is there."""
    if under is None:
        return frozenset()
    before = {key for key, one in tracked.items() if one.first_s * 1000 < under.began_ms}
    return frozenset(
        key for key, trouble in troubles.items() if key not in before and is_held(key, trouble.about, under)
    )


def waiting(tracked: Mapping[str, Tracked], keys: Collection[str], now_s: float) -> dict[str, AlarmCondition]:
    """What would be raised by now, and waits."""
    return {
        key: one.trouble
        for key, one in tracked.items()
        if key in keys and not one.raised and now_s - one.first_s >= one.trouble.raise_after_s
    }


def sentence(under: Lasting | None, held_back: int, quiet: Sequence[str]) -> str:
    """What the verdict says, so that nobody takes cameras that are worked on for cameras that record; "": nothing."""
    if under is None or not (held_back or quiet):
        return ""
    what = ", ".join(under.maintenance.cameras) or "the whole box"
    waits = f", {held_back} alarms wait" if held_back != 1 else ", 1 alarm waits"
    return f"maintenance of {what} is under way{waits if held_back else ''}. See: edgectl maintenance"


def not_recording(states: Iterable[tuple[str, str]], under: Lasting | None) -> list[str]:
    """Of cameras and their states: those that are worked on and do not record as they should."""
    if under is None:
        return []
    return [camera for camera, state in states if under.covers(camera) and state in ("down", "degraded")]
