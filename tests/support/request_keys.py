"""Every key of requests that ever was, as only a test can know them: what is to be found nowhere once it is erased."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import pytest

from storage.office import keys
from storage.office.key_files import WrappingKey

PIECE_BYTES: Final = 8
"""So much of a key is found by chance on no disk."""


@dataclass
class Witness:
    """What was made while a test runs."""

    wrapping: list[bytes] = field(default_factory=list)
    wrapped: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    """Number, wrapping key, and the data key wrapped by it."""
    data: dict[str, bytes] = field(default_factory=dict)
    """Data keys by number: they lie nowhere as they are."""

    def forget(self) -> None:
        """Another box begins."""
        self.wrapping.clear()
        self.wrapped.clear()
        self.data.clear()


def watched(patch: pytest.MonkeyPatch) -> Witness:
    """From now on."""
    seen = Witness()
    make, wrap = keys._new_wrapping_key, keys._wrap

    def made(generation: int) -> WrappingKey:
        key = make(generation)
        seen.wrapping.append(bytes(key.key))
        return key

    def wrapped(wrapping: WrappingKey, number: str, key: bytes | bytearray) -> bytes:
        found = wrap(wrapping, number, key)
        seen.wrapped.append((number, bytes(wrapping.key), found))
        seen.data[number] = bytes(key)
        return found

    patch.setattr(keys, "_new_wrapping_key", made)
    patch.setattr(keys, "_wrap", wrapped)
    return seen


def pieces(secret: bytes) -> Iterator[bytes]:
    """What may be left of it where a write was torn."""
    return (secret[at : at + PIECE_BYTES] for at in range(0, len(secret) - PIECE_BYTES + 1, PIECE_BYTES))
