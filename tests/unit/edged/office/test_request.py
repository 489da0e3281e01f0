"""edged.office.request: what may be done with a request, when and by whom; against a naive model for sequences of all
sorts, and with holes that are planted in it.
"""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.office import request as machine
from edged.office.request import (
    Act,
    Amend,
    Appoint,
    ApproveHold,
    AskHold,
    AskSupplement,
    Close,
    CutViewing,
    Decide,
    Disposal,
    Dispose,
    Door,
    EndViewing,
    Examine,
    Extend,
    FileCase,
    Hand,
    OpenViewing,
    Receipt,
    Reply,
    Request,
    RequestStatus,
    Return,
    SeePaper,
    Sign,
    SignEntry,
    Stretch,
    Supplemented,
    Take,
    Unfit,
    Withdraw,
    advance,
    receive,
)
from edged.profiles.procedures import Procedure, Use

HOUR: Final = 3_600_000
LOBBY: Final = Stretch("lobby", 0, 4 * HOUR)
GATE: Final = Stretch("gate", HOUR, 2 * HOUR)
APPLICANT, CLERK, HEAD, CHIEF, COMPANION, OTHER = range(1, 7)

PUBLIC: Final = Procedure.model_validate({
    "row": "J-public", "words": "自然人或法人", "applicant": "public", "clauses": ["J8"], "may": ["view"],
    "instead": "訴願", "appointment": True, "clock": {"days": 6, "extension": 3},
    "fields": [
        {"name": "name", "words": "姓名"}, {"name": "by", "words": "申請方式", "kind": "choice", "choices": ["代理人"]},
        {"name": "outcome", "words": "辦理情形", "phase": "afterwards"},
    ],
    "checks": [
        {"name": "identity", "words": "身分", "named": ["符合"]},
        {"name": "agency", "words": "委任關係", "when": "代理人", "when_field": "by"},
    ],
    "chain": [{"post": "管理人員"}, {"post": "秘書"}, {"post": "主任", "kind": "decide", "or_authorised": True}],
    "companion": "行政課",
})  # fmt: skip
STAFF: Final = Procedure.model_validate({
    "row": "W-staff", "words": "同仁", "applicant": "staff", "clauses": ["W5"], "may": ["view", "hold"],
    "chain": [
        {"post": "申請人", "kind": "apply"}, {"post": "課長", "unit": "applicant"}, {"post": "主任", "kind": "decide"},
    ],
    "hold_by": [{"post": "主任", "or_authorised": True}], "companion": "系統管理人", "companion_by_login": True,
})  # fmt: skip
ONCE: Final = Procedure.model_validate({
    "row": "D-agency", "words": "公務機關", "applicant": "agency", "clauses": ["D7"], "may": ["view", "copy"],
    "chain": [{"post": "鄉長", "kind": "decide"}], "companion": "財政暨行政課", "once": True, "receipt": True,
    "fee": True, "register_form": "附件5",
})  # fmt: skip
URGENT: Final = Procedure.model_validate({
    "row": "W-urgent", "words": "偵查機關", "applicant": "investigator", "clauses": ["W8"],
    "may": ["view", "hold", "copy"], "by_word": True,
    "chain": [{"post": "主任", "kind": "decide", "or_authorised": True}], "companion": "系統管理人",
})  # fmt: skip
UNITS: Final = Procedure.model_validate({
    "row": "N-member", "words": "教職員工生", "applicant": "member", "clauses": ["N1"], "may": ["view"],
    "chain": [{"post": "業管單位主管", "unit": "camera"}, {"post": "學務主任", "kind": "decide"}], "companion": "專人",
})  # fmt: skip
NOTHING: Final = Procedure.model_validate({
    "row": "N-other", "words": "其他", "applicant": "other", "clauses": ["N1"], "may": [],
    "instead": "自行向警政機關報案",
})  # fmt: skip


def by(person: int, post: str, door: Door = Door.LOGIN, **more: Any) -> Hand:
    return Hand(person, post, door, entered_by=None if door is Door.LOGIN else CLERK, **more)


