"""The office (調閱) and the clauses of a regulation, looked at every few seconds once there is something to look at.

That is a profile, a viewing copy that an earlier run left, or somebody who calls. A box without a profile has neither
an office nor clauses, and does not load what they need: a tenth of the daemon.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Final

from edged.host.loops import Loops
from edged.overview import OfficeFacts
from edged.site.rounds import SiteState
from storage.store.facade import Store
from storage.words.clock import Clock
from storage.words.errors import StoreError

if TYPE_CHECKING:
    from edged.main.office_parts import OfficeParts

OFFICE_EVERY_S: Final = 30.0
CLAUSES_EVERY_S: Final = 10.0
"""What breaks is told within a minute, and what is mended, too."""


class LateOffice:
    """Of one daemon run."""

    def __init__(self, site: SiteState, store: Store, clock: Clock) -> None:
        self._site = site
        self._store = store
        self._clock = clock
        self._loading = threading.Lock()
        self._parts: OfficeParts | None = None
        self._judge = asyncio.Event()
        self._is_clear = False
        """Nothing of a viewing that an earlier run left open lies there."""

    def parts(self) -> OfficeParts:
        """Blocks where they are not loaded yet."""
        with self._loading:
            if self._parts is None:
                from edged.main.office_parts import OfficeParts

                self._parts = OfficeParts.of(self._site, self._store, self._clock, self._judge)
            return self._parts

    async def begin(self) -> None:
        """Before the loops: where there is a profile, nothing is told before the office can tell it."""
        if self._has_profile:
            await asyncio.to_thread(self.parts)

    def start(self, loops: Loops) -> None:
        loops.every("office", OFFICE_EVERY_S, self.look_at_office, wake=self._site.recovered)
        loops.every("compliance", CLAUSES_EVERY_S, self.look_at_clauses, wake=self._judge)

    async def close(self) -> None:
        """When the loops have ended."""
        if self._parts is not None:
            await self._parts.close()

    async def look_at_office(self) -> None:
        """One round. What an earlier run laid out goes, whether there is a profile or not."""
        if self._parts is not None or self._has_profile or await asyncio.to_thread(self._is_left_over):
            parts = await asyncio.to_thread(self.parts)
            await parts.watch.poll()
        else:
            self._site.see_office(OfficeFacts())

    async def look_at_clauses(self) -> None:
        """One round."""
        if self._parts is not None or self._has_profile:
            parts = await asyncio.to_thread(self.parts)
            await parts.compliance.poll()
        else:
            self._site.compliance = None

    @property
    def _has_profile(self) -> bool:
        return self._site.config.site.profile is not None

    def _is_left_over(self) -> bool:
        """Something of a viewing copy lies there, or may; looked for until nothing does. Blocking."""
        if not self._is_clear:
            try:
                if self._store.exports.viewed() or any(self._site.config.viewings.iterdir()):
                    return True
            except FileNotFoundError:
                pass
            except StoreError:
                return False  # nobody knows yet: the next round asks again
            except OSError:
                return True
            self._is_clear = True
        return False
