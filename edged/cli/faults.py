"""`edgectl faults` (報修) and `edgectl maintenance` (維護).

Faults: what needs a hand; that it was reported, repaired, checked. Maintenance: say that somebody works on cameras or
on the box, and that he has ended.
"""

from __future__ import annotations

import os
from datetime import tzinfo
from typing import Final

import click
from pydantic import BaseModel
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from edged.cli.client import Address
from edged.cli.formatting import Language, clean, language_of, local, span, styled, text, word
from edged.cli.options import CAMERA, TIMES, address_given, json_option
from edged.cli.output import Session, checked, interval
from edged.documents import tickets as documents
from edged.words import units

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
            raise click.UsageError(f"write options behind the verb: edgectl faults {context.invoked_subcommand} …")
        return
    session = Session(address.daemon(), as_json)
    first, last = interval(session, start, end)
    wanted = {"all": None if is_open else 1, "camera": camera}
    document = session.read(documents.Faults, "/v1/faults", from_=first, to=last, **wanted)
    session.print(document, lambda: listing(document, session.zone, language_of(os.environ)))


@faults.command(short_help="One fault with all that was done about it.")
@click.argument("fault", metavar="ID")
@json_option
@address_given
def show(address: Address, fault: str, *, as_json: bool) -> None:
    """Fault ID with each step: who, when, to whom it was reported, what was done."""
    session = Session(address.daemon(), as_json)
    document = session.read(documents.FaultsShow, f"/v1/faults/{_id(fault)}")
    session.print(document, lambda: story(document, session.zone, language_of(os.environ)))


@faults.command(short_help="Write down a fault that you have found.")
@note_option
@click.option("--camera", metavar="ID", type=CAMERA, help="The camera that it is about.")
@click.option("--volume", metavar="ID", help="The volume that it is about, by its id.")
@json_option
@address_given
def add(address: Address, *, note: str, camera: str | None, volume: str | None, as_json: bool) -> None:
    """What a person sees and the box does not: a lens that is dirty, a housing that is broken."""
    if camera is not None and volume is not None:
        raise click.UsageError("a fault is about a camera or a volume: leave one of the two out")
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
    session.print(document, lambda: _ticket_panel(document.fault, session.zone, language_of(os.environ)))


def _id(typed: str) -> str:
    found = typed.strip().upper()
    if not found.replace("-", "").isalnum() or not found.isascii():
        raise click.UsageError(f"{units.shown(typed)} is no fault: edgectl faults")
    return found


def listing(document: documents.Faults, zone: tzinfo, tongue: Language = "en") -> RenderableType:
    """A block for each."""
    if not document.faults:
        return Text(word("No faults.", tongue))
    widest = max(cell_len(word(one.state, tongue)) for one in document.faults)
    return Group(*(_listed(one, widest, zone, tongue) for one in document.faults))


def _listed(one: documents.Fault, widest: int, zone: tzinfo, tongue: Language) -> RenderableType:
    """Its id first and whole, on a screen of any width: every other verb asks for it."""
    state = _state(one, tongue)
    state.pad_right(widest - state.cell_len)
    took = "" if one.repair_s is None else f", {word('repaired in', tongue)} {span(one.repair_s, tongue)}"
    line = Text(one.id, style="bold").append("  ").append_text(state)
    line.append(f"  {local(one.found, zone)}  {word('open for', tongue)} {span(one.age_s, tongue)}", style="not bold")
    what = Padding(text(f"{_about(one)}{took}"), (0, 0, 0, 2))
    return Group(line, what, *([_late(one.late, tongue)] if one.late else []))


def story(document: documents.FaultsShow, zone: tzinfo, tongue: Language = "en") -> RenderableType:
    return Group(
        _ticket_panel(document.fault, zone, tongue), *(_step_line(step, zone, tongue) for step in document.steps)
    )


def _ticket_panel(one: documents.Fault, zone: tzinfo, tongue: Language) -> RenderableType:
    heading = Text(one.id, style="bold").append("  ").append_text(_state(one, tongue))
    heading.append(f"  {clean(_about(one))}", style="not bold default")
    heading.append(f"  {word('since', tongue)} {local(one.found, zone)}", style="not bold dim")
    stands = f"{word('the box still sees it:', tongue)} {one.stands}" if one.stands else ""
    nothing = word("the box sees nothing of it any more", tongue) if one.over else ""
    lines = [Padding(text(words, "yellow"), (0, 0, 0, 2)) for words in (stands, nothing) if words]
    return Group(heading, *lines)


