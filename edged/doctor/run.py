"""One visit of `edgectl doctor`, and the look at a daemon that does not answer: who is asked, who judges. Blocking."""

from __future__ import annotations

import errno
import locale
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from edged.config.load import Outline
from edged.doctor import daemon, disks, gather, machine, network, office, paths
from edged.doctor.daemon import DownReport, Evidence, LastRun, SocketAnswer, UnitState
from edged.doctor.disks import Disks, LogLines
from edged.doctor.findings import Diagnosis, Missing, Result, critical, ok, unknown, warn
from edged.doctor.in_child import Task, together
from edged.doctor.machine import ClockState, InstalledVersions, MachineLoad
from edged.doctor.network import CertificateEnd, DeviceAnswer
from edged.doctor.office import OfficeAccounts, PaperTemplates, StateStorage, Swap
from edged.doctor.paths import Directory, SecretFile
from edged.documents.base import told_in
from edged.documents.site import Status
from edged.profiles.loader import PROFILES, profile
from mqtt.broker_check import BrokerAnswer
from storage.store.offline import DatabaseState, Sizes
from storage.words.clock import SystemClock
from storage.words.message import Message, joined, message

SOCKET_WITHIN_S: Final = 1.0
DATABASE_S: Final = 10.0
"""For SQLite's quick check: some 2 GB from a fast disk."""
CAMERA_S: Final = 14.0
DISKS_S: Final = 12.0
TEMPLATES_S: Final = 20.0
PROBLEMS_MAX: Final = 3
UNTOLD: Final = Missing(message("doctor.untold", "edged runs and does not tell this account"), root=True)
_ADVICES: Final = tuple[tuple[Message, ...], tuple[Message, ...]]
"""Problems and warnings of a configuration."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What was gathered; each piece may be `Missing`."""

    config: Path
    status: Status | None
    found: Mapping[str, Any]
    down: DownReport | None
    encoding: str

    @property
    def site(self) -> Outline | None:
        site = self.found["site"]
        return site if isinstance(site, Outline) else None