def after(procedure: Procedure, request: Request, *acts: Act) -> Request:
    for act in acts:
        request = advance(procedure, request, act, request.version)
    return request


def refusal(procedure: Procedure, request: Request, act: Act) -> str:
    with pytest.raises(Unfit) as refused:
        advance(procedure, request, act, request.version)
    return refused.value.why.code


VIEW: Final = frozenset({Use.VIEW})
IDENTITY: Final = Examine("identity", "符合", CLERK, document=True)
SIGNED: Final = (Sign(by(CLERK, "管理人員")), Sign(by(HEAD, "秘書")), IDENTITY)
GRANT: Final = Decide(by(CHIEF, "主任"), VIEW, (LOBBY,))
ASKED: Final = receive(PUBLIC, (LOBBY, GATE), VIEW)
GRANTED: Final = after(PUBLIC, ASKED, *SIGNED, GRANT)
LOOK: Final = OpenViewing(day=1, operator=CLERK, companion=by(COMPANION, "行政課"), present=1)


def test_from_receipt_to_close() -> None:
    assert ASKED.status is RequestStatus.DECIDING
    assert GRANTED.status is RequestStatus.GRANTED
    done = after(
        PUBLIC, GRANTED, Reply(), Appoint(), LOOK, EndViewing(not_filmed=True), Amend(frozenset({"outcome"})), Close()
    )
    assert done.status is RequestStatus.CLOSED
    assert refusal(PUBLIC, done, Reply()) == "office.closed"


@pytest.mark.parametrize(
    ("acts", "act", "code"),
    [
        ((), Sign(by(HEAD, "秘書")), "office.not-your-step"),
        ((), Decide(by(CHIEF, "主任"), VIEW, (LOBBY,)), "office.step-missing"),
        (SIGNED[:2], GRANT, "office.unchecked"),
        ((*SIGNED[:2], replace(IDENTITY, outcome="不符")), GRANT, "office.check-failed"),
        ((), replace(IDENTITY, document=False), "office.no-document"),
        ((), replace(IDENTITY, outcome="好"), "office.no-outcome"),
        (SIGNED, replace(GRANT, applying=frozenset({"agency"})), "office.unchecked"),
        (SIGNED, replace(GRANT, uses=frozenset({Use.COPY})), "office.not-allowed"),
        (SIGNED, replace(GRANT, scope=(replace(LOBBY, to_ms=5 * HOUR),)), "office.scope"),
        (SIGNED, replace(GRANT, scope=()), "office.scope"),
        (SIGNED, Decide(by(CHIEF, "主任", Door.WORD), VIEW, (LOBBY,)), "office.not-by-word"),
        (SIGNED, Sign(by(CHIEF, "主任")), "office.only-decision"),
        (SIGNED, Decide(by(CHIEF, "課長"), VIEW, (LOBBY,)), "office.not-your-step"),
        ((*SIGNED, GRANT), GRANT, "office.decided"),
        ((*SIGNED, GRANT), Amend(frozenset({"name"})), "office.decided"),
        ((*SIGNED, GRANT), LOOK, "office.no-appointment"),
        ((*SIGNED, GRANT, Appoint()), replace(LOOK, companion=by(COMPANION, "秘書")), "office.companion"),
        ((*SIGNED, GRANT, Appoint()), replace(LOOK, companion=by(CLERK, "行政課")), "office.alone"),
        ((*SIGNED, GRANT, Appoint()), replace(LOOK, present=0), "office.nobody-present"),
        ((*SIGNED, GRANT, Appoint(), LOOK), LOOK, "office.viewing-open"),
        ((*SIGNED, GRANT, Appoint(), LOOK), EndViewing(not_filmed=False), "office.filmed"),
        ((*SIGNED, GRANT, Appoint(), LOOK), Close(), "office.viewing-open"),
        ((*SIGNED, GRANT), Take(Use.COPY, (LOBBY,)), "office.not-granted"),
        ((*SIGNED, GRANT), Close(), "office.close-unanswered"),
        ((), Close(), "office.close-undecided"),
        ((), Reply(), "office.not-decided"),
        ((), Appoint(), "office.not-decided"),
        ((Withdraw(),), SIGNED[0], "office.withdrawn"),
        ((AskSupplement(by(CLERK, "管理人員")),), SIGNED[0], "office.resting"),
        ((), Supplemented(), "office.nothing-asked"),
        ((), AskSupplement(by(CLERK, "工友")), "office.not-of-chain"),
        ((Extend(by(CLERK, "管理人員")),), Extend(by(CLERK, "管理人員")), "office.extended"),
        ((), Return(by(CLERK, "管理人員"), 0), "office.return-back"),
        ((), Amend(frozenset({"colour"})), "office.no-field"),
        ((), SeePaper(OTHER), "office.not-decided"),
        ((*SIGNED, GRANT), SeePaper(OTHER), "office.no-paper"),
        ((), Extend(by(COMPANION, "行政課")), "office.not-of-chain"),
        ((), AskSupplement(by(CLERK, "管理人員", Door.WORD)), "office.not-by-word"),
        ((), ApproveHold(by(CHIEF, "主任")), "office.not-decided"),
        ((), Receipt(), "office.no-copy"),
    ],
)
def test_too_early_twice_or_by_the_wrong_one(acts: tuple[Act, ...], act: Act, code: str) -> None:
    assert refusal(PUBLIC, after(PUBLIC, ASKED, *acts), act) == code


