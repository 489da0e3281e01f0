"""What people did, saw or were refused, on its way into the ledger. The rule:

- What discloses or changes something is on record first: if its leaf cannot be written, it does not happen (exit 75).
- What keeps evidence or heals the box (`Record.MENDED`) happens all the same; its leaf is owed, with an alarm, and
  written as soon as it can be. So is the leaf of a refusal.
- What only tells how the machine is needs no leaf and always answers.
- What lists footage and shows none always answers, too; its leaf is owed likewise.

A leaf says "done" before it is done: where nothing comes of it, a leaf "failed" follows that names the first. The leaf
of what waits for a second person comes with the act itself (`storage.approvals.service`). The same asked for again
by the same person, and refusals of one person, become one leaf a minute, with a count and, of refusals, the verbs;
lists of footage one a day, with all that was asked for. Of accounts that this box does not have, anybody may have
thousands: they share one leaf a minute.

What comes again and again is counted by `Tally`, which is pure but for what it remembers: a program that asks each
second must not fill the ledger, and nothing that it did may be missing from it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar

from edged.access.callers import Details, Refusal
from edged.host.journal import PERSONAL
from edged.words import exit_codes
from storage.ledger.table import Value
from storage.words.errors import StoreError
from storage.words.message import Message, message

log = logging.getLogger("edged.access")
PATIENCE_S: Final = 10.0
"""For a commit; less than what edgectl waits for an answer (15 s)."""
OWED_MAX: Final = 1000
"""Leaves that wait for a database that cannot be written; of more the oldest are counted and lost."""
MAINTAIN_EVERY_S: Final = 5.0
WINDOW_MS: Final = 60_000
DAY_MS: Final = 86_400_000
KEYS_MAX: Final = 256
"""More at a time are no people."""
STRANGERS: Final = "accounts that this box does not have"
CROWD: Final = ("refused",)
K = TypeVar("K", bound=Hashable)
E = TypeVar("E")


class LeafWriter(Protocol):
    """Where leaves of kind `act` are written; `storage.approvals.service` is one."""

    def act(
        self, verb: str, result: str, role: str, committed: Mapping[str, str], details: Details = ..., /
    ) -> Future[int]:
        """Its number, once it is committed. `committed` goes in as commitments only, `details` as they are."""
        ...


@dataclass(frozen=True, slots=True)
class ActEntry:
    """One leaf to be."""

    verb: str
    result: str
    role: str
    who: str
    """A person, in words: never in the leaf itself."""
    details: Details = field(default_factory=dict)
    reason: str = ""
    """As somebody typed it: likewise."""

    @property
    def committed(self) -> dict[str, str]:
        return {"who": self.who} | ({"reason": self.reason} if self.reason else {})

    def counted(self, count: int, kinds: tuple[str, ...] = ()) -> ActEntry:
        """`kinds`: verbs, where they are not all this one."""
        verbs = {"verbs": ", ".join(kinds)} if any(kind != self.verb for kind in kinds) else {}
        return replace(self, details={**self.details, **verbs, "count": count})

    def about(self, details: Details) -> ActEntry:
        """It names these, too."""
        return replace(self, details={**self.details, **details})

    def refused(self) -> ActEntry:
        return replace(self, result="refused")

    def failed(self, number: int | None = None) -> ActEntry:
        """Nothing came of it, whatever leaf `number` says."""
        of = {} if number is None else {"of": number}
        return replace(self, result="failed", details={**self.details, **of})


def spanning(one: ActEntry, other: ActEntry) -> ActEntry:
    """Both lists as one: of all their cameras, and of all the time between; what either leaves open is open."""
    details = dict(other.details)
    for name in {*one.details, *other.details} & _SPANS.keys():
        if name in one.details and name in other.details:
            details[name] = _SPANS[name]([one.details[name], other.details[name]])
        else:
            details.pop(name, None)
    return replace(other, details=details)


def _union(lists: Any) -> Value:
    return sorted({camera for each in lists for camera in each})


_SPANS: Final[Mapping[str, Callable[[Any], Value]]] = {
    "cameras": _union,
    "from": min,
    "to": max,
    "recorded_from": min,
    "recorded_to": max,
}


class _Late(Exception):
    """It is being written, for longer than anybody waits: what became of it is heard later."""


class ActJournal:
    """Where the guard hands in what goes on record. Lives on the event loop."""

    def __init__(self, journal: LeafWriter, now_ms: Callable[[], int]) -> None:
        """`now_ms`: running time, for the minute of repetitions."""
        self._journal = journal
        self._now_ms = now_ms
        self._looks: Coalescer[tuple[str, ...], ActEntry] = Coalescer()
        self._lists: Coalescer[tuple[str, ...], ActEntry] = Coalescer(window_ms=DAY_MS, join=spanning)
        self._refusals: Coalescer[tuple[str, ...], ActEntry] = Coalescer(CROWD)
        self._owed: deque[ActEntry] = deque()
        self._lost = 0

    @property
    def owed(self) -> int:
        """Leaves that are missing until the database can be written again."""
        return len(self._owed) + self._lost

    async def before(self, entry: ActEntry) -> int:
        """On record, when this returns: the leaf's number. Refusal where that cannot be."""

        def late(done: Future[int]) -> None:
            if done.exception() is None:
                self._owe(entry.failed(done.result()))

        try:
            return await self._written(entry, late)
        except (StoreError, TimeoutError, _Late) as error:
            what = message(
                "access.not-on-record",
                "`{verb}` cannot be put on record ({reason}), so it is not done",
                verb=entry.verb,
                reason=in_words(error),
            )
            raise Refusal(
                what,
                message("access.not-on-record.action", "check the disk of the state directory, then try again"),
                exit_codes.TRY_LATER,
                503,
            ) from None

    async def seen(self, entry: ActEntry) -> None:
        """On record, now or with the same of the last minute; Refusal likewise."""
        key = (entry.who, entry.verb, entry.role, repr(sorted(entry.details.items())))
        if not self._looks.is_repeated(key, entry, entry.verb):
            await self.before(entry)
            self._looks.told(key, entry, self._now_ms())

    async def listed(self, entry: ActEntry) -> None:
        """On record now or owed, or with what else this person lists in a day."""
        key = (entry.who, entry.verb, entry.role)
        if not self._lists.is_repeated(key, entry, entry.verb):
            self._lists.told(key, entry, self._now_ms())
            await self.if_possible(entry)

    async def if_possible(self, entry: ActEntry) -> int | None:
        """On record now, or owed: then None."""
        try:
            return await self._written(entry, partial(self._check, entry))
        except (StoreError, TimeoutError) as error:
            if not self._owed:
                log.warning(
                    "%s (%s) is not on record yet: %s", entry.verb, entry.result, in_words(error), extra=PERSONAL
                )
            self._owe(entry)
        except _Late:  # whether it is owed is heard later
            return None
        return None

    def refused(self, entry: ActEntry, *, known: bool = True) -> None:
        """One leaf a minute and person; all whom the box does not know are one. Who is refused waits for no disk."""
        key = self._refusals.place(("refused", entry.who)) if known else CROWD
        again = replace(entry, who=STRANGERS if key == CROWD else entry.who, details={})
        if not self._refusals.is_repeated(key, again, entry.verb):
            self._refusals.told(key, entry, self._now_ms())
            self._hear(self._act(entry), partial(self._check, entry))

    async def maintain(self) -> None:
        """Every few seconds: what was repeated is told, what is owed is tried again."""
        await self._drain(self._now_ms())

    async def close(self) -> None:
        """The daemon stops: what was counted is told, as far as the database takes it."""
        await self._drain(None)
        if self.owed:
            log.error("%d acts of people could not be put on record", self.owed, extra=PERSONAL)

    async def _drain(self, now_ms: int | None) -> None:
        for repeated in (*self._looks.due(now_ms), *self._lists.due(now_ms), *self._refusals.due(now_ms)):
            self._owe(repeated.joined.counted(repeated.count, repeated.kinds))
        for _ in range(len(self._owed)):
            if await self.if_possible(self._owed.popleft()) is None:
                return
        if self._lost:
            lost, self._lost = self._lost, 0
            await self.if_possible(ActEntry("journal", "lost", "none", "edged").counted(lost))

    def _owe(self, entry: ActEntry) -> None:
        if len(self._owed) >= OWED_MAX:
            self._owed.popleft()
            self._lost += 1
        self._owed.append(entry)

    def _check(self, entry: ActEntry, done: Future[int]) -> None:
        if done.exception() is not None:
            self._owe(entry)

    def _act(self, entry: ActEntry) -> Future[int]:
        return self._journal.act(entry.verb, entry.result, entry.role, entry.committed, entry.details)

    def _hear(self, future: Future[int], late: Callable[[Future[int]], None]) -> None:
        loop = asyncio.get_running_loop()

        def tell(done: Future[int]) -> None:
            with suppress(RuntimeError):  # the loop has ended: so has the daemon
                loop.call_soon_threadsafe(late, done)

        future.add_done_callback(tell)

    async def _written(self, entry: ActEntry, late: Callable[[Future[int]], None]) -> int:
        """Its number; TimeoutError where it will never be written, _Late where `late` will hear of it."""
        future = self._act(entry)
        waiting = asyncio.wrap_future(future)
        done, _ = await asyncio.wait([waiting], timeout=PATIENCE_S)
        if done:
            return waiting.result()
        if future.cancel():
            raise TimeoutError
        waiting.add_done_callback(asyncio.Future.exception)  # `late` is told, and nobody else
        self._hear(future, late)
        raise _Late


