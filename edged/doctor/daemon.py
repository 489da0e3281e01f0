"""The daemon seen from outside: its unit as systemd tells of it, and why it does not answer. Pure.

systemd knows how it ended, the lock in the state directory whether it lives, the database when it last lived, the
journal what it said last. What one of them does not tell, another may; what none tells is not guessed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from edged.doctor.findings import Diagnosis, Missing, critical, ok, warn
from edged.doctor.machine import fields
from edged.words import exit_codes, units
from edged.words.value_types import DEFAULT_CONFIG, UNIT

JOURNAL: Final = "journalctl -u edged -n 50"
MEND: Final = "edgectl config check, mend it"
WAIT: Final = "wait some seconds, then ask again"
LOOK: Final = f"systemctl status edged, then {JOURNAL}"
STATE_FULL_BYTES: Final = 16 << 20
"""Less than this on the disk of the state directory, a start fails."""
SAID_MAX: Final = 5
_STARTED_ANEW: Final = frozenset({
    "never-started", "stopped-by-hand", "watchdog", "out-of-memory", "killed", "failed", "ended-in-order",
    "ended-without-a-word", "power-cut",
})  # fmt: skip
"""What to do is a start, which a mistake in the configuration would end."""
_EXECUTED: Final = {
    200: "its working directory is not there",
    203: "its program cannot be run: is /opt/edged/current there? script/install brings it back",
    217: "the account edged does not exist",
    226: "the sandbox cannot be made",
    233: "the runtime directory cannot be made",
    238: "the state directory cannot be made or given to edged",
    243: "a credential of the unit (LoadCredential=) cannot be read",
}
"""systemd.exec(5): it never came to run."""
_RESULTS: Final = {
    "watchdog": "it hung, and the watchdog killed it",
    "oom-kill": "memory ran out, and the kernel killed it",
    "timeout": "it was not ready, or did not stop, in time",
    "dependency": "something it needs did not come up (a mount of its state directory?)",
}
"""systemd.service(5)."""
_KILLED: Final = ("killed", "dumped")
"""By a signal: what it had said before does not explain it."""
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

SocketAnswer = Literal["absent", "refused", "silent", "forbidden"]


Cause = Literal[
    "hung", "starting", "stopping", "restarting", "never-started", "stopped-by-hand", "watchdog", "configuration",
    "out-of-memory", "killed", "failed", "elsewhere", "ended-in-order", "ended-without-a-word", "power-cut",
    "not-installed", "not-allowed", "unknown",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class UnitState:
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


NOBODY: Final = UnitState("", "", "", "", "", 0, "", 0, 0, 0, 0, 0, watchdog=False, told="")
"""Where systemd does not run."""


def parse_unit(text: str) -> UnitState:
    """What `systemctl show` prints, asked in UTC."""
    known = fields(text)
    return UnitState(
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


def with_last_life(unit: UnitState, journal: str) -> UnitState:
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


def concerns(unit: UnitState, config: Path) -> bool:
    """Whether it is this configuration that the unit runs with, and not somebody's own."""
    return config == DEFAULT_CONFIG or str(config) in unit.runs


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def _time(text: str) -> int:
    try:
        return round(datetime.strptime(text, _TIME).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return 0


def judge_unit(unit: UnitState | Missing) -> Diagnosis:
    """Whether it would come up by itself after a power cut or a hang."""
    if isinstance(unit, Missing):
        return unit.check("unit")
    if unit == NOBODY:
        return ok("unit", "systemd does not run here: whoever started edged (a container, a person) starts it again")
    again = f", restarted {units.counted(unit.restarts, 'time')}" if unit.restarts else ""
    return _unit_trouble(unit) or ok("unit", f"{UNIT} is enabled, with a watchdog{again}")


def _unit_trouble(unit: UnitState) -> Diagnosis | None:
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


@dataclass(frozen=True, slots=True)
class LastRun:
    """Of the database: the last life of the daemon."""

    alive_ms: int
    clean: bool
    this_boot: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """What could be found out; None, or empty: that could not."""

    socket_answer: SocketAnswer
    unit: UnitState | None = None
    """None: systemd does not run here, or is not asked about this daemon."""
    holder: int | None = None
    """The process that holds the state directory's lock; 0: nobody does."""
    last: LastRun | None = None
    state_there: bool | None = None
    journal: Sequence[str] = ()
    """Its last lines, the oldest first."""
    problems: Sequence[str] = field(default=())
    """Of the configuration."""
    away: Sequence[str] = ()
    """Volumes that are not there, or are another disk."""
    state_free_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class DownReport:
    """`since_ms`: 0 where nobody knows."""

    cause: Cause
    said: str
    action: str
    since_ms: int = 0
    evidence: tuple[str, ...] = ()


def explain(known: Evidence) -> DownReport:
    """The first that explains it."""
    found = _alive(known) or _of_systemd(known) or _of_the_files(known)
    action = f"{MEND}, then {found.action}" if known.problems and found.cause in _STARTED_ANEW else found.action
    return DownReport(found.cause, found.said, action, found.since_ms, (*found.evidence, *_besides(known)))


def _alive(known: Evidence) -> DownReport | None:
    """It runs all the same."""
    if known.socket_answer == "forbidden":
        return DownReport("not-allowed", "this user may not open its socket", "run edgectl as root or with sudo")
    unit, pid = known.unit, known.holder or 0
    if unit is not None and unit.load == "loaded":
        if (under_way := _under_way(known, unit)) is not None:
            return under_way
        pid = pid or (unit.pid if unit.active in ("active", "reloading") else 0)
    if not pid:
        return None
    since_ms = unit.since_ms if unit is not None else 0
    if known.socket_answer == "silent":
        watched = unit is not None and unit.watchdog
        then = "the watchdog restarts it within a minute" if watched else "no watchdog is known that would restart it"
        stuck = f"edged runs (process {pid}), and does not answer: it hangs; {then}"
        again = "systemctl restart edged" if unit is not None else f"end process {pid}, and start edged again"
        action = f"wait a minute, then ask again; if it is still so: {again}"
        return DownReport("hung", stuck, action, since_ms)
    said = f"edged runs (process {pid}), but not at this socket"
    return DownReport("elsewhere", said, "name the configuration it runs with: edgectl --config FILE", since_ms)


def _under_way(known: Evidence, unit: UnitState) -> DownReport | None:
    """A start or a stop."""
    if unit.begins:
        if unit.restarts or unit.failed:
            return _again(known, unit)
        said = f"edged is starting{f': {unit.told}' if unit.told else ''}"
        return DownReport("starting", said, WAIT, unit.since_ms)
    if unit.active == "deactivating":
        return DownReport("stopping", "edged is stopping", f"wait 20 s, then {LOOK}", unit.since_ms)
    return None


def _of_systemd(known: Evidence) -> DownReport | None:
    unit = known.unit
    if unit is None:
        return None
    if unit.load == "masked":
        said = f"{UNIT} is masked: systemd may not start it"
        return DownReport("stopped-by-hand", said, f"systemctl unmask {UNIT} && systemctl start {UNIT}", unit.since_ms)
    if unit.load != "loaded":
        return None
    if unit.active == "activating":
        return _again(known, unit)
    if not unit.started_ms and not unit.ended_ms:
        return _never(known, unit)
    cause, said, action = _how_it_ended(known, unit)
    told = cause == "stopped-by-hand" or (cause == "configuration" and known.problems)
    last = () if told else tuple(known.journal[-SAID_MAX:])
    return DownReport(cause, said, action, unit.ended_ms or unit.since_ms, last)


def _again(known: Evidence, unit: UnitState) -> DownReport:
    """What ended it last is told also while the next start is under way."""
    last = tuple(known.journal[-SAID_MAX:])
    lead = "edged has ended, and systemd starts it again"
    if unit.restarts >= RESTARTS_ODD:
        lead = f"edged ends again and again ({unit.restarts} times)"
    spoke = bool(last) and unit.ended_by not in _KILLED
    said = f"{lead}: {_ended(unit)}{f'; it said last: {last[-1]}' if spoke else ''}"
    return DownReport("restarting", said, _what_then(known, spoke=spoke), unit.since_ms, last)


def _what_then(known: Evidence, *, spoke: bool) -> str:
    """For one that starts by itself as soon as it can."""
    if known.away:
        return f"mount {known.away[0]} (lsblk shows the disks): edged then starts by itself"
    if known.problems:
        return f"{MEND}: edged then starts by itself"
    return f"do what it said last; {JOURNAL}" if spoke else JOURNAL


def _how_it_ended(known: Evidence, unit: UnitState) -> tuple[Cause, str, str]:
    if unit.status == exit_codes.CONFIG and unit.ended_by != "killed":
        if known.journal and not known.problems:  # what the file alone does not show: it contradicts what is stored
            said = f"its configuration was refused: {known.journal[-1]}"
            return "configuration", said, "mend what it said last, then systemctl start edged"
        found = f": {units.counted(len(known.problems), 'problem')} in it" if known.problems else ""
        return "configuration", f"its configuration was refused{found}", f"{MEND}, then systemctl start edged"
    if unit.result == "watchdog":
        return "watchdog", "edged hung, and the watchdog killed it", f"systemctl start edged; {JOURNAL}"
    if unit.result == "oom-kill":
        return "out-of-memory", "memory ran out, and the kernel killed edged", "free -h; systemctl start edged"
    if unit.result == "success":
        return "stopped-by-hand", "edged was stopped in order (systemctl stop, or a shutdown)", "systemctl start edged"
    cause: Cause = "killed" if unit.ended_by in _KILLED else "failed"
    return cause, f"edged failed: {_ended(unit)}", f"{JOURNAL}; then systemctl start edged"


def _never(known: Evidence, unit: UnitState) -> DownReport:
    if unit.failed:
        said = f"edged was not started since the box came up: {_ended(unit)}"
        return DownReport("failed", said, LOOK, unit.since_ms, tuple(known.journal[-SAID_MAX:]))
    why_not = "" if _is_enabled(unit) else f"; {UNIT} is {unit.enabled or 'not enabled'}, so nothing starts it at boot"
    if known.last is not None and known.last.this_boot:  # systemd forgets a unit that nothing wants any more
        found = _of_the_files(known)
        return replace(found, said=found.said + why_not)
    if known.last is not None:
        said = "edged was not started since the box came up"
    elif known.state_there is False:
        said = "edged has never run here"
    else:
        said = "edged does not run, and systemd knows of no start since the box came up"
    return DownReport("never-started", f"{said}{why_not}", _start(known))


def _is_enabled(unit: UnitState) -> bool:
    return unit.enabled in ("enabled", "enabled-runtime")


def _ended(unit: UnitState) -> str:
    """How, in words."""
    if unit.status in _EXECUTED and unit.ended_by == "exited":
        return _EXECUTED[unit.status]
    if unit.result in _RESULTS:
        return _RESULTS[unit.result]
    if unit.ended_by in _KILLED:
        return f"it was ended by signal {unit.status}"
    if unit.result in ("start-limit-hit", "resources", "protocol"):
        return f"systemd says {unit.result}"
    if unit.status:
        return f"exit code {unit.status}"
    return f"systemd says {unit.result}" if unit.failed else "systemd does not tell of a failure"


def _of_the_files(known: Evidence) -> DownReport:
    """systemd does not know it: a run by hand, a container, or nothing installed."""
    last = known.last
    if last is None:
        if known.state_there is False:
            return DownReport("never-started", "edged has never run here: there is no state directory", _start(known))
        if known.unit is not None and not known.unit.known:
            return DownReport(
                "not-installed", f"systemd does not know {UNIT}", "docs/install.md, or name --config FILE"
            )
        return DownReport("unknown", "edged does not run, or uses another socket", LOOK)
    if last.clean:
        return DownReport("ended-in-order", "edged ended in order", _start(known), last.alive_ms)
    if not last.this_boot:
        said = "the box went down without a word, and edged was not started since it came up"
        return DownReport("power-cut", said, _start(known), last.alive_ms)
    said = "edged ended without a word: it was killed, or crashed"
    return DownReport("ended-without-a-word", said, f"see what it said last, then {_start(known)}", last.alive_ms)


def _start(known: Evidence) -> str:
    return f"mount {known.away[0]}, then {_started(known)}" if known.away else _started(known)


def _started(known: Evidence) -> str:
    if known.unit is not None and known.unit.known:
        return "systemctl start edged" if _is_enabled(known.unit) else "systemctl enable --now edged"
    return "start it as it was started before (edged --config FILE, or its container)"


def _besides(known: Evidence) -> tuple[str, ...]:
    said = []
    if known.state_free_bytes is not None and known.state_free_bytes < STATE_FULL_BYTES:
        free = units.format_size(known.state_free_bytes)
        said.append(f"the disk of its state directory is full ({free} free): it cannot start until there is room")
    said += [f"volume away: {path}" for path in known.away]
    said += [f"configuration: {problem}" for problem in known.problems[:SAID_MAX]]
    if len(known.problems) > SAID_MAX:
        said.append(f"configuration: and {len(known.problems) - SAID_MAX} more")
    return tuple(said)
