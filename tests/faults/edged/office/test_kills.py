"""SIGKILL at every failpoint that a step of a request reaches, in the middle of its transaction, and right behind it.

A process of its own does one step over the real calls, database, volume and keys, and dies. The next start finds all of
the step or nothing of it. Numbers have no holes, pins are what requests ask for, no viewing copy lies there, every word
can be read, and the ledger agrees; what was not done can be done. Short form: each kind of step once; `--long`: each
step of each row, too.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections import Counter as Count
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar
from unittest.mock import patch

import pytest

from edged.config.model import Config
from edged.office.request import Act, Request, Take
from edged.office.service import OfficeService
from edged.office.story import Case
from edged.profiles.loader import PROFILES, profile
from storage.ledger import table as ledger_table
from storage.ledger.table import Leaf
from storage.pins.rules import Interval, Pin, PinState
from storage.retention.plan import Policy
from storage.words import failpoints
from tests.integration.edged.office.test_steps import NEEDS, act_of, at, whole
from tests.integration.edged.office.test_stories import CAMERA, SECTION
from tests.support import promises
from tests.support.counter import Counter, configured, passable, serving
from tests.support.office import BOUNDS, Office
from tests.support.office_story import CLERK, HEAD, SECOND, Step, Story, number_of, staffed

T = TypeVar("T")
Point = str
"""A failpoint, or:"""
LEAF: Final = "leaf"
"""in the middle of a transaction: its leaf is entered, and nothing is durable;"""
HOLD: Final = "hold"
"""it is durable; pins are not what it asks for yet, and nobody was answered."""
BESIDE: Final = ("mirror.", "head.")
"""What goes on by itself meanwhile."""
Work = Callable[[Counter], Awaitable[object]]
DAY_MS: Final = 86_400_000
PDF: Final = b"%PDF-1.7\n"
SHORT: Final = (("wenshan-household", "W-urgent"), ("nangang-school", "N-member"), ("jiancheng-land", "J-staff"))
"""Rows that have each kind of step between them."""


def die(wanted: Point, at: Point) -> None:
    if at == wanted:
        os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def heard(listener: Callable[[Point], None]) -> Iterator[None]:
    """Each point that is passed meanwhile."""
    enter, hold = ledger_table.enter, OfficeService.hold

    def entered(connection: Any, kind: Leaf, *rest: Any, **more: Any) -> int:
        number = enter(connection, kind, *rest, **more)
        if kind in (Leaf.OFFICE, Leaf.PERSON):
            listener(LEAF)
        return number

    def holding(office: OfficeService) -> None:
        listener(HOLD)
        hold(office)

    failpoints.arm(listener)
    try:
        with patch.object(ledger_table, "enter", entered), patch.object(OfficeService, "hold", holding):
            yield
    finally:
        failpoints.arm(None)


@dataclass(slots=True)
class Lives:
    """A box that is stopped, killed and started anew."""

    root: Path
    name: str
    viewings: Path
    box: Office
    config: Config
    kills: int = 0

    def live(self, work: Callable[[Counter], Awaitable[T]]) -> T:
        """One life, which ends in order."""
        self.box.start()
        try:
            self.box.store.recover()
            return asyncio.run(self._served(work))
        finally:
            self.box.store.close()

    async def _served(self, work: Callable[[Counter], Awaitable[T]]) -> T:
        async with serving(self.box, self.config, self.viewings) as counter:
            return await work(counter)

    def killed(self, point: Point, work: Work) -> None:
        """One that ends the first time that this point is passed."""

        async def dying(counter: Counter) -> None:
            with heard(partial(die, point)):
                await work(counter)

        self.kills += 1
        child = os.fork()
        if child == 0:
            try:
                self.live(dying)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"{point} was not passed"

    @contextmanager
    def remembered(self) -> Iterator[Callable[[], None]]:
        """Whoever calls it has everything as it was."""
        places = (self.box.state, self.box.disk, self.viewings)
        with TemporaryDirectory(dir=self.root) as folder:
            copies = [(path, Path(folder, str(number))) for number, path in enumerate(places) if path.exists()]
            for path, kept in copies:
                _copy(path, kept)

            def restore() -> None:
                for path in places:
                    shutil.rmtree(path, ignore_errors=True)
                for path, kept in copies:
                    _copy(kept, path)

            yield restore


def _copy(source: Path, target: Path) -> None:
    """With links and times."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


