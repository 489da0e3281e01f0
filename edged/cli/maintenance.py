"""`edgectl maintenance` (維護): say that somebody works on cameras or on the box, and that he has ended."""

from __future__ import annotations

import os
from datetime import tzinfo
from typing import Final

import click
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from edged.cli.client import Address
from edged.cli.formatting import Language, clean, language_of, local, span, styled, text, word
from edged.cli.options import CAMERA, address_given, json_option
from edged.cli.session import Session, checked
from edged.documents import maintenance as documents
from edged.words import units

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