def test_who_acts_on_what_is_no_more_is_told() -> None:
    with pytest.raises(Unfit, match="meanwhile"):
        advance(PUBLIC, after(PUBLIC, ASKED, SIGNED[0]), SIGNED[1], ASKED.version)


def test_only_a_field_of_the_application_makes_signatures_fall() -> None:
    signed = after(PUBLIC, ASKED, *SIGNED)
    assert after(PUBLIC, signed, Amend(frozenset({"outcome"}))).signatures == signed.signatures
    assert after(PUBLIC, signed, Amend(frozenset({"name"}))).signatures == ()
    narrowed = after(PUBLIC, signed, Amend(frozenset(), scope=(GATE,)))
    assert (narrowed.signatures, narrowed.asked) == ((), (GATE,))


def test_what_is_returned_is_signed_again_from_there_on() -> None:
    returned = after(PUBLIC, ASKED, *SIGNED, Return(by(CHIEF, "主任"), 1))
    assert [one.step for one in returned.signatures] == [0]
    assert after(PUBLIC, returned, SIGNED[1], GRANT).status is RequestStatus.GRANTED


def test_nobody_signs_checks_or_decides_his_own_request() -> None:
    own = receive(STAFF, (LOBBY,), VIEW, applicant=HEAD)
    assert refusal(STAFF, own, Sign(by(OTHER, "申請人"))) == "office.applicant-signs"
    applied = after(STAFF, own, Sign(by(HEAD, "申請人")))
    assert refusal(STAFF, applied, Sign(by(HEAD, "課長"))) == "office.own-request"
    deputised = after(STAFF, applied, Sign(by(OTHER, "課長", deputy=True)))
    assert refusal(STAFF, deputised, Decide(by(HEAD, "主任"), VIEW, (LOBBY,))) == "office.own-request"


def test_keeping_takes_its_own_approval() -> None:
    both = frozenset({Use.VIEW, Use.HOLD})
    asked = receive(STAFF, (LOBBY,), both, applicant=APPLICANT)
    signed = (Sign(by(APPLICANT, "申請人")), Sign(by(HEAD, "課長")), Decide(by(CHIEF, "主任"), both, (LOBBY,)))
    granted = after(STAFF, asked, *signed)
    keep = Take(Use.HOLD, (replace(LOBBY, to_ms=HOUR),))
    assert refusal(STAFF, granted, keep) == "office.hold-unapproved"
    approved = after(STAFF, granted, ApproveHold(by(OTHER, "主任", authorised=True)))
    assert after(STAFF, approved, keep).held
    assert refusal(STAFF, approved, replace(keep, scope=(GATE,))) == "office.beyond-grant"
    paper = OpenViewing(1, CLERK, by(COMPANION, "系統管理人", Door.PAPER), 1)
    assert refusal(STAFF, granted, paper) == "office.companion-login"


