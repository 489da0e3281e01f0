"""`edgectl request`: footage for whoever may have it (調閱), from its receipt to its close.

Each act is done upon the request as it was read in the same run: whoever else has changed it meanwhile, the daemon says
so. What somebody signs by is found where only one post can be meant.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args

import click
from pydantic import BaseModel
from rich.console import RenderableType
from rich.text import Text

from edged.cli import export, papers, request_screens
from edged.cli.approve import next_step
from edged.cli.client import Address, CallError
from edged.cli.formatting import text
from edged.cli.options import (
    AS_GIVEN,
    CAMERA,
    DAY,
    FILLED,
    PERSON,
    SIGNER,
    address_given,
    json_option,
    known,
    number_argument,
    refused,
)
from edged.cli.output import ProgressLine, Session, checked, interval
from edged.cli.output import show as print_screen
from edged.cli.pin import moment
from edged.cli.request_form import Typed, ask_form, form_in, template
from edged.documents import office as documents
from edged.words import exit_codes, units
from storage.words.errors import said
from storage.words.message import Message, message

Command = TypeVar("Command", bound=Callable[..., Any])
USES: Final = ("view", "hold", "copy", "look")
FEE: Final = click.IntRange(0, 1_000_000)
"""In dollars, as `ReceiptAsked` takes it."""
NOTHING_DONE: Final = message("office.nothing-done", "Nothing was done.")
NOBODY_TO_ASK: Final = message("office.nobody-to-ask", "nobody can be asked here: give --yes")

version_option = click.option(
    "--version", metavar="N", type=click.IntRange(min=1), help="Only upon this version.  [as it stands]"
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask, once it is shown.")
field_option = click.option(
    "--field", "fields", metavar="NAME=TEXT", multiple=True, help="A field of the form; more than once for more."
)
form_options: Final = (
    click.option("--row", metavar="ROW", type=FILLED, help="The procedure, such as W-public."),
    click.option("--received", metavar="DAY", type=DAY, help="收文, such as 115.11.25.  [today]"),
    click.option("--applicant", metavar="PERSON", type=PERSON, help="Who asks, of the office: edgectl person list."),
    click.option(
        "--file", metavar="FILE", type=AS_GIVEN, help="The form, as --template prints it; - for standard input."
    ),
)


def _with(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def given(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return given


class _ScanFile(click.Path):
    """What lies in it, and which kind that is: it is looked at before anything is sent."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(value)
        try:
            with path.open("rb") as file:
                data = file.read(documents.SCAN_MAX + 1)
        except OSError as error:
            reason = said(error)
            self.fail(
                message("office.scan.unread", "{file} cannot be read: {reason}", file=str(path), reason=reason),
                param,
                ctx,
            )
        if len(data) > documents.SCAN_MAX:
            self.fail(
                message(
                    "office.scan.large",
                    "{file} is larger than {limit_bytes}: scan it in fewer dots, or page by page",
                    file=str(path),
                    limit_bytes=documents.SCAN_MAX,
                ),
                param,
                ctx,
            )
        kind = next((kind for magic, kind in documents.SCAN_KINDS.items() if data.startswith(magic)), None)
        if kind is None:
            self.fail(
                message(
                    "office.scan.kind",
                    "{file} is neither a PDF nor a JPEG picture: scan the paper as one of these",
                    file=str(path),
                ),
                param,
                ctx,
            )
        return data, kind


BY: Final = (
    click.option("--post", metavar="NAME", type=FILLED, help="By which post.  [the one that is next]"),
    click.option("--unit", metavar="UNIT", default="", help="Of which unit, where each has this post."),
    click.option("--paper", metavar="PERSON", type=SIGNER, help="Who signed on paper; 'outside': the applicant."),
    click.option("--word", metavar="PERSON", type=SIGNER, help="Who said so by telephone; the signature follows."),
)
SEEN: Final = (
    click.option("--scan", metavar="FILE", type=_ScanFile(), help="The paper: a PDF or JPEG of at most 10 MB."),
    click.option("--authorised", is_flag=True, help="By whom the holder authorised in writing, or of equal rank."),
)
signer_options: Final = _with(
    *BY, click.option("--day", metavar="DAY", type=DAY, help="On the paper, or of the call: 115.11.25."), *SEEN
)
replier_options: Final = _with(
    *BY,
    click.option("--day", metavar="DAY", type=DAY, help="Of the letter; with --extend, on the paper.  [today]"),
    *SEEN,
)
scope_options: Final = _with(
    click.option("--camera", "cameras", metavar="ID", type=CAMERA, multiple=True, help="Only this camera of it."),
    click.option(
        "--from", "starts", metavar="TIME", multiple=True, help="From then on; one for each camera, or for all."
    ),
    click.option("--to", "ends", metavar="TIME", multiple=True, help="Until then, likewise."),
)


@click.group()
def request() -> None:
    """Show and hand out footage by granted requests (調閱)."""


request.add_command(papers.print_paper)


# --- receiving and reading -------------------------------------------------------------------------------------------


@request.command(short_help="Receive a request (收文): field by field, or from a file.")
@_with(*form_options)
@click.option("--template", "as_template", is_flag=True, help="Print a FILE to fill in, and receive nothing.")
@json_option
@address_given
def new(address: Address, *, as_template: bool, as_json: bool, **given: Any) -> int:
    """Receive a request (收文). Without FILE it is asked for field by field, as the annex has them. What is odd may
    stand as it is written; what it asks for is held from then on.
    """
    session = Session(address.daemon(), as_json)
    if as_template:
        return _template(session, given["row"])
    return _received(session, "/v1/requests", given)


