"""A box with real films, an account that looks at them, and viewing copies for it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any, Final

from edged.config.load import load
from edged.evidence.export_service import ExportService
from edged.office.request import Scope, Stretch
from edged.office.viewing_copies import ViewingCopies, ViewingCopy
from recorder.mp4 import Muxer
from storage.exports.model import OfficeRequest
from storage.segments.mp4 import EmbeddedMetadata
from storage.segments.segment_file import SegmentFile
from storage.words.layout import segment_path
from storage.words.model import Bounds, Closing, Segment
from tests.support.configuration import Setup, Watched
from tests.support.footage import Picture
from tests.support.office import DEADLINE_S, Office
from tests.support.tracks import Sample, interleaved, parameters, pictures, written

PICTURE: Final = Picture(width=160, height=90, fps=5, gop=10, kbps=50)
"""A key frame every 2 s."""
SEGMENT_S: Final = 6
CAMERAS: Final = ("lobby", "gate")
KEPT: Final = Bounds(60, 7200)
REQUEST: Final = OfficeRequest("115-0007", "P-public")
READER: Final = 54_321
"""uid of an account that nobody has."""
MIB: Final = 1 << 20


@cache
def _pictures() -> list[Sample]:
    return pictures(PICTURE, SEGMENT_S)


class ViewedBox(Office):
    """Cameras whose segments can be played, an export service over them, and viewing copies."""

    def __init__(self, root: Path, base: Path | None = None, keep_free_bytes: int = 0) -> None:
        root.chmod(0o755)
        self.base = root / "viewings" if base is None else base
        self._keep_free_bytes = keep_free_bytes
        super().__init__(root)
        toml = Setup([Watched(name, "test://") for name in CAMERAS], floor="1m", ceiling="2h").toml(
            state=self.state, socket=root / "socket", volume=self.disk
        )
        (root / "edged.toml").write_text(toml)
        self._config = load(root / "edged.toml")
        self.serve()

    def serve(self) -> None:
        """What a daemon makes at its start."""
        self.exports = ExportService(self.store, self.clock, lambda: self._config)
        self.copies = ViewingCopies(self.exports, self.store.exports, self.base, self._keep_free_bytes)

    def film(self, camera: str, *, bounds: Bounds = KEPT) -> Segment:
        """A segment of SEGMENT_S, recorded while the clock moves with it."""
        opening = self.opening(camera, bounds=bounds)
        self.store.open_segment(opening).result(DEADLINE_S)
        file = SegmentFile.create(
            self.path_of(opening.volume), opening.volume, segment_path(camera, opening.start.wall_ms, opening.seq)
        )
        for block in _muxed(self.story(opening)):
            file.write(block)
        sealed = file.commit()
        self.clock.tick(SEGMENT_S * 1000)
        closing = Closing(
            camera, opening.seq, self.clock.now(), sealed.bytes, sealed.sha256, len(_pictures()), parts=sealed.parts
        )
        return self.store.commit_segment(closing).result(DEADLINE_S)

    def recorded(self, count: int = 3, *cameras: str, bounds: Bounds = KEPT) -> int:
        """So many segments of each camera, one camera behind the other; when the first began."""
        begun = self.clock.wall_ms
        for camera in cameras or ("lobby",):
            self.enrol(camera)
            for _ in range(count):
                self.film(camera, bounds=bounds)
        return begun

    def lay(self, scope: Scope, progress: Callable[[dict[str, Any]], None] = lambda _: None) -> ViewingCopy:
        return self.copies.lay(REQUEST, scope, READER, progress, Event())

    @property
    def place(self) -> Path:
        """Where the viewing copy lies."""
        return self.base / REQUEST.number

    def events(self) -> list[str]:
        """What the leaves of its exports say, in order of export."""
        read = self.store.exports._database.read
        rows = read(
            lambda db: db.execute(
                "SELECT json_extract(body, '$.event') FROM leaves WHERE kind = 'copy'"
                " ORDER BY json_extract(body, '$.export'), number"
            ).fetchall()
        )
        return [event for (event,) in rows]

    def restart(self) -> None:
        """After a power cut; nothing has been swept yet."""
        self.crash()
        self.start()
        self.serve()


def _muxed(story: EmbeddedMetadata) -> list[bytes]:
    muxer = Muxer(parameters(PICTURE), 90_000, None, story.to_json())
    muxer.tell_clock(0, story.start.wall_ms * 1_000_000)
    return [written(muxer, interleaved((90_000, _pictures())))]


def stretch(begun: int, from_s: float, to_s: float, camera: str = "lobby") -> Stretch:
    return Stretch(camera, begun + round(from_s * 1000), begun + round(to_s * 1000))


def can_be_somebody_else() -> bool:
    return os.geteuid() == 0


def read_as(uid: int, path: Path, groups: tuple[int, ...] = ()) -> bytes | None:
    """What an account reads there; of a directory its names; None: it may not."""
    done = subprocess.run(
        ["/bin/ls" if path.is_dir() else "/bin/cat", "--", str(path)],
        user=uid, group=uid, extra_groups=groups, cwd="/", env={}, capture_output=True, check=False,
    )  # fmt: skip
    return done.stdout if done.returncode == 0 else None
