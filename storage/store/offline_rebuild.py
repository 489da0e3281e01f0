"""The rebuild while no daemon runs: under its lock, with its volumes, and without recording to give way to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from storage.mirror.table import ON_PURPOSE
from storage.recovery import detect
from storage.recovery.walk import RebuildReport
from storage.store import opening
from storage.store.facade import Store
from storage.volumes.space import VolumeSpec
from storage.words.clock import Clock

log = logging.getLogger("edged.storage.store")


def made_anew(
    state: Path,
    node: str,
    volumes: Sequence[VolumeSpec],
    clock: Clock,
    progress: Callable[[Mapping[str, Any]], None],
    *,
    fresh: bool,
) -> tuple[RebuildReport, str | None]:
    """Everything that is there, and where the earlier database lies. With `fresh` the present one is set aside.

    StateLocked while a daemon runs. A crash at any moment leaves what the next start, or the next call, goes on with.
    """
    if fresh:
        with opening.locked(state):
            detect.mark(state / opening.DATABASE_NAME, ON_PURPOSE)
    store = Store.open(state=state, node=node, volumes=volumes, clock=clock)
    try:
        report = store.books.rebuild(progress, everything=True, paced=False)
        last = store.books.last_rebuild()
        return report, last.aside if last is not None else None
    finally:
        store.close()
