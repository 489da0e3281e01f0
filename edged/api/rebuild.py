"""The call behind `edgectl rebuild`: all volumes that are there, compared with the catalog behind running recording."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import partial

from aiohttp import web

from edged.api.base import Progress, Route, asked, follow, post
from edged.documents.checks import Rebuild, RebuildAsked
from edged.site import rebuild_document
from edged.words.roles import Verb
from storage.store.facade import Store


def routes(store: Store) -> Sequence[Route]:
    async def rebuild(request: web.Request) -> web.StreamResponse:
        await asked(request, RebuildAsked)
        return await follow(request, partial(_rebuild, store))

    return [post("/v1/rebuild", Verb.REBUILD, rebuild)]


def _rebuild(store: Store, progress: Progress, _gone: threading.Event) -> Rebuild:
    """Goes on when nobody waits any more: what was begun is worth finishing."""
    begun_s = time.monotonic()
    report = store.books.rebuild(progress, everything=True)
    last = store.books.last_rebuild()
    return rebuild_document.document(report, last.aside if last else None, time.monotonic() - begun_s, daemon=True)
