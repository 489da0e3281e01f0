"""`edgectl look`: what may be looked at without a request, because a text allows it."""

from __future__ import annotations

from functools import partial
from typing import Final, Literal

import click

from edged.cli.client import Address
from edged.cli.formatting import text
from edged.cli.options import CAMERA, PERSON, TIMES, address_given, json_option
from edged.cli.output import ProgressLine, Session, checked, interval
from edged.cli.request_screens import look_screen
from edged.documents import office as documents
from storage.words.message import message

Purpose = Literal["maintenance", "repair", "inspection", "audit"]
PURPOSES: Final[tuple[Purpose, ...]] = ("maintenance", "repair", "inspection", "audit")


@click.command(short_help="Look at a moment of footage without a request, as far as a text allows it.")
@click.option("--for", "purpose", type=click.Choice(PURPOSES), help="What for (維護, 維修, 巡檢, 稽核).")
@click.option("--camera", "cameras", metavar="ID", type=CAMERA, multiple=True, help="Whose; more than once for more.")
@click.option("--from", "start", metavar="TIME", help=f"From then on: {TIMES}.")
@click.option("--to", "end", metavar="TIME", help="Until then.")
@click.option("--companion", metavar="PERSON", type=PERSON, help="Who is there, at an audit.")
@click.option("--end", "over", is_flag=True, help="It is over: what was laid out is removed.")
@click.option("--here", is_flag=True, help="As the auditor, from your own account: you are there.")
@json_option
@address_given
def look(
    address: Address,
    *,
    purpose: Purpose | None,
    cameras: tuple[str, ...],
    start: str | None,
    end: str | None,
    companion: int | None,
    over: bool,
    here: bool,
    as_json: bool,
) -> None:
    """Look without a request: for maintenance, repair and inspection at most a minute of each camera a day, of the last
    24 h; at an audit what the auditor names, in company.
    """
    session = Session(address.daemon(), as_json)
    first, last = interval(session, start, end)
    if (over or here) and (purpose or cameras or start or end or companion or over is here):
        raise click.UsageError(message("office.look.alone-option", "--end and --here each stand alone"))
    for option, given in (("--for", purpose), ("--camera", cameras), ("--from", start), ("--to", end)):
        if not (over or here or given):
            raise click.UsageError(message("screen.missing-option", "Missing option '{option}'.", option=option))
    wanted = documents.LookAsked(
        purpose=purpose or "inspection",
        cameras=list(cameras),
        start=first or "",
        end=last or "",
        companion=companion,
        over=over,
        here=here,
    )
    with ProgressLine(session.words) as line:
        laying_out = partial(line.copying, message("office.view.progress", "laying out"))
        body = session.daemon.follow("/v1/look", wanted.model_dump_json().encode(), laying_out)
    document = checked(documents.ShownLook, body)
    said = message(
        "office.look.here",
        "You have said that you are there. Now whoever shows it: edgectl look --for audit --companion …",
    )
    session.print(document, lambda: text(session.reader(said)) if here else look_screen(document, session.reader))
