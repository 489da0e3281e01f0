"""A request from its receipt to its close, as a pure machine: what is there and what somebody does make what is there
next, or `Unfit` says why not.

It knows steps, not offices: what is asked for, who signs in which order and what may be granted stands in the
`Procedure`. Who holds which post was found out before (`Hand`); clocks, footage and paper are others' business. A
request holds no name and no word of a person.

Nothing is ever taken back but signatures: they fall when a field of the application changes or a step is returned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import singledispatch
from typing import Any, Final, TypeAlias

from edged.profiles.procedures import (
    AnnexField,
    ChainStep,
    Phase,
    Procedure,
    ReplyClock,
    RequestCheck,
    StepKind,
    Unit,
    Use,
)
from storage.words.message import NOTHING, Message, message

SHOWN: Final = frozenset({Use.VIEW, Use.LOOK})
"""What a viewing takes."""
USES: Final[Mapping[str, Message]] = {
    Use.VIEW: message("office.use.view", "viewing"),
    Use.HOLD: message("office.use.hold", "keeping in the office"),
    Use.COPY: message("office.use.copy", "a copy"),
    Use.LOOK: message("office.use.look", "a look, whose outcome is told"),
}
TAKEN: Final = frozenset({Use.COPY, Use.HOLD})
"""What makes files."""


class Unfit(ValueError):
    """It cannot be done as things are; nothing has changed."""

    def __init__(self, why: Message, action: Message = NOTHING) -> None:
        """`action`: what to do, where the request itself does not show that."""
        super().__init__(why)
        self.why = why
        self.action = action


class Delivery(StrEnum):
    """How a reply (函復) goes out."""

    MAIL = "mail"
    HANDED = "handed"
    EXCHANGE = "exchange"
    """公文電子交換."""
    EMAIL = "email"


class Secrecy(StrEnum):
    """密等 (文書處理手冊 49), the lowest first."""

    RESTRICTED = "密"
    CONFIDENTIAL = "機密"
    SECRET = "極機密"  # noqa: S105 - a word of the regulation
    TOP_SECRET = "絕對機密"  # noqa: S105


class Disposal(StrEnum):
    """What has become of a copy."""

    RETURNED = "returned"
    DESTROYED = "destroyed"
    FILED = "filed"
    """附卷: it lies in a file of whoever has it, and follows that."""


DELIVERIES: Final[Mapping[str, Message]] = {
    Delivery.MAIL: message("office.delivery.mail", "by mail"),
    Delivery.HANDED: message("office.delivery.handed", "handed over"),
    Delivery.EXCHANGE: message("office.delivery.exchange", "by the exchange of official letters"),
    Delivery.EMAIL: message("office.delivery.email", "by e-mail"),
}
DISPOSALS: Final[Mapping[str, Message]] = {
    Disposal.RETURNED: message("office.disposal.returned", "returned"),
    Disposal.DESTROYED: message("office.disposal.destroyed", "destroyed"),
    Disposal.FILED: message("office.disposal.filed", "filed (附卷)"),
}


class Door(StrEnum):
    """Where a signature came in."""

    LOGIN = "login"
    PAPER = "paper"
    WORD = "word"
    """By telephone: the signature follows."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Footage of one camera; wall clock, ms since 1970, the end not included."""

    camera: str
    from_ms: int
    to_ms: int

    def within(self, other: Stretch) -> bool:
        return self.camera == other.camera and other.from_ms <= self.from_ms < self.to_ms <= other.to_ms


Scope: TypeAlias = tuple[Stretch, ...]


def within(scope: Iterable[Stretch], granted: Scope) -> bool:
    """Each stretch lies in one of the granted ones: what is granted in two parts has a hole between them."""
    return all(any(one.within(other) for other in granted) for one in scope)


OUTSIDE: Final = 0
"""Number of whoever is no person of the table: an applicant from outside, who signs on paper."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Somebody who acts by a post that they hold now. People are numbers of the table of persons."""

    person: int
    post: str
    door: Door = Door.LOGIN
    unit: str = ""
    """Whose post it is, where a chain asks each unit."""
    deputy: bool = False
    """代為決行: for whoever holds it."""
    authorised: bool = False
    """By the holder, in writing; or of a rank that the text calls equal."""
    entered_by: int | None = None
    """Who entered what was signed on paper or said by telephone."""
    paper_day: int | None = None
    """The date on the paper, or of the telephone call: an ordinal."""
    scan: int | None = None
    """Position of its picture among the scans of the request."""


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """Of a check."""

    outcome: str
    by: int
    document: bool = False
    """It is named which document or law it rests on: words of an earlier outcome are none of it."""


