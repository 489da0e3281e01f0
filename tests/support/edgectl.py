"""`edgectl` without a Python that starts anew for each call: one process has read the program, and forks.

What is forked has arguments, directory, environment, account and output of its own, as a process has that a person
starts. Where the environment must be there before Python is (LD_PRELOAD), or the start itself is the question, a test
starts a real one.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import locale
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

REPOSITORY: Final = Path(__file__).parents[2]
START_S: Final = 60.0
MESSAGE_MAX: Final = 1 << 20
_SERVE: Final = "import sys; from tests.support.edgectl import serve; serve(sys.argv[1])"
_lock = threading.Lock()
_server: _Server | None = None


def edgectl(
    *words: str,
    cwd: Path,
    environment: Mapping[str, str],
    within_s: float,
    uid: int = 0,
    login: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Like `subprocess.run` of it, by this account or, where `uid` is given, by another without groups; `login`: of the
    person who has become that.
    """
    if "LD_PRELOAD" in environment:
        command = [sys.executable, "-c", "import sys; from edged.main.entry import ctl; sys.exit(ctl())", *words]
        return subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=within_s, check=False
        )
    global _server  # noqa: PLW0603  (one of each test process)
    with _lock:
        if _server is None:
            _server = _Server()
    order = {"words": words, "cwd": str(cwd), "environment": dict(environment), "uid": uid, "login": login}
    return _server.run(order, within_s)


class _Server:
    """The client's side. Ends with the process that started it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="edgectl-")
        self._path = str(Path(self._folder.name, "socket"))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, self._path], cwd=REPOSITORY, stdin=subprocess.PIPE, start_new_session=True
        )
        deadline = time.monotonic() + START_S
        while not Path(self._path).exists():
            assert self._process.poll() is None, "edgectl cannot be imported"
            assert time.monotonic() < deadline, f"edgectl is not imported within {START_S:g} s"
            time.sleep(0.02)

    def run(self, order: dict[str, Any], within_s: float) -> subprocess.CompletedProcess[str]:
        words, deadline = ["edgectl", *order["words"]], time.monotonic() + within_s
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            connection.connect(self._path)
            socket.send_fds(connection, [json.dumps(order).encode()], [out.fileno(), err.fileno()])
            pid = int(connection.recv(16))
            connection.settimeout(max(0.0, deadline - time.monotonic()))
            try:
                code = int(connection.recv(16))
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(words, within_s) from None
            told = []
            for file in (out, err):
                file.seek(0)
                told.append(file.read().decode().replace("\r\n", "\n"))
        return subprocess.CompletedProcess(words, code, *told)


def serve(path: str) -> NoReturn:
    """Reads all of the program, then forks for each connection until standard input ends."""
    import edged.cli  # noqa: PLC0415
    import edged.doctor  # noqa: PLC0415
    import edged.words  # noqa: PLC0415
    import storage.words  # noqa: PLC0415
    import tests.support.people  # noqa: F401, PLC0415 (for whoever logs in)

    # Python itself may lie where another account does not read: what it would load late is there.
    for name in ("encodings.ascii", "encodings.idna", "encodings.unicode_escape", "rich._unicode_data"):
        importlib.import_module(name)
    for package in (edged.cli, edged.doctor, edged.words, storage.words):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as place:
        place.bind(f"{path}.new")
        place.listen()
        Path(f"{path}.new").rename(path)
        while True:
            ready, _, _ = select.select([place, sys.stdin], [], [])
            if sys.stdin in ready:
                os._exit(0)
            connection, _ = place.accept()
            if os.fork() == 0:
                _carry_out(connection)
            connection.close()


def _carry_out(connection: socket.socket) -> NoReturn:
    """Tells the number of the process that does it, then its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    text, outputs, _, _ = socket.recv_fds(connection, MESSAGE_MAX, 2)
    pid = os.fork()
    if pid == 0:
        connection.close()
        _become(json.loads(text), outputs)
    connection.sendall(str(pid).encode())
    _, status = os.waitpid(pid, 0)
    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(order: dict[str, Any], outputs: Sequence[int]) -> NoReturn:
    from edged.main.entry import ctl  # noqa: PLC0415
    from tests.support.people import log_in  # noqa: PLC0415

    code = 1
    try:
        if order["login"] is not None:
            log_in(order["login"])
        for number, descriptor in enumerate((os.open(os.devnull, os.O_RDONLY), *outputs)):
            os.dup2(descriptor, number)
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["environment"])
        time.tzset()
        with contextlib.suppress(locale.Error):  # this machine does not have it
            locale.setlocale(locale.LC_CTYPE, "")
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        sys.argv = ["edgectl", *order["words"]]
        if order["uid"]:
            os.setgroups([])
            os.setresgid(*[order["uid"]] * 3)
            os.setresuid(*[order["uid"]] * 3)
        code = ctl()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except Exception:  # noqa: BLE001 (told as Python tells it)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
