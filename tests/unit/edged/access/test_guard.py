"""The guard before a call: nothing happens before it is allowed and, where it must be, on record."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from edged.access import guard as guard_module
from edged.access import journal as journal_module
from edged.access.callers import Caller, Details, Peer, Refusal, Route
from edged.access.guard import Guard, caller
from edged.access.journal import DAY_MS, WINDOW_MS, ActJournal
from edged.host import accounts
from edged.host.accounts import AccountDirectory, HostAccount
from edged.words import exit_codes, roles
from edged.words.roles import Assignment, Role, Verb
from storage.words.errors import WriteFailed
from tests.support.roles import Act, Memory

GROUPS: Assignment = {role: (f"{role}s",) for role in Role}
PEOPLE = {1001: HostAccount("chen", frozenset({"operators"})), 1002: HostAccount("lin", frozenset({"authoritys"}))}
BOTH = HostAccount("wang", frozenset({"operators", "authoritys"}))
OWED = 5
BROKEN = WriteFailed("edged.db: no space left on device", "make room")


class Box:
    """A guard whose callers, groups, clock and ledger are played."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.uid: int = 1001
        self.login: int | None = 1001
        self.now_ms = 0
        self.memory = Memory()
        self.people = dict(PEOPLE)
        self.ran: list[str] = []
        self.clashing: list[int] = []
        self.error: Exception | None = None
        self.about: Details | Refusal | None = None
        self.callers: list[Caller] = []
        self.grounds: list[Caller] = []
        self.ground: Refusal | None = None
        self.desk = ActJournal(self.memory, lambda: self.now_ms)
        self.directory = AccountDirectory()
        self.assignment: Assignment | None = GROUPS
        self.guard = Guard(lambda: self.assignment, self.directory, self.desk, self.clashing.append)
        monkeypatch.setattr(guard_module, "peer_of", lambda _: Peer(self.uid, self.login))
        monkeypatch.setattr(accounts, "account", self.account)

    def account(self, uid: int, groups: object) -> HostAccount:
        del groups
        return self.people.get(uid, HostAccount(f"uid {uid}", known=False))

    async def call(self, verb: Verb, *, grounded: bool = True, **ids: str) -> web.StreamResponse:
        async def handler(request: web.Request) -> web.Response:
            self.callers.append(caller(request))
            self.ran.append(caller(request).who)
            if self.error is not None:
                raise self.error
            return web.Response()

        async def about(_request: web.Request) -> Details:
            if isinstance(self.about, Refusal):
                raise self.about
            return self.about or {}

        async def ground(_request: web.Request, who: Caller) -> None:
            self.grounds.append(who)
            if self.ground is not None:
                raise self.ground

        request = make_mocked_request("POST", "/v1/x", match_info=ids)
        route = Route("POST", "/v1/x", verb, handler, about, ground if grounded else None)
        return await self.guard.pass_on(route, request)

    async def refused(self, verb: Verb, exit_code: int, words: str, *, grounded: bool = True, **ids: str) -> None:
        with pytest.raises(Refusal, match=re.escape(words)) as caught:
            await self.call(verb, grounded=grounded, **ids)
        assert caught.value.document.exit == exit_code

    @property
    def results(self) -> list[tuple[str, str]]:
        return [(act.verb, act.result) for act in self.memory.acts]


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    made = Box(monkeypatch)
    yield made
    made.directory.close()


async def test_what_changes_something_is_on_record_before_it_happens(box: Box) -> None:
    box.memory.failure = BROKEN
    box.uid = box.login = 1002
    await box.refused(Verb.APPROVE_ID, exit_codes.TRY_LATER, "no space left", act="A-7F3K2")
    assert (box.ran, box.results) == ([], [])
    box.memory.failure = None
    await box.call(Verb.APPROVE_ID, act="A-7F3K2")
    assert box.memory.acts == [Act("approve ID", "approved", "authority", "lin", {"act": "A-7F3K2"})]
    assert box.ran == ["lin"]


