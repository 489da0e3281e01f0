"""recorder.worker.reader: who is looked at when, who shares a waking with whom, and whose turn it is."""

from __future__ import annotations

import math
import mmap
import os
import select
import signal
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.words.messages import PLACE
from recorder.worker.reader import EARLY_S, TURN_S, WAKE_S, Reader
from recorder.worker.session import Session

SPAN_S: Final = 20.0


@dataclass
class World:
    """Time, which passes while somebody sleeps, and what comes in it. Stands for `select.poll`, too."""

    now_s: float = 1_000.0
    coming: list[tuple[float, int]] = field(default_factory=list)
    registered: Counter[int] = field(default_factory=Counter)
    wakings: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.now_s

    def register(self, what: Any, _events: int) -> None:
        number = what if isinstance(what, int) else what.fileno()
        assert number >= 0
        self.registered[number] = 1

    def unregister(self, what: Any) -> None:
        del self.registered[what if isinstance(what, int) else what.fileno()]

    def poll(self, wait_ms: float | None) -> list[tuple[int, int]]:
        until_s = math.inf if wait_ms is None else self.now_s + wait_ms / 1_000
        self.coming.sort()
        first_s = next((at_s for at_s, number in self.coming if number in self.registered), math.inf)
        assert min(first_s, until_s) < math.inf, "it would sleep for ever"
        self.now_s = max(self.now_s, min(first_s, until_s))
        self.wakings.append(self.now_s)
        ready = [(at_s, number) for at_s, number in self.coming if at_s <= self.now_s and number in self.registered]
        self.coming = [one for one in self.coming if one not in ready]
        return [(number, select.POLLIN) for _, number in ready]


@dataclass
class Socket:
    number: int

    def fileno(self) -> int:
        return self.number


@dataclass
class Start:
    place: int


class Played:
    """A session, as far as a reader asks for it."""

    def __init__(self, world: World, number: int, nap_s: float, due_s: float) -> None:
        self.world = world
        self.sock = Socket(number)
        self.start = Start(number)
        self.nap_s = nap_s
        self.due_s = due_s
        self.live = False
        self.descriptors: tuple[int, ...] = ()
        self.looks: list[float] = []
        self.heard: list[float] = []
        self.woken: list[float] = []
        self.failed: list[Exception] = []
        self.in_turn: Callable[[], None] = lambda: None
        self.at_wake: Callable[[], None] = lambda: None

    def serve(self, now_s: float, next_look: Callable[[float], float]) -> None:
        assert now_s <= self.world.now_s
        self.looks.append(self.world.now_s)
        self.due_s = next_look(self.nap_s)
        self.in_turn()

    def wake_disk(self) -> None:
        self.woken.append(self.world.now_s)
        self.at_wake()

    def hear(self) -> None:
        self.heard.append(self.world.now_s)
        self.in_turn()

    def hurry(self) -> None:
        self.due_s = 0.0

    def fail(self, error: Exception) -> None:
        self.failed.append(error)

    @property
    def waits(self) -> list[float]:
        return [after - before for before, after in zip(self.looks, self.looks[1:], strict=False)]


class Loop:
    """A reader and what it reads."""

    def __init__(self, page: mmap.mmap | None = None) -> None:
        self.world = World()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(select, "poll", lambda: self.world)
            patched.setattr(os, "eventfd", lambda *_: 999)
            self.reader = Reader(page, self.world.now)
        self.played: list[Played] = []

    def add(self, nap_s: float = WAKE_S, after_s: float = 0.0) -> Played:
        """A session that is to be looked at for the first time `after_s`."""
        played = Played(self.world, 1_000 + len(self.played), nap_s, self.world.now_s + after_s)
        self.played.append(played)
        self.reader.add(cast("Session", played))
        return played

    def leave(self, played: Played) -> None:
        self.reader.leave(cast("Session", played))

    def comes(self, number: int, after_s: float) -> None:
        self.world.coming.append((self.world.now_s + after_s, number))

    def run(self, seconds: float = SPAN_S) -> None:
        until_s = self.world.now_s + seconds
        while self.world.now_s < until_s:
            self.reader.turn()


NAPS: Final = st.one_of(st.just(WAKE_S), st.floats(0.005, WAKE_S))
OFFSETS: Final = st.floats(0, WAKE_S)


# Who is looked at when


