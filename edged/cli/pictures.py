"""`edgectl snapshot`: a picture of a camera as it is now, written as the person who asks; and `edgectl reference`:
which view a camera is to show, so that edged can tell when it was turned (攝影方向).
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import cast, get_args
from urllib.parse import quote

import click
from rich.console import RenderableType
from rich.text import Text

from edged.cli import output
from edged.cli.client import Address
from edged.cli.formatting import clean, local, table, text
from edged.cli.options import AS_GIVEN, CAMERA, address_given, json_option
from edged.cli.output import Session, checked, may_write
from edged.documents import site as documents
from edged.words import exit_codes
from edged.words.catalogue import Reader
from storage.words.message import format_size, message

REFERENCE_REASON = click.option("--reason", metavar="TEXT", default="", help="Why; it goes into the ledger.")


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
        read = session.reader
        made = table(read.phrase("screen.camera", "Camera"), read.phrase("reference.set-at", "Reference set"))
        for one in document.references:
            made.add_row(text(one.camera), local(one.set, read) if one.set else "–")
        return made

    session.print(document, screen)


@reference.command("set", short_help="What CAMERA shows now is what it is to show.")
@click.argument("camera", type=CAMERA)
@REFERENCE_REASON
@json_option
@address_given
def set_(address: Address, camera: str, *, reason: str, as_json: bool) -> None:
    """What CAMERA shows now is what it is to show. Look at it first: edgectl snapshot CAMERA."""
    body = documents.ReferenceAsked(reason=reason).model_dump_json().encode()
    answered = address.daemon().post(f"/v1/references/{quote(camera, safe='')}/set", body)
    document = checked(documents.ReferenceSet, answered)
    done = message("reference.set", "What {camera} shows now is its reference.", camera=document.camera)
    output.answer(document, lambda: text(Reader(output.language())(done)), as_json=as_json)


@reference.command(short_help="CAMERA may look wherever it is turned.")
@click.argument("camera", type=CAMERA)
@REFERENCE_REASON
@json_option
@address_given
def clear(address: Address, camera: str, *, reason: str, as_json: bool) -> None:
    """CAMERA may look wherever it is turned: nobody is told of it any more."""
    body = documents.ReferenceAsked(reason=reason).model_dump_json().encode()
    answered = address.daemon().post(f"/v1/references/{quote(camera, safe='')}/clear", body)
    document = checked(documents.ReferenceClear, answered)
    if document.cleared:
        done = message("reference.cleared", "{camera} has no reference any more.", camera=document.camera)
    else:
        done = message("reference.none", "{camera} had no reference.", camera=document.camera)
    output.answer(document, lambda: text(Reader(output.language())(done)), as_json=as_json)


@click.command(short_help="A picture of a camera as it is now, as a JPEG.")
@click.argument("camera", type=CAMERA)
@click.option("--out", metavar="FILE", type=AS_GIVEN, help="Write it there; it must not exist.  [CAMERA.jpg]")
@click.option(
    "--for",
    "purpose",
    type=click.Choice(get_args(documents.Purpose)),
    default="inspection",
    show_default=True,
    help="What it is looked at for; it goes on record.",
)
@json_option
@address_given
def snapshot(address: Address, camera: str, *, out: Path | None, purpose: str, as_json: bool) -> int:
    """The next key frame of CAMERA in its full size. That it was taken, by whom and for what, is on record first."""
    path = (out or Path(f"{Path(camera).name}.jpg")).absolute()
    may_write(path)
    taken, destroy_by, jpeg = address.daemon().picture(camera, purpose)
    output.write_new(path, jpeg, mode=output.PRIVATE)
    document = documents.Snapshot(
        camera=camera,
        path=str(path),
        bytes=len(jpeg),
        sha256=hashlib.sha256(jpeg).hexdigest(),
        taken=taken,
        purpose=cast("documents.Purpose", purpose),
        destroy_by=destroy_by,
    )
    words = f"{clean(camera)}: {clean(document.path)}, {format_size(document.bytes)}"
    output.answer(document, lambda: Text(f"{words}{_until(destroy_by)}"), as_json=as_json)
    return exit_codes.OK


def _until(destroy_by: str | None) -> str:
    if destroy_by is None:
        return ""
    read = Reader(output.language(), datetime.now().astimezone().tzinfo or UTC)
    moment = read.phrase("snapshot.destroy-by", "destroy it by {end_at}", end_at=destroy_by)
    return f"\n{moment}"
