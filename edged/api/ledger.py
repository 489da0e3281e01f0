"""The calls behind `edgectl ledger`: leaves as a list, and a new generation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from functools import partial

from aiohttp import web

from edged import exits, leafwords, queries
from edged.api.base import Refusal, Route, answer, asked, caller, get, post
from edged.api.orders import carried_out
from edged.documents import ledger as documents
from edged.roles import Verb
from edged.views import timestamp
from storage.catalog.leafing import Wanted
from storage.catalog.ledger import Leaf
from storage.ledger.listing import Covered, Listed, Page
from storage.ledger.renewal import Renewed
from storage.store import Store


def routes(store: Store) -> Sequence[Route]:
    async def listed(request: web.Request) -> web.StreamResponse:
        last = _number(request.query.get("last"))
        return await _stream(request, store, store.books.leaves.pages(_wanted(request), last))

    async def renew(request: web.Request) -> web.Response:
        wanted = await asked(request, documents.RenewAsked)
        who = caller(request).who
        work = partial(store.books.renew, who, wanted.reason, new_key=wanted.new_key)
        renewed = await carried_out(work)
        covered = await asyncio.to_thread(store.books.leaves.covered)
        return answer(renewal(renewed, covered[-1]))

    return [
        get("/v1/ledger", Verb.LEDGER, listed),
        post("/v1/ledger/renew", Verb.LEDGER_RENEW, renew),
    ]


def leaf(one: Listed) -> documents.Leaf:
    entry = one.told.entry
    body = json.loads(entry.body)
    return documents.Leaf(
        number=entry.number,
        kind=entry.kind,
        at=timestamp(entry.wall_ms),
        text=leafwords.sentence(entry.kind, body, one.told.openings),
        body=body,
        openings=dict(one.told.openings),
        hash=entry.hash.hex(),
        generation=None if one.covered is None else one.covered.generation.origin,
        signed=one.is_signed,
        seen=one.is_seen,
    )


def generation(one: Covered) -> documents.Generation:
    verifier = one.generation.verifier
    return documents.Generation(
        origin=one.generation.origin,
        first=one.generation.first,
        key=one.generation.key,
        fingerprint=None if verifier is None else verifier.fingerprint,
        size=one.generation.size,
        signed=one.signed,
        seen=one.seen,
        checkpoint=one.generation.note,
    )


def renewal(renewed: Renewed, present: Covered) -> documents.LedgerRenew:
    return documents.LedgerRenew(
        generation=generation(present),
        previous=None if renewed.previous is None else renewed.previous.size,
        signed=renewed.signed,
        new_key=renewed.new_key,
    )


def _wanted(request: web.Request) -> Wanted:
    query = request.query
    kinds = frozenset(filter(None, query.get("kind", "").split(",")))
    if strange := sorted(kinds - {kind.value for kind in Leaf}):
        known = ", ".join(kind.value for kind in Leaf)
        raise Refusal(f"there is no kind of leaf called {strange[0]}", f"kinds are: {known}", exits.USAGE)
    return Wanted(
        from_ms=queries.instant("from", query.get("from")),
        to_ms=queries.instant("to", query.get("to")),
        kinds=kinds,
        camera=query.get("camera"),
        verb=query.get("act"),
    )


def _number(text: str | None) -> int | None:
    if text is not None and not (text.isascii() and text.isdecimal() and 0 < len(text) <= 9 and int(text)):
        raise Refusal(f"last={text} is not a number of leaves", "give a whole number, e.g. last=100", exits.USAGE)
    return None if text is None else int(text)


async def _stream(request: web.Request, store: Store, pages: Iterator[Page]) -> web.StreamResponse:
    """One document, page by page. Where nothing is found for long, blanks say that somebody looks."""
    first = await asyncio.to_thread(next, pages, None)
    response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
    await response.prepare(request)
    await response.write(b'{"schema":"edged.ledger/1","ledger":[')
    page, begun = first, False
    while page is not None:
        rows = ",".join(leaf(one).model_dump_json() for one in page.leaves).encode()
        await response.write(b"," + rows if rows and begun else rows or b" ")
        begun |= bool(rows)
        page = await asyncio.to_thread(next, pages, None)
    covered = await asyncio.to_thread(store.books.leaves.covered)
    generations = ",".join(generation(one).model_dump_json() for one in covered).encode()
    await response.write(b'],"generations":[' + generations + b"]}")
    await response.write_eof()
    return response
