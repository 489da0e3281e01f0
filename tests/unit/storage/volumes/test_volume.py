"""Volumes: who they are, and everything for which they are refused. Above all S10."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from storage.files import fsync_directory
from storage.segments.segment_file import SegmentFile
from storage.volumes.volume import Volume, VolumeSpec
from storage.words.errors import VolumeRefused
from storage.words.layout import IDENTITY_NAME
from tests.support.resources import assert_nothing_is_left_open, descriptors


class Opener:
    """Opens volumes as the store does, and closes what it opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[Path, str] = {}
        self.taken: dict[str, Path] = {}
        self.opened: list[Volume] = []

    def __call__(self, path: Path | None = None, node: str = "wenshan-main") -> Volume:
        volume = Volume.open(VolumeSpec(path or self.path), node=node, known=self.known, taken=self.taken)
        self.opened.append(volume)
        return volume

    def once(self) -> str:
        """A volume that was there before."""
        volume = self()
        volume.close()
        return volume.id

    def refused(self, what: str, path: Path | None = None, node: str = "wenshan-main") -> VolumeRefused:
        with pytest.raises(VolumeRefused) as caught:
            self(path, node)
        assert what in caught.value.what
        assert str(path or self.path) in caught.value.what
        assert caught.value.action
        return caught.value


@pytest.fixture(name="opener")
def make_opener(tmp_path: Path) -> Iterator[Opener]:
    before = descriptors()
    path = tmp_path / "srv"
    path.mkdir()
    opener = Opener(path)
    yield opener
    for volume in opener.opened:
        volume.close()
    assert_nothing_is_left_open(before)


def test_an_empty_directory_becomes_a_volume_once(opener: Opener) -> None:
    first = opener.once()
    identity = json.loads((opener.path / IDENTITY_NAME).read_text(encoding="utf-8"))
    assert identity == {"schema": "edged.volume/1", "volume": first, "node": "wenshan-main"}
    opener.known = {opener.path: first}
    assert opener().id == first
    assert [entry.name for entry in opener.path.iterdir()] == [IDENTITY_NAME]


def test_a_segment_finds_its_volume(opener: Opener) -> None:
    file = SegmentFile.create(opener.path, opener().id, PurePosixPath("lobby/day/x.mp4"))
    assert file.commit().path.exists()


def test_a_fresh_file_system_and_an_interrupted_start_count_as_empty(opener: Opener) -> None:
    (opener.path / "lost+found").mkdir()
    (opener.path / (IDENTITY_NAME + ".new")).write_text('{"volume": "half', encoding="utf-8")
    assert opener.once() == opener.once()
    assert not (opener.path / (IDENTITY_NAME + ".new")).exists()


def test_a_known_path_without_its_identity_is_refused_even_if_empty(opener: Opener) -> None:
    """S10: that is what a mount point looks like whose disk is not mounted."""
    opener.known = {opener.path: "6e1f"}
    refusal = opener.refused("6e1f belongs here")
    assert "mount it" in refusal.action
    assert not any(opener.path.iterdir())


def test_the_wrong_disk_is_refused(opener: Opener) -> None:
    found = opener.once()
    opener.known = {opener.path: "6e1f"}
    opener.refused(f"but this is volume {found}")


def test_a_directory_with_something_in_it_is_not_taken_over(opener: Opener) -> None:
    (opener.path / "photos").mkdir()
    opener.refused("not empty")
    assert [entry.name for entry in opener.path.iterdir()] == ["photos"]


def test_the_disk_of_another_box_is_refused(opener: Opener) -> None:
    opener.once()
    opener.refused("'wenshan-main', and this one is 'xinyi-main'", node="xinyi-main")


def test_a_volume_may_be_mounted_elsewhere_and_a_lost_database_may_be_rebuilt(opener: Opener, tmp_path: Path) -> None:
    first = opener.once()
    opener.known = {tmp_path / "old-place": first}
    assert opener().id == first


def test_two_volumes_with_one_id_are_refused(opener: Opener, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    original = opener()
    (copy / IDENTITY_NAME).write_bytes((opener.path / IDENTITY_NAME).read_bytes())
    opener.taken = {original.id: original.path}
    opener.refused(f"and so does {original.path}", path=copy)


def test_a_volume_in_use_is_locked(opener: Opener) -> None:
    opener()
    opener.refused("is using it")
    opener.opened[0].close()
    opener()


@pytest.mark.parametrize("missing", ["absent", "file"])
def test_a_path_that_is_no_directory_is_refused_and_not_made(opener: Opener, missing: str) -> None:
    (opener.path / "file").touch()
    opener.refused("no such directory", path=opener.path / missing)
    assert not (opener.path / "absent").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"volume": 1}', b"\xff", b"x" * 5000])
