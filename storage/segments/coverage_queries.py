"""錄影完整率: how much of an interval is recorded, explained, unexplained. From the catalog alone, in wall time.

`claims` and `claimed_page` read, `measure` is pure. Part of S9: what neither a segment nor a gap accounts for shows
here as unexplained, whatever the catalog believes.
"""

from __future__ import annotations

import sqlite3
from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from typing import Final, Protocol, TypeAlias, TypeVar

from storage.ages.history import Point
from storage.database.writer import RememberedRows
from storage.segments import true_time_table
from storage.segments.gaps_table import JOIN_MS, next_gap, next_start
from storage.segments.queries import PAGE_MAX, pauses_of
from storage.words.clock import STEP_MS
from storage.words.model import Coverage, GapCause, missing

T = TypeVar("T")


class ReadQuery(Protocol):
    """How a question is put to the database (`storage.database.writer.Database.read`)."""

    def __call__(self, query: Callable[[sqlite3.Connection], T], /) -> T: ...


SPANS_MAX: Final = 3 * PAGE_MAX
"""Of one camera that are remembered: a day of segments of half a minute. They take 48 kB."""
SEAM_MS: Final = JOIN_MS + STEP_MS
"""A hole in wall time up to this is a seam between two segments under a clock that is being slewed."""


_GAPS_SQL: Final = (
    "SELECT cause, start_wall_ms, end_wall_ms, inside, pauses FROM gaps"
    " WHERE camera = ?1 AND end_wall_ms > ?3 AND +start_wall_ms < ?2"
    " UNION ALL"
    " SELECT cause, start_wall_ms, NULL, 0, NULL FROM gaps"
    " WHERE camera = ?1 AND end_boot IS NULL AND +start_wall_ms < ?2"
)
"""What touches an interval, from its end on: years of gaps before it are not looked at, nor is the + to be left out."""
_OPEN_SQL: Final = (
    "SELECT seq, boot, start_boottime_ms, start_wall_ms, run = (SELECT max(number) FROM runs) FROM segments"
    " WHERE camera = ? AND state = 'open'"
)
_GONE_SQL: Final = (
    "SELECT start_wall_ms, end_wall_ms FROM destroyed"
    " WHERE camera = (SELECT number FROM cameras WHERE id = ?1) AND start_wall_ms < ?3 AND end_wall_ms > ?2"
    " UNION ALL"
    " SELECT start_wall_ms, start_wall_ms + duration_ms FROM segments"
    " WHERE state = 'garbage' AND name IS NULL AND +camera = (SELECT number FROM cameras WHERE id = ?1)"
    " AND +start_wall_ms < ?3 AND start_wall_ms + duration_ms > ?2"
)
"""Of segments, those that are garbage are looked at, which are few; without the + it would be all of the camera."""


@dataclass(frozen=True, slots=True)
class CoverageClaims:
    """What is known of one camera's time, as spans of wall time."""

    known_since_ms: int | None
    segments: list[tuple[int, int]]
    explained: list[tuple[int, int]]
    unexplained: list[tuple[int, int]]
    holes: list[tuple[int, int]] = field(default_factory=list)
    """Pauses within segments, which are not recorded although a segment spans them; among the explained, too."""
    gaps: int = 0
    causes: list[tuple[str, int, int]] = field(default_factory=list)
    """Of every gap and pause: why, from when to when."""


