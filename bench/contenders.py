"""The two that record side by side, and the cameras they record: started, found among the processes, and ended.

`Edged` is the daemon as a person starts it. `Ffmpeg` is Debian's, one process for each camera, which writes fragments
of the same length; it neither hashes nor syncs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from bench import cameras, gauges

ROOT: Final = Path(__file__).resolve().parents[1]
READY_S: Final = 60.0
"""For all cameras to be recorded: connections are staggered, and the machine is busy."""
STOP_S: Final = 15.0
FRAGMENT_US: Final = 500_000
MOVFLAGS: Final = "+frag_keyframe+empty_moov+default_base_moof"


class Cameras:
    """The load, in a process of its own."""

    def __init__(self, folder: Path, count: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.cameras", str(folder), str(count)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.pid = self._process.pid
        self._port = int(self._line())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(STOP_S)

    def url(self, client: str, camera: int) -> str:
        return f"rtsp://{cameras.address(camera)}:{self._port}/{client}/{camera}"

    def sessions(self, client: str) -> list[dict[str, Any]]:
        """Who was sent what so far, those that are over first."""
        if self._process.stdin is not None:
            self._process.stdin.write("report\n")
        return [told for told in json.loads(self._line()) if told["path"].startswith(f"/{client}/")]

    def _line(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise SystemExit("the cameras ended by themselves")
        return line


@dataclass
class Edged:
    """The daemon."""

    folder: Path
    load: Cameras
    count: int
    segment_s: int
    client: str = "edged"
    before: str = ""
    """Lines of Python that run before it."""
    pid: int = 0
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        for place in ("state", "volume"):
            (self.folder / place).mkdir(parents=True)
        lines = [
            '[site]\nnode = "bench"\noffice = "bench"\nname = "bench"',
            f"[paths]\nstate = {_quoted(self.folder / 'state')}\nsocket = {_quoted(self.folder / 'control.sock')}",
            f'[[volumes]]\npath = {_quoted(self.folder / "volume")}\nreserve = "1GiB"',
            f'[recording]\nsegment = "{self.segment_s}s"',
            '[retention]\nmin = "1d"\nmax = "2d"',
        ]
        lines += [f'[[cameras]]\nid = "c{n}"\nurl = "{self.load.url(self.client, n)}"' for n in range(self.count)]
        self.config.write_text("\n".join(lines) + "\n")
        script = self.folder / "daemon.py"
        script.write_text(
            f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{self.before}from edged.main.entry import daemon\n"
            "if __name__ == '__main__':\n    sys.exit(daemon())\n"
        )
        with (self.folder / "edged.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(script), "--config", str(self.config)], cwd=ROOT, stdout=log, stderr=log
            )
        self.pid = self._process.pid

    @property
    def config(self) -> Path:
        return self.folder / "edged.toml"

    @property
    def forkserver(self) -> int:
        return next((pid for pid in gauges.children(self.pid) if "forkserver" in gauges.command(pid)), 0)

    @property
    def workers(self) -> list[int]:
        return sorted(gauges.children(self.forkserver)) if self.forkserver else []

    @property
    def helpers(self) -> list[int]:
        """What else it started: multiprocessing's resource tracker."""
        return [pid for pid in gauges.children(self.pid) if pid != self.forkserver]

    def ready(self) -> bool:
        return len(self.writing()) == self.count

    def writing(self) -> list[Path]:
        return [path for path in self.folder.glob("volume/c*/*/*.part") if path.stat().st_size > 0]

    def files(self, camera: int) -> list[Path]:
        """By number."""
        return sorted(self.folder.glob(f"volume/c{camera}/*/*.mp4"), key=lambda path: int(path.stem.rpartition("-")[2]))

    def ask(self, *verb: str) -> Any:
        """What `edgectl` prints."""
        script = "import sys; from edged.main.entry import ctl; sys.exit(ctl())"
        command = [sys.executable, "-c", script, "--config", str(self.config), *verb, "--json"]
        return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


@dataclass
class Ffmpeg:
    """Debian's."""

    folder: Path
    load: Cameras
    count: int
    segment_s: int
    running: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> None:
        for camera in range(self.count):
            self.start_one(camera)

    def start_one(self, camera: int) -> None:
        place = self.folder / f"f{camera}"
        place.mkdir(parents=True, exist_ok=True)
        begun = len(list(place.iterdir()))
        command = [
            *("ffmpeg", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp"),
            *("-i", self.load.url("ffmpeg", camera), "-c", "copy", "-f", "segment"),
            *("-segment_time", str(self.segment_s), "-segment_format", "mp4", "-reset_timestamps", "1"),
            *("-segment_format_options", f"movflags={MOVFLAGS}:frag_duration={FRAGMENT_US}"),
            str(place / f"{begun:03}-%05d.mp4"),
        ]
        with (self.folder / "ffmpeg.log").open("ab") as log:
            self.running[camera] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.running.values()]

    def ready(self) -> bool:
        return all(any(path.stat().st_size for path in self.files(camera)) for camera in range(self.count))

    def files(self, camera: int) -> list[Path]:
        return sorted(self.folder.glob(f"f{camera}/*.mp4"))

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(what: str, condition: Callable[[], bool], timeout_s: float = READY_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {timeout_s:g} s")
        time.sleep(0.1)


def _quoted(path: Path) -> str:
    return json.dumps(str(path))
