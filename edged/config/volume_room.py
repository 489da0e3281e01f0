"""Whether the volumes of a configuration have room for what its floors ask: said when it is checked, with the numbers.

Imports the model and edged.words.units; looks at the machine it is read on. Bit rates are not known before cameras
record: what is assumed stands in the words. At each start the daemon does the same sum with what it has measured
(edged.overview.forecast).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from edged.config.model import Camera, Config, Volume
from edged.config.problem import Location
from edged.words import units

Warn = Callable[[Location, str, str], None]
"""Where, what, what to write instead."""

ASSUMED_BPS: Final = 2_000_000
"""Of a camera of which the configuration says nothing: a picture of 1080 lines, a dozen a second, of a still room."""
BITS_PER_PIXEL: Final = 0.08
"""Of a camera whose size or images a second are expected: what cameras are set to by their makers, or a little less."""
USUAL_SIZE: Final = (1920, 1080)
USUAL_FPS: Final = 15.0


def warn_of_volumes(warn: Warn, config: Config) -> None:
    """What is odd about each volume, and whether all together hold the floors."""
    state = _nearest(config.paths.state)
    for index, volume in enumerate(config.volumes):
        _warn_of_volume(warn, index, volume, config.paths.state, state)
    _warn_of_floors(warn, config)


def assumed_bps(camera: Camera) -> float:
    """Bits a second of a camera, out of what is expected of it."""
    expect = camera.expect
    if expect.width is None and expect.height is None and expect.fps is None:
        return ASSUMED_BPS
    width, height = expect.width or USUAL_SIZE[0], expect.height or USUAL_SIZE[1]
    return width * height * (expect.fps or USUAL_FPS) * BITS_PER_PIXEL


def _warn_of_volume(warn: Warn, index: int, volume: Volume, state: Path, at: os.stat_result | None) -> None:
    here = _status(volume.path)
    if here is None:
        return
    if not stat.S_ISDIR(here.st_mode):
        problem = "is not a directory: nothing can be recorded there"
        warn(("volumes", index, "path"), problem, "the mount point of a disk")
        return
    if at is not None and here.st_dev == at.st_dev:
        problem = f"lies on the same file system as {state}: a full disk stops both"
        warn(("volumes", index, "path"), problem, "a file system of its own")
    total = _total(volume.path)
    if total is not None and volume.spec().reserve_of(total) >= total:
        problem = f"the disk has {units.format_size(total)} in all: nothing would ever be recorded there"
        warn(("volumes", index, "reserve"), problem, 'a smaller one, such as reserve = "5%"')


def _warn_of_floors(warn: Warn, config: Config) -> None:
    cameras = [camera for camera in config.cameras if camera.enabled]
    asked = sum(assumed_bps(camera) / 8 * config.bounds(camera.id).floor_s for camera in cameras)
    there = _room(config.volumes)
    if there is None or asked <= there:
        return
    rates = sorted({round(assumed_bps(camera) / 1_000_000, 1) for camera in cameras})
    assumed = f"{rates[0]:g}" if len(rates) == 1 else f"{rates[0]:g} to {rates[-1]:g}"
    warn(
        ("retention", "min"),
        f"the floors ask for {units.format_size(round(asked))}, at an assumed {assumed} Mbit/s a camera, and the "
        f"volumes have room for {units.format_size(there)}: they would be full before the first footage may go",
        "a larger max_bytes or disk, a shorter min, or fewer cameras; or lower bit rates in the cameras themselves",
    )


def _room(volumes: Iterable[Volume]) -> int | None:
    """How much edged may ever keep, the room of one file system once; None while nobody can tell (not mounted yet)."""
    rooms = [(volume, _total(volume.path), _status(volume.path)) for volume in volumes]
    summed = 0
    shared: dict[int, list[tuple[int, int]]] = {}
    for volume, total, here in rooms:
        if total is None or here is None:
            if volume.max_bytes is None:
                return None
            summed += volume.max_bytes
            continue
        left = max(0, total - volume.spec().reserve_of(total))
        own = left if volume.max_bytes is None else min(volume.max_bytes, left)
        shared.setdefault(here.st_dev, []).append((own, left))
    return summed + sum(min(sum(own for own, _ in some), max(left for _, left in some)) for some in shared.values())


def _total(path: Path) -> int | None:
    """Bytes of the file system of a directory; None where there is none, or this user may not look."""
    here = _status(path)
    if here is None or not stat.S_ISDIR(here.st_mode):
        return None
    try:
        space = os.statvfs(path)
    except OSError:
        return None
    return space.f_blocks * space.f_frsize


def _status(path: Path) -> os.stat_result | None:
    """None where there is nothing, or this user may not look."""
    try:
        return path.stat()
    except OSError:
        return None


def _nearest(path: Path) -> os.stat_result | None:
    """Of the path, or of the nearest directory above it that exists."""
    return next(filter(None, map(_status, (path, *path.parents))), None)
