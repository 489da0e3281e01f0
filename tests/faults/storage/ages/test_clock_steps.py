"""The wall clock is set by years under the running daemon: nothing goes too early, nothing stops (S7, S9, L3).

The clock is that of `tests.support.wallclock`; how old a file was when it went is told by this test's own clock, which
nobody sets. The negative control believes the wall clock, and the test must notice.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from edged.documents import site as documents
from edged.main import daemon
from storage.words.layout import IDENTITY_NAME, parse_segment_name
from storage.words.model import GapCause
from tests.conftest import Profile
from tests.support import promises
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon, moment, shortened
from tests.support.fsck import fsck_clean
from tests.support.promises import Box
from tests.support.waiting import let_run, wait_until
from tests.support.wallclock import WallClock

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is missing: script/setup test")

NAMES: Final = ("one", "two")
PATTERN: Final = "test://?size=160x96&fps=10&gop=0.5"
FLOOR_S: Final = 8
CEILING_S: Final = 16
MAX_BYTES: Final = "700kB"
SLACK_S: Final = 3.0
"""A segment's file has its final name so long after its end at the latest; both ages are looked at from outside."""
LATE_S: Final = 12.0
"""How long after its ceiling a segment may be there: a sweep, a file's removal, and a busy machine."""
BACK_S: Final = 20.0
HOUR_S: Final = 3600.0
DAY_S: Final = 24 * HOUR_S
YEARS_S: Final = 2 * 365 * DAY_S
LOOK_S: Final = 0.25


def at(year: int) -> Callable[[], float]:
    return lambda: datetime(year, 6, 1, 12, tzinfo=UTC).timestamp() - time.time()


def by(seconds: float) -> Callable[[], float]:
    return lambda: seconds


STEPS: Final[Mapping[str, Callable[[], float]]] = {
    "two years on": by(YEARS_S),
    "two years back": by(-YEARS_S),
    "before 1980": at(1979),
    "beyond 2038": at(2040),
    "to 0": lambda: -time.time(),
    "an hour back": by(-HOUR_S),
    "an hour on": by(HOUR_S),
    "a day back": by(-DAY_S),
    "a day on": by(DAY_S),
    "right again": by(0),
}
"""How far off the truth the clock is afterwards."""
GRAVEST: Final = 4
WALL_BELIEVED: Final = """
import time
from dataclasses import replace
from storage.ages.history import Age
from storage.ring import sweep
told = sweep.candidate
def believed(row, ages, end=None):
    now_ms, last = time.time_ns() // 1_000_000, row.end if end is None else end
    start_ms, end_ms = max(0, now_ms - row.start.wall_ms), max(0, now_ms - last.wall_ms)
    return replace(told(row, ages, end), start_age=Age(start_ms, start_ms), end_age=Age(end_ms, end_ms))
sweep.candidate = believed
"""
"""Ages are what the wall clock says."""


class Watch:
    """Looks again and again at what lies on the volume: when each file came, and when it had gone."""

    def __init__(self, edged: Daemon) -> None:
        self.edged = edged
        self.came: dict[str, float] = {}
        self.went: dict[str, float] = {}
        self.faults: list[str] = []
        self._inodes: dict[str, int] = {}
        self._named: dict[tuple[str, int], str] = {}
        self._last_s = time.monotonic()

    def look(self) -> None:
        self.edged.check_alive()
        there = {}
        for path in self.edged.volume.glob("*/????-??-??/*-*.mp4"):
            try:
                there[str(path.relative_to(self.edged.volume))] = path.stat().st_ino
            except FileNotFoundError:
                continue
        now_s = time.monotonic()
        for name in there.keys() - self.came.keys():
            self.came[name] = now_s
            self._check_name(name)
        for name, inode in there.items():
            if self._inodes.setdefault(name, inode) != inode or name in self.went:
                self.faults.append(f"{name} was there twice")
        for name in self.came.keys() - there.keys() - self.went.keys():
            self.went[name] = now_s
        self._last_s = now_s

    def _check_name(self, name: str) -> None:
        parsed = parse_segment_name(Path(name).name)
        assert parsed is not None, name
        other = self._named.setdefault((Path(name).parts[0], parsed[1]), name)
        if other != name:
            self.faults.append(f"{name} has the number of {other}")

    def too_early(self) -> list[str]:
        lived = {name: self.went[name] - self.came[name] for name in self.went}
        return [f"{name} went {age_s:.1f} s old" for name, age_s in lived.items() if age_s + SLACK_S < FLOOR_S]

    def too_late(self) -> list[str]:
        ages = {name: self.went.get(name, self._last_s) - came_s for name, came_s in self.came.items()}
        return [f"{name} was there after {age_s:.1f} s" for name, age_s in ages.items() if age_s > CEILING_S + LATE_S]

    def newest(self, camera: str) -> int:
        return max((seq for name, seq in self._named if name == camera), default=0)

    def run(self, probe: Callable[[], object], within_s: float, what: str) -> None:
        def look() -> object:
            self.look()
            return probe()

        wait_until(look, within_s, what, every_s=LOOK_S)


