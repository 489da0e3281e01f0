"""The report to the centre, seen by a real mosquitto: all topics soon, a will, and recording without a broker."""

from __future__ import annotations

import json
import time
from pathlib import Path

from edged.health import stream
from tests.support import footage
from tests.support.brokers import Centre, mosquitto
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon, shortened
from tests.support.fault_camera import FaultCamera
from tests.support.footage import SMALL
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ROOT = "edged/v1/test-node/up/"
TOPICS_S = 30.0
ALARM_S = 40.0
"""Seconds without a frame, after however long a start takes."""
SOON_DOWN = shortened((stream, "DOWN_AFTER_S", 4.0))
"""Four, and not ten."""


def topics(centre: Centre) -> dict[str, bytes]:
    """Newest payload of each topic."""
    return {heard.topic.removeprefix(ROOT): heard.payload for heard in centre.heard}


def complete(centre: Centre) -> bool:
    seen = topics(centre)
    fixed = {"status", "birth", "heartbeat", "cam/lobby/health", "cam/lobby/retention"}
    return fixed <= seen.keys() and any(topic.startswith("storage/") for topic in seen)


def test_every_topic_an_alarm_and_the_will(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    with (
        mosquitto(tmp_path / "broker") as broker,
        Centre(broker.port) as centre,
        FaultCamera(footage.clip(SMALL)) as camera,
        Daemon(
            tmp_path / "edged",
            Setup(
                [Watched("lobby", camera.url), Watched("gate", f"rtsp://127.0.0.1:{free_port()}/stream")],
                mqtt_port=broker.port,
            ),
            sabotage=SOON_DOWN,
        ) as edged,
    ):
        wait_until(lambda: complete(centre), TOPICS_S, "every topic of the first part")
        assert json.loads(topics(centre)["status"])["state"] == "online"
        edged.wait_for_states("recording", ["lobby"])

        def told() -> bool:
            return bool(json.loads(topics(centre)["cam/lobby/health"]).get("state") == "recording")

        wait_until(told, TOPICS_S, "the camera is told to record")
        online_ms = json.loads(topics(centre)["status"])["ts"]
        assert abs(online_ms - time.time() * 1000) < 60_000
        alarmed(centre)
        edged.sigkill()
        wait_until(lambda: json.loads(topics(centre)["status"])["state"] == "offline", TOPICS_S, "the will")
        edged.start()
        wait_until(lambda: json.loads(topics(centre)["status"])["state"] == "online", TOPICS_S, "back again")
        assert edged.stop() == 0
        wait_until(lambda: json.loads(topics(centre)["status"])["state"] in {"stopping", "offline"}, 5, "a farewell")


def alarmed(centre: Centre) -> None:
    """The camera that is not there is told as state and as event, with one occurrence."""
    wait_until(lambda: "alarm/camera.down:gate" in topics(centre), ALARM_S, "the alarm under its topic")
    shown = json.loads(topics(centre)["alarm/camera.down:gate"])
    assert (shown["state"], shown["severity"], shown["count"]) == ("raised", "critical", 1)

    def raised() -> list[str]:
        told = [json.loads(heard.payload) for heard in centre.heard if heard.topic == f"{ROOT}event/alarm"]
        return [one["id"] for one in told if (one["type"], one["subject"]) == ("edged.alarm.raised", shown["key"])]

    wait_until(raised, ALARM_S, "the alarm as an event")
    assert set(raised()) == {f"test-node:{shown['occurrence']}"}


def test_it_records_without_a_broker_and_finds_it_later(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    with mosquitto(tmp_path / "broker") as broker, FaultCamera(footage.clip(SMALL)) as camera:
        broker.stop()
        setup = Setup([Watched("lobby", camera.url)], mqtt_port=broker.port, segment="4s")
        with Daemon(tmp_path / "edged", setup) as edged:
            status = edged.wait_for_states("recording", ["lobby"])
            assert status.broker.configured
            assert not status.broker.connected
            assert status.broker.reason != ""
            edged.until(lambda: edged.listed("lobby"), 15, "segments without a broker")
            broker.start()
            with Centre(broker.port) as centre:
                wait_until(lambda: complete(centre), 30, "it reports once the broker is there")
                edged.wait_for(lambda status: status.broker.connected, 5, "the status says so")
                broker.stop()
            edged.wait_for(lambda status: not status.broker.connected, 30, "the broker is gone")
            before = len(edged.listed("lobby"))
            edged.until(lambda: len(edged.listed("lobby")) > before, 15, "recording goes on")
            assert edged.stop() == 0
