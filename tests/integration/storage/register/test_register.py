"""The register of destruction on a real store: what went, when, under which rule, and whether it went too early."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest

from storage.approvals.table import Person
from storage.ledger import queries as ledger_queries
from storage.ledger import table as ledger_table
from storage.ledger.table import Leaf
from storage.pins.rules import Ground, Interval, Limits, PinOrder
from storage.register.service import Asked, Entered
from storage.retention.destruction import Rule, Totals, Verdict
from storage.retention.plan import Policy
from storage.words.model import Bounds, GapCause
from tests.support import tiny_mp4
from tests.support.office import BOUNDS, DEADLINE_S, Office

CHEN, WU = Person(1001, "chen"), Person(1002, "wu")
HOUR_MS = 3_600_000


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Blocks of eight leaves: what is passed over would show."""
    with patch.object(ledger_queries, "BITS", 3):
        opened = Office(tmp_path)
        for camera in ("lobby", "gate"):
            opened.enrol(camera)
        yield opened
        opened.store.close()


def entered(office: Office, asked: Asked | None = None) -> list[Entered]:
    return [one for page in office.store.ledger.register.pages(asked or Asked()) for one in page.entries]


def totals(office: Office, asked: Asked | None = None) -> Totals:
    found = Totals()
    for page in office.store.ledger.register.pages(asked or Asked()):
        for one in page.entries:
            found.add(one.what, one.pins)
        found.unread += page.unread
    return found


def named(found: list[Entered]) -> list[tuple[str, int | None]]:
    return [(one.what.camera, one.what.seq) for one in found]


def blocks_made(office: Office) -> None:
    office.store.ledger.mirror_now()
    office.store._database.submit(lambda _: None, yielding=True).result(DEADLINE_S)


def plant(office: Office, **told: ledger_table.Value) -> None:
    """A leaf that edged itself would not make."""
    fact = partial(ledger_table.enter, kind=Leaf.DESTROYED, wall_ms=office.clock.wall_ms, body=told)
    office.store._database.submit(fact).result(DEADLINE_S)


def test_asked_by_when_it_was_destroyed_and_by_when_it_was_recorded(office: Office) -> None:
    segments = []
    for _ in range(12):
        segments.append(office.segment("lobby"))
        office.segment("gate")
        office.clock.tick(60_000)
    office.clock.tick(300_000 - 12 * 60_000 + 3 * 60_000)
    office.store.sweep(Policy)
    october = office.clock.wall_ms
    office.clock.tick(HOUR_MS)
    office.store.sweep(Policy)
    blocks_made(office)
    assert len(entered(office)) == 24
    before = entered(office, Asked(destroyed=(None, october + 1)))
    after = entered(office, Asked(destroyed=(october + 1, None)))
    assert before
    assert after
    assert named(before) + named(after) == named(entered(office)), "in the order in which it went"
    third = segments[2]
    window = (third.start.wall_ms, third.end.wall_ms)
    assert named(entered(office, Asked("lobby", recorded=window))) == [("lobby", third.seq)]
    assert {name for name, _ in named(entered(office, Asked(recorded=window)))} == {"lobby"}
    assert entered(office, Asked("lobby", recorded=window, destroyed=(october + 1, None))) == []
    assert entered(office, Asked("cellar")) == []
    one = entered(office, Asked("lobby", recorded=window))[0]
    assert (one.what.bytes, one.what.sha256) == (third.bytes, third.sha256.hex())
    assert (one.what.rule, one.what.bounds, one.what.verdict) == (Rule.CEILING, BOUNDS, Verdict.KEPT)
    assert (one.what.start_ms, one.what.true_end_ms) == (third.start.wall_ms, third.end.wall_ms)


def test_an_entry_is_under_a_signed_head_or_not_yet(office: Office) -> None:
    office.segment("lobby")
    office.clock.tick(HOUR_MS)
    office.store.sweep(Policy)
    office.store.ledger.sign_now()
    office.segment("gate")
    office.clock.tick(HOUR_MS)
    office.store.sweep(Policy)
    first, second = entered(office)
    assert (first.listed.is_signed, second.listed.is_signed) == (True, False)
    assert not first.listed.is_seen


