"""The writer groups, isolates, survives; readers see whole commits. See storage/database/writer.py."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ages.table import boots
from storage.database import readers
from storage.database import writer as module
from storage.database.writer import Database, Remembered, RememberedRows
from storage.ring import table as ring_table
from storage.segments import coverage_queries
from storage.segments.queries import boot_that_ran
from storage.words.errors import DatabaseCorrupt, DatabaseDamaged, StoreBusy, StoreClosed, WriteFailed

DEADLINE_S = 10.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "edged.db")
    yield opened
    opened.close()


def insert(number: int) -> Callable[[sqlite3.Connection], int]:
    def fact(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO boots (number, boot_id, ran_ms) VALUES (?, 'b', 0)", (number,))
        return number

    return fact


def numbers(database: Database) -> list[int]:
    return [boot.number for boot in database.read(boots)]


class Held:
    """Holds the writer inside a fact, so that whatever is submitted meanwhile becomes one group."""

    def __init__(self, database: Database) -> None:
        self._inside = threading.Event()
        self._release = threading.Event()
        self.future = database.submit(self._fact)
        assert self._inside.wait(DEADLINE_S)

    def _fact(self, _: sqlite3.Connection) -> None:
        self._inside.set()
        assert self._release.wait(DEADLINE_S)

    def let_go(self) -> None:
        self._release.set()
        self.future.result(DEADLINE_S)


def test_a_future_resolves_only_after_commit(database: Database) -> None:
    assert database.submit(insert(1)).result(DEADLINE_S) == 1
    assert numbers(database) == [1]


def test_what_waits_is_one_commit(database: Database) -> None:
    commits: list[str] = []
    database._connection.set_trace_callback(lambda sql: commits.append(sql) if sql.startswith("COMMIT") else None)
    held = Held(database)
    futures = [database.submit(insert(number)) for number in range(1, 51)]
    held.let_go()
    wait(futures, DEADLINE_S)
    assert numbers(database) == list(range(1, 51))
    assert len(commits) == 2


def test_a_failing_fact_leaves_its_neighbours_alone(database: Database) -> None:
    def half(connection: sqlite3.Connection) -> None:
        insert(2)(connection)
        raise KeyError("half-way")

    held = Held(database)
    first, broken, twice, last = (database.submit(fact) for fact in (insert(1), half, insert(1), insert(3)))
    held.let_go()
    assert (first.result(DEADLINE_S), last.result(DEADLINE_S)) == (1, 3)
    with pytest.raises(KeyError, match="half-way"):
        broken.result(DEADLINE_S)
    with pytest.raises(sqlite3.IntegrityError):
        twice.result(DEADLINE_S)
    assert numbers(database) == [1, 3]


def test_a_failed_commit_fails_its_group_and_the_writer_lives_on(database: Database) -> None:
    def fill(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        connection.execute("INSERT INTO boots (number, boot_id, ran_ms) VALUES (9, hex(zeroblob(1000000)), 0)")

    held = Held(database)
    neighbour, broken = database.submit(insert(1)), database.submit(fill)
    held.let_go()
    for future in (neighbour, broken):
        if (error := future.exception(DEADLINE_S)) is not None:
            assert isinstance(error, WriteFailed)
            assert isinstance(error.__cause__, OSError)
    assert broken.exception(DEADLINE_S) is not None
    stored = numbers(database)
    assert (1 in stored) == (neighbour.exception() is None), "what was answered and what is stored must agree"
    database.submit(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchone()).result(DEADLINE_S)
    assert database.submit(insert(2)).result(DEADLINE_S) == 2
    assert 2 in numbers(database)


def test_a_damaged_file_is_fatal_and_a_defect_of_ours_is_not(database: Database, tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(b"not a database at all" * 100)

    def look(_: sqlite3.Connection) -> None:
        """SQLITE_NOTADB, as a page that the disk spoilt: neither is an OperationalError."""
        with closing(sqlite3.connect(tmp_path / "bad.db")) as bad:
            bad.execute("SELECT * FROM segments")

    with pytest.raises(DatabaseDamaged):
        database.submit(look).result(DEADLINE_S)
    with pytest.raises(DatabaseDamaged):
        database.read(look)
    with pytest.raises(sqlite3.ProgrammingError):
        database.read(lambda db: db.execute("SELECT ?"))
    assert database.submit(insert(1)).result(DEADLINE_S) == 1, "the writer lives on"


class BrokenDisk:
    """A connection whose next COMMIT fails as a disk does."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.broken = True

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    @property
    def total_changes(self) -> int:
        return self._connection.total_changes

    def execute(self, sql: str, parameters: tuple[int, ...] = ()) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.broken:
            self.broken = False
            raise sqlite3.OperationalError("disk I/O error")
        return self._connection.execute(sql, parameters)

    def close(self) -> None:
        self._connection.close()


