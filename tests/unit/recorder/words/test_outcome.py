"""recorder.words.outcome: every end is told in words a technician can act on, and none of them holds a secret."""

from __future__ import annotations

import json
import re
from typing import Final

import pytest

from recorder.supervisor.state import sentence
from recorder.words import messages, outcome
from recorder.words.address import Target, without_login, without_path, without_tried
from recorder.words.messages import Ended
from storage.words.message import Message, message
from storage.words.model import GapCause

CHECK: Final = re.compile(r"(the|that|whether|how|user|power|network)\b")
"""How what to check begins, to be read after "Check "."""
URL = "rtsp://viewer:s3cret%3Ap%40ss@10.0.0.11/stream1"
TARGET = Target.parse(URL, "viewer")


@pytest.mark.parametrize(
    ("status", "cause", "words"),
    [
        (401, GapCause.UNAUTHORISED, "401 Unauthorized"),
        (403, GapCause.UNAUTHORISED, "403 Forbidden"),
        (404, GapCause.NO_SUCH_STREAM, "404 Not Found"),
        (400, GapCause.NO_SUCH_STREAM, "400 Bad Request"),
        (499, GapCause.NO_SUCH_STREAM, "status 499"),
        (453, GapCause.REFUSED, "as many viewers as it can"),
        (503, GapCause.REFUSED, "as many viewers as it can"),
        (454, GapCause.DROPPED, "forgotten"),
        (461, GapCause.UNSUPPORTED, "neither TCP nor UDP"),
        (500, GapCause.REFUSED, "500 Internal Server Error"),
        (599, GapCause.REFUSED, "status 599"),
    ],
)
def test_a_device_that_says_no(status: int, cause: GapCause, words: str) -> None:
    ended = outcome.declined(TARGET, status)
    assert ended.cause is cause
    assert words in ended.came_back
    tell(ended)


