"""A box whose true time is known, and what the catalog makes of its clocks: low <= truth <= high, always (S7).

The box runs with clocks that drift and are slewed, sleeps, loses power some seconds after its last heartbeat, comes up
synchronised, unsynchronised or never synchronised again, has its wall clock stepped by years, is restored from a
snapshot, and has people attest. Its hardware clock, where it has one, is right but for its seconds.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from storage.ages import history as ages
from storage.ages import table as ages_table
from storage.ages.history import DRIFT_PPM, WEEK_MS, Age, History, OffTime, OffTimeSource, OffTimeWitness
from storage.ages.table import ATTESTED_MAX_MS
from storage.database.migrations import migrate
from storage.words.errors import OrderRefused
from tests.support.true_time import Box

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
YEARS: Final = st.integers(-3 * 365 * DAY, 3 * 365 * DAY)
SPANS: Final = st.integers(1, 40 * DAY) | st.integers(1, HOUR)
PPM: Final = st.integers(-DRIFT_PPM, DRIFT_PPM)
SYNC_ERROR: Final = st.integers(-16_000, 16_000)
ROUNDING_MS: Final = 3
"""Clocks are read in whole milliseconds, two at a time."""

FAILING: Final = settings(
    max_examples=500, derandomize=True, database=None, phases=[Phase.generate], report_multiple_bugs=False
)
"""For negative controls: that it fails, not how it fails most simply."""


@dataclass(frozen=True)
class Recorded:
    """Something that happened."""

    true_ms: int
    boot: int
    boottime_ms: int


class TimeMachine(RuleBasedStateMachine):
    """One box, one catalog."""

    @initialize(rtc=st.booleans())
    def begin(self, rtc: bool) -> None:
        self.box = Box(rtc)
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        migrate(self.db)
        self.recorded: list[Recorded] = []
        self.boot = self.off_ms = 0
        self.came_up()

    def teardown(self) -> None:
        if hasattr(self, "db"):
            self.db.close()

    def came_up(self) -> None:
        """And a daemon with it, `off_ms` after the last heartbeat before."""
        self.boot = ages_table.this_boot(self.db, f"boot-{self.box.boots}", self.box.reading())
        self.beaten()

    def beat(self) -> None:
        ages_table.learn(self.db, self.boot, self.box.reading())
        self.beaten()

    def beaten(self) -> None:
        self.beaten_ms, self.beaten_us = self.box.true_ms, self.box.boottime_us

    @rule(true_ms=SPANS, boot_ppm=PPM, raw_ppm=PPM, error=SYNC_ERROR)
    def heartbeats(self, true_ms: int, boot_ppm: int, raw_ppm: int, error: int) -> None:
        """A span of running, then a heartbeat: the pace is the same all through it."""
        self.box.run(true_ms, boot_ppm, raw_ppm)
        if self.box.synced:
            self.box.sync(error)
        self.beat()

    @rule(true_ms=st.integers(1, 10_000))
    def runs_on_unseen(self, true_ms: int) -> None:
        self.box.run(true_ms, 0, 0)

    @rule(true_ms=SPANS)
    def sleeps(self, true_ms: int) -> None:
        """Ages must hold before the heartbeat that follows, too."""
        self.box.sleep(true_ms)
        if self.box.synced:
            self.box.sync(0)
        self.the_truth_lies_between()
        self.beat()

    @rule()
    def records(self) -> None:
        self.recorded.append(Recorded(self.box.true_ms, self.boot, -(-self.box.boottime_us // 1000)))

    @rule(off_ms=SPANS, boots_ppm=PPM, up_ms=st.integers(1, HOUR))
    def loses_power(self, off_ms: int, boots_ppm: int, up_ms: int) -> None:
        self.box.lose_power(off_ms)
        self.off_ms = self.box.true_ms - self.beaten_ms
        self.box.run(up_ms, boots_ppm, 0)
        self.came_up()

    @rule(true_ms=SPANS, share=st.floats(0, 0.99))
    def is_restored(self, true_ms: int, share: float) -> None:
        """As it was before its last heartbeat: boottime and raw run backwards, the boot keeps its id."""
        if self.beaten_us < HOUR:
            return  # so early that the two are one millisecond
        self.box.true_us += true_ms * 1000
        self.off_ms = self.box.true_ms - self.beaten_ms
        back_us = self.box.boottime_us - round(self.beaten_us * share) // 1000 * 1000
        self.box.boottime_us -= back_us
        self.box.raw_us -= back_us
        self.box.synced = False
        self.came_up()

    @rule(error=SYNC_ERROR)
    def is_synced(self, error: int) -> None:
        self.box.sync(error)
        self.beat()

    @rule(by_ms=YEARS)
    def is_stepped(self, by_ms: int) -> None:
        """No age may change by it, neither bound."""
        before = self.ages()
        self.box.step(by_ms)
        self.beat()
        after = self.ages()
        assert [age.low_ms for age in after.values()] == [age.low_ms for age in before.values()]

    @rule(share=st.floats(0, 1))
    @precondition(lambda self: self.boot > 1)
    def is_attested(self, share: float) -> None:
        """Two people who know the truth, and say some part of it, for the last power-off."""
        said = round(share * self.off_ms)
        row = ages_table.rows(self.db)[-1]
        try:
            ages_table.attest(self.db, row.boot.number, said, "power cut", "a", "b", 0)
        except OrderRefused:
            assert said <= row.boot.off_low_ms or said > ATTESTED_MAX_MS

    def ages(self) -> dict[Recorded, Age]:
        reading = self.box.reading()
        history = History(ages_table.boots(self.db), self.boot, reading.now.boottime_ms, reading.lead_us)
        return {one: history.age(one.boot, one.boottime_ms) for one in self.recorded}

    @invariant()
    def the_truth_lies_between(self) -> None:
        if not hasattr(self, "box"):
            return
        for one, age in self.ages().items():
            truth_ms = self.box.true_ms - one.true_ms
            assert 0 <= age.low_ms <= truth_ms + ROUNDING_MS, f"{one} is {truth_ms} ms old and not {age.low_ms}"
            if age.high_ms is not None:
                assert age.high_ms >= truth_ms - ROUNDING_MS, (
                    f"{one} is {truth_ms} ms old and not at most {age.high_ms}"
                )

    @invariant()
    def no_clock_credits_more_than_a_week(self) -> None:
        if hasattr(self, "box"):
            for row in ages_table.rows(self.db):
                assert row.boot.off_low_ms <= max(WEEK_MS, row.attested_ms or 0)


TestTimeMachine = TimeMachine.TestCase


def believe(before: OffTimeWitness, this: OffTimeWitness, attested_ms: int | None) -> OffTime:
    """What everybody else does: the wall clock says how long the box was off."""
    del attested_ms
    assert before.offset_last_ms is not None
    assert this.offset_last_ms is not None
    off_ms = max(0, this.offset_last_ms - before.offset_last_ms - before.ran_ms)
    return OffTime(off_ms, off_ms, OffTimeSource.SYNC)


def test_a_wall_clock_that_is_believed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ages_table, "off", believe)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(TimeMachine, settings=FAILING)


def test_power_off_that_is_counted_twice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was recorded after the last heartbeat lived through a part of the power-off only."""
    monkeypatch.setattr(ages, "_rest", lambda boot, at_ms: (max(0, boot.ran_ms - at_ms), max(0, boot.ran_ms - at_ms)))
    with pytest.raises(AssertionError):
        run_state_machine_as_test(TimeMachine, settings=FAILING)
