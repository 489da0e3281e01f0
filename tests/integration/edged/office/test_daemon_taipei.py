"""Stories at a running daemon of taipei-police: before its office is opened, then one of every row."""

from __future__ import annotations

from typing import Final

import pytest

from tests.integration.edged.office.storied import (
    AS_PEOPLE,
    SNAPSHOT,
    StoriedBox,
    check_silence,
    export_of,
    leave,
    recorded,
    rows,
    staff,
    tell,
)
from tests.support.counter import Reply
from tests.support.office_story import CLERK, SECOND
from tests.support.people import Call, called

PROFILE: Final = "taipei-police"
pytestmark = AS_PEOPLE


async def test_before_it_is_opened_each_copy_and_picture_takes_a_second_person(unopened: StoriedBox) -> None:
    box = unopened
    box.until(box.daemon.files, "there is footage")
    box.until_alarm("office.not-opened")

    async def permitted(method: str, path: str, body: object = None) -> Reply:
        """What comes of it once another person agreed."""
        first = await box.ask(CLERK, method, path, body)
        assert first.code == "office.not-opened"
        act = f"/v1/acts/{first.document['action_values']['act']}/approve"
        assert not (await box.ask(CLERK, "POST", act)).ok
        await box.done("wang", "POST", act)
        assert (await box.ask(SECOND, method, path, body)).code == "office.not-opened", "it is the asker's alone"
        given = await box.ask(CLERK, method, path, body)
        assert (await box.ask(CLERK, method, path, body)).code == "office.not-opened", "it is for once"
        return given

    wanted = export_of(await recorded(box))
    export = (await permitted("POST", "/v1/exports", wanted)).document["export"]
    assert (await permitted("GET", SNAPSHOT)).status == 200
    view = {"step": "open", "version": 1}
    assert (await box.ask(CLERK, "POST", "/v1/requests/115-0001/view", view)).code == "office.open-first"
    assert (await box.ask(CLERK, "POST", "/v1/office/open", {})).code == "office.lacking"

    await staff(box)
    box.until_alarm("office.not-opened", stands=False)
    assert (await box.ask(CLERK, "POST", "/v1/office/open", {})).code == "office.open-already"
    assert (await box.ask(CLERK, "POST", "/v1/exports", wanted)).code == "office.copy-by-request"
    live = box.people[CLERK].do(called, box.daemon.socket, Call("GET", SNAPSHOT))
    assert (live.status, live.kind, live.body[:2]) == (200, "image/jpeg", b"\xff\xd8")
    told = box.daemon.ctl("verify", str(leave(box, export)))
    assert (told.code, told.document["intact"]) == (0, True), "what was begun before is finished"


@pytest.mark.parametrize("row", rows(PROFILE))
async def test_a_row_from_receipt_to_close(box: StoriedBox, row: str) -> None:
    await tell(box, row)


async def test_nothing_of_persons_is_told_outside_the_office(box: StoriedBox) -> None:
    await check_silence(box)
