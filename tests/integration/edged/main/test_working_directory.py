"""Whoever stands in a directory that holds modules of our names runs none of them: nothing is imported from there."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

import pytest

from edged.words import exit_codes
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.waiting import wait_until

PROGRAMS: Final = Path(sysconfig.get_path("scripts"))
PACKAGES: Final = ("edged", "recorder", "storage", "mqtt", "multiprocessing", "numpy", "av", "msgspec")
MODULES: Final = ("json", "socket", "struct", "selectors", "pickle", "hashlib", "click", "sqlite3", "ssl")
POOLED: Final = """\
import sys
from edged.main.entry import ctl
if __name__ == '__main__':
    from storage.audit import verify
    class Pool(verify.ProcessPoolExecutor):
        def map(self, *arguments):
            print('shared out', file=sys.stderr)
            return super().map(*arguments)
    verify.WORTH, verify.ProcessPoolExecutor = 1, Pool
    sys.exit(ctl())
"""
"""`edgectl`, which takes a short ledger for one that is worth a process for each processor."""
LOOKED_S: Final = 60.0


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A directory of such modules. Each that is imported enters its name into `imported` beside it."""
    folder = tmp_path / "planted"
    folder.mkdir()
    files = [folder / name / "__init__.py" for name in PACKAGES] + [folder / f"{name}.py" for name in MODULES]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"with open({str(tmp_path / 'imported')!r}, 'a') as marker: marker.write(__name__ + ' ')\n")
    return folder


def imported(folder: Path) -> list[str]:
    marker = folder.parent / "imported"
    return marker.read_text().split() if marker.exists() else []


def run(planted: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    return subprocess.run(command, cwd=planted, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", [*PACKAGES, *MODULES])
def test_a_python_that_takes_no_care_imports_them(planted: Path, name: str) -> None:
    """What the other tests would find."""
    assert run(planted, sys.executable, "-S", "-c", f"import {name}").returncode == 0
    assert name in imported(planted)


def test_daemon_workers_eye_doctor_and_the_check_of_the_ledger(planted: Path, tmp_path: Path) -> None:
    setup = Setup([Watched("lobby", "test://?size=320x180&fps=10&gop=1")], segment="2s")
    with Daemon(tmp_path / "box", setup, standing=planted) as edged:
        config = edged.config
        edged.wait_for_states("recording", ["lobby"])
        picture = tmp_path / "lobby.jpg"

        def looked() -> bool:
            command = (PROGRAMS / "edgectl", "--config", config, "snapshot", "lobby", "--out", picture)
            return run(planted, *command).returncode == exit_codes.OK

        wait_until(looked, LOOKED_S, "the eye sees the camera")
        assert edged.stop() == exit_codes.OK
        assert imported(planted) == []

        script = tmp_path / "programs" / "edgectl"
        script.parent.mkdir()
        script.write_text(POOLED)
        checked = run(planted, sys.executable, script, "--config", config, "ledger", "verify")
        assert checked.returncode == exit_codes.OK, checked.stdout + checked.stderr
        assert "shared out" in checked.stderr

        doctor = run(planted, PROGRAMS / "edgectl", "--config", config, "doctor", "--json")
        assert '"edged.doctor/' in doctor.stdout, doctor.stdout + doctor.stderr
    assert imported(planted) == []


@pytest.mark.parametrize("program", ["edged", "edgectl", "edged-command"])
def test_the_programs(planted: Path, program: str) -> None:
    assert run(planted, PROGRAMS / program, "--version").returncode == exit_codes.OK
    assert imported(planted) == []