@contextmanager
def lives(memory: Path, name: str) -> Iterator[Lives]:
    """With its people, and footage of this morning."""
    with passable() as viewings:
        box = Office(memory)
        box.enrol(CAMERA)
        config = configured(memory, box, name, {CAMERA: "教務處" if name == "nangang-school" else ""})
        box.segment(CAMERA, 300)
        box.store.close()
        made = Lives(memory, name, viewings, box, config)
        made.live(lambda counter: staffed(counter, name, SECTION))
        yield made


# --- what is there


@dataclass(frozen=True, slots=True)
class Standing:
    """All that a step may change."""

    requests: dict[str, tuple[Request, bool, int]]
    """With whether its persons are erased, and its scans."""
    people: list[Any]
    names: dict[int, str]
    kept: list[Any]
    """Pins that acts name."""


def standing(counter: Counter) -> Standing:
    store, cases = counter.box.store, counter.office.cases
    requests = store.office.requests
    every = [cases.case(row.number) for row in requests.listed()]
    persons, posts = store.office.persons.read()
    named = {one.act.made for case in every for one in case.acts if isinstance(one.act, Take)}
    return Standing(
        {one.row.number: (_nameless(one.request), one.row.erased, requests.scans(one.row.number)) for one in every},
        [*((one.number, one.unit, one.account, one.left) for one in persons),
         *((one.person, one.post, one.unit, one.holder, sorted(one.by)) for one in posts)],
        dict(counter.office.names()),
        [(one.order.case, one.order.interval) for one in pins(counter) if one.id in named],
    )  # fmt: skip


def _nameless(request: Request) -> Request:
    """A copy that is made again has another id."""
    return replace(request, copies=tuple(replace(one, made="") for one in request.copies))


def pins(counter: Counter) -> list[Pin]:
    """By which something is kept, beside what requests hold."""
    return [one.pin for one in counter.box.store.pins.lasting() if not one.pin.is_request]


def left(counter: Counter) -> list[str]:
    """What is not as it should be once the box has looked at its office."""
    store, office = counter.box.store, counter.office
    facts = counter.facts()
    cases: dict[str, Case] = {row.number: office.cases.case(row.number) for row in store.office.requests.listed()}
    wanted = [_hold(one.number, one.stretch.camera, one.stretch.from_ms, one.stretch.to_ms)
              for case in cases.values() for one in office.wanted(case)]  # fmt: skip
    held = [(pin.order.case, pin.order.cameras, pin.order.interval) for pin in store.pins.holds()]
    serials = sorted(int(number.partition("-")[2]) for number in cases)
    named = store.office.requests.of_export
    readable = [number for number, case in cases.items() if case.procedure.fields and not case.row.erased]
    base = counter.copies._base_path
    found: dict[str, list[Any]] = {
        "numbers": [] if serials == list(range(1, len(serials) + 1)) else serials,
        "pins": sorted((Count(held) - Count(wanted)) + (Count(wanted) - Count(held))),
        "nameless": [*facts.nameless, *["a person"] * facts.nameless_persons],
        "viewing copies": [*counter.copies.troubles, *(base.iterdir() if base.exists() else [])],
        "viewed": [one.id for one in store.exports.viewed()],
        "viewings": [number for number, case in cases.items() if case.request.viewing is not None],
        "copies of nobody": [one.id for one in store.exports.left_open() if not named(one.id)],
        "unapproved": [one.id for one in pins(counter) if one.state is not PinState.APPROVED],
        "words": [number for number in readable if number not in facts.nameless and not office.words(number)],
        "names": [number for number, name in office.names().items() if not name],
        "shut": [facts.shut] if facts.shut else [],
    }  # fmt: skip
    return [f"{what}: {which}" for what, which in found.items() if which]


def _hold(number: str, camera: str, from_ms: int, to_ms: int) -> tuple[str, tuple[str, ...], Interval]:
    return number, (camera,), Interval(from_ms, to_ms)


# --- killing


