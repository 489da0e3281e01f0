"""Somebody with root changes what ages, times, pins, bounds and findings rest on: the check names it, and where.

What a ledger alone is for (leaves, rows of footage, trees, mirrors) is in `test_ledger_verify`. What nobody finds is
here, too: the table in `docs/evidence.md` says so.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final
from unittest.mock import patch

import pytest

from storage.ages import table as ages_table
from storage.ages.history import Point
from storage.audit import ledger_state
from storage.audit.findings import Code
from storage.audit.verify import AuditedState, Verify
from storage.integrity import fsck as repair_fsck
from storage.integrity.fsck import Level, Scope
from storage.ledger import key, note, tree
from storage.ledger import queries as ledger_queries
from storage.ledger import table as ledger_table
from storage.ledger.note import Checkpoint, Verifier
from storage.ledger.signer import HeadAgreement
from storage.ledger.table import Leaf
from storage.retention.bounds import ApprovedLimits
from storage.retention.plan import Policy
from storage.store import offline
from storage.volumes.volume import VolumeSpec
from storage.words.clock import SystemClock
from storage.words.model import Bounds, GapCause
from tests.conftest import Profile
from tests.integration.storage.audit.test_verify import (
    Kept,
    codes,
    last,
    mirror_anew,
    present,
    sign_anew,
    tamper,
    verify,
    with_database,
)
from tests.integration.storage.pins.test_pins import LIN, order, place
from tests.support.office import DEADLINE_S, Office

Db = sqlite3.Connection
HOUR_MS: Final = 3_600_000
LONG: Final = Bounds(10 * 3600, 20 * 3600)
POLICY: Final = Policy({"door": LONG})
AGREED: Final = ApprovedLimits(LONG, {"door": LONG})


@pytest.fixture
def office(memory: Path) -> Iterator[Office]:
    """Two boots, one of them with a clock that was set right later; a pin, an act of a person, something destroyed."""
    opened = Office(memory)
    opened.clock.is_synced = False
    opened.store.close()
    opened.clock.reboot(0)
    opened.start()
    opened.store.agreement.hold(AGREED)
    opened.enrol("door")
    opened.segment("door", bounds=LONG)
    opened.clock.step_wall(2 * HOUR_MS)
    opened.clock.is_synced = True
    opened.store.clock_stepped(opened.clock.now(), synced=True).result(DEADLINE_S)
    opened.store.heartbeat().result(DEADLINE_S)
    opened.store.sweep(lambda: POLICY)
    pinned = [opened.segment("door", bounds=LONG) for _ in range(3)]
    place(opened, order(*pinned))
    opened.store.sweep(lambda: POLICY)
    opened.store.begin_gap("door", opened.clock.now(), GapCause.UNREACHABLE, "no answer").result(DEADLINE_S)
    opened.clock.tick(60_000)
    opened.store.heartbeat().result(DEADLINE_S)
    opened.store.close()
    opened.clock.reboot(3 * HOUR_MS)
    opened.start()
    opened.enrol("door")
    opened.store.sweep(lambda: POLICY)
    opened.segment("door", bounds=LONG)
    opened.store.journal.act("status", "done", "viewer", {"who": "chen"}).result(DEADLINE_S)
    opened.store.ledger.sign_now()
    yield opened
    opened.store.close()


def words(office: Office) -> str:
    return " ".join(f"{one.where}: {one.what}" for one in verify(office).findings.named)


def test_what_the_box_lived_through_is_no_finding(office: Office) -> None:
    assert verify(office).findings.named == []
    office.clock.tick(21 * HOUR_MS)
    assert office.store.sweep(lambda: POLICY).destroyed == 2
    assert verify(office).findings.named == []


# --- what ages and times rest on --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "off_low_ms = off_low_ms + 86400000, off_high_ms = NULL WHERE number = 3",
        "off_high_ms = off_high_ms + 1 WHERE number = 3",
        "ran_ms = ran_ms + 86400000 WHERE number = 2",
        "lag_us = lag_us + 60000000 WHERE number = 2",
        "attested_ms = 86400000 WHERE number = 3",
        "began_ms = 1 WHERE number = 2",
        "boot_id = 'another' WHERE number = 2",
    ],
)
def test_a_boot_edited_so_that_footage_is_older_or_younger(office: Office, change: str) -> None:
    tamper(office, f"UPDATE boots SET {change}")  # noqa: S608
    assert Code.BOOT in codes(office)
    assert f"boot {change[-1]}" in words(office)


def test_a_gap_hidden_behind_a_boot_that_is_stored_as_another(office: Office) -> None:
    """Gaps of boots that are counted otherwise need no rows: who renames a boot could hide an outage."""
    tamper(
        office,
        "DELETE FROM gaps WHERE cause = 'unreachable'",
        "UPDATE boots SET boot_id = 'another' WHERE number = 2",
    )
    assert Code.BOOT in codes(office)


@pytest.mark.parametrize(
    "change",
    [
        "true_offset_ms = true_offset_ms + 3600000 WHERE true_offset_ms IS NOT NULL",
        "true_offset_ms = NULL WHERE true_offset_ms IS NOT NULL",
        "true_offset_ms = 9000000 WHERE synced = 1",
        "synced = 1 - synced",
        "wall_ms = wall_ms + 60000",
        "boot = 1 WHERE boot = 2",
    ],
)
def test_a_clock_epoch_edited_so_that_times_are_others(office: Office, change: str) -> None:
    tamper(office, f"UPDATE epochs SET {change}")  # noqa: S608
    assert Code.EPOCH in codes(office)


@pytest.mark.parametrize(
    "forge", ["DELETE FROM epochs WHERE number = 2", "INSERT INTO epochs VALUES (9, 2, 1, 1, 0, 5)"]
)
def test_a_clock_epoch_removed_or_made_up(office: Office, forge: str) -> None:
    tamper(office, forge)
    assert Code.EPOCH in codes(office)


@pytest.mark.parametrize("change", ["synced = 1 - synced", "epoch = epoch + 1", "unproven = 1"])
def test_a_segment_that_goes_by_another_clock_or_vouches_for_less(office: Office, change: str) -> None:
    segment = office.store.segments("door", None, None)[-1]
    tamper(office, (f"UPDATE segments SET {change} WHERE id = ?", (segment.id,)))  # noqa: S608
    assert codes(office) == {Code.SEGMENT_DIFFERS}


def test_a_planted_film_passed_off_as_proven(office: Office) -> None:
    """The rescan takes in what was planted, as unproven; who planted it edits that."""
    segment = office.store.segments("door", None, None)[-1]
    shutil.copyfile(segment.path, segment.path.with_name("20260225T061320.000Z-77.mp4"))
    while office.store.checks.rescan():
        pass
    assert codes(office) == set()
    tamper(office, "UPDATE segments SET unproven = 0 WHERE unproven = 1")
    assert codes(office) == {Code.SEGMENT_DIFFERS}


# --- pins -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "state = 'released', ended_wall_ms = 1, version = version + 1",
        "span_ms = 1",
        "boottime_ms = 1",
        "boot = 1",
        "last_wall_ms = first_wall_ms + 1",
        "cameras = '[\"gate\"]'",
        "version = 0",
        "ground = 'internal'",
        "id = 'P-20260101-AAAA'",
    ],
)
def test_a_pin_that_was_cut_short_or_released_in_its_row(office: Office, change: str) -> None:
    tamper(office, f"UPDATE pins SET {change}")  # noqa: S608
    assert Code.PIN in codes(office)


def test_an_approved_pin_stored_as_provisional_so_that_it_lapses(office: Office) -> None:
    office.store.pins.approve(office.store.pins.standing()[0].pin.id, LIN)
    assert codes(office) == set()
    tamper(office, "UPDATE pins SET state = 'provisional', version = version + 1")
    assert codes(office) == {Code.PIN}


def test_a_pin_that_is_gone_from_the_database(office: Office) -> None:
    tamper(
        office,
        "UPDATE segments SET pins = 0 WHERE pins > 0",
        *(f"DELETE FROM {table}" for table in ("pinned", "pin_volumes", "pin_cameras", "pins")),  # noqa: S608
    )
    assert codes(office) == {Code.PIN}


def test_what_a_pin_holds_let_go_row_by_row(office: Office) -> None:
    """Counters and links are changed with it, so that `fsck` finds them as they should be."""
    tamper(office, "DELETE FROM pinned", "UPDATE segments SET pins = 0 WHERE pins > 0")
    assert codes(office) == {Code.PIN}
    assert "3 of the segments that it covers" in words(office)


def test_what_a_pin_held_destroyed_with_a_tombstone_that_looks_right(office: Office) -> None:
    tamper(office, "DELETE FROM pinned", "UPDATE segments SET pins = 0 WHERE pins > 0")
    for link in (office.disk / ".pins").rglob("*.mp4"):
        link.unlink()
    office.clock.tick(21 * HOUR_MS)
    assert office.store.sweep(lambda: POLICY).destroyed == 5
    found = verify(office).findings.named
    assert [one.code for one in found] == [Code.DESTROYED_PINNED] * 3, found


# --- tombstones -------------------------------------------------------------------------------------------------------


def tombstone(db: Db, segment: int, wall_ms: int) -> None:
    """Footage removed by hand, with an entry as the ring would make it."""
    camera, seq, duration_ms, *at = db.execute(
        "SELECT c.id, s.seq, s.duration_ms, s.boot, s.start_boottime_ms, s.start_wall_ms FROM segments s"
        " JOIN cameras c ON c.number = s.camera WHERE s.id = ?",
        (segment,),
    ).fetchone()
    start = ages_table.place_in_time(db, Point(*at))
    body: dict[str, ledger_table.Value] = {"camera": camera, "seq": seq, "start": start, "duration_ms": duration_ms}
    body |= {"volume": "v", "bytes": 1, "sha256": "00" * 32, "rule": "ceiling"}
    body |= {"floor_s": LONG.floor_s, "ceiling_s": LONG.ceiling_s, "age_ms": LONG.ceiling_s * 1000 + 1}
    db.execute("DELETE FROM segments WHERE id = ?", (segment,))
    ledger_table.enter(db, Leaf.DESTROYED, wall_ms, body)


@pytest.mark.parametrize("goes_on", [False, True])
def test_footage_removed_by_hand_with_a_forged_tombstone(office: Office, goes_on: bool) -> None:
    """The entry lies about the age; when it was entered tells."""
    segment = office.store.segments("door", None, None)[-1]
    segment.path.unlink()
    with_database(office, lambda db: tombstone(db, segment.id, office.clock.wall_ms))
    for _ in range(20 if goes_on else 0):
        office.segment("door", bounds=LONG)
    office.clock.tick(30 * HOUR_MS if goes_on else 0)
    assert codes(office) == {Code.DESTROYED_EARLY}


def test_a_clock_that_was_set_back_before_a_ceiling_came_is_no_finding(office: Office) -> None:
    office.clock.tick(21 * HOUR_MS)
    office.clock.step_wall(-30 * HOUR_MS)
    office.store.clock_stepped(office.clock.now(), synced=False).result(DEADLINE_S)
    assert office.store.sweep(lambda: POLICY).destroyed == 2
    for _ in range(20):
        office.segment("door", bounds=LONG)
    assert codes(office) == set()


def test_footage_made_garbage_in_its_row_so_that_the_box_destroys_it_itself(office: Office) -> None:
    segment = office.store.segments("door", None, None)[-1]
    tamper(
        office,
        ("UPDATE segments SET state = 'garbage' WHERE id = ?", (segment.id,)),
        ("INSERT INTO condemned VALUES (?, 'ceiling', 36000, 72000, 99999999)", (segment.id,)),
    )
    office.store.recover()
    assert not segment.path.exists()
    assert codes(office) == {Code.DESTROYED_EARLY}


def test_a_forged_tombstone_whose_clock_is_ahead_is_taken_for_what_it_says(office: Office) -> None:
    """In principle: who enters leaves says what he likes. Times out of order show in `edgectl destroyed`."""
    segment = office.store.segments("door", None, None)[-1]
    with_database(office, lambda db: tombstone(db, segment.id, office.clock.wall_ms + 30 * HOUR_MS))
    assert codes(office) == set()


# --- bounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE agreed SET body = replace(body, '36000', '1')",
        "UPDATE agreed SET leaf = leaf + 1",
        "DELETE FROM agreed",
        "UPDATE terms SET floor_s = 1",
        "UPDATE terms SET ceiling_s = 40000",
        "DELETE FROM terms",
        "UPDATE overwriting SET is_on = 1",
        "UPDATE overwriting SET boot = 1, boottime_ms = 1, wall_ms = 1",
    ],
)
def test_bounds_edited_in_the_database(office: Office, change: str) -> None:
    tamper(office, change)
    assert codes(office) == {Code.BOUNDS}


# --- findings, names, lists -------------------------------------------------------------------------------------------


def test_a_finding_settled_in_its_row_so_that_the_alarm_ends(office: Office) -> None:
    segment = office.store.segments("door", None, None)[-1]
    segment.path.unlink()
    while office.store.checks.rescan():
        pass
    assert office.store.checks.tampered()
    assert codes(office) == set()
    tamper(office, "UPDATE findings SET settled_ms = 1, end = 'agrees'")
    assert office.store.checks.tampered() == []
    assert codes(office) == {Code.STANDING}


def test_a_volume_written_off_so_that_nobody_misses_its_footage(office: Office) -> None:
    tamper(office, 'UPDATE volumes SET lost = \'{"segments":0,"below_floor":0,"pinned":0}\'')
    assert Code.STANDING in codes(office)


@pytest.mark.parametrize("change", ["value = 'wu'", "salt = zeroblob(32)", "leaf = 1", "field = 'reason'"])
def test_another_name_put_behind_a_commitment(office: Office, change: str) -> None:
    tamper(office, f"UPDATE openings SET {change}")  # noqa: S608
    assert codes(office) == {Code.OPENING}


def test_a_name_that_was_erased_is_no_finding(office: Office) -> None:
    tamper(office, "DELETE FROM openings")
    assert codes(office) == set()


@pytest.mark.parametrize(
    "change",
    ["kinds = 'run'", "recorded_from_ms = NULL, recorded_to_ms = NULL", "most_ms = 0", "least_ms = most_ms"],
)
def test_the_register_of_destruction_made_to_pass_over_what_is_in_it(office: Office, change: str) -> None:
    with patch.object(ledger_queries, "BITS", 3):
        office.clock.tick(21 * HOUR_MS)
        office.store.sweep(lambda: POLICY)
        for _ in range(9):
            office.segment("door", bounds=LONG)
        office.store.ledger.mirror_now()
        office.store._database.submit(lambda _: None, yielding=True).result(DEADLINE_S)
        assert codes(office) == set()
        tamper(office, f"UPDATE leaf_blocks SET {change} WHERE recorded_from_ms IS NOT NULL")  # noqa: S608
        assert codes(office) == {Code.BLOCK}


# --- leaves, trees, keys ----------------------------------------------------------------------------------------------


def copied(db: Db, wall_ms: int = 0) -> None:
    """The leaf of a copy that somebody took."""
    told: dict[str, ledger_table.Value] = {
        "export": "E-1",
        "event": "begun",
        "cameras": ["door"],
        "from": 1,
        "to": 2,
        "whole": False,
    }
    ledger_table.enter(db, Leaf.COPY, wall_ms, told)


def test_the_leaf_of_a_copy_taken_out_again(office: Office) -> None:
    with_database(office, copied)
    office.segment("door", bounds=LONG)
    office.store.ledger.sign_now()
    tamper(office, "DELETE FROM leaves WHERE kind = 'copy'")
    assert codes(office) >= {Code.LEAF_MISSING, Code.HEAD_ROOT, Code.MIRROR_CHANGED}


def test_the_number_of_a_leaf_given_to_another(office: Office) -> None:
    """With its right hash; also where no head covers it yet, the volume has the first one."""
    with_database(office, copied)
    office.store.ledger.mirror_now()
    number = office.store._database.read(lambda db: last(db, "copy").number)

    def reuse(db: Db) -> None:
        db.execute("DELETE FROM leaves WHERE number = ?", (number,))
        ledger_table.enter(db, Leaf.ACT, 0, {"verb": "status", "result": "done", "role": "x"}, number=number)

    with_database(office, reuse)
    assert codes(office) == {Code.MIRROR_CHANGED}


def test_a_leaf_that_no_head_covers_replaced_on_all_volumes_is_not_found(office: Office) -> None:
    """Within the minute until the next head whoever has the box can take back what was entered."""
    kept = Kept(office)
    with_database(office, lambda db: copied(db, office.clock.wall_ms))
    office.store.ledger.mirror_now()

    def replace(db: Db) -> None:
        db.execute("DELETE FROM leaves WHERE kind = 'copy'")
        db.execute("UPDATE volumes SET mirrored = (SELECT max(number) FROM leaves)")
        mirror_anew(office, db)

    with_database(office, replace)
    assert codes(office, kept.text) == set()


def test_a_generation_forgotten_so_that_its_leaves_prove_nothing(office: Office) -> None:
    """Rows, nodes and heads gone: the next start would begin a tree behind leaves that no tree covers."""

    def forget(db: Db) -> None:
        for table in ("nodes", "generations"):
            db.execute(f"DELETE FROM {table}")  # noqa: S608

    office.store.close()
    with_database(office, forget)
    for file in (*office.state.glob("ledger.checkpoint"), *(office.disk / ".ledger").glob("*.txt")):
        file.unlink()
    office.start()
    office.enrol("door")
    office.store.ledger.sign_now()
    assert Code.GENERATION in codes(office)


def own_key(office: Office, db: Db, memory: Path) -> None:
    """A generation as `renew` would begin it, with a key that somebody brought along."""
    ring = key.Keyring("wenshan", memory / "own.key")
    ring.create_key()
    assert ring.key is not None
    before = present(db)
    size = ledger_table.end(db, before)
    root = tree.root(ledger_table.read(db, before), size)
    identity = ring.with_key(ring.key)
    new = ledger_table.begin(db, identity, "renewed", 1, previous=Checkpoint(before.origin, size, root))
    head = Checkpoint(new.origin, 1, tree.root(ledger_table.read(db, new), 1))
    ledger_table.signed(db, new, 1, head.root, note.sign(head.text, head.origin, ring.key))
    shutil.copyfile(memory / "own.key", office.state / key.NAME)


def test_a_key_exchanged_together_with_a_new_generation(office: Office, memory: Path) -> None:
    """It is consistent; the centre's head tells that the ledger it knew has ended, and the fingerprint is another."""
    kept = Kept(office)
    before = office.store.ledger.head_signer.head()
    office.store.close()
    with_database(office, lambda db: own_key(office, db, memory))
    with offline.opened(office.state, SystemClock(), Policy()) as site:
        box = AuditedState(site.read, site.disks, office.state, lambda: site.present().ages)
        alone = Verify(box).run()
        found = Verify(box, ledger_state.read(kept.text)).run().findings.named
    assert {one.code for one in alone.findings.named} == set()
    assert [one.code for one in found] == [Code.OUTSIDE_OLDER]
    assert before is not None
    assert alone.trees[-1].fingerprint != Verifier.parse(before.key).fingerprint
    office.start()


