"""Why a session ended, in words a technician can act on: what was tried, what came back, what to check.

Pure. What is said here is made from the kind of error and from the parts of the URL that are no secret, never from the
text of an error or of the device. Every `check` is worded to follow "Check ".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from recorder.words.address import Target
from recorder.words.messages import Ended
from storage.words.message import Message, message
from storage.words.model import GapCause

CHECK_KEY_FRAMES: Final = message(
    "session.check-key-frames",
    "the key frame interval (GOP, I-frame interval) in the camera's own pages: 1 to 4 s is right",
)
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
    message("session.full", "most often the device already serves as many viewers as it can"),
    message("session.full.check", "how many sessions the device allows, and who else views it"),
)
_DECLINED: Final = {
    453: _FULL,
    503: _FULL,
    454: (
        GapCause.DROPPED,
        message("session.forgotten", "the device has forgotten the session"),
        message("session.restarted.check", "whether the camera or its NVR restarted"),
    ),
    461: (
        GapCause.UNSUPPORTED,
        message("session.no-transport", "neither TCP nor UDP suits the device"),
        message("session.no-transport.check", "the stream settings: RTP over TCP is right"),
    ),
}
_CLIENT_ERROR: Final = (
    GapCause.NO_SUCH_STREAM,
    message("session.not-given", "the device does not give out this stream"),
    message(
        "session.not-given.check",
        "the path of the url, the number of sessions the device allows, its stream settings",
    ),
)
_SERVER_ERROR: Final = (
    GapCause.REFUSED,
    message("session.cannot-serve", "the device cannot serve this stream now"),
    message(
        "session.cannot-serve.check",
        "how many viewers the device allows, and whether the stream plays in another program",
    ),
)
A_REQUEST: Final = message("session.a-request", "a request")
NOT_RTSP: Final = message("session.not-rtsp", "an answer that is not RTSP")
NO_RTSP: Final = message("session.no-rtsp", "what comes is not RTSP")
IN_HTTP: Final = message("session.http", "an answer in HTTP: this is the port of web pages")
TLS_CLOSED: Final = message("session.tls-closed", "the connection was closed")
_TLS_WHY: Final[Mapping[str, Message]] = {
    str(one): one
    for one in (
        message("session.tls.self-signed", "self-signed certificate"),
        message("session.tls.self-signed-chain", "self-signed certificate in certificate chain"),
        message("session.tls.unknown-authority", "unable to get local issuer certificate"),
        message("session.tls.expired", "certificate has expired"),
        message("session.tls.not-yet", "certificate is not yet valid"),
    )
}
"""OpenSSL's words that are frequent."""
_OTHER_NAME: Final = re.compile("Hostname mismatch, certificate is not valid for '(.*)'")
_OTHER_ADDRESS: Final = re.compile("IP address mismatch, certificate is not valid for '(.*)'")


