"""The centre's collector of events: a subscriber whose session the broker keeps, and that comes back by itself."""

from __future__ import annotations

import json
import threading
from math import ceil
from typing import Any, Final, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.support.brokers import DEADLINE_S

EVENTS: Final = "edged/v1/+/up/event/#"
MARKS: Final = "collector/mark"


class Collector:
    """Remembers every event in the order in which it came. Blocking: from a coroutine, use `asyncio.to_thread`."""

    def __init__(self, port: int) -> None:
        self._changed = threading.Condition()
        self._heard: list[tuple[str, str, bytes]] = []
        self._marks: set[bytes] = set()
        self._subscribed = threading.Event()
        self._port = port
        self._count = 0
        self._client = client = paho.Client(CallbackAPIVersion.VERSION2, "collector", protocol=paho.MQTTv5)
        client.reconnect_delay_set(1, 1)
        client._reconnect_min_delay = client._reconnect_max_delay = 0.05  # type: ignore[assignment]  # it takes whole seconds
        client.on_connect = self._on_connect
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.on_message = self._on_message
        self._connect()

    def _connect(self) -> None:
        lasting = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        lasting.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", self._port, keepalive=5, clean_start=False, properties=lasting)
        self._client.loop_start()
        assert self._subscribed.wait(DEADLINE_S), "the collector could not subscribe"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.go()
        self._client.on_connect = self._client.on_subscribe = self._client.on_message = None

    def go(self) -> None:
        """Away; the broker keeps its session."""
        self._client.disconnect()
        self._client.loop_stop()
        self._client._reset_sockets()  # paho makes a new pair at each start
        self._subscribed.clear()

    def come(self) -> None:
        self._connect()
        self.catch_up()

    def turn_away(self) -> None:
        """Connected, and no longer subscribed: to the broker, nobody is there for events."""
        self._client.unsubscribe(EVENTS)

    def turn_back(self) -> None:
        self._subscribed.clear()
        self._client.subscribe(EVENTS, qos=1)
        assert self._subscribed.wait(DEADLINE_S), "the collector could not subscribe again"

    def catch_up(self) -> None:
        """Returns once what the broker had for us by now has come.

        A broker that just started may take a mark before the subscription that it comes by: so it is sent again.
        """
        self._count += 1
        mark = str(self._count).encode()
        for _ in range(ceil(DEADLINE_S)):
            self._client.publish(MARKS, mark, qos=1)
            with self._changed:
                if self._changed.wait_for(lambda: mark in self._marks, 1.0):
                    return
        raise AssertionError("the broker has gone silent")

    @property
    def heard(self) -> list[tuple[str, str, bytes]]:
        """Topic, id and payload of each event, however often it came."""
        with self._changed:
            return list(self._heard)

    def forget_all(self) -> None:
        with self._changed:
            self._heard.clear()

    def _on_connect(self, client: paho.Client, *_: Any) -> None:
        client.subscribe([(EVENTS, 1), (MARKS, 1)])

    def _on_message(self, _client: paho.Client, _user: Any, arrived: paho.MQTTMessage) -> None:
        payload = bytes(arrived.payload)
        with self._changed:
            if arrived.topic == MARKS:
                self._marks.add(payload)
            else:
                self._heard.append((arrived.topic, json.loads(payload)["id"], payload))
            self._changed.notify_all()