def test_an_io_error_on_commit_fails_every_future_of_the_group(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_connection", BrokenDisk(database._connection))
    futures = [database.submit(insert(1))]
    with pytest.raises(WriteFailed, match="disk I/O error"):
        futures[0].result(DEADLINE_S)
    assert numbers(database) == []
    assert database.submit(insert(1)).result(DEADLINE_S) == 1


def test_the_queue_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(database)
    waiting = [database.submit(insert(number)) for number in range(1, module.QUEUE_MAX + 1)]
    refused = database.submit(insert(99_999))
    with pytest.raises(StoreBusy):
        refused.result(0)
    held.let_go()
    wait(waiting, DEADLINE_S)
    assert len(numbers(database)) == module.QUEUE_MAX


def test_closing_writes_what_waits_and_refuses_what_comes_later(tmp_path: Path) -> None:
    database = Database(tmp_path / "edged.db")
    held = Held(database)
    waiting = database.submit(insert(1))
    threading.Thread(target=held.let_go).start()
    database.close()
    assert waiting.result(0) == 1
    with pytest.raises(StoreClosed):
        database.submit(insert(2)).result(0)
    assert not (tmp_path / "edged.db-wal").exists(), "the last connection leaves no WAL behind"


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(WriteFailed, match="readonly"):
        database.read(insert(1))


def test_a_reader_sees_one_moment(database: Database) -> None:
    def both(connection: sqlite3.Connection) -> tuple[int, int]:
        before = connection.execute("SELECT count(*) FROM boots").fetchone()[0]
        database.submit(insert(1)).result(DEADLINE_S)
        return before, connection.execute("SELECT count(*) FROM boots").fetchone()[0]

    assert database.read(both) == (0, 0)


def test_a_reader_is_kept_for_the_next_one(database: Database) -> None:
    connections = [database.read(lambda connection: connection) for _ in range(3)]
    assert connections[0] is connections[1] is connections[2]
    assert not connections[0].in_transaction, "it would hold the WAL"


def test_two_that_read_at_once_have_a_reader_each_and_no_more_are_kept_than_bounded(database: Database) -> None:
    def nested(depth: int) -> list[sqlite3.Connection]:
        return database.read(lambda connection: [connection, *(nested(depth - 1) if depth else [])])

    used = nested(readers.KEPT_MAX + 2)
    assert len(set(map(id, used))) == readers.KEPT_MAX + 3
    closed = 0
    for connection in used:
        try:
            connection.execute("SELECT 1")
        except sqlite3.ProgrammingError:
            closed += 1
    assert closed == 3


def test_a_reader_that_failed_is_not_used_again(database: Database) -> None:
    seen = []

    def failing(connection: sqlite3.Connection) -> None:
        seen.append(connection)
        raise LookupError

    with pytest.raises(LookupError):
        database.read(failing)
    assert database.read(lambda connection: connection) is not seen[0]
    with pytest.raises(sqlite3.ProgrammingError):
        seen[0].execute("SELECT 1")


def test_a_file_that_was_removed_or_replaced_is_not_read_on(database: Database, tmp_path: Path) -> None:
    database.submit(insert(1)).result(DEADLINE_S)
    assert numbers(database) == [1]
    path = tmp_path / "edged.db"
    path.rename(tmp_path / "elsewhere.db")
    with pytest.raises(DatabaseCorrupt, match="gone"):
        numbers(database)
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE other (word TEXT)")
    assert database.read(lambda db: db.execute("SELECT name FROM sqlite_master").fetchall()) == [("other",)]


def test_damage_on_disk_is_seen_by_a_reader_that_was_kept(database: Database, tmp_path: Path) -> None:
    for number in range(1, 200):
        database.submit(insert(number))
    database.submit(lambda db: db.execute("SELECT 1")).result(DEADLINE_S)
    database._checkpoint()  # nobody writes now
    assert len(numbers(database)) == 199
    root = database.read(lambda db: db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'boots'").fetchone()[0])
    with (tmp_path / "edged.db").open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(DatabaseCorrupt):
        numbers(database)


def test_a_clean_end_leaves_no_wal_though_readers_were_kept(tmp_path: Path) -> None:
    database = Database(tmp_path / "edged.db")
    database.submit(insert(1)).result(DEADLINE_S)
    assert numbers(database) == [1]
    database.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edged.db"]


def test_the_wal_stays_bounded(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_CHECKPOINT_CHANGES", 10)
    sizes = []
    for number in range(1, 200):
        database.submit(insert(number)).result(DEADLINE_S)
        sizes.append((tmp_path / "edged.db-wal").stat().st_size)
    made = sizes[0]  # with all its tables
    assert max(sizes) < made + 60 * 4200, "ten changed rows of two or three pages each, and then it begins anew"


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "edged.db"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(DatabaseDamaged) as refused:
        Database(path)
    assert refused.value.action


def test_a_database_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "edged.db"
    Database(path).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE _sqlite_migrations SET name = '9999_later' WHERE id = 1")
    connection.commit()
    connection.close()
    with pytest.raises(DatabaseDamaged, match="later version"):
        Database(path)


def test_opening_twice_changes_nothing(tmp_path: Path) -> None:
    Database(tmp_path / "edged.db").close()
    again = Database(tmp_path / "edged.db")
    tables = again.read(lambda db: db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall())
    strict = again.read(lambda db: db.execute("SELECT name FROM pragma_table_list WHERE strict = 1").fetchall())
    again.close()
    ours = {name for (name,) in tables if not name.startswith(("sqlite_", "_sqlite"))}
    assert ours == {name for (name,) in strict}
    assert {"segments", "gaps", "cameras", "holdings"} <= ours


BY_TIME = "SELECT start_wall_ms, duration_ms, bytes FROM segments WHERE camera = 1 AND state = 'committed'"
BY_AGE = "SELECT id FROM segments WHERE volume = 1 AND camera = 1 AND floor_s = 1 AND ceiling_s = 1 AND state IN "
LISTED = "SELECT id FROM gaps WHERE camera = 1 AND start_wall_ms < 9 AND (end_wall_ms > 1 OR end_wall_ms IS NULL)"
LAST = "SELECT bytes FROM segments WHERE camera = 1 AND name IS NULL AND state = 'committed'"
OLDEST = BY_AGE + "('committed', 'quarantined') AND pins = 0 ORDER BY boot, start_boottime_ms LIMIT 1"


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (BY_TIME + " AND start_wall_ms >= 1 ORDER BY start_wall_ms", "COVERING INDEX segments_by_time"),
        (OLDEST, "INDEX segments_by_age"),
        (
            LISTED + " AND (start_wall_ms, id) > (1, 1) ORDER BY start_wall_ms, id LIMIT 9",
            "COVERING INDEX gaps_by_time",
        ),
        (LAST + " ORDER BY seq DESC LIMIT 3", "INDEX segments_by_seq"),
        ("SELECT id FROM segments WHERE camera = 1 AND seq = 1 AND name IS NULL", "INDEX segments_by_seq"),
        ("SELECT seq FROM segments WHERE camera = 1 AND state = 'open' ORDER BY seq", "INDEX segments_open"),
        ("SELECT id FROM segments WHERE state = 'garbage' AND volume = 1", "INDEX segments_garbage"),
    ],
)
def test_questions_use_their_index(database: Database, sql: str, index: str) -> None:
    plan = database.read(lambda db: [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + sql)])
    assert index in plan[0]
    assert not any("B-TREE" in step for step in plan)


