"""The words of supervising one camera: phases, deadlines, what can happen, what can be done.

Values only; imports the messages and the storage model. `recorder.supervisor.state` decides with them,
`recorder.supervisor.runner` acts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from recorder.words.messages import Abandoned, Connected, Ended, Stats
from storage.words.model import GapCause, Moment


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
    """When the gate let this attempt pass; None: when it asked."""


@dataclass(frozen=True, slots=True)
class NotSpawned:
    """No session could begin: no terms, or no process."""

    cause: GapCause
    detail: str
    check: str
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
    detail: str


@dataclass(frozen=True, slots=True)
class Committed:
    """A segment's file is complete and the keeper was told."""

    seq: int


@dataclass(frozen=True, slots=True)
class Misbehaved:
    """The worker said what no worker says, or does not take what it is told: it is ended at once."""

    cause: GapCause
    detail: str


@dataclass(frozen=True, slots=True)
class HungUp:
    """Its socket is closed, its process not gone yet."""


@dataclass(frozen=True, slots=True)
class Exited:
    """The process is gone and everything it said was heard. `code` as multiprocessing has it; None when unknown."""

    code: int | None


@dataclass(frozen=True, slots=True)
class StopAsked:
    """End in order. With a `cause`, a gap of that cause begins where the recording ends."""

    cause: GapCause | None


Event: TypeAlias = (
    Tick | Spawned | NotSpawned | Connected | Stats | Opened | Withheld | Committed | Abandoned | Ended | Misbehaved
    | HungUp | Exited | StopAsked
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spawn:
    """Wait at the gate, ask for terms, make a process, send `Start`; answer with `Spawned` or `NotSpawned`."""


@dataclass(frozen=True, slots=True)
class SendStop:
    """Ask the worker to close its segment and end."""


@dataclass(frozen=True, slots=True)
class Kill:
    """End the process without asking."""


@dataclass(frozen=True, slots=True)
class BeginGap:
    """Tell the keeper: from `at` on (None: from the end of what is recorded) nothing is recorded."""

    at: Moment | None
    cause: GapCause
    detail: str


@dataclass(frozen=True, slots=True)
class Salvage:
    """These segments will not be closed: what is durable of them is to be adopted, as soon as that is possible.

    A gap that follows moves to the end of that. What is missing before a segment that follows is a gap of `cause`.
    """

    seqs: frozenset[int]
    cause: GapCause
    detail: str


Action: TypeAlias = Spawn | SendStop | Kill | BeginGap | Salvage
