"""`edgectl status`: the verb, its screen, the same redrawn (`--watch`), and what is said of a daemon that is down.

The screen ends in one line, the verdict, and names the first thing to do. Screens are pure: no clock, no daemon.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
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
from edged.cli.client import Address, CallError, DaemonClient, zone_in
from edged.cli.faults import one_line
from edged.cli.formatting import (
    REQUEST_STATES,
    STYLES,
    between,
    clean,
    colon,
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
from edged.cli.options import address_given, json_option
from edged.cli.output import Session, checked
from edged.documents import site as documents
from edged.documents.base import told_in
from edged.documents.machine import StatusDown
from edged.words import exit_codes
from edged.words.catalogue import Reader
from recorder.words.address import without_path
from storage.words.message import NOTHING, Message, as_message, format_size, message

ALARMS_SHOWN: Final = 8
"""More would push the verdict off the screen; `edgectl alarms` has them all."""
TOGETHER_S: Final = 60
"""Cameras that stopped within this time of each other did so together; of others `edgectl cameras` says since when."""
_SEVERITIES: Final = ("critical", "warning", "info")
EXIT_OF: Final = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
"""What `status --check` ends with, as monitoring plugins do."""
REQUESTS: Final = {
    "requests_open": message("status.requests.open", "open"),
    **{f"requests_{word}": told for word, told in REQUEST_STATES.items() if word != "closed"},
    "overdue": message("status.requests.overdue", "overdue"),
    "due_soon": message("status.requests.due-soon", "due soon"),
    "viewing_open": message("status.requests.viewing-open", "viewing"),
    "not_held": message("status.requests.not-held", "not held"),
    "to_erase": message("status.requests.to-erase", "to erase"),
}
"""Those that somebody has something to do with, by the field of their number."""
YEAR: Final = {
    "year_received": message("status.year.received", "received"),
    "year_granted": message("status.year.granted", "granted"),
    "year_in_part": message("status.year.in-part", "granted in part"),
    "year_refused": message("status.year.refused", "refused"),
    "year_late": message("status.year.late", "late"),
}
"""Those of the year, likewise; `edgectl register year` has the others."""
_UNDONE: Final = ("overdue", "not_held", "requests_unreadable")
REDRAW_EVERY_S: Final = 1.0
VERDICTS: Final = {
    "ok": message("status.verdict.ok", "OK"),
    "warning": message("status.verdict.warning", "WARNING"),
    "critical": message("status.verdict.critical", "CRITICAL"),
    "unknown": message("status.verdict.unknown", "UNKNOWN"),
}
UNANSWERED: Final = (exit_codes.UNREACHABLE, exit_codes.NOT_ALLOWED)
"""Endings of a question that nobody answered: what is the matter is looked for from outside."""


@click.command()
@json_option
@click.option("--watch", is_flag=True, help="Redraw every second, until Ctrl-C.")
@click.option("--check", is_flag=True, help="Print the verdict only; end with 0 ok, 1 warning, 2 critical, 3 unknown.")
@address_given
def status(address: Address, *, as_json: bool, watch: bool, check: bool) -> int:
    """How everything is, on one screen that ends in a verdict."""
    read = Reader(output.language())
    if watch and (as_json or check):
        raise click.UsageError(message("status.watch-alone", "--watch draws a screen: leave out --json and --check"))
    if watch:
        return watch_status(address.config_file, address.daemon(), read)
    session = Session(address.daemon(), as_json)
    try:
        document = session.read(documents.Status, "/v1/status")
    except CallError as error:
        if error.exit_code not in UNANSWERED or error.said:
            return _unanswered(error, read, check=check, as_json=as_json)
        return report_down(address.config_file, session.daemon, error, read, check=check, as_json=as_json)
    session.print(
        document,
        lambda: (
            verdict_line(document.verdict, told_in(document, "action"), read)
            if check
            else status_screen(document, read)
        ),
    )
    return EXIT_OF[document.verdict] if check else exit_codes.OK


def _unanswered(error: CallError, read: Reader, *, check: bool, as_json: bool) -> int:
    """The daemon's own refusal. For monitoring it is the verdict `unknown`, not a failure of edgectl."""
    if not check:
        if as_json:
            raise error
        click.echo(f"edgectl: {read(error.error)}", err=True)
        output.show(verdict_line("unknown", error.action, read))
        return error.exit_code
    code = EXIT_OF["unknown"]
    known = documents.Error.of(error.error, error.action, code)
    output.answer(
        known,
        lambda: verdict_line("unknown", _in_one(read(error.error).splitlines(), error.action), read),
        as_json=as_json,
    )
    return code


