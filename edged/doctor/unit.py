"""The unit edged.service as systemd tells of it: read, and judged. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edged.doctor.findings import Check, Missing, critical, ok, warn
from edged.doctor.programs import fields
from edged.words import units
from edged.words.defaults import DEFAULT_CONFIG

UNIT: Final = "edged.service"
PROPERTIES: Final = (
    "LoadState", "ActiveState", "SubState", "Result", "ExecMainCode", "ExecMainStatus", "UnitFileState", "NRestarts",
    "MainPID", "StateChangeTimestamp", "ExecMainStartTimestamp", "ExecMainExitTimestamp", "WatchdogUSec", "StatusText",
    "ExecStart", "InvocationID",
)  # fmt: skip
PROCESS_EXIT: Final = "98e322203f7a4ed290d09fe03c09fe15"
FAILURE_RESULT: Final = "d9b373ed55a64feb8242e02dbe79a49c"
"""Of the journal: what systemd tells of the end of a process, and of a unit that failed."""
RESTARTS_ODD: Final = 3
"""Since the unit was last started by hand or at boot; one may be an upgrade or a bad moment."""
_TIME: Final = "%a %Y-%m-%d %H:%M:%S UTC"


@dataclass(frozen=True, slots=True)
class Unit:
    """Times in ms since 1970, UTC; 0: never."""

    load: str
    active: str
    sub: str
    result: str
    ended_by: str
    """"exited", "killed", "dumped" or ""."""
    status: int
    """Exit code, or the signal's number."""
    enabled: str
    restarts: int
    pid: int
    since_ms: int
    started_ms: int
    ended_ms: int
    watchdog: bool
    told: str
    """What the daemon said of itself last."""
    runs: str = ""
    """Its command, as systemd tells it."""
    life: str = ""
    """systemd's number of its last run; "" once it has forgotten it."""

    @property
    def known(self) -> bool:
        return self.load in ("loaded", "masked", "bad-setting", "error")

    @property
    def begins(self) -> bool:
        """A start is under way: systemd has forgotten how the life before it ended."""
        return self.active == "activating" and not self.sub.startswith("auto-restart")

    @property
    def failed(self) -> bool:
        return self.result not in ("success", "")


NOBODY: Final = Unit("", "", "", "", "", 0, "", 0, 0, 0, 0, 0, watchdog=False, told="")
"""Where systemd does not run."""


def parse(text: str) -> Unit:
    """What `systemctl show` prints, asked in UTC."""
    known = fields(text)
    return Unit(
        load=known.get("LoadState", ""),
        active=known.get("ActiveState", ""),
        sub=known.get("SubState", ""),
        result=known.get("Result", ""),
        ended_by={"1": "exited", "2": "killed", "3": "dumped"}.get(known.get("ExecMainCode", ""), ""),
        status=_number(known.get("ExecMainStatus", "")),
        enabled=known.get("UnitFileState", ""),
        restarts=_number(known.get("NRestarts", "")),
        pid=_number(known.get("MainPID", "")),
        since_ms=_time(known.get("StateChangeTimestamp", "")),
        started_ms=_time(known.get("ExecMainStartTimestamp", "")),
        ended_ms=_time(known.get("ExecMainExitTimestamp", "")),
        watchdog=known.get("WatchdogUSec", "") not in ("", "0", "infinity"),
        told=known.get("StatusText", ""),
        runs=known.get("ExecStart", ""),
        life=known.get("InvocationID", ""),
    )


def with_last_life(unit: Unit, journal: str) -> Unit:
    """One that begins, with how its last life ended. `journal`: what systemd told of that, JSON lines, oldest first."""
    entries = [entry for line in journal.splitlines() if (entry := _entry(line))]
    end = next((entry for entry in reversed(entries) if entry.get("MESSAGE_ID") == FAILURE_RESULT), None)
    if end is None:
        return replace(unit, life="")
    life = end.get("INVOCATION_ID", "")
    process = next((entry for entry in entries if "EXIT_CODE" in entry and entry.get("INVOCATION_ID") == life), {})
    return replace(
        unit,
        result=end.get("UNIT_RESULT", ""),
        ended_by=process.get("EXIT_CODE", ""),
        status=_number(process.get("EXIT_STATUS", "")),
        life=life,
    )


def _entry(line: str) -> dict[str, str]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return {key: value for key, value in entry.items() if isinstance(value, str)} if isinstance(entry, dict) else {}


def concerns(unit: Unit, config: Path) -> bool:
    """Whether it is this configuration that the unit runs with, and not somebody's own."""
    return config == DEFAULT_CONFIG or str(config) in unit.runs


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def _time(text: str) -> int:
    try:
        return round(datetime.strptime(text, _TIME).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return 0


def judge(unit: Unit | Missing) -> Check:
    """Whether it would come up by itself after a power cut or a hang."""
    if isinstance(unit, Missing):
        return unit.check("unit")
    if unit == NOBODY:
        return ok("unit", "systemd does not run here: whoever started edged (a container, a person) starts it again")
    again = f", restarted {units.counted(unit.restarts, 'time')}" if unit.restarts else ""
    return _trouble(unit) or ok("unit", f"{UNIT} is enabled, with a watchdog{again}")


def _trouble(unit: Unit) -> Check | None:
    if not unit.known:
        said = f"systemd does not know {UNIT}: nothing starts edged after a power cut"
        return warn("unit", said, "install it: script/install, or docs/install.md")
    if unit.load != "loaded":
        return critical("unit", f"{UNIT} is {unit.load}: systemd does not start it", f"systemctl cat {UNIT}")
    if unit.enabled not in ("enabled", "enabled-runtime", "static", "generated", "linked"):
        said = f"{UNIT} is {unit.enabled or 'not enabled'}: edged does not come back after a power cut"
        return critical("unit", said, f"systemctl enable {UNIT}")
    if not unit.watchdog:
        said = "no watchdog is set: a daemon that hangs is not restarted"
        return warn("unit", said, f"set WatchdogSec=30, as systemd/{UNIT} does")
    if unit.restarts >= RESTARTS_ODD:
        said = f"systemd has restarted edged {unit.restarts} times since it was started"
        return warn("unit", said, "journalctl -u edged -p warning -n 50")
    return None
