"""A volume filled to the last byte by somebody else, below the real daemon, on a real ext4.

What may go goes and recording goes on. Where nothing may go, cameras stop in order of their priority, one alarm names
them, and they start again by themselves when space returns. Every gap has its cause, every file is whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from edged.alarms import tracking
from edged.documents import site as documents
from edged.health import stream
from edged.main import daemon
from storage.ring.ballast import NAME
from tests.support.configuration import Setup
from tests.support.daemon import Daemon, moment, shortened
from tests.support.disks import Ext4, may_mount
from tests.support.footage import Picture
from tests.support.rtsp_server import Camera, RtspServer
from tests.support.scenes import connections, watched
from tests.support.waiting import let_run

pytestmark = pytest.mark.skipif(not may_mount(), reason="mounting needs root")

PRIORITIES: Final = {"gate": 9, "lobby": 5, "yard": 0}
"""The highest first, which is also how long each is to be kept on."""
NAMES: Final = tuple(PRIORITIES)
DISK_BYTES: Final = 96 << 20
"""A hundredth of it is the reserve, which a few seconds of footage are more than."""
DOWN_S: Final = 4.0
HASTENED: Final = shortened(
    (stream, "DOWN_AFTER_S", DOWN_S), (tracking, "AGAIN_AFTER_S", 3.0), (daemon, "SWEEP_EVERY_S", 1.0)
)
"""A camera is missed early, a sweep and a look at the disks come each second, and who has stopped is told anew before
long."""
NOTICED_S: Final = 25.0
"""A segment of two seconds, a key frame each second; and a busy box."""
BACK_S: Final = 25.0
"""L1's 15 s and as long as the daemon needs to look."""
STEADY_S: Final = 20.0
"""Ten segments and twenty sweeps: who forgets what the next segments need has stopped a camera three times by then."""
OF_THE_BOX: Final = {"floor-protect", "disk-full"}


@dataclass(frozen=True)
class Office:
    disk: Ext4
    edged: Daemon
    server: RtspServer

    def stayed_connected(self) -> bool:
        return set(connections(self.server).values()) == {1}

    def committed(self, name: str) -> int:
        """The number of the newest segment: the ring turns, and what is listed may grow shorter."""
        return max((segment.seq for segment in self.edged.listed(name)), default=0)

    def goes_on(self, names: Sequence[str] = NAMES) -> None:
        """Each of these commits two more segments."""
        before = {name: self.committed(name) for name in names}
        self.edged.until(
            lambda: all(self.committed(name) >= before[name] + 2 for name in names), BACK_S, f"{names} record on"
        )

    def alarms(self) -> dict[str, documents.Alarm]:
        told = documents.Alarms.model_validate(self.edged.ask("/v1/alarms")).alarms
        return {alarm.key: alarm for alarm in told if alarm.state == "raised"}

    def full_naming(self, cameras: str) -> documents.Alarm | None:
        """The alarm of the full volume, once it names all of these."""
        told = (alarm for key, alarm in self.alarms().items() if key.startswith("storage.full:"))
        return next((alarm for alarm in told if cameras in alarm.text), None)

    def stopped_since(self) -> dict[str, float]:
        """By camera: when the first gap of a full volume began."""
        starts: dict[str, float] = {}
        for gap in self.edged.gaps():
            if gap.cause in OF_THE_BOX:
                starts.setdefault(gap.camera, moment(gap.start))
        return starts

    def stops(self) -> dict[str, int]:
        """By camera: how often it was stopped by a full volume; a cause that changes is no further stop."""
        ends = {(gap.camera, gap.end) for gap in self.edged.gaps() if gap.cause in OF_THE_BOX}
        starts = [gap for gap in self.edged.gaps() if gap.cause in OF_THE_BOX and (gap.camera, gap.start) not in ends]
        return dict(Counter(gap.camera for gap in starts))


def setup_of(server: RtspServer, floor: str, max_bytes: str) -> Setup:
    cameras = [replace(camera, more=f"priority = {PRIORITIES[camera.id]}") for camera in watched(server)]
    return Setup(cameras, segment="2s", floor=floor, ceiling="2h", max_bytes=max_bytes)


