"""The machine of one camera: what it decides for each thing that can happen, and what holds whatever happens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.supervisor.state import (
    Action,
    BeginGap,
    Committed,
    Event,
    Exited,
    HungUp,
    Kill,
    LeaveBehind,
    LeftoverGone,
    Limits,
    Misbehaved,
    NotSpawned,
    Opened,
    Phase,
    Salvage,
    SendStop,
    Spawn,
    Spawned,
    State,
    StopAsked,
    Tick,
    Withheld,
    begin,
    death,
    next_due_ms,
    sentence,
    step,
    trouble,
)
from recorder.words.messages import Abandoned, Connected, Ended, Stats
from storage.words.message import NOTHING, Message
from storage.words.model import GapCause, Moment

LIMITS = Limits()
L1_MS = 15_000
KEYFRAME_AND_CONNECT_MS = 3_000
"""What a healthy camera takes to connect and show a key frame; L1 leaves it this much."""
T0 = Moment(wall_ms=1_700_000_000_000, boottime_ms=50_000)
CONNECTED = Connected(video="h264", width=1920, height=1080, audio="aac", detail=NOTHING)
ENDED_WELL = Ended(None)


def stats(frames: int) -> Stats:
    return Stats(frames, frames * 1000, frames, 0, 0, 0, 0)


def ended(cause: GapCause) -> Ended:
    return Ended(
        cause=cause, tried=Message("RTSP to camera"), came_back=Message("nothing good"), check=Message("the camera")
    )


class Camera:
    """The machine with a clock that stands still until told to go on."""

    def __init__(self, chance: float = 0.5, *, leftover: bool = False) -> None:
        self.now = T0
        self.chance = chance
        self.state, first = begin(Message("RTSP to camera"), T0, leftover=leftover)
        self.actions: list[Action] = list(first)

    def feed(self, *events: Event) -> tuple[Action, ...]:
        """The actions that these events lead to."""
        taken: tuple[Action, ...] = ()
        for event in events:
            self.state, actions = step(self.state, event, self.now, self.chance, LIMITS)
            taken += actions
        self.actions.extend(taken)
        return taken

    def pass_ms(self, ms: int) -> Camera:
        self.now = self.now.plus_ms(ms)
        return self

    def at_due(self) -> tuple[Action, ...]:
        """Let the deadline come, to the millisecond; before it nothing happens."""
        due_ms = next_due_ms(self.state, LIMITS)
        assert due_ms is not None
        self.pass_ms(due_ms - 1 - self.now.boottime_ms)
        assert self.feed(Tick()) == ()
        self.pass_ms(1)
        return self.feed(Tick())

    def recording(self) -> Camera:
        self.feed(Spawned(), CONNECTED, stats(1), Opened(1))
        assert self.state.phase is Phase.RECORDING
        return self

    def record_for(self, seconds: int) -> Camera:
        for second in range(seconds):
            self.pass_ms(1000).feed(stats(second * 25), Tick())
        return self


def test_the_first_thing_is_a_process() -> None:
    camera = Camera()
    assert camera.actions == [Spawn()]
    assert camera.state.phase is Phase.STARTING
    assert camera.state.cause is GapCause.STARTING
    assert next_due_ms(camera.state, LIMITS) is None


def test_from_connecting_to_recording() -> None:
    camera = Camera()
    phases = []
    for event in (Spawned(), CONNECTED, stats(1), Opened(1)):
        camera.pass_ms(100).feed(event)
        phases.append(camera.state.phase)
    assert phases == [Phase.CONNECTING, Phase.WAITING, Phase.WAITING, Phase.RECORDING]
    assert camera.state.cause is None
    assert camera.state.since == camera.now
    assert camera.actions == [Spawn()]


def test_a_camera_that_never_answers_is_killed_and_unreachable_in_words() -> None:
    camera = Camera()
    camera.feed(Spawned())
    assert camera.at_due() == (Kill(),)
    assert camera.now.boottime_ms == T0.boottime_ms + LIMITS.connect_ms
    (gap,) = camera.feed(Exited(-9))
    assert gap == BeginGap(camera.now, GapCause.UNREACHABLE, sentence(camera.state.words or ENDED_WELL))
    assert "RTSP to camera" in gap.detail
    assert "Check that the camera has power" in gap.detail
    # The attempt took longer than any backoff: the next begins at once.
    assert camera.at_due() == (Spawn(),)


@pytest.mark.parametrize("key_frames", [True, False])
def test_a_worker_that_says_nothing_is_killed_as_crashed(*, key_frames: bool) -> None:
    """Whether it records or waits for a key frame."""
    camera = Camera()
    camera.feed(Spawned(), CONNECTED, *([Opened(1)] if key_frames else []))
    camera.record_for(600)
    assert camera.at_due() == (Kill(),)
    gap, *salvage = camera.feed(Exited(-9))
    assert isinstance(gap, BeginGap)
    assert gap.cause is GapCause.WORKER_CRASH
    assert "said nothing for 10 s" in gap.detail
    assert salvage == ([Salvage(frozenset({1}), gap.cause, gap.detail)] if key_frames else [])


def test_a_worker_that_dies_by_itself_says_by_which_signal() -> None:
    camera = Camera().recording()
    gap, salvage = camera.feed(HungUp(), Exited(-11))
    assert isinstance(gap, BeginGap)
    assert gap.cause is GapCause.WORKER_CRASH
    assert "SIGSEGV" in gap.detail
    assert salvage == Salvage(frozenset({1}), gap.cause, gap.detail)


@pytest.mark.parametrize(
    ("code", "words"), [(None, "died"), (-9, "SIGKILL"), (-250, "signal 250"), (3, "code 3"), (0, "code 0")]
)
def test_how_a_process_ended_in_words(code: int | None, words: str) -> None:
    assert words in death(code)


def test_a_process_that_hung_up_or_said_its_last_word_and_stays_is_killed() -> None:
    for last in (HungUp(), ENDED_WELL, ended(GapCause.DROPPED)):
        camera = Camera().recording()
        camera.feed(last)
        assert camera.state.phase is Phase.ENDING
        assert camera.at_due() == (Kill(),)


def test_one_process_that_stays_though_it_was_killed_is_left_behind() -> None:
    """In a group it may be the disk of another camera that it waits for."""
    camera = Camera().recording()
    camera.feed(HungUp())
    assert camera.at_due() == (Kill(),)
    left, gap = camera.at_due()
    assert left == LeaveBehind()
    assert isinstance(gap, BeginGap)
    assert gap.cause is GapCause.WORKER_CRASH
    assert camera.at_due() == (Spawn(),)
    camera.recording()
    camera.feed(HungUp())
    for _ in range(3):
        assert camera.at_due() == (Kill(),), "another is there still"
    (salvage,) = camera.feed(LeftoverGone())
    assert isinstance(salvage, Salvage)
    assert salvage.seqs == {1}, "until then it might still have made a file"
    assert LeaveBehind() in camera.at_due()
    owed = camera.state.owed
    assert owed
    assert camera.feed(StopAsked(None)) == owed, "a stop waits for nobody"


def test_who_begins_beside_a_leftover_of_before_leaves_no_other_behind() -> None:
    camera = Camera(leftover=True).recording()
    camera.feed(HungUp())
    for _ in range(3):
        assert camera.at_due() == (Kill(),)
    assert camera.feed(LeftoverGone()) == ()
    assert LeaveBehind() in camera.at_due()


def test_waiting_at_the_gate_is_no_attempt() -> None:
    """The wait before the next one is counted from when this one was let in."""
    camera = Camera(chance=0.5)
    camera.pass_ms(30_000)
    admitted_ms = camera.now.boottime_ms
    camera.pass_ms(300).feed(Spawned(admitted_ms), ended(GapCause.REFUSED), Exited(0))
    assert next_due_ms(camera.state, LIMITS) == admitted_ms + LIMITS.backoff_base_ms // 2


def test_at_a_cut_two_segments_are_open_and_each_comes_to_its_own_end() -> None:
    camera = Camera().recording()
    assert camera.feed(Opened(2)) == ()
    assert camera.feed(Committed(1)) == ()
    assert camera.state.unclosed == {2}
    camera.feed(Opened(3))
    bad = (GapCause.IO_ERROR, Message("bad disk"))
    assert camera.feed(Abandoned(2, *bad)) == (Salvage(frozenset({2}), *bad),)
    assert (camera.state.phase, camera.state.cause) == (Phase.RECORDING, None), "its successor is written"
    camera.feed(Opened(4))
    assert camera.feed(Abandoned(4, *bad)) == (BeginGap(None, *bad), Salvage(frozenset({4}), *bad))
    full = (GapCause.DISK_FULL, Message("no space left"))
    assert camera.feed(Abandoned(3, *full)) == (Salvage(frozenset({3}), *full),)
    assert camera.state.phase is Phase.HELD_BACK
    camera.feed(Opened(5), Opened(6))
    gap, salvage = camera.feed(Exited(-11))
    assert isinstance(gap, BeginGap)
    assert salvage == Salvage(frozenset({5, 6}), GapCause.WORKER_CRASH, gap.detail)


def test_another_cause_splits_the_gap_where_it_shows_and_the_same_is_not_told_again() -> None:
    camera = Camera()
    camera.feed(Spawned())
    (first,) = camera.pass_ms(500).feed(ended(GapCause.REFUSED), Exited(0))
    assert isinstance(first, BeginGap)
    assert (first.at, first.cause) == (camera.now, GapCause.REFUSED)
    camera.at_due()
    assert camera.feed(Spawned(), ended(GapCause.REFUSED), Exited(0)) == ()
    camera.at_due()
    (other,) = camera.feed(Spawned(), ended(GapCause.UNREACHABLE), Exited(0))
    assert isinstance(other, BeginGap)
    assert (other.at, other.cause) == (camera.now, GapCause.UNREACHABLE)
    camera.at_due()
    camera.recording()
    assert camera.state.cause is None
    assert camera.state.words is None


def test_the_wait_doubles_to_its_cap_and_starts_over_after_a_minute_of_recording() -> None:
    camera = Camera(chance=0.999999)
    waits = []
    for _ in range(6):
        camera.feed(Spawned(), ended(GapCause.REFUSED), Exited(0))
        before = camera.now.boottime_ms
        camera.at_due()
        waits.append(camera.now.boottime_ms - before)
    assert waits == [1000, 2000, 4000, 8000, 10_000, 10_000]
    camera.recording().record_for(59).feed(ended(GapCause.DROPPED), Exited(0))
    assert camera.state.failures == 7
    camera.at_due()
    camera.recording().record_for(60).feed(ended(GapCause.DROPPED), Exited(0))
    assert camera.state.failures == 1


def test_who_lost_its_process_to_another_tries_again_at_once_and_has_not_failed() -> None:
    camera = Camera(chance=0.999999)
    camera.recording().record_for(1)
    gap, _ = camera.feed(Exited(-14, by_another=True))
    assert isinstance(gap, BeginGap)
    assert (gap.cause, "another camera" in gap.detail) == (GapCause.WORKER_CRASH, True)
    assert camera.state.failures == 0
    assert camera.feed(Tick()) == (Spawn(),)
    culprit = Camera(chance=0.999999).recording()
    culprit.feed(Exited(-14))
    assert culprit.state.failures == 1
    assert culprit.feed(Tick()) == ()


def test_a_wrong_password_is_tried_once_a_minute() -> None:
    camera = Camera(chance=0.0)
    camera.feed(Spawned())
    camera.pass_ms(700).feed(ended(GapCause.UNAUTHORISED), Exited(0))
    camera.at_due()
    assert camera.now.boottime_ms == T0.boottime_ms + LIMITS.unauthorised_ms


def test_without_terms_no_session_begins() -> None:
    camera = Camera()
    (gap,) = camera.feed(NotSpawned(GapCause.DISK_FULL, Message("no volume has room"), Message("the disk")))
    assert gap == BeginGap(T0, GapCause.DISK_FULL, Message("no volume has room. Check the disk"))
    assert camera.state.phase is Phase.BACKING_OFF


def test_a_refused_segment_is_a_gap_from_its_first_frame_and_the_camera_stays() -> None:
    camera = Camera().recording().record_for(10)
    at = camera.now.plus_ms(-40)
    assert camera.feed(Withheld(2, at, GapCause.DISK_FULL, Message("no volume has room"))) == (
        BeginGap(at, GapCause.DISK_FULL, Message("no volume has room")),
    )
    assert camera.state.phase is Phase.HELD_BACK
    assert camera.feed(Committed(1), Withheld(3, camera.now, GapCause.DISK_FULL, Message("no volume has room"))) == ()
    camera.record_for(5)
    assert camera.feed(Opened(4)) == ()
    assert (camera.state.phase, camera.state.cause) == (Phase.RECORDING, None)


def test_an_abandoned_segment_is_a_gap_unless_its_successor_is_open_and_is_salvaged_at_once() -> None:
    why = (GapCause.DISK_FULL, Message("no space left"))
    full, salvage = Abandoned(1, *why), Salvage(frozenset({1}), *why)
    camera = Camera().recording()
    assert camera.feed(full) == (BeginGap(None, GapCause.DISK_FULL, Message("no space left")), salvage)
    assert camera.state.phase is Phase.HELD_BACK
    camera = Camera().recording()
    assert camera.feed(Opened(2), full) == (salvage,)
    assert camera.state.phase is Phase.RECORDING


def test_a_segment_that_must_not_be_written_needs_no_salvage() -> None:
    """However often a full disk refuses one: what is remembered does not grow (S12)."""
    camera = Camera()
    camera.feed(Spawned(), CONNECTED)
    camera.feed(*(Withheld(seq, T0, GapCause.DISK_FULL, Message("no room")) for seq in range(1, 100)))
    assert camera.state.unclosed == frozenset()


def test_while_nothing_is_recorded_there_is_a_cause() -> None:
    """Also before the gap can be told: a process that hangs may take long to go."""
    camera = Camera()
    told = [trouble(camera.state)[0]]
    for event in (Spawned(), CONNECTED, stats(1)):
        camera.feed(event)
        told.append(trouble(camera.state)[0])
    assert told == [GapCause.STARTING] * 4
    camera.feed(Opened(1), stats(2))
    assert trouble(camera.state) == (None, None)
    camera.feed(Withheld(2, T0, GapCause.FLOOR_PROTECT, Message("no room")))
    assert trouble(camera.state)[0] is GapCause.FLOOR_PROTECT
    camera.feed(Opened(3))
    assert trouble(camera.state) == (None, None)
    gone = ended(GapCause.DROPPED)
    camera.feed(gone)
    assert camera.state.cause is None
    assert trouble(camera.state) == (GapCause.DROPPED, gone)


def test_a_process_that_hung_up_is_trouble_before_it_is_gone() -> None:
    camera = Camera().recording()
    camera.feed(HungUp())
    cause, words = trouble(camera.state)
    assert cause is GapCause.WORKER_CRASH
    assert words is not None
    assert "died" in words.came_back


@pytest.mark.parametrize("cause", [None, GapCause.RELOAD])
def test_a_camera_that_is_stopped_is_not_recorded(cause: GapCause | None) -> None:
    camera = Camera().recording()
    camera.feed(StopAsked(cause))
    assert trouble(camera.state) == (None, None)
    camera.feed(Committed(1), ENDED_WELL)
    during = trouble(camera.state)[0]
    camera.feed(Exited(0))
    assert during is trouble(camera.state)[0] is (cause or GapCause.DAEMON_STOPPED)


def test_what_no_worker_says_is_its_end() -> None:
    camera = Camera().recording()
    assert camera.feed(Misbehaved(GapCause.BAD_DATA, Message("it said 7 bytes"))) == (Kill(),)
    gap, salvage = camera.feed(Exited(-9))
    assert isinstance(gap, BeginGap)
    assert gap.cause is GapCause.BAD_DATA
    assert salvage == Salvage(frozenset({1}), gap.cause, gap.detail)


def test_stop_while_recording_ends_in_order() -> None:
    camera = Camera().recording()
    assert camera.feed(StopAsked(None)) == (SendStop(),)
    assert camera.feed(StopAsked(GapCause.DISABLED)) == ()
    assert camera.feed(Committed(1), ENDED_WELL, HungUp(), Exited(0)) == ()
    assert camera.state.phase is Phase.STOPPED


def test_stop_with_a_cause_begins_a_gap_where_the_recording_ends() -> None:
    camera = Camera().recording()
    camera.feed(StopAsked(GapCause.DISABLED), Committed(1), ENDED_WELL)
    assert camera.feed(Exited(0)) == (BeginGap(None, GapCause.DISABLED, NOTHING),)


@pytest.mark.parametrize("worker_dies", [True, False])
def test_stop_takes_less_than_8_s_whatever_the_worker_does(*, worker_dies: bool) -> None:
    camera = Camera().recording()
    camera.feed(StopAsked(None))
    assert camera.at_due() == (Kill(),)
    left = camera.feed(Exited(-9)) if worker_dies else camera.at_due()
    assert left == (Salvage(frozenset({1}), GapCause.DAEMON_STOPPED, NOTHING),)
    assert camera.state.phase is Phase.STOPPED
    assert camera.now.boottime_ms - T0.boottime_ms < 8000


def test_stop_between_sessions_is_at_once() -> None:
    camera = Camera()
    camera.feed(Spawned(), ended(GapCause.REFUSED), Exited(0))
    assert camera.feed(StopAsked(GapCause.RELOAD)) == (BeginGap(T0, GapCause.RELOAD, NOTHING),)
    assert camera.state.phase is Phase.STOPPED
    camera = Camera()
    assert camera.feed(StopAsked(None)) == ()
    assert camera.state.phase is Phase.STOPPED


def test_l1_the_longest_wait_leaves_time_to_connect() -> None:
    assert LIMITS.backoff_cap_ms + KEYFRAME_AND_CONNECT_MS <= L1_MS
    assert LIMITS.connect_ms + KEYFRAME_AND_CONNECT_MS <= L1_MS
    assert LIMITS.silence_ms + KEYFRAME_AND_CONNECT_MS <= L1_MS


@given(
    hang_ms=st.integers(0, LIMITS.connect_ms),
    failures=st.integers(0, 10_000),
    chance=st.floats(0, 1, exclude_max=True),
    killed=st.booleans(),
)
def test_l1_the_next_attempt_begins_in_time(*, hang_ms: int, failures: int, chance: float, killed: bool) -> None:
    """However long an attempt hung, and whenever within it the fault went away: 12 s later a new one has begun."""
    camera = Camera(chance)
    camera.state = replace(camera.state, failures=failures)
    camera.feed(Spawned())
    if killed:
        camera.at_due()
    else:
        camera.pass_ms(hang_ms).feed(ended(GapCause.UNREACHABLE))
    camera.feed(Exited(0))
    assert next_due_ms(camera.state, LIMITS) is not None
    assert (next_due_ms(camera.state, LIMITS) or 0) - T0.boottime_ms <= LIMITS.connect_ms


UNAUTHORISED = GapCause.UNAUTHORISED
CAUSES = st.sampled_from([GapCause.DROPPED, GapCause.REFUSED, GapCause.UNAUTHORISED, GapCause.STALLED])
SEQS = st.integers(1, 5)
FROM_WORKER = st.one_of(
    st.just(CONNECTED),
    st.integers(0, 9).map(stats),
    SEQS.map(Opened),
    st.builds(Withheld, SEQS, st.just(T0), st.just(GapCause.DISK_FULL), st.just("full")),
    SEQS.map(Committed),
    st.builds(Abandoned, SEQS, st.just(GapCause.IO_ERROR), st.just("bad disk")),
    CAUSES.map(ended),
    st.just(ENDED_WELL),
    st.just(Misbehaved(GapCause.BAD_DATA, Message("noise"))),
    st.just(HungUp()),
)
EVENTS = st.one_of(FROM_WORKER, st.sampled_from([Tick(), LeftoverGone()]), st.none())


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 20_000), EVENTS),
        max_size=60,
    ),
    chance=st.floats(0, 1, exclude_max=True),
    dies=st.booleans(),
)
def test_whatever_happens(steps: list[tuple[int, Event | None]], chance: float, *, dies: bool) -> None:
    """Every session that ends while not recording has told a cause; never two processes beside one that was left
    behind, and of these never two; a stop always ends in 8 s;
    each segment that was opened is committed or salvaged; the next attempt comes neither too soon nor too late.

    None in `steps` stands for the end of the process.
    """
    camera = Camera(chance)
    alive, spawning, leftover = False, True, False
    owed = set[int]()
    gap: GapCause | None = GapCause.STARTING
    begun_ms, unclosed = camera.now.boottime_ms, set[int]()
    for wait_ms, wanted in steps:
        if spawning:
            spawning, alive, begun_ms, unclosed = False, True, camera.now.boottime_ms, set()
            assert Spawn() not in camera.feed(Spawned(begun_ms))
        camera.pass_ms(wait_ms)
        event = (wanted or Exited(-9)) if alive or isinstance(wanted, LeftoverGone) else Tick()
        actions = camera.feed(event)
        alive = alive and not isinstance(event, Exited) and LeaveBehind() not in actions
        assert not leftover or LeaveBehind() not in actions
        assert bool(owed) <= leftover
        leftover = (leftover or LeaveBehind() in actions) and not isinstance(event, LeftoverGone)
        if isinstance(event, Opened):
            gap = None
            unclosed.add(event.seq)
        if isinstance(event, Committed):
            unclosed.discard(event.seq)
        for action in actions:
            if isinstance(action, BeginGap):
                assert action.cause is not gap
                assert action.at is None or gap is not None or isinstance(event, Withheld)
                gap = action.cause
        owed, unclosed = unsalvaged(actions, owed, unclosed)
        assert gap is camera.state.cause
        assert unclosed == camera.state.unclosed
        if not alive:
            assert gap is not None
            assert not unclosed
        assert Spawn() not in actions or not alive
        spawning = Spawn() in actions
        assert spawning or next_due_ms(camera.state, LIMITS) is not None
        if camera.state.phase is Phase.BACKING_OFF and isinstance(event, Exited):
            wait = camera.state.due_ms - begun_ms
            assert wait <= max(LIMITS.backoff_cap_ms, camera.now.boottime_ms - begun_ms) or gap is UNAUTHORISED
            assert gap is not UNAUTHORISED or wait >= LIMITS.unauthorised_ms
    finish_within_8_s(camera, alive=alive, dies=dies)


def unsalvaged(actions: Iterable[Action], owed: set[int], unclosed: set[int]) -> tuple[set[int], set[int]]:
    """Segments of the session that was left behind, and of the present one."""
    for action in actions:
        if action == LeaveBehind():
            owed, unclosed = unclosed, set()
        if isinstance(action, Salvage):
            owed, unclosed = owed - action.seqs, unclosed - action.seqs
    return owed, unclosed


def finish_within_8_s(camera: Camera, *, alive: bool, dies: bool) -> None:
    asked_ms, before = camera.now.boottime_ms, len(camera.actions)
    owed = camera.state.owed
    actions = camera.feed(StopAsked(None))
    while camera.state.phase is not Phase.STOPPED:
        assert alive
        assert LeaveBehind() not in actions, "a stop waits for nobody"
        if Kill() in actions and dies:
            actions = camera.feed(Exited(-9))
            continue
        due_ms = next_due_ms(camera.state, LIMITS)
        assert due_ms is not None
        camera.pass_ms(max(0, due_ms - camera.now.boottime_ms))
        actions = camera.feed(Tick())
    assert camera.now.boottime_ms - asked_ms < 8000
    assert {*owed} <= {*camera.actions[before:]}
    assert camera.feed(Tick(), Exited(0), stats(1), StopAsked(None)) == ()


def test_nothing_is_forgotten_of_a_state() -> None:
    """A new attempt keeps the trouble and forgets the session."""
    camera = Camera().recording()
    camera.feed(HungUp(), Exited(-11))
    camera.at_due()
    kept = camera.state
    assert kept == State(
        address=Message("RTSP to camera"),
        phase=Phase.STARTING,
        since=camera.now,
        cause=GapCause.WORKER_CRASH,
        words=kept.words,
        failures=1,
        attempt_ms=camera.now.boottime_ms,
        due_ms=camera.now.boottime_ms,
        heard_ms=kept.heard_ms,
    )
