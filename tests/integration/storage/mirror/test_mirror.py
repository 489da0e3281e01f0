"""The mirror of the ledger: what goes with time, what is retired, what cannot be written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.mirror.service import KEEP_S, PRUNE_EVERY_MS, SNAPSHOT_EVERY_MS
from storage.words.model import Bounds
from tests.support.office import DEADLINE_S, Office

DAY_MS = 86_400_000


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path)
    yield opened
    opened.store.close()


def days(office: Office) -> list[str]:
    return sorted(path.name for path in (office.disk / ".ledger").glob("*.jsonl"))


def test_a_day_goes_when_nobody_can_need_it_and_never_by_the_wall_clock(office: Office) -> None:
    office.enrol("door")
    office.segment("door", bounds=Bounds(0, 86_400))
    office.store.ledger.mirror_now()
    (first,) = days(office)
    office.clock.step_wall(50 * 365 * DAY_MS)
    office.clock.tick(PRUNE_EVERY_MS)
    office.segment("door", bounds=Bounds(0, 86_400))
    office.store.ledger.mirror_now()
    assert days(office)[0] == first, "fifty years on the wall, one day by running time"
    office.clock.tick((KEEP_S + 86_400) * 1000)
    office.store.heartbeat().result(DEADLINE_S)
    office.segment("door", bounds=Bounds(0, 86_400))
    office.store.ledger.mirror_now()
    assert first not in days(office)
    assert days(office), "the present day stays"


def test_the_head_is_written_now_and_then_and_all_or_nothing(office: Office) -> None:
    office.store.ledger.mirror_now()
    head = office.disk / ".ledger" / "head.json"
    before = head.read_bytes()
    office.enrol("door")
    office.store.ledger.mirror_now()
    assert head.read_bytes() == before
    office.clock.tick(SNAPSHOT_EVERY_MS)
    office.store.ledger.mirror_now()
    assert b'"door"' in head.read_bytes()
    assert not head.with_name("head.json.new").exists()
    assert (office.state / "edged.head.json").read_bytes() == head.read_bytes()
    assert os.stat(head).st_mode & 0o007 == 0, "nothing for others"  # noqa: PTH116


def test_a_mirror_that_cannot_be_written_is_tried_again_and_holds_up_nothing(office: Office) -> None:
    office.enrol("door")
    office.store.ledger.mirror_now()
    (today,) = days(office)
    aside = office.disk / ".ledger" / today
    aside.rename(aside.with_suffix(".kept"))
    aside.mkdir()
    office.segment("door")
    office.store.ledger.mirror_now()
    aside.rmdir()
    aside.with_suffix(".kept").rename(aside)
    office.store.ledger.mirror_now()
    assert b'"segment"' in aside.read_bytes()
