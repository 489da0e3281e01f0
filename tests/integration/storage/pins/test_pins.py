"""證據保存 on real files: what is pinned stays, whatever is cut off in the middle; nothing is ever half placed (S2)."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import pytest

from edged.overview import measure
from storage.approvals.service import Doing, Person
from storage.database.writer import Database
from storage.ledger.table import Leaf, LeafEntry, leaves
from storage.pins import rules
from storage.pins import table as pins_table
from storage.pins.rules import Ground, Interval, Limits, PinOrder, PinState, PinStatus, Presence, Share
from storage.retention import plan
from storage.retention.plan import Policy
from storage.ring.sweep import Sweeper
from storage.volumes.volume import VolumeSpec
from storage.words import failpoints
from storage.words.errors import OrderRefused, SamePerson, StoreBusy, UnknownId, WriteFailed
from storage.words.failpoints import Failpoint
from storage.words.model import Bounds, Segment, VolumeState
from tests.support.office import BOUNDS, Crash, Office, crash_at
from tests.support.tiny_mp4 import FRAGMENT_MS

CHEN: Final = Person(1001, "chen")
LIN: Final = Person(1002, "lin")
LIMITS: Final = Limits(180 * rules.DAY_MS, 100.0)
LONG_AGO_MS: Final = 400_000
"""Past every ceiling of BOUNDS, in running time."""
BEFORE: Final = (Failpoint.PIN_SIDECAR, Failpoint.PIN_LINKED, Failpoint.PIN_SYNCED)
PLACING: Final = (*BEFORE, Failpoint.PIN_DONE, Failpoint.PIN_HOLDING, Failpoint.PIN_HELD)
RELEASING: Final = (Failpoint.RELEASE_DONE, Failpoint.RELEASE_SIDECAR, Failpoint.RELEASE_UNLINKED)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    box = Office(tmp_path)
    box.enrol("lobby")
    box.enrol("gate")
    yield box
    failpoints.arm(None)
    box.store.close()


def order(
    *segments: Segment, ground: Ground = Ground.LAW, span_ms: int = 30 * rules.DAY_MS, last_ms: int | None = None
) -> PinOrder:
    """One that touches these segments and no other: a moment inside the first to a moment inside the last."""
    cameras = tuple(dict.fromkeys(segment.camera for segment in segments))
    first, last = segments[0].start.wall_ms + 1, segments[-1].end.wall_ms - 1
    reference = "" if ground is Ground.INTERNAL else "刑事訴訟法 133"
    return PinOrder(cameras, Interval(first, last_ms or last), ground, reference, "115-0042", "主任", span_ms)


def place(office: Office, wish: PinOrder) -> PinStatus:
    return office.store.pins.place(wish, CHEN, LIMITS)[0]


def sweep(office: Office) -> int:
    return office.store.sweep(lambda: Policy({"lobby": BOUNDS, "gate": BOUNDS})).destroyed


def release(office: Office, pin_id: str) -> None:
    act = office.store.acts.ask("pin-release", {"pin": pin_id}, CHEN)
    office.store.acts.approve(act.id, LIN, lambda act: office.store.pins.releasing(pin_id, act.asker.name, "closed"))
    office.store.pins.follow_up()


def rows(office: Office, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{office.state / 'edged.db'}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


def links(office: Office, disk: Path | None = None) -> dict[str, set[str]]:
    """By pin: what lies in its directory."""
    root = (disk or office.disk) / ".pins"
    return {found.name: {one.name for one in found.iterdir()} for found in root.iterdir()} if root.exists() else {}


def link_name(segment: Segment) -> str:
    return f"{segment.camera}_{segment.path.name}"


def check(office: Office, disk: Path | None = None) -> None:
    """The rows and the disk say the same: counters, sidecars and links, one for each that is pinned, and no others."""
    counted = dict(rows(office, "SELECT id, pins FROM segments"))
    held = rows(office, "SELECT segment, count(*) FROM pinned GROUP BY segment")
    assert {number: count for number, count in counted.items() if count} == dict(held)
    expected: dict[str, set[str]] = {one.pin.id: {"pin.json"} for one in office.store.pins.standing()}
    for pin_id, camera, seq, wall_ms in rows(
        office,
        "SELECT p.id, c.id, s.seq, s.start_wall_ms FROM pinned d JOIN pins p ON p.number = d.pin"
        " JOIN segments s ON s.id = d.segment JOIN cameras c ON c.number = s.camera",
    ):
        found = [s for s in office.store.segments(str(camera), None, None) if s.seq == seq]
        assert found, f"{camera}/{seq} is pinned and not committed any more"
        assert found[0].start.wall_ms == wall_ms
        expected[str(pin_id)].add(link_name(found[0]))
        assert found[0].path.stat().st_nlink >= 2
    assert links(office, disk) == expected


# --- what it is for ---------------------------------------------------------------------------------------------


def test_what_is_pinned_outlives_its_ceiling_and_what_is_beside_it_does_not(office: Office) -> None:
    before, wanted, also, after = (office.segment("lobby") for _ in range(4))
    pin = place(office, order(wanted, also))
    assert (pin.pin.state, pin.segments, pin.bytes) == (PinState.PROVISIONAL, 2, wanted.bytes + also.bytes)
    check(office)
    office.clock.tick(LONG_AGO_MS)
    assert sweep(office) == 2
    assert [s.seq for s in office.store.segments("lobby", None, None)] == [wanted.seq, also.seq]
    assert not before.path.exists()
    assert not after.path.exists()
    check(office)


@pytest.mark.parametrize("ignored", [False, True], ids=["as it is", "negative control: pins ignored"])
def test_a_pin_that_is_placed_while_a_sweep_is_under_way_holds(
    office: Office, monkeypatch: pytest.MonkeyPatch, *, ignored: bool
) -> None:
    wanted = office.segment("lobby")
    office.clock.tick(LONG_AGO_MS)
    carry_out = Sweeper._carry_out

    def late(self: Sweeper, *arguments: Any) -> int:
        """The sweep has made up its mind; now somebody pins."""
        if not office.store.pins.standing():
            place(office, order(wanted))
        return carry_out(self, *arguments)

    monkeypatch.setattr(Sweeper, "_carry_out", late)
    if ignored:
        plain = plan.judge
        monkeypatch.setattr(plan, "judge", lambda one, bounds: plain(replace(one, pinned=False), bounds))
    sweep(office)
    assert [s.seq for s in office.store.segments("lobby", None, None)] == ([] if ignored else [wanted.seq])
    (held,) = links(office).values()
    assert link_name(wanted) in held, "even then the link keeps the footage"


def test_an_internal_pin_ends_at_the_ceiling_and_one_of_law_beside_it_does_not(office: Office) -> None:
    one, two = office.segment("lobby"), office.segment("lobby")
    place(office, order(one, two, ground=Ground.INTERNAL))
    place(office, order(two, ground=Ground.INVESTIGATION))
    office.clock.tick(BOUNDS.ceiling_s * 1000 - 60_000)
    sweep(office)
    sweep(office)
    assert len(office.store.segments("lobby", None, None)) == 2, "below the ceiling it holds"
    office.clock.tick(LONG_AGO_MS)
    sweep(office)
    sweep(office)
    assert [s.seq for s in office.store.segments("lobby", None, None)] == [two.seq]
    check(office)


def test_pins_overlap_and_the_last_one_lets_go(office: Office) -> None:
    wanted = office.segment("lobby")
    first, second = place(office, order(wanted)), place(office, order(wanted))
    assert office.store.pins.ids_of([wanted.id]) == {wanted.id: sorted((first.pin.id, second.pin.id))}
    office.clock.tick(LONG_AGO_MS)
    release(office, first.pin.id)
    check(office)
    sweep(office)
    assert wanted.path.exists()
    release(office, second.pin.id)
    check(office)
    sweep(office)
    assert not wanted.path.exists()
    assert links(office) == {}
    kinds = [json.loads(e.body)["what"] for e in _leaves(office) if e.kind is Leaf.PIN]
    assert kinds == ["placed", "placed", "released", "released"]
    assert all("115-0042" not in e.body and "chen" not in e.body for e in _leaves(office)), "no personal data"


def _leaves(office: Office) -> list[LeafEntry]:
    with closing(sqlite3.connect(f"file:{office.state / 'edged.db'}?mode=ro", uri=True)) as connection:
        return leaves(connection, 0, 1000)


# --- how long it lasts ------------------------------------------------------------------------------------------


def test_a_provisional_pin_lapses_after_72_hours_of_running_time_whatever_the_clock_says(office: Office) -> None:
    wanted = office.segment("lobby")
    pin = place(office, order(wanted))
    office.clock.step_wall(20 * 365 * rules.DAY_MS)
    office.clock.tick(rules.PROVISIONAL_MS - 1000)
    sweep(office)
    assert office.store.pins.find(pin.pin.id).left_ms == 1000
    office.clock.tick(1000)
    sweep(office)
    with pytest.raises(UnknownId, match="lapsed"):
        office.store.pins.find(pin.pin.id)
    check(office)
    sweep(office)
    assert not wanted.path.exists()


def test_time_the_box_was_off_ends_no_pin_unless_it_is_proven(office: Office) -> None:
    pin = place(office, order(office.segment("lobby")))
    office.clock.is_synced = False
    office.store.close()
    office.clock.reboot(off_ms=300 * rules.DAY_MS)
    office.start()
    sweep(office)
    assert office.store.pins.find(pin.pin.id).left_ms > rules.PROVISIONAL_MS - rules.HOUR_MS


def test_an_approved_pin_lasts_its_span_and_can_be_extended_up_to_the_limit(office: Office) -> None:
    wanted = office.segment("lobby")
    pin = place(office, order(wanted, span_ms=10 * rules.DAY_MS))
    with pytest.raises(SamePerson):
        office.store.pins.approve(pin.pin.id, CHEN)
    assert office.store.pins.approve(pin.pin.id, LIN).pin.state is PinState.APPROVED
    with pytest.raises(OrderRefused, match="approved already"):
        office.store.pins.approve(pin.pin.id, LIN)
    act = office.store.acts.ask("pin-extend", {}, CHEN)
    deed = office.store.pins.extending(pin.pin.id, 181 * rules.DAY_MS, LIMITS)
    with pytest.raises(OrderRefused, match="180"):
        office.store.acts.approve(act.id, LIN, lambda _: deed)
    assert [one.id for one in office.store.acts.waiting()] == [act.id], "refused, so it waits on"
    deed = office.store.pins.extending(pin.pin.id, 20 * rules.DAY_MS, LIMITS)
    office.store.acts.approve(act.id, LIN, lambda _: deed)
    office.store.pins.follow_up()
    told = json.loads((office.disk / ".pins" / pin.pin.id / "pin.json").read_text())
    assert (told["span_ms"], told["approved_by"], told["state"]) == (20 * rules.DAY_MS, "lin", "approved")
    office.clock.tick(20 * rules.DAY_MS - 1)
    sweep(office)
    check(office)
    office.clock.tick(1)
    sweep(office)
    assert office.store.pins.standing() == []
    assert links(office) == {}
    assert [one.pin.state for one in office.store.pins.ended()] == [PinState.LAPSED]


def test_an_act_takes_two_persons_and_waits_for_72_hours(office: Office) -> None:
    pin = place(office, order(office.segment("lobby")))
    act = office.store.acts.ask("pin-release", {"pin": pin.pin.id}, CHEN)
    with pytest.raises(SamePerson):
        office.store.acts.approve(act.id, Person(CHEN.uid, "another name"), lambda _: pytest.fail("done"))
    office.clock.tick(72 * rules.HOUR_MS)
    with pytest.raises(UnknownId):
        office.store.acts.approve(act.id, LIN, lambda _: pytest.fail("done"))
    assert office.store.acts.waiting() == []


def test_what_is_asked_for_and_its_leaf_are_one_and_the_leaf_names_it(office: Office) -> None:
    doing = Doing("boots attest", "asked", "technician", {"who": "chen"})
    first = office.store.acts.ask("boots-attest", {"boot": 1}, CHEN, doing=doing)
    again = office.store.acts.ask("boots-attest", {"boot": 1}, CHEN, doing=doing)
    other = office.store.acts.ask("boots-attest", {"boot": 1}, LIN, doing=doing)
    assert first.id == again.id != other.id
    named = rows(office, "SELECT body ->> '$.act', body ->> '$.result' FROM leaves WHERE kind = 'act' ORDER BY number")
    assert named == [(one.id, "asked") for one in (first, again, other)]


def test_an_act_about_a_pin_ends_with_it_and_says_why(office: Office) -> None:
    one, two = (place(office, order(office.segment("lobby"))).pin.id for _ in range(2))
    acts = [office.store.acts.ask(verb, {"pin": one}, LIN).id for verb in ("pin-extend", "pin-release")]
    other = office.store.acts.ask("pin-release", {"pin": two}, LIN)
    elsewhere = office.store.acts.ask("boots-attest", {"boot": 1}, LIN)
    release(office, one)
    assert [act.id for act in office.store.acts.waiting()] == [other.id, elsewhere.id]
    for act in acts:
        with pytest.raises(UnknownId, match=f"{act} waits no longer: pin {one} was released"):
            office.store.acts.approve(act, CHEN, lambda _: pytest.fail("done"))
    office.clock.tick(rules.PROVISIONAL_MS - 1)
    assert [act.id for act in office.store.acts.ended()] == acts
    office.clock.tick(1)
    sweep(office)
    assert office.store.acts.ended() == []
    office.store.acts.ask("boots-attest", {"boot": 1}, LIN)
    assert rows(office, "SELECT count(*) FROM acts") == [(1,)], "forgotten, with the names in it"


def test_an_act_about_a_pin_that_lapses_ends_with_it(office: Office) -> None:
    pin_id = place(office, order(office.segment("lobby"))).pin.id
    office.clock.tick(rules.PROVISIONAL_MS - 1)
    act = office.store.acts.ask("pin-release", {"pin": pin_id}, LIN)
    office.clock.tick(1)
    sweep(office)
    assert office.store.acts.waiting() == []
    with pytest.raises(UnknownId, match=f"waits no longer: pin {pin_id} has lapsed"):
        office.store.acts.approve(act.id, CHEN, lambda _: pytest.fail("done"))


# --- what is refused --------------------------------------------------------------------------------------------


def refusals(office: Office) -> dict[str, PinOrder]:
    lobby = office.segment("lobby")
    early = Interval(lobby.start.wall_ms - 9_000_000, lobby.start.wall_ms - 8_000_000)
    gate = PinOrder(("lobby", "gate"), order(lobby).interval, Ground.LAW, "x", "c", "a", rules.DAY_MS)
    return {
        "gate has no footage": gate,
        "lobby has no footage": PinOrder(("lobby",), early, Ground.LAW, "x", "c", "a", rules.DAY_MS),
        "no camera cellar": PinOrder(("cellar",), early, Ground.LAW, "x", "c", "a", rules.DAY_MS),
        "more than 24 h": order(lobby, last_ms=office.clock.wall_ms + 25 * rules.HOUR_MS),
        "at most 180": order(lobby, span_ms=181 * rules.DAY_MS),
        "needs its letter number": PinOrder(("lobby",), early, Ground.INVESTIGATION, "", "c", "a", rules.DAY_MS),
    }


def test_what_may_not_be_pinned_is_refused_whole_and_leaves_nothing(office: Office) -> None:
    for words, wish in refusals(office).items():
        with pytest.raises(OrderRefused, match=words):
            place(office, wish)
        assert links(office) == {}
        check(office)


def test_a_share_of_the_volume_is_the_limit_and_told_in_numbers(tmp_path: Path) -> None:
    office = Office(tmp_path, max_bytes=100_000)
    office.enrol("lobby")
    segments = [office.segment("lobby") for _ in range(4)]
    share = Limits(180 * rules.DAY_MS, segments[0].bytes * 2.5 / 1000)
    office.store.pins.place(order(*segments[:2]), CHEN, share)
    with pytest.raises(OrderRefused, match=r"would hold .* may be pinned"):
        office.store.pins.place(order(*segments[2:]), CHEN, share)
    cost = office.store.pins.cost(order(*segments[:2]), share)
    assert cost.new_bytes == 0, "what is pinned already costs nothing more"
    check(office)
    office.store.close()


def test_no_more_rows_are_read_than_one_pin_may_hold(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """S12: of 64 cameras there may be millions."""
    monkeypatch.setattr(rules, "SEGMENTS_MAX", 2)
    lobby, gate = [office.segment("lobby") for _ in range(3)], office.segment("gate")
    asked = list[str]()
    found_in = pins_table.found_in

    def noted(
        connection: sqlite3.Connection, camera: str, interval: Interval, limit: int
    ) -> pins_table.FootageInInterval | None:
        asked.append(camera)
        return found_in(connection, camera, interval, limit)

    monkeypatch.setattr("storage.pins.table.found_in", noted)
    with pytest.raises(OrderRefused, match="more than the 2 segments"):
        place(office, order(*lobby, gate))
    assert asked == ["lobby"]


def test_footage_that_is_being_destroyed_is_refused_by_name(office: Office) -> None:
    gone, stays = office.segment("lobby"), office.segment("lobby")
    with closing(sqlite3.connect(office.state / "edged.db")) as connection:
        connection.execute("UPDATE segments SET state = 'garbage' WHERE id = ?", (gone.id,))
        connection.commit()
    with pytest.raises(OrderRefused, match=gone.path.name):
        place(office, order(gone, stays))
    check(office)
    assert place(office, order(stays)).segments == 1


def test_footage_that_is_condemned_while_its_links_are_made_is_refused_and_nothing_is_left(office: Office) -> None:
    gone, stays = office.segment("lobby"), office.segment("lobby")
    office.clock.tick(LONG_AGO_MS)
    office.segment("lobby")

    def condemn(step: Failpoint) -> None:
        if step is Failpoint.PIN_SYNCED:
            failpoints.arm(None)
            sweep_without_lock(office, gone)

    failpoints.arm(condemn)
    with pytest.raises(OrderRefused, match="is being destroyed"):
        place(office, order(gone, stays))
    assert links(office) == {}
    check(office)
    sweep(office)
    assert not gone.path.exists()


def sweep_without_lock(office: Office, segment: Segment) -> None:
    """What a sweep that is under way does."""
    with closing(sqlite3.connect(office.state / "edged.db")) as connection:
        connection.execute("UPDATE segments SET state = 'garbage' WHERE id = ? AND pins = 0", (segment.id,))
        connection.commit()


def test_a_file_that_is_not_there_is_named_and_nothing_is_pinned(office: Office) -> None:
    gone, stays = office.segment("lobby"), office.segment("lobby")
    gone.path.unlink()
    with pytest.raises(OrderRefused, match=gone.path.name):
        place(office, order(gone, stays))
    assert links(office) == {}
    check(office)


# --- cut off ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", PLACING)
def test_a_crash_while_placing_leaves_a_whole_pin(office: Office, step: Failpoint) -> None:
    segments = [office.segment("lobby"), office.segment("lobby")]
    crash_at(office, step, lambda: place(office, order(*segments)))
    office.clock.tick(LONG_AGO_MS)
    office.store.recover()
    sweep(office)
    (pin,) = office.store.pins.standing()
    assert (pin.pin.state, pin.segments) == (PinState.PROVISIONAL, 2)
    assert pin.pin.adopted == (step in BEFORE)
    assert [s.seq for s in office.store.segments("lobby", None, None)] == [s.seq for s in segments]
    check(office)
    office.clock.tick(rules.PROVISIONAL_MS)
    sweep(office)
    sweep(office)
    assert links(office) == {}, "never approved, it lapses"
    assert office.store.segments("lobby", None, None) == []


def test_a_crash_between_two_steps_of_holding_leaves_a_whole_pin(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.pins.files.STEP", 1)
    segments = [office.segment("lobby") for _ in range(3)]
    crash_at(office, Failpoint.PIN_HOLDING, lambda: place(office, order(*segments)))
    assert rows(office, "SELECT count(*) FROM pinned") == [(1,)]
    office.clock.tick(LONG_AGO_MS)
    sweep(office)
    (pin,) = office.store.pins.standing()
    assert (pin.segments, pin.pin.adopted) == (3, False)
    assert all(segment.path.exists() for segment in segments)
    check(office)


@pytest.mark.parametrize("ignored", [False, True], ids=["as it is", "negative control: intervals ignored"])
def test_an_interval_protects_until_each_of_its_segments_is_held(
    office: Office, monkeypatch: pytest.MonkeyPatch, *, ignored: bool
) -> None:
    """S2, and nobody sees half of a pin meanwhile."""
    wanted = [office.segment("lobby") for _ in range(2)]
    office.segment("gate")

    def busy(*_: Any, **__: Any) -> None:
        raise StoreBusy("many facts wait", "wait")

    with monkeypatch.context() as patched:
        patched.setattr("storage.pins.table.hold", busy)
        if ignored:
            patched.setattr("storage.pins.table.covering", lambda connection: pins_table.Covering({}))  # noqa: ARG005
        pin = place(office, order(*wanted))
        assert (pin.segments, pin.bytes) == (2, sum(segment.bytes for segment in wanted))
        office.clock.tick(LONG_AGO_MS)
        assert sweep(office) == 1
    condemned = rows(office, "SELECT count(*) FROM segments WHERE state = 'garbage'")
    assert condemned == [(2 if ignored else 0,)], "and even then the links keep the footage"
    if not ignored:
        assert office.store.pins.find(pin.pin.id).segments == 2
        assert rows(office, "SELECT count(*) FROM pinned") == [(0,)]
        sweep(office)
        check(office)


def test_nothing_a_person_does_to_a_pin_changes_many_rows_in_one_transaction(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """L4: a commit waits for one of them, however much the pin holds."""
    monkeypatch.setattr("storage.pins.files.STEP", 4, raising=False)
    changed = list[int]()
    submit = Database.submit

    def counted(self: Database, fact: Callable[[sqlite3.Connection], Any], *, yielding: bool = False) -> Any:
        def measured(connection: sqlite3.Connection) -> Any:
            before = connection.total_changes
            result = fact(connection)
            changed.append(connection.total_changes - before)
            return result

        return submit(self, measured, yielding=yielding)

    segments = [office.segment("lobby", 1) for _ in range(20)]
    monkeypatch.setattr(Database, "submit", counted)
    pin_id = place(office, order(*segments)).pin.id
    office.store.pins.approve(pin_id, LIN)
    act = office.store.acts.ask("pin-extend", {}, CHEN)
    deed = office.store.pins.extending(pin_id, 40 * rules.DAY_MS, LIMITS)
    office.store.acts.approve(act.id, LIN, lambda _: deed)
    office.store.pins.follow_up()
    release(office, pin_id)
    assert max(changed) <= 10, changed
    check(office)


@pytest.mark.parametrize("step", RELEASING)
def test_a_crash_while_releasing_leaves_none(office: Office, step: Failpoint) -> None:
    segments = [office.segment("lobby"), office.segment("lobby")]
    pin = place(office, order(*segments))
    crash_at(office, step, lambda: release(office, pin.pin.id))
    office.store.recover()
    sweep(office)
    assert office.store.pins.standing() == []
    assert links(office) == {}
    check(office)
    office.clock.tick(LONG_AGO_MS)
    assert sweep(office) == 2


def test_garbage_that_a_cut_off_placing_had_linked_goes_its_way(office: Office) -> None:
    gone, stays = office.segment("lobby"), office.segment("lobby")

    def work() -> None:
        place(office, order(gone, stays))

    def condemn_then_die(step: Failpoint) -> None:
        if step is Failpoint.PIN_SYNCED:
            failpoints.arm(None)
            sweep_without_lock(office, gone)
            raise Crash

    failpoints.arm(condemn_then_die)
    with pytest.raises(Crash):
        work()
    office.crash()
    office.start()
    office.store.recover()
    assert not gone.path.exists()
    assert links(office) == {place_id(office): {"pin.json", link_name(stays)}}
    check(office)


def place_id(office: Office) -> str:
    (pin,) = office.store.pins.standing()
    return pin.pin.id


def test_a_database_that_is_older_than_the_volume_gets_its_pins_back(office: Office) -> None:
    wanted = office.segment("lobby")
    office.store.close()
    old = office.state.with_name("backup")
    shutil.copytree(office.state, old)
    office.start()
    pin = place(office, order(wanted))
    office.store.pins.approve(pin.pin.id, LIN)
    office.store.close()
    shutil.rmtree(office.state)
    old.rename(office.state)
    office.clock.tick(LONG_AGO_MS)
    office.start()
    assert sweep(office) == 0, "what lies on the volume is not known yet"
    assert wanted.path.exists()
    office.store.ledger.rebuild()
    sweep(office)
    found = office.store.pins.find(pin.pin.id)
    assert (found.pin.state, found.pin.adopted, found.pin.order) == (PinState.APPROVED, True, pin.pin.order)
    assert wanted.path.exists()
    check(office)


def forget_pins(office: Office) -> None:
    """The database knows of none, and the volumes do."""
    with closing(sqlite3.connect(office.state / "edged.db")) as connection:
        for table in ("pinned", "pin_cameras", "pin_volumes", "pins"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608
        connection.execute("UPDATE segments SET pins = 0")
        connection.commit()


def test_a_sidecar_that_cannot_be_read_is_told_and_its_links_hold(office: Office) -> None:
    wanted = office.segment("lobby")
    pin = place(office, order(wanted))
    office.store.close()
    (office.disk / ".pins" / pin.pin.id / "pin.json").write_text("{")
    forget_pins(office)
    office.start()
    office.clock.tick(LONG_AGO_MS)
    sweep(office)
    assert pin.pin.id in office.store.pins.troubles
    assert wanted.path.exists()
    assert link_name(wanted) in links(office)[pin.pin.id]


@pytest.mark.parametrize("known", [False, True], ids=["no row", "a row"])
def test_a_sidecar_that_was_mended_is_told_no_longer(office: Office, *, known: bool) -> None:
    wanted = office.segment("lobby")
    pin = place(office, order(wanted)).pin
    told = office.disk / ".pins" / pin.id / "pin.json"
    whole = told.read_bytes()
    office.store.close()
    told.write_text("{")
    if not known:
        forget_pins(office)
    office.start()
    sweep(office)
    if not known:
        assert pin.id in office.store.pins.troubles
        told.rename(told.with_name("elsewhere"))
        sweep(office)
        assert pin.id in office.store.pins.troubles, "somebody is about to mend it"
        assert link_name(wanted) in links(office)[pin.id]
        told.with_name("elsewhere").unlink()
        told.write_bytes(whole)
        sweep(office)
    assert office.store.pins.troubles == {}
    assert office.store.pins.find(pin.id).pin.order == pin.order
    check(office)


def test_a_sidecar_that_is_not_ours_and_is_taken_away_is_told_no_longer(office: Office) -> None:
    office.store.close()
    stranger = office.disk / ".pins" / "P-20260301-7F3K"
    stranger.mkdir(parents=True)
    (stranger / "pin.json").write_text('{"format": "somebody.else/1"}')
    office.start()
    sweep(office)
    assert "somebody.else/1" in office.store.pins.troubles[stranger.name]
    shutil.rmtree(stranger)
    sweep(office)
    assert office.store.pins.troubles == {}


# --- what comes later -------------------------------------------------------------------------------------------


def test_what_is_recorded_into_a_pinned_interval_is_linked_before_it_is_committed(office: Office) -> None:
    first = office.segment("lobby")
    recording = office.record("lobby")
    recording.write(2)
    place(office, order(first, last_ms=office.clock.wall_ms + rules.HOUR_MS))
    reached: list[tuple[Any, ...]] = []

    def listener(step: Failpoint) -> None:
        if step in (Failpoint.COMMIT_LINKED, Failpoint.COMMIT_DONE):
            state = rows(office, "SELECT state FROM segments ORDER BY id DESC LIMIT 1")[0][0]
            reached.append((step, *links(office).values(), state))

    failpoints.arm(listener)
    office.clock.tick(2 * FRAGMENT_MS)
    late = office.commit(recording)
    failpoints.arm(None)
    assert [step for step, *_ in reached] == [Failpoint.COMMIT_LINKED, Failpoint.COMMIT_DONE]
    assert link_name(late) in reached[0][1]
    assert reached[0][2] == "open"
    assert rows(office, "SELECT linked FROM pinned ORDER BY segment DESC LIMIT 1") == [(1,)]
    check(office)
    elsewhere = office.segment("gate")
    assert elsewhere.path.stat().st_nlink == 1


def test_what_is_salvaged_or_adopted_into_a_pinned_interval_is_pinned(office: Office) -> None:
    first = office.segment("lobby")
    recording = office.record("lobby")
    recording.write(2)
    recording.file.abandon()
    broken = office.record("gate")
    broken.file.abandon()
    wish = PinOrder(
        ("lobby", "gate"),
        Interval(first.start.wall_ms, office.clock.wall_ms + rules.HOUR_MS),
        *(Ground.LAW, "x", "c", "a", rules.DAY_MS),
    )
    pin = place(office, wish)
    office.clock.tick(5000)
    office.salvage("lobby", 2)
    office.salvage("gate")
    sweep(office)
    found = dict(rows(office, "SELECT state, count(*) FROM segments WHERE pins = 1 GROUP BY state"))
    assert found == {"committed": 2, "quarantined": 1}
    assert office.store.pins.find(pin.pin.id).segments == sum(found.values())
    assert len(links(office)[pin.pin.id]) == 1 + sum(found.values())


def test_segments_on_a_volume_that_is_away_are_linked_before_anything_is_destroyed_there(tmp_path: Path) -> None:
    office = Office(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    office.store.close()
    shutil.rmtree(office.state)
    shutil.rmtree(office.disk)
    office.disk.mkdir()
    office.specs = (VolumeSpec(office.disk, None, None, 1 << 30), VolumeSpec(other, None, None, 1 << 20))
    office.start()
    office.enrol("lobby")
    wanted = office.segment("lobby")
    assert wanted.path.is_relative_to(office.disk)
    shutil.move(office.disk, tmp_path / "pulled")
    pin = place(office, order(wanted))
    assert (pin.segments, links(office, other)) == (1, {})
    assert pin.unreachable == (Share(wanted.volume, office.disk, Presence.AWAY, 1, wanted.bytes),)
    office.clock.tick(LONG_AGO_MS)
    sweep(office)
    shutil.move(tmp_path / "pulled", office.disk)
    sweep(office)
    assert wanted.path.exists()
    assert wanted.path.stat().st_nlink == 2
    assert office.store.pins.find(pin.pin.id).unreachable == ()
    check(office)
    office.store.close()


def test_nothing_is_destroyed_on_a_volume_whose_pins_cannot_be_read(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = office.segment("lobby")
    office.store.close()
    office.start()
    office.clock.tick(LONG_AGO_MS)

    def broken(volume: int) -> list[str]:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("storage.pins.sidecar.pin_ids", broken)
        assert sweep(office) == 0
        assert office.store.recover().garbage == 0
        assert office.store.pins.unread == {office.store.volumes()[0].id: f"{office.disk}: Input/output error"}
    assert old.path.exists()
    assert sweep(office) == 1
    assert office.store.pins.unread == {}


def test_what_a_pin_held_on_a_volume_that_is_gone_for_good_is_forgotten_in_its_time(tmp_path: Path) -> None:
    """Once the pin has ended: before, the loss is told."""
    office = Office(tmp_path)
    office.enrol("lobby")
    pinned = office.segment("lobby")
    pin_id = place(office, order(pinned)).pin.id
    (tmp_path / "second").mkdir()
    office.specs = (VolumeSpec(tmp_path / "second"),)
    office.store.volume_operations.configure(office.specs)
    shutil.move(office.disk, tmp_path / "shelf")
    office.store.volumes()
    assert office.store.volume_operations.replace(office.disk, None).loss.pinned == 1
    (lost,) = office.store.pins.find(pin_id).unreachable
    assert (lost.volume, lost.presence, lost.segments) == (pinned.volume, Presence.LOST, 1)
    office.clock.tick(LONG_AGO_MS)
    sweep(office)
    assert VolumeState.LOST in {status.state for status in office.store.volumes()}
    release(office, pin_id)
    for _ in range(3):
        sweep(office)
    assert VolumeState.LOST not in {status.state for status in office.store.volumes()}
    assert rows(office, "SELECT pin FROM pinned UNION ALL SELECT pin FROM pin_volumes") == []
    office.store.close()


def test_what_pins_hold_is_not_read_every_few_seconds(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """S12, L4: a thousand pins may hold millions of segments; a sweep and a measurement ask only when they end."""
    pin_id = place(office, order(office.segment("lobby"))).pin.id

    def counted(*_: Any, **__: Any) -> None:
        raise AssertionError("all of it was counted")

    monkeypatch.setattr("storage.pins.table.totals", counted)
    sweep(office)
    measured = measure(office.store, Policy({"lobby": BOUNDS}), office.clock.now())
    assert [(one.pin.id, one.left_ms) for one in measured.pins] == [(pin_id, rules.PROVISIONAL_MS)]
    office.clock.tick(rules.PROVISIONAL_MS)
    sweep(office)
    assert office.store.pins.lasting() == []


def test_internal_pins_are_not_gone_through_segment_by_segment(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """L3, S12: once a minute only what has become due is read, whatever they hold."""
    asked, read = list[str](), Database.read

    def counted(self: Database, query: Callable[[sqlite3.Connection], Any]) -> Any:
        def traced(connection: sqlite3.Connection) -> Any:
            connection.set_trace_callback(asked.append)
            return query(connection)

        return read(self, traced)

    def statements() -> int:
        office.clock.tick(61_000)
        asked.clear()
        office.store.pins.maintain(dict)
        return len(asked)

    office.store.close()
    monkeypatch.setattr(Database, "read", counted)
    office.start()
    long = Bounds(floor_s=60, ceiling_s=30 * 86_400)
    segments = [office.segment("lobby", 1, bounds=long) for _ in range(2)]
    place(office, order(*segments, ground=Ground.INTERNAL))
    few = statements()
    segments = [office.segment("lobby", 1, bounds=long) for _ in range(9)]
    place(office, order(*segments, ground=Ground.INTERNAL))
    assert statements() - few <= 4, "another pin, not nine more segments"


def test_a_release_holds_up_no_commit_for_long(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """L4: in transactions of a few milliseconds, however much the pin held."""
    monkeypatch.setattr("storage.pins.files.STEP", 2)
    released, let_go = list[int](), pins_table.let_go

    def counted(connection: sqlite3.Connection, pin: int, segments: Sequence[int]) -> None:
        released.append(len(segments))
        let_go(connection, pin, segments)

    monkeypatch.setattr("storage.pins.table.let_go", counted)
    release(office, place(office, order(*[office.segment("lobby") for _ in range(5)])).pin.id)
    assert released == [2, 2, 1]
    check(office)


def test_reported_spans_leave_out_what_only_a_pin_keeps(office: Office) -> None:
    old, new = office.segment("lobby"), office.segment("lobby")
    place(office, order(old))
    (usage,) = [one for one in office.store.usage() if one.camera == "lobby"]
    assert usage.oldest == old.start, "it would be there without"
    office.clock.tick(BOUNDS.floor_s * 1000)
    (usage,) = [one for one in office.store.usage() if one.camera == "lobby"]
    assert usage.oldest == new.start
    (usage,) = [one for one in office.store.usage({"lobby": 2 * BOUNDS.floor_s}) if one.camera == "lobby"]
    assert usage.oldest == old.start, "the configured floor asks for more than the stamped one"
    office.store.close()
    office.clock.reboot(off_ms=0)
    office.start()
    (usage,) = [one for one in office.store.usage({"lobby": 10 * BOUNDS.floor_s}) if one.camera == "lobby"]
    assert usage.oldest == old.start, "also of another boot"


def test_a_pin_that_was_placed_although_its_placing_was_told_it_failed_is_filed(office: Office) -> None:
    """A disk stores a transaction and reports that it did not: what had been filed was withdrawn, the row stands."""
    segment = office.segment("lobby")
    entered = Database.submit

    def late(database: Database, fact: Callable[[sqlite3.Connection], Any], **how: bool) -> Future[Any]:
        done = entered(database, fact, **how)
        if getattr(getattr(fact, "func", None), "__name__", "") != "_enter":
            return done
        done.result()
        refused: Future[Any] = Future()
        refused.set_exception(WriteFailed("the database could not be written", "look at the disk"))
        return refused

    with patch.object(Database, "submit", late), pytest.raises(WriteFailed):
        place(office, order(segment))
    assert [names for names in links(office).values() if names] == []
    sweep(office)
    check(office)
    assert links(office)[office.store.pins.standing()[0].pin.id] == {"pin.json", link_name(segment)}
