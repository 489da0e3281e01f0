"""Asking a box from the centre's side: publish one command, hear what comes back. Blocking; one connection each time.

The answer's topic is subscribed to before the command goes out. A reply bears no signature: whoever may publish there
could have written it. What a box did is proven by its ledger.
"""

from __future__ import annotations

import queue
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

CONNECT_S: Final = 10.0
"""For connection, welcome, subscription and acknowledgement, each."""
NOBODY_LISTENS: Final = 0x10


class Unreachable(Exception):
    """The broker cannot be used, or hands nothing on; in words."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where it is and who we are to it. `tls`: None only where the way there is safe otherwise."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    is_v5: bool = True


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """What is published, and where the answers come."""

    topic: str
    message: bytes
    answers: str
    lifetime_s: int
    """After so long the broker may drop it (MQTT 5)."""


def ask(broker: Broker, question: CommandRequest, wait_s: float, heard: Callable[[bytes], bool]) -> bool:
    """`heard` gets each answer until it says that this was the last; False: `wait_s` were over before. Unreachable."""
    told: queue.Queue[tuple[str, Any]] = queue.Queue()
    client = _client(broker, told)
    try:
        client.connect(broker.host, broker.port, keepalive=30)
    except (OSError, ValueError) as error:
        raise Unreachable(f"{broker.host}:{broker.port}: {error}") from None
    client.loop_start()
    try:
        code = _awaited(told, "connected", "does not answer")
        if code.is_failure:
            raise Unreachable(f"the broker says “{code}”")
        client.subscribe(question.answers, qos=1)
        granted = _awaited(told, "subscribed", "does not answer to a subscription")
        if any(one.is_failure for one in granted):
            raise Unreachable(f"the broker does not let this account read {question.answers}")
        client.publish(question.topic, question.message, qos=1, retain=False, properties=_expiry(broker, question))
        return _listen(told, question, wait_s, heard)
    finally:
        client.disconnect()
        client.loop_stop()


def _client(broker: Broker, told: queue.Queue[tuple[str, Any]]) -> paho.Client:
    version = paho.MQTTv5 if broker.is_v5 else paho.MQTTv311
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=version, reconnect_on_failure=False)
    client.connect_timeout = CONNECT_S
    if broker.tls is not None:
        client.tls_set_context(broker.tls)
    if broker.username:
        client.username_pw_set(broker.username, broker.password or None)
    client.on_connect = lambda _client, _user, _flags, code, _properties: told.put(("connected", code))
    client.on_subscribe = lambda _client, _user, _mid, codes, _properties: told.put(("subscribed", codes))
    client.on_publish = lambda _client, _user, _mid, code, _properties: told.put(("published", code))
    client.on_message = lambda _client, _user, arrived: told.put(("answer", bytes(arrived.payload)))
    client.on_disconnect = lambda _client, _user, _flags, code, _properties: told.put(("gone", code))
    return client


def _expiry(broker: Broker, question: CommandRequest) -> Properties | None:
    if not broker.is_v5:
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's gap
    properties.MessageExpiryInterval = question.lifetime_s
    return properties


def _awaited(told: queue.Queue[tuple[str, Any]], wanted: str, otherwise: str) -> Any:
    until_s = time.monotonic() + CONNECT_S
    while True:
        try:
            what, value = told.get(timeout=max(0.0, until_s - time.monotonic()))
        except queue.Empty:
            raise Unreachable(f"the broker {otherwise}") from None
        if what == "gone":
            raise Unreachable(f"the broker closed the connection: “{value}”")
        if what == wanted:
            return value


def _listen(
    told: queue.Queue[tuple[str, Any]], question: CommandRequest, wait_s: float, heard: Callable[[bytes], bool]
) -> bool:
    until_s = time.monotonic() + wait_s
    while True:
        try:
            what, value = told.get(timeout=max(0.0, until_s - time.monotonic()))
        except queue.Empty:
            return False
        match what:
            case "answer" if heard(value):
                return True
            case "published" if value.is_failure:
                raise Unreachable(f"the broker does not take it for {question.topic}: “{value}”")
            case "published" if value.value == NOBODY_LISTENS:
                raise Unreachable(
                    f"no box hears {question.topic}: it is not connected to this broker, or has no such name"
                )
            case "gone":
                raise Unreachable(f"the connection to the broker broke off: “{value}”")
