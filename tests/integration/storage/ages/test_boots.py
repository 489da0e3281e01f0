"""Boots through a store and the real socket: learned by heartbeats, kept over restarts, attested by two people."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from edged.access import callers
from edged.access.acts import Acts
from edged.api import approvals as act_calls
from edged.api import approvals as boot_calls
from edged.cli.client import DaemonClient
from edged.cli.main import main
from edged.words import exit_codes
from edged.words.roles import Verb
from storage.ages import table
from storage.ages.history import DRIFT_PPM, SYNC_SLACK_MS, WEEK_MS, OffTimeSource
from storage.ledger import table as ledger_table
from storage.ledger.table import Leaf
from storage.words.errors import OrderRefused, UnknownId
from tests.support.office import DEADLINE_S, UP_MS, Office
from tests.support.roles import control_socket, guard

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
SLACK_MS: Final = SYNC_SLACK_MS + UP_MS * DRIFT_PPM // 1_000_000
"""The box is up for a little before its clock is known to be synchronised."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.store.close()


def beat(office: Office, ms: int = 0) -> None:
    office.clock.tick(ms)
    office.store.heartbeat().result(DEADLINE_S)


def reboot(office: Office, off_ms: int, *, synced: bool = True) -> None:
    office.crash()
    office.clock.reboot(off_ms)
    office.clock.is_synced = synced
    office.start()


def off(office: Office) -> tuple[int, int | None, OffTimeSource]:
    """Before the newest boot."""
    row = office.store.boots.all()[-1]
    return row.boot.off_low_ms, row.boot.off_high_ms, row.word


def low_age_ms(office: Office, camera: str = "lobby") -> int:
    (usage,) = [one for one in office.store.usage() if one.camera == camera]
    assert usage.oldest_age_ms is not None
    return usage.oldest_age_ms


def clock_leaves(office: Office) -> list[dict[str, Any]]:
    office.store.heartbeat().result(DEADLINE_S)
    found = office.store._database.read(lambda db: ledger_table.leaves(db, 0, 1000))
    return [json.loads(entry.body) for entry in found if entry.kind is Leaf.CLOCK]


def test_power_off_between_two_synchronised_boots_is_credited(office: Office) -> None:
    beat(office, HOUR)
    reboot(office, 5 * HOUR)
    assert off(office) == (5 * HOUR - SLACK_MS, 5 * HOUR + SLACK_MS, OffTimeSource.SYNC)
    credit = [leaf for leaf in clock_leaves(office) if leaf["what"] == "credit"]
    assert [(leaf["boot"], leaf["off_low_ms"], leaf["word"]) for leaf in credit] == [(2, off(office)[0], "sync")]


def test_what_ran_on_after_the_last_heartbeat_is_credited_once(office: Office) -> None:
    office.enrol("lobby")
    office.clock.tick(60_000)
    beat(office)
    made_ms = office.clock.wall_ms
    office.segment("lobby")  # which no heartbeat has seen
    office.clock.tick(4_000)
    reboot(office, HOUR)
    assert low_age_ms(office) <= office.clock.wall_ms - made_ms
    assert low_age_ms(office) >= office.clock.wall_ms - made_ms - SLACK_MS


def test_credit_that_comes_late_ages_only_what_was_recorded_before(office: Office) -> None:
    office.enrol("lobby")
    office.segment("lobby")
    beat(office, HOUR)
    reboot(office, 2 * DAY, synced=False)
    office.enrol("door")
    office.segment("door")
    beat(office, 3 * HOUR)
    before, young = low_age_ms(office), low_age_ms(office, "door")
    office.clock.is_synced = True
    beat(office)
    credited = off(office)[0]
    assert 2 * DAY - 60_000 < credited < 2 * DAY
    assert low_age_ms(office) == before + credited
    assert low_age_ms(office, "door") == young
    assert office.store.boots.doubts() == ()


