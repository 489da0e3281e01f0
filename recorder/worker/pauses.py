"""Pauses of a camera within a session: it sent no picture for a while and went on. Pure; part of S9.

Such a pause is shorter than what ends a session, and usually goes on without a key frame, so that no file can begin
after it: the segment goes on, nothing that was sent is lost, and the pause is told as a gap inside it. A network that
delays is no pause: what it held back comes in the end, and the camera's own times show that nothing is missing.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

NS_PER_S: Final = 1_000_000_000
PAUSE_NS: Final = 2 * NS_PER_S
"""Without a picture for longer is not recorded. As long as a power cut may cost (S6); cameras that lower their frame
rate at night still send one a second."""
USUAL: Final = 4
"""A camera that sends a picture every 3 s on purpose does not pause between them: so many times its usual interval."""
REMEMBERED: Final = 16
"""Intervals from which the usual one is taken: one pause among them changes nothing."""
SETTLE_NS: Final = 5 * NS_PER_S
"""When nothing that was held back came in for so long, nothing was: the camera did not count while it paused."""
PROGRESS_NS: Final = NS_PER_S // 10
"""What comes in of it is at least this much, whatever the jitter."""
DRIFT: Final = 10_000
"""The smallest lag rises by one part in so many: 100 ppm, a poor crystal."""


class Pause(NamedTuple):
    """No picture was taken in between, in CLOCK_BOOTTIME."""

    start_ns: int
    end_ns: int


class PauseDetection:
    """Tell it of every picture as it arrives; media times are those that `recorder.worker.timestamp_repair` mended."""

    __slots__ = ("_arrival_ns", "_behind", "_doubt", "_lag_ns", "_media_ns", "_steps")

    def __init__(self) -> None:
        self._media_ns: int | None = None
        """The latest showing time so far."""
        self._arrival_ns = 0
        self._lag_ns = 0
        """Arrival less media time, at its smallest."""
        self._steps: deque[int] = deque(maxlen=REMEMBERED)
        self._doubt: Pause | None = None
        """Nothing arrived in between, and by its times nothing is missing."""
        self._behind = (0, 0)
        """The smallest lag since then, and when it last became smaller."""

    def picture(self, media_ns: int, arrival_ns: int, *, jumped: bool = False) -> Pause | None:
        """The pause that this picture shows, or proves, to have been. `jumped`: the camera's clock did, before it."""
        last_ns, last_arrival_ns = self._media_ns, self._arrival_ns
        self._arrival_ns = arrival_ns
        lag_ns = arrival_ns - media_ns
        if jumped:
            return self._across(media_ns, lag_ns, Pause(last_arrival_ns, arrival_ns))
        if last_ns is None:
            self._media_ns, self._lag_ns = media_ns, lag_ns
            return None
        step_ns, wait_ns = media_ns - last_ns, arrival_ns - last_arrival_ns
        self._lag_ns = min(lag_ns, self._lag_ns + max(0, wait_ns) // DRIFT)
        found = None
        if (step_ns > PAUSE_NS or wait_ns > PAUSE_NS) and self._steps:
            usual_ns = sorted(self._steps)[(len(self._steps) - 1) // 2]
            if step_ns > max(PAUSE_NS, USUAL * usual_ns):
                found = Pause(last_ns + usual_ns + self._lag_ns, media_ns + self._lag_ns)
            elif wait_ns > max(PAUSE_NS, USUAL * usual_ns):
                self._doubt = Pause(last_arrival_ns + usual_ns, arrival_ns)
                self._behind = (lag_ns, arrival_ns)
        if step_ns > 0:
            self._steps.append(step_ns)
            self._media_ns = media_ns
        return found or self._resolve(lag_ns, arrival_ns)

    def _across(self, media_ns: int, lag_ns: int, waited: Pause) -> Pause | None:
        """Before a jump and after it the times are of two clocks: only that nothing arrived tells of a pause."""
        found, self._doubt = self._doubt, None
        if self._steps:
            usual_ns = sorted(self._steps)[(len(self._steps) - 1) // 2]
            if waited.end_ns - waited.start_ns > max(PAUSE_NS, USUAL * usual_ns):
                found = Pause(waited.start_ns + usual_ns, waited.end_ns)
        self._media_ns, self._lag_ns = media_ns, lag_ns
        return found

    def _resolve(self, lag_ns: int, arrival_ns: int) -> Pause | None:
        """What was held back has come, or never will: then the camera's clock stood while it paused."""
        doubt = self._doubt
        if doubt is None:
            return None
        if lag_ns - self._lag_ns < PAUSE_NS // 2:
            self._doubt = None
            return None
        smallest_ns, since_ns = self._behind
        if lag_ns < smallest_ns - PROGRESS_NS:
            self._behind = (lag_ns, arrival_ns)
            return None
        if arrival_ns - since_ns < SETTLE_NS:
            return None
        self._doubt = None
        self._lag_ns = lag_ns
        return doubt
