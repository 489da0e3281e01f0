"""`edgectl faults` (報修) and `edgectl maintenance` (維護).

Faults: what needs a hand; that it was reported, repaired, checked. Maintenance: say that somebody works on cameras or
on the box, and that he has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click
from pydantic import BaseModel
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from edged.cli.client import Address
from edged.cli.formatting import clean, local, styled, text
from edged.cli.options import CAMERA, TIMES, address_given, json_option
from edged.cli.output import Session, checked, interval
from edged.documents import tickets as documents
from edged.documents.base import told_in
from edged.words import units
from edged.words.catalogue import Reader, person_on_record
from storage.words.errors import said
from storage.words.message import Message, message

STATES: Final[Mapping[str, Message]] = {
    "found": message("fault.state.found", "found"),
    "reported": message("fault.state.reported", "reported"),
    "repaired": message("fault.state.repaired", "repaired"),
    "checked": message("fault.state.checked", "checked"),
    "again": message("fault.step.again", "again"),
    "joined": message("fault.step.joined", "joined"),
    "over": message("fault.step.over", "over"),
}
"""Of faults, and steps of their history."""
_STYLES: Final = {"found": "bold red", "reported": "yellow", "repaired": "cyan", "checked": "green"}
note_option = click.option("--note", metavar="TEXT", required=True, help="What was seen or done; it goes on record.")


@click.group(invoke_without_command=True)
@click.option("--open/--all", "is_open", default=True, help="Those that nobody has closed, or all that are kept.")
@click.option("--camera", metavar="ID", type=CAMERA, help="Only those of this camera.")
@click.option("--from", "start", metavar="TIME", help=f"Found from then on: {TIMES}.")
@click.option("--to", "end", metavar="TIME", help=f"Found until then: {TIMES}.")
@json_option
@click.pass_context
@address_given
def faults(
    address: Address,
    context: click.Context,
    *,
    is_open: bool,
    camera: str | None,
    start: str | None,
    end: str | None,
    as_json: bool,
) -> None:
    """What needs a hand, since when, and how far its repair is."""
    if context.invoked_subcommand is not None:
        if as_json or not is_open or camera or start or end:
            verb = context.invoked_subcommand
            raise click.UsageError(
                message("fault.options-behind", "write options behind the verb: edgectl faults {verb} …", verb=verb)
            )
        return
    session = Session(address.daemon(), as_json)
    first, last = interval(session, start, end)
    wanted = {"all": None if is_open else 1, "camera": camera}
    document = session.read(documents.Faults, "/v1/faults", from_=first, to=last, **wanted)
    session.print(document, lambda: listing(document, session.reader))


@faults.command(short_help="One fault with all that was done about it.")
@click.argument("fault", metavar="ID")
@json_option
@address_given
def show(address: Address, fault: str, *, as_json: bool) -> None:
    """Fault ID with each step: who, when, to whom it was reported, what was done."""
    session = Session(address.daemon(), as_json)
    document = session.read(documents.FaultsShow, f"/v1/faults/{_id(fault)}")
    session.print(document, lambda: story(document, session.reader))


@faults.command(short_help="Write down a fault that you have found.")
@note_option
@click.option("--camera", metavar="ID", type=CAMERA, help="The camera that it is about.")
@click.option("--volume", metavar="ID", help="The volume that it is about, by its id.")
@json_option
@address_given
def add(address: Address, *, note: str, camera: str | None, volume: str | None, as_json: bool) -> None:
    """What a person sees and the box does not: a lens that is dirty, a housing that is broken."""
    if camera is not None and volume is not None:
        raise click.UsageError(
            message("fault.camera-or-volume", "a fault is about a camera or a volume: leave one of the two out")
        )
    _step(address, "/v1/faults", documents.AddAsked(note=note, camera=camera, volume=volume), as_json=as_json)


@faults.command(short_help="Fault ID was reported to somebody who repairs it.")
@click.argument("fault", metavar="ID")
@click.option("--to", metavar="WHOM", required=True, help="The vendor, or whoever repairs it.")
@click.option("--reference", metavar="NUMBER", default="", help="The number under which they know it.")
@click.option("--note", metavar="TEXT", default="", help="What was agreed.")
@json_option
@address_given
def report(address: Address, fault: str, *, to: str, reference: str, note: str, as_json: bool) -> None:
    """It is in somebody's hands; told again, in somebody else's."""
    wanted = documents.ReportAsked(to=to, reference=reference, note=note)
    _step(address, f"/v1/faults/{_id(fault)}/report", wanted, as_json=as_json)


@faults.command(short_help="Fault ID is repaired.")
@click.argument("fault", metavar="ID")
@note_option
@click.option("--by", "repairer", metavar="NAME", default="", help="Who repaired it, if not you: the vendor's person.")
@json_option
@address_given
def repair(address: Address, fault: str, *, note: str, repairer: str, as_json: bool) -> None:
    """What was done, and by whom. Another person than who repaired it checks it then."""
    wanted = documents.RepairAsked(note=note, repairer=repairer)
    _step(address, f"/v1/faults/{_id(fault)}/repair", wanted, as_json=as_json)


@faults.command(short_help="Fault ID is in order again: close it.")
@click.argument("fault", metavar="ID")
@note_option
@json_option
@address_given
def check(address: Address, fault: str, *, note: str, as_json: bool) -> None:
    """Close it. Refused while the box still sees it, and for whoever repaired it."""
    _step(address, f"/v1/faults/{_id(fault)}/check", documents.CheckAsked(note=note), as_json=as_json)


def _step(address: Address, path: str, wanted: BaseModel, *, as_json: bool) -> None:
    session = Session(address.daemon(), as_json)
    document = checked(documents.FaultsStep, session.daemon.post(path, wanted.model_dump_json().encode()))
    session.print(document, lambda: _ticket_panel(document.fault, session.reader))


def _id(typed: str) -> str:
    found = typed.strip().upper()
    if not found.replace("-", "").isalnum() or not found.isascii():
        raise click.UsageError(message("fault.no-id", "{given} is no fault: edgectl faults", given=units.shown(typed)))
    return found


def listing(document: documents.Faults, read: Reader) -> RenderableType:
    """A block for each."""
    if not document.faults:
        return Text(read.phrase("fault.none", "No faults."))
    widest = max(cell_len(read(STATES[one.state])) for one in document.faults)
    return Group(*(_listed(one, widest, read) for one in document.faults))


def _listed(one: documents.Fault, widest: int, read: Reader) -> RenderableType:
    """Its id first and whole, on a screen of any width: every other verb asks for it."""
    state = _state(one, read)
    state.pad_right(widest - state.cell_len)
    open_for = read.phrase("fault.open-for", "open for {age_s}", age_s=one.age_s)
    line = Text(one.id, style="bold").append("  ").append_text(state)
    line.append(f"  {local(one.found, read)}  {open_for}", style="not bold")
    what = _about(one)
    if one.repair_s is not None:
        what = read.phrase("fault.repaired-in", "{what}, repaired in {time_s}", what=what, time_s=one.repair_s)
    return Group(line, Padding(text(what), (0, 0, 0, 2)), *([_late(one.late, read)] if one.late else []))


def story(document: documents.FaultsShow, read: Reader) -> RenderableType:
    return Group(_ticket_panel(document.fault, read), *(_step_line(step, read) for step in document.steps))


def _ticket_panel(one: documents.Fault, read: Reader) -> RenderableType:
    heading = Text(one.id, style="bold").append("  ").append_text(_state(one, read))
    heading.append(f"  {clean(_about(one))}", style="not bold default")
    since = read.phrase("fault.since", "since {moment}", moment=local(one.found, read))
    heading.append(f"  {since}", style="not bold dim")
    lines = []
    if one.stands:
        lines.append(read.phrase("fault.stands", "the box still sees it: {alarm}", alarm=one.stands))
    if one.over:
        lines.append(read.phrase("fault.over", "the box sees nothing of it any more"))
    return Group(heading, *(Padding(text(words, "yellow"), (0, 0, 0, 2)) for words in lines))


def _about(one: documents.Fault) -> str:
    about = one.key or one.camera or one.volume or ""
    others = len(one.alarms) - 1
    return f"{about} (+{others})" if others > 0 else about


def _state(one: documents.Fault, read: Reader) -> Text:
    return Text(read(STATES[one.state]), style=_STYLES[one.state])


def _late(late: str, read: Reader) -> RenderableType:
    why = (
        read.phrase("fault.late.unreported", "not reported for more than a day")
        if late == "unreported"
        else read.phrase("fault.late.overdue", "not repaired for more than two weeks")
    )
    return Padding(text(why, "yellow"), (0, 0, 0, 2))


def _step_line(step: documents.FaultStep, read: Reader) -> RenderableType:
    line = Text(local(step.at, read), style="dim")
    line.append(f"  {read(STATES[step.step])}", style="not dim bold")
    who = read(person_on_record(step.by)) if step.by else read.phrase("fault.by-box", "the box")
    parts = [step.key, f"→ {step.to}" if step.to else "", step.reference, step.repairer, step.note]
    line.append(f"  {clean(who)}", style="not bold default")
    line.append("".join(f" · {clean(part)}" for part in parts if part), style="not bold default")
    return Padding(line, (0, 0, 0, 2))


USUAL: Final = "2h"


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
@address_given
def maintenance(address: Address, context: click.Context, *, as_json: bool) -> None:
    """Whether maintenance is under way, and what it holds back."""
    if context.invoked_subcommand is not None:
        if as_json:
            verb = context.invoked_subcommand
            raise click.UsageError(
                message("site.maintenance.json-behind", "write it as: edgectl maintenance {verb} --json", verb=verb)
            )
        return
    session = Session(address.daemon(), as_json)
    document = session.read(documents.Maintenance, "/v1/maintenance")
    session.print(document, lambda: screen(document, session.reader))


@maintenance.command(short_help="Announce work on cameras or on the box.")
@click.option("--reason", metavar="TEXT", required=True, help="Why; it goes on record.")
@click.option(
    "--camera", "cameras", metavar="ID", type=CAMERA, multiple=True, help="What is worked on; without it the whole box."
)
@click.option("--for", "span", metavar="SPAN", default=USUAL, show_default=True, help="It ends by itself: 30m, 4h.")
@click.option("--with", "accompanied", metavar="NAME", default="", help="Who else is there: the vendor's person.")
@json_option
@address_given
def start(
    address: Address, *, reason: str, cameras: tuple[str, ...], span: str, accompanied: str, as_json: bool
) -> None:
    """From now on: what is not recorded has the cause `maintenance`, and alarms that the work brings about wait."""
    try:
        lasts = units.parse_duration(span)
    except ValueError as error:
        raise click.UsageError(message("site.maintenance.no-span", "--for: {reason}", reason=said(error))) from None
    if lasts.total_seconds() <= 0:
        raise click.UsageError(message("site.maintenance.empty", "--for: it lasts some time"))
    wanted = documents.StartAsked(
        reason=reason, cameras=list(cameras), span_s=lasts.total_seconds(), accompanied=accompanied
    )
    session = Session(address.daemon(), as_json)
    body = session.daemon.post("/v1/maintenance/start", wanted.model_dump_json().encode())
    document = checked(documents.MaintenanceStart, body)
    session.print(document, lambda: _heading(document.maintenance, session.reader))


@maintenance.command()
@json_option
@address_given
def end(address: Address, *, as_json: bool) -> None:
    """The work is done: alarms that were held back and still stand are raised at once."""
    session = Session(address.daemon(), as_json)
    document = checked(documents.MaintenanceEnd, session.daemon.post("/v1/maintenance/end"))
    session.print(document, lambda: ended(document, session.reader))


def screen(document: documents.Maintenance, read: Reader) -> RenderableType:
    """What is under way, with each alarm that waits."""
    if document.maintenance is None:
        return Text(read.phrase("site.maintenance.none", "No maintenance is under way."))
    parts: list[RenderableType] = [_heading(document.maintenance, read)]
    parts += [Padding(text(line), (0, 0, 0, 2)) for line in _said(document, read)]
    return Group(*parts, *(_held(one, read) for one in document.held))


def ended(document: documents.MaintenanceEnd, read: Reader) -> RenderableType:
    said = (
        read.phrase(
            "site.maintenance.ended-and",
            "{maintenance} has ended. What still stands of these is raised now:",
            maintenance=document.id,
        )
        if document.held
        else read.phrase("site.maintenance.ended", "{maintenance} has ended.", maintenance=document.id)
    )
    return Group(text(said), *(_held(one, read) for one in document.held))


def one_line(under: documents.Under, read: Reader) -> Text:
    """For the status, too."""
    what = read.phrase("list", "{names}", names=list(map(clean, under.cameras)))
    line = Text(read.phrase("site.maintenance.heading", "Maintenance"), style="bold yellow")
    line.append(f"  {what or read.phrase('site.whole-box', 'the whole box')}", style="not bold default")
    until = read.phrase("site.maintenance.until", "until {moment}", moment=local(under.until, read))
    line.append(f" · {until}", style="not bold default")
    line.append(read.phrase("site.maintenance.left", " ({left_s})", left_s=under.left_s), style="not bold dim")
    line.append(f" · {clean(under.by)}" if under.by else "", style="not bold dim")
    if under.held:
        held = read.phrase("site.maintenance.held", "alarms held back: {alarms}", alarms=under.held)
        line.append(f" · {held}", style="not dim")
    return line


def _heading(under: documents.Under, read: Reader) -> RenderableType:
    since = read.phrase(
        "site.maintenance.since",
        "{maintenance}, since {moment}",
        maintenance=under.id,
        moment=local(under.started, read),
    )
    return Group(one_line(under, read), Padding(text(since, "dim"), (0, 0, 0, 2)))


def _said(document: documents.Maintenance, read: Reader) -> list[str]:
    lines = []
    if document.reason:
        lines.append(read.phrase("site.maintenance.reason", "Reason: {reason}", reason=document.reason))
    if document.accompanied:
        lines.append(read.phrase("site.maintenance.accompanied", "Accompanied by: {name}", name=document.accompanied))
    return lines


def _held(one: documents.Held, read: Reader) -> RenderableType:
    line = styled(one.severity, read).append(f" {clean(one.key)}", style="bold default")
    return Group(line, Padding(text(read(told_in(one))), (0, 0, 0, 2)))