@request.command(short_help="Take over the request of another box of the office, under its number.")
@number_argument
@click.option(
    "--box", metavar="NODE", type=FILLED, required=True, help="Which box received it, as it is called ([site] node)."
)
@_with(*form_options)
@json_option
@address_given
def receive(address: Address, /, number: str, *, box: str, as_json: bool, **given: Any) -> int:
    """Take over the request of another box of the office, under its number: the printed grant of that box is the paper
    of each signature here.
    """
    session = Session(address.daemon(), as_json)
    return _received(session, "/v1/requests/received", given, number=known(number), box=box)


def _received(session: Session, path: str, given: Mapping[str, Any], *, number: str = "", box: str = "") -> int:
    file: Path | None = given["file"]
    if file is None and (session.as_json or not sys.stdin.isatty()):
        raise click.UsageError(
            message("office.form.nobody-to-ask", "nobody can be asked here: give --file (request new --template)")
        )
    typed = Typed(given["row"], given["received"], given["applicant"])
    if file is not None:
        typed = form_in(file, typed)
        if not typed.row:
            raise refused("--row", message("office.form.no-row", "neither it nor FILE says which procedure it is"))
    else:
        typed = ask_form(session, typed)
        if not click.confirm(session.words.phrase("office.form.confirm", "Receive it?"), default=True):
            click.echo(session.words(NOTHING_DONE))
            return exit_codes.FAILED
    wanted = documents.ReceiveAsked(
        row=typed.row or "",
        received=_iso(typed.received),
        fields=dict(typed.fields),
        applicant=typed.applicant,
        number=number,
        box=box,
    )
    shown = _post(session, path, wanted)
    session.print(shown, lambda: request_screens.slip_screen(shown, session.reader))
    return exit_codes.OK


def _template(session: Session, row: str | None) -> int:
    document = session.read(documents.Procedures, "/v1/procedures")
    rows = [one for one in document.procedures if row in (None, one.row)]
    if not rows or (row is None and not session.as_json):
        raise refused(
            "--row",
            message("office.form.rows", "write one of {rows}", rows=[one.row for one in document.procedures] or ["–"]),
        )
    if session.as_json:
        session.print(document.model_copy(update={"procedures": rows}), lambda: Text(""))
    else:
        click.echo(template(rows[0], session.words), nl=False)
    return exit_codes.OK


@request.command("list", short_help="Requests that are not closed.")
@click.option("--all", "every", is_flag=True, help="Those that are closed, too.")
@json_option
@address_given
def list_requests(address: Address, *, every: bool, as_json: bool) -> None:
    """Requests that are not closed: who asks, how far each is, whose signature is next, and until when."""
    session = Session(address.daemon(), as_json)
    document = session.read(documents.RequestList, "/v1/requests", all=1 if every else None)
    session.at(document.timezone)
    session.print(document, lambda: request_screens.list_screen(document, session.reader))


@request.command(short_help="One request: what is to be done now, and all else of it.")
@number_argument
@json_option
@address_given
def show(address: Address, number: str, *, as_json: bool) -> None:
    """Request NUMBER: what is to be done now; then who has signed, what was checked, asked for, granted and held."""
    session = Session(address.daemon(), as_json)
    document = _read(session, known(number))
    session.print(document, lambda: request_screens.show_screen(document, session.reader))


# --- steps to the decision -------------------------------------------------------------------------------------------


@request.command(short_help="Ask for a supplement (補正), or enter what came in.")
@number_argument
@click.option("--until", metavar="DAY", type=DAY, help="Ask for it: until then. The time for the reply rests.")
@click.option("--reason", metavar="TEXT", default="", help="What is lacking.")
@signer_options
@field_option
@click.option("--complete", is_flag=True, help="What was asked for is there.")
@version_option
@json_option
@address_given
def supplement(
    address: Address,
    /,
    number: str,
    *,
    until: date | None,
    reason: str,
    fields: tuple[str, ...],
    complete: bool,
    version: int | None,
    as_json: bool,
    **signer: Any,
) -> None:
    """Ask whoever applies for a supplement (補正), or enter what came in. Only a field of the application makes
    signatures fall.
    """
    if (until is None) == (not fields and not complete):
        raise click.UsageError(
            message("office.supplement.which", "give --until and --reason to ask, or --field and --complete to enter")
        )
    _check_signer(signer)
    if until is not None and not reason.strip():
        raise refused("--reason", message("office.supplement.reason", "say what is lacking"))

    def wanted(act: _Act) -> BaseModel:
        if until is None:
            return documents.SupplementAsked(version=act.version, fields=_fields(act.seen, fields), complete=complete)
        asker = _signer(act, signer, act.seen.next)
        return documents.SupplementAsked(version=act.version, signer=asker, until=_iso(until), reason=reason)

    _step(address, number, "supplement", wanted, version, as_json=as_json)


@request.command(short_help="Enter what a check came to, or that you have seen the paper.")
@number_argument
@click.argument("check", metavar="[CHECK]", required=False)
@click.argument("outcome", metavar="[OUTCOME]", required=False)
@click.option("--document", metavar="TEXT", default="", help="Which document was seen, or the law that it rests on.")
@click.option("--paper", is_flag=True, help="As a second person: you have seen the paper of all steps on it.")
@yes_option
@version_option
@json_option
@address_given
def check(
    address: Address,
    number: str,
    *,
    check: str | None,
    outcome: str | None,
    document: str,
    paper: bool,
    yes: bool,
    version: int | None,
    as_json: bool,
) -> int:
    """Enter what a check came to: CHECK and OUTCOME by their words or number. Without CHECK the checks are listed."""
    if paper and (check is not None or document):
        raise click.UsageError(message("office.check.alone", "--paper stands alone: it is about all steps on paper"))
    session = Session(address.daemon(), as_json)
    shown = _read(session, known(number))
    act = _Act(session, shown.request, version)
    if paper:
        seen = message("office.paper.confirm", "Have you seen this paper, and does it say so?")
        if not _agreed(session, lambda: request_screens.paper_screen(act.seen, session.reader), seen, yes=yes):
            return exit_codes.FAILED
        return _done(act, "check", documents.ExamineAsked(version=act.version))
    if check is None:
        session.print(shown, lambda: _checks(act.seen, session))
        return exit_codes.OK
    found = _check(act.seen, check)
    if outcome is None and not document:
        choices = act.seen.model_copy(update={"checks": [found.model_copy(update={"outcome": None})]})
        session.print(shown, lambda: _checks(choices, session))
        return exit_codes.OK
    told = _one_of(found.outcomes, outcome or "", "OUTCOME")
    wanted = documents.ExamineAsked(version=act.version, check=found.name, outcome=told, document=document)
    return _done(act, "check", wanted)


