"""Whether what was sent is what lies on disk: pictures and sound by their own bytes, in order, none missing."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import av

from bench import clip as clips
from bench.contenders import Edged

LATE_S: Final = 1.5
"""How much of what was sent before a stop may be missing: it was on its way."""


@dataclass(frozen=True, slots=True)
class Strip:
    """Pictures, or packets of sound, by their number within the clip; None for one that was never sent."""

    numbers: tuple[int | None, ...]
    length: int
    """How many the clip has."""

    def faults(self) -> list[str]:
        """Places where one is missing, doubled or foreign."""
        return [
            f"after {at}: {before} is followed by {after}"
            for at, (before, after) in enumerate(pairwise(self.numbers))
            if before is None or after is None or after != (before + 1) % self.length
        ]


def name_of(picture: list[bytes] | tuple[bytes, ...]) -> str:
    """What a picture is known by, whatever lies around it."""
    return hashlib.md5(
        b"".join(unit for unit in picture if unit and unit[0] & 31 in clips.SLICES), usedforsecurity=False
    ).hexdigest()


class Reader:
    """Knows each picture and each packet of sound of the clip by its bytes."""

    def __init__(self, clip: clips.Clip) -> None:
        self._pictures = {name_of(picture): n for n, picture in enumerate(clip.pictures)}
        self._sound = {packet: n for n, packet in enumerate(clip.sound)}

    def read(self, path: Path) -> tuple[list[int | None], list[int | None]]:
        """Pictures and sound, as far as the file can be read."""
        pictures: list[int | None] = []
        sound: list[int | None] = []
        with suppress(av.FFmpegError, IndexError), av.open(str(path)) as container:
            for packet in container.demux():
                if packet.size and packet.stream.type == "video":
                    pictures.append(self._pictures.get(name_of(clips.units(bytes(packet)))))
                elif packet.size:
                    sound.append(self._sound.get(bytes(packet)))
        return pictures, sound

    def strips(self, paths: Sequence[Path]) -> tuple[Strip, Strip]:
        """Files in a row."""
        read = [self.read(path) for path in paths]
        return (
            Strip(tuple(n for pictures, _ in read for n in pictures), clips.PICTURES),
            Strip(tuple(n for _, sound in read for n in sound), clips.PACKETS),
        )


def committed(state: Path) -> dict[str, int]:
    """Pictures by camera, as the catalog counts them."""
    with closing(sqlite3.connect(f"file:{state / 'edged.db'}?mode=ro", uri=True)) as db:
        return dict(
            db.execute(
                "SELECT c.id, sum(s.video_frames) FROM segments s JOIN cameras c ON c.number = s.camera"
                " WHERE s.state = 'committed' GROUP BY c.id"
            ).fetchall()
        )


def held_against(edged: Edged, sent: Sequence[dict[str, Any]], reader: Reader, compared: int) -> str:
    """A sentence on what is on disk, once edged has stopped; the first word tells.

    `sent`: what the cameras say of each session. `compared`: so many cameras' files are read back whole.
    """
    catalog = committed(edged.folder / "state")
    sessions = {told["path"]: told for told in sent}
    faults: list[str] = []
    read = 0
    for camera in range(edged.count):
        told = sessions[f"/edged/{camera}"]
        number = sum(told["path"] == f"/edged/{camera}" for told in sent)
        first = -(-told["first"] // clips.GOP) * clips.GOP
        whole = told["last"] + 1 - first
        kept = catalog.get(f"c{camera}", 0)
        if number != 1 or told["cut_off"]:
            faults.append(f"camera {camera}: {number} sessions")
        if not whole - LATE_S * clips.FPS <= kept <= whole:
            faults.append(f"camera {camera}: {kept} pictures in the catalog, {whole} were sent")
        if camera < compared:
            pictures, sound = reader.strips(edged.files(camera))
            read += len(pictures.numbers)
            faults += [f"camera {camera}, picture {fault}" for fault in pictures.faults()]
            faults += [f"camera {camera}, sound {fault}" for fault in sound.faults()]
            if len(pictures.numbers) != kept or pictures.numbers[:1] != (first % clips.PICTURES,):
                faults.append(f"camera {camera}: {len(pictures.numbers)} pictures in files, {kept} in the catalog")
    words = (
        f"{sum(catalog.values())} pictures in the catalog; {read} of them and their sound read back and compared with"
    )
    return f"{words} what was sent: {'; '.join(faults[:5]) if faults else 'none missing, none twice, all in order'}."
