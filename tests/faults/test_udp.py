"""A camera that knows UDP only, over a network that loses packets and lets them overtake each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from recorder.words.messages import Closed, Opening, Stats, Stop
from tests.support import footage, frames
from tests.support.fault_camera import FaultCamera, Faults
from tests.support.footage import SMALL, Picture, Sound
from tests.support.worker import Child, make_start, make_volume

FULL: Final = replace(SMALL, kbps=1500)
"""Several packets to a picture."""
SEGMENTS: Final = 4


@pytest.mark.parametrize(
    "picture", [FULL, replace(FULL, codec="h265"), replace(FULL, b_frames=2)], ids=["h264", "h265", "h264-b"]
)
@pytest.mark.parametrize(
    "faults", [Faults(swapped_packets=0.1), Faults(lost_packets=0.01, swapped_packets=0.1)], ids=["swapped", "lost"]
)
def test_only_pictures_that_lost_a_packet_are_missing(picture: Picture, faults: Faults, tmp_path: Path) -> None:
    volume = make_volume(tmp_path / "volume")
    sound = footage.clip(Sound.g711("pcmu"))
    with FaultCamera(footage.clip(picture), sound, faults=faults, udp=True) as camera, Child(volume) as child:
        child.send(make_start(volume, camera.url))
        for _ in range(SEGMENTS):
            child.hear_until(Closed)
        child.send(Stop())
        child.hear_all()
        files = [frames.read(child.path(opening)) for opening in child.all(Opening)]
        sent = [entry for entry in camera.sent() if entry.n not in camera.channel.damaged]
        damaged = camera.channel.damaged
        lost = max(stats.lost_packets for stats in child.all(Stats))
    assert frames.compare_video(sent, [undamaged(file, damaged) for file in files]) == []
    assert sum(frame.number is None for file in files for frame in file.video) <= len(damaged)
    assert bool(damaged) == (faults.lost_packets > 0)
    assert bool(lost) == bool(damaged), "what the network lost is told"
    assert [fault for file in files for fault in frames.file_faults(file)] == []


def undamaged(file: frames.Recorded, damaged: set[int]) -> frames.Recorded:
    """Without pictures of which only something beside them was lost, as the camera's stamp: nobody could know."""
    whole = [frame for frame in file.video if frame.number is not None and frame.number not in damaged]
    return replace(file, video=tuple(whole))
