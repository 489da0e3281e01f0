"""Films out of segments: every sample as it was, one timeline, and back again byte for byte."""

from __future__ import annotations

import io
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Final

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.mp4 import Muxer, Point, clock, trailer
from recorder.remux import film as planning
from recorder.remux.film import FAT32_BYTES, Changed, Film, Plan, blocks, plan
from recorder.remux.segment import Segment, moved, restored
from storage.segments.mp4 import Mp4Damaged, summary
from storage.segments.segment_file import parts_of
from tests.support import tiny_mp4
from tests.support.footage import Picture
from tests.support.footage import Sound as SoundWish
from tests.support.tracks import Sample, parameters, pictures, sound, sounds
from tests.unit.recorder.remux.strips import RATE, WALL_MS, Cut, Shelf, cut_up, written_as

PLAIN: Final = Picture(width=160, height=90, fps=25, gop=25, kbps=100, footage="bikes")
REORDERED: Final = replace(PLAIN, b_frames=2)
H265: Final = replace(REORDERED, codec="h265")
AAC: Final = SoundWish("aac", 48_000, 1)
MULAW: Final = SoundWish.g711("pcmu")
FRAME: Final = RATE // 25
DAY_MS: Final = 86_400_000


@cache
def strip(
    wish: Picture, heard: SoundWish | None, seconds: int = 9, cuts: Sequence[int] = (0, 75, 150)
) -> Sequence[Cut]:
    packets = [] if heard is None else sounds(heard, seconds)
    return cut_up(pictures(wish, seconds), packets, cuts, wish, heard, pauses_ms=[0, 3_600_000])


def filmed(
    shelf: Shelf, from_ms: int = 0, to_ms: int = DAY_MS, max_bytes: int = FAT32_BYTES
) -> tuple[Plan, list[bytes]]:
    """The interval counts from the beginning of the first segment."""
    made = plan(shelf.sources, WALL_MS + from_ms, WALL_MS + to_ms, shelf.open, max_bytes)
    return made, [b"".join(blocks(film, shelf.open)) for film in made.films]


def tracks(data: bytes) -> dict[str, list[tuple[Fraction, Fraction, bytes]]]:
    """When each sample is shown and decoded, in seconds, and what it is, as libav reads it."""
    found: dict[str, list[tuple[Fraction, Fraction, bytes]]] = {"video": [], "audio": []}
    with av.open(io.BytesIO(data), "r", options={"fflags": "+noparse+nofillin"}) as container:
        for packet in container.demux():
            if packet.size:
                assert packet.pts is not None
                assert packet.dts is not None
                at = packet.pts * packet.time_base, packet.dts * packet.time_base
                found[packet.stream.type].append((*at, bytes(packet)))
    return found


def taken_back(film: Film, data: bytes, shelf: Shelf) -> None:
    """Each part of the film is that of its segment, once its numbers are."""
    number = 0
    assert data.startswith(shelf.data[film.takes[0].segment][: film.header.bytes])
    for take in film.takes:
        original = shelf.data[take.segment]
        parts = list(parts_of([original]))
        assert take.is_made_of(parts)
        assert take.bytes > 0
        at = take.film_at
        for part in range(take.first, take.last + 1):
            number += 1
            piece = data[at : at + parts[part].bytes]
            begin = sum(one.bytes for one in parts[:part])
            back = restored(piece, take.sequence, take.offsets)
            assert back == original[begin : begin + parts[part].bytes]
            assert moved(back, take.sequence, take.offsets) == piece
            moof = piece.index(b"moof")
            assert struct.unpack_from(">I", piece, moof + 16)[0] == number
            at += parts[part].bytes
        assert at == take.film_at + take.bytes
    assert len(data) == film.bytes
    indexed, walked = Segment(io.BytesIO(data)), Segment(io.BytesIO(data[: film.trailer_at]))
    assert indexed.points == walked.points
    assert summary(io.BytesIO(data)).whole_bytes == len(data)


