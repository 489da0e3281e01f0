"""A database that is lost in any way is made anew from the volumes, behind running recording (S13).

Each test loses it and then holds the catalog against the one before: segments, gaps, tombstones, boots, ages.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from storage.integrity import queries as integrity_queries
from storage.ledger import signer
from storage.mirror import files as mirror_files
from storage.mirror import service as mirror
from storage.mirror import table as mirror_table
from storage.recovery import detect
from storage.retention.plan import Policy
from storage.segments.queries import SEGMENT_SQL, SegmentRow, segment_row
from storage.volumes.volume import VolumeSpec
from storage.words.errors import DatabaseCorrupt, StoreError
from storage.words.model import Bounds, GapCause
from tests.support import promises
from tests.support.office import DEADLINE_S, Office

FLOOR = Bounds(floor_s=60, ceiling_s=300)
PAGE_BYTES = 4096


@pytest.fixture
def mirrored_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "ROUND_S", 1e6)


@pytest.fixture
def office(memory: Path) -> Iterator[Office]:
    opened = Office(memory)
    yield opened
    opened.store.close(clean=False)


def live(office: Office) -> None:
    """Two cameras, three boots, gaps with causes, a hole, some footage destroyed in its time, a quarantined file."""
    for camera in ("door", "lobby"):
        office.enrol(camera)
        office.clock.tick(1000)
    for _ in range(3):
        office.segment("door")
        office.segment("lobby", bounds=Bounds(0, 400))
    office.store.begin_gap("door", office.clock.now(), GapCause.UNREACHABLE, "no answer").result(DEADLINE_S)
    office.clock.tick(5000)
    office.segment("door")
    office.store.begin_gap("lobby", None, GapCause.STALLED, "").result(DEADLINE_S)
    office.store.close()
    office.clock.reboot(3_600_000)
    office.start()
    for camera in ("door", "lobby"):
        office.enrol(camera)
        office.clock.tick(2000)
        office.segment(camera)
    office.store.heartbeat().result(DEADLINE_S)
    office.clock.tick(310_000)
    office.store.sweep(lambda: Policy({"door": FLOOR, "lobby": FLOOR}))
    for camera in ("door", "lobby"):
        office.store.begin_gap(camera, None, GapCause.STALLED, "").result(DEADLINE_S)
        office.segment(camera)
    broken = office.record("lobby")
    broken.file.write(b"nothing that anybody could read")
    broken.file.abandon()
    office.clock.tick(2000)
    office.salvage("lobby", broken.opening.seq)
    office.segment("door")


def catalog(office: Office) -> dict[str, Any]:
    """What people see of it, and what ages and coverage stand on; numbers of rows mean nothing. What came back from a
    camera in a gap is in no leaf, and lost with the database."""
    with closing(sqlite3.connect(office.state / "edged.db")) as db:

        def ask(sql: str) -> list[Any]:
            return sorted(db.execute(sql).fetchall(), key=repr)

        return {
            "segments": ask(
                "SELECT c.id, s.seq, v.id, s.state, s.boot, s.start_boottime_ms, s.start_wall_ms, s.duration_ms,"
                " s.bytes, s.sha256, s.video_frames, s.floor_s, s.ceiling_s, s.epoch, s.synced, s.unproven, s.name,"
                " s.camera_offset_ms FROM segments s JOIN cameras c ON c.number = s.camera"
                " JOIN volumes v ON v.number = s.volume"
            ),
            "gaps": ask(
                "SELECT c.id, g.boot, g.start_boottime_ms, g.start_wall_ms, g.end_boot, g.end_boottime_ms,"
                " g.end_wall_ms, g.cause, g.inside FROM gaps g JOIN cameras c ON c.number = g.camera"
                " WHERE g.end_boot IS NOT NULL"
            ),
            "destroyed": ask(
                "SELECT c.id, d.boot, d.start_boottime_ms, d.start_wall_ms, d.end_boottime_ms FROM destroyed d"
                " JOIN cameras c ON c.number = d.camera"
            ),
            "boots": ask("SELECT number, boot_id FROM boots"),
            "holdings": ask(
                "SELECT c.id, v.id, h.floor_s, h.ceiling_s, h.segments, h.bytes FROM holdings h"
                " JOIN cameras c ON c.number = h.camera JOIN volumes v ON v.number = h.volume"
            ),
            "longest": ask("SELECT id, longest_ms FROM cameras"),
        }


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 // PAGE_BYTES * PAGE_BYTES)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def gone(path: Path) -> None:
    for one in path.parent.glob("edged.db*"):
        one.unlink()


def no_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(100))


LOSSES: list[Callable[[Path], None]] = [garbage, cut, empty, gone, no_header]


@pytest.mark.parametrize("lose", LOSSES, ids=lambda lose: lose.__name__)
@pytest.mark.parametrize("clean", [True, False], ids=["stopped", "killed"])
def test_a_lost_database_is_as_it_was(office: Office, lose: Callable[[Path], None], clean: bool) -> None:
    live(office)
    office.store.ledger.mirror_now()
    office.store.close(clean=clean)
    before = catalog(office)
    lose(office.state / "edged.db")
    office.start()
    records_at_once(office)
    rebuilt(office)
    assert_as_before(before, catalog(office))
    assert_told(office)


def records_at_once(office: Office) -> None:
    """Before anything was rebuilt, and with numbers that nobody had."""
    for camera in ("door", "lobby"):
        office.enrol(camera)
        made = office.segment(camera)
        assert made.seq > 1000
    office.store.sweep(lambda: Policy({"door": Bounds(0, 1), "lobby": Bounds(0, 1)}))


def rebuilt(office: Office) -> None:
    report = office.store.ledger.rebuild()
    assert (report.again, report.left, report.missing, report.unread, report.clashes) == (False, (), 0, 0, 0), report
    assert office.store.ledger.waiting() == []


def assert_as_before(before: dict[str, Any], after: dict[str, Any]) -> None:
    old = {(row[0], row[1]) for row in before["segments"]}
    assert [row for row in after["segments"] if (row[0], row[1]) in old] == before["segments"]
    assert all(row[1] > 1000 for row in after["segments"] if (row[0], row[1]) not in old), "nothing but what is new"
    missing = [gap for gap in before["gaps"] if gap not in after["gaps"]]
    assert missing == []
    assert len(after["gaps"]) <= len(before["gaps"]) + 4, "the pause, and the start"
    assert after["destroyed"] == before["destroyed"]
    assert after["boots"][: len(before["boots"])] == before["boots"]
    assert after["longest"] == before["longest"]


def assert_told(office: Office) -> None:
    rebuild = office.store.ledger.last_rebuild()
    assert rebuild is not None
    assert rebuild.end is not None
    assert rebuild.aside is None or Path(rebuild.aside).exists()


def test_nothing_is_destroyed_before_the_volume_is_known(office: Office) -> None:
    live(office)
    office.store.close()
    gone(office.state / "edged.db")
    office.clock.tick(10_000_000)
    office.start()
    files = office.files()
    policy = Policy({"door": Bounds(0, 1), "lobby": Bounds(0, 1)})
    assert office.store.sweep(lambda: policy).destroyed == 0
    assert office.files() == files
    rebuilt(office)
    assert office.store.sweep(lambda: policy).destroyed > 0, "past their ceilings, and nothing protects them any more"


def test_ages_go_on_and_without_the_boots_they_begin_anew(office: Office) -> None:
    live(office)
    office.store.close()
    office.clock.reboot(3_600_000)
    held = {usage.camera: usage.oldest_age_ms for usage in _usage(office)}
    gone(office.state / "edged.db")
    after = {usage.camera: usage.oldest_age_ms for usage in _usage(office)}
    assert all((after[camera] or 0) >= (held[camera] or 0) > 0 for camera in held)
    for ledger in office.disk.glob(".ledger/*"):
        ledger.unlink()
    gone(office.state / "edged.db")
    (office.state / "edged.head.json").unlink()
    anew = {usage.camera: usage.oldest_age_ms for usage in _usage(office)}
    assert all((anew[camera] or 0) < (held[camera] or 0) for camera in held), "counted anew"


def _usage(office: Office) -> list[Any]:
    office.start()
    office.store.ledger.rebuild()
    found = office.store.usage()
    office.store.close()
    return found


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=pytest.mark.long if seed >= 6 else ()) for seed in range(24)]
)
def test_pages_that_a_disk_spoilt(office: Office, seed: int) -> None:
    """Found at the start or when they are met; then the next start makes it anew."""
    live(office)
    office.store.close()
    before = catalog(office)
    path, chance = office.state / "edged.db", random.Random(seed)
    pages = path.stat().st_size // PAGE_BYTES
    with path.open("r+b") as file:
        for page in chance.sample(range(pages), 1 + seed % 3):
            file.seek(page * PAGE_BYTES)
            file.write(chance.randbytes(PAGE_BYTES))
    for _ in range(3):
        try:
            office.start()
            for camera in ("door", "lobby"):
                office.enrol(camera)
            office.store.ledger.rebuild(everything=True)
            catalog_is_readable(office)
            break
        except DatabaseCorrupt:
            assert (office.state / "edged.db.suspect").exists(), "word is left for the next start"
            office.store.close(clean=False)
    assert_as_before(before, catalog(office))


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "no space"), ValueError("a word that cannot be encoded")])
def test_damage_that_could_not_be_marked_is_marked_when_it_is_met_again(
    office: Office, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the mark lies there the next start would not begin anew, so nobody is told to end; then once."""
    heard: list[DatabaseCorrupt] = []
    office.store.ledger.when_damaged(heard.append)
    error, met = DatabaseCorrupt("it is damaged", ""), office.store.ledger._damaged

    def fails(_path: Path, _why: str) -> None:
        raise failure

    with monkeypatch.context() as broken:
        broken.setattr(detect, "mark", fails)
        with suppress(ValueError):
            met(error)
    assert heard == []
    met(error)
    met(error)
    assert heard == [error]
    assert (office.state / "edged.db.suspect").exists()


