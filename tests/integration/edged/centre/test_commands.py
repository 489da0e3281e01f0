"""Commands of the centre as they arrive: on record before they are done, answered where that is due, floods borne."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from edged.access.journal import ActJournal as Journal
from edged.centre.commands import ANSWERS_MAX, DOING_MAX, UNPROVEN, WAITING_MAX, CentreCommands
from edged.centre.handlers import RATE, CommandHandlers, Declined, Result, Stopping
from edged.site.rounds import SiteState
from mqtt import commands
from mqtt.commands import Commander, Reason, Reply, ValidCommand, Verb
from mqtt.contract.messages import Payload
from storage.ledger import table as ledger_table
from storage.outbox.table import EventKind
from storage.words.errors import OrderRefused, TooOften, WriteFailed
from tests.support.commanding import Desk
from tests.support.office import WALL_MS, Office
from tests.support.roles import Memory
from tests.unit.mqtt.test_commands import mutated


@dataclass
class Played:
    """What the daemon does of a command: as the test says."""

    done: list[Verb] = field(default_factory=list)
    begun: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    outcome: Callable[[], Result] = lambda: ("done", {"answer": 42})
    hold: asyncio.Event | None = None

    async def do(self, order: ValidCommand) -> Result:
        self.done.append(order.verb)
        self.begun.release()
        if self.hold is not None:
            await self.hold.wait()
        return self.outcome()


class Box:
    """Orders over a real store; the site, the ledger of refusals and the deeds are played."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.noc = Desk(now_ms=WALL_MS)
        self.keys: dict[str, Commander] = {}
        self.know(self.noc.commander())
        config = SimpleNamespace(site=SimpleNamespace(node="test-node"), known_keys=lambda: self.keys)
        site = SimpleNamespace(config=config, overview=lambda: SimpleNamespace(synced=True))
        self.memory = Memory()
        self.journal = Journal(self.memory, lambda: office.clock.boottime_ms)
        self.played = Played()
        self.replies: list[Reply] = []
        self.said = asyncio.Event()
        self.orders = CentreCommands(
            *(cast("SiteState", site), office.store, self.journal, cast("CommandHandlers", self.played)),
            *(self.say, office.clock),
            pause_s=0,
        )

    def know(self, commander: Commander) -> None:
        self.keys[commander.key_id] = commander

    def say(self, payload: Payload) -> None:
        assert isinstance(payload, Reply)
        self.replies.append(payload)
        self.said.set()

    async def hear(self, message: bytes, verb: str = "status", *, retained: bool = False) -> None:
        self.orders.heard(commands.command_topic("test-node", verb), message, retained)
        await asyncio.wait_for(self.orders.idle(), 30)

    def states(self) -> list[tuple[str, str]]:
        return [(reply.state, reply.reason) for reply in self.replies]

    def events(self) -> list[dict[str, Any]]:
        return [dict(event.body) for event in self.office.store.outbox.following(EventKind.COMMAND, 0, 1000)]

    def acts(self) -> list[dict[str, Any]]:
        found = self.office.store._database.read(lambda db: ledger_table.leaves(db, 0, 10_000))
        return [json.loads(entry.body) for entry in found if entry.kind == "act"]


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    office = Office(tmp_path)
    made = Box(office)
    made.orders.start()
    yield made
    await made.orders.close()
    office.store.close()


async def test_done_and_answered(box: Box) -> None:
    await box.hear(box.noc.signed("status"))
    assert box.states() == [("accepted", ""), ("done", "")]
    assert box.replies[-1].result == {"answer": 42}
    assert box.replies[-1].topic("test-node") == "edged/v1/test-node/up/reply/desk-1"
    assert [event["what"] for event in box.events()] == ["accepted", "done"]
    assert box.played.done == [Verb.STATUS]


async def test_on_record_before_it_is_done(box: Box) -> None:
    seen: list[int] = []

    def look() -> Result:
        seen.append(len(box.acts()))
        return "", {}

    box.played.outcome = look
    await box.hear(box.noc.signed("status"))
    assert seen == [1]


