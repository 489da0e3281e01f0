"""The link to the centre: keeps one connection to the broker alive, the broker's picture of this box current, and
events on their way to whoever listens.

The shell around `mqtt.send` (what to send), `mqtt.send` (rows of the outbox) and
`mqtt.connection` (when to try, and paho). Everything here runs on the event loop. edged records with
and without it: no method blocks, and nothing but a defect comes out of `run`. Status, birth and a snapshot of all state
are made anew at each connection; events lie in the database until somebody has got them. One topic can be a
`RetainedTopic`: what the broker has kept of it is read back first.

`ask` asks a box from the centre's side: publish one command, hear what comes back. Blocking; one connection each
time. The answer's topic is subscribed to before the command goes out. A reply bears no signature: whoever may publish
there could have written it. What a box did is proven by its ledger.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from typing import Protocol as Port

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from mqtt.connection import (
    TICK_S,
    Acknowledgement,
    BrokerSettings,
    Connection,
    ConnectionEnded,
    Connector,
    Delivery,
    LinkFault,
    NextStep,
    Protocol,
    Reconnect,
    RetainedRead,
)
from mqtt.contract import messages
from mqtt.contract.messages import Publication
from mqtt.send import ANSWER_DEADLINE_S, OutboxSender, Outgoing, Post, SendQueue
from storage.words.errors import said
from storage.words.message import NOTHING, Message, message

__all__ = ["BrokerSettings", "Link", "LinkView", "Orders", "Post", "RetainedTopic"]

log = logging.getLogger(__name__)

FAREWELL_S: Final = 2.0
"""How long a stop may wait for the broker; the whole daemon has 10 s."""


@dataclass(frozen=True, slots=True)
class LinkView:
    """How the link stands, for `edgectl status`."""

    connected: bool
    address: str
    protocol: str
    """"5", "3.1.1", or "" while not connected."""
    reason: Message
    """What was tried and what came back; empty when all is well."""
    check: Message
    """What to check first; may be empty although there is a reason."""
    since_ms: int
    """Wall clock at which it became connected, or ceased to be."""


@dataclass(frozen=True, slots=True)
class RetainedTopic:
    """A topic of ours whose message the broker keeps for longer than we do: it is read before it is said again."""

    topic: str
    kept: Callable[[bytes | None], object]
    """Hears at each connection what the broker has kept; None: nothing, or nothing that it lets us read. Until
    `Link.release` nothing is said there."""
    passed_on: Callable[[Publication], object]
    """Hears of each message there that somebody is known to have got."""


class Orders(Port):
    """Hears what the centre sends to this box."""

    @property
    def topic_filter(self) -> str:
        """Where orders come, like `edged/v1/NODE/dn/cmd/+`; the broker keeps for a day what comes while we are away."""

    def heard(self, topic: str, payload: bytes, retained: bool) -> None:
        """One of them, on the event loop; must neither block nor raise. The broker has been told that it arrived, so
        what gets lost from here on is not sent again. It may come twice, and be anything."""


class Link:
    """`run` it as a task and cancel it to stop; `publish` and `forget` at any time, from the event loop."""

    def __init__(
        self,
        settings: BrokerSettings,
        node: str,
        *,
        greeting: Callable[[], list[Publication]],
        will: Publication,
        random: Callable[[], float],
        now_ms: Callable[[], int],
        retained_topic: RetainedTopic | None = None,
        post: Post | None = None,
        orders: Orders | None = None,
    ) -> None:
        """`post`: events that wait for the centre, whom the database keeps; `orders`: hears what the centre says."""
        self._orders = orders
        self._retained_topic = retained_topic
        self._retained_read: RetainedRead | None = None
        self._settings = settings
        self._node = node
        self._greeting = greeting
        self._will = will
        self._random = random
        self._now_ms = now_ms
        self._queue = SendQueue(node)
        self._sender = None if post is None else OutboxSender(post, self._queue.outbox, self._woken)
        self._connector = Connector()
        self._connection: Connection | None = None
        """The one that is accepted; None while there is none."""
        self._refused: dict[str, LinkFault] = {}
        """By topic: what the broker turned down last, at this connection."""
        self._unheard: dict[str, LinkFault] = {}
        """By topic: which event nobody got."""
        self._shortened = False
        """At this connection an event was left out."""
        self._told = False
        self.view = LinkView(False, settings.address, "", message("link.not-tried", "not tried yet"), NOTHING, now_ms())

    @property
    def waiting(self) -> int:
        """Messages that the broker has not acknowledged."""
        return self._queue.state.waiting

    def publish(self, message: Publication) -> None:
        """Retained state: shown by the broker as soon as it can be, the newest per topic. QoS 0: now or never."""
        if message.retain:
            self._queue.state.put(message)
            self._woken()
        elif message.qos > 0:
            raise ValueError(f"{message.topic}: neither state nor QoS 0; what must not be lost needs an outbox")
        elif self._connection is not None and not self._connection.congested:
            try:
                self._connection.publish(message)
            except ConnectionEnded:
                self._connection.wake()  # `run` finds the same and deals with it

    def answer(self, message: Publication) -> None:
        """Neither state nor an event: said once, ahead of all state, and not again by another run of the daemon."""
        self._queue.state.answer(message)
        self._woken()

    def _woken(self) -> None:
        if self._connection is not None:
            self._connection.wake()

    def release(self) -> None:
        """The retained topic may be said, until the next connection."""
        if self._retained_read is None or self._retained_read.over:
            self._queue.state.release()
            self._woken()

    def forget(self, topic: str) -> None:
        """Take a retained topic away from the broker: its camera or volume is no longer ours to report."""
        self.publish(messages.tombstone(topic))

    async def run(self) -> None:
        """Until cancelled; then the broker is told, where it can be, and no thread, task or socket remains."""
        loop = asyncio.get_running_loop()
        reconnect = Reconnect()
        while True:
            reconnect = reconnect.due(loop.time())
            connected_s = 0.0
            connection = Connection(
                self._settings,
                self._node,
                reconnect.protocol,
                self._will,
                self._connector,
                lasting=self._orders is not None,
            )
            try:
                await connection.open()
                reconnect = reconnect.answered(loop.time())
                began_s = loop.time()
                try:
                    await self._converse(connection, reconnect.protocol)
                finally:
                    connected_s = loop.time() - began_s
            except ConnectionEnded as ended:
                reconnect = reconnect.ended(ended.outcome, loop.time(), connected_s)
                self._note_ended(ended, quietly=reconnect.at_once)
            finally:
                self._connection = None
                connection.close()
                if self._sender is not None:
                    self._sender.flush()
                if self.view.connected:  # cancelled, or a defect is on its way out
                    self._set_view(None, LinkFault(message("link.stopped", "stopped")))
            await asyncio.sleep(reconnect.wait_s(self._random()))

    async def _converse(self, connection: Connection, protocol: Protocol) -> None:
        """From the broker's welcome to the end of the connection."""
        loop = asyncio.get_running_loop()
        self._queue.connected(self._greeting(), connection.window, connection.largest)
        if self._sender is not None:
            self._sender.connected(loop.time())
        self._connection = connection
        self._retained_read = None
        if self._retained_topic is not None:
            self._queue.state.withhold(self._retained_topic.topic)
            connection.subscribe(self._retained_topic.topic)
            self._retained_read = RetainedRead(loop.time())
        if self._orders is not None:
            connection.obey(self._orders.topic_filter)
        self._note_connected(protocol)
        try:
            while True:
                self._pump(connection)
                now_s = loop.time()
                await connection.step(self._queue.due_s(now_s) or TICK_S)
        except asyncio.CancelledError:
            await self._take_leave(connection)
            raise

    def _pump(self, connection: Connection) -> None:
        """Take in what came, send what window and pace have room for."""
        now_s = asyncio.get_running_loop().time()
        for arrived in connection.acknowledged():
            self._acknowledged(arrived, now_s)
        if self._sender is not None:
            self._sender.poll(now_s)
        self._obey(connection)
        self._read_back(connection, now_s)
        while (outgoing := self._queue.take(now_s)) is not None:
            self._queue.sent(connection.publish(outgoing.message), outgoing, now_s)
        if self._queue.stalled(now_s):
            raise connection.stalled(ANSWER_DEADLINE_S)

    def _acknowledged(self, arrived: Acknowledgement, now_s: float) -> None:
        outgoing = self._queue.answered(arrived.mid, arrived.word, now_s)
        if outgoing is None:
            return
        self._note_acknowledged(outgoing, arrived)
        if (
            self._retained_topic is not None
            and outgoing.message.topic == self._retained_topic.topic
            and arrived.passed_on
        ):
            self._retained_topic.passed_on(outgoing.message)

    def _obey(self, connection: Connection) -> None:
        if self._orders is None:
            return
        for arrived in connection.arrived():
            self._orders.heard(arrived.topic, arrived.payload, arrived.retained)
        if connection.obeying is False:
            connection.obeying = None
            log.warning("the broker does not let this box hear orders under %s", self._orders.topic_filter)

    def _read_back(self, connection: Connection, now_s: float) -> None:
        if self._retained_topic is None or self._retained_read is None:
            return
        match self._retained_read.step(connection.heard, now_s):
            case NextStep.GIVE_UP:
                connection.unsubscribe(self._retained_topic.topic)
            case NextStep.TELL:
                if connection.heard.granted is False:
                    log.warning("the broker does not let this box read %s back", self._retained_topic.topic)
                self._retained_topic.kept(next(iter(connection.heard.kept), None))
            case NextStep.WAIT:
                pass

    async def _take_leave(self, connection: Connection) -> None:
        """Say that we stop on purpose. Where that does not arrive in time, the will says that we are gone."""
        last = "" if self._retained_topic is None else self._retained_topic.topic
        self._queue.leave(messages.stopping(self._will, self._now_ms()), last)
        try:
            async with asyncio.timeout(FAREWELL_S):
                self._pump(connection)
                while self._queue.state.waiting:
                    await connection.step()
                    self._pump(connection)
                await connection.disconnect()
        except (TimeoutError, ConnectionEnded) as error:
            log.info("the broker could not be told that edged stops: %s", error or "no answer")

    def _note_connected(self, protocol: Protocol) -> None:
        self._told = False
        self._refused.clear()
        self._unheard.clear()
        self._shortened = False
        self._set_view(protocol, None)
        log.info("connected to the broker %s with MQTT %s", self._settings.address, protocol.value)

    def _note_ended(self, ended: ConnectionEnded, *, quietly: bool) -> None:
        """One line when an outage begins; what changes during it is for `status`."""
        self._set_view(None, ended.reason)
        if quietly or self._told:
            log.debug("still without a broker: %s", ended.reason)
            return
        self._told = True
        log.warning("no connection to the broker: %s", ended.reason)

    def _note_acknowledged(self, outgoing: Outgoing, arrived: Acknowledgement) -> None:
        """What is turned down is told once for each topic; that events go to nobody or in short, once for all."""
        topic = outgoing.message.topic
        if outgoing.short and not arrived.refusal and not self._shortened:
            self._shortened = True
            log.warning("%s", LinkFault.shortened(topic))
        refused = LinkFault.rejected(topic, arrived.refusal) if arrived.refusal else None
        if refused is None:
            self._refused.pop(topic, None)
        else:
            if topic not in self._refused:
                log.warning("%s", refused)
            self._refused[topic] = refused
        if outgoing.event is not None and arrived.word is Delivery.UNHEARD:
            if not self._unheard:
                log.warning("%s", LinkFault.unheard(topic))
            self._unheard[topic] = LinkFault.unheard(topic)
        else:
            self._unheard.pop(topic, None)
        told = next(iter((self._refused or self._unheard).values()), None)
        self._set_view(Protocol(self.view.protocol), told)

    def _set_view(self, protocol: Protocol | None, reason: LinkFault | None) -> None:
        """`protocol` is None while there is no connection, `reason` while all is well."""
        connected = protocol is not None
        since_ms = self.view.since_ms if connected == self.view.connected else self._now_ms()
        spoken = protocol.value if protocol else ""
        said, check = (reason.said, reason.check) if reason else (NOTHING, NOTHING)
        self.view = LinkView(connected, self._settings.address, spoken, said, check, since_ms)


