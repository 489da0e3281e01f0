"""What the demonstration must have shown: what was seen goes in, what did not hold comes out.

Pure but for `look_at_files`, which reads and decodes them. Imports edged.documents and recorder.decoder.decode.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from edged.documents.site import Segment
from recorder.decoder.decode import UnplayableError, check_file

STOP_LIMIT_S: Final = 10.0
"""A clean stop commits the last segments and is over by then."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What the demonstration set out to keep."""

    cameras: tuple[str, ...]
    quota_bytes: int
    floor_s: int
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """One finished file of the ring. `trouble` is why it does not play, "" if it does."""

    path: Path
    bytes: int
    sha256: str
    frames: int
    trouble: str


@dataclass(frozen=True, slots=True)
class Observed:
    """What came of it."""

    listed: tuple[Segment, ...]
    """By `edgectl segments`, just before the stop."""
    files: tuple[RecordedFile, ...]
    unfinished: tuple[Path, ...]
    """`.part` files left after the stop."""
    heard: Mapping[str, int]
    """Messages by topic."""
    peak_bytes: int
    """Most that lay on the volume at once."""
    exit_code: int | None
    """None: it had to be killed."""
    stop_s: float
    stopped: datetime


def look_at_files(volume: Path) -> tuple[RecordedFile, ...]:
    return tuple(_look_at(path) for path in sorted(volume.rglob("*.mp4")))


def _look_at(path: Path) -> RecordedFile:
    data = path.read_bytes()  # ten seconds of test pattern: a few MB
    try:
        frames, trouble = check_file(path), ""
    except UnplayableError as error:
        frames, trouble = 0, str(error)
    return RecordedFile(path, len(data), hashlib.sha256(data).hexdigest(), frames, trouble)


def failures(promise: Promise, seen: Observed) -> list[str]:
    """What did not hold; nothing is what one hopes for."""
    return [*_stop(seen), *_segments(promise, seen), *_files(seen), *_ring(promise, seen), *_messages(promise, seen)]


def _stop(seen: Observed) -> list[str]:
    found = []
    if seen.exit_code is None:
        found.append("the daemon did not stop and had to be killed")
    elif seen.exit_code != 0:
        found.append(f"the daemon ended with exit code {seen.exit_code}")
    if seen.stop_s > STOP_LIMIT_S:
        found.append(f"the daemon took {seen.stop_s:.1f} s to stop; {STOP_LIMIT_S:.0f} s is the limit")
    found += [f"{path.name} was left unfinished" for path in seen.unfinished]
    return found


def _segments(promise: Promise, seen: Observed) -> list[str]:
    recorded = {segment.camera for segment in seen.listed}
    found = [f"camera {camera}: no segment was recorded" for camera in promise.cameras if camera not in recorded]
    on_disk = {file.path: file for file in seen.files}
    for segment in seen.listed:
        file = on_disk.get(Path(segment.path))
        if file is not None and (file.bytes, file.sha256) != (segment.bytes, segment.sha256):
            found.append(f"{file.path.name} is not the file that the catalog lists")
        age_s = (seen.stopped - datetime.fromisoformat(segment.end)).total_seconds()
        if file is None and age_s < promise.floor_s:
            found.append(f"{Path(segment.path).name} is gone before its floor, at an age of {age_s:.0f} s")
    return found


def _files(seen: Observed) -> list[str]:
    return [file.trouble for file in seen.files if file.trouble] or ([] if seen.files else ["there is no file at all"])


def _ring(promise: Promise, seen: Observed) -> list[str]:
    """The quota may be passed by what is being written: one segment of each camera."""
    largest: dict[str, int] = {}
    for segment in seen.listed:
        largest[segment.camera] = max(largest.get(segment.camera, 0), segment.bytes)
    allowed = promise.quota_bytes + sum(largest.values())
    if seen.peak_bytes <= allowed:
        return []
    return [f"the ring held {seen.peak_bytes / 1e6:.1f} MB; {allowed / 1e6:.1f} MB were allowed"]


def _messages(promise: Promise, seen: Observed) -> list[str]:
    return [f"nothing was heard on {topic}" for topic in promise.topics if not _heard(topic, seen.heard)]


def _heard(topic: str, heard: Mapping[str, int]) -> int:
    """A topic that ends in `/` stands for all below it."""
    return sum(n for name, n in heard.items() if name == topic or (topic.endswith("/") and name.startswith(topic)))


def report(seen: Observed, found: Sequence[str]) -> str:
    """The last words of the demonstration."""
    frames = sum(file.frames for file in seen.files)
    by_camera = Counter(segment.camera for segment in seen.listed)
    lines = [
        "recorded   " + (", ".join(f"{camera} {n} segments" for camera, n in sorted(by_camera.items())) or "nothing"),
        f"played     {len(seen.files)} files, {frames} pictures",
        f"ring       {seen.peak_bytes / 1e6:.1f} MB at most",
        f"broker     {sum(seen.heard.values())} messages on {len(seen.heard)} topics",
        f"stopped    in {seen.stop_s:.1f} s",
    ]
    lines += [f"FAILED     {what}" for what in found] or ["all of it as it should be"]
    return "\n".join(lines)
