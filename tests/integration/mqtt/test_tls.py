"""The link over TLS against real mosquitto: it verifies, is let in, changes certificates while it runs, and says of
each failure what it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from mqtt import client, connection, tls
from mqtt.contract.messages import Publication, camera_health_topic
from mqtt.tls import Files, lifetime
from tests.support.authority import DAY, SERVER, Authority, Signed, broker_lines, write
from tests.support.brokers import DEADLINE_S, Broker, Centre, Heard, mosquitto
from tests.support.linked import BIRTH, NODE, STATUS, Box, running, until
from tests.support.ports import free_port
from tests.support.waiting import wait_until
from tests.support.wallclock import WallClock

CA: Final = Authority()
FOREIGN: Final = Authority("somebody else")
BOX: Final = CA.sign(NODE)
BROKER: Final = CA.server()


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def keyring(files: Files, username: str = "") -> tls.Keyring:
    return tls.Keyring(files, NODE, username, wall_ms)


@pytest.fixture
def plain_port() -> int:
    """Where the centre listens in plain text."""
    return free_port()


@pytest.fixture
def broker(tmp_path: Path, plain_port: int) -> Iterator[Broker]:
    lines = broker_lines(tmp_path, CA, BROKER, "use_identity_as_username true", f"listener {plain_port} 127.0.0.1")
    with mosquitto(tmp_path, *lines) as made:
        wait_until(lambda: is_open(plain_port), DEADLINE_S, "the listener of the centre")
        yield made


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def is_status(state: str) -> Callable[[Heard], bool]:
    return lambda said: said.topic == STATUS and bool(said.payload) and json.loads(said.payload)["state"] == state


async def test_all_is_said_over_tls_and_nothing_waits_for_a_tick(
    broker: Broker, plain_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several packets come in one TLS record; only the first of them wakes the loop."""
    monkeypatch.setattr(connection, "TICK_S", 3600.0)
    monkeypatch.setattr(client, "TICK_S", 3600.0)
    ring = keyring(write(tmp_path, CA, BOX))
    box = Box(broker.port, host="localhost", tls=ring)
    box.snapshot = [Publication(camera_health_topic(NODE, f"c{n}"), b"{}", 1, True) for n in range(130)]
    async with running(box):
        await until(lambda: box.link.view.connected and box.link.waiting == 0, "the greeting's arrival")
        with Centre(plain_port) as centre:
            await asyncio.to_thread(centre.wait_for, lambda said: said.topic == BIRTH, "the birth")
        assert ring.view.broker == lifetime(BROKER.certificate)
        assert ring.view.box == lifetime(BOX.certificate, str(tmp_path / "box.crt"))


async def test_a_new_certificate_is_shown_without_a_restart_and_nobody_takes_the_box_for_gone(
    broker: Broker, plain_port: int, tmp_path: Path
) -> None:
    first, second = CA.sign("first"), CA.sign("second")
    ring = keyring(write(tmp_path, CA, first), username="any")
    box = Box(broker.port, tls=ring, username="any")
    with Centre(plain_port) as centre:
        async with running(box):
            await until(lambda: box.link.view.connected and box.link.waiting == 0, "the first connection")
            write(tmp_path, CA, second)
            await asyncio.to_thread(ring.poll)
            await until(lambda: box.greetings == 2 and box.link.waiting == 0, "the second connection")
            assert box.link.view.connected
        last = "the farewell"
        await asyncio.to_thread(
            centre.wait_for, lambda said: said.topic == STATUS and b"stopping" in said.payload, last
        )
        states = [json.loads(said.payload)["state"] for said in centre.heard if said.topic == STATUS]
        assert states == ["online", "online", "stopping"]
    log = (tmp_path / "mosquitto.log").read_text()
    assert log.index("u'first'") < log.index("u'second'")


