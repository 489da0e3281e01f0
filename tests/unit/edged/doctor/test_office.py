"""What an office stands on: people enough for its rows, and no copy of a person that outlives its erasure."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

import pytest

from edged.doctor import gather, office
from edged.doctor.findings import Missing, Result
from edged.doctor.office import OfficeAccounts, StateStorage, Swap, SwapArea
from edged.host import accounts
from edged.profiles.loader import PROFILES, profile
from edged.words.catalogue import Reader
from storage.volumes.mounts import Mount, Mounts
from storage.words.message import Message

P = PurePosixPath


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("found", [OfficeAccounts(0, 0), OfficeAccounts(1, 0), OfficeAccounts(0, 1)])
def test_a_box_with_too_few_accounts_says_which_rows_it_cannot_carry(name: str, found: OfficeAccounts) -> None:
    rows = profile(name).procedures
    told = office.judge_accounts(found, rows)
    assert (told.name, told.result) == ("office", Result.WARN)
    count = found.operators + found.authorities
    assert told.said.values == {"rows": [one.row for one in rows if one.may or not count], "count": count}
    assert "docs/roles.md" in told.action
    enough = office.judge_accounts(OfficeAccounts(1, 1), rows)
    assert (enough.result, enough.action) == (Result.OK, "")


def test_whoever_is_in_both_groups_counts_in_none(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {("cctv",): frozenset({1, 2, 3}), ("chiefs",): frozenset({3, 4})}
    monkeypatch.setattr(accounts, "members", lambda groups: listed[groups])
    assert gather.office_accounts(("cctv",), ("chiefs",)) == OfficeAccounts(2, 1)


@pytest.mark.parametrize(
    ("found", "result", "words"),
    [
        (StateStorage("ext4", ("rw", "data=ordered")), Result.OK, "ext4 overwrites in place"),
        (StateStorage("xfs"), Result.OK, "xfs overwrites in place"),
        (StateStorage("ext4", ("rw", "data=journal")), Result.WARN, "mounted with data=journal"),
        (StateStorage("btrfs"), Result.WARN, "lies on btrfs, which may keep what is overwritten"),
        (StateStorage("zfs"), Result.WARN, "lies on zfs"),
        (StateStorage("f2fs"), Result.WARN, "lies on f2fs"),
        (StateStorage(""), Result.UNKNOWN, "nobody could say which file system"),
    ],
)
def test_what_keeps_what_is_overwritten_is_told(found: StateStorage, result: Result, words: str) -> None:
    told = office.judge_storage(found)[0]
    assert (told.name, told.result, bool(told.action)) == ("erasure", result, result is not Result.OK)
    assert words in told.said


@pytest.mark.parametrize(("encrypted", "result"), [(True, Result.OK), (None, Result.OK), (False, Result.WARN)])
def test_a_state_disk_that_is_not_encrypted_is_told(encrypted: bool | None, result: Result) -> None:
    told = office.judge_storage(StateStorage("ext4", encrypted=encrypted))[1]
    assert (told.name, told.result, bool(told.action)) == ("encryption", result, result is not Result.OK)


def test_swap_that_is_not_encrypted_is_told() -> None:
    closed = (SwapArea("/dev/dm-1", encrypted=True), SwapArea("/dev/zram0", in_memory=True))
    for found in (Swap(()), Swap(closed), Swap((SwapArea("/dev/sda2", encrypted=False),), of_host=True)):
        assert office.judge_swap(found).result is Result.OK
    for one in (SwapArea("/swapfile", encrypted=False), SwapArea("/dev/vda2")):
        told = office.judge_swap(Swap((*closed, one)))
        assert (told.name, told.result, told.said.values) == ("swap", Result.WARN, {"areas": [one.name]})
        assert "swapoff -a" in told.action


def test_what_could_not_be_looked_at_is_unknown() -> None:
    gone = Missing(Message("gone"))
    told = [office.judge_accounts(gone, ()), *office.judge_storage(gone), office.judge_swap(gone)]
    assert [(one.name, one.result) for one in told] == [
        (name, Result.UNKNOWN) for name in ("office", "erasure", "swap")
    ]


def test_it_reads_in_chinese() -> None:
    told = [
        office.judge_accounts(OfficeAccounts(0, 1), profile("wenshan-household").procedures),
        *office.judge_storage(StateStorage("ext4", ("data=journal",), encrypted=False)),
        office.judge_storage(StateStorage("btrfs"))[0],
        office.judge_swap(Swap((SwapArea("/dev/sda2"),))),
    ]
    read = Reader("zh_TW")
    assert "只有 1 個帳號；調閱類別 W-staff、" in read(told[0].said)
    assert read(told[1].said).startswith("狀態目錄所在的硬碟以 data=journal 掛載")
    assert all(read(words) != words for one in told for words in (one.said, one.action))


# What is looked at


@pytest.fixture
def block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the kernel tells of disks: sda with a partition, vda; above them LUKS, verity, and what is made of both."""
    below = {"dm-0": ["sda1"], "dm-1": ["sda1"], "dm-2": ["dm-0", "sda1"], "dm-3": ["dm-0"], "dm-4": ["dm-0", "vda"]}
    for name in ("sda", "vda", "zram0", "zram1", *below):
        (tmp_path / name / "slaves").mkdir(parents=True)
    (tmp_path / "sda/sda1").mkdir()
    (tmp_path / "sda/sda1/partition").write_text("1\n")
    for name, slaves in below.items():
        (tmp_path / name / "dm").mkdir()
        (tmp_path / name / "dm/uuid").write_text("LVM-x\n")
        for slave in slaves:
            place = tmp_path / "sda/sda1" if slave == "sda1" else tmp_path / slave
            (tmp_path / name / "slaves" / slave).symlink_to(place)
    (tmp_path / "dm-0/dm/uuid").write_text("CRYPT-LUKS2-0a1b-state\n")
    (tmp_path / "dm-1/dm/uuid").write_text("CRYPT-VERITY-0a1b-usr\n")
    (tmp_path / "zram1/backing_dev").write_text("/dev/sda1\n")
    monkeypatch.setattr(gather, "SYS_BLOCK", tmp_path)
    monkeypatch.setattr(gather, "SYS_DEVICES", tmp_path)
    monkeypatch.setattr(gather, "PROC_EXT4", tmp_path / "ext4")
    monkeypatch.setattr(gather, "is_container", lambda: False)
    return tmp_path


