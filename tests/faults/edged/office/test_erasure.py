"""Persons whom the office erased are nowhere on the disks: raw images of state and volumes are searched at each step.

The test knows every key that there ever was, and every word that somebody wrote: fields, names, papers that were seen,
reasons, who was there, a scan. No word is found at any time, however it is spelt. Keys lie in their two files alone,
and nothing that opens whom the office erased lies anywhere.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import pickle
import signal
import sqlite3
import traceback
from collections import Counter as Tally
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from edged.centre.handlers import report
from edged.host.journal import Tail
from edged.overview import OfficeFacts
from edged.profiles import loader
from storage.office.keys import KEY_NAME, KEYS_NAME
from storage.words.failpoints import Failpoint, arm
from tests.conftest import Profile
from tests.faults.storage.store.scenario import OfficeAt
from tests.integration.storage.recovery.test_lost_database import gone, no_header, rebuilt
from tests.support import raw_images
from tests.support.counter import Counter, configured, serving
from tests.support.disks import may_mount
from tests.support.markers import SCAN, STEM, Markers, needles
from tests.support.office import Clock, in_memory
from tests.support.office_story import CLERK, DECIDES, HEAD, Story, number_of, staffed
from tests.support.request_keys import Witness, watched

pytestmark = pytest.mark.skipif(not may_mount(), reason="mounting needs root")

T = TypeVar("T")
PROFILE: Final = "wenshan-household"
ROWS: Final = ("W-staff", "W-public", "W-agency")
"""Of the short form: what is kept, what is erased, what leaves."""
CAMERA: Final = "lobby"
AUTHORITY: Final = "wang"
DAY_MS: Final = 86_400_000
KEPT_DAYS: Final = 1096
"""W10."""
MARKERS: Final = 20
STATE: Final = "state"
VOLUMES: Final = ("first", "second")
DATABASE: Final = "edged.db"


@dataclass
class Disks:
    """Three file systems: one that state and viewing copies lie on, and two volumes."""

    kind: str
    place: Path
    """Where they are mounted."""
    images_in: Path
    clock: Clock = field(default_factory=Clock)
    witness: Witness = field(default_factory=Witness)
    _search: raw_images.Search = field(default_factory=lambda: raw_images.Search(needles()))
    _mounted: dict[str, ExitStack] = field(default_factory=dict)

    @property
    def images(self) -> list[Path]:
        return [self.images_in / f"{name}.img" for name in (STATE, *VOLUMES)]

    @property
    def state(self) -> Path:
        return self.place / STATE / "edged"

    def records(self, volume: str, number: str) -> Path:
        """Where a volume has the records of a request."""
        return self.place / volume / ".office" / number

    def mount(self, *names: str) -> None:
        for name in names or (STATE, *VOLUMES):
            self._mounted[name] = stack = ExitStack()
            image = self.images_in / f"{name}.img"
            stack.enter_context(raw_images.mounted(image, self.place / name, self.kind))

    def unmount(self, *names: str) -> None:
        for name in names or [*self._mounted]:
            self._mounted.pop(name).close()

    def open(self) -> OfficeAt:
        first, second = (self.place / name for name in VOLUMES)
        return OfficeAt(self.state, first, self.clock, second)

    @asynccontextmanager
    async def serving(self, box: OfficeAt) -> AsyncIterator[Counter]:
        config = configured(self.place, box, PROFILE, {CAMERA: ""})
        async with serving(box, config, self.place / STATE / "viewings", 0) as counter:
            yield counter

    # --- what is searched for

    def words(self) -> set[str]:
        """Those that lie in plain in what has changed since the last look."""
        for name in self._mounted:
            raw_images.sync(self.place / name)
        return self._search.found(self.images)

    def secrets(self) -> dict[str, bytes]:
        """Every key that was, in each form that it ever had."""
        seen = self.witness
        told = {f"wrapping key {number}": key for number, key in enumerate(seen.wrapping)}
        told |= {f"{number}, wrapped {at}": form for at, (number, _, form) in enumerate(seen.wrapped)}
        return told | {f"{number}, bare": key for number, key in seen.data.items()}

    def opening(self, number: str) -> dict[str, bytes]:
        """What the persons of a request were ever read by."""
        wrapping = {key for other, key, _ in self.witness.wrapped if other == number}
        return {what: key for what, key in self.secrets().items() if what.startswith(f"{number},") or key in wrapping}

    def in_files(self) -> Tally[str]:
        """How often each lies in the two files."""
        files = [self.state / name for name in (KEY_NAME, KEYS_NAME)]
        lies = b"".join(file.read_bytes() for file in files if file.exists())
        return Tally({what: times for what, key in self.secrets().items() if (times := lies.count(key))})

    def left(self, number: str) -> set[str]:
        """What of that lies in the two files, and is in force or may be."""
        return self.opening(number).keys() & self.in_files()

    def wrong(self) -> list[str]:
        """What lies somewhere and should not."""
        words, there, right = self.words(), raw_images.counted(self.images, self.secrets()), self.in_files()
        return [f"{what} is found" for what in sorted(words)] + [
            f"{what} is there {there[what]} times, in its file {right[what]} times"
            for what in sorted({*there, *right})
            if there[what] != right[what]
        ]


@contextmanager
def made(place: Path, kind: str, patch: pytest.MonkeyPatch) -> Iterator[Disks]:
    place.chmod(0o755)  # operators get to their viewing copies
    disks = Disks(kind, place, place, witness=watched(patch))
    for image in disks.images:
        raw_images.make(image, kind)
    disks.mount()
    try:
        yield disks
    finally:
        disks.unmount()


# --- what an office does


@dataclass
class Office:
    """All that people write is a marker; `check` looks behind each step."""

    counter: Counter
    markers: Markers
    check: Callable[[str], None]

    async def work(self, rows: tuple[str, ...]) -> dict[str, str]:
        """Cases of these rows from receipt to close; their numbers."""
        counter, markers = self.counter, self.markers
        counter.box.segment(CAMERA, 300)
        await staffed(counter, PROFILE, called=lambda who: markers(f"name of {who}"))
        self.check("staffed")
        return {row: await self._case(row) for row in rows}

    async def _case(self, row: str) -> str:
        counter, markers, today = self.counter, self.markers, str(self.counter.office.today())
        procedure = loader.profile(PROFILE).procedure(row)
        assert procedure is not None
        story = Story(
            counter,
            procedure,
            today,
            f"{today} 14:00-14:30",
            CAMERA,
            text=lambda one: markers(f"{row} {one.name}"),
            document=lambda name: markers(f"{row} {name}"),
            present=[markers(f"{row} present {number}") for number in range(2)],
            of_copy=lambda what: markers(f"{row} {what} of the copy"),
            disposes=True,
        )
        await story.receive()
        self.check(f"{row} received")
        if procedure.clock and procedure.clock.extension:
            await self._besides(story)
        async for step in story.steps():
            if step[1] == "grant":
                step[3]["reason"] = markers(f"{row} why")
            if step[1] == "copy" and not step[3].keys() & {"keep", "asks"}:
                step[3].update(secrecy="密", declassify=story.of_copy("declassify"))
            shown = await story.do(step)
            self.check(f"{row} {step[1]}")
            if step[1] == "copy" and shown["export"]:
                await self._leaves(shown["export"]["id"])
        await self._mistakes(story)
        return story.number

    async def _besides(self, story: Story) -> None:
        """What no straight story has: a scan, a supplement, a return, more time to answer."""
        first, second, last = (story.row.chain[at].post for at in (0, 1, -1))

        async def do(who: str, path: str, **body: Any) -> None:
            await story.do((who, path, path, {"version": (await story.now())["version"], **body}))
            self.check(path)

        scan = (await self.counter.done(CLERK, "POST", f"/v1/requests/{story.number}/scans", SCAN))["scan"]
        self.check("scan")
        why = self.markers
        await do(HEAD, "supplement", signer={"post": first}, until=story.day, reason=why("lacks"))
        await do(CLERK, "supplement", fields={"reason": why("supplemented")}, complete=True)
        await do(CLERK, "sign", signer={"post": first, "person": number_of(HEAD), "day": story.day, "scan": scan})
        await do(HEAD, "return", signer={"post": second}, to=0, reason=why("returned"))
        decides = {"post": last, "person": number_of(DECIDES), "day": story.day}
        await do(CLERK, "reply", signer=decides, reason=why("extended"))

    async def _leaves(self, export: str) -> None:
        """As `edgectl` fetches it."""
        at = f"/v1/exports/{export}"
        await self.counter.done(CLERK, "POST", f"{at}/prepare")
        self.check("export prepared")
        await self.counter.done(CLERK, "POST", f"{at}/seal")
        self.check("export sealed")
        await self.counter.done(CLERK, "POST", f"{at}/finish")
        self.check("export finished")

    async def _mistakes(self, story: Story) -> None:
        """Words where none belong: each is refused, and kept nowhere."""
        name = self.markers("mistaken")
        at, version = f"/v1/requests/{story.number}", (await story.now())["version"]
        signer = {"post": name, "unit": name}
        part = {"camera": name, "start": f"{story.day}T14:00:00+08:00", "end": f"{story.day}T14:01:00+08:00"}
        tries: list[tuple[str, dict[str, Any]]] = [
            ("/v1/requests", {"row": name, "received": name, "fields": {name: name}, "applicant": None}),
            ("/v1/requests", {"row": story.row.row, "received": story.day, "fields": {name: name}, "applicant": None}),
            ("/v1/requests/received",
             {"row": story.row.row, "received": story.day, "fields": {}, "applicant": None, "number": name}),
            (f"/v1/requests/{name}/close", {"version": 1}),
            (f"{at}/sign", {"version": version, "signer": signer}),
            (f"{at}/sign", {"version": version, "signer": {"post": story.row.chain[0].post, "unit": name}}),
            (f"{at}/check", {"version": version, "check": name, "outcome": name, "document": name}),
            (f"{at}/check", {"version": version, "check": story.row.checks[0].name, "outcome": name, "document": name}),
            (f"{at}/copy", {"version": version, "asks": True, "scope": [part], "fields": {name: name}}),
            (f"{at}/copy", {"version": version, "scope": [part], "fields": {name: name}}),
            (f"{at}/view", {"version": version, "step": "open", "companion": 2, "unit": name, "scope": [part]}),
            (f"{at}/receipt", {"version": version, "receiver": name, "identity": name, "medium": name}),
            (f"{at}/receipt",
             {"version": version, "receiver": name, "identity": name, "medium": name, "copy_id": name}),
            (f"{at}/destroyed", {"version": version, "copy_id": name, "disposal": "destroyed", "ours": True}),
            (f"{at}/entry", {"version": version, "entry": 2, "signer": signer}),
            (f"{at}/close", {"version": version, "fields": {name: name}}),
            (f"{at}/scans/{name}", {}),
            ("/v1/persons/1/tie", {"account": name}),
            ("/v1/posts/hold", {"person": 1, "post": name, "unit": name}),
            ("/v1/exports/" + name + "/prepare", {}),
        ]  # fmt: skip
        for path, body in tries:
            reply = await self.counter.ask(CLERK, "POST", path, body)
            assert not reply.ok, (path, body)
            assert 400 <= reply.status < 500 or "failed to answer" not in reply.error, (path, body, reply)
        self.check("mistakes")


async def erase(counter: Counter, number: str) -> None:
    """Two persons have its persons erased."""
    act = (await counter.done(CLERK, "POST", f"/v1/requests/{number}/expire", {}))["act"]["id"]
    await counter.done(AUTHORITY, "POST", f"/v1/acts/{act}/approve")


# --- an office of three years ago, and what befalls it


@dataclass
class OldOffice:
    """Its file systems at rest: every case is closed, and their time is over."""

    disks: Disks
    number: str
    """Of the request whose persons are to go."""
    agency: str
    """Of one of which a copy was handed over."""
    markers: Markers
    wrong: dict[str, list[str]]
    """What was found, by the step behind which it was."""
    log: str
    diagnostics: str
    """What the centre would get."""


@dataclass(eq=False)
class Lines(logging.Handler):
    """All that is logged."""

    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(self.format(record))


@contextmanager
def listening(*handlers: logging.Handler) -> Iterator[None]:
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    for one in handlers:
        one.addFilter(lambda record: record.name != "aiohttp.access")  # a daemon has none
        root.addHandler(one)
    try:
        yield
    finally:
        root.setLevel(before)
        for one in handlers:
            root.removeHandler(one)


@pytest.fixture(scope="module")
def office(request: pytest.FixtureRequest, profile: Profile) -> Iterator[OldOffice]:
    is_long, kind = profile.name == "long", request.param
    lines, tail, markers, wrong = Lines(), Tail(), Markers(), dict[str, list[str]]()
    rows = tuple(one.row for one in loader.profile(PROFILE).procedures) if is_long else ROWS
    with in_memory() as place:
        with pytest.MonkeyPatch.context() as patch, listening(lines, tail), made(place, kind, patch) as disks:

            def check(step: str) -> None:
                thorough = is_long or step in ("staffed", "scan", "close", "at rest")
                if found := disks.wrong() if thorough else sorted(disks.words()):
                    wrong[step] = found

            box = disks.open()

            async def live() -> tuple[dict[str, str], str]:
                box.enrol(CAMERA)
                async with disks.serving(box) as counter:
                    numbers = await Office(counter, markers, check).work(rows)
                    return numbers, str(report(counter.config, tail.lines(), {}, tail.held()))

            try:
                numbers, diagnostics = asyncio.run(live())
            finally:
                box.store.close()
            check("at rest")
            disks.clock.tick((KEPT_DAYS + 1) * DAY_MS)
        yield OldOffice(
            disks, numbers["W-public"], numbers["W-agency"], markers, wrong, "\n".join(lines.told), diagnostics
        )


@pytest.fixture
def disks(office: OldOffice, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disks]:
    """A copy of them, mounted where they were."""
    old, seen = office.disks, watched(monkeypatch)
    seen.wrapping.extend(old.witness.wrapping)
    seen.wrapped.extend(old.witness.wrapped)
    seen.data.update(old.witness.data)
    with in_memory() as place:
        copied = Disks(old.kind, old.place, place, deepcopy(old.clock), seen)
        for image in old.images:
            raw_images.copy(image, place / image.name)
        copied.mount()
        try:
            yield copied
        finally:
            copied.unmount()


def working(disks: Disks, doing: Callable[[Counter], Awaitable[T]], *, lost: bool = False) -> T:
    """A run of the daemon, in which somebody does something. `lost`: the database is made anew before."""
    box = disks.open()

    async def run() -> T:
        async with disks.serving(box) as counter:
            return await doing(counter)

    try:
        if lost:
            rebuilt(box)
        return asyncio.run(run())
    finally:
        box.store.close()


def erasing(number: str) -> Callable[[Counter], Awaitable[None]]:
    async def doing(counter: Counter) -> None:
        await erase(counter, number)

    return doing


async def looked(counter: Counter) -> OfficeFacts:
    """What a daemon does by itself within half a minute."""
    facts = counter.office_watch.look()
    counter.box.store.sweep(counter.config.policy)
    return facts


def assert_erased(disks: Disks, number: str) -> None:
    async def doing(counter: Counter) -> tuple[OfficeFacts, Any, Any]:
        facts = await looked(counter)
        shown = (await counter.done(CLERK, "GET", f"/v1/requests/{number}"))["request"]
        return facts, shown, await counter.done(CLERK, "GET", "/v1/acts")

    facts, shown, acts = working(disks, doing)
    assert (shown["erased"], shown["nameless"], shown["to_erase"]) == (True, True, False)
    assert {one["value"] for one in shown["fields"]} == {""}
    assert facts.nameless == ()
    assert acts["acts"] == [], "nobody is asked once more"
    assert not [volume for volume in VOLUMES if disks.records(volume, number).exists()]
    assert disks.wrong() == []
    assert disks.left(number) == set()
    disks.unmount()
    assert disks.words() == set()
    assert not raw_images.counted(disks.images, disks.opening(number))


def plainly(disks: Disks, number: str) -> None:
    working(disks, erasing(number))


def when_the_database_was_lost(disks: Disks, number: str) -> None:
    gone(disks.state / DATABASE)
    working(disks, erasing(number), lost=True)


def and_then_the_database_is_lost(disks: Disks, number: str) -> None:
    working(disks, erasing(number))
    gone(disks.state / DATABASE)
    working(disks, looked, lost=True)


def with_a_damaged_database_beside(disks: Disks, number: str) -> None:
    no_header(disks.state / DATABASE)
    working(disks, erasing(number), lost=True)
    assert [*disks.state.glob(f"{DATABASE}.damaged-*")]


def while_a_volume_is_away(disks: Disks, number: str) -> None:
    disks.unmount("second")
    working(disks, erasing(number))
    disks.mount("second")
    assert disks.records("second", number).exists()


def and_then_older_keys_are_put_back(disks: Disks, number: str) -> None:
    files = [disks.state / name for name in (KEY_NAME, KEYS_NAME)]
    before = [file.read_bytes() for file in files]
    working(disks, erasing(number))
    for file, data in zip(files, before, strict=True):
        with file.open("r+b") as there:
            there.write(data)
    assert disks.left(number), "it could be read again"
    assert working(disks, looked).keys_restored


def and_then_an_older_database_is_put_back(disks: Disks, number: str) -> None:
    before = (disks.state / DATABASE).read_bytes()
    working(disks, erasing(number))
    (disks.state / DATABASE).write_bytes(before)
    working(disks, looked, lost=True)


def and_then_an_older_state_is_put_back(disks: Disks, number: str) -> None:
    """The whole directory, out of somebody's backup."""
    before = {file: file.read_bytes() for file in disks.state.iterdir() if file.is_file()}
    working(disks, erasing(number))
    for file, data in before.items():
        with file.open("r+b") as there:
            there.write(data)
            there.truncate()
    assert disks.left(number), "it could be read again"
    assert working(disks, looked, lost=True).keys_restored


