"""SIGKILL at every named step of every protocol, in the process that does it and all others with it.

In-process first: a child plays the scenario of `tests.faults.storage.store.scenario` and dies at the n-th time that a
step is reached; its parent takes over what it left. Then for real. The real daemon with test pictures records into a
ring that turns; a listener planted in each of its processes kills the whole group as soon as the armed step is reached.
What lies there is looked at as it lies; started again it records within L1's 15 s, loses nothing that was committed and
at most 2 s of what its cameras had sent, and leaves nothing half: `fsck` and `ledger verify` find nothing. In the short
form that is one step of each protocol. What people begin, and what follows a loss: `test_failpoints_asked.py`.
"""

from __future__ import annotations

import base64
import os
import pickle
import shutil
import signal
import traceback
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Final

import pytest

from storage.ring import table as ring_table
from storage.tickets import alarms_table
from storage.words.failpoints import Failpoint, arm
from tests.conftest import LONG, Profile
from tests.faults.storage.store.killing import (
    AT_START,
    BEGUN_BY_SOMEBODY,
    NOT_OF_THE_DAEMON,
    Killed,
    killed,
    nothing,
    pattern,
)
from tests.faults.storage.store.scenario import Event, Hands, OfficeAt, Told, fold, play, worked_off
from tests.support import promises
from tests.support.configuration import Setup
from tests.support.office import Clock
from tests.support.steps import one_of_each_protocol, reached

MAX_LOSS_S: Final = 2.0
FLOOR_S: Final = 6
CEILING_S: Final = 10
NAMES: Final = ("one", "two")
ELSEWHERE: Final = ("rebuild.", "replace.", "mirror.", "renew.", "export.", *NOT_OF_THE_DAEMON)
"""Protocols behind recording, of a loss, of the ledger's keys, or of copies: below `tests/integration/storage`,
`test_lost_steps.py`, `test_key_rotation.py` and `test_exports.py` cut them off at each step."""
EARLY: Final = """
from recorder.worker import disk; from recorder.words import messages

def commit(writer, file, segment):
    end, (sha256, parts) = segment.end, file._digest.finish()
    content = (file.bytes, sha256.hex(), parts.count, parts.root.hex(), segment.frames)
    messages.send(writer._sock, disk.Closed(segment.seq, end.wall_ms, end.boottime_ms, *content))
    time.sleep(0.5)
    file.commit()

disk.Writer._commit = commit
"""
"""A planted bug: the daemon commits the row while the file is still a `.part`."""

UNTOLD: Final = """
from storage.ring import table as destroying
destroying.enter = lambda *_: None
"""
"""A planted bug: what is destroyed has no tombstone."""


def ring(
    folder: Path, planted: str = "", *, floor_s: int = FLOOR_S, ceiling_s: int = CEILING_S
) -> AbstractContextManager[Killed]:
    """Two cameras into a ring that turns within seconds."""
    setup = Setup([pattern(name) for name in NAMES], segment="2s", floor=f"{floor_s}s", ceiling=f"{ceiling_s}s")
    return killed(folder, setup, floor_s=floor_s, planted=planted)


def old_days(volume: Path) -> None:
    """Of the ledger's mirror, from a boot that is long over: what a mirror has to prune."""
    for day in range(1, 1 + max(LONG.failpoint_times)):
        line = '{"n":1,"t":1546300800000,"k":"boot","b":{"boot":0,"id":"","boottime_ms":0}}\n'
        (volume / ".ledger" / f"2019-01-{day:02}.jsonl").write_text(line)


def test_sigkill_of_the_daemon_at_steps(memory: Path, profile: Profile, capsys: pytest.CaptureFixture[str]) -> None:
    every = [step for step in reached() if not step.startswith((*BEGUN_BY_SOMEBODY, *NOT_OF_THE_DAEMON))]
    steps = every if profile.failpoints_all else one_of_each_protocol(every)
    kills = [(step, times) for times in profile.failpoint_times for step in steps]
    with ring(memory / "edged") as turning:
        for step, times in kills:
            before = partial(old_days, turning.edged.volume) if step is Failpoint.MIRROR_PRUNED else nothing
            turning.kill_at(step, 1 if step.startswith(AT_START) else times, bring_about=before)
        assert turning.edged.stop() == 0
        assert promises.at_rest(turning.box()) == []
    with capsys.disabled():
        print(f" {len(kills)} kills, worst loss {max(turning.losses_s):.2f} s", end="")  # noqa: T201
    assert max(turning.losses_s) <= MAX_LOSS_S


