"""Parameter sets (SPS, PPS, VPS) in the bitstream of a key frame. Pure; bytes in, bytes out.

A camera whose settings are changed goes on in the same session with other parameter sets in its key frames. A file's
header holds one set, so that is where a new segment must begin.
"""

from __future__ import annotations

from typing import Final

HEAD_BYTES: Final = 4096
"""Parameter sets stand in front of the picture; with the delimiters and SEI before them they need under 1 KiB."""
_START: Final = b"\x00\x00\x01"
_H264: Final = frozenset({7, 8})
_HEVC: Final = frozenset({32, 33, 34})


def parameter_sets(codec: str, head: bytes) -> bytes:
    """The parameter sets at the beginning of an Annex B access unit, as Annex B; empty if there are none.

    `head` is its beginning: a unit that it cuts off is not a whole one and does not count.
    """
    found = []
    at = head.find(_START)
    while at >= 0:
        following = head.find(_START, at + 3)
        unit = head[at + 3 : following if following >= 0 else len(head)].rstrip(b"\x00")
        whole = following >= 0 or len(head) < HEAD_BYTES
        if unit and whole and _is_parameter_set(codec, unit[0]):
            found.append(b"\x00" + _START + unit)
        at = following
    return b"".join(found)


def _is_parameter_set(codec: str, first: int) -> bool:
    if codec == "h264":
        return first & 0x1F in _H264
    return codec == "hevc" and first >> 1 & 0x3F in _HEVC
