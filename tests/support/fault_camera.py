"""RTSP cameras of our own, for what healthy servers will not do: they misbehave in the ways that `Faults` names.

RTSP/1.0 with RTP over TCP or UDP, also inside TLS; H.264, H.265 and sound from clips, in real time. `FaultCamera` is a
camera, `Device` an NVR with many channels behind one port. All of them play in one thread (`camera.stage`).
"""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import Final, Literal, Self
from urllib.parse import quote, urlsplit

from tests.support import rtsp
from tests.support.camera.channel import RUN_NUMBERS, Channel
from tests.support.camera.description import control
from tests.support.camera.dialect import PLAINEST, Dialect
from tests.support.camera.faults import HEALTHY, NEVER, SILENT, Faults, Time
from tests.support.camera.session import Session
from tests.support.camera.stage import STAGE
from tests.support.clips import Clip
from tests.support.ports import free_port
from tests.support.rtsp_server import Sent

__all__ = [
    "HEALTHY", "NEVER", "RUN_NUMBERS", "SILENT", "Channel", "Device", "FaultCamera", "Faults", "Time",
]  # fmt: skip

FIRST_SSRC: Final = 0x30A98EE7
LEFT_S: Final = 2.0
"""Connections that are closed are gone after so long, or are cut."""


class Device:
    """Context manager: one port, one account, one or many channels, each at a path of its own."""

    def __init__(
        self,
        channels: list[Channel],
        *,
        account: rtsp.Account | None = None,
        dialect: Dialect = PLAINEST,
        tls: ssl.SSLContext | None = None,
        udp: bool = False,
        most_sessions: int | None = None,
        full_status: int = 453,
        host: str = "127.0.0.1",
    ) -> None:
        self.channels = channels
        self.guard = rtsp.Guard(account) if account else None
        self.dialect = dialect
        self.udp = udp
        """It knows nothing else: 461 to whoever wants TCP."""
        self.most_sessions = most_sessions
        self.full_status = full_status
        self.host = host
        """As it stands in `url`; it listens on 127.0.0.1."""
        self.port = free_port()
        self.ssrc = FIRST_SSRC
        self.sequence = 65_530
        """So that sequence numbers wrap soon."""
        self.heard: list[rtsp.Request] = []
        """Requests in order, of all connections."""
        self.reports: list[rtsp.Report] = []
        """RTCP of the clients over their connections."""
        self.connections = 0
        self.frozen = False
        self.revoked = False
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._sessions: dict[asyncio.Task[None], Session] = {}

    # As a person sees it

    @property
    def account(self) -> rtsp.Account | None:
        return self.guard.account if self.guard else None

    @property
    def requests(self) -> list[str]:
        """Methods asked for, in order, of all connections."""
        return [request.method for request in list(self.heard)]

    def url_of(self, channel: Channel) -> str:
        return f"{'rtsps' if self._tls else 'rtsp'}://{self.host}:{self.port}{channel.path}"

    def __enter__(self) -> Self:
        STAGE.enter()
        try:
            self.come()
        except BaseException:
            STAGE.leave()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.go()
        finally:
            STAGE.leave()

    def come(self) -> None:
        """It listens, on the port it had before."""
        STAGE.do(self._come())

    def go(self) -> None:
        """It is shut down: its connections are closed, its port as well."""
        STAGE.do(self._go())

    def freeze(self) -> None:
        """The cable is pulled: nothing is closed, nothing comes any more, until `thaw`."""
        STAGE.do(self._set(frozen=True))

    def thaw(self) -> None:
        STAGE.do(self._set(frozen=False))

    def revoke(self) -> None:
        """From now on every request is answered with 401, and that is the end of the connection and its media."""
        STAGE.do(self._set(revoked=True))

    def restore(self) -> None:
        STAGE.do(self._set(revoked=False))

    def sessions(self) -> int:
        """Clients that are being shown something."""
        return sum(session.playing for session in list(self._sessions.values()))

    # As its sessions see it

    def channel_of(self, url: str) -> Channel | None:
        """Whose address an url begins with; the longest path wins."""
        parts = urlsplit(url)
        asked = parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "")
        fitting = [c for c in self.channels if re.match(re.escape(c.path.rstrip("/")) + r"(?:[/?&]|$)", asked)]
        return max(fitting, key=lambda channel: len(channel.path), default=None)

    def track_of(self, url: str, channel: Channel) -> int | None:
        """Which track a SETUP means: its url ends with the control of that, or is it. -1 is one that never plays."""
        where = self.where(self.url_of(channel))

        def is_meant(wanted: str) -> bool:
            return url == wanted or ("://" not in wanted and url.endswith("/" + wanted.removeprefix("/")))

        for index, clip in enumerate(channel.clips):
            if is_meant(control(self.dialect, clip, index, where)):
                return index
        return -1 if any(is_meant(wanted.format(**where)) for wanted in self.dialect.spare) else None

    def where(self, url: str) -> dict[str, object]:
        return {"url": url.rstrip("/"), "host": self.host, "port": self.port}

    def door(self) -> dict[str, object]:
        return {
            "realm": self.guard.account.realm if self.guard else "",
            "nonce": self.guard.nonce if self.guard else "",
        }

    def is_full(self, asking: Session) -> bool:
        if self.most_sessions is None:
            return False
        others = sum(bool(session.tracks) for session in self._sessions.values() if session is not asking)
        return others >= self.most_sessions

    @staticmethod
    def peer(writer: asyncio.StreamWriter) -> str:
        return str(writer.get_extra_info("peername")[0])

    # In the cameras' thread

    async def _set(self, *, frozen: bool | None = None, revoked: bool | None = None) -> None:
        """No frame goes out after the order was obeyed."""
        if frozen is not None:
            self.frozen = frozen
        if revoked is not None:
            self.revoked = revoked
            if revoked:
                await self._hang_up()

    async def _come(self) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port, ssl=self._tls)

    async def _go(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._hang_up()

    async def _hang_up(self) -> None:
        sessions = dict(self._sessions)
        for task in sessions:
            task.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)
        closing = [asyncio.create_task(session.writer.wait_closed()) for session in sessions.values()]
        if closing:
            await asyncio.wait(closing, timeout=LEFT_S)
        for session, task in zip(sessions.values(), closing, strict=True):
            if not task.done():
                session.writer.transport.abort()
                task.cancel()
        await asyncio.gather(*closing, return_exceptions=True)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        session = Session(self, reader, writer)
        task = asyncio.get_running_loop().create_task(session.run())
        self._sessions[task] = session
        task.add_done_callback(lambda done: self._sessions.pop(done, None))


