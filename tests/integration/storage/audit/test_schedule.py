"""The box checks its ledger itself: behind recording, remembered over restarts, told until nothing is wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edged.documents import ledger as documents
from edged.documents import site
from edged.words import exit_codes
from storage.audit import schedule
from storage.audit.findings import Code
from storage.audit.schedule import EVERY_MS, SETTLE_MS
from storage.audit.verify import Verify
from storage.integrity.inspect_file import Stopped
from storage.words.errors import StoreBusy
from tests.integration.storage.audit.test_verify import Kept, tamper, verify
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.office import Office


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(schedule, "SLOWLY", 0.0)
    opened = Office(tmp_path)
    opened.enrol("door")
    opened.segment("door")
    yield opened
    opened.store.close()


def found(office: Office) -> list[Code]:
    last = office.store.ledger.itself.last()
    return [] if last is None else [one.code for one in last.named]


def test_once_a_week_of_running_time_and_after_an_unclean_stop(office: Office) -> None:
    itself = office.store.ledger.itself
    assert not itself.round(), "a start comes first"
    office.clock.tick(SETTLE_MS)
    assert itself.round()
    assert not itself.round()
    office.clock.step_wall(30 * 86_400_000)
    assert not itself.round(), "a wall clock is no week"
    office.clock.tick(EVERY_MS)
    assert itself.round()
    office.store.close()
    office.start()
    office.enrol("door")
    office.clock.tick(SETTLE_MS)
    assert not office.store.ledger.itself.round(), "it is remembered"
    office.crash()
    office.start()
    office.clock.tick(SETTLE_MS)
    assert office.store.ledger.itself.round()
    assert not office.store.ledger.itself.round()


def test_what_it_finds_is_told_until_it_is_seen_to(office: Office) -> None:
    office.clock.tick(SETTLE_MS)
    office.store.ledger.mirror_now()
    number = office.store._database.read(lambda db: db.execute("SELECT max(number) FROM leaves").fetchone()[0])
    tamper(office, ("UPDATE leaves SET wall_ms = wall_ms + 1 WHERE number = ?", (number,)))
    assert office.store.ledger.itself.round()
    assert Code.LEAF_CHANGED in found(office)
    office.store.close()
    office.start()
    status = office.store.ledger.status()
    assert status.checked is not None
    assert f"leaf {number}" in [one.where for one in status.checked.named]
    tamper(office, ("UPDATE leaves SET wall_ms = wall_ms - 1 WHERE number = ?", (number,)))
    verify(office)
    assert found(office) == [], "whoever checks by hand ends it, too"


def test_a_wrong_head_that_somebody_hands_in_says_nothing_of_the_box(office: Office, tmp_path: Path) -> None:
    office.store.ledger.sign_now()
    (tmp_path / "other").mkdir()
    other = Office(tmp_path / "other")
    other.enrol("door")
    other.store.ledger.sign_now()
    kept = Kept(other)
    other.store.close()
    assert [one.code for one in verify(office, kept.text).findings.named] == [Code.OUTSIDE_STRANGE]
    assert found(office) == []


@pytest.mark.parametrize("why", [StoreBusy("leaves are being read back", ""), Stopped()])
def test_one_that_breaks_off_is_due_again(office: Office, why: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Verify) -> None:
        raise why

    office.clock.tick(SETTLE_MS)
    with monkeypatch.context() as patched:
        patched.setattr(Verify, "run", broken)
        assert not office.store.ledger.itself.round()
    assert office.store.ledger.itself.last() is None
    assert office.store.ledger.itself.round()


def test_a_stop_ends_it_between_two_pages(office: Office) -> None:
    office.clock.tick(SETTLE_MS)
    office.store.interrupt()
    assert not office.store.ledger.itself.round()
    assert office.store.ledger.itself.last() is None


def test_one_at_a_time(office: Office) -> None:
    office.clock.tick(SETTLE_MS)
    with office.store.ledger._verifying:
        assert not office.store.ledger.itself.round()
    assert office.store.ledger.itself.round()


def test_the_daemon_does_it_and_tells(tmp_path: Path) -> None:
    """Something was changed while it was down: found, critical, named; shown by `edgectl ledger`."""
    soon = "from storage.audit import schedule as selfcheck\nselfcheck.SETTLE_MS = selfcheck.AGAIN_MS = 0\n"
    soon += "from edged.evidence import watches\nwatches.LEDGER_EVERY_S = 1.0\n"
    setup = Setup([Watched("pattern", "test://?size=320x180&fps=10")], segment="2s")
    edged = Daemon(tmp_path, setup, sabotage=soon)

    def last() -> documents.Checked | None:
        answer = edged.ctl("ledger", "--limit", "1")
        return documents.Ledger.model_validate(answer.document).checked if answer.code == exit_codes.OK else None

    def alarm() -> str:
        answer = edged.ask("/v1/alarms")
        alarms = [] if answer is None else site.Alarms.model_validate(answer).alarms
        return next((one.text for one in alarms if one.key == "ledger.tampered" and one.state == "raised"), "")

    with edged:
        edged.until(lambda: len(edged.listed("pattern")) >= 1, 30, "a segment")
        edged.until(last, 30, "the ledger is checked")
        checked = last()
        assert checked is not None
        assert (checked.findings, checked.leaves > 0) == (0, True)
        assert "nothing was found" in edged.ctl("ledger", "--limit", "1", json_=False).stdout
        assert alarm() == ""
        assert edged.stop() == 0
        with closing(sqlite3.connect(edged.state / "edged.db", isolation_level=None)) as db:
            db.execute("UPDATE leaves SET wall_ms = wall_ms + 1 WHERE number = 2")
            db.execute("DELETE FROM checked")
        edged.start()
        edged.until(alarm, 40, "it is told")
        assert "leaf 2" in alarm()
        edged.check_alive()
        assert "edgectl ledger verify" in edged.ctl("ledger", "--limit", "1", json_=False).stdout
