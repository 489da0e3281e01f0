"""What carries words of the catalogues with it has those of now: verifier, check of a statement, fleet page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from script.generate import written_words


def test_all_that_carries_words_has_those_of_the_catalogues() -> None:
    assert list(written_words.faults()) == []


def test_another_word_between_the_marks_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = written_words.VERIFIER.read_text("utf-8")
    planted = tmp_path / "verify.py"
    planted.write_text(text.replace("未發現問題", "一切正常"), "utf-8")
    monkeypatch.setattr(written_words, "VERIFIER", planted)
    monkeypatch.setattr(written_words, "ROOT", tmp_path)
    found = dict(written_words.written())
    assert found[planted] == text, "it would be put right"


def test_a_file_without_its_marks_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = tmp_path / "verify.py"
    bare.write_text("WORDS = 1\n")
    monkeypatch.setattr(written_words, "VERIFIER", bare)
    with pytest.raises(ValueError, match="marks"):
        written_words.update()
    assert bare.read_text() == "WORDS = 1\n"


def test_the_page_of_an_export_has_each_word_that_it_asks_for_and_no_other() -> None:
    page = written_words.PAGE.parent
    scripts = "".join((page / name).read_text("utf-8") for name in ("play.js", "check.js"))
    index = (page / "index.html").read_text("utf-8")
    asked = set(re.findall(r"@(?:zh|en):([\w-]+)@", index)) | set(re.findall(r'data-(?:word|label)="([\w-]+)"', index))
    asked |= set(re.findall(r'\bword\("([\w-]+)"', scripts)) | set(re.findall(r'\bwords\.page\["([\w-]+)"\]', scripts))
    assert asked == json.loads(written_words.PAGE.read_text("utf-8")).keys()
    assert not re.search(r"[\u4e00-\u9fff]", scripts), "a word that is in no catalogue"
