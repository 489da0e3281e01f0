"""SIGKILL at every named step of every protocol, in the process that does it and all others with it.

In-process first: a child plays the scenario of `tests.support.scenario` and dies at the n-th time that a step is
reached; its parent takes over what it left. Then for real.
The real daemon with test pictures records into a ring that turns; a listener planted in each of its processes kills
the whole group as soon as the armed step is reached. What lies there is looked at as it lies; started again it records
within L1's 15 s, loses nothing that was committed and at most 2 s of what was being recorded, and leaves nothing half.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import shutil
import signal
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from edged.documents import site as documents
from storage.failpoints import Step, arm
from storage.layout import IDENTITY_NAME
from tests.conftest import Profile
from tests.support import promises
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon, moment
from tests.support.office import Clock
from tests.support.promises import Box
from tests.support.scenario import Event, Hands, OfficeAt, Told, broken, fold, play
from tests.support.steps import reached
from tests.support.waiting import wait_until

MAX_LOSS_S: Final = 2.0
FLOOR_S: Final = 6
CEILING_S: Final = 15
REACHED_S: Final = 40.0
"""A ring of 15 s has to turn first; a busy machine takes its time."""
BACK_S: Final = 15.0
"""L1."""
NAMES: Final = ("one", "two")
PATTERN: Final = "test://?size=160x96&fps=10&gop=0.5"
AT_START: Final = ("start.", "salvage.")
"""Protocols that a daemon goes through only after one that did not end in order."""
BY_PEOPLE: Final = ("pin.", "release.", "commit.linked")
"""Protocols that somebody has to begin: for those, the storage dies in a child of its own."""
ELSEWHERE: Final = ("rebuild.", "replace.", "mirror.", "renew.", "export.")
"""Protocols behind recording, of a loss, of the ledger's keys, or of copies: `tests/integration/test_lost_steps.py`,
`test_renewal.py` and `test_exports.py` cut them off at each step."""
LISTENER: Final = """
import os, signal, sys, time
from storage import failpoints

def pull(step, seen=[0]):
    notary = sys.modules.get("storage.ledger.notary")
    if notary is not None:
        notary.HEAD_EVERY_MS = 1000  # or nobody would wait for the next head
    try:
        with open(ARMED) as file:
            wanted, times = file.read().split()
    except (FileNotFoundError, ValueError):
        return
    if step != wanted:
        return
    seen[0] += 1
    if seen[0] == int(times):
        os.rename(ARMED, PULLED)
        os.killpg(0, signal.SIGKILL)

failpoints.arm(pull)
"""


EARLY: Final = """
from recorder import disk, wire

def commit(writer, file, segment):
    end, (sha256, parts) = segment.end, file._digest.finish()
    content = (file.bytes, sha256.hex(), parts.count, parts.root.hex(), segment.frames)
    wire.send(writer._sock, disk.Closed(segment.seq, end.wall_ms, end.boottime_ms, *content))
    time.sleep(0.5)
    file.commit()

