"""What the decoder costs: processor time for a look and memory, with real key frames and half a second of sound.

    nice -n 19 python -m bench.decoder [--looks 200]

The real decoder is asked as the daemon asks it, by a process that plays the cameras' workers. Its processor time is
what the kernel has counted. Its memory is all that it has mapped (RSS), because this process has the same libraries,
and beside it what no other could share (anonymous pages). Both are read while it waits for the next look.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
from pathlib import Path
from typing import Final

import numpy as np

from edged.health.baseline import SELDOM_S
from recorder.decoder.client import DecoderClient, LookResult
from recorder.decoder.messages import THUMB_BYTES, LookKind
from recorder.words.stream import Codec
from recorder.worker.fan_out import Packet, SoundTrack, framed
from tests.support.footage import Sound, clip, pictures
from tests.support.keyframes import Encoder, packet, with_sound

WARM: Final = 10
SETTLED_S: Final = 0.2
"""After the last answer: what it needed for it has been given back."""


def said(codec: str, width: int, height: int) -> list[bytes]:
    """What a worker sends for one look, of a few key frames."""
    encoder, source = Encoder(width, height, "h265" if codec == "h265" else "h264", crf=26), pictures("bigbuckbunny")
    sound = clip(Sound())
    track = SoundTrack(Codec.AAC, sound.rate, sound.channels, sound.extra)
    heard = b"".join(framed(Packet(False, f.pts, 1024, True, f.data)) for f in sound.frames[:24])
    looks = []
    for _ in range(4):
        shown = np.asarray(next(source).reformat(width, height, "rgb24").to_ndarray(), np.uint8)
        tracks, data = encoder.encode(shown)
        looks.append(framed(with_sound(tracks, track)) + framed(packet(data)) + heard)
    return looks


def spent_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int, kind: str) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")) / 1024


async def measured(codec: str, width: int, height: int, looks: int) -> str:
    bodies, decoder, loop = said(codec, width, height), DecoderClient(), asyncio.get_running_loop()

    async def look(number: int) -> None:
        def hand(sock: socket.socket) -> bool:
            ours = sock.dup()
            ours.setblocking(True)

            def send() -> None:
                with ours:
                    ours.sendall(bodies[number % len(bodies)])

            loop.run_in_executor(None, send)
            return True

        reference = bytes(range(256)) * (THUMB_BYTES // 256) + bytes(THUMB_BYTES % 256)
        came = await decoder.look(hand, LookKind.MEASURE, reference)
        if not isinstance(came, LookResult):
            raise SystemExit(f"nothing was seen: {came}")

    for number in range(WARM):
        await look(number)
    pid = decoder.pid or 0
    before = spent_s(pid)
    for number in range(looks):
        await look(number)
    each_ms = (spent_s(pid) - before) / looks * 1000
    await asyncio.sleep(SETTLED_S)
    memory = f"{memory_mb(pid, 'Rss'):.0f} MB | {memory_mb(pid, 'Anonymous'):.0f} MB"
    await decoder.close()
    size = sum(len(body) for body in bodies) // len(bodies) // 1024
    share = each_ms / SELDOM_S / 10
    return f"| {codec} {width}×{height} | {size} KiB | {each_ms:.1f} ms | {share:.3f} % | {memory} |"


async def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--looks", type=int, default=200)
    looks = asked.parse_args().looks
    print("| Key frame | With its sound | Processor time a look | Of a core, a camera | Mapped | Anonymous |")
    print("| --- | --- | --- | --- | --- | --- |")
    for codec, width, height in (("h264", 1280, 720), ("h264", 1920, 1080), ("h265", 1920, 1080)):
        print(await measured(codec, width, height, looks), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
