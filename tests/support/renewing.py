"""A new generation of the ledger, begun as two persons begin it."""

from __future__ import annotations

import json
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
    asked = ctl_by(CHEN, config, "ledger", "renew", "--reason", reason, *more, "--json")
    assert asked.returncode == 0, asked
    done = ctl_by(LIN, config, "approve", json.loads(asked.stdout)["act"]["id"], "--json")
    assert done.returncode == 0, done
    return json.loads(done.stdout)
