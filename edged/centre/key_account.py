"""A key of the centre as somebody who acts: it places pins and asks for acts as people with accounts do.

A key is one person to those who count two: whoever else approves is another one, and a key approves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from edged.access.callers import Caller, Details, MayAsk
from edged.words.roles import Verb
from mqtt.commands import messages as commands
from mqtt.commands.validation import Commander, Commanders
from storage.pins.rules import KEYS_FIRST
from storage.tickets.commands import ROLE

NUMBER_BYTES: Final = 6
"""Of its fingerprint; what comes of it is a whole number that every reader of JSON takes exactly."""


def number(commander: Commander) -> int:
    """In place of the number of an account; no account has it."""
    return KEYS_FIRST + int(commander.key_id[: 2 * NUMBER_BYTES], 16)


def caller(commander: Commander, ids: Details) -> Caller:
    """For what asks who acts. Its signature vouches for it, as a login does for a person."""
    own = number(commander)
    return Caller(own, own, commander.name, commander.name, ROLE, ids)


def or_key(may: MayAsk, keys: Callable[[], Commanders]) -> MayAsk:
    """Whether an account, or a key of the centre, may still ask for what it asked for."""

    async def may_ask(uid: int, verb: Verb) -> bool:
        if uid < KEYS_FIRST:
            return await may(uid, verb)
        known = (one for one in keys().values() if number(one) == uid)
        return verb is Verb.PIN_EXTEND and any(commands.Verb.PIN in one.verbs for one in known)

    return may_ask
