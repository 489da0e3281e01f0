"""Worker processes that speak `recorder.words.messages` and misbehave to order: the path of the camera's url says how.

Preloaded in a forkserver like the real worker; imports as little. Reports come every 20 ms, so that tests with short
limits need not wait for seconds.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
from collections.abc import Callable

from recorder.words import messages
from recorder.words.messages import (
    Abandoned,
    Closed,
    Connected,
    Cut,
    Ended,
    Granted,
    Hole,
    Kind,
    Opening,
    Refused,
    Start,
    Stats,
    Stop,
    Terms,
    ToWorker,
    Watch,
)
from recorder.words.stream import Codec, Parameters, Unit, Video
from recorder.worker.fan_out import FanOut
from storage.words.clock import SystemClock
from storage.words.message import NOTHING, Message
from storage.words.model import GapCause, Moment

REPORT_S = 0.02
CLOCK = SystemClock()
CONNECTED = Connected(video="h264", width=640, height=360, audio="", detail=NOTHING)
SHA256 = "ab" * 32


class Session:
    """What all of them share: the socket, the counters, the segment that is open."""

    def __init__(self, sock: socket.socket, start: Start) -> None:
        self.sock = sock
        self.seq = start.next_seq
        self.terms = start.terms
        self.began = CLOCK.now()
        """When the newest segment did."""
        self.frames = 0
        self.last_frame_ms = 0

    def connected(self) -> None:
        messages.send(self.sock, CONNECTED)

    def report(self, frames: int = 1) -> None:
        if frames:
            self.frames += frames
            self.last_frame_ms = CLOCK.now().boottime_ms
        messages.send(self.sock, Stats(self.frames, self.frames * 1000, self.last_frame_ms, 0, 0, 0, 0))

    def open(self) -> bool:
        """Ask for the next segment; True when it was granted."""
        self.began = CLOCK.now()
        messages.send(self.sock, Opening(self.seq, self.began.wall_ms, self.began.boottime_ms, self.terms))
        while not isinstance(answer := self.command(None), Granted | Refused):
            pass
        if isinstance(answer, Refused):
            self.seq += 1
        return isinstance(answer, Granted)

    def close(self, sha256: str = SHA256, end: Moment | None = None) -> None:
        """It ends now, unless another one began."""
        ended = end or CLOCK.now()
        counted = (self.frames * 1000, sha256, 1, SHA256, self.frames)
        messages.send(self.sock, Closed(self.seq, ended.wall_ms, ended.boottime_ms, *counted))
        self.seq += 1

    def end(self, cause: GapCause | None = None, came_back: str = "") -> None:
        check = Message("the camera" if cause else "")
        messages.send(self.sock, Ended(cause, Message("RTSP over TCP to camera"), Message(came_back), check))
        os._exit(0)

    def command(self, timeout_s: float | None) -> ToWorker | None:
        """The next command within the time; ends this process at EOF."""
        if not select.select([self.sock], [], [], timeout_s)[0]:
            return None
        said = messages.receive(self.sock)
        if said is None:
            os._exit(1)
        if isinstance(said, Terms):
            self.terms = said
        return said

    def until_eof(self) -> None:
        while True:
            self.command(None)

    def record(self, reports: int | None = None) -> None:
        """Record until told to stop, or for so many reports."""
        granted = self.open()
        while reports is None or reports > 0:
            said = self.command(REPORT_S)
            if isinstance(said, Stop):
                if granted:
                    self.close()
                self.end()
            if isinstance(said, Cut) and granted:
                self.close()
            if not granted or isinstance(said, Cut):
                granted = self.open()
            self.report()
            reports = None if reports is None else reports - 1


def obedient(session: Session) -> None:
    session.connected()
    session.record()


def silent(session: Session) -> None:
    session.until_eof()


def stubborn(session: Session) -> None:
    """Records and never ends when asked to."""
    session.connected()
    session.open()
    while True:
        session.command(REPORT_S)
        session.report()


def frozen(session: Session) -> None:
    session.connected()
    session.record(reports=3)
    os.kill(os.getpid(), signal.SIGSTOP)


def crashing(session: Session) -> None:
    session.connected()
    session.record(reports=3)
    os.kill(os.getpid(), signal.SIGSEGV)


def garbling(session: Session) -> None:
    session.connected()
    session.record(reports=3)
    session.sock.send(b'{"kind":"ended","tried":"\xff')
    session.until_eof()


def lying(session: Session) -> None:
    """Closes a segment with a hash that is none, and carries on."""
    session.connected()
    session.open()
    session.close(sha256="no hash")
    session.until_eof()


def anachronistic(session: Session) -> None:
    """Its first segment began when the box did."""
    session.connected()
    messages.send(session.sock, Opening(session.seq, CLOCK.now().wall_ms, 0, session.terms))
    session.until_eof()


def clairvoyant(session: Session) -> None:
    """Closes a segment an hour from now."""
    session.connected()
    session.open()
    session.close(end=CLOCK.now().plus_ms(3_600_000))
    session.until_eof()


def meddling(session: Session) -> None:
    """Gives up a segment that another session made."""
    session.connected()
    session.open()
    messages.send(session.sock, Abandoned(session.seq + 7, GapCause.IO_ERROR, Message("not mine")))
    session.until_eof()


def greedy(session: Session) -> None:
    """Asks to record on terms of its own."""
    session.connected()
    messages.send(session.sock, Opening(session.seq, 0, 0, Terms("v", "/", 0, 1, 1, synced=True)))
    session.until_eof()


def flooding(session: Session) -> None:
    session.connected()
    while True:
        session.report()


def refused(session: Session) -> None:
    session.end(GapCause.REFUSED, "connection refused\x1b[31m\nby the camera")


def dropping(session: Session) -> None:
    session.connected()
    session.record(reports=3)
    session.close()
    session.end(GapCause.DROPPED, "connection closed by the camera")


def leaving(session: Session) -> None:
    os._exit(3)


def hanging_up(session: Session) -> None:
    session.connected()
    session.sock.close()
    while True:
        signal.pause()


def abandoning(session: Session) -> None:
    """Its first segment meets a full disk, the next does not."""
    session.connected()
    session.open()
    messages.send(session.sock, Abandoned(session.seq, GapCause.DISK_FULL, Message("no space left on device")))
    session.seq += 1
    session.record()


def overlapping(session: Session) -> None:
    """Closes its first segment while the second is written, as a slow disk has it; then only records."""
    session.connected()
    session.open()
    session.seq += 1
    session.open()
    session.seq -= 1
    session.close(end=session.began)
    while not isinstance(session.command(REPORT_S), Stop):
        session.report()
    session.close()
    session.end()


def hoarding(session: Session) -> None:
    """Begins one segment after the other and closes none."""
    session.connected()
    for _ in range(3):
        session.open()
        session.seq += 1
    session.until_eof()


def repeating(session: Session) -> None:
    """Closes its first segment twice."""
    session.connected()
    session.open()
    session.close()
    session.seq -= 1
    session.close()
    session.until_eof()


def pausing(session: Session) -> None:
    """Its camera paused before the session began, within it, and goes on."""
    began_ms = CLOCK.now().boottime_ms
    session.connected()
    session.open()
    messages.send(session.sock, Hole(began_ms - 60_000, began_ms - 50_000))
    messages.send(session.sock, Hole(began_ms - 60_000, CLOCK.now().boottime_ms))
    session.until_eof()


def dreaming(session: Session) -> None:
    """Tells of a pause that is yet to come."""
    session.connected()
    session.open()
    now_ms = CLOCK.now().boottime_ms
    messages.send(session.sock, Hole(now_ms, now_ms + 60_000))
    session.until_eof()


def faulting(session: Session) -> None:
    """Reads where nothing is, as a parser fed by the network does."""
    session.connected()
    session.record(reports=3)
    ctypes.string_at(0)


def unread(session: Session) -> None:
    """Dies with its orders unread, right after its last words."""
    session.connected()
    session.open()
    session.report()
    select.select([session.sock], [], [])
    session.close()
    session.end()


def handing_out(session: Session) -> None:
    """One picture each 20 ms, every tenth a key frame, to whoever watches."""
    session.connected()
    granted, handout, number = session.open(), FanOut(), 0
    parameters = Parameters(Codec.H264, (b"sps", b"pps"), b"avcC", 640, 360, 0)
    while True:
        said = session.command(REPORT_S)
        if isinstance(said, Watch):
            handout.admit(socket.socket(fileno=said.fd), said.what)
        if isinstance(said, Stop):
            if granted:
                session.close()
            session.end()
        unit = Unit(True, number * 1800, 0, number % 10 == 0, number.to_bytes(4, "big") * 500, parameters)
        handout.pass_on(unit, Video(Codec.H264, 90_000, parameters), None)
        handout.flush()
        number += 1
        session.report()


def blathering(session: Session) -> None:
    """Hands out what is no message: its length may be one, or not."""
    session.connected()
    while True:
        said = session.command(None)
        if isinstance(said, Watch):
            with socket.socket(fileno=said.fd) as watcher:
                watcher.sendall((5).to_bytes(4, "big") + b"hello" if said.what is Kind.KEY else b"\xff" * 8)
                while watcher.recv(1):
                    pass


BEHAVIOURS: dict[str, Callable[[Session], None]] = {
    behaviour.__name__: behaviour
    for behaviour in (
        obedient, silent, stubborn, frozen, crashing, garbling, lying, anachronistic, clairvoyant, meddling, greedy,
        flooding, refused, dropping, leaving, hanging_up, abandoning, overlapping, hoarding, repeating,
        pausing, dreaming, faulting, unread, handing_out, blathering,
    )
}  # fmt: skip


def main(sock: socket.socket) -> None:
    """As `recorder.worker.process.main`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    start = messages.receive(sock)
    if isinstance(start, Start):
        BEHAVIOURS[start.url.rpartition("/")[2]](Session(sock, start))
    os._exit(1)


def deaf(sock: socket.socket) -> None:
    """As `recorder.worker.group.main`, but for whatever its daemon does."""
    while True:
        signal.pause()
