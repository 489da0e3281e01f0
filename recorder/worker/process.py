"""Body of a worker process: one session with one camera, from `Start` to `Ended`.

May import recorder and the lean part of storage (model, layout, segmentfile, story, clock), nothing else: a worker
costs what stands here, and libav only where a test pattern is encoded. Four threads: this one hears the daemon and
exits at once at EOF, one reads the camera, two own the disk. Ignores SIGINT and SIGTERM: the daemon stops it. Keeps
L4: nobody else is hurt when it hangs.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Final, NoReturn

from recorder.rtsp.connection import Trust
from recorder.rtsp.source import connect
from recorder.words import messages, outcome
from recorder.words.address import Target
from recorder.words.messages import Connected, Cut, Ended, Granted, Hole, Refused, Start, Stop, Terms, ToWorker, Watch
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Source
from recorder.worker.disk import WRITERS, LastCommitted, Writer
from recorder.worker.fan_out import FanOut
from recorder.worker.recording import Pause, Recording
from recorder.worker.timestamp_repair import NS_PER_S
from storage.words.clock import NS_PER_MS, SystemClock

EXIT_DONE: Final = 0
EXIT_ORPHANED: Final = 1
"""The daemon is gone, or talks nonsense: nobody would write rows for what is recorded."""
EXIT_FAULT: Final = 3
"""A thread of ours failed; its `.part` is for recovery."""
TICK_S: Final = 1.0
"""How often the daemon hears counters."""
FINISH_TICKS: Final = 3
"""How long the disk may take with what is left when the session is over; then its cause is told and the rest is for
salvage. Less than a stop may take (`session.Limits.stop_ms`)."""
GOODBYE_S: Final = 0.5
"""For the camera to be told that its session is over, when all else is done: a device that is not told keeps it open
for a minute, and an NVR serves only so many."""
HOLES_MAX: Final = 64
"""Pauses of a camera that wait for a daemon that does not listen: minutes of the worst camera."""


def main(sock: socket.socket) -> NoReturn:
    """Receive `Start`, record until something ends it, say `Ended`, exit."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.excepthook = _die
    try:
        start = messages.receive(sock)
        if isinstance(start, Start):
            _Session(sock, start).run()
    except (messages.WireError, OSError):
        os._exit(EXIT_ORPHANED)
    except Exception as error:  # noqa: BLE001  (its text may hold a password; it is told without it)
        _tell(error)
        os._exit(EXIT_FAULT)
    os._exit(EXIT_ORPHANED)


def _tell(error: BaseException) -> None:
    """Kind and place of an error, without its text: libav puts the URL into it, and the password with that."""
    lines = traceback.format_tb(error.__traceback__)
    sys.stderr.write(f"{''.join(lines)}{type(error).__name__} in a camera's worker\n")
    sys.stderr.flush()


def _die(what: threading.ExceptHookArgs) -> None:
    """The end of the disk thread is the end of the worker."""
    if isinstance(what.exc_value, BrokenPipeError | ConnectionResetError):
        os._exit(EXIT_ORPHANED)
    if what.exc_value is not None:
        _tell(what.exc_value)
    os._exit(EXIT_FAULT)


