"""Everything the doctor looks at and asks, as facts that its judges take. Blocking.

Directories, files, disks and the database: a disk that hangs holds whoever calls. Then systemd, the journal, the
clocks and the kernel. Then, while the daemon is down, the ports of cameras and broker, and certificates.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import stat
import time
import tomllib
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Final

from edged.config import load as configuration
from edged.config.load import CameraAddress, NamedSecret, Outline, read_outline
from edged.config.model import Config
from edged.config.problem import ConfigError, ConfigMistake
from edged.doctor import machine
from edged.doctor.daemon import (
    FAILURE_RESULT,
    NOBODY,
    PROCESS_EXIT,
    PROPERTIES,
    UnitState,
    parse_unit,
    with_last_life,
)
from edged.doctor.disks import UNKNOWN_BRIDGE, Array, Disk, Disks, LogLines, SmartAnswer, emmc, parse_smart
from edged.doctor.findings import CannotLook
from edged.doctor.machine import ClockState, InstalledVersions, MachineLoad, NoAnswer, fields, run
from edged.doctor.network import CertificateEnd, DeviceAnswer
from edged.doctor.office import OfficeAccounts, PaperTemplates, StateStorage, Swap, SwapArea
from edged.doctor.paths import Directory, SecretFile
from edged.host import accounts
from edged.host.accounts import become_owner
from edged.host.clock import RTC, asked_of_kernel, asked_of_programs, read_rtc_ms
from edged.host.file_access import Barred, barred, is_unreadable, of_unit
from edged.host.versions import av_version, reader
from edged.office import calendars
from edged.papers import template_check
from edged.profiles.loader import profile
from edged.words.value_types import UNIT
from mqtt import tls
from mqtt.broker_check import BrokerAnswer, check_broker
from mqtt.connection import BrokerSettings
from mqtt.tls import Files
from recorder.rtsp.connection import reach
from recorder.words.address import Target
from recorder.words.outcome import SessionEnded
from storage.database.readers import sqlite_version
from storage.store import offline
from storage.store.offline import DatabaseState, Sizes, state_holder
from storage.volumes.mounts import Mount, read_mounts
from storage.volumes.volume import read_identity
from storage.words.message import NOTHING, Message, as_message, message

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
    known = parse_unit(_answer("systemctl", "show", UNIT, "--property", ",".join(PROPERTIES)))
    return with_last_life(known, _ends()) if known.begins else known


def _ends() -> str:
    """What systemd itself told of them in the journal; "" where that cannot be read."""
    told = (f"MESSAGE_ID={PROCESS_EXIT}", f"MESSAGE_ID={FAILURE_RESULT}")
    try:
        return _journal("_PID=1", f"UNIT={UNIT}", *told, "--since", SHORT_WHILE, "-o", "json", "-n", "4")
    except CannotLook:
        return ""


def last_words(invocation: str) -> LogLines:
    """Of edged's last life in the journal: its last warnings and errors; where it gave none, its last lines.

    `invocation`: systemd's number of that life; "" where it has forgotten it, then the last lines of any. `CannotLook`.
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
    """What the kernel has told of errors since the box came up. `CannotLook`."""
    if is_container():
        return LogLines((), elsewhere=True)
    return LogLines(tuple(_journal("-k", "-b", "-p", "err", "-o", "cat", "-n", "500").splitlines()))


def is_container() -> bool:
    """As systemd-nspawn, LXC, Docker and Podman leave word of it."""
    return any(mark.exists() for mark in CONTAINER)


def _journal(*options: str) -> str:
    files = [file for place in JOURNALS if place.is_dir() for file in place.glob("*/system.journal")]
    if not files and (os.geteuid() == 0 or not any(place.is_dir() for place in JOURNALS)):
        raise CannotLook(
            message("doctor.no-journal", "there is no journal here (a container?)"),
            message("doctor.no-journal.action", "dmesg --level=err, on the machine that runs it"),
        )
    if not any(os.access(file, os.R_OK) for file in files):
        why = message("doctor.journal-closed", "the journal may not be read by this user")
        raise CannotLook(why, root=os.geteuid() != 0)
    return _answer("journalctl", "--no-pager", "-q", *options)