def test_a_key_exchanged_and_the_newest_leaves_of_the_old_generation_dropped(office: Office, memory: Path) -> None:
    kept = Kept(office)

    def exchange(db: Db) -> None:
        first = db.execute("SELECT min(leaf) FROM segments WHERE boot = 3").fetchone()[0]
        db.execute("DELETE FROM openings WHERE leaf >= ?", (first,))
        db.execute("DELETE FROM leaves WHERE number >= ?", (first,))
        db.execute("DELETE FROM segments WHERE leaf >= ?", (first,))
        db.execute("DELETE FROM gaps WHERE leaf >= ?", (first,))
        db.execute("UPDATE volumes SET mirrored = ?", (first - 1,))
        sign_anew(office, db)
        own_key(office, db, memory)
        mirror_anew(office, db)

    office.store.close()
    with_database(office, exchange)
    with offline.opened(office.state, SystemClock(), Policy()) as site:
        box = AuditedState(site.read, site.disks, office.state, lambda: site.present().ages)
        assert Verify(box).run().findings.named == []
        found = {one.code for one in Verify(box, ledger_state.read(kept.text)).run().findings.named}
    assert found == {Code.OUTSIDE_AHEAD, Code.OUTSIDE_OLDER}
    office.start()


def test_everything_changed_on_all_volumes_together(memory: Path) -> None:
    """Files, rows, leaves, nodes, heads, and the mirror of each of two volumes: the centre's head alone tells."""
    office = Office(memory)
    office.store.close()
    (memory / "second").mkdir()
    office.specs = [*office.specs, VolumeSpec(memory / "second")]
    office.start()
    office.enrol("door")
    for _ in range(4):
        office.segment("door", bounds=LONG)
    office.store.ledger.sign_now()
    kept = Kept(office)

    def hide(db: Db) -> None:
        found = db.execute("SELECT id, leaf FROM segments ORDER BY id DESC LIMIT 1").fetchone()
        db.execute("DELETE FROM segments WHERE id = ?", found[:1])
        entry = ledger_table.leaf(db, found[1])
        assert entry is not None
        start = json.loads(entry.body)["start"]
        gap = {"camera": "door", "start": start, "end": None, "cause": "unreachable", "inside": False}
        db.execute("UPDATE leaves SET kind = 'gap' WHERE number = ?", found[1:])
        replaced = ledger_table.leaf(db, found[1])
        assert replaced is not None
        new = ledger_table.LeafEntry(replaced.number, replaced.wall_ms, "gap", ledger_table.canonical(gap))
        db.execute("UPDATE leaves SET body = ?, hash = ? WHERE number = ?", (new.body, new.hash, new.number))
        sign_anew(office, db)
        mirror_anew(office, db)
        for file in (office.disk / ".ledger").iterdir():
            shutil.copyfile(file, memory / "second" / ".ledger" / file.name)

    office.store.segments("door", None, None)[-1].path.unlink()
    with_database(office, hide)
    assert codes(office) == set()
    assert codes(office, kept.text) == {Code.OUTSIDE_ROOT}
    office.store.close()


