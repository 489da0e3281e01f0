"""`edged-command` commands a real daemon through a real mosquitto; forged ones come to nothing."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edged import command
from edged.command import main
from edged.health import stream
from edged.words import exit_codes
from mqtt import commands
from storage.ledger import tree
from tests.support import footage
from tests.support.brokers import Broker, Centre, mosquitto
from tests.support.commanding import Desk
from tests.support.configuration import Setup, Watched
from tests.support.daemon import STOP_S, Daemon, shortened
from tests.support.fault_camera import FaultCamera
from tests.support.footage import SMALL
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ROOT: Final = "edged/v1/test-node/up/"
SECRET: Final = "hunter2-of-the-gate"
EVENT_S: Final = 30.0
ALARM_S: Final = 60.0
SOON_DOWN: Final = shortened((stream, "DOWN_AFTER_S", 4.0))
"""A camera is missed after four seconds, and not after ten."""


@dataclass
class Site:
    """A box that records one camera and lacks another, its broker, and a desk that commands it."""

    broker: Broker
    centre: Centre
    edged: Daemon
    desk: Desk
    """Signs by hand; its key is in no file."""
    key: Path
    other: Path
    """Of another desk: one key alone may not command all of this at once."""

    def send(self, verb: str, *arguments: str) -> tuple[int, dict[str, Any]]:
        """What `edged-command` ended with, and the last answer."""
        out = StringIO()
        with contextlib.redirect_stdout(out):
            code = main(
                [
                    *("send", verb, *arguments, "--node", "test-node", "--key", str(self.key), "--json"),
                    *("--broker", f"127.0.0.1:{self.broker.port}", "--wait", "60s"),
                ]
            )
        return code, json.loads(out.getvalue() or "{}")

    def done(self, verb: str, *arguments: str) -> dict[str, Any]:
        code, answer = self.send(verb, *arguments)
        assert (code, answer["state"]) == (exit_codes.OK, "done"), answer
        result: dict[str, Any] = answer["result"]
        return result

    def publish(self, verb: str, payload: bytes, *, retain: bool = False) -> None:
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        client.connect("127.0.0.1", self.broker.port)
        client.loop_start()
        client.publish(commands.command_topic("test-node", verb), payload, 1, retain).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()

    def events(self, requester: str = "") -> list[dict[str, Any]]:
        """Of commands, of one requester or all; `what` is the last word of its type."""
        told = [json.loads(heard.payload) for heard in self.centre.heard if heard.topic == f"{ROOT}event/command"]
        events = [event["data"] | {"what": event["type"].rpartition(".")[2]} for event in told]
        return [event for event in events if requester in ("", event["requester"])]


@pytest.fixture(scope="module")
def whole_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "broker").mkdir()
    key, other = folder / "noc.key", folder / "other.key"
    commanding = Desk(key=command.make_key(key)), Desk("other-noc", key=command.make_key(other))
    desk = Desk("city-desk")
    with (
        mosquitto(folder / "broker") as broker,
        Centre(broker.port) as centre,
        FaultCamera(footage.clip(SMALL)) as camera,
    ):
        absent = Watched("gate", f"rtsp://127.0.0.1:{free_port()}/secret-path", "viewer", SECRET)
        setup = Setup(
            [Watched("lobby", camera.url), absent],
            mqtt_port=broker.port,
            more="".join(one.table() for one in (*commanding, desk)),
            segment="4s",
        )
        with Daemon(folder / "edged", setup, sabotage=SOON_DOWN) as edged:
            yield Site(broker, centre, edged, desk, key, other)


@pytest.fixture
def site(whole_site: Site) -> Site:
    """Records, and is linked."""
    whole_site.edged.wait_for_states("recording", ["lobby"])
    whole_site.edged.wait_for(lambda status: status.broker.connected, EVENT_S, "the link")
    return whole_site


def test_what_the_centre_commands_is_done(site: Site) -> None:
    told = site.done("status")
    assert {camera["id"]: camera["state"] for camera in told["cameras"]}["lobby"] == "recording"

    births = [heard.payload for heard in site.centre.heard if heard.topic == f"{ROOT}birth"]
    assert site.done("rebirth")["messages"] > 4

    def born() -> bool:
        return sum(heard.topic == f"{ROOT}birth" for heard in site.centre.heard) > len(births)

    wait_until(born, EVENT_S, "another birth")
    aside = replace(site, key=site.other)
    _acknowledged(aside)
    _reconnected(aside)
    _pinned(site)
    _proven(site)
    wait_until(lambda: len(site.events()) >= 12, EVENT_S, "each command's events")
    assert {event["what"] for event in site.events()} == {"accepted", "done", "rejected"}
    leaves = site.edged.ctl("ledger").document["ledger"]
    assert any("city-noc as centre: command pin" in leaf["text"] for leaf in leaves)
    assert not any(b"city-noc" in heard.payload for heard in site.centre.heard if "/event/" in heard.topic)


def _acknowledged(site: Site) -> None:
    def raised() -> dict[str, Any] | None:
        document = site.edged.ask("/v1/alarms") or {"alarms": []}
        return next(
            (
                one
                for one in document["alarms"]
                if (one["key"], one["state"]) == ("camera.down:gate", "raised") and one["occurrence"]
            ),
            None,
        )

    wait_until(raised, ALARM_S, "the alarm of the camera that is not there")
    alarms = {alarm["key"]: alarm for alarm in site.done("status")["alarms"]}
    occurrence = alarms["camera.down:gate"]["occurrence"]
    code, answer = site.send("alarm-ack", "key=camera.down:gate", "occurrence=1:1")
    assert (code, answer["reason"]) == (exit_codes.FAILED, "not-possible")
    site.done("alarm-ack", "key=camera.down:gate", f"occurrence={occurrence}")
    seen = raised()
    assert seen is not None
    assert seen["acknowledged"]


def _reconnected(site: Site) -> None:
    worker = site.edged.worker_of("lobby")
    site.done("camera-reconnect", "camera=lobby")
    wait_until(lambda: site.edged.worker_of("lobby") not in (None, worker), EVENT_S, "another worker")
    site.edged.wait_for_states("recording", ["lobby"])
    assert "reload" in {gap.cause for gap in site.edged.gaps("lobby")}
    code, answer = site.send("camera-reconnect", "camera=lobby")
    assert (code, answer["reason"]) == (exit_codes.TRY_LATER, "too-often")
    code, answer = site.send("camera-reconnect", "camera=nowhere")
    assert (code, answer["reason"]) == (exit_codes.FAILED, "not-possible")


def _pinned(site: Site) -> None:
    segment = wait_until(lambda: site.edged.listed("lobby"), EVENT_S, "a segment")[0]
    interval = (f"from={segment.start}", f"to={segment.end}")
    words = ("ground=internal", "case=115-0042", "approver=主任")
    pin = site.done("pin", "do=place", "cameras=lobby", *interval, *words)["pin"]
    (known,) = site.edged.ctl("pin", "list").document["pins"]
    assert (known["id"], known["state"], known["placer"]) == (pin, "provisional", "city-noc")
    until = (datetime.now(UTC) + timedelta(days=60)).isoformat()
    asked = site.done("pin", "do=extend", f"pin={pin}", f"until={until}", "reason=the court asks")
    assert asked["act"].startswith("A-")
    (same,) = site.edged.ctl("pin", "list").document["pins"]
    assert same["span_s"] == known["span_s"]  # it waits for a second person
    code, answer = site.send("pin", "do=place", "cameras=nowhere", *interval, *words)
    assert (code, answer["reason"]) == (exit_codes.FAILED, "not-possible")


def _proven(site: Site) -> None:
    topic = f"{ROOT}ledger/checkpoint"

    def told() -> list[dict[str, Any]]:
        return [json.loads(heard.payload) for heard in site.centre.heard if heard.topic == topic and heard.payload]

    heads = wait_until(told, ALARM_S, "a head of the ledger")
    size = heads[-1]["size"]
    found = site.done("consistency-proof", "first_size=1", f"second_size={size}")
    assert found["second_root"] == heads[-1]["root"]
    roots = [bytes.fromhex(found[name]) for name in ("first_root", "second_root")]
    assert tree.consistent(1, roots[0], size, roots[1], [bytes.fromhex(one) for one in found["path"]])


def test_diagnostics_tell_no_secret(site: Site) -> None:
    told = json.dumps(site.done("diagnostics"), ensure_ascii=False)
    assert "versions" in told
    assert "connected to the broker" in told
    for word in (SECRET, "secret-path", "viewer"):
        assert word not in told, word
    assert len(told.encode()) < 40_000


def test_forged_ones_come_to_nothing(site: Site) -> None:
    site.desk.now_ms = time.time_ns() // 1_000_000
    worker = site.edged.worker_of("lobby")
    stranger = Desk("stranger", now_ms=site.desk.now_ms)
    site.publish("camera-reconnect", stranger.signed("camera-reconnect"))
    site.publish("camera-reconnect", json.dumps(site.desk.content("camera-reconnect")).encode())
    site.publish("camera-reconnect", b"[" * 16_000)
    site.publish("camera-reconnect", b"x" * 60_000)
    site.publish("camera-reconnect", site.desk.signed("camera-reconnect", node="other-node"))
    site.publish("camera-reconnect", site.desk.signed("camera-reconnect", expires_ms=site.desk.now_ms - 1000,
                                                      issued_ms=site.desk.now_ms - 2000))  # fmt: skip
    site.publish("camera-reconnect", site.desk.signed("camera-reconnect", counter=2**40), retain=True)
    site.done("status")  # behind all of them
    assert site.edged.worker_of("lobby") == worker
    wait_until(lambda: len(site.events("desk-1")) >= 2, EVENT_S, "two refusals")
    assert sorted((one["what"], one["reason"]) for one in site.events("desk-1")) == [
        ("rejected", "expired"), ("rejected", "retained"),
    ]  # fmt: skip
    refused = [leaf for leaf in site.edged.ctl("ledger").document["ledger"] if leaf["body"].get("result") == "refused"]
    assert {leaf["body"]["role"] for leaf in refused} == {"none", "centre"}
    site.publish("camera-reconnect", b"", retain=True)  # the broker lets go of it


def test_no_restart_without_systemd(site: Site) -> None:
    code, answer = site.send("restart")
    assert (code, answer["reason"]) == (exit_codes.FAILED, "not-possible")
    assert "systemd" in answer["text"]


def test_a_restart_ends_in_order_and_the_next_run_tells_that_it_is_done(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert site.edged.stop() == exit_codes.OK
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        site.edged._environment["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        site.edged.start()
        site.edged.wait_for(lambda status: status.broker.connected, EVENT_S, "the link")
        site.desk.now_ms = time.time_ns() // 1_000_000
        site.publish("restart", site.desk.signed("restart", requester="desk-2"))
        process = site.edged._process
        assert process is not None
        assert process.wait(EVENT_S + STOP_S) == exit_codes.OK
        site.edged._process = None
        site.edged.start()
    wait_until(lambda: len(site.events("desk-2")) == 2, EVENT_S, "the next run tells")
    assert [event["what"] for event in site.events("desk-2")] == ["accepted", "done"]
    states = [json.loads(heard.payload)["state"] for heard in site.centre.heard if heard.topic == f"{ROOT}reply/desk-2"]
    assert states == ["accepted", "done"]
    site.edged.wait_for_states("recording", ["lobby"])


def test_it_says_what_is_wrong(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stranger = tmp_path / "stranger.key"
    command.make_key(stranger)
    to = ["--node", "test-node", "--broker", f"127.0.0.1:{site.broker.port}"]
    assert main(["send", "status", *to, "--key", str(stranger), "--wait", "2s"]) == exit_codes.UNREACHABLE
    assert "did not answer" in capsys.readouterr().err
    nobody = ["--node", "nobody", "--broker", f"127.0.0.1:{site.broker.port}"]
    assert main(["send", "status", *nobody, "--key", str(site.key), "--wait", "2s"]) == exit_codes.UNREACHABLE
    late = ["--box-time", "2020-01-01T00:00:00Z"]
    assert main(["send", "status", *to, "--key", str(site.key), *late]) == exit_codes.FAILED
    assert "the clock of the box says 20" in capsys.readouterr().out
