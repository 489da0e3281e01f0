"""Processes of which one camera has a second disk: what it writes goes there, too, and waits if that hangs."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final

from recorder.worker import group, process
from storage.segments.segment_file import SegmentFile

CAMERA: Final = "HUNG_CAMERA"
DISK: Final = "HUNG_DISK"
"""Of the environment."""


def _prepare() -> None:
    write = SegmentFile.write

    def both(file: SegmentFile, data: bytes | bytearray | memoryview) -> int:
        if os.environ[CAMERA] in file.path.parts:
            Path(os.environ[DISK], "other").write_bytes(b"x")
        return write(file, data)

    SegmentFile.write = both  # type: ignore[assignment,method-assign]


def together(sock: socket.socket) -> None:
    _prepare()
    group.main(sock)


def alone(sock: socket.socket) -> None:
    _prepare()
    process.main(sock)
