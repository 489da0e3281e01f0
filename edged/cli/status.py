"""`edgectl status`: the verb, its screen, the same redrawn (`--watch`), and what is said of a daemon that is down.

The screen ends in one line, the verdict, and names the first thing to do. Screens are pure: no clock, no daemon.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import click
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from edged.cli import formatting, output
from edged.cli.client import Address, CallError, DaemonClient
from edged.cli.faults import one_line
from edged.cli.formatting import (
    STYLES,
    Language,
    between,
    clean,
    language_of,
    local,
    megabits,
    number,
    picture,
    share,
    span,
    styled,
    table,
    text,
    word,
)
from edged.cli.options import address_given, json_option
from edged.cli.output import Session, checked
from edged.documents import site as documents
from edged.documents.machine import StatusDown
from edged.words import exit_codes, units
from recorder.words.address import without_path

ALARMS_SHOWN: Final = 8
"""More would push the verdict off the screen; `edgectl alarms` has them all."""
TOGETHER_S: Final = 60
"""Cameras that stopped within this time of each other did so together; of others `edgectl cameras` says since when."""
_SEVERITIES: Final = ("critical", "warning", "info")
EXIT_OF: Final = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
"""What `status --check` ends with, as monitoring plugins do."""
REDRAW_EVERY_S: Final = 1.0
UNANSWERED: Final = (exit_codes.UNREACHABLE, exit_codes.NOT_ALLOWED)
"""Endings of a question that nobody answered: what is the matter is looked for from outside."""


@click.command()
@json_option
@click.option("--watch", is_flag=True, help="Redraw every second, until Ctrl-C.")
@click.option("--check", is_flag=True, help="Print the verdict only; end with 0 ok, 1 warning, 2 critical, 3 unknown.")
@address_given
def status(address: Address, *, as_json: bool, watch: bool, check: bool) -> int:
    """How everything is, on one screen that ends in a verdict."""
    tongue = language_of(os.environ)
    if watch and (as_json or check):
        raise click.UsageError("--watch draws a screen: leave out --json and --check")
    if watch:
        return watch_status(address.config_file, address.daemon(), tongue)
    session = Session(address.daemon(), as_json)
    try:
        document = session.read(documents.Status, "/v1/status")
    except CallError as error:
        if error.exit_code not in UNANSWERED or error.said:
            return _unanswered(error, tongue, check=check, as_json=as_json)
        return report_down(address.config_file, session.daemon, error, tongue, check=check, as_json=as_json)
    session.print(
        document,
        lambda: verdict_line(document.verdict, document.action, tongue) if check else status_screen(document, tongue),
    )
    return EXIT_OF[document.verdict] if check else exit_codes.OK


def _unanswered(error: CallError, tongue: Language, *, check: bool, as_json: bool) -> int:
    """The daemon's own refusal. For monitoring it is the verdict `unknown`, not a failure of edgectl."""
    if not check:
        if as_json:
            raise error
        click.echo(f"edgectl: {error.error}", err=True)
        output.show(verdict_line("unknown", word(error.action, tongue), tongue))
        return error.exit_code
    code = EXIT_OF["unknown"]
    known = documents.Error(error=error.error, action=error.action, exit=code)
    happened = "; ".join(error.error.splitlines())
    said = f"{happened}. {word(error.action, tongue)}"
    output.answer(known, lambda: verdict_line("unknown", said, tongue), as_json=as_json)
    return code


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


def report_down(
    config: Path, daemon: DaemonClient, error: CallError, tongue: Language, *, check: bool, as_json: bool
) -> int:
    """Look from outside, and say it. `error`: what came of asking. 69, or 77; for monitoring 3."""
    document = look_from_outside(config, daemon, error, EXIT_OF["unknown"] if check else error.exit_code)
    if as_json:
        output.show_document(document)
        return document.exit
    first, *why = _down_reasons(document, error)
    if check:
        said = f"{'; '.join((first, *why))}. {word(document.action, tongue)}"
        output.show(verdict_line("unknown", said, tongue))
        return document.exit
    click.echo(f"edgectl: {first}", err=True)
    for line in (*why, *_down_lines(document)):
        click.echo(f"  {clean(line)}", err=True)
    output.show(verdict_line("unknown", word(document.action, tongue), tongue))
    return document.exit