def test_what_was_seen_may_be_kept_where_the_text_has_it_asked_for_then() -> None:
    view = frozenset({Use.VIEW})
    asked = receive(STAFF, (LOBBY, GATE), view, applicant=APPLICANT)
    signed = (Sign(by(APPLICANT, "申請人")), Sign(by(HEAD, "課長")), Decide(by(CHIEF, "主任"), view, (LOBBY,)))
    granted = after(STAFF, asked, *signed)
    part = (replace(LOBBY, to_ms=HOUR),)
    assert refusal(STAFF, granted, AskHold(part)) == "office.hold-unseen"
    look = OpenViewing(1, CLERK, by(COMPANION, "系統管理人"), 1)
    seen = after(STAFF, granted, look, EndViewing(not_filmed=True))
    assert refusal(STAFF, seen, AskHold((GATE,))) == "office.beyond-grant"
    wanted = after(STAFF, seen, AskHold(part))
    assert refusal(STAFF, wanted, Take(Use.HOLD, part)) == "office.hold-unapproved"
    approved = after(STAFF, wanted, ApproveHold(by(CHIEF, "主任")))
    assert refusal(STAFF, approved, Take(Use.HOLD, (LOBBY,))) == "office.beyond-grant"
    assert after(STAFF, approved, Take(Use.HOLD, part)).held
    assert refusal(PUBLIC, GRANTED, AskHold((LOBBY,))) == "office.no-hold"


def test_one_viewing_uses_it_up_unless_a_fault_cut_it_that_day() -> None:
    both = frozenset({Use.VIEW, Use.COPY})
    granted = after(ONCE, receive(ONCE, (LOBBY,), both), Decide(by(CHIEF, "鄉長"), both, (LOBBY,)))
    look = OpenViewing(5, CLERK, by(COMPANION, "財政暨行政課"), 2)
    cut = after(ONCE, granted, look, CutViewing())
    assert refusal(ONCE, cut, replace(look, day=6)) == "office.cut-another-day"
    seen = after(ONCE, cut, look, EndViewing(not_filmed=True))
    assert refusal(ONCE, seen, look) == "office.used-up"
    copied = after(ONCE, seen, Take(Use.COPY, (LOBBY,)), Reply())
    assert refusal(ONCE, copied, Close()) == "office.close-unsigned"
    assert after(ONCE, copied, Receipt(), Close()).closed


def test_by_word_shows_and_keeps_at_once_and_copies_when_the_signature_is_there() -> None:
    every = frozenset({Use.VIEW, Use.HOLD, Use.COPY})
    word = Decide(by(CHIEF, "主任", Door.WORD), every, (LOBBY,))
    granted = after(URGENT, receive(URGENT, (LOBBY,), every), word)
    look = OpenViewing(1, CLERK, by(COMPANION, "系統管理人"), 1)
    assert refusal(URGENT, granted, look) == "office.paper-unseen"
    assert refusal(URGENT, granted, SeePaper(CLERK)) == "office.paper-second"
    vouched = after(URGENT, granted, SeePaper(OTHER))
    assert after(URGENT, vouched, look, CutViewing(), Take(Use.HOLD, (LOBBY,))).held
    assert refusal(URGENT, vouched, Take(Use.COPY, (LOBBY,))) == "office.word-pending"
    assert refusal(URGENT, after(URGENT, vouched, Reply()), Close()) == "office.word-pending"
    assert refusal(URGENT, vouched, Sign(by(CHIEF, "主任", Door.WORD))) == "office.word-again"
    signed = after(URGENT, vouched, Sign(by(CHIEF, "主任")))
    assert len(after(URGENT, signed, Take(Use.COPY, (LOBBY,))).copies) == 1


