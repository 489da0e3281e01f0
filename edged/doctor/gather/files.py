"""Looks at directories, files, disks and the database. Blocking: a disk that hangs holds whoever calls this."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path, PurePosixPath
from typing import Final

from edged.config.lenient import NamedSecret, Outline, read_outline
from edged.doctor.disks import UNKNOWN_BRIDGE, Array, Disk, Disks, SmartAnswer, emmc, parse_smart
from edged.doctor.findings import CannotLook
from edged.doctor.gather.host import is_container
from edged.doctor.paths import Directory, SecretFile
from edged.doctor.programs import NoAnswer, run
from edged.host import accounts
from edged.host.drop_privileges import become_owner
from edged.host.file_access import Barred, barred, of_unit
from storage.store import database_state
from storage.store.database_state import DatabaseState, Sizes
from storage.volumes.identity import read_identity
from storage.volumes.mounts import read_mounts

CONFIG_MAX_BYTES: Final = 1_048_576
SYS_DEVICES: Final = Path("/sys/dev/block")
SYS_BLOCK: Final = Path("/sys/block")
_VIRTUAL: Final = ("loop", "vd", "xvd", "zram", "ram", "nbd", "rbd", "dm-", "md", "sr")
_HOSTS: Final = ("qemu", "vbox", "vmware", "virtual", "msft", "google", "amazon")


def site(file: Path) -> Outline:
    """What the configuration names. PermissionError where this user may not know, `Unseen` where it cannot be read."""
    try:
        with file.open("rb") as opened:
            return read_outline(file.absolute(), opened.read(CONFIG_MAX_BYTES))
    except FileNotFoundError:
        raise CannotLook(f"there is no configuration {file}", "name it: edgectl --config FILE doctor") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise CannotLook(f"{file} is not TOML", f"edgectl config check {file}") from None


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
        return database_state.holder(path)
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
        return SecretFile(secret.path, secret.what, there=False)
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
    return database_state.state_holder(state)


def sizes(state: Path) -> Sizes:
    return database_state.sizes(state)


def database(state: Path, patience_s: float) -> DatabaseState | None:
    """Of a daemon that is down, read as its owner; None before the first start. `Unseen` while one runs: nobody else
    opens its files."""
    if not state.is_dir():
        return None
    if database_state.state_holder(state):
        raise CannotLook("edged uses it")
    if os.geteuid() not in (0, state.stat().st_uid):
        raise PermissionError(13, "Permission denied", str(state))
    become_owner(state)
    return database_state.glance(state, patience_s)


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
    model = " ".join(filter(None, (_read(block / "device" / "vendor"), _read(block / "device" / "model"))))
    rotates = _read(block / "queue" / "rotational") == "1"
    hosted = is_container() and not Path("/dev", name).exists()
    if hosted or name.startswith(_VIRTUAL) or any(host in model.lower() for host in _HOSTS):
        return Disk(name, model, rotates, virtual=True)
    if name.startswith("mmcblk"):
        model = _read(block / "device" / "name")
        told = emmc(_read(block / "device" / "life_time"), _read(block / "device" / "pre_eol_info"))
    else:
        told = _smartctl(f"/dev/{name}")
    root = told.smart is None and not told.none and os.geteuid() != 0 and "not installed" not in told.why
    return Disk(name, model, rotates, virtual=False, smart=told.smart, why_not=told.why, none=told.none, root=root)


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
        return SmartAnswer(why=f"its health is not known: {error}")
    return told


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
