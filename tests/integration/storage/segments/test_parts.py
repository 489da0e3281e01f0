"""Whatever way a segment comes into the catalog, its leaf tells the parts of the file that lies there."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from storage.ledger import table as ledger_table
from storage.ledger.table import Leaf
from storage.ledger.tree import root_of
from storage.segments.segment_file import parts_of
from storage.words.layout import PART_SUFFIX, QUARANTINE_SUFFIX, segment_path
from tests.support import tiny_mp4
from tests.support.office import Office


@pytest.fixture(name="office")
def make_office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    office.enrol("lobby")
    yield office
    office.store.close()


def told(office: Office) -> dict[int, dict[str, Any]]:
    """The leaves of segments, by seq."""
    leaves = office.store._database.read(lambda db: ledger_table.leaves(db, 0, 1000))
    bodies = [json.loads(leaf.body) for leaf in leaves if leaf.kind in {Leaf.SEGMENT, Leaf.QUARANTINED}]
    return {body["seq"]: body for body in bodies}


def lies_there(path: Path) -> dict[str, Any]:
    hashes = [part.hash for part in parts_of([path.read_bytes()])]
    return {"parts": len(hashes), "root": root_of(hashes).hex()}


def test_a_leaf_tells_the_parts_of_its_file(office: Office) -> None:
    """Committed, salvaged, adopted by its story, set aside."""
    office.segment("lobby", 3)
    torn = office.record("lobby")
    torn.write(5)
    torn.file.write(tiny_mp4.fragment(5)[:40])
    torn.file.abandon()
    office.clock.tick(10_000)
    office.crash()
    office.start()
    office.enrol("lobby")
    assert office.store.recover().adopted == 1
    stray = office.record("lobby")
    stray.write(2)
    stray.file.abandon()
    with closing(sqlite3.connect(office.state / "edged.db")) as db, db:
        db.execute("DELETE FROM segments WHERE state = 'open'")
    wall_ms = office.clock.wall_ms
    nonsense = office.disk / segment_path("lobby", wall_ms, 99)
    nonsense.write_bytes(b"nonsense")
    report = office.store.recover()
    assert (report.unproven, report.quarantined) == (1, 1)
    bodies = told(office)
    files = {segment.seq: segment.path for segment in office.store.segments("lobby", None, None)}
    files[99] = nonsense.with_name(nonsense.name + QUARANTINE_SUFFIX)
    assert sorted(files) == [1, 2, 3, 99]
    assert not any(name.endswith(PART_SUFFIX) for name in office.files())
    for seq, path in files.items():
        assert {key: bodies[seq][key] for key in ("parts", "root")} == lies_there(path)
    assert [bodies[seq]["parts"] for seq in sorted(files)] == [4, 6, 3, 1]
