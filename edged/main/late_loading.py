"""What people and regulations ask of the box is loaded when somebody does: office (調閱), clauses, exports, calls.

That is a profile, a viewing copy that an earlier run left, or a connection to the control socket. A box that only
records does without, which is a third of the daemon. With a profile nothing is late: all of it is there before anything
is judged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from edged.api.listening import Answering
from edged.host.loops import Loops
from edged.site.rounds import SiteState
from storage.store.facade import Store
from storage.words.errors import StoreError

if TYPE_CHECKING:
    from edged.main.office_and_calls import OfficeAndCalls

LOOK_EVERY_S: Final = 10.0
"""How soon a profile that came with SIGHUP is judged, and what could not be loaded is tried again."""


class LateLoading:
    """Of one daemon run."""

    def __init__(self, site: SiteState, store: Store, load: Callable[[], OfficeAndCalls]) -> None:
        """`load` blocks, and is called on a thread; again, if it failed."""
        self._site = site
        self._store = store
        self._load = load
        self._turn = asyncio.Lock()
        self._loaded: OfficeAndCalls | None = None
        self._loops: Loops
        self._is_clear = False
        """Nothing of a viewing that an earlier run left open lies there."""

    def start(self, loops: Loops) -> None:
        """The first round of "late loading" ends when what is needed from the start is there, or has failed."""
        self._loops = loops
        loops.every("late loading", LOOK_EVERY_S, self.look)

    async def close(self) -> None:
        """When the loops have ended, and nobody can connect."""
        if self._loaded is not None:
            await self._loaded.close()

    async def loaded(self) -> OfficeAndCalls:
        """Raises what keeps it from being loaded."""
        async with self._turn:
            if self._loaded is None:
                loaded = await asyncio.to_thread(self._load)
                loaded.start(self._loops)
                self._loaded = loaded
            return self._loaded

    async def answering(self) -> Answering:
        """For the control socket; raises as `loaded`."""
        return await (await self.loaded()).control.runner()

    async def look(self) -> None:
        """One round: what is needed is loaded."""
        if self._loaded is not None:
            return
        has_profile = self._site.config.site.profile is not None
        if has_profile or (not self._is_clear and await asyncio.to_thread(self._is_left_over)):
            await self.loaded()

    def _is_left_over(self) -> bool:
        """Something of a viewing copy lies there, or may; looked for until nothing does. Blocking."""
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
