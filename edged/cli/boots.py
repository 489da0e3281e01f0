"""`edgectl boots`: how long the box ran and was off, and what is credited of it; attesting it with a second person."""

from __future__ import annotations

from datetime import timedelta

import click
from rich.console import Group, RenderableType
from rich.text import Text

from edged.cli import output
from edged.cli.client import Address
from edged.cli.formatting import clean, span, table, text
from edged.cli.options import address_given, json_option
from edged.cli.output import Session, checked
from edged.documents import machine as documents
from edged.words import exit_codes, units

SAME_S = 60.0
"""Two bounds that people read as one."""


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
@address_given
def boots(address: Address, context: click.Context, *, as_json: bool) -> None:
    """Each boot of the box, how long it was off before, and on whose word."""
    if context.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError(f"write it as: edgectl boots {context.invoked_subcommand} --json")
        return
    session = Session(address.daemon(), as_json)
    document = session.read(documents.Boots, "/v1/boots")
    session.print(document, lambda: screen(document))


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
        raise click.UsageError(f"--off-for: {error}") from None
    if off_ms <= 0:
        raise click.UsageError("--off-for must be longer than nothing")
    wanted = documents.AttestAsked(boot=number, off_ms=off_ms, reason=reason.strip())
    body = address.daemon().post("/v1/boots/attest", wanted.model_dump_json().encode())
    document = checked(documents.Attest, body)
    said = Group(text(f"Waits as {document.act}: {document.sentence}."), text(f"→ {document.action}"))
    output.answer(document, lambda: said, as_json=as_json)
    return exit_codes.OK


def screen(document: documents.Boots) -> RenderableType:
    """The newest last; what is missing stands below."""
    made = table("Boot", "Ran", "Off before", "Word", "Synced after", right=("Boot",), folds=(2,))
    for boot in document.boots:
        first = boot.number == document.boots[0].number
        made.add_row(
            str(boot.number),
            span(boot.ran_s),
            text("" if first else off_before(boot)),
            text("" if first else boot.word, "yellow" if boot.missing else ""),
            "never" if boot.synced_after_s is None else span(boot.synced_after_s),
        )
    lines = [
        Text(f"before boot {boot.number}: {clean(boot.missing)}", style="yellow")
        for boot in document.boots
        if boot.missing
    ]
    return Group(made, *lines)


def off_before(boot: documents.Boot) -> str:
    """Both bounds, or one where they say the same."""
    low = span(boot.off_low_s)
    if boot.off_high_s is None:
        return f"at least {low}"
    if boot.off_high_s - boot.off_low_s <= SAME_S:
        return low
    return f"{low} to {span(boot.off_high_s)}"
