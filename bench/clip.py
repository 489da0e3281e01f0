"""One real stream, encoded once: 1080p30 H.264 at 4 Mbit/s, a key frame every two seconds, and AAC.

Eight seconds of moving, noisy picture, which is 240 pictures and exactly 375 packets of sound, so that it can go round
for ever. Encoded by Debian's ffmpeg, kept below the benchmark's folder.
"""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av

SECONDS: Final = 8
FPS: Final = 30
GOP: Final = 60
BIT_RATE: Final = 4_000_000
SAMPLE_RATE: Final = 48_000
SAMPLES: Final = 1024
PICTURES: Final = SECONDS * FPS
PACKETS: Final = SECONDS * SAMPLE_RATE // SAMPLES
IDR: Final = 5
SLICES: Final = (1, IDR)


@dataclass(frozen=True, slots=True)
class Clip:
    """Coded pictures as NAL units, in the order of decoding and showing; packets of sound; what describes them."""

    pictures: tuple[tuple[bytes, ...], ...]
    sound: tuple[bytes, ...]
    sets: tuple[bytes, bytes]
    config: bytes


def load(folder: Path) -> Clip:
    """The clip, made if it is not there yet."""
    path = folder / f"clip-{SECONDS}s-{BIT_RATE // 1000}k.mp4"
    if not path.exists():
        _encode(path)
    with av.open(str(path)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        extra, config = bytes(video.codec_context.extradata or b""), bytes(sound.codec_context.extradata or b"")
        sps_end = 8 + int.from_bytes(extra[6:8], "big")
        pps_end = sps_end + 3 + int.from_bytes(extra[sps_end + 1 : sps_end + 3], "big")
        sets = (extra[8:sps_end], extra[sps_end + 3 : pps_end])
        pictures: list[tuple[bytes, ...]] = []
        packets: list[bytes] = []
        for packet in container.demux(video, sound):
            if packet.size == 0:
                continue
            if packet.stream is sound:
                packets.append(bytes(packet))
            else:
                # Only what is picture: cameras send their parameter sets before each key frame, and no x264 banner.
                slices = [unit for unit in units(bytes(packet)) if unit[0] & 31 in SLICES]
                pictures.append((*(sets if packet.is_keyframe else ()), *slices))
    if len(pictures) < PICTURES or len(packets) < PACKETS:
        raise SystemExit(f"{path} has {len(pictures)} pictures and {len(packets)} packets of sound: delete it")
    return Clip(tuple(pictures[:PICTURES]), tuple(packets[:PACKETS]), sets, config)


def _encode(path: Path) -> None:
    draft = path.with_suffix(".draft.mp4")
    subprocess.run(
        [
            *("ffmpeg", "-nostdin", "-loglevel", "error", "-y"),
            *("-f", "lavfi", "-i", f"testsrc2=size=1920x1080:rate={FPS},noise=alls=20:allf=t"),
            *("-f", "lavfi", "-i", f"anoisesrc=amplitude=0.2:color=pink:sample_rate={SAMPLE_RATE}"),
            *("-t", str(SECONDS + 1), "-pix_fmt", "yuv420p", "-c:v", "libx264"),
            *("-preset", "veryfast", "-bf", "0", "-g", str(GOP), "-keyint_min", str(GOP), "-sc_threshold", "0"),
            *("-b:v", str(BIT_RATE), "-maxrate", str(BIT_RATE * 5 // 4), "-bufsize", str(BIT_RATE // 2)),
            *("-c:a", "aac", "-b:a", "64k", "-ac", "1", str(draft)),
        ],
        check=True,
    )
    draft.rename(path)


def units(data: bytes) -> list[bytes]:
    """NAL units, each after its length in four bytes."""
    found = []
    at = 0
    while at + 4 <= len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : end])
        at = end
    return found


def name_of(picture: list[bytes] | tuple[bytes, ...]) -> str:
    """What a picture is known by, whatever lies around it."""
    return hashlib.md5(
        b"".join(unit for unit in picture if unit and unit[0] & 31 in SLICES), usedforsecurity=False
    ).hexdigest()