def catalog_is_readable(office: Office) -> None:
    """Every page of it."""
    office.store._database.read(lambda db: db.execute("PRAGMA integrity_check").fetchall())
    found = office.store._database.read(lambda db: db.execute("PRAGMA integrity_check").fetchone())
    if found != ("ok",):
        error = DatabaseCorrupt("integrity_check finds it broken", "")
        office.store.ledger._damaged(error)
        raise error


def test_an_older_copy_is_not_believed(office: Office) -> None:
    live(office)
    office.store.close()
    copy = office.state / "backup"
    shutil.copy(office.state / "edged.db", copy)
    office.start()
    for camera in ("door", "lobby"):
        office.enrol(camera)
        office.segment(camera)
    office.store.close()
    before = catalog(office)
    shutil.copy(copy, office.state / "edged.db")
    office.start()
    rebuild = office.store.ledger.last_rebuild()
    assert rebuild is not None
    assert "older" in rebuild.reason
    records_at_once(office)
    rebuilt(office)
    assert_as_before(before, catalog(office))


def test_a_lost_wal_is_an_older_database(office: Office) -> None:
    live(office)
    for _ in range(3):
        office.segment("door")
    office.store.ledger.mirror_now()
    taken = office.state.with_name("taken")
    shutil.copytree(office.state, taken)  # as a power cut would leave it
    office.crash()
    before = catalog(office)
    for one in office.state.glob("edged.db*"):
        one.unlink()
    shutil.copy(taken / "edged.db", office.state / "edged.db")
    office.start()
    records_at_once(office)
    rebuilt(office)
    assert_as_before(before, catalog(office))


