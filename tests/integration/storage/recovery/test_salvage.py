"""What is found and what is expected make repairs: storage/recovery/salvage.py, pure."""

from __future__ import annotations

from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from storage.recovery.salvage import Action, DirectoryEntry, DirectoryListing, Expected, Repair, reconcile
from storage.words.layout import aside_path, part_path, segment_path

VOLUME = "v"
WALL = 1_772_000_000_000


def path(seq: int) -> PurePosixPath:
    return segment_path("lobby", WALL + seq, seq)


def part(seq: int) -> PurePosixPath:
    return part_path(path(seq))


def listing(*entries: tuple[PurePosixPath, int], unreadable: bool = False, present: bool = True) -> DirectoryListing:
    return DirectoryListing(
        tuple(DirectoryEntry(VOLUME, relative, inode) for relative, inode in entries),
        frozenset({(VOLUME, path(1).parent)} if unreadable else ()),
        frozenset({VOLUME} if present else ()),
    )


def row(seq: int) -> Expected:
    return Expected(seq, VOLUME, path(seq))


def test_a_part_is_salvaged() -> None:
    assert reconcile(listing((part(1), 7)), [row(1)], ()) == [Repair(Action.SALVAGE, VOLUME, part(1), 1)]


def test_a_renamed_file_is_adopted() -> None:
    assert reconcile(listing((path(1), 7)), [row(1)], ()) == [Repair(Action.ADOPT, VOLUME, path(1), 1)]


def test_two_names_of_one_file_become_one() -> None:
    found = listing((path(1), 7), (part(1), 7))
    assert reconcile(found, [row(1)], ()) == [Repair(Action.ADOPT, VOLUME, path(1), 1, part(1))]


def test_another_file_under_the_second_name_is_let_be() -> None:
    found = listing((path(1), 7), (part(1), 8))
    assert reconcile(found, [row(1)], ()) == [Repair(Action.ADOPT, VOLUME, path(1), 1)]


def test_nothing_there_is_a_row_without_a_file() -> None:
    assert reconcile(listing(), [row(1)], ()) == [Repair(Action.NO_FILE, VOLUME, part(1), 1)]


def test_what_cannot_be_seen_is_never_taken_for_missing() -> None:
    for found in (listing(present=False), listing(unreadable=True)):
        (repair,) = reconcile(found, [row(1)], ())
        assert repair.action is Action.LEAVE
        assert repair.reason


def test_files_without_a_row_are_orphans_unless_somebody_vouches() -> None:
    found = listing((part(1), 1), (path(2), 2), (path(3), 3), (part(4), 4))
    repairs = reconcile(found, [], {(VOLUME, path(3)), (VOLUME, path(4))})
    assert repairs == [Repair(Action.ORPHAN, VOLUME, part(1)), Repair(Action.ORPHAN, VOLUME, path(2))]


def test_what_is_no_segment_is_nobody() -> None:
    strange = [path(1).with_name(name) for name in ("notes.txt", "x.mp4.quarantined", "x.mp4", ".part")]
    assert reconcile(listing(*((name, 1) for name in strange)), [], ()) == []


def test_what_is_set_aside_belongs_to_its_row_or_is_an_orphan() -> None:
    found = listing((aside_path(path(1)), 1), (aside_path(path(2)), 2), (aside_path(path(3)), 3))
    assert reconcile(found, [row(1)], {(VOLUME, aside_path(path(3)))}) == [
        Repair(Action.ASIDE, VOLUME, aside_path(path(1)), 1),
        Repair(Action.ORPHAN_ASIDE, VOLUME, aside_path(path(2))),
    ]


SEQS = st.integers(1, 5)


@given(st.sets(SEQS), st.sets(SEQS), st.sets(SEQS), st.sets(SEQS))
def test_each_row_and_each_file_has_exactly_one_fate(
    rows: set[int], parts: set[int], finals: set[int], others: set[int]
) -> None:
    found = listing(*((part(seq), seq) for seq in sorted(parts)), *((path(seq), seq) for seq in sorted(finals)))
    repairs = reconcile(found, [row(seq) for seq in sorted(rows)], {(VOLUME, path(seq)) for seq in others - rows})
    assert [repair.row for repair in repairs if repair.row is not None] == sorted(rows)
    orphans = {repair.relative for repair in repairs if repair.row is None}
    named = {name for seq in parts for name in (part(seq),)} | {path(seq) for seq in finals}
    assert orphans == {name for name in named if int(name.name.split("-")[1].split(".")[0]) not in rows | others}
    touched = [repair.relative for repair in repairs if repair.action is not Action.NO_FILE]
    assert len(touched) == len(set(touched))
