"""What is read of a segment for an export: sound, or why only its file can be given away."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import pytest

from edged.evidence.export_job import Hashes, read
from storage.exports.model import Recorded
from storage.segments.segment_file import Digest
from tests.support import tiny_mp4

FILE = tiny_mp4.head("") + b"".join(tiny_mp4.fragment(number) for number in range(3))


@pytest.fixture
def recorded() -> Recorded:
    digest = Digest()
    digest.update(FILE)
    sha256, parts = digest.finish()
    known = ("lobby", 1, "v", 1_772_000_000_000, 1_772_000_000_000, 3000)
    return Recorded(7, *known, bytes=len(FILE), sha256=sha256, parts=parts, camera_offset_ms=None)


def test_a_sound_one_is_known_by_its_fragments(recorded: Recorded, tmp_path: Path) -> None:
    hashes = Hashes(tmp_path / "hashes")
    found = read(recorded, lambda _: io.BytesIO(FILE), hashes, lambda _: None)
    assert (found.trouble, found.first_hash, len(hashes)) == (None, 0, 4)


def test_of_one_recorded_before_fragments_were_told_the_whole_file_leaves(recorded: Recorded, tmp_path: Path) -> None:
    """It is not passed off as provable piece by piece, nor held back."""
    hashes = Hashes(tmp_path / "hashes")
    found = read(replace(recorded, parts=None), lambda _: io.BytesIO(FILE), hashes, lambda _: None)
    assert found.trouble == "its leaf does not tell of its fragments, so only the whole file can be proven"
    assert (found.there, found.first_hash, len(hashes)) == (True, None, 0)


def test_one_that_was_changed_is_told_as_such_also_without_fragments(recorded: Recorded, tmp_path: Path) -> None:
    changed, hashes = FILE[:-1] + b"x", Hashes(tmp_path / "hashes")
    assert hashlib.sha256(changed).digest() != recorded.sha256
    for one in (recorded, replace(recorded, parts=None)):
        found = read(one, lambda _: io.BytesIO(changed), hashes, lambda _: None)
        assert found.trouble == "its file is not what was recorded: SHA-256 or size differ from its leaf"
