"""The status screen: a document becomes something rich can draw. Pure: no clock, no terminal, no daemon.

Imports rich, the documents and the words. It ends in one line, the verdict, and names the first thing to do.
"""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from edged.cli.formatting import (
    STYLES,
    between,
    clean,
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
from edged.cli.maintenance import one_line
from edged.cli.words import Language, word
from edged.documents import site as documents
from edged.words import units
from recorder.words.address import without_path

ALARMS_SHOWN: Final = 8
"""More would push the verdict off the screen; `edgectl alarms` has them all."""
TOGETHER_S: Final = 60
"""Cameras that stopped within this time of each other did so together; of others `edgectl cameras` says since when."""
_SEVERITIES: Final = ("critical", "warning", "info")
EXIT_OF: Final = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
"""What `status --check` ends with, as monitoring plugins do."""


def status_screen(document: documents.Status, tongue: Language = "en", *, wrap: bool = False) -> Group:
    """The whole screen. Unless it must `wrap` (to be redrawn), the verdict is one line of output, for grep and tail."""
    zone = ZoneInfo(document.timezone)
    parts: list[RenderableType] = [*_heading(document, zone, tongue), ""]
    parts += [*_cameras(document, zone, tongue), "", *_volumes(document, tongue), "", _broker(document, zone, tongue)]
    last = verdict_line(document.verdict, document.action, tongue, wrap=wrap)
    parts += [*_alarms(document, zone, tongue), "", last]
    return Group(*parts)


def verdict_line(verdict: documents.Verdict, action: str, tongue: Language = "en", *, wrap: bool = False) -> Text:
    """The last line: one word, and the first thing to do."""
    line = Text(word(verdict.upper(), tongue), style=f"reverse {STYLES[verdict]}", no_wrap=not wrap)
    line.overflow = "fold" if wrap else "ignore"
    said = clean(action) or (word("all cameras are recording", tongue) if verdict == "ok" else "")
    colon = "：" if tongue == "zh_TW" else ": "
    return line.append(f"{colon}{said}" if said else "", style="not reverse")


def _heading(document: documents.Status, zone: ZoneInfo, tongue: Language) -> list[RenderableType]:
    sync = "clock in sync" if document.clock.synced else "clock not in sync"
    top = Text(clean(document.name), style="bold").append(f" · {clean(document.node)}", style="not bold")
    top.append(f" · edged {clean(document.version)}", style="not bold dim")
    line = Text(f"{local(document.time, zone)} {clean(document.timezone)} · ")
    line.append(word(sync, tongue), style="" if document.clock.synced else "yellow")
    line.append(f" · {word('running', tongue)} {span(between(document.started, document.time), tongue)}")
    lines: list[RenderableType] = [top, line]
    if document.recovering:
        lines.append(Text(word("still working off an unclean stop", tongue), style="yellow"))
    if document.maintenance is not None:
        lines.append(one_line(document.maintenance, zone, tongue))
    return lines


def _cameras(document: documents.Status, zone: ZoneInfo, tongue: Language) -> list[RenderableType]:
    if not document.cameras:
        return [Text(word("no cameras are configured", tongue), style="yellow")]
    names = [word(w, tongue) for w in ("Camera", "State", "Picture", "fps", "Mbit/s", "Kept", "Floor", "24 h")]
    made = table(*names, right=tuple(names[3:]))
    for camera in document.cameras:
        made.add_row(
            _title(camera),
            styled(camera.state, tongue),
            picture(camera.width, camera.height, camera.codec),
            number(camera.fps, 0),
            number(megabits(camera.bitrate_bps), 1),
            span(camera.retained_s, tongue),
            span(camera.floor_s, tongue),
            share(camera.coverage_24h),
        )
    return [made, *_reasons(document.cameras, zone, tongue)]


def _title(camera: documents.Camera) -> Text:
    title = Text(clean(camera.id), style="bold")
    return title if camera.name == camera.id else title.append(f" {clean(camera.name)}", style="not bold")


def _reasons(cameras: list[documents.Camera], zone: ZoneInfo, tongue: Language) -> list[RenderableType]:
    """What several cameras have in common, as the channels of an NVR that is away, is said once."""
    alike: dict[tuple[str, str], list[documents.Camera]] = {}
    for camera in cameras:
        if camera.reason:
            alike.setdefault((camera.state, without_path(camera.reason)), []).append(camera)
    return [
        _reason(those, those[0].reason if len(those) == 1 else common, zone, tongue)
        for (_, common), those in alike.items()
    ]


def _reason(cameras: list[documents.Camera], reason: str, zone: ZoneInfo, tongue: Language) -> RenderableType:
    names = ", ".join(clean(camera.id) for camera in cameras)
    line = Text(names, style="bold").append(" ").append_text(styled(cameras[0].state, tongue))
    moments = sorted(camera.since for camera in cameras if camera.since)
    if moments and (between(moments[0], moments[-1]) or 0) <= TOGETHER_S:
        line.append(f" {word('since', tongue)} {local(moments[0], zone)}", style="not bold dim")
    return Padding(line.append(f": {clean(reason)}"), (0, 0, 0, 2))


def volumes_table(listed: list[documents.Volume], tongue: Language = "en") -> Table:
    """Also part of the retention screen."""
    names = [word(w, tongue) for w in ("Volume", "State", "Segments", "Used", "Limit", "Free")]
    made = table(*names, right=tuple(names[2:]))
    for volume in listed:
        made.add_row(
            text(volume.path),
            styled(volume.state, tongue),
            str(volume.segments),
            units.format_size(volume.ring_bytes),
            *room(volume),
        )
    return made


def room(volume: documents.Volume) -> tuple[str, str]:
    """Limit and free space: of a disk that is not there nobody knows."""
    if not volume.total_bytes:
        return "–", "–"
    return units.format_size(volume.limit_bytes), units.format_size(volume.free_bytes)


def _volumes(document: documents.Status, tongue: Language) -> list[RenderableType]:
    reasons = [
        Padding(text(f"{volume.path}: {volume.reason}", "yellow"), (0, 0, 0, 2))
        for volume in document.volumes
        if volume.reason
    ]
    return [volumes_table(document.volumes, tongue), *reasons]


def _broker(document: documents.Status, zone: ZoneInfo, tongue: Language) -> RenderableType:
    broker = document.broker
    line = Text(word("Centre", tongue), style="bold").append("  ", style="not bold")
    if not broker.configured:
        return line.append(word("not configured", tongue), style="dim not bold")
    if not broker.connected:
        line.append(f"{word('not connected to', tongue)} {clean(broker.address)}", style="not bold yellow")
    else:
        line.append(f"{word('connected to', tongue)} {clean(broker.address)}", style="not bold green")
        line.append(f" (MQTT {clean(broker.protocol)})", style="not bold")
    if broker.since:
        line.append(f" {word('since', tongue)} {local(broker.since, zone)}", style="not bold dim")
    line.append(f": {clean(broker.reason)}" if broker.reason else "", style="not bold")
    if not broker.waiting:
        return line
    events, size = sum(one.events for one in broker.waiting), sum(one.bytes for one in broker.waiting)
    waiting = Text(f"{word('events waiting:', tongue)} {events} ({units.format_size(size)})", style="dim")
    return Group(line, Padding(waiting, (0, 0, 0, 2)))


def _alarms(document: documents.Status, zone: ZoneInfo, tongue: Language) -> list[RenderableType]:
    standing = sorted(
        (alarm for alarm in document.alarms if alarm.state == "raised"),
        key=lambda alarm: _SEVERITIES.index(alarm.severity),
    )
    heading = Text(word("Alarms", tongue), style="bold").append("  ", style="not bold")
    if not standing:
        return [heading.append(word("none", tongue), style="not bold dim")]
    lines: list[RenderableType] = [heading.append(str(len(standing)), style="not bold")]
    for alarm in standing[:ALARMS_SHOWN]:
        line = styled(alarm.severity, tongue).append(f" {local(alarm.since, zone)}", style="not bold dim")
        lines.append(Padding(line.append(f" {clean(alarm.text)}", style="not bold not dim default"), (0, 0, 0, 2)))
    left = len(standing) - ALARMS_SHOWN
    if left > 0:
        lines.append(Padding(Text(f"+ {left} {word('more; see', tongue)} edgectl alarms"), (0, 0, 0, 2)))
    return lines
