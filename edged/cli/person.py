"""`edgectl person`: who works in the office (人員), and by which account they sign."""

from __future__ import annotations

import click
from rich.console import RenderableType
from rich.text import Text

from edged.cli.approve import next_step
from edged.cli.client import Address
from edged.cli.formatting import clean, enumerated, table, text
from edged.cli.options import PERSON, address_given, json_option
from edged.cli.output import Session, checked
from edged.documents import office as documents
from edged.words.catalogue import Reader
from storage.words.message import message


@click.group()
def person() -> None:
    """Who works in the office, and by which account they sign."""


@person.command("list")
@json_option
@address_given
def list_persons(address: Address, *, as_json: bool) -> None:
    """Who works in the office, with the number that other verbs ask for."""
    session = Session(address.daemon(), as_json)
    document = session.read(documents.PersonList, "/v1/persons")
    session.print(document, lambda: listing(document, session.words))


@person.command(short_help="Enter a person, or write a name anew.")
@click.argument("name", metavar="NAME")
@click.option("--unit", metavar="UNIT", default="", help="Which section they belong to.")
@click.option("--number", metavar="PERSON", type=PERSON, help="Of one whose name is written anew.")
@json_option
@address_given
def add(address: Address, *, name: str, unit: str, number: int | None, as_json: bool) -> None:
    """Enter a person. Without an account they sign on paper only; without a post, nothing."""
    if number is not None and unit:
        raise click.UsageError(message("office.person.unit", "with --number a name is written anew, and no unit"))
    session = Session(address.daemon(), as_json)
    wanted = documents.PersonAsked(name=name, unit=unit, number=number)
    document = checked(documents.PersonAdd, session.daemon.post("/v1/persons", wanted.model_dump_json().encode()))
    session.print(document, lambda: entered(document, session.words))


@person.command(short_help="Ask for a person to sign by an account; another person approves it.")
@click.argument("number", metavar="PERSON", type=PERSON)
@click.argument("account", metavar="[ACCOUNT]", required=False)
@click.option("--none", "no_account", is_flag=True, help="By none any more: on paper only.")
@click.option("--left", is_flag=True, help="They work here no more, and sign nothing.")
@json_option
@address_given
def tie(address: Address, *, number: int, account: str | None, no_account: bool, left: bool, as_json: bool) -> None:
    """Ask for a person to sign by an account of this box; another person approves it."""
    if [account is not None, no_account, left].count(True) != 1:
        raise click.UsageError(message("office.tie.which", "give an ACCOUNT, or --none, or --left"))
    session = Session(address.daemon(), as_json)
    wanted = documents.TieAsked(account=account, left=left)
    body = session.daemon.post(f"/v1/persons/{number}/tie", wanted.model_dump_json().encode())
    document = checked(documents.PersonTie, body)
    session.print(document, lambda: next_step(document.act, session.words))


def listing(document: documents.PersonList, read: Reader) -> RenderableType:
    if not document.persons:
        return Text(read.phrase("office.person.none", "Nobody is entered: edgectl person add NAME"))
    number = read.phrase("office.person.number", "Number")
    made = table(
        number,
        read.phrase("office.person.name", "Name"),
        read.phrase("office.person.section", "Unit"),
        read.phrase("office.person.account", "Account"),
        read.phrase("office.person.posts", "Posts"),
        right=(number,),
        folds=(1, 2, 4),
    )
    for one in document.persons:
        name = text(one.name) if one.name else text(read.phrase("office.person.lost", "lost: enter it anew"), "red")
        if one.left:
            name.append(f"  {read.phrase('office.person.left', 'works here no more')}")
        account = clean(one.account) if one.account else read.phrase("office.person.paper", "on paper")
        row = (
            str(one.number),
            name,
            text(one.unit or "–"),
            Text(account),
            text(enumerated(list(one.posts), read) or "–"),
        )
        made.add_row(*row, style="dim" if one.left else None)
    return made


def entered(document: documents.PersonAdd, read: Reader) -> RenderableType:
    number = document.person
    done = read.phrase("office.person.entered", "It is person {person}.", person=number)
    now = read.phrase(
        "office.person.entered.action",
        "Now, where they have one, an account: edgectl person tie {person} ACCOUNT\n"
        "and a post: edgectl post hold {person} POST",
        person=number,
    )
    return Text(f"{done}\n{now}")
