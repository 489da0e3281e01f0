"""Messages as they are kept, and as an earlier version kept their text."""

from __future__ import annotations

import json
import pickle

import pytest

from edged.words.catalogue import Reader
from storage.words.errors import OrderRefused, VolumeRefused
from storage.words.message import NOTHING, Message, as_message, in_lines, joined, message

WHY = message("rebuild.older", "it ends with leaf {last}", last=7)
AROUND = message("volume.refused", "volume {path}: {what}", path="/srv/a", what=WHY)


@pytest.mark.parametrize("told", [WHY, AROUND, Message("plain"), Message(""), Message('{"no": message}'), Message("{")])
def test_what_is_kept_as_one_text_comes_back(told: Message) -> None:
    back = Message.recalled(told.kept)
    assert (back, back.code, back.data) == (told, told.code, told.data)


def test_what_an_earlier_version_wrote_is_its_text() -> None:
    assert (Message.recalled("it was gone"), Message.recalled("it was gone").code) == ("it was gone", "")


def test_it_goes_from_one_process_to_another() -> None:
    back = pickle.loads(pickle.dumps(AROUND))  # noqa: S301 - ours
    assert (back, back.code, back.told) == (AROUND, AROUND.code, AROUND.told)


def test_an_error_tells_messages_whatever_it_was_given() -> None:
    refused = OrderRefused(WHY, "look")
    assert (refused.what.code, refused.action.code, str(refused)) == ("rebuild.older", "", f"{WHY}; look")
    assert as_message("look") == refused.action
    assert VolumeRefused(AROUND, "look", WHY).why is WHY
    assert VolumeRefused(AROUND, "look").why is AROUND


def test_many_sentences_are_a_list_however_many_they_are() -> None:
    """As many as there may be cameras: none lies in another, and each is told once."""
    every = [message("system.of", "{place}: {reason}", place=f"ch{n}", reason=WHY) for n in range(256)]
    both, lines = joined([NOTHING, *every]), in_lines(every)
    assert both.split("; ") == lines.split("\n") == every
    assert len(json.dumps(both.told)) < 3 * sum(len(json.dumps(one.told)) for one in every)
    assert Message.of(**json.loads(json.dumps(both.told))).data == both.data
    assert Reader("zh_TW")(joined(every[:2])).count("；") == 1
    assert joined([NOTHING, WHY]) is WHY
    assert joined([NOTHING]) == NOTHING