def test_what_was_in_progress_is_salvaged(office: Office) -> None:
    office.enrol("door")
    office.segment("door")
    recording = office.record("door")
    recording.write(4)
    office.clock.tick(4000)
    recording.file.abandon()
    office.store.ledger.mirror_now()
    office.crash()
    gone(office.state / "edged.db")
    office.start()
    office.enrol("door")
    report = office.store.ledger.rebuild()
    assert (report.adopted, report.quarantined) == (1, 0)
    listed = office.store.segments("door", None, None)
    assert [segment.seq for segment in listed] == [1, 2]
    assert listed[1].boot == office.store.boot, "its boot is known, so its age is"
    gaps = [gap for gap in office.store.gaps("door", None, None) if gap.end and gap.cause is GapCause.DAEMON_CRASH]
    assert [gap.start for gap in gaps] == [listed[1].end], "what was recorded is no gap"


@pytest.mark.usefixtures("mirrored_when_told")
def test_of_the_pauses_of_a_segment_in_progress_most_are_known_again(office: Office) -> None:
    """S9: all but the first came out as recorded."""
    office.enrol("door")
    recording = office.record("door")
    recording.write(60)
    for _ in range(5):
        start = office.clock.tick(2_000)
        office.store.note_hole("door", start, office.clock.tick(3_000), GapCause.STALLED, "").result(DEADLINE_S)
    recording.file.abandon()
    office.store.ledger.mirror_now()
    office.crash()
    gone(office.state / "edged.db")
    office.start()
    office.enrol("door")
    rebuilt(office)
    (gap,) = [one for one in office.store.gaps("door", None, None) if one.cause is GapCause.STALLED]
    assert len(gap.pauses) == 4, "of five"


