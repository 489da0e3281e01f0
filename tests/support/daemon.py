"""The real daemon as a black box: started as a person would, asked through its socket and `edgectl`, ended in all ways.

Everything lives below one directory: configuration, password files, state, socket, volume, logs. Processes are known by
a mark in their environment, which the forkserver and the workers inherit, so that none is overlooked when it has lost
its parent.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Self, TypeVar

from edged.documents import site as documents
from edged.main import daemon
from tests.support import frames
from tests.support.configuration import Setup
from tests.support.edgectl import edgectl
from tests.support.rtsp_server import REPOSITORY
from tests.support.waiting import wait_until

T = TypeVar("T")

MARK: Final = "EDGED_TEST_MARK"
READY_S: Final = 15.0
"""L1: a camera records again within 15 s; the daemon itself is sooner up."""
STOP_S: Final = 10.0
"""Issue 2: a clean stop takes at most this long."""
KILLED_S: Final = 2.0
"""Issue 2: after SIGKILL no worker is left within this time."""
ANSWER_S: Final = 10.0
CTL_S: Final = 30.0
NO_ORPHAN: Final = ("setpriv", "--pdeathsig", "KILL")
"""Becomes the daemon, which the kernel kills should the tests themselves be killed."""
VIDEO_SUFFIXES: Final = (".mp4", ".mov")


@dataclass(frozen=True, slots=True)
class Answer:
    """What `edgectl` ended with. `document` is None when it printed no JSON."""

    code: int
    document: Any
    stdout: str
    stderr: str


def shortened(*constants: tuple[ModuleType, str, float]) -> str:
    """For `sabotage`: constants of the product (module, name, seconds) for which a test would only wait.

    Set in this order, before the daemon is imported: one that others import by its name comes first.
    """
    lines = []
    for module, name, value in constants:
        assert hasattr(module, name), f"{module.__name__} has no {name}"
        lines.append(f"    import {module.__name__} as it; it.{name} = {value!r}\n")
    return "".join(["if __name__ == '__main__':\n", *lines])


FORKSERVER: Final = """import os, sys, traceback
from recorder.supervisor import forkserver

be_child = forkserver._Forkserver._be_child


def be_planted_child(server, target, sock):
    try:
        exec({sabotage!r}, {{"__name__": "worker"}})
    except BaseException:
        traceback.print_exc()
        os._exit(forkserver.EXIT_FAULT)
    be_child(server, target, sock)


forkserver._Forkserver._be_child = be_planted_child
try:
    forkserver.main(int(sys.argv[1]), sys.argv[2:])
except (BrokenPipeError, ConnectionResetError):
    pass
"""
"""As `recorder.supervisor.forkserver`, but that its children run `sabotage` first."""
PLANTED: Final = """if __name__ == '__main__':
    import sys
    from recorder.supervisor import processes
    processes.COMMAND = (sys.executable, {forkserver!r})
