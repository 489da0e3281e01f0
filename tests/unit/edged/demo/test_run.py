"""What the demonstration sets up and what it calls a success; the demonstration itself is an integration test."""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edged.config import load as config
from edged.demo.run import (
    CAMERAS,
    MARK,
    DemoError,
    Observed,
    Promise,
    RecordedFile,
    configuration,
    emptied,
    failures,
    promise,
    report,
)
from edged.documents.site import Gap, Segment
from edged.words.catalogue import Reader
from storage.words.message import NOTHING, Message

STOPPED = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
PROMISE = Promise(cameras=("lobby", "counter"), quota_bytes=1000, floor_s=60, topics=("up/status", "up/storage/"))


def file(name: str, content: str = "x" * 100) -> RecordedFile:
    return RecordedFile(Path("/v") / name, len(content), hashlib.sha256(content.encode()).hexdigest(), 150, NOTHING)


def segment(camera: str, name: str, end: str = "2026-05-04T11:59:50Z") -> Segment:
    made = file(name)
    return Segment(
        volume="v",
        camera=camera, seq=1, start="2026-05-04T11:59:40Z", end=end, path=str(made.path), bytes=made.bytes,
        sha256=made.sha256, state="committed", pins=[], clock_epoch=1, camera_offset_ms=None,
    )  # fmt: skip


def gap(cause: str, end: str | None) -> Gap:
    return Gap(camera="lobby", start="2026-05-04T11:59:14Z", end=end, cause=cause, detail="")


GOOD = Observed(
    listed=(segment("lobby", "a.mp4"), segment("counter", "b.mp4")),
    gaps=(gap("starting", "2026-05-04T11:59:15Z"),),
    files=(file("a.mp4"), file("b.mp4"), file("c.mp4", "finished by the stop")),
    unfinished=(),
    heard={"up/status": 1, "up/storage/one": 3},
    peak_bytes=1200,
    exit_code=0,
    stop_s=0.4,
    stopped=STOPPED,
)


def test_all_is_well() -> None:
    assert failures(PROMISE, GOOD) == []
    assert report(GOOD, [], Reader()).endswith("all of it as it should be")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"listed": GOOD.listed[:1]}, "camera counter: no segment was recorded"),
        ({"files": (file("a.mp4", "y"), *GOOD.files[1:])}, "a.mp4 is not the file that the catalog lists"),
        ({"files": GOOD.files[1:]}, "a.mp4 is gone before its floor, at an age of 10 s"),
        (
            {
                "files": (
                    dataclasses.replace(GOOD.files[0], frames=0, trouble=Message("a.mp4: invalid data")),
                    *GOOD.files[1:],
                )
            },
            "a.mp4: invalid data",
        ),
        (
            {"gaps": (gap("floor-protect", "2026-05-04T11:59:20Z"),)},
            "camera lobby was not recorded for 6 s: older footage had to be kept",
        ),
        ({"gaps": (gap("disk-full", None),)}, "camera lobby was not recorded for 46 s: the disk was full"),
        ({"files": (), "listed": ()}, "there is no file at all"),
        ({"unfinished": (Path("/v/d.mp4.part"),)}, "d.mp4.part was left unfinished"),
        ({"heard": {"up/status": 1}}, "nothing was heard on up/storage/"),
        ({"heard": {"up/status/x": 1, "up/storage/one": 1}}, "nothing was heard on up/status"),
        ({"peak_bytes": 1201}, "the ring held 0.0 MB; 0.0 MB were allowed"),
        ({"exit_code": 1}, "the daemon ended with exit code 1"),
        ({"exit_code": None}, "the daemon did not stop and had to be killed"),
        ({"stop_s": 10.1}, "the daemon took 10.1 s to stop; 10 s is the limit"),
    ],
)
def test_what_went_wrong_is_said(change: dict[str, Any], said: str) -> None:
    seen = dataclasses.replace(GOOD, **change)
    found = failures(PROMISE, seen)
    assert said in found
    assert f"FAILED     {said}" in report(seen, found, Reader())


def test_a_segment_past_its_floor_may_have_gone_between_the_list_and_the_stop() -> None:
    old = segment("lobby", "old.mp4", end="2026-05-04T11:58:59Z")
    assert failures(PROMISE, dataclasses.replace(GOOD, listed=(*GOOD.listed, old))) == []


def test_the_configuration_is_one_that_edged_takes(tmp_path: Path) -> None:
    folder = tmp_path / 'a "quoted" 資料夾'
    folder.mkdir()
    written = folder / "edged.toml"
    written.write_text(configuration(folder, tmp_path / "control.sock", 18830), encoding="utf-8")
    taken = config.load(written, {})
    assert taken.volumes[0].path == folder / "volume"
    assert [camera.id for camera in taken.cameras] == list(CAMERAS)
    assert taken.volumes[0].max_bytes == promise().quota_bytes
    assert taken.bounds("lobby").floor_s == promise().floor_s
    assert taken.mqtt is not None


def test_only_what_a_demo_made_is_emptied(tmp_path: Path) -> None:
    folder = tmp_path / ".demo"
    with emptied(folder):
        (folder / "volume" / "old.mp4").touch()
        (folder / "edged.log").touch()
        (folder / "notes.txt").touch()
    with emptied(folder):
        assert sorted(path.name for path in folder.rglob("*")) == [MARK, "notes.txt", "state", "volume"]


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    with pytest.raises(DemoError, match="was not made by a demo"), emptied(tmp_path):
        pass
    assert (tmp_path / "volume").exists()


def test_a_demo_that_still_runs_is_left_alone(tmp_path: Path) -> None:
    with emptied(tmp_path / ".demo"):
        (tmp_path / ".demo" / "edged.toml").touch()
        with pytest.raises(DemoError, match="still runs"), emptied(tmp_path / ".demo"):
            pass
        assert (tmp_path / ".demo" / "edged.toml").exists()
