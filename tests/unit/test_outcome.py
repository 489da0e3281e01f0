"""recorder.outcome: every end is told in words a technician can act on, and none of them holds a secret."""

from __future__ import annotations

import errno
import re
from typing import Final

import av
import pytest

from recorder import outcome
from recorder.address import Target
from recorder.messages import Ended
from recorder.outcome import Probe
from storage.model import GapCause

CHECK: Final = re.compile(r"(the|that|whether|how|user|power|network)\b")
"""How what to check begins, to be read after "Check "."""
SECRET = "s3cret:p@ss"
URL = "rtsp://viewer:s3cret%3Ap%40ss@10.0.0.11/stream1"
TARGET = Target.parse(URL, "viewer")
REACHED = Probe(resolves=True, accepts=True, timed_out=False)


def failure(kind: str, code: int) -> av.FFmpegError:
    """As PyAV raises it: the URL with the password in its text."""
    error = getattr(av.error, kind)(code, "what libav says", URL)
    assert isinstance(error, av.FFmpegError)
    assert "s3cret" in str(error)
    return error


@pytest.mark.parametrize(
    ("kind", "code", "probe", "cause"),
    [
        ("HTTPUnauthorizedError", 401, None, GapCause.UNAUTHORISED),
        ("HTTPForbiddenError", 403, None, GapCause.UNAUTHORISED),
        ("HTTPNotFoundError", 404, None, GapCause.NO_SUCH_STREAM),
        ("HTTPOtherClientError", 454, None, GapCause.NO_SUCH_STREAM),
        ("HTTPServerError", 503, None, GapCause.REFUSED),
        ("ConnectionRefusedError", errno.ECONNREFUSED, Probe(True, False, False), GapCause.REFUSED),
        ("OSError", errno.EHOSTUNREACH, Probe(True, False, False), GapCause.UNREACHABLE),
        ("TimeoutError", errno.ETIMEDOUT, Probe(True, False, True), GapCause.UNREACHABLE),
        ("OSError", errno.EIO, Probe(False, False, False), GapCause.UNREACHABLE),
        ("InvalidDataError", 1, Probe(True, True, True), GapCause.STALLED),
        ("TimeoutError", errno.ETIMEDOUT, REACHED, GapCause.STALLED),
        ("InvalidDataError", 1, REACHED, GapCause.BAD_DATA),
    ],
)
def test_a_session_that_never_began(kind: str, code: int, probe: Probe | None, cause: GapCause) -> None:
    ended = outcome.open_failed(TARGET, failure(kind, code), probe, 5.0)
    assert ended.cause is cause
    tell(ended)


@pytest.mark.parametrize(
    ("kind", "code", "cause"),
    [
        ("TimeoutError", errno.ETIMEDOUT, GapCause.STALLED),
        ("ConnectionResetError", errno.ECONNRESET, GapCause.DROPPED),
        ("OSError", errno.EIO, GapCause.DROPPED),
        ("EOFError", 1, GapCause.DROPPED),
        ("InvalidDataError", 1, GapCause.BAD_DATA),
    ],
)
def test_a_session_that_broke_off(kind: str, code: int, cause: GapCause) -> None:
    ended = outcome.broke_off(TARGET, failure(kind, code), 5.0)
    assert ended.cause is cause
    tell(ended)


def test_a_stream_that_ended() -> None:
    ended = outcome.broke_off(TARGET, None, 5.0)
    assert ended.cause is GapCause.DROPPED
    tell(ended)


@pytest.mark.parametrize(
    ("ended", "cause"),
    [
        (outcome.silent(TARGET, 10), GapCause.STALLED),
        (outcome.no_key_frame(TARGET, 30), GapCause.NO_KEYFRAME),
        (outcome.no_video(TARGET), GapCause.UNSUPPORTED),
        (outcome.no_picture_size(TARGET), GapCause.NO_KEYFRAME),
        (outcome.unsupported_video(TARGET, "mjpeg"), GapCause.UNSUPPORTED),
        (outcome.fault(TARGET, "ValueError"), GapCause.WORKER_CRASH),
    ],
)
def test_other_ends(ended: Ended, cause: GapCause) -> None:
    assert ended.cause is cause
    tell(ended)


def tell(ended: Ended) -> None:
    """Three things are said, and no secret."""
    assert ended.tried == "RTSP over TCP to 10.0.0.11:554, path /stream1, user viewer"
    for words in (ended.came_back, ended.check):
        assert words
        assert "s3cret" not in words
        assert "rtsp://" not in words
    assert CHECK.match(ended.check)


def test_only_answers_of_the_device_need_no_second_look() -> None:
    assert outcome.is_answer(failure("HTTPUnauthorizedError", 401))
    assert outcome.is_answer(failure("HTTPServerError", 503))
    assert not outcome.is_answer(failure("InvalidDataError", 1))
    assert not outcome.is_answer(failure("ConnectionRefusedError", errno.ECONNREFUSED))


def test_who_gives_no_user_is_told_to_give_one() -> None:
    target = Target.parse("rtsp://10.0.0.11/a", "")
    ended = outcome.open_failed(target, failure("HTTPUnauthorizedError", 401), None, 5.0)
    assert "wants both" in ended.check


@pytest.mark.parametrize(
    ("url", "tried"),
    [
        ("rtsps://nvr.example:7441/ch1", "RTSP over TLS to nvr.example:7441, path /ch1, without a user"),
        ("rtsp://[fd00::11]/x?channel=2", "RTSP over TCP to [fd00::11]:554, path /x?channel=2, without a user"),
        ("rtsp://10.0.0.11", "RTSP over TCP to 10.0.0.11:554, path /, without a user"),
        ("test://?fps=10", "the built-in test pattern"),
        (
            "rtsp://10.0.0.9/user=admin&password=s3cret&channel=1",
            "RTSP over TCP to 10.0.0.9:554, path /user=admin&password=…&channel=1, without a user",
        ),
        (
            "rtsp://10.0.0.9/live?token=s3cret&channel=1",
            "RTSP over TCP to 10.0.0.9:554, path /live?token=…&channel=1, without a user",
        ),
        (
            "rtsp://u:s3cret@10.0.0.9/live/token=a/s3cret",
            "RTSP over TCP to 10.0.0.9:554, path /live/token=…, without a user",
        ),
    ],
)
def test_what_was_tried_is_told_without_secrets(url: str, tried: str) -> None:
    assert Target.parse(url, "").tried == tried
