"""What the ledger costs: a leaf, a proof, the check of all of it, and the room that it takes.

    python -m bench.ledger [--leaves 1000000 20000000] [--cameras 64] [--state DIRECTORY]

Fills a database by `bench.filling` (compared with what storage's own facts make), each leaf with its real hash and
all nodes kept. Then: appending, as the writer's thread does it, canonical JSON and hash included, without COMMIT; the
proof that a leaf is in the tree, of leaves anywhere, each asked on a connection of its own; the whole check as
`edgectl ledger verify` does it while edged is stopped, with one processor and with all, where all is there that was
recorded and where half of it was destroyed; its hashing alone; the bytes of a camera's year, half of it segments of 5
minutes and half their tombstones.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from bench.filling import SEGMENT_MS, Size, compare, fill_by_sql, grow, mirrored, spec
from bench.storage import percentile, table, timed
from storage.ages.history import History
from storage.audit import queries as audit_queries
from storage.audit import ranges
from storage.audit.trees import BuiltTree
from storage.audit.verify import WORTH, AuditedState, Processes, Spread, Verify
from storage.ledger import queries as ledger_queries
from storage.ledger import table as ledger_table
from storage.ledger import tree
from storage.ledger.table import HASHED, HASHED_SQL, WIDTH, Leaf
from storage.mirror import table as mirror_table
from storage.store.facade import Store
from storage.store.offline import OfflineDatabase
from storage.store.opening import DATABASE_NAME

APPENDED: Final = 20_000
PROOFS: Final = 1000
YEAR: Final = 365 * 86_400_000 // SEGMENT_MS
"""Segments of a camera in a year, and as many tombstones."""
WEIGHED: Final = 20_000
ALL: Final = (1_000_000, 20_000_000)
_TOMBSTONES: Final = """
    INSERT INTO leaves (wall_ms, kind, body)
    SELECT l.wall_ms + 1000 * s.ceiling_s, 'destroyed', json_object('age_ms', 1000 * s.ceiling_s, 'bytes', s.bytes,
        'camera', json_extract(l.body, '$.camera'), 'ceiling_s', s.ceiling_s, 'duration_ms', s.duration_ms,
        'floor_s', s.floor_s, 'rule', 'ceiling', 'seq', s.seq, 'sha256', lower(hex(s.sha256)),
        'start', json_extract(l.body, '$.start'), 'volume', json_extract(l.body, '$.volume'))
    FROM segments s JOIN leaves l ON l.number = s.leaf WHERE s.seq <= :half ORDER BY l.number