class SessionEnded(Exception):
    """Carries the last words of a session to whoever says them."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.came_back)
        self.ended = ended


def _ended(target: Target, cause: GapCause, came_back: Message, check: Message) -> Ended:
    return Ended(cause, target.tried, came_back, check)


def unknown_name(target: Target) -> Ended:
    return _ended(
        target,
        GapCause.UNREACHABLE,
        message("session.unknown-name", "the name {host} has no address", host=target.host),
        message("session.unknown-name.check", "the host name in the url and this box's name server"),
    )


def no_interface(target: Target, name: str) -> Ended:
    return _ended(
        target,
        GapCause.UNREACHABLE,
        message("session.no-interface", "this box has no interface {name}", name=name),
        message("session.no-interface.check", "the interface behind %25 in the url: `ip link` shows their names"),
    )


def connection_refused(target: Target) -> Ended:
    return _ended(
        target,
        GapCause.REFUSED,
        message("session.connection-refused", "connection refused: nothing listens on port {port}", port=target.port),
        message(
            "session.connection-refused.check",
            "the port in the url, and whether RTSP is switched on in the device",
        ),
    )


def unreachable(target: Target) -> Ended:
    return _ended(
        target,
        GapCause.UNREACHABLE,
        message("session.no-answer", "no answer from this address"),
        message("session.no-answer.check", "power and network cable of the camera, and its IP address"),
    )


def no_answer(target: Target, method: str, patience_s: float) -> Ended:
    """The connection was accepted; a request was not answered, or not whole."""
    return _ended(
        target,
        GapCause.STALLED,
        message(
            "session.unanswered",
            "the connection was accepted, but {method} was not answered within {seconds} s",
            method=method,
            seconds=f"{patience_s:.0f}",
        ),
        message(
            "session.unanswered.check",
            "whether it answers after a restart, and whether this port is really its RTSP port",
        ),
    )


def no_tls_answer(target: Target, patience_s: float) -> Ended:
    """The connection was accepted; the other side waits for something else, as a port without TLS does."""
    return _ended(
        target,
        GapCause.STALLED,
        message(
            "session.no-tls-answer",
            "the connection was accepted, but TLS was not answered within {seconds} s",
            seconds=f"{patience_s:.0f}",
        ),
        message(
            "session.no-tls-answer.check",
            "whether this port speaks RTSP over TLS: the url of one that does not begins with rtsp://",
        ),
    )


def not_rtsp(target: Target, what: Message) -> Ended:
    """What came first is something else; `what` in our words, never the device's."""
    check = message("session.not-rtsp.check", "whether this is the camera's RTSP port, and its stream settings")
    return _ended(target, GapCause.BAD_DATA, what, check)


def nonsense(target: Target) -> Ended:
    """A stream that began well."""
    return _ended(
        target,
        GapCause.BAD_DATA,
        message("session.nonsense", "data that makes no sense"),
        message("session.nonsense.check", "the camera's firmware and the network to it"),
    )


def declined(target: Target, status: int) -> Ended:
    """The device speaks RTSP and says no."""
    if status in (401, 403):
        return _not_allowed(target, status)
    if status == 404:
        return _ended(
            target,
            GapCause.NO_SUCH_STREAM,
            message("session.not-found", "404 Not Found: the device is there, this stream is not"),
            message("session.not-found.check", "the path {path} of this camera's url", path=target.path or "/"),
        )
    other = _SERVER_ERROR if status >= 500 else _CLIENT_ERROR
    cause, meaning, check = _DECLINED.get(status, other)
    came_back = message("session.declined", "{status}: {meaning}", status=_named(status), meaning=meaning)
    return _ended(target, cause, came_back, check)


def _named(status: int) -> Message:
    """The status with its name from the standard, not the device's own words."""
    name = _NAMES.get(status, "")
    return Message(f"{status} {name}") if name else message("session.status", "status {status}", status=status)


def _not_allowed(target: Target, status: int) -> Ended:
    check = (
        message("session.login.check", "user and password of this camera")
        if target.user
        else message("session.no-login.check", "that user and password are configured: this camera wants both")
    )
    return _ended(target, GapCause.UNAUTHORISED, _named(status), check)


def unknown_login(target: Target) -> Ended:
    """401, but by none of the ways we know."""
    return _ended(
        target,
        GapCause.UNAUTHORISED,
        message(
            "session.unknown-login",
            "401 Unauthorized, and the device offers neither Digest (MD5, SHA-256) nor Basic to log in",
        ),
        message(
            "session.unknown-login.check",
            "the authentication setting of RTSP in the device's own pages: digest is right",
        ),
    )


def led_astray(target: Target, why: Message) -> Ended:
    """A redirect that is not followed; `why` in our words."""
    check = message("session.redirect.check", "the url of this camera: the device names another one")
    return _ended(target, GapCause.NO_SUCH_STREAM, why, check)