@pytest.mark.usefixtures("mirrored_when_told")
@pytest.mark.parametrize("was_synced", [True, False], ids=["under a clock that was right", "under one that was wrong"])
def test_what_was_in_progress_goes_by_the_clock_it_was_recorded_under(office: Office, was_synced: bool) -> None:
    """No head told of the epoch yet, and another one has begun since."""
    office.enrol("door")
    office.store.ledger.mirror_now()
    hour_ms = 3_600_000
    off_ms = 0 if was_synced else hour_ms
    set_clock(office, 5_000 + off_ms, synced=was_synced)
    recording = office.record("door")
    recording.write(4)
    office.clock.tick(4000)
    recording.file.abandon()
    office.store.ledger.mirror_now()
    office.crash()
    gone(office.state / "edged.db")
    office.clock.step_wall(hour_ms if was_synced else -off_ms)
    office.clock.is_synced = not was_synced
    office.start()
    office.store.ledger.rebuild()
    if was_synced:
        set_clock(office, 10_000 - hour_ms, synced=True)
    office.store.heartbeat().result(DEADLINE_S)
    (segment,) = office.store.segments("door", None, None)
    assert segment.synced == was_synced
    right_ms = recording.opening.start.wall_ms - off_ms
    assert segment.true_start.wall_ms == right_ms
    assert office.store.segments("door", right_ms, right_ms + 1) == [segment]


@pytest.mark.usefixtures("mirrored_when_told")
@pytest.mark.parametrize("readable", [True, False], ids=["with a story", "set aside"])
def test_what_was_recorded_under_a_clock_that_nobody_knows_is_corrected_by_no_other(
    office: Office, readable: bool
) -> None:
    """It got the number of this boot's epoch, and moved along when that was set right."""
    office.enrol("door")
    office.segment("door")
    office.store.ledger.mirror_now()
    office.crash()
    office.clock.reboot(60_000)
    office.clock.is_synced = False
    office.start()
    recording = office.record("door")
    if readable:
        recording.write(4)
    else:
        part = recording.file.path.with_name(recording.file.path.name + ".part")
        part.write_bytes(b"nothing that anybody could read")
    office.clock.tick(4000)
    recording.file.abandon()
    office.crash()
    gone(office.state / "edged.db")
    office.clock.reboot(60_000)
    office.start()
    report = office.store.ledger.rebuild()
    assert (report.adopted, report.quarantined) == (int(readable), int(not readable))
    set_clock(office, 3_600_000, synced=True)
    office.store.heartbeat().result(DEADLINE_S)

    def adopted(connection: sqlite3.Connection) -> SegmentRow:
        return segment_row(connection.execute(SEGMENT_SQL + "WHERE s.unproven = 1").fetchone())

    row = office.store._database.read(adopted)
    assert (row.start.wall_ms, row.correction_ms) == (recording.opening.start.wall_ms, None)


