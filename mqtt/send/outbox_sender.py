"""The rows of the outbox: read, and deleted once they have arrived. The shell around `mqtt.send.outbox`.

Lives on the event loop and is asked at each step of a connection; the database is read on a thread and written by its
own. One thing at a time, so that what is read was never deleted meanwhile. A database that fails is asked again later:
the link goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, Protocol

from mqtt.send.outbox import Ask, Outbox
from storage.outbox.table import Event, EventKind
from storage.words.errors import StoreError

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 1.0
"""How soon an event is on its way."""
DELETE_EVERY_S: Final = 1.0
"""What arrived meanwhile leaves in one commit."""
TELL_EVERY_S: Final = 3600.0
"""What gave way for want of room; and at each connection."""
PATIENCE_S: Final = 5.0
"""After the database failed."""


class Post(Protocol):
    """Where events wait for the centre; `storage.outbox.service.Outbox` is some. Reads block; all may fail with
    StoreError."""

    def last(self) -> int: ...
    def following(self, kind: EventKind, after: int, limit: int) -> list[Event]: ...
    def done(self, seqs: Collection[int]) -> Future[None]: ...
    def tell_evicted(self) -> Future[bool]: ...


class OutboxSender:
    """Of one link. `look` at least once a second while connected."""

    def __init__(self, post: Post, outbox: Outbox, wake: Callable[[], object]) -> None:
        """`wake` is called when there may be something to `look` at."""
        self._post = post
        self._outbox = outbox
        self._wake = wake
        self._job: asyncio.Future[Any] | None = None
        self._then: Callable[[Any], None] = _nothing
        self._asks: Sequence[Ask] = ()
        self._last = 0
        self._look_at_s = self._delete_at_s = self._tell_at_s = self._idle_until_s = 0.0
        self._failing = False

    def connected(self, now_s: float) -> None:
        """A new connection."""
        self._look_at_s = self._tell_at_s = now_s

    def look(self, now_s: float) -> None:
        """Take in what was done, and begin what is next."""
        if self._job is not None:
            if not self._job.done():
                return
            job, self._job = self._job, None
            self._take_in(job, now_s)
        if now_s >= self._idle_until_s:
            self._begin(now_s)

    def flush(self) -> None:
        """The connection is over: what has arrived leaves the database, whether anybody waits for it or not."""
        if arrived := self._outbox.arrived:
            self._deletion(arrived)

    def _begin(self, now_s: float) -> None:
        if now_s >= self._tell_at_s:
            self._tell_at_s = now_s + TELL_EVERY_S
            self._do(asyncio.wrap_future(self._post.tell_evicted()))
        elif now_s >= self._delete_at_s and (arrived := self._outbox.arrived):
            self._delete_at_s = now_s + DELETE_EVERY_S
            self._do(self._deletion(arrived))
        elif (asks := self._outbox.asks(now_s)) or now_s >= self._look_at_s:
            self._look_at_s, self._asks = now_s + LOOK_EVERY_S, asks
            self._do(asyncio.get_running_loop().run_in_executor(None, _read, self._post, asks), self._handed)

    def _do(self, job: asyncio.Future[Any], then: Callable[[Any], None] | None = None) -> None:
        self._job, self._then = job, then or _nothing
        job.add_done_callback(self._did)

    def _did(self, job: asyncio.Future[Any]) -> None:
        if not job.cancelled():
            job.exception()  # seen: nobody may look for it any more
        self._wake()

    def _deletion(self, seqs: list[int]) -> asyncio.Future[None]:
        deletion = asyncio.wrap_future(self._post.done(seqs))
        deletion.add_done_callback(partial(self._deleted, seqs))
        return deletion

    def _deleted(self, seqs: list[int], deletion: asyncio.Future[None]) -> None:
        if not deletion.cancelled() and deletion.exception() is None:
            self._outbox.deleted(seqs)

    def _take_in(self, job: asyncio.Future[Any], now_s: float) -> None:
        try:
            self._then(job.result())
        except StoreError as error:
            for ask in self._asks:
                self._outbox.missed(ask)
            self._idle_until_s = now_s + PATIENCE_S
            if not self._failing:
                log.warning("events for the centre cannot be read or deleted at the moment: %s", error)
            self._failing = True
        else:
            self._failing = False
        self._asks = ()

    def _handed(self, read: tuple[int, list[list[Event]]]) -> None:
        last, pages = read
        for ask, page in zip(self._asks, pages, strict=True):
            self._outbox.hand(ask, page)
        if last != self._last:
            self._last = last
            self._outbox.news()


def _nothing(_result: object) -> None:
    """What follows most things."""


def _read(post: Post, asks: Sequence[Ask]) -> tuple[int, list[list[Event]]]:
    """On a thread. The number of the last event comes first: what is entered meanwhile is news the next time."""
    return post.last(), [post.following(ask.kind, ask.after, ask.limit) for ask in asks]