class DaySpans:
    """Committed segments that touch the last hours of a camera, as runs: mostly there is one, of hundreds of them."""

    def __init__(self, connection: sqlite3.Connection, camera: int, longest_ms: int, start_ms: int) -> None:
        """Those that touch what lies behind `start_ms`, also what has not happened yet."""
        self._longest_ms = longest_ms
        self._start_ms = start_ms
        rows = connection.execute(
            "SELECT start_wall_ms, duration_ms FROM segments WHERE camera = ? AND state = 'committed'"
            " AND start_wall_ms >= ? ORDER BY start_wall_ms LIMIT ?",
            (camera, start_ms - longest_ms, SPANS_MAX + 1),
        ).fetchall()
        self._is_all = len(rows) <= SPANS_MAX
        self._starts = array("q", (start for start, _ in rows))
        self._reaches = array("q")
        """Of each segment: how far its run reaches with it."""
        self._runs = array("q")
        """Which segments begin a run: there is more than a seam before them."""
        for number, (start, length_ms) in enumerate(rows):
            goes_on = number > 0 and start <= self._reaches[-1] + SEAM_MS
            self._reaches.append(max(self._reaches[-1], start + length_ms) if goes_on else start + length_ms)
            if not goes_on:
                self._runs.append(number)

    def touching(self, start_ms: int, end_ms: int) -> list[tuple[int, int]] | None:
        """What all pages of `claimed_page` come to, seams closed; None where not all of it is here."""
        if not self._is_all or start_ms < self._start_ms:
            return None
        first = bisect_left(self._starts, start_ms - self._longest_ms)
        last = bisect_left(self._starts, end_ms)
        if first >= last:
            return []
        begins = [first, *self._runs[bisect_right(self._runs, first) : bisect_left(self._runs, last)]]
        return [
            (self._starts[begin], self._reaches[end - 1])
            for begin, end in zip(begins, [*begins[1:], last], strict=True)
        ]


class RememberedDays:
    """The spans of each camera, read anew once one of its segments was written."""

    def __init__(self) -> None:
        self._known: RememberedRows[DaySpans] = RememberedRows()

    def touching(
        self, connection: sqlite3.Connection, counts: Mapping[int, int], camera: str, start_ms: int, end_ms: int
    ) -> list[tuple[int, int]] | None:
        """As `DaySpans.touching`. `counts`: of segments by camera, of before this read."""
        row = connection.execute("SELECT number, longest_ms FROM cameras WHERE id = ?", (camera,)).fetchone()
        if row is None:
            return []
        number, longest_ms = row
        day = self._known.get(counts, number, lambda: DaySpans(connection, number, longest_ms, start_ms))
        return day.touching(start_ms, end_ms)


def claimed_page(
    connection: sqlite3.Connection, camera: str, start_ms: int, end_ms: int
) -> tuple[list[tuple[int, int]], int | None]:
    """Up to PAGE_MAX spans of committed segments that touch the interval, and where the next page starts.

    Reads the covering index alone.
    """
    row = connection.execute("SELECT number, longest_ms FROM cameras WHERE id = ?", (camera,)).fetchone()
    if row is None:
        return [], None
    spans = connection.execute(
        "SELECT start_wall_ms, start_wall_ms + duration_ms FROM segments WHERE camera = ? AND state = 'committed'"
        " AND start_wall_ms >= ? AND start_wall_ms < ? ORDER BY start_wall_ms LIMIT ?",
        (row[0], start_ms - row[1], end_ms, PAGE_MAX),
    ).fetchall()
    return spans, (spans[-1][0] + row[1] + 1 if len(spans) == PAGE_MAX else None)


def corrected_page(
    connection: sqlite3.Connection, camera: str, start_ms: int, end_ms: int, after: tuple[int, int]
) -> tuple[list[tuple[int, int]], tuple[int, int] | None]:
    """Spans, by true time, of what was recorded under a clock that proved wrong and touches the interval: up to
    PAGE_MAX, of one epoch. `after` is an epoch and a boottime; with it comes where the next page starts.

    By the time that it was recorded under it counts as well, as it did then: the account of a camera (S9) is complete
    in recorded time, and a gap `clock-step` leads from there to the true one.
    """
    for one in true_time_table.known(connection):
        if one.epoch < after[0] or not one.touches(start_ms - true_time_table.LONGEST_MS, end_ms):
            continue
        begin_ms = start_ms - true_time_table.LONGEST_MS - one.true_offset_ms
        rows = connection.execute(
            _CORRECTED_SQL,
            (
                camera,
                one.epoch,
                one.boot,
                max(begin_ms, after[1]) if one.epoch == after[0] else begin_ms,
                end_ms - one.true_offset_ms,
                PAGE_MAX,
            ),
        ).fetchall()
        if rows:
            spans = [(at + one.true_offset_ms, at + one.true_offset_ms + length) for at, length in rows]
            return spans, (one.epoch, rows[-1][0])
    return [], None