@dataclass(frozen=True, slots=True)
class Signature:
    step: int
    """Number of the step in the chain, from 0."""
    hand: Hand


@dataclass(frozen=True, slots=True)
class Decision:
    """Of whoever decides. Without uses it is refused."""

    uses: frozenset[Use]
    scope: Scope
    hand: Hand

    @property
    def granted(self) -> bool:
        return bool(self.uses)


def grants_less(request: Request, decision: Decision | Decide) -> bool:
    """Whether less was granted than is asked for."""
    return decision.uses != request.uses or not within(request.asked, decision.scope)


def denies_by_class(procedure: Procedure, request: Request) -> bool:
    """Whether who asks may not have all of it by what they are: whatever their case is like, the text sends them
    elsewhere (`Procedure.instead`).
    """
    return bool(request.uses - frozenset(procedure.may)) or frozenset(procedure.may) <= {Use.LOOK}


class ViewingState(StrEnum):
    OPEN = "open"
    ENDED = "ended"
    CUT = "cut"
    """By a fault: it does not count as the one that the text allows."""


@dataclass(frozen=True, slots=True)
class Viewing:
    day: int
    """Ordinal of the legal day."""
    state: ViewingState
    operator: int
    companion: int


@dataclass(frozen=True, slots=True)
class Copy:
    """One that left."""

    made: str = ""
    """The export that it is, by its id."""
    signed_for: bool = False
    kept: bool = True
    """The office has one of it, too."""
    ours: Disposal | None = None
    """What has become of that."""
    handed_out: Disposal | None = None
    """What has become of what was handed over."""

    @property
    def is_here(self) -> bool:
        """As far as anybody has entered it, the office has it."""
        return self.kept and self.ours is None

    @property
    def waits(self) -> bool:
        """Somebody has yet to sign for it."""
        return not self.signed_for and self.ours is None

    @property
    def came_to_nothing(self) -> bool:
        """Nobody has got it, nor will: the office has done away with its own before anybody signed."""
        return not self.signed_for and self.ours is not None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A row of a log book (附件5)."""

    version: int
    """That the act it tells of has made."""
    signed: tuple[Hand, ...] = ()

    def lacking(self, posts: Iterable[str]) -> list[str]:
        """Those of `posts`, which sign a row, that have not."""
        there = {hand.post for hand in self.signed}
        return [post for post in posts if post not in there]


class RequestStatus(StrEnum):
    """How far it is, for a list."""

    DECIDING = "deciding"
    SUPPLEMENT = "supplement"
    """補正: the applicant is asked, and the clock rests."""
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Request:
    """What stands of it. `version` grows with each step: who acts on an older one acts on what is no more."""

    row: str
    asked: Scope
    uses: frozenset[Use]
    applicant: int | None = None
    """Of the table of persons; None for somebody from outside."""
    units: frozenset[str] = frozenset()
    """Those whose cameras are meant, where the chain asks each."""
    version: int = 1
    signatures: tuple[Signature, ...] = ()
    outcomes: Mapping[str, CheckOutcome] = field(default_factory=dict)
    decision: Decision | None = None
    word_pending: bool = False
    """It was decided by word, and the signature is not there yet."""
    supplement: bool = False
    extended: bool = False
    withdrawn: bool = False
    replied: bool = False
    paper_seen_by: int | None = None
    appointed: bool = False
    hold_asked: Scope = ()
    """保存, asked for at a viewing."""
    hold_by: tuple[Hand, ...] = ()
    viewings: tuple[Viewing, ...] = ()
    held: bool = False
    copies: tuple[Copy, ...] = ()
    """Those that left, the first one first."""
    entries: tuple[LogEntry, ...] = ()
    """Where the text has a log book: its rows, a viewing or a copy each."""
    filed_as: str = ""
    """檔號 of its file (專卷)."""
    closed: bool = False

    @property
    def status(self) -> RequestStatus:
        if self.closed:
            return RequestStatus.CLOSED
        if self.withdrawn:
            return RequestStatus.WITHDRAWN
        if self.decision is not None:
            return RequestStatus.GRANTED if self.decision.granted else RequestStatus.REFUSED
        return RequestStatus.SUPPLEMENT if self.supplement else RequestStatus.DECIDING

    @property
    def viewing(self) -> Viewing | None:
        """The one that is open."""
        return self.viewings[-1] if self.viewings and self.viewings[-1].state is ViewingState.OPEN else None

    @property
    def on_paper(self) -> tuple[Hand, ...]:
        """Hands that nobody of this box saw sign."""
        decided = () if self.decision is None else (self.decision.hand,)
        hands = (*(one.hand for one in self.signatures), *decided, *self.hold_by)
        return tuple(one for one in hands if one.door is not Door.LOGIN)

    @property
    def unsigned(self) -> int:
        """Copies that somebody has yet to sign for."""
        return sum(one.waits for one in self.copies)

    def step(self, procedure: Procedure) -> int:
        """Number of the step that is next; the length of the chain once all have signed."""
        for number, step in enumerate(procedure.chain):
            if self.lacking(number, step):
                return number
        return len(procedure.chain)

    def lacking(self, number: int, step: ChainStep) -> frozenset[str]:
        """Units whose signature a step lacks; "" where it is one of the office."""
        needed = self.units or frozenset({""}) if step.unit is Unit.CAMERA else frozenset({""})
        signed = {one.hand.unit if step.unit is Unit.CAMERA else "" for one in self.signatures if one.step == number}
        return needed - signed


# --- what somebody does


@dataclass(frozen=True, slots=True)
class Amend:
    """Fields are filled or changed; `scope`, `uses`: those of the application, if they change."""

    fields: frozenset[str]
    scope: Scope | None = None
    uses: frozenset[Use] | None = None
    units: frozenset[str] | None = None
    lost: bool = False
    """The form was lost with its key once it was decided: what it said is written again, and nothing else changes."""


@dataclass(frozen=True, slots=True)
class Examine:
    """A check has an outcome."""

    check: str
    outcome: str
    by: int
    document: bool
    """It is named which document or law it rests on."""


@dataclass(frozen=True, slots=True)
class Sign:
    hand: Hand


@dataclass(frozen=True, slots=True)
class Return:
    """退回: to an earlier step, whose signature falls with all behind it."""

    hand: Hand
    to: int


@dataclass(frozen=True, slots=True)
class AskSupplement:
    hand: Hand
    until_day: int | None = None
    """By when, an ordinal."""


@dataclass(frozen=True, slots=True)
class Supplemented:
    day: int | None = None
    """When it came in, an ordinal; None: on the day of the entry."""


@dataclass(frozen=True, slots=True)
class Decide:
    """The last signature: what is granted, no more than was asked for; nothing: refused."""

    hand: Hand
    uses: frozenset[Use]
    scope: Scope
    applying: frozenset[str] = frozenset()
    """Checks that are asked for only where the form says something, and it does (`applicable`)."""


@dataclass(frozen=True, slots=True)
class AskHold:
    """保存 of what was seen, where the text has it asked for then; approved as `Procedure.hold_by` says."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class ApproveHold:
    """保存, where the text names who approves it."""

    hand: Hand