async def test_nothing_is_looked_at_without_a_record(box: Box) -> None:
    box.memory.failure = BROKEN
    await box.refused(Verb.PIN_LIST, exit_codes.TRY_LATER, "cannot be put on record")
    box.memory.failure = None
    await box.call(Verb.PIN_LIST)
    assert box.results == [("pin list", "done")]
    assert len(box.ran) == 1


@pytest.mark.parametrize("verb", [verb for verb in Verb if roles.TABLE[verb].discloses])
async def test_what_discloses_asks_for_a_ground_first(box: Box, verb: Verb) -> None:
    """Whoever may by the role alone is shown nothing, also where somebody forgot to say on which ground."""
    await box.refused(verb, exit_codes.NOT_ALLOWED, "on which ground", grounded=False)
    box.ground = Refusal("no grant", "ask for one", exit_codes.NOT_ALLOWED, status=403)
    await box.refused(verb, exit_codes.NOT_ALLOWED, "no grant")
    assert box.ran == []
    assert {result for _, result in box.results} == {"refused"}
    box.ground = None
    await box.call(verb)
    assert [who.login for who in box.grounds] == [1001, 1001]
    assert len(box.ran) == 1


async def test_what_shows_no_footage_asks_for_no_ground(box: Box) -> None:
    await box.call(Verb.PIN_LIST, grounded=False)
    assert (len(box.ran), box.grounds) == (1, [])


async def test_who_has_a_part_in_a_request_needs_no_role(box: Box) -> None:
    """The guard asks for that request alone; whom no login vouches for has a part in none."""
    asked: list[tuple[int, str | None]] = []

    def has_part(account: int, number: str | None) -> bool:
        asked.append((account, number))
        return number == "115-0007"

    box.guard.has_part = has_part
    box.uid = box.login = 1003
    await box.call(Verb.REQUEST_SIGN, request="115-0007")
    assert box.callers[-1].role == "post"
    await box.refused(Verb.REQUEST_SIGN, exit_codes.NOT_ALLOWED, "it takes the role", request="115-0008")
    await box.refused(Verb.REQUEST_CLOSE, exit_codes.NOT_ALLOWED, "it takes the role", request="115-0007")
    assert asked == [(1003, "115-0007"), (1003, "115-0008")]
    box.login = None
    await box.refused(Verb.REQUEST_SIGN, exit_codes.NOT_ALLOWED, "it takes the role", request="115-0007")


async def test_who_has_to_be_there_reads_the_request_and_says_so_and_no_more(box: Box) -> None:
    box.guard.accompanies = lambda _account, number: number == "115-0007"
    box.uid = box.login = 1003
    for verb in (Verb.REQUEST_SHOW, Verb.REQUEST_VIEW):
        await box.call(verb, request="115-0007")
    for verb in (Verb.REQUEST_SIGN, Verb.REQUEST_CHECK, Verb.REQUEST_COPY):
        await box.refused(verb, exit_codes.NOT_ALLOWED, "it takes the role", request="115-0007")


async def test_a_repetition_rests_on_no_leaf_that_is_not_there_yet(box: Box) -> None:
    """The second comes while the first waits for its commit, which then fails."""
    box.memory.hanging = []
    calls = [asyncio.create_task(box.call(Verb.PIN_LIST)) for _ in range(2)]
    async with asyncio.timeout(10):
        while len(box.memory.hanging) < 2:  # noqa: ASYNC110 - the threads of the directory tell no event
            await asyncio.sleep(0)
    for future in box.memory.hanging:
        future.set_exception(BROKEN)
    assert [type(end) for end in await asyncio.gather(*calls, return_exceptions=True)] == [Refusal, Refusal]
    assert box.ran == []


@pytest.mark.parametrize("verb", [Verb.STATUS, Verb.ALARMS, Verb.GAPS])
async def test_what_tells_of_the_machine_answers_whatever_is_broken(box: Box, verb: Verb) -> None:
    box.memory.failure = BROKEN
    await box.call(verb)
    assert box.desk.owed == 0


