"""The ground of the machine: a box and its model, time that passes, cameras that record. No rules in it yet."""

from __future__ import annotations

import tempfile
from collections import Counter
from typing import Final

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from storage.words.model import Bounds, GapCause
from tests.model.promised.naive import DAY_MS, At, BootRow, Known, Lives, Model, Terms
from tests.model.promised.site import Site
from tests.support.office import DEADLINE_S, MEMORY, Recording, sha256
from tests.support.tiny_mp4 import FRAGMENT_MS
from tests.support.true_time import TrueClock

CAMERAS: Final = ("door", "lobby", "yard")
DAY_S: Final = DAY_MS // 1000
BOUNDS: Final = (
    Bounds(2 * DAY_S, 10 * DAY_S),
    Bounds(0, DAY_S),
    Bounds(5 * DAY_S, 5 * DAY_S),
    Bounds(DAY_S, 40 * DAY_S),
)

steps_made: Counter[str] = Counter()
"""How many steps were made, and what came of them: a machine that does nothing would find nothing."""


class Ground(RuleBasedStateMachine):
    """See the module."""

    clock: TrueClock
    site: Site

    def __init__(self) -> None:
        super().__init__()
        self.patched = pytest.MonkeyPatch()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY)
        self.model = Model()
        self.recording: dict[str, Recording] = {}
        self.lag_us = self.lead_us = 0
        self.lags: dict[int, int] = {}
        self.boot = 1
        """As the store counted when it came up last."""
        self.off_ms = 0
        """How long the box was truly off before this boot, counted from its last heartbeat."""
        self.beaten_ms = 0
        self.unexplained = False
        """A database was lost with what the volumes did not know yet, of its last second: a gap may lack its cause, and
        what was destroyed then is listed, and said to be missing."""

    def let_go(self) -> None:
        for recording in self.recording.values():
            recording.file.abandon()
        if hasattr(self, "site"):
            self.site.store.close(clean=False)
        self.patched.undo()
        self.folder.cleanup()

    # --- time ---

    def at(self) -> At:
        lag_us = self.lag_us + max(0, self.lead_us - self.clock.lead_us())
        now = self.clock.now()
        return At(self.clock.box.true_ms, self.site.store.boot, now.boottime_ms, now.wall_ms, lag_us)

    def lives(self) -> Lives:
        found = self.site.box().look("SELECT number, ran_ms, off_low_ms, began_ms FROM boots")
        boots = {row["number"]: BootRow(row["ran_ms"], row["off_low_ms"], row["began_ms"]) for row in found}
        return Lives(self.at(), boots, self.lags)

    def learned(self) -> None:
        """The store has read the clocks."""
        lead_us = self.clock.lead_us()
        self.lag_us += max(0, self.lead_us - lead_us)
        self.lead_us = lead_us
        self.beaten_ms = self.clock.box.true_ms

    def beat(self) -> None:
        """Ten seconds pass at the least, in which the mirror comes up to date."""
        self.clock.read()
        self.site.store.heartbeat().result(DEADLINE_S)
        self.mirror()
        self.learned()
        if self.clock.box.synced:
            self.model.learn(self.at())

    def mirror(self) -> None:
        self.site.store.ledger.mirror_now()
        self.model.mirrored()

    def lose_power(self, off_ms: int, up_ms: int, ppm: int) -> None:
        self.lags[self.site.store.boot] = self.lag_us
        self.lag_us = self.lead_us = 0
        self.clock.box.lose_power(off_ms)
        self.off_ms = self.clock.box.true_ms - self.beaten_ms
        self.clock.run(up_ms, ppm, 0)

    # --- recording ---

    def enrol(self, camera: str) -> None:
        self.site.enrol(camera)
        self.model.early.setdefault(camera, Terms())
        self.model.late.setdefault(camera, Terms())

    def abandon(self, camera: str | None = None) -> list[int]:
        """Its worker is dead (None: all are); the numbers of the segments it had in hand."""
        seqs = []
        for one in [camera] if camera else list(self.recording):
            if recording := self.recording.pop(one, None):
                recording.file.abandon()
                seqs.append(recording.opening.seq)
        return seqs

    def start_recording(self, camera: str) -> bool:
        """A gap says why there is no room."""
        chosen = self.site.store.choose_volume()
        if isinstance(chosen, GapCause):
            steps_made[f"no room: {chosen}"] += 1
            self.site.store.begin_gap(camera, self.clock.now(), chosen, "").result(DEADLINE_S)
            return False
        bounds = self.model.configured[camera]
        recording = self.site.record(camera, bounds=bounds)
        self.recording[camera] = recording
        opening = recording.opening
        self.model.segments[camera, opening.seq] = Known(
            camera, opening.seq, opening.volume, bounds, self.at(), self.at(), opening.synced
        )
        return True

    def write(self, camera: str, fragments: int) -> None:
        recording = self.recording[camera]
        known = self.model.segments[camera, recording.opening.seq]
        recording.write(fragments)
        recording.file.sync()
        known.fragments += fragments
        length_ms = known.fragments * FRAGMENT_MS
        start = known.start
        known.end = At(
            start.true_ms + length_ms,
            start.boot,
            start.boottime_ms + length_ms,
            start.wall_ms + length_ms,
            start.lag_us,
        )
        self.clock.tick(max(0, known.end.true_ms - self.clock.box.true_ms))  # none records what has not been yet

    def finish_recording(self, camera: str, *, goes_on: bool = False) -> None:
        recording = self.recording[camera]
        known = self.model.segments[camera, recording.opening.seq]
        self.complete(recording)
        del self.recording[camera]
        if not goes_on or known.end.true_ms < self.clock.box.true_ms:  # it has not sent anything for a while
            self.site.store.begin_gap(camera, None, GapCause.DROPPED, "").result(DEADLINE_S)

    def complete(self, recording: Recording) -> None:
        """The file first, then its row."""
        closing = recording.close()
        self.model.segments[closing.camera, closing.seq].sha256 = closing.sha256
        assert sha256(recording.file.path) == closing.sha256
        self.site.store.commit_segment(closing).result(DEADLINE_S)