@dataclass(slots=True)
class Killing:
    """Each point of each step that it is told to do."""

    lives: Lives
    kinds: set[str] = field(default_factory=set)
    """That were killed."""
    faults: list[str] = field(default_factory=list)

    def step(self, where: str, kind: str, work: Work, *, nameless: bool = False) -> None:
        """Done, in the end. `nameless`: words may be lost with the key before anything says so."""
        self.kinds.add(kind)
        points: list[Point] = []

        async def listening(counter: Counter) -> tuple[Standing, Standing]:
            before = standing(counter)
            with heard(lambda at: None if at.startswith(BESIDE) else points.append(at)):
                await work(counter)
            return before, standing(counter)

        with self.lives.remembered() as restore:
            before, after = self.lives.live(listening)
            with self.lives.remembered() as done:
                for point in dict.fromkeys(points):
                    restore()
                    self.lives.killed(point, work)
                    found = self._found(before, after, work)
                    fine = ("nameless", "words") if nameless else ()
                    self.faults += [f"{where}, {kind}, at {point}: {one}" for one in found if not one.startswith(fine)]
                done()

    def _found(self, before: Standing, after: Standing, work: Work) -> list[str]:
        async def look(counter: Counter) -> list[str]:
            there = standing(counter)
            faults = [] if there in (before, after) else [f"half of it: {there}"]
            faults += left(counter)
            if standing(counter) == before:
                await work(counter)
                again = standing(counter)
                faults += [] if again == after else [f"done again it is {again}"]
                faults += [] if len(pins(counter)) == len(again.kept) else ["it is kept twice"]
            return faults

        return self._fsck() + self.lives.live(look)

    def _fsck(self) -> list[str]:
        return promises.fsck(promises.Box(self.lives.box.state, {}), self.lives.box.clock)

    # --- what is done

    def tell(self, row: str, wanted: Callable[[str], bool]) -> None:
        """The story of a row. `wanted`: kinds of steps that are killed."""
        told: Story = self.lives.live(partial(_made, self.lives.name, row))
        steps = self.lives.live(partial(_reference, self.lives.name, row))
        acts: list[tuple[str, Work]] = [("receive", partial(_receive, told))]
        acts += [(act_of(step), partial(_do, told, step, steps)) for step in steps]
        for kind, work in acts:
            if kind == "receipt":
                self.lives.live(partial(_finish, told))
            if wanted(kind):
                self.step(row, kind, work)
            else:
                self.lives.live(work)


async def _made(name: str, row: str, counter: Counter) -> Story:
    return whole(counter, name, row)


async def _reference(name: str, row: str, counter: Counter) -> list[Step]:
    first = whole(counter, name, row)
    await first.tell()
    return first.told


async def _receive(told: Story, counter: Counter) -> None:
    told.counter = counter
    await told.receive()


async def _finish(told: Story, counter: Counter) -> None:
    told.counter = counter
    await told.finish()


async def _do(told: Story, step: Step, first: list[Step], counter: Counter) -> None:
    told.counter = counter
    if act_of(step) == "open" and told.row.companion_by_login:  # which a restart forgets
        await told.do((SECOND, "view", "view", {"version": 1, "step": "here"}))
    await told.do(at(step, await told.now(), first))


def checked(killing: Killing, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f" {killing.lives.kills} kills", end="")  # noqa: T201
    assert killing.faults == [], "\n".join(killing.faults[:5])


def _is_new(kinds: set[str], kind: str) -> bool:
    return kind not in kinds | {"here"}


