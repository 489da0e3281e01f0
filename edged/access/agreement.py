"""Bounds that the configuration loosens, roles that it gives: what holds instead, and asking a second person.

A file can be edited by whoever is root, and nobody knows who that was. So a start or a signal asks nobody: what was
agreed upon goes on to hold, with an alarm, until a person who logged in calls `edgectl reload`, and another one with
the role of authority approves what that asks for.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from edged.access.acts import Acts, Kind, doing
from edged.access.callers import Caller
from edged.config.loosened_bounds import sentence, under, wished_by
from edged.config.model import Config
from edged.words.roles import Verb
from storage.approvals.service import Act, Person
from storage.database.writer import TransactionPart
from storage.ledger.table import canonical
from storage.retention import table as terms
from storage.retention.approved_limits import Loosening, loosenings
from storage.store.facade import Store
from storage.words.errors import OrderRefused, StoreError

LOOSEN: Final = "loosen"
LOOK_EVERY_S: Final = 60.0
"""For ceilings that come to hold, and a database that is made anew: leaves may tell what was agreed upon."""

log = logging.getLogger("edged.access.agreement")


class Agreement:
    """Of one daemon run."""

    def __init__(self, store: Store, acts: Acts) -> None:
        self._store = store
        self._acts = acts
        self._wished: Config | None = None
        self.waiting: tuple[Loosening, ...] = ()
        """What of the file does not hold."""
        self.approved = asyncio.Event()
        """Somebody has approved something: `again` has more to say."""
        self._loop = asyncio.get_running_loop()
        loosen = doing(self._deed, self._tell)
        acts.register(
            LOOSEN, Kind(Verb.RELOAD, lambda arguments: str(arguments["words"]), loosen, outdated=self._outdated)
        )

    async def hold(self, wished: Config) -> Config:
        """The configuration as it may be used."""
        values = wished_by(wished)
        held = await asyncio.to_thread(self._store.agreement.hold, values)
        self._wished, before = wished, self.waiting
        self.waiting = tuple(loosenings(held, values))
        if self.waiting and self.waiting != before:
            log.warning(
                "the configuration loosens what is agreed upon, which takes two persons: %s", sentence(self.waiting)
            )
        return under(wished, held)

    async def again(self) -> Config | None:
        """As `hold`, of what was wished last."""
        return None if self._wished is None else await self.hold(self._wished)

    async def ask(self, by: Caller | None) -> tuple[str, ...]:
        """After a reload: what of it waits, in words for whoever reloaded."""
        if not self.waiting or self._wished is None:
            return ()
        words = sentence(self.waiting)
        if by is None or by.login is None:
            return (f"does not hold before two persons say so: {words}. Log in and run `edgectl reload`",)
        arguments = {"words": words, "bounds": canonical(terms.approved_body(wished_by(self._wished)))}
        try:
            act = await asyncio.to_thread(self._acts.ask, LOOSEN, arguments, by)
        except StoreError as error:
            return (f"does not hold, and nobody could be asked to approve it ({error}): {words}",)
        return (f"does not hold before another person approves it (edgectl approve {act.id}): {words}",)

    def _deed(self, act: Act, _second: Person) -> TransactionPart:
        if (why := self._outdated(act)) is not None:
            what = f"{act.id} waits no longer: {why}"
            raise OrderRefused(what, "run `edgectl reload`, and let another person approve what that asks for")
        return self._store.agreement.granting(terms.parse_approved(str(act.arguments["bounds"])))

    def _outdated(self, act: Act) -> str | None:
        wished = terms.parse_approved(str(act.arguments["bounds"]))
        same = self._wished is not None and wished == wished_by(self._wished)
        if same and act.arguments["words"] == sentence(self.waiting):
            return None
        return "the configuration, or what holds, was changed since it was asked for"

    def _tell(self, _act: Act) -> None:
        self._loop.call_soon_threadsafe(self.approved.set)
