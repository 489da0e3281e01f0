"""How `office.key` and `office.keys` lie on the disk, and which of their slots is in force. Pure.

A file is pairs of blocks of 4096 bytes. Its even blocks, one behind the other, are slot 0, its odd ones slot 1. So it
grows by a pair at its end, no slot ever moves, and no block that held a key is given back. A slot is

    magic        8 bytes, which file this is and in which version of the format
    generation   8 bytes, big-endian; counts changes
    length       8 bytes, big-endian; of the body
    checksum    32 bytes, SHA-256 of the three before it and of the body
    body
    zeros        to the end of the file

The body of `office.keys` is the name (16 bytes) of the wrapping key, then for each data key the length of its number
(1 byte), the number, and the key as it is wrapped (60 bytes). The body of `office.key` is the name of the wrapping key
and the key (32 bytes).

At rest both slots of a file say the same, so that one bad block loses nothing. Of `office.keys` the valid slot with the
highest generation is in force. Of `office.key` it is the slot that `office.keys` names: a newer one was prepared for a
change that did not come into force. From both follows what has to be written still, whatever a crash left
(`laid_out`, `changes`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from struct import Struct
from typing import Final

BLOCK: Final = 4096
PAIR: Final = 2 * BLOCK
CAPACITY: Final = 100_000
"""Keys: 270 requests a day, each of them kept for a year. A file is at most 26 MB then."""
NUMBER_MAX_BYTES: Final = 64
"""Of a request's number or a person's record id, as UTF-8."""
NAME_BYTES: Final = 16
KEY_BYTES: Final = 32
WRAPPED_BYTES: Final = 60
"""Nonce 12, key 32, tag 16."""
KEY_MAGIC: Final = b"edgWRAP\x01"
KEYS_MAGIC: Final = b"edgKEYS\x01"

_HEAD: Final = Struct(">8sQQ")
_FRONT: Final = _HEAD.size + hashlib.sha256().digest_size
MAX_BYTES: Final = PAIR * -(-(_FRONT + NAME_BYTES + CAPACITY * (1 + NUMBER_MAX_BYTES + WRAPPED_BYTES)) // BLOCK)
"""A longer file is none of ours (S12)."""


@dataclass(frozen=True, slots=True)
class SlotContent:
    """What a valid slot says."""

    magic: bytes
    generation: int
    body: bytearray = field(repr=False)


@dataclass(frozen=True, slots=True)
class WrappingKey:
    """The key that wraps the data keys."""

    slot: SlotContent

    @property
    def name(self) -> bytes:
        return bytes(self.slot.body[:NAME_BYTES])

    @property
    def key(self) -> memoryview:
        """256 bit; no copy."""
        return memoryview(self.slot.body)[NAME_BYTES:]


@dataclass(frozen=True, slots=True)
class WrappedKeys:
    """The data keys in force, by number."""

    generation: int
    wrapping: bytes
    """The name of the key that wraps them."""
    keys: Mapping[str, bytes] = field(repr=False)

    @property
    def slot(self) -> SlotContent:
        parts = [self.wrapping]
        for number, wrapped in self.keys.items():
            name = number.encode()
            parts += [bytes([len(name)]), name, wrapped]
        return SlotContent(KEYS_MAGIC, self.generation, bytearray().join(parts))


def wrapped_keys(data: bytearray) -> WrappedKeys | None:
    """What is in force in an `office.keys`; None where no slot is valid."""
    found = max(_slots(KEYS_MAGIC, data), key=lambda slot: slot.generation, default=None)
    return None if found is None else _unpacked(found)


def wrapping_key(data: bytearray, name: bytes) -> WrappingKey | None:
    """The key of that name in an `office.key`; None where no valid slot has it."""
    found = (WrappingKey(slot) for slot in _slots(KEY_MAGIC, data) if len(slot.body) == NAME_BYTES + KEY_BYTES)
    return next((key for key in found if key.name == name), None)


def laid_out(first: SlotContent, second: SlotContent, blocks: int = 1) -> bytearray:
    """A whole file with these slots, each of at least so many blocks."""
    raws = [_raw(first), _raw(second)]
    blocks = max(blocks, *(-(-len(raw) // BLOCK) for raw in raws))
    whole = bytearray(blocks * PAIR)
    for which, raw in enumerate(raws):
        for number in range(-(-len(raw) // BLOCK)):
            part = memoryview(raw)[number * BLOCK : (number + 1) * BLOCK]
            at = number * PAIR + which * BLOCK
            whole[at : at + len(part)] = part
        wipe(raw)
    return whole


def slot_blocks(data: bytearray) -> int:
    """How many blocks a slot of this file has; one that a crash kept from its end counts as there."""
    return -(-len(data) // PAIR)


def changes(lies: bytearray, wanted: bytearray) -> Iterator[tuple[int, memoryview]]:
    """Blocks of `wanted` that do not lie there yet, with their offsets in bytes, from the first to the last."""
    for at in range(0, len(wanted), BLOCK):
        block = memoryview(wanted)[at : at + BLOCK]
        if memoryview(lies)[at : at + BLOCK] != block:
            yield at, block


def wipe(buffer: bytearray) -> None:
    """Overwrite it in memory."""
    buffer[:] = bytes(len(buffer))


def _raw(slot: SlotContent) -> bytearray:
    head = _HEAD.pack(slot.magic, slot.generation, len(slot.body))
    return bytearray().join((head, _checksum(head, slot.body), slot.body))


def _checksum(head: bytes, body: bytearray) -> bytes:
    digest = hashlib.sha256(head)
    digest.update(body)
    return digest.digest()


def _slots(magic: bytes, data: bytearray) -> Iterator[SlotContent]:
    """The valid ones."""
    for which in (0, 1):
        blocks = range(which * BLOCK, len(data), PAIR)
        raw = bytearray().join(memoryview(data)[at : at + BLOCK] for at in blocks)
        if len(raw) >= _FRONT:
            head = bytes(raw[: _HEAD.size])
            found, generation, length = _HEAD.unpack(head)
            body = raw[_FRONT : _FRONT + length]
            if found == magic and len(body) == length and _checksum(head, body) == raw[_HEAD.size : _FRONT]:
                yield SlotContent(magic, generation, body)
        wipe(raw)


def _unpacked(slot: SlotContent) -> WrappedKeys | None:
    body, at, keys = bytes(slot.body), NAME_BYTES, dict[str, bytes]()
    while at < len(body):
        ends = at + 1 + body[at]
        try:
            number = body[at + 1 : ends].decode()
        except UnicodeDecodeError:
            return None
        at = ends + WRAPPED_BYTES
        if not number or number in keys:
            return None
        keys[number] = body[ends:at]
    return WrappedKeys(slot.generation, body[:NAME_BYTES], keys) if at == len(body) else None
