"""Healthy cameras for pytest: starts `gst_server` with Debian's Python, and reads its log of what was sent."""

from __future__ import annotations

import json
import selectors
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal, Self
from urllib.parse import quote

from tests.support.footage import Picture, Sound, clip_path
from tests.support.ports import free_port
from tests.support.waiting import TooLateError

REPOSITORY: Final = Path(__file__).resolve().parents[2]
DEBIAN_PYTHON: Final = "/usr/bin/python3"
START_S: Final = 20.0
"""GStreamer reads its plugin registry on first use, which takes seconds on a cold machine."""
ANSWER_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Camera:
    """One mount: what it sends and to whom."""

    id: str
    picture: Picture
    sound: Sound | None = None
    sound_delay_ms: int = 0
    user: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """One coded frame as it was handed to the payloader."""

    mount: str
    run: int
    """Counts the starts of this camera's media; frame numbers jump between runs, times start again at 0."""
    stream: Literal["video", "sound"]
    n: int
    pts: float
    """Seconds since the run began."""
    key: bool
    md5: str
    bytes: int
    wall_ms: int
    whole: str = ""
    """Names all units of it, parameter sets and delimiters too, where the camera knows that nothing touches them."""


class RtspServer:
    """Context manager; every camera is at `url(id)` from `start` on."""

    def __init__(self, cameras: Sequence[Camera], folder: Path, *, auth: Literal["basic", "digest"] = "digest") -> None:
        self.cameras = {camera.id: camera for camera in cameras}
        folder.mkdir(parents=True, exist_ok=True)
        self.log_path = folder / "sent.jsonl"
        self.errors_path = folder / "gst-server.log"
        self._auth = auth
        passwords: dict[str | None, str | None] = {}
        for camera in cameras:  # gst-rtsp-server knows one password per user, for all mounts
            if passwords.setdefault(camera.user, camera.password) != camera.password:
                raise ValueError(f"{camera.id}: user {camera.user} has another password already")
        self._process: subprocess.Popen[str] | None = None
        self.port = free_port()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        spec = {
            "log": str(self.log_path),
            "port": self.port,
            "auth": self._auth,
            "mounts": [_mount(camera) for camera in self.cameras.values()],
        }
        with self.errors_path.open("a") as errors:
            self._process = subprocess.Popen(
                [DEBIAN_PYTHON, "-m", "tests.support.gst_server", json.dumps(spec)],
                cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, bufsize=1,
            )  # fmt: skip
        try:
            self.port = int(self._line(START_S))
        except BaseException:
            self.kill()
            raise

    def url(self, camera: str, *, account: bool = False) -> str:
        """Without user and password unless asked for them: edged gets those apart."""
        mount = self.cameras[camera]
        login = (
            f"{quote(mount.user, safe='')}:{quote(mount.password or '', safe='')}@" if account and mount.user else ""
        )
        return f"rtsp://{login}127.0.0.1:{self.port}/{camera}"

    def stop_camera(self, camera: str) -> None:
        """The camera is gone: its clients are cut off, its stream is no longer found."""
        self._tell({"stop": f"/{camera}"})

    def start_camera(self, camera: str) -> None:
        self._tell({"start": f"/{camera}"})

    def sent(self, camera: str, stream: Literal["video", "sound"] = "video") -> list[Sent]:
        """What was sent so far, in order. A last line that is still being written is left out."""
        found = []
        with self.log_path.open(encoding="utf-8") as log:
            for line in log:
                if line.endswith("\n"):
                    entry = json.loads(line)
                    if entry["mount"] == f"/{camera}" and entry["stream"] == stream:
                        found.append(Sent(**entry))
        return found

    def close(self) -> None:
        """End it the gentle way: it leaves when its standard input ends."""
        if self._process is None:
            return
        try:
            _pipe(self._process.stdin).close()
            self._process.wait(ANSWER_S)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self._process.kill()
        self._reap()

    def kill(self) -> None:
        """All its cameras lose power at once. `start` brings them back on the same port."""
        if self._process is not None:
            self._process.kill()
            self._reap()

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait(ANSWER_S)
            _pipe(self._process.stdin).close()
            _pipe(self._process.stdout).close()
            self._process = None

    def _tell(self, order: dict[str, str]) -> None:
        if self._process is None:
            raise RuntimeError("the server is not running")
        _pipe(self._process.stdin).write(json.dumps(order) + "\n")
        answer = self._line(ANSWER_S)
        if answer != "ok":
            raise RuntimeError(f"the RTSP server answered {answer!r} to {order}")

    def _line(self, within_s: float) -> str:
        if self._process is None:
            raise RuntimeError("the server is not running")
        stdout = _pipe(self._process.stdout)
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            if not selector.select(within_s):
                raise TooLateError(f"the RTSP server said nothing within {within_s:g} s; see {self.errors_path}")
        line = stdout.readline().strip()
        if not line:
            raise RuntimeError(f"the RTSP server ended: {self.errors_path.read_text()[-2000:]}")
        return line


def _mount(camera: Camera) -> dict[str, object]:
    return {
        "path": f"/{camera.id}",
        "video": str(clip_path(camera.picture)),
        "sound": str(clip_path(camera.sound)) if camera.sound else None,
        "sound_delay_ms": camera.sound_delay_ms,
        "user": camera.user,
        "password": camera.password,
    }


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise RuntimeError("the process was started without this pipe")
    return pipe