def test_each_unit_whose_cameras_are_meant_signs() -> None:
    asked = receive(UNITS, (LOBBY, GATE), VIEW, units=frozenset({"圖書館", "教務處"}))
    first = after(UNITS, asked, Sign(by(HEAD, "業管單位主管", unit="圖書館")))
    assert refusal(UNITS, first, Sign(by(HEAD, "業管單位主管", unit="圖書館"))) == "office.other-unit"
    assert refusal(UNITS, first, Decide(by(CHIEF, "學務主任"), VIEW, (LOBBY,))) == "office.step-missing"
    assert after(UNITS, first, Sign(by(OTHER, "業管單位主管", unit="教務處"))).step(UNITS) == 1


def test_who_may_have_nothing_is_answered() -> None:
    asked = receive(NOTHING, (LOBBY,), VIEW)
    assert refusal(NOTHING, asked, Decide(by(CHIEF, "主任"), VIEW, (LOBBY,))) == "office.nobody-decides"
    assert after(NOTHING, asked, Reply(), Close()).closed


# --- sequences of all sorts, against what a reader of the procedures would say

ROWS: Final = (PUBLIC, STAFF, ONCE, URGENT, UNITS, NOTHING)
PEOPLE: Final = tuple(range(1, 7))
POSTS: Final = tuple(
    sorted({step.post for row in ROWS for step in (*row.chain, *row.hold_by)} | {row.companion for row in ROWS})
)
SCOPES: Final = ((LOBBY,), (GATE,), (LOBBY, GATE), (replace(GATE, to_ms=3 * HOUR),), ())
USES: Final = tuple(
    frozenset(uses) for uses in ((), (Use.VIEW,), (Use.COPY,), (Use.VIEW, Use.COPY), (Use.VIEW, Use.HOLD))
)


def next_signature(random: Random, row: Procedure, request: Request, person: int) -> Act:
    number = request.step(row)
    unchecked = [one.name for one in row.checks if not one.when and one.name not in request.outcomes]
    if number < len(row.chain) - 1:
        post, unit = row.chain[number].post, random.choice(sorted(request.units or {""}))
        own = request.applicant if post == "申請人" and request.applicant else person
        return Sign(Hand(own, post, random.choice((Door.LOGIN, Door.PAPER)), unit, entered_by=CLERK))
    if unchecked:
        return Examine(unchecked[0], "符合", person, document=True)
    return Decide(by(person, row.chain[-1].post if row.chain else ""), request.uses, request.asked)


def next_act(random: Random, row: Procedure, request: Request) -> Act:
    """What would bring it on."""
    person = random.choice((CLERK, HEAD, CHIEF, OTHER))
    if request.decision is None:
        return next_signature(random, row, request, person)
    if request.on_paper and request.paper_seen_by is None and random.random() < 0.7:
        return SeePaper(random.choice(PEOPLE))
    if request.viewing is not None:
        return random.choice((EndViewing(not_filmed=True), CutViewing()))
    if len(request.hold_by) < len(row.hold_by) and random.random() < 0.3:
        return ApproveHold(by(person, row.hold_by[0].post, random.choice((Door.LOGIN, Door.PAPER))))
    scope = request.decision.scope
    if request.viewings and random.random() < 0.2:
        return AskHold(random.choice((scope, *SCOPES)))
    acts: list[Callable[[], Act]] = [
        Appoint,
        lambda: OpenViewing(1, random.choice(PEOPLE), by(random.choice(PEOPLE), row.companion), 1),
        lambda: Take(random.choice((Use.COPY, Use.HOLD)), scope, f"E-{request.version}"),
    ]
    acts += [partial(next_of_copies, random, request)] * len(request.copies)
    return random.choice(acts)()


def next_of_copies(random: Random, request: Request) -> Act:
    """What becomes of copies, and of rows of the log book."""
    copy = random.choice([*(one.made for one in request.copies), "E-0", ""])
    entry = random.choice([*(one.version for one in request.entries), request.version])
    acts: tuple[Callable[[], Act], ...] = (
        lambda: Receipt(copy, fee=random.choice((None, None, 100)), kept=random.random() < 0.7),
        lambda: Dispose(copy, random.choice(tuple(Disposal)), ours=random.random() < 0.5),
        lambda: SignEntry(by(random.choice(PEOPLE), random.choice(("管理人員", "主管"))), entry),
        lambda: FileCase(random.choice(("115-1", ""))),
    )
    return random.choice(acts)()


