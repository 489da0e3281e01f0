"""What one camera's supervisor decides: a pure machine of events to a new state and actions.

Imports nothing but values: no clock, no socket, no asyncio; time and chance come in with each event.
`recorder.supervisor.runner` feeds it and does what it says. Keeps S9's first half (every session that ends says why,
and from when) and L1: once the fault is over, the longest wait (`Limits.backoff_cap_ms`, or what is left of
`Limits.connect_ms`) and the time a camera needs to connect and show a key frame stay within 15 s.

    starting -> connecting -> waiting -> recording <-> held back       (stop: stopping -> ending -> stopped)
        ^                         \\________\\____________\
    backing off <--------------------------------------------- ending (the process has still to go, or is left behind)

First the words: phases, deadlines, what can happen (`Event`), what can be done (`Action`). Then the machine (`step`).

`CameraLog` is what the journal hears: once when trouble starts, once for each further cause, once when it is over. What
befalls a whole device is told of the device: thirty cameras behind an NVR that restarts are two or three lines,
not sixty. Pure but for the log itself; times come in as values.
"""

from __future__ import annotations

import logging
import signal
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, TypeAlias

from recorder.words.messages import Abandoned, Connected, Ended, Stats
from storage.words.message import NOTHING, Message, message
from storage.words.model import GapCause, Moment

CHECK_PROCESS: Final = message(
    "session.process.check", "the journal of edged, memory and load of this box; if it happens again, report it"
)
BY_ANOTHER: Final = message("session.by-another", "its recording process ended because of what another camera sent")
CHECK_CAMERA: Final = message(
    "session.camera.check", "that the camera has power and network, and its address in edged's configuration"
)
CHECK_STREAM: Final = message(
    "session.stream.check", "the stream in the camera's own pages, and how many others are watching it"
)


class Phase(StrEnum):
    """Where one camera's recording stands."""

    STARTING = "starting"
    """The attempt waits for its turn (`recorder.supervisor.connect_queue`), terms are asked for and a process is
    made."""
    CONNECTING = "connecting"
    WAITING = "waiting"
    """Connected; no key frame yet."""
    RECORDING = "recording"
    HELD_BACK = "held-back"
    """Frames arrive, but no segment may be written (disk full, floor-protect, I/O error)."""
    ENDING = "ending"
    """Said its last words or was killed; the process has still to go."""
    BACKING_OFF = "backing-off"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Limits:
    """All deadlines of a session, in ms of this boot's clock. Tests shorten them; the daemon has no reason to.

    Whether pictures and key frames come is for the worker to watch, who sees the packets; a worker that says nothing
    is for us.
    """

    connect_ms: int = 12_000
    """To `Connected`. Slow cameras need 3 s; more than 12 s, and L1 would not hold after a hanging attempt."""
    silence_ms: int = 10_000
    """Without a report, of which one is due every second: the process hangs or was stopped."""
    exit_ms: int = 1_500
    """From the last word, or the kill, to the end of the process."""
    stop_ms: int = 5_000
    """For the last segment to be committed at a stop; with `exit_ms` within the 8 s that a stop may take."""
    backoff_base_ms: int = 1_000
    backoff_cap_ms: int = 10_000
    """Full jitter between 0 and a bound that doubles from base to cap; counted from the attempt's beginning."""
    unauthorised_ms: int = 60_000
    """A wrong password is tried once a minute: cameras lock accounts."""
    stable_ms: int = 60_000
    """Recording for so long makes the next failure the first one again."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing waits to be heard and the machine's `due_ms` may have come."""


@dataclass(frozen=True, slots=True)
class Spawned:
    """A process was made and `Start` was sent."""

    admitted_ms: int | None = None
    """When the connect queue let this attempt pass; None: when it asked."""


@dataclass(frozen=True, slots=True)
class NotSpawned:
    """No session could begin: no terms, or no process."""

    cause: GapCause
    detail: Message
    check: Message
    admitted_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A segment's row is written; `Granted` is about to be sent. From its start on the camera is recorded."""

    seq: int


@dataclass(frozen=True, slots=True)
class Withheld:
    """A segment that would have begun at `at` must not be written."""

    seq: int
    at: Moment
    cause: GapCause
    detail: Message


