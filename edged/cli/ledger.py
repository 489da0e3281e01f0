"""`edgectl ledger` (稽核軌跡): what was entered, who vouches for it, a new generation, and the check of all of it.

`ledger verify` asks the daemon, or looks itself where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, tzinfo
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from edged.cli import output
from edged.cli.approve import next_step
from edged.cli.client import Address, CallError
from edged.cli.formatting import STYLES, clean, counted_findings, counted_volumes, local, table, text
from edged.cli.options import AS_GIVEN, CAMERA, TIMES, address_given, json_option
from edged.cli.output import ProgressLine, Session, checked, interval
from edged.documents import ledger as documents
from edged.documents.base import told_in
from edged.words import exit_codes
from edged.words.catalogue import Reader
from storage.words.errors import said_of
from storage.words.message import Message, in_lines, message

LAST = 100
"""Leaves that are shown where nobody says how many: a few screens."""
SEEN, SIGNED, UNSIGNED = "●", "○", "–"
MEANS: Final = message(
    "ledger.marks",
    "{seen} under a head that somebody outside has; {signed} under one that is only signed; {unsigned} not signed yet",
    seen=SEEN,
    signed=SIGNED,
    unsigned=UNSIGNED,
)
FILE_MAX_BYTES: Final = 512 << 10
"""A head has 300 bytes, with a hundred signatures ten thousand."""
NAME_HEAD: Final = message("ledger.head.action", "name the file with the head")
LIMITS: Final = message(
    "ledger.limits",
    "A ledger proves that nothing was changed or taken away since; not that what was entered was true. "
    "Whoever has this box with its key can write another one: only a head that somebody outside has shows that.",
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
            verb = context.invoked_subcommand
            raise click.UsageError(
                message("ledger.options", "options belong behind the verb: edgectl ledger {verb} …", verb=verb)
            )
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
    session.print(document, lambda: screen(document, session.reader, count))


def screen(document: documents.Ledger, read: Reader, limit: int | None) -> RenderableType:
    """A line for each leaf, with who vouches for it; where a generation begins its name stands by itself."""
    number = read.phrase("screen.leaf", "Leaf")
    entered, what = read.phrase("ledger.entered", "Entered"), read.phrase("ledger.what", "What")
    made = table(number, entered, "", what, right=(number,), folds=(3,))
    for leaf in document.ledger:
        mark = SEEN if leaf.seen else SIGNED if leaf.signed else UNSIGNED
        made.add_row(str(leaf.number), local(leaf.at, read), Text(mark, style="dim"), text(read(told_in(leaf))))
    none = read.phrase("ledger.none", "No leaves.")
    head = [made, text(read(MEANS), "dim")] if document.ledger else [Text(none)]
    cut = []
    if limit is not None and len(document.ledger) == limit:
        last = read.phrase(
            "screen.last", "the last {count}; there may be more: a larger --limit, or --from", count=limit
        )
        cut.append(text(last))
    return Group(*head, *cut, *_standing(document, read))


def _standing(document: documents.Ledger, read: Reader) -> Iterator[RenderableType]:
    """The present generation in a line, and the last check in another."""
    last = document.checked
    if last is None:
        yield text(
            read.phrase("ledger.unchecked", "the whole ledger was not checked yet: edgectl ledger verify"), "dim"
        )
    elif last.findings:
        found = read.phrase(
            "ledger.checked.findings",
            "checked at {moment}: {findings} → edgectl ledger verify",
            moment=local(last.at, read),
            findings=counted_findings(last.findings),
        )
        yield text(found, "bold red")
    else:
        well = read.phrase(
            "ledger.checked",
            "checked at {moment}: {count} leaves, nothing was found",
            moment=local(last.at, read),
            count=last.leaves,
        )
        yield text(well, "dim")
    if not document.generations:
        return
    present = document.generations[-1]
    if present.seen:
        words = read.phrase(
            "ledger.generation",
            "generation {origin}: {signed} leaves are under a signed head, {seen} of them are known to be seen outside",
            origin=present.origin,
            signed=present.signed,
            seen=present.seen,
        )
    else:
        words = read.phrase(
            "ledger.generation.unseen",
            "generation {origin}: {signed} leaves are under a signed head, nothing of it is known to be seen outside",
            origin=present.origin,
            signed=present.signed,
        )
    yield text(words)


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
    output.answer(document, lambda: next_step(document.act, Reader(output.language())), as_json=as_json)


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
    with ProgressLine(session.words) as line:
        try:
            body = session.daemon.follow("/v1/ledger/verify", wanted.model_dump_json().encode(), line.checking)
            document = checked(documents.LedgerVerify, body)
        except CallError as error:
            if error.exit_code != exit_codes.UNREACHABLE:
                raise
            document, zone = verify_offline(address, kept, error, line.checking)
    output.answer(
        document,
        lambda: verify_screen(document, session.reader if zone is None else Reader(session.language, zone)),
        as_json=as_json,
    )
    return exit_codes.OK if document.clean else exit_codes.FAILED


def _read_checkpoint(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(FILE_MAX_BYTES + 1)
    except OSError as error:
        raise CallError(said_of(file, error), NAME_HEAD, exit_codes.USAGE) from None
    try:
        return data[:FILE_MAX_BYTES].decode("utf-8")
    except UnicodeDecodeError:
        what = message("ledger.head.no-text", "{file} is no signed head: it is no text", file=str(file))
        raise CallError(what, NAME_HEAD, exit_codes.USAGE) from None


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
        what = message("ledger.head.damaged", "that is no signed head: {why}", why=damaged.args[0])
        raise CallError(what, NAME_HEAD, exit_codes.USAGE) from None
    state, config = state_of(address, why)
    try:
        with offline.opened(state, SystemClock(), None if config is None else config.policy()) as site:
            box = AuditedState(site.read, site.disks, state, lambda: site.present().ages)
            with Processes() as processes:
                report = Verify(box, head, progress=lambda told: show(dict(told)), spread=processes).run()
            volumes = {volume: disk.path for volume, disk in site.disks.items()}
    except StateLocked as error:  # it runs, and its socket does not answer
        raise CallError(in_lines((why.error, error.what)), why.action, exit_codes.UNREACHABLE) from None
    except StoreError as error:
        code = exit_codes.TRY_LATER if isinstance(error, RetryError) else exit_codes.FAILED
        raise CallError(error.what, error.action, code) from None
    return check_documents.ledger_check(report, volumes, daemon=False), UTC if config is None else config.site.zone


def verify_screen(document: documents.LedgerVerify, read: Reader) -> RenderableType:
    """What is wrong, what is proven by which head, what is not; ends in one line."""
    parts: list[RenderableType] = []
    for one in document.findings:
        line = Text(clean(one.code), style=STYLES["critical"])
        line.append(f" {clean(read(told_in(one, 'where')))}", style="not bold default")
        what, action = read(told_in(one, "what")), read(told_in(one, "action"))
        parts += [line, Padding(text(what), (0, 0, 0, 2)), Padding(text(f"→ {action}"), (0, 0, 0, 2))]
    if document.unlisted:
        parts.append(Text(read.phrase("screen.more", "and {count} more", count=document.unlisted)))
    for tree, following in zip_longest(document.generations, document.generations[1:]):
        none = message("ledger.key.none", "none")
        key = read.phrase("ledger.tree", "{origin}, key {key}", origin=tree.origin, key=tree.fingerprint or none)
        parts.append(text(key))
        parts += [Padding(text(read(words)), (0, 0, 0, 2)) for words in _proven(tree, following, read)]
    if document.checkpoint is not None:
        parts.append(_held(document.checkpoint, read))
    if document.early:
        early = read.phrase(
            "ledger.early", "{count} leaves from before there was a tree: nothing proves them", count=document.early
        )
        parts.append(text(early))
    return Group(*parts, text(read(LIMITS), "dim"), _verdict(document, read))


def _verdict(document: documents.LedgerVerify, read: Reader) -> Text:
    if document.clean:
        line = Text(read.phrase("screen.clean", "clean"), style="green")
    else:
        line = Text(read(counted_findings(len(document.findings) + document.unlisted)), style="bold red")
    looked = read.phrase(
        "ledger.looked",
        ": {leaves} leaves, {rows} rows, {lines} lines on {volumes}, in {took_s}",
        leaves=document.leaves,
        rows=document.rows,
        lines=document.lines,
        volumes=counted_volumes(len(document.volumes)),
        took_s=document.took_s,
    )
    down = "" if document.daemon else read.phrase("screen.daemon-down", "; the daemon is down")
    return line.append(looked + down, style="not bold default")


def _proven(tree: documents.VerifiedTree, following: documents.VerifiedTree | None, read: Reader) -> Iterator[Message]:
    """By the heads of the box itself, and what nobody else vouches for."""
    entered, signed, vouched, seen = tree.entered, tree.signed, tree.vouched, tree.seen
    if signed.leaves:
        yield message(
            "ledger.proven.signed",
            "leaves {first} to {last} ({moment}) are as they were signed by this box",
            first=tree.first,
            last=str(signed.last),
            moment=_at(signed, read),
        )
    if following is not None and vouched.leaves > signed.leaves:
        yield message(
            "ledger.proven.vouched",
            "leaves {first} to {last} ({moment}) are as the signed leaf {leaf} names them, with which {origin} begins",
            first=tree.first + signed.leaves,
            last=str(vouched.last),
            moment=_at(vouched, read),
            leaf=following.first,
            origin=following.origin,
        )
    if entered.leaves > vouched.leaves:
        yield message(
            "ledger.proven.not",
            "leaves {first} to {last} ({moment}) are under no head that holds",
            first=tree.first + vouched.leaves,
            last=str(entered.last),
            moment=_at(entered, read),
        )
    if seen.leaves < entered.leaves:
        first, last = tree.first + seen.leaves, str(entered.last)
        if seen.leaves:
            yield message(
                "ledger.unseen",
                "of leaves {first} to {last}, since {moment}, nobody outside is known to have a head",
                first=first,
                last=last,
                moment=_at(seen, read),
            )
        else:
            yield message(
                "ledger.unseen.all",
                "of leaves {first} to {last}, from the first, nobody outside is known to have a head",
                first=first,
                last=last,
            )


def _held(against: documents.HeldAgainst, read: Reader) -> RenderableType:
    if not against.proven:
        words = read.phrase(
            "ledger.held.proves-nothing",
            "the head from outside ({origin}, {leaves} leaves) proves nothing of this box",
            origin=against.origin,
            leaves=against.reach.leaves,
        )
        return text(words, "bold red")
    words = read.phrase(
        "ledger.held",
        "the head from outside ({origin}, {leaves} leaves) holds: up to leaf {last} ({moment}) nothing was changed",
        origin=against.origin,
        leaves=against.reach.leaves,
        last=str(against.reach.last),
        moment=_at(against.reach, read),
    )
    return text(words, "green")


def _at(reach: documents.Reach, read: Reader) -> Message:
    return Message(local(reach.at, read)) or message("ledger.unknown-time", "at an unknown time")
