"""What the folder of an export and the files in it are called: names that FAT32, Windows and the list take. Pure."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Final

LIST: Final = "proof/manifest.json"
ENVELOPE: Final = "proof/manifest.dsse.json"
LEAVES: Final = "proof/leaves.jsonl"
KEYS: Final = "proof/key.txt"
PAGE: Final = "index.html"
README: Final = "README.txt"
VERIFIER: Final = "verify.py"
_DEVICES: Final = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
"""What Windows takes for a device, whatever stands behind the dot."""
_OURS: Final = {"index", "readme", "verify", "proof", "original"}
_STRANGE: Final = re.compile(r"[^A-Za-z0-9_-]")
NAME_MAX: Final = 48


def folder_name(node: str, begun_ms: int, zone: tzinfo, export_id: str) -> str:
    """Of an export that began then, by the site's clock."""
    begun = datetime.fromtimestamp(begun_ms / 1000, zone)
    return f"{node}-{begun:%Y%m%d-%H%M}-{export_id}"


class Stems:
    """Hands out names before the dot, none of which differs from another by case alone."""

    def __init__(self) -> None:
        self._taken = _DEVICES | _OURS

    def camera(self, name: str) -> str:
        """Of a camera's films; as far as can be its own id."""
        plain = _STRANGE.sub("_", name)[:NAME_MAX] or "camera"
        return self._free(plain if plain.lower() not in _DEVICES | _OURS else f"camera-{plain}")

    def film(self, stem: str, number: int) -> str:
        """Of its films, from 0 on."""
        return stem if not number else self._free(f"{stem}-{number + 1}")

    def _free(self, wanted: str) -> str:
        found, count = wanted, 1
        while found.lower() in self._taken:
            count += 1
            found = f"{wanted}_{count}"
        self._taken.add(found.lower())
        return found


def checkpoint_name(number: int, *, last: bool) -> str:
    """Of the signed head of a generation, from 0 on."""
    return "proof/checkpoint.txt" if last else f"proof/checkpoint-{number + 1}.txt"