async def test_what_keeps_evidence_is_never_held_up_and_its_leaf_is_made_up_for(box: Box) -> None:
    box.memory.failure = BROKEN
    await box.call(Verb.PIN_ADD)
    assert (box.ran, box.desk.owed) == (["chen"], 1)
    await box.desk.maintain()
    assert box.desk.owed == 1
    box.memory.failure = None
    await box.desk.maintain()
    assert box.desk.owed == 0
    assert box.results == [("pin add", "done")]


async def test_a_leaf_of_what_came_to_nothing_is_followed_by_one_that_says_so(box: Box) -> None:
    box.error = Refusal("there is no such disk", "", exit_codes.USAGE, 404)
    box.uid = box.login = 0
    await box.refused(Verb.VOLUME_INIT, exit_codes.USAGE, "no such disk")
    assert box.results == [("volume init", "done"), ("volume init", "failed")]
    assert box.memory.acts[1].details == {"of": 1}


async def test_what_waits_for_a_second_person_is_on_record_with_the_act_itself(box: Box) -> None:
    """The guard says who asks, as what and about what; the leaf comes with the act (storage.approvals.service)."""
    await box.call(Verb.PIN_EXTEND, pin="P-20260501-7F3K")
    assert box.results == []
    assert (box.callers[0].role, box.callers[0].ids) == ("operator", {"pin": "P-20260501-7F3K"})
    box.error = Refusal("there is no such pin", "", exit_codes.USAGE, 404)
    await box.refused(Verb.PIN_EXTEND, exit_codes.USAGE, "no such pin")
    assert box.results == [("pin extend", "failed")]


async def test_what_a_second_person_is_refused_was_never_approved(box: Box) -> None:
    box.uid = box.login = 1002
    box.about = Refusal("it takes a second person", "", exit_codes.NOT_ALLOWED, 403)
    await box.refused(Verb.APPROVE_ID, exit_codes.NOT_ALLOWED, "a second person", act="A-7F3K2")
    box.about, box.login = None, None
    await box.refused(Verb.PIN_APPROVE, exit_codes.NOT_ALLOWED, "no login vouches")
    await box.desk.close()
    assert box.ran == []
    assert box.results == [("approve ID", "refused"), ("pin approve", "refused")]
    assert box.memory.acts[0].details == {"act": "A-7F3K2"}


async def test_what_is_not_there_to_approve_was_never_approved_either(box: Box) -> None:
    box.uid = box.login = 1002
    box.about = Refusal("there is no such act", "", exit_codes.USAGE, 404)
    await box.refused(Verb.APPROVE_ID, exit_codes.USAGE, "no such act")
    assert box.results == [("approve ID", "failed")]


async def test_a_leaf_names_what_a_call_is_about(box: Box) -> None:
    box.about = {"step": "plan"}
    await box.call(Verb.EXPORT)
    box.about = {"step": "begin"}
    await box.call(Verb.EXPORT)
    assert [act.details for act in box.memory.acts] == [{"step": "plan"}, {"step": "begin"}]


async def test_lists_of_footage_are_one_leaf_a_day_with_all_that_was_asked_for(box: Box) -> None:
    box.memory.failure = BROKEN
    box.about = {"cameras": ["lobby"], "from": 5, "to": 7}
    await box.call(Verb.SEGMENTS)
    assert (box.ran, box.desk.owed) == (["chen"], 1), "no leaf holds up a list"
    box.memory.failure = None
    for hour in range(1, 24):
        for minute in range(60 * hour, 60 * hour + 5):
            box.now_ms = minute * 60_000
            box.about = {"cameras": ["garage"] if minute % 2 else ["lobby"], "from": minute, "to": 60 + minute}
            await box.call(Verb.SEGMENTS)
        await box.desk.maintain()
    assert box.results == [("segments", "done")]
    box.now_ms = DAY_MS
    await box.desk.maintain()
    assert [act.details for act in box.memory.acts] == [
        {"cameras": ["lobby"], "from": 5, "to": 7},
        {"cameras": ["garage", "lobby"], "from": 60, "to": 1444, "count": 115},
    ]
    box.about = {"cameras": ["lobby"], "from": 5}
    await box.call(Verb.SEGMENTS)
    box.about = {"to": 9}
    await box.call(Verb.SEGMENTS)
    await box.desk.close()
    assert box.memory.acts[-1].details == {"count": 2}, "what one leaves open is open"