def _checks(seen: documents.ShownRequest, session: Session) -> RenderableType:
    made = request_screens.checks_table(seen, session.reader)
    none = session.words.phrase("office.check.none", "This procedure has no checks.")
    return Text(none) if made is None else made


def _check(seen: documents.ShownRequest, typed: str) -> documents.ShownCheck:
    names = [one.words for one in seen.checks]
    by_name = next((one for one in seen.checks if one.name == typed.strip()), None)
    return by_name or seen.checks[names.index(_one_of(names, typed, "CHECK"))]


def _one_of(known_ones: Sequence[str], typed: str, name: str) -> str:
    """By its words, or by its number in the list."""
    word = typed.strip()
    if word in known_ones:
        return word
    if word.isascii() and word.isdecimal() and 1 <= int(word[:9]) <= len(known_ones):
        return known_ones[int(word) - 1]
    told = message(
        "office.typed.none-of",
        "{given} is none of them: write {known}",
        given=units.shown(typed),
        known=[f"{number} {one}" for number, one in enumerate(known_ones, 1)],
    )
    raise refused(name, told)


@request.command(short_help="Sign by a post, from your own account or as it is on paper.")
@number_argument
@signer_options
@click.option("--keep", is_flag=True, help="Approve that something is kept (保存).")
@version_option
@json_option
@address_given
def sign(address: Address, /, number: str, *, keep: bool, version: int | None, as_json: bool, **signer: Any) -> None:
    """Sign by a post: from your own account, or as somebody signed on paper (--paper, --day). Nobody signs for his own
    request. The last signature is the decision: grant or refuse.
    """
    _check_signer(signer)

    def wanted(act: _Act) -> BaseModel:
        post = _keeper(act.seen) if keep else act.seen.next or (_decider(act.seen) if act.seen.word_pending else "")
        return documents.SignAsked(version=act.version, signer=_signer(act, signer, post), keeping=keep)

    _step(address, number, "sign", wanted, version, as_json=as_json)


@request.command("return", short_help="Return it to a step before (退回).")
@number_argument
@click.option(
    "--to", "to", metavar="STEP", type=FILLED, required=True, help="Which: its number in the chain, or its post."
)
@click.option("--reason", metavar="TEXT", type=FILLED, required=True, help="Why.")
@signer_options
@version_option
@json_option
@address_given
def send_back(
    address: Address, /, number: str, *, to: str, reason: str, version: int | None, as_json: bool, **signer: Any
) -> None:
    """Return it to a step before (退回): its signature falls, and all behind it."""
    _check_signer(signer)

    def wanted(act: _Act) -> BaseModel:
        return documents.ReturnAsked(
            version=act.version, signer=_signer(act, signer, act.seen.next), to=_step_of(act.seen, to), reason=reason
        )

    _step(address, number, "return", wanted, version, as_json=as_json)


def _step_of(seen: documents.ShownRequest, typed: str) -> int:
    """From 0, as the daemon counts."""
    posts = [one.post for one in seen.chain]
    if posts.count(typed.strip()) > 1:
        told = message(
            "office.return.twice",
            "the chain has {post} more than once: write the number of the step, one of {numbers}",
            post=typed.strip(),
            numbers=[str(number) for number, post in enumerate(posts, 1) if post == typed.strip()],
        )
        raise refused("--to", told)
    numbered = [f"{number}" for number in range(1, len(posts) + 1)]
    return numbered.index(typed.strip()) if typed.strip() in numbered else posts.index(_one_of(posts, typed, "--to"))


@request.command(short_help="Grant it, whole or in part.")
@number_argument
@click.option("--use", "uses", type=click.Choice(USES), multiple=True, help="Only this of what is asked for.")
@scope_options
@click.option("--reason", metavar="TEXT", default="", help="Why in part.")
@signer_options
@yes_option
@version_option
@json_option
@address_given
def grant(
    address: Address,
    /,
    number: str,
    *,
    uses: tuple[documents.UseWord, ...],
    cameras: tuple[str, ...],
    starts: tuple[str, ...],
    ends: tuple[str, ...],
    reason: str,
    yes: bool,
    version: int | None,
    as_json: bool,
    **signer: Any,
) -> int:
    """Grant what is asked for and may be had, or only the part that is named here. It is shown before it is done. What
    is wanted otherwise afterwards is a request of its own.
    """
    _check_signer(signer)
    session = Session(address.daemon(), as_json)
    act = _Act(session, _read(session, known(number)).request, version)
    seen = act.seen
    granted = list(uses) or [one for one in seen.uses if one in seen.may]
    parts = _scope(session, seen.asked, cameras, starts, ends)
    if not granted or not parts:
        raise CallError(
            message("office.grant.nothing", "{number} asks for nothing that can be granted", number=seen.number),
            message("office.grant.nothing.action", "edgectl request refuse {number}", number=seen.number),
            exit_codes.FAILED,
        )
    post = _signer_asked(seen, signer, _decider(seen))
    if not _agreed(
        session,
        lambda: request_screens.grant_screen(seen, granted, parts, session.reader),
        message("office.grant.confirm", "Grant it, by the post {post}?", post=post.post),
        yes=yes,
    ):
        return exit_codes.FAILED
    wanted = documents.GrantAsked(
        version=act.version, signer=_signer(act, signer, _decider(seen)), uses=granted, scope=parts, reason=reason
    )
    return _done(act, "grant", wanted)


