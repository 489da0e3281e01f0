"""A camera as a `recorder.words.stream.Source`: RTSP/1.0, RTP over TCP, or over UDP where the camera knows nothing
else.

One thread opens, reads and closes. It sleeps most of the time: what gathers in the kernel meanwhile is read in one go,
which halves the cost of a camera.

`open_stream` is the way to a stream: connect, follow where the camera sends us, describe, choose tracks, set them up,
play. The account goes to the host that the configuration names, and to no other.

`Ports` is media over UDP, for cameras that know nothing else: a pair of ports for each track. Only the camera's own
datagrams are taken. They are read in bursts like everything else, but sooner, because what a full socket buffer cannot
take is lost.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias
from urllib.parse import urljoin, urlsplit

from recorder.rtp import sdp
from recorder.rtp.packet import Reorder
from recorder.rtp.sdp import Description, Media
from recorder.rtp.track import RtpSoundTrack, RtpVideoTrack, Unsupported, named, sound_track, video_track
from recorder.rtsp import connection
from recorder.rtsp import message as transport
from recorder.rtsp.connection import Trust
from recorder.rtsp.dialogue import Credentials, Dialogue, Login
from recorder.rtsp.message import Answer, Buffer, Handler
from recorder.words import outcome
from recorder.words.address import Target, split_zone
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Item, Losses, Reading, SenderReport, Sound, Video
from storage.words.message import NOTHING, Message, message
from storage.words.model import GapCause

RECEIVE_BYTES: Final = 2 * 1024 * 1024
"""Asked of the kernel for pictures, which gives what its limit allows (net.core.rmem_max)."""
DATAGRAM_BYTES: Final = 65_536
"""The largest there is."""
MAX_BURST: Final = 2_048
"""Datagrams read in one look; then the rest of the worker has its turn."""
MAX_TRIES: Final = 64
"""To find two ports next to each other, the lower one even (RFC 3550 §11)."""
PUNCH: Final = (bytes((0x80, 0x7F)) + bytes(10), bytes((0x80, 0xC9, 0, 1)) + bytes(4))
"""An RTP packet without content of a type nobody uses, and an empty receiver report: sent to the camera so that a
firewall on the way lets its answers through."""
_REPORTS: Final = frozenset(bytes([kind]) for kind in range(200, 205))
"""Second bytes of RTCP, which some send over the port of RTP (RFC 5761); as packets they would be of types 72 to 76,
which are kept free for this."""


class Ports:
    """Two sockets: RTP and RTCP of one track."""

    def __init__(self, target: Target, local: str, family: int) -> None:
        self.rtp, self.rtcp = _pair(target, local, family)
        self.numbers = (self.rtp.getsockname()[1], self.rtcp.getsockname()[1])
        self._handlers: tuple[Handler, Handler] | None = None
        self._camera = ""
        self._senders: frozenset[str] = frozenset()
        self._there: tuple[int, int] | None = None
        self._reorder = Reorder()

    def aim(self, camera: str, source: str, there: tuple[int, int] | None, handlers: tuple[Handler, Handler]) -> None:
        """Where the camera is, where else it says it sends from, and who takes what comes from there."""
        self._camera, self._senders = camera, frozenset((split_zone(camera)[0], source))
        self._there, self._handlers = there, handlers
        for sock, port, word in zip((self.rtp, self.rtcp), there or (), PUNCH, strict=False):
            self._send(sock, port, word)

    def read(self, out: list[Item]) -> int:
        """All that is there, up to a bound: how many datagrams."""
        if self._handlers is None:
            return 0
        rtp, rtcp = self._handlers
        now_ns, count = time.monotonic_ns(), 0
        for data in self._datagrams(self.rtp):
            count += 1
            if data[1:2] in _REPORTS:  # by its length it would be taken for a packet of another count
                rtcp(data, 0, len(data), out)
                continue
            for packet in self._reorder.push(data, now_ns):
                rtp(packet, 0, len(packet), out)
        for packet in self._reorder.overdue(now_ns):
            rtp(packet, 0, len(packet), out)
        for data in self._datagrams(self.rtcp):
            count += 1
            rtcp(data, 0, len(data), out)
        return count

    def _datagrams(self, sock: socket.socket) -> Iterator[bytes]:
        """Those of the camera."""
        for _ in range(MAX_BURST):
            try:
                data, sender = sock.recvfrom(DATAGRAM_BYTES)
            except OSError:  # nothing more; or an ICMP error, which is told for what we sent and means nothing
                return
            if sender[0] in self._senders:
                yield data

    def report(self, data: bytes) -> None:
        """RTCP for the camera, if it has said where it listens."""
        if self._there is not None:
            self._send(self.rtcp, self._there[1], data)

    def _send(self, sock: socket.socket, port: int, data: bytes) -> None:
        with contextlib.suppress(OSError):  # as good as lost on the way, which UDP is allowed to do
            sock.sendto(data, _at(self._camera, port))

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


def _at(numbers: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """As a socket wants it, where `numbers` may end in that of an interface."""
    address, zone = split_zone(numbers)
    return (address, port, 0, int(zone)) if zone else (address, port)


def _pair(target: Target, local: str, family: int) -> tuple[socket.socket, socket.socket]:
    for _ in range(MAX_TRIES):
        low = high = None
        try:
            low = _bound(local, 0, family)
            port = low.getsockname()[1]
            if port % 2 == 0:
                high = _bound(local, port + 1, family)
                return low, high
        except OSError:
            pass  # the neighbour is taken: try another pair
        finally:
            if high is None and low is not None:
                low.close()
    raise SessionEnded(outcome.no_ports(target))


def _bound(local: str, port: int, family: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        sock.setblocking(False)
        sock.bind(_at(local, port))
    except OSError:
        sock.close()
        raise
    return sock


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
        self, opened: OpenStream, began: float, now: Now = time.monotonic, sleep: Callable[[float], None] = time.sleep
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
    opened = open_stream(url, Credentials(username, password), trust or Trust(), told=told)
    try:
        return RtspSource(opened, began)
    except BaseException:
        opened.close()
        raise


OPENING_S: Final = 8.0
"""From the first connection to the answer to PLAY, redirects included. It ends before the supervisor's patience does
(`session.Limits.connect_ms`), so that it is told what failed."""
MAX_REDIRECTS: Final = 3
"""More is a circle."""
MAX_LOCATION: Final = 2_000
"""Characters of an address that a camera sends us to; as many as one of ours may have."""
Track: TypeAlias = RtpVideoTrack | RtpSoundTrack
Now: TypeAlias = Callable[[], float]


@dataclass(slots=True)
class Lane:
    """One track that was set up, and the way it comes."""

    track: Track
    media: Media
    channels: tuple[int, int] | None
    ports: Ports | None


@dataclass(slots=True)
class OpenStream:
    """A stream that plays."""

    dialogue: Dialogue
    control: str
    lanes: list[Lane]
    video: RtpVideoTrack
    sound: RtpSoundTrack | None
    detail: Message
    losses: Losses

    @property
    def ports(self) -> list[Ports]:
        """Of UDP; empty if all comes over the connection."""
        return [lane.ports for lane in self.lanes if lane.ports is not None]

    def close(self) -> None:
        """Say goodbye if that can be done at once."""
        self.dialogue.connection.close(self.dialogue.farewell(self.control))
        for ports in self.ports:
            ports.close()


def open_stream(
    url: str,
    account: Credentials,
    trust: Trust,
    now: Now = time.monotonic,
    told: Callable[[Description], None] | None = None,
) -> OpenStream:
    """Everything up to PLAY. `SessionEnded` says why not; `told` hears what the device offers, kept or not."""
    deadline = now() + OPENING_S
    dialogue, asked, answer = _find(url, account, trust, deadline, now)
    try:
        description = _description(asked, answer)
        if told is not None:
            told(description)
        return _Setup(dialogue, description).run()
    except BaseException:
        dialogue.connection.close(dialogue.farewell(asked))
        raise


def describe(url: str, account: Credentials, trust: Trust, patience_s: float, now: Now = time.monotonic) -> Description:
    """What the device offers at this address, and nothing more. `SessionEnded` says why not."""
    dialogue, asked, answer = _find(url, account, trust, now() + patience_s, now)
    dialogue.connection.close()
    return _description(asked, answer)


def _description(asked: str, answer: Answer) -> Description:
    headers = answer.headers
    return sdp.parse(answer.body, sdp.base_of(headers.get("Content-Base"), headers.get("Content-Location"), asked))


def _find(url: str, account: Credentials, trust: Trust, deadline: float, now: Now) -> tuple[Dialogue, str, Answer]:
    """The device that describes the stream, the address that it knows it by, and its answer."""
    home = Target.parse(url, account.user)
    asked, target = _plain(url), home
    for _ in range(MAX_REDIRECTS + 1):
        known = target.host == home.host
        try:
            login = Login(account if known else Credentials("", ""))
            dialogue, answer = _describe(asked, target, login, trust, deadline, now)
        except SessionEnded as end:
            if known or end.ended.cause is not GapCause.UNAUTHORISED:
                raise
            why = message(
                "session.redirect-login", "a redirect to {address}, which wants a password", address=target.address
            )
            raise SessionEnded(outcome.led_astray(home, why)) from None
        if 200 <= answer.status < 300:
            return dialogue, asked, answer
        dialogue.connection.close()
        if not 300 <= answer.status < 400:
            raise SessionEnded(outcome.declined(target, answer.status))
        asked = _elsewhere(home, asked, answer)
        target = _on_link(home, Target.parse(asked, account.user))
    why = message("session.redirects", "more than {count} redirects", count=MAX_REDIRECTS)
    raise SessionEnded(outcome.led_astray(home, why))


def _describe(
    url: str, target: Target, login: Login, trust: Trust, deadline: float, now: Now
) -> tuple[Dialogue, Answer]:
    """Some cameras hang up after they have asked who we are: they are called again, once."""
    for last in (False, True):
        dialogue = Dialogue(connection.connect(target, trust, deadline, now), login, deadline, now)
        try:
            public = dialogue.ask("OPTIONS", url).headers.all("Public")
            dialogue.methods = frozenset(re.findall(r"[A-Z_]+", " ".join(public).upper()))
            return dialogue, dialogue.ask("DESCRIBE", url, {"Accept": "application/sdp"})
        except SessionEnded as end:
            dialogue.connection.close()
            if last or not dialogue.challenged or end.ended.cause is not GapCause.DROPPED:
                raise
        except BaseException:
            dialogue.connection.close()
            raise
    raise AssertionError


def _plain(url: str) -> str:
    """The address as requests carry it: with a path, without user, fragment and interface, which is this box's own."""
    parts = urlsplit(url)
    netloc = re.sub(r"%[^]]*(?=\])", "", parts.netloc.rpartition("@")[2])
    return parts._replace(netloc=netloc, path=parts.path or "/", fragment="").geturl()


