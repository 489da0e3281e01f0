"""Files that are not what the catalog says: found by fsck, after an event, by the rescan; own doings never."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import Any, Final

import pytest

from edged.words import exit_codes
from storage.integrity import fsck, inspect_file
from storage.integrity import service as checks
from storage.integrity.compare import Fault, Touch, Touched
from storage.integrity.fsck import Fsck, Level, Scope
from storage.ledger.table import Leaf
from storage.retention.bounds import WAIT_MS
from storage.retention.plan import Policy
from storage.segments.findings_table import FaultKind
from storage.store import offline
from storage.words.errors import UnknownId
from storage.words.layout import IDENTITY_NAME
from storage.words.message import Message
from storage.words.model import Bounds, Parts, Segment, Sha256
from tests.support import tiny_mp4
from tests.support.office import BOUNDS, DEADLINE_S, Office

EDGECTL: Final = [sys.executable, "-c", "import sys; from edged.cli.main import main; sys.exit(main(sys.argv[1:]))"]
PLANTED = "20260225T061320.000Z-77.mp4"
LONG = Bounds(floor_s=3600, ceiling_s=86_400)
MONTH = Bounds(floor_s=60, ceiling_s=30 * 86_400)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is under way here: nobody has to settle, and no recording has to go first."""
    monkeypatch.setattr(fsck, "SETTLE_S", 0.0)
    monkeypatch.setattr(checks, "PAUSE_SHARE", 0.0)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    box = Office(tmp_path)
    box.enrol("lobby")
    yield box
    box.store.close()


def kinds(office: Office, level: Level = Level.HASH) -> list[str]:
    """What fsck finds, as promise and kind, with the daemon up."""
    report = office.store.checks.fsck(Scope(level), Policy(), _nothing, threading.Event())
    return sorted(f"{fault.kind.promise} {fault.kind}" for fault in report.faults)


def _nothing(_told: Mapping[str, Any]) -> None:
    """Nobody looks."""


def touch(office: Office, path: Path, *what: Touch, directory: bool = False) -> int:
    relative = PurePosixPath(path.relative_to(office.disk))
    (volume,) = office.store.volumes()
    return office.store.checks.examine([Touched(volume.id, relative, frozenset(what), directory)])


def told(office: Office) -> list[tuple[str, str]]:
    """Files that an alarm would name, with what is wrong."""
    return [(Path(name).name, kind) for one in office.store.checks.tampered() for name, kind in one.files]


def scan(office: Office) -> list[tuple[str, str]]:
    """A whole pass."""
    office.store.checks.again()
    while office.store.checks.rescan():
        pass
    return told(office)


