"""Passwords appear nowhere: logs, process titles, status, catalog, files, payloads; whatever goes wrong."""

from __future__ import annotations

import base64
import urllib.parse
from pathlib import Path

from tests.support import footage
from tests.support.brokers import Centre, mosquitto
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.fault_camera import SILENT, FaultCamera, Faults
from tests.support.footage import SMALL
from tests.support.ports import free_port
from tests.support.rtsp import Account

RIGHT = "Right!Sesame/77%&"
WRONG = "Wrong:Tulip@88#?"


def forms(password: str) -> list[str]:
    """The password as it is, as it would be in a URL, and as Basic sends it."""
    basic = base64.b64encode(f"viewer:{password}".encode()).decode()
    return [password, urllib.parse.quote(password), urllib.parse.quote(password, safe=""), basic, basic.rstrip("=")]


def test_no_password_anywhere(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    clip = footage.clip(SMALL)
    with (
        mosquitto(tmp_path / "broker") as broker,
        Centre(broker.port) as centre,
        FaultCamera(clip, account=Account("viewer", RIGHT)) as digest,
        FaultCamera(clip, account=Account("viewer", RIGHT, "basic")) as basic,
        FaultCamera(clip, account=Account("viewer", RIGHT)) as locked,
        FaultCamera(clip, faults=SILENT) as silent,
        FaultCamera(clip, faults=Faults(close_after_s=2)) as flaky,
        FaultCamera(clip, faults=Faults(refuse=404)) as missing,
    ):
        cameras = [
            Watched("digest", digest.url, "viewer", RIGHT),
            Watched("basic", basic.url, "viewer", RIGHT),
            Watched("locked", locked.url, "viewer", WRONG),
            Watched("silent", silent.url, "viewer", WRONG),
            Watched("flaky", flaky.url, "viewer", WRONG),
            Watched("missing", missing.url, "viewer", WRONG),
            Watched("absent", f"rtsp://127.0.0.1:{free_port()}/x", "viewer", WRONG),
        ]
        setup = Setup(cameras, mqtt_port=broker.port, segment="3s")
        with Daemon(tmp_path / "edged", setup) as edged:
            edged.wait_for_states("recording", ["digest", "basic"])
            edged.wait_for_states("down", ["locked", "silent", "missing", "absent"], 25)
            edged.until(lambda: flaky.connections >= 2, 15, "the flaky camera is connected to again")
            edged.until(lambda: len(edged.listed("digest")) >= 2, 15, "some segments")
            for verb in ("status", "cameras", "segments", "gaps", "retention", "alarms", "version", "reload"):
                edged.ctl(verb)
                edged.ctl(verb, json_=False)
            edged.ctl("config", "check", str(edged.config))
            heard = [(message.topic, message.payload) for message in centre.heard]
            assert heard
            assert edged.processes()
            secrets = forms(RIGHT) + forms(WRONG)
            assert edged.places_of(secrets, heard) == []
            (edged.volume / "planted").write_text(f"rtsp://viewer:{WRONG}@camera/")
            assert len(edged.places_of(secrets, heard)) == 1, "the search itself finds what is there"
            (edged.volume / "planted").unlink()
            edged.sigkill()
            edged.wait_for_no_process()
            assert edged.places_of(secrets, heard) == []
