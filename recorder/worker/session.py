"""One session with one camera, as far as this process has it: hears the daemon, takes what came, says how it ends.

Belongs to the thread of its `Reader`; two threads more own its disk (`recorder.worker.disk`). Nothing here waits for
camera, disk or daemon. Whatever fails in it ends it, and no other session (L4).
"""

from __future__ import annotations

import math
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

import msgspec

from recorder.words import messages, outcome
from recorder.words.address import Target
from recorder.words.messages import (
    Connected,
    Cut,
    Ended,
    Granted,
    Hole,
    Refused,
    Start,
    Stop,
    Terms,
    Watch,
    WireMessage,
)
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Item, Reading, Source
from recorder.worker.disk import WRITERS, LastCommitted, Writer
from recorder.worker.fan_out import FanOut
from recorder.worker.recording import Pause, Recording
from recorder.worker.timestamp_repair import NS_PER_S
from storage.words.clock import NS_PER_MS, SystemClock

TICK_S: Final = 0.9
"""How often the daemon hears counters, at the least: at the next look after it."""
READS_MAX: Final = 4
"""In one turn, each of a buffer (`recorder.rtsp.message.BUFFER_BYTES`): one that floods takes turns with the others."""
UNITS_MAX: Final = 4_096
"""In one turn, after which it reads no further: a buffer of the smallest there are has 85,000, and each costs a few
microseconds. A usual camera sends so many in a minute."""
LIVE_NAP_S: Final = 0.02
"""While somebody watches a source that cannot tell when something comes."""
FINISH_S: Final = 3.0
"""How long the disk may take with what is left when the session is over; then its cause is told and the rest is for
salvage. Less than a stop may take (`state.Limits.stop_ms`)."""
HOLES_MAX: Final = 64
"""Pauses of a camera that wait for a daemon that does not listen: minutes of the worst camera."""


def tell(error: BaseException) -> None:
    """Kind and place of an error, without its text: libav puts the URL into it, and the password with that."""
    lines = traceback.format_tb(error.__traceback__)
    sys.stderr.write(f"{''.join(lines)}{type(error).__name__} in a camera's worker\n")
    sys.stderr.flush()


class Host(Protocol):
    """Whose process it is. All but `post` are called in the reader's thread."""

    def post(self, callback: Callable[[], None]) -> None:
        """Have it called in the reader's thread."""

    def closed(self, session: Session, /) -> None:
        """All is written and said, and no thread of its is left."""

    def stuck(self, session: Session, /) -> None:
        """All is said; the disk hangs."""

    def orphaned(self, session: Session, /) -> None:
        """The daemon is gone, or talks nonsense: nobody would write rows for what is recorded."""

    def failed(self, session: Session, /) -> None:
        """It has a fault that it cannot end by itself; what it wrote is for recovery."""


