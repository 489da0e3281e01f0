"""A camera, or the test pattern, as a stream of coded packets.

Imports av. All errors of libav on the way in are turned into words here, because their text carries the password.
A libav read cannot be cancelled: it ends by its socket timeout, or with the process.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from recorder import outcome
from recorder.address import Target
from recorder.messages import Connected, Ended
from recorder.muxer import box_for, can_mux
from recorder.outcome import SessionEnded
from recorder.testpattern import Pattern, PatternError
from storage.model import GapCause

PATIENCE_S: Final = 5.0
"""Socket timeout of libav. It may fire as late as twice that, which is still within L1's 15 s."""
PROBE_S: Final = 2.0
"""For one TCP connection after a failure, to be able to say what is wrong."""
BLOCKED_S: Final = 0.003
"""A read that took longer waited for the network: all that had gathered is read."""
NAP_S: Final = 0.1
"""After such a read. Packets gather in the kernel and are read in one go: measured, half the CPU."""
_QUICK: Final = {"probesize": "500000", "analyzeduration": "500000"}
"""Opens in half the time; less gives pictures without a size."""
_PATIENT: Final = {"probesize": "20000000", "analyzeduration": "12000000"}
"""For cameras that send parameter sets only with key frames, every 10 s."""
_VIDEO: Final = frozenset({"h264", "hevc"})


@dataclass(frozen=True, slots=True)
class Probe:
    """What was looked at after a failed attempt, because libav's error does not tell these cases apart."""

    resolves: bool
    """The host name has an address."""
    accepts: bool
    """A plain TCP connection is accepted."""
    timed_out: bool
    """The attempt lasted as long as the time allowed for an answer."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A packet, and whether it had to be waited for."""

    packet: Packet[Any]
    waited: bool


class Source:
    """An open stream. Lives until the process ends, because a read in progress cannot be called off."""

    def __init__(self, target: Target, container: InputContainer) -> None:
        self.target = target
        self._container = container
        if not container.streams.video:
            raise SessionEnded(outcome.no_video(target))
        self.video: VideoStream = container.streams.video[0]
        codec = self.video.codec_context
        if codec is None or codec.name not in _VIDEO:
            raise SessionEnded(outcome.unsupported_video(target, codec.name if codec else "an unknown codec"))
        self.sound, self.detail = _keepable_sound(container)
        if self.sound is not None and not can_mux(self.video, self.sound):
            self.detail = (
                f"sound codec {self.sound.codec_context.codec.canonical_name} cannot be kept: recorded without sound"
            )
            self.sound = None

    def connected(self) -> Connected:
        """What the daemon is told about the stream."""
        context = self.video.codec_context
        sound = "" if self.sound is None else self.sound.codec_context.codec.canonical_name
        return Connected(context.name, context.width, context.height, sound, self.detail)

    def close(self) -> None:
        """Only for a source that nobody reads."""
        self._container.close()

    def packets(self) -> Iterator[Arrival]:
        """Every packet of picture and sound; ends with `SessionEnded`."""
        wanted = [self.video] if self.sound is None else [self.video, self.sound]
        packets = self._container.demux(*wanted)
        while True:
            begun = time.monotonic()
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                raise SessionEnded(_broke_off(self.target, error, PATIENCE_S)) from None
            if packet is None or (packet.size == 0 and packet.dts is None):
                raise SessionEnded(_broke_off(self.target, None, PATIENCE_S))
            waited = time.monotonic() - begun > BLOCKED_S
            yield Arrival(packet, waited)
            if waited:
                time.sleep(NAP_S)


def connect(url: str, username: str, password: str) -> Source:
    """Open a camera's stream; `SessionEnded` says why it cannot be had."""
    target = Target.parse(url, username)
    if target.scheme == "test":
        return _open_pattern(target, url)
    for probing in (_QUICK, _PATIENT):
        source = Source(target, _open_rtsp(target, _with_user(url, username, password), probing))
        if source.video.codec_context.width > 0:
            return source
        source.close()
    raise SessionEnded(outcome.no_picture_size(target))


def _open_pattern(target: Target, url: str) -> Source:
    try:
        pattern = Pattern.parse(url)
    except PatternError as error:
        raise SessionEnded(outcome.bad_pattern(target, str(error))) from None
    try:
        stream = av.open(pattern.start(), "r", format="nut", options=_QUICK)
    except av.FFmpegError as error:
        raise SessionEnded(outcome.fault(target, type(error).__name__)) from None
    return Source(target, stream)


def _open_rtsp(target: Target, url: str, probing: dict[str, str]) -> InputContainer:
    options = {"rtsp_transport": "tcp", "timeout": str(round(PATIENCE_S * 1_000_000)), **probing}
    begun = time.monotonic()
    try:
        return av.open(url, "r", options=options)
    except av.FFmpegError as error:
        failed = error
    timed_out = time.monotonic() - begun >= PATIENCE_S
    probe = None if _is_answer(failed) else _probe(target, timed_out=timed_out)
    raise SessionEnded(_open_failed(target, failed, probe, PATIENCE_S)) from None


