"""script/install without a machine: why a version did not start, and a compiler that comes and goes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

INSTALL: Final = Path(__file__).parents[3] / "script" / "install"
JOURNAL: Final = """#!/bin/bash
case "$*" in
    *_SYSTEMD_UNIT=edged.service*"--priority err"*) printf '%s' "$GRAVE" ;;
    *_SYSTEMD_UNIT=edged.service*) printf '%s' "$ODD" ;;
    *) echo "edged.service: Failed with result 'exit-code'." ;;
esac
"""


@pytest.mark.parametrize(
    ("grave", "odd", "told"),
    [
        ("edged: x.password may not be read by the account edged\n  → chown\n", "late", "may not be read"),
        ("", "a camera is late\n", "a camera is late"),
        ("", "", "Failed with result 'exit-code'."),
    ],
)
def test_the_reason_is_named(tmp_path: Path, grave: str, odd: str, told: str) -> None:
    (tmp_path / "journalctl").write_text(JOURNAL)
    (tmp_path / "journalctl").chmod(0o755)
    function = 'set -euo pipefail; UNIT=edged.service; eval "$(sed -n \'/^last_words()/,/^}/p\' "$0")"; last_words 5'
    done = subprocess.run(
        ["bash", "-c", function, str(INSTALL)],
        capture_output=True, text=True, check=True, timeout=20,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "GRAVE": grave, "ODD": odd},
    )  # fmt: skip
    assert told in done.stdout
    assert grave == "" or "exit-code" not in done.stdout


def test_the_configuration_is_checked_by_the_new_version_before_anything_is_stopped() -> None:
    """As root, and as the configuration of the unit: so it finds what only root can read (`edged.host.file_access`)."""
    text = INSTALL.read_text("utf-8")
    lines = text[text.index("\ninstall_edged() {") :]
    check = lines.index('versions/$new/bin/edgectl" config check $CONFIG')
    assert check < lines.index('upgrade "$old" "$new"')
    assert check < lines.index("systemctl stop")
    assert check < lines.index("place_files")


PACKAGES: Final = """#!/bin/bash
# Stands for apt-get and dpkg-query: what is installed is a line each in $INSTALLED.
case "$0 $*" in
    *apt-get*install*)
        [ "$CAN" = yes ] || { echo "E: no such package"; exit 100; }
        printf '%s\\n' gcc libgcc >>"$INSTALLED" ;;
    *apt-get*purge*) for one in "${@:4}"; do sed -i "/^${one%:*}$/d" "$INSTALLED"; done ;;
    *dpkg-query*gcc|*dpkg-query*-dev) exit 1 ;;
    *dpkg-query*) sed 's/.*/installed &:amd64/' "$INSTALLED" ;;
esac
"""
PYTHON: Final = """#!/bin/bash
# Has no headers, and makes no virtual environment.
case "$*" in *include*) echo /nowhere ;; *venv*) echo "Error: it cannot be done"; exit 1 ;; esac
"""


@pytest.mark.parametrize(("can", "told"), [("no", "E: no such package"), ("yes", "Error: it cannot be done")])
def test_without_a_compiler_it_goes_on_and_one_that_came_is_taken_away(tmp_path: Path, can: str, told: str) -> None:
    for name, text in (("apt-get", PACKAGES), ("dpkg-query", PACKAGES), ("python3", PYTHON)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    installed = tmp_path / "installed"
    installed.write_text("bash\nlibc6\n")
    script = 'eval "$(sed \'/^wheels=$/,$d\' "$0")"; source=$1; compile_here "$2"; echo "it goes on"'
    done = subprocess.run(
        ["bash", "-c", script, str(INSTALL), str(INSTALL.parents[1]), str(tmp_path)],
        capture_output=True, text=True, check=True, timeout=20,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "INSTALLED": str(installed), "CAN": can},
    )  # fmt: skip
    assert f"the reader cannot be compiled: {told}" in done.stderr
    assert done.stdout == "it goes on\n"
    assert installed.read_text() == "bash\nlibc6\n"
