"""`edgectl pin`: evidence kept out of the ring (證據保存)."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Final, Literal

import click
from rich.console import Group, RenderableType
from rich.text import Text

from edged.cli import formatting
from edged.cli.approve import next_step
from edged.cli.client import Address
from edged.cli.formatting import clean, colon, local, share, span, state_word, styled, table, text
from edged.cli.options import CAMERA, address_given, json_option
from edged.cli.output import Session, checked, interval
from edged.documents import pins as documents
from edged.documents.base import told_in
from edged.words import exit_codes, units
from edged.words.catalogue import Reader
from storage.words.message import Message, format_size, message

GROUNDS: Final[dict[str, Literal["law", "investigation", "internal"]]] = {
    "law": "law",
    "investigation": "investigation",
    "internal": "internal",
}
NOT_PINNED: Final = message("pin.not-pinned", "Nothing was pinned.")
HEADROOM_TOLD_S: Final = 8_640
"""A tenth of a day."""


@click.group()
def pin() -> None:
    """Keep footage out of the ring as evidence (證據保存)."""


@pin.command(short_help="Pin footage: held at once, until it is approved or lapses.")
@click.option(
    "--camera",
    "cameras",
    metavar="ID",
    type=CAMERA,
    multiple=True,
    required=True,
    help="Whose; more than once for more.",
)
@click.option("--from", "start", metavar="TIME", required=True, help="From then on.")
@click.option("--to", "end", metavar="TIME", required=True, help="Until then; at most 24 h ahead, as +1h.")
@click.option("--case", "case", metavar="TEXT", help="What it is filed under.")
@click.option("--request", "number", metavar="NUMBER", help="The request for footage that it is of, instead of --case.")
@click.option("--ground", metavar="GROUND", help="'law:ARTICLE', 'investigation:LETTER NUMBER' or 'internal'.")
@click.option("--approver", metavar="NAME", required=True, help="Who answers for it.")
@click.option("--until", metavar="TIME", help="When it ends: a time, or a span from now such as 30d.  [[pins] default]")
@click.option("--yes", is_flag=True, help="Do not ask, once it is said what it costs.")
@click.option("--dry-run", is_flag=True, help="Only say what it would hold and cost.")
@json_option
@address_given
def add(
    address: Address,
    *,
    cameras: tuple[str, ...],
    start: str,
    end: str,
    case: str | None,
    number: str | None,
    ground: str | None,
    approver: str,
    until: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Pin footage: held at once, and for 72 h until another person approves it."""
    session = Session(address.daemon(), as_json)
    if (case is None) == (number is None):
        raise click.UsageError(message("pin.case-or-request", "give --case TEXT or --request NUMBER"))
    word, _, reference = ("internal" if number is not None and ground is None else ground or "").partition(":")
    kind = GROUNDS.get(word.strip())
    if kind is None:
        raise click.UsageError(
            message("pin.ground", "--ground is one of 'law:ARTICLE', 'investigation:LETTER NUMBER' and 'internal'")
        )
    if not (yes or dry_run) and (as_json or not sys.stdin.isatty()):
        raise click.UsageError(
            message("pin.nobody-to-ask", "nobody can be asked here: give --yes, or --dry-run to see what it costs")
        )
    first, last = interval(session, start, ahead(end) or end)
    wanted = documents.PinAddAsked(
        cameras=list(cameras),
        start=first or "",
        end=last or "",
        case=case or number or "",
        ground=kind,
        reference=reference.strip(),
        approver=approver,
        until=None if until is None else moment(session, until),
        dry_run=True,
        request=number,
    )
    if dry_run or not yes:
        plan = _ask(session, wanted)
        session.print(plan, lambda: cost(plan, kind, session.reader))
        if dry_run:
            return exit_codes.OK
        if not click.confirm(session.words.phrase("pin.confirm", "Pin it?"), default=False):
            click.echo(session.words(NOT_PINNED))
            return exit_codes.FAILED
    placed = _ask(session, wanted.model_copy(update={"dry_run": False}))
    session.print(placed, lambda: _done(placed, kind, session.reader, costs=yes))
    return exit_codes.OK


def _done(placed: documents.PinAdd, ground: str, read: Reader, *, costs: bool) -> RenderableType:
    """What it costs was told before, where somebody was asked."""
    return Group(*([cost(placed, ground, read)] if costs else []), placed_screen(placed, read))


def _ask(session: Session, wanted: documents.PinAddAsked) -> documents.PinAdd:
    return checked(documents.PinAdd, session.daemon.post("/v1/pins", wanted.model_dump_json().encode()))


@pin.command("list")
@click.option("--ended", is_flag=True, help="Those that were released or lapsed, the latest first.")
@json_option
@address_given
def list_pins(address: Address, *, ended: bool, as_json: bool) -> None:
    """What is pinned, by whom, for how long, and what it takes."""
    session = Session(address.daemon(), as_json)
    document = session.read(documents.PinList, "/v1/pins", ended=1 if ended else None)
    session.print(document, lambda: listing(document, session.reader, ended=ended))