def _in_one(happened: list[str], action: str) -> Message:
    """What happened and what to do, on one line."""
    return message("status.happened", "{happened}. {action}", happened="; ".join(happened), action=as_message(action))


def status_screen(document: documents.Status, read: Reader, *, wrap: bool = False) -> Group:
    """The whole screen. Unless it must `wrap` (to be redrawn), the verdict is one line of output, for grep and tail."""
    read = Reader(read.language, ZoneInfo(document.timezone))
    last = verdict_line(document.verdict, told_in(document, "action"), read, wrap=wrap)
    return Group(
        *_heading(document, read), "", *_cameras(document, read), "", *_volumes(document, read), "",
        _broker(document, read), *_load(document.load, read), *_requests(document.disclosure, read),
        *_alarms(document, read), "", last,
    )  # fmt: skip


def verdict_line(verdict: documents.Verdict, action: Message, read: Reader, *, wrap: bool = False) -> Text:
    """The last line: one word, and the first thing to do."""
    line = Text(read(VERDICTS[verdict]), style=f"reverse {STYLES[verdict]}", no_wrap=not wrap)
    line.overflow = "fold" if wrap else "ignore"
    all_well = message("status.all-recording", "all cameras are recording") if verdict == "ok" else NOTHING
    words = clean(read(action or all_well))
    return line.append(f"{colon(read)}{words}" if words else "", style="not reverse")


def _heading(document: documents.Status, read: Reader) -> list[RenderableType]:
    top = Text(clean(document.name), style="bold").append(f" · {clean(document.node)}", style="not bold")
    top.append(f" · edged {clean(document.version)}", style="not bold dim")
    line = Text(f"{local(document.time, read)} {clean(document.timezone)} · ")
    if document.clock.synced:
        line.append(read.phrase("status.clock.in-sync", "clock in sync"))
    else:
        line.append(read.phrase("status.clock.not-in-sync", "clock not in sync"), style="yellow")
    ran = span(between(document.started, document.time), read)
    line.append(" · " + read.phrase("status.running", "running {span}", span=ran))
    lines: list[RenderableType] = [top, line]
    if document.recovering:
        working_off = read.phrase("status.recovering", "still working off an unclean stop")
        lines.append(Text(working_off, style="yellow"))
    if document.maintenance is not None:
        lines.append(one_line(document.maintenance, read))
    return lines


def _cameras(document: documents.Status, read: Reader) -> list[RenderableType]:
    if not document.cameras:
        return [Text(read.phrase("status.no-cameras", "no cameras are configured"), style="yellow")]
    names = [
        read.phrase("screen.camera", "Camera"),
        read.phrase("screen.state", "State"),
        read.phrase("status.picture", "Picture"),
        "fps",
        "Mbit/s",
        read.phrase("screen.kept", "Kept"),
        read.phrase("screen.floor", "Floor"),
        read.phrase("status.last-day", "24 h"),
    ]
    made = table(*names, right=tuple(names[3:]))
    for camera in document.cameras:
        made.add_row(
            _title(camera),
            styled(camera.state, read),
            picture(camera.width, camera.height, camera.codec),
            number(camera.fps, 0),
            number(megabits(camera.bitrate_bps), 1),
            span(camera.retained_s, read),
            span(camera.floor_s, read),
            share(camera.coverage_24h),
        )
    return [made, *_reasons(document.cameras, read)]


def _title(camera: documents.Camera) -> Text:
    title = Text(clean(camera.id), style="bold")
    return title if camera.name == camera.id else title.append(f" {clean(camera.name)}", style="not bold")


def _reasons(cameras: list[documents.Camera], read: Reader) -> list[RenderableType]:
    """What several cameras have in common, as the channels of an NVR that is away, is said once."""
    alike: dict[tuple[str, str], list[documents.Camera]] = {}
    for camera in cameras:
        if camera.reason:
            why = read(without_path(told_in(camera, "reason")))
            alike.setdefault((camera.state, why), []).append(camera)
    return [
        _reason(those, read(told_in(those[0], "reason")) if len(those) == 1 else common, read)
        for (_, common), those in alike.items()
    ]


