"""What a client is shown: media in real time, over its connection or over UDP, with the faults of the moment."""

from __future__ import annotations

import asyncio
import random
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tests.support.camera.channel import Channel, merged
from tests.support.camera.faults import Faults
from tests.support.camera.packets import RtpTrack, interleaved
from tests.support.clips import Coded

PORTS: Final = range(20_000, 40_000, 2)


@dataclass(slots=True)
class Track:
    """One track as this client has set it up: over the connection, or over UDP."""

    rtp: RtpTrack
    channel: int = 0
    udp: tuple[socket.socket, socket.socket] | None = None
    there: tuple[str, int, int] = ("", 0, 0)
    """Host and ports (RTP, RTCP) of the client."""
    held: bytes = b""
    """A packet that lets its successor pass."""

    def close(self) -> None:
        for sock in self.udp or ():
            sock.close()


class Player:
    """From PLAY to the end of one session."""

    def __init__(
        self,
        channel: Channel,
        tracks: Mapping[int, Track],
        *,
        send: Callable[[bytes], Awaitable[None]],
        creep: Callable[[bytes], Awaitable[None]],
        is_frozen: Callable[[], bool],
    ) -> None:
        self.channel = channel
        self.tracks = [tracks[place] for place in sorted(tracks)]
        self.chance = random.Random(1)
        self._send, self._creep, self._is_frozen = send, creep, is_frozen

    async def play(self) -> bool:
        """Frames when they are due; True when it wants to hang up, False when it has no more to say.

        While the camera is frozen time goes on without frames.
        """
        channel = self.channel
        channel.runs += 1
        run, begun, frames = channel.runs, time.monotonic(), 0
        rtps = [track.rtp for track in self.tracks]
        reported_s = float("-inf")
        for due_s, place, coded in merged(rtps, channel):
            faults, track = channel.faults, self.tracks[place]
            if due_s < faults.flood_after_s:
                await asyncio.sleep(max(0.0, begun + due_s - time.monotonic()))
                faults = channel.faults
            if faults.close_after_s is not None and due_s >= faults.close_after_s:
                return True
            if self._is_frozen() or _is_left_out(faults, track.rtp, coded, due_s):
                continue
            if due_s >= faults.noise_after_s:
                await self._send(self.chance.randbytes(sum(map(len, coded.units))))
                continue
            video = track.rtp.clip.video
            if video and faults.stall_after_frames is not None and frames >= faults.stall_after_frames:
                await self.stall(track, coded, half=faults.stall_mid_frame)
                return False
            frames += video
            if channel.sender_reports_s is not None and due_s - reported_s >= channel.sender_reports_s:
                reported_s = due_s
                await self.report(due_s)
            await self.show(run, track, coded, due_s)
        return False

    async def stall(self, track: Track, coded: Coded, *, half: bool) -> None:
        """Half of the bytes, so that the last packet is cut in two."""
        if half:
            data = b"".join(interleaved(track.channel, packet) for packet in track.rtp.packetise(coded))
            await self._send(data[: len(data) // 2])

    async def report(self, due_s: float) -> None:
        channel, faults = self.channel, self.channel.faults
        wall_s = time.time() + channel.clock_offset_s
        wall_s += faults.ntp_step_s if due_s >= faults.ntp_step_after_s else 0.0
        for track in self.tracks:
            rate = track.rtp.clip.rate
            report = track.rtp.sender_report(wall_s, faults.time.ticks(round(due_s * rate), rate))
            if track.udp is not None:
                track.udp[1].sendto(report, (track.there[0], track.there[2]))
            else:
                await self._send(interleaved(track.channel + 1, report))

    async def show(self, run: int, track: Track, coded: Coded, due_s: float) -> None:
        channel, faults, rtp = self.channel, self.channel.faults, track.rtp
        packets = rtp.packetise(coded, faults.time.ticks(coded.pts, rtp.clip.rate))
        if due_s >= faults.random_payload_after_s:
            packets = [packet[:12] + self.chance.randbytes(len(packet) - 12) for packet in packets]
        else:
            channel.record(run, rtp.clip, coded)
        if track.udp is not None:
            self.scatter(track, track.udp[0], coded, packets)
        else:
            data = b"".join(interleaved(track.channel, packet) for packet in packets)
            await (self._creep if due_s >= faults.creep_after_s else self._send)(data)

    def scatter(self, track: Track, out: socket.socket, coded: Coded, packets: list[bytes]) -> None:
        """Over UDP, where packets get lost and overtake each other."""
        faults, there = self.channel.faults, track.there[:2]
        for packet in packets:
            if self.chance.random() < faults.lost_packets:
                if track.rtp.clip.video:
                    self.channel.damaged.add(coded.number)
            elif not track.held and self.chance.random() < faults.swapped_packets:
                track.held = packet
            else:
                out.sendto(packet, there)
                if track.held:
                    out.sendto(track.held, there)
                    track.held = b""


def _is_left_out(faults: Faults, rtp: RtpTrack, coded: Coded, due_s: float) -> bool:
    if rtp.clip.video:
        return coded.key and due_s >= faults.no_keys_from_s
    return not faults.sound_from_s <= due_s < faults.sound_until_s


def neighbours() -> tuple[socket.socket, socket.socket]:
    """Two neighbouring UDP ports, the first of them even, as RTP wants them."""
    while True:
        first, second = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        port = secrets.choice(PORTS)
        try:
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
        except OSError:
            first.close()
            second.close()
            continue
        for sock in (first, second):
            sock.setblocking(False)
        return first, second
