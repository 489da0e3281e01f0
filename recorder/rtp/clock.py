"""RTP's 32 bits of time, unwrapped. Standard library only, pure.

A timestamp counts as the one nearest to the last: a wrap goes on, and a jump of the camera's clock, either way, stays
the jump that it is; whoever mends timestamps sees it as it came. Half the circle (2^31: 6.6 h at 90 kHz) counts as
backwards.
"""

from __future__ import annotations

from typing import Final

HEADSTART_S: Final = 10
"""A camera's word on where play begins (RTP-Info) is taken if its first packet is no further from it; many cameras name
0, or the time of another session."""


class Clock:
    """Ticks of one track. 0 is where RTP-Info says that play begins, for all tracks alike, or the first packet."""

    __slots__ = ("_origin", "_raw", "_reach", "aligned", "ticks")

    def __init__(self, rate: int) -> None:
        self._reach = rate * HEADSTART_S
        self._origin: int | None = None
        self._raw: int | None = None
        self.aligned = False
        """0 is where RTP-Info says, and the first packet was near it."""
        self.ticks = 0
        """Of the last packet."""

    @property
    def running(self) -> bool:
        return self._raw is not None

    def begin_at(self, raw: int) -> None:
        """RTP-Info's rtptime."""
        self._origin = raw & 0xFFFFFFFF

    def tell(self, raw: int) -> int:
        """Of a packet that is the newest."""
        if self._raw is None:
            self._raw = raw if self._origin is None else self._origin
            self.aligned = self._origin is not None and abs(self.at(raw)) <= self._reach
            if not self.aligned:
                self._raw = raw
        self.ticks = self.at(raw)
        self._raw = raw
        return self.ticks

    def at(self, raw: int) -> int:
        """Of a moment near the last packet."""
        if self._raw is None:
            return 0
        return self.ticks + ((raw - self._raw + 0x80000000) & 0xFFFFFFFF) - 0x80000000
