"""What holds for each track, whatever it carries: sequence numbers, time, and the reports of both sides.

Standard library only, pure. Never raises on what the network brings: nonsense is counted and left out.
"""

from __future__ import annotations

from typing import Final

from recorder.rtp.clock import Clock
from recorder.rtp.packet import DROPOUT_MAX, MISORDER_MAX, Buffer, Header, parse
from recorder.rtp.rtcp import NS_PER_S, Bye, Report, Stats, empty_report, wall_ns, words
from recorder.words.stream import Item, Losses, SenderReport

REPORT_REACH_S: Final = 60
"""A sender report whose RTP time is further from the packets around it speaks of another clock."""


class Reception:
    """One track of one session. What is common to `VideoTrack` and `SoundTrack`."""

    __slots__ = (
        "_clock", "_early", "_next", "_payload_type", "_rate", "_report", "_ssrc", "_stats", "_strange",
        "_video", "bye", "late", "losses", "nonsense",
    )  # fmt: skip

    def __init__(self, payload_type: int, rate: int, losses: Losses | None, *, video: bool) -> None:
        self.losses = losses if losses is not None else Losses()
        self.late = 0
        """Packets that came late or twice, and were left out."""
        self.nonsense = 0
        """Packets that are not RTP, not of this track, or not what the codec's payload format allows."""
        self.bye = False
        """The camera has said that the track ends (RTCP BYE)."""
        self._payload_type = payload_type
        self._rate = rate
        self._video = video
        self._clock = Clock(rate)
        self._ssrc: int | None = None
        self._next = 0
        self._strange: tuple[int, int, bytes] | None = None
        self._early: Report | None = None
        self._report: tuple[int, int | None] | None = None
        self._stats = Stats()

    def start(self, ssrc: int | None, rtptime: int | None, seq: int | None) -> None:
        """RTP-Info of the PLAY answer. Of it only the time is used: SSRC and sequence number are read off the packets,
        because too many cameras name those of another session.
        """
        del ssrc, seq
        if rtptime is not None:
            self._clock.begin_at(rtptime)

    @property
    def aligned(self) -> bool:
        """RTP-Info named a time and the packets bear it out: tracks of which this holds have their 0 in common."""
        return self._clock.aligned

    def _receive(self, buffer: Buffer, start: int, end: int, out: list[Item]) -> None:
        header = parse(buffer, start, end)
        if header is None:
            self.nonsense += 1
            return
        lost = False
        if header.ssrc != self._ssrc or header.sequence != self._next:
            if self._ssrc is None:
                if header.payload_type != self._payload_type:
                    self.nonsense += 1  # of another track on the same channel: its count is not ours
                    return
                self._stats.begin(header.sequence)
            else:
                gap = (header.sequence - self._next) & 0xFFFF
                if header.ssrc != self._ssrc or DROPOUT_MAX <= gap < 0x10000 - MISORDER_MAX:
                    self._stray(header, bytes(buffer[start:end]), out)
                    return
                if gap >= DROPOUT_MAX:
                    self.late += 1
                    return
                self.losses.packets += gap
                self._stats.lost += gap
                lost = True
            self._ssrc = header.ssrc
        self._accept(buffer, header, lost, out)

    def _stray(self, header: Header, packet: bytes, out: list[Item]) -> None:
        """A packet of another count or sender. It waits for the one that follows it: then the camera has begun anew."""
        if header.payload_type != self._payload_type:
            self.nonsense += 1
            return
        held, self._strange = self._strange, (header.ssrc, (header.sequence + 1) & 0xFFFF, packet)
        if held is None or held[:2] != (header.ssrc, header.sequence):
            self.nonsense += held is not None
            return
        self._strange = None
        before, now = parse(held[2], 0, len(held[2])), parse(packet, 0, len(packet))
        if before is None or now is None:
            return
        self._ssrc = header.ssrc
        self._stats.begin(before.sequence)
        self._accept(held[2], before, True, out)
        self._accept(packet, now, False, out)

    def _accept(self, buffer: Buffer, header: Header, lost: bool, out: list[Item]) -> None:
        """A packet that is the next of its count; `lost` says that those just before it did not arrive."""
        self._strange = None
        self._next = (header.sequence + 1) & 0xFFFF
        if header.payload_type != self._payload_type:
            self.nonsense += 1
            return
        ticks = self._clock.tell(header.timestamp)
        if self._early is not None:
            early, self._early = self._early, None
            self._tell(early, out)
        self._take(buffer, header, ticks, lost, out)

    def _take(self, buffer: Buffer, header: Header, ticks: int, lost: bool, out: list[Item]) -> None:
        raise NotImplementedError

    def rtcp(self, buffer: Buffer, start: int, end: int, out: list[Item], now_ns: int | None = None) -> None:
        """One compound RTCP packet, which came at `now_ns` of any steady clock (for the delay in our own reports)."""
        for word in words(buffer, start, end):
            if isinstance(word, Bye):
                self.bye = True
                continue
            if not word.ntp:
                continue
            self._report = (word.ntp >> 16 & 0xFFFFFFFF, now_ns)
            if self._clock.running:
                self._tell(word, out)
            else:
                self._early = word

    def _tell(self, report: Report, out: list[Item]) -> None:
        at = self._clock.at(report.rtp)
        if abs(at - self._clock.ticks) <= REPORT_REACH_S * self._rate:
            out.append(SenderReport(self._video, at, wall_ns(report.ntp)))

    def receiver_report(self, ssrc: int, now_ns: int) -> bytes:
        """RTCP for the camera, from us as `ssrc`. Without it some cameras end the stream after a minute."""
        if self._ssrc is None:
            return empty_report(ssrc)
        self._stats.reach((self._next - 1) & 0xFFFF)
        last, delay = 0, 0
        if self._report is not None and self._report[1] is not None:
            last, delay = self._report[0], max(0, now_ns - self._report[1]) * 65536 // NS_PER_S & 0xFFFFFFFF
        return self._stats.block(ssrc & 0xFFFFFFFF, self._ssrc, last, delay)
