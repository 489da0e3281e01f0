"""A box with a real database, a real broker and a collector: what was entered must be heard, whatever befalls them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Final, Self

from mqtt.contract.messages import Publication, camera_health_topic
from storage.database.writer import Database
from storage.outbox import table as outbox_table
from storage.outbox.table import EventKind
from tests.faults.mqtt.collector import Collector
from tests.faults.mqtt.wire import Fault, Wire
from tests.support.brokers import Broker
from tests.support.linked import NODE, Box
from tests.support.office import Clock

KEPT: Final = (EventKind.ALARM, EventKind.PIN, EventKind.LEDGER)
"""What must not be lost."""
KINDS: Final = (*KEPT, EventKind.GAP, EventKind.GAP, EventKind.GAP, EventKind.CLOCK, EventKind.VOLUME)
NO_LIMIT: Final = ("max_inflight_messages 0", "max_queued_messages 0")
"""For the broker's queue to the collector: one that is killed takes along what it has not passed on yet."""
DRAINED_S: Final = 60.0
"""Once all is well again; on a busy machine."""


class LostError(AssertionError):
    """An event that was committed did not arrive, or came in the wrong order or under another id."""


class Outbox:
    """The database of a box. Remembers what was committed."""

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / "edged.db")
        self._clock = Clock()
        self.post = outbox_table.Outbox(self._database, self._clock)
        self.entered: dict[str, EventKind] = {}
        """By id, in their order."""

    def __enter__(self) -> Self:
        self.post.want(wanted=True).result()
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    async def enter(self, kind: EventKind, times: int = 1, padding: int = 0) -> None:
        """So many events, in one transaction."""
        self._clock.tick(1)
        begun, wall_ms = len(self.entered), self._clock.now().wall_ms

        def put(connection: sqlite3.Connection) -> list[str]:
            bodies = ({"n": n, "camera": f"c{n % 64}", "padding": "x" * padding} for n in range(begun, begun + times))
            return [outbox_table.put(connection, kind, wall_ms, body) for body in bodies]

        for number in await asyncio.wrap_future(self._database.submit(put)):
            self.entered[f"{NODE}:{number}"] = kind

    def waiting(self) -> int:
        return sum(depth.events for depth in self.post.depth().values())

    def check(self, heard: list[tuple[str, str, bytes]]) -> None:
        """LostError unless all that was entered was heard: in its order, and the same each time."""
        said = {identity for _, identity, _ in heard}
        if missing := [identity for identity in self.entered if identity not in said]:
            kinds = {self.entered[identity].value for identity in missing}
            raise LostError(f"{len(missing)} of {len(self.entered)} never arrived: {missing[:5]}, {kinds}")
        in_order(heard)


def in_order(heard: list[tuple[str, str, bytes]]) -> None:
    """LostError unless events of a topic came in the order of their numbers, and the same each time that they came."""
    said: dict[str, bytes] = {}
    numbers: dict[str, list[int]] = {}
    for topic, identity, payload in heard:
        if identity not in said:
            numbers.setdefault(topic, []).append(int(identity.rpartition(":")[2]))
        if said.setdefault(identity, payload) != payload:
            raise LostError(f"{identity} was told in two ways")
    for topic, found in numbers.items():
        if found != sorted(found):
            raise LostError(f"{topic}: {found} is not their order")


class Scene:
    """All of it, and what may befall it."""

    def __init__(self, rows: Outbox, broker: Broker, wire: Wire, collector: Collector, random: Random) -> None:
        self.rows = rows
        self._broker = broker
        self._wire = wire
        self._collector = collector
        self._random = random
        self._task: asyncio.Task[None] | None = None
        self.box = self._new_box()

    def _new_box(self) -> Box:
        return Box(self._wire.port, keepalive_s=1, post=self.rows.post, random=self._random.random)

    async def start(self) -> None:
        self._task = asyncio.create_task(self.box.link.run())

    async def end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def restart(self) -> None:
        """As after kill -9: nobody says goodbye, and nothing in memory is left."""
        await self.crash()
        self.box = self._new_box()
        await self.start()

    async def crash(self) -> None:
        if self.box.link._connection is not None:
            self.box.link._connection.close()
        await self.end()

    async def befall(self, name: str, for_s: float) -> None:
        """Something, for a while; afterwards it is over."""
        match name:
            case "killed":
                # What a broker has acknowledged and takes along is its loss, not the box's, and kept out of here.
                self._wire.befall(Fault.HALF_OPEN)
                await asyncio.to_thread(self._collector.catch_up)
                self._broker.stop()
                await asyncio.sleep(for_s)
                await asyncio.to_thread(self._broker.start)
                self._wire.befall(Fault.NONE)
            case "frozen":
                self._broker.freeze()
                await asyncio.sleep(for_s)
                self._broker.thaw()
            case "turned away":
                self._collector.turn_away()
                await asyncio.sleep(for_s)
                await asyncio.to_thread(self._collector.turn_back)
            case "collector away":
                await asyncio.to_thread(self._collector.go)
                await asyncio.sleep(for_s)
                await asyncio.to_thread(self._collector.come)
            case "box restarts":
                await self.restart()
            case _:
                self._wire.befall(Fault(name))
                await asyncio.sleep(for_s)
                self._wire.befall(Fault.NONE)

    async def live(self, events: int, over_s: float) -> None:
        """Things happen: events, and state that changes."""
        for number in range(events):
            await self.rows.enter(self._random.choice(KINDS))
            topic = camera_health_topic(NODE, f"c{number % 4}")
            self.box.link.publish(Publication(topic, str(number).encode(), 1, True))
            await asyncio.sleep(self._random.random() * 2 * over_s / events)

    async def calm(self) -> None:
        """Until nothing waits any more; then what was heard is checked."""
        async with asyncio.timeout(DRAINED_S):
            while await asyncio.to_thread(self.rows.waiting):  # noqa: ASYNC110  the database tells nobody
                await asyncio.sleep(0.02)
        await asyncio.to_thread(self._collector.catch_up)
        self.rows.check(self._collector.heard)


FAULTS: Final = (
    "killed", "frozen", "turned away", "collector away", "box restarts",
    *(fault.value for fault in Fault if fault is not Fault.NONE),
)  # fmt: skip


@contextlib.asynccontextmanager
async def playing(scene: Scene) -> AsyncIterator[Scene]:
    await scene.start()
    try:
        yield scene
    finally:
        await scene.end()


def memory_kib() -> int:
    """Resident, of this process."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
