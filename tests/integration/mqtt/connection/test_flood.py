"""A hostile broker: it floods, over TLS so that no packet ends where a record does, and sends what nobody asked for.

Turns of the event loop and messages are counted, never time. The broker has sent all before the box reads any of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Self

import pytest
from paho.mqtt.enums import CallbackAPIVersion

from mqtt import client, connection
from mqtt.connection import (
    ANSWERS_MAX,
    ARRIVED_MAX,
    PACKET_MAX_BYTES,
    READS_MAX,
    BoundedClient,
    BrokerSettings,
    Connection,
    ConnectionEnded,
    Connector,
    Protocol,
    Unwanted,
)
from mqtt.contract import messages
from mqtt.tls import Keyring
from tests.support.authority import Authority, write
from tests.support.brokers import DEADLINE_S
from tests.support.linked import BOOT, EPOCH, NODE, Box, running, until

CA: Final = Authority()
TOPIC: Final = f"edged/v1/{NODE}/dn/cmd/status"
CONNACK: Final = bytes([0x20, 3, 0, 0, 0])
RESUMED: Final = bytes([0x20, 3, 1, 0, 0])
"""The broker has kept what was sent while the box was away."""
CONNECT, PUBLISH, PUBREC, SUBSCRIBE = 1, 3, 5, 8
FLOOD: Final = 40 * READS_MAX
RECORD_BYTES: Final = 16 << 10
"""The most that TLS has in one."""


def head(kind: int, remaining_bytes: int) -> bytes:
    """The fixed header of a packet."""
    out = bytearray([kind])
    while True:
        remaining_bytes, low = divmod(remaining_bytes, 128)
        out.append(low | (0x80 if remaining_bytes else 0))
        if not remaining_bytes:
            return bytes(out)


def publication(payload: bytes, qos: int = 0, topic: str = TOPIC) -> bytes:
    name = topic.encode()
    body = len(name).to_bytes(2) + name + (b"\0\1" if qos else b"") + b"\0" + payload
    return head(PUBLISH << 4 | qos << 1, len(body)) + body


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


class Ears:
    """Counts turns of the loop, and remembers in which of them it heard what."""

    topic_filter = f"edged/v1/{NODE}/dn/cmd/+"

    def __init__(self) -> None:
        self.turn = 0
        self.payloads: list[bytes] = []
        self.by_turn: Counter[int] = Counter()

    def heard(self, _topic: str, payload: bytes, _retained: bool) -> None:
        self.payloads.append(payload)
        self.by_turn[self.turn] += 1

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        loop, going = asyncio.get_running_loop(), True

        def beat() -> None:
            self.turn += 1
            if going:
                loop.call_soon(beat)

        beat()
        try:
            yield
        finally:
            going = False


class Hostile:
    """A broker for one connection, on a thread: acknowledges what a box greets with, then sends `records` when told to.

    Over TLS each of them is a record.
    """

    def __init__(self, records: list[bytes], context: ssl.SSLContext | None = None, welcome: bytes = CONNACK) -> None:
        self.got: list[int] = []
        """The types of all packets that came."""
        self._records = records
        self._welcome = welcome
        self._context = context
        self._greeted, self._go, self._sent, self._over = (threading.Event() for _ in range(4))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(DEADLINE_S)
        self._listener.close()
        assert not self._thread.is_alive()

    @property
    def greeted(self) -> bool:
        """All that a box says at first has been answered."""
        return self._greeted.is_set()

    @property
    def over(self) -> bool:
        """The box has closed the connection."""
        return self._over.is_set()

    def flood(self) -> None:
        """Returns when all lies in the socket of the box: whoever calls this keeps its loop from reading."""
        self._go.set()
        assert self._sent.wait(DEADLINE_S)

    def _serve(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            peer, _ = self._listener.accept()
            peer.settimeout(DEADLINE_S)
            if self._context is not None:
                peer = self._context.wrap_socket(peer, server_side=True)
            with peer:
                self._converse(peer)

    def _converse(self, peer: socket.socket) -> None:
        try:
            while not {SUBSCRIBE, PUBLISH} <= set(self.got) or self.got.count(PUBLISH) < 2:
                self._answer(peer)
            self._greeted.set()
            assert self._go.wait(DEADLINE_S)
            for record in self._records:
                peer.sendall(record)
            self._sent.set()
            while True:
                self._answer(peer)
        finally:
            self._over.set()

    def _answer(self, peer: socket.socket) -> None:
        first, body = _packet(peer)
        self.got.append(first >> 4)
        if first >> 4 == CONNECT:
            peer.sendall(self._welcome)
        elif first >> 4 == SUBSCRIBE:
            peer.sendall(bytes([0x90, 4, *body[:2], 0, 1]))
        elif first >> 4 == PUBLISH and first & 2:
            after = 2 + int.from_bytes(body[:2])
            peer.sendall(bytes([0x40, 2, *body[after : after + 2]]))


def _packet(peer: socket.socket) -> tuple[int, bytes]:
    first, length, shift = _exactly(peer, 1)[0], 0, 0
    while True:
        byte = _exactly(peer, 1)[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return first, _exactly(peer, length)


def _exactly(peer: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        more = peer.recv(count - len(got))
        if not more:
            raise EOFError
        got += more
    return got


@pytest.fixture
def server(tmp_path: Path) -> ssl.SSLContext:
    """What a broker of the centre shows."""
    signed = CA.server()
    (tmp_path / "broker.pem").write_bytes(signed.pem + signed.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "broker.pem")
    return context


def keyring(directory: Path) -> Keyring:
    return Keyring(write(directory, CA), NODE, "", lambda: time.time_ns() // 1_000_000)


@pytest.fixture
def _no_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is found only because a second has passed."""
    monkeypatch.setattr(connection, "TICK_S", 3600.0)
    monkeypatch.setattr(client, "TICK_S", 3600.0)
    monkeypatch.setattr(client, "FAREWELL_S", 0.05)


