"""What root can read and the account of the unit cannot: found before edged is started as that account."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from edged.cli import configuration
from edged.cli.main import main
from edged.config import load as config
from edged.config.load import NamedSecret
from edged.doctor import gather, paths
from edged.doctor.findings import Result
from edged.host.file_access import (
    FileReader,
    UnitSettings,
    access_list,
    barred,
    barrier,
    give_to,
    may_enter,
    of_unit,
    parse_unit,
)
from edged.words import exit_codes
from edged.words.value_types import DEFAULT_CONFIG, UNIT
from storage.words.message import Message

UNIT_FILE = Path(__file__).parents[4] / "systemd" / UNIT
CONFIG = """
[site]
node = "wenshan"
office = "wenshan"
name = "文山區戶政事務所"
[retention]
min = "31d"
max = "365d"
[[cameras]]
id = "lobby"
url = "rtsp://10.0.0.11/stream1"
username = "viewer"
password_file = "lobby.password"
"""


Setfacl = Callable[..., None]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask as another account")


@pytest.fixture
def setfacl(folder: Path) -> Setfacl:
    """Skips where there is no tool, or the file system has no access lists."""
    if shutil.which("setfacl") is None:
        pytest.skip("setfacl (Debian: acl) is not installed")

    def call(*words: object) -> None:
        subprocess.run(["setfacl", *map(str, words)], check=True)

    probe = ["setfacl", "-m", f"u:{os.geteuid() + 1}:r", str(folder / "edged.toml")]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip(f"the file system of {folder} has no access lists")
    call("-b", folder / "edged.toml")
    return call


@pytest.fixture
def folder() -> Iterator[Path]:
    """Everybody may enter it, and all that lies above."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        (Path(made) / "edged.toml").write_text(CONFIG)
        (Path(made) / "lobby.password").write_text("geheim\n")
        for name in ("edged.toml", "lobby.password"):
            (Path(made) / name).chmod(0o604)
        yield Path(made)


@pytest.fixture
def reader(folder: Path) -> FileReader:
    """Somebody else than we are, in none of our groups."""
    return FileReader("edged", os.geteuid() + 1, "edged", frozenset({os.getegid() + 1}), folder / "edged.toml")


def mode(path: Path, mode: int, uid: int = 0, gid: int = 0) -> None:
    os.chown(path, uid, gid)
    path.chmod(mode)


@as_root
@pytest.mark.parametrize(
    ("bits", "uid", "gid", "may"),
    [
        (0o600, 0, 0, False),
        (0o640, 0, 990, True),
        (0o640, 0, 0, False),
        (0o604, 0, 0, True),
        (0o604, 0, 990, False),  # the group is denied, whatever others may
        (0o400, 990, 0, True),
        (0o044, 990, 990, False),  # the owner is denied, whatever group and others may
        (0o640, 0, 44, True),
    ],
)
def test_owner_then_group_then_others_decide(folder: Path, bits: int, uid: int, gid: int, may: bool) -> None:
    reader = FileReader("edged", 990, "edged", frozenset({990, 44}), DEFAULT_CONFIG)
    password = folder / "lobby.password"
    mode(password, bits, uid, gid)
    assert (password not in barred(reader, [password])) is may
    assert not barred(replace(reader, uid=0), [password])


@as_root
def test_access_lists_count_as_the_kernel_has_them(folder: Path, reader: FileReader, setfacl: Setfacl) -> None:
    password = folder / "lobby.password"
    mode(password, 0o640)
    assert password in barred(reader, [password]), "without a list"
    setfacl("-m", f"u:{reader.uid}:r", password)
    assert not barred(reader, [password]), "its modes alone would bar it"
    setfacl("-m", "m::-", password)
    found = barred(reader, [password])[password]
    assert "access list" in found.problem
    assert found.instead == f"setfacl -b {password}; chown root:edged {password}; chmod 640 {password}"
    mode(password, 0o644)
    setfacl("-m", f"u:{reader.uid}:-", password)
    assert password in barred(reader, [password]), "its modes alone would let it"
    setfacl("-b", password)
    assert not barred(reader, [password])


@as_root
def test_access_lists_of_directories_count_too(folder: Path, reader: FileReader, setfacl: Setfacl) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    key = closed / "key"
    key.write_text("x")
    setfacl("-m", f"u:{reader.uid}:x", closed)
    assert not barred(reader, [key])
    setfacl("-m", "m::-", closed)
    found = barred(reader, [key])[key]
    assert f"may not enter {closed} (it has an access list" in found.problem
    assert found.instead == f"setfacl -b {closed}; chown root:edged {closed}; chmod 750 {closed}"


