"""The ring turns: what is oldest makes room, nothing younger than its floor goes, nothing outlives its ceiling."""

from __future__ import annotations

import re
import time
from pathlib import Path

from edged.documents import site as documents
from tests.conftest import Profile
from tests.support.configuration import Setup
from tests.support.daemon import Daemon, moment
from tests.support.fsck import fsck_clean
from tests.support.rtsp_server import RtspServer
from tests.support.scenes import FOUR, cheap, recording_faults, watched
from tests.support.waiting import let_run

CAMERAS = (cheap("one", kbps=1500), cheap("two", kbps=1000, footage="bigbuckbunny"))
"""Small pictures of many bytes: 350 kB/s together."""
NAMES = [camera.id for camera in CAMERAS]
LATE_S = 10.0
"""How long after its ceiling a segment may be there: one sweep, and the length of a look."""


class Watch:
    """Looks again and again at what is on disk, and remembers when each file was last seen."""

    def __init__(self, edged: Daemon) -> None:
        self.edged = edged
        self.most_bytes = 0
        self.largest: dict[str, int] = {}
        self.last_seen: dict[str, float] = {}
        self.segments: dict[str, documents.Segment] = {}

    def look(self) -> None:
        self.edged.check_alive()
        used = 0
        for path in (*self.edged.files(), *self.edged.parts()):
            try:
                size = path.stat().st_size
            except FileNotFoundError:
                continue
            used += size
            camera = path.relative_to(self.edged.volume).parts[0]
            self.largest[camera] = max(self.largest.get(camera, 0), size)
            self.last_seen[str(path)] = time.time()
        self.most_bytes = max(self.most_bytes, used)
        listed = self.edged.ask("/v1/segments")
        for segment in documents.Segments.model_validate(listed).segments:
            self.segments[segment.path] = segment

    @property
    def destroyed(self) -> list[documents.Segment]:
        return [segment for path, segment in self.segments.items() if not Path(path).exists()]


def quota_bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+)MB", text)
    assert match is not None
    return int(match.group(1)) * 1_000_000


def test_the_ring_turns_within_its_quota(tmp_path: Path, profile: Profile) -> None:
    cameras = FOUR if profile.name == "long" else CAMERAS
    names = [camera.id for camera in cameras]
    with RtspServer(cameras, tmp_path / "cameras") as server:
        setup = Setup(
            watched(server), segment=f"{profile.ring_segment_s}s", floor=f"{profile.ring_floor_s}s",
            max_bytes=profile.ring_quota,
        )  # fmt: skip
        with Daemon(tmp_path / "edged", setup) as edged:
            edged.wait_for_states("recording", names)
            watch = Watch(edged)
            let_run(profile.ring_s, watch.look)
            assert watch.destroyed, "the ring never turned"
            for segment in watch.destroyed:
                age_s = watch.last_seen[segment.path] + 2 - moment(segment.end)  # looked at every second
                assert age_s >= profile.ring_floor_s, f"{segment.path} was destroyed {age_s:.1f} s old"
            assert watch.most_bytes <= quota_bytes(profile.ring_quota) + sum(watch.largest.values())
            assert watch.most_bytes > quota_bytes(profile.ring_quota) / 2, "it makes use of the quota"
            for name in names:
                gone = sorted(segment.seq for segment in watch.destroyed if segment.camera == name)
                assert gone == list(range(1, len(gone) + 1)), "the oldest went first"
            told = edged.until(
                lambda: counted(edged, len(watch.destroyed)), 15, "the sweep that was under way has ended"
            )
            documents.Retention.model_validate(told)
            assert edged.stop() == 0
            server.close()
            edged.start()
            edged.wait_for_states("down", names)
            assert edged.catalog_faults() == []
            fsck_clean(edged)
            for camera in cameras:
                assert recording_faults(edged, server, camera) == []
                assert "unknown" not in {gap.cause for gap in edged.gaps(camera.id)}


def counted(edged: Daemon, least: int) -> object:
    """What `edgectl retention` tells, once it has counted so many: a sweep is counted when it ends."""
    told = edged.ctl("retention").document
    return told if told["destroyed"] >= least else None


def test_a_floor_is_held_even_if_recording_has_to_wait(tmp_path: Path) -> None:
    """A quota that cannot hold the floor: recording stops and says so, and goes on as what is old enough makes room."""
    floor_s, quota = 6, "2MB"
    with RtspServer(CAMERAS, tmp_path / "cameras") as server:
        setup = Setup(watched(server), segment="2s", floor=f"{floor_s}s", max_bytes=quota)
        with Daemon(tmp_path / "edged", setup) as edged:
            edged.wait_for_states("recording", NAMES)
            watch = Watch(edged)
            let_run(2.5 * floor_s, watch.look)
            assert watch.most_bytes <= quota_bytes(quota) + sum(watch.largest.values())
            assert watch.destroyed, "what was old enough made room"
            for segment in watch.destroyed:
                age_s = watch.last_seen[segment.path] + 2 - moment(segment.end)
                assert age_s >= floor_s, f"{segment.path} was destroyed {age_s:.1f} s old"
            causes = {gap.cause for gap in edged.gaps()}
            assert causes & {"floor-protect", "disk-full"}
            assert "unknown" not in causes
            alarms = documents.Alarms.model_validate(edged.ctl("alarms").document).alarms
            assert "critical" in {alarm.severity for alarm in alarms}
            assert edged.stop() == 0


def test_nothing_outlives_its_ceiling(tmp_path: Path) -> None:
    """With room for everything; for a camera that left the configuration as well (S3)."""
    ceiling_s = 6
    with RtspServer(CAMERAS, tmp_path / "cameras") as server:
        setup = Setup(watched(server), segment="2s", floor="3s", ceiling=f"{ceiling_s}s")
        with Daemon(tmp_path / "edged", setup) as edged:
            edged.wait_for_states("recording", NAMES)
            let_run(3, edged.check_alive)
            edged.configure(Setup(watched(server, "one"), segment="2s", floor="3s", ceiling=f"{ceiling_s}s"))
            reload = documents.Reload.model_validate(edged.ctl("reload").document)
            assert (reload.removed, reload.unchanged) == (["two"], ["one"])
            watch = Watch(edged)

            def of_two() -> list[Path]:
                files = [*edged.files(), *edged.parts()]
                return [path for path in files if path.relative_to(edged.volume).parts[0] == "two"]

            def is_over() -> bool:
                watch.look()
                return not of_two() and {segment.camera for segment in watch.destroyed} == {"one", "two"}

            edged.until(is_over, ceiling_s + LATE_S, "what is too old of either is gone")
            let_run(3, watch.look)
            starts = {path: moment(segment.start) for path, segment in watch.segments.items()}
            late = {path: seen - starts[path] for path, seen in watch.last_seen.items() if path in starts}
            assert max(late.values()) <= ceiling_s + LATE_S
            assert edged.files(), "one goes on recording"
            assert of_two() == []
            assert edged.stop() == 0
            assert {entry.run for entry in server.sent("one")} == {1}, "the reload did not touch it"