"""
TOLD_SOON: Final = shortened((daemon, "HEALTH_EVERY_S", 0.2))
"""How its cameras are is looked at five times a second and not once: for that every test waits, most of them often."""


class Daemon:
    """Context manager that starts it; leaving kills what is left of it. `start` again after any end."""

    def __init__(
        self,
        folder: Path,
        setup: Setup,
        *,
        sabotage: str = "",
        environment: Mapping[str, str] | None = None,
        standing: Path | None = None,
    ) -> None:
        """`sabotage` is Python that the daemon and each of its workers runs first, these not as `__main__`: a planted
        bug that must show, or what `shortened` makes.

        `environment` is added to that of the daemon and of `edgectl`. `standing` is the directory that the daemon is
        started in, if not its own folder.
        """
        self.folder = folder
        self._standing = standing or folder
        self.config = folder / "edged.toml"
        self.state = folder / "state"
        self.volume = folder / "volume"
        self.socket = folder / "run" / "control.sock"
        self.log_path = folder / "edged.log"
        self.seen: list[str] = []
        """Every document the daemon served to this harness, for the search for secrets."""
        self._mark = uuid.uuid4().hex
        self._environment = {**os.environ, **(environment or {}), "PYTHONPATH": str(REPOSITORY)}
        self._process: subprocess.Popen[bytes] | None = None
        for place in (folder, self.state, self.volume, self.socket.parent):
            place.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._script = folder / "edged"
        self._forkserver = folder / "forkserver"
        self._forkserver.write_text(FORKSERVER.format(sabotage=sabotage))
        planted = PLANTED.format(forkserver=str(self._forkserver)) if sabotage else ""
        self._script.write_text(
            f"import gc\ngc.disable()\n{sabotage}{TOLD_SOON}{planted}gc.enable()\n"  # it would look in vain at imports
            "import sys\nfrom edged.main.entry import daemon\n"
            "if __name__ == '__main__':\n    sys.exit(daemon())\n"
        )
        self.configure(setup)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            sys.stderr.write(f"--- {self.log_path}\n{self.log[-8000:]}\n")
        self.kill_everything()

    # Coming and going

    def configure(self, setup: Setup) -> None:
        """Write the configuration; a running daemon reads it at `edgectl reload`."""
        self.setup = setup
        for camera in setup.cameras:
            if camera.password is not None:
                secret = self.folder / f"{camera.id}.password"
                secret.write_text(camera.password + "\n")
                secret.chmod(0o600)
        self.config.write_text(setup.toml(state=self.state, socket=self.socket, volume=self.volume))

    def start(self) -> None:
        """The process is running; what it does by then is for the test to wait for."""
        if self._process is not None:
            raise RuntimeError("it is running already")
        environment = {**self._environment, "PYTHONUNBUFFERED": "1", MARK: self._mark}
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*NO_ORPHAN, sys.executable, str(self._script), "--config", str(self.config)],
                cwd=self._standing, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    @property
    def is_started(self) -> bool:
        """And nobody has ended it since."""
        return self._process is not None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("it is not running")
        return self._process.pid

    def check_alive(self) -> None:
        if self._process is None or self._process.poll() is not None:
            raise AssertionError(f"the daemon ended by itself; its log ends:\n{self.log[-4000:]}")

    def stop(self, number: signal.Signals = signal.SIGTERM, *, group: bool = False) -> int:
        """Signal to it alone or to the whole group; waits for the end, which must come in time. Its exit code."""
        process = self._process
        if process is None:
            raise RuntimeError("it is not running")
        if group:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        try:
            code = process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running {STOP_S:g} s after {number.name}:\n{self.log[-4000:]}") from None
        self._process = None
        return code

    def ended(self, within_s: float) -> int:
        """It ends by itself, in time: its exit code."""
        if self._process is None:
            raise RuntimeError("it is not running")
        code = self._process.wait(within_s)
        self._process = None
        return code

    def sigkill(self) -> None:
        """The daemon alone is killed; its workers have to notice."""
        if self._process is None:
            raise RuntimeError("it is not running")
        self._process.kill()
        self._process.wait()
        self._process = None

    def processes(self) -> list[int]:
        """Every process this daemon ever started that still runs, itself included. Zombies have no environment."""
        wanted = f"{MARK}={self._mark}".encode()
        found = []
        for place in Path("/proc").iterdir():
            if place.name.isdigit():
                with contextlib.suppress(OSError):
                    if wanted in (place / "environ").read_bytes().split(b"\0"):
                        found.append(int(place.name))
        return found

    def workers(self) -> list[int]:
        """Processes of cameras: grandchildren of the daemon, behind the forkserver."""
        parents = {pid: _parent(pid) for pid in self.processes()}
        return sorted(pid for pid, parent in parents.items() if parents.get(parent) == self.pid)

    def worker_of(self, camera: str) -> int | None:
        """The process that writes this camera's newest segment; None while nobody does."""
        for pid in self.workers():  # the daemon itself opens what it salvages
            for link in Path(f"/proc/{pid}/fd").glob("*"):
                with contextlib.suppress(OSError):
                    target = Path(os.readlink(link))  # noqa: PTH115  (of an open file, not of a path)
                    if target.suffix == ".part" and target.is_relative_to(self.volume / camera):
                        return pid
        return None

    def wait_for_no_process(self, within_s: float = KILLED_S) -> None:
        wait_until(lambda: not self.processes(), within_s, "no process of the daemon is left")

    def kill_everything(self) -> None:
        if self._process is not None:
            self.sigkill()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    # Asking

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def ctl(self, *args: str, json_: bool = True, within_s: float = CTL_S) -> Answer:
        """`edgectl` as a person calls it."""
        words = ("--config", str(self.config), *args, *(["--json"] if json_ else []))
        done = edgectl(*words, cwd=self.folder, environment=self._environment, within_s=within_s)
        self.seen += [done.stdout, done.stderr]
        try:
            document = json.loads(done.stdout)
        except json.JSONDecodeError:
            document = None
        return Answer(done.returncode, document, done.stdout, done.stderr)

    def ask(self, path: str, method: str = "GET") -> Any:
        """A document straight from the socket: much cheaper than a Python for each look. None while nobody answers."""
        connection = _UnixConnection(self.socket)
        try:
            connection.request(method, path)
            text = connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        self.seen.append(text)
        return json.loads(text)

    def reload(self, setup: Setup) -> documents.Reload:
        """It takes this configuration into service, and says what that touched."""
        self.configure(setup)
        return documents.Reload.model_validate(self.ask("/v1/reload", "POST"))

    def status(self) -> documents.Status | None:
        document = self.ask("/v1/status")
        return None if document is None else documents.Status.model_validate(document)

    def until(self, probe: Callable[[], T], within_s: float, what: str) -> T:
        """Something that the daemon brings about; its death ends the waiting."""

        def look() -> T:
            self.check_alive()
            return probe()

        return wait_until(look, within_s, what)

    def wait_for(self, wanted: Callable[[documents.Status], object], within_s: float, what: str) -> documents.Status:
        """The first status that is as wanted."""

        def look() -> documents.Status | None:
            status = self.status()
            return status if status is not None and wanted(status) else None

        try:
            found = self.until(look, within_s, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{json.dumps(self.ask('/v1/cameras'), indent=1)}") from None
        if found is None:
            raise AssertionError(what)
        return found

    def wait_for_states(self, state: str, cameras: Iterable[str], within_s: float = READY_S) -> documents.Status:
        return self._wait_for_any({state}, set(cameras), within_s)

    def wait_for_footage(self, cameras: Iterable[str], within_s: float = READY_S) -> documents.Status:
        """Each is recorded; one that was cut off again and again is "degraded" by then, and says why."""
        return self._wait_for_any({"recording", "degraded"}, set(cameras), within_s)

    def _wait_for_any(self, states: set[str], names: set[str], within_s: float) -> documents.Status:
        def there(status: documents.Status) -> bool:
            return names <= {camera.id for camera in status.cameras if camera.state in states}

        return self.wait_for(there, within_s, f"{', '.join(sorted(names))}: {' or '.join(sorted(states))}")

    def camera(self, name: str) -> documents.Camera:
        status = self.status()
        if status is None:
            raise AssertionError("the daemon does not answer")
        return next(camera for camera in status.cameras if camera.id == name)

    def listed(self, camera: str) -> list[documents.Segment]:
        """Committed ones so far, for waiting: cheap, and empty while nobody answers."""
        document = self.ask(f"/v1/segments?camera={camera}")
        return [] if document is None else documents.Segments.model_validate(document).segments

    def segments(self, camera: str | None = None) -> list[documents.Segment]:
        """Committed ones, in order, as `edgectl` lists them."""
        answer = self.ctl("segments", *(["--camera", camera] if camera else []))
        if answer.code != 0:
            raise AssertionError(f"edgectl segments ended with {answer.code}: {answer.stderr}")
        found = documents.Segments.model_validate(answer.document).segments
        return sorted(found, key=lambda segment: (segment.camera, segment.seq))

    def gaps(self, camera: str | None = None) -> list[documents.Gap]:
        answer = self.ctl("gaps", *(["--camera", camera] if camera else []))
        if answer.code != 0:
            raise AssertionError(f"edgectl gaps ended with {answer.code}: {answer.stderr}")
        return sorted(documents.Gaps.model_validate(answer.document).gaps, key=lambda gap: (gap.camera, gap.start))

    def recorded(self, camera: str) -> list[frames.Recorded]:
        return [frames.read(Path(segment.path)) for segment in self.segments(camera)]

    # Looking at the disk

    def files(self) -> list[Path]:
        """Finished segment files, whatever the catalog says."""
        return [path for path in self._on_volumes() if path.suffix in VIDEO_SUFFIXES]

    def parts(self) -> list[Path]:
        return [path for path in self._on_volumes() if path.suffix == ".part"]

    def _on_volumes(self) -> list[Path]:
        return sorted(path for volume in self.setup.volumes or [self.volume] for path in volume.rglob("*"))

    def catalog_faults(self) -> list[str]:
        """S4 and S5, with nothing in progress: catalog and disk say the same, to the byte."""
        faults = [f"left in progress: {part}" for part in self.parts()]
        segments = self.segments()
        for segment in segments:
            path = Path(segment.path)
            if not path.is_file():
                faults.append(f"no file: {path}")
                continue
            data = path.read_bytes()
            if len(data) != segment.bytes:
                faults.append(f"{path}: {len(data)} bytes, {segment.bytes} in the catalog")
            if hashlib.sha256(data).hexdigest() != segment.sha256:
                faults.append(f"{path}: another SHA-256 than in the catalog")
        known = {segment.path for segment in segments}
        return faults + [f"not in the catalog: {path}" for path in self.files() if str(path) not in known]

    def places_of(self, secrets: Iterable[str], more: Iterable[tuple[str, bytes]] = ()) -> list[str]:
        """Where a secret can be read: logs, process titles, answers, state, volume, and `more`. Must be nowhere."""
        places = [
            ("log", self.log.encode()),
            *((f"answer {i}", text.encode()) for i, text in enumerate(self.seen)),
            *more,
        ]
        files = (*self.state.rglob("*"), *self._on_volumes(), self.config)
        places.extend((str(path), path.read_bytes()) for path in files if path.is_file())
        for pid in self.processes():
            for what in ("cmdline", "comm", "environ"):
                with contextlib.suppress(OSError):
                    places.append((f"/proc/{pid}/{what}", Path(f"/proc/{pid}/{what}").read_bytes()))
        return [f"{name} holds {secret!r}" for name, data in places for secret in secrets if secret.encode() in data]


def _parent(pid: int) -> int:
    """0 for a process that is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(ANSWER_S)
        self.sock.connect(str(self._path))


def moment(text: str) -> float:
    """RFC 3339 to seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()
