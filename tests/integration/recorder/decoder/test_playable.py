"""Telling a file that plays from one that a player would only pretend to play."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.decoder.decode import UnplayableError, check_file
from tests.support import footage

BIKES = footage.path_of("bikes")
"""10 s of H.264 at 25 pictures a second."""


def test_every_picture_is_counted() -> None:
    assert check_file(BIKES) == 250


def test_broken_data_in_the_middle_is_noticed(tmp_path: Path) -> None:
    data = bytearray(BIKES.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4096] = bytes(4096)
    spoilt = tmp_path / "spoilt.mp4"
    spoilt.write_bytes(data)
    with pytest.raises(UnplayableError, match=r"spoilt\.mp4"):
        check_file(spoilt)


@pytest.mark.parametrize("content", [b"", b"not a film", bytes(100_000)])
def test_what_is_no_film_is_noticed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "none.mp4"
    path.write_bytes(content)
    with pytest.raises(UnplayableError, match=r"none\.mp4"):
        check_file(path)