disk.Writer._commit = commit
"""
"""A planted bug: the daemon commits the row while the file is still a `.part`."""


@dataclass
class Ring:
    """A daemon that is about to be killed, and what it has answered so far."""

    edged: Daemon
    answered: dict[tuple[str, int], documents.Segment] = field(default_factory=dict)
    losses_s: list[float] = field(default_factory=list)

    @property
    def armed(self) -> Path:
        return self.edged.folder / "armed"

    @property
    def pulled(self) -> Path:
        return self.edged.folder / "pulled"

    def box(self) -> Box:
        identity = json.loads((self.edged.volume / IDENTITY_NAME).read_text())
        return Box(self.edged.state, {identity["volume"]: self.edged.volume})

    def record(self) -> None:
        """Up, and everything that was left is worked off."""
        self.edged.wait_for_states("recording", NAMES, BACK_S)
        self.edged.wait_for(lambda status: not status.recovering, BACK_S, "what was in progress is adopted")

    def listen(self) -> bool:
        """Hear what is committed; whether it was killed meanwhile."""
        for name in NAMES:
            self.answered.update({(segment.camera, segment.seq): segment for segment in self.edged.listed(name)})
        return self.pulled.exists()

    def kill_at(self, step: Step, times: int) -> None:
        """Returns with every process gone."""
        self.pulled.unlink(missing_ok=True)
        if step.startswith(AT_START):
            self.listen()
            self.armed.write_text(f"{step} {times}")
            self.edged.sigkill()
            killed_s = time.time()
            self.edged.wait_for_no_process()
            self.edged.start()
            wait_until(self.listen, REACHED_S, f"{step} is reached")
        else:
            self.armed.write_text(f"{step} {times}")
            wait_until(self.listen, REACHED_S, f"{step} is reached", every_s=0.05)
            killed_s = self.pulled.stat().st_ctime
        self.edged.sigkill()  # it is dead; this buries it
        self.edged.wait_for_no_process()
        faults = promises.at_any_instant(self.box())
        self.edged.start()
        self.record()
        assert faults + self.broken() == []
        self.losses_s += [killed_s - self.reaches_s(name, killed_s) for name in NAMES]

    def broken(self) -> list[str]:
        """S1 and S6 for all that was ever answered."""
        now_s, there = time.time(), {}
        for name in NAMES:
            there.update({(one.camera, one.seq): one for one in self.edged.listed(name)})
        faults = []
        for key, segment in self.answered.items():
            found = there.get(key)
            if found is None and now_s - moment(segment.end) < FLOOR_S:
                faults.append(f"S1: {key} is gone, and ended {now_s - moment(segment.end):.1f} s ago")
            elif found is not None and (found.bytes, found.sha256) != (segment.bytes, segment.sha256):
                faults.append(f"S4: {key} is not what it was")
        return faults

    def reaches_s(self, name: str, killed_s: float) -> float:
        """Up to when the camera is recorded, of what was begun before the kill; a slow start may outlast the ring."""
        heard = [one for one in self.answered.values() if one.camera == name]
        ends = [moment(one.end) for one in [*heard, *self.edged.listed(name)] if moment(one.start) < killed_s]
        return max(ends)


@contextmanager
def ring(folder: Path, planted: str = "") -> Iterator[Ring]:
    """It records, and a listener waits in each of its processes."""
    setup = Setup(
        [Watched(name, PATTERN) for name in NAMES], segment="2s", floor=f"{FLOOR_S}s", ceiling=f"{CEILING_S}s"
    )
    listener = f"ARMED, PULLED = {str(folder / 'armed')!r}, {str(folder / 'pulled')!r}\n{LISTENER}{planted}"
    with Daemon(folder, setup, sabotage=listener) as edged:
        made = Ring(edged)
        made.record()
        yield made


def test_sigkill_at_every_step(tmp_path: Path, profile: Profile, capsys: pytest.CaptureFixture[str]) -> None:
    steps = [step for step in reached() if not step.startswith((*BY_PEOPLE, *ELSEWHERE))]
    kills = [(step, times) for times in profile.failpoint_times for step in steps]
    with ring(tmp_path / "edged") as turning:
        for step, times in kills:
            turning.kill_at(step, times)
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


def perform(root: Path, notes: Notes, step: Step | None, time_: int) -> Counter[Step]:
    """The scenario in a child; the steps it reached. It dies at the `time_`-th time of this one."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        seen = Counter[Step]()

        def pull(at: Step) -> None:
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
        found = Counter(Step(line.strip()) for line in lines)
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
        hands = Hands(office, lambda event: event.tell(told))
        hands.enrol()
        fresh = hands.begin("lobby")
        hands.write(fresh)
        hands.recover()
        again = office.store.recover()
        hands.commit(fresh)
        hands.pause()
        hands.held = told.held()
        hands.sweep()
        if (again.adopted, again.unproven, again.quarantined, again.without_file, again.garbage) != (0,) * 5:
            faults.append(f"a second recovery found more to do: {again}")
        faults += [f"recovery: {error!r}" for error in hands.trouble]
        faults += promises.at_rest(box) + broken(told, box)
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


def test_a_row_before_its_file_shows(tmp_path: Path) -> None:
    with ring(tmp_path / "edged", EARLY) as turning, pytest.raises(AssertionError, match=r"S4: .* No such file"):
        turning.kill_at(Step.COMMIT_SYNCED, 1)
