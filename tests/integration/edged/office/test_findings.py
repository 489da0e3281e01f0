"""Clauses about requests follow what happens at the counter: what breaks one is told at the next look, and it returns
once it is put right and an auditor has closed it. Over the real calls, guard, database, ledger and watches.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from storage.approvals.table import Person
from storage.exports.model import ExportOrder
from storage.pins.rules import Ground, Interval, Limits, PinOrder
from tests.integration.edged.office.test_stories import CAMERA, SECTION, story
from tests.support.counter import Counter, opened
from tests.support.office_story import CLERK, DECIDES, SECOND, Story, number_of, staffed

AUDITOR: Final = "audit"
DAY_MS: Final = 86_400_000
KEPT_MS: Final = 1096 * DAY_MS
"""A form of Wenshan."""


@asynccontextmanager
async def office(root: Path, name: str) -> AsyncIterator[Counter]:
    """Opened, with footage and every post held."""
    async with opened(root, name, {CAMERA: "教務處" if name == "nangang-school" else ""}) as counter:
        counter.box.segment(CAMERA, 300)
        await staffed(counter, name, SECTION)
        yield counter


async def clause(counter: Counter, name: str) -> Any:
    """As it stands now."""
    await counter.look()
    (found,) = (await counter.done(AUDITOR, "GET", f"/v1/compliance?clause={name}"))["compliance"]
    return found


async def status(counter: Counter, name: str) -> str:
    return str((await clause(counter, name))["status"])


async def close(counter: Counter, finding: str, who: str = AUDITOR) -> int:
    return (await counter.ask(who, "POST", "/v1/compliance/close", {"finding": finding, "reason": "已檢討"})).status


async def until(counter: Counter, told: Story, last: str) -> None:
    """Up to this step, which is left out."""
    await told.receive()
    async for step in told.steps():
        if step[1] == last:
            return
        await told.do(step)


async def version(told: Story) -> int:
    return int((await told.now())["version"])


async def test_a_late_reply(memory: Path) -> None:
    """W7. While there is none nobody closes it; and while the finding is open the persons of its case stay."""
    async with office(memory, "wenshan-household") as counter:
        before = await clause(counter, "W7")
        assert (before["status"], before["basis"]) == ("met", "enforced")
        assert any("本期無案件" in one for one in before["evidence"])
        told = story(counter, "wenshan-household", "W-public")
        await until(counter, told, "reply")
        counter.box.clock.tick(20 * DAY_MS)
        finding = f"W7-{told.number}"
        broken = await clause(counter, "W7")
        assert (broken["status"], broken["findings"][0]["stands"]) == ("not-met", True)
        assert await status(counter, "W5") == "met", "another row"
        assert await close(counter, finding) == 409
        await counter.done(CLERK, "POST", f"/v1/requests/{told.number}/reply", {"version": await version(told)})
        broken = await clause(counter, "W7")
        assert (broken["status"], broken["findings"][0]["stands"]) == ("not-met", False)
        await counter.done(CLERK, "POST", f"/v1/requests/{told.number}/close", {"version": await version(told)})
        counter.box.clock.tick(KEPT_MS)
        case = counter.office.cases.case(told.number)
        assert list(counter.office.to_erase([case])) == []
        for who in (CLERK, "wang", "root", "tech"):
            assert await close(counter, finding, who) == 403
        assert await close(counter, "W7-115-9999") == 404
        assert await close(counter, finding) == 200
        after = await clause(counter, "W7")
        assert (after["status"], after["findings"][0]["id"]) == ("met", finding)
        assert after["findings"][0]["closed"]
        assert await close(counter, finding) == 404, "it is closed"
        assert [one.number for one in counter.office.to_erase([case])] == [told.number]
        assert [one.breaches for one in counter.office.record().closed] == [frozenset({"late-reply"})]


async def test_a_viewing_copy_that_cannot_be_removed(memory: Path) -> None:
    """J5. Others may write to its directory, so edged touches nothing; it stays a finding once that is mended."""
    async with office(memory, "jiancheng-land") as counter:
        told = story(counter, "jiancheng-land", "J-public")
        await until(counter, told, "close")
        assert await status(counter, "J5") == "met"
        second = story(counter, "jiancheng-land", "J-agency")
        await second.receive()
        async for step in second.steps():
            if step[1] == "view" and step[3]["step"] == "end":
                base = counter.copies.laid[second.number].directory.parent
                base.chmod(0o777)
            await second.do(step)
            if step[1] == "view" and step[3]["step"] == "end":
                break
        broken = await clause(counter, "J5")
        assert (broken["status"], broken["findings"][0]["stands"]) == ("not-met", True)
        finding = broken["findings"][0]["id"]
        assert await close(counter, finding) == 409
        base.chmod(0o711)
        broken = await clause(counter, "J5")
        assert (broken["status"], broken["findings"][0]["stands"]) == ("not-met", False)
        assert await close(counter, finding) == 200
        assert await status(counter, "J5") == "met"


async def test_a_refusal_without_a_review(memory: Path) -> None:
    """P11. Nobody closes a finding about himself, by whatever account he comes."""
    async with office(memory, "taipei-police") as counter:
        told = story(counter, "taipei-police", "P-public")
        await told.receive()
        async for step in told.steps():
            if step[1] == "grant":
                who, _, _, body = step
                refused = {"version": body["version"], "signer": body["signer"], "reason": "事由不足"}
                await counter.done(who, "POST", f"/v1/requests/{told.number}/refuse", refused)
                break
            if step[1] != "check":
                await told.do(step)
        finding = f"P11-{told.number}"
        assert await status(counter, "P11") == "not-met"
        await counter.agreed(SECOND, "wang", f"/v1/persons/{number_of(CLERK)}/tie", {"account": AUDITOR})
        assert await close(counter, finding) == 409, "who entered the paper is the auditor now"
        await counter.agreed(SECOND, "wang", f"/v1/persons/{number_of(CLERK)}/tie", {"account": CLERK})
        assert await close(counter, finding) == 200
        assert await status(counter, "P11") == "met"


async def test_a_field_that_stays_empty(memory: Path) -> None:
    """D4 and D5, each closed by itself; D7 does not mind."""
    async with office(memory, "dahu-township") as counter:
        told = story(counter, "dahu-township", "D-person")
        await told.receive()
        bare = {"version": await version(told), "fields": {"phone": ""}}
        await counter.done(CLERK, "POST", f"/v1/requests/{told.number}/supplement", bare)
        async for step in told.steps():
            await told.do(step)
        assert [await status(counter, name) for name in ("D4", "D5", "D7")] == ["not-met", "not-met", "met"]
        assert await close(counter, f"D5-{told.number}") == 200
        assert [await status(counter, name) for name in ("D4", "D5")] == ["not-met", "met"]
        assert await close(counter, f"D4-{told.number}") == 200
        assert await status(counter, "D4") == "met"


async def test_a_viewing_that_a_restart_cut_off(memory: Path) -> None:
    """N1. It may be resumed that day; the day after nobody knows whether somebody filmed."""
    async with office(memory, "nangang-school") as counter:
        told = story(counter, "nangang-school", "N-member")
        await told.receive()
        async for step in told.steps():
            await told.do(step)
            if step[1] == "view" and step[3]["step"] == "open":
                break
        assert await status(counter, "N1") == "met", "the first look of a run cuts what an earlier one left open"
        assert (await told.now())["viewings"][0]["state"] == "cut"
        counter.box.clock.tick(DAY_MS)
        assert await status(counter, "N1") == "not-met"
        assert await close(counter, f"N1-{told.number}") == 200
        assert [await status(counter, name) for name in ("N1", "N7")] == ["met", "not-met"]


async def test_a_post_that_nobody_holds_any_more_and_a_copy_that_belongs_to_no_request(memory: Path) -> None:
    """D1, D5. The first comes right by itself; the second is planted past the guard, as a hole in it would do it."""
    async with office(memory, "dahu-township") as counter:
        assert (await clause(counter, "D1"))["findings"] == []
        held = {"person": number_of(DECIDES), "post": "機關首長", "unit": ""}
        await counter.agreed(CLERK, "wang", "/v1/posts/hold", {**held, "ends": True})
        assert await status(counter, "D5") == "not-met"
        await counter.agreed(CLERK, "wang", "/v1/posts/hold", held)
        assert await status(counter, "D5") == "met"
        exports, now_ms = counter.box.store.exports, counter.box.clock.now().wall_ms
        order = ExportOrder((CAMERA,), Interval(now_ms - 3_600_000, now_ms), False, 0, 0, None, False)
        made = exports.begin(order, {}, 1, {"who": AUDITOR, "reason": "x"})
        exports.finish(made.id, "0" * 64, 1, AUDITOR)
        told = await clause(counter, "D1")
        assert [one["id"] for one in told["findings"]] == [f"D1-{made.id}"]
        assert await close(counter, f"D1-{made.id}") == 409, "he made it himself"


async def rest(told: Story, *steps: str) -> None:
    """What is left of these steps."""
    async for step in told.steps():
        if step[1] in steps:
            await told.do(step)


async def stands(counter: Counter, name: str) -> tuple[str, list[bool]]:
    """A clause, and whether its open findings go on."""
    found = await clause(counter, name)
    return found["status"], [one["stands"] for one in found["findings"] if not one["closed"]]


async def test_a_row_of_the_log_book_that_nobody_signs(memory: Path) -> None:
    """J11. It may be signed once the case is closed, too."""
    async with office(memory, "jiancheng-land") as counter:
        before = await clause(counter, "J11")
        assert (before["status"], before["basis"]) == ("met", "recorded")
        assert any("本期無案件" in one for one in before["evidence"])
        told = story(counter, "jiancheng-land", "J-public")
        await until(counter, told, "entry")
        await rest(told, "close")
        assert await stands(counter, "J11") == ("met", [])
        counter.box.clock.tick(30 * DAY_MS)
        finding = f"J11-{told.number}"
        assert await stands(counter, "J11") == ("not-met", [True])
        assert await status(counter, "J8") == "met"
        assert await close(counter, finding) == 409
        await rest(told, "entry")
        assert await stands(counter, "J11") == ("not-met", [False])
        assert await close(counter, finding) == 200
        assert await stands(counter, "J11") == ("met", [])


async def closed_without_file(counter: Counter, name: str, row: str) -> Story:
    """Withdrawn, answered and closed; nobody has said where it is filed."""
    told = story(counter, name, row)
    await told.receive()
    for step in ("withdraw", "reply", "close"):
        await told.do((CLERK, step, step, {"version": await version(told)}))
    return told


@pytest.mark.parametrize(
    ("name", "row", "asking"),
    [("taipei-police", "P-public", "P8"), ("dahu-township", "D-person", "D3"), ("jiancheng-land", "J-agency", "J11")],
)
async def test_a_case_that_has_no_file(memory: Path, name: str, row: str, asking: str) -> None:
    async with office(memory, name) as counter:
        assert await stands(counter, asking) == ("met", [])
        told = await closed_without_file(counter, name, row)
        counter.box.clock.tick(30 * DAY_MS)
        finding = f"{asking}-{told.number}"
        assert await stands(counter, asking) == ("not-met", [True])
        assert await close(counter, finding) == 409
        await told.do((CLERK, "close", "close", {"version": await version(told), "filed_as": "115-0301"}))
        assert await stands(counter, asking) == ("not-met", [False])
        assert await close(counter, finding) == 200
        assert await stands(counter, asking) == ("met", [])


async def test_a_list_that_nobody_answers(memory: Path) -> None:
    """W10. The finding itself keeps nobody from answering."""
    async with office(memory, "wenshan-household") as counter:
        told = await closed_without_file(counter, "wenshan-household", "W-public")
        counter.box.clock.tick(KEPT_MS + 29 * DAY_MS)
        assert await stands(counter, "W10") == ("met", [])
        counter.box.clock.tick(2 * DAY_MS)
        finding = f"W10-{told.number}"
        assert await stands(counter, "W10") == ("not-met", [True])
        assert await close(counter, finding) == 409
        await counter.agreed(CLERK, "wang", f"/v1/requests/{told.number}/expire", {})
        assert await stands(counter, "W10") == ("not-met", [False])
        assert await close(counter, finding) == 200
        assert await stands(counter, "W10") == ("met", [])
        counter.box.clock.tick(DAY_MS)
        assert [one["id"] for one in (await clause(counter, "W10"))["findings"]] == [finding]


async def test_a_list_begins_when_the_last_pin_of_its_case_has_ended(memory: Path) -> None:
    """W10."""
    async with office(memory, "wenshan-household") as counter:
        told = await closed_without_file(counter, "wenshan-household", "W-public")
        pins, clock = counter.box.store.pins, counter.box.clock
        clock.tick(KEPT_MS + 40 * DAY_MS)
        now_ms = counter.box.segment(CAMERA, 300).end.wall_ms
        footage = Interval(now_ms - 300_000, now_ms)
        order = PinOrder((CAMERA,), footage, Ground.INTERNAL, "", told.number, "主任", DAY_MS)
        pins.place(order, Person(4711, "chen"), Limits(2 * DAY_MS, 50.0))
        assert await stands(counter, "W10") == ("met", [])
        clock.tick(4 * DAY_MS)
        pins.maintain(dict)
        assert await stands(counter, "W10") == ("met", [])
        clock.tick(30 * DAY_MS)
        assert await stands(counter, "W10") == ("not-met", [True])
