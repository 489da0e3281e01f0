"""Which event goes next and which may go for good: against a database that is a list, and a broker that says anything.

The model is naive: rows in a dict, a subscriber that remembers, answers in any order. Whatever happens in between, what
was deleted had arrived, and once the broker takes everything, everything arrives, each kind in its order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mqtt.connection import Delivery
from mqtt.send import ARRIVED_MAX, PAGE, PROBE_EVERY_S, Ask, Outbox
from storage.outbox.table import RANKS, Event, EventKind

KINDS = (EventKind.LEDGER, EventKind.PIN, EventKind.ALARM, EventKind.VOLUME, EventKind.GAP, EventKind.CLOCK)


def event(seq: int, kind: EventKind = EventKind.GAP) -> Event:
    return Event(1, seq, kind, seq, 0, "", {})


@dataclass
class Rows:
    """The database."""

    entered: int = 0
    rows: dict[int, Event] = field(default_factory=dict)
    kinds: dict[int, EventKind] = field(default_factory=dict)
    """Of all that ever were."""

    def enter(self, kind: EventKind) -> None:
        self.entered += 1
        self.rows[self.entered] = event(self.entered, kind)
        self.kinds[self.entered] = kind

    def following(self, ask: Ask) -> list[Event]:
        found = [row for seq, row in sorted(self.rows.items()) if row.kind is ask.kind and seq > ask.after]
        return found[: ask.limit]


def reading(outbox: Outbox, rows: Rows, now_s: float = 0.0) -> None:
    for ask in outbox.asks(now_s):
        outbox.hand(ask, rows.following(ask))


def full(*kinds: EventKind) -> tuple[Outbox, Rows]:
    """With events of these kinds, numbered from 1, read."""
    outbox, rows = Outbox(), Rows()
    for kind in kinds:
        rows.enter(kind)
    outbox.connected()
    reading(outbox, rows)
    return outbox, rows


def taken(outbox: Outbox, now_s: float = 0.0) -> int | None:
    """The number of the next one, which is then under way under its number."""
    found = outbox.take(now_s)
    if found is None:
        return None
    outbox.sent(found.seq, found)
    return found.seq


def test_the_highest_rank_goes_first_and_of_one_rank_the_oldest() -> None:
    outbox, _ = full(
        EventKind.GAP, EventKind.VOLUME, EventKind.ALARM, EventKind.RETENTION, EventKind.PIN, EventKind.LEDGER
    )
    assert [taken(outbox) for _ in range(7)] == [5, 6, 3, 2, 4, 1, None]


def test_a_new_alarm_overtakes_a_month_of_history() -> None:
    outbox, rows = full(*[EventKind.GAP] * 1000)
    assert taken(outbox) == 1
    rows.enter(EventKind.ALARM)
    outbox.news()
    reading(outbox, rows)
    outbox.answered(1, Delivery.TAKEN, 0.0)
    assert taken(outbox) == 1001


def test_one_of_a_kind_is_under_way_at_a_time() -> None:
    outbox, _ = full(EventKind.GAP, EventKind.GAP)
    assert taken(outbox) == 1
    assert taken(outbox) is None
    outbox.answered(1, Delivery.TAKEN, 0.0)
    assert taken(outbox) == 2


def test_a_kind_that_nobody_gets_is_tried_once_a_minute_with_the_same_event_and_holds_up_no_other() -> None:
    for word in (Delivery.UNHEARD, Delivery.REFUSED):
        outbox, rows = full(EventKind.ALARM, EventKind.ALARM, EventKind.GAP)
        assert taken(outbox) == 1
        outbox.answered(1, word, 0.0)
        reading(outbox, rows)
        assert taken(outbox) == 3
        reading(outbox, rows, PROBE_EVERY_S - 0.1)
        assert taken(outbox, PROBE_EVERY_S - 0.1) is None
        reading(outbox, rows, PROBE_EVERY_S)
        assert taken(outbox, PROBE_EVERY_S) == 1
        outbox.answered(1, Delivery.TAKEN, PROBE_EVERY_S)
        assert taken(outbox, PROBE_EVERY_S) == 2, "all is well again: no waiting"


def test_what_gave_way_while_its_kind_rested_is_not_sent() -> None:
    outbox, rows = full(EventKind.GAP, EventKind.GAP, EventKind.GAP)
    assert taken(outbox) == 1
    outbox.answered(1, Delivery.UNHEARD, 0.0)
    del rows.rows[1], rows.rows[2]
    reading(outbox, rows, PROBE_EVERY_S)
    assert taken(outbox, PROBE_EVERY_S) == 3


def test_what_was_not_answered_is_sent_again_at_the_next_connection_and_what_has_arrived_is_not() -> None:
    outbox, rows = full(EventKind.ALARM, EventKind.ALARM, EventKind.GAP)
    taken(outbox)
    outbox.answered(1, Delivery.TAKEN, 0.0)
    assert [taken(outbox), taken(outbox)] == [2, 3]
    outbox.connected()
    reading(outbox, rows)
    assert [taken(outbox), taken(outbox), taken(outbox)] == [2, 3, None]
    assert outbox.arrived == [1]


def test_an_answer_that_comes_twice_or_for_nothing_means_nothing() -> None:
    outbox, _ = full(EventKind.GAP)
    taken(outbox)
    assert outbox.answered(1, Delivery.TAKEN, 0.0) == event(1)
    assert outbox.answered(1, Delivery.REFUSED, 0.0) is None
    assert outbox.answered(77, Delivery.TAKEN, 0.0) is None
    assert outbox.arrived == [1]


def test_an_answer_of_the_database_from_before_a_new_connection_is_passed_over() -> None:
    outbox, rows = Outbox(), Rows()
    rows.enter(EventKind.GAP)
    outbox.connected()
    (stale,) = [ask for ask in outbox.asks(0.0) if ask.kind is EventKind.GAP]
    outbox.connected()
    outbox.hand(stale, rows.following(stale))
    assert taken(outbox) is None
    reading(outbox, rows)
    assert taken(outbox) == 1


def test_a_database_that_fails_is_asked_again() -> None:
    outbox = Outbox()
    for ask in outbox.asks(0.0):
        outbox.missed(ask)
    assert len(outbox.asks(0.0)) == len(EventKind)
    assert outbox.asks(0.0) == []


def test_a_database_that_deletes_nothing_stops_the_sending() -> None:
    outbox, rows = full(*[EventKind.GAP] * (ARRIVED_MAX + 10))
    for seq in range(1, ARRIVED_MAX + 1):
        reading(outbox, rows)
        assert taken(outbox) == seq
        outbox.answered(seq, Delivery.TAKEN, 0.0)
    reading(outbox, rows)
    assert taken(outbox) is None
    outbox.deleted([1])
    assert taken(outbox) == ARRIVED_MAX + 1


class OutboxAgainstAnything(RuleBasedStateMachine):
    """Entries, reads, answers in any order, lost connections, evictions and deletions at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox()
        self.rows = Rows()
        self.now_s = 0.0
        self.mids = 0
        self.asks: list[Ask] = []
        self.pages: list[tuple[Ask, list[Event]]] = []
        self.flying: dict[int, Event] = {}
        self.heard: list[int] = []
        """By the subscriber, in its order."""
        self.taken: set[int] = set()
        """Answered as such."""
        self.evicted: set[int] = set()
        self.outbox.connected()

    @rule(kind=st.sampled_from(KINDS), times=st.sampled_from([1, 1, 3, PAGE + 5]), told=st.booleans())
    def enter(self, kind: EventKind, times: int, told: bool) -> None:
        for _ in range(times):
            self.rows.enter(kind)
        if told:
            self.outbox.news()

    @rule()
    def ask(self) -> None:
        self.asks += self.outbox.asks(self.now_s)

    @precondition(lambda self: self.asks)
    @rule(index=st.integers(0, 99), fails=st.booleans())
    def read(self, index: int, fails: bool) -> None:
        ask = self.asks.pop(index % len(self.asks))
        if fails:
            self.outbox.missed(ask)
        else:
            self.pages.append((ask, self.rows.following(ask)))

    @precondition(lambda self: self.pages)
    @rule(index=st.integers(0, 99))
    def hand(self, index: int) -> None:
        self.outbox.hand(*self.pages.pop(index % len(self.pages)))

    @rule(reaches=st.sampled_from(Delivery), lost=st.booleans())
    def send(self, reaches: Delivery, lost: bool) -> None:
        found = self.outbox.take(self.now_s)
        if found is None:
            return None
        if lost:  # between taking and sending
            return self.connect()
        self.mids += 1
        self.outbox.sent(self.mids, found)
        self.flying[self.mids] = found
        if reaches is Delivery.TAKEN:
            self.heard.append(found.seq)
        return None

    @precondition(lambda self: self.flying)
    @rule(index=st.integers(0, 99), twice=st.booleans(), word=st.sampled_from([Delivery.UNHEARD, Delivery.REFUSED]))
    def answer(self, index: int, twice: bool, word: Delivery) -> None:
        """TAKEN where the subscriber has it: the broker does not lie about that."""
        mid = list(self.flying)[index % len(self.flying)]
        sent = self.flying.pop(mid)
        told = Delivery.TAKEN if sent.seq in self.heard else word
        assert self.outbox.answered(mid, told, self.now_s) == sent
        if told is Delivery.TAKEN:
            self.taken.add(sent.seq)
        if twice:
            assert self.outbox.answered(mid, Delivery.TAKEN, self.now_s) is None

    @rule()
    def connect(self) -> None:
        self.flying.clear()
        self.outbox.connected()

    @rule(share=st.integers(1, 3))
    def delete(self, share: int) -> None:
        gone = self.outbox.arrived[::share]
        for seq in gone:
            self.rows.rows.pop(seq, None)
        self.outbox.deleted(gone)

    @rule(count=st.integers(1, 5))
    def evict(self, count: int) -> None:
        """Lowest rank and oldest first."""
        rows = sorted(self.rows.rows.values(), key=lambda row: (-RANKS[row.kind], row.seq))
        for row in rows[:count]:
            del self.rows.rows[row.seq]
            self.evicted.add(row.seq)

    @rule(passed_s=st.floats(0.0, 2 * PROBE_EVERY_S))
    def wait(self, passed_s: float) -> None:
        self.now_s += passed_s

    @invariant()
    def nothing_goes_that_was_not_taken(self) -> None:
        assert set(self.outbox.arrived) <= self.taken
        gone = set(range(1, self.rows.entered + 1)) - set(self.rows.rows) - self.evicted
        assert gone <= self.taken

    @invariant()
    def memory_is_bounded(self) -> None:
        lanes = self.outbox._lanes.values()
        assert all(len(lane.read) <= PAGE for lane in lanes)
        assert self.outbox.flying <= len(EventKind)
        assert len(self.outbox.arrived) <= ARRIVED_MAX

    def teardown(self) -> None:
        """From here on all goes well: so much work is enough for all of it, and none of it is done in vain."""
        for page in self.pages:
            self.outbox.hand(*page)
        for ask in self.asks:
            self.outbox.missed(ask)
        for mid, sent in self.flying.items():
            self.heard.append(sent.seq)
            self.outbox.answered(mid, Delivery.TAKEN, self.now_s)
        left = len(self.rows.rows)
        steps = 0
        self.now_s += PROBE_EVERY_S
        self.outbox.news()
        while True:
            reading(self.outbox, self.rows, self.now_s)
            found = self.outbox.take(self.now_s)
            if found is None:
                break
            steps += 1
            self.mids += 1
            self.outbox.sent(self.mids, found)
            self.heard.append(found.seq)
            self.outbox.answered(self.mids, Delivery.TAKEN, self.now_s)
            self.delete(share=1)
        self.delete(share=1)
        assert steps <= left + PAGE * len(KINDS), "what had given way may have been read before"
        assert not self.rows.rows
        assert set(range(1, self.rows.entered + 1)) <= set(self.heard) | self.evicted
        for kind in KINDS:
            first = [seq for seq in dict.fromkeys(self.heard) if self.rows.kinds[seq] is kind]
            assert first == sorted(first)


TestOutboxAgainstAnything = OutboxAgainstAnything.TestCase
TestOutboxAgainstAnything.settings = settings(stateful_step_count=60)