@pytest.mark.parametrize("told", [False, True])
def test_an_old_mirror_put_back_on_one_of_two_volumes(memory: Path, told: bool) -> None:
    """Told: the row of the volume says so, too, and edged starts: then the leaves that it lacks are written again."""
    office = Office(memory)
    office.store.close()
    (memory / "second").mkdir()
    office.specs = [*office.specs, VolumeSpec(memory / "second")]
    office.start()
    office.enrol("door")
    office.store.ledger.mirror_now()
    shutil.copytree(memory / "second" / ".ledger", memory / "saved")
    before = office.store._database.read(lambda db: db.execute("SELECT max(number) FROM leaves").fetchone()[0])
    office.segment("door")
    office.store.ledger.sign_now()
    shutil.rmtree(memory / "second" / ".ledger")
    shutil.move(memory / "saved", memory / "second" / ".ledger")
    if told:
        second = next(one.id for one in office.store.volumes() if one.path == memory / "second")
        tamper(office, ("UPDATE volumes SET mirrored = ? WHERE id = ?", (before, second)))
        office.crash()
        office.start()
        office.enrol("door")
    office.segment("door")
    office.store.ledger.mirror_now()
    found = verify(office).findings.named
    assert {one.code for one in found} == (set() if told else {Code.MIRROR_LACKS})
    assert all(str(memory / "second") in one.where for one in found)
    office.store.close()


