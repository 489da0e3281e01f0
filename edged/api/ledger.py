"""The calls behind `edgectl ledger`, `fsck` and `rebuild`: what proves the record, checked behind running recording.

Leaves as a list, the whole ledger checked, and a new generation; files and catalog compared. A check works on a thread
of its own that gives way to recording.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Final

from aiohttp import web

from edged.access import callers
from edged.access.acts import Acts, Kind
from edged.access.callers import Caller, Refusal, Route, get, post
from edged.access.guard import logged_in
from edged.api import approvals
from edged.api.base import Progress, answer, asked, carried_out, follow, stream
from edged.api.register import known_camera
from edged.documents import ledger as documents
from edged.documents.ledger import Fsck, FsckAsked, Rebuild, RebuildAsked
from edged.evidence import ledger_text
from edged.site import check_documents
from edged.site.rounds import SiteState
from edged.words import exit_codes
from edged.words.roles import Verb
from edged.words.units import timestamp
from storage.approvals.service import Act, Arguments, Person
from storage.audit import ledger_state
from storage.audit.ledger_state import Outside
from storage.audit.table import Checked
from storage.database.writer import TransactionPart
from storage.integrity.inspect_file import Stopped
from storage.ledger.key import RotationOrder, RotationTerms
from storage.ledger.note import Checkpoint, NoteDamaged, Verifier
from storage.ledger.queries import CoveredRange, LeafFilter, ListedLeaf
from storage.ledger.table import Leaf
from storage.store.facade import Store
from storage.words.clock import Clock
from storage.words.errors import StoreBusy, UnknownId
from storage.words.message import Message, message


def routes(site: SiteState, store: Store, acts: Acts, clock: Clock) -> Sequence[Route]:
    acts.register(RENEW, renewal(store))

    async def listed(request: web.Request) -> web.StreamResponse:
        wanted, last = _wanted(request), _number(request.query.get("last"))
        if wanted.camera is not None:
            await carried_out(lambda: known_camera(site.config, store, wanted.camera or ""))
        pages = store.ledger.leaves.pages(wanted, last)
        shown = ([leaf(one) for one in page.leaves] for page in pages)
        return await stream(request, "edged.ledger/1", "ledger", shown, standing)

    def standing() -> Mapping[str, str]:
        every = ",".join(generation(one).model_dump_json() for one in store.ledger.leaves.covered())
        last = store.ledger.itself.last()
        return {"generations": f"[{every}]", "checked": "null" if last is None else checked(last).model_dump_json()}

    async def renew(request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.RenewAsked), logged_in(request)
        act = await carried_out(lambda: ask_renewal(store, acts, wanted, who))
        return answer(documents.LedgerRenew(act=approvals.act_document(acts, act, clock)))

    async def verify(request: web.Request) -> web.StreamResponse:
        wanted = await asked(request, documents.VerifyAsked)
        return await follow(request, partial(_verify, store, _kept(wanted)))

    return [
        get("/v1/ledger", Verb.LEDGER, listed),
        post("/v1/ledger/verify", Verb.LEDGER_VERIFY, verify),
        post("/v1/ledger/renew", Verb.LEDGER_RENEW, renew),
    ]


def leaf(one: ListedLeaf) -> documents.Leaf:
    entry = one.told.entry
    body = json.loads(entry.body)
    return documents.Leaf(
        number=entry.number,
        kind=entry.kind,
        at=timestamp(entry.wall_ms),
        body=body,
        openings=dict(one.told.openings),
        hash=entry.hash.hex(),
        generation=None if one.covered is None else one.covered.generation.origin,
        signed=one.is_signed,
        seen=one.is_seen,
        **ledger_text.sentence(entry.kind, body, one.told.openings).told,
    )


def generation(one: CoveredRange) -> documents.Generation:
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


def checked(last: Checked) -> documents.Checked:
    return documents.Checked(
        at=timestamp(last.wall_ms), leaves=last.leaves, took_s=last.took_ms / 1000, findings=last.findings
    )


def _kept(wanted: documents.VerifyAsked) -> Outside | None:
    try:
        return None if wanted.checkpoint is None else ledger_state.read(wanted.checkpoint)
    except NoteDamaged as damaged:
        action = message(
            "ledger.no-signed-note.action",
            "give a file with the head that the centre kept: the message of up/ledger/checkpoint, or its note",
        )
        raise Refusal(
            message("ledger.no-signed-note", "that is no signed head: {reason}", reason=damaged.why),
            action,
            exit_codes.USAGE,
        ) from None


def _verify(store: Store, kept: Outside | None, progress: Progress, gone: threading.Event) -> documents.LedgerVerify:
    """A thread of its own, because it makes itself idle for good."""

    def run() -> documents.LedgerVerify:
        report = store.ledger.verify(kept, lambda told: progress(dict(told)), gone)
        return check_documents.ledger_check(report, store.checks.paths(), daemon=True)

    try:
        with ThreadPoolExecutor(1, "ledger-verify") as own:
            return own.submit(run).result()
    except Stopped:
        raise Refusal(
            message("api.stopping", "edged is stopping"),
            message("ledger.check-again", "check again once it runs"),
            exit_codes.TRY_LATER,
        ) from None


def _wanted(request: web.Request) -> LeafFilter:
    query = request.query
    kinds = frozenset(filter(None, query.get("kind", "").split(",")))
    if strange := sorted(kinds - {kind.value for kind in Leaf}):
        raise Refusal(
            message("ledger.no-kind", "there is no kind of leaf called {kind}", kind=strange[0]),
            message("ledger.no-kind.action", "kinds are: {kinds}", kinds=[kind.value for kind in Leaf]),
            exit_codes.USAGE,
        )
    verb = query.get("act")
    if verb is not None and verb not in set(Verb):
        raise Refusal(
            message("ledger.no-verb", "there is no verb called {verb}", verb=verb),
            message("ledger.no-verb.action", "verbs are: {verbs}", verbs=[one.value for one in Verb]),
            exit_codes.USAGE,
        )
    return LeafFilter(
        from_ms=callers.instant("from", query.get("from")),
        to_ms=callers.instant("to", query.get("to")),
        kinds=kinds,
        camera=query.get("camera"),
        verb=verb,
    )


def _number(text: str | None) -> int | None:
    if text is not None and not (text.isascii() and text.isdecimal() and 0 < len(text) <= 9 and int(text)):
        raise Refusal(
            message("api.not-leaves", "last={text} is not a number of leaves", text=text),
            message("api.not-leaves.action", "give a whole number, e.g. last=100"),
            exit_codes.USAGE,
        )
    return None if text is None else int(text)


def checks_routes(site: SiteState, store: Store) -> Sequence[Route]:
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
        raise Refusal(
            message("api.stopping", "edged is stopping"),
            message("ledger.check-again", "check again once it runs"),
            exit_codes.TRY_LATER,
        ) from None


def rebuild_routes(store: Store) -> Sequence[Route]:
    async def rebuild(request: web.Request) -> web.StreamResponse:
        await asked(request, RebuildAsked)
        return await follow(request, partial(_rebuild, store))

    return [post("/v1/rebuild", Verb.REBUILD, rebuild)]


def _rebuild(store: Store, progress: Progress, _gone: threading.Event) -> Rebuild:
    """Goes on when nobody waits any more: what was begun is worth finishing."""
    begun_s = time.monotonic()
    report = store.ledger.rebuild(progress, everything=True)
    last = store.ledger.last_rebuild()
    return check_documents.rebuild(report, last.aside if last else None, time.monotonic() - begun_s, daemon=True)


RENEW: Final = "ledger-renew"


def ask_renewal(store: Store, acts: Acts, wanted: documents.RenewAsked, caller: Caller) -> Act:
    """It waits from now on. Blocking; OrderRefused."""
    return acts.ask(RENEW, _arguments(store.ledger.terms(new_key=wanted.new_key), wanted.reason), caller)


def renewal(store: Store) -> Kind:
    """A new generation is an act of two persons: replacing the key that signs is the strongest act there is.

    Whoever asks sees what the second person reads: whose key goes on signing, and what is given up. If key or centre
    say something else by the time of the approval, it has to be asked for anew. Meanwhile recording goes on, heads
    stay unsigned where there is no key, and the alarm that led here stands.
    """

    @contextmanager
    def doing(act: Act, second: Person) -> Iterator[TransactionPart]:
        who = f"{act.asker.name}, {second.name}"
        with store.ledger.renewing(RotationOrder(who, str(act.arguments["reason"]), _terms(act.arguments))) as turn:
            yield turn

    def outcome(act: Act) -> Message:
        present = store.ledger.leaves.covered()[-1].generation
        if present.size:
            begun = message(
                "approval.generation-begins", "Generation {origin} of the ledger begins.", origin=present.origin
            )
        else:
            begun = message(
                "approval.generation-unsigned",
                "Generation {origin} of the ledger begins. It is not signed yet: edgectl alarms.",
                origin=present.origin,
            )
        if present.verifier is None:
            return begun
        if act.arguments["key"]:
            return message(
                "approval.same-key",
                "{begun} The key stays the same: {fingerprint}.",
                begun=begun,
                fingerprint=present.verifier.fingerprint,
            )
        return message(
            "approval.new-key",
            "{begun} The box has a new key: {fingerprint}. Publish this fingerprint where the old one stands; the old"
            " one still counts for what it signed.",
            begun=begun,
            fingerprint=present.verifier.fingerprint,
        )

    return Kind(Verb.LEDGER_RENEW, renewal_sentence, doing, outcome)


def renewal_sentence(arguments: Arguments) -> Message:
    """As the second person reads it."""
    terms = _terms(arguments)
    if terms.public is None:
        key = message("approval.renew-new-key", "a new key, which this box makes")
    else:
        fingerprint = Verifier("edged", terms.public).fingerprint
        key = message("approval.renew-same-key", "the same key as now ({fingerprint})", fingerprint=fingerprint)
    against, reason = terms.contradicted, str(arguments["reason"])
    if against is None:
        return message(
            "approval.renew",
            "begin a new generation of the ledger, signed with {key}: {reason}",
            key=key,
            reason=reason,
        )
    return message(
        "approval.renew-giving-up",
        "begin a new generation of the ledger, signed with {key}, giving up what the centre holds of {origin}"
        " ({leaves} leaves): {reason}",
        key=key,
        origin=against.origin,
        leaves=against.size,
        reason=reason,
    )


def _arguments(terms: RotationTerms, reason: str) -> Arguments:
    against = terms.contradicted
    head = "" if against is None else f"{against.origin} {against.size} {against.root.hex()}"
    return {"key": "" if terms.public is None else terms.public.hex(), "against": head, "reason": reason}


def _terms(arguments: Arguments) -> RotationTerms:
    key, against = bytes.fromhex(str(arguments["key"])), None
    if arguments["against"]:
        origin, size, root = str(arguments["against"]).rsplit(" ", 2)
        against = Checkpoint(origin, int(size), bytes.fromhex(root))
    return RotationTerms(key or None, against)