async def test_what_cannot_be_put_on_record_is_not_done(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Future[None]:
        future: Future[None] = Future()
        future.set_exception(WriteFailed("the disk is full", ""))
        return future

    monkeypatch.setattr(box.office.store.commands, "take", full)
    monkeypatch.setattr(box.office.store.commands, "refused", full)
    await box.hear(box.noc.signed("status"))
    assert (box.states(), box.played.done) == ([("rejected", "busy")], [])


async def test_a_replay_is_not_done_and_told_what_became_of_it(box: Box) -> None:
    message = box.noc.signed("restart")
    for _ in range(3):
        await box.hear(message, "restart")
    assert box.played.done == [Verb.RESTART]
    assert box.states() == [("accepted", ""), ("done", ""), *[("done", "replayed")] * 2]
    assert [event["what"] for event in box.events()] == ["accepted", "done"]
    assert box.memory.acts[0].details == {"code": "replayed"}
    await box.hear(box.noc.signed("status", counter=1))
    assert box.states()[-1] == ("rejected", "replayed")


async def test_a_delayed_one_comes_too_late(box: Box) -> None:
    message = box.noc.signed("restart")
    box.office.clock.tick(300_000)
    await box.hear(message, "restart")
    assert (box.states(), box.played.done) == ([("rejected", "expired")], [])
    assert [(event["what"], event["reason"]) for event in box.events()] == [("rejected", "expired")]


async def test_whom_nobody_knows_hears_nothing_and_is_on_record_once_a_minute(box: Box) -> None:
    for _ in range(300):
        await box.hear(Desk("stranger", now_ms=WALL_MS).signed("restart"), "restart")
    assert (box.replies, box.events(), box.played.done) == ([], [], [])
    assert [(act.who, act.result, act.details) for act in box.memory.acts] == [
        (UNPROVEN, "refused", {"code": "unknown-key"})
    ]
    box.office.clock.tick(60_000)
    await box.journal.maintain()
    assert box.memory.acts[-1].details["count"] == 299


async def test_a_retained_one_is_refused(box: Box) -> None:
    await box.hear(box.noc.signed("status"), retained=True)
    assert (box.states(), box.played.done) == ([("rejected", "retained")], [])


async def test_another_box_stays_silent(box: Box) -> None:
    await box.hear(box.noc.signed("status", node="other-node"))
    assert (box.replies, box.events()) == ([], [])
    assert box.memory.acts[0].details == {"code": "wrong-node"}


async def test_answers_to_replays_are_rationed(box: Box) -> None:
    message = box.noc.signed("status")
    for _ in range(100):
        await box.hear(message)
    assert len(box.replies) == 2 + ANSWERS_MAX
    box.office.clock.tick(3000)
    for _ in range(10):
        await box.hear(message)
    assert len(box.replies) == 2 + ANSWERS_MAX + 3
    late = box.noc.signed("status", issued_ms=1, expires_ms=2)
    for _ in range(30):
        box.office.clock.tick(1000)
        await box.hear(late)
    assert sum(event["reason"] == "expired" for event in box.events()) == ANSWERS_MAX
    assert len(box.replies) == 2 + ANSWERS_MAX + 3 + 30
    box.noc.now_ms = box.office.clock.wall_ms
    await box.hear(box.noc.signed("status"))  # what is right is done all the same
    assert box.states()[-1] == ("done", "")


async def test_a_key_that_may_command_does_not_do_so_without_end(box: Box) -> None:
    """1,000 in 100 s; each is one more, and none is a replay."""
    for _ in range(1000):
        await box.hear(box.noc.signed("status"))
        box.office.clock.tick(100)
    taken = RATE.at_once + 100_000 // RATE.every_ms - 1
    assert len(box.played.done) == taken
    assert set(box.states()) == {("accepted", ""), ("done", ""), ("rejected", "too-often")}
    told = [event["reason"] for event in box.events() if event["what"] == "rejected"]
    assert ANSWERS_MAX <= len(told) <= ANSWERS_MAX + 2
    assert len(box.replies) <= 2 * taken + ANSWERS_MAX + 100
    assert len(box.acts()) == taken
    assert {act.details["code"] for act in box.memory.acts} == {"too-often"}
    assert len(box.memory.acts) <= 3
    other = Desk("other-noc", now_ms=WALL_MS)
    box.know(other.commander())
    await box.hear(other.signed("status"))  # others are not held up
    assert box.states()[-1] == ("done", "")


async def test_replays_take_nothing_of_what_a_key_may(box: Box) -> None:
    """Else whoever hears a command and says it again would silence the desk."""
    message = box.noc.signed("status")
    for _ in range(100):
        await box.hear(message)
    for _ in range(RATE.at_once - 1):
        await box.hear(box.noc.signed("status"))
        assert box.states()[-1] == ("done", "")


async def test_more_than_can_wait_is_dropped(box: Box) -> None:
    for _ in range(WAITING_MAX + 1000):
        box.orders.heard(commands.command_topic("test-node", "status"), b"x" * 100_000, False)
    await asyncio.wait_for(box.orders.idle(), 30)
    assert {act.details.get("code") for act in box.memory.acts} == {"flood"}
    await box.hear(box.noc.signed("status"))
    assert box.states()[-1] == ("done", "")


async def test_what_hangs_holds_up_no_other_and_not_the_restart(box: Box) -> None:
    box.played.hold = asyncio.Event()
    for _ in range(DOING_MAX + 1):
        box.orders.heard(commands.command_topic("test-node", "status"), box.noc.signed("status"), False)
    box.orders.heard(commands.command_topic("test-node", "restart"), box.noc.signed("restart"), False)
    for _ in range(DOING_MAX + 1):
        await asyncio.wait_for(box.played.begun.acquire(), 30)
    assert box.states() == [*[("accepted", "")] * DOING_MAX, ("rejected", "busy"), ("accepted", "")]
    box.played.hold.set()
    await asyncio.wait_for(box.orders.idle(), 30)
    assert box.states().count(("done", "")) == DOING_MAX + 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Declined(Reason.TOO_OFTEN, "later"), "too-often"),
        (OrderRefused("no such camera", ""), "not-possible"),
        (TooOften("20 pins wait", "approve them"), "too-often"),
        (WriteFailed("the disk is full", ""), "failed"),
        (ZeroDivisionError("a defect"), "failed"),
    ],
)
async def test_nothing_came_of_it(box: Box, error: Exception, reason: str) -> None:
    def fail() -> Result:
        raise error

    box.played.outcome = fail
    await box.hear(box.noc.signed("status"))
    assert box.states() == [("accepted", ""), ("rejected", reason)]
    assert [act["result"] for act in box.acts()] == ["done", "failed"]
    assert "a defect" not in box.replies[-1].text


