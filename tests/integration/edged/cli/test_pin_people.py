"""edgectl pin and approve against the real daemon, by two persons with logins of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edged.words import exit_codes
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.people import AS_LOGIN, CHEN, LIN, can_log_in, ctl_by
from tests.support.rtsp_server import REPOSITORY
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(not can_log_in(), reason="nobody may set a login uid here: needs root")


@pytest.fixture(scope="module")
def edged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    setup = Setup([Watched("lobby", "test://"), Watched("gate", "test://")], segment="2s")
    with Daemon(tmp_path_factory.mktemp("people"), setup) as daemon:
        daemon.wait_for_states("recording", ["lobby", "gate"])
        wait_until(lambda: all(len(daemon.segments(name)) >= 3 for name in ("lobby", "gate")), 30, "some segments")
        yield daemon


def ask(edged: Daemon, login: int, *words: str) -> tuple[int, str, str]:
    """`edgectl` by a person who logged in."""
    done = ctl_by(login, edged.config, *words)
    return done.returncode, done.stdout, done.stderr


def answered(edged: Daemon, login: int, answer: str, *words: str) -> tuple[int, str]:
    """By a person at a terminal."""
    code = "import sys; from edged.main.entry import ctl; sys.exit(ctl())"
    command = ["sh", "-c", AS_LOGIN, str(login), sys.executable, "-c", code, "--config", str(edged.config), *words]
    terminal, theirs = os.openpty()
    try:
        os.write(terminal, answer.encode())
        done = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        os.close(terminal)
        os.close(theirs)
    return done.returncode, done.stdout


def asked(edged: Daemon, login: int, *words: str) -> Any:
    code, out, err = ask(edged, login, *words, "--json")
    assert code == 0, (out, err)
    return json.loads(out)


def lasting(edged: Daemon) -> list[str]:
    return [one["id"] for one in asked(edged, CHEN, "pin", "list")["pins"]]


def order(edged: Daemon, *cameras: str, ground: str = "investigation:北市警刑字第1號") -> list[str]:
    """For what was recorded between the middle of the first segment and that of the second."""
    first, second = edged.segments(cameras[0])[:2]
    middle = timedelta(milliseconds=500)
    start, end = (datetime.fromisoformat(one.start) + middle for one in (first, second))
    named = [word for camera in cameras for word in ("--camera", camera)]
    interval = ["--from", start.isoformat(), "--to", end.isoformat()]
    return ["pin", "add", *named, *interval, "--case", "115-0042", "--ground", ground, "--approver", "王主任"]


def test_the_way_of_a_pin_between_two_persons(edged: Daemon) -> None:
    placed = asked(edged, CHEN, *order(edged, "lobby"), "--yes")
    pin = placed["pin"]
    assert (pin["state"], pin["placer"], pin["approver"], pin["approved_by"]) == (
        *("provisional", f"uid {CHEN}", "王主任", None),
    )
    held = [segment for segment in edged.segments("lobby") if pin["id"] in segment.pins]
    assert [segment.seq for segment in held] == [1, 2]
    assert pin["segments"] == 2
    assert pin["bytes"] == sum(segment.bytes for segment in held)
    assert all(Path(segment.path).stat().st_nlink == 2 for segment in held)
    code, out, _ = ask(edged, CHEN, "pin", "approve", pin["id"], "--json")
    assert (code, json.loads(out)["exit"]) == (exit_codes.NOT_ALLOWED, exit_codes.NOT_ALLOWED)
    assert "second person" in json.loads(out)["error"]
    approved = asked(edged, LIN, "pin", "approve", pin["id"].lower())["pin"]
    assert (approved["state"], approved["approved_by"], approved["span_s"]) == ("approved", f"uid {LIN}", 30 * 86_400)
    assert [one["id"] for one in asked(edged, LIN, "pin", "list")["pins"]] == [pin["id"]]

    longer = asked(edged, CHEN, "pin", "extend", pin["id"], "--until", "60d", "--reason", "the court asks")["act"]
    assert ask(edged, CHEN, "approve", longer["id"])[0] == exit_codes.NOT_ALLOWED
    assert asked(edged, LIN, "approve", longer["id"])["done"]["id"] == longer["id"]
    (extended,) = asked(edged, LIN, "pin", "list")["pins"]
    assert 60 * 86_400 - 1 < extended["span_s"] < 60 * 86_400 + 120, "a clock may be set by some ms meanwhile"

    late = asked(edged, CHEN, "pin", "extend", pin["id"], "--until", "90d", "--reason", "an appeal")["act"]
    act = asked(edged, LIN, "pin", "release", pin["id"], "--reason", "the case is closed")["act"]
    assert asked(edged, LIN, "pin", "release", pin["id"], "--reason", "the case is closed")["act"]["id"] == act["id"]
    waiting = asked(edged, CHEN, "approve")
    assert [one["id"] for one in waiting["acts"]] == [late["id"], act["id"]]
    assert pin["id"] in waiting["acts"][1]["sentence"]
    assert asked(edged, LIN, "pin", "list")["pins"][0]["state"] == "approved", "asked for is not done"
    done = asked(edged, CHEN, "approve", act["id"])
    assert (done["acts"], [one["id"] for one in done["ended"]]) == ([], [late["id"]])
    code, out, _ = ask(edged, LIN, "approve", late["id"], "--json")
    assert (code, json.loads(out)["error"]) == (
        exit_codes.USAGE,
        f"{late['id']} waits no longer: pin {pin['id']} was released",
    )
    assert asked(edged, CHEN, "pin", "list")["pins"] == []
    (ended,) = asked(edged, CHEN, "pin", "list", "--ended")["pins"]
    assert (ended["state"], ended["ended_by"], ended["reason"]) == (
        *("released", f"uid {LIN}, uid {CHEN}", "the case is closed"),
    )
    assert all(Path(segment.path).stat().st_nlink == 1 for segment in held)
    assert not any((edged.volume / ".pins").iterdir())


def test_sudo_makes_no_second_person(edged: Daemon) -> None:
    """The login counts, whatever the account has become: here both are root."""
    pin = asked(edged, CHEN, *order(edged, "lobby"), "--yes")["pin"]
    assert ask(edged, CHEN, "pin", "approve", pin["id"])[0] == exit_codes.NOT_ALLOWED


def test_at_a_terminal_the_cost_is_told_first_and_no_is_no(edged: Daemon) -> None:
    before = lasting(edged)
    code, out = answered(edged, CHEN, "n\n", *order(edged, "gate", "lobby"))
    assert code == exit_codes.FAILED
    assert "days of headroom" in out
    assert "4 segments" in out or "3 segments" in out
    assert "Nothing was pinned." in out
    assert lasting(edged) == before
    code, out = answered(edged, CHEN, "y\n", *order(edged, "gate"))
    assert code == 0
    assert "is placed, provisionally" in out


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ([], exit_codes.USAGE, "--yes"),
        (["--yes", "--camera", "cellar"], exit_codes.USAGE, "cellar"),
        (["--yes", "--until", "181d"], exit_codes.USAGE, "at most 180"),
        (["--yes", "--ground", "investigation"], exit_codes.USAGE, "letter number"),
        (["--yes", "--ground", "curiosity"], exit_codes.USAGE, "internal"),
        (["--yes", "--to", "+25h"], exit_codes.USAGE, "24 h"),
        (["--yes", "--from", "2020-01-01", "--to", "2020-01-02"], exit_codes.FAILED, "no footage"),
    ],
)
def test_what_may_not_be_is_one_clear_error(edged: Daemon, more: list[str], code: int, words: str) -> None:
    before = lasting(edged)
    ended, out, _ = ask(edged, CHEN, *order(edged, "lobby"), *more, "--json")
    error = json.loads(out)
    assert ended == error["exit"] == code
    assert words in error["error"] + error["action"]
    assert lasting(edged) == before


def test_what_is_recorded_from_now_on_is_pinned_as_it_comes(edged: Daemon) -> None:
    words = order(edged, "gate", ground="internal")
    placed = asked(edged, CHEN, *words, "--to", "+10m", "--yes")["pin"]
    count = placed["segments"]

    def grown() -> bool:
        (pin,) = [one for one in asked(edged, CHEN, "pin", "list")["pins"] if one["id"] == placed["id"]]
        return bool(pin["segments"] >= count + 2)

    wait_until(grown, 20, "segments that came later")
    linked = {path.name for path in (edged.volume / ".pins" / placed["id"]).iterdir()}
    held = [segment for segment in edged.segments("gate") if placed["id"] in segment.pins]
    assert {f"gate_{Path(segment.path).name}" for segment in held[:-1]} <= linked


def test_a_dry_run_pins_nothing(edged: Daemon) -> None:
    before = lasting(edged)
    document = asked(edged, CHEN, *order(edged, "lobby"), "--dry-run")
    assert document["pin"] is None
    assert document["cost"]["segments"] == 2
    assert lasting(edged) == before
