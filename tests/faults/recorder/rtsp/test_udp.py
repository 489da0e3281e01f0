"""A camera that knows UDP only, over a network that loses packets and lets them overtake each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Final

import pytest

from recorder.words.messages import Closed, Opening, Stats, Stop
from tests.support import footage, frames
from tests.support.fault_camera import FaultCamera, Faults
from tests.support.footage import SMALL, Picture, Sound
from tests.support.rtsp_server import Sent
from tests.support.worker import Child, make_start, make_volume

FULL: Final = replace(SMALL, kbps=1500)
"""Several packets to a picture."""
SEGMENTS: Final = 2


PICTURES: Final = {"h264": FULL, "h265": replace(FULL, codec="h265"), "h264-b": replace(FULL, b_frames=2)}
NETWORKS: Final = {"swapped": Faults(swapped_packets=0.1), "lost": Faults(lost_packets=0.01, swapped_packets=0.1)}
CASES: Final = list(product(PICTURES, NETWORKS))


@dataclass(frozen=True, slots=True)
class Received:
    """What was sent and what lies on disk of it."""

    sent: list[Sent]
    damaged: set[int]
    lost: int
    """Packets, as the worker told."""
    files: list[frames.Recorded]


def received(picture: Picture, faults: Faults, folder: Path) -> Received:
    volume = make_volume(folder)
    sound = footage.clip(Sound.g711("pcmu"))
    with FaultCamera(footage.clip(picture), sound, faults=faults, udp=True) as camera, Child(volume) as child:
        child.send(make_start(volume, camera.url))
        for _ in range(SEGMENTS):
            child.hear_until(Closed)
        child.send(Stop())
        child.hear_all()
        files = [frames.read(child.path(opening)) for opening in child.all(Opening)]
        lost = max(stats.lost_packets for stats in child.all(Stats))
        return Received(camera.sent(), camera.channel.damaged, lost, files)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Received]:
    """All at the same time: each waits most of the time."""
    folder = tmp_path_factory.mktemp("udp")
    with ThreadPoolExecutor(len(CASES)) as pool:
        running = {
            case: pool.submit(received, PICTURES[case[0]], NETWORKS[case[1]], folder / "-".join(case)) for case in CASES
        }
        return {case: one.result() for case, one in running.items()}


@pytest.mark.parametrize(("picture", "network"), CASES)
def test_only_pictures_that_lost_a_packet_are_missing(
    picture: str, network: str, recordings: dict[tuple[str, str], Received]
) -> None:
    found = recordings[picture, network]
    damaged, files = found.damaged, found.files
    sent = [entry for entry in found.sent if entry.n not in damaged]
    assert frames.compare_video(sent, [undamaged(file, damaged) for file in files]) == []
    assert sum(frame.number is None for file in files for frame in file.video) <= len(damaged)
    assert bool(damaged) == (NETWORKS[network].lost_packets > 0)
    assert bool(found.lost) == bool(damaged), "what the network lost is told"
    assert [fault for file in files for fault in frames.file_faults(file)] == []


def undamaged(file: frames.Recorded, damaged: set[int]) -> frames.Recorded:
    """Without pictures of which only something beside them was lost, as the camera's stamp: nobody could know."""
    whole = [frame for frame in file.video if frame.number is not None and frame.number not in damaged]
    return replace(file, video=tuple(whole))
