"""A new generation of the ledger as an act of two persons: replacing the key that signs is the strongest act there is.

Whoever asks sees what the second person reads: whose key goes on signing, and what is given up. If key or centre say
something else by the time of the approval, it has to be asked for anew. Meanwhile recording goes on, heads stay
unsigned where there is no key, and the alarm that led here stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from edged.access.acts import Acts, Kind
from edged.access.callers import Caller
from edged.documents import ledger as documents
from edged.words.roles import Verb
from storage.approvals.service import Act, Arguments, Person
from storage.database.writer import TransactionPart
from storage.ledger.key_rotation import RotationOrder, RotationTerms
from storage.ledger.note import Checkpoint, Verifier
from storage.store.facade import Store

RENEW: Final = "ledger-renew"


def ask(store: Store, acts: Acts, wanted: documents.RenewAsked, caller: Caller) -> Act:
    """It waits from now on. Blocking; OrderRefused."""
    return acts.ask(RENEW, _arguments(store.books.terms(new_key=wanted.new_key), wanted.reason), caller)


def kind(store: Store) -> Kind:
    """As it is registered."""

    @contextmanager
    def doing(act: Act, second: Person) -> Iterator[TransactionPart]:
        who = f"{act.asker.name}, {second.name}"
        with store.books.renewing(RotationOrder(who, str(act.arguments["reason"]), _terms(act.arguments))) as turn:
            yield turn

    def outcome(act: Act) -> str:
        present = store.books.leaves.covered()[-1]
        begun = f"Generation {present.generation.origin} of the ledger begins."
        unsigned = "" if present.generation.size else " It is not signed yet: edgectl alarms."
        verifier = present.generation.verifier
        if verifier is None:
            return f"{begun}{unsigned}"
        if act.arguments["key"]:
            return f"{begun}{unsigned} The key stays the same: {verifier.fingerprint}."
        publish = "Publish this fingerprint where the old one stands; the old one still counts for what it signed"
        return f"{begun}{unsigned} The box has a new key: {verifier.fingerprint}. {publish}."

    return Kind(Verb.LEDGER_RENEW, sentence, doing, outcome)


def sentence(arguments: Arguments) -> str:
    """As the second person reads it."""
    terms = _terms(arguments)
    if terms.public is None:
        key = "a new key, which this box makes"
    else:
        key = f"the same key as now ({Verifier('edged', terms.public).fingerprint})"
    against = terms.contradicted
    lost = "" if against is None else f", giving up what the centre holds of {against.origin} ({against.size} leaves)"
    return f"begin a new generation of the ledger, signed with {key}{lost}: {arguments['reason']}"


def _arguments(terms: RotationTerms, reason: str) -> Arguments:
    against = terms.contradicted
    head = "" if against is None else f"{against.origin} {against.size} {against.root.hex()}"
    return {"key": "" if terms.public is None else terms.public.hex(), "against": head, "reason": reason}


def _terms(arguments: Arguments) -> RotationTerms:
    key, against = bytes.fromhex(str(arguments["key"])), None
    if arguments["against"]:
        origin, size, root = str(arguments["against"]).rsplit(" ", 2)
        against = Checkpoint(origin, int(size), bytes.fromhex(root))
    return RotationTerms(key or None, against)