@dataclass(frozen=True, slots=True)
class Extend:
    hand: Hand


@dataclass(frozen=True, slots=True)
class Withdraw:
    pass


@dataclass(frozen=True, slots=True)
class Reply:
    day: int | None = None
    """Of the letter, an ordinal; None: the day of the entry."""
    letter: str = ""
    """發文字號."""
    delivery: Delivery | None = None


@dataclass(frozen=True, slots=True)
class SeePaper:
    """A second person has seen the paper of all steps that came in on it, up to the decision and of what is kept."""

    by: int
    """From a login of their own."""


@dataclass(frozen=True, slots=True)
class Appoint:
    at_ms: int | None = None
    """Wall clock, ms since 1970."""


@dataclass(frozen=True, slots=True)
class OpenViewing:
    day: int
    operator: int
    companion: Hand
    present: int
    """Persons there beside operator and companion."""


@dataclass(frozen=True, slots=True)
class EndViewing:
    not_filmed: bool
    """未拍攝 is confirmed."""


@dataclass(frozen=True, slots=True)
class CutViewing:
    """A fault ended it."""


@dataclass(frozen=True, slots=True)
class Take:
    """A file is made: a copy that leaves, or one that is kept."""

    use: Use
    scope: Scope
    made: str = ""
    """The export or pin that it is, by its id."""
    secrecy: Secrecy | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """簽收 of a copy."""

    copy: str = ""
    """By its id; "": the first that nobody has signed for."""
    day: int | None = None
    """On which it was handed over, an ordinal; None: the day of the entry."""
    fingerprint: str = ""
    """SHA-256 of its list, hex."""
    fee: int | None = None
    """費用, in dollars; None where the text has none."""
    kept: bool = True
    """The office keeps one of it, too."""


