"""Damage: whether what a camera sends can still be believed. Standard library only, pure.

A NAL unit whose forbidden bit is set was damaged and costs its picture. Who soon sends another sends more that cannot
be told: from then on nothing is believed, parameter sets included, until a key frame whose units all make sense comes
after a row of whole ones.
"""

from __future__ import annotations

from typing import Final

AGAIN_UNITS: Final = 64
"""After a damaged NAL unit so many whole ones make the next damage the first one again."""
WHOLE_UNITS: Final = 16
"""So many whole ones in a row are wanted before a key frame is believed: of random bytes each second is damaged."""


class Doubt:
    """Told of every NAL unit of a track."""

    __slots__ = ("_whole", "active")

    def __init__(self) -> None:
        self._whole = AGAIN_UNITS
        self.active = False

    @property
    def may_end(self) -> bool:
        """A key frame that makes sense would be believed."""
        return self._whole >= WHOLE_UNITS

    def hear(self, *, damaged: bool) -> None:
        if damaged:
            self.active |= self._whole < AGAIN_UNITS
            self._whole = 0
        else:
            self._whole += 1

    def end(self) -> None:
        self.active = False
