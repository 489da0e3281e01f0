"""Each step of each row's straight story, tried by everybody who may not, before its time and a second time, against
the real calls, guard, acts and database: refused in words, and nothing has changed.

What is tried is made from the rows and from the story itself, so that a new row, step or post is covered by itself.
"""

from __future__ import annotations

import json
from collections import Counter as Count
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from edged.office import request as machine
from edged.office.request import Decision, Hand, Request
from edged.profiles.loader import PROFILES, profile
from edged.profiles.procedures import ChainStep, Procedure, StepKind, Unit, Use
from tests.conftest import Profile
from tests.integration.edged.office.test_stories import CAMERA, SECTION, story
from tests.support.counter import Counter, Reply, opened
from tests.support.office_story import (
    APPLICANT,
    CLERK,
    DECIDES,
    HEAD,
    INSIDE,
    PERSONS,
    HeldPost,
    Step,
    Story,
    number_of,
    staffed,
)

OTHER_UNIT: Final = "第九課"
FORMER: Final = "former"
UNTIED: Final = "untied"
HIMSELF: Final = "himself"
EARLY: Final = "early"
LATE: Final = "late"
ELSEWHERE: Final = "elsewhere"
CAST: Final = (FORMER, UNTIED, HIMSELF, EARLY, LATE, ELSEWHERE)
"""Each has every post, and may sign by none: works here no more; whose account is nobody's; gave it to a person who
was himself; stands in for the holder, but not yet, and no more; holds it in another unit.
"""
NO_OFFICE: Final = ("nobody", "audit", "tech", "root", "wang")
"""Without a post; none is an operator."""
EVERYBODY: Final = (*PERSONS, *CAST, *NO_OFFICE)
NO_OPERATORS: Final = (HEAD, DECIDES, APPLICANT, LATE, *NO_OFFICE)
NOT_OF_THE_OFFICE: Final = (FORMER, UNTIED)
"""Operators whose account is nobody's."""
LATE_OVER: Final = timedelta(hours=1)
NUMBERS: Final[Mapping[str, int]] = {who: number for number, who in enumerate((*PERSONS, *CAST), 1)}


def act_of(step: Step) -> str:
    """What a step of a story is, as `NEEDS` names it."""
    _, verb, _, body = step
    if verb == "check":
        return "check" if body.get("check") else "paper"
    if verb == "sign" and body.get("keeping"):
        return "approve-hold"
    if verb == "copy":
        return "ask-hold" if body.get("asks") else "keep" if body.get("keep") else "copy"
    if verb == "destroyed":
        return "destroyed" if body["ours"] else "handed-out"
    return str(body["step"]) if verb == "view" else verb


NEEDS: Final[Mapping[str, frozenset[str]]] = {
    "check": frozenset(),
    "sign": frozenset({"sign", "grant"}),
    "grant": frozenset({"sign", "check"}),
    "reply": frozenset({"grant"}),
    "paper": frozenset({"grant"}),
    "appoint": frozenset({"grant"}),
    "here": frozenset({"grant"}),
    "open": frozenset({"grant", "paper", "appoint", "here"}),
    "end": frozenset({"open"}),
    "ask-hold": frozenset({"grant", "open"}),
    "approve-hold": frozenset({"grant", "ask-hold", "approve-hold"}),
    "keep": frozenset({"grant", "paper", "ask-hold", "approve-hold"}),
    "copy": frozenset({"grant", "paper"}),
    "receipt": frozenset({"copy"}),
    "entry": frozenset(),
    "close": frozenset({"grant", "reply"}),
    "destroyed": frozenset({"copy"}),
    "handed-out": frozenset({"copy", "receipt"}),
}
"""What comes before a step, where its row has that. All else a step may overtake: checks have no order, and who is
granted something may be answered before or after it was shown. A row of the log book is there once its act is.
"""
AGAIN: Final = frozenset({"check", "paper", "appoint", "here", "ask-hold", "keep", "copy"})
"""What may be done twice: another outcome, another time, another part; each is on record by itself."""


NO_ENTRY: Final = 0
"""Version of a row of the log book that is not there yet."""
INSTEAD: Final[Mapping[str, dict[str, Any]]] = {
    "return": {"to": 0},
    "refuse": {},
    "supplement": {"until": "2026-03-31"},
    "reply": {},
}
"""What whoever signs may do beside signing: `reply` with a signer lengthens the time for it."""


