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
from edged.words import units


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
            raise click.UsageError(f"{units.shown(id)} is no act: edgectl approve")
        if word.startswith("P-"):
            raise click.UsageError(f"{word} is a pin: edgectl pin approve {word}")
        document = checked(documents.Approve, session.daemon.post(f"/v1/acts/{word}/approve"))
    session.print(document, lambda: screen(document, session))


def screen(document: documents.Approve, session: Session) -> RenderableType:
    done = [Text(f"Done: {clean(document.done.sentence)}")] if document.done is not None else []
    done += [text(clean(document.outcome))] if document.outcome else []
    nothing = [] if done or document.acts else [Text("Nothing waits for a second person.")]
    return Group(*done, *nothing, *(_act(act, session) for act in (*document.acts, *document.ended)))


def _act(act: documents.Act, session: Session) -> RenderableType:
    asked = f"asked for by {act.asked_by} {local(act.asked, session.zone)}"
    waits = f"waits until {local(act.until, session.zone)}" if act.ended is None else f"waits no longer: {act.ended}"
    who = text(f"{asked}, {waits}", "dim")
    heading = Text(act.id, style="bold").append(f"  {clean(act.sentence)}", style="not bold")
    return Group(heading, Padding(who, (0, 0, 0, 2)))


def next_step(act: documents.Act) -> Text:
    """What the first person is told."""
    return Text(
        f"{act.id} waits: {clean(act.sentence)}.\n"
        f"Now another person than {clean(act.asked_by)}: edgectl approve {act.id}"
    )
