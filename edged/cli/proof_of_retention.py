"""`edgectl proof-of-retention`: a signed statement on what became of a month of one camera, and its page for people.

The page is in Traditional Chinese with dates of the Republic of China where the locale asks for it, else in English.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import click
import rfc8785
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from edged.cli.client import Address, CallError
from edged.cli.destroyed import BAD, GOOD, ODD, Styled, by_rule, judged
from edged.cli.formatting import STATES, clean, counted_segments, kind_of, known_cause, share
from edged.cli.options import AS_GIVEN, CAMERA, address_given, json_option
from edged.cli.output import Session, checked, may_write, write_new, written_to
from edged.cli.pin import GROUND_WORDS
from edged.documents import register as documents
from edged.documents.base import told_in
from edged.evidence.statement import opened
from edged.evidence.verify import fingerprint
from edged.words import exit_codes
from edged.words.catalogue import Reader
from edged.words.units import ROC, roc
from storage.words.message import Message, format_size, message

GAPS_SHOWN: Final = 10


@click.command(short_help="A signed statement on what became of a month of one camera.")
@click.option(
    "--camera", metavar="ID", type=CAMERA, required=True, help="Which camera; also one that is not configured any more."
)
@click.option("--month", metavar="YYYY-MM", required=True, help="Which month, in site time.")
@click.option("--out", metavar="FILE", type=AS_GIVEN, help="Write the signed statement there; it must not exist.")
@json_option
@address_given
def proof_of_retention(address: Address, *, camera: str, month: str, out: Path | None, as_json: bool) -> int:
    """What was recorded in a month, what is missing and why, what is kept, and what was destroyed: whether neither too
    early nor too late. Signed with the key of this box; `edgectl verify FILE` checks it.
    """
    try:
        wanted = documents.ProofAsked(camera=camera, month=month)
    except ValueError:
        raise click.UsageError(message("proof.month", "--month is written as 2026-05")) from None
    if out is not None:
        may_write(out)
    session = Session(address.daemon(), as_json)
    body = session.daemon.post("/v1/proof-of-retention", wanted.model_dump_json().encode())
    document = checked(documents.ProofOfRetention, body)
    session.print(document, lambda: statement_screen(document, session.words))
    if out is None:
        return exit_codes.OK
    if document.envelope is None:
        unsigned = told_in(document, "unsigned")
        what = message("proof.not-written", "nothing was written to {file}: {why}", file=str(out), why=unsigned)
        raise CallError(what, Message("edgectl alarms"), exit_codes.FAILED)
    write_new(out, rfc8785.dumps(document.envelope.model_dump(mode="json")))
    written_to(out, session.words)
    return exit_codes.OK


def statement_screen(document: documents.ProofOfRetention, read: Reader) -> RenderableType:
    """What was signed, where it was; else what would have been."""
    envelope = document.envelope
    told = document.statement if envelope is None else opened(envelope)
    parts: list[RenderableType] = []
    for heading, lines in sections(told, told_in(document, "unsigned"), read):
        parts.append(Text(read(heading), style="bold"))
        parts += [Padding(Text(clean(read(line)), style=style), (0, 0, 0, 2)) for line, style in lines]
    return Group(*parts)


def sections(told: documents.Statement, unsigned: Message, read: Reader) -> Iterator[tuple[Message, list[Styled]]]:
    yield message("proof.title", "Statement on retention and destruction"), list(_top(told, read))
    yield message("proof.recorded", "Recorded"), list(_coverage(told, read))
    yield message("proof.bounds", "Floor and ceiling"), list(_bounds(told))
    yield message("proof.held", "Still kept"), list(_held(told, read))
    yield message("proof.destroyed", "Destroyed"), list(_destroyed(told, read))
    if told.pins:
        yield message("proof.pins", "Pins"), [_pin(one, read) for one in told.pins]
    yield message("proof.ledger", "Ledger"), list(_ledger(told, read))
    # As it was signed: in both languages.
    limits = [Message(one.zh if read.language == "zh_TW" else one.en) for one in told.limits]
    yield message("proof.limits", "Not proven by this"), [(limit, "") for limit in limits]
    yield message("proof.signature", "Signature"), list(_signature(told, unsigned))


def date(moment: str, read: Reader) -> str:
    """As forms of the reader's office have it."""
    return roc(moment) if read.language == "zh_TW" else f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M:%S}"


def _month(month: str, read: Reader) -> str:
    year, number = month.split("-")
    return f"民國{int(year) - ROC}年{int(number)}月" if read.language == "zh_TW" else month


