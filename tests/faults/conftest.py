"""What tests of faults may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.edged.main.booted import PROJECT, Booted, NoBoot, base
from tests.faults.edged.main.installed import (
    FITTING,
    FOREVER,
    LOOKS_BRIEFLY,
    NOTICED_S,
    TOLD_SOON,
    Followed,
    alter,
    change,
    is_recording,
)
from tests.support.footage import SMALL, Sound
from tests.support.rtsp_server import Camera, RtspServer
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    """A Debian that has never seen edged."""
    try:
        base()
        with Booted(tmp_path_factory.mktemp("booted")) as box:
            alter(box.root / PROJECT.lstrip("/"), TOLD_SOON, LOOKS_BRIEFLY)
            yield box
    except NoBoot as reason:
        pytest.skip(f"no systemd can be booted here: {reason}")


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspServer]:
    """Hangs outside the box, and has power whatever becomes of that."""
    lobby = Camera("lobby", SMALL, Sound(), user="viewer", password="Geheim-7")
    with RtspServer([lobby], tmp_path_factory.mktemp("camera")) as server:
        yield server


@pytest.fixture(scope="module")
def followed(bare: Booted, camera: RtspServer) -> Followed:
    """The page, from the program to doctor; by the network, as at the first time."""
    followed = Followed(bare, camera.url("lobby"), "Geheim-7")
    followed.follow()
    return followed


@pytest.fixture(scope="module")
def installed(followed: Followed) -> Booted:
    """From here on nothing that was recorded may go."""
    change(followed.box, FITTING, FOREVER)
    followed.box.must("edgectl", "reload")
    return followed.box


@pytest.fixture
def box(installed: Booted) -> Booted:
    """Records, as every test leaves it."""
    wait_until(lambda: is_recording(installed), NOTICED_S, "it records", every_s=0.5)
    return installed
