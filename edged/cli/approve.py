"""`edgectl approve`: acts of two persons, of which this is the second."""

from __future__ import annotations

import click
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from edged.cli.client import Address
from edged.cli.formatting import clean, local, text
from edged.cli.options import address_given, json_option
from edged.cli.output import Session, checked
from edged.documents import pins as documents
from edged.documents.base import told_in
from edged.words import units
from edged.words.catalogue import Reader
from storage.words.message import message


@click.command(short_help="Do what another person asked for, or show what waits.")
@click.argument("id", metavar="[ID]", required=False)
@json_option
@address_given
def approve(address: Address, *, id: str | None, as_json: bool) -> None:  # noqa: A002 - what the person types
    """Do what another person asked for; without ID, show what waits."""
    session = Session(address.daemon(), as_json)
    if id is None:
        document = session.read(documents.Approve, "/v1/acts")
    else:
        word = id.strip().upper()
        if not word.replace("-", "").isalnum() or not word.isascii():
            raise click.UsageError(
                message("approve.no-id", "{given} is no act: edgectl approve", given=units.shown(id))
            )
        if word.startswith("P-"):
            raise click.UsageError(message("approve.pin", "{pin} is a pin: edgectl pin approve {pin}", pin=word))
        document = checked(documents.Approve, session.daemon.post(f"/v1/acts/{word}/approve"))
    session.print(document, lambda: screen(document, session.reader))


def screen(document: documents.Approve, read: Reader) -> RenderableType:
    done = []
    if document.done is not None:
        act = told_in(document.done, "sentence")
        done.append(text(read.phrase("approve.done", "Done: {act}", act=act)))
    done += [text(read(told_in(document, "outcome")))] if document.outcome else []
    waits = read.phrase("approve.nothing", "Nothing waits for a second person.")
    nothing = [] if done or document.acts else [Text(waits)]
    return Group(*done, *nothing, *(_act(act, read) for act in (*document.acts, *document.ended)))


def _act(act: documents.Act, read: Reader) -> RenderableType:
    asked = message(
        "approve.asked", "asked for by {person} {moment}", person=act.asked_by, moment=local(act.asked, read)
    )
    if act.ended is None:
        waits = message("approve.waits", "waits until {moment}", moment=local(act.until, read))
    else:
        waits = message("approve.ended", "waits no longer: {why}", why=told_in(act, "ended"))
    who = read.phrase("approve.act", "{asked}, {waits}", asked=asked, waits=waits)
    heading = Text(act.id, style="bold").append(f"  {clean(read(told_in(act, 'sentence')))}", style="not bold")
    return Group(heading, Padding(text(who, "dim"), (0, 0, 0, 2)))


def next_step(act: documents.Act, read: Reader) -> Text:
    """What the first person is told."""
    waits = read.phrase("approve.act-waits", "{act} waits: {what}.", act=act.id, what=told_in(act, "sentence"))
    now = read.phrase(
        "approve.act-waits.action",
        "Now another person than {person}, who has the role of authority: edgectl approve {act}",
        person=act.asked_by, act=act.id,
    )  # fmt: skip
    return Text(f"{clean(waits)}\n{clean(now)}")
