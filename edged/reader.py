"""Whether the account that the unit runs edged as may read a file: by owner, group and mode alone, asked by root.

Root reads everything, so what root finds readable says nothing of the daemon. Who that is, and which credentials
systemd reads for it, stands in the files of the unit; they are read without systemd, also before it knows the unit.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edged import accounts
from edged.defaults import ACCOUNT, DEFAULT_CONFIG

UNIT: Final = "edged.service"
PLACES: Final = tuple(
    map(
        Path, ("/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
    )
)
"""Of units, the first one counts."""
_SETTING: Final = re.compile(r"^(\w+)[ \t]*=[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_CONFIG: Final = re.compile(r"--config[ =](\S+)")
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

    def may(self, status: os.stat_result, bit: int) -> bool:
        """`bit` as for others: S_IROTH, S_IXOTH. The first that fits decides: owner, group, others."""
        if self.uid == 0:
            return True
        if status.st_uid == self.uid:
            return bool(status.st_mode & bit << 6)
        return bool(status.st_mode & (bit << 3 if status.st_gid in self.groups else bit))


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


def barred(reader: Reader, path: Path) -> Barred | None:
    """None: it may read it, or there is nothing to read. Blocking."""
    try:
        for directory in _above(path):
            if not reader.may(directory.stat(), stat.S_IXOTH):
                return Barred(
                    f"{path} cannot be read by the account {reader.name}: it may not enter {directory}",
                    _let_in(reader, directory),
                )
        status = path.stat()
    except (OSError, ValueError):
        return None
    if reader.may(status, stat.S_IROTH):
        return None
    words = f"{path} cannot be read by the account {reader.name}, which runs edged"
    return Barred(words, f"chown root:{reader.group} {path}; chmod 640 {path}")


def _let_in(reader: Reader, directory: Path) -> str:
    """Only what is edged's own is given to it."""
    own = reader.config.parent
    if directory.is_relative_to(own):
        return f"chown root:{reader.group} {directory}; chmod 750 {directory}"
    return f"keep it in {own}"


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