@dataclass(frozen=True, slots=True)
class Dispose:
    """A copy was returned, destroyed or filed."""

    copy: str
    disposal: Disposal
    ours: bool
    """The one that the office has; else what was handed over."""
    day: int | None = None
    """An ordinal; None: the day of the entry."""


@dataclass(frozen=True, slots=True)
class SignEntry:
    """簽章 of a row of the log book."""

    hand: Hand
    entry: int
    """By its version."""


@dataclass(frozen=True, slots=True)
class FileCase:
    """專卷: the case has its file."""

    number: str
    """檔號."""


@dataclass(frozen=True, slots=True)
class Close:
    pass


Act: TypeAlias = (
    Amend | Examine | Sign | Return | AskSupplement | Supplemented | Decide | AskHold | ApproveHold | Extend | Withdraw
    | Reply | SeePaper | Appoint | OpenViewing | EndViewing | CutViewing | Take | Receipt | Dispose | SignEntry
    | FileCase | Close
)  # fmt: skip
AFTER_CLOSE: Final = (Dispose, SignEntry, FileCase)
"""What is done of a case that is closed, too."""


def receive(
    procedure: Procedure,
    asked: Scope,
    uses: frozenset[Use],
    applicant: int | None = None,
    units: frozenset[str] = frozenset(),
) -> Request:
    """收文. Whatever is asked for is received: what may not be had is refused in the end, not turned away."""
    return Request(procedure.row, asked, uses, applicant, units)


def advance(procedure: Procedure, request: Request, act: Act, version: int) -> Request:
    """What stands after it. Unfit: it cannot be done; nothing has changed.

    `version`: of what whoever acts had before them.
    """
    if version != request.version:
        raise Unfit(
            message("office.meanwhile", "somebody else has changed the request meanwhile: look at it again, then act")
        )
    _require(not request.closed or isinstance(act, AFTER_CLOSE), CLOSED)
    done = replace(_done(act, procedure, request), version=request.version + 1)
    if procedure.register_form and isinstance(act, OpenViewing | Take):
        done = replace(done, entries=(*done.entries, LogEntry(done.version)))
    return done


@singledispatch
def _done(act: object, _: Procedure, __: Request) -> Request:
    raise TypeError(act)


def _require(holds: object, why: Message, action: Message = NOTHING) -> None:
    if not holds:
        raise Unfit(why, action)


UNDECIDED: Final = message("office.not-decided", "it is not decided yet")
DECIDED: Final = message("office.decided", "it is decided: what is wanted otherwise is a request of its own")
WITHDRAWN: Final = message("office.withdrawn", "it was withdrawn")
CLOSED: Final = message("office.closed", "the case is closed")
OWN: Final = message("office.own-request", "nobody signs for his own request: a deputy or the next post does")
RESTING: Final = message("office.resting", "the applicant was asked for a supplement, and it is not there yet")


def _open(request: Request) -> None:
    """Not decided, not withdrawn."""
    _require(not request.withdrawn, WITHDRAWN)
    _require(request.decision is None, DECIDED)


@_done.register
def _amend(act: Amend, procedure: Procedure, request: Request) -> Request:
    _require(act.lost or not request.withdrawn, WITHDRAWN)
    known = {one.name: one.phase for one in procedure.fields}
    strange = sorted(act.fields - known.keys())
    _require(not strange, message("office.no-field", "the form has no field {names}", names=strange))
    if act.lost:
        return request
    application = {known[name] for name in act.fields} & {Phase.APPLICATION}
    if not application and act.scope is None and act.uses is None:
        return request
    _open(request)
    return replace(
        request,
        asked=request.asked if act.scope is None else act.scope,
        uses=request.uses if act.uses is None else act.uses,
        units=request.units if act.units is None else act.units,
        signatures=(),
    )


@_done.register
def _examine(act: Examine, procedure: Procedure, request: Request) -> Request:
    _open(request)
    check = next((one for one in procedure.checks if one.name == act.check), None)
    if check is None:
        raise Unfit(message("office.no-check", "this procedure has no check {name}", name=act.check))
    _require(
        act.outcome in check.outcomes,
        message(
            "office.no-outcome", "{name} comes out as one of: {outcomes}", name=check.words, outcomes=check.outcomes
        ),
    )
    if not act.document and act.outcome in check.named:
        raise Unfit(
            message("office.no-document", "{name}: say which document or law this rests on", name=check.words),
            message("office.no-document.action", "add --document, such as 國民身分證正本"),
        )
    _not_own(request, act.by)
    return replace(request, outcomes={**request.outcomes, act.check: CheckOutcome(act.outcome, act.by, act.document)})