def setup() -> Setup:
    return Setup(
        [Watched(name, PATTERN) for name in NAMES],
        segment="2s", floor=f"{FLOOR_S}s", ceiling=f"{CEILING_S}s", max_bytes=MAX_BYTES,
    )  # fmt: skip


def recorded_on(watch: Watch) -> Callable[[], bool]:
    """Whether each camera has committed two more segments: one that was begun before, and one from after."""
    watch.look()
    wanted = {name: watch.newest(name) + 2 for name in NAMES}
    return lambda: all(watch.newest(name) >= seq for name, seq in wanted.items())


def step(edged: Daemon, watch: Watch, clock: WallClock, off_s: float) -> None:
    """One step: an epoch, an alarm, and the cameras go on."""
    before = edged.status()
    assert before is not None
    clock.put(off_s)
    goes_on = recorded_on(watch)
    watch.run(partial(_is_told, edged, before.clock.epoch + 1), BACK_S, f"epoch and alarm of {off_s:+.0f} s")
    watch.run(goes_on, BACK_S, "it goes on")
    after = edged.status()
    assert after is not None
    assert after.clock.epoch == before.clock.epoch + 1
    assert not after.clock.synced
    assert abs(datetime.fromisoformat(after.time).timestamp() - clock.off_s - time.time()) < 60
    assert {camera.state for camera in after.cameras} <= {"recording", "degraded"}


def _is_told(edged: Daemon, epoch: int) -> bool:
    status = edged.status()
    return (
        status is not None
        and status.clock.epoch == epoch
        and "clock.stepped" in {alarm.key for alarm in status.alarms if alarm.state == "raised"}
    )


def unaccounted(edged: Daemon) -> list[str]:
    """Seconds unexplained, gaps without a cause."""
    cameras = documents.Cameras.model_validate(edged.ask("/v1/cameras")).cameras
    gaps = documents.Gaps.model_validate(edged.ask("/v1/gaps")).gaps
    faults = [f"{camera.id}: {camera.unexplained_s} s" for camera in cameras if camera.unexplained_s > 0]
    return faults + [f"unknown: {gap.start} to {gap.end}" for gap in gaps if gap.cause == GapCause.UNKNOWN]


def steps_told(box: Box) -> list[int]:
    """By how much, as the ledger has it."""
    bodies = [json.loads(row["body"]) for row in box.look("SELECT body FROM leaves WHERE kind = 'clock'")]
    return [body["by_ms"] for body in bodies if body["what"] == "step"]


