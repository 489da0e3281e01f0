"""What is to be done now in a case, in the order in which it is done. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from edged.office.request import SHOWN, Request, ViewingState
from edged.profiles.procedures import Procedure, Unit, Use
from storage.words.message import Message, message


def next_steps(
    procedure: Procedure,
    request: Request,
    applying: frozenset[str] = frozenset(),
    log_posts: Collection[str] = (),
    to_destroy: Collection[str] = (),
) -> Iterator[Message]:
    """`applying`: conditional checks that the form brings. `log_posts`: who signs a row of the log book. `to_destroy`:
    copies of which the office has to destroy its own soon, by their ids.
    """
    if request.closed:
        yield from _kept(procedure, request, log_posts, to_destroy)
        if not request.filed_as:
            yield message("office.todo.file", "enter the number of its file (檔號) (request close --file-number)")
        return
    if request.decision is None and not request.withdrawn and procedure.chain:
        yield from _undecided(procedure, request, applying)
        return
    if request.word_pending:
        yield message("office.todo.word", "the signature of what was granted by word is still missing (request sign)")
    if not request.replied:
        yield message("office.todo.reply", "answer whoever asked (request print --paper reply, request reply)")
    if request.decision is not None and request.decision.granted and not request.withdrawn:
        yield from _granted(procedure, request)
    unsigned = request.unsigned if procedure.receipt else 0
    if unsigned > 0:
        yield message(
            "office.todo.receipt",
            "have it signed for: {count} so far are not (request print --paper receipt, request receipt)",
            count=unsigned,
        )
    yield from _kept(procedure, request, log_posts, to_destroy)
    if request.replied and request.viewing is None:
        if request.filed_as:
            yield message("office.todo.close", "when all is done, close it (request close)")
        else:
            yield message(
                "office.todo.close-file",
                "when all is done, close it with the number of its file (檔號) (request close --file-number)",
            )


def _kept(
    procedure: Procedure, request: Request, log_posts: Collection[str], to_destroy: Collection[str]
) -> Iterator[Message]:
    """What is left of what was seen or taken, also once the case is closed. Of a copy that somebody has yet to sign for
    nothing is said: without the office's own it could not be handed over any more.
    """
    for entry in request.entries:
        if lacking := entry.lacking(log_posts):
            yield message(
                "office.todo.entry",
                "row {entry} of the log book is signed by {posts} (register sign)",
                entry=entry.version,
                posts=lacking,
            )
    for copy in request.copies:
        if copy.is_here and copy.made in to_destroy and not (procedure.receipt and copy.waits):
            yield message(
                "office.todo.destroy",
                "destroy or file what the office keeps of copy {copy}, and enter that (request destroyed)",
                copy=copy.made,
            )


def _undecided(procedure: Procedure, request: Request, applying: frozenset[str]) -> Iterator[Message]:
    if request.supplement:
        yield message(
            "office.todo.supplement",
            "send the notice (request print --paper reply), wait for the supplement, enter it (request supplement)",
        )
        return
    if not request.asked:
        yield message(
            "office.todo.mend",
            "nothing is held: its cameras or times cannot be read, so mend them (request supplement --field)",
        )
    for check in procedure.checks:
        if check.name not in request.outcomes and (not check.when or check.name in applying):
            yield message("office.todo.check", "check {name} (request check)", name=check.words)
    number, last = request.step(procedure), len(procedure.chain) - 1
    step = procedure.chain[min(number, last)]
    is_once = [one.post for one in procedure.chain].count(step.post) == 1
    post = step.post if is_once else post_words(step.post, step.unit)
    lacking = sorted(request.lacking(number, step) - {""}) if number < last else []
    if lacking:
        yield message("office.todo.sign-units", "{post} of {units} signs (request sign)", post=post, units=lacking)
    elif number < last:
        yield message("office.todo.sign", "{post} signs (request sign)", post=post)
    else:
        yield message("office.todo.decide", "{post} grants or refuses (request grant, request refuse)", post=post)


def post_words(post: str, unit: str) -> Message:
    """`unit`: whose post it is (`Unit`); named where that is not the whole office."""
    match unit:
        case Unit.APPLICANT:
            return message("office.post.applicant", "{post} (applicant's section)", post=post)
        case Unit.MANAGING:
            return message("office.post.managing", "{post} (managing section)", post=post)
        case Unit.CAMERA:
            return message("office.post.camera", "{post} (each unit)", post=post)
    return Message(post)


def _granted(procedure: Procedure, request: Request) -> Iterator[Message]:
    if request.on_paper and request.paper_seen_by is None:
        yield message("office.todo.paper", "a second person sees the paper (request check --paper)")
    uses = frozenset[Use]() if request.decision is None else request.decision.uses
    if procedure.appointment and not request.appointed and not uses.isdisjoint(SHOWN):
        yield message("office.todo.appoint", "appoint a time (request appoint)")
    yield from _handed_out(procedure, request, uses)
    if request.hold_asked and not request.held:
        number = len(request.hold_by)
        if number < len(procedure.hold_by):
            yield message(
                "office.todo.keep-approve",
                "{post} approves that it is kept (request sign --keep)",
                post=procedure.hold_by[number].post,
            )
        else:
            yield message("office.todo.keep", "keep it in the office (request copy --keep)")
    if request.viewing is not None:
        yield message("office.todo.viewing", "a viewing is open: end it (request view --end)")


def _handed_out(procedure: Procedure, request: Request, uses: frozenset[Use]) -> Iterator[Message]:
    """What was granted and has not been seen or taken yet. `uses`: those of the grant."""
    if (
        request.viewing is None
        and not any(one.state is ViewingState.ENDED for one in request.viewings)
        and not uses.isdisjoint(SHOWN)
    ):
        if procedure.companion_by_login:
            yield message(
                "office.todo.here",
                "{post} says from their own account that they are there (request view --here)",
                post=procedure.companion,
            )
        yield message(
            "office.todo.view", "show it in company of {post} (request view --companion)", post=procedure.companion
        )
    if Use.COPY in uses and not request.copies:
        yield message("office.todo.copy", "copy it out (request copy --out)")
    if not request.held and (Use.HOLD in uses or request.hold_asked):
        yield from _kept_in_office(procedure, request)


def _kept_in_office(procedure: Procedure, request: Request) -> Iterator[Message]:
    lacking = procedure.hold_by[len(request.hold_by) :]
    if lacking:
        yield message(
            "office.todo.hold-sign", "{post} approves that it is kept (request sign --keep)", post=lacking[0].post
        )
    else:
        yield message("office.todo.hold", "keep it in the office (request copy --keep)")