def _top(told: documents.Statement, read: Reader) -> Iterator[Styled]:
    name = f"{told.camera.id} {told.camera.name}".strip()
    yield message("proof.site", "{site} ({office}/{node})", site=told.site, office=told.office, node=told.node), ""
    yield message("proof.camera", "Camera {camera}", camera=name), ""
    yield (
        message(
            "proof.interval",
            "{month}: {start} to {end} ({timezone})",
            month=_month(told.month, read),
            start=date(told.start, read),
            end=date(told.end, read),
            timezone=told.timezone,
        ),
        "",
    )
    if not told.over:
        yield message("proof.not-over", "The month is not over: this reaches up to when it was made."), ODD
    made = date(told.created, read)
    yield message("proof.made", "Made {moment} by {software}", moment=made, software=told.software), ""


def _coverage(told: documents.Statement, read: Reader) -> Iterator[Styled]:
    known = told.coverage
    if told.known_since is None or not known.known_ms:
        yield message("proof.nothing-known", "Nothing is known of this camera for that time."), BAD
        return
    if datetime.fromisoformat(told.known_since) > datetime.fromisoformat(told.start):
        since = date(told.known_since, read)
        yield message("proof.known-since", "Its account begins at {moment}.", moment=since), ODD
    yield (
        message(
            "proof.coverage",
            "{coverage}: recorded {recorded}, not recorded {missing}",
            coverage=share(known.recorded_ms / known.known_ms),
            recorded=hours(known.recorded_ms),
            missing=hours(known.known_ms - known.recorded_ms),
        ),
        "",
    )
    for one in known.causes:
        yield (
            message(
                "proof.cause",
                "{cause}: {gaps}, {time}",
                cause=known_cause(one.cause),
                gaps=_counted_gaps(one.gaps),
                time=hours(one.ms),
            ),
            "",
        )
    if known.unexplained_ms:
        yield message("proof.unexplained", "Unexplained: {span_s}", span_s=known.unexplained_ms / 1000), BAD
    else:
        yield message("proof.accounted", "Every second is accounted for."), GOOD
    longest = sorted(known.longest, key=_length, reverse=True)[:GAPS_SHOWN]
    for gap in sorted(longest, key=lambda one: one.start):
        yield _gap(gap, read), "dim"


def _counted_gaps(count: int) -> Message:
    if count == 1:
        return message("proof.gaps.one", "1 gap")
    return message("proof.gaps.many", "{count} gaps", count=count)


def _gap(gap: documents.LongGap, read: Reader) -> Message:
    start = date(gap.start, read)
    end = message("proof.now", "now") if gap.end is None else date(gap.end, read)
    cause = known_cause(gap.cause)
    if gap.leaf is None:
        return message("proof.gap", "gap {start} to {end}: {cause}", start=start, end=end, cause=cause)
    return message(
        "proof.gap.entry",
        "gap {start} to {end}: {cause} (entry {leaf})",
        start=start,
        end=end,
        cause=cause,
        leaf=gap.leaf,
    )


def _length(gap: documents.LongGap) -> float:
    begin = datetime.fromisoformat(gap.start)
    return float("inf") if gap.end is None else (datetime.fromisoformat(gap.end) - begin).total_seconds()


def _bounds(told: documents.Statement) -> Iterator[Styled]:
    if told.configured is not None:
        yield message("proof.configured", "Configured now: {bounds}", bounds=_between(told.configured)), ""
    if told.in_force is not None and told.in_force != told.configured:
        yield message("proof.in-force", "In force now: {bounds}", bounds=_between(told.in_force)), ""
    for stamped in told.stamped:
        count = counted_segments(stamped.segments)
        yield (
            message("proof.stamped", "When recorded: {bounds} ({segments})", bounds=_between(stamped), segments=count),
            "",
        )
    if told.configured is None and not told.stamped:
        yield message("proof.no-bounds", "It is not configured any more, and nothing of it is kept."), ""


def _between(bounds: documents.Bounded) -> Message:
    return message(
        "proof.bounds.between",
        "floor {floor_s}, ceiling {ceiling_s}",
        floor_s=bounds.floor_s,
        ceiling_s=bounds.ceiling_s,
    )


def _held(told: documents.Statement, read: Reader) -> Iterator[Styled]:
    held = told.held
    if held.start is None or held.end is None:
        yield message("proof.nothing", "Nothing."), ""
    else:
        yield (
            message(
                "proof.held.interval",
                "{segments}, {size}, {start} to {end}",
                segments=counted_segments(held.segments),
                size=format_size(held.bytes),
                start=date(held.start, read),
                end=date(held.end, read),
            ),
            "",
        )
    for number, said, style in (
        (held.pinned, message("proof.held.pinned", "{count} pinned as evidence", count=held.pinned), ""),
        (held.away, message("proof.held.away", "{count} on a disk that is away now", count=held.away), ODD),
        (
            held.unproven,
            message("proof.held.unproven", "{count} found on a disk; nothing vouches for them", count=held.unproven),
            ODD,
        ),
        (
            held.quarantined,
            message(
                "proof.held.set-aside",
                "{count} set aside, because they could not be read",
                count=held.quarantined,
            ),
            ODD,
        ),
        (held.going, message("proof.held.going", "{count} on their way out", count=held.going), ""),
        (held.lost, message("proof.held.lost", "{count} gone for good with their disk", count=held.lost), BAD),
    ):
        if number:
            yield said, style
    for kind, number in held.faults.items():
        yield message("proof.held.fault", "{count} not as recorded ({kind})", count=number, kind=kind_of(kind)), BAD