def _not_own(request: Request, person: int) -> None:
    _require(request.applicant is None or person != request.applicant, OWN)


def _fits(step: ChainStep, hand: Hand) -> bool:
    return hand.post == step.post and (not hand.authorised or step.or_authorised or step.or_equal)


def _hand(procedure: Procedure, request: Request, number: int, hand: Hand) -> ChainStep:
    """The step that this hand may sign. Unfit."""
    step = procedure.chain[number]
    _require(
        _fits(step, hand),
        message(
            "office.not-your-step",
            "the next signature is that of {post}, and not of {own}",
            post=step.post,
            own=hand.post,
        ),
    )
    if step.kind is StepKind.APPLY:
        _require(
            hand.person == (OUTSIDE if request.applicant is None else request.applicant),
            message("office.applicant-signs", "this is the applicant's own signature"),
        )
    else:
        _not_own(request, hand.person)
    _came_in(procedure, hand)
    if step.unit is Unit.CAMERA:
        _require(hand.unit in request.lacking(number, step), other_unit(hand.unit))
    return step


def _came_in(procedure: Procedure, hand: Hand) -> None:
    """By a door that this procedure has."""
    _require(
        hand.door is not Door.WORD or procedure.by_word,
        message("office.not-by-word", "this is signed, and not said by telephone"),
    )
    _require(
        hand.door is Door.LOGIN or hand.entered_by is not None,
        message("office.nobody-entered", "who entered it is not known"),
    )


def other_unit(unit: str) -> Message:
    return message("office.other-unit", "no signature of {unit} is missing here", unit=unit)


@_done.register
def _sign(act: Sign, procedure: Procedure, request: Request) -> Request:
    if request.word_pending:
        return _word_signed(act, procedure, request)
    _open(request)
    _require(not request.supplement, RESTING)
    number = request.step(procedure)
    _require(
        number < len(procedure.chain) and procedure.chain[number].kind is not StepKind.DECIDE,
        message("office.only-decision", "what is left is the decision: grant or refuse it"),
    )
    _hand(procedure, request, number, act.hand)
    return replace(request, signatures=(*request.signatures, Signature(number, act.hand)))


def _word_signed(act: Sign, procedure: Procedure, request: Request) -> Request:
    """The signature of what was decided by word."""
    number = len(procedure.chain) - 1
    _hand(procedure, replace(request, decision=None), number, act.hand)
    _require(act.hand.door is not Door.WORD, message("office.word-again", "the word is there: this is its signature"))
    decided = request.decision
    assert decided is not None  # noqa: S101 - what is pending was decided
    earlier = tuple(one for one in request.signatures if one.step != number)
    return replace(
        request,
        word_pending=False,
        decision=replace(decided, hand=act.hand),
        signatures=(*earlier, Signature(number, act.hand)),
        paper_seen_by=None,
    )


@_done.register
def _return(act: Return, procedure: Procedure, request: Request) -> Request:
    _open(request)
    number = request.step(procedure)
    before = [step.post for step in procedure.chain[:number]]
    _require(
        0 <= act.to < number,
        message("office.return-back", "it is returned to a step before: {steps}", steps=before),
    )
    _hand(procedure, request, min(number, len(procedure.chain) - 1), act.hand)
    return replace(request, signatures=tuple(one for one in request.signatures if one.step < act.to))


def _has_part(procedure: Procedure, request: Request, hand: Hand) -> None:
    """Whoever signs some step of it, now or later."""
    _not_own(request, hand.person)
    _came_in(procedure, hand)
    _require(
        any(_fits(step, hand) and step.kind is not StepKind.APPLY for step in procedure.chain),
        message("office.not-of-chain", "{post} has no part in this request", post=hand.post),
    )


@_done.register
def _ask_supplement(act: AskSupplement, procedure: Procedure, request: Request) -> Request:
    _open(request)
    _require(not request.supplement, RESTING)
    _has_part(procedure, request, act.hand)
    return replace(request, supplement=True)


@_done.register
def _supplemented(_: Supplemented, __: Procedure, request: Request) -> Request:
    _open(request)
    _require(request.supplement, message("office.nothing-asked", "no supplement was asked for"))
    return replace(request, supplement=False)


