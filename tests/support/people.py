"""Accounts and groups of this machine, made for a test and taken away again; calls to a daemon by the people they are.

A call is made by a process that really is that account, begun by that login: the kernel tells it. Needs root.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pwd
import secrets
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn, ParamSpec, Self, TypeVar, cast

from edged.words.roles import Role
from tests.support.edgectl import edgectl
from tests.support.rtsp_server import REPOSITORY

P = ParamSpec("P")
T = TypeVar("T")

NO_LOGIN: Final = 2**32 - 1
FILES_MAX: Final = 4096
"""Descriptors that a test may have open."""


def _is_known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


CHEN, LIN = islice((uid for uid in count(1001) if not _is_known(uid)), 2)
"""Two who log in, and who are no account of this machine: edged knows them by their numbers alone."""
HIERARCHIES: Final = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified")
AS_LOGIN: Final = (
    f'for one in {" ".join(HIERARCHIES)}; do [ ! -w "$one/cgroup.procs" ] || echo 0 >"$one/cgroup.procs"; done; '
    'echo "$0" > /proc/self/loginuid && exec "$@"'
)
"""Who may set it does what login does, and leaves the session or service that the tests run in."""
PATIENCE_S: Final = 30.0


def can_be_others() -> bool:
    """Root that may set a login uid, and has the tools of Debian's passwd."""
    code = "open('/proc/self/loginuid', 'w').write('1')"
    if os.geteuid() != 0 or subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode:
        return False
    return all(Path("/usr/sbin", tool).exists() for tool in ("useradd", "userdel", "groupadd", "groupdel"))


def can_log_in() -> bool:
    """Root that may set a login uid."""
    return subprocess.run(["sh", "-c", AS_LOGIN, str(CHEN), "true"], capture_output=True, check=False).returncode == 0


