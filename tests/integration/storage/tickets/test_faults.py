"""報修 in the store: one ticket a thing, over restarts and a lost database; who may close it, and when it goes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.approvals.service import NOBODY
from storage.retention.bounds import TIME_ACCOUNT_KEPT_MS
from storage.tickets.faults import AGAIN_MS, Subject
from storage.tickets.faults_table import FaultState, FaultStep
from storage.words.errors import OrderRefused, SamePerson, UnknownId
from storage.words.message import Message
from storage.words.model import Severity
from tests.support.office import DEADLINE_S, Office

KEY, OTHER = "camera.down:door", "camera.degraded:door"
DOOR = Subject("camera:door", camera="door")
CHEN, LIN = 1001, 1002
HOUR_MS = 3_600_000


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path)
    opened.enrol("door")
    opened.segment("door")
    yield opened
    report = opened.store.ledger.verify(None, lambda _: None, threading.Event())
    assert [str(found) for found in report.findings.named] == []
    opened.store.close()


def raised(office: Office, key: str = KEY) -> str:
    office.store.alarms.raised(key, Severity.CRITICAL, Message("door is not recorded"), Message("check")).result(
        DEADLINE_S
    )
    found = office.store.alarms.find(key)
    assert found is not None
    return found.occurrence


def cleared(office: Office, key: str = KEY) -> None:
    office.store.alarms.cleared(key).result(DEADLINE_S)


def found(office: Office, key: str = KEY) -> str:
    ticket = office.store.faults.find(key, raised(office, key), DOOR)
    assert ticket is not None
    return ticket.id


def who(name: str = "chen", note: str = "n") -> dict[str, str]:
    return {"who": name, "note": note}


def test_a_thing_has_one_ticket_however_often_it_is_asked_for_and_over_a_kill(office: Office) -> None:
    fault = found(office)
    assert office.store.faults.find(KEY, raised(office), DOOR) is None
    assert office.store.faults.find(OTHER, raised(office, OTHER), DOOR) is not None
    office.crash()
    office.start()
    assert office.store.faults.find(KEY, raised(office), DOOR) is None
    (one,) = office.store.faults.open()
    assert (one.id, one.key, one.camera, one.reported_ms, one.over) == (fault, KEY, "door", None, False)
    assert [told.body["what"] for told in office.store.faults.one(fault)[1]] == ["found", "joined"]


def test_what_stands_no_longer_is_no_fault(office: Office) -> None:
    occurrence = raised(office)
    cleared(office)
    assert office.store.faults.find(KEY, occurrence, DOOR) is None
    assert office.store.faults.find(KEY, "another", DOOR) is None
    assert office.store.faults.open() == ()


def test_from_found_to_closed_with_names_only_behind_the_leaves(office: Office) -> None:
    fault = found(office)
    office.clock.tick(HOUR_MS)
    office.store.faults.report(fault, CHEN, {"who": "chen", "to": "光田資訊", "reference": "R-1"})
    office.clock.tick(HOUR_MS)
    with pytest.raises(OrderRefused, match="stands"):
        office.store.faults.check(fault, LIN, {"camera:door": KEY}, who("lin"))
    office.store.faults.repair(fault, CHEN, who(note="a new cable"), others=False)
    with pytest.raises(SamePerson):
        office.store.faults.check(fault, CHEN, {}, who())
    office.store.faults.check(fault, LIN, {}, who("lin", "seen"))
    one, steps = office.store.faults.one(fault)
    assert one.ticket.state is FaultState.CHECKED
    assert one.age_ms - one.since_ms[FaultStep.REPAIRED] == 2 * HOUR_MS
    assert [(step.body["what"], step.words.get("who", "")) for step in steps] == [
        ("found", ""), ("reported", "chen"), ("repaired", "chen"), ("checked", "lin"),
    ]  # fmt: skip
    assert all("chen" not in str(step.body) and "光田" not in str(step.body) for step in steps)
    assert office.store.faults.open() == ()
    with pytest.raises(OrderRefused, match="closed"):
        office.store.faults.report(fault, CHEN, {"who": "chen", "to": "x"})
    with pytest.raises(UnknownId):
        office.store.faults.one("F-19990101-AAAA")


def test_whose_repair_did_not_hold_does_not_close_it_himself(office: Office) -> None:
    fault = found(office)
    office.store.faults.repair(fault, CHEN, who(), others=False)
    assert found(office) == fault, "the box sees it still"
    cleared(office)
    with pytest.raises(SamePerson):
        office.store.faults.check(fault, CHEN, {}, who())
    office.store.faults.check(fault, LIN, {}, who("lin"))


@pytest.mark.parametrize(("repaired_by", "others", "checks"), [(CHEN, True, True), (NOBODY, False, False)])
def test_who_writes_down_what_the_vendor_did_may_check_it_and_nobody_is_no_second_person(
    office: Office, repaired_by: int, *, others: bool, checks: bool
) -> None:
    fault = found(office)
    cleared(office)
    office.store.faults.repair(fault, repaired_by, who(), others=others)
    if checks:
        office.store.faults.check(fault, repaired_by, {}, who())
        return
    with pytest.raises(SamePerson):
        office.store.faults.check(fault, repaired_by, {}, who())


@pytest.mark.parametrize(("later_ms", "same"), [(AGAIN_MS - 1, True), (AGAIN_MS + 1, False)])
def test_what_comes_back_soon_after_it_was_closed_is_the_same_fault(
    office: Office, later_ms: int, *, same: bool
) -> None:
    fault = found(office)
    office.store.faults.report(fault, CHEN, {"who": "chen", "to": "x"})
    cleared(office)
    office.store.faults.check(fault, LIN, {}, who("lin"))
    office.clock.tick(later_ms)
    assert (found(office) == fault) is same
    (one,) = office.store.faults.all()
    assert one.ticket.state is FaultState.FOUND


def test_a_storm_makes_no_leaves(office: Office) -> None:
    """S12: it comes and goes a hundred times, and the ticket tells of it once."""
    fault = found(office)
    for _ in range(100):
        cleared(office)
        office.clock.tick(30_000)
        assert office.store.faults.find(KEY, raised(office), DOOR) is None
    assert len(office.store.faults.one(fault)[1]) == 1
    office.store.faults.over(fault)
    assert office.store.faults.over(fault) is None
    assert found(office) == fault
    assert [step.body["what"] for step in office.store.faults.one(fault)[1]] == ["found", "over", "again"]


def test_a_lost_database_knows_its_tickets_again_but_no_names(office: Office) -> None:
    fault = found(office)
    office.store.faults.report(fault, CHEN, {"who": "chen", "to": "光田資訊"})
    office.store.maintenance.start(["door"], HOUR_MS, {"who": "chen", "reason": "r"})
    office.store.ledger.mirror_now()
    office.store.close(clean=False)
    (office.state / "edged.db").unlink()
    for name in ("edged.db-wal", "edged.db-shm"):
        (office.state / name).unlink(missing_ok=True)
    office.start()
    assert [one.id for one in office.store.faults.open()] == [fault], "before anything was read back"
    under = office.store.maintenance.under_way()
    assert under is not None
    assert (under.maintenance.cameras, dict(under.names)) == (("door",), {})
    assert office.store.faults.find(KEY, raised(office), DOOR) is None, "and is not opened twice"
    report = office.store.ledger.rebuild()
    assert (report.unread, report.clashes) == (0, 0)
    one, steps = office.store.faults.one(fault)
    assert (one.ticket.state, one.ticket.version) == (FaultState.REPORTED, 2)
    assert [(step.body["what"], dict(step.words)) for step in steps] == [("found", {}), ("reported", {})]
    assert office.store.maintenance.under_way() is not None


def test_what_was_closed_long_ago_goes_with_its_names_and_its_leaves_stay(office: Office) -> None:
    fault, kept = found(office), office.store.faults.add("door", None, CHEN, who(note="a lens")).id
    cleared(office)
    office.store.faults.check(fault, LIN, {}, who("lin"))
    for _ in range(3):
        office.clock.tick(TIME_ACCOUNT_KEPT_MS // 3 + 1)
        office.store.heartbeat().result(DEADLINE_S)
    assert office.store.faults.prune() == 1
    assert [one.ticket.id for one in office.store.faults.all(everything=True)] == [kept]
    assert office.store.faults.one(kept)[1][0].words["note"] == "a lens"