@pytest.mark.parametrize("bad", ["foreign key", "no key", "nonsense", "over", "of another", "strangers"])
async def test_what_is_broken_is_told_and_the_connection_goes_on(
    broker: Broker, plain_port: int, tmp_path: Path, bad: str
) -> None:
    ring = keyring(write(tmp_path, CA, BOX))
    box = Box(broker.port, tls=ring)
    async with running(box):
        await until(lambda: box.link.view.connected and box.link.waiting == 0, "the connection")
        match bad:
            case "foreign key":
                (tmp_path / "box.key").write_bytes(CA.sign(NODE).key_pem)
            case "no key":
                (tmp_path / "box.key").unlink()
            case "nonsense":
                (tmp_path / "ca.crt").write_bytes(b"nonsense")
            case "over":
                write(tmp_path, CA, CA.sign(NODE, ends=-DAY / 2))
            case "of another":
                write(tmp_path, CA, CA.sign("another"))
            case "strangers":
                (tmp_path / "ca.crt").write_bytes(Authority("strangers").pem)
        await asyncio.to_thread(ring.poll)
        assert (len(ring.view.faults), ring.view.kept) == (1, True)
        with Centre(plain_port) as centre:
            box.link.publish(box.heartbeat())
            await asyncio.to_thread(centre.wait_for, lambda said: "heartbeat" in said.topic, "a heartbeat")
        assert (box.greetings, box.link.view.connected) == (1, True)


async def test_after_an_outage_the_old_ones_still_open(broker: Broker, tmp_path: Path) -> None:
    ring = keyring(write(tmp_path, CA, BOX))
    box = Box(broker.port, tls=ring)
    async with running(box):
        await until(lambda: box.link.view.connected, "the connection")
        (tmp_path / "box.key").unlink()
        broker.stop()
        await until(lambda: not box.link.view.connected, "the end of the connection")
        broker.start()
        await until(lambda: box.link.view.connected, "the second connection")
        assert ring.view.kept


async def test_files_that_come_late_are_found_by_the_next_attempt(broker: Broker, tmp_path: Path) -> None:
    """A box that was started before its certificate was there."""
    files = Files(*(str(tmp_path / name) for name in ("ca.crt", "box.crt", "box.key")))
    box = Box(broker.port, tls=keyring(files))
    async with running(box):
        await until(lambda: f"there is no file {tmp_path}/ca.crt" in box.link.view.reason, "the reason")
        assert "docs/mosquitto" in box.link.view.check
        write(tmp_path, CA, BOX)
        await until(lambda: box.link.view.connected, "the connection")


async def told(box: Box, words: str, check: str) -> None:
    async with running(box):
        await until(lambda: words in box.link.view.reason, f"“{words}” (came: {box.link.view.reason})")
        assert check in box.link.view.check
        assert not box.link.view.connected


@pytest.mark.parametrize(
    ("server", "words", "check"),
    [
        (FOREIGN.server(), "is not signed by an authority in [mqtt] ca_file", "nobody stands between"),
        (CA.server("elsewhere.example"), "certificate is another's (", "[mqtt] host: write a name or address"),
        (CA.server(ends=-DAY / 2), "the broker's certificate has expired", "the clock of this box"),
        (CA.server(begins=DAY), "begins only in the time to come", "the clock of this box"),
        (CA.sign("broker", hosts=("127.0.0.1",)), "is not made for a server", "serverAuth"),
    ],
    ids=["stranger", "other name", "over", "to come", "not a server"],
)
async def test_a_broker_that_is_not_the_one_is_told_nothing(
    tmp_path: Path, server: Signed, words: str, check: str
) -> None:
    ring = keyring(write(tmp_path, CA, BOX))
    with mosquitto(tmp_path, *broker_lines(tmp_path, CA, server)) as broker:
        await told(Box(broker.port, tls=ring), words, check)
        assert ring.view.broker is None
    assert "wenshan" not in (tmp_path / "mosquitto.log").read_text()


async def test_another_name_of_the_same_broker_is_another_name(tmp_path: Path) -> None:
    with mosquitto(tmp_path, *broker_lines(tmp_path, CA, CA.server("127.0.0.1"))) as broker:
        box = Box(broker.port, host="localhost", tls=keyring(write(tmp_path, CA, BOX)))
        await told(box, "Hostname mismatch", "subjectAltName")


@pytest.mark.parametrize("newest", ["tlsv1.3", "tlsv1.2"])
@pytest.mark.parametrize(
    ("own", "words"),
    [
        (None, "the broker wants a certificate of this box|broke off the TLS handshake"),
        (FOREIGN.sign(NODE), "does not know who signed this box's certificate"),
        (CA.sign(NODE, ends=-DAY / 2), "says that this box's certificate has expired"),
        (CA.sign(NODE, use=SERVER), "this box's certificate is not for this|does not take this box's certificate"),
    ],
    ids=["none", "stranger", "over", "not a client"],
)
async def test_a_box_that_the_broker_refuses_is_told_why(
    tmp_path: Path, own: Signed | None, words: str, newest: str
) -> None:
    """mosquitto cannot be told which version is the newest that it may speak: the box is."""
    ring = keyring(write(tmp_path, CA, own))
    if newest == "tlsv1.2":
        ring.context().maximum_version = ssl.TLSVersion.TLSv1_2
    with mosquitto(tmp_path, *broker_lines(tmp_path, CA, BROKER)) as broker:
        box = Box(broker.port, tls=ring)
        async with running(box):
            seen = box.link
            await until(lambda: any(word in seen.view.reason for word in words.split("|")), "the reason")
            assert not seen.view.connected
            assert "[mqtt] certificate" in seen.view.check


