"""The mirror of the ledger: what goes with time, what is retired, what cannot be written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from storage.mirror import service
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


def unwritten(office: Office) -> Mapping[str, str]:
    return office.store.ledger.status().unwritten


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


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC])
def test_a_state_directory_that_cannot_be_opened_is_told_and_ends_no_round(
    office: Office, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    opened = os.open

    def refuse(path: str | Path, flags: int, *arguments: int, **named: int) -> int:
        if path == office.state:
            raise OSError(number, os.strerror(number))
        return opened(path, flags, *arguments, **named)

    office.clock.tick(SNAPSHOT_EVERY_MS)
    with monkeypatch.context() as planted:
        planted.setattr(os, "open", refuse)
        office.store.ledger.mirror_now()
    assert unwritten(office).keys() == {"state"}
    told = unwritten(office)["state"]
    assert str(office.state) in told
    assert os.strerror(number) in told
    office.clock.tick(SNAPSHOT_EVERY_MS)
    office.store.ledger.mirror_now()
    assert unwritten(office) == {}


def test_whatever_befalls_a_round_the_next_one_comes(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as planted:
        planted.setattr(service.LedgerMirror, "_list", lambda _: (_ for _ in ()).throw(TimeoutError("the database")))
        office.store.ledger.mirror_now()
    assert "the database" in unwritten(office)[""]
    office.store.ledger.mirror_now()
    assert unwritten(office) == {}
