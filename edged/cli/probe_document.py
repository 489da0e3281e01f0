"""What was found at a camera, as the document that people and programs get. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from edged.cli.probe_advice import known_as, remarks
from edged.cli.probe_table import camera_table
from edged.documents import probe as documents
from edged.words.defaults import DEFAULT_CONFIG
from recorder.probe.run import Found, Track
from recorder.words.address import Target, without_secrets

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
Way = Literal["tcp", "udp", "tls", "built-in"]


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
