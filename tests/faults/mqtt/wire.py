"""A wire between a box and its broker that can be cut, go deaf, be slow, lose or double answers, or refuse."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from enum import StrEnum
from random import Random
from typing import Final

PUBLISH: Final = 0x30
PUBACK: Final = 0x40
QUOTA_EXCEEDED: Final = 0x97
SHARE: Final = 0.5
"""Of the packets that a fault of single packets befalls."""


class Fault(StrEnum):
    NONE = "none"
    CUT = "cut"
    """Connections are reset, new ones too."""
    HALF_OPEN = "half-open"
    """Nothing goes either way, and nobody is told; what was connected by then stays so for good."""
    SLOW = "slow"
    LATE = "late"
    ACKS_LOST = "acks-lost"
    ACKS_TWICE = "acks-twice"
    REFUSING = "refusing"
    """As a broker whose quota is used up (0x97)."""


Writer = asyncio.StreamWriter


class Wire:
    """`port` leads to the broker's; set `fault` by `befall`."""

    def __init__(self, broker_port: int, random: Random, *, slow_bytes_per_s: float = 1000.0, late_s: float = 0.05):
        self._broker_port = broker_port
        self._random = random
        self._slow_bytes_per_s = slow_bytes_per_s
        self._late_s = late_s
        self._fault = Fault.NONE
        self._writers: set[Writer] = set()
        self._deaf: set[Writer] = set()
        self._conversations: set[asyncio.Task[None]] = set()
        self.port = 0
        self.befallen = 0
        """Packets lost, doubled or refused."""

    def befall(self, fault: Fault) -> None:
        self._fault = fault
        if fault is Fault.CUT:
            for writer in self._writers:
                writer.transport.abort()
        if fault is Fault.HALF_OPEN:
            self._deaf |= self._writers

    async def serve(self, box: asyncio.StreamReader, to_box: Writer) -> None:
        conversation = asyncio.current_task()
        assert conversation is not None
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)
        mine = {to_box}
        try:
            if self._fault is Fault.CUT:
                return
            broker, to_broker = await asyncio.open_connection("127.0.0.1", self._broker_port)
            mine.add(to_broker)
            self._writers |= mine
            if self._fault is Fault.HALF_OPEN:
                self._deaf |= mine
            ways = (self._carry(box, to_broker, to_box), self._carry(broker, to_box, to_broker))
            carriers = [asyncio.ensure_future(way) for way in ways]
            await asyncio.wait(carriers, return_when=asyncio.FIRST_COMPLETED)
            for carrier in carriers:
                carrier.cancel()
            await asyncio.gather(*carriers, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # no broker there; or it is all over, which asyncio would take for a failure of ours
        finally:
            self._writers -= mine
            self._deaf -= mine
            for writer in mine:
                writer.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, sink: Writer, back: Writer) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                packet = await read_packet(source)
                if self._fault is Fault.SLOW:
                    await asyncio.sleep(len(packet) / self._slow_bytes_per_s)
                elif self._fault is Fault.LATE:
                    await asyncio.sleep(self._late_s)
                if sink not in self._deaf:
                    self._pass_on(packet, sink, back)
                    await sink.drain()

    def _pass_on(self, packet: bytes, sink: Writer, back: Writer) -> None:
        kind, hit = packet[0] & 0xF0, self._random.random() < SHARE
        match self._fault:
            case Fault.ACKS_LOST if kind == PUBACK and hit:
                self.befallen += 1
            case Fault.ACKS_TWICE if kind == PUBACK and hit:
                self.befallen += 1
                sink.write(packet + packet)
            case Fault.REFUSING if kind == PUBLISH and packet[0] & 0x06 and hit:
                self.befallen += 1
                back.write(bytes([PUBACK, 3]) + mid_of(packet) + bytes([QUOTA_EXCEEDED]))
            case _:
                sink.write(packet)

    async def close(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()
        for conversation in list(self._conversations):
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)


@contextlib.asynccontextmanager
async def wired(broker_port: int, random: Random, **how: float) -> AsyncIterator[Wire]:
    wire = Wire(broker_port, random, **how)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        await wire.close()
        await server.wait_closed()


async def read_packet(reader: asyncio.StreamReader) -> bytes:
    """One whole packet of MQTT."""
    packet = await reader.readexactly(2)
    length, shift = packet[1] & 0x7F, 7
    while packet[-1] & 0x80:
        packet += await reader.readexactly(1)
        length |= (packet[-1] & 0x7F) << shift
        shift += 7
    return packet + await reader.readexactly(length)


def mid_of(publication: bytes) -> bytes:
    """The two bytes of its id; of QoS 1 or 2."""
    at = 1
    while publication[at] & 0x80:
        at += 1
    at += 1
    at += 2 + int.from_bytes(publication[at : at + 2])
    return publication[at : at + 2]
