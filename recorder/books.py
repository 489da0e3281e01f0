"""One camera's facts on their way to whoever keeps them: in order, never lost in silence, never the end of a runner.

Imports messages and the storage model and errors. Keeps S9's second half: a fact that cannot be entered now (disk full,
database busy) waits here and is entered later; a camera meanwhile stays connected, its segments are refused with a
cause. What is false in itself is dropped, said once, and told to the caller, who ends the worker that said it.
"""

from __future__ import annotations

import errno
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from recorder.messages import Abandoned, Closed, Granted, Opening, Refused, Terms
from recorder.session import NotSpawned
from storage.errors import RetryError, StoreError
from storage.model import GapCause, Moment

log = logging.getLogger("edged.camera")

MAX_WAITING: Final = 64
"""Facts of one camera that wait: half an hour of 5-minute segments with all their gaps. Beyond, the oldest is given up;
its segment is adopted at the end of the session or at the next start."""
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
        """Write the `open` row; only then may the file appear. Ends the open gap at the segment's start."""

    async def close(self, camera: str, closed: Closed) -> None:
        """The file lies complete and synced under its final name."""

    async def abandoned(self, camera: str, abandoned: Abandoned) -> None:
        """A segment could not be written on: adopt what is durable of it."""

    async def salvage(self, camera: str) -> None:
        """A session ended with segments unfinished: adopt what it left. The open gap moves to the end of that."""

    async def gap(self, camera: str, at: Moment | None, cause: GapCause, detail: str) -> None:
        """From `at` on (None: from the end of what is recorded) nothing is recorded, because of `cause`."""


class Books:
    """What one runner tells the keeper. Nothing here raises."""

    def __init__(self, camera: str, keeper: Keeper) -> None:
        self._camera = camera
        self._keeper = keeper
        self._waiting: deque[Callable[[], Awaitable[None]]] = deque()
        self._troubled = False

    @property
    def waiting(self) -> bool:
        """Some facts could not be entered yet: call `settle` now and then."""
        return bool(self._waiting)

    async def start(self) -> tuple[Terms, int, str] | NotSpawned:
        """What a session needs to begin: terms, next number, hash of the last segment."""
        await self.settle()
        try:
            terms = await self._keeper.terms(self._camera)
            if isinstance(terms, GapCause):
                return NotSpawned(terms, _NO_TERMS.get(terms, terms.value), CHECK_DISK)
            return (terms, *await self._keeper.tail(self._camera))
        except Exception as error:  # noqa: BLE001 - whatever the keeper raises costs this camera an attempt, not its runner
            self._trouble(error)
            return NotSpawned(_cause(error), str(error), CHECK_DISK)

    async def open(self, opening: Opening) -> tuple[Granted | Refused, str]:
        """The keeper's answer, or a refusal where it has none; and why in words."""
        await self.settle()
        try:
            answer = await self._keeper.open(self._camera, opening)
        except Exception as error:  # noqa: BLE001 - as above: the segment is refused, the camera stays connected
            self._trouble(error)
            return Refused(seq=opening.seq, cause=_cause(error)), f"the segment could not be entered: {error}"
        if isinstance(answer, Refused):
            return answer, _NO_TERMS.get(answer.cause, answer.cause.value)
        await self._settle(last_chance=True)
        self._relief()
        return answer, ""

    async def close(self, closed: Closed) -> bool:
        """False: not entered. It waits, or, if nothing is `waiting`, it cannot be true and was dropped."""
        return await self._enter(lambda: self._keeper.close(self._camera, closed))

    async def abandoned(self, abandoned: Abandoned) -> bool:
        return await self._enter(lambda: self._keeper.abandoned(self._camera, abandoned))

    async def salvage(self) -> bool:
        return await self._enter(lambda: self._keeper.salvage(self._camera))

    async def gap(self, at: Moment | None, cause: GapCause, detail: str) -> bool:
        return await self._enter(lambda: self._keeper.gap(self._camera, at, cause, detail))

    async def settle(self) -> bool:
        """Enter what waits, in order. False if something was dropped because it can never be entered."""
        return await self._settle(last_chance=False)

    async def _enter(self, fact: Callable[[], Awaitable[None]]) -> bool:
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
        self._waiting.append(fact)
        return await self.settle() and not self._waiting

    async def _settle(self, *, last_chance: bool) -> bool:
        """`last_chance`: the keeper has just taken something newer, so what it still refuses is itself at fault."""
        sound = True
        while self._waiting:
            try:
                await self._waiting[0]()
            except (RetryError, OSError) as error:
                self._trouble(error)
                if not last_chance:
                    return sound
            except Exception as error:  # noqa: BLE001 - a fact that cannot be true (a number twice, a hash that is none)
                self._trouble(error)
                sound = False
            else:
                self._relief()
            self._waiting.popleft()
        return sound

    def _trouble(self, error: Exception) -> None:
        """Said once when it begins."""
        if not self._troubled:
            self._troubled = True
            expected = isinstance(error, StoreError | OSError)
            words = "%s: what is recorded cannot be entered: %s: %s"
            log.error(words, self._camera, type(error).__name__, error, exc_info=None if expected else error)

    def _relief(self) -> None:
        """Said once when it ends."""
        if self._troubled and not self._waiting:
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
