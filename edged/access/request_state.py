"""What the guard leaves in a request: who makes it, and why. For the handlers of the control API."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from edged.access.callers import Caller, Refusal
from edged.words import exit_codes
from storage.words.message import message

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