@pytest.mark.parametrize("years_ms", [3 * 365 * DAY, -3 * 365 * DAY])
def test_steps_by_hand_change_no_age(office: Office, years_ms: int) -> None:
    office.enrol("lobby")
    office.segment("lobby")
    beat(office, HOUR)
    reboot(office, HOUR)
    before = low_age_ms(office)
    office.clock.is_synced = False
    office.clock.step_wall(years_ms)
    beat(office)
    office.crash()
    office.start()
    assert low_age_ms(office) == before


def test_a_first_sync_that_was_wrong_makes_the_credit_smaller_and_none_makes_it_larger(office: Office) -> None:
    beat(office, HOUR)
    office.crash()
    office.clock.reboot(HOUR)
    office.clock.step_wall(DAY)
    office.start()
    assert off(office)[0] == DAY + HOUR - SLACK_MS
    office.clock.step_wall(-DAY)
    beat(office)
    assert off(office)[0] == HOUR - SLACK_MS
    office.clock.step_wall(DAY)
    beat(office)
    assert off(office)[0] == HOUR - SLACK_MS


def test_the_hardware_clock_has_a_word_in_it(office: Office) -> None:
    office.clock.rtc_ms = office.clock.wall_ms
    beat(office, HOUR)
    reboot(office, 5 * HOUR)
    assert off(office)[2] is OffTimeSource.SYNC_AND_RTC
    office.clock.rtc_ms -= DAY
    reboot(office, 5 * HOUR)
    assert off(office)[2] is OffTimeSource.NOBODY


def test_what_the_clocks_drifted_apart_is_kept_over_restarts(office: Office) -> None:
    """A box that slept for an hour: at the most an hour older, for certain it is not."""
    office.enrol("lobby")
    office.segment("lobby")
    before = low_age_ms(office)
    office.clock.sleep(HOUR)
    beat(office)
    for _ in range(2):
        office.crash()
        office.start()
        assert low_age_ms(office) == before
        boot = office.store.boots.all()[-1].boot
        assert (boot.pace.lag_us, boot.pace.gain_us) == (HOUR * 1000, 0)
        assert [mark.pace.lag_us for mark in boot.marks] == [HOUR * 1000]
    reboot(office, HOUR)
    assert low_age_ms(office) == before + HOUR - SLACK_MS + UP_MS