CONNECT_S: Final = 10.0
"""For connection, welcome, subscription and acknowledgement, each."""
NOBODY_LISTENS: Final = 0x10


class Unreachable(Exception):
    """The broker cannot be used, or hands nothing on: a message says why."""

    def __init__(self, why: Message) -> None:
        super().__init__(why)
        self.why = why


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


def ask(broker: Broker, request: CommandRequest, wait_s: float, heard: Callable[[bytes], bool]) -> bool:
    """`heard` gets each answer until it says that this was the last; False: `wait_s` were over before. Unreachable."""
    told: queue.Queue[tuple[str, Any]] = queue.Queue()
    client = _client(broker, told)
    try:
        client.connect(broker.host, broker.port, keepalive=30)
    except (OSError, ValueError) as error:
        raise Unreachable(
            message(
                "link.ask-refused", "{address}: {reason}", address=f"{broker.host}:{broker.port}", reason=said(error)
            )
        ) from None
    client.loop_start()
    try:
        code = _awaited(told, "connected", message("link.ask-silent", "the broker does not answer"))
        if code.is_failure:
            raise Unreachable(message("link.ask-answer", "the broker says “{answer}”", answer=str(code)))
        client.subscribe(request.answers, qos=1)
        unanswered = message("link.ask-unsubscribed", "the broker does not answer to a subscription")
        granted = _awaited(told, "subscribed", unanswered)
        if any(one.is_failure for one in granted):
            raise Unreachable(
                message(
                    "link.ask-unreadable", "the broker does not let this account read {topic}", topic=request.answers
                )
            )
        client.publish(request.topic, request.message, qos=1, retain=False, properties=_expiry(broker, request))
        return _listen(told, request, wait_s, heard)
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


