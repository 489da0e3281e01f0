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
from edged.cli.formatting import clean, local, share, span, styled, table, text
from edged.cli.options import CAMERA, address_given, json_option
from edged.cli.output import Session, checked, interval
from edged.documents import pins as documents
from edged.words import exit_codes, units

GROUNDS: Final[dict[str, Literal["law", "investigation", "internal"]]] = {
    "law": "law",
    "investigation": "investigation",
    "internal": "internal",
}
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
@click.option("--case", "case", metavar="TEXT", required=True, help="What it is filed under.")
@click.option(
    "--ground", metavar="GROUND", required=True, help="'law:ARTICLE', 'investigation:LETTER NUMBER' or 'internal'."
)
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
    case: str,
    ground: str,
    approver: str,
    until: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Pin footage: held at once, and for 72 h until another person approves it."""
    session = Session(address.daemon(), as_json)
    word, _, reference = ground.partition(":")
    kind = GROUNDS.get(word.strip())
    if kind is None:
        raise click.UsageError("--ground is one of 'law:ARTICLE', 'investigation:LETTER NUMBER' and 'internal'")
    if not (yes or dry_run) and (as_json or not sys.stdin.isatty()):
        raise click.UsageError("nobody can be asked here: give --yes, or --dry-run to see what it costs")
    first, last = interval(session, start, ahead(end) or end)
    wanted = documents.PinAddAsked(
        cameras=list(cameras),
        start=first or "",
        end=last or "",
        case=case,
        ground=kind,
        reference=reference.strip(),
        approver=approver,
        until=None if until is None else moment(session, until),
        dry_run=True,
    )
    if dry_run or not yes:
        plan = _ask(session, wanted)
        session.print(plan, lambda: cost(plan, kind, session))
        if dry_run:
            return exit_codes.OK
        if not click.confirm("Pin it?", default=False):
            click.echo("Nothing was pinned.")
            return exit_codes.FAILED
    placed = _ask(session, wanted.model_copy(update={"dry_run": False}))
    session.print(placed, lambda: Group(*([cost(placed, kind, session)] if yes else []), _placed(placed, session)))
    return exit_codes.OK


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
    session.print(document, lambda: listing(document, session, ended=ended))


@pin.command(short_help="Approve a pin that another person placed.")
@click.argument("id", metavar="ID")
@json_option
@address_given
def approve(address: Address, *, id: str, as_json: bool) -> None:  # noqa: A002 - what the person types
    """Approve a pin that another person placed: it lasts as long as it was placed for."""
    session = Session(address.daemon(), as_json)
    document = checked(documents.PinApprove, session.daemon.post(f"/v1/pins/{known(id)}/approve"))
    session.print(
        document, lambda: Text(f"{document.pin.id} is approved. It ends {local(document.pin.until, session.zone)}.")
    )


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
    session.print(document, lambda: next_step(document.act))


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
    session.print(document, lambda: next_step(document.act))


def known(pin_id: str) -> str:
    """An id as it is typed: capitals or not, and nothing that would make another path of it."""
    word = pin_id.strip().upper()
    if not word.replace("-", "").isalnum() or not word.isascii():
        raise click.UsageError(f"{units.shown(pin_id)} is no pin: edgectl pin list")
    return word


def ahead(words: str) -> str | None:
    """`+1h` as a time; None for what is not written so."""
    if not words.startswith("+"):
        return None
    try:
        return formatting.rfc3339(datetime.now(UTC) + units.parse_duration(words[1:]))
    except (units.UnitError, OverflowError):
        raise click.UsageError(f"{units.shown(words)} is not a span ahead: write it as +30m or +1h") from None


def moment(session: Session, words: str) -> str:
    """An end, as a time or as a span from now."""
    if words.removeprefix("+")[:1].isdigit() and words[-1:].isalpha() and "T" not in words.upper()[:11]:
        return ahead("+" + words.removeprefix("+")) or ""
    return interval(session, None, words)[1] or ""


def cost(document: documents.PinAdd, ground: str, session: Session) -> RenderableType:
    """What it holds and takes."""
    told = document.cost
    held = table("Camera", "From", "To", "Segments", "Size", "To come", right=("Segments", "Size", "To come"))
    for one in told.cameras:
        held.add_row(
            text(one.camera, "bold"),
            local(one.start, session.zone),
            local(one.end, session.zone),
            str(one.segments),
            units.format_size(one.bytes),
            f"about {units.format_size(one.coming_bytes)}" if one.coming_bytes else "–",
        )
    taken = table("Volume", "Takes", "Pinned before", "Then", right=("Takes", "Pinned before", "Then"))
    for volume in told.volumes:
        total = volume.pinned_bytes + volume.new_bytes
        part = share(total / volume.limit_bytes) if volume.limit_bytes else "unknown: it is away"
        taken.add_row(
            text(volume.path), units.format_size(volume.new_bytes), units.format_size(volume.pinned_bytes), part
        )
    words = Text(f"{told.segments} segments, {units.format_size(told.bytes)}. It costs {_headroom(told.headroom_s)}.")
    if ground == "internal":
        words.append("\nAn internal pin holds no segment beyond its ceiling.")
    return Group(held, "", taken, "", words)


def _headroom(seconds: float | None) -> str:
    if seconds is None:
        return "headroom that nobody knows yet: no rate was measured"
    if 0 < seconds < HEADROOM_TOLD_S:
        return "less than 0.1 days of headroom"
    return f"{seconds / 86_400:.1f} days of headroom"


def _placed(document: documents.PinAdd, session: Session) -> RenderableType:
    pinned = document.pin
    if pinned is None:
        return Text("Nothing was pinned.")
    return Text(
        f"{pinned.id} is placed, provisionally: without an approval it lapses {local(pinned.until, session.zone)}.\n"
        f"Now another person than {clean(pinned.placer)}: edgectl pin approve {pinned.id}"
    )


def listing(document: documents.PinList, session: Session, *, ended: bool) -> RenderableType:
    """A block for each."""
    if not document.pins:
        return Text("No pin has ended." if ended else "Nothing is pinned.")
    return Group(*(_pin(one, session) for one in document.pins))


def _unreachable(part: documents.Unreachable) -> str:
    count = f"{part.segments} of them, {units.format_size(part.bytes)}, on {part.path}"
    if part.state == "lost":
        return f"{count}: volume {part.volume} is gone for good, and they with it"
    return f"{count}: volume {part.volume} is away; they are protected, and can be reached once it is back"


def _pin(one: documents.Pin, session: Session) -> RenderableType:
    zone = session.zone
    heading = Text(one.id, style="bold").append("  ").append_text(styled(one.state))
    facts = table("", "", folds=(1,))
    facts.show_header = False
    ground = f"{one.ground}: {clean(one.reference)}" if one.reference else one.ground
    facts.add_row("case", text(f"{one.case} ({ground})"))
    facts.add_row("footage", text(f"{', '.join(one.cameras)}, {local(one.start, zone)} to {local(one.end, zone)}"))
    facts.add_row("holds", f"{one.segments} segments, {units.format_size(one.bytes)}")
    for part in one.unreachable:
        facts.add_row(part.state, text(_unreachable(part)))
    by = f"approved by {one.approved_by}" if one.approved_by else f"{one.approver} named as approver"
    facts.add_row("placed", text(f"{local(one.placed, zone)} by {one.placer}, {by}"))
    if one.ended is None:
        how = "lapses unless approved" if one.state == "provisional" else "ends"
        facts.add_row(how, f"{local(one.until, zone)}, in {span(one.left_s)}")
    else:
        by = f" by {one.ended_by}" if one.ended_by else ""
        facts.add_row("ended", text(f"{local(one.ended, zone)}{by}: {one.reason}"))
    return Group(heading, facts, "")