def overlapping(cuts: Sequence[Cut], from_ms: int, to_ms: int) -> list[Cut]:
    """As a catalog would name them."""
    begin, end = WALL_MS + from_ms, WALL_MS + to_ms
    return [cut for cut in cuts if cut.start_ms < end and cut.start_ms + lasts(cut.frames) * 1000 / RATE > begin]


def lasts(frames: Sequence[Sample]) -> int:
    return max(frame.pts + frame.duration for frame in frames)


def wanted(cuts: Sequence[Cut], from_ms: int, to_ms: int) -> list[bytes]:
    """The pictures that must be there: in decoding order, from the first that is shown in between to the last."""
    walls = [(cut.start_ms - WALL_MS + one.pts * 1000 / RATE, one.data) for cut in cuts for one in cut.frames]
    inside = [n for n, (at, _) in enumerate(walls) if from_ms <= at < to_ms]
    return [one for _, one in walls[inside[0] : inside[-1] + 1]] if inside else []


@st.composite
def intervals(draw: st.DrawFn) -> tuple[int, int]:
    """Within a segment, across them, from before the first, until after the last."""
    begin = draw(st.integers(-2_000, 8_500))
    return begin, begin + draw(st.one_of(st.integers(1, 3_000), st.integers(1, 9_000), st.just(DAY_MS)))


KINDS: Final = [(PLAIN, None), (PLAIN, AAC), (REORDERED, AAC), (REORDERED, MULAW), (H265, None)]


@given(st.sampled_from(KINDS), intervals(), st.data())
def test_a_film_is_its_segments(
    kind: tuple[Picture, SoundWish | None], interval: tuple[int, int], data: st.DataObject
) -> None:
    """What was asked for is in it, in a row and without a hole; it can be taken back, and written on from any byte."""
    shelf = Shelf(overlapping(strip(*kind), *interval))
    made, films = filmed(shelf, *interval)
    assert not made.unfit
    assert len(films) == bool(shelf.cuts)
    for film, whole in zip(made.films, films, strict=True):
        taken_back(film, whole, shelf)
        begin = data.draw(st.integers(0, len(whole)))
        assert b"".join(blocks(film, shelf.open, begin)) == whole[begin:]
        seen = tracks(whole)
        shown = sorted(pts for pts, _, _ in seen["video"])
        # Behind the end a picture may be shown before others whose part is not wanted any more.
        sure = shown if interval[1] > 9_000 else shown[:-3]
        assert {after - before for before, after in pairwise(sure)} <= {Fraction(FRAME, RATE)}
        assert shown[-1] + Fraction(FRAME, RATE) == Fraction(film.ends, RATE)
        for track in seen.values():
            assert all(before < after for (_, before, _), (_, after, _) in pairwise(track))
        assert min(track[0][0] for track in seen.values() if track) == 0
        assert shown[0] <= Fraction(1, 5)
        stored = [one for _, _, one in seen["video"]]
        must = wanted(shelf.cuts, *interval)
        found = [at for at in range(len(stored)) if stored[at : at + len(must)] == must]
        assert found
        assert found[0] <= PLAIN.gop + 2
        assert not must or len(stored) - found[-1] - len(must) <= PLAIN.gop + 3
        for cut in shelf.cuts:
            assert apart(cut, seen) <= Fraction(1, 8_000)


def apart(cut: Cut, seen: dict[str, list[tuple[Fraction, Fraction, bytes]]]) -> Fraction:
    """By how much a segment's sound lies to its picture otherwise than it was put in."""
    moves = []
    for name, samples, rate in (("video", cut.frames, RATE), ("audio", cut.packets, 0)):
        ticks = rate or (48_000 if samples and samples[0].duration == 1024 else 8_000)
        often = Counter(one for _, _, one in seen[name])
        at = {one: pts for pts, _, one in seen[name]}
        moves += [at[one.data] - Fraction(one.pts, ticks) for one in samples if often[one.data] == 1][:1]
    return abs(moves[0] - moves[-1]) if len(moves) == 2 else Fraction(0)