class Session:
    """From `Start` to `Ended`, or to the daemon's end."""

    def __init__(self, sock: socket.socket, start: Start, host: Host, tried_for_s: float = 0.0) -> None:
        """`tried_for_s`: how long it has been since connecting began, elsewhere."""
        self.sock = sock
        self.start = start
        """As sent, under the newest terms."""
        self.due_s = math.inf
        """When to `serve` it, by `time.monotonic`."""
        self._host = host
        self._target = Target.parse(start.url, start.username)
        self._clock = SystemClock()
        self._began = self._clock.now().plus_ms(-round(tried_for_s * 1000))
        self._source: Source | None = None
        self._recording: Recording | None = None
        self._fan_out = FanOut()
        self._holes: deque[Hole] = deque(maxlen=HOLES_MAX)
        """Those that the daemon has still to hear of."""
        self._ended: Ended | None = None
        self._dropped = False
        """The daemon has let go of it."""
        self._tick_s = 0.0
        self._late_s = 0.0
        """The latest look since the last report."""
        self._threads = 0
        self._counting = threading.Lock()
        last = LastCommitted(start.next_seq - 1 if start.previous_sha256 else 0, start.previous_sha256)
        self._writer = Writer(sock, camera=start.camera, sync_ms=start.sync_ms, last=last)

    @property
    def over(self) -> bool:
        """Nothing that the camera sends is wanted any more."""
        return self._ended is not None

    @property
    def live(self) -> bool:
        """Somebody watches: what comes must not gather."""
        return self._fan_out.live and not self.over

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Of the camera, while something is wanted of it."""
        return () if self._source is None or self.over else self._source.descriptors

    def play(self, source: Source, now_s: float) -> None:
        """Record this stream. One that comes too late is closed."""
        if self.over:
            source.close()
            return
        self._source = source
        self.due_s = now_s

    def hear(self) -> None:
        """One message of the daemon is there, or its end."""
        try:
            message = messages.receive(self.sock)
        except (messages.WireError, OSError):
            message = None
        match message:
            case None | Start():
                self._orphan()
            case Granted() | Refused():
                self._writer.answer(message)
            case Stop():
                self.end(Ended(None, self._target.tried))
            case Watch() if message.fd >= 0:
                self._admit(socket.socket(fileno=message.fd), message.what)
            case Terms():
                self.start = msgspec.structs.replace(self.start, terms=message)
        if self._recording is not None:
            if isinstance(message, Terms):
                self._recording.set_terms(message)
            elif isinstance(message, Cut):
                self._recording.cut()

    def _admit(self, watcher: socket.socket, what: messages.Kind) -> None:
        if self.over:
            watcher.close()
        else:
            self._fan_out.admit(watcher, what)

    def serve(self, now_s: float, next_look: Callable[[float], float]) -> None:
        """Take what has come. `next_look`: when the reader comes back that need not come for so many seconds."""
        if self._ended is not None:
            self._give_up(self._ended)
            return
        source = self._source
        if source is None:
            return
        if self.due_s:  # not at once
            self._late_s = max(self._late_s, now_s - self.due_s)
        items: list[Item] = []
        try:
            drained = _take(source, items)
            self._record(source, Reading(items, drained))
        except SessionEnded as end:
            self._record(source, Reading(items, waited=False))
            self.end(end.ended)
            return
        except Exception as error:  # noqa: BLE001  (what was recorded is still committed, and the daemon is told)
            tell(error)
            self.end(outcome.fault(self._target, type(error).__name__))
            return
        nap_s = LIVE_NAP_S if self.live and not source.descriptors else source.nap_s
        self.due_s = next_look(nap_s) if drained else now_s
        if now_s >= self._tick_s:
            self._tick_s = now_s + TICK_S
            self._tick()

    def wake_disk(self) -> None:
        """What `serve` took is written now."""
        if self._recording is not None:
            self._recording.wake_disk()

    def end(self, ended: Ended) -> None:
        """Once: what the camera sent is closed and written, then `ended` are the last words."""
        if self._ended is not None:
            return
        self._ended = ended
        self.due_s = time.monotonic() + FINISH_S
        self._part()
        if self._recording is None:
            self._offer(ended)
            self._writer.drop()
            self._close_if_done()
            return
        self._recording.finish()
        self._tell_holes()
        self._writer.finish(ended)

    def hurry(self) -> None:
        """Something has come that must not wait."""
        self.due_s = 0.0

    def fail(self, error: Exception) -> None:
        """Whatever was asked of it raised this: what it wrote is for recovery."""
        tell(error)
        self._host.failed(self)

    def drop(self) -> None:
        """The daemon is gone: nothing more is written, and what was is for salvage."""
        self._dropped = True
        if self._ended is None:
            self._ended = Ended(None)
            self._part()
        self.due_s = math.inf
        self._writer.drop()
        self._close_if_done()

    def _record(self, source: Source, reading: Reading) -> None:
        """All of one look at once, which makes one fragment of it."""
        if self._recording is None and source.ready:
            self._recording = self._begin(source)
        if self._recording is not None:
            self._recording.feed(reading)

    def _begin(self, source: Source) -> Recording:
        """The picture is known."""

        def resized(width: int, height: int) -> None:
            self._offer(_connected(source, width, height))

        def paused(pause: Pause) -> None:
            self._holes.append(Hole(pause.start_ns // NS_PER_MS, pause.end_ns // NS_PER_MS))

        parameters = source.video.parameters
        self._offer(_connected(source, parameters.width, parameters.height))
        recording = Recording(
            self.start,
            source,
            writer=self._writer,
            fan_out=self._fan_out,
            clock=self._clock,
            began=self._began,
            resized=resized,
            paused=paused,
        )
        for number in range(WRITERS):
            self._thread(f"disk {number}", self._writer.run)
        return recording

    def _thread(self, name: str, body: Callable[[], None]) -> None:
        """Raises RuntimeError where the machine has none left."""
        with self._counting:
            self._threads += 1
        try:
            threading.Thread(target=self._run, args=(body,), name=name, daemon=True).start()
        except RuntimeError:
            with self._counting:
                self._threads -= 1
            raise

    def _run(self, body: Callable[[], None]) -> None:
        try:
            body()
        except (BrokenPipeError, ConnectionResetError):
            self._host.post(self._orphan)
        except Exception as error:  # noqa: BLE001  (whatever it is, it ends this session and is told)
            tell(error)
            self._host.post(partial(self._host.failed, self))
        with self._counting:
            self._threads -= 1
        self._host.post(self._close_if_done)

    def _close_if_done(self) -> None:
        with self._counting:
            done = self._ended is not None and not self._threads
        if done:
            self._host.closed(self)

    def _orphan(self) -> None:
        if not self._dropped:
            self._host.orphaned(self)

    def _tick(self) -> None:
        self._fan_out.flush()
        recording = self._recording
        if recording is None:
            return
        self._tell_holes()
        overdue = recording.overdue()
        if overdue is not None:
            self.end(outcome.overdue(self._target, overdue.cause, overdue.patience_ns / NS_PER_S))
            return
        late_s, self._late_s = self._late_s, 0.0
        self._offer(recording.stats(round(late_s * 1000)))

    def _tell_holes(self) -> None:
        while self._holes and self._offer(self._holes[0]):
            self._holes.popleft()

    def _give_up(self, ended: Ended) -> None:
        """A disk that hangs must not keep the session's cause from being told."""
        self.due_s = math.inf
        if self._writer.give_up():
            self._offer(ended)
            self._host.stuck(self)

    def _part(self) -> None:
        """Tell the camera, which may take a moment."""
        self._fan_out.close()
        if self._source is None:
            return
        try:
            self._thread("goodbye", self._source.close)
        except RuntimeError as error:
            tell(error)
            self._source.close()

    def _offer(self, message: WireMessage) -> bool:
        try:
            return messages.offer(self.sock, message)
        except OSError:
            self._host.post(self._orphan)
            return False


def _take(source: Source, items: list[Item]) -> bool:
    """What has come, up to a bound. False: more is there."""
    for _ in range(READS_MAX):
        if source.take(items):
            return True
        if len(items) > UNITS_MAX:
            break
    return False


def _connected(source: Source, width: int, height: int) -> Connected:
    """What the daemon is told about the stream."""
    sound = "" if source.sound is None else source.sound.codec
    return Connected(source.video.codec, width, height, sound, source.detail)
