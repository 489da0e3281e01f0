"""What systemd knows of a daemon that does not answer: since when it is down, and why."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

EDGED_UNIT: Final = "edged.service"
ASK_TIMEOUT_S: Final = 2.0
"""systemctl answers in milliseconds; a stuck one must not hold up the bad news."""
_SYSTEMD_RUNS: Final = Path("/run/systemd/system")
_PROPERTIES: Final = (
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "ExecMainStatus",
    "StateChangeTimestamp",
    "NRestarts",
)


def ask_systemd() -> str:
    """One sentence, or "" where systemd does not run or does not know the unit."""
    if not _SYSTEMD_RUNS.is_dir():
        return ""
    command = ["systemctl", "show", EDGED_UNIT, "--property", ",".join(_PROPERTIES)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_TIMEOUT_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return sentence(dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line))


def sentence(known: Mapping[str, str]) -> str:
    """systemd's properties in words. Pure."""
    if known.get("LoadState") != "loaded":
        return ""
    state = known.get("ActiveState", "")
    when = f" since {known['StateChangeTimestamp']}" if known.get("StateChangeTimestamp") else ""
    words = f"systemd: {EDGED_UNIT} is {state} ({known.get('SubState', '')}){when}"
    result, code = known.get("Result", ""), known.get("ExecMainStatus", "0")
    if result not in ("", "success") or code != "0":
        words += f"; it ended with {result or 'no result'}, {code}"
    often = known.get("NRestarts", "0")
    return words if often in ("", "0") else f"{words}; restarted so far: {often}"
