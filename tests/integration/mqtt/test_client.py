"""The link against real brokers: mosquitto (MQTT 5) and amqtt (3.1.1), killed, restarted, refusing, lying, silent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from mqtt import client, connection, send
from mqtt.contract import messages
from mqtt.contract.messages import Publication
from tests.support.brokers import DEADLINE_S, Broker, Centre, Heard, amqtt, mosquitto
from tests.support.linked import BIRTH, BOOT, EPOCH, NODE, STATUS, Box, running, until
from tests.support.ports import free_port
from tests.support.resources import assert_nothing_is_left_open, descriptors

SECRET = "correct horse battery"
HEALTH = messages.camera_health_topic(NODE, "lobby")


async def heard(centre: Centre, wanted: Callable[[Heard], bool], what: str) -> Heard:
    return await asyncio.to_thread(centre.wait_for, wanted, what)


def status(state: str) -> Callable[[Heard], bool]:
    return lambda said: said.topic == STATUS and bool(said.payload) and json.loads(said.payload)["state"] == state


def about(topic: str, payload: bytes) -> Callable[[Heard], bool]:
    return lambda said: said.topic == topic and said.payload == payload


def health(value: str) -> Publication:
    return Publication(HEALTH, value.encode(), 1, True)


@pytest.fixture
def broker(tmp_path: Path) -> Any:
    with mosquitto(tmp_path) as running_broker:
        yield running_broker


async def test_everything_said_at_connection_arrives_and_stays(broker: Broker) -> None:
    box = Box(broker.port)
    box.snapshot = [Publication(messages.camera_health_topic(NODE, f"c{n}"), b"{}", 1, True) for n in range(130)]
    async with running(box):
        await until(lambda: box.link.view.connected and box.link.waiting == 0, "the greeting's arrival")
        assert (box.link.view.protocol, box.link.view.reason) == ("5", "")
        with Centre(broker.port) as late:
            for message in box.greeting():
                wanted = status("online") if message.topic == STATUS else about(message.topic, message.payload)
                said = await heard(late, wanted, message.topic)
                assert (said.qos, said.retain) == (1, True)


async def test_a_clean_stop_says_stopping_and_no_will(broker: Broker) -> None:
    box = Box(broker.port)
    with Centre(broker.port) as centre:
        async with running(box):
            await heard(centre, status("online"), "online")
        stopping = await heard(centre, status("stopping"), "stopping")
        assert json.loads(stopping.payload)["boot"] == BOOT
        assert not box.link.view.connected
    with Centre(broker.port) as late:
        kept = await heard(late, lambda said: said.topic == STATUS, "the kept status")
        assert json.loads(kept.payload)["state"] == "stopping"


async def test_a_death_without_a_word_fires_the_will(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box(broker.port)
    monkeypatch.setattr(connection.Connection, "disconnect", asyncio.Event().wait)  # as if the farewell got stuck
    monkeypatch.setattr(client, "FAREWELL_S", 0.05)
    with Centre(broker.port) as centre:
        async with running(box):
            await heard(centre, status("online"), "online")
        offline = await heard(centre, status("offline"), "the will")
        said = json.loads(offline.payload)
        assert (said["boot"], said["epoch"], offline.qos) == (BOOT, EPOCH, 1)
    with Centre(broker.port) as late:
        kept = await heard(late, lambda said: said.topic == STATUS, "the kept status")
        assert (json.loads(kept.payload)["state"], kept.retain) == ("offline", True)


async def test_heartbeats_expire_and_are_never_queued(broker: Broker) -> None:
    box = Box(broker.port)
    with Centre(broker.port) as centre:
        box.link.publish(box.heartbeat())
        assert box.link.waiting == 0
        async with running(box):
            await until(lambda: box.link.view.connected, "a connection")
            box.link.publish(box.heartbeat())
            said = await heard(centre, lambda said: said.topic.endswith("/heartbeat"), "a heartbeat")
            assert json.loads(said.payload)["seq"] == 3  # 1 was dropped before the connection, 2 was the status
            assert (said.qos, said.retain) == (0, False)
            assert said.expiry_s is not None
            assert 170 <= said.expiry_s <= 180


async def test_newest_state_is_sent_again_to_a_broker_that_lost_its_memory(broker: Broker) -> None:
    box = Box(broker.port)
    async with running(box):
        box.link.publish(health("1"))
        await until(lambda: box.link.view.connected and box.link.waiting == 0, "arrival")
        broker.stop()
        await until(lambda: not box.link.view.connected, "the loss")
        assert f"127.0.0.1:{broker.port}" in box.link.view.reason
        for value in range(2, 9):
            box.link.publish(health(str(value)))
        broker.start()
        await until(lambda: box.link.view.connected and box.link.waiting == 0, "the reconnection")
        assert box.greetings == 2
        with Centre(broker.port) as late:
            await heard(late, about(HEALTH, b"8"), "the newest health")
            await heard(late, status("online"), "online")
            assert not list(filter(about(HEALTH, b"1"), late.heard))


async def test_a_frozen_broker_is_noticed_and_still_spoken_to_in_mqtt_5(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Box(broker.port, keepalive_s=1)
    async with running(box):
        await until(lambda: box.link.view.connected and box.link.waiting == 0, "arrival")
        monkeypatch.setattr(connection, "ANSWER_TIMEOUT_S", 0.3)
        broker.freeze()
        await until(lambda: not box.link.view.connected, "the loss")
        await until(lambda: "then nothing for" in box.link.view.reason, "silence")
        broker.thaw()
        await until(lambda: box.link.view.connected and box.link.waiting == 0, "the reconnection")
        assert box.link.view.protocol == "5"


async def test_a_removed_camera_leaves_the_broker(broker: Broker) -> None:
    box = Box(broker.port)
    async with running(box):
        box.link.publish(health("1"))
        await until(lambda: box.link.view.connected and box.link.waiting == 0, "arrival")
        with Centre(broker.port) as centre:
            await heard(centre, about(HEALTH, b"1"), "health")
            box.link.forget(HEALTH)
            await heard(centre, about(HEALTH, b""), "its end")
        with Centre(broker.port) as late:
            await heard(late, status("online"), "online")
            box.link.publish(Publication(BIRTH, b"last", 1, True))
            await heard(late, about(BIRTH, b"last"), "what came after")
            assert HEALTH not in [said.topic for said in late.heard]


async def test_a_broker_that_knows_only_3_1_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_TIMEOUT_S", 2.0)  # it says nothing to MQTT 5
    with amqtt(tmp_path) as old, Centre(old.port, mqtt5=False) as centre:
        box = Box(old.port)
        async with running(box):
            await heard(centre, status("online"), "online")
            assert (box.link.view.connected, box.link.view.protocol) == (True, "3.1.1")
            box.link.publish(health("1"))
            box.link.publish(box.heartbeat())
            await heard(centre, about(HEALTH, b"1"), "health")
            await heard(centre, lambda said: said.topic.endswith("/heartbeat"), "a heartbeat")
        await heard(centre, status("stopping"), "stopping")
        assert not list(filter(status("offline"), centre.heard))


@pytest.mark.parametrize("password", ["", "not " + SECRET])
async def test_a_wrong_password_is_told_in_words_without_it(
    tmp_path: Path, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with mosquitto(tmp_path, password=("box", SECRET)) as strict:
        box = Box(strict.port, username="box", password=password)
        async with running(box):
            await until(lambda: "user and password under [mqtt]" in box.link.view.check, "the reason")
            await until(lambda: caplog.text.count("still without a broker") >= 2, "two attempts more")
        assert f"MQTT 5 to 127.0.0.1:{strict.port} as user box" in box.link.view.reason
        assert SECRET not in box.link.view.reason + box.link.view.check + caplog.text
        warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
        assert len(warnings) == 1, "an outage is logged once, however often it is tried"


async def test_the_right_password(tmp_path: Path) -> None:
    with mosquitto(tmp_path, password=("box", SECRET)) as strict:
        box = Box(strict.port, username="box", password=SECRET)
        async with running(box):
            await until(lambda: box.link.view.connected and box.link.waiting == 0, "arrival")


async def test_a_topic_the_broker_forbids_is_told(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text(f"topic write {STATUS}\n")
    with mosquitto(tmp_path, f"acl_file {rules}") as strict:
        box = Box(strict.port)
        async with running(box):
            await until(lambda: BIRTH in box.link.view.reason, "the refusal")
            assert "access rules" in box.link.view.check
            assert box.link.view.connected


async def test_nobody_listens_there() -> None:
    box = Box(free_port())
    async with running(box):
        await until(lambda: "connection refused" in box.link.view.reason, "the reason")
        assert box.link.view.protocol == ""


async def test_a_name_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_asked: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    box = Box(1883, host="centre.invalid")
    async with running(box):
        await until(lambda: "the name has no address" in box.link.view.reason, "the reason")
        assert "centre.invalid:1883" in box.link.view.reason


async def test_two_boxes_of_one_name_are_told(broker: Broker) -> None:
    first, second = Box(broker.port), Box(broker.port)
    async with running(first), running(second):
        await until(lambda: "no second box" in first.link.view.check + second.link.view.check, "the reason")


async def test_a_reason_the_broker_gives_when_it_closes_is_passed_on() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _level: int) -> None:
        writer.write(CONNACK_5)
        await skip_connect(reader)
        writer.write(bytes([0xE0, 2, 0x8E, 0]))
        await reader.read()

    async with lying_broker(answer) as (port, _levels):
        box = Box(port)
        async with running(box):
            await until(lambda: "Session taken over" in box.link.view.reason, "the reason")
            assert "a second box" in box.link.view.check


async def test_stopping_while_the_resolver_hangs_returns_at_once_and_leaks_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, answer = threading.Event(), threading.Event()
    real = socket.getaddrinfo

    def slow(*arguments: Any) -> Any:
        asked.set()
        assert answer.wait(DEADLINE_S)
        return real(*arguments)

    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(socket, "getaddrinfo", slow)
        task = asyncio.create_task(Box(server.getsockname()[1]).link.run())
        await until(asked.is_set, "the question")
        before = descriptors()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(1):
                await task
        answer.set()
        for thread in threading.enumerate():
            if thread.name == "mqtt-connect":
                await asyncio.to_thread(thread.join, DEADLINE_S)
                assert not thread.is_alive()
        assert_nothing_is_left_open(before)


async def test_descriptors_stay_bounded_over_many_attempts(broker: Broker) -> None:
    box = Box(broker.port)
    async with running(box):
        await until(lambda: box.link.view.connected, "a connection")
        broker.stop()
        await until(lambda: not box.link.view.connected, "the loss")
        before = descriptors()
        for _ in range(3):
            broker.start()
            await until(lambda: box.link.view.connected, "a connection")
            broker.stop()
            await until(lambda: not box.link.view.connected, "the loss")
        await until(lambda: "refused" in box.link.view.reason, "an attempt")
        assert len(descriptors()) <= len(before) + 1  # one attempt may be on its way


Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]


@contextlib.asynccontextmanager
async def lying_broker(answer: Answering) -> AsyncIterator[tuple[int, list[int]]]:
    """A broker of our own: `answer` gets each CONNECT's protocol level (5 or 4), the caller a list of them."""
    levels: list[int] = []
    conversations: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = asyncio.current_task()
        assert conversation is not None
        conversations.add(conversation)
        try:
            head = await reader.readexactly(9)  # type, length (one byte: ours are longer, so two), "MQTT", level
            level = head[8] if head[1] < 0x80 else (await reader.readexactly(1))[0]
            levels.append(level)
            await answer(reader, writer, level)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the link went away: what most of these brokers are for
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], levels
    finally:
        server.close()
        await server.wait_closed()
        async with asyncio.timeout(DEADLINE_S):  # the link is gone: each of them reads its end
            await asyncio.gather(*conversations)


