"""The link to the centre under random faults: real mosquitto, a wire that does what wires do, a real database.

Time is accelerated: waits, deadlines and paces of minutes are fractions of a second here; nothing else is replaced.
"""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from random import Random

import pytest

from mqtt import client, connection, send
from mqtt.connection import HEADER_BYTES
from mqtt.contract.messages import Publication, camera_health_topic
from storage.outbox.table import Event, EventKind
from tests.conftest import Profile
from tests.faults.mqtt.collector import Collector
from tests.faults.mqtt.outage import FAULTS, NO_LIMIT, LostError, Outbox, Scene, memory_kib, playing
from tests.faults.mqtt.wire import Fault, wired
from tests.support.brokers import Centre, mosquitto
from tests.support.linked import NODE, Box, running, until
from tests.support.resources import descriptors


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A minute is a second, and a second less; of a thousand outages not each is logged."""
    caplog.set_level(logging.ERROR, "mqtt.client")
    for module, name, seconds in (
        (send, "PROBE_EVERY_S", 0.3), (send, "ANSWER_DEADLINE_S", 1.5), (send, "RATE_PER_S", 500.0),
        (send, "LOOK_EVERY_S", 0.03), (send, "DELETE_EVERY_S", 0.03),
        (send, "PATIENCE_S", 0.1),
        (connection, "ANSWER_TIMEOUT_S", 1.0), (connection, "TICK_S", 0.05),
        (connection, "AFTER_LOSS_S", 0.2),
        (connection, "FIRST_LIMIT_S", 0.05), (connection, "LAST_LIMIT_S", 0.4),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, seconds)


async def schedules(folder: Path, count: int, seed: int) -> None:
    """So many, one after the other, of one box. LostError names the first that lost something."""
    random = Random(seed)
    with mosquitto(folder, *NO_LIMIT) as broker, Collector(broker.port) as collector, Outbox(folder) as rows:
        async with (
            wired(broker.port, random, slow_bytes_per_s=10_000) as wire,
            playing(Scene(rows, broker, wire, collector, random)) as scene,
        ):
            await until(lambda: scene.box.link.view.connected, "a first connection")
            bounds, deck = (0, 0), list[str]()
            for number in range(count):
                if len(deck) < 3:  # each comes up before any comes again
                    deck += random.sample(FAULTS, len(FAULTS))
                faults = [deck.pop(0) for _ in range(random.randint(1, 3))]
                living = asyncio.create_task(scene.live(random.randint(5, 40), 0.5))
                for fault in faults:
                    await asyncio.sleep(random.random() * 0.2)
                    await scene.befall(fault, random.random() * 0.8)
                await living
                try:
                    await scene.calm()
                except (LostError, TimeoutError) as error:
                    error.add_note(f"schedule {number} of seed {seed}: {faults}; {scene.box.link.view}")
                    raise
                collector.forget_all()
                rows.entered.clear()
                if number == 9:
                    bounds = (len(descriptors()), memory_kib())
            if count > 10:
                assert len(descriptors()) <= bounds[0] + 8, "what a connection on its way has"
                assert memory_kib() <= bounds[1] + 24_000


async def test_nothing_is_lost_whatever_befalls_wire_broker_collector_and_box(
    tmp_path: Path, profile: Profile, quick: None
) -> None:
    await schedules(tmp_path, profile.link_schedules, seed=6)


async def test_deleting_on_sending_is_caught(tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control."""
    sent = send.Outbox.sent

    def sent_and_done(self: send.Outbox, mid: int, event: Event) -> None:
        sent(self, mid, event)
        self._arrived.add(event.seq)

    monkeypatch.setattr(send.Outbox, "sent", sent_and_done)
    with pytest.raises(LostError, match="never arrived"):
        await schedules(tmp_path, 100, seed=6)


