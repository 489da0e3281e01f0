"""Registers over the real calls, guard and ledger: who sees what of them, and what their rows rest on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from edged.cli.register import csv_of
from edged.documents.registers import CopyRegister, OfficeRegister, RequestRegister, ViewingRegister, YearRegister
from edged.office.cases import Cases
from edged.office.request import Unfit
from edged.papers import register_columns
from edged.words.catalogue import Language, Reader
from edged.words.units import timestamp
from storage.ledger.queries import LeafFilter
from storage.ledger.table import LeafEntry
from storage.office.persons import Persons, StoredPeople
from storage.office.table import RequestRow
from storage.words.message import Message
from tests.integration.edged.office.test_stories import CAMERA, SECTION, story
from tests.support.counter import Counter, opened
from tests.support.office_story import CLERK, HEAD, SECOND, Story, staffed, usual

PROFILE: Final = "jiancheng-land"
ZONE: Final = ZoneInfo("Asia/Taipei")
BOOKS: Final[Mapping[str, type[OfficeRegister]]] = {
    "requests": RequestRegister, "viewings": ViewingRegister, "copies": CopyRegister, "year": YearRegister,
}  # fmt: skip
PERSONS_WORDS: Final = ("遺失皮夾", "王大明", "A123456789", "身分證")


@pytest.fixture
async def counter(memory: Path) -> AsyncIterator[Counter]:
    """A public request that is closed, a copy for an agency of which one row of the log book is unsigned, and looks."""
    async with opened(memory, PROFILE, {CAMERA: ""}) as one:
        one.box.segment(CAMERA, 300)
        await staffed(one, PROFILE, SECTION)
        await _told(one, "J-public").tell()
        await _but_the_last_row(_told(one, "J-agency"))
        today = one.office.today()
        look = {"purpose": "repair", "cameras": [CAMERA], "start": f"{today}T00:00:00+08:00"}
        await one.done(CLERK, "POST", "/v1/look", look | {"end": f"{today}T00:00:30+08:00"})
        await one.done(CLERK, "POST", "/v1/look", look | {"end": f"{today}T00:00:30+08:00", "over": True})
        yield one


def _told(counter: Counter, row: str) -> Story:
    """What it says of persons is told apart from all else."""
    return replace(story(counter, PROFILE, row), text=lambda one: usual(one) if one.personal else "某機關")


async def _but_the_last_row(told: Story) -> None:
    await told.receive()
    async for step in told.steps():
        if step[2] == "entry" and step[3]["entry"] == (await told.now())["entries"][-1]["version"]:
            break
        await told.do(step)


def entries(counter: Counter) -> list[LeafEntry]:
    pages = counter.box.store.ledger.leaves.pages(LeafFilter(), None)
    return [one.told.entry for each in pages for one in each.leaves]


async def read(counter: Counter, register: str, who: str = CLERK, query: str = "") -> Any:
    return await counter.done(who, "GET", f"/v1/registers/{register}{query}")


async def test_registers_of_an_office_with_a_log_book(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions about one office, which takes a second to set up."""
    await each_register_tells_its_own_and_rests_on_leaves(counter)
    await words_are_for_who_handles_a_request_or_has_a_part_in_it(counter)
    await who_reads_a_register_is_on_record_with_its_interval(counter)
    await the_interval_has_both_its_days_and_no_other(counter)
    await who_sees_all_cameras_is_looked_up_once_and_not_for_each_request(counter, monkeypatch)
    await a_look_over_midnight_is_whole_on_the_day_it_began(counter)
    await a_csv_has_all_rows_with_headings_in_the_language_of_who_asks(counter)
    await a_row_of_the_log_book_is_signed_and_then_lacks_nothing(counter)
    await a_case_that_cannot_be_read_is_told_by_number_and_hides_no_other(counter, monkeypatch)


