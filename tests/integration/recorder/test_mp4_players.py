"""The files as players see them: Debian's ffmpeg, whose libav is not the one we test with elsewhere, and Chromium."""

from __future__ import annotations

import base64
import io
import json
import struct
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from recorder.mp4 import Muxer
from storage.segments.mp4 import summary
from tests.support import devtools
from tests.support.footage import Picture, Sound
from tests.support.tracks import Sample, interleaved, parameters, pictures, sound, sounds, written

SECONDS: Final = 6
LOOK: Final = 17
"""Samples that come at one look: a number that falls anywhere between key frames, pictures and sound."""
COMMENT: Final = '{"edged": 1, "camera": "門口"}'
H264: Final = Picture(width=320, height=180, gop=50, kbps=300)
H265: Final = replace(H264, codec="h265")
SOUNDS: Final = {"silent": None, "aac": Sound("aac"), "stereo": Sound("aac", 32_000, 2)} | {
    "mulaw": Sound.g711("pcmu"),
    "alaw": Sound.g711("pcma"),
}
PICTURES: Final = {
    "h264": H264,
    "h264-b": replace(H264, b_frames=2),
    "h265": H265,
    "h265-b": replace(H265, b_frames=3),
    "carphone": replace(H264, footage="carphone_pristine", width=176, height=144, fps=30, gop=300),
}


@dataclass(frozen=True)
class Film:
    """A file and what it was made of."""

    data: bytes
    frames: list[Sample]
    packets: list[Sample]

    @property
    def ends(self) -> list[int]:
        """Where its fragments end."""
        ends, at = [], 0
        while at < len(self.data):
            length, kind = struct.unpack_from(">I4s", self.data, at)
            at += length
            if kind == b"mdat":
                ends.append(at)
        return ends


def film(picture: str, heard: str, seconds: float = SECONDS) -> Film:
    wish, sound_wish = PICTURES[picture], SOUNDS[heard]
    frames = pictures(wish, seconds)
    packets = [] if sound_wish is None else sounds(sound_wish, seconds)
    return Film(_file(picture, heard, frames, packets), frames, packets)


def _file(picture: str, heard: str, frames: list[Sample], packets: list[Sample]) -> bytes:
    sound_wish = SOUNDS[heard]
    told = None if sound_wish is None else sound(sound_wish)
    muxer = Muxer(parameters(PICTURES[picture]), 90_000, told, COMMENT)
    muxer.tell_clock(0, 1_700_000_000_000_000_000)
    rates = [90_000, 1 if told is None else told.rate]
    return written(muxer, interleaved(*zip(rates, [frames, packets], strict=True)), LOOK)


def ffmpeg(*arguments: str | Path) -> bytes:
    """Its output; no word of complaint."""
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "warning", "-xerror", *arguments], capture_output=True, check=False
    )
    assert done.stderr.decode() == ""
    assert done.returncode == 0
    return done.stdout


def probed(path: Path) -> dict[str, Any]:
    streams = "stream=codec_name,codec_tag_string,start_time,duration,nb_read_packets"
    entries = f"{streams}:format=start_time,duration:format_tags"
    options = ["-v", "warning", "-count_packets", "-show_entries", entries, "-of", "json"]
    done = subprocess.run(["ffprobe", *options, str(path)], capture_output=True, check=True)
    assert done.stderr.decode() == ""
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


MATRIX: Final = [(picture, "silent") for picture in PICTURES] + [
    ("h264", "aac"),
    ("h264-b", "stereo"),
    ("h264-b", "mulaw"),
    ("h264", "alaw"),
    ("h265", "aac"),
    ("h265-b", "mulaw"),
]