def and_then_an_older_state_is_put_back_beside_an_older_volume(disks: Disks, number: str) -> None:
    """All that is there fits together, until the volume comes that knows better."""
    before = {file: file.read_bytes() for file in disks.state.iterdir() if file.is_file()}
    disks.unmount("second")
    working(disks, erasing(number))
    disks.unmount("first")
    disks.mount("second")
    for file, data in before.items():
        with file.open("r+b") as there:
            there.write(data)
            there.truncate()
    working(disks, looked)
    assert disks.left(number), "it can be read again"
    disks.mount("first")
    working(disks, looked)


ON_EXT4: Final = pytest.mark.parametrize("office", ["ext4"], indirect=True)
EVERYWHERE: Final = pytest.mark.parametrize(
    "office", ["ext4", pytest.param("xfs", marks=[raw_images.HAS_XFS, pytest.mark.long])], indirect=True
)


@EVERYWHERE
def test_no_word_and_no_key_lies_where_it_should_not(office: OldOffice) -> None:
    assert office.wrong == {}
    assert len(office.markers.texts) >= MARKERS
    assert office.log
    seen = office.log + office.diagnostics
    assert not [how for how, needle in needles().items() if needle.decode("utf-8", "replace") in seen]


@EVERYWHERE
@pytest.mark.parametrize(
    "befalls",
    [
        plainly,
        when_the_database_was_lost,
        and_then_the_database_is_lost,
        with_a_damaged_database_beside,
        while_a_volume_is_away,
        and_then_older_keys_are_put_back,
        and_then_an_older_database_is_put_back,
        and_then_an_older_state_is_put_back,
        and_then_an_older_state_is_put_back_beside_an_older_volume,
    ],
)
def test_who_was_erased_is_nowhere(office: OldOffice, disks: Disks, befalls: Callable[[Disks, str], None]) -> None:
    assert disks.left(office.number), "it was there"
    befalls(disks, office.number)
    assert_erased(disks, office.number)