_CORRECTED_SQL: Final = (
    "SELECT start_boottime_ms, duration_ms FROM segments WHERE camera = (SELECT number FROM cameras WHERE id = ?)"
    " AND epoch = ? AND boot = ? AND synced = 0 AND state = 'committed' AND start_boottime_ms > ?"
    " AND start_boottime_ms < ? ORDER BY start_boottime_ms LIMIT ?"
)


def claims(
    connection: sqlite3.Connection, camera: str, start_ms: int, end_ms: int, now: Point | None
) -> CoverageClaims:
    """Gaps and segments in progress. Those that are complete come by `claimed_page`, those that went by `gone`.

    `now` is for what lasts; None where nothing is recorded.
    """
    row = connection.execute("SELECT number, known_since_ms FROM cameras WHERE id = ?", (camera,)).fetchone()
    if row is None:
        return CoverageClaims(None, [], [], [])
    segments, explained = _in_progress(connection, row[0], now)
    unexplained: list[tuple[int, int]] = []
    holes: list[tuple[int, int]] = []
    causes = [(GapCause.CLOCK_STEP.value, *span) for span in explained]
    gaps = connection.execute(_GAPS_SQL, (row[0], end_ms, start_ms)).fetchall()
    for cause, begin, end, inside, pauses in gaps:
        spans = missing(begin, end_ms if end is None else end, pauses_of(pauses))
        (unexplained if cause == GapCause.UNKNOWN else explained).extend(spans)
        causes.extend((cause, *span) for span in spans)
        if inside:
            holes.extend(spans)
    return CoverageClaims(row[1], segments, explained, unexplained, holes, len(gaps), causes)


