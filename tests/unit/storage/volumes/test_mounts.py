"""What is mounted where, from the words of the kernel and of administrators."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.volumes import mounts
from storage.volumes.mounts import DevicePath, Mount, Mounts, parse_fstab, parse_mountinfo, parse_unit

P = PurePosixPath

INFO = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 8:17 / /srv rw shared:2 - xfs /dev/sdb1 rw,attr2
31 22 8:17 /edged /mnt/bound rw - xfs /dev/sdb1 rw
32 22 0:40 / /mnt/with\\040blank ro master:3 - nfs4 nas:/x rw
33 30 8:33 / /srv/other rw - ext4 /dev/sdc1 rw
nonsense
"""
HERE = Mounts(parse_mountinfo(INFO), frozenset({P("/srv"), P("/srv/spare"), P("/mnt/with blank")}))


def test_the_kernel_is_understood() -> None:
    assert HERE.of(P("/srv/edged/lobby")) == Mount("8:17", P("/"), P("/srv"), "xfs", "/dev/sdb1", ("rw", "attr2"))
    assert HERE.of(P("/srv2")) == Mount("8:1", P("/"), P("/"), "ext4", "/dev/sda1", ("rw",))
    assert HERE.of(P("/mnt/with blank/x")) == Mount("0:40", P("/"), P("/mnt/with blank"), "nfs4", "nas:/x", ("rw",))
    assert HERE.place(P("/mnt/bound/x")) == DevicePath("8:17", P("/edged/x"))


def test_of_two_mounts_at_one_point_the_later_one_covers() -> None:
    both = Mounts([Mount("8:1", P("/"), P("/"), "ext4"), Mount("8:2", P("/"), P("/"), "xfs")], frozenset())
    found = both.of(P("/srv"))
    assert found is not None
    assert found.device == "8:2"


@pytest.mark.parametrize(
    ("one", "other", "inside"),
    [
        ("/srv/edged", "/mnt/bound", True),
        ("/srv/edged/deeper", "/mnt/bound", True),
        ("/srv/edged", "/mnt/bound/deeper", True),
        ("/srv/else", "/mnt/bound", False),
        ("/srv", "/srv/other", True),
        ("/srv/edged", "/srv/edged2", False),
        ("/mnt/a", "/mnt/b", False),
    ],
)
def test_what_lies_inside_one_another(one: str, other: str, inside: bool) -> None:
    assert HERE.inside(P(one), P(other)) is inside
    assert HERE.inside(P(other), P(one)) is inside


@pytest.mark.parametrize(
    ("path", "missing"),
    [("/srv/edged", None), ("/srv/spare", "/srv/spare"), ("/srv/spare/deep", "/srv/spare"), ("/mnt/with blank", None)],
)
def test_a_declared_mount_point_that_is_none_now(path: str, missing: str | None) -> None:
    assert HERE.missing(P(path)) == (None if missing is None else P(missing))


def test_fstab_and_units_are_understood() -> None:
    fstab = "# /dev/x /no ext4\nUUID=1 / ext4\nUUID=2\t/srv/a\\040b xfs defaults 0 2\nUUID=3 none swap sw\n/half\n"
    assert list(parse_fstab(fstab)) == [P("/srv/a b")]
    unit = "[Unit]\nDescription=x\n[Mount]\nWhat=/dev/y\nWhere=/srv/edged\n"
    assert list(parse_unit(unit)) == [P("/srv/edged")]
    assert list(parse_unit("Where=/srv/%i\nWhere=\nWhere=relative\n")) == []


@given(st.text())
def test_nonsense_is_passed_over(text: str) -> None:
    assert all(isinstance(mount, Mount) for mount in parse_mountinfo(text))
    assert all(path.is_absolute() for path in [*parse_fstab(text), *parse_unit(text)])


def test_this_box_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fstab = tmp_path / "fstab"
    fstab.write_text(f"UUID=1 {tmp_path}/srv ext4 noauto 0 2\n")
    (tmp_path / "units").mkdir()
    (tmp_path / "units" / "x.mount").write_text(f"[Mount]\nWhere={tmp_path}/unit\n")
    monkeypatch.setattr(mounts, "FSTAB", fstab)
    monkeypatch.setattr(mounts, "UNITS", (tmp_path / "units", tmp_path / "none"))
    seen = mounts.read_mounts()
    in_a_chroot = all(mount.at != P("/") for mount in seen.now)
    assert in_a_chroot or seen.of(P(tmp_path)) is not None
    assert seen.missing(P(tmp_path, "srv", "edged")) == P(tmp_path, "srv")
    assert seen.missing(P(tmp_path, "unit")) == P(tmp_path, "unit")
    assert seen.missing(P(tmp_path)) is None