async def test_whoever_asked_and_went_away_has_failed_at_nothing(box: Box) -> None:
    box.error = ConnectionResetError()
    box.uid = box.login = 1002
    with pytest.raises(ConnectionResetError):
        await box.call(Verb.APPROVE_ID)
    assert box.results == [("approve ID", "approved")]


async def test_a_refusal_runs_nothing_and_is_on_record(box: Box) -> None:
    await box.refused(Verb.APPROVE_ID, exit_codes.NOT_ALLOWED, "authority", act="A-7F3K2")
    assert box.ran == []
    assert box.memory.acts == [Act("approve ID", "refused", "operator", "chen", {"act": "A-7F3K2"})]


async def test_refusals_are_one_leaf_a_minute_and_person(box: Box) -> None:
    for _ in range(5):
        await box.refused(Verb.APPROVE_ID, exit_codes.NOT_ALLOWED, "authority")
    box.uid = box.login = 1002
    await box.refused(Verb.PIN_ADD, exit_codes.NOT_ALLOWED, "operator")
    assert len(box.memory.acts) == 2
    box.now_ms = WINDOW_MS
    await box.desk.maintain()
    assert [(act.who, act.details) for act in box.memory.acts[2:]] == [("chen", {"count": 4})]
    await box.desk.close()
    assert len(box.memory.acts) == 3


async def test_a_refusal_hides_behind_no_other(box: Box) -> None:
    """Whoever tries all verbs in a minute is on record with each."""
    for verb in (Verb.APPROVE_ID, Verb.VOLUME_INIT, Verb.LEDGER, Verb.VOLUME_INIT):
        await box.refused(verb, exit_codes.NOT_ALLOWED, "may not")
    await box.desk.close()
    first, second = box.memory.acts
    assert first.verb == "approve ID"
    assert second.details == {"verbs": "volume init, ledger", "count": 3}


