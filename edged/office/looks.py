"""What may be looked at without a request, because a text allows it: maintenance, repair, inspection, audit.

J7, W3: 維護, 維修 and 巡檢 need the live picture, and a moment of what was recorded to see that it was. P15: an audit
looks at hashes, and at what the auditor names, in company. A citizen's question that nobody shows him (W9) is a request
of its own row.

What may be shown is decided by functions of values. `Looks` lays it out as a viewing copy, for a quarter of an hour.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edged.office.request import Hand, Scope, Unfit
from edged.office.viewing_copies import Progress, ViewingCopies, ViewingCopy
from storage.exports.model import OfficeRequest
from storage.words.clock import Clock
from storage.words.message import Message, message

MOMENT_MS: Final = 60_000
"""Of each camera, in a day."""
RECENT_MS: Final = 86_400_000
OPEN_MS: Final = 15 * 60_000
"""So long it may be looked at, in running time."""


class Purpose(StrEnum):
    MAINTENANCE = "maintenance"
    REPAIR = "repair"
    INSPECTION = "inspection"
    AUDIT = "audit"


NAMES: Final[Mapping[Purpose, Message]] = {
    Purpose.MAINTENANCE: message("office.look.maintenance", "maintenance"),
    Purpose.REPAIR: message("office.look.repair", "repair"),
    Purpose.INSPECTION: message("office.look.inspection", "inspection"),
    Purpose.AUDIT: message("office.look.audit", "audit"),
}


def refuse_live(purpose: Purpose) -> None:
    """Unfit: this purpose has no live picture."""
    if purpose is Purpose.AUDIT:
        raise Unfit(message("office.look.no-live", "an audit looks at what was recorded, and not at the live picture"))


def refuse_recorded(
    purpose: Purpose,
    scope: Scope,
    now_ms: int,
    seen_ms: Mapping[str, int],
    operator: int,
    companion: Hand | None,
) -> None:
    """Unfit: so much of it may not be looked at.

    `seen_ms`: of each camera, what was shown in the last 24 h, whatever for, audits aside. `companion`: who else is
    there.
    """
    if not scope:
        raise Unfit(message("office.look.nothing", "say which cameras and which time"))
    if purpose is Purpose.AUDIT:
        if companion is None or companion.person == operator:
            raise Unfit(
                message("office.look.alone", "what an auditor names is looked at in company: name who is there")
            )
        return
    for camera in sorted({one.camera for one in scope}):
        parts = [one for one in scope if one.camera == camera]
        if any(one.from_ms < now_ms - RECENT_MS or one.to_ms > now_ms for one in parts):
            raise Unfit(
                message(
                    "office.look.old",
                    "for {purpose} only what was recorded in the last 24 hours is looked at; else it takes a request",
                    purpose=NAMES[purpose],
                )
            )
        if sum(one.to_ms - one.from_ms for one in parts) + seen_ms.get(camera, 0) > MOMENT_MS:
            raise Unfit(
                message(
                    "office.look.long",
                    "without one at most a minute a day of camera {camera} is looked at; more takes a request",
                    camera=camera,
                )
            )


@dataclass(frozen=True, slots=True)
class _Shown:
    """Of one camera, and when: running time."""

    purpose: Purpose
    camera: str
    lasted_ms: int
    at_ms: int


class Looks:
    """Of one daemon run: what was shown before it is on record, and counts no more. Blocking and thread-safe."""

    def __init__(self, copies: ViewingCopies, clock: Clock) -> None:
        self._copies = copies
        self._clock = clock
        self._lock = threading.Lock()
        self._shown: list[_Shown] = []
        self._open: dict[int, tuple[str, int]] = {}
        """By account: the name of what lies there, and until when."""
        self._number = 0

    def check(self, purpose: Purpose, scope: Scope, account: int, operator: int, companion: Hand | None) -> None:
        """Unfit: it may not be looked at now."""
        now = self._clock.now()
        with self._lock:
            if account in self._open:
                raise Unfit(
                    message("office.look.still-open", "what you looked at before still lies there: edgectl look --end")
                )
            since_ms = now.boottime_ms - RECENT_MS
            self._shown = [one for one in self._shown if one.at_ms > since_ms]
            seen_ms: dict[str, int] = {}
            for one in self._shown:
                if one.purpose is not Purpose.AUDIT:
                    seen_ms[one.camera] = seen_ms.get(one.camera, 0) + one.lasted_ms
        refuse_recorded(purpose, scope, now.wall_ms, seen_ms, operator, companion)

    def lay(
        self, purpose: Purpose, scope: Scope, account: int, progress: Progress, gone: threading.Event
    ) -> tuple[ViewingCopy, int]:
        """What lies there, and how long, ms. As `ViewingCopies.lay`."""
        at_ms = self._clock.now().boottime_ms
        with self._lock:
            self._number += 1
            name = f"look-{self._number}"
            self._open[account] = name, at_ms + OPEN_MS
            self._shown += [_Shown(purpose, one.camera, one.to_ms - one.from_ms, at_ms) for one in scope]
        try:
            return self._copies.lay(OfficeRequest(name, purpose.value), scope, account, progress, gone), OPEN_MS
        except BaseException:
            with self._lock:
                del self._open[account]
            raise

    def end(self, account: int) -> None:
        """Nothing of it lies there any more, or what does is among the troubles of viewing copies."""
        with self._lock:
            name, _ = self._open.pop(account, ("", 0))
        if name:
            self._copies.remove(name)

    def maintain(self) -> None:
        """What lay there for long enough goes."""
        now_ms = self._clock.now().boottime_ms
        for account in [*self._over(now_ms)]:
            self.end(account)

    def _over(self, now_ms: int) -> Iterator[int]:
        with self._lock:
            known = dict(self._open)
        return (account for account, (_, until_ms) in known.items() if until_ms <= now_ms)
