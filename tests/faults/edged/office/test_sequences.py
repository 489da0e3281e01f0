"""Random stories of requests over a real database, volume and keys, in processes that die by SIGKILL at random points.

Each next process goes on where the last one died. What stands in the database is what was answered, and at most one act
more; it is what the machine makes of the story; nothing is disclosed that a reader of the row would not allow; and what
is held is what requests ask for.
"""

from __future__ import annotations

import logging
import os
import select
import shutil
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

import pytest

from edged.office.request import Act, Request, Stretch
from edged.office.service import OfficeService
from edged.office.story import Case
from edged.profiles.procedures import Procedure
from tests.conftest import Profile
from tests.faults.edged.office.test_kills import BESIDE, heard
from tests.support import promises
from tests.support.counter import configured
from tests.support.office import WALL_MS, Office
from tests.unit.edged.office.test_request import GATE, HOUR, LOBBY, ROWS, Naive, sequence

CAMERAS: Final = ("lobby", "gate")
RECEIVED: Final = date(2026, 2, 25)
FIRST_MS: Final = WALL_MS - HOUR
"""When what stories ask for as of 1970 begins: there is footage an hour later."""
POINTS: Final = 120
"""At the most so many are passed before a process dies; a story has some 40."""
TOGETHER: Final = 25
"""Stories of one box: each process reads all of them."""
HOLD_EACH: Final = 8
"""Pins follow each of so many acts; what a minute would bring otherwise."""


def moved(scope: tuple[Stretch, ...]) -> tuple[Stretch, ...]:
    return tuple(replace(one, from_ms=one.from_ms + FIRST_MS, to_ms=one.to_ms + FIRST_MS) for one in scope)


def told(seed: int) -> Iterator[tuple[Procedure, Request, Act | None]]:
    """A story, of footage that there is."""
    for row, request, act in sequence(seed):
        there = replace(
            request,
            asked=moved(request.asked),
            hold_asked=moved(request.hold_asked),
            decision=request.decision and replace(request.decision, scope=moved(request.decision.scope)),
        )
        scope = getattr(act, "scope", None)
        yield row, there, act if scope is None else replace(act, scope=moved(scope))  # type: ignore[type-var]


class Box:
    """One life after the other."""

    def __init__(self, root: Path, *, too_soon: bool = False) -> None:
        self.too_soon = too_soon
        self.box = Office(root)
        for camera in CAMERAS:
            self.box.enrol(camera)
            self.box.segment(camera, 300)
        self.config = configured(root, self.box, None, dict.fromkeys(CAMERAS, ""))
        self.box.store.close()

    def opened(self) -> OfficeService:
        self.box.start()
        self.box.store.recover()
        assert self.box.store.office.open()
        return _OfTheseRows(self.box.store, lambda: self.config, self.box.clock)

    def dies(self, seeds: range, answered: int, at: int) -> bool:
        """A process goes on with these stories; whether it died, at that point, before it came to the end."""
        child = os.fork()
        if child == 0:
            try:
                logging.disable()
                self._go_on(seeds, answered, at)
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
        return os.WIFSIGNALED(status)

    def _go_on(self, seeds: range, answered: int, at: int) -> None:
        left = [at]

        def passed(point: str) -> None:
            left[0] -= not point.startswith(BESIDE)
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        office = self.opened()
        with heard(passed):
            for seed in seeds:
                go_on(office, seed, seed - seeds.start, answered, too_soon=self.too_soon)
        self.box.store.close()


def go_on(office: OfficeService, seed: int, at: int, answered: int, *, too_soon: bool = False) -> None:
    """What is not told of a story yet, of the request at this place. `answered`: where what is answered goes;
    `too_soon`: before it is durable.
    """
    rows = office._store.office.requests.listed()
    version = rows[at].version if at < len(rows) else 0
    number = rows[at].number if version else ""
    for wanted, (row, request, act) in enumerate(told(seed), 1):
        if wanted <= version:
            continue
        if too_soon:
            os.write(answered, f"{seed} {wanted}\n".encode())
        if act is None:
            words = {row.fields[0].name: "王小明"} if row.fields else {}
            number = office.cases.receive(
                row.row, RECEIVED, request.asked, request.uses, words, applicant=request.applicant, units=request.units
            ).row.number
        else:
            office.cases.act(number, wanted - 1, act)
        if wanted % HOLD_EACH == 1:
            office.hold()
        os.write(answered, f"{seed} {wanted}\n".encode())


