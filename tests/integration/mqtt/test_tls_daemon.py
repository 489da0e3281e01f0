"""Certificates and the daemon: what is wrong with them is told and refused, stops no recording, and heals by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edged.alarms import conditions, tracking
from edged.documents import site as documents
from edged.documents.site import Status
from mqtt import connection, tls
from tests.support import footage
from tests.support.authority import DAY, Authority, broker_lines, write
from tests.support.brokers import mosquitto
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon, shortened
from tests.support.fault_camera import FaultCamera
from tests.support.footage import SMALL
from tests.support.wallclock import WallClock

CA: Final = Authority()
NODE: Final = "test-node"
OPENED: Final = f"as {NODE} "
"""In mosquitto's log, once for each connection of ours."""
RETRY_S: Final = 45.0
SOON: Final = shortened(
    (tls, "LOOK_EVERY_S", 1.0),
    (connection, "LAST_LIMIT_S", 2.0),
    (conditions, "CLOCK_PATIENCE_S", 2.0),
    (tracking, "CLEAR_AFTER_S", 2.0),
)
"""Files are looked at each second, the broker is tried every other."""


def setup(camera: str, port: int, places: Path, more: str = "") -> Setup:
    names = "".join(f'{key} = "{places / name}"\n' for key, name in KEYS.items())
    return Setup([Watched("lobby", camera)], more=f'[mqtt]\nhost = "localhost"\nport = {port}\n{names}{more}')


KEYS: Final = {"ca_file": "ca.crt", "certificate": "box.crt", "key_file": "box.key"}


def alarm(status: Status | None, key: str) -> documents.Alarm | None:
    found = [one for one in status.alarms if one.key == key and one.state == "raised"] if status is not None else []
    return found[0] if found else None


def test_a_box_without_its_certificate_records_and_gets_in_once_it_is_there(tmp_path: Path) -> None:
    """Then with one of six days, with a new one, with one that is over: not taken by a reload, and no start fails."""
    places, at = tmp_path / "mqtt", tmp_path / "broker"
    places.mkdir()
    at.mkdir()
    with (
        mosquitto(at, *broker_lines(at, CA, CA.server())) as broker,
        FaultCamera(footage.clip(SMALL)) as camera,
        Daemon(tmp_path / "edged", setup(camera.url, broker.port, places), sabotage=SOON) as edged,
    ):
        edged.wait_for_states("recording", ["lobby"])
        seen = edged.wait_for(lambda status: alarm(status, "mqtt.certificate:files"), 15, "an alarm")
        told = alarm(seen, "mqtt.certificate:files")
        assert told is not None
        assert (told.severity, "Recording goes on" in told.text) == ("critical", True)
        assert f"[mqtt] ca_file: there is no file {places}/ca.crt. Put it there" in edged.log
        for command in (("config", "check", str(edged.config)), ("reload",)):
            refused = edged.ctl(*command)
            assert refused.code == 78
            assert all(f"there is no file {places}/{name}" in refused.stdout + refused.stderr for name in KEYS.values())
        write(places, CA, CA.sign(NODE, ends=6 * DAY))
        assert edged.ctl("config", "check", str(edged.config)).code == 0
        edged.wait_for(lambda status: status.broker.connected, RETRY_S, "a connection")
        seen = edged.wait_for(lambda status: alarm(status, "mqtt.certificate:box"), 15, "six days are told")
        ending = alarm(seen, "mqtt.certificate:box")
        assert ending is not None
        assert ending.severity == "critical"
        edged.wait_for(lambda status: not alarm(status, "mqtt.certificate:files"), 60, "the end of the alarm")

        log = at / "mosquitto.log"
        before = log.read_text().count(OPENED)
        write(places, CA, CA.sign(NODE))
        assert edged.ctl("reload").code == 0
        edged.until(lambda: log.read_text().count(OPENED) > before, RETRY_S, "a connection with the new one")
        edged.wait_for(lambda status: not alarm(status, "mqtt.certificate:box"), 60, "the end of the alarm")

        before = log.read_text().count(OPENED)
        write(places, CA, CA.sign(NODE, ends=-DAY / 2))
        reloaded = edged.ctl("reload")
        assert reloaded.code == 0
        assert "ended on" in documents.Reload.model_validate(reloaded.document).warnings[0]
        edged.wait_for(lambda status: status.broker.connected, 5, "the connection")
        assert log.read_text().count(OPENED) == before
        assert edged.ctl("config", "check", str(edged.config)).code == 78
        edged.camera("lobby")
        assert edged.stop() == 0

        edged.start()
        edged.wait_for_states("recording", ["lobby"])
        is_told(edged, "mqtt.certificate:box", "ended on")
        edged.wait_for_states("recording", ["lobby"])
        assert edged.stop() == 0


def is_told(edged: Daemon, key: str, words: str) -> None:
    """By a critical alarm, and the box does not connect."""
    seen = edged.wait_for(lambda status: alarm(status, key), 90, f"the alarm {key}")
    told = alarm(seen, key)
    assert told is not None
    assert (told.severity, words in told.text) == ("critical", True)
    assert not seen.broker.connected


def test_a_box_that_boots_without_the_time_records_and_connects_once_it_has_it(tmp_path: Path) -> None:
    places, at = tmp_path / "mqtt", tmp_path / "broker"
    places.mkdir()
    at.mkdir()
    write(places, CA, CA.sign(NODE))
    with (
        WallClock(tmp_path / "clock") as clock,
        mosquitto(at, *broker_lines(at, CA, CA.server())) as broker,
        FaultCamera(footage.clip(SMALL)) as camera,
    ):
        clock.set(365 * 86_400)
        box = setup(camera.url, broker.port, places)
        with Daemon(tmp_path / "edged", box, sabotage=SOON, environment=clock.environment) as edged:
            edged.wait_for_states("recording", ["lobby"])
            is_told(edged, CLOCK, "The clock of this box says a time before")
            clock.put(0, synced=True)
            edged.wait_for(lambda status: status.broker.connected, RETRY_S, "a connection, once the clock is set")
            edged.wait_for(lambda status: not alarm(status, CLOCK), 60, "the end of the alarm")
            edged.wait_for_states("recording", ["lobby"])
            assert edged.stop() == 0


CLOCK: Final = "mqtt.certificate:clock"