@EVERYWHERE
def test_who_took_a_copy_goes_with_the_rest(office: OldOffice, disks: Disks) -> None:
    """What was said of it lies under the key of its request; what has become of it stays."""

    async def shown(counter: Counter) -> Any:
        (copy,) = (await counter.done(CLERK, "GET", f"/v1/requests/{office.agency}"))["request"]["copies"]
        return copy

    before = working(disks, shown)
    words = [before["declassify"], *(before["receipt"][name] for name in ("receiver", "identity", "medium"))]
    assert [one in office.markers.texts.values() for one in words] == [True] * 4

    async def erasing_past_the_term(counter: Counter) -> None:
        """No text says how long a form is kept where copies leave."""
        requests = counter.box.store.office.requests
        requests._database.submit(requests.erase(office.agency)).result()
        requests.follow_up()

    working(disks, erasing_past_the_term)
    told = {"receiver": "", "identity": "", "medium": ""}
    assert working(disks, shown) == before | {"declassify": "", "receipt": before["receipt"] | told}
    assert_erased(disks, office.agency)


STEPS: Final = (
    Failpoint.OFFICE_ERASING,
    Failpoint.KEYS_PREPARED,
    Failpoint.KEYS_IN_FORCE,
    Failpoint.KEYS_KEY_GONE,
    Failpoint.KEYS_SLOT_GONE,
    Failpoint.KEYS_VERIFIED,
    Failpoint.OFFICE_ERASED,
    Failpoint.OFFICE_RECORDED,
    Failpoint.OFFICE_REMOVED,
)


