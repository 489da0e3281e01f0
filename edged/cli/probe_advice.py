"""What a technician would want to know of a camera before it is recorded, judged against no configuration. Pure.

Each remark says what was found, what follows from it for recording, and what to set in the camera.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from edged.words import units
from recorder.probe import Found, Measured
from recorder.words.outcome import CHECK_KEY_FRAMES
from recorder.words.stream import Codec
from recorder.worker.recording import NO_KEY_NS
from recorder.worker.timestamp_repair import NS_PER_S

KEY_INTERVAL_MAX_S: Final = 4.0
"""What `recorder.words.outcome.CHECK_KEY_FRAMES` calls right, and a little for cameras that round."""
KEY_SLACK_S: Final = 0.5
PIXELS_MIN: Final = 1_000_000
"""Clause P3 (taipei-police)."""
CLOCK_OFF_MS: Final = 2_000
"""What a time server would not leave, nor an eye overlook beside our own time."""
PACE_OFF: Final = 0.15
_G711: Final = (Codec.PCMU, Codec.PCMA)


def remarks(found: Found) -> tuple[str, ...]:
    """In the order in which they matter."""
    said = [*_of_tracks(found)]
    if found.measured is not None and found.codec:
        said += _of_pictures(found, found.measured)
        said += _of_sound(found, found.measured)
        said += _of_clock(found.measured)
    said += _of_the_way(found)
    return tuple(said)


def known_as(cameras: Sequence[str]) -> tuple[str, ...]:
    """The configuration has its address already, for these cameras."""
    if not cameras:
        return ()
    return (
        f"the configuration has this address already, for {', '.join(cameras)}: replace that table, do not add another",
    )


def _of_tracks(found: Found) -> Iterator[str]:
    if found.detail:
        yield found.detail
    for track in found.tracks:
        if track.why_not and track.kind != "application" and track.why_not not in found.detail:
            yield f"{'picture' if track.kind == 'video' else 'sound'} in {track.codec}: {track.why_not}"


def _of_pictures(found: Found, measured: Measured) -> Iterator[str]:
    if measured.pictures == 0:
        yield "no picture came while it was looked at: nothing can be recorded of it like this"
        return
    yield from _of_key_frames(measured)
    if found.width * found.height < PIXELS_MIN:
        size = f"{found.width}×{found.height} is {found.width * found.height:,} pixels"
        yield f"{size}: less than the 1,000,000 that taipei-police demands (P3)"
    if len(measured.sizes) > 1:
        yield "the size of the picture changed meanwhile: each change begins a new file"
    if measured.reordered:
        yield (
            "B-frames: recorded as they are, but live view over WebRTC cannot show them; "
            "profile Baseline or Main without B-frames in the camera's own pages is right"
        )
    if measured.steady is False:
        yield (
            "the pictures are not equally far apart (variable frame rate): recorded as they come, "
            "but fps under `expect` should be what is left at its slowest, or be left out"
        )
    if found.codec == Codec.H265:
        yield "H.265: half the space, but not every browser plays it; H.264 plays everywhere"
    if measured.pace is not None and abs(measured.pace - 1) > PACE_OFF:
        yield f"its time stamps run {measured.pace:.2f} times as fast as time: mended, but restart the camera"
    if measured.lost_packets or measured.lost_pictures:
        lost = (
            f"{units.counted(measured.lost_packets, 'packet')} and {units.counted(measured.lost_pictures, 'picture')}"
        )
        yield f"{lost} did not arrive whole: check the network to it"


def _of_key_frames(measured: Measured) -> Iterator[str]:
    interval = measured.key_interval_s
    seconds = measured.no_key_for_s if interval is None else max(interval, measured.no_key_for_s)
    least = "at least " if interval is None or measured.no_key_for_s > interval else ""
    if not measured.key_frames:
        yield f"no key frame in {measured.seconds:.0f} s: check {CHECK_KEY_FRAMES}"
    elif seconds * NS_PER_S >= NO_KEY_NS:
        yield f"{least}{seconds:.0f} s between key frames: edged gives up waiting for one; check {CHECK_KEY_FRAMES}"
    elif seconds > KEY_INTERVAL_MAX_S + KEY_SLACK_S:
        yield (
            f"{least}{seconds:.0f} s between key frames: a file begins with one, so that after each interruption up to "
            f"as much is missing, and files get as much longer; check {CHECK_KEY_FRAMES}"
        )


def _of_sound(found: Found, measured: Measured) -> Iterator[str]:
    if found.sound and not measured.sounds:
        yield "the camera promises sound and sent none: check its microphone and sound settings"
    if found.sound in _G711:
        yield "sound in G.711: kept bit by bit, in QuickTime files; AAC plays in more players"


def _of_clock(measured: Measured) -> Iterator[str]:
    if not measured.reports:
        yield "the camera does not tell its clock (no RTCP sender reports): nobody checks the time in its picture"
    elif measured.clock_offset_ms is not None and abs(measured.clock_offset_ms) > CLOCK_OFF_MS:
        side = "behind" if measured.clock_offset_ms < 0 else "ahead of"
        by = units.approximate_duration(abs(measured.clock_offset_ms) / 1000)
        yield f"the camera's clock is {by} {side} ours: set its time server (NTP), or the time in its picture is wrong"


def _of_the_way(found: Found) -> Iterator[str]:
    if found.udp:
        yield "it sends over UDP only: packets may be lost, and a firewall between must let them through"
    if found.certificate and not found.trusted and found.ended is None:
        yield (
            "no authority vouches for its certificate: compare the fingerprint with the one in the camera's own pages "
            "before you paste it"
        )
