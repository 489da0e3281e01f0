"""Some cameras and both who record them, at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.contenders import Cameras, Edged, Ffmpeg, wait_for


class Phase:
    """Both record some cameras."""

    def __init__(self, folder: Path, state: Path, count: int, segment_s: int) -> None:
        self.count = count
        self.load = Cameras(state, count)
        self.edged = Edged(folder / "edged", self.load, count, segment_s)
        self.ffmpeg = Ffmpeg(folder / "ffmpeg", self.load, count, segment_s)
        self.sent: list[dict[str, Any]] = []
        """Whom edged's sessions with the cameras were sent what."""
        self.unexplained_s = 0.0
        self.gaps = 0
        for place in (self.edged.folder, self.ffmpeg.folder):
            place.mkdir(parents=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        """While both record all cameras. Afterwards `sent`, `unexplained_s` and `gaps` tell how it was."""
        with self.load:
            try:
                self.edged.start()
                self.ffmpeg.start()
                wait_for("all cameras are recorded by both", lambda: self.edged.ready() and self.ffmpeg.ready())
                yield
                self.unexplained_s = sum(seen["unexplained_s"] for seen in self.edged.ask("cameras")["cameras"])
                self.gaps = len(self.edged.ask("gaps")["gaps"])
            finally:
                self.edged.stop()
                self.ffmpeg.stop()
            self.sent = self.load.sessions("edged")
