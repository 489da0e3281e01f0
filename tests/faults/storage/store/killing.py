"""The real daemon, killed with all its processes by SIGKILL as soon as a named step is reached in one of them.

A listener is planted in each of its processes; it kills the whole group at the step that is armed. What is written in
`storage.words.failpoints` stays as it is: nothing in the product listens.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edged.documents import site as documents
from edged.documents.register import Destroyed
from storage.words.failpoints import Failpoint
from storage.words.layout import IDENTITY_NAME
from tests.support import promises
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon, moment
from tests.support.fsck import fsck_clean
from tests.support.promises import Box
from tests.support.waiting import wait_until

REACHED_S: Final = 40.0
"""A ring of 10 s has to turn first; a busy machine takes its time."""
BACK_S: Final = 15.0
"""L1."""
UP_S: Final = 30.0
"""Until a busy machine has loaded it."""
AT_START: Final = ("start.", "salvage.", "mirror.head", "mirror.pruned", "rebuild.")
"""What a daemon goes through only when it starts, or only after one that did not end in order."""
BEGUN_BY_SOMEBODY: Final = ("pin.", "release.", "commit.linked", "renew.", "export.", "rebuild.", "replace.")
"""Protocols that do not come about by themselves while cameras are recorded into a ring."""
NOT_OF_THE_DAEMON: Final = ("keys.", "office.", "viewing.")
"""Of the office, which a box without a profile has not: tests/unit/storage/office and tests/faults/edged/office cut it
off."""
LISTENER: Final = """
import os, signal, sys, time
from storage.words import failpoints

def hasten(module, **values):
    # In the daemon, where these are loaded by the first step: or nobody would wait for the next one.
    if module in sys.modules:
        vars(sys.modules[module]).update(values)

def pull(step, seen=[0]):
    hasten("storage.ledger.signer", HEAD_EVERY_MS=1000)
    try:
        with open(ARMED) as file:
            wanted, times = file.read().split()
    except (FileNotFoundError, ValueError):
        return
    if wanted == "mirror.pruned":  # for no other step: to a slow start, today were an old day, too
        hasten("storage.mirror.service", KEEP_S=10)
        hasten("storage.mirror.table", longest_ceiling_s=lambda _: 0)
    if step != wanted:
        return
    seen[0] += 1
    if seen[0] == int(times):
        os.rename(ARMED, PULLED)
        os.killpg(0, signal.SIGKILL)

failpoints.arm(pull)
"""
SENT: Final = """
from recorder.worker import process as worker
play = worker._Worker._play

def noted(one, source):
    encode = source._encoder.encode
    place = os.open(f"{SENT}/{one._session.start.camera}.{os.getpid()}", os.O_WRONLY | os.O_CREAT, 0o600)

    def encoded(number):
        items = encode(number)
        os.pwrite(place, str(time.time_ns()).encode(), 0)
        return items

    source._encoder.encode = encoded
    play(one, source)