class FaultCamera(Device):
    """One channel at `url`. `faults` may be changed while it runs."""

    def __init__(
        self,
        video: Clip,
        sound: Clip | None = None,
        *,
        faults: Faults = HEALTHY,
        account: rtsp.Account | None = None,
        path: str | None = None,
        sender_reports_s: float | None = 5.0,
        first_timestamp: int = 1_000_000,
        clock_offset_s: float = 0.0,
        signed: bool = False,
        dialect: Dialect = PLAINEST,
        tls: ssl.SSLContext | None = None,
        udp: bool = False,
        host: str = "127.0.0.1",
    ) -> None:
        self.channel = Channel(
            video,
            sound,
            path=path or dialect.path,
            faults=faults,
            sender_reports_s=sender_reports_s,
            first_timestamp=first_timestamp,
            clock_offset_s=clock_offset_s,
            signed=signed,
        )
        super().__init__([self.channel], account=account, dialect=dialect, tls=tls, udp=udp, host=host)

    @property
    def faults(self) -> Faults:
        return self.channel.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self.channel.faults = faults

    @property
    def path(self) -> str:
        return self.channel.path

    @property
    def runs(self) -> int:
        return self.channel.runs

    @property
    def log(self) -> list[Sent]:
        return self.channel.log

    @property
    def url(self) -> str:
        return self.url_of(self.channel)

    @property
    def url_with_account(self) -> str:
        account = self.account
        login = f"{quote(account.user)}:{quote(account.password, safe='')}@" if account else ""
        return self.url.replace("://", f"://{login}", 1)

    def sent(self, stream: Literal["video", "sound"] = "video") -> list[Sent]:
        return self.channel.sent(stream)