def _on_link(home: Target, target: Target) -> Target:
    """A camera cannot know by which interface it is reached: what it names on its own link lies behind the same."""
    zone = split_zone(home.host)[1]
    local = target.host.startswith("fe80:") or target.host == split_zone(home.host)[0]
    return replace(target, host=f"{target.host}%{zone}") if zone and local else target


_NOWHERE: Final = message("session.redirect-nowhere", "a redirect without a usable address")


def _elsewhere(home: Target, asked: str, answer: Answer) -> str:
    """The address that a redirect names."""
    try:
        location = urljoin(asked, answer.headers.get("Location")[:MAX_LOCATION])
        parts = urlsplit(location)
        sound = bool(re.fullmatch(r"[A-Za-z0-9:][A-Za-z0-9._:-]{0,252}", parts.hostname or "")) and parts.port != 0
    except ValueError:
        raise SessionEnded(outcome.led_astray(home, _NOWHERE)) from None
    if not sound or not location.isprintable() or " " in location or parts.scheme not in ("rtsp", "rtsps"):
        raise SessionEnded(outcome.led_astray(home, _NOWHERE))
    if home.scheme == "rtsps" and parts.scheme != "rtsps":
        why = message("session.redirect-in-clear", "a redirect from TLS to a connection without it")
        raise SessionEnded(outcome.led_astray(home, why))
    return _plain(location)


