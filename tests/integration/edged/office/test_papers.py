"""Papers of requests over the real calls and guard: what stands on them, and for whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from edged.api.papers import MAKERS
from edged.papers.annexes import INTERIM
from edged.papers.paper_case import WITHHELD
from storage.mirror.service import LedgerMirror
from tests.integration.edged.office.test_stories import SECTION, story
from tests.support.counter import Counter, Reply, opened
from tests.support.office_story import APPLICANT, CLERK, called, staffed
from tests.support.papers import Element, fields, page

CAMERA: Final = "lobby"


@pytest.fixture
async def wenshan(memory: Path) -> AsyncIterator[Counter]:
    async with opened(memory, "wenshan-household", {CAMERA: ""}) as one:
        one.box.segment(CAMERA, 300)
        await staffed(one, "wenshan-household", SECTION)
        yield one


async def printed(counter: Counter, who: str, number: str, paper: str = "form") -> Reply:
    return await counter.ask(who, "GET", f"/v1/requests/{number}/papers/{paper}")


async def read(counter: Counter, who: str, number: str, paper: str = "form") -> Element:
    reply = await printed(counter, who, number, paper)
    assert reply.status == 200, reply
    return page(reply.body.decode())


async def test_a_form_says_what_the_request_says_to_whoever_has_a_part_in_it(wenshan: Counter) -> None:
    told = story(wenshan, "wenshan-household", "W-staff")
    await told.tell()
    shown = await read(wenshan, CLERK, told.number)
    wanted = {one["name"]: one["value"] for one in (await told.now())["fields"]}
    assert fields(shown) == wanted
    assert len(shown.having("data-signature")) == 6
    assert f"陪同 {called('lin')}" in shown.having("data-viewing")[0].text
    assert shown.text == (await read(wenshan, APPLICANT, told.number)).text, "who asks reads his own words"
    private = await read(wenshan, "audit", told.number)
    personal = {name for name, text in fields(private).items() if text == WITHHELD}
    assert personal == {one.name for one in told.row.fields if one.personal}
    assert called(APPLICANT) not in private.text
    assert "王大明" not in private.text
    for who in ("nobody", "tech", "view"):
        assert (await printed(wenshan, who, told.number)).status == 403


async def test_what_there_is_none_of_is_refused_in_words(wenshan: Counter) -> None:
    told = story(wenshan, "wenshan-household", "W-public")
    await told.receive()
    reply = await printed(wenshan, CLERK, told.number, "notice")
    assert (reply.status, reply.code) == (409, "office.paper.no-notice")
    reply = await printed(wenshan, CLERK, told.number, "poem")
    assert (reply.status, reply.code) == (404, "office.paper.unknown")
    assert (await printed(wenshan, CLERK, "115-9999")).status == 404


async def test_every_paper_of_a_copy_that_left(memory: Path) -> None:
    async with opened(memory, "taipei-police", {CAMERA: ""}) as counter:
        counter.box.segment(CAMERA, 300)
        await staffed(counter, "taipei-police")
        told = story(counter, "taipei-police", "P-public")
        await told.receive()
        for paper, code in (("reply", "papers.no-reply"), ("receipt", "office.paper.no-copy")):
            reply = await printed(counter, CLERK, told.number, paper)
            assert (reply.status, reply.code) == (409, code)
        async for step in told.steps():
            await told.do(step)
        (copy,) = (await told.now())["copies"]
        for paper in MAKERS.keys() - {"notice"}:
            shown = await read(counter, CLERK, told.number, paper)
            assert told.number in shown.text
        for paper in ("receipt", "label"):
            shown = await read(counter, CLERK, told.number, paper)
            assert copy["id"] in shown.text
            assert copy["receipt"]["fingerprint"][:4] in shown.text
        reply = await counter.ask(CLERK, "GET", f"/v1/requests/{told.number}/papers/reply?format=text")
        assert reply.body.decode().splitlines()[0].endswith("函")
        assert b"<" not in reply.body
        reply = await counter.ask(CLERK, "GET", f"/v1/requests/{told.number}/papers/label?format=text")
        assert (reply.status, reply.code) == (400, "office.paper.no-text")
        reply = await counter.ask(CLERK, "GET", f"/v1/requests/{told.number}/papers/label?copy=X")
        assert (reply.status, reply.code) == (409, "papers.no-copy")


async def test_a_number_is_provisional_until_its_leaf_lies_on_a_volume(
    wenshan: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = story(wenshan, "wenshan-household", "W-public")
    with monkeypatch.context() as away:
        away.setattr(LedgerMirror, "_bring_up", lambda *_: None)
        await told.receive()
        shown = await read(wenshan, CLERK, told.number, "slip")
        assert [one.text for one in shown.having("data-mark-of-number")] == ["暫編"]
    shown = await read(wenshan, CLERK, told.number, "slip")
    assert not shown.having("data-mark-of-number")
    assert shown.having("data-due")[0].text.endswith("前函復。（依個人資料保護法第13條）")


async def test_who_may_have_nothing_gets_a_notice(memory: Path) -> None:
    async with opened(memory, "nangang-school", {CAMERA: "圖書館"}) as counter:
        await staffed(counter, "nangang-school")
        told = story(counter, "nangang-school", "N-other")
        await told.receive()
        shown = await read(counter, CLERK, told.number, "notice")
        assert shown.having("data-instead")[0].text == told.row.instead
        reply = await printed(counter, CLERK, told.number)
        assert (reply.status, reply.code) == (409, "office.paper.no-form")


async def test_a_template_of_the_office_counts_at_once_and_a_wrong_one_stops_nothing(memory: Path) -> None:
    async with opened(memory, "taipei-police", {CAMERA: ""}) as counter:
        await staffed(counter, "taipei-police")
        told = story(counter, "taipei-police", "P-public")
        await told.receive()
        place = memory / "papers"
        place.mkdir()
        office: Any = counter.config.office
        configured = counter.config.model_copy(update={"office": office.model_copy(update={"papers": place})})
        counter.office._config = lambda: configured
        assert INTERIM in (await read(counter, CLERK, told.number)).text
        template = place / "附表一.html"
        template.write_text("<p data-field='reason'>{{ field.reason.text }}</p>", "utf-8")
        assert fields(await read(counter, CLERK, told.number)) == {"reason": "遺失皮夾一個"}
        template.write_text("{{ colour }}", "utf-8")
        shown = await read(counter, CLERK, told.number)
        assert shown.having("data-unusable")
        assert fields(shown)["reason"] == "遺失皮夾一個"