CONNACK_5 = bytes([0x20, 3, 0, 0, 0])
CONNACK_5_THREE_AT_A_TIME = bytes([0x20, 6, 0, 0, 3, 0x21, 0, 3])
"""Receive maximum 3."""
CONNACK_311 = bytes([0x20, 2, 0, 0])


async def test_a_broker_that_just_closes_on_mqtt_5(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(client, "FAREWELL_S", 0.05)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, level: int) -> None:
        if level == 4:
            writer.write(CONNACK_311)
            await reader.read()

    async with lying_broker(answer) as (port, levels):
        box = Box(port)
        async with running(box):
            await until(lambda: box.link.view.connected, "a connection")
            assert (box.link.view.protocol, levels) == ("3.1.1", [5, 4])
            assert not caplog.records, "looking for the right version is no outage"


async def test_a_port_that_is_no_broker() -> None:
    async def answer(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter, _level: int) -> None:
        return

    async with lying_broker(answer) as (port, levels):
        box = Box(port)
        async with running(box):
            await until(lambda: len(levels) >= 4, "four attempts")
            assert levels[:4] == [5, 4, 5, 4]
            assert "the broker's MQTT port" in box.link.view.check


async def test_garbage_for_an_answer_is_survived() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _level: int) -> None:
        writer.write(bytes([0x20, 5, 0, 0, 200, 255, 255]))
        await reader.read()

    async with lying_broker(answer) as (port, levels):
        box = Box(port)
        async with running(box) as task:
            await until(lambda: len(levels) >= 4, "four attempts")
            assert not task.done()
            assert "MQTT" in box.link.view.reason


