"""`edgectl leak`: footage that may have come out (疑似外洩): what holds it, to whom it was reported.

Nothing that a case touches is erased while it is not closed. What was found, where and by whom is written in a document
of the office, whose number is entered here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

import click
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from edged.cli.client import Address
from edged.cli.formatting import clean, local, table, text
from edged.cli.options import CAMERA, DAY, FILLED, TIMES, address_given, json_option
from edged.cli.output import Session, checked, interval
from edged.cli.request_screens import name_of
from edged.documents import leaks as documents
from edged.documents.office import Part
from edged.office.request import DISPOSALS
from edged.words import units
from edged.words.catalogue import Reader, person_on_record
from edged.words.units import roc_day
from storage.words.message import NOTHING, Message, message

STATES: Final[Mapping[str, tuple[Message, str]]] = {
    "open": (message("leak.open", "not reported"), "bold red"),
    "reported": (message("leak.reported", "reported"), "bold yellow"),
    "closed": (message("leak.closed", "closed"), "bold"),
}
"""Of each state: its word and style."""
OFFICES: Final[Mapping[str, Message]] = {
    "ethics": message("leak.ethics", "ethics office (政風室)"),
    "inspectors": message("leak.inspectors", "inspectors (督察組)"),
}
PURPOSES: Final[Mapping[str, Message]] = {
    "maintenance": message("leak.look.maintenance", "look for maintenance"),
    "repair": message("leak.look.repair", "look for repair"),
    "inspection": message("leak.look.inspection", "look for inspection"),
    "audit": message("leak.look.audit", "look at an audit"),
}
_ID: Final = re.compile(r"L-[0-9]{2,4}-[0-9]{4,9}")


class LeakId(click.types.StringParamType):
    """As `edgectl leak list` has it."""

    name = "leak"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        word = value.strip().upper()
        if _ID.fullmatch(word) is None:
            given = units.shown(value)
            self.fail(
                message("leak.no-id", "{given} is no leak case: write L-115-0001 (edgectl leak list)", given=given),
                param,
                ctx,
            )  # fmt: skip
        return word


leak_argument = click.argument("leak_id", metavar="LEAK", type=LeakId())


@click.group()
def leak() -> None:
    """Footage that may have come out (疑似外洩): what holds it, and to whom it was reported."""


@leak.command("open", short_help="Open a leak case, and see what holds the footage.")
@click.option("--camera", "cameras", metavar="ID", type=CAMERA, multiple=True, help="Whose; more than once for more.")
@click.option("--from", "start", metavar="TIME", help=f"From then on: {TIMES}.")
@click.option("--to", "end", metavar="TIME", help="Until then.")
@click.option("--copy", "copy_id", metavar="ID", default="", help="The copy that was found, such as E-20260501-7F3K.")
@click.option("--request", metavar="NUMBER", default="", help="By which it is thought to have come out.")
@click.option("--day", metavar="DAY", type=DAY, help="On which it was noticed.  [today]")
@click.option("--letter", metavar="NUMBER", default="", help="Of the document that says what was found.")
@json_option
@address_given
def open_case(
    address: Address,
    *,
    cameras: tuple[str, ...],
    start: str | None,
    end: str | None,
    copy_id: str,
    request: str,
    day: date | None,
    letter: str,
    as_json: bool,
) -> None:
    """Open a leak case for cameras and an interval, or with --copy alone for all that this copy holds. Until it is
    reported there is an alarm; until it is closed nothing of the requests that it touches is erased.
    """
    if not copy_id and not (cameras and start and end):
        raise click.UsageError(
            message("leak.what", "say what has come out: --camera, --from and --to; or --copy with the id of a copy")
        )
    if (start is None) is not (end is None):
        raise click.UsageError(message("leak.half", "give both --from and --to, or neither"))
    session = Session(address.daemon(), as_json)
    first, last = interval(session, start, end)
    wanted = documents.LeakOpenAsked(
        cameras=list(cameras),
        start=first,
        end=last,
        request=request.strip(),
        copy_id=copy_id.strip().upper(),
        day=None if day is None else str(day),
        letter=letter,
    )
    document = checked(documents.LeakShow, session.daemon.post("/v1/leaks", wanted.model_dump_json().encode()))
    session.at(document.timezone)
    session.print(document, lambda: show_screen(document, session.reader))


@leak.command("list")
@click.option("--all", "every", is_flag=True, help="Those that are closed, too.")
@json_option
@address_given
def list_cases(address: Address, *, every: bool, as_json: bool) -> None:
    """Leak cases that are not closed."""
    session = Session(address.daemon(), as_json)
    document = session.read(documents.LeakList, "/v1/leaks", all="1" if every else None)
    session.at(document.timezone)
    session.print(document, lambda: list_screen(document, session.reader))


@leak.command()
@leak_argument
@json_option
@address_given
def show(address: Address, *, leak_id: str, as_json: bool) -> None:
    """One leak case, with each copy and each viewing in which some of the footage was."""
    session = Session(address.daemon(), as_json)
    document = session.read(documents.LeakShow, f"/v1/leaks/{leak_id}")
    session.at(document.timezone)
    session.print(document, lambda: show_screen(document, session.reader))


@leak.command(short_help="Enter that a leak was reported.")
@leak_argument
@click.option("--to", "to", type=click.Choice(tuple(OFFICES)), required=True, help="政風室, or 督察組 of a precinct.")
@click.option("--letter", metavar="NUMBER", type=FILLED, required=True, help="Of the report (文號).")
@click.option("--day", metavar="DAY", type=DAY, help="Of the report.  [today]")
@json_option
@address_given
def report(
    address: Address, *, leak_id: str, to: documents.ReportedToWord, letter: str, day: date | None, as_json: bool
) -> None:
    """Enter to whom a leak was reported, and by which document. Both may be entered, one after the other."""
    wanted = documents.LeakReportAsked(to=to, letter=letter, day=None if day is None else str(day))
    session = Session(address.daemon(), as_json)
    body = session.daemon.post(f"/v1/leaks/{leak_id}/report", wanted.model_dump_json().encode())
    document = checked(documents.LeakStep, body)
    session.print(document, lambda: step_screen(document, session.words))


@leak.command(short_help="As an auditor: close a leak case.")
@leak_argument
@json_option
@address_given
def close(address: Address, *, leak_id: str, as_json: bool) -> None:
    """Close a leak case that was reported; an auditor does, who had no hand in what it touches."""
    session = Session(address.daemon(), as_json)
    document = checked(documents.LeakStep, session.daemon.post(f"/v1/leaks/{leak_id}/close"))
    session.print(document, lambda: step_screen(document, session.words))


# --- screens ---------------------------------------------------------------------------------------------------------


def list_screen(document: documents.LeakList, read: Reader) -> RenderableType:
    if not document.leaks:
        return Text(read.phrase("leak.none", "No leak cases; with --all also those that are closed."))
    made = table(
        read.phrase("leak.number", "Number"),
        read.phrase("leak.noticed", "Noticed"),
        read.phrase("screen.state", "State"),
        read.phrase("leak.footage", "Footage"),
        folds=(3,),
    )
    for one in document.leaks:
        made.add_row(
            text(one.id, "bold"), roc_day(one.day), _state(one, read), Text("\n").join(_parts(one.scope, read))
        )
    return made


def step_screen(document: documents.LeakStep, read: Reader) -> RenderableType:
    return Group(*_heading(document.leak, read))


def show_screen(document: documents.LeakShow, read: Reader) -> RenderableType:
    one = document.leak
    footage = Padding(Text("\n").join(_parts(one.scope, read)), (0, 0, 0, 2))
    found: list[RenderableType] = []
    for each in document.holding:
        found += ["", Text("\n").join(_holding(each, read))]
    if not found:
        nothing = read.phrase("leak.nowhere", "No copy and no viewing on record holds any of it.")
        found = ["", text(nothing, "bold")]
    else:
        title = read.phrase("leak.holding", "Copies and viewings that hold some of it")
        found = ["", Text(title, style="bold"), *found[1:]]
    return Group(*_heading(one, read), footage, *found)


def _state(one: documents.ShownLeak, read: Reader) -> Text:
    word, style = STATES[one.status]
    return Text(read(word), style=style)


def _heading(one: documents.ShownLeak, read: Reader) -> Iterator[RenderableType]:
    yield Text(clean(one.id), style="bold").append("  ").append_text(_state(one, read))
    day = Message(roc_day(one.day))
    noticed = message("leak.noticed-on", "noticed {day}", day=day)
    if not one.synchronised:
        noticed = message("leak.noticed-typed", "noticed {day}, as typed: the clock was not synchronised", day=day)
    yield text(read(noticed) + read(_letter(one.letter)))
    for told, what in ((one.request, "request"), (one.copy_id, "copy")):
        if told:
            yield text(read(_from(what, told)))
    for report in one.reports:
        reported = read.phrase(
            "leak.reported-to",
            "reported to {office} {day}{letter}",
            office=OFFICES[report.to],
            day=Message(roc_day(report.day)),
            letter=_letter(report.letter),
        )
        yield text(reported)
    if one.status == "open":
        todo = read.phrase(
            "leak.to-report", "Report it, then: edgectl leak report {leak} --to … --letter …", leak=one.id
        )
        yield text(f"→ {todo}", "bold")
    if one.touches and one.status != "closed":
        kept = read.phrase("leak.touches", "Nothing is erased meanwhile of requests {numbers}", numbers=one.touches)
        yield text(kept)


def _letter(number: str) -> Message:
    return message("leak.letter", ", document {letter}", letter=number) if number else NOTHING


def _from(what: str, told: str) -> Message:
    if what == "copy":
        return message("leak.from-copy", "thought to come from copy {copy}", copy=told)
    return message("leak.from-request", "thought to come out by request {number}", number=told)


def _parts(parts: list[Part], read: Reader) -> Iterator[Text]:
    for one in parts:
        start, end = local(one.start, read), local(one.end, read)
        day, _, hour = end.partition(" ")
        yield text(f"{one.camera}  {start} – {hour if start.startswith(day) else end}")


def _holding(one: documents.ShownHolding, read: Reader) -> Iterator[Text]:
    yield Text(clean(one.id), style="bold").append(f"  {read(_what(one))}  {local(one.begun, read)}", "not bold")
    for part in _parts(one.parts, read):
        yield Text("  ").append_text(part)
    for told in _people(one):
        yield text(f"  {read(told)}")
    for told in _became(one):
        yield text(f"  {read(told)}")


def _what(one: documents.ShownHolding) -> Message:
    if one.request:
        if one.viewed:
            return message("leak.viewing", "viewing of request {number}", number=one.request)
        return message("leak.copy", "copy of request {number}", number=one.request)
    if one.viewed:
        return PURPOSES.get(one.row, message("leak.look", "look without a request"))
    return message("leak.export", "copy without a request")


def _people(one: documents.ShownHolding) -> Iterator[Message]:
    if one.operator is not None:
        yield message("leak.shown-by", "shown by {who}", who=name_of(one.operator))
    elif one.who and one.viewed:
        yield message("leak.looked-by", "looked at by {who}", who=person_on_record(one.who))
    elif one.who:
        yield message("leak.made-by", "made by {who}", who=person_on_record(one.who))
    if one.companion is not None:
        yield message("leak.companion", "{who} was there", who=name_of(one.companion))
    if one.present:
        yield message("leak.present", "also there: {who}", who=one.present)
    if one.why:
        yield message("leak.why", "because: {reason}", reason=one.why)


def _became(one: documents.ShownHolding) -> Iterator[Message]:
    if one.viewed:
        yield _GONE if one.gone else _THERE
        return
    if one.state != "finished":
        yield _UNFINISHED[one.state]
    state = one.copy_state
    if state is None:
        return
    if state.receipt is None and state.ours is not None:
        yield message("leak.copy.nothing", "it was handed to nobody")
    elif state.receipt is None:
        yield message("leak.unsigned", "nobody has signed for it")
    elif state.receipt.receiver:
        yield message(
            "leak.receiver",
            "signed for by {receiver} ({identity}) {day}, on {medium}",
            receiver=state.receipt.receiver,
            identity=state.receipt.identity,
            day=Message(roc_day(state.receipt.day)),
            medium=state.receipt.medium,
        )
    else:
        yield message("leak.signed", "signed for {day}", day=Message(roc_day(state.receipt.day)))
    if state.handed_out is not None:
        yield message("leak.handed-out", "what was handed over: {state}", state=DISPOSALS[state.handed_out])
    if state.kept:
        ours = message("leak.copy.there", "still kept") if state.ours is None else DISPOSALS[state.ours]
        yield message("leak.ours", "the office's own: {state}", state=ours)


_UNFINISHED: Final[Mapping[str, Message]] = {
    "open": message("leak.leaving", "it is being copied"),
    "abandoned": message("leak.abandoned", "it was not finished; part of it may have left"),
}
_GONE: Final = message("leak.gone", "nothing of it lies here any more")
_THERE: Final = message("leak.there", "it still lies here")