def _expiry(broker: Broker, request: CommandRequest) -> Properties | None:
    if not broker.is_v5:
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's gap
    properties.MessageExpiryInterval = request.lifetime_s
    return properties


def _awaited(told: queue.Queue[tuple[str, Any]], wanted: str, otherwise: Message) -> Any:
    until_s = time.monotonic() + CONNECT_S
    while True:
        try:
            what, value = told.get(timeout=max(0.0, until_s - time.monotonic()))
        except queue.Empty:
            raise Unreachable(otherwise) from None
        if what == "gone":
            raise Unreachable(
                message("link.ask-closed", "the broker closed the connection: “{answer}”", answer=str(value))
            )
        if what == wanted:
            return value


def _listen(
    told: queue.Queue[tuple[str, Any]], request: CommandRequest, wait_s: float, heard: Callable[[bytes], bool]
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
                raise Unreachable(
                    message(
                        "link.ask-not-taken",
                        "the broker does not take it for {topic}: “{answer}”",
                        topic=request.topic,
                        answer=str(value),
                    )
                )
            case "published" if value.value == NOBODY_LISTENS:
                raise Unreachable(
                    message(
                        "link.ask-unheard",
                        "no box hears {topic}: it is not connected to this broker, or has no such name",
                        topic=request.topic,
                    )
                )
            case "gone":
                raise Unreachable(
                    message(
                        "link.ask-broke-off", "the connection to the broker broke off: “{answer}”", answer=str(value)
                    )
                )
