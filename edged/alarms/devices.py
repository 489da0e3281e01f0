"""One thing told once: what befalls a whole device, an NVR above all, is one alarm and not one for each channel. Pure.

A device is what cameras behind one address share. Its own trouble is told from that of single cameras by how many are
in it and why; once it is told it stays told until its cameras are back or the rest of them is known to have a fault of
their own, and its words change seldom: an alarm is read by people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import Final

from edged.health.stream import DOWN_AFTER_S, CameraState, Condition
from edged.overview.model import AlarmCondition
from recorder.supervisor.runner import CameraView
from storage.words.model import GapCause
from storage.words.results import Severity

REFUSED_ALIKE: Final = frozenset({GapCause.UNREACHABLE, GapCause.REFUSED, GapCause.UNAUTHORISED})
"""Two cameras of which the device itself says so are enough, also while it serves others: its limit of sessions, an
account that lost its rights."""
OWN: Final = frozenset(
    {
        GapCause.NO_SUCH_STREAM,
        GapCause.UNSUPPORTED,
        GapCause.NO_KEYFRAME,
        GapCause.WORKER_CRASH,
        GapCause.DISK_FULL,
        GapCause.FLOOR_PROTECT,
        GapCause.IO_ERROR,
        GapCause.CLOCK_STEP,
    }
)
"""Faults of one camera, or of this box: never the device's."""
LINGER_MS: Final = 30_000
"""A device that is back serves its cameras one after the other; those that are still out by then are so for a reason
of their own. Twice what L1 allows."""
REWORD_MS: Final = 15_000
"""Another cause is told when it has been the commoner one for so long: while an NVR restarts it says many things."""
CONNECTS_S: Final = 5.0
"""Half of what makes an alarm of it."""
GATHER_S: Final = 3.0
"""Cameras of one device find out within this time of each other: an alarm at once would name half of them."""
NAMED: Final = 16
"""Cameras that are named in a text; the screens show each of them."""
_SAID: Final = frozenset({GapCause.REFUSED, GapCause.UNTRUSTED, GapCause.BAD_DATA})
"""What to check is then said best by the session itself: it knows which limit, port or certificate."""
_CHECKS: Final = {
    GapCause.UNREACHABLE: "power and network of this device, and its address in edged's configuration",
    GapCause.UNAUTHORISED: "the account's password and rights, on the device and in edged's configuration",
}
CHECK: Final = "whether this device restarts or is overloaded, its power and its network"


@dataclass(frozen=True, slots=True)
class DeviceCamera:
    """One enabled camera at this instant."""

    camera: str
    device: str
    down: bool
    unsteady: bool
    lost_s: float
    """For how long nothing of it has been recorded."""
    cause: GapCause | None
    came_back: str
    check: str

    @property
    def is_unwell(self) -> bool:
        """Not while it only connects: at a start all do."""
        return self.unsteady or (self.down and self.lost_s >= CONNECTS_S)


@dataclass(frozen=True, slots=True)
class Episode:
    """What is remembered of a device that is in trouble."""

    cameras: frozenset[str]
    """All that have been in it since it began."""
    matched_ms: int
    """When it was last beyond doubt that this is the device's."""
    whole: bool
    """At some instant it served nobody."""
    cause: GapCause | None = None
    came_back: str = ""
    check: str = ""
    rival: GapCause | None = None
    rival_since_ms: int = 0
    out: frozenset[str] = frozenset()
    """Those of them that were unwell at the last look, and since when these were the same ones."""
    out_since_ms: int = 0


def seen(camera: str, view: CameraView, condition: Condition) -> DeviceCamera:
    """What is looked at, of all that is known."""
    return DeviceCamera(
        camera=camera,
        device=view.device,
        down=condition.state is CameraState.DOWN,
        unsteady=condition.unsteady,
        lost_s=condition.lost_s or 0.0,
        cause=view.cause,
        came_back=view.came_back,
        check=view.check,
    )