@pin.command(short_help="Approve a pin that another person placed.")
@click.argument("id", metavar="ID")
@json_option
@address_given
def approve(address: Address, *, id: str, as_json: bool) -> None:  # noqa: A002 - what the person types
    """Approve a pin that another person placed: it lasts as long as it was placed for."""
    session = Session(address.daemon(), as_json)
    document = checked(documents.PinApprove, session.daemon.post(f"/v1/pins/{known(id)}/approve"))
    session.print(document, lambda: approved(document.pin, session.reader))


def approved(pin: documents.Pin, read: Reader) -> RenderableType:
    ends = local(pin.until, read)
    return Text(read.phrase("pin.approved", "{pin} is approved. It ends {moment}.", pin=pin.id, moment=ends))


@pin.command()
@click.argument("id", metavar="ID")
@click.option("--until", metavar="TIME", required=True, help="When it is to end: a time, or a span from now.")
@click.option("--reason", metavar="TEXT", required=True, help="Why it is needed longer.")
@json_option
@address_given
def extend(address: Address, *, id: str, until: str, reason: str, as_json: bool) -> None:  # noqa: A002
    """Ask for a pin to last longer; another person approves it."""
    session = Session(address.daemon(), as_json)
    wanted = documents.PinExtendAsked(until=moment(session, until), reason=reason)
    body = session.daemon.post(f"/v1/pins/{known(id)}/extend", wanted.model_dump_json().encode())
    document = checked(documents.PinExtend, body)
    session.print(document, lambda: next_step(document.act, session.words))


@pin.command(short_help="Ask for a pin to end; another person approves it.")
@click.argument("id", metavar="ID")
@click.option("--reason", metavar="TEXT", required=True, help="Why it is needed no longer.")
@json_option
@address_given
def release(address: Address, *, id: str, reason: str, as_json: bool) -> None:  # noqa: A002
    """Ask for a pin to end; another person approves it, and its footage is under its bounds again."""
    session = Session(address.daemon(), as_json)
    wanted = documents.PinReleaseAsked(reason=reason)
    body = session.daemon.post(f"/v1/pins/{known(id)}/release", wanted.model_dump_json().encode())
    document = checked(documents.PinRelease, body)
    session.print(document, lambda: next_step(document.act, session.words))


def known(pin_id: str) -> str:
    """An id as it is typed: capitals or not, and nothing that would make another path of it."""
    word = pin_id.strip().upper()
    if not word.replace("-", "").isalnum() or not word.isascii():
        raise click.UsageError(message("pin.no-id", "{given} is no pin: edgectl pin list", given=units.shown(pin_id)))
    return word


def ahead(words: str) -> str | None:
    """`+1h` as a time; None for what is not written so."""
    if not words.startswith("+"):
        return None
    try:
        return formatting.rfc3339(datetime.now(UTC) + units.parse_duration(words[1:]))
    except (units.UnitError, OverflowError):
        given = units.shown(words)
        raise click.UsageError(
            message("pin.no-span", "{given} is not a span ahead: write it as +30m or +1h", given=given)
        ) from None


def moment(session: Session, words: str) -> str:
    """An end, as a time or as a span from now."""
    if words.removeprefix("+")[:1].isdigit() and words[-1:].isalpha() and "T" not in words.upper()[:11]:
        return ahead("+" + words.removeprefix("+")) or ""
    return interval(session, None, words)[1] or ""


def cost(document: documents.PinAdd, ground: str, read: Reader) -> RenderableType:
    """What it holds and takes."""
    told = document.cost
    segments, size, coming = (
        read.phrase("screen.segments", "Segments"),
        read.phrase("screen.size", "Size"),
        read.phrase("pin.cost.coming", "To come"),
    )
    held = table(
        read.phrase("screen.camera", "Camera"),
        read.phrase("screen.from", "From"),
        read.phrase("screen.to", "To"),
        segments,
        size,
        coming,
        right=(segments, size, coming),
    )
    for one in told.cameras:
        about = read.phrase("screen.about", "about {size}", size=format_size(one.coming_bytes))
        held.add_row(
            text(one.camera, "bold"),
            local(one.start, read),
            local(one.end, read),
            str(one.segments),
            format_size(one.bytes),
            about if one.coming_bytes else "–",
        )
    numbers = (
        read.phrase("pin.cost.takes", "Takes"),
        read.phrase("pin.cost.before", "Pinned before"),
        read.phrase("pin.cost.then", "Then"),
    )
    taken = table(read.phrase("screen.volume", "Volume"), *numbers, right=numbers)
    away = read.phrase("pin.cost.away", "unknown: it is away")
    for volume in told.volumes:
        total = volume.pinned_bytes + volume.new_bytes
        part = share(total / volume.limit_bytes) if volume.limit_bytes else away
        taken.add_row(text(volume.path), format_size(volume.new_bytes), format_size(volume.pinned_bytes), part)
    costs = read.phrase(
        "pin.cost",
        "{count} segments, {size}. It costs {headroom}.",
        count=told.segments,
        size=format_size(told.bytes),
        headroom=_headroom(told.headroom_s),
    )
    words = Text(costs)
    if ground == "internal":
        words.append("\n" + read.phrase("pin.cost.internal", "An internal pin holds no segment beyond its ceiling."))
    return Group(held, "", taken, "", words)


