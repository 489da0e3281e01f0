"""Viewing copies of real footage: what lies there is what was granted, one account reads it, and it goes."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any, Final

import pytest

from edged.documents import exports as documents
from edged.evidence import verify
from edged.evidence.export_service import Gone
from edged.office.request import Stretch
from edged.office.viewing_copies import ViewingCopies
from edged.words.units import timestamp
from storage.exports.model import Export, OfficeRequest
from storage.retention.plan import Policy
from storage.words.errors import OrderRefused, OrderWrong, RetryError, UnknownId
from storage.words.model import Bounds, GapCause
from tests.support.office import DEADLINE_S
from tests.support.viewing import READER, REQUEST, SEGMENT_S, ViewedBox, can_be_somebody_else, read_as, stretch

OTHER: Final = READER + 1
SHORT: Final = Bounds(0, 60)
as_root = pytest.mark.skipif(not can_be_somebody_else(), reason="only root can read as another account")


@pytest.fixture
def box(memory: Path) -> Iterator[ViewedBox]:
    made = ViewedBox(memory)
    yield made
    made.store.close(clean=False)


def exported(box: ViewedBox, begun: int, from_s: float, to_s: float, request: OfficeRequest | None = REQUEST) -> Export:
    """By people, with reason and list."""
    wanted = documents.ExportAsked(
        cameras=["lobby"], start=timestamp(begun + round(from_s * 1000)), end=timestamp(begun + round(to_s * 1000)),
        reason="because", destroy_by=None, whole_segments=False, max_file_bytes=1 << 30, dry_run=False,
    )  # fmt: skip
    export, _ = box.exports.begin(wanted, "chen", request)
    box.exports.prepare(export.id, lambda _: None, Event())
    return export


def folder_of(box: ViewedBox, export: Export, root: Path) -> Path:
    """As edgectl writes it."""
    box.exports.seal(export.id, lambda _: None, Event())
    work = box.exports._works[export.id]
    for path, source in (work.sources | work.papers).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"".join(source.blocks(0)))
    return root


def faults(root: Path) -> list[str]:
    found = verify.Check(verify.Folder(root), None).run()
    return [code for code, _ in found.lines if verify.SENTENCES[code][0] == "x"]


# --- what lies there


@as_root
def test_one_account_reads_what_was_granted_until_the_viewing_is_over(box: ViewedBox) -> None:
    begun = box.recorded(3)
    heard: list[dict[str, Any]] = []
    copy = box.lay((stretch(begun, 5, 9),), heard.append)
    (film,) = copy.files
    assert (film.camera, film.from_ms, film.to_ms) == ("lobby", begun + 4000, begun + 9000), "the key frame before"
    assert (film.name, film.subtitles) == ("lobby-20260225-141324.mp4", "lobby-20260225-141324.vtt")
    assert (copy.number, copy.directory, copy.missing) == ("115-0007", box.place, ())
    assert heard[-1]["done"] == heard[-1]["total"] > film.bytes
    data = read_as(READER, box.place / film.name)
    assert data is not None
    assert len(data) == film.bytes
    assert "申請案號 115-0007" in (read_as(READER, box.place / str(film.subtitles)) or b"").decode()
    assert set((read_as(READER, box.place) or b"").decode().split()) == {film.name, film.subtitles}
    owner = box.place.stat()
    for path in (box.place, box.place / film.name):
        assert read_as(OTHER, path, (owner.st_gid,)) is None, "nobody else, and not its group"
    assert read_as(READER, box.base) is None, "no other request's number"
    assert (list(box.copies.laid), box.copies.troubles) == (["115-0007"], {})
    assert box.copies.remove("115-0007")
    assert read_as(READER, box.place) is None
    assert (list(box.base.iterdir()), box.copies.laid, box.events()) == ([], {}, ["begun", "finished", "destroyed"])
    assert box.copies.remove("115-0007"), "twice is fine"
    assert box.events() == ["begun", "finished", "destroyed"]


def test_it_is_the_film_of_the_export_byte_for_byte(box: ViewedBox) -> None:
    begun = box.recorded(4)
    export = exported(box, begun, 4.5, 20.5)
    copy = box.lay((stretch(begun, 4.5, 20.5),))
    for path, name in (("lobby.mp4", copy.files[0].name), ("lobby.vtt", copy.files[0].subtitles)):
        assert (box.place / str(name)).read_bytes() == b"".join(box.exports.source(export.id, path).blocks(0))


def test_a_grant_of_several_times_has_a_film_of_each_and_a_name_of_each(box: ViewedBox) -> None:
    """The last two begin with the same key frame."""
    begun = box.recorded(3, "lobby", "gate")
    gate = begun + 3 * SEGMENT_S * 1000
    scope = (
        stretch(begun, 1, 3),
        stretch(gate, 1, 3, "gate"),
        stretch(gate, 10.2, 10.4, "gate"),
        stretch(gate, 10.8, 11, "gate"),
    )
    copy = box.lay(scope)
    assert [one.name for one in copy.files] == [
        "lobby-20260225-141320.mp4",
        "gate-20260225-141338.mp4",
        "gate-20260225-141348.mp4",
        "gate-20260225-141348_2.mp4",
    ]
    assert sorted(path.name for path in box.place.iterdir()) == sorted(
        [*(one.name for one in copy.files), *(str(one.subtitles) for one in copy.files)]
    )
    assert len(copy.exports) == 4
    assert [one.order.request for one in box.store.exports.exports_of("115-0007")] == [REQUEST] * 4
    assert box.copies.remove("115-0007")
    assert box.events() == ["begun", "finished", "destroyed"] * 4


def test_what_was_granted_and_is_not_there_is_told(box: ViewedBox) -> None:
    """Half of it was destroyed before; a gap; what is not recorded yet."""
    begun = box.recorded(2, bounds=SHORT)
    box.clock.tick(60_000)
    box.store.begin_gap("lobby", None, GapCause.DROPPED, "").result(DEADLINE_S)
    box.recorded(1)
    policy = Policy({"lobby": SHORT})
    box.store.recover()
    box.store.sweep(lambda: policy)
    copy = box.lay((stretch(begun, 3, 120),))
    assert [one.from_ms for one in copy.files] == [begun + 72_000]
    told = [((one.from_ms - begun) / 1000, (one.to_ms - begun) / 1000, str(one.why)) for one in copy.missing]
    assert told == [
        (3, 6, "it was destroyed before"),
        (6, 12, "it was destroyed before"),
        (12, 72, "the connection broke"),
        (78, 120, "it is not recorded yet, or not complete"),
    ]


def test_where_nothing_is_left_that_is_told(box: ViewedBox) -> None:
    begun = box.recorded(1, bounds=SHORT)
    box.clock.tick(60_000)
    box.store.recover()
    box.store.sweep(lambda: Policy({"lobby": SHORT}))
    copy = box.lay((stretch(begun, 1, 4),))
    assert (copy.files, [one.why.code for one in copy.missing]) == ((), ["office.viewing.destroyed"])


def test_what_is_still_recorded_comes_later(box: ViewedBox) -> None:
    box.recorded(1)
    running = box.record("lobby")
    begun = box.clock.wall_ms
    box.clock.tick(5000)
    with pytest.raises(RetryError, match="not complete yet"):
        box.lay((stretch(begun, 1, 4),))
    assert list(box.base.iterdir()) == []
    running.file.abandon()


def without_leaf(box: ViewedBox, seq: int) -> None:
    """As of one recorded before fragments were told: no piece of it can be proven."""
    forget = f"UPDATE segments SET leaf = NULL WHERE seq = {seq}"  # noqa: S608
    box.store.exports._database.submit(lambda db: db.execute(forget)).result()


def test_no_whole_file_reaches_beyond_the_grant(box: ViewedBox, tmp_path: Path) -> None:
    """Of what no film can be made the file itself leaves: by a request only where all of it was granted."""
    begun = box.recorded(3)
    without_leaf(box, 2)
    within, beyond = (stretch(begun, 1, 17),), (stretch(begun, 8, 11),)
    assert [(one.subtitles is None, one.from_ms - begun, one.to_ms - begun) for one in box.lay(within).files] == [
        (False, 0, 17_200),
        (True, 6000, 12_000),
    ]
    box.copies.remove("115-0007")
    copy = box.lay(beyond)
    assert copy.files == ()
    assert [(one.from_ms, one.to_ms, one.why.code) for one in copy.missing] == [
        (begun + 8000, begun + 11_000, "manifest.whole-only")
    ]
    by_request = folder_of(box, exported(box, begun, 8, 11), tmp_path / "by-request")
    assert not (by_request / "original").exists()
    assert faults(by_request) == ["absent"], "and its own verifier says that it was recorded"
    plain = folder_of(box, exported(box, begun, 8, 11, None), tmp_path / "plain")
    assert (plain / "original").exists()
    assert faults(plain) == []


def test_an_export_by_a_request_bears_its_number_and_is_proven(box: ViewedBox, tmp_path: Path) -> None:
    begun = box.recorded(3)
    export = exported(box, begun, 2, 10)
    root = folder_of(box, export, tmp_path / "E")
    assert faults(root) == []
    listed = documents.Manifest.model_validate_json((root / "proof/manifest.json").read_bytes())
    assert (listed.office_request, listed.office_row) == ("115-0007", "P-public")
    assert "申請案號　115-0007（P-public）" in (root / "README.txt").read_text("utf-8-sig")
    assert "　申請案號 115-0007\n" in (root / "lobby.vtt").read_text("utf-8")
    assert box.exports.listed().exports[0].office_request == "115-0007"
    box.exports.finish(export.id, "chen")
    with pytest.raises(OrderWrong, match="no whole segments"):
        box.exports.begin(
            documents.ExportAsked(
                cameras=["lobby"], start=timestamp(begun), end=timestamp(begun + 1000), reason="because",
                destroy_by=None, whole_segments=True, max_file_bytes=1 << 30, dry_run=False,
            ),
            "chen", REQUEST,
        )  # fmt: skip


def test_a_viewing_copy_leaves_by_no_call_of_exports(box: ViewedBox) -> None:
    """Whoever knows its id gets nothing of it, and cannot end it."""
    begun = box.recorded(1)
    tried: list[str] = []

    def meanwhile(_: dict[str, Any]) -> None:
        (one,) = box.store.exports.viewed()
        calls: list[Callable[[], object]] = [
            lambda: box.exports.prepare(one.id, lambda _: None, Event()),
            lambda: box.exports.source(one.id, "lobby.mp4"),
            lambda: box.exports.seal(one.id, lambda _: None, Event()),
            lambda: box.exports.finish(one.id, "chen"),
            lambda: box.exports.abandon(one.id, "chen"),
        ]
        for call in calls:
            with pytest.raises(UnknownId, match="there is no export"):
                call()
            tried.append(one.id)

    box.lay((stretch(begun, 1, 4),), meanwhile)
    assert len(tried) >= 10, "while it is read, and while it is written"
    assert box.exports.listed().exports == []


# --- what keeps it away


def test_there_is_one_at_a_time(box: ViewedBox) -> None:
    begun = box.recorded(2)
    first = box.lay((stretch(begun, 1, 3),))
    with pytest.raises(OrderRefused, match="lies there already"):
        box.lay((stretch(begun, 4, 6),))
    assert (box.place / first.files[0].name).exists()
    other = box.copies.lay(
        OfficeRequest("115-0008", "P-public"), (stretch(begun, 4, 6),), READER, lambda _: None, Event()
    )
    assert sorted(box.copies.laid) == ["115-0007", "115-0008"]
    box.copies.remove("115-0007")
    assert (other.directory / other.files[0].name).exists(), "of another request"


@pytest.mark.parametrize("number", ["", "..", "115-0007/..", "person-1"])
def test_nothing_is_laid_by_what_is_no_number(box: ViewedBox, number: str) -> None:
    scope = (stretch(box.recorded(1), 1, 3),)
    for request, wanted in ((replace(REQUEST, number=number), scope), (REQUEST, ())):
        with pytest.raises(OrderWrong, match="nothing to lay out"):
            box.copies.lay(request, wanted, READER, lambda _: None, Event())
    assert not box.base.exists()


def test_whoever_does_not_wait_any_more_leaves_nothing_behind(box: ViewedBox) -> None:
    begun = box.recorded(3)
    gone, heard = Event(), list[dict[str, Any]]()

    def hear(told: dict[str, Any]) -> None:
        heard.append(told)
        if len(heard) == 4:  # three segments were read, and something was written
            assert any(path.stat().st_size for path in box.place.iterdir())
            gone.set()

    with pytest.raises(Gone):
        box.copies.lay(REQUEST, (stretch(begun, 1, 14),), READER, hear, gone)
    assert (list(box.base.iterdir()), box.copies.laid, box.copies.troubles) == ([], {}, {})
    assert box.events() == ["begun", "destroyed"]
    assert box.lay((stretch(begun, 1, 14),)).files


def test_footage_that_cannot_be_read_leaves_nothing_behind(box: ViewedBox, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = box.recorded(3)
    opened, count = box.store.exports.opened, [0]

    def fails(segment: Any) -> Any:
        count[0] += 1
        if count[0] > 6:
            raise OSError(5, os.strerror(5))
        return opened(segment)

    monkeypatch.setattr(box.store.exports, "opened", fails)
    with pytest.raises(OrderRefused, match="what was recorded cannot be read: Input/output error"):
        box.lay((stretch(begun, 1, 14),))
    assert (list(box.base.iterdir()), box.events()) == ([], ["begun", "destroyed"])


def link(box: ViewedBox, elsewhere: Path) -> None:
    box.base.symlink_to(elsewhere)


def open_to_group(box: ViewedBox, _: Path) -> None:
    box.base.mkdir()
    box.base.chmod(0o730)


def closed_above(box: ViewedBox, _: Path) -> None:
    box.copies = ViewingCopies(box.exports, box.store.exports, box.state / "viewings")


@pytest.mark.parametrize(
    ("plant", "why"),
    [(link, "Not a directory"), (open_to_group, "Operation not permitted"), (closed_above, "it may not enter .*state")],
)
def test_a_place_that_is_not_edgeds_own_or_out_of_reach_is_refused(
    box: ViewedBox, tmp_path: Path, plant: Callable[[ViewedBox, Path], None], why: str
) -> None:
    begun = box.recorded(1)
    plant(box, tmp_path)
    with pytest.raises(OrderRefused, match=why):
        box.lay((stretch(begun, 1, 3),))
    assert (list(tmp_path.iterdir()), box.events()) == ([], [])


def test_without_room_nothing_is_written(box: ViewedBox) -> None:
    box.copies = ViewingCopies(box.exports, box.store.exports, box.base, keep_free_bytes=1 << 60)
    with pytest.raises(OrderRefused, match="are free, of which"):
        box.lay((stretch(box.recorded(1), 1, 3),))
    assert (list(box.base.iterdir()), box.events()) == ([], ["begun", "destroyed"])


# --- what is left over


def test_the_next_start_removes_what_lies_there_and_touches_nothing_else(box: ViewedBox, tmp_path: Path) -> None:
    begun = box.recorded(2)
    copy = box.lay((stretch(begun, 1, 3),))
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter").write_text("dear")
    (box.place / "link").symlink_to(mine / "letter")
    (box.place / "away").symlink_to(mine)
    (box.place / "inner" / "deep").mkdir(parents=True)
    (box.place / "inner" / "out").symlink_to(mine)
    (box.base / "115-0008").symlink_to(mine)
    (box.base / "115-0009").write_text("x")
    os.mkfifo(box.base / "115-0010")
    (box.base / "115-0011").mkdir()
    (box.base / "notes").mkdir()
    box.restart()
    assert (box.place / copy.files[0].name).exists()
    assert box.copies.sweep() == [f"115-{number:04}" for number in range(7, 12)]
    assert [path.name for path in box.base.iterdir()] == ["notes"], "what edged did not lay stays"
    assert [told.code for told in box.copies.troubles.values()] == ["office.viewing-stranger"]
    assert (mine / "letter").read_text() == "dear"
    assert box.events() == ["begun", "finished", "destroyed"]
    assert box.copies.sweep() == []
    shutil.rmtree(box.base / "notes")
    box.copies.maintain()
    assert box.copies.troubles == {}


def test_films_are_emptied_by_whatever_name_and_nothing_else_is(box: ViewedBox, tmp_path: Path) -> None:
    """Somebody gave a film another name, and footage a name beside the films."""
    copy = box.lay((stretch(box.recorded(1), 1, 3),))
    footage = next(box.disk.rglob("*.mp4"))
    held = footage.read_bytes()
    (box.place / "planted.mp4").hardlink_to(footage)
    kept = box.base.parent / "kept.mp4"
    kept.hardlink_to(box.place / copy.files[0].name)
    (box.place / "notes.txt").write_text("dear")
    notes = box.base.parent / "notes.txt"
    notes.hardlink_to(box.place / "notes.txt")
    assert box.copies.remove("115-0007")
    assert list(box.base.iterdir()) == []
    assert (footage.read_bytes() == held, footage.stat().st_nlink) == (True, 1)
    assert (kept.read_bytes(), notes.read_text()) == (b"", "dear")
    assert box.events() == ["begun", "finished", "destroyed"]


def test_a_copy_that_somebody_has_open_is_emptied(box: ViewedBox) -> None:
    copy = box.lay((stretch(box.recorded(1), 1, 3),))
    with (box.place / copy.files[0].name).open("rb", buffering=0) as file:
        assert file.read(4)
        box.copies.remove("115-0007")
        assert file.read() == b""


def test_where_the_place_is_not_mounted_nobody_says_that_it_is_gone(box: ViewedBox) -> None:
    begun = box.recorded(1)
    box.lay((stretch(begun, 1, 3),))
    away = box.base.rename(box.base.with_name("away"))
    box.restart()
    assert box.copies.sweep() == ["115-0007"]
    assert "No such file or directory" in box.copies.troubles["115-0007"]
    with pytest.raises(OrderRefused, match="No such file or directory"):
        box.lay((stretch(begun, 1, 3),))
    assert box.events() == ["begun", "finished"]
    away.rename(box.base)
    box.copies.maintain()
    assert (box.copies.troubles, box.events(), list(box.base.iterdir())) == ({}, ["begun", "finished", "destroyed"], [])


def test_it_goes_with_the_footage_that_it_was_made_of(box: ViewedBox) -> None:
    """No copy that is kept on the box outlives a ceiling (S3)."""
    begun = box.recorded(2, bounds=Bounds(0, 60))
    box.lay((stretch(begun, 1, 3),))
    box.store.recover()
    assert box.copies.maintain() == []
    box.clock.tick(60_000)
    box.store.sweep(lambda: Policy({"lobby": SHORT}))
    assert box.copies.maintain() == ["115-0007"]
    assert (list(box.base.iterdir()), box.copies.laid) == ([], {})
    assert box.copies.maintain() == []
    assert box.events() == ["begun", "finished", "destroyed"]


def test_the_end_waits_for_the_beginning_and_maintenance_for_nobody(box: ViewedBox) -> None:
    """Two threads: whoever ends a viewing while it is laid finds it laid, and removes it."""
    begun = box.recorded(2)
    going, go_on, ended = Event(), Event(), Event()

    def hear(_: dict[str, Any]) -> None:
        going.set()
        assert go_on.wait(DEADLINE_S)

    def end() -> None:
        box.copies.remove("115-0007")
        ended.set()

    laying = threading.Thread(target=lambda: box.lay((stretch(begun, 1, 3),), hear))
    laying.start()
    assert going.wait(DEADLINE_S)
    ending = threading.Thread(target=end)
    ending.start()
    box.copies.maintain()
    assert box.place.exists()
    assert not ended.is_set()
    go_on.set()
    laying.join(DEADLINE_S)
    ending.join(DEADLINE_S)
    assert (ended.is_set(), list(box.base.iterdir()), box.copies.troubles) == (True, [], {})


def test_many_requests_at_once(box: ViewedBox) -> None:
    begun = box.recorded(2)

    def lay(number: int) -> None:
        request = OfficeRequest(f"115-{number:04}", "P-public")
        box.copies.lay(request, (Stretch("lobby", begun + 1000, begun + 3000),), READER, lambda _: None, Event())

    threads = [threading.Thread(target=lay, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(DEADLINE_S)
    assert (
        sorted(box.copies.laid) == sorted(path.name for path in box.base.iterdir()) == [f"115-{n:04}" for n in range(4)]
    )
