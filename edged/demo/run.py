"""`edged demo`: two test pattern cameras, a small ring and a broker, on any machine, with nothing to set up.

The daemon runs as it always does, as a process with a configuration file; the demonstration only writes that file,
shows the status, listens to the broker, and in the end looks at what came of it. Everything lies in `.demo` below the
current directory. Imports the command line's screen and, through checks, recorder.decoder.decode.

`failures` says (pure) what the demonstration must have shown and did not; `look_at_files` reads and decodes its files.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import click
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from edged.cli import output
from edged.cli.client import CallError, DaemonClient
from edged.cli.formatting import enumerated
from edged.cli.status import watch_screen
from edged.documents.base import Document
from edged.documents.site import Gap, Gaps, Retention, Segment, Segments
from edged.words import exit_codes
from edged.words.catalogue import Reader, language_of
from recorder.decoder.decode import UnplayableError, check_file
from storage.words.message import NOTHING, Message, as_message, message
from storage.words.model import GAP_CAUSES, GapCause

STOP_LIMIT_S: Final = 10.0
"""A clean stop commits the last segments and is over by then."""
MIN_SECONDS: Final = 20
"""Nothing is recorded to the end in less: a segment lasts ten seconds, and the cameras must start."""
START_S: Final = 30.0
STOP_S: Final = 20.0
"""Twice the daemon's limit; after it the daemon is killed and the demonstration has failed."""
SCREEN_EVERY_S: Final = 10
"""Where there is no terminal."""
LOG_TAIL_LINES: Final = 20
HINT: Final = 13
REPORT: Final = 11
"""Columns of a name and the blanks behind it."""
Answer = TypeVar("Answer", bound=Document)


@dataclass(frozen=True, slots=True)
class Promise:
    """What the demonstration set out to keep."""

    cameras: tuple[str, ...]
    quota_bytes: int
    floor_s: int
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """One finished file of the ring. `trouble` is why it does not play, empty if it does."""

    path: Path
    bytes: int
    sha256: str
    frames: int
    trouble: Message


@dataclass(frozen=True, slots=True)
class Observed:
    """What came of it."""

    listed: tuple[Segment, ...]
    """By `edgectl segments`, just before the stop."""
    gaps: tuple[Gap, ...]
    """By `edgectl gaps`, likewise."""
    files: tuple[RecordedFile, ...]
    unfinished: tuple[Path, ...]
    """`.part` files left after the stop."""
    heard: Mapping[str, int]
    """Messages by topic."""
    peak_bytes: int
    """Most that lay on the volume at once."""
    exit_code: int | None
    """None: it had to be killed."""
    stop_s: float
    stopped: datetime


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--seconds",
    type=click.IntRange(min=MIN_SECONDS),
    help="End after so long, check what was recorded, and exit with 0 only if all is well.",
)
def command(seconds: int | None) -> int:
    """Record two test pattern cameras into a small ring and show the status, until Ctrl-C.

    Needs no configuration, no camera and no broker. Everything lies in .demo below the current directory.
    """
    try:
        return Demo(Path.cwd() / FOLDER, seconds).run()
    except DemoError as error:
        click.echo(f"edged demo: {Reader(language_of())(error.said)}", err=True)
        return exit_codes.FAILED


def main(arguments: Sequence[str]) -> int:
    result = command.main(args=list(arguments), prog_name="edged demo", standalone_mode=False)
    return result if isinstance(result, int) else exit_codes.OK


