"""Office and clauses are looked at, and so loaded, with a profile, with a leftover, and once somebody came."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edged.main.late_office import LateOffice
from edged.overview import OfficeFacts
from storage.words.clock import SystemClock
from storage.words.errors import StoreBusy


class Box:
    """A site and its store, as far as they are asked, and how often what was loaded was looked at."""

    def __init__(self, folder: Path) -> None:
        self.config = SimpleNamespace(site=SimpleNamespace(profile=None), viewings=folder / "viewings")
        self.recovered = asyncio.Event()
        self.compliance: object = "of before"
        self.facts: OfficeFacts | None = None
        self.viewed_: list[object] | Exception = []
        self.exports = self
        self.looks: list[str] = []
        self.loads = 0

    def see_office(self, facts: OfficeFacts) -> None:
        self.facts = facts

    def viewed(self) -> list[object]:
        if isinstance(self.viewed_, Exception):
            raise self.viewed_
        return self.viewed_

    def load(self, *_: object) -> Any:
        self.loads += 1
        watch, compliance = (SimpleNamespace(poll=self._looks(name)) for name in ("office", "clauses"))
        return SimpleNamespace(watch=watch, compliance=compliance)

    def _looks(self, name: str) -> Any:
        async def poll() -> None:
            self.looks.append(name)

        return poll


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    made = Box(tmp_path)
    monkeypatch.setattr("edged.main.office_parts.OfficeParts.of", made.load)
    return made


async def rounds(office: LateOffice) -> None:
    await office.look_at_office()
    await office.look_at_clauses()


def late(box: Box) -> LateOffice:
    return LateOffice(box, box, SystemClock())  # type: ignore[arg-type]  # as far as they are asked


async def test_without_a_profile_there_is_neither(box: Box) -> None:
    office = late(box)
    await office.begin()
    await rounds(office)
    assert (box.loads, box.facts, box.compliance) == (0, OfficeFacts(), None)


async def test_with_one_they_are_there_from_the_start_or_from_the_reload_on(box: Box) -> None:
    office = late(box)
    await rounds(office)
    box.config.site.profile = "wenshan-household"
    await rounds(office)
    await office.begin()
    assert (box.loads, box.looks) == (1, ["office", "clauses"])


async def test_whoever_calls_has_them_and_from_then_on_they_are_looked_at(box: Box) -> None:
    office = late(box)
    assert office.parts() is office.parts()
    await rounds(office)
    assert (box.loads, box.looks) == (1, ["office", "clauses"])


@pytest.mark.parametrize("left", ["a copy", "a folder", "not a folder"])
async def test_what_is_left_of_a_viewing_is_seen_to_without_a_profile(box: Box, left: str) -> None:
    if left == "a copy":
        box.viewed_ = ["it"]
    elif left == "a folder":
        (box.config.viewings / "it").mkdir(parents=True)
    else:
        box.config.viewings.touch()
    await late(box).look_at_office()
    assert box.looks == ["office"]


async def test_while_nobody_knows_whether_something_is_left_it_is_asked_again(box: Box) -> None:
    office = late(box)
    box.viewed_ = StoreBusy("busy", "")
    await office.look_at_office()
    assert box.loads == 0
    box.viewed_ = ["it"]
    await office.look_at_office()
    assert box.looks == ["office"]