@request.command(short_help="Refuse it, with the reason (駁回).")
@number_argument
@click.option("--reason", metavar="TEXT", type=FILLED, required=True, help="Why; it stands in the answer.")
@signer_options
@version_option
@json_option
@address_given
def refuse(address: Address, /, number: str, *, reason: str, version: int | None, as_json: bool, **signer: Any) -> None:
    """Refuse all of it, with the reason (駁回). What it asked for is held 30 days more."""
    _check_signer(signer)

    def wanted(act: _Act) -> BaseModel:
        return documents.RefuseAsked(
            version=act.version, signer=_signer(act, signer, _decider(act.seen)), reason=reason
        )

    _step(address, number, "refuse", wanted, version, as_json=as_json)


@request.command(short_help="Whoever asked wants it no more (撤回).")
@number_argument
@version_option
@json_option
@address_given
def withdraw(address: Address, number: str, *, version: int | None, as_json: bool) -> None:
    """Whoever asked wants it no more (撤回)."""
    _step(address, number, "withdraw", lambda act: documents.StepAsked(version=act.version), version, as_json=as_json)


@request.command(short_help="Ask for its persons to be erased, once its period is over.")
@number_argument
@json_option
@address_given
def expire(address: Address, number: str, *, as_json: bool) -> None:
    """Ask for the persons of a case to be erased, for good, once its period is over; another person approves it."""
    session = Session(address.daemon(), as_json)
    body = session.daemon.post(f"/v1/requests/{known(number)}/expire")
    document = checked(documents.RequestExpire, body)
    session.print(document, lambda: next_step(document.act, session.words))


# --- after the decision ----------------------------------------------------------------------------------------------


@request.command(short_help="It was answered (函復), or the time for that is lengthened.")
@number_argument
@click.option("--extend", is_flag=True, help="Lengthen the time instead, once, as far as the law lets you.")
@click.option("--reason", metavar="TEXT", default="", help="Why it takes longer.")
@click.option("--letter", metavar="NUMBER", default="", help="Number of the letter (發文字號).")
@click.option("--by", "delivery", type=click.Choice(get_args(documents.DeliveryWord)), help="How it goes out.")
@replier_options
@version_option
@json_option
@address_given
def reply(
    address: Address,
    /,
    number: str,
    *,
    extend: bool,
    reason: str,
    letter: str,
    delivery: documents.DeliveryWord | None,
    version: int | None,
    as_json: bool,
    **signer: Any,
) -> None:
    """It was answered (函復): the day of the letter ends the time for it. With --extend the time is lengthened."""
    if not extend:
        day = signer.pop("day")
        if reason or any(one not in (None, "", False) for one in signer.values()):
            raise click.UsageError(message("office.reply.extend", "a reason and who signs belong to --extend"))
        _step(
            address,
            number,
            "reply",
            lambda act: documents.ReplyAsked(version=act.version, day=_iso(day), letter=letter, delivery=delivery),
            version,
            as_json=as_json,
        )
        return
    if letter or delivery is not None:
        raise click.UsageError(message("office.reply.letter", "--letter and --by belong to the reply, not to --extend"))
    _check_signer(signer)
    if not reason.strip():
        raise refused("--reason", message("office.reply.reason", "say why it takes longer"))

    def wanted(act: _Act) -> BaseModel:
        return documents.ReplyAsked(version=act.version, signer=_signer(act, signer, act.seen.next), reason=reason)

    _step(address, number, "reply", wanted, version, as_json=as_json)


@request.command(short_help="Appoint a time for the viewing.")
@number_argument
@click.option("--at", "at", metavar="TIME", type=FILLED, required=True, help="When, in site time: '2026-11-27 14:00'.")
@version_option
@json_option
@address_given
def appoint(address: Address, number: str, *, at: str, version: int | None, as_json: bool) -> None:
    """Appoint a time for the viewing (約定時間)."""
    session = Session(address.daemon(), as_json)
    when = interval(session, at, None)[0] or ""
    _step(
        address,
        number,
        "appoint",
        lambda act: documents.AppointAsked(version=act.version, at=when),
        version,
        as_json=as_json,
    )


@request.command(short_help="Open or end a viewing of what was granted.")
@number_argument
@click.option("--companion", metavar="PERSON", type=PERSON, help="Open it: who is there for the office.")
@click.option("--unit", metavar="UNIT", default="", help="Of the companion's post, where each unit has one.")
@click.option("--present", metavar="NAME", multiple=True, help="Who looks; more than once for more.")
@scope_options
@click.option("--end", is_flag=True, help="End it: nobody has filmed (未拍攝).")
@click.option("--not-filmed", is_flag=True, help="With --end: do not ask, 未拍攝 is confirmed.")
@click.option("--cut", is_flag=True, help="A fault has ended it.")
@click.option("--here", is_flag=True, help="As the companion, from your own account: you are there.")
@field_option
@version_option
@json_option
@address_given
def view(
    address: Address,
    number: str,
    *,
    companion: int | None,
    unit: str,
    present: tuple[str, ...],
    cameras: tuple[str, ...],
    starts: tuple[str, ...],
    ends: tuple[str, ...],
    end: bool,
    not_filmed: bool,
    cut: bool,
    here: bool,
    fields: tuple[str, ...],
    version: int | None,
    as_json: bool,
) -> int:
    """Open a viewing in company: the films lie in a directory, for you alone, until it is ended. At its end confirm
    that nobody has filmed (未拍攝). One that a fault has cut may be gone on with the same day.
    """
    steps: dict[Literal["end", "cut", "here"], bool] = {"end": end, "cut": cut, "here": here}
    ending = [name for name, given in steps.items() if given]
    opening = companion is not None or bool(present or cameras or starts or ends)
    if len(ending) > 1 or (ending and opening) or (not_filmed and not end):
        raise click.UsageError(
            message(
                "office.view.which", "a viewing is opened (--companion, --present), or one of --end, --cut and --here"
            )
        )
    if not ending and companion is None:
        raise click.UsageError(message("screen.missing-option", "Missing option '{option}'.", option="--companion"))
    if end and not not_filmed and (as_json or not sys.stdin.isatty()):
        raise click.UsageError(
            message("office.view.nobody-to-ask", "nobody can be asked here: give --not-filmed if nobody has filmed")
        )
    session = Session(address.daemon(), as_json)
    act = _Act(session, _read(session, known(number)).request, version)
    step: Literal["open", "end", "cut", "here"] = ending[0] if ending else "open"
    if end and not not_filmed:
        asked = message("office.view.filmed", "Has nobody filmed or photographed the screen (未拍攝)?")
        not_filmed = click.confirm(session.words(asked), default=False)
    scope = _scope(session, act.seen.scope, cameras, starts, ends) if cameras or starts or ends else None
    wanted = documents.ViewAsked(
        version=act.version,
        step=step,
        companion=companion,
        unit=unit,
        present=list(present),
        not_filmed=not_filmed,
        scope=scope,
        fields=_fields(act.seen, fields),
    )
    shown = _followed(session, documents.RequestView, f"/v1/requests/{act.seen.number}/view", wanted)
    session.print(shown, lambda: _viewing(shown, session, step))
    return exit_codes.OK


