"""Acts of two persons: what there is that one person asks for and another approves (`edgectl approve`).

Each kind of act is registered once, under its name, by the module of `edged.api` that asks for it.
`storage.approvals.service` keeps what waits and holds that two persons are two.

What a configuration loosens, bounds, roles or the profile, is such an act, too (`Agreement`): a file can be edited by
whoever is root, and nobody knows who that was. So a start or a signal asks nobody: what was agreed upon goes on to
hold, with an alarm, until a person who logged in calls `edgectl reload`, and another one with the role of authority
approves what that asks for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from edged.access.callers import Caller
from edged.config.loosened_bounds import sentence, under, wished_by
from edged.config.model import Config
from edged.words.roles import Verb
from storage.approvals.service import NOBODY, Act, Arguments, Person, check
from storage.approvals.service import Doing as DoneAct
from storage.database.writer import TransactionPart
from storage.ledger.table import canonical
from storage.retention import table as retention_table
from storage.retention.bounds import Loosening, loosenings
from storage.store.facade import Store
from storage.words.errors import OrderRefused, OrderWrong, StoreError
from storage.words.message import NOTHING, Message, joined, message

EXTEND: Final = "pin-extend"
"""The kind of act by which a pin is to last longer; people and keys of the centre ask for it."""

Doing: TypeAlias = Callable[[Act, Person], AbstractContextManager[TransactionPart]]
"""Prepares an act, hands out what is done in the transaction in which it stops waiting, and follows it up on disk."""


def person(caller: Caller) -> Person:
    """As storage knows people: who logged in, whatever they became. Whom no login vouches for is nobody."""
    if caller.login is None:
        return Person(NOBODY, caller.who)
    return Person(caller.login, caller.name)


def _nothing(act: Act) -> None:
    del act


def _silence(act: Act) -> Message:
    del act
    return NOTHING


def _never(act: Act) -> Message | None:
    del act
    return None


def doing(deed: Callable[[Act, Person], TransactionPart], then: Callable[[Act], None] = _nothing) -> Doing:
    """Where nothing has to be prepared; the person is the second one.

    `then`: what follows on disk. Blocking; what does not come to it is made up later by its owner.
    """

    @contextmanager
    def carried_out(act: Act, second: Person) -> Iterator[TransactionPart]:
        yield deed(act, second)
        then(act)

    return carried_out


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of act."""

    asked_by: Verb
    """Whoever has it may ask; who has it no more by the time of the approval has asked in vain."""
    sentence: Callable[[Arguments], Message]
    """What will be done, as the second person reads it before approving."""
    doing: Doing
    outcome: Callable[[Act], Message] = _silence
    """What there is to tell once it is done. Blocking."""
    outdated: Callable[[Act], Message | None] = _never
    """Why it cannot be approved as things are, in words that go behind "waits no longer"; None: it can."""


