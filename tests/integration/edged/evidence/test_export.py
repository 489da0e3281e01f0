"""`edgectl export` against the real daemon: what leaves is proven, goes on after a cut, and says where it is not."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from edged.cli import client
from edged.cli import main as edgectl
from edged.cli.export import ExportFolder
from edged.documents import exports as documents
from tests.integration.edged.evidence.test_page import Session
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.disks import Ext4, may_mount

CAMERAS: Final = ("lobby", "gate")
LOBBY: Final = Watched("lobby", "test://?size=320x180&fps=10&gop=1&audio=1", more='name = "大廳"')
GATE: Final = Watched("gate", "test://?size=160x90&fps=5&gop=1")
SEGMENTS: Final = 6
PYTHONS: Final = [sys.executable, "/usr/bin/python3"]
WHY: Final = ("--reason", "偵辦竊盜案", "--case", "115-0042", "--yes")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Two cameras, of which one has sound, and 12 s of each."""
    with Daemon(
        tmp_path_factory.mktemp("export"), Setup([LOBBY, GATE], segment="2s", floor="1h", ceiling="2h")
    ) as running:
        running.until(lambda: all(len(running.listed(name)) >= SEGMENTS for name in CAMERAS), 120, "there is footage")
        yield running


def interval(daemon: Daemon) -> tuple[str, ...]:
    """From within the second segment to within the last but one."""
    listed = [daemon.listed(name) for name in CAMERAS]
    begin = max(one[1].start for one in listed).replace("Z", "").rpartition(".")[0]
    end = min(one[SEGMENTS - 2].end for one in listed)
    return ("--from", f"{begin}.700Z", "--to", end)


def arguments(daemon: Daemon, out: Path, *more: str) -> list[str]:
    cameras = [word for name in CAMERAS for word in ("--camera", name)]
    return ["export", *cameras, *interval(daemon), "--out", str(out), *WHY, *more]


def exported(daemon: Daemon, out: Path, *more: str) -> documents.Export:
    out.mkdir(exist_ok=True)
    answer = daemon.ctl(*arguments(daemon, out, *more))
    assert answer.code == 0, answer.stdout + answer.stderr
    return documents.Export.model_validate(answer.document)


def verified(folder: Path, python: str = sys.executable) -> dict[str, Any]:
    done = subprocess.run(
        [python, "-I", str(folder / "verify.py"), "--json", str(folder)], capture_output=True, text=True, check=False
    )
    found: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode == 0) == found["intact"]
    return found


def codes(found: dict[str, Any], sign: str) -> list[str]:
    return [line["code"] for line in found["lines"] if line["sign"] == sign]


def copies(daemon: Daemon) -> list[dict[str, Any]]:
    answer = daemon.ctl("ledger", "--kind", "copy", "--limit", "100")
    return [leaf["body"] for leaf in answer.document["ledger"]]


def under_way(daemon: Daemon) -> list[str]:
    return [one["id"] for one in daemon.ctl("export", "--list").document["exports"] if one["state"] == "open"]


def test_what_leaves_is_proven_by_any_python(daemon: Daemon, tmp_path: Path) -> None:
    done = exported(daemon, tmp_path / "stick", "--whole-segments")
    folder = Path(done.folder or "")
    assert (done.intact, done.troubles, done.export.state if done.export else "") == (True, [], "finished")
    for python in PYTHONS:
        found = verified(folder, python)
        assert codes(found, "x") == []
        assert codes(found, "+") == ["signed", "whole", "ledger", *["original", "timed", "complete"] * 2, "copied"]
    there = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert [name for name in there if not name.startswith("original/")] == sorted(
        ["README.txt", "gate.mp4", "gate.vtt", "index.html", "lobby.mp4", "lobby.vtt", "verify.py"]
        + [f"proof/{camera}.{kind}" for camera in CAMERAS for kind in ("hashes", "headers")]
        + [f"proof/{name}" for name in ("checkpoint.txt", "key.txt", "leaves.jsonl")]
        + ["proof/manifest.dsse.json", "proof/manifest.json"]
    )
    manifest = json.loads((folder / "proof/manifest.json").read_text())
    assert (manifest["who"]["text"], manifest["case"]["text"]) == ("root without a login", "115-0042")
    first, last = copies(daemon)[-2:]
    assert (first["event"], last["event"], first["export"]) == ("begun", "finished", manifest["export"])
    assert "115-0042" not in json.dumps(copies(daemon))
    assert not (daemon.state / "exports" / manifest["export"]).exists(), "nothing of it stays behind"


