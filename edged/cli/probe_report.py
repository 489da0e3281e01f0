"""What was found at a camera: the document, the `[[cameras]]` table to paste, and remarks for a technician. Pure.

The table is valid TOML without a password. A remark says what was found, what follows from it for recording, and what
to set in the camera; it is judged against no configuration.
"""

from __future__ import annotations

import itertools
import json
import re
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import urlsplit

from edged.config.model import MAX_ID
from edged.documents import cameras as documents
from edged.words import units
from edged.words.value_types import DEFAULT_CONFIG, near_identifier
from recorder.probe import Found, Measured, Track
from recorder.words.address import RTSP_PORTS, Target, plain_host, without_secrets
from recorder.words.outcome import CHECK_KEY_FRAMES
from recorder.words.stream import Codec
from recorder.worker.recording import NO_KEY_NS
from recorder.worker.timestamp_repair import NS_PER_S

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
Way = Literal["tcp", "udp", "tls", "built-in"]
KEY_INTERVAL_MAX_S: Final = 4.0
"""What `recorder.words.outcome.CHECK_KEY_FRAMES` calls right, and a little for cameras that round."""
KEY_SLACK_S: Final = 0.5
PIXELS_MIN: Final = 1_000_000
"""Clause P3 (taipei-police)."""
CLOCK_OFF_MS: Final = 2_000
"""What a time server would not leave, nor an eye overlook beside our own time."""
PACE_OFF: Final = 0.15
_G711: Final = (Codec.PCMU, Codec.PCMA)
MODE: Final = "owner root, group edged, mode 640"


def probe_document(
    url: str,
    username: str,
    password_file: Path | None,
    found: Found,
    configured: Mapping[str, str] = NOTHING,
    file: Path = DEFAULT_CONFIG,
) -> documents.Probe:
    """`url` as it was given, without user and password. `configured`: addresses of cameras by their ids, in `file`."""
    taken = frozenset(one for one, other in configured.items() if other != url)
    same = tuple(one for one, other in configured.items() if other == url)
    ended, measured = found.ended, found.measured
    recordable = bool(found.codec) and measured is not None and measured.pictures > 0
    target = Target.parse(url, username)
    return documents.Probe(
        recordable=recordable,
        url=without_secrets(url),
        cause="" if ended is None or ended.cause is None else ended.cause.value,
        tried=target.tried,
        came_back="" if ended is None else ended.came_back,
        check="" if ended is None else ended.check,
        transport=_way(target, found),
        certificate=found.certificate,
        trusted=found.trusted,
        tracks=[_track(track) for track in found.tracks],
        picture=_picture(found),
        sound=None
        if not found.sound or measured is None
        else documents.ProbedSound(codec=found.sound, arrived=measured.sounds > 0, bitrate_bps=measured.sound_bps),
        clock_reports=0 if measured is None else measured.reports,
        clock_offset_ms=None if measured is None else measured.clock_offset_ms,
        measured_s=0.0 if measured is None else round(measured.seconds, 1),
        remarks=[*known_as(same), *remarks(found)],
        other_urls=[without_secrets(other) for other in found.others],
        configuration=camera_table(url, username, password_file, found, taken, file.parent) if recordable else "",
        took_s=round(found.took_s, 1),
    )


def _way(target: Target, found: Found) -> Way:
    if target.scheme == "test":
        return "built-in"
    return "tls" if target.scheme == "rtsps" else "udp" if found.udp else "tcp"


def _track(track: Track) -> documents.ProbedTrack:
    return documents.ProbedTrack(
        kind="video" if track.kind == "video" else "audio" if track.kind == "audio" else "other",
        codec=track.codec,
        clock_rate=track.rate,
        channels=track.channels,
        recorded=not track.why_not,
        reason=track.why_not,
    )


def _picture(found: Found) -> documents.ProbedPicture | None:
    measured = found.measured
    if not found.codec or measured is None:
        return None
    return documents.ProbedPicture(
        codec=found.codec,
        width=found.width,
        height=found.height,
        fps=None if measured.fps is None else round(measured.fps, 2),
        steady=measured.steady,
        key_interval_s=None if measured.key_interval_s is None else round(measured.key_interval_s, 2),
        bitrate_bps=measured.video_bps,
        b_frames=measured.reordered,
    )


def camera_table(
    url: str,
    username: str,
    password_file: Path | None,
    found: Found,
    taken: Collection[str] = (),
    here: Path = DEFAULT_CONFIG.parent,
) -> str:
    """Lines of TOML. What was not measured is left out rather than guessed."""
    name = suggested(url, taken)
    lines = ["[[cameras]]", f"id = {_toml_string(name)}", f"url = {_toml_string(url)}"]
    if username:
        lines.append(f"username = {_toml_string(username)}")
        lines.append(f"password_file = {_toml_string(_named(name, password_file, here))}  # {MODE}")
    if found.certificate:
        lines.append(f"certificate = {_toml_string(found.certificate)}")
    if expected := _expected(found):
        lines.append(f"expect = {{ {', '.join(expected)} }}")
    return "\n".join(lines) + "\n"


def suggested(url: str, taken: Collection[str] = ()) -> str:
    """An id for a camera, out of its address, that no other has: "cam-10-0-0-20-201" for channel 201 of a recorder.

    With the words of its path where there is room for them, else with all numbers in it, which are the channel's.
    """
    parts = urlsplit(url)
    host = plain_host(parts.hostname or "")
    name = f"cam-{host}" if re.fullmatch(r"[0-9.]+|.*:.*", host) else host.partition(".")[0]
    lead = "test" if parts.scheme == "test" else near_identifier(name, MAX_ID) or "camera"
    if parts.port not in (None, RTSP_PORTS.get(parts.scheme)):
        lead = f"{lead}-{parts.port}"
    path = "" if parts.scheme == "test" else f"{parts.path}?{parts.query}"
    tail = near_identifier(path, len(path))
    if len(lead) + len(tail) >= MAX_ID:
        tail = "-".join(re.findall("[0-9]+", path))
    if len(tail) > MAX_ID // 2:
        tail = f"{zlib.crc32(path.encode()):08x}"
    first = _joined(lead, tail)
    others = (_joined(first, str(number)) for number in itertools.count(2))
    return next(one for one in itertools.chain([first], others) if one not in taken)


def _joined(lead: str, tail: str) -> str:
    """The tail whole."""
    return f"{lead[: MAX_ID - len(tail) - 1].rstrip('-')}-{tail}" if tail else lead[:MAX_ID].rstrip("-")


def _named(name: str, password_file: Path | None, here: Path) -> str:
    """The file as the configuration there would name it. One from elsewhere may be closed to the account of edged."""
    if password_file is not None and password_file.is_relative_to(here):
        return str(password_file.relative_to(here))
    return f"{name}.password"


def _expected(found: Found) -> list[str]:
    measured = found.measured
    if not found.width or measured is None:
        return []
    lines = [f"width = {found.width}", f"height = {found.height}"]
    if measured.fps and measured.steady:
        rounded = round(measured.fps, 1)
        lines.append(f"fps = {rounded:g}")
    if found.sound and measured.sounds:
        lines.append("audio = true")
    return lines


def _toml_string(value: str) -> str:
    """A JSON string is a TOML string, but for DEL, which nobody can type into an address."""
    return json.dumps(value, ensure_ascii=False)


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
