"""Exports in the store: what they consist of, that it is held against space and not against ceilings, their leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection
from threading import Event
from typing import Any, Final, cast

import pytest

from storage.exports import table as exports_table
from storage.exports.model import Contents, Export, ExportOrder, ExportState, OfficeRequest
from storage.exports.service import EXPORTS_MAX, LASTS_MS
from storage.ledger import tree
from storage.ledger.queries import LeafFilter
from storage.pins.rules import Interval
from storage.retention.plan import Policy
from storage.ring.sweep import Sweeper
from storage.segments.segment_file import Digest
from storage.words import failpoints
from storage.words.errors import OrderRefused, OrderWrong, RetryError, StoreError, UnknownId
from storage.words.failpoints import Failpoint
from storage.words.model import Bounds, GapCause
from tests.support.office import BOUNDS, DEADLINE_S, Office
from tests.support.renewing import renew

WHO: Final = {"who": "chen", "reason": "偵辦"}
POLICY: Final = Policy({"lobby": BOUNDS})
REQUEST: Final = OfficeRequest("115-0007", "P-public")


class Killed(BaseException):
    """The plug is pulled."""


@pytest.fixture
def office(memory: Path) -> Iterator[Office]:
    made = Office(memory)
    yield made
    failpoints.arm(None)
    made.store.close(clean=False)


def order(office: Office, first_ms: int, last_ms: int | None = None, *, whole: bool = False) -> ExportOrder:
    until = office.clock.wall_ms if last_ms is None else last_ms
    return ExportOrder(("lobby",), Interval(first_ms, until), whole, 4 << 30, until + 1_000_000)


def recorded(office: Office, count: int = 3) -> int:
    """So many segments one behind the other; when the first began."""
    office.enrol("lobby")
    begun = office.clock.wall_ms
    for _ in range(count):
        office.segment("lobby")
    return begun


def begin(office: Office, wanted: ExportOrder) -> Export:
    return office.store.exports.begin(wanted, POLICY.bounds, 1000, WHO)


def contents(office: Office, export: Export) -> Contents:
    return office.store.exports.contents(office.store.exports.find(export.id))


def copies(office: Office) -> list[dict[str, Any]]:
    pages = office.store.ledger.leaves.pages(LeafFilter(kinds=frozenset({"copy"})), None)
    return [json.loads(one.told.entry.body) for page in pages for one in page.leaves]


def test_what_there_is_is_told_by_leaves_that_are_proven(office: Office) -> None:
    begun = recorded(office)
    office.store.begin_gap("lobby", office.clock.now(), GapCause.DROPPED, "").result(DEADLINE_S)
    lost = office.clock.wall_ms
    office.clock.tick(7000)
    export = begin(office, order(office, begun))
    found = contents(office, export).cameras["lobby"]
    assert [one.seq for one in found.segments] == [1, 2, 3]
    assert [(one.cause, one.start_ms, one.end_ms) for one in found.gaps] == [("dropped", lost, office.clock.wall_ms)]
    for one in found.segments:
        with office.store.exports.opened(one) as file:
            digest = Digest()
            digest.update(file.read())
        assert digest.finish() == (one.sha256, one.parts)
    heads = office.store.exports.heads(export)
    numbers = [export.leaf or 0, *(one.leaf for one in found.segments), *(one.leaf for one in found.gaps)]
    for cited in office.store.exports.cited(heads, numbers):
        head = next(one for one in heads if cited.entry.number in one.leaves)
        index = cited.entry.number - head.generation.first
        assert tree.included(cited.entry.hash, index, head.size, cited.path, head.root)
    body = copies(office)[0]
    assert (body["event"], body["cameras"], body["from"], body["to"]) == (
        "begun",
        ["lobby"],
        begun,
        office.clock.wall_ms,
    )
    assert "chen" not in json.dumps(body)
    assert {name: words for name, (_, words) in office.store.exports.told(export).items()} == WHO


def test_it_goes_on_the_same_after_a_crash_and_whatever_becomes_of_its_gaps(office: Office) -> None:
    begun = recorded(office)
    office.store.begin_gap("lobby", office.clock.now(), GapCause.DROPPED, "").result(DEADLINE_S)
    office.clock.tick(7000)
    export = begin(office, order(office, begun))
    before = contents(office, export)
    office.crash()
    office.start()
    office.enrol("lobby")
    office.segment("lobby")
    assert contents(office, export) == before
    assert office.store.ledger.verify(None, lambda _: None, Event()).findings.named == []


def test_what_is_in_progress_is_left_out(office: Office) -> None:
    begun = recorded(office, 2)
    running = office.record("lobby")
    since = office.clock.wall_ms
    running.write(3)
    office.clock.tick(1500)
    survey = office.store.exports.survey(order(office, begun), POLICY.bounds)
    assert (survey.order.interval, survey.cut_by) == (Interval(begun, since), "lobby")
    assert survey.cameras[0].unaccounted == ()
    with pytest.raises(RetryError, match="not complete yet"):
        begin(office, order(office, since))
    assert [one.seq for one in contents(office, begin(office, order(office, begun))).cameras["lobby"].segments] == [
        1,
        2,
    ]
    running.file.abandon()


def test_time_that_nothing_accounts_for_is_told(office: Office) -> None:
    begun = recorded(office)
    survey = office.store.exports.survey(order(office, begun - 60_000), POLICY.bounds)
    assert survey.cameras[0].unaccounted == ((begun - 60_000, begun),)
    with pytest.raises(OrderWrong, match="there is no camera cellar"):
        begin(office, replace(order(office, begun), cameras=("cellar",)))
    with pytest.raises(OrderWrong, match="future"):
        begin(office, order(office, office.clock.wall_ms + 1000, office.clock.wall_ms + 2000))


@pytest.mark.parametrize("late", [False, True])
def test_it_holds_against_space_and_not_against_ceilings(
    memory: Path, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """`late`: it begins between the sweep's plan and the transaction that condemns."""
    if late:
        monkeypatch.setattr(Sweeper, "_takable", lambda _, heads, wanted: heads.merged(wanted))
    office = Office(memory, max_bytes=200_000)
    try:
        begun = recorded(office, 3)
        export = begin(office, order(office, begun))
        office.clock.tick(BOUNDS.floor_s * 1000)
        there = office.files()
        office.specs = (replace(office.specs[0], max_bytes=1),)
        office.crash()
        office.start()
        office.store.recover()
        office.store.sweep(lambda: POLICY)
        assert office.files() == there, "what is being copied went for its space"
        held = office.store.ring.explain("lobby", 1, POLICY)
        assert held.exports == (export.id,)
        office.clock.tick((BOUNDS.ceiling_s - BOUNDS.floor_s) * 1000)
        office.store.sweep(lambda: POLICY)
        assert office.files() == [], "a ceiling goes through"
        with pytest.raises(OSError, match="No such file"):
            office.store.exports.opened(contents(office, export).cameras["lobby"].segments[0])
    finally:
        office.store.close(clean=False)


