"""SIGKILL of the real daemon at every step that somebody begins (a pin, its release, a copy, a new generation of the
ledger) and at every step that follows a loss (of the database, of a disk).

Started again, files, catalog, mirror and ledger agree: `fsck --level hash` and `ledger verify` find nothing. What
somebody had begun goes on, or is taken back, and nothing of it is left half. The short form takes one step of
each protocol; in-process every one is tried in `tests/faults/storage/store/test_failpoints.py` and
`tests/integration/storage/exports/test_exports.py`. `--long` only: generations and losses, which
`test_key_rotation.py` and `test_lost_steps.py` below `tests/integration/storage` cut off at each step.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from edged.cli import client
from edged.documents import exports as documents
from edged.words import exit_codes
from storage.recovery import detect
from storage.segments.findings_table import FaultKind
from storage.store.opening import DATABASE_NAME
from storage.words.failpoints import Failpoint
from storage.words.layout import IDENTITY_NAME
from storage.words.message import Message
from tests.conftest import Profile
from tests.faults.storage.store.killing import BACK_S, BEGUN_BY_SOMEBODY, Doing, Killed, killed, pattern
from tests.integration.edged.cli.test_pin_people import ask, asked, order
from tests.integration.edged.evidence.test_export import OCTETS, Stick, codes, run, verified
from tests.support.configuration import Setup
from tests.support.daemon import Daemon
from tests.support.fsck import fsck, fsck_clean
from tests.support.office import in_memory
from tests.support.people import CHEN, LIN, can_log_in
from tests.support.steps import one_of_each_protocol, reached

pytestmark = pytest.mark.skipif(not can_log_in(), reason="nobody may set a login uid here: needs root")

NAMES: Final = ("one", "two")
FLOOR_S: Final = 3600.0
SOME: Final = 3
WHY: Final = ("--reason", "偵辦竊盜案", "--yes")
TORN: Final = {
    "short": ("one.mp4", "proof/manifest.json"),
    "long": ("one.mp4", "two.vtt", "proof/one.hashes", "proof/manifest.json"),
}
REBUILDING: Final = [step for step in Failpoint if step.startswith("rebuild.")]
REPLACING: Final = [step for step in Failpoint if step.startswith("replace.")]
BY_PEOPLE: Final = [
    step for step in Failpoint if step.startswith(BEGUN_BY_SOMEBODY) and step not in (*REBUILDING, *REPLACING)
]
SHORT: Final = one_of_each_protocol(step for step in BY_PEOPLE if not step.startswith("renew."))


def setup(volumes: tuple[Path, ...] = ()) -> Setup:
    return Setup([pattern(name) for name in NAMES], segment="2s", floor="1h", ceiling="2h", volumes=volumes)


@dataclass
class People:
    """Chen asks, Lin approves, and a stick lies beside the box."""

    box: Killed
    stick: Path
    monkeypatch: pytest.MonkeyPatch

    @property
    def edged(self) -> Daemon:
        return self.box.edged

    # What they do, up to the step that is their last

    def pin(self) -> Doing:
        """An hour on: what comes gets its link at its commit."""
        words = order(self.edged, *NAMES)
        words[words.index("--to") + 1] = "+1h"
        return lambda: ask(self.edged, CHEN, *words, "--yes")

    def release(self) -> Doing:
        pin = asked(self.edged, CHEN, *order(self.edged, "one"), "--yes")["pin"]["id"]
        asked(self.edged, LIN, "pin", "approve", pin)
        act = asked(self.edged, CHEN, "pin", "release", pin, "--reason", "closed")["act"]["id"]
        return lambda: ask(self.edged, LIN, "approve", act)

    def renew(self) -> Doing:
        act = asked(self.edged, CHEN, "ledger", "renew", "--reason", "a new key", "--new-key")["act"]["id"]
        return lambda: ask(self.edged, LIN, "approve", act)

    def words(self) -> list[str]:
        """For a copy of what there is."""
        listed = [self.edged.listed(name) for name in NAMES]
        span = ("--from", max(one[0].start for one in listed), "--to", min(one[-1].end for one in listed))
        return [
            "export",
            *(word for name in NAMES for word in ("--camera", name)),
            *span,
            "--out",
            str(self.stick),
            *WHY,
        ]

    def export(self) -> Doing:
        return lambda: ask(self.edged, CHEN, *self.words())

    def undo(self) -> Doing:
        with self.monkeypatch.context() as patch:
            Stick(patch, KeyboardInterrupt, "one.mp4")
            assert run(self.edged, *self.words()) == 130
        return lambda: ask(self.edged, CHEN, "export", "--undo", str(self.folder))

    # What has become of it

    @property
    def folder(self) -> Path:
        (found,) = (path for path in self.stick.iterdir() if path.is_dir())
        return found

    def lasting(self) -> list[str]:
        exports = documents.ExportList.model_validate(self.edged.ask("/v1/exports")).exports
        return [one.id for one in exports if one.state == "open"]

    def held_alone(self) -> None:
        """No leaf speaks of it: the first sweep lets go of it."""
        self.edged.until(lambda: not self.held(), BACK_S, "nothing is held for a copy that was not begun")

    def held(self) -> bool:
        one = self.edged.listed("one")[0]
        answer = self.edged.ctl("retention", "--explain", f"one/{one.seq}")
        return bool(answer.document["exports"])

    def begun(self) -> None:
        """Nobody was answered and nothing has left: it is listed, and is taken back by its id."""
        (export,) = self.lasting()
        assert asked(self.edged, CHEN, "export", "--undo", export)["export"]["state"] == "abandoned"

    def finished(self) -> None:
        folder = self.folder
        assert asked(self.edged, CHEN, "export", "--resume", str(folder))["export"]["state"] == "finished"
        assert codes(verified(folder), "x") == []
        folder.rename(self.stick.parent / folder.name)

    def abandoned(self) -> None:
        assert asked(self.edged, CHEN, "export", "--undo", str(self.folder))["export"]["state"] == "abandoned"

    def kill_at(self, step: Failpoint) -> None:
        prepare, settle = DONE[step] if step in DONE else DONE[step.split(".")[0]]
        self.box.kill_at(step, bring_about=prepare(self), settle=lambda: settle(self))
        assert list(self.stick.iterdir()) == []
        assert self.lasting() == []


def as_it_is(_: People) -> None:
    """Nobody has to do anything."""


DONE: Final[dict[str, tuple[Callable[[People], Doing], Callable[[People], None]]]] = {
    "pin": (People.pin, as_it_is),
    "commit": (People.pin, as_it_is),
    "release": (People.release, as_it_is),
    "renew": (People.renew, as_it_is),
    Failpoint.EXPORT_HELD: (People.export, People.held_alone),
    Failpoint.EXPORT_BEGUN: (People.export, People.begun),
    Failpoint.EXPORT_FINISHED: (People.export, People.finished),
    Failpoint.EXPORT_ABANDONED: (People.undo, People.abandoned),
}


@pytest.fixture(scope="module")
def history() -> Iterator[Killed]:
    """One for all of them: what was begun, killed and finished before is history to what comes next."""
    with in_memory() as place, killed(place / "edged", setup(), floor_s=FLOOR_S) as made:
        recorded(made)
        yield made


@pytest.fixture
def box(history: Killed) -> Killed:
    """Up and unthreatened, whatever the test before came to."""
    history.armed.unlink(missing_ok=True)
    if history.edged.status() is None:
        history.edged.kill_everything()
        history.edged.start()
        history.back()
    return history


@pytest.fixture
def people(box: Killed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> People:
    (tmp_path / "stick").mkdir()
    return People(box, tmp_path / "stick", monkeypatch)


def recorded(box: Killed) -> None:
    box.edged.until(lambda: all(len(box.edged.listed(name)) >= SOME for name in NAMES), 60, "there is footage")


def test_every_step_is_some_test_s() -> None:
    asked_for = {*BY_PEOPLE, *REBUILDING, *REPLACING}
    assert {step for step in reached() if step.startswith(BEGUN_BY_SOMEBODY)} == asked_for
    assert all(step in DONE or step.split(".")[0] in DONE for step in BY_PEOPLE)


@pytest.mark.parametrize(
    "step", [pytest.param(step, marks=() if step in SHORT else pytest.mark.long) for step in BY_PEOPLE]
)
def test_sigkill_at_every_step_that_people_begin(people: People, step: Failpoint) -> None:
    people.kill_at(step)


class Torn(Stick):
    """The daemon dies in the middle of a file."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, edged: Daemon, torn: str) -> None:
        super().__init__(monkeypatch, None)
        self.edged = edged
        self.torn = torn

    def octets(self, daemon: client.DaemonClient, path: str, **query: Any) -> Iterator[bytes]:
        if query["path_"] != self.torn or self.pulled is not None:
            yield from OCTETS(daemon, path, **query)
            return
        for half in super().octets(daemon, path, **query):
            self.edged.sigkill()
            yield half