@_done.register
def _decide(act: Decide, procedure: Procedure, request: Request) -> Request:
    _open(request)
    _require(
        procedure.chain,
        message("office.nobody-decides", "nothing can be granted here: {instead}", instead=procedure.instead),
    )
    _require(not request.supplement, RESTING)
    number, last = request.step(procedure), len(procedure.chain) - 1
    by_word = act.hand.door is Door.WORD
    _require(
        number == last or by_word,
        message(
            "office.step-missing", "before the decision {post} signs", post=procedure.chain[min(number, last)].post
        ),
    )
    _hand(procedure, request, last, act.hand)
    if act.uses:
        _grantable(procedure, request, act)
    return replace(
        request,
        decision=Decision(act.uses, act.scope if act.uses else (), act.hand),
        signatures=(*request.signatures, Signature(last, act.hand)),
        word_pending=by_word and bool(act.uses),
    )


def _grantable(procedure: Procedure, request: Request, act: Decide) -> None:
    """Unfit: more than was asked for, more than the text allows, or a check stands in the way."""
    beyond = sorted(act.uses - frozenset(procedure.may))
    _require(
        not beyond,
        message(
            "office.not-allowed",
            "{row} may not have {uses}: {instead}",
            row=procedure.row,
            uses=[USES[one] for one in beyond],
            instead=procedure.instead or "–",
        ),
    )
    _require(act.uses <= request.uses, message("office.not-asked", "no more is granted than was asked for"))
    _require(
        act.scope and within(act.scope, request.asked),
        message("office.scope", "cameras and times that are granted lie within those that were asked for"),
    )
    for check in procedure.checks:
        if check.when and check.name not in act.applying:
            continue
        found = request.outcomes.get(check.name)
        if found is None:
            raise Unfit(message("office.unchecked", "{name} is not checked yet", name=check.words))
        _require(
            check.all_pass or found.outcome != check.outcomes[-1],
            message(
                "office.check-failed",
                "{name}: {outcome}; it can only be refused",
                name=check.words,
                outcome=found.outcome,
            ),
        )


def applicable(one: AnnexField | RequestCheck | ReplyClock, filled: Callable[[str], frozenset[str]]) -> bool:
    """Whether it is asked for, by what the form says: `filled` are the choices of a field."""
    return not one.when or one.when in filled(one.when_field)


@_done.register
def _ask_hold(act: AskHold, procedure: Procedure, request: Request) -> Request:
    decision = granted(request, Use.VIEW)
    _require(
        Use.HOLD in procedure.may and procedure.hold_by,
        message("office.no-hold", "nothing is kept by this procedure: {instead}", instead=procedure.instead),
    )
    _require(request.viewings, message("office.hold-unseen", "what is kept was seen before"))
    _require(
        act.scope,
        message("office.hold-unsaid", "say what of it is to be kept"),
        message("office.hold-unsaid.action", "name it: --camera ID --from TIME --to TIME"),
    )
    _require(
        within(act.scope, decision.scope),
        message("office.beyond-grant", "cameras and times lie within what was granted"),
    )
    _require(not request.held, message("office.held", "it is kept already"))
    return replace(request, hold_asked=act.scope, hold_by=())


@_done.register
def _approve_hold(act: ApproveHold, procedure: Procedure, request: Request) -> Request:
    if not request.hold_asked:
        granted(request, Use.HOLD)
    number = len(request.hold_by)
    _require(number < len(procedure.hold_by), message("office.hold-approved", "keeping it needs no further approval"))
    step = procedure.hold_by[number]
    _require(
        _fits(step, act.hand),
        message(
            "office.not-your-step",
            "the next signature is that of {post}, and not of {own}",
            post=step.post,
            own=act.hand.post,
        ),
    )
    _not_own(request, act.hand.person)
    _came_in(procedure, act.hand)
    return replace(request, hold_by=(*request.hold_by, act.hand), paper_seen_by=_still_seen(request, act.hand))


def _still_seen(request: Request, hand: Hand) -> int | None:
    """Who has seen the paper; nobody yet, if this one came in on paper, too."""
    return request.paper_seen_by if hand.door is Door.LOGIN else None


@_done.register
def _extend(act: Extend, procedure: Procedure, request: Request) -> Request:
    _open(request)
    _has_part(procedure, request, act.hand)
    _require(
        procedure.clock is not None and procedure.clock.extension > 0,
        message("office.no-extension", "the time for this reply cannot be lengthened"),
    )
    _require(not request.extended, message("office.extended", "it was lengthened once already"))
    return replace(request, extended=True)


@_done.register
def _withdraw(_: Withdraw, __: Procedure, request: Request) -> Request:
    _require(not request.withdrawn, WITHDRAWN)
    _require(request.viewing is None, message("office.viewing-open", "a viewing is open: end it first"))
    return replace(request, withdrawn=True)


