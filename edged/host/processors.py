"""How busy the processors of this box are, whoever uses them (proc_stat(5))."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Final

STAT: Final = Path("/proc/stat")
WINDOW: Final = 13
"""Samples: a minute, at one each five seconds."""
_IDLE: Final = (3, 4)
"""Fields of the first line: idle, and waiting for a disk."""
_COUNTED: Final = 8
"""Fields that add up to all time; guests are counted in the first of them."""


class BusyMeter:
    """Tell it now and then; it says of the last minute."""

    def __init__(self, path: Path = STAT) -> None:
        self._path = path
        self._samples: deque[tuple[int, int]] = deque(maxlen=WINDOW)

    def sample(self) -> float | None:
        """Share of all processors that was used since the oldest sample, 0 to 1; None where the kernel does not say."""
        try:
            words = self._path.read_text("ascii").split("\n", 1)[0].split()[1 : 1 + _COUNTED]
            times = [int(word) for word in words]
            idle, total = sum(times[field] for field in _IDLE), sum(times)
        except (OSError, ValueError, IndexError):
            return None
        self._samples.append((idle, total))
        (first_idle, first_total) = self._samples[0]
        passed = total - first_total
        return None if passed <= 0 else min(1.0, max(0.0, 1 - (idle - first_idle) / passed))
