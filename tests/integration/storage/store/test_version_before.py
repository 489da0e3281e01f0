"""What the version before left on the disk is taken over: nothing is lost, and every check of today passes.

The fixture was made by the daemon of commit e4b2f7f8 (`tests/fixtures/version_before/make`), with what that daemon said
about it. Here today's programs get a fresh copy of it. To them the box was off for as long as the fixture is old, and
has been up for a minute: maintenance lasts for so much running time (S7).
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support import version_before as before
from tests.support.daemon import Daemon
from tests.support.version_before import must
from tests.support.wallclock import WallClock

END, EXPECTED = before.expected()
RECORDED: Final = ("gate", "lobby", "yard")
"""Cameras that are recorded again; the fourth one is not there, and a fifth is configured no longer."""
TAKEN_S: Final = 30.0
UP_S: Final = 60.0
OK: Final = 0
FAILED: Final = 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "edged"
    before.unpack(place)
    return place


def checks(daemon: Daemon) -> dict[str, dict[str, Any]]:
    """Each file read and compared, and the whole ledger."""
    asked = {"fsck": daemon.ctl("fsck", "--level", "hash"), "verify": daemon.ctl("ledger", "verify")}
    return {name: {"code": answer.code, **answer.document} for name, answer in asked.items()}


def test_before_a_daemon_is_started_the_checks_say_what_they_said(folder: Path) -> None:
    assert before.footage(folder) == told_footage(), "it was unpacked as it was made"
    before.at_home(folder)
    told = checks(before.taken(folder))
    for name in told:
        assert {key: told[name][key] for key in EXPECTED[name]} == EXPECTED[name]
    assert EXPECTED["fsck"]["code"] == EXPECTED["verify"]["code"] == OK


def test_a_daemon_takes_it_over_and_nothing_is_lost(folder: Path, tmp_path: Path) -> None:
    clock = WallClock(tmp_path / "clock", up_s=UP_S)
    daemon = before.taken(folder, environment=clock.environment)
    with clock, daemon:
        daemon.wait_for_states("recording", RECORDED, TAKEN_S)
        daemon.wait_for(lambda status: not status.recovering, TAKEN_S, "it has taken over")
        for name in RECORDED:
            daemon.until(lambda name=name: daemon.listed(name)[-1].seq > END.last[name], TAKEN_S, "a new segment")  # type: ignore[misc]
        said = before.said(daemon, END)
        for subject, words in EXPECTED["said"].items():
            assert said[subject] == words, subject
        for name, document in checks(daemon).items():
            assert (document["code"], document["findings"]) == (OK, []), name
        status = daemon.status()
        assert status is not None
        waiting = {one.rank: one.events for one in status.broker.waiting}
        assert all(waiting[rank] >= events for rank, events in EXPECTED["outbox"].items()), waiting
        held(daemon)
        copied(daemon)
        assert daemon.stop() == OK
    after = before.footage(folder)
    assert {path: after.get(path) for path in EXPECTED["footage"]} == told_footage()


def told_footage() -> dict[str, tuple[str, int]]:
    return {path: (digest, names) for path, (digest, names) in EXPECTED["footage"].items()}


def held(daemon: Daemon) -> None:
    """A pin of the version before decides today."""
    pinned = next(one for one in EXPECTED["said"]["segments"] if one["pins"] and one["state"] == "committed")
    why = daemon.ask(f"/v1/retention/explain?segment={pinned['camera']}/{pinned['seq']}")
    assert (why["decision"], why["pins"]) == ("keep", pinned["pins"])


def copied(daemon: Daemon) -> None:
    """An export that was begun is gone on with, and what was finished or stated before is still proven."""
    stick = daemon.folder / before.EXPORTS
    for one in EXPECTED["said"]["exports"]:
        copy = stick / one["folder"]
        if one["state"] == "open":
            assert must(daemon.ctl("export", "--resume", str(copy)))["intact"] is True
        else:
            assert daemon.ctl("verify", str(copy)).code == OK
    assert daemon.ctl("verify", str(stick / before.STATEMENT)).code == OK


def test_a_byte_of_a_segment_is_missed(folder: Path) -> None:
    """The negative control of the first check."""
    path = next(folder / one["path"] for one in EXPECTED["said"]["segments"] if one["state"] == "committed")
    before.at_home(folder)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    answer = before.taken(folder).ctl("fsck", "--level", "hash")
    assert answer.code == FAILED
    assert {one["where"].removeprefix(f"{folder}/") for one in answer.document["findings"]} == {
        str(path.relative_to(folder))
    }
    assert {one["promise"] for one in answer.document["findings"]} == {"S4"}


def test_a_leaf_that_was_changed_is_found(folder: Path) -> None:
    """The negative control of the second check."""
    before.at_home(folder)
    with closing(sqlite3.connect(folder / "state" / "edged.db")) as database, database:
        number, body = database.execute("SELECT number, body FROM leaves WHERE kind = 'destroyed'").fetchone()
        changed = json.loads(body) | {"seq": json.loads(body)["seq"] + 1}
        database.execute("UPDATE leaves SET body = ? WHERE number = ?", (json.dumps(changed), number))
    answer = before.taken(folder).ctl("ledger", "verify")
    assert answer.code == FAILED
    assert "leaf-changed" in {one["code"] for one in answer.document["findings"]}