async def test_a_revoked_box_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "crl.pem").write_bytes(CA.revoked(BOX))
    lines = broker_lines(tmp_path, CA, BROKER, f"crlfile {tmp_path}/crl.pem")
    with mosquitto(tmp_path, *lines) as broker:
        await told(
            Box(broker.port, tls=keyring(write(tmp_path, CA, BOX))), "this box's certificate was revoked", "the centre"
        )
        write(tmp_path, CA, CA.sign(NODE))
        box = Box(broker.port, tls=keyring(write(tmp_path, CA, CA.sign(NODE))))
        async with running(box):
            await until(lambda: box.link.view.connected, "the connection of one that is not revoked")


async def test_tls_at_a_port_without_it(tmp_path: Path) -> None:
    ring = keyring(write(tmp_path, CA, BOX))
    with mosquitto(tmp_path) as broker:
        await told(Box(broker.port, tls=ring), "the connection was closed during the TLS handshake", "8883 is usual")


async def test_plain_text_at_a_port_with_tls(broker: Broker) -> None:
    await told(Box(broker.port), "the connection was closed without an answer", "not its TLS or web port")


@contextlib.contextmanager
def answering(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """A server that is no broker; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer, contextlib.suppress(OSError):
                    peer.settimeout(10)
                    answer(peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


async def test_something_else_at_that_port(tmp_path: Path) -> None:
    def http(peer: socket.socket) -> None:
        peer.recv(4096)
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    ring = keyring(write(tmp_path, CA, BOX))
    with answering(http) as port:
        await told(Box(port, tls=ring), "something that is not TLS", "8883 is usual")


async def test_nothing_at_all_from_that_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT_S", 0.2)

    def silent(peer: socket.socket) -> None:
        while peer.recv(4096):
            pass

    with answering(silent) as port:
        await told(Box(port, tls=keyring(write(tmp_path, CA, BOX))), "nothing within 0.2 s", "firewall")


async def test_tls_older_than_1_2_is_refused(tmp_path: Path) -> None:
    write(tmp_path, CA, BOX)
    broker_lines(tmp_path, CA, BROKER)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.load_cert_chain(tmp_path / "broker.crt", tmp_path / "broker.key")
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1

    def handshake(peer: socket.socket) -> None:
        old.wrap_socket(peer, server_side=True).close()

    with answering(handshake) as port:
        await told(Box(port, tls=keyring(write(tmp_path, CA, BOX))), "no version of TLS that both know", "TLS 1.2")


UNSET: Final = """
import asyncio, sys, time
from mqtt.tls import Files
from mqtt.tls import Keyring
from tests.support.linked import NODE, Box, running, until

async def main():
    ring = Keyring(Files(*sys.argv[2:]), NODE, "", lambda: time.time_ns() // 1_000_000)
    box = Box(int(sys.argv[1]), tls=ring)
    async with running(box):
        await until(lambda: "Came back" in box.link.view.reason, "a reason")
        print(box.link.view.reason, box.link.view.check, flush=True)
        await until(lambda: box.link.view.connected, "the connection")
        print("connected", flush=True)

asyncio.run(main())
"""


def test_a_box_whose_clock_was_never_set_gets_in_once_it_is(tmp_path: Path) -> None:
    """Years early every certificate is still to come: nobody is trusted until the clock is set, and then at once."""
    files = write(tmp_path, CA, BOX)
    with (
        mosquitto(tmp_path, *broker_lines(tmp_path, CA, BROKER)) as broker,
        WallClock(tmp_path / "clock") as clock,
    ):
        clock.set(365 * 86_400)
        command = [sys.executable, "-c", UNSET, str(broker.port), files.ca_file, files.certificate, files.key_file]
        environment = {**os.environ, **clock.environment}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as box:
            assert box.stdout is not None
            first = box.stdout.readline()
            assert "the broker's certificate begins only in the time to come" in first
            assert "the clock of this box" in first
            clock.put(0)
            assert box.stdout.readline() == "connected\n"
            assert box.wait(30) == 0
