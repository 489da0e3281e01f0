"""A small RTSP camera of our own, for what healthy servers will not do: it misbehaves in the ways that `Faults` names.

RTSP/1.0 over TCP, interleaved; H.264 with AAC or G.711 from a clip, in real time. It runs in a thread with a loop of
its own, so that blocking and asyncio tests use it alike. A further fault is a field of `Faults` and a line where it
bites: a request comes (`Session.serve`), is answered (`Session.answer`), frames go out (`Session.play`).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, TypeVar
from urllib.parse import quote

from tests.support import rtsp
from tests.support.clips import Clip, Coded
from tests.support.rtp import RtpTrack, interleaved
from tests.support.rtsp_server import Sent

T = TypeVar("T")

RUN_NUMBERS: Final = 1_000_000
"""Frame numbers of one session begin at a multiple of this: no two frames of a camera are alike."""

ORDER_S: Final = 5.0
"""An order to the camera's own thread takes milliseconds."""


@dataclass(frozen=True, slots=True)
class Faults:
    """None by default. Frames are video frames of one session; seconds count from its PLAY."""

    silent_to: frozenset[str] = frozenset()
    """Reads requests of these methods and never answers; "*" is every method."""
    refuse: int = 0
    """Answers DESCRIBE with this status, whoever asks: 401, 404, 453."""
    close_after_s: float | None = None
    """Closes the connection."""
    stall_after_frames: int | None = None
    """Sends no more media, but keeps the connection and answers requests."""
    stall_mid_frame: bool = False
    """With `stall_after_frames`: half of the next frame still comes."""


HEALTHY: Final = Faults()
SILENT: Final = Faults(silent_to=frozenset({"*"}))


