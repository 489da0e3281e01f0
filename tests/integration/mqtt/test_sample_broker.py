"""docs/mosquitto as it stands: its commands make an authority and certificates, its files run a mosquitto that keeps
boxes apart, lets in nobody else, and shows viewers everything and lets them do nothing.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from mqtt import tls
from mqtt.tls import Files
from tests.support import devtools
from tests.support.brokers import DEADLINE_S, MOSQUITTO, MOSQUITTO_PASSWD, Broker
from tests.support.linked import NODE, Box, running, until
from tests.support.ports import free_port

DOCS: Final = Path(__file__).parents[3] / "docs" / "mosquitto"
BLOCKS: Final = re.findall(r"```sh\n(.*?)```", (DOCS / "README.md").read_text("utf-8"), re.DOTALL)
AUTHORITY, BROKER, REQUEST, SIGN, REVOKE = BLOCKS
BOX, OTHER, GONE = NODE, "wenshan-annex", "beitou-main"
LISTENER, COMMAND = "centre-listener", "centre-command"
PASSWORD: Final = "show me"
FLEET: Final = Path(__file__).parents[3] / "fleet"
NGINX: Final = """
daemon off; master_process off; user root; pid {directory}/nginx.pid; error_log {directory}/nginx.log;
events {{}}
http {{
include /etc/nginx/mime.types; access_log off; client_body_temp_path {directory}/body;
proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
{site}
}}
"""
"""What Debian has around such a file."""
REFUSED: Final = 135
"""MQTT 5: not authorised."""


def here(name: str, *replaced: tuple[str, str]) -> str:
    """A file of the documents, with what must be different in a test."""
    text = (DOCS / name).read_text("utf-8")
    for documented, different in replaced:
        assert documented in text
        text = text.replace(documented, different)
    return text


class Place:
    """An authority's directory, and a broker and a web server that are set up from it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port, self.web_port, self.inner_port = free_port(), free_port(), free_port()
        for name in ("ca.cnf", "acl", "acl.viewers"):
            text = (DOCS / name).read_text("utf-8").replace("mqtt.centre.example", "localhost")
            (directory / name).write_text(text, "utf-8")
        command = [MOSQUITTO_PASSWD, "-b", "-c", str(directory / "passwords"), "viewer", PASSWORD]
        subprocess.run(command, check=True, capture_output=True)
        text = here(
            "mosquitto.conf",
            ("/etc/mosquitto/edged", str(directory)),
            ("/var/lib/mosquitto/", f"{directory}/"),
            ("listener 8883", f"listener {self.port} 127.0.0.1"),
            ("listener 8080", f"listener {self.inner_port}"),
        )
        site = here(
            "nginx.conf",
            ("/etc/mosquitto/edged", str(directory)),
            ("/usr/share/edged/fleet", str(FLEET)),
            ("listen 8443", f"listen 127.0.0.1:{self.web_port}"),
            ("mqtt.centre.example", "localhost"),
            ("127.0.0.1:8080", f"127.0.0.1:{self.inner_port}"),
        )
        (directory / "nginx.conf").write_text(NGINX.format(directory=directory, site=site), "utf-8")
        user = "user root\n" if os.geteuid() == 0 else ""
        (directory / "mosquitto.conf").write_text(user + text, "utf-8")
        self.broker = Broker(
            [MOSQUITTO, "-c", str(directory / "mosquitto.conf")], self.port, directory / "mosquitto.log"
        )
        self.web = Broker(["nginx", "-c", str(directory / "nginx.conf")], self.web_port, directory / "nginx.log")

    def run(self, block: str, box: str = BOX) -> None:
        """One block of the page."""
        script = block.replace(f"BOX={BOX}", f"BOX={box}")
        done = subprocess.run(["bash", "-e"], input=script, cwd=self.directory, capture_output=True, text=True)  # noqa: PLW1510
        assert done.returncode == 0, done.stderr

    def made(self, box: str) -> str:
        self.run(REQUEST, box)
        self.run(SIGN, box)
        return box

    def context(self, box: str | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.directory / "ca.crt"))
        if box is not None:
            context.load_cert_chain(self.directory / "boxes" / f"{box}.crt", self.directory / f"{box}.key")
        return context


