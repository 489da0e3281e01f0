"""A camera in a process of its own, for what it does to be nobody else's load: in the thread of all cameras it would be
all theirs.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final, Self

from tests.support import footage
from tests.support.fault_camera import FaultCamera, Faults
from tests.support.footage import SMALL

ROOT: Final = Path(__file__).parents[3]


class FloodingCamera:
    """Context manager. Some seconds as it should, then as fast as it is taken."""

    account = None

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        footage.clip(SMALL)  # encoded here, if nobody did before
        command = [sys.executable, "-m", __name__, str(self._after_s)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


if __name__ == "__main__":
    with FaultCamera(footage.clip(SMALL), faults=Faults(flood_after_s=float(sys.argv[1]))) as camera:
        sys.stdout.write(f"{camera.url}\n")
        sys.stdout.flush()
        sys.stdin.read()  # until whoever asked for it is gone
