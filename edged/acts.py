"""Acts of two persons: what there is that one person asks for and another approves (`edgectl approve`).

Each kind of act is registered once, under its verb, by the module of `edged.api` that asks for it. `storage.acts` keeps
what waits and holds that two persons are two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edged.api.base import Caller
from storage.acts import Act, Arguments, Deed, Person
from storage.errors import OrderRefused
from storage.store import Store


def person(caller: Caller) -> Person:
    """As storage knows people."""
    return Person(caller.person, caller.name)


def _nothing(act: Act) -> None:
    del act


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of act."""

    sentence: Callable[[Arguments], str]
    """What will be done, as the second person reads it before approving."""
    deed: Callable[[Act, Person], Deed]
    """What is done, in the transaction in which the act stops waiting; the person is the second one."""
    then: Callable[[Act], None] = _nothing
    """What follows on disk. Blocking; what does not come to it is made up later by its owner."""


class Acts:
    """All kinds of acts. Its calls are blocking."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kinds: dict[str, Kind] = {}

    def register(self, verb: str, kind: Kind) -> None:
        """Once, before anybody asks."""
        self._kinds[verb] = kind

    def ask(self, verb: str, arguments: Arguments, caller: Caller) -> Act:
        """It waits from now on; the answer says under which id. What this person asked for already goes on waiting."""
        who = person(caller)
        wanted = verb, dict(arguments), who
        same = (act for act in self._store.acts.waiting() if (act.verb, dict(act.arguments), act.asker) == wanted)
        return next(same, None) or self._store.acts.ask(verb, arguments, who)

    def waiting(self) -> list[Act]:
        """Those of a kind that is known: another version may have left others."""
        return [act for act in self._store.acts.waiting() if act.verb in self._kinds]

    def ended(self) -> list[Act]:
        """Likewise, what waits no longer because what it was about has come to an end."""
        return [act for act in self._store.acts.ended() if act.verb in self._kinds]

    def sentence(self, act: Act) -> str:
        return self._kinds[act.verb].sentence(act.arguments)

    def approve(self, act_id: str, caller: Caller) -> Act:
        """Done, when this returns. UnknownId, SamePerson, or whatever keeps it from being done."""
        approver = person(caller)
        kind = self._kind(self._store.acts.find(act_id))
        act = self._store.acts.approve(act_id, approver, lambda act: kind.deed(act, approver))
        kind.then(act)
        return act

    def _kind(self, act: Act) -> Kind:
        if act.verb not in self._kinds:
            raise OrderRefused(f"{act.id} is of a kind ({act.verb}) that this version does not know", "ask again")
        return self._kinds[act.verb]
