"""A film of many segments: `plan` says which parts make it, `blocks` are its bytes, from any of them on.

A plan says which parts of which segments make which film, where each lies in it, and by how much its times are moved.
It reads of the files no more than that takes. Same segments, same plan: a film that was written in part can be
written on. Interval and segments are wall time; a film's own time begins at 0 and has no holes, so that what was not
recorded takes none of it (`webvtt` says where that is). The picture goes on without a hole, and sound lies to the
picture as it does in its segment; where a segment's sound is longer than its picture, the last picture stands.

`blocks` reads segments through the caller's opener, one at a time, and holds no more than the head of a part, a block,
and at the end the places of the key frames. Nothing is written here.

`webvtt` tells (pure) what a film shows, second by second, as text beside it: the wall clock of the place, with the
date. A cue lasts for as long as its second does, so that what it says is right whenever the film is stopped. Where
something was not recorded the film goes on at once: there a cue says from when until when, and why.
"""

from __future__ import annotations

import heapq
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from itertools import count, pairwise
from operator import itemgetter
from typing import BinaryIO, Final, TypeAlias

from recorder.mp4 import SOUND_ID, VIDEO_ID, Point, trailer
from recorder.remux.segment import (
    NEAR_MS,
    POINT_BYTES,
    SOUND_LAG_MS,
    TRAILER_BYTES,
    Segment,
    SegmentHeader,
    StartPoint,
    moved,
    stretch,
)
from storage.segments.mp4 import Mp4Damaged
from storage.segments.segment_file import Part
from storage.words.message import message

BLOCK_BYTES: Final = 1 << 20
"""Handed out at a time, at the most."""
FAT32_BYTES: Final = (4 << 30) - 1
"""A file that every stick takes."""
FILM_MS: Final = 12 * 3_600_000
"""A film that has so much takes no more segments: a player has its index in memory, and a cue for each second."""
Opener: TypeAlias = Callable[[int], BinaryIO]
"""From a segment's id to its file, which whoever asked closes. Buffered, or each box costs a call of the kernel."""


@dataclass(frozen=True, slots=True)
class SegmentSource:
    """A segment that may be wanted."""

    id: int
    start_ms: int
    """When its first picture was shown, by the wall clock; the same linear course holds for all of it."""
    end_ms: int
    """When it was over, by the catalog. By its own course it may last a little longer: its first picture came late over
    the network, or the camera's clock runs fast.
    """


@dataclass(frozen=True, slots=True)
class Unfit:
    """A segment that no film can be made of: whoever needs it needs its file."""

    id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Take:
    """Parts of one segment, one after the other, in a film."""

    segment: int
    first: int
    """Part 0 is the header."""
    last: int
    """Inclusive."""
    at: int
    """Where they begin in the segment's file."""
    bytes: int
    film_at: int
    sequence: int
    """By how much their numbers are moved."""
    offsets: dict[int, int]
    """By how many of its ticks the times of each track are moved."""
    keys: int
    """How many of them the film's index names."""
    start_ms: int
    """Of the segment, as in `Source`."""
    shift: int
    """From the segment's presentation to that of the film, in ticks of the picture."""
    shown: int
    """When its first picture is shown in the film, in ticks."""

    def is_made_of(self, parts: Sequence[Part]) -> bool:
        """Its bytes are these parts of the file, as they were hashed from its beginning."""
        before, taken = parts[: self.first], parts[self.first : self.last + 1]
        return (sum(part.bytes for part in before), sum(part.bytes for part in taken)) == (self.at, self.bytes)


@dataclass(frozen=True, slots=True)
class Film:
    """One file. It begins with the header of its first segment, as it is, and ends with an index of its own."""

    header: SegmentHeader
    takes: tuple[Take, ...]
    ends: int
    """When its last picture is over, in ticks."""

    @property
    def bytes(self) -> int:
        """Of the whole file, exactly."""
        return self.trailer_at + TRAILER_BYTES + POINT_BYTES * sum(take.keys for take in self.takes)

    @property
    def trailer_at(self) -> int:
        return self.takes[-1].film_at + self.takes[-1].bytes

    @property
    def suffix(self) -> str:
        """What the file is called: QuickTime's players go by it, and sound as in G.711 they know in QuickTime only."""
        return ".mov" if self.header.quicktime else ".mp4"

    @property
    def lasts_ms(self) -> int:
        return self.ends * 1000 // self.header.rate


@dataclass(frozen=True, slots=True)
class Plan:
    """In order. A segment may be in two films."""

    films: tuple[Film, ...]
    unfit: tuple[Unfit, ...]