def test_each_kind_of_step_is_done_or_not_begun(memory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kinds, kills, faults = set[str](), 0, list[str]()
    for name, row in SHORT:
        place = memory / name
        place.mkdir()
        with lives(place, name) as box:
            killing = Killing(box, kinds)
            killing.tell(row, partial(_is_new, kinds))
            kills += box.kills
            faults += killing.faults
    with capsys.disabled():
        print(f" {kills} kills", end="")  # noqa: T201
    assert faults == [], "\n".join(faults[:5])
    assert kinds == {"receive", *NEEDS} - {"here"}, "rows of `SHORT` have each kind between them"


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(PROFILES))
def test_each_step_of_each_row_is_done_or_not_begun(
    memory: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with lives(memory, name) as box:
        killing = Killing(box)
        for row in profile(name).procedures:
            killing.tell(row.row, lambda kind: kind != "here")
    checked(killing, capsys)


# --- beside the straight story


def test_what_else_is_done_with_a_request_and_with_people(memory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, row = "wenshan-household", "W-public"
    with lives(memory, name) as box:
        killing = Killing(box)
        told = box.live(partial(_made, name, row))
        box.live(partial(_receive, told))
        post = {"post": told.row.chain[1].post}
        paper = {"person": number_of(HEAD), "day": told.day}

        def call(who: str, path: str, **body: Any) -> Work:
            async def done(counter: Counter) -> None:
                told.counter = counter
                version = {"version": (await told.now())["version"]}
                await counter.done(who, "POST", f"/v1/requests/{told.number}/{path}", version | body)

            return done

        def agreed(path: str, **body: Any) -> Work:
            return lambda counter: counter.agreed(CLERK, "wang", path, body)

        async def scanned(counter: Counter) -> None:
            await counter.done(CLERK, "POST", f"/v1/requests/{told.number}/scans", PDF)

        async def named(counter: Counter) -> None:
            await counter.done(CLERK, "POST", "/v1/persons", {"name": "王小明"})

        async def renamed(counter: Counter) -> None:
            await counter.done(CLERK, "POST", "/v1/persons", {"name": "王大明", "number": 6})

        async def deputised(counter: Counter) -> None:
            now = "2026-02-25T00:00:00Z", "2026-02-28T00:00:00Z"
            told = {"person": 6, **post, "start": now[0], "end": now[1]}
            await counter.done(HEAD, "POST", "/v1/posts/deputise", told)

        fields = {"reason": "另一個原因"}
        steps: dict[str, Work] = {
            "a scan": scanned,
            "a signature": call(HEAD, "sign", signer={"post": told.row.chain[0].post}),
            "a return": call(HEAD, "return", signer=post, to=0, reason="不符"),
            "a supplement is asked": call(HEAD, "supplement", signer=post, until="2026-03-31", reason="補正"),
            "a supplement comes": call(CLERK, "supplement", fields=fields, complete=True),
            "more time": call(CLERK, "reply", signer=post | paper, reason="證據未齊"),
            "a person": named,
            "a name": renamed,
            "an account": agreed("/v1/persons/6/tie", account="audit"),
            "a deputy": deputised,
            "a post": agreed("/v1/posts/hold", person=6, unit="", **post),
            "no post": agreed("/v1/posts/hold", person=6, unit="", ends=True, **post),
            "somebody leaves": agreed("/v1/persons/6/tie", account=None, left=True),
            "a withdrawal": call(CLERK, "withdraw"),
            "a reply": call(CLERK, "reply"),
            "the end": call(CLERK, "close", fields={}),
        }
        for kind, work in steps.items():
            killing.step(row, kind, work)
        box.box.clock.tick(5 * 366 * DAY_MS)
        box.live(swept)
        killing.step(row, "an erasure", agreed(f"/v1/requests/{told.number}/expire"), nameless=True)
    checked(killing, capsys)


async def swept(counter: Counter) -> None:
    counter.box.store.sweep(lambda: Policy({CAMERA: BOUNDS}))


# --- planted bugs


def by_halves(office: OfficeService, number: str, version: int, fields: dict[str, str], *acts: Act) -> Case:
    """What comes at once is done one by one."""
    case = office.cases.case(number)
    for act in (*([office._amending(case, fields)] if fields else []), *acts):
        case = office.act(number, case.row.version, act)
    return case


PLANTED: Final[dict[str, tuple[str, Any, str]]] = {
    "half of it": ("amend", by_halves, "close"),
    "copies of nobody": ("end_copies_of_nobody", lambda _: None, "copy"),
    "pins": ("hold", lambda _: None, "receive"),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_shows(memory: Path, bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, planted, kind = PLANTED[bug]
    with lives(memory, "dahu-township") as box:
        killing = Killing(box)
        monkeypatch.setattr(OfficeService, name, planted)
        killing.tell("D-agency", lambda one: one == kind)
    assert any(f": {bug}" in fault for fault in killing.faults), killing.faults
