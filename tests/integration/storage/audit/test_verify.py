"""A live box is tampered with in every way that a ledger is for; what the check says is named by its code.

What root can do without leaving a trace on the box is here, too: only the head that the centre kept tells of it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from storage.audit import ledger_state, ranges
from storage.audit import verify as audit
from storage.audit.findings import Code, LedgerReport
from storage.audit.verify import AuditedState, Verify
from storage.ledger import key, note, tree
from storage.ledger import table as ledger_table
from storage.ledger.note import Checkpoint, NoteDamaged
from storage.ledger.signer import STATE_FILE
from storage.ledger.table import Generation, Leaf, LeafEntry
from storage.mirror.files import render
from storage.retention.plan import Policy
from storage.store import offline
from storage.words.clock import SystemClock
from storage.words.errors import StoreBusy
from storage.words.model import GapCause
from tests.support.office import DEADLINE_S, Office
from tests.support.renewing import renew

Db = sqlite3.Connection


class Kept:
    """What the centre has."""

    def __init__(self, office: Office) -> None:
        head = office.store.ledger.head_signer.head()
        assert head is not None
        self.text = head.note
        self.size = head.checkpoint.size


@pytest.fixture
def office(memory: Path) -> Iterator[Office]:
    opened = Office(memory)
    day(opened)
    yield opened
    opened.store.close()


def day(office: Office) -> None:
    """Recorded, interrupted, destroyed, recorded again; all of it signed."""
    office.enrol("door")
    office.enrol("hall")
    for camera in ("door", "hall"):
        for _ in range(3):
            office.segment(camera)
    office.store.begin_gap("door", office.clock.now(), GapCause.UNREACHABLE, "no answer").result(DEADLINE_S)
    office.clock.tick(400_000)
    assert office.store.sweep(Policy).destroyed == 6
    for camera in ("door", "hall"):
        for _ in range(3):
            office.segment(camera)
    office.store.ledger.sign_now()


def verify(office: Office, kept: str | None = None) -> LedgerReport:
    head = None if kept is None else ledger_state.read(kept)
    return office.store.ledger.verify(head, lambda _: None, threading.Event())


def codes(office: Office, kept: str | None = None) -> set[Code]:
    return {found.code for found in verify(office, kept).findings.named}


def tamper(office: Office, *statements: str | tuple[str, tuple[Any, ...]]) -> None:
    """What somebody with an editor does to the database."""
    with closing(sqlite3.connect(office.state / "edged.db", isolation_level=None)) as db:
        for one in statements:
            sql, values = (one, ()) if isinstance(one, str) else one
            assert db.execute(sql, values).rowcount != 0, f"nothing to change: {sql}"


def with_database(office: Office, work: Callable[[Db], object]) -> None:
    with closing(sqlite3.connect(office.state / "edged.db", isolation_level=None)) as db:
        db.execute("BEGIN")
        work(db)
        db.execute("COMMIT")


def present(db: Db) -> Generation:
    found = ledger_table.present(db)
    assert found is not None
    return found


def last(db: Db, kind: str) -> LeafEntry:
    row = db.execute("SELECT max(number) FROM leaves WHERE kind = ?", (kind,)).fetchone()
    found = ledger_table.leaf(db, row[0])
    assert found is not None
    return found


def rewrite(db: Db, entry: LeafEntry, **changes: Any) -> LeafEntry:
    """Another leaf in its place, with a hash that is right."""
    new = LeafEntry(
        entry.number, entry.wall_ms, entry.kind, ledger_table.canonical({**json.loads(entry.body), **changes})
    )
    db.execute("UPDATE leaves SET body = ?, hash = ? WHERE number = ?", (new.body, new.hash, new.number))
    return new


def sign_anew(office: Office, db: Db) -> None:
    """Root has the key: nodes and head of the present generation as the leaves are now, wherever they lie."""
    generation = present(db)
    db.execute("DELETE FROM nodes")
    size = ledger_table.end(db, generation)
    head = Checkpoint(generation.origin, size, tree.root(ledger_table.read(db, generation), size))
    found = key.read(office.state / key.NAME).key
    assert found is not None
    text = note.sign(head.text, head.origin, found)
    db.execute("UPDATE generations SET size = ?, root = ?, note = ?", (size, head.root, text))
    (office.state / STATE_FILE).write_text(text)
    (office.disk / ".ledger" / f"checkpoint-{generation.first}.txt").write_text(text)


def mirror_anew(office: Office, db: Db) -> None:
    (file,) = (office.disk / ".ledger").glob("*.jsonl")
    file.write_bytes(b"".join(map(render, ledger_table.leaves(db, 0, 10_000))))


# --- an honest box ------------------------------------------------------------------------------------------------


def test_an_honest_box_is_proven_up_to_its_last_head(office: Office) -> None:
    kept = Kept(office)
    office.segment("door")
    office.store.ledger.mirror_now()
    report = verify(office, kept.text)
    assert report.findings.named == []
    assert report.clean
    (one,) = report.trees
    assert one.signed.size == kept.size
    assert one.leaves.size > kept.size, "what came since is not yet under a head"
    assert one.leaves.size == report.leaves == report.lines
    assert (one.seen.size, report.early) == (0, 0)
    assert report.against is not None
    assert report.against.proven
    assert report.against.reach.leaf == one.first + kept.size - 1
    entry = office.store._database.read(lambda db: ledger_table.leaf(db, one.first + kept.size - 1))
    assert entry is not None
    assert report.against.reach.wall_ms == entry.wall_ms
    assert len(report.volumes) == 1


def test_what_somebody_outside_has_seen_is_told(office: Office) -> None:
    kept = Kept(office)
    head = office.store.ledger.head_signer.head()
    assert head is not None
    office.store.ledger.centre_head.seen(head.checkpoint.origin, kept.size).result(DEADLINE_S)
    office.segment("door")
    (one,) = verify(office).trees
    assert one.seen.size == kept.size


def test_a_head_as_the_broker_has_it_is_read_too(office: Office) -> None:
    told = json.dumps({"ts": 1, "origin": "…", "note": Kept(office).text})
    assert codes(office, told) == set()
    assert codes(office, "\ufeff" + Kept(office).text.replace("\n", "\r\n") + "\n") == set(), "through an editor"


@pytest.mark.parametrize("text", ["", "{", "{}", '{"note":7}', '["note"]', "edged/office/1\n7\n", "x" * 300_000])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(NoteDamaged):
        ledger_state.read(text)


def test_everything_that_a_box_lives_through_is_no_finding(office: Office) -> None:
    """Crashes, pauses, gaps that move, a quarantined file, a lost database and a second start."""
    recording = office.record("door")
    recording.write(3)
    begin = office.clock.tick(700)
    office.clock.tick(3_000)
    for part in range(3):
        start = begin.plus_ms(part * 900)
        office.store.note_hole("door", start, start.plus_ms(400), GapCause.STALLED, "").result(DEADLINE_S)
    assert codes(office) == set(), "with pauses that are told when the segment ends"
    office.store.begin_gap("door", office.clock.now(), GapCause.DROPPED, "").result(DEADLINE_S)
    office.commit(recording)
    torn = office.record("hall")
    torn.write(4)
    torn.lose(1)
    torn.file.abandon()
    office.clock.tick(5_000)
    office.salvage("hall", torn.opening.seq)
    garbled = office.record("hall")
    garbled.file.abandon()
    path = office.disk / next(name for name in office.files() if name.endswith(".part"))
    path.write_bytes(b"?" * 100)
    office.crash()
    office.clock.reboot(3_600_000)
    office.start()
    office.store.recover()
    office.enrol("door")
    office.segment("door")
    office.store.ledger.sign_now()
    assert codes(office) == set()
    office.store.close()
    for file in office.state.glob("edged.db*"):
        file.unlink()
    office.clock.reboot(1_000)
    office.start()
    office.enrol("door")
    office.segment("door")
    with pytest.raises(StoreBusy, match="read back"):
        verify(office)
    office.store.ledger.rebuild(paced=False)
    office.store.ledger.sign_now()
    report = verify(office)
    assert report.findings.named == []
    assert len(report.trees) == 2
    office.clock.tick(400_000)
    office.store.sweep(Policy)
    assert codes(office) == set()


@pytest.mark.parametrize(("fragments", "word"), [(2, '"was":'), (50, '"gone":true')])
def test_a_gap_that_turns_out_to_be_shorter_or_none_is_no_finding(office: Office, fragments: int, word: str) -> None:
    first = office.record("door")
    office.store.begin_gap("door", office.clock.now(), GapCause.WORKER_CRASH, "").result(DEADLINE_S)
    office.clock.tick(9_000)
    office.commit(office.record("door"))
    first.write(fragments)
    office.commit(first)
    told = office.store._database.read(lambda db: [entry.body for entry in ledger_table.leaves(db, 0, 1000)])
    assert any(word in body for body in told)
    assert codes(office) == set()


@pytest.mark.parametrize("slew_ms", [-1, 0, 1, 4_000])
def test_a_gap_that_begins_at_another_time_by_the_clock_alone_is_no_finding(office: Office, slew_ms: int) -> None:
    """The clock was set between a segment and the next one, of which a crash left nothing that can be kept."""
    office.segment("door")
    office.clock.step_wall(slew_ms)
    garbled = office.record("door")
    garbled.file.abandon()
    path = office.disk / next(name for name in office.files() if name.endswith(".part"))
    path.write_bytes(b"?" * 100)
    office.clock.tick(2_000)
    office.crash()
    office.start()
    office.enrol("door")
    office.store.recover()
    office.segment("door")
    assert codes(office) == set()


def test_with_the_daemon_down_it_is_the_same(office: Office) -> None:
    kept = Kept(office)
    office.store.close()
    with offline.opened(office.state, SystemClock(), Policy()) as site:
        box = AuditedState(site.read, site.disks, office.state, lambda: site.present().ages)
        report = Verify(box, ledger_state.read(kept.text)).run()
    assert report.findings.named == []
    assert report.lines == report.leaves > 0


def test_stretches_shared_out_among_processes_come_to_the_same(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with_database(office, lambda db: [ledger_table.enter(db, Leaf.RUN, 0, {"run": number}) for number in range(900)])
    office.store.ledger.sign_now()
    office.store.close()
    monkeypatch.setattr(ranges, "LENGTH", 256)
    monkeypatch.setattr(audit, "WORTH", 2)
    with offline.opened(office.state, SystemClock(), Policy()) as site:
        box = AuditedState(site.read, site.disks, office.state, lambda: site.present().ages)
        with audit.Processes() as processes:
            alone, shared = Verify(box).run(), Verify(box, spread=processes).run()
    assert alone.clean
    assert (shared.trees, shared.leaves, shared.rows, shared.clean) == (alone.trees, alone.leaves, alone.rows, True)
    assert alone.leaves > 3 * 256


def test_one_at_a_time(office: Office) -> None:
    office.store.ledger._verifying.acquire()
    with pytest.raises(StoreBusy):
        verify(office)
    office.store.ledger._verifying.release()


# --- leaves -------------------------------------------------------------------------------------------------------


def test_the_text_of_a_leaf_edited(office: Office) -> None:
    tamper(office, """UPDATE leaves SET body = replace(body, '"cause":"unreachable"', '"cause":"disabled"')
                      WHERE kind = 'gap' AND body LIKE '%unreachable%'""")  # fmt: skip
    assert {Code.LEAF_CHANGED, Code.MIRROR_CHANGED} <= codes(office)


def test_the_time_of_a_leaf_edited(office: Office) -> None:
    tamper(office, "UPDATE leaves SET wall_ms = wall_ms + 60000 WHERE number = 3")
    assert {Code.LEAF_CHANGED, Code.MIRROR_CHANGED} == codes(office)


def test_a_tombstone_edited(office: Office) -> None:
    tamper(office, """UPDATE leaves SET body = json_set(body, '$.rule', 'overwrite')
                      WHERE number = (SELECT max(number) FROM leaves WHERE kind = 'destroyed')""")  # fmt: skip
    assert codes(office) == {Code.LEAF_CHANGED, Code.MIRROR_CHANGED}


def test_a_tombstone_edited_with_its_hash(office: Office) -> None:
    with_database(office, lambda db: rewrite(db, last(db, "destroyed"), rule="overwrite"))
    assert codes(office) == {Code.HEAD_ROOT, Code.MIRROR_CHANGED}


def test_a_leaf_taken_out_of_the_middle(office: Office) -> None:
    tamper(office, "DELETE FROM leaves WHERE number = (SELECT max(number) FROM leaves WHERE kind = 'destroyed')")
    assert {Code.LEAF_MISSING, Code.HEAD_ROOT, Code.MIRROR_CHANGED, Code.SEGMENT_GONE} == codes(office)


@pytest.mark.parametrize("hashed", [True, False])
def test_a_forged_leaf_of_a_segment_that_never_was(office: Office, hashed: bool) -> None:
    def forge(db: Db) -> None:
        body = {**json.loads(last(db, "segment").body), "seq": 99}
        number = ledger_table.enter(db, Leaf.SEGMENT, office.clock.wall_ms, body)
        if not hashed:
            db.execute("UPDATE leaves SET hash = NULL WHERE number = ?", (number,))

    with_database(office, forge)
    assert codes(office) == {Code.SEGMENT_GONE} | (set() if hashed else {Code.LEAF_CHANGED})


def test_a_forged_tombstone_of_a_segment_that_is_there(office: Office) -> None:
    def forge(db: Db) -> None:
        told = json.loads(last(db, "segment").body)
        body = {name: told[name] for name in ("camera", "seq", "volume", "start", "duration_ms", "bytes", "sha256")}
        ledger_table.enter(db, Leaf.DESTROYED, office.clock.wall_ms, body)

    with_database(office, forge)
    assert codes(office) == {Code.SEGMENT_BACK}


def test_a_forged_gap(office: Office) -> None:
    def forge(db: Db) -> None:
        told = json.loads(last(db, "gap").body)
        start, end = told["start"], told["end"] or told["start"]
        start = {**start, "boottime_ms": start["boottime_ms"] + 3}
        end = {**end, "boottime_ms": start["boottime_ms"] + 9, "wall_ms": start["wall_ms"] + 9}
        ledger_table.enter(db, Leaf.GAP, office.clock.wall_ms, {**told, "end": end, "start": start, "camera": "hall"})

    with_database(office, forge)
    assert codes(office) == {Code.GAP_GONE}


def test_a_leaf_that_says_nothing(office: Office) -> None:
    with_database(office, lambda db: ledger_table.enter(db, Leaf.SEGMENT, 0, {"camera": "door", "seq": "many"}))
    assert codes(office) == {Code.LEAF_UNREAD}


# --- rows ---------------------------------------------------------------------------------------------------------


def test_two_rows_swapped(office: Office) -> None:
    first, second = office.store.segments("door", None, None)[-2:]
    tamper(
        office,
        ("UPDATE segments SET sha256 = ?, bytes = ? WHERE id = ?", (second.sha256, second.bytes, first.id)),
        ("UPDATE segments SET sha256 = ?, bytes = ? WHERE id = ?", (first.sha256, first.bytes, second.id)),
    )
    assert [found.code for found in verify(office).findings.named] == [Code.SEGMENT_DIFFERS] * 2


@pytest.mark.parametrize("change", ["floor_s = 0", "ceiling_s = 1000000", "start_wall_ms = start_wall_ms - 60000",
                                    "duration_ms = 1", "camera = 2 - camera + 1, seq = seq + 500"])  # fmt: skip
def test_a_row_says_something_else_than_its_leaf(office: Office, change: str) -> None:
    segment = office.store.segments("door", None, None)[-1]
    tamper(office, (f"UPDATE segments SET {change} WHERE id = ?", (segment.id,)))  # noqa: S608
    assert codes(office) & {Code.SEGMENT_DIFFERS, Code.SEGMENT_UNTOLD}


def test_a_row_removed_with_its_file(office: Office) -> None:
    segment = office.store.segments("door", None, None)[-1]
    segment.path.unlink()
    tamper(office, ("DELETE FROM segments WHERE id = ?", (segment.id,)))
    assert codes(office) == {Code.SEGMENT_GONE}


@pytest.mark.parametrize("leaf", ["NULL", "1", "1000000", "(SELECT leaf FROM segments ORDER BY id LIMIT 1)"])
def test_a_row_that_was_planted(office: Office, leaf: str) -> None:
    tamper(
        office,
        "INSERT INTO segments (camera, seq, volume, state, run, boot, start_boottime_ms, start_wall_ms, duration_ms,"  # noqa: S608
        " bytes, sha256, floor_s, ceiling_s, epoch, synced, leaf) SELECT camera, 77, volume, state, run, boot,"
        " start_boottime_ms - 9, start_wall_ms - 9, duration_ms, bytes, sha256, floor_s, ceiling_s, epoch, synced,"
        f" {leaf} FROM segments ORDER BY id DESC LIMIT 1",
    )
    assert codes(office) == {Code.SEGMENT_UNTOLD}


def test_a_gap_hidden(office: Office) -> None:
    tamper(office, "DELETE FROM gaps WHERE cause = 'unreachable' AND end_boot IS NOT NULL")
    assert codes(office) == {Code.GAP_GONE}


def test_a_gap_explained_otherwise(office: Office) -> None:
    tamper(office, "UPDATE gaps SET cause = 'disabled' WHERE cause = 'unreachable' AND end_boot IS NOT NULL")
    assert codes(office) == {Code.GAP_DIFFERS}


@pytest.mark.parametrize("pauses", ["", "nonsense", "7", "[1]", "[[1, 2, 3]]", "null"])
def test_pauses_of_a_gap_that_are_none(office: Office, pauses: str) -> None:
    """Whoever changes a row may write anything: it is a finding, and the check goes on."""
    tamper(office, ("UPDATE gaps SET pauses = ? WHERE cause = 'unreachable' AND end_boot IS NOT NULL", (pauses,)))
    assert codes(office) == {Code.GAP_DIFFERS}


def test_a_gap_that_was_planted(office: Office) -> None:
    tamper(
        office,
        "INSERT INTO gaps (camera, boot, start_wall_ms, start_boottime_ms, end_boot, end_wall_ms, end_boottime_ms,"
        " cause, detail, leaf) SELECT camera, boot, start_wall_ms, start_boottime_ms - 5, boot, start_wall_ms,"
        " start_boottime_ms, cause, detail, leaf FROM gaps WHERE end_boot IS NOT NULL LIMIT 1",
    )
    assert codes(office) == {Code.GAP_UNTOLD}


# --- trees and heads ----------------------------------------------------------------------------------------------


def test_a_kept_node_poisoned(office: Office) -> None:
    with_database(office, lambda db: [ledger_table.enter(db, Leaf.RUN, 0, {"run": number}) for number in range(300)])
    office.store.ledger.sign_now()
    assert codes(office) == set()
    tamper(office, ("UPDATE nodes SET hash = ?", (bytes(32),)))
    assert codes(office) == {Code.NODE}


def test_a_head_of_another_key_in_its_place(office: Office, memory: Path) -> None:
    def exchange(db: Db) -> None:
        head = Checkpoint(present(db).origin, present(db).size, present(db).root or b"")
        other = key.Keyring("office", memory / "other.key")
        other.create_key()
        assert other.key is not None
        db.execute("UPDATE generations SET note = ?", (note.sign(head.text, head.origin, other.key),))

    with_database(office, exchange)
    assert codes(office) == {Code.HEAD_SIGNATURE}


def test_a_head_that_is_none_or_of_another_ledger_or_covers_something_else(office: Office) -> None:
    (office.state / STATE_FILE).write_text("nothing\n")
    file = office.disk / ".ledger" / "checkpoint-7.txt"
    file.write_text(note.sign(Checkpoint("edged/other/1", 1, bytes(32)).text, "edged/other/1", _key(office)))
    tamper(office, ("UPDATE generations SET root = ?", (bytes(32),)))
    assert codes(office) == {Code.HEAD_DAMAGED, Code.HEAD_STRANGE}


def _key(office: Office) -> Any:
    return key.read(office.state / key.NAME).key


def test_the_newest_leaves_taken_away_and_the_heads_left(office: Office) -> None:
    tamper(office, "DELETE FROM leaves WHERE number > 12")
    assert {Code.HEAD_AHEAD, Code.MIRROR_AHEAD} <= codes(office)


def test_another_first_leaf_of_a_generation(office: Office) -> None:
    with_database(office, lambda db: rewrite(db, last(db, "generation"), reason="nothing happened"))
    assert Code.HEAD_ROOT in codes(office)
    with_database(office, lambda db: rewrite(db, last(db, "generation"), key=None))
    assert Code.GENERATION in codes(office)


def test_a_forged_leaf_of_a_generation(office: Office) -> None:
    with_database(office, lambda db: ledger_table.enter(db, Leaf.GENERATION, 0, {"origin": "edged/x/1", "key": None}))
    assert codes(office) == {Code.GENERATION}


@pytest.mark.parametrize("what", ["gone", "smaller", "of another"])
def test_a_generation_that_does_not_follow_from_the_one_before(office: Office, what: str) -> None:
    renew(office.store, "chen", "a test")
    assert codes(office) == set()

    def forge(db: Db) -> None:
        entry = last(db, "generation")
        before = json.loads(entry.body)["previous"]
        told = {"gone": None, "smaller": {**before, "size": 1}, "of another": {**before, "origin": "edged/x/1"}}
        rewrite(db, entry, previous=told[what])

    with_database(office, forge)
    assert Code.GENERATION in codes(office)


# --- mirrors ------------------------------------------------------------------------------------------------------


def mirror(office: Office) -> Path:
    (file,) = (office.disk / ".ledger").glob("*.jsonl")
    return file


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda lines: [line.replace(b'"seq":2', b'"seq":3') for line in lines], Code.MIRROR_CHANGED),
        (lambda lines: lines[:4] + lines[6:], Code.MIRROR_LACKS),
        (lambda lines: [*lines[:4], b"\0" * 40, *lines[5:]], Code.MIRROR_LACKS),
        (lambda lines: lines[:-2], Code.MIRROR_LACKS),
        (lambda lines: [*lines, lines[-1].replace(b'"n":', b'"n":9')], Code.MIRROR_AHEAD),
        (lambda lines: [*lines, lines[3].replace(b'"t":', b'"t":9')], Code.MIRROR_CHANGED),
    ],
    ids=["edited", "removed", "garbled", "cut", "more", "again and other"],
)
def test_a_mirror_that_was_changed(office: Office, change: Callable[[list[bytes]], list[bytes]], code: Code) -> None:
    office.store.close()
    office.start()
    mirror(office).write_bytes(b"\n".join(change(mirror(office).read_bytes().splitlines())) + b"\n")
    assert codes(office) == {code}


def test_what_a_crash_leaves_in_a_mirror_is_no_finding(office: Office) -> None:
    """A torn line, and the last ones a second time."""
    lines = mirror(office).read_bytes().splitlines()
    mirror(office).write_bytes(b"\n".join([*lines[:-2], lines[-2][:70], *lines[-4:]]) + b"\n")
    assert codes(office) == set()


def test_a_line_in_other_words_that_says_the_same_is_no_finding(office: Office) -> None:
    lines = mirror(office).read_bytes().splitlines()
    lines[3] = json.dumps(json.loads(lines[3]), sort_keys=False).encode()
    mirror(office).write_bytes(b"\n".join(lines) + b"\n")
    assert codes(office) <= {Code.MIRROR_LACKS}, "it was not written by us, but tells the same"


# --- what only the centre's head shows ----------------------------------------------------------------------------


def test_the_newest_hour_deleted_everywhere(office: Office) -> None:
    """Leaves, rows, files, mirror, heads and nodes: nothing on the box tells of it."""
    kept = Kept(office)

    def cut(db: Db) -> None:
        first = db.execute("SELECT min(leaf) FROM segments").fetchone()[0]
        db.execute("DELETE FROM leaves WHERE number >= ?", (first,))
        db.execute("DELETE FROM segments")
        db.execute("DELETE FROM holdings")
        db.execute("DELETE FROM gaps WHERE leaf >= ?", (first,))
        db.execute("UPDATE volumes SET mirrored = ?", (first - 1,))
        sign_anew(office, db)
        mirror_anew(office, db)

    office.store.close()
    with_database(office, cut)
    for file in office.files():
        (office.disk / file).unlink()
    with offline.opened(office.state, SystemClock(), Policy()) as site:
        box = AuditedState(site.read, site.disks, office.state, lambda: site.present().ages)
        assert Verify(box).run().clean
        report = Verify(box, ledger_state.read(kept.text)).run()
    assert [found.code for found in report.findings.named] == [Code.OUTSIDE_AHEAD]
    assert report.against is not None
    assert not report.against.proven
    office.start()


def test_an_old_state_directory_put_back(office: Office, memory: Path) -> None:
    """The box alone: its volumes know more. With the volumes' ledgers of that time: only the centre knows."""
    office.store.close()
    shutil.copytree(office.state, memory / "old")
    shutil.copytree(office.disk / ".ledger", memory / "old-ledger")
    office.start()
    office.enrol("door")
    office.store.ledger.sign_now()
    kept = Kept(office)
    office.store.close()
    shutil.rmtree(office.state)
    (memory / "old").rename(office.state)
    with offline.opened(office.state, SystemClock(), Policy()) as site:
        box = AuditedState(site.read, site.disks, office.state, lambda: site.present().ages)
        assert {found.code for found in Verify(box).run().findings.named} == {Code.HEAD_AHEAD, Code.MIRROR_AHEAD}
        shutil.rmtree(office.disk / ".ledger")
        (memory / "old-ledger").rename(office.disk / ".ledger")
        assert Verify(box).run().clean
        (found,) = Verify(box, ledger_state.read(kept.text)).run().findings.named
    assert found.code is Code.OUTSIDE_AHEAD
    assert f"{kept.size} leaves" in found.what
    assert "older state" in found.what
    office.start()


