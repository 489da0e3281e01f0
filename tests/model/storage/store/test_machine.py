"""The store against a naive model: cameras record, workers die, daemons crash, boxes reboot, the ring turns.

After every step S1, S3, S4, S5 and S9 are looked up in the database and on the disk, not asked of the store.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from storage.retention import bounds as ring_bounds
from storage.retention.bounds import UNBOUNDED_S
from storage.retention.plan import Policy, effective
from storage.segments.gaps_table import JOIN_MS
from storage.words.layout import PART_SUFFIX, segment_path
from storage.words.model import Bounds, GapCause, VolumeStatus
from tests.conftest import Profile
from tests.support.office import DEADLINE_S, MEMORY, Office, Recording, sha256
from tests.support.tiny_mp4 import FRAGMENT_FRAMES, FRAGMENT_MS

CAMERAS = ("door", "lobby")
BOUNDS = (Bounds(2, 10), Bounds(5, 20), Bounds(0, 60))
QUOTA_BYTES = 12_000
SHORT_WAIT_MS = 6_000
"""Instead of a day: the machine's hours are seconds."""
SMALL = settings(
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

camera_names = st.sampled_from(CAMERAS)
some_bounds = st.sampled_from(BOUNDS)
causes = st.sampled_from([GapCause.UNREACHABLE, GapCause.STALLED, GapCause.DROPPED])


@dataclass(frozen=True)
class End:
    """How the files of a worker look that is gone."""

    torn: bool
    """The last fragment was being written."""
    renamed: bool
    """The older one was complete, and only its row did not hear of it."""
    unsynced: int
    """Fragments that did not reach the disk."""
    late: int | None
    """At a cut, after so many fragments that belong before it; None: anywhere."""


lates = st.one_of(st.none(), st.integers(0, 2))
ends = st.builds(End, torn=st.booleans(), renamed=st.booleans(), unsynced=st.integers(0, 3), late=lates)


@dataclass
class Footage:
    """What the model knows of one segment: in running time of the box, over all boots."""

    bounds: Bounds
    start_ms: int
    end_ms: int = 0
    frames: int = 0
    next_ms: int | None = None
    """Where the one that follows without a pause began."""
    sha256: bytes | None = None

    def is_length(self, duration_ms: int) -> bool:
        """All that is whole, and no further than to where the next one began, if that is still known."""
        whole_ms = self.end_ms - self.start_ms
        if self.next_ms is None:
            return duration_ms == whole_ms
        return duration_ms in (whole_ms, min(whole_ms, self.next_ms - self.start_ms))


@dataclass
class Lane:
    """A camera's worker: at most two segments at a time, the older one about to be committed."""

    recordings: list[Recording] = field(default_factory=list)


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.patched = pytest.MonkeyPatch()
        self.patched.setattr(ring_bounds, "WAIT_MS", SHORT_WAIT_MS)
        self.directory = tempfile.TemporaryDirectory(dir=MEMORY)
        self.office = Office(Path(self.directory.name), max_bytes=QUOTA_BYTES)
        self.running_ms = 0
        self.lanes = {camera: Lane() for camera in CAMERAS}
        self.footage: dict[tuple[str, int], Footage] = {}
        self.configured = dict.fromkeys(CAMERAS, BOUNDS[1])
        self.told: dict[str, list[tuple[int, Bounds]]] = {camera: [] for camera in CAMERAS}

    @initialize()
    def enrol(self) -> None:
        for camera in CAMERAS:
            self.office.enrol(camera)

    def teardown(self) -> None:
        for lane in self.lanes.values():
            for recording in lane.recordings:
                recording.file.abandon()
        self.office.store.close()
        self.directory.cleanup()
        self.patched.undo()

    def tick(self, ms: int) -> None:
        self.office.clock.tick(ms)
        self.running_ms += ms
        self.office.store.heartbeat().result(DEADLINE_S)

    # --- recording ---

    @rule(ms=st.integers(1, 4000))
    def time_passes(self, ms: int) -> None:
        """Workers that record go on recording, in whole fragments; who falls behind is a camera that stalls."""
        if all(not lane.recordings for lane in self.lanes.values()):
            self.tick(ms)

    @rule(fragments=st.integers(1, 8))
    def record(self, fragments: int) -> None:
        for lane in self.lanes.values():
            if lane.recordings:
                lane.recordings[-1].write(fragments)
        self.tick(fragments * FRAGMENT_MS)

    @rule(camera=camera_names, bounds=some_bounds, late=st.integers(0, 2))
    def begin_segment(self, camera: str, bounds: Bounds, late: int) -> None:
        """With one in progress it is a cut: `late` fragments of that one come afterwards, and reach further."""
        lane = self.lanes[camera]
        if len(lane.recordings) > 1 or not isinstance(self.office.store.choose_volume(), VolumeStatus):
            return
        recording = self.office.record(camera, bounds=bounds)
        if lane.recordings:
            self.footage[camera, lane.recordings[-1].opening.seq].next_ms = self.running_ms
            lane.recordings[-1].write(late)
        lane.recordings.append(recording)
        self.footage[camera, recording.opening.seq] = Footage(bounds, self.running_ms)

    @rule(camera=camera_names)
    def commit(self, camera: str) -> None:
        """The older segment is committed; with it alone, the session ends and a gap begins."""
        lane = self.lanes[camera]
        if not lane.recordings:
            return
        recording = lane.recordings.pop(0)
        closing_told = recording.close()
        if lane.recordings:
            closing_told = replace(closing_told, end=lane.recordings[0].opening.start)
        self.office.store.commit_segment(closing_told).result(DEADLINE_S)
        self.written(recording, closing_told.sha256)
        if not lane.recordings:
            self.office.store.begin_gap(camera, None, GapCause.DROPPED, "").result(DEADLINE_S)

    def written(self, recording: Recording, digest: bytes | None = None) -> None:
        known = self.footage[recording.opening.camera, recording.opening.seq]
        known.end_ms = known.start_ms + recording.fragments * FRAGMENT_MS
        known.frames = recording.fragments * FRAGMENT_FRAMES
        known.sha256 = digest

    @rule(camera=camera_names, cause=causes)
    def trouble(self, camera: str, cause: GapCause) -> None:
        if not self.lanes[camera].recordings:
            self.office.store.begin_gap(camera, self.office.clock.now(), cause, "").result(DEADLINE_S)

    # --- dying ---

    def into_a_cut(self, camera: str, late: int) -> None:
        """As far as there is room for it: two segments in progress."""
        for number in range(2):
            if len(self.lanes[camera].recordings) <= number:
                self.begin_segment(camera, BOUNDS[number], late)
                self.record(2)

    def kill_worker(self, camera: str, end: End) -> list[int]:
        """Leaves `.part` files, cut anywhere, or one that got its name and whose row did not hear of it; which ones."""
        if end.late is not None:
            self.into_a_cut(camera, end.late)
        for number, recording in enumerate(self.lanes[camera].recordings):
            if end.renamed and number == 0 and recording.fragments:
                self.written(recording)
                recording.close()
                continue
            if end.torn:
                recording.file.write(b"\0\0\1\0moof torn")
            recording.file.abandon()
            recording.lose(end.unsynced)
            self.written(recording)
        seqs = [recording.opening.seq for recording in self.lanes[camera].recordings]
        self.lanes[camera].recordings.clear()
        return seqs

    @rule(camera=camera_names, end=ends, gap_first=st.booleans(), newest_first=st.booleans())
    def worker_dies(self, camera: str, end: End, gap_first: bool, newest_first: bool) -> None:
        if not self.lanes[camera].recordings:
            return
        seqs = self.kill_worker(camera, end)
        if gap_first:
            self.office.store.begin_gap(camera, None, GapCause.WORKER_CRASH, "").result(DEADLINE_S)
        for seq in sorted(seqs, reverse=newest_first):
            assert self.office.salvage(camera, seq).left == ()
        if not gap_first:
            self.office.store.begin_gap(camera, None, GapCause.WORKER_CRASH, "").result(DEADLINE_S)

    @rule(end=ends, reboot=st.booleans(), down_ms=st.integers(0, 5000), recovers=st.booleans())
    def daemon_dies(self, end: End, reboot: bool, down_ms: int, recovers: bool) -> None:
        for camera in CAMERAS:
            self.kill_worker(camera, end)
        self.office.crash()
        self.come_back(reboot=reboot, down_ms=down_ms)
        if recovers:
            self.recover()

    @rule(reboot=st.booleans(), down_ms=st.integers(0, 5000))
    def daemon_stops(self, reboot: bool, down_ms: int) -> None:
        for camera in CAMERAS:
            while self.lanes[camera].recordings:
                self.commit(camera)
        self.office.store.close()
        self.come_back(reboot=reboot, down_ms=down_ms)

    def come_back(self, *, reboot: bool, down_ms: int) -> None:
        if reboot:
            self.office.clock.reboot(down_ms)
            self.running_ms += self.office.clock.boottime_ms
        else:
            self.office.clock.tick(down_ms)
            self.running_ms += down_ms
        self.office.start()
        self.enrol()

    @rule()
    def recover(self) -> None:
        assert self.office.store.recover().left == ()

    # --- clocks and retention ---

    @rule(seconds=st.sampled_from([-86_400 * 400, -3600, 2, 7200, 86_400 * 400]))
    def clock_is_stepped(self, seconds: int) -> None:
        self.office.clock.step_wall(seconds * 1000)
        self.office.store.clock_stepped(self.office.clock.now(), True).result(DEADLINE_S)

    @rule(camera=camera_names, bounds=some_bounds)
    def configure(self, camera: str, bounds: Bounds) -> None:
        self.configured[camera] = bounds

    def in_force(self, camera: str) -> Bounds:
        """A shortened ceiling waits; what was stamped alone held before the first sweep heard of any."""
        told, configured = self.told[camera], self.configured[camera]
        if not told or told[-1][1] != configured:
            told.append((self.running_ms, configured))
        before = [UNBOUNDED_S, *(bounds.ceiling_s for _, bounds in told)]
        held = [s for s, (since_ms, _) in zip(before, told, strict=False) if self.running_ms - since_ms < SHORT_WAIT_MS]
        return Bounds(configured.floor_s, max([configured.ceiling_s, *held]))

    @rule()
    def sweep(self) -> None:
        before = {(row["camera"], row["seq"]) for row in self.rows() if row["state"] == "committed"}
        for camera in CAMERAS:
            self.in_force(camera)
        report = self.office.store.sweep(lambda: Policy(self.configured))
        assert report.failed == ()
        after = {(row["camera"], row["seq"]) for row in self.rows() if row["state"] == "committed"}
        for key in before - after:
            known = self.footage[key]
            bounds = effective(known.bounds, self.configured[key[0]])
            end_ms = known.end_ms if known.next_ms is None else min(known.end_ms, known.next_ms)
            assert self.running_ms - end_ms >= bounds.floor_s * 1000, f"S1: {key} was younger than its floor"
        for key in before & after:  # what is salvaged behind this sweep has its turn in the next
            known = self.footage[key]
            bounds = effective(known.bounds, self.in_force(key[0]))
            past = self.running_ms - known.start_ms >= bounds.ceiling_s * 1000
            kept = self.running_ms - known.end_ms < bounds.floor_s * 1000
            assert kept or not past, f"S3: {key} is past its ceiling"

    # --- looked up, not asked ---

    def rows(self) -> list[dict[str, Any]]:
        return self.look(
            "SELECT c.id AS camera, s.seq, s.state, s.start_wall_ms, s.duration_ms, s.bytes, s.sha256, s.video_frames,"
            " s.name FROM segments s JOIN cameras c ON c.number = s.camera"
        )

    def look(self, sql: str, *values: int) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(f"file:{self.office.state}/edged.db?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql, values)]

    @invariant()
    def s4_rows_have_their_files(self) -> None:
        for row in self.rows():
            if row["state"] != "committed":
                continue
            path = self.office.disk / segment_path(row["camera"], row["start_wall_ms"], row["seq"])
            assert (path.stat().st_size, sha256(path)) == (row["bytes"], row["sha256"]), f"S4: {path}"
            known = self.footage[row["camera"], row["seq"]]
            assert known.sha256 in (None, row["sha256"])
            assert known.is_length(row["duration_ms"]), "nothing that was whole is lost"
            assert row["video_frames"] == known.frames

    @invariant()
    def s5_files_have_their_rows(self) -> None:
        owners: dict[str, str] = {}
        for row in self.rows():
            final = row["name"] or str(segment_path(row["camera"], row["start_wall_ms"], row["seq"]))
            assert final not in owners
            owners[final] = row["state"]
        for name in self.office.files():
            state = owners.get(name.removesuffix(PART_SUFFIX))
            assert state in ("open", "committed", "quarantined"), f"S5: {name} is {state}"
            assert state == "open" or not name.endswith(PART_SUFFIX)

    @invariant()
    def no_instant_is_told_of_twice(self) -> None:
        """Two segments of a camera are open at a cut; in the reports one ends where the other begins, or before."""
        ends: dict[tuple[int, int], tuple[int, int]] = {}
        for row in self.look("SELECT * FROM segments WHERE name IS NULL ORDER BY camera, seq"):
            key = (row["camera"], row["boot"])
            before_seq, before_ms = ends.get(key, (0, 0))
            assert row["start_boottime_ms"] >= before_ms, f"{row['seq']} begins before {before_seq} ends"
            ends[key] = (row["seq"], row["start_boottime_ms"] + row["duration_ms"])

    @invariant()
    def s9_every_second_is_accounted_for(self) -> None:
        now = (self.office.store.boot, self.office.clock.boottime_ms)
        for camera in self.look("SELECT * FROM cameras"):
            claims = self.claims(camera["number"])
            frontier = claims[0][0]
            for number, (begin, end) in enumerate(claims):
                same_boot = begin[0] == frontier[0]
                assert begin <= frontier or (same_boot and begin[1] <= frontier[1] + JOIN_MS), (
                    f"S9: hole {frontier} {begin}"
                )
                following = claims[number + 1][0] if number + 1 < len(claims) else now
                frontier = max(frontier, following if end is None else end)
            assert frontier >= now or (now[0] == frontier[0] and now[1] <= frontier[1] + JOIN_MS), "S9: the end is open"
        assert self.look("SELECT * FROM gaps WHERE cause = 'unknown'") == [], "each gap here was made by an event"

    def claims(self, camera: int) -> list[tuple[tuple[int, int], tuple[int, int] | None]]:
        spans: list[tuple[tuple[int, int], tuple[int, int] | None]] = []
        for row in self.look("SELECT * FROM segments WHERE camera = ? AND state IN ('open', 'committed')", camera):
            begin = (row["boot"], row["start_boottime_ms"])
            spans.append((begin, None if row["state"] == "open" else (begin[0], begin[1] + row["duration_ms"])))
        spans += [
            ((row["boot"], row["start_boottime_ms"]), (row["boot"], row["end_boottime_ms"]))
            for row in self.look("SELECT * FROM destroyed WHERE camera = ?", camera)
        ]
        for row in self.look("SELECT * FROM gaps WHERE camera = ?", camera):
            end = None if row["end_boot"] is None else (row["end_boot"], row["end_boottime_ms"])
            spans.append(((row["boot"], row["start_boottime_ms"]), end))
        return sorted(spans, key=lambda span: (span[0], span[1] or (1 << 62, 0)))

    @invariant()
    def coverage_agrees(self) -> None:
        for camera in CAMERAS:
            answer = self.office.store.coverage(camera, 0, self.office.clock.wall_ms)
            assert answer.unexplained_ms == 0

    @invariant()
    def counters_agree(self) -> None:
        held = self.look("SELECT count(*) AS n, coalesce(sum(bytes), 0) AS size FROM segments WHERE state <> 'open'")
        counted = self.look("SELECT coalesce(sum(segments), 0) AS n, coalesce(sum(bytes), 0) AS size FROM holdings")
        assert held == counted


def test_whatever_happens_it_is_as_the_model_says(profile: Profile) -> None:
    run_state_machine_as_test(Machine, settings=settings(SMALL, max_examples=profile.model_examples))