class Demo:
    """One demonstration."""

    def __init__(self, folder: Path, seconds: int | None) -> None:
        self._folder = folder
        self._seconds = seconds
        self._read = Reader(language_of())
        self._over = threading.Event()
        self._interrupted = False
        self._peak_bytes = 0
        self._heard: Callable[[], dict[str, int]] = dict

    def run(self) -> int:
        with ExitStack() as stack:
            lock = stack.enter_context(emptied(self._folder))
            log_quietly(self._folder / "broker.log")
            stack.enter_context(self._signals())
            port, self._heard = stack.enter_context(broker())
            socket = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edged-demo-"))) / "control.sock"
            (self._folder / "edged.toml").write_text(configuration(self._folder, socket, port), encoding="utf-8")
            process = stack.enter_context(self._daemon(lock))
            return self._show(process, DaemonClient(socket))

    # The daemon comes and goes.

    @contextmanager
    def _daemon(self, lock: int) -> Iterator[subprocess.Popen[bytes]]:
        """In a session of its own, so that Ctrl-C reaches it only through us. It holds the folder's lock with us."""
        with (self._folder / "edged.log").open("wb") as log:
            process = subprocess.Popen(
                [str(program("edged")), "--config", str(self._folder / "edged.toml")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(lock,),
            )
        try:
            yield process
        finally:
            self._stop(process)

    def _stop(self, process: subprocess.Popen[bytes]) -> tuple[int | None, float]:
        """Exit code, None where it had to be killed, and how long it took."""
        begin = time.monotonic()
        process.terminate()
        try:
            code: int | None = process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = None
        return code, time.monotonic() - begin

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def end(_number: int, _frame: object) -> None:
            self._interrupted = True
            self._over.set()

        before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    # What one sees.

    def _show(self, process: subprocess.Popen[bytes], daemon: DaemonClient) -> int:
        begin = time.monotonic()
        words = self._read.phrase(
            "demo.begins",
            "two test pattern cameras into {folder}: segments of {length} s, a ring of {size} MB",
            folder=str(self._folder),
            length=SEGMENT_S,
            size=QUOTA_MB,
        )
        say(words)
        self._wait_for(process, daemon)
        ticks = self._ticks(process, begin)
        if sys.stdout.isatty():
            with Live(self._screen(daemon), console=output.console(), screen=True, auto_refresh=False) as live:
                for _ in ticks:
                    live.update(self._screen(daemon), refresh=True)
        else:
            for number in ticks:
                if number % SCREEN_EVERY_S == 0:
                    output.console().print(watch_screen(self._folder / "edged.toml", daemon, self._read))
                    say(f"\n{self._hint(daemon)}\n")
        if process.poll() is not None:
            ended = message("demo.daemon-ended", "the daemon ended with exit code {code}", code=process.returncode)
            raise DemoError(self._with_log(ended))
        if self._interrupted:
            return self._leave(process)
        return self._check(process)

    def _wait_for(self, process: subprocess.Popen[bytes], daemon: DaemonClient) -> None:
        deadline = time.monotonic() + START_S
        while process.poll() is None and not self._interrupted:
            try:
                daemon.get("/v1/status")
            except CallError as error:
                if time.monotonic() > deadline:
                    raise DemoError(self._with_log(as_message(error.error))) from None
                self._over.wait(0.1)
            else:
                return

    def _ticks(self, process: subprocess.Popen[bytes], begin: float) -> Iterator[int]:
        """One a second, until the time is up, somebody ends it, or the daemon does."""
        number = 0
        while process.poll() is None and not self._over.wait(1.0):
            self._peak_bytes = max(self._peak_bytes, bytes_below(self._folder / "volume"))
            number += 1
            yield number
            if self._seconds is not None and time.monotonic() - begin >= self._seconds:
                return

    def _screen(self, daemon: DaemonClient) -> RenderableType:
        seen = watch_screen(self._folder / "edged.toml", daemon, self._read)
        return Group(seen, "", Text(self._hint(daemon), style="dim", overflow="fold"))

    def _hint(self, daemon: DaemonClient) -> str:
        """What one may do meanwhile, in another terminal."""
        newest = max((self._folder / "volume").glob("*/*/*.mp4"), key=lambda path: path.name, default=None)
        edgectl = f"{short(program('edgectl'))} --config {short(self._folder / 'edged.toml')}"
        heard, read = self._heard(), self._read
        first = read.phrase("demo.first-segment", "the first segment is being recorded")
        lines = (
            (read.phrase("demo.look-at-it", "look at it"), f"ffplay {short(newest)}" if newest else first),
            (read.phrase("demo.ask-it", "ask it"), f"{edgectl} segments"),
            (read.phrase("demo.ring", "ring"), read(turned(daemon))),
            (read.phrase("demo.broker", "broker"), read(_heard_in_all(heard))),
        )
        ends = read.phrase("demo.ctrl-c", "Ctrl-C ends the demo")
        return "\n".join([*(labelled(name, words, HINT) for name, words in lines), ends])

    # What came of it.

    def _leave(self, process: subprocess.Popen[bytes]) -> int:
        say(self._read.phrase("demo.stopping", "stopping: the last segments are being finished …"))
        code, stop_s = self._stop(process)
        if code != 0:
            raise DemoError(self._with_log(message("demo.unclean-stop", "the daemon did not stop cleanly")))
        words = self._read.phrase(
            "demo.left",
            "stopped in {seconds} s; the footage stays in {folder} until the next demo",
            seconds=f"{stop_s:.1f}",
            folder=short(self._folder / "volume"),
        )
        say(words)
        return exit_codes.OK

    def _check(self, process: subprocess.Popen[bytes]) -> int:
        listed = self._asked("segments", Segments).segments
        gaps = self._asked("gaps", Gaps).gaps
        heard = self._heard()
        say(self._read.phrase("demo.checking", "stopping, then looking at what was recorded …"))
        code, stop_s = self._stop(process)
        stopped = datetime.now(UTC)
        seen = Observed(
            listed=tuple(listed),
            gaps=tuple(gaps),
            files=look_at_files(self._folder / "volume"),
            unfinished=tuple((self._folder / "volume").rglob("*.part")),
            heard=heard,
            peak_bytes=self._peak_bytes,
            exit_code=code,
            stop_s=stop_s,
            stopped=stopped,
        )
        found = failures(promise(), seen)
        say(report(seen, found, self._read))
        if found:
            say(self._read(self._log_tail()))
        return exit_codes.FAILED if found else exit_codes.OK

    def _asked(self, verb: str, document: type[Answer]) -> Answer:
        """As anybody would ask."""
        edgectl = [str(program("edgectl")), "--config", str(self._folder / "edged.toml")]
        asked = subprocess.run(
            [*edgectl, verb, "--json", "--limit", "1000"],
            capture_output=True,
            text=True,
            timeout=START_S,
            check=False,
        )
        if asked.returncode != 0:
            failed = message(
                "demo.listing-failed",
                "edgectl {verb} failed: {words}",
                verb=verb,
                words=asked.stdout or asked.stderr,
            )
            raise DemoError(self._with_log(failed))
        return document.model_validate_json(asked.stdout)

    def _with_log(self, what: Message) -> Message:
        return message("demo.with-log", "{what}\n{log}", what=what, log=self._log_tail())

    def _log_tail(self) -> Message:
        log = self._folder / "edged.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return message(
            "demo.log-tail",
            "the end of {file}:\n{lines}",
            file=short(log),
            lines="\n".join(f"  {line}" for line in lines),
        )