def flip(path: Path) -> None:
    """One byte, size and mtime as they were."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(-20, os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-20, os.SEEK_END)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def leaves(office: Office) -> list[str]:
    with closing(sqlite3.connect(office.state / "edged.db")) as db:
        return [body for (body,) in db.execute("SELECT body FROM leaves WHERE kind = ?", (Leaf.FINDING,))]


# --- fsck -------------------------------------------------------------------------------------------------------


def test_all_is_well(office: Office) -> None:
    for _ in range(3):
        office.segment("lobby")
    running = office.record("lobby")
    running.write(2)
    assert kinds(office) == []
    assert leaves(office) == []
    running.file.abandon()


@pytest.mark.parametrize(
    ("harm", "presence", "size", "hashed"),
    [
        (lambda path: path.unlink(), ["S4 missing"], ["S4 missing"], ["S4 missing"]),
        (lambda path: os.truncate(path, 100), [], ["S4 size"], ["S4 size"]),
        (flip, [], [], ["S4 content"]),
        (lambda path: path.chmod(0o666), *(["S5 mode"],) * 3),
        (lambda path: os.link(path, path.parents[2] / "kept"), *(["S5 link", "S5 strange"],) * 3),
        (lambda path: path.rename(path.with_name("x.mp4")), *(["S4 missing", "S5 strange"],) * 3),
        (lambda path: shutil.copy(path, path.with_name(PLANTED)), *(["S5 appeared", "S5 mode"],) * 3),
        (lambda path: (path.parent / "notes.txt").write_text("?"), *(["S5 strange"],) * 3),
        (lambda path: (path.parents[1] / "notes.txt").write_text("?"), *(["S5 strange"],) * 3),
        (lambda path: path.parent.chmod(0o777), *(["S5 mode"],) * 3),
    ],
    ids=["gone", "cut", "flipped", "mode", "link", "renamed", "planted", "notes", "notes-beside-days", "open-day"],
)
def test_each_harm_is_found_at_its_level(
    office: Office, harm: Any, presence: list[str], size: list[str], hashed: list[str]
) -> None:
    office.segment("lobby")
    path = office.segment("lobby").path
    harm(path)
    for level, expected in zip(Level, (presence, size, hashed), strict=True):
        found = [one for one in kinds(office, level) if one != "S5 mode" or "S5 mode" in expected]
        assert set(found) <= set(expected)
        assert set(expected) - {"S5 mode"} <= set(found)


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("UPDATE holdings SET bytes = bytes + 1", "S12 counter"),
        ("DELETE FROM holdings", "S12 counter"),
        ("DELETE FROM gaps", "S9 hole"),
        ("UPDATE segments SET pins = 1 WHERE seq = 1", "S2 pin"),
        ("UPDATE segments SET state = 'garbage' WHERE seq = 1", "S1 floor"),
        ("DELETE FROM leaves WHERE number = 2", "S13 leaves"),
        ("DELETE FROM segments WHERE seq = 1", "S5 appeared"),
    ],
)
def test_a_catalog_that_contradicts_itself_is_found(office: Office, sql: str, found: str) -> None:
    office.clock.tick(5000)
    for _ in range(3):
        office.segment("lobby", bounds=LONG)
    assert kinds(office, Level.SIZE) == []
    with closing(sqlite3.connect(office.state / "edged.db")) as db:
        db.execute(sql)
        db.commit()
    assert found in kinds(office, Level.SIZE)


def test_a_mirror_that_was_changed(office: Office) -> None:
    office.segment("lobby")
    office.store.close()
    (mirror,) = (office.disk / ".ledger").glob("*.jsonl")
    with offline.opened(office.state, office.clock, Policy()) as site:
        assert Fsck(site, Scope(Level.HASH)).run().faults == []
    text = mirror.read_text()
    mirror.write_text(text.replace('"seq":1', '"seq":2', 1))
    assert mirror.read_text() != text
    with offline.opened(office.state, office.clock, Policy()) as site:
        assert [fault.kind for fault in Fsck(site, Scope(Level.HASH)).run().faults] == [FaultKind.MIRROR]


def test_past_its_ceiling_and_still_there(office: Office) -> None:
    office.segment("lobby")
    office.clock.tick((300 + 3600) * 1000 - 3000)
    assert kinds(office, Level.PRESENCE) == []
    office.clock.tick(10_000)
    assert kinds(office, Level.PRESENCE) == ["S3 ceiling"]


@pytest.mark.parametrize("readable", [True, False], ids=["as configured", "as last written down"])
def test_with_the_daemon_down_a_ceiling_that_waits_is_no_breach_and_one_that_holds_is(
    office: Office, readable: bool
) -> None:
    """Shortened when the daemon last swept: it holds a day of running time later, whoever runs meanwhile."""
    office.segment("lobby", bounds=MONTH)
    for bounds in (MONTH, BOUNDS):
        office.clock.tick(1000)
        office.store.sweep(lambda bounds=bounds: Policy({"lobby": bounds}))  # type: ignore[misc]
    office.store.close()
    policy = Policy({"lobby": BOUNDS}) if readable else None
    assert down(office, policy) == []
    office.clock.tick(WAIT_MS - 10_000)
    assert down(office, policy) == [], "it still waits"
    office.clock.tick(20_000)
    assert down(office, policy) == ["S3 ceiling"]
    assert down(office, Policy({"lobby": MONTH})) == [], "taken back meanwhile"


def down(office: Office, policy: Policy | None) -> list[str]:
    """What fsck finds with no daemon there."""
    with offline.opened(office.state, office.clock, policy) as site:
        return [f"{fault.kind.promise} {fault.kind}" for fault in Fsck(site, Scope(Level.SIZE)).run().faults]


def test_a_volume_that_lost_its_identity(office: Office) -> None:
    office.segment("lobby")
    (office.disk / IDENTITY_NAME).unlink()
    assert kinds(office) == ["S10 identity"]


def test_one_camera_alone(office: Office) -> None:
    office.enrol("door")
    paths = [office.segment(camera).path for camera in ("lobby", "door")]
    for path in paths:
        path.unlink()
    report = office.store.checks.fsck(Scope(Level.SIZE, camera="door"), Policy(), _nothing, threading.Event())
    assert [(fault.kind, Path(fault.where).parts[0]) for fault in report.faults] == [(FaultKind.MISSING, "door")]


@pytest.mark.parametrize("slip", [Scope(Level.SIZE, camera="dor"), Scope(Level.SIZE, volume="/srv/nope")])
def test_what_does_not_exist_is_not_well(office: Office, slip: Scope) -> None:
    with pytest.raises(UnknownId, match=r"dor|/srv/nope"):
        office.store.checks.fsck(slip, Policy(), _nothing, threading.Event())


def test_what_changes_meanwhile_is_no_fault(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is destroyed between the look and the telling; told without a second look it would be a fault."""
    path = office.segment("lobby").path
    away = path.rename(path.with_name("away"))
    again, suspected = Fsck._again, list[tuple[str, PurePosixPath]]()

    def destroyed_meanwhile(self: Fsck) -> None:
        suspected.extend(self._suspects)
        away.rename(path)
        office.clock.tick(400_000)
        assert office.store.sweep(no_policy).destroyed == 1
        again(self)

    monkeypatch.setattr(Fsck, "_again", destroyed_meanwhile)
    assert kinds(office) == []
    assert PurePosixPath(path.relative_to(office.disk)) in {relative for _, relative in suspected}