worker._Worker._play = noted
"""
"""A test pattern puts down when it sent its last picture: one whose processor is taken away sends late, or nothing."""


Doing = Callable[[], object]


def nothing() -> None:
    """It comes about by itself."""


@dataclass(frozen=True, slots=True)
class Dead:
    """When nobody was left, and by camera when it had sent its last picture."""

    at_s: float
    sent_s: Mapping[str, float]


@dataclass
class Killed:
    """A daemon that is about to be killed, and what it has answered so far."""

    edged: Daemon
    names: Sequence[str]
    floor_s: float
    answered: dict[tuple[str, int], documents.Segment] = field(default_factory=dict)
    losses_s: list[float] = field(default_factory=list)
    """Each kill's, of each camera: what it had sent, and is not there."""

    @property
    def armed(self) -> Path:
        return self.edged.folder / "armed"

    @property
    def pulled(self) -> Path:
        return self.edged.folder / "pulled"

    def box(self) -> Box:
        places = self.edged.setup.volumes or [self.edged.volume]
        known = {path: path / IDENTITY_NAME for path in places}
        return Box(
            self.edged.state,
            {json.loads(file.read_text())["volume"]: path for path, file in known.items() if file.exists()},
        )

    def listen(self) -> bool:
        """Hear what is committed; whether it was killed meanwhile."""
        for name in self.names:
            self.answered.update({(segment.camera, segment.seq): segment for segment in self.edged.listed(name)})
        return self.pulled.exists()

    def kill_at(
        self,
        step: Failpoint,
        times: int = 1,
        *,
        bring_about: Doing = nothing,
        settle: Doing = nothing,
        fit: bool = True,
    ) -> None:
        """Returns with every process gone, up again, and everything looked at: files, catalog, mirror and ledger.

        `bring_about` is what somebody does so that the step is reached, for one of a start while nobody runs; `settle`
        what has to come to an end before all is as it should be. Not `fit`: there is no catalog to be looked at then.
        """
        dead = self.die_at(step, times, bring_about)
        faults = promises.at_any_instant(self.box()) if fit else []
        self.edged.start()
        self.back()
        settle()
        if found := faults + self.broken():
            raise AssertionError("\n".join(found))
        fsck_clean(self.edged)
        self.losses_s += [sent_s - self.reaches_s(name, dead.at_s) for name, sent_s in dead.sent_s.items()]

    def die_at(self, step: Failpoint, times: int, bring_about: Doing) -> Dead:
        """Of a step of a start, what the daemon before it leaves."""
        self.pulled.unlink(missing_ok=True)
        self.listen()
        if not step.startswith(AT_START):
            self.arm(step, times)
            bring_about()
            wait_until(self.listen, REACHED_S, f"{step} is reached", every_s=0.05)
            return self._buried()
        dead = self._buried()
        bring_about()
        self.arm(step, times)
        self.edged.start()
        wait_until(self.pulled.exists, REACHED_S, f"{step} is reached")
        self._buried()
        return dead

    def _buried(self) -> Dead:
        """Dead already, or by that."""
        self.edged.sigkill()
        self.edged.wait_for_no_process()
        return Dead(time.time(), {name: self._sent_s(name) for name in self.names})

    def _sent_s(self, name: str) -> float:
        told = (file.read_text() for file in (self.edged.folder / "sent").glob(f"{name}.*"))
        return max((int(text) / 1e9 for text in told if text), default=0.0)

    def arm(self, step: Failpoint, times: int) -> None:
        """Whole at once: somebody reads it at any time."""
        draft = self.armed.with_suffix(".new")
        draft.write_text(f"{step} {times}")
        draft.replace(self.armed)

    def broken(self) -> list[str]:
        """S1 and S4 for all that was ever answered."""
        now_s, there = time.time(), {}
        for name in self.names:
            there.update({(one.camera, one.seq): one for one in self.edged.listed(name)})
        faults = []
        for key, segment in self.answered.items():
            found = there.get(key)
            if found is None and now_s - moment(segment.end) < self.floor_s:
                faults.append(f"S1: {key} is gone, and ended {now_s - moment(segment.end):.1f} s ago")
            elif found is not None and (found.bytes, found.sha256) != (segment.bytes, segment.sha256):
                faults.append(f"S4: {key} is not what it was")
        return faults

    def back(self) -> None:
        """Up again, and everything that was left is worked off."""
        self.edged.until(self.edged.status, UP_S, "it answers")
        self.edged.wait_for_footage(self.names, BACK_S)
        self.edged.wait_for(lambda status: not status.recovering, BACK_S, "what was in progress is adopted")
        self.edged.until(lambda: all(map(self._is_written, self.names)), BACK_S, "there is something to be lost")

    def _is_written(self, name: str) -> bool:
        """A fragment lies on the disk: what was recorded in the second before is no loss of what was there."""
        parts = [part for part in self.edged.parts() if name in part.parts]
        with suppress(FileNotFoundError):
            return any(b"moof" in part.read_bytes() for part in parts)
        return True

    def reaches_s(self, name: str, dead_s: float) -> float:
        """Up to when a camera was recorded, of what was begun before the kill. The ring may have turned over that."""
        gone = Destroyed.model_validate(self.edged.ask(f"/v1/destroyed?camera={name}")).destroyed
        spans = [(moment(one.start), moment(one.end)) for one in gone]
        spans += [(moment(one.start), moment(one.end)) for one in self.edged.listed(name)]
        spans += [(moment(one.start), moment(one.end)) for one in self.answered.values() if one.camera == name]
        return max(end_s for start_s, end_s in spans if start_s < dead_s)


@contextmanager
def killed(folder: Path, setup: Setup, *, floor_s: float, planted: str = "") -> Iterator[Killed]:
    """It records, and a listener waits in each of its processes. Cameras are test patterns."""
    names = [camera.id for camera in setup.cameras]
    (folder / "sent").mkdir(parents=True)
    places = {"ARMED": folder / "armed", "PULLED": folder / "pulled", "SENT": folder / "sent"}
    told = "".join(f"{name} = {str(path)!r}\n" for name, path in places.items())
    with Daemon(folder, setup, sabotage=f"{told}{LISTENER}{SENT}{planted}") as edged:
        made = Killed(edged, names, floor_s)
        made.back()
        yield made


def pattern(name: str) -> Watched:
    """A camera that costs next to nothing."""
    return Watched(name, "test://?size=160x96&fps=10&gop=0.5")