def is_early(step: Step, before: list[Step]) -> bool:
    """Whether a step cannot be done while those that come before it in the story are not."""
    acts = [act_of(one) for one in before]
    if step[1] == "entry":
        return bool(step[3]["entry"] == NO_ENTRY)
    if step[1] == "sign" and any(one[1] == "sign" and _post(one) == _post(step) for one in before):
        return False  # whoever tries the later signature of a post gives the earlier one
    by_word = any(verb == "grant" and body["signer"].get("by_word") for _, verb, _, body in before)
    late_signature = act_of(step) in ("copy", "close") and by_word is False and "sign" in acts and "grant" not in acts
    begun = {"end": "open", "receipt": "copy"}
    undone = act_of(step) == "close" and any(last in acts and first not in acts for last, first in begun.items())
    return bool(NEEDS[act_of(step)] & set(acts)) or late_signature or undone


def _post(step: Step) -> str:
    return str(step[3]["signer"]["post"])


@dataclass(slots=True)
class Tried:
    """What was tried at one step."""

    who: str
    path: str
    body: dict[str, Any]
    why: str

    def __str__(self) -> str:
        return f"{self.who}: {self.path} {json.dumps(self.body, ensure_ascii=False)} ({self.why})"


@dataclass(slots=True)
class Office:
    """A counter with its people, right ones and wrong ones."""

    counter: Counter
    held: frozenset[HeldPost]
    refusals: Count[str] = field(default_factory=Count)
    """How often each of them was said, by code."""

    def holders(self, post: str, unit: str) -> frozenset[str]:
        return frozenset(who for name, of, who in self.held if (name, of) == (post, unit))

    async def refused(self, number: str, tries: list[Tried]) -> None:
        """Each of them, in words, and nothing has changed."""
        before = self.counter.standing()
        for one in tries:
            reply = await self.counter.ask(one.who, "POST", f"/v1/requests/{number}/{one.path}", one.body)
            self._is_clear(one, reply)
        after = self.counter.standing()
        changed = {name: (before[name], after[name]) for name in after if before[name] != after[name]}
        assert not changed, (changed, [str(one) for one in tries])

    def _is_clear(self, one: Tried, reply: Reply) -> None:
        assert not reply.ok, f"nobody refused {one}"
        assert reply.status in (200, 400, 403, 404, 409), (str(one), reply)
        assert reply.error, str(one)
        assert reply.document["error_code"], (str(one), reply)
        self.refusals[reply.document["error_code"]] += 1


async def peopled(counter: Counter, name: str) -> Office:
    """Beside who may sign are those who may not, by every post."""
    held = await staffed(counter, name, SECTION)
    for who in CAST:
        assert (await counter.done(CLERK, "POST", "/v1/persons", {"name": f"{who}君"}))["person"] == NUMBERS[who]
        if who != HIMSELF:
            await counter.agreed(CLERK, "wang", f"/v1/persons/{NUMBERS[who]}/tie", {"account": who})
    now = datetime.fromtimestamp(counter.box.clock.wall_ms / 1000, UTC)
    every = (APPLICANT, FORMER, UNTIED, HIMSELF)
    for post, unit, who in dict.fromkeys(
        (post, OTHER_UNIT if who == ELSEWHERE else unit, who) for post, unit, _ in held for who in (*every, ELSEWHERE)
    ):
        given = {"person": NUMBERS[who], "post": post, "unit": unit}
        await counter.agreed(HIMSELF if who == HIMSELF else CLERK, "wang", "/v1/posts/hold", given)
    await counter.agreed(CLERK, "wang", f"/v1/persons/{NUMBERS[HIMSELF]}/tie", {"account": HIMSELF})
    for post, unit, holder in held:
        for who, begins, ends in ((EARLY, timedelta(days=1), timedelta(days=2)), (LATE, timedelta(0), LATE_OVER)):
            stands = {"start": (now + begins).isoformat(), "end": (now + ends).isoformat()}
            told = {"person": NUMBERS[who], "post": post, "unit": unit, **stands}
            await counter.done(holder, "POST", "/v1/posts/deputise", told)
    await counter.agreed(CLERK, "wang", f"/v1/persons/{NUMBERS[FORMER]}/tie", {"account": None, "left": True})
    await counter.agreed(CLERK, "wang", f"/v1/persons/{NUMBERS[UNTIED]}/tie", {"account": None})
    counter.box.clock.tick(int(LATE_OVER.total_seconds() * 1000))
    return Office(counter, frozenset(held))