@pytest.mark.parametrize("undone", [False, True], ids=["goes on", "is taken back"])
def test_sigkill_in_the_middle_of_a_file_that_leaves(people: People, profile: Profile, undone: bool) -> None:
    """What is on the stick after a restart becomes whole, or is taken back without a trace."""
    for torn in TORN[profile.name]:
        with people.monkeypatch.context() as patch:
            Torn(patch, people.edged, torn)
            assert run(people.edged, *people.words()) == exit_codes.TRY_LATER
        people.edged.wait_for_no_process()
        folder = people.folder
        assert not (folder / torn).exists(), "what is not whole has not its name yet"
        people.edged.start()
        people.box.back()
        if undone:
            assert run(people.edged, "export", "--undo", str(folder)) == 0
        else:
            assert run(people.edged, "export", "--resume", str(folder)) == 0
            assert codes(verified(folder), "x") == []
            shutil.rmtree(folder)
        assert list(people.stick.iterdir()) == []
        assert people.lasting() == []
    fsck_clean(people.edged)


def lose(state: Path, step: Failpoint) -> None:
    """Damaged as somebody saw, who left a mark; or simply gone."""
    database = state / DATABASE_NAME
    if step is Failpoint.REBUILD_ASIDE:
        detect.mark(database, Message("somebody saw damage in it"))
        return
    for one in state.glob(f"{DATABASE_NAME}*"):
        one.unlink()


