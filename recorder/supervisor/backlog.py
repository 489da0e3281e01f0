"""What one camera still owes the store, whoever runs it: facts that wait to be entered, segments to be salvaged.

A `Backlog` outlives sessions, runners and reloads, so that nothing is forgotten when a runner is replaced (S5, S9): the
next one works on the same backlog, and while there is none it works by itself.

- `PendingFacts`: facts on their way to the store, in order, never lost in silence, never the end of a runner. Keeps
  S9's second half: a fact that cannot be entered now (disk full, database busy, a defect of ours) waits here and is
  entered later; a camera meanwhile stays connected, its segments are refused with a cause. Only what storage calls
  untrue is dropped and told to the caller, who ends the worker that said it. Whatever is dropped is named in the log.
- `UnclosedSegments`: segments that were begun and will not be closed, until the store says that nothing of them is
  open. It works beside the camera's sessions and across them, so that no session waits until the footage of others is
  read and hashed (L1, L4); keeps of S5 that no row stays open behind a running camera.

Everything lives on the event loop. Nothing here raises.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol

from recorder.supervisor.state import NotSpawned, Salvage
from recorder.words.messages import Closed, Granted, Opening, Refused, Terms
from storage.words.errors import DegradeError, FatalError, RetryError, StoreError, said, said_of
from storage.words.message import NOTHING, Message, joined, message
from storage.words.model import GAP_CAUSES, GapCause, Moment

log = logging.getLogger("edged.camera")
MAX_WAITING: Final = 64
"""Facts of one camera that wait: hours of 5-minute segments with all their gaps. Beyond, the oldest is given up; if it
was the end of a segment, that one is salvaged."""
SETTLE_S: Final = 1.0
"""How often facts that could not be entered are tried again."""
ASK_AGAIN_S: Final = 5.0
"""A lock is freed, a disk comes back, the store is less busy: seldom sooner, and each time costs one read."""
MAX_LEFT: Final = 100
"""Some days of sessions that die while their disk does not answer. What is beyond is adopted at the next start."""
CHECK_DISK: Final = message("session.disk.check", "the disk and its space: `edgectl status`, `edgectl retention`")
_NO_TERMS: Final = {
    GapCause.DISK_FULL: message("session.no-room", "no volume has room for the next segment"),
    GapCause.FLOOR_PROTECT: message(
        "session.floor-protect", "no volume has room, and nothing on it may be destroyed yet"
    ),
}
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class SegmentStore(Protocol):
    """Who keeps the footage of all cameras: the daemon, between its runners and its store."""

    async def terms(self, camera: str) -> Terms | GapCause:
        """Under which the next segments are recorded, or why none may be."""

    async def tail(self, camera: str) -> tuple[int, str]:
        """Next segment number, and the hex hash of the last committed segment."""

    async def open(self, camera: str, opening: Opening) -> Granted | Refused:
        """Write the `open` row; only then may the file appear. Ends the open gap at the segment's start.

        When it raises, no row was written.
        """

    async def close(self, camera: str, closed: Closed) -> None:
        """The file lies complete and synced under its final name."""

    async def salvage(self, camera: str, seq: int, cause: GapCause, detail: Message) -> bool:
        """A segment was begun and will not be closed: adopt what is durable of it; a gap that follows moves there.

        What is missing of it before the next segment is a gap of `cause`.
        True: nothing of it is left open. False: not possible yet (locked, I/O error, volume away): ask again.
        """

    async def gap(self, camera: str, at: Moment | None, cause: GapCause, detail: Message) -> None:
        """From `at` on (None: from the end of what is recorded) nothing is recorded, because of `cause`."""

    async def hole(self, camera: str, start: Moment, end: Moment, detail: Message) -> None:
        """The camera sent nothing in between, and what came before and after is recorded."""


class Backlog:
    """Of one camera as long as the daemon runs. Lives on the event loop. Nothing here raises."""

    def __init__(self, camera: str, store: SegmentStore) -> None:
        self._camera = camera
        self.facts = PendingFacts(camera, store)
        self.unclosed = UnclosedSegments(camera, store)
        self._settling: asyncio.Task[None] | None = None

    @property
    def is_clear(self) -> bool:
        """Nothing is owed."""
        return not self.facts.waiting and self.unclosed.is_empty

    def keep_trying(self) -> None:
        """Its runner is gone: what waits goes on being tried."""
        if self.facts.waiting and (self._settling is None or self._settling.done()):
            self._settling = asyncio.create_task(self._settle(), name=f"pending facts {self._camera}")

    async def finish(self, within_s: float) -> None:
        """The daemon stops: try all once more, wait no longer than this, name what is left."""
        await self.unclosed.finish(within_s)
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.wait([self._settling])
        await self.facts.give_up()

    async def _settle(self) -> None:
        while self.facts.waiting:
            await self.facts.settle()
            await asyncio.sleep(SETTLE_S)


class Result(Enum):
    """What became of a fact."""

    ENTERED = auto()
    WAITS = auto()
    UNTRUE = auto()
    """It contradicts what is recorded, and was dropped."""


@dataclass(slots=True, eq=False)
class _Fact:
    words: str
    enter: Callable[[], Awaitable[None]]
    result: Result = Result.WAITS


class PendingFacts:
    """What one runner tells the store. Nothing here raises."""

    def __init__(self, camera: str, store: SegmentStore) -> None:
        self._camera = camera
        self._store = store
        self._waiting: deque[_Fact] = deque()
        self._turn = asyncio.Lock()
        """A session that begins settles beside the runner: no fact is entered twice, none is taken for another."""
        self._troubled = False
        self._asked_in_vain = False
        """The last session or segment that wanted to begin could not, whatever facts were entered since."""

    @property
    def waiting(self) -> bool:
        """Some facts could not be entered yet: call `settle` now and then."""
        return bool(self._waiting)

    async def start(self) -> tuple[Terms, int, str] | NotSpawned:
        """What a session needs to begin: terms, next number, hash of the last segment."""
        await self.settle()
        try:
            next_seq, sha256 = await self._store.tail(self._camera)
            # The terms last: the runner is told of those that change from then on.
            terms = await self._store.terms(self._camera)
        except Exception as error:  # noqa: BLE001 - whatever the store raises costs this camera an attempt, not its runner
            self._asked_in_vain = True
            self._trouble(error)
            return NotSpawned(_cause(error), _said(error), CHECK_DISK)
        if isinstance(terms, GapCause):
            return NotSpawned(terms, _no_terms(terms), CHECK_DISK)
        return terms, next_seq, sha256

    async def open(self, opening: Opening) -> tuple[Granted | Refused, Message]:
        """The store's answer, or a refusal where it has none; and why in words. What waits is entered first."""
        try:
            error = await self.settle()
            if error is None:
                answer = await self._store.open(self._camera, opening)
                if isinstance(answer, Refused):
                    return answer, _no_terms(answer.cause)
                self._asked_in_vain = False
                self._relief()
                return answer, NOTHING
        except Exception as raised:  # noqa: BLE001 - as above: the segment is refused, the camera stays connected
            self._asked_in_vain = True
            self._trouble(raised)
            error = raised
        why = message("session.not-entered", "the segment could not be entered: {error}", error=_said(error))
        return Refused(seq=opening.seq, cause=_cause(error)), why

    async def close(self, closed: Closed) -> Result:
        return await self._enter(f"segment {closed.seq}", lambda: self._store.close(self._camera, closed))

    async def gap(self, at: Moment | None, cause: GapCause, detail: Message) -> Result:
        return await self._enter(f"a gap ({cause})", lambda: self._store.gap(self._camera, at, cause, detail))

    async def hole(self, start: Moment, end: Moment, detail: Message) -> Result:
        return await self._enter("a pause of the camera", lambda: self._store.hole(self._camera, start, end, detail))

    async def give_up(self) -> None:
        """The daemon stops: enter what can be entered, name what is lost."""
        await self.settle()
        for fact in self._waiting:
            log.error("%s: %s is dropped, because edged stops before it could be entered", self._camera, fact.words)
        self._waiting.clear()

    async def settle(self) -> Exception | None:
        """Enter what waits, in order. The error, if the store can take nothing at all now."""
        async with self._turn:
            for fact in tuple(self._waiting):
                try:
                    await fact.enter()
                except DegradeError as error:
                    fact.result = Result.UNTRUE
                    words = "%s: %s is dropped, because it cannot be true: %s"
                    log.error(words, self._camera, fact.words, error)  # noqa: TRY400  (the trace says nothing)
                except (RetryError, FatalError, OSError) as error:
                    self._trouble(error)
                    return error
                except Exception as error:  # noqa: BLE001 - a defect: it waits, newer facts need not
                    self._trouble(error)
                    continue
                else:
                    fact.result = Result.ENTERED
                self._waiting.remove(fact)
                self._relief()
        return None

    async def _enter(self, words: str, enter: Callable[[], Awaitable[None]]) -> Result:
        fact = _Fact(words, enter)
        async with self._turn:
            if len(self._waiting) >= MAX_WAITING:
                lost = self._waiting.popleft()
                log.error("%s: %s is dropped, because %d facts wait already", self._camera, lost.words, MAX_WAITING)
            self._waiting.append(fact)
        await self.settle()
        return fact.result

    def _trouble(self, error: Exception) -> None:
        """Said once when it begins."""
        if not self._troubled:
            self._troubled = True
            expected = isinstance(error, StoreError | OSError)
            words = "%s: what is recorded cannot be entered: %s: %s"
            log.error(words, self._camera, type(error).__name__, error, exc_info=None if expected else error)

    def _relief(self) -> None:
        """Said once when it ends."""
        if self._troubled and not self._waiting and not self._asked_in_vain:
            self._troubled = False
            log.warning("%s: what is recorded is entered again", self._camera)


