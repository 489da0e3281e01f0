"""A month without a broker, with 64 cameras that flap: what gives way, what is told of it, and how it drains.

The database and all that decides are real; the month, the broker and its answers are numbers.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import pytest

from mqtt.connection import WINDOW, Delivery
from mqtt.send import BURST, RATE_PER_S, OutboxSender, SendQueue
from storage.database.writer import Database
from storage.outbox import table as outbox_table
from storage.outbox.table import RANKS, Event, EventKind, EventRank, Outbox
from tests.conftest import Profile
from tests.support.linked import NODE
from tests.support.office import Clock

CAMERAS: Final = 64
MINUTE_MS: Final = 60_000
DAY_MIN: Final = 1440
PAGE: Final = 2000
"""Events that one fact enters: the database thread lives."""


def month(days: int, random: Random) -> Iterator[tuple[int, EventKind, dict[str, object]]]:
    """Minute, kind and body of all that happens, in its order: each camera is lost and back every 20 minutes."""
    for minute in range(days * DAY_MIN):
        for camera in range(CAMERAS):
            if random.random() < 1 / 20:
                lost = {"what": "ended", "camera": f"cam-{camera:02}", "cause": "unreachable", "minute": minute}
                yield minute, EventKind.GAP, lost
        if minute % 30 == 0:
            yield (
                minute,
                EventKind.ALARM,
                {"what": "raised", "key": f"camera.down:cam-{minute % CAMERAS:02}", "text": "…"},
            )
        if minute % 120 == 0:
            yield minute, EventKind.PIN, {"what": "placed", "pin": f"P-{minute}"}
            yield minute, EventKind.VOLUME, {"what": "state", "volume": "v1", "state": "in-service"}
        if minute % DAY_MIN == 0:
            yield minute, EventKind.LEDGER, {"what": "verified", "day": minute // DAY_MIN}
            yield minute, EventKind.RETENTION, {"what": "bounds", "camera": "cam-01"}


class Outage:
    """The database of the box, and how much of each kind was entered."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._database = Database(folder / "edged.db")
        self.clock = Clock()
        self.post = Outbox(self._database, self.clock)
        self.post.want(wanted=True).result()
        self._do(partial(outbox_table.next_id, wall_ms=self.clock.wall_ms))  # the count begins
        self._do(lambda db: db.execute("UPDATE outbox_count SET limit_bytes = ?", (limit_bytes,)))
        self.entered: Counter[EventKind] = Counter({EventKind.OUTBOX: 1})
        self.worst_bytes = 0

    def _do(self, fact: object) -> None:
        self._database.submit(fact).result()  # type: ignore[arg-type]

    def last_for(self, days: int) -> None:
        begun_ms, page = self.clock.wall_ms, []
        for minute, kind, body in month(days, Random(30)):
            page.append((begun_ms + minute * MINUTE_MS, kind, body))
            self.entered[kind] += 1
            if len(page) == PAGE:
                self._enter(page)
                page = []
        self._enter(page)
        self.clock.tick(days * DAY_MIN * MINUTE_MS)

    def _enter(self, page: list[tuple[int, EventKind, dict[str, object]]]) -> None:
        def enter(db: sqlite3.Connection) -> None:
            for wall_ms, kind, body in page:
                outbox_table.put(db, kind, wall_ms, body)

        self._do(enter)
        self.worst_bytes = max(self.worst_bytes, sum(depth.bytes for depth in self.post.depth().values()))

    def close(self) -> None:
        self._database.close()


async def drained(it: Outage) -> list[tuple[float, Event]]:
    """When the broker was given which event, in seconds since the connection; it takes 10 ms for each answer."""
    traffic, woken = SendQueue(NODE), asyncio.Event()
    drain = OutboxSender(it.post, traffic.outbox, woken.set)
    now_s, mids, sent, answers = 1000.0, 0, [], []
    traffic.connected([], WINDOW)
    drain.connected(now_s)
    idle = 0
    while idle < 3:
        drain.poll(now_s)
        while drain._job is not None:
            await woken.wait()
            woken.clear()
            drain.poll(now_s)
        while (parcel := traffic.take(now_s)) is not None:
            mids += 1
            traffic.sent(mids, parcel, now_s)
            answers.append(mids)
            assert parcel.event is not None
            sent.append((now_s - 1000.0, parcel.event))
        now_s += max(0.01, traffic.due_s(now_s))
        if not answers:  # nothing more, unless a look finds it
            now_s, idle = now_s + 1.0, idle + 1
            continue
        idle = 0
        for mid in answers:
            traffic.answered(mid, Delivery.TAKEN, now_s)
        answers.clear()
    return sent


