"""One camera's facts on their way to whoever keeps them: in order, never lost in silence, never the end of a runner.

Imports messages and the storage model and errors. Keeps S9's second half: a fact that cannot be entered now (disk full,
database busy, a defect of ours) waits here and is entered later; a camera meanwhile stays connected, its segments are
refused with a cause. Only what storage calls untrue is dropped and told to the caller, who ends the worker that said
it. Whatever is dropped is named in the log.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol

from recorder.supervisor.events import NotSpawned
from recorder.words.messages import Closed, Granted, Opening, Refused, Terms
from storage.words.errors import DegradeError, FatalError, RetryError, StoreError
from storage.words.model import GapCause, Moment

log = logging.getLogger("edged.camera")

MAX_WAITING: Final = 64
"""Facts of one camera that wait: hours of 5-minute segments with all their gaps. Beyond, the oldest is given up; if it
was the end of a segment, that one is salvaged."""
CHECK_DISK: Final = "the disk and its space: `edgectl status`, `edgectl retention`"
_NO_TERMS: Final = {
    GapCause.DISK_FULL: "no volume has room for the next segment",
    GapCause.FLOOR_PROTECT: "no volume has room, and nothing on it may be destroyed yet",
}
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class Keeper(Protocol):
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

    async def salvage(self, camera: str, seq: int, cause: GapCause, detail: str) -> bool:
        """A segment was begun and will not be closed: adopt what is durable of it; a gap that follows moves there.

        What is missing of it before the next segment is a gap of `cause`.
        True: nothing of it is left open. False: not possible yet (locked, I/O error, volume away): ask again.
        """

    async def gap(self, camera: str, at: Moment | None, cause: GapCause, detail: str) -> None:
        """From `at` on (None: from the end of what is recorded) nothing is recorded, because of `cause`."""

    async def hole(self, camera: str, start: Moment, end: Moment, detail: str) -> None:
        """The camera sent nothing in between, and what came before and after is recorded."""


class Fate(Enum):
    """What became of a fact."""

    ENTERED = auto()
    WAITS = auto()
    UNTRUE = auto()
    """It contradicts what is recorded, and was dropped."""


@dataclass(slots=True, eq=False)
class _Fact:
    words: str
    enter: Callable[[], Awaitable[None]]
    fate: Fate = Fate.WAITS


class Books:
    """What one runner tells the keeper. Nothing here raises."""

    def __init__(self, camera: str, keeper: Keeper) -> None:
        self._camera = camera
        self._keeper = keeper
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
            next_seq, sha256 = await self._keeper.tail(self._camera)
            # The terms last: the runner is told of those that change from then on.
            terms = await self._keeper.terms(self._camera)
        except Exception as error:  # noqa: BLE001 - whatever the keeper raises costs this camera an attempt, not its runner
            self._asked_in_vain = True
            self._trouble(error)
            return NotSpawned(_cause(error), str(error), CHECK_DISK)
        if isinstance(terms, GapCause):
            return NotSpawned(terms, _NO_TERMS.get(terms, terms.value), CHECK_DISK)
        return terms, next_seq, sha256

    async def open(self, opening: Opening) -> tuple[Granted | Refused, str]:
        """The keeper's answer, or a refusal where it has none; and why in words. What waits is entered first."""
        try:
            error = await self.settle()
            if error is None:
                answer = await self._keeper.open(self._camera, opening)
                if isinstance(answer, Refused):
                    return answer, _NO_TERMS.get(answer.cause, answer.cause.value)
                self._asked_in_vain = False
                self._relief()
                return answer, ""
        except Exception as raised:  # noqa: BLE001 - as above: the segment is refused, the camera stays connected
            self._asked_in_vain = True
            self._trouble(raised)
            error = raised
        return Refused(seq=opening.seq, cause=_cause(error)), f"the segment could not be entered: {error}"

    async def close(self, closed: Closed) -> Fate:
        return await self._enter(f"segment {closed.seq}", lambda: self._keeper.close(self._camera, closed))

    async def gap(self, at: Moment | None, cause: GapCause, detail: str) -> Fate:
        return await self._enter(f"a gap ({cause})", lambda: self._keeper.gap(self._camera, at, cause, detail))

    async def hole(self, start: Moment, end: Moment, detail: str) -> Fate:
        return await self._enter("a pause of the camera", lambda: self._keeper.hole(self._camera, start, end, detail))

    async def give_up(self) -> None:
        """The daemon stops: enter what can be entered, name what is lost."""
        await self.settle()
        for fact in self._waiting:
            log.error("%s: %s is dropped, because edged stops before it could be entered", self._camera, fact.words)
        self._waiting.clear()

    async def settle(self) -> Exception | None:
        """Enter what waits, in order. The error, if the keeper can take nothing at all now."""
        async with self._turn:
            for fact in tuple(self._waiting):
                try:
                    await fact.enter()
                except DegradeError as error:
                    fact.fate = Fate.UNTRUE
                    words = "%s: %s is dropped, because it cannot be true: %s"
                    log.error(words, self._camera, fact.words, error)  # noqa: TRY400  (the trace says nothing)
                except (RetryError, FatalError, OSError) as error:
                    self._trouble(error)
                    return error
                except Exception as error:  # noqa: BLE001 - a defect: it waits, newer facts need not
                    self._trouble(error)
                    continue
                else:
                    fact.fate = Fate.ENTERED
                self._waiting.remove(fact)
                self._relief()
        return None

    async def _enter(self, words: str, enter: Callable[[], Awaitable[None]]) -> Fate:
        fact = _Fact(words, enter)
        async with self._turn:
            if len(self._waiting) >= MAX_WAITING:
                lost = self._waiting.popleft()
                log.error("%s: %s is dropped, because %d facts wait already", self._camera, lost.words, MAX_WAITING)
            self._waiting.append(fact)
        await self.settle()
        return fact.fate

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


def _cause(error: BaseException) -> GapCause:
    """A full disk is told from every other trouble, wherever in the chain of causes it stands."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.errno in _FULL:
            return GapCause.DISK_FULL
        link = link.__cause__
    return GapCause.IO_ERROR
