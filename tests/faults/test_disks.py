"""A disk that fills up, dies, refuses writes or vanishes in mid-write: the segment is given up, the camera stays.

Real file systems below the real daemon. Whatever happens to the disk, no worker ends and no connection; the gap says
what it was; once the disk is well again, recording goes on by itself within L1's 15 s; every file that is there is
whole, and nothing counts as unexplained (S9).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from storage.words.layout import IDENTITY_NAME
from tests.support import frames
from tests.support.configuration import Setup
from tests.support.daemon import Daemon
from tests.support.disks import Ext4, may_mount
from tests.support.fsck import fsck_clean
from tests.support.rtsp_server import RtspServer
from tests.support.scenes import cheap, watched
from tests.support.waiting import let_run

pytestmark = pytest.mark.skipif(not may_mount(), reason="mounting needs root")

NAMES: Final = ("one", "two")
CAMERAS: Final = tuple(replace(cheap(name, gop=15)) for name in NAMES)
NOTICED_S: Final = 20.0
"""A write fails within a second; a full disk may first let smaller things through."""
BACK_S: Final = 25.0
"""L1's 15 s, and as long as the daemon needs to look at its disks (5 s) and a camera to its key frame."""


@dataclass(frozen=True)
class Office:
    """A daemon whose volume is a disk of its own."""

    disk: Ext4
    edged: Daemon
    server: RtspServer

    def gaps(self) -> dict[str, set[str]]:
        """Causes by camera, since it recorded first."""
        return {name: {gap.cause for gap in self.edged.gaps(name)} - {"starting"} for name in NAMES}

    def committed(self) -> int:
        return min(len(self.edged.listed(name)) for name in NAMES)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with (
        Ext4(tmp_path / "edged" / "volume") as disk,
        RtspServer(CAMERAS, tmp_path / "cameras") as server,
        Daemon(tmp_path / "edged", Setup(watched(server), segment="5s", max_bytes="100MB")) as edged,
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
    office.edged.until(lambda: not office.disk.is_held, BACK_S, "nobody holds the dead file system any more")
    office.disk.mend()


@pytest.mark.parametrize(
    ("trouble", "causes"),
    [
        (fills_up, {"disk-full"}),
        (dies, {"io-error"}),
        (refuses_writes, {"io-error"}),
        (vanishes, {"io-error"}),
    ],
    ids=lambda given: given.__name__ if callable(given) else "",
)
def test_a_bad_disk_costs_its_time_and_nothing_else(
    office: Office, trouble: Callable[[Office], Callable[[], None]], causes: set[str]
) -> None:
    edged = office.edged
    workers, before = edged.workers(), office.committed()
    assert len(workers) == len(NAMES)
    end = trouble(office)
    edged.until(lambda: all(causes <= found for found in office.gaps().values()), NOTICED_S, f"gaps say {causes}")
    let_run(6, edged.check_alive)
    assert edged.workers() == workers, "the cameras stay connected"
    end()
    edged.wait_for_states("recording", NAMES, BACK_S)
    edged.until(lambda: office.committed() >= before + 2, BACK_S, "segments are committed again")
    assert edged.workers() == workers, "the cameras stayed connected"
    assert edged.stop() == 0
    office.server.close()
    edged.start()
    edged.wait_for_states("down", NAMES)
    edged.wait_for(lambda status: not status.recovering, 15, "what was in progress is adopted")
    assert edged.catalog_faults() == []
    fsck_clean(edged)
    assert all(found <= causes | {"daemon-stopped", "unreachable", "refused"} for found in office.gaps().values())
    for name in NAMES:
        files = edged.recorded(name)
        assert [fault for file in files for fault in frames.file_faults(file) + frames.decode_faults(file.path)] == []
        assert edged.camera(name).unexplained_s == 0


def test_nothing_is_written_where_the_disk_was(office: Office) -> None:
    """S10: not below its mount point, whoever made a directory there."""
    office.disk.vanish()
    office.edged.until(
        lambda: all("io-error" in found for found in office.gaps().values()), NOTICED_S, "the disk is missed"
    )
    let_run(6, office.edged.check_alive)
    assert list(office.disk.path.iterdir()) == []
    assert not (office.disk.path / IDENTITY_NAME).exists()
    assert os.path.ismount(office.disk.path) is False
