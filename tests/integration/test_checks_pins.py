"""Pins under the eyes of those who look: placing and releasing raise nothing at any step, a removed link does (S2)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from storage import failpoints
from storage.failpoints import Step
from storage.layout import IDENTITY_NAME
from storage.repair import checks, fsck
from storage.repair.fsck import Level, Scope
from storage.repair.tamper import Touch, Touched
from storage.retention import Policy
from tests.integration.test_pins import order, place, release
from tests.support.office import Office


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
    seen: list[Step] = []

    def at_each_step(step: Step) -> None:
        failpoints.arm(None)
        seen.append(step)
        assert look_everywhere(office, names) == 0, step
        failpoints.arm(at_each_step)

    failpoints.arm(at_each_step)
    pin = place(office, order(*segments))
    assert kinds(office) == []
    release(office, pin.pin.id)
    failpoints.arm(None)
    assert {Step.PIN_LINKED, Step.PIN_SYNCED, Step.RELEASE_DONE, Step.RELEASE_UNLINKED} <= set(seen)
    assert look_everywhere(office, names) == 0
    assert kinds(office) == []


def test_a_link_that_somebody_removed_is_found(office: Office) -> None:
    place(office, order(office.segment("lobby")))
    (link,) = (office.disk / ".pins").rglob("*.mp4")
    link.unlink()
    (volume,) = office.store.volumes()
    name = PurePosixPath(link.relative_to(office.disk))
    assert office.store.checks.examine([Touched(volume.id, name, frozenset({Touch.GONE}))]) == 1
    assert kinds(office) == ["S2 pin"]


def test_a_sidecar_that_somebody_removed_is_found(office: Office) -> None:
    place(office, order(office.segment("lobby")))
    (sidecar,) = (office.disk / ".pins").rglob("pin.json")
    sidecar.unlink()
    assert kinds(office) == ["S2 pin"]