def _answer(*command: str) -> str:
    """What a program says, whatever its exit code. `CannotLook` where it does not answer."""
    try:
        return run(*command).out
    except NoAnswer as error:
        raise CannotLook(error.said) from None


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
    """The same of a program that may be missing; None where it does not answer or fails."""
    try:
        ran = run(*command, within_s=machine.WITHIN_S / 2)
    except NoAnswer:
        return None
    return ran.out if ran.code == 0 else None


def memory_and_load() -> MachineLoad:
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
    return InstalledVersions(version("edged"), platform.python_version(), av_version(), sqlite_version(), reader())


CONFIG_MAX_BYTES: Final = 1_048_576
SYS_DEVICES: Final = Path("/sys/dev/block")
SYS_BLOCK: Final = Path("/sys/block")
PROC_EXT4: Final = Path("/proc/fs/ext4")
"""Of each: all its options. What is set in the file system itself stands in no list of mounts."""
SWAPS: Final = Path("/proc/swaps")
_NO_CIPHER: Final = ("CRYPT-VERITY", "CRYPT-INTEGRITY")
"""What cryptsetup sets up without encrypting."""
_VIRTUAL: Final = ("loop", "vd", "xvd", "zram", "ram", "nbd", "rbd", "dm-", "md", "sr")
_HOSTS: Final = ("qemu", "vbox", "vmware", "virtual", "msft", "google", "amazon")


