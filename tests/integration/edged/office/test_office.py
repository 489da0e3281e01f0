"""The office over a real database and real files of keys: every row of every profile, and stories of all sorts that are
read back as they were.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest

from edged.office import request as machine
from edged.office.cases import Cases, Unreadable
from edged.office.request import Appoint, OpenViewing, Stretch, Take, Unfit, Withdraw
from edged.office.service import OfficeService
from edged.office.story import Case
from edged.overview import OfficeCounts, OfficeFacts
from edged.profiles.loader import PROFILES, profile
from edged.profiles.procedures import Use
from edged.site.office_watch import OfficeWatch
from storage.office.service import ChangedMeanwhile
from storage.words.message import Message
from tests.conftest import Profile
from tests.integration.storage.office.test_requests import opened, requests
from tests.support.counter import configured
from tests.support.office import Office
from tests.unit.edged.office.test_request import (
    ASKED,
    GRANT,
    HOLES,
    LOOK,
    PUBLIC,
    ROWS,
    SIGNED,
    Breach,
    Naive,
    sequence,
    tried,
)

RECEIVED: Final = date(2026, 11, 25)
LOBBY: Final = (Stretch("lobby", 0, 3_600_000),)
VIEW: Final = frozenset({Use.VIEW})


@pytest.fixture
def box(memory: Path) -> Iterator[Office]:
    office = Office(memory)
    yield office
    office.store.close()


def test_ten_thousand_stories_disclose_nothing_that_their_rows_do_not_allow(profile: Profile) -> None:
    """Of the pure machine, against a naive reader of its rows; tests/unit has the first of them."""
    stories = range(240, 50_000 if profile.name == "long" else 10_240)
    done = tried(stories)
    assert done[OpenViewing] + done[Take] > len(stories) // 20


def of_rows(box: Office, *names: str) -> Cases:
    rows = {one.row: one for name in names for one in profile(name).procedures} or {one.row: one for one in ROWS}
    held = requests(box, opened(box))
    return Cases(lambda: held, lambda: rows)


def test_stories_of_all_sorts_are_read_back_as_they_were(box: Office, profile: Profile) -> None:
    office = of_rows(box)
    for seed in range(2_000 if profile.name == "long" else 60):
        case: Case | None = None
        for row, request, act in sequence(seed):
            if case is None or act is None:
                case = office.receive(
                    row.row, RECEIVED, request.asked, request.uses, {}, applicant=request.applicant, units=request.units
                )
            else:
                case = office.act(case.row.number, case.row.version, act)
            assert case.request == request
        assert case is not None
        assert office.case(case.row.number) == case


@pytest.mark.parametrize("hole", HOLES)
def test_a_planted_hole_is_found_in_what_is_kept(box: Office, hole: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads the stories of the database finds what was disclosed against its row."""
    monkeypatch.setattr(machine, *HOLES[hole])
    with pytest.raises(Breach):
        read_again(box, range(2_000))


def read_again(box: Office, seeds: range) -> None:
    held, rows = requests(box, opened(box)), {one.row: one for one in ROWS}
    for seed in seeds:
        number = told(Cases(lambda: held, lambda: rows), seed)
        case = Cases(lambda: held, lambda: rows).case(number)
        naive = Naive(case.procedure, next(sequence(seed))[1])
        for one in case.acts:
            naive.told(one.act)


def test_without_a_hole_nothing_is_found(box: Office) -> None:
    read_again(box, range(60))


def told(office: Cases, seed: int) -> str:
    number = ""
    for row, request, act in sequence(seed):
        if act is None:
            number = office.receive(
                row.row, RECEIVED, request.asked, request.uses, {}, applicant=request.applicant, units=request.units
            ).row.number
        else:
            office.act(number, office.case(number).row.version, act)
    return number


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_row_is_received_with_its_own_form(box: Office, name: str) -> None:
    office = of_rows(box, name)
    for row in profile(name).procedures:
        words = {one.name: one.choices[0] if one.choices else "測試" for one in row.fields}
        case = office.receive(row.row, RECEIVED, LOBBY, VIEW, words)
        assert office.words(case.row.number) == words
        with pytest.raises(Unfit, match='no field "colour"'):
            office.act(case.row.number, 1, Withdraw(), words=words | {"colour": "red"})
    assert [one.row.number for one in office.listed()] == [
        f"115-{n:04}" for n in range(1, len(profile(name).procedures) + 1)
    ]


def test_what_this_profile_cannot_read_shows_nobody_anything(box: Office) -> None:
    first = of_rows(box, "wenshan-household")
    number = first.receive("W-public", RECEIVED, LOBBY, VIEW, {}).row.number
    other = of_rows(box, "dahu-township")
    (told,) = other.listed()
    assert isinstance(told, Unreadable)
    with pytest.raises(Unfit, match="no procedure W-public"):
        other.act(number, 1, Withdraw())


def test_two_who_act_on_the_same(box: Office) -> None:
    office = of_rows(box, "wenshan-household")
    number = office.receive("W-public", RECEIVED, LOBBY, VIEW, {}).row.number
    office.act(number, 1, Withdraw())
    with pytest.raises((Unfit, ChangedMeanwhile)):
        office.act(number, 1, Withdraw())


class NothingThere:
    """Viewing copies and pictures of a box that has none."""

    troubles: Final[dict[str, Message]] = {}

    def maintain(self) -> list[str]:
        return []

    sweep = maintain

    def remove(self, number: str) -> None:
        pass


def test_a_look_counts_the_requests_there_are_and_what_was_counted_stands_while_nobody_can_read_them(
    memory: Path, box: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OfficeService, "procedures", {PUBLIC.row: PUBLIC})
    config = configured(memory, box, "nangang-school", {"lobby": ""})
    office, site = OfficeService(box.store, lambda: config, box.clock), SimpleNamespace(office=OfficeFacts())
    watch = OfficeWatch(site, box.store, office, NothingThere(), NothingThere())  # type: ignore[arg-type]
    none = OfficeCounts(**dict.fromkeys((one.name for one in fields(OfficeCounts)), 0) | {"year": 115})
    assert watch.look().counts == none
    first, second = (office.receive(PUBLIC.row, None, ASKED.asked, VIEW, {}) for _ in range(2))
    for act in (*SIGNED, GRANT, Appoint(), replace(LOOK, day=office.today().toordinal())):
        first = office.act(first.row.number, first.row.version, act)
    of_year = replace(none, requests_open=2, year_received=2, year_in_part=1, year_viewings=1)
    there = replace(of_year, requests_deciding=1, requests_granted=1, viewing_open=1, year_deciding=1)
    assert watch.look().counts == there
    later = OfficeWatch(site, box.store, office, NothingThere(), NothingThere())  # type: ignore[arg-type]
    site.office = later.look()
    assert site.office.counts == replace(there, viewing_open=0), "what an earlier run left open was cut"
    with monkeypatch.context() as broken:
        broken.setattr(type(box.store.office), "open", lambda _: False)
        shut = later.look()
    assert shut.shut
    assert shut.counts == site.office.counts
    office.act(second.row.number, second.row.version, Withdraw())
    assert later.look().counts == replace(of_year, requests_granted=1, requests_withdrawn=1, year_withdrawn=1)