def test_what_overwriting_took_below_its_floor_is_told_as_such(tmp_path: Path) -> None:
    box = Office(tmp_path, max_bytes=6 * 1800)
    policy = Policy({"lobby": BOUNDS}, overwrite=True)
    box.store.sweep(lambda: policy)
    box.enrol("lobby")
    for _ in range(6):
        box.segment("lobby")
    box.store.sweep(lambda: policy)
    found = totals(box)
    assert found.verdicts[Verdict.EARLY] == found.permitted == found.segments > 0
    assert found.youngest is not None
    assert (found.youngest.spare_ms or 0) < 0
    box.store.close()


def test_a_tombstone_below_its_floor_is_told_by_whomever_it_was_made(office: Office) -> None:
    """Negative control of S1: what no rule allows."""
    kept = office.segment("lobby")
    office.clock.tick(HOUR_MS)
    office.store.sweep(Policy)
    assert totals(office).verdicts == {Verdict.KEPT: 1}
    start: ledger_table.Value = {"boot": 1, "id": "boot-1", "boottime_ms": 1, "wall_ms": kept.start.wall_ms + 7_000}
    stamped: dict[str, ledger_table.Value] = {"rule": "space", "floor_s": 60, "ceiling_s": 300, "age_ms": 59_999}
    told: dict[str, ledger_table.Value] = {
        "camera": "lobby",
        "seq": 99,
        "volume": "v",
        "start": start,
        "duration_ms": 5000,
    }
    plant(office, bytes=1, sha256="", **told, **stamped)
    found = totals(office)
    assert found.verdicts == {Verdict.KEPT: 1, Verdict.EARLY: 1}
    assert (found.permitted, [one.seq for one in found.early]) == (0, [99])
    account = office.store.ledger.register.account("lobby", kept.start.wall_ms, kept.start.wall_ms + 60_000)
    assert [one.seq for one in account.destroyed.early] == [99], "the account of its month tells it, too"


def test_what_cannot_be_read_is_counted(office: Office) -> None:
    plant(office, camera="lobby", seq=1)
    assert totals(office).unread == 1


def test_a_pin_explains_what_went_beyond_its_ceiling(office: Office) -> None:
    """Negative control of S3: the same without a pin is told without a reason."""
    segment = office.segment("lobby")
    interval = Interval(segment.start.wall_ms, segment.end.wall_ms)
    order = PinOrder(("lobby",), interval, Ground.LAW, "刑事訴訟法 133", "115-1", "wu", 20 * 86_400_000)
    limits = Limits(180 * 86_400_000, 1.0)
    standing, _ = office.store.pins.place(order, CHEN, limits)
    office.store.pins.approve(standing.pin.id, WU)
    office.segment("gate")
    office.clock.tick(3 * HOUR_MS)
    office.store.sweep(Policy)
    assert named(entered(office)) == [("gate", 1)]
    deed = office.store.pins.releasing(standing.pin.id, "chen, wu", "over")
    office.store._database.submit(deed).result(DEADLINE_S)
    office.store.pins.follow_up()
    office.store.sweep(Policy)
    office.store.sweep(Policy)
    late = entered(office)[-1]
    assert (late.what.camera, late.what.verdict, late.pins) == ("lobby", Verdict.LATE, (standing.pin.id,))
    found = totals(office)
    assert (found.verdicts[Verdict.LATE], found.explained) == (2, 1)
    assert [pins for _, pins in found.late] == [(), (standing.pin.id,)]


def test_footage_from_before_the_clock_was_right_is_found_by_its_true_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_queries, "BITS", 0)
    box = Office(tmp_path)
    box.store.close()
    box.clock.reboot(0)
    box.clock.step_wall(-7 * HOUR_MS)
    box.clock.is_synced = False
    box.start()
    box.enrol("lobby")
    true_ms = box.clock.wall_ms + 7 * HOUR_MS
    wrong = box.segment("lobby")
    box.clock.step_wall(7 * HOUR_MS)
    box.clock.is_synced = True
    box.store.clock_stepped(box.clock.now(), synced=True).result(DEADLINE_S)
    box.store.heartbeat().result(DEADLINE_S)
    right = box.segment("lobby")
    box.clock.tick(HOUR_MS)
    box.store.sweep(Policy)
    for _ in range(4):
        blocks_made(box)
    assert named(entered(box, Asked("lobby", recorded=(true_ms, true_ms + 1)))) == [("lobby", wrong.seq)]
    assert entered(box, Asked("lobby", recorded=(wrong.start.wall_ms, wrong.start.wall_ms + 1))) == []
    window = (right.start.wall_ms, right.start.wall_ms + 1)
    assert named(entered(box, Asked("lobby", recorded=window))) == [("lobby", right.seq)]
    (entry,) = entered(box, Asked("lobby", recorded=(true_ms, true_ms + 1)))
    assert entry.what.correction_ms == 7 * HOUR_MS
    box.store.close()


