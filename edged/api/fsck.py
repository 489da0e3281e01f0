"""The call behind `edgectl fsck`: long work, on a thread of its own that gives way to recording."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from aiohttp import web

from edged.access.callers import Refusal, Route, post
from edged.api.base import Progress, asked, follow
from edged.documents import checks as check_documents
from edged.site import fsck_document
from edged.site.rounds import Site
from edged.words import exit_codes
from edged.words.roles import Verb
from storage.integrity.inspect_file import Stopped
from storage.store.facade import Store
from storage.words.errors import StoreBusy, UnknownId


def routes(site: Site, store: Store) -> Sequence[Route]:
    async def fsck(request: web.Request) -> web.StreamResponse:
        wanted = await asked(request, check_documents.FsckAsked)
        return await follow(request, partial(_fsck, site, store, wanted))

    return [post("/v1/fsck", Verb.FSCK, fsck)]


def _fsck(
    site: Site, store: Store, wanted: check_documents.FsckAsked, progress: Progress, gone: threading.Event
) -> check_documents.Fsck:
    """A thread of its own, because it makes itself idle for good."""

    def run() -> check_documents.Fsck:
        report = store.checks.fsck(
            fsck_document.fsck_scope(wanted), site.policy(), lambda told: progress(dict(told)), gone
        )
        return fsck_document.fsck(report, wanted, store.checks.paths(), daemon=True)

    try:
        with ThreadPoolExecutor(1, "fsck") as own:
            return own.submit(run).result()
    except StoreBusy as busy:
        raise Refusal(busy.what, busy.action, exit_codes.TRY_LATER) from None
    except UnknownId as unknown:
        raise Refusal(unknown.what, unknown.action, exit_codes.USAGE) from None
    except Stopped:
        raise Refusal("edged is stopping", "check again once it runs", exit_codes.TRY_LATER) from None
