"""What a valid configuration will probably not achieve is said when it is checked."""

from __future__ import annotations

from pathlib import Path

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