@pytest.mark.usefixtures("mirrored_when_told")
def test_no_epoch_gets_the_number_of_one_that_was_lost(office: Office) -> None:
    office.enrol("door")
    office.store.ledger.mirror_now()
    given = {office.store.epoch}
    for _ in range(3):
        for _ in range(2):
            set_clock(office, 5_000, synced=False)
            given.add(office.store.epoch)
        known = len(given)
        office.crash()
        gone(office.state / "edged.db")
        office.clock.reboot(60_000)
        office.start()
        given.add(office.store.epoch)
        assert len(given) == known + 1
        office.store.ledger.mirror_now()
    epochs = office.store._database.read(lambda db: mirror_table.snapshot(db, "wenshan", 0))["tables"]["epochs"]
    assert epochs[0]["number"] == max(given), "those of before are carried along"
    assert min(epoch["number"] for epoch in epochs) == 1


def set_clock(office: Office, by_ms: int, *, synced: bool) -> None:
    """And the daemon notices."""
    office.clock.step_wall(by_ms)
    office.clock.is_synced = synced
    office.store.clock_stepped(office.clock.now(), synced).result(DEADLINE_S)


def test_a_clock_that_was_set_forward_takes_no_gap_away(office: Office) -> None:
    """Both begin at one instant of running time: the step, and what the loss left unaccounted for (S9)."""
    office.enrol("door")
    office.store.ledger.mirror_now()
    office.clock.step_wall(6_000)
    recording = office.record("door")
    recording.write(3)
    office.clock.tick(300_000)
    recording.file.abandon()
    office.store.close()
    gone(office.state / "edged.db")
    office.start()
    office.enrol("door")
    office.store.ledger.rebuild()
    assert list(promises.unaccounted(promises.Box(office.state, {}))) == []
    assert [gap.cause for gap in office.store.gaps("door", None, None)][:1] == [GapCause.CLOCK_STEP]


@pytest.mark.usefixtures("mirrored_when_told")
@pytest.mark.parametrize("pauses_ms", [(0, 0), (0, 50), (50, 0), (50, 50)], ids=str)
@pytest.mark.parametrize("mirrored", [False, True], ids=["its segment was not mirrored", "its segment was mirrored"])
def test_a_clock_that_was_set_forward_beside_a_segment_leaves_no_hole(
    office: Office, mirrored: bool, pauses_ms: tuple[int, int]
) -> None:
    """Hours that no clock showed are a gap of their own, also where what the loss left unaccounted for is carved."""
    office.enrol("door")
    office.store.ledger.mirror_now()
    office.segment("door")
    if mirrored:
        office.store.ledger.mirror_now()
    office.clock.tick(pauses_ms[0])
    office.clock.step_wall(6_000)
    office.clock.tick(pauses_ms[1])
    office.segment("door")
    office.crash()
    gone(office.state / "edged.db")
    office.start()
    office.enrol("door")
    office.store.ledger.rebuild()
    office.store.close()
    assert promises.fsck(promises.Box(office.state, {}), office.clock) == []


@pytest.mark.usefixtures("mirrored_when_told")
@pytest.mark.parametrize("back_ms", [3_600_000, 30 * 365 * 86_400_000], ids=["an hour", "thirty years"])
def test_what_is_recorded_is_no_gap_although_the_clock_was_set_back_after_it(office: Office, back_ms: int) -> None:
    """Nobody but the file tells of it: the loss makes a gap that ends before it begins, by the wall clock."""
    office.enrol("door")
    office.store.ledger.mirror_now()
    recording = office.record("door")
    recording.write(3)
    recording.file.abandon()
    office.clock.tick(60_000)
    office.clock.step_wall(-back_ms)
    office.crash()
    gone(office.state / "edged.db")
    office.start()
    office.enrol("door")
    assert office.store.ledger.rebuild().gaps == 1
    (segment,) = office.store.segments("door", None, None)
    with closing(sqlite3.connect(office.state / "edged.db")) as db:
        first, *_ = db.execute(
            "SELECT start_boottime_ms, end_boottime_ms FROM gaps WHERE cause <> 'starting' ORDER BY start_boottime_ms"
        )
    assert first == (segment.end.boottime_ms, segment.start.boottime_ms + 60_000)


