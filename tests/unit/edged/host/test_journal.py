"""What the journal gets: these fields and no others, each record whole, and never a wait."""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.host import journal
from edged.host.journal import PERSONAL, JournalHandler, LineFormatter, MessageId
from edged.main.start import run
from edged.words import exit_codes

CATALOG: Final = Path(__file__).parents[4] / "systemd" / "edged.catalog"
MORE_THAN_FITS: Final = 3000
"""A datagram socket holds a few hundred."""


def parsed(data: bytes) -> dict[str, str]:
    """As the journal reads it."""
    found = {}
    while data:
        name, _, data = data.partition(b"\n")
        assert b"=" not in name, "all lengths are in front"
        length = int.from_bytes(data[:8], "little")
        found[name.decode()], data = data[8 : 8 + length].decode(), data[9 + length :]
    return found


def record(words: str, *told: object, **more: object) -> logging.LogRecord:
    made = logging.getLogger("edged.test").makeRecord(
        "edged.test", logging.WARNING, "x.py", 1, words, told, None, extra=more
    )
    assert isinstance(made, logging.LogRecord)
    return made


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[tuple[socket.socket, JournalHandler]]:
    """A journal, and who speaks to it."""
    address = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind(address)
        there.setblocking(False)
        handler = JournalHandler(address)
        yield there, handler
        handler.close()


@given(st.text())
def test_no_text_makes_a_field_of_its_own(text: str) -> None:
    hostile = text + "\nMESSAGE_ID=" + "0" * 32 + "\nPRIORITY\n"
    found = parsed(journal.datagram(journal.fields(record("x"), hostile)))
    assert found.keys() == {"MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER"}
    assert found["MESSAGE"] == hostile.encode("utf-8", "backslashreplace").decode()


def test_neither_arguments_nor_other_attributes_are_sent(heard: tuple[socket.socket, JournalHandler]) -> None:
    there, handler = heard
    secret = record("%s is not shown", {"lobby": "hunter2"}, password="hunter2")
    secret.msg, secret.args = "opened", ({"pass": "hunter2"},)
    secret.args = None
    handler.emit(secret)
    assert parsed(there.recv(1 << 20)) == {
        "MESSAGE": "edged.test: opened",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "edged",
    }


def test_an_alarm_is_found_by_its_number_and_its_key(heard: tuple[socket.socket, JournalHandler]) -> None:
    there, handler = heard
    cases = {
        "camera.down:lobby": (MessageId.CAMERA_DOWN, MessageId.CAMERA_BACK),
        "storage.away:7b1e": (MessageId.VOLUME_AWAY, MessageId.VOLUME_BACK),
        "storage.slow": (MessageId.ALARM_RAISED, MessageId.ALARM_CLEARED),
    }
    for key, numbers in cases.items():
        for number, extra in zip(numbers, (journal.raised(key), journal.cleared(key)), strict=True):
            handler.emit(record("x", **extra))
            found = parsed(there.recv(1 << 20))
            assert (found["MESSAGE_ID"], found["EDGED_ALARM"]) == (number, key)


def test_a_journal_that_stands_still_is_not_waited_for(heard: tuple[socket.socket, JournalHandler]) -> None:
    """What it did not take is told with the next that it takes."""
    there, handler = heard
    for number in range(MORE_THAN_FITS):
        handler.emit(record("line %d", number))
    taken = 0
    while True:
        try:
            there.recv(1 << 20)
        except BlockingIOError:
            break
        taken += 1
    handler.emit(record("the next"))
    told, after = parsed(there.recv(1 << 20)), parsed(there.recv(1 << 20))
    assert told["MESSAGE"] == f"the journal did not take {MORE_THAN_FITS - taken} lines before this one"
    assert after["MESSAGE"] == "edged.test: the next"
    with pytest.raises(BlockingIOError):
        there.recv(1)


@pytest.mark.parametrize("marked", [True, False])
def test_a_trace_of_a_line_that_may_name_somebody_has_no_words(marked: bool) -> None:
    """Where it failed and how, and what it failed with only where no person is meant."""
    try:
        try:
            int("chen")
        except ValueError as first:
            raise KeyError("lin") from first
    except KeyError as error:
        line = record("failed")
        line.exc_info = (type(error), error, error.__traceback__)
        vars(line).update(PERSONAL if marked else {})
    text = LineFormatter("%(message)s").format(line)
    assert text.startswith("failed\n")
    assert [word in text for word in ("ValueError", "KeyError", "test_journal.py")] == [True] * 3
    assert ("'chen'" in text, "'lin'" in text) == (not marked, not marked)


def test_a_journal_that_is_gone_and_a_line_too_long_stop_nothing(tmp_path: Path) -> None:
    handler = JournalHandler(str(tmp_path / "none"))
    handler.emit(record("x" * 10_000_000))
    handler.emit(record("%d", "no number"))
    handler.close()


def test_the_journal_is_told_from_where_only_its_variable_was_left(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        there = os.fstat(file.fileno())
        variable = {journal.STREAM_VARIABLE: f"{there.st_dev}:{there.st_ino}"}
        assert journal.is_journal(file.fileno(), variable)
        assert not journal.is_journal(file.fileno(), {journal.STREAM_VARIABLE: "1:2"})
        assert not journal.is_journal(file.fileno(), {})


def test_the_catalog_explains_each_number_and_no_other() -> None:
    entries = re.split(r"^-- ", CATALOG.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert sorted(entry[:32] for entry in entries) == sorted(MessageId)
    for entry in entries:
        assert re.match(r"[0-9a-f]{32}\nSubject: .+\nDefined-By: edged\nDocumentation: \S+\n\n\S", entry), entry


def test_a_configuration_that_ends_a_start_is_as_grave_in_the_journal_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Printed it would be of no priority, and whoever asks for errors would hear systemd's words alone."""
    monkeypatch.setattr(journal, "set_up", lambda _: None)
    monkeypatch.setattr(journal, "is_journal", lambda _: True)
    assert run(tmp_path / "none.toml", verbose=False) == exit_codes.CONFIG
    (record,) = caplog.records
    assert (record.levelname, record.mark.told) == ("CRITICAL", MessageId.FATAL)  # type: ignore[attr-defined]
    assert "there is no such file" in record.getMessage()
