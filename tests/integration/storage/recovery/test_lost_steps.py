"""The daemon dies after each step of what follows a loss, of replacing a disk, of the mirror: the next start goes on.

The step's listener raises in the thread of the test alone, which plays the daemon's; then the store is opened anew.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from storage.mirror import service as mirror
from storage.mirror import table as mirror_table
from storage.recovery import detect
from storage.retention.plan import Policy
from storage.volumes.volume import VolumeSpec
from storage.words import failpoints
from storage.words.failpoints import Failpoint
from storage.words.layout import IDENTITY_NAME
from storage.words.message import Message
from storage.words.model import Bounds
from tests.integration.storage.recovery.test_lost_database import assert_as_before, catalog, live, numbers_on
from tests.support import promises
from tests.support.office import Office
from tests.support.promises import Box
from tests.support.steps import one_of_each_protocol

REBUILDING: Final = [step for step in Failpoint if step.startswith("rebuild.")]
MIRRORING: Final = [step for step in Failpoint if step.startswith("mirror.")]
TWICE: Final = one_of_each_protocol(REBUILDING)
"""Where the short form has a second death, too."""
PAGES: Final = "storage.recovery.walk.PAGE"


class Crash(BaseException):
    """The daemon dies here."""


@pytest.fixture
def office(memory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(PAGES, 7)
    box = Office(memory)
    yield box
    failpoints.arm(None)
    box.store.close(clean=False)


def dies(step: Failpoint, work: Callable[[], object], time_: int = 1) -> bool:
    """`work` is cut off when it has reached a step for the `time_`-th time; False where it does not come to that."""
    times, here = [0], threading.current_thread()

    def listener(reached: Failpoint) -> None:
        if reached is step and threading.current_thread() is here:
            times[0] += 1
            if times[0] == time_:
                failpoints.arm(None)
                raise Crash

    failpoints.arm(listener)
    try:
        work()
    except Crash:
        return True
    finally:
        failpoints.arm(None)
    return False


def box_of(office: Office, *disks: Path) -> Box:
    return Box(office.state, {json.loads((disk / IDENTITY_NAME).read_text())["volume"]: disk for disk in disks})


def faults(office: Office, *disks: Path) -> list[str]:
    """As fsck tells them, without the time that nobody accounted for already while `live` went on."""
    return [fault for fault in promises.fsck(box_of(office, *disks), office.clock) if "'hole'" not in fault]


def start_and_rebuild(office: Office) -> None:
    office.start()
    office.store.ledger.rebuild()


@pytest.mark.parametrize(
    ("step", "marked", "again"),
    [
        pytest.param(step, marked, again, marks=pytest.mark.long if again and step not in TWICE else ())
        for step in REBUILDING
        for marked in (False, True)
        for again in (False, True)
        if marked or step is not Failpoint.REBUILD_ASIDE
    ],
)
def test_a_rebuild_goes_on(
    office: Office, step: Failpoint, marked: bool, again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`again`: it dies there once more."""
    monkeypatch.setattr("storage.recovery.walk.PAGE", 7)
    live(office)
    office.store.ledger.mirror_now()
    office.store.close()
    before = catalog(office)
    database = office.state / "edged.db"
    if marked:
        detect.mark(database, Message("somebody saw damage in it"))
    else:
        database.unlink()
    assert dies(step, lambda: start_and_rebuild(office))
    office.store.close(clean=False)
    if again:
        dies(step, lambda: start_and_rebuild(office))
        office.store.close(clean=False)
    kept = {path.name for path in office.state.glob("edged.db.damaged-*") if "-wal" not in path.name}
    assert len(kept) <= detect.KEPT_MAX
    office.start()
    for camera in ("door", "lobby"):
        office.enrol(camera)
        assert office.segment(camera).seq > 1000
    office.store.sweep(
        lambda: Policy({"door": Bounds(0, 1), "lobby": Bounds(0, 1)})
    ) if office.store.ledger.waiting() else 0
    assert not office.store.ledger.rebuild().again
    assert_as_before(before, catalog(office))
    office.store.recover()
    office.store.close()
    assert faults(office, office.disk) == []


@pytest.mark.parametrize("time_", [1, pytest.param(2, marks=pytest.mark.long)])
@pytest.mark.parametrize("step", MIRRORING)
def test_the_mirror_goes_on(office: Office, step: Failpoint, time_: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is cut off, then with the database lost, too: each leaf once, and the catalog as it was."""
    monkeypatch.setattr(mirror, "PAGE", 5)
    second = office.disk.with_name("second")
    second.mkdir()
    office.store.close()
    office.specs = (VolumeSpec(office.disk), VolumeSpec(second))
    office.start()
    live(office)
    office.store.ledger.stop(last_round=False)
    if step is Failpoint.MIRROR_PRUNED:  # days of a boot that is long over; those of today are younger than this
        monkeypatch.setattr(mirror, "KEEP_S", 10)
        monkeypatch.setattr(mirror_table, "longest_ceiling_s", lambda _: 0)
        for name in ("2019-01-01", "2019-01-02"):
            line = '{"n":1,"t":1546300800000,"k":"boot","b":{"boot":0,"id":"","boottime_ms":0}}\n'
            for disk in (office.disk, second):
                (disk / ".ledger" / f"{name}.jsonl").write_text(line)
    office.store.ledger._mirror._headed_ms = office.store.ledger._mirror._pruned_ms = None
    assert dies(step, office.store.ledger.mirror_now, time_) or time_ > 1
    office.store.close(clean=False)
    office.start()
    office.store.ledger.mirror_now()
    office.store.close()
    numbers = numbers_on(office.disk)
    assert numbers == numbers_on(second) == sorted(set(numbers))
    before = catalog(office)
    (office.state / "edged.db").unlink()
    office.start()
    for camera in ("door", "lobby"):
        office.enrol(camera)
    assert not office.store.ledger.rebuild().again
    assert_as_before(before, catalog(office))
    office.store.close()
    assert faults(office, office.disk, second) == []


@pytest.mark.parametrize(
    ("step", "configured"),
    [(Failpoint.REPLACE_LOST, True), (Failpoint.REPLACE_LOST, False), (Failpoint.REPLACE_FOUNDED, True)],
)
def test_a_replacement_goes_on(office: Office, step: Failpoint, configured: bool) -> None:
    live(office)
    office.store.close()
    spare = office.disk.with_name("spare")
    spare.mkdir()
    office.specs = (VolumeSpec(spare), VolumeSpec(office.disk))
    office.start()
    old = next(volume.id for volume in office.store.volumes() if volume.path == office.disk)
    office.disk.rename(office.disk.with_name("dead"))
    assert office.store.volumes()
    office.disk.mkdir()
    spec = VolumeSpec(office.disk) if configured else None
    assert dies(step, lambda: office.store.volume_operations.replace(office.disk, spec))
    office.store.close(clean=False)
    if not configured:
        office.specs = (VolumeSpec(spare),)
    office.start()
    lost = {one.id for one in office.store.volume_operations._inventory.known if one.loss is not None}
    assert lost == {old}
    paths = {volume.path for volume in office.store.volumes() if volume.id and volume.id != old}
    assert paths == ({spare, office.disk} if configured else {spare})
    office.enrol("door")
    office.segment("door")
    assert office.store.ledger.waiting() == []
    office.store.close()
    left = faults(office, spare, *([office.disk] if configured else []))
    assert [fault for fault in left if "Kind.LOST" not in fault] == [], "but for what went with the old one"
