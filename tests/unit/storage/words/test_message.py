"""Messages as they are kept, and as an earlier version kept their text."""

from __future__ import annotations

import pickle

import pytest

from storage.words.errors import OrderRefused, VolumeRefused
from storage.words.message import Message, as_message, message

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
