"""Who was erased is nowhere on the disk: the raw bytes of an ext4 and an XFS are searched for keys that the test knows.

The whole office over such images: tests/faults/edged/office/test_erasure.py. Blocks that a file gave back are searched,
too, and those of the journal. Controls: keys that are in force are found;
so is a copy in a file that was removed, a file that was renamed over the old one, and what ext4 keeps with
`data=journal`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from storage.office.key_files import BLOCK
from storage.office.keys import KEY_NAME, RequestKeys, StateFile, create, state_files
from tests.support import raw_images
from tests.support.disks import may_mount
from tests.support.request_keys import Witness, watched

pytestmark = pytest.mark.skipif(not may_mount(), reason="mounting needs root")

IMAGE: Final = "image"
COUNT: Final = 150
"""Keys of several blocks: the file grows."""
ERASED: Final = "115-0007"
KEPT: Final = "115-0008"


class Renaming(StateFile):
    """A planted bug: a new file takes the place of the old one."""

    def overwrite(self, blocks: Iterable[tuple[int, memoryview]]) -> None:
        content = bytearray(self.read())
        for at, block in blocks:
            content[at : at + BLOCK] = block
        beside = StateFile(self.path.with_name(self.path.name + ".new"))
        beside.create()
        beside.overwrite([(0, memoryview(content))])
        beside.path.replace(self.path)


@pytest.fixture
def witness(monkeypatch: pytest.MonkeyPatch) -> Witness:
    return watched(monkeypatch)


@contextmanager
def state_on(scratch: Path, image: Path, kind: str, options: str = "") -> Iterator[Path]:
    """A state directory on the file system in a file."""
    with raw_images.mounted(image, scratch / "mounted", kind, options) as place:
        (place / "state").mkdir(mode=0o700)
        yield place / "state"


def enter(box: RequestKeys) -> None:
    for number in range(COUNT):
        box.add(f"115-{number:04}")


def found(image: Path, secrets: dict[str, bytes]) -> set[str]:
    """Which of these lie anywhere in it, whole or by half."""
    begins, ends = ({name: secret[part] for name, secret in secrets.items()} for part in (slice(16), slice(-16, None)))
    return {*raw_images.counted([image], begins), *raw_images.counted([image], ends)}


def old(witness: Witness) -> dict[str, bytes]:
    """What must be nowhere."""
    wrappings = {f"wrapping key {number}": key for number, key in enumerate(witness.wrapping[:-1])}
    forms = [wrapped for number, _, wrapped in witness.wrapped if number == ERASED]
    return wrappings | {f"{ERASED}, wrapped {number}": form for number, form in enumerate(forms)}


def in_force(witness: Witness) -> dict[str, bytes]:
    """What must be there, or the search does not see."""
    return {"key": witness.wrapping[-1], "kept": [form for number, _, form in witness.wrapped if number == KEPT][-1]}


@pytest.mark.parametrize("kind", raw_images.KINDS)
def test_who_was_erased_is_nowhere_on_the_disk(tmp_path: Path, kind: str, witness: Witness) -> None:
    image = raw_images.make(tmp_path / IMAGE, kind)
    with state_on(tmp_path, image, kind) as state:
        box = create(*state_files(state))
        enter(box)
        raw_images.sync(state)
        assert found(image, old(witness)) == old(witness).keys() != set(), "it was there"
        box.erase(ERASED)
        raw_images.sync(state)
        assert len(witness.wrapping) == 2
        assert found(image, old(witness)) == set()
        assert RequestKeys(*state_files(state), at_least=box.generation).numbers == box.numbers
    assert found(image, old(witness)) == set()
    assert found(image, in_force(witness)) == {"key", "kept"}


def copied(state: Path) -> RequestKeys:
    """A planted bug: the key lies for a moment in a file beside it."""
    box = create(*state_files(state))
    enter(box)
    copy = state / f"{KEY_NAME}.tmp"
    with copy.open("wb") as file:
        file.write((state / KEY_NAME).read_bytes())
        file.flush()
        os.fsync(file.fileno())
    copy.unlink()
    return box


def renamed(state: Path) -> RequestKeys:
    key, keys = state_files(state)
    box = create(Renaming(key.path), keys)
    enter(box)
    return box


@pytest.mark.parametrize("planted", [copied, renamed])
@pytest.mark.parametrize("kind", raw_images.KINDS)
def test_a_key_in_another_file_is_found(
    tmp_path: Path, kind: str, planted: Callable[[Path], RequestKeys], witness: Witness
) -> None:
    image = raw_images.make(tmp_path / IMAGE, kind)
    with state_on(tmp_path, image, kind) as state:
        planted(state).erase(ERASED)
        raw_images.sync(state)
    assert "wrapping key 0" in found(image, old(witness))


def test_data_journaling_keeps_what_was_overwritten(tmp_path: Path, witness: Witness) -> None:
    """It is not promised there."""
    image = raw_images.make(tmp_path / IMAGE, "ext4")
    with state_on(tmp_path, image, "ext4", "data=journal") as state:
        box = create(*state_files(state))
        box.add(ERASED)
        box.erase(ERASED)
        raw_images.sync(state)
    assert "wrapping key 0" in found(image, old(witness))