@pytest.mark.long
@pytest.mark.parametrize("step", REBUILDING)
def test_sigkill_at_every_step_behind_a_lost_database(box: Killed, step: Failpoint) -> None:
    """Everything that was answered is there again."""
    edged = box.edged

    def mirrored() -> bool:
        text = "".join(day.read_text() for day in (edged.volume / ".ledger").glob("*.jsonl"))
        box.listen()
        return all(segment.sha256 in text for segment in box.answered.values())

    def rebuilt() -> None:
        assert edged.ctl("rebuild").code == 0

    edged.until(mirrored, BACK_S, "the mirror has them")
    box.kill_at(step, bring_about=partial(lose, edged.state, step), settle=rebuilt, fit=False)


@pytest.mark.long
def test_sigkill_at_every_step_of_a_disk_that_is_replaced(tmp_path: Path) -> None:
    """But for what went with the old one everything is as it should be, and the new one can be taken."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with killed(tmp_path / "edged", setup((first, second)), floor_s=FLOOR_S) as box:
        edged = box.edged
        recorded(box)
        for step in REPLACING:
            lost = json.loads((first / IDENTITY_NAME).read_text())["volume"]
            first.rename(tmp_path / f"dead at {step}")
            edged.until(lambda: states(edged)[str(first)] == "away", BACK_S, "it is away")
            first.mkdir()
            box.die_at(step, 1, lambda: edged.ctl("volume", "replace", str(first), "--reason", "it clicked"))
            edged.start()
            box.back()
            edged.until(lambda: sorted(states(edged)) == [str(first), str(second)], BACK_S, "the new one is taken")
            found = [one for one in fsck(edged).findings if one.kind != FaultKind.LOST]
            assert found == []
            assert edged.ctl("ledger", "verify").code == 0
            assert lost not in (first / IDENTITY_NAME).read_text()
        assert edged.stop() == 0


def states(edged: Daemon) -> dict[str, str]:
    """Of volumes that are not lost, by path."""
    listed = edged.ctl("volume", "list").document["volumes"]
    return {one["path"]: one["state"] for one in listed if one["state"] != "lost"}
