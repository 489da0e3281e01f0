"""Who stands at the other end of a connection, as the kernel tells it: found out once, when the connection is made.

Later the number of that process may have gone to somebody else's, and would lend a login to whoever holds the
connection. A login counts where a person sits behind it: the kernel lets any process that no login began name one of
its choice, and cron names that of whoever a job is for. So what a service began is nobody's word, nor is a login that
differs from the session that the process belongs to.
"""

from __future__ import annotations

import re
import socket
import struct
from asyncio import BaseTransport
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

from aiohttp import web

PEERCRED: Final = struct.Struct("3i")
NO_LOGIN: Final = 2**32 - 1
"""What /proc/PID/loginuid says of a process that no login began."""
LOGINS_ARE_TOLD: Final = Path("/proc/self/loginuid").exists()
"""A kernel without auditing knows no logins: there the account is the person."""
_SLICE: Final = re.compile(r"user-(\d+)\.slice")


@dataclass(slots=True)
class Visitor:
    """One connection's."""

    uid: int
    login: int | None
    """The account that logged in, whatever it has become since by sudo; None where no login vouches for the process."""
    welcome: bool = False
    """A call of theirs was let through: they are not put out to make room."""


_met: Final[WeakKeyDictionary[BaseTransport, Visitor]] = WeakKeyDictionary()


def meet(transport: BaseTransport) -> Visitor:
    """Whoever has just connected."""
    connection: socket.socket = transport.get_extra_info("socket")
    pid, uid, _gid = PEERCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEERCRED.size))
    _met[transport] = visitor = Visitor(uid, login_of(pid, uid))
    return visitor


def visitor(request: web.Request) -> Visitor:
    """Who makes this call; ConnectionResetError when nobody is there any more."""
    if request.transport is None:
        raise ConnectionResetError("the caller went away")
    return _met[request.transport]


def login_of(pid: int, uid: int) -> int | None:
    """Of the process that connected as `uid`."""
    process = Path(f"/proc/{pid}")
    try:
        number = int((process / "loginuid").read_text(encoding="ascii"))
        status = (process / "status").read_text(encoding="utf-8", errors="replace")
        cgroup = (process / "cgroup").read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return None if LOGINS_ARE_TOLD else uid
    effective = next(int(line.split()[2]) for line in status.splitlines() if line.startswith("Uid:"))
    return number if number != NO_LOGIN and effective == uid and sits(cgroup, number) else None


def sits(cgroup: str, login: int) -> bool:
    """Whether that login may have begun a process of these control groups. Pure.

    `cgroup`: /proc/PID/cgroup. Where no systemd tells sessions apart, it may.
    """
    for unit in _units(cgroup):
        if unit.endswith(".service") and not unit.startswith("user@"):
            return False
        if (found := _SLICE.fullmatch(unit)) and int(found[1]) != login:
            return False
    return True


def _units(cgroup: str) -> Iterator[str]:
    """Of the hierarchies that systemd manages."""
    for line in cgroup.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "name=systemd"):
            yield from path.split("/")
