"""Why a version did not start, as script/install tells it: edged's own words before systemd's."""

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
