"""Asks systemd, the journal, the clocks and the kernel. Blocking."""

from __future__ import annotations

import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Final

from edged.doctor import programs
from edged.doctor.daemon import (
    FAILURE_RESULT,
    NOBODY,
    PROCESS_EXIT,
    PROPERTIES,
    UnitState,
    parse_unit,
    with_last_life,
)
from edged.doctor.disks import LogLines
from edged.doctor.findings import CannotLook
from edged.doctor.machine import ClockState, InstalledVersions, MachineLoad
from edged.doctor.programs import NoAnswer, fields, run
from edged.host.clock import RTC, asked_of_kernel, asked_of_programs, read_rtc_ms
from edged.words.defaults import UNIT
from recorder.words.versions import av_version
from storage.database.readers import sqlite_version

SYSTEMD_RUNS: Final = Path("/run/systemd/system")
JOURNALS: Final = (Path("/var/log/journal"), Path("/run/log/journal"))
CONTAINER: Final = (Path("/run/systemd/container"), Path("/.dockerenv"), Path("/run/.containerenv"))
KEEPERS: Final = ("systemd-timesyncd", "chrony", "chronyd", "ntpsec", "ntp", "ntpd", "openntpd")
"""Services that keep a clock, as distributions call them."""
SHORT_WHILE: Final = "-10min"
"""So long a failure has to do with a start that is under way."""
LINES: Final = 200
LINE_MAX: Final = 300
WARNING: Final = 4
"""Of syslog: this and below is what matters."""


def unit() -> UnitState:
    """edged.service; while it is being started, with how it ended a short while ago."""
    if not SYSTEMD_RUNS.is_dir():
        return NOBODY
    known = parse_unit(_told("systemctl", "show", UNIT, "--property", ",".join(PROPERTIES)))
    return with_last_life(known, _ends()) if known.begins else known


def _ends() -> str:
    """What systemd itself told of them in the journal; "" where that cannot be read."""
    told = (f"MESSAGE_ID={PROCESS_EXIT}", f"MESSAGE_ID={FAILURE_RESULT}")
    try:
        return _journal("_PID=1", f"UNIT={UNIT}", *told, "--since", SHORT_WHILE, "-o", "json", "-n", "4")
    except CannotLook:
        return ""


def last_words(invocation: str) -> LogLines:
    """Of edged's last life in the journal: its last warnings and errors; where it gave none, its last lines. `Unseen`.

    `invocation`: systemd's number of that life; "" where it has forgotten it, then the last lines of any.
    """
    lines = []
    life = f"_SYSTEMD_INVOCATION_ID={invocation}" if invocation else f"_SYSTEMD_UNIT={UNIT}"
    for line in _journal(life, "-o", "json", "-n", str(LINES)).splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        words = entry.get("MESSAGE")
        if isinstance(words, str):
            priority = str(entry.get("PRIORITY", "6"))
            lines.append((priority.isdigit() and int(priority) <= WARNING, words[:LINE_MAX]))
    grave = [words for is_grave, words in lines if is_grave]
    return LogLines(tuple((grave or [words for _, words in lines])[-5:]))


def kernel() -> LogLines:
    """What the kernel has told of errors since the box came up. `Unseen`."""
    if is_container():
        return LogLines((), elsewhere=True)
    return LogLines(tuple(_journal("-k", "-b", "-p", "err", "-o", "cat", "-n", "500").splitlines()))


def is_container() -> bool:
    """As systemd-nspawn, LXC, Docker and Podman leave word of it."""
    return any(mark.exists() for mark in CONTAINER)


def _journal(*options: str) -> str:
    files = [file for place in JOURNALS if place.is_dir() for file in place.glob("*/system.journal")]
    if not files and (os.geteuid() == 0 or not any(place.is_dir() for place in JOURNALS)):
        raise CannotLook("there is no journal here (a container?)", "dmesg --level=err, on the machine that runs it")
    if not any(os.access(file, os.R_OK) for file in files):
        raise CannotLook("the journal may not be read by this user", root=os.geteuid() != 0)
    return _told("journalctl", "--no-pager", "-q", *options)


def _told(*command: str) -> str:
    try:
        return run(*command).out
    except NoAnswer as error:
        raise CannotLook(str(error)) from None


def clock() -> ClockState:
    """Kernel first, then whoever keeps it."""
    synced, source, offset_ms = asked_of_kernel(), "", None
    chrony = _chrony()
    if chrony is not None:
        source, offset_ms = f"{chrony[0]} (chrony)", chrony[1]
    else:
        source = _timesync()
    if synced is None:
        synced = asked_of_programs(lambda command: _out(*command))
    rtc_ms = read_rtc_ms(RTC)
    off_ms = None if rtc_ms is None else rtc_ms - time.time_ns() // 1_000_000
    return ClockState(synced, source, offset_ms, off_ms, kept=_kept(), of_host=is_container())


def _kept() -> bool | None:
    """Whether a service keeps the clock; None: systemd cannot tell."""
    try:
        return "active" in run("systemctl", "is-active", *KEEPERS).out.split() if SYSTEMD_RUNS.is_dir() else None
    except NoAnswer:
        return None


def _chrony() -> tuple[str, float] | None:
    """Server, and how far we are off, in ms."""
    told = (_out("chronyc", "-c", "tracking") or "").strip().split(",")
    try:
        return (told[1], float(told[4]) * 1000) if told[1] else None
    except (IndexError, ValueError):
        return None


def _timesync() -> str:
    name = fields(_out("timedatectl", "show-timesync", "--property=ServerName") or "").get("ServerName", "")
    return f"{name} (timesyncd)" if name else ""


def _out(*command: str) -> str | None:
    try:
        ran = run(*command, within_s=programs.WITHIN_S / 2)
    except NoAnswer:
        return None
    return ran.out if ran.code == 0 else None


def machine() -> MachineLoad:
    """Memory and load."""
    memory = fields(Path("/proc/meminfo").read_text("utf-8"), ":")
    kilobytes = {key: int(value.split()[0]) for key, value in memory.items() if key in ("MemTotal", "MemAvailable")}
    return MachineLoad(
        memory=kilobytes["MemTotal"] * 1024,
        memory_free=kilobytes.get("MemAvailable", kilobytes["MemTotal"]) * 1024,
        pressed=_pressed(),
        load=os.getloadavg()[1],
        cores=len(os.sched_getaffinity(0)),
    )


def _pressed() -> float | None:
    try:
        lines = Path("/proc/pressure/memory").read_text("utf-8").splitlines()
        full = next(line for line in lines if line.startswith("full"))
        return float(fields(full.replace(" ", "\n"))["avg60"])
    except (OSError, StopIteration, KeyError, ValueError):
        return None


def versions() -> InstalledVersions:
    return InstalledVersions(version("edged"), platform.python_version(), av_version(), sqlite_version())
