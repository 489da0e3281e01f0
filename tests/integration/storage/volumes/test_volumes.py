"""Volumes in a real store: filled in turn, retired, replaced, moved, swapped, cloned, configured while it runs."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from edged.alarms import conditions
from edged.overview import measure
from edged.site import documents as site_documents
from storage.integrity.compare import Fault
from storage.integrity.fsck import Fsck, Level, Scope
from storage.ledger.table import Leaf, leaves
from storage.retention.plan import Policy
from storage.ring.service import LifecycleStage
from storage.ring.volume_operations import Reconfigured
from storage.segments.findings_table import FaultKind
from storage.store import offline
from storage.store.offline import initialise_offline
from storage.volumes import mounts
from storage.volumes.volume import VolumeSpec
from storage.words.errors import OrderRefused, UnknownId, VolumeRefused
from storage.words.layout import IDENTITY_NAME, PROBES
from storage.words.model import Bounds, GapCause, Segment, Severity, VolumeState, VolumeStatus
from tests.support.office import BOUNDS, DEADLINE_S, Office

IN_SERVICE, AWAY, RETIRED, LOST = VolumeState.IN_SERVICE, VolumeState.AWAY, VolumeState.RETIRED, VolumeState.LOST
DAY_S = 86_400


class Box(Office):
    """With several disks."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.root = root
        self.second = self.folder("second")
        self.reconfigure(self.disk, self.second)

    def folder(self, name: str) -> Path:
        path = self.root / name
        path.mkdir()
        return path

    def reconfigure(self, *paths: Path, max_bytes: int | None = None) -> list[str]:
        return list(self.reload(*paths, max_bytes=max_bytes).warnings)

    def reload(self, *paths: Path, max_bytes: int | None = None) -> Reconfigured:
        self.specs = tuple(VolumeSpec(path, None, None, max_bytes) for path in paths)
        return self.store.volume_operations.configure(self.specs)

    def states(self) -> dict[str, VolumeState]:
        return {status.path.name: status.state for status in self.store.volumes()}

    def status(self, path: Path) -> VolumeStatus:
        return next(status for status in self.store.volumes() if status.path == path)

    def chosen(self) -> str:
        chosen = self.store.choose_volume()
        assert isinstance(chosen, VolumeStatus), chosen
        return chosen.path.name

    def id_at(self, path: Path) -> str:
        return str(json.loads((path / IDENTITY_NAME).read_text())["volume"])

    def fsck(self, *, up: bool, camera: str | None = None) -> list[Fault]:
        """What it finds on volumes."""
        scope = Scope(Level.SIZE, camera)
        if up:
            found = self.store.checks.fsck(scope, Policy(), lambda _: None, threading.Event()).faults
        else:
            self.store.close()
            with offline.opened(self.state, self.clock, Policy()) as site:
                found = Fsck(site, scope).run().faults
            self.start()
        return [fault for fault in found if fault.volume]

    def events(self) -> list[tuple[str, str]]:
        """What the ledger tells of volumes: what happened, and where."""
        self.store.heartbeat().result(DEADLINE_S)  # behind whatever waits to be entered
        found = self.store._database.read(lambda db: leaves(db, 0, 1000))
        bodies: list[dict[str, Any]] = [json.loads(leaf.body) for leaf in found if leaf.kind is Leaf.VOLUME]
        return [(body["event"], Path(body["path"]).name) for body in bodies]

    def sweep(self, bounds: Bounds = BOUNDS) -> None:
        self.store.sweep(lambda: Policy({"lobby": bounds}))


@pytest.fixture(name="box")
def make_box(memory: Path) -> Iterator[Box]:
    box = Box(memory)
    box.enrol("lobby")
    yield box
    box.store.close()


def where(segment: Segment) -> str:
    return segment.path.parents[2].name


# --- configured while it runs ------------------------------------------------------------------------------------