def _in_progress(
    connection: sqlite3.Connection, camera: int, now: Point | None
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Open segments, each as far as something says that it was recorded: up to the next gap or segment after it.

    Until now only where none follows and this run opened it. A row may stay open for long, because its volume is away
    or its file cannot be read: the time after it must not count as recorded on its word. A wall clock that was set
    forward meanwhile leaves a span that is not recorded but explained, and becomes a gap once the segment has its end.
    """
    recorded: list[tuple[int, int]] = []
    stepped: list[tuple[int, int]] = []
    for seq, boot, boottime_ms, wall_ms, in_this_run in connection.execute(_OPEN_SQL, (camera,)).fetchall():
        start = Point(boot, boottime_ms, wall_ms)
        following = [next_gap(connection, camera, start), next_start(connection, camera, seq)]
        known = [point for point in [*following, now if in_this_run else None] if point and point.boot == boot]
        if not known:
            continue
        until = min(known)
        end_ms = wall_ms + max(0, until.boottime_ms - boottime_ms)
        recorded.append((wall_ms, end_ms))
        if until.wall_ms > end_ms:
            (stepped if until.wall_ms - end_ms > STEP_MS else recorded).append((end_ms, until.wall_ms))
    return recorded, stepped


def gone(connection: sqlite3.Connection, camera: str, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
    """What was destroyed, or is being destroyed."""
    return connection.execute(_GONE_SQL, (camera, start_ms, end_ms)).fetchall()


def measure(claim: CoverageClaims, complete: Iterable[tuple[int, int]], start_ms: int, end_ms: int) -> Coverage:
    """Pure: each instant counts once, as a pause before recorded before explained before unexplained."""
    if claim.known_since_ms is None:
        return Coverage(0, 0, 0, None, 0)
    left, right = max(start_ms, claim.known_since_ms), end_ms
    recorded = list(_merged(sorted([*complete, *claim.segments]), SEAM_MS))
    paused = list(_merged(sorted(claim.holes), 0))
    with_pauses = _length(_merged(sorted([*recorded, *paused]), 0), left, right)
    covered_ms = with_pauses - _length(paused, left, right)
    with_cause = _length(_merged(sorted([*recorded, *claim.explained]), SEAM_MS), left, right)
    return Coverage(
        covered_ms=covered_ms,
        explained_ms=with_cause - covered_ms,
        unexplained_ms=max(0, right - left) - with_cause,
        known_since_ms=claim.known_since_ms,
        gaps=claim.gaps,
    )


@dataclass(frozen=True, slots=True)
class CoverageShares:
    """Of the time in which a camera was known; together they are all of it."""

    recorded_ms: int
    causes: dict[str, int]
    """Not recorded, by cause, the longest first; without `unknown`."""
    unexplained_ms: int


def shares(claim: CoverageClaims, complete: Iterable[tuple[int, int]], start_ms: int, end_ms: int) -> CoverageShares:
    """Pure: as `measure`, and what is explained by cause; where two causes claim an instant it counts for the first."""
    if claim.known_since_ms is None:
        return CoverageShares(0, {}, 0)
    left, right = max(start_ms, claim.known_since_ms), max(end_ms, claim.known_since_ms)
    paused = list(_merged(sorted(claim.holes), 0))
    told = list(_without(_merged(sorted([*complete, *claim.segments]), SEAM_MS), paused))
    recorded_ms = accounted_ms = _length(told, left, right)
    found: dict[str, int] = {}
    for cause in dict.fromkeys(cause for cause, _, _ in sorted(claim.causes) if cause != GapCause.UNKNOWN):
        told = list(_merged(sorted([*told, *((a, b) for which, a, b in claim.causes if which == cause)]), SEAM_MS))
        length_ms = _length(told, left, right)
        if length_ms > accounted_ms:
            found[cause] = length_ms - accounted_ms
        accounted_ms = length_ms
    ordered = dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))
    return CoverageShares(recorded_ms, ordered, max(0, right - left) - accounted_ms)


def _without(spans: Iterable[tuple[int, int]], holes: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What is left of merged spans where merged holes are taken out."""
    waiting = deque(holes)
    for begin, end in spans:
        left = begin
        while waiting and waiting[0][1] <= left:
            waiting.popleft()
        for first, last in takewhile(lambda hole: hole[0] < end, waiting):  # noqa: B023  (used at once)
            if first > left:
                yield left, first
            left = max(left, last)
        if left < end:
            yield left, end


def _merged(spans: Iterable[tuple[int, int]], seam_ms: int) -> Iterator[tuple[int, int]]:
    """Spans by start, overlapping ones as one, seams closed. Looks at a day of each camera every few seconds."""
    waiting = iter(spans)
    first = next(waiting, None)
    if first is None:
        return
    begin, end = first
    for start, stop in waiting:
        if start > end + seam_ms:
            yield begin, end
            begin, end = start, stop
        elif stop > end:
            end = stop
    yield begin, end


def _length(spans: Iterable[tuple[int, int]], left: int, right: int) -> int:
    return sum(max(0, min(end, right) - max(begin, left)) for begin, end in spans)


Spans: TypeAlias = Callable[[str, int, int], list[tuple[int, int]] | None]
"""Of a camera and an interval what `claimed_page` tells, as `DaySpans.touching`; None: nobody remembers it."""


def of(
    read: ReadQuery, camera: str, start_ms: int, end_ms: int, now: Point | None, known: Spans = lambda *_: None
) -> Coverage:
    """The coverage of an interval, read page by page; what has not happened yet is left out."""
    end_ms = end_ms if now is None else min(end_ms, now.wall_ms)
    return measure(*gather(read, camera, start_ms, end_ms, now, known), start_ms, end_ms)


def gather(
    read: ReadQuery, camera: str, start_ms: int, end_ms: int, now: Point | None, known: Spans = lambda *_: None
) -> tuple[CoverageClaims, list[tuple[int, int]]]:
    """What `measure` and `shares` go by. In the order in which a segment lives: whatever becomes of it, it is met."""
    claim = read(partial(claims, camera=camera, start_ms=start_ms, end_ms=end_ms, now=now))
    remembered = known(camera, start_ms, end_ms)
    recorded = remembered or []
    page_start = start_ms if remembered is None else None
    while page_start is not None:
        page, page_start = read(partial(claimed_page, camera=camera, start_ms=page_start, end_ms=end_ms))
        recorded += page
    after: tuple[int, int] | None = (0, 0)
    while after is not None:
        page, after = read(partial(corrected_page, camera=camera, start_ms=start_ms, end_ms=end_ms, after=after))
        recorded += page
    recorded += read(partial(gone, camera=camera, start_ms=start_ms, end_ms=end_ms))
    return claim, recorded
