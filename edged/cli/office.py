"""`edgectl office`: open the office, for good."""

from __future__ import annotations

import click

from edged.cli.approve import next_step
from edged.cli.client import Address
from edged.cli.options import address_given, json_option
from edged.cli.output import Session, checked
from edged.documents import office as documents


@click.group()
def office() -> None:
    """Requests of an office: from when on footage is shown by them only."""


@office.command("open", short_help="Ask for the office to be opened, for good; another person approves it.")
@json_option
@address_given
def open_office(address: Address, *, as_json: bool) -> None:
    """Ask for the office to be opened, for good: from then on footage is shown and handed out by granted requests only.
    Every procedure has to have its posts (edgectl post list). Another person approves it.
    """
    session = Session(address.daemon(), as_json)
    document = checked(documents.OfficeOpen, session.daemon.post("/v1/office/open"))
    session.print(document, lambda: next_step(document.act, session.words))