def _viewing(shown: documents.RequestView, session: Session, step: str) -> RenderableType:
    if step != "here":
        return request_screens.view_screen(shown, session.reader)
    now = session.words.phrase(
        "office.view.here",
        "You have said that you are there; it counts for half an hour. Now an operator shows it:"
        " edgectl request view {number} --companion … --present …",
        number=shown.request.number,
    )
    return text(now, "bold")


@request.command(short_help="Copy what was granted into a folder, or keep it in the office.")
@number_argument
@scope_options
@click.option("--out", metavar="DIR", type=AS_GIVEN, help="Where the folder is made.")
@click.option("--destroy-by", metavar="TIME", help="Until when the copy is to be destroyed.  [as the footage itself]")
@click.option("--whole-segments", is_flag=True, help="With the recorded files themselves.")
@click.option("--max-file", metavar="SIZE", help="No film is larger.  [4 GiB less a byte, which every stick takes]")
@click.option(
    "--secrecy",
    metavar="WORD",
    type=click.Choice(get_args(documents.SecrecyWord)),
    help="密等 of the copy, such as 密.",
)
@click.option("--declassify", metavar="TEXT", type=FILLED, help="When that ends (解密條件).")
@click.option("--keep", is_flag=True, help="Keep it in the office instead (保存): a pin, and nothing leaves.")
@click.option("--asks", is_flag=True, help="With --keep: only ask for it; whoever signs for it approves.")
@field_option
@yes_option
@click.option("--dry-run", is_flag=True, help="Only say what it would hold.")
@version_option
@json_option
@address_given
def copy(address: Address, /, number: str, *, version: int | None, as_json: bool, **given: Any) -> int:
    """Copy what was granted (複製), as `edgectl export` does: a film of each camera, what proves it, and a page that
    plays it. One that was cut off goes on with `edgectl export --resume`.
    """
    keep, asks, yes, dry_run = given["keep"], given["asks"], given["yes"], given["dry_run"]
    out: Path | None = given["out"]
    if (keep and (out is not None or dry_run)) or not (keep or dry_run or out is not None):
        raise click.UsageError(
            message("office.copy.which", "a copy that leaves takes --out or --dry-run, what is kept takes --keep alone")
        )
    if asks and not keep:
        raise click.UsageError(message("office.copy.asks", "--asks goes with --keep"))
    secrecy, declassify = given["secrecy"], given["declassify"]
    if (secrecy is None) != (declassify is None) or (keep and secrecy is not None):
        raise click.UsageError(
            message(
                "office.copy.secrecy",
                "--secrecy and --declassify go together, with a copy that leaves (--out)",
            )
        )
    if not (yes or dry_run or keep) and (as_json or not sys.stdin.isatty()):
        raise click.UsageError(
            message("export.nobody-to-ask", "nobody can be asked here: give --yes, or --dry-run to see what it holds")
        )
    session = Session(address.daemon(), as_json)
    act = _Act(session, _read(session, known(number)).request, version)
    chosen = given["cameras"], given["starts"], given["ends"]
    by = given["destroy_by"]
    wanted = documents.CopyAsked(
        version=act.version,
        keep=keep,
        asks=asks,
        scope=_scope(session, act.seen.scope, *chosen) if any(chosen) else None,
        destroy_by=None if by is None else moment(session, by),
        max_file_bytes=export.largest_file(given["max_file"]),
        whole_segments=given["whole_segments"],
        dry_run=not keep,
        secrecy=secrecy,
        declassify=declassify or "",
        fields=_fields(act.seen, given["fields"]),
    )
    path = f"/v1/requests/{act.seen.number}/copy"
    first = _asked_copy(session, path, wanted)
    if keep:
        session.print(first, lambda: request_screens.kept_screen(first, session.reader))
        return exit_codes.OK
    return _copied(session, path, wanted, first, out, yes=yes, dry_run=dry_run)


def _copied(
    session: Session,
    path: str,
    wanted: documents.CopyAsked,
    planned: documents.RequestCopy,
    out: Path | None,
    *,
    yes: bool,
    dry_run: bool,
) -> int:
    """Plan, ask, begin, copy."""
    plan = planned.plan
    if plan is None:
        raise CallError(message("export.no-plan", "the daemon sent no plan"), export.SAME_VERSION, exit_codes.FAILED)
    if dry_run or not session.as_json:
        session.print(planned, lambda: export.plan_screen(plan, session.reader))
    if dry_run or out is None:
        return exit_codes.OK
    export.fit(out, plan)
    if not yes and not click.confirm(session.words.phrase("office.copy.confirm", "Copy it?"), default=False):
        click.echo(session.words(NOTHING_DONE))
        return exit_codes.FAILED
    begun = _asked_copy(session, path, wanted.model_copy(update={"dry_run": False}))
    if begun.export is None:
        raise CallError(message("export.not-begun", "the daemon began nothing"), export.SAME_VERSION, exit_codes.FAILED)
    return export.copied_into(session, out, begun.export, begun.plan)