@contextmanager
def broker() -> Iterator[tuple[int, Callable[[], dict[str, int]]]]:
    """Its port, and what it heard so far."""
    try:
        from edged.demo.broker import DemoBroker  # noqa: PLC0415  an extra that need not be installed
    except ModuleNotFoundError as error:
        missing = message(
            "demo.module-missing",
            "{name} is missing: use script/demo, or pip install 'edged[demo]'",
            name=str(error.name),
        )
        raise DemoError(missing) from None
    with DemoBroker() as running:
        yield running.port, running.heard


def turned(daemon: DaemonClient) -> Message:
    """Whether the ring has turned yet, in words."""
    try:
        gone = Retention.model_validate_json(daemon.get("/v1/retention")).destroyed
    except CallError as error:
        return as_message(error.error)
    if not gone:
        return message(
            "demo.ring.not-full",
            "not full yet: after about {seconds} s the oldest segments, past their floor, begin to make room",
            seconds=RING_S,
        )
    return message(
        "demo.ring.turning", "turning: {count} of the oldest segments, past their floor, have made room", count=gone
    )


def labelled(name: str, words: str, width: int) -> str:
    """In a column, also where a character is two wide."""
    return f"{name}{' ' * max(1, width - cell_len(name))}{words}"


def _heard_in_all(heard: Mapping[str, int]) -> Message:
    return message(
        "demo.heard", "heard {count} messages on {topics} topics", count=sum(heard.values()), topics=len(heard)
    )


def log_quietly(file: Path) -> None:
    """What amqtt and asyncio have to say goes into a file: the screen is for the status."""
    logging.basicConfig(filename=file, level=logging.WARNING, format="%(asctime)s %(name)s %(message)s", force=True)
    logging.captureWarnings(capture=True)


def bytes_below(folder: Path) -> int:
    """Sizes of all files; one that goes while we look no longer counts."""
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(directory) / name).stat().st_size
            except FileNotFoundError:
                continue
    return total


def program(name: str) -> Path:
    """Our own programs, of this very installation."""
    return Path(sysconfig.get_path("scripts")) / name