def plan(
    sources: Iterable[SegmentSource], from_ms: int, to_ms: int, open_segment: Opener, max_bytes: int = FAT32_BYTES
) -> Plan:
    """Films of these segments, which are in order, from the last key frame at or before `from_ms` until behind `to_ms`.
    A segment that is over by then is wanted to its last part.

    ValueError if `max_bytes` is less than what lies between two key frames; OSError as it comes.
    """
    reels: list[_FilmDraft] = []
    unfit = []
    for source in sources:
        try:
            with open_segment(source.id) as file:
                segment = Segment(file)
                wanted = _wanted(source, segment, from_ms, to_ms)
                reels[-1:] = _wound(reels[-1] if reels else None, wanted, max_bytes)
        except Mp4Damaged as damage:
            unfit.append(Unfit(source.id, str(damage)))
    return Plan(tuple(reel.film for reel in reels), tuple(unfit))


@dataclass(frozen=True, slots=True)
class _Ends:
    """When what is taken is over, in its tracks' times."""

    decoded: int
    shown: int
    heard: int | None
    """None: no sound."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is wanted of a segment: from a key frame on, up to the end of a part."""

    source: SegmentSource
    segment: Segment
    start: int
    """Its number among the points."""
    end: int
    """Where the last part ends in the file."""
    last: int
    ends: _Ends


@dataclass(frozen=True, slots=True)
class _Piece:
    """As much of it as goes into one film."""

    first: StartPoint
    end: int
    last: int
    ends: _Ends


@dataclass(frozen=True, slots=True)
class _FilmDraft:
    """A film in the making, and when its tracks end up to now."""

    film: Film
    decoded: int = 0
    heard: int = 0

    def takes_more(self, header: SegmentHeader) -> bool:
        """Whether a segment with such a header can go on in it."""
        return self.film.header.likeness == header.likeness and self.film.lasts_ms < FILM_MS