def _asked_copy(session: Session, path: str, wanted: documents.CopyAsked) -> documents.RequestCopy:
    return checked(documents.RequestCopy, session.daemon.post(path, wanted.model_dump_json().encode()))


@request.command(short_help="Hand a copy over: who takes it signs for it (簽收).")
@number_argument
@click.option("--copy", "copy_id", metavar="ID", type=FILLED, help="Which one.  [the only one it can be]")
@click.option("--receiver", metavar="NAME", type=FILLED, help="Who takes it.")
@click.option("--identity", metavar="TEXT", type=FILLED, help="Which document showed who that is.")
@click.option("--medium", metavar="TEXT", type=FILLED, help="What it lies on, such as 光碟一片.")
@click.option("--fee", metavar="N", type=FEE, help="What was paid (費用), in dollars.")
@click.option("--day", metavar="DAY", type=DAY, help="On which it was handed over.  [today]")
@click.option("--nothing-kept", is_flag=True, help="The office keeps none of it.")
@version_option
@json_option
@address_given
def receipt(
    address: Address,
    /,
    number: str,
    *,
    copy_id: str | None,
    fee: int | None,
    day: date | None,
    nothing_kept: bool,
    version: int | None,
    as_json: bool,
    **words: str | None,
) -> int:
    """Hand a copy over: who takes it signs for it (簽收). On a terminal what is not given is asked for. The box adds
    the fingerprint of the copy.
    """
    can_ask = not as_json and sys.stdin.isatty()
    lacking = next((name for name in RECEIPT if words[name] is None), None)
    if lacking and not can_ask:
        raise click.UsageError(message("screen.missing-option", "Missing option '{option}'.", option=f"--{lacking}"))
    session = Session(address.daemon(), as_json)
    act = _Act(session, _read(session, known(number)).request, version)
    copied = _copy_meant(act.seen, copy_id, [one.id for one in act.seen.copies if _waits(one)])
    typed = {name: given or _typed(session, RECEIPT[name]) for name, given in words.items()}
    wanted = documents.ReceiptAsked(
        version=act.version, copy_id=copied, day=_iso(day), fee=fee, kept=not nothing_kept, **typed
    )
    try:
        return _done(act, "receipt", wanted)
    except CallError as refusal:
        if refusal.error.code != "office.fee-unsaid" or not can_ask:
            raise
    paid = session.words.phrase("office.receipt.fee", "What was paid (費用), in dollars; 0 for nothing")
    asked: int = click.prompt(paid, type=FEE)
    return _done(act, "receipt", wanted.model_copy(update={"fee": asked}))


RECEIPT: Final[Mapping[str, Message]] = {
    "receiver": message("office.receipt.receiver", "Who takes it"),
    "identity": message("office.receipt.identity", "Which document shows who that is"),
    "medium": message("office.receipt.medium", "What it lies on, such as 光碟一片"),
}


def _typed(session: Session, question: Message) -> str:
    """Whatever somebody types, but nothing."""
    answer: str = click.prompt(session.words(question))
    return answer


def _waits(copy: documents.ShownCopy) -> bool:
    """Somebody has yet to sign for it."""
    return copy.receipt is None and copy.ours is None


def _copy_meant(seen: documents.ShownRequest, typed: str | None, fit: Sequence[str]) -> str:
    """`fit`: copies of which it can be entered."""
    every = [one.id for one in seen.copies]
    if not every:
        raise CallError(
            message("office.copy.none", "nothing was copied for {number}", number=seen.number),
            message("office.copy.none.action", "edgectl request copy {number} --out DIR", number=seen.number),
            exit_codes.FAILED,
        )
    if typed in every:
        return typed
    if typed is None and len(fit or every) == 1:
        return (fit or every)[0]
    if typed is None:
        raise refused(
            "--copy", message("office.copy.several", "write which one of {copies}", copies=list(fit or every))
        )
    raise refused(
        "--copy",
        message(
            "office.copy.strange",
            "{given} is no copy of this request: write one of {copies}",
            given=units.shown(typed),
            copies=every,
        ),
    )


@request.command(short_help="Enter that a copy was destroyed, returned or filed.")
@number_argument
@click.option("--copy", "copy_id", metavar="ID", type=FILLED, help="Which one.  [the only one it can be]")
@click.option(
    "--what",
    metavar="WORD",
    type=click.Choice(get_args(documents.DisposalWord)),
    default="destroyed",
    help="returned, destroyed or filed (附卷).  [destroyed]",
)
@click.option("--handed-out", is_flag=True, help="What was handed over.  [the office's own]")
@click.option("--day", metavar="DAY", type=DAY, help="On which.  [today]")
@version_option
@json_option
@address_given
def destroyed(
    address: Address,
    /,
    number: str,
    *,
    copy_id: str | None,
    what: Literal["returned", "destroyed", "filed"],
    handed_out: bool,
    day: date | None,
    version: int | None,
    as_json: bool,
) -> None:
    """Enter what has become of a copy: of the one that the office keeps, or of what was handed over. Of a closed case,
    too. Nothing is removed by it.
    """

    def wanted(act: _Act) -> BaseModel:
        ours = [one.id for one in act.seen.copies if one.kept and one.ours is None and not _waits(one)]
        out = [one.id for one in act.seen.copies if one.receipt is not None and one.handed_out is None]
        waiting = [one.id for one in act.seen.copies if _waits(one)]
        if copy_id is None and waiting and not (out or ours):
            raise refused(
                "--copy",
                message(
                    "office.copy.not-signed",
                    "nobody has signed for {copies} yet (request receipt); a copy that came to nothing is named here",
                    copies=waiting,
                ),
            )
        copied = _copy_meant(act.seen, copy_id, out if handed_out else ours)
        return documents.DisposeAsked(
            version=act.version, copy_id=copied, disposal=what, ours=not handed_out, day=_iso(day)
        )

    _step(address, number, "destroyed", wanted, version, as_json=as_json)


