"""One real stream, encoded once: 1080p30 H.264 or H.265, 4 Mbit/s if not said otherwise, a key frame every two seconds,
and AAC.

Eight seconds of moving, noisy picture, which is 240 pictures and exactly 375 packets of sound, so that it can go round
for ever. Encoded by Debian's ffmpeg, kept below the benchmark's folder, as film and as JSON: whoever sends it needs no
libav, which would share its memory with those who are measured.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

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
H265_SLICES: Final = range(32)
_GOP: Final = ("-bf", "0", "-g", str(GOP), "-keyint_min", str(GOP), "-sc_threshold", "0")
_X265: Final = f"log-level=error:keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes=0:open-gop=0"


class Codec(Enum):
    """Of the pictures. Values are RTP's names."""

    H264 = "H264"
    H265 = "H265"


ENCODER: Final = {
    Codec.H264: ("-c:v", "libx264", "-preset", "veryfast", *_GOP),
    Codec.H265: ("-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", _X265),
}


@dataclass(frozen=True, slots=True)
class Clip:
    """Coded pictures as NAL units, in the order of decoding and showing; packets of sound; what describes them."""

    codec: Codec
    pictures: tuple[tuple[bytes, ...], ...]
    sound: tuple[bytes, ...]
    sets: tuple[bytes, ...]
    """Parameter sets: SPS and PPS, before them the VPS of H.265."""
    config: bytes


def load(folder: Path, codec: Codec = Codec.H264, bit_rate: int = BIT_RATE) -> Clip:
    """The clip, made if it is not there yet. `bit_rate`: of the pictures."""
    suffix = "" if codec is Codec.H264 else f"-{codec.value.lower()}"
    film = folder / f"clip-{SECONDS}s-{bit_rate // 1000}k{suffix}.mp4"
    path = film.with_suffix(".json")
    if not film.exists():
        _encode(film, codec, bit_rate)
    if not path.exists():
        path.write_text(json.dumps(_taken_apart(film, codec)))
    found = json.loads(path.read_text())
    return Clip(
        codec,
        tuple(tuple(map(bytes.fromhex, picture)) for picture in found["pictures"]),
        tuple(map(bytes.fromhex, found["sound"])),
        tuple(map(bytes.fromhex, found["sets"])),
        bytes.fromhex(found["config"]),
    )


def _taken_apart(film: Path, codec: Codec) -> dict[str, object]:
    """Fields of a `Clip` in hexadecimal."""
    import av  # noqa: PLC0415  (only here, see above)

    with av.open(str(film)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        extra, config = bytes(video.codec_context.extradata or b""), bytes(sound.codec_context.extradata or b"")
        sets = _avc_sets(extra) if codec is Codec.H264 else _hevc_sets(extra)
        pictures: list[list[str]] = []
        packets: list[str] = []
        for packet in container.demux(video, sound):
            if packet.size == 0:
                continue
            if packet.stream is sound:
                packets.append(bytes(packet).hex())
            else:
                # Only what is picture: cameras send their parameter sets before each key frame, and no banner.
                slices = [unit for unit in units(bytes(packet)) if _is_slice(codec, unit)]
                pictures.append([unit.hex() for unit in (*(sets if packet.is_keyframe else ()), *slices)])
    if len(pictures) < PICTURES or len(packets) < PACKETS:
        raise SystemExit(f"{film} has {len(pictures)} pictures and {len(packets)} packets of sound: delete it")
    return {
        "pictures": pictures[:PICTURES],
        "sound": packets[:PACKETS],
        "sets": [unit.hex() for unit in sets],
        "config": config.hex(),
    }


def _is_slice(codec: Codec, unit: bytes) -> bool:
    return unit[0] & 31 in SLICES if codec is Codec.H264 else unit[0] >> 1 & 63 in H265_SLICES


def _avc_sets(record: bytes) -> tuple[bytes, ...]:
    """Of an AVC decoder configuration record with one of each."""
    sps_end = 8 + int.from_bytes(record[6:8], "big")
    pps_end = sps_end + 3 + int.from_bytes(record[sps_end + 1 : sps_end + 3], "big")
    return record[8:sps_end], record[sps_end + 3 : pps_end]


def _hevc_sets(record: bytes) -> tuple[bytes, ...]:
    """Of an HEVC decoder configuration record with one array of one unit for each."""
    sets, at = [], 23
    for _ in range(record[22]):
        end = at + 5 + int.from_bytes(record[at + 3 : at + 5], "big")
        sets.append(record[at + 5 : end])
        at = end
    return tuple(unit for unit in sets if unit[0] >> 1 & 63 in (32, 33, 34))


def _encode(path: Path, codec: Codec, bit_rate: int) -> None:
    """Both encoders make one slice a picture, no B-frames and no key frame of their own accord."""
    draft = path.with_suffix(".draft.mp4")
    subprocess.run(
        [
            *("ffmpeg", "-nostdin", "-loglevel", "error", "-y"),
            *("-f", "lavfi", "-i", f"testsrc2=size=1920x1080:rate={FPS},noise=alls=20:allf=t"),
            *("-f", "lavfi", "-i", f"anoisesrc=amplitude=0.2:color=pink:sample_rate={SAMPLE_RATE}"),
            *("-t", str(SECONDS + 1), "-pix_fmt", "yuv420p"),
            *ENCODER[codec],
            *("-b:v", str(bit_rate), "-maxrate", str(bit_rate * 5 // 4), "-bufsize", str(bit_rate // 2)),
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