def _wanted(source: SegmentSource, segment: Segment, from_ms: int, to_ms: int) -> _Wanted:
    header, points = segment.header, segment.points
    rate = header.rate
    start = segment.start((from_ms - source.start_ms) * rate // 1000)
    until = -((source.start_ms - to_ms) * rate // 1000) if to_ms < source.end_ms else sys.maxsize
    near = min(until, points[-1].time) - NEAR_MS * rate // 1000
    at = bisect_right(points, near, lo=start, key=lambda point: point.time) - 1
    first = segment.begin(start)
    decoded = shown = 0
    heard = None
    for one in segment.walk(points[at].moof_at if at > start else first.at):
        pictures, sound = one.said.pictures, one.said.sound
        end, last = one.end, one.said.number
        if pictures is not None:
            decoded, shown = max(decoded, pictures.end), max(shown, pictures.shown_end)
        if sound is not None:
            heard = max(heard or 0, sound.end)
        over = decoded - header.lead - until
        late = heard is not None and heard * rate < until * header.sound_rate
        if over >= 0 and not (late and over < SOUND_LAG_MS * rate // 1000):
            break
    return _Wanted(source, segment, start, end, last, _Ends(decoded, shown, heard))


def _wound(reel: _FilmDraft | None, wanted: _Wanted, max_bytes: int) -> list[_FilmDraft]:
    """The film that was begun, with what is wanted in it or in others behind it."""
    segment, start, done = wanted.segment, wanted.start, list[_FilmDraft]()
    while True:
        first = segment.begin(start)
        rest = _Piece(first, wanted.end, wanted.last, wanted.ends)
        if reel is not None and reel.takes_more(segment.header):
            longer = _spliced(reel, wanted, rest)
            if longer.film.bytes <= max_bytes:
                return [*done, longer]
        done += [] if reel is None else [reel]
        fresh = _FilmDraft(Film(segment.header, (), 0))
        alone = _spliced(fresh, wanted, rest)
        if alone.film.bytes <= max_bytes:
            return [*done, alone]
        start = _fitting(segment, start, first.at, wanted.end, max_bytes)
        then = segment.begin(start)
        reel = _spliced(fresh, wanted, _Piece(first, then.at, then.part - 1, _Ends(then.decoded, then.shown, None)))


def _fitting(segment: Segment, start: int, at: int, end: int, max_bytes: int) -> int:
    """The last point with which another film can begin so that what is before it is not too large."""
    room = max_bytes - segment.header.bytes - TRAILER_BYTES
    for number in reversed(segment.starts):
        moof_at = segment.points[number].moof_at
        if number > start and moof_at < end and moof_at - at + POINT_BYTES * (number - start) <= room:
            return number
    raise ValueError(
        message("film.too-small", "{most} bytes are less than the pictures between two key frames", most=max_bytes)
    )


def _spliced(reel: _FilmDraft, wanted: _Wanted, piece: _Piece) -> _FilmDraft:
    """The film with a piece more: each track goes on where it ended, or later, and all of the piece by as much."""
    film, segment, first, ends = reel.film, wanted.segment, piece.first, piece.ends
    header, rate, sound_rate = segment.header, segment.header.rate, segment.header.sound_rate
    later = film.header.lead - header.lead
    shift = max(reel.decoded - first.decoded - later, film.ends - first.shown + header.lead)
    if first.heard is not None:
        shift = max(shift, -((first.heard - reel.heard) * rate // sound_rate))
    offsets = {VIDEO_ID: shift + later}
    if sound_rate:
        offsets[SOUND_ID] = shift * sound_rate // rate
    last = film.takes[-1] if film.takes else None
    keys = [bisect_left(segment.points, at, key=lambda point: point.moof_at) for at in (first.at, piece.end)]
    take = Take(
        segment=wanted.source.id,
        first=first.part,
        last=piece.last,
        at=first.at,
        bytes=piece.end - first.at,
        film_at=film.header.bytes if last is None else film.trailer_at,
        sequence=1 - first.part if last is None else last.last + last.sequence + 1 - first.part,
        offsets=offsets,
        keys=keys[1] - keys[0],
        start_ms=wanted.source.start_ms,
        shift=shift,
        shown=first.shown - header.lead + shift,
    )
    heard = reel.heard if ends.heard is None else max(reel.heard, ends.heard + offsets[SOUND_ID])
    longer = replace(film, takes=(*film.takes, take), ends=ends.shown - header.lead + shift)
    return _FilmDraft(longer, ends.decoded + offsets[VIDEO_ID], heard)


class Changed(Exception):
    """A segment's file is not what it was when the film was planned: plan anew."""


def blocks(film: Film, open_segment: Opener, begin: int = 0) -> Iterator[bytes]:
    """The film's bytes from `begin` on. Changed, or OSError as it comes."""
    if begin < film.header.bytes:
        with open_segment(film.takes[0].segment) as file:
            yield from _read(file, begin, film.header.bytes)
    for take in film.takes:
        if begin < take.film_at + take.bytes:
            with open_segment(take.segment) as file:
                yield from _taken(file, take, max(0, begin - take.film_at))
    if begin < film.bytes:
        yield trailer(list(_points(film, open_segment)))[max(0, begin - film.trailer_at) :]


def _taken(file: BinaryIO, take: Take, skip: int) -> Iterator[bytes]:
    """The parts of a segment, moved; of the first ones so many bytes are left out."""
    at, end = take.at, take.at + take.bytes
    for number in count(take.first):
        try:
            part = stretch(file, at, end)
            if part is None or part.said.number != number:
                raise Changed(f"segment {take.segment} is not what it was")
            if skip < part.end - at:
                head = moved(part.head, take.sequence, take.offsets)
                yield from [head[skip:]] if skip < len(head) else []
                yield from _read(file, at + max(skip, len(head)), part.end)
        except Mp4Damaged as damage:
            raise Changed(f"segment {take.segment} is not what it was: {damage}") from damage
        skip, at = max(0, skip - (part.end - at)), part.end
        if at == end:
            break
    if number != take.last:
        raise Changed(f"segment {take.segment} is not what it was")


def _read(file: BinaryIO, at: int, end: int) -> Iterator[bytes]:
    file.seek(at)
    while at < end:
        block = file.read(min(BLOCK_BYTES, end - at))
        if not block:
            raise Changed("a segment is shorter than it was")
        yield block
        at += len(block)


def _points(film: Film, open_segment: Opener) -> Iterator[Point]:
    """The key frames of what was taken, where they lie in the film."""
    for take in film.takes:
        with open_segment(take.segment) as file:
            try:
                points = Segment(file).points
            except Mp4Damaged as damage:
                raise Changed(f"segment {take.segment} is not what it was: {damage}") from damage
        taken = [point for point in points if take.at <= point.moof_at < take.at + take.bytes]
        if len(taken) != take.keys:
            raise Changed(f"segment {take.segment} is not what it was")
        for point in taken:
            yield Point(max(0, point.time + take.shift), point.moof_at - take.at + take.film_at, point.sample)


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
