"""Destroying on real files: a crash after each step, tombstones, overwriting, waiting ceilings, why and when."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from storage.retention import bounds as bounds_
from storage.retention.bounds import WAIT_MS, OverwriteState, ShortenedCeiling
from storage.retention.plan import Candidate, Decision, Policy, judge
from storage.ring import sweep
from storage.ring import sweep as pruner
from storage.ring import table as ring_table
from storage.ring.service import LifecycleStage
from storage.ring.table import BREACH_TOLD_MS
from storage.volumes.volume import VolumeSpec
from storage.words import failpoints
from storage.words.failpoints import Failpoint
from storage.words.model import Bounds, GapCause, VolumeStatus
from tests.support.office import BOUNDS, DEADLINE_S, Office

DESTROYING = (Failpoint.DESTROY_CONDEMNED, Failpoint.DESTROY_UNLINKED, Failpoint.DESTROY_SYNCED, Failpoint.DESTROY_DONE)


class PlugPulled(Exception):
    """The daemon dies here."""


@pytest.fixture
def office(memory: Path) -> Iterator[Office]:
    box = Office(memory)
    box.enrol("lobby")
    yield box
    failpoints.arm(None)
    box.store.close()


@pytest.fixture
def tight(memory: Path) -> Iterator[Office]:
    """A quota of ten segments of five fragments."""
    box = Office(memory, max_bytes=10 * 1800)
    box.enrol("lobby")
    yield box
    box.store.close()


def rows(office: Office, sql: str, *values: object) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"file:{office.state}/edged.db?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(sql, values)]


def tombstones(office: Office) -> list[dict[str, Any]]:
    return [json.loads(row["body"]) for row in rows(office, "SELECT body FROM leaves WHERE kind = 'destroyed'")]


def seqs(office: Office) -> list[int]:
    return [segment.seq for segment in office.store.segments("lobby", None, None)]


# --- the protocol -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", DESTROYING)
@pytest.mark.parametrize("nth", [1, 2])
def test_a_crash_after_any_step_is_finished_with_one_tombstone_for_each(
    office: Office, step: Failpoint, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "SLICE", 2)
    segments = [office.segment("lobby") for _ in range(4)]
    office.clock.tick(400_000)
    kept = office.segment("lobby")
    reached: list[Failpoint] = []

    def die(here: Failpoint) -> None:
        reached.append(here)
        if reached.count(step) == nth and here is step:
            raise PlugPulled

    failpoints.arm(die)
    with pytest.raises(PlugPulled):
        office.store.sweep(Policy)
    failpoints.arm(None)
    office.crash()
    files = {int(name.rpartition("-")[2].removesuffix(".mp4")) for name in office.files()}
    for row in rows(office, "SELECT seq, state FROM segments"):
        assert row["state"] == "garbage" or row["seq"] in files, "S4: no committed row without its file"
    assert files <= {row["seq"] for row in rows(office, "SELECT seq FROM segments")}, "S5: no file without a row"
    office.start()
    office.enrol("lobby")
    garbage = len(rows(office, "SELECT 1 FROM segments WHERE state = 'garbage'"))
    assert office.store.recover().garbage == garbage
    office.store.sweep(Policy)
    assert seqs(office) == [kept.seq]
    assert [path for path in (segment.path for segment in segments) if path.exists()] == []
    assert sorted(stone["seq"] for stone in tombstones(office)) == [1, 2, 3, 4]
    assert {(stone["rule"], stone["floor_s"], stone["ceiling_s"]) for stone in tombstones(office)} == {
        ("ceiling", BOUNDS.floor_s, BOUNDS.ceiling_s)
    }
    assert rows(office, "SELECT * FROM condemned") == []


def test_a_tombstone_tells_what_went_and_why(office: Office) -> None:
    segment = office.segment("lobby")
    office.clock.tick(400_000)
    office.store.sweep(Policy)
    (stone,) = tombstones(office)
    start = {"boot": 1, "boottime_ms": segment.start.boottime_ms, "id": "boot-1", "wall_ms": segment.start.wall_ms}
    assert stone == {
        "camera": "lobby",
        "seq": 1,
        "volume": segment.volume,
        "start": start,
        "duration_ms": 2000,
        "bytes": segment.bytes,
        "sha256": segment.sha256.hex(),
        "rule": "ceiling",
        "floor_s": 60,
        "ceiling_s": 300,
        "age_ms": 402_000,
    }


def test_a_pin_that_came_after_the_plan_holds(office: Office) -> None:
    """S2: the transaction that condemns looks again."""
    office.segment("lobby")
    office.clock.tick(400_000)
    database, sweeper = office.store._database, office.store._sweeper
    decision = office.store.ring.explain("lobby", 1, Policy()).decision
    assert decision is not None
    assert decision.destroy
    database.submit(lambda db: db.execute("UPDATE segments SET pins = 1")).result(DEADLINE_S)
    condemned = database.submit(lambda db: sweeper._condemn(db, [decision], Policy)).result(DEADLINE_S)
    assert condemned == []
    assert office.store.sweep(Policy).destroyed == 0


def test_a_floor_off_by_one_is_caught(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: with a judge that is a millisecond too early, what S1 forbids happens, and is seen."""

    def early(candidate: Candidate, configured: Bounds | None) -> Decision:
        aged = candidate.end_age.low_ms + 1, candidate.start_age.low_ms + 1
        older = Candidate(
            **{name: getattr(candidate, name) for name in Candidate.__slots__ if name not in ("end_age", "start_age")},
            start_age=type(candidate.start_age)(aged[1], None),
            end_age=type(candidate.end_age)(aged[0], None),
        )
        return judge(older, configured)

    exact = Bounds(300, 300)
    office.segment("lobby", bounds=exact)
    office.clock.tick(299_999)
    assert office.store.sweep(Policy).destroyed == 0
    for module in (pruner, __import__("storage.retention.plan", fromlist=["judge"])):
        monkeypatch.setattr(module, "judge", early)
    assert office.store.sweep(Policy).destroyed == 1
    (stone,) = tombstones(office)
    floors = [stone["age_ms"] - stone["duration_ms"] >= stone["floor_s"] * 1000 for stone in tombstones(office)]
    assert floors == [False], "the tombstone gives it away"
    assert stone["rule"] == "ceiling"