def test_what_went_with_a_volume_says_so_and_claims_no_age(tmp_path: Path) -> None:
    box = Office(tmp_path)
    box.enrol("lobby")
    for _ in range(3):
        box.segment("lobby")
    box.store.close()
    shutil.rmtree(box.disk)
    (tmp_path / "other").mkdir()
    box.disk.mkdir()
    box.specs = (*box.specs, type(box.specs[0])(tmp_path / "other", None, None, None))
    box.start()
    (lost,) = [one for one in box.store.volumes() if one.path == box.disk]
    box.store.volume_operations.replace(box.disk, box.specs[0])
    (told,) = box.store.ledger.register.losses((None, None))
    assert (told.volume, told.segments, told.below_floor) == (lost.id, 3, 3)
    box.store.volume_operations.retire(lost.id)
    assert box.store.ledger.register.losses((None, None)) == [told], "what is struck off is not lost once more"
    assert box.store.ledger.register.losses((box.clock.wall_ms + 1, None)) == []
    account = box.store.ledger.register.account("lobby", box.clock.wall_ms - HOUR_MS, box.clock.wall_ms)
    assert (account.held.segments, account.held.lost) == (0, 3)
    box.clock.tick(HOUR_MS)
    box.store.sweep(Policy)
    found = entered(box)
    assert [(one.what.rule, one.what.verdict) for one in found] == [(Rule.LOST, Verdict.UNKNOWN)] * 3
    box.store.close()


def test_the_account_of_an_interval(office: Office) -> None:
    begin = office.clock.wall_ms
    first = office.segment("lobby")
    recording = office.record("lobby")
    recording.write(4)
    office.clock.tick(4 * tiny_mp4.FRAGMENT_MS)
    office.commit(recording)
    office.store.begin_gap("lobby", office.clock.now(), GapCause.UNREACHABLE, "no route").result(DEADLINE_S)
    office.clock.tick(30_000)
    longer = Bounds(60, 100_000)
    office.segment("lobby", bounds=longer)
    office.clock.tick(400_000)
    office.segment("lobby")
    office.store.sweep(Policy)
    until = begin + 300_000
    account = office.store.ledger.register.account("lobby", begin, until)
    assert (account.from_ms, account.to_ms, account.known_since_ms) == (begin, until, begin)
    known = account.shares
    assert known.recorded_ms + sum(known.causes.values()) + known.unexplained_ms == until - begin
    assert known.causes["unreachable"] == 30_000
    assert account.counts["unreachable"] == 1
    gap, leaf = next(one for one in account.gaps if one[0].cause is GapCause.UNREACHABLE)
    assert leaf is not None
    entry = office.store._database.read(partial(ledger_table.leaf, number=leaf))
    assert entry is not None
    assert '"cause":"unreachable"' in entry.body
    assert gap.start.wall_ms == begin + 9 * tiny_mp4.FRAGMENT_MS
    assert account.held.segments == 1
    assert dict(account.held.stamped) == {longer: 1}
    assert account.destroyed.segments == 2
    assert account.destroyed.verdicts == {Verdict.KEPT: 2}
    assert account.destroyed.youngest is not None
    assert account.destroyed.youngest.seq == first.seq + 1
    assert account.pins == []
    assert account.leaf > 0


def test_a_file_that_was_taken_away_is_not_told_as_held_in_order(office: Office) -> None:
    """P4: what the tamper watch or fsck found stands in the account."""
    segment = office.segment("lobby")
    segment.path.unlink()
    while office.store.checks.rescan():
        pass
    account = office.store.ledger.register.account("lobby", segment.start.wall_ms, segment.end.wall_ms)
    assert dict(account.held.faults) == {"missing": 1}
