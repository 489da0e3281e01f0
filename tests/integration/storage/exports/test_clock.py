"""Exports over times at which the clock was set, and of what lies on a disk that is away: nothing seems removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection
from typing import Any, Final

import pytest

from storage.exports import table as exports_table
from storage.exports.model import CameraContents, Export, ExportOrder
from storage.pins.rules import Interval
from storage.retention.plan import Policy
from storage.volumes import table as volumes_table
from storage.words.model import GapCause
from tests.support.office import BOUNDS, DEADLINE_S, Office

POLICY: Final = Policy({"lobby": BOUNDS})
BACK_MS: Final = 7_200_000


@pytest.fixture
def office(memory: Path) -> Iterator[Office]:
    made = Office(memory)
    yield made
    made.store.close(clean=False)


def order(first_ms: int, last_ms: int) -> ExportOrder:
    return ExportOrder(("lobby",), Interval(first_ms, last_ms), False, 4 << 30, last_ms + 1_000_000)


def begin(office: Office, wanted: ExportOrder) -> Export:
    return office.store.exports.begin(wanted, POLICY.bounds, 1000, {"who": "chen", "reason": "x"})


def lobby(office: Office, export: Export) -> CameraContents:
    return office.store.exports.contents(office.store.exports.find(export.id)).cameras["lobby"]


def told(office: Office, numbers: tuple[int, ...]) -> list[dict[str, Any]]:
    """Bodies of leaves."""
    found = office.store.exports._database.read(lambda db: exports_table.bodies(db, numbers))
    return [found[number] for number in numbers]


def test_what_was_recorded_between_two_passes_of_the_same_hour_is_told(office: Office) -> None:
    """The clock is set back by two hours: the hour that is asked for comes twice, with more between."""
    office.enrol("lobby")
    begun = office.clock.wall_ms
    first = [office.segment("lobby").seq for _ in range(2)]
    ended = office.clock.wall_ms
    office.clock.step_wall(-BACK_MS)
    between = [office.segment("lobby").seq for _ in range(2)]
    office.store.begin_gap("lobby", office.clock.now(), GapCause.DROPPED, "").result(DEADLINE_S)
    office.clock.tick(begun - office.clock.wall_ms)
    second = [office.segment("lobby").seq for _ in range(2)]
    wanted = order(begun, ended)
    survey = office.store.exports.survey(wanted, POLICY.bounds)
    assert survey.cameras[0].unaccounted == ()
    found = lobby(office, begin(office, wanted))
    assert [one.seq for one in found.segments] == first + second
    assert [body.get("seq", body.get("cause")) for body in told(office, found.beside)] == [*between, "dropped"]
    assert json.dumps(told(office, found.beside)).count("wall_ms")


def test_what_lies_on_a_disk_that_is_away_is_told(office: Office) -> None:
    office.enrol("lobby")
    begun = office.clock.wall_ms
    seqs = [office.segment("lobby").seq for _ in range(3)]
    surveyor = office.store.exports._surveyor
    office.store.exports._surveyor = replace(surveyor, there=lambda: ())
    wanted = order(begun, office.clock.wall_ms)
    assert office.store.exports.survey(wanted, POLICY.bounds).cameras[0].unaccounted == ((begun, office.clock.wall_ms),)
    found = lobby(office, begin(office, wanted))
    assert found.segments == ()
    assert [body["seq"] for body in told(office, found.beside)] == seqs


def test_what_is_away_between_what_is_there_is_told_once(office: Office) -> None:
    office.enrol("lobby")
    begun = office.clock.wall_ms
    seqs = [office.segment("lobby").seq for _ in range(3)]

    def move(db: Connection) -> None:
        volumes_table.come(db, "volume-2", Path("/disk-2"), "", 0)
        db.execute("UPDATE segments SET volume = (SELECT number FROM volumes WHERE id = 'volume-2') WHERE seq = 2")

    office.store.exports._database.submit(move).result(DEADLINE_S)
    found = lobby(office, begin(office, order(begun, office.clock.wall_ms)))
    assert [one.seq for one in found.segments] == [seqs[0], seqs[2]]
    assert [body["seq"] for body in told(office, found.beside)] == [seqs[1]]


def test_where_the_clock_was_not_set_nothing_more_is_told(office: Office) -> None:
    office.enrol("lobby")
    begun = office.clock.wall_ms
    for _ in range(5):
        office.segment("lobby")
    third = (office.clock.wall_ms - begun) // 5
    found = lobby(office, begin(office, order(begun + third, begun + 4 * third)))
    assert (len(found.segments), found.beside) == (3, ())
