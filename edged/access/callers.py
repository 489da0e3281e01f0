"""The calls of the control API and who makes them: routes, refusals, callers, and the process at the other end.

The guard (`edged.access.guard`) stands between a route and its handler, and leaves in the request who asks. Who
stands at the other end of a connection is found out once, when the connection is made, as the kernel tells it
(`meet`). Later the number of that process may have gone to somebody else's, and would lend a login to whoever holds
the connection.

A login counts where a person sits behind it: the kernel lets any process that no login began name one of its
choice, and cron names that of whoever a job is for. So what a service began is nobody's word, nor is a login that
differs from the session that the process belongs to.
"""

from __future__ import annotations

import re
import socket
import struct
from asyncio import BaseTransport
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias
from weakref import WeakKeyDictionary

from edged.words import exit_codes
from edged.words.roles import Verb
from storage.ledger.table import Value
from storage.words.message import message

if TYPE_CHECKING:  # the daemon loads aiohttp and the documents when somebody calls
    from aiohttp import web

    from edged.documents import site as documents

PEERCRED: Final = struct.Struct("3i")
NO_LOGIN: Final = 2**32 - 1
"""What /proc/PID/loginuid says of a process that no login began."""
LOGINS_ARE_TOLD: Final = Path("/proc/self/loginuid").exists()
"""A kernel without auditing knows no logins: there the account is the person."""
_SLICE: Final = re.compile(r"user-(\d+)\.slice")


class Refusal(Exception):
    """A request that cannot be answered: what is wrong, what to do, and the exit code `edgectl` ends with."""

    def __init__(self, error: str, action: str, exit_code: int, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.action = action
        self.exit_code = exit_code
        self.status = status

    @property
    def document(self) -> documents.Error:
        """As it is answered."""
        from edged.documents import site as documents

        return documents.Error.of(self.error, self.action, self.exit_code)


Handler: TypeAlias = "Callable[[web.Request], Awaitable[web.StreamResponse]]"
Details: TypeAlias = "Mapping[str, Value]"
"""What a leaf names of a call besides who and what: ids, known cameras, times; no text that somebody typed."""
About: TypeAlias = "Callable[[web.Request], Awaitable[Details]]"
Ground: TypeAlias = "Callable[[web.Request, Caller], Awaitable[None]]"
"""Looks whether a call that discloses footage has a ground to: Refusal where it has none."""
MayAsk: TypeAlias = Callable[[int, Verb], Awaitable[bool]]
"""Whether an account has a verb now (`edged.access.guard`)."""


@dataclass(frozen=True, slots=True)
class Route:
    """One call of the control API. Exactly one verb says who may make it (`edged.words.roles`)."""

    method: str
    path: str
    verb: Verb
    handler: Handler
    about: About | None = None
    """Looks at the call before it goes on record: what the leaf names of it; Refusal where nothing will come of it."""
    ground: Ground | None = None
    """Of each route whose verb discloses: without one the guard lets nobody through."""


def get(path: str, verb: Verb, handler: Handler, about: About | None = None, ground: Ground | None = None) -> Route:
    """What only reads."""
    return Route("GET", path, verb, handler, about, ground)


def post(path: str, verb: Verb, handler: Handler, about: About | None = None, ground: Ground | None = None) -> Route:
    """What changes something, or works for long."""
    return Route("POST", path, verb, handler, about, ground)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the kernel and the system's databases know it. Not taken from anything the caller says."""

    uid: int
    login: int | None
    """The account that logged in, whatever it has become since by sudo; None where no login vouches for the process."""
    name: str
    """Of the person's account, for people; its number where it has no name."""
    account: str
    """Of what the process runs as: the same, or what the person became."""
    role: str = ""
    """As which the guard let it in, and what the path of the call names: for a leaf that comes with a fact."""
    ids: Details = field(default_factory=dict)
    cameras: frozenset[str] | None = None
    """Of the unit whose person this is; None: all of the box (N3)."""

    def sees(self, cameras: Iterable[str]) -> bool:
        """Whether all of these are theirs to see."""
        return self.cameras is None or self.cameras.issuperset(cameras)

    @property
    def who(self) -> str:
        """For the record: "chen", "chen as root", "root without a login"."""
        as_what = "" if self.name == self.account else f" as {self.account}"
        return f"{self.name}{as_what}" if self.login is not None else f"{self.account} without a login"


def refuse_cameras(who: Caller, cameras: Iterable[str]) -> None:
    """Refusal: some of these are of another unit."""
    if not who.sees(cameras):
        raise Refusal(
            message("access.other-unit", "cameras are of another unit than yours"),
            message("access.other-unit.action", "yours are: {cameras}", cameras=sorted(who.cameras or ())),
            exit_codes.NOT_ALLOWED,
            status=403,
        )


def instant(name: str, text: str | None) -> int | None:
    """RFC 3339 to milliseconds of wall time. Raises Refusal for anything else, and for a time without a zone."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Refusal(
            message("api.no-time", "{name}={text} is not a time", name=name, text=text),
            message("api.no-time.action", "write it as 2026-05-01T08:00:00Z"),
            exit_codes.USAGE,
        )
    return round(moment.astimezone(UTC).timestamp() * 1000)


def iso_day(text: str | None) -> date | None:
    """ISO 8601. Refusal."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refusal(
            message("office.no-day", "{text} is not a day", text=text[:32]),
            message("office.no-day.action", "write it as 2026-05-01"),
            exit_codes.USAGE,
        ) from None


@dataclass(slots=True)
class Peer:
    """One connection's."""

    uid: int
    login: int | None
    """The account that logged in, whatever it has become since by sudo; None where no login vouches for the process."""
    welcome: bool = False
    """A call of theirs was let through: they are not put out to make room."""


_met: Final[WeakKeyDictionary[BaseTransport, Peer]] = WeakKeyDictionary()


def meet(transport: BaseTransport) -> Peer:
    """Whoever has just connected."""
    connection: socket.socket = transport.get_extra_info("socket")
    pid, uid, _gid = PEERCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEERCRED.size))
    _met[transport] = visitor = Peer(uid, login_of(pid, uid))
    return visitor


def peer_of(request: web.Request) -> Peer:
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