@pytest.fixture
def mounted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mount], None]:
    """That one, on the root."""
    return lambda mount: monkeypatch.setattr(gather, "read_mounts", lambda: Mounts([mount], frozenset()))


@pytest.mark.parametrize(
    ("device", "encrypted"),
    [
        ("sda/sda1", False),
        ("vda", None),
        ("dm-0", True),
        ("dm-1", False),
        ("dm-2", False),
        ("dm-3", True),
        ("dm-4", None),
    ],
)
def test_encryption_is_seen_through_whatever_lies_above_it(
    block: Path, mounted: Callable[[Mount], None], monkeypatch: pytest.MonkeyPatch, device: str, encrypted: bool | None
) -> None:
    (block / "8:1").symlink_to(block / device)
    mounted(Mount("8:1", P("/"), P("/"), "ext4", options=("rw",)))
    assert gather.state_storage(block / "not/yet/there") == StateStorage("ext4", ("rw",), encrypted)
    monkeypatch.setattr(gather, "is_container", lambda: True)
    assert gather.state_storage(block).encrypted is (True if encrypted else None), "else it is its host's"


def test_what_is_set_in_the_file_system_itself_is_seen(block: Path, mounted: Callable[[Mount], None]) -> None:
    (block / "8:1").symlink_to(block / "sda/sda1")
    (block / "ext4/sda1").mkdir(parents=True)
    (block / "ext4/sda1/options").write_text("rw\nbarrier\ndata=journal\n")
    mounted(Mount("8:1", P("/"), P("/"), "ext4", "/dev/sda1", ("rw",)))
    assert office.JOURNALS_DATA in gather.state_storage(block).options