def _reason(cameras: list[documents.Camera], reason: str, read: Reader) -> RenderableType:
    names = ", ".join(clean(camera.id) for camera in cameras)
    line = Text(names, style="bold").append(" ").append_text(styled(cameras[0].state, read))
    moments = sorted(camera.since for camera in cameras if camera.since)
    if moments and (between(moments[0], moments[-1]) or 0) <= TOGETHER_S:
        line.append(f" {since(moments[0], read)}", style="not bold dim")
    return Padding(line.append(f"{colon(read)}{clean(reason)}"), (0, 0, 0, 2))


def since(moment: str, read: Reader) -> str:
    return read.phrase("screen.since", "since {moment}", moment=local(moment, read))


def volumes_table(listed: list[documents.Volume], read: Reader) -> Table:
    """Also part of the retention screen."""
    names = [
        read.phrase("screen.volume", "Volume"),
        read.phrase("screen.state", "State"),
        read.phrase("screen.segments", "Segments"),
        read.phrase("screen.used", "Used"),
        read.phrase("screen.limit", "Limit"),
        read.phrase("screen.free", "Free"),
    ]
    made = table(*names, right=tuple(names[2:]))
    for volume in listed:
        made.add_row(
            text(volume.path),
            styled(volume.state, read),
            str(volume.segments),
            format_size(volume.ring_bytes),
            *room(volume),
        )
    return made


def room(volume: documents.Volume) -> tuple[str, str]:
    """Limit and free space: of a disk that is not there nobody knows."""
    if not volume.total_bytes:
        return "–", "–"
    return format_size(volume.limit_bytes), format_size(volume.free_bytes)


def _volumes(document: documents.Status, read: Reader) -> list[RenderableType]:
    reasons = [
        Padding(text(f"{volume.path}{colon(read)}{read(told_in(volume, 'reason'))}", "yellow"), (0, 0, 0, 2))
        for volume in document.volumes
        if volume.reason
    ]
    return [volumes_table(document.volumes, read), *reasons]


def _load(load: documents.Load, read: Reader) -> list[RenderableType]:
    """How busy the box is, and what it carries; nothing in the first seconds."""
    if load.busy is None:
        return []
    said = [read.phrase("status.load.busy", "processors {percent} % busy", percent=round(load.busy * 100))]
    if load.carries is not None:
        carries = read.phrase(
            "status.load.carries",
            "carries {count} cameras like its {cameras}",
            count=load.carries,
            cameras=load.cameras,
        )
        said.append(carries)
    if "late" in load.excess:
        said.append(read.phrase("status.load.late", "cameras are looked at up to {late} ms late", late=load.late_ms))
    if "disk" in load.excess:
        waiting = format_size(load.queued_bytes)
        said.append(read.phrase("status.load.disk", "up to {size} of a camera waited for the disk", size=waiting))
    line = Text(read.phrase("status.load", "Load"), style="bold").append("  ", style="not bold")
    return [line.append(formatting.enumerated(said, read), style="not bold yellow" if load.excess else "not bold")]


def _broker(document: documents.Status, read: Reader) -> RenderableType:
    broker = document.broker
    line = Text(read.phrase("status.centre", "Centre"), style="bold").append("  ", style="not bold")
    if not broker.configured:
        return line.append(read.phrase("status.centre.not-configured", "not configured"), style="dim not bold")
    address = clean(broker.address)
    if not broker.connected:
        away = read.phrase("status.centre.not-connected", "not connected to {address}", address=address)
        line.append(away, style="not bold yellow")
    else:
        line.append(read.phrase("status.centre.connected", "connected to {address}", address=address), "not bold green")
        line.append(f" (MQTT {clean(broker.protocol)})", style="not bold")
    if broker.since:
        line.append(f" {since(broker.since, read)}", style="not bold dim")
    why = f"{colon(read)}{clean(read(told_in(broker, 'reason')))}" if broker.reason else ""
    line.append(why, style="not bold")
    if not broker.waiting:
        return line
    waiting = read.phrase(
        "status.centre.waiting",
        "events waiting: {events} ({size})",
        events=sum(one.events for one in broker.waiting),
        size=format_size(sum(one.bytes for one in broker.waiting)),
    )
    return Group(line, Padding(Text(waiting, style="dim"), (0, 0, 0, 2)))


