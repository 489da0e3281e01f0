"""The demonstration's own broker, and somebody who listens to it: what the centre would hear.

amqtt in a thread with a loop of its own; it comes with the extra `demo` and is imported by nobody else. Imports nothing
of ours. What amqtt logs goes wherever the demonstration sends its log, never to the screen.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections import Counter
from concurrent.futures import Future
from typing import Any, Final, Self

from amqtt.broker import Broker
from amqtt.client import MQTTClient
from amqtt.mqtt.constants import QOS_1

HOST: Final = "127.0.0.1"
START_S: Final = 20.0
"""amqtt listens within a second; a machine that is busy installing something else may take its time."""
STOP_S: Final = 10.0
MAX_TOPICS: Final = 10_000
"""A demonstration has about ten; this only keeps a mistake from filling the memory."""

BROKER_PLUGINS: Final[dict[str, Any]] = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
"""Without the plugins that log each packet."""


class DemoBroker:
    """A broker on a free port of this machine, while its context lasts."""

    def __init__(self) -> None:
        self.port = _free_port()
        self._heard: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._listening: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="demo-broker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.result(START_S)
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself meanwhile
                self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(STOP_S)

    def heard(self) -> dict[str, int]:
        """How many messages came, by topic."""
        with self._lock:
            return dict(self._heard)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            if self._listening.done():
                raise
            self._listening.set_exception(error)

    async def _serve(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        door = {"type": "tcp", "bind": f"{HOST}:{self.port}"}
        broker = Broker({"listeners": {"default": door}, "plugins": BROKER_PLUGINS})
        await broker.start()
        listener = MQTTClient("demo-listener", {"auto_reconnect": False, "plugins": {}})
        try:
            await listener.connect(f"mqtt://{HOST}:{self.port}/")
            await listener.subscribe([("edged/#", QOS_1)])
            self._listening.set_result(None)
            while True:
                self._count(await listener.deliver_message())
        except asyncio.CancelledError:
            await listener.disconnect()
        finally:
            await broker.shutdown()

    def _count(self, message: Any) -> None:
        with self._lock:
            if message is not None and (message.topic in self._heard or len(self._heard) < MAX_TOPICS):
                self._heard[message.topic] += 1


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
