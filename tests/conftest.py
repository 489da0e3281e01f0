"""What every test may ask for: the lengths to run at. `--long` gives those of the issues' "Done when"."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from unittest.mock import patch

import pytest
from hypothesis import settings

from storage.ring import ballast
from tests.support import contract
from tests.support.office import in_memory

T = TypeVar("T")

settings.register_profile("short", max_examples=16, derandomize=True, database=None, deadline=None)
settings.register_profile("long", max_examples=2000, deadline=None, print_blob=True)


@dataclass(frozen=True, slots=True)
class Profile:
    """How long the same tests take: enough to see each thing happen, or as long as was promised."""

    name: str
    recording_s: int
    """Four cameras at once."""
    segment_s: int
    ring_s: int
    """The ring turning."""
    ring_quota: str
    ring_floor_s: int
    ring_segment_s: int
    kills: int
    """SIGKILL of a worker, or now and then of the daemon, at random moments."""
    kill_gop: int
    """Frames between two key frames of most cameras meanwhile; more than may be lost."""
    bad_cameras_s: int
    """Bad cameras beside healthy ones."""
    camera_faults_s: int
    """Each fault of a camera."""
    cut_prefixes: int | None
    """Power cuts after so many flushes; None: after every single write."""
    cut_subsets: int
    """Power cuts that leave a random part of what was not flushed."""
    link_schedules: int
    """Of faults between box and broker."""
    link_kills: int
    """SIGKILL of the daemon during an outage and the drain."""
    outage_days: int
    """Without a broker, with 64 cameras that flap."""
    outage_limit_bytes: int
    """Of the outbox: in the short form a day fills it."""
    live_cuts: int
    """Power cuts under the real daemon."""
    failpoints_all: bool
    """Of the real daemon; else one step of each protocol. In-process it is always every step."""
    failpoint_times: tuple[int, ...]
    """At which time that each step is reached it is the last."""
    io_fault_each: int
    """Of so many calls to kernel and database one fails, in each way."""
    full_disk_states: int
    """A disk that is full at so many places of a scenario."""
    nvr_simulations: int
    """Of each way in which an NVR goes away."""
    model_examples: int
    """Random walks of each state machine of tests/model."""
    export_s: int
    """What is exported of each of four cameras."""
    export_kbps: int
    """Of the first of them."""
    page_flips: int
    """Bits that are turned in an export before its page checks it."""
    damaged_streams: int
    """Of which the reader, compiled, must make what it makes as it lies here."""


SHORT: Final = Profile(
    name="short",
    recording_s=12,
    segment_s=5,
    ring_s=16,
    ring_quota="6MB",
    ring_floor_s=5,
    ring_segment_s=3,
    kills=4,
    kill_gop=60,
    bad_cameras_s=8,
    camera_faults_s=20,
    cut_prefixes=24,
    cut_subsets=24,
    link_schedules=11,
    link_kills=5,
    outage_days=1,
    outage_limit_bytes=500_000,
    live_cuts=5,
    failpoints_all=False,
    failpoint_times=(1,),
    io_fault_each=211,
    full_disk_states=4,
    nvr_simulations=1,
    model_examples=10,
    export_s=240,
    export_kbps=400,
    page_flips=8,
    damaged_streams=100,
)
LONG: Final = Profile(
    name="long",
    recording_s=600,
    segment_s=30,
    ring_s=600,
    ring_quota="200MB",
    ring_floor_s=60,
    ring_segment_s=10,
    kills=200,
    kill_gop=150,
    bad_cameras_s=180,
    camera_faults_s=60,
    cut_prefixes=None,
    cut_subsets=3000,
    link_schedules=1000,
    link_kills=200,
    outage_days=30,
    outage_limit_bytes=15_000_000,
    live_cuts=200,
    failpoints_all=True,
    failpoint_times=(1, 2, 5),
    io_fault_each=1,
    full_disk_states=256,
    nvr_simulations=50,
    model_examples=2000,
    export_s=3600,
    export_kbps=2000,
    page_flips=24,
    damaged_streams=30_000,
)


LONG_MINUTES: Final = {
    "tests/unit": 70,
    "tests/model": 150,
    "tests/faults/storage/store/test_power_cuts.py": 12,
    "tests/faults/storage/store/test_io_faults.py": 60,
    "tests/faults/mqtt/test_link.py": 22,
    "tests/faults/recorder/supervisor/test_kills.py": 17,
    "tests/faults/storage/store/test_power_cuts_live.py": 7,
    "tests/faults/mqtt/test_link_kills.py": 13,
    "tests/faults/mqtt/test_link_outage.py": 6,
    "tests/faults/recorder/rtsp/test_cameras.py": 10,
    "tests/faults/storage/ages/test_clock_steps.py": 10,
    "tests/faults/storage/ring/test_full.py": 10,
    "tests/faults/storage/store/test_failpoints.py": 10,
    "tests/integration/edged/evidence/test_export_hour.py": 15,
    "tests/integration/edged/evidence/test_verify.py": 15,
    "tests/integration/recorder/worker/test_four_cameras.py": 14,
    "tests/integration/storage/ring/test_ring.py": 15,
}
"""About how long what takes ten minutes and more takes with `--long`, on two cores: most of it as it was measured, unit
tests, model and exports from the short forms' times and how much more there is. All else together takes as long as in
the short form, and half an hour more."""


EARLY: Final = (
    "tests/integration/recorder/worker/test_four_cameras.py",
    "tests/integration/storage/integrity/test_tamper_daemon.py",
    "tests/integration/storage/ring/test_ring.py",
    "tests/integration/storage/recovery/test_lost_database_daemon.py",
    "tests/integration/storage/volumes/test_strangers.py",
    "tests/integration/support/test_camera_wire.py",
    "tests/integration/support/test_cameras.py",
    "tests/integration/support/test_fault_camera.py",
)
"""Long ones that by their names would come among the last: a lane would still be at one when the others have ended."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of faults first, then what is long, then all else."""

    def turn(item: pytest.Item) -> int:
        file = item.path.relative_to(config.rootpath).as_posix()
        return 0 if file.startswith("tests/faults/") else 1 if file in EARLY else 2

    items.sort(key=turn)


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """How long the full lengths of what was selected will take, before they begin."""
    if not config.getoption("--long"):
        return []
    files = {item.path.relative_to(config.rootpath).as_posix() for item in items}
    chosen = {name: minutes for name, minutes in LONG_MINUTES.items() if any(one.startswith(name) for one in files)}
    minutes = sum(chosen.values())
    longest = sorted(chosen, key=chosen.__getitem__, reverse=True)[:5]
    named = "".join(f"; {name} {chosen[name]} min" for name in longest)
    return [f"full lengths: about {minutes // 60} h {minutes % 60:02} min on two cores and the short rest{named}"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help='the full lengths of the issues\' "Done when"')


