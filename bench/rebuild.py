"""How fast a lost database comes back: from leaves, from files alone; what a leaf costs a commit; what a mirror weighs.

    python -m bench.rebuild [--segments 200000] [--files 2000]

Leaves are those that a year of recording makes, of 64 cameras in turn; a tenth of the segments is destroyed again. The
store's own code reads them back, without pauses, as `edgectl rebuild` does while edged is stopped. Files are small, so
that what is measured is what opening, hashing and entering one costs besides reading it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sqlite3
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from storage.database.migrations import migrate
from storage.ledger.table import Leaf, LeafEntry, Value, enter
from storage.mirror.files import file_name, render
from storage.segments.mp4 import EmbeddedMetadata
from storage.store.facade import Store
from storage.volumes.volume import VolumeSpec
from storage.words.layout import segment_path
from storage.words.model import Bounds, Moment
from tests.support import tiny_mp4
from tests.support.office import Clock

CAMERAS = 64
SEGMENT_MS = 300_000
WALL_MS = 1_700_000_000_000
FLOOR_S, CEILING_S = 31 * 86_400, 365 * 86_400
NODE = "bench"


@dataclass(frozen=True)
class FromLeaves:
    """The database made anew from its mirror."""

    leaves: int
    took_s: float
    busy_s: float
    """Processor time."""
    opened_s: float
    """Until the store could record, without a head."""
    line_bytes: float

    @property
    def a_second(self) -> float:
        return self.leaves / self.took_s

    def __str__(self) -> str:
        busy = f"{self.leaves / self.busy_s:.0f} per processor second"
        year_mb = self.line_bytes * 2 * 105_120 / 1e6
        return (
            f"from leaves: {self.leaves} in {self.took_s:.1f} s, {self.a_second:.0f}/s, {busy}\n"
            f"open for recording after {self.opened_s:.2f} s, without a head\n"
            f"a line: {self.line_bytes:.0f} bytes; a camera-year: {year_mb:.0f} MB"
        )


@dataclass(frozen=True)
class FromFiles:
    """The database made anew from files alone."""

    files: int
    took_s: float

    @property
    def a_second(self) -> float:
        return self.files / self.took_s

    def __str__(self) -> str:
        return f"from files alone: {self.files} in {self.took_s:.1f} s, {self.a_second:.0f}/s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=200_000)
    parser.add_argument("--files", type=int, default=2000)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(f"a leaf in a commit: {cost_of_a_leaf(Path(folder)):.0f} µs")
        print(from_leaves(Path(folder) / "leaves", wanted.segments))
        print(from_files(Path(folder) / "files", wanted.files))


def cost_of_a_leaf(folder: Path, count: int = 20_000) -> float:
    """Of the writer's time, without the COMMIT that is there anyway."""
    with sqlite3.connect(folder / "leaf.db", isolation_level=None) as db:
        migrate(db)
        db.execute("BEGIN")
        body = segment(1, 1, "v")
        begun = time.perf_counter()
        for _ in range(count):
            enter(db, Leaf.SEGMENT, 0, body)
        took = time.perf_counter() - begun
        db.execute("COMMIT")
    return took / count * 1e6


def segment(index: int, seq: int, volume: str) -> dict[str, Value]:
    start_ms = index // CAMERAS * SEGMENT_MS
    return {
        "camera": f"camera-{index % CAMERAS:02}",
        "seq": seq,
        "volume": volume,
        "start": {"boot": 1, "id": "boot-1", "boottime_ms": start_ms, "wall_ms": WALL_MS + start_ms},
        "duration_ms": SEGMENT_MS,
        "bytes": 150_000_000,
        "sha256": hashlib.sha256(str(index).encode()).hexdigest(),
        "floor_s": FLOOR_S,
        "ceiling_s": CEILING_S,
        "epoch": 1,
        "synced": True,
        "unproven": False,
        "frames": 7500,
        "offset_ms": -3200,
    }


def volume_of(folder: Path) -> str:
    """A new volume of this box, and its id."""
    disk = folder / "disk"
    disk.mkdir(parents=True)
    store = open_store(folder)
    volume = store.volumes()[0].id
    store.close()
    for one in (folder / "state").iterdir():
        one.unlink()
    for one in (disk / ".ledger").iterdir():
        one.unlink()
    return volume


def open_store(folder: Path) -> Store:
    spec = VolumeSpec(folder / "disk", None, None, None)
    return Store.open(state=folder / "state", node=NODE, volumes=(spec,), clock=Clock())


def from_leaves(folder: Path, segments: int) -> FromLeaves:
    volume, numbers, written = volume_of(folder), 0, 0
    days: dict[str, list[bytes]] = {}
    for index in range(segments):
        for kind, of in ((Leaf.SEGMENT, index), (Leaf.DESTROYED, index - segments // 10)):
            if of >= 0 and (kind is Leaf.SEGMENT or of % 10 == 0):
                numbers += 1
                body = segment(of, of // CAMERAS + 1, volume)
                wall_ms = WALL_MS + of // CAMERAS * SEGMENT_MS
                text = json.dumps(body, sort_keys=True, separators=(",", ":"))
                line = render(LeafEntry(numbers, wall_ms, kind, text))
                written += len(line)
                days.setdefault(file_name(wall_ms), []).append(line)
    for name, lines in days.items():
        (folder / "disk" / ".ledger" / name).write_bytes(b"".join(lines))
    begun = time.perf_counter()
    store = open_store(folder)
    opened = time.perf_counter() - begun
    begun, busy = time.perf_counter(), time.process_time()
    applied = 0

    def told(progress: dict[str, object]) -> None:
        nonlocal applied
        if progress["phase"] == "leaves":
            applied = int(str(progress["done"]))
            if applied >= numbers:
                store.interrupt()  # files there are none

    store.ledger.rebuild(told, everything=True, paced=False)
    took, busy = time.perf_counter() - begun, time.process_time() - busy
    store.close()
    return FromLeaves(applied, took, busy, opened, written / numbers)


def from_files(folder: Path, files: int) -> FromFiles:
    volume_of(folder)
    for index in range(files):
        start_ms = WALL_MS + index * SEGMENT_MS
        relative = segment_path("lobby", start_ms, index + 1)
        story = EmbeddedMetadata(
            "lobby", index + 1, Moment(start_ms, index * SEGMENT_MS), "gone", 1, True, Bounds(FLOOR_S, CEILING_S), 0, ""
        )
        path = folder / "disk" / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tiny_mp4.segment(story.to_json(), 20))
    store = open_store(folder)
    begun = time.perf_counter()
    report = store.ledger.rebuild(everything=True, paced=False)
    took = time.perf_counter() - begun
    store.close()
    return FromFiles(report.adopted, took)


if __name__ == "__main__":
    main()