class _OfTheseRows(OfficeService):
    @property
    def procedures(self) -> Mapping[str, Procedure]:
        return {one.row: one for one in ROWS}


def story_faults(case: Case, seed: int, answered: int, *, died: bool) -> Iterator[str]:
    """`answered`: the last version that somebody was told. Breach."""
    version = case.request.version
    if not answered <= version <= answered + died:
        yield f"story {seed} is at version {version}, and {answered} was answered"
    expected = next(request for _, request, _ in islice(told(seed), version - 1, None))
    if case.request != expected:
        yield f"story {seed} became {case.request}, not {expected}"
    naive = Naive(case.procedure, replace(expected, asked=(moved((LOBBY, GATE)))))
    for one in case.acts:
        naive.told(one.act)


def box_faults(office: OfficeService) -> Iterator[str]:
    office.hold()
    cases = [office.cases.case(row.number) for row in office._store.office.requests.listed()]
    hopes = (one for case in cases for one in office.wanted(case))
    wanted = sorted((one.number, one.stretch.camera, one.stretch.from_ms) for one in hopes)
    orders = (pin.order for pin in office._store.pins.holds())
    held = sorted((one.case, one.cameras[0], one.interval.first_ms) for one in orders)
    if wanted != held:
        yield f"held is {held}, not {wanted}"
    numbers = [case.row.number for case in cases]
    if numbers != [f"115-{number:04}" for number in range(1, len(cases) + 1)]:
        yield f"numbers: {numbers}"
    yield from (f"{one} cannot be read" for one in office._store.office.nameless())


@dataclass(slots=True)
class Telling:
    """Stories, by processes that die."""

    box: Box
    seeds: range
    random: Random
    kills: int = 0
    whole: int = 0
    """Stories that no process tells any more."""

    def tell(self) -> None:
        reader, writer = os.pipe()
        answered: dict[int, int] = {}
        died = True
        while died:
            died = self.box.dies(self.seeds, writer, self.random.randint(1, POINTS))
            self.kills += died
            told_now = os.read(reader, 1 << 16) if select.select([reader], [], [], 0)[0] else b""
            for line in told_now.splitlines():
                seed, version = map(int, line.split())
                answered[seed] = version
            office = self.box.opened()
            wrong = [*box_faults(office), *self._stories(office, answered, died=died)]
            self.box.box.store.close()
            assert wrong == [], "\n".join(wrong[:3])
        os.close(reader)
        os.close(writer)

    def _stories(self, office: OfficeService, answered: dict[int, int], *, died: bool) -> Iterator[str]:
        rows = office._store.office.requests.listed()
        for at in range(self.whole, len(rows)):
            seed, case = self.seeds[at], office.cases.case(rows[at].number)
            yield from story_faults(case, seed, answered.get(seed, 0), died=died and at == len(rows) - 1)
            answered[seed] = rows[at].version  # what was done and not answered is done
        self.whole = max(0, len(rows) - 1)


def test_stories_go_on_where_a_process_died(
    memory: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    length: Profile = request.getfixturevalue("profile")
    stories, kills = 4_000 if length.name == "long" else 200, 0
    for first in range(0, stories, TOGETHER):
        place = memory / str(first)
        place.mkdir()
        telling = Telling(Box(place), range(first, first + TOGETHER), Random(first))
        telling.tell()
        kills += telling.kills
        assert promises.fsck(promises.Box(telling.box.box.state, {}), telling.box.box.clock) == []
        shutil.rmtree(place)
    with capsys.disabled():
        print(f" {stories} stories, {kills} kills", end="")  # noqa: T201


def test_an_answer_before_its_fact_shows(memory: Path) -> None:
    with pytest.raises(AssertionError, match="was answered"):
        Telling(Box(memory, too_soon=True), range(TOGETHER), Random(0)).tell()
