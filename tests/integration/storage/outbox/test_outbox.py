"""What a real store keeps for the centre: heads, pins, alarms; through crashes and the loss of the database."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mqtt.connection import WINDOW, Delivery
from mqtt.send import OutboxSender, SendQueue
from storage.ledger.signer import TOLD_EVERY_MS
from storage.outbox.table import Event, EventKind, EventRank, Outbox
from storage.store.opening import DATABASE_NAME
from storage.words.message import Message
from storage.words.model import Severity
from tests.faults.storage.store.scenario import Hands, OfficeAt, Told, broken, play
from tests.support import promises
from tests.support.office import DEADLINE_S, Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path)
    yield opened
    opened.store.close()


def events(office: Office, kind: EventKind) -> list[Event]:
    return office.store.outbox.following(kind, 0, 10_000)


def heads(office: Office) -> list[int]:
    return [event.body["size"] for event in events(office, EventKind.LEDGER) if event.body.get("what") == "checkpoint"]


def test_heads_are_events_once_an_hour_and_at_a_stop_in_order(office: Office) -> None:
    office.enrol("door")
    office.store.ledger.sign_now()
    (first,) = heads(office)
    for _ in range(3):
        office.segment("door")
        office.clock.tick(TOLD_EVERY_MS // 4)
        office.store.ledger.sign_now()
    assert heads(office) == [first]
    office.segment("door")
    office.clock.tick(TOLD_EVERY_MS // 4)
    office.store.ledger.sign_now()
    assert len(heads(office)) == 2
    office.segment("door")
    office.store.close()
    office.start()
    told = [event for event in events(office, EventKind.LEDGER) if event.body.get("what") == "checkpoint"]
    assert len(told) == 3, "the one that the run ended with"
    known = office.store.ledger.head_signer.head()
    assert known is not None
    assert set(told[-1].body) == {"what", "origin", "size", "root", "first", "key", "note"}
    assert told[-1].body["note"] == known.note
    assert told[-1].body["root"] == known.checkpoint.root.hex()


def test_a_head_that_is_told_is_not_told_again(office: Office) -> None:
    office.store.ledger.sign_now()
    before = heads(office)
    for _ in range(3):
        office.clock.tick(TOLD_EVERY_MS)
        office.store.ledger.head_signer.tell()
    assert heads(office) == before


def test_a_lost_database_begins_another_count_and_says_so(office: Office) -> None:
    office.enrol("door")
    office.segment("door")
    before = events(office, EventKind.RUN)
    office.store.ledger.mirror_now()
    office.store.close()
    (office.state / DATABASE_NAME).unlink()
    office.clock.tick(1000)
    office.start()
    assert not office.store.ledger.rebuild().again
    (begun,) = events(office, EventKind.OUTBOX)
    assert (begun.seq, begun.body) == (1, {"what": "begun"})
    assert begun.epoch != before[0].epoch, "no id of the lost count is given away again"
    assert [event.body["known"] > 0 for event in events(office, EventKind.LEDGER) if event.what == "rebuilt"] == [True]
    first = min(event.leaf for event in events(office, EventKind.LEDGER) if event.leaf)
    for kind in EventKind:
        assert all(event.leaf >= first for event in events(office, kind) if event.leaf), "what was told before is not"


def test_without_a_broker_nothing_waits(office: Office) -> None:
    office.store.outbox.want(wanted=False).result(DEADLINE_S)
    office.enrol("door")
    office.store.alarms.raised("disk", Severity.WARNING, Message("full"), Message("clean")).result(DEADLINE_S)
    assert all(depth.events == 0 for depth in office.store.outbox.depth().values())
    office.crash()
    office.start()
    assert all(depth.events == 0 for depth in office.store.outbox.depth().values()), "that is remembered"
    office.store.outbox.want(wanted=True).result(DEADLINE_S)
    assert [event.body["what"] for event in events(office, EventKind.OUTBOX)] == ["begun"]


def test_what_was_passed_on_goes_and_the_rest_waits(office: Office) -> None:
    office.store.alarms.raised("disk", Severity.WARNING, Message("full"), Message("clean")).result(DEADLINE_S)
    (alarm,) = events(office, EventKind.ALARM)
    depth = office.store.outbox.depth()
    assert depth[EventRank.ALARM].events == 1
    office.store.outbox.done([alarm.seq, alarm.seq, 10**9]).result(DEADLINE_S)
    assert office.store.outbox.depth() == {**depth, EventRank.ALARM: office.store.outbox.depth()[EventRank.ALARM]}
    assert office.store.outbox.depth()[EventRank.ALARM].events == 0
    assert office.store.outbox.last() >= alarm.seq


def test_a_day_in_a_nutshell_is_told_and_names_nobody(tmp_path: Path) -> None:
    """And each control shows: an event that is missing, one too many, one that says something else."""
    office, told = OfficeAt(tmp_path / "state", tmp_path / "volume"), Told()
    hands = Hands(office, lambda event: event.tell(told))
    play(hands)
    office.store.close()
    box = promises.Box(office.state, {})
    assert hands.trouble == []
    assert promises.events(box) == []
    assert [fault for fault in broken(told, box) if fault.startswith("S8")] == []
    assert len(told.alarms) == 3
    bodies = "\n".join(row["body"] for row in box.look("SELECT body FROM outbox"))
    for name in ("chen", '"lin"', "主任", "115-0042", "刑事訴訟法", "closed"):
        assert name not in bodies
    kinds = {row["kind"] for row in box.look("SELECT DISTINCT kind FROM outbox")}
    assert kinds >= {"ledger", "pin", "alarm", "outbox", "gap", "run", "volume"}
    for planted, shows in (
        ("UPDATE outbox SET body = '{}' WHERE kind = 'pin'", "says something else"),
        ("DELETE FROM leaves WHERE kind = 'gap'", "is not there"),
        (
            "UPDATE outbox SET leaf = 0 WHERE seq = (SELECT max(seq) FROM outbox WHERE kind = 'pin')",
            "is no event",
        ),
        ("UPDATE outbox SET body = '{}' WHERE kind = 'alarm'", "S8: alarm"),
    ):
        assert any(shows in fault for fault in faults_with(planted, tmp_path, told)), planted


async def test_what_a_bad_disk_and_a_later_version_left_goes_out_and_leaves(office: Office) -> None:
    """Through what reads it, words it and deletes it; nothing of it holds up what is behind it."""
    office.enrol("door")
    office.segment("door")
    post = office.store.outbox
    later = [(900_000 + n, 2, f"later-{n % 2}", '{"what":"opened"}') for n in range(4)]

    def plant(connection: sqlite3.Connection) -> None:
        for kind, body in (("run", '{"run":'), ("volume", "[]"), ("outbox", "7")):
            connection.execute("UPDATE outbox SET body = ? WHERE kind = ?", (body, kind))
        connection.execute("UPDATE outbox SET body = CAST(x'7b22ff' AS TEXT) WHERE kind = 'retention'")
        connection.executemany("INSERT INTO outbox VALUES (?1, ?2, ?3, 1, 0, '', ?4, 66)", later)
        connection.execute("UPDATE outbox_ranks SET events = events + 4, bytes = bytes + 264 WHERE rank = 2")
        connection.execute("UPDATE outbox_count SET seq = 900003")

    office.store.alarms.raised("disk", Severity.WARNING, Message("full"), Message("clean")).result(DEADLINE_S)
    office.store._database.submit(plant).result(DEADLINE_S)
    waiting = {event.seq: event for kind in EventKind for event in events(office, kind)}
    said = await drained(post)
    assert len(said) == len(waiting) == len({document["id"] for document in said})
    assert all(depth.events == 0 and depth.bytes == 0 for depth in post.depth().values())
    of_later = [document for document in said if document["type"] == "edged.other"]
    assert [document["data"] for document in of_later] == [
        {"what": "opened", "event_kind": kind} for _, _, kind, _ in later
    ], "in their order"
    texts = {document["type"]: document["data"].get("unreadable") for document in said}
    assert (texts["edged.run"], texts["edged.volume"], texts["edged.outbox"]) == ('{"run":', "[]", "7")
    assert texts["edged.alarm.raised"] is None


async def drained(post: Outbox) -> list[dict[str, Any]]:
    """All that waits, as a broker gets it that takes everything."""
    traffic, woken = SendQueue("box"), asyncio.Event()
    drain, said, now_s = OutboxSender(post, traffic.outbox, woken.set), list[dict[str, Any]](), 0.0
    traffic.connected([], WINDOW)
    drain.connected(now_s)
    async with asyncio.timeout(DEADLINE_S):
        while any(depth.events for depth in post.depth().values()):
            drain.poll(now_s)
            while (parcel := traffic.take(now_s)) is not None:
                said.append(json.loads(parcel.message.payload))
                traffic.sent(len(said), parcel, now_s)
                traffic.answered(len(said), Delivery.TAKEN, now_s)
            if drain._job is not None:
                await woken.wait()
                woken.clear()
            now_s += 1
    return said


def faults_with(planted: str, folder: Path, told: Told) -> list[str]:
    """With a copy of the database that somebody changed."""
    state = folder / "copy"
    state.mkdir(exist_ok=True)
    (state / DATABASE_NAME).unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(folder / "state" / DATABASE_NAME)) as source,
        closing(sqlite3.connect(state / DATABASE_NAME)) as copy,
    ):
        source.backup(copy)
        copy.execute("PRAGMA foreign_keys = OFF")
        copy.execute(planted)
        copy.commit()
    box = promises.Box(state, {})
    return promises.events(box) + broken(told, box)
