"""`edgectl ledger` (稽核軌跡): what was entered, who vouches for it, a new generation, and the check of all of it.

`ledger verify` asks the daemon, or looks itself where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, tzinfo
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from edged.cli import output
from edged.cli.approve import next_step
from edged.cli.client import Address, CallError
from edged.cli.formatting import STYLES, clean, local, span, table, text
from edged.cli.options import AS_GIVEN, CAMERA, TIMES, address_given, json_option
from edged.cli.output import ProgressLine, Session, checked, interval
from edged.documents import ledger as documents
from edged.words import exit_codes, units

LAST = 100
"""Leaves that are shown where nobody says how many: a few screens."""
SEEN, SIGNED, UNSIGNED = "●", "○", "–"
MEANS = (
    f"{SEEN} under a head that somebody outside has; {SIGNED} under one that is only signed; {UNSIGNED} not signed yet"
)
FILE_MAX_BYTES: Final = 512 << 10
"""A head has 300 bytes, with a hundred signatures ten thousand."""
LIMITS: Final = (
    "A ledger proves that nothing was changed or taken away since; not that what was entered was true. "
    "Whoever has this box with its key can write another one: only a head that somebody outside has shows that."
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
    output.answer(document, lambda: next_step(document.act), as_json=as_json)


Show = Callable[[dict[str, Any]], None]


@ledger.command()
@click.option(
    "--checkpoint",
    metavar="FILE",
    type=AS_GIVEN,
    help="Hold the box against this head: the message of up/ledger/checkpoint that the centre kept, or its note.",
)
@json_option
@address_given
def verify(address: Address, *, checkpoint: Path | None, as_json: bool) -> int:
    """Check each leaf, trees, heads, mirrors, and rows against leaves; ends with 1 if something is wrong."""
    kept = None if checkpoint is None else _read_checkpoint(checkpoint)
    wanted = documents.VerifyAsked(checkpoint=kept)
    session = Session(address.daemon(), as_json)
    zone: tzinfo | None = None
    with ProgressLine() as line:
        try:
            body = session.daemon.follow("/v1/ledger/verify", wanted.model_dump_json().encode(), line.checking)
            document = checked(documents.LedgerVerify, body)
        except CallError as error:
            if error.exit_code != exit_codes.UNREACHABLE:
                raise
            document, zone = verify_offline(address, kept, error, line.checking)
    output.answer(document, lambda: verify_screen(document, zone or session.zone), as_json=as_json)
    return exit_codes.OK if document.clean else exit_codes.FAILED


def _read_checkpoint(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(FILE_MAX_BYTES + 1)
    except OSError as error:
        raise CallError(f"{file}: {error.strerror or error}", "name the file with the head", exit_codes.USAGE) from None
    try:
        return data[:FILE_MAX_BYTES].decode("utf-8")
    except UnicodeDecodeError:
        raise CallError(
            f"{file} is no signed head: it is no text", "name the file with the head", exit_codes.USAGE
        ) from None


def verify_offline(
    address: Address, kept: str | None, why: CallError, show: Show
) -> tuple[documents.LedgerVerify, tzinfo]:
    """The daemon is down: its files, as its own account, with all processors; and the time zone of the site."""
    from edged.cli.offline import state_of
    from edged.site import check_documents
    from storage.audit import ledger_state
    from storage.audit.verify import AuditedState, Processes, Verify
    from storage.ledger.note import NoteDamaged
    from storage.store import offline
    from storage.words.clock import SystemClock
    from storage.words.errors import RetryError, StateLocked, StoreError

    try:
        head = None if kept is None else ledger_state.read(kept)
    except NoteDamaged as damaged:
        raise CallError(f"that is no signed head: {damaged}", "name the file with the head", exit_codes.USAGE) from None
    state, config = state_of(address, why)
    try:
        with offline.opened(state, SystemClock(), None if config is None else config.policy()) as site:
            box = AuditedState(site.read, site.disks, state, lambda: site.present().ages)
            with Processes() as processes:
                report = Verify(box, head, progress=lambda told: show(dict(told)), spread=processes).run()
            volumes = {volume: disk.path for volume, disk in site.disks.items()}
    except StateLocked as error:  # it runs, and its socket does not answer
        raise CallError(f"{why.error}\n{error.what}", why.action, exit_codes.UNREACHABLE) from None
    except StoreError as error:
        code = exit_codes.TRY_LATER if isinstance(error, RetryError) else exit_codes.FAILED
        raise CallError(error.what, error.action, code) from None
    return check_documents.ledger_check(report, volumes, daemon=False), UTC if config is None else config.site.zone


def verify_screen(document: documents.LedgerVerify, zone: tzinfo) -> RenderableType:
    """What is wrong, what is proven by which head, what is not; ends in one line."""
    parts: list[RenderableType] = []
    for one in document.findings:
        line = Text(clean(one.code), style=STYLES["critical"])
        line.append(f" {clean(one.where)}", style="not bold default")
        parts += [line, Padding(text(one.what), (0, 0, 0, 2)), Padding(text(f"→ {one.action}"), (0, 0, 0, 2))]
    if document.unlisted:
        parts.append(Text(f"and {document.unlisted} more"))
    for tree, following in zip_longest(document.generations, document.generations[1:]):
        parts.append(text(f"{tree.origin}, key {tree.fingerprint or 'none'}"))
        parts += [Padding(text(words), (0, 0, 0, 2)) for words in _proven(tree, following, zone)]
    if document.checkpoint is not None:
        parts.append(_held(document.checkpoint, zone))
    if document.early:
        parts.append(text(f"{document.early} leaves from before there was a tree: nothing proves them"))
    broken = len(document.findings) + document.unlisted
    last = Text("clean" if document.clean else units.counted(broken, "finding"))
    last.stylize("green" if document.clean else "bold red")
    looked = f": {document.leaves} leaves, {document.rows} rows, {document.lines} lines on"
    looked += f" {units.counted(len(document.volumes), 'volume')}, in {span(document.took_s)}"
    last.append(looked if document.daemon else f"{looked}; the daemon is down", style="not bold default")
    return Group(*parts, text(LIMITS, "dim"), last)


def _proven(tree: documents.VerifiedTree, following: documents.VerifiedTree | None, zone: tzinfo) -> Iterator[str]:
    """By the heads of the box itself, and what nobody else vouches for."""
    entered, signed, vouched, seen = tree.entered, tree.signed, tree.vouched, tree.seen
    if signed.leaves:
        yield f"leaves {tree.first} to {signed.last} ({_at(signed, zone)}) are as they were signed by this box"
    if following is not None and vouched.leaves > signed.leaves:
        rest = f"leaves {tree.first + signed.leaves} to {vouched.last} ({_at(vouched, zone)})"
        yield f"{rest} are as the signed leaf {following.first} names them, with which {following.origin} begins"
    if entered.leaves > vouched.leaves:
        rest = f"leaves {tree.first + vouched.leaves} to {entered.last}"
        yield f"{rest} ({_at(entered, zone)}) are under no head that holds"
    if seen.leaves < entered.leaves:
        since = f"since {_at(seen, zone)}" if seen.leaves else "from the first"
        yield f"of leaves {tree.first + seen.leaves} to {entered.last}, {since}, nobody outside is known to have a head"


def _held(against: documents.HeldAgainst, zone: tzinfo) -> RenderableType:
    head = f"the head from outside ({against.origin}, {against.reach.leaves} leaves)"
    if not against.proven:
        return text(f"{head} proves nothing of this box", "bold red")
    return text(
        f"{head} holds: up to leaf {against.reach.last} ({_at(against.reach, zone)}) nothing was changed", "green"
    )


def _at(reach: documents.Reach, zone: tzinfo) -> str:
    return local(reach.at, zone) or "at an unknown time"
