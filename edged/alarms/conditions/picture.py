"""What is wrong with the cameras' pictures and sound, as alarms: one for each camera and fault. Pure.

A camera that is down has an alarm of its own, and what was found before is told again when it is back.
"""

from __future__ import annotations

from collections.abc import Iterator

from edged.health import faults
from edged.health.stream import CameraState
from edged.overview.model import Overview, Trouble
from storage.words.results import Severity


def picture_troubles(seen: Overview) -> Iterator[tuple[str, Trouble]]:
    for camera, judged in seen.judged.items():
        health = seen.health.get(camera)
        if health is None or health.condition.state not in (CameraState.RECORDING, CameraState.DEGRADED):
            continue
        for finding in judged.findings:
            text = f"Camera {camera}: {faults.what_is_wrong(finding.fault)} ({finding.evidence})"
            action = f"Check {faults.what_to_check(finding.fault)}"
            yield f"camera.{finding.fault}:{camera}", Trouble(Severity.WARNING, text, action)
        if judged.unjudged:
            text = f"Camera {camera} is recorded, but its picture cannot be judged: {judged.unjudged}"
            yield f"camera.unjudged:{camera}", Trouble(Severity.WARNING, text, f"Check {faults.UNJUDGED_CHECK}")