@_done.register
def _reply(_: Reply, procedure: Procedure, request: Request) -> Request:
    _require(request.decision is not None or request.withdrawn or not procedure.chain, UNDECIDED)
    _require(not request.replied, message("office.replied", "it was answered already"))
    return replace(request, replied=True)


@_done.register
def _see_paper(act: SeePaper, _: Procedure, request: Request) -> Request:
    _require(request.decision is not None, UNDECIDED)
    _require(request.on_paper, message("office.no-paper", "no step of it is on paper"))
    entered = {hand.entered_by for hand in request.on_paper}
    _require(
        act.by not in entered and act.by not in {hand.person for hand in request.on_paper},
        message("office.paper-second", "another person than who signed or entered it sees the paper"),
    )
    _not_own(request, act.by)
    return replace(request, paper_seen_by=act.by)


@_done.register
def _appoint(_: Appoint, __: Procedure, request: Request) -> Request:
    granted(request, *SHOWN)
    return replace(request, appointed=True)


def granted(request: Request, *uses: Use) -> Decision:
    """The grant in force of one of these uses. Unfit: there is none."""
    _require(not request.withdrawn, WITHDRAWN)
    _require(not request.closed, CLOSED)
    decision = request.decision
    if decision is None:
        raise Unfit(UNDECIDED)
    _require(
        decision.uses & frozenset(uses),
        message(
            "office.not-granted",
            "what was granted does not hold for this: {uses}",
            uses=[USES[one] for one in sorted(uses)],
        ),
    )
    return decision


def _seen(request: Request) -> None:
    _require(
        not request.on_paper or request.paper_seen_by is not None,
        message("office.paper-unseen", "steps of it are on paper, which a second person has to see first"),
        message(
            "office.paper-unseen.action", "another person, by their own login: edgectl request check NUMBER --paper"
        ),
    )


@_done.register
def _open_viewing(act: OpenViewing, procedure: Procedure, request: Request) -> Request:
    granted(request, *SHOWN)
    _seen(request)
    _require(request.viewing is None, message("office.viewing-open", "a viewing is open: end it first"))
    _require(
        request.appointed or not procedure.appointment,
        message("office.no-appointment", "no time was appointed for it"),
    )
    _require(
        act.companion.post == procedure.companion,
        message("office.companion", "{post} has to be there", post=procedure.companion),
    )
    _require(
        act.companion.door is Door.LOGIN or not procedure.companion_by_login,
        message(
            "office.companion-login",
            "{post} says first, from an account of their own, that they are there: edgectl request view NUMBER --here",
            post=procedure.companion,
        ),
    )
    _require(
        act.companion.person != act.operator,
        message("office.alone", "nobody looks alone: another person than who shows it is there"),
    )
    _not_own(request, act.companion.person)
    _require(act.present > 0 or Use.VIEW not in procedure.may, message("office.nobody-present", "say who is there"))
    ended = [one for one in request.viewings if one.state is ViewingState.ENDED]
    _require(
        not (procedure.once and ended),
        message("office.used-up", "it is used up by its viewing: a second look takes a new request"),
    )
    cut = [one for one in request.viewings if one.state is ViewingState.CUT]
    _require(
        not (procedure.once and cut) or cut[-1].day == act.day,
        message("office.cut-another-day", "a viewing that was cut is resumed on the same day only"),
    )
    opened = Viewing(act.day, ViewingState.OPEN, act.operator, act.companion.person)
    return replace(request, viewings=(*request.viewings, opened))


def _close_viewing(request: Request, state: ViewingState) -> Request:
    if (viewing := request.viewing) is None:
        raise Unfit(message("office.no-viewing", "no viewing is open"))
    return replace(request, viewings=(*request.viewings[:-1], replace(viewing, state=state)))


@_done.register
def _end_viewing(act: EndViewing, _: Procedure, request: Request) -> Request:
    _require(
        act.not_filmed,
        message(
            "office.filmed",
            "a viewing ends when nobody has filmed (未拍攝); if somebody has, --cut removes the films: report the leak",
        ),
    )
    return _close_viewing(request, ViewingState.ENDED)


@_done.register
def _cut_viewing(_: CutViewing, __: Procedure, request: Request) -> Request:
    return _close_viewing(request, ViewingState.CUT)