@pytest.mark.parametrize(
    "how",
    [
        "json_set(body, '$.root', printf('%064x', 7))",
        "json_set(body, '$.parts', 3)",
        "json_remove(body, '$.root')",
        "'x'",
    ],
)
def test_an_entry_that_tells_of_other_fragments_is_found(office: Office, how: str) -> None:
    """S4: nothing but an export looked at them, when it was too late."""
    office.segment("lobby")
    told = office.segment("lobby")
    assert kinds(office) == []
    on_leaf(office, f"UPDATE leaves SET body = {how} WHERE kind = 'segment' AND body ->> '$.seq' = 2")  # noqa: S608
    assert kinds(office, Level.SIZE) == []
    assert beside_mirror(office) == ["S4 parts"]
    flip(told.path)
    assert beside_mirror(office) == ["S4 content"], "of another file the fragments are others, too"


def beside_mirror(office: Office) -> list[str]:
    """What is found, but for a mirror that may have had the leaf before it was changed."""
    return [kind for kind in kinds(office) if kind != "S13 mirror"]


def test_of_what_was_recorded_before_fragments_were_told_only_whole_files_are_compared(office: Office) -> None:
    """It says so, and reads each file once."""
    first, second = office.segment("lobby"), office.segment("lobby")
    on_leaf(office, "UPDATE leaves SET body = json_remove(body, '$.parts', '$.root') WHERE body ->> '$.seq' = 1")
    report = office.store.checks.fsck(Scope(Level.HASH), Policy(), _nothing, threading.Event())
    assert (report.faults, report.whole_only, report.read_bytes) == ([], 1, first.bytes + second.bytes)
    on_leaf(office, "UPDATE segments SET leaf = NULL WHERE seq = 2")
    report = office.store.checks.fsck(Scope(Level.HASH), Policy(), _nothing, threading.Event())
    assert (report.faults, report.whole_only) == ([], 2)
    assert office.store.checks.fsck(Scope(Level.SIZE), Policy(), _nothing, threading.Event()).whole_only == 0


