"""The calls behind `edgectl person`, `edgectl post` and `edgectl office`: who works here, by which post they sign, and
opening the office for good.

What makes somebody able to sign takes two persons. Arguments of acts name people by numbers; who reads what waits is
told their names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from edged.access.acts import Acts, Kind, doing
from edged.access.callers import Refusal, Route, get, instant, post
from edged.access.guard import logged_in, login_of_caller
from edged.api import approvals
from edged.api.base import answer, asked
from edged.api.requests import fitting
from edged.documents import office as documents
from edged.documents import pins as pin_documents
from edged.documents.base import Told
from edged.host import accounts
from edged.office.people import People
from edged.office.request import Unfit
from edged.office.service import OfficeService
from edged.profiles.procedures import ChainStep, StepKind
from edged.words import exit_codes
from edged.words.roles import Verb
from edged.words.units import timestamp
from storage.approvals.service import Act, Arguments, Person
from storage.database.writer import TransactionPart
from storage.ledger.table import Value
from storage.office.people_table import PersonStep
from storage.store.facade import Store
from storage.words.clock import Clock
from storage.words.errors import OrderRefused, StoreError
from storage.words.message import Message, message

TIE: Final = "person-tie"
LEAVE: Final = "person-leave"
HOLD: Final = "post-hold"
DEPUTISE: Final = "post-deputise"
OPEN: Final = "office-open"
LOOK: Final = message("office.people.action", "`edgectl person list` and `edgectl post list` show who there is")
OWN_GIFT: Final = message("office.own-gift", "nobody signs by a post that they were one of the two to give")
OTHERS: Final = message("office.own-gift.action", "let two others ask for it and approve it, or end what you gave")
NO_ACCOUNT: Final = -1
UNIT_MAX: Final = 60
"""Characters."""
LONGEST_MS: Final = 366 * 86_400_000
"""Of a deputy."""


@dataclass(frozen=True, slots=True)
class OfficeCalls:
    """All of them."""

    store: Store
    office: OfficeService
    acts: Acts
    clock: Clock

    def routes(self) -> Sequence[Route]:
        for name, verb, sentence, deed in (
            (TIE, Verb.PERSON_TIE, self._tying, self._tie),
            (LEAVE, Verb.PERSON_TIE, self._leaving, self._leave),
            (HOLD, Verb.POST_HOLD, self._holding, self._hold),
            (DEPUTISE, Verb.POST_HOLD, self._deputising, self._deputise),
            (OPEN, Verb.OFFICE_OPEN, _opening, self._open),
        ):
            self.acts.register(name, Kind(verb, sentence, doing(deed)))
        return [
            get("/v1/persons", Verb.PERSON_LIST, self.persons),
            post("/v1/persons", Verb.PERSON_ADD, self.add),
            post("/v1/persons/{person}/tie", Verb.PERSON_TIE, self.tie),
            get("/v1/posts", Verb.POST_LIST, self.posts),
            post("/v1/posts/hold", Verb.POST_HOLD, self.hold),
            post("/v1/posts/deputise", Verb.POST_DEPUTISE, self.deputise),
            post("/v1/posts/deputise-by-two", Verb.POST_HOLD, self.deputise_by_two),
            post("/v1/office/open", Verb.OFFICE_OPEN, self.open),
        ]

    # --- persons ------------------------------------------------------------------------------------------------

    async def persons(self, _request: web.Request) -> web.Response:
        def work() -> documents.PersonList:
            everybody, names = self.office.people(), self.office.names()
            return documents.PersonList(
                persons=[
                    documents.ShownPerson(
                        number=one.number,
                        name=names.get(one.number, ""),
                        unit=one.unit,
                        account=None if one.account is None else accounts.account(one.account).name,
                        left=one.left,
                        posts=[held.post for held in everybody.holdings if held.person == one.number],
                    )
                    for one in everybody.persons
                ]
            )

        return answer(await fitting(work))

    async def add(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.PersonAsked), login_of_caller(request)

        def work() -> documents.PersonAdd:
            persons = self.store.office.persons
            _check_unit(wanted.unit)
            if wanted.number is None:
                return documents.PersonAdd(person=persons.add(wanted.name.strip(), wanted.unit.strip(), who))
            persons.rename(wanted.number, wanted.name.strip(), who)
            return documents.PersonAdd(person=wanted.number)

        return answer(await fitting(work))

    async def tie(self, request: web.Request) -> web.Response:
        wanted, who, person = await asked(request, documents.TieAsked), logged_in(request), _number(request)

        def work() -> Act:
            if wanted.left:
                self.store.office.persons.check(PersonStep.LEFT, person=person)
                return self.acts.ask(LEAVE, {"person": person}, who)
            account = None if wanted.account is None else accounts.number_of(wanted.account)
            if account is None and wanted.account is not None:
                raise Unfit(
                    message("office.no-such-account", "this box has no account {account}", account=wanted.account[:32]),
                    message("office.no-such-account.action", "write it as they log in: `getent passwd` lists accounts"),
                )
            self.store.office.persons.check(PersonStep.TIED, person=person, account=account)
            return self.acts.ask(TIE, {"person": person, "account": NO_ACCOUNT if account is None else account}, who)

        return answer(documents.PersonTie(act=await self._asked(work)))

    async def _asked(self, work: Callable[[], Act]) -> pin_documents.Act:
        act = await fitting(work)
        return approvals.act_document(self.acts, act, self.clock)

    # --- posts --------------------------------------------------------------------------------------------------

    async def posts(self, _request: web.Request) -> web.Response:
        return answer(await fitting(self._posts))

    def _posts(self) -> documents.PostList:
        everybody, now_ms = self.office.people(), self.clock.now().wall_ms
        asked_by: dict[str, set[str]] = {}
        for row in self.office.procedures.values():
            steps = [one for one in (*row.chain, *row.hold_by) if one.kind is not StepKind.APPLY]
            names = [one.post for one in steps] + ([row.companion] if row.companion else [])
            for name in names:
                asked_by.setdefault(name, set()).add(row.row)
        every = {(one.post, one.unit) for one in everybody.holdings}
        every |= {(name, "") for name in asked_by if not any(name == known for known, _ in every)}
        return documents.PostList(
            posts=[
                documents.Post(
                    post=name,
                    unit=unit,
                    rows=sorted(asked_by.get(name, ())),
                    holders=list(_holders(everybody, name, unit, now_ms)),
                )
                for name, unit in sorted(every)
            ],
            words={name: row.words for name, row in self.office.procedures.items()},
            timezone=self.office.timezone,
            lacking=[Told(**one.told) for one in self.office.lacking()],
        )

    async def hold(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.PostAsked), logged_in(request)

        def work() -> Act:
            step = PersonStep.HOLDS_NO_MORE if wanted.ends else PersonStep.HOLDS
            told: dict[str, str | int] = {"person": wanted.person, "post": wanted.post, "unit": wanted.unit}
            self._known_post(wanted.post, wanted.unit)
            self.store.office.persons.check(step, **told)
            if not wanted.ends and who.login is not None and self._is(wanted.person, who.login):
                raise Unfit(OWN_GIFT, OTHERS)
            return self.acts.ask(HOLD, {**told, "ends": int(wanted.ends)}, who)

        return answer(documents.PostHold(act=await self._asked(work)))

    async def deputise(self, request: web.Request) -> web.Response:
        """By the holder alone, at once."""
        wanted, who = await asked(request, documents.DeputyAsked), login_of_caller(request)

        def work() -> documents.PostDeputise:
            told = self._deputy(wanted, self.office.person_of(who))
            self.store.office.persons.step(PersonStep.DEPUTISES, [who], **told)
            return documents.PostDeputise(act=None)

        return answer(await fitting(work))

    async def deputise_by_two(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.DeputyAsked), logged_in(request)

        def work() -> Act:
            if wanted.holder is None:
                raise Unfit(message("office.deputy-of", "say for whom: the number of who holds the post"), LOOK)
            if who.login is not None and self._is(wanted.person, who.login):
                raise Unfit(OWN_GIFT, OTHERS)
            return self.acts.ask(DEPUTISE, self._deputy(wanted, wanted.holder), who)

        return answer(documents.PostDeputise(act=await self._asked(work)))

    def _deputy(self, wanted: documents.DeputyAsked, holder: int) -> dict[str, str | int]:
        from_ms, to_ms = instant("start", wanted.start) or 0, instant("end", wanted.end) or 0
        if not from_ms < to_ms <= from_ms + LONGEST_MS or to_ms <= self.clock.now().wall_ms:
            raise Unfit(
                message("office.deputy-time", "a deputy stands in for a stated time that ends, at most a year ahead"),
                message("office.deputy-time.action", "write --from and --to anew"),
            )
        everybody = self.office.people()
        if holder not in everybody.holders(wanted.post, wanted.unit):
            raise Unfit(message("office.deputy-holder", "who names a deputy holds the post: `edgectl post list`"), LOOK)
        if wanted.person == holder:
            raise Unfit(message("office.deputy-self", "a deputy is another person"), LOOK)
        told: dict[str, str | int] = {
            "person": wanted.person,
            "post": wanted.post,
            "unit": wanted.unit,
            "holder": holder,
            "from_ms": from_ms,
            "to_ms": to_ms,
        }
        self.store.office.persons.check(PersonStep.DEPUTISES, **told)
        return told

    def _known_post(self, name: str, unit: str) -> None:
        """Unfit: no procedure knows such a post; who holds it would sign nothing by it."""
        rows = self.office.procedures.values()
        known = {one.post for row in rows for one in _signing(row.chain + row.hold_by)}
        known |= {row.companion for row in rows if row.companion}
        if name not in known:
            raise Unfit(
                message("office.no-post", "no procedure has the post {post}; there are: {posts}",
                        post=name[:32], posts=sorted(known)),
                LOOK,
            )  # fmt: skip
        _check_unit(unit)

    # --- opening ------------------------------------------------------------------------------------------------

    async def open(self, request: web.Request) -> web.Response:
        who = logged_in(request)

        def work() -> Act:
            self._openable()
            return self.acts.ask(OPEN, {}, who)

        return answer(documents.OfficeOpen(act=await self._asked(work)))

    def _openable(self) -> None:
        if not self.office.procedures:
            raise Unfit(message("office.no-profile", "this box has no profile, so there is no office to open"))
        self.store.office.requests.check_not_open()
        lacking = self.office.lacking()
        if lacking:
            raise Unfit(
                message(
                    "office.lacking",
                    "not every chain has its posts: {count} are lacking, such as {lacking}",
                    count=len(lacking),
                    lacking=lacking[0],
                ),
                message("office.lacking.action", "`edgectl post list` shows all of it"),
            )

    # --- deeds --------------------------------------------------------------------------------------------------

    def _tie(self, act: Act, second: Person) -> TransactionPart:
        account = int(act.arguments["account"])
        return self._step(PersonStep.TIED, act, second, account=None if account == NO_ACCOUNT else account)

    def _leave(self, act: Act, second: Person) -> TransactionPart:
        return self._step(PersonStep.LEFT, act, second)

    def _hold(self, act: Act, second: Person) -> TransactionPart:
        if not act.arguments["ends"] and self._is(int(act.arguments["person"]), second.uid):
            raise OrderRefused(OWN_GIFT, OTHERS)
        step = PersonStep.HOLDS_NO_MORE if act.arguments["ends"] else PersonStep.HOLDS
        return self._step(step, act, second, "post", "unit")

    def _is(self, person: int, account: int) -> bool:
        known = self.office.people().of_account(account)
        return known is not None and known.number == person

    def _deputise(self, act: Act, second: Person) -> TransactionPart:
        if self._is(int(act.arguments["person"]), second.uid):
            raise OrderRefused(OWN_GIFT, OTHERS)
        return self._step(PersonStep.DEPUTISES, act, second, "post", "unit", "holder", "from_ms", "to_ms")

    def _open(self, act: Act, second: Person) -> TransactionPart:
        self._openable()
        return self.store.office.requests.opening([act.asker.uid, second.uid])

    def _step(self, step: PersonStep, act: Act, second: Person, *names: str, **more: Value) -> TransactionPart:
        told: dict[str, Value] = {"person": act.arguments["person"], **{name: act.arguments[name] for name in names}}
        return self.store.office.persons.stepping(step, [act.asker.uid, second.uid], **told, **more)

    # --- sentences ----------------------------------------------------------------------------------------------

    def _tying(self, arguments: Arguments) -> Message:
        account = int(arguments["account"])
        if account == NO_ACCOUNT:
            return message("approval.untie", "{who} has no account any more", who=self._named(arguments["person"]))
        return message(
            "approval.tie",
            "account {account} is {who}: what it signs is signed by them",
            who=self._named(arguments["person"]),
            account=accounts.account(account).name,
        )

    def _leaving(self, arguments: Arguments) -> Message:
        return message(
            "approval.leave", "{who} works here no more, and signs nothing", who=self._named(arguments["person"])
        )

    def _holding(self, arguments: Arguments) -> Message:
        who, name = self._named(arguments["person"]), _post(arguments)
        if arguments["ends"]:
            return message("approval.post-ends", "{who} holds the post {post} no more", who=who, post=name)
        return message("approval.post", "{who} holds the post {post}, and signs by it", who=who, post=name)

    def _deputising(self, arguments: Arguments) -> Message:
        return message(
            "approval.deputy",
            "{who} stands in for {holder} as {post}, from {start_at} to {end_at}",
            who=self._named(arguments["person"]),
            holder=self._named(arguments["holder"]),
            post=_post(arguments),
            start_at=timestamp(int(arguments["from_ms"])),
            end_at=timestamp(int(arguments["to_ms"])),
        )

    def _named(self, person: str | int) -> Message:
        try:
            name = self.office.names().get(int(person), "")
        except StoreError:
            name = ""
        if name:
            return message("office.person-named", "person {person} ({name})", person=int(person), name=name)
        return message("office.person-numbered", "person {person}", person=int(person))


def _check_unit(unit: str) -> None:
    if not unit.isprintable() or len(unit) > UNIT_MAX:
        raise Unfit(message("office.unit", "the name of a unit is one line"))


def _opening(_arguments: Arguments) -> Message:
    return message(
        "approval.office-open",
        "the office is opened, for good: footage is shown and handed out by granted requests only",
    )


def _post(arguments: Arguments) -> Message:
    if arguments["unit"]:
        return message("office.post-of", "{post} of {unit}", post=str(arguments["post"]), unit=str(arguments["unit"]))
    return Message(str(arguments["post"]))


def _signing(chain: Iterable[ChainStep]) -> Iterable[ChainStep]:
    return (one for one in chain if one.kind is not StepKind.APPLY)


def _holders(everybody: People, name: str, unit: str, now_ms: int) -> Iterable[documents.Holder]:
    signing = everybody.holders(name, unit)
    for held in everybody.holdings:
        if (held.post, held.unit) == (name, unit):
            yield documents.Holder(
                person=held.person, deputy_of=None, start=None, end=None, signs=held.person in signing
            )
    standing = everybody.deputies_of(name, unit, now_ms)
    for one in everybody.deputies:
        if (one.post, one.unit) == (name, unit):
            yield documents.Holder(
                person=one.person,
                deputy_of=one.holder,
                start=timestamp(one.from_ms),
                end=timestamp(one.to_ms),
                signs=one.person in standing,
            )


def _number(request: web.Request) -> int:
    told = request.match_info["person"]
    if not (told.isascii() and told.isdecimal() and len(told) < 10):
        raise Refusal(
            message("office.person-unknown", "there is no person {person}", person=told[:32]),
            message("office.person-unknown.action", "`edgectl person list` shows those there are"),
            exit_codes.USAGE,
            404,
        )
    return int(told)
