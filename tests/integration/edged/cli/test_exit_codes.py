"""The same trouble ends with the same code, whichever verb meets it: asked of a real daemon
(edged/words/exit_codes.py).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edged.cli.main import main
from edged.cli.options import CameraId
from edged.words import exit_codes
from tests.integration.edged.cli.typed import EVERY, line
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon

CAMERAS = [
    (words, one.name or "")
    for words, command in EVERY.items()
    for one in command.params
    if isinstance(one.type, CameraId) and words[0] not in ("request", "leak")
]
"""Of a request there are the cameras that it asks for (tests/unit/edged/cli/test_request.py); a leak is entered by who
logged in (tests/integration/edged/office/test_leaks.py)."""
INTERVALS = [
    words
    for words, command in EVERY.items()
    if {"start", "end"} <= {one.name for one in command.params if one.metavar == "TIME"}
]
NAMED = [" ".join(words) for words in INTERVALS]


@pytest.fixture(scope="module")
def edged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("codes") / "edged"
    with Daemon(folder, Setup([Watched("lobby", "test://?size=320x180&fps=10")], segment="2s")) as running:
        running.wait_for_states("recording", ["lobby"])
        yield running


@pytest.mark.parametrize(("words", "named"), CAMERAS, ids=lambda one: one if isinstance(one, str) else "-".join(one))
def test_a_camera_that_nobody_knows(edged: Daemon, words: tuple[str, ...], named: str, tmp_path: Path) -> None:
    wanted = line(words, named, "nobody", tmp_path)
    wanted += ["--to=2026-05-02T00:00:00Z"] if words in INTERVALS else []
    assert edged.ctl(*wanted, json_=False).code == exit_codes.USAGE, edged.seen[-2:]
    assert "there is no camera" in edged.seen[-1]


@pytest.mark.parametrize("words", INTERVALS, ids=NAMED)
def test_an_interval_that_ends_before_it_begins(edged: Daemon, words: tuple[str, ...], tmp_path: Path) -> None:
    wanted = [one for one in line(words, "camera", "lobby", tmp_path) if not one.startswith(("--from", "--to"))]
    wanted = [one for one in wanted if not one.startswith("2026-05-0")]
    assert edged.ctl(*wanted, "--from=-1h", "--to=-2h", json_=False).code == exit_codes.USAGE, edged.seen[-2:]
    assert "--from must be earlier than --to" in edged.seen[-1]


OUT = [
    ["snapshot", "lobby", "--out"],
    ["proof-of-retention", "--camera=lobby", "--month=2026-05", "--out"],
    ["compliance", "--html"],
]
OUT += [["export", "--camera=lobby", "--from=-1h", "--to=now", "--reason=r", "--yes", "--out"]]


@pytest.mark.parametrize("wanted", OUT, ids=lambda one: one[0])
def test_a_place_to_write_that_is_not_there(edged: Daemon, wanted: list[str], tmp_path: Path) -> None:
    assert edged.ctl(*wanted, str(tmp_path / "none" / "file"), json_=False).code == exit_codes.USAGE, edged.seen[-2:]
    assert "is no directory" in edged.seen[-1]


FILES = [
    ["ledger", "verify", "--checkpoint"],
    ["verify", ".", "--key"],
    ["probe", "rtsp://[::1]/", "--username=u", "--password-file"],
]


@pytest.mark.parametrize("wanted", FILES, ids=lambda one: one[0])
def test_a_file_to_read_that_is_not_there(edged: Daemon, wanted: list[str], tmp_path: Path) -> None:
    assert edged.ctl(*wanted, str(tmp_path / "none"), json_=False).code == exit_codes.USAGE, edged.seen[-2:]


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_a_volume_where_no_directory_is(edged: Daemon, tmp_path: Path, *, running: bool) -> None:
    absent, file = tmp_path / "none", tmp_path / "file"
    file.touch()
    box = edged if running else Daemon(tmp_path / "box", edged.setup)
    for path in (absent, file):
        assert box.ctl("volume", "init", str(path), json_=False).code == exit_codes.USAGE, box.seen[-2:]
        assert f"volume {path}: there is no such directory" in box.seen[-1]


NOBODY = 65534
ALONE = [["fsck"], ["ledger", "verify"], ["rebuild"], ["volume", "init", "/srv/none"], ["config", "check"]]


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another account")
@pytest.mark.parametrize("wanted", ALONE, ids=" ".join)
def test_a_configuration_that_this_account_may_not_read(wanted: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """The daemon is down. What stands in it may be right: 78 would send somebody to mend it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "edged.toml"
        file.write_text("[paths]\nstate = 3\n")
        file.chmod(0o600)
        called = ["--config", str(file), "--socket", f"{folder}/none", *wanted]
        assert main(called) == exit_codes.CONFIG, "root reads it; and now everything is imported"
        child = os.fork()
        if child == 0:
            code = exit_codes.FAILED
            try:
                os.setresuid(NOBODY, NOBODY, NOBODY)
                code = main(called)
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == exit_codes.NOT_ALLOWED, capfd.readouterr()
    said = capfd.readouterr()
    assert "cannot be read by the account" in said.out + said.err
