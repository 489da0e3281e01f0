"""One client's connection: its requests are answered in the device's dialect, and a player shows what is asked for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from tests.support import rtsp
from tests.support.camera.channel import Channel
from tests.support.camera.description import describe, track_words
from tests.support.camera.faults import Faults
from tests.support.camera.packets import RtpTrack
from tests.support.camera.player import Player, Track, neighbours

if TYPE_CHECKING:
    from tests.support.fault_camera import Device

BABBLE_S: Final = 0.05
BABBLE_BYTES: Final = 2000
"""40 kB of nonsense a second: as much as a small picture."""


NOBODY: Final = rtsp.Guard(rtsp.Account("viewer", "nobody knows it"))
EMPTY: Final[Mapping[str, object]] = {}


class Session:
    def __init__(self, device: Device, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.device, self.reader, self.writer = device, reader, writer
        self.channel: Channel | None = None
        self.tracks: dict[int, Track] = {}
        self.player: asyncio.Task[None] | None = None
        self.playing = False

    @property
    def faults(self) -> Faults:
        return (self.channel or self.device.channels[0]).faults

    async def run(self) -> None:
        try:
            if self.faults.babble:
                await self.babble()
            else:
                await self.serve()
        except (ConnectionError, TimeoutError):
            pass  # the client left in its own way; the next one is served all the same
        finally:
            self.playing = False
            if self.player is not None:
                self.player.cancel()
                await asyncio.gather(self.player, return_exceptions=True)
            for track in self.tracks.values():
                track.close()
            self.writer.close()

    async def serve(self) -> None:
        while (said := await self.hear()) is not None:
            if isinstance(said, rtsp.Report):
                self.device.reports.append(said)
                continue
            self.device.heard.append(said)
            self.channel = self.device.channel_of(said.url) or self.channel
            if self.device.frozen or {"*", said.method} & self.faults.silent_to:
                continue
            status, answer = self.answer(said)
            await self.send(answer)
            if said.method == "PLAY" and status == 200 and self.player is None and self.channel is not None:
                self.playing = True
                self.player = asyncio.create_task(self.play(self.channel))
            if said.method == "TEARDOWN" or (status == 401 and self.device.revoked):
                return

    async def hear(self) -> rtsp.Request | rtsp.Report | None:
        """With an eye on the clock where the camera forgets who says nothing."""
        patience_s = self.faults.forgets_after_s
        return await asyncio.wait_for(rtsp.read(self.reader), None if patience_s == float("inf") else patience_s)

    async def babble(self) -> None:
        chance = random.Random(2)
        while not self.reader.at_eof():
            self.writer.write(chance.randbytes(BABBLE_BYTES))
            await self.writer.drain()
            await asyncio.sleep(BABBLE_S)

    async def send(self, data: bytes) -> None:
        if self.faults.byte_a_second:
            await self.creep(data)
        else:
            self.writer.write(data)
            await self.writer.drain()

    async def creep(self, data: bytes) -> None:
        for value in data:
            self.writer.write(bytes([value]))
            await self.writer.drain()
            await asyncio.sleep(1)

    async def play(self, channel: Channel) -> None:
        player = Player(
            channel, self.tracks, send=self.send, creep=self.creep, is_frozen=lambda: self.device.frozen
        )  # fmt: skip
        try:
            if await player.play():
                self.writer.close()
        except ConnectionError:
            self.writer.close()

    # What is asked

    def answer(self, request: rtsp.Request) -> tuple[int, bytes]:
        device, methods = self.device, self.device.dialect.methods
        if request.method == "OPTIONS" and not device.revoked:
            return self.worded(request, 200, (f"Public: {device.dialect.public}",))
        if device.revoked or (device.guard is not None and not device.guard.admits(request)):
            return self.worded(request, 401, _challenges(device.guard or NOBODY))
        if request.method not in methods or self.channel is None:
            return self.worded(request, 404 if request.method in methods else 405)
        asked = {"DESCRIBE": self.describe, "SETUP": self.setup, "PLAY": self.play_answer}.get(request.method)
        return asked(request, self.channel) if asked else self.worded(request, 200, (device.dialect.session,))

    def worded(
        self,
        request: rtsp.Request,
        status: int,
        lines: Sequence[str] = (),
        body: str = "",
        words: Mapping[str, object] = EMPTY,
    ) -> tuple[int, bytes]:
        """An answer as the dialect has it."""
        dialect = self.device.dialect
        all_words = {
            **self.device.where(request.url), "session": dialect.session_id, "cseq": request.headers.get("cseq", "0"),
            **self.device.door(), **words,
        }  # fmt: skip
        filled = [line.format(**all_words) for line in (*dialect.first, dialect.cseq, *dialect.second)]
        filled += [line.format(**all_words) for line in lines]
        pairs = [(name, value.removeprefix(" ")) for name, _, value in (line.partition(":") for line in filled)]
        return status, rtsp.answer(status, pairs, body)

    def describe(self, request: rtsp.Request, channel: Channel) -> tuple[int, bytes]:
        faults = channel.faults
        if faults.redirect is not None:
            status, address = faults.redirect
            return self.worded(request, status, (f"Location: {address}",))
        if faults.refuse == 401:
            return self.worded(request, 401, _challenges(self.device.guard or NOBODY))
        if faults.refuse:
            return self.worded(request, faults.refuse)
        body = describe(self.device.dialect, channel.clips, self.device.where(request.url))
        return self.worded(request, 200, self.device.dialect.describe, body)

    def setup(self, request: rtsp.Request, channel: Channel) -> tuple[int, bytes]:
        device, dialect = self.device, self.device.dialect
        index = device.track_of(request.url, channel)
        if index is None:
            return self.worded(request, 404)
        if device.is_full(self):
            return self.worded(request, device.full_status)
        interleaved_channel = rtsp.wanted_channel(request)
        if interleaved_channel is None if not device.udp else interleaved_channel is not None:
            return self.worded(request, 461)
        ssrc = device.ssrc + index
        clip = channel.clips[max(index, 0)]
        rtp = RtpTrack(clip, dialect.number(clip.codec), ssrc, device.sequence, packing=dialect.packing)
        rtp.first_timestamp = channel.first_timestamp
        track = Track(rtp)
        words: dict[str, object] = {"ssrc": ssrc}
        if interleaved_channel is not None:
            track.channel = interleaved_channel
            words |= {"channel": interleaved_channel, "next_channel": interleaved_channel + 1}
        else:
            ports = rtsp.wanted_ports(request)
            if ports is None:
                return self.worded(request, 400)
            track.there, track.udp = (device.peer(self.writer), *ports), neighbours()
            mine = [sock.getsockname()[1] for sock in track.udp]
            words |= {"client_port": ports[0], "client_rtcp": ports[1], "server_port": mine[0], "server_rtcp": mine[1]}
        if index >= 0:
            self.tracks[index] = track
        transport = dialect.udp_transport if track.udp else dialect.transport
        return self.worded(request, 200, (dialect.session, transport, *dialect.setup), words=words)

    def play_answer(self, request: rtsp.Request, channel: Channel) -> tuple[int, bytes]:
        if not self.tracks:
            return self.worded(request, 455)
        dialect, where = self.device.dialect, self.device.where(request.url)
        lines = [dialect.play_session or dialect.session, *dialect.play]
        if dialect.rtp_info is not None:
            told = []
            for index, track in sorted(self.tracks.items()):
                words = track_words(dialect, track.rtp.clip, index, where)
                words |= {"seq": track.rtp.sequence, "rtptime": track.rtp.first_timestamp, "ssrc": track.rtp.ssrc}
                told.append(dialect.rtp_info[0 if track.rtp.clip.video else 1].format(**words))
            lines.append("RTP-Info: " + ",".join(part for part in told if part) + dialect.rtp_info_end)
        return self.worded(request, 200, (*lines, *dialect.play_more))


def _challenges(guard: rtsp.Guard) -> tuple[str, ...]:
    return tuple(f"WWW-Authenticate: {line}" for line in guard.challenges())