@pytest.mark.parametrize(("picture", "heard"), MATRIX)
def test_ffmpeg_decodes_it_without_complaint(picture: str, heard: str, tmp_path: Path) -> None:
    """The whole file, and what is left of it after a cut behind any fragment."""
    made = film(picture, heard)
    path = tmp_path / "film.mp4"
    path.write_bytes(made.data)
    pictures_shown = ffmpeg("-i", path, "-map", "0", "-f", "null", "-map", "0:v", "-f", "framemd5", "-").count(b"\n0,")
    assert pictures_shown == len(made.frames)
    answer = probed(path)
    video, *others = answer["streams"]
    assert video["codec_tag_string"] == ("avc1" if video["codec_name"] == "h264" else "hvc1")
    assert [int(stream["nb_read_packets"]) for stream in others] == ([len(made.packets)] if made.packets else [])
    assert all(float(stream["start_time"]) == 0 for stream in answer["streams"])
    assert float(video["duration"]) == pytest.approx(SECONDS, abs=0.001)
    assert float(answer["format"]["duration"]) == pytest.approx(SECONDS, abs=0.05)
    assert answer["format"]["tags"]["comment"] == COMMENT
    for end in (made.ends[0], made.ends[len(made.ends) // 2]):
        path.write_bytes(made.data[:end])
        shown = ffmpeg("-i", path, "-map", "0:v", "-f", "framemd5", "-").count(b"\n0,")
        assert shown == summary(io.BytesIO(made.data[:end])).video_frames > 0


@pytest.mark.parametrize("picture", PICTURES)
def test_the_pictures_are_those_of_the_stream(picture: str, tmp_path: Path) -> None:
    """Decoded from the file, and from the camera's NAL units without any file."""
    made = film(picture, "silent", 2)
    path, plain = tmp_path / "film.mp4", tmp_path / "stream"
    path.write_bytes(made.data)
    plain.write_bytes(b"".join(_annexb(frame.data) for frame in made.frames))
    options = ("-map", "0:v", "-f", "rawvideo", "-")
    codec = "h264" if PICTURES[picture].codec == "h264" else "hevc"
    assert ffmpeg("-i", path, *options) == ffmpeg("-f", codec, "-i", plain, *options)


def _annexb(data: bytes) -> bytes:
    out, at = [], 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        out.append(b"\0\0\0\1" + data[at + 4 : end])
        at = end
    return b"".join(out)


@pytest.mark.parametrize(("heard", "raw"), [("mulaw", "mulaw"), ("alaw", "alaw")])
def test_g711_comes_out_of_ffmpeg_byte_for_byte(heard: str, raw: str, tmp_path: Path) -> None:
    made = film("h264-b", heard)
    path = tmp_path / "film.mp4"
    path.write_bytes(made.data)
    assert ffmpeg("-i", path, "-map", "0:a", "-c", "copy", "-f", raw, "-") == b"".join(p.data for p in made.packets)


@pytest.mark.parametrize("heard", ["aac", "mulaw"])
def test_sound_that_never_comes_stops_or_pauses_troubles_nobody(heard: str, tmp_path: Path) -> None:
    made = film("h264-b", heard)
    rate = 48_000 if heard == "aac" else 8_000
    path = tmp_path / "film.mp4"
    stops = [packet for packet in made.packets if packet.pts < 2 * rate]
    pauses = [packet for packet in made.packets if not 2 <= packet.pts / rate < 4]
    for kept in ([], stops, pauses):
        path.write_bytes(_file("h264-b", heard, made.frames, kept))
        assert ffmpeg("-i", path, "-map", "0:v", "-f", "framemd5", "-").count(b"\n0,") == len(made.frames)
        answer = probed(path)
        assert [int(stream.get("nb_read_packets", 0)) for stream in answer["streams"]] == [len(made.frames), len(kept)]
        assert float(answer["format"]["duration"]) == pytest.approx(SECONDS, abs=0.05)


# --- Chromium ----------------------------------------------------------------------------------------------------

PLAY: Final = """
const answer = {};
for (const name of %s) {
  const video = document.createElement("video");
  video.muted = true; video.preload = "auto"; document.body.append(video);
  const shown = () => new Promise(done => video.requestVideoFrameCallback((_, frame) => done(frame.mediaTime)));
  const first = shown();
  const loaded = event(video, "loadeddata");
  video.src = file(name);
  await loaded;
  const told = answer[name] = {duration: video.duration, first: await first, jumps: []};
  told.seekable = video.seekable.end(0);
  for (const time of %s) {
    const frame = shown(), there = event(video, "seeked");
    video.currentTime = time;
    await there;
    told.jumps.push(await frame);
  }
  const back = event(video, "seeked"), end = event(video, "ended");
  video.currentTime = 0;
  await back;
  video.playbackRate = 8;
  await video.play();
  await end;
  told.played = video.currentTime;
  told.sound = video.webkitAudioDecodedByteCount;
  video.remove();
}
return answer;
"""
JUMPS: Final = [4.9, 1.1, 3.0]


async def test_chromium_plays_and_jumps() -> None:
    """With the right length, although no header tells it; the first picture at 0; sound where there is any."""
    files = {f"{picture}-{heard}": film(picture, heard).data for picture, heard in MATRIX if "h264" in picture}
    cut = film("h264-b", "aac")
    files["cut"] = cut.data[: cut.ends[-1]]
    made = film("h264-b", "mulaw")
    files["never"] = _file("h264-b", "mulaw", made.frames, [])
    files["pauses"] = _file("h264-b", "mulaw", made.frames, [p for p in made.packets if not 2 <= p.pts / 8_000 < 4])
    async with devtools.beside(files) as page:
        told = await page.run(PLAY % (json.dumps(list(files)), json.dumps(JUMPS)))
    assert set(told) == set(files)
    for name, seen in told.items():
        assert seen["duration"] == seen["seekable"] == pytest.approx(SECONDS, abs=0.05), name
        assert seen["played"] == pytest.approx(SECONDS, abs=0.05), name
        assert seen["first"] == 0, name
        assert all(0 <= at - frame <= 0.041 for at, frame in zip(JUMPS, seen["jumps"], strict=True)), (name, seen)
        assert (seen["sound"] > 0) == ("silent" not in name and name != "never"), name


LISTEN: Final = """
const answer = {};
for (const name of %s) {
  const heard = await new OfflineAudioContext(1, 8000, 8000).decodeAudioData(await bytes(name));
  const samples = Int16Array.from(heard.getChannelData(0), sample => Math.round(sample * 32768));
  let text = "";
  for (const byte of new Uint8Array(samples.buffer)) text += String.fromCharCode(byte);
  answer[name] = btoa(text);
}
return answer;
"""


async def test_chromium_hears_g711_as_it_was_sent(tmp_path: Path) -> None:
    """Sample for sample as ffmpeg, of which another test says that it reads the very bytes."""
    films = {heard: film("h264", heard, 3) for heard in ("mulaw", "alaw")}
    async with devtools.beside({name: made.data for name, made in films.items()}) as page:
        told = await page.run(LISTEN % json.dumps(list(films)))
    for name, made in films.items():
        path = tmp_path / name
        path.write_bytes(made.data)
        assert base64.b64decode(told[name]) == ffmpeg("-i", path, "-map", "0:a", "-f", "s16le", "-"), name
