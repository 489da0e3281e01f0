"""That a later tree begins with an earlier one, for whoever kept the heads of both. Functions over a connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from storage.ledger import generations, nodes, tree
from storage.ledger.nodes import LeafMissing
from storage.ledger.tree import Hash
from storage.words.errors import OrderRefused, OrderWrong, UnknownId


@dataclass(frozen=True, slots=True)
class Consistency:
    """RFC 6962, section 2.1.2."""

    origin: str
    first_size: int
    first_root: Hash
    second_size: int
    second_root: Hash
    path: Sequence[Hash]


def consistency(connection: sqlite3.Connection, origin: str | None, first: int, second: int) -> Consistency:
    """Between trees of `first` and `second` leaves of one generation; None: of the present one.

    No larger than its last signed head. OrderWrong, UnknownId, OrderRefused.
    """
    known = generations.every(connection)
    found = next((one for one in reversed(known) if origin in (None, one.origin)), None)
    if found is None:
        raise UnknownId(f"this box has no ledger {origin}", "up/ledger/checkpoint names the present one")
    if not 0 < first <= second <= found.size:
        what = f"{first} and {second} are no sizes of {found.origin}: its last signed head covers {found.size} leaves"
        raise OrderWrong(what, "give two sizes, the smaller one first")
    below = nodes.read(connection, found)
    try:
        path = tree.consistency(below, first, second)
        return Consistency(found.origin, first, tree.root(below, first), second, tree.root(below, second), path)
    except LeafMissing as missing:
        raise OrderRefused(f"{found.origin} cannot be proven: {missing}", "see edgectl ledger verify") from None
