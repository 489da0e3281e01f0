"""Passwords come from a file or a systemd credential, and no message tells what is in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edged.config import load as configuration
from edged.config.secrets import MAX_SECRET_BYTES, SecretError, credential, find
from edged.host import accounts
from edged.host.accounts import HostAccount


def put(path: Path, data: bytes, mode: int = 0o600) -> None:
    path.write_bytes(data)
    path.chmod(mode)


@pytest.mark.parametrize(
    ("data", "secret"),
    [
        (b"word", "word"),
        (b"word\n", "word"),
        (b"word\r\n", "word"),
        (b" w ord ", " w ord "),
        ("密碼\n".encode(), "密碼"),
        ("密碼\n".encode("utf-8-sig"), "密碼"),
    ],
)
def test_one_newline_at_the_end_is_not_part_of_it(tmp_path: Path, data: bytes, secret: str) -> None:
    put(tmp_path / "p", data)
    found = find("p", tmp_path, {})
    assert found.value.get_secret_value() == secret
    assert found.warning == ""
    assert secret not in repr(found)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"geheim\nzwei\n", "more than one line"),
        (b"geheim\n\n", "more than one line"),
        (b"geheim\x00", "cannot be typed"),
        (b"geheim\xff", "not UTF-8"),
        (b"geheim" * MAX_SECRET_BYTES, "longer than"),
    ],
)
def test_what_is_no_password_is_refused_unseen(tmp_path: Path, data: bytes, words: str) -> None:
    put(tmp_path / "p", data)
    with pytest.raises(SecretError, match=words) as refused:
        find("p", tmp_path, {})
    assert "geheim" not in str(refused.value)


def test_no_file_and_no_ordinary_file(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="there is no file"):
        find("none", tmp_path, {})
    with pytest.raises(SecretError, match="is not a file"):
        find(".", tmp_path, {})
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SecretError, match="is not a file"):
        find("fifo", tmp_path, {})
    with pytest.raises(SecretError, match="cannot be opened"):
        find("nul\0", tmp_path, {})


def test_a_file_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    for name, instead in (("edged", "chown root:edged"), ("linda", "as root, or with sudo")):
        monkeypatch.setattr(accounts, "account", lambda _, name=name: HostAccount(name))
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        with pytest.raises(SecretError, match=f"may not be read by the account {name}; .*{instead}"):
            find("p", tmp_path, {})


@pytest.mark.parametrize(("name", "instead"), [("edged", configuration.READABLE), ("linda", accounts.AS_ROOT)])
def test_a_configuration_of_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, instead: str
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(accounts, "account", lambda _: HostAccount(name))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(Path, "open", refuse)
    (problem,) = configuration.check(tmp_path / "edged.toml", {})[0]
    assert (problem.problem.startswith(f"cannot be read by the account {name}"), problem.instead) == (True, instead)


def test_a_file_that_everybody_can_read_is_warned_of(tmp_path: Path) -> None:
    put(tmp_path / "p", b"word", 0o604)
    assert "everybody on this machine can read" in find("p", tmp_path, {}).warning
    put(tmp_path / "p", b"word", 0o640)
    assert find("p", tmp_path, {}).warning == ""


def test_a_systemd_credential_comes_first(tmp_path: Path) -> None:
    credentials, folder = tmp_path / "credentials", tmp_path / "etc"
    credentials.mkdir()
    folder.mkdir()
    environ = {"CREDENTIALS_DIRECTORY": str(credentials)}
    put(folder / "p", b"from the file")
    assert find("p", folder, environ).value.get_secret_value() == "from the file"
    put(credentials / "p", b"from systemd", 0o444)
    found = find("p", folder, environ)
    assert (found.value.get_secret_value(), found.warning) == ("from systemd", "")
    assert find(str(folder / "p"), folder, environ).value.get_secret_value() == "from the file"
    with pytest.raises(SecretError, match="there is no file"):
        find("../credentials/none", folder, environ)


def test_a_key_that_systemd_hands_over_is_found_where_it_lies(tmp_path: Path) -> None:
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert credential("ledger.key", environ) is None
    assert credential("ledger.key", {}) is None
    (tmp_path / "ledger.key").write_bytes(b"")
    assert credential("ledger.key", environ) == tmp_path / "ledger.key"
