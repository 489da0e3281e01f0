"""Stories at a running daemon of dahu-township: one of every row, and one that is cut in the middle of its viewing."""

from __future__ import annotations

from typing import Any, Final

import pytest

from storage.office.keys import KEY_NAME
from tests.integration.edged.office.storied import (
    AS_PEOPLE,
    CAMERA,
    ROLES,
    SNAPSHOT,
    SOON_S,
    StoriedBox,
    check_silence,
    directory,
    export_of,
    recorded,
    rows,
    seen,
    tell,
)
from tests.support.office_story import CLERK, Story

PROFILE: Final = "dahu-township"
pytestmark = AS_PEOPLE


@pytest.mark.parametrize("row", rows(PROFILE))
async def test_a_row_from_receipt_to_close(box: StoriedBox, row: str) -> None:
    await tell(box, row)


async def test_sigkill_in_the_middle_of_a_viewing_and_keys_that_nobody_can_read(box: StoriedBox) -> None:
    """The only viewing that the text allows: it is resumed on the same day, and then it is used up."""
    daemon, story = box.daemon, await box.story("D-person")
    await story.receive()
    viewings = f"/v1/requests/{story.number}/view"
    viewing = await _viewed(story)
    span, key = await recorded(box), daemon.state / KEY_NAME
    kept = key.read_bytes()

    daemon.sigkill()
    assert directory(box, story.number).exists()
    key.write_bytes(bytes(len(kept)))
    daemon.start()
    daemon.wait_for_footage([CAMERA], SOON_S)
    box.until_alarm("office.shut")
    box.until(lambda: not directory(box, story.number).exists(), "nothing of the viewing copy lies there any more")
    await _nothing_is_disclosed(box, story.number, span)
    await _all_else_goes_on(box, story.number, span)

    key.write_bytes(kept)
    box.until_alarm("office.shut", stands=False)
    now = await story.now()
    assert [one["state"] for one in now["viewings"]] == ["cut"]
    resumed = await box.done(CLERK, "POST", viewings, {**viewing, "version": now["version"]})
    seen(box, story.number, resumed)
    over = {"version": resumed["request"]["version"], "step": "end", "not_filmed": True}
    ended = (await box.done(CLERK, "POST", viewings, over))["request"]
    assert [one["state"] for one in ended["viewings"]] == ["cut", "ended"]
    third = await box.ask(CLERK, "POST", viewings, {**viewing, "version": ended["version"]})
    assert third.code == "office.used-up"


async def _viewed(story: Story) -> dict[str, Any]:
    """A viewing is open: by which call."""
    async for step in story.steps():
        await story.do(step)
        if step[1] == "view" and step[3]["step"] == "open":
            return step[3]
    raise AssertionError("nothing is viewed in this row")


async def _nothing_is_disclosed(box: StoriedBox, number: str, span: dict[str, str]) -> None:
    of_request, version = f"/v1/requests/{number}", {"version": 1}
    for method, path, body in (
        ("GET", of_request, None),
        ("POST", f"{of_request}/view", {**version, "step": "open"}),
        ("POST", f"{of_request}/copy", version),
        ("POST", "/v1/look", {"purpose": "maintenance", "cameras": [CAMERA], **span}),
        ("POST", "/v1/exports", export_of(span)),
        ("GET", SNAPSHOT, None),
    ):
        assert (await box.ask(CLERK, method, path, body)).code == "office.shut", path


async def _all_else_goes_on(box: StoriedBox, number: str, span: dict[str, str]) -> None:
    before = len(box.daemon.files())
    box.until(lambda: len(box.daemon.files()) > before, "it records")
    wanted = {
        "cameras": [CAMERA], **span, "case": "115-7", "ground": "investigation", "reference": "115-7",
        "approver": "hsu", "until": None, "dry_run": False,
    }  # fmt: skip
    placed = (await box.done(CLERK, "POST", "/v1/pins", wanted))["pin"]
    assert placed["segments"] > 0
    assert [one["state"] for one in await box.pins(number, "request")] == ["approved"]
    for who in ROLES:
        for path in ("/v1/status", "/v1/alarms", "/v1/cameras", "/v1/pins"):
            assert (await box.ask(who, "GET", path)).ok, (who, path)


async def test_nothing_of_persons_is_told_outside_the_office(box: StoriedBox) -> None:
    await check_silence(box)