def ctl_by(login: int, config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`edgectl` by root whom that login has become."""
    told = ("--config", str(config), *words)
    return edgectl(*told, cwd=REPOSITORY, environment=os.environ, within_s=PATIENCE_S, login=login)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the daemon."""

    method: str
    path: str
    body: str | bytes = ""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    document: Any
    """None where it was not one document."""

    @property
    def refused(self) -> bool:
        """Not allowed, by exit code."""
        return isinstance(self.document, dict) and self.document.get("exit") == 77


@dataclass(slots=True)
class Town:
    """Temporary groups and accounts. Names are random, so that runs side by side do not meet."""

    mark: str = field(default_factory=lambda: f"edt{secrets.token_hex(3)}")
    _undo: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def group(self, name: str) -> str:
        """Its full name."""
        full = f"{self.mark}-{name}"
        _run("groupadd", full)
        self._undo.callback(_run, "groupdel", "-f", full)
        return full

    def account(self, name: str, groups: Sequence[str], *, own: str | None = None) -> int:
        """Its uid. `own`: the group it has as its primary one, else one of its own name."""
        full = f"{self.mark}-{name}"
        primary = ["--gid", own] if own else ["--user-group"]
        _run("useradd", "--no-create-home", "--shell", "/bin/false", *primary, "--groups", ",".join(groups), full)
        self._undo.callback(_run, "userdel", full)
        done = subprocess.run(["id", "-u", full], capture_output=True, text=True, check=True)
        return int(done.stdout)


def leave(town: Town, account: str, group: str) -> None:
    """Somebody is taken out of a group."""
    _run("gpasswd", "--delete", f"{town.mark}-{account}", group)


@contextlib.contextmanager
def unit(name: str) -> Iterator[list[Path]]:
    """Control groups of that name, as systemd would make them; random names do not meet real ones."""
    roots = _roots()
    made = [root / name for root in roots]
    for one in made:
        one.mkdir(parents=True)
    try:
        yield made
    finally:
        for one in made:
            for place in (one, *one.parents):
                if place in roots:
                    break
                place.rmdir()


def _roots() -> list[Path]:
    """Of the hierarchies that this machine has and lets us write to, of version 2 and 1."""
    there = (Path(root) for root in HIERARCHIES)
    return [one for one in there if any(os.access(one / name, os.W_OK) for name in ("cgroup.subtree_control", "tasks"))]


def calls_by(
    uid: int, login: int | None, sockets: Path, calls: Sequence[Call], units: Sequence[Path] = ()
) -> list[Answer]:
    """Made one after the other by a process of that account that claims no group at all. `login`: None for none."""

    def work() -> list[tuple[int, Any]]:
        return [_asked(sockets, call) for call in calls]

    return [Answer(*answer) for answer in done_by(uid, login, work, units)]


def done_by(uid: int, login: int | None, work: Callable[[], Any], units: Sequence[Path] = ()) -> Any:
    """What `work` returns, as JSON takes it, in a process of that account and login in these control groups."""
    there, here = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(there)
            _become(uid, login, units)
            told = json.dumps(work()).encode()
            with os.fdopen(here, "wb") as pipe:
                pipe.write(told)
            code = 0
        finally:
            os._exit(code)
    os.close(here)
    with os.fdopen(there, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise AssertionError(f"whoever called as uid {uid} ended with {status}")
    return json.loads(told)


def log_in(login: int, units: Sequence[Path] = ()) -> None:
    """For good: this process becomes one that began with that login, in these control groups and in no session."""
    for one in units or _roots():
        (one / "cgroup.procs").write_text("0", "ascii")
    Path("/proc/self/loginuid").write_text(str(login), "ascii")


def _become(uid: int, login: int | None, units: Sequence[Path] = ()) -> None:
    """For good. `login`: None for none."""
    log_in(NO_LOGIN if login is None else login, units)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


class Terminal:
    """A process of an account, begun by a login of its own, that does one thing after the other: it need not be made
    anew for each. What it does is of modules that were imported before.
    """

    def __init__(self, uid: int) -> None:
        self._near, far = Pipe()
        self._process = os.fork()
        if self._process == 0:
            _serve(far, uid)
        far.close()

    def do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns there, or raises."""
        self._near.send((work, args, kwargs))
        try:
            done, failed = self._near.recv()
        except EOFError:
            raise AssertionError("the terminal has ended") from None
        if failed is not None:
            raise AssertionError(failed)
        return cast("T", done)

    def close(self) -> None:
        self._near.close()
        os.waitpid(self._process, 0)


def _serve(far: Connection, uid: int) -> NoReturn:
    """Until nobody is at the other end. Ends of others' pipes are closed, so that theirs are the only ones."""
    code = 1
    try:
        os.closerange(3, far.fileno())
        os.closerange(far.fileno() + 1, FILES_MAX)
        _become(uid, uid)
        while True:
            work, args, kwargs = far.recv()
            done, failed = None, None
            try:
                done = work(*args, **kwargs)
            except Exception:  # noqa: BLE001 - told to whoever asked
                failed = traceback.format_exc()
            far.send((done, failed))
    except EOFError:
        code = 0
    finally:
        os._exit(code)


class RawAnswer(NamedTuple):
    status: int
    kind: str
    body: bytes


def called(path: Path, call: Call) -> RawAnswer:
    """By whoever this process is; what comes back, whatever it is."""
    connection = _Connection(path)
    try:
        connection.request(call.method, call.path, call.body or None)
        response = connection.getresponse()
        return RawAnswer(response.status, response.headers.get_content_type(), response.read())
    finally:
        connection.close()


def _asked(path: Path, call: Call) -> tuple[int, Any]:
    answer = called(path, call)
    try:
        return answer.status, json.loads(answer.body)
    except ValueError:
        return answer.status, None


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(str(self._path))


def _run(*words: str) -> None:
    subprocess.run([f"/usr/sbin/{words[0]}" if words[0] != "gpasswd" else words[0], *words[1:]], check=True)


def table(roles: Mapping[Role, Sequence[str]]) -> str:
    """The [roles] of a configuration."""
    return "[roles]\n" + "".join(f"{role} = {json.dumps(list(groups))}\n" for role, groups in roles.items())
