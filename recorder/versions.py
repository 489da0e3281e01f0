"""Which libav this is, for `edgectl version`. Imports av."""

from __future__ import annotations

import av


def av_version() -> str:
    return av.__version__


def ffmpeg_version() -> str:
    """Of the libraries in use, e.g. "8.1"."""
    return str(av.ffmpeg_version_info)
