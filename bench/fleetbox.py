"""A box of `bench.fleet`, as far as its centre can tell: the daemon's own reporter, link, outbox and database.

Made up are only the cameras, and what is measured of them. Each gap becomes an event when it is over, as its leaf would
be; alarms are storage's own. A camera breaks off every 20 minutes, every fifth time for so long that it is an alarm:
about 100 events a day, for which `mqtt.send` is made (200,000 a month of 64 cameras). Sound cameras
make a tenth.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from sqlite3 import Connection as Sqlite
from typing import Any, Final
from unittest import mock

from bench.fleetbook import Book, node
from edged.centre.reports import Reporter
from edged.config.model import Config
from edged.health.stream import CameraState, Condition, Stream
from edged.overview import CameraHealth, Measurements, Overview
from mqtt import client, commands
from mqtt.connection import Connection
from mqtt.contract.messages import Publication
from storage.database.writer import Database
from storage.ledger import table
from storage.ledger.note import Checkpoint
from storage.ledger.signer import IssuedHead
from storage.outbox import table as outbox_table
from storage.outbox.table import EventKind, EventRank, Outbox, OutboxDepth
from storage.tickets.alarms_table import Alarms
from storage.words.clock import SystemClock
from storage.words.message import NOTHING, as_message
from storage.words.model import AlarmRow, CameraUsage, Coverage, GapCause, Moment, Severity, VolumeState, VolumeStatus

TELL_S: Final = 5.0
"""The daemon looks every second; whatever changed is told at once all the same."""
HEAD_S: Final = 60.0
"""Segments of 5 minutes of 16 cameras: the ledger grows all the time."""
HEAD_EVENT_S: Final = 3600.0
LOOK_S: Final = 0.1
DEPTH_S: Final = 1.0
GAP_EVERY_S: Final = 1200.0
"""Of each camera, on average."""
ALARM_SHARE: Final = 0.2
"""Of gaps: so long that they are alarms."""
SHORT_S: Final = (5.0, 25.0)
LONG_S: Final = (60.0, 180.0)
ALARM_AFTER_S: Final = 42.0
DAY_S: Final = 86_400
STREAM: Final = Stream("h264", 1920, 1080, "aac")
FINE: Final = Condition(CameraState.RECORDING, NOTHING, fps=25.0, bitrate_bps=4_000_000, last_frame_age_s=0.04)
GONE: Final = Condition(CameraState.DOWN, as_message("RTSP over TCP to 10.0.0.12:554, path /stream1: no route to host"))
TEXT: Final = "Camera %s is not recorded: RTSP over TCP to 10.0.0.12:554, path /stream1: no route to host"
ACTION: Final = as_message("Check power and network of this camera")
_Fact = Callable[[Sqlite], object]


@dataclass(frozen=True)
class Way:
    """To the broker. `certificates`: where `ca.crt`, NODE.crt and NODE.key lie; None: without TLS."""

    port: int
    certificates: Path | None = None

    def table(self, name: str) -> dict[str, Any]:
        """[mqtt] of a box."""
        told: dict[str, Any] = {"host": "127.0.0.1", "port": self.port}
        if self.certificates is None:
            return told | {"username": name}
        at = self.certificates
        return told | {
            "ca_file": str(at / "ca.crt"), "certificate": str(at / f"{name}.crt"), "key_file": str(at / f"{name}.key"),
        }  # fmt: skip


class Box:
    """`live` as a task; the ears and orders of its own link."""

    def __init__(self, book: Book, number: int, way: Way, folder: Path) -> None:
        self._book = book
        self._number = number
        self.node = node(number)
        self._chance = Random(number)
        self._clock = SystemClock()
        self._cameras = [f"cam-{one:02}" for one in range(1, book.cameras + 1)]
        self._config = _config(self.node, self._cameras, way)
        self._database = Database(folder / f"{self.node}.db")
        self._post = Outbox(self._database, self._clock)
        self._alarms = Alarms(self._database, self._clock)
        self._reporter = Reporter(self._config, 1, self._clock, self._post)
        self._began = self._clock.now()
        self._health = {camera: CameraHealth(FINE, STREAM, self._began.wall_ms, 12) for camera in self._cameras}
        self._rows: tuple[AlarmRow, ...] = ()
        self._depth: Mapping[EventRank, OutboxDepth] = {}
        self._leaf = 204_817

    async def live(self, after_s: float) -> None:
        """From `after_s` on, until cancelled."""
        await asyncio.wrap_future(self._post.want(True))
        await asyncio.sleep(after_s)
        self._began = self._clock.now()
        self._head()
        self._reporter.start(self.overview, self, self)
        # What is due every five minutes is due at another moment in each box.
        lag_ms = -round(self._chance.uniform(0, 300_000))
        seen = self.overview()
        self._reporter.tell(replace(seen, now=replace(seen.now, boottime_ms=seen.now.boottime_ms + lag_ms)))
        try:
            async with asyncio.TaskGroup() as going:
                going.create_task(self._tells())
                going.create_task(self._heads())
                going.create_task(self._looks())
                going.create_task(self._depths())
                for camera in self._cameras:
                    going.create_task(self._breaks_off(camera))
        finally:
            await self._reporter.stop()
            await asyncio.to_thread(self._database.close)

    @property
    def topic_filter(self) -> str:
        return commands.command_topic(self.node, "+")

    def heard(self, topic: str, payload: bytes, retained: bool) -> None:
        """Nobody commands it."""

    def kept(self, payload: bytes | None) -> None:
        """What the broker has kept is right."""
        del payload
        asyncio.get_running_loop().call_soon(self._reporter.release_checkpoint)

    def passed_on(self, message: Publication) -> None:
        """Not written down."""

    def overview(self) -> Overview:
        now = self._clock.now()
        return Overview(
            config=self._config, version="bench", pid=1, started_ms=self._began.wall_ms,
            started_boottime_ms=self._began.boottime_ms, boot_id=self._clock.boot_id, epoch=1, synced=True,
            recovering=False, now=now, measured=self._measured(now), health=self._health, link=self._reporter.view,
            alarms=self._rows, destroyed=0, last_sweep_ms=None,
        )  # fmt: skip

    def _measured(self, now: Moment) -> Measurements:
        held_ms = 41 * DAY_S * 1000
        used = (now.plus_ms(-held_ms), held_ms, now, 21.5e9)
        volume = VolumeStatus(
            "v1",
            Path("/srv/edged"),
            VolumeState.IN_SERVICE,
            NOTHING,
            16 * 10**12,
            10**12,
            14 * 10**12,
            15 * 10**12,
            190_400,
        )
        return Measurements(
            now,
            volumes=(volume,),
            usage={camera: CameraUsage(camera, 11_900, 890 * 10**9, *used) for camera in self._cameras},
            coverage={camera: Coverage(86_300_000, 100_000, 0, 1, 5) for camera in self._cameras},
            covered_ms=dict.fromkeys(self._cameras, 31 * DAY_S * 1000),
            outbox=self._depth,
        )

    async def _tells(self) -> None:
        while True:
            await asyncio.sleep(TELL_S * self._chance.uniform(0.9, 1.1))
            self._reporter.tell(self.overview())

    async def _heads(self) -> None:
        told_s = time.monotonic() - self._chance.uniform(0, HEAD_EVENT_S)
        await asyncio.sleep(self._chance.uniform(0, HEAD_S))
        while True:
            head = self._head()
            if time.monotonic() - told_s >= HEAD_EVENT_S:
                told_s = time.monotonic()
                named = table.named(head.checkpoint)
                body = {"what": "checkpoint", **named, "first": 1, "key": head.key, "note": head.note}
                wall_ms = self._clock.now().wall_ms
                fact = partial(outbox_table.put, kind=EventKind.LEDGER, wall_ms=wall_ms, body=body)
                await asyncio.wrap_future(self._database.submit(fact))
            await asyncio.sleep(HEAD_S)

    def _head(self) -> IssuedHead:
        self._leaf += len(self._cameras) // 4
        checkpoint = Checkpoint(f"edged/{self.node}/7f3a91c2", self._leaf, b"\xab" * 32)
        note = f"{checkpoint.text}\n— {checkpoint.origin} {base64.b64encode(bytes(68)).decode()}\n"
        head = IssuedHead(checkpoint, note, 1, f"{checkpoint.origin}+0a1b2c3d+{'A' * 44}")
        self._reporter.checkpoint(head)
        return head

    async def _looks(self) -> None:
        """Is it connected?"""
        book, number = self._book, self._number
        while True:
            view = self._reporter.view
            if view is None or not view.connected:
                book.online[number] = book.empty[number] = 0.0
            elif not book.online[number]:
                book.online[number] = time.monotonic()
            await asyncio.sleep(LOOK_S)

    async def _depths(self) -> None:
        """How much waits?"""
        book, number = self._book, self._number
        while True:
            online_s = book.online[number]
            self._depth = await asyncio.to_thread(self._post.depth)
            book.last[number] = await asyncio.to_thread(self._post.last)
            book.depth[number] = waits = sum(depth.events for depth in self._depth.values())
            if not waits and online_s and online_s == book.online[number] and not book.empty[number]:
                book.empty[number] = time.monotonic()
            await asyncio.sleep(DEPTH_S)

    async def _breaks_off(self, camera: str) -> None:
        chance = self._chance
        while True:
            await asyncio.sleep(chance.expovariate(1 / GAP_EVERY_S))
            if not self._book.loading.value:
                continue
            long, began = chance.random() < ALARM_SHARE, self._clock.now()
            self._turns(camera, GONE)
            if long:
                await asyncio.sleep(ALARM_AFTER_S)
                await self._raised(camera)
            await asyncio.sleep(chance.uniform(*(LONG_S if long else SHORT_S)))
            if not self._book.loading.value:
                continue
            self._leaf += 1
            entered = self._database.submit(self._gap(camera, began, self._clock.now(), self._leaf))
            await asyncio.wrap_future(entered)
            if long:
                await asyncio.wrap_future(self._alarms.cleared(_key(camera)))
                self._rows = tuple(await asyncio.to_thread(self._alarms.all))
            self._turns(camera, FINE)

    async def _raised(self, camera: str) -> None:
        await asyncio.wrap_future(
            self._alarms.raised(_key(camera), Severity.CRITICAL, as_message(TEXT % camera), ACTION)
        )
        self._rows = tuple(await asyncio.to_thread(self._alarms.all))
        self._reporter.tell(self.overview())

    def _turns(self, camera: str, condition: Condition) -> None:
        stream = STREAM if condition is FINE else None
        self._health[camera] = CameraHealth(condition, stream, self._clock.now().wall_ms, 12 if stream else None)
        self._reporter.tell(self.overview())

    def _gap(self, camera: str, begin: Moment, end: Moment, leaf: int) -> _Fact:
        boot = self._clock.boot_id
        body = {"camera": camera, "start": _point(boot, begin), "end": _point(boot, end)}
        told = json.dumps(body | {"cause": GapCause.UNREACHABLE.value, "inside": False})
        return lambda db: outbox_table.of_leaf(db, "gap", leaf, end.wall_ms, told)

    async def arrears(self, hours: float) -> None:
        """What would have come up in so many hours until now, in one commit."""
        now, each = self._clock.now(), round(hours * 3600 / GAP_EVERY_S)

        def fact(db: Sqlite) -> None:
            for at in range(each):
                ago_ms = round((each - at) * GAP_EVERY_S * 1000)
                begin, end = now.plus_ms(-ago_ms), now.plus_ms(-ago_ms + 15_000)
                for camera in self._cameras:
                    self._leaf += 1
                    self._gap(camera, begin, end, self._leaf)(db)
                    if at % round(1 / ALARM_SHARE) == 0:
                        body = _alarm(camera, end.wall_ms)
                        outbox_table.put(
                            db, EventKind.ALARM, end.wall_ms, body | {"what": "raised", "cleared_ms": None}
                        )
                        outbox_table.put(
                            db, EventKind.ALARM, end.wall_ms, body | {"what": "cleared", "cleared_ms": end.wall_ms}
                        )

        await asyncio.wrap_future(self._database.submit(fact))


def _key(camera: str) -> str:
    return f"camera.down:{camera}"


def _alarm(camera: str, wall_ms: int) -> dict[str, Any]:
    return {
        "key": _key(camera), "occurrence": "1:1", "severity": "critical", "since_ms": wall_ms, "count": 1,
        "text": TEXT % camera, "action": ACTION, "acknowledged": False,
    }  # fmt: skip


def _point(boot: str, at: Moment) -> dict[str, Any]:
    return {"boot": 1, "id": boot, "boottime_ms": at.boottime_ms, "wall_ms": at.wall_ms}


def _config(name: str, cameras: list[str], way: Way) -> Config:
    return Config.model_validate(
        {
            "site": {"node": name, "office": "wenshan", "name": "文山區戶政事務所"},
            "retention": {"min": "31d", "max": "365d"},
            "cameras": [{"id": camera, "url": "test://"} for camera in cameras],
            "mqtt": way.table(name),
        }
    )


def run(book: Book, process: int, way: Way, folder: Path, spread_s: float) -> None:
    """A process with its share of the boxes, until it is killed; they begin over `spread_s`."""
    logging.basicConfig(level=logging.ERROR)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    class Counted(Connection):
        """Its attempts are counted."""

        async def open(self) -> None:
            book.tried(process)
            await super().open()

    with mock.patch.object(client, "Connection", Counted), contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(book, process, way, folder, spread_s))


async def _run(book: Book, process: int, way: Way, folder: Path, spread_s: float) -> None:
    boxes = [Box(book, number, way, folder) for number in range(process, book.boxes, book.processes)]
    book.entered[process] = 1
    while book.asked.value < 1:  # noqa: ASYNC110  another process says so
        await asyncio.sleep(LOOK_S)
    async with asyncio.TaskGroup() as going:
        for at, box in enumerate(boxes):
            going.create_task(box.live(spread_s * (at + process / book.processes) / len(boxes)), name=box.node)
        while True:
            await asyncio.sleep(LOOK_S)
            if book.entered[process] < book.asked.value:
                for box in boxes:
                    await box.arrears(book.arrears_h.value)
                book.entered[process] += 1
