"""Pins under the eyes of those who look: placing and releasing raise nothing at any step, a removed link does (S2)."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path, PurePosixPath
from typing import Final

import pytest

from storage.integrity import fsck
from storage.integrity import service as checks
from storage.integrity.compare import Touch, Touched
from storage.integrity.fsck import Level, Scope
from storage.ledger.table import Leaf
from storage.retention.plan import Policy
from storage.words import failpoints
from storage.words.failpoints import Failpoint
from storage.words.layout import IDENTITY_NAME
from tests.integration.storage.pins.test_pins import LIN, order, place, release
from tests.support.office import Office


def cut_short(sidecar: Path) -> Path:
    sidecar.write_text(json.dumps(json.loads(sidecar.read_bytes()) | {"span_ms": 1}))
    return sidecar


def gone(sidecar: Path) -> Path:
    sidecar.unlink()
    return sidecar


def swept(sidecar: Path) -> Path:
    shutil.rmtree(sidecar.parent)
    return sidecar.parent


def moved(sidecar: Path) -> Path:
    shutil.move(sidecar.parents[1], sidecar.parents[2].with_name("moved"))
    shutil.rmtree(sidecar.parents[2].with_name("moved"))
    return sidecar.parents[1]


def linked(sidecar: Path) -> Path:
    elsewhere = sidecar.parents[2].with_name("elsewhere")
    sidecar.rename(elsewhere)
    sidecar.symlink_to(elsewhere)
    return sidecar


HARMS: Final = {
    "cut short": cut_short,
    "gone": gone,
    "nonsense": lambda sidecar: (sidecar.write_text("?"), sidecar)[1],
    "a link in its place": linked,
    "its directory gone": swept,
    "all directories gone": moved,
}


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(fsck, "SETTLE_S", 0.0)
    monkeypatch.setattr(checks, "PAUSE_SHARE", 0.0)
    box = Office(tmp_path)
    box.enrol("lobby")
    yield box
    failpoints.arm(None)
    box.store.close()


def kinds(office: Office) -> list[str]:
    report = office.store.checks.fsck(Scope(Level.HASH), Policy(), lambda _: None, threading.Event())
    return sorted(f"{fault.kind.promise} {fault.kind}" for fault in report.faults)


def touch(office: Office, path: Path, *what: Touch, directory: bool = False) -> int:
    (volume,) = office.store.volumes()
    relative = PurePosixPath(path.relative_to(office.disk))
    return office.store.checks.examine([Touched(volume.id, relative, frozenset(what), directory)])


def told(office: Office) -> list[tuple[str, str]]:
    """Files that an alarm would name, with what is wrong."""
    return [(Path(name).name, kind) for one in office.store.checks.tampered() for name, kind in one.files]


def differences(office: Office) -> list[str]:
    with closing(sqlite3.connect(office.state / "edged.db")) as db:
        return [body for (body,) in db.execute("SELECT body FROM leaves WHERE kind = ?", (Leaf.FINDING,))]


def held_open() -> set[Path]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(descriptor.readlink())
    return found


def look_everywhere(office: Office, names: set[Path]) -> int:
    """At each name there is or was, as if all had happened to it."""
    names.update(path for path in office.disk.rglob("*") if path.is_file() and path.name != IDENTITY_NAME)
    (volume,) = office.store.volumes()
    relative = [PurePosixPath(path.relative_to(office.disk)) for path in sorted(names)]
    return office.store.checks.examine(
        [Touched(volume.id, name, frozenset({what})) for name in relative for what in Touch]
    )


def test_placing_and_releasing_raise_nothing_at_any_step(office: Office) -> None:
    segments = [office.segment("lobby") for _ in range(3)]
    names: set[Path] = set()
    seen: list[Failpoint] = []

    def at_each_step(step: Failpoint) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # the mirror has steps of its own
        failpoints.arm(None)
        seen.append(step)
        assert look_everywhere(office, names) == 0, step
        failpoints.arm(at_each_step)

    failpoints.arm(at_each_step)
    pin = place(office, order(*segments))
    assert kinds(office) == []
    release(office, pin.pin.id)
    failpoints.arm(None)
    assert {Failpoint.PIN_LINKED, Failpoint.PIN_SYNCED, Failpoint.RELEASE_DONE, Failpoint.RELEASE_UNLINKED} <= set(seen)
    assert look_everywhere(office, names) == 0
    assert kinds(office) == []


def test_a_link_that_somebody_removed_is_told_and_made_anew(office: Office) -> None:
    segment = office.segment("lobby")
    path = segment.path
    place(office, order(segment))
    (link,) = (office.disk / ".pins").rglob("*.mp4")
    link.unlink()
    assert kinds(office) == ["S2 pin"]
    assert touch(office, link, Touch.GONE) == 0, "fsck has told it"
    assert told(office) == [(path.name, "pin")], "it is told"
    assert link.samefile(path), "and mended"
    office.store.checks.review()
    assert told(office) == []
    assert kinds(office) == []


@pytest.mark.parametrize("seen_by", ["watch", "rescan"])
@pytest.mark.parametrize("harm", HARMS)
def test_what_somebody_did_to_a_sidecar_is_told_and_undone(office: Office, harm: str, seen_by: str) -> None:
    """Whoever cuts a pin short in its sidecar would let its footage go with the next lost database (S2)."""
    place(office, order(office.segment("lobby")))
    (sidecar,) = (office.disk / ".pins").rglob("pin.json")
    before = json.loads(sidecar.read_bytes())
    touched = HARMS[harm](sidecar)
    assert "S2 sidecar" in kinds(office)
    if seen_by == "watch":
        touch(office, touched, Touch.GONE, directory=touched != sidecar)
        assert ("pin.json", "sidecar") in told(office), "it is told, and mended"
    else:
        while office.store.checks.rescan():
            pass
    assert json.loads(sidecar.read_bytes()) == before
    assert len(list(sidecar.parent.glob("*.mp4"))) == 1
    office.store.checks.review()
    assert told(office) == []
    leaves = differences(office)
    assert len([body for body in leaves if '"state":"differs"' in body and '"kind":"sidecar"' in body]) == 1
    assert len([body for body in leaves if '"state":"agrees"' in body]) == len(leaves) / 2
    assert kinds(office) == []


def test_a_later_version_that_a_stranger_wrote_takes_no_protection_away(office: Office) -> None:
    """While the disk was elsewhere: nobody of ours makes a pin shorter, or provisional again (S2)."""
    pin = place(office, order(office.segment("lobby")))
    before = office.store.pins.approve(pin.pin.id, LIN).pin
    (sidecar,) = (office.disk / ".pins").rglob("pin.json")
    office.store.close()
    told_before = json.loads(sidecar.read_bytes())
    harm = {"version": 99, "span_ms": 1, "state": "provisional", "approved_by": None}
    sidecar.write_text(json.dumps(told_before | harm))
    office.start()
    office.store.sweep(Policy)
    (after,) = office.store.pins.standing()
    assert after.pin == before
    assert told(office) == []
    office.store.checks.rescan()
    assert [body for body in differences(office) if '"kind":"sidecar"' in body], "it is told, and mended"
    assert json.loads(sidecar.read_bytes()) == told_before


def test_links_that_became_copies_are_told_and_nothing_is_made_anew_in_vain(office: Office) -> None:
    """So is a disk that was copied without its hard links: each of ten thousand would else cost as much as all (L3)."""
    place(office, order(*(office.segment("lobby") for _ in range(3))))
    (sidecar,) = (office.disk / ".pins").rglob("pin.json")
    for link in sidecar.parent.glob("*.mp4"):
        link.rename(office.state / link.name)
        shutil.copy2(office.state / link.name, link)
        (office.state / link.name).unlink()
    as_it_is = {path: path.stat().st_ino for path in sidecar.parent.iterdir()}
    while office.store.checks.rescan():
        pass
    assert [kind for _, kind in told(office)] == ["pin", "pin", "pin"]
    assert {path: path.stat().st_ino for path in sidecar.parent.iterdir()} == as_it_is


def test_what_cannot_be_a_sidecar_hides_no_other_and_is_told_until_one_is_there(office: Office) -> None:
    """Nothing can be put where somebody made a directory: that one stands, and costs no descriptor (S2, S12)."""
    for _ in range(2):
        place(office, order(office.segment("lobby")))
    first, second = sorted((office.disk / ".pins").rglob("pin.json"))
    before = first.read_bytes(), second.read_bytes()
    first.unlink()
    first.mkdir()
    cut_short(second)
    while office.store.checks.rescan():
        pass
    office.store.checks.review()
    assert first not in held_open()
    assert second.read_bytes() == before[1]
    assert told(office) == [("pin.json", "sidecar")]
    first.rmdir()
    office.store.sweep(Policy)
    office.store.checks.review()
    assert json.loads(first.read_bytes()) == json.loads(before[0])
    assert told(office) == []


def test_a_sidecar_of_a_pin_that_was_adopted_is_believed(office: Office) -> None:
    """It tells of a boot that this database never counted."""
    place(office, order(office.segment("lobby")))
    office.store.close()
    for one in office.state.glob("edged.db*"):
        one.unlink()
    shutil.rmtree(office.disk / ".ledger")
    (sidecar,) = (office.disk / ".pins").rglob("pin.json")
    told_before = json.loads(sidecar.read_bytes())
    sidecar.write_text(json.dumps(told_before | {"boot_id": "elsewhere", "boottime_ms": 5}))
    office.start()
    office.store.ledger.rebuild()
    office.store.sweep(Policy)
    assert kinds(office) == []
