"""Who records, and the cameras they record: started, found among the processes, and ended.

Each contender is one class: its configuration as its own documentation has it, a day of footage that it has already
(`fill`), when all cameras are recorded (`ready`), which processes it consists of (`pids`), and who watches one of its
cameras (`watch`). Moonfire NVR and MediaMTX are used where the path of a binary is given; nothing here builds them.

| | sound | writes | syncs |
| --- | --- | --- | --- |
| `Edged` | yes | fragments of 0.5 s, hashed twice | each fragment |
| `Ffmpeg`, a process for each camera | yes | fragments of 0.5 s | never |
| `MediaMtx` | yes | fragments of 1 s | never |
| `Moonfire` | no | each frame, hashed | each minute |

Only the standard library is imported, here and in all of `bench` that runs beside a contender: so hardly anything is
mapped into its memory and into ours, which would have to be divided.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import indent
from typing import Any, ClassVar, Final, Self

from bench import cameras, gauges, viewer
from bench.clip import BIT_RATE, Codec
from bench.viewer import Viewer
from tests.support.ports import free_port

ROOT: Final = Path(__file__).resolve().parents[1]
READY_S: Final = 60.0
"""For all cameras to be recorded: connections are staggered, and the machine is busy."""
STOP_S: Final = 15.0
FRAGMENT_US: Final = 500_000
MOVFLAGS: Final = "+frag_keyframe+empty_moov+default_base_moof"
SEGMENT_S: Final = 300
"""Of ffmpeg: edged's default."""
MOSQUITTO: Final = "/usr/sbin/mosquitto"
NO_ORPHAN: Final = ("setpriv", "--pdeathsig", "KILL")
"""Becomes the program, which the kernel kills should the bench itself be killed."""
UNLOOKED: Final = """\
from edged.health import watch
if not hasattr(watch, "next_turn"):
    sys.exit("edged.health.watch has no next_turn any more: health is not off")
watch.next_turn = lambda cameras, free: (float("inf"), "")
"""
"""For `Edged.before`: it is never any camera's turn to be looked at and listened to."""
LEARNED: Final = """\
from edged.health import baseline, judge
if baseline.ENOUGH != judge.ENOUGH:
    sys.exit("edged.health has no one ENOUGH any more: cameras are learned in five minutes, not in one")
baseline.ENOUGH = judge.ENOUGH = 3
"""
"""For `Edged.before`: what cameras show is learned in three looks, half a minute. Afterwards they are looked at as
seldom as those of a box that has run for months."""
_LIVE: Final = """\
import socket
from edged.health.watch import HealthWatch
from recorder.words.messages import Kind
start, handed = HealthWatch.start, []
def start_and_show(self, loops):
    start(self, loops)
    async def show():
        with socket.socket(socket.AF_UNIX) as sock:
            if not handed:
                sock.connect({path!r})
                if self._cameras.hand("c0", Kind.ALL, sock):
                    handed.append(True)
    loops.every("live", 1.0, show)
HealthWatch.start = start_and_show
"""
"""For `Edged.before`: copies of all that the first camera sends go to somebody who watches. edged has no page for that
yet; what it would read is this."""