def strange_act(random: Random, row: Procedure, request: Request) -> Act:
    """Anything by anybody."""
    unit = random.choice(sorted(request.units or {""}))
    hand = Hand(
        random.choice(PEOPLE),
        random.choice(POSTS),
        random.choice(tuple(Door)),
        unit,
        entered_by=random.choice((CLERK, None)),
    )
    name = row.checks[0].name if row.checks else "none"
    first, last = (replace(hand, post=row.chain[at].post if row.chain else "") for at in (0, -1))
    acts: tuple[Callable[[], Act], ...] = (
        lambda: Sign(hand), lambda: Sign(first), lambda: Return(hand, random.randrange(3)),
        lambda: Decide(hand, random.choice(USES), random.choice(SCOPES)),
        lambda: Decide(last, random.choice(USES), random.choice(SCOPES)),
        lambda: Examine(name, random.choice(("符合", "不符")), hand.person, document=random.random() < 0.8),
        lambda: AskSupplement(hand), Supplemented, lambda: ApproveHold(hand), lambda: Extend(hand), Reply,
        lambda: SeePaper(hand.person), Appoint,
        lambda: OpenViewing(random.choice((1, 2)), hand.person, replace(hand, person=random.choice(PEOPLE)), 1),
        lambda: EndViewing(not_filmed=False), CutViewing,
        lambda: Take(random.choice((Use.COPY, Use.HOLD)), random.choice(SCOPES), f"E-{request.version}"),
        lambda: next_of_copies(random, request), Reply, Withdraw, Close,
        lambda: Amend(frozenset(), scope=random.choice(SCOPES[:4])),
    )  # fmt: skip
    return random.choice(acts)()


class Breach(AssertionError):
    """Something was disclosed that the row does not allow."""


