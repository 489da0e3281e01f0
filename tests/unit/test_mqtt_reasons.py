"""Reasons are for technicians: what was tried, what came back, what to check."""

from __future__ import annotations

import errno
import socket

import pytest

from mqtt import reasons
from mqtt.settings import BrokerSettings

TRIED = "MQTT 5 to 10.0.0.1:1883 as user box"


@pytest.mark.parametrize(
    ("error", "back", "check"),
    [
        (socket.gaierror(-2, "Name or service not known"), "the name has no address", "spelling of [mqtt] host"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "connection refused", "whether the broker runs"),
        (TimeoutError(), "nothing within 5 s", "firewall"),
        (OSError(errno.EHOSTUNREACH, "x"), "no route to host", "cable"),
        (OSError(errno.ENETUNREACH, "x"), "network is unreachable", "gateway"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "connection reset by peer", "[mqtt] host and port"),
        (UnicodeError("label too long"), "no usable address", "spelling of [mqtt] host"),
    ],
)
def test_no_connection(error: Exception, back: str, check: str) -> None:
    reason = reasons.unreachable(TRIED, error, 5.0)
    tried, _, came = reason.said.partition(" Came back: ")
    assert TRIED in tried
    assert back in came
    assert check in reason.check
    assert str(reason) == f"{reason.said}. Check {reason.check}."


@pytest.mark.parametrize("answer", ["Bad user name or password", "Not authorized"])
def test_a_wrong_password_points_to_the_configuration(answer: str) -> None:
    assert "user and password under [mqtt]" in reasons.refused(TRIED, answer).check


def test_two_boxes_of_one_name_are_told_so() -> None:
    assert "a second box" in reasons.closed(TRIED, "Session taken over").check


def test_an_answer_nobody_foresaw_still_says_where_to_look() -> None:
    assert "the broker's own log" in reasons.refused(TRIED, "Implementation specific error").check


def test_settings_do_not_show_the_password() -> None:
    settings = BrokerSettings("::1", 1883, "box", "hunter2")
    assert "hunter2" not in repr(settings)
    assert settings.address == "[::1]:1883"