async def test_a_broker_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_TIMEOUT_S", 0.1)

    async def answer(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter, _level: int) -> None:
        await reader.read()

    async with lying_broker(answer) as (port, levels):
        box = Box(port)
        async with running(box):
            await until(lambda: len(levels) >= 2, "two attempts")
            assert "nothing for 0.1 s" in box.link.view.reason
            assert levels[:2] == [5, 4]


async def test_what_paho_trips_over_ends_the_connection_and_not_the_link(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, real = Box(broker.port), paho.Client.loop_read
    async with running(box):
        await until(lambda: box.link.view.connected, "a connection")
        monkeypatch.setattr(paho.Client, "loop_read", lambda _client: b"".index(b"x"))
        await until(lambda: "not MQTT (ValueError)" in box.link.view.reason, "the reason")
        monkeypatch.setattr(paho.Client, "loop_read", real)
        await until(lambda: box.link.view.connected, "the reconnection")


@pytest.mark.parametrize(("connack", "granted"), [(CONNACK_5, connection.WINDOW), (CONNACK_5_THREE_AT_A_TIME, 3)])
async def test_a_broker_that_acknowledges_nothing_gets_no_more_than_the_window(
    connack: bytes, granted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FAREWELL_S", 0.05)
    publications: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _level: int) -> None:
        writer.write(connack)
        await skip_connect(reader)
        while True:
            publications.append((await read_packet(reader))[0])

    async with lying_broker(answer) as (port, _levels):
        box = Box(port)
        box.snapshot = [Publication(f"edged/v1/{NODE}/up/cam/c{n}/health", b"{}", 1, True) for n in range(100)]
        async with running(box):
            await until(lambda: len(publications) >= granted, "a full window")
            assert box.link.waiting == 102
            monkeypatch.setattr(send, "ANSWER_DEADLINE_S", 0.0)
            box.link.publish(health("1"))  # wakes it
            await until(lambda: not box.link.view.connected, "the end")
            assert "no message was acknowledged" in box.link.view.reason
            assert publications == [0x33] * granted  # no duplicates: QoS 1, retained, first time


async def test_a_defect_of_ours_comes_out_and_leaves_nothing_open(broker: Broker) -> None:
    box = Box(broker.port)
    task = asyncio.create_task(box.link.run())
    box.link.publish(Publication(HEALTH, b"x", 3, True))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="QoS"):
        async with asyncio.timeout(DEADLINE_S):
            await task
    assert not box.link.view.connected


