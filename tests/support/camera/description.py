"""What a camera says there is to see: SDP from clips, worded by a dialect."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from tests.support import nal
from tests.support.camera.dialect import Dialect
from tests.support.clips import Clip


def describe(dialect: Dialect, clips: Sequence[Clip], where: Mapping[str, object]) -> str:
    """`where` are url, host and port."""
    sections = [
        dialect.track(clip.codec).format(**track_words(dialect, clip, index, where)) for index, clip in enumerate(clips)
    ]
    if dialect.sound_first:
        sections.reverse()
    parts = [dialect.session_part, dialect.before, *sections, dialect.more]
    return "".join(part if part in sections else part.format(**where) for part in parts)


def track_words(dialect: Dialect, clip: Clip, index: int, where: Mapping[str, object]) -> dict[str, object]:
    """What may be filled in for one track."""
    words = {**where, "n": index, "pt": dialect.number(clip.codec), "rate": clip.rate, "channels": clip.channels}
    words["control"] = control(dialect, clip, index, where)
    return {**words, **parameters(clip)}


def control(dialect: Dialect, clip: Clip, index: int, where: Mapping[str, object]) -> str:
    return dialect.controls[0 if clip.video else 1].format(**where, n=index)


def parameters(clip: Clip) -> dict[str, str]:
    """Parameter sets in base 64, and the same as bytes in hex."""
    if not clip.video:
        return {"config": clip.extra.hex()}
    codec: nal.VideoCodec = "h264" if clip.codec == "h264" else "h265"
    kinds = {"sps": 7, "pps": 8} if codec == "h264" else {"vps": 32, "sps": 33, "pps": 34}
    units = nal.split_annexb(clip.frames[0].data)
    sets = {name: next(u for u in units if nal.unit_type(codec, u) == kind) for name, kind in kinds.items()}
    words = {name: base64.b64encode(unit).decode() for name, unit in sets.items()}
    words |= {f"{name}_junk": base64.b64encode(unit + nal.START_CODE).decode() for name, unit in sets.items()}
    words["sprop"] = f"{words['sps']},{words['pps']}"
    words["annexb"] = b"".join(nal.START_CODE + unit for unit in sets.values()).hex()
    if codec == "h264":
        words["profile"] = sets["sps"][1:4].hex().upper()
        words["profile64"] = base64.b64encode(sets["sps"][1:4]).decode()
    return words