def test_a_whole_segment_is_its_own_film() -> None:
    """Byte for byte, index included: nothing has to be moved."""
    for wish, heard in KINDS:
        (cut,) = strip(wish, heard, 4, (0,))
        (film,) = filmed(Shelf([cut]))[1]
        assert film == cut.data


def test_what_was_not_recorded_takes_no_time() -> None:
    """An hour between two segments, and an interval that begins an hour before them."""
    shelf = Shelf(strip(REORDERED, AAC))
    (film,) = filmed(shelf, -3_600_000)[0].films
    assert film.lasts_ms == 9_000
    assert [take.shown * 1000 // RATE for take in film.takes] == [0, 3_000, 6_000]


def test_a_pause_within_a_segment_stays_as_long_as_it_was() -> None:
    frames = [
        replace(f, pts=f.pts + 500_000, dts=f.dts + 500_000) if n >= 40 else f for n, f in enumerate(pictures(PLAIN, 4))
    ]
    shelf = Shelf(cut_up(frames, [], [0], PLAIN))
    made, (whole,) = filmed(shelf, 500, 9_000)
    shown = [pts for pts, _, _ in tracks(whole)["video"]]
    assert sorted({after - before for before, after in pairwise(shown)}) == [
        Fraction(FRAME, RATE),
        Fraction(FRAME + 500_000, RATE),
    ]
    taken_back(made.films[0], whole, shelf)


def test_what_was_salvaged_is_as_good() -> None:
    """Without its index, and cut off behind some fragment."""
    cuts = strip(REORDERED, AAC)
    torn = cuts[1].data[: summary(io.BytesIO(cuts[1].data[:-2000])).whole_bytes]
    assert torn != cuts[1].data
    shelf = Shelf([cuts[0], replace(cuts[1], data=torn), cuts[2]])
    for interval in ((0, DAY_MS), (3_500, DAY_MS), (0, 4_200)):
        made, films = filmed(Shelf(shelf.cuts if interval[1] == DAY_MS else shelf.cuts[:2]), *interval)
        for film, whole in zip(made.films, films, strict=True):
            taken_back(film, whole, shelf)
            assert sum(take.keys for take in film.takes) == sum(
                sum(
                    take.at <= point.moof_at < take.at + take.bytes
                    for point in Segment(shelf.open(take.segment)).points
                )
                for take in film.takes
            )
            seen = tracks(whole)
            assert all(before < after for (_, before, _), (_, after, _) in pairwise(seen["video"]))


def test_another_lead_goes_into_the_same_film() -> None:
    """The same sets, once with pictures decoded ahead and once without: shown in order, at their distance."""
    late, plain = strip(REORDERED, None, 3, (0,))[0], pictures(REORDERED, 3)
    even = [replace(frame, pts=n * FRAME, dts=n * FRAME) for n, frame in enumerate(plain)]
    data = written_as(even, [], parameters(REORDERED), None, "{}")
    for order in ([late.data, data], [data, late.data], [data, late.data, data]):
        shelf = Shelf([Cut(one, WALL_MS + 3_000 * n, [], []) for n, one in enumerate(order)])
        made, (whole,) = filmed(shelf)
        taken_back(made.films[0], whole, shelf)
        seen = tracks(whole)["video"]
        assert all(before < after for (_, before, _), (_, after, _) in pairwise(seen))
        shown = sorted(pts for pts, _, _ in seen)
        assert all(FRAME <= (after - before) * RATE <= 3 * FRAME for before, after in pairwise(shown))


def test_other_sets_or_another_sound_are_another_film() -> None:
    with_sound, silent = strip(PLAIN, AAC, 3, (0,))[0], strip(PLAIN, None, 3, (0,))[0]
    other = cut_up(pictures(replace(PLAIN, width=192), 3), [], [0], replace(PLAIN, width=192))[0]
    quicktime = strip(PLAIN, MULAW, 3, (0,))[0]
    shelf = Shelf(
        [
            replace(one, start_ms=WALL_MS + n * 3_000)
            for n, one in enumerate([silent, silent, with_sound, other, quicktime, quicktime])
        ]
    )
    made, films = filmed(shelf)
    assert [[take.segment for take in film.takes] for film in made.films] == [[0, 1], [2], [3], [4, 5]]
    assert [film.suffix for film in made.films] == [".mp4", ".mp4", ".mp4", ".mov"]
    for film, whole in zip(made.films, films, strict=True):
        taken_back(film, whole, shelf)


@given(st.sampled_from(KINDS), st.integers(0, 8_000), st.integers(15_000, 120_000))
def test_no_film_is_larger_than_asked_for(kind: tuple[Picture, SoundWish | None], from_ms: int, max_bytes: int) -> None:
    """It goes on in another that begins with a key frame; nothing is in both, or in none."""
    shelf = Shelf(overlapping(strip(*kind), from_ms, DAY_MS))
    try:
        made, films = filmed(shelf, from_ms, DAY_MS, max_bytes)
    except ValueError:
        longest = max(
            after.moof_at - before.moof_at
            for n in range(len(shelf.data))
            for before, after in pairwise([*Segment(shelf.open(n)).points, Point(0, len(shelf.data[n]), 1)])
        )
        assert max_bytes < longest + 3_000
        return
    for film, whole in zip(made.films, films, strict=True):
        assert len(whole) <= max_bytes
        taken_back(film, whole, shelf)
        assert tracks(whole)["video"][0][2] in {one.data for cut in shelf.cuts for one in cut.frames if one.key}
    one_film = filmed(shelf, from_ms)[0].films[0]
    parts = [
        (take.segment, part) for film in made.films for take in film.takes for part in range(take.first, take.last + 1)
    ]
    assert parts == [(take.segment, part) for take in one_film.takes for part in range(take.first, take.last + 1)]


def test_a_film_is_filled_to_the_last_key_frame_that_fits() -> None:
    """But for the length of a prft, of which the index says nothing."""
    shelf = Shelf(strip(PLAIN, None, 9, (0,)))
    for seconds in (2, 5):
        whole = filmed(shelf, 0, 1_000 * seconds - 40)[0].films[0].bytes
        for max_bytes, fits in ((whole + len(clock(0, 0)), True), (whole - 1, False)):
            first, *_ = filmed(shelf, 0, DAY_MS, max_bytes)[1]
            assert (len(first) == whole) == fits
            assert len(first) <= max_bytes


def test_a_film_is_written_on_from_any_seam() -> None:
    shelf = Shelf(strip(REORDERED, AAC))
    (film,), (whole,) = filmed(shelf, 1_500)[0].films, filmed(shelf, 1_500)[1]
    heads = [at for at in range(film.header.bytes, film.trailer_at) if whole[at : at + 4] == b"mdat"]
    seams = [0, film.header.bytes, film.trailer_at, film.bytes, *(take.film_at for take in film.takes), *heads]
    for begin in sorted({near for at in seams for near in range(at - 5, at + 6) if 0 <= near <= len(whole)}):
        assert b"".join(blocks(film, shelf.open, begin)) == whole[begin:]


def test_no_picture_up_to_the_end_is_missing() -> None:
    """Also of those that are decoded long before they are shown."""
    cut = strip(REORDERED, None, 3, (0,))[0]
    for to_ms in range(40, 3_000, 40):
        (whole,) = filmed(Shelf([cut]), 0, to_ms)[1]
        stored = {one for _, _, one in tracks(whole)["video"]}
        assert stored.issuperset(one.data for one in cut.frames if one.pts * 1000 < to_ms * RATE)


def test_of_a_segment_that_is_over_nothing_is_left_out_though_it_lasts_longer_by_its_own_course() -> None:
    """So it is where the network brought its first picture late: the catalog has it begin later, and last shorter."""
    (cut,) = strip(PLAIN, None, 3, (0,))
    (source,) = Shelf([cut]).sources
    sooner = [replace(source, end_ms=source.end_ms - 700)]
    (film,) = plan(sooner, source.start_ms, source.end_ms - 700, Shelf([cut]).open).films
    (all_of_it,) = filmed(Shelf([cut]))[0].films
    assert film == all_of_it
    (shorter,) = plan([source], source.start_ms, source.end_ms - 700, Shelf([cut]).open).films
    assert shorter.bytes < film.bytes


def test_a_film_gets_no_longer_than_a_player_bears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "FILM_MS", 6_000)
    made, _ = filmed(Shelf(strip(PLAIN, None, 12, (0, 75, 150, 225))))
    assert [[take.segment for take in film.takes] for film in made.films] == [[0, 1], [2, 3]]


