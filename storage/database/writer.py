"""edged.db: one thread writes and checkpoints, grouping what waits into one commit; readers are short and read-only.

Imports sqlite3 and `storage.words.errors`. Keeps one transaction per fact: a function handed to `submit` is stored
whole or not at all, and its future resolves only after COMMIT. A function that fails takes nothing of its neighbours
with it; a COMMIT that fails fails its whole group, and the writer lives on. Two connections that write or checkpoint at
once can corrupt the WAL of SQLite before 3.51.3: here one does both.

What waits for the writer stands in two lines. Part of L4, destroying never delays committing: facts of recording stand
in the first line, those of sweeping in the second, which moves only while the first is empty, and one at a time.
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, Final, Generic, TypeAlias, TypeGuard, TypeVar

from storage.database.migrations import migrate
from storage.database.readers import Readers
from storage.words.errors import (
    DatabaseCorrupt,
    DatabaseDamaged,
    StoreBusy,
    StoreClosed,
    StoreError,
    WriteFailed,
    said,
)
from storage.words.message import message

log = logging.getLogger("edged.storage.database")
T = TypeVar("T")
Fact = Callable[[sqlite3.Connection], T]
QUEUE_MAX: Final = 4096
"""Facts that may wait: 64 cameras make about one a second, so this is an hour of a disk that stands still."""
GROUP_MAX: Final = 256
"""Facts in one commit: enough for a burst of all cameras, short enough (some ms) that the first does not wait long."""
IDLE_CHECKPOINT_CHANGES: Final = 1000
"""After so many changed rows the writer checkpoints as soon as nothing waits: some MB of WAL, some ms for whoever
comes meanwhile, where the whole of a WAL would be a tenth of a second (L4)."""
WAL_PAGES_MAX: Final = 4000
"""At 16 MB of WAL the writer checkpoints inside a COMMIT, waited for or not."""
WAL_FILE_MAX_BYTES: Final = 64 << 20
"""A burst may have grown the WAL file beyond this: it is cut back when it is next begun anew."""
CACHE_KIB: Final = 512
"""Pages that the writer keeps: what is written each second lies at the end of few tables, and no more is read again."""
BUSY_MS: Final = 5000
"""Patience with a person who looks into the live file with a tool of their own."""
FILE_MODE: Final = 0o640
_UNREADABLE: Final = frozenset(
    {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS}
)
"""Extended codes of a page that the disk does not give back."""
CLOSE_PATIENCE_S: Final = 30.0
TransactionPart: TypeAlias = Callable[[sqlite3.Connection], object]
"""What an act does, as a fact. Raises OrderRefused where it cannot be done any more: then the act goes on waiting."""


class _Job:
    """A fact that waits for the writer."""

    __slots__ = ("error", "fact", "future", "result")

    def __init__(self, fact: Fact[Any], future: Future[Any]) -> None:
        self.fact = fact
        self.future = future
        self.result: Any = None
        self.error: Exception | None = None

    def resolve(self) -> None:
        """Tell whoever waits; only after COMMIT or ROLLBACK."""
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Database:
    """The one database of a state directory. Thread-safe."""

    def __init__(self, path: Path, relief: Callable[[], bool] = lambda: False) -> None:
        """Open or make it and bring it up to date; DatabaseDamaged if it cannot be used.

        `relief` is asked when the disk took no write: True when it made room, so that it is tried once more.
        """
        self._path = path
        self._relief = relief
        self.on_damage: Callable[[DatabaseCorrupt], object] = lambda error: None  # noqa: ARG005
        """Hears, in whatever thread meets it, that the database turned out to be broken."""
        self._waiting: WriteQueue[_Job] = WriteQueue(QUEUE_MAX)
        self._gate = threading.Lock()
        self._closed = False
        self._connection = _opened(path, relief)
        self._commits = 0
        self._version = 0
        """As SQLite counts what other connections commit."""
        self._followed: list[RowChanges] = []
        self._readers = Readers(path, BUSY_MS / 1000)
        self._thread = threading.Thread(target=self._write, name="database-writer", daemon=True)
        self._thread.start()

    @property
    def path(self) -> Path:
        return self._path

    @property
    def commits(self) -> int:
        """Grows with each commit that changed something: as long as it is the same, every read says what it said.
        Whoever waited for a fact sees it grown. What somebody else does to the file counts with our next commit, ten
        seconds later at the most (`Store.heartbeat`).
        """
        return self._commits

    def follow(self, table: str, column: str) -> RowChanges:
        """Told from now on: of which values of a column rows of a table were written. Waits for the writer."""
        changes = RowChanges()
        self.submit(partial(changes.follow, table=table, column=column)).result()
        self._followed.append(changes)
        return changes

    def submit(self, fact: Fact[T], *, yielding: bool = False) -> Future[T]:
        """Run `fact` on the writer's connection, in a transaction of its own as far as it can tell.

        A `yielding` one waits until nothing else does and is committed alone: what destroys delays no commit (L4).
        Never blocks. The future fails with what `fact` raised, StoreBusy, StoreClosed, WriteFailed or DatabaseDamaged.
        """
        future: Future[T] = Future()
        with self._gate:
            if self._closed:
                future.set_exception(
                    StoreClosed(
                        message("database.closing", "the database is closing"),
                        message("database.closing.action", "start edged again"),
                    )
                )
                return future
            try:
                self._waiting.put(_Job(fact, future), yielding=yielding)
            except QueueFull:
                what = message("database.queue-full", "{count} facts wait to be written", count=QUEUE_MAX)
                future.set_exception(
                    StoreBusy(
                        what, message("database.queue-full.action", "check the disk that holds the state directory")
                    )
                )
        return future

    def read(self, query: Fact[T]) -> T:
        """Run `query` in the caller's thread on a connection of its own that sees one moment of the database.

        Keep it short, pages of at most 1000 rows: while it runs the WAL cannot begin anew.
        """
        try:
            return self._readers.read(query)
        except sqlite3.DatabaseError as error:
            if _is_of_the_disk(error):
                raise self._tell(error) from error
            raise

    def _tell(self, error: sqlite3.DatabaseError) -> StoreError:
        told = _told(error, self._path)
        if isinstance(told, DatabaseCorrupt):
            self.on_damage(told)
        return told

    def close(self) -> None:
        """Write what waits, checkpoint, let go. Later facts are refused."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
        self._readers.close()  # first: the last one to close the file empties the WAL, and that must be who may write
        self._waiting.end()
        self._thread.join(CLOSE_PATIENCE_S)
        if self._thread.is_alive():
            log.error("the database writer did not end within %d s: its disk stands still", CLOSE_PATIENCE_S)

    def _write(self) -> None:
        moved = self._connection.total_changes
        while jobs := self._waiting.take(GROUP_MAX):
            group = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            if group:
                self._commit(group)
            if self._connection.total_changes - moved >= IDLE_CHECKPOINT_CHANGES and self._waiting.empty:
                self._checkpoint()
                moved = self._connection.total_changes
        try:
            self._connection.close()
        except sqlite3.Error as error:
            log.warning("closing %s: %s", self._path, error)

    def _commit(self, group: list[_Job]) -> None:
        while (failed := self._attempt(group)) is not None:
            if not self._relief():
                log.error("%d facts were not stored: %s", len(group), failed)
                break
        for job in group:
            job.resolve()

    def _attempt(self, group: list[_Job]) -> Exception | None:
        """All of the group in one transaction; what failed where nothing of it is stored."""
        connection, before = self._connection, self._connection.total_changes
        for job in group:
            job.result = job.error = None
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in group:
                self._run(job)
            connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            # Disk full and I/O errors may have rolled back by themselves; what did not must not stay open.
            told = self._tell(_origin(error))
            for job in group:
                job.error = told
            self._roll_back()
            return error
        by_others = self._is_changed_by_others()
        if by_others or connection.total_changes != before:
            self._commits += 1
        for changes in self._followed:
            changes.committed(by_others=by_others)
        return None

    def _is_changed_by_others(self) -> bool:
        """Since the last time, or nobody can tell. Nobody else writes, but for a person with a tool of their own."""
        before = self._version
        try:
            self._version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error:
            return True
        return self._version != before

    def _run(self, job: _Job) -> None:
        """One fact inside the group's transaction. Raises only when the transaction itself is lost."""
        connection = self._connection
        connection.execute("SAVEPOINT fact")
        try:
            job.result = job.fact(connection)
        except Exception as error:  # whatever it is, it belongs to whoever waits for this future
            job.error = self._tell(error) if _is_of_the_disk(error) else error
            if not connection.in_transaction or _is_full(error):  # SQLite gave up all of it, or will with the next
                raise sqlite3.OperationalError(f"the transaction was lost ({error})") from error
            connection.execute("ROLLBACK TO fact")
        connection.execute("RELEASE fact")

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            log.warning("rolling back: %s", error)

    def _checkpoint(self) -> None:
        """Move the WAL into the database while nobody waits. Failing costs only WAL; the next one tries again."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            log.warning("checkpoint of %s: %s", self._path, error)


class RowChanges:
    """How often rows were written, by what stands in a column of them; use `Database.follow`.

    Triggers of the writer's own connection tell of each row, so that nobody who writes has to think of it. A
    transaction that is rolled back counts as well: then something is looked at in vain.
    """

    def __init__(self) -> None:
        self._touched: set[Any] = set()
        """By facts that are not committed yet."""
        self._counts: dict[Any, int] = {}

    def follow(self, connection: sqlite3.Connection, table: str, column: str) -> None:
        """In the writer's thread."""
        name = f"touched_{table}"
        connection.create_function(name, 1, self._touched.add)
        for event, row in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
            connection.execute(
                f"CREATE TEMP TRIGGER {name}_{event}_{row} AFTER {event} ON {table}"
                f" BEGIN SELECT {name}({row}.{column}); END"
            )

    def committed(self, *, by_others: bool = False) -> None:
        """In the writer's thread, before anybody hears of it. `by_others`: somebody may have written any row."""
        for value in self._touched | {None} if by_others else self._touched:
            self._counts[value] = self._counts.get(value, 0) + 1
        self._touched.clear()

    def counts(self) -> Mapping[Any, int]:
        """By value, how many commits wrote such rows, and under None, how many may have written any; 0 is left out. To
        be taken before a read: rows of which both are the same later are what was read.
        """
        return dict(self._counts)