def _about(one: documents.Fault) -> str:
    about = one.key or one.camera or one.volume or ""
    others = len(one.alarms) - 1
    return f"{about} (+{others})" if others > 0 else about


def _state(one: documents.Fault, tongue: Language) -> Text:
    return Text(word(one.state, tongue), style=_STYLES[one.state])


def _late(late: str, tongue: Language) -> RenderableType:
    why = "not reported for more than a day" if late == "unreported" else "not repaired for more than two weeks"
    return Padding(text(word(why, tongue), "yellow"), (0, 0, 0, 2))


def _step_line(step: documents.FaultStep, zone: tzinfo, tongue: Language) -> RenderableType:
    line = Text(local(step.at, zone), style="dim").append(f"  {word(step.step, tongue)}", style="not dim bold")
    who = step.by or word("the box", tongue)
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
            raise click.UsageError(f"write it as: edgectl maintenance {context.invoked_subcommand} --json")
        return
    session = Session(address.daemon(), as_json)
    document = session.read(documents.Maintenance, "/v1/maintenance")
    session.print(document, lambda: screen(document, session.zone, language_of(os.environ)))


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
        raise click.UsageError(f"--for: {error}") from None
    if lasts.total_seconds() <= 0:
        raise click.UsageError("--for: it lasts some time")
    wanted = documents.StartAsked(
        reason=reason, cameras=list(cameras), span_s=lasts.total_seconds(), accompanied=accompanied
    )
    session = Session(address.daemon(), as_json)
    body = session.daemon.post("/v1/maintenance/start", wanted.model_dump_json().encode())
    document = checked(documents.MaintenanceStart, body)
    session.print(document, lambda: _heading(document.maintenance, session.zone, language_of(os.environ)))


@maintenance.command()
@json_option
@address_given
def end(address: Address, *, as_json: bool) -> None:
    """The work is done: alarms that were held back and still stand are raised at once."""
    session = Session(address.daemon(), as_json)
    document = checked(documents.MaintenanceEnd, session.daemon.post("/v1/maintenance/end"))
    session.print(document, lambda: ended(document))


def screen(document: documents.Maintenance, zone: tzinfo, tongue: Language = "en") -> RenderableType:
    """What is under way, with each alarm that waits."""
    if document.maintenance is None:
        return Text(word("No maintenance is under way.", tongue))
    parts: list[RenderableType] = [_heading(document.maintenance, zone, tongue)]
    parts += [Padding(text(f"{word(name, tongue)}: {words}"), (0, 0, 0, 2)) for name, words in _said(document) if words]
    return Group(*parts, *map(_held, document.held))


def ended(document: documents.MaintenanceEnd) -> RenderableType:
    line = Text(f"{document.id} has ended.")
    if document.held:
        line.append(" What still stands of these is raised now:")
    return Group(line, *map(_held, document.held))


def one_line(under: documents.Under, zone: tzinfo, tongue: Language) -> Text:
    """For the status, too."""
    what = ", ".join(map(clean, under.cameras)) or word("the whole box", tongue)
    line = Text(word("Maintenance", tongue), style="bold yellow").append(f"  {what}", style="not bold default")
    line.append(f" · {word('until', tongue)} {local(under.until, zone)}", style="not bold default")
    line.append(f" ({span(under.left_s, tongue)})", style="not bold dim")
    line.append(f" · {clean(under.by)}" if under.by else "", style="not bold dim")
    return line.append(f" · {word('alarms held back:', tongue)} {under.held}" if under.held else "", style="not dim")


def _heading(under: documents.Under, zone: tzinfo, tongue: Language) -> RenderableType:
    since = f"{under.id}, {word('since', tongue)} {local(under.started, zone)}"
    return Group(one_line(under, zone, tongue), Padding(text(since, "dim"), (0, 0, 0, 2)))


def _said(document: documents.Maintenance) -> list[tuple[str, str]]:
    return [("Reason", document.reason), ("Accompanied by", document.accompanied)]


def _held(one: documents.Held) -> RenderableType:
    line = styled(one.severity).append(f" {clean(one.key)}", style="bold default")
    return Group(line, Padding(text(one.text), (0, 0, 0, 2)))