def _requests(told: documents.DisclosureStatus | None, read: Reader) -> list[RenderableType]:
    if told is None:
        return []
    line = Text(read.phrase("status.requests", "Requests"), style="bold").append("  ", style="not bold")
    if told.shut:
        shut = read.phrase("status.requests.shut", "cannot be read; no footage is disclosed")
        return [line.append(shut, style="not bold red")]
    counts = told.model_dump()
    parts = [] if told.opened else [read.phrase("status.requests.not-opened", "not opened")]
    parts += [f"{read(word)} {counts[field]}" for field, word in REQUESTS.items() if counts[field]]
    is_well = told.opened and not any(counts[field] for field in _UNDONE)
    if parts:
        line.append(enumerated(parts, read), style="not bold" if is_well else "not bold yellow")
    else:
        line.append(read.phrase("status.requests.none", "none open"), style="not bold dim")
    return [line, *_year(told, read)]


def _year(told: documents.DisclosureStatus, read: Reader) -> Iterator[RenderableType]:
    counts = told.model_dump()
    parts = [f"{read(word)} {counts[field]}" for field, word in YEAR.items() if counts[field]]
    if told.year is not None and parts:
        words = read.phrase("status.requests.year", "ROC year {year}: {parts}", year=told.year, parts=parts)
        yield Padding(Text(words, style="dim"), (0, 0, 0, 2))


def _alarms(document: documents.Status, read: Reader) -> list[RenderableType]:
    standing = sorted(
        (alarm for alarm in document.alarms if alarm.state == "raised"),
        key=lambda alarm: _SEVERITIES.index(alarm.severity),
    )
    heading = Text(read.phrase("status.alarms", "Alarms"), style="bold").append("  ", style="not bold")
    if not standing:
        return [heading.append(read.phrase("status.alarms.none", "none"), style="not bold dim")]
    lines: list[RenderableType] = [heading.append(str(len(standing)), style="not bold")]
    for alarm in standing[:ALARMS_SHOWN]:
        line = styled(alarm.severity, read).append(f" {local(alarm.since, read)}", style="not bold dim")
        line.append(f" {clean(read(told_in(alarm)))}", style="not bold not dim default")
        lines.append(Padding(line, (0, 0, 0, 2)))
    left = len(standing) - ALARMS_SHOWN
    if left > 0:
        more = read.phrase("status.alarms.more", "+ {count} more; see edgectl alarms", count=left)
        lines.append(Padding(Text(more), (0, 0, 0, 2)))
    return lines


@dataclass(frozen=True, slots=True)
class Outside:
    """What is seen of a daemon that does not answer: the document, and its sentences as this process has them."""

    document: StatusDown
    asked: Message
    """What came of asking."""
    happened: Message | None
    """Why, where more than that is known."""
    action: Message
    evidence: tuple[Message, ...]
    unseen: tuple[Message, ...]
    zone: tzinfo | None
    """Of the site; None where the configuration does not tell: times are in that of this machine."""

    def reasons(self, read: Reader) -> list[str]:
        """What came of asking and, where it is known, why."""
        why = [] if self.happened is None else [clean(read(_down_since(self.happened, self.document.since, self.zone)))]
        return [clean(read(self.asked).splitlines()[0]), *why]

    def lines(self, read: Reader) -> list[str]:
        lines = [read(one) for one in self.evidence]
        if self.document.last_alive is not None:
            alive = f"{datetime.fromisoformat(self.document.last_alive).astimezone(self.zone):%Y-%m-%d %H:%M:%S %Z}"
            lines.append(read.phrase("status.last-alive", "last sign of life: {moment}", moment=alive))
        if self.unseen:
            lines += [read.phrase("status.not-seen", "not seen: {what}", what=what) for what in self.unseen]
            lines.append(read.phrase("status.as-root", "as root or with sudo, edgectl can tell more"))
        return lines


def report_down(
    config: Path, daemon: DaemonClient, error: CallError, read: Reader, *, check: bool, as_json: bool
) -> int:
    """Look from outside, and say it. `error`: what came of asking. 69, or 77; for monitoring 3."""
    seen = look_from_outside(config, daemon, error, EXIT_OF["unknown"] if check else error.exit_code)
    if as_json:
        output.show_document(seen.document)
        return seen.document.exit
    first, *why = seen.reasons(read)
    if check:
        output.show(verdict_line("unknown", _in_one([first, *why], seen.action), read))
        return seen.document.exit
    click.echo(f"edgectl: {first}", err=True)
    for line in (*why, *seen.lines(read)):
        click.echo(f"  {clean(line)}", err=True)
    output.show(verdict_line("unknown", seen.action, read))
    return seen.document.exit