def on_leaf(office: Office, sql: str) -> None:
    """Somebody did it."""
    office.store._database.submit(lambda db: db.execute(sql).rowcount).result(DEADLINE_S)


def test_with_the_daemon_down(office: Office) -> None:
    kept = [office.segment("lobby") for _ in range(3)]
    office.store.close()
    before = sorted(path.name for path in office.state.iterdir())
    with offline.opened(office.state, office.clock, Policy()) as site:
        assert Fsck(site, Scope(Level.HASH)).run().faults == []
    flip(kept[0].path)
    kept[1].path.unlink()
    with offline.opened(office.state, office.clock, Policy()) as site:
        found = Fsck(site, Scope(Level.HASH)).run().faults
    assert sorted((fault.kind, Path(fault.where).name) for fault in found) == [
        (FaultKind.CONTENT, kept[0].path.name),
        (FaultKind.MISSING, kept[1].path.name),
    ]
    assert sorted(path.name for path in office.state.iterdir()) == before, "nothing is left behind"
    office.start()


def test_with_the_daemon_down_a_wrong_configuration_hides_nothing(office: Office, tmp_path: Path) -> None:
    """Where the state lies it says all the same; bounds are those that were last written down."""
    office.segment("lobby", bounds=MONTH).path.unlink()
    office.store.close()
    file = tmp_path / "edged.toml"
    file.write_text(f'[paths]\nstate = "{office.state}"\nsocket = "{tmp_path}/none.sock"\n[site]\nnode = "?"\n')
    done = subprocess.run([*EDGECTL, "--config", str(file), "fsck", "--json"], capture_output=True, check=False)
    assert done.returncode == exit_codes.FAILED
    assert [one["kind"] for one in json.loads(done.stdout)["findings"]] == ["missing"]
    assert b"cannot be used: floors and ceilings are taken as they last held" in done.stderr
    file.write_text("[paths")
    done = subprocess.run([*EDGECTL, "--config", str(file), "fsck", "--json"], capture_output=True, check=False)
    assert done.returncode == exit_codes.CONFIG


def _replace(path: Path) -> None:
    """By a file of the same size, in one step."""
    other = path.with_name("other")
    other.write_bytes(bytes(path.stat().st_size))
    other.chmod(0o640)
    other.replace(path)


# --- a look after an event ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("harm", "what", "kind"),
    [
        (lambda path: path.unlink(), Touch.GONE, "missing"),
        (lambda path: os.truncate(path, 100), Touch.WRITTEN, "size"),
        (flip, Touch.CLOSED, "content"),
        (lambda path: path.rename(path.parents[3] / "elsewhere.mp4"), Touch.GONE, "missing"),
        (_replace, Touch.NAMED, "content"),
    ],
    ids=["gone", "cut", "flipped", "moved", "replaced"],
)
def test_what_happens_to_a_file_is_found_once_and_ends_when_it_is_as_it_was(
    office: Office, tmp_path: Path, harm: Any, what: Touch, kind: str
) -> None:
    path = office.segment("lobby").path
    shutil.copy2(path, tmp_path / "copy")
    harm(path)
    assert touch(office, path, what) == 1
    assert touch(office, path, what) == 0, "it is known"
    assert told(office) == [(path.name, kind)]
    shutil.copy2(tmp_path / "copy", path)
    assert touch(office, path, Touch.NAMED) == 0
    assert told(office) == []
    assert [('"state":"differs"' in body, '"state":"agrees"' in body) for body in leaves(office)] == [
        (True, False),
        (False, True),
    ]


