"""What half a second of sound gives reason to suspect. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edged.health.faults import Fault
from recorder.decoder.messages import Heard

SILENT_DB: Final = -75.0
"""Of full scale. The least that G.711 can say is −72 dB; a microphone's own noise is louder."""
CLIPPED: Final = 0.02
"""Share of samples at full scale; somebody who shouts into the microphone has less for longer than a second."""
DRIFT_MS: Final = 1000
"""Lips and words lie apart so that everybody sees it; the network alone makes a fifth of it."""


def suspicions(heard: Heard | None, lag_ms: int | None, *, overdue: bool) -> Iterator[tuple[Fault, str]]:
    """`overdue`: sound is promised and none has come for long. `lag_ms`: how far it lies behind the picture."""
    if overdue:
        yield Fault.MUTE, "the camera promises sound and sends none"
    if heard is not None and heard.level_db <= SILENT_DB:
        yield Fault.SILENT, "sound comes and nothing can be heard in it"
    if heard is not None and heard.clipped >= CLIPPED:
        yield Fault.CLIPPED, "the sound is so loud that it is cut off"
    if lag_ms is not None and abs(lag_ms) >= DRIFT_MS:
        yield Fault.DRIFT, f"sound comes {'after' if lag_ms > 0 else 'before'} its picture by more than a second"