class Acts:
    """All kinds of acts. Its calls are blocking."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kinds: dict[str, Kind] = {}

    def register(self, name: str, kind: Kind) -> None:
        """Once, before anybody asks."""
        self._kinds[name] = kind

    def ask(self, name: str, arguments: Arguments, caller: Caller, asked_by: Verb | None = None) -> Act:
        """It waits from now on, and its leaf says under which id; what this person asked for already goes on waiting.

        `asked_by`: for whoever asks while nobody has called yet, so that no kind is registered. OrderWrong where the
        reason would show the second person something else than it is.
        """
        if not str(arguments.get("reason", "-")).isprintable():
            raise OrderWrong(
                message("approval.reason-one-line", "the reason is not one line of plain text"),
                message("approval.reason-one-line.action", "write it without line ends"),
            )
        verb = self._kinds[name].asked_by if asked_by is None else asked_by
        leaf = DoneAct(verb.value, "asked", caller.role, {"who": caller.who}, caller.ids)
        return self._store.acts.ask(name, arguments, person(caller), caller.uid, leaf)

    def listed(self) -> tuple[list[Act], list[Act]]:
        """What waits, and what waits no longer: what it was about has come to an end, or is not what it was.

        Those of a kind that is known: another version may have left others.
        """
        known = [act for act in self._store.acts.waiting() if act.verb in self._kinds]
        seen = [replace(act, ended=self._kinds[act.verb].outdated(act)) for act in known]
        ended = [act for act in self._store.acts.ended() if act.verb in self._kinds]
        return [act for act in seen if act.ended is None], [*ended, *(act for act in seen if act.ended is not None)]

    def sentence(self, act: Act) -> Message:
        return self._kinds[act.verb].sentence(act.arguments)

    def outcome(self, act: Act) -> Message:
        """Of one that is done."""
        return self._kinds[act.verb].outcome(act)

    def find(self, act_id: str) -> tuple[Act, Verb]:
        """One that waits, and the verb of whoever may ask for it. UnknownId, OrderRefused."""
        act = self._store.acts.find(act_id)
        if act.verb not in self._kinds:
            raise OrderRefused(
                message(
                    "approval.kind-unknown",
                    "{act} is of a kind ({kind}) that this version does not know",
                    act=act.id,
                    kind=act.verb,
                ),
                message("approval.kind-unknown.action", "ask again"),
            )
        return act, self._kinds[act.verb].asked_by

    def check(self, act: Act, caller: Caller) -> None:
        """Whether this person may approve it, as things are. SamePerson, OrderRefused."""
        check(act, person(caller), caller.uid)
        if (why := self._kinds[act.verb].outdated(act)) is not None:
            raise OrderRefused(
                message("approval.waits-no-longer", "{act} waits no longer: {why}", act=act.id, why=why),
                message("approval.ask-anew", "have it asked for anew"),
            )

    def approve(self, act_id: str, caller: Caller) -> Act:
        """Done, when this returns. UnknownId, SamePerson, or whatever keeps it from being done."""
        second = person(caller)
        found, _ = self.find(act_id)
        self.check(found, caller)
        with self._kinds[found.verb].doing(found, second) as deed:
            return self._store.acts.approve(act_id, second, lambda _: deed, caller.uid)


LOOSEN: Final = "loosen"
LOOK_EVERY_S: Final = 60.0
"""For ceilings that come to hold, and a database that is made anew: leaves may tell what was agreed upon."""

log = logging.getLogger("edged.access")


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
            LOOSEN,
            Kind(Verb.RELOAD, self._sentence, loosen, outdated=self._outdated),
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

    async def ask(self, by: Caller | None) -> tuple[Message, ...]:
        """After a reload: what of it waits, in words for whoever reloaded."""
        if not self.waiting or self._wished is None:
            return ()
        words = sentence(self.waiting)
        if by is None or by.login is None:
            return (
                message(
                    "approval.bound-waits-two",
                    "does not hold before two persons say so: {what}. Log in and run `edgectl reload`",
                    what=words,
                ),
            )
        arguments = {"words": words, "bounds": canonical(retention_table.approved_body(wished_by(self._wished)))}
        try:
            act = await asyncio.to_thread(self._acts.ask, LOOSEN, arguments, by)
        except StoreError as error:
            return (
                message(
                    "approval.bound-nobody-asked",
                    "does not hold, and nobody could be asked to approve it ({reason}): {what}",
                    reason=joined((error.what, error.action)),
                    what=words,
                ),
            )
        return (
            message(
                "approval.bound-waits",
                "does not hold before another person approves it (edgectl approve {act}): {what}",
                act=act.id,
                what=words,
            ),
        )

    def _sentence(self, arguments: Arguments) -> Message:
        """What waits now is told with its codes; what it was asked for is kept as text."""
        words, now = str(arguments["words"]), sentence(self.waiting)
        return now if now == words else Message(words)

    def _deed(self, act: Act, _second: Person) -> TransactionPart:
        if (why := self._outdated(act)) is not None:
            what = message("approval.waits-no-longer", "{act} waits no longer: {why}", act=act.id, why=why)
            raise OrderRefused(
                what,
                message(
                    "approval.reload-again", "run `edgectl reload`, and let another person approve what that asks for"
                ),
            )
        return self._store.agreement.granting(retention_table.parse_approved(str(act.arguments["bounds"])))

    def _outdated(self, act: Act) -> Message | None:
        wished = retention_table.parse_approved(str(act.arguments["bounds"]))
        same = self._wished is not None and wished == wished_by(self._wished)
        if same and act.arguments["words"] == sentence(self.waiting):
            return None
        return message(
            "approval.configuration-changed", "the configuration, or what holds, was changed since it was asked for"
        )

    def _tell(self, _act: Act) -> None:
        self._loop.call_soon_threadsafe(self.approved.set)
