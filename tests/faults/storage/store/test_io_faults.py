"""EIO and ENOSPC at every call in turn: to the kernel and to SQLite, once or lasting, on a broken or on a full disk.

The scenario of `tests.faults.storage.store.scenario` is played once to count the calls that the storage makes, then
again for each of them with the fault there. Hands go on as worker and runner do. Afterwards, with the disks well again:
nothing that was answered is lost, nothing is destroyed twice or half, all is picked up (S4, S5, S6, S9), and the error
was told.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Final

import pytest

from storage.segments.segment_file import SegmentFile
from storage.words.errors import StoreError
from tests.conftest import Profile
from tests.faults.storage.store.iofaults import Failing, Plan, faulty
from tests.faults.storage.store.scenario import Event, Hands, OfficeAt, fold, play, worked_off
from tests.support.disks import may_mount
from tests.support.loops import mount, unmounting
from tests.support.office import Clock

EXAMPLES: Final = 5
SILENT: Final = {
    "fallocate": "space laid out ahead is an offer; without it, it is found when it is needed",
    "rmdir of storage.files": "an empty directory of an earlier day is let be",
    "open of storage.segments.segment_file": "of the volume: as the looks below; a file that cannot be made is told",
    "open of storage.recovery.detect": "of a volume, before the start: asked again as soon as it is there",
    "stat of storage.database.readers": "a connection is made anew; what is really wrong with the database shows then",
    "open of storage.mirror.files": "how this box was called, before the start: its volumes say it, too",
    "open of storage.ledger.signer": "of a volume, before the start: it is gone through like any other",
    "scandir of storage.recovery.walk": "of a new volume: the same",
    "sqlite PRAGMA data_version": "whether others wrote: where that cannot be told, nothing is remembered",
    "stat of storage.ledger.key": "a renewal that was cut off is settled at the next start; an unfit key is told",
    "pwrite of storage.store.opening": "our process id in the lock, for people only",
    "mkdir of storage.store.opening": "of a state directory that is there",
}
"""Calls whose failure nobody needs to hear of."""
LOOKS: Final = (
    "of storage.volumes.",
    "of storage.ring.volume_operations",
    "of storage.ring.admission",
    "of storage.ring.ballast",
)
"""A volume that fails at one look is away for that look and looked at again, and told as soon as somebody asks for it;
what ballast and others take is an estimate, and what the ballast lacks is made up at the next sweep."""
ROOM_BYTES: Final = 1 << 20
"""The scenario takes less."""
SIZE_BYTES: Final = 8 << 20
"""With it there is room again afterwards, whatever was left."""


@dataclass(slots=True)
class Verdict:
    """Of all faults tried."""

    faults: int = 0
    violations: list[str] = field(default_factory=list)
    untold: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return f"{self.faults} faults, {len(self.violations)} violations"


@dataclass(slots=True)
class Played:
    """A scenario as it went, and what was heard of the trouble it met."""

    events: list[Event]
    heard: bool
    clock: Clock


class _Ears(logging.Handler):
    """Somebody is told of it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard = False

    def emit(self, record: logging.LogRecord) -> None:
        self.heard = True


