"""`edgectl request print`: where the page goes, and what is said of it."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path
from typing import Any, Final

import pytest

from edged.cli.client import DaemonClient
from edged.cli.main import main
from edged.words import exit_codes
from storage.words.message import Message, message

PAGE: Final = "<!doctype html>附表".encode()


class Daemon:
    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.remark: Message | None = None

    def paper(self, path: str, **query: str | None) -> tuple[Message | None, bytes]:
        self.asked.append((path, query))
        return self.remark, PAGE


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Daemon:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.chdir(tmp_path)
    one = Daemon()
    monkeypatch.setattr(DaemonClient, "paper", staticmethod(one.paper))
    return one


def run(*words: str) -> int:
    return main(["--socket", "/nowhere", "request", "print", *words])


@pytest.mark.usefixtures("daemon")
def test_a_paper_is_a_file_of_its_own_for_whoever_printed_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("115-0042") == exit_codes.OK
    file = tmp_path / "115-0042-form.html"
    assert capsys.readouterr().out == f"{file}\n"
    assert file.read_bytes() == PAGE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_which_paper_of_which_copy(daemon: Daemon, tmp_path: Path) -> None:
    assert run("115-0042.branch", "--paper", "receipt", "--copy", "K7Q2", "--out", "r.html") == exit_codes.OK
    assert daemon.asked == [("/v1/requests/115-0042.branch/papers/receipt", {"copy": "K7Q2", "format": None})]
    assert (tmp_path / "r.html").read_bytes() == PAGE
    assert run("115-0042", "--paper", "poem") == exit_codes.USAGE
    assert run("../x") == exit_codes.USAGE
    assert len(daemon.asked) == 1


def test_a_reply_is_text_too_and_no_other_paper(daemon: Daemon, tmp_path: Path) -> None:
    assert run("115-0042", "--paper", "reply", "--text") == exit_codes.OK
    assert [query["format"] for _, query in daemon.asked] == ["text"]
    assert (tmp_path / "115-0042-reply.txt").read_bytes() == PAGE
    assert run("115-0042", "--paper", "slip", "--text") == exit_codes.USAGE
    assert len(daemon.asked) == 1


def test_a_file_that_is_there_stays_without_force(
    daemon: Daemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "115-0042-slip.html"
    file.write_text("mine")
    assert run("115-0042", "--paper", "slip") == exit_codes.USAGE
    assert "exists\n  → print it in its place with --force" in capsys.readouterr().err
    assert not daemon.asked
    assert file.read_text() == "mine"
    assert run("115-0042", "--paper", "slip", "--force") == exit_codes.OK
    assert file.read_bytes() == PAGE
    assert run("115-0042", "--out", "none/x.html", "--force") == exit_codes.USAGE


def test_a_file_that_comes_in_between_stays(
    daemon: Daemon, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "115-0042-slip.html"

    def slow(path: str, **query: str | None) -> tuple[Message | None, bytes]:
        file.write_text("another's")
        return daemon.paper(path, **query)

    monkeypatch.setattr(DaemonClient, "paper", staticmethod(slow))
    assert run("115-0042", "--paper", "slip") == exit_codes.USAGE
    assert "exists" in capsys.readouterr().err
    assert file.read_text() == "another's"
    assert list(tmp_path.iterdir()) == [file]


def test_standard_output_holds_the_page_and_nothing_else(daemon: Daemon, capfdbinary: Any) -> None:
    daemon.remark = message("papers.template", "the template {file} cannot be used: {reason}", file="/p", reason="x")
    assert run("115-0042", "--out", "-") == exit_codes.OK
    told = capfdbinary.readouterr()
    assert told.out == PAGE
    assert told.err == b"edgectl: the template /p cannot be used: x\n"
    assert run("115-0042", "--out", "-", "--json") == exit_codes.USAGE


def test_what_was_written_as_a_document(daemon: Daemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.remark = message("papers.template.utf8", "it is not UTF-8")
    assert run("115-0042", "--json") == exit_codes.OK
    told = json.loads(capsys.readouterr().out)
    assert told["path"] == str(tmp_path / "115-0042-form.html")
    assert told["sha256"] == hashlib.sha256(PAGE).hexdigest()
    assert told["remark"]["code"] == "papers.template.utf8"