class User:
    """Somebody at the broker; `heard` is what came, `answers` what became of what was published."""

    def __init__(self, client: paho.Client, port: int) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.answers: dict[int, int] = {}
        self.connected: ReasonCode | None = None
        self.lost = False
        self._changed = threading.Condition()
        self._client = client
        self._port = port
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        self._subscribed = 0

    def __enter__(self) -> Self:
        self._client.connect("localhost", self._port)
        self._client.loop_start()
        self.until(lambda: self.connected is not None or self.lost, "an answer of the broker")
        return self

    def __exit__(self, *_exc: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._client.on_connect = self._client.on_disconnect = self._client.on_message = None
        self._client.on_publish = self._client.on_subscribe = None

    def until(self, true: Callable[[], bool], what: str) -> None:
        with self._changed:
            assert self._changed.wait_for(true, DEADLINE_S), f"{what} did not come"

    def say(self, topic: str, payload: str = "x", *, retain: bool = False) -> int:
        """The broker's answer: 0 or 16, or why not."""
        mid = self._client.publish(topic, payload, qos=1, retain=retain).mid
        self.until(lambda: mid in self.answers, f"an answer to {topic}")
        return self.answers[mid]

    def listen(self, topic: str) -> None:
        before = self._subscribed
        self._client.subscribe(topic, qos=1)
        self.until(lambda: self._subscribed > before, "an answer to a subscription")

    def hears(self, topic: str) -> None:
        self.until(lambda: any(heard == topic for heard, _ in self.heard), topic)

    def _on_connect(self, _c: Any, _u: Any, _f: Any, code: ReasonCode, _p: Properties | None) -> None:
        with self._changed:
            self.connected = code
            self._changed.notify_all()

    def _on_disconnect(self, *_: Any) -> None:
        with self._changed:
            self.lost = True
            self._changed.notify_all()

    def _on_message(self, _c: Any, _u: Any, arrived: paho.MQTTMessage) -> None:
        with self._changed:
            self.heard.append((arrived.topic, bytes(arrived.payload)))
            self._changed.notify_all()

    def _on_publish(self, _c: Any, _u: Any, mid: int, code: ReasonCode, _p: Properties) -> None:
        with self._changed:
            self.answers[mid] = code.value
            self._changed.notify_all()

    def _on_subscribe(self, *_: Any) -> None:
        with self._changed:
            self._subscribed += 1
            self._changed.notify_all()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("mosquitto"))
    made.run(AUTHORITY)
    made.run(BROKER)
    for box in (BOX, OTHER, GONE, LISTENER, COMMAND):
        made.made(box)
    made.run(REVOKE, GONE)
    made.broker.start()
    made.web.start()
    yield made
    made.web.stop()
    made.broker.stop()


def client(client_id: str, context: ssl.SSLContext, transport: Any = "tcp") -> paho.Client:
    made = paho.Client(
        CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5, transport=transport, reconnect_on_failure=False
    )
    made.tls_set_context(context)
    return made


def user(place: Place, name: str, client_id: str | None = None) -> User:
    return User(client(client_id or name, place.context(name)), place.port)


def viewer(place: Place, password: str | None = PASSWORD, name: str = "viewer") -> User:
    browser = client("", place.context(None), "websockets")
    if password is not None:
        browser.username_pw_set(name, password)
    return User(browser, place.web_port)


