"""Volumes, room, the database's files, and who can read what: looked at in the file system. Pure."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edged.doctor.findings import Diagnosis, Missing, critical, ok, unknown, warn
from edged.documents.site import Volume
from edged.host.file_access import Barred
from edged.words import units
from storage.store.offline import DatabaseState, Sizes

STATE_LOW_BYTES: Final = 1 << 30
STATE_FULL_BYTES: Final = 64 << 20
"""Of the disk of the state directory: the ballast beside the database has as much."""
INODES_LOW: Final = 0.02
WAL_LARGE_BYTES: Final = 64 << 20
"""It is worked off once a second; so large, somebody holds it open or the disk does not keep up."""
DAY_S: Final = 86_400
_AWAY: Final = ("away", "lost")
SOON_S, NOW_S = 14 * DAY_S, 3 * DAY_S
"""As the alarms `retention.forecast` have it."""


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory."""

    path: str
    there: bool
    unmounted: str = ""
    """The mount point above it that nothing is mounted on."""
    kind: str = ""
    """Of its file system."""
    total: int = 0
    free: int = 0
    inodes: int = 0
    inodes_free: int = 0
    read_only: bool = False
    mode: int = 0
    owner: str = ""
    volume: str = ""
    """The id in its identity file; "" where there is none."""
    identity_unread: bool = False
    """This user may not read it."""
    holder: int | None = None
    """The process that has locked it; 0: nobody; None: not to be seen."""


@dataclass(frozen=True, slots=True)
class SecretFile:
    """What is to be read by nobody else."""

    path: str
    what: str
    there: bool
    mode: int = 0
    owner: str = ""
    hidden: bool = False
    """This user cannot see whether it is there."""
    barred: Barred | None = None
    """What keeps edged from it."""


def judge_volume(
    place: Directory | Missing, path: str, known: Volume | None, expected: str | None, *, daemon: bool
) -> Diagnosis:
    """`known`: what the daemon says of it; `expected`: the id that the database knows for this path, "" for none, None
    where the database could not be asked.
    """
    name = f"volume {path}"
    if known is not None and known.state in _AWAY:
        return critical(name, f"{known.state}: {known.reason}", "check cable and power of the disk, then: mount -a")
    if isinstance(place, Missing):
        return place.check(name)
    found = next(_amiss(place, path, expected or ""), None)
    if found is not None:
        return critical(name, *found)
    if nobody_knows(place, expected):
        said = "its identity file is missing: its disk is not mounted, or edged has never recorded there"
        return unknown(name, said, f"lsblk; then mount {path}")
    return _in_place(name, place, known, daemon=daemon)


def _in_place(name: str, place: Directory, known: Volume | None, *, daemon: bool) -> Diagnosis:
    if known is not None and known.state == "full":
        return critical(name, f"full: {known.reason}", "edgectl retention; edgectl alarms")
    if daemon and place.holder == 0 and known is not None and known.state != "retired":
        return warn(name, "edged does not hold it", "edgectl volume list says why")
    state = "ready" if known is None else known.state
    return ok(name, f"mounted ({place.kind or 'file system unknown'}), {state}")


def is_away(place: Directory, expected: str) -> bool:
    """Not there, not mounted, or not the disk that the database knows for this path."""
    other = bool(expected) and place.volume != expected and not place.identity_unread
    return not place.there or bool(place.unmounted) or other


def is_volume(place: Directory | Missing, known: Volume | None, expected: str | None) -> bool:
    """Whether what is seen there is the volume, and not the empty mount point or another disk in its place."""
    if isinstance(place, Missing):
        return True
    told_away = known is not None and known.state in _AWAY
    return not (told_away or nobody_knows(place, expected) or is_away(place, expected or ""))


def nobody_knows(place: Directory, expected: str | None) -> bool:
    """No identity file, and no database that could tell whether there should be one."""
    return expected is None and not place.volume and not place.identity_unread


def _amiss(place: Directory, path: str, expected: str) -> Iterator[tuple[str, str]]:
    """What, and what to do."""
    mount = f"mount {place.unmounted or path}"
    if place.unmounted:
        yield f"its disk is not mounted at {place.unmounted}", f"lsblk; then {mount}"
    if not place.there:
        yield "there is no such directory", "create it, or mount its disk there"
    if place.read_only:
        yield "it is mounted read-only: its file system has found an error", "journalctl -k -p err"
    if expected and place.volume and place.volume != expected:
        said = f"another disk is mounted there: volume {place.volume}, where {expected} is known"
        yield said, "edgectl volume list; mount the right one"
    if expected and not place.volume and not place.identity_unread:
        yield "it is not the disk that edged knows: its identity file is missing", f"lsblk; {mount}"