class Naive:
    """Reads the whole story anew each time something is disclosed, and knows nothing of how the machine keeps it."""

    def __init__(self, row: Procedure, asked: Request) -> None:
        self.row = row
        self.story: list[Act] = []
        self.first = asked

    def told(self, act: Act) -> None:
        self.story.append(act)
        match act:
            case OpenViewing():
                self._shown(act)
            case Take(use=use, scope=scope):
                self._made(use, scope)
            case Receipt():
                self._signed_for(act)
            case Dispose():
                self._disposed(act)
            case SignEntry():
                self._entered(act)
            case FileCase():
                if not any(isinstance(one, Decide | Withdraw | Reply) for one in self.story):
                    raise Breach("a file of what nobody has decided")
            case Close() if self.row.receipt and self._waiting():
                raise Breach("a copy that nobody has signed for")
        closed = any(isinstance(one, Close) for one in self.story[:-1])
        if closed and not isinstance(act, Dispose | SignEntry | FileCase):
            raise Breach("it is closed")

    def _grant(self) -> Decide:
        decisions = [(at, act) for at, act in enumerate(self.story) if isinstance(act, Decide)]
        if len(decisions) != 1 or not decisions[0][1].uses:
            raise Breach("there is no grant")
        at, grant = decisions[0]
        if any(isinstance(act, Withdraw) for act in self.story):
            raise Breach("it was withdrawn")
        asked = [act.scope for act in self.story[:at] if isinstance(act, Amend) and act.scope is not None]
        scope = asked[-1] if asked else self.first.asked
        for one in grant.scope:
            if not any(one.camera == o.camera and o.from_ms <= one.from_ms and one.to_ms <= o.to_ms for o in scope):
                raise Breach("it grants what nobody asked for")
        if grant.uses - set(self.row.may):
            raise Breach("the row does not allow it")
        if grant.hand.door is not Door.WORD:
            self._signed_in_order(at)
        for act in self.story:
            if isinstance(act, Sign | Decide) and act.hand.person == self.first.applicant and act.hand.post != "申請人":
                raise Breach("his own request")
        return grant

    def _standing(self, until: int) -> list[Hand]:
        """Hands whose signatures stand before that: since the application changed last, without what was returned."""
        since = max((at for at, act in enumerate(self.story[:until]) if isinstance(act, Amend)), default=-1)
        hands: list[Hand] = []
        for act in self.story[since + 1 : until]:
            if isinstance(act, Sign):
                hands.append(act.hand)
            if isinstance(act, Return):
                hands = hands[: act.to]
        return hands

    def _signed_in_order(self, until: int) -> None:
        posts, wanted = [one.post for one in self._standing(until)], [step.post for step in self.row.chain[:-1]]
        if posts != wanted:
            raise Breach(f"{posts} signed, not {wanted}")

    def _paper(self) -> None:
        """Seen by somebody who neither signed nor entered it, after the last of it came."""
        at = next(at for at, act in enumerate(self.story) if isinstance(act, Decide))
        hands = [*self._standing(at), self._decision.hand]
        asked = max((n for n, act in enumerate(self.story) if isinstance(act, AskHold)), default=-1)
        for later, act in enumerate(self.story[at + 1 :], at + 1):
            if isinstance(act, ApproveHold) and later < asked:
                continue  # of what is no more asked for
            if isinstance(act, Sign):  # of what was said by word
                at, hands = later, [*hands[:-1], act.hand]
            if isinstance(act, ApproveHold):
                at, hands = at if act.hand.door is Door.LOGIN else later, [*hands, act.hand]
        paper = [hand for hand in hands if hand.door is not Door.LOGIN]
        concerned = {hand.person for hand in paper} | {hand.entered_by for hand in paper}
        seen = [act for act in self.story[at + 1 :] if isinstance(act, SeePaper) and act.by not in concerned]
        if paper and not seen:
            raise Breach("nobody saw the paper")

    @property
    def _decision(self) -> Decide:
        return next(act for act in self.story if isinstance(act, Decide))

    def _shown(self, act: OpenViewing) -> None:
        grant = self._grant()
        self._paper()
        if not grant.uses & {Use.VIEW, Use.LOOK}:
            raise Breach("viewing was not granted")
        if act.companion.post != self.row.companion or act.companion.person in (act.operator, self.first.applicant):
            raise Breach("nobody looks alone")
        if self.row.once:
            ends = [one for one in self.story[:-1] if isinstance(one, EndViewing)]
            if ends:
                raise Breach("a second look")

    def _made(self, use: Use, scope: machine.Scope) -> None:
        grant = self._grant()
        self._paper()
        later = [act.scope for act in self.story if isinstance(act, AskHold)]
        if use not in grant.uses and not (use is Use.HOLD and later):
            raise Breach(f"{use} was not granted")
        if use is Use.HOLD and not any(isinstance(act, ApproveHold) for act in self.story) and self.row.hold_by:
            raise Breach("nobody approved that it is kept")
        for one in scope:
            if not any(
                one.camera == o.camera and o.from_ms <= one.from_ms and one.to_ms <= o.to_ms for o in grant.scope
            ):
                raise Breach("beyond the grant")
        signed = [act for act in self.story if isinstance(act, Sign) and act.hand.door is not Door.WORD]
        if grant.hand.door is Door.WORD and not signed:
            raise Breach("by word, and no signature")

    def _copies(self) -> dict[str, set[str]]:
        """What was said of each before the last act."""
        told: dict[str, set[str]] = {}
        for act in self.story[:-1]:
            match act:
                case Take(use=Use.COPY, made=made):
                    told[made] = set()
                case Receipt(copy=copy, kept=kept):
                    one = copy or next(one for one, known in told.items() if not known & {"signed", "ours"})
                    told[one] |= {"signed"} if kept else {"signed", "none kept"}
                case Dispose(copy=copy, ours=ours):
                    told[copy].add("ours" if ours else "handed out")
        return told

    def _waiting(self) -> list[str]:
        return [one for one, known in self._copies().items() if not known & {"signed", "ours"}]

    def _signed_for(self, act: Receipt) -> None:
        waiting = self._waiting()
        if not waiting or act.copy not in ("", *waiting):
            raise Breach("no such copy waits for a signature")
        if act.fee is not None and not self.row.fee:
            raise Breach("nobody pays here")

    def _disposed(self, act: Dispose) -> None:
        known = self._copies().get(act.copy)
        if known is None:
            raise Breach("no such copy")
        if ("ours" if act.ours else "handed out") in known:
            raise Breach("what has become of it is known")
        if act.ours and (act.disposal is Disposal.RETURNED or "none kept" in known):
            raise Breach("the office has none that could come back")
        if not act.ours and self.row.receipt and "signed" not in known:
            raise Breach("nobody has it")

    def _entered(self, act: SignEntry) -> None:
        """Versions run from 1, that of the receipt."""
        if not self.row.register_form or not 2 <= act.entry < len(self.story) + 1:
            raise Breach("no such row")
        if not isinstance(self.story[act.entry - 2], OpenViewing | Take):
            raise Breach("a row of nothing that was shown or taken")
        before = [one for one in self.story[:-1] if isinstance(one, SignEntry) and one.entry == act.entry]
        if act.hand.post in {one.hand.post for one in before} or act.hand.person == self.first.applicant:
            raise Breach("twice, or his own")


