"""`edgectl cameras`, `segments`, `gaps`, `retention`: one document each, as JSON or as a screen. Screens are pure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Final

import click
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from edged.cli.client import Address
from edged.cli.formatting import (
    OneLine,
    against_ours,
    between,
    cause_word,
    clean,
    colon,
    corrected,
    counted_segments,
    enumerated,
    local,
    megabits,
    number,
    picture,
    share,
    span,
    styled,
    table,
    text,
)
from edged.cli.options import address_given, interval_options, json_option
from edged.cli.output import Session, interval
from edged.cli.status import since, volumes_table
from edged.documents import site
from edged.documents import site as documents
from edged.documents.base import told_in
from edged.words.catalogue import Reader
from recorder.words.address import without_tried
from storage.words.message import Message, format_size, message

SHORT_GAP_S: Final = 9.95
MARK: Final = "*"
FINDINGS: Final = {
    "black": message("cameras.finding.black", "black"),
    "white": message("cameras.finding.white", "white"),
    "flat": message("cameras.finding.flat", "flat"),
    "frozen": message("cameras.finding.frozen", "frozen"),
    "blurred": message("cameras.finding.blurred", "blurred"),
    "covered": message("cameras.finding.covered", "covered"),
    "moved": message("cameras.finding.moved", "moved"),
    "colourless": message("cameras.finding.colourless", "colourless"),
    "silent": message("cameras.finding.silent", "silent"),
    "clipped": message("cameras.finding.clipped", "clipped"),
    "mute": message("cameras.finding.mute", "mute"),
    "drift": message("cameras.finding.drift", "drift"),
}
"""What may be wrong with picture and sound."""


@click.command()
@json_option
@address_given
def cameras(address: Address, *, as_json: bool) -> None:
    """Each camera with all that is known of it."""
    session = Session(address.daemon(), as_json)
    document = session.read(documents.Cameras, "/v1/cameras")
    session.print(document, lambda: cameras_screen(document, session.reader))


def cameras_screen(document: documents.Cameras, read: Reader) -> RenderableType:
    """A block for each camera, with all that is known."""
    if not document.cameras:
        return Text(read.phrase("cameras.none", "No cameras are configured."))
    return Group(*(_camera_block(camera, read) for camera in document.cameras))


def _camera_block(camera: documents.Camera, read: Reader) -> RenderableType:
    heading = Text(clean(camera.id), style="bold").append(
        "" if camera.name == camera.id else f" {clean(camera.name)}", style="not bold"
    )
    heading.append("  ").append_text(styled(camera.state, read))
    heading.append(f" {since(camera.since, read)}" if camera.since else "", style="not bold dim")
    facts = table("", "", folds=(1,))
    facts.show_header = False
    if camera.reason:
        facts.add_row(read.phrase("cameras.reason", "reason"), text(read(told_in(camera, "reason"))))
    if camera.codec is not None:
        facts.add_row(read.phrase("cameras.picture", "picture"), _stream(camera, read))
    for finding in camera.findings:
        told = read.phrase(
            "cameras.finding",
            "since {moment}: {evidence}",
            moment=local(finding.since, read),
            evidence=told_in(finding, "evidence"),
        )
        facts.add_row(read(FINDINGS[finding.fault]), text(told, "yellow"))
    facts.add_row(read.phrase("cameras.looked-at", "looked at"), _looked_at(camera, read))
    age = f"{camera.last_frame_age_s:.1f} s" if camera.last_frame_age_s is not None else None
    facts.add_row(
        read.phrase("cameras.last-frame", "last frame"),
        "–" if age is None else read.phrase("cameras.ago", "{age} ago", age=age),
    )
    if camera.clock_offset_ms is not None:
        facts.add_row(read.phrase("cameras.clock", "its clock"), read(against_ours(camera.clock_offset_ms)))
    facts.add_row(
        read.phrase("cameras.kept", "kept"),
        read.phrase(
            "cameras.kept.bounds",
            "{kept} (floor {floor}, ceiling {ceiling}, forecast {forecast})",
            kept=span(camera.retained_s, read),
            floor=span(camera.floor_s, read),
            ceiling=span(camera.ceiling_s, read),
            forecast=span(camera.forecast_s, read),
        ),
    )
    facts.add_row(
        read.phrase("cameras.last-day", "last 24 h"),
        read.phrase(
            "cameras.last-day.coverage",
            "{coverage}, gaps {gaps}, unexplained {unexplained}",
            coverage=share(camera.coverage_24h),
            gaps=camera.gaps_24h,
            unexplained=span(camera.unexplained_s, read),
        ),
    )
    return Group(heading, Padding(facts, (0, 0, 1, 2)))


def _stream(camera: documents.Camera, read: Reader) -> str:
    """Size, rate and sound."""
    seen = picture(camera.width, camera.height, camera.codec)
    parts = [seen, f"{number(camera.fps, 1)} fps", f"{number(megabits(camera.bitrate_bps), 2)} Mbit/s"]
    if camera.audio:
        sound = message("cameras.sound", "sound {codec}", codec=clean(camera.audio))
    else:
        sound = message("cameras.no-sound", "no sound")
    return enumerated([*parts, sound], read)


def _looked_at(camera: documents.Camera, read: Reader) -> str:
    """The last look at picture and sound."""
    if camera.looked is None:
        return read.phrase("cameras.not-looked", "not yet")
    parts = [local(camera.looked, read)]
    if camera.colour is not None:
        grey = message("cameras.in-grey", "in grey")
        parts.append(message("cameras.in-colour", "in colour") if camera.colour else grey)
    if camera.sound_db is not None:
        parts.append(message("cameras.sound-level", "sound at {level} dB", level=f"{camera.sound_db:.0f}"))
    if camera.sound_lag_ms is not None:
        lag = f"{camera.sound_lag_ms / 1000:+.1f} s"
        parts.append(message("cameras.sound-lag", "{lag} after the picture", lag=lag))
    return enumerated(parts, read)


@click.command()
@json_option
@interval_options
@address_given
def segments(
    address: Address, *, camera: str | None, start: str | None, end: str | None, limit: int | None, as_json: bool
) -> None:
    """Committed segments (錄影檔) that touch an interval, with their files."""
    session = Session(address.daemon(), as_json)
    first, last = interval(session, start, end)
    document = session.read(documents.Segments, "/v1/segments", camera=camera, from_=first, to=last, limit=limit)
    session.print(document, lambda: segments_screen(document, session.reader, limit))


def segments_screen(document: documents.Segments, read: Reader, limit: int | None = None) -> RenderableType:
    """By directory, so that a path fits and can be copied; oldest first."""
    if not document.segments:
        return Text(read.phrase("segments.none", "No segments."))
    placed = sorted(((_where(segment), segment) for segment in document.segments), key=lambda p: (p[0], p[1].start))
    start, length, size, file = (
        read.phrase("screen.start", "Start"),
        read.phrase("screen.length", "Length"),
        read.phrase("screen.size", "Size"),
        read.phrase("segments.file", "File"),
    )
    parts: list[RenderableType] = []
    for (directory, lost), group in groupby(placed, key=lambda p: p[0]):
        made = table(start, length, size, file, right=(length, size), folds=(3,))
        for _, segment in group:
            made.add_row(
                _when(segment.start, segment.clock_correction_ms, read),
                span(between(segment.start, segment.end), read),
                format_size(segment.bytes),
                text(PurePosixPath(segment.path).name),
            )
        heading = Text(clean(str(directory)), style="bold", overflow="fold")
        if lost:
            gone = read.phrase("segments.lost-with", "recorded, and lost with volume {volume}", volume=clean(lost))
            heading.append(f"\n{gone}", style="bold red")
        parts += [heading, made, ""]
    total = format_size(sum(segment.bytes for segment in document.segments))
    count = len(document.segments)
    summary = Text(read.phrase("segments.total", "{count} segments, {size}", count=count, size=total))
    if gone_ones := sum(segment.state == "lost" for segment in document.segments):
        summary.append(read.phrase("segments.lost", "; {count} of them lost", count=gone_ones), style="bold red")
    marked = any(segment.clock_correction_ms for segment in document.segments)
    return Group(*parts, summary, *_legend(read, marked=marked), *more(len(document.segments), limit, read))


def _where(segment: documents.Segment) -> tuple[PurePosixPath, str]:
    """Its directory, and the volume that it is lost with, if it is: another one may be at that path by now."""
    return PurePosixPath(segment.path).parent, segment.volume if segment.state == "lost" else ""


@click.command()
@json_option
@interval_options
@address_given
def gaps(
    address: Address, *, camera: str | None, start: str | None, end: str | None, limit: int | None, as_json: bool
) -> None:
    """When a camera was not recorded (錄影中斷), and why."""
    session = Session(address.daemon(), as_json)
    first, last = interval(session, start, end)
    document = session.read(documents.Gaps, "/v1/gaps", camera=camera, from_=first, to=last, limit=limit)
    session.print(document, lambda: gaps_screen(document, session.reader, limit))


def gaps_screen(document: documents.Gaps, read: Reader, limit: int | None = None) -> RenderableType:
    """A detail says what came back, and is cut at the end of its line: --json has it in full, with what was tried."""
    if not document.gaps:
        return Text(read.phrase("gaps.none", "No gaps."))
    length_name = read.phrase("screen.length", "Length")
    made = table(
        read.phrase("screen.camera", "Camera"),
        read.phrase("screen.start", "Start"),
        length_name,
        read.phrase("gaps.cause", "Cause"),
        read.phrase("gaps.detail", "Detail"),
        right=(length_name,),
        folds=(0, 4),
    )
    for gap in document.gaps:
        start = corrected(gap.start, gap.clock_correction_ms)
        length = between(start, None if gap.end is None else corrected(gap.end, gap.end_correction_ms))
        beneath = cause_word(gap.beneath, read) if gap.beneath else ""
        detail = colon(read).join(filter(None, (beneath, read(without_tried(told_in(gap, "detail"))))))
        if gap.pauses and length is not None:
            detail = read.phrase(
                "gaps.pauses",
                "{count} pauses in {length}: {detail}",
                count=len(gap.pauses),
                length=_length(length, read),
                detail=detail,
            )
            length = sum(between(pause.start, pause.end) or 0 for pause in gap.pauses)
        lasting = Text(read.phrase("gaps.lasting", "lasting"), style="yellow")
        made.add_row(
            text(gap.camera, "bold"),
            _when(gap.start, gap.clock_correction_ms, read),
            lasting if length is None else _length(length, read),
            text(cause_word(gap.cause, read), "bold red" if gap.cause == "unknown" else ""),
            OneLine(detail),
        )
    marked = any(gap.clock_correction_ms for gap in document.gaps)
    return Group(made, *_legend(read, marked=marked), *more(len(document.gaps), limit, read))


def _when(moment: str, correction_ms: int | None, read: Reader) -> str:
    """As site time; marked where our own clock was wrong then and is known to have been."""
    return local(corrected(moment, correction_ms), read) + (MARK if correction_ms else "")


def _legend(read: Reader, *, marked: bool) -> list[Text]:
    if not marked:
        return []
    means = read.phrase(
        "screen.true-time", "{mark} true time: the clock was wrong then; --json says by how much", mark=MARK
    )
    return [Text(means, style="dim")]


def more(shown: int, limit: int | None, read: Reader) -> list[Text]:
    """What --limit may have cut off."""
    if shown != limit:
        return []
    words = read.phrase(
        "screen.first", "the first {count}; there may be more: a larger --limit, or --from", count=shown
    )
    return [Text(words)]


def _length(seconds: float, read: Reader) -> str:
    """Of a gap: of the short ones, tenths of a second tell something."""
    if seconds < SHORT_GAP_S:
        return read.phrase("gaps.seconds", "{seconds}s", seconds=f"{seconds:.1f}")
    return span(seconds, read)


@click.command()
@json_option
@click.option("--explain", metavar="SEGMENT", help="Why this segment is kept or destroyed: its path, or CAMERA/SEQ.")
@address_given
def retention(address: Address, *, explain: str | None, as_json: bool) -> None:
    """What is kept, how long, and how long it will last."""
    session = Session(address.daemon(), as_json)
    if explain is not None:
        here = Path(explain).absolute()
        named = str(here) if os.path.lexists(here) else explain  # else the daemon looks for it on its volumes
        explained = session.read(site.Explanation, "/v1/retention/explain", segment=named)
        session.print(explained, lambda: explanation_screen(explained, session.words))
        return
    document = session.read(documents.Retention, "/v1/retention")
    session.print(document, lambda: retention_screen(document, session.reader))


def retention_screen(document: documents.Retention, read: Reader) -> RenderableType:
    numbers = (
        read.phrase("screen.floor", "Floor"),
        read.phrase("screen.ceiling", "Ceiling"),
        read.phrase("screen.kept", "Kept"),
        read.phrase("retention.forecast", "Forecast"),
        read.phrase("screen.segments", "Segments"),
        read.phrase("screen.size", "Size"),
    )
    demanded = read.phrase("retention.as-demanded", "Kept as demanded")
    made = table(read.phrase("screen.camera", "Camera"), *numbers, demanded, right=numbers)
    yes, no = read.phrase("screen.yes", "yes"), read.phrase("screen.no", "no")
    for line in document.retention:
        made.add_row(
            text(line.camera, "bold"),
            span(line.floor_s, read),
            span(line.ceiling_s, read),
            span(line.retained_s, read),
            span(line.forecast_s, read),
            str(line.segments),
            format_size(line.bytes),
            Text(yes, style="green") if line.compliant else Text(no, style="bold red"),
        )
    notes = [text(read(said), style) for said, style in _notes(document, read)]
    if document.last_sweep:
        ending = read.phrase(
            "retention.destroyed-and-swept",
            "{segments} destroyed since the start, last sweep {moment}",
            segments=counted_segments(document.destroyed),
            moment=local(document.last_sweep, read),
        )
    else:
        ending = read.phrase(
            "retention.destroyed", "{segments} destroyed since the start", segments=counted_segments(document.destroyed)
        )
    return Group(made, *notes, "", volumes_table(document.volumes, read), "", ending)


def _notes(document: documents.Retention, read: Reader) -> Iterator[tuple[Message, str]]:
    """What is not as it is configured, or will not stay so, and its style."""
    for waiting in document.waiting:
        yield (
            message(
                "retention.ceiling-shortened",
                "{camera}: the ceiling was shortened from {old_s} to {new_s}; that holds from {holds} on, if the box "
                "runs on",
                camera=waiting.camera,
                old_s=waiting.old_s,
                new_s=waiting.new_s,
                holds=local(waiting.holds, read),
            ),
            "yellow",
        )
    if document.overwriting is not None:
        yield (
            message(
                "retention.overwrite-waits",
                'on_full = "overwrite" does not hold yet: it does from {holds} on, if the box runs on',
                holds=local(document.overwriting.holds, read),
            ),
            "yellow",
        )
    for line in document.retention:
        if line.gone_s:
            yield (
                message(
                    "retention.gone",
                    "{camera}: {gone_s} younger than the floor was recorded and is destroyed",
                    camera=line.camera,
                    gone_s=line.gone_s,
                ),
                "bold red",
            )
    for broken in document.broken:
        yield (
            message(
                "retention.floor-broken",
                "{camera}: {segments} destroyed below the floor since {since}",
                camera=broken.camera,
                segments=counted_segments(broken.segments),
                since=local(broken.since, read),
            ),
            "bold red",
        )
    yield from _coming(document)


def _coming(document: documents.Retention) -> Iterator[tuple[Message, str]]:
    """What lies ahead, and its style; volumes are filled together."""
    risks = [volume.floor_at_risk_in_s for volume in document.volumes if volume.floor_at_risk_in_s is not None]
    if risks and risks[0] <= 0:
        yield message("retention.no-room", "There is no room left, and nothing may go yet."), "bold red"
    elif risks:
        yield (
            message("retention.will-stop", "At the present rates floors will stop recording in {in_s}.", in_s=risks[0]),
            "bold yellow",
        )
    elif full := next((volume.full_in_s for volume in document.volumes if volume.full_in_s), None):
        yield message("retention.will-fill", "At the present rates the volumes will be full in {in_s}.", in_s=full), ""


DECISIONS: Final = {
    "keep": message("retention.decision.keep", "keep"),
    "destroy": message("retention.decision.destroy", "destroy"),
}


def explanation_screen(document: site.Explanation, read: Reader) -> RenderableType:
    decision = read(DECISIONS[document.decision])
    line = Text(decision, style="bold" if document.decision == "keep" else "bold yellow")
    why = f" ({clean(document.reason)}): {clean(read(told_in(document, 'sentence')))}"
    return Group(text(document.segment), line.append(why, "not bold"))