class FaultCamera:
    """Context manager; `url` is where it is. `faults` may be changed while it runs."""

    def __init__(
        self,
        video: Clip,
        sound: Clip | None = None,
        *,
        faults: Faults = HEALTHY,
        account: rtsp.Account | None = None,
        path: str = "/stream1",
        sender_reports_s: float | None = 5.0,
        first_timestamp: int = 1_000_000,
    ) -> None:
        self.clips = [video, sound] if sound else [video]
        self.faults = faults
        self.account = account
        self.path = path
        self.sender_reports_s = sender_reports_s
        self.first_timestamp = first_timestamp
        self.port = 0
        self.requests: list[str] = []
        """Methods asked for, in order, of all connections."""
        self.connections = 0
        self.runs = 0
        self.frozen = False
        self.log: list[Sent] = []
        self._server: asyncio.Server | None = None
        self._handlers: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-camera")

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}{self.path}"

    @property
    def url_with_account(self) -> str:
        login = f"{quote(self.account.user)}:{quote(self.account.password, safe='')}@" if self.account else ""
        return self.url.replace("rtsp://", f"rtsp://{login}")

    def __enter__(self) -> Self:
        self._thread.start()
        self.come()
        return self

    def __exit__(self, *_: object) -> None:
        self.go()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def sent(self, stream: Literal["video", "sound"] = "video") -> list[Sent]:
        return [entry for entry in list(self.log) if entry.stream == stream]

    def come(self) -> None:
        """It listens, on the port it had before."""
        self._do(self._come())

    def go(self) -> None:
        """It is shut down: its connections are closed, its port as well."""
        self._do(self._go())

    def freeze(self) -> None:
        """The cable is pulled: nothing is closed, nothing comes any more, until `thaw`."""
        self._do(self._freeze(frozen=True))

    def thaw(self) -> None:
        self._do(self._freeze(frozen=False))

    def _do(self, order: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(order, self._loop).result(ORDER_S)

    async def _freeze(self, *, frozen: bool) -> None:
        """In the camera's own thread: no frame goes out after the order was obeyed."""
        self.frozen = frozen

    async def _come(self) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _go(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        handlers = list(self._handlers)
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        handler = self._loop.create_task(Session(self, reader, writer).run())
        self._handlers.add(handler)
        handler.add_done_callback(self._handlers.discard)


class Session:
    """One client's connection."""

    def __init__(self, camera: FaultCamera, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.camera, self.reader, self.writer = camera, reader, writer
        self.channels: dict[int, int] = {}
        """Track to the interleaved channel of its RTP."""
        self.player: asyncio.Task[None] | None = None

    async def run(self) -> None:
        try:
            await self.serve()
        except ConnectionError:
            pass  # the client left in its own way; the next one is served all the same
        finally:
            if self.player is not None:
                self.player.cancel()
                await asyncio.gather(self.player, return_exceptions=True)
            self.writer.close()

    async def serve(self) -> None:
        while (request := await rtsp.read_request(self.reader)) is not None:
            self.camera.requests.append(request.method)
            if self.camera.frozen or {"*", request.method} & self.camera.faults.silent_to:
                continue
            answer = self.answer(request)
            self.writer.write(answer)
            await self.writer.drain()
            if request.method == "PLAY" and answer.startswith(b"RTSP/1.0 200"):
                self.player = asyncio.create_task(self.play())
            if request.method == "TEARDOWN":
                return

    def answer(self, request: rtsp.Request) -> bytes:
        camera = self.camera
        if request.method == "OPTIONS":
            return rtsp.answer(request, 200, {"Public": rtsp.METHODS})
        if camera.account is not None and not camera.account.admits(request):
            return rtsp.answer(request, 401, {"WWW-Authenticate": camera.account.challenge})
        if request.method == "DESCRIBE":
            return self.describe(request)
        headers = {"Session": "1234;timeout=60"}
        if request.method == "SETUP":
            channel = rtsp.wanted_channel(request)
            if channel is None:
                return rtsp.answer(request, 461)
            self.channels[int(request.url.rsplit("track", 1)[1])] = channel
            headers["Transport"] = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
        if request.method == "PLAY":
            start = f"seq=1;rtptime={camera.first_timestamp}"
            headers["Range"] = "npt=0.000-"
            headers["RTP-Info"] = ",".join(f"url={camera.url}/track{track};{start}" for track in self.channels)
        return rtsp.answer(request, 200, headers)

    def describe(self, request: rtsp.Request) -> bytes:
        if self.camera.faults.refuse == 401:
            account = self.camera.account or rtsp.Account("viewer", "nobody knows it")
            return rtsp.answer(request, 401, {"WWW-Authenticate": account.challenge})
        if self.camera.faults.refuse:
            return rtsp.answer(request, self.camera.faults.refuse)
        if not request.url.rstrip("/").endswith(self.camera.path):
            return rtsp.answer(request, 404)
        base = {"Content-Base": request.url.rstrip("/") + "/"}
        return rtsp.answer(request, 200, base, rtsp.session_description(self.camera.clips))

    async def play(self) -> None:
        """Frames when they are due. While the camera is frozen time goes on without them."""
        camera = self.camera
        camera.runs += 1
        run, begun, frames = camera.runs, time.monotonic(), 0
        tracks = [
            RtpTrack(camera.clips[index], rtsp.payload_type(camera.clips[index], index), 0x1000 + index)
            for index in sorted(self.channels)
        ]
        for track in tracks:
            track.first_timestamp = camera.first_timestamp
        reported_s = float("-inf")
        for due_s, index, coded in merged(tracks, run * RUN_NUMBERS):
            await asyncio.sleep(max(0.0, begun + due_s - time.monotonic()))
            faults = camera.faults
            if faults.close_after_s is not None and due_s >= faults.close_after_s:
                self.writer.close()
                return
            if camera.frozen:
                continue
            track, channel = tracks[index], self.channels[sorted(self.channels)[index]]
            packets = track.packetise(coded)
            if faults.stall_after_frames is not None and frames >= faults.stall_after_frames:
                if faults.stall_mid_frame and frames == faults.stall_after_frames:
                    await self.send(channel, packets[: len(packets) // 2])
                return
            frames += track.clip.video
            if camera.sender_reports_s is not None and due_s - reported_s >= camera.sender_reports_s:
                reported_s = due_s
                for other, report_channel in zip(tracks, sorted(self.channels.values()), strict=True):
                    ticks = round(due_s * other.clip.rate)
                    await self.send(report_channel + 1, [other.sender_report(time.time(), ticks)])
            await self.send(channel, packets)
            camera.log.append(_entry(camera, run, track.clip, coded))

    async def send(self, channel: int, packets: list[bytes]) -> None:
        self.writer.write(b"".join(interleaved(channel, packet) for packet in packets))
        await self.writer.drain()


def merged(tracks: list[RtpTrack], first_number: int) -> Iterator[tuple[float, int, Coded]]:
    """Frames of all tracks in the order in which they are due: (seconds, track, frame)."""
    rounds = [track.clip.rounds(first_number) for track in tracks]
    waiting = [next(frames) for frames in rounds]
    while True:
        due = [coded.dts / track.clip.rate for coded, track in zip(waiting, tracks, strict=True)]
        index = due.index(min(due))
        yield due[index], index, waiting[index]
        waiting[index] = next(rounds[index])


def _entry(camera: FaultCamera, run: int, clip: Clip, coded: Coded) -> Sent:
    return Sent(
        mount=camera.path,
        run=run,
        stream="video" if clip.video else "sound",
        n=coded.number,
        pts=coded.pts / clip.rate,
        key=coded.key,
        md5=coded.md5,
        bytes=sum(len(unit) for unit in coded.units),
        wall_ms=time.time_ns() // 1_000_000,
    )