def _destroyed(told: documents.Statement, read: Reader) -> Iterator[Styled]:
    gone = told.destroyed
    if not gone.rules and not gone.unread:
        yield message("proof.nothing", "Nothing."), ""
        return
    segments, size, rules = counted_segments(gone.segments), format_size(gone.bytes), by_rule(gone.rules)
    if gone.first is not None and gone.last is not None:
        yield (
            message(
                "proof.destroyed.interval",
                "{segments}, {size}, {first} to {last} ({rules})",
                segments=segments,
                size=size,
                first=date(gone.first, read),
                last=date(gone.last, read),
                rules=rules,
            ),
            "",
        )
    else:
        yield (
            message("proof.destroyed.total", "{segments}, {size} ({rules})", segments=segments, size=size, rules=rules),
            "",
        )
    yield from judged(gone)
    if gone.youngest is not None:
        yield message("proof.youngest", "The youngest was kept for at least {bounds}", bounds=_kept(gone.youngest)), ""
    if gone.oldest is not None:
        yield message("proof.oldest", "The oldest was kept for at least {bounds}", bounds=_kept(gone.oldest)), ""
    for early in gone.early:
        yield (
            message(
                "proof.too-early",
                "too early: recorded {start}, kept for {kept_s}, entry {leaf}",
                start=date(early.start, read),
                kept_s=early.kept_ms / 1000,
                leaf=early.leaf,
            ),
            BAD,
        )
    for late in gone.late:
        start, destroyed = date(late.start, read), date(late.destroyed, read)
        if late.pins:
            told_late = message(
                "proof.too-late.pinned",
                "too late: recorded {start}, destroyed {destroyed}, entry {leaf} {pins}",
                start=start,
                destroyed=destroyed,
                leaf=late.leaf,
                pins=" ".join(late.pins),
            )
        else:
            told_late = message(
                "proof.too-late",
                "too late: recorded {start}, destroyed {destroyed}, entry {leaf}",
                start=start,
                destroyed=destroyed,
                leaf=late.leaf,
            )
        yield told_late, "" if late.pins else ODD


def _kept(one: documents.Extreme) -> Message:
    return message(
        "proof.kept",
        "{kept_s} (floor {floor_s}, ceiling {ceiling_s}), entry {leaf}",
        kept_s=one.kept_ms / 1000,
        floor_s=one.floor_s,
        ceiling_s=one.ceiling_s,
        leaf=one.leaf,
    )


def _pin(one: documents.StatedPin, read: Reader) -> Styled:
    pinned = message(
        "proof.pin",
        "{pin} {state} ({ground}), {start} to {end}",
        pin=one.id,
        state=STATES[one.state],
        ground=GROUND_WORDS[one.ground],
        start=date(one.start, read),
        end=date(one.end, read),
    )
    return pinned, ""


def _ledger(told: documents.Statement, read: Reader) -> Iterator[Styled]:
    head = told.head
    if head is None:
        yield message("proof.no-head", "There is no signed head yet."), BAD
        return
    yield (
        message(
            "proof.head",
            "Rests on {origin}, signed up to entry {last}, root {root}",
            origin=head.origin,
            last=head.first + head.size - 1,
            root=head.root,
        ),
        "",
    )
    if not head.covers:
        yield (
            message("proof.uncovered", "Entries up to {leaf} are not under a signed head yet.", leaf=told.leaf),
            ODD,
        )
    if head.seen_until is None:
        yield message("proof.unseen", "Nobody outside is known to have a head of it."), ODD
    else:
        until = date(head.seen_until, read)
        yield message("proof.seen", "Somebody outside has a head of all up to {moment}.", moment=until), ""


def _signature(told: documents.Statement, unsigned: Message) -> Iterator[Styled]:
    if unsigned or told.key is None:
        yield message("proof.unsigned", "NOT SIGNED: {why}", why=unsigned), BAD
        return
    yield (
        message(
            "proof.signed",
            "Signed with the key of this recorder. Compare its fingerprint with the published one: {key}",
            key=fingerprint(bytes.fromhex(told.key)),
        ),
        "",
    )


def hours(ms: int) -> str:
    """744:00:00; rounded down."""
    seconds = ms // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
