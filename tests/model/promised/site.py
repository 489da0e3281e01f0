"""A box with several small disks in memory, which are unmounted, swapped and filled by others, and a true time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from storage.mirror import service as mirror
from storage.ring import ballast
from storage.volumes.volume import Space, Volume, VolumeSpec
from storage.words.layout import IDENTITY_NAME
from tests.support.office import Office
from tests.support.promises import Box
from tests.support.true_time import TrueClock

NEVER_S: Final = 1e6
DISK_BYTES: Final = 32_000
"""Some 12 segments."""
SMALL_BALLAST: Final = 4096


class Site(Office):
    """A disk is a directory; one that is away lies under another name, and an empty mount point has its place."""

    def __init__(self, root: Path, clock: TrueClock, disks: int = 2) -> None:
        self.root = root
        self.clock = clock
        self.state = root / "state"
        self.places = [root / f"disk{number}" for number in range(1, disks + 1)]
        for place in self.places:
            place.mkdir()
        self.disk = self.places[0]
        self.specs = [VolumeSpec(place) for place in self.places]
        self.others = dict.fromkeys(self.places, 0)
        """Bytes that somebody else holds on each disk."""
        self.shelf: dict[Path, Path] = {}
        """Of places whose disk is away: where it is."""
        self.foreign: dict[Path, dict[str, bytes]] = {}
        """What a stranger's disk in one of these places holds."""
        self.moves = 0
        self.store = self.open()
        self.homes = {place: _identity(place) for place in self.places}

    def fills(self, patched: pytest.MonkeyPatch) -> None:
        """Sizes that can be filled, and nothing that happens by itself."""
        really = Volume.space

        def space(volume: Volume) -> Space:
            held = self.others.get(volume.path, 0) + sum(_sizes(volume.path).values())
            told = really(volume)
            return replace(told, total=DISK_BYTES, free=max(0, DISK_BYTES - held), used=held, device=None)

        patched.setattr(Volume, "space", space)
        calm(patched)

    def unmount(self, place: Path) -> None:
        self.moves += 1
        self.shelf[place] = self.root / f"shelf{self.moves}"
        place.rename(self.shelf[place])
        place.mkdir()

    def swap_in(self, place: Path) -> None:
        """Where a disk is away, a stranger's is mounted."""
        told = {"schema": "edged.volume/1", "volume": "0f0f0f0f-0000-4000-8000-000000000000", "node": "elsewhere"}
        (place / IDENTITY_NAME).write_text(json.dumps(told))
        (place / "theirs").write_bytes(b"nothing of ours")
        self.foreign[place] = _contents(place)

    def take_out(self, place: Path) -> None:
        """Only the mount point is left."""
        if self.foreign.pop(place, None) is not None:
            for path in place.iterdir():
                path.unlink()

    def mount(self, place: Path) -> None:
        self.take_out(place)
        place.rmdir()
        self.shelf.pop(place).rename(place)

    def present(self) -> dict[Path, str]:
        """Which volumes are where they belong, by their own word."""
        return {place: home for place, home in self.homes.items() if place not in self.shelf}

    def filed(self) -> set[str]:
        """Pins whose sidecars lie on a disk that is there."""
        return {path.parent.name for place in self.present() for path in place.glob(".pins/*/pin.json")}

    def filed_away(self) -> set[str]:
        return {path.parent.name for shelf in self.shelf.values() for path in shelf.glob(".pins/*/pin.json")}

    def box(self) -> Box:
        return Box(self.state, {home: place for place, home in self.present().items()})

    def trespasses(self) -> Iterator[str]:
        """S10: what was written below an unmounted mount point, or to a stranger's disk."""
        for place in self.shelf:
            if (found := _contents(place)) != self.foreign.get(place, {}):
                yield f"S10: {place} is not one of ours, and holds {sorted(found)}"


def calm(patched: pytest.MonkeyPatch) -> None:
    """Mirrored when told, and a ballast that need not be written for each example."""
    patched.setattr(mirror, "ROUND_S", NEVER_S)
    patched.setattr(ballast, "MAX_BYTES", SMALL_BALLAST)


def _identity(place: Path) -> str:
    return str(json.loads((place / IDENTITY_NAME).read_text())["volume"])


def _contents(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() if path.is_file() else b"" for path in place.iterdir()}


def _sizes(place: Path) -> dict[int, int]:
    """Of segments, each file once, whatever its names."""
    return {stat.st_ino: stat.st_size for stat in (path.stat() for path in place.rglob("*.mp4*"))}
