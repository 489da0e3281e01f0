"""A new generation of the ledger, begun as two persons begin it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from storage.ledger.key import KeyRotation, RotationOrder
from storage.store.facade import Store
from tests.support.people import CHEN, LIN, ctl_by


def renew(store: Store, who: str = "chen, lin", why: str = "a test", *, new_key: bool = False) -> KeyRotation:
    """Asked for and approved at once."""
    with store.ledger.renewing(RotationOrder(who, why, store.ledger.terms(new_key=new_key))) as turn:
        return store._database.submit(turn).result()


def renew_by_two(config: Path, reason: str, *more: str) -> Any:
    """With `edgectl`, by two who logged in; what the second one is told."""
    code, asked = ctl_by(CHEN, config, "ledger", "renew", "--reason", reason, *more)
    assert code == 0, asked
    code, done = ctl_by(LIN, config, "approve", asked["act"]["id"])
    assert code == 0, done
    return done
