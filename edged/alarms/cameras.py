"""What is wrong with single cameras, as alarms: the recording of each, and each fault of its picture and sound. Pure.

A camera that is down has an alarm of its own, and what was found in its picture before is told again when it is
back. What befalls a whole device is told by `edged.alarms.devices`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from edged.health import faults
from edged.health.stream import DOWN_AFTER_S, CameraState
from edged.overview.model import AlarmCondition, CameraHealth, Overview
from recorder.words.address import without_login
from storage.words.results import Severity

SIBLINGS_S: Final = 5.0
"""Other cameras of the same device are down by then as well, if it is the device."""


def camera_troubles(
    seen: Overview, told: Collection[str], patient: Collection[str]
) -> Iterator[tuple[str, AlarmCondition]]:
    """What is told of their devices is left out; a camera that shares one waits whether others follow."""
    for name, health in seen.health.items():
        condition = health.condition
        if name in told:
            continue
        if condition.state is CameraState.DOWN and (condition.lost_s is None or condition.lost_s >= DOWN_AFTER_S):
            wait_s = DOWN_AFTER_S if condition.lost_s is None else SIBLINGS_S if name in patient else 0.0
            yield (
                f"camera.down:{name}",
                AlarmCondition(Severity.CRITICAL, *_words(name, "is not recorded", health), wait_s),
            )
        elif condition.state is CameraState.DEGRADED:
            wait_s = SIBLINGS_S if name in patient else 0.0
            yield (
                f"camera.degraded:{name}",
                AlarmCondition(Severity.WARNING, *_words(name, "is degraded", health), wait_s),
            )


def _words(name: str, what: str, health: CameraHealth) -> tuple[str, str]:
    return f"Camera {name} {what}: {without_login(health.condition.reason)}", _action(health.condition.check)


def _action(check: str) -> str:
    return f"Check {check}" if check else ""


def picture_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
    for camera, judged in seen.judged.items():
        health = seen.health.get(camera)
        if health is None or health.condition.state not in (CameraState.RECORDING, CameraState.DEGRADED):
            continue
        for finding in judged.findings:
            text = f"Camera {camera}: {faults.what_is_wrong(finding.fault)} ({finding.evidence})"
            action = f"Check {faults.what_to_check(finding.fault)}"
            yield f"camera.{finding.fault}:{camera}", AlarmCondition(Severity.WARNING, text, action)
        if judged.unjudged:
            text = f"Camera {camera} is recorded, but its picture cannot be judged: {judged.unjudged}"
            yield f"camera.unjudged:{camera}", AlarmCondition(Severity.WARNING, text, f"Check {faults.UNJUDGED_CHECK}")
