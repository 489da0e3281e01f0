"""Is a file playable: decodes it from end to end, as a player would, and counts what comes out.

Imports av and nothing of ours. For the demonstration and for checks; nothing that records calls it.
"""

from __future__ import annotations

from pathlib import Path

import av
from av.error import FFmpegError


class UnplayableError(Exception):
    """The file does not decode to its end; the message is libav's reason."""


def check_file(path: Path) -> int:
    """How many video frames the file decodes to. Whatever a player would paper over is an error here."""
    frames = 0
    try:
        with av.open(str(path)) as container:
            for stream in container.streams.video + container.streams.audio:
                stream.codec_context.options = {"err_detect": "explode"}
            for packet in container.demux():
                decoded = packet.decode()
                frames += len(decoded) if packet.stream.type == "video" else 0
    except FFmpegError as error:
        raise UnplayableError(f"{path.name}: {error.strerror}") from None
    if not frames:
        raise UnplayableError(f"{path.name}: not one picture in it")
    return frames
