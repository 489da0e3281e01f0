"""The id that `edgectl probe` proposes: always one that the configuration takes, and another one for each channel."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edged.cli.probe import _ids_of_others
from edged.config_model import Camera
from edged.probing.table import suggested

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
    Camera(id=name, url="test://")
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


def test_ids_come_from_the_configuration_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "edged.toml"
    url = "rtsp://10.0.0.20/ch1"
    assert _ids_of_others(file, url) == frozenset()
    file.write_text(
        f'[[cameras]]\nid = "a"\nurl = "{url}"\n[[cameras]]\nid = "b"\n[[cameras]]\nid = 7\n[site]\nx = 1\n'
    )
    assert _ids_of_others(file, url) == {"b", 7}, "looked at again it may have its own"
    for wrong in ("cameras = 3", "cameras = [3]", "[cameras]\nid = 1", "[[cameras", "[[cameras]]\nid = [1]"):
        file.write_text(wrong)
        assert _ids_of_others(file, url) == frozenset()
