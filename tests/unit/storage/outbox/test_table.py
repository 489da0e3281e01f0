"""What becomes an event for the centre, in which words, and what alarms tell it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

import pytest

from storage.database.migrations import migrate
from storage.ledger import table as ledger_table
from storage.ledger.table import Leaf
from storage.outbox import table as outbox_table
from storage.outbox.table import OF_LEAVES, RANKS, Event, EventKind, EventRank
from storage.tickets import alarms_table
from storage.words.errors import UnknownId
from storage.words.message import NOTHING, Message
from storage.words.model import Severity

MINUTE_MS: Final = 60_000
DOWN: Final = (
    "camera.down:lobby",
    Severity.CRITICAL,
    Message("lobby is not recorded", "camera.down", {"camera": "lobby"}),
    Message("check its cable"),
)


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        yield connection


def told(db: sqlite3.Connection, kind: EventKind = EventKind.ALARM) -> list[Event]:
    return outbox_table.following(db, kind, 0, 1000)


def words(db: sqlite3.Connection) -> list[Any]:
    return [event.body["what"] for event in told(db)]


def limit(db: sqlite3.Connection, size: int) -> None:
    outbox_table.next_id(db, 1)
    db.execute("UPDATE outbox_count SET limit_bytes = ?", (size,))


def test_leaves_that_are_events_are_told_with_their_numbers(db: sqlite3.Connection) -> None:
    """The event's body is the leaf's: the centre can hold one against the other."""
    number = ledger_table.enter(db, Leaf.PIN, 5, {"what": "placed", "pin": "P-1"}, committed={"who": "chen"})
    ledger_table.enter(db, Leaf.SEGMENT, 6, {"camera": "lobby", "seq": 1})
    (event,) = told(db, EventKind.PIN)
    leaf = ledger_table.leaf(db, number)
    assert leaf is not None
    assert (event.leaf, event.what, event.wall_ms, event.body) == (number, "pin", 5, json.loads(leaf.body))
    assert "chen" not in json.dumps(event.body), "a commitment, not a name"
    assert outbox_table.last(db) == 2, "begun, and the pin: footage is not told one by one"


def test_a_leaf_that_is_put_back_is_no_event(db: sqlite3.Connection) -> None:
    ledger_table.enter(db, Leaf.PIN, 5, {"what": "placed", "pin": "P-1"})
    entry = ledger_table.leaf(db, 1)
    assert entry is not None
    before = outbox_table.last(db)
    db.execute("DELETE FROM leaves")
    assert ledger_table.put_back(db, entry)
    assert outbox_table.last(db) == before


def test_every_kind_has_a_rank_and_leaves_are_those_there_are() -> None:
    assert set(RANKS) == set(EventKind)
    assert EventKind.OTHER not in OF_LEAVES.values()
    assert set(OF_LEAVES) <= {leaf.value for leaf in Leaf}


def test_proofs_are_not_evicted_for_history(db: sqlite3.Connection) -> None:
    """An outbox that is full of proofs lets history go by, and not one proof for it."""
    limit(db, 10_000)
    while outbox_table.depth(db)[EventRank.PROOF].bytes < 9_900:
        outbox_table.put(db, EventKind.PIN, 1, {"x": ""})
    proofs = outbox_table.depth(db)[EventRank.PROOF]
    for _ in range(20):
        outbox_table.put(db, EventKind.GAP, 1, {"x": "y" * 200})
    assert outbox_table.depth(db)[EventRank.PROOF] == proofs
    assert outbox_table.depth(db)[EventRank.HISTORY].events == 0
    assert outbox_table.tell_evicted(db, 2)
    assert told(db, EventKind.OUTBOX)[-1].body["events"] == 20


def test_one_event_evicts_so_many_at_most_and_keeps_the_order(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_table, "EVICTED_MAX", 5)
    for _ in range(50):
        outbox_table.put(db, EventKind.GAP, 1, {})
        outbox_table.put(db, EventKind.PIN, 1, {})
    limit(db, 3_000)
    outbox_table.put(db, EventKind.GAP, 1, {})
    assert outbox_table.depth(db)[EventRank.HISTORY].events == 50 + 1 - 5
    assert outbox_table.depth(db)[EventRank.PROOF].events == 51, "a lower rank has not given all yet"
    while outbox_table.depth(db)[EventRank.HISTORY].events:
        outbox_table.put(db, EventKind.PIN, 1, {})
    assert sum(one.bytes for one in outbox_table.depth(db).values()) > 3_000, "the bound is reached step by step"
    for _ in range(20):
        outbox_table.put(db, EventKind.PIN, 1, {})
    assert sum(one.bytes for one in outbox_table.depth(db).values()) <= 3_000


def test_without_a_broker_nothing_is_kept_and_with_one_it_begins_anew(db: sqlite3.Connection) -> None:
    outbox_table.put(db, EventKind.GAP, 1, {})
    outbox_table.want(db, wanted=False, wall_ms=2)
    assert outbox_table.put(db, EventKind.GAP, 3, {}) == "1:3"
    assert all(one.events == 0 for one in outbox_table.depth(db).values())
    outbox_table.want(db, wanted=True, wall_ms=4)
    outbox_table.want(db, wanted=True, wall_ms=5)
    (begun,) = told(db, EventKind.OUTBOX)
    assert (begun.epoch, begun.seq, begun.body) == (1, 4, {"what": "begun"})


def test_an_alarm_tells_its_whole_life_under_one_occurrence(db: sqlite3.Connection) -> None:
    key, severity, text, action = DOWN
    alarms_table.raise_alarm(db, *DOWN, 10)
    alarms_table.raise_alarm(db, *DOWN, 11)
    alarms_table.raise_alarm(db, key, severity, Message("wrong password"), action, 12)
    assert alarms_table.acknowledge(db, key, None, 13)
    assert not alarms_table.acknowledge(db, key, None, 14)
    alarms_table.clear_alarm(db, key, 15)
    events = told(db)
    assert [event.body["what"] for event in events] == ["raised", "updated", "acknowledged", "cleared"]
    (occurrence,) = {event.body["occurrence"] for event in events}
    assert occurrence == f"{events[0].epoch}:{events[0].seq}", "the id of the event that raised it"
    assert events[0].body == {
        "what": "raised",
        "key": key,
        "occurrence": occurrence,
        "severity": "critical",
        "since_ms": 10,
        "cleared_ms": None,
        "count": 1,
        "text": text,
        "code": "camera.down",
        "values": {"camera": "lobby"},
        "action": action,
        "action_code": "",
        "action_values": {},
        "acknowledged": False,
    }
    assert (events[-1].body["cleared_ms"], events[-1].body["acknowledged"]) == (15, True)


def test_flapping_is_one_occurrence_and_stays_acknowledged(db: sqlite3.Connection) -> None:
    now_ms = 0
    for turn in range(5):
        alarms_table.raise_alarm(db, *DOWN, now_ms)
        if turn == 0:
            alarms_table.acknowledge(db, DOWN[0], None, now_ms)
        alarms_table.clear_alarm(db, DOWN[0], now_ms + MINUTE_MS)
        now_ms += MINUTE_MS + alarms_table.FLAP_MS
    assert len({event.body["occurrence"] for event in told(db)}) == 1
    last = told(db)[-1].body
    assert (last["count"], last["since_ms"], last["acknowledged"]) == (5, 0, True)
    alarms_table.raise_alarm(db, *DOWN, now_ms + 1)
    again = told(db)[-1].body
    assert (again["count"], again["since_ms"], again["acknowledged"]) == (1, now_ms + 1, False)
    assert again["occurrence"] != last["occurrence"]


@pytest.mark.parametrize("gone", [False, True], ids=["standing", "flapping"])
def test_what_becomes_worse_is_acknowledged_no_longer(db: sqlite3.Connection, *, gone: bool) -> None:
    alarms_table.raise_alarm(db, "pin.ending:P", Severity.WARNING, Message("three days"), NOTHING, 1)
    alarms_table.acknowledge(db, "pin.ending:P", None, 2)
    alarms_table.raise_alarm(db, "pin.ending:P", Severity.INFO, Message("two weeks"), NOTHING, 3)
    assert told(db)[-1].body["acknowledged"], "what is no worse was seen"
    if gone:
        alarms_table.clear_alarm(db, "pin.ending:P", 4)
    alarms_table.raise_alarm(db, "pin.ending:P", Severity.CRITICAL, Message("a day"), NOTHING, 5)
    assert not told(db)[-1].body["acknowledged"]


def test_only_what_stands_can_be_acknowledged_and_only_as_it_stands(db: sqlite3.Connection) -> None:
    with pytest.raises(UnknownId):
        alarms_table.acknowledge(db, DOWN[0], None, 1)
    alarms_table.raise_alarm(db, *DOWN, 1)
    found = alarms_table.find(db, DOWN[0])
    assert found is not None
    with pytest.raises(UnknownId, match=f"as {found.occurrence}"):
        alarms_table.acknowledge(db, DOWN[0], "1:1", 2)
    assert alarms_table.acknowledge(db, DOWN[0], found.occurrence, 2)
    alarms_table.clear_alarm(db, DOWN[0], 3)
    with pytest.raises(UnknownId):
        alarms_table.acknowledge(db, DOWN[0], None, 4)
    assert words(db) == ["raised", "acknowledged", "cleared"]


def test_names_of_people_stay_on_the_box(db: sqlite3.Connection) -> None:
    alarms_table.raise_alarm(
        db, "roles.clash", Severity.WARNING, Message("accounts hold neither role"), NOTHING, 1, "chen, lin"
    )
    alarms_table.raise_alarm(
        db, "roles.clash", Severity.WARNING, Message("accounts hold neither role"), NOTHING, 2, "chen, wu"
    )
    found = alarms_table.find(db, "roles.clash")
    assert found is not None
    assert found.names == "chen, wu"
    assert not any("chen" in json.dumps(event.body) for event in told(db))


def test_alarms_without_a_broker_have_occurrences_too(db: sqlite3.Connection) -> None:
    outbox_table.want(db, wanted=False, wall_ms=9)
    alarms_table.raise_alarm(db, *DOWN, 10)
    found = alarms_table.find(db, DOWN[0])
    assert found is not None
    assert found.occurrence == "9:1"
    alarms_table.raise_alarm(db, "clock.stepped", Severity.INFO, Message("stepped"), NOTHING, 10)
    assert {row.occurrence for row in alarms_table.alarms(db)} == {"9:1", "9:2"}


def lies(db: sqlite3.Connection, kind: bytes, body: bytes, rank: EventRank = EventRank.HISTORY) -> int:
    """As a newer version wrote it, or as a bad disk left it; its number."""
    number = int(outbox_table.put(db, EventKind.RUN, 5, {}).partition(":")[2])
    db.execute(
        "UPDATE outbox_ranks SET events = events - 1, bytes = bytes - ? WHERE rank = 4", (2 + outbox_table.ROW_BYTES,)
    )
    db.execute(
        "UPDATE outbox SET rank = ?2, kind = CAST(?3 AS TEXT), body = CAST(?4 AS TEXT), bytes = ?5 WHERE seq = ?1",
        (number, rank, kind, body, len(body)),
    )
    db.execute(
        "INSERT INTO outbox_ranks (rank, events, bytes) VALUES (?1, 1, ?2)"
        " ON CONFLICT (rank) DO UPDATE SET events = events + 1, bytes = bytes + ?2",
        (rank, len(body)),
    )
    return number


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"camera":"lob',
        b"[1]",
        b"7",
        b"null",
        b'"text"',
        b'{"a":"\xff\xfe"}',
        b"1" * 5000,
        b"[" * 100_000,
        b"\0{}",
    ],
    ids=lambda body: repr(body[:8]),
)
def test_a_body_that_is_no_object_is_read_as_one_that_says_so(db: sqlite3.Connection, body: bytes) -> None:
    bad = lies(db, b"gap", body)
    good = outbox_table.put(db, EventKind.GAP, 6, {"fine": True})
    first, second = told(db, EventKind.GAP)
    assert (first.seq, first.body) == (bad, {"unreadable": body.decode("utf-8", "replace")})
    assert (f"{second.epoch}:{second.seq}", second.body) == (good, {"fine": True})


def test_kinds_of_a_later_version_are_read_in_one_order_and_leave(db: sqlite3.Connection) -> None:
    outbox_table.next_id(db, 5)
    before = outbox_table.depth(db)
    names = [b"zebra", b"door", b"zebra", b"other", b"", b"d\xffr", b"door"]
    seqs = []
    for name in names:
        seqs.append(lies(db, name, b'{"n":1}', EventRank.ALARM))
        outbox_table.put(db, EventKind.CLOCK, 5, {})
    found = told(db, EventKind.OTHER)
    assert [event.seq for event in found] == seqs
    assert [event.other for event in found] == [name.decode("utf-8", "replace") for name in names]
    assert {event.kind for event in found} == {EventKind.OTHER}
    assert [event.seq for event in outbox_table.following(db, EventKind.OTHER, seqs[1], 3)] == seqs[2:5], "a page"
    assert not told(db, EventKind.RUN)
    outbox_table.done(db, [*seqs, *(event.seq for event in told(db, EventKind.CLOCK))])
    after = outbox_table.depth(db)
    assert {rank: (one.events, one.bytes) for rank, one in after.items()} == {
        rank: (one.events, one.bytes) for rank, one in before.items()
    }


def test_looking_for_other_kinds_does_not_read_all_that_waits(db: sqlite3.Connection) -> None:
    """It is done each second, in an outbox of a million rows, too."""
    for _ in range(5_000):
        outbox_table.put(db, EventKind.GAP, 1, {})
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    db.set_progress_handler(step, 1)
    assert not told(db, EventKind.OTHER)
    db.set_progress_handler(None, 1)
    assert steps < 500