@as_root
def test_what_is_told_to_do_helps(folder: Path, setfacl: Setfacl) -> None:
    """Also where a list hides the group's mode: chmod alone would set its mask."""
    reader = FileReader("edged", 990, "daemon", frozenset({grp.getgrnam("daemon").gr_gid}), folder / "edged.toml")
    (folder / "deep").mkdir(mode=0o700)
    key = folder / "deep" / "key"
    key.write_text("x")
    mode(key, 0o600)
    for path in (folder / "deep", key):
        setfacl("-m", f"g:{max(reader.groups)}:-", path)
    told: list[str] = []
    while (found := barred(reader, [key])) and len(told) < 3:
        told.append(found[key].instead)
        subprocess.run(["sh", "-c", told[-1]], check=True)
    assert len(told) == 2


@as_root
def test_all_files_are_asked_of_one_process(folder: Path, reader: FileReader, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [folder / f"{number} \n'" for number in range(300)]
    for file in files:
        file.write_text("x")
        file.chmod(0o644)
    files[7].chmod(0o600)
    run = Mock(wraps=subprocess.run)
    monkeypatch.setattr(subprocess, "run", run)
    assert list(barred(reader, files)) == [files[7]]
    assert run.call_count == 1


def test_where_nobody_can_be_asked_as_the_account_nothing_is_said(
    folder: Path, reader: FileReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(subprocess, "run", refuse)
    (folder / "lobby.password").chmod(0o600)
    assert not barred(reader, [folder / "lobby.password"])


@as_root
def test_a_file_is_named_with_what_to_do(folder: Path, reader: FileReader) -> None:
    password = folder / "lobby.password"
    assert not barred(reader, [password, folder / "none"])
    password.chmod(0o600)
    found = barred(reader, [password])[password]
    assert f"{password} cannot be read by the account edged" in found.problem
    assert found.instead == f"chown root:edged {password}; chmod 640 {password}"


@as_root
def test_a_directory_on_the_way_is_named_also_behind_a_link(folder: Path, reader: FileReader) -> None:
    (folder / "closed").mkdir(mode=0o700)
    (folder / "closed" / "key").write_text("x")
    (folder / "link").symlink_to(folder / "closed" / "key")
    for path in (folder / "closed" / "key", folder / "link"):
        found = barred(reader, [path])[path]
        assert f"may not enter {folder / 'closed'}" in found.problem
        assert f"chmod 750 {folder / 'closed'}" in found.instead
    found = barred(replace(reader, config=DEFAULT_CONFIG), [folder / "link"])[folder / "link"]
    assert found.instead == "keep it in /etc/edged", "nobody is told to give a directory away that is not edged's"


@as_root
def test_config_check_says_it_and_what_systemd_reads_is_fine(folder: Path, reader: FileReader) -> None:
    file = folder / "edged.toml"
    assert config.check(file, {}, reader)[0] == []
    (folder / "lobby.password").chmod(0o600)
    assert config.check(file, {})[0] == [], "without knowing who reads it"
    (problem,) = config.check(file, {}, reader)[0]
    assert (problem.key, "the account edged" in problem.problem) == ("cameras.lobby.password_file", True)
    assert config.check(file, {}, replace(reader, credentials=frozenset({"lobby.password"})))[0] == []
    file.chmod(0o600)
    (problem,) = config.check(file, {}, reader)[0]
    assert problem.problem.startswith(f"{file} cannot be read")


@as_root
def test_a_calendar_that_the_account_cannot_read_is_a_warning(folder: Path, reader: FileReader) -> None:
    file, calendar = folder / "edged.toml", folder / "115.csv"
    file.write_text(f'{file.read_text()}[office]\ncalendars = ["115.csv"]\n')
    calendar.write_text("x")
    calendar.chmod(0o600)
    problems, warnings = config.check(file, {}, reader)
    assert problems == []
    (told,) = (one.problem for one in warnings if one.key == "office.calendars[0]")
    assert "cannot be read by the account edged" in told


@as_root
def test_edgectl_ends_with_78(
    folder: Path, reader: FileReader, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(configuration, "of_unit", lambda file: replace(reader, config=file))
    assert main(["config", "check", str(folder / "edged.toml")]) == exit_codes.OK
    (folder / "lobby.password").chmod(0o600)
    capsys.readouterr()
    assert main(["config", "check", str(folder / "edged.toml")]) == exit_codes.CONFIG
    assert "chown root:edged" in capsys.readouterr().out


@as_root
def test_doctor_says_it_of_files_that_nobody_else_may_read(
    folder: Path, reader: FileReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "lobby.password").chmod(0o600)
    secret = NamedSecret(str(folder / "lobby.password"), Message("password of camera lobby"))
    monkeypatch.setattr(gather, "of_unit", lambda _: reader)
    (told,) = paths.judge_modes(gather.files(folder / "edged.toml", (secret,)), {})
    assert (told.result, told.action.startswith("chown root:edged")) == (Result.CRITICAL, True)
    monkeypatch.setattr(gather, "of_unit", lambda _: replace(reader, credentials=frozenset({"lobby.password"})))
    (told,) = paths.judge_modes(gather.files(folder / "edged.toml", (secret,)), {})
    assert told.result is Result.OK


def test_what_systemd_alone_hands_over_is_missed_by_nobody(folder: Path, reader: FileReader) -> None:
    """It lies where neither edged nor whoever checks need look: /etc/edged/credentials is root's."""
    file = folder / "edged.toml"
    (folder / "lobby.password").unlink()
    (problem,) = config.check(file, {}, reader)[0]
    assert "there is no file" in problem.problem
    assert config.check(file, {}, replace(reader, credentials=frozenset({"lobby.password"})))[0] == []


# Who that is


def test_the_unit_says_who_reads_and_what_systemd_hands_over() -> None:
    assert parse_unit("") == UnitSettings()
    shipped = UNIT_FILE.read_text("utf-8")
    assert parse_unit(shipped) == UnitSettings(group="edged")
    drop_in = (
        "[Service]\nUser=recorder\nSupplementaryGroups=video ssl-cert\nLoadCredential=a:/x\nLoadCredential=\n"
        "LoadCredential=lobby.password:/etc/edged/lobby.password\nSetCredential = b:word\n"
        "ExecStart=\nExecStart=/opt/edged --config=/etc/other.toml\n"
    )
    assert parse_unit(shipped + drop_in) == UnitSettings(
        "recorder",
        "edged",
        ("video", "ssl-cert"),
        Path("/etc/other.toml"),
        frozenset({"lobby.password", "b"}),
    )


def test_only_root_asks_and_only_of_the_units_own_configuration(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = folder / "units"
    (unit / f"{UNIT}.d").mkdir(parents=True)
    (unit / UNIT).write_text(f"[Service]\nUser=edged\nExecStart=/opt/edged --config {folder}/edged.toml\n")
    (unit / f"{UNIT}.d" / "override.conf").write_text("[Service]\nLoadCredential=a:/a\n")
    accounts = {"edged": SimpleNamespace(pw_name="edged", pw_uid=990, pw_gid=991)}
    monkeypatch.setattr(pwd, "getpwnam", accounts.__getitem__)
    monkeypatch.setattr(os, "getgrouplist", lambda _, gid: [gid, 44])
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    found = of_unit(folder / "edged.toml", [unit])
    assert found is not None
    assert (found.name, found.uid, sorted(found.groups), list(found.credentials)) == ("edged", 990, [44, 991], ["a"])
    assert of_unit(folder / "draft.toml", [unit]) is None
    assert of_unit(DEFAULT_CONFIG, []) is not None, "before there is a unit"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert of_unit(folder / "edged.toml", [unit]) is None
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    accounts.clear()
    assert of_unit(folder / "edged.toml", [unit]) is None


# --- one other account may read one thing


def test_an_access_list_is_as_the_kernel_takes_it() -> None:
    """linux/posix_acl_xattr.h: version 2, then tag, permissions and number of each entry."""
    entries = ("01000700ffffffff", "02000500e9030000", "04000000ffffffff", "10000500ffffffff", "20000000ffffffff")
    assert access_list(7, 1001, 5).hex() == "02000000" + "".join(entries)


@as_root
def test_what_is_given_to_one_account_no_other_can_read(folder: Path, reader: FileReader, setfacl: Setfacl) -> None:
    del setfacl  # there are lists here
    password, other = folder / "lobby.password", replace(reader, uid=reader.uid + 1, groups=frozenset({os.getegid()}))
    fd = os.open(password, os.O_RDONLY)
    try:
        give_to(fd, 6, reader.uid, 4)
        assert not barred(reader, [password])
        assert password in barred(other, [password]), "not its group either"
        os.fchmod(fd, 0o600)
        assert password in barred(reader, [password]), "a mode without a group takes it back"
    finally:
        os.close(fd)


@as_root
@pytest.mark.parametrize("bits", [0o711, 0o750, 0o701, 0o710, 0o677, 0o167])
@pytest.mark.parametrize(("uid", "gid"), [(0, 0), (990, 0), (0, 990)])
def test_who_may_enter_is_as_the_kernel_has_it(folder: Path, bits: int, uid: int, gid: int) -> None:
    inner = folder / "inner"
    inner.mkdir()
    (inner / "file").write_text("x")
    (inner / "file").chmod(0o644)
    mode(inner, bits, uid, gid)
    reader = FileReader("edged", 990, "edged", frozenset({990}), DEFAULT_CONFIG)
    assert may_enter(inner.stat(), 990, {990}) is not bool(barred(reader, [inner / "file"]))


def test_the_first_directory_that_bars_the_way_is_named(folder: Path) -> None:
    inner = folder / "inner" / "viewings"
    inner.mkdir(parents=True)
    inner.chmod(0o711)
    uid = 4_000_000_000
    inner.parent.chmod(0o755)
    assert barrier(inner, uid) is None
    inner.parent.chmod(0o700)
    assert barrier(inner, uid) == inner.parent
    assert barrier(inner, 0) is None
