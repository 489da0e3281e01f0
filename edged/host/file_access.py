"""Who may read a file: this account, the account that the unit runs edged as, and, of what edged keeps, anybody else.

- `is_unreadable`: whether this account is kept from it.
- `of_unit`, `barred`: root reads everything, so what root finds readable says nothing of the daemon. The kernel says
  so to a process of the daemon's account. Which account that is, and which credentials systemd reads for it, stands in
  the files of the unit; they are read without systemd, also before it knows the unit.
- `access_list`, `barrier`: one other account may read one thing of edged's, and what keeps it from getting there.
- `OpenFileWatch`: footage, pins, ledger and database belong to the account of edged; for others there is nothing, and
  for the group of edged no more than to read (W2 J6 P12 D1 N9). A directory above that is closed closes all below it;
  what lies there open is told all the same, because a mount or a move opens it.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import stat
import struct
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from edged.host import accounts
from edged.words.value_types import ACCOUNT, DEFAULT_CONFIG, UNIT
from storage.words.errors import said
from storage.words.message import Message, message

PLACES: Final = tuple(
    map(
        Path, ("/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
    )
)
"""Of units, the first one counts."""
_SETTING: Final = re.compile(r"^(\w+)[ \t]*=[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_CONFIG: Final = re.compile(r"--config[ =](\S+)")
_ASK: Final = """while [ $# -gt 0 ]; do test "$1" "$2" && printf y || printf n; shift 2; done"""
"""Of pairs of a test's operator and a path, a letter each: one process for all of them."""
_ACL: Final = "system.posix_acl_access"
_CREDENTIALS: Final = ("LoadCredential", "LoadCredentialEncrypted", "SetCredential", "SetCredentialEncrypted")
NAMED_MAX: Final = 20
"""Files that are named; all are counted."""
EACH_LOOK: Final = 4096
"""Entries of the pass in one look: 20 ms where they are cached, some seconds on a cold disk; a day of 14 cameras."""
AGAIN_MAX: Final = 4096
"""Open ones that are looked at again each time; of more, the later ones come with the pass."""
_LISTS: Final = frozenset({"system.posix_acl_access", "system.posix_acl_default"})
_LIST_HEAD: Final = struct.pack("<I", 2)
"""Version of the form in which the kernel takes access lists (linux/posix_acl_xattr.h)."""
_LIST_ENTRY: Final = struct.Struct("<HHI")
_OF_OWNER, _OF_USER, _OF_GROUP, _MASK, _OF_OTHERS = 0x01, 0x02, 0x04, 0x10, 0x20
_NOBODY: Final = 0xFFFF_FFFF
"""The number in entries that name nobody."""


def is_unreadable(file: Path) -> bool:
    """Whether this account may not read it, which says nothing of what is in it."""
    try:
        file.open("rb").close()
    except OSError as error:
        return isinstance(error, PermissionError)
    return False


@dataclass(frozen=True, slots=True)
class UnitSettings:
    """What the unit says; where it says nothing, as script/install has it."""

    user: str = ACCOUNT
    group: str = ""
    groups: tuple[str, ...] = ()
    config: Path = DEFAULT_CONFIG
    credentials: frozenset[str] = frozenset()


def parse_unit(text: str) -> UnitSettings:
    """Of the unit's files one after the other: what comes later counts, and an empty list begins anew."""
    said: dict[str, list[str]] = {}
    for key, value in _SETTING.findall(text):
        said[key] = [*said.get(key, ()), value] if value else []
    user, group, start = ((said.get(key) or [""])[-1] for key in ("User", "Group", "ExecStart"))
    config = _CONFIG.search(start)
    return UnitSettings(
        user or ACCOUNT,
        group,
        tuple(name for line in said.get("SupplementaryGroups", ()) for name in line.split()),
        Path(config[1]) if config else DEFAULT_CONFIG,
        frozenset(line.partition(":")[0] for key in _CREDENTIALS for line in said.get(key, ())),
    )


@dataclass(frozen=True, slots=True)
class FileReader:
    """The account, and what systemd reads in its place."""

    name: str
    uid: int
    group: str
    groups: frozenset[int]
    config: Path
    credentials: frozenset[str] = frozenset()


def of_unit(config: Path, places: Sequence[Path] = PLACES) -> FileReader | None:
    """Who reads this configuration and what it names; None: the unit runs with another one, or we cannot tell."""
    runs = parse_unit("\n".join(_texts(places)))
    if os.geteuid() != 0 or os.path.realpath(config) != os.path.realpath(runs.config):
        return None
    try:
        entry = pwd.getpwnam(runs.user)
        gid = grp.getgrnam(runs.group).gr_gid if runs.group else entry.pw_gid
        more = {grp.getgrnam(name).gr_gid for name in runs.groups}
        groups = more.union(os.getgrouplist(entry.pw_name, gid))
    except (KeyError, OSError):
        return None
    return FileReader(
        entry.pw_name, entry.pw_uid, accounts.group(gid), frozenset(groups), config.absolute(), runs.credentials
    )


@dataclass(frozen=True, slots=True)
class Barred:
    """What keeps the account from a file, and what to do."""

    problem: Message
    instead: Message


def barred(reader: FileReader, paths: Collection[Path]) -> Mapping[Path, Barred]:
    """Of those that are there, what the account cannot read, and the first thing on the way that bars it. Blocking."""
    ways = {path: [*(("-x", above) for above in _above(path)), ("-r", path)] for path in paths if _is_there(path)}
    denied = _denied(reader, dict.fromkeys(question for way in ways.values() for question in way))
    found = {}
    for path, way in ways.items():
        first = next((at for question, at in way if (question, at) in denied), None)
        if first is not None:
            found[path] = _barred(reader, path, first)
    return found


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (OSError, ValueError):
        return False
    return True


def _denied(reader: FileReader, questions: Iterable[tuple[str, Path]]) -> set[tuple[str, Path]]:
    """Asked as that account, so that access lists count, too; nothing where nobody can be asked as it."""
    asked = list(questions)
    group, *others = reader.groups
    try:
        said = subprocess.run(
            ["/bin/sh", "-c", _ASK, "sh", *(str(word) for question in asked for word in question)],
            user=reader.uid, group=group, extra_groups=others, cwd="/", env={},
            stdin=subprocess.DEVNULL, capture_output=True, check=True,
        ).stdout.decode()  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return set()
    return {question for question, letter in zip(asked, said, strict=True) if letter == "n"}


def _barred(reader: FileReader, path: Path, at: Path) -> Barred:
    """Only what is edged's own is given to it."""
    if at == path:
        problem = message(
            "host.barred",
            "{path} cannot be read by the account {account}, which runs edged",
            path=str(path),
            account=reader.name,
        )
        return Barred(_listed(problem, path), _give(reader, path, "640"))
    own = reader.config.parent
    problem = message(
        "host.barred-above",
        "{path} cannot be read by the account {account}: it may not enter {directory}",
        path=str(path),
        account=reader.name,
        directory=str(at),
    )
    elsewhere = message("host.barred-above.instead", "keep it in {directory}", directory=str(own))
    return Barred(_listed(problem, at), _give(reader, at, "750") if at.is_relative_to(own) else elsewhere)


def _give(reader: FileReader, path: Path, mode: str) -> Message:
    """Beside an access list the group's mode is but its mask: the list goes first."""
    first = f"setfacl -b {path}; " if has_list(path) else ""
    return Message(f"{first}chown root:{reader.group} {path}; chmod {mode} {path}")


def _listed(problem: Message, path: Path) -> Message:
    """And that an access list decides, where it does and not the modes alone."""
    if not has_list(path):
        return problem
    return message("host.barred-by-list", "{problem} (it has an access list: getfacl)", problem=problem)


def has_list(path: Path | int) -> bool:
    """A file or directory, by name or open, has an access list."""
    try:
        return _ACL in os.listxattr(path)
    except OSError:
        return False


def access_list(owner: int, uid: int, reader: int) -> bytes:
    """The list (acl(5)) by which the owner and one more account have access and nobody else, as system.posix_acl_access
    takes it. Pure. `owner`, `reader`: what they may, as in a mode: read 4, write 2, execute 1; `uid`: the reader's.
    """
    entries = (
        (_OF_OWNER, owner, _NOBODY),
        (_OF_USER, reader, uid),
        (_OF_GROUP, 0, _NOBODY),
        (_MASK, reader, _NOBODY),
        (_OF_OTHERS, 0, _NOBODY),
    )
    return _LIST_HEAD + b"".join(_LIST_ENTRY.pack(*entry) for entry in entries)


def give_to(fd: int, owner: int, uid: int, reader: int) -> None:
    """`access_list` of an open file or directory. OSError: ENOTSUP where its file system has no such lists."""
    os.setxattr(fd, _ACL, access_list(owner, uid, reader))


def barrier(path: Path, uid: int) -> Path | None:
    """The first directory on the way to a path, itself included, that an account may not enter, by modes and groups;
    None: it gets there. Where an access list decides it is taken to. OSError. Blocking.
    """
    try:
        entry = pwd.getpwuid(uid)
        groups = frozenset(os.getgrouplist(entry.pw_name, entry.pw_gid))
    except KeyError:
        groups = frozenset()
    return next(
        (at for at in (*_above(path), path) if not may_enter(at.stat(), uid, groups) and not has_list(at)), None
    )


def may_enter(directory: os.stat_result, uid: int, groups: Collection[int]) -> bool:
    """By the first of owner, group and others that is meant, as the kernel goes by it. Pure."""
    if uid == 0:
        return True
    if uid == directory.st_uid:
        return bool(directory.st_mode & stat.S_IXUSR)
    return bool(directory.st_mode & (stat.S_IXGRP if directory.st_gid in groups else stat.S_IXOTH))


def _above(path: Path) -> dict[Path, None]:
    """Directories on the way to it, also where a link leads; outermost first."""
    ways = (Path(os.path.abspath(path)), Path(os.path.realpath(path)))  # noqa: PTH100 - a link before .. is followed
    return dict.fromkeys(directory for way in ways for directory in reversed(way.parents))


def _texts(places: Sequence[Path]) -> Iterator[str]:
    units = [place / UNIT for place in places if (place / UNIT).is_file()]
    drop_ins: dict[str, Path] = {}
    for place in places:
        for file in (place / f"{UNIT}.d").glob("*.conf"):
            drop_ins.setdefault(file.name, file)
    for file in [*units[:1], *(drop_ins[name] for name in sorted(drop_ins))]:
        with contextlib.suppress(OSError):
            yield file.read_text("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file or directory as it was found."""

    path: str
    mode: int
    uid: int
    gid: int
    listed: bool
    """It has an access list (POSIX ACL), which the mode does not show."""


@dataclass(frozen=True, slots=True)
class Owner:
    """As whom edged runs."""

    uid: int
    gid: int


def why_open(entry: FileEntry, owner: Owner) -> Message | None:
    """Why somebody else could read or change it; None where nobody can. Root can read everything."""
    if not (stat.S_ISREG(entry.mode) or stat.S_ISDIR(entry.mode)):
        return None
    if entry.uid not in (owner.uid, 0):
        return message("host.open-owner", "it belongs to account {uid}", uid=str(entry.uid))
    if stat.S_IMODE(entry.mode) & 0o007:
        return message("host.open-to-all", "mode {mode}: other accounts have access", mode=_octal(entry))
    if stat.S_IMODE(entry.mode) & 0o070 and entry.gid not in (owner.gid, 0):
        return message(
            "host.open-to-group", "mode {mode}: group {gid} has access", mode=_octal(entry), gid=str(entry.gid)
        )
    if entry.listed:
        return message("host.open-by-list", "it has an access list (ACL)")
    return None


def _octal(entry: FileEntry) -> str:
    return f"{stat.S_IMODE(entry.mode):04o}"


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that others could read, and why."""

    path: str
    why: Message


@dataclass(frozen=True, slots=True)
class OpenFiles:
    """What the looks up to now came to."""

    looked: int = 0
    """Files and directories in the last whole pass, or, before there was one, up to now."""
    whole: bool = False
    """A pass over all that there is has ended."""
    open: tuple[OpenFile, ...] = ()
    """The first of those that are open now."""
    count: int = 0
    """All of them."""
    unread: tuple[Message, ...] = ()
    """Places that could not be looked at, with the reason."""


class OpenFileWatch:
    """Of one daemon run. `look` is called by one thread at a time."""

    def __init__(self) -> None:
        self._owner = Owner(os.geteuid(), os.getegid())
        self._open: dict[str, Message] = {}
        self._unread: dict[str, str] = {}
        self._pass: Iterator[FileEntry] | None = None
        self._passing = self._last = 0
        self._whole = False

    def poll(self, state: Path, volumes: Iterable[Path]) -> OpenFiles:
        """What all looks up to now came to."""
        self._unread.clear()
        places = [place for place in (state, *volumes) if self._is_there(place)]
        for path in list(islice(self._open, AGAIN_MAX)):
            self._again(path)
        for entry in self._heads(places):
            self._judge(entry)
        if self._pass is None:
            self._pass, self._passing = self._walk(places), 0
        count = 0
        for entry in islice(self._pass, EACH_LOOK):
            self._judge(entry)
            count += 1
        self._passing += count
        if count < EACH_LOOK:
            self._pass, self._whole, self._last = None, True, self._passing
        told = tuple(OpenFile(path, why) for path, why in islice(sorted(self._open.items()), NAMED_MAX))
        looked = self._last if self._whole else self._passing
        return OpenFiles(
            looked,
            self._whole,
            told,
            len(self._open),
            tuple(
                message("host.unread", "{path} ({reason})", path=path, reason=reason)
                for path, reason in self._unread.items()
            ),
        )

    def _is_there(self, place: Path) -> bool:
        try:
            place.stat()
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self._unread[str(place)] = said(error)
            return False
        return True

    def _again(self, path: str) -> None:
        entry = _entry(path)
        if entry is None or why_open(entry, self._owner) is None:
            del self._open[path]

    def _judge(self, entry: FileEntry) -> None:
        if (why := why_open(entry, self._owner)) is not None:
            self._open[entry.path] = why
        else:
            self._open.pop(entry.path, None)

    def _heads(self, places: Iterable[Path]) -> Iterator[FileEntry]:
        """Each place and what lies right in it; of directories of cameras, their newest day with its files."""
        for place in places:
            yield from filter(None, [_entry(str(place))])
            for entry in self._in(str(place)):
                yield entry
                if stat.S_ISDIR(entry.mode):
                    days = sorted((one.path for one in self._in(entry.path)), reverse=True)
                    for newest in days[:1]:
                        yield from filter(None, [_entry(newest)])
                        yield from islice(self._in(newest), EACH_LOOK)

    def _walk(self, places: Iterable[Path]) -> Iterator[FileEntry]:
        """All of it, a directory before what is in it; links are not followed."""
        waiting = [str(place) for place in reversed(list(places))]
        while waiting:
            for entry in self._in(waiting.pop()):
                yield entry
                if stat.S_ISDIR(entry.mode):
                    waiting.append(entry.path)

    def _in(self, directory: str) -> Iterator[FileEntry]:
        try:
            with os.scandir(directory) as found:
                names = sorted(one.name for one in found)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            if not _is_roots_alone(directory):
                self._unread[directory] = said(error)
            return
        for name in names:
            entry = _entry(f"{directory}/{name}")
            if entry is not None:
                yield entry


def _entry(path: str) -> FileEntry | None:
    """None where it is gone, or lies behind what even edged may not enter."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    try:
        listed = not _LISTS.isdisjoint(os.listxattr(path, follow_symlinks=False))
    except OSError:
        listed = False  # gone since, or a file system that has no access lists
    return FileEntry(path, found.st_mode, found.st_uid, found.st_gid, listed)


def _is_roots_alone(directory: str) -> bool:
    """As `lost+found` is: closed to everybody."""
    found = _entry(directory)
    return found is not None and found.uid == 0 and not stat.S_IMODE(found.mode) & 0o077