def test_space_is_free_again_once_it_has_ended_and_after_a_day_in_any_case(memory: Path) -> None:
    office = Office(memory, max_bytes=200_000)
    month = Policy({"lobby": Bounds(60, 31 * 86_400)})
    try:
        office.enrol("lobby")
        begun = office.clock.wall_ms
        for _ in range(3):
            office.segment("lobby", bounds=month.bounds["lobby"])
        export = begin(office, order(office, begun))
        office.specs = (replace(office.specs[0], max_bytes=1),)
        office.crash()
        office.start()
        office.store.recover()
        office.clock.tick(LASTS_MS - 1000)
        office.store.sweep(lambda: month)
        assert len(office.files()) == 3
        office.clock.tick(1000)
        office.store.sweep(lambda: month)
        office.store.sweep(lambda: month)
        assert office.files() == []
        assert [one["event"] for one in copies(office)] == ["begun", "abandoned"]
        with pytest.raises(UnknownId, match="abandoned"):
            office.store.exports.finish(export.id, "0" * 64, 1, "chen")
    finally:
        office.store.close(clean=False)


def proven(office: Office, export: Export) -> list[str]:
    """Origins of the leaves that an export cites, each of which its head proves."""
    found, heads = contents(office, export).cameras["lobby"], office.store.exports.heads(export)
    origins = []
    for cited in office.store.exports.cited(heads, [*(one.leaf for one in found.segments), export.leaf or 0]):
        head = next(one for one in heads if cited.entry.number in one.leaves)
        index = cited.entry.number - head.generation.first
        assert tree.included(cited.entry.hash, index, head.size, cited.path, head.root)
        origins.append(cited.origin)
    return origins


def test_leaves_of_an_earlier_generation_are_proven_by_what_the_next_one_names(office: Office) -> None:
    begun = recorded(office, 2)
    before = office.store.ledger.leaves.covered()[-1].generation.origin
    renew(office.store, "chen", "a new key", new_key=True)
    office.segment("lobby")
    after = office.store.ledger.leaves.covered()[-1].generation.origin
    assert proven(office, begin(office, order(office, begun))) == [before, before, after, after]


