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
from edged.words import exit_codes
from edged.words.value_types import DEFAULT_CONFIG, UNIT
from storage.words.message import Message, message

JOURNAL: Final = Message("journalctl -u edged -n 50")
START: Final = Message("systemctl start edged")
WAIT: Final = message("doctor.wait.action", "wait some seconds, then ask again")
LOOK: Final = message("doctor.look.action", "systemctl status edged, then journalctl -u edged -n 50")
STATE_FULL_BYTES: Final = 16 << 20
"""Less than this on the disk of the state directory, a start fails."""
SAID_MAX: Final = 5
_STARTED_ANEW: Final = frozenset({
    "never-started", "stopped-by-hand", "watchdog", "out-of-memory", "killed", "failed", "ended-in-order",
    "ended-without-a-word", "power-cut",
})  # fmt: skip
"""What to do is a start, which a mistake in the configuration would end."""
_EXECUTED: Final = {
    200: message("doctor.ended.no-directory", "its working directory is not there"),
    203: message(
        "doctor.ended.no-program",
        "its program cannot be run: is /opt/edged/current there? script/install brings it back",
    ),
    217: message("doctor.ended.no-account", "the account edged does not exist"),
    226: message("doctor.ended.no-sandbox", "the sandbox cannot be made"),
    233: message("doctor.ended.no-runtime-directory", "the runtime directory cannot be made"),
    238: message("doctor.ended.no-state-directory", "the state directory cannot be made or given to edged"),
    243: message("doctor.ended.no-credential", "a credential of the unit (LoadCredential=) cannot be read"),
}
"""systemd.exec(5): it never came to run."""
_RESULTS: Final = {
    "watchdog": message("doctor.ended.watchdog", "it hung, and the watchdog killed it"),
    "oom-kill": message("doctor.ended.memory", "memory ran out, and the kernel killed it"),
    "timeout": message("doctor.ended.timeout", "it was not ready, or did not stop, in time"),
    "dependency": message(
        "doctor.ended.dependency", "something it needs did not come up (a mount of its state directory?)"
    ),
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
        said = message(
            "doctor.unit.none",
            "systemd does not run here: whoever started edged (a container, a person) starts it again",
        )
        return ok("unit", said)
    return _unit_trouble(unit) or ok("unit", _well(unit))


def _well(unit: UnitState) -> Message:
    if not unit.restarts:
        return message("doctor.unit.well", "{unit} is enabled, with a watchdog", unit=UNIT)
    if unit.restarts == 1:
        return message("doctor.unit.restarted-once", "{unit} is enabled, with a watchdog, restarted 1 time", unit=UNIT)
    return message(
        "doctor.unit.restarted",
        "{unit} is enabled, with a watchdog, restarted {times} times",
        unit=UNIT,
        times=unit.restarts,
    )


def _unit_trouble(unit: UnitState) -> Diagnosis | None:
    if not unit.known:
        said = message(
            "doctor.unit.unknown", "systemd does not know {unit}: nothing starts edged after a power cut", unit=UNIT
        )
        return warn(
            "unit", said, message("doctor.unit.unknown.action", "install it: script/install, or docs/install.md")
        )
    if unit.load != "loaded":
        said = message(
            "doctor.unit.not-loaded", "{unit} is {state}: systemd does not start it", unit=UNIT, state=unit.load
        )
        return critical("unit", said, Message(f"systemctl cat {UNIT}"))
    if unit.enabled not in ("enabled", "enabled-runtime", "static", "generated", "linked"):
        said = message(
            "doctor.unit.not-enabled",
            "{unit} is {state}: edged does not come back after a power cut",
            unit=UNIT,
            state=_enabled(unit),
        )
        return critical("unit", said, Message(f"systemctl enable {UNIT}"))
    if not unit.watchdog:
        said = message("doctor.unit.no-watchdog", "no watchdog is set: a daemon that hangs is not restarted")
        set_it = message("doctor.unit.no-watchdog.action", "set WatchdogSec=30, as systemd/{unit} does", unit=UNIT)
        return warn("unit", said, set_it)
    if unit.restarts >= RESTARTS_ODD:
        said = message(
            "doctor.unit.restarts",
            "systemd has restarted edged {times} times since it was started",
            times=unit.restarts,
        )
        return warn("unit", said, Message("journalctl -u edged -p warning -n 50"))
    return None


def _enabled(unit: UnitState) -> Message:
    """systemd's own word for it, if it has one."""
    return Message(unit.enabled) if unit.enabled else message("doctor.unit.enabled-not", "not enabled")


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
    problems: Sequence[Message] = field(default=())
    """Of the configuration."""
    away: Sequence[str] = ()
    """Volumes that are not there, or are another disk."""
    state_free_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class DownReport:
    """`since_ms`: 0 where nobody knows."""

    cause: Cause
    said: Message
    action: Message
    since_ms: int = 0
    evidence: tuple[Message, ...] = ()


def explain(known: Evidence) -> DownReport:
    """The first that explains it."""
    found = _alive(known) or _of_systemd(known) or _of_the_files(known)
    action = _mend_then(found.action) if known.problems and found.cause in _STARTED_ANEW else found.action
    return DownReport(found.cause, found.said, action, found.since_ms, (*found.evidence, *_besides(known)))


def _mend_then(action: Message) -> Message:
    return message("doctor.mend-then.action", "edgectl config check, mend it, then {action}", action=action)


def _alive(known: Evidence) -> DownReport | None:
    """It runs all the same."""
    if known.socket_answer == "forbidden":
        return DownReport(
            "not-allowed",
            message("doctor.down.not-allowed", "this user may not open its socket"),
            message("doctor.down.not-allowed.action", "run edgectl as root or with sudo"),
        )
    unit, pid = known.unit, known.holder or 0
    if unit is not None and unit.load == "loaded":
        if (under_way := _under_way(known, unit)) is not None:
            return under_way
        pid = pid or (unit.pid if unit.active in ("active", "reloading") else 0)
    if not pid:
        return None
    since_ms = unit.since_ms if unit is not None else 0
    if known.socket_answer == "silent":
        return _hung(unit, pid, since_ms)
    said = message("doctor.down.elsewhere", "edged runs (process {pid}), but not at this socket", pid=pid)
    name = message("doctor.down.elsewhere.action", "name the configuration it runs with: edgectl --config FILE")
    return DownReport("elsewhere", said, name, since_ms)


def _hung(unit: UnitState | None, pid: int, since_ms: int) -> DownReport:
    if unit is not None and unit.watchdog:
        said = message(
            "doctor.down.hung",
            "edged runs (process {pid}), and does not answer: it hangs; the watchdog restarts it within a minute",
            pid=pid,
        )
    else:
        said = message(
            "doctor.down.hung-unwatched",
            "edged runs (process {pid}), and does not answer: it hangs; no watchdog is known that would restart it",
            pid=pid,
        )
    again = Message("systemctl restart edged")
    if unit is None:
        again = message("doctor.down.end-process.action", "end process {pid}, and start edged again", pid=pid)
    action = message(
        "doctor.down.hung.action", "wait a minute, then ask again; if it is still so: {action}", action=again
    )
    return DownReport("hung", said, action, since_ms)


def _under_way(known: Evidence, unit: UnitState) -> DownReport | None:
    """A start or a stop."""
    if unit.begins:
        if unit.restarts or unit.failed:
            return _again(known, unit)
        said = message("doctor.down.starting", "edged is starting")
        if unit.told:
            said = message("doctor.down.starting-with", "edged is starting: {words}", words=unit.told)
        return DownReport("starting", said, WAIT, unit.since_ms)
    if unit.active == "deactivating":
        said = message("doctor.down.stopping", "edged is stopping")
        wait = message("doctor.down.stopping.action", "wait 20 s, then {action}", action=LOOK)
        return DownReport("stopping", said, wait, unit.since_ms)
    return None


def _of_systemd(known: Evidence) -> DownReport | None:
    unit = known.unit
    if unit is None:
        return None
    if unit.load == "masked":
        said = message("doctor.down.masked", "{unit} is masked: systemd may not start it", unit=UNIT)
        unmask = Message(f"systemctl unmask {UNIT} && systemctl start {UNIT}")
        return DownReport("stopped-by-hand", said, unmask, unit.since_ms)
    if unit.load != "loaded":
        return None
    if unit.active == "activating":
        return _again(known, unit)
    if not unit.started_ms and not unit.ended_ms:
        return _never(known, unit)
    cause, said, action = _how_it_ended(known, unit)
    told = cause == "stopped-by-hand" or (cause == "configuration" and known.problems)
    return DownReport(cause, said, action, unit.ended_ms or unit.since_ms, () if told else _last_words(known))


def _last_words(known: Evidence) -> tuple[Message, ...]:
    return tuple(map(Message, known.journal[-SAID_MAX:]))


def _again(known: Evidence, unit: UnitState) -> DownReport:
    """What ended it last is told also while the next start is under way."""
    last = _last_words(known)
    said = message(
        "doctor.down.restarting", "edged has ended, and systemd starts it again: {ended}", ended=_ended(unit)
    )
    if unit.restarts >= RESTARTS_ODD:
        said = message(
            "doctor.down.restarting-often",
            "edged ends again and again ({times} times): {ended}",
            times=unit.restarts,
            ended=_ended(unit),
        )
    spoke = bool(last) and unit.ended_by not in _KILLED
    if spoke:
        said = message("doctor.down.said-last", "{what}; it said last: {words}", what=said, words=last[-1])
    return DownReport("restarting", said, _what_then(known, spoke=spoke), unit.since_ms, last)


def _what_then(known: Evidence, *, spoke: bool) -> Message:
    """For one that starts by itself as soon as it can."""
    if known.away:
        return message(
            "doctor.down.mount-starts.action",
            "mount {path} (lsblk shows the disks): edged then starts by itself",
            path=known.away[0],
        )
    if known.problems:
        return message("doctor.down.mend-starts.action", "edgectl config check, mend it: edged then starts by itself")
    if spoke:
        return message("doctor.down.said-last.action", "do what it said last; journalctl -u edged -n 50")
    return JOURNAL


def _how_it_ended(known: Evidence, unit: UnitState) -> tuple[Cause, Message, Message]:
    if unit.status == exit_codes.CONFIG and unit.ended_by != "killed":
        return "configuration", *_refused_configuration(known)
    if unit.result == "watchdog":
        said = message("doctor.down.watchdog", "edged hung, and the watchdog killed it")
        return "watchdog", said, Message(f"{START}; {JOURNAL}")
    if unit.result == "oom-kill":
        said = message("doctor.down.out-of-memory", "memory ran out, and the kernel killed edged")
        return "out-of-memory", said, Message(f"free -h; {START}")
    if unit.result == "success":
        said = message("doctor.down.stopped", "edged was stopped in order (systemctl stop, or a shutdown)")
        return "stopped-by-hand", said, START
    cause: Cause = "killed" if unit.ended_by in _KILLED else "failed"
    said = message("doctor.down.failed", "edged failed: {ended}", ended=_ended(unit))
    return cause, said, message("doctor.down.failed.action", "journalctl -u edged -n 50; then systemctl start edged")


def _refused_configuration(known: Evidence) -> tuple[Message, Message]:
    if known.journal and not known.problems:  # what the file alone does not show: it contradicts what is stored
        said = message(
            "doctor.down.configuration-because", "its configuration was refused: {reason}", reason=known.journal[-1]
        )
        mend = message("doctor.down.configuration-because.action", "mend what it said last, then systemctl start edged")
        return said, mend
    said = message("doctor.down.configuration", "its configuration was refused")
    if len(known.problems) == 1:
        said = message("doctor.down.configuration-one", "its configuration was refused: 1 problem in it")
    elif known.problems:
        said = message(
            "doctor.down.configuration-many",
            "its configuration was refused: {count} problems in it",
            count=len(known.problems),
        )
    return said, _mend_then(START)


def _never(known: Evidence, unit: UnitState) -> DownReport:
    if unit.failed:
        said = message(
            "doctor.down.not-started-because",
            "edged was not started since the box came up: {ended}",
            ended=_ended(unit),
        )
        return DownReport("failed", said, LOOK, unit.since_ms, _last_words(known))
    if known.last is not None and known.last.this_boot:  # systemd forgets a unit that nothing wants any more
        found = _of_the_files(known)
        return replace(found, said=_not_at_boot(found.said, unit))
    if known.last is not None:
        said = message("doctor.down.not-started", "edged was not started since the box came up")
    elif known.state_there is False:
        said = message("doctor.down.never-run", "edged has never run here")
    else:
        said = message(
            "doctor.down.no-start", "edged does not run, and systemd knows of no start since the box came up"
        )
    return DownReport("never-started", _not_at_boot(said, unit), _start(known))


def _not_at_boot(said: Message, unit: UnitState) -> Message:
    """And that it is not enabled, where it is not."""
    if _is_enabled(unit):
        return said
    return message(
        "doctor.down.not-at-boot",
        "{what}; {unit} is {state}, so nothing starts it at boot",
        what=said,
        unit=UNIT,
        state=_enabled(unit),
    )


def _is_enabled(unit: UnitState) -> bool:
    return unit.enabled in ("enabled", "enabled-runtime")


def _ended(unit: UnitState) -> Message:
    """How, in words."""
    if unit.status in _EXECUTED and unit.ended_by == "exited":
        return _EXECUTED[unit.status]
    if unit.result in _RESULTS:
        return _RESULTS[unit.result]
    if unit.ended_by in _KILLED:
        return message("doctor.ended.signal", "it was ended by signal {signal}", signal=unit.status)
    if unit.status and unit.result not in ("start-limit-hit", "resources", "protocol"):
        return message("doctor.ended.code", "exit code {code}", code=unit.status)
    if unit.failed:
        return message("doctor.ended.systemd-says", "systemd says {result}", result=unit.result)
    return message("doctor.ended.untold", "systemd does not tell of a failure")


def _of_the_files(known: Evidence) -> DownReport:
    """systemd does not know it: a run by hand, a container, or nothing installed."""
    last = known.last
    if last is None:
        if known.state_there is False:
            said = message("doctor.down.no-state", "edged has never run here: there is no state directory")
            return DownReport("never-started", said, _start(known))
        if known.unit is not None and not known.unit.known:
            return DownReport(
                "not-installed",
                message("doctor.down.not-installed", "systemd does not know {unit}", unit=UNIT),
                message("doctor.down.not-installed.action", "docs/install.md, or name --config FILE"),
            )
        said = message("doctor.down.unknown", "edged does not run, or uses another socket")
        return DownReport("unknown", said, LOOK)
    if last.clean:
        said = message("doctor.down.ended-in-order", "edged ended in order")
        return DownReport("ended-in-order", said, _start(known), last.alive_ms)
    if not last.this_boot:
        said = message(
            "doctor.down.power-cut", "the box went down without a word, and edged was not started since it came up"
        )
        return DownReport("power-cut", said, _start(known), last.alive_ms)
    said = message("doctor.down.without-a-word", "edged ended without a word: it was killed, or crashed")
    see = message("doctor.down.without-a-word.action", "see what it said last, then {action}", action=_start(known))
    return DownReport("ended-without-a-word", said, see, last.alive_ms)


def _start(known: Evidence) -> Message:
    if not known.away:
        return _started(known)
    return message(
        "doctor.down.mount-then.action", "mount {path}, then {action}", path=known.away[0], action=_started(known)
    )


def _started(known: Evidence) -> Message:
    if known.unit is not None and known.unit.known:
        return START if _is_enabled(known.unit) else Message("systemctl enable --now edged")
    return message(
        "doctor.down.as-before.action", "start it as it was started before (edged --config FILE, or its container)"
    )


def _besides(known: Evidence) -> tuple[Message, ...]:
    said = []
    if known.state_free_bytes is not None and known.state_free_bytes < STATE_FULL_BYTES:
        full = message(
            "doctor.besides.full",
            "the disk of its state directory is full ({free_bytes} free): it cannot start until there is room",
            free_bytes=known.state_free_bytes,
        )
        said.append(full)
    said += [message("doctor.besides.away", "volume away: {path}", path=path) for path in known.away]
    said += [
        message("doctor.besides.problem", "configuration: {problem}", problem=problem)
        for problem in known.problems[:SAID_MAX]
    ]
    if len(known.problems) > SAID_MAX:
        more = len(known.problems) - SAID_MAX
        said.append(message("doctor.besides.more-problems", "configuration: and {more} more", more=more))
    return tuple(said)
