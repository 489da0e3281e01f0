"""The facade: what the daemon asks of storage. Blocking and thread-safe; nothing here knows asyncio.

Facts are handed to the one writer and answered with a `concurrent.futures.Future` that resolves after COMMIT. Reads
run on a short read-only connection in the caller's thread. `recover` and `sweep` do their file work in the caller's
thread too, so that recording never waits for them. Keeps S1, S3, S4, S5, S9 and S10 together with its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from storage.answers import (
    AlarmRow,
    CameraUsage,
    Coverage,
    RecoveryReport,
    Severity,
    SweepReport,
    Tail,
    VolumeStatus,
)
from storage.clock import Clock
from storage.model import Bounds, Closing, Gap, GapCause, Moment, Opening, Segment
from storage.retention import Decision
from storage.volume import VolumeSpec


class Store:
    """One state directory and its volumes, held by one daemon."""

    run: int
    """Number of this daemon run; each start counts it up."""
    boot: int
    """Number of this boot as the database counts them."""
    previous_end: GapCause | None
    """How the last run that recorded ended: DAEMON_STOPPED, DAEMON_CRASH, POWER_LOSS; None before the first."""

    @classmethod
    def open(cls, *, state: Path, node: str, volumes: Sequence[VolumeSpec], clock: Clock) -> Store:
        """Lock `state`, open the database and the volumes. Quick whatever is stored.

        Raises StateLocked, StateUnusable, DatabaseDamaged, or VolumeRefused when no volume at all can be used; a
        refused volume beside others is only away, see `volumes()`.
        """
        raise NotImplementedError

    @property
    def epoch(self) -> int:
        """The clock epoch now: steps of the wall clock over 0.5 s and boots count it up."""
        raise NotImplementedError

    def enrol(self, camera: str, at: Moment) -> Future[Tail]:
        """The camera is to be recorded from now on; its time is accounted for from `at`.

        New: a gap STARTING begins at `at`. Known from an earlier run: what is unaccounted for becomes a gap of cause
        `previous_end` up to the start of this run, then STARTING. Known in this run: its state continues.
        """
        raise NotImplementedError

    def tail(self, camera: str) -> Tail:
        """Where the camera's chain ends now; blocking."""
        raise NotImplementedError

    def open_segment(self, opening: Opening) -> Future[None]:
        """The `open` row, before the file exists. Ends the camera's open gap where the segment starts.

        What lies between the last thing known and the start becomes a gap UNKNOWN.
        """
        raise NotImplementedError

    def commit_segment(self, closing: Closing) -> Future[Segment]:
        """The file lies complete and synced under its final name."""
        raise NotImplementedError

    def begin_gap(self, camera: str, at: Moment | None, cause: GapCause, detail: str) -> Future[None]:
        """From `at` the camera is not recording, never earlier than what is recorded; None: from the end of that.

        The cause of the open gap again: nothing happens. Another cause: that gap ends and this one begins at `at`
        (None: now).
        """
        raise NotImplementedError

    def salvage(
        self, camera: str, cause: GapCause = GapCause.WORKER_CRASH, detail: str = ""
    ) -> Future[list[Segment]]:
        """A worker died or gave up a segment: adopt what it left as `.part`, as far as nobody holds its lock.

        The gap that follows moves to the adopted end; a hole before a following segment becomes a gap of `cause`.
        """
        raise NotImplementedError

    def recover(self) -> RecoveryReport:
        """Finish what earlier runs left open: garbage, `.part` files, renamed files without a committed row.

        Blocking, idempotent; run it in a thread behind running recording.
        """
        raise NotImplementedError

    def sweep(self, configured: Mapping[str, Bounds]) -> SweepReport:
        """Destroy what is past its ceiling, and what is past its floor where space is needed. Blocking, own thread."""
        raise NotImplementedError

    def explain(self, camera: str, seq: int, configured: Mapping[str, Bounds]) -> Decision:
        """Why this segment would be kept or destroyed now: the same code that a sweep runs. Raises NotOpen if unknown."""
        raise NotImplementedError

    def choose_volume(self) -> VolumeStatus | None:
        """Where the next segments go; None while no volume in service has room."""
        raise NotImplementedError

    def volumes(self) -> list[VolumeStatus]:
        """All configured volumes, those that are away included."""
        raise NotImplementedError

    def heartbeat(self) -> Future[None]:
        """This boot and this run lived until now; every 10 s. Resolving proves that the writer lives."""
        raise NotImplementedError

    def clock_stepped(self, at: Moment, synced: bool) -> Future[int]:
        """The wall clock was stepped over 0.5 s: a new epoch begins; answers its number."""
        raise NotImplementedError

    def segments(
        self,
        camera: str | None,
        start_ms: int | None,
        end_ms: int | None,
        *,
        after: Segment | None = None,
        limit: int = 1000,
    ) -> list[Segment]:
        """Committed segments that touch the interval of wall time, by camera and start; at most 1000 a page.

        `after` is the last segment of the page before.
        """
        raise NotImplementedError

    def gaps(
        self, camera: str | None, start_ms: int | None, end_ms: int | None, *, after: Gap | None = None, limit: int = 1000
    ) -> list[Gap]:
        """Gaps that touch the interval of wall time, by camera and start; at most 1000 a page."""
        raise NotImplementedError

    def coverage(self, camera: str, start_ms: int, end_ms: int) -> Coverage:
        """What of the interval of wall time is recorded, explained, unexplained; from the catalog alone."""
        raise NotImplementedError

    def usage(self) -> list[CameraUsage]:
        """From counters, cheap; includes cameras that are no longer configured."""
        raise NotImplementedError

    def raise_alarm(self, key: str, severity: Severity, text: str, action: str) -> Future[bool]:
        """The condition holds; True when it did not before. Raised again: text and severity are brought up to date."""
        raise NotImplementedError

    def clear_alarm(self, key: str) -> Future[bool]:
        """The condition holds no longer; True when it did before."""
        raise NotImplementedError

    def alarms(self) -> list[AlarmRow]:
        """All alarms, raised ones first, then by the time they were raised."""
        raise NotImplementedError

    def close(self, *, clean: bool = True) -> None:
        """End this run and let go of everything. `clean` says that recording was ended in order before."""
        raise NotImplementedError
