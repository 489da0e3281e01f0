"""What each call, verb and command may disclose, as a table; and a watch that sees what is opened for an answer.

Whoever adds a call, a verb or a command adds its line here, and thinks about it: `test_disclosure` fails until then.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Flag, auto
from typing import Any, Final, NamedTuple, TypeAlias
from unittest.mock import patch
from urllib.parse import unquote

from aiohttp import web

from edged.access.callers import Caller, Route
from mqtt.commands import Verb as Command
from recorder.decoder.messages import LookKind
from storage.office.keys import RequestKeys
from tests.support.counter import PICTURE, Counter, Lookout, Reply


class Disclosed(Flag):
    NOTHING = 0
    NAMES = auto()
    """Of persons who work here, and of accounts."""
    WORDS = auto()
    """Of persons: forms, papers, and what somebody typed as reason, case or note."""
    FOOTAGE = auto()


NOTHING, NAMES, WORDS, FOOTAGE = Disclosed.NOTHING, Disclosed.NAMES, Disclosed.WORDS, Disclosed.FOOTAGE
ROLE: Final = "a role"
PART: Final = "a role, or a post in this request; words of persons: who handles it or has a part in it"
LEAK: Final = "a role; words of a request as in it, and why a copy without one was made: who reads the ledger"
OWN: Final = "the role operator; with a profile a second person, and once the office is open, a granted request"


class Line(NamedTuple):
    """Of one call."""

    may: Disclosed
    needs: str = ROLE
    reads: bool = False
    """It reads footage to compare it, and shows none of it."""


_SHOWN: Final = Line(NAMES | WORDS, PART)
CALLS: Final[Mapping[tuple[str, str], Line]] = {
    ("GET", "/v1/status"): Line(NOTHING),
    ("GET", "/v1/cameras"): Line(NOTHING),
    ("GET", "/v1/retention"): Line(NOTHING),
    ("GET", "/v1/retention/explain"): Line(NOTHING),
    ("GET", "/v1/version"): Line(NOTHING),
    ("GET", "/v1/segments"): Line(NOTHING),
    ("GET", "/v1/gaps"): Line(NOTHING),
    ("POST", "/v1/reload"): Line(NAMES),
    ("GET", "/v1/alarms"): Line(NAMES),
    ("POST", "/v1/alarms/ack"): Line(NAMES),
    ("GET", "/v1/faults"): Line(NOTHING),
    ("POST", "/v1/faults"): Line(NOTHING),
    ("GET", "/v1/faults/{fault}"): Line(NAMES | WORDS),
    ("POST", "/v1/faults/{fault}/report"): Line(NOTHING),
    ("POST", "/v1/faults/{fault}/repair"): Line(NOTHING),
    ("POST", "/v1/faults/{fault}/check"): Line(NOTHING),
    ("GET", "/v1/maintenance"): Line(NAMES | WORDS),
    ("POST", "/v1/maintenance/start"): Line(NAMES),
    ("POST", "/v1/maintenance/end"): Line(NAMES),
    ("POST", "/v1/fsck"): Line(NOTHING, reads=True),
    ("POST", "/v1/rebuild"): Line(NOTHING, reads=True),
    ("GET", "/v1/volumes"): Line(NOTHING),
    ("POST", "/v1/volumes/init"): Line(NOTHING),
    ("POST", "/v1/volumes/retire"): Line(NOTHING),
    ("POST", "/v1/volumes/replace"): Line(NOTHING),
    ("GET", "/v1/cameras/{camera}/snapshot"): Line(
        FOOTAGE, "the role operator; with a profile a second person, and once the office is open, a purpose of a text"
    ),
    ("GET", "/v1/references"): Line(NOTHING),
    ("POST", "/v1/references/{camera}/set"): Line(NOTHING),
    ("POST", "/v1/references/{camera}/clear"): Line(NOTHING),
    ("GET", "/v1/pins"): Line(NAMES | WORDS),
    ("POST", "/v1/pins"): Line(NAMES | WORDS),
    ("POST", "/v1/pins/{pin}/approve"): Line(NAMES | WORDS),
    ("POST", "/v1/pins/{pin}/extend"): Line(NAMES | WORDS),
    ("POST", "/v1/pins/{pin}/release"): Line(NAMES | WORDS),
    ("GET", "/v1/acts"): Line(NAMES | WORDS),
    ("POST", "/v1/acts/{act}/approve"): Line(NAMES | WORDS),
    ("GET", "/v1/boots"): Line(NOTHING),
    ("POST", "/v1/boots/attest"): Line(NAMES | WORDS),
    ("GET", "/v1/ledger"): Line(NAMES | WORDS),
    ("POST", "/v1/ledger/verify"): Line(NOTHING),
    ("POST", "/v1/ledger/renew"): Line(NAMES | WORDS),
    ("GET", "/v1/destroyed"): Line(NOTHING),
    ("POST", "/v1/proof-of-retention"): Line(NOTHING),
    ("GET", "/v1/compliance"): Line(NAMES),
    ("POST", "/v1/compliance/close"): Line(NAMES),
    ("GET", "/v1/exports"): Line(NOTHING),
    ("POST", "/v1/exports"): Line(NOTHING, OWN),
    ("POST", "/v1/exports/{export}/prepare"): Line(FOOTAGE, OWN),
    ("GET", "/v1/exports/{export}/file"): Line(FOOTAGE | WORDS, OWN),
    ("POST", "/v1/exports/{export}/seal"): Line(FOOTAGE, OWN),
    ("POST", "/v1/exports/{export}/finish"): Line(NOTHING, OWN),
    ("POST", "/v1/exports/{export}/abandon"): Line(NOTHING),
    ("GET", "/v1/persons"): Line(NAMES),
    ("POST", "/v1/persons"): Line(NOTHING),
    ("POST", "/v1/persons/{person}/tie"): Line(NAMES),
    ("GET", "/v1/posts"): Line(NOTHING),
    ("POST", "/v1/posts/hold"): Line(NAMES),
    ("POST", "/v1/posts/deputise"): Line(NOTHING),
    ("POST", "/v1/posts/deputise-by-two"): Line(NAMES),
    ("POST", "/v1/office/open"): Line(NAMES),
    ("GET", "/v1/procedures"): Line(NOTHING),
    ("GET", "/v1/requests"): Line(NOTHING, PART),
    ("POST", "/v1/requests"): _SHOWN,
    ("POST", "/v1/requests/received"): _SHOWN,
    ("GET", "/v1/requests/{request}"): _SHOWN,
    ("GET", "/v1/requests/{request}/papers/{paper}"): _SHOWN,
    ("POST", "/v1/requests/{request}/supplement"): _SHOWN,
    ("POST", "/v1/requests/{request}/check"): _SHOWN,
    ("POST", "/v1/requests/{request}/sign"): _SHOWN,
    ("POST", "/v1/requests/{request}/scans"): Line(NOTHING, PART),
    ("GET", "/v1/requests/{request}/scans/{scan}"): Line(WORDS, PART),
    ("POST", "/v1/requests/{request}/return"): _SHOWN,
    ("POST", "/v1/requests/{request}/grant"): _SHOWN,
    ("POST", "/v1/requests/{request}/refuse"): _SHOWN,
    ("POST", "/v1/requests/{request}/withdraw"): _SHOWN,
    ("POST", "/v1/requests/{request}/reply"): _SHOWN,
    ("POST", "/v1/requests/{request}/appoint"): _SHOWN,
    ("POST", "/v1/requests/{request}/receipt"): _SHOWN,
    ("POST", "/v1/requests/{request}/destroyed"): _SHOWN,
    ("POST", "/v1/requests/{request}/entry"): _SHOWN,
    ("POST", "/v1/requests/{request}/close"): _SHOWN,
    ("POST", "/v1/requests/{request}/expire"): Line(NAMES),
    ("POST", "/v1/requests/{request}/copy"): Line(NAMES | WORDS, "the role operator, and a grant of this request"),
    ("POST", "/v1/requests/{request}/view"): Line(
        FOOTAGE | NAMES | WORDS, "the role operator, a grant of this request, and the companion that its row names"
    ),
    ("GET", "/v1/leaks"): Line(NOTHING),
    ("POST", "/v1/leaks"): Line(NAMES | WORDS, LEAK),
    ("GET", "/v1/leaks/{leak}"): Line(NAMES | WORDS, LEAK),
    ("POST", "/v1/leaks/{leak}/report"): Line(NOTHING),
    ("POST", "/v1/leaks/{leak}/close"): Line(NOTHING),
    ("GET", "/v1/registers/{register}"): Line(
        NAMES | WORDS, "a role; words of persons: who handles the request or has a part in it"
    ),
    ("POST", "/v1/look"): Line(FOOTAGE, "the role operator, an open office, and a purpose of a text"),
}
"""What an answer may hold at the most. What stands under FOOTAGE asks for its ground before anything is opened."""

LOCAL: Final[Mapping[str, str]] = {
    "config check": "reads a file that whoever calls it can read",
    "verify": "reads an export that lies before whoever calls it: it has left",
    "doctor": "looks at the machine as whoever calls it; as root at its own disks, and at no footage",
    "probe": "speaks with a camera as whoever knows its password: edged is not asked",
}
"""Verbs that ask no daemon."""

COMMANDS: Final[Mapping[Command, str]] = {
    Command.REBIRTH: "says again what is published: states, counts, no name",
    Command.STATUS: "verdict, states, keys of alarms",
    Command.PIN: "places a pin; answers its id, and shows nothing of what it keeps",
    Command.ALARM_ACK: "the key of an alarm",
    Command.DIAGNOSTICS: "versions, configuration without secrets, lines of the log that may name nobody, threads",
    Command.CAMERA_RECONNECT: "the id of a camera",
    Command.RESTART: "nothing",
    Command.CONSISTENCY_PROOF: "hashes",
}
"""All say nothing of persons, and show no footage."""

HOW_TO_ADD: Final = (
    "say what it may disclose, and what it needs, in a line of {table} in tests/integration/edged/office/disclosed.py;"
    " what discloses footage has `discloses` in its VerbRule and a `ground` in its Route"
)


# --- what is seen -----------------------------------------------------------------------------------------------------

NAME_MARK: Final = "君".encode()
"""In the name of every person who works here (`office_story.staffed`)."""
REASON: Final = "密語甲"
"""Whatever somebody types as reason, case or note."""
WORD_MARKS: Final = tuple(one.encode() for one in ("A123456789", "02-2936-5522", "遺失皮夾", "王大明", REASON))
"""In forms, in papers, in reasons."""
FOOTAGE_MARKS: Final = (PICTURE, b"ftyp", b"moof")
_SEGMENT: Final = re.compile(r"\d{8}T\d{6}\.\d{3}Z-\d+\.mp4")
_DECIDED: Final = {LookKind.SNAPSHOT: "picture", LookKind.THUMB: "", LookKind.MEASURE: ""}
SEEN: Final = frozenset({"segment", "picture"})
"""What is footage of what is opened; else it is the kind of a ciphertext."""


def holds(body: bytes, typed: bytes = b"") -> Disclosed:
    """What an answer holds, by what was planted, beside what whoever calls has `typed`."""
    found = NOTHING
    for kind, marks in ((NAMES, (NAME_MARK,)), (WORDS, WORD_MARKS), (FOOTAGE, FOOTAGE_MARKS)):
        if any(mark in body and mark not in typed for mark in marks):
            found |= kind
    return found


_listening: Final[list[Callable[[str], None]]] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    """Every file that this process opens, however it does so (PEP 578)."""
    if event == "open" and _listening and isinstance(arguments[0], str) and _SEGMENT.search(arguments[0]):
        for one in _listening:
            one("segment")


sys.addaudithook(_hear)
Asking: TypeAlias = Callable[..., Awaitable[Reply]]


@dataclass
class Watch:
    """Sees what is opened of footage and of words of persons while a call is answered, and what the answer holds."""

    route: Route | None = None
    grounded: bool = False
    opened: frozenset[str] = frozenset()
    answered: frozenset[tuple[str, str]] = frozenset()
    """Calls that came to something."""

    def wrap(self, route: Route) -> Route:
        """So that it is known which call it is, and whether its ground was asked and let it through."""

        async def handler(request: web.Request) -> web.StreamResponse:
            self.route = route
            return await route.handler(request)

        async def ground(request: web.Request, who: Caller) -> None:
            self.route = route
            assert route.ground is not None
            await route.ground(request, who)
            self.grounded = True

        return replace(route, handler=handler, ground=None if route.ground is None else ground)

    def note(self, what: str) -> None:
        self.opened |= {what}

    @contextmanager
    def on(self, counter: Counter) -> Iterator[None]:
        """Each call of this counter is judged."""
        glance, decrypt, ask = Lookout._glance, RequestKeys.decrypt, counter.ask

        async def glanced(lookout: Lookout, camera: str, want: LookKind) -> Any:
            if _DECIDED[want]:
                self.note(_DECIDED[want])
            return await glance(lookout, camera, want)

        def decrypted(keys: RequestKeys, number: str, kind: str, *rest: Any) -> bytes:
            self.note(kind)
            return decrypt(keys, number, kind, *rest)

        async def asking(who: str, method: str, path: str, body: object = None, **more: Any) -> Reply:
            self.route, self.grounded, self.opened = None, False, frozenset()
            reply = await ask(who, method, path, body, **more)
            typed = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
            self.judge((who, method, path), reply, unquote(path).encode() + typed)
            return reply

        with (
            patch.object(Lookout, "_glance", glanced),
            patch.object(RequestKeys, "decrypt", decrypted),
            patch.object(counter, "ask", asking),
        ):
            _listening.append(self.note)
            try:
                yield
            finally:
                _listening.remove(self.note)

    def judge(self, words: object, reply: Reply, typed: bytes) -> None:
        """AssertionError: it opened or answered what it may not."""
        route = self.route
        line = Line(NOTHING) if route is None else CALLS[route.method, route.path]
        if footage := self.opened & SEEN and not line.reads:
            assert FOOTAGE in line.may, f"{words} opened footage ({footage}), and its line says that it shows none"
            assert self.grounded, f"{words} opened footage before its ground was asked"
        told = holds(reply.body, typed)
        assert told in line.may, f"{words} answered {told}: {reply.document}"
        if reply.status == 403:
            assert not self.opened, f"{words} is refused, and opened {sorted(self.opened)} all the same"
            assert not told, f"{words} is refused, and tells {reply.document}"
        if route is not None and reply.ok:
            self.answered |= {(route.method, route.path)}