async def test_edged_itself_is_at_home_there(place: Place) -> None:
    """Its session, its will, what it reads back and what it says at each connection: nothing of it is refused."""
    at = place.directory
    files = Files(str(at / "ca.crt"), str(at / "boxes" / f"{BOX}.crt"), str(at / f"{BOX}.key"))
    assert tls.inspect(files, BOX, "", time.time_ns() // 1_000_000) == ()
    box = Box(place.port, host="localhost", tls=tls.Keyring(files, NODE, "", lambda: time.time_ns() // 1_000_000))
    async with running(box):
        await until(lambda: box.link.view.connected and box.link.waiting == 0, "the greeting's arrival")
        assert (box.link.view.protocol, box.link.view.reason) == ("5", "")


def test_a_box_writes_under_its_own_name_alone_and_the_centre_hears_it(place: Place) -> None:
    with user(place, LISTENER) as centre, user(place, BOX) as box:
        centre.listen("edged/v1/+/up/#")
        assert box.say(f"edged/v1/{BOX}/up/status", retain=True) == 0
        assert box.say(f"edged/v1/{BOX}/up/event/alarm") == 0
        centre.hears(f"edged/v1/{BOX}/up/event/alarm")
        for topic in (
            f"edged/v1/{OTHER}/up/status",
            f"edged/v1/{OTHER}/up/ledger/checkpoint",
            f"edged/v1/{BOX}/dn/cmd/restart",
            f"edged/v1/{OTHER}/dn/cmd/restart",
            f"edged/v1/{BOX}",
            "edged/v1/status",
            "edged/v2/wenshan-main/up/status",
            "status",
            "$SYS/x",
        ):
            assert box.say(topic) == REFUSED, topic
        assert box.say(f"edged/v1/{BOX}/up/end") == 0
        centre.hears(f"edged/v1/{BOX}/up/end")
        assert {topic.split("/")[2] for topic, _ in centre.heard} == {BOX}


def test_a_box_reads_its_own_back_and_hears_its_own_orders_and_nothing_else(place: Place) -> None:
    with user(place, COMMAND) as centre, user(place, BOX) as box, user(place, OTHER) as other:
        for one in (box, other):
            one.listen("#")
            one.listen("edged/v1/+/up/#")
            one.listen("edged/v1/+/dn/#")
        assert box.say(f"edged/v1/{BOX}/up/reply/desk", "box") == 0
        assert centre.say(f"edged/v1/{BOX}/dn/cmd/rebirth") == 0
        assert centre.say(f"edged/v1/{OTHER}/dn/cmd/status") == 0
        for one, order in ((box, f"edged/v1/{BOX}/dn/cmd/rebirth"), (other, f"edged/v1/{OTHER}/dn/cmd/status")):
            one.hears(order)
        box.hears(f"edged/v1/{BOX}/up/reply/desk")
        assert {topic.split("/")[2] for topic, _ in box.heard} == {BOX}
        assert {topic.split("/")[2] for topic, _ in other.heard} == {OTHER}


def test_who_listens_at_the_centre_sends_nothing_and_who_commands_writes_no_history(place: Place) -> None:
    with user(place, LISTENER) as listener, user(place, COMMAND) as command:
        assert listener.say(f"edged/v1/{BOX}/dn/cmd/restart") == REFUSED
        for one in (listener, command):
            assert one.say(f"edged/v1/{BOX}/up/status") == REFUSED
        assert command.say(f"edged/v1/{BOX}/dn/other/restart") == REFUSED


def test_nobody_throws_another_box_out_by_taking_its_client_id(place: Place) -> None:
    with user(place, BOX) as box, user(place, OTHER, client_id=BOX) as thief:
        assert thief.connected is not None
        assert thief.connected.value == 0
        assert thief.say(f"edged/v1/{BOX}/up/status") == REFUSED
        assert box.say(f"edged/v1/{BOX}/up/event/alarm") in (0, 16)
        assert not box.lost


def refusal(place: Place, context: ssl.SSLContext) -> str | None:
    """How the broker ended it; None where it let in. TLS 1.3 refuses when the client takes the handshake for over."""
    hello = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04box1"
    try:
        with (
            socket.create_connection(("localhost", place.port), DEADLINE_S) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as sock,
        ):
            sock.sendall(hello)
            return None if sock.recv(4) == b"\x20\x02\x00\x00" else "closed"
    except ssl.SSLError as error:
        return error.reason or "ended"
    except OSError as error:
        return str(error)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_without_a_certificate_or_with_another_authoritys_or_a_revoked_one_nobody_gets_in(
    place: Place, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    elsewhere = Place(foreign)
    elsewhere.run(AUTHORITY)
    elsewhere.made(BOX)
    stranger = place.context(None)
    stranger.load_cert_chain(foreign / "boxes" / f"{BOX}.crt", foreign / f"{BOX}.key")
    good, none, revoked = place.context(BOX), place.context(None), place.context(GONE)
    for context in (good, none, stranger, revoked):
        context.minimum_version = context.maximum_version = version
    assert refusal(place, good) is None
    assert refusal(place, none)
    assert refusal(place, stranger)
    assert refusal(place, revoked)


def test_the_revoked_one_was_good_until_then(place: Place, tmp_path: Path) -> None:
    """The negative control: without the list it gets in."""
    text = (place.directory / "mosquitto.conf").read_text("utf-8")
    port = free_port()
    text = re.sub(r"^crlfile .*\n", "", text, flags=re.MULTILINE).replace(f"listener {place.port}", f"listener {port}")
    text = text.replace(f"listener {place.inner_port}", f"listener {free_port()}").replace("persistence true", "")
    (tmp_path / "mosquitto.conf").write_text(text, "utf-8")
    broker = Broker([MOSQUITTO, "-c", str(tmp_path / "mosquitto.conf")], port, tmp_path / "log")
    broker.start()
    try:
        with User(client(GONE, place.context(GONE)), port) as gone:
            assert gone.connected is not None
            assert gone.connected.value == 0
    finally:
        broker.stop()


def test_tls_older_than_1_2_is_not_spoken(place: Place) -> None:
    old = place.context(BOX)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    assert refusal(place, old) == "TLSV1_ALERT_PROTOCOL_VERSION"


def test_a_viewer_reads_everything_that_boxes_say_and_writes_nothing(place: Place) -> None:
    with viewer(place) as browser, user(place, BOX) as box, user(place, COMMAND) as command:
        browser.listen("edged/v1/#")
        browser.listen("#")
        assert command.say(f"edged/v1/{BOX}/dn/cmd/rebirth") in (0, 16)
        assert box.say(f"edged/v1/{BOX}/up/event/gap") == 0
        browser.hears(f"edged/v1/{BOX}/up/event/gap")
        for topic in (f"edged/v1/{BOX}/up/status", f"edged/v1/{BOX}/dn/cmd/restart", "edged/v1/viewer/up/status"):
            assert browser.say(topic) == REFUSED
        assert not [topic for topic, _ in browser.heard if "/up/" not in topic]


@pytest.mark.parametrize(("name", "password"), [("viewer", "wrong"), ("viewer", None), (BOX, PASSWORD)])
def test_a_viewer_without_the_password_gets_no_further_than_the_page(
    place: Place, name: str, password: str | None
) -> None:
    with viewer(place, password, name) as browser:
        assert browser.connected is None or browser.connected.is_failure
    address = f"https://localhost:{place.web_port}/index.html"
    with urllib.request.urlopen(address, context=place.context(None), timeout=DEADLINE_S) as page:
        assert page.read() == (FLEET / "index.html").read_bytes()


async def test_a_browser_reads_the_fleet_page_over_tls(place: Place) -> None:
    """Which mosquitto 2.0.11 cannot do by itself: it offers HTTP/2."""
    login = f"""
    document.getElementById("user").value = "viewer";
    document.getElementById("password").value = "{PASSWORD}";
    document.getElementById("login").requestSubmit();"""
    status = '{"state": "online", "boot": "b", "ts": 1, "epoch": 1, "seq": 1}'
    with user(place, BOX) as box:
        assert box.say(f"edged/v1/{BOX}/up/status", status, retain=True) in (0, 16)
    async with devtools.opened(f"https://localhost:{place.web_port}/", "--ignore-certificate-errors") as page:

        async def shows(script: str) -> None:
            async with asyncio.timeout(DEADLINE_S):
                while not await page.run(f"return {script};"):
                    pass

        await shows("!document.getElementById('login').hidden")
        await page.run(login)
        await shows(f"document.querySelector('#boxes tbody')?.textContent.includes('{BOX}')")


def test_a_clerk_decides_the_name_and_not_the_request(place: Place) -> None:
    place.run(REQUEST, "sneaky")
    (place.directory / "sneaky.csr").replace(place.directory / "honest.csr")
    place.run(SIGN, "honest")
    told = subprocess.run(
        ["openssl", "x509", "-noout", "-subject", "-in", place.directory / "boxes" / "honest.crt"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "honest" in told.stdout
    assert "sneaky" not in told.stdout
