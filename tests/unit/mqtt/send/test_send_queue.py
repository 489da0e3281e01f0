"""What is sent next, how much at a time and how fast: nobody starves, nothing floods."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt.connection import WINDOW, Delivery
from mqtt.contract import events, messages
from mqtt.contract.messages import Publication
from mqtt.send import ANSWER_DEADLINE_S, BURST, BYTES_MAX, RATE_PER_S, InFlight, Outgoing, Pace, SendQueue
from script.generate import examples
from storage.outbox.table import Event, EventKind

NODE = "wenshan-main"
STATUS = messages.status_topic(NODE)
TOLD = events.publication


def health(camera: int, value: str = "{}") -> Publication:
    return Publication(messages.camera_health_topic(NODE, f"c{camera}"), value.encode(), 1, True)


def history(traffic: SendQueue, count: int, kind: EventKind = EventKind.GAP) -> None:
    """So many events of a kind wait; each is asked for as it is wanted."""
    for ask in traffic.outbox.asks(0.0):
        found = range(ask.after + 1, min(ask.after + ask.limit, count) + 1) if ask.kind is kind else ()
        traffic.outbox.hand(ask, [Event(1, seq, kind, seq, 0, "", {}) for seq in found])


@pytest.fixture(autouse=True)
def plain_events(monkeypatch: pytest.MonkeyPatch) -> None:
    def plain(node: str, event: Event) -> Publication:
        return Publication(f"edged/v1/{node}/up/event/{event.kind}", str(event.seq).encode(), 1, retain=False)

    monkeypatch.setattr(events, "publication", plain)


class Broker:
    """Answers at once, or not at all."""

    def __init__(self, traffic: SendQueue) -> None:
        self.traffic = traffic
        self.mids = 0
        self.got: list[Outgoing] = []

    def send(self, now_s: float, *, answers: bool = True) -> Outgoing | None:
        parcel = self.traffic.take(now_s)
        if parcel is not None:
            self.mids += 1
            self.traffic.sent(self.mids, parcel, now_s)
            self.got.append(parcel)
            if answers:
                assert self.traffic.answered(self.mids, Delivery.TAKEN, now_s) is parcel
        return parcel


def test_the_window_is_the_smaller_of_ours_and_the_brokers() -> None:
    for granted, expected in ((5, 5), (1000, WINDOW), (0, 1)):
        traffic = SendQueue(NODE)
        traffic.connected([health(number) for number in range(100)], granted)
        broker = Broker(traffic)
        while broker.send(0.0, answers=False):
            pass
        assert len(broker.got) == expected
        traffic.answered(1, Delivery.TAKEN, 0.0)
        assert broker.send(0.0, answers=False)
        assert not broker.send(0.0, answers=False)


def test_so_many_bytes_are_under_way_and_one_message_more() -> None:
    window = InFlight()
    for mid in range(3):
        assert window.room
        window.sent(mid, BYTES_MAX // 2 - 1, 0.0)
    assert not window.room
    window.answered(0)
    assert window.room
    window.answered(0)
    window.answered(1)
    window.answered(2)
    window.sent(3, 10 * BYTES_MAX, 0.0)
    assert not window.room
    window.open(WINDOW)
    assert window.room


def test_one_message_that_is_never_answered_ends_the_connection_though_others_are() -> None:
    window = InFlight()
    assert not window.stalled(1e9)
    window.sent(1, 1, 1000.0)
    for mid in range(2, 60):
        window.sent(mid, 1, 1000.0 + mid)
        window.answered(mid)
    assert not window.stalled(1000.0 + ANSWER_DEADLINE_S - 0.1)
    assert window.stalled(1000.0 + ANSWER_DEADLINE_S)
    window.answered(1)
    assert not window.stalled(1e9)


@given(st.lists(st.floats(0, 5), max_size=200))
def test_no_span_of_time_sees_more_than_the_burst_and_its_share(waits: list[float]) -> None:
    pace, now_s, sent = Pace(), 1000.0, []
    for wait in waits:
        now_s += wait
        while pace.due_s(now_s) == 0.0:
            pace.take(now_s)
            sent.append(now_s)
            if len(sent) > 5000:
                return
    for first, begin in enumerate(sent[:200]):
        for count, end in enumerate(sent[first:], 1):
            assert count <= BURST + (end - begin) * RATE_PER_S + 1e-6


def test_after_the_burst_it_says_when_the_next_may_go() -> None:
    pace = Pace()
    for _ in range(BURST):
        assert pace.due_s(100.0) == 0.0
        pace.take(100.0)
    due_s = pace.due_s(100.0)
    assert due_s == pytest.approx(1 / RATE_PER_S)
    assert pace.due_s(100.0 + due_s + 1e-9) == 0.0
    assert pace.due_s(50.0) > 0.0


def test_the_greeting_goes_before_events() -> None:
    traffic, broker = SendQueue(NODE), None
    traffic.connected([Publication(STATUS, b"{}", 1, True), *(health(number) for number in range(30))], WINDOW)
    history(traffic, 10)
    broker = Broker(traffic)
    for _ in range(32):
        assert broker.send(0.0)
    assert [parcel.event is None for parcel in broker.got] == [True] * 31 + [False]
    assert broker.got[0].message.topic == STATUS


def test_a_head_that_is_withheld_does_not_hold_up_events() -> None:
    traffic = SendQueue(NODE)
    head = Publication(messages.ledger_checkpoint_topic(NODE), b"{}", 1, True)
    traffic.state.withhold(head.topic)
    traffic.connected([head], WINDOW)
    history(traffic, 1)
    parcel = Broker(traffic).send(0.0)
    assert parcel is not None
    assert parcel.event is not None


@pytest.mark.parametrize("granted", [1, WINDOW])
def test_neither_flapping_state_nor_a_month_of_history_starves_the_other(granted: int) -> None:
    traffic = SendQueue(NODE)
    traffic.connected([], granted)
    broker = Broker(traffic)
    for step in range(1000):
        history(traffic, 100_000)
        for camera in range(64):
            traffic.state.put(health(camera, str(step)))
        broker.send(step / RATE_PER_S)
    shares = Counter(parcel.event is None for parcel in broker.got)
    assert abs(shares[True] - shares[False]) <= 1
    assert sum(shares.values()) == 1000


def test_what_leaves_says_only_its_farewell_without_waiting_for_its_turn() -> None:
    traffic = SendQueue(NODE)
    traffic.connected([health(1)], WINDOW)
    history(traffic, 1000)
    broker = Broker(traffic)
    while broker.send(0.0, answers=False):
        pass
    for _ in range(100):
        traffic._pace.take(0.0)
    traffic.leave(Publication(STATUS, b'{"state":"stopping"}', 1, True))
    parcel = broker.send(0.0)
    assert parcel is not None
    assert parcel.message.topic == STATUS
    assert broker.send(100.0) is None


def test_what_was_not_answered_is_sent_again_at_the_next_connection() -> None:
    traffic = SendQueue(NODE)
    traffic.connected([health(1)], WINDOW)
    history(traffic, 1)
    broker = Broker(traffic)
    assert broker.send(0.0, answers=False)
    assert broker.send(0.0, answers=False)
    traffic.connected([], 1)
    assert traffic.answered(1, Delivery.TAKEN, 0.0) is None, "of the connection before"
    history(traffic, 1)
    assert broker.send(0.0)
    assert broker.send(0.0)
    assert [parcel.message for parcel in broker.got[2:]] == [parcel.message for parcel in broker.got[:2]]


def test_what_a_broker_does_not_take_goes_in_short_and_only_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "publication", TOLD)
    pin = examples.BODIES["pin.placed"][1]
    fits = len(events.publication(NODE, examples.events()["pin.placed"]).payload) + 40
    traffic = SendQueue(NODE)
    cameras = [f"camera-{n}" for n in range(256)]
    bodies = (pin | {"cameras": cameras}, pin)
    pins = [Event(1, seq, EventKind.PIN, 0, 7, "pin", body) for seq, body in enumerate(bodies, 1)]
    traffic.connected([], WINDOW, fits + len(f"edged/v1/{NODE}/up/event/pin"))
    for ask in traffic.outbox.asks(0.0):
        traffic.outbox.hand(ask, pins if ask.kind is EventKind.PIN else [])
    broker = Broker(traffic)
    first, second = broker.send(0.0), broker.send(0.0)
    assert first is not None
    assert second is not None
    assert (first.short, json.loads(first.message.payload)["data"]["leaf"]) == (True, 7)
    assert len(first.message.payload) < fits
    assert (second.short, json.loads(second.message.payload)["data"]["pin"]) == (False, examples.PIN)
    assert traffic.outbox.arrived == [1, 2]


def test_what_does_not_even_fit_in_short_is_turned_down_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "publication", TOLD)
    traffic = SendQueue(NODE)
    traffic.connected([], WINDOW, 30)
    history(traffic, 1)
    broker = Broker(traffic)
    parcel = broker.send(0.0, answers=False)
    assert parcel is not None
    assert traffic.answered(1, Delivery.REFUSED, 0.0) is parcel
    assert traffic.outbox.arrived == []