def test_touched_only_is_no_finding(office: Office) -> None:
    path = office.segment("lobby").path
    path.touch()
    assert touch(office, path, Touch.CLOSED) == 0
    assert scan(office) == []


def test_a_file_that_was_planted_is_told_taken_in_and_told_until_it_is_gone(office: Office) -> None:
    path = office.segment("lobby").path
    planted = path.with_name(PLANTED)
    planted.write_bytes(tiny_mp4.segment("{}", 3))
    planted.chmod(0o640)
    assert touch(office, planted, Touch.NAMED, Touch.CLOSED) == 1
    assert told(office) == [(PLANTED, "appeared")]
    assert not planted.exists(), "it has no story of ours, so it was set aside, and is governed"
    assert scan(office) == [(PLANTED, "appeared")], "it is known, but no less strange"
    planted.with_name(PLANTED + ".quarantined").unlink()
    office.store.checks.review()
    assert (PLANTED, "appeared") not in told(office)


def test_a_finding_ends_with_its_segment(office: Office) -> None:
    path = office.segment("lobby").path
    flip(path)
    assert touch(office, path, Touch.CLOSED) == 1
    office.clock.tick(400_000)
    assert office.store.sweep(no_policy).destroyed == 1
    office.store.checks.review()
    assert told(office) == []
    assert '"state":"destroyed"' in leaves(office)[-1]


def test_a_file_that_vanished_before_its_time_came_is_found_when_it_comes(office: Office) -> None:
    path = office.segment("lobby").path
    path.unlink()
    office.clock.tick(400_000)
    assert office.store.sweep(no_policy).destroyed == 1
    assert told(office) == [(path.name, "missing")]
    assert '"state":"differs"' in leaves(office)[-1]


def test_a_volume_that_is_being_gone_through_after_a_loss_is_left_alone(office: Office) -> None:
    """Everything on it would seem planted."""
    path = office.segment("lobby").path
    with closing(sqlite3.connect(office.state / "edged.db")) as db:
        db.execute("UPDATE volumes SET reconciled = 0")
        db.commit()
    planted = path.with_name(PLANTED)
    planted.write_bytes(b"?")
    assert touch(office, planted, Touch.NAMED) == 0
    assert scan(office) == []
    assert "S13 database" in kinds(office, Level.SIZE)


def test_a_day_that_vanishes_names_its_files(office: Office) -> None:
    first = office.segment("lobby").path
    for _ in range(4):
        office.segment("lobby")
    first.parent.rename(office.disk.parent / "stolen")
    assert touch(office, first.parent, Touch.GONE, directory=True) == 5
    (one,) = office.store.checks.tampered()
    assert (len(one.files), one.more) == (3, True)


