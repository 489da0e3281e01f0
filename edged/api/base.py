"""What every part of the control API shares: refusals, who calls, documents and long work as answers.

Imports aiohttp and edged.documents. A call that takes long answers with lines of JSON (`follow`): `{"progress": …}` as
often as there is some, at last `{"document": …}` or `{"error": …}`, so that whoever waits sees that it goes on.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from edged.documents import site as documents
from edged.documents.base import Document
from edged.host.logs import PERSONAL
from edged.words import exit_codes
from edged.words.roles import Verb
from storage.ledger.table import Value
from storage.words.errors import RetryError, StoreError

log = logging.getLogger("edged.api.server")

PROGRESS_EVERY_S: Final = 0.5
"""Whoever waits is told at most so often."""

Asked = TypeVar("Asked", bound=BaseModel)


class Refusal(Exception):
    """A request that cannot be answered: what is wrong, what to do, and the exit code `edgectl` ends with."""

    def __init__(self, error: str, action: str, exit_code: int, status: int = 400) -> None:
        super().__init__(error)
        self.document = documents.Error(error=error, action=action, exit=exit_code)
        self.status = status


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Details: TypeAlias = "Mapping[str, Value]"
"""What a leaf names of a call besides who and what: ids, known cameras, times; no text that somebody typed."""
About: TypeAlias = Callable[[web.Request], Awaitable[Details]]


@dataclass(frozen=True, slots=True)
class Route:
    """One call of the control API. Exactly one verb says who may make it (`edged.words.roles`)."""

    method: str
    path: str
    verb: Verb
    handler: Handler
    about: About | None = None
    """Looks at the call before it goes on record: what the leaf names of it; Refusal where nothing will come of it."""


def get(path: str, verb: Verb, handler: Handler, about: About | None = None) -> Route:
    """What only reads."""
    return Route("GET", path, verb, handler, about)


def post(path: str, verb: Verb, handler: Handler, about: About | None = None) -> Route:
    """What changes something, or works for long."""
    return Route("POST", path, verb, handler, about)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the kernel and the system's databases know it. Not taken from anything the caller says."""

    uid: int
    login: int | None
    """The account that logged in, whatever it has become since by sudo; None where no login vouches for the process."""
    name: str
    """Of the person's account, for people; its number where it has no name."""
    account: str
    """Of what the process runs as: the same, or what the person became."""
    role: str = ""
    """As which the guard let it in, and what the path of the call names: for a leaf that comes with a fact."""
    ids: Details = field(default_factory=dict)

    @property
    def who(self) -> str:
        """For the record: "chen", "chen as root", "root without a login"."""
        as_what = "" if self.name == self.account else f" as {self.account}"
        return f"{self.name}{as_what}" if self.login is not None else f"{self.account} without a login"


CALLER: Final = web.RequestKey("caller", Caller)
"""Under this key the guard leaves in the request who makes it."""


def caller(request: web.Request) -> Caller:
    """Who makes this call; the guard has found out before."""
    return request[CALLER]


def logged_in(request: web.Request) -> Caller:
    """Who makes this call, if a login vouches for it: Refusal otherwise. For whatever takes two persons."""
    who = caller(request)
    if who.login is None:
        what = f"no login vouches for this process, so nobody can tell which person {who.account} is"
        raise Refusal(what, "log in (console, ssh) and run it from there", exit_codes.NOT_ALLOWED, status=403)
    return who


def answer(document: BaseModel, status: int = 200) -> web.Response:
    return web.Response(text=document.model_dump_json(), content_type="application/json", status=status)


async def asked(request: web.Request, model: type[Asked]) -> Asked:
    """The body as one of our classes; Refusal, naming the first field that is wrong."""
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise Refusal(
            f"{where}: {first['msg']}", "edgectl and edged must be of one version", exit_codes.USAGE
        ) from None


Progress = Callable[[dict[str, Any]], None]
"""Called by blocking work, from its thread, as often as it likes."""


async def follow(request: web.Request, work: Callable[[Progress, threading.Event], Document]) -> web.StreamResponse:
    """Run blocking work on a thread of its own; the event is set when nobody waits for it any more."""
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    loop, newest, gone = asyncio.get_running_loop(), asyncio.Queue[dict[str, Any]](1), threading.Event()

    def offer(told: dict[str, Any]) -> None:
        if newest.full():
            newest.get_nowait()
        newest.put_nowait(told)

    def progress(told: dict[str, Any]) -> None:
        loop.call_soon_threadsafe(offer, dict(told))

    task = asyncio.ensure_future(asyncio.to_thread(work, progress, gone))
    try:
        while not task.done():
            await asyncio.wait([task], timeout=PROGRESS_EVERY_S)
            if not newest.empty():
                await _line(response, {"progress": newest.get_nowait()})
        await _line(response, _end(task))
        await response.write_eof()
    finally:
        gone.set()
        await asyncio.wait([task])
    return response


def in_words(error: StoreError) -> documents.Error:
    """What storage says went wrong."""
    code = exit_codes.TRY_LATER if isinstance(error, RetryError) else exit_codes.FAILED
    return documents.Error(error=error.what, action=error.action, exit=code)


def _end(task: asyncio.Future[Document]) -> dict[str, Any]:
    try:
        return {"document": task.result().model_dump(mode="json", by_alias=True)}
    except Refusal as refusal:
        return {"error": refusal.document.model_dump(mode="json", by_alias=True)}
    except StoreError as error:
        log.warning("a long call failed: %s", error, extra=PERSONAL)
        return {"error": in_words(error).model_dump(mode="json", by_alias=True)}
    except Exception:
        log.exception("a long call failed", extra=PERSONAL)
        known = documents.Error(
            error="the daemon failed to answer", action="see its journal: journalctl -u edged", exit=exit_codes.FAILED
        )
        return {"error": known.model_dump(mode="json", by_alias=True)}


async def _line(response: web.StreamResponse, content: dict[str, Any]) -> None:
    await response.write(json.dumps(content).encode() + b"\n")
