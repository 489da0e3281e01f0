"""What a valid configuration will probably not achieve is said when it is checked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from edged.config.load import check
from edged.config.problem import ConfigMistake

SMALL = """
[site]
node = "n"
office = "o"
name = "N"
[retention]
min = "1d"
max = "2d"
"""


def checked(folder: Path, text: str) -> tuple[list[ConfigMistake], list[ConfigMistake]]:
    path = folder / "edged.toml"
    path.write_text(text, "utf-8")
    found, warnings = check(path, {})
    assert all(one.problem.code for one in (*found, *warnings)), "else it is English to everybody"
    return found, warnings


def test_floors_that_cannot_fit_are_warned_of(tmp_path: Path) -> None:
    text = SMALL + "[[volumes]]\npath = '/nowhere'\nmax_bytes = '1GB'\n[[cameras]]\nid = 'a'\nurl = 'test://'\n"
    found, warnings = checked(tmp_path, text)
    assert not found
    (warning,) = warnings
    assert warning.key == "retention.min"
    assert "ask for 21.6 GB, at an assumed 2 Mbit/s a camera" in warning.problem
    assert "room for 1 GB" in warning.problem
    assert checked(tmp_path, text.replace("1GB", "22GB")) == ([], [])


def test_what_is_expected_of_a_camera_says_what_it_will_take(tmp_path: Path) -> None:
    text = SMALL + "[[volumes]]\npath = '/nowhere'\nmax_bytes = '40GB'\n"
    for name, expect in (("a", "width = 1920, height = 1080, fps = 25"), ("b", "fps = 5"), ("c", "audio = true")):
        text += f"[[cameras]]\nid = '{name}'\nurl = 'test://'\nexpect = {{ {expect} }}\n"
    (warning,) = checked(tmp_path, text)[1]
    assert "ask for 75.3 GB, at an assumed 0.8 to 4.1 Mbit/s a camera" in warning.problem
    assert checked(tmp_path, text.replace("40GB", "76GB")) == ([], [])


def test_two_volumes_of_one_disk_have_its_room_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk_of(30_000_000_000, monkeypatch)
    (tmp_path / "v").mkdir()
    (tmp_path / "w").mkdir()
    text = SMALL + "".join(f"[[cameras]]\nid = '{name}'\nurl = 'test://'\n" for name in "ab")
    text += "".join(f"[[volumes]]\npath = '{tmp_path}/{name}'\nreserve = '0%'\n" for name in "vw")
    (warning,) = [warning for warning in checked(tmp_path, text)[1] if warning.key == "retention.min"]
    assert "room for 30 GB" in warning.problem
    capped = text.replace("reserve", "max_bytes = '10GB'\nreserve")
    (warning,) = [warning for warning in checked(tmp_path, capped)[1] if warning.key == "retention.min"]
    assert "room for 20 GB" in warning.problem


def test_unknown_room_is_not_guessed_at(tmp_path: Path) -> None:
    text = SMALL + "[[volumes]]\npath = '/nowhere'\n[[cameras]]\nid = 'a'\nurl = 'test://'\n"
    assert checked(tmp_path, text) == ([], [])


def test_state_beside_a_volume_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    text = (
        SMALL
        + f"[paths]\nstate = '{tmp_path}/state'\n[[volumes]]\npath = '{tmp_path}/v'\n[[cameras]]\nid = 'a'\nurl = 'test://'\n"
    )
    found, warnings = checked(tmp_path, text)
    assert not found
    assert "volumes[0].path" in [warning.key for warning in warnings]


def test_no_camera_is_warned_of(tmp_path: Path) -> None:
    _, warnings = checked(tmp_path, SMALL + "[[volumes]]\npath = '/nowhere'\n")
    assert [warning.key for warning in warnings] == ["cameras"]


def volume(folder: Path, path: Path, **keys: str) -> tuple[list[ConfigMistake], list[ConfigMistake]]:
    lines = "".join(f"{key} = '{value}'\n" for key, value in keys.items())
    return checked(folder, f"{SMALL}[[cameras]]\nid = 'a'\nurl = 'test://'\n[[volumes]]\npath = '{path}'\n{lines}")


def disk_of(total_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    space = SimpleNamespace(f_blocks=total_bytes // 4096, f_frsize=4096)
    monkeypatch.setattr("edged.config.rules.os.statvfs", lambda _: space)


def test_room_is_what_the_disk_has_even_with_max_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk_of(100_000_000_000, monkeypatch)
    found, warnings = volume(tmp_path, tmp_path, max_bytes="2TB", reserve="99GB")
    assert not found
    (floor,) = [warning for warning in warnings if warning.key == "retention.min"]
    assert "room for 1 GB" in floor.problem
    _, warnings = volume(tmp_path, tmp_path, max_bytes="2TB", reserve="1GB")
    assert "retention.min" not in [warning.key for warning in warnings]


def test_a_reserve_larger_than_the_disk_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk_of(10_000_000_000, monkeypatch)
    for reserve, warned in (("10TB", True), ("9GB", False)):
        _, warnings = volume(tmp_path, tmp_path, reserve=reserve, max_bytes="2TB")
        assert ("volumes[0].reserve" in [warning.key for warning in warnings]) == warned


def test_a_volume_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "v").touch()
    _, warnings = volume(tmp_path, tmp_path / "v")
    assert [(w.key, w.problem) for w in warnings] == [
        ("volumes[0].path", "is not a directory: nothing can be recorded there")
    ]


def test_a_place_that_may_not_be_looked_at_is_not_guessed_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("edged.config.rules.Path.stat", refuse)
    assert volume(tmp_path, tmp_path / "v") == ([], [])


def test_a_group_that_is_not_there_is_a_warning_and_no_error(tmp_path: Path) -> None:
    """A box must record whoever is missing."""
    text = (
        SMALL
        + "[roles]\nauthority = ['root']\noperator = ['no-such-group-here']\n[[cameras]]\nid = 'a'\nurl = 'test://'\n"
    )
    found, warnings = checked(tmp_path, text)
    assert not found
    (warning,) = [warning for warning in warnings if warning.key.startswith("roles")]
    assert warning.key == "roles.operator"
    assert '"no-such-group-here"' in warning.problem


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("rtsp://10.0.0.11/stream1", "rtsp://10.0.0.11/stream1", True),
        ("rtsp://10.0.0.11/stream1", "rtsp://10.0.0.11:554/stream1#x", True),
        ("rtsp://Hall.office.example", "rtsp://hall.office.example./", True),
        ("rtsps://hall/s", "rtsps://hall:322/s", True),
        ("rtsp://[fd00::7]/s", "rtsp://[FD00:0:0::7]/s", True),
        ("rtsp://[fe80::1%25eth0]/s", "rtsp://[fe80::1%25eth1]/s", False),
        ("rtsp://10.0.0.20/Streaming/Channels/101", "rtsp://10.0.0.20/Streaming/Channels/201", False),
        ("rtsp://10.0.0.20/cam?channel=1", "rtsp://10.0.0.20/cam?channel=2", False),
        ("rtsp://10.0.0.20/key=1", "rtsp://10.0.0.20/key=2", False),
        ("rtsp://10.0.0.20/s", "rtsp://10.0.0.20:8554/s", False),
        ("test://", "test://", False),
        ("test://?fps=5", "test://?fps=5", False),
        ("test:", "test:", False),
    ],
)
def test_two_cameras_with_one_address(tmp_path: Path, one: str, other: str, *, same: bool) -> None:
    text = SMALL + f"[[cameras]]\nid = 'a'\nurl = '{one}'\n[[cameras]]\nid = 'b'\nurl = '{other}'\n"
    found, warnings = checked(tmp_path, text)
    said = [(one.key, one.problem) for one in warnings if "url" in one.key]
    words = "is the address of camera a, too: the same pictures are recorded twice"
    assert (found, said) == ([], [("cameras.b.url", words)] if same else [])
    _, warnings = checked(tmp_path, text + "enabled = false\n")
    assert not [one for one in warnings if "url" in one.key]
