"""kill -9 of the real daemon during outages of its broker and while it drains: whatever was committed arrives."""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import pytest

from tests.conftest import Profile
from tests.faults.mqtt.collector import Collector
from tests.faults.mqtt.outage import NO_LIMIT, LostError, in_order
from tests.support import footage
from tests.support.brokers import mosquitto
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.fault_camera import FaultCamera
from tests.support.footage import SMALL
from tests.support.waiting import let_run, wait_until

UP_S: Final = 60.0
"""For a start; nothing is promised of it here."""
DRAINED_S: Final = 150.0
PROBING: Final = """
if __name__ == "__main__":
    from mqtt import send
    send.PROBE_EVERY_S = 5.0
"""
"""A kind that nobody listened to is tried again after five seconds, and not after a minute."""


def committed(edged: Daemon) -> dict[int, str]:
    """Kinds of the events that lie in the database, by number, and the number of the last one ever, as ""."""
    if not (path := edged.state / "edged.db").exists():
        return {0: ""}
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        (last,) = database.execute("SELECT seq FROM outbox_count").fetchone() or (0,)
        return {last: ""} | dict(database.execute("SELECT seq, kind FROM outbox").fetchall())
    except sqlite3.OperationalError:  # not made yet
        return {0: ""}
    finally:
        database.close()


def entered_since(edged: Daemon, last: int) -> bool:
    return max(committed(edged)) > last


def check(last: int, heard: list[tuple[str, str, bytes]]) -> None:
    """All numbers from 1 on, or LostError: nothing gives way here, so a number that is missing is an event lost."""
    numbers = {int(identity.rpartition(":")[2]) for _, identity, _ in heard}
    if missing := set(range(1, last + 1)) - numbers:
        raise LostError(f"{len(missing)} of {last} never arrived: {sorted(missing)[:10]}")
    in_order(heard)


def test_every_committed_event_arrives(tmp_path: Path, profile: Profile) -> None:
    random = Random(9)
    (tmp_path / "broker").mkdir()
    with (
        mosquitto(tmp_path / "broker", *NO_LIMIT) as broker,
        Collector(broker.port) as collector,
        FaultCamera(footage.clip(SMALL)) as camera,
        Daemon(
            tmp_path / "edged",
            Setup([Watched("lobby", camera.url)], mqtt_port=broker.port, segment="4s"),
            sabotage=PROBING,
        ) as edged,
    ):
        last, away = 0, False
        for _ in range(profile.link_kills):
            if not away and random.random() < 0.6:
                broker.stop()
                away = True
            wait_until(partial(entered_since, edged, last), UP_S, "something was entered")
            let_run(random.random() * 1.5, edged.check_alive)
            if away and random.random() < 0.7:
                broker.start()
                away = False
                let_run(random.random() * 0.5, edged.check_alive)
            edged.sigkill()
            last = max(committed(edged))
            edged.start()
        if away:
            broker.start()
        wait_until(partial(entered_since, edged, last), UP_S, "it runs again")
        wait_until(lambda: len(committed(edged)) == 1, DRAINED_S, "all that was committed has left the database")
        last = max(committed(edged))
        collector.catch_up()
        check(last, collector.heard)


def test_an_event_that_never_arrived_is_noticed() -> None:
    """The negative control."""
    heard = [("up/event/gap", f"node:1:{seq}", b"{}") for seq in (1, 2, 4)]
    with pytest.raises(LostError, match=r"1 of 4 never arrived: \[3\]"):
        check(4, heard)
