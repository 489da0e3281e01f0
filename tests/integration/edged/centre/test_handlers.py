"""What verbs of the centre do to a real store: pins that need a second person, alarms; and what they leave alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest

from edged.access.acts import Acts, person
from edged.access.callers import Caller
from edged.api.pins import PinCalls
from edged.centre.handlers import CommandHandlers, Declined, Stopping
from edged.config.model import Config
from edged.host import journal
from edged.office.service import OfficeService
from mqtt.commands import Reason, ValidCommand, Verb, validate
from storage.pins import rules
from storage.pins.rules import Ground, Interval, PinState
from storage.pins.rules import PinOrder as Wanted
from storage.words.errors import OrderRefused, SamePerson, TooOften, UnknownId
from storage.words.message import Message
from storage.words.model import Segment, Severity
from tests.support.commanding import NODE, Desk
from tests.support.office import DEADLINE_S, WALL_MS, Office
from tests.unit.edged.test_command import loaded

CHEN: Final = Caller(1001, 1001, "chen", "chen", "operator")
DAY_MS: Final = 86_400_000


class Site:
    """Of the daemon only what deeds ask of it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.reconnected: list[str] = []
        self.looked = 0

    def priorities(self) -> dict[str, int]:
        return {"lobby": 0}

    async def reconnect(self, camera: str) -> bool:
        self.reconnected.append(camera)
        return True

    async def look_at_alarms(self) -> None:
        self.looked += 1


class Box:
    def __init__(self, folder: Path) -> None:
        self.office = Office(folder)
        self.office.enrol("lobby")
        self.noc = Desk(now_ms=WALL_MS)
        self.site = Site(loaded(folder, self.noc.table()))
        self.acts = Acts(self.office.store)
        office = OfficeService(self.office.store, lambda: self.site.config, self.office.clock)
        PinCalls(self.office.store, self.acts, self.office.clock, lambda: self.site.config, office).routes()
        self.stopped = 0
        reporter = SimpleNamespace(rebirth=lambda: 7)
        self.deeds = CommandHandlers(
            *(cast("Any", self.site), self.office.store, self.acts, cast("Any", reporter), self.office.clock),
            *(journal.Tail(), self.stop),
        )

    def stop(self) -> None:
        self.stopped += 1

    def order(self, verb: Verb, **args: Any) -> ValidCommand:
        keys = {self.noc.commander().key_id: self.noc.commander()}
        judged = validate(verb, self.noc.signed(verb, args=args), False, NODE, keys, WALL_MS)
        assert isinstance(judged, ValidCommand), judged
        return judged

    async def do(self, verb: Verb, **args: Any) -> dict[str, Any]:
        return dict((await self.deeds.do(self.order(verb, **args)))[1])

    async def place(self, segment: Segment) -> str:
        first, last = (iso(moment.wall_ms) for moment in (segment.start, segment.end))
        words = {"ground": "internal", "case": "115-0042", "approver": "主任"}
        placed = await self.do(Verb.PIN, do="place", cameras=["lobby", "lobby"], **{"from": first, "to": last}, **words)
        assert (placed["state"], placed["segments"]) == ("provisional", 1)
        return str(placed["pin"])


def iso(wall_ms: int) -> str:
    return datetime.fromtimestamp(wall_ms / 1000, UTC).isoformat()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    yield made
    made.office.store.close()


async def test_a_pin_of_the_centre_is_provisional_and_lapses_without_a_second_person(box: Box) -> None:
    pin = await box.place(box.office.segment("lobby"))
    pins = box.office.store.pins
    (standing,) = await asyncio.to_thread(pins.standing)
    assert (standing.pin.id, standing.pin.placer.name) == (pin, "city-noc")
    box.office.clock.tick(73 * 3_600_000)
    box.office.store.heartbeat().result(DEADLINE_S)
    await asyncio.to_thread(pins.maintain, dict)
    assert [one.pin.state for one in await asyncio.to_thread(pins.ended)] == [PinState.LAPSED]


async def test_a_key_places_only_so_many_that_nobody_approved(box: Box) -> None:
    segment, pins = box.office.segment("lobby"), box.office.store.pins
    placed = [await box.place(segment) for _ in range(rules.WAITING_MAX)]
    with pytest.raises(TooOften, match="edgectl pin approve"):
        await box.place(segment)
    first, box.noc = box.noc, Desk("other-noc", now_ms=WALL_MS)
    await box.place(segment)  # another key may
    at_the_box(box, segment)  # and so may people
    box.noc = first
    pins.approve(placed[0], person(CHEN))
    await box.place(segment)


async def test_what_keys_held_and_nobody_approved_they_do_not_hold_again(box: Box) -> None:
    """By a slice of the same segment neither, and by no other key. Negative control: other footage, people."""
    segment, other = box.office.segment("lobby"), box.office.segment("lobby")
    first_ms = segment.start.wall_ms
    await pin_of(box, first_ms, first_ms + 1)
    await pin_of(box, first_ms + 1, first_ms + 2)  # it waits still
    box.office.clock.tick(73 * 3_600_000)
    box.office.store.heartbeat().result(DEADLINE_S)
    await asyncio.to_thread(box.office.store.pins.maintain, dict)
    for noc in (box.noc, Desk("other-noc", now_ms=WALL_MS)):
        box.noc = noc
        with pytest.raises(OrderRefused, match="nobody approved it; let somebody at the box"):
            await pin_of(box, first_ms + 2, first_ms + 3)
    await box.place(other)
    at_the_box(box, segment)