def test_one_that_is_added_is_used_without_a_restart(box: Box) -> None:
    assert box.states() == {"disk": IN_SERVICE, "second": IN_SERVICE}
    assert box.chosen() == "disk"
    third = box.folder("third")
    assert box.reconfigure(third, box.disk, box.second) == []
    assert box.states() == {"third": IN_SERVICE, "disk": IN_SERVICE, "second": IN_SERVICE}
    assert box.events() == [("met", "disk"), ("met", "second"), ("met", "third")]
    box.reconfigure(box.disk, max_bytes=7_000)
    assert box.status(box.disk).limit_bytes == 7_000
    assert box.states() == {"disk": IN_SERVICE}, "empty ones are let go of"


def test_a_reload_names_what_came_what_is_retired_and_what_was_left_out(box: Box) -> None:
    third = box.folder("third")
    box.segment("lobby")
    assert box.reload(box.disk, box.second, third) == Reconfigured((third,), (), (), ())
    box.store.volume_operations.retire(str(box.disk))
    assert box.reload(box.disk, third) == Reconfigured((), (box.disk,), (box.second,), ())
    change = box.reload(box.second, third)
    assert (change.came, change.retired, change.left_out) == ((box.second,), (), (box.disk,))
    box.store.volume_operations.restore(str(box.disk))
    change = box.reload(box.disk, third, box.root / "nothing")
    assert (change.came, change.retired, change.left_out) == ((box.disk,), (), (box.second,))
    assert ["no such directory" in words for words in change.warnings] == [True]


def test_one_that_was_left_out_is_looked_after(box: Box) -> None:
    kept = box.segment("lobby", bounds=Bounds(60, 300))
    said = box.reconfigure(box.second)
    assert len(said) == 1
    assert "configured no longer" in said[0]
    assert box.states() == {"second": IN_SERVICE, "disk": RETIRED}
    assert (box.chosen(), where(box.segment("lobby"))) == ("second", "second")
    assert kept.path.exists()
    box.clock.tick(301_000)
    box.sweep()
    assert not kept.path.exists(), "S3: its ceiling holds there, too"
    box.sweep()
    assert box.states() == {"second": IN_SERVICE}, "and then it is let go of"


def test_a_configuration_in_which_no_volume_can_be_used_changes_nothing(box: Box) -> None:
    with pytest.raises(VolumeRefused, match="no such directory"):
        box.reconfigure(box.root / "nothing")
    assert box.states() == {"disk": IN_SERVICE, "second": IN_SERVICE}
    said = box.reconfigure(box.root / "nothing", box.disk)
    assert len(said) == 1
    assert "no such directory" in said[0]
    assert box.states() == {"nothing": AWAY, "disk": IN_SERVICE}


@pytest.mark.parametrize("how", ["moved", "linked"])
def test_a_disk_under_another_path_is_the_same_disk(box: Box, how: str) -> None:
    kept, volume, new = box.segment("lobby"), box.id_at(box.disk), box.root / "new"
    if how == "moved":
        shutil.move(box.disk, new)
        assert box.states()["disk"] is AWAY
    else:
        new.symlink_to(box.disk)
    assert box.reconfigure(new, box.second) == []
    assert (box.status(new).id, box.status(new).segments, box.status(new).state) == (volume, 1, IN_SERVICE)
    assert ("moved" if how == "linked" else "come", "new") in box.events()
    (found,) = box.store.segments("lobby", None, None)
    assert found.path == new / kept.path.relative_to(box.disk)
    assert found.path.exists()


def test_disks_that_each_moved_on_make_room_for_each_other(box: Box) -> None:
    first, second = box.id_at(box.disk), box.id_at(box.second)
    third = box.root / "third"
    shutil.move(box.second, third)
    shutil.move(box.disk, box.second)
    assert box.states() == {"disk": AWAY, "second": AWAY}
    assert box.reconfigure(box.second, third) == []
    assert (box.status(box.second).id, box.status(third).id) == (first, second)