def killed_at(disks: Disks, step: Failpoint, number: str) -> None:
    """A daemon that dies there, while two persons erase them."""
    notes, seen = disks.images_in / "notes", disks.witness

    def pull(at: Failpoint) -> None:
        if at is step:
            notes.write_bytes(pickle.dumps((seen.wrapping, seen.wrapped, seen.data)))
            os.kill(os.getpid(), signal.SIGKILL)

    async def doing(counter: Counter) -> None:
        arm(pull)
        await erase(counter, number)

    child = os.fork()
    if child == 0:
        try:
            working(disks, doing)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a child of pytest's must not become a second pytest
            traceback.print_exc()
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, "it gets there"
    seen.wrapping[:], seen.wrapped[:], data = pickle.loads(notes.read_bytes())  # noqa: S301  (our own child's)
    seen.data.update(data)


@EVERYWHERE
@pytest.mark.parametrize("step", STEPS)
def test_a_cut_at_each_step_is_finished_by_the_next_start(office: OldOffice, disks: Disks, step: Failpoint) -> None:
    killed_at(disks, step, office.number)
    assert disks.wrong() == []
    assert_erased(disks, office.number)


# --- the search finds what it is there for


def in_the_database(disks: Disks, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(disks.state / DATABASE)) as database, database:
        database.execute(statement, values)


