"""The desk of mirror and rebuild: what the store and the daemon ask of them. Blocking, thread-safe, decides nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from storage.ages.history import DaemonRun, History
from storage.ages.table import boots
from storage.audit.findings import LedgerReport
from storage.audit.ledger_state import Outside
from storage.audit.schedule import SLOWLY, SelfCheck
from storage.audit.table import Checked
from storage.audit.verify import AuditedState, Verify
from storage.database.writer import Database
from storage.files import become_idle
from storage.integrity.compare import Fault
from storage.integrity.inspect_file import Stopped
from storage.integrity.service import pause_after
from storage.ledger import key, table
from storage.ledger.key import Keyring, RotationOrder, RotationTerms, Turn
from storage.ledger.note import Checkpoint
from storage.ledger.queries import LedgerListing
from storage.ledger.signer import CentreHead, Contradiction, HeadSigner
from storage.mirror.service import LedgerMirror
from storage.recovery import detect
from storage.recovery.salvage import Salvager
from storage.recovery.walk import Progress, Rebuilder, RebuildReport
from storage.register.service import Register
from storage.volumes.service import VolumePool
from storage.volumes.volume import Volume
from storage.words.clock import Clock
from storage.words.errors import DatabaseCorrupt, StoreBusy
from storage.words.message import NOTHING, Message, message


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """What is wrong with the ledger, in words."""

    unsigned: Message | None = None
    """Why heads are not signed."""
    exposed: Message | None = None
    """Who else may have read the key."""
    hole: Message = NOTHING
    """Which leaf of the present generation is missing."""
    unwritten: Mapping[str, Message] = field(default_factory=dict)
    """By volume, or "state": why it does not take mirror or heads."""
    contradiction: Contradiction | None = None
    checked: Checked | None = None
    """What the last check of all of it came to."""


class LedgerService:
    """Of one store."""

    def __init__(
        self,
        database: Database,
        life: DaemonRun,
        clock: Clock,
        node: str,
        keyring: Keyring,
        pool: VolumePool,
        salvager: Salvager,
        note: Callable[[Sequence[Fault]], int],
        stop: threading.Event,
    ) -> None:
        self._database = database
        self._life = life
        self._clock = clock
        self._stop = stop
        self._keyring = keyring
        self.leaves: Final = LedgerListing(database)
        self.register: Final = Register(database, life, clock, self.leaves, pool.present)
        self.centre_head: Final = CentreHead(database, keyring)
        self.head_signer: Final = HeadSigner(database, clock, keyring)
        self._mirror = LedgerMirror(database, life, clock, node, pool.present, self.head_signer)
        self._rebuilder = Rebuilder(database, life, clock, keyring, pool.present, salvager, note, stop)
        self.settle(pool.opened)
        self._broken = threading.Lock()
        self._verifying = threading.Lock()
        self._present = pool.present
        slowly = partial(self.verify, None, lambda _: None, stop, slowly=SLOWLY)
        self.itself: Final = SelfCheck(database, life, clock, self._ages, slowly)
        self._whom: Callable[[DatabaseCorrupt], Any] = lambda error: None  # noqa: ARG005
        self._database.on_damage = self._damaged

    def start(self) -> None:
        """Mirror from now on."""
        self._mirror.start()

    def stop(self, *, last_round: bool) -> None:
        """With a last round where the store closes in order."""
        self._mirror.stop(last_round=last_round)

    def settle(self, volumes: Iterable[Volume]) -> None:
        """Those of them that are new and bare need not be gone through."""
        self._rebuilder.settle_bare(volumes)

    def is_mirrored(self, leaf: int) -> bool:
        """Whether a leaf lies on a volume, too: until then it may go with the database."""
        return self._mirror.has(leaf)

    def mirror_now(self) -> None:
        """Not in the next second, but now."""
        self._mirror.round()

    def sign_now(self) -> None:
        """The head of the ledger covers what has been entered by now, if it can be signed."""
        self._mirror.round(sign=True)

    def verify(
        self,
        kept: Outside | None,
        progress: Callable[[Mapping[str, Any]], None],
        gone: threading.Event,
        *,
        slowly: float = 1.0,
    ) -> LedgerReport:
        """The whole ledger, and against a head from outside; one at a time, behind recording, in a thread of its own.

        Rests are `slowly` times as long. What it came to is remembered.

        StoreBusy, or Stopped when `gone`.
        """

        def pace(worked_s: float) -> None:
            if self._stop.is_set() or gone.wait(pause_after(worked_s * slowly)):
                raise Stopped

        if not self._verifying.acquire(blocking=False):
            raise StoreBusy(
                message("ledger.check-runs", "the ledger is being checked already"),
                message("ledger.check-runs.action", "wait for that to end"),
            )
        try:
            become_idle()
            box = AuditedState(self._database.read, self._present(), self._database.path.parent, self._ages)
            report = Verify(box, kept, pace=pace, progress=progress).run()
            self.itself.remember(report)
            return report
        finally:
            self._verifying.release()

    def terms(self, *, new_key: bool) -> RotationTerms:
        """On which a new generation would begin now; OrderRefused."""
        self._keyring.refresh()
        known = self._database.read(table.every)
        return key.terms(known, self._keyring, self._contradicted(), new_key=new_key)

    @contextmanager
    def renewing(self, order: RotationOrder) -> Iterator[Turn]:
        """A new generation of the ledger begins in a transaction within. OrderRefused, WriteFailed: all goes on."""
        with (
            self._mirror.standing_still(),
            key.renewing(self._database, self._clock, self._keyring, order, self._contradicted()) as turn,
        ):
            yield turn
        self.sign_now()

    def _contradicted(self) -> Checkpoint | None:
        against = self.centre_head.contradiction()
        return None if against is None else against.head

    def status(self) -> LedgerStatus:
        """What is wrong with the ledger. Reads the database."""
        unlaid = {"state": self.head_signer.unlaid} if self.head_signer.unlaid else {}
        return LedgerStatus(
            unsigned=self.head_signer.fault(),
            exposed=self._keyring.exposed,
            hole=self.head_signer.hole,
            unwritten={**self._mirror.unwritten, **unlaid},
            contradiction=self.centre_head.contradiction(),
            checked=self.itself.last(),
        )

    def ready(self, volume: str) -> bool:
        """What lies on the volume is known: before that nothing there is destroyed (S13)."""
        return self._rebuilder.ready(volume)

    def gate(self, ready: Callable[[Volume], bool]) -> Callable[[Volume], bool]:
        """On which volumes something may be destroyed: what lies there is known, and `ready` says so, too."""
        return lambda volume: self._rebuilder.is_known(volume) and ready(volume)

    def known(self) -> dict[str, Volume]:
        """Volumes that are there and of which everything is known."""
        return self._rebuilder.known()

    def waiting(self) -> list[str]:
        """Volumes that are there and have to be gone through."""
        return self._rebuilder.waiting()

    def last_rebuild(self) -> table.Rebuild | None:
        """The last time that the database was begun anew."""
        return self._rebuilder.last()

    def recent_rebuild(self, within_ms: int) -> table.Rebuild | None:
        """One that is under way, or was over less than so long ago, in running time."""
        rebuild = self._rebuilder.last()
        if rebuild is None or rebuild.end is None:
            return rebuild
        return rebuild if self._ages().age(*rebuild.end[:2]).low_ms < within_ms else None

    def _ages(self) -> History:
        return History(self._database.read(boots), self._life.boot, self._clock.now().boottime_ms)

    def rebuild(
        self, progress: Progress | None = None, *, everything: bool = False, paced: bool = True
    ) -> RebuildReport:
        """Go through volumes that are not known, or through all. Own thread; ends early when edged stops."""
        return self._rebuilder.round(progress, everything=everything, paced=paced)

    def when_damaged(self, whom: Callable[[DatabaseCorrupt], Any]) -> None:
        """`whom` hears, in any thread and once, that the database is broken and that the next start makes it anew."""
        self._whom = whom

    def _damaged(self, error: DatabaseCorrupt) -> None:
        """Once the mark lies there, `_whom` hears of it. Where it could not be left, the next damage is met anew."""
        if not self._broken.acquire(blocking=False):
            return
        marked = False
        try:
            marked = detect.suspect(self._database.path, error)
        finally:
            if not marked:
                self._broken.release()
        if marked:
            self._whom(error)
