"""Which libav the workers use, for `edgectl version`: told by what is installed, because the daemon never loads it.

Imports the standard library only: libav and numpy would cost the daemon 17 MB for a line of text.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import files, version
from typing import Final

_FFMPEG: Final = re.compile(rb"FFmpeg version ([!-~]+)\0")
"""libavutil carries this text so that a binary can be told what it is (av_util_ffversion)."""
UNKNOWN: Final = "unknown"


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