def test_marks_are_few_however_fast_the_clocks_part(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MARKS_FULL", 8)
    for _ in range(200):
        office.clock.lead_ms -= 1000
        beat(office, 10_000)
    assert 8 <= len(office.store.boots.all()[-1].boot.marks) <= 40


@pytest.mark.parametrize("back", ["boottime", "raw"])
def test_a_clock_that_runs_backwards_under_one_boot_id_is_a_new_boot(office: Office, back: str) -> None:
    beat(office, DAY)
    office.crash()
    if back == "boottime":
        office.clock.boottime_ms -= HOUR
    else:
        office.clock.lead_ms -= HOUR
    office.start()
    first, second = office.store.boots.all()
    assert second.boot.boot_id == first.boot.boot_id
    assert second.boot.length_ms == 0


def test_only_what_can_be_is_attested(office: Office) -> None:
    beat(office, HOUR)
    with pytest.raises(UnknownId):
        office.store.boots.check(7, HOUR)
    with pytest.raises(OrderRefused, match="first"):
        office.store.boots.check(1, HOUR)
    reboot(office, 9 * DAY)
    assert off(office)[0] == WEEK_MS
    with pytest.raises(OrderRefused, match="already"):
        office.store.boots.check(2, WEEK_MS)
    with pytest.raises(OrderRefused, match="at most"):
        office.store.boots.check(2, 10 * DAY)
    assert office.store.boots.check(2, 9 * DAY).low_ms == 9 * DAY
    reboot(office, HOUR, synced=False)
    with pytest.raises(OrderRefused, match="ten years"):
        office.store.boots.check(3, 4000 * DAY)


# --- through the socket -----------------------------------------------------------------------------------------


class People:
    """Who calls; the kernel would know."""

    now = 1001

    def login(self, pid: int, uid: int) -> int:
        del pid, uid
        return self.now


@pytest.fixture
async def people(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[People]:
    """Seven days and more were not proven before boot 2."""
    beat(office, HOUR)
    reboot(office, 9 * DAY + 3 * HOUR)
    made = People()
    monkeypatch.setattr(callers, "login_of", made.login)
    acts = Acts(office.store)
    calls = [*boot_calls.boot_routes(office.store, acts), *act_calls.routes(acts, office.clock, may_ask)]
    control = control_socket(_Nobody(), tmp_path / "c.sock", guard(), calls)
    await control.listen()
    yield made
    await control.stop()


class _Nobody:
    def __getattr__(self, name: str) -> Any:
        return name


async def may_ask(uid: int, verb: Verb) -> bool:
    del uid, verb
    return True


async def edgectl(tmp_path: Path, *words: str) -> int:
    return await asyncio.to_thread(main, ["--socket", str(tmp_path / "c.sock"), *words])


async def test_two_people_attest(
    office: Office, people: People, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await edgectl(tmp_path, "boots", "--json") == exit_codes.OK
    listed = json.loads(capsys.readouterr().out)["boots"]
    assert [(boot["number"], boot["word"]) for boot in listed] == [(1, "unproven"), (2, "sync")]
    assert "no more than 7 days" in listed[1]["missing"]
    words = ["boots", "attest", "2", "--off-for", "9d3h", "--reason", "moved to the new office", "--json"]
    assert await edgectl(tmp_path, *words) == exit_codes.OK
    asked = json.loads(capsys.readouterr().out)
    assert "9d3h" in asked["sentence"]
    assert off(office)[0] == WEEK_MS, "one person alone changes nothing"

    daemon = DaemonClient(tmp_path / "c.sock")
    with pytest.raises(Exception, match="second person"):
        await asyncio.to_thread(daemon.post, f"/v1/acts/{asked['act']}/approve")
    assert off(office)[0] == WEEK_MS
    people.now = 1002
    await asyncio.to_thread(daemon.post, f"/v1/acts/{asked['act']}/approve")
    assert (off(office)[0], off(office)[2]) == (9 * DAY + 3 * HOUR, OffTimeSource.PEOPLE)
    assert office.store.boots.doubts() == ()
    said = [leaf for leaf in clock_leaves(office) if leaf["what"] == "attested"]
    assert said == [{"what": "attested", "boot": 2, "off_ms": 9 * DAY + 3 * HOUR}], "no names, no reason"


async def test_the_screen_says_what_is_missing(
    people: People, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del people
    assert await edgectl(tmp_path, "boots") == exit_codes.OK
    out = capsys.readouterr().out
    assert "7d to 9d 3h" in out
    assert "edgectl boots attest 2" in out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["9", "--off-for", "8d", "--reason", "x"], exit_codes.USAGE),
        (["2", "--off-for", "99d", "--reason", "x"], exit_codes.FAILED),
        (["2", "--off-for", "soon", "--reason", "x"], exit_codes.USAGE),
        (["2", "--off-for", "0s", "--reason", "x"], exit_codes.USAGE),
        (["2", "--off-for", "8d", "--reason", " "], exit_codes.USAGE),
        (["2", "--off-for", "8d", "--reason", "x" * 501], exit_codes.USAGE),
        (["2", "--off-for", "8d"], exit_codes.USAGE),
        (["two", "--off-for", "8d", "--reason", "x"], exit_codes.USAGE),
    ],
)
async def test_what_makes_no_sense_is_refused(people: People, tmp_path: Path, words: list[str], code: int) -> None:
    del people
    assert await edgectl(tmp_path, "boots", "attest", *words) == code
