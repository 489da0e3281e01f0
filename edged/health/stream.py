"""Health of a camera: what was measured in, a state with a reason out. Pure: no clock, no camera, no asyncio.

States as in the surface: recording / degraded / down / disabled. Down is no frame for 10 s; degraded is frames that
arrive at less than 0.8 of the expected rate for 30 s, or size or sound that differ from what is expected, or a stream
that breaks off again and again (`edged.cameras`); recording is only what is being written.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from operator import attrgetter
from typing import Final

from storage.words.message import NOTHING, Message, joined, message
from storage.words.model import GapCause

DOWN_AFTER_S: Final = 10.0
"""No frame for this long is down. Also the time a starting camera has before anybody is alarmed."""
SLOW_FOR_S: Final = 30.0
"""A frame rate is judged over this long: shorter spells are what networks do."""
SLOW_SHARE: Final = 0.8
RATE_WINDOW_S: Final = 5.0
"""Shortest stretch over which a rate is shown: a GOP or two, so that key frames do not make it jump."""
CONNECTING: Final = message("camera.connecting", "connecting")
WAITING: Final = message("camera.waiting", "connected, waiting for the first key frame")
"""Recording begins with a key frame; frames before it are none."""
UNSTEADY: Final = message(
    "camera.unsteady", "recorded only part of the time: the stream breaks off or stops again and again"
)
_CODECS: Final = {"h264": "h264", "h265": "hevc"}
"""What the configuration calls them, to what a worker tells."""
CHECK_STREAM: Final = message(
    "camera.unsteady.check",
    "the network to the camera and its load; `edgectl gaps` says what happened each time",
)
WITHHELD: Final = {
    GapCause.DISK_FULL: (
        message("camera.disk-full", "the disk is full"),
        message(
            "camera.disk-full.check",
            "what else lies on the volumes and whether one is away (`edgectl status`): free space, or add a volume",
        ),
    ),
    GapCause.FLOOR_PROTECT: (
        message("camera.floor-protect", "the volumes are full of footage that must still be kept"),
        message(
            "camera.floor-protect.check",
            "the size of the volumes against the floors (`edgectl retention`): add a volume, or raise max_bytes",
        ),
    ),
    GapCause.IO_ERROR: (
        message("camera.io-error", "the disk does not take what is written"),
        message(
            "camera.io-error.check",
            "the disk, its cable and its mount (`journalctl -k`, `smartctl -a`): replace it if it reports errors",
        ),
    ),
}
"""Troubles of the box and not of the camera, which the worker cannot put into words: what it is, what to check."""


class CameraState(StrEnum):
    RECORDING = "recording"
    DEGRADED = "degraded"
    DOWN = "down"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Sample:
    """Counters of one session at one instant of CLOCK_BOOTTIME; they only grow."""

    at_ms: int
    video_frames: int
    bytes: int
    last_frame_ms: int
    """Boottime of the newest frame, 0 before the first."""
    clock_offset_ms: int | None = None
    """The camera's own clock minus ours; None while it does not tell."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What the camera sends; `audio` is "" without sound."""

    video: str
    width: int
    height: int
    audio: str
    detail: Message = NOTHING


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the configuration says the camera should send; None where it says nothing."""

    width: int | None = None
    height: int | None = None
    fps: float | None = None
    audio: bool | None = None
    pixels: int | None = None
    """At least so many."""
    codec: str | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """All that is known of a camera at `now_ms` (CLOCK_BOOTTIME)."""

    now_ms: int
    enabled: bool
    stream: Stream | None
    """None while there is no session."""
    samples: Sequence[Sample]
    """Of the present session, oldest first, about a minute of them."""
    trouble: Message
    """What was tried and what came back; NOTHING when nothing is known to be wrong."""
    check: Message = NOTHING
    """What a technician checks first."""
    writing: bool = True
    """False while nothing is recorded, whatever arrives: no key frame yet, a new process, a full disk."""
    recorded_ms: int | None = None
    """Boottime of the newest picture that was recorded, in whichever session; None when that is not known."""
    unsteady: bool = False
    """Recorded only part of the time, these last minutes."""
    cause: GapCause | None = None
    """Of what keeps it from being recorded, as its gap has it."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The judgement, with the figures it rests on. Rates are None while there is too little to measure.

    The reason names no figure that changes from second to second: it becomes an alarm's text, told once.
    """

    state: CameraState
    reason: Message
    check: Message = NOTHING
    """What to check first."""
    fps: float | None = None
    bitrate_bps: int | None = None
    last_frame_age_s: float | None = None
    lost_s: float | None = None
    """For how long nothing has been recorded; None when that is not known."""
    unsteady: bool = False
    cause: GapCause | None = None
    """Of one that is down, as its gap has it; None while that is not known."""


def frame_rate(samples: Sequence[Sample], window_s: float = SLOW_FOR_S) -> float | None:
    """Frames per second over the last `window_s`, or None before `RATE_WINDOW_S` of samples are there."""
    pair = _span(samples, window_s)
    return (
        None if pair is None else 1000 * (pair[1].video_frames - pair[0].video_frames) / (pair[1].at_ms - pair[0].at_ms)
    )


def bit_rate(samples: Sequence[Sample], window_s: float = SLOW_FOR_S) -> int | None:
    """Bits per second over the last `window_s`, rounded, or None before `RATE_WINDOW_S` of samples are there."""
    pair = _span(samples, window_s)
    return None if pair is None else round(8000 * (pair[1].bytes - pair[0].bytes) / (pair[1].at_ms - pair[0].at_ms))


_AT_MS: Final = attrgetter("at_ms")


def _span(samples: Sequence[Sample], window_s: float) -> tuple[Sample, Sample] | None:
    if not samples:
        return None
    newest = samples[-1]
    # Measured from the first frame on: the wait before it must not make a start look slow.
    begin = bisect_left(samples, newest.at_ms - window_s * 1000, key=_AT_MS)
    first = next((samples[at] for at in range(begin, len(samples)) if samples[at].video_frames > 0), None)
    if first is None or newest.at_ms - first.at_ms < RATE_WINDOW_S * 1000:
        return None
    return first, newest


def assess(seen: Observation, expect: Expectation) -> Condition:
    """The state of a camera. The reason is empty only for `RECORDING`.

    One that comes and goes is degraded all the time, and down only when it has been gone for as long as any other.
    """
    if not seen.enabled:
        return Condition(CameraState.DISABLED, message("camera.disabled", "disabled in the configuration"))
    found = _at_this_instant(seen, expect)
    if not seen.unsteady or found.lost_s is None or found.lost_s >= DOWN_AFTER_S:
        return found
    also = found.reason if found.state is CameraState.DEGRADED else NOTHING
    reason = joined((UNSTEADY, also))
    return replace(found, state=CameraState.DEGRADED, reason=reason, check=CHECK_STREAM, unsteady=True, cause=None)


def _at_this_instant(seen: Observation, expect: Expectation) -> Condition:
    last_ms = seen.samples[-1].last_frame_ms if seen.samples else 0
    age_s = max(0, seen.now_ms - last_ms) / 1000 if last_ms else None
    lost_s = None if seen.recorded_ms is None else max(0, seen.now_ms - seen.recorded_ms) / 1000
    down = partial(Condition, CameraState.DOWN, lost_s=lost_s, cause=seen.cause)
    if seen.stream is None:
        return down(seen.trouble or CONNECTING, seen.check, last_frame_age_s=age_s)
    if age_s is None:
        return down(seen.trouble or WAITING, seen.check)
    fps, bitrate = frame_rate(seen.samples), bit_rate(seen.samples)
    if age_s >= DOWN_AFTER_S:
        reason = seen.trouble or message("camera.no-picture", "connected, but no picture arrives")
        check = seen.check or message("camera.no-picture.check", "the camera's encoder and its network")
        return down(reason, check, fps, bitrate, age_s)
    if not seen.writing:
        return down(seen.trouble or WAITING, seen.check, fps, bitrate, age_s)
    faults = [*_mismatches(seen.stream, expect), *_slow(seen.samples, expect)]
    state = CameraState.DEGRADED if faults else CameraState.RECORDING
    check = message("camera.check-settings", "the camera's settings") if faults else NOTHING
    return Condition(state, joined(faults), check, fps, bitrate, age_s, lost_s)


def _mismatches(stream: Stream, expect: Expectation) -> list[Message]:
    faults = [stream.detail] if stream.detail else []
    wanted = (expect.width or stream.width, expect.height or stream.height)
    if wanted != (stream.width, stream.height):
        faults.append(
            message(
                "camera.other-size",
                "picture is {width}×{height}, expected {expected_width}×{expected_height}",
                width=stream.width,
                height=stream.height,
                expected_width=wanted[0],
                expected_height=wanted[1],
            )
        )
    if stream.width * stream.height < (expect.pixels or 0):
        faults.append(
            message(
                "camera.too-few-pixels",
                "picture has {pixels} pixels, expected are at least {expected}",
                pixels=stream.width * stream.height,
                expected=expect.pixels or 0,
            )
        )
    if expect.codec is not None and _CODECS[expect.codec] != stream.video:
        faults.append(
            message(
                "camera.other-codec",
                "pictures are coded as {codec}, expected as {expected}",
                codec=stream.video,
                expected=_CODECS[expect.codec],
            )
        )
    if expect.audio is True and not stream.audio:
        faults.append(message("camera.no-sound", "no sound, though it is expected"))
    if expect.audio is False and stream.audio:
        faults.append(message("camera.unexpected-sound", "sound ({codec}) is sent, none expected", codec=stream.audio))
    return faults


def _long_span(samples: Sequence[Sample]) -> tuple[Sample, Sample] | None:
    """Long enough to judge."""
    pair = _span(samples, SLOW_FOR_S)
    return None if pair is None or pair[1].at_ms - pair[0].at_ms < 0.9 * SLOW_FOR_S * 1000 else pair


def _slow(samples: Sequence[Sample], expect: Expectation) -> list[Message]:
    if expect.fps is None:
        return []
    if _long_span(samples) is None:
        return []
    fps = frame_rate(samples)
    if fps is None or fps >= SLOW_SHARE * expect.fps:
        return []
    return [message("camera.slow", "fewer than the expected {fps} images/s", fps=expect.fps)]


def of_the_box(cause: str | None) -> bool:
    """Whether what keeps a camera from being recorded is a trouble of the box."""
    return cause in WITHHELD