def site(file: Path) -> Outline:
    """What the configuration names. PermissionError where this user may not know, `CannotLook` where it is no TOML."""
    try:
        with file.open("rb") as opened:
            return read_outline(file.absolute(), opened.read(CONFIG_MAX_BYTES))
    except FileNotFoundError:
        raise CannotLook(
            message("doctor.no-configuration", "there is no configuration {file}", file=str(file)),
            message("doctor.no-configuration.action", "name it: edgectl --config FILE doctor"),
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        why = message("doctor.not-toml", "{file} is not TOML", file=str(file))
        raise CannotLook(why, Message(f"edgectl config check {file}")) from None


def directory(path: Path, *, volume: bool) -> Directory:
    """A directory; of a volume also its identity and who holds it."""
    mounts = read_mounts()
    real = PurePosixPath(os.path.realpath(path))
    lacking, mount = mounts.missing(real), mounts.of(real)
    unmounted = "" if lacking is None else str(lacking)
    try:
        here = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return Directory(str(path), there=False, unmounted=unmounted)
    if not stat.S_ISDIR(here.st_mode):
        return Directory(str(path), there=False, unmounted=unmounted)
    room = os.statvfs(path)
    identity, unread = _identity(path) if volume else ("", False)
    return Directory(
        path=str(path),
        there=True,
        unmounted=unmounted,
        kind="" if mount is None else mount.kind,
        total=room.f_blocks * room.f_frsize,
        free=room.f_bavail * room.f_frsize,
        inodes=room.f_files,
        inodes_free=room.f_favail,
        read_only=bool(room.f_flag & os.ST_RDONLY),
        mode=stat.S_IMODE(here.st_mode),
        owner=accounts.account(here.st_uid).name,
        volume=identity,
        identity_unread=unread,
        holder=_holder(path) if volume else None,
    )


def _identity(path: Path) -> tuple[str, bool]:
    """The volume's id, and whether this user may not know it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        return "", True
    except OSError:  # it is told by what else is asked of the directory
        return "", False
    try:
        return read_identity(fd).get("volume", ""), False
    except PermissionError:
        return "", True
    except (OSError, ValueError):
        return "", False
    finally:
        os.close(fd)


def _holder(path: Path) -> int | None:
    try:
        return offline.holder(path)
    except OSError:
        return None


def files(config: Path, secrets: tuple[NamedSecret, ...]) -> tuple[SecretFile, ...]:
    """Files that the configuration names, and what keeps the account of its unit from them."""
    reader = of_unit(config)
    paths = [Path(secret.path) for secret in secrets]
    found = {} if reader is None else barred(reader, [path for path in paths if path.name not in reader.credentials])
    return tuple(_file(secret, found.get(path)) for secret, path in zip(secrets, paths, strict=True))


def _file(secret: NamedSecret, why_not: Barred | None) -> SecretFile:
    try:
        here = Path(secret.path).stat()
    except PermissionError:
        return SecretFile(secret.path, secret.what, there=True, hidden=True)
    except OSError:
        return SecretFile(secret.path, secret.what, there=False, may_lack=secret.may_lack)
    return SecretFile(
        path=secret.path,
        what=secret.what,
        there=True,
        mode=stat.S_IMODE(here.st_mode),
        owner=accounts.account(here.st_uid).name,
        barred=why_not,
    )


def holder(state: Path) -> int:
    """The daemon that uses the state directory; 0: none."""
    return offline.state_holder(state)


def sizes(state: Path) -> Sizes:
    return offline.sizes(state)


def database(state: Path, patience_s: float) -> DatabaseState | None:
    """Of a daemon that is down, read as its owner; None before the first start. `CannotLook` while one runs:
    nobody else opens its files."""
    if not state.is_dir():
        return None
    if offline.state_holder(state):
        raise CannotLook(message("doctor.in-use", "edged uses it"))
    if os.geteuid() not in (0, state.stat().st_uid):
        raise PermissionError(13, "Permission denied", str(state))
    become_owner(state)
    return offline.inspect_database(state, patience_s)


def disks(paths: tuple[str, ...]) -> Disks:
    """The whole disks that these directories lie on, each once, and the arrays between. PermissionError where none of
    them may be looked at by this user.
    """
    names: dict[str, None] = {}
    refused = None
    for path in paths:
        try:
            device = Path(path).stat().st_dev
        except OSError as error:
            refused = error if isinstance(error, PermissionError) else refused
            continue
        names |= dict.fromkeys(_below(SYS_DEVICES / f"{os.major(device)}:{os.minor(device)}"))
    if refused is not None and not names:
        raise refused
    arrays = tuple(array for name in names if (array := _array(name)) is not None)
    known = {array.name for array in arrays}
    made_of_others = [name for name in names if name not in known and _slaves(SYS_BLOCK / name)]
    return Disks(tuple(_disk(name) for name in names if name not in known and name not in made_of_others), arrays)


def _below(device: Path) -> list[str]:
    """A partition's disk, and whatever that is made of in its turn; nothing of what is no disk."""
    if not device.exists():
        return []
    real = device.resolve()
    if (real / "partition").exists():
        real = real.parent
    return [real.name, *(name for one in _slaves(real) for name in _below(one))]


def _slaves(block: Path) -> list[Path]:
    return sorted((block / "slaves").iterdir()) if (block / "slaves").is_dir() else []


def _array(name: str) -> Array | None:
    """Of md, which keeps count of what is missing; None: it is something else."""
    md = SYS_BLOCK / name / "md"
    count, missing = _read(md / "raid_disks"), _read(md / "degraded")
    if not count.isdigit():
        return None
    return Array(name, _read(md / "level"), int(count), int(missing) if missing.isdigit() else 0)


def _disk(name: str) -> Disk:
    block = SYS_BLOCK / name
    model = _model(block)
    rotates = _read(block / "queue" / "rotational") == "1"
    hosted = is_container() and not Path("/dev", name).exists()
    if hosted or _is_virtual(name, model):
        return Disk(name, model, rotates, virtual=True)
    if name.startswith("mmcblk"):
        model = _read(block / "device" / "name")
        told = emmc(_read(block / "device" / "life_time"), _read(block / "device" / "pre_eol_info"))
    else:
        told = _smartctl(f"/dev/{name}")
    root = told.smart is None and not told.none and os.geteuid() != 0 and not told.no_tool
    return Disk(
        name,
        model,
        rotates,
        virtual=False,
        smart=told.smart,
        why_not=told.why,
        none=told.none,
        no_tool=told.no_tool,
        root=root,
    )


def _model(block: Path) -> str:
    return " ".join(filter(None, (_read(block / "device" / "vendor"), _read(block / "device" / "model"))))


def _is_virtual(name: str, model: str) -> bool:
    return name.startswith(_VIRTUAL) or any(host in model.lower() for host in _HOSTS)


def _smartctl(device: str) -> SmartAnswer:
    """Through a USB bridge that smartctl does not know, in the way most of them understand."""
    ask = ("smartctl", "--json=c", "-H", "-A", "-i")
    try:
        text = run(*ask, device).out
        told = parse_smart(text)
        if told.smart is None and UNKNOWN_BRIDGE in text:
            sat = parse_smart(run(*ask, "-d", "sat", device).out)
            told = sat if sat.smart is not None else told
    except NoAnswer as error:
        why = message("doctor.smart.unknown", "its health is not known: {reason}", reason=error.said)
        return SmartAnswer(why=why, no_tool=error.absent)
    return told


def state_storage(state: Path) -> StateStorage:
    """What the state directory lies on, or will."""
    there = next(path for path in (state, *state.parents) if path.exists())
    mount = read_mounts().of(PurePosixPath(os.path.realpath(there)))
    if mount is None:
        return StateStorage("")
    block = _block(mount)
    options = () if block is None else tuple(_read(PROC_EXT4 / block.resolve().name / "options").split())
    encrypted = None if block is None else _is_encrypted(block)
    return StateStorage(mount.kind, (*mount.options, *options), encrypted or (None if is_container() else encrypted))


def _block(mount: Mount) -> Path | None:
    """A file system on several disks (btrfs) has a number of its own, and names one of them."""
    if (block := SYS_DEVICES / mount.device).exists():
        return block
    return _block_of(Path(mount.source)) if mount.source.startswith("/dev/") else None


def _block_of(device: Path) -> Path | None:
    try:
        number = device.stat().st_rdev
    except OSError:
        return None
    block = SYS_DEVICES / f"{os.major(number)}:{os.minor(number)}"
    return block if block.exists() else None


def _is_encrypted(block: Path) -> bool | None:
    """By dm-crypt, here or in all that it is made of; None: it is virtual, and its host may do so."""
    real = block.resolve()
    if (real / "partition").exists():
        real = real.parent
    kind = _read(real / "dm" / "uuid")
    if kind.startswith("CRYPT-") and not kind.startswith(_NO_CIPHER):
        return True
    found = {_is_encrypted(one) for one in _slaves(real)} or {None if _is_virtual(real.name, _model(real)) else False}
    return False if False in found else None if None in found else True


def swap() -> Swap:
    """Where memory is swapped to."""
    try:
        lines = SWAPS.read_text("utf-8", "replace").splitlines()[1:]
    except FileNotFoundError:
        lines = []  # a kernel that cannot swap
    return Swap(tuple(_swap_area(line.split()[0]) for line in lines), of_host=is_container())


def _swap_area(name: str) -> SwapArea:
    if name.startswith("/dev/zram"):
        return SwapArea(name, in_memory=_read(SYS_BLOCK / name.removeprefix("/dev/") / "backing_dev") in ("", "none"))
    if name.startswith("/dev/"):
        block = _block_of(Path(name))
    else:
        mount = read_mounts().of(PurePosixPath(os.path.realpath(name)))
        block = None if mount is None else _block(mount)
    return SwapArea(name, None if block is None else _is_encrypted(block))


def office_accounts(operators: tuple[str, ...], authorities: tuple[str, ...]) -> OfficeAccounts:
    """As the databases of the system list them."""
    one, other = accounts.members(operators), accounts.members(authorities)
    return OfficeAccounts(len(one - other), len(other - one))


def paper_templates(config: Path, name: str, directory: str) -> PaperTemplates:
    """The office's own, each tried. `name`: of a profile. `directory`: "" for none."""
    of, place = profile(name), Path(directory) if directory else None
    forms, reader = template_check.check_templates(of, place), of_unit(config)
    closed = barred(reader, {Path(one.file) for one in forms if one.file}) if reader is not None else {}
    readable = tuple(
        replace(one, unusable=closed[Path(one.file)].problem) if Path(one.file) in closed else one for one in forms
    )
    return PaperTemplates(readable, template_check.strange(of, place))


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


TOGETHER: Final = 32
REACH_S: Final = 4.0
DAY_MS: Final = 86_400_000


def devices(found: tuple[CameraAddress, ...]) -> tuple[DeviceAnswer, ...]:
    """Each device once: whether its port takes a connection."""
    cameras_of: dict[tuple[str, int], list[str]] = defaultdict(list)
    for address in found:
        cameras_of[address.host, address.port].append(address.camera)
    with ThreadPoolExecutor(TOGETHER) as hands:
        return tuple(hands.map(_device, cameras_of, cameras_of.values()))


def _device(device: tuple[str, int], cameras: list[str]) -> DeviceAnswer:
    target = Target("rtsp", *device, "", "")
    why = NOTHING
    try:
        reach(target, time.monotonic() + REACH_S).close()
    except SessionEnded as end:
        why = as_message(end.ended.came_back)
    return DeviceAnswer(target.address, tuple(cameras), why)


def broker(file: Path) -> BrokerAnswer | None:
    """With what the configuration says; None where there is no broker. PermissionError. `CannotLook` while edged runs:
    a broker that names clients by their account would end its connection for ours."""
    config = _config(file)
    if config.mqtt is None:
        return None
    with contextlib.suppress(FileNotFoundError):
        if state_holder(config.paths.state):
            raise CannotLook(
                message("doctor.link-in-use", "edged runs, and has the link to itself"),
                message("doctor.link-in-use.action", "edgectl status, once it answers"),
            )
    given, node = config.mqtt, config.site.node
    files = given.files()
    ring = (
        None if files is None else tls.Keyring(files, node, given.username or "", lambda: time.time_ns() // 1_000_000)
    )
    settings = BrokerSettings(
        host=given.host,
        port=given.port,
        username=given.username or "",
        password=given.password.get_secret_value(),
        tls=ring,
    )
    return asyncio.run(check_broker(settings, node))


def certificates(file: Path) -> tuple[CertificateEnd, ...]:
    """Of the link, and of authorities of cameras. PermissionError."""
    config = _config(file)
    link = None if config.mqtt is None else config.mqtt.files()
    cameras = {camera.ca_file for camera in config.cameras if camera.enabled and camera.ca_file}
    now_ms = time.time_ns() // 1_000_000
    found = []
    for files in ([] if link is None else [link]) + [Files(path) for path in sorted(cameras)]:
        ends = {life.source: (life.ends_ms - now_ms) // DAY_MS for life in tls.lives(files).values()}
        found += [CertificateEnd(path, ends.get(path)) for path in (files.ca_file, files.certificate) if path]
    return tuple(found)


def _config(file: Path) -> Config:
    if is_unreadable(file):
        raise PermissionError(13, "Permission denied", str(file))
    try:
        return configuration.load(file)
    except ConfigError as error:
        first = error.problems[0]
        what = message(
            "doctor.configuration-unusable",
            "the configuration cannot be used: {key} {problem}",
            key=first.key,
            problem=first.problem,
        )
        if not first.key:
            what = message(
                "doctor.configuration-file-unusable",
                "the configuration cannot be used: {problem}",
                problem=first.problem,
            )
        raise CannotLook(what, Message(f"edgectl config check {file}")) from None


def check(file: Path) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """Problems and warnings of `edgectl config check`, each a line. PermissionError."""
    if is_unreadable(file):
        raise PermissionError(13, "Permission denied", str(file))
    problems, warnings = configuration.check(file, reader=of_unit(file), warn=calendars.warn)
    return tuple(map(_line, problems)), tuple(map(_line, warnings))


def _line(found: ConfigMistake) -> Message:
    problem, instead = found.problem, found.instead
    if found.key:
        return message(
            "doctor.mistake", "{key}: {problem} → {instead}", key=found.key, problem=problem, instead=instead
        )
    return message(
        "doctor.mistake-of-file", "{file} {problem} → {instead}", file=found.file, problem=problem, instead=instead
    )
