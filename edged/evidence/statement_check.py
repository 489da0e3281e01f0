"""Checks a signed statement on a month of one camera (`edgectl proof-of-retention`), as `edgectl verify FILE` does.

Goes by the rules of the verifier of exports, whose shapes and page it uses: everything in the file is canonical JSON of
one shape, the envelope is signed by the key that the statement names, the head in it is signed by the same key, and the
figures agree with each other. The entries themselves are not in it.

A new generation of the ledger is an act of two persons: replacing the key that signs is the strongest act there is.

Whoever asks sees what the second person reads: whose key goes on signing, and what is given up. If key or centre say
something else by the time of the approval, it has to be asked for anew. Meanwhile recording goes on, heads stay
unsigned where there is no key, and the alarm that led here stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import rfc8785
from pydantic import ValidationError

from edged.access.acts import Acts, Kind
from edged.access.callers import Caller
from edged.documents import ledger as documents
from edged.documents.register import MonthDestroyed, StatedHead, Statement
from edged.evidence.statement import PAYLOAD_TYPE
from edged.evidence.verify import ENVELOPE_SHAPE, NotVerified, fingerprint, lasting, shown, strict, unbase64, verifies
from edged.words.roles import Verb
from storage.approvals.service import Act, Arguments, Person
from storage.database.writer import TransactionPart
from storage.ledger import note
from storage.ledger.key import RotationOrder, RotationTerms
from storage.ledger.note import Checkpoint, NoteDamaged, Verifier, parse
from storage.retention.destruction import NAMED_MAX
from storage.store.facade import Store

SIZE_MAX: Final = 4 << 20
"""A statement has some tens of kilobytes."""
_WORDS: Final = """
+ signed
本證明由金鑰 {key} 簽署，簽署後沒有更動。
It was signed with the key {key}, and not changed since.
+ pinned
簽署的金鑰就是您指定的金鑰。
That key is the one you named.
+ head
所依據的稽核軌跡 {origin}（{size} 筆），由同一把金鑰簽署。
The head of the ledger that it rests on, {origin} with {size} entries, is signed with the same key.
+ agrees
各項數字彼此相符。
Its figures agree with each other.
! states
{camera}，{month}：錄影 {recorded}，未錄影 {missing}，原因不明 {unexplained}；銷毀 {destroyed} 個錄影檔。
{camera}, {month}: recorded {recorded}, not recorded {missing}, unexplained {unexplained}; destroyed {destroyed}.
! early
證明自己載明：{count} 個未滿最低保存期限即銷毀。
It says itself that {count} were destroyed below their floor.
! late
證明自己載明：{count} 個逾銷毀期限。
It says itself that {count} were destroyed beyond their ceiling.
! uncovered
第 {leaf} 筆以前的紀錄，有一部分在作成時尚未簽署。
Part of the entries up to {leaf} was not under a signed head when it was made.
! headless
它不依據任何簽署的稽核軌跡。
It rests on no signed head of the ledger.
! compare
請將金鑰指紋 {key} 與機關公布的指紋比對；相同，才確定出自該機關的錄影主機。
Compare the fingerprint {key} with the one the office published: only then is it certain whose it is.
x damaged
檔案不合格式：{what}。
The file is not written as it must be: {what}.
x signature
簽章不成立：簽署後被更動，或不是這台錄影主機簽署的。
The signature does not hold: it was changed since, or is not of this recorder.
x other-key
簽章用的不是證明所載的金鑰。
It is signed with another key than the one it names.
x not-your-key
簽署金鑰的指紋是 {key}，不是您指定的金鑰。
It was signed with the key of fingerprint {key}, not with the one you named.
x other-head
所附稽核軌跡的簽署結果，與證明所載不符。
The head of the ledger in it is not the one that the statement names, or not signed with its key.
x sums
數字不相符：{what}。
Its figures contradict each other: {what}.
"""
_ROWS: Final = _WORDS.strip().split("\n")
_SAY: Final = {head[2:]: (head[0], zh, en) for head, zh, en in zip(_ROWS[::3], _ROWS[1::3], _ROWS[2::3], strict=True)}
Line = tuple[str, dict[str, Any]]


def read(path: Path, pinned: set[str] | None) -> dict[str, Any]:
    """As a document of `edged.verify/1`. OSError."""
    with path.open("rb") as file:
        data = file.read(SIZE_MAX + 1)
    return report(str(path), data, pinned)


def report(name: str, data: bytes, pinned: set[str] | None) -> dict[str, Any]:
    """`pinned`: fingerprints of keys that are trusted."""
    said, limits = list[Line](), list[dict[str, str]]()
    try:
        stated = _opened(data)
        limits = [one.model_dump() for one in stated.limits]
        said = list(_checked(stated, pinned))
    except NotVerified as fault:
        said.append((fault.code, fault.where))
    lines = []
    for code, where in said:
        sign, zh, en = _SAY[code]
        told = {key: shown(value) for key, value in where.items()}
        lines.append({"sign": sign, "code": code, "where": told, "zh": zh.format(**told), "en": en.format(**told)})
    intact = all(line["sign"] != "x" for line in lines)
    return {"schema": "edged.verify/1", "path": name, "intact": intact, "lines": lines, "limits": limits}


def _opened(data: bytes) -> Statement:
    """What was signed, by the key that it names. Fault."""
    if len(data) > SIZE_MAX:
        raise NotVerified("damaged", what=f"> {SIZE_MAX}")
    envelope = strict(data, ENVELOPE_SHAPE, "")
    payload = unbase64(envelope["payload"]) or b""
    if envelope["payloadType"] != PAYLOAD_TYPE or len(envelope["signatures"]) != 1:
        raise NotVerified("damaged", what="payloadType")
    try:
        stated = Statement.model_validate_json(payload, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise NotVerified("damaged", what=".".join(map(str, first["loc"])) or "JSON") from None
    if stated.key is None or rfc8785.dumps(stated.model_dump(mode="json")) != payload:
        raise NotVerified("damaged", what="JSON")
    public, signature = bytes.fromhex(stated.key), envelope["signatures"][0]
    if signature["keyid"] != fingerprint(public):
        raise NotVerified("other-key")
    if not verifies(public, unbase64(signature["sig"]) or b"", note.pae(PAYLOAD_TYPE, payload)):
        raise NotVerified("signature")
    return stated


def _checked(stated: Statement, pinned: set[str] | None) -> Iterator[Line]:
    key = fingerprint(bytes.fromhex(stated.key or ""))
    yield "signed", {"key": key}
    if pinned is None:
        yield "compare", {"key": key}
    else:
        yield "pinned" if key in pinned else "not-your-key", {"key": key}
    yield from _head(stated)
    wrong = list(contradictions(stated))
    yield from [("sums", {"what": what}) for what in wrong] or [("agrees", {})]
    known, gone = stated.coverage, stated.destroyed
    yield (
        "states",
        {
            "camera": stated.camera.id,
            "month": stated.month,
            "recorded": lasting(known.recorded_ms),
            "missing": lasting(known.known_ms - known.recorded_ms),
            "unexplained": lasting(known.unexplained_ms),
            "destroyed": gone.segments,
        },
    )
    if gone.below_floor:
        yield "early", {"count": gone.below_floor}
    if gone.beyond_ceiling:
        yield "late", {"count": gone.beyond_ceiling}


def _head(stated: Statement) -> Iterator[Line]:
    head = stated.head
    if head is None:
        yield "headless", {}
    elif not _is_of(head, bytes.fromhex(stated.key or "")):
        yield "other-head", {}
    else:
        yield "head", {"origin": head.origin, "size": head.size}
        if not head.covers:
            yield "uncovered", {"leaf": stated.leaf}


def _is_of(head: StatedHead, public: bytes) -> bool:
    """The note says what the statement says of it, and is signed with that key."""
    try:
        note = parse(head.checkpoint)
        told = note.checkpoint()
    except NoteDamaged:
        return False
    named = (told.origin, told.size, told.root.hex()) == (head.origin, head.size, head.root)
    return named and note.signed_by(Verifier(head.origin, public))


def contradictions(stated: Statement) -> Iterator[str]:
    """What in it cannot be true together. Pure."""
    known, head = stated.coverage, stated.head
    if known.recorded_ms + known.unexplained_ms + sum(one.ms for one in known.causes) != known.known_ms:
        yield "coverage"
    if head is not None and head.covers != (head.first + head.size > stated.leaf):
        yield "head.covers"
    if not stated.start <= stated.end:
        yield "start, end"
    yield from _of_destroyed(stated.destroyed)


def _of_destroyed(gone: MonthDestroyed) -> Iterator[str]:
    entries = sum(gone.rules.values())
    if gone.as_demanded + gone.below_floor + gone.beyond_ceiling + gone.unknown != entries:
        yield "destroyed.rules"
    if gone.permitted > gone.below_floor or len(gone.early) != min(gone.below_floor, NAMED_MAX):
        yield "destroyed.early"
    if gone.explained > gone.beyond_ceiling or len(gone.late) != min(gone.beyond_ceiling, NAMED_MAX):
        yield "destroyed.late"
    youngest = gone.youngest
    if youngest is not None and gone.below_floor and youngest.kept_ms >= youngest.floor_s * 1000:
        yield "destroyed.youngest"


RENEW: Final = "ledger-renew"


def ask(store: Store, acts: Acts, wanted: documents.RenewAsked, caller: Caller) -> Act:
    """It waits from now on. Blocking; OrderRefused."""
    return acts.ask(RENEW, _arguments(store.ledger.terms(new_key=wanted.new_key), wanted.reason), caller)


def kind(store: Store) -> Kind:
    """As it is registered."""

    @contextmanager
    def doing(act: Act, second: Person) -> Iterator[TransactionPart]:
        who = f"{act.asker.name}, {second.name}"
        with store.ledger.renewing(RotationOrder(who, str(act.arguments["reason"]), _terms(act.arguments))) as turn:
            yield turn

    def outcome(act: Act) -> str:
        present = store.ledger.leaves.covered()[-1]
        begun = f"Generation {present.generation.origin} of the ledger begins."
        unsigned = "" if present.generation.size else " It is not signed yet: edgectl alarms."
        verifier = present.generation.verifier
        if verifier is None:
            return f"{begun}{unsigned}"
        if act.arguments["key"]:
            return f"{begun}{unsigned} The key stays the same: {verifier.fingerprint}."
        publish = "Publish this fingerprint where the old one stands; the old one still counts for what it signed"
        return f"{begun}{unsigned} The box has a new key: {verifier.fingerprint}. {publish}."

    return Kind(Verb.LEDGER_RENEW, sentence, doing, outcome)


def sentence(arguments: Arguments) -> str:
    """As the second person reads it."""
    terms = _terms(arguments)
    if terms.public is None:
        key = "a new key, which this box makes"
    else:
        key = f"the same key as now ({Verifier('edged', terms.public).fingerprint})"
    against = terms.contradicted
    lost = "" if against is None else f", giving up what the centre holds of {against.origin} ({against.size} leaves)"
    return f"begin a new generation of the ledger, signed with {key}{lost}: {arguments['reason']}"


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