def judge_room(place: Directory | Missing, path: str, known: Volume | None) -> Diagnosis:
    """A ring is full on purpose: what counts is when it can no longer make room."""
    name = f"space {path}"
    if known is not None and known.floor_at_risk_in_s is not None and known.floor_at_risk_in_s <= SOON_S:
        in_words = units.approximate_duration(known.floor_at_risk_in_s)
        said = f"in {in_words} the floor is no longer met: there is too little room for what has to be kept"
        judged = critical if known.floor_at_risk_in_s <= NOW_S else warn
        return judged(name, said, "edgectl retention; add a disk, or lower the bit rate of cameras")
    if isinstance(place, Missing):
        return place.check(name)
    if place.inodes and place.inodes_free < INODES_LOW * place.inodes:
        return critical(
            name, f"{place.inodes_free} inodes are free of {place.inodes}", "remove others' small files: df -i"
        )
    said = f"{units.format_size(place.free)} free of {units.format_size(place.total)}"
    if known is not None and known.full_in_s is not None:
        said += f", full in {units.approximate_duration(known.full_in_s)}, then the oldest makes room"
    return ok(name, said)


def judge_state(place: Directory | Missing) -> Diagnosis:
    name = "space state"
    if isinstance(place, Missing):
        return place.check(name)
    if not place.there:
        said = f"there is no state directory {place.path}: edged makes it when it first starts"
        return unknown(name, said, "start edged, or name the configuration it runs with: --config FILE")
    free = units.format_size(place.free)
    if place.read_only:
        return critical(name, f"the disk of {place.path} is mounted read-only", "journalctl -k -p err")
    if place.free < STATE_FULL_BYTES:
        return critical(
            name, f"the disk of {place.path} is full: {free} free", "du -xh --max-depth=2 / | sort -h | tail"
        )
    if place.free < STATE_LOW_BYTES:
        return warn(
            name, f"the disk of {place.path} is nearly full: {free} free", "du -xh --max-depth=2 / | sort -h | tail"
        )
    return ok(name, f"{free} free beside the database")


def judge_database(found: DatabaseState | Sizes | Missing | None) -> Diagnosis:
    """`Sizes`: it is in use, and nobody else opens it."""
    name = "database"
    if isinstance(found, Missing):
        return found.check(name)
    if found is None:
        return unknown(name, "there is no database yet", "start edged once")
    size = f"{units.format_size(found.bytes)}, WAL {units.format_size(found.wal_bytes)}"
    if isinstance(found, DatabaseState) and (found.unreadable or found.complaints):
        what = found.unreadable or "; ".join(found.complaints or ())
        action = "start edged: it takes up again from the volumes; then edgectl rebuild"
        return critical(name, f"it is damaged: {what}", action)
    if found.wal_bytes > WAL_LARGE_BYTES:
        return warn(name, f"its WAL is large ({size})", "is its disk slow, or another program in it? fuser -v on it")
    return ok(name, f"{_soundness(found)} ({size})")


def _soundness(found: DatabaseState | Sizes) -> str:
    if isinstance(found, Sizes):
        return "in use by edged, which looks after it itself"
    if found.complaints is None:
        return "no fault found as far as there was time to look; all of it: edgectl fsck"
    return "sound"


def judge_modes(files: Sequence[SecretFile], directories: Mapping[str, Directory | Missing]) -> list[Diagnosis]:
    """One line for all that is in order, one for each that is not."""
    found, hidden, seen = [], 0, 0
    for file in files:
        if file.hidden:
            hidden += 1
        elif file.barred is not None:
            found.append(critical("modes", f"{file.barred.problem} ({file.what})", file.barred.instead))
        elif file.there and file.mode & (stat.S_IRWXO):
            seen += 1
            what = f"everybody on this machine can use {file.path} ({file.what}, mode {file.mode & 0o777:o})"
            found.append(critical("modes", what, f"chmod o= {file.path}; have it changed if others can log in here"))
        elif not file.there and file.what != "key of the ledger":
            found.append(critical("modes", f"there is no {file.path} ({file.what})", "edgectl config check"))
        else:
            seen += 1
    for path, place in directories.items():
        if isinstance(place, Directory) and place.there:
            seen += 1
            if place.mode & stat.S_IRWXO:
                what = f"everybody on this machine can look into {path} (mode {place.mode & 0o777:o}, {place.owner})"
                found.append(critical("modes", what, f"chmod 750 {path}"))
    if hidden:
        found.append(Missing(f"{units.counted(hidden, 'file')} cannot be seen by this user", root=True).check("modes"))
    return found or [ok("modes", f"nobody else can read any of {seen} files and directories")]