@given(st.lists(OFFSETS, min_size=1, max_size=8))
def test_those_that_can_wait_share_a_waking(offsets: list[float]) -> None:
    """Whenever they came."""
    loop = Loop()
    played = [loop.add(after_s=offset) for offset in offsets]
    loop.run()
    for session in played:
        assert session.waits[0] <= WAKE_S + EARLY_S + 1e-6, "it joins the others"
        assert all(abs(wait - WAKE_S) <= EARLY_S + 1e-6 for wait in session.waits[1:])
        assert session.looks[-1] == played[0].looks[-1]
    assert len(loop.world.wakings) <= SPAN_S / WAKE_S + len(offsets) + 1


@given(st.lists(st.tuples(NAPS, OFFSETS), min_size=1, max_size=8))
def test_nobody_waits_longer_than_it_may_nor_is_looked_at_oftener(wishes: list[tuple[float, float]]) -> None:
    loop = Loop()
    played = [loop.add(nap_s, offset) for nap_s, offset in wishes]
    loop.run()
    for session in played:
        assert max(session.waits) <= session.nap_s + EARLY_S + 1e-6
        if session.nap_s < WAKE_S:
            assert min(session.waits) >= session.nap_s - EARLY_S - 1e-6
        else:
            assert min(session.waits[1:]) >= WAKE_S - EARLY_S - 1e-6


def test_early_ones_come_between_and_move_nobody() -> None:
    loop = Loop()
    patient, hasty = loop.add(), loop.add(nap_s=0.1)
    loop.run()
    assert all(abs(wait - WAKE_S) < 1e-6 for wait in patient.waits[1:])
    assert len(hasty.looks) == pytest.approx(SPAN_S / 0.1, rel=0.1)


def test_one_that_is_nearly_due_is_looked_at_with_the_others() -> None:
    loop = Loop()
    loop.add(nap_s=0.1, after_s=0.05)
    near = loop.add(nap_s=0.1, after_s=0.05 + EARLY_S / 2)
    loop.run(1.0)
    assert len(loop.world.wakings) == len(near.looks)


def test_who_never_has_enough_takes_turns_with_the_others() -> None:
    loop = Loop()
    flooding, patient = loop.add(nap_s=0.0), loop.add()

    def costs() -> None:
        loop.world.now_s += 0.02
        flooding.due_s = loop.world.now_s

    flooding.in_turn = costs
    loop.run()
    assert max(patient.waits) <= WAKE_S + 0.03
    assert len(flooding.looks) > 100


def test_without_a_session_it_sleeps_until_somebody_calls() -> None:
    loop = Loop()
    heard: list[float] = []
    loop.reader.watch(7, lambda: heard.append(loop.world.now_s))
    loop.comes(7, 3_600.0)
    loop.reader.turn()
    assert heard == [loop.world.now_s] == [4_600.0]
    loop.reader.unwatch(7)
    loop.comes(7, 1.0)
    with pytest.raises(AssertionError, match="for ever"):
        loop.reader.turn()


def test_disks_are_given_what_came_once_all_are_looked_at() -> None:
    """Also if it is somebody's fault that another cannot be given it."""
    loop = Loop()
    played = [loop.add() for _ in range(3)]
    later = loop.add(after_s=WAKE_S / 2)

    def stumble() -> None:
        assert all(session.looks for session in played)
        raise RuntimeError("what nobody expected")

    played[0].at_wake = stumble
    loop.reader.turn()
    assert [len(session.woken) for session in played] == [1, 1, 1]
    assert [len(session.failed) for session in played] == [1, 0, 0]
    assert not later.woken, "nothing was taken of it"


# Who cannot wait


def test_one_that_somebody_watches_is_looked_at_when_something_comes() -> None:
    loop = Loop()
    watched, other = loop.add(), loop.add()
    loop.run(WAKE_S)
    watched.live, watched.descriptors = True, (51, 52)
    loop.run(WAKE_S)
    assert {51, 52} <= set(loop.world.registered)
    before, looks = loop.world.now_s, len(other.looks)
    for number, after_s in ((51, 0.1), (52, 0.2), (51, 0.3)):
        loop.comes(number, after_s)
    loop.run(0.3)
    assert [look - before for look in watched.looks[-3:]] == pytest.approx([0.1, 0.2, 0.3])
    assert len(other.looks) == looks
    watched.live = False
    loop.run(WAKE_S)
    assert set(loop.world.registered).isdisjoint({51, 52})