def one_byte_into_a_packet() -> list[bytes]:
    """Each record but the last ends behind the first byte of a packet: whoever drains TLS goes on for ever."""
    blob = b"".join(map(publication, numbered(FLOOD)))
    ends, at = [], 0
    for payload in numbered(FLOOD):
        ends.append(at + 1)
        at += len(publication(payload))
    cuts = [0, *ends[8::8], len(blob)]
    return [blob[start:end] for start, end in itertools.pairwise(cuts)]


def all_at_once() -> list[bytes]:
    """As few records as can be: of what TLS then holds the socket tells nothing."""
    blob = b"".join(map(publication, numbered(FLOOD)))
    return [blob[start : start + RECORD_BYTES] for start in range(0, len(blob), RECORD_BYTES)]


@pytest.mark.usefixtures("_no_ticks")
@pytest.mark.parametrize("records", [one_byte_into_a_packet, all_at_once])
async def test_the_loop_turns_however_the_broker_floods_over_tls(
    tmp_path: Path, server: ssl.SSLContext, records: Callable[[], list[bytes]]
) -> None:
    ears = Ears()
    with Hostile(records(), server) as broker:
        box = Box(broker.port, orders=ears, tls=keyring(tmp_path))
        async with running(box):
            await until(lambda: broker.greeted and box.link.waiting == 0, "the greeting's arrival")
            with ears.counting():
                broker.flood()
                await until(lambda: len(ears.payloads) == FLOOD, "all of it")
            assert box.link.view.connected
    assert max(ears.by_turn.values()) <= READS_MAX
    assert ears.payloads == numbered(FLOOD)


