"""What a valid configuration will probably not achieve is said when it is checked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from edged.config import Problem, check

SMALL = """
[site]
node = "n"
office = "o"
name = "N"
[retention]
min = "1d"
max = "2d"
"""


def checked(folder: Path, text: str) -> tuple[list[Problem], list[Problem]]:
    path = folder / "edged.toml"
    path.write_text(text, "utf-8")
    return check(path, {})


def test_floors_that_cannot_fit_are_warned_of(tmp_path: Path) -> None:
    text = SMALL + "[[volumes]]\npath = '/nowhere'\nmax_bytes = '1GB'\n[[cameras]]\nid = 'a'\nurl = 'test://'\n"
    found, warnings = checked(tmp_path, text)
    assert not found
    (warning,) = warnings
    assert warning.key == "retention.min"
    assert "leaves each camera 93 kbit/s" in warning.problem
    assert checked(tmp_path, text.replace("1GB", "10GB")) == ([], [])


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


def volume(folder: Path, path: Path, **keys: str) -> tuple[list[Problem], list[Problem]]:
    lines = "".join(f"{key} = '{value}'\n" for key, value in keys.items())
    return checked(folder, f"{SMALL}[[cameras]]\nid = 'a'\nurl = 'test://'\n[[volumes]]\npath = '{path}'\n{lines}")


def disk_of(total_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    space = SimpleNamespace(f_blocks=total_bytes // 4096, f_frsize=4096)
    monkeypatch.setattr("edged.config_rules.os.statvfs", lambda _: space)


def test_room_is_what_the_disk_has_even_with_max_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk_of(10_000_000_000, monkeypatch)
    found, warnings = volume(tmp_path, tmp_path, max_bytes="2TB", reserve="9GB")
    assert not found
    (floor,) = [warning for warning in warnings if warning.key == "retention.min"]
    assert "room for 1.00 GB" in floor.problem
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

    monkeypatch.setattr("edged.config_rules.Path.stat", refuse)
    assert volume(tmp_path, tmp_path / "v") == ([], [])
