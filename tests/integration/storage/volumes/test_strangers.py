"""What strangers put on a volume: nothing of it stops the daemon, is written through, or makes anything go early.

Names that nobody would choose, links that lead elsewhere, lines and heads that nobody of ours wrote (S1, S5, S10).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

import pytest

from edged.site import documents as site_documents
from storage.integrity.compare import Touch, Touched
from storage.ledger import signer
from storage.retention.plan import Policy
from storage.words.layout import parse_segment_name, segment_path
from storage.words.model import Segment
from tests.support import tiny_mp4
from tests.support.office import BOUNDS, Office

LONG_AGO_MS: Final = 400_000
"""Past every ceiling of BOUNDS, in running time."""
HUGE: Final = 9_999_999_999_999_999_999
"""Nineteen digits, which no database column holds."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    box = Office(tmp_path)
    box.enrol("lobby")
    yield box
    box.store.close(clean=False)


def sweep(office: Office) -> int:
    return office.store.sweep(lambda: Policy({"lobby": BOUNDS})).destroyed


def lose(office: Office) -> None:
    """The database, while nobody runs."""
    office.store.close()
    for one in office.state.glob("edged*"):
        one.unlink()


def snapshot(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


# --- names ------------------------------------------------------------------------------------------------------

NAMES: Final = [
    b"x.mp4",
    b"\xff\xfe.mp4",
    b"\xff\xfe20260225T061320.000Z-7.mp4",
    b"20260225T061320.000Z-%d.mp4" % HUGE,
    b"20260225T061320.000Z-%d.mp4.part" % HUGE,
    b"20260225T061320.000Z-%d.mp4.quarantined" % HUGE,
    b"20260225T061320.000Z-%d.mp4" % ((1 << 63) - 1),
    b"a\nb.mp4",
    b"n" * 250,
]


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_a_file_of_any_name_stops_nothing(office: Office, name: bytes) -> None:
    made = office.segment("lobby")
    for directory in (made.path.parent, made.path.parent.parent, office.disk):
        (directory / os.fsdecode(name)).write_bytes(b"not footage")
    office.crash()
    office.start()
    office.store.recover()
    while office.store.checks.rescan():
        pass
    office.enrol("lobby")
    office.segment("lobby")
    lose(office)
    office.start()
    assert not office.store.ledger.rebuild().again
    assert office.store.segments("lobby", None, None)[0].path == made.path
    office.enrol("lobby")
    office.clock.tick(LONG_AGO_MS)
    office.store.recover()
    assert sweep(office) >= 1
    assert not made.path.exists()


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\nb", b"c" * 200, b".hidden"], ids=repr)
def test_a_directory_of_any_name_stops_no_rebuild(office: Office, name: bytes) -> None:
    made = office.segment("lobby")
    strange = office.disk / os.fsdecode(name) / "2026-02-25"
    strange.mkdir(parents=True)
    (strange / "20260225T061320.000Z-3.mp4").write_bytes(b"no footage")
    lose(office)
    office.start()
    office.store.ledger.rebuild()
    assert [one.path for one in office.store.segments("lobby", None, None)] == [made.path]
    assert office.store.ledger.waiting() == []
    office.store.recover()
    while office.store.checks.rescan():
        pass


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\nb", b"c" * 200, b".hidden", b"stranger"], ids=repr)
def test_the_tamper_watch_looks_at_any_name(office: Office, name: bytes) -> None:
    made = office.segment("lobby")
    camera = PurePosixPath(os.fsdecode(name))
    day = camera / "2026-02-25"
    (office.disk / day).mkdir(parents=True)
    file = day / "20260225T061320.000Z-3.mp4"
    link = PurePosixPath(".pins/P-20260225-ABCD") / f"{camera}_{file.name}"
    (office.disk / file).write_bytes(b"no footage")
    names = (camera, day, file, link)
    touched = [Touched(made.volume, one, frozenset({Touch.NAMED}), one in names[:2]) for one in names]
    office.store.checks.examine(touched)
    assert office.store.checks.tampered(), "it is told"
    assert made.path.exists()


@pytest.mark.parametrize("seq", [(1 << 63) - 1, 1 << 62, 1 << 53, (1 << 53) - 1, (1 << 52) + 1, (1 << 52) - 20_000])
def test_a_story_with_a_number_that_nobody_counts_to_stops_no_recording(office: Office, seq: int) -> None:
    made = office.segment("lobby")
    opening = office.opening("lobby")
    story: dict[str, Any] = json.loads(office.story(opening).to_json())
    story |= {"seq": seq}
    name = segment_path("lobby", opening.start.wall_ms, 7)
    path = office.disk / name.with_name(name.name.replace("-7.", f"-{seq}."))
    path.write_bytes(tiny_mp4.segment(json.dumps(story), 3))
    office.crash()
    office.start()
    office.store.recover()
    office.enrol("lobby")
    assert office.segment("lobby").seq > made.seq
    lose(office)
    office.start()
    office.store.ledger.rebuild()
    office.enrol("lobby")
    assert parse_segment_name(office.segment("lobby").path.name)


@pytest.mark.parametrize("wall_ms", [1 << 52, 253_402_300_800_000, -1, -(1 << 52)])
@pytest.mark.parametrize("told_by", ["a leaf", "a story"])
def test_a_time_beyond_all_calendars_keeps_no_volume_from_being_known(
    office: Office, told_by: str, wall_ms: int
) -> None:
    """The day of such footage had no name: its volume was never gone through, and nothing there went any more (S3)."""
    made = office.segment("lobby")
    if told_by == "a leaf":
        office.segment("lobby")
        office.store.ledger.mirror_now()
        lose(office)
        for file in (office.disk / signer.NAME).glob("*.jsonl"):
            lines = [json.loads(line) for line in file.read_text().splitlines()]
            for line in lines:
                if line["k"] == "segment" and line["b"]["seq"] == made.seq + 1:
                    line["b"]["start"]["wall_ms"] = wall_ms
            file.write_text("".join(json.dumps(line, separators=(",", ":"), sort_keys=True) + "\n" for line in lines))
    else:
        opening = office.opening("lobby")
        story: dict[str, Any] = json.loads(office.story(opening).to_json()) | {"wall_ms": wall_ms}
        path = office.disk / segment_path("lobby", wall_ms, opening.seq)
        path.parent.mkdir(parents=True)
        path.write_bytes(tiny_mp4.segment(json.dumps(story), 3))
        lose(office)
    office.start()
    report = office.store.ledger.rebuild()
    assert (report.again, office.store.ledger.waiting()) == (False, [])
    for one in office.store.segments(None, None, None):
        site_documents.segment(one)
    office.clock.tick(LONG_AGO_MS)
    sweep(office)
    assert not made.path.exists()


# --- links that lead elsewhere ----------------------------------------------------------------------------------


def elsewhere(office: Office, made: Segment) -> Path:
    """The camera's directory lies outside the volume now, and a symlink leads there."""
    outside = office.disk.parent / "outside"
    camera = made.path.parent.parent
    shutil.move(camera, outside)
    camera.symlink_to(outside)
    left = office.opening("lobby")
    stranger = outside / segment_path("lobby", left.start.wall_ms, 900).relative_to("lobby")
    stranger.parent.mkdir(exist_ok=True)
    stranger.with_name(stranger.name + ".part").write_bytes(tiny_mp4.segment(office.story(left).to_json(), 3) + b"torn")
    (stranger.parent / stranger.name.replace("-900", "-901")).write_bytes(b"not footage")
    return outside


def test_nothing_is_written_or_removed_through_a_symlink(office: Office) -> None:
    made = office.segment("lobby")
    outside = elsewhere(office, made)
    before = snapshot(outside)
    office.crash()
    office.start()
    office.store.recover()
    while office.store.checks.rescan():
        pass
    office.clock.tick(LONG_AGO_MS)
    sweep(office)
    assert snapshot(outside) == before


def test_no_pin_links_through_a_symlink_and_no_rebuild_takes_in_what_lies_behind_one(office: Office) -> None:
    made = office.segment("lobby")
    outside = elsewhere(office, made)
    before = snapshot(outside)
    lose(office)
    office.start()
    office.store.ledger.rebuild()
    office.store.recover()
    assert snapshot(outside) == before


def test_a_day_that_is_a_symlink_is_not_followed(office: Office) -> None:
    made = office.segment("lobby")
    outside = office.disk.parent / "outside"
    shutil.move(made.path.parent, outside)
    made.path.parent.symlink_to(outside)
    (outside / made.path.name.replace("-1.", "-77.")).write_bytes(b"not footage")
    before = snapshot(outside)
    office.crash()
    office.start()
    office.store.recover()
    office.clock.tick(LONG_AGO_MS)
    sweep(office)
    assert snapshot(outside) == before


# --- lines and heads --------------------------------------------------------------------------------------------


def leaf(number: int, kind: str, body: Any, wall_ms: int = 1_772_000_000_000) -> bytes:
    return json.dumps({"n": number, "t": wall_ms, "k": kind, "b": body}).encode() + b"\n"


def segment_body(office: Office, **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "camera": "lobby",
        "seq": 5000,
        "volume": office.store.volumes()[0].id,
        "start": {"boot": 1, "id": "boot-1", "boottime_ms": 1000, "wall_ms": 1_772_000_000_000},
        "duration_ms": 1000,
        "bytes": 100,
        "sha256": "00" * 32,
        "floor_s": 0,
        "ceiling_s": 1,
        "epoch": 1,
        "synced": True,
        "unproven": False,
        "frames": 1,
    }
    return body | more


def lines(office: Office) -> dict[str, bytes]:
    """What somebody might append to the ledger's mirror."""
    at = {"boot": 1, "id": "boot-1", "boottime_ms": 1000, "wall_ms": 1_772_000_000_000}
    far = segment_body(office, start=at | {"wall_ms": HUGE})
    return {
        "long": b"x" * (10 << 20) + b"\n",
        "long without an end": b'{"n":' * (2 << 20),
        "far number": leaf((1 << 62) - 1, "segment", {}),
        "far time": leaf(900, "run", {}, wall_ms=HUGE),
        "odd kind": leaf(901, 'a","b', {"x": 1}),
        "later kind": leaf(902, "hologram", {"x": 1}),
        "surrogate": b'{"n":903,"t":1,"k":"finding","b":{"x":"\\ud800"}}\n',
        "surrogate kind": b'{"n":903,"t":1,"k":"\\ud800","b":{}}\n',
        "not a number": b'{"n":904,"t":1,"k":"destroyed","b":{"x":NaN}}\n',
        "camera above": leaf(905, "segment", segment_body(office, camera="../outside")),
        "camera of another kind": leaf(906, "segment", segment_body(office, camera={"x": 1})),
        "camera without end": leaf(906, "segment", segment_body(office, camera="c" * 4000)),
        "name above": leaf(907, "quarantined", segment_body(office, name="../outside/secret.mp4.quarantined")),
        "name at the root": leaf(908, "quarantined", segment_body(office, name="/etc/hostname")),
        "number of nineteen digits": leaf(909, "segment", segment_body(office, seq=HUGE)),
        "last number": leaf(909, "segment", segment_body(office, seq=(1 << 63) - 1)),
        "time of nineteen digits": leaf(910, "segment", far),
        "place of another kind": leaf(911, "segment", segment_body(office, start=[1])),
        "boot of another kind": leaf(912, "boot", {"boot": {}, "id": 1, "boottime_ms": []}),
        "gap of another kind": leaf(913, "gap", {"camera": "lobby", "start": at, "end": at | {"boot": HUGE}}),
        "clock of another kind": leaf(914, "clock", {"what": "credit", "boot": [], "low_ms": {}}),
        "pin of another kind": leaf(915, "pin", {"what": "placed", "pin": 7, "cameras": 3, "from": "x"}),
        "bounds of another kind": leaf(916, "bounds", {"camera": 1, "at": at, "floor_s": HUGE, "ceiling_s": -1}),
        "volume of another kind": leaf(917, "volume", {"volume": {}, "path": 1, "what": []}),
        "deep": b"[" * 60_000 + b"\n",
    }


LINES: Final = (
    "long",
    "long without an end",
    "far number",
    "far time",
    "odd kind",
    "later kind",
    "surrogate",
    "surrogate kind",
    "not a number",
    "camera above",
    "camera of another kind",
    "camera without end",
    "name above",
    "name at the root",
    "number of nineteen digits",
    "last number",
    "time of nineteen digits",
    "place of another kind",
    "boot of another kind",
    "gap of another kind",
    "clock of another kind",
    "pin of another kind",
    "bounds of another kind",
    "volume of another kind",
    "deep",
)


@pytest.mark.parametrize("with_head", [True, False], ids=["head", "no head"])
@pytest.mark.parametrize("which", LINES)
def test_no_line_in_the_mirror_stops_the_rebuild(office: Office, which: str, with_head: bool) -> None:
    outside = office.disk.parent / "outside"
    outside.mkdir()
    (outside / "secret.mp4.quarantined").write_bytes(b"somebody else's")
    made = office.segment("lobby")
    planted = lines(office)
    assert sorted(planted) == sorted(LINES)
    lose(office)
    (day,) = office.disk.glob(".ledger/*.jsonl")
    day.write_bytes(day.read_bytes() + planted[which])
    if not with_head:
        (office.disk / ".ledger" / "head.json").unlink()
    for _ in range(2):
        office.start()
        office.store.ledger.rebuild()
        office.store.ledger.mirror_now()
        office.enrol("lobby")
        office.segment("lobby")
        assert made.path in [one.path for one in office.store.segments("lobby", None, None)]
        assert office.store.ledger.waiting() == []
        office.store.recover()
        office.clock.tick(1000)
        sweep(office)
        assert made.path.exists(), "its floor is not over"
        office.store.close()
    office.start()
    office.clock.tick(LONG_AGO_MS)
    sweep(office)
    assert (outside / "secret.mp4.quarantined").read_bytes() == b"somebody else's"
    assert not made.path.exists()
    office.store.ledger.mirror_now()


HEADS: Final[dict[str, dict[str, Any]]] = {
    "leaf beyond all": {"leaf": HUGE},
    "leaf far away": {"leaf": 1 << 61},
    "time beyond all": {"wall_ms": HUGE},
    "numbers beyond all": {"cameras": {"next_seq": HUGE}},
    "last number": {"cameras": {"next_seq": (1 << 63) - 2}},
    "camera above": {"cameras": {"id": "../outside"}},
    "camera without end": {"cameras": {"id": "c" * 4000}},
    "ages beyond all": {"boots": {"off_low_ms": 1 << 60, "off_high_ms": 1 << 61, "ran_ms": 1 << 60}},
    "a boot of years": {"boots": {"ran_ms": 300 * 365 * 86_400_000}},
    "paths of another kind": {"volumes": {"path": "relative"}},
    "lost": {"volumes": {"lost": "[]"}},
    "retired": {"volumes": {"retired": 1}},
}


@pytest.mark.parametrize("which", sorted(HEADS))
def test_no_head_makes_anything_go_early_or_keeps_the_daemon_from_starting(office: Office, which: str) -> None:
    made = office.segment("lobby")
    wrong = HEADS[which]
    office.store.close()
    path = office.disk / ".ledger" / "head.json"
    head = json.loads(path.read_text())
    for name, value in wrong.items():
        if isinstance(value, dict):
            head["tables"][name] = [row | value for row in head["tables"][name]]
        else:
            head[name] = value
    for lost in (False, True):
        path.write_text(json.dumps(head))
        if lost:
            for one in office.state.glob("edged*"):
                one.unlink()
        office.clock.reboot(60_000)
        office.start()
        office.store.ledger.rebuild()
        office.enrol("lobby")
        if not (lost and which == "retired"):
            office.segment("lobby")
        assert made.path in [one.path for one in office.store.segments("lobby", None, None)]
        assert office.store.ledger.waiting() == []
        sweep(office)
        assert made.path.exists(), "its floor is not over"
        office.store.ledger.mirror_now()
        office.store.close()
        assert lost or not list(office.state.glob("edged.db.damaged-*")), "a head alone proves nothing"
    office.start()
    assert office.store.ledger.last_rebuild() is not None


def test_a_sidecar_that_points_elsewhere_writes_nothing_there(office: Office) -> None:
    made = office.segment("lobby")
    outside = office.disk.parent / "outside"
    outside.mkdir()
    place = office.disk / ".pins" / "P-20260225-ABCD"
    place.mkdir(parents=True)
    told = {
        "format": "edged.pin/1",
        "id": "P-20260225-ABCD",
        "state": "approved",
        "version": 1 << 61,
        "cameras": ["../../outside", "lobby", "c" * 4000],
        "from_ms": made.start.wall_ms,
        "to_ms": made.end.wall_ms,
        "ground": "law",
        "reference": "x",
        "case": "../../",
        "approver": "y",
        "span_ms": 1 << 61,
        "placer_uid": -5,
        "placer": "z",
        "approved_by": None,
        "boot_id": "boot-1",
        "boottime_ms": 1,
        "wall_ms": HUGE // 10_000,
        "signature": None,
    }
    (place / "pin.json").write_text(json.dumps(told))
    office.crash()
    office.start()
    office.enrol("lobby")
    office.segment("lobby")
    sweep(office)
    office.store.pins.standing()
    office.segment("lobby")
    sweep(office)
    assert not list(outside.iterdir())
    assert [path.name for path in office.disk.parent.iterdir()].count("outside") == 1
