"""Cameras and broker, as the daemon tells of them, or as they answer at the door while it is down. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edged.doctor.findings import Diagnosis, Missing, critical, ok, unknown, warn
from edged.documents.site import Broker, Camera
from edged.health.stream import of_the_box
from edged.words import units
from mqtt.broker_check import BrokerAnswer

NAMED_MAX: Final = 6
"""Cameras that are named in one line; `edgectl cameras` has all."""
OLD_PROTOCOL: Final = (
    "it only speaks MQTT 3.1.1: nobody can tell whether anybody hears what this box reports (docs/mqtt.md)"
)


@dataclass(frozen=True, slots=True)
class DeviceAnswer:
    """Of one device: "" if its port takes a connection, else why not."""

    device: str
    cameras: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class CertificateEnd:
    """Of a certificate."""

    path: str
    days: int | None
    """Until it ends; below 0: since; None: it cannot be read."""


RENEW: Final = "have a new one made, and put it in its place (of the link: docs/mosquitto/README.md)"
CERTIFICATE_SOON_DAYS: Final = 30
CERTIFICATE_NOW_DAYS: Final = 7


def judge_cameras(cameras: Sequence[Camera], *, grave: bool) -> list[Diagnosis]:
    """As the daemon sees them; `grave`: it says that one of them is. One that has only just been started is not."""
    found = []
    for state, judged in (("down", critical if grave else warn), ("degraded", warn)):
        some = [camera for camera in cameras if camera.state == state]
        found += [judged(f"camera {one.id}", f"{state}: {one.reason}", _look_at(one)) for one in some[:NAMED_MAX]]
        if len(some) > NAMED_MAX:
            more = f"{units.counted(len(some) - NAMED_MAX, 'more camera')} {state}"
            found.append(judged("camera", more, "edgectl cameras"))
    recorded = sum(camera.state == "recording" for camera in cameras)
    return found or [ok("cameras", f"{units.counted(recorded, 'camera')} recorded")]


def _look_at(camera: Camera) -> str:
    if of_the_box(camera.cause):
        return "see volume; edgectl retention"
    return "edgectl cameras; then edgectl probe with its url"


def judge_devices(doors: Sequence[DeviceAnswer] | Missing, configured: int) -> list[Diagnosis]:
    """While the daemon is down: no login, only whether somebody listens. `configured`: cameras, of whatever kind."""
    if isinstance(doors, Missing):
        return [doors.check("cameras")]
    silent = [door for door in doors if door.why]
    found = [
        warn(
            f"device {door.device}",
            f"{door.why} (cameras {', '.join(door.cameras[:NAMED_MAX])})",
            "its power and network",
        )
        for door in silent
    ]
    if not configured:
        said = "none is configured: nothing would be recorded"
        return [warn("cameras", said, "add each as a [[cameras]] table: docs/configuration.md")]
    if not doors:
        return [ok("cameras", "none that could be reached are configured")]
    return found or [ok("cameras", f"{units.counted(len(doors), 'device')} can be reached; edged is down")]


def judge_link(broker: Broker) -> Diagnosis:
    """As the daemon sees it."""
    if not broker.configured:
        return ok("broker", "none is configured")
    if not broker.connected:
        return warn(
            "broker", f"not connected to {broker.address}: {broker.reason}", "edgectl status; the broker's own log"
        )
    if broker.protocol == "3.1.1":
        return ok("broker", f"connected to {broker.address}; {OLD_PROTOCOL}")
    return ok("broker", f"connected to {broker.address} with MQTT {broker.protocol}")


def judge_broker(answer: BrokerAnswer | Missing | None) -> Diagnosis:
    """While the daemon is down."""
    if answer is None:
        return ok("broker", "none is configured")
    if isinstance(answer, Missing):
        return answer.check("broker")
    if answer.said:
        return warn("broker", f"{answer.address}: {answer.said}", f"check {answer.check}")
    old = f"; {OLD_PROTOCOL}" if answer.protocol == "3.1.1" else ""
    return ok("broker", f"{answer.address} lets this box in{old}")


def judge_certificates(found: Sequence[CertificateEnd] | Missing) -> list[Diagnosis]:
    if isinstance(found, Missing):
        return [found.check("certificates")]
    checks, good = [], []
    for one in found:
        if one.days is None:
            checks.append(unknown("certificates", f"{one.path} cannot be read", "edgectl config check, as root"))
        elif one.days > CERTIFICATE_SOON_DAYS:
            good.append(one.days)
        else:
            judged = critical if one.days <= CERTIFICATE_NOW_DAYS else warn
            said = f"{one.path} ended {-one.days} days ago" if one.days < 0 else f"{one.path} ends in {one.days} days"
            checks.append(judged("certificates", said, RENEW))
    if checks or not good:
        return checks or [ok("certificates", "none are used")]
    return [ok("certificates", f"the first of {len(good)} ends in {min(good)} days")]
