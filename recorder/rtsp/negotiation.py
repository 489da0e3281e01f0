"""The way to a stream that plays: connect, follow where the camera sends us, describe, choose and set up tracks, play.

Blocking, each wait with an end. The account goes to the host that the configuration names, and to no other. What comes
out (`Negotiated`) is values and open sockets: another process may read the stream (`recorder.rtsp.handover`). Media
that comes before that is kept as it came.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias
from urllib.parse import urljoin, urlsplit

from recorder.rtp import sdp
from recorder.rtp.sdp import Description, Media
from recorder.rtp.track import Unsupported, named, sound_track, video_track
from recorder.rtsp import connection
from recorder.rtsp import message as transport
from recorder.rtsp.connection import Trust
from recorder.rtsp.datagrams import Ports, open_ports
from recorder.rtsp.dialogue import Credentials, Dialogue, Login
from recorder.rtsp.message import Answer, Buffer, Handler, interleaved
from recorder.words import outcome
from recorder.words.address import Target, split_zone
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Item
from storage.words.message import NOTHING, Message, message
from storage.words.model import GapCause

OPENING_S: Final = 8.0
"""From the first connection to the answer to PLAY, redirects included. It ends before the supervisor's patience does
(`session.Limits.connect_ms`), so that it is told what failed."""
MAX_REDIRECTS: Final = 3
"""More is a circle."""
MAX_LOCATION: Final = 2_000
"""Characters of an address that a camera sends us to; as many as one of ours may have."""
_METHOD: Final = re.compile(r"[A-Z_]+")
_ZONE: Final = re.compile(r"%[^]]*(?=\])")
_HOST: Final = re.compile(r"[A-Za-z0-9:][A-Za-z0-9._:-]{0,252}")
Now: TypeAlias = Callable[[], float]


@dataclass(slots=True)
class Lane:
    """One track that was set up, and the way it comes."""

    media: Media
    channels: tuple[int, int] | None
    """Of RTP and RTCP on the connection; None over UDP."""
    ports: Ports | None
    rtptime: int | None = None
    """Where it begins, as RTP-Info says."""


@dataclass(slots=True)
class Negotiated:
    """A stream that plays."""

    dialogue: Dialogue
    control: str
    """Absolute URL of the whole."""
    lanes: list[Lane]
    """The picture's, and the sound's if it is kept."""
    detail: Message
    """What was refused or is odd."""
    early: bytearray = field(default_factory=bytearray)
    """Media that came while answers were waited for, as it lay in the connection."""

    def close(self) -> None:
        """Say goodbye if that can be done at once."""
        self.dialogue.connection.close(self.dialogue.farewell(self.control))
        for lane in self.lanes:
            if lane.ports is not None:
                lane.ports.close()


def negotiate(
    url: str,
    account: Credentials,
    trust: Trust,
    now: Now = time.monotonic,
    told: Callable[[Description], None] | None = None,
) -> Negotiated:
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
            dialogue.methods = frozenset(_METHOD.findall(" ".join(public).upper()))
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
    netloc = _ZONE.sub("", parts.netloc.rpartition("@")[2])
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
        sound = bool(_HOST.fullmatch(parts.hostname or "")) and parts.port != 0
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
        self._udp = False
        self._ports: list[Ports] = []
        self._taken: set[int] = set()
        """Channels of RTP."""
        self._early = bytearray()

    def run(self) -> Negotiated:
        try:
            lanes = [self._set_up(self._picture())]
            sound, detail = self._sound()
            if sound is not None:
                lanes.append(sound)
            control = self._description.control
            self._play(control, lanes)
            return Negotiated(self._dialogue, control, lanes, detail, self._early)
        except BaseException:
            for ports in self._ports:
                ports.close()
            raise

    def _picture(self) -> Media:
        """The first that can be kept."""
        offered = [media for media in self._description.medias if media.kind == "video"]
        for media in offered:
            try:
                video_track(media)
            except Unsupported:
                continue
            return media
        target = self._dialogue.target
        if not offered:
            raise SessionEnded(outcome.no_video(target))
        name = named(offered[0])
        unknown = message("stream.unknown-codec", "an unknown codec")
        raise SessionEnded(outcome.unsupported_video(target, unknown if name == "unknown" else name))

    def _sound(self) -> tuple[Lane | None, Message]:
        """The first sound that can be kept, and why there is none although the camera offers some."""
        why = NOTHING
        for media in (media for media in self._description.medias if media.kind == "audio"):
            try:
                sound_track(media)
            except Unsupported as refusal:
                why = why or message(
                    "stream.no-sound", "{why}: recorded without sound; AAC and G.711 can be kept", why=refusal.why
                )
                continue
            lane = self._try(media, 1)
            if isinstance(lane, Lane):
                return lane, NOTHING
            why = why or message(
                "stream.sound-declined",
                "the camera declines its sound (status {status}): recorded without sound",
                status=lane,
            )
        return None, why

    def _set_up(self, media: Media) -> Lane:
        lane = self._try(media, 0)
        if lane == 461 and self._dialogue.target.scheme != "rtsps":  # UDP would carry in the clear what TLS is to hide
            self._udp = True
            lane = self._try(media, 0)
        if isinstance(lane, Lane):
            return lane
        raise SessionEnded(outcome.declined(self._dialogue.target, lane))

    def _try(self, media: Media, index: int) -> Lane | int:
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
            return Lane(media, self._interleave(given.channels, index), None)
        ports.aim(dialogue.connection.peer, given.source, given.server_ports)
        return Lane(media, None, ports)

    def _two_ports(self) -> Ports:
        connection = self._dialogue.connection
        ports = open_ports(self._dialogue.target, connection.local, connection.family)
        self._ports.append(ports)
        return ports

    def _interleave(self, given: tuple[int, int] | None, index: int) -> tuple[int, int]:
        """The camera's word on channels counts, unless it gives the same ones twice. What is set up first stays: no
        sound takes the picture's channel, whatever the camera says."""
        wanted = (2 * index, 2 * index + 1)
        channels = given if given is not None and given[0] not in self._taken else wanted
        self._taken.add(channels[0])
        for channel in channels:
            self._dialogue.handlers[channel] = self._keep(channel)
        return channels

    def _keep(self, channel: int) -> Handler:
        def keep(buffer: Buffer, start: int, end: int, out: list[Item]) -> None:
            del out
            self._early += interleaved(channel, buffer[start:end])

        return keep

    def _play(self, control: str, lanes: list[Lane]) -> None:
        dialogue = self._dialogue
        answer = dialogue.ask("PLAY", control, {"Range": "npt=0.000-"})
        if answer.status == 457:
            answer = dialogue.ask("PLAY", control)
        if not 200 <= answer.status < 300:
            raise SessionEnded(outcome.declined(dialogue.target, answer.status))
        begun = transport.rtp_info(answer.headers.get("RTP-Info"), control)
        for lane in lanes:
            begins = transport.beginning_of(lane.media.control, begun, alone=len(lanes) == 1)
            lane.rtptime = None if begins is None else begins.rtptime
