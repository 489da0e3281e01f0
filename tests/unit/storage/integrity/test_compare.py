"""What is held against a file, which events are worth which look, what the board remembers: pure."""

from __future__ import annotations

import stat
from pathlib import Path, PurePosixPath
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyEvent

from edged.alarms import conditions as condition
from edged.evidence.watches import DAYS_WATCHED, directories
from edged.host.file_events import NAMES_MAX, EventBoard, Watches, watches_allowed
from storage.integrity.compare import (
    Look,
    Row,
    SeenFile,
    Touch,
    Touched,
    aim,
    how_closely,
    is_loose,
    of_name,
    of_row,
    owning_name,
)
from storage.integrity.service import ROWS_MAX, ROWS_MIN, ROWS_PASS_S, SLACK_MS, is_suspicious, share
from storage.segments.findings_table import FaultKind, TamperedFiles
from storage.words.layout import DIR_MODE, FILE_MODE, part_path, segment_path
from storage.words.model import SegmentState, Severity

FINAL: Final = segment_path("lobby", 1_772_000_000_000, 7)
UID: Final = 1000
VOLUME: Final = "v"
WHOLE: Final = SeenFile(100, stat.S_IFREG | FILE_MODE, UID, 1, 5, 0)
SETTLED: Final = (SegmentState.COMMITTED, SegmentState.QUARANTINED)

seens: Final = st.builds(
    SeenFile,
    size=st.integers(0, 200),
    mode=st.sampled_from(
        [stat.S_IFREG | FILE_MODE, stat.S_IFREG | 0o666, stat.S_IFDIR | DIR_MODE, stat.S_IFLNK | 0o777]
    ),
    uid=st.sampled_from([UID, 0]),
    links=st.integers(1, 4),
    inode=st.just(5),
    changed_ms=st.just(0),
)
rows: Final = st.builds(
    lambda state, size, pins, linked: Row(state, size, pins, min(pins, linked)),
    st.sampled_from(SegmentState),
    st.integers(0, 200),
    st.integers(0, 3),
    st.integers(0, 3),
)


@given(rows, st.none() | seens)
def test_a_row_is_satisfied_by_its_file_alone(row: Row, seen: SeenFile | None) -> None:
    kinds = of_row(row, seen, UID)
    if row.state not in SETTLED:
        assert kinds == [], "what is written or destroyed may be as it likes"
        return
    assert (kinds == []) == (
        seen is not None
        and stat.S_ISREG(seen.mode)
        and seen.size == row.bytes
        and 1 + row.linked <= seen.links <= 1 + row.pins
        and not is_loose(seen, UID)
    )
    assert (FaultKind.MISSING in kinds) == (seen is None)


@pytest.mark.parametrize(
    ("name", "row", "seen", "kind"),
    [
        (FINAL, Row(SegmentState.COMMITTED, 100, 0, 0), WHOLE, None),
        (part_path(FINAL), Row(SegmentState.OPEN, 0, 0, 0), WHOLE, None),
        (FINAL, None, WHOLE, FaultKind.APPEARED),
        (part_path(FINAL), None, WHOLE, FaultKind.APPEARED),
        (FINAL.with_name(FINAL.name + ".quarantined"), None, WHOLE, FaultKind.APPEARED),
        (FINAL.with_name("notes.txt"), None, WHOLE, FaultKind.STRANGE),
        (PurePosixPath("notes.txt"), None, WHOLE, FaultKind.STRANGE),
        (PurePosixPath("lobby/notes.txt"), None, WHOLE, FaultKind.STRANGE),
        (PurePosixPath(".edged-volume.json"), None, WHOLE, None),
        (PurePosixPath(".ledger/2026-02-25.jsonl"), None, WHOLE, None),
        (PurePosixPath("lost+found"), None, SeenFile(0, stat.S_IFDIR | 0o700, 0, 2, 1, 0), None),
        (PurePosixPath("lobby"), None, SeenFile(0, stat.S_IFDIR | DIR_MODE, UID, 2, 1, 0), None),
        (PurePosixPath("lobby/2026-02-25"), None, SeenFile(0, stat.S_IFDIR | DIR_MODE, UID, 2, 1, 0), None),
        (PurePosixPath("lobby/other"), None, SeenFile(0, stat.S_IFDIR | DIR_MODE, UID, 2, 1, 0), FaultKind.STRANGE),
        (PurePosixPath(".hidden"), None, SeenFile(0, stat.S_IFDIR | DIR_MODE, UID, 2, 1, 0), FaultKind.STRANGE),
    ],
)
def test_each_name_is_ours_or_told(
    name: PurePosixPath, row: Row | None, seen: SeenFile, kind: FaultKind | None
) -> None:
    assert of_name(name, row, seen) == kind


def test_tighter_rights_are_nobodys_harm() -> None:
    assert not is_loose(SeenFile(0, stat.S_IFREG | 0o400, UID, 1, 1, 0), UID)
    assert is_loose(SeenFile(0, stat.S_IFREG | 0o641, UID, 1, 1, 0), UID)


def test_a_name_in_progress_is_known_under_its_final_one() -> None:
    assert owning_name(part_path(FINAL)) == owning_name(FINAL) == FINAL


