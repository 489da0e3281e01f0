"""What holds at this instant: ages, bounds of each camera, whether floors give way. One answer for everybody who asks.

Functions over a connection. The sweep asks when it plans and again in the transaction that condemns; `retention
--explain`, the documents and the alarms ask here as well, so that what people are told is what will be done.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from storage.ages.history import History
from storage.ages.runs import Point
from storage.ages.table import boots
from storage.retention import table as terms
from storage.retention.bounds import CameraBounds, OverwriteState, in_force, overwriting
from storage.retention.plan import Policy
from storage.words.clock import Clock
from storage.words.model import Bounds


@dataclass(frozen=True, slots=True)
class InForce:
    """As of `now`."""

    now: Point
    ages: History
    standings: Mapping[str, CameraBounds] = field(default_factory=dict)
    overwriting: OverwriteState = field(default_factory=OverwriteState)

    @property
    def bounds(self) -> dict[str, Bounds]:
        """Of the cameras that are configured, as `storage.retention.plan` wants them."""
        return {camera: one.bounds for camera, one in self.standings.items() if one.bounds is not None}

    @property
    def low_age_ms(self) -> Callable[[Point], int]:
        """Since a point, at the least."""
        return lambda point: self.ages.age(point.boot, point.boottime_ms).low_ms


def present(connection: sqlite3.Connection, boot: int, clock: Clock, policy: Policy) -> InForce:
    """Under what is configured now."""
    now = Point.of(boot, clock.now())
    bare = InForce(now, History(boots(connection), now.boot, now.boottime_ms, clock.lead_us()))
    return replace(
        bare,
        standings=in_force(terms.histories(connection), policy.bounds, bare.low_age_ms),
        overwriting=overwriting(terms.switch(connection), policy.overwrite, bare.low_age_ms),
    )
