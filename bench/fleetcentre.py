"""The centre of `bench.fleet`: a mosquitto set up from docs/mosquitto, what it costs, and somebody who listens.

Of docs/mosquitto/mosquitto.conf all holds but the listener of the fleet page; in its place is one for `$SYS`. Without
TLS names are believed instead of certificates, so that access rules and client ids are the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Final, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from bench import gauges
from bench.fleetbook import Book, node, number_of
from bench.fleetbox import Way
from tests.support import authority
from tests.support.brokers import MOSQUITTO
from tests.support.ports import free_port

DOCS: Final = Path(__file__).parents[1] / "docs" / "mosquitto"
LISTENER: Final = "centre-listener"
AUTOSAVE_S: Final = 60.0
START_S: Final = 60.0
STOP_S: Final = 60.0
SESSION_S: Final = 86_400
SAMPLE_S: Final = 1.0
STORE: Final = "store/messages/count"
RETAINED: Final = "retained messages/count"
TAKEN: Final = "messages/received"
GIVEN: Final = "messages/sent"
"""MQTT packets of all kinds. What mosquitto counts as PUBLISH leaves out those that are to be retained."""
HANDED: Final = "publish/messages/sent"
DROPPED: Final = "publish/messages/dropped"
COUNTS: Final = (TAKEN, GIVEN, HANDED, DROPPED)
_TLS_ONLY: Final = ("cafile", "crlfile", "certfile", "keyfile", "tls_version", "require_certificate", "use_identity")


class Broker:
    """The process; its state lies in `folder`."""

    def __init__(self, folder: Path, boxes: int, *, tls: bool) -> None:
        self.port, self.own_port = free_port(), free_port()
        self.way = Way(self.port, folder if tls else None)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        for name in ("acl", "acl.viewers"):
            (folder / name).write_text((DOCS / name).read_text("utf-8"), "utf-8")
        (folder / "data").mkdir()
        (folder / "mosquitto.conf").write_text(self._configuration(tls=tls), "utf-8")
        if tls:
            _certify(folder, boxes)

    def _configuration(self, *, tls: bool) -> str:
        documented = (DOCS / "mosquitto.conf").read_text("utf-8").partition("# The fleet page")[0]
        for there, here in (
            ("/etc/mosquitto/edged", str(self._folder)),
            ("/var/lib/mosquitto/", f"{self._folder / 'data'}/"),
            ("listener 8883", f"listener {self.port} 127.0.0.1"),
        ):
            if there not in documented:
                raise SystemExit(f"docs/mosquitto/mosquitto.conf has no {there} any more")
            documented = documented.replace(there, here)
        lines = [line for line in documented.splitlines() if tls or not line.startswith(_TLS_ONLY)]
        if not tls:
            lines = [line.replace("allow_anonymous false", "allow_anonymous true") for line in lines]
        more = [f"log_dest file {self._folder / 'mosquitto.log'}", "sys_interval 1"]
        more += [f"listener {self.own_port} 127.0.0.1", "allow_anonymous true"]
        return "\n".join(["user root"] * (os.geteuid() == 0) + lines + more) + "\n"

    @property
    def pid(self) -> int:
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Returns once it accepts connections."""
        command = [MOSQUITTO, "-c", str(self._folder / "mosquitto.conf")]
        with (self._folder / "mosquitto.out").open("ab") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.own_port), timeout=1):
                return
            time.sleep(0.005)
        raise SystemExit("mosquitto does not start:\n" + (self._folder / "mosquitto.out").read_text("utf-8"))

    def stop(self, sign: signal.Signals) -> None:
        """Returns once it is gone; killed where SIGTERM does not end it."""
        if self._process is None:
            return
        self._process.send_signal(sign)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def _certify(folder: Path, boxes: int) -> None:
    signs = authority.Authority()
    server = signs.server()
    (folder / "broker.crt").write_bytes(server.pem)
    (folder / "broker.key").write_bytes(server.key_pem)
    (folder / "ca.crl").write_bytes(signs.revoked())
    for name in (LISTENER, *map(node, range(boxes))):
        authority.write(folder, signs, signs.sign(name), name)


