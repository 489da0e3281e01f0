"""What every part of the machine stands on: a daemon that dies and comes back, sweeps, what holds at each step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant

from storage.retention.plan import Policy
from storage.words import failpoints
from storage.words.failpoints import Failpoint
from tests.model.promised import eyes, remembered
from tests.model.promised.ground import BOUNDS, CAMERAS, Ground, steps_made
from tests.model.promised.naive import DAY_MS, HOUR_MS
from tests.model.promised.site import Site
from tests.support import promises
from tests.support.true_time import TrueClock

SPANS: Final = st.sampled_from([1000, 61_000, HOUR_MS, DAY_MS, 3 * DAY_MS]) | st.integers(1, 40 * DAY_MS)
PPM: Final = st.integers(-500, 500)
HELD_BY_A_WORKER: Final = Failpoint.COMMIT_PART
"""Nobody but its worker could let go of the file."""
PATIENCE_ROUNDS: Final = 4

cameras = st.sampled_from(CAMERAS)


class Crash(BaseException):
    """Nobody tidies up after it."""


class Base(Ground):
    """See the module."""

    @initialize(rtc=st.booleans(), synced=st.booleans(), overwrites=st.booleans())
    def begin(self, rtc: bool, synced: bool, overwrites: bool) -> None:
        self.clock = TrueClock(rtc)
        if synced:
            self.clock.box.sync(0)
            self.clock.read()
        self.site = Site(Path(self.folder.name), self.clock)
        self.site.fills(self.patched)
        remembered.watch(self.patched)
        self.came_up()
        self.model.overwrite = overwrites
        self.sweep_once()
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
        self.check(promises.fsck(self.site.box(), self.clock, self.model.lost))
        steps_made.update(self.model.went)
        steps_made["segments"] += len(self.model.segments)

    # --- a daemon that dies and comes back ---

    def dying(self, step: Failpoint | None, work: Callable[[], object]) -> bool:
        """Do it; whether the daemon died at this step, and another one has come up."""
        reached: list[Failpoint] = []

        def listener(here: Failpoint) -> None:
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

    def stop(self, *, clean: bool) -> None:
        self.site.store.close(clean=clean)
        if clean:
            self.learned()
            self.model.mirrored()

    def begin_again(self, step: Failpoint | None = None) -> None:
        """At `step` the new daemon dies, too."""

        def listener(here: Failpoint) -> None:
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
        self.looks_after_work()
        for camera in self.model.configured:
            self.enrol(camera)
        self.work_off()

    def looks_after_work(self) -> None:
        """As the daemon does each second: what has lasted for its time is over, and nothing before (S7)."""
        found, lives = self.site.store.maintenance.under_way(), self.lives()
        work = self.model.at_work(None if found is None else found.maintenance.id)
        if found is None:
            assert work is None or not work.lasts(lives), f"S7: {work} ended early"
            self.model.work = None
            return
        assert work is not None, f"S7: {found.maintenance} lasts, and is over"
        assert found.maintenance.id == work.id, f"S7: {found.maintenance} lasts, not {work}"
        assert not work.is_over(lives), f"S7: {work} goes on"

    def came_up(self) -> None:
        if self.site.store.boot != self.boot and self.boot not in self.lags:  # the box ran on, its database was lost
            self.lags[self.boot] = self.at().lag_us
            self.lag_us, self.lead_us = 0, self.clock.lead_us()
        if self.site.store.boot != self.boot:  # maybe the number of one that nothing tells of any more
            self.lags.pop(self.site.store.boot, None)
        self.boot = self.site.store.boot
        self.learned()

    def work_off(self) -> None:
        """What a daemon does behind recording."""
        for _ in range(PATIENCE_ROUNDS):
            self.site.store.ledger.rebuild(paced=False)
            if not self.site.store.ledger.waiting():
                break
        assert self.site.store.ledger.waiting() == [], "S13: a volume that cannot be gone through"
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

    @invariant()
    def nothing_remembered_is_stale(self) -> None:
        if hasattr(self, "site"):
            self.check(remembered.stale(self.site.store, self.clock))