def down_screen(config: Path, daemon: DaemonClient, error: CallError, tongue: Language) -> list[RenderableType]:
    """The same for a screen that is redrawn; the verdict is its last part."""
    if error.exit_code not in UNANSWERED or error.said:
        last = verdict_line("unknown", word(error.action, tongue), tongue, wrap=True)
        return [text(error.error), "", last]
    document = look_from_outside(config, daemon, error, error.exit_code)
    first, *why = _down_reasons(document, error)
    lines = [Padding(text(line), (0, 0, 0, 2)) for line in (*why, *_down_lines(document))]
    return [text(first), *lines, "", verdict_line("unknown", word(document.action, tongue), tongue, wrap=True)]


def look_from_outside(config: Path, daemon: DaemonClient, error: CallError, code: int) -> StatusDown:
    """As a document; where nothing more is known, with the words of `error`."""
    from edged.doctor import run

    found, alive_ms, unseen = run.look_from_outside(config, daemon.socket_path, of_unit=daemon.of_unit)
    told = found.cause not in ("unknown", "not-allowed")
    return StatusDown(
        error=found.said if told else error.error.splitlines()[0],
        action=found.action if told else error.action,
        exit=code,
        cause=found.cause,
        since=_moment(found.since_ms),
        last_alive=_moment(alive_ms),
        evidence=list(found.evidence),
        unseen=list(unseen),
    )


def _down_reasons(document: StatusDown, error: CallError) -> list[str]:
    """What came of asking and, where it is known, why."""
    first, *_ = error.error.splitlines()
    why = [] if document.error == first else [f"{clean(document.error)}{_down_since(document)}"]
    return [clean(first), *why]


def _moment(wall_ms: int) -> str | None:
    return formatting.rfc3339(datetime.fromtimestamp(wall_ms / 1000, UTC)) if wall_ms else None


def _down_since(document: StatusDown) -> str:
    """In the time of this machine, which whoever stands before it reads off the wall."""
    if document.since is None:
        return ""
    moment = datetime.fromisoformat(document.since)
    ago = units.approximate_duration(max(0.0, (datetime.now(UTC) - moment).total_seconds()))
    return f", since {moment.astimezone():%Y-%m-%d %H:%M:%S %Z} ({ago})"


def _down_lines(document: StatusDown) -> list[str]:
    lines = list(document.evidence)
    if document.last_alive is not None:
        alive = datetime.fromisoformat(document.last_alive).astimezone()
        lines.append(f"last sign of life: {alive:%Y-%m-%d %H:%M:%S %Z}")
    if document.unseen:
        lines += [f"not seen: {line}" for line in document.unseen]
        lines.append("as root or with sudo, edgectl can tell more")
    return lines


def watch_status(config: Path, daemon: DaemonClient, tongue: Language) -> int:
    """Ends with Ctrl-C, which is its proper end: exit 0. Without a terminal the screens follow one another."""
    console = output.console()
    try:
        if not sys.stdout.isatty():
            while True:
                console.print(watch_screen(config, daemon, tongue), "")
                sys.stdout.flush()
                time.sleep(REDRAW_EVERY_S)
        with Live(watch_screen(config, daemon, tongue), console=console, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(REDRAW_EVERY_S)
                live.update(watch_screen(config, daemon, tongue), refresh=True)
    except KeyboardInterrupt:
        return exit_codes.OK


def watch_screen(config: Path, daemon: DaemonClient, tongue: Language) -> RenderableType:
    """The screen now; a daemon that is down does not end the watching: it is told as `edgectl status` does."""
    try:
        return Fitted(status_screen(checked(documents.Status, daemon.get("/v1/status")), tongue, wrap=True), tongue)
    except CallError as error:
        now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
        return Fitted(Group(Text(now), "", *down_screen(config, daemon, error, tongue)), tongue)


class Fitted:
    """Parts one below the other. On a screen too low for all, the last, the verdict, stays, and how much is hidden."""

    def __init__(self, parts: Group, tongue: Language) -> None:
        self._parts = parts
        self._tongue = tongue

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        def drawn(part: RenderableType) -> list[list[Segment]]:
            return console.render_lines(part, options, pad=False)

        *upper, verdict = self._parts.renderables
        body, last = drawn(Group(*upper)), drawn(verdict)
        # Not options.height, which does not get through Live.
        over = len(body) + len(last) - console.height if console.is_alt_screen else 0
        if over > 0:
            shown = max(0, len(body) - over - 1)
            hint = word("… {} more lines: edgectl status", self._tongue).format(len(body) - shown)
            said = drawn(Text(hint, style="yellow", no_wrap=True, overflow="ellipsis"))
            body = (body[:shown] + said)[: max(0, console.height - len(last))]
        for line in body + last:
            yield from line
            yield Segment.line()
