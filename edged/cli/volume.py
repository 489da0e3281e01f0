"""`edgectl volume`: the disks for footage (錄影硬碟)."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import click
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from edged.cli import output
from edged.cli.client import Address, CallError
from edged.cli.formatting import clean, local, styled, table, text
from edged.cli.options import address_given, json_option
from edged.cli.output import Session, checked
from edged.cli.status import room
from edged.documents import machine as documents
from edged.documents.base import Document, told_in
from edged.words import exit_codes
from edged.words.catalogue import Reader
from storage.words.message import Message, format_size, in_lines, message

Doc = TypeVar("Doc", bound=Document)


@click.group()
def volume() -> None:
    """The disks for footage (錄影硬碟)."""


@volume.command("list", short_help="Each volume, how full it is, and which one is next.")
@json_option
@address_given
def list_(address: Address, *, as_json: bool) -> None:
    """Each volume, how full it is, and which one takes the next segments."""
    session = Session(address.daemon(), as_json)
    document = session.read(documents.VolumeList, "/v1/volumes")
    session.print(document, lambda: listing(document, Reader(output.language())))


@volume.command()
@click.argument("path")
@json_option
@address_given
def init(address: Address, path: str, *, as_json: bool) -> None:
    """Make the empty directory PATH a volume of this box."""
    wanted = documents.InitAsked(path=str(Path(path).absolute()))
    try:
        document = ask(address, "init", wanted, documents.VolumeInit)
    except CallError as error:
        if error.exit_code != exit_codes.UNREACHABLE:
            raise
        document = init_offline(address, Path(wanted.path), error)
    output.answer(document, lambda: init_screen(document, Reader(output.language())), as_json=as_json)


@volume.command(short_help="Record nothing new on VOLUME.")
@click.argument("volume", metavar="VOLUME")
@click.option("--undo", is_flag=True, help="Use a retired one again.")
@json_option
@address_given
def retire(address: Address, volume: str, *, undo: bool, as_json: bool) -> None:
    """Record nothing new on VOLUME (its id, or its path); what it holds is kept as long as it must be."""
    wanted = documents.RetireAsked(volume=str(Path(volume).absolute()) if "/" in volume else volume, undo=undo)
    document = ask(address, "retire", wanted, documents.VolumeRetire)
    output.answer(document, lambda: retire_screen(document, Reader(output.language())), as_json=as_json)


@volume.command(short_help="Use an empty disk in place of one that is gone for good.")
@click.argument("path")
@click.option("--reason", metavar="TEXT", required=True, help="Why; it goes into the ledger.")
@json_option
@address_given
def replace(address: Address, path: str, *, reason: str, as_json: bool) -> None:
    """The disk that belongs at PATH is gone for good: the empty one that is mounted there takes its place."""
    wanted = documents.ReplaceAsked(path=str(Path(path).absolute()), reason=reason)
    document = ask(address, "replace", wanted, documents.VolumeReplace)
    session = Session(address.daemon(), as_json)
    session.print(document, lambda: loss(document, Reader(output.language(), session.zone)))


def ask(address: Address, verb: str, wanted: Document, model: type[Doc]) -> Doc:
    return checked(model, address.daemon().post(f"/v1/volumes/{verb}", wanted.model_dump_json().encode()))


def init_offline(address: Address, path: Path, why: CallError) -> documents.VolumeInit:
    """The daemon is down: as its own account, so that it can use what is made."""
    from edged.cli.offline import become_owner, configured
    from edged.site import documents as site_documents
    from storage.store.offline import initialise_offline
    from storage.words.errors import NodeChanged, StateLocked, StoreError, VolumeAbsent

    config = configured(address, why)
    become_owner(config.paths.state)
    spec = site_documents.spec_of(config, path)
    others = [one.path for one in config.volumes]
    try:
        made = initialise_offline(
            config.paths.state, config.site.node, spec or site_documents.default_spec(path), others
        )
    except StateLocked as error:  # it runs, and its socket does not answer
        raise CallError(in_lines((why.error, error.what)), why.action, exit_codes.UNREACHABLE) from None
    except NodeChanged as error:
        raise CallError(error.what, error.action, exit_codes.CONFIG) from None
    except StoreError as error:
        code = exit_codes.USAGE if isinstance(error, VolumeAbsent) else exit_codes.FAILED
        raise CallError(error.what, error.action, code) from None
    return site_documents.volume_init(made, path, configured=spec is not None, daemon=False)


def init_screen(document: documents.VolumeInit, read: Reader) -> RenderableType:
    made = message("host.volumes.made", "{path} is volume {volume}.", path=document.path, volume=document.volume)
    if document.configured and not document.next:
        made = message(
            "host.volumes.made-and-used",
            "{path} is volume {volume}. It is used from now on.",
            path=document.path,
            volume=document.volume,
        )
    return _said(made, told_in(document, "next"), read)


def retire_screen(document: documents.VolumeRetire, read: Reader) -> RenderableType:
    done = message("host.volumes.used-again", "{path} is used again.", path=document.path)
    if document.retired:
        done = message("host.volumes.retired", "{path} takes no more footage.", path=document.path)
    return _said(done, told_in(document, "next"), read)


def _said(words: Message, step: Message, read: Reader) -> RenderableType:
    parts: list[RenderableType] = [text(read(words))]
    if step:
        parts.append(Padding(text(f"→ {read(step)}"), (0, 0, 0, 2)))
    return Group(*parts)


def listing(document: documents.VolumeList, read: Reader) -> RenderableType:
    """A table, and below it the ids, with whatever is to be said of one."""
    numbers = (
        read.phrase("host.volumes.segments", "Segments"),
        read.phrase("host.volumes.used", "Used"),
        read.phrase("host.volumes.limit", "Limit"),
        read.phrase("host.volumes.free", "Free"),
    )
    made = table(
        read.phrase("host.volumes.volume", "Volume"),
        read.phrase("host.volumes.state", "State"),
        read.phrase("host.volumes.next", "Next"),
        *numbers,
        right=numbers,
    )
    for one in document.volumes:
        made.add_row(
            text(one.path),
            styled(one.state, read),
            Text("←", style="bold green") if one.takes_next else Text(""),
            str(one.segments),
            format_size(one.ring_bytes),
            *room(one),
        )
    return Group(made, *(_about(one, read) for one in document.volumes))


def _about(one: documents.Listed, read: Reader) -> RenderableType:
    volume = one.id or read.phrase("host.volumes.none", "no volume")
    line = text(read.phrase("host.volumes.id", "{path}: {volume}", path=one.path, volume=volume), "dim")
    if one.reason:
        reason = read.phrase("host.volumes.reason", "; {reason}", reason=told_in(one, "reason"))
        line.append(clean(reason), style="not dim yellow")
    return Padding(line, (0, 0, 0, 2))


def loss(document: documents.VolumeReplace, read: Reader) -> RenderableType:
    parts = [
        read.phrase(
            "host.volumes.lost",
            "{path}: volume {volume} is gone for good, with {count} segments.",
            path=document.path,
            volume=document.lost,
            count=document.segments,
        )
    ]
    if document.below_floor and document.first:
        parts.append(
            read.phrase(
                "host.volumes.below-floor-between",
                "{count} of them had to be kept, recorded between {first} and {last}.",
                count=document.below_floor,
                first=local(document.first, read),
                last=local(document.last, read),
            )
        )
    elif document.below_floor:
        kept = read.phrase("host.volumes.below-floor", "{count} of them had to be kept.", count=document.below_floor)
        parts.append(kept)
    if document.pinned:
        held = read.phrase("host.volumes.pinned", "{count} of them were held as evidence.", count=document.pinned)
        parts.append(held)
    if document.by:
        by = read.phrase("host.volumes.by", "Volume {volume} takes its place from now on.", volume=document.by)
        parts.append(by)
    return Group(*map(text, parts))