def a_plain_column(disks: Disks) -> None:
    in_the_database(disks, "UPDATE office_requests SET words = ?", f"{STEM}王小明")


def a_column_of_json(disks: Disks) -> None:
    in_the_database(disks, "UPDATE office_requests SET receipt = ?", json.dumps({"applicant": f"{STEM}王小明"}))


def a_key_in_the_database(disks: Disks) -> None:
    in_the_database(disks, "UPDATE office_records SET cipher = ?", disks.witness.wrapping[-1])


def a_scan_that_was_removed(disks: Disks) -> None:
    file = disks.place / "first" / "scan.jpg"
    with file.open("wb") as there:
        there.write(base64.b64encode(SCAN))
        os.fsync(there.fileno())
    file.unlink()


@ON_EXT4
@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (a_plain_column, "text, plain is found"),
        (a_column_of_json, "text, JSON is found"),
        (a_key_in_the_database, "wrapping key 0 is there"),
        (a_scan_that_was_removed, "scan, base64"),
    ],
)
def test_what_is_planted_is_found(office: OldOffice, disks: Disks, plant: Callable[[Disks], None], found: str) -> None:
    assert disks.wrong() == []
    plant(disks)
    wrong = disks.wrong()
    assert [one for one in wrong if one.startswith(found)], wrong