@request.command(short_help="All is done: close the case.")
@number_argument
@field_option
@click.option("--file-number", metavar="NUMBER", help="檔號 of its file (專卷); a closed case may get it later.")
@version_option
@json_option
@address_given
def close(
    address: Address,
    number: str,
    *,
    fields: tuple[str, ...],
    file_number: str | None,
    version: int | None,
    as_json: bool,
) -> None:
    """All is done: close the case. What it held is under its bounds again, after a refusal 30 days later. At a
    terminal it asks for what the form has filled in afterwards and lacks, and for the number of the file (檔號), which
    may come later.
    """
    session = Session(address.daemon(), as_json)
    act = _Act(session, _read(session, known(number)).request, version)
    typed = _fields(act.seen, fields)
    wanted = documents.CloseAsked(
        version=act.version,
        fields=typed | _still_empty(act, typed),
        filed_as=_file_number(act) if file_number is None else file_number,
    )
    shown = _post(session, f"/v1/requests/{act.seen.number}/close", wanted)
    session.print(shown, lambda: request_screens.closed_screen(shown, session.reader))


def _still_empty(act: _Act, typed: Mapping[str, str]) -> dict[str, str]:
    """What the form has filled in afterwards and nobody has: as somebody types it, where somebody can be asked."""
    if act.seen.status == "closed" or act.session.as_json or not sys.stdin.isatty():
        return {}
    asked = [one for one in request_screens.empty_fields(act.seen) if one.phase != "application"]
    return {one.name: text for one in asked if one.name not in typed and (text := _field_text(act, one))}


def _field_text(act: _Act, one: documents.FormField) -> str:
    question = act.session.words.phrase(
        "office.close.field",
        "{field} of the form (Enter leaves it empty, and that is a finding)",
        field=request_screens.label(one),
    )
    told: str = click.prompt(question, default="", show_default=False)
    return told.strip()


def _file_number(act: _Act) -> str:
    """As somebody types it; "" where it is known, nobody can be asked, or nobody knows it yet."""
    if act.seen.filed_as or act.session.as_json or not sys.stdin.isatty():
        return ""
    question = act.session.words.phrase("office.close.file-number", "檔號 of its file (Enter: not known yet)")
    told: str = click.prompt(question, default="", show_default=False)
    return told.strip()


# --- the log book -----------------------------------------------------------------------------------------------------


def sign_entry(
    address: Address, number: str, row: int | None, signer: Mapping[str, Any], version: int | None, *, as_json: bool
) -> None:
    """A row of the log book, by its number; None: the only one that lacks a signature (`edgectl register sign`)."""
    _check_signer(signer)

    def wanted(act: _Act) -> BaseModel:
        entry = _entry(act.seen, row, signer["post"])
        post = entry.lacking[0] if len(entry.lacking) == 1 else ""
        asker = _signer(act, signer, post, any_post=True)
        return documents.SignEntryAsked(version=act.version, signer=asker, entry=entry.version)

    _step(address, number, "entry", wanted, version, as_json=as_json)


def _entry(seen: documents.ShownRequest, row: int | None, post: str | None) -> documents.ShownEntry:
    """CallError where none is meant, or more than one may be."""
    if row is not None:
        found = [one for one in seen.entries if one.version == row]
    else:
        found = [one for one in seen.entries if one.lacking and (post is None or post in one.lacking)]
    if len(found) == 1 and (row is None or found[0].lacking):
        return found[0]
    if row is None and len(found) > 1:
        rows = [str(one.version) for one in found]
        raise refused(
            "--row", message("register.which-row", "several rows are not signed: say which of {rows}", rows=rows)
        )
    rows = [str(one.version) for one in seen.entries if one.lacking]
    raise CallError(
        message(
            "register.nothing-to-sign", "the log book has no such row of request {number} to sign", number=seen.number
        ),
        message("register.nothing-to-sign.action", "not signed are: {rows}", rows=rows or ["–"]),
        exit_codes.FAILED,
    )


# --- what they share -------------------------------------------------------------------------------------------------


class _Act:
    """What is done upon a request as it was seen."""

    def __init__(self, session: Session, seen: documents.ShownRequest, version: int | None) -> None:
        self.session = session
        self.seen = seen
        self.version = seen.version if version is None else version


def _read(session: Session, number: str) -> documents.RequestShow:
    shown = session.read(documents.RequestShow, f"/v1/requests/{number}")
    session.at(shown.request.timezone)
    return shown


def _post(session: Session, path: str, wanted: BaseModel) -> documents.RequestShow:
    return checked(documents.RequestShow, session.daemon.post(path, wanted.model_dump_json().encode()))


def _step(
    address: Address,
    number: str,
    verb: str,
    wanted: Callable[[_Act], BaseModel],
    version: int | None,
    *,
    as_json: bool,
) -> None:
    session = Session(address.daemon(), as_json)
    act = _Act(session, _read(session, known(number)).request, version)
    _done(act, verb, wanted(act))


def _done(act: _Act, verb: str, wanted: BaseModel) -> int:
    session = act.session
    path = f"/v1/requests/{act.seen.number}/{verb}"
    try:
        shown = _post(session, path, wanted)
    except CallError as refusal:
        untyped = refusal.error.code == "office.day-untyped" and getattr(wanted, "day", "") is None
        if not untyped or session.as_json or not sys.stdin.isatty():
            raise
        question = session.words.phrase("office.day.ask", "The clock is not synchronised. Which day, such as 115.11.25")
        day: Any = click.prompt(question, type=DAY)
        shown = _post(session, path, wanted.model_copy(update={"day": _iso(day)}))
    session.print(shown, lambda: request_screens.acted_screen(shown, session.reader))
    return exit_codes.OK