class Cameras:
    """The load, in a process of its own."""

    def __init__(
        self,
        folder: Path,
        count: int,
        *,
        codec: Codec = Codec.H264,
        bit_rate: int = BIT_RATE,
        sound: bool = True,
        udp: bool = False,
    ) -> None:
        self.udp = udp
        options = ["--codec", codec.value, "--bit-rate", str(bit_rate), *["--silent"] * (not sound), *["--udp"] * udp]
        self._process = subprocess.Popen(
            [*NO_ORPHAN, sys.executable, "-m", "bench.cameras", str(folder), str(count), *options],
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

    @property
    def transport(self) -> str:
        """As others call it."""
        return "udp" if self.udp else "tcp"

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


class Broker:
    """Debian's mosquitto, and a centre that listens to it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        config = folder / "mosquitto.conf"
        config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\nuser root\n")
        with (folder / "mosquitto.log").open("wb") as log:
            self._process = subprocess.Popen([*NO_ORPHAN, MOSQUITTO, "-c", config], stdout=log, stderr=log)
        self.pid = self._process.pid
        wait_for("mosquitto accepts connections", self._accepts)
        self._centre = Viewer(viewer.mqtt(self.port))

    def _accepts(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._centre.close()
        self._process.terminate()
        self._process.wait(STOP_S)


@dataclass
class Contender(ABC):
    """A program that records all cameras of `load`. Its own things lie in `folder`, which is there."""

    folder: Path
    load: Cameras
    count: int
    watched: bool = field(default=False, kw_only=True)
    """Somebody will watch the first camera."""
    running: dict[int, subprocess.Popen[bytes]] = field(init=False, default_factory=dict)
    """Processes that were started here: one, or one for each camera."""

    GROWS_S: ClassVar[float] = 0.0
    """So long after it was measured it still takes more memory."""

    @abstractmethod
    def fill(self) -> None:
        """Before the start: a day of footage of each camera lies there, in files without blocks on disk."""

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def ready(self) -> bool:
        """Each camera is being written."""

    def check_alive(self) -> None:
        """Raises SystemExit, with the end of its log."""
        for process in self.running.values():
            if process.poll() is not None:
                log = next(iter(self.folder.glob("*.log"))).read_text(errors="replace")
                raise SystemExit(f"{type(self).__name__} ended by itself ({process.returncode}):\n{log[-3000:]}")

    def wait_until_ready(self) -> None:
        def look() -> bool:
            self.check_alive()
            return self.ready()

        wait_for(f"{type(self).__name__} records all cameras", look)

    def watch(self) -> Viewer:
        """Somebody watches from now on; asked for when all is ready, if it is `watched`."""
        raise NotImplementedError

    @property
    def pids(self) -> list[int]:
        """The whole tree, whatever its shape."""
        return gauges.tree([process.pid for process in self.running.values()])

    def stop(self) -> None:
        left = [process.pid for process in self.running.values()]
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid in gauges.tree(left):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def run(self, number: int, log: str, *command: str | Path) -> None:
        """Start a process that leads a session, by which its tree is found."""
        with (self.folder / log).open("ab") as out:
            self.running[number] = subprocess.Popen(
                [*NO_ORPHAN, *map(str, command)],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )


@dataclass
class Edged(Contender):
    """The daemon, as a person starts it; that which is installed for this Python."""

    segment_s: int | None = None
    """The default where it is None."""
    client: str = "edged"
    before: str = ""
    """Lines of Python that the daemon runs first, and no process that it starts."""
    broker_port: int | None = None
    _viewers: list[Viewer] = field(init=False, default_factory=list)

    GROWS_S: ClassVar[float] = 180.0
    """Until its first segments, of five minutes, have ended."""

    def fill(self) -> None:
        subprocess.run([sys.executable, "-m", "bench.filling", self.folder, str(self.count)], check=True, cwd=ROOT)

    def start(self) -> None:
        for place in ("state", "volume"):
            (self.folder / place).mkdir(parents=True, exist_ok=True)
        lines = [
            '[site]\nnode = "bench"\noffice = "bench"\nname = "bench"',
            f"[paths]\nstate = {_quoted(self.folder / 'state')}\nsocket = {_quoted(self.folder / 'control.sock')}",
            f'[[volumes]]\npath = {_quoted(self.folder / "volume")}\nreserve = "1GiB"\nmax_bytes = "1000TB"',
            f'[recording]\nsegment = "{self.segment_s}s"' if self.segment_s is not None else "",
            '[retention]\nmin = "1h"\nmax = "30d"',
            f'[mqtt]\nhost = "127.0.0.1"\nport = {self.broker_port}' if self.broker_port is not None else "",
        ]
        lines += [f'[[cameras]]\nid = "c{n}"\nurl = "{self.load.url(self.client, n)}"' for n in range(self.count)]
        self.config.write_text("\n".join(lines) + "\n")
        before = self.before
        if self.watched:
            path = str(self.folder / "live.sock")
            self._viewers.append(Viewer(viewer.listen(path)))
            before += _LIVE.format(path=path)
        script = self.folder / "daemon.py"
        script.write_text(
            f"import sys\nfrom edged.main.entry import daemon\n"
            f"if __name__ == '__main__':\n{indent(before, '    ')}    sys.exit(daemon())\n"
        )
        without_docstrings = "-OO"  # as systemd/edged.service has it
        self.run(0, "edged.log", sys.executable, without_docstrings, script, "--config", self.config)

    @property
    def pid(self) -> int:
        return self.running[0].pid

    @property
    def config(self) -> Path:
        return self.folder / "edged.toml"

    def ready(self) -> bool:
        return len(self.writing()) == self.count

    def writing(self) -> list[Path]:
        return [path for path in self.folder.glob("volume/c*/*/*.part") if _size(path) > 0]

    def files(self, camera: int) -> list[Path]:
        """By number."""
        return sorted(self.folder.glob(f"volume/c{camera}/*/*.mp4"), key=lambda path: int(path.stem.rpartition("-")[2]))

    def watch(self) -> Viewer:
        """The daemon comes to whoever watches, a second after it began."""
        return self._viewers[0]

    def ask(self, *verb: str) -> Any:
        """What `edgectl` prints."""
        return json.loads(subprocess.run(self.edgectl(*verb), cwd=ROOT, check=True, capture_output=True).stdout)

    def edgectl(self, *verb: str) -> list[str]:
        script = "import sys; from edged.main.entry import ctl; sys.exit(ctl())"
        return [sys.executable, "-c", script, "--config", str(self.config), *verb, "--json"]


@dataclass
class Ffmpeg(Contender):
    """Debian's. Nobody can watch."""

    segment_s: int = SEGMENT_S

    def fill(self) -> None:
        """It remembers nothing."""

    def start(self) -> None:
        for camera in range(self.count):
            self.start_one(camera)

    def start_one(self, camera: int) -> None:
        place = self.folder / f"f{camera}"
        place.mkdir(parents=True, exist_ok=True)
        begun = len(list(place.iterdir()))
        self.run(
            camera,
            "ffmpeg.log",
            *("ffmpeg", "-nostdin", "-loglevel", "error", "-rtsp_transport", self.load.transport),
            *("-i", self.load.url("ffmpeg", camera), "-c", "copy", "-f", "segment"),
            *("-segment_time", str(self.segment_s), "-segment_format", "mp4", "-reset_timestamps", "1"),
            *("-segment_format_options", f"movflags={MOVFLAGS}:frag_duration={FRAGMENT_US}"),
            place / f"{begun:03}-%05d.mp4",
        )

    def ready(self) -> bool:
        return all(any(_size(path) for path in self.files(camera)) for camera in range(self.count))

    def files(self, camera: int) -> list[Path]:
        return sorted(self.folder.glob(f"f{camera}/*.mp4"))


@dataclass
class MediaMtx(Contender):
    """Records with its defaults: files of an hour in parts of a second. Its servers are off, but for RTSP."""

    binary: Path
    port: int = field(init=False, default_factory=free_port)

    def fill(self) -> None:
        begin = datetime.now(UTC).astimezone() - timedelta(days=1, hours=1)
        for camera in range(self.count):
            place = self.folder / "recordings" / f"c{camera}"
            place.mkdir(parents=True)
            for hour in range(24):
                at = begin + timedelta(hours=hour)
                make_sparse(place / f"{at:%Y-%m-%d_%H-%M-%S-%f}.mp4", BIT_RATE // 8 * 3600)

    def start(self) -> None:
        off = dict.fromkeys(("rtmp", "hls", "webrtc", "srt", "moq"), False)
        defaults = {
            "rtspTransport": self.load.transport,
            "sourceOnDemand": False,
            "record": True,
            "recordPath": str(self.folder / "recordings" / "%path" / "%Y-%m-%d_%H-%M-%S-%f"),
            "recordFormat": "fmp4",
            "recordDeleteAfter": "48h",
        }
        paths = {f"c{n}": {"source": self.load.url("mediamtx", n)} for n in range(self.count)}
        rtsp = {"rtspAddress": f"127.0.0.1:{self.port}", "rtspTransports": ["tcp"]}
        config = self.folder / "mediamtx.yml"  # of which JSON is a part
        config.write_text(json.dumps({**off, **rtsp, "pathDefaults": defaults, "paths": paths}, indent=1))
        self._filled = set(self._files())
        self.run(0, "mediamtx.log", self.binary, config)

    def _files(self) -> list[Path]:
        return list(self.folder.glob("recordings/c*/*.mp4"))

    def ready(self) -> bool:
        new = {path.parent for path in self._files() if path not in self._filled and _size(path)}
        return len(new) == self.count

    def watch(self) -> Viewer:
        return viewer.rtsp(self.port, "c0")


@dataclass
class Moonfire(Contender):
    """Set up as its guide has it, but for its database, which is filled in here and not by its screen."""

    binary: Path
    port: int = field(init=False, default_factory=free_port)

    FLUSH_S: ClassVar[int] = 120
    """As its guide advises."""
    MINUTES: ClassVar[int] = 1440
    SEED_S: ClassVar[float] = 5.0

    def fill(self) -> None:
        """It records a moment by itself; a day of the like follows by SQL."""
        self._set_up()
        self._serve()
        self.wait_until_ready()
        time.sleep(self.SEED_S)
        self.stop()
        self.running.clear()
        with closing(self._database()) as db, db:
            for table in ("recording", "recording_integrity", "recording_playback"):
                _multiply(db, table, self.MINUTES)
            db.execute("UPDATE stream SET cum_recordings = ?1, cum_media_duration_90k = ?1 * 5400000", (self.MINUTES,))
            rows = db.execute("SELECT composite_id, sample_file_bytes FROM recording").fetchall()
        for number, size in rows:
            path = self._samples / f"{number:016x}"
            if not path.exists():
                make_sparse(path, size)

    def start(self) -> None:
        if not self._samples.exists():
            self._set_up()
        self._serve()

    def _set_up(self) -> None:
        self._samples.mkdir()
        subprocess.run(
            [self.binary, "init", "--db-dir", self.folder / "db"], check=True, capture_output=True, cwd=self.folder
        )
        with closing(self._database()) as db, db:
            place = json.dumps({"path": str(self._samples)})
            db.execute("INSERT INTO sample_file_dir (config, uuid) VALUES (?, ?)", (place, uuid.uuid4().bytes))
            for camera in range(self.count):
                db.execute(
                    "INSERT INTO camera (id, uuid, short_name, config) VALUES (?, ?, ?, '{}')",
                    (camera + 1, uuid.UUID(int=camera + 1).bytes, f"c{camera}"),
                )
                stream = {
                    "mode": "record",
                    "url": self.load.url("moonfire", camera),
                    "rtspTransport": self.load.transport,
                    "retainBytes": 10**13,
                    "flushIfSec": self.FLUSH_S,
                }
                db.execute(
                    "INSERT INTO stream (id, camera_id, sample_file_dir_id, type, config, cum_recordings,"
                    " cum_media_duration_90k, cum_runs) VALUES (?1, ?1, 1, 'main', ?2, 0, 0, 0)",
                    (camera + 1, json.dumps(stream)),
                )

    def _serve(self) -> None:
        config = self.folder / "moonfire.toml"
        config.write_text(
            f"dbDir = {_quoted(self.folder / 'db')}\nuiDir = {_quoted(self.folder)}\n"
            f'[[binds]]\nipv4 = "127.0.0.1:{self.port}"\nallowUnauthenticatedPermissions = {{ viewVideo = true }}\n'
        )
        self._filled = set(self._files())
        self.run(0, "moonfire.log", self.binary, "run", "--config", config)

    @property
    def _samples(self) -> Path:
        return self.folder / "sample"

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.folder / "db" / "db")

    def _files(self) -> list[Path]:
        return [path for path in self._samples.iterdir() if path.name != "meta"]

    def ready(self) -> bool:
        new = {int(path.name, 16) >> 32 for path in self._files() if path not in self._filled and _size(path)}
        return len(new) == self.count

    def watch(self) -> Viewer:
        return Viewer(viewer.websocket(self.port, f"/api/cameras/{uuid.UUID(int=1)}/main/live.m4s"))


def _multiply(db: sqlite3.Connection, table: str, times: int) -> None:
    """The first recording of each stream becomes so many, a minute each, the last of which ends now."""
    names = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
    ids = "(one.composite_id >> 32 << 32)"
    changed = {
        "composite_id": f"{ids} + n",
        "start_time_90k": f"one.start_time_90k - ({times} - n) * 5400000",
        "prev_media_duration_90k": "n * 5400000",
    }
    db.execute(f"CREATE TEMP TABLE one AS SELECT * FROM {table} WHERE composite_id & 0xFFFFFFFF = 0")  # noqa: S608
    db.execute(f"DELETE FROM {table}")  # noqa: S608
    db.execute(
        f"WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {times - 1})"  # noqa: S608
        f" INSERT INTO {table} ({', '.join(names)})"
        f" SELECT {', '.join(changed.get(name, f'one.{name}') for name in names)} FROM one CROSS JOIN numbers"
    )
    db.execute("DROP TABLE one")


@contextmanager
def scratch(state: Path) -> Iterator[Path]:
    """A directory that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(dir=state, prefix="run-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def reader() -> str:
    """Of the edged that is installed for this Python: "compiled" or "interpreted", and where it lies."""
    script = "import edged; from edged.host.versions import reader; print(f'{reader()}, {edged.__path__[0]}')"
    return subprocess.check_output([sys.executable, "-I", "-c", script], text=True).strip()


def wait_for(what: str, condition: Callable[[], bool], timeout_s: float = READY_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {timeout_s:g} s")
        time.sleep(0.1)


def _quoted(path: Path) -> str:
    return json.dumps(str(path))


def _size(path: Path) -> int:
    """0 where it is gone."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def make_sparse(path: Path, size: int) -> None:
    """A file of this size that takes no room on the disk."""
    with path.open("wb") as file:
        file.truncate(size)