class _Session:
    """Everything one worker does."""

    def __init__(self, sock: socket.socket, start: Start) -> None:
        self._sock = sock
        self._start = start
        self._terms = start.terms
        self._target = Target.parse(start.url, start.username)
        self._recording: Recording | None = None
        self._over = threading.Event()
        """What the camera sends is not wanted any more."""
        self._parted = threading.Event()
        """The camera knows, or there is none to be told."""
        self._parted.set()
        self._source: Source | None = None
        self._fan_out = FanOut()
        self._holes: deque[Hole] = deque(maxlen=HOLES_MAX)
        """Those that the daemon has still to hear of."""
        self._telling = threading.Lock()
        """For them: the camera's thread and that which hears the daemon tell them. Nothing waits in it."""
        self._ticks_since_end = 0
        last = LastCommitted(start.next_seq - 1 if start.previous_sha256 else 0, start.previous_sha256)
        self._writer = Writer(sock, camera=start.camera, sync_ms=start.sync_ms, last=last, exit_process=self._exit)

    def run(self) -> None:
        """Hear the daemon until EOF. The disk thread exits the process when the session is over."""
        for writer in range(WRITERS):
            self._thread(f"disk {writer}", self._writer.run)
        self._thread("camera", self._read)
        waiting = select.poll()
        waiting.register(self._sock, select.POLLIN)
        due = time.monotonic() + TICK_S
        while True:
            if waiting.poll(max(0.0, due - time.monotonic()) * 1000):
                message = messages.receive(self._sock)
                if message is None:
                    return
                self._hear(message)
            if time.monotonic() >= due:
                due = time.monotonic() + TICK_S
                self._tick()

    def _thread(self, name: str, body: Callable[[], None]) -> None:
        threading.Thread(target=body, name=name, daemon=True).start()

    def _hear(self, message: ToWorker) -> None:
        match message:
            case Granted() | Refused():
                self._writer.answer(message)
            case Stop():
                self._end(Ended(None, self._target.tried))
            case Terms():
                self._terms = message
                if self._recording is not None:
                    self._recording.set_terms(message)
            case Cut():
                if self._recording is not None:
                    self._recording.cut()
            case Watch():
                if message.fd >= 0:
                    self._fan_out.admit(socket.socket(fileno=message.fd), message.what)
            case Start():
                raise messages.WireError("a second Start")

    def _tick(self) -> None:
        ended = self._writer.last_words
        if ended is not None:  # nothing is reported any more: these are to be the last words
            self._hurry(ended)
            return
        self._fan_out.tick()
        recording = self._recording
        if recording is None:
            return
        self._tell_holes()
        overdue = recording.tick()
        if overdue is not None:
            self._end(outcome.overdue(self._target, overdue.cause, overdue.patience_ns / NS_PER_S))
        messages.offer(self._sock, recording.stats())

    def _tell_holes(self) -> None:
        with self._telling:
            while self._holes and messages.offer(self._sock, self._holes[0]):
                self._holes.popleft()

    def _hurry(self, ended: Ended) -> None:
        """A disk that hangs must not keep the session's cause from being told."""
        self._ticks_since_end += 1
        if self._ticks_since_end > FINISH_TICKS:
            messages.offer(self._sock, ended)
            os._exit(EXIT_DONE)

    def _read(self) -> None:
        """Body of the camera's thread."""
        try:
            self._record()
        except SessionEnded as end:
            self._end(end.ended)
        except Exception as error:  # noqa: BLE001  (what was recorded is still committed, and the daemon is told)
            _tell(error)
            self._end(outcome.fault(self._target, type(error).__name__))

        finally:
            if self._source is not None:
                self._source.close()
            self._parted.set()

    def _record(self) -> None:
        clock = SystemClock()
        began = clock.now()
        source = self._source = self._connect()
        self._parted.clear()

        def resized(width: int, height: int) -> None:
            messages.offer(self._sock, _connected(source, width, height))

        def paused(pause: Pause) -> None:
            with self._telling:
                self._holes.append(Hole(pause.start_ns // NS_PER_MS, pause.end_ns // NS_PER_MS))

        parameters = source.video.parameters
        self._say(_connected(source, parameters.width, parameters.height))
        recording = Recording(
            self._start,
            source,
            writer=self._writer,
            fan_out=self._fan_out,
            clock=clock,
            began=began,
            resized=resized,
            paused=paused,
        )
        self._recording = recording
        recording.set_terms(self._terms)
        for reading in source.readings(lambda: self._fan_out.live):
            if self._over.is_set():
                return
            recording.feed(reading)

    def _connect(self) -> Source:
        start = self._start
        if self._target.scheme == "test":
            from recorder.worker.test_pattern import open_pattern  # noqa: PLC0415  (libav: only who needs it pays for it)

            return open_pattern(self._target, start.url)
        return connect(start.url, start.username, start.password, Trust(start.certificate, start.ca_file))

    def _end(self, ended: Ended) -> None:
        """Once: what the camera sent is closed and written, then `ended` are the last words."""
        self._over.set()
        if self._recording is not None:
            self._recording.finish()
            self._tell_holes()
        self._writer.finish(ended)

    def _say(self, message: Connected) -> None:
        try:
            messages.send(self._sock, message)
        except (BrokenPipeError, ConnectionResetError):
            os._exit(EXIT_ORPHANED)

    def _exit(self) -> None:
        """All is written and said."""
        self._parted.wait(GOODBYE_S)
        os._exit(EXIT_DONE)


def _connected(source: Source, width: int, height: int) -> Connected:
    """What the daemon is told about the stream."""
    sound = "" if source.sound is None else source.sound.codec
    return Connected(source.video.codec, width, height, sound, source.detail)