def test_what_no_head_covers_is_told_anew(office: Office) -> None:
    """As after an upgrade, or where the database was lost before its last leaves were signed."""
    begun = recorded(office, 2)
    database = office.store.exports._database
    database.submit(lambda db: db.execute("UPDATE segments SET leaf = NULL WHERE seq = 1")).result()
    export = begin(office, order(office, begun))
    first, second = contents(office, export).cameras["lobby"].segments
    assert first.leaf > second.leaf
    assert (first.parts, second.parts is None) == (None, False), "so its file leaves whole"
    assert len(proven(office, export)) == 3


def test_only_so_many_at_a_time(office: Office) -> None:
    begun = recorded(office)
    open_ones = [begin(office, order(office, begun)) for _ in range(EXPORTS_MAX)]
    with pytest.raises(OrderRefused, match="under way already"):
        begin(office, order(office, begun))
    office.store.exports.abandon(open_ones[0].id, 0, "chen")
    for one in (open_ones[0].id, open_ones[1].id):
        looked_for_nowhere = exports_table.fingerprint(cast("Connection", None), office.store.exports.on_record(one))
        assert looked_for_nowhere is None
    done = office.store.exports.finish(open_ones[1].id, "ab" * 32, 7, "chen")
    assert office.store.exports.fingerprint(done.id) == "ab" * 32
    assert done.state is ExportState.FINISHED
    assert office.store.exports.finish(open_ones[1].id, "ab" * 32, 7, "chen").state is ExportState.FINISHED
    begin(office, order(office, begun))
    told = [(one["event"], one.get("manifest"), one["bytes"]) for one in copies(office)]
    assert told[EXPORTS_MAX : EXPORTS_MAX + 2] == [("abandoned", None, 0), ("finished", "ab" * 32, 7)]
    assert len(told) == EXPORTS_MAX + 3


@pytest.mark.parametrize(
    ("step", "events"),
    [
        (Failpoint.EXPORT_HELD, []),
        (Failpoint.EXPORT_BEGUN, ["begun"]),
        (Failpoint.EXPORT_FINISHED, ["begun", "finished"]),
        (Failpoint.EXPORT_ABANDONED, ["begun", "abandoned"]),
    ],
)
def test_killed_at_any_step_rows_and_leaves_agree_and_nothing_is_held_for_ever(
    office: Office, step: Failpoint, events: list[str]
) -> None:
    def kill(reached: Failpoint) -> None:
        if reached is step:
            raise Killed

    begun = recorded(office)
    exports = office.store.exports

    def go_through() -> None:
        export = begin(office, order(office, begun))
        if step is Failpoint.EXPORT_FINISHED:
            exports.finish(export.id, "0" * 64, 1, "chen")
        exports.abandon(export.id, 0, "chen")

    failpoints.arm(kill)
    with pytest.raises(Killed):
        go_through()
    failpoints.arm(None)
    office.crash()
    office.start()
    office.store.recover()
    office.store.sweep(lambda: POLICY)
    assert [one["event"] for one in copies(office)] == events
    lasting = [one for one in office.store.exports.latest() if one.state is ExportState.OPEN]
    assert len(lasting) == (events == ["begun"])
    assert office.store.ledger.verify(None, lambda _: None, Event()).findings.named == []
    for one in lasting:
        office.store.exports.abandon(one.id, 0, "chen")
    assert office.store.ring.explain("lobby", 1, POLICY).exports == ()


def test_nothing_is_begun_that_cannot_be_signed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = recorded(office)
    monkeypatch.setattr(office.store.ledger.head_signer, "signer", lambda: None)
    with pytest.raises(StoreError, match="cannot be signed"):
        begin(office, order(office, begun))
    assert copies(office) == []


# --- by a request for footage


def begin_viewing(office: Office, begun: int) -> Export:
    """As `begin`, of a copy that stays."""
    wanted = replace(order(office, begun), request=REQUEST, viewing=True)
    return office.store.exports.begin(wanted, POLICY.bounds, 1000, {})


def test_it_is_known_by_which_request_copies_are_made(office: Office) -> None:
    begun, exports = recorded(office), office.store.exports
    begin(office, order(office, begun))
    copy = begin(office, replace(order(office, begun), request=REQUEST))
    viewing = begin_viewing(office, begun)
    assert [one.id for one in exports.exports_of("115-0007")] == [copy.id, viewing.id]
    assert exports.exports_of("115-0008") == []
    office.crash()
    office.start()
    exports = office.store.exports
    assert exports.find(copy.id).order.request == REQUEST
    assert [one.order.viewing for one in exports.exports_of("115-0007")] == [False, True]
    told = [(one.get("office_request"), one.get("office_row"), one.get("viewing")) for one in copies(office)]
    assert told == [(None, None, None), ("115-0007", "P-public", None), ("115-0007", "P-public", True)]
    assert office.store.ledger.verify(None, lambda _: None, Event()).findings.named == []


