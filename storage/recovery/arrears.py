"""What an earlier version recorded gets its leaves, behind running recording and paced. Blocking, in a borrowed thread.

Until that is done, a lost database costs what every file costs that has no leaf: it is opened, and is `unproven`.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Final

from storage.database.writer import Database
from storage.recovery import arrears_table
from storage.words.clock import Clock

PAGE: Final = 128
"""Leaves in one transaction: 10 ms, which no commit of recording waits for longer than."""
REST: Final = 4.0
"""Rests for so many times as long as it worked: 600,000 segments, a month of 64 cameras, take some minutes."""
ROUND_S: Final = 5.0
"""Then others have their turn: a volume that came back waits no longer than this."""


def round_of(database: Database, clock: Clock, stop: threading.Event) -> bool:
    """Enter some of what is left; False when nothing is."""
    began = time.monotonic()
    while database.read(arrears_table.left):
        page = time.monotonic()
        entering = partial(arrears_table.enter_page, wall_ms=clock.now().wall_ms, limit=PAGE)
        database.submit(entering, yielding=True).result()
        if stop.wait((time.monotonic() - page) * REST) or time.monotonic() - began > ROUND_S:
            return True
    return False