# --- overwriting ------------------------------------------------------------------------------------------------


DAYS = Bounds(floor_s=5 * 86_400, ceiling_s=20 * 86_400)
OVERWRITING = Policy({"lobby": DAYS}, overwrite=True)
STOPPING = Policy({"lobby": DAYS})


def fill(office: Office, policy: Policy, bounds: Bounds = BOUNDS) -> int:
    """As far as there is room."""
    recorded = 0
    while isinstance(office.store.choose_volume(), VolumeStatus):
        office.segment("lobby", bounds=bounds)
        report = office.store.sweep(lambda: policy)
        recorded += 1
        if report.destroyed:
            break
    return recorded


def test_overwriting_takes_the_oldest_and_tells_each_breach(tight: Office) -> None:
    policy = Policy({"lobby": BOUNDS}, overwrite=True)
    tight.overwrites(policy)
    recorded = fill(tight, policy)
    gone = recorded - len(seqs(tight))
    assert gone > 0
    assert tight.store.sweep(lambda: policy).blocked == ()
    assert seqs(tight) == list(range(gone + 1, recorded + 1))
    assert isinstance(tight.store.choose_volume(), VolumeStatus)
    stones = tombstones(tight)
    assert [(stone["seq"], stone["rule"]) for stone in stones] == [(seq, "overwrite") for seq in range(1, gone + 1)]
    assert all(stone["age_ms"] < stone["floor_s"] * 1000 for stone in stones)
    (breach,) = tight.store.ring.view(policy).breaches
    assert (breach.camera, breach.segments, breach.since) == ("lobby", gone, breach.last)
    for _ in range(3):
        tight.segment("lobby")
        tight.store.sweep(lambda: policy)
    (later,) = tight.store.ring.view(policy).breaches
    assert (later.since, later.segments > gone, later.last > breach.last) == (breach.since, True, True)
    tight.store.close()
    tight.start()
    assert tight.store.ring.view(policy).breaches == (later,), "it outlives a restart"
    tight.clock.tick(BREACH_TOLD_MS)
    assert tight.store.ring.view(policy).breaches == ()