def short(path: Path) -> str:
    """As one would type it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def say(text: str) -> None:
    click.echo(text)


FOLDER: Final = ".demo"
MARK: Final = "made-by-edged-demo"
"""Only a folder that holds this file is ever emptied; it is also the lock."""
MADE: Final = ("edged.toml", "edged.log", "broker.log", "state", "volume")
CAMERAS: Final = {
    "lobby": ("大廳", "test://?size=1280x720&fps=15"),
    "counter": ("櫃台", "test://?size=854x480&fps=10&codec=h265&audio=0"),
}
SEGMENT_S: Final = 10
FLOOR_S: Final = 60
CEILING_S: Final = 300
QUOTA_MB: Final = 4
RING_S: Final = 100
"""What the quota holds of these two pictures, about: more than the floor and what is being written, and one sees the
ring turn within two minutes."""
OF_THE_BOX: Final = frozenset(
    {GapCause.FLOOR_PROTECT, GapCause.DISK_FULL, GapCause.IO_ERROR, GapCause.WORKER_CRASH, GapCause.UNKNOWN}
)
"""Causes of gaps that a demonstration may not have, however busy the machine is."""
CONFIGURATION: Final = """\
# Written by `edged demo`. A real one looks the same, with rtsp:// addresses, days for minutes, and a disk for a folder.
[site]
node = "demo"
office = "demo"
name = "edged demo"

[paths]
state = {state}
socket = {socket}

[[volumes]]
path = {volume}
reserve = "32MiB"
max_bytes = "{quota_mb}MB"

[recording]
segment = "{segment_s}s"

[retention]
min = "{floor_s}s"
max = "{ceiling_s}s"

[mqtt]
host = "127.0.0.1"
port = {port}
"""
CAMERA: Final = """
[[cameras]]
id = "{id}"
name = "{name}"
url = "{url}"
"""


class DemoError(Exception):
    """Why the demonstration cannot be given, for the person who started it."""

    def __init__(self, said: Message) -> None:
        super().__init__(said)
        self.said = said


@contextmanager
def emptied(folder: Path) -> Iterator[int]:
    """The folder, locked, without what an earlier demonstration left there; gives the lock's descriptor."""
    mark = folder / MARK
    if folder.exists() and not mark.exists() and any(folder.iterdir()):
        raise DemoError(
            message(
                "demo.foreign-folder",
                "{folder} was not made by a demo, and is left alone: start the demo in another directory",
                folder=str(folder),
            )
        )
    folder.mkdir(exist_ok=True)
    with mark.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            running = message(
                "demo.running", "another demo, or what is left of one, still runs in {folder}", folder=str(folder)
            )
            raise DemoError(running) from None
        for name in MADE:
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        for name in ("state", "volume"):
            (folder / name).mkdir(mode=0o750)
        yield lock.fileno()


def configuration(folder: Path, socket: Path, port: int) -> str:
    """A TOML basic string is a JSON string."""
    head = CONFIGURATION.format(
        state=json.dumps(str(folder / "state"), ensure_ascii=False),
        volume=json.dumps(str(folder / "volume"), ensure_ascii=False),
        socket=json.dumps(str(socket), ensure_ascii=False),
        quota_mb=QUOTA_MB,
        segment_s=SEGMENT_S,
        floor_s=FLOOR_S,
        ceiling_s=CEILING_S,
        port=port,
    )
    return head + "".join(CAMERA.format(id=id_, name=name, url=url) for id_, (name, url) in CAMERAS.items())


def promise() -> Promise:
    up = "edged/v1/demo/up"
    topics = [f"{up}/status", f"{up}/birth", f"{up}/heartbeat", f"{up}/storage/"]
    topics += [f"{up}/cam/{camera}/{kind}" for camera in CAMERAS for kind in ("health", "retention")]
    return Promise(tuple(CAMERAS), QUOTA_MB * 1_000_000, FLOOR_S, tuple(topics))


def look_at_files(volume: Path) -> tuple[RecordedFile, ...]:
    return tuple(_look_at(path) for path in sorted(volume.rglob("*.mp4")))


def _look_at(path: Path) -> RecordedFile:
    data = path.read_bytes()  # ten seconds of test pattern: a few MB
    try:
        frames, trouble = check_file(path), NOTHING
    except UnplayableError as error:
        frames, trouble = 0, as_message(error.args[0])
    return RecordedFile(path, len(data), hashlib.sha256(data).hexdigest(), frames, trouble)


def failures(promise: Promise, seen: Observed) -> list[Message]:
    """What did not hold; nothing is what one hopes for."""
    kept = [*_segments(promise, seen), *_gaps(seen), *_files(seen), *_ring(promise, seen)]
    return [*_stop(seen), *kept, *_messages(promise, seen)]


def _stop(seen: Observed) -> Iterator[Message]:
    if seen.exit_code is None:
        yield message("demo.killed", "the daemon did not stop and had to be killed")
    elif seen.exit_code != 0:
        yield message("demo.daemon-ended", "the daemon ended with exit code {code}", code=seen.exit_code)
    if seen.stop_s > STOP_LIMIT_S:
        yield message(
            "demo.slow-stop",
            "the daemon took {seconds} s to stop; {limit} s is the limit",
            seconds=f"{seen.stop_s:.1f}",
            limit=f"{STOP_LIMIT_S:.0f}",
        )
    for path in seen.unfinished:
        yield message("demo.unfinished", "{file} was left unfinished", file=path.name)