def check_socket(path: Path) -> SocketAnswer:
    """How a socket answers that gave no document."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(SOCKET_WITHIN_S)
        try:
            sock.connect(str(path))
        except TimeoutError:
            return "silent"
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM):
                return "forbidden"
            return _refusal(error.errno)
    return "silent"


def _refusal(number: int | None) -> SocketAnswer:
    if number == errno.ENOENT:
        return "absent"
    return "silent" if number == errno.EAGAIN else "refused"


def look_from_outside(config: Path, path: Path, *, of_unit: bool) -> tuple[DownReport, int, tuple[Message, ...]]:
    """Why the daemon of this configuration does not answer, its last heartbeat (ms, 0: none seen), what is unseen."""
    found = _first(config) | _of_the_daemon(config, of_unit=of_unit)
    found |= _of_its_files(found["site"], None, down=True)
    return _explained(found, config, path)


def examine(
    config: Path, path: Path, status: Status | None, refusal: DownReport | None, *, of_unit: bool
) -> Examination:
    """Everything. `status`: what the daemon says, None where it does not answer; `refusal`: it does, and refuses."""
    first: dict[str, Task[Any]] = {
        "check": Task(_ADVICES, partial(gather.check, config)),
        "kernel": Task(LogLines, gather.kernel),
        "clock": Task(ClockState, gather.clock),
        "machine": Task(MachineLoad, gather.memory_and_load),
        "versions": Task(InstalledVersions, gather.versions),
        "certificates": Task(tuple[CertificateEnd, ...], partial(gather.certificates, config)),
    }
    found = together(first) | _first(config) | _of_the_daemon(config, of_unit=of_unit)
    found |= _of_its_files(found["site"], status, down=status is None and refusal is None)
    found |= _of_the_office(found["site"])
    if status is None and refusal is None:
        refusal = _explained(found, config, path)[0]
    return Examination(config, status, found, refusal, locale.getpreferredencoding(do_setlocale=False))


def _first(config: Path) -> dict[str, Any]:
    return together({"site": Task(Outline, partial(gather.site, config))})


def _of_the_daemon(config: Path, *, of_unit: bool) -> dict[str, Any]:
    if not of_unit:
        unasked = Missing(
            message("doctor.socket-named", "a socket was named: systemd is asked only of its own daemon"),
            action=message("doctor.socket-named.action", "leave out --socket"),
        )
        return {"unit": unasked, "words": unasked}
    found = together({"unit": Task(UnitState, gather.unit)})
    known = found["unit"]
    life = known.life if isinstance(known, UnitState) else ""
    found |= together({"words": Task(LogLines, partial(gather.last_words, life))})
    if isinstance(known, UnitState) and known != daemon.NOBODY and not daemon.concerns(known, config):
        other = Missing(
            message("doctor.other-configuration", "systemd does not run edged with {file}", file=str(config)),
            action=message("doctor.other-configuration.action", "leave out --config to see what it runs"),
        )
        return {"unit": other, "words": other}
    return found


def _of_its_files(site: Outline | Missing, status: Status | None, *, down: bool) -> dict[str, Any]:
    """What lies on disks, each looked at by itself."""
    state = Path(site.state) if isinstance(site, Outline) else None
    volumes = _volumes(site, status)
    tasks: dict[str, Task[Any]] = {
        f"place {path}": Task(Directory, partial(gather.directory, Path(path), volume=True)) for path in volumes
    }
    everywhere = tuple(volumes)
    if state is not None:
        everywhere += (str(state),)
        tasks["state"] = Task(Directory, partial(gather.directory, state, volume=False))
        tasks["holder"] = Task(int, partial(gather.holder, state))
        tasks["sizes"] = Task(Sizes, partial(gather.sizes, state))
        if down:
            tasks["glance"] = Task(DatabaseState | None, partial(gather.database, state, DATABASE_S - 2), DATABASE_S)
    if isinstance(site, Outline):
        tasks["files"] = Task(tuple[SecretFile, ...], partial(gather.files, Path(site.file), site.secrets))
        if down:
            tasks["doors"] = Task(tuple[DeviceAnswer, ...], partial(gather.devices, site.doors), CAMERA_S)
            tasks["broker"] = Task(BrokerAnswer | None, partial(gather.broker, Path(site.file)), CAMERA_S)
    if everywhere:
        tasks["disks"] = Task(Disks, partial(gather.disks, everywhere), DISKS_S)
    return {"disks": site} | together(tasks)


def _of_the_office(site: Outline | Missing) -> dict[str, Any]:
    """Only where there is a profile: else no person is kept."""
    if isinstance(site, Missing) or site.profile not in PROFILES:
        return {}
    people = partial(gather.office_accounts, site.operators, site.authorities)
    papers = partial(gather.paper_templates, Path(site.file), site.profile, site.papers)
    return together(
        {
            "accounts": Task(OfficeAccounts, people),
            "storage": Task(StateStorage, partial(gather.state_storage, Path(site.state))),
            "swap": Task(Swap, gather.swap),
            "papers": Task(PaperTemplates, papers, TEMPLATES_S),
        }
    )


def _volumes(site: Outline | Missing, status: Status | None) -> list[str]:
    named = list(site.volumes) if isinstance(site, Outline) else []
    told = [] if status is None else [volume.path for volume in status.volumes if volume.state != "lost"]
    return list(dict.fromkeys([*named, *told]))


def _explained(found: Mapping[str, Any], config: Path, path: Path) -> tuple[DownReport, int, tuple[Message, ...]]:
    advices = found.get("check") or together({"check": Task(_ADVICES, partial(gather.check, config))})["check"]
    glance, state, words = found.get("glance"), found.get("state"), found["words"]
    last = None
    if isinstance(glance, DatabaseState) and glance.alive_ms:
        last = LastRun(glance.alive_ms, glance.clean, glance.boot_id == SystemClock().boot_id)
    holder = found.get("holder")
    known = Evidence(
        socket_answer=check_socket(path),
        unit=found["unit"] if isinstance(found["unit"], UnitState) and found["unit"] != daemon.NOBODY else None,
        holder=holder if isinstance(holder, int) else None,
        last=last,
        state_there=state.there if isinstance(state, Directory) else None,
        journal=words.lines if isinstance(words, LogLines) else (),
        problems=() if isinstance(advices, Missing) else advices[0],
        away=_away(found),
        state_free_bytes=state.free if isinstance(state, Directory) and state.there else None,
    )
    parts = (
        (message("doctor.unseen.configuration", "configuration"), found["site"]),
        (message("doctor.unseen.journal", "journal"), words),
        (message("doctor.unseen.database", "database"), glance),
        (message("doctor.unseen.state", "state directory"), state),
    )
    unseen = tuple(
        message("doctor.unseen", "{what}: {reason}", what=name, reason=part.why)
        for name, part in parts
        if isinstance(part, Missing) and part.root
    )
    return daemon.explain(known), last.alive_ms if last else 0, unseen


def _away(found: Mapping[str, Any]) -> tuple[str, ...]:
    glance = found.get("glance")
    known = glance.volumes if isinstance(glance, DatabaseState) else {}
    some = ((name.removeprefix("place "), place) for name, place in found.items() if name.startswith("place "))
    return tuple(
        path for path, place in some if isinstance(place, Directory) and paths.is_away(place, known.get(path, ""))
    )


def judged(gathered: Examination) -> list[Diagnosis]:
    """Every line of `doctor`, in the order in which somebody would look."""
    return [check for check in _judged(gathered) if check is not None]


def _judged(gathered: Examination) -> Iterator[Diagnosis | None]:
    found, status = gathered.found, gathered.status
    yield _daemon(gathered)
    yield daemon.judge_unit(found["unit"])
    yield _configuration(found["check"])
    yield from machine.judge_clock(found["clock"])
    yield from _storage(gathered)
    yield from disks.judge_disks(found["disks"])
    yield disks.judge_kernel(found["kernel"])
    if status is not None:
        yield from network.judge_cameras(status.cameras, grave=status.verdict == "critical")
        yield network.judge_link(status.broker)
    else:
        unread = found["site"] if isinstance(found["site"], Missing) else UNTOLD
        configured = gathered.site.cameras if gathered.site is not None else 0
        yield from network.judge_devices(found.get("doors", unread), configured)
        yield network.judge_broker(found.get("broker", unread))
    yield from network.judge_certificates(found["certificates"])
    yield from _modes(gathered)
    if gathered.site is not None and "accounts" in found:
        yield office.judge_accounts(found["accounts"], profile(gathered.site.profile).procedures)
        yield from office.judge_storage(found["storage"])
        yield office.judge_swap(found["swap"])
        yield office.judge_papers(found["papers"])
    yield from machine.judge_machine(found["machine"])
    if status is not None:
        yield machine.judge_cameras_carried(status.load)
    here = found["versions"]
    running = "" if status is None else status.version
    yield here.check("versions") if isinstance(here, Missing) else machine.judge_versions(here, running)
    yield machine.judge_console(gathered.encoding)


def _daemon(gathered: Examination) -> Diagnosis:
    status, why = gathered.status, gathered.down
    if status is None:
        if why is None:
            return unknown("daemon", message("doctor.daemon.unasked", "it was not asked"), Message("edgectl status"))
        judge = {"not-allowed": unknown, "starting": warn, "stopping": warn}.get(why.cause, critical)
        return judge("daemon", why.said, why.action)
    if status.verdict == "ok":
        return ok("daemon", message("doctor.daemon.well", "it runs, and all is well (edgectl status)"))
    result = Result.CRITICAL if status.verdict == "critical" else Result.WARN
    standing = sum(alarm.cleared is None for alarm in status.alarms)
    said = message("doctor.daemon.alarms", "it runs, with {count} alarms standing", count=standing)
    if standing == 1:
        said = message("doctor.daemon.one-alarm", "it runs, with 1 alarm standing")
    elif not standing:
        said = message("doctor.daemon.not-yet", "it runs, and not all is well yet")
    return Diagnosis("daemon", result, said, told_in(status, "action") or Message("edgectl alarms"))


def _configuration(advices: tuple[Sequence[Message], Sequence[Message]] | Missing) -> Diagnosis:
    name = "configuration"
    if isinstance(advices, Missing):
        return advices.check(name)
    problems, warnings = advices
    for found, judge in ((problems, critical), (warnings, warn)):
        if found:
            said, more = joined(found[:PROBLEMS_MAX]), len(found) - PROBLEMS_MAX
            if more > 0:
                said = message("doctor.configuration.more", "{what} (and {more} more)", what=said, more=more)
            return judge(name, said, Message("edgectl config check"))
    return ok(name, message("doctor.configuration.well", "no fault in it"))


def _storage(gathered: Examination) -> Iterator[Diagnosis]:
    found, status = gathered.found, gathered.status
    told = {} if status is None else {volume.path: volume for volume in status.volumes}
    for path in _volumes(found["site"], status):
        place, known, expected = found[f"place {path}"], told.get(path), _expected(gathered, path)
        yield paths.judge_volume(place, path, known, expected, daemon=status is not None)
        if paths.is_volume(place, known, expected):
            yield paths.judge_room(place, path, known)
    if gathered.site is None:
        yield found["site"].check("database")
        return
    yield paths.judge_state(found["state"])
    in_use = "glance" not in found or bool(isinstance(found["holder"], int) and found["holder"])
    yield paths.judge_database(found["sizes"] if in_use else found["glance"])


def _expected(gathered: Examination, path: str) -> str | None:
    """The id that the daemon, or its database, knows for a volume; None where neither could be asked."""
    if gathered.status is not None:
        return next((volume.id for volume in gathered.status.volumes if volume.path == path), "")
    glance = gathered.found.get("glance")
    if isinstance(glance, DatabaseState):
        return glance.volumes.get(path, "")
    return "" if "glance" in gathered.found and glance is None else None


def _modes(gathered: Examination) -> Iterator[Diagnosis]:
    found, site = gathered.found, gathered.site
    if site is None:
        yield found["site"].check("modes")
        return
    some = found["files"]
    if isinstance(some, Missing):
        yield some.check("modes")
        return
    told = {} if gathered.status is None else {volume.path: volume for volume in gathered.status.volumes}
    directories = {
        path: place
        for path in _volumes(site, gathered.status)
        if paths.is_volume(place := found[f"place {path}"], told.get(path), _expected(gathered, path))
    }
    yield from paths.judge_modes(some, {site.state: found["state"], **directories})
