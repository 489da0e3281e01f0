"""What people do: pins, what is configured, what two of them decide."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from storage.approvals.service import Person
from storage.pins.rules import Ground, Interval, Limits, PinOrder
from storage.words.errors import OrderRefused
from storage.words.failpoints import Failpoint
from storage.words.model import Bounds, GapCause
from tests.model.promised import eyes
from tests.model.promised.base import Base, cameras
from tests.model.promised.ground import BOUNDS, steps_made
from tests.model.promised.naive import DAY_MS, HOUR_MS, Held, Known
from tests.support.office import DEADLINE_S

CHEN: Final = Person(1001, "chen")
LIN: Final = Person(1002, "lin")
LIMITS: Final = Limits(180 * DAY_MS, 1e9)
"""Shares of a volume are counted with what is still to come, and have tests of their own."""
LENGTHS: Final = st.sampled_from([HOUR_MS, 2 * DAY_MS, 10 * DAY_MS, 30 * DAY_MS, 180 * DAY_MS])
PLACING: Final = st.none() | st.sampled_from([step for step in Failpoint if step.value.startswith("pin.")])
RELEASING: Final = st.none() | st.sampled_from([step for step in Failpoint if step.value.startswith("release.")])
DESTROYING: Final = st.none() | st.sampled_from([step for step in Failpoint if step.value.startswith("destroy.")])


class People(Base):
    """Whoever has a login."""

    @precondition(lambda self: any(not known.gone for known in self.model.segments.values()))
    @rule(data=st.data(), ground=st.sampled_from(Ground), span_ms=LENGTHS, ahead=st.booleans(), step=PLACING)
    def pin(self, data: st.DataObject, ground: Ground, span_ms: int, ahead: bool, step: Failpoint | None) -> None:
        there = [known for known in self.model.segments.values() if not known.gone]
        first = data.draw(st.sampled_from(there))
        last = data.draw(st.sampled_from([known for known in there if known.camera == first.camera]))
        self.place(first, last, ground, span_ms, ahead, step)

    def place(
        self, first: Known, last: Known, ground: Ground, span_ms: int, ahead: bool, step: Failpoint | None
    ) -> None:
        low_ms = min(first.start.wall_ms, last.start.wall_ms)
        high_ms = max(first.end.wall_ms, last.end.wall_ms, low_ms + 1)
        if ahead:
            high_ms = self.clock.wall_ms + HOUR_MS
        if low_ms >= high_ms:
            return
        order = PinOrder((first.camera,), Interval(low_ms, high_ms), ground, "x", "c", "a", span_ms)
        placed, before = self.at(), self.standing()
        try:
            self.dying(step, lambda: self.site.store.pins.place(order, CHEN, LIMITS))
        except OrderRefused as error:
            steps_made[f"refused: {error.what[:40]}"] += 1
            assert self.standing() == before
            return
        new = self.standing() - before
        assert len(new) <= 1
        if step is None or step is Failpoint.PIN_DONE:
            assert new, "S2: answered, and not held"
        for pin_id in new:
            steps_made["pinned"] += 1
            self.model.pins[pin_id] = Held(order, placed, span_ms)

    def standing(self) -> set[str]:
        return {one.pin.id for one in self.site.store.pins.standing()}

    @precondition(lambda self: self.model.pins)
    @rule(data=st.data())
    def approve(self, data: st.DataObject) -> None:
        pin_id = data.draw(st.sampled_from(list(self.model.pins)))
        try:
            self.site.store.pins.approve(pin_id, LIN)
        except OrderRefused:
            return
        self.model.pins[pin_id].approved = True

    @precondition(lambda self: self.model.pins)
    @rule(data=st.data(), span_ms=LENGTHS)
    def extend(self, data: st.DataObject, span_ms: int) -> None:
        """By two."""
        pin_id = data.draw(st.sampled_from(list(self.model.pins)))
        store = self.site.store
        act = store.acts.ask("pin-extend", {}, CHEN)
        try:
            store.acts.approve(act.id, LIN, lambda _: store.pins.extending(pin_id, span_ms, LIMITS))
        except OrderRefused:
            return
        store.pins.follow_up()
        self.model.pins[pin_id].span_ms = span_ms

    @precondition(lambda self: self.model.pins)
    @rule(data=st.data(), step=RELEASING)
    def release(self, data: st.DataObject, step: Failpoint | None) -> None:
        """By two; by one alone nothing happens."""
        self.let_go_of(data.draw(st.sampled_from(list(self.model.pins))), step)

    def let_go_of(self, pin_id: str, step: Failpoint | None) -> None:
        store = self.site.store
        act = store.acts.ask("pin-release", {}, CHEN)
        try:
            store.acts.approve(act.id, CHEN, lambda _: store.pins.releasing(pin_id, "chen", "over"))
            raise AssertionError("one person did what takes two")
        except OrderRefused:
            pass
        try:
            store.acts.approve(act.id, LIN, lambda _: store.pins.releasing(pin_id, "chen", "over"))
        except OrderRefused:
            held = self.model.pins[pin_id]
            assert not held.lasts(self.lives()), f"S2: {pin_id} is not there to be released"
            return
        self.model.released[pin_id] = self.model.pins.pop(pin_id)
        steps_made["released"] += 1
        self.dying(step, store.pins.follow_up)

    # --- the ring, and what is configured of it ---

    @rule(step=DESTROYING | RELEASING, until_all_is_done=st.sampled_from([False, False, True]))
    def sweeps(self, step: Failpoint | None, until_all_is_done: bool) -> None:
        if until_all_is_done:
            self.settle()
            self.check(eyes.clinging(self.site.box(), self.model, self.lives()))
        if step is None:
            self.sweep_once()
            return
        self.model.hear(self.at())
        self.dying(step, lambda: self.site.store.sweep(self.policy))

    @rule(camera=cameras, bounds=st.sampled_from(BOUNDS), sweeps=st.booleans())
    def configures(self, camera: str, bounds: Bounds, sweeps: bool) -> None:
        """New cameras as well, and such as were removed."""
        self.model.configured[camera] = bounds
        self.enrol(camera)
        if sweeps:
            self.sweep_once()

    @precondition(lambda self: len(self.model.configured) > 1)
    @rule(data=st.data(), new=st.none() | cameras)
    def removes(self, data: st.DataObject, new: str | None) -> None:
        """Disabled or gone; or renamed, which is another camera in its place."""
        camera = data.draw(st.sampled_from(sorted(self.model.configured)))
        if camera in self.recording:
            self.finish_recording(camera)
        self.site.store.begin_gap(camera, self.clock.now(), GapCause.DISABLED, "").result(DEADLINE_S)
        bounds = self.model.configured.pop(camera)
        if new is not None and new not in self.model.configured:
            self.model.configured[new] = bounds
            self.enrol(new)

    @rule(on=st.booleans())
    def may_overwrite(self, on: bool) -> None:
        self.model.overwrite = on
