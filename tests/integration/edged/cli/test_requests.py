"""What edgectl puts into request documents: whatever is typed is no traceback, and what is wrong is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from edged.cli.main import main
from edged.words import exit_codes
from tests.integration.edged.cli.answering import Answering, answering
from tests.integration.edged.cli.typed import EVERY, line

LONG: Final = "x" * 5000
LEFT_TO_THE_DAEMON: Final = ("pin add", "pin extend", "pin release")
"""It refuses these in words of its own."""
TYPED: Final = [
    (words, one.name or "")
    for words, command in EVERY.items()
    for one in command.params
    if isinstance(one.type, click.types.StringParamType)
]


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    monkeypatch.chdir(tmp_path)
    with answering(tmp_path / "control.sock") as stand_in:
        yield stand_in


@pytest.mark.parametrize(("words", "named"), TYPED, ids=lambda one: one if isinstance(one, str) else "-".join(one))
@pytest.mark.parametrize("value", ["", LONG], ids=["empty", "long"])
def test_whatever_is_typed_is_no_traceback(
    daemon: Answering,
    words: tuple[str, ...],
    named: str,
    value: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main(["--socket", str(daemon.socket), *line(words, named, value, tmp_path)])
    said = capsys.readouterr().err
    parameter = next(one for one in EVERY[words].params if one.name == named)
    typed = parameter.opts[-1] if isinstance(parameter, click.Option) else parameter.human_readable_name
    assert "String should" not in said
    if value == "" and parameter.required and " ".join(words) not in LEFT_TO_THE_DAEMON:
        assert code == exit_codes.USAGE, (code, said)
        assert typed in said or "is not a time" in said, said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["maintenance", "start", "--reason", ""], "--reason: it is empty: write something"),
        (["maintenance", "start", "--reason", "x" * 201], "--reason: it has 201 characters: write at most 200"),
        (["volume", "retire", ""], "VOLUME: it is empty: write something"),
        (["volume", "replace", "/srv/x", "--reason", ""], "--reason: it is empty: write something"),
        (["volume", "init", ""], "PATH: it is empty: write something"),
        (["faults", "report", "F-1", "--to", "x" * 101], "--to: it has 101 characters: write at most 100"),
        (["faults", "add", "--note", ""], "--note: it is empty: write something"),
        (["snapshot", ""], "it is empty: write the id of a camera"),
        (["export", "--case", ""], "--case: it is empty: write something, or leave it out"),
        (["export", "--max-file", "1kB"], "--max-file: it is too small: at least 65536"),
        (["segments", "--from", ""], '"" is not a time'),
    ],
)
def test_what_is_wrong_is_told_by_the_option_s_name(
    daemon: Answering, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if arguments[0] == "export":
        arguments = [*arguments, "--camera=a", "--from=-2h", "--to=-1h", "--reason=r", "--dry-run"]
    assert main(["--socket", str(daemon.socket), *arguments]) == exit_codes.USAGE
    told = capsys.readouterr().err
    assert said in told
    assert "Usage: edgectl" in told
    assert daemon.asked == [], "nothing was asked of the daemon"
