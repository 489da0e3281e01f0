"""What cameras, clocks and power do to a box."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from storage.ages.table import ATTESTED_MAX_MS
from storage.words.errors import OrderRefused
from storage.words.failpoints import Failpoint
from storage.words.model import GapCause
from tests.model.promised.base import PPM, SPANS, Base, cameras
from tests.model.promised.ground import steps_made
from tests.model.promised.naive import DAY_MS, HOUR_MS, Known
from tests.model.promised.people import CHEN, LIN
from tests.support.office import DEADLINE_S

YEAR_MS: Final = 365 * DAY_MS
STEPS: Final = st.sampled_from([-30 * YEAR_MS, -2 * YEAR_MS, -DAY_MS, -HOUR_MS, HOUR_MS, DAY_MS, 2 * YEAR_MS])
COMMITTING: Final = st.none() | st.sampled_from([step for step in Failpoint if step.value.startswith("commit.")])
STARTING: Final = st.none() | st.sampled_from(
    [
        Failpoint.START_RUN,
        Failpoint.SALVAGE_CUT,
        Failpoint.SALVAGE_NAMED,
        Failpoint.SALVAGE_DONE,
        Failpoint.DESTROY_SYNCED,
    ]
)
PAUSES: Final = st.sampled_from([60_000, 6 * HOUR_MS, DAY_MS, 2 * DAY_MS])
A_MOMENT_MS: Final = 1000
MOMENTS_MS: Final = st.sampled_from([0, 50, A_MOMENT_MS])
"""Between the end of a segment and a step of the clock: two claims that near meet (S9)."""
EDGES_MS: Final = st.sampled_from([-1000, -1, 1, 1000])
"""Beside the instant at which something becomes true."""


class Footage(Base):
    """Recording and time."""

    @rule(camera=cameras, fragments=st.integers(1, 6), count=st.integers(1, 4), step=COMMITTING)
    def records(self, camera: str, fragments: int, count: int, step: Failpoint | None) -> None:
        """Some segments, cut at key frames. The daemon may die on the way."""
        if camera not in self.model.configured:
            return

        def work() -> None:
            for number in range(count):
                if camera in self.recording or self.start_recording(camera):
                    self.write(camera, fragments)
                    self.finish_recording(camera, goes_on=number + 1 < count and step is None)

        self.dying(step, work)
        self.beat()
        if not self.recording.get(camera):
            self.site.store.begin_gap(camera, None, GapCause.DROPPED, "").result(DEADLINE_S)

    @rule(rounds=st.integers(1, 6), fragments=st.integers(1, 6), pause_ms=PAUSES)
    def the_ring_turns(self, rounds: int, fragments: int, pause_ms: int) -> None:
        for _ in range(rounds):
            for camera in self.model.configured:
                if camera in self.recording or self.start_recording(camera):
                    self.write(camera, fragments)
                    self.finish_recording(camera)
            self.clock.tick(pause_ms)
            self.beat()
            self.sweep_once()

    @rule(camera=cameras, fragments=st.integers(1, 6))
    def begins(self, camera: str, fragments: int) -> None:
        """And goes on while other things happen."""
        if camera in self.model.configured and (camera in self.recording or self.start_recording(camera)):
            self.write(camera, fragments)

    @precondition(lambda self: self.recording)
    @rule(data=st.data(), step=COMMITTING)
    def finishes(self, data: st.DataObject, step: Failpoint | None) -> None:
        camera = data.draw(st.sampled_from(sorted(self.recording)))
        self.dying(step, lambda: self.finish_recording(camera))

    @precondition(lambda self: self.recording)
    @rule(data=st.data())
    def a_worker_dies(self, data: st.DataObject) -> None:
        camera = data.draw(st.sampled_from(sorted(self.recording)))
        for seq in self.abandon(camera):
            assert self.site.salvage(camera, seq).left == ()
        self.site.store.begin_gap(camera, None, GapCause.WORKER_CRASH, "").result(DEADLINE_S)

    # --- time ---

    @rule(true_ms=SPANS, boot_ppm=PPM, raw_ppm=PPM)
    def time_passes(self, true_ms: int, boot_ppm: int, raw_ppm: int) -> None:
        """With clocks that drift, or are slewed."""
        self.clock.run(true_ms, boot_ppm, raw_ppm)
        self.beat()

    @precondition(lambda self: any(not known.gone for known in self.model.segments.values()))
    @rule(data=st.data(), floor=st.booleans(), edge_ms=EDGES_MS, sweeps=st.booleans())
    def time_passes_to_an_edge(self, data: st.DataObject, floor: bool, edge_ms: int, sweeps: bool) -> None:
        """To where a floor or a ceiling begins to matter, by true time."""
        there = [key for key, known in self.model.segments.items() if not known.gone]
        self.pass_to_an_edge(self.model.segments[data.draw(st.sampled_from(there))], floor, edge_ms)
        if sweeps:
            self.sweep_once()

    def pass_to_an_edge(self, known: Known, floor: bool, edge_ms: int) -> None:
        bounds, lives = self.model.soonest(known.camera, known.bounds, self.lives()), self.lives()
        if floor:
            left_ms = bounds.floor_s * 1000 - lives.true_since(known.end)
        else:
            left_ms = bounds.ceiling_s * 1000 - lives.true_since(known.start)
        if left_ms + edge_ms > 0:
            self.clock.tick(left_ms + edge_ms)
            self.beat()

    @rule(true_ms=SPANS)
    def sleeps(self, true_ms: int) -> None:
        """The box is suspended; a time daemon sets it right afterwards."""
        self.clock.box.sleep(true_ms)
        if self.clock.box.synced:
            self.clock.box.sync(0)
        self.clock.read()
        self.observe()
        self.beat()

    @rule(by_ms=STEPS, noticed=st.booleans(), moment_ms=MOMENTS_MS)
    def the_clock_is_stepped(self, by_ms: int, noticed: bool, moment_ms: int = A_MOMENT_MS) -> None:
        self.clock.tick(moment_ms)
        self.clock.box.step(by_ms)
        self.clock.read()
        if noticed:
            self.site.store.clock_stepped(self.clock.now(), False).result(DEADLINE_S)
        self.beat()

    @rule(error_ms=st.integers(-16_000, 16_000))
    def is_synchronised(self, error_ms: int) -> None:
        """Late credit comes with it."""
        self.clock.tick(A_MOMENT_MS)
        self.clock.box.sync(error_ms)
        self.clock.read()
        self.site.store.clock_stepped(self.clock.now(), True).result(DEADLINE_S)
        self.beat()

    @rule(
        clean=st.booleans(),
        unseen_ms=st.integers(0, 60_000),
        off_ms=SPANS,
        up_ms=st.integers(1, HOUR_MS),
        ppm=PPM,
        synced=st.booleans(),
        step=STARTING,
    )
    def reboots(
        self, clean: bool, unseen_ms: int, off_ms: int, up_ms: int, ppm: int, synced: bool, step: Failpoint | None
    ) -> None:
        """Without `clean` some seconds after its last heartbeat, in which it ran on unseen."""
        self.abandon()
        self.stop(clean=clean)
        self.clock.run(unseen_ms, 0, 0)
        self.lose_power(off_ms, up_ms, ppm)
        if synced:
            self.clock.box.sync(0)
            self.clock.read()
        self.begin_again(step)

    @rule(clean=st.booleans(), down_ms=st.integers(0, 2 * DAY_MS), step=STARTING)
    def the_daemon_restarts(self, clean: bool, down_ms: int, step: Failpoint | None) -> None:
        self.abandon()
        self.stop(clean=clean)
        self.clock.tick(down_ms)
        self.begin_again(step)

    @precondition(lambda self: self.off_ms)
    @rule(share=st.floats(0, 1))
    def is_attested(self, share: float) -> None:
        """Two people who know the truth say some part of it, for the last power-off."""
        store = self.site.store
        said = round(share * self.off_ms)
        act = store.acts.ask("attest", {}, CHEN)
        try:
            store.acts.approve(act.id, LIN, lambda _: store.boots.attest(store.boot, said, "x", "chen", "lin"))
            steps_made["attested"] += 1
        except OrderRefused:
            *before, row = store.boots.all()
            if not before:  # a database that was lost with all that it knew
                return
            high_ms = row.boot.off_high_ms
            assert said <= row.boot.off_low_ms or said > ATTESTED_MAX_MS or (high_ms is not None and said > high_ms)