def test_years_either_way(tmp_path: Path, memory: Path, profile: Profile) -> None:
    chosen = dict(list(STEPS.items())[: None if profile.name == "long" else GRAVEST])
    with (
        WallClock(tmp_path / "clock") as clock,
        Daemon(memory / "edged", setup(), environment=clock.environment) as edged,
    ):
        edged.wait_for_states("recording", NAMES)
        watch, made = Watch(edged), []
        watch.run(recorded_on(watch), BACK_S, "it records")
        for off_of in chosen.values():
            before_s, off_s = clock.off_s, off_of()
            step(edged, watch, clock, off_s)
            made.append(off_s - before_s)
            assert unaccounted(edged) == []
        turned = len(watch.went)
        watch.run(lambda: len(watch.went) >= turned + 2 * len(NAMES), CEILING_S + LATE_S, "the ring goes on turning")
        assert edged.stop() == 0
        clock.put(clock.off_s - YEARS_S)
        edged.start()
        edged.wait_for_states("recording", NAMES)
        watch.run(recorded_on(watch), BACK_S, "it goes on")
        let_run(SLACK_S, watch.look)
        assert unaccounted(edged) == []
        assert edged.stop() == 0
        assert watch.faults == []
        assert watch.too_early() == []
        assert watch.too_late() == []
        box = Box(edged.state, {json.loads((edged.volume / IDENTITY_NAME).read_text())["volume"]: edged.volume})
        assert promises.at_rest(box) == []
        told = steps_told(box)
        assert [round(by_ms / 1000) for by_ms in told[: len(made)]] == [pytest.approx(by_s, abs=3) for by_s in made]
        assert len(told) == len(made) + 1, "and one for the restart"
        fsck_clean(edged)


def test_footage_from_before_the_first_synchronisation_is_found_by_true_time(tmp_path: Path, memory: Path) -> None:
    """A box without a battery: it boots in 1970, records, and hears the time a little later (docs/design/time.md)."""
    with (
        WallClock(tmp_path / "clock") as clock,
        Daemon(
            memory / "edged",
            replace(setup(), ceiling="1h", max_bytes="1GB"),
            sabotage=shortened((daemon, "ALIVE_EVERY_S", 1.0)),
            environment=clock.environment,
        ) as edged,
    ):
        clock.set(DAY_S)
        began_s = time.time()
        edged.wait_for_states("recording", NAMES)
        watch = Watch(edged)
        watch.run(recorded_on(watch), BACK_S, "it records")
        heard_s = time.time()
        clock.put(0, synced=True)
        watch.run(recorded_on(watch), BACK_S, "it goes on")
        edged.until(lambda: all(from_1970(edged, name) for name in NAMES), BACK_S, "the next heartbeat")
        for name in NAMES:
            early, whole = from_1970(edged, name), sorted(edged.listed(name), key=lambda one: one.seq)
            starts = [moment(one.start) + (one.clock_correction_ms or 0) / 1000 for one in whole]
            assert all(began_s <= start_s <= heard_s for start_s in starts[: len(early)])
            assert [one.seq for one in whole] == list(range(1, len(whole) + 1))
            assert starts == sorted(starts)
            span = ["--from", rfc3339(began_s), "--to", rfc3339(heard_s)]
            found = documents.Segments.model_validate(edged.ctl("segments", "--camera", name, *span).document).segments
            assert [one.seq for one in found] == [one.seq for one in whole[: len(found)]]
            assert len(found) >= len(early) - 1
            screen = edged.ctl("segments", "--camera", name, *span, json_=False).stdout
            assert Path(early[0].path).name in screen
            assert "* true time" in screen
        assert unaccounted(edged) == []
        assert edged.stop() == 0
        fsck_clean(edged)


def from_1970(edged: Daemon, camera: str) -> list[documents.Segment]:
    """Named by the wrong clock, and known to have been."""
    return [one for one in edged.listed(camera) if one.start.startswith("1970") and one.clock_correction_ms]


def rfc3339(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat()


def test_who_believes_the_wall_clock_is_found_out(tmp_path: Path, memory: Path) -> None:
    """Negative control: two years on, all that was recorded is past its ceiling."""
    with (
        WallClock(tmp_path / "clock") as clock,
        Daemon(memory / "edged", setup(), sabotage=WALL_BELIEVED, environment=clock.environment) as edged,
    ):
        edged.wait_for_states("recording", NAMES)
        watch = Watch(edged)
        watch.run(recorded_on(watch), BACK_S, "it records")
        clock.put(YEARS_S)
        watch.run(watch.too_early, BACK_S, "what is younger than its floor goes")