def test_what_comes_with_the_daemons_last_word_hurries_nobody() -> None:
    """A session that is told to stop sets the time for its disk: it is not to be cut short."""
    loop = Loop()
    stopped = loop.add()
    stopped.live, stopped.descriptors = True, (51,)
    loop.run(WAKE_S)
    looks = len(stopped.looks)

    def stop() -> None:
        stopped.live, stopped.due_s = False, loop.world.now_s + 3.0

    stopped.in_turn = stop
    for number in (51, stopped.sock.number):
        loop.comes(number, 0.1)
    loop.comes(51, 0.2)
    loop.run(3.0)
    assert stopped.looks[looks] == pytest.approx(stopped.heard[0] + 3.0)


def test_what_the_daemon_says_is_heard_at_once_and_looks_at_nothing() -> None:
    loop = Loop()
    first, second = loop.add(), loop.add()
    loop.run(WAKE_S)
    looks = len(first.looks)
    loop.comes(first.sock.number, 0.1)
    at_s = loop.world.now_s + 0.1
    loop.reader.turn()
    assert (first.heard, second.heard) == ([at_s], [])
    assert len(first.looks) == looks


# Who leaves, and who fails


def test_whoever_left_is_neither_heard_nor_looked_at() -> None:
    loop = Loop()
    stays, goes = loop.add(), loop.add()
    goes.live, goes.descriptors = True, (51,)
    loop.run(WAKE_S)
    loop.leave(goes)
    looks = len(goes.looks)
    for number in (51, goes.sock.number):
        loop.comes(number, 0.1)
    loop.run()
    assert (goes.heard, len(goes.looks)) == ([], looks)
    assert set(loop.world.registered) & {51, goes.sock.number} == set()
    assert stays.waits
    assert [cast("Any", one) for one in loop.reader.sessions] == [stays]


def test_whoever_is_let_go_of_at_the_same_waking_is_not_heard_any_more() -> None:
    """Its number may be another's by then, of whom nothing has come: to hear it would be to wait for it."""
    loop = Loop()
    goes = loop.add(after_s=WAKE_S)
    newcomer = Played(loop.world, goes.sock.number, WAKE_S, math.inf)

    def changes() -> None:
        loop.leave(goes)
        goes.sock.number = -1
        loop.reader.add(cast("Session", newcomer))

    loop.reader.watch(7, changes)
    for number in (7, goes.sock.number):
        loop.comes(number, 0.1)
    loop.reader.turn()
    assert (goes.heard, newcomer.heard) == ([], [])
    loop.comes(newcomer.sock.number, 0.1)
    loop.reader.turn()
    assert len(newcomer.heard) == 1


def test_one_that_fails_is_told_so_and_the_others_go_on() -> None:
    loop = Loop()
    before, fails, after = loop.add(), loop.add(), loop.add()

    def stumble() -> None:
        raise RuntimeError("what nobody expected")

    fails.in_turn = stumble
    loop.comes(fails.sock.number, 0.1)
    loop.run()
    assert len(fails.failed) == len(fails.looks) + len(fails.heard) > 2
    assert before.looks == after.looks == fails.looks
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


# Whose turn it is


def test_the_page_says_whose_turn_it_is_and_each_turn_has_an_end() -> None:
    with mmap.mmap(-1, mmap.PAGESIZE) as page:
        loop = Loop(page)
        seen: list[tuple[int, bool]] = []

        def note() -> None:
            left_s, _ = signal.getitimer(signal.ITIMER_VIRTUAL)
            seen.append((PLACE.unpack_from(page, 0)[0], 0 < left_s < TURN_S + 0.1))

        sessions = [loop.add(), loop.add()]
        for session in sessions:
            session.in_turn = note
        loop.comes(sessions[1].sock.number, 0.1)
        for _ in range(2):
            loop.reader.turn()
        assert seen == [(1_000, True), (1_001, True), (1_001, True)]
        assert PLACE.unpack_from(page, 0) == (0,)
        assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


# Other threads


def test_what_others_post_is_done_in_the_readers_thread_in_its_order() -> None:
    reader = Reader()
    done: list[tuple[int, bool]] = []
    here = threading.current_thread()

    def post() -> None:
        for number in range(3):
            reader.post(lambda number=number: done.append((number, threading.current_thread() is here)))  # type: ignore[misc]

    other = threading.Thread(target=post)
    other.start()
    while len(done) < 3:
        reader.turn()
    other.join()
    os.close(reader._bell)
    assert done == [(0, True), (1, True), (2, True)]