def test_a_viewing_copy_is_laid_out_and_destroyed_and_leaves_nowhere(office: Office) -> None:
    begun, exports = recorded(office), office.store.exports
    viewing = begin_viewing(office, begun)
    assert office.store.ring.explain("lobby", 1, POLICY).exports == (viewing.id,)
    every: list[Callable[[], Export]] = [
        lambda: exports.find(viewing.id),
        lambda: exports.finish(viewing.id, "0" * 64, 1, "chen"),
        lambda: exports.abandon(viewing.id, 0, "chen"),
    ]
    for leaving in every:
        with pytest.raises(UnknownId, match="there is no export"):
            leaving()
    with pytest.raises(UnknownId, match="there is no export"):
        exports.laid(begin(office, order(office, begun)).id, 1)
    assert exports.laid(viewing.id, 77).state is ExportState.FINISHED
    assert office.store.ring.explain("lobby", 1, POLICY).exports != (viewing.id,)
    assert viewing.id not in [one.id for one in exports.latest()]
    assert [one.id for one in exports.viewed()] == [viewing.id]
    for _ in range(2):
        assert exports.end_viewing(viewing.id).destroyed
    assert exports.viewed() == []
    told = [(one["event"], one.get("bytes")) for one in copies(office) if one.get("viewing")]
    assert told == [("begun", 1000), ("finished", 77), ("destroyed", None)]
    assert all("who" not in one for one in copies(office) if one.get("viewing")), "nobody is named"


def test_one_that_was_never_laid_out_is_destroyed_all_the_same(office: Office) -> None:
    """Part of it may lie there: it holds for a day at most, and is looked for until somebody says that it is gone."""
    viewing = begin_viewing(office, recorded(office))
    month = Policy({"lobby": Bounds(60, 31 * 86_400)})
    office.clock.tick(LASTS_MS)
    office.store.sweep(lambda: month)
    assert [one.state for one in office.store.exports.viewed()] == [ExportState.ABANDONED]
    assert office.store.exports.end_viewing(viewing.id).destroyed
    assert [one["event"] for one in copies(office)] == ["begun", "abandoned", "destroyed"]
    begun = begin_viewing(office, office.segment("lobby").start.wall_ms)
    assert office.store.exports.end_viewing(begun.id).state is ExportState.ABANDONED
    assert office.store.ring.explain("lobby", 4, month).exports == ()
    assert [one["event"] for one in copies(office)][3:] == ["begun", "destroyed"]


def test_what_it_was_made_of_is_there_until_it_is_destroyed(office: Office) -> None:
    recorded(office)
    exports = office.store.exports
    assert exports.all_kept([("lobby", 1), ("lobby", 3)])
    assert not exports.all_kept([("lobby", 1), ("lobby", 9)])
    office.clock.tick(BOUNDS.ceiling_s * 1000)
    office.store.recover()
    office.store.sweep(lambda: POLICY)
    assert not exports.all_kept([("lobby", 1)])


def told_of(office: Office) -> list[tuple[object, ...]]:
    """All that leaves tell of exports by the request."""
    return [
        (one.id, one.state, replace(one.order, max_bytes=0), one.begun.wall_ms, one.leaf, one.destroyed, one.gone)
        for one in office.store.exports.exports_of("115-0007")
    ]


def test_a_lost_database_knows_again_what_was_copied_by_a_request(office: Office) -> None:
    """Nobody goes on with what was open: it is abandoned. A viewing copy is looked for until it is destroyed."""
    begun, exports = recorded(office), office.store.exports
    copied, open_one = (begin(office, replace(order(office, begun), request=REQUEST)) for _ in range(2))
    viewed, seen = (begin_viewing(office, begun) for _ in range(2))
    exports.finish(copied.id, "ab" * 32, 7, "chen")
    for one in (viewed, seen):
        exports.laid(one.id, 5)
    exports.end_viewing(seen.id)
    before = told_of(office)
    office.store.ledger.mirror_now()
    office.crash()
    for path in office.state.glob("edged.db*"):
        path.unlink()
    office.start()
    assert not office.store.ledger.rebuild().again
    after = told_of(office)
    assert after == [(*one[:1], ExportState.ABANDONED, *one[2:]) if one[0] == open_one.id else one for one in before]
    assert [one.id for one in office.store.exports.viewed()] == [viewed.id]
    assert office.store.ring.explain("lobby", 1, POLICY).exports == (), "it holds nothing"
    assert office.store.exports.end_viewing(viewed.id).destroyed
    with pytest.raises(UnknownId, match="abandoned"):
        office.store.exports.find(open_one.id)
