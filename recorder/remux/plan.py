"""Which parts of which segments make which film, where each lies in it, and by how much its times are moved.

Decides, and reads of the files no more than that takes. Same segments, same plan: a film that was written in part can
be written on. Interval and segments are wall time; a film's own time begins at 0 and has no holes, so that what was not
recorded takes none of it (`subtitles` say where that is). The picture goes on without a hole, and sound lies to the
picture as it does in its segment; where a segment's sound is longer than its picture, the last picture stands.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Final, TypeAlias

from recorder.mp4.header import SOUND_ID, VIDEO_ID
from recorder.remux.segment import NEAR_MS, POINT_BYTES, SOUND_LAG_MS, TRAILER_BYTES, Header, Segment, Start
from storage.segments.fragment_hashes import Part
from storage.segments.mp4 import Mp4Damaged

Opener: TypeAlias = Callable[[int], BinaryIO]
"""From a segment's id to its file, which whoever asked closes. Buffered, or each box costs a call of the kernel."""

FAT32_BYTES: Final = (4 << 30) - 1
"""A file that every stick takes."""
FILM_MS: Final = 12 * 3_600_000
"""A film that has so much takes no more segments: a player has its index in memory, and a cue for each second."""


@dataclass(frozen=True, slots=True)
class Source:
    """A segment that may be wanted."""

    id: int
    start_ms: int
    """When its first picture was shown, by the wall clock; the same linear course holds for all of it."""


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

    header: Header
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
    sources: Iterable[Source], from_ms: int, to_ms: int, open_segment: Opener, max_bytes: int = FAT32_BYTES
) -> Plan:
    """Films of these segments, which are in order, from the last key frame at or before `from_ms` until behind `to_ms`.

    ValueError if `max_bytes` is less than what lies between two key frames; OSError as it comes.
    """
    reels: list[_Reel] = []
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

    source: Source
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

    first: Start
    end: int
    last: int
    ends: _Ends


@dataclass(frozen=True, slots=True)
class _Reel:
    """A film in the making, and when its tracks end up to now."""

    film: Film
    decoded: int = 0
    heard: int = 0

    def takes_more(self, header: Header) -> bool:
        """Whether a segment with such a header can go on in it."""
        return self.film.header.likeness == header.likeness and self.film.lasts_ms < FILM_MS


def _wanted(source: Source, segment: Segment, from_ms: int, to_ms: int) -> _Wanted:
    header, points = segment.header, segment.points
    rate = header.rate
    start = segment.start((from_ms - source.start_ms) * rate // 1000)
    until = -((source.start_ms - to_ms) * rate // 1000)
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


def _wound(reel: _Reel | None, wanted: _Wanted, max_bytes: int) -> list[_Reel]:
    """The film that was begun, with what is wanted in it or in others behind it."""
    segment, start, done = wanted.segment, wanted.start, list[_Reel]()
    while True:
        first = segment.begin(start)
        rest = _Piece(first, wanted.end, wanted.last, wanted.ends)
        if reel is not None and reel.takes_more(segment.header):
            longer = _spliced(reel, wanted, rest)
            if longer.film.bytes <= max_bytes:
                return [*done, longer]
        done += [] if reel is None else [reel]
        fresh = _Reel(Film(segment.header, (), 0))
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
    raise ValueError(f"{max_bytes} bytes are less than the pictures between two key frames")


def _spliced(reel: _Reel, wanted: _Wanted, piece: _Piece) -> _Reel:
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
    return _Reel(longer, ends.decoded + offsets[VIDEO_ID], heard)
