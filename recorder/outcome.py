"""Why a session ended, in words a technician can act on: what was tried, what came back, what to check.

Imports av for its errors only. Their text is never used: it carries the URL, and with it the password. What is said
here is made from the kind of error and from the parts of the URL that are no secret. Every `check` is worded to follow
"Check ".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import av

from recorder.address import Target
from recorder.messages import Ended
from storage.model import GapCause

CHECK_KEY_FRAMES: Final = "the key frame interval (GOP, I-frame interval) in the camera's own pages: 1 to 4 s is right"


class SessionEnded(Exception):
    """Carries the last words of a session to whoever says them."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.came_back)
        self.ended = ended


@dataclass(frozen=True, slots=True)
class Probe:
    """What was looked at after a failed attempt, because libav's error does not tell these cases apart."""

    resolves: bool
    """The host name has an address."""
    accepts: bool
    """A plain TCP connection is accepted."""
    timed_out: bool
    """The attempt lasted as long as the time allowed for an answer."""


def _ended(target: Target, cause: GapCause, came_back: str, check: str) -> Ended:
    return Ended(cause, target.tried, came_back, check)


def open_failed(target: Target, error: av.FFmpegError, probe: Probe | None, patience_s: float) -> Ended:
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


def is_answer(error: av.FFmpegError) -> bool:
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


def broke_off(target: Target, error: av.FFmpegError | None, patience_s: float) -> Ended:
    """Words for a session that ended by itself; `error` is None when the stream simply ended."""
    if error is None or isinstance(error, av.error.EOFError):
        return _ended(
            target, GapCause.DROPPED, "the camera ended the stream", "whether the camera or its NVR restarted"
        )
    if isinstance(error, av.error.TimeoutError):
        return silent(target, patience_s)
    if isinstance(error, OSError):
        came_back = "the connection broke off"
        return _ended(target, GapCause.DROPPED, came_back, "network and power of the camera")
    return _ended(target, GapCause.BAD_DATA, "data that makes no sense", "the camera's firmware and stream settings")


def silent(target: Target, patience_s: float) -> Ended:
    """The connection stands, but no picture comes."""
    came_back = f"the connection stands, but no picture came for {patience_s:.0f} s"
    return _ended(
        target, GapCause.STALLED, came_back, "the camera's load, the network to it, and whether a restart helps"
    )


def no_key_frame(target: Target, patience_s: float) -> Ended:
    """Pictures come, but none that one could begin with."""
    came_back = f"pictures, but no key frame for {patience_s:.0f} s"
    return _ended(target, GapCause.NO_KEYFRAME, came_back, CHECK_KEY_FRAMES)


def no_video(target: Target) -> Ended:
    """The stream has no picture."""
    return _ended(
        target, GapCause.UNSUPPORTED, "a stream without a picture", "whether the url is that of a video stream"
    )


def unsupported_video(target: Target, codec: str) -> Ended:
    """The picture's codec cannot be kept."""
    came_back = f"video in {codec}, which cannot be recorded"
    return _ended(
        target,
        GapCause.UNSUPPORTED,
        came_back,
        "the video codec in the camera's own pages: H.264 and H.265 can be recorded",
    )


def no_picture_size(target: Target) -> Ended:
    """The stream never said how large its picture is."""
    came_back = "a video stream without a usable key frame"
    return _ended(target, GapCause.NO_KEYFRAME, came_back, CHECK_KEY_FRAMES)


def bad_pattern(target: Target, problem: str) -> Ended:
    """A `test://` url that asks for what cannot be had."""
    return _ended(target, GapCause.UNSUPPORTED, problem, "the options behind test:// in this camera's url")


def fault(target: Target, kind: str) -> Ended:
    """A fault of ours: only the kind of it is told, the rest is on standard error."""
    return _ended(
        target,
        GapCause.WORKER_CRASH,
        f"an internal error ({kind})",
        "the journal of edged, and report what stands there",
    )
