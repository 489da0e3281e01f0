"""Pins against a naive model: placed, approved, released, lapsing, cut off anywhere, under clocks that jump (S2, S7).

The model knows running time and which segments an interval touches, and nothing else. What it says is held must be a
committed row with an untouched file, whatever happened in between.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from storage.approvals.service import Person
from storage.pins import rules
from storage.pins.rules import Ground, Interval, Limits, PinOrder, PinState
from storage.retention.plan import Policy
from storage.words import failpoints
from storage.words.errors import OrderRefused
from storage.words.failpoints import Failpoint
from storage.words.model import Segment
from tests.conftest import Profile
from tests.model.promised import planted
from tests.support.office import BOUNDS, MEMORY, Office, sha256

CAMERAS = ("door", "lobby")
CHEN, LIN = Person(1001, "chen"), Person(1002, "lin")
LIMITS = Limits(180 * rules.DAY_MS, 100.0)
YEAR_MS = 365 * rules.DAY_MS
PLACING = (
    Failpoint.PIN_SIDECAR,
    Failpoint.PIN_LINKED,
    Failpoint.PIN_SYNCED,
    Failpoint.PIN_DONE,
    Failpoint.PIN_HOLDING,
    Failpoint.PIN_HELD,
)
UNANSWERED = (Failpoint.PIN_SIDECAR, Failpoint.PIN_LINKED, Failpoint.PIN_SYNCED)
"""No row yet."""
RELEASING = (Failpoint.RELEASE_DONE, Failpoint.RELEASE_SIDECAR, Failpoint.RELEASE_UNLINKED)
MACHINE = settings(
    stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


class Crash(BaseException):
    """Nobody tidies up after it."""


@dataclass
class Held:
    """A pin in the model."""

    order: PinOrder
    placed_ms: int
    approved: bool = False

    def lasts(self, now_ms: int) -> bool:
        return now_ms - self.placed_ms < (
            self.order.span_ms if self.approved else min(self.order.span_ms, rules.PROVISIONAL_MS)
        )


@dataclass
class Known:
    """A segment that was committed; times in running time."""

    segment: Segment
    start_ms: int
    gone: bool = False


class PinMachine(RuleBasedStateMachine):
    """Running time is `ran_ms`: a box that is off does not run."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY)
        self.office = Office(Path(self.folder.name))
        self.ran_ms = 0
        self.pins: dict[str, Held] = {}
        self.known: list[Known] = []
        for camera in CAMERAS:
            self.office.enrol(camera)

    def teardown(self) -> None:
        failpoints.arm(None)
        try:
            self.tick(200 * rules.DAY_MS)
            for _ in range(4):
                self.office.clock.tick(61_000)
                self.sweep()
            assert self.office.store.pins.standing() == []
            assert list((self.office.disk / ".pins").glob("*")) == []
            assert all(self.office.store.segments(camera, None, None) == [] for camera in CAMERAS), "nothing stays (S3)"
        finally:
            self.office.store.close()
            self.folder.cleanup()

    # --- the world ---

    @rule(camera=st.sampled_from(CAMERAS))
    def record(self, camera: str) -> None:
        start_ms, before = self.ran_ms, self.office.clock.boottime_ms
        self.known.append(Known(self.office.segment(camera), start_ms))
        self.ran_ms += self.office.clock.boottime_ms - before

    @rule(ms=st.sampled_from([1_000, 60_000, 400_000, rules.DAY_MS, 4 * rules.DAY_MS, 40 * rules.DAY_MS]))
    def tick(self, ms: int) -> None:
        self.office.clock.tick(ms)
        self.ran_ms += ms

    @rule(ms=st.sampled_from([-YEAR_MS, -3_600_000, 3_600_000, 2 * YEAR_MS]))
    def step_the_clock(self, ms: int) -> None:
        self.office.clock.step_wall(ms)

    @rule()
    def sweep(self) -> None:
        self.office.store.sweep(lambda: Policy(dict.fromkeys(CAMERAS, BOUNDS)))

    @rule(off_ms=st.sampled_from([1_000, YEAR_MS]))
    def reboot(self, off_ms: int) -> None:
        self.office.clock.is_synced = False
        self.office.store.close()
        self.office.clock.reboot(off_ms)
        self.begin_again()

    def begin_again(self) -> None:
        self.office.start()
        self.office.store.recover()
        for camera in CAMERAS:
            self.office.enrol(camera)

    # --- people ---

    @precondition(lambda self: self.known)
    @rule(
        data=st.data(),
        ground=st.sampled_from(Ground),
        span_ms=st.sampled_from([rules.HOUR_MS, 2 * rules.DAY_MS, 30 * rules.DAY_MS, 180 * rules.DAY_MS]),
        ahead=st.booleans(),
        step=st.none() | st.sampled_from(PLACING),
    )
    def place(self, data: st.DataObject, ground: Ground, span_ms: int, *, ahead: bool, step: Failpoint | None) -> None:
        first = data.draw(st.sampled_from(self.known)).segment
        last = data.draw(st.sampled_from([one.segment for one in self.known if one.segment.camera == first.camera]))
        low, high = sorted((first.start.wall_ms + 1, last.end.wall_ms - 1))
        if ahead:
            high = self.office.clock.wall_ms + rules.HOUR_MS
        order = PinOrder((first.camera,), Interval(low, high), ground, "x", "c", "a", span_ms)
        before, at_ms = {one.pin.id for one in self.office.store.pins.standing()}, self.ran_ms
        try:
            self.cut_off(step, lambda: self.office.store.pins.place(order, CHEN, LIMITS))
        except OrderRefused:
            return
        new = {one.pin.id for one in self.office.store.pins.standing()} - before
        if not new and step in UNANSWERED and not any(self.touches(order, known) for known in self.known):
            return  # no disk tells of it where it holds nothing yet
        assert len(new) == 1, "placed, and after a crash adopted: never half"
        self.pins[new.pop()] = Held(order, at_ms)

    @precondition(lambda self: self.pins)
    @rule(data=st.data())
    def approve(self, data: st.DataObject) -> None:
        pin_id = data.draw(st.sampled_from(list(self.pins)))
        try:
            self.office.store.pins.approve(pin_id, LIN)
        except OrderRefused:
            return
        self.pins[pin_id].approved = True

    @precondition(lambda self: self.pins)
    @rule(data=st.data(), step=st.none() | st.sampled_from(RELEASING))
    def release(self, data: st.DataObject, step: Failpoint | None) -> None:
        pin_id = data.draw(st.sampled_from(list(self.pins)))
        store = self.office.store

        def work() -> None:
            act = store.acts.ask("pin-release", {}, CHEN)
            store.acts.approve(act.id, LIN, lambda _: store.pins.releasing(pin_id, "chen", "over"))
            store.pins.follow_up()

        try:
            self.cut_off(step, work)
        except OrderRefused:
            assert not self.pins[pin_id].lasts(self.ran_ms)
        del self.pins[pin_id]

    def cut_off(self, step: Failpoint | None, work: object) -> None:
        """Do it; at a step the daemon dies and another one starts."""

        def listener(reached: Failpoint) -> None:
            if reached is step:
                failpoints.arm(None)
                raise Crash

        failpoints.arm(listener)
        try:
            work()  # type: ignore[operator]
        except Crash:
            self.office.crash()
            self.begin_again()
        finally:
            failpoints.arm(None)

    # --- what is promised ---

    @invariant()
    def what_is_held_is_there(self) -> None:
        there = {
            (one.camera, one.seq): one for camera in CAMERAS for one in self.office.store.segments(camera, None, None)
        }
        for known in self.known:
            segment = known.segment
            if known.gone or (segment.camera, segment.seq) not in there:
                assert not self.is_held(known), f"{segment.camera}/{segment.seq} is pinned and gone (S2)"
                known.gone = True
            else:
                assert sha256(segment.path) == segment.sha256

    def is_held(self, known: Known) -> bool:
        past = self.ran_ms - known.start_ms >= BOUNDS.ceiling_s * 1000
        return any(
            pin.lasts(self.ran_ms)
            and self.touches(pin.order, known)
            and rules.protects(pin.order.ground, past_ceiling=past)
            for pin in self.pins.values()
        )

    def touches(self, order: PinOrder, known: Known) -> bool:
        segment = known.segment
        return (
            not known.gone
            and segment.camera in order.cameras
            and order.interval.touches(segment.start.wall_ms, segment.end.wall_ms - segment.start.wall_ms)
        )

    @invariant()
    def what_lasts_in_the_model_lasts(self) -> None:
        standing = {one.pin.id: one for one in self.office.store.pins.standing()}
        for pin_id, pin in self.pins.items():
            if pin.lasts(self.ran_ms):
                assert standing[pin_id].left_ms > 0, f"{pin_id} has ended early (S7)"
                assert (standing[pin_id].pin.state is PinState.APPROVED) == pin.approved


def test_whatever_happens_pins_hold(profile: Profile) -> None:
    run_state_machine_as_test(PinMachine, settings=settings(MACHINE, max_examples=profile.model_examples))


def test_with_pins_ignored_the_machine_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control, along one way through it."""
    planted.pins_ignored(monkeypatch)
    machine = PinMachine()
    try:
        machine.record("lobby")
        segment = machine.known[0].segment
        interval = Interval(segment.start.wall_ms, segment.end.wall_ms)
        order = PinOrder(("lobby",), interval, Ground.LAW, "x", "c", "a", rules.DAY_MS)
        standing, _ = machine.office.store.pins.place(order, CHEN, LIMITS)
        machine.pins[standing.pin.id] = Held(order, machine.ran_ms)
        machine.what_is_held_is_there()
        machine.tick(400_000)
        machine.sweep()
        with pytest.raises(AssertionError, match=r"pinned and gone \(S2\)"):
            machine.what_is_held_is_there()
    finally:
        machine.office.store.close()
        machine.folder.cleanup()
