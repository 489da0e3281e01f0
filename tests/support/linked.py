"""The daemon's part of the link for tests: a box that greets, publishes and, if asked to, has events and orders."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable

from mqtt.client import BrokerSettings, Link, Orders, Post
from mqtt.contract import messages
from mqtt.contract.messages import Publication, Sequence
from mqtt.tls import Keyring
from tests.support.brokers import DEADLINE_S

NODE = "wenshan-main"
BOOT = "6c1f5f3c-boot"
EPOCH = 3
STATUS = messages.status_topic(NODE)
BIRTH = messages.birth_topic(NODE)


class Box:
    """The daemon's part: a link, and what it greets with."""

    def __init__(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        username: str = "",
        password: str = "",
        keepalive_s: int = 30,
        post: Post | None = None,
        orders: Orders | None = None,
        random: Callable[[], float] = lambda: 0.05,
        tls: Keyring | None = None,
    ) -> None:
        self.sequence = Sequence(EPOCH)
        self.greetings = 0
        self.snapshot: list[Publication] = []
        settings = BrokerSettings(host, port, username, password, keepalive_s, tls)
        will = messages.will(NODE, boot=BOOT, epoch=EPOCH, ts=1)
        self.link = Link(
            settings,
            NODE,
            greeting=self.greeting,
            will=will,
            random=random,
            now_ms=lambda: 1_700_000_000_000,
            post=post,
            orders=orders,
        )

    def greeting(self) -> list[Publication]:
        self.greetings += 1
        online = messages.Status(**self.sequence.stamp(2), state="online", boot=BOOT)
        return [messages.publication(NODE, online), Publication(BIRTH, b"{}", 1, True), *self.snapshot]

    def heartbeat(self) -> Publication:
        return messages.publication(
            NODE,
            messages.Heartbeat(
                **self.sequence.stamp(3),
                uptime_s=1,
                box_uptime_s=2,
                clock_synced=True,
                clock_epoch=1,
                disk_total_bytes=2,
                disk_free_bytes=1,
                outbox_messages=self.link.waiting,
            ),
        )


@contextlib.asynccontextmanager
async def running(box: Box) -> AsyncIterator[asyncio.Task[None]]:
    """Runs the link; afterwards nothing of it may be left."""
    task = asyncio.create_task(box.link.run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    for thread in threading.enumerate():
        if thread.name.startswith("mqtt"):  # a connect that was under way ends by itself, and closes its socket
            thread.join(DEADLINE_S)
            assert not thread.is_alive(), thread.name


async def until(true: Callable[[], bool], what: str) -> None:
    """Wait for something inside this event loop."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not true():  # noqa: ASYNC110  what is waited for has no event, and must not get one for tests
                await asyncio.sleep(0.005)
    except TimeoutError as error:
        raise AssertionError(f"{what} did not happen") from error