@pytest.mark.parametrize(
    ("sql", "indexes"),
    [
        (coverage_queries._GAPS_SQL, ["gaps_by_end", "gaps_open"]),
        (coverage_queries._GONE_SQL, ["destroyed_by_wall", "segments_garbage"]),
        (ring_table._GAPS_SQL, ["gaps_by_end", "gaps_open", "destroyed_by_wall"]),
    ],
)
def test_nothing_from_years_before_an_interval_is_looked_at(database: Database, sql: str, indexes: list[str]) -> None:
    """Whoever stutters for years has a hundred thousand gaps, and as many spans of what is destroyed between them."""
    plan = database.read(lambda db: [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + sql, ("1", 2, 3))])
    used = [step for step in plan if "INDEX" in step and "cameras" not in step]
    assert [index in step for index, step in zip(indexes, used, strict=True)] == [True] * len(indexes), plan


def test_what_yields_waits_for_all_others_and_goes_alone(database: Database) -> None:
    """L4: whoever destroys stands behind whoever commits, also one that comes later."""
    held, order = Held(database), list[str]()

    def noted(name: str) -> Callable[[sqlite3.Connection], None]:
        return lambda _: order.append(name)

    sweeping = [database.submit(noted(f"sweep {n}"), yielding=True) for n in range(2)]
    recording = [database.submit(noted(f"commit {n}")) for n in range(3)]
    recording.append(database.submit(lambda _: sweeping.append(database.submit(noted("late"), yielding=True))))
    held.let_go()
    wait([*sweeping, *recording], DEADLINE_S)
    wait(sweeping, DEADLINE_S)
    assert order == ["commit 0", "commit 1", "commit 2", "sweep 0", "sweep 1", "late"]