def test_sound_that_outlasts_its_picture_is_not_cut() -> None:
    """The last picture stands until it is over; and sound that lies before the first picture is not lost."""
    frames, packets = pictures(PLAIN, 6), sounds(AAC, 6)
    cuts = cut_up(frames[:50] + frames[100:], packets, [0, 50], PLAIN, AAC)
    outlasting = Cut(written_as(frames[:50], packets[:180], parameters(PLAIN), sound(AAC), "{}"), WALL_MS, [], [])
    shelf = Shelf([outlasting, cuts[1]])
    made, (whole,) = filmed(shelf)
    taken_back(made.films[0], whole, shelf)
    seen = tracks(whole)
    assert len(seen["audio"]) == 180 + len(cuts[1].packets)
    assert all(before < after for (_, before, _), (_, after, _) in pairwise(seen["audio"]))
    late = [replace(one, pts=one.pts + 24_000, dts=one.dts + 24_000) for one in packets]
    behind = late_sound(frames, late)
    shelf = Shelf([Cut(behind, WALL_MS, frames, packets)])
    made, (whole,) = filmed(shelf, 2_500, 4_000)
    taken_back(made.films[0], whole, shelf)
    seen = tracks(whole)
    assert seen["audio"][0][0] == 0
    assert seen["audio"][-1][0] >= seen["video"][0][0] + 2 - Fraction(1024, 48_000)
    assert apart(Cut(behind, WALL_MS, frames, packets), seen) <= Fraction(1, 8_000)