async def test_what_was_approved_is_placed_again(box: Box) -> None:
    segment, pins = box.office.segment("lobby"), box.office.store.pins
    pins.approve(await box.place(segment), person(CHEN))
    box.office.clock.tick(31 * DAY_MS)
    box.office.store.heartbeat().result(DEADLINE_S)
    await asyncio.to_thread(pins.maintain, dict)
    assert [one.pin.state for one in await asyncio.to_thread(pins.ended)] == [PinState.LAPSED]
    await box.place(segment)


async def pin_of(box: Box, first_ms: int, last_ms: int) -> None:
    words = {"ground": "internal", "case": "115-0042", "approver": "主任"}
    await box.do(Verb.PIN, do="place", cameras=["lobby"], **{"from": iso(first_ms), "to": iso(last_ms)}, **words)


def at_the_box(box: Box, segment: Segment) -> None:
    interval = Interval(segment.start.wall_ms, segment.end.wall_ms)
    order = Wanted(("lobby",), interval, Ground.INTERNAL, "", "115-0042", "主任", 30 * DAY_MS)
    box.office.store.pins.place(order, person(CHEN), box.site.config.pins.limits())


async def test_somebody_at_the_box_approves_it(box: Box) -> None:
    pin = await box.place(box.office.segment("lobby"))
    pins = box.office.store.pins
    (standing,) = pins.standing()
    with pytest.raises(SamePerson):
        pins.approve(pin, standing.pin.placer)
    approved = pins.approve(pin, cast("Any", SimpleNamespace(uid=1001, name="chen")))
    assert approved.pin.state is PinState.APPROVED


async def test_an_extension_waits_for_a_second_person(box: Box) -> None:
    pin = await box.place(box.office.segment("lobby"))
    pins = box.office.store.pins
    pins.approve(pin, cast("Any", SimpleNamespace(uid=1001, name="chen")))
    until = iso(box.office.clock.wall_ms + 90 * DAY_MS)
    asked = await box.do(Verb.PIN, do="extend", pin=pin, until=until, reason="the court asks")
    assert pins.find(pin).pin.order.span_ms == 30 * DAY_MS
    waiting, _ = box.acts.listed()
    assert [(act.id, act.asker.name) for act in waiting] == [(asked["act"], "city-noc")]
    box.acts.approve(asked["act"], CHEN)
    assert pins.find(pin).pin.order.span_ms == 90 * DAY_MS


async def test_nothing_is_shortened_and_nothing_unknown_is_touched(box: Box) -> None:
    pin = await box.place(box.office.segment("lobby"))
    for until in (iso(box.office.clock.wall_ms + DAY_MS), iso(box.office.clock.wall_ms - DAY_MS)):
        with pytest.raises(OrderRefused):
            await box.do(Verb.PIN, do="extend", pin=pin, until=until, reason="shorter")
    with pytest.raises(UnknownId):
        await box.do(Verb.PIN, do="extend", pin="P-20260501-ABCD", until=iso(box.office.clock.wall_ms), reason="x")
    assert box.acts.listed() == ([], [])


async def test_the_occurrence_that_was_seen_is_acknowledged(box: Box) -> None:
    alarms = box.office.store.alarms
    alarms.raised("camera.down:lobby", Severity.CRITICAL, Message("down"), Message("look")).result(DEADLINE_S)
    row = alarms.find("camera.down:lobby")
    assert row is not None
    with pytest.raises(UnknownId):
        await box.do(Verb.ALARM_ACK, key="camera.down:lobby", occurrence="1:1")
    await box.do(Verb.ALARM_ACK, key="camera.down:lobby", occurrence=row.occurrence)
    after = alarms.find("camera.down:lobby")
    assert after is not None
    assert after.acknowledged
    assert box.site.looked == 1


async def test_a_camera_reconnects_once_a_minute(box: Box) -> None:
    await box.do(Verb.CAMERA_RECONNECT, camera="lobby")
    with pytest.raises(Declined) as declined:
        await box.do(Verb.CAMERA_RECONNECT, camera="lobby")
    assert declined.value.reason is Reason.TOO_OFTEN
    with pytest.raises(Declined) as declined:
        await box.do(Verb.CAMERA_RECONNECT, camera="gate")
    assert declined.value.reason is Reason.NOT_POSSIBLE
    box.office.clock.tick(60_000)
    await box.do(Verb.CAMERA_RECONNECT, camera="lobby")
    assert box.site.reconnected == ["lobby", "lobby"]


async def test_a_restart_takes_systemd(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    with pytest.raises(Declined, match="systemd"):
        await box.do(Verb.RESTART)
    assert box.stopped == 0
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    with pytest.raises(Stopping):
        await box.do(Verb.RESTART)
    assert box.stopped == 1


async def test_a_rebirth_says_how_much_is_said(box: Box) -> None:
    assert await box.do(Verb.REBIRTH) == {"messages": 7}
