"""Words that stand elsewhere, too: all causes of gaps have those of evidence; errors of the system have its own."""

from __future__ import annotations

import errno
import os

import pytest

from edged.evidence import verify
from edged.words.catalogue import Language, Reader
from storage.words.errors import SYSTEM, said
from storage.words.message import Message, message
from storage.words.model import GAP_CAUSES, GapCause


@pytest.mark.parametrize(("language", "column"), [("zh_TW", 0), ("en", 1)])
def test_a_cause_is_called_the_same_on_screens_and_in_evidence(language: Language, column: int) -> None:
    read = Reader(language)
    assert set(GAP_CAUSES) == set(GapCause)
    for cause, words in GAP_CAUSES.items():
        assert words.code == f"gap.{cause.value}"
        assert read(words) == verify.CAUSES[cause.value][column]


@pytest.mark.parametrize("number", SYSTEM)
def test_an_error_of_the_system_is_told_in_its_own_words(number: int) -> None:
    assert said(OSError(number, os.strerror(number))) == os.strerror(number)


def test_what_was_raised_under_a_number_of_the_system_keeps_its_own_words() -> None:
    """A volume that is not mounted is no device that is missing."""
    why = message("volume.not-mounted-here", "no volume is mounted here")
    assert said(OSError(errno.ENODEV, why)) is why
    assert said(OSError(errno.EPERM, "certificate verify failed")) == "certificate verify failed"


def test_what_is_not_known_is_told_all_the_same() -> None:
    assert said(OSError("odd")) == "odd"
    assert said(OSError()) == "OSError"
    assert said(OSError(9_999, "odd")) == Message("odd")