def late_sound(frames: Sequence[Sample], packets: Sequence[Sample]) -> bytes:
    """Handed in half a second after the picture of the same instant, with the time it has."""
    muxer = Muxer(parameters(PLAIN), RATE, sound(AAC), "{}")
    order = sorted(
        [*((one.dts / RATE, 0, one) for one in frames), *((one.dts / 48_000, 1, one) for one in packets)],
        key=lambda one: one[:2],
    )
    told = [one if one.video else replace(one, pts=one.pts - 24_000, dts=one.dts - 24_000) for _, _, one in order]
    return b"".join([piece for one in told for piece in one.put(muxer)] + muxer.close())


# --- what is no segment of ours, or not any more -------------------------------------------------------------------


def good() -> bytes:
    return strip(PLAIN, None, 3, (0,))[0].data


def foreign() -> bytes:
    """Fragmented, by libav."""
    out = io.BytesIO()
    with (
        av.open(io.BytesIO(good()), "r") as source,
        av.open(out, "w", format="mp4", options={"movflags": "+frag_keyframe+empty_moov+default_base_moof"}) as made,
    ):
        stream = made.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux():
            if packet.size:
                packet.stream = stream
                made.mux(packet)
    return out.getvalue()


def spoilt(old: bytes, new: bytes) -> bytes:
    assert old in good()
    return good().replace(old, new, 1)


def numbered(number: int) -> bytes:
    return struct.pack(">4sII", b"mfhd", 0, number)


