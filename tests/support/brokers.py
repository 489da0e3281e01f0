"""Brokers for tests, and a centre that listens to them: real mosquitto, and amqtt, which knows only MQTT 3.1.1."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.support import contract
from tests.support.ports import free_port
from tests.support.waiting import wait_until

MOSQUITTO: Final = "/usr/sbin/mosquitto"
MOSQUITTO_PASSWD: Final = "/usr/bin/mosquitto_passwd"
DEADLINE_S: Final = 15.0
"""For anything a broker on the same machine does; a busy test machine needs well under one."""


class Broker:
    """A broker process on 127.0.0.1; `stop` and `start` keep the port, and nothing else."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.port = port
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.01)
        self.stop()
        raise AssertionError(f"{self._command[0]} does not accept connections:\n{self._log.read_text()}")

    def freeze(self) -> None:
        """Accepts connections (the kernel does) and says nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def mosquitto(directory: Path, *lines: str, password: tuple[str, str] | None = None) -> Iterator[Broker]:
    """A mosquitto with these configuration lines more, open to all or to one user with a password."""
    port = free_port()
    configuration = [f"listener {port} 127.0.0.1", "persistence false", "user root", *lines]
    if password is None:
        configuration.append("allow_anonymous true")
    else:
        passwords = directory / "passwords"
        subprocess.run([MOSQUITTO_PASSWD, "-b", "-c", str(passwords), *password], check=True, capture_output=True)
        configuration += ["allow_anonymous false", f"password_file {passwords}"]
    file = directory / "mosquitto.conf"
    file.write_text("\n".join(configuration) + "\n")
    with Broker([MOSQUITTO, "-c", str(file)], port, directory / "mosquitto.log") as broker:
        yield broker


@dataclass(frozen=True, slots=True)
class WebBroker:
    """A mosquitto that browsers reach, too: over WebSocket, and for the files of `http_dir`, at one address."""

    broker: Broker
    web_port: int

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.web_port}/index.html"


@contextlib.contextmanager
def mosquitto_web(
    directory: Path, http_dir: Path, *lines: str, password: tuple[str, str] | None = None
) -> Iterator[WebBroker]:
    """A mosquitto with a WebSocket listener. Version 2.0.11 (Debian 12) starts one only beside an ordinary listener."""
    web_port = free_port()
    web = (f"listener {web_port} 127.0.0.1", "protocol websockets", f"http_dir {http_dir}")
    with mosquitto(directory, *lines, *web, password=password) as broker:
        wait_until(lambda: _accepts(web_port), DEADLINE_S, "a WebSocket listener", every_s=0.01)
        yield WebBroker(broker, web_port)


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def amqtt(directory: Path) -> Iterator[Broker]:
    """A broker that refuses MQTT 5."""
    port = free_port()
    script = Path(__file__).with_name("amqtt_broker.py")
    with Broker([sys.executable, str(script), str(port)], port, directory / "amqtt.log") as broker:
        yield broker


@dataclass(frozen=True, slots=True)
class Heard:
    topic: str
    payload: bytes
    qos: int
    retain: bool
    """The broker kept it from before we subscribed."""
    expiry_s: int | None


class Centre:
    """Listens to everything, and waits for what a test expects. Blocking: from a coroutine, use `asyncio.to_thread`."""

    def __init__(self, port: int, *, mqtt5: bool = True, user: tuple[str, str] | None = None) -> None:
        self._changed = threading.Condition()
        self._heard: list[Heard] = []
        self._subscribed = threading.Event()
        version = paho.MQTTv5 if mqtt5 else paho.MQTTv311
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="centre", protocol=version, reconnect_on_failure=False
        )
        if user is not None:
            self._client.username_pw_set(*user)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        assert self._subscribed.wait(DEADLINE_S), "the centre could not subscribe"
        return self

    def __exit__(self, *_exc: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._client.on_connect = self._client.on_subscribe = self._client.on_message = None  # its sockets go with it

    def wait_for(self, wanted: Callable[[Heard], bool], what: str) -> Heard:
        """The first message, from the beginning on, that is wanted."""
        with self._changed:
            found = self._changed.wait_for(lambda: next(filter(wanted, self._heard), None), DEADLINE_S)
            assert found is not None, f"{what} was not heard; heard: {[heard.topic for heard in self._heard]}"
            return found

    @property
    def heard(self) -> list[Heard]:
        with self._changed:
            return list(self._heard)

    def forget_all(self) -> None:
        with self._changed:
            self._heard.clear()

    def _on_connect(self, client: paho.Client, *_rest: Any) -> None:
        client.subscribe("#", qos=1)

    def _on_subscribe(self, *_rest: Any) -> None:
        self._subscribed.set()

    def _on_message(self, _client: paho.Client, _user: Any, arrived: paho.MQTTMessage) -> None:
        expiry_s = getattr(arrived.properties, "MessageExpiryInterval", None)
        heard = Heard(arrived.topic, bytes(arrived.payload), arrived.qos, arrived.retain, expiry_s)
        contract.overhear(heard.topic, heard.payload, heard.qos, kept=heard.retain)
        with self._changed:
            self._heard.append(heard)
            self._changed.notify_all()
