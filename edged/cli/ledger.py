"""`edgectl ledger`: what happened, as it was entered, and who vouches for it; a new generation."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import click
from rich.console import Group, RenderableType
from rich.text import Text

from edged.cli import printing
from edged.cli.address import Address
from edged.cli.approve import next_step
from edged.cli.formatting import local, table, text
from edged.cli.ledger_verify import verify
from edged.cli.options import CAMERA, TIMES, address_given, json_option
from edged.cli.session import Session, checked
from edged.cli.verbs import interval
from edged.documents import ledger as documents
from edged.words import units

LAST = 100
"""Leaves that are shown where nobody says how many: a few screens."""
SEEN, SIGNED, UNSIGNED = "●", "○", "–"
MEANS = (
    f"{SEEN} under a head that somebody outside has; {SIGNED} under one that is only signed; {UNSIGNED} not signed yet"
)


@click.group(invoke_without_command=True)
@click.option("--from", "start", metavar="TIME", help=f"Entered from then on: {TIMES}.")
@click.option("--to", "end", metavar="TIME", help=f"Entered until then: {TIMES}.")
@click.option("--kind", "kinds", metavar="KIND", multiple=True, help="Only this kind of leaf; more than once for more.")
@click.option("--camera", metavar="ID", type=CAMERA, help="Only leaves that name this camera.")
@click.option("--act", metavar="VERB", help='Only what people did with this verb, e.g. "pin add".')
@click.option("--limit", metavar="N", type=click.IntRange(1, 999_999_999), help="At most N, the last ones.")
@json_option
@click.pass_context
@address_given
def ledger(
    address: Address,
    context: click.Context,
    *,
    start: str | None,
    end: str | None,
    kinds: tuple[str, ...],
    camera: str | None,
    act: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """What happened (稽核軌跡), the newest last. Without --from and --limit the last 100 leaves."""
    if context.invoked_subcommand is not None:
        if as_json or start or end or kinds or camera or act or limit:
            raise click.UsageError(f"options belong behind the verb: edgectl ledger {context.invoked_subcommand} …")
        return
    session = Session(address.daemon(), as_json)
    first, last = interval(session, start, end)
    count = LAST if limit is None and start is None else limit
    document = session.read(
        documents.Ledger,
        "/v1/ledger",
        from_=first,
        to=last,
        kind=",".join(kinds) or None,
        camera=camera,
        act=act,
        last=count,
    )
    session.print(document, lambda: screen(document, session.zone, count))


@ledger.command()
@click.option("--reason", metavar="TEXT", required=True, help="Why: kept, and in the ledger only as a commitment.")
@click.option("--new-key", is_flag=True, help="Make a new key also where the present one can sign.")
@json_option
@address_given
def renew(address: Address, *, reason: str, new_key: bool, as_json: bool) -> None:
    """Ask for a new generation of the ledger, with a new key where the old one is gone, damaged or another's."""
    wanted = documents.RenewAsked(reason=reason.strip(), new_key=new_key)
    body = address.daemon().post("/v1/ledger/renew", wanted.model_dump_json().encode())
    document = checked(documents.LedgerRenew, body)
    printing.answer(document, lambda: next_step(document.act), as_json=as_json)


ledger.add_command(verify)


def screen(document: documents.Ledger, zone: ZoneInfo, limit: int | None) -> RenderableType:
    """A line for each leaf, with who vouches for it; where a generation begins its name stands by itself."""
    made = table("Leaf", "Entered", "", "What", right=("Leaf",), folds=(3,))
    for leaf in document.ledger:
        mark = SEEN if leaf.seen else SIGNED if leaf.signed else UNSIGNED
        made.add_row(str(leaf.number), local(leaf.at, zone), Text(mark, style="dim"), text(leaf.text))
    head = [made, text(MEANS, "dim")] if document.ledger else [Text("No leaves.")]
    cut = (
        [text(f"the last {limit}; there may be more: a larger --limit, or --from")] if _is_cut(document, limit) else []
    )
    return Group(*head, *cut, *_standing(document, zone))


def _is_cut(document: documents.Ledger, limit: int | None) -> bool:
    return limit is not None and len(document.ledger) == limit


def _standing(document: documents.Ledger, zone: ZoneInfo) -> Iterator[RenderableType]:
    """The present generation in a line, and the last check in another."""
    last = document.checked
    if last is None:
        yield text("the whole ledger was not checked yet: edgectl ledger verify", "dim")
    elif last.findings:
        found = units.counted(last.findings, "finding")
        yield text(f"checked at {local(last.at, zone)}: {found} → edgectl ledger verify", "bold red")
    else:
        yield text(f"checked at {local(last.at, zone)}: {last.leaves} leaves, nothing was found", "dim")
    if not document.generations:
        return
    present = document.generations[-1]
    seen = f"{present.seen} of them are" if present.seen else "nothing of it is"
    words = f"{present.signed} leaves are under a signed head, {seen} known to be seen outside"
    yield text(f"generation {present.origin}: {words}")