PIN = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    ("ended", "cause"),
    [
        (outcome.unknown_name(TARGET), GapCause.UNREACHABLE),
        (outcome.connection_refused(TARGET), GapCause.REFUSED),
        (outcome.unreachable(TARGET), GapCause.UNREACHABLE),
        (outcome.no_answer(TARGET, "DESCRIBE", 5), GapCause.STALLED),
        (outcome.no_tls_answer(TARGET, 5), GapCause.STALLED),
        (outcome.hung_up(TARGET), GapCause.DROPPED),
        (outcome.not_rtsp(TARGET, Message("an answer in HTTP")), GapCause.BAD_DATA),
        (outcome.nonsense(TARGET), GapCause.BAD_DATA),
        (outcome.unknown_login(TARGET), GapCause.UNAUTHORISED),
        (outcome.led_astray(TARGET, Message("a redirect too many")), GapCause.NO_SUCH_STREAM),
        (outcome.untrusted(TARGET, "self-signed certificate", PIN), GapCause.UNTRUSTED),
        (outcome.untrusted(TARGET, "self-signed certificate", ""), GapCause.UNTRUSTED),
        (outcome.other_certificate(TARGET, PIN), GapCause.UNTRUSTED),
        (outcome.no_tls(TARGET, "WRONG_VERSION_NUMBER"), GapCause.BAD_DATA),
        (outcome.no_authorities(TARGET), GapCause.UNTRUSTED),
        (outcome.dropped(TARGET), GapCause.DROPPED),
        (outcome.broke_off(TARGET), GapCause.DROPPED),
        (outcome.no_media(TARGET, 5, udp=False), GapCause.STALLED),
        (outcome.no_media(TARGET, 5, udp=True), GapCause.STALLED),
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
        assert "rtsp://v" not in words
        assert "rtsp://1" not in words
    assert CHECK.match(ended.check)
    crossed = messages.decode_report(messages.encode(ended))
    assert isinstance(crossed, Ended)
    for before, after in (
        (ended.tried, crossed.tried),
        (ended.came_back, crossed.came_back),
        (ended.check, crossed.check),
    ):
        assert after.told == before.told


def test_who_gives_no_user_is_told_to_give_one() -> None:
    ended = outcome.declined(Target.parse("rtsp://10.0.0.11/a", ""), 401)
    assert "wants both" in ended.check


@pytest.mark.parametrize("ended", [outcome.untrusted(TARGET, "why", PIN), outcome.other_certificate(TARGET, PIN)])
def test_a_certificate_nobody_trusts_is_named_with_what_to_write(ended: Ended) -> None:
    assert PIN in ended.came_back
    assert f'certificate = "{PIN}"' in ended.check


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


@pytest.mark.parametrize("url", ["rtsps://nvr.example/ch1", "rtsp://[fd00::11]:8554/x?a=1,user:b", "rtsp://10.0.0.11"])
@pytest.mark.parametrize("user", ["", "viewer", "hall, east"])
def test_a_list_says_what_came_back_and_not_what_was_tried(url: str, user: str) -> None:
    said = "404 Not Found: no user viewer: here. Check it"
    assert without_tried(f"{Target.parse(url, user).tried}: {said}") == said
    assert without_tried(said) == said


@pytest.mark.parametrize(
    "url", ["rtsps://nvr.example/ch1", "rtsp://[fd00::11]:8554/x?a=1,user:b", "rtsp://10.0.0.11/live/viewer/S3cret/1"]
)
@pytest.mark.parametrize("user", ["", "viewer", "hall, east"])
def test_what_leaves_the_box_as_a_message_tells_neither_path_nor_user(url: str, user: str) -> None:
    """The words go, and the values that they were made of."""
    ended = outcome.unreachable(Target.parse(url, user))
    whole = message("test.down", "Camera {camera} is not recorded: {why}", camera="hall", why=sentence(ended))
    told = without_login(whole)
    assert told == without_login(str(whole)), "the text as that of a text"
    said = json.dumps(told.told)
    assert not {"path", "user"} & set(re.findall(r'"(\w+)":', said))
    assert "/ch1" not in said
    assert not user or user not in said
    assert ended.came_back.code in said


def test_what_was_tried_goes_with_its_values() -> None:
    ended = outcome.declined(TARGET, 404)
    told = without_tried(sentence(ended))
    assert told == f"{ended.came_back}. Check {ended.check}"
    assert told == without_tried(str(sentence(ended)))
    assert set(told.values) == {"came_back", "check"}
    untold = without_tried(sentence(Ended(None, ended.tried, ended.came_back)))
    assert (untold, untold.code) == (ended.came_back, ended.came_back.code)


@pytest.mark.parametrize(
    "url", ["rtsps://nvr.example/ch1", "rtsp://[fd00::11]:8554/x?a=1,user:b", "rtsp://10.0.0.11/live/viewer/S3cret/1"]
)
@pytest.mark.parametrize("user", ["", "viewer", "hall, east"])
def test_channels_of_a_device_have_in_common_what_has_no_path(url: str, user: str) -> None:
    said = sentence(outcome.unreachable(Target.parse(url, user)))
    told = without_path(said)
    assert told == without_path(str(said))
    assert '"path"' not in json.dumps(told.told)


@pytest.mark.parametrize(
    "url", ["rtsps://nvr.example/ch1", "rtsp://[fd00::11]:8554/x?a=1,user:b", "rtsp://10.0.0.11/live/viewer/S3cret/1"]
)
@pytest.mark.parametrize("user", ["", "viewer", "hall, east"])
def test_what_leaves_the_box_tells_neither_path_nor_user(url: str, user: str) -> None:
    target = Target.parse(url, user)
    whole = f"Camera hall is not recorded: {target.tried}: 404 Not Found: no such thing. Check it"
    told = without_login(whole)
    assert told.startswith("Camera hall is not recorded: RTSP over T")
    assert told.endswith(f" to {target.address}: 404 Not Found: no such thing. Check it")
    assert without_login(told) == told