class Watch:
    """What the broker costs and says of itself, once a second, without what it sends here."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._said: dict[str, tuple[float, int]] = {}
        self._own = dict.fromkeys((GIVEN, HANDED), 0)
        """Messages to this one here, since the last count."""
        self._thread = threading.Thread(target=self._sample, name="watch", daemon=True)
        self.begin()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="watch", protocol=paho.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        self._client.connect_async("127.0.0.1", self._broker.own_port)
        self._client.loop_start()
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()
        self._client.on_connect = self._client.on_message = None

    def begin(self) -> None:
        """Forget what was seen: a phase begins."""
        with self._lock:
            self.cpu: list[float] = []
            """Shares of one core, second by second."""
            self.rates: dict[str, list[float]] = {name: [] for name in COUNTS}
            """By count: a second, second by second."""
            self.counts = dict.fromkeys(COUNTS, 0)
            self.queued = 0
            """Most messages that waited in it, beside those that it retains."""
            self.memory_kib = 0

    def _on_connect(self, client: paho.Client, *_: Any) -> None:
        client.subscribe([(f"$SYS/broker/{name}", 0) for name in (STORE, RETAINED, *COUNTS)])

    def _on_message(self, _client: paho.Client, _user: Any, heard: paho.MQTTMessage) -> None:
        name, value, now_s = heard.topic.removeprefix("$SYS/broker/"), int(heard.payload), time.monotonic()
        with self._lock:
            for count in (GIVEN, HANDED):
                self._own[count] += 1
            before_s, before = self._said.get(name, (now_s, value))
            self._said[name] = (now_s, value)
            if name not in COUNTS or value < before:
                return  # a count begins anew with the process
            more = max(0, value - before - self._own.get(name, 0))
            if name in self._own:
                self._own[name] = 0
            self.counts[name] += more
            if now_s - before_s > SAMPLE_S / 2:
                self.rates[name].append(more / (now_s - before_s))

    def _sample(self) -> None:
        before, before_s, pid = gauges.spent_ns(self._broker.pid), time.monotonic(), self._broker.pid
        while not self._over.wait(SAMPLE_S):
            now, now_s, now_pid = gauges.spent_ns(self._broker.pid), time.monotonic(), self._broker.pid
            memory_kib = gauges.pss(now_pid)
            if now is not None and before is not None and now_pid == pid:
                with self._lock:
                    self.cpu.append((now - before) / 1e9 / (now_s - before_s))
                    self.memory_kib = max(self.memory_kib, memory_kib)
                    stored, kept = (self._said.get(name, (0.0, 0))[1] for name in (STORE, RETAINED))
                    self.queued = max(self.queued, stored - kept)
            before, before_s, pid = now, now_s, now_pid


class Listener:
    """Hears all that boxes say, QoS 1, in a session that lasts; keeps account of every event."""

    def __init__(self, book: Book, way: Way) -> None:
        self._book = book
        self._way = way
        self._whole = 2 + 2 * book.cameras
        """Birth, a volume, health and retention of each camera."""
        self._heard: list[bytearray] = [bytearray(1024) for _ in range(book.boxes)]
        """By box and number of an event."""
        self._newest: dict[tuple[int, str], int] = {}
        self._state = [0] * book.boxes
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=LISTENER, protocol=paho.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        if way.certificates is None:
            self._client.username_pw_set(LISTENER)
        else:
            at = way.certificates
            context = ssl.create_default_context(cafile=str(at / "ca.crt"))
            context.load_cert_chain(at / f"{LISTENER}.crt", at / f"{LISTENER}.key")
            self._client.tls_set_context(context)

    def run(self) -> None:
        """Until it is killed."""
        bounds = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's gap
        bounds.SessionExpiryInterval = SESSION_S
        self._client.connect("127.0.0.1", self._way.port, clean_start=False, properties=bounds)
        self._client.loop_forever()

    def _on_connect(self, client: paho.Client, *_: Any) -> None:
        new = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        client.subscribe("edged/v1/+/up/#", options=new)

    def _on_message(self, _client: paho.Client, _user: Any, heard: paho.MQTTMessage) -> None:
        _, _, name, _, *rest = heard.topic.split("/")
        number, book = number_of(name), self._book
        book.messages.value += 1
        match rest:
            case ["event", kind]:
                self._event(number, kind, bytes(heard.payload))
            case ["status"] if not heard.retain and json.loads(heard.payload)["state"] == "online":
                book.told[number], self._state[number] = time.monotonic(), 0
            case ["birth"] | ["storage", _] | ["cam", _, _]:
                self._state[number] += 1
                if self._state[number] == self._whole:
                    book.shown[number] = time.monotonic()

    def _event(self, number: int, kind: str, payload: bytes) -> None:
        seq = int(payload[: payload.index(b'","source"')].rpartition(b":")[2])
        heard = self._heard[number]
        if seq >= len(heard):
            heard.extend(bytes(seq + 1024))
        if heard[seq]:
            self._book.doubled.value += 1
            return
        heard[seq] = 1
        self._book.got[number] += 1
        self._book.top[number] = max(seq, self._book.top[number])
        if seq < self._newest.get((number, kind), 0):
            self._book.disordered.value += 1
        self._newest[number, kind] = max(seq, self._newest.get((number, kind), 0))


def listen(book: Book, way: Way) -> None:
    """A process."""
    with contextlib.suppress(KeyboardInterrupt):
        Listener(book, way).run()
