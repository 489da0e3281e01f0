"""The pure pieces of an export: names, files that go on anywhere, true times, what nothing accounts for, room."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta, timezone
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edged.cli import export
from edged.cli.export import BrokenOff, ExportFolder, Note
from edged.cli.output import copy_line
from edged.documents.exports import ExportFile
from edged.evidence import export_job
from edged.evidence.export_job import FileStream, Hashes, of_file, of_text
from edged.evidence.verify import PATH
from storage.ages.history import Point
from storage.exports.model import CameraAccount, Claim, Clocks, ExportAccount, missing, unaccounted
from storage.pins.rules import Interval
from storage.segments.segment_file import Part

CAMERAS = st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=60), max_size=6, unique=True)
TAIPEI = timezone(timedelta(hours=8))


# --- names


def test_the_folder_is_called_by_node_time_and_id() -> None:
    assert export_job.folder_name("wenshan-main", 1_777_593_600_000, TAIPEI, "E-20260501-7F3K") == (
        "wenshan-main-20260501-0800-E-20260501-7F3K"
    )


@given(CAMERAS, st.integers(1, 3))
def test_names_are_taken_by_windows_and_differ_by_more_than_case(cameras: list[str], films: int) -> None:
    stems = export_job.UsedNames()
    named = [stems.camera(camera) for camera in cameras]
    every = [stems.film(stem, number) for stem in named for number in range(films)]
    assert len({name.lower() for name in every}) == len(cameras) * films
    for name in every:
        assert re.fullmatch(PATH, f"{name}.mp4")
        assert name.lower() not in {"con", "nul", "aux", "com1", "index", "readme", "verify", "proof", "original"}


def test_a_camera_keeps_its_own_name_where_it_can() -> None:
    stems = export_job.UsedNames()
    named = [stems.camera(one) for one in ("lobby", "lobby-2", "Lobby", "nul", "大廳")]
    assert named == ["lobby", "lobby-2", "Lobby_2", "camera-nul", "__"]
    assert [stems.film("lobby", number) for number in range(3)] == ["lobby", "lobby-2_2", "lobby-3"]


# --- files


@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.integers(0, 200), max_size=6))
def test_a_file_goes_on_from_anywhere_and_its_hash_is_that_of_all_of_it(pieces: list[bytes], asked: list[int]) -> None:
    whole = b"".join(pieces)

    def begun(begin: int) -> Iterator[bytes]:
        for at in range(begin, len(whole), 7):
            yield whole[at : at + 7]

    source = FileStream(len(whole), begun)
    for begin in asked:
        assert b"".join(source.blocks(min(begin, len(whole)))) == whole[min(begin, len(whole)) :]
    for _ in source.blocks(source.size - source.left):
        pass
    assert (source.left, source.sha256) == (0, sha256(whole).hexdigest())


@given(st.lists(st.text(max_size=30)), st.integers(0, 500))
def test_text_goes_on_from_any_octet(pieces: list[str], begin: int) -> None:
    whole = "".join(pieces).encode()
    source = of_text(lambda: iter(pieces))
    assert source.size == len(whole)
    assert b"".join(source.blocks(begin)) == whole[begin:]


@settings(max_examples=20)
@given(st.lists(st.integers(0, 9), max_size=4), st.integers(0, 300))
def test_a_list_of_hashes_leaves_without_the_lengths(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], begin: int
) -> None:
    hashes = Hashes(tmp_path_factory.mktemp("hashes") / "list")
    told = [
        [Part(7 * at + number, sha256(bytes([at, number])).digest()) for number in range(count)]
        for at, count in enumerate(counts)
    ]
    firsts = [hashes.add(parts) for parts in told]
    for first, parts in zip(firsts, told, strict=True):
        assert hashes.parts(first, len(parts)) == parts
    whole = b"".join(part.hash for parts in told for part in parts)
    assert b"".join(hashes.blocks(begin)) == whole[begin:]


# --- what leaves say


def test_true_times_are_those_of_the_last_word_on_their_epoch() -> None:
    told = [
        {"boot": 2, "boottime_ms": 0, "true_offset_ms": 1000},
        {"boot": 2, "boottime_ms": 500, "true_offset_ms": 2000},
        {"boot": 2, "boottime_ms": 500, "true_offset_ms": 3000},
    ]
    clocks = Clocks(told)
    at = {"boot": 2, "boottime_ms": 600, "wall_ms": 77}
    assert clocks.true_ms(at) == 3600
    assert clocks.true_ms(at | {"boottime_ms": 499}) == 1499
    assert (clocks.true_ms(at, synced=True), clocks.true_ms(at | {"boot": 1})) == (77, 77)


def test_a_gap_that_lasts_goes_as_far_as_it_was_told_of() -> None:
    start = {"boot": 1, "boottime_ms": 0, "wall_ms": 100}
    body = {"start": start, "end": None, "until": start | {"wall_ms": 900}, "cause": "dropped", "inside": False}
    gap = missing(5, body, Clocks([]))
    assert (gap.start_ms, gap.end_ms, gap.spans) == (100, 900, [(100, 900)])
    pauses = missing(5, body | {"inside": True, "pauses": [[10, 20], [50, 5]]}, Clocks([]))
    assert pauses.spans == [(110, 130), (150, 155)]


def test_an_account_is_kept_as_it_is() -> None:
    account = ExportAccount({"lobby": CameraAccount((3, 1), (2,), ()), "gate": CameraAccount()}, (9,))
    assert ExportAccount.from_json(account.to_json()) == account


def claim(begin: int, end: int, boot: int = 1) -> Claim:
    return Claim(Point(boot, begin, begin), Point(boot, end, end), begin, end)


def test_what_nothing_accounts_for_is_found_at_both_ends_and_between() -> None:
    interval = Interval(1000, 9000)
    assert unaccounted([], interval) == [(1000, 9000)]
    assert unaccounted([claim(900, 5050), claim(5000, 9000)], interval) == []
    assert unaccounted([claim(1050, 4000), claim(4100, 8950)], interval) == []
    assert unaccounted([claim(1101, 4000), claim(4101, 8899)], interval) == [(1000, 1101), (4000, 4101), (8899, 9000)]
    assert unaccounted([claim(1000, 8000), claim(2000, 3000), claim(8000, 9000)], interval) == []
    assert unaccounted([claim(1000, 5000), claim(5000, 9000, boot=2)], interval) == [(5000, 5000)]


# --- the folder


def octets(data: bytes, upto: int | None = None) -> export.Octets:
    def blocks(begin: int) -> Iterator[bytes]:
        for at in range(begin, len(data) if upto is None else upto, 1 << 20):
            yield data[at : min(at + (1 << 20), len(data) if upto is None else upto)]

    return blocks


@pytest.fixture
def small_syncs(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(export, "SYNC_EVERY", 2 << 20)
    return 2 << 20


@pytest.mark.usefixtures("small_syncs")
def test_of_a_file_that_was_cut_off_only_what_was_synced_counts(tmp_path: Path) -> None:
    data = bytes(range(256)) * (5 << 12)
    folder, file = ExportFolder(tmp_path), ExportFile(path="original/x.mp4", bytes=len(data))
    with pytest.raises(BrokenOff):
        folder.fetch(file, octets(data, 3 << 20), lambda _: None)
    part = tmp_path / "original/x.mp4.part"
    part.write_bytes(part.read_bytes()[: 2 << 20] + b"what a pulled stick holds" * 9)
    asked: list[int] = []

    def told(begin: int) -> Iterator[bytes]:
        asked.append(begin)
        return octets(data)(begin)

    folder.fetch(file, told, lambda _: None)
    assert asked == [2 << 20]
    assert (tmp_path / "original/x.mp4").read_bytes() == data
    folder.fetch(file, told, lambda _: None)
    assert asked == [2 << 20], "what is whole is not asked for again"


def test_the_note_outlives_a_cut_at_any_time(tmp_path: Path) -> None:
    folder = ExportFolder(tmp_path / "E")
    folder.root.mkdir()
    assert folder.note is None
    note = Note(export="E-1", digest=None, files=["a.mp4"])
    folder.tell(note)
    with folder.as_it_will_be():
        assert list(folder.root.iterdir()) == []
        assert folder.note == note
    assert folder.note == note
    folder.complete()
    assert (folder.note, list(tmp_path.iterdir())) == (None, [folder.root])
    (folder.root / export.NOTE).write_text("{}")
    with pytest.raises(ValueError, match="not what edgectl writes"):
        assert folder.note


def test_a_place_in_a_volume_is_found_whatever_path_leads_there(tmp_path: Path) -> None:
    (tmp_path / "volume/lobby").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "volume/lobby")
    volumes = [str(tmp_path / "volume")]
    assert export.volume_around(tmp_path / "link", volumes) == volumes[0]
    assert export.volume_around(tmp_path / "volume", volumes) == volumes[0]
    assert export.volume_around(tmp_path, volumes) is None


def test_room_counts_what_small_files_take() -> None:
    files = [ExportFile(path="a", bytes=10), ExportFile(path="b", bytes=20)]
    assert export.bytes_needed(files) == 30 + 2 * export.CLUSTER_BYTES + export.SPARE_BYTES


def test_progress_in_words() -> None:
    assert copy_line("copying", 1 << 20, 4 << 20, 0.5) == "copying: 1.05 MB of 4.19 MB"
    assert copy_line("copying", 1 << 20, 4 << 20, 2.0) == "copying: 1.05 MB of 4.19 MB, 524 kB/s, 6s left"


def test_a_small_file_of_ours_goes_on_too(tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_bytes(b"abcdef")
    source = of_file(tmp_path / "key.txt")
    assert (source.size, b"".join(source.blocks(4))) == (6, b"ef")
