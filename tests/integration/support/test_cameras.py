"""The healthy cameras and the comparer themselves: a plain recording is found whole, each planted fault is noticed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import av
import av.error
import pytest

from tests.support import footage, frames, nal
from tests.support.footage import SMALL, Sound
from tests.support.frames import Recorded
from tests.support.rtsp_server import Camera, RtspServer

CAMERAS: Final = (
    Camera("h264-aac", replace(SMALL, gop=15), Sound(), sound_delay_ms=200, user="viewer", password="secret-1"),
    Camera("h265-pcmu", replace(SMALL, codec="h265", gop=15), Sound.g711("pcmu")),
)

Taken: TypeAlias = tuple[Camera, list[Recorded]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspServer]:
    with RtspServer(CAMERAS, tmp_path_factory.mktemp("cameras")) as running:
        yield running


def record(url: str, folder: Path, files: int, seconds: float) -> list[Path]:
    """The plainest recorder there is: a new file at the first key frame after each `seconds`, times rebased to 0."""
    paths: list[Path] = []
    output: Any = None
    streams: dict[int, Any] = {}
    begin = 0.0
    with av.open(url, options={"rtsp_transport": "tcp", "timeout": "5000000"}) as camera:
        for packet in camera.demux():
            packet.pts = packet.pts or 0  # the first key frame comes without a time
            packet.dts = packet.dts if packet.dts is not None else packet.pts
            at = float(packet.pts * packet.time_base)
            if packet.stream.type == "video" and packet.is_keyframe and (output is None or at - begin >= seconds):
                if output is not None:
                    output.close()
                if len(paths) == files:
                    return paths
                paths.append(folder / f"{len(paths)}.mov")
                output = av.open(str(paths[-1]), "w", format="mov", options={"movflags": "frag_keyframe+delay_moov"})
                streams = {s.index: output.add_stream_from_template(s, opaque=True) for s in camera.streams}
                begin = at
            if output is None or at < begin:
                continue
            shift = int(begin / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, max(packet.dts - shift, 0)
            packet.stream = streams[packet.stream.index]
            output.mux(packet)
    raise AssertionError("the camera ended")


@pytest.fixture(scope="module", params=[camera.id for camera in CAMERAS])
def taken(request: pytest.FixtureRequest, server: RtspServer, tmp_path_factory: pytest.TempPathFactory) -> Taken:
    camera = server.cameras[request.param]
    paths = record(server.url(camera.id, account=True), tmp_path_factory.mktemp(camera.id), files=3, seconds=1.0)
    return camera, [frames.read(path) for path in paths]


def test_what_was_recorded_plainly_is_whole(server: RtspServer, taken: Taken) -> None:
    camera, files = taken
    sent = server.sent(camera.id)
    assert frames.compare_video(sent, files) == []
    for file in files:
        assert frames.file_faults(file) == []
        assert frames.decode_faults(file.path) == []
        assert file.video_codec == camera.picture.codec
    if camera.sound:
        clip = footage.clip(camera.sound)
        for file in files:
            assert frames.sound_faults(sent, server.sent(camera.id, "sound"), file, clip) == []


def network_frames(camera: Any) -> Iterator[tuple[int | None, str]]:
    """Number and name of each video frame as it comes over the network, until the camera ends or fails."""
    codec: nal.VideoCodec = "h265" if camera.streams.video[0].codec_context.name == "hevc" else "h264"
    try:
        for packet in camera.demux(video=0):
            data = bytes(packet)
            yield nal.number_of(data), nal.digest(codec, nal.split_annexb(data)) if data else ""
    except av.error.FFmpegError:
        return


def drop(file: Recorded) -> Recorded:
    return replace(file, video=(*file.video[:4], *file.video[5:]))


def double(file: Recorded) -> Recorded:
    return replace(file, video=(*file.video[:4], file.video[3], *file.video[4:]))


def swap(file: Recorded) -> Recorded:
    return replace(file, video=(*file.video[:4], file.video[5], file.video[4], *file.video[6:]))


def change(file: Recorded) -> Recorded:
    return replace(file, video=(*file.video[:4], replace(file.video[4], md5="0" * 32), *file.video[5:]))


def unstamp(file: Recorded) -> Recorded:
    return replace(file, video=(*file.video[:4], replace(file.video[4], number=None), *file.video[5:]))


@pytest.mark.parametrize(
    ("plant", "told"),
    [(drop, "lost"), (double, "more than once"), (swap, "out of order"), (change, "differ"), (unstamp, "without")],
)
def test_a_planted_fault_in_the_picture_is_noticed(
    server: RtspServer, taken: Taken, plant: Callable[[Recorded], Recorded], told: str
) -> None:
    camera, files = taken
    faults = frames.compare_video(server.sent(camera.id), [files[0], plant(files[1]), files[2]])
    assert any(told in fault for fault in faults), faults


def test_a_lost_file_and_swapped_files_are_noticed(server: RtspServer, taken: Taken) -> None:
    camera, files = taken
    sent = server.sent(camera.id)
    assert "lost" in " ".join(frames.compare_video(sent, [files[0], files[2]]))
    assert "out of order" in " ".join(frames.compare_video(sent, [files[1], files[0], files[2]]))
    assert frames.compare_video(sent, []) == ["nothing was recorded"]


@pytest.mark.parametrize("shift_ms", [-60, 60, 1500])
def test_shifted_sound_is_noticed(server: RtspServer, taken: Taken, shift_ms: int) -> None:
    camera, files = taken
    sound = tuple(replace(packet, pts=packet.pts + shift_ms / 1000) for packet in files[1].sound)
    assert camera.sound is not None
    sent, heard = server.sent(camera.id), server.sent(camera.id, "sound")
    faults = frames.sound_faults(sent, heard, replace(files[1], sound=sound), footage.clip(camera.sound))
    assert len(faults) == 1
    assert "ms from its place" in faults[0]
    assert "no sound" in frames.sound_faults(sent, heard, replace(files[1], sound=()), footage.clip(camera.sound))[0]


def test_sound_that_is_lost_doubled_or_swapped_is_noticed(server: RtspServer, taken: Taken) -> None:
    camera, files = taken
    assert camera.sound is not None
    clip, sound = footage.clip(camera.sound), files[1].sound
    assert frames.compare_sound(files, clip) == []
    for wrong in (sound[1:], (sound[0], *sound), (sound[1], sound[0], *sound[2:])):
        assert "departs" in frames.compare_sound([files[0], replace(files[1], sound=wrong), files[2]], clip)[0]
    assert "begin" in frames.compare_sound([replace(files[0], sound=())], clip)[0]


def test_a_file_that_starts_late_or_without_a_key_frame_is_noticed(taken: Taken) -> None:
    _, files = taken
    late = replace(files[0], video=tuple(replace(f, pts=f.pts + 2) for f in files[0].video), sound=())
    assert "instead of 0" in " ".join(frames.file_faults(late))
    assert "key frame" in " ".join(frames.file_faults(replace(files[0], video=files[0].video[1:])))


def test_a_damaged_file_does_not_decode(taken: Taken, tmp_path: Path) -> None:
    _, files = taken
    data = bytearray(files[0].path.read_bytes())
    inside = data.index(b"mdat") + 100
    data[inside : inside + 12_000] = bytes(12_000)
    broken = tmp_path / "broken.mov"
    broken.write_bytes(data)
    assert frames.decode_faults(broken) != []


def test_wrong_password_and_unknown_stream_are_refused(server: RtspServer) -> None:
    with pytest.raises(av.error.HTTPUnauthorizedError):
        av.open(server.url("h264-aac"), options={"rtsp_transport": "tcp"})
    with pytest.raises(av.error.HTTPNotFoundError):
        av.open(f"rtsp://127.0.0.1:{server.port}/nothing-here", options={"rtsp_transport": "tcp"})


def test_basic_authentication(tmp_path: Path) -> None:
    with RtspServer([replace(CAMERAS[0], sound=None)], tmp_path, auth="basic") as server:
        with pytest.raises(av.error.HTTPUnauthorizedError):
            av.open(server.url("h264-aac"), options={"rtsp_transport": "tcp"})
        av.open(server.url("h264-aac", account=True), options={"rtsp_transport": "tcp"}).close()


def test_a_camera_goes_and_comes_back(tmp_path: Path) -> None:
    with RtspServer([Camera("lobby", SMALL), Camera("other", SMALL)], tmp_path) as server:
        lobby = av.open(server.url("lobby"), options={"rtsp_transport": "tcp", "timeout": "5000000"})
        assert next(lobby.demux()).size > 0
        server.stop_camera("lobby")
        assert len(list(network_frames(lobby))) < 100
        lobby.close()
        with pytest.raises(av.error.HTTPNotFoundError):
            av.open(server.url("lobby"), options={"rtsp_transport": "tcp"})
        server.start_camera("lobby")
        again = record(server.url("lobby"), tmp_path, files=1, seconds=0.1)
        assert frames.compare_video(server.sent("lobby"), [frames.read(path) for path in again]) == []
        assert {entry.run for entry in server.sent("lobby")} == {1, 2}
        server.kill()
        with pytest.raises(av.error.FFmpegError):
            av.open(server.url("other"), options={"rtsp_transport": "tcp"})
        server.start()
        av.open(server.url("other"), options={"rtsp_transport": "tcp"}).close()


def test_b_frames_come_over_the_network_in_coding_order(tmp_path: Path) -> None:
    with RtspServer([Camera("b-frames", replace(SMALL, b_frames=2, gop=15))], tmp_path) as server:
        with av.open(server.url("b-frames"), options={"rtsp_transport": "tcp"}) as camera:
            seen = list(islice(network_frames(camera), 40))
        sent = server.sent("b-frames")
        assert seen == [(entry.n, entry.md5) for entry in sent[:40]]
        assert any(after.pts < before.pts for before, after in pairwise(sent))


def test_frames_are_sent_in_real_time(server: RtspServer, taken: Taken) -> None:
    camera, files = taken
    wall = {entry.n: entry.wall_ms for entry in server.sent(camera.id)}
    first, last = files[0].video[0].number, files[-1].video[-1].number
    assert first is not None
    assert last is not None
    took_s = (wall[last] - wall[first]) / 1000
    assert took_s == pytest.approx((last - first) / camera.picture.fps, abs=0.5)
    assert wall[last] <= time.time() * 1000


def test_each_stamp_is_found_in_the_file_itself(taken: Taken) -> None:
    """The camera's supplemental data arrived bit for bit, whatever the container did to start codes."""
    _, files = taken
    numbers = [cast("int", frame.number) for file in files for frame in file.video]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