def test_findings_are_bounded(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.segments.findings_table.FINDINGS_MAX", 2)
    first = office.segment("lobby").path
    office.segment("lobby")
    office.segment("lobby")
    shutil.rmtree(first.parent)
    assert touch(office, first.parent, Touch.GONE, directory=True) == 2
    assert len(leaves(office)) == 2


# --- the rescan ---------------------------------------------------------------------------------------------------


def test_what_happened_while_nobody_looked_is_found(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    segments: list[Segment] = [office.segment("lobby") for _ in range(4)]
    office.store.close()
    segments[0].path.unlink()
    os.truncate(segments[1].path, 7)
    flip(segments[2].path)
    (segments[3].path.parent / "notes.txt").write_text("?")
    office.start()
    found = scan(office)
    assert found == [
        (segments[0].path.name, "missing"),
        (segments[1].path.name, "size"),
        (segments[2].path.name, "content"),
    ]
    assert office.store.checks.tampered()[0].more, "and the notes"


def test_the_rescan_goes_on_where_it_was(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "ROWS_MIN", 2)
    segments = [office.segment("lobby") for _ in range(5)]
    assert office.store.checks.rescan() is True
    office.store.close()
    office.start()
    segments[0].path.unlink()
    segments[4].path.unlink()
    rounds = 1
    while office.store.checks.rescan():
        rounds += 1
    assert rounds <= 3
    assert told(office) == [(segments[4].path.name, "missing")], "what it had looked at waits for the next pass"
    office.store.checks.again()
    while office.store.checks.rescan():
        pass
    assert {name for name, _ in told(office)} == {segments[0].path.name, segments[4].path.name}


def test_an_unchanged_ring_is_not_read(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what was changed later than it was written, and since the last pass."""
    read: list[PurePosixPath] = []
    original = inspect_file.NameInspector._digest

    def counting(
        self: inspect_file.NameInspector, disk: inspect_file.VolumeDirectory, relative: PurePosixPath
    ) -> tuple[Sha256, Parts]:
        read.append(relative)
        return original(self, disk, relative)

    monkeypatch.setattr(inspect_file.NameInspector, "_digest", counting)
    office.clock.wall_ms = 4_000_000_000_000  # files are made now, which is earlier
    for _ in range(3):
        office.segment("lobby")
    assert scan(office) == []
    assert read == []


# --- the daemon's own doings --------------------------------------------------------------------------------------


def no_policy() -> Policy:
    """What was stamped holds."""
    return Policy()


def test_own_doings_are_no_findings(office: Office) -> None:
    """Commit, salvage, quarantine, destruction, all with a look in between at every name there ever was."""
    names: set[Path] = set()

    def look_everywhere() -> None:
        names.update(path for path in office.disk.rglob("*") if path.is_file() and path.name != IDENTITY_NAME)
        for path in names:
            for what in Touch:
                assert touch(office, path, what) == 0, (path, what)

    for number in range(6):
        recording = office.record("lobby")
        look_everywhere()
        recording.write(2)
        look_everywhere()
        office.clock.tick(1000)
        if number % 2:
            recording.file.abandon()
            office.salvage("lobby", recording.opening.seq)
        else:
            sealed = recording.close()
            look_everywhere()
            office.store.commit_segment(sealed).result(DEADLINE_S)
        look_everywhere()
    office.clock.tick(400_000)
    assert office.store.sweep(no_policy).destroyed == 6
    look_everywhere()
    assert scan(office) == []
    assert kinds(office) == []
    assert leaves(office) == []


def test_without_asking_the_catalog_anew_own_doings_would_show(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: who believes the row that he read before he looked takes a destruction for a theft."""
    path = office.segment("lobby").path
    relative = PurePosixPath(path.relative_to(office.disk))
    original = inspect_file.look_at

    def destroyed_meanwhile(disk: inspect_file.VolumeDirectory, name: PurePosixPath) -> Any:
        if path.exists():
            office.clock.tick(400_000)
            office.store.sweep(no_policy)
        return original(disk, name)

    (volume,) = office.store.volumes()
    disk = office.store._pool.present()[volume.id]
    inspector = inspect_file.NameInspector(office.store._database.read, os.geteuid())
    monkeypatch.setattr(inspect_file, "look_at", destroyed_meanwhile)
    claim = inspector._claim(disk, relative)
    assert inspector.kinds(disk, relative, claim, inspect_file.look_at(disk, relative)) == [FaultKind.MISSING], (
        "what he would say"
    )
    assert inspector.inspect(disk, relative, deep=True) == []


def test_a_fault_names_what_and_what_to_do() -> None:
    for what, action in inspect_file.WORDS.values():
        assert what
        assert action
    assert {kind.promise for kind in FaultKind} <= {f"S{number}" for number in range(1, 15)}
    assert Fault(FaultKind.SIZE, "v", "x", Message("w"), Message("a")).segment is None