NOT_OURS: Final[dict[str, Callable[[], bytes]]] = {
    "empty": lambda: b"",
    "text": lambda: b"no film at all, but long enough for a head",
    "tiny": lambda: tiny_mp4.segment("{}", 3),
    "libav": foreign,
    "torn": lambda: good()[:1500],
    "short clock": lambda: spoilt(b"prft\1", b"prft\0"),
    "short time": lambda: spoilt(b"tfdt\1", b"tfdt\0"),
    "no fragment": lambda: spoilt(b"moof", b"moov"),
    "misnumbered": lambda: spoilt(numbered(1), numbered(2)),
    "misnumbered within": lambda: spoilt(numbered(2), numbered(7)),
    "another index": lambda: spoilt(b"tfra\1", b"tfra\0"),
    "no index": lambda: spoilt(b"mfra", b"free"),
    "torn index": lambda: good()[:-1],
    "index of another": lambda: good() + trailer([Point(0, 40, 1)]),
}


@pytest.mark.parametrize("what", NOT_OURS)
def test_what_is_not_ours_goes_into_no_film_and_spoils_none(what: str) -> None:
    """Whoever wants it takes the file itself."""
    cuts = strip(PLAIN, None, 6, (0, 75))
    shelf = Shelf([cuts[0], Cut(NOT_OURS[what](), WALL_MS + 3_000, [], []), cuts[1]])
    made, (whole,) = filmed(shelf)
    assert [unfit.id for unfit in made.unfit] == [1]
    assert made.unfit[0].reason
    assert [take.segment for take in made.films[0].takes] == [0, 2]
    taken_back(made.films[0], whole, shelf)


def test_a_camera_that_forges_an_index_is_found_out() -> None:
    """Of a file that was salvaged, pictures that look like an index are believed at first: not by who has its parts."""
    frames = pictures(PLAIN, 3)
    whole = Segment(io.BytesIO(good()))
    forged = good()[whole.header.bytes : -len(trailer(whole.points))]

    def torn(last: bytes) -> bytes:
        muxer = Muxer(parameters(PLAIN), RATE, None, "{}")
        told = [*frames[:-1], replace(frames[-1], data=last)]
        return b"".join([piece for one in told for piece in one.put(muxer)] + muxer.flush())

    first, begin = Segment(io.BytesIO(torn(forged))).header.bytes, len(torn(forged)) - len(forged)
    moofs = [begin + at for at in range(len(forged)) if forged[at + 4 : at + 8] == b"moof"]
    points = [Point(0, first, 1), Point(RATE // 2, moofs[0], 1), Point(RATE, moofs[1], 1)]
    data = torn(forged + trailer(points))
    assert data[moofs[1] + 4 :].startswith(b"moof")
    shelf = Shelf([Cut(data, WALL_MS, [], [])])
    made = plan(shelf.sources, WALL_MS + 1_500, WALL_MS + 9_000, shelf.open)
    (take,) = made.films[0].takes
    assert take.at >= begin
    assert not take.is_made_of(list(parts_of([data])))


def test_a_segment_that_changed_since_is_noticed() -> None:
    cuts = strip(PLAIN, None)
    first, torn = cuts[1].data, cuts[1].data[:3000]
    for data in (torn, torn + first[3100:], first.replace(numbered(3), numbered(4)), first[:-24], b""):
        shelf = Shelf(cuts)
        (film,) = plan(shelf.sources, WALL_MS, WALL_MS + DAY_MS, shelf.open).films
        shelf.data[1] = data
        with pytest.raises(Changed):
            list(blocks(film, shelf.open))


def test_numbers_that_leave_their_range_are_refused() -> None:
    part = good()[Segment(io.BytesIO(good())).header.bytes :]
    for sequence, offset in ((-1, 0), (0, -1), (1 << 32, 0), (0, 1 << 64)):
        with pytest.raises(Mp4Damaged):
            moved(part, sequence, {1: offset})


def test_the_camera_s_clock_moves_with_the_picture() -> None:
    """A prft names a tick of the picture: in the film it names the same picture."""
    shelf = Shelf(strip(REORDERED, None))
    (film,), (whole,) = filmed(shelf)[0].films, filmed(shelf)[1]
    for take in film.takes:
        at = whole.index(b"prft", take.film_at)
        (time,) = struct.unpack_from(">Q", whole, at + 20)
        assert time == take.shown + film.header.lead
