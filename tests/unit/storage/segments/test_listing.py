"""Listings of gaps: all that touch an interval and no others, at a cost that follows the interval."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ages import table as ages_table
from storage.database.migrations import migrate
from storage.segments import queries
from storage.segments import table as segments_table
from storage.words.clock import ClockReading
from storage.words.model import Gap, Moment

WALL_MS: Final = 1_772_000_000_000
HOUR_MS: Final = queries.LONG_GAP_MS
MINUTE_MS: Final = 60_000
OPS_EACH: Final = 50

Span = tuple[int, int | None]
"""From, and for how long; None: it lasts."""


def blank() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    migrate(db)
    life = ages_table.begin_run(db, "boot-1", ClockReading(Moment(WALL_MS, 0), synced=True))
    segments_table.enrol(db, life, "lobby", Moment(WALL_MS, 0))
    db.execute("DELETE FROM gaps")
    return db


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(blank()) as connection:
        yield connection


def put(db: sqlite3.Connection, spans: Sequence[Span]) -> None:
    """Side by side in wall time, as a clock that is set to and fro leaves them; one after the other in boottime."""
    for at, (from_ms, lasts_ms) in enumerate(spans):
        ends = (None, None, None) if lasts_ms is None else (1, WALL_MS + from_ms + lasts_ms, 10 * at + 5)
        db.execute(
            "INSERT INTO gaps (camera, boot, start_wall_ms, start_boottime_ms, end_boot, end_wall_ms, end_boottime_ms,"
            " cause, detail) VALUES (1, 1, ?, ?, ?, ?, ?, 'stalled', '')",
            (WALL_MS + from_ms, 10 * at, *ends),
        )


def listed(db: sqlite3.Connection, start_ms: int | None, end_ms: int | None, page: int = 1000) -> list[Gap]:
    whole: list[Gap] = []
    while some := queries.gaps(db, "lobby", start_ms, end_ms, whole[-1] if whole else None, page):
        whole += some
    return whole


EDGES: Final = [-1, 0, 1, MINUTE_MS, HOUR_MS - 1, HOUR_MS, HOUR_MS + 1, 30 * HOUR_MS]
lengths = st.sampled_from([*EDGES, -HOUR_MS])
moments = st.integers(0, 40).flatmap(lambda hours: st.sampled_from(EDGES).map(lambda ms: hours * HOUR_MS + ms))


@given(
    st.lists(st.tuples(moments, lengths), max_size=12),
    st.none() | moments,
    st.none() | moments,
    st.none() | moments,
    st.integers(1, 7),
)
def test_against_a_naive_listing(
    spans: list[tuple[int, int]], lasts: int | None, first: int | None, last: int | None, page: int
) -> None:
    every: list[Span] = [*spans, *([] if lasts is None else [(lasts, None)])]
    wanted = sorted(
        (from_ms, number)
        for number, (from_ms, length_ms) in enumerate(every, 1)
        if (last is None or from_ms < last) and (first is None or length_ms is None or from_ms + length_ms > first)
    )
    with closing(blank()) as db:
        put(db, every)
        base = db.execute("SELECT min(id) FROM gaps").fetchone()[0] or 1
        start_ms, end_ms = (None if one is None else WALL_MS + one for one in (first, last))
        found = listed(db, start_ms, end_ms, page)
        assert [(gap.start.wall_ms - WALL_MS, gap.id - base + 1) for gap in found] == wanted


def test_what_lies_before_an_interval_costs_nothing(db: sqlite3.Connection) -> None:
    """A camera that stutters all year: asked for its last hour, one read a year."""

    def cost(start_ms: int) -> int:
        spent = 0

        def tell() -> int:
            nonlocal spent
            spent += 1
            return 0

        db.set_progress_handler(tell, OPS_EACH)
        try:
            assert len(listed(db, start_ms, start_ms + HOUR_MS)) == 61, "those of the hour, and the long one"
        finally:
            db.set_progress_handler(None, 0)
        return spent

    put(db, [(-2 * HOUR_MS, 9000 * HOUR_MS), *((n * MINUTE_MS, 3000) for n in range(20_000))])
    early, late = cost(WALL_MS + 4 * HOUR_MS), cost(WALL_MS + 320 * HOUR_MS)
    assert late <= early + 2
