"""At the counter, over the real calls and guard: what is typed wrong, who may be there, and nothing half done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from tests.integration.edged.office.test_stories import SECTION, story
from tests.support.counter import Counter, opened
from tests.support.office_story import CLERK, DECIDES, HEAD, PERSONS, SECOND, number_of, staffed

PROFILE: Final = "wenshan-household"
CAMERA: Final = "lobby"


@pytest.fixture
async def counter(memory: Path) -> AsyncIterator[Counter]:
    async with opened(memory, PROFILE, {CAMERA: ""}) as one:
        one.box.segment(CAMERA, 300)
        await staffed(one, PROFILE, SECTION)
        yield one


async def error(counter: Counter, who: str, path: str, body: dict[str, Any]) -> str:
    reply = await counter.ask(who, "POST", path, body)
    assert not reply.ok
    return reply.code


async def test_nobody_asks_for_a_post_or_a_deputy_for_himself_nor_agrees_to_it(counter: Counter) -> None:
    await counter.done(CLERK, "POST", "/v1/persons", {"name": "王君", "unit": ""})
    wang = len(PERSONS) + 1
    await counter.agreed(CLERK, "wang", f"/v1/persons/{wang}/tie", {"account": counter.account("wang")})
    own = {"person": number_of(CLERK), "post": "秘書", "unit": ""}
    assert await error(counter, CLERK, "/v1/posts/hold", own) == "office.own-gift"
    act = (await counter.done(CLERK, "POST", "/v1/posts/hold", own | {"person": wang}))["act"]["id"]
    assert await error(counter, "wang", f"/v1/acts/{act}/approve", {}) == "office.own-gift"
    await counter.done("hsu", "POST", f"/v1/acts/{act}/approve")
    span = {"start": "2026-01-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"}
    deputy = {"person": number_of(CLERK), "post": "秘書", "unit": "", "holder": number_of(HEAD), **span}
    code = await error(counter, CLERK, "/v1/posts/deputise-by-two", deputy)
    assert code == "office.own-gift"


async def test_an_office_whose_companion_has_to_log_in_takes_one_with_an_account(memory: Path) -> None:
    async with opened(memory, PROFILE, {CAMERA: ""}) as counter:
        await staffed(counter, PROFILE, SECTION)
        await counter.agreed(CLERK, "wang", f"/v1/persons/{number_of(SECOND)}/tie", {"account": None})
        lacking = (await counter.done(CLERK, "GET", "/v1/posts"))["lacking"]
        assert {one["code"] for one in lacking} == {"office.companion-account"}


async def test_a_day_that_was_typed_wrong_is_refused(counter: Counter) -> None:
    told = story(counter, PROFILE, "W-public")
    await told.receive()
    yesterday = str(counter.office.today() - timedelta(days=1))
    asked = {"until": yesterday, "reason": "x", "signer": {"post": "管理人員"}}
    path = f"/v1/requests/{told.number}"
    assert await error(counter, HEAD, f"{path}/supplement", asked | {"version": 1}) == "office.day-past"
    at = {"at": f"{yesterday}T10:00:00+08:00", "version": 1}
    assert await error(counter, CLERK, f"{path}/appoint", at) == "office.day-past"
    async for step in told.steps():
        if step[2] == "reply":
            version = step[3]["version"]
            for day in (yesterday, str(counter.office.today() + timedelta(days=1))):
                told_wrong = await error(counter, CLERK, f"{path}/reply", {"day": day, "version": version})
                assert told_wrong in {"office.day-before", "office.day-to-come"}
            break
        await told.do(step)


async def test_who_has_to_be_there_needs_no_role_and_reads_no_words(counter: Counter) -> None:
    """HEAD, who has no role, is made the companion; a wrong opening does not use up that they are there."""
    held = {"person": number_of(HEAD), "post": "系統管理人", "unit": ""}
    await counter.agreed(CLERK, "wang", "/v1/posts/hold", held)
    await counter.done(CLERK, "POST", "/v1/persons", {"name": "員君", "unit": ""})
    there = len(PERSONS) + 1
    await counter.agreed(CLERK, "wang", f"/v1/persons/{there}/tie", {"account": counter.account("nobody")})
    await counter.agreed(CLERK, "wang", "/v1/posts/hold", held | {"person": there})
    told = story(counter, PROFILE, "W-public")
    await told.receive()
    path = f"/v1/requests/{told.number}"
    assert (await counter.ask("nobody", "GET", path)).status == 403, "nothing is granted yet"
    async for step in told.steps():
        if step[1] == "view":
            break
        await told.do(step)
    shown = (await counter.done("nobody", "GET", path))["request"]
    assert shown["private"]
    version = shown["version"]
    assert (await counter.ask("nobody", "POST", f"{path}/check", {"version": version})).status == 403
    body = {"step": "here", "version": version}
    here = (await counter.done("nobody", "POST", f"{path}/view", body))["request"]
    assert {one["value"] for one in here["fields"] if one["name"] == "applicant-id"} == {""}
    show = {"step": "open", "companion": there, "version": version}
    assert await error(counter, CLERK, f"{path}/view", show) == "office.nobody-present"
    assert await error(counter, CLERK, f"{path}/view", show | {"companion": number_of(CLERK)}) == "office.alone"
    await counter.done(CLERK, "POST", f"{path}/view", show | {"present": ["王大明"]})


async def test_closing_does_all_or_nothing(counter: Counter) -> None:
    told = story(counter, PROFILE, "W-agency")
    await told.receive()
    async for step in told.steps():
        if step[2] == "receipt":
            break
        await told.do(step)
    before = await told.now()
    path = f"/v1/requests/{told.number}/close"
    wrong = {"version": before["version"], "filed_as": "115-0301"}
    assert (await counter.ask(CLERK, "POST", path, wrong)).status == 409
    assert await told.now() == before


async def test_all_that_was_granted_is_kept_once_it_is_approved_and_once(counter: Counter) -> None:
    told = story(counter, PROFILE, "W-staff")
    await told.receive()
    async for step in told.steps():
        if step[3].get("keeping"):
            break
        await told.do(step)
    path = f"/v1/requests/{told.number}"

    async def asked(**more: Any) -> dict[str, Any]:
        return {"version": (await told.now())["version"], **more}

    async def todo() -> set[str]:
        return {one["code"] for one in (await told.now())["todo"]}

    refused = await counter.ask(CLERK, "POST", f"{path}/copy", await asked(keep=True))
    assert (refused.code, "--keep" in refused.document["action"]) == ("office.hold-unapproved", True)
    assert "office.todo.hold-sign" in await todo()
    await counter.done(CLERK, "POST", f"{path}/copy", await asked(asks=True))
    await counter.done(DECIDES, "POST", f"{path}/sign", await asked(keeping=True, signer={"post": "主任"}))
    assert "office.todo.hold" in await todo()
    kept = (await counter.done(CLERK, "POST", f"{path}/copy", await asked(keep=True)))["pin"]
    assert {one["camera"] for one in (await told.now())["scope"]} == {CAMERA}
    assert kept["cameras"] == [CAMERA]
    assert not await todo() & {"office.todo.hold", "office.todo.hold-sign"}
    assert await error(counter, CLERK, f"{path}/copy", await asked(keep=True)) == "office.kept-already"


async def test_an_audit_is_looked_at_with_an_auditor_who_says_so(counter: Counter) -> None:
    await counter.done(CLERK, "POST", "/v1/persons", {"name": "稽君", "unit": ""})
    auditor = len(PERSONS) + 1
    await counter.agreed(CLERK, "wang", f"/v1/persons/{auditor}/tie", {"account": counter.account("audit")})
    today = counter.office.today()
    look = {
        "purpose": "audit", "cameras": [CAMERA], "companion": auditor,
        "start": f"{today}T00:00:00+08:00", "end": f"{today}T01:00:00+08:00",
    }  # fmt: skip
    assert await error(counter, CLERK, "/v1/look", look) == "office.look.not-here"
    assert await error(counter, CLERK, "/v1/look", look | {"here": True}) == "office.look.who"
    assert await error(counter, "audit", "/v1/look", look) == "office.look.who"
    await counter.done("audit", "POST", "/v1/look", look | {"here": True})
    assert await error(counter, CLERK, "/v1/look", look | {"companion": number_of(HEAD)}) == "office.look.not-here"
    await counter.done(CLERK, "POST", "/v1/look", look)
    await counter.done(CLERK, "POST", "/v1/look", look | {"over": True})
    assert await error(counter, CLERK, "/v1/look", look) == "office.look.not-here", "once each time"


async def test_who_signs_by_a_post_alone_lengthens_the_time_and_enters_nothing(counter: Counter) -> None:
    told = story(counter, PROFILE, "W-public")
    await told.receive()
    path, signer = f"/v1/requests/{told.number}", {"post": "管理人員"}
    entering = (
        ("reply", {"version": 1, "day": told.day}),
        ("supplement", {"version": 1, "fields": {"reason": "別的"}}),
        ("sign", {"version": 1, "signer": signer | {"person": number_of(HEAD), "day": told.day}}),
    )
    for call, body in entering:
        assert await error(counter, HEAD, f"{path}/{call}", body) == "office.paper-operator"
    later = {"version": 1, "signer": signer, "reason": "影像甚多"}
    shown = await counter.done(HEAD, "POST", f"{path}/reply", later)
    (due,) = shown["request"]["deadlines"]
    assert due["left_days"] >= 30