class RememberedRows(Generic[T]):
    """What is made of rows that are followed, by their value; made anew once one of them was written. Thread-safe."""

    def __init__(self) -> None:
        self._known: dict[Any, tuple[tuple[int, int], T]] = {}

    def get(self, counts: Mapping[Any, int], value: Any, make: Callable[[], T]) -> T:
        """`counts`: of before this read."""
        count, known = (counts.get(value, 0), counts.get(None, 0)), self._known.get(value)
        if known is None or known[0] != count:
            known = self._known[value] = count, make()
        return known[1]


class Remembered:
    """What queries say, read anew once something was committed since: for what is asked far more often than it changes.
    Thread-safe.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: tuple[int, dict[Hashable, Any]] = -1, {}
        """As of so many commits, by what was asked for."""

    def read(self, query: Fact[T], asked: Hashable) -> T:
        """`asked`: stands for the query."""
        commits = self._database.commits  # before the read: what is committed meanwhile is read once more
        at, known = self._known
        if at != commits:
            known = {}
            self._known = commits, known
        if asked not in known:
            known[asked] = self._database.read(query)
        told: T = known[asked]
        return told


def _opened(path: Path, relief: Callable[[], bool]) -> sqlite3.Connection:
    while True:
        try:
            return _open_for_writing(path)
        except WriteFailed:
            if not relief():
                raise


def _open_for_writing(path: Path) -> sqlite3.Connection:
    connection = None
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000)
        if connection.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
            raise WriteFailed(
                message("database.no-wal", "{path} cannot use a write-ahead log", path=str(path)),
                message("database.no-wal.action", "keep the state directory on a local disk"),
            )
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES_MAX}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_FILE_MAX_BYTES}")
        migrate(connection)
    except (sqlite3.DatabaseError, OSError, StoreError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, StoreError):
            raise
        raise _told(error, path) from error
    return connection


def _origin(error: sqlite3.DatabaseError) -> sqlite3.DatabaseError:
    """What made SQLite give up a transaction, behind our saying that it did."""
    return error.__cause__ if isinstance(error.__cause__, sqlite3.DatabaseError) else error


def _is_of_the_disk(error: Exception) -> TypeGuard[sqlite3.DatabaseError]:
    """The database failed, not whoever asked it: a broken constraint or a wrong statement is a defect of ours.

    SQLITE_CORRUPT and SQLITE_NOTADB come as plain DatabaseError.
    """
    ours = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError, sqlite3.NotSupportedError)
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, ours)


def _is_full(error: BaseException) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def _is_broken(error: sqlite3.DatabaseError, code: int | None) -> bool:
    """What the file holds is not what was written, or its disk does not give it back."""
    if code is None:  # Python's own: text that is none
        return "decode" in str(error)
    return code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or code in _UNREADABLE


def _is_gone(path: Path) -> bool:
    """Somebody removed it: the writer's is a file without a name, which nobody else can read and no start finds."""
    try:
        return not path.exists()
    except OSError:
        return False


