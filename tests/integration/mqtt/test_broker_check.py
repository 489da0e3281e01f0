"""A knock at real brokers: what it says of each, and that the box which lives there does not feel it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from mqtt import connection, tls
from mqtt.broker_check import BrokerAnswer, check_broker
from mqtt.connection import BrokerSettings
from mqtt.tls import Files
from tests.support.authority import DAY, Authority, broker_lines, write
from tests.support.brokers import DEADLINE_S, amqtt, mosquitto
from tests.support.ports import free_port
from tests.support.waiting import wait_until

NODE: Final = "wenshan-main"
CA: Final = Authority()
FOREIGN: Final = Authority("somebody else")
BOX: Final = CA.sign(NODE)
GONE: Final = "edged/v1/wenshan-main/gone"


def settings(port: int, user: str = "", password: str = "", files: Files | None = None) -> BrokerSettings:
    ring = None if files is None else tls.Keyring(files, NODE, user, lambda: time.time_ns() // 1_000_000)
    return BrokerSettings("127.0.0.1", port, user, password, tls=ring)


async def told(port: int, words: str, check: str, **more: Any) -> None:
    """`words` and `check`: alternatives, with | between."""
    found = await check_broker(settings(port, **more), NODE)
    assert found.protocol == ""
    assert any(word in found.said for word in words.split("|")), found
    assert any(word in found.check for word in check.split("|")), found


@contextlib.contextmanager
def answering(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """A port that is something else."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    peer, _ = listener.accept()
                    with peer, contextlib.suppress(OSError):
                        peer.settimeout(DEADLINE_S)
                        answer(peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(DEADLINE_S)


def speak_ssh(peer: socket.socket) -> None:
    peer.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    peer.recv(4096)


async def test_one_that_lets_us_in_and_by_which_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_TIMEOUT_S", 2.0)  # it says nothing to MQTT 5
    with mosquitto(tmp_path, password=("box", "right")) as broker:
        found = await check_broker(settings(broker.port, "box", "right"), NODE)
        assert found == BrokerAnswer(f"127.0.0.1:{broker.port}", "5")
    with amqtt(tmp_path) as broker:
        assert (await check_broker(settings(broker.port), NODE)).protocol == "3.1.1"


async def test_a_wrong_password_and_none_at_all(tmp_path: Path) -> None:
    with mosquitto(tmp_path, password=("box", "right")) as broker:
        await told(broker.port, "Not authorized", "user and password under [mqtt]", user="box", password="wrong")
        await told(broker.port, "Not authorized", "user and password under [mqtt]")


CLOSED: Final = "closed without an answer"
"""In TLS 1.3 a broker refuses a certificate after the handshake, and its reset may overtake the reason."""
TAKES_IT: Final = "whether it takes this box's certificate"


async def test_over_tls_each_side_knows_the_other(tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    with mosquitto(tmp_path, *broker_lines(tmp_path, CA, CA.server())) as broker:
        assert (await check_broker(settings(broker.port, files=write(ours, CA, BOX)), NODE)).protocol == "5"
        files = write(ours, FOREIGN, BOX)
        await told(broker.port, "not signed by an authority in [mqtt] ca_file", "ca_file is the centre's", files=files)
        for own, words, check in (
            (None, "wants a certificate of this box", "set both"),
            (FOREIGN.sign(NODE), "does not know who signed", "must be the centre's"),
            (CA.sign(NODE, ends=-DAY / 24), "has expired", "the broker's clock"),
        ):
            files = write(ours, CA, own)
            await told(broker.port, f"{words}|{CLOSED}", f"{check}|{TAKES_IT}", files=files)
        await told(broker.port, CLOSED, "MQTT port")


async def test_a_broker_whose_certificate_has_ended(tmp_path: Path) -> None:
    ended = CA.server(ends=-DAY / 24)
    with mosquitto(tmp_path, *broker_lines(tmp_path, CA, ended)) as broker:
        ours = tmp_path / "ours"
        ours.mkdir()
        await told(broker.port, "expired", "broker", files=write(ours, CA, BOX))


async def test_a_port_that_is_something_else_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_TIMEOUT_S", 0.3)
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT_S", 1.0)
    await told(free_port(), "connection refused", "whether the broker runs")
    with answering(speak_ssh) as port:
        await told(port, "", "")
    with answering(lambda peer: peer.recv(4096)) as port:
        await told(port, "closed", "")
    with answering(lambda peer: [None for _ in iter(lambda: peer.recv(4096), b"")]) as port:
        await told(port, "nothing for 0.3 s", "whether the broker hangs")
        await told(port, "", "", files=write(tmp_path, CA, BOX))


class Resident:
    """The box itself, as the daemon is: a will, and a session that lasts."""

    def __init__(self, port: int, user: str = "") -> None:
        self.arrived: list[bytes] = []
        self.ended = threading.Event()
        self.taken_up: bool | None = None
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=NODE, protocol=paho.MQTTv5, reconnect_on_failure=False
        )
        self._client.username_pw_set(user or None)
        self._client.will_set(GONE, b"gone", qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_message = lambda _client, _user, message: self.arrived.append(bytes(message.payload))
        self._client.on_disconnect = lambda *_: self.ended.set()
        lasts = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        lasts.SessionExpiryInterval = 600
        self._client.connect("127.0.0.1", port, clean_start=False, properties=lasts)
        self._client.loop_start()
        wait_until(lambda: self.taken_up is not None, DEADLINE_S, "the box is connected", every_s=0.01)

    def _on_connect(self, _client: Any, _user: Any, flags: paho.ConnectFlags, *_: Any) -> None:
        self._client.subscribe(f"orders/{NODE}", qos=1)
        self.taken_up = flags.session_present

    def publish(self, payload: bytes) -> None:
        self._client.publish(f"orders/{NODE}", payload, qos=1).wait_for_publish(DEADLINE_S)

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


async def test_the_box_that_is_connected_feels_nothing(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        box = Resident(broker.port)
        assert (await check_broker(settings(broker.port), NODE)).protocol == "5"
        box.publish(b"one")
        wait_until(lambda: box.arrived == [b"one"], DEADLINE_S, "it is still connected", every_s=0.01)
        assert not box.ended.is_set()
        box.leave()


async def test_where_the_broker_takes_us_for_the_box_what_it_has_kept_stays_kept(tmp_path: Path) -> None:
    """docs/mosquitto: whatever a client calls itself, it is its account. An order waits for a box that is away."""
    with mosquitto(tmp_path, "use_username_as_clientid true") as broker:
        box = Resident(broker.port, NODE)
        box.leave()
        centre = Resident(broker.port, "centre")
        centre.publish(b"order")
        assert (await check_broker(settings(broker.port, NODE), NODE)).protocol == "5"
        again = Resident(broker.port, NODE)
        assert again.taken_up
        wait_until(lambda: again.arrived == [b"order"], DEADLINE_S, "the order is delivered", every_s=0.01)
        for one in (again, centre):
            one.leave()


async def test_a_session_of_its_own_is_not_left_behind(tmp_path: Path) -> None:
    with mosquitto(tmp_path, "sys_interval 1") as broker:
        counts, beats = [0], [0]
        watch = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)

        def note(_client: Any, _user: Any, message: paho.MQTTMessage) -> None:
            if message.topic.endswith("uptime"):
                beats[0] += 1
            else:
                counts.append(int(message.payload))

        watch.on_message = note
        watch.connect("127.0.0.1", broker.port)
        watch.subscribe([("$SYS/broker/clients/total", 0), ("$SYS/broker/uptime", 0)])
        watch.loop_start()
        wait_until(lambda: counts[-1] == 1, DEADLINE_S, "the broker counts us", every_s=0.05)
        await check_broker(settings(broker.port), NODE)
        before = beats[0]
        wait_until(lambda: beats[0] > before + 2, DEADLINE_S, "it has counted again", every_s=0.05)
        assert counts[-1] == 1
        watch.loop_stop()
