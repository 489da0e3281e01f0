"""`edgectl export` against the real daemon: what leaves is proven, goes on after a cut, and says where it is not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from edged.documents import exports as documents
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon

CAMERAS: Final = ("lobby", "gate")
SEGMENTS: Final = 6
PYTHONS: Final = [sys.executable, "/usr/bin/python3"]
WHY: Final = ("--reason", "偵辦竊盜案", "--case", "115-0042", "--yes")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Two cameras, of which one has sound, and 30 s of each."""
    cameras = [
        Watched("lobby", "test://?size=320x180&fps=10&gop=2&audio=1", more='name = "大廳"'),
        Watched("gate", "test://?size=160x90&fps=5&gop=1"),
    ]
    with Daemon(tmp_path_factory.mktemp("export"), Setup(cameras, segment="5s", floor="1h", ceiling="2h")) as running:
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
        + [f"proof/{name}" for name in ("checkpoint.txt", "gate.hashes", "key.txt", "leaves.jsonl", "lobby.hashes")]
        + ["proof/manifest.dsse.json", "proof/manifest.json"]
    )
    manifest = json.loads((folder / "proof/manifest.json").read_text())
    assert (manifest["who"]["text"], manifest["case"]["text"]) == ("root without a login", "115-0042")
    first, last = copies(daemon)[-2:]
    assert (first["event"], last["event"], first["export"]) == ("begun", "finished", manifest["export"])
    assert "115-0042" not in json.dumps(copies(daemon))
    assert not (daemon.state / "exports" / manifest["export"]).exists(), "nothing of it stays behind"
