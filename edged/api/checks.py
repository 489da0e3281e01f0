"""The calls behind `edgectl fsck` and `edgectl rebuild`: files and catalog compared, behind running recording.

The check works on a thread of its own that gives way to recording.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from aiohttp import web

from edged.access.callers import Refusal, Route, post
from edged.api.base import Progress, asked, follow
from edged.documents.checks import Fsck, FsckAsked, Rebuild, RebuildAsked
from edged.site import check_documents
from edged.site.rounds import SiteState
from edged.words import exit_codes
from edged.words.roles import Verb
from storage.integrity.inspect_file import Stopped
from storage.store.facade import Store
from storage.words.errors import StoreBusy, UnknownId


def routes(site: SiteState, store: Store) -> Sequence[Route]:
    async def fsck(request: web.Request) -> web.StreamResponse:
        wanted = await asked(request, FsckAsked)
        return await follow(request, partial(_fsck, site, store, wanted))

    return [post("/v1/fsck", Verb.FSCK, fsck)]


def _fsck(site: SiteState, store: Store, wanted: FsckAsked, progress: Progress, gone: threading.Event) -> Fsck:
    """A thread of its own, because it makes itself idle for good."""

    def run() -> Fsck:
        report = store.checks.fsck(
            check_documents.fsck_scope(wanted), site.policy(), lambda told: progress(dict(told)), gone
        )
        return check_documents.fsck(report, wanted, store.checks.paths(), daemon=True)

    try:
        with ThreadPoolExecutor(1, "fsck") as own:
            return own.submit(run).result()
    except StoreBusy as busy:
        raise Refusal(busy.what, busy.action, exit_codes.TRY_LATER) from None
    except UnknownId as unknown:
        raise Refusal(unknown.what, unknown.action, exit_codes.USAGE) from None
    except Stopped:
        raise Refusal("edged is stopping", "check again once it runs", exit_codes.TRY_LATER) from None


def rebuild_routes(store: Store) -> Sequence[Route]:
    async def rebuild(request: web.Request) -> web.StreamResponse:
        await asked(request, RebuildAsked)
        return await follow(request, partial(_rebuild, store))

    return [post("/v1/rebuild", Verb.REBUILD, rebuild)]


def _rebuild(store: Store, progress: Progress, _gone: threading.Event) -> Rebuild:
    """Goes on when nobody waits any more: what was begun is worth finishing."""
    begun_s = time.monotonic()
    report = store.books.rebuild(progress, everything=True)
    last = store.books.last_rebuild()
    return check_documents.rebuild(report, last.aside if last else None, time.monotonic() - begun_s, daemon=True)