class _Setup:
    """From a description to a stream that plays."""

    def __init__(self, dialogue: Dialogue, description: Description) -> None:
        self._dialogue = dialogue
        self._description = description
        self._losses = Losses()
        self._udp = False
        self._ports: list[Ports] = []
        self._taken: set[int] = set()
        """Channels of RTP."""

    def run(self) -> OpenStream:
        try:
            video, media = self._picture()
            lanes = [self._set_up(video, media)]
            sound, lane, detail = self._sound()
            if lane is not None:
                lanes.append(lane)
            control = self._description.control
            self._play(control, lanes)
            return OpenStream(self._dialogue, control, lanes, video, sound, detail, self._losses)
        except BaseException:
            for ports in self._ports:
                ports.close()
            raise

    def _picture(self) -> tuple[RtpVideoTrack, Media]:
        """The first that can be kept."""
        offered = [media for media in self._description.medias if media.kind == "video"]
        for media in offered:
            try:
                return video_track(media, self._losses), media
            except Unsupported:
                continue
        target = self._dialogue.target
        if not offered:
            raise SessionEnded(outcome.no_video(target))
        name = named(offered[0])
        unknown = message("stream.unknown-codec", "an unknown codec")
        raise SessionEnded(outcome.unsupported_video(target, unknown if name == "unknown" else name))

    def _sound(self) -> tuple[RtpSoundTrack | None, Lane | None, Message]:
        """The first sound that can be kept, and why there is none although the camera offers some."""
        why = NOTHING
        for media in (media for media in self._description.medias if media.kind == "audio"):
            try:
                track = sound_track(media, self._losses)
            except Unsupported as refusal:
                why = why or message(
                    "stream.no-sound", "{why}: recorded without sound; AAC and G.711 can be kept", why=refusal.why
                )
                continue
            lane = self._try(track, media, 1)
            if isinstance(lane, Lane):
                return track, lane, NOTHING
            why = why or message(
                "stream.sound-declined",
                "the camera declines its sound (status {status}): recorded without sound",
                status=lane,
            )
        return None, None, why

    def _set_up(self, track: RtpVideoTrack, media: Media) -> Lane:
        lane = self._try(track, media, 0)
        if lane == 461 and self._dialogue.target.scheme != "rtsps":  # UDP would carry in the clear what TLS is to hide
            self._udp = True
            lane = self._try(track, media, 0)
        if isinstance(lane, Lane):
            return lane
        raise SessionEnded(outcome.declined(self._dialogue.target, lane))

    def _try(self, track: Track, media: Media, index: int) -> Lane | int:
        """SETUP; the status if the camera declines, 461 also if it means another way."""
        dialogue = self._dialogue
        ports = self._two_ports() if self._udp else None
        if ports is None:
            wanted = f"RTP/AVP/TCP;unicast;interleaved={2 * index}-{2 * index + 1}"
        else:
            wanted = "RTP/AVP;unicast;client_port={}-{}".format(*ports.numbers)
        answer = dialogue.ask("SETUP", media.control, {"Transport": wanted})
        said = answer.headers.get("Transport")
        given = transport.transport(said)
        if answer.status >= 300 or (said and given.udp != self._udp):
            if ports is not None:
                self._ports.remove(ports)
                ports.close()
            return answer.status if answer.status >= 300 else 461
        if ports is None:
            return Lane(track, media, self._interleave(given.channels, index, track), None)
        ports.aim(dialogue.connection.peer, given.source, given.server_ports, (track.rtp, _timed(track)))
        return Lane(track, media, None, ports)

    def _two_ports(self) -> Ports:
        ports = Ports(self._dialogue.target, self._dialogue.connection.local, self._dialogue.connection.family)
        self._ports.append(ports)
        return ports

    def _interleave(self, given: tuple[int, int] | None, index: int, track: Track) -> tuple[int, int]:
        """The camera's word on channels counts, unless it gives the same ones twice. What is set up first stays: no
        sound takes the picture's channel, whatever the camera says."""
        handlers = self._dialogue.handlers
        wanted = (2 * index, 2 * index + 1)
        channels = given if given is not None and given[0] not in self._taken else wanted
        if channels[0] not in self._taken:
            self._taken.add(channels[0])
            handlers[channels[0]] = track.rtp
        if channels[1] not in self._taken:
            handlers[channels[1]] = _timed(track)
        return channels

    def _play(self, control: str, lanes: list[Lane]) -> None:
        dialogue = self._dialogue
        answer = dialogue.ask("PLAY", control, {"Range": "npt=0.000-"})
        if answer.status == 457:
            answer = dialogue.ask("PLAY", control)
        if not 200 <= answer.status < 300:
            raise SessionEnded(outcome.declined(dialogue.target, answer.status))
        begun = transport.rtp_info(answer.headers.get("RTP-Info"), control)
        for lane in lanes:
            one = transport.beginning_of(lane.media.control, begun, alone=len(lanes) == 1)
            if one is not None:
                lane.track.start(None, one.rtptime, one.seq)


def _timed(track: Track) -> Handler:
    """RTCP is told when it came."""

    def rtcp(buffer: Buffer, start: int, end: int, out: list[Item]) -> None:
        track.rtcp(buffer, start, end, out, time.monotonic_ns())

    return rtcp


def identity() -> int:
    """Who we are in our reports."""
    return int.from_bytes(os.urandom(4), "big")
