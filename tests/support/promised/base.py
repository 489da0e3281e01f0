"""The ground of the machine: a box, its model, time, a daemon that dies and comes back, what holds at each step."""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from storage import failpoints
from storage.failpoints import Step
from storage.model import Bounds, GapCause
from storage.retention import Policy
from tests.support import promises
from tests.support.office import DEADLINE_S, Recording, sha256
from tests.support.promised import eyes
from tests.support.promised.naive import DAY_MS, HOUR_MS, At, BootRow, Known, Lives, Model, Terms
from tests.support.promised.site import MEMORY, Site
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
SPANS: Final = st.sampled_from([1000, 61_000, HOUR_MS, DAY_MS, 3 * DAY_MS]) | st.integers(1, 40 * DAY_MS)
PPM: Final = st.integers(-500, 500)
HELD_BY_A_WORKER: Final = Step.COMMIT_PART
"""Nobody but its worker could let go of the file."""
PATIENCE_ROUNDS: Final = 4

cameras = st.sampled_from(CAMERAS)
steps_made: Counter[str] = Counter()
"""How many steps were made, and what came of them: a machine that does nothing would find nothing."""


class Crash(BaseException):
    """Nobody tidies up after it."""


class Base(RuleBasedStateMachine):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.patched = pytest.MonkeyPatch()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.model = Model()
        self.recording: dict[str, Recording] = {}
        self.lag_us = self.lead_us = 0
        self.lags: dict[int, int] = {}
        self.off_ms = 0
        """How long the box was truly off before this boot, counted from its last heartbeat."""
        self.beaten_ms = 0
        self.unexplained = False
        """A database was lost with what the volumes did not know yet, of its last second: a gap may lack its cause, and
        what was destroyed then is listed, and said to be missing."""

    @initialize(rtc=st.booleans(), synced=st.booleans())
    def begin(self, rtc: bool, synced: bool) -> None:
        self.clock = TrueClock(rtc)
        if synced:
            self.clock.box.sync(0)
            self.clock.read()
        self.site = Site(Path(self.folder.name), self.clock)
        self.site.fills(self.patched)
        self.came_up()
        for camera in CAMERAS[:2]:
            self.model.configured[camera] = BOUNDS[0]
            self.enrol(camera)

    def teardown(self) -> None:
        failpoints.arm(None)
        try:
            if hasattr(self, "site"):
                self.end()
        finally:
            self.let_go()

    def let_go(self) -> None:
        for recording in self.recording.values():
            recording.file.abandon()
        if hasattr(self, "site"):
            self.site.store.close(clean=False)
        self.patched.undo()
        self.folder.cleanup()

    def end(self) -> None:
        """Everything is mended and comes to rest; the daemon stops, and the users' own fsck finds nothing."""
        for place in list(self.site.shelf):
            self.come_back(place)
        self.abandon()
        self.stop(clean=True)
        self.begin_again()
        self.settle()
        self.check(promises.at_rest(self.site.box(), run=self.site.store.run))
        self.check(eyes.clinging(self.site.box(), self.model, self.lives()))
        self.stop(clean=True)
        self.check(promises.fsck(self.site.box(), self.clock))
        steps_made.update(self.model.went)
        steps_made["segments"] += len(self.model.segments)

    # --- time ---

    def at(self) -> At:
        lag_us = self.lag_us + max(0, self.lead_us - self.clock.lead_us())
        now = self.clock.now()
        return At(self.clock.box.true_ms, self.site.store.boot, now.boottime_ms, now.wall_ms, lag_us)

    def lives(self) -> Lives:
        found = self.site.box().look("SELECT number, ran_ms, off_low_ms FROM boots")
        return Lives(self.at(), {row["number"]: BootRow(row["ran_ms"], row["off_low_ms"]) for row in found}, self.lags)

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
        self.site.store.books.mirror_now()
        self.learned()

    def lose_power(self, off_ms: int, up_ms: int, ppm: int) -> None:
        self.lags[self.site.store.boot] = self.lag_us
        self.lag_us = self.lead_us = 0
        self.clock.box.lose_power(off_ms)
        self.off_ms = self.clock.box.true_ms - self.beaten_ms
        self.clock.run(up_ms, ppm, 0)

    # --- a daemon that dies and comes back ---

    def dying(self, step: Step | None, work: Callable[[], object]) -> bool:
        """Do it; whether the daemon died at this step, and another one has come up."""
        reached: list[Step] = []

        def listener(here: Step) -> None:
            if here is step and not reached:
                reached.append(here)
                if here is not HELD_BY_A_WORKER and threading.current_thread() is threading.main_thread():
                    raise Crash  # on a thread of the store's own it would be its defect: the daemon dies a moment later

        failpoints.arm(listener if step is not None else None)
        try:
            with suppress(Crash):
                work()
        finally:
            failpoints.arm(None)
        if reached:
            steps_made[f"died at {step}"] += 1
            self.abandon()
            self.stop(clean=False)
            self.begin_again()
        return bool(reached)

    def abandon(self, camera: str | None = None) -> list[int]:
        """Its worker is dead (None: all are); the numbers of the segments it had in hand."""
        seqs = []
        for one in [camera] if camera else list(self.recording):
            if recording := self.recording.pop(one, None):
                recording.file.abandon()
                seqs.append(recording.opening.seq)
        return seqs

    def stop(self, *, clean: bool) -> None:
        self.site.store.close(clean=clean)
        if clean:
            self.learned()

    def begin_again(self, step: Step | None = None) -> None:
        """At `step` the new daemon dies, too."""

        def listener(here: Step) -> None:
            if here is step and threading.current_thread() is threading.main_thread():
                failpoints.arm(None)
                raise Crash

        failpoints.arm(listener if step is not None else None)
        try:
            self.come_up()
        except Crash:
            failpoints.arm(None)
            steps_made[f"died at {step}"] += 1
            self.site.store.close(clean=False)
            self.come_up()
        finally:
            failpoints.arm(None)

    def come_up(self) -> None:
        self.site.start()
        self.came_up()
        for camera in self.model.configured:
            self.enrol(camera)
        self.work_off()

    def came_up(self) -> None:
        self.learned()

    def enrol(self, camera: str) -> None:
        self.site.enrol(camera)
        self.model.early.setdefault(camera, Terms())
        self.model.late.setdefault(camera, Terms())

    def work_off(self) -> None:
        """What a daemon does behind recording."""
        for _ in range(PATIENCE_ROUNDS):
            if not self.site.store.books.waiting():
                break
            self.site.store.books.rebuild(paced=False)
        assert self.site.store.books.waiting() == [], "S13: a volume that cannot be gone through"
        self.site.store.recover()

    def come_back(self, place: Path) -> None:
        """A disk."""
        self.site.mount(place)
        self.site.store.volumes()
        self.work_off()
        self.model.hear(self.at())
        self.site.store.sweep(self.policy)  # its pins are read
        self.observe()
        self.model.wake(self.site.filed())

    # --- recording ---

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
            camera, opening.seq, opening.volume, bounds, self.at(), self.at()
        )
        return True

    def write(self, camera: str, fragments: int) -> None:
        recording = self.recording[camera]
        known = self.model.segments[camera, recording.opening.seq]
        recording.write(fragments)
        recording.file.sync()
        if known.end.true_ms == self.clock.box.true_ms:  # else the camera has stalled, and its time ended there
            self.clock.tick(fragments * FRAGMENT_MS)
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

    def finish_recording(self, camera: str, *, goes_on: bool = False) -> None:
        self.complete(self.recording[camera])
        del self.recording[camera]
        if not goes_on:
            self.site.store.begin_gap(camera, None, GapCause.DROPPED, "").result(DEADLINE_S)

    def complete(self, recording: Recording) -> None:
        """The file first, then its row."""
        closing = recording.close()
        self.model.segments[closing.camera, closing.seq].sha256 = closing.sha256
        assert sha256(recording.file.path) == closing.sha256
        self.site.store.commit_segment(closing).result(DEADLINE_S)

    # --- the ring ---

    def policy(self) -> Policy:
        return Policy(dict(self.model.configured), self.model.overwrite)

    def sweep_once(self) -> None:
        self.model.hear(self.at())
        pinned = eyes.pinned(self.site.box())
        self.site.store.sweep(self.policy)
        self.observe()
        self.check(eyes.overdue(self.site.box(), self.model, self.lives(), pinned))

    def settle(self) -> None:
        """What takes two rounds is over after three."""
        self.sweep_once()
        self.clock.tick(61_000)
        self.beat()
        self.sweep_once()
        self.sweep_once()

    # --- what holds at every step ---

    def check(self, broken: Iterable[str]) -> None:
        found = list(broken)
        if found and self.unexplained:
            excused = {"explain", *eyes.told_missing(self.site.box())}
            found = [words for words in found if not any(one in words for one in excused)]
        assert not found, "\n".join(found)

    @invariant()
    def observe(self) -> None:
        if not hasattr(self, "site"):
            return
        box = self.site.box()
        self.check(eyes.absent(box, self.model, self.lives()))
        self.check(self.site.trespasses())

    @invariant()
    def nothing_is_broken(self) -> None:
        if not hasattr(self, "site"):
            return
        steps_made["steps"] += 1
        box = self.site.box()
        self.check(promises.at_any_instant(box, pages=False))
        self.check(promises.unaccounted(box))
        self.check(eyes.unfinished(box, self.site.store.run))

    @invariant()
    def pins_last(self) -> None:
        """S2, S7: what lasts by true time has not ended."""
        if not hasattr(self, "site"):
            return
        lives = self.lives()
        standing = {one.pin.id for one in self.site.store.pins.standing() if one.left_ms > 0}
        ended = [pin for pin, held in self.model.pins.items() if held.lasts(lives) and pin not in standing]
        assert not ended, f"S7: {ended} ended early"
