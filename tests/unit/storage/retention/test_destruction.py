"""What an entry of the register says: too early, too late, neither; nothing that is counted is lost (S1, S3)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ledger.table import LeafEntry, canonical
from storage.retention import destruction
from storage.retention.destruction import LATE_MS, NAMED_MAX, Destruction, Rule, Totals, Verdict

FLOOR_S, CEILING_S = 31 * 86_400, 365 * 86_400
LENGTH_MS = 300_000
WALL_MS = 1_772_000_000_000


def body(**more: Any) -> dict[str, Any]:
    start = {"boot": 3, "id": "boot-3", "boottime_ms": 1_000, "wall_ms": WALL_MS}
    told = {"camera": "lobby", "seq": 7, "volume": "v", "start": start, "duration_ms": LENGTH_MS, "bytes": 9}
    stamped = {"rule": "space", "floor_s": FLOOR_S, "ceiling_s": CEILING_S, "age_ms": FLOOR_S * 1000}
    return told | {"sha256": "ab"} | stamped | more


def entry(told: dict[str, Any], number: int = 1, kind: str = "destroyed") -> LeafEntry:
    return LeafEntry(number, WALL_MS + 5, kind, canonical(told))


def one(**more: Any) -> Destruction:
    found = destruction.read(entry(body(**more)))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("rule", "age_ms", "verdict"),
    [
        ("space", FLOOR_S * 1000, Verdict.KEPT),
        ("space", FLOOR_S * 1000 - 1, Verdict.EARLY),
        ("overwrite", FLOOR_S * 1000 - 1, Verdict.EARLY),
        ("ceiling", CEILING_S * 1000, Verdict.KEPT),
        ("ceiling", CEILING_S * 1000 + LATE_MS, Verdict.KEPT),
        ("ceiling", CEILING_S * 1000 + LATE_MS + 1, Verdict.LATE),
        ("ceiling", FLOOR_S * 1000, Verdict.EARLY),  # since its start: its end is younger
        ("space", CEILING_S * 1000 + LATE_MS - LENGTH_MS + 1, Verdict.LATE),  # since its end: its start is older
    ],
)
def test_a_verdict_is_told_from_the_entry_alone(rule: str, age_ms: int, verdict: Verdict) -> None:
    assert one(rule=rule, age_ms=age_ms).verdict is verdict


def test_equal_floor_and_ceiling_are_kept_although_a_clock_was_slewed() -> None:
    """The sweep asks for both; of what goes for its ceiling the entry has the age of the start alone."""
    same = {"rule": "ceiling", "floor_s": CEILING_S}
    slewed_ms = LENGTH_MS * 500 // 1_000_000
    assert one(**same, age_ms=CEILING_S * 1000 + LENGTH_MS - slewed_ms).verdict is Verdict.KEPT
    assert one(**same, age_ms=CEILING_S * 1000 + LENGTH_MS - slewed_ms - 2).verdict is Verdict.EARLY


def test_of_what_nobody_wrote_down_nothing_is_claimed() -> None:
    old = {key: value for key, value in body().items() if key not in ("rule", "floor_s", "ceiling_s", "age_ms")}
    span = {key: old[key] for key in ("camera", "start", "duration_ms")}
    for told, kind, rule in (
        (old, "destroyed", Rule.UNTOLD),
        (body(lost=True, age_ms=1), "destroyed", Rule.LOST),
        (span, "span", Rule.BEFORE),
    ):
        found = destruction.read(entry(told, kind=kind))
        assert found is not None
        assert (found.rule, found.verdict) == (rule, Verdict.UNKNOWN)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_what_a_stranger_wrote_is_unread_and_no_traceback(junk: Any) -> None:
    for key in body():
        told = body() | {key: junk}
        found = destruction.read(LeafEntry(1, WALL_MS, "destroyed", json.dumps(told)))
        assert found is None or isinstance(found, Destruction)
    for key in body()["start"]:
        destruction.read(LeafEntry(1, WALL_MS, "destroyed", json.dumps(body(start=body()["start"] | {key: junk}))))
    assert destruction.read(LeafEntry(1, WALL_MS, "destroyed", json.dumps(junk))) is None


entries = st.builds(
    lambda rule, floor_s, more_s, age_ms, length_ms, lost: one(
        rule=rule, floor_s=floor_s, ceiling_s=floor_s + more_s, age_ms=age_ms, duration_ms=length_ms, lost=lost
    ),
    st.sampled_from(["ceiling", "space", "overwrite"]),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
    st.integers(0, 40_000_000),
    st.integers(0, 600_000),
    st.booleans(),
)


@given(st.lists(st.tuples(entries, st.booleans()), max_size=300))
def test_totals_lose_nothing_and_name_the_extremes(found: list[tuple[Destruction, bool]]) -> None:
    totals = Totals()
    for what, pinned in found:
        totals.add(what, ["P-1"] if pinned else [])
    verdicts = [what.verdict for what, _ in found]
    assert totals.segments == len(found) == sum(totals.verdicts.values()) == sum(totals.rules.values())
    assert all(totals.verdicts[kind] == verdicts.count(kind) for kind in Verdict)
    assert len(totals.early) == min(NAMED_MAX, verdicts.count(Verdict.EARLY))
    assert len(totals.late) == min(NAMED_MAX, verdicts.count(Verdict.LATE))
    assert totals.explained == sum(pinned for what, pinned in found if what.verdict is Verdict.LATE)
    spares = [what.spare_ms for what, _ in found if what.spare_ms is not None]
    overs = [what.over_ms for what, _ in found if what.over_ms is not None]
    assert (totals.youngest.spare_ms if totals.youngest else None) == min(spares, default=None)
    assert (totals.oldest.over_ms if totals.oldest else None) == max(overs, default=None)
    if totals.verdicts[Verdict.EARLY]:
        assert totals.youngest is not None
        assert (totals.youngest.spare_ms or 0) < 0, "whoever looks at the youngest alone is not deceived"