# --- events -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "look"),
    [
        ({Touch.COMPLETED}, Look.SHALLOW),
        ({Touch.COMPLETED, Touch.CLOSED}, Look.SHALLOW),
        ({Touch.COMPLETED, Touch.WRITTEN}, Look.DEEP),
        ({Touch.WRITTEN}, Look.DEEP),
        ({Touch.CLOSED}, Look.DEEP),
        ({Touch.NAMED}, Look.DEEP),
        ({Touch.GONE}, Look.SHALLOW),
        ({Touch.GONE, Touch.NAMED}, Look.DEEP),
    ],
)
def test_how_closely_a_segment_is_looked_at(what: set[Touch], look: Look) -> None:
    """What a worker has just hashed is not hashed again; what anybody may have changed is."""
    assert how_closely(FINAL, what, directory=False) is look


@given(
    st.sets(st.sampled_from(Touch), min_size=1),
    st.sampled_from([".ledger/x", ".edged-volume.json", ".pins/P/pin.json.new", ".pins/P/x"]),
)
def test_what_others_look_at_is_left_to_them(what: set[Touch], name: str) -> None:
    assert how_closely(PurePosixPath(name), what, directory=False) is Look.NONE


def test_what_tells_of_pins_is_looked_at() -> None:
    assert how_closely(PurePosixPath(".pins/P/pin.json"), {Touch.NAMED}, directory=False) is Look.PIN
    for name in (".pins", ".pins/P"):
        assert how_closely(PurePosixPath(name), {Touch.GONE, Touch.NAMED}, directory=True) is Look.PIN
        assert how_closely(PurePosixPath(name), {Touch.NAMED}, directory=True) is Look.NONE


def test_directories_are_looked_into() -> None:
    assert how_closely(PurePosixPath("lobby"), {Touch.GONE}, directory=True) is Look.CAMERA
    assert how_closely(FINAL.parent, {Touch.GONE}, directory=True) is Look.DAY
    assert how_closely(PurePosixPath("lobby/x"), {Touch.NAMED}, directory=True) is Look.SHALLOW


def test_a_volume_itself_is_looked_at_by_others() -> None:
    """One that came by a reload is new to the watch, and chmod may befall the root of any."""
    root = PurePosixPath(".")
    assert how_closely(aim(root), {Touch.NAMED}, directory=True) is Look.NONE


def test_a_pins_link_leads_to_its_segment() -> None:
    assert aim(PurePosixPath(".pins/P-20260225-AB12", f"lobby_{FINAL.name}")) == FINAL
    aside = FINAL.with_name(FINAL.name + ".quarantined")
    assert aim(PurePosixPath(".pins/P-20260225-AB12", f"lobby_{aside.name}")) == aside
    sidecar = PurePosixPath(".pins/P-20260225-AB12/pin.json")
    assert aim(sidecar) == sidecar


def event(mask: int, cookie: int = 0) -> InotifyEvent:
    return InotifyEvent(1, mask, cookie, b"name")  # type: ignore[arg-type]


IN: Final = InotifyConstants


def test_a_commit_is_seen_as_one_and_a_look_alike_is_not() -> None:
    board = EventBoard()
    board.note((VOLUME, part_path(FINAL)), event(IN.IN_MOVED_FROM, 3), 1.0)
    board.note((VOLUME, FINAL), event(IN.IN_MOVED_TO, 3), 1.0)
    other = segment_path("lobby", 1_772_000_000_000, 8)
    board.note((VOLUME, part_path(FINAL)), event(IN.IN_MOVED_FROM, 4), 1.0)
    board.note((VOLUME, other), event(IN.IN_MOVED_TO, 4), 1.0)
    assert board.take(1.0, 10) == [
        Touched(VOLUME, FINAL, frozenset({Touch.COMPLETED})),
        Touched(VOLUME, other, frozenset({Touch.NAMED})),
    ]


def test_what_is_in_progress_fills_no_board() -> None:
    board = EventBoard()
    for mask in (IN.IN_MODIFY, IN.IN_CLOSE_WRITE, IN.IN_DELETE, IN.IN_MOVED_FROM):
        board.note((VOLUME, part_path(FINAL)), event(mask), 1.0)
    assert board.take(9.0, 10) == []


def test_a_name_is_looked_at_once_it_is_quiet() -> None:
    board = EventBoard()
    board.note((VOLUME, FINAL), event(IN.IN_MODIFY), 1.0)
    board.note((VOLUME, FINAL), event(IN.IN_CLOSE_WRITE), 5.0)
    assert board.take(4.0, 10) == []
    assert board.take(5.0, 10) == [Touched(VOLUME, FINAL, frozenset({Touch.WRITTEN, Touch.CLOSED}))]
    assert board.take(9.0, 10) == []


def test_a_storm_is_bounded_and_told() -> None:
    board = EventBoard()
    for number in range(NAMES_MAX + 10):
        board.note((VOLUME, PurePosixPath(f"lobby/2026-02-25/{number}")), event(IN.IN_CREATE), 1.0)
    assert board.was_lost()
    assert not board.was_lost(), "once"
    assert len(board.take(1.0, 2 * NAMES_MAX)) == NAMES_MAX