@dataclass(frozen=True, slots=True)
class Committed:
    """A segment's file is complete and the store was told."""

    seq: int


@dataclass(frozen=True, slots=True)
class Misbehaved:
    """The worker said what no worker says, or does not take what it is told: it is ended at once."""

    cause: GapCause
    detail: Message


@dataclass(frozen=True, slots=True)
class HungUp:
    """Its socket is closed, its process not gone yet."""


@dataclass(frozen=True, slots=True)
class Exited:
    """The session is over and everything it said was heard. `code` of its process as `subprocess` has it; None when
    that goes on, or nobody knows."""

    code: int | None
    by_another: bool = False
    """Its process ended in the turn of another camera."""


@dataclass(frozen=True, slots=True)
class LeftoverGone:
    """The process that was left behind (`LeaveBehind`) has ended."""


@dataclass(frozen=True, slots=True)
class StopAsked:
    """End in order. With a `cause`, a gap of that cause begins where the recording ends."""

    cause: GapCause | None


Event: TypeAlias = (
    Tick | Spawned | NotSpawned | Connected | Stats | Opened | Withheld | Committed | Abandoned | Ended | Misbehaved
    | HungUp | Exited | LeftoverGone | StopAsked
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spawn:
    """Wait for its turn, ask for terms, make a process, send `Start`; answer with `Spawned` or `NotSpawned`."""


@dataclass(frozen=True, slots=True)
class SendStop:
    """Ask the worker to close its segment and end."""


@dataclass(frozen=True, slots=True)
class Kill:
    """End the process without asking."""


@dataclass(frozen=True, slots=True)
class LeaveBehind:
    """The session is over although its process, killed, is still there. `LeftoverGone` tells when it is not."""


@dataclass(frozen=True, slots=True)
class BeginGap:
    """Tell the store: from `at` on (None: from the end of what is recorded) nothing is recorded."""

    at: Moment | None
    cause: GapCause
    detail: Message


@dataclass(frozen=True, slots=True)
class Salvage:
    """These segments will not be closed: what is durable of them is to be adopted, as soon as that is possible.

    A gap that follows moves to the end of that. What is missing before a segment that follows is a gap of `cause`.
    """

    seqs: frozenset[int]
    cause: GapCause
    detail: Message


Action: TypeAlias = Spawn | SendStop | Kill | LeaveBehind | BeginGap | Salvage
_LIVE: Final = frozenset({Phase.WAITING, Phase.RECORDING, Phase.HELD_BACK})
"""Phases in which reports are due."""
Step: TypeAlias = tuple["State", tuple[Action, ...]]


@dataclass(frozen=True, slots=True)
class State:
    """All that the machine knows. `words` tell a technician why `cause`; both are of the open gap."""

    address: Message
    """What is tried, without a secret: words for troubles the worker itself could not tell."""
    phase: Phase
    since: Moment
    cause: GapCause | None
    """Cause of the open gap as the store knows it; None while recording. Before the first segment: starting."""
    words: Ended | None = None
    failures: int = 0
    """Sessions in a row that ended without a minute of stable recording."""
    attempt_ms: int = 0
    due_ms: int = 0
    """Deadline of this phase."""
    heard_ms: int = 0
    """When the last report came."""
    recording_ms: int | None = None
    """Since when this session records without being held back."""
    unclosed: frozenset[int] = frozenset()
    """Segments of this session that may exist on disk or as a row and are not closed."""
    last_words: Ended | None = None
    """How this session ends, as far as it is known."""
    killed: bool = False
    leftover: bool = False
    """An earlier session was left behind, and its process is still there."""
    owed: tuple[Salvage, ...] = ()
    """Of that session, once its process is gone: until then it may still make a file."""
    stop: StopAsked | None = None


def begin(address: Message, now: Moment, *, leftover: bool = False) -> Step:
    """The first attempt. The store has enrolled the camera: its gap `starting` is open. `leftover`: of a machine before
    this one.
    """
    first = State(address=address, phase=Phase.STARTING, since=now, cause=GapCause.STARTING, leftover=leftover)
    return _attempt(first, now)


def next_due_ms(state: State, limits: Limits) -> int | None:
    """When the machine wants a `Tick` at the latest, in boottime; None when only others can move it."""
    if state.phase in (Phase.STARTING, Phase.STOPPED):
        return None
    return state.heard_ms + limits.silence_ms if state.phase in _LIVE else state.due_ms


def trouble(state: State) -> tuple[GapCause | None, Ended | None]:
    """Why the camera is not recorded at this instant, and in words; None while it is.

    The gap itself is told when the process is gone; that nothing is recorded any more is known before.
    """
    if state.cause is not None or state.phase not in (Phase.ENDING, Phase.STOPPED):
        return state.cause, state.words
    if state.stop is not None:
        return state.stop.cause or GapCause.DAEMON_STOPPED, None
    words = state.last_words or _words(state, GapCause.WORKER_CRASH, death(None), CHECK_PROCESS)
    return words.cause or GapCause.UNKNOWN, words


def step(state: State, event: Event, now: Moment, chance: float, limits: Limits) -> Step:
    """What an event means. `chance` lies in [0, 1) and spreads the attempts of many cameras."""
    match event:
        case Opened() | Withheld() | Committed() | Abandoned():
            return _segment(state, event, now)
        case Connected() | Stats() | Ended() | Misbehaved():
            return _message(state, event, now, limits)
        case Tick():
            return _tick(state, now, chance, limits)
        case LeftoverGone():
            return replace(state, leftover=False, owed=()), state.owed
        case StopAsked():
            return _stop(state, event, now, limits)
        case _:
            return _process(state, event, now, chance, limits)


def _process(
    state: State, event: Spawned | NotSpawned | HungUp | Exited, now: Moment, chance: float, limits: Limits
) -> Step:
    """What became of the process."""
    if isinstance(event, Spawned | NotSpawned) and event.admitted_ms is not None:
        # The wait for the next attempt counts from here: waiting for a turn is no attempt.
        state = replace(state, attempt_ms=event.admitted_ms)
    match event:
        case Spawned():
            return _enter(state, Phase.CONNECTING, now, limits.connect_ms), ()
        case HungUp():
            return state if state.phase is Phase.ENDING else _enter(state, Phase.ENDING, now, limits.exit_ms), ()
        case NotSpawned():
            words = Ended(event.cause, came_back=event.detail, check=event.check)
        case Exited():
            how = BY_ANOTHER if event.by_another else death(event.code)
            words = state.last_words or _words(state, GapCause.WORKER_CRASH, how, CHECK_PROCESS)
    return _over(state, words, now, chance, limits, innocent=isinstance(event, Exited) and event.by_another)


def _message(state: State, event: Connected | Stats | Ended | Misbehaved, now: Moment, limits: Limits) -> Step:
    """What the worker said of its session."""
    match event:
        case Connected():
            if state.phase is not Phase.CONNECTING:
                return state, ()
            return replace(_enter(state, Phase.WAITING, now, 0), heard_ms=now.boottime_ms), ()
        case Stats():
            return replace(state, heard_ms=now.boottime_ms), ()
        case Ended():
            return _said_last(state, event, now, limits), ()
        case Misbehaved() if state.killed:
            return state, ()
        case Misbehaved():
            return _kill(state, now, limits, _words(state, event.cause, event.detail, CHECK_PROCESS))


def _segment(state: State, event: Opened | Withheld | Committed | Abandoned, now: Moment) -> Step:
    """What became of a segment."""
    match event:
        case Opened():
            return _opened(state, event, now), ()
        case Withheld():
            return _withheld(state, event, now)
        case Committed():
            return replace(state, unclosed=state.unclosed - {event.seq}), ()
        case Abandoned():
            return _abandoned(state, event, now)


def death(code: int | None) -> Message:
    """An exit code in words."""
    if code is None:
        return message("session.process-died", "its recording process died")
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return message("session.process-killed", "its recording process was ended by {signal}", signal=name)
    return message("session.process-ended", "its recording process ended with code {code} and no word", code=code)


def sentence(words: Ended) -> Message:
    """What was tried, what came back, what to check, as one line for a gap or a log."""
    tried, came_back, check = words.tried, words.came_back, words.check
    if tried and check:
        return message(
            "session.told", "{tried}: {came_back}. Check {check}", tried=tried, came_back=came_back, check=check
        )
    if tried:
        return message("session.told.no-check", "{tried}: {came_back}", tried=tried, came_back=came_back)
    if check:
        return message("session.told.untried", "{came_back}. Check {check}", came_back=came_back, check=check)
    return came_back


def _words(state: State, cause: GapCause, came_back: Message, check: Message) -> Ended:
    return Ended(cause=cause, tried=state.address, came_back=came_back, check=check)


def _enter(state: State, phase: Phase, now: Moment, due_in_ms: int) -> State:
    since = state.since if phase is state.phase else now
    return replace(state, phase=phase, since=since, due_ms=now.boottime_ms + due_in_ms)


def _attempt(state: State, now: Moment) -> Step:
    """A new session, of which nothing is known."""
    fresh = replace(
        state,
        attempt_ms=now.boottime_ms,
        recording_ms=None,
        unclosed=frozenset(),
        last_words=None,
        killed=False,
    )
    return _enter(fresh, Phase.STARTING, now, 0), (Spawn(),)


def _tick(state: State, now: Moment, chance: float, limits: Limits) -> Step:
    due_ms = next_due_ms(state, limits)
    if due_ms is None or now.boottime_ms < due_ms:
        return state, ()
    match state.phase:
        case Phase.CONNECTING:
            said = message(
                "session.nothing-usable",
                "nothing that could be used within {seconds} s",
                seconds=f"{limits.connect_ms / 1000:g}",
            )
            return _kill(state, now, limits, _words(state, GapCause.UNREACHABLE, said, CHECK_CAMERA))
        case Phase.STOPPING:
            return _kill(state, now, limits, state.last_words)
        case Phase.ENDING:
            return _still_there(state, now, chance, limits)
        case Phase.BACKING_OFF:
            return _attempt(state, now)
        case _:
            said = message(
                "session.process-silent",
                "its recording process said nothing for {seconds} s",
                seconds=f"{limits.silence_ms / 1000:g}",
            )
            return _kill(state, now, limits, _words(state, GapCause.WORKER_CRASH, said, CHECK_PROCESS))


def _still_there(state: State, now: Moment, chance: float, limits: Limits) -> Step:
    """Fallen silent, or killed, and not gone: a process in an uninterruptible wait (a dying disk) goes when that ends.

    Nobody waits for it: another disk may take what the camera sends, and in a group it may be another camera's disk
    that hangs. What it holds is salvaged once it is gone, at the latest by the next start. One alone is left behind, so
    that a disk that never answers does not gather processes.
    """
    if not state.killed or (state.leftover and state.stop is None):
        hung = message("session.process-hung", "its recording process hung")
        return _kill(state, now, limits, _words(state, GapCause.WORKER_CRASH, hung, CHECK_PROCESS))
    if state.stop is not None:
        return _stopped(state, now)
    words = state.last_words or _words(state, GapCause.WORKER_CRASH, death(None), CHECK_PROCESS)
    over, actions = _over(state, words, now, chance, limits, innocent=False)
    owed = tuple(action for action in actions if isinstance(action, Salvage))
    told = tuple(action for action in actions if action not in owed)
    return replace(over, leftover=True, owed=owed), (LeaveBehind(), *told)


def _kill(state: State, now: Moment, limits: Limits, words: Ended | None) -> Step:
    if state.phase in (Phase.STARTING, Phase.BACKING_OFF, Phase.STOPPED):
        return state, ()
    killed = replace(state, killed=True, last_words=state.last_words or words)
    return _enter(killed, Phase.ENDING, now, limits.exit_ms), (Kill(),)


def _opened(state: State, event: Opened, now: Moment) -> State:
    """The store ended the open gap at the segment's start."""
    opened = replace(state, cause=None, words=None, unclosed=state.unclosed | {event.seq})
    if state.recording_ms is None:
        opened = replace(opened, recording_ms=now.boottime_ms)
    return _enter(opened, Phase.RECORDING, now, 0) if state.phase in _LIVE else opened


def _withheld(state: State, event: Withheld, now: Moment) -> Step:
    """The camera stays connected and asks again with its next segment.

    The gap begins where this segment would have: its predecessor may still be on its way to being committed.
    """
    said = Ended(event.cause, came_back=event.detail)
    held, actions = _gap(state, said, event.at)
    return _hold(held, now), actions


def _abandoned(state: State, event: Abandoned, now: Moment) -> Step:
    """Nothing more comes of it, and the worker may still hold it. With a successor open, no gap lasts."""
    left = replace(state, unclosed=state.unclosed - {event.seq})
    actions: tuple[Action, ...] = ()
    if state.cause is None and not any(seq > event.seq for seq in left.unclosed):
        said = Ended(event.cause, came_back=event.detail)
        held, actions = _gap(left, said, None)
        left = _hold(held, now)
    return left, (*actions, Salvage(frozenset({event.seq}), event.cause, event.detail))


def _hold(state: State, now: Moment) -> State:
    held = replace(state, recording_ms=None)
    return _enter(held, Phase.HELD_BACK, now, 0) if state.phase in _LIVE else held


def _said_last(state: State, ended: Ended, now: Moment, limits: Limits) -> State:
    """Its own words, unless it only obeyed."""
    if ended.cause is not None:
        state = replace(state, last_words=ended)
    elif state.last_words is None:
        over = message("session.stream-ended", "the stream ended")
        state = replace(state, last_words=_words(state, GapCause.DROPPED, over, CHECK_STREAM))
    return state if state.killed else _enter(state, Phase.ENDING, now, limits.exit_ms)


def _gap(state: State, words: Ended, at: Moment | None) -> Step:
    """From `at` on not recorded (None: from the end of what is recorded); a cause already told is not told again."""
    cause = words.cause or GapCause.UNKNOWN
    told = replace(state, cause=cause, words=words)
    return told, () if cause is state.cause else (BeginGap(at, cause, sentence(words)),)


def _from(state: State, now: Moment) -> Moment | None:
    """Where trouble that shows now begins: it splits an open gap, or begins one where the recording ends."""
    return None if state.cause is None else now


def _over(state: State, words: Ended, now: Moment, chance: float, limits: Limits, *, innocent: bool) -> Step:
    """The session is over and its process gone: why, what was left, and when next.

    At once, if it was `innocent` of that: whoever ended its process is not read beside others for long.
    """
    if state.stop is not None:
        return _stopped(state, now)
    stable = state.recording_ms is not None and state.heard_ms - state.recording_ms >= limits.stable_ms
    failures = 0 if stable else state.failures
    told, actions = _gap(state, words, _from(state, now))
    if state.unclosed:
        actions = (*actions, Salvage(state.unclosed, words.cause or GapCause.UNKNOWN, sentence(words)))
    wait_ms = limits.unauthorised_ms
    if words.cause is not GapCause.UNAUTHORISED:
        # Bounded before the power: failures are counted for days.
        bound_ms = min(limits.backoff_cap_ms, limits.backoff_base_ms << min(failures, 16))
        wait_ms = 0 if innocent else round(chance * bound_ms)
    left_ms = max(0, state.attempt_ms + wait_ms - now.boottime_ms)
    over = replace(told, failures=failures + (not innocent), unclosed=frozenset())
    return _enter(over, Phase.BACKING_OFF, now, left_ms), actions


def _stop(state: State, event: StopAsked, now: Moment, limits: Limits) -> Step:
    if state.phase is Phase.STOPPED or state.stop is not None:
        return state, ()
    asked = replace(state, stop=event)
    if state.phase in (Phase.STARTING, Phase.BACKING_OFF):
        return _stopped(asked, now)
    if state.phase is Phase.ENDING:
        return asked, ()
    return _enter(asked, Phase.STOPPING, now, limits.stop_ms), (SendStop(),)


def _stopped(state: State, now: Moment) -> Step:
    stopped = state
    actions: tuple[Action, ...] = ()
    if state.stop is not None and state.stop.cause is not None:
        said = Ended(state.stop.cause)
        stopped, actions = _gap(state, said, _from(state, now))
    if state.unclosed:
        cause = stopped.cause or GapCause.DAEMON_STOPPED
        actions = (*actions, Salvage(state.unclosed, cause, NOTHING))
    rest = replace(stopped, unclosed=frozenset(), owed=())
    return _enter(rest, Phase.STOPPED, now, 0), (*actions, *state.owed)


log = logging.getLogger("edged.camera")

PROVEN_MS: Final = 10_000
"""A camera records again when it has for so long: one that fails every few seconds must not fill the journal."""
JOINT_MS: Final = 60_000
"""Cameras of one device that fail within this time of each other do so together: an NVR that hangs is noticed by all
within their patience, and the last of them finds out when its turn to connect comes."""
JOINT: Final = frozenset(
    {GapCause.UNREACHABLE, GapCause.REFUSED, GapCause.UNAUTHORISED, GapCause.STALLED, GapCause.DROPPED}
)
"""Causes that befall a device."""


@dataclass(slots=True)
class _Trouble:
    """Of one device, while any camera of it is in it."""

    last_ms: int
    cameras: set[str] = field(default_factory=set)
    causes: set[GapCause] = field(default_factory=set)
    joint: bool = False
    """More than one camera: from now on the device is told of."""


class DeviceLog:
    """Cameras that share a device, told of together. One for all runners."""

    def __init__(self) -> None:
        self._devices: dict[str, _Trouble] = {}

    def trouble(self, camera: str, device: str, cause: GapCause, words: str, now_ms: int) -> str:
        """What to say when a camera is not recorded for a cause that was not told of it yet; "" for nothing."""
        own = f"{camera}: not recorded ({cause}): {words}"
        if cause not in JOINT:
            return own
        known = self._devices.get(device)
        if known is None or now_ms - known.last_ms > JOINT_MS:
            self._devices[device] = _Trouble(now_ms, {camera}, {cause})
            return own
        known.last_ms = now_ms
        known.cameras.add(camera)
        news = cause not in known.causes
        known.causes.add(cause)
        if not known.joint:
            known.joint = len(known.cameras) > 1
            return f"{own} (others behind {device} that follow are not named here)" if known.joint else own
        return f"cameras behind {device}: not recorded ({cause}): {words}" if news else ""

    def well(self, camera: str, device: str, lasted: str) -> str:
        """What to say when a camera records again; "" for nothing."""
        known = self._devices.get(device)
        if known is None or camera not in known.cameras:
            return f"{camera}: {lasted}"
        self.leave(camera, device)
        if not known.joint:
            return f"{camera}: {lasted}"
        return "" if known.cameras else f"cameras behind {device}: all record again"

    def leave(self, camera: str, device: str) -> None:
        """It is no longer recorded at all."""
        known = self._devices.get(device)
        if known is not None:
            known.cameras.discard(camera)
            if not known.cameras:
                del self._devices[device]


class CameraLog:
    """Of one camera."""

    def __init__(self, camera: str, device: str, device_log: DeviceLog) -> None:
        self._camera = camera
        self._device = device
        self._device_log = device_log
        self._told: set[GapCause] = set()
        self._well_since_ms = 0

    def observe(self, before: GapCause | None, state: State, now_ms: int) -> None:
        """After each step of the machine; `before` is the cause as it was."""
        if state.phase is Phase.STOPPED:
            self._device_log.leave(self._camera, self._device)
        elif state.cause is None:
            self._is_well(before, now_ms)
        elif state.words and state.cause not in self._told:
            self._told.add(state.cause)
            words = self._device_log.trouble(self._camera, self._device, state.cause, sentence(state.words), now_ms)
            if words:
                log.warning("%s", words)

    def _is_well(self, before: GapCause | None, now_ms: int) -> None:
        if before is not None:
            self._well_since_ms = now_ms
            if not self._told:
                log.info("%s: records", self._camera)
        elif self._told and now_ms - self._well_since_ms >= PROVEN_MS:
            self._told.clear()
            lasted = f"records again since {(now_ms - self._well_since_ms) // 1000} s"
            words = self._device_log.well(self._camera, self._device, lasted)
            if words:
                log.info("%s", words)
