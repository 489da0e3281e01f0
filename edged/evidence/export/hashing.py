"""Segments are read once from end to end before anything of them leaves: are they what their leaves say?

Blocking. The hashes of their parts lie in a file of the state directory meanwhile, 36 bytes for each, so that an export
of a day takes no memory. A segment that is not what its leaf says is told by name, and put into no film.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final

from storage.exports.model import Recorded
from storage.segments.fragment_hashes import FragmentHasher, Part

BLOCK: Final = 1 << 20
_RECORD: Final = struct.Struct(">I32s")
HASH: Final = 32


@dataclass(frozen=True, slots=True)
class Read:
    """A segment that was read. `first_hash`: the number of its part 0 in the camera's list, if it is in it."""

    segment: Recorded
    first_hash: int | None
    trouble: str | None = None
    """Why no film can be made of it, in words; None: it is sound, and can be proven piece by piece."""
    there: bool = True
    """Its file can be read."""


class Hashes:
    """Of all parts of the sound segments of a camera, one behind the other, with their lengths."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0
        path.write_bytes(b"")

    def __len__(self) -> int:
        return self._count

    def add(self, parts: Sequence[Part]) -> int:
        """The number of the first one."""
        with self._path.open("ab") as file:
            file.write(b"".join(_RECORD.pack(part.bytes, part.hash) for part in parts))
        first, self._count = self._count, self._count + len(parts)
        return first

    def parts(self, first: int, count: int) -> list[Part]:
        """Some of them."""
        with self._path.open("rb") as file:
            file.seek(first * _RECORD.size)
            return [Part(*record) for record in _RECORD.iter_unpack(file.read(count * _RECORD.size))]

    def blocks(self, begin: int) -> Iterator[bytes]:
        """The list as it leaves: hashes only, from an octet on."""
        first, skip = divmod(begin, HASH)
        with self._path.open("rb") as file:
            file.seek(first * _RECORD.size)
            while data := file.read(_RECORD.size << 12):
                yield b"".join(hashed for _, hashed in _RECORD.iter_unpack(data))[skip:]
                skip = 0


def read(
    segment: Recorded,
    opened: Callable[[Recorded], BinaryIO],
    hashes: Hashes,
    told: Callable[[int], None],
) -> Read:
    """`told` hears of bytes as they are read."""
    whole, parting, parts, size = sha256(), FragmentHasher(), list[Part](), 0
    try:
        with opened(segment) as file:
            while block := file.read(BLOCK):
                whole.update(block)
                parts += parting.update(block)
                size += len(block)
                told(len(block))
    except OSError as error:
        return Read(segment, None, f"its file cannot be read: {error.strerror or error}", there=False)
    parts += parting.finish()
    if (size, whole.digest()) != (segment.bytes, segment.sha256):
        return Read(segment, None, "its file is not what was recorded: SHA-256 or size differ from its leaf")
    if segment.parts is None:
        return Read(segment, None, "its leaf does not tell of its fragments, so only the whole file can be proven")
    if parting.parts != segment.parts:
        return Read(segment, None, "its fragments are not those of its leaf")
    return Read(segment, hashes.add(parts))
