"""The reports of one session: what of them is kept, and what of them is worth a line in the journal. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

from recorder.words.messages import Stats

SAMPLES_MS: Final = 60_000
"""How far back samples go: enough for a frame rate and for the 30 s of "degraded"."""
MAX_SAMPLES: Final = 128
"""A report a second for `SAMPLES_MS`, twice over."""
REMARK_MS: Final = 60_000
"""How often it is said that packets were mended or lost: a bad network does it all day."""
BEHIND_BYTES: Final = 16 << 20
"""A quarter of what may wait for the disk before its segment is given up."""


class Reports:
    """Begins anew with each session."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, Stats]] = deque(maxlen=MAX_SAMPLES)
        self._repaired = self._dropped = self._lost = 0
        self._remarked_ms: int | None = None

    @property
    def samples(self) -> tuple[tuple[int, Stats], ...]:
        """With the boottime at which they were true, oldest first."""
        return tuple(self._samples)

    def take(self, stats: Stats, now_ms: int) -> str:
        """Keep a report; what to remark upon, "" for nothing.

        It counts for when the worker made it: after we hung, many are heard at one instant. What a worker says of time
        is believed only where it can be.
        """
        last_ms = self._samples[-1][0] if self._samples else 0
        at_ms = max(last_ms, min(stats.boottime_ms or now_ms, now_ms))
        self._samples.append((at_ms, stats))
        while self._samples[0][0] < at_ms - SAMPLES_MS:
            self._samples.popleft()
        if self._remarked_ms is not None and now_ms - self._remarked_ms < REMARK_MS:
            return ""
        remarks = []
        if stats.repaired > self._repaired:
            remarks.append(f"timestamps of {stats.repaired - self._repaired} packets were mended")
        if stats.dropped > self._dropped:
            remarks.append(f"{stats.dropped - self._dropped} packets could not be kept")
        if stats.lost_packets > self._lost:
            remarks.append(f"{stats.lost_packets - self._lost} packets never arrived")
        if stats.queued_bytes > BEHIND_BYTES:
            remarks.append(f"{stats.queued_bytes >> 20} MiB wait for the disk")
        if remarks:
            self._remarked_ms = now_ms
            self._repaired, self._dropped, self._lost = stats.repaired, stats.dropped, stats.lost_packets
        return ", ".join(remarks)