def step(before: Mapping[str, Episode], cameras: Iterable[DeviceCamera], now_ms: int) -> dict[str, Episode]:
    """One look: the devices that are in trouble, by their name."""
    memory = {}
    for device, group in groupby(sorted(cameras, key=attrgetter("device", "camera")), key=attrgetter("device")):
        members = list(group)
        if len(members) > 1 and (episode := _look(before.get(device), members, now_ms)) is not None:
            memory[device] = episode
    return memory


def _look(known: Episode | None, members: Sequence[DeviceCamera], now_ms: int) -> Episode | None:
    whole = all(one.is_unwell for one in members)
    alike = [
        one for one in members if one.is_unwell and (one.cause in REFUSED_ALIKE or (whole and one.cause not in OWN))
    ]
    if len(alike) > 1:
        names = frozenset(one.camera for one in alike)
        known = (
            Episode(names, now_ms, whole) if known is None else _continued(known, members, names, now_ms, whole=whole)
        )
    elif known is None or now_ms - known.matched_ms > LINGER_MS:
        return None
    return _worded(known, [one for one in members if is_part(one, known)], now_ms)


def _continued(
    known: Episode, members: Sequence[DeviceCamera], alike: frozenset[str], now_ms: int, *, whole: bool
) -> Episode:
    """Whoever came back stays named until nothing has changed for a while: a limit of sessions may last for ever, and
    that all were out when it began is then no longer true.
    """
    out = alike | {one.camera for one in members if is_part(one, known)}
    if out != known.out:
        known = replace(known, out=out, out_since_ms=now_ms)
    if now_ms - known.out_since_ms >= LINGER_MS:
        return replace(known, cameras=out, matched_ms=now_ms, whole=whole)
    return replace(known, cameras=known.cameras | out, matched_ms=now_ms, whole=known.whole or whole)


def is_part(one: DeviceCamera, episode: Episode | None) -> bool:
    """What this camera is in is the device's trouble, and told with it."""
    return episode is not None and one.is_unwell and one.camera in episode.cameras and one.cause not in OWN


def _worded(episode: Episode, members: Sequence[DeviceCamera], now_ms: int) -> Episode:
    """With the words of the commonest cause, unless it only just became that."""
    spoken = {one.cause: one for one in reversed(members) if one.came_back}
    if not spoken:
        return episode
    counts = Counter(one.cause for one in members if one.came_back)
    commonest = max(sorted(counts, key=str), key=counts.__getitem__)
    if commonest is episode.cause and episode.came_back:
        return replace(episode, rival=None)
    if episode.came_back:
        if commonest is not episode.rival:
            return replace(episode, rival=commonest, rival_since_ms=now_ms)
        if now_ms - episode.rival_since_ms < REWORD_MS:
            return episode
    voice = spoken[commonest]
    check = voice.check if commonest in _SAID else ""
    check = check or _CHECKS.get(commonest or GapCause.UNKNOWN, CHECK)
    return replace(episode, cause=commonest, came_back=voice.came_back, check=check, rival=None)


def troubles(episodes: Mapping[str, Episode], cameras: Sequence[DeviceCamera]) -> dict[str, AlarmCondition]:
    """The alarms of devices, by key; those of their cameras are left out by whoever tells these."""
    found = {}
    for device, episode in episodes.items():
        members = [one for one in cameras if one.device == device]
        parts = [one for one in members if is_part(one, episode)]
        is_down = any(one.down and one.lost_s >= DOWN_AFTER_S for one in parts)
        if is_down or any(one.unsteady for one in parts):
            address = device.partition("://")[2] or device
            severity = Severity.CRITICAL if is_down else Severity.WARNING
            text = _text(address, episode, len(members), is_down=is_down)
            action = f"Check {episode.check or CHECK}"
            found[f"device.fault:{address}"] = AlarmCondition(severity, text, action, GATHER_S, about=episode.cameras)
    return found


def _text(address: str, episode: Episode, known: int, *, is_down: bool) -> str:
    names = sorted(episode.cameras)
    listed = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    what = "not recorded" if is_down else "recorded only part of the time"
    count = f"All {known}" if episode.whole else f"{len(names)} of {known}"
    why = f": {episode.came_back}" if episode.came_back else ""
    return f"{count} cameras behind {address} are {what} ({listed}){why}"