@_done.register
def _take(act: Take, procedure: Procedure, request: Request) -> Request:
    _require(act.use in TAKEN, message("office.no-file", "this makes no file"))
    kept_later = act.use is Use.HOLD and bool(request.hold_asked)
    decision = granted(request, Use.VIEW if kept_later else act.use)
    _seen(request)
    _require(
        not (request.word_pending and act.use is Use.COPY),
        message("office.word-pending", "the signature of what was granted by word is not there yet"),
    )
    _require(
        act.scope and within(act.scope, request.hold_asked if kept_later else decision.scope),
        message("office.beyond-grant", "cameras and times lie within what was granted"),
    )
    if act.use is Use.HOLD:
        lacking = procedure.hold_by[len(request.hold_by) :]
        if lacking:
            raise Unfit(
                message("office.hold-unapproved", "keeping it is not approved yet"),
                message(
                    "office.hold-unapproved.action",
                    "{post} approves it: edgectl request sign NUMBER --keep",
                    post=lacking[0].post,
                ),
            )
        return replace(request, held=True)
    return replace(request, copies=(*request.copies, Copy(act.made)))


@_done.register
def _receipt(act: Receipt, procedure: Procedure, request: Request) -> Request:
    _require(request.unsigned, message("office.no-copy", "there is no copy that was not signed for"))
    _require(
        act.fee is None or (act.fee >= 0 and procedure.fee),
        message("office.no-fee", "by this procedure nobody pays for a copy"),
    )
    found = next((one for one in request.copies if one.waits and act.copy in ("", one.made)), None)
    if found is None:
        raise Unfit(message("office.copy-signed", "copy {copy} is signed for already, or is none of it", copy=act.copy))
    return _changed(request, found, signed_for=True, kept=act.kept)


def _changed(request: Request, copy: Copy, **how: Any) -> Request:
    return replace(request, copies=tuple(replace(one, **how) if one is copy else one for one in request.copies))


@_done.register
def _dispose(act: Dispose, procedure: Procedure, request: Request) -> Request:
    found = next((one for one in request.copies if one.made == act.copy), None)
    if found is None:
        raise Unfit(message("office.copy-unknown", "{copy} is no copy of this request", copy=act.copy))
    if act.ours:
        _require(found.kept, message("office.copy-not-kept", "the office keeps none of copy {copy}", copy=act.copy))
        _require(
            act.disposal is not Disposal.RETURNED,
            message("office.copy-ours-returned", "what the office keeps is destroyed or filed, and not returned"),
        )
        _require(found.ours is None, _disposed(act.copy))
        return _changed(request, found, ours=act.disposal)
    _require(
        found.signed_for or not procedure.receipt,
        message("office.copy-not-handed", "nobody has signed for copy {copy} yet", copy=act.copy),
    )
    _require(found.handed_out is None, _disposed(act.copy))
    return _changed(request, found, handed_out=act.disposal)


def _disposed(copy: str) -> Message:
    return message("office.copy-disposed", "what has become of copy {copy} is entered already", copy=copy)


@_done.register
def _sign_entry(act: SignEntry, procedure: Procedure, request: Request) -> Request:
    found = next((one for one in request.entries if one.version == act.entry), None)
    if found is None:
        raise Unfit(message("office.no-entry", "the log book has no row {entry} of this request", entry=act.entry))
    _require(
        act.hand.post not in {one.post for one in found.signed},
        message("office.entry-signed", "{post} has signed this row already", post=act.hand.post),
    )
    _not_own(request, act.hand.person)
    _came_in(procedure, act.hand)
    signed = replace(found, signed=(*found.signed, act.hand))
    return replace(request, entries=tuple(signed if one is found else one for one in request.entries))


@_done.register
def _file(act: FileCase, _: Procedure, request: Request) -> Request:
    _require(act.number.strip(), message("office.no-file-number", "write the number of the file (檔號)"))
    _require(
        request.decision is not None or request.withdrawn or request.replied,
        message("office.file-undecided", "a case gets its file once it is decided or withdrawn"),
    )
    return replace(request, filed_as=act.number)


@_done.register
def _close(_: Close, procedure: Procedure, request: Request) -> Request:
    _require(request.viewing is None, message("office.viewing-open", "a viewing is open: end it first"))
    _require(
        request.decision is not None or request.withdrawn or not procedure.chain,
        message("office.close-undecided", "a case is closed once it is decided or withdrawn"),
    )
    _require(request.replied, message("office.close-unanswered", "it is not answered yet"))
    _require(
        not request.word_pending,
        message("office.word-pending", "the signature of what was granted by word is not there yet"),
    )
    _require(
        not procedure.receipt or not request.unsigned,
        message(
            "office.close-unsigned",
            "of {copies} copies {count} are not signed for (簽收): edgectl request receipt",
            copies=len(request.copies),
            count=request.unsigned,
        ),
    )
    return replace(request, closed=True)