"""


def append(folder: Path) -> dict[str, float]:
    """A leaf like the last one, again and again; nothing is kept."""
    with closing(sqlite3.connect(folder / DATABASE_NAME, isolation_level=None)) as db:
        like = next(iter(ledger_table.leaves(db, mirror_table.last_leaf(db) - 1, 1)))
        body, times_s = json.loads(like.body), []
        db.execute("BEGIN")
        for seq in range(APPENDED):
            body["seq"] = seq
            times_s.append(timed(partial(ledger_table.enter, db, Leaf.SEGMENT, like.wall_ms, body)))
        db.execute("ROLLBACK")
    return {
        "append without fsync, mean ms": 1000 * sum(times_s) / APPENDED,
        "append without fsync, p99 ms": percentile(times_s, 0.99),
    }


def sign(folder: Path, size: Size) -> None:
    """The head over all of it, as a daemon signs it when it stops in order."""
    store = Store.open(state=folder, node="bench", volumes=[spec(folder)], clock=size.clock())
    store.close()


def prove(folder: Path) -> dict[str, float]:
    """Each checked against the head."""
    read = OfflineDatabase(folder / DATABASE_NAME)
    generation = read(ledger_table.present)
    if generation is None or generation.root is None:
        raise SystemExit("there is no head")
    dice, times_s, count = random.Random(1), [], generation.size
    for index in (dice.randrange(count) for _ in range(PROOFS)):
        begin = time.perf_counter()
        path = read(lambda db, at=index: tree.inclusion(ledger_table.read(db, generation), at, count))  # type: ignore[misc]
        times_s.append(time.perf_counter() - begin)
        entry = read(partial(ledger_table.leaf, number=generation.first + index))
        if entry is None or not tree.included(entry.hash, index, count, path, generation.root):
            raise SystemExit(f"leaf {index} is not proven")
    return {"inclusion proof, p50 ms": percentile(times_s, 0.5), "inclusion proof, p99 ms": percentile(times_s, 0.99)}


def hash_all(folder: Path, spread: Spread) -> float:
    """Leaves a second: each hashed, and the tree over them held against the head; nothing else."""
    read, begin = OfflineDatabase(folder / DATABASE_NAME), time.perf_counter()
    generation = read(ledger_table.present)
    if generation is None:
        raise SystemExit("there is no ledger")
    spans = ranges.spans(generation.first, generation.first + generation.size - 1, in_tree=True)
    blocks = [node for some in spread(partial(_nodes, read), spans) for node in some]
    if BuiltTree(read, generation, generation.size, blocks).root(generation.size) != generation.root:
        raise SystemExit("the leaves are not those under the head")
    return generation.size / (time.perf_counter() - begin)


def _nodes(read: OfflineDatabase, span: ranges.LeafRange) -> list[tree.Hash]:
    """Over each whole block of 256 leaves."""
    found, at = [], span.first - 1
    while page := read(partial(audit_queries.stored, after=at, until=span.last)):
        at = page[-1][2]
        hashes = [sha256(HASHED % leaf[:4]).digest() for leaf in page]
        found += [tree.root_of(hashes[one : one + WIDTH]) for one in range(0, len(hashes) - WIDTH + 1, WIDTH)]
    return found


def turn(folder: Path, size: Size) -> None:
    """The older half of what was recorded is destroyed, each with its tombstone: a third of all leaves each."""
    with closing(sqlite3.connect(folder / DATABASE_NAME, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.create_function("leaf_hash", 1, lambda hashed: sha256(hashed).digest(), deterministic=True)
        db.execute("BEGIN")
        last, half = mirror_table.last_leaf(db), {"half": size.each // 2}
        db.execute(_TOMBSTONES, half)
        db.execute(f"UPDATE leaves SET hash = leaf_hash({HASHED_SQL}) WHERE number > ?", (last,))  # noqa: S608
        db.execute("DELETE FROM segments WHERE seq <= :half", half)
        db.execute("UPDATE holdings SET segments = segments - :half, bytes = bytes - :half * 75000000", half)
        mirrored(folder, db)
        db.execute("COMMIT")
    grow(folder)
    lists(folder)
    sign(folder, size)


def lists(folder: Path) -> None:
    """What lists go by, which a daemon makes behind recording."""
    with closing(sqlite3.connect(folder / DATABASE_NAME, isolation_level=None)) as db:
        db.execute("BEGIN")
        for block in range(mirror_table.last_leaf(db) >> ledger_queries.BITS):
            ledger_queries.keep(db, block)
        db.execute("COMMIT")


def verify(folder: Path, spread: Spread) -> float:
    """Leaves a second, of a clean ledger."""
    with closing(OfflineDatabase(folder / DATABASE_NAME)) as read:
        report = Verify(AuditedState(read, {}, folder, lambda: History([], 1, 0)), spread=spread).run()
    if not report.clean or report.leaves != report.trees[0].signed.size:
        raise SystemExit(f"not clean: {report.findings.named[:3]}")
    return report.leaves / report.took_s


def weight(folder: Path) -> dict[str, float]:
    """Of a database with so many leaves of segments, and as many of their destruction."""
    size = Size(8, WEIGHED // 8)
    folder.mkdir()
    fill_by_sql(folder, size)
    grow(folder)
    with closing(sqlite3.connect(folder / DATABASE_NAME, isolation_level=None)) as db:
        found: list[Any] = ledger_table.leaves(db, 0, 1 << 30)
        segments = [one for one in found if one.kind == Leaf.SEGMENT]
        before = _pages(db)
        db.execute("BEGIN")
        for one in segments:
            told = json.loads(one.body)
            body = {name: told[name] for name in ("camera", "seq", "volume", "start", "duration_ms", "bytes", "sha256")}
            body |= {"rule": "ceiling", "floor_s": 2_678_400, "ceiling_s": 31_536_000, "age_ms": 31_536_000_000}
            ledger_table.enter(db, Leaf.DESTROYED, one.wall_ms, body)
        db.execute("COMMIT")
        tombstones = (_pages(db) - before) / len(segments)
        lines = db.execute(
            f"SELECT avg(length({HASHED_SQL})) FROM leaves WHERE kind IN ('segment', 'destroyed')"  # noqa: S608
        ).fetchone()[0]
        db.execute("CREATE TABLE alone AS SELECT * FROM leaves WHERE kind = 'segment'")
        alone = (_pages(db) - before) / len(segments) - tombstones
        kept = db.execute("SELECT count(*) FROM nodes").fetchone()[0] * 80 / len(segments)
    return {
        "a camera-year in the database, MB": YEAR * (alone + tombstones + 2 * kept) / 1e6,
        "a camera-year on each volume, MB": YEAR * 2 * lines / 1e6,
    }


def _pages(db: sqlite3.Connection) -> int:
    """Bytes in use."""
    count, size, free = (
        db.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "page_size", "freelist_count")
    )
    return int((count - free) * size)


def make(folder: Path, size: Size) -> None:
    """A whole ledger, signed."""
    fill_by_sql(folder, size)
    grow(folder)
    lists(folder)
    sign(folder, size)


@contextmanager
def all_processors() -> Iterator[Spread]:
    """They have begun, which takes half a second whatever there is to check."""
    with Processes() as processes:
        list(processes(abs, range(WORTH)))
        yield processes


def measured(folder: Path, size: Size) -> dict[str, float]:
    make(folder, size)
    found: dict[str, float] = {"segments": size.rows}
    found |= append(folder)
    found |= prove(folder)
    with all_processors() as processes:
        ways: list[tuple[str, Spread]] = [("one processor", map), ("all processors", processes)]
        for name, spread in ways:
            found[f"hashes and tree alone, {name}, leaves a second"] = hash_all(folder, spread)
            found[f"whole check, {name}, leaves a second"] = verify(folder, spread)
        turn(folder, size)
        for name, spread in ways:
            found[f"whole check where half was destroyed, {name}, leaves a second"] = verify(folder, spread)
    return found | weight(folder / "weight")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--leaves", type=int, nargs="+", default=ALL)
    options.add_argument("--cameras", type=int, default=64)
    options.add_argument("--state", type=Path, help="an existing directory on the disk to be measured")
    chosen = options.parse_args()
    within: Callable[[], Any] = partial(tempfile.TemporaryDirectory, dir=chosen.state, prefix="bench-")
    with within() as folder:
        compare(Path(folder), chosen.cameras)
    columns = []
    for leaves in chosen.leaves:
        with within() as folder:
            columns.append(measured(Path(folder), Size(chosen.cameras, leaves // chosen.cameras)))
            table(columns)
            print(flush=True)


if __name__ == "__main__":
    main()