def test_what_is_past_its_floor_goes_before_what_is_not_and_pins_stay(tight: Office) -> None:
    overwrite = Policy(overwrite=True)
    tight.overwrites(overwrite)
    pinned = tight.segment("lobby", bounds=Bounds(0, 10_000))
    tight.store._database.submit(lambda db: db.execute("UPDATE segments SET pins = 1")).result(DEADLINE_S)
    floor = tight.segment("lobby", bounds=Bounds(5000, 10_000))
    free = [tight.segment("lobby", bounds=Bounds(0, 10_000)) for _ in range(3)]
    younger = [segment.path for segment in free]
    for _ in range(30):
        tight.store.sweep(lambda: overwrite)
        assert floor.path.exists() or not any(path.exists() for path in younger)
        tight.segment("lobby", bounds=Bounds(5000, 10_000))
    assert not floor.path.exists(), "with nothing else left it was its turn"
    assert pinned.path.exists(), "S2 holds whatever on_full says"
    assert {stone["seq"] for stone in tombstones(tight) if stone["rule"] == "overwrite"} >= {floor.seq}


def test_without_overwrite_nothing_below_its_floor_goes(tight: Office) -> None:
    fill(tight, Policy({"lobby": BOUNDS}))
    before = seqs(tight)
    assert tight.store.sweep(lambda: Policy({"lobby": BOUNDS})).blocked
    assert seqs(tight) == before
    assert tombstones(tight) == []


def test_overwriting_that_is_turned_on_waits_a_day_and_is_told(tight: Office) -> None:
    """S14: one edit of a file would else shorten every stamped floor at once, with nobody to notice."""
    fill(tight, STOPPING, DAYS)
    before = seqs(tight)
    tight.clock.tick(3 * WAIT_MS)
    assert tight.store.ring.view(OVERWRITING).overwriting == OverwriteState(left_ms=WAIT_MS), "also before a sweep"
    assert tight.store.sweep(lambda: OVERWRITING).blocked
    tight.clock.tick(WAIT_MS - 1)
    assert tight.store.sweep(lambda: OVERWRITING).blocked
    assert tight.store.ring.view(OVERWRITING).overwriting == OverwriteState(left_ms=1)
    assert tight.store.ring.explain("lobby", 1, OVERWRITING).overwriting == OverwriteState(left_ms=1)
    assert (seqs(tight), isinstance(tight.store.choose_volume(), GapCause)) == (before, True)
    tight.clock.tick(1)
    report = tight.store.sweep(lambda: OVERWRITING)
    assert (report.destroyed > 0, report.blocked) == (True, ())
    assert {stone["rule"] for stone in tombstones(tight)} == {"overwrite"}
    assert tight.store.ring.view(OVERWRITING).overwriting == OverwriteState(holds=True)
    told = [json.loads(row["body"])["on"] for row in rows(tight, "SELECT body FROM leaves WHERE kind = 'overwriting'")]
    assert told == [False, True]


def test_turning_it_off_holds_at_once_and_on_again_waits_anew(tight: Office) -> None:
    tight.overwrites(OVERWRITING)
    fill(tight, OVERWRITING, DAYS)
    gone = len(tombstones(tight))
    assert gone > 0
    tight.segment("lobby", bounds=DAYS)
    tight.segment("lobby", bounds=DAYS)
    assert tight.store.sweep(lambda: STOPPING).blocked
    tight.clock.tick(WAIT_MS)
    assert tight.store.sweep(lambda: OVERWRITING).blocked
    assert len(tombstones(tight)) == gone


