"""Rows of the outbox on their way: one thing at a time, a database that fails, numbers that leave it once they may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any

import pytest

from mqtt.connection import Delivery
from mqtt.send import DELETE_EVERY_S, LOOK_EVERY_S, PATIENCE_S, TELL_EVERY_S, Outbox, OutboxSender
from storage.outbox.table import Event, EventKind
from storage.words.errors import StoreBusy


class Rows:
    """A database of gaps that fails on demand."""

    def __init__(self, count: int) -> None:
        self.rows = dict.fromkeys(range(1, count + 1))
        self.number = count
        self.broken = False
        self.reads = self.told = self.looks = self.commits = 0

    def last(self) -> int:
        self.looks += 1
        self._check()
        return self.number

    def following(self, kind: EventKind, after: int, limit: int) -> list[Event]:
        self._check()
        self.reads += 1
        found = [seq for seq in self.rows if seq > after][:limit] if kind is EventKind.GAP else []
        return [Event(1, seq, EventKind.GAP, seq, 0, "", {}) for seq in found]

    def done(self, seqs: Collection[int]) -> Future[None]:
        def delete() -> None:
            self.commits += 1
            for seq in seqs:
                self.rows.pop(seq, None)

        return self._future(delete)

    def tell_evicted(self) -> Future[bool]:
        def tell() -> bool:
            self.told += 1
            return False

        return self._future(tell)

    def enter(self) -> None:
        self.number += 1
        self.commits += 1
        self.rows[self.number] = None

    def _check(self) -> None:
        if self.broken:
            raise StoreBusy("the disk hangs", "look at the disk")

    def _future(self, work: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            self._check()
            future.set_result(work())
        except StoreBusy as error:
            future.set_exception(error)
        return future


class Running:
    """A drain whose time is ours."""

    def __init__(self, rows: Rows) -> None:
        self.outbox = Outbox()
        self.woken = asyncio.Event()
        self.drain = OutboxSender(rows, self.outbox, self.woken.set)
        self.now_s = 1000.0
        self.outbox.connected()
        self.drain.connected(self.now_s)

    async def work(self) -> None:
        """Until there is nothing to do at this moment."""
        while True:
            self.drain.poll(self.now_s)
            if self.drain._job is None:
                return
            async with asyncio.timeout(5):
                await self.woken.wait()
            self.woken.clear()

    def take(self) -> int | None:
        event = self.outbox.take(self.now_s)
        if event is None:
            return None
        self.outbox.sent(event.seq, event)
        self.outbox.answered(event.seq, Delivery.TAKEN, self.now_s)
        return event.seq


async def test_events_are_read_sent_and_deleted_and_new_ones_seen_within_a_second() -> None:
    rows = Rows(100)
    it = Running(rows)
    await it.work()
    sent = []
    for _ in range(3):
        while (seq := it.take()) is not None:
            sent.append(seq)
        it.now_s += DELETE_EVERY_S
        await it.work()
    assert sent == list(range(1, 101))
    assert not rows.rows
    assert it.outbox.arrived == []
    rows.enter()
    it.now_s += LOOK_EVERY_S
    await it.work()
    assert it.take() == 101


async def test_where_nothing_was_committed_it_looks_at_each_connection_and_no_more_and_reads_no_rows() -> None:
    rows = Rows(0)
    it = Running(rows)
    await it.work()
    before, looks = rows.reads, rows.looks
    for _ in range(10):
        it.now_s += LOOK_EVERY_S
        await it.work()
    assert (rows.reads, rows.looks) == (before, looks)
    it.drain.connected(it.now_s)
    await it.work()
    assert (rows.reads, rows.looks) == (before, looks + 1)


async def test_evictions_are_told_at_each_connection_and_once_an_hour() -> None:
    rows = Rows(0)
    it = Running(rows)
    await it.work()
    assert rows.told == 1
    it.now_s += TELL_EVERY_S - 1
    await it.work()
    assert rows.told == 1
    it.now_s += 1
    await it.work()
    assert rows.told == 2
    it.drain.connected(it.now_s)
    await it.work()
    assert rows.told == 3


async def test_a_database_that_fails_is_told_once_and_asked_again_later(caplog: pytest.LogCaptureFixture) -> None:
    rows = Rows(3)
    rows.broken = True
    it = Running(rows)
    for _ in range(5):
        await it.work()
        it.now_s += PATIENCE_S
    assert caplog.text.count("cannot be read or deleted") == 1
    rows.broken = False
    it.now_s += PATIENCE_S
    await it.work()
    assert [it.take(), it.take(), it.take()] == [1, 2, 3]
    rows.broken = True
    it.now_s += PATIENCE_S
    await it.work()
    assert it.outbox.arrived == [1, 2, 3]
    rows.broken = False
    it.now_s += PATIENCE_S
    await it.work()
    assert not rows.rows


async def test_a_defect_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Rows(3)
    it = Running(rows)
    monkeypatch.setattr(rows, "last", lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        await it.work()


async def test_what_has_arrived_leaves_at_the_end_of_a_connection_without_being_waited_for() -> None:
    rows = Rows(3)
    it = Running(rows)
    await it.work()
    assert [it.take(), it.take()] == [1, 2]
    it.drain.flush()
    assert list(rows.rows) == [3]
