"""Cameras and broker, as the daemon tells of them, or as they answer at the door while it is down. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edged.doctor.findings import Diagnosis, Missing, critical, ok, unknown, warn
from edged.documents.base import told_in
from edged.documents.site import Broker, Camera
from edged.health.stream import of_the_box
from mqtt.broker_check import BrokerAnswer
from storage.words.message import Message, message

NAMED_MAX: Final = 6
"""Cameras that are named in one line; `edgectl cameras` has all."""


@dataclass(frozen=True, slots=True)
class DeviceAnswer:
    """Of one device: nothing if its port takes a connection, else why not."""

    device: str
    cameras: tuple[str, ...]
    why: Message


@dataclass(frozen=True, slots=True)
class CertificateEnd:
    """Of a certificate."""

    path: str
    days: int | None
    """Until it ends; below 0: since; None: it cannot be read."""


RENEW: Final = message(
    "doctor.certificate.action",
    "have a new one made, and put it in its place (of the link: docs/mosquitto/README.md)",
)
CERTIFICATE_SOON_DAYS: Final = 30
CERTIFICATE_NOW_DAYS: Final = 7


def judge_cameras(cameras: Sequence[Camera], *, grave: bool) -> list[Diagnosis]:
    """As the daemon sees them; `grave`: it says that one of them is. One that has only just been started is not."""
    found = []
    for state, judged in (("down", critical if grave else warn), ("degraded", warn)):
        some = [camera for camera in cameras if camera.state == state]
        found += [judged(f"camera {one.id}", _state(one), _look_at(one)) for one in some[:NAMED_MAX]]
        if len(some) > NAMED_MAX:
            more = _more(len(some) - NAMED_MAX, down=state == "down")
            found.append(judged("camera", more, Message("edgectl cameras")))
    recorded = sum(camera.state == "recording" for camera in cameras)
    said = message("doctor.cameras.one", "1 camera recorded")
    if recorded != 1:
        said = message("doctor.cameras", "{count} cameras recorded", count=recorded)
    return found or [ok("cameras", said)]


def _state(camera: Camera) -> Message:
    reason = told_in(camera, "reason")
    if camera.state == "down":
        return message("doctor.camera.down", "down: {reason}", reason=reason)
    return message("doctor.camera.degraded", "degraded: {reason}", reason=reason)


def _more(count: int, *, down: bool) -> Message:
    if down and count == 1:
        return message("doctor.cameras.one-more-down", "1 more camera down")
    if down:
        return message("doctor.cameras.more-down", "{count} more cameras down", count=count)
    if count == 1:
        return message("doctor.cameras.one-more-degraded", "1 more camera degraded")
    return message("doctor.cameras.more-degraded", "{count} more cameras degraded", count=count)


def _look_at(camera: Camera) -> Message:
    if of_the_box(camera.cause):
        return message("doctor.camera.volume.action", "see volume; edgectl retention")
    return message("doctor.camera.probe.action", "edgectl cameras; then edgectl probe with its url")


def judge_devices(doors: Sequence[DeviceAnswer] | Missing, configured: int) -> list[Diagnosis]:
    """While the daemon is down: no login, only whether somebody listens. `configured`: cameras, of whatever kind."""
    if isinstance(doors, Missing):
        return [doors.check("cameras")]
    silent = [door for door in doors if door.why]
    found = [
        warn(
            f"device {door.device}",
            message(
                "doctor.device", "{reason} (cameras {cameras})", reason=door.why, cameras=list(door.cameras[:NAMED_MAX])
            ),
            message("doctor.device.action", "its power and network"),
        )
        for door in silent
    ]
    if not configured:
        said = message("doctor.cameras.none", "none is configured: nothing would be recorded")
        add = message("doctor.cameras.none.action", "add each as a [[cameras]] table: docs/configuration.md")
        return [warn("cameras", said, add)]
    if not doors:
        return [ok("cameras", message("doctor.devices.none", "none that could be reached are configured"))]
    said = message("doctor.devices.one", "1 device can be reached; edged is down")
    if len(doors) != 1:
        said = message("doctor.devices", "{count} devices can be reached; edged is down", count=len(doors))
    return found or [ok("cameras", said)]


def judge_link(broker: Broker) -> Diagnosis:
    """As the daemon sees it."""
    address = broker.address or ""
    if not broker.configured:
        return ok("broker", _NO_BROKER)
    if not broker.connected:
        said = message(
            "doctor.broker.not-connected",
            "not connected to {address}: {reason}",
            address=address,
            reason=told_in(broker, "reason"),
        )
        look = message("doctor.broker.not-connected.action", "edgectl status; the broker's own log")
        return warn("broker", said, look)
    if broker.protocol == "3.1.1":
        return ok("broker", _old(message("doctor.broker.connected", "connected to {address}", address=address)))
    said = message(
        "doctor.broker.connected-with",
        "connected to {address} with MQTT {protocol}",
        address=address,
        protocol=broker.protocol or "",
    )
    return ok("broker", said)


_NO_BROKER: Final = message("doctor.broker.none", "none is configured")


def _old(said: Message) -> Message:
    return message(
        "doctor.broker.old",
        "{what}; it only speaks MQTT 3.1.1: nobody can tell whether anybody hears what this box reports (docs/mqtt.md)",
        what=said,
    )


def judge_broker(answer: BrokerAnswer | Missing | None) -> Diagnosis:
    """While the daemon is down."""
    if answer is None:
        return ok("broker", _NO_BROKER)
    if isinstance(answer, Missing):
        return answer.check("broker")
    if answer.said:
        said = message("doctor.broker.refuses", "{address}: {reason}", address=answer.address, reason=answer.said)
        return warn("broker", said, message("doctor.check.action", "check {what}", what=answer.check))
    said = message("doctor.broker.lets-in", "{address} lets this box in", address=answer.address)
    return ok("broker", _old(said) if answer.protocol == "3.1.1" else said)


def judge_certificates(found: Sequence[CertificateEnd] | Missing) -> list[Diagnosis]:
    if isinstance(found, Missing):
        return [found.check("certificates")]
    checks, good = [], []
    for one in found:
        if one.days is None:
            said = message("doctor.certificate.unread", "{path} cannot be read", path=one.path)
            as_root = message("doctor.certificate.unread.action", "edgectl config check, as root")
            checks.append(unknown("certificates", said, as_root))
        elif one.days > CERTIFICATE_SOON_DAYS:
            good.append(one.days)
        else:
            judged = critical if one.days <= CERTIFICATE_NOW_DAYS else warn
            said = message("doctor.certificate.ends", "{path} ends in {days} days", path=one.path, days=one.days)
            if one.days < 0:
                said = message(
                    "doctor.certificate.ended", "{path} ended {days} days ago", path=one.path, days=-one.days
                )
            checks.append(judged("certificates", said, RENEW))
    if checks or not good:
        return checks or [ok("certificates", message("doctor.certificates.none", "none are used"))]
    said = message("doctor.certificates", "the first of {count} ends in {days} days", count=len(good), days=min(good))
    return [ok("certificates", said)]
