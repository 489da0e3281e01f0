"""`edgectl cameras`, `segments`, `gaps`, `retention`: one document each, as JSON or as a screen. Screens are pure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Final
from zoneinfo import ZoneInfo

import click
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from edged.cli.client import Address
from edged.cli.formatting import (
    OneLine,
    against_ours,
    between,
    clean,
    corrected,
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
from edged.cli.status import volumes_table
from edged.documents import site
from edged.documents import site as documents
from edged.words import units
from recorder.words.address import without_tried

SHORT_GAP_S: Final = 9.95
MARK: Final = "*"
MARK_MEANS: Final = f"{MARK} true time: the clock was wrong then; --json says by how much"


@click.command()
@json_option
@address_given
def cameras(address: Address, *, as_json: bool) -> None:
    """Each camera with all that is known of it."""
    session = Session(address.daemon(), as_json)
    document = session.read(documents.Cameras, "/v1/cameras")
    session.print(document, lambda: cameras_screen(document, session.zone))


def cameras_screen(document: documents.Cameras, zone: ZoneInfo) -> RenderableType:
    """A block for each camera, with all that is known."""
    if not document.cameras:
        return Text("No cameras are configured.")
    return Group(*(_camera_block(camera, zone) for camera in document.cameras))


def _camera_block(camera: documents.Camera, zone: ZoneInfo) -> RenderableType:
    heading = Text(clean(camera.id), style="bold").append(
        "" if camera.name == camera.id else f" {clean(camera.name)}", style="not bold"
    )
    heading.append("  ").append_text(styled(camera.state))
    heading.append(f" since {local(camera.since, zone)}" if camera.since else "", style="not bold dim")
    facts = table("", "", folds=(1,))
    facts.show_header = False
    if camera.reason:
        facts.add_row("reason", text(camera.reason))
    if camera.codec is not None:
        rate = f"{number(camera.fps, 1)} fps, {number(megabits(camera.bitrate_bps), 2)} Mbit/s"
        sound = f"sound {clean(camera.audio)}" if camera.audio else "no sound"
        facts.add_row("picture", f"{picture(camera.width, camera.height, camera.codec)}, {rate}, {sound}")
    for finding in camera.findings:
        since = f"since {local(finding.since, zone)}: {clean(finding.evidence)}"
        facts.add_row(clean(finding.fault), Text(since, style="yellow"))
    facts.add_row("looked at", _looked_at(camera, zone))
    facts.add_row("last frame", "–" if camera.last_frame_age_s is None else f"{camera.last_frame_age_s:.1f} s ago")
    if camera.clock_offset_ms is not None:
        facts.add_row("its clock", against_ours(camera.clock_offset_ms))
    facts.add_row(
        "kept",
        f"{span(camera.retained_s)} (floor {span(camera.floor_s)}, ceiling {span(camera.ceiling_s)}, "
        f"forecast {span(camera.forecast_s)})",
    )
    facts.add_row(
        "last 24 h", f"{share(camera.coverage_24h)}, gaps {camera.gaps_24h}, unexplained {span(camera.unexplained_s)}"
    )
    return Group(heading, Padding(facts, (0, 0, 1, 2)))


def _looked_at(camera: documents.Camera, zone: ZoneInfo) -> str:
    """The last look at picture and sound."""
    if camera.looked is None:
        return "not yet"
    parts = [local(camera.looked, zone)]
    if camera.colour is not None:
        parts.append("in colour" if camera.colour else "in grey")
    if camera.sound_db is not None:
        parts.append(f"sound at {camera.sound_db:.0f} dB")
    if camera.sound_lag_ms is not None:
        parts.append(f"{camera.sound_lag_ms / 1000:+.1f} s after the picture")
    return ", ".join(parts)


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
    session.print(document, lambda: segments_screen(document, session.zone, limit))


def segments_screen(document: documents.Segments, zone: ZoneInfo, limit: int | None = None) -> RenderableType:
    """By directory, so that a path fits and can be copied; oldest first."""
    if not document.segments:
        return Text("No segments.")
    placed = sorted(((_where(segment), segment) for segment in document.segments), key=lambda p: (p[0], p[1].start))
    parts: list[RenderableType] = []
    for (directory, lost), group in groupby(placed, key=lambda p: p[0]):
        made = table("Start", "Length", "Size", "File", right=("Length", "Size"), folds=(3,))
        for _, segment in group:
            made.add_row(
                _when(segment.start, segment.clock_correction_ms, zone),
                span(between(segment.start, segment.end)),
                units.format_size(segment.bytes),
                text(PurePosixPath(segment.path).name),
            )
        heading = Text(clean(str(directory)), style="bold", overflow="fold")
        if lost:
            heading.append(f"\nrecorded, and lost with volume {clean(lost)}", style="bold red")
        parts += [heading, made, ""]
    total = sum(segment.bytes for segment in document.segments)
    summary = Text(f"{len(document.segments)} segments, {units.format_size(total)}")
    if lost_ones := [segment for segment in document.segments if segment.state == "lost"]:
        summary.append(f"; {len(lost_ones)} of them lost", style="bold red")
    marked = any(segment.clock_correction_ms for segment in document.segments)
    return Group(*parts, summary, *_legend(marked=marked), *_more(len(document.segments), limit))


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
    session.print(document, lambda: gaps_screen(document, session.zone, limit))


def gaps_screen(document: documents.Gaps, zone: ZoneInfo, limit: int | None = None) -> RenderableType:
    """A detail says what came back, and is cut at the end of its line: --json has it in full, with what was tried."""
    if not document.gaps:
        return Text("No gaps.")
    made = table("Camera", "Start", "Length", "Cause", "Detail", right=("Length",), folds=(0, 4))
    for gap in document.gaps:
        start = corrected(gap.start, gap.clock_correction_ms)
        length = between(start, None if gap.end is None else corrected(gap.end, gap.end_correction_ms))
        detail = ": ".join(filter(None, (gap.beneath, without_tried(gap.detail))))
        if gap.pauses and length is not None:
            detail = f"{len(gap.pauses)} pauses in {_length(length)}: {detail}"
            length = sum(between(pause.start, pause.end) or 0 for pause in gap.pauses)
        made.add_row(
            text(gap.camera, "bold"),
            _when(gap.start, gap.clock_correction_ms, zone),
            Text("lasting", style="yellow") if length is None else _length(length),
            text(gap.cause, "bold red" if gap.cause == "unknown" else ""),
            OneLine(detail),
        )
    marked = any(gap.clock_correction_ms for gap in document.gaps)
    return Group(made, *_legend(marked=marked), *_more(len(document.gaps), limit))


def _when(moment: str, correction_ms: int | None, zone: ZoneInfo) -> str:
    """As site time; marked where our own clock was wrong then and is known to have been."""
    return local(corrected(moment, correction_ms), zone) + (MARK if correction_ms else "")


def _legend(*, marked: bool) -> list[Text]:
    return [Text(MARK_MEANS, style="dim")] if marked else []


def _more(shown: int, limit: int | None) -> list[Text]:
    """What --limit may have cut off."""
    return [Text(f"the first {shown}; there may be more: a larger --limit, or --from")] if shown == limit else []


def _length(seconds: float) -> str:
    """Of a gap: of the short ones, tenths of a second tell something."""
    return f"{seconds:.1f}s" if seconds < SHORT_GAP_S else span(seconds)


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
        session.print(explained, lambda: explanation_screen(explained))
        return
    document = session.read(documents.Retention, "/v1/retention")
    session.print(document, lambda: retention_screen(document, session.zone))


def retention_screen(document: documents.Retention, zone: ZoneInfo) -> RenderableType:
    numbers = ("Floor", "Ceiling", "Kept", "Forecast", "Segments", "Size")
    made = table("Camera", *numbers, "Kept as demanded", right=numbers)
    for line in document.retention:
        made.add_row(
            text(line.camera, "bold"),
            span(line.floor_s),
            span(line.ceiling_s),
            span(line.retained_s),
            span(line.forecast_s),
            str(line.segments),
            units.format_size(line.bytes),
            Text("yes", style="green") if line.compliant else Text("no", style="bold red"),
        )
    notes = [
        text(
            f"{line.camera}: the ceiling was shortened from {span(line.old_s)} to {span(line.new_s)}; that holds from "
            f"{local(line.holds, zone)} on, if the box runs on",
            "yellow",
        )
        for line in document.waiting
    ]
    if document.overwriting is not None:
        holds = local(document.overwriting.holds, zone)
        words = f'on_full = "overwrite" does not hold yet: it does from {holds} on, if the box runs on'
        notes.append(text(words, "yellow"))
    notes += [
        text(f"{line.camera}: {span(line.gone_s)} younger than the floor was recorded and is destroyed", "bold red")
        for line in document.retention
        if line.gone_s
    ]
    notes += [
        text(
            f"{line.camera}: {units.counted(line.segments, 'segment')} destroyed below the floor since "
            f"{local(line.since, zone)}",
            "bold red",
        )
        for line in document.broken
    ]
    notes += [text(words, style) for words, style in _coming(document)]
    swept = f", last sweep {local(document.last_sweep, zone)}" if document.last_sweep else ""
    return Group(
        made,
        *notes,
        "",
        volumes_table(document.volumes),
        "",
        f"{units.counted(document.destroyed, 'segment')} destroyed since the start{swept}",
    )


def _coming(document: documents.Retention) -> Iterator[tuple[str, str]]:
    """What lies ahead, and its style; volumes are filled together."""
    risks = [volume.floor_at_risk_in_s for volume in document.volumes if volume.floor_at_risk_in_s is not None]
    if risks and risks[0] <= 0:
        yield "There is no room left, and nothing may go yet.", "bold red"
    elif risks:
        yield f"At the present rates floors will stop recording in {span(risks[0])}.", "bold yellow"
    elif full := next((volume.full_in_s for volume in document.volumes if volume.full_in_s), None):
        yield f"At the present rates the volumes will be full in {span(full)}.", ""


def explanation_screen(document: site.Explanation) -> RenderableType:
    line = Text(document.decision, style="bold" if document.decision == "keep" else "bold yellow")
    return Group(
        text(document.segment), line.append(f" ({clean(document.reason)}): {clean(document.sentence)}", "not bold")
    )
