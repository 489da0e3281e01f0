"""A reload touches the cameras that changed and no other; cameras that start and stop cost nothing that stays (S12)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from edged.health import watch
from edged.words import exit_codes
from tests.support import footage, frames
from tests.support.configuration import Setup, Watched
from tests.support.daemon import READY_S, Daemon, moment, shortened
from tests.support.fault_camera import FaultCamera
from tests.support.footage import SMALL, Sound
from tests.support.resources import Held, held
from tests.support.scenes import seam_faults
from tests.support.waiting import let_run, wait_until

SEGMENT: Final = "2s"
CUT_S: Final = 30.0
"""For two cuts of segments of 2 s, on a busy machine."""
GONE_S: Final = 15.0
"""For a camera that was disabled to have ended its last segment, and for what served it to be gone."""
LOOK_S: Final = 30.0
"""A look each second, on a busy machine."""
OFTEN: Final = shortened((watch, "ROUND_S", 1.0))
OFFSET_S: Final = 3.2
WARM_UP: Final = 4
"""Cycles after which nothing is done for the first time any more."""
LATE: Final = 3
"""Threads of pools, and descriptors, that are made when several things happen to come together; one lost in each cycle
is more."""
EYE_GROWN_KB: Final = 12 << 10
"""In its first looks it takes what it decodes into, once."""
GROWN_KB: Final = 3 << 10
"""What a process may grow by beyond what it has freed; a leak of 16 KiB a cycle shows in 200."""


def cheap_camera() -> FaultCamera:
    return FaultCamera(footage.clip(SMALL), footage.clip(Sound()), sender_reports_s=1, clock_offset_s=-OFFSET_S)


def setup(cameras: dict[str, str], *, disabled: str = "", floor: str = "1m") -> Setup:
    watched = [Watched(name, url, more="enabled = false" if name == disabled else "") for name, url in cameras.items()]
    return Setup(watched, segment=SEGMENT, floor=floor)


def test_another_name_is_refused_by_a_reload_and_ends_a_start_for_good(tmp_path: Path) -> None:
    """Its volumes bear the old one: systemd would start it in vain for ever."""
    setup = Setup([Watched("test", "test://?size=160x90&fps=5&gop=1")])
    words = '[site] node is "other", and this box is "test-node" for good'
    with Daemon(tmp_path / "edged", setup) as edged:
        edged.wait_for_states("recording", ["test"])
        edged.configure(replace(setup, node="other"))
        answer = edged.ctl("reload", json_=False)
        assert answer.code == exit_codes.CONFIG
        assert words in " ".join(answer.stderr.split())
        assert 'write it back: node = "test-node"' in " ".join(answer.stderr.split())
        edged.check_alive()

        edged.stop()
        edged.start()
        assert edged.ended(READY_S) == exit_codes.CONFIG
        assert words in edged.log

        edged.configure(setup)
        edged.start()
        edged.wait_for_states("recording", ["test"])


def test_a_reload_touches_only_what_changed(tmp_path: Path) -> None:
    """A camera that moves loses only the time of connecting."""
    with ExitStack() as stack:
        sources = {name: stack.enter_context(cheap_camera()) for name in ("a", "b", "moves", "moved", "goes", "comes")}
        urls = {name: source.url for name, source in sources.items()}
        first = {name: urls[name] for name in ("a", "b", "moves", "goes")}
        second = {"a": urls["a"], "b": urls["b"], "moves": urls["moved"], "comes": urls["comes"]}
        edged = stack.enter_context(Daemon(tmp_path / "edged", setup(first)))
        edged.wait_for_states("recording", first)
        cut_twice(edged)

        change = edged.reload(setup(second))
        assert (change.added, change.removed, change.changed) == (["comes"], ["goes"], ["moves"])
        assert change.unchanged == ["a", "b"]
        edged.wait_for_states("recording", second)
        wait_until(lambda: sources["moved"].sessions() == 1, GONE_S, "it is recorded at its new address")
        cut_twice(edged)
        assert sources["moves"].sessions() == 0

        change = edged.reload(setup(second, floor="2m"))
        assert change.unchanged == sorted(second), "bounds are told to a worker that goes on"
        change = edged.reload(setup(second, disabled="comes", floor="2m"))
        assert (change.removed, change.unchanged) == (["comes"], ["a", "b", "moves"])
        edged.wait_for_states("disabled", ["comes"])
        cut_twice(edged)

        edged.config.write_text("[site]\nnode = 7\n")
        assert edged.ctl("reload").code != 0
        let_run(1, edged.check_alive)
        shown = edged.camera("a")
        assert edged.stop() == 0
        for source in sources.values():
            source.go()
        edged.configure(setup(second, disabled="comes"))
        edged.start()
        edged.wait_for_states("down", ["a", "b", "moves"])

        faults = edged.catalog_faults()
        causes = {name: [gap.cause for gap in edged.gaps(name)][:3] for name in (*second, "goes")}
        for name in ("a", "b"):
            segments = edged.segments(name)
            files = edged.recorded(name)
            faults += frames.compare_video(sources[name].sent(), files) + seam_faults(segments)
            faults += frames.compare_sound(files, footage.clip(Sound()))
            assert len(segments) > 6
            assert sources[name].requests.count("PLAY") == 1, "its session was not touched"
            assert causes[name][:2] == ["starting", "daemon-stopped"], "no gap but before and after"
        assert faults == []
        assert causes["moves"][:2] == ["starting", "reload"]
        assert causes["goes"][:2] == ["starting", "disabled"]
        assert causes["comes"][:2] == ["starting", "disabled"]
        told = [segment.camera_offset_ms for segment in edged.segments("a")]
        assert all(offset is not None and abs(offset + OFFSET_S * 1000) < 500 for offset in told[1:]), told
        assert shown.clock_offset_ms is not None
        assert abs(shown.clock_offset_ms + OFFSET_S * 1000) < 500
        only_the_time_of_connecting(edged, "moves", sources["moves"], sources["moved"])


def cut_twice(edged: Daemon) -> None:
    """Cameras a and b end a segment and another one."""
    before = {name: len(edged.listed(name)) for name in ("a", "b")}
    edged.until(
        lambda: all(len(edged.listed(name)) >= count + 2 for name, count in before.items()), CUT_S, "two cuts of each"
    )


def only_the_time_of_connecting(edged: Daemon, name: str, here: FaultCamera, there: FaultCamera) -> None:
    """What is recorded of it before and after is whole, and the gap between says `reload` and ends with it."""
    (gap,) = [gap for gap in edged.gaps(name) if gap.cause == "reload"]
    assert gap.end is not None
    assert moment(gap.end) - moment(gap.start) < GONE_S
    segments = edged.segments(name)
    assert any(segment.end == gap.start for segment in segments)
    assert any(segment.start == gap.end for segment in segments)
    before = [frames.read(Path(s.path)) for s in segments if s.end <= gap.start]
    after = [frames.read(Path(s.path)) for s in segments if s.start >= gap.end]
    assert frames.compare_video(here.sent(), before) == []
    session = [entry for entry in there.sent() if entry.run == there.sent()[0].run]
    numbers = {entry.n for entry in session}
    of_session = [file for file in after if any(frame.number in numbers for frame in file.video)]
    assert frames.compare_video(session, of_session) == []


@pytest.fixture
def cycles(request: pytest.FixtureRequest) -> int:
    return 200 if request.config.getoption("--long") else 6


@contextmanager
def no_more_than_before(edged: Daemon, cycles: int) -> Iterator[None]:
    """Whatever happens inside: afterwards daemon and forkserver hold what they held, and nobody else is left."""
    before = holdings(edged)
    yield
    wait_until(lambda: edged.processes() and set(edged.processes()) <= set(before), GONE_S, "all workers are gone")
    wait_until(
        lambda: all(now.descriptors <= before[pid].descriptors + LATE for pid, now in holdings(edged).items()),
        GONE_S,
        "descriptors are given back",
    )
    after = holdings(edged)
    assert after.keys() == before.keys(), "the same processes, no other"
    for pid, now in after.items():
        assert now.threads <= before[pid].threads + LATE
        grown_kb = now.resident_kb - before[pid].resident_kb
        assert grown_kb < (EYE_GROWN_KB if is_eye(pid) else GROWN_KB), f"{grown_kb} KiB in {cycles} cycles"


def has_eye(edged: Daemon) -> bool:
    """The process that looks at pictures is started with the first look, and stays."""
    return any(map(is_eye, edged.processes()))


def is_eye(pid: int) -> bool:
    try:
        return b"recorder.decoder.process" in Path("/proc", str(pid), "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # it has ended since
        return False


def holdings(edged: Daemon) -> dict[int, Held]:
    """Of the daemon and its helpers, by process."""
    return {pid: held(pid) for pid in sorted(edged.processes())}


def test_starting_and_stopping_leaks_nothing(tmp_path: Path, cycles: int) -> None:
    """Two cameras at a time: one whose session is ended in order, one that is refused and tried again and again."""
    with cheap_camera() as camera, FaultCamera(footage.clip(SMALL)) as closed, ExitStack() as stack:
        closed.go()
        cameras = {"a": camera.url, "b": closed.url}
        nothing = Setup([Watched(name, url, more="enabled = false") for name, url in cameras.items()], segment=SEGMENT)
        edged = stack.enter_context(Daemon(tmp_path / "edged", nothing, sabotage=OFTEN))
        edged.wait_for_states("disabled", cameras)

        def cycle(*, stays: bool = False) -> None:
            edged.reload(setup(cameras))
            edged.wait_for_states("recording", ["a"])
            if stays:
                edged.until(lambda: has_eye(edged), LOOK_S, "it looks at the camera for the first time")
            edged.reload(nothing)
            edged.wait_for_states("disabled", cameras)

        for number in range(WARM_UP):
            cycle(stays=number == 0)
        wait_until(lambda: not edged.workers(), GONE_S, "all workers are gone")
        with no_more_than_before(edged, cycles):
            for _ in range(cycles):
                cycle()
        assert camera.requests.count("PLAY") == WARM_UP + cycles
        assert len(edged.segments("a")) >= WARM_UP + cycles
        assert {gap.cause for gap in edged.gaps("a")} <= {"starting", "disabled"}
        assert edged.stop() == 0
        edged.wait_for_no_process()
