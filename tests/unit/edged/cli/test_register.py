"""What `edgectl register` asks of the daemon, what it writes, and which row of the log book is signed by which post."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from edged.cli.client import DaemonClient
from edged.cli.main import main
from edged.documents import registers
from edged.documents.base import Document
from edged.words import exit_codes
from tests.support.samples import SAMPLES
from tests.support.samples_office import SIGNED
from tests.unit.edged.cli.test_request import Daemon

PAGE: Final = "<html>簿</html>".encode()
KINDS: Final[Mapping[str, type[Document]]] = {
    "requests": registers.RequestRegister,
    "viewings": registers.ViewingRegister,
    "copies": registers.CopyRegister,
    "year": registers.YearRegister,
}


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return Daemon(monkeypatch)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Paths and parameters of what was read."""
    calls: list[tuple[str, dict[str, Any]]] = []

    def get(_: DaemonClient, path: str, **query: Any) -> bytes:
        calls.append((path, {name: value for name, value in query.items() if value is not None}))
        return PAGE if query.get("format") else json.dumps(SAMPLES[KINDS[path.rpartition("/")[2]]]).encode()

    monkeypatch.setattr(DaemonClient, "get", get)
    return calls


def run(*words: str) -> int:
    return main(["--lang", "zh_TW", "--socket", "/nowhere", "register", *words])


@pytest.mark.parametrize("name", KINDS)
def test_it_is_shown_or_written_as_a_page_or_a_table(
    asked: list[tuple[str, dict[str, Any]]], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, table = tmp_path / "page.html", tmp_path / "table.csv"
    assert run(name) == run(name, "--page", str(page)) == run(name, "--csv", str(table), "--year", "114") == 0
    at = f"/v1/registers/{name}"
    assert asked == [(at, {}), (at, {"format": "html"}), (at, {"year": 114})]
    assert SAMPLES[KINDS[name]]["title"] in capsys.readouterr().out
    assert page.read_bytes() == PAGE
    assert {stat.S_IMODE(file.stat().st_mode) for file in (page, table)} == {0o600}, "they name persons"
    text = table.read_text("utf-8-sig")
    assert "案號" in text.splitlines()[0]
    assert "115-0042" in text
    assert run(name, "--page", str(page)) == exit_codes.USAGE, "it replaces nothing"
    assert len(asked) == 3


def test_days_are_those_of_an_office(asked: list[tuple[str, dict[str, Any]]]) -> None:
    assert run("viewings", "--from", "115.11.01", "--to", "2026-11-30") == exit_codes.OK
    assert asked == [("/v1/registers/viewings", {"from_": "2026-11-01", "to": "2026-11-30"})]


@pytest.mark.parametrize(
    "words",
    [
        ("requests", "--year", "115", "--from", "115.11.01"),
        ("requests", "--year", "2026"),
        ("year", "--from", "115.11.01"),
        ("copies", "--csv", "x", "--page", "y"),
        ("copies", "--json", "--page", "y"),
        ("sign", "115-0042", "--paper", "3"),
    ],
)
def test_wrong_usage_asks_nothing(asked: list[tuple[str, dict[str, Any]]], words: tuple[str, ...]) -> None:
    assert run(*words) == exit_codes.USAGE
    assert asked == []


def entry(version: int, *lacking: str) -> dict[str, Any]:
    return {"version": version, "use": "view", "signed": [] if lacking else [SIGNED], "lacking": list(lacking)}


@pytest.mark.parametrize(
    ("words", "row", "post"),
    [
        ((), 14, "主管"),
        (("--row", "14"), 14, "主管"),
        (("--row", "16"), 16, ""),
        (("--row", "16", "--post", "管理人員"), 16, "管理人員"),
        (("--post", "管理人員"), 16, "管理人員"),
    ],
)
def test_the_row_and_the_post_are_those_that_can_be_meant(
    daemon: Daemon, words: tuple[str, ...], row: int, post: str
) -> None:
    entries = [entry(12), entry(14, "主管"), entry(16, "管理人員", "主管")]
    daemon.request |= {"entries": entries if words else entries[:2]}
    assert run("sign", "115-0042", *words) == exit_codes.OK
    path, body = daemon.posted[-1]
    assert path == "/v1/requests/115-0042/entry"
    assert (body["entry"], body["signer"]["post"], body["version"]) == (row, post, daemon.request["version"])


@pytest.mark.parametrize(
    ("entries", "words", "code", "said"),
    [
        ([entry(14, "主管"), entry(16, "主管")], (), exit_codes.USAGE, "有多列尚未簽章，請指明哪一列：14、16"),
        ([entry(14), entry(16, "主管")], ("--row", "14"), exit_codes.FAILED, "尚未簽章的列：16"),
        ([], (), exit_codes.FAILED, "尚未簽章的列：–"),
    ],
)
def test_where_it_is_not_clear_what_is_meant_nothing_is_signed(
    daemon: Daemon,
    entries: list[dict[str, Any]],
    words: tuple[str, ...],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    daemon.request |= {"entries": entries}
    assert run("sign", "115-0042", *words) == code
    assert daemon.posted == []
    assert said in capsys.readouterr().err
