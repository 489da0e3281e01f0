"""`edgectl faults` (報修): what needs a hand; that it was reported, repaired, checked."""

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
from edged.cli.formatting import Language, clean, language_of, local, span, text, word
from edged.cli.options import CAMERA, TIMES, address_given, json_option
from edged.cli.session import Session, checked, interval
from edged.documents import faults as documents
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
    session.print(document, lambda: _one(document.fault, session.zone, language_of(os.environ)))


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
    return Group(_one(document.fault, zone, tongue), *(_told(step, zone, tongue) for step in document.steps))


def _one(one: documents.Fault, zone: tzinfo, tongue: Language) -> RenderableType:
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


def _told(step: documents.FaultStep, zone: tzinfo, tongue: Language) -> RenderableType:
    line = Text(local(step.at, zone), style="dim").append(f"  {word(step.step, tongue)}", style="not dim bold")
    who = step.by or word("the box", tongue)
    parts = [step.key, f"→ {step.to}" if step.to else "", step.reference, step.repairer, step.note]
    line.append(f"  {clean(who)}", style="not bold default")
    line.append("".join(f" · {clean(part)}" for part in parts if part), style="not bold default")
    return Padding(line, (0, 0, 0, 2))