# --- heads at the centre ----------------------------------------------------------------------------------------------


def test_an_older_head_of_ours_played_back_to_the_box_says_nothing_to_it(office: Office) -> None:
    """The box cannot know that its broker forgot; the centre sees a head that is smaller than the one before."""
    older = office.store.ledger.head_signer.head()
    office.segment("door", bounds=LONG)
    office.store.ledger.sign_now()
    newer = office.store.ledger.head_signer.head()
    assert older is not None
    assert newer is not None
    assert office.store.ledger.centre_head.hold(older.note, older.key)
    assert office.store.ledger.centre_head.word() is HeadAgreement.AGREES
    assert older.checkpoint.size < newer.checkpoint.size


def test_a_head_of_another_box_is_none_of_ours(office: Office, memory: Path) -> None:
    (memory / "other").mkdir()
    other = Office(memory / "other")
    other.enrol("door")
    other.store.ledger.sign_now()
    theirs = other.store.ledger.head_signer.head()
    other.store.close()
    assert theirs is not None
    (office.disk / ".ledger" / f"checkpoint-{theirs.first}.txt").write_text(theirs.note)
    assert codes(office) == {Code.HEAD_STRANGE}
    assert codes(office, theirs.note) == {Code.HEAD_STRANGE, Code.OUTSIDE_STRANGE}