def test_an_identity_that_cannot_be_read_is_never_written_anew(opener: Opener, content: bytes) -> None:
    (opener.path / IDENTITY_NAME).write_bytes(content)
    opener.refused("cannot be read")
    assert (opener.path / IDENTITY_NAME).read_bytes() == content


@pytest.mark.parametrize("change", [{"schema": "edged.volume/2"}, {"volume": ""}])
def test_an_identity_of_another_form_is_refused(opener: Opener, change: dict[str, str]) -> None:
    opener.once()
    identity = json.loads((opener.path / IDENTITY_NAME).read_text(encoding="utf-8"))
    (opener.path / IDENTITY_NAME).write_text(json.dumps(identity | change), encoding="utf-8")
    opener.refused("not of the form")


def test_space_is_what_an_ordinary_user_finds(opener: Opener) -> None:
    space = opener().space()
    stat = os.statvfs(opener.path)
    assert space.total == stat.f_blocks * stat.f_frsize
    assert 0 < space.free <= stat.f_bfree * stat.f_frsize
    assert space.files_free is None or space.files_free > 0


def test_reserved_blocks_are_not_ours_and_no_inode_limit_is_none(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = opener()
    real = os.statvfs(opener.path)
    fields = {
        "f_flag": 0,
        "f_blocks": 1000,
        "f_frsize": 4096,
        "f_bfree": 500,
        "f_bavail": 400,
        "f_files": 0,
        "f_favail": 0,
    }
    fake = type("Statvfs", (), {**{name: getattr(real, name) for name in ("f_bsize",)}, **fields})()
    monkeypatch.setattr(os, "fstatvfs", lambda _: fake)
    space = volume.space()
    assert (space.total, space.free, space.files_free) == (4_096_000, 1_638_400, None)


def test_a_failing_disk_is_neither_full_nor_endless(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = opener()

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fstatvfs", fail)
    with pytest.raises(VolumeRefused, match="Input/output error"):
        volume.space()


@pytest.mark.parametrize("replaced", [True, False])
def test_a_volume_that_went_away_is_noticed(opener: Opener, replaced: bool) -> None:
    volume = opener()
    opener.path.rename(opener.path.with_name("away"))
    if replaced:
        opener.path.mkdir()
    with pytest.raises(VolumeRefused, match="another directory" if replaced else "no such directory"):
        volume.space()


@pytest.mark.parametrize("content", [None, "{", '{"volume": "another"}'])
def test_a_volume_that_lost_its_identity_is_refused_until_it_has_it_again(opener: Opener, content: str | None) -> None:
    volume = opener()
    identity = opener.path / IDENTITY_NAME
    right = identity.read_text()
    identity.unlink()
    if content is not None:
        identity.write_text(content)
    with pytest.raises(VolumeRefused, match=f"no longer says that it is volume {volume.id}"):
        volume.space()
    identity.write_text(right)
    assert volume.space().total > 0


@pytest.mark.parametrize(
    ("percent", "fixed", "reserve"), [(None, None, 0), (5.0, None, 50), (None, 70, 70), (5.0, 70, 70), (10.0, 70, 100)]
)
def test_the_larger_reserve_holds(percent: float | None, fixed: int | None, reserve: int) -> None:
    assert VolumeSpec(Path("/srv"), reserve_percent=percent, reserve_bytes=fixed).reserve_of(1000) == reserve


def test_syncing_a_directory_that_is_gone_is_an_error(tmp_path: Path) -> None:
    fsync_directory(tmp_path)
    with pytest.raises(FileNotFoundError):
        fsync_directory(tmp_path / "gone")


def test_what_an_interrupted_attempt_left_counts_as_empty_and_goes(opener: Opener) -> None:
    for name in ("probe", "probe-link", "probe-moved"):
        (opener.path / f"{IDENTITY_NAME}.{name}").write_text("edged")
    opener.once()
    assert [entry.name for entry in opener.path.iterdir()] == [IDENTITY_NAME]


@pytest.mark.parametrize(("call", "code"), [("link", errno.EPERM), ("fsync", errno.EINVAL)])
def test_a_file_system_that_lacks_what_is_needed_is_refused_as_it_was(
    opener: Opener, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, fail)
    opener.refused("lacks what is needed")
    assert not any(opener.path.iterdir())


def test_a_look_makes_nothing_a_volume(opener: Opener) -> None:
    spec = VolumeSpec(opener.path)
    with pytest.raises(VolumeRefused, match="edgectl volume init"):
        Volume.open(spec, node="wenshan-main", known={}, taken={}, may_initialise=False)
    assert not any(opener.path.iterdir())


def test_another_path_to_an_open_volume_is_named(opener: Opener, tmp_path: Path) -> None:
    volume, link = opener(), tmp_path / "link"
    link.symlink_to(opener.path)
    opener.taken = {volume.id: opener.path}
    opener.refused(f"it is the same directory as {opener.path}", path=link)