async def test_on_a_line_of_a_kilobyte_per_second_heartbeats_are_heard_while_history_drains(tmp_path: Path) -> None:
    with mosquitto(tmp_path, *NO_LIMIT) as broker, Centre(broker.port) as centre, Outbox(tmp_path) as rows:
        await rows.enter(EventKind.GAP, 300)
        await rows.enter(EventKind.ALARM, 300)
        async with wired(broker.port, Random(1), slow_bytes_per_s=1000) as wire:
            wire.befall(Fault.SLOW)
            box = Box(wire.port, post=rows.post)
            box.snapshot = [Publication(camera_health_topic(NODE, f"c{n}"), b"x" * 400, 1, True) for n in range(20)]
            async with running(box):
                await until(lambda: box.link.view.connected, "a connection")
                for _ in range(20):
                    box.link.publish(box.heartbeat())
                    await asyncio.sleep(1)
                    heard = [one.topic for one in centre.heard]
                    beats = sum(topic.endswith("/heartbeat") for topic in heard)
                    if beats >= 5 and any("/event/" in topic for topic in heard):
                        break
                else:
                    pytest.fail(f"{beats} heartbeats; {heard}")
                assert box.link.view.connected


async def test_a_stop_does_not_wait_for_a_month_of_history(tmp_path: Path) -> None:
    with mosquitto(tmp_path, *NO_LIMIT) as broker, Collector(broker.port) as collector, Outbox(tmp_path) as rows:
        await rows.enter(EventKind.GAP, 500)
        box = Box(broker.port, post=rows.post)
        async with running(box):
            await until(lambda: bool(collector.heard), "a first event")
            began_s = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began_s < client.FAREWELL_S + 1
        assert await asyncio.to_thread(rows.waiting) > 0
        await asyncio.to_thread(collector.catch_up)
        heard = len({identity for _, identity, _ in collector.heard})
        assert rows.waiting() + heard <= len(rows.entered) + 1 + 1, "what has arrived has left the database"


async def test_while_nobody_listens_it_is_told_and_everything_is_kept(tmp_path: Path, quick: None) -> None:
    with mosquitto(tmp_path) as broker, Outbox(tmp_path) as rows:
        box = Box(broker.port, post=rows.post)
        for kind in (EventKind.PIN, EventKind.GAP, EventKind.GAP):
            await rows.enter(kind)
        async with running(box):
            await until(lambda: "nobody is subscribed" in box.link.view.reason, "the reason")
            assert "collector" in box.link.view.check
            assert rows.waiting() == len(rows.entered) + 1
            with Collector(broker.port) as collector:
                await until(lambda: rows.waiting() == 0, "the end of the queue")
                await asyncio.to_thread(collector.catch_up)
                rows.check(collector.heard)
            assert box.link.view.reason == ""


async def test_an_event_that_is_too_large_for_the_broker_is_told_in_short_and_holds_up_nothing(
    tmp_path: Path, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "mqtt.client")
    with mosquitto(tmp_path, "max_packet_size 2000") as broker, Outbox(tmp_path) as rows:
        await rows.enter(EventKind.PIN, padding=3000)
        await rows.enter(EventKind.PIN)
        await rows.enter(EventKind.PIN, padding=3000)
        await rows.enter(EventKind.ALARM)
        with Collector(broker.port) as collector:
            async with running(Box(broker.port, post=rows.post)):
                await until(lambda: rows.waiting() == 0, "the end of the queue")
                await asyncio.to_thread(collector.catch_up)
            rows.check(collector.heard)
        pins = [json.loads(payload) for topic, _, payload in collector.heard if topic.endswith("/pin")]
    assert ["padding" in pin["data"] for pin in pins] == [False, True, False]
    assert pins[0]["data"] == {"leaf": None, "bytes": pins[0]["data"]["bytes"], "limit_bytes": 2000 - HEADER_BYTES}
    assert pins[0]["data"]["bytes"] > 3000
    assert caplog.text.count("sent in short") == 1


async def test_an_event_that_does_not_even_fit_in_short_holds_up_its_kind_alone(tmp_path: Path, quick: None) -> None:
    with mosquitto(tmp_path, "max_packet_size 330") as broker, Outbox(tmp_path) as rows:
        await rows.enter(EventKind.PIN, padding=3000)
        await rows.enter(EventKind.PIN)
        await rows.enter(EventKind.ALARM)
        with Collector(broker.port) as collector:
            box = Box(broker.port, post=rows.post)
            async with running(box):
                await until(lambda: any("alarm" in topic for topic, _, _ in collector.heard), "the alarm")
                await until(lambda: "Packet too large" in box.link.view.reason, "the reason")
                assert box.link.view.connected
        assert rows.waiting() >= 2