async def test_its_page_finds_the_same_in_a_browser(daemon: Daemon, tmp_path: Path) -> None:
    done = exported(daemon, tmp_path / "stick")
    session = Session(Path(done.folder or ""))
    session.add("genuine", Path(done.folder or ""))
    answer = await session.run()
    assert answer["genuine"] == session.expected["genuine"]
    assert answer["genuine"]["faults"] == 0


class Stick:
    """Pulled in the middle of the file whose turn it is; or Ctrl-C is pressed there, or the daemon breaks off."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, how: Callable[[], BaseException] | None, *spared: str) -> None:
        self.how = how
        self.pulled: str | None = None
        self.spared = set(spared)

        def octets(daemon: client.DaemonClient, path: str, **query: Any) -> Iterator[bytes]:
            return self.octets(daemon, path, **query)

        monkeypatch.setattr(client.DaemonClient, "octets", octets)

    def octets(self, daemon: client.DaemonClient, path: str, **query: Any) -> Iterator[bytes]:
        name, blocks = str(query["path_"]), OCTETS(daemon, path, **query)
        if self.pulled is not None or name in self.spared:
            yield from blocks
            return
        self.pulled = name
        self.spared.add(name)
        first = next(blocks, b"")
        yield first[: len(first) // 2]
        if self.how is not None:
            raise self.how()


OCTETS: Final = client.DaemonClient.octets


def run(daemon: Daemon, *words: str) -> int:
    """In this process, where a cut can be planted."""
    return edgectl.main(["--config", str(daemon.config), *words])


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        (partial(OSError, errno.EIO, os.strerror(errno.EIO), "/media/usb/lobby.mp4"), 1, "Input/output error"),
        (KeyboardInterrupt, 130, "was interrupted"),
        (None, 75, "the daemon broke off"),
    ],
)
def test_cut_off_in_every_file_it_goes_on_and_is_whole_at_the_end(
    daemon: Daemon,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    how: Callable[[], BaseException] | None,
    code: int,
    said: str,
) -> None:
    stick, seen = Stick(monkeypatch, how), list[str]()
    assert run(daemon, *arguments(daemon, tmp_path)) == code
    told = capsys.readouterr().err
    folder = next(path for path in tmp_path.iterdir() if path.is_dir())
    assert said in told
    assert f"edgectl export --resume {folder}" in told
    while stick.pulled is not None:
        assert not (folder / stick.pulled).exists(), "what is not whole has not its name yet"
        seen.append(stick.pulled)
        stick.pulled = None
        assert run(daemon, "export", "--resume", str(folder)) in (0, code)
    assert len(seen) == len(set(seen)) == 16, seen
    assert codes(verified(folder), "x") == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder.name]
    assert [one["event"] for one in copies(daemon)][-2:] == ["begun", "finished"]
    assert run(daemon, "export", "--resume", str(folder)) == 64


def test_it_survives_the_daemon_killed_in_between(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stick(monkeypatch, partial(OSError, errno.ENODEV, os.strerror(errno.ENODEV)), "gate.mp4", "gate.vtt")
    assert run(daemon, *arguments(daemon, tmp_path)) == 1
    folder = next(path for path in tmp_path.iterdir() if path.is_dir())
    kept = (folder / "gate.mp4").stat()
    daemon.sigkill()
    daemon.wait_for_no_process()
    assert run(daemon, "export", "--resume", str(folder)) == 69
    daemon.start()
    daemon.wait_for_states("recording", CAMERAS)
    assert len(under_way(daemon)) == 1
    assert run(daemon, "export", "--resume", str(folder)) == 0
    assert (folder / "gate.mp4").stat().st_mtime_ns == kept.st_mtime_ns, "what was whole is not fetched again"
    assert codes(verified(folder), "x") == []
    assert daemon.ctl("ledger", "verify").code == 0
    assert daemon.ctl("fsck", "--level", "hash").code == 0


def test_cut_off_behind_all_else_it_is_finished(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = ExportFolder.complete

    def interrupted(_: ExportFolder) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ExportFolder, "complete", interrupted)
    assert run(daemon, *arguments(daemon, tmp_path)) == 130
    monkeypatch.setattr(ExportFolder, "complete", complete)
    folder = next(path for path in tmp_path.iterdir() if path.is_dir())
    assert run(daemon, "export", "--resume", str(folder)) == 0
    assert codes(verified(folder), "x") == []
    assert [one["event"] for one in copies(daemon)][-2:] == ["begun", "finished"]


def test_undone_nothing_of_it_is_left(daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Stick(monkeypatch, KeyboardInterrupt, "gate.mp4")
    assert run(daemon, *arguments(daemon, tmp_path)) == 130
    folder = next(path for path in tmp_path.iterdir() if path.is_dir())
    mine = folder / "notes.txt"
    mine.write_text("mine")
    assert run(daemon, "export", "--undo", str(folder)) == 0
    assert [path.name for path in folder.iterdir()] == ["notes.txt"], "and nothing of anybody else's is touched"
    assert under_way(daemon) == []
    assert [one["event"] for one in copies(daemon)][-2:] == ["begun", "abandoned"]


def test_films_are_split_where_a_medium_takes_no_larger_ones(daemon: Daemon, tmp_path: Path) -> None:
    done = exported(daemon, tmp_path / "stick", "--max-file", "96KiB")
    folder = Path(done.folder or "")
    films = {path.name: path.stat().st_size for path in folder.glob("lobby*.mp4")}
    assert {"lobby.mp4", "lobby-2.mp4"} <= films.keys(), films
    assert max(films.values()) <= 96 << 10
    assert codes(verified(folder), "x") == []


@pytest.mark.skipif(not may_mount(), reason="mounts a disk of its own: root only")
def test_where_there_is_no_room_nothing_is_begun(daemon: Daemon, tmp_path: Path) -> None:
    before = len(copies(daemon))
    with Ext4(tmp_path / "stick", 4 << 20) as stick:
        stick.fill()
        answer = daemon.ctl(*arguments(daemon, stick.path))
        assert (answer.code, "free" in answer.document["error"]) == (1, True), answer.stdout
        subprocess.run(["mount", "-o", "remount,ro", str(stick.path)], check=True)
        answer = daemon.ctl(*arguments(daemon, stick.path))
        assert (answer.code, "read-only" in answer.document["error"]) == (1, True), answer.stdout
        assert [path.name for path in stick.path.glob("test-node*")] == []
    answer = daemon.ctl(*arguments(daemon, daemon.volume))
    assert (answer.code, "lies in the volume" in answer.document["error"]) == (64, True)
    assert daemon.ctl(*arguments(daemon, tmp_path / "nowhere")).code == 64
    assert len(copies(daemon)) == before


def test_a_plan_alone_discloses_and_changes_nothing(daemon: Daemon, tmp_path: Path) -> None:
    before = len(copies(daemon))
    answer = daemon.ctl(*arguments(daemon, tmp_path, "--dry-run"))
    plan = documents.Export.model_validate(answer.document).plan
    assert answer.code == 0
    assert plan is not None
    assert [(one.camera, one.name) for one in plan.cameras] == [("lobby", "大廳"), ("gate", "gate")]
    assert plan.unaccounted == []
    assert all(one.recorded_s > 6 for one in plan.cameras)
    now = daemon.ctl("export", "--camera", "lobby", "--from", "-20s", "--to", "now", "--reason", "x", "--dry-run")
    assert documents.Export.model_validate(now.document).plan.cut_by == "lobby"  # type: ignore[union-attr]
    assert (len(copies(daemon)), list(tmp_path.iterdir())) == (before, [])
    assert "大廳" in daemon.ctl(*arguments(daemon, tmp_path, "--dry-run"), json_=False).stdout


def test_a_byte_planted_in_a_segment_is_named(daemon: Daemon, tmp_path: Path) -> None:
    segment = daemon.listed("lobby")[3]
    path = Path(segment.path)
    with path.open("r+b") as file:
        file.seek(segment.bytes // 2)
        old = file.read(1)
        file.seek(segment.bytes // 2)
        file.write(bytes([old[0] ^ 1]))
    (tmp_path / "stick").mkdir()
    answer = daemon.ctl(*arguments(daemon, tmp_path / "stick"))
    done = documents.Export.model_validate(answer.document)
    assert (answer.code, done.intact) == (1, False)
    assert [(one.camera, one.file) for one in done.troubles] == [("lobby", f"original/lobby/{path.name}")]
    found = verified(Path(done.folder or ""))
    assert codes(found, "x") == ["source"]
    assert codes(found, "+") == ["signed", "whole", "ledger", "complete", "original", "timed", "complete", "copied"]


def test_what_is_missing_is_told_as_such_and_what_lasts_as_far_as_it_has(tmp_path: Path) -> None:
    """An outage that lasts, as a gap; what was destroyed in its time, by its tombstones."""
    with Daemon(tmp_path / "box", Setup([LOBBY, GATE], segment="2s", floor="2s", ceiling="8s")) as box:
        box.until(lambda: all(len(box.listed(one)) >= 3 for one in ("lobby", "gate")), 60, "there is footage")
        kept = box.listed("lobby")[-1]
        pin = box.ctl("pin", "add", "--camera", "lobby", "--camera", "gate", "--from", kept.start, "--to", "+1h",
                      "--case", "1", "--ground", "law:刑訴法第133條", "--approver", "chen", "--yes")  # fmt: skip
        assert pin.code == 0, pin.stderr
        box.configure(Setup([LOBBY, replace(GATE, more="enabled = false")], segment="2s", floor="2s", ceiling="8s"))
        assert box.ctl("reload").code == 0

        def gone() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = (box.ask("/v1/destroyed") or {"destroyed": []})["destroyed"]
            return found

        both = ("lobby", "gate")
        before = {(camera, one.seq) for camera in both for one in box.listed(camera) if one.end <= kept.start}
        box.until(lambda: before <= {(one["camera"], one["seq"]) for one in gone()}, 60, "all before the pin is gone")
        first = min(one["start"] for one in gone() if one["camera"] == "lobby")
        out = tmp_path / "stick"
        out.mkdir()
        words = ["export", "--camera", "lobby", "--camera", "gate", "--to", "now", "--out", str(out), *WHY]
        since = max(first, min(one["start"] for one in gone() if one["camera"] == "gate"))
        answer = box.ctl(*words, "--from", since)
        assert answer.code == 0, answer.stdout + answer.stderr
        done = documents.Export.model_validate(answer.document)
        found = verified(Path(done.folder or ""))
        assert codes(found, "x") == []
        said = [line for line in found["lines"] if line["code"] in ("gap", "destroyed")]
        told = {(line["code"], line["where"]["camera"]) for line in said}
        assert {("destroyed", "lobby"), ("destroyed", "gate"), ("gap", "gate")} <= told
        assert done.plan is not None
        assert done.plan.unaccounted == []
        alone = box.ctl(
            "export", "--camera", "gate", "--from", "-2s", "--to", "now", "--out", str(out), *WHY, json_=False
        )
        assert (alone.code, "nothing wrong was found" in alone.stdout) == (0, True), alone.stdout + alone.stderr
        assert "disabled" in alone.stdout
        assert box.ctl("ledger", "verify").code == 0
