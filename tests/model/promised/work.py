"""Who is at work on a box (維護), and what they may hide: nothing but what is not recorded while they said they are."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from storage.tickets.maintenance_table import LEAST_MS, MOST_MS
from storage.words.errors import OrderRefused, UnknownId
from tests.model.promised import eyes
from tests.model.promised.base import Base
from tests.model.promised.ground import CAMERAS, steps_made
from tests.model.promised.naive import HOUR_MS, Work

WORKED: Final = st.sampled_from([(), ("door",), ("door", "lobby"), CAMERAS])
"""On what; nothing: the whole box."""
SPANS: Final = st.sampled_from([LEAST_MS, HOUR_MS, MOST_MS])
WHO: Final = {"who": "chen", "reason": "x"}


class AtWork(Base):
    """Maintenance."""

    @rule(cameras=WORKED, span_ms=SPANS)
    def announces_work(self, cameras: tuple[str, ...], span_ms: int) -> None:
        self.looks_after_work()
        at = self.at()
        try:
            begun = self.site.store.maintenance.start(cameras, span_ms, WHO)
        except OrderRefused:
            assert self.model.work is not None, "work is refused, and none is under way"
            return
        assert self.model.work is None, f"S7: {begun.maintenance.id} was begun while {self.model.work} lasts"
        self.model.work = Work(begun.maintenance.id, at, span_ms)
        steps_made["work announced"] += 1

    @rule()
    def ends_work(self) -> None:
        self.looks_after_work()
        try:
            ended = self.site.store.maintenance.end(WHO)
        except UnknownId:
            assert self.model.work is None, f"S7: {self.model.work} has not been over yet"
            return
        assert self.model.work is not None
        assert ended.id == self.model.work.id
        self.model.hushed, self.model.work = self.model.work, None
        steps_made["work ended"] += 1

    @rule()
    def somebody_looks(self) -> None:
        self.looks_after_work()

    @invariant()
    def work_explains_what_lies_in_it(self) -> None:
        if hasattr(self, "site"):
            self.check(eyes.explained(self.site.box()))