def test_a_file_system_on_several_disks_names_one_of_them(block: Path, mounted: Callable[[Mount], None]) -> None:
    null = Path("/dev/null").stat().st_rdev
    (block / f"{os.major(null)}:{os.minor(null)}").symlink_to(block / "dm-0")
    mounted(Mount("0:35", P("/"), P("/"), "btrfs", "/dev/null", ("rw",)))
    assert gather.state_storage(block) == StateStorage("btrfs", ("rw",), encrypted=True)
    mounted(Mount("0:36", P("/"), P("/"), "zfs", "tank/state", ("rw",)))
    assert gather.state_storage(block) == StateStorage("zfs", ("rw",), encrypted=None)


def test_swap_areas_are_found(block: Path, mounted: Callable[[Mount], None], monkeypatch: pytest.MonkeyPatch) -> None:
    null = Path("/dev/null").stat().st_rdev
    (block / f"{os.major(null)}:{os.minor(null)}").symlink_to(block / "dm-0")
    (block / "8:1").symlink_to(block / "sda/sda1")
    mounted(Mount("8:1", P("/"), P("/"), "ext4", options=("rw",)))
    monkeypatch.setattr(gather, "SWAPS", block / "swaps")
    assert gather.swap() == Swap(()), "a kernel that cannot swap"
    names = ("/dev/zram0", "/dev/zram1", "/dev/null", "/dev/none", "/swap\\040file")
    lines = ["Filename Type Size Used Priority", *(f"{name} partition 1 0 -2" for name in names)]
    (block / "swaps").write_text("\n".join(lines) + "\n")
    assert gather.swap().areas == (
        SwapArea("/dev/zram0", in_memory=True),
        SwapArea("/dev/zram1"),
        SwapArea("/dev/null", encrypted=True),
        SwapArea("/dev/none"),
        SwapArea("/swap\\040file", encrypted=False),
    )


# --- forms of the office ----------------------------------------------------------------------------------------------

GOOD: Final = (
    "{{ number }}{% for one in fields %}{{ one.text }}{% endfor %}"
    "{% for step in chain %}{% for one in step.signed %}{{ one.text }}{% endfor %}{% endfor %}"
)


@pytest.mark.parametrize(
    ("name", "files", "result", "words"),
    [
        ("taipei-police", {"附表一.html": GOOD}, Result.OK, "printed by"),
        ("taipei-police", {}, Result.WARN, "附表一 of the text is not there yet"),
        ("dahu-township", {"D-person.html": GOOD}, Result.WARN, "附表 of the text is not there yet"),
        ("dahu-township", {"附表.html": "{{ colour }}"}, Result.WARN, "cannot be used: 'colour' is undefined"),
        ("dahu-township", {"附表.html": GOOD, "附表一.html": GOOD}, Result.WARN, "no form is made of 附表一.html"),
        (
            "dahu-township",
            {"附表.html": "{{ number }}"},
            Result.WARN,
            "does not show 申請日期",
        ),
        ("wenshan-household", {}, Result.OK, "every form that the text names"),
        ("wenshan-household", {"W-staff.html": GOOD}, Result.WARN, "no form is made of W-staff.html"),
    ],
)
def test_which_forms_are_the_offices_own(
    tmp_path: Path, name: str, files: dict[str, str], result: Result, words: str
) -> None:
    for file, text in files.items():
        (tmp_path / file).write_text(text, "utf-8")
    told = office.judge_papers(gather.paper_templates(tmp_path / "edged.toml", name, str(tmp_path)))
    assert (told.name, told.result, bool(told.action)) == ("papers", result, result is not Result.OK)
    assert words in told.said


def test_without_a_directory_there_is_no_template(tmp_path: Path) -> None:
    told = office.judge_papers(gather.paper_templates(tmp_path / "edged.toml", "taipei-police", ""))
    assert told.said.code == "doctor.papers.interim"
