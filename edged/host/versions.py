"""Which versions run here: edged's, and those of what it stands on, told by what is installed.

libav is never loaded for that: it and numpy would cost the daemon 17 MB for a line of text.
"""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import files, version
from importlib.util import find_spec
from typing import Final, Literal

from storage.database.readers import sqlite_version

_FFMPEG: Final = re.compile(rb"FFmpeg version ([!-~]+)\0")
"""libavutil carries this text so that a binary can be told what it is (av_util_ffversion)."""
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Versions:
    version: str
    """Of edged."""
    python: str
    av: str
    ffmpeg: str
    sqlite: str


def av_version() -> str:
    """Of PyAV."""
    return version("av")


@cache
def ffmpeg_version() -> str:
    """Of the libraries in av's wheel, e.g. "8.1.2"; "unknown" for an av that was built against others."""
    for file in files("av") or ():
        if file.name.startswith("libavutil"):
            found = _FFMPEG.search(file.read_binary())
            if found is not None:
                return found[1].decode("ascii")
    return UNKNOWN


def reader() -> Literal["compiled", "interpreted"]:
    """What records cameras here: the same program either way, at another cost (setup.py)."""
    found = find_spec("recorder.mp4")
    return "compiled" if found is not None and (found.origin or "").endswith(".so") else "interpreted"


def versions() -> Versions:
    """Asks the libraries themselves; `ffmpeg` is the one inside av's wheel."""
    return Versions(
        version=version("edged"),
        python=platform.python_version(),
        av=av_version(),
        ffmpeg=ffmpeg_version(),
        sqlite=sqlite_version(),
    )
