"""The disk of the state directory refuses writes or dies below the real daemon, while the volume is well.

No row can be written before its file, so nothing is promised for what is recorded meanwhile. What was committed stays,
what was in progress is salvaged, the trouble is told, and once the disk is well the next start records within L1's
15 s. (A state directory that fills up: `tests/faults/storage/ring/test_full.py`.)
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from storage.words.layout import IDENTITY_NAME
from tests.support import promises
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.disks import Ext4, may_mount
from tests.support.promises import Box
from tests.support.waiting import let_run, wait_until

pytestmark = pytest.mark.skipif(not may_mount(), reason="mounting needs root")

NAMES: Final = ("one", "two")
PATTERN: Final = "test://?size=160x96&fps=10&gop=0.5"
NOTICED_S: Final = 20.0
BACK_S: Final = 15.0
"""L1."""


def test_a_bad_state_disk_loses_nothing_that_was_committed(memory: Path) -> None:
    folder, answered = memory / "edged", dict[str, str]()
    setup = Setup([Watched(name, PATTERN) for name in NAMES], segment="2s")
    with Ext4(folder / "state", 64 << 20) as disk, Daemon(folder, setup) as edged:
        edged.wait_for_states("recording", NAMES)
        for trouble in (Ext4.refuse_writes, Ext4.die):
            answered |= told_before(edged, disk, trouble)
        assert edged.stop() == 0
        volume = json.loads((edged.volume / IDENTITY_NAME).read_text())["volume"]
        box = Box(edged.state, {volume: edged.volume})
        assert promises.at_rest(box) == []
        there = {str(edged.volume / promises.name_of(row)): row["sha256"].hex() for row in box.segments()}
        assert answered.items() <= there.items()


def told_before(edged: Daemon, disk: Ext4, trouble: Callable[[Ext4], object]) -> dict[str, str]:
    """What was committed before the trouble: path and SHA-256. Returns once the disk is well and recording goes on."""
    wanted, said = committed(edged) + 2, len(edged.log)
    edged.until(lambda: committed(edged) >= wanted, NOTICED_S, "segments are committed")
    answered = {one.path: one.sha256 for name in NAMES for one in edged.listed(name)}
    trouble(disk)
    wait_until(lambda: "not stored" in edged.log[said:], NOTICED_S, "it says so in its journal")
    let_run(3, lambda: None)  # whether it lives on or ends is its own affair
    edged.kill_everything()
    edged.wait_for_no_process()
    disk.vanish()
    disk.mend()
    edged.start()
    edged.wait_for_footage(NAMES, BACK_S)
    edged.wait_for(lambda status: not status.recovering, BACK_S, "what was in progress is adopted")
    return answered


def committed(edged: Daemon) -> int:
    """By each camera."""
    return min(len(edged.listed(name)) for name in NAMES)
