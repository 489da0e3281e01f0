"""A disk with files that are written in place, and what a power cut leaves of it.

What was written but not synced may survive in any part, sector by sector; blocks that a file gave back keep what was in
them. Each write and each sync is an instant at which the process can die, with or without the disk.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from storage.office.key_files import BLOCK

SECTOR: Final = 512


class Died(BaseException):
    """The process is gone, and with a power cut what the disk had not promised to keep."""


class Disk:
    """Blocks as they were given out, and never taken back."""

    def __init__(self) -> None:
        self.blocks: list[bytearray] = []
        self.files: list[SimulatedFile] = []
        self.ticks = 0
        self.dies_at: int | None = None

    def tick(self) -> None:
        """An instant at which the process can die."""
        self.ticks += 1
        if self.ticks == self.dies_at:
            raise Died

    def allocate(self) -> int:
        self.blocks.append(bytearray(BLOCK))
        return len(self.blocks) - 1

    def cut(self, seed: int) -> None:
        """Seed 0 keeps nothing that was not synced, 1 everything, any other a random part."""
        chance = random.Random(seed)
        share = chance.random() if seed > 1 else float(seed)
        for file in self.files:
            file.cut(chance, share)

    def raw(self) -> bytes:
        """All that is on it, or may yet come onto it."""
        waiting = [data for file in self.files for _, _, data in file.pending]
        return b"".join([*self.blocks, *waiting])


class SimulatedFile:
    """A `storage.office.keys.BlockFile`."""

    def __init__(self, disk: Disk, name: str) -> None:
        self.disk = disk
        self.path = Path(name)
        self.is_there = False
        self.extent: list[int] = []
        self.durable_extent: list[int] = []
        self.pending: list[tuple[int, int, bytes]] = []
        disk.files.append(self)

    def create(self) -> None:
        self.disk.tick()
        self.is_there = True

    def read(self) -> bytearray:
        if not self.is_there:
            raise FileNotFoundError(str(self.path))
        self.sync()
        return self.content()

    def overwrite(self, blocks: Iterable[tuple[int, memoryview]]) -> None:
        for at, block in blocks:
            self.disk.tick()
            self.put(at // BLOCK, bytes(block))
        self.sync()

    def put(self, number: int, data: bytes) -> None:
        """Not durable yet."""
        assert number <= len(self.extent), "no hole is left"
        if number == len(self.extent):
            self.extent.append(self.disk.allocate())
        self.pending += [(self.extent[number], at, data[at : at + SECTOR]) for at in range(0, len(data), SECTOR)]

    def sync(self) -> None:
        if self.pending:
            self.disk.tick()
        self.settle()

    def settle(self) -> None:
        for block, at, data in self.pending:
            self.disk.blocks[block][at : at + SECTOR] = data
        self.pending = []
        self.durable_extent = list(self.extent)

    def content(self) -> bytearray:
        """As the process sees it."""
        seen = {number: bytearray(self.disk.blocks[number]) for number in self.extent}
        for block, at, data in self.pending:
            seen[block][at : at + SECTOR] = data
        return bytearray().join(seen[number] for number in self.extent)

    def cut(self, chance: random.Random, share: float) -> None:
        fresh = self.extent[len(self.durable_extent) :]
        kept = sum(1 for _ in fresh if chance.random() < share)
        self.pending = [one for one in self.pending if chance.random() < share]
        self.extent = [*self.durable_extent, *fresh[:kept]]
        self.settle()


class RenamingFile(SimulatedFile):
    """A planted bug: a new file takes the place of the old one, whose blocks are given back as they are."""

    def overwrite(self, blocks: Iterable[tuple[int, memoryview]]) -> None:
        content = self.content()
        for at, block in blocks:
            content[at : at + BLOCK] = block
        self.extent = []
        for number in range(len(content) // BLOCK):
            self.put(number, bytes(content[number * BLOCK : (number + 1) * BLOCK]))
        self.sync()


class UnsyncedReadFile(SimulatedFile):
    """A planted bug: a start goes by what the process before wrote, and perhaps no disk has."""

    def read(self) -> bytearray:
        if not self.is_there:
            raise FileNotFoundError(str(self.path))
        return self.content()


class UnsyncedFile(UnsyncedReadFile):
    """A planted bug: what was written is durable at some time later."""

    def overwrite(self, blocks: Iterable[tuple[int, memoryview]]) -> None:
        for at, block in blocks:
            self.disk.tick()
            self.put(at // BLOCK, bytes(block))


class ForgetfulFile(SimulatedFile):
    """A disk that says it has written what it has not."""

    forgets = False

    def overwrite(self, blocks: Iterable[tuple[int, memoryview]]) -> None:
        if not self.forgets:
            super().overwrite(blocks)