async def test_a_restart_is_told_done_by_the_next_run(box: Box) -> None:
    def stop() -> Result:
        raise Stopping

    box.played.outcome = stop
    await box.hear(box.noc.signed("restart"), "restart")
    assert box.states() == [("accepted", "")]
    box.office.crash()
    box.office.start()
    again = Box(box.office)
    again.orders.start()
    await asyncio.wait_for(again.said.wait(), 30)
    await again.orders.close()
    assert again.states() == [("done", "")]


def read(message: bytes) -> object:
    """Blanks between its words make no other message of it."""
    try:
        return json.loads(message)
    except (ValueError, RecursionError):
        return message


async def test_fuzzed_payloads_crash_nothing_and_run_nothing(box: Box) -> None:
    """Ten thousand, through all that stands before a deed. Negative control: the untouched one behind them is done."""
    dice = random.Random(66)
    originals = [(verb, box.noc.signed(verb)) for verb in Verb]
    for number in range(10_000):
        verb, original = dice.choice(originals)
        message = mutated(original, dice)
        if read(message) == read(original):
            continue
        box.orders.heard(commands.command_topic("test-node", verb), message, dice.random() < 0.1)
        if number % 20 == 0:
            await asyncio.wait_for(box.orders.idle(), 60)
    await asyncio.wait_for(box.orders.idle(), 60)
    assert box.played.done == []
    await box.hear(box.noc.signed("status"))
    assert box.played.done == [Verb.STATUS]