@contextmanager
def office(
    folder: Path,
    *,
    floor: str = "1h",
    max_bytes: str = "1GB",
    together: bool = False,
    kbps: int = 1000,
    segments: int = 3,
) -> Iterator[Office]:
    """Once each camera has so many. `together`: the state directory lies on the disk of the volume, too."""
    picture = Picture(width=704, height=576, gop=25, kbps=kbps, footage="bikes")
    place = folder / "edged" / ("" if together else "volume")
    with (
        Ext4(place, DISK_BYTES) as disk,
        RtspServer([Camera(name, picture) for name in NAMES], folder / "cameras") as server,
        Daemon(folder / "edged", setup_of(server, floor, max_bytes), sabotage=HASTENED) as edged,
    ):
        edged.wait_for_states("recording", NAMES)
        made = Office(disk, edged, server)
        edged.until(lambda: min(map(made.committed, NAMES)) >= segments, 60, "segments are committed")
        yield made


def all_is_accounted_for(found: Office) -> None:
    edged = found.edged
    assert {gap.cause for gap in edged.gaps()} <= {"starting", *OF_THE_BOX}
    assert all(edged.camera(name).unexplained_s == 0 for name in NAMES)
    assert edged.stop() == 0
    assert edged.parts() == []


def test_what_may_go_goes_and_recording_goes_on(memory: Path) -> None:
    """With the catalog on the same disk; tests/integration/storage/ring/test_ballast.py is without the ballast.

    What may go is more than three cameras' next segments and what the database may need meanwhile (some MB of WAL).
    """
    with office(memory, floor="4s", together=True, kbps=3000, segments=9) as found:
        edged = found.edged
        edged.until((edged.state / NAME).exists, 15, "the ballast is laid out")
        oldest = edged.files()[0]
        found.disk.fill()
        edged.until(lambda: not oldest.exists(), NOTICED_S, "room is made")
        found.goes_on()
        assert found.stayed_connected()
        assert [key for key in found.alarms() if key.startswith("camera.")] == []
        all_is_accounted_for(found)


@pytest.mark.long
def test_where_too_little_may_go_for_all_nobody_starts_to_be_stopped_again(memory: Path) -> None:
    """Their footage goes while they wait. What they will need is remembered, or with nothing left they would flap:
    tests/integration/storage/ring/test_edges.py and the sawtooth of test_admission.py say so in short.
    """
    with office(memory, floor="4s", together=True) as found:
        edged = found.edged
        found.disk.fill()
        edged.until(lambda: len(found.stopped_since()) > 0, NOTICED_S, "the first has stopped")
        let_run(STEADY_S, edged.check_alive)
        assert max(found.stops().values()) <= 2, "one that came back stays"
        all_is_accounted_for(found)


def test_where_nothing_may_go_they_stop_by_priority_and_start_again_when_space_returns(memory: Path) -> None:
    """A limit that is reached slowly leaves room for some of them for a while; a stranger takes all of it at once."""
    with office(memory, max_bytes="5MB") as found:
        edged = found.edged
        edged.until(lambda: set(found.stopped_since()) == set(NAMES), 60, "all have stopped")
        since = found.stopped_since()
        assert max(since, key=lambda name: since[name]) == "gate", "who has the most priority goes on for longest"
        assert {gap.cause for gap in edged.gaps() if gap.cause in OF_THE_BOX} == {"floor-protect"}
        edged.configure(replace(edged.setup, max_bytes="60MB"))
        assert edged.ctl("reload").code == 0
        edged.wait_for_states("recording", NAMES, BACK_S)
        found.goes_on()
        stranger = found.disk.fill()
        alarm = edged.until(lambda: found.full_naming("gate, lobby, yard"), NOTICED_S, "an alarm that names them")
        assert alarm is not None
        assert alarm.severity == "critical"
        let_run(DOWN_S + 1, edged.check_alive)
        assert [key for key in found.alarms() if key.startswith("camera.")] == [], "one alarm, not one for each camera"
        stranger.unlink()
        edged.wait_for_states("recording", NAMES, BACK_S)
        found.goes_on()
        assert found.stayed_connected()
        edged.wait_for(lambda status: status.volumes[0].state == "in-service", BACK_S, "the volume is in service")
        all_is_accounted_for(found)
