"""A segment's file as parts, and the Merkle root over them, so that a piece of it can be proven without the rest.

Pure; imports the standard library, `storage.words.model` and `storage.ledger.tree`, because a camera's worker
carries it. A part ends behind each `moov` and each `mdat` at the top level, and what remains at the end is one more:
so part 0 is what stands before the first fragment, each fragment is a part, and so is the index behind them.
Whatever the bytes are, they have parts: what is no box belongs to the last one. The root is that of RFC 6962 over
the parts as leaves.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from storage.ledger.tree import EMPTY, LEAF, Hash, node_hash
from storage.words.model import Parts, Sha256

_ENDING: Final = frozenset({b"moov", b"mdat"})
_HEAD: Final = struct.Struct(">I4s")
_LONG_HEAD: Final = struct.Struct(">I4sQ")
_FOR_EVER: Final = 1 << 64
"""More than any file: what follows is no box, or reaches up to the end."""


class Part(NamedTuple):
    """A piece of a file."""

    bytes: int
    hash: Hash
    """As a leaf (RFC 6962)."""


class FragmentHasher:
    """Bytes in, in blocks of any length; parts out as they end. Of the tree only its right edge is kept."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256(LEAF)
        self._bytes = 0
        self._head = b""
        self._head_bytes = _HEAD.size
        self._left = 0
        """Of the box, behind its head."""
        self._ending = False
        """The box ends a part."""
        self._count = 0
        self._peaks: list[Hash] = []

    def update(self, data: bytes | memoryview) -> list[Part]:
        """The parts that end in these bytes."""
        ended = []
        rest = memoryview(data)
        while rest:
            if self._left:
                piece = rest[: self._left]
                self._left -= len(piece)
            else:
                piece = rest[: self._head_bytes - len(self._head)]
                self._head += piece
                if len(self._head) == self._head_bytes:
                    self._enter()
            self._hash.update(piece)
            self._bytes += len(piece)
            rest = rest[len(piece) :]
            if self._ending and not self._left:
                ended.append(self._end())
        return ended

    def finish(self) -> list[Part]:
        """What remains, if anything: the file ends here."""
        return [self._end()] if self._bytes else []

    @property
    def parts(self) -> Parts:
        """How many have ended, and the root over them."""
        root = EMPTY
        for number, peak in enumerate(reversed(self._peaks)):
            root = node_hash(peak, root) if number else peak
        return Parts(self._count, root)

    def _enter(self) -> None:
        """The head of a box is complete, unless it says that its length takes eight bytes more."""
        length, kind = _HEAD.unpack_from(self._head)
        if length == 1 and self._head_bytes == _HEAD.size:
            self._head_bytes = _LONG_HEAD.size
            return
        if length == 1:
            length = _LONG_HEAD.unpack(self._head)[2]
        whole = length >= self._head_bytes
        self._left = length - self._head_bytes if whole else _FOR_EVER
        self._ending = whole and kind in _ENDING
        self._head, self._head_bytes = b"", _HEAD.size

    def _end(self) -> Part:
        ended = Part(self._bytes, self._hash.digest())
        self._hash, self._bytes, self._ending = hashlib.sha256(LEAF), 0, False
        peak, count = ended.hash, self._count
        while count & 1:
            peak, count = node_hash(self._peaks.pop(), peak), count >> 1
        self._peaks.append(peak)
        self._count += 1
        return ended


class Digest:
    """What a file is known by: its SHA-256, and its parts. Each block is hashed for both while it is in the cache."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._parting = FragmentHasher()

    def update(self, data: bytes | memoryview) -> None:
        """More of the file."""
        self._hash.update(data)
        self._parting.update(data)

    def finish(self) -> tuple[Sha256, Parts]:
        """The file ends here."""
        self._parting.finish()
        return self._hash.digest(), self._parting.parts


def parts_of(blocks: Iterable[bytes]) -> Iterator[Part]:
    """A file's parts, in order."""
    parting = FragmentHasher()
    for block in blocks:
        yield from parting.update(block)
    yield from parting.finish()
