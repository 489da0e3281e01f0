"""What the centre sends to a box: heard at once, kept by the broker while the box is away, known as retained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from mqtt import client, connection
from mqtt.connection import Protocol, Reconnect
from tests.support.brokers import DEADLINE_S, Broker, amqtt, mosquitto
from tests.support.linked import NODE, Box, running, until

FILTER = f"edged/v1/{NODE}/dn/cmd/+"
PIN = f"edged/v1/{NODE}/dn/cmd/pin"


class Ears:
    """Remembers what it hears."""

    topic_filter = FILTER

    def __init__(self) -> None:
        self.all: list[tuple[str, bytes, bool]] = []

    def heard(self, topic: str, payload: bytes, retained: bool) -> None:
        self.all.append((topic, payload, retained))


def say(port: int, topic: str, payload: bytes, *, retain: bool = False, mqtt5: bool = True) -> None:
    """As the centre would; returns once the broker has it."""
    version = paho.MQTTv5 if mqtt5 else paho.MQTTv311
    speaker = paho.Client(CallbackAPIVersion.VERSION2, client_id="speaker", protocol=version)
    speaker.connect("127.0.0.1", port)
    speaker.loop_start()
    try:
        speaker.publish(topic, payload, qos=1, retain=retain).wait_for_publish(DEADLINE_S)
    finally:
        speaker.disconnect()
        speaker.loop_stop()


def obeyed(box: Box) -> Callable[[], bool]:
    return lambda: box.link.view.connected and box.link._connection is not None and bool(box.link._connection.obeying)


@pytest.fixture
def broker(tmp_path: Path) -> Any:
    with mosquitto(tmp_path) as running_broker:
        yield running_broker


async def test_orders_are_heard_and_what_is_elsewhere_is_not(broker: Broker) -> None:
    ears = Ears()
    box = Box(broker.port, orders=ears)
    async with running(box):
        await until(obeyed(box), "a subscription")
        say(broker.port, f"edged/v1/{NODE}/up/status", b"not an order")
        say(broker.port, "edged/v1/other/dn/cmd/pin", b"not ours")
        say(broker.port, PIN, b"\xff\x00")
        await until(lambda: bool(ears.all), "an order")
    assert ears.all == [(PIN, b"\xff\x00", False)]


@pytest.mark.parametrize("stopped", [True, False], ids=["stopped", "lost"])
async def test_orders_of_the_time_away_are_heard_in_their_order(broker: Broker, stopped: bool) -> None:
    ears = Ears()
    first = Box(broker.port, orders=ears)
    async with running(first) as task:
        await until(obeyed(first), "a subscription")
        if not stopped:
            assert first.link._connection is not None
            first.link._connection.close()  # nobody says goodbye
            task.cancel()
    for number in range(5):
        say(broker.port, PIN, str(number).encode())
    async with running(Box(broker.port, orders=ears)):
        await until(lambda: len(ears.all) == 5, "five orders")
    assert ears.all == [(PIN, str(number).encode(), False) for number in range(5)]


async def test_a_retained_order_is_told_as_one_once_whenever_it_was_given(broker: Broker) -> None:
    ears = Ears()
    say(broker.port, PIN, b"before", retain=True)
    box = Box(broker.port, orders=ears)
    async with running(box):
        await until(lambda: ears.all == [(PIN, b"before", True)], "what was kept")
        say(broker.port, PIN, b"live", retain=True)
        await until(lambda: ears.all[1:] == [(PIN, b"live", True)], "what was said")
    again = Box(broker.port, orders=ears)
    async with running(again):
        await until(obeyed(again), "a subscription")
        say(broker.port, PIN, b"last")
        await until(lambda: ears.all[-1] == (PIN, b"last", False), "the last one")
    assert len(ears.all) == 3


async def test_the_time_away_in_3_1_1(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "Reconnect", lambda: Reconnect(Protocol.V311))
    ears = Ears()
    box = Box(broker.port, orders=ears)
    async with running(box):
        await until(obeyed(box), "a subscription")
        assert box.link.view.protocol == "3.1.1"
        say(broker.port, PIN, b"1")
        await until(lambda: bool(ears.all), "an order")
    say(broker.port, PIN, b"2")
    async with running(Box(broker.port, orders=ears)):
        await until(lambda: len(ears.all) == 2, "the order of the time away")
    assert [payload for _, payload, _ in ears.all] == [b"1", b"2"]


async def test_a_broker_with_little_of_3_1_1_is_told_orders_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_TIMEOUT_S", 2.0)  # it says nothing to MQTT 5
    with amqtt(tmp_path) as old:
        ears = Ears()
        box = Box(old.port, orders=ears)
        async with running(box):
            await until(obeyed(box), "a subscription")
            say(old.port, PIN, b"1", mqtt5=False)
            await until(lambda: bool(ears.all), "an order")
