"""What edgectl says of a refusal: in the reader's language to a person, with code and values to a program."""

from __future__ import annotations

import json

import click
import pytest

from edged.cli import main as cli
from edged.cli.client import CallError, _refusal
from edged.documents.base import told_in
from edged.documents.site import Error
from edged.words import help_screens
from edged.words.catalogue import Language, Reader
from storage.words.message import Message, message

REFUSED = Error.of(
    message("pin.unknown", "there is no pin {pin}", pin="P-1"),
    message("pin.unknown.action", "`edgectl pin list` shows those there are"),
    64,
)
CHINESE = Reader("zh_TW")


def test_the_daemon_s_refusal_arrives_with_what_it_says() -> None:
    error = _refusal(404, REFUSED.model_dump_json().encode())
    assert (str(error.error), error.error.code, error.error.values) == (
        "there is no pin P-1",
        "pin.unknown",
        {"pin": "P-1"},
    )
    assert CHINESE(error.error) == "沒有證據保存 P-1"
    assert "edgectl pin list" in CHINESE(error.action)
    assert (error.exit_code, error.said) == (64, True)


def test_a_daemon_of_an_earlier_version_is_shown_as_it_wrote() -> None:
    error = _refusal(404, json.dumps({"error": "there is no pin P-1", "action": "look", "exit": 64}).encode())
    assert (CHINESE(error.error), CHINESE(error.action)) == ("there is no pin P-1", "look")


def test_a_message_in_a_message_arrives_too() -> None:
    why = message("volume.no-directory", "there is no such directory")
    told = Error.of(message("volume.refused", "volume {path}: {what}", path="/srv/a", what=why), Message(""), 1)
    error = _refusal(409, told.model_dump_json().encode())
    assert str(error.error) == "volume /srv/a: there is no such directory"
    assert CHINESE(error.error) == "錄影硬碟 /srv/a：沒有這個目錄"


@pytest.mark.parametrize(
    ("words", "language"),
    [
        (["--lang", "zh_TW", "status"], "zh_TW"),
        (["--lang=zh_TW", "status"], "zh_TW"),
        (["--config", "/etc/edged/edged.toml", "--lang", "zh_TW", "status"], "zh_TW"),
        (["--lang", "fr", "status"], "en"),
        (["verify", "--lang", "zh_TW"], "en"),
        (["status"], "en"),
    ],
)
def test_the_language_is_known_also_where_the_line_is_wrong(
    words: list[str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    assert cli._language(words) == language


def test_a_person_reads_it_and_a_program_gets_english(capsys: pytest.CaptureFixture[str]) -> None:
    error = CallError(told_in(REFUSED, "error"), told_in(REFUSED, "action"), 64)
    assert cli._tell(error, ["--lang", "zh_TW", "pin", "list"]) == 64
    assert capsys.readouterr().err.startswith("edgectl: 沒有證據保存 P-1\n  → ")
    cli._tell(error, ["--lang", "zh_TW", "pin", "list", "--json"])
    assert Error.model_validate_json(capsys.readouterr().out) == REFUSED


def test_a_verb_that_is_not_there_is_told_in_the_reader_s_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--lang", "zh_TW", "stauts"]) == 64
    assert '沒有指令 "stauts"；是不是 status？' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("language", "begin"), [("en", "Invalid value for --camera: "), ("zh_TW", "--camera 的值不正確：")]
)
def test_our_words_about_an_option_keep_its_name(language: Language, begin: str) -> None:
    help_screens.speak(language)
    wrong = click.BadParameter(
        message("camera.unknown", "there is no camera {camera}", camera="x"), param_hint="--camera"
    )
    assert cli._read_by(CHINESE, wrong).format_message() == f"{begin}沒有攝影機 x"
    assert cli._read_by(Reader(), wrong).format_message() == wrong.format_message()
