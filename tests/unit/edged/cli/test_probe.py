"""The id that `edgectl probe` proposes: always one that the configuration takes, and another one for each channel."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner
from hypothesis import assume, given
from hypothesis import strategies as st
from rich.console import Console

from edged.cli import probe as probe_report
from edged.cli.client import Address
from edged.cli.probe import _configured, probe, screen, suggested
from edged.config.model import CameraConfig
from edged.documents.site import Probe
from edged.words.catalogue import Language, Reader
from edged.words.value_types import DEFAULT_CONFIG
from recorder.probe import Found, Measured, Track
from recorder.words import outcome
from recorder.words.address import Target
from storage.words.message import NOTHING, message

SEEN = Found(
    codec="h264", width=1920, height=1080,
    measured=Measured(
        pictures=150, seconds=10, fps=15, steady=True, key_frames=10, key_interval_s=1, no_key_for_s=0, video_bps=None,
        sound_bps=None, sounds=0, reordered=False, reports=2, clock_offset_ms=0, pace=1, mended=0,
        sizes=((1920, 1080),), lost_packets=0, lost_pictures=0,
    ),
)  # fmt: skip
IPV6 = "[2001:db8:85a3:8d3:1319:8a2e:370:7348]"
HOSTS = st.sampled_from(["10.0.0.20", "192.168.100.200", IPV6, "nvr.office.example", "x" * 40, "攝影機"])
CHANNELS = st.sampled_from(
    [
        "/ch{}",
        "/{}",
        "/stream{}?since=20260131235959&session=123456789012345678901234567890",
        "/Streaming/Channels/{}01",
        "/cam/realmonitor?channel={}&subtype=0",
        "/%E5%A4%A7%E9%96%80/{}",
        ":8554/live/{}/main",
    ]
)
NUMBERS = st.integers(0, 9999)


def valid(name: str) -> bool:
    CameraConfig(id=name, url="test://")
    return True


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("rtsp://10.0.0.11", "cam-10-0-0-11"),
        ("rtsp://10.0.0.11/stream1", "cam-10-0-0-11-stream1"),
        ("rtsp://10.0.0.11:554/ch2", "cam-10-0-0-11-ch2"),
        ("rtsp://10.0.0.11:8554/ch2", "cam-10-0-0-11-8554-ch2"),
        ("rtsp://10.0.0.20/Streaming/Channels/201", "cam-10-0-0-20-201"),
        ("rtsp://10.0.0.20/cam/realmonitor?channel=2&subtype=0", "cam-10-0-0-20-2-0"),
        ("rtsp://hall.office.example/left", "hall-left"),
        ("rtsps://hall.office.example:322/right", "hall-right"),
        ("rtsp://[fe80::1%25eth0]/stream1", "cam-fe80-1-eth0-stream1"),
        ("test://?size=320x180", "test"),
    ],
)
def test_it_is_made_of_the_address(url: str, name: str) -> None:
    assert suggested(url) == name


@given(HOSTS, CHANNELS, NUMBERS, NUMBERS)
def test_channels_of_one_device_have_ids_of_their_own(host: str, path: str, one: int, other: int) -> None:
    assume(one != other)
    names = {suggested(f"rtsp://{host}{path.format(number)}") for number in (one, other)}
    assert len(names) == 2
    assert all(map(valid, names))


@given(st.sampled_from(["rtsp", "rtsps", "test"]), HOSTS | st.from_regex(r"[\w.-]+", fullmatch=True), st.text())
def test_every_address_has_one(scheme: str, host: str, path: str) -> None:
    assert valid(suggested(f"{scheme}://{host}/{path}"))


@given(HOSTS, CHANNELS, NUMBERS, st.integers(1, 30))
def test_it_is_no_id_of_another_camera(host: str, path: str, number: int, count: int) -> None:
    taken: list[str] = []
    for _ in range(count):
        taken.append(suggested(f"rtsp://{host}{path.format(number)}", taken))
        assert valid(taken[-1])
    assert len(set(taken)) == count


def test_cameras_come_from_the_configuration_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "edged.toml"
    url = "rtsp://10.0.0.20/ch1"
    assert _configured(file) == {}
    file.write_text(
        f'[[cameras]]\nid = "a"\nurl = "{url}"\n[[cameras]]\nid = "b"\n[[cameras]]\nid = 7\n[site]\nx = 1\n'
    )
    assert _configured(file) == {"a": url, "b": ""}
    for wrong in ("cameras = 3", "cameras = [3]", "[cameras]\nid = 1", "[[cameras", "[[cameras]]\nid = [1]"):
        file.write_text(wrong)
        assert _configured(file) == {}


def test_an_address_that_the_configuration_has_is_remarked() -> None:
    url = "rtsp://10.0.0.20/ch1"
    told = probe_report.probe_document(url, "", None, SEEN, {"lobby": url, "cam-10-0-0-20-ch1": "rtsp://10.0.0.20/ch2"})
    assert told.remarks[0] == (
        "the configuration has this address already, for lobby: replace that table, do not add another"
    )
    assert 'id = "cam-10-0-0-20-ch1-2"' in told.configuration
    told = probe_report.probe_document(url, "", None, SEEN, {"cam-10-0-0-20-ch1": url})
    assert 'id = "cam-10-0-0-20-ch1"' in told.configuration, "looked at again it may have its own"
    assert not [
        one for one in probe_report.probe_document(url, "", None, SEEN, {"b": "test://"}).remarks if "already" in one
    ]


def test_what_is_printed_is_for_the_configuration_that_was_named() -> None:
    file = Path("/srv/try out/edged.toml")
    told = probe_report.probe_document("rtsp://10.0.0.20/ch1", "viewer", file.parent / "ch1.password", SEEN, {}, file)
    assert 'password_file = "ch1.password"' in told.configuration
    shown = printed(told, file)
    assert "to paste into /srv/try out/edged.toml, then:" in shown
    command = "edgectl --config '/srv/try out/edged.toml'"
    assert f"\n  {command} config check && {command} reload\n" in shown, "in one line, to be pasted"
    assert "/etc/edged/edged.toml, then:\n  edgectl config check && edgectl reload\n" in printed(told)


def printed(told: Probe, file: Path = DEFAULT_CONFIG, language: Language = "en") -> str:
    said = io.StringIO()
    Console(width=80, file=said).print(screen(told, file, Reader(language)), crop=False)
    return said.getvalue()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rtsp://10.0.0.20/" + "x" * 2000], "the address is longer than 2000 characters"),
        (["rtsp://10.0.0.20:0/x"], "the address names port 0"),
        (["rtsps://10.0.0.20/x", "--certificate", "zz"], "--certificate is not the SHA-256 fingerprint"),
        (["rtsp://10.0.0.20/x", "--username", "a\nb"], "--username must be visible characters"),
        (["rtsp://10.0.0.20/x", "--username", "a" * 300], "--username is longer than"),
    ],
)
def test_wrong_usage_names_what_is_wrong(arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(probe, arguments, obj=Address(None, None))
    assert done.exit_code != 0
    assert words in done.output


NAMES: Final = re.compile(
    r"RTSP|TCP|UDP|TLS|NTP|RTCP|GOP|I-frame interval|H\.26[45]|h26[45]|AAC|G\.711|pcmu|QuickTime|WebRTC|Baseline|Main|"
    r"B-frames|fps|Mbit/s|kbit/s|expect|taipei-police|P3|lobby|NVR|url|Unauthorized|unauthorised|MJPEG|IP|"
    r"rtsps?://\S*|sha256:\w+|/etc/\S*|viewer|/ch1|edgectl config check && edgectl reload"
)
"""What stays as it is in Chinese: names, units, codes, what people type."""


def test_a_person_who_reads_chinese_finds_no_english_sentence() -> None:
    assert SEEN.measured is not None
    measured = replace(
        SEEN.measured,
        key_interval_s=9.0,
        steady=False,
        reordered=True,
        sounds=0,
        reports=2,
        clock_offset_ms=-90_000,
        pace=1.5,
        sizes=((640, 480), (320, 240)),
        lost_packets=1,
        lost_pictures=7,
        video_bps=2_000_000,
    )
    why = message("stream.sound-codec", "sound codec {codec} cannot be kept", codec="MJPEG")
    found = replace(
        SEEN,
        codec="h265",
        width=640,
        height=480,
        sound="pcmu",
        udp=True,
        certificate="sha256:" + "0a" * 32,
        trusted=False,
        tracks=(Track("video", "H265", 90_000, 0, NOTHING), Track("audio", "MJPEG", 8000, 1, why)),
        measured=measured,
    )
    seen = probe_report.probe_document("rtsp://10.0.0.20/ch1", "viewer", None, found, {"lobby": "rtsp://10.0.0.20/ch1"})
    refused = outcome.declined(Target.parse("rtsp://10.0.0.20/ch1", "viewer"), 401)
    ended = probe_report.probe_document("rtsp://10.0.0.20/ch1", "viewer", None, Found(ended=refused))
    for document in (seen, ended):
        screen_without_table = document.model_copy(update={"configuration": ""})
        shown = printed(screen_without_table, language="zh_TW")
        assert not re.findall("[A-Za-z]{2,}", NAMES.sub("", shown).replace("\n", "")), shown
    assert "攝影機時鐘" in printed(seen, language="zh_TW")
    assert "請檢查這支攝影機的帳號與密碼" in printed(ended, language="zh_TW")


def test_a_program_gets_the_codes_of_what_is_said() -> None:
    refused = outcome.declined(Target.parse("rtsp://10.0.0.20/ch1", ""), 404)
    document = probe_report.probe_document("rtsp://10.0.0.20/ch1", "", None, Found(ended=refused))
    assert (document.came_back_code, document.check_values) == ("session.not-found", {"path": "/ch1"})
    assert document.tried_code == "session.tried.no-user"
