"""證據保存 over a lost database: nothing that is pinned is ever destroyed (S2), and pins come back as they were (S13).

From sidecars, and where the volume with the sidecar is away, from the leaves on the others.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from storage.approvals.service import Person
from storage.pins import rules
from storage.pins.rules import Ground, Interval, Limits, PinOrder, PinState, PinStatus
from storage.retention.plan import Policy
from storage.volumes.volume import VolumeSpec
from storage.words import failpoints
from storage.words.errors import OrderRefused, SamePerson
from storage.words.failpoints import Failpoint
from storage.words.layout import IDENTITY_NAME
from storage.words.model import Segment
from tests.support import promises
from tests.support.office import BOUNDS, Office, die_at
from tests.support.promises import Box

CHEN: Final = Person(1001, "chen")
LIN: Final = Person(1002, "lin")
LIMITS: Final = Limits(180 * rules.DAY_MS, 100.0)
LONG_AGO_MS: Final = 400_000
"""Past every ceiling of BOUNDS, in running time."""
POLICY: Final = Policy({"lobby": BOUNDS, "gate": BOUNDS})


@pytest.fixture
def office(memory: Path) -> Iterator[Office]:
    box = Office(memory)
    for camera in ("lobby", "gate"):
        box.enrol(camera)
    yield box
    failpoints.arm(None)
    box.store.close(clean=False)


def order(first: Segment, last: Segment, *cameras: str, ground: Ground = Ground.LAW, until_ms: int = 0) -> PinOrder:
    interval = Interval(first.start.wall_ms + 1, until_ms or last.end.wall_ms - 1)
    reference = "" if ground is Ground.INTERNAL else "刑事訴訟法 133"
    names = cameras or (first.camera,)
    return PinOrder(names, interval, ground, reference, "115-0042", "主任", 30 * rules.DAY_MS)


def place(office: Office, wish: PinOrder) -> PinStatus:
    return office.store.pins.place(wish, CHEN, LIMITS)[0]


def sweep(office: Office) -> int:
    return office.store.sweep(lambda: POLICY).destroyed


def release(office: Office, pin_id: str) -> None:
    act = office.store.acts.ask("pin-release", {"pin": pin_id}, CHEN)
    office.store.acts.approve(act.id, LIN, lambda act: office.store.pins.releasing(pin_id, act.asker.name, "closed"))
    office.store.pins.follow_up()


def second_disk(office: Office) -> Path:
    office.store.close()
    second = office.disk.with_name("second")
    second.mkdir(exist_ok=True)
    office.specs = (VolumeSpec(office.disk), VolumeSpec(second))
    office.start()
    for camera in ("lobby", "gate"):
        office.enrol(camera)
    return second


def away(disk: Path) -> None:
    disk.rename(disk.with_name(disk.name + "-away"))
    disk.mkdir()


def back(disk: Path) -> None:
    disk.rmdir()
    disk.with_name(disk.name + "-away").rename(disk)


def gone(office: Office) -> None:
    for one in office.state.glob("edged.db*"):
        one.unlink()


def garbage(office: Office) -> None:
    path = office.state / "edged.db"
    path.write_bytes(random.Random(7).randbytes(path.stat().st_size))


Lose = Callable[[Office], None]
LOSSES: Final = (gone, garbage)


def told(office: Office) -> list[Any]:
    """Each that lasts, with all that a person was ever told of it but where its rows are."""
    found = office.store.pins.standing()
    pins = {
        one.pin.id: (one.pin.state, one.pin.version, one.pin.order, one.pin.placer, one.pin.approved_by)
        for one in found
    }
    return sorted((one.pin.id, *pins[one.pin.id], one.segments, one.volumes, one.left_ms) for one in found)


def there(*segments: Segment) -> list[bool]:
    return [segment.path.exists() for segment in segments]


def assert_sound(office: Office, *disks: Path) -> None:
    """Rows, counters, links, sidecars agree, as the promises say and as fsck says."""
    office.store.ledger.mirror_now()
    office.store.close()
    box = Box(office.state, {str(json.loads((disk / IDENTITY_NAME).read_text())["volume"]): disk for disk in disks})
    assert [found for found in promises.at_rest(box) if not found.startswith("S9")] == []
    assert promises.fsck(box, office.clock) == []


@pytest.mark.parametrize("lose", LOSSES, ids=lambda lose: lose.__name__)
def test_pins_come_back_as_they_were(office: Office, lose: Lose) -> None:
    other = office.segment("gate")
    made = [office.segment("lobby") for _ in range(6)]
    approved = place(office, order(made[0], made[1]))
    office.store.pins.approve(approved.pin.id, LIN)
    provisional = place(office, order(other, made[2], "lobby", "gate"))
    internal = place(office, order(made[3], made[3], ground=Ground.INTERNAL))
    over = place(office, order(made[5], made[5]))
    release(office, over.pin.id)
    before = told(office)
    assert {one[0] for one in before} == {approved.pin.id, provisional.pin.id, internal.pin.id}
    office.store.close()
    lose(office)
    office.start()
    sweep(office)
    assert not office.store.ledger.rebuild().again
    sweep(office)
    assert told(office) == before
    assert [one.pin.state for one in office.store.pins.ended()] == [PinState.RELEASED]
    office.clock.tick(LONG_AGO_MS)
    for _ in range(3):
        sweep(office)
    assert there(*made, other) == [True, True, True, False, False, False, True]
    assert_sound(office, office.disk)


def test_a_pin_whose_sidecar_is_away_holds_what_lies_elsewhere(office: Office) -> None:
    """S2: the box went down before the sidecar was on both disks, the database is lost, and one disk is away."""
    second = second_disk(office)
    first = office.segment("lobby")
    pinned = place(office, order(first, first, until_ms=office.clock.wall_ms + 60_000))
    office.store.pins.approve(pinned.pin.id, LIN)
    office.store.volume_operations.retire(first.volume)
    made = [office.segment("lobby") for _ in range(4)]
    assert all(segment.volume != first.volume for segment in made)
    office.store.ledger.mirror_now()
    office.crash()
    with_sidecar, lone = (office.disk, second) if first.path.is_relative_to(office.disk) else (second, office.disk)
    gone(office)
    shutil.rmtree(lone / ".pins", ignore_errors=True)
    away(with_sidecar)
    office.start()
    office.store.ledger.rebuild()
    office.clock.tick(LONG_AGO_MS)
    sweep(office)
    sweep(office)
    assert all(there(*made)), "its pin is on the other disk"
    (standing,) = office.store.pins.standing()
    assert (standing.pin.id, standing.pin.state) == (pinned.pin.id, PinState.APPROVED)
    back(with_sidecar)
    sweep(office)
    office.store.ledger.rebuild()
    sweep(office)
    (standing,) = office.store.pins.standing()
    assert (standing.pin.order, standing.pin.placer, standing.pin.approved_by) == (pinned.pin.order, CHEN, LIN.name)
    assert all(there(first, *made))
    assert_sound(office, office.disk, second)


def test_nobody_approves_what_nobody_knows_the_placer_of(office: Office) -> None:
    second = second_disk(office)
    made = office.segment("lobby")
    pinned = place(office, order(made, made))
    office.store.close()
    gone(office)
    with_sidecar = office.disk if made.path.is_relative_to(office.disk) else second
    away(with_sidecar)
    office.start()
    office.store.ledger.rebuild()
    with pytest.raises(OrderRefused, match="who placed"):
        office.store.pins.approve(pinned.pin.id, LIN)
    back(with_sidecar)
    sweep(office)
    office.store.ledger.rebuild()
    sweep(office)
    with pytest.raises(SamePerson):
        office.store.pins.approve(pinned.pin.id, CHEN)
    office.store.pins.approve(pinned.pin.id, LIN)
    assert_sound(office, office.disk, second)


def test_what_was_released_while_its_disk_was_away_stays_released(office: Office) -> None:
    second = second_disk(office)
    made = [office.segment("lobby")]
    office.store.volume_operations.retire(made[0].volume)
    made.append(office.segment("lobby"))
    office.store.volume_operations.restore(made[0].volume)
    pinned = place(office, order(made[0], made[-1]))
    assert len(pinned.volumes) == 2
    away(second)
    sweep(office)
    release(office, pinned.pin.id)
    office.store.close()
    gone(office)
    back(second)
    office.start()
    office.store.ledger.rebuild()
    sweep(office)
    assert office.store.pins.standing() == []
    (ended,) = office.store.pins.ended()
    assert (ended.pin.id, ended.pin.state, ended.pin.placer) == (pinned.pin.id, PinState.RELEASED, CHEN)
    assert not list((second / ".pins").glob("*/*"))
    office.clock.tick(LONG_AGO_MS)
    sweep(office)
    assert not any(there(*made))
    assert_sound(office, office.disk, second)


@pytest.mark.parametrize("lose", [gone, pytest.param(garbage, marks=pytest.mark.long)])
@pytest.mark.parametrize("mirrored", [True, False])
@pytest.mark.parametrize(
    "step",
    [
        Failpoint.PIN_SIDECAR,
        Failpoint.PIN_LINKED,
        Failpoint.PIN_SYNCED,
        Failpoint.PIN_DONE,
        Failpoint.PIN_HOLDING,
        Failpoint.PIN_HELD,
    ],
)
def test_a_crash_while_it_is_placed_and_then_no_database(
    office: Office, step: Failpoint, mirrored: bool, lose: Lose
) -> None:
    made = [office.segment("lobby") for _ in range(2)]
    crash_at(office, step, lambda: place(office, order(made[0], made[1])), lose, mirrored)
    office.store.ledger.rebuild()
    office.clock.tick(LONG_AGO_MS)
    sweep(office)
    sweep(office)
    assert all(there(*made)), "it may have been answered: it protects until it lapses"
    assert [one.pin.state for one in office.store.pins.standing()] == [PinState.PROVISIONAL]
    office.clock.tick(rules.PROVISIONAL_MS)
    sweep(office)
    sweep(office)
    assert not any(there(*made))
    assert_sound(office, office.disk)


@pytest.mark.parametrize("mirrored", [True, False])
@pytest.mark.parametrize("step", [Failpoint.RELEASE_DONE, Failpoint.RELEASE_SIDECAR, Failpoint.RELEASE_UNLINKED])
def test_a_crash_while_it_is_released_and_then_no_database(office: Office, step: Failpoint, mirrored: bool) -> None:
    made = [office.segment("lobby") for _ in range(2)]
    pinned = place(office, order(made[0], made[1]))
    office.store.ledger.mirror_now()
    crash_at(office, step, lambda: release(office, pinned.pin.id), gone, mirrored)
    office.store.ledger.rebuild()
    sweep(office)
    lasts = bool(office.store.pins.standing())
    assert lasts == (not mirrored), "what nobody knows to be released protects"
    office.clock.tick(LONG_AGO_MS)
    sweep(office)
    assert there(*made) == [lasts, lasts]
    assert_sound(office, office.disk)


def crash_at(office: Office, step: Failpoint, work: Callable[[], object], lose: Lose, mirrored: bool) -> None:
    """Die right after a step, and lose the database, its last leaves on the volumes or not yet."""
    lines = {day: day.read_bytes() for day in office.disk.glob(".ledger/*.jsonl")}
    die_at(step, work)
    if mirrored:
        office.store.ledger.mirror_now()
    office.crash()
    if not mirrored:
        for day in office.disk.glob(".ledger/*.jsonl"):
            day.write_bytes(lines.get(day, b""))
    lose(office)
    office.start()