def test_a_queue_that_overflows_is_told_by_the_library(tmp_path: Path) -> None:
    """Fed to watchdog as the kernel would: the limit is one for the whole box."""
    watches = Watches()
    try:
        assert watches.place({(VOLUME, PurePosixPath(".")): tmp_path}) == [(VOLUME, PurePosixPath("."))]
        watches._thread.handle_event(InotifyEvent(-1, IN.IN_Q_OVERFLOW, 0, b""))  # type: ignore[arg-type]
        assert watches.board.was_lost()
    finally:
        watches.close()
    assert not watches.alive


def test_watches_follow_what_is_wanted(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    places = {(VOLUME, PurePosixPath(name)): tmp_path / name for name in ("a", "b", "gone")}
    watches = Watches()
    try:
        assert len(watches.place(places)) == watches.count == 2
        assert watches.place({(VOLUME, PurePosixPath("b")): tmp_path / "b"}) == []
        assert watches.count == 1
    finally:
        watches.close()


def test_what_has_another_name_is_watched_under_that_and_what_took_its_place_anew(tmp_path: Path) -> None:
    """The kernel goes on watching the directory, whatever its name."""
    for name in ("a", "a/x", "b"):
        (tmp_path / name).mkdir()
    places = {(VOLUME, PurePosixPath(name)): tmp_path / name for name in ("a", "a/x", "b")}
    watches = Watches()
    try:
        assert len(watches.place(places)) == 3
        (tmp_path / "b").rmdir()
        (tmp_path / "a").rename(tmp_path / "b")
        for name in ("a", "a/x"):
            (tmp_path / name).mkdir()
        watches.moved((VOLUME, PurePosixPath("a")))  # as its thread hears
        watches.forget((VOLUME, PurePosixPath("b")), CallbackId(3))
        assert watches.board.directories_changed()
        assert [str(relative) for _, relative in watches.place(places)] == ["a", "a/x", "b"]
        watches.forget((VOLUME, PurePosixPath("b")), CallbackId(3))
        assert watches.count == 3, "told late, of what was there before"
    finally:
        watches.close()


def test_two_names_of_one_directory_are_both_watched(tmp_path: Path) -> None:
    """For as long as it takes to hear that one of them is not its name any more."""
    watches = Watches()
    try:
        one, other = (VOLUME, PurePosixPath(".")), ("w", PurePosixPath("."))
        assert watches.place({one: tmp_path, other: tmp_path}) == [one, other]
        assert watches.place({other: tmp_path}) == []
        assert [watch.is_used for watch in watches._thread._watch_for_wd.values()] == [True]
    finally:
        watches.close()


def test_the_last_days_are_watched(tmp_path: Path) -> None:
    days = [f"2026-02-{day:02}" for day in range(1, 25)]
    for day in days:
        (tmp_path / "lobby" / day).mkdir(parents=True)
    for other in (".pins/P-1", ".ledger", "lost+found", "lobby/other"):
        (tmp_path / other).mkdir(parents=True)
    watched = {str(relative) for _, relative in directories(VOLUME, tmp_path)}
    assert watched == {".", "lobby", ".pins", ".pins/P-1", *(f"lobby/{day}" for day in days[-DAYS_WATCHED:])}


def test_what_is_watched_stays_within_what_the_box_allows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "limit").write_text("100\n")
    monkeypatch.setattr("edged.host.file_events.LIMIT", tmp_path / "limit")
    assert watches_allowed() == 25
    monkeypatch.setattr("edged.host.file_events.LIMIT", tmp_path / "none")
    assert watches_allowed() > 0


# --- the rescan ---------------------------------------------------------------------------------------------------


@given(st.integers(0, 20_000_000), st.floats(10, 60))
def test_a_pass_takes_half_a_day(total: int, since_s: float) -> None:
    rows = share(total, since_s)
    assert ROWS_MIN <= rows <= ROWS_MAX
    if rows < ROWS_MAX:
        assert rows * ROWS_PASS_S / since_s >= total
    assert share(20_000_000, 10) < ROWS_MAX


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7))
def test_what_changed_since_the_last_pass_is_read(changed_ms: int, end_ms: int, before_ms: int) -> None:
    suspicious = is_suspicious(changed_ms, end_ms, before_ms)
    assert suspicious == (changed_ms > end_ms + SLACK_MS and changed_ms > before_ms - SLACK_MS)


# --- the alarm ----------------------------------------------------------------------------------------------------


def test_the_alarm_names_the_first_files_and_no_figure() -> None:
    one = TamperedFiles("id", "/srv/edged", (("lobby/a", "missing"), ("lobby/b", "content")), more=True)
    ((key, trouble),) = condition.tampering_troubles([one])
    assert key == "storage.tampered:id"
    assert trouble.severity is Severity.CRITICAL
    assert trouble.text == (
        "Files on volume /srv/edged are not as edged left them: lobby/a is gone, lobby/b has other content and others"
    )
    assert "fsck" in trouble.action
    assert list(condition.tampering_troubles([])) == []