def down_screen(config: Path, daemon: DaemonClient, error: CallError, read: Reader) -> list[RenderableType]:
    """The same for a screen that is redrawn; the verdict is its last part."""
    if error.exit_code not in UNANSWERED or error.said:
        last = verdict_line("unknown", error.action, read, wrap=True)
        return [text(read(error.error)), "", last]
    seen = look_from_outside(config, daemon, error, error.exit_code)
    first, *why = seen.reasons(read)
    lines = [Padding(text(line), (0, 0, 0, 2)) for line in (*why, *seen.lines(read))]
    return [text(first), *lines, "", verdict_line("unknown", seen.action, read, wrap=True)]


def look_from_outside(config: Path, daemon: DaemonClient, error: CallError, code: int) -> Outside:
    """Where nothing more is known, with the words of `error`."""
    from edged.doctor import run

    found, alive_ms, unseen = run.look_from_outside(config, daemon.socket_path, of_unit=daemon.of_unit)
    told = found.cause not in ("unknown", "not-allowed")
    asked = error.error
    first = Message(str(asked).splitlines()[0], asked.code, asked.values)
    happened, action = (as_message(found.said), as_message(found.action)) if told else (first, error.action)
    document = StatusDown(
        error=str(happened),
        error_code=happened.code,
        error_values=happened.data,
        action=str(action),
        action_code=action.code,
        action_values=action.data,
        exit=code,
        cause=found.cause,
        since=_moment(found.since_ms),
        last_alive=_moment(alive_ms),
        evidence=list(found.evidence),
        unseen=list(unseen),
    )
    return Outside(
        document,
        asked,
        None if happened == first else happened,
        action,
        tuple(as_message(one) for one in found.evidence),
        tuple(as_message(one) for one in unseen),
        zone_in(config),
    )


def _moment(wall_ms: int) -> str | None:
    return formatting.rfc3339(datetime.fromtimestamp(wall_ms / 1000, UTC)) if wall_ms else None


def _down_since(happened: Message, since: str | None, zone: tzinfo | None) -> Message:
    if since is None:
        return happened
    moment = datetime.fromisoformat(since)
    return message(
        "status.down-since",
        "{happened}, since {moment} ({ago_s})",
        happened=happened,
        moment=f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}",
        ago_s=max(0.0, (datetime.now(UTC) - moment).total_seconds()),
    )


def watch_status(config: Path, daemon: DaemonClient, read: Reader) -> int:
    """Ends with Ctrl-C, which is its proper end: exit 0. Without a terminal the screens follow one another."""
    console = output.console()
    try:
        if not sys.stdout.isatty():
            while True:
                console.print(watch_screen(config, daemon, read), "")
                sys.stdout.flush()
                time.sleep(REDRAW_EVERY_S)
        with Live(watch_screen(config, daemon, read), console=console, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(REDRAW_EVERY_S)
                live.update(watch_screen(config, daemon, read), refresh=True)
    except KeyboardInterrupt:
        return exit_codes.OK


def watch_screen(config: Path, daemon: DaemonClient, read: Reader) -> RenderableType:
    """The screen now; a daemon that is down does not end the watching: it is told as `edgectl status` does."""
    try:
        return Fitted(status_screen(checked(documents.Status, daemon.get("/v1/status")), read, wrap=True), read)
    except CallError as error:
        now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
        return Fitted(Group(Text(now), "", *down_screen(config, daemon, error, read)), read)


class Fitted:
    """Parts one below the other. On a screen too low for all, the last, the verdict, stays, and how much is hidden."""

    def __init__(self, parts: Group, read: Reader) -> None:
        self._parts = parts
        self._read = read

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        def drawn(part: RenderableType) -> list[list[Segment]]:
            return console.render_lines(part, options, pad=False)

        *upper, verdict = self._parts.renderables
        body, last = drawn(Group(*upper)), drawn(verdict)
        # Not options.height, which does not get through Live.
        over = len(body) + len(last) - console.height if console.is_alt_screen else 0
        if over > 0:
            shown = max(0, len(body) - over - 1)
            hint = self._read.phrase(
                "status.more-lines", "… {count} more lines: edgectl status", count=len(body) - shown
            )
            hidden = drawn(Text(hint, style="yellow", no_wrap=True, overflow="ellipsis"))
            body = (body[:shown] + hidden)[: max(0, console.height - len(last))]
        for line in body + last:
            yield from line
            yield Segment.line()
