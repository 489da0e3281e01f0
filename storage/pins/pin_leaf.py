"""A leaf of kind `pin`, declared once: what became of a pin, without anything that tells of people. Pure.

The writer makes the body of it (`storage.pins.table`), the rebuild puts the row back by it (`storage.pins.queries`),
and the check holds the row against it (`storage.audit.ledger_state`).
"""

from __future__ import annotations

import msgspec

from storage.ages.leaves import LeafPlace, Whole


class PinLeaf(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is held, and for how long; what only a sidecar knows is in none."""

    what: str
    pin: str
    state: str
    version: Whole
    placed: LeafPlace
    cameras: tuple[str, ...]
    first_ms: Whole = msgspec.field(name="from")
    last_ms: Whole = msgspec.field(name="to")
    ground: str
    span_ms: Whole
    segments: Whole | None = None
    signed: bool | None = None
    """By this box, where a sidecar without a row was found."""

    @property
    def lasts(self) -> bool:
        return self.state in ("provisional", "approved")
