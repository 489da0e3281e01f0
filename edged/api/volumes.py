"""The calls behind `edgectl volume`: each an act of `storage.ring.volume_operations` on a thread, then a look at the
result.

Who acts and why is in the ledger; the journal names neither.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from aiohttp import web

from edged.access.callers import Details, Refusal, Route, get, post
from edged.access.guard import REASON
from edged.api.base import answer, asked
from edged.documents import machine as documents
from edged.site import documents as site_documents
from edged.site.rounds import SiteState
from edged.words import exit_codes
from edged.words.roles import Verb
from storage.store.facade import Store
from storage.words.errors import RetryError, StoreError, UnknownId, VolumeAbsent
from storage.words.message import message
from storage.words.model import VolumeStatus

log = logging.getLogger("edged.api")

T = TypeVar("T")


def routes(site: SiteState, store: Store) -> Sequence[Route]:
    async def listing(request: web.Request) -> web.Response:
        del request
        chosen, statuses = await asyncio.to_thread(lambda: (store.choose_volume(), store.volumes()))
        return answer(site_documents.volume_list(statuses, chosen.id if isinstance(chosen, VolumeStatus) else None))

    async def init(request: web.Request) -> web.Response:
        wanted = await asked(request, documents.InitAsked)
        path = absolute(wanted.path)
        spec = site_documents.spec_of(site.config, path)
        volume = await act(lambda: store.volume_operations.init(spec or site_documents.default_spec(path)))
        log.info("volume init %s: %s", path, volume)
        await poll_volumes(site)
        return answer(site_documents.volume_init(volume, path, configured=spec is not None, daemon=True))

    async def retire(request: web.Request) -> web.Response:
        wanted = await asked(request, documents.RetireAsked)
        change = store.volume_operations.restore if wanted.undo else store.volume_operations.retire
        one = await act(lambda: change(wanted.volume))
        log.info("volume retire%s %s", " --undo" if wanted.undo else "", one.path)
        await poll_volumes(site)
        return answer(site_documents.volume_retire(one))

    async def replace(request: web.Request) -> web.Response:
        wanted = await asked(request, documents.ReplaceAsked)
        path = absolute(wanted.path)
        spec = site_documents.spec_of(site.config, path)
        done = await act(lambda: store.volume_operations.replace(path, spec))
        log.warning("volume replace %s", path)
        await poll_volumes(site)
        return answer(site_documents.volume_replace(done, path))

    async def why(request: web.Request) -> Details:
        request[REASON] = (await asked(request, documents.ReplaceAsked)).reason
        return {}

    return [
        get("/v1/volumes", Verb.VOLUME_LIST, listing),
        post("/v1/volumes/init", Verb.VOLUME_INIT, init),
        post("/v1/volumes/retire", Verb.VOLUME_RETIRE, retire),
        post("/v1/volumes/replace", Verb.VOLUME_REPLACE, replace, why),
    ]


async def poll_volumes(site: SiteState) -> None:
    """Workers hear at once where their next segments go."""
    await site.watch_volumes()
    await site.measure()


async def act(work: Callable[[], T]) -> T:
    """On a thread; what storage refuses becomes the answer."""
    try:
        return await asyncio.to_thread(work)
    except StoreError as error:
        raise refusal(error) from None


def refusal(error: StoreError) -> Refusal:
    """What storage says, with the exit code that goes with it."""
    if isinstance(error, UnknownId | VolumeAbsent):
        return Refusal(error.what, error.action, exit_codes.USAGE, 404)
    return Refusal(
        error.what, error.action, exit_codes.TRY_LATER if isinstance(error, RetryError) else exit_codes.FAILED
    )


def absolute(text: str) -> Path:
    if not text.startswith("/") or "\0" in text:
        raise Refusal(
            message("volume.not-absolute", "{path} is no absolute path", path=repr(text)),
            message("volume.not-absolute.action", "name the directory from the root: /srv/…"),
            exit_codes.USAGE,
        )
    return Path(text)
