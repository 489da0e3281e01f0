"""A camera as a `recorder.words.stream.Source`: RTSP/1.0, RTP over TCP, or over UDP where the camera knows nothing
else.

Imports this room and `recorder.rtp`. One thread opens, reads and closes. It sleeps most of the time: what gathers in
the kernel meanwhile is read in one go, which halves the cost of a camera.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from typing import Final

from recorder.rtp.sdp import Description, Media
from recorder.rtsp.auth import Account
from recorder.rtsp.connection import Trust
from recorder.rtsp.opening import Lane, Now, Opened, identity, open_stream
from recorder.words import outcome
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Item, Reading, SenderReport, Sound, Video

LOOK_S: Final = 1.0
"""The longest wait for something to come: then whoever reads looks at the time."""
NAP_S: Final = 0.2
"""After all was read. Measured: ten looks a second cost half of seventy, five cost four fifths of ten."""
NAP_BYTES: Final = 128 << 10
"""What may gather meanwhile, so that no camera finds the window closed: above 5 Mbit/s naps are shorter."""
UDP_NAP_S: Final = 0.02
"""A socket buffer of the usual limit (208 KiB, 90 datagrams) takes a key frame's burst only if it is emptied soon."""
MEDIA_S: Final = 5.0
"""From PLAY to the first packet."""
PICTURE_S: Final = 11.5
"""From the first connection to known parameter sets. Enough for cameras that tell them only with key frames every 10 s,
less than the supervisor's patience (`session.Limits.connect_ms`), so that it is told what was missing."""
REPORT_S: Final = 5.0
"""Between receiver reports (RFC 3550 6.2)."""
MAX_EARLY: Final = 16
"""Sender reports kept until the picture is known."""


class RtspSource:
    """An open stream; `recorder.words.stream.Source`."""

    def __init__(
        self, opened: Opened, began: float, now: Now = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._opened = opened
        self._dialogue = opened.dialogue
        self._now = now
        self._sleep = sleep
        self._ssrc = identity()
        self._began = began
        self._played = self._reported = self._napped = now()
        self._gathered = 0
        self._heard = False
        self._ports = opened.ports
        self._poll = select.poll() if self._ports else None
        for ports in self._ports:
            self._watch(ports.rtp.fileno(), ports.rtcp.fileno())
        self._watch(self._dialogue.connection.fileno())
        self._kept = opened.dialogue.items
        self.losses = opened.losses
        self.detail = opened.detail
        self.sound: Sound | None = None if opened.sound is None else opened.sound.sound
        self.video: Video = self._await_picture()

    def _watch(self, *descriptors: int) -> None:
        for descriptor in descriptors:
            if self._poll is not None:
                self._poll.register(descriptor, select.POLLIN)

    @property
    def aligned(self) -> bool:
        """See `recorder.words.stream.Source`."""
        sound = self._opened.sound
        return sound is not None and sound.aligned and self._opened.video.aligned

    @property
    def udp(self) -> bool:
        """It comes as datagrams, because the camera knows nothing else."""
        return bool(self._ports)

    @property
    def played(self) -> tuple[Media, ...]:
        """The tracks that were set up."""
        return tuple(lane.media for lane in self._opened.lanes)

    def readings(self, hurried: Callable[[], bool]) -> Iterator[Reading]:
        """See `recorder.words.stream.Source`."""
        if self._kept:
            yield Reading(self._kept, waited=False)
            self._kept = []
        while True:
            items: list[Item] = []
            try:
                drained = self._look(items)
            except SessionEnded:
                # What came before the end is kept.
                for lane in self._opened.lanes:
                    lane.track.flush(items)
                yield Reading(items, waited=False)
                raise
            yield Reading(items, drained)
            self._upkeep()
            if drained and not hurried():
                self._sleep(self._nap_s())

    def _nap_s(self) -> float:
        """For how long nothing needs to be read, at the rate since the last nap."""
        if self._ports:
            return UDP_NAP_S
        since, self._napped = self._napped, self._now()
        count, self._gathered = self._gathered, 0
        return min(NAP_S, (self._napped - since) * NAP_BYTES / count) if count else NAP_S

    def close(self) -> None:
        """Say goodbye if that can be done at once."""
        self._opened.close()

    def _look(self, items: list[Item]) -> bool:
        """Take what has come, waiting for it if need be. Whether that was all."""
        if self._poll is not None:
            came, drained = self._look_at_ports(self._poll, items)
        else:
            count, drained = self._dialogue.receive(LOOK_S)
            came = count > 0
            self._gathered += count
            self._dialogue.hear(items)
        self._heard = self._heard or came
        if not came and self._opened.video.bye:
            # Said goodbye, and meant it: nothing came since.
            raise SessionEnded(outcome.dropped(self._dialogue.target))
        return drained

    def _look_at_ports(self, poll: select.poll, items: list[Item]) -> tuple[bool, bool]:
        ready = {descriptor for descriptor, _ in poll.poll(LOOK_S * 1000)}
        came = [ports.read(items) for ports in self._ports]
        if self._dialogue.connection.fileno() in ready:
            self._dialogue.receive(0)
            self._dialogue.hear(items)
        return sum(came) > 0, True

    def _upkeep(self) -> None:
        """What the camera wants to hear from time to time."""
        self._dialogue.keep_alive(self._opened.control)
        if self._now() - self._reported >= REPORT_S:
            self._reported = self._now()
            for lane in self._opened.lanes:
                self._report(lane)

    def _report(self, lane: Lane) -> None:
        report = lane.track.receiver_report(self._ssrc, time.monotonic_ns())
        if lane.ports is not None:
            lane.ports.report(report)
        elif lane.channels is not None:
            head = bytes((0x24, lane.channels[1])) + len(report).to_bytes(2, "big")
            self._dialogue.connection.offer(head + report)

    def _await_picture(self) -> Video:
        """Until the parameter sets are known, from the description or from the stream. Pictures before the first key
        frame are of no use to anybody; what the camera says of its clock is kept."""
        while (video := self._opened.video.video) is None:
            self._kept[:] = [item for item in self._kept if isinstance(item, SenderReport)][-MAX_EARLY:]
            now = self._now()
            if now - self._played >= MEDIA_S and not self._heard:
                raise SessionEnded(outcome.no_media(self._dialogue.target, MEDIA_S, udp=bool(self._ports)))
            if now - self._began >= PICTURE_S:
                raise SessionEnded(outcome.no_picture_size(self._dialogue.target))
            if self._look(self._kept):
                self._sleep(UDP_NAP_S)
            self._upkeep()
        return video


def connect(
    url: str,
    username: str,
    password: str,
    trust: Trust | None = None,
    told: Callable[[Description], None] | None = None,
) -> RtspSource:
    """A camera's stream, playing; `SessionEnded` says why it cannot be had. `told` hears what the device offers."""
    began = time.monotonic()
    opened = open_stream(url, Account(username, password), trust or Trust(), told=told)
    try:
        return RtspSource(opened, began)
    except BaseException:
        opened.close()
        raise