def untrusted(target: Target, why: str, fingerprint: str) -> Ended:
    """TLS: nobody vouches for the certificate. `fingerprint` is "" where it could not be had."""
    reason = _tls_why(why)
    if not fingerprint:
        return _ended(
            target,
            GapCause.UNTRUSTED,
            message("session.untrusted", "a certificate that is not trusted ({reason})", reason=reason),
            message("session.untrusted.check", "the camera's certificate"),
        )
    return _ended(
        target,
        GapCause.UNTRUSTED,
        message(
            "session.untrusted-shown",
            "a certificate that is not trusted ({reason}); its fingerprint is {fingerprint}",
            reason=reason,
            fingerprint=fingerprint,
        ),
        message(
            "session.untrusted-shown.check",
            "the fingerprint in the camera's own pages; if it is this one, write"
            ' certificate = "{fingerprint}" beside url in the configuration',
            fingerprint=fingerprint,
        ),
    )


def _tls_why(why: str) -> str:
    """OpenSSL's word for it, as far as it is known here."""
    name, address = (one.fullmatch(why) for one in (_OTHER_NAME, _OTHER_ADDRESS))
    if name:
        return message(
            "session.tls.other-name", "Hostname mismatch, certificate is not valid for '{host}'", host=name[1]
        )
    if address:
        return message(
            "session.tls.other-address",
            "IP address mismatch, certificate is not valid for '{address}'",
            address=address[1],
        )
    return _TLS_WHY.get(why, why)


def other_certificate(target: Target, fingerprint: str) -> Ended:
    """TLS: not the certificate that the configuration names."""
    return _ended(
        target,
        GapCause.UNTRUSTED,
        message(
            "session.other-certificate",
            "another certificate than the configured one: its fingerprint is {fingerprint}",
            fingerprint=fingerprint,
        ),
        message(
            "session.other-certificate.check",
            "whether the camera was replaced or reset; if it was, write"
            ' certificate = "{fingerprint}" beside url in the configuration',
            fingerprint=fingerprint,
        ),
    )


def no_tls(target: Target, why: str) -> Ended:
    """TLS did not come about; `why` is OpenSSL's word for it."""
    return _ended(
        target,
        GapCause.BAD_DATA,
        message("session.no-tls", "no TLS connection ({reason})", reason=why),
        message("session.no-tls.check", "whether this port speaks RTSP over TLS, version 1.2 or later"),
    )


def no_authorities(target: Target) -> Ended:
    """The file of authorities cannot be used."""
    return _ended(
        target,
        GapCause.UNTRUSTED,
        message(
            "session.no-authorities",
            "nothing was sent: the file that ca_file names cannot be read as certificates",
        ),
        message("session.no-authorities.check", "the file that ca_file names: PEM, readable for edged"),
    )


def dropped(target: Target) -> Ended:
    return _ended(
        target,
        GapCause.DROPPED,
        message("session.dropped", "the camera ended the stream"),
        message("session.restarted.check", "whether the camera or its NVR restarted"),
    )


def hung_up(target: Target) -> Ended:
    """Closed before the first answer: a port that wants TLS, a device with too many guests, one that restarts."""
    check = (
        message(
            "session.hung-up.check",
            "the port in the url, whether the device wants rtsps:// there, whether the device restarts, "
            "and how many viewers it allows",
        )
        if target.scheme == "rtsp"
        else message(
            "session.hung-up-tls.check",
            "the port in the url, whether the device restarts, and how many viewers it allows",
        )
    )
    came_back = message("session.hung-up", "the connection was closed without an answer")
    return _ended(target, GapCause.DROPPED, came_back, check)


def moved(target: Target) -> Ended:
    return _ended(
        target,
        GapCause.DROPPED,
        message("session.moved", "the camera ended the stream and asked to come again (REDIRECT)"),
        message("session.restarted.check", "whether the camera or its NVR restarted"),
    )