def test_swapped_disks_are_refused_and_each_names_the_other(box: Box) -> None:
    """S10: neither is the volume that was configured there."""
    box.segment("lobby")
    first, second, aside = box.id_at(box.disk), box.id_at(box.second), box.root / "aside"
    shutil.move(box.disk, aside)
    shutil.move(box.second, box.disk)
    shutil.move(aside, box.second)
    assert box.states() == {"disk": AWAY, "second": AWAY}
    reason = box.status(box.disk).reason
    assert f"volume {first} belongs here, but this is volume {second}, which belongs at {box.second}" in reason
    assert box.store.choose_volume() is GapCause.IO_ERROR
    shutil.move(box.disk, aside)
    shutil.move(box.second, box.disk)
    shutil.move(aside, box.second)
    assert box.states() == {"disk": IN_SERVICE, "second": IN_SERVICE}


@pytest.mark.parametrize("first", ["copy", "original"])
def test_of_a_disk_and_its_copy_the_one_that_is_known_stays(box: Box, first: str) -> None:
    copy, volume = box.root / "copy", box.id_at(box.disk)
    shutil.copytree(box.disk, copy)
    paths = (copy, box.disk) if first == "copy" else (box.disk, copy)
    said = box.reconfigure(*paths)
    assert len(said) == 1
    assert str(copy) in said[0]
    assert box.states() == {"copy": AWAY, "disk": IN_SERVICE}
    assert box.status(box.disk).id == volume
    with pytest.raises(VolumeRefused, match="copy of the other"):
        box.reconfigure(copy)


def test_inside_one_another_is_refused(box: Box) -> None:
    (box.disk / "deeper").mkdir()
    link = box.root / "link"
    link.symlink_to(box.disk / "deeper")
    for path in (box.disk / "deeper", link):
        with pytest.raises(VolumeRefused, match="lies inside the volume"):
            box.store.volume_operations.init(VolumeSpec(path))
    assert not list((box.disk / "deeper").iterdir())


# --- begun -------------------------------------------------------------------------------------------------------


def test_init_makes_a_volume_that_a_reload_takes_up(box: Box) -> None:
    third = box.folder("third")
    made = box.store.volume_operations.init(VolumeSpec(third))
    assert (box.id_at(third), [one.name for one in third.iterdir()]) == (made, [IDENTITY_NAME])
    assert "third" not in box.states()
    with pytest.raises(VolumeRefused, match=f"it is volume {made} of the box 'wenshan' already"):
        box.store.volume_operations.init(VolumeSpec(third))
    assert box.reconfigure(box.disk, third) == []
    assert box.status(third).id == made


def test_init_of_what_is_configured_and_was_refused_is_used_at_once(box: Box) -> None:
    third = box.folder("third")
    (third / "photos").mkdir()
    assert "not empty" in box.reconfigure(box.disk, third)[0]
    (third / "photos").rmdir()
    assert box.states() == {"disk": IN_SERVICE, "third": AWAY}, "nothing becomes a volume by itself while it runs"
    made = box.store.volume_operations.init(box.specs[1])
    assert (box.status(third).id, box.status(third).state) == (made, IN_SERVICE)


