"""The guard before every call: who it is, whether a role of theirs has the verb, and that it goes on record.

Asks `edged.words.roles` for the rule and the system's databases for the groups, at each call anew. Refuses before
the handler runs, so that whoever may not ask learns nothing, not even whether what they named exists. It leaves in the
request who asks, and why.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, TypeAlias

from aiohttp import web

from edged.access.callers import Caller, Details, Refusal, Route, peer_of, refuse_cameras
from edged.access.journal import ActEntry, ActJournal
from edged.host import accounts
from edged.host.accounts import AccountDirectory, HostAccount
from edged.words import exit_codes, roles
from edged.words.roles import Assignment, Holding, Record, Verb, VerbRule
from storage.words.message import as_message, message

ID: Final = re.compile(r"[A-Z]-[0-9A-Z]+(-[0-9A-Z]+)?|[0-9]{1,4}-[0-9]{4,9}")
"""What of a path goes into a leaf: ids that edged made. Anything else somebody may have typed could name a person."""
ID_MAX: Final = 24

Clash: TypeAlias = Callable[[int], None]
HasPart: TypeAlias = Callable[[int, str | None], bool]
"""Whether an account is of somebody who has a part in a request, None: in any. Blocking."""
CamerasOf: TypeAlias = Callable[[int, bool], frozenset[str] | None]
"""Cameras of the unit whose person an account is; None: all. Whether the call shows footage, or what there is of it,
counts where nobody knows whose person that is. Blocking.
"""
BY_COMPANY: Final = frozenset({Verb.REQUEST_SHOW, Verb.REQUEST_VIEW})
"""What whoever has to be there at a viewing may call, to see what it is and to say that they are there."""
BY_POST: Final = "post"
"""What leaves name as the role of whoever was let in by a post of the request."""
CALLER: Final = web.RequestKey("caller", Caller)
"""Under this key the guard leaves in the request who makes it."""
REASON: Final = web.RequestKey("reason", str)
"""Why, as whoever calls has typed it: `about` leaves it there for the leaf, which has it as a commitment alone."""


def caller(request: web.Request) -> Caller:
    """Who makes this call; the guard has found out before."""
    return request[CALLER]


def logged_in(request: web.Request) -> Caller:
    """Who makes this call, if a login vouches for it: Refusal otherwise. For whatever takes two persons."""
    login_of_caller(request)
    return caller(request)


def login_of_caller(request: web.Request) -> int:
    """The account that logged in: the person who acts. Refusal: no login vouches for one."""
    who = caller(request)
    if who.login is None:
        what = message(
            "access.no-login",
            "no login vouches for this process, so nobody can tell which person {account} is",
            account=who.account,
        )
        raise Refusal(
            what,
            message("access.no-login.action", "log in (console, ssh) and run it from there"),
            exit_codes.NOT_ALLOWED,
            status=403,
        )
    return who.login


class Guard:
    """Of one control API."""

    def __init__(
        self,
        assignment: Callable[[], Assignment | None],
        directory: AccountDirectory,
        act_journal: ActJournal,
        clash: Clash | None = None,
    ) -> None:
        """`assignment`: `[roles]` as it is now. `clash` hears of accounts that are operator and authority at once."""
        self._assignment = assignment
        self._directory = directory
        self._journal = act_journal
        self._clash = clash
        self._own_uid = os.geteuid()
        self.has_part: HasPart = lambda _account, _number: False
        self.accompanies: HasPart = lambda _account, _number: False
        self.cameras_of: CamerasOf = lambda _account, _shows: None

    def guarded(self, route: Route) -> web.RouteDef:
        """The route as it is served."""
        return web.route(route.method, route.path, partial(self.pass_on, route))

    async def pass_on(self, route: Route, request: web.Request) -> web.StreamResponse:
        """Let it through to its handler, or refuse it."""
        who, holding, known = await self._meet(request)
        rule, ids = roles.TABLE[route.verb], _ids(request)
        role = holding.under(route.verb) or await self._by_post(route.verb, rule, who, request)
        entry = ActEntry(route.verb.value, rule.result, role or holding.named, who.who, ids)
        if role is None:
            self._journal.refused(entry.refused(), known=known)
            what, action = roles.refusal(route.verb, who.account, holding, self._assignment())
            raise Refusal(what, action, exit_codes.NOT_ALLOWED, status=403)
        account = who.uid if who.login is None else who.login
        cameras = await asyncio.to_thread(self.cameras_of, account, rule.shows)
        request[CALLER] = replace(who, role=role, ids=ids, cameras=cameras)
        try:
            details = await _details(route, rule, request)
            entry = replace(entry.about(details), reason=request.get(REASON, ""))
            if isinstance(named := details.get("cameras"), list):
                refuse_cameras(request[CALLER], map(str, named))
            await _grounded(route, rule, request)
        except Refusal as refusal:
            if refusal.document.exit == exit_codes.NOT_ALLOWED:
                self._journal.refused(entry.refused(), known=known)
            elif rule.changes:
                await self._journal.if_possible(entry.failed())
            raise
        number = await self._put_on_record(rule, entry)
        try:
            return await route.handler(request)
        except ConnectionError:
            raise  # whoever asked went away; what was begun goes on
        except Exception:
            if number is not None or rule.record is Record.ASKED:
                await self._journal.if_possible(entry.failed(number))
            raise

    async def _put_on_record(self, rule: VerbRule, entry: ActEntry) -> int | None:
        """The number of a leaf of which another one would say that nothing came of it."""
        match rule.record:
            case Record.DONE:
                return await self._journal.before(entry)
            case Record.MENDED:
                return await self._journal.if_possible(entry)
            case Record.SEEN:
                await self._journal.seen(entry)
            case Record.LISTED:
                await self._journal.listed(entry)
            case Record.NONE | Record.ASKED:
                pass
        return None

    async def _by_post(self, verb: Verb, rule: VerbRule, who: Caller, request: web.Request) -> str | None:
        """As which whoever has no role for it may all the same. Who signs is who logged in."""
        if not rule.by_post or who.login is None:
            return None
        number = request.match_info.get("request")
        for verbs, part in ((None, self.has_part), (BY_COMPANY, self.accompanies)):
            if (verbs is None or verb in verbs) and await asyncio.to_thread(part, who.login, number):
                return BY_POST
        return None

    async def may(self, uid: int, verb: Verb) -> bool:
        """Whether this account has the verb now. Refusal where its groups cannot be looked up."""
        assignment = self._assignment()
        one = await self._look_up(uid, roles.named_groups(assignment))
        return roles.resolve(uid, self._own_uid, one.groups, assignment).under(verb) is not None

    async def _meet(self, request: web.Request) -> tuple[Caller, Holding, bool]:
        """Who it is, what they may, and whether this box knows account and person."""
        met = peer_of(request)
        assignment = self._assignment()
        theirs = await self._look_up(met.uid, roles.named_groups(assignment))
        person = theirs if met.login in (None, met.uid) else await self._look_up(met.login, ())
        holding = roles.resolve(met.uid, self._own_uid, theirs.groups, assignment)
        met.welcome = bool(holding.roles)
        if holding.clashes and self._clash is not None:
            self._clash(met.uid)
        return Caller(met.uid, met.login, person.name, theirs.name), holding, theirs.known and person.known

    async def _look_up(self, uid: int, groups: tuple[str, ...]) -> HostAccount:
        """Root and the daemon's own account need no directory: they come in while it hangs."""
        at_home = roles.is_of_the_house(uid, self._own_uid)
        try:
            return await self._directory.ask(partial(accounts.account, uid, () if at_home else groups))
        except (TimeoutError, OSError) as error:
            if at_home or not groups:
                return HostAccount(f"uid {uid}", known=at_home)
            what = message(
                "access.groups-unknown",
                "the groups of uid {uid} cannot be looked up ({reason}), so nobody knows its role",
                uid=uid,
                reason=as_message(str(error)) if str(error) else message("access.no-answer", "no answer"),
            )
            raise Refusal(
                what,
                message("access.groups-unknown.action", "check the directory service (getent group)"),
                exit_codes.TRY_LATER,
                status=503,
            ) from None


async def _details(route: Route, rule: VerbRule, request: web.Request) -> Details:
    """What the leaf names; Refusal where a second person is needed and nobody can tell which one this is."""
    if rule.two:
        logged_in(request)
    return {} if route.about is None else await route.about(request)


async def _grounded(route: Route, rule: VerbRule, request: web.Request) -> None:
    """Refusal where footage would be disclosed without a ground."""
    if not rule.discloses:
        return
    if route.ground is None:
        raise Refusal(
            message("access.no-ground", "nobody has said on which ground this shows footage, so it shows none"),
            message("access.no-ground.action", "this is a defect of edged: report it"),
            exit_codes.NOT_ALLOWED,
            status=403,
        )
    await route.ground(request, request[CALLER])


def _ids(request: web.Request) -> Details:
    """A request of another box is named by its number alone: whatever stands behind it was typed by somebody."""
    named = {name: text.partition(".")[0] for name, text in request.match_info.items()}
    return {name: text for name, text in named.items() if len(text) <= ID_MAX and ID.fullmatch(text)}
