"""The daemon's end of the decoder: starts it, asks it for looks, restarts it when it dies or hangs.

Imports asyncio and the words; never av or numpy. The decoder is a process of its own beside the cameras' workers and
not of their forkserver, so that nothing that happens to it touches recording (L4). What it says is checked on
arrival; what is no message of ours is its end. While it decodes what one camera sent it has `DECODE_LIMIT_S`; the
camera whose picture it hung or died of is told by `DecoderLost.blamed`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import msgspec

from recorder.decoder.messages import MAX_JPEG_BYTES, Begun, Look, LookKind, Piece, Seen, ToDaemon, Unseen, UnseenReason
from recorder.words import messages
from recorder.words.messages import MAX_MESSAGE_BYTES

log = logging.getLogger("edged.decoder")

DECODE_LIMIT_S: Final = 10.0
"""For one picture; a 4K one takes 0.1 s of a processor that the decoder gets only when nobody else wants it."""
LOOK_LIMIT_S: Final = 60.0
"""From being asked to being answered; a worker ends a look after `fan_out.LOOK_LIFE_S`."""
RESTART_AFTER_S: Final = 5.0
"""Between two births: one that dies at once must not keep the box busy."""
COMMAND: Final = (sys.executable, "-IOO", "-m", "recorder.decoder.process")
"""OO: without docstrings, which are 2 MB. No package comes compiled for it, and each start would take 0.35 s more:
`script/install` sees to that."""
_ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Else numpy starts a thread with 8 MiB for each core and never uses it."""
_DECODER: Final[msgspec.json.Decoder[ToDaemon]] = msgspec.json.Decoder(ToDaemon)


class DecoderLost(Exception):
    """The decoder died or hung, or is not there. `blamed`: while it decoded this very look."""

    def __init__(self, what: str, *, blamed: bool = False) -> None:
        super().__init__(what)
        self.blamed = blamed


@dataclass(frozen=True, slots=True)
class LookResult:
    """What a look came to."""

    seen: Seen
    jpeg: bytes = b""


@dataclass(slots=True)
class _Pending:
    answer: asyncio.Future[LookResult | UnseenReason]
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0


class DecoderClient:
    """One for all cameras. Lives on the event loop."""

    def __init__(self, command: Sequence[str] = COMMAND, decode_limit_s: float = DECODE_LIMIT_S) -> None:
        self._command = command
        self._decode_limit_s = decode_limit_s
        self._process: asyncio.subprocess.Process | None = None
        self._gone: asyncio.subprocess.Process | None = None
        """Killed, and perhaps not gone yet."""
        self._sock: socket.socket | None = None
        self._turn = asyncio.Lock()
        self._pending: dict[int, _Pending] = {}
        self._begun: int | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._number = 0
        self._born_s = -RESTART_AFTER_S
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Of the present process; None while there is none."""
        return None if self._process is None else self._process.pid

    async def look(
        self, hand: Callable[[socket.socket], bool], want: LookKind, reference: bytes = b""
    ) -> LookResult | UnseenReason:
        """One look at what `hand` has a camera's worker put into the socket that it is given. Raises DecoderLost."""
        await self._start()
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise DecoderLost(f"no socket: {error.strerror}") from error
        with ours, theirs:
            if not hand(theirs):
                return UnseenReason.NOT_SENT
            self._number += 1
            number = self._number
            self._send(Look(number, want, reference), ours)
        pending = self._pending[number] = _Pending(asyncio.get_running_loop().create_future())
        try:
            async with asyncio.timeout(LOOK_LIMIT_S):
                return await pending.answer
        except TimeoutError:
            self._end("it did not answer")
            raise DecoderLost("the decoder did not answer") from None
        finally:
            self._pending.pop(number, None)

    async def close(self) -> None:
        """Its process is gone when this returns."""
        self._closed = True
        self._end("")
        await self._reap()

    async def _start(self) -> None:
        """Unless it runs. Raises DecoderLost."""
        async with self._turn:
            if self._sock is not None:
                return
            loop = asyncio.get_running_loop()
            await self._reap()
            await asyncio.sleep(max(0.0, self._born_s + RESTART_AFTER_S - loop.time()))
            if self._closed:
                raise DecoderLost("edged is stopping")
            self._born_s = loop.time()
            try:
                self._sock = await self._spawn()
            except OSError as error:
                raise DecoderLost(f"no process could be made: {error.strerror}") from error
            loop.add_reader(self._sock, self._hear, self._sock)
            log.debug("the decoder is process %s", self.pid)

    async def _spawn(self) -> socket.socket:
        """A new process; our end of what it talks over. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    str(theirs.fileno()),
                    pass_fds=(theirs.fileno(),),
                    stdin=asyncio.subprocess.DEVNULL,
                    env=os.environ | _ONE_THREAD,
                    start_new_session=True,
                )
        except BaseException:
            ours.close()
            raise
        ours.setblocking(False)
        return ours

    async def _reap(self) -> None:
        """The process that was killed is gone."""
        gone, self._gone = self._gone, None
        if gone is not None:
            await gone.wait()

    def _send(self, look: Look, sock: socket.socket) -> None:
        try:
            if self._sock is not None and messages.offer(self._sock, look, sock.fileno()):
                return
        except OSError:
            self._end("it is gone")
        raise DecoderLost("the decoder does not listen")

    def _hear(self, sock: socket.socket) -> None:
        """What it says, datagram by datagram; EOF and nonsense are its end."""
        try:
            data = sock.recv(MAX_MESSAGE_BYTES + 1)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end("it died")
            return
        try:
            self._take(_DECODER.decode(data))
        except ValueError:  # also UnicodeDecodeError
            self._end(f"it said {len(data)} bytes that are no message")

    def _take(self, said: ToDaemon) -> None:
        pending = self._pending.get(said.number)
        match said:
            case Begun():
                self._begun = said.number
                self._watch()
            case Piece():
                if pending is None:
                    return
                pending.size += len(said.data)
                if pending.size > MAX_JPEG_BYTES:
                    self._end("its picture is too long")
                    return
                pending.pieces.append(said.data)
            case Seen() | Unseen():
                self._begun = None
                self._watch()
                if pending is not None and not pending.answer.done():
                    jpeg = b"".join(pending.pieces)
                    pending.answer.set_result(LookResult(said, jpeg) if isinstance(said, Seen) else said.why)

    def _watch(self) -> None:
        """While it decodes, a hang is its end."""
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        if self._begun is not None:
            loop = asyncio.get_running_loop()
            self._limit = loop.call_later(self._decode_limit_s, self._end, "it hung over a picture")

    def _end(self, what: str) -> None:
        """Kill it and let go of all that waits for it; whose picture it was at is blamed."""
        sock, process, begun = self._sock, self._process, self._begun
        self._sock = self._process = self._begun = None
        self._watch()
        if sock is None:
            return
        asyncio.get_running_loop().remove_reader(sock)
        sock.close()
        if process is not None:
            self._gone = process
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
        if what:
            log.warning("the decoder (picture health) is restarted: %s", what)
        for number, pending in self._pending.items():
            if not pending.answer.done():
                pending.answer.set_exception(DecoderLost(what or "edged is stopping", blamed=number == begun))