@dataclass(slots=True)
class Wrong:
    """Whatever is wrong with one step, as things are."""

    office: Office
    row: Procedure
    now: Any
    """The request, as it is shown."""
    step: Step

    def tries(self) -> list[Tried]:
        what = act_of(self.step)
        every: list[Tried] = []
        if what in ("sign", "grant", "approve-hold"):
            every += self._signing()
        elif what == "entry":
            every += self._entering()
        elif what == "here":
            every += self._by(self._all_but(self._right(self._companion())), self.step[3], "not the companion")
        else:
            every += self._by(self._no_clerks(what), self.step[3], "not theirs to do")
        if what == "open":
            every += self._companions()
        if what in ("open", "copy", "keep", "ask-hold"):
            every += self._beyond()
        return every

    def _by(self, people: Iterator[str] | tuple[str, ...], body: dict[str, Any], why: str) -> Iterator[Tried]:
        return (Tried(who, self.step[2], body, why) for who in people)

    def _all_but(self, right: frozenset[str]) -> Iterator[str]:
        return (who for who in EVERYBODY if who not in right)

    def _right(self, posts: frozenset[tuple[str, str]]) -> frozenset[str]:
        """Who holds one of them, and may sign by it in this request."""
        holders = frozenset[str]().union(*(self.office.holders(*one) for one in posts))
        return holders if self.row.applicant in INSIDE else holders | {APPLICANT}

    def _unit_of(self, step: ChainStep, told: str) -> str:
        inside = self.row.applicant in INSIDE
        return {Unit.CAMERA: told, Unit.APPLICANT: SECTION[APPLICANT] if inside else ""}.get(step.unit, "")

    def _companion(self) -> frozenset[tuple[str, str]]:
        unit = "教務處" if self.row.companion_unit is Unit.CAMERA else ""
        return frozenset({(self.row.companion, unit)})

    def _no_clerks(self, what: str) -> Iterator[str]:
        """Checks are made by whoever has a part in it, too, all else by operators; nobody is one by an account that is
        nobody's.
        """
        by_post = {HEAD, DECIDES, APPLICANT} if what in ("check", "paper") else set[str]()
        own = {APPLICANT} if self.row.applicant in INSIDE else set[str]()
        yield from (who for who in NO_OPERATORS if who not in by_post or who in own)
        yield from NOT_OF_THE_OFFICE
        if what == "paper":
            yield CLERK  # who entered it
            signed = [
                one["by"]["person"] for step in self.now["chain"] for one in step["signed"] if one["door"] != "login"
            ]
            yield from (who for who in (HEAD, DECIDES, APPLICANT) if NUMBERS[who] in signed)

    # --- signatures

    def _next(self) -> ChainStep:
        if act_of(self.step) == "approve-hold":
            return self.row.hold_by[next(at for at, one in enumerate(self.now["keeping"]) if one["lacking"])]
        at = next((at for at, one in enumerate(self.now["chain"]) if one["lacking"]), len(self.row.chain) - 1)
        return self.row.chain[at]

    def _signing(self) -> Iterator[Tried]:
        _, _, path, body = self.step
        step = self._next()
        right = self._right(frozenset({(step.post, self._unit_of(step, body["signer"].get("unit", "")))}))
        if step.kind is StepKind.APPLY:
            right = frozenset({APPLICANT}) if self.row.applicant in INSIDE else frozenset()
        yield from self._not_theirs(right | {UNTIED} if step.kind is not StepKind.APPLY else right, right)
        yield from self._otherwise(step)
        if not body.get("keeping"):
            yield from self._instead(step)
        if path == "grant":
            yield from self._more_than_asked()

    def _not_theirs(self, on_paper: frozenset[str], right: frozenset[str]) -> Iterator[Tried]:
        """By anybody but those who may. `on_paper`: whose signature may be entered."""
        body = self.step[3]
        if "person" not in body["signer"]:
            yield from self._by(self._all_but(right), body, "not their post")
            return
        yield from self._by(NO_OPERATORS, body, "paper is entered by an operator")
        yield from self._by(NOT_OF_THE_OFFICE, body, "an operator who is nobody of the office")
        for other in (one for one in NUMBERS if one not in on_paper):
            yield self._signed(CLERK, {"person": NUMBERS[other]}, f"the signature of {other}")

    def _otherwise(self, step: ChainStep) -> Iterator[Tried]:
        """By whoever may, but not so."""
        who = self.step[0]
        yield self._signed(ELSEWHERE, {"person": None, "unit": OTHER_UNIT, "day": None}, "of another unit")
        for post, unit, holder in self.office.held:
            if holder == who and post != step.post:
                yield self._signed(who, {"post": post, "unit": unit}, "by another post of theirs")
        if not (step.or_authorised or step.or_equal):
            yield self._signed(who, {"authorised": True}, "nobody is authorised to sign this")
        if not self.row.by_word:
            told = {"by_word": True, "person": number_of(HEAD), "day": self.now["received"]}
            yield self._signed(CLERK, told, "by word")

    def _more_than_asked(self) -> Iterator[Tried]:
        who, _, path, body = self.step
        every = ["view", "hold", "copy", "look"]
        for more in ({"uses": every}, {"scope": self._longer()}, {"scope": self._other()}):
            yield Tried(who, path, {**body, **more}, "more than was asked for")

    def _instead(self, step: ChainStep) -> Iterator[Tried]:
        """What else may be done in the place of a signature, by whoever has no part in the chain."""
        chain = frozenset((one.post, self._unit_of(one, "教務處")) for one in self.row.chain)
        told = {"version": self.now["version"], "signer": {"post": step.post}, "reason": "不符"}
        for who in self._all_but(self._right(chain)):
            for path, more in INSTEAD.items():
                yield Tried(who, path, {**told, **more}, f"{path} in its place")

    def _signed(self, who: str, signer: dict[str, Any], why: str) -> Tried:
        body = self.step[3]
        return Tried(who, self.step[2], {**body, "signer": {**body["signer"], **signer}}, why)

    def _entering(self) -> Iterator[Tried]:
        """A row of the log book is signed by its posts alone."""
        who, _, path, body = self.step
        posts = self.office.counter.office.log_posts(self.row)
        right = self._right(frozenset({(body["signer"]["post"], "")}))
        yield from self._not_theirs(right | {UNTIED}, right)
        yield self._signed(ELSEWHERE, {"person": None, "unit": OTHER_UNIT, "day": None}, "of another unit")
        for post, unit, holder in self.office.held:
            if holder == who and post not in posts:
                yield self._signed(who, {"post": post, "unit": unit}, "by another post of theirs")
        yield self._signed(CLERK, {"by_word": True, "person": number_of(HEAD), "day": self.now["received"]}, "by word")
        yield Tried(who, path, {**body, "entry": NO_ENTRY}, "a row that is none")
        yield Tried(who, path, {**body, "entry": self.now["version"]}, "a row of another act")

    # --- what is shown and leaves

    def _companions(self) -> Iterator[Tried]:
        who, _, path, body = self.step
        right = self._right(self._companion()) | {UNTIED}
        for other in (one for one in NUMBERS if one not in right):
            yield Tried(who, path, {**body, "companion": NUMBERS[other]}, f"in company of {other}")
        yield Tried(who, path, {**body, "companion": None}, "alone")
        if "view" in self.row.may:
            yield Tried(who, path, {**body, "present": []}, "nobody is there to see it")

    def _longer(self) -> list[dict[str, str]]:
        (part, *_) = self.now["asked"]
        ends = datetime.fromisoformat(part["end"]) + timedelta(milliseconds=1)
        return [{**part, "end": ends.isoformat()}]

    def _other(self) -> list[dict[str, str]]:
        return [{**self.now["asked"][0], "camera": "gate"}]

    def _beyond(self) -> Iterator[Tried]:
        who, _, path, body = self.step
        yield Tried(who, path, {**body, "scope": self._longer()}, "longer than was granted")
        yield Tried(who, path, {**body, "scope": self._other()}, "another camera than was granted")
        if path == "view":
            yield Tried(who, path, {**body, "scope": []}, "nothing of what was granted")


