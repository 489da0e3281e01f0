"""Bounds that two persons agreed upon, in a store: kept over restarts, over a lost database, over an old copy of it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from storage.approvals.service import Person
from storage.ledger import signer
from storage.ledger import table as ledger_table
from storage.ledger.table import Leaf
from storage.mirror import files as mirror_files
from storage.mirror.service import STATE_SNAPSHOT
from storage.retention import table
from storage.retention.bounds import WAIT_MS, ApprovedLimits, Grants, OverwriteState, loosenings
from storage.retention.plan import Policy
from storage.words.model import Bounds
from tests.support.office import DEADLINE_S, Office

DAY = 86_400
SITE = Bounds(31 * DAY, 365 * DAY)
GRANTS = Grants(frozenset({("authority", "chiefs"), ("operator", "cctv")}))
MORE = Grants(frozenset({*GRANTS.pairs, ("authority", "tech")}))
AGREED = ApprovedLimits(SITE, {"lobby": SITE}, grants=GRANTS, profile="wenshan-household")
HIGHER = replace(AGREED, cameras={"lobby": Bounds(92 * DAY, 365 * DAY)})
LOOSER = ApprovedLimits(Bounds(7 * DAY, 365 * DAY), {"lobby": Bounds(0, 400 * DAY)}, overwrite=True, grants=MORE)
STOPPING = Policy(AGREED.cameras)
OVERWRITING = ApprovedLimits(SITE, {"lobby": SITE}, overwrite=True, grants=GRANTS)
CHEN, LIN = Person(1001, "chen"), Person(1002, "lin")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path)
    opened.enrol("lobby")
    opened.store.agreement.hold(AGREED)
    yield opened
    opened.store.close(clean=False)


def held(office: Office, wished: ApprovedLimits = LOOSER) -> ApprovedLimits:
    return office.store.agreement.hold(wished)


def approve(office: Office, wished: ApprovedLimits) -> None:
    act = office.store.acts.ask("loosen", {}, CHEN)
    office.store.acts.approve(act.id, LIN, lambda _: office.store.agreement.granting(wished))


def leaves(office: Office) -> list[ApprovedLimits]:
    found = office.store._database.read(lambda db: ledger_table.leaves(db, 0, 1000))
    return [table.parse_approved(leaf.body) for leaf in found if leaf.kind == Leaf.AGREED]


def test_what_is_configured_first_is_agreed_upon_and_one_leaf(office: Office) -> None:
    assert held(office) == AGREED
    assert held(office, AGREED) == AGREED
    assert leaves(office) == [AGREED]


def test_what_tightens_is_agreed_upon_at_once(office: Office) -> None:
    assert held(office, HIGHER) == HIGHER
    assert leaves(office) == [AGREED, HIGHER]
    assert held(office, AGREED) == HIGHER, "and takes two persons from then on"


def test_a_profile_is_dropped_or_changed_by_two_persons(office: Office) -> None:
    for wished in (None, "nangang-school"):
        file = replace(AGREED, profile=wished)
        for end in (office.store.close, office.crash):
            end()
            office.start()
            assert held(office, file) == AGREED
        approve(office, file)
        assert held(office, file) == file
        approve(office, AGREED)


def test_a_profile_of_the_version_before_is_agreed_upon_from_the_first_start_of_this_one(tmp_path: Path) -> None:
    """Whatever it wrote down names none."""
    before = replace(AGREED, profile=None)
    assert "profile" not in table.approved_body(before)
    box = Office(tmp_path)
    assert held(box, before) == before
    box.crash()
    box.start()
    assert held(box, AGREED) == AGREED
    assert leaves(box) == [before, AGREED]
    assert held(box, before) == AGREED
    box.store.close()


@pytest.mark.parametrize("wished", [MORE, Grants(configured=False)])
def test_who_can_edit_the_file_gives_nobody_a_role_by_a_restart(office: Office, wished: Grants) -> None:
    file = ApprovedLimits(SITE, {"lobby": SITE}, grants=wished)
    for end in (office.store.close, office.crash):
        end()
        office.start()
        assert held(office, file) == AGREED
    assert leaves(office) == [AGREED]
    approve(office, file)
    assert held(office, file) == file
    assert leaves(office) == [AGREED, file]


def test_a_ceiling_is_shortened_for_good_once_it_holds(office: Office) -> None:
    office.store.sweep(lambda: Policy(AGREED.cameras))
    office.clock.tick(2 * DAY * 1000)
    office.store.heartbeat().result(DEADLINE_S)
    shorter = replace(AGREED, cameras={"lobby": Bounds(31 * DAY, 60 * DAY)})
    office.store.sweep(lambda: Policy(held(office, shorter).cameras))
    assert held(office, AGREED) == AGREED, "taken back in time"
    held(office, shorter)
    office.clock.tick(2 * DAY * 1000)
    office.store.heartbeat().result(DEADLINE_S)
    held(office, shorter)
    assert held(office, AGREED) == shorter


def test_one_asks_another_approves_and_all_of_it_holds(office: Office) -> None:
    approve(office, LOOSER)
    assert held(office) == LOOSER
    assert leaves(office) == [AGREED, LOOSER]


@pytest.mark.parametrize("killed", ["before the first sweep", "after it"])
def test_floors_that_were_stamped_under_another_word_give_way_only_after_a_day(tmp_path: Path, killed: str) -> None:
    """S14: a daemon that was killed before its first sweep left a box that seemed to overwrite from the beginning."""
    box = Office(tmp_path)
    held(box, AGREED)
    box.enrol("lobby")
    box.segment("lobby")
    if killed == "after it":
        box.store.sweep(lambda: STOPPING)
    box.crash()
    box.start()
    assert held(box, OVERWRITING) == AGREED, "it takes two persons"
    approve(box, OVERWRITING)
    assert held(box, OVERWRITING) == OVERWRITING
    assert box.store.ring.view(Policy(overwrite=True)).overwriting == OverwriteState(left_ms=WAIT_MS)
    box.store.close()


def test_what_overwrites_from_the_beginning_need_not_wait(tmp_path: Path) -> None:
    box = Office(tmp_path)
    assert held(box, OVERWRITING) == OVERWRITING
    box.enrol("lobby")
    box.segment("lobby")
    box.crash()
    box.start()
    assert held(box, OVERWRITING) == OVERWRITING
    assert box.store.ring.view(Policy(overwrite=True)).overwriting == OverwriteState(holds=True)
    box.store.close()


def test_who_changed_his_mind_before_anything_was_recorded_need_not_wait(tmp_path: Path) -> None:
    box = Office(tmp_path)
    held(box, AGREED)
    approve(box, OVERWRITING)
    assert held(box, OVERWRITING) == OVERWRITING
    box.enrol("lobby")
    assert box.store.ring.view(Policy(overwrite=True)).overwriting == OverwriteState(holds=True)
    box.store.close()


@pytest.mark.parametrize("lost", ["gone", "gone, and the heads are older", "an old copy"])
def test_a_lost_database_forgets_none_of_it(office: Office, lost: str) -> None:
    """Whoever deletes the database has not loosened a bound by that, nor given a role, nor dropped the profile."""
    office.segment("lobby")
    copy = office.state.parent / "copy"
    office.store.close()
    shutil.copytree(office.state, copy)
    shutil.copy(office.disk / signer.NAME / mirror_files.SNAPSHOT_NAME, copy)
    office.start()
    office.enrol("lobby")
    held(office, HIGHER)
    office.segment("lobby")
    office.store.ledger.mirror_now()
    office.store.close()
    LOSE[lost](office, copy)
    office.start()
    assert held(office) == HIGHER
    assert held(office, ApprovedLimits(SITE, grants=Grants(configured=False))) == replace(AGREED, cameras={})
    office.store.ledger.rebuild()
    assert held(office) == HIGHER


def test_one_that_cannot_be_read_is_a_database_that_is_damaged(office: Office) -> None:
    """SQLite does not see a flipped bit in a text: edged did not come up again, and nothing was recorded."""
    office.segment("lobby")
    office.store._database.submit(lambda db: db.execute("UPDATE agreed SET body = '{' || body")).result(DEADLINE_S)
    office.store.close()
    office.start()
    assert held(office) == AGREED
    assert office.store.ledger.last_rebuild() is not None


def test_until_a_lost_database_is_made_anew_nothing_counts_as_agreed_upon(office: Office) -> None:
    """Where no volume was there at the start that tells: the leaves that turn up later do, the last one first."""

    def forget(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM agreed")
        connection.execute("INSERT INTO rebuilds (reason, leaf, wall_ms) VALUES ('gone', 1, 0)")

    def recall(connection: sqlite3.Connection) -> None:
        table.remember_approved(connection, 5, table.approved_body(AGREED))
        table.remember_approved(connection, 4, table.approved_body(LOOSER))

    office.store._database.submit(forget).result(DEADLINE_S)
    assert held(office) == LOOSER
    assert leaves(office) == [AGREED], "and it is not written down as agreed upon"
    assert not office.store.agreement.is_without_profile(), "nobody knows yet, so footage stays shut"
    office.store._database.submit(recall).result(DEADLINE_S)
    assert held(office) == AGREED


def gone(office: Office, _: Path) -> None:
    for path in office.state.glob("edged.db*"):
        path.unlink()


def gone_with_older_heads(office: Office, copy: Path) -> None:
    gone(office, copy)
    shutil.copy(copy / mirror_files.SNAPSHOT_NAME, office.disk / signer.NAME)
    shutil.copy(copy / STATE_SNAPSHOT, office.state)


def an_old_copy(office: Office, copy: Path) -> None:
    gone(office, copy)
    for path in copy.glob("edged.db*"):
        shutil.copy(path, office.state)


LOSE: dict[str, Callable[[Office, Path], None]] = {
    "gone": gone,
    "gone, and the heads are older": gone_with_older_heads,
    "an old copy": an_old_copy,
}


@pytest.mark.parametrize(
    "text",
    ["{}", "[]", '{"site":[1,2],"cameras":[],"overwrite":false}', '{"site":[3,2],"cameras":{},"overwrite":false}',
     '{"site":[1,2],"cameras":{"../x":[1,2]},"overwrite":false}', '{"site":[1],"cameras":{},"overwrite":false}',
     '{"site":[1,2],"cameras":{},"overwrite":false,"roles":{}}',
     '{"site":[1,2],"cameras":{},"overwrite":false,"roles":1}',
     '{"site":[1,2],"cameras":{},"overwrite":false,"roles":{"authority":[7]}}',
     '{"site":[1,2],"cameras":{},"overwrite":false,"roles":null,"profile":7}'],
)  # fmt: skip
def test_what_is_none_of_ours_is_not_believed(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        table.parse_approved(text)


def test_it_reads_what_it_writes() -> None:
    for one in (AGREED, LOOSER, ApprovedLimits(SITE)):
        assert table.parse_approved(json.dumps(table.approved_body(one))) == one
    assert list(loosenings(AGREED, LOOSER))


@pytest.mark.parametrize("name", [None, "dahu-township"])
def test_whether_there_is_a_profile_is_what_was_agreed_upon(tmp_path: Path, name: str | None) -> None:
    """And not what the file says now."""
    box = Office(tmp_path)
    assert box.store.agreement.is_without_profile()
    held(box, replace(AGREED, profile=name))
    held(box, replace(AGREED, profile=None))
    assert box.store.agreement.is_without_profile() == (name is None)
    box.store.close()
