"""storage.words.gap_causes and .system_errors: all causes have words, those of evidence; the system's are its own."""

from __future__ import annotations

import os

import pytest

from edged.evidence import verify
from edged.words.catalogue import Language, Reader
from storage.words import system_errors
from storage.words.gap_causes import CAUSES
from storage.words.message import Message
from storage.words.model import GapCause


@pytest.mark.parametrize(("language", "column"), [("zh_TW", 0), ("en", 1)])
def test_a_cause_is_called_the_same_on_screens_and_in_evidence(language: Language, column: int) -> None:
    read = Reader(language)
    assert set(CAUSES) == set(GapCause)
    for cause, words in CAUSES.items():
        assert words.code == f"gap.{cause.value}"
        assert read(words) == verify.CAUSES[cause.value][column]


@pytest.mark.parametrize("number", system_errors.KNOWN)
def test_an_error_of_the_system_is_told_in_its_own_words(number: int) -> None:
    assert system_errors.said(OSError(number, os.strerror(number))) == os.strerror(number)


def test_what_is_not_known_is_told_all_the_same() -> None:
    assert system_errors.said(OSError("odd")) == "odd"
    assert system_errors.said(OSError()) == "OSError"
    assert system_errors.said(OSError(9_999, "odd")) == Message("odd")
