"""Whether the account that the unit runs edged as may read a file: the kernel says so to a process of that account.

Root reads everything, so what root finds readable says nothing of the daemon. Who that is, and which credentials
systemd reads for it, stands in the files of the unit; they are read without systemd, also before it knows the unit.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edged.host import accounts
from edged.words.defaults import ACCOUNT, DEFAULT_CONFIG, UNIT

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


@dataclass(frozen=True, slots=True)
class Runs:
    """What the unit says; where it says nothing, as script/install has it."""

    user: str = ACCOUNT
    group: str = ""
    groups: tuple[str, ...] = ()
    config: Path = DEFAULT_CONFIG
    credentials: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reader:
    """The account, and what systemd reads in its place."""

    name: str
    uid: int
    group: str
    groups: frozenset[int]
    config: Path
    credentials: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Barred:
    """What keeps the account from a file, and what to do."""

    problem: str
    instead: str


def parse(text: str) -> Runs:
    """Of the unit's files one after the other: what comes later counts, and an empty list begins anew."""
    said: dict[str, list[str]] = {}
    for key, value in _SETTING.findall(text):
        said[key] = [*said.get(key, ()), value] if value else []
    user, group, start = ((said.get(key) or [""])[-1] for key in ("User", "Group", "ExecStart"))
    config = _CONFIG.search(start)
    return Runs(
        user or ACCOUNT,
        group,
        tuple(name for line in said.get("SupplementaryGroups", ()) for name in line.split()),
        Path(config[1]) if config else DEFAULT_CONFIG,
        frozenset(line.partition(":")[0] for key in _CREDENTIALS for line in said.get(key, ())),
    )


def of_unit(config: Path, places: Sequence[Path] = PLACES) -> Reader | None:
    """Who reads this configuration and what it names; None: the unit runs with another one, or we cannot tell."""
    runs = parse("\n".join(_texts(places)))
    if os.geteuid() != 0 or os.path.realpath(config) != os.path.realpath(runs.config):
        return None
    try:
        entry = pwd.getpwnam(runs.user)
        gid = grp.getgrnam(runs.group).gr_gid if runs.group else entry.pw_gid
        more = {grp.getgrnam(name).gr_gid for name in runs.groups}
        groups = more.union(os.getgrouplist(entry.pw_name, gid))
    except (KeyError, OSError):
        return None
    return Reader(
        entry.pw_name, entry.pw_uid, accounts.group(gid), frozenset(groups), config.absolute(), runs.credentials
    )


def barred(reader: Reader, paths: Collection[Path]) -> Mapping[Path, Barred]:
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


def _denied(reader: Reader, questions: Iterable[tuple[str, Path]]) -> set[tuple[str, Path]]:
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


def _barred(reader: Reader, path: Path, at: Path) -> Barred:
    """Only what is edged's own is given to it."""
    who = f"{path} cannot be read by the account {reader.name}"
    own = reader.config.parent
    if at == path:
        return Barred(f"{who}, which runs edged{_list_of(path)}", _give(reader, path, "640"))
    instead = _give(reader, at, "750") if at.is_relative_to(own) else f"keep it in {own}"
    return Barred(f"{who}: it may not enter {at}{_list_of(at)}", instead)


def _give(reader: Reader, path: Path, mode: str) -> str:
    """Beside an access list the group's mode is but its mask: the list goes first."""
    return f"{f'setfacl -b {path}; ' if _list_of(path) else ''}chown root:{reader.group} {path}; chmod {mode} {path}"


def _list_of(path: Path) -> str:
    """In words, where an access list decides and not the modes alone."""
    try:
        return " (it has an access list: getfacl)" if _ACL in os.listxattr(path) else ""
    except OSError:
        return ""


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
