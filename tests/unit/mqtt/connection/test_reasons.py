"""Reasons are for technicians: what was tried, what came back, what to check."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from edged.words.catalogue import Reader
from mqtt.connection import BrokerSettings, LinkFault, Protocol, _tried
from mqtt.tls import CertificateFault, Unusable
from storage.words.message import Message

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
    reason = LinkFault.unreachable(TRIED, error, 5.0)
    tried, _, came = reason.said.partition(" Came back: ")
    assert TRIED in tried
    assert back in came
    assert check in reason.check
    assert str(reason) == f"{reason.said}. Check {reason.check}."


@pytest.mark.parametrize("answer", ["Bad user name or password", "Not authorized"])
def test_a_wrong_password_points_to_the_configuration(answer: str) -> None:
    assert "user and password under [mqtt]" in LinkFault.refused(TRIED, answer).check


def test_two_boxes_of_one_name_are_told_so() -> None:
    assert "a second box" in LinkFault.closed(TRIED, "Session taken over").check


def test_an_answer_nobody_foresaw_still_says_where_to_look() -> None:
    assert "the broker's own log" in LinkFault.refused(TRIED, "Implementation specific error").check


def of_openssl(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


def unverified(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


@pytest.mark.parametrize(
    ("error", "back", "check"),
    [
        (
            unverified(20, "unable to get local issuer certificate"),
            "not signed by an authority in [mqtt] ca_file",
            "ca_",
        ),
        (unverified(18, "self-signed certificate"), "not signed by an authority in [mqtt] ca_file", "nobody stands"),
        (unverified(62, "Hostname mismatch, certificate is not valid for 'x'."), "not valid for 'x')", "[mqtt] host"),
        (unverified(64, "IP address mismatch"), "another's (IP address mismatch)", "[mqtt] host"),
        (unverified(10, "certificate has expired"), "has expired", "the clock of this box"),
        (unverified(9, "certificate is not yet valid"), "in the time to come", "the clock of this box"),
        (of_openssl("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "wants a certificate", "[mqtt] certificate and key_file"),
        (of_openssl("SSLV3_ALERT_HANDSHAKE_FAILURE"), "broke off", "brokers that want one"),
        (of_openssl("TLSV1_ALERT_UNKNOWN_CA"), "does not know who signed", "the centre's"),
        (of_openssl("SSLV3_ALERT_CERTIFICATE_EXPIRED"), "says that this box's certificate has expired", "clock"),
        (of_openssl("SSLV3_ALERT_CERTIFICATE_REVOKED"), "was revoked", "with the centre"),
        (of_openssl("SSLV3_ALERT_BAD_CERTIFICATE"), "does not take this box's certificate", "the broker's own log"),
        (of_openssl("TLSV1_ALERT_PROTOCOL_VERSION"), "no version of TLS that both know", "TLS 1.2 or 1.3"),
        (of_openssl("UNSUPPORTED_PROTOCOL"), "older than 1.2", "TLS 1.2 or 1.3"),
        (of_openssl("WRONG_VERSION_NUMBER"), "something that is not TLS", "8883"),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), "closed during the TLS handshake", "8883"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "closed during the TLS handshake", "8883"),
        (of_openssl("NOBODY_FORESAW_THIS"), "TLS failed (nobody foresaw this)", "the broker's own log"),
        (ssl.SSLError(), "TLS failed (no reason given)", "the broker's own log"),
        (
            Unusable(CertificateFault("key_file", Message("there is no file /e/k"), Message("put it there"))),
            "no file /e/k",
            "key_file: put it",
        ),
    ],
)
def test_tls_that_comes_to_nothing(error: Exception, back: str, check: str) -> None:
    reason = LinkFault.unreachable("MQTT 5 over TLS to 10.0.0.1:8883", error, 5.0)
    assert back in reason.said.partition(" Came back: ")[2]
    assert check in reason.check


def test_only_over_tls_a_reset_speaks_of_tls() -> None:
    assert "TLS" not in str(LinkFault.unreachable(TRIED, ConnectionResetError(errno.ECONNRESET, "x"), 5.0))
    assert "takes this box's certificate" in LinkFault.closed_unanswered("MQTT 5 over TLS to h:8883").check


def test_settings_do_not_show_the_password() -> None:
    settings = BrokerSettings("::1", 1883, "box", "hunter2")
    assert "hunter2" not in repr(settings)
    assert settings.address == "[::1]:1883"


def test_what_is_too_large_does_not_point_to_access_rules() -> None:
    topic = "edged/v1/box/up/event/pin"
    assert "max_packet_size" in LinkFault.rejected(topic, "Packet too large").check
    assert "access rules" in LinkFault.rejected(topic, "Not authorized").check
    assert "in short" in LinkFault.shortened(topic).said
    assert "max_packet_size" in LinkFault.shortened(topic).check


def test_a_person_reads_it_in_chinese() -> None:
    settings = BrokerSettings("centre.example", 8883, "box", "hunter2")
    tried = _tried(settings, Protocol.V5)
    assert tried == "MQTT 5 to centre.example:8883 as user box"
    reason = LinkFault.unreachable(tried, OSError(errno.EHOSTUNREACH, "x"), 5.0)
    read = Reader("zh_TW")
    assert read(reason.said) == "嘗試：MQTT 5 連往 centre.example:8883，帳號 box。結果：沒有通往該主機的路由"
    assert read(reason.check) == "本機的網路線、位址與閘道"
    assert Reader()(reason.said) == reason.said, "in English as it was said"