def sequence(seed: int, length: int = 40) -> Iterator[tuple[Procedure, Request, Act | None]]:
    """One random story; acts that were refused are left out."""
    random = Random(seed)
    row = ROWS[seed % len(ROWS)]
    units = frozenset({"圖書館"}) if row is UNITS else frozenset[str]()
    request = receive(row, (LOBBY, GATE), random.choice(USES[1:]), random.choice((None, HEAD)), units)
    yield row, request, None
    for _ in range(length):
        act = (next_act if random.random() < 0.6 else strange_act)(random, row, request)
        try:
            request = advance(row, request, act, request.version)
        except Unfit:
            continue
        yield row, request, act


def tried(seeds: range) -> Count[type[Act]]:
    """What was done in these stories, none of it against its row. Breach."""
    done = Count[type[Act]]()
    for seed in seeds:
        naive: Naive | None = None
        for row, request, act in sequence(seed):
            if naive is None or act is None:
                naive = Naive(row, request)
                continue
            naive.told(act)
            done[type(act)] += 1
    return done


@pytest.fixture
def stories(profile: Any) -> range:
    return range(10_000 if profile.name == "long" else 240)


def test_nothing_is_disclosed_that_the_row_does_not_allow(stories: range) -> None:
    done = tried(stories)
    assert done[OpenViewing] + done[Take] > len(stories) // 20
    assert all(done[one] > len(stories) // 60 for one in (Receipt, Dispose, SignEntry, FileCase)), done


HOLES: Final[dict[str, Any]] = {
    "the grant is not asked": ("granted", lambda request, *_: request.decision or Decision_of_nobody(request)),
    "one's own signature is taken": ("_not_own", lambda *_: None),
    "another interval": ("within", lambda *_: True),
    "unseen paper": ("_seen", lambda *_: None),
    "paper that came when the rest was seen": ("_still_seen", lambda request, _: request.paper_seen_by),
    "what became of a copy is forgotten": ("_changed", lambda request, *_, **__: request),
    "a closed case goes on": ("AFTER_CLOSE", (object,)),
}


def Decision_of_nobody(request: Request) -> machine.Decision:  # noqa: N802
    return machine.Decision(frozenset(Use), request.asked, Hand(0, ""))


@pytest.mark.parametrize("hole", HOLES)
def test_a_planted_hole_is_found(hole: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, planted = HOLES[hole]
    monkeypatch.setattr(machine, name, planted)
    with pytest.raises(Breach):
        tried(range(5_000))


@given(st.integers(0, 2**32))
def test_a_refusal_changes_nothing_and_an_act_counts(seed: int) -> None:
    for version, (_, request, _) in enumerate(sequence(seed), 1):
        assert request.version == version
