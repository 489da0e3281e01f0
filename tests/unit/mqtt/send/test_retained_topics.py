"""What is owed to the broker: newest per topic, all of it again after a reconnect."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from mqtt.contract.messages import Publication
from mqtt.send import ANSWERS_MAX, MAX_TOPICS, RetainedState


def state(topic: str, value: str = "x") -> Publication:
    return Publication(topic, value.encode(), 1, True)


def send_all(board: RetainedState, first_mid: int = 1) -> list[Publication]:
    """Whatever the window lets out, with ids from `first_mid` on."""
    out: list[Publication] = []
    while (message := board.take()) is not None:
        board.sent(first_mid + len(out), message)
        out.append(message)
    return out


def test_the_greeting_goes_first_and_in_its_order() -> None:
    board = RetainedState()
    board.put(state("c"))
    board.put(state("a", "old"))
    board.connected([state("b"), state("a", "new")])
    assert send_all(board) == [state("b"), state("a", "new"), state("c")]
    assert board.waiting == 3


def test_newest_per_topic_wins() -> None:
    board = RetainedState()
    for number in range(100):
        board.put(state("a", str(number)))
    assert send_all(board) == [state("a", "99")]


def test_no_second_message_of_a_topic_overtakes_the_first() -> None:
    board = RetainedState()
    board.put(state("a", "1"))
    assert send_all(board) == [state("a", "1")]
    board.put(state("a", "2"))
    assert board.take() is None
    assert board.acknowledged(1) == state("a", "1")
    assert board.take() == state("a", "2")


def test_everything_is_owed_again_after_a_reconnect() -> None:
    board = RetainedState()
    board.connected([state("a"), state("b")])
    send_all(board)
    board.acknowledged(1)
    board.connected([state("b", "fresh")])
    assert {message.topic: message.payload for message in send_all(board)} == {"a": b"x", "b": b"fresh"}
    assert board.acknowledged(99) is None


def test_a_tombstone_leaves_once_it_has_arrived() -> None:
    board = RetainedState()
    board.put(state("a"))
    board.put(state("a", ""))
    assert send_all(board) == [state("a", "")]
    board.acknowledged(1)
    board.connected([])
    assert send_all(board) == []


def test_a_camera_that_comes_back_before_its_tombstone_arrived_stays() -> None:
    board = RetainedState()
    board.put(state("a", ""))
    send_all(board)
    board.put(state("a", "back"))
    board.acknowledged(1)
    assert send_all(board) == [state("a", "back")]


def test_the_farewell_is_all_that_is_still_said() -> None:
    board = RetainedState()
    board.connected([state("status", "online"), state("a"), state("b")])
    online = board.take()
    assert online is not None
    board.sent(1, online)
    board.leave(state("status", "stopping"))
    board.acknowledged(1)
    assert send_all(board) == [state("status", "stopping")]
    board.acknowledged(1)
    assert board.waiting == 0


def test_what_is_owed_at_the_beginning_is_the_greeting_and_what_comes_later_is_not() -> None:
    board = RetainedState()
    board.put(state("c"))
    board.connected([state("a")])
    assert board.greeting
    board.put(state("d"))
    assert [message.topic for message in send_all(board)] == ["a", "c", "d"]
    assert not board.greeting


def test_what_is_withheld_waits_and_the_rest_does_not() -> None:
    board = RetainedState()
    board.connected([state("a"), state("head", "1"), state("b")])
    board.withhold("head")
    assert send_all(board) == [state("a"), state("b")]
    board.put(state("head", "2"))
    assert board.take() is None
    assert board.waiting == 3
    board.release()
    assert send_all(board, first_mid=10) == [state("head", "2")]


def test_the_last_head_goes_before_the_farewell_unless_it_is_withheld() -> None:
    for withheld, expected in ((False, ["head", "status"]), (True, ["status"])):
        board = RetainedState()
        board.put(state("head"))
        board.put(state("a"))
        if withheld:
            board.withhold("head")
        board.leave(state("status", "stopping"), "head")
        assert [message.topic for message in send_all(board)] == expected
        assert board.waiting == len(expected)


def test_memory_is_bounded() -> None:
    board = RetainedState()
    for number in range(MAX_TOPICS + 3):
        board.put(state(str(number)))
    assert board.waiting == MAX_TOPICS
    assert board.take() == state("3")


class BoardAgainstABroker(RuleBasedStateMachine):
    """A broker that keeps retained messages, may lose connections and its memory, and must end up with the newest."""

    def __init__(self) -> None:
        super().__init__()
        self.board = RetainedState()
        self.wanted: dict[str, bytes] = {}
        self.broker: dict[str, bytes] = {}
        self.flying: dict[int, Publication] = {}
        self.mids = 0

    @rule(topic=st.sampled_from("abcdef"), value=st.sampled_from(["1", "2", "3", ""]))
    def publish(self, topic: str, value: str) -> None:
        self.board.put(state(topic, value))
        self.wanted[topic] = value.encode()

    @rule()
    def send(self) -> None:
        message = self.board.take()
        if message is not None:
            self.mids += 1
            self.board.sent(self.mids, message)
            self.flying[self.mids] = message

    @precondition(lambda self: self.flying)
    @rule(index=st.integers(0, 100))
    def deliver_and_acknowledge(self, index: int) -> None:
        mid = list(self.flying)[index % len(self.flying)]
        message = self.flying.pop(mid)
        self.broker[message.topic] = message.payload
        assert self.board.acknowledged(mid) is message

    @rule(forgets=st.booleans())
    def reconnect(self, forgets: bool) -> None:
        self.flying.clear()
        if forgets:
            self.broker.clear()
        self.board.connected([])

    def teardown(self) -> None:
        while self.board.waiting:
            self.send()
            for mid in list(self.flying):
                self.broker[self.flying[mid].topic] = self.flying[mid].payload
                self.board.acknowledged(mid)
                del self.flying[mid]
        shown = {topic: value for topic, value in self.broker.items() if value}
        assert shown == {topic: value for topic, value in self.wanted.items() if value}


TestBoardAgainstABroker = BoardAgainstABroker.TestCase
TestBoardAgainstABroker.settings = settings(stateful_step_count=30)


def test_answers_go_before_state_and_again_only_where_nobody_acknowledged_them() -> None:
    board = RetainedState()
    board.connected([state("a")])
    first, second = (Publication("up/reply/noc", payload, 1, retain=False) for payload in (b"1", b"2"))
    board.answer(first)
    board.answer(second)
    assert board.waiting == 3
    assert board.take() is first
    board.sent(1, first)
    assert board.take() is second
    board.sent(2, second)
    board.acknowledged(1)
    board.connected([])
    assert board.take() is second


def test_answers_are_bounded_and_the_oldest_give_way() -> None:
    board = RetainedState()
    for number in range(ANSWERS_MAX + 2):
        board.answer(Publication("up/reply/noc", b"%d" % number, 1, retain=False))
    taken = board.take()
    assert taken is not None
    assert (taken.payload, board.waiting) == (b"2", ANSWERS_MAX - 1)
