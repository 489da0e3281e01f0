"""What people get wrong, and worse: each has one clear answer, and nothing is half done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import pytest

from edged.documents.office import SCAN_MAX, TEXT_MAX
from edged.overview import DeadlineKind
from storage.office.keys import KEYS_NAME
from storage.pins.service import Pins
from storage.retention.plan import Policy
from storage.words.errors import OrderRefused
from storage.words.message import NOTHING, message
from storage.words.model import Bounds
from tests.integration.edged.office.test_stories import CAMERA, SECTION, story
from tests.support.counter import Counter, Reply, configured, opened, passable, serving
from tests.support.office import Office
from tests.support.office_story import CLERK, DECIDES, HEAD, SECOND, Story, number_of, staffed

OFFICE: Final = "wenshan-household"
DAY_MS: Final = 86_400_000
SHORT: Final = Bounds(0, 60)
PDF: Final = b"%PDF-1.7\n"


@dataclass(slots=True)
class Counted:
    """A counter with its people, and a story of a member of the public that nobody has told yet."""

    counter: Counter
    story: Story

    async def receive(self, **other: Any) -> Reply:
        return await self.counter.ask(CLERK, "POST", "/v1/requests", self.story.receipt() | other)

    async def ask(self, who: str, path: str, **body: Any) -> Reply:
        """`version`: as it is, where none is named."""
        version = {} if "version" in body else {"version": (await self.story.now())["version"]}
        return await self.counter.ask(who, "POST", f"/v1/requests/{self.story.number}/{path}", version | body)

    async def told_until(self, verb: str) -> None:
        async for step in self.story.steps():
            if step[1] == verb:
                return
            await self.story.do(step)

    async def refused(self, code: str, reply: Reply) -> None:
        assert not reply.ok
        assert reply.document["error_code"] == code, reply


@asynccontextmanager
async def counted(memory: Path, row: str = "W-public") -> AsyncIterator[Counted]:
    async with opened(memory, OFFICE, {CAMERA: ""}) as counter:
        counter.box.segment(CAMERA, 300)
        await staffed(counter, OFFICE, SECTION)
        yield Counted(counter, story(counter, OFFICE, row))


def code(reply: Reply) -> str:
    return "" if reply.ok else str(reply.document["error_code"] or reply.document["error"])


# --- people at once, and one after the other


async def test_of_two_who_sign_at_once_one_is_told(memory: Path) -> None:
    async with counted(memory) as office:
        await office.story.receive()
        post = office.story.row.chain[0].post
        await office.counter.agreed(
            CLERK, "wang", "/v1/posts/hold", {"person": number_of(DECIDES), "post": post, "unit": ""}
        )
        for step in office.story.row.chain[:1]:
            signed = {"version": 1, "signer": {"post": step.post}}
            replies = await asyncio.gather(*(office.ask(who, "sign", **signed) for who in (HEAD, DECIDES)))
            assert sorted(map(code, replies)) == ["", "office.meanwhile"]
        now = await office.story.now()
        assert (now["version"], len(now["chain"][0]["signed"])) == (2, 1)
        await office.told_until("grant")
        version = (await office.story.now())["version"]
        paper = {"post": office.story.row.chain[-1].post, "person": number_of(DECIDES), "day": office.story.day}
        others = await asyncio.gather(
            office.ask(DECIDES, "grant", version=version, signer={"post": paper["post"]}),
            office.ask(CLERK, "refuse", version=version, signer=paper, reason="不符"),
        )
        assert sorted(map(code, others)) == ["", "office.meanwhile"]
        assert (await office.story.now())["version"] == version + 1


async def test_a_post_that_changes_hands_between_two_signatures(memory: Path) -> None:
    """Who held it has signed; from then on somebody else does."""
    async with counted(memory) as office:
        await office.story.receive()
        first, second = (step.post for step in office.story.row.chain[:2])
        assert (await office.ask(HEAD, "sign", signer={"post": first})).ok
        for post in (first, second):
            held = {"person": number_of(HEAD), "post": post, "unit": ""}
            await office.counter.agreed(CLERK, "wang", "/v1/posts/hold", held | {"ends": True})
            await office.counter.agreed(CLERK, "wang", "/v1/posts/hold", held | {"person": number_of(DECIDES)})
        await office.refused("office.not-holder", await office.ask(HEAD, "sign", signer={"post": second}))
        assert (await office.ask(DECIDES, "sign", signer={"post": second})).ok
        signed = [one["by"]["person"] for step in (await office.story.now())["chain"] for one in step["signed"]]
        assert signed == [number_of(HEAD), number_of(DECIDES)]


# --- clocks


@pytest.mark.parametrize("jumped", [False, True], ids=["days pass", "the clock jumps"])
async def test_a_clock_that_is_set_back_hides_no_deadline(memory: Path, jumped: bool) -> None:
    async with counted(memory) as office:
        counter = office.counter
        await office.story.receive()
        assert counter.facts().deadlines == ()
        (counter.box.clock.step_wall if jumped else counter.box.clock.tick)(17 * DAY_MS)
        (due,) = counter.facts().deadlines
        assert (due.kind, due.passed) == (DeadlineKind.REPLY, True)
        counter.box.clock.step_wall(-16 * DAY_MS)
        (still,) = counter.facts().deadlines
        assert (still.last, still.passed) == (due.last, True)
        assert (await office.ask(CLERK, "withdraw")).ok, "an alarm refuses nothing"
        assert (await office.ask(CLERK, "reply", day=str(due.last) if not jumped else office.story.day)).ok
        assert counter.facts().deadlines == ()


async def test_without_a_synchronised_clock_the_day_is_typed_and_marked(memory: Path) -> None:
    async with counted(memory) as office:
        counter = office.counter
        counter.box.clock.is_synced = False
        before = counter.standing()
        await office.refused("office.received-untyped", await office.receive(received=None))
        far = str(date.fromisoformat(office.story.day) + timedelta(days=367 * 30))
        assert code(await office.receive(received="2101-01-01")) == "office.day-far"
        assert counter.standing() == before
        shown = (await office.receive()).document["request"]
        assert (shown["synchronised"], shown["received"]) == (False, office.story.day)
        await office.refused("office.day-far", await office.receive(received=far))
        later = str(date.fromisoformat(office.story.day) + timedelta(days=2))
        assert (await office.receive(received=later)).ok, "nobody knows what day it is"


@pytest.mark.parametrize("day", ["0001-01-01", "1911-12-31", "9999-12-31", "2026-02-26"])
async def test_a_day_that_is_none_of_this_request(memory: Path, day: str) -> None:
    """Of which no calendar would know what to count, for no request any more."""
    async with counted(memory) as office:
        counter = office.counter
        before = counter.standing()
        assert code(await office.receive(received=day)) in {"office.day-far", "office.day-to-come"}
        assert counter.standing() == before
        await office.story.receive()
        posts = [step.post for step in office.story.row.chain]
        before = counter.standing()
        signer = {"post": posts[0], "person": number_of(HEAD), "day": day}
        assert code(await office.ask(CLERK, "sign", signer=signer)) in {"office.day-far", "office.paper-later"}
        if day != "2026-02-26":
            asked = {"signer": {"post": posts[0]}, "until": day, "reason": "補正"}
            assert code(await office.ask(HEAD, "supplement", **asked)) in {"office.day-far", "office.day-past"}
        assert counter.standing() == before
        await office.told_until("reply")
        before = counter.standing()
        assert code(await office.ask(CLERK, "reply", day=day)) in {"office.day-before", "office.day-to-come"}
        if day != "2026-02-26":
            assert code(await office.ask(CLERK, "appoint", at=f"{day}T00:00:00Z")) in {
                "office.day-far",
                "office.day-past",
            }
        assert counter.standing() == before
        assert (await counter.ask(CLERK, "GET", "/v1/requests")).ok
        counter.facts()


# --- footage that is not there


@pytest.mark.parametrize("lost", [True, False])
async def test_what_was_destroyed_before_is_told_on_the_slip_and_at_the_viewing(memory: Path, lost: bool) -> None:
    async with opened(memory, OFFICE, {CAMERA: ""}) as counter:
        await staffed(counter, OFFICE, SECTION)
        counter.box.segment(CAMERA, 30, bounds=SHORT)
        if lost:
            destroy(counter)
        counter.box.segment(CAMERA, 300)
        told = story(counter, OFFICE, "W-agency")
        slip = (await told.receive())["slip"]
        assert [one["code"] for one in slip] == ["office.slip", *["office.slip.destroyed"] * lost]
        lacking = [one async for step in told.steps() for one in (await told.do(step)).get("lacking", [])]
        assert ("office.viewing.destroyed" in [one["values"]["why"]["code"] for one in lacking]) is lost


def destroy(counter: Counter) -> None:
    """What is past its ceiling."""
    counter.box.clock.tick(61_000)
    counter.box.store.recover()
    counter.box.store.sweep(lambda: Policy({CAMERA: SHORT}))


async def test_what_could_not_be_held_may_be_gone_by_the_grant(memory: Path) -> None:
    """It is received all the same, and said on the slip, by an alarm, and when it is seen."""
    async with opened(memory, OFFICE, {CAMERA: ""}) as counter:
        await staffed(counter, OFFICE, SECTION)
        counter.box.segment(CAMERA, 30, bounds=SHORT)
        told = story(counter, OFFICE, "W-agency")
        with patch.object(Pins, "hold", side_effect=OrderRefused(message("pin.full", "full"), NOTHING)):
            shown = await told.receive()
            assert [one["code"] for one in shown["slip"]] == ["office.slip", "office.slip.unheld"]
            assert list(counter.facts().not_held) == [told.number]
            destroy(counter)
        assert counter.facts().not_held == {}, "it is tried again"
        counter.box.segment(CAMERA, 300)
        lacking = [one async for step in told.steps() for one in (await told.do(step)).get("lacking", [])]
        assert "office.viewing.destroyed" in [one["values"]["why"]["code"] for one in lacking]


# --- papers


@pytest.mark.parametrize(
    ("scan", "why"),
    [
        (b"", "office.scan-kind"),
        (b"PK\3\4", "office.scan-kind"),
        (b"GIF89a", "office.scan-kind"),
        (b" %PDF-1.7", "office.scan-kind"),
        (PDF.ljust(SCAN_MAX + 1, b"x"), "office.scan-large"),
        (PDF.ljust(SCAN_MAX, b"x"), ""),
        (b"\xff\xd8\xff\xe0JFIF", ""),
    ],
    ids=["empty", "zip", "gif", "behind a blank", "a byte too large", "as large as it may be", "jpeg"],
)
async def test_a_scan_is_a_pdf_or_a_jpeg_of_10_mb(memory: Path, scan: bytes, why: str) -> None:
    async with counted(memory) as office:
        await office.story.receive()
        before = office.counter.standing()
        path = f"/v1/requests/{office.story.number}/scans"
        reply = await office.counter.ask(CLERK, "POST", path, scan)
        assert code(reply) == why
        if why:
            assert office.counter.standing() == before
        else:
            kept = await office.counter.ask(CLERK, "GET", f"{path}/{reply.document['scan']}")
            assert kept.document == {"bytes": len(scan)}
        signer = {"post": office.story.row.chain[0].post, "person": number_of(HEAD), "day": office.story.day, "scan": 2}
        await office.refused("office.scan-none", await office.ask(CLERK, "sign", signer=signer))


# --- what is typed

TEXTS: Final[Mapping[str, str]] = {
    "4,000 characters": "王" * 4000,
    "a turned direction": "王\u202e明",
    "a bell": "王\x07明",
    "NUL": "王\0明",
    "an escape": "\x1b[2J",
    "a separator of lines": "王\u2028明",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_a_text_that_cannot_be_kept_or_shown(memory: Path, text: str) -> None:
    """Wherever it is typed."""
    async with counted(memory) as office:
        counter, told = office.counter, office.story
        long = "{}: String should have at most 2000 characters"
        unfit = {"office.form.no-text", *map(long.format, ("document", "fields.applicant"))}
        before = counter.standing()
        reply = await office.receive(fields=told.receipt()["fields"] | {"applicant": text})
        assert "at most 2000 characters" in reply.error if len(text) > TEXT_MAX else code(reply) == "list.lines"
        assert text not in reply.error, "nothing of a person is repeated"
        for path, body in (("/v1/persons", {"name": text}), ("/v1/persons", {"name": "王", "unit": text})):
            assert code(await counter.ask(CLERK, "POST", path, body))
        assert counter.standing() == before
        await told.receive()
        before = counter.standing()
        check = {"check": told.row.checks[0].name, "outcome": told.row.checks[0].outcomes[0], "document": text}
        assert code(await office.ask(CLERK, "check", **check)) in unfit
        post = told.row.chain[0].post
        for path, more in (("return", {"to": 0}), ("refuse", {}), ("supplement", {"until": told.day})):
            assert code(await office.ask(HEAD, path, signer={"post": post}, reason=text, **more))
        assert code(await office.ask(CLERK, "supplement", fields={"applicant": text})) in unfit | {"list.lines"}
        assert counter.standing() == before
        await office.told_until("view")
        assert (await office.ask(SECOND, "view", step="here")).ok
        before = counter.standing()
        open_it = {"step": "open", "companion": number_of(SECOND), "fields": {}}
        assert code(await office.ask(CLERK, "view", present=[text], **open_it)) in unfit | {long.format("present.0")}
        assert counter.standing() == before
        assert (await office.ask(CLERK, "view", present=["王"], **open_it)).ok
        assert (await office.ask(CLERK, "view", step="end", not_filmed=True)).ok


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b"[" * 60_000, 400),
        (b'{"row": "W-public\xff"}', 400),
        (b'{"row": "\\ud800"}', 400),
        (b'{"row": "' + b"W" * (63 << 10) + b'"}', 400),
        (b'{"row": "' + b"W" * (64 << 10) + b'"}', 413),
    ],
    ids=["nothing", "half", "a list", "null", "deep", "no UTF-8", "half a character", "63 KB", "64 KB"],
)
async def test_a_body_that_is_no_request(memory: Path, raw: bytes, status: int) -> None:
    async with counted(memory) as office:
        before = office.counter.standing()
        reply = await office.counter.ask(CLERK, "POST", "/v1/requests", raw)
        assert (reply.status, bool(reply.error)) == (status, True)
        assert len(reply.error) < 400
        assert office.counter.standing() == before


async def test_a_form_of_a_hundred_fields_and_of_63_kb(memory: Path) -> None:
    async with counted(memory) as office:
        fields = office.story.receipt()["fields"]
        before = office.counter.standing()
        many = {f"f{number}": "x" for number in range(100 - len(fields))}
        reply = await office.receive(fields=fields | many)
        assert code(reply) == "list.lines"
        assert len(reply.error) < 1_000
        assert not (await office.receive(fields=fields | many | {"one-more": "x"})).ok
        assert office.counter.standing() == before
        body = json.dumps(office.story.receipt() | {"fields": fields | {"reason": ""}}, ensure_ascii=False)
        padded = " " * ((63 << 10) - len(body.encode())) + body
        assert (await office.counter.ask(CLERK, "POST", "/v1/requests", padded.encode())).ok


@pytest.mark.parametrize("applicant", [0, 99, -1, 10**30, 1.5])
async def test_an_applicant_who_is_nobody_of_the_office(memory: Path, applicant: float) -> None:
    """For whom nobody could tell that he signs for himself."""
    async with counted(memory, "W-staff") as office:
        before = office.counter.standing()
        assert code(await office.receive(applicant=applicant)) not in ("", "api.failed")
        assert code(await office.receive(applicant=None)) == "office.applicant-who"
        assert office.counter.standing() == before


@pytest.mark.parametrize(
    "number", ["", "abc", "115", "115-0", "115-0000", "115-1234567890", "../115-0001", "person-1", "x" * 199]
)
async def test_a_number_that_no_box_gives(memory: Path, number: str) -> None:
    async with counted(memory) as office:
        before = office.counter.standing()
        body = office.story.receipt() | {"number": number, "box": "wenshan-branch"}
        reply = await office.counter.ask(CLERK, "POST", "/v1/requests/received", body)
        assert code(reply) == "office.request-number"
        assert office.counter.standing() == before
        for path in (number or "115-0001", "115-0001.wenshan-branch"):
            assert (await office.counter.ask(CLERK, "GET", f"/v1/requests/{path.replace('/', '%2f')}")).status == 404


# --- copies, once they are made

TAKEN: Final = {"receiver": "林美惠", "identity": "身分證", "medium": "光碟"}
RECEIPTS: Final[Mapping[str, tuple[dict[str, Any], str]]] = {
    "4,000 characters": ({"receiver": "王" * 4000}, "receiver: String should have at most 2000 characters"),
    "a bell": ({"receiver": "王\x07明"}, "office.form.no-text"),
    "two lines": ({"identity": "身分證\n護照"}, "office.form.no-text"),
    "a turned direction": ({"medium": "光\u202e碟"}, "office.form.no-text"),
    "nobody": ({"receiver": " "}, "office.receipt-lacking"),
    "a negative fee": ({"fee": -1}, "fee: Input should be greater than or equal to 0"),
    "a fee in cents": ({"fee": 0.5}, "fee: Input should be a valid integer, got a number with a fractional part"),
    "a fee where nobody pays": ({"fee": 0}, "office.no-fee"),
    "tomorrow": ({"day": "2026-02-26"}, "office.day-to-come"),
    "before it was received": ({"day": "2026-02-01"}, "office.day-before"),
    "no day": ({"day": "115.2.25"}, "office.no-day"),
    "a copy of another request": ({"copy_id": "OTHER"}, "office.copy-signed"),
    "no copy": ({"copy_id": "E-20260225-ZZZZ"}, "office.copy-signed"),
    "an earlier version": ({"version": 1}, "office.meanwhile"),
}
DISPOSALS: Final[Mapping[str, tuple[dict[str, Any], str]]] = {
    "tomorrow": ({"day": "2026-02-26"}, "office.day-to-come"),
    "a copy of another request": ({"copy_id": "OTHER"}, "office.copy-unknown"),
    "the office's own comes back": ({"disposal": "returned"}, "office.copy-ours-returned"),
    "an earlier version": ({"version": 1}, "office.meanwhile"),
}


async def copied(office: Counted) -> str:
    """A copy is begun; its id."""
    await office.story.receive()
    async for step in office.story.steps():
        await office.story.do(step)
        if step[1] == "copy":
            break
    (copy,) = (await office.story.now())["copies"]
    return str(copy["id"])


async def test_a_receipt_and_an_end_of_a_copy_that_cannot_be(memory: Path) -> None:
    async with counted(memory, "W-agency") as office:
        other, first = await copied(office), office.story
        office.story = story(office.counter, OFFICE, "W-agency")
        copy, counter = await copied(office), office.counter
        mine = {"copy_id": copy, "disposal": "destroyed", "ours": True}

        async def refused(path: str, body: dict[str, Any], tries: Mapping[str, tuple[dict[str, Any], str]]) -> None:
            before = counter.standing()
            for what, (changes, why) in tries.items():
                typed = {name: other if value == "OTHER" else value for name, value in changes.items()}
                reply = await office.ask(CLERK, path, **body | typed)
                assert code(reply) == why, (what, reply)
                assert "王" not in reply.error, "nothing of a person is repeated"
            assert counter.standing() == before

        await refused("receipt", TAKEN, {"unfinished": ({}, "office.copy-unfinished")})
        await refused("destroyed", mine | {"ours": False}, {"nobody has it": ({}, "office.copy-not-handed")})
        await office.story.finish()
        await refused("receipt", TAKEN, RECEIPTS)
        await refused("destroyed", mine, DISPOSALS)
        version = (await office.story.now())["version"]
        for path, body, again in (("receipt", TAKEN, "office.no-copy"), ("destroyed", mine, "office.copy-disposed")):
            version = (await office.story.now())["version"]
            at_once = await asyncio.gather(*(office.ask(who, path, version=version, **body) for who in (CLERK, SECOND)))
            assert sorted(map(code, at_once)) == ["", "office.meanwhile"]
            await refused(path, body, {"twice": ({}, again)})
        row = {"signer": {"post": office.story.row.chain[0].post}, "entry": version}
        assert code(await office.ask(HEAD, "entry", **row)) == "office.no-log-book"
        assert [one["receipt"] for one in (await first.now())["copies"]] == [None]


async def test_nothing_is_entered_before_the_day_of_what_it_follows(memory: Path) -> None:
    """A copy is made, taken by somebody and given back, a row is signed on paper: in this order."""
    async with opened(memory, "jiancheng-land", {CAMERA: ""}) as counter:
        counter.box.segment(CAMERA, 300)
        await staffed(counter, "jiancheng-land", SECTION)
        office = Counted(counter, story(counter, "jiancheng-land", "J-agency"))
        await office.story.receive()
        first, day = counter.office.today(), "office.day-before-done"
        async for step in office.story.steps():
            if step[1] == "receipt":
                break
            if step[1] == "reply":
                counter.box.clock.tick(2 * DAY_MS)
            await office.story.do(step)
        (copy,) = (one["id"] for one in (await office.story.now())["copies"])
        counter.box.clock.tick(2 * DAY_MS)
        made, given = str(first + timedelta(days=2)), str(first + timedelta(days=3))
        gone = {"copy_id": copy, "disposal": "destroyed"}
        assert code(await office.ask(CLERK, "receipt", **TAKEN, day=str(first + timedelta(days=1)))) == day
        assert code(await office.ask(CLERK, "destroyed", **gone, ours=True, day=str(first))) == day
        assert (await office.ask(CLERK, "receipt", **TAKEN, day=given)).ok
        assert code(await office.ask(CLERK, "destroyed", **gone, ours=False, day=made)) == day
        assert (await office.ask(CLERK, "destroyed", **gone, ours=False, day=given)).ok
        assert (await office.ask(CLERK, "destroyed", **gone, ours=True, day=made)).ok
        for entry in (await office.story.now())["entries"]:
            signer = {"post": entry["lacking"][0], "person": number_of(HEAD)}
            row = {"entry": entry["version"]}
            assert code(await office.ask(CLERK, "entry", **row, signer=signer | {"day": str(first)})) == day
            assert (await office.ask(CLERK, "entry", **row, signer=signer | {"day": made})).ok


@pytest.mark.parametrize(
    ("filed_as", "why"),
    [
        ("115\n0301", "office.form.no-text"),
        ("1" * 61, "office.form.no-text"),
        ("1" * 201, "filed_as: String should have at most 200 characters"),
        (" ", "office.closed"),
    ],
    ids=["two lines", "61 characters", "201 characters", "nothing"],
)
async def test_a_file_number_that_is_none(memory: Path, filed_as: str, why: str) -> None:
    """Of a case that is closed, which gets nothing else."""
    async with counted(memory) as office:
        await office.story.tell()
        before = office.counter.standing()
        assert code(await office.ask(CLERK, "close", filed_as=filed_as)) == why
        assert office.counter.standing() == before
        assert (await office.ask(CLERK, "close", filed_as="115-0302")).ok
        assert (await office.story.now())["filed_as"] == "115-0302"


async def test_where_whoever_asks_pays_it_is_said_what(memory: Path) -> None:
    async with opened(memory, "taipei-police", {CAMERA: ""}) as counter:
        counter.box.segment(CAMERA, 300)
        await staffed(counter, "taipei-police", SECTION)
        office = Counted(counter, story(counter, "taipei-police", "P-public"))
        await copied(office)
        await office.story.finish()
        assert code(await office.ask(CLERK, "receipt", **TAKEN)) == "office.fee-unsaid"
        assert (await office.ask(CLERK, "receipt", **TAKEN, fee=0)).ok
        (copy,) = (await office.story.now())["copies"]
        assert (copy["receipt"]["fee"], copy["receipt"]["day"]) == (0, office.story.day)


# --- keys


@asynccontextmanager
async def losing(memory: Path, row: str, before: Callable[[Counted], Awaitable[None]]) -> AsyncIterator[Counted]:
    """A box whose keys went while it was down, and what was done before."""
    box = Office(memory)
    box.enrol(CAMERA)
    config = configured(memory, box, OFFICE, {CAMERA: ""})
    with passable() as viewings:
        async with serving(box, config, viewings) as counter:
            box.segment(CAMERA, 300)
            await staffed(counter, OFFICE, SECTION)
            told = story(counter, OFFICE, row)
            await before(Counted(counter, told))
        box.store.close()
        (box.state / KEYS_NAME).unlink()
        box.start()
        async with serving(box, config, viewings) as counter:
            told.counter = counter
            yield Counted(counter, told)
    box.store.close()


async def test_words_that_were_lost_with_their_key_are_entered_again(memory: Path) -> None:
    """The case goes on meanwhile."""

    async def before(office: Counted) -> None:
        await office.story.receive()

    async with losing(memory, "W-public", before) as office:
        counter, told = office.counter, office.story
        facts = counter.facts()
        assert (facts.nameless, facts.nameless_persons) == ((told.number,), 5)
        now = await told.now()
        assert (now["nameless"], {one["value"] for one in now["fields"]}) == (True, {""})
        assert (await office.ask(HEAD, "sign", signer={"post": told.row.chain[0].post})).ok
        words = told.receipt()["fields"]
        alone = await office.ask(CLERK, "supplement", fields={"applicant": words["applicant"]})
        kept = alone.document["request"]
        assert (kept["asked"], kept["uses"]) == (now["asked"], now["uses"]), "who is entered anew asks for as much"
        assert [one["pin"] for one in kept["held"]] == [one["pin"] for one in now["held"]] != [None]
        again = await office.ask(CLERK, "supplement", fields=words)
        assert again.ok, "signatures fall: what is signed is what is written there"
        after = again.document["request"]
        assert (after["nameless"], after["chain"][0]["signed"]) == (False, [])
        assert {one["name"]: one["value"] for one in after["fields"]}["reason"] == words["reason"]
        for person in range(1, 6):
            await counter.done(CLERK, "POST", "/v1/persons", {"name": "王小明", "number": person})
        facts = counter.facts()
        assert (facts.nameless, facts.nameless_persons) == ((), 0)


async def test_a_form_that_was_lost_after_its_decision_is_entered_again_as_it_was(memory: Path) -> None:
    """Signatures and grant stand. Neither what happens meanwhile makes another form of it, nor is it entered twice."""
    stood: dict[str, Any] = {}

    async def before(office: Counted) -> None:
        await office.story.receive()
        await office.told_until("reply")
        stood.update(await office.story.now())
        words = office.story.receipt()["fields"]
        await office.refused("office.decided", await office.ask(CLERK, "supplement", fields=words))

    async with losing(memory, "W-public", before) as office:
        told, words = office.story, office.story.receipt()["fields"]
        for part in (told._answer, told._paper, told._viewing):
            async for step in part():
                await told.do(step)
        assert (await told.now())["nameless"], "who was there at the viewing is no form"
        assert office.counter.facts().nameless == (told.number,)
        some = {name: words[name] for name in ("applicant", "reason")}
        await office.refused("office.again-whole", await office.ask(CLERK, "supplement", fields=some))
        other = words | {"interval": f"{told.day} 00:00-23:30"}
        await office.refused("office.again-other", await office.ask(CLERK, "supplement", fields=other))
        assert (await office.ask(CLERK, "supplement", fields=words)).ok
        now = await told.now()
        assert (now["nameless"], office.counter.facts().nameless) == (False, ())
        assert {one["name"]: one["value"] for one in now["fields"]}["applicant"] == words["applicant"]
        for kept in ("asked", "uses", "granted", "scope"):
            assert now[kept] == stood[kept], kept
        assert [len(one["signed"]) for one in now["chain"]] == [len(one["signed"]) for one in stood["chain"]]
        await office.refused("office.decided", await office.ask(CLERK, "supplement", fields=words))
        assert (await office.ask(CLERK, "close", filed_as="115-0301")).ok
        await office.refused("office.closed", await office.ask(CLERK, "supplement", fields=words))


async def test_a_form_that_nobody_can_read_spares_no_check(memory: Path) -> None:
    """A copy is asked for, or none: without the form each check that depends on it has to have its outcome."""

    async def before(office: Counted) -> None:
        told = office.story
        body = told.receipt()
        body["fields"]["wanted"] = "調閱"
        told.number = (await office.counter.done(CLERK, "POST", "/v1/requests", body))["request"]["number"]
        assert [one["name"] for one in (await told.now())["checks"] if not one["applies"]] == ["copy-necessary"]
        await office.told_until("grant")

    async with losing(memory, "W-agency", before) as office:
        told = office.story
        grant = await anext(step async for step in told.steps() if step[1] == "grant")
        await office.refused("office.unchecked", await office.ask(grant[0], "grant", signer=grant[3]["signer"]))
        checked = {"check": "copy-necessary", "outcome": "符合", "document": "來函"}
        assert (await office.ask(CLERK, "check", **checked)).ok
        assert (await office.ask(grant[0], "grant", signer=grant[3]["signer"])).ok
