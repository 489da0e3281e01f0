"""A disk that fills up, dies, refuses writes or vanishes in mid-write: the segment is given up, the camera stays.

Real file systems below the real daemon. Whatever happens to the disk, no worker ends and no connection; the gap says
what it was; once the disk is well again, recording goes on by itself within L1's 15 s; every file that is there is
whole, and nothing counts as unexplained (S9).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import Profile
from tests.support import frames
from tests.support.configuration import Setup
from tests.support.daemon import Daemon, moment
from tests.support.disks import Ext4, may_mount
from tests.support.fsck import fsck_clean
from tests.support.rtsp_server import RtspServer
from tests.support.scenes import cheap, connections, watched
from tests.support.waiting import let_run

pytestmark = pytest.mark.skipif(not may_mount(), reason="mounting needs root")

NAMES: Final = ("one", "two")
CAMERAS: Final = tuple(replace(cheap(name, gop=15)) for name in NAMES)
CONNECTED_ONCE: Final = dict.fromkeys(NAMES, 1)
NOTICED_S: Final = 20.0
"""A write fails within a second; a full disk may first let smaller things through."""
BACK_S: Final = 25.0
"""L1's 15 s, and as long as the daemon needs to look at its disks (1 s) and a camera to its key frame."""
STANDS_S: Final = 3.0
"""How long a trouble goes on once it was noticed: a segment, and three looks at the disks."""


@dataclass(frozen=True)
class Office:
    """A daemon whose volume is a disk of its own."""

    disk: Ext4
    edged: Daemon
    server: RtspServer

    def gaps(self, name: str, since_s: float) -> set[str]:
        """Causes of what lasts, or has ended since then."""
        return {gap.cause for gap in self.edged.gaps(name) if gap.end is None or moment(gap.end) >= since_s}

    def committed(self) -> int:
        return min(len(self.edged.listed(name)) for name in NAMES)


@contextmanager
def office_with_a_disk(memory: Path) -> Iterator[Office]:
    """Once each camera has a segment."""
    with (
        Ext4(memory / "edged" / "volume") as disk,
        RtspServer(CAMERAS, memory / "cameras") as server,
        Daemon(memory / "edged", Setup(watched(server), segment="2s", max_bytes="100MB")) as edged,
    ):
        edged.wait_for_states("recording", NAMES)
        made = Office(disk, edged, server)
        edged.until(lambda: made.committed() >= 1, 20, "segments are committed")
        yield made


def fills_up(office: Office) -> Callable[[], None]:
    ballast = office.disk.fill()
    return ballast.unlink


def dies(office: Office) -> Callable[[], None]:
    office.disk.die()
    return lambda: mend(office)


def refuses_writes(office: Office) -> Callable[[], None]:
    office.disk.refuse_writes()
    return lambda: mend(office)


def vanishes(office: Office) -> Callable[[], None]:
    office.disk.vanish()
    return lambda: mend(office, mounted=False)


def mend(office: Office, *, mounted: bool = True) -> None:
    """As a technician does it: away with it, fsck, mount. edged must have let go of it by then."""
    if mounted:
        office.disk.vanish()
    office.disk.mend()


@dataclass(frozen=True)
class Trouble:
    """What befalls the disk, and what the gaps say of it."""

    begin: Callable[[Office], Callable[[], None]]
    causes: frozenset[str]


TROUBLES: Final = (
    Trouble(fills_up, frozenset({"disk-full"})),
    Trouble(dies, frozenset({"io-error"})),
    Trouble(vanishes, frozenset({"io-error"})),
)
WITH_LONG: Final = Trouble(refuses_writes, frozenset({"io-error"}))
"""To edged the same as one that dies."""
EXPECTED: Final = {"starting", "daemon-stopped", "unreachable", "refused"}.union(*(one.causes for one in TROUBLES))


def costs_its_time(office: Office, trouble: Trouble) -> None:
    """… and no connection."""
    edged, workers, before, began_s = office.edged, office.edged.workers(), office.committed(), time.time()
    assert len(workers) == 1, "one process reads them"
    end = trouble.begin(office)
    edged.until(lambda: all(trouble.causes <= office.gaps(name, began_s) for name in NAMES), NOTICED_S, f"{trouble}")
    let_run(STANDS_S, edged.check_alive)
    if trouble.begin is vanishes:
        assert list(office.disk.path.iterdir()) == [], "S10: not below its mount point, whoever made a directory there"
        assert os.path.ismount(office.disk.path) is False
    assert edged.workers() == workers
    assert connections(office.server) == CONNECTED_ONCE, "the cameras stay connected"
    end()
    edged.wait_for_footage(NAMES, BACK_S)
    edged.until(lambda: office.committed() >= before + 2, BACK_S, "segments are committed again")
    assert edged.workers() == workers
    assert connections(office.server) == CONNECTED_ONCE, "the cameras stayed connected"
    assert all(office.gaps(name, began_s) <= trouble.causes for name in NAMES)


def test_a_bad_disk_costs_its_time_and_nothing_else(memory: Path, profile: Profile) -> None:
    with office_with_a_disk(memory) as office:
        for trouble in TROUBLES if profile.name == "short" else (*TROUBLES, WITH_LONG):
            costs_its_time(office, trouble)
        edged = office.edged
        assert edged.stop() == 0
        office.server.close()
        edged.start()
        edged.until(edged.status, BACK_S, "it answers, and nobody is recorded")
        edged.wait_for(lambda status: not status.recovering, 15, "what was in progress is adopted")
        assert edged.catalog_faults() == []
        fsck_clean(edged)
        for name in NAMES:
            files = edged.recorded(name)
            assert [
                fault for file in files for fault in frames.file_faults(file) + frames.decode_faults(file.path)
            ] == []
            assert edged.camera(name).unexplained_s == 0
