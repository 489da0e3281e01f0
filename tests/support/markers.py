"""Texts that nobody else writes, in place of what people are called and say: to be found wherever one lies in plain."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

STEM: Final = "龘鱻犇"
"""Each of them begins with it."""
SCAN: Final = b"\xff\xd8\xff\xe0" + random.Random(19).randbytes(6000)
"""A JPEG, to whoever looks at its beginning."""
PIECE_BYTES: Final = 24


@dataclass
class Markers:
    """Those that were given away, by what they stand for."""

    texts: dict[str, str] = field(default_factory=dict)

    def __call__(self, what: str) -> str:
        """The one that stands for it."""
        return self.texts.setdefault(what, f"{STEM}{len(self.texts):02}{what}")


def spellings(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """As it lies inside something that is longer."""
    yield "plain", raw
    yield "hex", raw.hex().encode()
    for before in range(3):
        whole = base64.b64encode(bytes(before) + raw)
        yield f"base64, {before}", whole[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]


def needles() -> Mapping[str, bytes]:
    """What every marker, and each part of the scan, would be found by."""
    found = {f"text, {how}": raw for how, raw in spellings(STEM.encode())}
    found["text, JSON"] = json.dumps(STEM)[1:-1].encode()
    found["text, in an address"] = quote(STEM).encode()
    found["text, UTF-16"] = STEM.encode("utf-16-le")
    found |= {f"scan, {how}": raw for how, raw in spellings(SCAN[4 : 4 + PIECE_BYTES])}
    return found | {f"scan, {at} plain": SCAN[at : at + PIECE_BYTES] for at in range(1000, len(SCAN), 1000)}