def test_a_closing_database_writes_what_yields_too(tmp_path: Path) -> None:
    opened = Database(tmp_path / "edged.db")
    held = Held(opened)
    waiting = opened.submit(insert(7), yielding=True)
    held.let_go()
    opened.close()
    assert waiting.result(0) == 7


@pytest.mark.parametrize(("boottime_ms", "number"), [(50, 1), (100, 1), (120, None), (160, 3), (190, 2), (250, None)])
def test_of_boots_of_one_id_the_one_that_ran_then_is_meant(
    database: Database, boottime_ms: int, number: int | None
) -> None:
    """There are two where a database was lost while the box ran on, three where its clock ran backwards then."""

    def fact(connection: sqlite3.Connection) -> None:
        rows = [(1, "b", 100, 0), (2, "b", 200, 150), (3, "b", 170, 155), (4, "other", 500, 0)]
        connection.executemany("INSERT INTO boots (number, boot_id, ran_ms, began_ms) VALUES (?, ?, ?, ?)", rows)

    database.submit(fact).result(DEADLINE_S)
    assert database.read(partial(boot_that_ran, boot_id="b", boottime_ms=boottime_ms)) == number


ACTS: Final = st.tuples(
    st.sampled_from(["add", "give", "count", "take", "fail"]), st.integers(1, 3), st.integers(1, 3), st.booleans()
)
"""What is done to whom, and whether somebody does it to the file behind our back."""


def act_on(connection: sqlite3.Connection, what: str, owner: int, other: int) -> None:
    """Something happens to things that have an owner each."""
    match what:
        case "add":
            connection.execute("INSERT INTO things VALUES (?, 0)", (owner,))
        case "give":
            connection.execute("UPDATE things SET owner = ? WHERE owner = ?", (other, owner))
        case "count":
            connection.execute("UPDATE things SET times = times + 1 WHERE owner = ?", (owner,))
        case "take":
            connection.execute("DELETE FROM things WHERE owner = ?", (owner,))
        case "fail":
            connection.execute("INSERT INTO things VALUES (?, 9)", (owner,))
            raise KeyError("half-way")


def things(connection: sqlite3.Connection, owner: int) -> list[int]:
    return [times for (times,) in connection.execute("SELECT times FROM things WHERE owner = ? ORDER BY 1", (owner,))]


@given(st.lists(ACTS, max_size=8))
def test_what_is_remembered_is_what_would_be_read(acts: list[tuple[str, int, int, bool]]) -> None:
    with (
        TemporaryDirectory() as folder,
        closing(Database(Path(folder, "edged.db"))) as database,
        closing(sqlite3.connect(Path(folder, "edged.db"))) as of_others,
    ):
        database.submit(lambda db: db.execute("CREATE TABLE things (owner, times)")).result(DEADLINE_S)
        changes, of_one = database.follow("things", "owner"), RememberedRows[list[int]]()
        of_all = Remembered(database)
        for what, owner, other, is_by_others in acts:
            fact = partial(act_on, what=what, owner=owner, other=other)
            if is_by_others:
                with suppress(KeyError), of_others:
                    fact(of_others)
            wait([database.submit(boots if is_by_others else fact)], DEADLINE_S)
            for one in (1, 2, 3):
                counts, query = changes.counts(), partial(things, owner=one)
                expected = database.read(query)
                assert of_one.get(counts, one, lambda query=query: database.read(query)) == expected  # type: ignore[misc]
                assert of_all.read(query, one) == expected


def test_what_nobody_wrote_is_not_read_again(database: Database) -> None:
    reads: list[object] = []
    kept = Remembered(database)
    rows: RememberedRows[None] = RememberedRows()
    changes = database.follow("boots", "number")
    asks: list[Callable[[], None]] = [
        lambda: kept.read(reads.append, 1),
        lambda: rows.get(changes.counts(), 1, lambda: reads.append(1)),
    ]
    expected = 0
    for fact, changed in ((None, (1, 1)), (None, (0, 0)), (boots, (0, 0)), (insert(2), (1, 0)), (insert(1), (1, 1))):
        if fact is not None:
            database.submit(fact).result(DEADLINE_S)
        for ask, more in zip(asks, changed, strict=True):
            ask()
            expected += more
            assert len(reads) == expected
