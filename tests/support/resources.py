"""What processes hold: descriptors, threads, memory (S12)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Held:
    descriptors: int
    threads: int
    resident_kb: int


def held(pid: int) -> Held:
    place = Path(f"/proc/{pid}")
    status = place.joinpath("status").read_text()

    def number(name: str) -> int:
        match = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
        return int(match.group(1)) if match else 0

    return Held(len(list(place.joinpath("fd").iterdir())), number("Threads"), number("VmRSS"))