def _no_terms(cause: GapCause) -> Message:
    return _NO_TERMS.get(cause) or GAP_CAUSES[cause]


def _said(error: BaseException) -> Message:
    """What an error says; of one of the store's, with what it advises."""
    if isinstance(error, StoreError):
        return joined((error.what, error.action))
    place = error.filename if isinstance(error, OSError) else None
    return said(error) if place is None else said_of(place, error)


def _cause(error: BaseException) -> GapCause:
    """A full disk is told from every other trouble, wherever in the chain of causes it stands."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.errno in _FULL:
            return GapCause.DISK_FULL
        link = link.__cause__
    return GapCause.IO_ERROR


class UnclosedSegments:
    """Lives on the event loop; a task only while something is left. Nothing here raises."""

    def __init__(self, camera: str, store: SegmentStore, ask_again_s: float = ASK_AGAIN_S) -> None:
        self._camera = camera
        self._store = store
        self._ask_again_s = ask_again_s
        self._left: dict[int, Salvage] = {}
        self._told: set[int] = set()
        self._asking: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._last_round = False

    @property
    def is_empty(self) -> bool:
        return not self._left

    def add(self, salvage: Salvage) -> None:
        """These are to be salvaged; asked at once."""
        self._left.update(dict.fromkeys(salvage.seqs, salvage))
        while len(self._left) > MAX_LEFT:
            lost = min(self._left)
            self._forget(lost)
            log.error("%s: segment %d stays open until the next start: too many do", self._camera, lost)
        self._news.set()
        if self._left and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask(), name=f"salvage {self._camera}")

    async def finish(self, within_s: float) -> None:
        """Ask for each once more, wait no longer than this, give up the rest. With 0: at once."""
        if self._asking is None:
            return
        self._last_round = True
        self._news.set()
        if within_s > 0:
            await asyncio.wait([self._asking], timeout=within_s)
        self._asking.cancel()
        await asyncio.wait([self._asking])
        if self._left:
            numbers = ", ".join(map(str, sorted(self._left)))
            log.warning("%s: segments left open, to be adopted at the next start: %s", self._camera, numbers)

    async def _ask(self) -> None:
        while self._left:
            last_round = self._last_round
            self._news.clear()
            for seq in sorted(self._left):
                if await self._is_done(seq):
                    self._forget(seq)
            if last_round:
                return
            if self._left:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._ask_again_s):
                        await self._news.wait()

    async def _is_done(self, seq: int) -> bool:
        left = self._left[seq]
        try:
            done, why = await self._store.salvage(self._camera, seq, left.cause, left.detail), "it is not free yet"
        except Exception as error:  # noqa: BLE001 - whatever the store raises: it is asked again
            done, why = False, str(error) or type(error).__name__
        if not done and seq not in self._told:
            self._told.add(seq)
            log.info("%s: segment %d cannot be salvaged now, asking again: %s", self._camera, seq, why)
        return done

    def _forget(self, seq: int) -> None:
        self._left.pop(seq, None)
        self._told.discard(seq)