@dataclass
class Notes:
    """What a child that is about to die was answered: it writes, its parent reads."""

    path: Path

    def tell(self, event: Event) -> None:
        with self.path.open("ab", buffering=0) as file:
            file.write(base64.b64encode(pickle.dumps(event)) + b"\n")

    def told(self) -> Told:
        lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        return fold([pickle.loads(base64.b64decode(line)) for line in lines])  # noqa: S301  (our own child's)


def perform(root: Path, notes: Notes, step: Failpoint | None, time_: int) -> Counter[Failpoint]:
    """The scenario in a child; the steps it reached. It dies at the `time_`-th time of this one."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        seen = Counter[Failpoint]()

        def pull(at: Failpoint) -> None:
            seen[at] += 1
            os.write(writer, f"{at}\n".encode())
            if at == step and seen[at] == time_:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            arm(pull)
            office = OfficeAt(root / "state", root / "volume")
            play(Hands(office, notes.tell))
            office.store.close()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a child of pytest's must not become a second pytest
            traceback.print_exc()
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader) as lines:
        found = Counter(Failpoint(line.strip()) for line in lines)
    os.waitpid(child, 0)
    return found


def take_over(root: Path, told: Told) -> list[str]:
    """What the next start finds, and makes of it."""
    clock = Clock()
    clock.tick(told.wall_ms - clock.wall_ms)
    office = OfficeAt(root / "state", root / "volume", clock)
    try:
        box = office.box()
        faults = promises.at_any_instant(box)
        faults += worked_off(Hands(office, lambda event: event.tell(told)), told, box)
    finally:
        office.store.close()
    return faults + promises.fsck(box, clock)


def test_death_of_the_storage_at_every_step(memory: Path, profile: Profile, capsys: pytest.CaptureFixture[str]) -> None:
    times = perform(memory / "whole", Notes(memory / "whole.notes"), None, 0)
    times = Counter({step: count for step, count in times.items() if not step.startswith(ELSEWHERE)})
    wanted = {step for step in reached() if not step.startswith(ELSEWHERE)}
    assert set(times) == wanted, "the scenario goes through every step there is"
    violations, kills = [], 0
    for step, count in sorted(times.items()):
        for time_ in sorted({1, count} if profile.failpoint_times == (1,) else range(1, count + 1)):
            kills += 1
            root, notes = memory / f"{step}-{time_}", Notes(memory / f"{step}-{time_}.notes")
            perform(root, notes, step, time_)
            violations += [f"{step}, time {time_}: {fault}" for fault in take_over(root, notes.told())]
            shutil.rmtree(root)
    with capsys.disabled():
        print(f" {kills} kills, {len(violations)} violations", end="")  # noqa: T201
    assert violations == [], "\n".join(violations[:5])


def test_an_event_behind_its_fact_shows(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted bug: alarms are told with the next fact that tells of one, and death lies between."""
    owed: list[tuple[str, str, int]] = []
    tell = alarms_table._tell

    def late(connection: Connection, key: str, what: str, now_ms: int) -> None:
        for one in owed:
            tell(connection, *one)
        owed[:] = [(key, what, now_ms)]

    monkeypatch.setattr(alarms_table, "_tell", late)
    root, notes = memory / "late", Notes(memory / "late.notes")
    perform(root, notes, Failpoint.DESTROY_DONE, 1)
    owed.clear()  # its memory died with the child's
    assert [fault for fault in take_over(root, notes.told()) if fault.startswith("S8: alarm")]


def test_a_deed_without_its_leaf_shows(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring_table, "enter", lambda *_: None)
    root, notes = memory / "untold", Notes(memory / "untold.notes")
    perform(root, notes, Failpoint.DESTROY_DONE, 1)
    assert [fault for fault in take_over(root, notes.told()) if fault.startswith("ledger: ")]


def test_a_row_before_its_file_shows(memory: Path) -> None:
    with ring(memory / "edged", EARLY) as turning, pytest.raises(AssertionError, match=r"S4: .* No such file"):
        turning.kill_at(Failpoint.COMMIT_SYNCED, 1)


@pytest.mark.long
def test_a_deed_without_its_leaf_shows_under_the_daemon(memory: Path) -> None:
    with (
        ring(memory / "edged", UNTOLD, floor_s=2, ceiling_s=6) as turning,
        pytest.raises(AssertionError, match=r"ledger verify ended with 1"),
    ):
        turning.kill_at(Failpoint.DESTROY_DONE)
