"""What every part of the control API shares: documents, long work and long lists as answers, orders and their refusals.

A call that takes long answers with lines of JSON (`follow`): `{"progress": …}` as often as there is some, at last
`{"document": …}` or `{"error": …}`, so that whoever waits sees that it goes on. A long list is one document that is
read and written page by page (`stream`), so that a year lies in nobody's memory; each row stands on a line of its
own, so that whoever reads it may do so row by row, too. What a person ordered is carried out on a thread
(`carried_out`), with what may be wrong with it as one refusal.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from edged.access.callers import Refusal
from edged.documents import site as documents
from edged.documents.base import Document
from edged.host.journal import PERSONAL
from edged.words import exit_codes
from storage.words.errors import OrderRefused, OrderWrong, RetryError, SamePerson, StoreError, UnknownId
from storage.words.message import Message, message

log = logging.getLogger("edged.api")
PROGRESS_EVERY_S: Final = 0.5
"""Whoever waits is told at most so often."""
Asked = TypeVar("Asked", bound=BaseModel)


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
            Message(f"{where}: {first['msg']}"),
            message("api.one-version", "edgectl and edged must be of one version"),
            exit_codes.USAGE,
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
    return documents.Error.of(error.what, error.action, code)


def failed() -> documents.Error:
    """A defect: its trace is in the journal."""
    return documents.Error.of(
        message("api.failed", "the daemon failed to answer"),
        message("api.failed.action", "see its journal: journalctl -u edged"),
        exit_codes.FAILED,
    )


def _end(task: asyncio.Future[Document]) -> dict[str, Any]:
    try:
        return {"document": task.result().model_dump(mode="json", by_alias=True)}
    except Refusal as refusal:
        return {"error": refusal.document.model_dump(mode="json", by_alias=True)}
    except StoreError as error:
        if not isinstance(error, OrderRefused):
            log.warning("a long call failed: %s", error, extra=PERSONAL)
        return {"error": in_words(error).model_dump(mode="json", by_alias=True)}
    except Exception:
        log.exception("a long call failed", extra=PERSONAL)
        known = failed()
        return {"error": known.model_dump(mode="json", by_alias=True)}


async def _line(response: web.StreamResponse, content: dict[str, Any]) -> None:
    await response.write(json.dumps(content).encode() + b"\n")


Pages = Iterator[Sequence[BaseModel]]
"""Blocking, asked on a thread; an empty page says that somebody still looks."""
Rest = Callable[[], Mapping[str, str]]
"""What stands behind the list, by name, as JSON. Blocking; asked once all rows are written."""
_NOTHING: Final[Mapping[str, str]] = {}


async def stream(
    request: web.Request, schema: str, name: str, pages: Pages, rest: Rest = lambda: _NOTHING
) -> web.StreamResponse:
    """What fails on the first page is still an error of its own; later the answer breaks off."""
    page = await asyncio.to_thread(next, pages, None)
    response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
    await response.prepare(request)
    await response.write(f'{{"schema":"{schema}","{name}":['.encode())
    begun = False
    while page is not None:
        rows = ",\n".join(row.model_dump_json() for row in page)
        await response.write(f"{',' if begun else ''}\n{rows}".encode() if rows else b" ")
        begun |= bool(rows)
        page = await asyncio.to_thread(next, pages, None)
    behind = "".join(f',"{key}":{text}' for key, text in (await asyncio.to_thread(rest)).items())
    await response.write(f"\n]{behind}}}".encode())
    await response.write_eof()
    return response


T = TypeVar("T")


async def carried_out(work: Callable[[], T]) -> T:
    """What `work` answers; Refusal with the words of whatever refused it."""
    try:
        return await asyncio.to_thread(work)
    except (UnknownId, OrderWrong) as error:
        raise Refusal(error.what, error.action, exit_codes.USAGE, status=404) from None
    except SamePerson as error:
        raise Refusal(error.what, error.action, exit_codes.NOT_ALLOWED, status=403) from None
    except OrderRefused as error:
        raise Refusal(error.what, error.action, exit_codes.FAILED, status=409) from None
    except RetryError as error:
        raise Refusal(error.what, error.action, exit_codes.TRY_LATER, status=503) from None
