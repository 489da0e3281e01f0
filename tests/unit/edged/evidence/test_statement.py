"""A month's statement: it says what the account says, a check accepts it, and finds whatever was changed."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from edged.documents import register as documents
from edged.evidence import statement
from edged.evidence.statement import PAYLOAD_TYPE, BoundsInForce, LedgerBasis, StatementIssuer
from edged.evidence.verify import fingerprint, page
from storage.ledger import note
from storage.ledger.note import Checkpoint
from storage.ledger.signer import IssuedHead
from storage.register.queries import Aside
from storage.register.service import FootageAccount, KeptFootage
from storage.retention.destruction import Destruction, Rule, Totals
from storage.segments.coverage_queries import CoverageShares
from storage.words.model import Bounds

TAIPEI: Final = ZoneInfo("Asia/Taipei")
KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER: Final = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC: Final = KEY.public_key().public_bytes_raw()
BOX: Final = StatementIssuer("wenshan-main", "wenshan", "文山", "edged 0.1.0", "Asia/Taipei", TAIPEI)
BOUNDS: Final = Bounds(100, 1000)
BEGIN, END = statement.interval("2026-05", TAIPEI)
ORIGIN: Final = "edged/wenshan-main/7f3k2a1b"


def gone(number: int, kept_ms: int, rule: Rule = Rule.SPACE) -> Destruction:
    place = (3, "boot", 1000, BEGIN + number)
    return Destruction(number, END + number, "lobby", *place, 5000, rule, bounds=BOUNDS, age_ms=kept_ms, bytes=7)


def account(
    kept: list[int], recorded_ms: int = 1000, causes: dict[str, int] | None = None, leaf: int = 50
) -> FootageAccount:
    totals = Totals()
    for number, kept_ms in enumerate(kept, 1):
        totals.add(gone(number, kept_ms))
    found = causes or {}
    rest = END - BEGIN - recorded_ms - sum(found.values())
    shares = CoverageShares(recorded_ms, found, rest)
    held = KeptFootage(stamped=Counter({BOUNDS: 3}))
    counts = dict.fromkeys(found, 1)
    return FootageAccount("lobby", BEGIN, END, BEGIN, shares, counts, [], held, Aside(0, 0, 0), totals, [], None, leaf)


def rests(size: int = 60, key: Ed25519PrivateKey = KEY) -> LedgerBasis:
    checkpoint = Checkpoint(ORIGIN, size, bytes(32))
    text = note.sign(checkpoint.text, ORIGIN, key)
    verifier = note.Verifier(ORIGIN, key.public_key().public_bytes_raw())
    return LedgerBasis(IssuedHead(checkpoint, text, 1, str(verifier)), 30, BEGIN)


def made(of: FootageAccount | None = None, head: LedgerBasis | None = None) -> documents.Statement:
    standing = BoundsInForce("大廳", BOUNDS, None)
    return statement.statement(BOX, "2026-05", of or account([200_000]), standing, head or rests(), PUBLIC, END + 1)


def signed(told: documents.Statement | dict[str, Any], key: Ed25519PrivateKey = KEY) -> bytes:
    payload = rfc8785.dumps(told if isinstance(told, dict) else told.model_dump(mode="json"))
    return rfc8785.dumps(note.envelope(PAYLOAD_TYPE, payload, key.public_key().public_bytes_raw(), key.sign))


def codes(data: bytes, pinned: set[str] | None = None) -> set[str]:
    return {line["code"] for line in statement.report("x", data, pinned)["lines"]}


def wrong(data: bytes) -> set[str]:
    found = statement.report("x", data, None)
    bad = {line["code"] for line in found["lines"] if line["sign"] == "x"}
    assert found["intact"] == (not bad)
    assert "\n".join(page(found, ("zh", "en")))
    return bad


kept = st.lists(st.integers(0, 3_000_000), max_size=150)
causes = st.dictionaries(st.sampled_from(["dropped", "power-loss", "stalled"]), st.integers(1, 10**6))


@given(kept, st.integers(0, 10**6), causes, st.integers(0, 120))
def test_whatever_the_account_says_its_statement_checks_out_and_says_no_less(
    ages: list[int], recorded_ms: int, found: dict[str, int], leaf: int
) -> None:
    told = made(account(ages, recorded_ms, found, leaf))
    assert wrong(signed(told)) == set()
    early = [age for age in ages if age < BOUNDS.floor_s * 1000]
    late = [age for age in ages if age + 5000 > BOUNDS.ceiling_s * 1000 + 3_600_000]
    assert (told.destroyed.below_floor, told.destroyed.beyond_ceiling) == (len(early), len(late))
    assert ("early" in codes(signed(told))) == bool(early), "S1: what went too early is told by whoever checks it"
    assert ("late" in codes(signed(told))) == bool(late)
    assert (told.destroyed.youngest.kept_ms if told.destroyed.youngest else None) == min(ages, default=None)
    assert told.head is not None
    assert told.head.covers == (leaf <= 60)
    assert ("uncovered" in codes(signed(told))) == (leaf > 60)
    again = documents.Statement.model_validate_json(told.model_dump_json())
    assert again == told


def test_it_opens_as_it_was_sealed() -> None:
    told = made()
    sealed = statement.sealed(told, PUBLIC, KEY.sign)
    assert statement.opened(sealed) == told
    data = rfc8785.dumps(sealed.model_dump(mode="json"))
    assert data == signed(told)
    assert {"signed", "compare", "head", "agrees", "states"} == codes(data)
    assert "pinned" in codes(data, {fingerprint(PUBLIC)})
    assert "not-your-key" in codes(data, {"0" * 64})


@given(st.data())
def test_no_byte_can_be_changed(data: st.DataObject) -> None:
    whole = signed(made(account([50_000])))
    place = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda other: other != whole[place]))
    assert wrong(whole[:place] + bytes([byte]) + whole[place + 1 :])


def edited(change: Callable[[dict[str, Any]], object], key: Ed25519PrivateKey = KEY) -> bytes:
    """What somebody who has the key signed anew."""
    told = made(account([50_000, 200_000])).model_dump(mode="json")
    change(told)
    return signed(told, key)


def hidden(told: dict[str, Any]) -> None:
    told["destroyed"] |= {"below_floor": 0, "early": []}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (edited(hidden), "sums"),
        (edited(lambda told: told["destroyed"].update(as_demanded=2)), "sums"),
        (edited(lambda told: told["destroyed"]["early"].clear()), "sums"),
        (edited(lambda told: told["destroyed"].update(explained=1)), "sums"),
        (edited(lambda told: told["destroyed"].update(youngest=told["destroyed"]["oldest"])), "sums"),
        (edited(lambda told: told["coverage"].update(recorded_ms=told["coverage"]["known_ms"])), "sums"),
        (edited(lambda told: told["head"].update(covers=False)), "sums"),
        (edited(lambda told: told["head"].update(size=10**6)), "other-head"),
        (edited(lambda told: told["head"].update(checkpoint=rests(key=OTHER).head.note)), "other-head"),
        (edited(lambda told: told.update(more=1)), "damaged"),
        (edited(lambda told: told.pop("limits")), "damaged"),
        (edited(lambda told: told.update(key=None)), "damaged"),
        (edited(lambda _: None, OTHER), "other-key"),
        (signed(made()).replace(b"vnd.edged.retention", b"vnd.edged.Retention"), "damaged"),
        (b"{}", "damaged"),
        (b"\xff" * 9, "damaged"),
        (b" " * (statement.SIZE_MAX + 1), "damaged"),
    ],
)  # fmt: skip
def test_what_was_changed_is_named(data: bytes, code: str) -> None:
    assert code in wrong(data)


def test_a_signature_of_another_key_under_the_right_name_does_not_hold() -> None:
    envelope = json.loads(signed(made()))
    payload = base64.b64decode(envelope["payload"])
    envelope["signatures"][0]["sig"] = base64.b64encode(OTHER.sign(note.pae(PAYLOAD_TYPE, payload))).decode()
    assert wrong(rfc8785.dumps(envelope)) == {"signature"}
    of_export = note.envelope("application/vnd.edged.export+json", payload, PUBLIC, KEY.sign)
    assert wrong(rfc8785.dumps(of_export)) == {"damaged"}, "what was signed as something else is no statement"
    of_export["payloadType"] = PAYLOAD_TYPE
    assert wrong(rfc8785.dumps(of_export)) == {"signature"}


@pytest.mark.parametrize("month", ["2026-02", "2026-12", "2028-02"])
def test_a_month_is_that_of_the_site(month: str) -> None:
    begin, end = (datetime.fromtimestamp(ms / 1000, TAIPEI) for ms in statement.interval(month, TAIPEI))
    assert f"{begin:%Y-%m-%d %H:%M:%S}" == f"{month}-01 00:00:00"
    assert (end.day, end.hour, (end - begin).days) == (1, 0, {"02": 28, "12": 31}[month[5:]] + (month == "2028-02"))
    with pytest.raises(ValueError, match="no month"):
        statement.interval("1026-10", TAIPEI)
