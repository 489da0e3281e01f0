"""The calls behind `edgectl export`: planned, begun, prepared, handed out file by file, sealed, ended.

Whoever asks writes the files; the daemon only reads. Reading is done in threads of its own that give way to recording.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from aiohttp import web

from edged.access.callers import Details, Refusal, Route, get, post
from edged.access.guard import caller
from edged.api.base import Progress, answer, asked, carried_out, follow
from edged.api.grounds import Grounds
from edged.documents import exports as documents
from edged.documents.base import Document
from edged.evidence.export_job import FileStream
from edged.evidence.export_service import ExportService, Gone
from edged.host.journal import PERSONAL
from edged.words import exit_codes
from edged.words.roles import Verb
from recorder.remux.film import Changed
from storage.exports.service import EXPORTS_MAX
from storage.files import become_idle
from storage.words.errors import said
from storage.words.message import message

T = TypeVar("T", bound=Document)

log = logging.getLogger("edged.api")

READERS: Final = EXPORTS_MAX
"""Threads that read: one for each export that may be under way."""


class ExportCalls:
    """All of them."""

    def __init__(self, exports: ExportService, grounds: Grounds) -> None:
        self._exports = exports
        self._grounds = grounds
        self._readers = ThreadPoolExecutor(READERS, "export", initializer=become_idle)

    def routes(self) -> Sequence[Route]:
        return [
            get("/v1/exports", Verb.EXPORT, self.listed, _list, self._grounds.none_shown),
            post("/v1/exports", Verb.EXPORT, self.begin, _step, self._grounds.export),
            post("/v1/exports/{export}/prepare", Verb.EXPORT, self.prepare, ground=self._grounds.export_goes_on),
            get("/v1/exports/{export}/file", Verb.EXPORT, self.file, ground=self._grounds.export_goes_on),
            post("/v1/exports/{export}/seal", Verb.EXPORT, self.seal, ground=self._grounds.export_goes_on),
            post("/v1/exports/{export}/finish", Verb.EXPORT, self.finish, ground=self._grounds.export_goes_on),
            post("/v1/exports/{export}/abandon", Verb.EXPORT, self.abandon, ground=self._grounds.none_shown),
        ]

    async def listed(self, request: web.Request) -> web.Response:
        who, told = caller(request), await asyncio.to_thread(self._exports.listed)
        return answer(told.model_copy(update={"exports": [one for one in told.exports if who.sees(one.cameras)]}))

    async def begin(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.ExportAsked), caller(request).who

        def work() -> documents.Export:
            if wanted.dry_run:
                return _document(None, self._exports.plan(wanted))
            export, plan = self._exports.begin(wanted, who)
            return _document(self._exports.document(export), plan)

        return answer(await carried_out(work))

    async def prepare(self, request: web.Request) -> web.StreamResponse:
        return await follow(request, partial(self._long, partial(self._exports.prepare, request.match_info["export"])))

    async def seal(self, request: web.Request) -> web.StreamResponse:
        return await follow(request, partial(self._long, partial(self._exports.seal, request.match_info["export"])))

    async def file(self, request: web.Request) -> web.StreamResponse:
        """From an octet on; if what is recorded is not what it was, the answer breaks off."""
        path, offset = request.query.get("path", ""), request.query.get("offset", "0")
        source: FileStream = await carried_out(lambda: self._exports.source(request.match_info["export"], path))
        if not (offset.isascii() and offset.isdecimal() and len(offset) < 20 and int(offset) <= source.size):
            raise Refusal(
                message("export.offset", "offset={offset} is not within the file", offset=offset[:32]),
                message("export.offset.action", "give a whole number"),
                exit_codes.USAGE,
            )
        blocks = source.blocks(int(offset))
        block = await self._next(blocks)
        length = str(source.size - int(offset))
        response = web.StreamResponse(headers={"Content-Type": "application/octet-stream", "Content-Length": length})
        await response.prepare(request)
        while block is not None:
            await response.write(block)
            try:
                block = await self._next(blocks)
            except Refusal as refusal:
                log.warning("export %s, %s: %s", request.match_info["export"], path, refusal, extra=PERSONAL)
                if request.transport is not None:
                    request.transport.abort()
                return response
        await response.write_eof()
        return response

    async def finish(self, request: web.Request) -> web.Response:
        who, export_id = caller(request).who, request.match_info["export"]
        ended = await carried_out(lambda: self._exports.finish(export_id, who))
        return answer(_document(self._exports.document(ended), None))

    async def abandon(self, request: web.Request) -> web.Response:
        who, export_id = caller(request).who, request.match_info["export"]
        ended = await carried_out(lambda: self._exports.abandon(export_id, who))
        return answer(_document(self._exports.document(ended), None))

    async def _next(self, blocks: Iterator[bytes]) -> bytes | None:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, next, blocks, None)
        except (OSError, Changed) as error:
            what = message(
                "export.copy-changed", "what was to be copied is not there as it was: {reason}", reason=said(error)
            )
            raise Refusal(
                what,
                message("export.copy-changed.action", "edgectl fsck; undo this export and begin another one"),
                exit_codes.FAILED,
                409,
            ) from error

    def _long(
        self,
        work: Callable[[Progress, threading.Event], T],
        progress: Progress,
        gone: threading.Event,
    ) -> T:
        try:
            return self._readers.submit(work, progress, gone).result()
        except Gone:
            raise Refusal(
                message("api.stopping", "edged is stopping"),
                message("export.resume", "go on with: edgectl export --resume FOLDER"),
                exit_codes.TRY_LATER,
            ) from None
        except (OSError, Changed) as error:
            raise Refusal(
                message("export.cannot-read", "what leaves cannot be read: {reason}", reason=said(error)),
                message("export.cannot-read.action", "edgectl fsck"),
                exit_codes.FAILED,
            ) from error


async def _list(_request: web.Request) -> Details:
    return {"step": "list"}


async def _step(request: web.Request) -> Details:
    """A plan copies nothing."""
    return {"step": "plan" if (await asked(request, documents.ExportAsked)).dry_run else "begin"}


def _document(export: documents.Copied | None, plan: documents.ExportPlan | None) -> documents.Export:
    return documents.Export(export=export, plan=plan, folder=None, bytes=0, key=None, intact=None, troubles=[])