def _segments(promise: Promise, seen: Observed) -> Iterator[Message]:
    recorded = {segment.camera for segment in seen.listed}
    for camera in promise.cameras:
        if camera not in recorded:
            yield message("demo.no-segment", "camera {camera}: no segment was recorded", camera=camera)
    on_disk = {file.path: file for file in seen.files}
    for segment in seen.listed:
        file = on_disk.get(Path(segment.path))
        if file is not None and (file.bytes, file.sha256) != (segment.bytes, segment.sha256):
            yield message("demo.other-file", "{file} is not the file that the catalog lists", file=file.path.name)
        age_s = (seen.stopped - datetime.fromisoformat(segment.end)).total_seconds()
        if file is None and age_s < promise.floor_s:
            yield message(
                "demo.gone-early",
                "{file} is gone before its floor, at an age of {age} s",
                file=Path(segment.path).name,
                age=f"{age_s:.0f}",
            )


def _gaps(seen: Observed) -> Iterator[Message]:
    for gap in seen.gaps:
        if gap.cause in OF_THE_BOX:
            end = seen.stopped if gap.end is None else datetime.fromisoformat(gap.end)
            yield message(
                "demo.gap",
                "camera {camera} was not recorded for {seconds} s: {cause}",
                camera=gap.camera,
                seconds=f"{(end - datetime.fromisoformat(gap.start)).total_seconds():.0f}",
                cause=GAP_CAUSES[GapCause(gap.cause)],
            )


def _files(seen: Observed) -> Iterator[Message]:
    if not seen.files:
        yield message("demo.no-file", "there is no file at all")
    yield from (file.trouble for file in seen.files if file.trouble)


def _ring(promise: Promise, seen: Observed) -> Iterator[Message]:
    """The quota may be passed by what is being written: one segment of each camera."""
    largest: dict[str, int] = {}
    for segment in seen.listed:
        largest[segment.camera] = max(largest.get(segment.camera, 0), segment.bytes)
    allowed = promise.quota_bytes + sum(largest.values())
    if seen.peak_bytes > allowed:
        yield message(
            "demo.ring-too-large",
            "the ring held {held} MB; {allowed} MB were allowed",
            held=f"{seen.peak_bytes / 1e6:.1f}",
            allowed=f"{allowed / 1e6:.1f}",
        )


def _messages(promise: Promise, seen: Observed) -> Iterator[Message]:
    for topic in promise.topics:
        if not _heard(topic, seen.heard):
            yield message("demo.not-heard", "nothing was heard on {topic}", topic=topic)


def _heard(topic: str, heard: Mapping[str, int]) -> int:
    """A topic that ends in `/` stands for all below it."""
    return sum(n for name, n in heard.items() if name == topic or (topic.endswith("/") and name.startswith(topic)))


def report(seen: Observed, found: Sequence[Message], read: Reader) -> str:
    """The last words of the demonstration."""
    by_camera = sorted(Counter(segment.camera for segment in seen.listed).items())
    recorded: list[str] = [
        message("demo.segments", "{camera} {count} segments", camera=camera, count=count) for camera, count in by_camera
    ]
    played = read.phrase(
        "demo.pictures",
        "{files} files, {frames} pictures",
        files=len(seen.files),
        frames=sum(file.frames for file in seen.files),
    )
    most = read.phrase("demo.ring.most", "{size} MB at most", size=f"{seen.peak_bytes / 1e6:.1f}")
    heard = read.phrase(
        "demo.messages",
        "{count} messages on {topics} topics",
        count=sum(seen.heard.values()),
        topics=len(seen.heard),
    )
    took = read.phrase("demo.in-seconds", "in {seconds} s", seconds=f"{seen.stop_s:.1f}")
    nothing = read.phrase("demo.nothing", "nothing")
    failed = read.phrase("demo.failed", "FAILED")
    lines = [
        (read.phrase("demo.recorded", "recorded"), enumerated(recorded, read) if recorded else nothing),
        (read.phrase("demo.played", "played"), played),
        (read.phrase("demo.ring", "ring"), most),
        (read.phrase("demo.broker", "broker"), heard),
        (read.phrase("demo.stopped", "stopped"), took),
        *((failed, read(what)) for what in found),
    ]
    well = [] if found else [read.phrase("demo.all-well", "all of it as it should be")]
    return "\n".join([*(labelled(name, words, REPORT) for name, words in lines), *well])
