"""Each kind of leaf has its parts, or is said to have none: a new kind is decided everywhere."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from edged.evidence.ledger_text import _WORDS
from mqtt.contract.events import _TOLD
from storage.audit.leaf_bodies import KINDS
from storage.database.migrations import migrate
from storage.ledger.table import Leaf
from storage.outbox.table import OF_LEAVES
from storage.recovery.replay_table import _ADDING, _APPLY
from storage.segments.segment_leaf import COLUMNS, SegmentLeaf

NO_EVENT = {Leaf.SEGMENT, Leaf.DESTROYED, Leaf.QUARANTINED, Leaf.SPAN, Leaf.ACT, Leaf.HOLDER, Leaf.OFFICE, Leaf.PERSON}
"""Told by state topics and proofs, or to nobody outside."""
NOT_REBUILT = {Leaf.OVERWRITING, Leaf.FINDING, Leaf.REBUILT, Leaf.ACT, Leaf.HOLDER}
"""No row comes back: a new database looks for itself, or the ledger itself is all there is."""
ONE_BY_ONE = {Leaf.SEGMENT, Leaf.QUARANTINED, Leaf.DESTROYED, Leaf.GAP, Leaf.SPAN, Leaf.GENERATION}
"""Checked by `storage.audit.ranges`, as they come."""
NOT_CHECKED = {Leaf.ACT, Leaf.HOLDER, Leaf.COPY, Leaf.MAINTENANCE, Leaf.FAULT, Leaf.OFFICE, Leaf.PERSON}
"""Nothing that stays or goes is decided by their rows."""


@pytest.mark.parametrize("kind", Leaf)
def test_every_kind_is_told_rebuilt_checked_and_sent_or_said_not_to_be(kind: Leaf) -> None:
    assert kind in _WORDS
    assert (kind in NOT_REBUILT) != (kind in _APPLY or kind in _ADDING)
    assert [kind in KINDS, kind in ONE_BY_ONE, kind in NOT_CHECKED].count(True) == 1
    assert (kind in NO_EVENT) != (kind in OF_LEAVES)
    assert kind in NO_EVENT or (OF_LEAVES[kind], kind) in _TOLD


STORED_OTHERWISE = {"camera", "volume", "boot", "start_boottime_ms", "start_wall_ms", "sha256", "name"}
OF_THIS_DATABASE = {"id", "state", "run", "pins", "leaf"}
"""What a row has and its leaf has not: a new database finds it by itself."""


def test_every_column_of_a_segment_is_in_its_leaf_or_said_not_to_be() -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        migrate(db)
        columns = [name for _, name, *_ in db.execute("PRAGMA table_info(segments)")]
    assert sorted(columns) == sorted([*COLUMNS.values(), *STORED_OTHERWISE, *OF_THIS_DATABASE])


def test_every_field_of_the_leaf_of_a_segment_is_in_its_row_or_only_in_the_leaf() -> None:
    elsewhere = {"camera", "volume", "start", "sha256", "name"}
    assert set(SegmentLeaf.__struct_fields__) == {*COLUMNS, *elsewhere, "parts", "root"}