def played(root: Path, plan: Plan) -> Played:
    """The scenario with the plan's fault; at its end the daemon is killed."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    clock, events, ears = Clock(), list[Event](), _Ears()
    logger = logging.getLogger("edged")
    logger.addHandler(ears)
    try:
        with faulty(plan):
            try:
                office = OfficeAt(root / "state", root / "volume", clock)
            except (StoreError, OSError):
                return Played(events, True, clock)
            hands = Hands(office, events.append)
            play(hands)
            hands.die()
            with suppress(StoreError):
                hands.office.store.close(clean=False)
        return Played(events, bool(hands.trouble) or ears.heard, clock)
    finally:
        logger.removeHandler(ears)


def afterwards(root: Path, scene: Played) -> list[str]:
    """With the disks well again: what does not hold of what was answered."""
    office = OfficeAt(root / "state", root / "volume", scene.clock)
    try:
        told = fold(scene.events)
        office.store.ledger.rebuild(paced=False)  # a disk that could not be looked at when it was met
        return worked_off(Hands(office, lambda event: event.tell(told)), told, office.box())
    finally:
        office.store.close()


def tried(root: Path, plan: Plan, verdict: Verdict) -> None:
    """One fault."""
    scene = played(root, plan)
    if not plan.failed:
        return
    verdict.faults += 1
    where = f"{plan.way.name} at call {plan.at} ({plan.failed[0]}{', and all after it' if plan.lasting else ''})"
    if not scene.heard:
        verdict.untold[plan.failed[0]] += 1
    try:
        verdict.violations += [f"{where}: {fault}" for fault in afterwards(root, scene)]
    except Exception as error:  # noqa: BLE001 - whatever it is, the daemon would not start
        verdict.violations.append(f"{where}: it does not start again: {error!r}")


KINDS: Final = list(product(Failing, (False, True)))


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from-there-on"])
@pytest.mark.parametrize("way", list(Failing), ids=lambda way: way.name.lower())
def test_a_fault_at_every_call(
    way: Failing, lasting: bool, memory: Path, profile: Profile, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where not every call fails, each way begins at another one."""
    counted, first = Plan(), KINDS.index((way, lasting)) * profile.io_fault_each // len(KINDS)
    assert not played(memory / "box", counted).heard
    verdict = Verdict()
    for at in range(first, len(counted.calls), profile.io_fault_each):
        tried(memory / "box", Plan(at, way, lasting), verdict)
    with capsys.disabled():
        print(f" {len(counted.calls)} calls, {verdict}", end="")  # noqa: T201
    assert verdict.violations == [], "\n".join(verdict.violations[:EXAMPLES])
    assert [name for name in verdict.untold if name not in SILENT and not any(look in name for look in LOOKS)] == []


def test_a_sync_that_fails_unheard_shows(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof: who goes on after a failed sync has committed what is not on the disk."""
    commit = SegmentFile.commit

    def careless(file: SegmentFile) -> object:
        real = os.fsync

        def deaf(fd: int) -> None:
            with suppress(OSError):
                real(fd)

        with monkeypatch.context() as planted:
            planted.setattr("storage.segments.segment_file.os.fsync", deaf)
            return commit(file)

    counted = Plan()
    played(memory / "box", counted)
    syncs = [number for number, name in enumerate(counted.calls) if name == "fsync of storage.segments.segment_file"]
    monkeypatch.setattr(SegmentFile, "commit", careless)
    verdict = Verdict()
    for at in syncs:
        tried(memory / "box", Plan(at), verdict)
        if any(promise in fault for fault in verdict.violations for promise in ("S4", "S6")):
            return
    pytest.fail(str(verdict))


@contextmanager
def tmpfs(path: Path, size_bytes: int) -> Iterator[Path]:
    path.mkdir()
    mount("edged-small", path, "tmpfs", options=f"size={size_bytes}")
    with unmounting(path):
        yield path


@pytest.mark.skipif(not may_mount(), reason="mounting needs root")
def test_a_disk_that_is_really_full(memory: Path, profile: Profile, capsys: pytest.CaptureFixture[str]) -> None:
    """With more room each time, by a page in the long form: state and volume fill up wherever they happen to be."""
    verdict = Verdict()
    with tmpfs(memory / "small", SIZE_BYTES) as disk:
        for free in range(0, ROOM_BYTES, ROOM_BYTES // profile.full_disk_states):
            ballast = disk / "somebody-elses"
            shutil.rmtree(disk / "box", ignore_errors=True)
            ballast.write_bytes(bytes(SIZE_BYTES - free))
            scene = played(disk / "box", Plan())
            ballast.unlink()
            verdict.faults += scene.heard
            verdict.violations += [f"{free} bytes free: {fault}" for fault in afterwards(disk / "box", scene)]
    with capsys.disabled():
        print(f" {verdict}", end="")  # noqa: T201
    assert verdict.faults > 1
    assert verdict.violations == [], "\n".join(verdict.violations[:EXAMPLES])
