"""What a demonstration sets up: its folder, its configuration, and what it promises to show.

The folder is `.demo` below the current directory. It stays there to be looked at; the next demonstration empties it, of
what a demonstration made and of nothing else. Imports nothing of ours but the promise's type.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edged.demo.checks import Promise

FOLDER: Final = ".demo"
MARK: Final = "made-by-edged-demo"
"""Only a folder that holds this file is ever emptied; it is also the lock."""
MADE: Final = ("edged.toml", "edged.log", "broker.log", "state", "volume")

CAMERAS: Final = {
    "lobby": ("大廳", "test://?size=1280x720&fps=15"),
    "counter": ("櫃台", "test://?size=854x480&fps=10&codec=h265&audio=0"),
}
SEGMENT_S: Final = 10
FLOOR_S: Final = 60
CEILING_S: Final = 300
QUOTA_MB: Final = 3
RING_S: Final = 80
"""What the quota holds of these two pictures, about: past the floor, and one sees the ring turn within two minutes."""

CONFIGURATION: Final = """\
# Written by `edged demo`. A real one looks the same, with rtsp:// addresses, days for minutes, and a disk for a folder.
[site]
node = "demo"
office = "demo"
name = "edged demo"

[paths]
state = {state}
socket = {socket}

[[volumes]]
path = {volume}
reserve = "32MiB"
max_bytes = "{quota_mb}MB"

[recording]
segment = "{segment_s}s"

[retention]
min = "{floor_s}s"
max = "{ceiling_s}s"

[mqtt]
host = "127.0.0.1"
port = {port}
"""
CAMERA: Final = """
[[cameras]]
id = "{id}"
name = "{name}"
url = "{url}"
"""


class DemoError(Exception):
    """Why the demonstration cannot be given, for the person who started it."""


@contextmanager
def emptied(folder: Path) -> Iterator[int]:
    """The folder, locked, without what an earlier demonstration left there; gives the lock's descriptor."""
    mark = folder / MARK
    if folder.exists() and not mark.exists() and any(folder.iterdir()):
        raise DemoError(f"{folder} was not made by a demo, and is left alone: start the demo in another directory")
    folder.mkdir(exist_ok=True)
    with mark.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(f"another demo, or what is left of one, still runs in {folder}") from None
        for name in MADE:
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        for name in ("state", "volume"):
            (folder / name).mkdir(mode=0o750)
        yield lock.fileno()


def configuration(folder: Path, socket: Path, port: int) -> str:
    """A TOML basic string is a JSON string."""
    head = CONFIGURATION.format(
        state=json.dumps(str(folder / "state"), ensure_ascii=False),
        volume=json.dumps(str(folder / "volume"), ensure_ascii=False),
        socket=json.dumps(str(socket), ensure_ascii=False),
        quota_mb=QUOTA_MB,
        segment_s=SEGMENT_S,
        floor_s=FLOOR_S,
        ceiling_s=CEILING_S,
        port=port,
    )
    return head + "".join(CAMERA.format(id=id_, name=name, url=url) for id_, (name, url) in CAMERAS.items())


def promise() -> Promise:
    up = "edged/v1/demo/up"
    topics = [f"{up}/status", f"{up}/birth", f"{up}/heartbeat", f"{up}/storage/"]
    topics += [f"{up}/cam/{camera}/{kind}" for camera in CAMERAS for kind in ("health", "retention")]
    return Promise(tuple(CAMERAS), QUOTA_MB * 1_000_000, FLOOR_S, tuple(topics))