async def each_register_tells_its_own_and_rests_on_leaves(counter: Counter) -> None:
    known = {name: await read(counter, name) for name in BOOKS}
    assert [one["number"] for one in known["requests"]["rows"]] == ["115-0001", "115-0002"]
    uses = known["viewings"]["rows"]
    assert [(one["number"], one["use"], one["purpose"]) for one in uses] == [
        ("115-0001", "view", None), ("115-0002", "view", None), ("115-0002", "copy", None), ("", "view", "repair"),
    ]  # fmt: skip
    assert [len(one["lacking"]) for one in uses] == [0, 0, 2, 0]
    assert uses[3]["account"] == CLERK
    assert uses[0]["parts"][0]["camera"] == CAMERA
    (copy,) = known["copies"]["rows"]
    assert (copy["copy_id"], copy["fingerprint"]) == (uses[2]["made"], uses[2]["fingerprint"])
    assert len(copy["fingerprint"]) == 64
    counts = known["year"]["counts"]
    assert {name: counts[name] for name in ("received", "granted", "open", "viewings", "copies")} == {
        "received": 2, "granted": 2, "open": 1, "viewings": 2, "copies": 1,
    }  # fmt: skip
    kinds = {entry.number: entry.kind for entry in entries(counter)}
    for name, book in known.items():
        leaves = {leaf for row in book["rows"] for leaf in row["leaves"]}
        assert {kinds[leaf] for leaf in leaves} <= {"office", "copy", "act"}, name
        assert book["head"]["size"] >= max(leaves), "the head is above all that it vouches for"


async def a_row_of_the_log_book_is_signed_and_then_lacks_nothing(counter: Counter) -> None:
    row = (await read(counter, "viewings"))["rows"][2]
    at = f"/v1/requests/{row['number']}"
    for post in ("", row["lacking"][0], ""):
        version = (await counter.done(CLERK, "GET", at))["request"]["version"]
        body = {"version": version, "signer": {"post": post}, "entry": row["entry"]}
        assert not (await counter.ask("nobody", "POST", f"{at}/entry", body)).ok
        reply = await counter.ask(HEAD, "POST", f"{at}/entry", body)
        assert reply.ok or reply.document["error_code"] == "office.which-log-post", "the head holds both: which one?"
    signed = (await read(counter, "viewings"))["rows"][2]
    assert (signed["lacking"], [one["post"] for one in signed["signed"]]) == ([], row["lacking"])
    assert {*row["leaves"]} < {*signed["leaves"]}


async def words_are_for_who_handles_a_request_or_has_a_part_in_it(counter: Counter) -> None:
    """Who has no part in it sees the row; what it says of a person is left out, and that it is."""
    for name in BOOKS:
        full = json.dumps(await read(counter, name), ensure_ascii=False)
        assert any(word in full for word in PERSONS_WORDS)
        for who in ("wang", "audit"):
            book = await read(counter, name, who)
            bare = json.dumps(book, ensure_ascii=False)
            assert not any(word in bare for word in PERSONS_WORDS), (name, who)
            assert {one["withheld"] for one in book["rows"] if one["number"]} == {"private"}
            for form in ("", "?format=html"):
                reply = await counter.ask(who, "GET", f"/v1/registers/{name}{form}")
                assert not any(word.encode() in reply.body for word in PERSONS_WORDS)
        for who in ("nobody", "tech", "view", "root", HEAD):
            assert (await counter.ask(who, "GET", f"/v1/registers/{name}")).status == 403, who
        assert {one["withheld"] for one in (await read(counter, name, "hsu"))["rows"]} == {""}, "who decides has a part"


async def who_reads_a_register_is_on_record_with_its_interval(counter: Counter) -> None:
    await read(counter, "viewings", "audit", "?from=2026-02-01&to=2026-02-28")
    acts = [json.loads(entry.body) for entry in entries(counter) if entry.kind == "act"]
    told = [
        (one["register"], one["from"], one["to"])
        for one in acts
        if one["verb"] == "register" and one["result"] == "done"
    ]
    assert told[-1] == ("viewings", "2026-02-01", "2026-02-28")


async def the_interval_has_both_its_days_and_no_other(counter: Counter) -> None:
    today = str(counter.office.today())
    for name in ("requests", "viewings", "copies"):
        every = (await read(counter, name))["rows"]
        assert (await read(counter, name, query=f"?from={today}&to={today}"))["rows"] == every
        assert (await read(counter, name, query="?year=114"))["rows"] == []
        assert (await read(counter, name, query="?from=2026-01-01&to=2026-01-31"))["rows"] == []
    for query in (
        "?from=2026-02-30", "?from=x", "?year=x", "?year=0", "?year=2026", "?from=2026-03-01&to=2026-02-01",
        "?year=115&from=2026-01-01", "?to=9999-12-31", "?from=0001-01-01",
    ):  # fmt: skip
        assert (await counter.ask(CLERK, "GET", f"/v1/registers/requests{query}")).code in (
            "register.no-days",
            "office.no-day",
        ), query
    assert (await counter.ask(CLERK, "GET", "/v1/registers/year?from=2026-01-01")).code == "register.no-days"
    assert (await counter.ask(CLERK, "GET", "/v1/registers/persons")).status == 404


