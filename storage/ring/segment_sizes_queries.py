"""How fast the cameras fill the volumes: questions to the catalog. Reads only, each on an index, in short pages.

Counted in segments and their lengths, never by the wall clock (S7), so that neither a step nor an outage shows in it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from storage.segments.queries import pauses_of
from storage.words.model import missing

LIKE_THE_LAST: Final = 3
"""The next segment of a camera will be like the largest of so many before it: one alone may have been cut short."""
RATE_MS: Final = 10_000
"""Of less footage no rate is told: its first key frame weighs too much."""
WINDOW_SEGMENTS: Final = 300
"""A rate is that of so many segments in a row: a day at the usual length of 5 minutes, so that night and day are both
in it. A page, too."""
WINDOWS: Final = 7
"""A week of them: how a trend is told from a noisy day."""
DAY_MS: Final = 86_400_000

_GAPS_SQL: Final = (
    "WITH one AS (SELECT number FROM cameras WHERE id = ?1)"
    " SELECT start_wall_ms, end_wall_ms, pauses FROM gaps, one"
    " WHERE camera = one.number AND end_wall_ms > ?2 AND +start_wall_ms < ?3"
    " UNION ALL SELECT start_wall_ms, ?3, NULL FROM gaps, one"
    " WHERE camera = one.number AND end_boot IS NULL AND +start_wall_ms < ?3"
    " UNION ALL SELECT start_wall_ms, end_wall_ms, NULL FROM destroyed, one"
    " WHERE camera = one.number AND end_wall_ms > ?2 AND start_wall_ms < ?3"
)
"""From the interval on, as in `storage.segments.coverage_queries`: years of gaps before it are not looked at."""


@dataclass(frozen=True, slots=True)
class CameraPace:
    """A camera that records in this run."""

    camera: str
    bytes: int
    """What its next segment will probably take; 0 before its first."""
    usual_ms: int
    """How long that will last."""
    begun: tuple[tuple[str, int], ...]
    """Of its segments in progress: the volume, and the boottime of their start."""


def paces(connection: sqlite3.Connection, run: int, segment_ms: int = 0) -> list[CameraPace]:
    """By camera recorded in this run, after its last few segments. `segment_ms`: how long the next ones are to be."""
    found = []
    for number, name in connection.execute(
        "SELECT number, id FROM cameras WHERE enrolled_run = ? ORDER BY id", (run,)
    ).fetchall():
        last = connection.execute(
            "SELECT bytes, duration_ms FROM segments WHERE camera = ? AND name IS NULL AND state = 'committed'"
            " ORDER BY seq DESC LIMIT ?",
            (number, LIKE_THE_LAST),
        ).fetchall()
        begun = connection.execute(
            "SELECT v.id, s.start_boottime_ms FROM segments s JOIN volumes v ON v.number = s.volume"
            " WHERE s.camera = ? AND s.state = 'open' AND s.run = ? ORDER BY s.seq",
            (number, run),
        ).fetchall()
        found.append(CameraPace(name, *likely(last, segment_ms), tuple(begun)))
    return found


def likely(last: Sequence[tuple[int, int]], segment_ms: int) -> tuple[int, int]:
    """Bytes and length of the next segment, from those of the last: the largest of them, or, where segments are to be
    longer than these were, as much as their rate makes of that.
    """
    size, usual_ms = max(last, default=(0, 0))
    in_all, lasted_ms = sum(one for one, _ in last), sum(ms for _, ms in last)
    if lasted_ms >= RATE_MS and segment_ms > usual_ms and in_all * segment_ms > size * lasted_ms:
        return -(-in_all * segment_ms // lasted_ms), segment_ms
    return size, usual_ms


def windows(connection: sqlite3.Connection, camera: str) -> list[float]:
    """Bytes a day of one camera over its last windows, the newest first; without those in which nothing was recorded.

    Some thousand rows: for now and then, not for every look.
    """
    row = connection.execute("SELECT number, last_seq FROM cameras WHERE id = ?", (camera,)).fetchone()
    if row is None:
        return []
    rates = []
    for back in range(WINDOWS):
        last = row[1] - back * WINDOW_SEGMENTS
        size, duration_ms = connection.execute(
            "SELECT coalesce(sum(bytes), 0), coalesce(sum(duration_ms), 0) FROM segments WHERE camera = ?"
            " AND name IS NULL AND state = 'committed' AND seq > ? AND seq <= ?",
            (row[0], last - WINDOW_SEGMENTS, last),
        ).fetchone()
        if duration_ms:
            rates.append(size / duration_ms * DAY_MS)
    return rates


def pinned_bytes(connection: sqlite3.Connection) -> dict[str, int]:
    """By camera, of those that have any: what a pin keeps until it is released. Reads all that is pinned."""
    return dict(
        connection.execute(
            "SELECT c.id, sum(s.bytes) FROM segments s JOIN cameras c ON c.number = s.camera WHERE s.pins > 0"
            " GROUP BY s.camera"
        ).fetchall()
    )


def gaps_ms(connection: sqlite3.Connection, camera: str, start_ms: int, end_ms: int) -> int:
    """How much of an interval of wall time no segment covers: the account is complete, so this is told by the gaps, and
    by what is destroyed.

    Gaps may lie inside each other (a pause within what is recorded), so overlaps count once.
    """
    rows = connection.execute(_GAPS_SQL, (camera, start_ms, end_ms))
    spans = sorted(span for begin, end, pauses in rows for span in missing(begin, end, pauses_of(pauses)))
    missing_ms, reached_ms = 0, start_ms
    for begin, end in spans:
        missing_ms += max(0, min(end, end_ms) - max(begin, reached_ms))
        reached_ms = max(reached_ms, end)
    return missing_ms
