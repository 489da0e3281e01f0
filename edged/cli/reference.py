"""`edgectl reference`: which view a camera is to show, so that edged can tell when it was turned (攝影方向)."""

from __future__ import annotations

from urllib.parse import quote

import click
from rich.console import RenderableType
from rich.text import Text

from edged.cli import output
from edged.cli.client import Address
from edged.cli.formatting import clean, local, table, text
from edged.cli.options import CAMERA, address_given, json_option
from edged.cli.session import Session, checked
from edged.documents import pictures as documents

REASON = click.option("--reason", metavar="TEXT", default="", help="Why; it goes into the journal.")


@click.group()
def reference() -> None:
    """Which view each camera is to show (攝影方向基準)."""


@reference.command("list", short_help="Which cameras have a reference, and since when.")
@json_option
@address_given
def list_(address: Address, *, as_json: bool) -> None:
    """Which cameras have a reference, and since when; without one nobody is told that a camera was turned."""
    session = Session(address.daemon(), as_json)
    document = session.read(documents.ReferenceList, "/v1/references")

    def screen() -> RenderableType:
        made = table("Camera", "Reference set")
        for one in document.references:
            made.add_row(text(one.camera), local(one.set, session.zone) if one.set else "–")
        return made

    session.print(document, screen)


@reference.command("set", short_help="What CAMERA shows now is what it is to show.")
@click.argument("camera", type=CAMERA)
@REASON
@json_option
@address_given
def set_(address: Address, camera: str, *, reason: str, as_json: bool) -> None:
    """What CAMERA shows now is what it is to show. Look at it first: edgectl snapshot CAMERA."""
    body = documents.ReferenceAsked(reason=reason).model_dump_json().encode()
    answered = address.daemon().post(f"/v1/references/{quote(camera, safe='')}/set", body)
    document = checked(documents.ReferenceSet, answered)
    words = f"What {clean(document.camera)} shows now is its reference."
    output.answer(document, lambda: Text(words), as_json=as_json)


@reference.command(short_help="CAMERA may look wherever it is turned.")
@click.argument("camera", type=CAMERA)
@REASON
@json_option
@address_given
def clear(address: Address, camera: str, *, reason: str, as_json: bool) -> None:
    """CAMERA may look wherever it is turned: nobody is told of it any more."""
    body = documents.ReferenceAsked(reason=reason).model_dump_json().encode()
    answered = address.daemon().post(f"/v1/references/{quote(camera, safe='')}/clear", body)
    document = checked(documents.ReferenceClear, answered)
    gone = "has no reference any more" if document.cleared else "had no reference"
    output.answer(document, lambda: Text(f"{clean(document.camera)} {gone}."), as_json=as_json)