async def driven(made: Connection) -> None:
    """Until all has been read: the end is the broker's last word."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            await made.step()


async def test_of_what_nobody_fetches_little_is_kept() -> None:
    will = messages.will(NODE, boot=BOOT, epoch=EPOCH, ts=1)
    with Hostile([b"".join(map(publication, numbered(3 * ARRIVED_MAX))), head(0xE0, 0)]) as broker:
        settings = BrokerSettings("127.0.0.1", broker.port, "", "", 30, None)
        made = Connection(settings, NODE, Protocol.V5, will, Connector(), lasting=True)
        try:
            await made.open()
            made.obey(Ears.topic_filter)
            for _ in range(2):
                made.publish(will)
            while not broker.greeted:
                await made.step(0.01)
            broker.flood()
            with pytest.raises(ConnectionEnded):
                await driven(made)
            assert [arrived.payload for arrived in made.arrived()] == numbered(ARRIVED_MAX)
        finally:
            made.close()


LARGE: Final = PACKET_MAX_BYTES + 1


@pytest.mark.parametrize("over_tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(
    ("packet", "words"),
    [
        (publication(b"x", 2), "QoS 2, which this box never asks for"),
        (publication(b"x", 2)[:2], "QoS 2, which this box never asks for"),
        (publication(b"x", 2, "somewhere/else"), "QoS 2, which this box never asks for"),
        (head(PUBLISH << 4, LARGE), f"{LARGE} bytes, where {PACKET_MAX_BYTES} are the most"),
        (head(PUBLISH << 4, LARGE) + bytes(LARGE), f"{LARGE} bytes, where {PACKET_MAX_BYTES} are the most"),
        (head(0x90, 200 << 20), f"{200 << 20} bytes, where {PACKET_MAX_BYTES} are the most"),
    ],
    ids=["qos 2", "qos 2, head only", "qos 2, not obeyed", "large, head only", "large", "large answer"],
)
async def test_what_nobody_asked_for_ends_the_connection_at_its_head(
    tmp_path: Path, server: ssl.SSLContext, packet: bytes, words: str, over_tls: bool
) -> None:
    """Also shows whether paho still calls things what `Guarded` calls them."""
    ears = Ears()
    with Hostile([packet], server if over_tls else None) as broker:
        box = Box(broker.port, orders=ears, tls=keyring(tmp_path) if over_tls else None)
        async with running(box):
            await until(lambda: broker.greeted and box.link.waiting == 0, "the greeting's arrival")
            made = box.link._connection
            assert made is not None
            broker.flood()
            await until(lambda: words in box.link.view.reason, f"“{words}” (came: {box.link.view.reason})")
            assert "this box closed the connection" in box.link.view.reason
            assert "who publishes to this box" in box.link.view.check
            assert not made._client._in_packet["packet"], "nothing of its body was read"
            await until(lambda: broker.over, "the end of the connection")
    assert not ears.payloads
    assert PUBREC not in broker.got


async def test_as_much_as_may_be_is_taken() -> None:
    largest = b"x" * (PACKET_MAX_BYTES - len(publication(b"")) - 2)
    packet = publication(largest)
    assert len(packet) == PACKET_MAX_BYTES
    ears = Ears()
    with Hostile([packet, publication(b"after", 1)]) as broker:
        box = Box(broker.port, orders=ears)
        async with running(box):
            await until(lambda: broker.greeted and box.link.waiting == 0, "the greeting's arrival")
            broker.flood()
            await until(lambda: len(ears.payloads) == 2, "both")
            assert box.link.view.connected
    assert ears.payloads == [largest, b"after"]


@pytest.mark.usefixtures("_no_ticks")
async def test_what_the_broker_kept_may_come_in_one_record_with_its_welcome(
    tmp_path: Path, server: ssl.SSLContext
) -> None:
    ears = Ears()
    with Hostile([], server, RESUMED + publication(b"1", 1) + publication(b"2", 1)) as broker:
        box = Box(broker.port, orders=ears, tls=keyring(tmp_path))
        async with running(box):
            await until(lambda: len(ears.payloads) == 2, "the orders of the time away")
            broker.flood()
    assert ears.payloads == [b"1", b"2"]


def test_a_broker_that_wants_answers_and_fetches_none_is_left() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        flooded = BoundedClient(CallbackAPIVersion.VERSION2)
        flooded._sock = ours
        theirs.send(b"\xc0\x00")
        flooded._out_packet.extend([{}] * ANSWERS_MAX)  # type: ignore[typeddict-item]
        assert flooded._sock_recv(1) == b"\xc0"
        flooded._out_packet.append({})  # type: ignore[typeddict-item]
        with pytest.raises(Unwanted, match="fetched none"):
            flooded._sock_recv(1)
        flooded._sock = None
