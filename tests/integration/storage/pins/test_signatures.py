"""Sidecars are signed: one that a stranger planted protects, is told, and makes no other pin last longer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from edged.alarms.conditions import pin_troubles
from edged.overview import Measurements, measure
from storage.approvals.table import Person
from storage.ledger import key
from storage.ledger.queries import LeafFilter
from storage.pins import sidecar
from storage.pins.files import UNVOUCHED_MS
from storage.pins.rules import Ground, Interval, Limits, PinOrder, PinState
from storage.retention.plan import Policy
from tests.support.office import BOUNDS, Office
from tests.support.renewing import renew

DAY_MS = 86_400_000
LIMITS = Limits(180 * DAY_MS, 100.0)
CHEN, LIN = Person(1, "chen"), Person(2, "lin")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path)
    opened.enrol("door")
    opened.segment("door")
    yield opened
    opened.store.close()


def place(office: Office) -> str:
    first = office.store.segments("door", None, None)[0]
    interval = Interval(first.start.wall_ms, first.end.wall_ms)
    order = PinOrder(("door",), interval, Ground.LAW, "art. 1", "case", "王", 90 * DAY_MS)
    standing, _ = office.store.pins.place(order, CHEN, LIMITS)
    office.store.pins.approve(standing.pin.id, LIN)
    return standing.pin.id


def file_of(office: Office, pin_id: str) -> Path:
    return office.disk / ".pins" / pin_id / "pin.json"


def publics(office: Office) -> list[bytes]:
    ring = key.read(office.state / key.NAME)
    assert ring.key is not None
    return [key.public_of(ring.key)]


def maintain(office: Office) -> None:
    """A sweep: pins of all volumes are read."""
    office.store.sweep(lambda: Policy({"door": BOUNDS}))


def plant(office: Office, content: dict[str, Any], pin_id: str) -> None:
    content = {**content, "id": pin_id}
    file_of(office, pin_id).parent.mkdir()
    file_of(office, pin_id).write_text(json.dumps(content))


def measured(office: Office) -> Measurements:
    return measure(office.store, Policy({"door": BOUNDS}), office.clock.now())


def last_pin_leaf(office: Office) -> dict[str, Any]:
    pages = office.store.ledger.leaves.pages(LeafFilter(kinds=frozenset({"pin"})), None)
    found = [one.told.entry for page in pages for one in page.leaves]
    body: dict[str, Any] = json.loads(found[-1].body)
    return body


def test_a_sidecar_is_signed_and_any_change_shows(office: Office) -> None:
    content = file_of(office, place(office)).read_bytes()
    assert sidecar.is_ours(content, publics(office))
    assert not sidecar.is_ours(content, [b"0" * 32])
    assert not sidecar.is_ours(content, [])
    for name, value in json.loads(content).items():
        other = json.loads(content) | {name: "x" if value != "x" else "y"}
        assert not sidecar.is_ours(json.dumps(other).encode(), publics(office)), name
    for damaged in (b"", b"[]", b"7", b"{}", b'{"signature":null}', b'{"signature":{"key":1,"value":2}}'):
        assert not sidecar.is_ours(damaged, publics(office))


def test_one_of_ours_comes_back_as_it_was(office: Office) -> None:
    """Also when it was signed with a key that the box had before."""
    pin_id = place(office)
    renew(office.store, "林", "others may have it", new_key=True)
    office.store.ledger.sign_now()
    office.store.close()
    for path in [*office.state.glob("edged.db*"), *(office.disk / ".ledger").glob("*.jsonl")]:
        path.unlink()
    office.start()
    office.store.ledger.rebuild(paced=False)
    maintain(office)
    (standing,) = office.store.pins.standing()
    assert standing.pin.id == pin_id
    assert standing.pin.state is PinState.APPROVED
    assert standing.pin.order.span_ms == 90 * DAY_MS
    assert office.store.pins.unvouched == ()
    assert last_pin_leaf(office)["signed"] is True


@pytest.mark.parametrize("signature", ["none", "somebody's", "of another"])
def test_a_planted_one_protects_for_so_long_and_is_told(office: Office, signature: str, tmp_path: Path) -> None:
    content = json.loads(file_of(office, place(office)).read_bytes()) | {"span_ms": 3650 * DAY_MS, "version": 7}
    if signature == "none":
        content["signature"] = None
    elif signature == "somebody's":
        ring = key.Keyring("wenshan", tmp_path / "other.key")
        ring.create_key()
        told = sidecar.parse(json.dumps(content).encode(), content["id"])
        content = json.loads(sidecar.to_json(told, ring.key))
    office.store.close()
    plant(office, content, "P-20260301-ZZZZ")
    office.start()
    maintain(office)
    (planted,) = (one for one in office.store.pins.standing() if one.pin.id == "P-20260301-ZZZZ")
    assert planted.pin.state is PinState.APPROVED, "it may be somebody's evidence: it protects"
    assert planted.pin.order.span_ms <= UNVOUCHED_MS + DAY_MS
    assert office.store.pins.unvouched == ("P-20260301-ZZZZ",)
    alarm = dict(pin_troubles(cast("Any", SimpleNamespace(measured=measured(office)))))["pin.unvouched:P-20260301-ZZZZ"]
    assert "no signature of this box" in alarm.text
    assert last_pin_leaf(office)["signed"] is False
    office.store.close()
    office.start()
    maintain(office)
    assert office.store.pins.unvouched == ("P-20260301-ZZZZ",), "a restart makes it no better"


def test_what_somebody_else_wrote_makes_a_pin_last_no_longer(office: Office) -> None:
    pin_id = place(office)
    content = json.loads(file_of(office, pin_id).read_bytes())
    office.store.close()
    file_of(office, pin_id).write_text(json.dumps(content | {"span_ms": 170 * DAY_MS, "version": 99}))
    office.start()
    maintain(office)
    (standing,) = office.store.pins.standing()
    assert standing.pin.order.span_ms == 90 * DAY_MS
    assert standing.pin.state is PinState.APPROVED
    assert office.store.pins.unvouched == ()
    office.store.checks.rescan()
    findings = office.store.ledger.leaves.pages(LeafFilter(kinds=frozenset({"finding"})), None)
    told = [json.loads(one.told.entry.body) for page in findings for one in page.leaves]
    assert {(body["kind"], body["state"]) for body in told} >= {("sidecar", "differs")}, "it is told"
    mended = file_of(office, pin_id).read_bytes()
    assert sidecar.is_ours(mended, publics(office)), "written anew"
    assert json.loads(mended)["span_ms"] == 90 * DAY_MS


def test_what_an_earlier_version_did_not_sign_is_signed_now(office: Office) -> None:
    pin_id = place(office)
    content = json.loads(file_of(office, pin_id).read_bytes())
    office.store.close()
    file_of(office, pin_id).write_text(json.dumps(content | {"signature": None}))
    office.start()
    maintain(office)
    assert sidecar.is_ours(file_of(office, pin_id).read_bytes(), publics(office))
    assert office.store.pins.unvouched == ()
