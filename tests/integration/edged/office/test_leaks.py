"""Leak cases over the real calls, guard, database and watches: what is listed, what is not erased meanwhile, when
alarm and clause turn, and what is refused.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from edged.alarms.conditions import office_troubles
from edged.words.units import timestamp
from storage.words.model import Severity
from tests.integration.edged.office.test_findings import AUDITOR, DAY_MS, KEPT_MS, clause, office, version
from tests.integration.edged.office.test_stories import CAMERA, story
from tests.support.counter import Counter, Reply
from tests.support.office_story import CLERK, SECOND, number_of

WHOLE: Final = "00:00:00+08:00"
LETTER: Final = "北市警分字第1150007號"


def day_of(counter: Counter) -> dict[str, Any]:
    today = counter.office.today()
    return {"cameras": [CAMERA], "start": f"{today}T{WHOLE}", "end": f"{today}T23:00:00+08:00"}


async def opened(counter: Counter, who: str = CLERK, **more: Any) -> Any:
    return await counter.done(who, "POST", "/v1/leaks", {**day_of(counter), **more})


async def reported(counter: Counter, leak: str, **more: Any) -> Any:
    return await counter.done("wang", "POST", f"/v1/leaks/{leak}/report", {"to": "ethics", "letter": LETTER, **more})


def refused(reply: Reply, code: str) -> None:
    assert not reply.ok
    assert reply.code == code, reply
    assert reply.document["action"]


async def test_the_alarm_goes_and_the_clause_returns_once_it_is_reported(memory: Path) -> None:
    """P9."""
    async with office(memory, "taipei-police") as counter:
        before = await clause(counter, "P9")
        assert (before["status"], before["basis"], before["not_built"]) == ("by-hand", "by-hand", [])
        assert "本期無案件" in before["evidence"][0]
        leak = (await opened(counter, letter="北市警督字第1號"))["leak"]
        assert (leak["id"], leak["status"], leak["letter"]) == ("L-115-0001", "open", "北市警督字第1號")
        assert (await clause(counter, "P9"))["status"] == "not-met"
        assert await alarm(counter) == Severity.WARNING
        counter.box.clock.tick(DAY_MS)
        assert await alarm(counter) == Severity.CRITICAL
        told = (await reported(counter, leak["id"]))["leak"]
        told = (await reported(counter, leak["id"], to="inspectors", letter="2"))["leak"]
        assert [one["to"] for one in told["reports"]] == ["ethics", "inspectors"]
        assert await alarm(counter) is None
        after = await clause(counter, "P9")
        assert (after["status"], after["evidence"]) == ("by-hand", ["12 個月內外洩案件 1 件，皆已報告"])
        assert (await opened(counter))["leak"]["id"] == "L-115-0002"
        assert (await clause(counter, "P9"))["status"] == "not-met"
        said = [one["text"] for one in (await counter.done(AUDITOR, "GET", "/v1/ledger?kind=office"))["ledger"]]
        assert f"leak case L-115-0001: reported to 政風室, by document {LETTER}" in said
        await counter.done(AUDITOR, "POST", f"/v1/leaks/{leak['id']}/close")
        listed = [
            [one["id"] for one in (await counter.done(who, "GET", path))["leaks"]]
            for who, path in ((CLERK, "/v1/leaks"), (AUDITOR, "/v1/leaks?all=1"))
        ]
        assert listed == [["L-115-0002"], ["L-115-0001", "L-115-0002"]]


async def alarm(counter: Counter) -> Severity | None:
    """Of the first case."""
    await counter.look()
    found = dict(office_troubles(counter.site.office)).get("leak.open:L-115-0001")
    return None if found is None else found.severity


async def test_what_holds_it_is_told_with_who_had_it(memory: Path) -> None:
    """A viewing, a copy, a look, and a copy from before the office was opened."""
    async with office(memory, "dahu-township") as counter:
        told = story(counter, "dahu-township", "D-agency")
        await told.tell()
        (segment,) = counter.box.store.segments(CAMERA, None, None)
        look = {"start": timestamp(segment.start.wall_ms), "end": timestamp(segment.start.wall_ms + 30_000)}
        await counter.done(SECOND, "POST", "/v1/look", {"purpose": "inspection", "cameras": [CAMERA], **look})
        viewed, copied, looked = (await opened(counter))["holding"]
        assert (viewed["viewed"], viewed["operator"]["person"], viewed["gone"]) == (True, number_of(CLERK), True)
        assert (viewed["companion"]["person"], viewed["present"]) == (number_of(SECOND), "王大明")
        assert (copied["request"], copied["who"], copied["state"]) == (told.number, CLERK, "finished")
        assert copied["copy_state"]["receipt"]["receiver"] == "王大明"
        assert (looked["request"], looked["row"], looked["who"], looked["gone"]) == ("", "inspection", SECOND, False)
        assert looked["parts"] == [{"camera": CAMERA, **look}]
        _, copied, _ = (await counter.done("wang", "GET", "/v1/leaks/L-115-0001"))["holding"]
        assert (copied["copy_state"]["receipt"]["receiver"], copied["why"]) == ("", "D-agency D5")
        alone = await counter.done(AUDITOR, "POST", "/v1/leaks", {"copy_id": copied["id"]})
        assert alone["leak"]["scope"] == copied["parts"], "all that it holds"
        assert alone["leak"]["touches"] == [told.number]
        await reported(counter, "L-115-0002")
        assert (await counter.ask(CLERK, "POST", "/v1/leaks/L-115-0002/close")).status == 403
        close = "/v1/leaks/L-115-0002/close"
        await counter.agreed(SECOND, "wang", f"/v1/persons/{number_of(CLERK)}/tie", {"account": AUDITOR})
        refused(await counter.ask(AUDITOR, "POST", close), "office.leak-own")
        await counter.agreed(SECOND, "wang", f"/v1/persons/{number_of(CLERK)}/tie", {"account": CLERK})
        assert (await counter.done(AUDITOR, "POST", close))["leak"]["status"] == "closed"
        forget = "DELETE FROM exports WHERE number > ?"
        counter.box.store._held.database.submit(lambda connection: connection.execute(forget, (0,))).result()
        known = (await counter.done(CLERK, "GET", "/v1/leaks?all=1"))["leaks"]
        assert [one["touches"] for one in known] == [[], []], "their leaves have not come back yet"


async def test_nothing_that_it_touches_is_erased_until_it_is_closed(memory: Path) -> None:
    """From then on it is listed, and not from when its period was over."""
    async with office(memory, "wenshan-household") as counter:
        told = story(counter, "wenshan-household", "W-public")
        await told.tell()
        apart = story(counter, "wenshan-household", "W-public")
        await apart.receive()
        for path in ("withdraw", "reply", "close"):
            await counter.done(CLERK, "POST", f"/v1/requests/{apart.number}/{path}", {"version": await version(apart)})
        footage = day_of(counter)
        await opened(counter)
        counter.box.clock.tick(KEPT_MS)

        def listed() -> list[tuple[str, int]]:
            cases = [counter.office.cases.case(number) for number in (told.number, apart.number)]
            return [(one.number, one.listed_ms) for one in counter.office.to_erase(cases)]

        assert [number for number, _ in listed()] == [apart.number]
        refused(await counter.ask(CLERK, "POST", f"/v1/requests/{told.number}/expire"), "office.not-expired")
        await reported(counter, "L-115-0001")
        counter.box.clock.tick(40 * DAY_MS)
        assert [number for number, _ in listed()] == [apart.number]
        await counter.done(AUDITOR, "POST", "/v1/leaks/L-115-0001/close")
        counter.box.clock.tick(DAY_MS)
        assert listed()[0] == (told.number, DAY_MS)
        named = await opened(counter, **footage, request=apart.number)
        assert named["leak"]["touches"] == [told.number, apart.number]
        assert listed() == []


async def test_what_is_wrong_is_told_and_nothing_is_opened(memory: Path) -> None:
    async with office(memory, "dahu-township") as counter:
        day, today = day_of(counter), counter.office.today()
        tomorrow, long_ago = str(today + timedelta(days=1)), str(today - timedelta(days=800))
        start, end = day["start"], day["end"]
        for wrong, code in (
            ({"cameras": ["yard"]}, "api.no-cameras"),
            ({"start": end, "end": start}, "office.leak-interval"),
            ({"end": None}, "office.leak-half"),
            ({"cameras": []}, "office.leak-what"),
            ({"copy_id": "E-20260101-ABCD"}, "export.unknown"),
            ({"request": "115-0099"}, "office.unknown"),
            ({"day": tomorrow}, "office.day-to-come"),
            ({"day": long_ago}, "office.day-far"),
            ({"day": "yesterday"}, "office.no-day"),
            ({"start": "at noon"}, "api.no-time"),
            ({"letter": "115\n1"}, "office.form.no-text"),
        ):
            refused(await counter.ask(CLERK, "POST", "/v1/leaks", {**day, **wrong}), code)
        assert (await counter.done(CLERK, "GET", "/v1/leaks?all=1"))["leaks"] == []
        at = f"/v1/leaks/{(await opened(counter))['leak']['id']}"
        before, told = str(today - timedelta(days=1)), {"to": "ethics", "letter": LETTER}
        refused(await counter.ask(CLERK, "POST", f"{at}/report", {**told, "day": before}), "office.leak-day-before")
        refused(await counter.ask(CLERK, "POST", f"{at}/report", {**told, "day": tomorrow}), "office.day-to-come")
        refused(await counter.ask(CLERK, "POST", f"{at}/report", {**told, "letter": " "}), "office.leak-letter")
        refused(await counter.ask(CLERK, "POST", "/v1/leaks/L-115-0099/report", told), "office.leak-unknown")
        refused(await counter.ask(AUDITOR, "POST", f"{at}/close"), "office.leak-unreported")
        counter.box.clock.is_synced = False
        refused(await counter.ask(CLERK, "POST", f"{at}/report", told), "office.day-untyped")
        await counter.done(CLERK, "POST", f"{at}/report", {**told, "day": tomorrow})
        await counter.done(AUDITOR, "POST", f"{at}/close")
        for step, body in (("close", None), ("report", told)):
            refused(await counter.ask(AUDITOR, "POST", f"{at}/{step}", body), "office.leak-closed")
