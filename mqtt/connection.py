"""One connection to the broker: a paho client that lives for one attempt and is driven by asyncio.

Knows paho and nothing of what is sent. A client object is made for each attempt, because paho carries messages, ids
and flags from one connection into the next and floods the broker with them. It has no network thread: a thread can die
unnoticed, hang and outlive us, while a task that reads the socket ends with a reason; and a box whose event loop hangs
should look offline. Only resolving and connecting block: they have a thread (`Connector`). paho's callbacks only take
notes: they run under its locks.

In this order: where the broker is (`BrokerSettings`), what comes from it (`Acknowledgement`, `Incoming`) and what is
not even read (`BoundedClient`), `Connection` itself, the thread that connects (`Connector`), and how a topic that the
broker keeps for us is read once (`RetainedRead`, pure).

When to try again, and with which version of MQTT, is decided purely: outcomes, seconds and a random number in. A broker
that knows no MQTT 5 says "unsupported protocol version", or just closes, or (amqtt, which reads our will as something
else) waits for bytes that never come. The first is proof. The others are hints, which a broker that is being restarted
or hangs gives too: they count only where it has not lately been heard to speak 5. Then 3.1.1 is tried at once, and kept
only if the broker answers it. Boxes that lost one broker together must not come back together: every wait is a random
part of a limit that doubles (full jitter).

`LinkFault` says what went wrong in words a technician can act on: what was tried, what came back, what to check. It is
never given the password, so it cannot tell it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import os
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from mqtt.contract.messages import Publication
from mqtt.tls import Keyring, Unusable, holds_more
from storage.words.errors import SYSTEM
from storage.words.message import NOTHING, Message, message

FIRST_LIMIT_S: Final = 1.0
"""After the first failure: short, because most interruptions are."""

LAST_LIMIT_S: Final = 30.0
"""A box is back within half a minute of its broker; 200 boxes are then 13 attempts a second."""

STABLE_S: Final = 60.0
"""A connection that held this long was a good one: the next wait is short again."""

AFTER_LOSS_S: Final = 15.0
"""Boxes that lost their broker in one moment come back to it spread over so long."""

PROTOCOL_MEMORY_S: Final = 3600.0
"""How long a broker is believed to know what it spoke: brokers are upgraded and replaced. No link is cut for it."""


class Protocol(StrEnum):
    V5 = "5"
    V311 = "3.1.1"


class Outcome(StrEnum):
    """How an attempt ended, as far as it matters for the next one."""

    UNREACHABLE = "unreachable"
    SILENT = "silent"
    """Connected, and no answer to our CONNECT."""
    CLOSED_UNANSWERED = "closed-unanswered"
    """Closed right after our CONNECT."""
    WRONG_VERSION = "wrong-version"
    REFUSED = "refused"
    """The broker speaks this version and wants no part of us."""
    LOST = "lost"
    """It was connected."""


@dataclass(frozen=True, slots=True)
class Reconnect:
    """What has been learnt so far; `protocol` is the one to try next."""

    protocol: Protocol = Protocol.V5
    failures: int = 0
    believed_since_s: float | None = None
    """When the broker was heard to speak `protocol`: 5 for the last time, 3.1.1 for the first (5 gets its turn)."""
    lost: bool = False
    """The last attempt was connected."""
    at_once: bool = False
    """The next attempt is the other half of this one: no wait."""

    def due(self, now_s: float) -> Reconnect:
        """Before an attempt: forget what has been believed for too long."""
        if self.believed_since_s is None or now_s - self.believed_since_s < PROTOCOL_MEMORY_S:
            return self
        return replace(self, protocol=Protocol.V5, believed_since_s=None)

    def answered(self, now_s: float) -> Reconnect:
        """The broker spoke the version that was tried."""
        if self.protocol is Protocol.V311 and self.believed_since_s is not None:
            return self
        return replace(self, believed_since_s=now_s)

    def ended(self, outcome: Outcome, now_s: float, connected_s: float) -> Reconnect:
        """After an attempt that was connected for `connected_s`."""
        known = self.answered(now_s) if outcome in {Outcome.REFUSED, Outcome.LOST} else self
        believed = known.believed_since_s is not None and outcome is not Outcome.WRONG_VERSION
        unheard = outcome in {Outcome.WRONG_VERSION, Outcome.CLOSED_UNANSWERED, Outcome.SILENT}
        if known.protocol is Protocol.V5 and unheard and not believed:
            return Reconnect(Protocol.V311, known.failures, at_once=True)
        failures = 1 if connected_s >= STABLE_S else known.failures + 1
        if not believed:
            return Reconnect(Protocol.V5, failures)
        return replace(known, failures=failures, lost=outcome is Outcome.LOST, at_once=False)

    def wait_s(self, random: float) -> float:
        """How long to wait before the next attempt; `random` lies in [0, 1)."""
        if self.at_once or self.failures == 0:
            return 0.0
        # The exponent is bounded so that a broker away for weeks does not end in a float overflow.
        limit_s = min(LAST_LIMIT_S, FIRST_LIMIT_S * 2.0 ** min(self.failures - 1, 16))
        return random * (max(limit_s, AFTER_LOSS_S) if self.lost else limit_s)


CONNECT_TIMEOUT_S: Final = 5.0
"""For the TCP connection, per address; a broker in the same administration answers in milliseconds."""
ANSWER_TIMEOUT_S: Final = 5.0
"""For the broker's CONNACK; a busy broker checks a password in under one. amqtt costs it once, see `reconnect`."""
TICK_S: Final = 1.0
"""How often paho looks after its keep-alive when nothing else happens."""
READS_MAX: Final = 32
"""Of paho, one after the other, mostly of a packet each: some milliseconds in which nothing else happens in the daemon.
A broker can see to it that TLS holds more for ever."""
HEADER_BYTES: Final = 32
"""Of a publication, beside topic and payload, at most."""
SESSION_S: Final = 86_400
"""How long a broker keeps what is sent to a box that is away (MQTT 5). Orders expire sooner by themselves."""
WINDOW: Final = 20
"""Unacknowledged messages at a time: mosquitto's own default."""
KEEPALIVE_S: Final = 30
"""A box that vanishes is offline at the centre after 45 s, and a broker that vanishes is noticed within 60 s."""
PACKET_MAX_BYTES: Final = 64 << 10
"""What a broker may send us: it has kept what we said ourselves, and our longest message has 2 kB."""
ARRIVED_MAX: Final = 64
"""Messages to us that wait to be fetched: twice what `edged.centre.commands` lays down, so that it sees a flood."""
ANSWERS_MAX: Final = 1000
"""That wait to be written. Of ours are a window's at the most: whoever asks and does not listen fills the memory."""
NO_SUBSCRIBERS: Final = 0x10
"""The reason code of a PUBACK: taken, and gone to nobody."""


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """One broker."""

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    keepalive_s: int = KEEPALIVE_S
    tls: Keyring | None = field(default=None, repr=False)
    """None: everything goes over the network in plain text."""

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Delivery(StrEnum):
    """What the broker says of a message."""

    TAKEN = "taken"
    """It has gone to somebody; with MQTT 3.1.1: the broker has it."""
    UNHEARD = "unheard"
    """Nobody is subscribed (0x10)."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The broker's word on one message; `refusal` is its reason code by name, empty when it took the message."""

    mid: int
    word: Delivery
    refusal: str
    passed_on: bool = False
    """The broker says that somebody is subscribed and gets it. MQTT 3.1.1 does not tell."""


