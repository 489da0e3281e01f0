"""Volumes, room, the database's files, and who can read what: looked at in the file system. Pure."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edged.doctor.findings import Diagnosis, Missing, critical, ok, unknown, warn
from edged.documents.base import told_in
from edged.documents.site import Volume
from edged.host.file_access import Barred
from storage.store.offline import DatabaseState, Sizes
from storage.words.message import Message, joined, message

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
    what: Message
    there: bool
    mode: int = 0
    owner: str = ""
    hidden: bool = False
    """This user cannot see whether it is there."""
    barred: Barred | None = None
    """What keeps edged from it."""
    may_lack: bool = False
    """edged makes it."""


def judge_volume(
    place: Directory | Missing, path: str, known: Volume | None, expected: str | None, *, daemon: bool
) -> Diagnosis:
    """`known`: what the daemon says of it; `expected`: the id that the database knows for this path, "" for none, None
    where the database could not be asked.
    """
    name = f"volume {path}"
    if known is not None and known.state in _AWAY:
        said = message("doctor.volume.away", "away: {reason}", reason=told_in(known, "reason"))
        if known.state == "lost":
            said = message("doctor.volume.lost", "lost: {reason}", reason=told_in(known, "reason"))
        check = message("doctor.volume.away.action", "check cable and power of the disk, then: mount -a")
        return critical(name, said, check)
    if isinstance(place, Missing):
        return place.check(name)
    found = next(_amiss(place, path, expected or ""), None)
    if found is not None:
        return critical(name, *found)
    if nobody_knows(place, expected):
        said = message(
            "doctor.volume.nobody-knows",
            "its identity file is missing: its disk is not mounted, or edged has never recorded there",
        )
        return unknown(name, said, _then_mount(path))
    return _in_place(name, place, known, daemon=daemon)


def _in_place(name: str, place: Directory, known: Volume | None, *, daemon: bool) -> Diagnosis:
    if known is not None and known.state == "full":
        said = message("doctor.volume.full", "full: {reason}", reason=told_in(known, "reason"))
        return critical(name, said, Message("edgectl retention; edgectl alarms"))
    if daemon and place.holder == 0 and known is not None and known.state != "retired":
        said = message("doctor.volume.not-held", "edged does not hold it")
        return warn(name, said, message("doctor.volume.not-held.action", "edgectl volume list says why"))
    kind = place.kind or message("doctor.volume.kind-unknown", "file system unknown")
    return ok(name, message("doctor.volume.mounted", "mounted ({kind}), {state}", kind=kind, state=_state(known)))


def _state(known: Volume | None) -> Message:
    if known is None:
        return message("doctor.volume.ready", "ready")
    if known.state == "in-service":
        return message("doctor.volume.in-service", "in-service")
    if known.state == "retired":
        return message("doctor.volume.retired", "retired")
    return Message(known.state)


def _then_mount(path: str) -> Message:
    return message("doctor.volume.then-mount.action", "lsblk; then mount {path}", path=path)


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


def _amiss(place: Directory, path: str, expected: str) -> Iterator[tuple[Message, Message]]:
    """What, and what to do."""
    if place.unmounted:
        said = message("doctor.volume.not-mounted", "its disk is not mounted at {path}", path=place.unmounted)
        yield said, _then_mount(place.unmounted)
    if not place.there:
        said = message("doctor.volume.no-directory", "there is no such directory")
        yield said, message("doctor.volume.no-directory.action", "create it, or mount its disk there")
    if place.read_only:
        said = message("doctor.volume.read-only", "it is mounted read-only: its file system has found an error")
        yield said, Message("journalctl -k -p err")
    if expected and place.volume and place.volume != expected:
        said = message(
            "doctor.volume.other-disk",
            "another disk is mounted there: volume {volume}, where {expected} is known",
            volume=place.volume,
            expected=expected,
        )
        yield said, message("doctor.volume.other-disk.action", "edgectl volume list; mount the right one")
    if expected and not place.volume and not place.identity_unread:
        said = message("doctor.volume.no-identity", "it is not the disk that edged knows: its identity file is missing")
        yield said, Message(f"lsblk; mount {place.unmounted or path}")


def judge_room(place: Directory | Missing, path: str, known: Volume | None) -> Diagnosis:
    """A ring is full on purpose: what counts is when it can no longer make room."""
    name = f"space {path}"
    if known is not None and known.floor_at_risk_in_s is not None and known.floor_at_risk_in_s <= SOON_S:
        said = message(
            "doctor.space.floor",
            "in {left_s} the floor is no longer met: there is too little room for what has to be kept",
            left_s=known.floor_at_risk_in_s,
        )
        judged = critical if known.floor_at_risk_in_s <= NOW_S else warn
        more = message("doctor.space.floor.action", "edgectl retention; add a disk, or lower the bit rate of cameras")
        return judged(name, said, more)
    if isinstance(place, Missing):
        return place.check(name)
    if place.inodes and place.inodes_free < INODES_LOW * place.inodes:
        said = message(
            "doctor.space.inodes",
            "{free} inodes are free of {total}",
            free=place.inodes_free,
            total=place.inodes,
        )
        remove = message("doctor.space.inodes.action", "remove others' small files: df -i")
        return critical(name, said, remove)
    said = message("doctor.space", "{free_bytes} free of {total_bytes}", free_bytes=place.free, total_bytes=place.total)
    if known is not None and known.full_in_s is not None:
        said = message(
            "doctor.space.full-in",
            "{free_bytes} free of {total_bytes}, full in {left_s}, then the oldest makes room",
            free_bytes=place.free,
            total_bytes=place.total,
            left_s=known.full_in_s,
        )
    return ok(name, said)


def judge_state(place: Directory | Missing) -> Diagnosis:
    name = "space state"
    if isinstance(place, Missing):
        return place.check(name)
    if not place.there:
        said = message(
            "doctor.state.none",
            "there is no state directory {path}: edged makes it when it first starts",
            path=place.path,
        )
        start = message(
            "doctor.state.none.action", "start edged, or name the configuration it runs with: --config FILE"
        )
        return unknown(name, said, start)
    if place.read_only:
        said = message("doctor.state.read-only", "the disk of {path} is mounted read-only", path=place.path)
        return critical(name, said, Message("journalctl -k -p err"))
    largest = Message("du -xh --max-depth=2 / | sort -h | tail")
    if place.free < STATE_FULL_BYTES:
        said = message(
            "doctor.state.full", "the disk of {path} is full: {free_bytes} free", path=place.path, free_bytes=place.free
        )
        return critical(name, said, largest)
    if place.free < STATE_LOW_BYTES:
        said = message(
            "doctor.state.low",
            "the disk of {path} is nearly full: {free_bytes} free",
            path=place.path,
            free_bytes=place.free,
        )
        return warn(name, said, largest)
    return ok(name, message("doctor.state.space", "{free_bytes} free beside the database", free_bytes=place.free))


def judge_database(found: DatabaseState | Sizes | Missing | None) -> Diagnosis:
    """`Sizes`: it is in use, and nobody else opens it."""
    name = "database"
    if isinstance(found, Missing):
        return found.check(name)
    if found is None:
        return unknown(
            name,
            message("doctor.database.none", "there is no database yet"),
            message("doctor.database.none.action", "start edged once"),
        )
    if isinstance(found, DatabaseState) and (found.unreadable or found.complaints):
        what = found.unreadable or joined(map(Message, found.complaints or ()))
        return critical(
            name,
            message("doctor.database.damaged", "it is damaged: {reason}", reason=what),
            message(
                "doctor.database.damaged.action",
                "start edged: it takes up again from the volumes; then edgectl rebuild",
            ),
        )
    if found.wal_bytes > WAL_LARGE_BYTES:
        said = message(
            "doctor.database.large-wal",
            "its WAL is large ({size_bytes}, WAL {wal_bytes})",
            size_bytes=found.bytes,
            wal_bytes=found.wal_bytes,
        )
        look = message("doctor.database.large-wal.action", "is its disk slow, or another program in it? fuser -v on it")
        return warn(name, said, look)
    said = message(
        "doctor.database",
        "{what} ({size_bytes}, WAL {wal_bytes})",
        what=_soundness(found),
        size_bytes=found.bytes,
        wal_bytes=found.wal_bytes,
    )
    return ok(name, said)


def _soundness(found: DatabaseState | Sizes) -> Message:
    if isinstance(found, Sizes):
        return message("doctor.database.in-use", "in use by edged, which looks after it itself")
    if found.complaints is None:
        return message(
            "doctor.database.in-part",
            "no fault found as far as there was time to look; all of it: edgectl fsck",
        )
    return message("doctor.database.sound", "sound")


def judge_modes(files: Sequence[SecretFile], directories: Mapping[str, Directory | Missing]) -> list[Diagnosis]:
    """One line for all that is in order, one for each that is not."""
    there = {path: place for path, place in directories.items() if isinstance(place, Directory) and place.there}
    found, hidden, seen = [], 0, len(there)
    for file in files:
        if file.hidden:
            hidden += 1
        elif file.barred is not None:
            said = message("doctor.modes.barred", "{problem} ({what})", problem=file.barred.problem, what=file.what)
            found.append(critical("modes", said, file.barred.instead))
        elif file.there and file.mode & (stat.S_IRWXO):
            seen += 1
            said = message(
                "doctor.modes.open",
                "everybody on this machine can use {path} ({what}, mode {mode})",
                path=file.path,
                what=file.what,
                mode=f"{file.mode & 0o777:o}",
            )
            close = message(
                "doctor.modes.open.action",
                "chmod o= {path}; have it changed if others can log in here",
                path=file.path,
            )
            found.append(critical("modes", said, close))
        elif not (file.there or file.may_lack):
            said = message("doctor.modes.absent", "there is no {path} ({what})", path=file.path, what=file.what)
            found.append(critical("modes", said, Message("edgectl config check")))
        else:
            seen += 1
    found += [_open_directory(path, place) for path, place in there.items() if place.mode & stat.S_IRWXO]
    if hidden:
        said = message("doctor.modes.hidden", "{count} files cannot be seen by this user", count=hidden)
        if hidden == 1:
            said = message("doctor.modes.one-hidden", "1 file cannot be seen by this user")
        found.append(Missing(said, root=True).check("modes"))
    return found or [
        ok(
            "modes",
            message("doctor.modes.well", "nobody else can read any of {count} files and directories", count=seen),
        )
    ]


def _open_directory(path: str, place: Directory) -> Diagnosis:
    said = message(
        "doctor.modes.open-directory",
        "everybody on this machine can look into {path} (mode {mode}, {owner})",
        path=path,
        mode=f"{place.mode & 0o777:o}",
        owner=place.owner,
    )
    return critical("modes", said, Message(f"chmod 750 {path}"))
