"""The ways in which the project's own camera misbehaves. None by default; they may be changed while it runs.

`…_s` counts from PLAY of each session: a camera that drops its clients after 5 s does so again and again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.support.clips import Clip

NEVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Time:
    """Timestamps that lie: from `from_s` on they run `factor` times as fast, after one jump."""

    from_s: float = 0.0
    factor: float = 1.0
    jump_s: float = 0.0
    jump_ticks: int = 0
    """The same jump of all tracks in ticks of each, e.g. 2³¹."""

    def ticks(self, ticks: int, rate: int) -> int:
        begin = round(self.from_s * rate)
        if ticks < begin:
            return ticks
        return begin + round((ticks - begin) * self.factor) + round(self.jump_s * rate) + self.jump_ticks


TRUE_TIME: Final = Time()


@dataclass(frozen=True, slots=True)
class Faults:
    # Of the conversation
    silent_to: frozenset[str] = frozenset()
    """Reads requests of these methods and never answers; "*" is every method."""
    refuse: int = 0
    """Answers DESCRIBE with this status, whoever asks: 401, 404, 453."""
    redirect: tuple[int, str] | None = None
    """Answers DESCRIBE with 301 or 302 and this address."""
    babble: bool = False
    """Random bytes instead of answers."""
    byte_a_second: bool = False
    """All it says, answers included, comes one byte a second."""
    forgets_after_s: float = NEVER
    """Ends a session that asked for nothing for so long: whoever does not keep it alive loses it."""

    # Of the connection
    close_after_s: float | None = None
    """Closes the connection."""
    stall_after_frames: int | None = None
    """Sends no more media, but keeps the connection and answers requests."""
    stall_mid_frame: bool = False
    """With `stall_after_frames`: half of the next frame still comes."""
    creep_after_s: float = NEVER
    """Media come one byte a second from then on."""
    flood_after_s: float = NEVER
    """Frames come as fast as they are taken."""
    noise_after_s: float = NEVER
    """Random bytes where interleaved packets and answers should be."""

    # Of the media
    random_payload_after_s: float = NEVER
    """RTP headers as they should be, random bytes behind them; such frames are not logged as sent."""
    time: Time = TRUE_TIME
    no_keys_from_s: float = NEVER
    """Key frames are left out."""
    switch_after_s: float = NEVER
    """From the next key frame on the pictures are those of `switch_to`: another size, other parameter sets."""
    switch_to: Clip | None = None
    sound_from_s: float = 0.0
    """Sound is promised, but begins then; `NEVER` is never."""
    sound_until_s: float = NEVER
    ntp_step_s: float = 0.0
    """The camera's clock is wrong by this from `ntp_step_after_s` on; RTP runs on."""
    ntp_step_after_s: float = 0.0
    lost_packets: float = 0.0
    """Share of UDP packets that never arrive."""
    swapped_packets: float = 0.0
    """Share of UDP packets that arrive after their successor."""


HEALTHY: Final = Faults()
SILENT: Final = Faults(silent_to=frozenset({"*"}))