def _headroom(seconds: float | None) -> Message:
    if seconds is None:
        return message("pin.headroom.unknown", "headroom that nobody knows yet: no rate was measured")
    if 0 < seconds < HEADROOM_TOLD_S:
        return message("pin.headroom.little", "less than 0.1 days of headroom")
    return message("pin.headroom", "{days} days of headroom", days=f"{seconds / 86_400:.1f}")


def placed_screen(document: documents.PinAdd, read: Reader) -> RenderableType:
    pinned = document.pin
    if pinned is None:
        return Text(read(NOT_PINNED))
    words = read.phrase(
        "pin.placed",
        "{pin} is placed, provisionally: without an approval it lapses {moment}.",
        pin=pinned.id,
        moment=local(pinned.until, read),
    )
    now = read.phrase(
        "pin.placed.action",
        "Now another person than {person}: edgectl pin approve {pin}",
        person=clean(pinned.placer),
        pin=pinned.id,
    )
    return Text(f"{words}\n{now}")


def listing(document: documents.PinList, read: Reader, *, ended: bool) -> RenderableType:
    """A block for each."""
    if document.pins:
        return Group(*(_pin(one, read) for one in document.pins))
    if ended:
        return Text(read.phrase("pin.none-ended", "No pin has ended."))
    return Text(read.phrase("pin.none", "Nothing is pinned."))


def _unreachable(part: documents.Unreachable) -> Message:
    count = message(
        "pin.unreachable",
        "{count} of them, {size}, on {path}",
        count=part.segments,
        size=format_size(part.bytes),
        path=part.path,
    )
    if part.state == "lost":
        return message(
            "pin.unreachable.lost",
            "{count}: volume {volume} is gone for good, and they with it",
            count=count,
            volume=part.volume,
        )
    return message(
        "pin.unreachable.away",
        "{count}: volume {volume} is away; they are protected, and can be reached once it is back",
        count=count,
        volume=part.volume,
    )


GROUND_WORDS: Final = {
    "law": message("pin.ground.law", "law"),
    "investigation": message("pin.ground.investigation", "investigation"),
    "internal": message("pin.ground.internal", "internal"),
}


def _pin(one: documents.Pin, read: Reader) -> RenderableType:
    heading = Text(one.id, style="bold").append("  ").append_text(styled(one.state, read))
    facts = table("", "", folds=(1,))
    facts.show_header = False
    ground = read(GROUND_WORDS[one.ground])
    ground = f"{ground}{colon(read)}{one.reference}" if one.reference else ground
    case = read.phrase("pin.case.ground", "{case} ({ground})", case=one.case, ground=ground)
    facts.add_row(read.phrase("pin.case", "case"), text(case))
    footage = read.phrase(
        "pin.footage.interval",
        "{cameras}, {start} to {end}",
        cameras=list(one.cameras),
        start=local(one.start, read),
        end=local(one.end, read),
    )
    facts.add_row(read.phrase("pin.footage", "footage"), text(footage))
    held = read.phrase("segments.total", "{count} segments, {size}", count=one.segments, size=format_size(one.bytes))
    facts.add_row(read.phrase("pin.holds", "holds"), held)
    for part in one.unreachable:
        facts.add_row(state_word(part.state, read), text(read(_unreachable(part))))
    if one.approved_by:
        by = message("pin.approved-by", "approved by {person}", person=one.approved_by)
    else:
        by = message("pin.to-be-approved-by", "{person} named as approver", person=one.approver)
    placed = read.phrase(
        "pin.placed-by",
        "{moment} by {person}, {approval}",
        moment=local(one.placed, read),
        person=one.placer,
        approval=by,
    )
    facts.add_row(read.phrase("pin.placed-at", "placed"), text(placed))
    if one.ended is None:
        lapses = read.phrase("pin.lapses", "lapses unless approved")
        how = lapses if one.state == "provisional" else read.phrase("pin.ends", "ends")
        if one.origin == "request":
            ends = read.phrase("pin.until-closed", "with the case of the request")
        else:
            ends = read.phrase(
                "pin.until", "{moment}, in {left}", moment=local(one.until, read), left=span(one.left_s, read)
            )
        facts.add_row(how, ends)
    else:
        moment = local(one.ended, read)
        reason = told_in(one, "reason")
        if one.ended_by:
            ended = read.phrase(
                "pin.ended-by", "{moment} by {person}: {reason}", moment=moment, person=one.ended_by, reason=reason
            )
        else:
            ended = read.phrase("pin.ended-at", "{moment}: {reason}", moment=moment, reason=reason)
        facts.add_row(read.phrase("pin.ended", "ended"), text(ended))
    return Group(heading, facts, "")
