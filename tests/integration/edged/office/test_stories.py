"""Every row of every profile, from receipt to close, over the real calls, guard, acts and database."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from edged.profiles.loader import PROFILES, profile
from edged.profiles.procedures import Use
from tests.support.counter import Counter, opened
from tests.support.office_story import APPLICANT, FILED_AS, Story, staffed

CAMERA: Final = "lobby"
SECTION: Final = {APPLICANT: "第一課"}


def story(counter: Counter, name: str, row: str) -> Story:
    """Over footage of this morning."""
    today = str(counter.office.today())
    procedure = profile(name).procedure(row)
    assert procedure is not None
    return Story(counter, procedure, today, f"{today} 00:00-23:00", CAMERA)


@pytest.mark.parametrize("name", sorted(PROFILES))
async def test_each_row_goes_from_receipt_to_close(memory: Path, name: str) -> None:
    async with opened(memory, name, {CAMERA: "教務處" if name == "nangang-school" else ""}) as counter:
        counter.box.segment(CAMERA, 300)
        await staffed(counter, name, SECTION)
        for row in profile(name).procedures:
            told = story(counter, name, row.row)
            await told.tell()
            assert (await told.now())["status"] == "closed"
        assert counter.box.store.pins.holds() == [], "nothing is held by what is closed and was granted"
        await registered(counter, name)


async def registered(counter: Counter, name: str) -> None:
    """Each request, viewing and copy is in its register, closed, with its words."""
    rows = profile(name).procedures
    read = {
        register: (await counter.done("chen", "GET", f"/v1/registers/{register}"))["rows"]
        for register in ("requests", "viewings", "copies")
    }
    assert [one["row"] for one in read["requests"]] == [row.row for row in rows]
    assert all(one["closed"] and one["replied"] and one["filed_as"] == FILED_AS for one in read["requests"])
    uses = {row.row: [one["use"] for one in read["viewings"] if one["row"] == row.row] for row in rows}
    for row in rows:
        seen = ["look" if Use.LOOK in row.may else "view"] if {Use.VIEW, Use.LOOK} & {*row.may} else []
        kept = ["hold"] if Use.HOLD in row.may else []
        assert uses[row.row] == [*seen, *kept, *(["copy"] if Use.COPY in row.may else [])], row.row
    assert all(not one["lacking"] and one["applicant"] for one in read["viewings"] if one["entry"])
    assert all(one["receiver"] and len(one["fingerprint"]) == 64 for one in read["copies"])


async def test_a_request_of_two_boxes_has_one_number_and_takes_none_of_this_one(memory: Path) -> None:
    """Boxes do not speak with each other: both have a first request of the year."""
    async with opened(memory, "wenshan-household", {CAMERA: ""}) as counter:
        await staffed(counter, "wenshan-household", SECTION)
        told = story(counter, "wenshan-household", "W-public")
        body = told.receipt() | {"number": "115-0001", "box": "wenshan-branch"}
        shown = await counter.done("chen", "POST", "/v1/requests/received", body)
        assert (shown["request"]["number"], shown["request"]["own"]) == ("115-0001.wenshan-branch", False)
        assert (await told.receive())["request"]["number"] == "115-0001"
        again = await counter.ask("chen", "POST", "/v1/requests/received", body)
        assert "known here already" in again.error
        for number, box in (("115", "wenshan-branch"), ("115-0002", "test-node"), ("115-0002", "a/b"), ("", "")):
            wrong = await counter.ask("chen", "POST", "/v1/requests/received", body | {"number": number, "box": box})
            assert wrong.status == 409, wrong
        other = await counter.done("chen", "GET", "/v1/requests/115-0001.wenshan-branch")
        assert other["request"]["held"][0]["camera"] == CAMERA