def at(step: Step, now: Any, first: Sequence[Step]) -> Step:
    """A step of the `first` story in another one of its row, as that is shown now: its own copy, its own log book."""
    who, verb, path, body = step
    own = {**body, "version": now["version"]}
    if "copy_id" in body and now["copies"]:
        own["copy_id"] = now["copies"][0]["id"]
    if "entry" in body:
        number = sorted({one[3]["entry"] for one in first if one[1] == "entry"}).index(body["entry"])
        own["entry"] = now["entries"][number]["version"] if number < len(now["entries"]) else NO_ENTRY
    return who, verb, path, own


def tried_at(step: Step) -> Tried:
    who, _, path, body = step
    return Tried(who, path, body, act_of(step))


def once_more(step: Step) -> Step:
    """A closed case may get another number of its file, and is closed only once."""
    who, verb, path, body = step
    return who, verb, path, {**body, **({"filed_as": ""} if verb == "close" else {})}


async def each_step(office: Office, told: Story, steps: list[Step], tries: int | None) -> int:
    """The same story again, and at each step whatever may not be done then; how much that was. `tries`: of the wrong
    ones, at most so many of each step; None: all.
    """
    await told.receive()
    count = 0
    for number, step in enumerate(steps):
        now = await told.now()
        present = at(step, now, steps)
        if step[1] == "receipt":
            await told.finish()
        wrong = Wrong(office, told.row, now, present).tries()
        if tries is not None:
            stride = max(1, len(wrong) // tries)
            wrong = wrong[number % stride :: stride]
        early = [
            tried_at(later)
            for ahead, later in enumerate((at(one, now, steps) for one in steps[number + 1 :]), number + 1)
            if is_early(later, steps[number:ahead])
        ]
        await office.refused(told.number, [*wrong, *early])
        await told.do(present)
        after = await told.now()
        again = at(step, after, steps)
        twice = [] if act_of(step) in AGAIN else [tried_at(once_more(again))]
        if after["version"] != now["version"]:
            twice.append(tried_at(present))
        await office.refused(told.number, twice)
        if act_of(step) in AGAIN - {"keep", "copy"}:
            await told.do(again)
        count += len(wrong) + len(early) + len(twice)
    assert (await told.now())["status"] == "closed"
    return count


def whole(counter: Counter, name: str, row: str) -> Story:
    """With what comes after its close."""
    return replace(story(counter, name, row), disposes=True)


SAMPLED: Final = 6
"""Of what is wrong at each step, in the short form; which ones differs from step to step."""


@pytest.mark.parametrize("name", sorted(PROFILES))
async def test_wrong_person_too_early_and_twice(
    memory: Path, name: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    length: Profile = request.getfixturevalue("profile")
    async with opened(memory, name, {CAMERA: "教務處" if name == "nangang-school" else ""}) as counter:
        counter.box.segment(CAMERA, 300)
        office, count = await peopled(counter, name), 0
        for row in profile(name).procedures:
            first, again = whole(counter, name, row.row), whole(counter, name, row.row)
            await first.tell()
            count += await each_step(office, again, first.told, None if length.name == "long" else SAMPLED)
    with capsys.disabled():
        print(f" {count} tries, {len(office.refusals)} refusals", end="")  # noqa: T201


HOLES: Final[Mapping[str, tuple[str, str, Any]]] = {
    "the grant is not asked": ("W-staff", "granted", lambda request, *_: request.decision or _anything(request)),
    "one's own signature is taken": ("W-staff", "_not_own", lambda *_: None),
    "another interval": ("W-staff", "within", lambda *_: True),
    "unseen paper": ("W-agency", "_seen", lambda *_: None),
    "anybody's post": ("W-staff", "_fits", lambda *_: True),
    "what became of a copy is forgotten": ("W-agency", "_changed", lambda request, *_, **__: request),
}
"""By the row in whose story it is found first."""


def _anything(request: Request) -> Decision:
    return Decision(frozenset(Use), request.asked, Hand(0, ""))


@pytest.mark.parametrize("hole", HOLES)
async def test_a_planted_hole_is_found(memory: Path, hole: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row, name, planted = HOLES[hole]
    async with opened(memory, "wenshan-household", {CAMERA: ""}) as counter:
        counter.box.segment(CAMERA, 300)
        office = await peopled(counter, "wenshan-household")
        first = whole(counter, "wenshan-household", row)
        await first.tell()
        monkeypatch.setattr(machine, name, planted)
        with pytest.raises(AssertionError, match="nobody refused"):
            await each_step(office, whole(counter, "wenshan-household", row), first.told, None)


async def test_a_deputy_signs_in_their_time(memory: Path) -> None:
    """Who is refused before and after it."""
    async with opened(memory, "wenshan-household", {CAMERA: ""}) as counter:
        await peopled(counter, "wenshan-household")
        counter.box.clock.tick(int(timedelta(hours=23, minutes=1).total_seconds() * 1000))
        told = story(counter, "wenshan-household", "W-public")
        await told.receive()
        signed = {"version": 1, "signer": {"post": told.row.chain[0].post}}
        shown = await counter.done(EARLY, "POST", f"/v1/requests/{told.number}/sign", signed)
        (signature,) = shown["request"]["chain"][0]["signed"]
        assert (signature["by"]["person"], signature["deputy"]) == (NUMBERS[EARLY], True)
