"""`edgectl boots`: how long the box ran and was off, and what is credited of it; attesting it with a second person."""

from __future__ import annotations

from datetime import timedelta

import click
from rich.console import Group, RenderableType

from edged.cli import output
from edged.cli.client import Address
from edged.cli.formatting import span, table, text
from edged.cli.options import address_given, json_option
from edged.cli.output import Session, checked
from edged.documents import machine as documents
from edged.documents.base import told_in
from edged.words import exit_codes, units
from edged.words.catalogue import Reader
from storage.words.message import Message, message

SAME_S = 60.0
"""Two bounds that people read as one."""
WORDS = {
    "unproven": message("host.boots.unproven", "unproven"),
    "sync": message("host.boots.sync", "sync"),
    "sync+rtc": message("host.boots.sync-rtc", "sync+rtc"),
    "attested": message("host.boots.attested", "attested"),
}
"""On which rests how long it was off."""


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
@address_given
def boots(address: Address, context: click.Context, *, as_json: bool) -> None:
    """Each boot of the box, how long it was off before, and on whose word."""
    if context.invoked_subcommand is not None:
        if as_json:
            verb = context.invoked_subcommand
            raise click.UsageError(message("host.boots.usage", "write it as: edgectl boots {verb} --json", verb=verb))
        return
    session = Session(address.daemon(), as_json)
    document = session.read(documents.Boots, "/v1/boots")
    session.print(document, lambda: screen(document, Reader(output.language())))


@boots.command()
@click.argument("number", type=click.IntRange(min=1))
@click.option("--off-for", metavar="DURATION", required=True, help="The box was off for at least so long before it.")
@click.option("--reason", metavar="TEXT", required=True, help="How you know: kept, and never put into the ledger.")
@json_option
@address_given
def attest(address: Address, *, number: int, off_for: str, reason: str, as_json: bool) -> int:
    """Say how long the box was off before boot NUMBER, where its clocks cannot prove it. Takes a second person."""
    try:
        off_ms = units.parse_duration(off_for) // timedelta(milliseconds=1)
    except units.UnitError as error:
        raise click.UsageError(message("host.boots.off-for", "--off-for: {problem}", problem=error.said)) from None
    if off_ms <= 0:
        raise click.UsageError(message("host.boots.off-for-nothing", "--off-for must be longer than nothing"))
    wanted = documents.AttestAsked(boot=number, off_ms=off_ms, reason=reason.strip())
    body = address.daemon().post("/v1/boots/attest", wanted.model_dump_json().encode())
    document = checked(documents.Attest, body)
    output.answer(document, lambda: attest_screen(document, Reader(output.language())), as_json=as_json)
    return exit_codes.OK


def attest_screen(document: documents.Attest, read: Reader) -> RenderableType:
    waits = read.phrase(
        "host.boots.waits", "Waits as {act}: {sentence}.", act=document.act, sentence=told_in(document, "sentence")
    )
    return Group(text(waits), text(f"→ {read(told_in(document, 'action'))}"))


def screen(document: documents.Boots, read: Reader) -> RenderableType:
    """The newest last; what is missing stands below."""
    number = read.phrase("host.boots.boot", "Boot")
    made = table(
        number,
        read.phrase("host.boots.ran", "Ran"),
        read.phrase("host.boots.off-before", "Off before"),
        read.phrase("host.boots.word", "Word"),
        read.phrase("host.boots.synced-after", "Synced after"),
        right=(number,),
        folds=(2,),
    )
    never = read.phrase("host.boots.never", "never")
    for boot in document.boots:
        first = boot.number == document.boots[0].number
        made.add_row(
            str(boot.number),
            span(boot.ran_s, read),
            text("" if first else read(off_before(boot))),
            text("" if first else read(WORDS[boot.word]), "yellow" if boot.missing else ""),
            never if boot.synced_after_s is None else span(boot.synced_after_s, read),
        )
    return Group(made, *(text(_missing(boot, read), "yellow") for boot in document.boots if boot.missing))


def _missing(boot: documents.Boot, read: Reader) -> str:
    return read.phrase(
        "host.boots.missing", "before boot {boot}: {missing}", boot=boot.number, missing=told_in(boot, "missing")
    )


def off_before(boot: documents.Boot) -> Message:
    """Both bounds, or one where they say the same."""
    low_s, high_s = boot.off_low_s, boot.off_high_s
    if high_s is None:
        return message("host.boots.at-least", "at least {low_s}", low_s=low_s)
    if high_s - low_s <= SAME_S:
        return message("host.boots.off", "{low_s}", low_s=low_s)
    return message("host.boots.between", "{low_s} to {high_s}", low_s=low_s, high_s=high_s)
