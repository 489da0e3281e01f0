"""The outbox against a naive model: events come, are passed on, give way; a broker is configured or not; crashes.

The model is a list. After every step the rows are the model's, and the counters are as one counts the rows.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from storage.database.migrations import migrate
from storage.outbox import table as outbox_table
from storage.outbox.table import RANKS, ROW_BYTES, EventKind, EventRank
from tests.conftest import Profile
from tests.support.office import MEMORY

LIMIT: Final = 3_000
SMALL: Final = settings(
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

FAILING: Final = settings(SMALL, phases=[Phase.generate], max_examples=200, derandomize=True, database=None)
kinds = st.sampled_from(EventKind)
sizes = st.integers(0, 1_400)


@cache
def begun() -> bytes:
    """A database whose outbox has begun, and holds little."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db)
        outbox_table.next_id(db, 7)
        db.execute("UPDATE outbox_count SET limit_bytes = ?", (LIMIT,))
        return db.serialize()


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(dir=MEMORY)
        self.path = Path(self.directory.name) / "edged.db"
        self.path.write_bytes(begun())
        self.db = self.open()
        self.rows: list[tuple[int, EventKind, int]] = []
        """Number, kind, size; in the order in which they came."""
        self.evicted: dict[EventRank, list[int]] = {rank: [] for rank in EventRank}
        self.seq, self.wanted = 0, True
        self.given: set[int] = set()
        self.came(EventKind.OUTBOX, {"what": "begun"})

    def open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None)
        db.execute("PRAGMA synchronous = OFF")  # a process dies here, not the power
        return db

    def teardown(self) -> None:
        self.db.close()
        self.directory.cleanup()

    def came(self, kind: EventKind, body: dict[str, Any]) -> None:
        """The model's own put: a list, sorted when there is too much in it."""
        self.seq += 1
        assert self.seq not in self.given
        self.given.add(self.seq)
        if not self.wanted:
            return
        self.rows.append((self.seq, kind, len(json.dumps(body, separators=(",", ":"))) + ROW_BYTES))
        excess, spare = self.held - LIMIT, LIMIT // outbox_table.FREED_SHARE
        for rank in reversed(EventRank):
            if excess <= 0:
                break
            freed = 0
            for row in [row for row in self.rows if RANKS[row[1]] is rank]:
                if freed >= excess + spare:
                    break
                self.rows.remove(row)
                self.evicted[rank].append(row[0])
                freed += row[2]
            excess -= freed

    @property
    def held(self) -> int:
        return sum(size for _, _, size in self.rows)

    @rule(kind=kinds, size=sizes)
    def put(self, kind: EventKind, size: int) -> None:
        body = {"what": "x" * size}
        expected = outbox_table.next_id(self.db, 7)
        self.db.execute("BEGIN")
        assert outbox_table.put(self.db, kind, 7, body) == expected
        self.db.execute("COMMIT")
        self.came(kind, body)

    @rule(kind=kinds, size=sizes)
    def put_in_vain(self, kind: EventKind, size: int) -> None:
        """The fact that it belongs to is rolled back: its number is given to the next one."""
        self.db.execute("BEGIN")
        outbox_table.put(self.db, kind, 7, {"what": "y" * size})
        self.db.execute("ROLLBACK")

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        """Some of those that are there, some that went long ago."""
        seqs = data.draw(st.sets(st.integers(1, self.seq + 2), max_size=8))
        outbox_table.done(self.db, seqs)
        self.rows = [row for row in self.rows if row[0] not in seqs]

    @rule()
    def tell(self) -> None:
        evicted, self.evicted = self.evicted, {rank: [] for rank in EventRank}
        self.db.execute("BEGIN")
        assert outbox_table.tell_evicted(self.db, 7) is any(evicted.values())
        self.db.execute("COMMIT")
        for rank, seqs in evicted.items():
            if seqs:
                told = {"what": "evicted", "rank": rank.value, "events": len(seqs), "first_seq": seqs[0]}
                self.came(EventKind.OUTBOX, told | {"last_seq": seqs[-1], "since_ms": 7})

    @rule(wanted=st.sampled_from([True, True, True, False]))
    def want(self, wanted: bool) -> None:
        outbox_table.want(self.db, wanted, 7)
        before, self.wanted = self.wanted, wanted
        if not wanted:
            self.rows, self.evicted = [], {rank: [] for rank in EventRank}
        elif not before:
            self.came(EventKind.OUTBOX, {"what": "begun"})

    @rule()
    def crash(self) -> None:
        """In the middle of a fact; what was committed stays."""
        self.db.execute("BEGIN")
        outbox_table.put(self.db, EventKind.PIN, 7, {"what": "lost"})
        self.db.close()
        self.db = self.open()

    @invariant()
    def the_rows_are_those_of_the_model(self) -> None:
        rows = self.db.execute("SELECT seq, kind, bytes FROM outbox ORDER BY seq").fetchall()
        assert rows == [(seq, kind.value, size) for seq, kind, size in self.rows]
        assert outbox_table.last(self.db) == self.seq

    @invariant()
    def the_counters_are_as_one_counts(self) -> None:
        counted: dict[EventRank, tuple[int, int, int | None]] = dict.fromkeys(EventRank, (0, 0, None)) | {
            EventRank(rank): (events, size, oldest)
            for rank, events, size, oldest in self.db.execute(
                "SELECT rank, count(*), sum(bytes), (SELECT wall_ms FROM outbox o WHERE o.rank = outbox.rank"
                " ORDER BY seq LIMIT 1) FROM outbox GROUP BY rank"
            )
        }
        found = {rank: (one.events, one.bytes, one.oldest_ms) for rank, one in outbox_table.depth(self.db).items()}
        assert found == counted
        assert sum(size for _, size, _ in counted.values()) <= LIMIT, "bounded"

    @rule(kind=kinds, after=st.integers(0, 50), limit=st.integers(1, 9))
    def read(self, kind: EventKind, after: int, limit: int) -> None:
        seqs = [event.seq for event in outbox_table.following(self.db, kind, after, limit)]
        assert seqs == [seq for seq, of, _ in self.rows if of is kind and seq > after][:limit]


def test_whatever_happens_it_is_as_the_model_says(profile: Profile) -> None:
    run_state_machine_as_test(Machine, settings=settings(SMALL, max_examples=profile.model_examples))


def caught() -> None:
    """A planted bug shows."""
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Machine, settings=FAILING)


def test_what_evicts_the_highest_rank_first_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_table, "EventRank", sorted(EventRank, reverse=True))
    caught()


def test_what_is_done_and_still_counted_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    def uncounted(connection: sqlite3.Connection, seqs: set[int]) -> None:
        connection.executemany("DELETE FROM outbox WHERE seq = ?", [(seq,) for seq in seqs])

    monkeypatch.setattr(outbox_table, "done", uncounted)
    caught()


def test_what_is_never_evicted_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_table, "_evict", lambda *_: None)
    caught()


def test_a_number_given_twice_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(connection: sqlite3.Connection, wanted: bool, wall_ms: int) -> None:
        was(connection, wanted, wall_ms)
        if wanted:
            connection.execute("UPDATE outbox_count SET seq = 1")

    was = outbox_table.want
    monkeypatch.setattr(outbox_table, "want", forgetful)
    caught()