def pytest_configure(config: pytest.Config) -> None:
    """Property tests: the same few examples each time, or many new ones."""
    settings.load_profile("long" if config.getoption("--long") else "short")
    contract.watch()


def pytest_collection_finish() -> None:
    """What was imported stays: without this, Python's collector looks at all of it again, test by test."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, T, T]:
    try:
        return (yield)
    finally:
        _hold_to_contract()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, T, T]:
    try:
        return (yield)
    finally:
        _hold_to_contract()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, T, T]:
    try:
        return (yield)
    finally:
        _hold_to_contract()


def _hold_to_contract() -> None:
    """Fails what made edged say something that its contract with the centre does not have."""
    if found := contract.VIOLATIONS.taken():
        pytest.fail("\n".join([f"{len(found)} messages break the contract (docs/asyncapi.json):", *found[:5]]))


@pytest.fixture(scope="session")
def profile(request: pytest.FixtureRequest) -> Profile:
    return LONG if request.config.getoption("--long") else SHORT


@pytest.fixture(autouse=True, scope="session")
def _awake() -> Iterator[None]:
    """Checks give way to all else, for the rest of their thread: here that would be every test behind them."""
    with patch("storage.recovery.service.become_idle"), patch("storage.integrity.service.become_idle"):
        yield


@pytest.fixture(autouse=True, scope="session")
def _light() -> Iterator[None]:
    """Each state directory opened in the tests' own process would write 64 MB of ballast: as little as it may be."""
    with patch("storage.ring.ballast.MAX_BYTES", ballast.MIN_BYTES):
        yield


@pytest.fixture
def memory() -> Iterator[Path]:
    """For a test that does not ask what a disk loses."""
    with in_memory() as place:
        yield place
