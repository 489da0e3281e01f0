"""`edgectl alarms ack` against the control socket and a real store: on record, shown at once, told to the centre."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from edged.api import alarms
from edged.cli.main import main
from edged.words import exit_codes
from storage.outbox.table import EventKind
from storage.words.message import Message
from storage.words.model import Severity
from tests.integration.edged.cli.test_control import Site
from tests.support.office import DEADLINE_S, Office
from tests.support.roles import Memory, control_socket, guard

KEY: Final = "camera.down:lobby"


class Box:
    """A control socket whose alarms are real."""

    def __init__(self, folder: Path) -> None:
        self.office = Office(folder)
        self.journal = Memory()
        self.socket = folder / "control.sock"
        self.looks = 0

    async def look_at_alarms(self) -> None:
        self.looks += 1

    async def ctl(self, *words: str) -> int:
        site: Any = self
        routes = alarms.routes(site, self.office.store)
        control = control_socket(Site(), self.socket, guard(journal=self.journal), routes)
        await control.listen()
        try:
            return await asyncio.to_thread(main, ["--socket", str(self.socket), *words])
        finally:
            await control.stop()

    def told(self) -> list[str]:
        return [event.body["what"] for event in self.office.store.outbox.following(EventKind.ALARM, 0, 100)]

    def raised(self) -> None:
        raised = self.office.store.alarms.raised(
            KEY, Severity.CRITICAL, Message("lobby is not recorded"), Message("check its cable")
        )
        assert raised.result(DEADLINE_S)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    yield made
    made.office.store.close()


async def test_an_alarm_is_acknowledged_on_record_and_told(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    box.raised()
    assert await box.ctl("alarms", "ack", KEY, "--json") == exit_codes.OK
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["again"]) == ("edged.alarms-ack/1", False)
    assert (document["alarm"]["key"], document["alarm"]["state"]) == (KEY, "raised")
    assert document["alarm"]["acknowledged"]
    found = box.office.store.alarms.find(KEY)
    assert found is not None
    assert found.acknowledged
    (act,) = box.journal.acts
    assert (act.verb, act.result) == ("alarms ack", "done")
    assert act.details == {"alarm": KEY, "occurrence": found.occurrence}
    assert box.told() == ["raised", "acknowledged"]
    assert box.looks == 1, "status shows it at once"


async def test_once_more_says_so_and_changes_nothing(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    box.raised()
    assert await box.ctl("alarms", "ack", KEY) == exit_codes.OK
    assert f"Alarm {KEY} is acknowledged." in capsys.readouterr().out
    assert await box.ctl("alarms", "ack", KEY) == exit_codes.OK
    assert "was acknowledged before; nothing changed" in capsys.readouterr().out
    assert box.told() == ["raised", "acknowledged"]


async def test_what_does_not_stand_is_refused_in_one_sentence(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    assert await box.ctl("alarms", "ack", "camera.down:attic") == exit_codes.USAGE
    assert capsys.readouterr().err == (
        "edgectl: there is no alarm camera.down:attic\n  → `edgectl alarms` lists what stands\n"
    )
    box.raised()
    box.office.store.alarms.cleared(KEY).result(DEADLINE_S)
    assert await box.ctl("alarms", "ack", KEY) == exit_codes.USAGE
    assert f"alarm {KEY} stands no longer" in capsys.readouterr().err
    assert await box.ctl("alarms", "ack", "x" * 201) == exit_codes.USAGE
    assert [act.result for act in box.journal.acts] == ["failed", "failed"]
    assert all("attic" not in str(act.details) for act in box.journal.acts), "what somebody typed is in no leaf"
    assert await box.ctl("alarms", "--json", "ack", KEY) == exit_codes.USAGE