def broke_off(target: Target) -> Ended:
    return _ended(
        target,
        GapCause.DROPPED,
        message("session.broke-off", "the connection broke off"),
        message("session.broke-off.check", "network and power of the camera"),
    )


def no_ports(target: Target) -> Ended:
    """Ours, for UDP."""
    return _ended(
        target,
        GapCause.REFUSED,
        message("session.no-ports", "nothing: this box has no two free UDP ports next to each other"),
        message("session.no-ports.check", "the other programs of this box, or let the camera send over TCP"),
    )


def no_media(target: Target, patience_s: float, *, udp: bool) -> Ended:
    """PLAY was accepted, then nothing."""
    seconds = f"{patience_s:.0f}"
    if udp:
        return _ended(
            target,
            GapCause.STALLED,
            message(
                "session.no-media-udp",
                "PLAY was accepted, but nothing came for {seconds} s over UDP, the only way this camera knows",
                seconds=seconds,
            ),
            message("session.no-media-udp.check", "the firewall between camera and this box"),
        )
    return _ended(
        target,
        GapCause.STALLED,
        message("session.no-media", "PLAY was accepted, but nothing came for {seconds} s", seconds=seconds),
        message("session.no-media.check", "the camera's load, and whether a restart helps"),
    )


def overdue(target: Target, cause: GapCause, patience_s: float) -> Ended:
    """Of a session that stands, what was waited for did not come."""
    if cause is GapCause.BAD_DATA:
        return nonsense(target)
    return (silent if cause is GapCause.STALLED else no_key_frame)(target, patience_s)


def silent(target: Target, patience_s: float) -> Ended:
    """The connection stands, but no picture comes."""
    return _ended(
        target,
        GapCause.STALLED,
        message(
            "session.silent",
            "the connection stands, but no picture came for {seconds} s",
            seconds=f"{patience_s:.0f}",
        ),
        message("session.silent.check", "the camera's load, the network to it, and whether a restart helps"),
    )


def no_key_frame(target: Target, patience_s: float) -> Ended:
    """Pictures come, but none that one could begin with."""
    came_back = message(
        "session.no-key-frame", "pictures, but no key frame for {seconds} s", seconds=f"{patience_s:.0f}"
    )
    return _ended(target, GapCause.NO_KEYFRAME, came_back, CHECK_KEY_FRAMES)


def no_video(target: Target) -> Ended:
    """The stream has no picture."""
    return _ended(
        target,
        GapCause.UNSUPPORTED,
        message("session.no-video", "a stream without a picture"),
        message("session.no-video.check", "whether the url is that of a video stream"),
    )


def unsupported_video(target: Target, codec: str) -> Ended:
    """The picture's codec cannot be kept."""
    return _ended(
        target,
        GapCause.UNSUPPORTED,
        message("session.unsupported-video", "video in {codec}, which cannot be recorded", codec=codec),
        message(
            "session.unsupported-video.check",
            "the video codec in the camera's own pages: H.264 and H.265 can be recorded",
        ),
    )


def no_picture_size(target: Target) -> Ended:
    """The stream never said how large its picture is."""
    came_back = message("session.no-picture-size", "a video stream without a usable key frame")
    return _ended(target, GapCause.NO_KEYFRAME, came_back, CHECK_KEY_FRAMES)


def bad_pattern(target: Target, problem: Message) -> Ended:
    """A `test://` url that asks for what cannot be had."""
    check = message("session.bad-pattern.check", "the options behind test:// in this camera's url")
    return _ended(target, GapCause.UNSUPPORTED, problem, check)


def fault(target: Target, kind: str) -> Ended:
    """A fault of ours: only the kind of it is told, the rest is on standard error."""
    return _ended(
        target,
        GapCause.WORKER_CRASH,
        message("session.fault", "an internal error ({kind})", kind=kind),
        message("session.fault.check", "the journal of edged, and report what stands there"),
    )