@pytest.fixture
def ended(tmp_path: Path, profile: Profile) -> Iterator[Outage]:
    """The outage is over: nothing has been drained yet."""
    it = Outage(tmp_path, profile.outage_limit_bytes)
    try:
        it.last_for(profile.outage_days)
        yield it
    finally:
        it.close()


def gone_of(ended: Outage) -> dict[EventRank, int]:
    """How much of the lower ranks gave way; AssertionError if any of the higher did."""
    depth, by_rank = ended.post.depth(), Counter(dict.fromkeys(EventRank, 0))
    for kind, count in ended.entered.items():
        by_rank[RANKS[kind]] += count
    for rank in (EventRank.PROOF, EventRank.ALARM):
        assert depth[rank].events == by_rank[rank], f"of rank {rank} something gave way"
    return {rank: by_rank[rank] - depth[rank].events for rank in (EventRank.STORAGE, EventRank.HISTORY)}


def test_giving_up_what_matters_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control."""
    monkeypatch.setattr(outbox_table, "EventRank", sorted(EventRank, reverse=True))
    it = Outage(tmp_path, 100_000)
    try:
        it.last_for(1)
        with pytest.raises(AssertionError, match="gave way"):
            gone_of(it)
    finally:
        it.close()


async def test_a_month_without_a_broker(ended: Outage, profile: Profile) -> None:
    depth, gone = ended.post.depth(), gone_of(ended)
    assert ended.worst_bytes <= profile.outage_limit_bytes
    assert gone[EventRank.HISTORY] > 0, "the outage was not long enough to try anything"

    sent = await drained(ended)
    told = {event.body["rank"]: event for _, event in sent if event.body["what"] == "evicted"}
    assert {rank: event.body["events"] for rank, event in told.items()} == {
        rank.value: count for rank, count in gone.items() if count
    }
    assert len(sent) == sum(one.events for one in depth.values()) + len(told), "all that was left arrived, once"
    assert not sum(one.events for one in ended.post.depth().values())

    for kind in EventKind:
        numbers = [event.seq for _, event in sent if event.kind is kind]
        assert numbers == sorted(numbers)
    late = {event.seq for event in told.values()}
    assert_highest_first([event for _, event in sent if event.seq not in late])
    took_s = sent[-1][0]
    assert len(sent) <= BURST + RATE_PER_S * took_s + 1, "faster than it may be"
    assert took_s <= len(sent) / RATE_PER_S * 1.5 + 5, "much slower than it may be"


def assert_highest_first(sent: list[Event]) -> None:
    """Of each rank all kinds go side by side, one event of each: a lower one goes only where each higher kind has one
    under way, which is at most one event of lower kinds for each answer of a higher one."""
    left = Counter(event.rank for event in sent)
    for place, event in enumerate(sent):
        higher = {rank for rank in left if rank < event.rank and left[rank] > 0}
        beside = sent[max(0, place - len(EventKind)) : place]
        assert not higher or any(one.rank in higher for one in beside), f"{event.kind} {event.seq} did not wait"
        left[event.rank] -= 1


def test_history_before_alarms_is_noticed() -> None:
    """The negative control."""
    gaps = [Event(1, seq, EventKind.GAP, 0, 0, "", {}) for seq in range(1, 40)]
    alarms = [Event(1, seq, EventKind.ALARM, 0, 0, "", {}) for seq in range(40, 45)]
    assert_highest_first(alarms + gaps)
    with pytest.raises(AssertionError, match="did not wait"):
        assert_highest_first(gaps + alarms)
