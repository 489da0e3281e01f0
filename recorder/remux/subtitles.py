"""What a film shows, second by second, as text beside it: WebVTT with the wall clock of the place, date included.

Pure. A cue lasts for as long as its second does, so that what it says is right whenever the film is stopped. Where
something was not recorded the film goes on at once: there a cue says from when until when, and why.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from operator import itemgetter
from typing import Final, TypeAlias

from recorder.remux.film import Film, Take

GAP_MS: Final = 4000
"""So long it is said at least that something is missing: two lines are read by then."""
BESIDE_MS: Final = 1000
"""So near to a film what is missing lies beside it."""
_CLOCK: Final = "line:-1 position:0% align:start"
_NOTICE: Final = "line:0"
_ESCAPED: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\n": " ", "\r": " "})

Cue: TypeAlias = tuple[int, int, str, str]
"""From, until, in ms of the film; how it is placed, what it says."""


@dataclass(frozen=True, slots=True)
class Missing:
    """錄影中斷, by the wall clock; within a segment or between two."""

    from_ms: int
    to_ms: int
    cause: str
    """For people."""


def webvtt(film: Film, place: str, timezone: tzinfo, gaps: Iterable[Missing]) -> Iterator[str]:
    """The file, in pieces. `place`: which camera, and where it is; one line."""
    yield "WEBVTT\n"
    cues = heapq.merge(_clock(film, place, timezone), sorted(_notices(film, timezone, gaps)), key=itemgetter(0))
    for begin, end, where, text in cues:
        yield f"\n{_stamp(begin)} --> {_stamp(end)} {where}\n{text}\n"


def wall_at(film: Film, film_ms: int) -> int:
    """What the wall clock showed, UTC since 1970 in ms, when that was recorded which the film shows then."""
    take = next((take for take in reversed(film.takes) if _begins(film, take) <= film_ms), film.takes[0])
    return film_ms - _shift_ms(film, take) + take.start_ms


def _clock(film: Film, place: str, timezone: tzinfo) -> Iterator[Cue]:
    line = place.translate(_ESCAPED)
    begins = [0, *(_begins(film, take) for take in film.takes[1:]), film.lasts_ms]
    for take, (begin, end) in zip(film.takes, pairwise(begins), strict=True):
        at, since_ms = begin, take.start_ms - _shift_ms(film, take)
        while at < end:
            second, over_ms = divmod(at + since_ms, 1000)
            until = min(end, at + 1000 - over_ms)
            yield at, until, _CLOCK, f"{_local(second, timezone)}\n{line}"
            at = until


def _notices(film: Film, timezone: tzinfo, gaps: Iterable[Missing]) -> Iterator[Cue]:
    first_ms, last_ms = wall_at(film, 0) - BESIDE_MS, wall_at(film, film.lasts_ms) + BESIDE_MS
    for gap in gaps:
        if gap.to_ms >= first_ms and gap.from_ms <= last_ms:
            begin = max(0, min(_film_at(film, gap.from_ms), film.lasts_ms - GAP_MS))
            end = min(film.lasts_ms, max(_film_at(film, gap.to_ms), begin + GAP_MS))
            span = f"{_local(gap.from_ms // 1000, timezone)} – {_local(-(-gap.to_ms // 1000), timezone)}"
            yield begin, end, _NOTICE, f"錄影中斷 {span}\n{gap.cause.translate(_ESCAPED)}"


def _film_at(film: Film, wall_ms: int) -> int:
    """Where the film is when the wall clock comes to this: of what was not recorded, where it goes on."""
    ends = [*(_begins(film, take) for take in film.takes[1:]), film.lasts_ms]
    for take, end in zip(film.takes, ends, strict=True):
        at = wall_ms - take.start_ms + _shift_ms(film, take)
        if at < end:
            return max(_begins(film, take), at)
    return film.lasts_ms


def _begins(film: Film, take: Take) -> int:
    return take.shown * 1000 // film.header.rate


def _shift_ms(film: Film, take: Take) -> int:
    return take.shift * 1000 // film.header.rate


def _local(second: int, timezone: tzinfo) -> str:
    return datetime.fromtimestamp(second, UTC).astimezone(timezone).strftime("%Y-%m-%d %H:%M:%S")


def _stamp(film_ms: int) -> str:
    seconds, ms = divmod(film_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"