async def who_sees_all_cameras_is_looked_up_once_and_not_for_each_request(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, read_all = [0], Persons.read

    def counted(persons: Persons) -> StoredPeople:
        asked[0] += 1
        return read_all(persons)

    with monkeypatch.context() as patched:
        patched.setattr(Persons, "read", counted)
        for days in ("?year=114", "?year=115"):
            assert len((await read(counter, "requests", query=days))["rows"]) in (0, 2)
            assert asked[0] <= 1
            asked[0] = 0


async def a_look_over_midnight_is_whole_on_the_day_it_began(counter: Counter) -> None:
    today, clock = counter.office.today(), counter.box.clock
    midnight_ms = round(datetime.combine(today + timedelta(days=1), time(), ZONE).timestamp() * 1000)
    clock.tick(midnight_ms - 30_000 - clock.now().wall_ms)
    look = {"purpose": "repair", "cameras": [CAMERA], "start": f"{today}T00:00:00+08:00"}
    await counter.done(SECOND, "POST", "/v1/look", look | {"end": f"{today}T00:00:20+08:00"})
    clock.tick(60_000)
    await counter.done(SECOND, "POST", "/v1/look", look | {"end": f"{today}T00:00:20+08:00", "over": True})
    *_, row = (await read(counter, "viewings", query=f"?from={today}&to={today}"))["rows"]
    assert row["end"] == timestamp(midnight_ms + 30_000)
    assert len(row["leaves"]) == 3
    assert (await read(counter, "viewings", query=f"?from={today + timedelta(days=1)}"))["rows"] == []


async def a_csv_has_all_rows_with_headings_in_the_language_of_who_asks(counter: Counter) -> None:
    languages: Mapping[Language, str] = {"zh_TW": "案號", "en": "Number"}
    for name, model in BOOKS.items():
        document = model.model_validate(await read(counter, name))
        for language, heading in languages.items():
            text = csv_of(document, Reader(language, ZoneInfo("Asia/Taipei"))).decode("utf-8-sig")
            first, *rows = csv.reader(io.StringIO(text, newline=""))
            assert heading in first
            assert len(rows) == len(register_columns.rows(document))


async def a_case_that_cannot_be_read_is_told_by_number_and_hides_no_other(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Cases._made

    def failing(cases: Cases, kept: Any) -> Any:
        row: RequestRow = kept.row
        if row.number == "115-0001":
            raise Unfit(Message("of a later version"))
        return made(cases, kept)

    monkeypatch.setattr(Cases, "_made", failing)
    counter.office.cases._known.clear()
    for name in BOOKS:
        book = await read(counter, name)
        assert [(one["number"], one["why"]["text"]) for one in book["unreadable"]] == [
            ("115-0001", "of a later version")
        ]
        assert "115-0001" not in {one["number"] for one in book["rows"]}
        assert "115-0002" in {one["number"] for one in book["rows"]}
    assert (await read(counter, "year"))["counts"]["unreadable"] == 1


async def test_who_is_of_a_unit_sees_rows_of_its_cameras_alone(memory: Path) -> None:
    name, units = "nangang-school", {CAMERA: "教務處", "gate": "總務處"}
    async with opened(memory, name, units) as counter:
        counter.box.segment(CAMERA, 300)
        await staffed(counter, name, {CLERK: "總務處"})
        told = story(counter, name, "N-member")
        number = (await counter.done(SECOND, "POST", "/v1/requests", told.receipt()))["request"]["number"]
        for register in ("requests", "year"):
            assert [one["number"] for one in (await read(counter, register, SECOND))["rows"]] == [number]
            assert (await read(counter, register, CLERK))["rows"] == []
        assert (await read(counter, "year", CLERK))["counts"]["received"] == 0


async def test_a_box_without_a_profile_keeps_none(memory: Path) -> None:
    async with opened(memory, None, {CAMERA: ""}) as counter:
        assert (await counter.ask(CLERK, "GET", "/v1/registers/requests")).code == "register.no-profile"
