"""`edgectl post`: who signs by which post (職位), and who stands in for them (代理)."""

from __future__ import annotations

from collections.abc import Iterator

import click
from rich.console import Group, RenderableType
from rich.text import Text

from edged.cli.approve import next_step
from edged.cli.client import Address
from edged.cli.formatting import clean, is_local, local, table, text
from edged.cli.options import PERSON, TIMES, address_given, json_option
from edged.cli.output import Session, checked, interval
from edged.documents import office as documents
from edged.words.catalogue import Reader
from storage.words.message import Message, message


@click.group()
def post() -> None:
    """Who signs by which post, and who stands in for them."""


@post.command("list")
@json_option
@address_given
def list_posts(address: Address, *, as_json: bool) -> None:
    """Posts that procedures ask for, who holds them, and what the office still lacks."""
    session = Session(address.daemon(), as_json)
    document = _posts(session)
    session.print(document, lambda: listing(document, session.reader))


def _posts(session: Session) -> documents.PostList:
    """By which the site's time is known, too."""
    document = session.read(documents.PostList, "/v1/posts")
    session.at(document.timezone)
    return document


@post.command(short_help="Ask for a person to hold a post; another person approves it.")
@click.argument("person", metavar="PERSON", type=PERSON)
@click.argument("name", metavar="POST")
@click.option("--unit", metavar="UNIT", default="", help="Of which unit, where each has this post.")
@click.option("--end", "ends", is_flag=True, help="They hold it no more.")
@json_option
@address_given
def hold(address: Address, *, person: int, name: str, unit: str, ends: bool, as_json: bool) -> None:
    """Ask for a person to hold a post, and to sign by it; another person approves it. Nobody signs by a post that they
    gave to themselves.
    """
    session = Session(address.daemon(), as_json)
    wanted = documents.PostAsked(person=person, post=name, unit=unit, ends=ends)
    document = checked(documents.PostHold, session.daemon.post("/v1/posts/hold", wanted.model_dump_json().encode()))
    session.print(document, lambda: next_step(document.act, session.words))


@post.command(short_help="Name a deputy for a stated time (代理).")
@click.argument("person", metavar="PERSON", type=PERSON)
@click.argument("name", metavar="POST")
@click.option("--from", "start", metavar="TIME", required=True, help=f"From then on: {TIMES}.")
@click.option("--to", "end", metavar="TIME", required=True, help="Until then; a date alone is its beginning.")
@click.option("--unit", metavar="UNIT", default="", help="Of which unit, where each has this post.")
@click.option(
    "--for", "holder", metavar="PERSON", type=PERSON, help="For whom, if not you: another person approves it."
)
@json_option
@address_given
def deputise(
    address: Address, *, person: int, name: str, start: str, end: str, unit: str, holder: int | None, as_json: bool
) -> None:
    """Name a deputy (代理) for a stated time, who signs by the post as 代為決行. You hold it yourself, and it holds at
    once; or --for somebody else, and another person approves it.
    """
    session = Session(address.daemon(), as_json)
    local_times = any(map(is_local, (start, end)))
    if local_times:
        _posts(session)
    first, last = interval(session, start, end)
    if not local_times:  # the answer is shown by the site's time
        _posts(session)
    wanted = documents.DeputyAsked(
        person=person, post=name, unit=unit, holder=holder, start=first or "", end=last or ""
    )
    path = "/v1/posts/deputise" if holder is None else "/v1/posts/deputise-by-two"
    document = checked(documents.PostDeputise, session.daemon.post(path, wanted.model_dump_json().encode()))
    session.print(document, lambda: deputised(document, session.reader, first, last))


def deputised(
    document: documents.PostDeputise, read: Reader, start: str | None = None, end: str | None = None
) -> RenderableType:
    """`start` and `end`: as they were understood."""
    if document.act is not None:
        return next_step(document.act, read)
    done = read.phrase("office.post.deputised", "Done: the deputy signs by it in that time.")
    return Text("\n".join([done, *([f"  {local(start, read)} – {local(end, read)}"] if start and end else [])]))


def listing(document: documents.PostList, read: Reader) -> RenderableType:
    made = table(
        read.phrase("office.post.post", "Post"),
        read.phrase("office.post.held-by", "Held by"),
        read.phrase("office.post.rows", "Asked for by"),
        folds=(0, 1, 2),
    )
    for one in document.posts:
        name = text(one.post, "bold").append(
            f"\n{clean(whose)}" if (whose := _whose(one, document, read)) else "", "not bold"
        )
        held = (
            Text("\n").join(_holders(one, read)) if one.holders else Text(read.phrase("office.post.nobody", "nobody"))
        )
        rows = Text("\n").join(text(f"{row} {document.words.get(row, '')}".rstrip()) for row in one.rows)
        made.add_row(name, held if one.holders else Text(held.plain, "red" if one.rows else "dim"), rows)
    parts: list[RenderableType] = [made] if document.posts else []
    if document.lacking:
        parts += ["", Text(read.phrase("office.post.lacking", "Still lacking:"), style="bold yellow")]
        parts += [text(f"  {read(one.told)}") for one in document.lacking]
    names = read.phrase("office.post.names", "Names: edgectl person list")
    return Group(*parts, "", Text(names, style="dim"))


def _whose(one: documents.Post, document: documents.PostList, read: Reader) -> str:
    """The unit; of a post that units have, too, whose the one without is."""
    shared = any(other.unit for other in document.posts if other.post == one.post)
    return one.unit or (read.phrase("office.post.of-managing", "managing section") if shared else "")


def _holders(one: documents.Post, read: Reader) -> Iterator[Text]:
    for held in one.holders:
        who = message("office.person-numbered", "person {person}", person=held.person)
        words = read(who)
        if held.deputy_of is not None:
            words = read.phrase(
                "office.post.deputy",
                "{who} for {holder}, {start} – {end}",
                who=who,
                holder=message("office.person-numbered", "person {person}", person=held.deputy_of),
                start=local(held.start, read),
                end=local(held.end, read),
            )
        yield text(words, "" if held.signs else "dim")
        if not held.signs:
            yield text(read(_why_not(held)), "yellow")


def _why_not(held: documents.Holder) -> Message:
    if held.deputy_of is None:
        return message("office.post.own-gift", "  signs nothing by it: gave it to themselves, or has left")
    return message(
        "office.post.not-now", "  does not sign now: it is not the time, or whoever named them holds it no more"
    )
