"""The head of the ledger at the centre: read back, held against our own, told, and who has got it.

Lives on the event loop; what reads the ledger runs on a thread. Until the head that the broker has kept was held
against the ledger as it is, no other is put in its place: where they contradict each other, the kept one is the proof.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from typing import Any, Final, Protocol

from mqtt.contract.messages import LedgerCheckpoint, Message
from storage.ledger.centre_head import HeadAgreement
from storage.ledger.signer import IssuedHead
from storage.recovery.service import LedgerService
from storage.words.errors import StoreError

log = logging.getLogger("edged.centre.checkpoint_publisher")

STEP_EVERY_S: Final = 5.0
"""How soon a contradiction that is settled is seen; a new head wakes it at once."""
FAREWELL_S: Final = 1.0
"""How long a stop waits for the last head to be signed."""


class Centre(Protocol):
    """Where heads are told; `edged.centre.reports.Reporter` is one."""

    def checkpoint(self, head: IssuedHead) -> None: ...
    def release_checkpoint(self) -> None: ...


class CheckpointPublisher:
    """See the module. `step` is a loop's work."""

    def __init__(self, books: LedgerService, centre: Centre) -> None:
        self._books = books
        self._centre = centre
        self._loop = asyncio.get_running_loop()
        self.wake = asyncio.Event()
        self._news: IssuedHead | None = None
        self._kept: list[bytes | None] = []
        """What was read back and has not been held against the ledger yet: the last counts."""
        self._withheld = False
        self._passed_on: dict[str, int] = {}
        """By origin: the largest head that somebody has got and that is not in the database yet."""
        books.notary.on_head = self._hear

    def kept(self, payload: bytes | None) -> None:
        """At each connection: what the broker has kept."""
        self._kept.append(payload)
        self.wake.set()

    def passed_on(self, message: Message) -> None:
        """Somebody has got this one."""
        told = LedgerCheckpoint.model_validate_json(message.payload)
        self._passed_on[told.origin] = max(told.size, self._passed_on.get(told.origin, 0))
        self.wake.set()

    async def begin(self) -> None:
        """Before the link: the last head of an earlier run."""
        head = await asyncio.to_thread(self._books.notary.head)
        if head is not None and self._news is None:
            self._centre.checkpoint(head)

    async def step(self) -> None:
        """What is new is told, what was read back is judged, what was got is written down."""
        if self._news is not None:
            news, self._news = self._news, None
            self._centre.checkpoint(news)
        await self._judge()
        for origin, size in list(self._passed_on.items()):
            await asyncio.wrap_future(self._books.witness.seen(origin, size))
            if self._passed_on[origin] == size:
                del self._passed_on[origin]

    async def end(self) -> None:
        """The daemon stops: the last head covers what it did until now, and goes out before the farewell."""
        with suppress(TimeoutError, StoreError):
            async with asyncio.timeout(FAREWELL_S):
                await asyncio.to_thread(self._books.sign_now)
                await asyncio.sleep(0)  # what the mirror's thread has called for comes first
                await self.step()

    async def _judge(self) -> None:
        if self._kept:
            *_, payload = self._kept
            self._kept.clear()
            self._withheld = True
            note, key = understood(payload)
            if payload and not self._books.witness.hold(note, key):
                log.warning("what the broker has kept as the head of this box's ledger is none: it is replaced")
        if self._withheld:
            word = await asyncio.to_thread(self._books.witness.word)
            if self._kept:
                self.wake.set()  # there was another connection meanwhile
            elif not word.contradicts and word is not HeadAgreement.UNSURE:
                self._withheld = False
                self._centre.release_checkpoint()

    def _hear(self, head: IssuedHead) -> None:
        """In the mirror's thread."""
        with suppress(RuntimeError):  # the loop has ended: so has the daemon
            self._loop.call_soon_threadsafe(self._take, head)

    def _take(self, head: IssuedHead) -> None:
        self._news = head
        self.wake.set()


def understood(payload: bytes | None) -> tuple[str, str | None]:
    """The note and the key in a message as some version may have written it; an empty note: there is none. Pure."""
    try:
        told: Any = json.loads(payload or b"")
        note, key = told["note"], told.get("key")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", None
    return note if isinstance(note, str) else "", key if isinstance(key, str) else None
