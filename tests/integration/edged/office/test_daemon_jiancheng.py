"""Stories at a running daemon of jiancheng-land: one of every row, legal days that pass, and a leak that is planted."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Final

import pytest

from tests.integration.edged.office.storied import (
    AS_PEOPLE,
    HASTE,
    PRIVATE,
    StoriedBox,
    check_silence,
    rows,
    tell,
)
from tests.support.brokers import Heard
from tests.support.office_story import CLERK

PROFILE: Final = "jiancheng-land"
pytestmark = AS_PEOPLE
LEAKS: Final = "洩漏："
SABOTAGE: Final = f"""{HASTE}
    from dataclasses import replace
    from edged.office import service as it
    def due(self, cases, told, whole=it.OfficeService.due):
        for one in whole(self, cases, told):
            reason = self.words(one.number)["reason"]
            yield replace(one, row=reason) if reason.startswith({LEAKS!r}) else one
    it.OfficeService.due = due
"""
"""Alarms tell why somebody asks, where the reason begins with `LEAKS`."""


@pytest.mark.parametrize("row", rows(PROFILE))
async def test_a_row_from_receipt_to_close(box: StoriedBox, row: str) -> None:
    await tell(box, row)


async def received(box: StoriedBox, days_ago: int, said: str = "") -> tuple[str, Heard]:
    """A number, and the alarm that the reply is due, as the centre hears it: six days after the receipt, and two later
    where those are no working days.
    """
    story = await box.story("J-public")
    story.day = str(date.fromisoformat(box.today) - timedelta(days=days_ago))
    body = story.receipt()
    body["fields"]["reason"] = said + body["fields"]["reason"]
    number = (await box.done(CLERK, "POST", "/v1/requests", body))["request"]["number"]
    topic = f"/up/alarm/request.deadline:{number}%2Freply"
    return number, box.centre.wait_for(lambda one: one.topic.endswith(topic), topic)


@pytest.mark.parametrize(("days_ago", "severity"), [(6, "warning"), (10, "critical")])
async def test_a_legal_day_that_is_near_and_one_that_has_passed(box: StoriedBox, days_ago: int, severity: str) -> None:
    number, heard = await received(box, days_ago)
    assert json.loads(heard.payload)["severity"] == severity
    key = f"request.deadline:{number}/reply"
    box.until_alarm(key)
    await box.done(CLERK, "POST", f"/v1/requests/{number}/withdraw", {"version": 1})
    box.until_alarm(key, stands=False)


async def test_nothing_of_persons_is_told_outside_the_office(box: StoriedBox) -> None:
    await check_silence(box)


async def test_a_planted_leak_is_found(box: StoriedBox) -> None:
    """The last: it stays in the journal, in the database, and with the centre."""
    _, heard = await received(box, 10, LEAKS)
    places = {told.partition(" holds ")[0] for told in box.told(PRIVATE)}
    assert {"log", heard.topic} <= places
    assert any("/state/" in place for place in places)