def acknowledgement(mid: int, code: ReasonCode, *, tells: bool) -> Acknowledgement:
    """`tells`: it is MQTT 5, in which the broker says whether somebody is subscribed."""
    word = Delivery.REFUSED if code.is_failure else Delivery.UNHEARD if code.value == NO_SUBSCRIBERS else Delivery.TAKEN
    return Acknowledgement(mid, word, str(code) if code.is_failure else "", tells and code.value == 0)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message to us, as it came."""

    topic: str
    payload: bytes
    retained: bool
    """Its sender had the broker keep it (MQTT 5; 3.1.1 says so only of what was there before we subscribed)."""


class Unwanted(Exception):
    """The broker has begun a packet that it was never asked for: `what`."""

    def __init__(self, what: Message) -> None:
        super().__init__(what)
        self.what = what


class BoundedClient(paho.Client):
    """Ends at the head of a packet that is too large, or has a QoS that we subscribe to nowhere, before it has a body.

    paho reads bodies of 256 MB, and keeps 65,535 messages of QoS 2 until they are released, which may be never. A
    packet that is short or has arrived as a whole is read in one go, so looking in between comes too late.
    """

    def _sock_recv(self, bufsize: int) -> bytes:
        head = self._in_packet
        if head["have_remaining"]:
            _check_head(head["command"], head["remaining_length"])
        elif len(self._out_packet) > ANSWERS_MAX:
            raise Unwanted(
                message(
                    "link.unfetched",
                    "more than {most} messages that want an answer, and fetched none",
                    most=ANSWERS_MAX,
                )
            )
        return super()._sock_recv(bufsize)


def _check_head(command: int, remaining_bytes: int) -> None:
    """By the fixed header, the same in all versions of MQTT: type and flags, length of what follows."""
    if remaining_bytes > PACKET_MAX_BYTES:
        raise Unwanted(
            message(
                "link.too-long",
                "a message of {count} bytes, where {most} are the most",
                count=remaining_bytes,
                most=PACKET_MAX_BYTES,
            )
        )
    if command >> 4 == PacketTypes.PUBLISH and (qos := command >> 1 & 3) > 1:
        raise Unwanted(message("link.wrong-qos", "a message with QoS {qos}, which this box never asks for", qos=qos))


def _tried(settings: BrokerSettings, protocol: Protocol) -> Message:
    version, address, user = protocol.value, settings.address, settings.username
    if settings.tls is None:
        if not user:
            return message("link.tried", "MQTT {version} to {address}", version=version, address=address)
        return message(
            "link.tried-as", "MQTT {version} to {address} as user {user}", version=version, address=address, user=user
        )
    if not user:
        return message("link.tried-tls", "MQTT {version} over TLS to {address}", version=version, address=address)
    return message(
        "link.tried-tls-as",
        "MQTT {version} over TLS to {address} as user {user}",
        version=version,
        address=address,
        user=user,
    )


class ConnectionEnded(Exception):
    """There is no connection any more; `reason` is in words for people."""

    def __init__(self, outcome: Outcome, reason: LinkFault) -> None:
        super().__init__(str(reason))
        self.outcome = outcome
        self.reason = reason


class Connection:
    """Use: `open`, then `publish` and `step` in turns until `ConnectionEnded`; always `close`. Event loop only."""

    def __init__(
        self,
        settings: BrokerSettings,
        node: str,
        protocol: Protocol,
        will: Publication | None,
        connector: Connector,
        *,
        lasting: bool = False,
    ) -> None:
        """`lasting`: the broker keeps what is sent to us while we are away."""
        self._connector = connector
        self._settings = settings
        self._lasting = lasting
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._answer: ReasonCode | None = None
        self._farewell: ReasonCode | None = None
        self._gone = False
        self._context: ssl.SSLContext | None = None
        self._sock: Any = None
        self.window = WINDOW
        """How many messages the broker takes unacknowledged."""
        self._largest: float = math.inf
        """Bytes of a packet that the broker takes."""
        self._unsent = 0
        self._acknowledgements: list[Acknowledgement] = []
        self.heard = RetainedAnswer()
        """What came back to `subscribe` and `unsubscribe`."""
        self._obeyed = ""
        self._arrived: list[Incoming] = []
        self._subscriptions: dict[int, str] = {}
        self.obeying: bool | None = None
        """The broker's answer to `obey`; None: none yet."""
        self._client = self._make_client(node, will)
        self._tried = _tried(settings, protocol)

    def _make_client(self, node: str, will: Publication | None) -> paho.Client:
        version = paho.MQTTv5 if self._protocol is Protocol.V5 else paho.MQTTv311
        client = BoundedClient(
            CallbackAPIVersion.VERSION2,
            client_id=node,
            clean_session=None if self._protocol is Protocol.V5 else not self._lasting,
            protocol=version,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages = WINDOW
        if self._settings.username:
            client.username_pw_set(self._settings.username, self._settings.password or None)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=will.qos, retain=will.retain)
        return client

    async def open(self) -> None:
        """Connect and be accepted, or raise `ConnectionEnded`."""
        try:
            await self._connector.dial(self._connect, lambda: _shut(self._client))
        except Hung as error:
            raise ConnectionEnded(Outcome.UNREACHABLE, LinkFault.hung(self._tried, DIAL_S)) from error
        except (OSError, ValueError) as error:
            reason = LinkFault.unreachable(self._tried, error, CONNECT_TIMEOUT_S)
            raise ConnectionEnded(Outcome.UNREACHABLE, reason) from error
        self._listen()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                while self._answer is None:
                    await self.step()
        except TimeoutError as error:
            reason = LinkFault.silent(self._tried, ANSWER_TIMEOUT_S)
            raise ConnectionEnded(Outcome.SILENT, reason) from error

    async def step(self, within_s: float = TICK_S) -> None:
        """Wait until there is something to do, or for a tick, and do it. The loop turns each time."""
        await asyncio.sleep(0)  # an event that is set is not waited for
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(within_s, TICK_S)):
                await self._wake.wait()
        self._wake.clear()
        self._drive()

    def wake(self) -> None:
        """Let a waiting `step` return."""
        self._wake.set()

    def publish(self, message: Publication) -> int:
        """Hand one message to the socket and return its id. The caller keeps to `window`."""
        if len(message.payload) + len(message.topic.encode()) + HEADER_BYTES > self._largest:
            self._unsent -= 1  # no id of paho's
            self._acknowledgements.append(Acknowledgement(self._unsent, Delivery.REFUSED, "Packet too large"))
            self._wake.set()
            return self._unsent
        properties: Properties | None = None
        if message.expiry_s is not None and self._protocol is Protocol.V5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's gap
            properties.MessageExpiryInterval = message.expiry_s
        info = self._client.publish(message.topic, message.payload, message.qos, message.retain, properties)
        if info.rc != paho.MQTT_ERR_SUCCESS:
            raise self._ended()
        self._watch_writable()
        return info.mid

    def subscribe(self, topic: str) -> None:
        """Ask for what the broker has kept under a topic of ours, and for nothing that we say there from now on."""
        self._subscribe(topic, 0, SubscribeOptions(qos=0, noLocal=True))

    def obey(self, topic_filter: str) -> None:
        """Ask for what others say there, from now on and while we are away: `arrived`."""
        self._obeyed = topic_filter
        known = SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
        self._subscribe(topic_filter, 1, SubscribeOptions(qos=1, retainAsPublished=True, retainHandling=known))

    def arrived(self) -> list[Incoming]:
        """What came under the filter of `obey` since the last call; beyond `ARRIVED_MAX` it is lost."""
        arrived, self._arrived = self._arrived, []
        return arrived

    def _subscribe(self, topic: str, qos: int, options: SubscribeOptions) -> None:
        code, mid = (
            self._client.subscribe(topic, options=options)
            if self._protocol is Protocol.V5
            else self._client.subscribe(topic, qos)
        )
        self._handed_over(code)
        if mid is not None:
            self._subscriptions[mid] = topic

    def unsubscribe(self, topic: str) -> None:
        """Ask no longer."""
        code, _ = self._client.unsubscribe(topic)
        self._handed_over(code)

    def _handed_over(self, code: Any) -> None:
        if code != paho.MQTT_ERR_SUCCESS:
            raise self._ended()
        self._watch_writable()

    def acknowledged(self) -> list[Acknowledgement]:
        """What was acknowledged since the last call; a QoS 0 message counts as soon as it is written."""
        arrived, self._acknowledgements = self._acknowledgements, []
        return arrived

    @property
    def congested(self) -> bool:
        """Earlier bytes still wait for the socket."""
        return self._client.want_write()

    async def disconnect(self, properties: Properties | None = None) -> None:
        """Say goodbye, so that the broker forgets the will; returns when that is on its way."""
        self._client.disconnect(properties=properties)
        with contextlib.suppress(ConnectionEnded):
            while not self._gone:
                self._watch_writable()
                await self.step()

    def close(self) -> None:
        """Let go of the socket, without a word: the broker then publishes the will, unless `disconnect` came first."""
        if (sock := self._client.socket()) is not None:
            self._deaf(sock)
        self._client.on_socket_close = None
        _shut(self._client)

    def _connect(self) -> None:
        """On a thread: resolve, connect, handshake."""
        client, settings = self._client, self._settings
        clean: Any = not self._lasting if self._protocol is Protocol.V5 else paho.MQTT_CLEAN_START_FIRST_ONLY
        bounds: Properties | None = None
        if self._protocol is Protocol.V5:
            bounds = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's gap
            bounds.MaximumPacketSize = PACKET_MAX_BYTES
            if self._lasting:
                bounds.SessionExpiryInterval = SESSION_S
        if settings.tls is not None:
            self._context = settings.tls.context()
            client.tls_set_context(self._context)
        client.connect(settings.host, settings.port, settings.keepalive_s, clean_start=clean, properties=bounds)
        if settings.tls is not None:
            settings.tls.met(client.socket())

    def _listen(self) -> None:
        client = self._client
        self._sock = sock = client.socket()
        if sock is None:
            raise ConnectionEnded(Outcome.CLOSED_UNANSWERED, LinkFault.closed_unanswered(self._tried))
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_unsubscribe
        client.on_socket_close = self._on_socket_close
        self._loop.add_reader(sock.fileno(), self._wake.set)
        self._watch_writable()

    def _drive(self) -> None:
        client = self._client
        try:
            self._read()
            if client.want_write():
                client.loop_write()
            client.loop_misc()
        except Unwanted as error:
            raise ConnectionEnded(self._outcome(), LinkFault.unwanted(self._tried, error.what)) from error
        except Exception as error:  # paho's parser has raised all sorts of things at what brokers send (#894)
            raise ConnectionEnded(self._outcome(), LinkFault.unreadable(self._tried, error)) from error
        if self._gone or (self._answer is not None and self._answer.is_failure):
            raise self._ended()
        self._yield_to_new_keys()
        self._watch_writable()

    def _read(self) -> None:
        """What has come, up to a bound: the rest is read in the next step, of which the socket may not tell."""
        before = self._answer
        for _ in range(READS_MAX):
            self._client.loop_read()
            if not holds_more(self._client.socket()):
                return
            if self._answer is not before:  # what comes behind the welcome is for those who `obey`
                break
        self._wake.set()

    def _yield_to_new_keys(self) -> None:
        """Certificate or key were replaced: say goodbye, so that the will is not published, and come again."""
        tls, context = self._settings.tls, self._context
        if tls is not None and context is not None and self._answer is not None and tls.superseded(context):
            self._client.disconnect()
            raise ConnectionEnded(Outcome.LOST, LinkFault.renewed(self._tried))

    def _watch_writable(self) -> None:
        if (sock := self._client.socket()) is None:
            return
        if self._client.want_write():
            self._loop.add_writer(sock.fileno(), self._wake.set)
        else:
            self._loop.remove_writer(sock.fileno())

    def _ended(self) -> ConnectionEnded:
        outcome = self._outcome()
        match outcome:
            case Outcome.REFUSED | Outcome.WRONG_VERSION:
                reason = LinkFault.refused(self._tried, str(self._answer))
            case Outcome.UNREACHABLE if self._objection is not None:
                reason = LinkFault.unreachable(self._tried, self._objection, CONNECT_TIMEOUT_S)
            case Outcome.CLOSED_UNANSWERED:
                reason = LinkFault.closed_unanswered(self._tried)
            case _ if self._farewell is not None:
                reason = LinkFault.closed(self._tried, str(self._farewell))
            case _:
                reason = LinkFault.lost(self._tried)
        return ConnectionEnded(outcome, reason)

    def stalled(self, deadline_s: float) -> ConnectionEnded:
        """What the owner raises when nothing has been acknowledged for so long."""
        return ConnectionEnded(Outcome.LOST, LinkFault.stalled(self._tried, deadline_s))

    @property
    def _objection(self) -> ssl.SSLError | None:
        """What the broker's TLS had against us after the handshake."""
        objection: ssl.SSLError | None = getattr(self._sock, "objection", None)
        return objection

    def _outcome(self) -> Outcome:
        if self._answer is None:
            return Outcome.CLOSED_UNANSWERED if self._objection is None else Outcome.UNREACHABLE
        if not self._answer.is_failure:
            return Outcome.LOST
        return Outcome.WRONG_VERSION if self._answer == "Unsupported protocol version" else Outcome.REFUSED

    def _on_connect(
        self, _client: paho.Client, _user: Any, _flags: paho.ConnectFlags, code: ReasonCode, granted: Properties | None
    ) -> None:
        self._answer = code
        self.window = min(WINDOW, getattr(granted, "ReceiveMaximum", WINDOW))
        self._largest = getattr(granted, "MaximumPacketSize", math.inf)

    def _on_disconnect(
        self,
        _client: paho.Client,
        _user: Any,
        flags: paho.DisconnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._gone = True
        if flags.is_disconnect_packet_from_server:
            self._farewell = code

    def _on_publish(
        self, _client: paho.Client, _user: Any, mid: int, code: ReasonCode, _properties: Properties
    ) -> None:
        self._acknowledgements.append(acknowledgement(mid, code, tells=self._protocol is Protocol.V5))

    def _on_message(self, _client: paho.Client, _user: Any, arrived: paho.MQTTMessage) -> None:
        if self._obeyed and paho.topic_matches_sub(self._obeyed, arrived.topic):
            if len(self._arrived) < ARRIVED_MAX:
                self._arrived.append(Incoming(arrived.topic, bytes(arrived.payload), bool(arrived.retain)))
        elif arrived.retain and not self.heard.kept:
            self.heard.kept.append(bytes(arrived.payload))

    def _on_subscribe(
        self, _client: paho.Client, _user: Any, mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        granted = bool(codes) and not any(code.is_failure for code in codes)
        if self._subscriptions.pop(mid, "") == self._obeyed != "":
            self.obeying = granted
        else:
            self.heard.granted = granted

    def _on_unsubscribe(self, *_: Any) -> None:
        self.heard.given_up = True

    def _on_socket_close(self, _client: paho.Client, _user: Any, sock: Any) -> None:
        self._gone = True
        self._deaf(sock)

    def _deaf(self, sock: Any) -> None:
        self._loop.remove_reader(sock.fileno())
        self._loop.remove_writer(sock.fileno())

    @property
    def largest(self) -> float:
        """Bytes of a message, topic and payload together, that the broker takes."""
        return self._largest - HEADER_BYTES


def _shut(client: paho.Client) -> None:
    if (sock := client.socket()) is not None:
        sock.close()


DIAL_S: Final = 60.0
"""For the resolver and all addresses."""


class Hung(Exception):
    """It has not ended, one way or the other; it may still do so."""


class Connector:
    """Lives as long as the link."""

    def __init__(self) -> None:
        self._busy = False

    async def dial(self, connect: Callable[[], None], give_up: Callable[[], None]) -> None:
        """Call `connect` on a thread, and `give_up` behind it if nobody waits for it any more.

        Raises what it raised, Hung if it takes too long or an earlier one still does, OSError if no thread can be had.
        """
        if self._busy:
            raise Hung
        self._busy = True
        outcome: Future[None] = Future()

        def run() -> None:
            error: BaseException | None = None
            try:
                connect()
            except BaseException as raised:  # noqa: BLE001  carried over to the task that waits
                error = raised
            if not outcome.set_running_or_notify_cancel():
                give_up()
            self._busy = False
            if outcome.cancelled():
                return
            if error is not None:
                outcome.set_exception(error)
            else:
                outcome.set_result(None)

        try:
            threading.Thread(target=run, name="mqtt-connect", daemon=True).start()
        except RuntimeError as error:
            self._busy = False
            raise OSError("this box has no thread left") from error
        limit = asyncio.timeout(DIAL_S)
        try:
            async with limit:
                await asyncio.wrap_future(outcome)
        except TimeoutError as error:
            if limit.expired():
                raise Hung from error
            raise


KEPT_S: Final = 2.0
"""A broker sends what it has kept right behind its answer to the subscription."""
ANSWER_S: Final = 5.0
"""For its answer itself; one that gives none is asked no longer."""


@dataclass
class RetainedAnswer:
    """What came back so far."""

    granted: bool | None = None
    """The broker's answer to the subscription; None: none yet."""
    given_up: bool = False
    """Its answer to the end of it."""
    kept: list[bytes] = field(default_factory=list)
    """Messages that it had kept."""


class NextStep(StrEnum):
    """What is to be done now."""

    WAIT = "wait"
    GIVE_UP = "give-up"
    """End the subscription."""
    TELL = "tell"
    """It is over: say what was kept."""


class RetainedRead:
    """One reading, begun with the subscription at `now_s`."""

    def __init__(self, now_s: float) -> None:
        self._since_s = now_s
        self._granted_s: float | None = None
        self._ending = False
        self.over = False

    def step(self, heard: RetainedAnswer, now_s: float) -> NextStep:
        """Each of GIVE_UP and TELL is said once, TELL as the last."""
        if self.over:
            return NextStep.WAIT
        if self._ending:
            return self._end() if heard.given_up or now_s - self._since_s >= ANSWER_S else NextStep.WAIT
        if heard.granted is False:
            return self._end()
        if heard.granted and self._granted_s is None:
            self._granted_s = now_s
        waited = self._granted_s is not None and now_s - self._granted_s >= KEPT_S
        if heard.kept or waited or (heard.granted is None and now_s - self._since_s >= ANSWER_S):
            self._ending, self._since_s = True, now_s
            return NextStep.GIVE_UP
        return NextStep.WAIT

    def _end(self) -> NextStep:
        self.over = True
        return NextStep.TELL


_CHECK_LOG: Final = message("link.log.check", "the broker's own log")

_CHECK_BY_ANSWER: Final = {
    "Bad user name or password": message(
        "link.login.check", "user and password under [mqtt], and the broker's password file"
    ),
    "Not authorized": message(
        "link.not-let-in.check",
        "user and password under [mqtt], and whether the broker's access rules let this box in",
    ),
    "Client identifier not valid": message(
        "link.client-id.check", "[site] node: the broker does not accept it as a client id"
    ),
    "Unsupported protocol version": message("link.version.check", "the broker's version: it must know MQTT 5 or 3.1.1"),
    "Session taken over": message(
        "link.taken-over.check", "whether a second box, or a second edged on this box, uses the same [site] node"
    ),
    "Packet too large": message(
        "link.too-large.check", "the broker's limit on message size (mosquitto: max_packet_size)"
    ),
    "Quota exceeded": message("link.quota.check", "the broker's limits for this client"),
    "Retain not supported": message("link.retain.check", "the broker's settings: edged needs retained messages"),
    "QoS not supported": message("link.qos.check", "the broker's settings: edged needs QoS 1"),
    "Server moved": message("link.moved.check", "[mqtt] host: the broker has moved to another address"),
    "Use another server": message(
        "link.other-server.check", "[mqtt] host: the broker sends its clients to another address"
    ),
}
_NOT_OF_RULES: Final = frozenset({"Packet too large", "Quota exceeded", "Retain not supported", "QoS not supported"})
"""What turns a single message down, and no access rule is to blame."""


_TLS_PORT: Final = message(
    "link.tls-port.check", "whether this is the broker's TLS port ([mqtt] port: 8883 is usual, 1883 is without TLS)"
)
_OWN: Final = message("link.own.check", "the certificate under [mqtt] certificate")
_OWN_AND_LOG: Final = message(
    "link.own-and-log.check", "the certificate under [mqtt] certificate, and the broker's own log"
)

_BY_VERIFY_CODE: Final = {
    9: (
        message("link.to-come", "the broker's certificate begins only in the time to come"),
        message("link.to-come.check", "the clock of this box (timedatectl), then the broker's certificate"),
    ),
    10: (
        message("link.expired", "the broker's certificate has expired"),
        message(
            "link.expired.check",
            "the clock of this box (timedatectl); if it is right, the broker needs a new certificate",
        ),
    ),
    23: (
        message("link.revoked", "the broker's certificate has been revoked"),
        message("link.revoked.check", "with the centre which broker this is"),
    ),
    26: (
        message("link.not-a-server", "the broker's certificate is not made for a server"),
        message("link.not-a-server.check", "its extendedKeyUsage: it must have serverAuth"),
    ),
    62: (
        None,
        message(
            "link.other-name.check",
            "[mqtt] host: write the name that stands in the broker's certificate (subjectAltName)",
        ),
    ),
    64: (
        None,
        message(
            "link.other-address.check",
            "[mqtt] host: write a name or address that stands in the broker's certificate (subjectAltName)",
        ),
    ),
}
"""What OpenSSL's X509_V_ERR_… of our own look at the broker mean. None: it is another's."""

_STRANGER: Final = (
    message("link.stranger", "the broker's certificate is not signed by an authority in [mqtt] ca_file"),
    message(
        "link.stranger.check",
        "that ca_file is the centre's, and that nobody stands between this box and the broker",
    ),
)
_NOT_TAKEN: Final = (
    message("link.not-taken", "the broker does not take this box's certificate"),
    _OWN_AND_LOG,
)
_NOT_TLS: Final = message("link.not-tls", "something that is not TLS"), _TLS_PORT
_TLS_CLOSED: Final = message("link.tls-closed", "the connection was closed during the TLS handshake"), _TLS_PORT
_CHECK_VERSIONS: Final = message("link.tls-versions.check", "the broker's: it must know TLS 1.2 or 1.3")

_BY_TLS: Final = {
    "CERTIFICATE_REQUIRED": (
        message("link.certificate-wanted", "the broker wants a certificate of this box"),
        message("link.certificate-wanted.check", "[mqtt] certificate and key_file: set both"),
    ),
    "HANDSHAKE_FAILURE": (
        message("link.handshake", "the broker broke off the TLS handshake"),
        message(
            "link.handshake.check",
            "the certificate under [mqtt] certificate (brokers that want one end it so), and the broker's TLS settings",
        ),
    ),
    "UNKNOWN_CA": (
        message("link.unknown-authority", "the broker does not know who signed this box's certificate"),
        message("link.unknown-authority.check", "the certificate under [mqtt] certificate: it must be the centre's"),
    ),
    "CERTIFICATE_EXPIRED": (
        message("link.own-expired", "the broker says that this box's certificate has expired"),
        message("link.own-expired.check", "the certificate under [mqtt] certificate, and the broker's clock"),
    ),
    "CERTIFICATE_REVOKED": (
        message("link.own-revoked", "the broker says that this box's certificate was revoked"),
        message("link.own-revoked.check", "with the centre, and why"),
    ),
    "UNSUPPORTED_CERTIFICATE": (
        message("link.own-unsupported", "the broker says that this box's certificate is not for this"),
        message(
            "link.own-unsupported.check",
            "the certificate under [mqtt] certificate: it must have extendedKeyUsage = clientAuth",
        ),
    ),
    "BAD_CERTIFICATE": _NOT_TAKEN,
    "CERTIFICATE_UNKNOWN": _NOT_TAKEN,
    "PROTOCOL_VERSION": (message("link.no-version", "no version of TLS that both know"), _CHECK_VERSIONS),
    "UNSUPPORTED_PROTOCOL": (message("link.old-tls", "a version of TLS older than 1.2"), _CHECK_VERSIONS),
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "RECORD_LAYER_FAILURE": _NOT_TLS,
    "UNEXPECTED_EOF_WHILE_READING": _TLS_CLOSED,
}
"""By how the names of OpenSSL's reasons end (TLSV13_ALERT_CERTIFICATE_REQUIRED, SSLV3_ALERT_…)."""


def _tls(error: ssl.SSLError) -> tuple[Message, Message]:
    """What came back and what to check, where TLS came to nothing."""
    if isinstance(error, ssl.SSLCertVerificationError):
        back, check = _BY_VERIFY_CODE.get(error.verify_code, _STRANGER)
        other = message(
            "link.other-certificate",
            "the broker's certificate is another's ({error})",
            error=error.verify_message.rstrip("."),
        )
        return back or other, check
    name = getattr(error, "reason", None) or (
        "UNEXPECTED_EOF_WHILE_READING" if isinstance(error, ssl.SSLEOFError) else ""
    )
    for ending, words in _BY_TLS.items():
        if name.endswith(ending):
            return words
    reason = name.replace("_", " ").lower() or message("link.no-reason", "no reason given")
    return message("link.tls-failed", "TLS failed ({reason})", reason=reason), _OWN_AND_LOG


@dataclass(frozen=True, slots=True)
class LinkFault:
    """`said` is what was tried and what came back, `check` what a technician looks at first; `str()` is both."""

    said: Message
    check: Message = NOTHING

    def __str__(self) -> str:
        return f"{self.said}. Check {self.check}."

    @staticmethod
    def unreachable(tried: str, error: Exception, timeout_s: float) -> LinkFault:
        """No connection at all. `error` is what `connect` raised."""
        match error:
            case Unusable(fault=fault):
                back = message("link.nothing-yet", "nothing yet: {problem}", problem=fault.problem)
                check = message(
                    "link.certificate.check", "[mqtt] {key}: {instead}", key=fault.key, instead=fault.instead
                )
            case ssl.SSLError():
                back, check = _tls(error)
            case ConnectionResetError() | BrokenPipeError() if _over_tls(tried):
                back, check = _TLS_CLOSED
            case socket.gaierror():
                back = message("link.no-address", "the name has no address")
                check = message("link.no-address.check", "the spelling of [mqtt] host, and the name server of this box")
            case ConnectionRefusedError():
                back = message("link.refused", "connection refused")
                check = message(
                    "link.refused.check", "whether the broker runs and listens on this port, and its firewall"
                )
            case TimeoutError():
                back = message("link.timeout", "nothing within {seconds} s", seconds=f"{timeout_s:g}")
                check = message("link.timeout.check", "[mqtt] host and port, cable, routing and firewall")
            case OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH | errno.ENETDOWN as number):
                back = _system(number)
                check = message("link.network.check", "network cable, address and gateway of this box")
            case OSError(errno=int(number)):
                back = _system(number)
                check = message("link.host.check", "[mqtt] host and port, and the network of this box")
            case _:
                back = message("link.bad-address", "it is no usable address")
                check = message("link.bad-address.check", "the spelling of [mqtt] host")
        return _reason(tried, back, check)

    @staticmethod
    def hung(tried: str, deadline_s: float) -> LinkFault:
        """The attempt has neither succeeded nor failed: what it waits for is the resolver, or a kernel that hangs."""
        back = message("link.hung", "neither yes nor no for {seconds} s", seconds=f"{deadline_s:g}")
        return _reason(tried, back, message("link.hung.check", "the name server of this box"))

    @staticmethod
    def unheard(topic: str) -> LinkFault:
        """Connected, and events go to nobody."""
        check = message(
            "link.unheard.check",
            "whether the centre's collector runs and is subscribed to the events of this box; until then they are kept",
        )
        return _reason(_publishing(topic), message("link.unheard", "nobody is subscribed"), check)

    @staticmethod
    def closed_unanswered(tried: str) -> LinkFault:
        """Also TLS 1.3 that wants another certificate ends so, where the broker closes before its alert is read."""
        check = (
            message(
                "link.unanswered-tls.check",
                "whether this is the broker's MQTT port over TLS, whether it takes this box's certificate, "
                "and the broker's own log",
            )
            if _over_tls(tried)
            else message(
                "link.unanswered.check",
                "whether this is the broker's MQTT port (not its TLS or web port), and the broker's own log",
            )
        )
        return _reason(tried, message("link.unanswered", "the connection was closed without an answer"), check)

    @staticmethod
    def silent(tried: str, timeout_s: float) -> LinkFault:
        back = message(
            "link.silent", "the connection was accepted, then nothing for {seconds} s", seconds=f"{timeout_s:g}"
        )
        check = message("link.silent.check", "whether this is the broker's MQTT port, and whether the broker hangs")
        return _reason(tried, back, check)

    @staticmethod
    def refused(tried: str, answer: str) -> LinkFault:
        """The broker answered and said no; `answer` is its reason code by name."""
        return _reason(tried, _quoted(answer), _CHECK_BY_ANSWER.get(answer, _CHECK_LOG))

    @staticmethod
    def closed(tried: str, answer: str) -> LinkFault:
        """An established connection was closed by the broker with a reason code."""
        back = message("link.closed", "connected, then closed by the broker: {answer}", answer=_quoted(answer))
        return _reason(tried, back, _CHECK_BY_ANSWER.get(answer, _CHECK_LOG))

    @staticmethod
    def renewed(tried: str) -> LinkFault:
        back = message("link.renewed", "connected, then closed by this box to come again with its new certificate")
        return _reason(tried, back, _OWN)

    @staticmethod
    def lost(tried: str) -> LinkFault:
        """mosquitto 2.0 also just closes when a second client of our name comes."""
        back = message("link.lost", "connected, then the connection broke off or the broker stopped answering")
        check = message(
            "link.lost.check",
            "whether the broker runs, the network between it and this box, "
            "and that no second box uses this [site] node",
        )
        return _reason(tried, back, check)

    @staticmethod
    def unreadable(tried: str, error: Exception) -> LinkFault:
        back = message("link.not-mqtt", "something that is not MQTT ({kind})", kind=type(error).__name__)
        check = message("link.not-mqtt.check", "whether this is the broker's MQTT port, and the broker's version")
        return _reason(tried, back, check)

    @staticmethod
    def unwanted(tried: str, what: str) -> LinkFault:
        """This box closed the connection at the head of `what`."""
        check = message(
            "link.unwanted.check", "whether this is the centre's broker, its version, and who publishes to this box"
        )
        return _reason(tried, message("link.unwanted", "{what}: this box closed the connection", what=what), check)

    @staticmethod
    def stalled(tried: str, deadline_s: float) -> LinkFault:
        back = message(
            "link.stalled", "connected, but no message was acknowledged for {seconds} s", seconds=f"{deadline_s:g}"
        )
        check = message(
            "link.stalled.check", "whether the broker is overloaded or its disk full, and the broker's own log"
        )
        return _reason(tried, back, check)

    @staticmethod
    def rejected(topic: str, answer: str) -> LinkFault:
        """Connected, and one message was turned down."""
        check = message("link.rules.check", "whether the broker's access rules let this box write its own topics")
        if answer in _NOT_OF_RULES:
            check = _CHECK_BY_ANSWER[answer]
        return _reason(_publishing(topic), _quoted(answer), check)

    @staticmethod
    def shortened(topic: str) -> LinkFault:
        """An event is larger than what the broker takes: that it happened was told, the whole was left out."""
        back = message("link.shortened", "the broker takes no message of its size, so it was sent in short")
        return _reason(_publishing(topic), back, _CHECK_BY_ANSWER["Packet too large"])


def _over_tls(tried: str) -> bool:
    return " over TLS " in tried


def _system(number: int) -> Message:
    """The system's word for an error."""
    text, known = os.strerror(number).lower(), SYSTEM.get(number, NOTHING)
    return Message(text, known.code, known.values)


def _publishing(topic: str) -> Message:
    return message("link.publishing", "to publish {topic}", topic=topic)


def _quoted(answer: str) -> Message:
    return message("link.answer", "“{answer}”", answer=answer)


def _reason(tried: str, back: Message, check: Message) -> LinkFault:
    return LinkFault(message("link.fault", "Tried {tried}. Came back: {back}", tried=tried, back=back), check)
