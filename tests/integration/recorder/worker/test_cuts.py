"""S11 over many cuts: coded frames on disk equal the coded frames sent, once and in order, bit for bit."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import Profile
from tests.support import footage, frames
from tests.support.configuration import Setup, Watched
from tests.support.daemon import READY_S, Daemon
from tests.support.fault_camera import FaultCamera
from tests.support.footage import SMALL, Picture, Sound
from tests.support.scenes import seam_faults

TINY: Final = replace(SMALL, width=192, height=112, kbps=100, gop=15)
"""A key frame a second, and with segments of 2 s a cut at each second one."""
CUT_S: Final = 2
PATIENCE: Final = 2.0
"""How many times as long a busy box may take."""


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    picture: Picture
    sound: Sound | None


KINDS: Final = (
    Kind("h264", TINY, Sound.g711("pcmu")),
    Kind("h264-b", replace(TINY, b_frames=3), Sound()),
    Kind("h265", replace(TINY, codec="h265"), None),
    Kind("h265-b", replace(TINY, codec="h265", b_frames=2), Sound.g711("pcma")),
)


@pytest.fixture
def cuts(request: pytest.FixtureRequest) -> int:
    """Summed over all cameras."""
    return 1000 if request.config.getoption("--long") else 24


def test_no_frame_is_lost_doubled_or_swapped(memory: Path, cuts: int, profile: Profile) -> None:
    each = 4 if profile.name == "long" else 1
    with ExitStack() as stack:
        cameras = {
            f"{kind.name}-{index}": stack.enter_context(
                FaultCamera(footage.clip(kind.picture), footage.clip(kind.sound) if kind.sound else None, signed=True)
            )
            for kind in KINDS
            for index in range(each)
        }
        setup = Setup([Watched(name, camera.url) for name, camera in cameras.items()], segment=f"{CUT_S}s")
        edged = stack.enter_context(Daemon(memory / "edged", setup))
        edged.wait_for_states("recording", cameras)
        wanted = ceil(cuts / len(cameras)) + 1
        edged.until(
            lambda: all(len(edged.listed(name)) >= wanted for name in cameras),
            READY_S + PATIENCE * CUT_S * wanted,
            f"{cuts} cuts are made",
        )
        assert edged.stop() == 0
        for camera in cameras.values():
            camera.go()
        edged.start()
        edged.wait_for_states("down", cameras)
        made, faults = 0, edged.catalog_faults()
        for name, camera in cameras.items():
            segments = edged.segments(name)
            made += len(segments) - 1
            files = [frames.read(Path(segment.path)) for segment in segments]
            found = frames.compare_video(camera.sent(), files) + seam_faults(segments)
            for file in files:
                found += frames.file_faults(file) + frames.decode_faults(file.path)
            if camera.channel.sound is not None:
                found += frames.compare_sound(files, camera.channel.sound)
            faults += [f"{name}: {fault}" for fault in found]
    assert not faults, "\n" + "\n".join(faults)
    assert made >= cuts
