"""A command of the centre is taken at most once, whatever happens, and its end is told to the centre."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ledger import table as ledger_table
from storage.ledger import tree
from storage.outbox.table import EventKind
from storage.tickets.commands_table import CommandEntry, Limit, Rate, Taken
from storage.words.errors import OrderWrong, Replayed, TooOften, UnknownId
from tests.support.office import DEADLINE_S, Office

KEY: Final = "a" * 64
MINUTE: Final = 60_000
LIMITS: Final = (Limit(1, 10 * MINUTE), Limit(3, 24 * 60 * MINUTE))
RATE: Final = Rate(3, 10_000)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.store.close()


def told(counter: int, verb: str = "status", *, key: str = KEY, name: int | None = None) -> CommandEntry:
    return CommandEntry(key, counter, f"{counter if name is None else name:032x}", verb, "desk-1")


def take(office: Office, one: CommandEntry, limits: tuple[Limit, ...] = (), rate: Rate | None = None) -> Taken:
    return office.store.commands.take(one, "city-noc", limits, rate).result(DEADLINE_S)


def events(office: Office) -> list[dict[str, Any]]:
    return [dict(event.body) for event in office.store.outbox.following(EventKind.COMMAND, 0, 1000)]


def acts(office: Office) -> list[dict[str, Any]]:
    found = office.store._database.read(lambda db: ledger_table.leaves(db, 0, 1000))
    return [json.loads(entry.body) for entry in found if entry.kind == "act"]


def test_taken_then_done_each_with_its_event_and_one_leaf(office: Office) -> None:
    taken = take(office, told(7))
    assert office.store.commands.done(taken, "all is well", {"verdict": "OK"}).result(DEADLINE_S)
    first, last = events(office)
    same = {"id": f"{7:032x}", "verb": "status", "requester": "desk-1", "key": KEY, "counter": 7, "reason": ""}
    assert first == same | {"what": "accepted", "text": "", "result": {}}
    assert last == same | {"what": "done", "text": "all is well", "result": {"verdict": "OK"}}
    (leaf,) = acts(office)
    assert (leaf["verb"], leaf["result"], leaf["role"], leaf["command"]) == (
        *("command status", "done", "centre"),
        f"{7:032x}",
    )
    assert "city-noc" not in json.dumps([leaf, first, last])  # a commitment, and no name outside


def test_its_end_is_told_once(office: Office) -> None:
    taken = take(office, told(1))
    assert office.store.commands.done(taken, "").result(DEADLINE_S)
    assert not office.store.commands.rejected(taken, "city-noc", "failed", "").result(DEADLINE_S)
    assert [event["what"] for event in events(office)] == ["accepted", "done"]


def test_nothing_came_of_it(office: Office) -> None:
    taken = take(office, told(1))
    office.store.commands.rejected(taken, "city-noc", "not-possible", "no such camera").result(DEADLINE_S)
    assert [(event["what"], event["reason"]) for event in events(office)] == [
        *(("accepted", ""), ("rejected", "not-possible"))
    ]
    done, failed = acts(office)
    assert (done["result"], failed["result"], failed["of"]) == ("done", "failed", taken.leaf)


def test_a_large_result_is_for_the_reply_alone(office: Office) -> None:
    office.store.commands.done(take(office, told(1)), "", {"log": ["x" * 5000]}).result(DEADLINE_S)
    assert events(office)[-1]["result"] == {"bytes": 5013}


def test_counters_grow_for_each_key_by_itself_also_over_restarts(office: Office) -> None:
    take(office, told(10))
    take(office, told(3, key="b" * 64))
    office.crash()
    office.start()
    for counter in (1, 9, 10):
        with pytest.raises(Replayed, match="its counter is" if counter < 10 else "was taken before") as refused:
            take(office, told(counter))
        assert refused.value.state == ("" if counter < 10 else "accepted")
    before = len(acts(office))
    with pytest.raises(Replayed):
        take(office, told(11, name=10))  # a new counter for one that was taken
    assert len(acts(office)) == before
    take(office, told(11))
    take(office, told(4, key="b" * 64))


def test_killed_while_it_was_done_it_is_interrupted_and_never_done_again(office: Office) -> None:
    take(office, told(1, "pin"))
    finished = take(office, told(2))
    office.store.commands.done(finished, "").result(DEADLINE_S)
    assert office.store.commands.settle().result(DEADLINE_S) == []  # of this run nothing is over
    office.crash()
    office.start()
    ((taken, state, _),) = office.store.commands.settle().result(DEADLINE_S)
    assert (taken.told.counter, state) == (1, "interrupted")
    assert [event["what"] for event in events(office)] == ["accepted", "accepted", "done", "interrupted"]
    assert acts(office)[-1]["result"] == "failed"
    assert office.store.commands.settle().result(DEADLINE_S) == []
    with pytest.raises(Replayed) as refused:
        take(office, told(1, "pin"))
    assert refused.value.state == "interrupted"


def test_a_restart_is_done_by_the_next_run(office: Office) -> None:
    take(office, told(1, "restart"), LIMITS)
    office.store.close()
    office.start()
    ((_, state, words),) = office.store.commands.settle().result(DEADLINE_S)
    assert (state, words) == ("done", "edged was started again")
    assert [act["result"] for act in acts(office)] == ["done"]


def test_restarts_are_limited_by_running_time_whatever_the_clock_says(office: Office) -> None:
    counter = iter(range(1, 100))
    take(office, told(next(counter), "restart"), LIMITS)
    office.clock.step_wall(365 * 24 * 60 * MINUTE)
    office.clock.is_synced = False
    office.crash()
    office.clock.reboot(off_ms=0)
    office.start()
    with pytest.raises(TooOften):
        take(office, told(next(counter), "restart"), LIMITS)
    take(office, told(next(counter), "status"))  # of others there is no limit
    for _ in range(2):
        office.clock.tick(11 * MINUTE)
        take(office, told(next(counter), "restart"), LIMITS)
    office.clock.tick(11 * MINUTE)
    with pytest.raises(TooOften, match="3 times within the last 1440 minutes"):
        take(office, told(next(counter), "restart"), LIMITS)
    office.clock.tick(24 * 60 * MINUTE)
    take(office, told(next(counter), "restart"), LIMITS)


def test_what_was_rejected_counts_for_no_limit(office: Office) -> None:
    for counter in (1, 2):
        taken = take(office, told(counter, "restart"), LIMITS)
        office.store.commands.rejected(taken, "city-noc", "not-possible", "").result(DEADLINE_S)


@given(st.lists(st.integers(0, 30_000), max_size=60))
def test_a_rate_is_a_bucket_of_tokens(pauses: list[int]) -> None:
    """Held against one that counts tokens, in milliseconds of regaining."""
    now, left, taken = 0, 3 * 10_000, list[int]()
    for pause in pauses:
        now, left = now + pause, min(3 * 10_000, left + pause)
        wait_ms = RATE.wait_ms([now - one for one in reversed(taken)])
        assert max(0, wait_ms) == max(0, 10_000 - left)
        if wait_ms <= 0:
            taken.append(now)
            left -= 10_000


def test_of_one_key_so_many_are_taken_also_over_restarts_and_whatever_became_of_them(office: Office) -> None:
    for counter in (1, 2, 3):
        taken = take(office, told(counter), rate=RATE)
        office.store.commands.rejected(taken, "city-noc", "not-possible", "").result(DEADLINE_S)
    office.clock.step_wall(365 * 24 * 60 * MINUTE)
    office.crash()
    office.start()
    leaves, told_before = len(acts(office)), len(events(office))
    with pytest.raises(TooOften, match="wait 10 s"):
        take(office, told(4, "pin"), rate=RATE)
    assert (len(acts(office)), len(events(office))) == (leaves, told_before)
    with pytest.raises(Replayed):  # what became of an earlier one is told all the same
        take(office, told(3), rate=RATE)
    take(office, told(4, key="b" * 64), rate=RATE)
    office.clock.tick(10_000)
    take(office, told(4, "pin"), rate=RATE)
    with pytest.raises(TooOften):
        take(office, told(5), rate=RATE)
    take(office, told(5))  # negative control: it is the rate that refuses it


def test_a_later_head_begins_with_an_earlier_one(office: Office) -> None:
    office.store.ledger.sign_now()
    for counter in range(1, 9):
        take(office, told(counter))
    office.store.close()
    office.start()
    office.store.ledger.sign_now()
    (covered,) = office.store.ledger.leaves.covered()
    size, origin = covered.generation.size, covered.generation.origin
    assert size > 5
    found = office.store.commands.consistency(None, 5, size)
    assert (found.origin, found.second_root) == (origin, covered.generation.root)
    assert tree.consistent(5, found.first_root, size, found.second_root, found.path)
    assert not tree.consistent(4, found.first_root, size, found.second_root, found.path)
    assert office.store.commands.consistency(origin, size, size).path == []
    for first, second in ((6, 5), (1, size + 100)):
        with pytest.raises(OrderWrong):
            office.store.commands.consistency(None, first, second)
    with pytest.raises(UnknownId):
        office.store.commands.consistency("edged/elsewhere/1", 1, 2)
