"""Files as they leave: of known length, the same bytes whenever they are asked for again, from any octet on.

Their hashes are made while they leave; what was not read to its end by then is read on from there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

BLOCK: Final = 1 << 20


@dataclass(slots=True)
class Source:
    """One file. `begun` gives its bytes from an octet on."""

    size: int
    begun: Callable[[int], Iterator[bytes]]
    _hash: Any = field(default_factory=sha256)
    _hashed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def blocks(self, begin: int) -> Iterator[bytes]:
        """From an octet on. Raises what reading it raises."""
        at = begin
        for block in self.begun(begin):
            with self._lock:
                if at == self._hashed:
                    self._hash.update(block)
                    self._hashed += len(block)
            at += len(block)
            yield block

    @property
    def left(self) -> int:
        """Octets that are not hashed yet."""
        return self.size - self._hashed

    @property
    def sha256(self) -> str:
        """Once nothing is left."""
        return str(self._hash.hexdigest())


def of_file(path: Path) -> Source:
    """A small file of ours."""

    def blocks(begin: int) -> Iterator[bytes]:
        with path.open("rb") as file:
            file.seek(begin)
            while block := file.read(BLOCK):
                yield block

    return Source(path.stat().st_size, blocks)


def of_text(pieces: Callable[[], Iterator[str]]) -> Source:
    """What is made anew each time; it is gone through once for its length."""

    def blocks(begin: int) -> Iterator[bytes]:
        skip, waiting = begin, bytearray()
        for piece in pieces():
            data = piece.encode()
            if skip:
                data, skip = data[skip:], max(0, skip - len(data))
            waiting += data
            if len(waiting) >= GATHERED:
                yield bytes(waiting)
                waiting.clear()
        if waiting:
            yield bytes(waiting)

    return Source(sum(len(piece.encode()) for piece in pieces()), blocks)


GATHERED: Final = 1 << 16
"""Cues are handed out so many octets at a time."""
