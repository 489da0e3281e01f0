"""Requests in a real database, beside real files of keys: numbered without holes, changed once, read by key alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from storage.office import keys, table
from storage.office.keys import KeyGone, RequestKeys
from storage.office.leaks import LeakEvents
from storage.office.leaks_table import LeakStep
from storage.office.service import ChangedMeanwhile, Requests
from storage.office.table import Story
from storage.words.errors import OrderRefused, UnknownId
from tests.integration.storage.recovery.test_lost_database import gone, rebuilt
from tests.support.office import Office

YEAR: Final = 115
DAY: Final = 739_000
FORM: Final = {"name": "王小明", "reason": "車輛遭擦撞"}
RECEIPT: Final[Story] = {"row": "W-public", "asked": [], "uses": ["view"], "applicant": None, "units": []}
SIGNED: Final[Story] = {"act": "sign"}


@pytest.fixture
def box(memory: Path) -> Iterator[Office]:
    office = Office(memory)
    yield office
    office.store.close()


def opened(office: Office) -> RequestKeys:
    key_file, keys_file = keys.state_files(office.state)
    return RequestKeys(key_file, keys_file) if key_file.path.exists() else keys.create(key_file, keys_file)


def requests(office: Office, of: RequestKeys | None = None) -> Requests:
    held = office.store._held
    return Requests(held.database, held.life, office.clock, of or opened(office), office.store.office.copies)


def test_a_request_is_kept_with_its_story_and_its_words(box: Office) -> None:
    office = requests(box)
    row = office.receive("W-public", YEAR, DAY, RECEIPT, "deciding", FORM)
    assert (row.number, row.version, row.own) == ("115-0001", 1, True)
    after = office.act(row.number, 1, SIGNED, "deciding", FORM | {"phone": "02-1234"})
    assert after.version == 2
    kept = office.get(row.number)
    assert (kept.receipt, [one.story for one in kept.acts]) == (RECEIPT, [SIGNED])
    assert office.words(row.number) == FORM | {"phone": "02-1234"}
    assert [one.number for one in office.listed()] == ["115-0001"]
    assert office.listed(without="deciding") == []


def test_numbers_have_no_holes_and_years_never_go_back(box: Office) -> None:
    office = requests(box)
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda _: office.receive("W-public", YEAR, DAY, RECEIPT, "deciding"), range(24)))
    assert sorted(one.number for one in rows) == [f"115-{number:04}" for number in range(1, 25)]
    assert office.receive("W-public", 116, DAY, RECEIPT, "deciding").number == "116-0001"
    assert office.receive("W-public", YEAR, DAY, RECEIPT, "deciding").number == "116-0002"


def test_a_number_of_another_box_is_kept_beside_the_own_series(box: Office) -> None:
    office = requests(box)
    theirs = office.receive("W-staff", YEAR, DAY, RECEIPT, "granted", number="115-0900")
    assert not theirs.own
    assert office.receive("W-public", YEAR, DAY, RECEIPT, "deciding").number == "115-0001"
    with pytest.raises(OrderRefused, match="known here"):
        office.receive("W-staff", YEAR, DAY, RECEIPT, "granted", number="115-0900")


def test_of_two_who_act_at_once_one_is_told(box: Office) -> None:
    office = requests(box)
    number = office.receive("W-public", YEAR, DAY, RECEIPT, "deciding").number

    def sign(_: int) -> bool:
        try:
            office.act(number, 1, SIGNED, "deciding", FORM)
        except ChangedMeanwhile:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(sign, range(6))) == 1
    assert len(office.get(number).acts) == 1
    with pytest.raises(UnknownId):
        office.act("115-0099", 1, SIGNED, "deciding")


def test_several_acts_are_done_or_none_is(box: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office = requests(box)
    number = office.receive("W-public", YEAR, DAY, RECEIPT, "deciding", FORM).number
    both: list[tuple[Story, str]] = [(SIGNED, "deciding"), ({"act": "close"}, "closed")]
    with monkeypatch.context() as cut:
        acted = table.act
        cut.setattr(table, "act", lambda *told: told[2] == 1 and acted(*told))
        with pytest.raises(ChangedMeanwhile):
            office.acts(number, 1, both, FORM | {"phone": "02-1234"})
    assert (office.get(number).row.version, office.words(number)) == (1, FORM)
    row = office.acts(number, 1, both, FORM | {"phone": "02-1234"})
    assert (row.version, row.status) == (3, "closed")
    assert [one.version for one in office.get(number).acts] == [2, 3]
    assert office.words(number) == FORM | {"phone": "02-1234"}


def test_a_crash_between_key_and_row_costs_no_number(box: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office = requests(box)
    with monkeypatch.context() as cut:
        cut.setattr("storage.office.table.receive", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            office.receive("W-public", YEAR, DAY, RECEIPT, "deciding", FORM)
    again = office.receive("W-public", YEAR, DAY, RECEIPT, "deciding", FORM)
    assert again.number == "115-0001"
    assert office.words(again.number) == FORM


def test_no_word_lies_in_the_database_and_none_opens_without_its_key(box: Office) -> None:
    of = opened(box)
    office = requests(box, of)
    number = office.receive("W-public", YEAR, DAY, RECEIPT, "deciding", FORM).number
    with closing(sqlite3.connect(box.state / "edged.db")) as db:
        dumped = "\n".join(db.iterdump())
    assert not any(word in dumped for word in FORM.values())
    of.erase(number)
    with pytest.raises(KeyGone):
        office.words(number)
    assert office.get(number).row.number == number, "the case goes on without names"


def test_a_lost_database_loses_no_request(box: Office) -> None:
    of = opened(box)
    office = requests(box, of)
    number = office.receive("W-public", YEAR, DAY, RECEIPT, "deciding", FORM).number
    office.act(number, 1, SIGNED, "granted")
    before = office.get(number)
    box.store.ledger.mirror_now()
    box.store.close()
    gone(box.state / "edged.db")
    box.start()
    rebuilt(box)
    after = requests(box, of).get(number)
    assert (after.receipt, after.acts, after.row.version) == (before.receipt, before.acts, 2)
    assert after.row.status == "granted"


def test_what_an_auditor_closed_stays_closed_over_a_restart_and_a_lost_database(box: Office) -> None:
    of = opened(box)
    requests(box, of).close_finding("J8", "115-0001", ["unconfirmed-1", "late-reply"], 2005, "已檢討")
    (told,) = requests(box, of).closed_findings()
    assert (told.clause, told.about, told.breaches) == ("J8", "115-0001", frozenset({"late-reply", "unconfirmed-1"}))
    box.store.close()
    box.start()
    assert requests(box, of).closed_findings() == [told]
    box.store.ledger.mirror_now()
    box.store.close()
    gone(box.state / "edged.db")
    box.start()
    rebuilt(box)
    assert requests(box, of).closed_findings() == [told]
    lines = b"".join(path.read_bytes() for path in box.disk.rglob("*") if path.is_file())
    assert "已檢討".encode() not in lines, "the reason stands behind a commitment alone"


def test_a_leak_case_is_told_over_a_restart_and_a_lost_database(box: Office) -> None:
    """Its numbers run on; what somebody else entered meanwhile is no ground for another step."""

    def cases() -> LeakEvents:
        held = box.store._held
        return LeakEvents(held.database, held.life, box.clock)

    assert [cases().open(115, {"day": 1}), cases().open(114, {"day": 2})] == ["L-115-0001", "L-115-0002"]
    cases().add("L-115-0001", 1, LeakStep.REPORTED, {"to": "ethics"})
    with pytest.raises(ChangedMeanwhile, match="leak case"):
        cases().add("L-115-0001", 1, LeakStep.CLOSED, {})
    with pytest.raises(UnknownId):
        cases().add("L-115-0003", 1, LeakStep.CLOSED, {})
    before = cases().events()
    assert [(one.leak, one.step, one.story) for one in before] == [
        ("L-115-0001", LeakStep.OPENED, {"day": 1}),
        ("L-115-0002", LeakStep.OPENED, {"day": 2}),
        ("L-115-0001", LeakStep.REPORTED, {"to": "ethics"}),
    ]
    box.store.ledger.mirror_now()
    lasting = (box.disk / ".ledger" / "lasting.jsonl").read_text("utf-8")
    assert lasting.count('"leak-') == 3, "it outlives the files of days"
    box.store.close()
    gone(box.state / "edged.db")
    box.start()
    rebuilt(box)
    assert cases().events() == before
    assert cases().open(116, {}) == "L-116-0001"
    assert cases().open(115, {}) == "L-116-0002"
