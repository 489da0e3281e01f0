"""Why a session ended, in words a technician can act on: what was tried, what came back, what to check.

Pure. What is said here is made from the kind of error and from the parts of the URL that are no secret, never from the
text of an error or of the device. Every `check` is worded to follow "Check ".
"""

from __future__ import annotations

from typing import Final

from recorder.words.address import Target
from recorder.words.messages import Ended
from storage.words.model import GapCause

CHECK_KEY_FRAMES: Final = "the key frame interval (GOP, I-frame interval) in the camera's own pages: 1 to 4 s is right"
_NAMES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    451: "Parameter Not Understood",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    457: "Invalid Range",
    459: "Aggregate Operation Not Allowed",
    460: "Only Aggregate Operation Allowed",
    461: "Unsupported Transport",
    462: "Destination Unreachable",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "RTSP Version Not Supported",
    551: "Option Not Supported",
}
"""Of RFC 2326: what a device writes beside a status is not repeated."""


_FULL: Final = (
    GapCause.REFUSED,
    "most often the device already serves as many viewers as it can",
    "how many sessions the device allows, and who else views it",
)
_DECLINED: Final = {
    453: _FULL,
    503: _FULL,
    454: (
        GapCause.DROPPED,
        "the device has forgotten the session",
        "whether the camera or its NVR restarted",
    ),
    461: (
        GapCause.UNSUPPORTED,
        "neither TCP nor UDP suits the device",
        "the stream settings: RTP over TCP is right",
    ),
}
_CLIENT_ERROR: Final = (
    GapCause.NO_SUCH_STREAM,
    "the device does not give out this stream",
    "the path of the url, the number of sessions the device allows, its stream settings",
)
_SERVER_ERROR: Final = (
    GapCause.REFUSED,
    "the device cannot serve this stream now",
    "how many viewers the device allows, and whether the stream plays in another program",
)


class SessionEnded(Exception):
    """Carries the last words of a session to whoever says them."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.came_back)
        self.ended = ended


def _ended(target: Target, cause: GapCause, came_back: str, check: str) -> Ended:
    return Ended(cause, target.tried, came_back, check)


def unknown_name(target: Target) -> Ended:
    came_back = f"the name {target.host} has no address"
    return _ended(target, GapCause.UNREACHABLE, came_back, "the host name in the url and this box's name server")


def no_interface(target: Target, name: str) -> Ended:
    check = "the interface behind %25 in the url: `ip link` shows their names"
    return _ended(target, GapCause.UNREACHABLE, f"this box has no interface {name}", check)


def connection_refused(target: Target) -> Ended:
    came_back = f"connection refused: nothing listens on port {target.port}"
    check = "the port in the url, and whether RTSP is switched on in the device"
    return _ended(target, GapCause.REFUSED, came_back, check)


def unreachable(target: Target) -> Ended:
    came_back = "no answer from this address"
    return _ended(target, GapCause.UNREACHABLE, came_back, "power and network cable of the camera, and its IP address")


def no_answer(target: Target, method: str, patience_s: float) -> Ended:
    """The connection was accepted; a request was not answered, or not whole."""
    came_back = f"the connection was accepted, but {method} was not answered within {patience_s:.0f} s"
    check = "whether it answers after a restart, and whether this port is really its RTSP port"
    return _ended(target, GapCause.STALLED, came_back, check)


def no_tls_answer(target: Target, patience_s: float) -> Ended:
    """The connection was accepted; the other side waits for something else, as a port without TLS does."""
    came_back = f"the connection was accepted, but TLS was not answered within {patience_s:.0f} s"
    check = "whether this port speaks RTSP over TLS: the url of one that does not begins with rtsp://"
    return _ended(target, GapCause.STALLED, came_back, check)


def not_rtsp(target: Target, what: str) -> Ended:
    """What came first is something else; `what` in our words, never the device's."""
    return _ended(target, GapCause.BAD_DATA, what, "whether this is the camera's RTSP port, and its stream settings")


def nonsense(target: Target) -> Ended:
    """A stream that began well."""
    return _ended(target, GapCause.BAD_DATA, "data that makes no sense", "the camera's firmware and the network to it")


def declined(target: Target, status: int) -> Ended:
    """The device speaks RTSP and says no."""
    if status in (401, 403):
        return _not_allowed(target, status)
    if status == 404:
        came_back = "404 Not Found: the device is there, this stream is not"
        return _ended(target, GapCause.NO_SUCH_STREAM, came_back, f"the path {target.path or '/'} of this camera's url")
    other = _SERVER_ERROR if status >= 500 else _CLIENT_ERROR
    cause, meaning, check = _DECLINED.get(status, other)
    return _ended(target, cause, f"{_named(status)}: {meaning}", check)


