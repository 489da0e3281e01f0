"""Copies of what a camera sends: from a worker over a socket of their own, and recording does not care."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import pytest

from recorder.supervisor.processes import Forkserver
from recorder.supervisor.worker_session import Subscription, watch
from recorder.words import messages
from recorder.words.messages import Closed, Connected, Kind, Opening, Stats, Stop, Watch
from recorder.words.stream import Codec
from recorder.worker import fan_out
from recorder.worker.fan_out import LENGTH_BYTES, Handed, Missed, Packet, Tracks
from tests.integration.recorder.supervisor.fake_daemon import Child as FakeChild
from tests.support import footage, frames, nal
from tests.support.fault_camera import FaultCamera
from tests.support.footage import SMALL, Sound
from tests.support.resources import held
from tests.support.worker import Child, make_start, make_volume

PATIENCE_S: Final = 20.0
BUSY: Final = replace(SMALL, kbps=4000)
"""Enough that a watcher who does not read has filled what the kernel keeps for it within a second."""
MORE_KB: Final = 4 * (fan_out.MAX_WAITING_BYTES + fan_out.MAX_FRAME_BYTES) >> 10


# The daemon's end, and workers that play one part each


@pytest.fixture
async def forkserver() -> AsyncIterator[Forkserver]:
    server = Forkserver("tests.integration.recorder.supervisor.fake_workers:main")
    server.start()
    yield server
    server.close()


async def next_of(watching: Subscription) -> Handed:
    async with asyncio.timeout(PATIENCE_S):
        return await anext(watching)


async def over(watching: Subscription) -> bool:
    """Whether it comes to its end."""
    async with asyncio.timeout(PATIENCE_S):
        async for _ in watching:
            pass
    return True


async def test_tracks_then_packets_then_the_end_of_the_session(forkserver: Forkserver) -> None:
    child = await FakeChild().born(forkserver, "handing_out")
    await child.until(Opening)
    with watch(child.worker, Kind.ALL) as everything, watch(child.worker, Kind.KEY) as keys:
        listening = asyncio.create_task(child.end_when(lambda: len(packets) >= 25))
        packets: list[Packet] = []
        assert await next_of(everything) == Tracks(Codec.H264, 90_000, 640, 360, b"avcC", None)
        async with asyncio.timeout(PATIENCE_S):
            async for handed in everything:
                assert isinstance(handed, Packet)
                packets.append(handed)
        numbers = [int.from_bytes(packet.data[:4], "big") for packet in packets]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert numbers[0] % 10 == 0
        assert isinstance(await next_of(keys), Tracks)
        seen = [handed async for handed in keys]
        assert len(seen) >= 2
        assert seen == [packet for packet in packets if packet.key][-len(seen) :], "it was asked for later"
        assert await listening == 0


async def test_a_watching_that_is_closed_lets_the_worker_go_on(forkserver: Forkserver) -> None:
    child = await FakeChild().born(forkserver, "handing_out")
    await child.until(Opening)
    for _ in range(3 * fan_out.MAX_WATCHERS):
        with watch(child.worker, Kind.ALL) as watching:
            async for handed in watching:
                assert isinstance(handed, Tracks)
                break
            else:
                await child.until_reports(3)  # one too many: those before are gone with the next picture
    assert await child.end() == 0


async def test_whoever_reads_comes_to_the_end_when_it_is_closed(forkserver: Forkserver) -> None:
    child = await FakeChild().born(forkserver, "obedient")
    await child.until(Opening)
    watching = watch(child.worker, Kind.ALL)
    reading = asyncio.create_task(over(watching))
    await asyncio.sleep(0)
    watching.close()
    assert await reading
    watching.close()
    assert await child.end() == 0


@pytest.mark.parametrize("what", Kind)
async def test_nonsense_ends_the_watching_and_nothing_else(
    forkserver: Forkserver, what: Kind, caplog: pytest.LogCaptureFixture
) -> None:
    child = await FakeChild().born(forkserver, "blathering")
    await child.until(Connected)
    with watch(child.worker, what) as watching:
        assert await over(watching)
    assert "watched no longer" in caplog.text
    child.worker.abandon()


async def test_without_a_session_or_with_a_dead_one_a_watching_is_over_at_once(forkserver: Forkserver) -> None:
    assert await over(Subscription(None))
    child = await FakeChild().born(forkserver, "crashing")
    await child.until(Opening)
    while not child.worker.over:
        child.wake.clear()
        if child.worker.take() is None and not child.worker.over:
            await child.wake.wait()
    with watch(child.worker, Kind.ALL) as watching:
        assert await over(watching)
    await child.worker.reap()


# The real worker, on a real stream


class Viewer(threading.Thread):
    """Reads all that comes."""

    def __init__(self, child: Child, what: Kind) -> None:
        super().__init__(name=f"viewer {what}")
        self.sock, theirs = socket.socketpair()
        with theirs:
            assert messages.offer(child.sock, Watch(what), theirs.fileno())
        self.seen: list[Handed] = []

    def run(self) -> None:
        decoder: msgspec.msgpack.Decoder[Handed] = msgspec.msgpack.Decoder(Handed)
        with closing(self.sock), self.sock.makefile("rb") as file:
            while head := file.read(LENGTH_BYTES):
                self.seen.append(decoder.decode(file.read(int.from_bytes(head, "big"))))

    @property
    def pictures(self) -> list[int]:
        """Numbers that the camera stamped them with."""
        found = []
        for handed in self.seen:
            if isinstance(handed, Packet) and handed.video:
                number = nal.number_of(handed.data)
                assert number is not None
                found.append(number)
        return found


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    with Child(make_volume(tmp_path / "volume")) as made:
        yield made


def test_recording_does_not_care_who_watches(child: Child) -> None:
    """One reads all, one reads key frames, one never reads, one is dead, one is too many."""
    camera = FaultCamera(footage.clip(BUSY), footage.clip(Sound()))
    with camera, ExitStack() as stack:
        child.send(make_start(child.volume, camera.url, segment_ms=2000))
        child.hear_until(Opening)
        child.hear_until(Stats)
        before = held(child.process.pid)
        viewers = [Viewer(child, Kind.ALL), Viewer(child, Kind.KEY)]
        for viewer in viewers:
            viewer.start()
        stuck, theirs = socket.socketpair()
        stack.enter_context(stuck)
        dead, dying = socket.socketpair()
        with theirs, dying:
            messages.offer(child.sock, Watch(Kind.ALL), theirs.fileno())
            messages.offer(child.sock, Watch(Kind.ALL), dying.fileno())
        dead.close()
        while len(child.all(Closed)) < 4:
            child.hear_until(Closed)
        after = held(child.process.pid)
        child.send(Stop())
        child.hear_all()
        for viewer in viewers:
            viewer.join(PATIENCE_S)
    openings = child.all(Opening)
    recorded = [frames.read(child.path(opening)) for opening in openings]
    assert frames.compare_video(camera.sent(), recorded) == []
    everything, keys = (viewer.pictures for viewer in viewers)
    assert everything == list(range(everything[0], everything[0] + len(everything)))
    sent_keys = {entry.n for entry in camera.sent() if entry.key}
    assert keys == [number for number in everything if number in sent_keys][-len(keys) :]
    assert len(keys) > 4
    assert not any(isinstance(handed, Missed) for viewer in viewers for handed in viewer.seen)
    assert after.descriptors - before.descriptors <= fan_out.MAX_WATCHERS
    assert after.threads == before.threads
    assert after.resident_kb - before.resident_kb < MORE_KB


def test_what_is_handed_out_is_what_was_sent(child: Child) -> None:
    camera = FaultCamera(footage.clip(SMALL), footage.clip(Sound()))
    with camera:
        child.send(make_start(child.volume, camera.url, segment_ms=60_000))
        viewer = Viewer(child, Kind.ALL)
        viewer.start()
        child.hear_until(Opening)
        for _ in range(3):
            child.hear_until(Stats)
        child.send(Stop())
        child.hear_all()
        viewer.join(PATIENCE_S)
    tracks, *packets = viewer.seen
    assert isinstance(tracks, Tracks)
    assert (tracks.codec, tracks.width, tracks.height, tracks.rate) == (Codec.H264, 320, 180, 90_000)
    assert tracks.sound is not None
    assert (tracks.sound.codec, tracks.sound.rate) == (Codec.AAC, 48_000)
    named = {entry.n: entry for entry in camera.sent()}
    pictures = [packet for packet in packets if isinstance(packet, Packet) and packet.video]
    for packet, number in zip(pictures, viewer.pictures, strict=True):
        units = nal.split_lengths(packet.data)
        assert nal.digest("h264", units) == named[number].md5
        assert packet.key == named[number].key
    sound = [packet for packet in packets if isinstance(packet, Packet) and not packet.video]
    assert len(sound) > 47
    assert {packet.data for packet in sound} <= {frame.data for frame in footage.clip(Sound()).frames}