def in_words(error: Exception) -> Message:
    return (
        error.what if isinstance(error, StoreError) else message("database.no-answer", "the database does not answer")
    )


@dataclass(frozen=True, slots=True)
class Repeated(Generic[E]):
    """What came again since it was last told."""

    joined: E
    count: int
    kinds: tuple[str, ...]
    """Each once, in the order in which they came first."""


@dataclass(frozen=True, slots=True)
class _Window(Generic[E]):
    since_ms: int
    joined: E
    count: int = 0
    kinds: tuple[str, ...] = ()


def latest(_one: E, other: E) -> E:
    """What came last stands for all."""
    return other


class Coalescer(Generic[K, E]):
    """Counts by key. Not thread-safe: it lives on the event loop."""

    def __init__(self, crowd: K | None = None, window_ms: int = WINDOW_MS, join: Callable[[E, E], E] = latest) -> None:
        """`crowd`: the key of what comes when there are too many; None: that is told each by itself.

        `join`: what stands for two that came again.
        """
        self._crowd = crowd
        self._window_ms = window_ms
        self._join = join
        self._windows: dict[K, _Window[E]] = {}

    def place(self, key: K) -> K:
        """The key under which it counts: its own, or that of the crowd."""
        has_room = key in self._windows or len(self._windows) < KEYS_MAX
        return key if has_room or self._crowd is None else self._crowd

    def is_repeated(self, key: K, entry: E, kind: str = "") -> bool:
        """Whether the same was told less than a window ago: then it is counted, and told by `due`."""
        window = self._windows.get(key)
        if window is None:
            return False
        kinds = tuple(dict.fromkeys((*window.kinds, kind)))
        joined = self._join(window.joined, entry) if window.count else entry
        self._windows[key] = replace(window, joined=joined, count=window.count + 1, kinds=kinds)
        return True

    def told(self, key: K, entry: E, now_ms: int) -> None:
        """It was told now: its window begins."""
        if len(self._windows) < KEYS_MAX or key == self._crowd:
            self._windows.setdefault(key, _Window(now_ms, entry))

    def due(self, now_ms: int | None) -> list[Repeated[E]]:
        """What came again, of those whose window is over (None: of all); who was quiet is forgotten."""
        over = [key for key, one in self._windows.items() if now_ms is None or now_ms - one.since_ms >= self._window_ms]
        told = []
        for key in over:
            window = self._windows.pop(key)
            if window.count:
                told.append(Repeated(window.joined, window.count, window.kinds))
                if now_ms is not None:
                    self._windows[key] = _Window(now_ms, window.joined)
        return told
