"""The real eye, asked as the daemon asks it: whatever a camera sends it costs a look, and the next one is seen."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from recorder.decoder.client import DecoderClient, DecoderLost, LookResult
from recorder.decoder.messages import THUMB_BYTES, LookKind, UnseenReason
from recorder.words.stream import Codec
from recorder.worker.fan_out import LENGTH_BYTES, Packet, SoundTrack, Tracks, framed
from tests.support import keyframes
from tests.support.keyframes import Encoder, packet, with_sound
from tests.support.waiting import wait_until

PATIENCE_S: Final = 60.0
FAILED_LOOKS: Final = 50
"""Of each kind."""
NOISE: Final = np.random.default_rng(3)
SCENE: Final = keyframes.blocks(NOISE, 640, 360)
Hand = Callable[[socket.socket], bool]


@pytest.fixture
async def eye() -> AsyncIterator[DecoderClient]:
    one = DecoderClient()
    yield one
    await one.close()


def sending(*frames: bytes, stay: list[socket.socket] | None = None) -> Hand:
    """A worker that sends this and is over; or stays."""

    def hand(sock: socket.socket) -> bool:
        ours = sock.dup()
        if stay is not None:
            stay.append(ours)
        ours.setblocking(True)
        loop = asyncio.get_running_loop()

        def send() -> None:
            with suppress(OSError):
                for frame in frames:
                    ours.sendall(frame)
            if stay is None:
                ours.close()

        loop.run_in_executor(None, send)
        return True

    return hand


def one_picture(codec: str = "h264") -> tuple[Tracks, bytes]:
    return Encoder(640, 360, "h265" if codec == "h265" else "h264").encode(SCENE)


async def asked(
    eye: DecoderClient, hand: Hand, want: LookKind = LookKind.MEASURE, reference: bytes = b""
) -> LookResult | UnseenReason:
    async with asyncio.timeout(PATIENCE_S):
        return await eye.look(hand, want, reference)


async def seen(eye: DecoderClient, hand: Hand, want: LookKind = LookKind.MEASURE, reference: bytes = b"") -> LookResult:
    came = await asked(eye, hand, want, reference)
    assert isinstance(came, LookResult), came
    return came


@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_a_key_frame_and_its_sound_are_measured(eye: DecoderClient, codec: str) -> None:
    tracks, data = one_picture(codec)
    told = with_sound(tracks, SoundTrack(Codec.PCMU, 8000, 1, b""))
    tone = [framed(Packet(False, n * 160, 160, True, bytes([0x8F, 0x0F]) * 80)) for n in range(50)]
    came = await seen(eye, sending(framed(told), framed(packet(data)), *tone))
    assert (came.seen.picture.width, came.seen.picture.height) == (640, 360)
    assert came.seen.picture.saturation > 10
    assert came.seen.heard is not None
    assert (came.seen.heard.seconds, came.seen.heard.clipped) == (1.0, 0.0)
    assert -7 < came.seen.heard.level_db < -5, "half of full scale"


async def test_a_reference_lies_on_itself(eye: DecoderClient) -> None:
    tracks, data = one_picture()
    hand = sending(framed(tracks), framed(packet(data)))
    first = await seen(eye, hand, LookKind.THUMB)
    assert len(first.seen.thumb) == THUMB_BYTES
    again = await seen(eye, sending(framed(tracks), framed(packet(data))), reference=first.seen.thumb)
    shift = again.seen.picture.shift
    assert shift is not None
    assert (shift.across, shift.down) == (0, 0)
    assert shift.confidence == 0, "nothing speaks for another place"
    assert shift.likeness > 0.9


async def test_a_snapshot_is_a_whole_jpeg_of_the_full_size(eye: DecoderClient, tmp_path: Path) -> None:
    tracks, data = one_picture()
    came = await seen(eye, sending(framed(tracks), framed(packet(data))), LookKind.SNAPSHOT)
    assert len(came.jpeg) > 45_000, "more than one piece"
    path = tmp_path / "snapshot.jpg"
    path.write_bytes(came.jpeg)
    import av  # noqa: PLC0415 - only here

    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (640, 360)
    assert abs(frame.to_ndarray(format="rgb24").mean() - SCENE.mean()) < 5


async def test_between_two_looks_it_holds_nothing_that_looks_need(eye: DecoderClient) -> None:
    """Once a minute somebody looks at a camera."""
    tracks, data = one_picture()
    await seen(eye, sending(framed(tracks), framed(packet(data))))

    def code_kb() -> int:
        text = Path(f"/proc/{eye.pid}/smaps").read_text()
        (found,) = re.findall(r" r-xp .*/libavcodec[^/]*\nSize: .*\n(?:.*\n){2}Rss: *(\d+) kB", text)
        return int(found)

    await asyncio.to_thread(wait_until, lambda: code_kb() == 0, PATIENCE_S, "it lets go of what it needed")
    await seen(eye, sending(framed(tracks), framed(packet(data))))


async def test_what_cannot_be_decoded_is_told_and_the_next_is_seen(eye: DecoderClient) -> None:
    tracks, data = one_picture()
    noise = bytes(NOISE.integers(0, 256, 5000).astype(np.uint8))
    assert await asked(eye, sending(framed(tracks), framed(packet(noise)))) is UnseenReason.UNREADABLE
    assert (
        await asked(eye, sending(framed(Tracks(Codec.AAC, 1, 1, 1, b"", None)), framed(packet(data))))
        is UnseenReason.UNREADABLE
    )
    huge = Tracks(Codec.H264, 90_000, 60_000, 60_000, tracks.record, None)
    assert await asked(eye, sending(framed(huge), framed(packet(data)))) is UnseenReason.TOO_LARGE
    assert await asked(eye, sending(noise)) is UnseenReason.NO_PICTURE, "a worker that sends nonsense"
    assert await asked(eye, sending((2**31).to_bytes(LENGTH_BYTES, "big"))) is UnseenReason.NO_PICTURE
    assert await asked(eye, sending()) is UnseenReason.NO_PICTURE
    assert await asked(eye, lambda _: False) is UnseenReason.NOT_SENT
    assert isinstance(await asked(eye, sending(framed(tracks), framed(packet(data)))), LookResult)


async def test_a_picture_of_a_few_pixels_costs_a_look_and_not_the_eye(eye: DecoderClient) -> None:
    """It may be declared to be larger, or not at all."""
    tracks, data = one_picture()
    await seen(eye, sending(framed(tracks), framed(packet(data))))
    pid = eye.pid
    for wide, high in ((8, 8), (16, 8), (8, 640)):
        few, tiny = Encoder(wide, high).encode(np.zeros((high, wide, 3), np.uint8))
        for told in (few, Tracks(Codec.H264, 90_000, 0, 0, few.record, None)):
            for want in (LookKind.MEASURE, LookKind.SNAPSHOT):
                assert await asked(eye, sending(framed(told), framed(packet(tiny))), want) is UnseenReason.UNREADABLE
    await seen(eye, sending(framed(tracks), framed(packet(data))))
    assert eye.pid == pid


async def test_looks_that_fail_leave_no_descriptor_behind(eye: DecoderClient) -> None:
    """S12: neither here nor in the eye, whatever it was that came to nothing."""

    def held() -> tuple[int, int]:
        ours, theirs = Path("/proc/self/fd"), Path(f"/proc/{eye.pid}/fd")
        return len([*ours.iterdir()]), len([*theirs.iterdir()])

    tracks, data = one_picture()
    await seen(eye, sending(framed(tracks), framed(packet(data))))
    before, pid = held(), eye.pid
    for _ in range(FAILED_LOOKS):
        assert await asked(eye, lambda _: False) is UnseenReason.NOT_SENT
        assert await asked(eye, sending(b"\xff" * 100)) is UnseenReason.NO_PICTURE
        assert await asked(eye, sending(framed(tracks), framed(packet(b"\0" * 50)))) is UnseenReason.UNREADABLE
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await eye.look(sending(), LookKind.MEASURE)
    await seen(eye, sending(framed(tracks), framed(packet(data))))
    assert (held(), eye.pid) == (before, pid)


async def test_a_worker_that_sends_nothing_holds_up_nobody(eye: DecoderClient) -> None:
    """L4: the others are seen while it is waited for."""
    stay: list[socket.socket] = []
    waiting = asyncio.ensure_future(eye.look(sending(stay=stay), LookKind.MEASURE))
    tracks, data = one_picture()
    for _ in range(3):
        assert isinstance(await asked(eye, sending(framed(tracks), framed(packet(data)))), LookResult)
    assert not waiting.done()
    for sock in stay:
        sock.close()
    assert await waiting is UnseenReason.NO_PICTURE


async def test_an_eye_that_is_killed_is_started_anew(eye: DecoderClient) -> None:
    tracks, data = one_picture()
    await seen(eye, sending(framed(tracks), framed(packet(data))))
    before = eye.pid
    assert before is not None
    stay: list[socket.socket] = []
    waiting = asyncio.ensure_future(eye.look(sending(stay=stay), LookKind.MEASURE))
    await asyncio.sleep(0)
    os.kill(before, signal.SIGKILL)
    with pytest.raises(DecoderLost) as lost:
        await waiting
    assert not lost.value.blamed, "it was not at its picture"
    await seen(eye, sending(framed(tracks), framed(packet(data))))
    assert eye.pid not in (before, None)
    for sock in stay:
        sock.close()


FAKE: Final = """
import socket, sys, time
from recorder.words import messages
from recorder.decoder.messages import Begun, Look
import msgspec
daemon = socket.socket(fileno=int(sys.argv[1]))
data, fd = messages.datagram(daemon)
number = msgspec.json.decode(data, type=Look).number
{body}
"""
ENDS: Final = {
    "dies": "messages.send(daemon, Begun(number))",
    "hangs": "messages.send(daemon, Begun(number))\ntime.sleep(1000)",
    "lies": 'messages.send(daemon, Begun(number))\ndaemon.send(b\'{"kind":"seen","number":1}\')\ntime.sleep(1000)',
}


@pytest.mark.parametrize("body", ENDS)
async def test_whoever_the_eye_died_of_is_blamed_however_it_died(body: str, tmp_path: Path) -> None:
    script = tmp_path / "eye.py"
    script.write_text(FAKE.format(body=ENDS[body]))
    eye = DecoderClient((sys.executable, str(script)), decode_limit_s=0.2)
    try:
        with pytest.raises(DecoderLost) as lost:
            await asked(eye, sending())
        assert lost.value.blamed
        assert eye.pid is None
    finally:
        await eye.close()


async def test_an_eye_that_cannot_be_started_is_told() -> None:
    eye = DecoderClient(("/nonexistent/eye",))
    with pytest.raises(DecoderLost, match="no process"):
        await asked(eye, sending())
    await eye.close()