def _probe(target: Target, *, timed_out: bool) -> Probe:
    try:
        with socket.create_connection((target.host, target.port), timeout=PROBE_S):
            return Probe(resolves=True, accepts=True, timed_out=timed_out)
    except socket.gaierror:
        return Probe(resolves=False, accepts=False, timed_out=timed_out)
    except OSError:
        return Probe(resolves=True, accepts=False, timed_out=timed_out)


def _with_user(url: str, username: str, password: str) -> str:
    """The URL as libav wants it; it goes nowhere else."""
    if not username:
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(username, safe='')}:{quote(password, safe='')}@{host}"))


def _keepable_sound(container: InputContainer) -> tuple[AudioStream | None, str]:
    """The sound track, and in words why there is none although the camera sends some."""
    if not container.streams.audio:
        return None, ""
    sound = container.streams.audio[0]
    codec = sound.codec_context
    if codec is None:
        return None, "sound in an unknown codec cannot be kept: recorded without sound"
    name = codec.codec.canonical_name
    if box_for(name) is None:
        return None, f"sound codec {name} cannot be kept: recorded without sound"
    if name == "aac" and not codec.extradata:
        return None, "AAC sound without its parameters cannot be kept: recorded without sound"
    if not codec.sample_rate:
        return None, f"sound codec {name} without a sample rate cannot be kept: recorded without sound"
    return sound, ""


def _ended(target: Target, cause: GapCause, came_back: str, check: str) -> Ended:
    return Ended(cause, target.tried, came_back, check)


def _open_failed(target: Target, error: av.FFmpegError, probe: Probe | None, patience_s: float) -> Ended:
    """Words for a session that never began. `probe` is None when the device itself said no."""
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return _not_allowed(target, forbidden=isinstance(error, av.error.HTTPForbiddenError))
    if isinstance(error, av.error.HTTPError | av.error.HTTPClientError):
        return _declined(target, error)
    if probe is not None and not (probe.resolves and probe.accepts):
        return _unreachable(target, error, probe)
    if isinstance(error, av.error.TimeoutError) or (probe is not None and probe.timed_out):
        came_back = f"the connection was accepted, then nothing for {patience_s:.0f} s"
        check = "whether it answers after a restart, and whether this port is really its RTSP port"
        return _ended(target, GapCause.STALLED, came_back, check)
    came_back = "an answer that is not RTSP, or a stream that makes no sense"
    return _ended(
        target, GapCause.BAD_DATA, came_back, "whether this is the camera's RTSP port, and its stream settings"
    )


def _is_answer(error: av.FFmpegError) -> bool:
    """Whether the device itself said no: nothing else needs to be looked at."""
    return isinstance(error, av.error.HTTPError | av.error.HTTPClientError)


def _unreachable(target: Target, error: av.FFmpegError, probe: Probe) -> Ended:
    if not probe.resolves:
        came_back = f"the name {target.host} has no address"
        return _ended(target, GapCause.UNREACHABLE, came_back, "the host name in the url and this box's name server")
    if isinstance(error, av.error.ConnectionRefusedError):
        came_back = f"connection refused: nothing listens on port {target.port}"
        check = "the port in the url, and whether RTSP is switched on in the device"
        return _ended(target, GapCause.REFUSED, came_back, check)
    return _ended(
        target,
        GapCause.UNREACHABLE,
        "no answer from this address",
        "power and network cable of the camera, and its IP address",
    )


def _not_allowed(target: Target, *, forbidden: bool) -> Ended:
    came_back = "403 Forbidden" if forbidden else "401 Unauthorized"
    check = (
        "user and password of this camera"
        if target.user
        else "that user and password are configured: this camera wants both"
    )
    return _ended(target, GapCause.UNAUTHORISED, came_back, check)


def _declined(target: Target, error: av.FFmpegError) -> Ended:
    """The device speaks RTSP and says no for a reason of its own."""
    if isinstance(error, av.error.HTTPNotFoundError):
        came_back = "404 Not Found: the device is there, this stream is not"
        return _ended(target, GapCause.NO_SUCH_STREAM, came_back, f"the path {target.path or '/'} of this camera's url")
    if isinstance(error, av.error.HTTPServerError):
        came_back = "an RTSP error 5xx: the device cannot serve this stream now"
        check = "how many viewers the device allows, and whether the stream plays in another program"
        return _ended(target, GapCause.REFUSED, came_back, check)
    came_back = "an RTSP error 4xx: the device does not give out this stream"
    check = "the path of the url, the number of sessions the device allows, its stream settings"
    return _ended(target, GapCause.NO_SUCH_STREAM, came_back, check)


def _broke_off(target: Target, error: av.FFmpegError | None, patience_s: float) -> Ended:
    """Words for a session that ended by itself; `error` is None when the stream simply ended."""
    if error is None or isinstance(error, av.error.EOFError):
        return _ended(
            target, GapCause.DROPPED, "the camera ended the stream", "whether the camera or its NVR restarted"
        )
    if isinstance(error, av.error.TimeoutError):
        return outcome.silent(target, patience_s)
    if isinstance(error, OSError):
        came_back = "the connection broke off"
        return _ended(target, GapCause.DROPPED, came_back, "network and power of the camera")
    return _ended(target, GapCause.BAD_DATA, "data that makes no sense", "the camera's firmware and stream settings")
