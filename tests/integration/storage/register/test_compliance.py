"""What a judgement by clause rests on: since when is kept, and the register is read once, from where it was read to."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.register import service
from storage.register.queries import Kept, Violation
from storage.retention.plan import Policy
from storage.words.model import Bounds, GapCause
from tests.support.office import BOUNDS, DEADLINE_S, Office

LATE = Bounds(0, 60)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_since_when_is_kept_over_a_restart(office: Office) -> None:
    assert office.store.compliance.kept() == {}
    now = {"W1": Kept("met", 1), "W2": Kept("not-met", 2)}
    office.store.compliance.keep(now).result(DEADLINE_S)
    office.store.close()
    office.start()
    assert office.store.compliance.kept() == now
    office.store.compliance.keep({"J4": Kept("met", 3)}).result(DEADLINE_S)
    assert office.store.compliance.kept() == {"J4": Kept("met", 3)}, "another profile"
    office.store.close()


def swept(office: Office, bounds: Bounds, *, overwrite: bool = False) -> int:
    policy = Policy({"lobby": bounds}, overwrite=overwrite)
    return office.store.sweep(lambda: policy).destroyed


def test_the_register_is_read_on_and_counts_what_was_against_a_bound(office: Office) -> None:
    office.enrol("lobby")
    for _ in range(3):
        office.segment("lobby", bounds=LATE)
    office.clock.tick(65_000)
    assert swept(office, LATE) == 3
    first = office.store.compliance.read_on()
    assert first is not None
    assert (first.segments, dict(first.faults)) == (3, {})
    office.segment("lobby", bounds=LATE)
    office.clock.tick(60_000 + 2 * 3_600_000)
    assert swept(office, LATE) == 1
    second = office.store.compliance.read_on()
    assert second is not None
    assert second.segments == 4
    (late,) = second.faults.values()
    assert (next(iter(second.faults)), late.segments) == (("lobby", Violation.LATE), 1)
    office.store.close()
    office.start()
    third = office.store.compliance.read_on()
    assert third is not None
    assert (third.segments, third.faults) == (second.segments, second.faults), "nothing counts twice"
    office.store.close()


def test_what_went_too_early_is_counted_whoever_wrote_the_entry(office: Office) -> None:
    """An attack: whoever can write the database destroys early and enters it as if nothing were."""
    office.enrol("lobby")
    office.segment("lobby", bounds=LATE)
    office.clock.tick(65_000)
    assert swept(office, LATE) == 1
    office.store.close()
    with closing(sqlite3.connect(office.state / "edged.db")) as db, db:
        number, text = db.execute("SELECT number, body FROM leaves WHERE kind = 'destroyed'").fetchone()
        body = json.loads(text) | {"age_ms": 1000, "floor_s": 60, "ceiling_s": 300, "rule": "space"}
        db.execute("UPDATE leaves SET body = ? WHERE number = ?", (json.dumps(body), number))
    office.start()
    read = office.store.compliance.read_on()
    assert read is not None
    assert set(read.faults) == {("lobby", Violation.EARLY)}
    office.store.close()


def test_a_long_register_is_read_in_several_goes(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PAGES_MAX", 2)
    office.enrol("lobby")
    for _ in range(4):
        office.segment("lobby", bounds=LATE)
    office.clock.tick(65_000)
    assert swept(office, LATE) == 4
    for _ in range(3000):  # leaves of another kind: blocks in which nothing is wanted
        office.store.journal.holder(1, "chen", [])
    office.segment("lobby", bounds=LATE)
    office.clock.tick(65_000)
    assert swept(office, LATE) == 1
    told, goes = office.store.compliance.read_on(), 1
    while told is None:
        told, goes = office.store.compliance.read_on(), goes + 1
    assert (told.segments, goes > 1) == (5, True)
    office.store.close()


def test_causes_of_what_is_missing_add_up(office: Office) -> None:
    office.enrol("lobby")
    office.segment("lobby", bounds=BOUNDS)
    now = office.clock.tick(5000)
    shares = office.store.compliance.shares("lobby", 0, now.wall_ms)
    assert (shares.recorded_ms, shares.causes, shares.unexplained_ms) == (2000, {}, 5000)
    office.store.begin_gap("lobby", None, GapCause.DROPPED, "").result(DEADLINE_S)
    shares = office.store.compliance.shares("lobby", 0, now.wall_ms)
    assert (shares.recorded_ms, shares.causes, shares.unexplained_ms) == (2000, {"dropped": 5000}, 0)
    office.store.close()