Followed = TypeVar("Followed", bound=BaseModel)


def _followed(session: Session, model: type[Followed], path: str, wanted: BaseModel) -> Followed:
    """Of long work; it tells how many octets are laid out."""
    with ProgressLine(session.words) as line:
        laying_out = partial(line.copying, message("office.view.progress", "laying out"))
        return checked(model, session.daemon.follow(path, wanted.model_dump_json().encode(), laying_out))


def _agreed(session: Session, screen: Callable[[], RenderableType], question: Message, *, yes: bool) -> bool:
    """Whether whoever calls agrees to what is shown."""
    if yes:
        return True
    if session.as_json or not sys.stdin.isatty():
        raise click.UsageError(NOBODY_TO_ASK)
    print_screen(screen())
    if click.confirm(session.words(question), default=False):
        return True
    click.echo(session.words(NOTHING_DONE))
    return False


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


# --- who signs, and what


def _check_signer(given: Mapping[str, Any]) -> None:
    """Wrong usage is told before anything is asked of the daemon."""
    by_login = given["paper"] is None and given["word"] is None
    if given["paper"] is not None and given["word"] is not None:
        raise click.UsageError(
            message("office.signer.both", "somebody signs on paper or by word: leave one of the two out")
        )
    if by_login and (given["day"] is not None or given["scan"] is not None):
        raise click.UsageError(message("office.signer.login", "--day and --scan belong to --paper or --word"))
    if not by_login and given["day"] is None:
        raise refused(
            "--day", message("office.signer.day", "say which date is on the paper, or of the call: 115.11.25")
        )


def _signer_asked(
    seen: documents.ShownRequest, given: Mapping[str, Any], post: str, *, any_post: bool = False
) -> documents.SignerAsked:
    """`post`: the one that is meant unless another is named. `any_post`: the daemon finds which one of theirs it is."""
    name = given["post"] or post
    if not name and not any_post:
        todo: list[str] = [one.told for one in seen.todo]
        raise CallError(
            message("office.signer.nobody", "no signature is next in {number}", number=seen.number),
            message("office.signer.nobody.action", "what is to be done: {sentences}", sentences=todo or ["–"]),
            exit_codes.FAILED,
        )
    return documents.SignerAsked(
        post=name,
        unit=given["unit"],
        person=given["word"] if given["paper"] is None else given["paper"],
        day=_iso(given["day"]),
        by_word=given["word"] is not None,
        authorised=given["authorised"],
    )


def _signer(act: _Act, given: Mapping[str, Any], post: str, *, any_post: bool = False) -> documents.SignerAsked:
    """With the scan, which the daemon has then."""
    asked = _signer_asked(act.seen, given, post, any_post=any_post)
    if given["scan"] is None:
        return asked
    data, kind = given["scan"]
    body = act.session.daemon.post(f"/v1/requests/{act.seen.number}/scans", data, kind)
    return asked.model_copy(update={"scan": checked(documents.Scanned, body).scan})


def _keeper(seen: documents.ShownRequest) -> str:
    """Whose approval that something is kept is next."""
    return next((one.post for one in seen.keeping if one.lacking), "")


def _decider(seen: documents.ShownRequest) -> str:
    return seen.chain[-1].post if seen.chain else ""


def _fields(seen: documents.ShownRequest, typed: Iterable[str]) -> dict[str, str]:
    """By the name of a field, or as the annex calls it."""
    found = {}
    for one in typed:
        name, is_one, value = one.partition("=")
        if not is_one:
            told = message("office.field.form", "{given} is no field: write NAME=TEXT", given=units.shown(one))
            raise refused("--field", told)
        found[_field(seen, name.strip())] = value
    return found


def _field(seen: documents.ShownRequest, typed: str) -> str:
    labels = [request_screens.label(one) for one in seen.fields]
    words = [one.words for one in seen.fields]
    for known_ones in ([one.name for one in seen.fields], labels, words):
        if known_ones.count(typed) == 1:
            return seen.fields[known_ones.index(typed)].name
    raise refused(
        "--field",
        message(
            "office.field.none",
            "the form has no field {given}, or more than one: write one of {fields}",
            given=units.shown(typed),
            fields=labels,
        ),
    )


def _scope(
    session: Session,
    whole: Sequence[documents.Part],
    cameras: Sequence[str],
    starts: Sequence[str],
    ends: Sequence[str],
) -> list[documents.PartAsked] | None:
    """What is named of the whole; all of it, where nothing is. None: there is nothing yet to name a part of."""
    if len(starts) != len(ends) or (len(cameras) > 1 and len(starts) not in (0, 1, len(cameras))):
        raise click.UsageError(
            message("office.scope.pairs", "--from and --to come in pairs: one for all cameras, or one for each")
        )
    times = [interval(session, start, end) for start, end in zip(starts, ends, strict=True)]
    there = list(dict.fromkeys(one.camera for one in whole))
    if not there:
        return None
    if strange := next((one for one in cameras if one not in there), None):
        told = message(
            "office.scope.camera",
            "there is no camera {camera} in this request: write one of {cameras}",
            camera=units.shown(strange),
            cameras=there,
        )
        raise refused("--camera", told)
    if not times:
        return [_part(one.camera, one.start, one.end) for one in whole if one.camera in (cameras or there)]
    if len(cameras) > 1 and len(times) > 1:
        return [_part(camera, *when) for camera, when in zip(cameras, times, strict=True)]
    return [_part(camera, *when) for camera in cameras or there for when in times]


def _part(camera: str, start: str | None, end: str | None) -> documents.PartAsked:
    return documents.PartAsked(camera=camera, start=start or "", end=end or "")