async def test_accounts_that_nobody_knows_are_one(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has thousands of numbers, as anybody has (subuid), writes no thousands of leaves; nor hides others."""
    monkeypatch.setattr(journal_module, "KEYS_MAX", 16)
    many = journal_module.KEYS_MAX + 20
    for number in range(700_000, 700_000 + many):
        box.uid, box.login = number, None
        await box.refused(Verb.LEDGER, exit_codes.NOT_ALLOWED, "may not")
    for number in range(800_000, 800_000 + many):  # what a service names as its login
        box.uid, box.login = 1002, number
        await box.refused(Verb.PIN_ADD, exit_codes.NOT_ALLOWED, "may not")
    box.uid = box.login = 1001
    await box.refused(Verb.LEDGER, exit_codes.NOT_ALLOWED, "may not")
    await box.desk.close()
    assert [act.who for act in box.memory.acts] == [
        *("uid 700000 without a login", "chen", journal_module.STRANGERS),
    ]
    assert box.memory.acts[-1].details["count"] == 2 * many - 1


async def test_the_same_list_again_is_counted_and_another_call_is_not(box: Box) -> None:
    for _ in range(3):
        await box.call(Verb.PIN_LIST)
    for _ in range(2):
        await box.call(Verb.PIN_ADD)
    assert box.results == [("pin list", "done"), ("pin add", "done"), ("pin add", "done")]
    await box.desk.close()
    assert box.memory.acts[-1] == Act("pin list", "done", "operator", "chen", {"count": 2})


@pytest.mark.parametrize("text", ["王小明", "P-chen", "A-" + "X" * 40, "P-2 0", ""])
async def test_what_somebody_typed_comes_into_no_leaf(box: Box, text: str) -> None:
    await box.call(Verb.PIN_APPROVE, pin=text)
    assert box.memory.acts[0].details == {}


async def test_groups_are_looked_up_at_each_call(box: Box) -> None:
    await box.call(Verb.PIN_ADD)
    box.people[1001] = HostAccount("chen")
    await box.refused(Verb.PIN_ADD, exit_codes.NOT_ALLOWED, "operator")
    box.assignment = None
    await box.refused(Verb.STATUS, exit_codes.NOT_ALLOWED, "no roles are configured")


async def test_an_account_that_is_both_is_neither_and_is_told_of(box: Box) -> None:
    box.people[1001] = BOTH
    await box.refused(Verb.PIN_ADD, exit_codes.NOT_ALLOWED, "neither")
    await box.refused(Verb.APPROVE_ID, exit_codes.NOT_ALLOWED, "neither")
    assert set(box.clashing) == {1001}


async def test_the_record_names_the_person_and_what_they_became(box: Box) -> None:
    box.uid, box.login = 0, 1001
    box.people[0] = HostAccount("root")
    await box.call(Verb.RELOAD)
    assert box.memory.acts == [Act("reload", "done", "technician", "chen as root", {})]


async def test_root_comes_in_while_the_directory_hangs(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(uid: int, groups: object) -> HostAccount:
        raise TimeoutError

    monkeypatch.setattr(accounts, "account", hangs)
    await box.refused(Verb.STATUS, exit_codes.TRY_LATER, "cannot be looked up")
    box.uid = box.login = 0
    await box.call(Verb.RELOAD)
    assert box.memory.acts == [Act("reload", "done", "technician", "uid 0", {})]


async def test_what_is_written_too_late_is_taken_back_or_was_owed(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "PATIENCE_S", 0)
    box.memory.hanging = []
    await box.refused(Verb.PIN_LIST, exit_codes.TRY_LATER, "does not answer")
    await box.call(Verb.PIN_ADD)
    await box.call(Verb.PIN_ADD)
    assert box.ran == ["chen", "chen"]
    assert box.desk.owed == 0, "nobody knows yet"
    first, second, third = box.memory.hanging
    box.memory.hanging = None
    first.set_result(7)
    second.set_result(8)
    third.set_exception(BROKEN)
    monkeypatch.setattr(journal_module, "PATIENCE_S", 5)
    await asyncio.sleep(0)  # what they tell comes through the loop
    await box.desk.maintain()
    assert box.results == [("pin list", "failed"), ("pin add", "done")]
    assert box.memory.acts[0].details == {"of": 7}


async def test_what_is_owed_is_bounded_and_what_is_lost_is_counted(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "OWED_MAX", OWED)
    box.memory.failure = BROKEN
    for _ in range(OWED + 3):
        await box.call(Verb.PIN_ADD)
    assert box.desk.owed == OWED + 3
    box.memory.failure = None
    await box.desk.close()
    assert box.desk.owed == 0
    assert box.results.count(("pin add", "done")) == OWED
    assert (box.memory.acts[-1].result, box.memory.acts[-1].details) == ("lost", {"count": 3})


@pytest.mark.parametrize("verb", [verb for verb in Verb if roles.TABLE[verb].result in ("asked", "approved")])
async def test_what_takes_two_persons_takes_a_login(box: Box, verb: Verb) -> None:
    box.assignment = None
    box.uid, box.login = 0, 1001
    await box.call(verb)
    assert len(box.ran) == 1
    box.login = None
    await box.refused(verb, exit_codes.NOT_ALLOWED, "no login vouches")
    assert len(box.ran) == 1
    assert box.memory.acts[-1].result == "refused"