def test_the_transaction_that_condemns_asks_whether_floors_still_give_way(
    tight: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Turned off between the plan and the deed."""
    policy, really = OVERWRITING, sweep.Sweeper._carry_out

    def carry_out(*arguments: Any) -> int:
        nonlocal policy
        policy = STOPPING
        return really(*arguments)

    monkeypatch.setattr(sweep.Sweeper, "_carry_out", carry_out)
    tight.overwrites(policy)
    for _ in range(12):
        tight.segment("lobby", bounds=DAYS)
    assert tight.store.sweep(lambda: policy).blocked
    assert (policy, tombstones(tight)) == (STOPPING, [])


@pytest.mark.parametrize("clean", [True, False])
def test_a_change_made_while_the_daemon_was_down_waits_from_the_first_sweep_on_over_restarts(
    tight: Office, clean: bool
) -> None:
    fill(tight, STOPPING, DAYS)
    tight.store.close(clean=clean)
    tight.clock.tick(2 * WAIT_MS)
    tight.start()
    tight.enrol("lobby")
    assert tight.store.sweep(lambda: OVERWRITING).blocked
    tight.clock.tick(WAIT_MS // 2)
    tight.store.close(clean=clean)
    tight.start()
    tight.enrol("lobby")
    assert tight.store.sweep(lambda: OVERWRITING).blocked
    tight.clock.tick(WAIT_MS // 2)
    assert tight.store.sweep(lambda: OVERWRITING).destroyed > 0


def test_a_lost_database_lets_no_floor_give_way_for_a_day(tight: Office) -> None:
    """Nobody can say any more under which word floors were stamped."""
    tight.store.sweep(lambda: OVERWRITING)
    fill(tight, OVERWRITING, DAYS)
    gone = len(tombstones(tight))
    tight.store.close()
    for path in tight.state.glob("edged.db*"):
        path.unlink()
    tight.start()
    tight.enrol("lobby")
    while tight.store.ledger.waiting():
        tight.store.ledger.rebuild(paced=False)
    tight.store.recover()
    tight.segment("lobby", bounds=DAYS)
    tight.segment("lobby", bounds=DAYS)
    assert tight.store.sweep(lambda: OVERWRITING).blocked
    assert tight.store.ring.view(OVERWRITING).overwriting == OverwriteState(left_ms=WAIT_MS)
    tight.clock.tick(WAIT_MS)
    assert tight.store.sweep(lambda: OVERWRITING).destroyed > 0
    assert len(tombstones(tight)) > gone


def test_a_volume_that_no_database_knew_lets_no_floor_give_way_for_a_day(tight: Office, memory: Path) -> None:
    """The disk of the database is new, and the old volume was away when it began: that is no box without footage."""
    fill(tight, STOPPING, DAYS)
    tight.store.close()
    shutil.rmtree(tight.state)
    tight.disk.rename(memory / "away")
    second = memory / "second"
    second.mkdir()
    tight.specs = (*tight.specs, VolumeSpec(second))
    tight.start()
    tight.store.sweep(lambda: OVERWRITING)
    tight.store.ledger.rebuild(everything=True, paced=False)
    assert tight.store.ring.view(OVERWRITING).overwriting.holds, "what is known tells nothing new"
    (memory / "away").rename(tight.disk)
    tight.store.volumes()
    while tight.store.ledger.waiting():
        tight.store.ledger.rebuild(paced=False)
    assert tight.store.ring.view(OVERWRITING).overwriting == OverwriteState(left_ms=WAIT_MS)
    tight.store.sweep(lambda: OVERWRITING)
    tight.clock.tick(WAIT_MS)
    assert tight.store.ring.view(OVERWRITING).overwriting == OverwriteState(holds=True)


# --- ceilings that wait, why and when ----------------------------------------------------------------------------


def test_a_shortened_ceiling_is_told_until_it_holds_or_is_taken_back(office: Office) -> None:
    long, short = Policy({"lobby": Bounds(60, 900_000)}), Policy({"lobby": Bounds(60, 600)})
    office.segment("lobby", bounds=Bounds(60, 900_000))
    office.store.sweep(lambda: long)
    office.clock.tick(WAIT_MS)
    assert office.store.ring.view(long).waiting == {}
    office.store.sweep(lambda: short)
    assert office.store.ring.view(short).waiting == {"lobby": ShortenedCeiling(900_000, 600, WAIT_MS)}
    office.clock.tick(1000)
    explained = office.store.ring.explain("lobby", 1, short)
    assert explained.span is not None
    assert explained.span.latest_ms == WAIT_MS - 1000
    assert [later.ceiling_s for later in explained.shortened] == [600]
    office.store.sweep(lambda: long)
    assert office.store.ring.view(long).waiting == {}, "changing back cancels"
    told = [json.loads(row["body"]) for row in rows(office, "SELECT body FROM leaves WHERE kind = 'bounds'")]
    assert [leaf["ceiling_s"] for leaf in told] == [900_000, 600, 900_000]
    office.store.sweep(Policy)
    assert json.loads(rows(office, "SELECT body FROM leaves WHERE kind = 'bounds'")[-1]["body"])["floor_s"] is None


def test_lapsed_terms_are_forgotten(office: Office) -> None:
    for ceiling_s in range(100, 130):
        office.store.sweep(partial(Policy, {"lobby": Bounds(60, ceiling_s)}))
        office.clock.tick(WAIT_MS // 2)
    assert len(rows(office, "SELECT * FROM terms")) <= 4


def test_however_often_one_camera_was_changed_the_others_are_remembered(office: Office) -> None:
    """Of 10,000 rows the rest was not read: cameras there seemed new at each sweep, and their ceilings never held."""
    office.enrol("gate")
    policy = Policy({"lobby": BOUNDS, "gate": BOUNDS})
    change = "INSERT INTO terms (camera, boot, boottime_ms, wall_ms, floor_s, ceiling_s) VALUES (1, 1, 0, 0, 60, ?)"
    office.store._database.submit(
        lambda db: db.executemany(change, [(100 + number,) for number in range(10_001)])
    ).result(DEADLINE_S)
    for _ in range(2):
        office.store.sweep(lambda: policy)
        office.clock.tick(WAIT_MS)
    assert office.store.ring.view(policy).bounds == {"lobby": BOUNDS, "gate": BOUNDS}
    assert len(rows(office, "SELECT * FROM terms")) == 2


def test_what_is_open_garbage_and_gone_is_explained(office: Office, memory: Path) -> None:
    running = office.record("lobby")
    running.write(2)
    office.clock.tick(800)
    one = office.store.ring.explain("lobby", 1, Policy())
    assert (one.stage, one.span and one.span.earliest_ms) == (LifecycleStage.OPEN, 60_000)
    segment = office.commit(running)
    os.link(segment.path, memory / "copy.mp4")
    office.clock.tick(400_000)
    office.store.sweep(Policy)
    stuck = office.store.ring.explain("lobby", 1, Policy())
    assert (stuck.stage, stuck.rule) == (LifecycleStage.GARBAGE, "ceiling")
    (memory / "copy.mp4").unlink()
    office.store.sweep(Policy)
    gone = office.store.ring.explain("lobby", 1, Policy())
    assert gone.stone is not None
    assert (gone.stage, gone.rule, gone.stone.ceiling_s) == (LifecycleStage.DESTROYED, "ceiling", 300)


# --- what nobody needs any more -----------------------------------------------------------------------------------


def stutter(office: Office, gaps: int) -> None:
    for number in range(gaps):
        office.clock.tick(1000)
        cause = (GapCause.DROPPED, GapCause.STALLED)[number % 2]
        office.store.begin_gap("lobby", office.clock.now(), cause, "").result(DEADLINE_S)


def test_the_account_is_cut_a_year_and_a_month_behind_the_ceiling(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S12; and what is still told adds up (S9)."""
    monkeypatch.setattr(ring_table, "PRUNED_MAX", 3)
    policy = Policy({"lobby": BOUNDS})
    office.segment("lobby")
    stutter(office, 20)
    many = len(rows(office, "SELECT 1 FROM gaps"))
    office.clock.tick(bounds_.TIME_ACCOUNT_KEPT_MS + 300_000 - 10_000)
    cut = office.clock.wall_ms - bounds_.TIME_ACCOUNT_KEPT_MS - 300_000
    office.store.sweep(lambda: policy)
    left = rows(office, "SELECT end_wall_ms FROM gaps WHERE end_wall_ms IS NOT NULL")
    assert 0 < len(left) < many
    assert all(row["end_wall_ms"] > cut for row in left)
    assert rows(office, "SELECT * FROM destroyed") == []
    answer = office.store.coverage("lobby", 0, office.clock.wall_ms)
    assert (answer.unexplained_ms, answer.covered_ms) == (0, 0)
    assert answer.known_since_ms is not None
    assert answer.explained_ms == office.clock.wall_ms - answer.known_since_ms
    office.clock.tick(pruner.EVERY_MS)
    office.store.sweep(lambda: policy)
    assert rows(office, "SELECT end_wall_ms FROM gaps WHERE end_wall_ms IS NOT NULL") == []


def test_a_wall_clock_that_was_wrong_takes_away_no_account(office: Office) -> None:
    office.clock.step_wall(2 * bounds_.TIME_ACCOUNT_KEPT_MS)
    stutter(office, 4)
    office.clock.step_wall(-2 * bounds_.TIME_ACCOUNT_KEPT_MS)
    office.clock.tick(bounds_.TIME_ACCOUNT_KEPT_MS + 400_000)
    office.store.sweep(lambda: Policy({"lobby": BOUNDS}))
    known = office.store.coverage("lobby", 0, office.clock.wall_ms).known_since_ms
    assert known is not None
    assert known <= office.clock.wall_ms - bounds_.TIME_ACCOUNT_KEPT_MS
