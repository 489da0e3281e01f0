"""What the journal hears of a camera: once when trouble starts, once for each further cause, once when it is over.

What befalls a whole device is told of the device: thirty cameras behind an NVR that restarts are two or three lines,
not sixty. Pure but for the log itself; times come in as values.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Final

from recorder.supervisor.state import Phase, State, sentence
from storage.words.model import GapCause

log = logging.getLogger("edged.camera")

PROVEN_MS: Final = 10_000
"""A camera records again when it has for so long: one that fails every few seconds must not fill the journal."""
JOINT_MS: Final = 60_000
"""Cameras of one device that fail within this time of each other do so together: an NVR that hangs is noticed by all
within their patience, and the last of them finds out when its turn to connect comes."""
JOINT: Final = frozenset(
    {GapCause.UNREACHABLE, GapCause.REFUSED, GapCause.UNAUTHORISED, GapCause.STALLED, GapCause.DROPPED}
)
"""Causes that befall a device."""


@dataclass(slots=True)
class _Trouble:
    """Of one device, while any camera of it is in it."""

    last_ms: int
    cameras: set[str] = field(default_factory=set)
    causes: set[GapCause] = field(default_factory=set)
    joint: bool = False
    """More than one camera: from now on the device is told of."""


class DeviceLog:
    """Cameras that share a device, told of together. One for all runners."""

    def __init__(self) -> None:
        self._devices: dict[str, _Trouble] = {}

    def trouble(self, camera: str, device: str, cause: GapCause, words: str, now_ms: int) -> str:
        """What to say when a camera is not recorded for a cause that was not told of it yet; "" for nothing."""
        own = f"{camera}: not recorded ({cause}): {words}"
        if cause not in JOINT:
            return own
        known = self._devices.get(device)
        if known is None or now_ms - known.last_ms > JOINT_MS:
            self._devices[device] = _Trouble(now_ms, {camera}, {cause})
            return own
        known.last_ms = now_ms
        known.cameras.add(camera)
        news = cause not in known.causes
        known.causes.add(cause)
        if not known.joint:
            known.joint = len(known.cameras) > 1
            return f"{own} (others behind {device} that follow are not named here)" if known.joint else own
        return f"cameras behind {device}: not recorded ({cause}): {words}" if news else ""

    def well(self, camera: str, device: str, lasted: str) -> str:
        """What to say when a camera records again; "" for nothing."""
        known = self._devices.get(device)
        if known is None or camera not in known.cameras:
            return f"{camera}: {lasted}"
        self.leave(camera, device)
        if not known.joint:
            return f"{camera}: {lasted}"
        return "" if known.cameras else f"cameras behind {device}: all record again"

    def leave(self, camera: str, device: str) -> None:
        """It is no longer recorded at all."""
        known = self._devices.get(device)
        if known is not None:
            known.cameras.discard(camera)
            if not known.cameras:
                del self._devices[device]


class CameraLog:
    """Of one camera."""

    def __init__(self, camera: str, device: str, device_log: DeviceLog) -> None:
        self._camera = camera
        self._device = device
        self._device_log = device_log
        self._told: set[GapCause] = set()
        self._well_since_ms = 0

    def look(self, before: GapCause | None, state: State, now_ms: int) -> None:
        """After each step of the machine; `before` is the cause as it was."""
        if state.phase is Phase.STOPPED:
            self._device_log.leave(self._camera, self._device)
        elif state.cause is None:
            self._is_well(before, now_ms)
        elif state.words and state.cause not in self._told:
            self._told.add(state.cause)
            words = self._device_log.trouble(self._camera, self._device, state.cause, sentence(state.words), now_ms)
            if words:
                log.warning("%s", words)

    def _is_well(self, before: GapCause | None, now_ms: int) -> None:
        if before is not None:
            self._well_since_ms = now_ms
            if not self._told:
                log.info("%s: records", self._camera)
        elif self._told and now_ms - self._well_since_ms >= PROVEN_MS:
            self._told.clear()
            lasted = f"records again since {(now_ms - self._well_since_ms) // 1000} s"
            words = self._device_log.well(self._camera, self._device, lasted)
            if words:
                log.info("%s", words)
