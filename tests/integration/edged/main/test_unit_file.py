"""The files in systemd/, read by systemd's own programs: what they do not understand, they would ignore on the day."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Final

import pytest

from edged.config.load import load

SYSTEMD: Final = Path(__file__).parents[4] / "systemd"
UNIT: Final = SYSTEMD / "edged.service"
PROGRAMS: Final = "/opt/edged/current/bin"

MAX_EXPOSURE_TENTHS: Final = 20
"""`systemd-analyze security` rates the sandbox 1.8 of 10 today; a setting taken out by mistake is noticed."""


def settings() -> dict[str, str]:
    """Last assignment wins; the unit has no lists whose earlier lines would matter here."""
    return dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text(encoding="utf-8"), flags=re.MULTILINE))


def verified(unit: Path, programs: Path) -> subprocess.CompletedProcess[str]:
    """Verify a copy of the unit whose programs exist."""
    programs.mkdir()
    for name in ("edged", "edgectl"):
        (programs / name).symlink_to("/bin/true")
    return subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def placed(text: str, folder: Path) -> Path:
    unit = folder / "edged.service"
    unit.write_text(text.replace(PROGRAMS, str(folder / "bin")), encoding="utf-8")
    return unit


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    result = verified(placed(UNIT.read_text(encoding="utf-8"), tmp_path), tmp_path / "bin")
    assert (result.returncode, result.stderr) == (0, "")


def test_a_line_that_systemd_does_not_understand_is_noticed(tmp_path: Path) -> None:
    spoilt = UNIT.read_text(encoding="utf-8").replace("WatchdogSec=30", "WatchdogSecs=30")
    result = verified(placed(spoilt, tmp_path), tmp_path / "bin")
    assert "WatchdogSecs" in result.stderr


def test_the_sandbox_is_as_tight_as_it_was() -> None:
    result = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={MAX_EXPOSURE_TENTHS}", str(UNIT)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "harmful",
    ["PrivateUsers", "ReadOnlyPaths", "InaccessiblePaths", "MemoryDenyWriteExecute", "ProtectProc", "DynamicUser"],
)
def test_the_sandbox_leaves_callers_volumes_and_libav_alone(harmful: str) -> None:
    assert harmful not in settings()
    assert settings()["ProtectSystem"] == "full"


def test_the_daemon_is_watched_brought_back_and_stopped_gently() -> None:
    promised = {
        "Type": "notify",
        "NotifyAccess": "main",
        "WatchdogSec": "30",
        "Restart": "always",
        "RestartSec": "1",
        "StartLimitIntervalSec": "0",
        "KillMode": "mixed",
        "TimeoutStopSec": "20",
        "LimitCORE": "0",
        "OOMScoreAdjust": "-500",
        "CPUWeight": "500",
        "IOWeight": "500",
        "Environment": "PYTHONOPTIMIZE=2",
        "ExecReload": f"/usr/bin/env -u PYTHONOPTIMIZE {PROGRAMS}/edgectl --config /etc/edged/edged.toml reload",
    }
    assert promised.items() <= settings().items()


def test_the_sample_is_a_configuration_that_needs_no_correction() -> None:
    text = (SYSTEMD / "edged.toml").read_text(encoding="utf-8")
    assert load(SYSTEMD / "edged.toml").cameras[0].url == "test://"
    spread = re.sub(r"^#(?=\[|\w+ = )", "", text, flags=re.MULTILINE)
    assert [camera["id"] for camera in tomllib.loads(spread)["cameras"]] == ["test", "lobby"]


def test_whatever_lies_in_the_folder_is_placed_by_the_installation() -> None:
    script = (SYSTEMD.parent / "script" / "install").read_text(encoding="utf-8")
    assert [
        file.name for file in SYSTEMD.iterdir() if not re.search(rf'(\$from|\$\(carried "\$1"\))/{file.name}"', script)
    ] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a directory to another account")
def test_the_account_and_the_directories_can_be_made(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for needed in ("etc", "usr/lib", "srv"):
        (root / needed).mkdir(parents=True)
    for program, arguments in (("systemd-sysusers", []), ("systemd-tmpfiles", ["--create"])):
        file = SYSTEMD / f"edged.{program.removeprefix('systemd-')}.conf"
        result = subprocess.run(
            [program, f"--root={root}", *arguments, str(file)], capture_output=True, text=True, timeout=60, check=False
        )
        assert result.returncode == 0, result.stderr
    account = next(line for line in (root / "etc/passwd").read_text().splitlines() if line.startswith("edged:"))
    uid, gid = (int(field) for field in account.split(":")[2:4])
    assert account.endswith(":/usr/sbin/nologin")
    volume, secrets = (root / "srv/edged").stat(), (root / "etc/edged/credentials").stat()
    assert (volume.st_mode & 0o777, volume.st_uid, volume.st_gid) == (0o750, uid, gid)
    assert (secrets.st_mode & 0o777, secrets.st_uid) == (0o700, 0)