def test_what_init_refuses(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    fstab, spare = box.root / "fstab", box.folder("spare")
    fstab.write_text(f"UUID=1 {spare} ext4 defaults 0 2\n")
    monkeypatch.setattr(mounts, "FSTAB", fstab)
    with pytest.raises(VolumeRefused, match="and nothing is mounted on it"):
        box.store.volume_operations.init(VolumeSpec(spare))
    assert "nothing is mounted on it" in box.reconfigure(box.disk, spare)[0], "nor by a reload (S10)"
    assert not list(spare.iterdir())
    monkeypatch.setattr(mounts, "FSTAB", box.root / "none")
    with pytest.raises(VolumeRefused, match="less free than its reserve"):
        box.store.volume_operations.init(VolumeSpec(spare, reserve_bytes=1 << 60))
    with pytest.raises(VolumeRefused, match="no such directory"):
        box.store.volume_operations.init(VolumeSpec(box.root / "nothing"))
    shutil.rmtree(box.second)
    box.second.mkdir()
    with pytest.raises(VolumeRefused, match="belongs here, but there is no"):
        box.store.volume_operations.init(VolumeSpec(box.second))
    assert not list(spare.iterdir())


@pytest.mark.parametrize("kind", ["vfat", "ntfs3", "nfs4"])
def test_file_systems_that_keep_no_promise_are_refused(box: Box, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    info = box.root / "mountinfo"
    info.write_text(f"1 0 8:1 / / rw - {kind} /dev/x rw\n")
    monkeypatch.setattr(mounts, "MOUNTINFO", info)
    with pytest.raises(VolumeRefused, match=f"its file system is {kind}: "):
        box.store.volume_operations.init(VolumeSpec(box.folder("third")))


def test_init_with_the_daemon_down(box: Box) -> None:
    third = box.folder("third")
    box.store.close()
    made = initialise_offline(box.state, "wenshan", VolumeSpec(third), [box.disk])
    shutil.rmtree(box.second)
    box.second.mkdir()
    with pytest.raises(VolumeRefused, match="belongs here"):
        initialise_offline(box.state, "wenshan", VolumeSpec(box.second), [])
    (box.disk / "deeper").mkdir()
    with pytest.raises(VolumeRefused, match="lies inside"):
        initialise_offline(box.state, "wenshan", VolumeSpec(box.disk / "deeper"), [])
    box.specs = (VolumeSpec(box.disk), VolumeSpec(third))
    box.start()
    assert box.status(third).id == made


# --- retired -----------------------------------------------------------------------------------------------------


def test_a_retired_one_takes_nothing_new_and_is_governed_until_it_is_empty(box: Box) -> None:
    kept = box.segment("lobby", bounds=Bounds(60, 300))
    box.store.volume_operations.retire(str(box.disk))
    assert box.states() == {"disk": RETIRED, "second": IN_SERVICE}
    assert where(box.segment("lobby")) == "second"
    with pytest.raises(OrderRefused, match="retired already"):
        box.store.volume_operations.retire(box.id_at(box.disk))
    with pytest.raises(OrderRefused, match="recording would stop"):
        box.store.volume_operations.retire(str(box.second))
    box.crash()
    box.specs = (VolumeSpec(box.second),)
    box.start()
    box.enrol("lobby")
    assert box.states() == {"second": IN_SERVICE, "disk": RETIRED}, "also when it is configured no longer"
    box.clock.tick(290_000)
    box.sweep()
    assert kept.path.exists()
    box.clock.tick(20_000)
    box.sweep()
    assert not kept.path.exists()
    box.sweep()
    assert box.states() == {"second": IN_SERVICE}
    assert box.events()[-1] == ("retired", "disk")


def test_a_retired_one_gives_no_footage_for_space(box: Box) -> None:
    bounds = Bounds(1, 30 * DAY_S)
    kept = box.segment("lobby", bounds=bounds)
    box.store.volume_operations.retire(str(box.disk))
    box.reconfigure(box.disk, box.second, max_bytes=5 * kept.bytes)
    for _ in range(8):
        box.sweep(bounds)
        assert where(box.segment("lobby", bounds=bounds)) == "second"
        box.clock.tick(10_000)
    box.sweep(bounds)
    assert kept.path.exists()
    assert 0 < box.status(box.second).ring_bytes <= 5 * kept.bytes


def test_a_retired_one_is_used_again_by_undo_alone(box: Box) -> None:
    box.store.volume_operations.retire(str(box.disk))
    assert box.status(box.disk).reason.startswith("it is retired and empty")
    with pytest.raises(VolumeRefused, match="which is retired"):
        box.store.volume_operations.init(VolumeSpec(box.disk))
    box.store.volume_operations.restore(str(box.disk))
    with pytest.raises(OrderRefused, match="not retired"):
        box.store.volume_operations.restore(str(box.disk))
    assert box.states() == {"disk": IN_SERVICE, "second": IN_SERVICE}
    assert box.events()[-2:] == [("retired", "disk"), ("restored", "disk")]


def test_an_empty_retired_one_leaves_its_path_to_another(box: Box) -> None:
    old = box.id_at(box.disk)
    box.store.volume_operations.retire(str(box.disk))
    box.store.volume_operations.refresh()
    shutil.move(box.disk, box.root / "shelf")
    box.disk.mkdir()
    new = box.store.volume_operations.init(box.specs[0])
    assert new != old
    assert (box.status(box.disk).id, box.status(box.disk).state) == (new, IN_SERVICE)


# --- gone for good -----------------------------------------------------------------------------------------------


def test_a_dead_one_is_replaced_and_what_it_took_is_told(box: Box) -> None:
    old = box.id_at(box.disk)
    past = box.segment("lobby", bounds=Bounds(10, 300))
    box.clock.tick(20_000)
    kept = [box.segment("lobby", bounds=Bounds(250, 300)) for _ in range(3)]
    begun = box.record("lobby")
    with pytest.raises(OrderRefused, match="in use"):
        box.store.volume_operations.replace(box.disk, box.specs[0])
    begun.file.abandon()
    shutil.move(box.disk, box.root / "shelf")
    assert box.states()["disk"] is AWAY
    with pytest.raises(VolumeRefused, match="no such directory"):
        box.store.volume_operations.replace(box.disk, box.specs[0])
    box.disk.mkdir()
    (box.disk / "photos").mkdir()
    with pytest.raises(VolumeRefused, match="not empty"):
        box.store.volume_operations.replace(box.disk, box.specs[0])
    (box.disk / "photos").rmdir()
    done = box.store.volume_operations.replace(box.disk, box.specs[0])
    assert (done.lost, done.by) == (old, box.id_at(box.disk))
    assert (done.loss.segments, done.loss.below_floor, done.loss.pinned) == (4, 3, 0)
    assert (done.loss.first_wall_ms, done.loss.last_wall_ms) == (kept[0].start.wall_ms, kept[-1].end.wall_ms)
    (usage,) = box.store.usage()
    assert (usage.segments, usage.oldest, usage.lost) == (0, None, True), "what is lost is not kept"
    assert box.store.ring.explain("lobby", past.seq, Policy()).stage is LifecycleStage.LOST
    assert measure(box.store, Policy({"lobby": Bounds(250, 300)}), box.clock.now()).usage["lobby"].lost
    statuses = box.store.volumes()
    assert [status.state for status in statuses] == [IN_SERVICE, IN_SERVICE, LOST]
    assert statuses[-1].reason == "it is gone for good with 4 segments; 3 of them had to be kept"
    assert statuses[-1].cause is GapCause.IO_ERROR
    assert where(box.segment("lobby")) == "disk"
    box.sweep(Bounds(250, 300))
    listed = box.store.segments("lobby", None, None)
    assert [segment.lost for segment in listed] == [True] * 4 + [False], "rows stay, and say so"
    shown = [(one.state, one.volume) for one in map(site_documents.segment, listed)]
    assert shown == [("lost", old)] * 4 + [("committed", done.by)]
    assert past.seq == 1
    box.clock.tick(301_000)
    for _ in range(2):
        box.sweep(Bounds(250, 300))
    assert LOST not in box.states().values(), "until they are past their ceilings"
    assert not box.store.usage()[0].lost
    assert ("lost", "disk") in box.events()


@pytest.mark.parametrize("lost", [False, True], ids=["restarted", "with a lost database"])
def test_the_loss_of_one_that_is_struck_off_is_a_notice_from_then_on(box: Box, lost: bool) -> None:
    """It was critical for months after everybody knew."""
    old = box.id_at(box.disk)
    box.segment("lobby", bounds=Bounds(250, 300))
    shutil.move(box.disk, box.root / "shelf")
    box.disk.mkdir()
    assert box.states()["disk"] is AWAY
    box.store.volume_operations.replace(box.disk, box.specs[0])
    (status,) = (one for one in box.store.volumes() if one.state is LOST)
    assert (conditions.loss_severity(status), status.noted) == (Severity.CRITICAL, False)
    assert site_documents.volume_retire(box.store.volume_operations.retire(old)).retired
    with pytest.raises(OrderRefused, match="struck off already"):
        box.store.volume_operations.retire(old)
    box.store.ledger.mirror_now()
    box.store.close()
    if lost:
        for path in box.state.glob("edged.db*"):
            path.unlink()
    box.start()
    box.store.ledger.rebuild()
    box.store.volume_operations.refresh()
    (again,) = (one for one in box.store.volumes() if one.state is LOST)
    assert (conditions.loss_severity(again), again.id, again.noted) == (Severity.INFO, old, True)
    assert again.reason == status.reason, "what is gone is told all the same"


@pytest.mark.parametrize("up", [True, False], ids=["daemon up", "daemon down"])
def test_fsck_tells_of_a_lost_one_once_and_of_all_that_went_with_it(box: Box, up: bool) -> None:
    """S4: a line for the volume, none for its segments; it ends with the last of them."""
    box.enrol("door")
    old = box.id_at(box.disk)
    gone = [box.segment(camera) for camera in ("lobby", "door", "lobby")]
    shutil.move(box.disk, box.root / "shelf")
    assert box.states()["disk"] is AWAY
    box.disk.mkdir()
    box.store.volume_operations.replace(box.disk, box.specs[0])
    box.segment("lobby")
    (fault,) = box.fsck(up=up)
    assert (fault.kind, fault.volume, fault.where) == (FaultKind.LOST, old, str(box.disk))
    span = "recorded from 2026-02-25 06:13 to 2026-02-25 06:13 UTC"
    kept = "when it was replaced 3 segments on it had to be kept (S1)"
    size = sum(segment.bytes for segment in gone)
    told = f"volume {old} is gone for good with 3 segments of door, lobby, {size} bytes, {span}; {kept}"
    assert fault.what == told
    told = f"volume {old} is gone for good with 1 segment of door, {gone[1].bytes} bytes, {span}; {kept}"
    assert [one.what for one in box.fsck(up=up, camera="door")] == [told]
    box.clock.tick(301_000)
    box.sweep()
    assert box.fsck(up=up) == []


def test_a_lost_one_that_turns_up_elsewhere_is_taken_back(box: Box) -> None:
    old, found = box.id_at(box.disk), box.root / "found"
    box.segment("lobby")
    shutil.move(box.disk, found)
    box.disk.mkdir()
    assert box.states()["disk"] is AWAY
    box.store.volume_operations.replace(box.disk, box.specs[0])
    assert box.reconfigure(box.disk, box.second, found) == []
    assert box.states() == {"disk": IN_SERVICE, "second": IN_SERVICE, "found": IN_SERVICE}
    assert (box.status(found).id, box.status(found).segments) == (old, 1)
    assert box.events()[-1] == ("found-again", "found")


def test_one_that_is_configured_no_longer_is_given_up_without_another(box: Box) -> None:
    box.segment("lobby")
    box.reconfigure(box.second)
    shutil.move(box.disk, box.root / "shelf")
    assert box.states() == {"second": IN_SERVICE, "disk": AWAY}
    done = box.store.volume_operations.replace(box.disk, None)
    assert (done.by, done.loss.segments) == (None, 1)
    assert box.states() == {"second": IN_SERVICE, "disk": LOST}
    with pytest.raises(UnknownId, match="no volume belongs at"):
        box.store.volume_operations.replace(box.disk, None)


def test_not_below_the_mount_point_that_the_dead_one_had(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """S10: the technician forgot to mount the new disk, and /etc/fstab does not name it."""
    info, third = box.root / "mountinfo", box.folder("third")
    root, disk = "1 0 8:1 / / rw - ext4 /dev/x rw\n", f"2 1 8:2 / {third} rw - ext4 /dev/y rw\n"
    monkeypatch.setattr(mounts, "MOUNTINFO", info)
    info.write_text(root + disk)
    assert box.reconfigure(third, box.disk) == []
    shutil.move(third, box.root / "shelf")
    third.mkdir()
    info.write_text(root)
    assert box.states()["third"] is AWAY
    with pytest.raises(VolumeRefused, match=f"the old volume lay on {third}, and nothing is mounted there"):
        box.store.volume_operations.replace(third, box.specs[0])
    assert not list(third.iterdir())
    info.write_text(root + disk)
    assert box.store.volume_operations.replace(third, box.specs[0]).by == box.id_at(third)


# --- come and gone -----------------------------------------------------------------------------------------------


def test_coming_and_going_is_entered_once(box: Box) -> None:
    away = box.root / "away"
    before = box.events()
    shutil.move(box.second, away)
    for _ in range(3):
        assert box.states()["second"] is AWAY
    box.crash()
    box.start()
    assert box.events() == [*before, ("gone", "second")]
    shutil.move(away, box.second)
    for _ in range(3):
        assert box.states()["second"] is IN_SERVICE
    assert box.events() == [*before, ("gone", "second"), ("come", "second")]


# --- filled in turn ----------------------------------------------------------------------------------------------


def test_they_are_filled_in_turn_and_turn_as_one_ring(box: Box) -> None:
    """Nothing goes as long as there is room anywhere; then the oldest of all does."""
    bounds = Bounds(1, 30 * DAY_S)
    limit_bytes = 10 * max(box.segment("lobby", bounds=bounds).bytes for _ in range(3))
    box.reconfigure(box.disk, box.second, max_bytes=limit_bytes)
    placed = ["disk"] * 3
    held = [0]
    for _ in range(45):
        box.sweep(bounds)
        placed.append(where(box.segment("lobby", bounds=bounds)))
        box.clock.tick(3_600_000)
        held.append(len(box.store.segments("lobby", None, None)))
    turn = placed.index("second")
    assert turn in (8, 9), "the next one before the last bytes are used"
    assert set(placed[turn : turn + 8]) == {"second"}
    assert max(held) == len(placed[: max(held)]), "nothing goes before all is full"
    assert min(held[17:]) >= 16, "and then no more than is needed"
    assert {"disk", "second"} == set(placed[-24:]), "both take part"
    assert sum(one != other for one, other in pairwise(placed)) <= 14, placed
    oldest = min(segment.seq for segment in box.store.segments("lobby", None, None))
    assert oldest >= len(placed) - 22, "nothing is left lying while younger footage goes"
    box.sweep(bounds)
    for path in (box.disk, box.second):
        assert box.status(path).ring_bytes <= limit_bytes


def test_a_probe_that_would_not_go_keeps_nothing_from_being_known(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by an EIO at every call: such a volume recorded, and had neither mirror nor pins."""
    third = box.folder("third")
    unlink = os.unlink

    def refuse(name: str, *, dir_fd: int | None = None) -> None:
        if name in PROBES:
            raise OSError(errno.EIO, os.strerror(errno.EIO), name)
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", refuse)
    box.reconfigure(box.disk, box.second, third)
    monkeypatch.undo()
    assert set(PROBES) & {path.name for path in third.iterdir()}
    assert box.store.ledger.ready(box.id_at(third))