def test_heads_that_were_deleted_are_laid_anew_with_the_next_one(office: Office) -> None:
    places = [office.state / "ledger.checkpoint", *(office.disk / ".ledger").glob("checkpoint-*.txt")]
    for one in places:
        one.unlink()
    assert codes(office) == set(), "the database has it, too"
    office.segment("door", bounds=LONG)
    office.store.ledger.sign_now()
    assert all(one.exists() for one in places)


# --- what other checks find -------------------------------------------------------------------------------------------


def test_a_rescan_made_to_believe_that_it_has_read_everything(office: Office) -> None:
    """Whoever tells it that its last pass was in the future is not believed."""
    segment = office.store.segments("door", None, None)[-1]
    while office.store.checks.rescan():
        pass
    tamper(office, "UPDATE rescan SET began_ms = 99999999999999, before_ms = 99999999999999, done = 1")
    flip(segment.path)
    office.store.checks.again()
    while office.store.checks.rescan():
        pass
    assert [kind for one in office.store.checks.tampered() for _, kind in one.files] == ["content"]


def test_a_byte_changed_where_the_rescan_believes_to_have_been(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads what changed since; only who reads everything finds it."""
    monkeypatch.setattr(repair_fsck, "SETTLE_S", 0.0)
    segment = office.store.segments("door", None, None)[-1]
    while office.store.checks.rescan():
        pass
    flip(segment.path)
    office.clock.wall_ms = max(office.clock.wall_ms, round(segment.path.stat().st_ctime * 1000) + 60_000)
    tamper(office, ("UPDATE rescan SET began_ms = ?, before_ms = ?, done = 1", (office.clock.wall_ms,) * 2))
    office.store.checks.again()
    while office.store.checks.rescan():
        pass
    assert office.store.checks.tampered() == []
    assert fsck(office, Level.HASH) == {"content"}


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


def test_the_files_of_two_segments_swapped(office: Office) -> None:
    first, second = (one.path for one in office.store.segments("door", None, None)[-2:])
    first.rename(first.with_name("aside"))
    second.rename(first)
    first.with_name("aside").rename(second)
    while office.store.checks.rescan():
        pass
    found = {(Path(name).name, kind) for one in office.store.checks.tampered() for name, kind in one.files}
    assert {name for name, _ in found} == {first.name, second.name}
    assert {kind for _, kind in found} <= {"content", "size"}


@pytest.mark.parametrize(
    "change",
    ["UPDATE generations SET seen = size", "UPDATE cameras SET known_since_ms = known_since_ms + 60000"],
)
def test_what_the_box_says_of_itself_and_no_leaf_tells_is_not_found(office: Office, change: str) -> None:
    tamper(office, change)
    assert codes(office) == set()


def fsck(office: Office, level: Level) -> set[str]:
    report = office.store.checks.fsck(Scope(level), POLICY, lambda _: None, threading.Event())
    return {fault.kind.value for fault in report.faults}


def test_an_open_gap_that_begins_later_in_its_row(office: Office) -> None:
    office.store.begin_gap("door", office.clock.now(), GapCause.UNREACHABLE, "").result(DEADLINE_S)
    office.clock.tick(HOUR_MS)
    tamper(
        office,
        "UPDATE gaps SET start_wall_ms = start_wall_ms + 1800000, start_boottime_ms = start_boottime_ms + 1800000"
        " WHERE end_boot IS NULL",
    )
    office.segment("door", bounds=LONG)
    assert "hole" in fsck(office, Level.PRESENCE)


def test_a_span_of_destruction_made_up_to_explain_a_hole_explains_no_segment(office: Office) -> None:
    segment = office.store.segments("door", None, None)[-1]
    span = (
        "INSERT INTO destroyed SELECT 99, camera, boot, start_boottime_ms, start_wall_ms, start_boottime_ms +"
        " duration_ms, start_wall_ms + duration_ms FROM segments WHERE id = ?"
    )
    tamper(office, (span, (segment.id,)), ("DELETE FROM segments WHERE id = ?", (segment.id,)))
    assert codes(office) == {Code.SEGMENT_GONE}


# --- leaves that say nonsense -----------------------------------------------------------------------------------------


NONSENSE: Final[tuple[object, ...]] = (None, "x", -1, True, [], {}, 1 << 70)


def leaves_of_each_kind(office: Office) -> dict[str, tuple[int, dict[str, object]]]:
    """One of each kind and, of clocks, of each thing they say."""
    found = {}
    with closing(sqlite3.connect(office.state / "edged.db")) as db:
        for number, kind, text in db.execute("SELECT number, kind, body FROM leaves ORDER BY number"):
            body = json.loads(text)
            found[f"{kind} {body.get('what', '') if kind == 'clock' else ''}".strip()] = number, body
    return found


def spoilt(body: dict[str, object], each: int) -> Iterator[dict[str, object]]:
    """With each field gone, and of each other type; of these every `each`-th."""
    yield from ({other: body[other] for other in body if other != name} for name in body)
    wrong = [body | {name: nonsense} for name, value in body.items() for nonsense in NONSENSE if nonsense != value]
    yield from wrong[::each]


def test_whatever_a_leaf_says_the_check_answers(office: Office, profile: Profile) -> None:
    """Somebody rewrites a leaf: it is named, and all the rest is still checked."""
    each = 1 if profile.name == "long" else 5  # none of the numbers of types there are: each of them comes about
    told = leaves_of_each_kind(office)
    assert {"boot", "run", "clock credit", "clock corrected", "pin", "bounds", "overwriting", "agreed"} <= set(told)
    for kind, (number, body) in told.items():
        for nonsense in spoilt(body, each):
            text = json.dumps(nonsense, separators=(",", ":"), sort_keys=True)
            tamper(office, ("UPDATE leaves SET body = ? WHERE number = ?", (text, number)))
            assert codes(office), f"{kind}: {text}"
        original = json.dumps(body, separators=(",", ":"), sort_keys=True)
        tamper(office, ("UPDATE leaves SET body = ? WHERE number = ?", (original, number)))
        assert codes(office) == set(), kind