def _told(error: sqlite3.DatabaseError | OSError, path: Path) -> StoreError:
    """A database error in our own words, sorted by what to do about it."""
    if isinstance(error, OSError):
        return DatabaseDamaged(
            message("database.cannot-open", "{path} cannot be opened ({reason})", path=str(path), reason=said(error)),
            message("database.cannot-open.action", "check the owner of the state directory"),
        )
    code = getattr(error, "sqlite_errorcode", None)
    if _is_broken(error, code):
        action = message(
            "database.damaged.action",
            "at the next start it is set aside and made anew from the volumes; check the disk of the state directory",
        )
        return DatabaseCorrupt(
            message("database.damaged", "{path} is damaged ({reason})", path=str(path), reason=str(error)), action
        )
    if code is not None and code & 0xFF == sqlite3.SQLITE_CANTOPEN and _is_gone(path):
        return DatabaseCorrupt(
            message("database.gone", "{path} is gone", path=str(path)),
            message("database.gone.action", "at the next start it is made anew from the volumes"),
        )
    told = WriteFailed(
        message("database.error", "{path}: {reason}", path=str(path), reason=str(error)),
        message("database.error.action", "check that its disk is healthy and has free space"),
    )
    if _is_full(error):
        told.__cause__ = OSError(
            errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)
        )  # for whoever tells full from broken
    return told


class QueueFull(Exception):
    """As many wait as may."""


class WriteQueue(Generic[T]):
    """Thread-safe; any number put, one takes."""

    def __init__(self, most: int) -> None:
        """`most` may wait in each of the two lines."""
        self._most: Final = most
        self._first: deque[T] = deque()
        self._yielding: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = False

    def put(self, one: T, *, yielding: bool = False) -> None:
        """Never blocks: raises Full."""
        line = self._yielding if yielding else self._first
        with self._changed:
            if len(line) >= self._most:
                raise QueueFull
            line.append(one)
            self._changed.notify()

    def end(self) -> None:
        """Nothing more comes."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def take(self, most: int) -> list[T]:
        """Waits; up to `most` of the first line, or else a single one of those that yield. Empty: the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._first or self._yielding or self._ended)
            if self._first:
                return [self._first.popleft() for _ in range(min(most, len(self._first)))]
            return [self._yielding.popleft()] if self._yielding else []

    @property
    def empty(self) -> bool:
        """Nobody waits now."""
        with self._changed:
            return not (self._first or self._yielding)