async def test_a_slow_line_gets_the_whole_message_and_no_stale_heartbeats() -> None:
    slow, packets = asyncio.Event(), []
    large = bytes(range(256)) * 80_000  # more than the socket buffers of both sides hold

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _level: int) -> None:
        writer.write(CONNACK_5)
        await skip_connect(reader)
        await slow.wait()
        while True:
            packets.append(packet := await read_packet(reader))
            if packet[0] == 0x33:
                topic_bytes = int.from_bytes(packet[1:3])
                writer.write(bytes([0x40, 2]) + packet[3 + topic_bytes : 5 + topic_bytes])

    async with lying_broker(answer) as (port, _levels):
        box = Box(port)
        async with running(box):
            await until(lambda: box.link.view.connected, "a connection")
            box.link.publish(Publication(HEALTH, large, 1, True))
            await until(lambda: box.link._connection is not None and box.link._connection.congested, "a full socket")
            box.link.publish(box.heartbeat())
            slow.set()
            await until(lambda: box.link.waiting == 0, "arrival")
            box.link.publish(box.heartbeat())
            await until(lambda: len(packets) == 4, "the second heartbeat")
    assert [packet[0] for packet in packets] == [0x33, 0x33, 0x33, 0x30, 0x33, 0xE0]
    assert packets[2].endswith(large)


async def read_packet(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(1)
    length, shift = 0, 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return head + await reader.readexactly(length)


async def skip_connect(reader: asyncio.StreamReader) -> None:
    """The rest of a CONNECT whose level was read: it ends with the will, whose payload ends its JSON."""
    await reader.readuntil(b"}")