def test_a_rebuild_that_breaks_off_goes_on(office: Office) -> None:
    live(office)
    office.store.close()
    before = catalog(office)
    gone(office.state / "edged.db")
    for pages in range(3):
        office.start()
        seen: list[int] = []

        def stop(told: dict[str, Any], after: int = pages, seen: list[int] = seen) -> None:
            seen.append(1)
            if len(seen) > after:
                office.store.interrupt()

        office.store.ledger.rebuild(stop)
        office.crash()
    office.start()
    for camera in ("door", "lobby"):
        office.enrol(camera)
    assert not office.store.ledger.rebuild().again
    assert_as_before(before, catalog(office))


def test_a_row_whose_file_is_gone_stays_and_is_a_finding(office: Office) -> None:
    live(office)
    kept = office.store.segments("door", None, None)[-1]
    office.store.close()
    kept.path.unlink()
    gone(office.state / "edged.db")
    office.start()
    assert office.store.ledger.rebuild().missing == 1
    assert [segment.seq for segment in office.store.segments("door", None, None)][-1] == kept.seq


def test_a_day_of_more_segments_than_a_page_is_compared_whole(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 2 s each there are 43,200 in a day; and a clock that was set back gives several one time."""
    monkeypatch.setattr(integrity_queries, "PAGE_MAX", 2)
    office.enrol("door")
    made = []
    for _ in range(4):
        wall_ms = office.clock.wall_ms
        made += [office.segment("door"), office.segment("door")]
        office.clock.step_wall(wall_ms - office.clock.wall_ms)
    day = made[0].path.relative_to(office.disk).parent
    found = list(integrity_queries.rows_of_day(office.store._database.read, made[0].volume, PurePosixPath(day)))
    assert sorted(row.seq for row in found) == [segment.seq for segment in made]
    office.store.close()
    for segment in made[2:]:
        segment.path.unlink()
    gone(office.state / "edged.db")
    office.start()
    assert office.store.ledger.rebuild().missing == 6


def test_files_without_a_leaf_are_opened(office: Office) -> None:
    live(office)
    before = [(s.camera, s.seq, s.sha256, s.bytes) for s in office.store.segments(None, None, None)]
    office.store.close()
    gone(office.state / "edged.db")
    (office.state / "edged.head.json").unlink()
    shutil.rmtree(office.disk / ".ledger")
    office.start()
    report = office.store.ledger.rebuild()
    assert report.adopted == len(before)
    assert report.quarantined == 1
    after = office.store.segments(None, None, None)
    assert [(s.camera, s.seq, s.sha256, s.bytes) for s in after] == before
    assert all(segment.unproven for segment in after)


def test_an_unmounted_disk_is_known_from_the_head_beside_the_database(office: Office) -> None:
    live(office)
    office.store.close()
    gone(office.state / "edged.db")
    office.disk.rename(office.disk.with_name("unmounted"))
    office.disk.mkdir()
    with pytest.raises(StoreError, match="belongs here"):
        office.open()
    assert list(office.disk.iterdir()) == [], "nothing is written below a mount point without its disk"


def test_a_volume_that_was_away_catches_up_and_nothing_is_told_twice(memory: Path) -> None:
    office = Office(memory)
    second = memory / "second"
    second.mkdir()
    office.store.close()
    office.specs = (*office.specs, VolumeSpec(second))
    office.start()
    office.enrol("door")
    office.store.ledger.mirror_now()
    second.rename(memory / "away")
    live_a_little(office)
    office.store.ledger.mirror_now()
    (memory / "away").rename(second)
    live_a_little(office)
    office.store.ledger.mirror_now()  # which is a leaf, too: it is back
    office.store.close()
    assert numbers_on(second) == numbers_on(office.disk) == list(range(1, len(numbers_on(second)) + 1))


def live_a_little(office: Office) -> None:
    office.store.begin_gap("door", None, GapCause.STALLED, "").result(DEADLINE_S)
    office.clock.tick(1000)
    office.store.begin_gap("door", office.clock.now(), GapCause.DROPPED, "").result(DEADLINE_S)


def numbers_on(disk: Path) -> list[int]:
    fd = os.open(disk, os.O_RDONLY)
    try:
        with signer.opened(fd) as at:
            return [line.number for line in mirror_files.lines(at)]
    finally:
        os.close(fd)


def test_a_volume_that_is_away_prunes_nothing_and_is_gone_through_when_it_is_back(memory: Path) -> None:
    office = Office(memory)
    live(office)
    office.store.close()
    second = memory / "second"
    second.mkdir()
    office.specs = (*office.specs, VolumeSpec(second))
    office.start()
    office.store.ledger.mirror_now()
    before = catalog(office)
    office.store.close()
    gone(office.state / "edged.db")
    office.disk.rename(memory / "away")
    office.start()
    office.store.ledger.rebuild()
    rows = [(row[0], row[1]) for row in catalog(office)["segments"]]
    assert rows == [(row[0], row[1]) for row in before["segments"]], "known from the other volume's leaves"
    (memory / "away").rename(office.disk)
    assert len(office.store.ledger.waiting()) == 1
    report = office.store.ledger.rebuild()
    assert (len(report.volumes), report.missing, report.adopted) == (1, 0, 0)
    assert_as_before(before, catalog(office))
    office.store.close()


def test_the_mirror_begins_on_a_line_of_its_own_after_a_torn_one(office: Office) -> None:
    live(office)
    office.store.close()
    (newest,) = sorted((office.disk / ".ledger").glob("*.jsonl"))[-1:]
    with newest.open("ab") as file:
        file.write(b'{"n":99999,"t":1,"k":"seg')
    office.start()
    office.enrol("door")
    office.segment("door")
    office.store.close()
    numbers = numbers_on(office.disk)
    assert numbers == list(range(1, len(numbers) + 1))


def of_volumes(office: Office) -> dict[str, tuple[bool, bool, bool]]:
    """By path: retired, away, lost."""
    return {
        str(one.path): (one.retired, one.away, one.loss is not None)
        for one in office.store.volume_operations._inventory.known
    }


@pytest.mark.parametrize("with_head", [True, False], ids=["head", "no head"])
def test_volumes_are_what_they_were_retired_lost_and_replaced(office: Office, memory: Path, with_head: bool) -> None:
    """What became of them since the head was written is told by leaves, and a replacement at once."""
    office.store.close()
    paths = [office.disk, *(memory / name for name in ("second", "third"))]
    for path in paths[1:]:
        path.mkdir()
    office.specs = [VolumeSpec(path) for path in paths]
    office.start()
    office.enrol("door")
    office.store.volume_operations.retire(str(paths[1]))
    first = office.segment("door")
    on = next(path for path in paths if first.path.is_relative_to(path))
    spare = next(path for path in paths[::2] if path != on)
    office.store.ledger.mirror_now()
    office.store.volume_operations.retire(str(on))
    second = office.segment("door")
    assert second.path.is_relative_to(spare)
    shutil.rmtree(paths[1])
    assert office.store.volumes()
    paths[1].mkdir()
    office.store.volume_operations.replace(paths[1], VolumeSpec(paths[1]))
    before = of_volumes(office)
    lost = [one.loss for one in office.store.volume_operations._inventory.known if one.loss]
    assert len(lost) == 1
    office.crash()
    if not with_head:
        for head in (office.state / "edged.head.json", *(path / ".ledger" / "head.json" for path in paths)):
            head.unlink(missing_ok=True)
    gone(office.state / "edged.db")
    office.start()
    assert of_volumes(office) == before
    assert [one.loss for one in office.store.volume_operations._inventory.known if one.loss] == lost
    office.enrol("door")
    assert not office.segment("door").path.is_relative_to(on), "it is retired"
    assert not office.store.ledger.rebuild().left
    assert office.store.ledger.waiting() == []
    office.clock.tick(10_000_000)
    policy = Policy({"door": Bounds(0, 1)})
    office.store.sweep(lambda: policy)
    assert not first.path.exists(), "and governed until it is empty (S3)"


def test_the_last_leaves_are_found_whatever_the_clock_was_set_to(office: Office) -> None:
    """They lie in a file with an old name, and no head was due."""
    office.enrol("door")
    for _ in range(5):
        office.segment("door")
        office.store.ledger.mirror_now()
        office.clock.step_wall(mirror_table.DAY_MS)
    office.clock.step_wall(-100 * mirror_table.DAY_MS)
    office.segment("door")
    office.store.ledger.mirror_now()
    last = office.store._database.read(mirror_table.last_leaf)
    office.crash()
    fd = os.open(office.disk, os.O_RDONLY)
    try:
        with signer.opened(fd) as at:
            assert mirror_files.last_number(at) == last
    finally:
        os.close(fd)


def test_a_disk_that_was_restored_from_an_image_gets_the_leaves_it_lacks(memory: Path) -> None:
    office = Office(memory)
    second = memory / "second"
    second.mkdir()
    office.store.close()
    office.specs = (*office.specs, VolumeSpec(second))
    office.start()
    office.enrol("door")
    live_a_little(office)
    office.store.close()
    shutil.copytree(second, memory / "image")
    office.start()
    live_a_little(office)
    office.store.close()
    shutil.rmtree(second)
    (memory / "image").rename(second)
    office.start()
    live_a_little(office)
    office.store.close()
    assert numbers_on(second) == numbers_on(office.disk) == list(range(1, len(numbers_on(second)) + 1))


def test_a_volume_that_knows_more_than_a_database_from_a_backup_is_gone_through_first(memory: Path) -> None:
    """State directory and one disk are of yesterday; the other disk was away when they were put back."""
    office = Office(memory)
    second = memory / "second"
    second.mkdir()
    office.store.close()
    office.specs = (*office.specs, VolumeSpec(second))
    office.start()
    office.enrol("door")
    office.segment("door")
    office.store.close()
    for name in ("state", "disk"):
        shutil.copytree(memory / name, memory / f"{name}-backup")
    office.start()
    office.enrol("door")
    first = office.store.volumes()[0]
    office.store.volume_operations.retire(first.id if first.path == office.disk else str(office.disk))
    made = [office.segment("door") for _ in range(5)]
    assert made[0].path.is_relative_to(second)
    office.store.close()
    second.rename(memory / "away")
    for name in ("state", "disk"):
        shutil.rmtree(memory / name)
        (memory / f"{name}-backup").rename(memory / name)
    office.start()
    assert office.store.ledger.last_rebuild() is None, "nobody can tell yet"
    office.enrol("door")
    (memory / "away").rename(second)
    office.clock.tick(10_000_000)
    assert office.store.sweep(lambda: Policy({"door": Bounds(0, 1)})).destroyed <= 1, (
        "what lies on the other is not known"
    )
    assert all(segment.path.exists() for segment in made)
    assert len(office.store.ledger.waiting()) == 1
    assert not office.store.ledger.rebuild().again
    assert office.store.ledger.waiting() == []
    listed = [segment.sha256 for segment in office.store.segments("door", None, None)]
    assert all(segment.sha256 in listed for segment in made)
    office.store.sweep(lambda: Policy({"door": Bounds(0, 1)}))
    assert not any(segment.path.exists() for segment in made), "past its ceiling, and known"
    office.store.close()


@pytest.mark.parametrize(
    ("told", "volumes", "name"),
    [
        (None, [], None),  # a new box
        (None, [None], None),
        ("a", [], "a"),
        ("a", ["a", None], "a"),
        ("a", ["b"], "a"),  # another box's disk, in whatever name this one has
        (None, ["a", "a"], "a"),
        (None, ["a", None], None),  # an empty disk, or one that is not mounted yet
        (None, ["a", "c"], None),
        (None, ["a", "b"], None),
        ("b", ["a"], None),
    ],
)
def test_a_box_without_a_database_is_called_as_what_is_left_of_it_says(
    told: str | None, volumes: list[str | None], name: str | None
) -> None:
    assert detect.renamed("b", told, volumes) == name