def test_a_ledger_written_anew_and_signed_with_the_key_of_the_box(office: Office) -> None:
    kept = Kept(office)

    def forge(db: Db) -> None:
        rewrite(db, last(db, "destroyed"), rule="ceiling", age_ms=10**9)
        sign_anew(office, db)
        mirror_anew(office, db)

    with_database(office, forge)
    assert codes(office) == set()
    assert codes(office, kept.text) == {Code.OUTSIDE_ROOT}


def test_a_box_that_was_begun_anew(office: Office) -> None:
    kept = Kept(office)
    office.store.close()
    shutil.rmtree(office.state)
    shutil.rmtree(office.disk)
    office.disk.mkdir()
    office.start()
    office.enrol("door")
    office.store.ledger.sign_now()
    assert codes(office) == set()
    assert codes(office, kept.text) == {Code.OUTSIDE_STRANGE}


def test_a_head_of_the_right_name_by_another_key(office: Office, memory: Path) -> None:
    head = office.store.ledger.head_signer.head()
    other = key.Keyring("office", memory / "other.key")
    other.create_key()
    assert head is not None
    assert other.key is not None
    forged = note.sign(head.checkpoint.text, head.checkpoint.origin, other.key)
    assert codes(office, forged) == {Code.OUTSIDE_SIGNATURE}


def test_a_head_of_an_earlier_generation_proves_nothing_of_the_present_one(office: Office) -> None:
    kept = Kept(office)
    renew(office.store, "chen", "a test", new_key=True)
    assert codes(office) == set()
    report = verify(office, kept.text)
    (found,) = report.findings.named
    assert found.code is Code.OUTSIDE_OLDER
    assert report.against is not None
    assert report.against.proven, "of the earlier one it does"
    assert codes(office, Kept(office).text) == set()


# --- what nothing shows -------------------------------------------------------------------------------------------


def test_a_lie_that_is_entered_like_any_other_leaf_is_not_found(office: Office) -> None:
    """Whoever has the box can say what is not so from now on: no ledger can tell a lie, only that it was told then."""
    kept = Kept(office)
    with_database(
        office, lambda db: ledger_table.enter(db, Leaf.ACT, 0, {"verb": "status", "result": "done", "role": "x"})
    )
    assert codes(office, kept.text) == set()