def _named(status: int) -> str:
    """The status with its name from the standard, not the device's own words."""
    name = _NAMES.get(status, "")
    return f"{status} {name}" if name else f"status {status}"


def _not_allowed(target: Target, status: int) -> Ended:
    check = (
        "user and password of this camera"
        if target.user
        else "that user and password are configured: this camera wants both"
    )
    return _ended(target, GapCause.UNAUTHORISED, _named(status), check)


def unknown_login(target: Target) -> Ended:
    """401, but by none of the ways we know."""
    came_back = "401 Unauthorized, and the device offers neither Digest (MD5, SHA-256) nor Basic to log in"
    check = "the authentication setting of RTSP in the device's own pages: digest is right"
    return _ended(target, GapCause.UNAUTHORISED, came_back, check)


def led_astray(target: Target, why: str) -> Ended:
    """A redirect that is not followed; `why` in our words."""
    return _ended(target, GapCause.NO_SUCH_STREAM, why, "the url of this camera: the device names another one")


def untrusted(target: Target, why: str, fingerprint: str) -> Ended:
    """TLS: nobody vouches for the certificate. `fingerprint` is "" where it could not be had."""
    if not fingerprint:
        return _ended(
            target, GapCause.UNTRUSTED, f"a certificate that is not trusted ({why})", "the camera's certificate"
        )
    came_back = f"a certificate that is not trusted ({why}); its fingerprint is {fingerprint}"
    check = f"the fingerprint in the camera's own pages; if it is this one, write {_pin(fingerprint)}"
    return _ended(target, GapCause.UNTRUSTED, came_back, check)


def other_certificate(target: Target, fingerprint: str) -> Ended:
    """TLS: not the certificate that the configuration names."""
    came_back = f"another certificate than the configured one: its fingerprint is {fingerprint}"
    check = f"whether the camera was replaced or reset; if it was, write {_pin(fingerprint)}"
    return _ended(target, GapCause.UNTRUSTED, came_back, check)


def _pin(fingerprint: str) -> str:
    return f'certificate = "{fingerprint}" beside url in the configuration'


def no_tls(target: Target, why: str) -> Ended:
    """TLS did not come about; `why` is OpenSSL's word for it."""
    came_back = f"no TLS connection ({why})"
    check = "whether this port speaks RTSP over TLS, version 1.2 or later"
    return _ended(target, GapCause.BAD_DATA, came_back, check)


def no_authorities(target: Target) -> Ended:
    """The file of authorities cannot be used."""
    came_back = "nothing was sent: the file that ca_file names cannot be read as certificates"
    return _ended(target, GapCause.UNTRUSTED, came_back, "the file that ca_file names: PEM, readable for edged")


def dropped(target: Target) -> Ended:
    return _ended(target, GapCause.DROPPED, "the camera ended the stream", "whether the camera or its NVR restarted")


def hung_up(target: Target) -> Ended:
    """Closed before the first answer: a port that wants TLS, a device with too many guests, one that restarts."""
    tls = "whether the device wants rtsps:// there, " if target.scheme == "rtsp" else ""
    check = f"the port in the url, {tls}whether the device restarts, and how many viewers it allows"
    return _ended(target, GapCause.DROPPED, "the connection was closed without an answer", check)


def moved(target: Target) -> Ended:
    came_back = "the camera ended the stream and asked to come again (REDIRECT)"
    return _ended(target, GapCause.DROPPED, came_back, "whether the camera or its NVR restarted")


def broke_off(target: Target) -> Ended:
    return _ended(target, GapCause.DROPPED, "the connection broke off", "network and power of the camera")


def no_ports(target: Target) -> Ended:
    """Ours, for UDP."""
    came_back = "nothing: this box has no two free UDP ports next to each other"
    return _ended(
        target, GapCause.REFUSED, came_back, "the other programs of this box, or let the camera send over TCP"
    )


def no_media(target: Target, patience_s: float, *, udp: bool) -> Ended:
    """PLAY was accepted, then nothing."""
    way = " over UDP, the only way this camera knows" if udp else ""
    came_back = f"PLAY was accepted, but nothing came for {patience_s:.0f} s{way}"
    check = "the firewall between camera and this box" if udp else "the camera's load, and whether a restart helps"
    return _ended(target, GapCause.STALLED, came_back, check)


def overdue(target: Target, cause: GapCause, patience_s: float) -> Ended:
    """Of a session that stands, what was waited for did not come."""
    if cause is GapCause.BAD_DATA:
        return nonsense(target)
    return (silent if cause is GapCause.STALLED else no_key_frame)(target, patience_s)


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
